#include "net/http2.h"

#include "unit/net/h2_peer.h"

#include "core/mem.h"

#define GET  "GET /a?b=c HTTP/1.1\r\nhost: x.test:81\r\n\r\n"
#define POST "POST /a HTTP/1.1\r\nhost: x\r\n\r\n"

/* ---- owners, and the two ends ---- */

enum at { AT_NEVER = 0, AT_HEAD, AT_BODY, AT_TURN };

struct owner {
    struct http2 *h;
    struct http2_stream *stream;
    int heads, turns, ends, fails;
    int status;
    int64_t content_length;
    struct buf fields;
    struct buf body;
    struct error why;
    enum http2_end end;
    enum at reset_at;
    enum at hold_at;
};

static void reached(struct owner *o, enum at at)
{
    if (o->reset_at == at) {
        http2_reset(o->h, o->stream);
    }
    if (o->hold_at == at) {
        http2_hold(o->h, o->stream);
    }
}

static void on_head(void *ctx, const struct http_head *head)
{
    struct owner *o = ctx;
    o->heads++;
    o->status = head->status;
    o->content_length = head->content_length;
    for (size_t i = 0; i < head->header_count; i++) {
        buf_putf(&o->fields, "%.*s: %.*s\n", STR_ARG(head->headers[i].name),
                 STR_ARG(head->headers[i].value));
    }
    reached(o, AT_HEAD);
}

static void on_body(void *ctx, struct str bytes)
{
    struct owner *o = ctx;
    buf_put_str(&o->body, bytes);
    reached(o, AT_BODY);
}

static void on_turn(void *ctx)
{
    struct owner *o = ctx;
    o->turns++;
    reached(o, AT_TURN);
}

static void on_end(void *ctx)
{
    struct owner *o = ctx;
    o->ends++;
}

static void on_fail(void *ctx, const struct error *why, enum http2_end end)
{
    struct owner *o = ctx;
    o->fails++;
    o->why = *why;
    o->end = end;
}

static const struct http2_events events = {.on_head = on_head,
                                           .on_body = on_body,
                                           .on_turn = on_turn,
                                           .on_end = on_end,
                                           .on_fail = on_fail};

static void ask(struct owner *o, struct http2 *h, const char *head, struct str body)
{
    struct error err;
    *o = (struct owner){.h = h};
    buf_init(&o->fields, PEER_BYTES_MAX);
    buf_init(&o->body, PEER_BYTES_MAX);
    o->stream = http2_start(h, str_of(head), body, o, &err);
    assert_non_null(o->stream);
}

static void forget(struct owner *o)
{
    buf_release(&o->fields);
    buf_release(&o->body);
}

/* What the client has to say goes to nobody. */
static void discard(struct http2 *h)
{
    struct buf out;
    buf_init(&out, PEER_BYTES_MAX);
    while (http2_write(h, &out, 65536)) {
        buf_clear(&out);
    }
    buf_release(&out);
}

struct pair {
    struct http2 *h;
    struct h2_peer p;
};

/* Both talk until neither has anything to say. */
static void talk(struct pair *pair)
{
    struct buf there, back;
    buf_init(&there, PEER_BYTES_MAX);
    buf_init(&back, PEER_BYTES_MAX);
    do {
        buf_clear(&there);
        buf_clear(&back);
        while (http2_write(pair->h, &there, PEER_BYTES_MAX)) {
        }
        h2_feed(&pair->p, buf_str(&there));
        h2_take(&pair->p, &back, 65536);
        struct error err = {0};
        assert_int_equal(http2_feed(pair->h, buf_str(&back), &err), 0);
    } while (there.n + back.n > 0);
    buf_release(&there);
    buf_release(&back);
}

static void pair_open(struct pair *pair, int streams_max, bool window)
{
    pair->h = http2_new("https", &events);
    h2_open(&pair->p, streams_max, window);
    talk(pair);
    assert_true(http2_is_settled(pair->h));
}

static void pair_close(struct pair *pair)
{
    http2_free(pair->h);
    h2_close(&pair->p);
}

/* ---- requests ---- */

