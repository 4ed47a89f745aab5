#include "net/server.h"

#include <arpa/inet.h>
#include <uv.h>

#include "core/clock.h"
#include "core/mem.h"
#include "net/listen.h"
#include "net/loop.h"
#include "net/sock.h"
#include "net/timer.h"
#include "net/tls.h"

#define LISTEN_BACKLOG 1024
/* Requests that are kept for their memory: a chunk of the arena, a body of usual size. Not where a
 * sanitizer is to see that one is used after its end. */
#define SPARE_REQUESTS_MAX 32
#ifdef WEIR_ARENA_DEBUG
#    define SPARES_ARE_KEPT false
#else
#    define SPARES_ARE_KEPT true
#endif
/* Chunks below this are put together with their frame, so that TLS makes one record of them. */
#define CHUNK_COPY_BYTES (16u << 10)
#define HEAD_BYTES_MAX   (256u << 10)

enum conn_state {
    CONN_READING = 0, /* idle, or a request is coming in */
    CONN_ANSWERING,
    CONN_DEAD /* freed when the last frame that works on it returns */
};

struct server_conn {
    struct server *server;
    struct sock *sock;
    struct http1 *parser;
    struct server_request *request; /* from its head to the end of its answer */
    struct buf ahead;               /* bytes that came while an answer is under way */
    struct timer timer;
    enum conn_state state;
    int depth;       /* frames of ours on the stack */
    bool processing; /* the loop in take_bytes runs */
    bool message_whole;
    bool head_pending; /* bytes of a head have come, the head is not whole */
    bool held;         /* former answers wait to be read: no further request is taken */
    bool body_skipped; /* nobody wants it: the last request here */
    bool keep_alive;
    bool chunked; /* the answer is */
    bool started; /* the answer has */
    int64_t first_byte_us;
    char peer[SOCK_NAME_MAX];
    struct server_conn *prev, *next;
};

struct server {
    struct loop *loop;
    struct server_options options;
    const struct server_events *events;
    void *ctx;
    uv_tcp_t listener;
    bool listening;
    bool draining;
    struct server_conn *conns;
    size_t conn_count;
    size_t request_count;
    struct buf scratch; /* one answer head or one chunk */
    struct server_request *spares[SPARE_REQUESTS_MAX];
    size_t spare_count;
    bool closing;
    bool listener_closed;
};

/* ---- life of a connection ---- */

static void request_destroy(struct server_request *r)
{
    buf_release(&r->body);
    arena_release(&r->arena);
    x_free(r);
}

static void request_free(struct server_conn *c)
{
    struct server_request *r = c->request;
    if (!r) {
        return;
    }
    c->request = NULL;
    if (c->state == CONN_ANSWERING) {
        c->server->request_count--;
    }
    struct server *s = c->server;
    bool usual = r->body.cap <= SERVER_BODY_UNASKED_BYTES;
    if (SPARES_ARE_KEPT && usual && s->spare_count < SPARE_REQUESTS_MAX) {
        arena_reset(&r->arena);
        buf_clear(&r->body);
        s->spares[s->spare_count++] = r;
        return;
    }
    request_destroy(r);
}

static void server_release(struct server *s)
{
    if (s->closing && s->listener_closed && s->conn_count == 0) {
        tls_context_unref(s->options.tls);
        buf_release(&s->scratch);
        while (s->spare_count > 0) {
            request_destroy(s->spares[--s->spare_count]);
        }
        x_free(s);
    }
}

static void conn_leave(struct server_conn *c)
{
    if (--c->depth > 0 || c->state != CONN_DEAD) {
        return;
    }
    struct server *s = c->server;
    http1_free(c->parser);
    buf_release(&c->ahead);
    x_free(c);
    s->conn_count--;
    server_release(s);
}

/* The socket has been given up; what hangs on the connection goes now, itself on the last leave. */
static void conn_die(struct server_conn *c)
{
    if (c->state == CONN_DEAD) {
        return;
    }
    c->depth++;
    timer_cancel(&c->timer);
    request_free(c);
    c->state = CONN_DEAD;
    c->sock = NULL;
    if (c->prev) {
        c->prev->next = c->next;
    } else {
        c->server->conns = c->next;
    }
    if (c->next) {
        c->next->prev = c->prev;
    }
    conn_leave(c);
}

