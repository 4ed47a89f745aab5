#include "unit/net/peer.h"

#include "net/server.h"

#define OPEN_MAX_REQUESTS  64
#define LARGE_ANSWER_BYTES 100000

/* An application that answers at once, or keeps requests until the test answers them. */
struct app {
    struct loop *loop;
    struct server *server;
    struct server_request *open[OPEN_MAX_REQUESTS];
    size_t open_count;
    size_t requests;
    size_t gone;
    size_t drained;
    bool large_answers; /* given at once */
    bool answer_at_once;
    bool answer_refused; /* refused ones are answered at once in any case */
};

static void forget(struct app *a, struct server_request *r)
{
    for (size_t i = 0; i < a->open_count; i++) {
        if (a->open[i] == r) {
            a->open[i] = a->open[--a->open_count];
            return;
        }
    }
    fail_msg("a request that is not open");
}

/* The one that has waited longest. */
static struct server_request *take(struct app *a)
{
    assert_true(a->open_count > 0);
    struct server_request *r = a->open[0];
    memmove(&a->open[0], &a->open[1], --a->open_count * sizeof(a->open[0]));
    return r;
}

static void answer(struct server_request *r, int status)
{
    char text[128];
    snprintf(text, sizeof(text), "you sent %.*s %.*s", STR_ARG(r->path),
             (int)(r->body.n < 40 ? r->body.n : 40), r->body.p ? r->body.p : "");
    server_reply(r, status, "text/plain", NULL, 0, str_of(text));
}

static void on_request(void *ctx, struct server_request *r)
{
    struct app *a = ctx;
    a->requests++;
    if (r->refused.status != 0 && a->answer_refused) {
        server_reply(r, r->refused.status, "text/plain", NULL, 0, str_of(r->refused.error.text));
        return;
    }
    if (a->large_answers) {
        char text[LARGE_ANSWER_BYTES];
        memset(text, 'a', sizeof(text));
        server_reply(r, 200, "text/plain", NULL, 0, str_make(text, sizeof(text)));
        return;
    }
    if (a->answer_at_once) {
        answer(r, 200);
        return;
    }
    assert_true(a->open_count < OPEN_MAX_REQUESTS);
    a->open[a->open_count++] = r;
}

static void on_gone(void *ctx, struct server_request *r)
{
    struct app *a = ctx;
    a->gone++;
    forget(a, r);
}

static void on_drain(void *ctx, struct server_request *r)
{
    struct app *a = ctx;
    (void)r;
    a->drained++;
}

static bool on_head(void *ctx, struct server_request *r)
{
    (void)ctx;
    return !str_is(r->path, "/unwanted");
}

static const struct server_events events = {
    .on_request = on_request, .on_gone = on_gone, .on_drain = on_drain, .on_head = on_head};

static const struct server_options usual = {
    .address = "127.0.0.1",
    .body_bytes_max = 100000,
    .head_timeout_ms = 60000,
    .body_timeout_ms = 60000,
    .idle_timeout_ms = 60000,
};

static void app_open(struct app *a, const struct server_options *options, bool at_once)
{
    struct error err = {0};
    *a = (struct app){.answer_at_once = at_once, .answer_refused = true};
    a->loop = peer_loop();
    assert_int_equal(server_open(a->loop, options, &events, a, &a->server, &err), 0);
    assert_true(server_port(a->server) != 0);
}

static void app_close(struct app *a)
{
    server_close(a->server);
    assert_int_equal(a->open_count, 0);
    loop_free(a->loop);
}

