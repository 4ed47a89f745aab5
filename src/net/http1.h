#ifndef NET_HTTP1_H
#define NET_HTTP1_H

/*
 * HTTP/1.1 messages, by llhttp in strict mode: a request parser and a response parser.
 *
 * What RFC 9112 calls ambiguous is refused: two lengths, a length beside chunked coding, bad
 * chunks, obs-fold, bare CR, control bytes in names or values. Limits: head bytes and header count.
 *
 * Ownership: the parser owns the bytes of the current head; views in `struct http_head` are valid
 * until the next message starts (http1_next) or the parser is released. One parser per connection;
 * it grows to the largest head and no more.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"

#define HTTP1_HEADERS_MAX    128
#define HTTP1_HEAD_BYTES_MAX (64u << 10)

struct http_header {
    struct str name;
    struct str value;
};

struct http_head {
    struct str method; /* requests */
    struct str target; /* requests: path and query as sent */
    int status;        /* responses */
    struct str reason; /* responses */
    int minor;         /* HTTP/1.minor */
    bool keep_alive;   /* the connection may carry another message after this one */
    bool chunked;
    bool expect_continue;
    int64_t content_length; /* -1 = not given */
    const struct http_header *headers;
    size_t header_count;
};

/* First header of that name (case ignored), or an empty view with p == NULL. */
struct str http_head_find(const struct http_head *head, struct str name);

static inline struct str http_head_get(const struct http_head *head, const char *name)
{
    return http_head_find(head, str_of(name));
}

struct http1_events {
    /* Non-zero return stops parsing (the connection is about to be closed). */
    int (*on_head)(void *ctx, const struct http_head *head);
    int (*on_body)(void *ctx, struct str bytes);
    int (*on_message)(void *ctx); /* whole; parsing pauses until http1_next */
};

enum http1_kind { HTTP1_REQUEST, HTTP1_RESPONSE };

struct http1;

struct http1 *http1_new(enum http1_kind kind, const struct http1_events *events, void *ctx);
void http1_free(struct http1 *parser);

/*
 * Parses bytes; *ret_used says how many were taken: all, or up to the end of the message.
 * 0, or ERR_LIMIT (head too large, too many headers), ERR_INVALID (malformed; text says what),
 * ERR_CANCELLED (a callback stopped it). After a failure only http1_free is allowed.
 */
MUST_CHECK int http1_feed(struct http1 *parser, struct str bytes, size_t *ret_used,
                          struct error *err);
/* The peer closed: 0 when that ends a message or falls between two, ERR_CLOSED in the middle. */
MUST_CHECK int http1_finish(struct http1 *parser, struct error *err);
/* Ready for the next message on this connection. */
void http1_next(struct http1 *parser);
/* True when bytes of a message were seen and it is not yet whole. */
bool http1_in_message(const struct http1 *parser);
/* For responses: the answer to HEAD has no body. */
void http1_expect_no_body(struct http1 *parser);

#endif