static void a_head_arrives_as_fields(void **state)
{
    struct pair pair;
    struct owner o;
    (void)state;
    pair_open(&pair, -1, true);
    ask(&o, pair.h,
        "POST /a HTTP/1.1\r\nHost: x.test\r\nConnection: close\r\nTE: trailers\r\n"
        "Transfer-Encoding: x\r\nUpgrade: x\r\nKeep-Alive: x\r\nProxy-Connection: x\r\n"
        "X-Mixed: A b : c \r\nempty:\r\nx-api-key: k\r\nAuthorization: Bearer t\r\n"
        "x-some-token: s\r\ncontent-length: 2\r\n\r\n",
        STR("hi"));
    talk(&pair);
    assert_int_equal(pair.p.n, 1);
    assert_str(buf_str(&pair.p.seen[0]->fields),
               ":method: POST\n:scheme: https\n:authority: x.test\n:path: /a\nx-mixed: A b : c\n"
               "empty: \n!x-api-key: k\n!authorization: Bearer t\n!x-some-token: s\n"
               "content-length: 2\n");
    assert_str(buf_str(&pair.p.seen[0]->body), "hi");
    assert_true(pair.p.seen[0]->ended);
    forget(&o);
    pair_close(&pair);
}

static void a_request_without_a_body_ends_with_its_head(void **state)
{
    struct pair pair;
    struct owner o;
    (void)state;
    pair_open(&pair, -1, true);
    ask(&o, pair.h, GET, STR_EMPTY);
    talk(&pair);
    assert_str(buf_str(&pair.p.seen[0]->fields),
               ":method: GET\n:scheme: https\n:authority: x.test:81\n:path: /a?b=c\n");
    assert_true(pair.p.seen[0]->ended);
    forget(&o);
    pair_close(&pair);
}

static void a_body_is_sent_as_far_as_the_peer_lets_it(void **state)
{
    struct pair pair;
    struct owner o;
    size_t size = 1u << 20;
    (void)state;
    char *bytes = x_calloc(1, size);
    pair_open(&pair, -1, false);
    ask(&o, pair.h, POST, str_make(bytes, size));
    talk(&pair);
    struct h2_seen *seen = pair.p.seen[0];
    assert_int_equal(seen->body.n, 65535);
    while (!seen->ended) {
        size_t before = seen->body.n;
        nghttp2_submit_window_update(pair.p.session, 0, seen->id, 100000);
        nghttp2_submit_window_update(pair.p.session, 0, 0, 100000);
        talk(&pair);
        assert_true(seen->body.n - before <= 100000 && seen->body.n > before);
    }
    assert_int_equal(seen->body.n, size);
    h2_answer_whole(seen, "ok");
    talk(&pair);
    assert_int_equal(o.ends, 1);
    x_free(bytes);
    forget(&o);
    pair_close(&pair);
}

static void an_answer_before_the_whole_request_stops_it(void **state)
{
    struct pair pair;
    struct owner o;
    size_t size = 1u << 20;
    (void)state;
    char *bytes = x_calloc(1, size);
    pair_open(&pair, -1, false);
    ask(&o, pair.h, POST, str_make(bytes, size));
    talk(&pair);
    h2_answer_whole(pair.p.seen[0], "too large");
    talk(&pair);
    assert_int_equal(o.ends, 1);
    assert_str(buf_str(&o.body), "too large");
    assert_true(pair.p.seen[0]->closed);
    assert_int_equal(pair.p.seen[0]->body.n, 65535);
    x_free(bytes);
    forget(&o);
    pair_close(&pair);
}

static void a_request_with_too_many_headers_is_refused(void **state)
{
    struct error err;
    (void)state;
    for (int i = 0; i < 2; i++) { /* the most, and one more */
        struct buf head;
        struct http2 *h = http2_new("http", &events);
        struct owner o = {.h = h};
        buf_init(&head, PEER_BYTES_MAX);
        buf_puts(&head, "GET / HTTP/1.1\r\nhost: x\r\n");
        for (int n = 0; n < HTTP2_HEADERS_MAX - 4 + i; n++) {
            buf_puts(&head, "a: b\r\n");
        }
        buf_puts(&head, "\r\n");
        struct http2_stream *s = http2_start(h, buf_str(&head), STR_EMPTY, &o, &err);
        assert_int_equal(s == NULL, i);
        assert_true(s || err.code == ERR_LIMIT);
        buf_release(&head);
        http2_free(h);
    }
}

/* ---- answers ---- */

