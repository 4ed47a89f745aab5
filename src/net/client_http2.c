#include "net/client_pool.h"

#include "net/http2.h"
#include "net/sock.h"

/* Many calls at once, each on a stream. What they say within one turn of the loop goes out together
 * at its end. */

/* The socket gets pieces of about this size, and none while this much waits in it: the rest stays
 * where it is, in the requests. */
#define WRITE_BYTES (32u << 10)

/* -------- calls and streams -------- */

static void attach(struct client_conn *conn, struct client_call *call)
{
    call->conn = conn;
    call->prev = NULL;
    call->next = conn->calls;
    if (call->next) {
        call->next->prev = call;
    }
    conn->calls = call;
    conn->stream_count++;
    call->reads_before = conn->reads;
}

static void detach(struct client_conn *conn, struct client_call *call)
{
    *(call->prev ? &call->prev->next : &conn->calls) = call->next;
    if (call->next) {
        call->next->prev = call->prev;
    }
    call->prev = NULL;
    call->next = NULL;
    call->conn = NULL;
    call->stream = NULL;
    conn->stream_count--;
}

/* It ends when it carries nothing any more. */
static bool is_unwanted(const struct client_conn *conn)
{
    return conn->origin->closing || conn->origin->http2_unwanted || http2_is_leaving(conn->http2);
}

/* Its place in the origin, by how many streams it has and may have. */
static void take_place(struct client_conn *conn)
{
    client_conn_set_open(conn, !is_unwanted(conn) && http2_room(conn->http2) > 0);
    client_conn_set_idle(conn, conn->stream_count == 0);
    if (http2_is_settled(conn->http2)) {
        client_conn_opened(conn);
    }
    if (conn->stream_count == 0) {
        timer_cancel(&conn->ping_timer);
        conn->pinged = false;
    } else if (!timer_is_set(&conn->ping_timer)) {
        timer_set(&conn->ping_timer, conn->origin->options.ping_ms);
    }
}

/* -------- what comes -------- */

static void head_came(void *owner, const struct http_head *head)
{
    struct client_call *call = owner;
    call->phase = CLIENT_BODY;
    client_call_arm(call, call->request.idle_timeout_ms);
    call->events->on_head(call->ctx, head);
}

static void body_came(void *owner, struct str bytes)
{
    struct client_call *call = owner;
    call->events->on_body(call->ctx, bytes);
}

static void turn_came(void *owner)
{
    struct client_call *call = owner;
    if (call->phase == CLIENT_BODY && !call->paused) {
        client_call_arm(call, call->request.idle_timeout_ms);
    }
    call->events->on_turn(call->ctx);
}

static void end_came(void *owner)
{
    struct client_call *call = owner;
    struct client_conn *conn = call->conn;
    const struct client_events *events = call->events;
    void *ctx = call->ctx;

    detach(conn, call);
    conn->reused = true;
    take_place(conn);
    client_call_free(call);
    events->on_end(ctx);
}

static void fail_came(void *owner, const struct error *why, enum http2_end end)
{
    struct client_call *call = owner;
    struct client_conn *conn = call->conn;

    detach(conn, call);
    if (end == HTTP2_HTTP1_WANTED) {
        conn->origin->http2_unwanted = true;
        call->wants_fresh = true;
    }
    take_place(conn);
    if (end != HTTP2_BROKEN && call->retries < CLIENT_RETRIES_MAX) {
        call->retries++;
        client_call_retry(call);
        return;
    }
    client_call_fail(call, why->code, why->text);
}

static const struct http2_events stream_events = {.on_head = head_came,
                                                  .on_body = body_came,
                                                  .on_turn = turn_came,
                                                  .on_end = end_came,
                                                  .on_fail = fail_came};

/* -------- the end of the connection -------- */

/* Nobody has heard of the call: the connection was used before and has been silent since. */
static bool was_stale(const struct client_conn *conn, const struct client_call *call)
{
    return conn->reused && conn->reads == call->reads_before && !call->wants_fresh &&
           call->phase == CLIENT_SENT;
}

/* Calls back whoever is on it. It is dead before, so that nobody is sent there. */
static void end_all(struct client_conn *conn, enum err code, const char *text)
{
    client_conn_die(conn);
    while (conn->calls) {
        struct client_call *call = conn->calls;
        bool stale = code == ERR_CLOSED && was_stale(conn, call);
        detach(conn, call);
        if (stale) {
            struct client_origin *o = call->origin;
            call->wants_fresh = true;
            client_call_retry(call);
            client_origin_serve(o);
        } else {
            client_call_fail(call, code, text);
        }
    }
}

static void closed(struct client_conn *conn, const struct error *why)
{
    struct error err;
    error_set(&err, ERR_CLOSED, "the provider broke the connection: %s", why->text);
    end_all(conn, err.code, err.text);
}

