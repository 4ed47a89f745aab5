#include "net/fetch.h"

#include "core/mem.h"
#include "net/client.h"
#include "net/loop.h"
#include "net/timer.h"

#define HEAD_BYTES_MAX (64u << 10)

/* Lives on the caller's stack for the time of one exchange. */
struct exchange {
    const struct fetch_request *request;
    struct loop *loop;
    struct client *client;
    uint64_t call;
    struct timer deadline;
    struct buf *body;
    int status;
    int code; /* how it ended */
    struct error why;
};

static void end(struct exchange *x, int code)
{
    x->code = code;
    timer_cancel(&x->deadline);
    loop_stop(x->loop);
}

static void too_late(void *ctx)
{
    struct exchange *x = ctx;
    client_cancel(x->client, x->call);
    end(x, error_set(&x->why, ERR_TIMEOUT, "no whole answer within %lld ms",
                     (long long)x->request->timeout_ms));
}

static void on_sent(void *ctx, bool reused)
{
    (void)ctx;
    (void)reused;
}

static void on_head(void *ctx, const struct http_head *head)
{
    struct exchange *x = ctx;
    x->status = head->status;
}

static void on_body(void *ctx, struct str bytes)
{
    struct exchange *x = ctx;
    bool good = x->status >= 200 && x->status < 300;
    if (good && x->request->on_bytes != NULL) {
        x->request->on_bytes(x->request->ctx, bytes);
        return;
    }
    if (buf_put_str(x->body, bytes) != 0) {
        client_cancel(x->client, x->call);
        end(x, error_set(&x->why, ERR_LIMIT, "the answer is larger than %zu bytes", x->body->max));
    }
}

static void on_turn(void *ctx)
{
    (void)ctx;
}

static void on_end(void *ctx)
{
    end(ctx, 0);
}

static void on_fail(void *ctx, const struct error *why, enum client_phase phase)
{
    struct exchange *x = ctx;
    (void)phase;
    x->why = *why;
    end(x, why->code);
}

static const struct client_events events = {
    .on_sent = on_sent,
    .on_head = on_head,
    .on_body = on_body,
    .on_turn = on_turn,
    .on_end = on_end,
    .on_fail = on_fail,
};

static int write_head(const struct fetch_request *request, struct buf *out, struct error *err)
{
    bool ip6 = strchr(request->host, ':') != NULL;
    buf_putf(out, "%s %s HTTP/1.1\r\n", request->method, request->path);
    buf_putf(out, ip6 ? "host: [%s]:%u\r\n" : "host: %s:%u\r\n", request->host, request->port);
    buf_put_str(out, request->headers);
    if (request->body.n > 0 || strcmp(request->method, "POST") == 0) {
        buf_putf(out, "content-length: %zu\r\n", request->body.n);
    }
    buf_puts(out, "connection: close\r\n\r\n");
    return buf_ok(out) ? 0
                       : error_set(err, ERR_LIMIT, "the request's head is larger than %u bytes",
                                   HEAD_BYTES_MAX);
}

static void run(struct exchange *x, struct str head)
{
    const struct fetch_request *request = x->request;
    struct client_origin_options options = {
        .host = request->host,
        .port = request->port,
        .connections_max = 1,
        .connect_timeout_ms = request->timeout_ms,
    };
    struct client_request call = {
        .head = head,
        .body = request->body,
        .no_body_expected = strcmp(request->method, "HEAD") == 0,
    };
    x->client = client_new(x->loop);
    timer_init(&x->deadline, x->loop, too_late, x);
    struct client_origin *origin = client_origin_open(x->client, &options);
    if (request->timeout_ms > 0) {
        timer_set(&x->deadline, request->timeout_ms);
    }
    x->call = client_start(origin, &call, &events, x);
    loop_run(x->loop);
    client_origin_close(origin);
    client_free(x->client);
}

int fetch(const struct fetch_request *request, int *ret_status, struct buf *ret_body,
          struct error *err)
{
    struct exchange x = {.request = request, .body = ret_body};
    struct buf head;
    buf_init(&head, HEAD_BYTES_MAX);
    int code = write_head(request, &head, err);
    if (code == 0) {
        code = loop_new(&x.loop, err);
    }
    if (code != 0) {
        buf_release(&head);
        return code;
    }
    run(&x, buf_str(&head));
    loop_free(x.loop);
    buf_release(&head);
    if (x.code != 0) {
        return error_set(err, x.code, "%s %s:%u%s: %s", request->method, request->host,
                         request->port, request->path, x.why.text);
    }
    *ret_status = x.status;
    return 0;
}
