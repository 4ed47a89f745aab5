#include "net/client.h"

#include "core/mem.h"
#include "net/client_pool.h"
#include "net/loop.h"
#include "net/resolve.h"
#include "net/timer.h"
#include "net/tls.h"

/* What is collected before the socket gets it; the last frame may go beyond. */
#define SCRATCH_BYTES_MAX (256u << 10)
/* On a connection whose limit is not known yet. */
#define STREAMS_EXPECTED 100

/* ---- ids ---- */

struct client_call *client_call_find(const struct client *c, uint64_t id)
{
    uint32_t index = (uint32_t)id;
    if (index >= c->slot_count || c->slots[index].generation != id >> 32) {
        return NULL;
    }
    return c->slots[index].call;
}

static void call_register(struct client *c, struct client_call *call)
{
    if (c->free_slot == 0 && c->slot_count == c->slot_cap) {
        c->slot_cap = c->slot_cap ? 2 * c->slot_cap : 64;
        c->slots = x_realloc(c->slots, c->slot_cap * sizeof(*c->slots));
    }
    uint32_t index = c->free_slot;
    if (index != 0) {
        c->free_slot = c->slots[index].next_free;
    } else {
        if (c->slot_count == 0) {
            c->slots[c->slot_count++] = (struct client_slot){0}; /* index 0 means none */
        }
        index = c->slot_count++;
        c->slots[index].generation = 0;
    }
    struct client_slot *slot = &c->slots[index];
    slot->generation++;
    slot->call = call;
    call->id = (uint64_t)slot->generation << 32 | index;
    c->call_count++;
}

/* ---- the end of calls and origins ---- */

void client_origin_release(struct client_origin *o)
{
    if (!o->closing || o->conn_count > 0 || o->call_count > 0) {
        return;
    }
    if (o->prev) {
        o->prev->next = o->next;
    } else {
        o->client->origins = o->next;
    }
    if (o->next) {
        o->next->prev = o->prev;
    }
    tls_context_unref(o->options.tls);
    tls_memory_unref(o->tls_memory);
    x_free((char *)o->options.host);
    x_free((char *)o->options.proxy_host);
    x_free((char *)o->options.proxy_authorization);
    x_free(o);
}

static void waiting_remove(struct client_call *call)
{
    struct client_origin *o = call->origin;
    if (!call->queued) {
        return;
    }
    call->queued = false;
    if (call->prev) {
        call->prev->next = call->next;
    } else {
        o->waiting_first = call->next;
    }
    if (call->next) {
        call->next->prev = call->prev;
    } else {
        o->waiting_last = call->prev;
    }
    o->waiting_count--;
}

/* Its id is unknown from here on. */
static void call_forget(struct client_call *call)
{
    struct client *c = call->origin->client;
    uint32_t index = (uint32_t)call->id;

    timer_cancel(&call->timer);
    waiting_remove(call);
    c->slots[index].call = NULL;
    c->slots[index].generation++;
    c->slots[index].next_free = c->free_slot;
    c->free_slot = index;
    c->call_count--;
    call->id = 0;
}

void client_call_free(struct client_call *call)
{
    struct client_origin *o = call->origin;
    if (call->id != 0) {
        call_forget(call);
    }
    o->call_count--;
    x_free(call);
    client_origin_release(o);
}

void client_call_fail(struct client_call *call, enum err code, const char *text)
{
    const struct client_events *events = call->events;
    void *ctx = call->ctx;
    enum client_phase phase = call->phase;
    struct error why;

    error_set(&why, code, "%s", text);
    call_forget(call); /* giving up its connection may call back owners, who know the id */
    if (call->conn) {
        client_conn_drop(call->conn, call);
    }
    client_call_free(call);
    events->on_fail(ctx, &why, phase);
}

void client_call_fail_later(struct client_call *call, enum err code, const char *text)
{
    error_set(&call->failure, code, "%s", text);
    timer_set(&call->timer, 0);
}

static void call_timer(void *arg)
{
    static const char *const texts[] = {
        [CLIENT_WAITING] = "no connection became free in time",
        [CLIENT_CONNECTING] = "connecting took too long",
        [CLIENT_SENT] = "the provider did not begin to answer in time",
        [CLIENT_BODY] = "the provider stopped in the middle of its answer",
    };
    struct client_call *call = arg;
    if (call->failure.code != ERR_OK) {
        struct error failure = call->failure;
        client_call_fail(call, failure.code, failure.text);
        return;
    }
    client_call_fail(call, ERR_TIMEOUT, texts[call->phase]);
}

void client_call_arm(struct client_call *call, int64_t timeout_ms)
{
    if (timeout_ms > 0) {
        timer_set(&call->timer, timeout_ms);
    } else {
        timer_cancel(&call->timer);
    }
}

/* ---- the queue ---- */

static void queue_put(struct client_call *call, bool in_front)
{
    struct client_origin *o = call->origin;
    call->queued = true;
    call->prev = in_front ? NULL : o->waiting_last;
    call->next = in_front ? o->waiting_first : NULL;
    *(call->prev ? &call->prev->next : &o->waiting_first) = call;
    *(call->next ? &call->next->prev : &o->waiting_last) = call;
    o->waiting_count++;
}

void client_call_retry(struct client_call *call)
{
    call->phase = CLIENT_WAITING;
    call->paused = false; /* there is nothing to hold back yet */
    client_call_arm(call, call->origin->options.connect_timeout_ms);
    queue_put(call, true);
}

/* With HTTP/1.1 as many as there are calls. With HTTP/2 one on its way will carry many; and before
 * it is known which of them, one must find out. */
