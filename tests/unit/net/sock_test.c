#include "unit/net/certificates.h"
#include "unit/net/peer.h"

#include "net/sock.h"
#include "net/tls.h"

/* The owner of one socket, and what it was told. */
struct owner {
    struct loop *loop;
    struct sock *sock;
    int opened;
    int closed;
    int drained;
    struct buf in;
    struct error why;
    bool abort_on_data;
    bool close_on_data;
    bool abort_on_open;
    const char *echo; /* put and flushed at each piece */
};

static void on_open(void *ctx)
{
    struct owner *o = ctx;
    assert_non_null(o->sock);
    o->opened++;
    if (o->abort_on_open) {
        sock_abort(o->sock);
        o->sock = NULL;
    }
}

static void on_data(void *ctx, struct str bytes)
{
    struct owner *o = ctx;
    assert_non_null(o->sock);
    assert_true(bytes.n > 0);
    buf_put_str(&o->in, bytes);
    if (o->echo != NULL) {
        sock_put(o->sock, o->echo, strlen(o->echo));
        sock_flush(o->sock);
    }
    if (o->abort_on_data || o->close_on_data) {
        if (o->abort_on_data) {
            sock_abort(o->sock);
        } else {
            sock_close(o->sock);
        }
        o->sock = NULL;
    }
}

static void on_drain(void *ctx)
{
    struct owner *o = ctx;
    assert_non_null(o->sock);
    assert_true(sock_backlog(o->sock) < SOCK_BACKLOG_LOW);
    o->drained++;
}

static void on_close(void *ctx, const struct error *why)
{
    struct owner *o = ctx;
    assert_non_null(o->sock);
    o->sock = NULL;
    o->closed++;
    o->why = *why;
}

static const struct sock_events events = {on_open, on_data, on_drain, on_close};

static struct sock_target target_of(uint16_t port)
{
    struct sock_target target = {.tls = NULL};
    struct sockaddr_in *in4 = (struct sockaddr_in *)&target.address;
    in4->sin_family = AF_INET;
    in4->sin_port = htons(port);
    in4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return target;
}

static void owner_init(struct owner *o, struct loop *loop)
{
    *o = (struct owner){.loop = loop};
    buf_init(&o->in, PEER_BYTES_MAX);
}

/* A connected pair: our socket, and a peer by hand. */
static void owner_connect(struct owner *o, struct loop *loop, struct peer *p)
{
    uint16_t port = 0;
    int listener = peer_listen(&port);
    struct sock_target target = target_of(port);
    owner_init(o, loop);
    o->sock = sock_connect(loop, &target, &events, o);
    UNTIL(loop, o->opened == 1);
    UNTIL(loop, peer_accept(p, listener));
    close(listener);
}

static void bytes_go_both_ways(void **state)
{
    struct loop *loop = peer_loop();
    struct owner o;
    struct peer p;
    char name[SOCK_NAME_MAX];
    (void)state;
    owner_connect(&o, loop, &p);
    sock_peer_name(o.sock, name);
    assert_true(str_starts(str_of(name), STR("127.0.0.1:")));
    sock_put(o.sock, "one ", 4);
    sock_put(o.sock, "", 0);
    sock_put(o.sock, "two", 3);
    peer_idle(loop);
    assert_false(peer_has(&p, "one")); /* collected until the flush */
    assert_int_equal(sock_backlog(o.sock), 7);
    sock_flush(o.sock);
    assert_int_equal(sock_backlog(o.sock), 0);
    UNTIL(loop, peer_has(&p, "one two"));
    peer_send(&p, "three");
    UNTIL(loop, o.in.n == 5);
    assert_str(buf_str(&o.in), "three");
    peer_close(&p);
    UNTIL(loop, o.closed == 1);
    assert_int_equal(o.why.code, ERR_CLOSED);
    buf_release(&o.in);
    loop_free(loop);
}

