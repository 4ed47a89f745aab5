#include "unit/net/caller.h"

#include "core/mem.h"

/* ---- answers ---- */

struct answer_row {
    const char *bytes;
    bool closes; /* the provider says FIN behind them */
    int status;
    const char *body; /* NULL: nonsense */
    bool kept;
    bool head_asked;
};

static const struct answer_row answers[] = {
    {OK_HI,                                                                            false, 200, "hi", true,  false},
    {"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",      false, 200, "hi",
     true,                                                                                                      false},
    {"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nh\r\n1;x=y\r\ni\r\n0\r\nt: "
     "v\r\n\r\n",                                                                 false, 200, "hi", true,  false},
    {"HTTP/1.1 200 OK\r\n\r\nhi",                                                      true,  200, "hi", false, false},
    {"HTTP/1.0 200 OK\r\n\r\nhi",                                                      true,  200, "hi", false, false},
    {"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi",                                 false, 200, "hi", false, false},
    {"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nhi",       false, 200, "hi",
     true,                                                                                                      false},
    {"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi",            false, 200, "hi", false,
     false                                                                                                           },
    {"HTTP/1.1 204 No Content\r\n\r\n",                                                false, 204, "",   true,  false},
    {"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n",                         false, 304, "",   true,  false},
    {"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n",                    false, 429, "",   true,  false},
    {"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n",                                false, 200, "",   true,  true },
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n" OK_HI, false, 200,
     "hi",                                                                                               true,  false},
    {OK_HI,                                                                            true,  200, "hi", false, false},
    {"hello\r\n\r\n",                                                                  false, 0,   NULL, false, false},
    {"HTTP/2 200 OK\r\n\r\n",                                                          false, 0,   NULL, false, false},
    {"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nhi",            false, 0,   NULL, false,
     false                                                                                                           },
    {"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",                         false, 0,   NULL, false, false},
    {"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhi\r\n",              false, 200, NULL, false,
     false                                                                                                           },
};

static void try_answer(const struct answer_row *row, size_t step)
{
    struct world w;
    struct peer p;
    world_open(&w, 4);
    struct caller c = caller(&w);
    c.request.no_body_expected = row->head_asked;
    start(&c);
    assert_int_equal(client_phase(w.client, c.id), CLIENT_CONNECTING);
    accept_one(&w, &p);
    expect_request(&w, &p);
    assert_int_equal(client_phase(w.client, c.id), CLIENT_SENT);
    for (struct str rest = str_of(row->bytes); rest.n > 0 && !over(&c);
         rest = str_from(rest, step)) {
        peer_send_str(&p, str_head(rest, step));
        peer_turn(w.loop);
    }
    if (row->closes) {
        peer_finish(&p);
    }
    UNTIL(w.loop, over(&c));
    peer_idle(w.loop);
    if (row->body) {
        expect_answer(&c, row->status, row->body);
        assert_false(c.reused);
        assert_true(c.turns > 0 || step > 1);
    } else {
        expect_failure(&c, ERR_UPSTREAM, row->status ? CLIENT_BODY : CLIENT_SENT);
    }
    assert_int_equal(counts(&w).idle, row->kept ? 1 : 0);
    assert_int_equal(counts(&w).connections, row->kept ? 1 : 0);
    assert_int_equal(counts(&w).calls, 0);
    assert_int_equal(peer_read(&p), !row->kept);
    peer_close(&p);
    buf_release(&c.body);
    world_close(&w);
}

static void answers_of_each_framing_are_read_whole_and_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        try_answer(&answers[i], SIZE_MAX);
        try_answer(&answers[i], 1);
    }
}

/* `bytes` of an answer, then the end. */
static void try_cut(struct world *w, struct str bytes, size_t head_bytes, bool reset)
{
    struct peer p;
    struct caller c = caller(w);
    start(&c);
    accept_one(w, &p);
    expect_request(w, &p);
    peer_send_str(&p, bytes);
    /* A reset overtakes bytes that nobody has read yet. */
    UNTIL(w->loop, !reset || bytes.n < head_bytes || c.heads == 1);
    peer_turn(w->loop);
    if (reset) {
        peer_reset(&p);
    } else {
        peer_close(&p);
    }
    UNTIL(w->loop, over(&c));
    expect_failure(&c, ERR_CLOSED, bytes.n < head_bytes ? CLIENT_SENT : CLIENT_BODY);
    assert_int_equal(counts(w).connections, 0);
    buf_release(&c.body);
}

