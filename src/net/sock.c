#include "net/sock.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <uv.h>

#include "core/buf.h"
#include "core/mem.h"
#include "net/loop.h"
#include "net/timer.h"
#include "net/tls.h"

/* Puts at least this large go to the kernel without being copied first. */
#define DIRECT_WRITE_BYTES (16u << 10)
#define KEEPALIVE_SECONDS  60
/* Reads of what a peer has sent before it broke the connection: a receive buffer's worth. */
#define REST_READS_MAX 128
/* Of a buffer that has been sent, for what comes next. */
#define KEPT_BYTES_MAX (4u << 10)

enum sock_state {
    SOCK_CONNECTING = 0,
    SOCK_HANDSHAKING,
    SOCK_OPEN,
    SOCK_LINGERING, /* sock_close was called: no more callbacks to the owner */
    SOCK_DEAD       /* uv_close was called */
};

struct sock {
    uv_tcp_t tcp;
    uv_connect_t connecting;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct loop *loop;
    const struct sock_events *events;
    void *ctx;
    struct tls *tls;
    enum sock_state state;
    bool writing; /* uv_write is under way with `inflight` */
    bool shut;
    bool paused;
    bool was_high;  /* backlog has been above the high mark since the last on_drain */
    struct buf out; /* collected, not yet given to the kernel */
    struct buf inflight;
    struct timer timer; /* lingering, or a failure to be told from the loop */
    struct error failure;
};

static void freed(uv_handle_t *handle)
{
    struct sock *s = handle->data;
    buf_release(&s->out);
    buf_release(&s->inflight);
    x_free(s);
}

/* The handle is closed here and nowhere else. */
static void die(struct sock *s, bool reset)
{
    if (s->state == SOCK_DEAD) {
        return;
    }
    s->state = SOCK_DEAD;
    timer_cancel(&s->timer);
    tls_free(s->tls);
    s->tls = NULL;
    if (!reset || uv_tcp_close_reset(&s->tcp, freed) != 0) {
        uv_close((uv_handle_t *)&s->tcp, freed);
    }
}

static void tell_end(struct sock *s, enum err code, const char *text)
{
    if (s->state == SOCK_DEAD) {
        return;
    }
    bool owned = s->state != SOCK_LINGERING;
    const struct sock_events *events = s->events;
    void *ctx = s->ctx;
    struct error why;
    error_set(&why, code, "%s", text);
    die(s, false);
    if (owned) {
        events->on_close(ctx, &why);
    }
}

/* A failure found while the owner is calling us is told from the loop, never from within. */
static void fail_later(struct sock *s, enum err code, const char *text)
{
    if (s->failure.code == ERR_OK) {
        error_set(&s->failure, code, "%s", text);
        timer_set(&s->timer, 0);
    }
}

static void feed(struct sock *s, struct str bytes);

/* Writing has failed: the peer has broken the connection, perhaps behind an answer that it gave
 * without waiting for all of the request. What has come until then is not lost. */
static void read_rest(struct sock *s)
{
    uv_os_fd_t fd;
    if (uv_fileno((uv_handle_t *)&s->tcp, &fd) != 0) {
        return;
    }
    for (int i = 0; i < REST_READS_MAX && s->state == SOCK_OPEN && !s->paused; i++) {
        ssize_t n = recv(fd, loop_read_buffer(s->loop), LOOP_READ_BYTES, MSG_DONTWAIT);
        if (n <= 0) {
            return;
        }
        feed(s, str_make(loop_read_buffer(s->loop), (size_t)n));
    }
}

static void timer_fired(void *arg)
{
    struct sock *s = arg;
    if (s->failure.code != ERR_OK) {
        struct error failure = s->failure;
        if (failure.code == ERR_IO) {
            read_rest(s);
        }
        tell_end(s, failure.code, failure.text);
        return;
    }
    die(s, false);
}

static void shut_done(uv_shutdown_t *request, int status)
{
    (void)request;
    (void)status;
}

/* A lingering socket that has sent everything says FIN. */
static void shut_when_empty(struct sock *s)
{
    if (s->state != SOCK_LINGERING || s->writing || s->out.n > 0 || s->shut) {
        return;
    }
    s->shut = true;
    timer_set(&s->timer, SOCK_LINGER_MS);
    if (uv_shutdown(&s->shutdown, (uv_stream_t *)&s->tcp, shut_done) != 0) {
        die(s, false);
    }
}

