#include "unit/net/caller.h"
#include "unit/net/h2_peer.h"

#include "core/mem.h"
#include "net/http2.h"

/* A provider that speaks HTTP/2 on plain connections; the client knows. */
struct provider {
    struct world w;
    struct peer conns[16];
    struct h2_peer h2[16];
    size_t n;
    int streams_max;
    bool quiet; /* says nothing at all */
};

static void provider_open(struct provider *p, size_t connections_max, int streams_max)
{
    *p = (struct provider){.streams_max = streams_max};
    world_open(&p->w, connections_max);
    world_origin(&p->w, &(struct client_origin_options){.host = "127.0.0.1",
                                                        .port = p->w.port,
                                                        .http2 = CLIENT_HTTP2_PRIOR,
                                                        .connections_max = connections_max,
                                                        .connect_timeout_ms = 60000,
                                                        .idle_ms = 60000});
}

static void provider_turn_conn(struct provider *p, size_t i)
{
    struct buf out;
    peer_read(&p->conns[i]);
    h2_feed(&p->h2[i], buf_str(&p->conns[i].in));
    peer_forget(&p->conns[i]);
    buf_init(&out, PEER_BYTES_MAX);
    h2_take(&p->h2[i], &out, 65536);
    if (!p->conns[i].eof) {
        peer_send_str(&p->conns[i], buf_str(&out));
    }
    buf_release(&out);
}

/* Takes connections, hears and says what there is. Always true, for conditions. */
static bool turn(struct provider *p)
{
    if (p->quiet) {
        return true;
    }
    while (peer_accept(&p->conns[p->n], p->w.listener)) {
        h2_open(&p->h2[p->n++], p->streams_max, true);
        assert_true(p->n < ARRAY_LEN(p->conns));
    }
    for (size_t i = 0; i < p->n; i++) {
        if (p->conns[i].fd >= 0) {
            provider_turn_conn(p, i);
        }
    }
    return true;
}

#define UNTIL_SEEN(p, condition) UNTIL((p)->w.loop, turn(p) && (condition))

static void rest(struct provider *p)
{
    for (int i = 0; i < 20; i++) {
        peer_turn(p->w.loop);
        turn(p);
        poll(NULL, 0, 1);
    }
}

static void provider_cut(struct provider *p, size_t i)
{
    peer_close(&p->conns[i]);
    p->conns[i].fd = -1;
}

static void provider_close(struct provider *p)
{
    for (size_t i = 0; i < p->n; i++) {
        h2_close(&p->h2[i]);
        if (p->conns[i].fd >= 0) {
            peer_close(&p->conns[i]);
        }
    }
    world_close(&p->w);
}

static size_t seen(const struct provider *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++) {
        n += p->h2[i].n;
    }
    return n;
}

/* Connections and streams are there for further calls. */
static void warm(struct provider *p)
{
    struct caller c = caller(&p->w);
    size_t before = seen(p);
    start(&c);
    UNTIL_SEEN(p, seen(p) == before + 1);
    h2_answer_whole(p->h2[p->n - 1].seen[p->h2[p->n - 1].n - 1], "warm");
    UNTIL_SEEN(p, over(&c));
    expect_answer(&c, 200, "warm");
    buf_release(&c.body);
}

static void callers_release(struct caller *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_release(&c[i].body);
    }
}

/* ---- sharing ---- */

static void calls_share_a_connection(void **state)
{
    struct provider p;
    struct caller c[50];
    (void)state;
    provider_open(&p, 10, -1);
    for (int i = 0; i < 50; i++) {
        c[i] = caller(&p.w);
        start(&c[i]);
    }
    assert_int_equal(client_phase(p.w.client, c[0].id), CLIENT_CONNECTING);
    assert_int_equal(client_phase(p.w.client, c[1].id), CLIENT_WAITING);
    UNTIL_SEEN(&p, seen(&p) == 50);
    assert_int_equal(p.n, 1);
    assert_int_equal(counts(&p.w).connections, 1);
    assert_int_equal(client_phase(p.w.client, c[49].id), CLIENT_SENT);
    for (int i = 49; i >= 0; i--) { /* in any order */
        h2_answer_whole(p.h2[0].seen[i], "hi");
    }
    for (int i = 0; i < 50; i++) {
        UNTIL_SEEN(&p, over(&c[i]));
        expect_answer(&c[i], 200, "hi");
        assert_int_equal(c[i].sent, 1);
    }
    assert_int_equal(counts(&p.w).idle, 1);
    assert_int_equal(counts(&p.w).calls, 0);
    callers_release(c, 50);
    provider_close(&p);
}

