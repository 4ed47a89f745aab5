#ifndef LLM_WIRE_MESSAGES_H
#define LLM_WIRE_MESSAGES_H

/*
 * The wire of Anthropic's Messages API, both sides: what its files share.
 *
 *   wire_messages.c         the wire; words of the API and what they mean here; small pieces
 *   wire_messages_read.c    requests of clients
 *   wire_messages_content.c their messages
 *   wire_messages_write.c   requests to providers
 *   wire_messages_turns.c   their messages
 *   wire_messages_answer.c  whole answers, both ways
 *   wire_messages_reader.c  streams of providers
 *   wire_messages_writer.c  streams to clients
 */
#include "core/json.h"
#include "llm/wire.h"
#include "llm/wire_json.h"

int wire_messages_read_request(struct str body, struct message_notes *notes,
                               struct message_request *ret_request, struct error *err);
int wire_messages_write_request(const struct message_request *request,
                                const struct wire_target *target, struct message_notes *notes,
                                struct buf *out, struct error *err);

int wire_messages_read_answer(struct str body, struct arena *arena,
                              struct message_answer *ret_answer, struct error *err);
void wire_messages_write_answer(const struct message_answer *answer, const struct wire_asked *asked,
                                struct buf *out);

struct wire_reader *wire_messages_reader_new(void);
void wire_messages_reader_free(struct wire_reader *reader);
int wire_messages_read_event(struct wire_reader *reader, struct str event, struct str data,
                             const struct wire_sink *sink);
int wire_messages_read_end(struct wire_reader *reader, const struct wire_sink *sink);

struct wire_writer *wire_messages_writer_new(const struct wire_asked *asked);
void wire_messages_writer_free(struct wire_writer *writer);
int wire_messages_write_delta(struct wire_writer *writer, const struct message_delta *delta,
                              struct buf *out);

/* --- requests that are read -------------------------------------------------------------- */

struct wire_messages_reading {
    struct message_notes *notes;
    struct message_request *request;
    struct json_tree tree;
    struct error *err;
};

/* `system` and `messages`. */
int wire_messages_read_messages(struct wire_messages_reading *r, const struct wire_at *at,
                                yyjson_val *root);
/* An object's bytes as they came. */
int wire_messages_get_raw(const struct wire_messages_reading *r, const struct wire_at *at,
                          yyjson_val *object, const char *key, struct str *ret_raw);
/* A string that must be there. */
int wire_messages_get_needed(const struct wire_at *at, yyjson_val *object, const char *key,
                             struct str *ret_value);
int wire_messages_read_cache(const struct wire_at *at, yyjson_val *object,
                             enum message_cache *ret_cache);

/* --- requests that are written ----------------------------------------------------------- */

enum wire_messages_thinks {
    THINKS_NOT = 0,
    THINKS_BY_BUDGET, /* thinking {enabled, budget_tokens} */
    THINKS_BY_EFFORT  /* thinking {adaptive} and output_config.effort */
};

/* temperature, top_p, top_k. */
enum wire_messages_sampling {
    SAMPLES_NOT = 0, /* takes none of them */
    SAMPLES_BY_ONE,  /* temperature or top_p */
    SAMPLES_BY_ALL,  /* both at once */
    SAMPLES_FREELY   /* and a temperature above 1 */
};

/* What a generation of models takes. */
struct wire_messages_family {
    const char *name;
    enum wire_messages_thinks thinks;
    bool schemas; /* takes output formats and strict tools */
    enum wire_messages_sampling sampling;
};

struct wire_messages_writing {
    const struct message_request *request;
    const struct wire_messages_family *family;
    struct message_notes *notes;
    struct buf *out;
    struct error *err;
    int64_t max_output;
    bool off;                        /* thinking is not wanted, and that was said */
    bool thinks;                     /* is asked for */
    int64_t budget;                  /* BY_BUDGET */
    enum message_effort effort;      /* BY_EFFORT; may be unset */
    const struct message_part *last; /* of an assistant who is to go on */
};

/* `system` and `messages`. */
int wire_messages_put_messages(struct wire_messages_writing *w);
void wire_messages_put_cache(struct buf *out, enum message_cache cache);
/* Is the signature another maker's? Anthropic refuses a request with one. */
bool wire_messages_is_foreign(struct str signature);

/* --- words ------------------------------------------------------------------------------- */

/* stop_reason: unknown ones mean that the answer is done, none that it is not known. */
enum message_finish wire_messages_finish(struct str stop_reason);
/* NULL for NONE. */
const char *wire_messages_stop_reason(enum message_finish finish);
/* Classes of service: in requests and in answers; empty when there is no such word. */
struct str wire_messages_tier_asked(struct str tier);
struct str wire_messages_tier_wanted(struct str tier);
struct str wire_messages_tier_given(struct str tier);
struct str wire_messages_tier_served(struct str tier);

/* --- pieces ------------------------------------------------------------------------------ */

/* The usage object. `final`: as in message_delta, which has totals only. */
void wire_messages_put_usage(struct buf *out, const struct usage *usage, struct str tier,
                             bool final);
/* A citation of a web page; one that names none is false and nothing. */
bool wire_messages_read_citation(yyjson_val *object, struct message_citation *ret_citation);
void wire_messages_put_citation(struct buf *out, const struct message_citation *citation);
/* An id for a call that came without one, made of the answer's id and the call's place. */
void wire_messages_put_call_id(struct buf *out, struct str id, struct str answer_id, size_t index);

#endif
