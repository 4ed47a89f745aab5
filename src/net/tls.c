#include "net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>

#include "core/mem.h"

/* One TLS record holds at most this much plain text. */
#define RECORD_BYTES 16384
/* Plain text encrypted between two moves of ciphertext to the caller's buffer. */
#define WRITE_STEP_BYTES (64u << 10)

/* Forward secrecy and authenticated encryption only; TLS 1.3's own suites are all of that kind. */
static const char tls12_ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";
static const unsigned char alpn_http11[] = "\x08http/1.1";
#define ALPN_HTTP11_BYTES (sizeof(alpn_http11) - 1)
static const unsigned char alpn_http2[] = "\x02h2\x08http/1.1";
#define ALPN_HTTP2_BYTES (sizeof(alpn_http2) - 1)

struct tls_context {
    SSL_CTX *ctx;
    atomic_uint refs;
    bool server;
};

struct tls_memory {
    SSL_SESSION *sessions[TLS_SESSIONS_MAX]; /* newest last */
    size_t n;
    unsigned refs;
};

struct tls {
    struct tls_context *context;
    SSL *ssl;
    BIO *in;  /* owned by ssl */
    BIO *out; /* owned by ssl */
    char *host;
    struct tls_memory *memory; /* NULL = none is kept */
    enum tls_state state;
};

/* What OpenSSL says about the last failure; the queue is empty afterwards. */
static const char *reason_text(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *text = NULL;
    if (ERR_SYSTEM_ERROR(code)) {
        text = strerror(ERR_GET_REASON(code));
    } else if (code != 0) {
        text = ERR_reason_error_string(code);
    }
    ERR_clear_error();
    return text != NULL ? text : "unknown failure";
}

/* -------- contexts -------- */

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                       const unsigned char *in, unsigned int in_n, void *arg)
{
    unsigned char *chosen = NULL;
    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_n, alpn_http11, ALPN_HTTP11_BYTES, in, in_n) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* Without it, OpenSSL would ask for the pass phrase on the terminal. */
/* The signature is OpenSSL's: NOLINTNEXTLINE(readability-non-const-parameter) */
static int no_pass_phrase(char *buf, int size, int writing, void *arg)
{
    (void)buf;
    (void)size;
    (void)writing;
    (void)arg;
    return 0;
}

static struct tls_context *context_new(bool server)
{
    struct tls_context *context = x_calloc(1, sizeof(*context));
    SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    BUG_ON(ctx ==
           NULL); /* OpenSSL only fails here when memory is out or it was built without TLS */
    BUG_ON(SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1);
    BUG_ON(SSL_CTX_set_cipher_list(ctx, tls12_ciphers) != 1);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_default_passwd_cb(ctx, no_pass_phrase);
    context->ctx = ctx;
    context->server = server;
    atomic_init(&context->refs, 1);
    return context;
}

/* OpenSSL's own words for a file that is not there say nothing. */
static int check_readable(const char *what, const char *path, struct error *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return error_set(err, ERR_INVALID, "cannot read %s %s: %s", what, path, strerror(errno));
    }
    fclose(file);
    return 0;
}

static int session_came(SSL *ssl, SSL_SESSION *session);