static void another_connection_is_opened_when_all_are_full(void **state)
{
    struct provider p;
    struct caller c[10];
    (void)state;
    provider_open(&p, 3, 3);
    for (int i = 0; i < 10; i++) {
        c[i] = caller(&p.w);
        start(&c[i]);
    }
    UNTIL_SEEN(&p, seen(&p) == 9);
    rest(&p);
    assert_int_equal(seen(&p), 9); /* the tenth waits: three connections are the most */
    assert_int_equal(p.n, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(p.h2[i].n, 3);
    }
    assert_int_equal(counts(&p.w).waiting, 1);
    h2_answer_whole(p.h2[1].seen[1], "hi");
    UNTIL_SEEN(&p, p.h2[1].n == 4);
    for (int i = 0; i < 3; i++) {
        for (size_t n = 0; n < p.h2[i].n; n++) {
            if (!p.h2[i].seen[n]->finish) {
                h2_answer_whole(p.h2[i].seen[n], "hi");
            }
        }
    }
    for (int i = 0; i < 10; i++) {
        UNTIL_SEEN(&p, over(&c[i]));
        expect_answer(&c[i], 200, "hi");
    }
    assert_int_equal(counts(&p.w).idle, 3);
    callers_release(c, 10);
    provider_close(&p);
}

static void a_waiting_call_gets_the_stream_of_a_cancelled_one(void **state)
{
    struct provider p;
    (void)state;
    provider_open(&p, 1, 1);
    struct caller a = caller(&p.w);
    struct caller b = caller(&p.w);
    start(&a);
    start(&b);
    UNTIL_SEEN(&p, seen(&p) == 1);
    client_cancel(p.w.client, a.id);
    UNTIL_SEEN(&p, seen(&p) == 2);
    assert_int_equal(p.n, 1);
    assert_true(p.h2[0].seen[0]->closed);
    assert_int_equal(p.h2[0].seen[0]->reset_code, NGHTTP2_CANCEL);
    h2_answer_whole(p.h2[0].seen[1], "hi");
    UNTIL_SEEN(&p, over(&b));
    expect_answer(&b, 200, "hi");
    assert_int_equal(a.ends + a.fails, 0);
    buf_release(&a.body);
    buf_release(&b.body);
    provider_close(&p);
}

/* ---- cancelling ---- */

static void a_call_can_be_cancelled_from_each_of_its_callbacks(void **state)
{
    static const enum at places[] = {AT_SENT, AT_HEAD, AT_BODY, AT_TURN};
    struct provider p;
    (void)state;
    provider_open(&p, 1, -1);
    warm(&p);
    struct caller other = caller(&p.w);
    start(&other);
    UNTIL_SEEN(&p, seen(&p) == 2);
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct caller c = caller(&p.w);
        c.cancel_at = places[i];
        size_t before = seen(&p);
        c.id = client_start(p.w.origin, &c.request, &events, &c);
        if (places[i] == AT_SENT) { /* told within client_start, before the id is known */
            client_cancel(p.w.client, c.id);
            rest(&p);
            assert_int_equal(seen(&p), before);
        } else {
            UNTIL_SEEN(&p, seen(&p) == before + 1);
            struct h2_seen *s = p.h2[0].seen[before];
            h2_answer(s, "200");
            h2_say(s, STR("some"));
            UNTIL_SEEN(&p, s->closed);
            assert_int_equal(s->reset_code, NGHTTP2_CANCEL);
        }
        assert_int_equal(c.ends + c.fails, 0);
        assert_int_equal(counts(&p.w).calls, 1);
        buf_release(&c.body);
    }
    h2_answer_whole(p.h2[0].seen[1], "still here");
    UNTIL_SEEN(&p, over(&other));
    expect_answer(&other, 200, "still here");
    assert_int_equal(p.n, 1);
    buf_release(&other.body);
    provider_close(&p);
}

