#include "net/http1_syntax.h"

/* Empty lines that may stand before a request line (RFC 9112, 2.2). */
#define BLANK_LINES_MAX 4

static bool is_letter(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool is_token_byte(unsigned char c)
{
    return is_letter(c) || is_digit(c) || c == '-' ||
           (c > 0x20 && c < 0x7f && strchr("!#$%&'*+.^_`|~", c) != NULL);
}

bool http1_is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!is_token_byte((unsigned char)s.p[i])) {
            return false;
        }
    }
    return s.n > 0;
}

/* What may stand in a line: tab, visible ASCII, space, and bytes above 127. */
static bool is_line_byte(unsigned char c)
{
    return (c >= 0x20 && c != 0x7f) || c == '\t';
}

/* The high bit of each byte that stands in no line, or is a tab. A byte above such a one may be
 * marked too. */
static uint64_t odd_bytes(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t delete = word ^ (ones * 0x7f);
    return (((word - ones * 0x20) & ~word) | ((delete - ones) & ~delete)) & (ones * 0x80);
}

/* Offset of the first byte at or behind `at` that stands in no line. */
static size_t skip_line_bytes(struct str bytes, size_t at)
{
    for (;;) {
        uint64_t word;
        while (bytes.n - at >= sizeof(word)) {
            memcpy(&word, bytes.p + at, sizeof(word));
            if (odd_bytes(word) != 0) {
                break;
            }
            at += sizeof(word);
        }
        size_t end = bytes.n - at < sizeof(word) ? bytes.n : at + sizeof(word);
        while (at < end && is_line_byte((unsigned char)bytes.p[at])) {
            at++;
        }
        if (at < end || at == bytes.n) {
            return at;
        }
    }
}

static const char *kind_name(const struct http1_lines *l)
{
    return l->kind == HTTP1_REQUEST ? "request" : "response";
}

/* -------- lines -------- */

void http1_lines_start(struct http1_lines *l, enum http1_kind kind)
{
    *l = (struct http1_lines){.kind = kind, .at = HTTP1_AT_BEFORE};
}

void http1_lines_start_trailer(struct http1_lines *l)
{
    l->at = HTTP1_AT_LINE_START;
    l->in_trailer = true;
}

static int bad_line_byte(const struct http1_lines *l, unsigned char c, struct error *err)
{
    const char *where = l->in_trailer ? "trailer" : "head";
    if (c == '\n') {
        return error_set(err, ERR_INVALID,
                         "a line of the %s's %s ends in LF alone; lines must end in CR LF",
                         kind_name(l), where);
    }
    return error_set(err, ERR_INVALID, "control byte 0x%02x in the %s's %s", c, kind_name(l),
                     where);
}

static int bad_line_start(const struct http1_lines *l, struct error *err)
{
    if (!l->past_first && !l->in_trailer) {
        return error_set(err, ERR_INVALID, "white space before the %s's first line", kind_name(l));
    }
    return error_set(err, ERR_INVALID,
                     "a header line of the %s begins with white space (folded headers are obsolete "
                     "and refused)",
                     kind_name(l));
}

int http1_lines_scan(struct http1_lines *l, struct str bytes, size_t *ret_n, bool *ret_done,
                     struct error *err)
{
    size_t i = 0;
    bool done = false;
    bool first = false;
    while (i < bytes.n && !done && !first) {
        unsigned char c = (unsigned char)bytes.p[i];
        if (l->at == HTTP1_AT_CR || l->at == HTTP1_AT_LAST_CR) {
            if (c != '\n') {
                return error_set(err, ERR_INVALID, "a CR that is not followed by LF in the %s",
                                 kind_name(l));
            }
            done = l->at == HTTP1_AT_LAST_CR;
            l->at = HTTP1_AT_LINE_START;
            first = !l->past_first && !l->in_trailer;
            l->past_first = true;
            i++;
            continue;
        }
        if (l->at == HTTP1_AT_LINE_START) {
            if (c == ' ' || c == '\t') {
                return bad_line_start(l, err);
            }
            l->at = c == '\r' ? HTTP1_AT_LAST_CR : HTTP1_AT_LINE;
            i += c == '\r' ? 1 : 0;
            continue;
        }
        i = skip_line_bytes(bytes, i);
        if (i < bytes.n) {
            if (bytes.p[i] != '\r') {
                return bad_line_byte(l, (unsigned char)bytes.p[i], err);
            }
            l->at = HTTP1_AT_CR;
            i++;
        }
    }
    *ret_n = i;
    *ret_done = done;
    return 0;
}

