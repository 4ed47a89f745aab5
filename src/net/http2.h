#ifndef NET_HTTP2_H
#define NET_HTTP2_H

/*
 * The client's side of one HTTP/2 connection, by nghttp2: bytes in, bytes out, no socket, no clock.
 *
 * A request is given as the head of an HTTP/1.1 request, which is what weir writes: here it is
 * taken apart once, and what belongs to an HTTP/1.1 connection is left out. An answer comes as the
 * same `struct http_head` and bytes as over HTTP/1.1; 1xx answers and trailers are read over.
 *
 * Strict where HTTP/1.1 is strict here: a malformed field, a length that lies, a head beyond the
 * limits of http1.h ends the stream. Beyond that a peer can grow nothing: the dynamic table is that
 * of the default (4 KiB), pushes are refused, bytes without content are counted.
 *
 * Flow control: bytes are handed on as they come and count as read, so that the connection's window
 * never closes because of one stream. A stream that is held (http2_hold) gets no new window: at
 * most HTTP2_WINDOW_BYTES that were on their way still come.
 *
 * Callbacks come from within http2_feed and http2_write only; from within them everything may be
 * called except these two and http2_free. A stream is dead after its on_end or on_fail has begun,
 * and after http2_reset.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"
#include "net/http1.h"

#define HTTP2_STREAMS_MAX       1000 /* at once on one connection; the peer may allow less */
#define HTTP2_WINDOW_BYTES      (256u << 10) /* per stream */
#define HTTP2_CONNECTION_BYTES  (16u << 20)  /* window of the connection */
#define HTTP2_HEADERS_MAX       256          /* of a request */
#define HTTP2_INTERIM_MAX       32           /* 1xx answers before the real one */
#define HTTP2_CONTINUATIONS_MAX 8            /* frames of one head */
/* Bytes in a row that carry nothing anybody wants: pings, settings, empty or unknown frames. */
#define HTTP2_QUIET_BYTES_MAX (256u << 10)

struct http2;
struct http2_stream;

enum http2_end {
    HTTP2_BROKEN = 0,   /* an answer may have begun, the request may have been acted upon */
    HTTP2_NOT_TAKEN,    /* the peer says that it did nothing: safe to send elsewhere */
    HTTP2_HTTP1_WANTED, /* the same, and it wants HTTP/1.1 for this */
};

struct http2_events {
    /* Views are valid during the callback. */
    void (*on_head)(void *owner, const struct http_head *head);
    void (*on_body)(void *owner, struct str bytes);
    /* All bytes of one http2_feed have been delivered. */
    void (*on_turn)(void *owner);
    void (*on_end)(void *owner);
    /* ERR_CLOSED: reset by the peer; ERR_UPSTREAM: nonsense; ERR_LIMIT: the request is too large */
    void (*on_fail)(void *owner, const struct error *why, enum http2_end end);
};

/* `scheme` ("https" or "http") lives as long as the connection. */
struct http2 *http2_new(const char *scheme, const struct http2_events *events);
/* Streams that are still open are forgotten without a word. */
void http2_free(struct http2 *h);

/* Starts a stream; the body must stay valid until its end. NULL when the connection takes no more
 * streams or the head has more than HTTP2_HEADERS_MAX fields (ERR_LIMIT). */
struct http2_stream *http2_start(struct http2 *h, struct str head, struct str body, void *owner,
                                 struct error *err);
/* RST_STREAM: nobody wants the rest. */
void http2_reset(struct http2 *h, struct http2_stream *stream);
/* Stops and restarts the stream's window. */
void http2_hold(struct http2 *h, struct http2_stream *stream);
void http2_release(struct http2 *h, struct http2_stream *stream);

/* Takes the peer's bytes. ERR_UPSTREAM: the peer does not speak HTTP/2, or abuses it; what
 * http2_write has then to say is its last. */
MUST_CHECK int http2_feed(struct http2 *h, struct str bytes, struct error *err);
/* Appends what is to be sent until `out` has about `enough` bytes; false when nothing is left. */
bool http2_write(struct http2 *h, struct buf *out, size_t enough);

/* Asks for a sign of life. */
void http2_ping(struct http2 *h);
/* Says goodbye: no more streams. */
void http2_goaway(struct http2 *h);

/* The peer's SETTINGS have come. */
bool http2_is_settled(const struct http2 *h);
/* How many more streams may be started now. */
size_t http2_room(const struct http2 *h);
/* No more streams, ever: the peer has said goodbye, or all ids are used up. */
bool http2_is_leaving(const struct http2 *h);
/* Nothing can come any more: goodbyes are said, or the peer broke the rules of the connection. To
 * be asked when http2_write has said all; *ret_why is untouched when nobody did wrong. */
bool http2_is_over(const struct http2 *h, struct error *ret_why);

#endif