static void a_call_can_cancel_another_that_is_in_the_same_read(void **state)
{
    static const enum at places[] = {AT_HEAD, AT_BODY, AT_TURN, AT_END};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct provider p;
        provider_open(&p, 1, -1);
        warm(&p);
        struct caller a = caller(&p.w);
        struct caller b = caller(&p.w);
        start(&a);
        start(&b);
        UNTIL_SEEN(&p, seen(&p) == 3);
        a.cancel_at = places[i];
        a.victim = &b;
        b.cancel_at = places[i];
        b.victim = &a;
        for (int n = 1; n < 3; n++) {
            h2_answer(p.h2[0].seen[n], "200");
            h2_say(p.h2[0].seen[n], STR("x"));
            if (places[i] == AT_END) {
                h2_finish(p.h2[0].seen[n]);
            }
        }
        UNTIL_SEEN(&p, counts(&p.w).calls < 2);
        rest(&p);
        /* Whoever came first has cancelled the other, and did not hear of it again. */
        assert_int_equal(a.ends + b.ends, places[i] == AT_END);
        assert_int_equal(a.fails + b.fails, 0);
        assert_int_equal(counts(&p.w).calls, places[i] == AT_END ? 0 : 1);
        buf_release(&a.body);
        buf_release(&b.body);
        provider_close(&p);
    }
}

/* ---- back-pressure ---- */

static void a_paused_call_stops_and_the_others_go_on(void **state)
{
    struct provider p;
    size_t size = 4u << 20;
    (void)state;
    char *bytes = x_calloc(1, size);
    provider_open(&p, 1, -1);
    struct caller slow = caller(&p.w);
    struct caller quick = caller(&p.w);
    slow.pause_at = AT_HEAD;
    start(&slow);
    start(&quick);
    UNTIL_SEEN(&p, seen(&p) == 2);
    for (int i = 0; i < 2; i++) {
        h2_answer(p.h2[0].seen[i], "200");
        h2_say(p.h2[0].seen[i], str_make(bytes, size));
        h2_finish(p.h2[0].seen[i]);
    }
    UNTIL_SEEN(&p, over(&quick));
    rest(&p);
    assert_int_equal(quick.body.n, size);
    assert_int_equal(slow.body.n, HTTP2_WINDOW_BYTES);
    assert_false(over(&slow));
    slow.pause_at = AT_NEVER;
    client_pause(p.w.client, slow.id);
    client_resume(p.w.client, slow.id);
    client_resume(p.w.client, slow.id);
    UNTIL_SEEN(&p, over(&slow));
    assert_int_equal(slow.ends, 1);
    assert_int_equal(slow.body.n, size);
    x_free(bytes);
    buf_release(&slow.body);
    buf_release(&quick.body);
    provider_close(&p);
}

static void a_large_body_is_sent_as_the_provider_reads(void **state)
{
    struct provider p;
    size_t size = 8u << 20;
    (void)state;
    char *bytes = x_calloc(1, size);
    provider_open(&p, 1, -1);
    struct caller c = caller(&p.w);
    c.request.head = STR("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 8388608\r\n\r\n");
    c.request.body = str_make(bytes, size);
    start(&c);
    UNTIL_SEEN(&p, seen(&p) == 1 && p.h2[0].seen[0]->ended);
    assert_int_equal(p.h2[0].seen[0]->body.n, size);
    h2_answer_whole(p.h2[0].seen[0], "hi");
    UNTIL_SEEN(&p, over(&c));
    expect_answer(&c, 200, "hi");
    x_free(bytes);
    buf_release(&c.body);
    provider_close(&p);
}

/* ---- what the provider did not take is sent again ---- */