/* Takes leave: what is still to be said goes out, then FIN. */
static void part(struct client_conn *conn)
{
    struct sock *sock = conn->sock;
    struct buf *out = &conn->origin->client->scratch;
    conn->sock = NULL;
    if (sock) {
        buf_clear(out);
        (void)http2_write(conn->http2, out, WRITE_BYTES);
        sock_put(sock, out->p, out->n);
        sock_flush(sock);
        sock_close(sock);
    }
}

static void leave(struct client_conn *conn)
{
    if (conn->busy) {
        timer_set(&conn->write_timer, 0); /* settle comes to it */
        return;
    }
    http2_goaway(conn->http2);
    part(conn);
    client_conn_die(conn);
}

/* -------- what goes out -------- */

static void write_out(struct client_conn *conn)
{
    struct buf *out = &conn->origin->client->scratch;
    bool more = true;
    while (more && sock_backlog(conn->sock) < SOCK_BACKLOG_HIGH) {
        buf_clear(out);
        conn->busy = true;
        more = http2_write(conn->http2, out, WRITE_BYTES);
        conn->busy = false;
        sock_put(conn->sock, out->p, out->n);
    }
    sock_flush(conn->sock);
}

/* Says what there is to say, and ends what has come to its end. Owners are called back. */
static void settle(struct client_conn *conn)
{
    struct error why = {0};
    write_out(conn);
    take_place(conn);
    if (conn->stream_count == 0 && is_unwanted(conn)) {
        leave(conn);
        return;
    }
    if (http2_is_over(conn->http2, &why)) {
        part(conn);
        end_all(conn, ERR_UPSTREAM,
                why.code != ERR_OK ? why.text : "the provider broke off the connection");
        return;
    }
    client_origin_serve(conn->origin);
}

static void write_time(void *arg)
{
    struct client_conn *conn = arg;
    client_conn_enter(conn);
    settle(conn);
    client_conn_leave(conn);
}

static void ping_time(void *arg)
{
    struct client_conn *conn = arg;
    client_conn_enter(conn);
    if (conn->pinged) {
        end_all(conn, ERR_TIMEOUT, "the provider's connection shows no sign of life");
    } else {
        conn->pinged = true;
        timer_set(&conn->ping_timer, conn->origin->options.ping_ms);
        http2_ping(conn->http2);
        settle(conn);
    }
    client_conn_leave(conn);
}

static void bytes_came(struct client_conn *conn, struct str bytes)
{
    struct error err;
    conn->reads++;
    conn->pinged = false;
    if (conn->stream_count > 0) {
        timer_set(&conn->ping_timer, conn->origin->options.ping_ms);
    }
    conn->busy = true;
    int rc = http2_feed(conn->http2, bytes, &err);
    conn->busy = false;
    if (rc != 0) {
        part(conn);
        end_all(conn, err.code, err.text);
        return;
    }
    settle(conn);
}

/* -------- the protocol -------- */

static void begin(struct client_conn *conn)
{
    struct client *c = conn->origin->client;
    conn->http2 = http2_new(conn->origin->options.tls ? "https" : "http", &stream_events);
    timer_init(&conn->write_timer, c->loop, write_time, conn);
    timer_init(&conn->ping_timer, c->loop, ping_time, conn);
}

static void end(struct client_conn *conn)
{
    http2_free(conn->http2);
}

static void send_call(struct client_conn *conn, struct client_call *call)
{
    const struct client_request *r = &call->request;
    struct error err;

    struct http2_stream *stream = http2_start(conn->http2, r->head, r->body, call, &err);
    call->phase = CLIENT_SENT;
    if (!stream) {
        take_place(conn);
        client_call_fail_later(call, err.code, err.text);
        return;
    }
    attach(conn, call);
    call->stream = stream;
    take_place(conn);
    timer_set(&conn->write_timer, 0);
    client_call_arm(call, r->head_timeout_ms);
    call->events->on_sent(call->ctx, conn->reused);
}

static void drop(struct client_conn *conn, struct client_call *call)
{
    struct http2_stream *stream = call->stream;
    detach(conn, call);
    if (conn->dead) {
        return;
    }
    http2_reset(conn->http2, stream);
    take_place(conn);
    timer_set(&conn->write_timer, 0);
}

static void pause_call(struct client_conn *conn, struct client_call *call)
{
    http2_hold(conn->http2, call->stream);
}

static void resume_call(struct client_conn *conn, struct client_call *call)
{
    http2_release(conn->http2, call->stream);
    if (!conn->dead) {
        timer_set(&conn->write_timer, 0);
    }
}

const struct client_protocol client_http2 = {
    .begin = begin,
    .send = send_call,
    .bytes = bytes_came,
    .closed = closed,
    .drop = drop,
    .pause = pause_call,
    .resume = resume_call,
    .drain = settle,
    .leave = leave,
    .end = end,
};