static void conn_close(struct server_conn *c)
{
    if (c->sock) {
        sock_close(c->sock);
    }
    conn_die(c);
}

static void tell_gone(struct server_conn *c)
{
    struct server *s = c->server;
    if (c->state == CONN_ANSWERING && c->request) {
        s->events->on_gone(s->ctx, c->request);
    }
}

/* ---- reading requests ---- */

static struct server_request *request_new(struct server_conn *c)
{
    struct server *s = c->server;
    struct server_request *r;
    if (s->spare_count > 0) {
        r = s->spares[--s->spare_count];
        *r = (struct server_request){.arena = r->arena, .body = r->body};
        r->body.max = s->options.body_bytes_max;
        if (r->body.cap > r->body.max) { /* it has been lowered meanwhile */
            buf_release(&r->body);
        }
    } else {
        r = x_calloc(1, sizeof(*r));
        arena_init(&r->arena);
        buf_init(&r->body, s->options.body_bytes_max);
    }
    r->conn = c;
    r->peer = c->peer;
    r->started_us = c->first_byte_us;
    r->head.content_length = -1;
    r->path = STR_EMPTY;
    r->query = STR_EMPTY;
    c->request = r;
    return r;
}

static void refuse(struct server_conn *c, int status, enum err code, const char *text)
{
    struct server_request *r = c->request ? c->request : request_new(c);
    r->refused.status = status;
    error_set(&r->refused.error, code, "%s", text);
    c->keep_alive = false;
}

/* Memory is kept for bodies of requests that somebody wants. */
static bool body_is_wanted(struct server_conn *c)
{
    const struct server *s = c->server;
    struct server_request *r = c->request;
    bool large = r->head.chunked || r->head.content_length > (int64_t)SERVER_BODY_UNASKED_BYTES;
    return !large || !s->events->on_head || s->events->on_head(s->ctx, r);
}

/* A usual body is read into one piece of memory. A claim of more is believed as its bytes come. */
static void reserve_body(struct buf *body, int64_t content_length)
{
    if (content_length > 0) {
        bool usual = content_length <= (int64_t)SERVER_BODY_UNASKED_BYTES;
        buf_reserve(body, usual ? (size_t)content_length : SERVER_BODY_UNASKED_BYTES);
    }
}

/* Of an absolute target what stands behind the authority (RFC 9112, 3.2.2); "/" where nothing does.
 */
static void split_target(struct str target, struct str *ret_path, struct str *ret_query)
{
    bool https = str_starts_nocase(target, STR("https://"));
    if (https || str_starts_nocase(target, STR("http://"))) {
        target = str_from(target, https ? strlen("https://") : strlen("http://"));
        while (target.n > 0 && target.p[0] != '/' && target.p[0] != '?') {
            target = str_from(target, 1);
        }
    }
    ptrdiff_t question = str_find_char(target, '?');
    struct str path = question < 0 ? target : str_head(target, (size_t)question);
    *ret_path = path.n > 0 ? path : STR("/");
    *ret_query = question < 0 ? STR_EMPTY : str_from(target, (size_t)question + 1);
}

static int head_came(void *ctx, const struct http_head *head)
{
    struct server_conn *c = ctx;
    struct server *s = c->server;
    struct server_request *r = request_new(c);

    c->head_pending = false;
    r->head = *head;
    split_target(head->target, &r->path, &r->query);
    c->keep_alive = head->keep_alive && !s->draining;
    if (head->content_length > (int64_t)s->options.body_bytes_max) {
        char text[160];
        snprintf(text, sizeof(text), "the body has %lld bytes; this gateway takes up to %zu",
                 (long long)head->content_length, s->options.body_bytes_max);
        refuse(c, 413, ERR_LIMIT, text);
        return -1;
    }
    if (!body_is_wanted(c)) {
        c->keep_alive = false;
        c->body_skipped = true;
        return -1;
    }
    timer_set(&c->timer, s->options.body_timeout_ms);
    reserve_body(&r->body, head->content_length);
    if (head->expect_continue) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        sock_put(c->sock, go_on, sizeof(go_on) - 1);
        sock_flush(c->sock);
    }
    return 0;
}

