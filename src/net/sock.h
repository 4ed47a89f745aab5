#ifndef NET_SOCK_H
#define NET_SOCK_H

/*
 * One TCP connection, with TLS when asked, on one loop.
 *
 * Writing: sock_put collects, sock_flush sends all that was collected in one system call; what the
 * kernel does not take waits in the backlog. Callers watch sock_backlog and stop producing above
 * SOCK_BACKLOG_HIGH; on_drain says when it is below SOCK_BACKLOG_LOW again.
 *
 * Reading goes on all the time unless paused, so that a FIN is seen at once in every phase.
 *
 * End: on_close comes exactly once, when the peer or an error ended the connection; after it, and
 * after sock_close or sock_abort, no callback comes and the pointer is dead. Closing from inside a
 * callback is fine.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/attr.h"
#include "core/error.h"
#include "core/str.h"

#define SOCK_BACKLOG_HIGH (256u << 10)
#define SOCK_BACKLOG_LOW  (64u << 10)
/* One put that does not fit below this is a bug of the caller or a peer that never reads. */
#define SOCK_BACKLOG_MAX (256u << 20)

struct loop;
struct sock;
struct tls_context;
struct tls_memory;
struct uv_stream_s;

struct sock_events {
    void (*on_open)(void *ctx); /* connected, and TLS agreed; not for accepted plain ones */
    void (*on_data)(void *ctx, struct str bytes);
    void (*on_drain)(void *ctx);
    /* ERR_CLOSED: the peer said FIN; ERR_IO: reset or failure; ERR_DENIED: certificate. */
    void (*on_close)(void *ctx, const struct error *why);
};

struct sock_target {
    struct sockaddr_storage address;
    struct tls_context *tls;       /* NULL = plain */
    const char *tls_host;          /* for SNI and the certificate check */
    struct tls_memory *tls_memory; /* sessions to resume, or NULL */
    bool http2;                    /* is offered (ALPN) */
};

/* Starts connecting. Never fails at once: failure comes as on_close. */
struct sock *sock_connect(struct loop *loop, const struct sock_target *target,
                          const struct sock_events *events, void *ctx);
/* Takes one waiting connection off a listener; NULL when there is none or the system refused. */
struct sock *sock_accept(struct loop *loop, struct uv_stream_s *listener, struct tls_context *tls,
                         const struct sock_events *events, void *ctx);

/* Starts TLS on an open plain connection (behind a proxy's CONNECT), as the target says; on_open
 * comes again. */
void sock_start_tls(struct sock *s, const struct sock_target *target);
/* The other side chose HTTP/2 when TLS was agreed. */
bool sock_is_http2(const struct sock *s);

void sock_put(struct sock *s, const void *bytes, size_t n);
void sock_flush(struct sock *s);
/* Both puts and the flush in one; what the kernel takes at once is not copied. */
void sock_send(struct sock *s, struct str first, struct str second);
/* Bytes put and not yet taken by the kernel. */
size_t sock_backlog(const struct sock *s);

void sock_pause(struct sock *s);
void sock_resume(struct sock *s);

/* Sends the backlog, then FIN, and reads on without looking until the peer closes too: closing with
 * unread bytes would reset the connection under an answer that is still on its way. Bounded by
 * SOCK_FLUSH_MS for the backlog and SOCK_LINGER_MS after it. */
#define SOCK_FLUSH_MS  120000
#define SOCK_LINGER_MS 3000
void sock_close(struct sock *s);
/* RST at once: the peer learns that the answer is not whole. */
void sock_abort(struct sock *s);

/* "127.0.0.1:4711" into out (SOCK_NAME_MAX bytes). */
#define SOCK_NAME_MAX 64
void sock_peer_name(const struct sock *s, char *out);

/* For net/loop, at its end: a lingering socket without a backlog is closed, any one when `now`.
 * False when it goes on. `handle` is that of a socket. */
struct uv_handle_s;
bool sock_give_up(struct uv_handle_s *handle, bool now);

#endif