int tls_context_new_client(const char *ca_file, struct tls_context **ret_context, struct error *err)
{
    if (ca_file != NULL && check_readable("the ca_file", ca_file, err) != 0) {
        return ERR_INVALID;
    }
    struct tls_context *context = context_new(false);
    ERR_clear_error();
    SSL_CTX_set_verify(context->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(context->ctx,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context->ctx, session_came);
    /* A failure to set the one protocol we speak cannot come from outside; 0 means success. */
    BUG_ON(SSL_CTX_set_alpn_protos(context->ctx, alpn_http11, ALPN_HTTP11_BYTES) != 0);
    if (ca_file != NULL && SSL_CTX_load_verify_file(context->ctx, ca_file) != 1) {
        tls_context_unref(context);
        return error_set(err, ERR_INVALID, "cannot read certificates from %s: %s", ca_file,
                         reason_text());
    }
    if (ca_file == NULL && SSL_CTX_set_default_verify_paths(context->ctx) != 1) {
        tls_context_unref(context);
        return error_set(err, ERR_IO, "cannot read the system's certificates: %s", reason_text());
    }
    *ret_context = context;
    return 0;
}

static int load_identity(SSL_CTX *ctx, const char *certificate_file, const char *key_file,
                         struct error *err)
{
    if (check_readable("the certificate", certificate_file, err) != 0 ||
        check_readable("the key", key_file, err) != 0) {
        return ERR_INVALID;
    }
    if (SSL_CTX_use_certificate_chain_file(ctx, certificate_file) != 1) {
        return error_set(err, ERR_INVALID, "cannot read the certificate %s (PEM is expected): %s",
                         certificate_file, reason_text());
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1) {
        if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH) {
            ERR_clear_error();
            return error_set(err, ERR_INVALID, "the key %s does not belong to the certificate %s",
                             key_file, certificate_file);
        }
        return error_set(err, ERR_INVALID,
                         "cannot read the key %s (PEM without a pass phrase is expected): %s",
                         key_file, reason_text());
    }
    if (SSL_CTX_check_private_key(ctx) != 1) {
        ERR_clear_error();
        return error_set(err, ERR_INVALID, "the key %s does not belong to the certificate %s",
                         key_file, certificate_file);
    }
    return 0;
}

