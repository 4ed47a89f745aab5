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
