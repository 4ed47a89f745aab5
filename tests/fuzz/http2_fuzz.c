/*
 * The client's side of HTTP/2: any bytes as what a server sends, to some streams, cut in two ways.
 *
 * Properties: how the bytes are cut changes nothing that a stream is told; a stream is told of one
 * head at most, of its end once, and of nothing afterwards or after it was reset; heads keep their
 * limits and hold no control bytes; a body has the length that its head gave.
 *
 * Input: a byte whose low bits say how many streams there are (1 to 4) and how they are treated, a
 * byte for the size of the pieces, then frames.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/error.h"
#include "net/http2.h"

#define INPUT_BYTES_MAX 60000
#define LOG_BYTES_MAX   (16u << 20)
#define STREAMS         4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct owner {
    struct http2 *h;
    struct http2_stream *stream;
    struct buf log;
    struct buf body;
    size_t body_bytes;
    int64_t length;
    bool is_head_request;
    bool given; /* a head */
    bool ended;
    bool over;   /* on_end, on_fail or reset */
    bool resets; /* with its first body bytes */
    bool held;
};

static void check_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        BUG_ON((c < 0x20 && c != '\t') || c == 0x7f);
    }
}

static void on_head(void *ctx, const struct http_head *head)
{
    struct owner *o = ctx;
    BUG_ON(o->given || o->over);
    BUG_ON(head->status < 200 || head->status > 999 || head->header_count > HTTP1_HEADERS_MAX);
    o->given = true;
    o->length = head->content_length;
    buf_putf(&o->log, "%d %lld\n", head->status, (long long)head->content_length);
    size_t bytes = 0;
    for (size_t i = 0; i < head->header_count; i++) {
        struct str name = head->headers[i].name;
        check_text(name);
        check_text(head->headers[i].value);
        BUG_ON(name.n == 0 || name.p[0] == ':');
        bytes += name.n + head->headers[i].value.n;
        buf_putf(&o->log, " %.*s=%.*s\n", STR_ARG(name), STR_ARG(head->headers[i].value));
    }
    BUG_ON(bytes > HTTP1_HEAD_BYTES_MAX);
    if (o->held) {
        http2_hold(o->h, o->stream);
    }
}

static void on_body(void *ctx, struct str bytes)
{
    struct owner *o = ctx;
    BUG_ON(!o->given || o->over);
    o->body_bytes += bytes.n;
    BUG_ON(o->held && o->body_bytes > HTTP2_WINDOW_BYTES);
    if (o->resets) {
        o->over = true;
        http2_reset(o->h, o->stream);
        return;
    }
    buf_put_str(&o->body, bytes);
}

static void on_turn(void *ctx)
{
    const struct owner *o = ctx;
    BUG_ON(o->over || !o->given);
}

static void on_end(void *ctx)
{
    struct owner *o = ctx;
    BUG_ON(!o->given || o->over);
    BUG_ON(o->length >= 0 && !o->is_head_request && (int64_t)o->body_bytes != o->length &&
           o->body_bytes > 0);
    o->over = true;
    o->ended = true;
    buf_puts(&o->log, "\nEND\n");
}

static void on_fail(void *ctx, const struct error *why, enum http2_end end)
{
    struct owner *o = ctx;
    BUG_ON(o->over || why->text[0] == '\0');
    BUG_ON(end != HTTP2_BROKEN && o->given);
    o->over = true;
    buf_putf(&o->log, "\nFAIL %d %d\n", why->code, end);
}

static const struct http2_events events = {.on_head = on_head,
                                           .on_body = on_body,
                                           .on_turn = on_turn,
                                           .on_end = on_end,
                                           .on_fail = on_fail};

static void discard(struct http2 *h)
{
    struct buf out;
    buf_init(&out, LOG_BYTES_MAX);
    while (http2_write(h, &out, 65536)) {
        buf_clear(&out);
    }
    buf_release(&out);
}

/* True when nghttp2 counted too many pieces of CONTINUATION frames: pieces, so cuts matter there.
 */
static bool run(struct owner *owners, uint8_t way, struct str bytes, size_t step)
{
    struct error err = {0};
    struct http2 *h = http2_new("https", &events);
    size_t n = (way & 3) + 1;
    for (size_t i = 0; i < n; i++) {
        struct owner *o = &owners[i];
        *o = (struct owner){.h = h, .length = -1};
        o->is_head_request = i == 1;
        o->resets = i == 2;
        o->held = i == 3 || (way & 4) != 0;
        buf_init(&o->log, LOG_BYTES_MAX);
        buf_init(&o->body, LOG_BYTES_MAX);
        o->stream = http2_start(h,
                                i == 1 ? STR("HEAD / HTTP/1.1\r\nhost: x\r\n\r\n")
                                       : STR("POST / HTTP/1.1\r\nhost: x\r\n\r\n"),
                                i == 1 ? STR_EMPTY : STR("body"), o, &err);
        BUG_ON(o->stream == NULL);
    }
    discard(h);
    int code = 0;
    while (code == 0 && bytes.n > 0) {
        code = http2_feed(h, str_head(bytes, step), &err);
        bytes = str_from(bytes, step);
    }
    BUG_ON(code != 0 && (code != ERR_UPSTREAM || err.text[0] == '\0'));
    discard(h);
    http2_free(h);
    return code != 0 && strstr(err.text, "CONTINUATION") != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3 || size > INPUT_BYTES_MAX) {
        return 0;
    }
    struct owner whole[STREAMS];
    struct owner cut[STREAMS];
    struct str bytes = str_make(data + 2, size - 2);
    bool uncounted = run(whole, data[0], bytes, SIZE_MAX);
    uncounted = run(cut, data[0], bytes, (size_t)data[1] + 1) || uncounted;
    for (size_t i = 0; i < (size_t)(data[0] & 3) + 1; i++) {
        BUG_ON(!uncounted && !str_eq(buf_str(&whole[i].log), buf_str(&cut[i].log)));
        /* How much came of a body that did not come whole depends on the cuts. */
        BUG_ON(!uncounted && whole[i].ended &&
               !str_eq(buf_str(&whole[i].body), buf_str(&cut[i].body)));
        buf_release(&whole[i].body);
        buf_release(&cut[i].body);
        buf_release(&whole[i].log);
        buf_release(&cut[i].log);
    }
    return 0;
}
