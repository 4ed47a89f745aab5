#include "core/buf.h"
#include "core/mem.h"
#include "net/client_pool.h"
#include "net/sock.h"
#include "net/tls.h"
#include "net/tunnel.h"

#define TUNNEL_HEAD_BYTES_MAX 4096

/* ---- its place and its end ---- */

void client_conn_set_open(struct client_conn *conn, bool open)
{
    struct client_origin *o = conn->origin;
    if (conn->open == open) {
        return;
    }
    conn->open = open;
    if (open) {
        conn->open_prev = NULL;
        conn->open_next = o->open;
        o->open = conn;
    } else {
        *(conn->open_prev ? &conn->open_prev->open_next : &o->open) = conn->open_next;
    }
    if (conn->open_next) {
        conn->open_next->open_prev = open ? conn : conn->open_prev;
    }
}

void client_conn_set_idle(struct client_conn *conn, bool idle)
{
    struct client_origin *o = conn->origin;
    if (conn->idle == idle) {
        return;
    }
    conn->idle = idle;
    if (idle) {
        o->idle_count++;
        timer_set(&conn->idle_timer, o->options.idle_ms);
    } else {
        o->idle_count--; /* the timer stays: it is set anew soon, which moves it for nothing */
    }
}

void client_conn_opened(struct client_conn *conn)
{
    if (conn->opening) {
        conn->opening = false;
        conn->origin->opening_count--;
    }
}

void client_conn_enter(struct client_conn *conn)
{
    conn->depth++;
}

void client_conn_leave(struct client_conn *conn)
{
    if (--conn->depth > 0 || !conn->dead) {
        return;
    }
    if (conn->protocol) {
        conn->protocol->end(conn);
    }
    tunnel_free(conn->tunnel);
    x_free(conn);
}

/* `sock` has been given up by then or is aborted here. */
void client_conn_die(struct client_conn *conn)
{
    struct client_origin *o = conn->origin;
    if (conn->dead) {
        return;
    }
    conn->dead = true;
    client_conn_enter(conn);
    client_conn_set_idle(conn, false);
    timer_cancel(&conn->idle_timer);
    client_conn_set_open(conn, false);
    client_conn_opened(conn);
    timer_cancel(&conn->write_timer);
    timer_cancel(&conn->ping_timer);
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
    client_conn_leave(conn);
    client_origin_serve(o);
    client_origin_release(o);
}

void client_conn_retire(struct client_conn *conn)
{
    struct sock *sock = conn->sock;
    conn->sock = NULL;
    if (sock) {
        sock_close(sock);
    }
    client_conn_die(conn);
}

static void idle_too_long(void *arg)
{
    struct client_conn *conn = arg;
    if (conn->idle) {
        conn->protocol->leave(conn);
    }
}

void client_conn_drop(struct client_conn *conn, struct client_call *call)
{
    if (conn->protocol) {
        conn->protocol->drop(conn, call);
        return;
    }
    conn->call = NULL;
    call->conn = NULL;
    client_conn_die(conn);
}

/* ---- opening it ---- */

static struct sock_target tls_target(const struct client_origin *o)
{
    return (struct sock_target){
        .tls = o->options.tls,
        .tls_host = o->options.host,
        .tls_memory = o->tls_memory,
        .http2 = o->options.http2 != CLIENT_HTTP2_NEVER && !o->http2_unwanted,
    };
}

static bool speaks_http2(const struct client_conn *conn)
{
    const struct client_origin *o = conn->origin;
    bool without_asking = !o->options.tls && !o->options.proxy_host && !o->http2_unwanted &&
                          o->options.http2 == CLIENT_HTTP2_PRIOR;
    return without_asking || sock_is_http2(conn->sock);
}