/* What one peer read slowly is no reason to hold memory for ever. */
static void keep_usual(struct buf *empty)
{
    if (empty->cap > KEPT_BYTES_MAX) {
        buf_release(empty);
    }
}

static void write_done(uv_write_t *request, int status)
{
    struct sock *s = request->data;
    s->writing = false;
    buf_clear(&s->inflight);
    keep_usual(&s->inflight);
    if (s->state == SOCK_DEAD) {
        return;
    }
    if (status < 0) {
        fail_later(s, ERR_IO, uv_strerror(status));
        return;
    }
    sock_flush(s);
    shut_when_empty(s);
    if (s->state == SOCK_OPEN && s->was_high && sock_backlog(s) < SOCK_BACKLOG_LOW) {
        s->was_high = false;
        s->events->on_drain(s->ctx);
    }
}

void sock_flush(struct sock *s)
{
    if (s->state == SOCK_DEAD || s->writing || s->out.n == 0 || s->failure.code != ERR_OK) {
        return;
    }
    uv_buf_t bytes = uv_buf_init(s->out.p, (unsigned)s->out.n);
    int sent = uv_try_write((uv_stream_t *)&s->tcp, &bytes, 1);
    if (sent < 0 && sent != UV_EAGAIN) {
        fail_later(s, ERR_IO, uv_strerror(sent));
        return;
    }
    buf_consume(&s->out, sent > 0 ? (size_t)sent : 0);
    if (s->out.n == 0) {
        keep_usual(&s->out);
        return;
    }
    buf_move(&s->inflight, &s->out);
    bytes = uv_buf_init(s->inflight.p, (unsigned)s->inflight.n);
    s->write.data = s;
    int rc = uv_write(&s->write, (uv_stream_t *)&s->tcp, &bytes, 1, write_done);
    if (rc != 0) {
        fail_later(s, ERR_IO, uv_strerror(rc));
        return;
    }
    s->writing = true;
}

/* Tries the kernel first with what was collected and the parts behind it; what remains is kept. */
static void put_direct(struct sock *s, struct str first, struct str second)
{
    struct str parts[] = {buf_str(&s->out), first, second};
    uv_buf_t vector[ARRAY_LEN(parts)];
    unsigned n = 0;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (parts[i].n > 0) {
            vector[n++] = uv_buf_init((char *)parts[i].p, (unsigned)parts[i].n);
        }
    }
    int sent = uv_try_write((uv_stream_t *)&s->tcp, vector, n);
    size_t done = sent > 0 ? (size_t)sent : 0;
    size_t from_out = done < s->out.n ? done : s->out.n;
    buf_consume(&s->out, from_out);
    done -= from_out;
    size_t from_first = done < first.n ? done : first.n;
    if (buf_put_str(&s->out, str_from(first, from_first)) != 0 ||
        buf_put_str(&s->out, str_from(second, done - from_first)) != 0) {
        fail_later(s, ERR_LIMIT, "the peer does not read what is sent to it");
    }
}

void sock_put(struct sock *s, const void *bytes, size_t n)
{
    if (s->state == SOCK_DEAD || s->failure.code != ERR_OK || n == 0) {
        return;
    }
    BUG_ON(s->state != SOCK_OPEN);
    if (s->tls) {
        struct error err;
        if (tls_write(s->tls, str_make(bytes, n), &s->out, &err) != 0) {
            fail_later(s, err.code, err.text);
        }
    } else if (n >= DIRECT_WRITE_BYTES && !s->writing) {
        put_direct(s, str_make(bytes, n), STR_EMPTY);
    } else if (buf_put(&s->out, bytes, n) != 0) {
        fail_later(s, ERR_LIMIT, "the peer does not read what is sent to it");
    }
    if (sock_backlog(s) >= SOCK_BACKLOG_HIGH) {
        s->was_high = true; /* the owner may see this after the flush and wait for on_drain */
    }
}

