#include "net/client_pool.h"

#include "net/http1.h"
#include "net/sock.h"

/* One exchange after the other: the connection belongs to its call until the answer is whole. */

static int head_came(void *ctx, const struct http_head *head)
{
    struct client_conn *conn = ctx;
    struct client_call *call = conn->call;
    if (!call) {
        return -1;
    }
    conn->keep_alive = head->keep_alive;
    call->phase = CLIENT_BODY;
    client_call_arm(call, call->request.idle_timeout_ms);
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

static void begin(struct client_conn *conn)
{
    conn->parser = http1_new(HTTP1_RESPONSE, &parser_events, conn);
    client_conn_opened(conn);
}

/* Nothing is left to say; nothing is kept back. */
static void drained(struct client_conn *conn)
{
    (void)conn;
}

static void end(struct client_conn *conn)
{
    http1_free(conn->parser);
}

static void send_call(struct client_conn *conn, struct client_call *call)
{
    client_conn_set_idle(conn, false);
    client_conn_set_open(conn, false);
    conn->call = call;
    call->conn = conn;
    conn->answered = false;
    conn->message_whole = false;
    call->phase = CLIENT_SENT;
    if (call->request.no_body_expected) {
        http1_expect_no_body(conn->parser);
    }
    sock_send(conn->sock, call->request.head, call->request.body);
    client_call_arm(call, call->request.head_timeout_ms);
    call->events->on_sent(call->ctx, conn->reused);
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
        conn->reused = true;
        http1_next(conn->parser);
        client_conn_set_open(conn, true);
        client_conn_set_idle(conn, true);
    } else {
        client_conn_retire(conn);
    }
    client_call_free(call);
    events->on_end(ctx);
    if (!conn->dead) { /* else its death has served them, and the origin may be gone */
        client_origin_serve(conn->origin);
    }
}

static void bytes_came(struct client_conn *conn, struct str bytes)
{
    struct client_call *call = conn->call;
    struct error err = {0};
    size_t used = 0;

    if (!call) {
        client_conn_die(conn); /* an idle server has nothing to say that we want */
        return;
    }
    uint64_t id = call->id;
    struct client *client = conn->origin->client;
    conn->answered = true;
    int rc = http1_feed(conn->parser, bytes, &used, &err);
    if (client_call_find(client, id) != call) {
        return; /* cancelled from within a callback */
    }
    if (rc != 0) {
        client_call_fail(call, ERR_UPSTREAM, err.text);
        return;
    }
    if (conn->message_whole) {
        call_done(conn, used == bytes.n);
        return;
    }
    if (call->phase == CLIENT_BODY && !call->paused) {
        client_call_arm(call, call->request.idle_timeout_ms);
    }
    call->events->on_turn(call->ctx);
}

static void closed(struct client_conn *conn, const struct error *why)
{
    struct client_call *call = conn->call;
    struct error err = {0};

    if (!call) {
        client_conn_die(conn);
        return;
    }
    if (!conn->answered && conn->reused && !call->wants_fresh) {
        call->wants_fresh = true;
        conn->call = NULL;
        call->conn = NULL;
        client_call_retry(call);
        client_conn_die(conn);
        return;
    }
    uint64_t id = call->id;
    struct client *client = conn->origin->client;
    int rc = why->code == ERR_CLOSED ? http1_finish(conn->parser, &err) : ERR_IO;
    if (client_call_find(client, id) != call) {
        return;
    }
    if (rc == 0 && conn->message_whole) {
        call_done(conn, false);
        return;
    }
    error_set(&err, ERR_CLOSED, "the provider broke the connection %s: %s",
              conn->answered ? "in the middle of its answer" : "without an answer", why->text);
    client_call_fail(call, err.code, err.text);
}

/* The connection is in the middle of an answer that nobody wants. */
static void drop(struct client_conn *conn, struct client_call *call)
{
    conn->call = NULL;
    call->conn = NULL;
    client_conn_die(conn);
}

static void pause_call(struct client_conn *conn, struct client_call *call)
{
    (void)call;
    if (conn->sock) {
        sock_pause(conn->sock);
    }
}

static void resume_call(struct client_conn *conn, struct client_call *call)
{
    (void)call;
    if (conn->sock) {
        sock_resume(conn->sock);
    }
}

const struct client_protocol client_http1 = {
    .begin = begin,
    .send = send_call,
    .bytes = bytes_came,
    .closed = closed,
    .drop = drop,
    .pause = pause_call,
    .resume = resume_call,
    .drain = drained,
    .leave = client_conn_retire,
    .end = end,
};
