#include "unit/net/peer.h"

#include "core/mem.h"
#include "net/client.h"

#define GET   "GET /a HTTP/1.1\r\nhost: x\r\n\r\n"
#define OK_HI "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"

struct world {
    struct loop *loop;
    struct client *client;
    struct client_origin *origin;
    int listener;
    uint16_t port;
};

enum at { AT_NEVER = 0, AT_SENT, AT_HEAD, AT_BODY, AT_TURN, AT_END };

/* One call, and what it was told. */
struct caller {
    struct world *w;
    struct client_request request;
    uint64_t id;
    int sent, heads, turns, ends, fails;
    bool reused;
    int status;
    struct buf body;
    struct error why;
    enum client_phase phase;
    enum at cancel_at;
    const struct caller *victim; /* whom it cancels, if not itself */
    enum at pause_at;
    struct caller *starts; /* a call that is started in on_end */
};

static void start(struct caller *c);

static void reached(struct caller *c, enum at at)
{
    if (c->cancel_at == at) {
        client_cancel(c->w->client, c->victim ? c->victim->id : c->id);
    }
    if (c->pause_at == at) {
        client_pause(c->w->client, c->id);
    }
}

static void on_sent(void *ctx, bool reused)
{
    struct caller *c = ctx;
    c->sent++;
    c->reused = reused;
    reached(c, AT_SENT);
}

static void on_head(void *ctx, const struct http_head *head)
{
    struct caller *c = ctx;
    c->heads++;
    c->status = head->status;
    reached(c, AT_HEAD);
}

static void on_body(void *ctx, struct str bytes)
{
    struct caller *c = ctx;
    buf_put_str(&c->body, bytes);
    reached(c, AT_BODY);
}

static void on_turn(void *ctx)
{
    struct caller *c = ctx;
    c->turns++;
    reached(c, AT_TURN);
}

static void on_end(void *ctx)
{
    struct caller *c = ctx;
    c->ends++;
    if (c->starts) {
        start(c->starts);
    }
    reached(c, AT_END);
}

static void on_fail(void *ctx, const struct error *why, enum client_phase phase)
{
    struct caller *c = ctx;
    c->fails++;
    c->why = *why;
    c->phase = phase;
}

static const struct client_events events = {.on_sent = on_sent,
                                            .on_head = on_head,
                                            .on_body = on_body,
                                            .on_turn = on_turn,
                                            .on_end = on_end,
                                            .on_fail = on_fail};

static struct caller caller(struct world *w)
{
    struct caller c = {.w = w, .request = {.head = STR(GET)}};
    buf_init(&c.body, PEER_BYTES_MAX);
    return c;
}

static void start(struct caller *c)
{
    c->id = client_start(c->w->origin, &c->request, &events, c);
    assert_int_not_equal(c->id, 0);
}

static bool over(const struct caller *c)
{
    return c->ends + c->fails > 0;
}

static void world_open(struct world *w, size_t connections_max)
{
    *w = (struct world){.loop = peer_loop()};
    w->listener = peer_listen(&w->port);
    w->client = client_new(w->loop);
    struct client_origin_options options = {.host = "127.0.0.1",
                                            .port = w->port,
                                            .connections_max = connections_max,
                                            .connect_timeout_ms = 60000,
                                            .idle_ms = 60000};
    w->origin = client_origin_open(w->client, &options);
}

/* Another origin in place of the first. */
static void world_origin(struct world *w, const struct client_origin_options *options)
{
    client_origin_close(w->origin);
    w->origin = client_origin_open(w->client, options);
}

static void world_close(struct world *w)
{
    client_free(w->client);
    close(w->listener);
    loop_free(w->loop);
}

static struct client_counts counts(const struct world *w)
{
    struct client_counts n;
    client_count(w->client, &n);
    return n;
}

/* The provider's end of the next connection. */
static void accept_one(struct world *w, struct peer *p)
{
    UNTIL(w->loop, peer_accept(p, w->listener));
}

static void expect_request(struct world *w, struct peer *p)
{
    UNTIL(w->loop, peer_has(p, "\r\n\r\n"));
    peer_forget(p);
}

