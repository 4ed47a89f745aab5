#ifndef UNIT_NET_H2_PEER_H
#define UNIT_NET_H2_PEER_H

/*
 * The other end of an HTTP/2 connection: nghttp2's server, which says what a test tells it to and
 * notes what it sees; and frames written by hand, for what no honest server would say.
 */
#include "unit/net/peer.h"

#include <nghttp2/nghttp2.h>

#define H2_STREAMS_MAX 256

struct h2_peer;

/* A request, and the answer to it. */
struct h2_seen {
    struct h2_peer *peer;
    int32_t id;
    struct buf fields; /* "name: value\n" ...; '!' in front of those that may not be indexed */
    struct buf body;
    bool ended;
    bool closed;
    uint32_t reset_code; /* what the client reset it with */
    struct buf say;      /* still to be sent */
    bool finish;
};

struct h2_peer {
    nghttp2_session *session;
    struct h2_seen *seen[H2_STREAMS_MAX];
    size_t n;
    int pings, acks;
    bool goaway;
};

static inline struct h2_seen *h2_find(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

static inline int h2_on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct h2_peer *p = ctx;
    struct h2_seen *s = calloc(1, sizeof(*s));
    assert_true(p->n < H2_STREAMS_MAX);
    s->peer = p;
    s->id = frame->hd.stream_id;
    buf_init(&s->fields, PEER_BYTES_MAX);
    buf_init(&s->body, PEER_BYTES_MAX);
    buf_init(&s->say, PEER_BYTES_MAX);
    p->seen[p->n++] = s;
    return nghttp2_session_set_stream_user_data(session, s->id, s);
}

static inline int h2_on_header(nghttp2_session *session, const nghttp2_frame *frame,
                               const uint8_t *name, size_t name_n, const uint8_t *value,
                               size_t value_n, uint8_t flags, void *ctx)
{
    struct h2_seen *s = h2_find(session, frame->hd.stream_id);
    (void)ctx;
    buf_puts(&s->fields, flags & NGHTTP2_NV_FLAG_NO_INDEX ? "!" : "");
    buf_put(&s->fields, name, name_n);
    buf_puts(&s->fields, ": ");
    buf_put(&s->fields, value, value_n);
    buf_putc(&s->fields, '\n');
    return 0;
}

static inline int h2_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct h2_peer *p = ctx;
    struct h2_seen *s = frame->hd.stream_id ? h2_find(session, frame->hd.stream_id) : NULL;
    bool ack = (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0;
    p->goaway = p->goaway || frame->hd.type == NGHTTP2_GOAWAY;
    p->pings += frame->hd.type == NGHTTP2_PING && !ack;
    p->acks += frame->hd.type == NGHTTP2_PING && ack;
    if (s && (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)) {
        s->ended = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    }
    return 0;
}

static inline int h2_on_data(nghttp2_session *session, uint8_t flags, int32_t id,
                             const uint8_t *bytes, size_t n, void *ctx)
{
    struct h2_seen *s = h2_find(session, id);
    (void)flags;
    (void)ctx;
    return buf_put(&s->body, bytes, n);
}

static inline int h2_on_close(nghttp2_session *session, int32_t id, uint32_t code, void *ctx)
{
    struct h2_seen *s = h2_find(session, id);
    (void)ctx;
    s->closed = true;
    s->reset_code = code;
    return 0;
}

/* `streams_max` below 0: no limit is announced. `window`: false leaves it to the test to open the
 * client's window. */
static inline void h2_open(struct h2_peer *p, int streams_max, bool window)
{
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *options = NULL;
    nghttp2_settings_entry max = {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)streams_max};
    *p = (struct h2_peer){0};
    nghttp2_option_new(&options);
    nghttp2_option_set_no_auto_window_update(options, !window);
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, h2_on_begin);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, h2_on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, h2_on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, h2_on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, h2_on_close);
    assert_int_equal(nghttp2_session_server_new2(&p->session, callbacks, p, options), 0);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(options);
    nghttp2_submit_settings(p->session, 0, &max, streams_max < 0 ? 0 : 1);
}

