#include "unit/net/caller.h"
#include "unit/net/certificates.h"

#include "core/mem.h"
#include "net/server.h"
#include "net/tls.h"

/* ---- failures and times ---- */

static void a_refused_connection_is_told_after_the_start(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, 1);
    close(w.listener);
    struct caller c = caller(&w);
    start(&c);
    assert_int_equal(c.fails, 0);
    UNTIL(w.loop, over(&c));
    expect_failure(&c, ERR_IO, CLIENT_CONNECTING);
    assert_non_null(strstr(c.why.text, "127.0.0.1"));
    assert_int_equal(c.sent, 0);
    assert_int_equal(counts(&w).connections, 0);
    w.listener = dup(0);
    world_close(&w);
}

static void a_name_without_address_fails(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, 1);
    world_origin(&w, &(struct client_origin_options){
                         .host = "no such name", .port = 1, .connections_max = 1});
    for (int i = 0; i < 2; i++) { /* looked up, remembered */
        struct caller c = caller(&w);
        start(&c);
        UNTIL(w.loop, over(&c));
        expect_failure(&c, ERR_IO, CLIENT_CONNECTING);
        assert_int_equal(counts(&w).connections, 0);
    }
    world_close(&w);
}

static void a_provider_that_takes_too_long_is_left(void **state)
{
    struct world w;
    struct peer p;
    (void)state;
    world_open(&w, 1);
    /* 0: no head; 1: part of a head; 2: no body; 3: the body stops. */
    static const char *const said[] = {"", "HTTP/1.1 2", "HTTP/1.1 200 OK\r\n\r\n",
                                       "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi"};
    for (int i = 0; i < 4; i++) {
        struct caller c = caller(&w);
        c.request.head_timeout_ms = i < 2 ? 20 : 60000;
        c.request.idle_timeout_ms = i < 2 ? 60000 : 20;
        start(&c);
        accept_one(&w, &p);
        expect_request(&w, &p);
        peer_send(&p, said[i]);
        UNTIL(w.loop, over(&c));
        expect_failure(&c, ERR_TIMEOUT, i < 2 ? CLIENT_SENT : CLIENT_BODY);
        UNTIL(w.loop, peer_read(&p));
        peer_close(&p);
        buf_release(&c.body);
    }
    world_close(&w);
}

static void a_call_does_not_wait_for_ever_in_the_queue(void **state)
{
    struct world w;
    struct peer p;
    (void)state;
    world_open(&w, 1);
    world_origin(&w, &(struct client_origin_options){.host = "127.0.0.1",
                                                     .port = w.port,
                                                     .connections_max = 1,
                                                     .connect_timeout_ms = 200,
                                                     .idle_ms = 60000});
    struct caller a = caller(&w);
    struct caller b = caller(&w);
    start(&a);
    accept_one(&w, &p);
    expect_request(&w, &p);
    start(&b);
    UNTIL(w.loop, over(&b));
    expect_failure(&b, ERR_TIMEOUT, CLIENT_WAITING);
    peer_send(&p, OK_HI);
    UNTIL(w.loop, over(&a));
    expect_answer(&a, 200, "hi"); /* the time of connecting ended with the sending */
    peer_close(&p);
    buf_release(&a.body);
    world_close(&w);
}

/* ---- back-pressure ---- */