/*
 * A script of frames on stream 1, separated by spaces: h200+name=value (HEADERS; without a number,
 * trailers), dBYTES (DATA), rCODE (RST_STREAM), gLAST (GOAWAY); a final '.' ends the stream. "~1"
 * is byte 1, "~_" a space.
 */
static void write_text(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        bool marked = text.p[i] == '~' && i + 1 < text.n;
        buf_putc(out, !marked ? text.p[i] : text.p[++i] == '_' ? ' ' : '\1');
    }
}

static void write_headers(struct buf *out, struct str text, int flags)
{
    struct buf block, name, value;
    buf_init(&block, PEER_BYTES_MAX);
    buf_init(&name, PEER_BYTES_MAX);
    buf_init(&value, PEER_BYTES_MAX);
    struct str status = str_split(&text, '+');
    if (status.n > 0) {
        h2_field(&block, STR(":status"), status);
    }
    while (text.n > 0) {
        struct str field = str_split(&text, '+');
        buf_clear(&name);
        buf_clear(&value);
        write_text(&name, str_split(&field, '='));
        write_text(&value, field);
        h2_field(&block, buf_str(&name), buf_str(&value));
    }
    h2_frame(out, NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | flags, 1, buf_str(&block));
    buf_release(&block);
    buf_release(&name);
    buf_release(&value);
}

static void write_script(struct buf *out, const char *script)
{
    struct str rest = str_of(script);
    h2_frame(out, NGHTTP2_SETTINGS, 0, 0, STR_EMPTY);
    while (rest.n > 0) {
        struct str word = str_split(&rest, ' ');
        bool ends = str_ends(word, STR("."));
        int flags = ends ? NGHTTP2_FLAG_END_STREAM : 0;
        struct str text = str_from(ends ? str_head(word, word.n - 1) : word, 1);
        const char code[8] = {0, 0, 0, (char)(text.n > 0 ? text.p[0] - '0' : 0)};
        switch (word.p[0]) {
        case 'h':
            write_headers(out, text, flags);
            break;
        case 'd':
            h2_frame(out, NGHTTP2_DATA, flags, 1, text);
            break;
        case 'r':
            h2_frame(out, NGHTTP2_RST_STREAM, 0, 1, str_make(code, 4));
            break;
        default:
            h2_frame(out, NGHTTP2_GOAWAY, 0, 0, str_make(code, 8));
            break;
        }
    }
}

struct answer_row {
    const char *script;
    int status;
    const char *body; /* NULL: it fails */
    enum err code;
    enum http2_end end;
    bool head_asked;
    bool connection; /* it is the connection that ends */
};