static inline void h2_close(struct h2_peer *p)
{
    nghttp2_session_del(p->session);
    for (size_t i = 0; i < p->n; i++) {
        buf_release(&p->seen[i]->fields);
        buf_release(&p->seen[i]->body);
        buf_release(&p->seen[i]->say);
        free(p->seen[i]);
    }
}

static inline void h2_feed(struct h2_peer *p, struct str bytes)
{
    ssize_t n = nghttp2_session_mem_recv(p->session, (const uint8_t *)bytes.p, bytes.n);
    assert_int_equal(n, bytes.n);
}

/* What it has to say, at most about `max` bytes. */
static inline void h2_take(struct h2_peer *p, struct buf *out, size_t max)
{
    const uint8_t *bytes = NULL;
    ssize_t n = 0;
    while (out->n < max && (n = nghttp2_session_mem_send(p->session, &bytes)) > 0) {
        buf_put(out, bytes, (size_t)n);
    }
}

static inline ssize_t h2_read(nghttp2_session *session, int32_t id, uint8_t *out, size_t max,
                              uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
    struct h2_seen *s = source->ptr;
    (void)session;
    (void)id;
    (void)ctx;
    size_t n = s->say.n < max ? s->say.n : max;
    if (n > 0) {
        memcpy(out, s->say.p, n);
    }
    buf_consume(&s->say, n);
    if (s->say.n == 0 && s->finish) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return n == 0 && !s->finish ? NGHTTP2_ERR_DEFERRED : (ssize_t)n;
}

static inline void h2_say(struct h2_seen *s, struct str bytes)
{
    buf_put_str(&s->say, bytes);
    nghttp2_session_resume_data(s->peer->session, s->id);
}

static inline void h2_finish(struct h2_seen *s)
{
    s->finish = true;
    nghttp2_session_resume_data(s->peer->session, s->id);
}

/* A head; body and end come by h2_say and h2_finish. */
static inline void h2_answer(struct h2_seen *s, const char *status)
{
    nghttp2_nv nv = {.name = (uint8_t *)":status",
                     .namelen = 7,
                     .value = (uint8_t *)status,
                     .valuelen = strlen(status)};
    nghttp2_data_provider provider = {.source.ptr = s, .read_callback = h2_read};
    assert_int_equal(nghttp2_submit_response(s->peer->session, s->id, &nv, 1, &provider), 0);
}

static inline void h2_answer_whole(struct h2_seen *s, const char *body)
{
    h2_answer(s, "200");
    h2_say(s, str_of(body));
    h2_finish(s);
}

static inline void h2_reset(struct h2_seen *s, uint32_t code)
{
    nghttp2_submit_rst_stream(s->peer->session, 0, s->id, code);
}

/* ---- by hand ---- */

static inline void h2_frame(struct buf *out, int type, int flags, uint32_t id, struct str payload)
{
    const char head[9] = {
        (char)(payload.n >> 16), (char)(payload.n >> 8), (char)payload.n, (char)type, (char)flags,
        (char)(id >> 24),        (char)(id >> 16),       (char)(id >> 8), (char)id};
    buf_put(out, head, sizeof(head));
    buf_put_str(out, payload);
}

static inline void h2_length(struct buf *out, size_t n)
{
    if (n < 127) {
        buf_putc(out, (char)n);
        return;
    }
    buf_putc(out, 127);
    for (n -= 127; n >= 128; n >>= 7) {
        buf_putc(out, (char)(0x80 | (n & 0x7f)));
    }
    buf_putc(out, (char)n);
}

/* A literal field without indexing (RFC 7541, 6.2.2). */
static inline void h2_field(struct buf *out, struct str name, struct str value)
{
    buf_putc(out, 0);
    h2_length(out, name.n);
    buf_put_str(out, name);
    h2_length(out, value.n);
    buf_put_str(out, value);
}

#endif