static void a_paused_answer_stays_with_the_provider(void **state)
{
    struct world w;
    struct peer p;
    size_t size = 24u << 20;
    (void)state;
    world_open(&w, 1);
    struct caller c = caller(&w);
    c.pause_at = AT_HEAD;
    start(&c);
    accept_one(&w, &p);
    expect_request(&w, &p);
    char *bytes = x_calloc(1, size);
    struct str rest = str_make(bytes, size);
    peer_send(&p, "HTTP/1.1 200 OK\r\ncontent-length: 25165824\r\n\r\n");
    UNTIL(w.loop, c.heads == 1);
    for (int i = 0; i < 30; i++) {
        peer_push(&p, &rest);
        peer_turn(w.loop);
        poll(NULL, 0, 1);
    }
    assert_true(rest.n > 0);
    assert_true(c.body.n <= LOOP_READ_BYTES);
    client_pause(w.client, c.id);
    c.pause_at = AT_NEVER;
    client_resume(w.client, c.id);
    client_resume(w.client, c.id);
    UNTIL(w.loop, (peer_push(&p, &rest), over(&c)));
    assert_int_equal(c.ends, 1);
    assert_int_equal(c.body.n, size);
    /* A call that is paused when its answer has come whole leaves a connection that reads. */
    struct caller next = caller(&w);
    next.pause_at = AT_BODY;
    for (int i = 0; i < 2; i++) {
        start(&next);
        expect_request(&w, &p);
        peer_send(&p, OK_HI);
        UNTIL(w.loop, next.ends == i + 1);
    }
    peer_close(&p);
    UNTIL(w.loop, counts(&w).connections == 0);
    x_free(bytes);
    buf_release(&c.body);
    buf_release(&next.body);
    world_close(&w);
}