/* A whole call on a new connection, which is then kept. */
static void warm_up(struct world *w, struct peer *p)
{
    struct caller c = caller(w);
    start(&c);
    accept_one(w, p);
    expect_request(w, p);
    peer_send(p, OK_HI);
    UNTIL(w->loop, c.ends == 1);
    buf_release(&c.body);
}

static void expect_answer(const struct caller *c, int status, const char *body)
{
    assert_int_equal(c->fails, 0);
    assert_int_equal(c->ends, 1);
    assert_int_equal(c->heads, 1);
    assert_int_equal(c->status, status);
    assert_str(buf_str(&c->body), body);
}

/* Failed once, and nothing else came. */
static void expect_failure(const struct caller *c, enum err code, enum client_phase phase)
{
    assert_int_equal(c->fails, 1);
    assert_int_equal(c->ends, 0);
    if (c->why.code != code || c->phase != phase) {
        print_error("%s (phase %d): %s\n", error_name(c->why.code), c->phase, c->why.text);
    }
    assert_int_equal(c->why.code, code);
    assert_int_equal(c->phase, phase);
    assert_true(c->why.text[0] != '\0');
}

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
    {OK_HI,                                                                       false, 200,                                                                             "hi", true,                                                                           false  },
    {"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", false, 200,                                                                             "hi",
     true,                                                                                                                                                                                                                                                      false  },
    {"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nh\r\n1;x=y\r\ni\r\n0\r\nt: "
     "v\r\n\r\n",                                                                            false,                                                                        200,                                                                       "hi", true,     false       },
    {"HTTP/1.1 200 OK\r\n\r\nhi",                                                                           true,                                                      200,                                                       "hi",   false,                       false               },
    {"HTTP/1.0 200 OK\r\n\r\nhi",                                                                           true,                                                      200,                                                       "hi",   false,                       false       },
    {"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi",                                                                           false,                                 200,                                 "hi",  false,                                            false                                     },
    {"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nhi",                                                                           false,       200,       "hi",
     true,                                                                      false                                                                                                                                                                                                                                                              },
    {"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi",                                                                           false,            200,            "hi",  false,
     false},
    {"HTTP/1.1 204 No Content\r\n\r\n",                                                                           false,                                                204,                                                "",  true,                               false                                                                                                                                                                                                                             },
    {"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n",                                                                           false,                         304,                         "",  true,                                                      false},
    {"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n",                                                                           false,                    429,                    "",  true,                                                           false                                                                                                                                                                                                                                  },
    {"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n",                                                                           false,                                200,                                "",  true,                                               true},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n" OK_HI,                                                                           false, 200,
     "hi",  true,                                                                                                                                                                                                                                                      false                                                                                                                                                                                                                                                       },
    {OK_HI,                                                                           true,                                                                            200,                                                                             "hi",   false, false},
    {"hello\r\n\r\n",                                                                           false,                                                                  0,                                                                  NULL,    false,             false                                                                                                                                                                                                                                                                  },
    {"HTTP/2 200 OK\r\n\r\n",                                                                           false,                                                          0,                                                          NULL,    false,                     false},
    {"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nhi",                                                                           false,            0,            NULL,    false,
     false                                                                                                                                                                                                                                                                                                                },
    {"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",                                                                           false,                         0,                         NULL,    false,                                                      false},
    {"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhi\r\n",                                                                           false,              200,              NULL,  false,
     false                                                                                                                                                                                                                                                                                                                           },
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
    c.request.idle_timeout_ms = 10;
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
    assert_int_equal(c.fails, 0); /* nor is it late: we stopped it */
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
        cmocka_unit_test(a_refused_connection_is_told_after_the_start),
        cmocka_unit_test(a_name_without_address_fails),
        cmocka_unit_test(a_provider_that_takes_too_long_is_left),
        cmocka_unit_test(a_call_does_not_wait_for_ever_in_the_queue),
        cmocka_unit_test(a_paused_answer_stays_with_the_provider),
        cmocka_unit_test(a_large_body_is_sent_as_the_provider_reads),
        cmocka_unit_test(a_closed_origin_finishes_what_was_begun),
        cmocka_unit_test(a_closed_origin_ends_its_kept_connections),
    };
    return cmocka_run_group_tests_name("net/client", tests, NULL, NULL);
}