static bool may_open(const struct client_origin *o)
{
    bool maybe_many = o->options.http2 == CLIENT_HTTP2_PRIOR ||
                      (o->options.http2 == CLIENT_HTTP2_AUTO && o->options.tls);
    if (o->conn_count >= o->options.connections_max) {
        return false;
    }
    if (!maybe_many || o->carries_one || o->opening_count == 0) {
        return true;
    }
    return o->carries_many && o->waiting_count > o->opening_count * STREAMS_EXPECTED;
}

void client_origin_serve(struct client_origin *o)
{
    while (o->waiting_first) {
        struct client_call *call = o->waiting_first;
        struct client_conn *conn = o->open;
        if (conn && (!call->wants_fresh || o->conn_count >= o->options.connections_max)) {
            waiting_remove(call);
            conn->protocol->send(conn, call);
        } else if (may_open(o)) {
            waiting_remove(call);
            client_conn_open(o, call);
        } else {
            break;
        }
    }
}

/* ---- public ---- */

struct client *client_new(struct loop *loop)
{
    struct client *c = x_calloc(1, sizeof(*c));
    c->loop = loop;
    c->resolve = resolve_new(loop);
    buf_init(&c->scratch, SCRATCH_BYTES_MAX);
    return c;
}

void client_free(struct client *c)
{
    if (!c) {
        return;
    }
    for (uint32_t i = 1; i < c->slot_count; i++) {
        if (c->slots[i].call) {
            client_cancel(c, c->slots[i].call->id);
        }
    }
    while (c->origins) {
        client_origin_close(c->origins);
    }
    resolve_free(c->resolve);
    buf_release(&c->scratch);
    x_free(c->slots);
    x_free(c);
}

struct client_origin *client_origin_open(struct client *client,
                                         const struct client_origin_options *options)
{
    struct client_origin *o = x_calloc(1, sizeof(*o));
    BUG_ON(options->connections_max == 0);
    o->client = client;
    o->options = *options;
    o->options.host = x_strdup(options->host);
    o->options.proxy_host = options->proxy_host ? x_strdup(options->proxy_host) : NULL;
    o->options.proxy_authorization =
        options->proxy_authorization ? x_strdup(options->proxy_authorization) : NULL;
    o->options.tls = options->tls ? tls_context_ref(options->tls) : NULL;
    o->tls_memory = options->tls ? tls_memory_new() : NULL;
    if (o->options.ping_ms == 0) {
        o->options.ping_ms = CLIENT_PING_MS;
    }
    o->next = client->origins;
    if (o->next) {
        o->next->prev = o;
    }
    client->origins = o;
    return o;
}

/* One that is within its callbacks sees for itself that the origin is closing. */
static struct client_conn *first_idle(const struct client_origin *o)
{
    struct client_conn *conn = o->conns;
    while (conn && (!conn->idle || conn->busy)) {
        conn = conn->next;
    }
    return conn;
}

void client_origin_close(struct client_origin *o)
{
    o->closing = true;
    o->call_count++; /* keeps it through the loop */
    struct client_conn *conn = NULL;
    while ((conn = first_idle(o)) != NULL) {
        conn->protocol->leave(conn);
    }
    o->call_count--;
    client_origin_release(o);
}

uint64_t client_start(struct client_origin *o, const struct client_request *request,
                      const struct client_events *events, void *ctx)
{
    struct client *c = o->client;
    struct client_call *call = x_calloc(1, sizeof(*call));

    BUG_ON(o->closing);
    call->origin = o;
    call->request = *request;
    call->events = events;
    call->ctx = ctx;
    o->call_count++;
    timer_init(&call->timer, c->loop, call_timer, call);
    call_register(c, call);
    uint64_t id = call->id;
    if (c->call_count > CLIENT_CALLS_MAX || o->waiting_count >= CLIENT_WAITING_MAX) {
        client_call_fail_later(call, ERR_BUSY, "too many calls wait for this provider");
        return id;
    }
    queue_put(call, false);
    client_call_arm(call, o->options.connect_timeout_ms);
    client_origin_serve(o);
    return id;
}

void client_cancel(struct client *c, uint64_t id)
{
    struct client_call *call = client_call_find(c, id);
    if (!call) {
        return;
    }
    call_forget(call);
    if (call->conn) {
        client_conn_drop(call->conn, call);
    }
    client_call_free(call);
}

void client_pause(struct client *c, uint64_t id)
{
    struct client_call *call = client_call_find(c, id);
    if (call && call->conn && call->phase >= CLIENT_SENT && !call->paused) {
        call->paused = true;
        timer_cancel(&call->timer);
        call->conn->protocol->pause(call->conn, call);
    }
}

void client_resume(struct client *c, uint64_t id)
{
    struct client_call *call = client_call_find(c, id);
    if (call && call->conn && call->paused) {
        call->paused = false;
        client_call_arm(call, call->request.idle_timeout_ms);
        call->conn->protocol->resume(call->conn, call);
    }
}

enum client_phase client_phase(const struct client *c, uint64_t id)
{
    const struct client_call *call = client_call_find(c, id);
    return call ? call->phase : CLIENT_WAITING;
}

void client_count(const struct client *c, struct client_counts *ret_counts)
{
    struct client_counts counts = {.calls = c->call_count};
    for (const struct client_origin *o = c->origins; o; o = o->next) {
        counts.connections += o->conn_count;
        counts.idle += o->idle_count;
        counts.waiting += o->waiting_count;
    }
    *ret_counts = counts;
}