/* Nobody is late while we do not look; afterwards the time counts again. */
static void a_paused_call_has_no_time_limit(void **state)
{
    struct world w;
    struct peer p;
    (void)state;
    world_open(&w, 1);
    struct caller c = caller(&w);
    c.pause_at = AT_TURN;
    c.request.idle_timeout_ms = 10;
    start(&c);
    accept_one(&w, &p);
    expect_request(&w, &p);
    peer_send(&p, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi");
    UNTIL(w.loop, c.turns == 1 || over(&c));
    if (c.turns == 1) { /* else this machine was asleep between head and body */
        for (int i = 0; i < 3; i++) {
            peer_idle(w.loop);
        }
        assert_int_equal(c.fails, 0);
        client_resume(w.client, c.id);
        UNTIL(w.loop, over(&c));
    }
    expect_failure(&c, ERR_TIMEOUT, CLIENT_BODY);
    peer_close(&p);
    buf_release(&c.body);
    world_close(&w);
}

static void a_large_body_is_sent_as_the_provider_reads(void **state)
{
    struct world w;
    struct peer p;
    size_t size = 8u << 20;
    (void)state;
    world_open(&w, 1);
    struct caller c = caller(&w);
    char *bytes = x_calloc(1, size);
    c.request.head = STR("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 8388608\r\n\r\n");
    c.request.body = str_make(bytes, size);
    start(&c);
    accept_one(&w, &p);
    UNTIL(w.loop, (peer_read(&p), p.in.n >= size + c.request.head.n));
    assert_int_equal(p.in.n, size + c.request.head.n);
    peer_send(&p, OK_HI);
    UNTIL(w.loop, over(&c));
    expect_answer(&c, 200, "hi");
    peer_close(&p);
    x_free(bytes);
    buf_release(&c.body);
    world_close(&w);
}

/* ---- origins ---- */

static void a_closed_origin_finishes_what_was_begun(void **state)
{
    struct world w;
    struct peer p, q, idle;
    (void)state;
    world_open(&w, 2);
    warm_up(&w, &idle);
    struct caller a = caller(&w);
    start(&a); /* on the kept one */
    expect_request(&w, &idle);
    struct caller b = caller(&w);
    struct caller queued = caller(&w);
    start(&b);
    start(&queued);
    accept_one(&w, &p);
    client_origin_close(w.origin);
    expect_request(&w, &p);
    assert_int_equal(counts(&w).waiting, 1);
    peer_send(&p, OK_HI);
    UNTIL(w.loop, over(&b));
    expect_answer(&b, 200, "hi");
    UNTIL(w.loop, peer_read(&p)); /* not kept */
    accept_one(&w, &q);
    expect_request(&w, &q);
    peer_send(&q, OK_HI);
    peer_send(&idle, OK_HI);
    UNTIL(w.loop, over(&a) && over(&queued));
    expect_answer(&a, 200, "hi");
    expect_answer(&queued, 200, "hi");
    assert_int_equal(counts(&w).connections, 0);
    peer_close(&p);
    peer_close(&q);
    peer_close(&idle);
    buf_release(&a.body);
    buf_release(&b.body);
    buf_release(&queued.body);
    world_close(&w);
}

static void a_closed_origin_ends_its_kept_connections(void **state)
{
    struct world w;
    struct peer p;
    (void)state;
    world_open(&w, 2);
    warm_up(&w, &p);
    client_origin_close(w.origin);
    UNTIL(w.loop, peer_read(&p));
    assert_false(p.reset);
    peer_close(&p);
    world_close(&w);
}

/* ---- TLS and proxies ---- */

/* A provider that speaks TLS and sends each body back. */
struct secure {
    struct certificates *certificates;
    struct tls_context *trust;    /* the authority of the provider's certificate */
    struct tls_context *mistrust; /* another */
    struct tls_context *identity;
    struct server *server;
    int requests;
};

static void echo(void *ctx, struct server_request *request)
{
    struct secure *s = ctx;
    s->requests++;
    server_reply(request, 200, NULL, NULL, 0, buf_str(&request->body));
}

static void gone(void *ctx, struct server_request *request)
{
    (void)ctx;
    (void)request;
}

static const struct server_events echo_events = {
    .on_request = echo, .on_gone = gone, .on_drain = gone};

static void secure_open(struct world *w, struct secure *s)
{
    char key[CERTIFICATES_PATH_MAX];
    struct error err;
    *s = (struct secure){.certificates = certificates_new()};
    snprintf(key, sizeof(key), "%s", cert_path(s->certificates, "good", ".key"));
    int rc =
        tls_context_new_server(cert_path(s->certificates, "good", ".pem"), key, &s->identity, &err);
    assert_int_equal(rc, 0);
    rc = tls_context_new_client(cert_path(s->certificates, "ca", ".pem"), &s->trust, &err);
    assert_int_equal(rc, 0);
    const struct certificate_wish other = {"other", NULL, -1, 10, true, true};
    cert_make(s->certificates, &other);
    rc = tls_context_new_client(cert_path(s->certificates, "other", ".pem"), &s->mistrust, &err);
    assert_int_equal(rc, 0);
    struct server_options options = {.address = "127.0.0.1",
                                     .tls = s->identity,
                                     .body_bytes_max = PEER_BYTES_MAX,
                                     .head_timeout_ms = 60000,
                                     .body_timeout_ms = 60000,
                                     .idle_timeout_ms = 60000};
    rc = server_open(w->loop, &options, &echo_events, s, &s->server, &err);
    assert_int_equal(rc, 0);
}

static void secure_close(struct secure *s)
{
    server_close(s->server);
    tls_context_unref(s->identity);
    tls_context_unref(s->trust);
    tls_context_unref(s->mistrust);
    certificates_free(s->certificates);
}

static void calls_over_tls_share_a_connection(void **state)
{
    struct world w;
    struct secure s;
    size_t size = 3u << 20;
    (void)state;
    world_open(&w, 1);
    secure_open(&w, &s);
    world_origin(&w, &(struct client_origin_options){.host = "127.0.0.1",
                                                     .port = server_port(s.server),
                                                     .tls = s.trust,
                                                     .connections_max = 1,
                                                     .connect_timeout_ms = 60000,
                                                     .idle_ms = 60000});
    char *bytes = x_calloc(1, size);
    for (int i = 0; i < 3; i++) {
        struct caller c = caller(&w);
        c.request.head = STR("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3145728\r\n\r\n");
        c.request.body = str_make(bytes, size);
        start(&c);
        UNTIL(w.loop, over(&c));
        assert_int_equal(c.ends, 1);
        assert_int_equal(c.body.n, size);
        assert_int_equal(c.reused, i > 0);
        buf_release(&c.body);
    }
    assert_int_equal(server_connections(s.server), 1);
    x_free(bytes);
    secure_close(&s);
    UNTIL(w.loop, counts(&w).connections == 0);
    world_close(&w);
}

static void a_certificate_that_does_not_fit_is_denied(void **state)
{
    struct world w;
    struct secure s;
    (void)state;
    world_open(&w, 1);
    secure_open(&w, &s);
    world_origin(&w, &(struct client_origin_options){.host = "127.0.0.1",
                                                     .port = server_port(s.server),
                                                     .tls = s.mistrust,
                                                     .connections_max = 1,
                                                     .connect_timeout_ms = 60000});
    struct caller c = caller(&w);
    start(&c);
    UNTIL(w.loop, over(&c));
    expect_failure(&c, ERR_DENIED, CLIENT_CONNECTING);
    UNTIL(w.loop, server_connections(s.server) == 0);
    assert_int_equal(s.requests, 0);
    secure_close(&s);
    world_close(&w);
}

static void proxy_origin(struct world *w, struct tls_context *tls, const char *host, int64_t ms)
{
    world_origin(w, &(struct client_origin_options){.host = host,
                                                    .port = 443,
                                                    .tls = tls,
                                                    .proxy_host = "127.0.0.1",
                                                    .proxy_port = w->port,
                                                    .proxy_authorization = "Basic eA==",
                                                    .connections_max = 1,
                                                    .connect_timeout_ms = ms,
                                                    .idle_ms = 60000});
}

/* What the proxy does between the two. */
static void relay(struct peer *a, struct peer *b)
{
    peer_read(a);
    peer_read(b);
    peer_send_str(b, buf_str(&a->in));
    peer_send_str(a, buf_str(&b->in));
    peer_forget(a);
    peer_forget(b);
}

static void a_proxy_connects_to_a_tls_provider(void **state)
{
    struct world w;
    struct secure s;
    struct peer proxy, onward;
    (void)state;
    world_open(&w, 1);
    secure_open(&w, &s);
    proxy_origin(&w, s.trust, "a.test", 60000);
    for (int i = 0; i < 2; i++) {
        struct caller c = caller(&w);
        c.request.head = STR("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n");
        c.request.body = STR("hello");
        start(&c);
        if (i == 0) {
            accept_one(&w, &proxy);
            UNTIL(w.loop, peer_has(&proxy, "\r\n\r\n"));
            assert_str(buf_str(&proxy.in), "CONNECT a.test:443 HTTP/1.1\r\nhost: a.test:443\r\n"
                                           "proxy-authorization: Basic eA==\r\n\r\n");
            peer_forget(&proxy);
            peer_connect(&onward, server_port(s.server));
            peer_send(&proxy, "HTTP/1.1 200 Connection established\r\n\r\n");
        }
        UNTIL(w.loop, (relay(&proxy, &onward), over(&c)));
        expect_answer(&c, 200, "hello");
        assert_int_equal(c.reused, i);
        buf_release(&c.body);
    }
    client_free(w.client);
    w.client = client_new(w.loop);
    peer_close(&proxy);
    peer_close(&onward);
    secure_close(&s);
    world_close(&w);
}

static void a_proxy_that_does_not_connect_fails_the_call(void **state)
{
    static const struct {
        const char *says;
        bool closes;
        enum err code;
    } rows[] = {
        {"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n", false,
         ERR_UPSTREAM                                                                                  },
        {"HTTP/1.1 502 Bad Gateway\r\n\r\nsorry",                                   true,  ERR_UPSTREAM},
        {"SSH-2.0-OpenSSH_9.2\r\n\r\n",                                             false, ERR_UPSTREAM},
        {"",                                                                        true,  ERR_IO      },
        {"HTTP/1.1 200 OK\r\n",                                                     true,  ERR_IO      },
        {"HTTP/1.1 200 OK\r\n\r\n",                                                 true,  ERR_IO      },
        {"",                                                                        false, ERR_TIMEOUT },
        {"HTTP/1.1 200 OK\r\n\r\n",                                                 false, ERR_TIMEOUT },
    };
    struct world w;
    struct secure s;
    struct peer proxy;
    (void)state;
    world_open(&w, 1);
    secure_open(&w, &s);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        proxy_origin(&w, s.trust, "a.test", rows[i].code == ERR_TIMEOUT ? 100 : 60000);
        struct caller c = caller(&w);
        start(&c);
        accept_one(&w, &proxy);
        expect_request(&w, &proxy);
        peer_send(&proxy, rows[i].says);
        if (rows[i].closes) {
            peer_finish(&proxy);
        }
        UNTIL(w.loop, over(&c));
        expect_failure(&c, rows[i].code, CLIENT_CONNECTING);
        assert_int_equal(c.sent, 0);
        UNTIL(w.loop, peer_read(&proxy));
        peer_close(&proxy);
    }
    secure_close(&s);
    world_close(&w);
}

