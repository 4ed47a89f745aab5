#include "net/http2.h"

#include <nghttp2/nghttp2.h>

#include "core/mem.h"

/* weir's own requests have heads of up to 128 KiB (engine/header.h); nghttp2 would stop at half. */
#define HEAD_TO_SEND_MAX (256u << 10)

struct http2_stream {
    struct http2 *h;
    int32_t id;
    void *owner; /* NULL: nobody listens any more */
    struct http2_stream *prev, *next;
    struct http2_stream *turn_prev, *turn_next; /* those that got something in this feed */
    struct str body;                            /* what is still to be sent */
    struct buf head; /* name NUL value NUL ..., until the head is whole */
    size_t header_count;
    int status;
    unsigned interim;
    size_t held_bytes; /* read, and not yet given back to the peer as window */
    bool held;
    bool in_turn;
    bool head_given;
    bool trailer;
    bool reset_by_peer;
    bool not_taken;
    struct error why; /* what we found wrong */
};

struct http2 {
    nghttp2_session *session;
    const char *scheme;
    struct http2_events events;
    struct http2_stream *streams;
    struct http2_stream *turns;
    size_t stream_count; /* with an owner */
    int64_t quiet_bytes; /* since the last content; below 0: what given up streams may still send */
    unsigned continuations;
    bool settled;
    struct error why; /* what the peer did wrong with the connection */
};

/* -------- streams -------- */

static void turn_remove(struct http2_stream *s)
{
    if (!s->in_turn) {
        return;
    }
    s->in_turn = false;
    *(s->turn_prev ? &s->turn_prev->turn_next : &s->h->turns) = s->turn_next;
    if (s->turn_next) {
        s->turn_next->turn_prev = s->turn_prev;
    }
}

static void turn_add(struct http2_stream *s)
{
    if (s->in_turn || !s->owner) {
        return;
    }
    s->in_turn = true;
    s->turn_prev = NULL;
    s->turn_next = s->h->turns;
    if (s->turn_next) {
        s->turn_next->turn_prev = s;
    }
    s->h->turns = s;
}

/* Nobody is told anything of it from here on; nghttp2 says when it is over. */
static void *disown(struct http2_stream *s)
{
    void *owner = s->owner;
    if (owner) {
        s->owner = NULL;
        s->body = STR_EMPTY;
        s->h->stream_count--;
        turn_remove(s);
    }
    return owner;
}

static void stream_free(struct http2_stream *s)
{
    struct http2 *h = s->h;
    (void)disown(s);
    *(s->prev ? &s->prev->next : &h->streams) = s->next;
    if (s->next) {
        s->next->prev = s->prev;
    }
    buf_release(&s->head);
    x_free(s);
}

/* Out of memory is the only way in which nghttp2 refuses what we submit to a living session. */
static void must(int rc)
{
    BUG_ON(rc != 0 && rc != NGHTTP2_ERR_INVALID_ARGUMENT && rc != NGHTTP2_ERR_INVALID_STATE);
}

/* Also from us to the peer, who then has to answer with window. */
static void content_moved(struct http2 *h)
{
    if (h->quiet_bytes > 0) {
        h->quiet_bytes = 0;
    }
}

static void reset(struct http2_stream *s, uint32_t code)
{
    s->h->quiet_bytes -= HTTP2_WINDOW_BYTES;
    must(nghttp2_submit_rst_stream(s->h->session, NGHTTP2_FLAG_NONE, s->id, code));
}

/* -------- what is received -------- */