static int body_came(void *ctx, struct str bytes)
{
    struct server_conn *c = ctx;
    if (buf_put_str(&c->request->body, bytes) != 0) {
        char text[120];
        snprintf(text, sizeof(text), "the body has more than the %zu bytes this gateway takes",
                 c->server->options.body_bytes_max);
        refuse(c, 413, ERR_LIMIT, text);
        return -1;
    }
    return 0;
}

static int message_came(void *ctx)
{
    struct server_conn *c = ctx;
    c->message_whole = true;
    return 0;
}

static const struct http1_events parser_events = {
    .on_head = head_came, .on_body = body_came, .on_message = message_came};

static void hand_over(struct server_conn *c)
{
    struct server *s = c->server;
    /* The timer stays set and says nothing in this state: cancelling it for each request would have
     * it taken out of the heap and put back. */
    c->state = CONN_ANSWERING;
    c->started = false;
    s->request_count++;
    c->request->received_us = clock_mono_us();
    s->events->on_request(s->ctx, c->request);
}

/* Parses one piece; returns how much of it was used. */
static size_t parse_piece(struct server_conn *c, struct str bytes)
{
    struct error err = {0};
    size_t used = 0;

    if (!c->request && !c->head_pending) {
        c->head_pending = true;
        c->first_byte_us = clock_mono_us();
        timer_set(&c->timer, c->server->options.head_timeout_ms);
    } else if (c->request) {
        timer_set(&c->timer, c->server->options.body_timeout_ms);
    }
    int rc = http1_feed(c->parser, bytes, &used, &err);
    if (rc != 0) {
        if (!c->body_skipped && (!c->request || c->request->refused.status == 0)) {
            refuse(c, rc == ERR_LIMIT ? 431 : 400, rc == ERR_LIMIT ? ERR_LIMIT : ERR_INVALID,
                   err.text);
        }
        hand_over(c);
        return bytes.n;
    }
    if (c->message_whole) {
        c->message_whole = false;
        hand_over(c);
    } else if (!c->request && !http1_in_message(c->parser)) {
        c->head_pending = false; /* an empty line only, as some clients send behind a body */
        timer_set(&c->timer, c->server->options.idle_timeout_ms);
    }
    return used;
}

/* While an answer is under way, a bounded amount is read ahead, so that a FIN is seen. */
static void keep_ahead(struct server_conn *c, struct str bytes)
{
    if (buf_put_str(&c->ahead, bytes) != 0 || c->ahead.n >= SERVER_PIPELINE_BYTES_MAX) {
        sock_pause(c->sock);
    }
}

static void take_bytes(struct server_conn *c, struct str bytes)
{
    c->depth++;
    c->processing = true;
    while (bytes.n > 0 && c->state == CONN_READING && !c->held) {
        bytes = str_from(bytes, parse_piece(c, bytes));
    }
    c->processing = false;
    if (bytes.n > 0 && (c->state == CONN_ANSWERING || c->held)) {
        keep_ahead(c, bytes);
    }
    conn_leave(c);
}

/* Goes on with what was read ahead, and with reading. */
static void take_ahead(struct server_conn *c)
{
    struct buf ahead;
    buf_init(&ahead, c->ahead.max);
    buf_move(&ahead, &c->ahead);
    sock_resume(c->sock);
    take_bytes(c, buf_str(&ahead));
    buf_release(&ahead);
}

static void data_came(void *ctx, struct str bytes)
{
    struct server_conn *c = ctx;
    if (c->state == CONN_ANSWERING || c->held) {
        keep_ahead(c, bytes);
    } else if (c->state == CONN_READING) {
        take_bytes(c, bytes);
    }
}

