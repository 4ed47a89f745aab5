#ifndef NET_SERVER_H
#define NET_SERVER_H

/*
 * HTTP/1.1 server on one loop: connections in, whole requests out, answers back.
 *
 * Life of a request: the body is read whole (up to body_bytes_max), then on_request is called once.
 * A request that could not be read (malformed, too large, too slow) comes to on_request as well,
 * with `refused` set, so that the application words the error in its own dialect; the connection
 * ends after that answer. The application answers with server_reply, or with server_reply_start,
 * any number of server_reply_bytes and server_reply_end; at any later time, from the loop's thread.
 *
 * A client that leaves before its answer is complete is told by on_gone, at once, in every phase;
 * after on_gone the request pointer is dead. After server_reply / server_reply_end /
 * server_reply_abort it is dead too, and no on_gone comes.
 *
 * Ownership: the request, its head views, its body and its arena live until then; the arena may be
 * used by the application for things of the same lifetime.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/attr.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"
#include "net/http1.h"

#define SERVER_PIPELINE_BYTES_MAX (64u << 10)
#define SERVER_CONNECTIONS_MAX    20000
/* A body up to this is read before anybody is asked whether it is wanted (on_head). */
#define SERVER_BODY_UNASKED_BYTES (64u << 10)

struct loop;
struct server;
struct server_conn;
struct tls_context;

struct server_options {
    const char *address;     /* IP literal */
    uint16_t port;           /* 0 = any; server_port tells */
    struct tls_context *tls; /* NULL = plain; a reference is taken */
    size_t body_bytes_max;
    size_t connections_max;  /* 0 = SERVER_CONNECTIONS_MAX */
    int64_t head_timeout_ms; /* from the first byte of a head to its end */
    int64_t body_timeout_ms; /* between two reads of a body */
    int64_t idle_timeout_ms; /* between requests */
    bool reuseport;          /* several loops share the port */
};

struct server_refusal {
    int status; /* 400, 408, 413, 431, 503; 0 = the request is fine */
    struct error error;
};

struct server_request {
    struct http_head head;
    struct str path;  /* target without query */
    struct str query; /* without '?' */
    struct buf body;
    struct arena arena;
    struct server_refusal refused;
    const char *peer;    /* "127.0.0.1:4711" */
    int64_t started_us;  /* first byte of the head (clock_mono_us) */
    int64_t received_us; /* request whole */
    void *app;           /* the application's own */
    /* private */
    struct server_conn *conn;
};

struct server_events {
    void (*on_request)(void *ctx, struct server_request *request);
    void (*on_gone)(void *ctx, struct server_request *request);
    /* The client has read enough: produce again (see server_reply_backlog). */
    void (*on_drain)(void *ctx, struct server_request *request);
    /* Optional. The head is here, a body above SERVER_BODY_UNASKED_BYTES or of unknown length is to
     * come: false means that it is not wanted. on_request follows at once then, with an empty body,
     * and the connection ends with the answer. */
    bool (*on_head)(void *ctx, struct server_request *request);
};

MUST_CHECK int server_open(struct loop *loop, const struct server_options *options,
                           const struct server_events *events, void *ctx,
                           struct server **ret_server, struct error *err);
uint16_t server_port(const struct server *server);
/* New connections use this certificate from now on (NULL keeps plain). */
void server_set_tls(struct server *server, struct tls_context *tls);
/* New requests may have bodies up to this. */
void server_set_body_max(struct server *server, size_t body_bytes_max);
/* No new connections; idle ones end, busy ones after their answer. */
void server_drain(struct server *server);
/* Connections open / requests being answered. */
size_t server_connections(const struct server *server);
size_t server_requests(const struct server *server);
/* Ends everything at once (on_gone is called for open requests). */
void server_close(struct server *server);

/* A whole answer; content-length is added. `type` is the content-type, may be NULL. */
void server_reply(struct server_request *request, int status, const char *type,
                  const struct http_header *headers, size_t header_count, struct str body);
/* Starts an answer. content_length -1: chunked (or until close for HTTP/1.0). */
void server_reply_start(struct server_request *request, int status,
                        const struct http_header *headers, size_t header_count,
                        int64_t content_length);
/* Collected until the flush. */
void server_reply_bytes(struct server_request *request, struct str bytes);
void server_reply_flush(struct server_request *request);
void server_reply_end(struct server_request *request);
/* Cuts the connection so that the client sees the answer is not whole. */
void server_reply_abort(struct server_request *request);
/* Bytes the client has not taken yet. */
size_t server_reply_backlog(const struct server_request *request);

/* "OK", "Not Found", ...; "Unknown" for others. */
const char *server_reason(int status);

#endif