static int stream_wrong(struct http2_stream *s, const char *text)
{
    if (s->why.code == ERR_OK) {
        error_set(&s->why, ERR_UPSTREAM, "%s", text);
    }
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int connection_wrong(struct http2 *h, const char *text)
{
    if (h->why.code == ERR_OK) {
        error_set(&h->why, ERR_UPSTREAM, "%s", text);
    }
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static struct http2_stream *stream_of(nghttp2_session *session, int32_t id)
{
    return id == 0 ? NULL : nghttp2_session_get_stream_user_data(session, id);
}

/* Each frame, before its content. */
static int frame_begins(nghttp2_session *session, const nghttp2_frame_hd *hd, void *ctx)
{
    struct http2 *h = ctx;
    (void)session;
    h->continuations = hd->type == NGHTTP2_CONTINUATION ? h->continuations + 1 : 0;
    if (h->continuations > HTTP2_CONTINUATIONS_MAX) {
        return connection_wrong(h, "a head in too many frames");
    }
    return 0;
}

static int head_begins(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct http2_stream *s = stream_of(session, frame->hd.stream_id);
    (void)ctx;
    if (s) {
        s->trailer = s->head_given;
        s->header_count = 0;
        s->status = 0;
        buf_clear(&s->head);
    }
    return 0;
}

static int status_came(struct http2_stream *s, const uint8_t *value, size_t n)
{
    uint64_t status = 0;
    if (str_to_u64(str_make((const char *)value, n), &status) != 0 || status < 100 ||
        status > 999) {
        return stream_wrong(s, "malformed :status");
    }
    s->status = (int)status;
    return 0;
}

static int header_came(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                       size_t name_n, const uint8_t *value, size_t value_n, uint8_t flags,
                       void *ctx)
{
    struct http2_stream *s = stream_of(session, frame->hd.stream_id);
    (void)flags;
    (void)ctx;
    if (!s || !s->owner) {
        return 0;
    }
    if (name_n > 0 && name[0] == ':') {
        return status_came(s, value, value_n); /* nghttp2 lets no other come */
    }
    if (++s->header_count > HTTP1_HEADERS_MAX) {
        return stream_wrong(s, "too many headers in the answer");
    }
    /* nghttp2 has checked that neither holds a zero byte. */
    buf_put(&s->head, name, name_n);
    buf_putc(&s->head, '\0');
    buf_put(&s->head, value, value_n);
    buf_putc(&s->head, '\0');
    if (!buf_ok(&s->head)) {
        return stream_wrong(s, "the answer's head is too large");
    }
    return 0;
}

static int invalid_header_came(nghttp2_session *session, const nghttp2_frame *frame,
                               const uint8_t *name, size_t name_n, const uint8_t *value,
                               size_t value_n, uint8_t flags, void *ctx)
{
    struct http2_stream *s = stream_of(session, frame->hd.stream_id);
    (void)name;
    (void)name_n;
    (void)value;
    (void)value_n;
    (void)flags;
    (void)ctx;
    return s ? stream_wrong(s, "malformed header in the answer") : 0;
}

static void give_head(struct http2_stream *s)
{
    struct http_header headers[HTTP1_HEADERS_MAX];
    struct http_head head = {.method = STR_EMPTY,
                             .target = STR_EMPTY,
                             .status = s->status,
                             .reason = STR_EMPTY,
                             .minor = 1,
                             .keep_alive = true,
                             .content_length = -1,
                             .headers = headers,
                             .header_count = s->header_count};
    struct str rest = buf_str(&s->head);
    for (size_t i = 0; i < s->header_count; i++) {
        headers[i].name = str_split(&rest, '\0');
        headers[i].value = str_trim(str_split(&rest, '\0'));
    }
    uint64_t length = 0;
    if (str_to_u64(http_head_get(&head, "content-length"), &length) == 0 && length <= INT64_MAX) {
        head.content_length = (int64_t)length;
    }
    s->head_given = true;
    turn_add(s);
    s->h->events.on_head(s->owner, &head);
    buf_release(&s->head); /* a stream lives long, its head does not */
}

/* A whole head: of an interim answer, of the answer, or the trailers. */
static void head_came(struct http2_stream *s)
{
    content_moved(s->h);
    if (s->trailer) {
        return;
    }
    if (s->status / 100 != 1) {
        give_head(s);
        return;
    }
    if (++s->interim > HTTP2_INTERIM_MAX) {
        (void)stream_wrong(s, "too many interim (1xx) answers");
        reset(s, NGHTTP2_ENHANCE_YOUR_CALM);
    }
}

/* The answer is whole. A request that is still being sent is not wanted any more. */
static void end_came(nghttp2_session *session, struct http2_stream *s)
{
    if (nghttp2_session_get_stream_local_close(session, s->id) == 0) {
        reset(s, NGHTTP2_NO_ERROR);
    }
    void *owner = disown(s);
    s->h->events.on_end(owner);
}

static int frame_came(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct http2 *h = ctx;
    if (frame->hd.type == NGHTTP2_SETTINGS && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) {
        h->settled = true;
    }
    struct http2_stream *s = stream_of(session, frame->hd.stream_id);
    if (!s || !s->owner) {
        return 0;
    }
    if (frame->hd.type == NGHTTP2_RST_STREAM) {
        s->reset_by_peer = true;
    }
    if (frame->hd.type == NGHTTP2_HEADERS) {
        head_came(s);
    }
    bool message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (message && s->owner && s->head_given && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        end_came(session, s);
    }
    return 0;
}

static int data_came(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes,
                     size_t n, void *ctx)
{
    struct http2_stream *s = stream_of(session, id);
    (void)flags;
    (void)ctx;
    if (!s || !s->owner) {
        must(nghttp2_session_consume(session, id, n));
        return 0;
    }
    must(nghttp2_session_consume_connection(session, n));
    content_moved(s->h);
    turn_add(s);
    s->h->events.on_body(s->owner, str_make((const char *)bytes, n));
    if (s->held) {
        s->held_bytes += n;
    } else {
        must(nghttp2_session_consume_stream(session, id, n));
    }
    return 0;
}

static int frame_was_wrong(nghttp2_session *session, const nghttp2_frame *frame, int code,
                           void *ctx)
{
    struct http2_stream *s = stream_of(session, frame->hd.stream_id);
    (void)ctx;
    if (s) {
        (void)stream_wrong(s, nghttp2_strerror(code));
    }
    return 0;
}

/* With GOAWAY nghttp2 tells the peer what it did wrong; nobody tells us. */
static int frame_was_sent(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
    struct http2 *h = ctx;
    const nghttp2_goaway *goaway = &frame->goaway;
    (void)session;
    if (frame->hd.type == NGHTTP2_GOAWAY && goaway->error_code != NGHTTP2_NO_ERROR &&
        h->why.code == ERR_OK) {
        error_set(&h->why, ERR_UPSTREAM, "%s%s%.*s", nghttp2_http2_strerror(goaway->error_code),
                  goaway->opaque_data_len > 0 ? ": " : "", (int)goaway->opaque_data_len,
                  (const char *)goaway->opaque_data);
    }
    return 0;
}

static int frame_was_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int code,
                              void *ctx)
{
    struct http2_stream *s = stream_of(session, frame->hd.stream_id);
    (void)ctx;
    if (s && frame->hd.type == NGHTTP2_HEADERS) {
        s->not_taken = code == NGHTTP2_ERR_START_STREAM_NOT_ALLOWED ||
                       code == NGHTTP2_ERR_SESSION_CLOSING ||
                       code == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE;
    }
    return 0;
}

static int stream_closed(nghttp2_session *session, int32_t id, uint32_t code, void *ctx)
{
    struct http2_stream *s = stream_of(session, id);
    struct http2 *h = ctx;
    struct error why;
    if (!s) {
        return 0;
    }
    enum http2_end end = HTTP2_BROKEN;
    if (s->why.code != ERR_OK) {
        why = s->why;
    } else if (s->reset_by_peer || code == NGHTTP2_REFUSED_STREAM) {
        error_set(&why, ERR_CLOSED, "the provider %s the stream (%s)",
                  code == NGHTTP2_REFUSED_STREAM ? "refused" : "reset",
                  nghttp2_http2_strerror(code));
        s->not_taken = s->not_taken || code == NGHTTP2_REFUSED_STREAM;
        end = code == NGHTTP2_HTTP_1_1_REQUIRED ? HTTP2_HTTP1_WANTED : HTTP2_BROKEN;
    } else {
        error_set(&why, ERR_UPSTREAM, "the provider's answer breaks HTTP/2 (%s)",
                  nghttp2_http2_strerror(code));
    }
    bool begun = s->head_given;
    if (s->not_taken) {
        end = HTTP2_NOT_TAKEN;
    }
    void *owner = disown(s);
    stream_free(s);
    if (owner) {
        h->events.on_fail(owner, &why, begun ? HTTP2_BROKEN : end);
    }
    return 0;
}

/* -------- what is sent -------- */

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *out, size_t max,
                         uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
    struct http2_stream *s = source->ptr;
    struct http2 *h = ctx;
    (void)session;
    (void)id;
    if (!s->owner) {
        return NGHTTP2_ERR_DEFERRED; /* its reset is on the way */
    }
    struct str part = str_head(s->body, max);
    memcpy(out, part.p, part.n);
    s->body = str_from(s->body, part.n);
    if (s->body.n == 0) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    content_moved(h);
    return (ssize_t)part.n;
}

