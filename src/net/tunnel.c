#include "net/tunnel.h"

#include "core/mem.h"
#include "net/http1.h"

struct tunnel {
    struct http1 *parser;
    int status; /* 0 until the head is whole */
};

static int head_came(void *ctx, const struct http_head *head)
{
    struct tunnel *t = ctx;
    t->status = head->status;
    return -1; /* what follows is the tunnel itself, or of no interest */
}

static int body_came(void *ctx, struct str bytes)
{
    (void)ctx;
    (void)bytes;
    return -1;
}

static int message_came(void *ctx)
{
    (void)ctx;
    return 0;
}

static const struct http1_events events = {
    .on_head = head_came, .on_body = body_came, .on_message = message_came};

struct tunnel *tunnel_new(void)
{
    struct tunnel *t = x_calloc(1, sizeof(*t));
    t->parser = http1_new(HTTP1_RESPONSE, &events, t);
    http1_expect_no_body(t->parser);
    return t;
}

void tunnel_free(struct tunnel *t)
{
    if (t) {
        http1_free(t->parser);
        x_free(t);
    }
}

void tunnel_ask(struct buf *out, const char *host, uint16_t port, const char *authorization)
{
    bool v6 = strchr(host, ':') != NULL;
    const char *left = v6 ? "[" : "";
    const char *right = v6 ? "]" : "";

    buf_putf(out, "CONNECT %s%s%s:%u HTTP/1.1\r\nhost: %s%s%s:%u\r\n", left, host, right, port,
             left, host, right, port);
    if (authorization) {
        buf_putf(out, "proxy-authorization: %s\r\n", authorization);
    }
    buf_puts(out, "\r\n");
}

int tunnel_feed(struct tunnel *t, struct str bytes, enum tunnel_state *ret_state, struct error *err)
{
    struct error why = {0};
    size_t used = 0;

    int rc = http1_feed(t->parser, bytes, &used, &why);
    if (t->status == 0 && rc != 0) {
        return error_set(err, ERR_UPSTREAM, "the proxy answered CONNECT with nonsense: %s",
                         why.text);
    }
    if (t->status != 0 && t->status / 100 != 2) {
        return error_set(err, ERR_UPSTREAM, "the proxy refused to connect (HTTP %d)", t->status);
    }
    *ret_state = t->status != 0 ? TUNNEL_OPEN : TUNNEL_WAITING;
    return 0;
}