static void sock_closed(void *ctx, const struct error *why)
{
    struct server_conn *c = ctx;
    (void)why;
    c->depth++;
    c->sock = NULL;
    tell_gone(c);
    conn_die(c);
    conn_leave(c);
}

static void sock_drained(void *ctx)
{
    struct server_conn *c = ctx;
    if (c->state == CONN_ANSWERING) {
        c->server->events->on_drain(c->server->ctx, c->request);
    } else if (c->held) {
        c->held = false;
        timer_set(&c->timer, c->server->options.idle_timeout_ms);
        take_ahead(c);
    }
}

static void sock_opened(void *ctx)
{
    (void)ctx; /* TLS agreed; the timer of the head runs */
}

static const struct sock_events conn_events = {.on_open = sock_opened,
                                               .on_data = data_came,
                                               .on_drain = sock_drained,
                                               .on_close = sock_closed};

static void timed_out(void *ctx)
{
    struct server_conn *c = ctx;
    if (c->state != CONN_READING) {
        return;
    }
    if (!c->head_pending && !c->request) {
        conn_close(c); /* idle */
        return;
    }
    c->depth++;
    refuse(c, 408, ERR_TIMEOUT, "the request did not come in time");
    hand_over(c);
    conn_leave(c);
}

static void listener_ready(uv_stream_t *listener, int status)
{
    struct server *s = listener->data;
    if (status < 0) {
        return;
    }
    struct server_conn *c = x_calloc(1, sizeof(*c));
    c->server = s;
    c->sock = sock_accept(s->loop, listener, s->options.tls, &conn_events, c);
    if (!c->sock) {
        x_free(c);
        return;
    }
    if (s->conn_count >= s->options.connections_max) {
        sock_abort(c->sock);
        x_free(c);
        return;
    }
    sock_peer_name(c->sock, c->peer);
    c->parser = http1_new(HTTP1_REQUEST, &parser_events, c);
    buf_init(&c->ahead, SERVER_PIPELINE_BYTES_MAX + LOOP_READ_BYTES);
    timer_init(&c->timer, s->loop, timed_out, c);
    timer_set(&c->timer, s->options.head_timeout_ms);
    c->next = s->conns;
    if (c->next) {
        c->next->prev = c;
    }
    s->conns = c;
    s->conn_count++;
}

/* ---- answers ---- */

static void next_request(struct server_conn *c)
{
    request_free(c);
    c->state = CONN_READING;
    c->head_pending = false;
    http1_next(c->parser);
    timer_set(&c->timer, c->server->options.idle_timeout_ms);
    /* Who sends requests and reads no answer would have them pile up here. */
    c->held = sock_backlog(c->sock) >= SOCK_BACKLOG_HIGH;
    if (c->held) {
        return; /* until the socket has drained, or the connection was idle for too long */
    }
    if (c->processing || c->ahead.n == 0) {
        sock_resume(c->sock);
        return; /* the loop in take_bytes goes on with what it has */
    }
    take_ahead(c);
}

static void put_header(struct buf *out, struct str name, struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '\r' || value.p[i] == '\n' || value.p[i] == '\0') {
            return; /* could be taken for the end of the head: never sent */
        }
    }
    buf_put_str(out, name);
    buf_puts(out, ": ");
    buf_put_str(out, value);
    buf_puts(out, "\r\n");
}

static void put_head(struct server_conn *c, int status, const struct http_header *headers,
                     size_t header_count, int64_t content_length)
{
    struct buf *out = &c->server->scratch;
    bool old_client = c->request->head.minor == 0;

    BUG_ON(c->started);
    c->started = true;
    c->chunked = content_length < 0 && !old_client && status != 204 && status != 304;
    if (content_length < 0 && old_client) {
        c->keep_alive = false;
    }
    buf_clear(out);
    buf_puts(out, "HTTP/1.1 ");
    buf_put_u64(out, (uint64_t)status);
    buf_putc(out, ' ');
    buf_puts(out, server_reason(status));
    buf_puts(out, "\r\n");
    for (size_t i = 0; i < header_count; i++) {
        put_header(out, headers[i].name, headers[i].value);
    }
    if (c->chunked) {
        buf_puts(out, "transfer-encoding: chunked\r\n");
    } else if (content_length >= 0 && status != 204 && status != 304) {
        buf_puts(out, "content-length: ");
        buf_put_u64(out, (uint64_t)content_length);
        buf_puts(out, "\r\n");
    }
    if (!c->keep_alive) {
        buf_puts(out, "connection: close\r\n");
    } else if (old_client) {
        buf_puts(out, "connection: keep-alive\r\n");
    }
    buf_puts(out, "\r\n");
}

