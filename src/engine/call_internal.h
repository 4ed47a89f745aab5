#ifndef ENGINE_CALL_INTERNAL_H
#define ENGINE_CALL_INTERNAL_H

/*
 * A call's state, and the two halves of its machine: call.c drives attempts, call_end.c tells the
 * owner and the trace how it went. For these two files only.
 */
#include "core/clock.h"
#include "engine/call.h"
#include "engine/relay.h"
#include "engine/rewrite.h"
#include "net/timer.h"

enum call_state {
    CALL_ASKING = 0, /* up to the head of the answer */
    CALL_REFUSED,    /* a failed answer's body is being collected */
    CALL_HOLDING,    /* 2xx, no content yet: could still go elsewhere */
    CALL_COMMITTED
};

struct call {
    struct engine *engine;
    struct call_request request;
    const struct call_events *events;
    void *ctx;
    enum call_state state;

    size_t target_at;
    uint32_t keys_tried; /* of the current target's provider */
    int key_index;
    uint64_t client_id;
    struct buf head;   /* request head of this attempt */
    struct buf edited; /* body of this attempt, when it differs */
    struct rewrite rewrite;
    const struct wire *wire;      /* this attempt is translated to it; NULL = it is not */
    char param[MESSAGE_NOTE_MAX]; /* what no target could be told */
    struct timer hopeless;        /* says so once call_start has returned */
    int64_t attempt_started_us;
    struct timer end_timer; /* answer_timeout of this attempt */

    struct arena arena; /* answer head of this attempt */
    struct call_answer answer;
    struct http_header *headers; /* of the answer, with room for HEADER_TRANSLATED_MORE */
    struct relay relay;
    struct translate translate; /* while relaying, when the target speaks another dialect */
    bool relaying;
    struct buf error_body;
    enum outcome outcome; /* of the last attempt */
    char text[ERROR_TEXT_MAX];

    struct buf attempts; /* JSON for the trace */
    bool sent;
    bool accepted;
};

static inline int64_t call_since_start(const struct call *c)
{
    return clock_mono_us() - c->request.started_us;
}

static inline const struct settings_target *call_target(const struct call *c)
{
    return &c->request.targets[c->target_at];
}

static inline const struct settings_api_key *call_key(const struct call *c)
{
    return c->key_index < 0 ? NULL : &call_target(c)->provider->api_keys[c->key_index];
}

/* The call is over and its owner knows; its memory goes to the next one. */
void call_release(struct call *c);

/* ---- call_end.c ---- */

/* The attempt that has just ended, into the trace's list. */
void call_note_attempt(struct call *c);
/* The request went out, and no answer says that it costs nothing. */
bool call_may_be_billed(const struct call *c);
void call_finish_trace(struct call *c);
/* More of the answer has gone to the client. */
void call_capture(struct call *c, struct str bytes);
/* Headers about the provider's own bytes give way to those of what the client gets. */
void call_translate_headers(struct call *c);
/* A provider's key must not come back out through what it says of a failure. */
void call_scrub(const struct call *c, struct buf *bytes);
/* The same for a failure that is told within an answer whose status was fine. */
void call_scrub_told(struct call *c);

/* The ends: each tells the owner and releases the call. */
void call_end_fine(struct call *c);
void call_end_broken(struct call *c);
void call_end_failed(struct call *c);
/* The last provider's refusal is the answer. */
void call_deliver_refusal(struct call *c);

#endif
