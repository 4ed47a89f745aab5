#ifndef NET_HTTP1_SYNTAX_H
#define NET_HTTP1_SYNTAX_H

/*
 * Bytes and lines of HTTP/1.1 messages, for net/http1 only.
 *
 * The scanner passes over the lines of a head or a trailer, however they are cut, and lets only
 * CR LF line ends, tabs, visible bytes and bytes above 127 pass; lines that begin with white space
 * (folded headers) are refused. It keeps nothing but its place. The start lines are then read from
 * the collected head.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/attr.h"
#include "core/error.h"
#include "core/str.h"
#include "net/http1.h"

enum http1_at {
    HTTP1_AT_BEFORE = 0, /* nothing of the message yet */
    HTTP1_AT_BEFORE_CR,  /* CR of an empty line before the message */
    HTTP1_AT_LINE_START,
    HTTP1_AT_LINE,
    HTTP1_AT_CR,
    HTTP1_AT_LAST_CR /* CR of the empty line that ends the head */
};

struct http1_lines {
    enum http1_kind kind;
    enum http1_at at;
    size_t blank_lines; /* skipped before the message */
    bool past_first;    /* the first line has ended */
    bool in_trailer;
};

void http1_lines_start(struct http1_lines *l, enum http1_kind kind);
void http1_lines_start_trailer(struct http1_lines *l);

/* Skips empty lines before a request; tells early what is no HTTP at all. Stops at the message. */
MUST_CHECK int http1_lines_skip(struct http1_lines *l, struct str bytes, size_t *ret_n,
                                struct error *err);
/* Passes over lines up to and including an empty one (*ret_done says that it came), and stops once
 * behind the first line of a head (past_first turns true). */
MUST_CHECK int http1_lines_scan(struct http1_lines *l, struct str bytes, size_t *ret_n,
                                bool *ret_done, struct error *err);

/* At least one byte, all of them token bytes (RFC 9110, 5.6.2). */
bool http1_is_token(struct str s);

/* Sets method, target and minor; the line comes without its end. */
MUST_CHECK int http1_parse_request_line(struct str line, struct http_head *head, struct error *err);
/* Sets status, reason and minor. */
MUST_CHECK int http1_parse_status_line(struct str line, struct http_head *head, struct error *err);

#endif