static void app_peer(struct app *a, struct peer *p)
{
    peer_connect(p, server_port(a->server));
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static void requests_are_answered_and_the_connection_is_kept(void **state)
{
    struct app a;
    struct peer p;
    (void)state;
    app_open(&a, &usual, true);
    app_peer(&a, &p);
    peer_send(&p, GET("/one?x=1"));
    UNTIL(a.loop, peer_has(&p, "you sent /one "));
    assert_true(peer_has(&p, "HTTP/1.1 200 OK\r\n"));
    assert_true(peer_has(&p, "content-length: 14\r\n"));
    assert_true(peer_has(&p, "content-type: text/plain\r\n"));
    assert_false(peer_has(&p, "connection: close"));
    peer_forget(&p);
    peer_send(&p, "POST /two HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
    peer_idle(a.loop);
    assert_int_equal(a.requests, 1);
    peer_send(&p, "lo");
    UNTIL(a.loop, peer_has(&p, "you sent /two hello"));
    peer_forget(&p);
    peer_send(&p, "POST /three HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n");
    UNTIL(a.loop, peer_has(&p, "you sent /three abcd"));
    peer_forget(&p);
    peer_send(&p, "HEAD /four HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(a.loop, peer_has(&p, "\r\n\r\n"));
    peer_idle(a.loop);
    assert_true(peer_has(&p, "content-length: 15\r\n"));
    assert_false(peer_has(&p, "you sent"));
    assert_int_equal(server_connections(a.server), 1);
    assert_int_equal(server_requests(a.server), 0);
    peer_close(&p);
    UNTIL(a.loop, server_connections(a.server) == 0);
    assert_int_equal(a.gone, 0);
    app_close(&a);
}

static void an_answer_can_say_that_it_is_the_last(void **state)
{
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
    };
    struct app a;
    (void)state;
    app_open(&a, &usual, true);
    for (size_t i = 0; i < 2; i++) {
        struct peer p;
        app_peer(&a, &p);
        peer_send(&p, requests[i]);
        UNTIL(a.loop, peer_read(&p));
        assert_true(peer_has(&p, "connection: close\r\n"));
        assert_true(peer_has(&p, "you sent /"));
        assert_false(p.reset);
        peer_close(&p);
    }
    struct peer p;
    app_peer(&a, &p);
    peer_send(&p, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    UNTIL(a.loop, peer_has(&p, "you sent /"));
    assert_true(peer_has(&p, "connection: keep-alive\r\n"));
    peer_send(&p, GET("/again"));
    UNTIL(a.loop, peer_has(&p, "you sent /again"));
    peer_close(&p);
    app_close(&a);
}

static void malformed_bytes_are_refused_with_the_reason(void **state)
{
    static const struct {
        const char *bytes;
        const char *status;
        const char *why;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n",                                                  "400 Bad Request",       "Host"                  },
        {"nonsense\r\n\r\n",                                                        "400 Bad Request",       "malformed request line"},
        {"GET / HTTP/1.1\nHost: a\r\n",                                             "400 Bad Request",       "LF alone"              },
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",                                        "400 Bad Request",       "HTTP/2"                },
        {"\x16\x03\x01\x02\x03",                                                    "400 Bad Request",       "TLS"                   },
        {"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",                                 "400 Bad Request",       "CONNECT"               },
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
         "400 Bad Request",                                                                                  "chunk"                 },
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n",            "413 Content Too Large",
         "100000"                                                                                                                    },
    };
    struct app a;
    (void)state;
    app_open(&a, &usual, true);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct peer p;
        app_peer(&a, &p);
        peer_send(&p, cases[i].bytes);
        UNTIL(a.loop, peer_read(&p));
        assert_true(peer_has(&p, cases[i].status));
        assert_true(peer_has(&p, cases[i].why));
        assert_true(peer_has(&p, "connection: close"));
        assert_int_equal(a.requests, i + 1);
        peer_close(&p);
    }
    UNTIL(a.loop, server_connections(a.server) == 0);
    assert_int_equal(server_requests(a.server), 0);
    assert_int_equal(a.gone, 0);
    app_close(&a);
}