static nghttp2_nv field(struct str name, struct str value)
{
    /* Callers choose headers that stand in one table with our keys: keys stay out of it. */
    bool secret = str_eq_nocase(name, STR("authorization")) || str_ends(name, STR("-key")) ||
                  str_ends(name, STR("-token"));
    return (nghttp2_nv){.name = (uint8_t *)name.p,
                        .value = (uint8_t *)value.p,
                        .namelen = name.n,
                        .valuelen = value.n,
                        .flags = secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE};
}

/* Of the connection, and therefore not of HTTP/2 (RFC 9113, 8.2.2). */
static bool is_of_connection(struct str name)
{
    static const char *const names[] = {"connection", "keep-alive",        "proxy-connection",
                                        "te",         "transfer-encoding", "upgrade"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq_nocase(name, str_of(names[i]))) {
            return true;
        }
    }
    return false;
}

static struct str take_line(struct str *text)
{
    struct str line = str_split(text, '\n');
    return str_ends(line, STR("\r")) ? str_head(line, line.n - 1) : line;
}

/* The head that we wrote ourselves, as fields; 0 = too many of them. */
static size_t take_apart(const struct http2 *h, struct str head, nghttp2_nv *fields)
{
    struct str line = take_line(&head);
    struct str method = str_split(&line, ' ');
    struct str target = str_split(&line, ' ');
    struct str authority = STR_EMPTY;
    size_t n = 4;

    while ((line = take_line(&head)).n > 0) {
        struct str name = str_split(&line, ':');
        struct str value = str_trim(line);
        if (str_eq_nocase(name, STR("host"))) {
            authority = value;
        } else if (!is_of_connection(name)) {
            if (n == HTTP2_HEADERS_MAX) {
                return 0;
            }
            fields[n++] = field(name, value);
        }
    }
    fields[0] = field(STR(":method"), method);
    fields[1] = field(STR(":scheme"), str_of(h->scheme));
    fields[2] = field(STR(":authority"), authority);
    fields[3] = field(STR(":path"), target);
    return n;
}

