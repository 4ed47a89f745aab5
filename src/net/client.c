#include "net/client.h"

#include "core/buf.h"
#include "core/mem.h"
#include "net/loop.h"
#include "net/resolve.h"
#include "net/sock.h"
#include "net/timer.h"
#include "net/tls.h"
#include "net/tunnel.h"

#define TUNNEL_HEAD_BYTES_MAX 4096

struct client_conn {
    struct client_origin *origin;
    struct sock *sock;
    struct http1 *parser;
    struct tunnel *tunnel; /* while the proxy is asked */
    struct client_call *call;
    struct resolve_answer addresses;
    size_t address_at;
    uint64_t resolve_id;
    struct timer idle_timer;
    bool tunnelled; /* the proxy has connected us */
    bool open;      /* ready for requests */
    bool idle;      /* stands in the origin's idle list */
    bool reused;
    bool answered; /* bytes of the current answer have come */
    bool message_whole;
    bool keep_alive;
    bool dead; /* freed when `depth` is back at 0 */
    int depth;
    struct client_conn *prev, *next; /* all connections of the origin */
    struct client_conn *idle_next;
};

struct client_call {
    uint64_t id;
    struct client_origin *origin;
    struct client_conn *conn;
    struct client_request request;
    const struct client_events *events;
    void *ctx;
    enum client_phase phase;
    struct timer timer;
    struct error failure; /* to be told from the loop */
    bool retried;
    bool paused;
    bool queued;
    struct client_call *prev, *next; /* waiting queue */
};

struct client_origin {
    struct client *client;
    struct client_origin_options options;
    struct client_conn *conns;
    struct client_conn *idle; /* last used first */
    size_t conn_count;
    size_t idle_count;
    struct client_call *waiting_first, *waiting_last;
    size_t waiting_count;
    size_t call_count;
    bool closing;
    struct client_origin *prev, *next;
};

struct slot {
    struct client_call *call;
    uint32_t generation;
    uint32_t next_free;
};

struct client {
    struct loop *loop;
    struct resolve *resolve;
    struct client_origin *origins;
    struct slot *slots; /* ids are generation << 32 | index */
    uint32_t slot_count, slot_cap, free_slot;
    size_t call_count;
    bool closing;
};

static void serve_waiting(struct client_origin *o);

/* ---- ids ---- */

static struct client_call *call_find(const struct client *c, uint64_t id)
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
            c->slots[c->slot_count++] = (struct slot){0}; /* index 0 means none */
        }
        index = c->slot_count++;
        c->slots[index].generation = 0;
    }
    struct slot *slot = &c->slots[index];
    slot->generation++;
    slot->call = call;
    call->id = (uint64_t)slot->generation << 32 | index;
    c->call_count++;
}

/* ---- end of calls, connections, origins ---- */

static void origin_release(struct client_origin *o)
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

/* The call's id is unknown from here on. */
static void call_free(struct client_call *call)
{
    struct client *c = call->origin->client;
    struct client_origin *o = call->origin;
    uint32_t index = (uint32_t)call->id;

    timer_cancel(&call->timer);
    waiting_remove(call);
    c->slots[index].call = NULL;
    c->slots[index].generation++;
    c->slots[index].next_free = c->free_slot;
    c->free_slot = index;
    c->call_count--;
    o->call_count--;
    x_free(call);
    origin_release(o);
}

static void idle_remove(struct client_conn *conn)
{
    struct client_origin *o = conn->origin;
    if (!conn->idle) {
        return;
    }
    conn->idle = false;
    timer_cancel(&conn->idle_timer);
    struct client_conn **at = &o->idle;
    while (*at != conn) {
        at = &(*at)->idle_next;
    }
    *at = conn->idle_next;
    o->idle_count--;
}

static void conn_leave(struct client_conn *conn)
{
    if (--conn->depth > 0 || !conn->dead) {
        return;
    }
    http1_free(conn->parser);
    tunnel_free(conn->tunnel);
    x_free(conn);
}

/* Takes the connection out of the origin; `sock` has been given up by then or is aborted here. */
static void conn_die(struct client_conn *conn)
{
    struct client_origin *o = conn->origin;
    if (conn->dead) {
        return;
    }
    conn->dead = true;
    conn->depth++;
    idle_remove(conn);
    if (conn->resolve_id != 0) {
        resolve_cancel(o->client->resolve, conn->resolve_id);
    }
    if (conn->sock) {
        sock_abort(conn->sock);
        conn->sock = NULL;
    }
    if (conn->call) {
        conn->call->conn = NULL;
        conn->call = NULL;
    }
    if (conn->prev) {
        conn->prev->next = conn->next;
    } else {
        o->conns = conn->next;
    }
    if (conn->next) {
        conn->next->prev = conn->prev;
    }
    o->conn_count--;
    conn_leave(conn);
    serve_waiting(o);
    origin_release(o);
}