static void what_is_too_large_is_refused(void **state)
{
    struct app a;
    struct peer p;
    char line[1001];
    (void)state;
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\0';
    app_open(&a, &usual, true);
    app_peer(&a, &p);
    peer_send(&p, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
    for (int i = 0; i < 70; i++) {
        peer_send(&p, line);
        peer_turn(a.loop);
    }
    UNTIL(a.loop, peer_has(&p, "431 Request Header Fields Too Large"));
    peer_close(&p);
    app_peer(&a, &p);
    peer_send(&p, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 101; i++) {
        peer_send(&p, "3e8\r\n");
        peer_send(&p, line);
        peer_send(&p, "\r\n");
        peer_turn(a.loop);
    }
    UNTIL(a.loop, peer_has(&p, "413 Content Too Large"));
    peer_close(&p);
    /* The limit can be moved while it runs. */
    server_set_body_max(a.server, 3);
    app_peer(&a, &p);
    peer_send(&p, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    UNTIL(a.loop, peer_has(&p, "you sent / abc"));
    peer_send(&p, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd");
    UNTIL(a.loop, peer_has(&p, "413 Content Too Large"));
    peer_close(&p);
    app_close(&a);
}

static void slow_clients_are_refused_and_idle_ones_are_let_go(void **state)
{
    struct server_options options = usual;
    struct app a;
    struct peer p;
    (void)state;
    options.head_timeout_ms = 20;
    options.body_timeout_ms = 20;
    options.idle_timeout_ms = 20;
    app_open(&a, &options, true);

    app_peer(&a, &p); /* nothing at all */
    UNTIL(a.loop, peer_read(&p));
    assert_int_equal(p.in.n, 0);
    peer_close(&p);

    app_peer(&a, &p); /* one byte now and then */
    for (int i = 0; i < PEER_TURNS_MAX && !peer_has(&p, "408"); i++) {
        send(p.fd, "G", 1, MSG_NOSIGNAL);
        peer_turn(a.loop);
        poll(NULL, 0, 1);
    }
    assert_true(peer_has(&p, "408 Request Timeout"));
    peer_close(&p);

    app_peer(&a, &p); /* a body that stops */
    peer_send(&p, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab");
    UNTIL(a.loop, peer_read(&p));
    assert_true(peer_has(&p, "408 Request Timeout"));
    peer_close(&p);
    assert_int_equal(a.requests, 2);

    app_peer(&a, &p); /* idle after an answer */
    peer_send(&p, GET("/"));
    UNTIL(a.loop, peer_read(&p));
    assert_true(peer_has(&p, "200 OK"));
    assert_false(peer_has(&p, "408"));
    peer_close(&p);

    app_peer(&a, &p); /* idle after an answer and an empty line, which is no request */
    peer_send(&p, GET("/") "\r\n");
    UNTIL(a.loop, peer_read(&p));
    assert_true(peer_has(&p, "200 OK"));
    assert_false(peer_has(&p, "408"));
    peer_close(&p);
    UNTIL(a.loop, server_connections(a.server) == 0);
    app_close(&a);
}

static void an_open_request_has_no_time_limit_here(void **state)
{
    struct server_options options = usual;
    struct app a;
    struct peer p;
    (void)state;
    options.head_timeout_ms = 5;
    options.body_timeout_ms = 5;
    options.idle_timeout_ms = 5;
    app_open(&a, &options, false);
    app_peer(&a, &p);
    peer_send(&p, GET("/slow"));
    UNTIL(a.loop, a.open_count == 1);
    peer_idle(a.loop);
    answer(take(&a), 200);
    UNTIL(a.loop, peer_has(&p, "you sent /slow"));
    peer_close(&p);
    app_close(&a);
}

static void pipelined_requests_are_answered_one_after_the_other(void **state)
{
    struct app a;
    struct peer p;
    (void)state;
    app_open(&a, &usual, true);
    app_peer(&a, &p);
    struct buf many;
    buf_init(&many, PEER_BYTES_MAX);
    for (int i = 0; i < 3000; i++) {
        buf_putf(&many, "POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", i);
    }
    for (size_t at = 0; at < many.n;) {
        ssize_t n = send(p.fd, many.p + at, many.n - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        at += n > 0 ? (size_t)n : 0;
        peer_turn(a.loop);
        peer_read(&p);
    }
    UNTIL(a.loop, peer_has(&p, "you sent /2999 x"));
    assert_int_equal(a.requests, 3000);
    ptrdiff_t last = -1;
    for (int i = 0; i < 3000; i++) {
        char text[64];
        int n = snprintf(text, sizeof(text), "you sent /%d x", i);
        ptrdiff_t at =
            str_find(str_from(buf_str(&p.in), (size_t)(last + 1)), str_make(text, (size_t)n));
        assert_true(at >= 0);
        last += at + 1;
    }
    buf_release(&many);
    peer_close(&p);
    app_close(&a);
}

static void a_pipelined_request_waits_for_the_answer_before_it(void **state)
{
    struct app a;
    struct peer p;
    (void)state;
    app_open(&a, &usual, false);
    app_peer(&a, &p);
    peer_send(&p, GET("/1") GET("/2") "GET /3 HT");
    UNTIL(a.loop, a.open_count == 1);
    peer_idle(a.loop);
    assert_int_equal(a.requests, 1);
    peer_send(&p, "TP/1.1\r\nHost: a\r\n\r\n");
    answer(take(&a), 200);
    UNTIL(a.loop, a.open_count == 1);
    assert_int_equal(a.requests, 2);
    peer_idle(a.loop);
    answer(take(&a), 200);
    UNTIL(a.loop, a.open_count == 1);
    answer(take(&a), 200);
    UNTIL(a.loop, peer_has(&p, "you sent /3"));
    assert_true(peer_has(&p, "you sent /1"));
    assert_true(peer_has(&p, "you sent /2"));
    peer_close(&p);
    app_close(&a);
}

static void what_is_sent_ahead_is_bounded_and_not_lost(void **state)
{
    struct app a;
    struct peer p;
    size_t bodies = 0;
    (void)state;
    app_open(&a, &usual, false);
    app_peer(&a, &p);
    struct buf many;
    buf_init(&many, PEER_BYTES_MAX);
    char body[1001];
    memset(body, 'b', 1000);
    body[1000] = '\0';
    for (int i = 0; i < 8000; i++) {
        buf_putf(&many, "POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n%s", i, body);
    }
    size_t at = 0;
    size_t stalled = 0;
    while (stalled < 200) { /* until the kernel's buffers are full too */
        ssize_t n = send(p.fd, many.p + at, many.n - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        stalled = n > 0 ? 0 : stalled + 1;
        at += n > 0 ? (size_t)n : 0;
        peer_turn(a.loop);
        if (at == many.n) {
            break;
        }
    }
    assert_true(at < many.n);
    assert_int_equal(a.requests, 1);
    while (bodies < 8000) {
        UNTIL(a.loop, a.open_count == 1);
        assert_int_equal(a.open[0]->body.n, 1000);
        bodies++;
        answer(take(&a), 200);
        if (at < many.n) {
            ssize_t n = send(p.fd, many.p + at, many.n - at, MSG_DONTWAIT | MSG_NOSIGNAL);
            at += n > 0 ? (size_t)n : 0;
        }
        peer_read(&p);
    }
    UNTIL(a.loop, peer_has(&p, "you sent /7999 "));
    buf_release(&many);
    peer_close(&p);
    app_close(&a);
}

static void unread_answers_hold_back_the_requests_behind_them(void **state)
{
    const size_t all = 600;
    struct app a;
    struct peer p;
    (void)state;
    app_open(&a, &usual, true);
    a.large_answers = true;
    app_peer(&a, &p);
    for (size_t i = 0; i < all; i++) {
        peer_send(&p, GET("/"));
    }
    peer_idle(a.loop);
    assert_true(a.requests > 2);
    assert_true(a.requests < all / 2); /* what the kernel holds, and a little more */
    UNTIL(a.loop, (peer_read(&p), peer_forget(&p), a.requests == all));
    peer_close(&p);
    UNTIL(a.loop, server_connections(a.server) == 0);
    app_close(&a);
}

static void a_client_that_reads_no_answers_is_let_go_as_an_idle_one(void **state)
{
    struct server_options options = usual;
    struct app a;
    struct peer p;
    (void)state;
    options.idle_timeout_ms = 20;
    app_open(&a, &options, true);
    a.large_answers = true;
    app_peer(&a, &p);
    for (size_t i = 0; i < 600; i++) {
        peer_send(&p, GET("/"));
    }
    UNTIL(a.loop, a.requests > 2 && server_connections(a.server) == 0);
    assert_true(a.requests < 300);
    peer_close(&p);
    app_close(&a);
}

static void a_client_that_leaves_is_told_in_every_phase(void **state)
{
    struct app a;
    (void)state;
    app_open(&a, &usual, false);
    for (int phase = 0; phase < 4; phase++) {
        for (int how = 0; how < 3; how++) {
            struct peer p;
            size_t gone = a.gone;
            app_peer(&a, &p);
            peer_send(&p, GET("/x") "GET /ahead");
            UNTIL(a.loop, a.open_count == 1);
            struct server_request *r = a.open[0];
            if (phase >= 1) {
                server_reply_start(r, 200, NULL, 0, -1);
                server_reply_flush(r);
            }
            if (phase >= 2) {
                server_reply_bytes(r, STR("some"));
                server_reply_flush(r);
                UNTIL(a.loop, peer_has(&p, "some"));
            }
            if (phase == 3) { /* much that is not read */
                static char much[1 << 20];
                memset(much, 'm', sizeof(much));
                for (int i = 0; i < 8; i++) {
                    server_reply_bytes(r, str_make(much, sizeof(much)));
                }
                server_reply_flush(r);
                assert_true(server_reply_backlog(r) > 0);
            }
            if (how == 0) {
                peer_close(&p);
            } else if (how == 1) {
                peer_reset(&p);
            } else {
                peer_finish(&p);
            }
            UNTIL(a.loop, a.gone == gone + 1);
            assert_int_equal(a.open_count, 0);
            if (how == 2) {
                peer_close(&p);
            }
            UNTIL(a.loop, server_connections(a.server) == 0);
        }
    }
    assert_int_equal(server_requests(a.server), 0);
    app_close(&a);
}

static void a_client_that_leaves_before_its_request_is_whole_is_no_request(void **state)
{
    static const char *const parts[] = {
        "", "GET /", "GET / HTTP/1.1\r\nHost: a\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"};
    struct app a;
    (void)state;
    app_open(&a, &usual, false);
    for (int how = 0; how < 3; how++) {
        for (size_t i = 0; i < 4; i++) {
            struct peer p;
            app_peer(&a, &p);
            peer_send(&p, parts[i]);
            UNTIL(a.loop, server_connections(a.server) == 1);
            if (how == 0) {
                peer_close(&p);
            } else if (how == 1) {
                peer_reset(&p);
            } else {
                peer_finish(&p);
                UNTIL(a.loop, peer_read(&p));
                peer_close(&p);
            }
            UNTIL(a.loop, server_connections(a.server) == 0);
        }
    }
    assert_int_equal(a.requests, 0);
    assert_int_equal(a.gone, 0);
    app_close(&a);
}

static void a_stream_is_chunked_for_new_clients_and_ends_with_the_connection_for_old(void **state)
{
    struct app a;
    struct peer p;
    struct http_header headers[] = {
        {STR("content-type"), STR("text/event-stream")},
        {STR("x-bad"),        STR("a\r\ninjected: 1") }
    };
    (void)state;
    app_open(&a, &usual, false);
    app_peer(&a, &p);
    peer_send(&p, GET("/"));
    UNTIL(a.loop, a.open_count == 1);
    struct server_request *r = take(&a);
    server_reply_start(r, 200, headers, 2, -1);
    server_reply_bytes(r, STR("data: 1\n\n"));
    server_reply_bytes(r, STR_EMPTY); /* would be the end in chunked coding */
    server_reply_flush(r);
    UNTIL(a.loop, peer_has(&p, "9\r\ndata: 1\n\n\r\n"));
    assert_true(peer_has(&p, "transfer-encoding: chunked\r\n"));
    assert_false(peer_has(&p, "injected"));
    server_reply_bytes(r, STR("data: 2\n\n"));
    server_reply_end(r);
    UNTIL(a.loop, peer_has(&p, "9\r\ndata: 2\n\n\r\n0\r\n\r\n"));
    peer_forget(&p);
    peer_send(&p, GET("/next"));
    UNTIL(a.loop, a.open_count == 1);
    r = take(&a);
    server_reply_start(r, 200, NULL, 0, 4);
    server_reply_bytes(r, STR("ab"));
    server_reply_bytes(r, STR("cd"));
    server_reply_end(r);
    UNTIL(a.loop, peer_has(&p, "content-length: 4\r\n\r\nabcd"));
    peer_close(&p);

    app_peer(&a, &p);
    peer_send(&p, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    UNTIL(a.loop, a.open_count == 1);
    r = take(&a);
    server_reply_start(r, 200, NULL, 0, -1);
    server_reply_bytes(r, STR("plain"));
    server_reply_end(r);
    UNTIL(a.loop, peer_read(&p));
    assert_true(peer_has(&p, "\r\n\r\nplain"));
    assert_true(peer_has(&p, "connection: close"));
    assert_false(peer_has(&p, "chunked"));
    peer_close(&p);
    app_close(&a);
}

static void statuses_without_a_body_have_none(void **state)
{
    struct app a;
    struct peer p;
    (void)state;
    app_open(&a, &usual, false);
    app_peer(&a, &p);
    peer_send(&p, GET("/"));
    UNTIL(a.loop, a.open_count == 1);
    server_reply(take(&a), 204, NULL, NULL, 0, STR_EMPTY);
    UNTIL(a.loop, peer_has(&p, "\r\n\r\n"));
    assert_string_equal(buf_cstr(&p.in), "HTTP/1.1 204 No Content\r\n\r\n");
    peer_forget(&p);
    peer_send(&p, GET("/"));
    UNTIL(a.loop, a.open_count == 1);
    struct server_request *r = take(&a);
    server_reply_start(r, 304, NULL, 0, -1);
    server_reply_end(r);
    UNTIL(a.loop, peer_has(&p, "\r\n\r\n"));
    assert_string_equal(buf_cstr(&p.in), "HTTP/1.1 304 Not Modified\r\n\r\n");
    peer_forget(&p);
    /* HEAD of a stream: the head only, and the connection stays usable. */
    peer_send(&p, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(a.loop, a.open_count == 1);
    r = take(&a);
    server_reply_start(r, 200, NULL, 0, -1);
    server_reply_bytes(r, STR("never"));
    server_reply_end(r);
    UNTIL(a.loop, peer_has(&p, "\r\n\r\n"));
    peer_send(&p, GET("/after"));
    UNTIL(a.loop, a.open_count == 1);
    answer(take(&a), 200);
    UNTIL(a.loop, peer_has(&p, "you sent /after"));
    assert_false(peer_has(&p, "never"));
    assert_false(peer_has(&p, "0\r\n\r\n"));
    peer_close(&p);
    app_close(&a);
}

static void a_large_body_that_nobody_wants_is_not_read(void **state)
{
    static const char *const large[] = {
        "POST /unwanted HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\nabc",
        ("POST /unwanted HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n"
         "Expect: 100-continue\r\n\r\n"),
        "POST /unwanted HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    };
    struct app a;
    struct peer p;
    (void)state;
    app_open(&a, &usual, true);
    for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
        app_peer(&a, &p);
        peer_send(&p, large[i]);
        UNTIL(a.loop, peer_read(&p));
        assert_true(peer_has(&p, "you sent /unwanted "));
        assert_false(peer_has(&p, "abc"));
        assert_false(peer_has(&p, "100 Continue"));
        assert_true(peer_has(&p, "connection: close\r\n"));
        assert_false(p.reset);
        peer_close(&p);
    }
    app_peer(&a, &p); /* a small one costs nothing, and the connection can be kept */
    peer_send(&p, "POST /unwanted HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    UNTIL(a.loop, peer_has(&p, "you sent /unwanted abc"));
    assert_false(peer_has(&p, "connection: close"));
    peer_close(&p);
    app_close(&a);
}

static void a_client_that_waits_for_continue_gets_it(void **state)
{
    struct app a;
    struct peer p;
    (void)state;
    app_open(&a, &usual, true);
    app_peer(&a, &p);
    peer_send(&p,
              "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    UNTIL(a.loop, peer_has(&p, "HTTP/1.1 100 Continue\r\n\r\n"));
    assert_int_equal(a.requests, 0);
    peer_send(&p, "ok");
    UNTIL(a.loop, peer_has(&p, "you sent / ok"));
    peer_forget(&p);
    /* Not when it would be refused anyway. */
    peer_send(
        &p, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 999999\r\n\r\n");
    UNTIL(a.loop, peer_has(&p, "413"));
    assert_false(peer_has(&p, "100 Continue"));
    peer_close(&p);
    app_close(&a);
}

static void a_slow_reader_fills_the_backlog_and_is_told_of_when_it_reads(void **state)
{
    static char much[256 << 10];
    struct app a;
    struct peer p;
    size_t sent = 0;
    (void)state;
    memset(much, 'm', sizeof(much));
    app_open(&a, &usual, false);
    app_peer(&a, &p);
    peer_send(&p, GET("/"));
    UNTIL(a.loop, a.open_count == 1);
    struct server_request *r = take(&a);
    server_reply_start(r, 200, NULL, 0, -1);
    while (server_reply_backlog(r) < (256u << 10)) {
        server_reply_bytes(r, str_make(much, sizeof(much)));
        server_reply_flush(r);
        sent += sizeof(much);
        peer_turn(a.loop);
        assert_true(sent < PEER_BYTES_MAX / 2);
    }
    assert_int_equal(a.drained, 0);
    for (int i = 0; i < PEER_TURNS_MAX && a.drained == 0; i++) {
        peer_turn(a.loop);
        peer_read(&p);
    }
    assert_int_equal(a.drained, 1);
    server_reply_end(r);
    UNTIL(a.loop, peer_has(&p, "\r\n0\r\n\r\n"));
    assert_true(p.in.n > sent);
    peer_close(&p);
    app_close(&a);
}

static void an_aborted_answer_is_seen_to_be_cut(void **state)
{
    struct app a;
    struct peer p;
    (void)state;
    app_open(&a, &usual, false);
    app_peer(&a, &p);
    peer_send(&p, GET("/"));
    UNTIL(a.loop, a.open_count == 1);
    struct server_request *r = take(&a);
    server_reply_start(r, 200, NULL, 0, -1);
    server_reply_bytes(r, STR("part"));
    server_reply_flush(r);
    UNTIL(a.loop, peer_has(&p, "part"));
    server_reply_abort(r);
    UNTIL(a.loop, peer_read(&p));
    assert_true(p.reset);
    assert_false(peer_has(&p, "0\r\n\r\n"));
    assert_int_equal(a.gone, 0);
    peer_close(&p);
    app_close(&a);
}

static void draining_ends_idle_connections_and_lets_answers_finish(void **state)
{
    struct app a;
    struct peer idle, busy, sending, late;
    (void)state;
    app_open(&a, &usual, false);
    app_peer(&a, &idle);
    app_peer(&a, &busy);
    app_peer(&a, &sending);
    peer_send(&busy, GET("/busy"));
    peer_send(&sending, "GET /sen");
    UNTIL(a.loop, a.open_count == 1 && server_connections(a.server) == 3);
    peer_idle(a.loop);
    uint16_t port = server_port(a.server);
    server_drain(a.server);
    UNTIL(a.loop, peer_read(&idle));
    assert_false(peer_read(&busy));
    answer(take(&a), 200);
    UNTIL(a.loop, peer_read(&busy));
    assert_true(peer_has(&busy, "you sent /busy"));
    peer_send(&sending, "ding HTTP/1.1\r\nHost: a\r\n\r\n");
    UNTIL(a.loop, a.open_count == 1);
    answer(take(&a), 200);
    UNTIL(a.loop, peer_read(&sending));
    assert_true(peer_has(&sending, "you sent /sending"));
    assert_true(peer_has(&sending, "connection: close"));
    UNTIL(a.loop, server_connections(a.server) == 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    late.fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(late.fd, (struct sockaddr *)&address, sizeof(address)), -1);
    close(late.fd);
    peer_close(&idle);
    peer_close(&busy);
    peer_close(&sending);
    app_close(&a);
}

static void closing_tells_those_who_have_open_requests(void **state)
{
    struct app a;
    struct peer p[3];
    (void)state;
    app_open(&a, &usual, false);
    for (int i = 0; i < 3; i++) {
        app_peer(&a, &p[i]);
        peer_send(&p[i], i < 2 ? GET("/") : "GET ");
    }
    UNTIL(a.loop, a.open_count == 2 && server_connections(a.server) == 3);
    server_reply_start(a.open[0], 200, NULL, 0, -1);
    app_close(&a);
    assert_int_equal(a.gone, 2);
    for (int i = 0; i < 3; i++) {
        assert_true(peer_read(&p[i]));
        peer_close(&p[i]);
    }
    server_close(NULL);
}

static void connections_have_a_maximum(void **state)
{
    struct server_options options = usual;
    struct app a;
    struct peer first, second, third;
    (void)state;
    options.connections_max = 2;
    app_open(&a, &options, true);
    app_peer(&a, &first);
    app_peer(&a, &second);
    app_peer(&a, &third);
    peer_send(&first, GET("/1"));
    peer_send(&second, GET("/2"));
    UNTIL(a.loop, peer_has(&first, "/1") && peer_has(&second, "/2") && peer_read(&third));
    assert_int_equal(third.in.n, 0);
    peer_close(&first);
    UNTIL(a.loop, server_connections(a.server) == 1);
    peer_close(&third);
    app_peer(&a, &third);
    peer_send(&third, GET("/3"));
    UNTIL(a.loop, peer_has(&third, "/3"));
    peer_close(&second);
    peer_close(&third);
    app_close(&a);
}

static void an_address_that_cannot_be_listened_on_is_told(void **state)
{
    struct server_options options = usual;
    struct app a;
    struct error err = {0};
    struct server *second = NULL;
    (void)state;
    app_open(&a, &usual, true);
    options.port = server_port(a.server);
    assert_int_equal(server_open(a.loop, &options, &events, &a, &second, &err), ERR_IO);
    assert_contains(err.text, "127.0.0.1");
    options.address = "localhost";
    assert_int_equal(server_open(a.loop, &options, &events, &a, &second, &err), ERR_INVALID);
    assert_contains(err.text, "localhost");
    assert_null(second);
    app_close(&a);

    options = usual;
    options.reuseport = true;
    app_open(&a, &options, true);
    options.port = server_port(a.server);
    assert_int_equal(server_open(a.loop, &options, &events, &a, &second, &err), 0);
    server_close(second);
    options = usual;
    options.address = "::1";
    assert_int_equal(server_open(a.loop, &options, &events, &a, &second, &err), 0);
    assert_true(server_port(second) != 0);
    server_close(second);
    app_close(&a);
}

static void every_status_has_a_reason(void **state)
{
    (void)state;
    assert_string_equal(server_reason(200), "OK");
    assert_string_equal(server_reason(429), "Too Many Requests");
    assert_string_equal(server_reason(299), "Unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_answered_and_the_connection_is_kept),
        cmocka_unit_test(an_answer_can_say_that_it_is_the_last),
        cmocka_unit_test(malformed_bytes_are_refused_with_the_reason),
        cmocka_unit_test(what_is_too_large_is_refused),
        cmocka_unit_test(slow_clients_are_refused_and_idle_ones_are_let_go),
        cmocka_unit_test(an_open_request_has_no_time_limit_here),
        cmocka_unit_test(pipelined_requests_are_answered_one_after_the_other),
        cmocka_unit_test(a_pipelined_request_waits_for_the_answer_before_it),
        cmocka_unit_test(what_is_sent_ahead_is_bounded_and_not_lost),
        cmocka_unit_test(unread_answers_hold_back_the_requests_behind_them),
        cmocka_unit_test(a_client_that_reads_no_answers_is_let_go_as_an_idle_one),
        cmocka_unit_test(a_client_that_leaves_is_told_in_every_phase),
        cmocka_unit_test(a_client_that_leaves_before_its_request_is_whole_is_no_request),
        cmocka_unit_test(a_stream_is_chunked_for_new_clients_and_ends_with_the_connection_for_old),
        cmocka_unit_test(statuses_without_a_body_have_none),
        cmocka_unit_test(a_large_body_that_nobody_wants_is_not_read),
        cmocka_unit_test(a_client_that_waits_for_continue_gets_it),
        cmocka_unit_test(a_slow_reader_fills_the_backlog_and_is_told_of_when_it_reads),
        cmocka_unit_test(an_aborted_answer_is_seen_to_be_cut),
        cmocka_unit_test(draining_ends_idle_connections_and_lets_answers_finish),
        cmocka_unit_test(closing_tells_those_who_have_open_requests),
        cmocka_unit_test(connections_have_a_maximum),
        cmocka_unit_test(an_address_that_cannot_be_listened_on_is_told),
        cmocka_unit_test(every_status_has_a_reason),
    };
    return cmocka_run_group_tests_name("net/server", tests, NULL, NULL);
}
