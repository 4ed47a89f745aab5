/*
 * HTTP/1.1 parser: any bytes, as requests or as responses, cut in two ways.
 *
 * Properties: how the bytes are cut changes nothing that is reported; what is reported holds no
 * line ends and no control bytes; a message has one length; bodies are views into what was fed.
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/buf.h"
#include "core/error.h"
#include "net/http1.h"

#define INPUT_BYTES_MAX 60000
#define LOG_BYTES_MAX   (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
    enum http1_kind kind;
    struct buf log;
    struct buf body;
    struct str fed;
    size_t messages;
};

static void check_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        BUG_ON((c < 0x20 && c != '\t') || c == 0x7f);
    }
}

static int on_head(void *ctx, const struct http_head *head)
{
    struct run *r = ctx;
    size_t hosts = 0;
    size_t lengths = 0;
    size_t codings = 0;
    check_text(head->method);
    check_text(head->target);
    check_text(head->reason);
    BUG_ON(head->minor != 0 && head->minor != 1);
    BUG_ON(head->header_count > HTTP1_HEADERS_MAX);
    buf_putf(&r->log, "%.*s %.*s %d %.*s %d %d %d %d %lld\n", STR_ARG(head->method),
             STR_ARG(head->target), head->status, STR_ARG(head->reason), head->minor,
             head->keep_alive, head->chunked, head->expect_continue,
             (long long)head->content_length);
    for (size_t i = 0; i < head->header_count; i++) {
        struct str name = head->headers[i].name;
        check_text(name);
        check_text(head->headers[i].value);
        BUG_ON(name.n == 0 || str_find_char(name, ' ') >= 0 || str_find_char(name, ':') >= 0);
        hosts += str_eq_nocase(name, STR("host"));
        lengths += str_eq_nocase(name, STR("content-length"));
        codings += str_eq_nocase(name, STR("transfer-encoding"));
        buf_putf(&r->log, " %.*s=%.*s\n", STR_ARG(name), STR_ARG(head->headers[i].value));
    }
    BUG_ON(lengths + codings > 1);
    BUG_ON(head->chunked != (codings == 1));
    BUG_ON((head->content_length >= 0) != (lengths == 1));
    BUG_ON(r->kind == HTTP1_REQUEST && (hosts > 1 || (hosts == 0 && head->minor == 1)));
    BUG_ON(r->kind == HTTP1_RESPONSE && (head->status < 200 || head->status > 999));
    return 0;
}

static int on_body(void *ctx, struct str bytes)
{
    struct run *r = ctx;
    BUG_ON(bytes.n == 0 || bytes.p < r->fed.p || bytes.p + bytes.n > r->fed.p + r->fed.n);
    buf_put_str(&r->body, bytes);
    return 0;
}

static void close_body(struct run *r, const char *how)
{
    buf_putf(&r->log, "%zu:", r->body.n);
    buf_put_str(&r->log, buf_str(&r->body));
    buf_puts(&r->log, how);
    buf_clear(&r->body);
}

static int on_message(void *ctx)
{
    struct run *r = ctx;
    r->messages++;
    close_body(r, "\nEND\n");
    return 0;
}

static const struct http1_events events = {on_head, on_body, on_message};

static void parse(struct run *r, enum http1_kind kind, struct str bytes, size_t step)
{
    struct error err = {0};
    *r = (struct run){.kind = kind};
    buf_init(&r->log, LOG_BYTES_MAX);
    buf_init(&r->body, LOG_BYTES_MAX);
    struct http1 *parser = http1_new(kind, &events, r);
    int code = 0;
    while (code == 0 && bytes.n > 0) {
        size_t used = 0;
        size_t messages = r->messages;
        r->fed = str_head(bytes, step);
        code = http1_feed(parser, r->fed, &used, &err);
        BUG_ON(code == 0 && used > r->fed.n);
        BUG_ON(code == 0 && used < r->fed.n && r->messages == messages);
        if (r->messages > messages) {
            BUG_ON(http1_in_message(parser));
            http1_next(parser);
        }
        bytes = str_from(bytes, used);
    }
    BUG_ON(code != 0 && (err.code != (enum err)code || err.text[0] == '\0'));
    if (code == 0) {
        bool inside = http1_in_message(parser);
        code = http1_finish(parser, &err);
        BUG_ON(!inside && code != 0);
        BUG_ON(code != 0 && code != ERR_CLOSED);
    }
    buf_putf(&r->log, "%d %s\n", code, code != 0 ? err.text : "");
    close_body(r, "\n");
    http1_free(parser);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > INPUT_BYTES_MAX) {
        return 0;
    }
    enum http1_kind kind = data[0] & 1 ? HTTP1_RESPONSE : HTTP1_REQUEST;
    size_t step = (size_t)(data[0] >> 1) + 1;
    struct str bytes = str_make(data + 1, size - 1);
    struct run whole;
    struct run cut;
    parse(&whole, kind, bytes, SIZE_MAX);
    parse(&cut, kind, bytes, step);
    BUG_ON(!str_eq(buf_str(&whole.log), buf_str(&cut.log)));
    buf_release(&whole.log);
    buf_release(&whole.body);
    buf_release(&cut.log);
    buf_release(&cut.body);
    return 0;
}