static void the_end_of_the_peer_is_told_once_and_by_its_kind(void **state)
{
    struct loop *loop = peer_loop();
    (void)state;
    for (int how = 0; how < 3; how++) {
        struct owner o;
        struct peer p;
        owner_connect(&o, loop, &p);
        if (how == 0) {
            peer_finish(&p);
        } else if (how == 1) {
            peer_reset(&p);
        } else {
            peer_send(&p, "last words");
            peer_finish(&p);
        }
        UNTIL(loop, o.closed == 1);
        assert_int_equal(o.why.code, how == 1 ? ERR_IO : ERR_CLOSED);
        assert_int_equal(o.in.n, how == 2 ? 10 : 0);
        peer_idle(loop);
        assert_int_equal(o.closed, 1);
        if (how != 1) {
            peer_close(&p);
        }
        buf_release(&o.in);
    }
    loop_free(loop);
}

static void nobody_listening_is_told_later(void **state)
{
    struct loop *loop = peer_loop();
    struct owner o;
    uint16_t port = 0;
    (void)state;
    close(peer_listen(&port));
    struct sock_target target = target_of(port);
    owner_init(&o, loop);
    o.sock = sock_connect(loop, &target, &events, &o);
    assert_int_equal(o.closed, 0);
    UNTIL(loop, o.closed == 1);
    assert_int_equal(o.opened, 0);
    assert_int_equal(o.why.code, ERR_IO);
    /* An address that is none. */
    target.address.ss_family = AF_UNIX;
    owner_init(&o, loop);
    o.sock = sock_connect(loop, &target, &events, &o);
    assert_int_equal(o.closed, 0);
    UNTIL(loop, o.closed == 1);
    assert_int_equal(o.why.code, ERR_IO);
    loop_free(loop);
}

static void a_socket_given_up_says_nothing_more(void **state)
{
    struct loop *loop = peer_loop();
    (void)state;
    for (int how = 0; how < 4; how++) {
        struct owner o;
        struct peer p;
        if (how == 0) { /* while it connects */
            uint16_t port = 0;
            int listener = peer_listen(&port);
            struct sock_target target = target_of(port);
            owner_init(&o, loop);
            sock_abort(sock_connect(loop, &target, &events, &o));
            peer_idle(loop);
            assert_int_equal(o.opened + o.closed, 0);
            close(listener);
            continue;
        }
        owner_connect(&o, loop, &p);
        o.abort_on_data = how == 1;
        o.close_on_data = how == 2;
        if (how == 3) {
            sock_close(o.sock);
            o.sock = NULL;
        } else {
            peer_send(&p, "x");
        }
        UNTIL(loop, peer_read(&p));
        assert_int_equal(p.reset, how == 1);
        (void)!send(p.fd, "y", 1, MSG_NOSIGNAL); /* fails after a reset */
        peer_idle(loop);
        assert_int_equal(o.closed, 0);
        assert_int_equal(o.in.n, how == 3 ? 0 : 1);
        peer_close(&p);
        peer_idle(loop);
        buf_release(&o.in);
    }
    loop_free(loop);
}

static void closing_sends_what_was_put_before(void **state)
{
    static char much[8u << 20];
    struct loop *loop = peer_loop();
    struct owner o;
    struct peer p;
    (void)state;
    memset(much, 'm', sizeof(much));
    owner_connect(&o, loop, &p);
    sock_put(o.sock, much, sizeof(much));
    sock_put(o.sock, "end", 3);
    sock_close(o.sock);
    peer_send(&p, "bytes that nobody will read");
    UNTIL(loop, peer_read(&p));
    assert_false(p.reset);
    assert_int_equal(p.in.n, sizeof(much) + 3);
    assert_true(peer_has(&p, "end"));
    peer_close(&p);
    buf_release(&o.in);
    loop_free(loop);
}