void server_reply_start(struct server_request *r, int status, const struct http_header *headers,
                        size_t header_count, int64_t content_length)
{
    struct server_conn *c = r->conn;
    put_head(c, status, headers, header_count, content_length);
    sock_put(c->sock, c->server->scratch.p, c->server->scratch.n);
}

void server_reply_bytes(struct server_request *r, struct str bytes)
{
    struct server_conn *c = r->conn;
    struct buf *frame = &c->server->scratch;

    if (bytes.n == 0 || str_is(r->head.method, "HEAD")) {
        return;
    }
    if (!c->chunked) {
        sock_put(c->sock, bytes.p, bytes.n);
        return;
    }
    buf_clear(frame);
    buf_putf(frame, "%zx\r\n", bytes.n);
    if (bytes.n < CHUNK_COPY_BYTES) {
        buf_put_str(frame, bytes);
        buf_puts(frame, "\r\n");
        sock_put(c->sock, frame->p, frame->n);
        return;
    }
    sock_put(c->sock, frame->p, frame->n);
    sock_put(c->sock, bytes.p, bytes.n);
    sock_put(c->sock, "\r\n", 2);
}

void server_reply_flush(struct server_request *r)
{
    sock_flush(r->conn->sock);
}

void server_reply_end(struct server_request *r)
{
    struct server_conn *c = r->conn;
    BUG_ON(c->state != CONN_ANSWERING);
    c->depth++;
    if (c->chunked && !str_is(r->head.method, "HEAD")) {
        sock_put(c->sock, "0\r\n\r\n", 5);
    }
    sock_flush(c->sock);
    if (c->keep_alive && !c->server->draining) {
        next_request(c);
    } else {
        conn_close(c);
    }
    conn_leave(c);
}

void server_reply(struct server_request *r, int status, const char *type,
                  const struct http_header *headers, size_t header_count, struct str body)
{
    struct server_conn *c = r->conn;
    struct http_header all[32];
    size_t n = 0;

    BUG_ON(header_count > ARRAY_LEN(all) - 1);
    if (type) {
        all[n++] = (struct http_header){STR("content-type"), str_of(type)};
    }
    for (size_t i = 0; i < header_count; i++) {
        all[n++] = headers[i];
    }
    put_head(c, status, all, n, (int64_t)body.n);
    struct buf *out = &c->server->scratch;
    bool with_body = !str_is(r->head.method, "HEAD") && status != 204 && status != 304;
    bool together = with_body && body.n < CHUNK_COPY_BYTES;
    if (together) {
        buf_put_str(out, body);
    }
    sock_put(c->sock, out->p, out->n);
    if (with_body && !together) {
        sock_put(c->sock, body.p, body.n);
    }
    server_reply_end(r);
}

void server_reply_abort(struct server_request *r)
{
    struct server_conn *c = r->conn;
    c->depth++;
    sock_flush(c->sock);
    sock_abort(c->sock);
    conn_die(c);
    conn_leave(c);
}

size_t server_reply_backlog(const struct server_request *r)
{
    return sock_backlog(r->conn->sock);
}

/* ---- the server itself ---- */

