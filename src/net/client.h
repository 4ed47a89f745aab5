#ifndef NET_CLIENT_H
#define NET_CLIENT_H

/*
 * HTTP client on one loop, with a pool of connections per origin. They speak HTTP/2, where it is
 * allowed and the other side agrees, and carry many calls each; else HTTP/1.1, one at a time.
 *
 * A call is named by an id, never by a pointer: a cancelled or finished call's id is simply
 * unknown. Phases: waiting (for a name, a free place, a connection) -> sent -> head -> body -> end.
 * client_cancel works in each of them and tells the provider at once that nobody listens any more:
 * it closes the connection, or resets the stream. After on_end, on_fail or client_cancel no
 * callback comes.
 *
 * A pooled connection that died before the first byte of an answer is replaced once, silently:
 * the provider cannot have answered on it. So is, up to CLIENT_RETRIES_MAX times, a stream of which
 * the provider says that it did nothing with it (GOAWAY, REFUSED_STREAM).
 *
 * As long as nobody knows what an origin speaks, one connection is opened and the other calls wait
 * for what it agrees on. Where it is HTTP/2, another connection is opened when all are full.
 *
 * An origin is where calls go: host, port, TLS trust, proxy. It belongs to the client that made it
 * and is kept until client_origin_close; open calls on it finish undisturbed.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/error.h"
#include "core/str.h"
#include "net/http1.h"

#define CLIENT_CALLS_MAX   65536
#define CLIENT_WAITING_MAX 16384 /* per origin, for a free connection */
#define CLIENT_IDLE_MAX    1024  /* kept connections per origin */
#define CLIENT_RETRIES_MAX 3     /* of a call, silently */
/* A silent HTTP/2 connection with open calls is asked whether it lives, and has as much time again
 * for any sign of it. */
#define CLIENT_PING_MS 20000

enum client_http2 {
    CLIENT_HTTP2_AUTO = 0, /* offered in the TLS handshake; never on plain http */
    CLIENT_HTTP2_NEVER,
    CLIENT_HTTP2_PRIOR /* the same, and spoken on plain http without asking (not through a proxy) */
};

struct client;
struct client_origin;
struct loop;
struct tls_context;

struct client_origin_options {
    const char *host;
    uint16_t port;
    struct tls_context *tls; /* NULL = plain http; a reference is taken */
    const char *proxy_host;  /* NULL = direct. https: CONNECT; http: absolute-form */
    uint16_t proxy_port;
    const char *proxy_authorization; /* value of Proxy-Authorization, or NULL */
    enum client_http2 http2;
    size_t connections_max;
    int64_t connect_timeout_ms;
    int64_t idle_ms; /* how long an unused connection is kept */
    int64_t ping_ms; /* 0 = CLIENT_PING_MS */
};

struct client_request {
    /* Request line and headers as in HTTP/1.1, with their final blank line. */
    struct str head;
    struct str body;         /* head and body must stay valid until the call ends */
    bool no_body_expected;   /* HEAD */
    int64_t head_timeout_ms; /* from sending to the answer's head; 0 = none */
    int64_t idle_timeout_ms; /* between two reads of the answer; 0 = none */
};

enum client_phase { CLIENT_WAITING = 0, CLIENT_CONNECTING, CLIENT_SENT, CLIENT_BODY };

struct client_events {
    void (*on_sent)(void *ctx, bool reused); /* handed to a connection */
    void (*on_head)(void *ctx, const struct http_head *head);
    void (*on_body)(void *ctx, struct str bytes);
    /* All bytes of one read have been delivered: the time to flush. */
    void (*on_turn)(void *ctx);
    void (*on_end)(void *ctx);
    /* ERR_TIMEOUT, ERR_CLOSED, ERR_IO, ERR_DENIED (certificate), ERR_UPSTREAM (nonsense),
     * ERR_BUSY (queue full). `phase` says how far it had come. */
    void (*on_fail)(void *ctx, const struct error *why, enum client_phase phase);
};

struct client *client_new(struct loop *loop);
void client_free(struct client *client);

struct client_origin *client_origin_open(struct client *client,
                                         const struct client_origin_options *options);
/* No new calls; idle connections end now, the rest with their calls. */
void client_origin_close(struct client_origin *origin);

/* Failures never come before it returns; on_sent may. */
uint64_t client_start(struct client_origin *origin, const struct client_request *request,
                      const struct client_events *events, void *ctx);
void client_cancel(struct client *client, uint64_t id);
/* Stops and restarts reading the answer (back-pressure). What is on its way still comes: of
 * HTTP/1.1 one read, of HTTP/2 at most a stream's window. */
void client_pause(struct client *client, uint64_t id);
void client_resume(struct client *client, uint64_t id);

/* How far a call has come; CLIENT_WAITING for an unknown id. */
enum client_phase client_phase(const struct client *client, uint64_t id);

/* For metrics. */
struct client_counts {
    size_t calls, connections, idle, waiting;
};

void client_count(const struct client *client, struct client_counts *ret_counts);

#endif