static void what_a_goodbye_leaves_out_is_sent_on_another_connection(void **state)
{
    struct provider p;
    (void)state;
    provider_open(&p, 4, -1);
    struct caller taken = caller(&p.w);
    struct caller left_out = caller(&p.w);
    start(&taken);
    start(&left_out);
    UNTIL_SEEN(&p, seen(&p) == 2);
    nghttp2_submit_goaway(p.h2[0].session, 0, 1, NGHTTP2_NO_ERROR, NULL, 0);
    UNTIL_SEEN(&p, p.n == 2 && p.h2[1].n == 1);
    struct caller next = caller(&p.w);
    start(&next);
    UNTIL_SEEN(&p, p.h2[1].n == 2);
    h2_answer_whole(p.h2[1].seen[0], "there");
    h2_answer_whole(p.h2[1].seen[1], "next");
    h2_answer_whole(p.h2[0].seen[0], "here");
    UNTIL_SEEN(&p, over(&taken) && over(&left_out) && over(&next));
    expect_answer(&taken, 200, "here");
    expect_answer(&left_out, 200, "there");
    expect_answer(&next, 200, "next");
    assert_int_equal(left_out.sent, 2);
    UNTIL_SEEN(&p, p.conns[0].eof); /* it has no more use */
    assert_false(p.conns[0].reset);
    assert_int_equal(counts(&p.w).connections, 1);
    buf_release(&taken.body);
    buf_release(&left_out.body);
    buf_release(&next.body);
    provider_close(&p);
}

static void a_refused_stream_is_tried_again_some_times(void **state)
{
    struct provider p;
    (void)state;
    provider_open(&p, 1, -1);
    struct caller c = caller(&p.w);
    struct caller lost = caller(&p.w);
    start(&c);
    for (size_t i = 0; i < CLIENT_RETRIES_MAX; i++) {
        UNTIL_SEEN(&p, seen(&p) == i + 1);
        h2_reset(p.h2[0].seen[i], NGHTTP2_REFUSED_STREAM);
    }
    UNTIL_SEEN(&p, seen(&p) == CLIENT_RETRIES_MAX + 1);
    h2_answer_whole(p.h2[0].seen[CLIENT_RETRIES_MAX], "at last");
    UNTIL_SEEN(&p, over(&c));
    expect_answer(&c, 200, "at last");
    size_t before = seen(&p);
    start(&lost);
    for (size_t i = 0; i <= CLIENT_RETRIES_MAX; i++) {
        UNTIL_SEEN(&p, seen(&p) == before + i + 1);
        h2_reset(p.h2[0].seen[before + i], NGHTTP2_REFUSED_STREAM);
    }
    UNTIL_SEEN(&p, over(&lost));
    expect_failure(&lost, ERR_CLOSED, CLIENT_SENT);
    assert_int_equal(p.n, 1);
    buf_release(&c.body);
    buf_release(&lost.body);
    provider_close(&p);
}

static void a_stale_connection_is_replaced_once(void **state)
{
    struct provider p;
    (void)state;
    provider_open(&p, 4, -1);
    warm(&p);
    struct caller c = caller(&p.w);
    start(&c);
    provider_cut(&p, 0);
    UNTIL_SEEN(&p, p.n == 2 && p.h2[1].n == 1);
    h2_answer_whole(p.h2[1].seen[0], "hi");
    UNTIL_SEEN(&p, over(&c));
    expect_answer(&c, 200, "hi");
    assert_int_equal(c.sent, 2);
    buf_release(&c.body);
    provider_close(&p);
}

static void a_provider_that_wants_http1_gets_it(void **state)
{
    struct provider p;
    struct peer plain;
    (void)state;
    provider_open(&p, 4, -1);
    struct caller c = caller(&p.w);
    struct caller other = caller(&p.w);
    start(&other);
    start(&c);
    UNTIL_SEEN(&p, seen(&p) == 2);
    h2_reset(p.h2[0].seen[1], NGHTTP2_HTTP_1_1_REQUIRED);
    provider_turn_conn(&p, 0);
    UNTIL(p.w.loop, peer_accept(&plain, p.w.listener));
    UNTIL(p.w.loop, peer_has(&plain, "\r\n\r\n"));
    assert_str(buf_str(&plain.in), GET);
    peer_send(&plain, OK_HI);
    UNTIL(p.w.loop, over(&c));
    expect_answer(&c, 200, "hi");
    h2_answer_whole(p.h2[0].seen[0], "over");
    UNTIL(p.w.loop, (provider_turn_conn(&p, 0), over(&other)));
    expect_answer(&other, 200, "over");
    UNTIL(p.w.loop, counts(&p.w).connections == 1);
    peer_close(&plain);
    buf_release(&c.body);
    buf_release(&other.body);
    provider_close(&p);
}