static void a_backlog_grows_to_a_limit_and_drains(void **state)
{
    static char much[1u << 20];
    struct loop *loop = peer_loop();
    struct owner o;
    struct peer p;
    size_t sent = 0;
    (void)state;
    owner_connect(&o, loop, &p);
    while (sock_backlog(o.sock) < SOCK_BACKLOG_HIGH) {
        sock_put(o.sock, much, 1000);
        sock_flush(o.sock);
        sent += 1000;
    }
    assert_int_equal(o.drained, 0);
    for (int i = 0; i < PEER_TURNS_MAX && o.drained == 0; i++) {
        peer_read(&p);
        peer_turn(loop);
    }
    assert_int_equal(o.drained, 1);
    UNTIL(loop, (peer_read(&p), p.in.n == sent));
    assert_int_equal(o.drained, 1);
    /* A peer that never reads is left at last, and that is told from the loop. */
    for (size_t n = 0; n < SOCK_BACKLOG_MAX + (64u << 20); n += sizeof(much)) {
        sock_put(o.sock, much, sizeof(much));
        sock_flush(o.sock);
    }
    assert_int_equal(o.closed, 0);
    UNTIL(loop, o.closed == 1);
    assert_int_equal(o.why.code, ERR_LIMIT);
    peer_close(&p);
    buf_release(&o.in);
    loop_free(loop);
}

static void a_paused_socket_reads_nothing_until_it_is_resumed(void **state)
{
    struct loop *loop = peer_loop();
    struct owner o;
    struct peer p;
    (void)state;
    owner_connect(&o, loop, &p);
    sock_pause(o.sock);
    sock_pause(o.sock);
    peer_send(&p, "held");
    peer_finish(&p);
    peer_idle(loop);
    assert_int_equal(o.in.n, 0);
    assert_int_equal(o.closed, 0);
    sock_resume(o.sock);
    sock_resume(o.sock);
    UNTIL(loop, o.closed == 1);
    assert_str(buf_str(&o.in), "held");
    peer_close(&p);
    buf_release(&o.in);
    loop_free(loop);
}

/* -------- TLS: both ends are ours, on one loop -------- */

struct listening {
    uv_tcp_t handle;
    struct owner *owner;
    struct tls_context *tls;
};

static void accept_one(uv_stream_t *listener, int status)
{
    struct listening *l = listener->data;
    assert_int_equal(status, 0);
    l->owner->sock = sock_accept(l->owner->loop, listener, l->tls, &events, l->owner);
    assert_non_null(l->owner->sock);
}

static void listen_with(struct listening *l, struct owner *owner, struct tls_context *tls,
                        uint16_t *ret_port)
{
    int fd = peer_listen(ret_port);
    l->owner = owner;
    l->tls = tls;
    uv_tcp_init(loop_uv(owner->loop), &l->handle);
    l->handle.data = l;
    assert_int_equal(uv_tcp_open(&l->handle, fd), 0);
    assert_int_equal(uv_listen((uv_stream_t *)&l->handle, 8, accept_one), 0);
}

struct tls_world {
    struct certificates *certs;
    struct tls_context *client, *server;
};

static int open_tls_world(void **state)
{
    struct tls_world *w = calloc(1, sizeof(*w));
    struct error err = {0};
    char certificate[CERTIFICATES_PATH_MAX];
    w->certs = certificates_new();
    assert_int_equal(tls_context_new_client(cert_path(w->certs, "ca", ".pem"), &w->client, &err),
                     0);
    snprintf(certificate, sizeof(certificate), "%s", cert_path(w->certs, "good", ".pem"));
    assert_int_equal(
        tls_context_new_server(certificate, cert_path(w->certs, "good", ".key"), &w->server, &err),
        0);
    *state = w;
    return 0;
}

static int close_tls_world(void **state)
{
    struct tls_world *w = *state;
    tls_context_unref(w->client);
    tls_context_unref(w->server);
    certificates_free(w->certs);
    free(w);
    return 0;
}

static void tls_carries_bytes_and_a_polite_end(void **state)
{
    static char much[3u << 20];
    struct tls_world *w = *state;
    struct loop *loop = peer_loop();
    struct owner client, server;
    struct listening l;
    uint16_t port = 0;
    memset(much, 'm', sizeof(much));
    owner_init(&client, loop);
    owner_init(&server, loop);
    server.echo = "pong";
    listen_with(&l, &server, w->server, &port);
    struct sock_target target = target_of(port);
    target.tls = w->client;
    target.tls_host = "a.test";
    client.sock = sock_connect(loop, &target, &events, &client);
    UNTIL(loop, client.opened == 1 && server.opened == 1);
    sock_put(client.sock, "ping", 4);
    sock_flush(client.sock);
    UNTIL(loop, client.in.n == 4);
    assert_str(buf_str(&server.in), "ping");
    assert_str(buf_str(&client.in), "pong");
    server.echo = NULL;
    sock_put(client.sock, much, sizeof(much));
    sock_close(client.sock);
    client.sock = NULL;
    UNTIL(loop, server.closed == 1);
    assert_int_equal(server.in.n, 4 + sizeof(much));
    assert_int_equal(server.why.code, ERR_CLOSED);
    assert_int_equal(client.closed, 0);
    uv_close((uv_handle_t *)&l.handle, NULL);
    buf_release(&client.in);
    buf_release(&server.in);
    loop_free(loop);
}