/* Ends the call with a failure: its connection goes too. */
static void call_fail(struct client_call *call, enum err code, const char *text)
{
    const struct client_events *events = call->events;
    void *ctx = call->ctx;
    enum client_phase phase = call->phase;
    struct error why;

    error_set(&why, code, "%s", text);
    if (call->conn) {
        struct client_conn *conn = call->conn;
        conn->call = NULL;
        call->conn = NULL;
        conn_die(conn);
    }
    call_free(call);
    events->on_fail(ctx, &why, phase);
}

static void call_fail_later(struct client_call *call, enum err code, const char *text)
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
        call_fail(call, failure.code, failure.text);
        return;
    }
    call_fail(call, ERR_TIMEOUT, texts[call->phase]);
}

static void arm(struct client_call *call, int64_t timeout_ms)
{
    if (timeout_ms > 0) {
        timer_set(&call->timer, timeout_ms);
    } else {
        timer_cancel(&call->timer);
    }
}

/* ---- sending and receiving ---- */

static void conn_send(struct client_conn *conn, struct client_call *call)
{
    conn->call = call;
    call->conn = conn;
    conn->answered = false;
    conn->message_whole = false;
    call->phase = CLIENT_SENT;
    if (call->request.no_body_expected) {
        http1_expect_no_body(conn->parser);
    }
    sock_put(conn->sock, call->request.head.p, call->request.head.n);
    sock_put(conn->sock, call->request.body.p, call->request.body.n);
    sock_flush(conn->sock);
    arm(call, call->request.head_timeout_ms);
    call->events->on_sent(call->ctx, conn->reused);
}

static int head_came(void *ctx, const struct http_head *head)
{
    struct client_conn *conn = ctx;
    struct client_call *call = conn->call;
    if (!call) {
        return -1;
    }
    conn->keep_alive = head->keep_alive;
    call->phase = CLIENT_BODY;
    arm(call, call->request.idle_timeout_ms);
    call->events->on_head(call->ctx, head);
    return conn->call == call ? 0 : -1;
}

static int body_came(void *ctx, struct str bytes)
{
    struct client_conn *conn = ctx;
    struct client_call *call = conn->call;
    if (!call) {
        return -1;
    }
    call->events->on_body(call->ctx, bytes);
    return conn->call == call ? 0 : -1;
}

static int message_came(void *ctx)
{
    struct client_conn *conn = ctx;
    conn->message_whole = true;
    return 0;
}

static const struct http1_events parser_events = {
    .on_head = head_came, .on_body = body_came, .on_message = message_came};

/* A polite end: FIN, no reset. */
static void conn_retire(void *arg)
{
    struct client_conn *conn = arg;
    struct sock *sock = conn->sock;
    conn->sock = NULL;
    if (sock) {
        sock_close(sock);
    }
    conn_die(conn);
}

static void conn_to_idle(struct client_conn *conn)
{
    struct client_origin *o = conn->origin;
    conn->reused = true;
    http1_next(conn->parser);
    conn->idle = true;
    conn->idle_next = o->idle;
    o->idle = conn;
    o->idle_count++;
    timer_set(&conn->idle_timer, o->options.idle_ms);
}

/* The answer is whole: the connection is free again before the owner hears of it, and goes to a
 * waiting call after that: that call's owner must not hear of it while this one half exists. */
static void call_done(struct client_conn *conn, bool reusable)
{
    struct client_call *call = conn->call;
    const struct client_events *events = call->events;
    void *ctx = call->ctx;
    struct client_origin *o = conn->origin;

    bool paused = call->paused && conn->sock;
    conn->call = NULL;
    call->conn = NULL;
    if (paused) {
        sock_resume(conn->sock);
    }
    if (reusable && conn->keep_alive && !o->closing && o->idle_count < CLIENT_IDLE_MAX) {
        conn_to_idle(conn);
    } else {
        conn_retire(conn);
    }
    call_free(call);
    events->on_end(ctx);
    if (!conn->dead) { /* else its death has served them, and the origin may be gone */
        serve_waiting(conn->origin);
    }
}