/* clang-format off */
static const struct answer_row answers[] = {
    {"h200 dhi.",                            .status = 200, .body = "hi"},
    {"h200.",                                .status = 200, .body = ""},
    {"h200 d.",                              .status = 200, .body = ""},
    {"h200 dh di.",                          .status = 200, .body = "hi"},
    {"h204.",                                .status = 204, .body = ""},
    {"h429 dslow.",                          .status = 429, .body = "slow"},
    {"h200+content-length=2 dhi.",           .status = 200, .body = "hi"},
    {"h100 h103+link=a h200 dhi.",           .status = 200, .body = "hi"},
    {"h200 dhi h+x-trailer=1.",              .status = 200, .body = "hi"},
    {"h200 h+x-trailer=1.",                  .status = 200, .body = ""},
    {"h200 dhi. r0",                         .status = 200, .body = "hi"},
    {"g1 h200 dhi.",                         .status = 200, .body = "hi"},
    {"h200+x=~_~_v~_ dhi.",                  .status = 200, .body = "hi"},
    {"h200+content-length=9.",               .status = 200, .body = "", .head_asked = true},
    /* lengths that lie */
    {"h200+content-length=3 dhi.",           .status = 200, .code = ERR_UPSTREAM},
    {"h200+content-length=1 dhi.",           .status = 200, .code = ERR_UPSTREAM},
    {"h200+content-length=3.",               .status =   0, .code = ERR_UPSTREAM},
    {"h200+content-length=1+content-length=2",   .status =   0, .code = ERR_UPSTREAM},
    {"h200+content-length=-1",               .status =   0, .code = ERR_UPSTREAM},
    {"h200+content-length=9 dhi.",           .status = 200, .code = ERR_UPSTREAM, .head_asked = true},
    /* heads that are none */
    {"h.",                                   .status =   0, .code = ERR_UPSTREAM},
    {"h101", .status =   0, .code = ERR_UPSTREAM},
    {"h103.",                                .status =   0, .code = ERR_UPSTREAM},
    {"h20x", .status =   0, .code = ERR_UPSTREAM},
    {"h200+connection=close",                .status =   0, .code = ERR_UPSTREAM},
    {"h200+transfer-encoding=chunked",       .status =   0, .code = ERR_UPSTREAM},
    {"h200+Upper=1",                         .status =   0, .code = ERR_UPSTREAM},
    {"h200+x=a~1",                           .status =   0, .code = ERR_UPSTREAM},
    {"h200+x~_y=a",                          .status =   0, .code = ERR_UPSTREAM},
    {"h200+=a",                              .status =   0, .code = ERR_UPSTREAM},
    {"h200+x=1+:status=200",                 .status =   0, .code = ERR_UPSTREAM},
    {"h200+:path=/",                         .status =   0, .code = ERR_UPSTREAM},
    {"dhi.",                                 .status =   0, .code = ERR_UPSTREAM, .connection = true},
    {"h100 dhi.",                            .status =   0, .code = ERR_UPSTREAM},
    {"h200 dhi h+x=1",                       .status = 200, .code = ERR_UPSTREAM},
    {"h200 h200 dhi.",                       .status = 200, .code = ERR_UPSTREAM},
    /* streams that are reset */
    {"r2", .status =   0, .code = ERR_CLOSED},
    {"r0", .status =   0, .code = ERR_CLOSED},
    {"h200 dhi r8",                          .status = 200, .code = ERR_CLOSED},
    {"h200 dhi r0",                          .status = 200, .code = ERR_CLOSED},
    {"r7", .status =   0, .code = ERR_CLOSED, .end = HTTP2_NOT_TAKEN},
    {"h200 r7",                              .status = 200, .code = ERR_CLOSED},
    {"h100 r7",                              .status =   0, .code = ERR_CLOSED, .end = HTTP2_NOT_TAKEN},
    {"r=",                                   .status =   0, .code = ERR_CLOSED, .end = HTTP2_HTTP1_WANTED},
    {"g0", .status =   0, .code = ERR_CLOSED, .end = HTTP2_NOT_TAKEN},
};

/* clang-format on */

static void try_answer(const struct answer_row *row, size_t step)
{
    struct buf bytes;
    struct owner o;
    struct error err = {0};
    struct http2 *h = http2_new("https", &events);
    buf_init(&bytes, PEER_BYTES_MAX);
    write_script(&bytes, row->script);
    ask(&o, h, row->head_asked ? "HEAD / HTTP/1.1\r\nhost: x\r\n\r\n" : GET, STR_EMPTY);
    discard(h);
    for (struct str rest = buf_str(&bytes); rest.n > 0; rest = str_from(rest, step)) {
        assert_int_equal(http2_feed(h, str_head(rest, step), &err), 0);
    }
    discard(h);
    if (row->connection) {
        assert_true(http2_is_over(h, &o.why));
        o.fails = 1; /* to be told by whoever ends the connection */
    }
    if (o.ends != (row->body != NULL) || o.fails != (row->body == NULL) ||
        o.status != row->status || o.why.code != row->code || o.end != row->end) {
        print_error("%s: ends %d, fails %d, status %d, %s %s, %d\n", row->script, o.ends, o.fails,
                    o.status, error_name(o.why.code), o.why.text, o.end);
        fail();
    }
    assert_int_equal(o.heads, row->status != 0);
    if (row->body) {
        assert_str(buf_str(&o.body), row->body);
    }
    forget(&o);
    buf_release(&bytes);
    http2_free(h);
}

static void answers_are_read_whole_and_byte_by_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        try_answer(&answers[i], SIZE_MAX);
        try_answer(&answers[i], 1);
    }
}

static void the_fields_of_an_answer_are_given(void **state)
{
    struct buf bytes;
    struct owner o;
    struct error err;
    struct http2 *h = http2_new("https", &events);
    (void)state;
    buf_init(&bytes, PEER_BYTES_MAX);
    write_script(&bytes, "h103+early=1 h200+content-length=2+a=b+empty=+a=~_c~_ dhi.");
    ask(&o, h, GET, STR_EMPTY);
    discard(h);
    assert_int_equal(http2_feed(h, buf_str(&bytes), &err), 0);
    assert_str(buf_str(&o.fields), "content-length: 2\na: b\nempty: \na: c\n");
    assert_int_equal(o.content_length, 2);
    assert_int_equal(o.ends, 1);
    forget(&o);
    buf_release(&bytes);
    http2_free(h);
}