static nghttp2_option *options_new(void)
{
    nghttp2_option *options = NULL;
    must(nghttp2_option_new(&options));
    nghttp2_option_set_no_auto_window_update(options, 1);
    nghttp2_option_set_no_closed_streams(options, 1);
    nghttp2_option_set_max_send_header_block_length(options, HEAD_TO_SEND_MAX);
    nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(options, 1);
    return options;
}

static nghttp2_session_callbacks *callbacks_new(void)
{
    nghttp2_session_callbacks *to = NULL;
    must(nghttp2_session_callbacks_new(&to));
    nghttp2_session_callbacks_set_on_begin_frame_callback(to, frame_begins);
    nghttp2_session_callbacks_set_on_begin_headers_callback(to, head_begins);
    nghttp2_session_callbacks_set_on_header_callback(to, header_came);
    nghttp2_session_callbacks_set_on_invalid_header_callback(to, invalid_header_came);
    nghttp2_session_callbacks_set_on_frame_recv_callback(to, frame_came);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(to, data_came);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(to, frame_was_wrong);
    nghttp2_session_callbacks_set_on_frame_send_callback(to, frame_was_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(to, frame_was_not_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(to, stream_closed);
    return to;
}

/* -------- public -------- */

struct http2 *http2_new(const char *scheme, const struct http2_events *events)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH,          0                   },
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,  HTTP2_WINDOW_BYTES  },
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP1_HEAD_BYTES_MAX},
    };
    struct http2 *h = x_calloc(1, sizeof(*h));
    nghttp2_option *options = options_new();
    nghttp2_session_callbacks *callbacks = callbacks_new();

    h->events = *events;
    h->scheme = scheme;
    must(nghttp2_session_client_new2(&h->session, callbacks, h, options));
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(options);
    must(nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings)));
    must(nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0,
                                               HTTP2_CONNECTION_BYTES));
    return h;
}

void http2_free(struct http2 *h)
{
    if (!h) {
        return;
    }
    while (h->streams) {
        stream_free(h->streams);
    }
    nghttp2_session_del(h->session); /* tells nobody of streams that are still open */
    x_free(h);
}

