#ifndef NET_TLS_H
#define NET_TLS_H

/*
 * TLS over memory: bytes in, bytes out, no sockets. OpenSSL behind one file pair.
 *
 * A `tls_context` holds certificates and trust, is immutable after creation and may be shared by
 * threads (reference counted). A `tls` is one connection's session and belongs to one loop.
 * TLS 1.2 is the minimum. Clients verify the chain and the host name (SNI is sent); there is no
 * switch to turn that off.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/attr.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"

struct tls_context;
struct tls;
struct tls_memory;

/* Sessions remembered of one server. */
#define TLS_SESSIONS_MAX 8

/* Trusts the system's certificates, or only those in ca_file when given. */
MUST_CHECK int tls_context_new_client(const char *ca_file, struct tls_context **ret_context,
                                      struct error *err);
/* PEM chain and key; they must belong together. */
MUST_CHECK int tls_context_new_server(const char *certificate_file, const char *key_file,
                                      struct tls_context **ret_context, struct error *err);
struct tls_context *tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context *context);

/* `host` is checked against the certificate (IP literals against its IP entries); NULL on servers.
 */
struct tls *tls_new(struct tls_context *context, const char *host);
void tls_free(struct tls *tls);

/* Before a client's handshake: offers HTTP/2 beside HTTP/1.1 (ALPN). */
void tls_offer_http2(struct tls *tls);
/* After it: the server chose HTTP/2. */
bool tls_chose_http2(const struct tls *tls);

/*
 * What a client remembers of one server under one context, so that later connections resume a
 * session and need no new proof of who they are: at most TLS_SESSIONS_MAX sessions, each used once.
 * It belongs to one loop; it is counted because connections outlive those who opened them.
 */
struct tls_memory *tls_memory_new(void);
void tls_memory_unref(struct tls_memory *memory);
/* Before a client's handshake: resumes the newest session and keeps what the server gives. */
void tls_resume(struct tls *tls, struct tls_memory *memory);
/* After it: a session was resumed. */
bool tls_was_resumed(const struct tls *tls);

enum tls_state {
    TLS_HANDSHAKING = 0,
    TLS_OPEN,
    TLS_PEER_CLOSED, /* close_notify came */
    TLS_FAILED
};

/*
 * Takes ciphertext from the peer (n may be 0, to start a client's handshake), appends decrypted
 * bytes to `plain` and what must be sent to `cipher`. Returns 0, ERR_LIMIT when a buffer is full,
 * or ERR_DENIED / ERR_IO with a text that says what is wrong (a certificate problem names it).
 */
MUST_CHECK int tls_feed(struct tls *tls, struct str input, struct buf *plain, struct buf *cipher,
                        struct error *err);
/* Encrypts; only while TLS_OPEN. */
MUST_CHECK int tls_write(struct tls *tls, struct str plain, struct buf *cipher, struct error *err);
/* Appends close_notify. */
void tls_shutdown(struct tls *tls, struct buf *cipher);
enum tls_state tls_state(const struct tls *tls);

#endif
