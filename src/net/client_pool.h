#ifndef NET_CLIENT_POOL_H
#define NET_CLIENT_POOL_H

/*
 * What a client is made of; for net/client*.c only.
 *
 *   client.c        calls: ids, times, ends; origins: the queue, and who gets which connection
 *   client_conn.c   one connection: name, addresses, proxy, TLS, its place in the origin, its end
 *   client_http1.c  one exchange after the other on it
 *   client_http2.c  many at once
 *
 * A call is bound to a connection from the moment it is given to it (or opens it) until it ends; a
 * connection knows the protocol it speaks once it stands, and everything in between goes through
 * `struct client_protocol`.
 *
 * Callbacks of a call's owner may cancel any call, start others and close origins. Whoever calls
 * them therefore holds the connection (client_conn_enter, client_conn_leave), looks at `dead`
 * afterwards, and finds calls again by their ids.
 */
#include "core/buf.h"
#include "net/client.h"
#include "net/resolve.h"
#include "net/timer.h"

struct client_conn;
struct client_call;
struct http1;
struct http2;
struct http2_stream;
struct resolve;
struct sock;
struct tunnel;

struct client_protocol {
    /* The connection stands: what the protocol needs is made. */
    void (*begin)(struct client_conn *conn);
    /* Hands the call over; its owner is told with on_sent. */
    void (*send)(struct client_conn *conn, struct client_call *call);
    void (*bytes)(struct client_conn *conn, struct str bytes);
    /* The socket is gone: the calls on it end, or go back to the queue; the connection dies. */
    void (*closed)(struct client_conn *conn, const struct error *why);
    /* The call is given up in the middle: the peer is told at once, the call is unbound. */
    void (*drop)(struct client_conn *conn, struct client_call *call);
    void (*pause)(struct client_conn *conn, struct client_call *call);
    void (*resume)(struct client_conn *conn, struct client_call *call);
    /* The socket has room again. */
    void (*drain)(struct client_conn *conn);
    /* It has been idle for too long: a polite end, after which it is dead. */
    void (*leave)(struct client_conn *conn);
    /* What begin made is freed. */
    void (*end)(struct client_conn *conn);
};

struct client_conn {
    struct client_origin *origin;
    const struct client_protocol *protocol; /* NULL until it stands */
    struct sock *sock;
    struct tunnel *tunnel;    /* while the proxy is asked */
    struct client_call *call; /* who opens it; with HTTP/1.1, who uses it */
    struct resolve_answer addresses;
    size_t address_at;
    uint64_t resolve_id;
    struct timer idle_timer;
    bool tunnelled; /* the proxy has connected us */
    bool opening;   /* counted in the origin: how much it can carry is not known yet */
    bool open;      /* stands in the origin's list of those that can take a call */
    bool idle;      /* carries none, until idle_timer says that this was too long */
    bool reused;
    bool dead; /* freed when `depth` is back at 0 */
    int depth;
    struct client_conn *prev, *next; /* all connections of the origin */
    struct client_conn *open_prev, *open_next;

    /* client_http1 */
    struct http1 *parser;
    bool answered; /* bytes of the current answer have come */
    bool message_whole;
    bool keep_alive;

    /* client_http2 */
    struct http2 *http2;
    struct client_call *calls; /* those on its streams */
    size_t stream_count;
    bool busy; /* within http2_feed or http2_write, which must not be entered again */
    uint64_t reads;
    struct timer write_timer; /* what was said in this turn goes out at its end */
    struct timer ping_timer;
    bool pinged;
};

struct client_call {
    uint64_t id;
    struct client_origin *origin;
    struct client_conn *conn;
    struct client_request request;
    const struct client_events *events;
    void *ctx;
    enum client_phase phase;
    struct timer timer;
    struct error failure; /* to be told from the loop */
    unsigned retries;
    bool wants_fresh; /* not a connection that was used before */
    bool paused;
    bool queued;
    struct client_call *prev, *next; /* waiting queue, or the calls of a connection */
    struct http2_stream *stream;
    uint64_t reads_before; /* of its connection, when it was sent */
};

struct client_origin {
    struct client *client;
    struct client_origin_options options;
    struct client_conn *conns;
    struct client_conn *open; /* those that can take a call, last used first */
    size_t conn_count;
    size_t opening_count;
    size_t idle_count;
    bool carries_many;   /* the last connection agreed on HTTP/2 */
    bool carries_one;    /* ... on HTTP/1.1 */
    bool http2_unwanted; /* the provider asked for HTTP/1.1 */
    struct tls_memory *tls_memory;
    struct client_call *waiting_first, *waiting_last;
    size_t waiting_count;
    size_t call_count;
    bool closing;
    struct client_origin *prev, *next;
};

struct client_slot {
    struct client_call *call;
    uint32_t generation;
    uint32_t next_free;
};

struct client {
    struct loop *loop;
    struct resolve *resolve;
    struct client_origin *origins;
    struct client_slot *slots; /* ids are generation << 32 | index */
    uint32_t slot_count, slot_cap, free_slot;
    size_t call_count;
    struct buf scratch; /* what a connection writes at once */
};

/* ---- calls: client.c ---- */

/* NULL once it is over. */
struct client_call *client_call_find(const struct client *client, uint64_t id);
/* Its id is unknown from here on. It must be unbound. May free the origin, if that is closing and
 * has no connection. */
void client_call_free(struct client_call *call);
/* Ends the call with a failure; it is dropped from its connection. */
void client_call_fail(struct client_call *call, enum err code, const char *text);
/* The same from the loop, for those who are being called by its owner. */
void client_call_fail_later(struct client_call *call, enum err code, const char *text);
/* Back to the front of the queue. It must be unbound. */
void client_call_retry(struct client_call *call);
/* The time for what comes next; 0 = none. */
void client_call_arm(struct client_call *call, int64_t timeout_ms);

/* Gives waiting calls the connections that can take them, then new ones while there may be more. */
void client_origin_serve(struct client_origin *origin);
/* Frees a closing origin that nothing hangs on any more. */
void client_origin_release(struct client_origin *origin);

/* ---- connections: client_conn.c ---- */

/* A new one, for this call. */
void client_conn_open(struct client_origin *origin, struct client_call *call);
/* Whether it can take a call, and whether it has none. */
void client_conn_set_open(struct client_conn *conn, bool open);
void client_conn_set_idle(struct client_conn *conn, bool idle);
/* What it can carry is known. */
void client_conn_opened(struct client_conn *conn);
/* A polite end: FIN, no reset. */
void client_conn_retire(struct client_conn *conn);
/* Ends it at once; calls that are still bound to it are the protocol's business and gone by then,
 * except `call`, which is unbound. Serves those who wait. */
void client_conn_die(struct client_conn *conn);
/* Unbinds a call that is given up, in whatever state the connection is. */
void client_conn_drop(struct client_conn *conn, struct client_call *call);
void client_conn_enter(struct client_conn *conn);
void client_conn_leave(struct client_conn *conn);

extern const struct client_protocol client_http1;
extern const struct client_protocol client_http2;

#endif