static void an_answer_cut_at_any_byte_fails_once(void **state)
{
    static const char *const whole[] = {
        OK_HI,
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    };
    struct world w;
    (void)state;
    world_open(&w, 4);
    for (size_t i = 0; i < 2; i++) {
        struct str all = str_of(whole[i]);
        size_t head = (size_t)str_find(all, STR("\r\n\r\n")) + 4;
        for (size_t n = 0; n < all.n; n++) {
            try_cut(&w, str_head(all, n), head, false);
            try_cut(&w, str_head(all, n), head, true);
        }
    }
    world_close(&w);
}

/* ---- the pool ---- */

static void a_kept_connection_serves_the_next_call(void **state)
{
    struct world w;
    struct peer p, none;
    (void)state;
    world_open(&w, 4);
    warm_up(&w, &p);
    for (int i = 0; i < 20; i++) {
        struct caller c = caller(&w);
        start(&c);
        assert_int_equal(c.sent, 1); /* at once */
        expect_request(&w, &p);
        assert_true(c.reused);
        peer_send(&p, OK_HI);
        UNTIL(w.loop, over(&c));
        expect_answer(&c, 200, "hi");
        buf_release(&c.body);
    }
    assert_false(peer_accept(&none, w.listener));
    assert_int_equal(counts(&w).idle, 1);
    peer_close(&p);
    UNTIL(w.loop, counts(&w).connections == 0);
    world_close(&w);
}

static void a_kept_connection_ends_after_its_time(void **state)
{
    struct world w;
    struct peer p;
    (void)state;
    world_open(&w, 4);
    world_origin(&w, &(struct client_origin_options){
                         .host = "127.0.0.1", .port = w.port, .connections_max = 1, .idle_ms = 5});
    warm_up(&w, &p);
    UNTIL(w.loop, peer_read(&p));
    assert_false(p.reset);
    assert_int_equal(counts(&w).connections, 0);
    peer_close(&p);
    world_close(&w);
}

static void a_stale_connection_is_replaced_once(void **state)
{
    struct world w;
    struct peer old, next;
    (void)state;
    for (int answered = 0; answered < 2; answered++) {
        world_open(&w, 4);
        warm_up(&w, &old);
        struct caller c = caller(&w);
        peer_close(&old); /* not noticed yet */
        start(&c);
        assert_true(c.reused);
        accept_one(&w, &next);
        expect_request(&w, &next);
        assert_int_equal(c.sent, 2);
        assert_false(c.reused);
        if (answered) {
            peer_send(&next, OK_HI);
        } else {
            peer_finish(&next);
        }
        UNTIL(w.loop, over(&c));
        if (answered) {
            expect_answer(&c, 200, "hi");
        } else {
            expect_failure(&c, ERR_CLOSED, CLIENT_SENT);
        }
        peer_close(&next);
        buf_release(&c.body);
        world_close(&w);
    }
}

static void a_stale_connection_is_not_replaced_by_another_kept_one(void **state)
{
    struct world w;
    struct peer a, b, fresh;
    (void)state;
    world_open(&w, 2);
    struct caller one = caller(&w);
    struct caller two = caller(&w);
    start(&one);
    accept_one(&w, &a);
    start(&two);
    accept_one(&w, &b);
    expect_request(&w, &a);
    expect_request(&w, &b);
    peer_send(&a, OK_HI);
    peer_send(&b, OK_HI);
    UNTIL(w.loop, over(&one) && over(&two));
    assert_int_equal(counts(&w).idle, 2);
    struct caller c = caller(&w);
    peer_close(&a);
    peer_close(&b);
    start(&c);
    accept_one(&w, &fresh);
    expect_request(&w, &fresh);
    peer_send(&fresh, OK_HI);
    UNTIL(w.loop, over(&c));
    expect_answer(&c, 200, "hi");
    assert_int_equal(c.sent, 2);
    assert_int_equal(counts(&w).connections, 1);
    peer_close(&fresh);
    buf_release(&one.body);
    buf_release(&two.body);
    buf_release(&c.body);
    world_close(&w);
}