/* ---- limits ---- */

/* HEADERS and as many CONTINUATIONs as it takes, of `step` bytes each. */
static void write_block(struct buf *out, struct str block, size_t step)
{
    int type = NGHTTP2_HEADERS;
    do {
        struct str part = str_head(block, step);
        block = str_from(block, part.n);
        h2_frame(out, type, block.n == 0 ? NGHTTP2_FLAG_END_HEADERS : 0, 1, part);
        type = NGHTTP2_CONTINUATION;
    } while (block.n > 0);
}

struct head_row {
    int count;
    size_t value_bytes;
    size_t step;
    bool fits;
    bool connection_ends;
};

static const struct head_row heads[] = {
    {HTTP1_HEADERS_MAX,     1,    16384, true,  false},
    {HTTP1_HEADERS_MAX + 1, 1,    16384, false, false},
    {60,                    1000, 16384, true,  false},
    {70,                    1000, 16384, false, false},
    {4,                     16,   16,    true,  false}, /* 6 frames */
    {10,                    16,   2,     false, true }, /* more than are taken */
};

static void a_head_has_its_limits(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        const struct head_row *row = &heads[i];
        struct buf block, bytes, value;
        struct owner o;
        struct error err = {0};
        struct http2 *h = http2_new("https", &events);
        buf_init(&block, PEER_BYTES_MAX);
        buf_init(&bytes, PEER_BYTES_MAX);
        buf_init(&value, PEER_BYTES_MAX);
        for (size_t n = 0; n < row->value_bytes; n++) {
            buf_putc(&value, 'v');
        }
        h2_field(&block, STR(":status"), STR("200"));
        for (int n = 0; n < row->count; n++) {
            h2_field(&block, STR("x"), buf_str(&value));
        }
        h2_frame(&bytes, NGHTTP2_SETTINGS, 0, 0, STR_EMPTY);
        write_block(&bytes, buf_str(&block), row->step);
        ask(&o, h, GET, STR_EMPTY);
        discard(h);
        int rc = http2_feed(h, buf_str(&bytes), &err);
        discard(h);
        if (o.heads != row->fits || (rc != 0) != row->connection_ends) {
            print_error("row %zu: heads %d, rc %d, %s\n", i, o.heads, rc, err.text);
            fail();
        }
        assert_int_equal(o.fails, !row->fits && !row->connection_ends);
        forget(&o);
        buf_release(&block);
        buf_release(&bytes);
        buf_release(&value);
        http2_free(h);
    }
}

static void interim_answers_have_a_limit(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        struct buf bytes;
        struct owner o;
        struct error err;
        struct http2 *h = http2_new("https", &events);
        buf_init(&bytes, PEER_BYTES_MAX);
        h2_frame(&bytes, NGHTTP2_SETTINGS, 0, 0, STR_EMPTY);
        for (int i = 0; i < HTTP2_INTERIM_MAX + more; i++) {
            write_headers(&bytes, STR("103"), 0);
        }
        write_headers(&bytes, STR("200"), NGHTTP2_FLAG_END_STREAM);
        ask(&o, h, GET, STR_EMPTY);
        discard(h);
        assert_int_equal(http2_feed(h, buf_str(&bytes), &err), 0);
        discard(h);
        assert_int_equal(o.ends, !more);
        assert_int_equal(o.fails, more);
        assert_true(!more || o.why.code == ERR_UPSTREAM);
        forget(&o);
        buf_release(&bytes);
        http2_free(h);
    }
}