int tls_context_new_server(const char *certificate_file, const char *key_file,
                           struct tls_context **ret_context, struct error *err)
{
    struct tls_context *context = context_new(true);
    ERR_clear_error();
    int code = load_identity(context->ctx, certificate_file, key_file, err);
    if (code != 0) {
        tls_context_unref(context);
        return code;
    }
    SSL_CTX_set_options(context->ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_num_tickets(context->ctx, 1);
    SSL_CTX_set_alpn_select_cb(context->ctx, select_alpn, NULL);
    *ret_context = context;
    return 0;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
    if (context != NULL) {
        atomic_fetch_add_explicit(&context->refs, 1, memory_order_relaxed);
    }
    return context;
}

void tls_context_unref(struct tls_context *context)
{
    if (context == NULL ||
        atomic_fetch_sub_explicit(&context->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    SSL_CTX_free(context->ctx);
    x_free(context);
}

/* -------- sessions -------- */

static bool is_ip_literal(const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* An IP literal is checked against the certificate's addresses and is never sent as SNI. */
static void set_host(struct tls *tls, const char *host)
{
    size_t n = strlen(host);
    if (n > 1 && host[n - 1] == '.') {
        n--; /* the root's dot is not part of the name in certificates and SNI */
    }
    tls->host = x_strndup(host, n);
    if (is_ip_literal(tls->host)) {
        BUG_ON(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls->ssl), tls->host) != 1);
        return;
    }
    SSL_set_hostflags(tls->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    BUG_ON(SSL_set1_host(tls->ssl, tls->host) != 1);
    /* A name longer than SNI allows is not sent; the check of the certificate stands. */
    if (SSL_set_tlsext_host_name(tls->ssl, tls->host) != 1) {
        ERR_clear_error();
    }
}

struct tls *tls_new(struct tls_context *context, const char *host)
{
    struct tls *tls = x_calloc(1, sizeof(*tls));
    BUG_ON(!context->server && (host == NULL || host[0] == '\0'));
    tls->context = tls_context_ref(context);
    tls->ssl = SSL_new(context->ctx);
    tls->in = BIO_new(BIO_s_mem());
    tls->out = BIO_new(BIO_s_mem());
    BUG_ON(tls->ssl == NULL || tls->in == NULL || tls->out == NULL);
    SSL_set_bio(tls->ssl, tls->in, tls->out);
    BUG_ON(SSL_set_app_data(tls->ssl, tls) != 1);
    if (context->server) {
        SSL_set_accept_state(tls->ssl);
    } else {
        SSL_set_connect_state(tls->ssl);
        set_host(tls, host);
    }
    return tls;
}

void tls_free(struct tls *tls)
{
    if (tls == NULL) {
        return;
    }
    if (tls->state != TLS_FAILED) {
        /* A connection that was cut is none to mistrust (RFC 5246, 7.2.1): its session stays good.
         */
        SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    SSL_free(tls->ssl);
    tls_memory_unref(tls->memory);
    x_free(tls->host);
    tls_context_unref(tls->context);
    x_free(tls);
}

void tls_offer_http2(struct tls *tls)
{
    BUG_ON(SSL_set_alpn_protos(tls->ssl, alpn_http2, ALPN_HTTP2_BYTES) != 0);
}

bool tls_chose_http2(const struct tls *tls)
{
    const unsigned char *name = NULL;
    unsigned n = 0;
    SSL_get0_alpn_selected(tls->ssl, &name, &n);
    return str_is(str_make((const char *)name, n), "h2");
}

/* -------- sessions that are resumed -------- */

struct tls_memory *tls_memory_new(void)
{
    struct tls_memory *memory = x_calloc(1, sizeof(*memory));
    memory->refs = 1;
    return memory;
}

void tls_memory_unref(struct tls_memory *memory)
{
    if (memory == NULL || --memory->refs > 0) {
        return;
    }
    while (memory->n > 0) {
        SSL_SESSION_free(memory->sessions[--memory->n]);
    }
    x_free(memory);
}

void tls_resume(struct tls *tls, struct tls_memory *memory)
{
    BUG_ON(tls->context->server || tls->memory != NULL);
    memory->refs++;
    tls->memory = memory;
    if (memory->n > 0) {
        SSL_SESSION *session = memory->sessions[--memory->n];
        /* One that has become unfit meanwhile (too old) costs a whole handshake, nothing else. */
        if (SSL_set_session(tls->ssl, session) != 1) {
            ERR_clear_error();
        }
        SSL_SESSION_free(session);
    }
}

/* OpenSSL gives us a reference when we return 1. */
static int session_came(SSL *ssl, SSL_SESSION *session)
{
    struct tls *tls = SSL_get_app_data(ssl);
    struct tls_memory *memory = tls->memory;
    if (memory == NULL || SSL_SESSION_is_resumable(session) != 1) {
        return 0;
    }
    if (memory->n == TLS_SESSIONS_MAX) {
        SSL_SESSION_free(memory->sessions[0]);
        memmove(memory->sessions, memory->sessions + 1,
                (TLS_SESSIONS_MAX - 1) * sizeof(memory->sessions[0]));
        memory->n--;
    }
    memory->sessions[memory->n++] = session;
    return 1;
}

bool tls_was_resumed(const struct tls *tls)
{
    return SSL_session_reused(tls->ssl) == 1;
}

/* Moves what OpenSSL wants to send to the caller's buffer. */
static int take_cipher(struct tls *tls, struct buf *cipher)
{
    char *bytes = NULL;
    long n = BIO_get_mem_data(tls->out, &bytes);
    if (n <= 0) {
        return 0;
    }
    if (buf_put(cipher, bytes, (size_t)n) != 0) {
        return ERR_LIMIT;
    }
    (void)BIO_reset(tls->out);
    return 0;
}

static int fail_limit(struct tls *tls, const char *what, struct error *err)
{
    tls->state = TLS_FAILED;
    return error_set(err, ERR_LIMIT, "TLS: the buffer of %s is full", what);
}

static const char *advice(long verified)
{
    switch (verified) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        return "; name its authority with ca_file if it is to be trusted";
    default:
        return "";
    }
}

/* Puts a failed operation into words. The alert for the peer goes out as far as there is room. */
static int fail(struct tls *tls, struct buf *cipher, struct error *err)
{
    bool handshaking = tls->state == TLS_HANDSHAKING;
    long verified = tls->context->server ? X509_V_OK : SSL_get_verify_result(tls->ssl);
    bool not_tls = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_WRONG_VERSION_NUMBER ||
                   ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_HTTP_REQUEST;
    const char *reason = reason_text();
    tls->state = TLS_FAILED;
    (void)take_cipher(tls, cipher);
    if (handshaking && verified != X509_V_OK) {
        return error_set(err, ERR_DENIED, "the certificate of %s is not accepted: %s%s", tls->host,
                         X509_verify_cert_error_string(verified), advice(verified));
    }
    return error_set(err, ERR_IO, "TLS %s failed: %s%s", handshaking ? "handshake" : "connection",
                     reason, not_tls ? " (does the other side speak TLS on this port?)" : "");
}

static bool wants_more(struct tls *tls, int result)
{
    int what = SSL_get_error(tls->ssl, result);
    return what == SSL_ERROR_WANT_READ || what == SSL_ERROR_WANT_WRITE;
}

/* Decrypts all that is there. */
static int read_plain(struct tls *tls, struct buf *plain, struct buf *cipher, struct error *err)
{
    while (true) {
        size_t room = plain->max - plain->n;
        size_t n = 0;
        int result = 0;
        char probe = 0;
        if (room > RECORD_BYTES) {
            room = RECORD_BYTES;
        }
        if (room == 0) {
            result = SSL_peek_ex(tls->ssl, &probe, 1, &n);
        } else {
            BUG_ON(buf_reserve(plain, room) != 0);
            result = SSL_read_ex(tls->ssl, plain->p + plain->n, room, &n);
        }
        if (result == 1) {
            if (room == 0) {
                return fail_limit(tls, "decrypted bytes", err);
            }
            plain->n += n;
            continue;
        }
        if (wants_more(tls, result)) {
            return 0;
        }
        if (SSL_get_error(tls->ssl, result) == SSL_ERROR_ZERO_RETURN) {
            tls->state = TLS_PEER_CLOSED;
            return 0;
        }
        return fail(tls, cipher, err);
    }
}

static int handshake(struct tls *tls, struct buf *cipher, struct error *err)
{
    int result = SSL_do_handshake(tls->ssl);
    if (result == 1) {
        tls->state = TLS_OPEN;
        return 0;
    }
    return wants_more(tls, result) ? 0 : fail(tls, cipher, err);
}

int tls_feed(struct tls *tls, struct str input, struct buf *plain, struct buf *cipher,
             struct error *err)
{
    int code = 0;
    if (tls->state == TLS_FAILED) {
        return error_set(err, ERR_IO, "TLS failed before");
    }
    ERR_clear_error();
    while (code == 0 && input.n > 0) {
        /* BIO_write counts in int. */
        struct str part = str_head(input, 1u << 30);
        BUG_ON(BIO_write(tls->in, part.p, (int)part.n) != (int)part.n);
        input = str_from(input, part.n);
    }
    if (tls->state == TLS_HANDSHAKING) {
        code = handshake(tls, cipher, err);
    }
    if (code == 0 && tls->state == TLS_OPEN) {
        code = read_plain(tls, plain, cipher, err);
    }
    if (code == 0 && take_cipher(tls, cipher) != 0) {
        code = fail_limit(tls, "bytes to send", err);
    }
    return code;
}

int tls_write(struct tls *tls, struct str plain, struct buf *cipher, struct error *err)
{
    if (tls->state != TLS_OPEN) {
        return error_set(err, ERR_IO, "TLS is not open");
    }
    ERR_clear_error();
    while (plain.n > 0) {
        size_t n = 0;
        struct str step = str_head(plain, WRITE_STEP_BYTES);
        if (SSL_write_ex(tls->ssl, step.p, step.n, &n) != 1) {
            return fail(tls, cipher, err);
        }
        plain = str_from(plain, n);
        if (take_cipher(tls, cipher) != 0) {
            return fail_limit(tls, "bytes to send", err);
        }
    }
    return 0;
}

void tls_shutdown(struct tls *tls, struct buf *cipher)
{
    if (tls->state != TLS_OPEN && tls->state != TLS_PEER_CLOSED) {
        return;
    }
    ERR_clear_error();
    (void)SSL_shutdown(tls->ssl);
    ERR_clear_error();
    (void)take_cipher(tls, cipher);
}

enum tls_state tls_state(const struct tls *tls)
{
    return tls->state;
}
