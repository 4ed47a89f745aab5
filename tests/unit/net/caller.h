#ifndef UNIT_NET_CALLER_H
#define UNIT_NET_CALLER_H

/*
 * A client under test, and calls that note what they are told; the provider is a peer by hand.
 */
#include "unit/net/peer.h"

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

enum at { AT_NEVER = 0, AT_SENT, AT_HEAD, AT_BODY, AT_TURN, AT_END, AT_FAIL };

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
    bool closes_origin;    /* in on_end; another is opened */
};

static inline void start(struct caller *c);

static inline void reached(struct caller *c, enum at at)
{
    if (c->cancel_at == at) {
        client_cancel(c->w->client, c->victim ? c->victim->id : c->id);
    }
    if (c->pause_at == at) {
        client_pause(c->w->client, c->id);
    }
}

static inline void on_sent(void *ctx, bool reused)
{
    struct caller *c = ctx;
    c->sent++;
    c->reused = reused;
    reached(c, AT_SENT);
}

static inline void on_head(void *ctx, const struct http_head *head)
{
    struct caller *c = ctx;
    c->heads++;
    c->status = head->status;
    reached(c, AT_HEAD);
}

static inline void on_body(void *ctx, struct str bytes)
{
    struct caller *c = ctx;
    buf_put_str(&c->body, bytes);
    reached(c, AT_BODY);
}

static inline void on_turn(void *ctx)
{
    struct caller *c = ctx;
    c->turns++;
    reached(c, AT_TURN);
}

static inline void on_end(void *ctx)
{
    struct caller *c = ctx;
    c->ends++;
    if (c->starts) {
        start(c->starts);
    }
    if (c->closes_origin) {
        client_origin_close(c->w->origin);
        c->w->origin = client_origin_open(
            c->w->client, &(struct client_origin_options){.host = "x", .connections_max = 1});
    }
    reached(c, AT_END);
}

static inline void on_fail(void *ctx, const struct error *why, enum client_phase phase)
{
    struct caller *c = ctx;
    c->fails++;
    c->why = *why;
    c->phase = phase;
    reached(c, AT_FAIL);
}

static const struct client_events events = {.on_sent = on_sent,
                                            .on_head = on_head,
                                            .on_body = on_body,
                                            .on_turn = on_turn,
                                            .on_end = on_end,
                                            .on_fail = on_fail};

static inline struct caller caller(struct world *w)
{
    struct caller c = {.w = w, .request = {.head = STR(GET)}};
    buf_init(&c.body, PEER_BYTES_MAX);
    return c;
}

static inline void start(struct caller *c)
{
    c->id = client_start(c->w->origin, &c->request, &events, c);
    assert_int_not_equal(c->id, 0);
}

static inline bool over(const struct caller *c)
{
    return c->ends + c->fails > 0;
}

static inline void world_open(struct world *w, size_t connections_max)
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
static inline void world_origin(struct world *w, const struct client_origin_options *options)
{
    client_origin_close(w->origin);
    w->origin = client_origin_open(w->client, options);
}

static inline void world_close(struct world *w)
{
    client_free(w->client);
    close(w->listener);
    loop_free(w->loop);
}

static inline struct client_counts counts(const struct world *w)
{
    struct client_counts n;
    client_count(w->client, &n);
    return n;
}

/* The provider's end of the next connection. */
static inline void accept_one(struct world *w, struct peer *p)
{
    UNTIL(w->loop, peer_accept(p, w->listener));
}

static inline void expect_request(struct world *w, struct peer *p)
{
    UNTIL(w->loop, peer_has(p, "\r\n\r\n"));
    peer_forget(p);
}

/* A whole call on a new connection, which is then kept. */
static inline void warm_up(struct world *w, struct peer *p)
{
    struct caller c = caller(w);
    start(&c);
    accept_one(w, p);
    expect_request(w, p);
    peer_send(p, OK_HI);
    UNTIL(w->loop, c.ends == 1);
    buf_release(&c.body);
}

static inline void expect_answer(const struct caller *c, int status, const char *body)
{
    assert_int_equal(c->fails, 0);
    assert_int_equal(c->ends, 1);
    assert_int_equal(c->heads, 1);
    assert_int_equal(c->status, status);
    assert_str(buf_str(&c->body), body);
}

/* Failed once, and nothing else came. */
static inline void expect_failure(const struct caller *c, enum err code, enum client_phase phase)
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

#endif