/* ---- failures ---- */

static void a_connection_that_dies_takes_its_own_calls_only(void **state)
{
    struct provider p;
    struct caller c[4];
    (void)state;
    provider_open(&p, 2, 2);
    for (int i = 0; i < 4; i++) {
        c[i] = caller(&p.w);
        start(&c[i]);
    }
    UNTIL_SEEN(&p, seen(&p) == 4 && p.n == 2);
    h2_answer(p.h2[0].seen[0], "200");
    h2_say(p.h2[0].seen[0], STR("half"));
    UNTIL_SEEN(&p, c[0].body.n > 0);
    provider_cut(&p, 0);
    UNTIL_SEEN(&p, over(&c[0]) && over(&c[1]));
    expect_failure(&c[0], ERR_CLOSED, CLIENT_BODY);
    expect_failure(&c[1], ERR_CLOSED, CLIENT_SENT);
    assert_int_equal(counts(&p.w).calls, 2);
    h2_answer_whole(p.h2[1].seen[0], "hi");
    h2_answer_whole(p.h2[1].seen[1], "hi");
    for (int i = 2; i < 4; i++) {
        UNTIL_SEEN(&p, over(&c[i]));
        expect_answer(&c[i], 200, "hi");
    }
    callers_release(c, 4);
    provider_close(&p);
}

/* Each failure's owner cancels another that is about to fail. */
static void a_failing_call_can_cancel_the_next(void **state)
{
    struct provider p;
    struct caller c[3];
    (void)state;
    provider_open(&p, 1, -1);
    for (int i = 0; i < 3; i++) {
        c[i] = caller(&p.w);
        start(&c[i]);
    }
    UNTIL_SEEN(&p, seen(&p) == 3);
    for (int i = 0; i < 3; i++) {
        c[i].cancel_at = AT_FAIL;
        c[i].victim = &c[(i + 1) % 3];
    }
    provider_cut(&p, 0);
    UNTIL_SEEN(&p, counts(&p.w).calls == 0);
    int fails = c[0].fails + c[1].fails + c[2].fails;
    assert_true(fails == 1 || fails == 2);
    callers_release(c, 3);
    provider_close(&p);
}

static void nonsense_fails_all_calls_of_the_connection(void **state)
{
    struct provider p;
    struct caller c[2];
    (void)state;
    provider_open(&p, 1, -1);
    for (int i = 0; i < 2; i++) {
        c[i] = caller(&p.w);
        start(&c[i]);
    }
    UNTIL_SEEN(&p, seen(&p) == 2);
    peer_send_str(&p.conns[0], str_make("\0\0\1\0\0\0\0\0\7x", 10)); /* DATA on no stream */
    UNTIL(p.w.loop, over(&c[0]) && over(&c[1]));
    for (int i = 0; i < 2; i++) {
        expect_failure(&c[i], ERR_UPSTREAM, CLIENT_SENT);
        assert_non_null(strstr(c[i].why.text, "HTTP/2"));
    }
    UNTIL_SEEN(&p, p.conns[0].eof);
    assert_true(p.h2[0].goaway);
    callers_release(c, 2);
    provider_close(&p);
}

static void a_provider_without_http2_fails_the_call(void **state)
{
    struct provider p;
    (void)state;
    provider_open(&p, 1, -1);
    p.quiet = true;
    struct caller c = caller(&p.w);
    start(&c);
    UNTIL(p.w.loop, peer_accept(&p.conns[0], p.w.listener));
    peer_send(&p.conns[0], "HTTP/1.1 400 Bad Request\r\n\r\n");
    UNTIL(p.w.loop, over(&c));
    expect_failure(&c, ERR_UPSTREAM, CLIENT_SENT);
    peer_close(&p.conns[0]);
    buf_release(&c.body);
    provider_close(&p);
}