static void a_kept_connection_that_breaks_within_the_answer_is_not_replaced(void **state)
{
    struct world w;
    struct peer p, none;
    (void)state;
    world_open(&w, 4);
    warm_up(&w, &p);
    struct caller c = caller(&w);
    start(&c);
    expect_request(&w, &p);
    peer_send(&p, "H");
    peer_idle(w.loop);
    peer_close(&p);
    UNTIL(w.loop, over(&c));
    expect_failure(&c, ERR_CLOSED, CLIENT_SENT);
    assert_false(peer_accept(&none, w.listener));
    buf_release(&c.body);
    world_close(&w);
}

static void bytes_that_nobody_asked_for_end_a_kept_connection(void **state)
{
    struct world w;
    struct peer p, q;
    (void)state;
    world_open(&w, 4);
    warm_up(&w, &p);
    peer_send(&p, OK_HI);
    UNTIL(w.loop, counts(&w).connections == 0);
    peer_close(&p);
    /* The same in one piece with the answer. */
    struct caller c = caller(&w);
    start(&c);
    accept_one(&w, &q);
    expect_request(&w, &q);
    peer_send(&q, OK_HI "x");
    UNTIL(w.loop, over(&c));
    expect_answer(&c, 200, "hi");
    assert_int_equal(counts(&w).connections, 0);
    peer_close(&q);
    buf_release(&c.body);
    world_close(&w);
}

/* ---- cancelling ---- */

static void a_call_can_be_cancelled_from_each_of_its_callbacks(void **state)
{
    struct world w;
    struct peer p;
    (void)state;
    world_open(&w, 4);
    for (enum at at = AT_SENT; at <= AT_END; at++) {
        struct caller c = caller(&w);
        c.cancel_at = at;
        start(&c);
        accept_one(&w, &p);
        if (at != AT_SENT) {
            expect_request(&w, &p);
            peer_send(&p, at == AT_END ? OK_HI : "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi");
        }
        if (at == AT_END) {
            UNTIL(w.loop, over(&c));
            peer_close(&p);
        }
        UNTIL(w.loop, at == AT_END || peer_read(&p));
        peer_idle(w.loop);
        assert_int_equal(c.sent, 1);
        assert_int_equal(c.heads, at >= AT_HEAD);
        assert_int_equal(c.body.n, at >= AT_BODY ? 2 : 0);
        assert_int_equal(c.turns, at == AT_TURN);
        assert_int_equal(c.ends, at == AT_END);
        assert_int_equal(c.fails, 0);
        assert_int_equal(counts(&w).connections, 0);
        assert_int_equal(counts(&w).calls, 0);
        if (at != AT_END) {
            peer_close(&p);
        }
        buf_release(&c.body);
    }
    world_close(&w);
}

static void a_call_can_be_cancelled_in_each_phase(void **state)
{
    struct world w;
    struct peer p;
    (void)state;
    world_open(&w, 4);
    /* 0: at once; 1: sent; 2: head has come; 3: some of the body. */
    static const char *const said[] = {"", "", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n",
                                       "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi"};
    for (int phase = 0; phase < 4; phase++) {
        struct caller c = caller(&w);
        start(&c);
        if (phase > 0) {
            accept_one(&w, &p);
            expect_request(&w, &p);
            peer_send(&p, said[phase]);
            UNTIL(w.loop, c.heads == (phase > 1) && c.body.n == (phase > 2 ? 2 : 0));
        }
        client_cancel(w.client, c.id);
        client_cancel(w.client, c.id);
        assert_int_equal(client_phase(w.client, c.id), CLIENT_WAITING);
        assert_int_equal(counts(&w).connections, 0);
        if (phase > 0) {
            UNTIL(w.loop, peer_read(&p));
            peer_close(&p);
        }
        peer_idle(w.loop);
        assert_int_equal(c.ends + c.fails, 0);
        buf_release(&c.body);
        if (phase == 0 && peer_accept(&p, w.listener)) {
            peer_close(&p);
        }
    }
    world_close(&w);
}