/* Frames that cost the sender nothing and us some time. */
static void bytes_without_content_have_a_limit(void **state)
{
    static const struct {
        int type;
        int flags;
        uint32_t id;
        const char *payload;
        size_t n;
    } floods[] = {
        {NGHTTP2_PRIORITY,      0,                1, "\0\0\0\3\1", 5},
        {NGHTTP2_WINDOW_UPDATE, 0,                1, "\0\0\0\1",   4},
        {NGHTTP2_PING,          NGHTTP2_FLAG_ACK, 0, "12345678",   8},
        {0xbe,                  0,                1, "unknown",    7},
        {NGHTTP2_DATA,          0,                1, "",           0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(floods); i++) {
        struct buf bytes;
        struct owner o;
        struct error err = {0};
        struct http2 *h = http2_new("https", &events);
        buf_init(&bytes, PEER_BYTES_MAX);
        write_script(&bytes, "h200 dx");
        ask(&o, h, GET, STR_EMPTY);
        discard(h);
        assert_int_equal(http2_feed(h, buf_str(&bytes), &err), 0);
        buf_clear(&bytes);
        h2_frame(&bytes, floods[i].type, floods[i].flags, floods[i].id,
                 str_make(floods[i].payload, floods[i].n));
        size_t before = 0; /* what came beside the content counts too */
        while (http2_feed(h, buf_str(&bytes), &err) == 0) {
            before += bytes.n;
            discard(h);
            assert_true(before <= HTTP2_QUIET_BYTES_MAX);
        }
        assert_true(before + 1000 > HTTP2_QUIET_BYTES_MAX);
        assert_contains(err.text, "without content");
        assert_int_equal(o.fails, 0);
        forget(&o);
        buf_release(&bytes);
        http2_free(h);
    }
}

/* What is asked of us is answered from memory: nghttp2 counts what waits there. */
static void questions_that_nobody_lets_us_answer_have_a_limit(void **state)
{
    struct buf bytes;
    struct error err = {0};
    struct http2 *h = http2_new("https", &events);
    (void)state;
    buf_init(&bytes, PEER_BYTES_MAX);
    h2_frame(&bytes, NGHTTP2_SETTINGS, 0, 0, STR_EMPTY);
    for (int i = 0; i < 10000; i++) {
        h2_frame(&bytes, NGHTTP2_PING, 0, 0, STR("12345678"));
    }
    assert_int_equal(http2_feed(h, buf_str(&bytes), &err), ERR_UPSTREAM);
    buf_release(&bytes);
    http2_free(h);
}

static void what_is_no_http2_ends_the_connection(void **state)
{
    static const char *const nonsense[] = {
        "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
        "\x15\x03\x01\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02\x02",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(nonsense); i++) {
        struct error err = {0};
        struct error why = {0};
        struct http2 *h = http2_new("https", &events);
        discard(h);
        int rc = http2_feed(h, str_of(nonsense[i]), &err);
        discard(h);
        assert_true(rc == ERR_UPSTREAM || (http2_is_over(h, &why) && why.code == ERR_UPSTREAM));
        http2_free(h);
    }
}

static void a_peer_that_pushes_is_left(void **state)
{
    struct buf bytes;
    struct owner o;
    struct error err = {0};
    struct error why = {0};
    struct http2 *h = http2_new("https", &events);
    (void)state;
    buf_init(&bytes, PEER_BYTES_MAX);
    h2_frame(&bytes, NGHTTP2_SETTINGS, 0, 0, STR_EMPTY);
    h2_frame(&bytes, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, STR_EMPTY);
    h2_frame(&bytes, NGHTTP2_PUSH_PROMISE, NGHTTP2_FLAG_END_HEADERS, 1,
             str_make("\0\0\0\2\x82\x84\x87", 7));
    ask(&o, h, GET, STR_EMPTY);
    discard(h);
    int rc = http2_feed(h, buf_str(&bytes), &err);
    discard(h);
    assert_true(rc != 0 || http2_is_leaving(h));
    assert_true(rc != 0 || o.fails == 1 || http2_is_over(h, &why));
    forget(&o);
    buf_release(&bytes);
    http2_free(h);
}

/* ---- many streams ---- */

static void a_held_stream_stops_and_the_others_go_on(void **state)
{
    struct pair pair;
    struct owner slow, quick;
    size_t size = 40u << 20; /* more than the window of the connection */
    (void)state;
    char *bytes = x_calloc(1, size);
    pair_open(&pair, -1, true);
    ask(&slow, pair.h, GET, STR_EMPTY);
    ask(&quick, pair.h, GET, STR_EMPTY);
    slow.hold_at = AT_HEAD;
    talk(&pair);
    for (int i = 0; i < 2; i++) {
        h2_answer(pair.p.seen[i], "200");
        h2_say(pair.p.seen[i], str_make(bytes, size));
        h2_finish(pair.p.seen[i]);
    }
    talk(&pair);
    assert_int_equal(slow.body.n, HTTP2_WINDOW_BYTES);
    assert_int_equal(slow.ends, 0);
    assert_int_equal(quick.body.n, size);
    assert_int_equal(quick.ends, 1);
    assert_true(quick.turns > 1);
    http2_release(pair.h, slow.stream);
    talk(&pair);
    assert_int_equal(slow.body.n, size);
    assert_int_equal(slow.ends, 1);
    x_free(bytes);
    forget(&slow);
    forget(&quick);
    pair_close(&pair);
}

static void a_stream_that_is_reset_ends_and_the_others_go_on(void **state)
{
    static const enum at places[] = {AT_NEVER, AT_HEAD, AT_BODY, AT_TURN};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct pair pair;
        struct owner gone, stays;
        pair_open(&pair, -1, true);
        ask(&gone, pair.h, GET, STR_EMPTY);
        ask(&stays, pair.h, GET, STR_EMPTY);
        gone.reset_at = places[i];
        talk(&pair);
        h2_answer(pair.p.seen[0], "200");
        h2_say(pair.p.seen[0], STR("one"));
        h2_answer(pair.p.seen[1], "200");
        h2_say(pair.p.seen[1], STR("two"));
        talk(&pair);
        if (places[i] == AT_NEVER) {
            http2_reset(pair.h, gone.stream);
            talk(&pair);
        }
        assert_true(pair.p.seen[0]->closed);
        assert_int_equal(pair.p.seen[0]->reset_code, NGHTTP2_CANCEL);
        h2_finish(pair.p.seen[1]);
        talk(&pair);
        assert_int_equal(gone.heads, 1);
        assert_int_equal(gone.ends + gone.fails, 0);
        assert_int_equal(gone.turns, places[i] == AT_NEVER || places[i] == AT_TURN);
        assert_int_equal(stays.ends, 1);
        assert_str(buf_str(&stays.body), "two");
        forget(&gone);
        forget(&stays);
        pair_close(&pair);
    }
}