static void tls_may_start_on_an_open_connection(void **state)
{
    struct tls_world *w = *state;
    struct loop *loop = peer_loop();
    struct owner client, server;
    struct listening l;
    uint16_t port = 0;
    owner_init(&client, loop);
    owner_init(&server, loop);
    listen_with(&l, &server, w->server, &port);
    struct sock_target target = target_of(port);
    client.sock = sock_connect(loop, &target, &events, &client);
    UNTIL(loop, client.opened == 1);
    sock_start_tls(client.sock, &(struct sock_target){.tls = w->client, .tls_host = "a.test"});
    UNTIL(loop, client.opened == 2);
    sock_put(client.sock, "ping", 4);
    sock_flush(client.sock);
    UNTIL(loop, server.in.n == 4);
    sock_abort(client.sock);
    UNTIL(loop, server.closed == 1);
    assert_int_equal(server.why.code, ERR_IO);
    uv_close((uv_handle_t *)&l.handle, NULL);
    buf_release(&client.in);
    buf_release(&server.in);
    loop_free(loop);
}

static void a_failed_handshake_is_told_to_both(void **state)
{
    struct tls_world *w = *state;
    struct loop *loop = peer_loop();
    struct owner client, server;
    struct listening l;
    uint16_t port = 0;
    owner_init(&client, loop);
    owner_init(&server, loop);
    listen_with(&l, &server, w->server, &port);
    struct sock_target target = target_of(port);
    target.tls = w->client;
    target.tls_host = "other.test";
    client.sock = sock_connect(loop, &target, &events, &client);
    UNTIL(loop, client.closed == 1 && server.closed == 1);
    assert_int_equal(client.opened, 0);
    assert_int_equal(client.why.code, ERR_DENIED);
    assert_contains(client.why.text, "other.test");
    assert_int_equal(server.why.code, ERR_IO);
    /* Given up in the moment it opens. */
    client.abort_on_open = true;
    client.closed = 0;
    server.closed = 0;
    target.tls_host = "a.test";
    client.sock = sock_connect(loop, &target, &events, &client);
    UNTIL(loop, client.opened == 1 && server.closed == 1);
    assert_int_equal(client.closed, 0);
    /* A peer that speaks no TLS. */
    struct peer p;
    server.closed = 0;
    peer_connect(&p, port);
    peer_send(&p, "GET / HTTP/1.1\r\n\r\n");
    UNTIL(loop, server.closed == 1);
    assert_contains(server.why.text, "TLS");
    peer_close(&p);
    uv_close((uv_handle_t *)&l.handle, NULL);
    buf_release(&client.in);
    buf_release(&server.in);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(the_end_of_the_peer_is_told_once_and_by_its_kind),
        cmocka_unit_test(nobody_listening_is_told_later),
        cmocka_unit_test(a_socket_given_up_says_nothing_more),
        cmocka_unit_test(closing_sends_what_was_put_before),
        cmocka_unit_test(a_backlog_grows_to_a_limit_and_drains),
        cmocka_unit_test(a_paused_socket_reads_nothing_until_it_is_resumed),
        cmocka_unit_test(tls_carries_bytes_and_a_polite_end),
        cmocka_unit_test(tls_may_start_on_an_open_connection),
        cmocka_unit_test(a_failed_handshake_is_told_to_both),
    };
    return cmocka_run_group_tests_name("net/sock", tests, open_tls_world, close_tls_world);
}