static void a_request_with_too_many_headers_fails_alone(void **state)
{
    struct provider p;
    struct buf head;
    (void)state;
    provider_open(&p, 1, -1);
    warm(&p);
    buf_init(&head, PEER_BYTES_MAX);
    buf_puts(&head, "GET / HTTP/1.1\r\n");
    for (int i = 0; i <= HTTP2_HEADERS_MAX; i++) {
        buf_puts(&head, "a: b\r\n");
    }
    buf_puts(&head, "\r\n");
    struct caller c = caller(&p.w);
    c.request.head = buf_str(&head);
    start(&c);
    assert_int_equal(c.fails, 0);
    UNTIL_SEEN(&p, over(&c));
    expect_failure(&c, ERR_LIMIT, CLIENT_SENT);
    warm(&p);
    assert_int_equal(p.n, 1);
    buf_release(&head);
    buf_release(&c.body);
    provider_close(&p);
}

static void each_call_has_its_own_times(void **state)
{
    struct provider p;
    (void)state;
    provider_open(&p, 1, -1);
    struct caller no_head = caller(&p.w);
    struct caller no_body = caller(&p.w);
    struct caller patient = caller(&p.w);
    no_head.request.head_timeout_ms = 20;
    no_body.request.idle_timeout_ms = 20;
    start(&no_head);
    start(&no_body);
    start(&patient);
    UNTIL_SEEN(&p, seen(&p) == 3);
    h2_answer(p.h2[0].seen[1], "200");
    UNTIL_SEEN(&p, over(&no_head) && over(&no_body));
    expect_failure(&no_head, ERR_TIMEOUT, CLIENT_SENT);
    expect_failure(&no_body, ERR_TIMEOUT, CLIENT_BODY);
    UNTIL_SEEN(&p, p.h2[0].seen[0]->closed && p.h2[0].seen[1]->closed);
    h2_answer_whole(p.h2[0].seen[2], "hi");
    UNTIL_SEEN(&p, over(&patient));
    expect_answer(&patient, 200, "hi");
    buf_release(&no_head.body);
    buf_release(&no_body.body);
    buf_release(&patient.body);
    provider_close(&p);
}

/* ---- signs of life, and ends ---- */

static void origin_of(struct provider *p, int64_t ping_ms, int64_t idle_ms)
{
    world_origin(&p->w, &(struct client_origin_options){.host = "127.0.0.1",
                                                        .port = p->w.port,
                                                        .http2 = CLIENT_HTTP2_PRIOR,
                                                        .connections_max = 4,
                                                        .connect_timeout_ms = 60000,
                                                        .ping_ms = ping_ms,
                                                        .idle_ms = idle_ms});
}

static void a_silent_connection_is_asked_for_a_sign_of_life(void **state)
{
    struct provider p;
    (void)state;
    provider_open(&p, 1, -1);
    origin_of(&p, 600, 60000);
    struct caller c = caller(&p.w);
    start(&c);
    UNTIL_SEEN(&p, seen(&p) == 1);
    UNTIL_SEEN(&p, p.h2[0].pings >= 2); /* it lives */
    assert_false(over(&c));
    p.quiet = true;
    UNTIL_SEEN(&p, over(&c));
    expect_failure(&c, ERR_TIMEOUT, CLIENT_SENT);
    UNTIL(p.w.loop, peer_read(&p.conns[0]));
    buf_release(&c.body);
    provider_close(&p);
}

static void an_idle_connection_is_not_asked_and_ends_after_its_time(void **state)
{
    struct provider p;
    (void)state;
    provider_open(&p, 1, -1);
    origin_of(&p, 1000000, 50);
    warm(&p);
    UNTIL_SEEN(&p, p.conns[0].eof);
    assert_int_equal(p.h2[0].pings, 0);
    assert_true(p.h2[0].goaway);
    assert_false(p.conns[0].reset);
    assert_int_equal(counts(&p.w).connections, 0);
    provider_close(&p);
}