/* The first call that it carries is the one that opened it. */
static void begin(struct client_conn *conn)
{
    struct client_origin *o = conn->origin;
    struct client_call *call = conn->call;
    bool many = speaks_http2(conn);

    o->carries_many = many;
    o->carries_one = !many;
    conn->protocol = many ? &client_http2 : &client_http1;
    conn->protocol->begin(conn);
    conn->call = NULL;
    conn->protocol->send(conn, call);
    if (!conn->dead) { /* others may have waited for what it speaks */
        client_origin_serve(conn->origin);
    }
}

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
        client_call_fail(conn->call, err.code, err.text);
        return;
    }
    if (state == TUNNEL_OPEN) {
        tunnel_free(conn->tunnel);
        conn->tunnel = NULL;
        conn->tunnelled = true;
        struct sock_target target = tls_target(conn->origin);
        sock_start_tls(conn->sock, &target);
    }
}

static void sock_opened(void *ctx)
{
    struct client_conn *conn = ctx;
    const struct client_origin_options *o = &conn->origin->options;

    client_conn_enter(conn);
    if (o->proxy_host && o->tls && !conn->tunnelled) {
        ask_for_tunnel(conn);
    } else {
        begin(conn);
    }
    client_conn_leave(conn);
}

static void sock_data(void *ctx, struct str bytes)
{
    struct client_conn *conn = ctx;
    client_conn_enter(conn);
    if (conn->protocol) {
        conn->protocol->bytes(conn, bytes);
    } else {
        tunnel_bytes(conn, bytes); /* nobody else has been spoken to */
    }
    client_conn_leave(conn);
}

static void sock_drain(void *ctx)
{
    struct client_conn *conn = ctx;
    client_conn_enter(conn);
    if (conn->protocol) {
        conn->protocol->drain(conn);
    }
    client_conn_leave(conn);
}

static void connect_next(struct client_conn *conn);

/* The next address is tried, unless this one was right and what it said is not acceptable. */
static void closed_while_opening(struct client_conn *conn, const struct error *why)
{
    const struct client_origin_options *o = &conn->origin->options;
    struct error err = {0};

    if (why->code != ERR_DENIED && !conn->tunnelled && conn->address_at < conn->addresses.n) {
        connect_next(conn);
        return;
    }
    if (why->code != ERR_DENIED) {
        resolve_doubt(conn->origin->client->resolve, o->proxy_host ? o->proxy_host : o->host);
    }
    error_set(&err, why->code == ERR_DENIED ? ERR_DENIED : ERR_IO,
              "cannot connect to %s port %u: %s", o->proxy_host ? o->proxy_host : o->host,
              o->proxy_host ? o->proxy_port : o->port, why->text);
    client_call_fail(conn->call, err.code, err.text);
}

static void sock_closed(void *ctx, const struct error *why)
{
    struct client_conn *conn = ctx;
    client_conn_enter(conn);
    conn->sock = NULL;
    if (conn->protocol) {
        conn->protocol->closed(conn, why);
    } else {
        closed_while_opening(conn, why);
    }
    client_conn_leave(conn);
}

static const struct sock_events conn_events = {
    .on_open = sock_opened, .on_data = sock_data, .on_drain = sock_drain, .on_close = sock_closed};

static void connect_next(struct client_conn *conn)
{
    const struct client_origin_options *o = &conn->origin->options;
    struct sock_target target = tls_target(conn->origin);
    target.address = conn->addresses.addresses[conn->address_at++];
    if (o->proxy_host) {
        target.tls = NULL; /* not before it has connected us */
    }
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
            client_call_fail_later(conn->call, ERR_IO, why ? why->text : "the name has no address");
        }
        return;
    }
    conn->addresses = *answer;
    connect_next(conn);
}

void client_conn_open(struct client_origin *o, struct client_call *call)
{
    struct client_conn *conn = x_calloc(1, sizeof(*conn));
    conn->origin = o;
    conn->call = call;
    call->conn = conn;
    call->phase = CLIENT_CONNECTING;
    client_call_arm(call, o->options.connect_timeout_ms);
    timer_init(&conn->idle_timer, o->client->loop, idle_too_long, conn);
    conn->next = o->conns;
    if (conn->next) {
        conn->next->prev = conn;
    }
    o->conns = conn;
    o->conn_count++;
    conn->opening = true;
    o->opening_count++;
    bool proxied = o->options.proxy_host != NULL;
    conn->resolve_id =
        resolve_start(o->client->resolve, proxied ? o->options.proxy_host : o->options.host,
                      proxied ? o->options.proxy_port : o->options.port, resolved, conn);
}