void sock_send(struct sock *s, struct str first, struct str second)
{
    bool ready = s->state == SOCK_OPEN && s->failure.code == ERR_OK;
    if (ready && !s->tls && !s->writing && first.n + second.n > 0) {
        put_direct(s, first, second);
        s->was_high = s->was_high || sock_backlog(s) >= SOCK_BACKLOG_HIGH;
    } else {
        sock_put(s, first.p, first.n);
        sock_put(s, second.p, second.n);
    }
    sock_flush(s);
}

size_t sock_backlog(const struct sock *s)
{
    return s->out.n + s->inflight.n;
}

static void alloc_shared(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
    (void)suggested;
    struct sock *s = handle->data;
    *ret_buf = uv_buf_init(loop_read_buffer(s->loop), LOOP_READ_BYTES);
}

/* Handshake bytes and application data both come through here. */
static void feed_tls(struct sock *s, struct str input)
{
    struct buf *plain = loop_plain_buffer(s->loop);
    struct error err = {0};

    buf_clear(plain);
    int rc = tls_feed(s->tls, input, plain, &s->out, &err);
    sock_flush(s);
    if (rc != 0) {
        tell_end(s, err.code, err.text);
        return;
    }
    if (s->state == SOCK_HANDSHAKING && tls_state(s->tls) == TLS_OPEN) {
        s->state = SOCK_OPEN;
        s->events->on_open(s->ctx);
    }
    if (plain->n > 0 && s->state == SOCK_OPEN) {
        s->events->on_data(s->ctx, buf_str(plain));
    }
    if ((s->state == SOCK_OPEN || s->state == SOCK_HANDSHAKING) &&
        tls_state(s->tls) == TLS_PEER_CLOSED) {
        tell_end(s, ERR_CLOSED, "the peer closed the connection");
    }
}

static void feed(struct sock *s, struct str bytes)
{
    if (s->tls) {
        feed_tls(s, bytes);
    } else {
        s->events->on_data(s->ctx, bytes);
    }
}

static void read_came(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
    struct sock *s = stream->data;
    if (n == 0 || s->state == SOCK_DEAD) {
        return;
    }
    if (n == UV_EOF && s->state == SOCK_LINGERING && sock_backlog(s) > 0) {
        uv_read_stop(stream); /* it still reads what we send, perhaps */
        return;
    }
    if (n == UV_EOF) {
        tell_end(s, ERR_CLOSED, "the peer closed the connection");
        return;
    }
    if (n < 0) {
        tell_end(s, ERR_IO, uv_strerror((int)n));
        return;
    }
    if (s->state == SOCK_LINGERING) {
        return;
    }
    feed(s, str_make(bytes->base, (size_t)n));
}

static void start_reading(struct sock *s)
{
    int rc = uv_read_start((uv_stream_t *)&s->tcp, alloc_shared, read_came);
    if (rc != 0) {
        fail_later(s, ERR_IO, uv_strerror(rc));
    }
}

static struct sock *sock_new(struct loop *loop, const struct sock_events *events, void *ctx)
{
    struct sock *s = x_calloc(1, sizeof(*s));
    s->loop = loop;
    s->events = events;
    s->ctx = ctx;
    buf_init(&s->out, SOCK_BACKLOG_MAX);
    buf_init(&s->inflight, SOCK_BACKLOG_MAX);
    timer_init(&s->timer, loop, timer_fired, s);
    int rc = uv_tcp_init(loop_uv(loop), &s->tcp);
    BUG_ON(rc != 0);
    s->tcp.data = s;
    return s;
}

static void tune(struct sock *s)
{
    uv_tcp_nodelay(&s->tcp, 1);
    uv_tcp_keepalive(&s->tcp, 1, KEEPALIVE_SECONDS);
}

static void connect_done(uv_connect_t *request, int status)
{
    struct sock *s = request->data;
    if (s->state != SOCK_CONNECTING) {
        return;
    }
    if (status != 0) {
        tell_end(s, ERR_IO, uv_strerror(status));
        return;
    }
    tune(s);
    if (s->tls) {
        s->state = SOCK_HANDSHAKING;
        start_reading(s);
        feed_tls(s, STR_EMPTY);
        return;
    }
    s->state = SOCK_OPEN;
    start_reading(s);
    s->events->on_open(s->ctx);
}