int http1_lines_skip(struct http1_lines *l, struct str bytes, size_t *ret_n, struct error *err)
{
    size_t i = 0;
    while (i < bytes.n && l->at <= HTTP1_AT_BEFORE_CR) {
        unsigned char c = (unsigned char)bytes.p[i];
        if (l->at == HTTP1_AT_BEFORE_CR) {
            if (c != '\n') {
                return error_set(err, ERR_INVALID, "a CR that is not followed by LF");
            }
            l->at = HTTP1_AT_BEFORE;
            i++;
        } else if (c == '\r' && l->kind == HTTP1_REQUEST) {
            if (++l->blank_lines > BLANK_LINES_MAX) {
                return error_set(err, ERR_INVALID, "more than %d empty lines before a request",
                                 BLANK_LINES_MAX);
            }
            l->at = HTTP1_AT_BEFORE_CR;
            i++;
        } else if (c == 0x16 || c == 0x80) {
            return error_set(err, ERR_INVALID,
                             "the peer speaks TLS where plain HTTP is spoken (https:// instead of "
                             "http://?)");
        } else if (!is_token_byte(c) && c != ' ' && c != '\t') {
            return error_set(err, ERR_INVALID, "this is not an HTTP %s: its first byte is 0x%02x",
                             kind_name(l), c);
        } else {
            l->at = HTTP1_AT_LINE_START;
        }
    }
    *ret_n = i;
    return 0;
}

/* -------- the start line -------- */

static int check_target(struct str method, struct str target, struct error *err)
{
    for (size_t i = 0; i < target.n; i++) {
        unsigned char c = (unsigned char)target.p[i];
        if (c <= 0x20 || c >= 0x7f || c == '#') {
            return error_set(err, ERR_INVALID,
                             "byte 0x%02x in the request target must be percent-encoded", c);
        }
    }
    if (target.p[0] == '/' || str_starts_nocase(target, STR("http://")) ||
        str_starts_nocase(target, STR("https://")) ||
        (str_is(target, "*") && str_is(method, "OPTIONS"))) {
        return 0;
    }
    return error_set(err, ERR_INVALID, "the request target must begin with '/'");
}

static int check_version(struct str version, int *ret_minor, struct error *err)
{
    if (str_is(version, "HTTP/1.1") || str_is(version, "HTTP/1.0")) {
        *ret_minor = version.p[7] - '0';
        return 0;
    }
    if (str_starts(version, STR("HTTP/2")) || str_starts(version, STR("HTTP/3"))) {
        return error_set(err, ERR_INVALID, "HTTP/%c is not spoken here; use HTTP/1.1",
                         version.p[5]);
    }
    return error_set(err, ERR_INVALID, "no HTTP version that is spoken here; expected HTTP/1.1");
}

int http1_parse_request_line(struct str line, struct http_head *head, struct error *err)
{
    ptrdiff_t first = str_find_char(line, ' ');
    struct str method = first < 0 ? line : str_head(line, (size_t)first);
    if (!http1_is_token(method)) {
        return error_set(err, ERR_INVALID, "this is not an HTTP request: no method in line 1");
    }
    struct str rest = first < 0 ? STR_EMPTY : str_from(line, (size_t)first + 1);
    ptrdiff_t second = str_find_char(rest, ' ');
    if (rest.n == 0 || second == 0) {
        return error_set(err, ERR_INVALID,
                         "malformed request line; expected METHOD SP target SP HTTP/1.1");
    }
    if (second < 0) {
        return error_set(err, ERR_INVALID,
                         "a request line without a version (HTTP/0.9) is not accepted");
    }
    struct str target = str_head(rest, (size_t)second);
    int code = check_version(str_from(rest, (size_t)second + 1), &head->minor, err);
    if (code != 0) {
        return code;
    }
    if (str_is(method, "CONNECT")) {
        return error_set(err, ERR_INVALID, "CONNECT is refused: weir does not tunnel");
    }
    head->method = method;
    head->target = target;
    return check_target(method, target, err);
}

int http1_parse_status_line(struct str line, struct http_head *head, struct error *err)
{
    ptrdiff_t space = str_find_char(line, ' ');
    struct str version = space < 0 ? line : str_head(line, (size_t)space);
    if (!str_starts(version, STR("HTTP/"))) {
        return error_set(err, ERR_INVALID, "this is not an HTTP response");
    }
    int code = check_version(version, &head->minor, err);
    if (code != 0) {
        return code;
    }
    struct str rest = space < 0 ? STR_EMPTY : str_from(line, (size_t)space + 1);
    bool good = rest.n >= 3 && (rest.n == 3 || rest.p[3] == ' ') && rest.p[0] != '0';
    for (size_t i = 0; good && i < 3; i++) {
        good = is_digit((unsigned char)rest.p[i]);
    }
    if (!good) {
        return error_set(err, ERR_INVALID, "malformed status line; expected three digits");
    }
    head->status = (rest.p[0] - '0') * 100 + (rest.p[1] - '0') * 10 + (rest.p[2] - '0');
    head->reason = str_from(rest, 4);
    return 0;
}
