#include "net/http1.h"

#include <llhttp.h>

#include "core/mem.h"
#include "net/http1_syntax.h"

/*
 * Two parsers that must agree.
 *
 * A head is first collected whole in our own buffer, by a scanner that lets only CR LF line ends
 * and printable bytes pass. Then llhttp cuts it into fields, and we read framing (length, coding,
 * host) from the fields ourselves; where llhttp came to another result, the message is refused.
 * Bodies with a length, or until close, are counted here; chunked bodies go through llhttp up to
 * the last chunk, and trailers through the scanner again, which drops them.
 *
 * That costs one more pass over a few hundred bytes and makes us independent of what the various
 * releases of llhttp tolerate (bare LF, folded headers, empty lines, lists of lengths).
 */

/* 1xx answers before the real one. */
#define INTERIM_MAX 32
/* Chunk heads, extensions and trailers may weigh this much per byte of body, above a fixed part. */
#define FRAMING_PER_BYTE 16
#define FRAMING_FIXED    HTTP1_HEAD_BYTES_MAX

enum stage {
    STAGE_HEAD = 0,
    STAGE_LENGTH,      /* body with content-length */
    STAGE_CHUNKED,     /* body in chunks */
    STAGE_UNTIL_CLOSE, /* body that ends with the connection */
    STAGE_TRAILER,     /* after the last chunk */
    STAGE_WHOLE,
    STAGE_FAILED
};

struct http1 {
    llhttp_t parser;
    struct http1_events events;
    void *ctx;
    enum http1_kind kind;
    enum stage stage;
    struct http1_lines lines;
    struct buf head; /* bytes of the head, from the start line to the empty line */
    struct http_head view;
    struct http_header *headers;
    size_t headers_cap;
    size_t interim;
    size_t trailer_bytes;
    uint64_t body_bytes;
    uint64_t framing_bytes;
    uint64_t remaining; /* of a body with a length */
    bool no_body_expected;
    bool busy;   /* inside http1_feed: http1_free must wait */
    bool doomed; /* http1_free was called meanwhile */
    bool cancelled;
    bool too_many_headers;
};

static int on_llhttp_field(llhttp_t *parser, const char *at, size_t n);
static int on_llhttp_value(llhttp_t *parser, const char *at, size_t n);
static int on_llhttp_head(llhttp_t *parser);
static int on_llhttp_chunk(llhttp_t *parser);
static int on_llhttp_body(llhttp_t *parser, const char *at, size_t n);

static const llhttp_settings_t settings = {
    .on_header_field = on_llhttp_field,
    .on_header_value = on_llhttp_value,
    .on_headers_complete = on_llhttp_head,
    .on_chunk_header = on_llhttp_chunk,
    .on_body = on_llhttp_body,
};

static const char *message_name(const struct http1 *p)
{
    return p->kind == HTTP1_REQUEST ? "request" : "response";
}

/* -------- llhttp's side -------- */