int server_open(struct loop *loop, const struct server_options *options,
                const struct server_events *events, void *ctx, struct server **ret_server,
                struct error *err)
{
    int fd = -1;
    int rc = listen_open(options->address, options->port, options->reuseport, &fd, err);
    if (rc != 0) {
        return rc;
    }
    struct server *s = x_calloc(1, sizeof(*s));
    s->loop = loop;
    s->options = *options;
    s->options.tls = options->tls ? tls_context_ref(options->tls) : NULL;
    if (s->options.connections_max == 0) {
        s->options.connections_max = SERVER_CONNECTIONS_MAX;
    }
    s->events = events;
    s->ctx = ctx;
    buf_init(&s->scratch, HEAD_BYTES_MAX);
    uv_tcp_init(loop_uv(loop), &s->listener);
    s->listener.data = s;
    rc = uv_tcp_open(&s->listener, fd);
    if (rc == 0) {
        rc = uv_listen((uv_stream_t *)&s->listener, LISTEN_BACKLOG, listener_ready);
    }
    s->listening = true;
    if (rc != 0) {
        server_close(s);
        return error_set(err, ERR_IO, "cannot listen on %s port %u: %s", options->address,
                         options->port, uv_strerror(rc));
    }
    *ret_server = s;
    return 0;
}

uint16_t server_port(const struct server *s)
{
    struct sockaddr_storage address;
    int n = sizeof(address);
    if (uv_tcp_getsockname(&s->listener, (struct sockaddr *)&address, &n) != 0) {
        return 0;
    }
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

void server_set_tls(struct server *s, struct tls_context *tls)
{
    struct tls_context *former = s->options.tls;
    s->options.tls = tls ? tls_context_ref(tls) : NULL;
    tls_context_unref(former);
}

void server_set_body_max(struct server *s, size_t body_bytes_max)
{
    s->options.body_bytes_max = body_bytes_max;
}

static void listener_gone(uv_handle_t *handle)
{
    struct server *s = handle->data;
    s->listener_closed = true;
    server_release(s);
}

static void stop_listening(struct server *s)
{
    if (s->listening) {
        s->listening = false;
        uv_close((uv_handle_t *)&s->listener, listener_gone);
    }
}

void server_drain(struct server *s)
{
    s->draining = true;
    stop_listening(s);
    for (struct server_conn *c = s->conns, *next; c; c = next) {
        next = c->next;
        c->keep_alive = false;
        if (c->state == CONN_READING && !c->head_pending && !c->request) {
            conn_close(c);
        }
    }
}

size_t server_connections(const struct server *s)
{
    return s->conn_count;
}

size_t server_requests(const struct server *s)
{
    return s->request_count;
}

void server_close(struct server *s)
{
    if (!s) {
        return;
    }
    s->closing = true;
    stop_listening(s);
    s->conn_count++; /* keeps the server itself until the loop below is through */
    while (s->conns) {
        struct server_conn *c = s->conns;
        c->depth++;
        tell_gone(c);
        if (c->sock) {
            sock_abort(c->sock);
        }
        conn_die(c);
        conn_leave(c);
    }
    s->conn_count--;
    server_release(s);
}

const char *server_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"                             },
        {201, "Created"                        },
        {202, "Accepted"                       },
        {204, "No Content"                     },
        {301, "Moved Permanently"              },
        {302, "Found"                          },
        {304, "Not Modified"                   },
        {307, "Temporary Redirect"             },
        {308, "Permanent Redirect"             },
        {400, "Bad Request"                    },
        {401, "Unauthorized"                   },
        {402, "Payment Required"               },
        {403, "Forbidden"                      },
        {404, "Not Found"                      },
        {405, "Method Not Allowed"             },
        {408, "Request Timeout"                },
        {409, "Conflict"                       },
        {410, "Gone"                           },
        {413, "Content Too Large"              },
        {415, "Unsupported Media Type"         },
        {422, "Unprocessable Content"          },
        {424, "Failed Dependency"              },
        {429, "Too Many Requests"              },
        {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"          },
        {500, "Internal Server Error"          },
        {501, "Not Implemented"                },
        {502, "Bad Gateway"                    },
        {503, "Service Unavailable"            },
        {504, "Gateway Timeout"                },
        {529, "Overloaded"                     },
    };

    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Unknown";
}
