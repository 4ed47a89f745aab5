#ifndef ENGINE_CALL_H
#define ENGINE_CALL_H

/*
 * One model call done right: the attempt machine.
 *
 *   attempt -> waiting for the head -> 2xx: holding back until the first byte of content
 *                                   |        -> committed: relaying -> end
 *                                   -> else: collecting the error -> next attempt, or the answer
 *
 * Another attempt may start only while nothing has been given to the owner: a refused key moves on
 * to the provider's next key, any other failure that another place may not have moves on to the
 * next target. After the first byte it never switches: a failure then ends the call as broken.
 *
 * The bytes of the answer are relayed unchanged, except for what weir asked for and the client did
 * not (the usage chunk), or translated where the target speaks another dialect than the client. A
 * target that cannot be told all that must not be dropped is an attempt that failed: the next one
 * may do better. Everything learnt goes into the trace, which the owner submits.
 *
 * Ownership: the owner keeps body, facts, head, settings and trace alive until the call has ended
 * (on_end, on_broken, on_failed) or was cancelled; after that the pointer is dead.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/str.h"
#include "engine/admission.h"
#include "engine/engine.h"
#include "engine/outcome.h"
#include "engine/settings.h"
#include "llm/request.h"
#include "net/http1.h"
#include "store/trace.h"

/* Of a failed answer, kept for the client and the trace. */
#define CALL_ERROR_BODY_MAX (256u << 10)
#define CALL_HEADERS_MAX    64

struct call;

struct call_request {
    const struct settings *settings;
    const struct route_info *route;
    const struct http_head *client_head;
    struct str path, query;
    struct str body;
    const struct request_facts *facts;     /* NULL on pass-through routes */
    const struct settings_model *model;    /* NULL on pass-through routes */
    const struct settings_target *targets; /* each serves or translates the route; at least one */
    size_t target_count;
    bool key_is_pinned; /* the only target must be called with this key of its provider */
    int pinned_key;     /* index; -1 = without a key */
    struct trace *trace;
    struct admission *admission; /* taken for targets[0]; settled when the call ends. NULL: none */
    int64_t started_us;          /* clock_mono_us of the request's first byte */
};

struct call_answer {
    int status;
    const struct http_header *headers;
    size_t header_count;
    int64_t content_length; /* -1 = unknown */
    bool stream;
};

struct call_failure {
    enum outcome outcome;
    const char *message;     /* for the client: whose fault, what, what to do */
    int64_t sequence_number; /* of a responses stream, for its error event */
    bool event_open;   /* part of an event is out: an error event can no longer be understood */
    bool told;         /* the error event is out already */
    const char *param; /* the field of the request that it is about, or NULL */
};

struct call_events {
    /* The point of no return: nothing is retried after this. */
    void (*on_head)(void *ctx, const struct call_answer *answer);
    void (*on_bytes)(void *ctx, struct str bytes);
    /* More has come by on_bytes and the call goes on: the time to flush. */
    void (*on_turn)(void *ctx);
    void (*on_end)(void *ctx);
    /* Before on_head: every attempt failed and no provider's answer is there to pass on. */
    void (*on_failed)(void *ctx, const struct call_failure *failure);
    /* After on_head. */
    void (*on_broken)(void *ctx, const struct call_failure *failure);
};

/* Does not call back before it returns. */
struct call *call_start(struct engine *engine, const struct call_request *request,
                        const struct call_events *events, void *ctx);
/* The owner does not want it any more: the provider's connection is closed at once and the trace
 * says in which phase. */
void call_cancel(struct call *call);
/* For engine/engine.h: frees a call that has ended. */
void call_discard(struct call *call);
/* Back-pressure: stop and go on reading from the provider. */
void call_pause(struct call *call);
void call_resume(struct call *call);

#endif