static void a_proxied_provider_still_has_to_prove_its_name(void **state)
{
    struct world w;
    struct secure s;
    struct peer proxy, onward;
    (void)state;
    world_open(&w, 1);
    secure_open(&w, &s);
    proxy_origin(&w, s.trust, "b.test", 60000);
    struct caller c = caller(&w);
    start(&c);
    accept_one(&w, &proxy);
    expect_request(&w, &proxy);
    peer_connect(&onward, server_port(s.server));
    peer_send(&proxy, "HTTP/1.1 200 OK\r\n\r\n");
    UNTIL(w.loop, (relay(&proxy, &onward), over(&c)));
    expect_failure(&c, ERR_DENIED, CLIENT_CONNECTING);
    peer_close(&proxy);
    peer_close(&onward);
    secure_close(&s);
    world_close(&w);
}

static void a_plain_call_is_handed_to_the_proxy_as_it_is(void **state)
{
    struct world w;
    struct peer proxy;
    (void)state;
    world_open(&w, 1);
    proxy_origin(&w, NULL, "no such name", 60000);
    struct caller c = caller(&w);
    start(&c);
    accept_one(&w, &proxy);
    UNTIL(w.loop, peer_has(&proxy, "\r\n\r\n"));
    assert_str(buf_str(&proxy.in), GET);
    peer_send(&proxy, OK_HI);
    UNTIL(w.loop, over(&c));
    expect_answer(&c, 200, "hi");
    peer_close(&proxy);
    buf_release(&c.body);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_connection_is_told_after_the_start),
        cmocka_unit_test(a_name_without_address_fails),
        cmocka_unit_test(a_provider_that_takes_too_long_is_left),
        cmocka_unit_test(a_call_does_not_wait_for_ever_in_the_queue),
        cmocka_unit_test(a_paused_answer_stays_with_the_provider),
        cmocka_unit_test(a_paused_call_has_no_time_limit),
        cmocka_unit_test(a_large_body_is_sent_as_the_provider_reads),
        cmocka_unit_test(a_closed_origin_finishes_what_was_begun),
        cmocka_unit_test(a_closed_origin_ends_its_kept_connections),
        cmocka_unit_test(calls_over_tls_share_a_connection),
        cmocka_unit_test(a_certificate_that_does_not_fit_is_denied),
        cmocka_unit_test(a_proxy_connects_to_a_tls_provider),
        cmocka_unit_test(a_proxy_that_does_not_connect_fails_the_call),
        cmocka_unit_test(a_proxied_provider_still_has_to_prove_its_name),
        cmocka_unit_test(a_plain_call_is_handed_to_the_proxy_as_it_is),
    };
    return cmocka_run_group_tests_name("net/client_flow", tests, NULL, NULL);
}