/* Bytes that were on their way to it still count as read: the connection's window stays open. */
static void bytes_of_a_reset_stream_are_given_back(void **state)
{
    struct pair pair;
    struct owner o;
    size_t size = 200u << 10;
    (void)state;
    char *bytes = x_calloc(1, size);
    pair_open(&pair, -1, true);
    for (int i = 0; i < 150; i++) { /* 30 MB */
        ask(&o, pair.h, GET, STR_EMPTY);
        o.reset_at = AT_BODY;
        talk(&pair);
        h2_answer(pair.p.seen[i], "200");
        h2_say(pair.p.seen[i], str_make(bytes, size));
        talk(&pair);
        assert_true(o.body.n > 0);
        forget(&o);
    }
    x_free(bytes);
    pair_close(&pair);
}

static void a_stream_that_is_reset_before_it_was_sent_is_never_seen(void **state)
{
    struct pair pair;
    struct owner gone, stays;
    (void)state;
    pair_open(&pair, -1, true);
    ask(&gone, pair.h, POST, STR("body"));
    http2_reset(pair.h, gone.stream);
    ask(&stays, pair.h, GET, STR_EMPTY);
    talk(&pair);
    assert_int_equal(pair.p.n, 1);
    h2_answer_whole(pair.p.seen[0], "hi");
    talk(&pair);
    assert_int_equal(gone.ends + gone.fails, 0);
    assert_int_equal(stays.ends, 1);
    forget(&gone);
    forget(&stays);
    pair_close(&pair);
}

static void room_is_what_the_peer_allows(void **state)
{
    static const struct {
        int max;
        size_t room;
    } rows[] = {
        {0,       0                },
        {1,       1                },
        {3,       3                },
        {1000000, HTTP2_STREAMS_MAX},
        {-1,      HTTP2_STREAMS_MAX},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pair pair = {.h = http2_new("https", &events)};
        struct owner o;
        h2_open(&pair.p, rows[i].max, true);
        assert_false(http2_is_settled(pair.h));
        assert_int_equal(http2_room(pair.h), 1);
        talk(&pair);
        assert_int_equal(http2_room(pair.h), rows[i].room);
        if (rows[i].room > 0) {
            ask(&o, pair.h, GET, STR_EMPTY);
            assert_int_equal(http2_room(pair.h), rows[i].room - 1);
            talk(&pair);
            h2_answer_whole(pair.p.seen[0], "hi");
            talk(&pair);
            assert_int_equal(http2_room(pair.h), rows[i].room);
            forget(&o);
        }
        pair_close(&pair);
    }
}