static void answer_bytes(struct client_conn *conn, struct str bytes)
{
    struct client_call *call = conn->call;
    struct error err = {0};
    size_t used = 0;

    uint64_t id = call->id;
    struct client *client = conn->origin->client;
    conn->answered = true;
    int rc = http1_feed(conn->parser, bytes, &used, &err);
    if (call_find(client, id) != call) {
        return; /* cancelled from within a callback */
    }
    if (rc != 0) {
        call_fail(call, ERR_UPSTREAM, err.text);
        return;
    }
    if (conn->message_whole) {
        call_done(conn, used == bytes.n);
        return;
    }
    if (call->phase == CLIENT_BODY && !call->paused) {
        arm(call, call->request.idle_timeout_ms);
    }
    call->events->on_turn(call->ctx);
}

/* ---- opening connections ---- */

static void ask_for_tunnel(struct client_conn *conn)
{
    const struct client_origin_options *o = &conn->origin->options;
    struct buf head;

    buf_init(&head, TUNNEL_HEAD_BYTES_MAX);
    tunnel_ask(&head, o->host, o->port, o->proxy_authorization);
    conn->tunnel = tunnel_new();
    sock_put(conn->sock, head.p, head.n);
    sock_flush(conn->sock);
    buf_release(&head);
}

static void tunnel_bytes(struct client_conn *conn, struct str bytes)
{
    enum tunnel_state state = TUNNEL_WAITING;
    struct error err;

    if (tunnel_feed(conn->tunnel, bytes, &state, &err) != 0) {
        call_fail(conn->call, err.code, err.text);
        return;
    }
    if (state == TUNNEL_OPEN) {
        tunnel_free(conn->tunnel);
        conn->tunnel = NULL;
        conn->tunnelled = true;
        sock_start_tls(conn->sock, conn->origin->options.tls, conn->origin->options.host);
    }
}

static void sock_opened(void *ctx)
{
    struct client_conn *conn = ctx;
    const struct client_origin_options *o = &conn->origin->options;

    conn->depth++;
    if (o->proxy_host && o->tls && !conn->tunnelled) {
        ask_for_tunnel(conn);
    } else {
        conn->open = true;
        conn_send(conn, conn->call);
    }
    conn_leave(conn);
}

static void sock_data(void *ctx, struct str bytes)
{
    struct client_conn *conn = ctx;
    conn->depth++;
    if (conn->tunnel) {
        tunnel_bytes(conn, bytes);
    } else if (conn->call) {
        answer_bytes(conn, bytes);
    } else {
        conn_die(conn); /* an idle server has nothing to say that we want */
    }
    conn_leave(conn);
}

static void sock_drain(void *ctx)
{
    (void)ctx;
}

static void connect_next(struct client_conn *conn);

static void closed_with_call(struct client_conn *conn, const struct error *why)
{
    struct client_call *call = conn->call;
    struct error err = {0};

    if (!conn->open) {
        if (why->code != ERR_DENIED && !conn->tunnelled && conn->address_at < conn->addresses.n) {
            connect_next(conn);
            return;
        }
        const struct client_origin_options *o = &conn->origin->options;
        error_set(&err, why->code == ERR_DENIED ? ERR_DENIED : ERR_IO,
                  "cannot connect to %s port %u: %s", o->proxy_host ? o->proxy_host : o->host,
                  o->proxy_host ? o->proxy_port : o->port, why->text);
        call_fail(call, err.code, err.text);
        return;
    }
    if (!conn->answered && conn->reused && !call->retried) {
        call->retried = true;
        call->phase = CLIENT_WAITING;
        conn->call = NULL;
        call->conn = NULL;
        struct client_origin *o = conn->origin;
        call->queued = true; /* first in line */
        call->prev = NULL;
        call->next = o->waiting_first;
        if (call->next) {
            call->next->prev = call;
        } else {
            o->waiting_last = call;
        }
        o->waiting_first = call;
        o->waiting_count++;
        conn_die(conn);
        return;
    }
    uint64_t id = call->id;
    struct client *client = conn->origin->client;
    int rc = why->code == ERR_CLOSED ? http1_finish(conn->parser, &err) : ERR_IO;
    if (call_find(client, id) != call) {
        return;
    }
    if (rc == 0 && conn->message_whole) {
        call_done(conn, false);
        return;
    }
    error_set(&err, ERR_CLOSED, "the provider broke the connection %s: %s",
              conn->answered ? "in the middle of its answer" : "without an answer", why->text);
    call_fail(call, err.code, err.text);
}

static void sock_closed(void *ctx, const struct error *why)
{
    struct client_conn *conn = ctx;
    conn->depth++;
    conn->sock = NULL;
    if (conn->call) {
        closed_with_call(conn, why);
    } else {
        conn_die(conn);
    }
    conn_leave(conn);
}