static struct tls *tls_for(const struct sock_target *target)
{
    struct tls *tls = tls_new(target->tls, target->tls_host);
    if (target->http2) {
        tls_offer_http2(tls);
    }
    if (target->tls_memory) {
        tls_resume(tls, target->tls_memory);
    }
    return tls;
}

bool sock_is_http2(const struct sock *s)
{
    return s->tls && tls_chose_http2(s->tls);
}

struct sock *sock_connect(struct loop *loop, const struct sock_target *target,
                          const struct sock_events *events, void *ctx)
{
    struct sock *s = sock_new(loop, events, ctx);
    if (target->tls) {
        s->tls = tls_for(target);
    }
    s->connecting.data = s;
    int rc = uv_tcp_connect(&s->connecting, &s->tcp, (const struct sockaddr *)&target->address,
                            connect_done);
    if (rc != 0) {
        fail_later(s, ERR_IO, uv_strerror(rc));
    }
    return s;
}

struct sock *sock_accept(struct loop *loop, struct uv_stream_s *listener, struct tls_context *tls,
                         const struct sock_events *events, void *ctx)
{
    struct sock *s = sock_new(loop, events, ctx);
    if (uv_accept(listener, (uv_stream_t *)&s->tcp) != 0) {
        s->state = SOCK_LINGERING;
        die(s, false);
        return NULL;
    }
    tune(s);
    s->state = SOCK_OPEN;
    if (tls) {
        s->tls = tls_new(tls, NULL);
        s->state = SOCK_HANDSHAKING;
    }
    start_reading(s);
    return s;
}

void sock_start_tls(struct sock *s, const struct sock_target *target)
{
    BUG_ON(s->tls != NULL || s->state != SOCK_OPEN);
    s->tls = tls_for(target);
    s->state = SOCK_HANDSHAKING;
    struct buf *plain = loop_plain_buffer(s->loop);
    struct error err;
    buf_clear(plain);
    if (tls_feed(s->tls, STR_EMPTY, plain, &s->out, &err) != 0) {
        fail_later(s, err.code, err.text);
        return;
    }
    sock_flush(s);
}

void sock_pause(struct sock *s)
{
    if (!s->paused && (s->state == SOCK_OPEN || s->state == SOCK_HANDSHAKING)) {
        s->paused = true;
        uv_read_stop((uv_stream_t *)&s->tcp);
    }
}

void sock_resume(struct sock *s)
{
    if (s->paused && s->state != SOCK_DEAD) {
        s->paused = false;
        start_reading(s);
    }
}

void sock_close(struct sock *s)
{
    if (s->state == SOCK_DEAD || s->state == SOCK_LINGERING) {
        return;
    }
    if (s->state != SOCK_OPEN || s->failure.code != ERR_OK) {
        die(s, false);
        return;
    }
    if (s->tls) {
        tls_shutdown(s->tls, &s->out);
    }
    sock_flush(s);
    if (s->failure.code != ERR_OK) {
        die(s, false);
        return;
    }
    sock_resume(s);
    s->state = SOCK_LINGERING;
    timer_set(&s->timer, SOCK_FLUSH_MS);
    shut_when_empty(s);
}

void sock_abort(struct sock *s)
{
    die(s, true);
}

bool sock_give_up(struct uv_handle_s *handle, bool now)
{
    struct sock *s = handle->data;
    if (!now && (s->state != SOCK_LINGERING || sock_backlog(s) > 0)) {
        return false;
    }
    die(s, false);
    return true;
}

void sock_peer_name(const struct sock *s, char *out)
{
    struct sockaddr_storage address;
    int n = sizeof(address);
    char ip[INET6_ADDRSTRLEN] = "";
    unsigned port = 0;

    out[0] = '\0';
    if (uv_tcp_getpeername(&s->tcp, (struct sockaddr *)&address, &n) != 0) {
        return;
    }
    if (address.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address;
        inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof(ip));
        port = ntohs(in6->sin6_port);
        snprintf(out, SOCK_NAME_MAX, "[%s]:%u", ip, port);
        return;
    }
    const struct sockaddr_in *in4 = (const struct sockaddr_in *)&address;
    inet_ntop(AF_INET, &in4->sin_addr, ip, sizeof(ip));
    port = ntohs(in4->sin_port);
    snprintf(out, SOCK_NAME_MAX, "%s:%u", ip, port);
}