static void a_call_can_be_cancelled_while_the_name_is_looked_up(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, 4);
    world_origin(&w, &(struct client_origin_options){.host = "localhost",
                                                     .port = w.port,
                                                     .connections_max = 1,
                                                     .connect_timeout_ms = 60000});
    struct caller c = caller(&w);
    struct caller queued = caller(&w);
    start(&c);
    start(&queued);
    client_cancel(w.client, c.id);
    assert_int_equal(counts(&w).calls, 1);
    client_cancel(w.client, queued.id);
    assert_int_equal(counts(&w).connections, 0);
    peer_idle(w.loop);
    assert_int_equal(c.sent + c.fails + queued.sent + queued.fails, 0);
    world_close(&w);
}

static void an_id_is_unknown_once_its_call_is_over(void **state)
{
    struct world w;
    struct peer p;
    (void)state;
    world_open(&w, 4);
    warm_up(&w, &p);
    struct caller c = caller(&w);
    start(&c);
    uint64_t former = c.id;
    expect_request(&w, &p);
    peer_send(&p, OK_HI);
    UNTIL(w.loop, over(&c));
    struct caller next = caller(&w);
    start(&next); /* has the place of the former call, not its id */
    assert_int_equal((uint32_t)former, (uint32_t)next.id);
    const uint64_t unknown[] = {former, 0, 1, UINT64_MAX, former + 1};
    for (size_t i = 0; i < 5; i++) {
        client_pause(w.client, unknown[i]);
        client_resume(w.client, unknown[i]);
        client_cancel(w.client, unknown[i]);
        assert_int_equal(client_phase(w.client, unknown[i]), CLIENT_WAITING);
    }
    expect_request(&w, &p);
    peer_send(&p, OK_HI);
    UNTIL(w.loop, over(&next));
    expect_answer(&next, 200, "hi");
    peer_close(&p);
    buf_release(&c.body);
    buf_release(&next.body);
    world_close(&w);
}

/* ---- the queue ---- */

static void calls_beyond_the_maximum_wait_in_order(void **state)
{
    struct world w;
    struct peer p, none;
    struct caller c[4];
    (void)state;
    world_open(&w, 1);
    for (int i = 0; i < 4; i++) {
        c[i] = caller(&w);
        start(&c[i]);
    }
    assert_int_equal(counts(&w).waiting, 3);
    assert_int_equal(client_phase(w.client, c[2].id), CLIENT_WAITING);
    client_cancel(w.client, c[2].id);
    assert_int_equal(counts(&w).waiting, 2);
    accept_one(&w, &p);
    for (int i = 0; i < 4; i++) {
        if (i == 2) {
            continue;
        }
        expect_request(&w, &p);
        assert_int_equal(c[i].sent, 1);
        assert_int_equal(c[3].sent, i == 3);
        peer_send(&p, OK_HI);
        UNTIL(w.loop, over(&c[i]));
        expect_answer(&c[i], 200, "hi");
    }
    assert_int_equal(c[2].sent + c[2].ends + c[2].fails, 0);
    assert_false(peer_accept(&none, w.listener));
    peer_close(&p);
    for (int i = 0; i < 4; i++) {
        buf_release(&c[i].body);
    }
    world_close(&w);
}

static void a_waiting_call_gets_the_place_of_a_cancelled_or_failed_one(void **state)
{
    struct world w;
    struct peer p, q;
    (void)state;
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        world_open(&w, 1);
        struct caller a = caller(&w);
        struct caller b = caller(&w);
        start(&a);
        start(&b);
        accept_one(&w, &p);
        expect_request(&w, &p);
        if (cancelled) {
            client_cancel(w.client, a.id);
        } else {
            peer_send(&p, "nonsense\r\n");
        }
        accept_one(&w, &q);
        expect_request(&w, &q);
        peer_send(&q, OK_HI);
        UNTIL(w.loop, over(&b));
        expect_answer(&b, 200, "hi");
        assert_int_equal(a.fails, !cancelled);
        peer_close(&p);
        peer_close(&q);
        buf_release(&a.body);
        buf_release(&b.body);
        world_close(&w);
    }
}