/* ---- the connection ---- */

static void after_a_goodbye_what_was_taken_ends_and_the_rest_was_not_taken(void **state)
{
    struct pair pair;
    struct owner first, second, third;
    struct error why = {0};
    (void)state;
    pair_open(&pair, -1, true);
    ask(&first, pair.h, GET, STR_EMPTY);
    ask(&second, pair.h, GET, STR_EMPTY);
    talk(&pair);
    ask(&third, pair.h, GET, STR_EMPTY); /* on its way when the goodbye comes */
    nghttp2_submit_goaway(pair.p.session, 0, 1, NGHTTP2_NO_ERROR, NULL, 0);
    struct buf back;
    buf_init(&back, PEER_BYTES_MAX);
    h2_take(&pair.p, &back, 65536);
    assert_int_equal(http2_feed(pair.h, buf_str(&back), &why), 0);
    buf_release(&back);
    talk(&pair);
    assert_true(http2_is_leaving(pair.h));
    assert_int_equal(http2_room(pair.h), 0);
    assert_int_equal(second.fails, 1);
    assert_int_equal(second.end, HTTP2_NOT_TAKEN);
    assert_int_equal(third.fails, 1);
    assert_int_equal(third.end, HTTP2_NOT_TAKEN);
    assert_int_equal(first.fails, 0);
    assert_false(http2_is_over(pair.h, &why));
    h2_answer_whole(pair.p.seen[0], "hi");
    talk(&pair);
    assert_int_equal(first.ends, 1);
    assert_true(http2_is_over(pair.h, &why));
    assert_int_equal(why.code, ERR_OK);
    forget(&first);
    forget(&second);
    forget(&third);
    pair_close(&pair);
}

static void a_ping_is_answered_and_can_be_sent(void **state)
{
    struct pair pair;
    (void)state;
    pair_open(&pair, -1, true);
    nghttp2_submit_ping(pair.p.session, 0, NULL);
    http2_ping(pair.h);
    talk(&pair);
    assert_int_equal(pair.p.acks, 1);
    assert_int_equal(pair.p.pings, 1);
    pair_close(&pair);
}

static void a_goodbye_is_said(void **state)
{
    struct pair pair;
    struct error why = {0};
    (void)state;
    pair_open(&pair, -1, true);
    assert_false(http2_is_leaving(pair.h));
    http2_goaway(pair.h);
    talk(&pair);
    assert_true(pair.p.goaway);
    assert_true(http2_is_leaving(pair.h));
    assert_true(http2_is_over(pair.h, &why));
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_arrives_as_fields),
        cmocka_unit_test(a_request_without_a_body_ends_with_its_head),
        cmocka_unit_test(a_body_is_sent_as_far_as_the_peer_lets_it),
        cmocka_unit_test(an_answer_before_the_whole_request_stops_it),
        cmocka_unit_test(a_request_with_too_many_headers_is_refused),
        cmocka_unit_test(answers_are_read_whole_and_byte_by_byte),
        cmocka_unit_test(the_fields_of_an_answer_are_given),
        cmocka_unit_test(a_head_has_its_limits),
        cmocka_unit_test(interim_answers_have_a_limit),
        cmocka_unit_test(bytes_without_content_have_a_limit),
        cmocka_unit_test(questions_that_nobody_lets_us_answer_have_a_limit),
        cmocka_unit_test(what_is_no_http2_ends_the_connection),
        cmocka_unit_test(a_peer_that_pushes_is_left),
        cmocka_unit_test(a_held_stream_stops_and_the_others_go_on),
        cmocka_unit_test(a_stream_that_is_reset_ends_and_the_others_go_on),
        cmocka_unit_test(bytes_of_a_reset_stream_are_given_back),
        cmocka_unit_test(a_stream_that_is_reset_before_it_was_sent_is_never_seen),
        cmocka_unit_test(room_is_what_the_peer_allows),
        cmocka_unit_test(after_a_goodbye_what_was_taken_ends_and_the_rest_was_not_taken),
        cmocka_unit_test(a_ping_is_answered_and_can_be_sent),
        cmocka_unit_test(a_goodbye_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
