#ifndef ENGINE_RELAY_H
#define ENGINE_RELAY_H

/*
 * An answer on its way through: bytes in from the provider, bytes out for the client, and what can
 * be learnt from them in passing. No I/O; how the bytes are cut changes nothing.
 *
 * Streams: without anything to edit, bytes go out as they came, incomplete events included. Where
 * weir asked for usage and the client did not (strip_usage), an incomplete event is held until it
 * is whole, because it may have to be edited. An event above RELAY_EVENT_BYTES_MAX cannot be a
 * usage chunk: from there on the stream passes unread and `blind` is set.
 *
 * Whole answers pass as they came. What the owner takes before the end is kept (to
 * RELAY_WHOLE_BYTES_MAX), because it is the whole that is read; most come at once.
 *
 * Translated answers: each whole event goes out as the client's events; a whole answer is held and
 * goes out at the end. Nothing of the provider's own bytes passes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"
#include "llm/answer.h"
#include "llm/provider.h"
#include "llm/translate.h"
#include "net/sse.h"

#define RELAY_EVENT_BYTES_MAX (16u << 20)
#define RELAY_WHOLE_BYTES_MAX (64u << 20)
#define RELAY_OUT_BYTES_MAX   (64u << 20)

struct relay_options {
    const struct provider *dialect;
    enum route route;
    bool stream;
    bool strip_usage;
    bool readable; /* false: a pass-through route or an encoded body; bytes pass unread */
    struct translate *translate; /* NULL = the client speaks the provider's dialect; borrowed */
};

struct relay {
    /* may be read */
    struct answer_facts facts;
    struct buf out;  /* for the client; see relay_taken */
    int64_t events;  /* whole events seen */
    bool blind;      /* too much to read: facts are incomplete */
    bool event_open; /* part of an event has gone out */
    bool stream;
    bool readable;
    /* private */
    const struct provider *dialect;
    enum route route;
    bool strip_usage;
    struct translate *translate;
    struct sse sse;
    struct buf whole;
    struct buf replacement;
};

void relay_init(struct relay *r, const struct relay_options *options);
void relay_release(struct relay *r);
/* The owner has given `out` to the client. */
void relay_taken(struct relay *r);
/* ERR_LIMIT when `out` is full: the owner did not take it; or when an answer that has to be
 * translated is too large to be held. */
MUST_CHECK int relay_push(struct relay *r, struct str bytes);
/* The answer is whole, or will get no further: what was held goes out (`complete`) or is dropped,
 * and a whole answer is read, and translated: ERR_INVALID when it is not what the provider's API
 * answers, ERR_LIMIT. */
MUST_CHECK int relay_finish(struct relay *r, bool complete, struct error *err);
/* All bytes have come, and not the stream's last event: it looks whole to HTTP and is not. */
bool relay_is_cut(const struct relay *r);

#endif
