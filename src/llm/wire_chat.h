#ifndef LLM_WIRE_CHAT_H
#define LLM_WIRE_CHAT_H

/*
 * OpenAI's Chat Completions, as clients send them and as the many compatible servers answer:
 *
 *   wire_chat_read.c       a request's members      wire_chat_messages.c  its messages
 *   wire_chat_write.c      the same, written        wire_chat_history.c   its messages, written
 *   wire_chat_parts.c      what messages of requests and answers have in common
 *   wire_chat_answer.c     whole answers
 *   wire_chat_reader.c     streams in               wire_chat_writer.c    streams out
 *
 * Thoughts: servers tell them as `reasoning_content` or `reasoning`, some with `reasoning_details`
 * (a list in which seals and sealed thoughts have a place). weir reads all of it and writes
 * `reasoning_content` and, where there is a seal, `reasoning_details`; a client that gives back
 * what it got gives back everything.
 *
 * One answer only: n above 1 is refused when written, and choices behind the first are not read.
 */
#include "llm/wire.h"
#include "llm/wire_json.h"
#include "llm/wire_openai.h"

/* Parts of one message; room is known before they are added. */
struct wire_chat_parts {
    struct message_part *all;
    size_t count, room;
};

void wire_chat_parts_init(struct wire_chat_parts *parts, struct arena *arena, size_t room);
struct message_part *wire_chat_parts_add(struct wire_chat_parts *parts,
                                         enum message_part_kind kind);
/* Parts that a message of a request or answer can have. */
size_t wire_chat_parts_count(yyjson_val *message);

/* `content`, string or list. `lenient`: unknown kinds of parts are skipped, not refused. */
MUST_CHECK int wire_chat_read_content(const struct wire_at *at, yyjson_val *message, bool lenient,
                                      struct wire_chat_parts *parts);
/* Of the assistant, in this order: thoughts, content, refusal, annotations, calls. `turn` makes the
 * ids of calls that have none. */
MUST_CHECK int wire_chat_read_assistant(const struct wire_at *at, yyjson_val *message, bool lenient,
                                        size_t turn, struct wire_chat_parts *parts);

/* The text in which a server without details tells its thoughts; empty when there is none. */
struct str wire_chat_thought(yyjson_val *message);

/* [{...}] of a list's THINKING parts. */
void wire_chat_put_details(struct buf *out, const struct message_part *parts, size_t count);
/* One detail: `text` and `seal` may be empty. */
void wire_chat_put_detail(struct buf *out, size_t index, const struct message_part *thought);
/* [{...}] of a list's CALL parts, without the brackets: {"id","type","function"}. */
void wire_chat_put_call(struct buf *out, const struct message_part *call);
/* "type":"url_citation",... without the brackets; see wire_openai_put_citation. */
void wire_chat_put_citation(struct buf *out, const struct message_citation *citation, size_t base,
                            size_t to);
/* {...} of a usage. */
void wire_chat_put_usage(struct buf *out, const struct usage *usage);

const char *wire_chat_finish_name(enum message_finish finish, bool legacy_calls);
enum message_finish wire_chat_finish(struct str name, bool has_calls);

/* The functions of struct wire. */
int wire_chat_read_request(struct str body, struct message_notes *notes,
                           struct message_request *ret_request, struct error *err);
int wire_chat_read_messages(const struct wire_at *at, yyjson_val *body, struct message_request *r);
int wire_chat_write_request(const struct message_request *request, const struct wire_target *target,
                            struct message_notes *notes, struct buf *out, struct error *err);
int wire_chat_write_messages(const struct message_request *request,
                             const struct wire_target *target, struct message_notes *notes,
                             struct buf *out, struct error *err);
void wire_chat_write_answer(const struct message_answer *answer, const struct wire_asked *asked,
                            struct buf *out);
int wire_chat_read_answer(struct str body, struct arena *arena, struct message_answer *ret_answer,
                          struct error *err);
struct wire_reader *wire_chat_reader_new(void);
void wire_chat_reader_free(struct wire_reader *reader);
int wire_chat_read_event(struct wire_reader *reader, struct str event, struct str data,
                         const struct wire_sink *sink);
int wire_chat_read_end(struct wire_reader *reader, const struct wire_sink *sink);
struct wire_writer *wire_chat_writer_new(const struct wire_asked *asked);
void wire_chat_writer_free(struct wire_writer *writer);
int wire_chat_write_delta(struct wire_writer *writer, const struct message_delta *delta,
                          struct buf *out);

#endif
