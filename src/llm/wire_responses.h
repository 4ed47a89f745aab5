#ifndef LLM_WIRE_RESPONSES_H
#define LLM_WIRE_RESPONSES_H

/*
 * OpenAI's Responses API on the client's side, without state: what refers to something that a
 * provider keeps (previous_response_id, conversation, background, item references, stored prompts,
 * hosted tools) is refused, `store` is named as dropped when it is asked for.
 *
 *   wire_responses_read.c    a request's members     wire_responses_input.c   its items
 *   wire_responses_object.c  the response object and its items; whole answers
 *   wire_responses_writer.c  streams
 *
 * Thoughts are reasoning items: their text is the summary, their seal encrypted_content. A thought
 * that exists in its sealed form only has SEALED_MARK before its seal, so that it is known for what
 * it is when the client gives it back.
 */
#include "llm/wire.h"
#include "llm/wire_json.h"
#include "llm/wire_openai.h"

#define WIRE_RESPONSES_SEALED_MARK "sealed."

/* --- reading ----------------------------------------------------------------------------- */

int wire_responses_read_request(struct str body, struct message_notes *notes,
                                struct message_request *ret_request, struct error *err);
/* `instructions` and `input`. */
MUST_CHECK int wire_responses_read_input(const struct wire_at *at, yyjson_val *body,
                                         struct message_request *r);

/* --- writing ----------------------------------------------------------------------------- */

/* Members that a response repeats from its request, as they stand in the client's body. */
#define WIRE_RESPONSES_REPEATED_MAX 16

struct wire_responses_repeated {
    struct str values[WIRE_RESPONSES_REPEATED_MAX]; /* views into the body; empty = not given */
};

void wire_responses_repeat(struct str body, struct wire_responses_repeated *ret_repeated);

/* What a response says of itself. */
struct wire_responses_head {
    const struct wire_asked *asked;
    const struct wire_responses_repeated *repeated;
    struct str id, model, service_tier;
    int64_t created_s;
    const char *status;     /* "in_progress", "completed", "incomplete", "failed" */
    const char *incomplete; /* the reason, or NULL */
    const char *error_code; /* or NULL */
    struct str error_message;
    const struct usage *usage; /* or NULL */
};

/* {... up to its output's opening bracket, and from its closing bracket on. */
void wire_responses_put_head(struct buf *out, const struct wire_responses_head *head);
void wire_responses_put_tail(struct buf *out, const struct wire_responses_head *head);

/* "PREFIX_ID_N": the identity of an item. */
void wire_responses_put_item_id(struct buf *out, const char *prefix, struct str response_id,
                                size_t n);
/* The identity of the response without "resp_": the provider's, or weir's own. */
struct str wire_responses_base_id(struct str given, struct str own);

/* {"type":"output_text",...}; `annotations`: the elements of the array. */
void wire_responses_put_text(struct buf *out, struct str text, struct str annotations);
void wire_responses_put_refusal(struct buf *out, struct str text);
/* "type":"url_citation",... */
void wire_responses_put_citation(struct buf *out, const struct message_citation *citation,
                                 size_t chars);
/* "summary":[...] and what follows in a reasoning item. */
void wire_responses_put_thought(struct buf *out, struct str text, struct str seal, bool redacted);

/* Completed, or the reason why not. */
const char *wire_responses_incomplete(enum message_finish finish);

void wire_responses_write_answer(const struct message_answer *answer,
                                 const struct wire_asked *asked, struct buf *out);
struct wire_writer *wire_responses_writer_new(const struct wire_asked *asked);
void wire_responses_writer_free(struct wire_writer *writer);
int wire_responses_write_delta(struct wire_writer *writer, const struct message_delta *delta,
                               struct buf *out);

#endif
