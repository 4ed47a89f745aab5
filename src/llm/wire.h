#ifndef LLM_WIRE_H
#define LLM_WIRE_H

/*
 * A wire: one API's requests, answers and streams, to and from message.h. translate.h puts two of
 * them together: the one the client speaks and the one the provider speaks.
 *
 * To add a wire: (1) write wire_<name>.c (and further files of that prefix) with one `const struct
 * wire`; functions that a wire has no use for are NULL (nobody calls weir in Gemini's dialect, so
 * it reads no requests); (2) add its row to wire_table in wire.c; (3) add its recorded bodies and
 * streams to tests/unit/llm/wire_<name>_test.c and its row to the property tests.
 *
 * Rules. Readers take what real servers and clients send, with limits; text that is not what the
 * API allows is ERR_INVALID with the field's name. Never dropped, always refused
 * (message_refuse): tools, a forced choice of tool, a JSON schema, images, n > 1, stop sequences,
 * state on the provider's side (previous_response_id, conversation, background, hosted tools).
 * What else the other side lacks is dropped by message_drop, so that a strict policy can refuse it.
 * Order of messages, parts and calls is kept; arguments of calls are never re-serialised.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/attr.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"
#include "llm/dialect.h"
#include "llm/message.h"
#include "llm/quirk.h"

/* Whom a request is written for. */
struct wire_target {
    struct str model;           /* the provider's name for it */
    int64_t default_max_output; /* where the API demands a maximum and the client gave none */
    const struct quirk *quirk;  /* never NULL */
    bool wants_usage;           /* ask for usage in streams, whoever asked */
};

/* What an answer is written for. */
struct wire_asked {
    const struct message_request *request;
    struct str body;   /* the client's own, for what an answer repeats */
    struct str id;     /* weir's id of the request: where the provider gave none */
    int64_t created_s; /* wall time: the same */
};

/* Takes the deltas of a reader. A failure (full buffer) stops the reader and is returned by it. */
struct wire_sink {
    int (*take)(void *ctx, const struct message_delta *delta);
    void *ctx;
};

struct wire_reader; /* state over one stream: each wire's own */
struct wire_writer;

struct wire {
    const char *name; /* "chat" */
    enum dialect dialect;
    enum route route; /* clients reach it here; ROUTE_NONE: they do not */

    /* The client's side. */
    int (*read_request)(struct str body, struct message_notes *notes,
                        struct message_request *ret_request, struct error *err);
    void (*write_answer)(const struct message_answer *answer, const struct wire_asked *asked,
                         struct buf *out);
    /* Deltas to the bytes of whole events. `asked` must outlive the writer. */
    struct wire_writer *(*writer_new)(const struct wire_asked *asked);
    void (*writer_free)(struct wire_writer *writer);
    int (*write_delta)(struct wire_writer *writer, const struct message_delta *delta,
                       struct buf *out);

    /* The provider's side. */
    int (*write_request)(const struct message_request *request, const struct wire_target *target,
                         struct message_notes *notes, struct buf *out, struct error *err);
    int (*read_answer)(struct str body, struct arena *arena, struct message_answer *ret_answer,
                       struct error *err);
    struct wire_reader *(*reader_new)(void);
    void (*reader_free)(struct wire_reader *reader);
    /* One event, as net/sse.h cuts it; views in the deltas are valid during `take` only. Broken
     * events are skipped, as the SDKs do; a failure told in the stream is a FAIL. */
    int (*read_event)(struct wire_reader *reader, struct str event, struct str data,
                      const struct wire_sink *sink);
    /* The stream is over (FAIL and END were not sent yet): closes what is open; END when the
     * provider had said that it was done, nothing when it broke off. */
    int (*read_end)(struct wire_reader *reader, const struct wire_sink *sink);
};

extern const struct wire wire_chat;
extern const struct wire wire_responses;
extern const struct wire wire_messages;
extern const struct wire wire_gemini;

/* Ends with NULL. */
extern const struct wire *const wire_table[];
/* The wire of a client's route, or NULL. */
const struct wire *wire_of_route(enum route route);

#endif