/* The next call's on_sent must not come between the end of a call and its owner's hearing of it:
 * its owner might cancel the one that has ended. */
static void an_end_is_told_before_the_next_call_is_sent(void **state)
{
    struct world w;
    struct peer p;
    (void)state;
    world_open(&w, 1);
    struct caller a = caller(&w);
    struct caller b = caller(&w);
    struct caller c = caller(&w);
    b.cancel_at = AT_SENT;
    b.victim = &a;
    a.starts = &c; /* joins the queue behind b */
    start(&a);
    start(&b);
    accept_one(&w, &p);
    expect_request(&w, &p);
    peer_send(&p, OK_HI);
    UNTIL(w.loop, over(&a));
    expect_answer(&a, 200, "hi");
    assert_int_equal(b.sent, 1);
    assert_int_equal(c.sent, 0);
    expect_request(&w, &p);
    peer_send(&p, OK_HI);
    UNTIL(w.loop, over(&b));
    expect_request(&w, &p);
    peer_send(&p, OK_HI);
    UNTIL(w.loop, over(&c));
    expect_answer(&c, 200, "hi");
    peer_close(&p);
    buf_release(&a.body);
    buf_release(&b.body);
    buf_release(&c.body);
    world_close(&w);
}

static void a_full_queue_refuses(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, 1);
    struct caller *many = x_calloc(CLIENT_WAITING_MAX + 3, sizeof(*many));
    for (size_t i = 0; i < CLIENT_WAITING_MAX + 3; i++) {
        many[i] = caller(&w);
        start(&many[i]);
        assert_int_equal(many[i].fails, 0); /* never before it returns */
    }
    client_cancel(w.client, many[CLIENT_WAITING_MAX + 2].id);
    UNTIL(w.loop, many[CLIENT_WAITING_MAX + 1].fails == 1);
    expect_failure(&many[CLIENT_WAITING_MAX + 1], ERR_BUSY, CLIENT_WAITING);
    assert_int_equal(many[CLIENT_WAITING_MAX].fails, 0);
    assert_int_equal(many[CLIENT_WAITING_MAX + 2].fails, 0);
    assert_int_equal(counts(&w).waiting, CLIENT_WAITING_MAX);
    client_free(w.client);
    w.client = client_new(w.loop);
    for (size_t i = 0; i <= CLIENT_WAITING_MAX; i++) {
        assert_int_equal(many[i].ends + many[i].fails, 0);
    }
    x_free(many);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_of_each_framing_are_read_whole_and_byte_by_byte),
        cmocka_unit_test(an_answer_cut_at_any_byte_fails_once),
        cmocka_unit_test(a_kept_connection_serves_the_next_call),
        cmocka_unit_test(a_kept_connection_ends_after_its_time),
        cmocka_unit_test(a_stale_connection_is_replaced_once),
        cmocka_unit_test(a_stale_connection_is_not_replaced_by_another_kept_one),
        cmocka_unit_test(a_kept_connection_that_breaks_within_the_answer_is_not_replaced),
        cmocka_unit_test(bytes_that_nobody_asked_for_end_a_kept_connection),
        cmocka_unit_test(a_call_can_be_cancelled_from_each_of_its_callbacks),
        cmocka_unit_test(a_call_can_be_cancelled_in_each_phase),
        cmocka_unit_test(a_call_can_be_cancelled_while_the_name_is_looked_up),
        cmocka_unit_test(an_id_is_unknown_once_its_call_is_over),
        cmocka_unit_test(calls_beyond_the_maximum_wait_in_order),
        cmocka_unit_test(a_waiting_call_gets_the_place_of_a_cancelled_or_failed_one),
        cmocka_unit_test(an_end_is_told_before_the_next_call_is_sent),
        cmocka_unit_test(a_full_queue_refuses),
    };
    return cmocka_run_group_tests_name("net/client", tests, NULL, NULL);
}