static void restart_llhttp(struct http1 *p)
{
    llhttp_init(&p->parser, p->kind == HTTP1_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    p->parser.data = p;
}

static int on_llhttp_field(llhttp_t *parser, const char *at, size_t n)
{
    struct http1 *p = parser->data;
    if (p->view.header_count == HTTP1_HEADERS_MAX) {
        p->too_many_headers = true;
        return -1;
    }
    if (p->view.header_count == p->headers_cap) {
        p->headers_cap = p->headers_cap == 0 ? 16 : p->headers_cap * 2;
        p->headers = x_realloc(p->headers, p->headers_cap * sizeof(*p->headers));
    }
    p->headers[p->view.header_count++] = (struct http_header){str_make(at, n), STR_EMPTY};
    return 0;
}

static int on_llhttp_value(llhttp_t *parser, const char *at, size_t n)
{
    struct http1 *p = parser->data;
    if (p->view.header_count == 0) {
        return -1;
    }
    p->headers[p->view.header_count - 1].value = str_trim(str_make(at, n));
    return 0;
}

/* Framing is decided outside, where everything is at hand. */
static int on_llhttp_head(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED;
}

/* Trailers are not left to llhttp, which takes folded lines and bare LF there. */
static int on_llhttp_chunk(llhttp_t *parser)
{
    return parser->content_length == 0 ? HPE_PAUSED : 0;
}

static int on_llhttp_body(llhttp_t *parser, const char *at, size_t n)
{
    struct http1 *p = parser->data;
    p->body_bytes += n;
    if (n > 0 && !p->doomed && p->events.on_body(p->ctx, str_make(at, n)) != 0) {
        p->cancelled = true;
    }
    return p->cancelled || p->doomed ? -1 : 0;
}

/* -------- what the fields mean -------- */

struct fields {
    size_t hosts;
    size_t lengths;
    size_t codings;
    struct str host;
    struct str length;
    struct str coding;
    struct str upgrade;
    bool close;
    bool keep_alive;
};

static void read_connection(struct fields *f, struct str value)
{
    while (value.n > 0) {
        struct str token = str_trim(str_split(&value, ','));
        f->close = f->close || str_eq_nocase(token, STR("close"));
        f->keep_alive = f->keep_alive || str_eq_nocase(token, STR("keep-alive"));
    }
}

static void read_field(struct http1 *p, struct fields *f, const struct http_header *h)
{
    if (str_eq_nocase(h->name, STR("host"))) {
        f->hosts++;
        f->host = h->value;
    } else if (str_eq_nocase(h->name, STR("content-length"))) {
        f->lengths++;
        f->length = h->value;
    } else if (str_eq_nocase(h->name, STR("transfer-encoding"))) {
        f->codings++;
        f->coding = h->value;
    } else if (str_eq_nocase(h->name, STR("connection"))) {
        read_connection(f, h->value);
    } else if (str_eq_nocase(h->name, STR("upgrade"))) {
        f->upgrade = h->value;
    } else if (str_eq_nocase(h->name, STR("expect"))) {
        p->view.expect_continue =
            p->view.minor >= 1 && str_eq_nocase(h->value, STR("100-continue"));
    }
}

static int check_host(const struct http1 *p, const struct fields *f, struct error *err)
{
    if (f->hosts > 1) {
        return error_set(err, ERR_INVALID, "more than one Host header");
    }
    if (f->hosts == 0 && p->view.minor >= 1) {
        return error_set(err, ERR_INVALID, "an HTTP/1.1 request must have a Host header");
    }
    for (size_t i = 0; i < f->host.n; i++) {
        unsigned char c = (unsigned char)f->host.p[i];
        if (c <= 0x20 || c >= 0x7f || strchr("/\\?#@,\"<>^`{|}", c) != NULL) {
            return error_set(err, ERR_INVALID, "malformed Host header");
        }
    }
    return 0;
}

static int read_length(struct http1 *p, const struct fields *f, struct error *err)
{
    uint64_t length = 0;
    if (f->lengths > 1) {
        return error_set(err, ERR_INVALID, "more than one Content-Length header");
    }
    for (size_t i = 0; i < f->length.n; i++) {
        if (f->length.p[i] < '0' || f->length.p[i] > '9') {
            return error_set(err, ERR_INVALID, "Content-Length is not a number");
        }
    }
    if (str_to_u64(f->length, &length) != 0 || length > INT64_MAX) {
        return error_set(err, ERR_INVALID, "Content-Length is not a number below 2^63");
    }
    if ((p->parser.flags & F_CONTENT_LENGTH) == 0 || p->parser.content_length != length) {
        return error_set(err, ERR_INVALID, "malformed Content-Length");
    }
    p->view.content_length = (int64_t)length;
    return 0;
}

static int read_framing(struct http1 *p, const struct fields *f, struct error *err)
{
    if (f->lengths > 0 && f->codings > 0) {
        return error_set(err, ERR_INVALID, "Content-Length and Transfer-Encoding together");
    }
    if (f->codings > 0) {
        if (f->codings > 1 || !str_eq_nocase(f->coding, STR("chunked"))) {
            return error_set(err, ERR_INVALID,
                             "a Transfer-Encoding other than \"chunked\" is not understood");
        }
        if (p->view.minor == 0) {
            return error_set(err, ERR_INVALID, "Transfer-Encoding in an HTTP/1.0 %s",
                             message_name(p));
        }
        p->view.chunked = true;
    }
    if (f->lengths > 0) {
        int code = read_length(p, f, err);
        if (code != 0) {
            return code;
        }
    }
    bool llhttp_chunked = (p->parser.flags & F_CHUNKED) != 0;
    bool llhttp_length = (p->parser.flags & F_CONTENT_LENGTH) != 0;
    if (llhttp_chunked != p->view.chunked || llhttp_length != (f->lengths > 0)) {
        return error_set(err, ERR_INVALID, "the %s's length is ambiguous", message_name(p));
    }
    return 0;
}

/* h2c is an offer that may be ignored, and one common client makes it on every plain connection;
 * any other upgrade is a client that would be lost without it. */
static int check_upgrade(const struct http1 *p, const struct fields *f, struct error *err)
{
    if (p->kind == HTTP1_RESPONSE) {
        return p->view.status != 101
                   ? 0
                   : error_set(err, ERR_INVALID, "the peer switched protocols, unasked");
    }
    if (f->upgrade.n == 0 || str_eq_nocase(f->upgrade, STR("h2c"))) {
        return 0;
    }
    return error_set(err, ERR_INVALID, "upgrades (such as WebSocket) are not served here");
}

static enum stage stage_after_head(struct http1 *p)
{
    int status = p->view.status;
    bool response = p->kind == HTTP1_RESPONSE;
    bool bodyless = response && (p->no_body_expected || status == 204 || status == 304);
    if (bodyless || p->view.content_length == 0) {
        return STAGE_WHOLE;
    }
    if (p->view.chunked) {
        return STAGE_CHUNKED;
    }
    if (p->view.content_length > 0) {
        p->remaining = (uint64_t)p->view.content_length;
        return STAGE_LENGTH;
    }
    return response ? STAGE_UNTIL_CLOSE : STAGE_WHOLE;
}

static int read_fields(struct http1 *p, enum stage *ret_stage, struct error *err)
{
    struct fields f = {.host = STR_EMPTY, .length = STR_EMPTY, .coding = STR_EMPTY};
    p->view.headers = p->headers;
    p->view.content_length = -1;
    for (size_t i = 0; i < p->view.header_count; i++) {
        if (!http1_is_token(p->headers[i].name)) {
            return error_set(err, ERR_INVALID, "malformed header name");
        }
        read_field(p, &f, &p->headers[i]);
    }
    int code = check_upgrade(p, &f, err);
    if (code == 0 && p->kind == HTTP1_REQUEST) {
        code = check_host(p, &f, err);
    }
    if (code == 0) {
        code = read_framing(p, &f, err);
    }
    if (code != 0) {
        return code;
    }
    enum stage stage = stage_after_head(p);
    p->view.keep_alive =
        !f.close && (p->view.minor >= 1 || f.keep_alive) && stage != STAGE_UNTIL_CLOSE;
    *ret_stage = stage;
    return 0;
}

/* -------- the head -------- */

static int llhttp_failure(struct http1 *p, const char *what, struct error *err)
{
    const char *reason = llhttp_get_error_reason(&p->parser);
    if (p->too_many_headers) {
        return error_set(err, ERR_LIMIT, "more than %d headers in the %s", HTTP1_HEADERS_MAX,
                         message_name(p));
    }
    if (llhttp_get_errno(&p->parser) == HPE_INVALID_METHOD) {
        return error_set(err, ERR_INVALID, "unknown request method");
    }
    return error_set(err, ERR_INVALID, "malformed %s: %s", what,
                     reason != NULL ? reason : "unknown");
}

static void start_message(struct http1 *p)
{
    restart_llhttp(p);
    buf_clear(&p->head);
    p->view = (struct http_head){
        .method = STR_EMPTY, .target = STR_EMPTY, .reason = STR_EMPTY, .content_length = -1};
    p->stage = STAGE_HEAD;
    http1_lines_start(&p->lines, p->kind);
    p->trailer_bytes = 0;
    p->body_bytes = 0;
    p->framing_bytes = 0;
}

static int skip_interim(struct http1 *p, struct error *err)
{
    if (++p->interim > INTERIM_MAX) {
        return error_set(err, ERR_LIMIT, "more than %d interim (1xx) responses", INTERIM_MAX);
    }
    start_message(p);
    return 0;
}

static int parse_start_line(struct http1 *p, struct error *err)
{
    struct str all = buf_str(&p->head);
    struct str line = str_head(all, (size_t)str_find_char(all, '\r'));
    return p->kind == HTTP1_REQUEST ? http1_parse_request_line(line, &p->view, err)
                                    : http1_parse_status_line(line, &p->view, err);
}

static int parse_head(struct http1 *p, struct error *err)
{
    struct str all = buf_str(&p->head);
    /* Once more: the views of the first time may have moved with the buffer. */
    int code = parse_start_line(p, err);
    if (code != 0) {
        return code;
    }
    if (llhttp_execute(&p->parser, all.p, all.n) != HPE_PAUSED) {
        return llhttp_failure(p, p->kind == HTTP1_REQUEST ? "request head" : "response head", err);
    }
    enum stage stage = STAGE_FAILED;
    code = read_fields(p, &stage, err);
    if (code != 0) {
        return code;
    }
    if (p->kind == HTTP1_RESPONSE && p->view.status < 200) {
        return skip_interim(p, err);
    }
    llhttp_resume(&p->parser);
    /* Whatever it offered was ignored above; llhttp must not stop behind the body for it. */
    p->parser.upgrade = 0;
    p->stage = stage;
    if (p->events.on_head(p->ctx, &p->view) != 0) {
        p->cancelled = true;
    }
    return 0;
}

static int feed_head(struct http1 *p, struct str bytes, size_t *ret_n, struct error *err)
{
    size_t before = 0;
    size_t n = 0;
    bool done = false;
    int code = http1_lines_skip(&p->lines, bytes, &before, err);
    if (code != 0) {
        return code;
    }
    struct str rest = str_from(bytes, before);
    size_t room = HTTP1_HEAD_BYTES_MAX - p->head.n;
    bool was_past_first = p->lines.past_first;
    code = http1_lines_scan(&p->lines, str_head(rest, room), &n, &done, err);
    if (code != 0) {
        return code;
    }
    BUG_ON(buf_put(&p->head, rest.p, n) != 0);
    *ret_n = before + n;
    if (done) {
        return parse_head(p, err);
    }
    /* What is no HTTP is refused with its first line: an end of its head may never come. */
    if (p->lines.past_first && !was_past_first) {
        return parse_start_line(p, err);
    }
    if (n == room && rest.n > n) {
        return error_set(err, ERR_LIMIT, "the %s's head is larger than %u bytes", message_name(p),
                         HTTP1_HEAD_BYTES_MAX);
    }
    return 0;
}

/* -------- bodies -------- */

static int check_weight(const struct http1 *p, struct error *err)
{
    if (p->framing_bytes <= FRAMING_FIXED + FRAMING_PER_BYTE * p->body_bytes) {
        return 0;
    }
    return error_set(err, ERR_LIMIT, "chunk extensions and trailers outweigh the %s's body",
                     message_name(p));
}

static int feed_chunked(struct http1 *p, struct str bytes, size_t *ret_n, struct error *err)
{
    uint64_t body_before = p->body_bytes;
    llhttp_errno_t status = llhttp_execute(&p->parser, bytes.p, bytes.n);
    size_t n = bytes.n;
    if (status == HPE_PAUSED) {
        n = (size_t)(llhttp_get_error_pos(&p->parser) - bytes.p);
        p->stage = STAGE_TRAILER;
        http1_lines_start_trailer(&p->lines);
    } else if (status != HPE_OK && !p->cancelled && !p->doomed) {
        return llhttp_failure(p, "chunked body", err);
    }
    if (p->cancelled || p->doomed) {
        return 0;
    }
    p->framing_bytes += n - (p->body_bytes - body_before);
    *ret_n = n;
    return check_weight(p, err);
}

static int feed_trailer(struct http1 *p, struct str bytes, size_t *ret_n, struct error *err)
{
    bool done = false;
    size_t n = 0;
    int code = http1_lines_scan(&p->lines, bytes, &n, &done, err);
    if (code != 0) {
        return code;
    }
    p->trailer_bytes += n;
    if (p->trailer_bytes > HTTP1_HEAD_BYTES_MAX) {
        return error_set(err, ERR_LIMIT, "the %s's trailers are larger than %u bytes",
                         message_name(p), HTTP1_HEAD_BYTES_MAX);
    }
    if (done) {
        p->stage = STAGE_WHOLE;
    }
    *ret_n = n;
    return 0;
}

static void feed_plain(struct http1 *p, struct str bytes, size_t *ret_n)
{
    if (p->stage == STAGE_LENGTH) {
        bytes = str_head(bytes, p->remaining < bytes.n ? (size_t)p->remaining : bytes.n);
        p->remaining -= bytes.n;
        if (p->remaining == 0) {
            p->stage = STAGE_WHOLE;
        }
    }
    p->body_bytes += bytes.n;
    if (p->events.on_body(p->ctx, bytes) != 0) {
        p->cancelled = true;
    }
    *ret_n = bytes.n;
}

static int feed_stage(struct http1 *p, struct str bytes, size_t *ret_n, struct error *err)
{
    switch (p->stage) {
    case STAGE_HEAD:
        return feed_head(p, bytes, ret_n, err);
    case STAGE_LENGTH:
    case STAGE_UNTIL_CLOSE:
        feed_plain(p, bytes, ret_n);
        return 0;
    case STAGE_CHUNKED:
        return feed_chunked(p, bytes, ret_n, err);
    case STAGE_TRAILER:
        return feed_trailer(p, bytes, ret_n, err);
    case STAGE_WHOLE:
    case STAGE_FAILED:
        break;
    }
    return error_set(err, ERR_INVALID, "the parser failed before");
}

/* -------- public -------- */

struct str http_head_find(const struct http_head *head, struct str name)
{
    for (size_t i = 0; i < head->header_count; i++) {
        if (str_eq_nocase(head->headers[i].name, name)) {
            return head->headers[i].value;
        }
    }
    return (struct str){NULL, 0};
}

struct http1 *http1_new(enum http1_kind kind, const struct http1_events *events, void *ctx)
{
    struct http1 *p = x_calloc(1, sizeof(*p));
    p->kind = kind;
    p->events = *events;
    p->ctx = ctx;
    buf_init(&p->head, HTTP1_HEAD_BYTES_MAX);
    start_message(p);
    return p;
}

static void destroy(struct http1 *p)
{
    buf_release(&p->head);
    x_free(p->headers);
    x_free(p);
}

void http1_free(struct http1 *parser)
{
    if (parser == NULL) {
        return;
    }
    if (parser->busy) {
        parser->doomed = true;
        return;
    }
    destroy(parser);
}

int http1_feed(struct http1 *parser, struct str bytes, size_t *ret_used, struct error *err)
{
    size_t used = 0;
    int code = 0;
    if (parser->stage == STAGE_WHOLE) {
        *ret_used = 0;
        return 0;
    }
    BUG_ON(parser->busy);
    parser->busy = true;
    while (code == 0 && used < bytes.n && parser->stage != STAGE_WHOLE) {
        size_t n = 0;
        code = feed_stage(parser, str_from(bytes, used), &n, err);
        used += n;
        if (code == 0 && (parser->cancelled || parser->doomed)) {
            code = error_set(err, ERR_CANCELLED, "stopped by a callback");
        }
    }
    parser->busy = false;
    if (parser->doomed) {
        destroy(parser);
        return ERR_CANCELLED;
    }
    if (code != 0) {
        parser->stage = STAGE_FAILED;
        return code;
    }
    *ret_used = used;
    /* Last of all: the callback may call http1_next or http1_free. */
    if (parser->stage == STAGE_WHOLE && parser->events.on_message(parser->ctx) != 0) {
        return error_set(err, ERR_CANCELLED, "stopped by a callback");
    }
    return 0;
}

int http1_finish(struct http1 *parser, struct error *err)
{
    if (parser->stage == STAGE_UNTIL_CLOSE) {
        parser->stage = STAGE_WHOLE;
        return parser->events.on_message(parser->ctx) == 0
                   ? 0
                   : error_set(err, ERR_CANCELLED, "stopped by a callback");
    }
    if (!http1_in_message(parser)) {
        return 0;
    }
    if (parser->stage == STAGE_HEAD) {
        return error_set(err, ERR_CLOSED, "the connection ended in the middle of a %s's head",
                         message_name(parser));
    }
    if (parser->stage == STAGE_LENGTH) {
        return error_set(err, ERR_CLOSED, "the connection ended after %llu of %lld bytes of body",
                         (unsigned long long)parser->body_bytes,
                         (long long)parser->view.content_length);
    }
    return error_set(err, ERR_CLOSED, "the connection ended in the middle of a chunked body");
}

void http1_next(struct http1 *parser)
{
    BUG_ON(parser->stage != STAGE_WHOLE && http1_in_message(parser));
    parser->no_body_expected = false;
    parser->interim = 0;
    parser->view.header_count = 0;
    start_message(parser);
}

bool http1_in_message(const struct http1 *parser)
{
    switch (parser->stage) {
    case STAGE_HEAD:
        return parser->head.n > 0 || parser->interim > 0;
    case STAGE_LENGTH:
    case STAGE_CHUNKED:
    case STAGE_UNTIL_CLOSE:
    case STAGE_TRAILER:
    case STAGE_FAILED:
        return true;
    case STAGE_WHOLE:
        break;
    }
    return false;
}

void http1_expect_no_body(struct http1 *parser)
{
    parser->no_body_expected = true;
}