struct http2_stream *http2_start(struct http2 *h, struct str head, struct str body, void *owner,
                                 struct error *err)
{
    nghttp2_nv fields[HTTP2_HEADERS_MAX];
    size_t n = take_apart(h, head, fields);
    if (n == 0) {
        error_set(err, ERR_LIMIT, "the request has more than %d headers", HTTP2_HEADERS_MAX);
        return NULL;
    }
    struct http2_stream *s = x_calloc(1, sizeof(*s));
    nghttp2_data_provider provider = {.source.ptr = s, .read_callback = read_body};
    s->id = nghttp2_submit_request(h->session, NULL, fields, n, body.n > 0 ? &provider : NULL, s);
    if (s->id < 0) {
        error_set(err, ERR_UPSTREAM, "no stream can be opened: %s", nghttp2_strerror(s->id));
        x_free(s);
        return NULL;
    }
    s->h = h;
    s->owner = owner;
    s->body = body;
    buf_init(&s->head, HTTP1_HEAD_BYTES_MAX);
    s->next = h->streams;
    if (s->next) {
        s->next->prev = s;
    }
    h->streams = s;
    h->stream_count++;
    return s;
}

void http2_reset(struct http2 *h, struct http2_stream *s)
{
    (void)h;
    (void)disown(s);
    reset(s, NGHTTP2_CANCEL);
}

void http2_hold(struct http2 *h, struct http2_stream *s)
{
    (void)h;
    s->held = true;
}

void http2_release(struct http2 *h, struct http2_stream *s)
{
    s->held = false;
    must(nghttp2_session_consume_stream(h->session, s->id, s->held_bytes));
    s->held_bytes = 0;
}

int http2_feed(struct http2 *h, struct str bytes, struct error *err)
{
    h->quiet_bytes += (int64_t)bytes.n;
    ssize_t used = nghttp2_session_mem_recv(h->session, (const uint8_t *)bytes.p, bytes.n);
    while (h->turns) {
        struct http2_stream *s = h->turns;
        turn_remove(s);
        h->events.on_turn(s->owner);
    }
    if (used >= 0 && h->quiet_bytes > HTTP2_QUIET_BYTES_MAX) {
        used = connection_wrong(h, "it says much without content");
    }
    if (used < 0) {
        must(nghttp2_session_terminate_session(h->session, NGHTTP2_PROTOCOL_ERROR));
        return error_set(err, ERR_UPSTREAM, "the provider breaks HTTP/2: %s",
                         h->why.code != ERR_OK ? h->why.text : nghttp2_strerror((int)used));
    }
    return 0;
}

bool http2_write(struct http2 *h, struct buf *out, size_t enough)
{
    while (out->n < enough) {
        const uint8_t *bytes = NULL;
        ssize_t n = nghttp2_session_mem_send(h->session, &bytes);
        if (n <= 0) {
            return false;
        }
        buf_put(out, bytes, (size_t)n);
    }
    return true;
}

void http2_ping(struct http2 *h)
{
    must(nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, NULL));
}

void http2_goaway(struct http2 *h)
{
    must(nghttp2_session_terminate_session(h->session, NGHTTP2_NO_ERROR));
}

bool http2_is_settled(const struct http2 *h)
{
    return h->settled;
}

size_t http2_room(const struct http2 *h)
{
    if (http2_is_leaving(h)) {
        return 0;
    }
    /* What the peer allows is not known yet: one has to start it, the others can wait. */
    size_t max = 1;
    if (h->settled) {
        max = nghttp2_session_get_remote_settings(h->session,
                                                  NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
        max = max < HTTP2_STREAMS_MAX ? max : HTTP2_STREAMS_MAX;
    }
    return max > h->stream_count ? max - h->stream_count : 0;
}

bool http2_is_leaving(const struct http2 *h)
{
    return nghttp2_session_check_request_allowed(h->session) == 0;
}

bool http2_is_over(const struct http2 *h, struct error *ret_why)
{
    if (nghttp2_session_want_read(h->session) || nghttp2_session_want_write(h->session)) {
        return false;
    }
    if (h->why.code != ERR_OK) {
        error_set(ret_why, ERR_UPSTREAM, "the provider breaks HTTP/2: %s", h->why.text);
    }
    return true;
}
