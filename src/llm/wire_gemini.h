#ifndef LLM_WIRE_GEMINI_H
#define LLM_WIRE_GEMINI_H

/*
 * The wire of Google's Gemini API (generateContent), the provider's side: what its files share.
 * Model and verb stand in the path of a call, which is not written here.
 *
 *   wire_gemini.c         the wire; words of the API; thoughts and their seals
 *   wire_gemini_write.c   requests
 *   wire_gemini_turns.c   their contents
 *   wire_gemini_answer.c  answers, whole and streamed: a stream is a row of partial answers
 *
 * Seals. A call of Gemini's newer models carries a thoughtSignature that the next request must give
 * back with it. No other API has a place for that, but those that know thinking carry sealed
 * thoughts. So a call's signature is told as a sealed THINKING in front of the call, with
 * the signature "gemini:<n>:<thoughtSignature>", n being the call's place among the calls of its
 * message; the Messages API shows it as redacted_thinking, Chat Completions in reasoning_details.
 * Whoever gives that back gives the seal back, and nothing is kept here. Clients that do not are
 * helped by the word that Google documents for calls that another model made
 * (WIRE_GEMINI_NO_SEAL). Thoughts that were shown are signed "gemini:-:": they came from here and
 * need not be given back.
 */
#include "core/json.h"
#include "llm/wire.h"

#define WIRE_GEMINI_NO_SEAL "skip_thought_signature_validator"

int wire_gemini_write_request(const struct message_request *request,
                              const struct wire_target *target, struct message_notes *notes,
                              struct buf *out, struct error *err);
int wire_gemini_read_answer(struct str body, struct arena *arena, struct message_answer *ret_answer,
                            struct error *err);
struct wire_reader *wire_gemini_reader_new(void);
void wire_gemini_reader_free(struct wire_reader *reader);
int wire_gemini_read_event(struct wire_reader *reader, struct str event, struct str data,
                           const struct wire_sink *sink);
int wire_gemini_read_end(struct wire_reader *reader, const struct wire_sink *sink);

/* --- words ------------------------------------------------------------------------------- */

/* What a finishReason means: failures are no finish. */
enum message_finish wire_gemini_finish(struct str reason, bool *ret_failed);
/* Classes of service, in the words of message.h and back; empty when there is no such word. */
struct str wire_gemini_tier_wanted(struct str tier);

/* The signature that stands for a call's, and for a thought's (`call` < 0). */
struct str wire_gemini_seal(struct arena *arena, int call, struct str signature);
/* Is it one of these? Then *ret_call is the call's place or -1, *ret_signature the rest. */
bool wire_gemini_unseal(struct str seal, int *ret_call, struct str *ret_signature);

/* --- models ------------------------------------------------------------------------------ */

/* How a generation of models is told to think. */
enum wire_gemini_thinks { GEMINI_THINKS_NOT = 0, GEMINI_THINKS_BY_BUDGET, GEMINI_THINKS_BY_LEVEL };

struct wire_gemini_family {
    const char *name;
    enum wire_gemini_thinks thinks;
    int64_t budget_min, budget_max; /* tokens; BY_BUDGET */
    bool can_rest;                  /* thinking can be switched off */
    bool minimal, medium;           /* levels beside LOW and HIGH; BY_LEVEL */
    bool sealed;                    /* calls must carry signatures */
};

const struct wire_gemini_family *wire_gemini_family(struct str model);

/* --- requests that are written ----------------------------------------------------------- */

struct wire_gemini_writing {
    const struct message_request *request;
    const struct wire_gemini_family *family;
    struct message_notes *notes;
    struct buf *out;
    struct error *err;
};

/* `systemInstruction` and `contents`. */
int wire_gemini_put_contents(struct wire_gemini_writing *w);

#endif