static void a_closed_origin_finishes_what_was_begun(void **state)
{
    struct provider p;
    (void)state;
    provider_open(&p, 1, -1);
    struct caller c = caller(&p.w);
    start(&c);
    UNTIL_SEEN(&p, seen(&p) == 1);
    origin_of(&p, 0, 60000); /* closes the first */
    h2_answer_whole(p.h2[0].seen[0], "hi");
    UNTIL_SEEN(&p, over(&c));
    expect_answer(&c, 200, "hi");
    UNTIL_SEEN(&p, p.conns[0].eof && p.h2[0].goaway);
    assert_int_equal(counts(&p.w).connections, 0);
    warm(&p);
    origin_of(&p, 0, 60000); /* an idle one ends at once */
    assert_int_equal(counts(&p.w).connections, 0);
    UNTIL_SEEN(&p, p.conns[1].eof && p.h2[1].goaway);
    buf_release(&c.body);
    provider_close(&p);
}

static void an_origin_can_be_closed_from_within_an_end(void **state)
{
    struct provider p;
    (void)state;
    provider_open(&p, 1, -1);
    struct caller c = caller(&p.w);
    c.closes_origin = true;
    start(&c);
    UNTIL_SEEN(&p, seen(&p) == 1);
    h2_answer_whole(p.h2[0].seen[0], "hi");
    UNTIL_SEEN(&p, over(&c));
    expect_answer(&c, 200, "hi");
    UNTIL_SEEN(&p, p.conns[0].eof && p.h2[0].goaway);
    assert_int_equal(counts(&p.w).connections, 0);
    buf_release(&c.body);
    provider_close(&p);
}

static void a_client_can_go_in_the_middle(void **state)
{
    struct provider p;
    struct caller c[3];
    (void)state;
    provider_open(&p, 1, 2);
    for (int i = 0; i < 3; i++) { /* two on streams, one waits */
        c[i] = caller(&p.w);
        start(&c[i]);
    }
    UNTIL_SEEN(&p, seen(&p) == 2);
    h2_answer(p.h2[0].seen[0], "200");
    UNTIL_SEEN(&p, c[0].heads == 1);
    provider_close(&p);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(c[i].ends + c[i].fails, 0);
    }
    callers_release(c, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_share_a_connection),
        cmocka_unit_test(another_connection_is_opened_when_all_are_full),
        cmocka_unit_test(a_waiting_call_gets_the_stream_of_a_cancelled_one),
        cmocka_unit_test(a_call_can_be_cancelled_from_each_of_its_callbacks),
        cmocka_unit_test(a_call_can_cancel_another_that_is_in_the_same_read),
        cmocka_unit_test(a_paused_call_stops_and_the_others_go_on),
        cmocka_unit_test(a_large_body_is_sent_as_the_provider_reads),
        cmocka_unit_test(what_a_goodbye_leaves_out_is_sent_on_another_connection),
        cmocka_unit_test(a_refused_stream_is_tried_again_some_times),
        cmocka_unit_test(a_stale_connection_is_replaced_once),
        cmocka_unit_test(a_provider_that_wants_http1_gets_it),
        cmocka_unit_test(a_connection_that_dies_takes_its_own_calls_only),
        cmocka_unit_test(a_failing_call_can_cancel_the_next),
        cmocka_unit_test(nonsense_fails_all_calls_of_the_connection),
        cmocka_unit_test(a_provider_without_http2_fails_the_call),
        cmocka_unit_test(a_request_with_too_many_headers_fails_alone),
        cmocka_unit_test(each_call_has_its_own_times),
        cmocka_unit_test(a_silent_connection_is_asked_for_a_sign_of_life),
        cmocka_unit_test(an_idle_connection_is_not_asked_and_ends_after_its_time),
        cmocka_unit_test(a_closed_origin_finishes_what_was_begun),
        cmocka_unit_test(an_origin_can_be_closed_from_within_an_end),
        cmocka_unit_test(a_client_can_go_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