static const struct sock_events conn_events = {
    .on_open = sock_opened, .on_data = sock_data, .on_drain = sock_drain, .on_close = sock_closed};

static void connect_next(struct client_conn *conn)
{
    const struct client_origin_options *o = &conn->origin->options;
    struct sock_target target = {.address = conn->addresses.addresses[conn->address_at++],
                                 .tls = o->proxy_host ? NULL : o->tls,
                                 .tls_host = o->host};
    tunnel_free(conn->tunnel); /* of an address that was left in the middle of being asked */
    conn->tunnel = NULL;
    conn->sock = sock_connect(conn->origin->client->loop, &target, &conn_events, conn);
}

static void resolved(void *ctx, const struct resolve_answer *answer, const struct error *why)
{
    struct client_conn *conn = ctx;
    conn->resolve_id = 0;
    if (!answer || answer->n == 0) {
        if (conn->call) {
            call_fail_later(conn->call, ERR_IO, why ? why->text : "the name has no address");
        }
        return;
    }
    conn->addresses = *answer;
    connect_next(conn);
}

static void conn_open(struct client_origin *o, struct client_call *call)
{
    struct client_conn *conn = x_calloc(1, sizeof(*conn));
    conn->origin = o;
    conn->call = call;
    call->conn = conn;
    call->phase = CLIENT_CONNECTING;
    arm(call, o->options.connect_timeout_ms);
    conn->parser = http1_new(HTTP1_RESPONSE, &parser_events, conn);
    timer_init(&conn->idle_timer, o->client->loop, conn_retire, conn);
    conn->next = o->conns;
    if (conn->next) {
        conn->next->prev = conn;
    }
    o->conns = conn;
    o->conn_count++;
    bool proxied = o->options.proxy_host != NULL;
    conn->resolve_id =
        resolve_start(o->client->resolve, proxied ? o->options.proxy_host : o->options.host,
                      proxied ? o->options.proxy_port : o->options.port, resolved, conn);
}

/* Gives waiting calls the idle connections, then new ones while there may be more. */
static void serve_waiting(struct client_origin *o)
{
    while (o->waiting_first && (o->idle || o->conn_count < o->options.connections_max)) {
        struct client_call *call = o->waiting_first;
        waiting_remove(call);
        struct client_conn *conn = o->idle;
        if (conn && !call->retried) {
            idle_remove(conn);
            conn_send(conn, call);
        } else {
            conn_open(o, call);
        }
    }
}

/* ---- public ---- */

struct client *client_new(struct loop *loop)
{
    struct client *c = x_calloc(1, sizeof(*c));
    c->loop = loop;
    c->resolve = resolve_new(loop);
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
    o->next = client->origins;
    if (o->next) {
        o->next->prev = o;
    }
    client->origins = o;
    return o;
}

void client_origin_close(struct client_origin *o)
{
    o->closing = true;
    o->call_count++; /* keeps it through the loop */
    while (o->idle) {
        conn_retire(o->idle);
    }
    o->call_count--;
    origin_release(o);
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
        call_fail_later(call, ERR_BUSY, "too many calls wait for this provider");
        return id;
    }
    call->prev = o->waiting_last;
    if (o->waiting_last) {
        o->waiting_last->next = call;
    } else {
        o->waiting_first = call;
    }
    o->waiting_last = call;
    call->queued = true;
    o->waiting_count++;
    arm(call, o->options.connect_timeout_ms);
    serve_waiting(o);
    return id;
}

void client_cancel(struct client *c, uint64_t id)
{
    struct client_call *call = call_find(c, id);
    if (!call) {
        return;
    }
    struct client_conn *conn = call->conn;
    if (conn) {
        conn->call = NULL;
        call->conn = NULL;
    }
    call_free(call);
    if (conn) {
        conn_die(conn);
    }
}

void client_pause(struct client *c, uint64_t id)
{
    struct client_call *call = call_find(c, id);
    if (call && call->conn && call->conn->sock && !call->paused) {
        call->paused = true;
        timer_cancel(&call->timer);
        sock_pause(call->conn->sock);
    }
}

void client_resume(struct client *c, uint64_t id)
{
    struct client_call *call = call_find(c, id);
    if (call && call->paused && call->conn && call->conn->sock) {
        call->paused = false;
        arm(call, call->request.idle_timeout_ms);
        sock_resume(call->conn->sock);
    }
}

enum client_phase client_phase(const struct client *c, uint64_t id)
{
    const struct client_call *call = call_find(c, id);
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
