#ifndef LLM_TRANSLATE_H
#define LLM_TRANSLATE_H

/*
 * Translation: a client that speaks one wire (wire.h) and a provider that speaks another. No I/O,
 * no state beyond one answer; how the bytes of an answer are cut changes nothing.
 *
 *   request   client's body  -> message_request -> provider's body      once per target
 *   answer    provider's body -> message_answer -> client's body
 *   stream    provider's event -> deltas -> client's events
 *
 * A provider that answers a streamed request with one whole body is understood: the body is told
 * to the client as a stream.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/attr.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"
#include "llm/message.h"
#include "llm/wire.h"

/* A client's request, read once and written for as many targets as are tried. */
struct translate_request {
    const struct wire *client;
    struct message_request request;
    struct message_notes read; /* what the reader had to drop */
    struct str body;
};

/* `arena` and `body` must outlive it; `target` says for messages whom it is
 * read for. On failure `read.refused` may name a field; the rest holds nothing. ERR_INVALID: the
 * body is not what the client's API allows. */
MUST_CHECK int translate_request_read(const struct wire *client, struct str body,
                                      const char *target, struct arena *arena,
                                      struct translate_request *ret_request, struct error *err);
/* Writes it for a target. `notes` is set up by the caller with the target's policy; it holds what
 * was dropped afterwards, the reader's drops included. ERR_INVALID: something cannot be expressed
 * (notes->refused names it); ERR_LIMIT: `out` is full. */
MUST_CHECK int translate_request_write(const struct translate_request *r,
                                       const struct wire *provider,
                                       const struct wire_target *target,
                                       struct message_notes *notes, struct buf *out,
                                       struct error *err);

/* An answer on its way back. */
struct translate {
    /* private */
    const struct wire *client, *provider;
    struct wire_asked asked;
    struct wire_reader *reader;
    struct wire_writer *writer;
    struct buf *out;
    bool over; /* END or FAIL was written */
};

/* `request` must outlive it. `id`, `created_s`: for what a provider leaves out. */
void translate_init(struct translate *t, const struct translate_request *request,
                    const struct wire *provider, struct str id, int64_t created_s);
void translate_release(struct translate *t);

/* One event of the provider's stream; the client's events are appended to `out`. ERR_LIMIT. */
MUST_CHECK int translate_event(struct translate *t, struct str event, struct str data,
                               struct buf *out);
/* The stream is over. */
MUST_CHECK int translate_end(struct translate *t, struct buf *out);
/* A whole body: written whole, or as a stream when the client asked for one. ERR_INVALID when it is
 * not what the provider's API answers. */
MUST_CHECK int translate_answer(struct translate *t, struct str body, struct arena *arena,
                                struct buf *out, struct error *err);
/* weir's own words about an answer that broke off, as an event of the client's stream; nothing when
 * the stream had ended. */
MUST_CHECK int translate_fail(struct translate *t, const char *type, struct str message,
                              struct buf *out);

#endif
