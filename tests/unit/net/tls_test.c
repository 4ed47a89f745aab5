#include "unit/net/certificates.h"
#include "unit/net/suite.h"

#include <openssl/ssl.h>

#include "net/tls.h"

#define BYTES_MAX (16u << 20)

/* Two ends in memory; what one sends, the other is fed in pieces of `step` bytes. */
struct pair {
    struct tls *client, *server;
    struct buf to_server, to_client;
    struct buf client_plain, server_plain;
    struct error client_err, server_err;
    int client_code, server_code;
    size_t step;
};

static void pair_open(struct pair *p, struct tls_context *client, struct tls_context *server,
                      const char *host)
{
    *p = (struct pair){.step = SIZE_MAX};
    p->client = tls_new(client, host);
    p->server = tls_new(server, NULL);
    buf_init(&p->to_server, BYTES_MAX);
    buf_init(&p->to_client, BYTES_MAX);
    buf_init(&p->client_plain, BYTES_MAX);
    buf_init(&p->server_plain, BYTES_MAX);
}

static void pair_close(struct pair *p)
{
    tls_free(p->client);
    tls_free(p->server);
    buf_release(&p->to_server);
    buf_release(&p->to_client);
    buf_release(&p->client_plain);
    buf_release(&p->server_plain);
}

/* Gives one end what waits for it. */
static int deliver(struct tls *to, struct buf *from, struct buf *plain, struct buf *reply,
                   size_t step, struct error *err)
{
    int code = 0;
    for (struct str rest = buf_str(from); code == 0 && rest.n > 0; rest = str_from(rest, step)) {
        code = tls_feed(to, str_head(rest, step), plain, reply, err);
    }
    buf_clear(from);
    return code;
}

/* Until neither end has anything to say or one has failed. */
static void settle(struct pair *p)
{
    if (tls_state(p->client) == TLS_HANDSHAKING) {
        p->client_code =
            tls_feed(p->client, STR_EMPTY, &p->client_plain, &p->to_server, &p->client_err);
    }
    while (p->to_server.n > 0 || p->to_client.n > 0) {
        if (p->to_server.n > 0) {
            p->server_code = deliver(p->server, &p->to_server, &p->server_plain, &p->to_client,
                                     p->step, &p->server_err);
        }
        if (p->to_client.n > 0) {
            p->client_code = deliver(p->client, &p->to_client, &p->client_plain, &p->to_server,
                                     p->step, &p->client_err);
        }
    }
}

struct world {
    struct certificates *certs;
    struct tls_context *client; /* trusts the test's authority */
    struct tls_context *server; /* has "good" */
};

static struct tls_context *server_context(struct certificates *c, const char *name)
{
    struct tls_context *context = NULL;
    struct error err = {0};
    char certificate[CERTIFICATES_PATH_MAX];
    char key[CERTIFICATES_PATH_MAX];
    snprintf(certificate, sizeof(certificate), "%s", cert_path(c, name, ".pem"));
    snprintf(key, sizeof(key), "%s", cert_path(c, name, ".key"));
    int code = tls_context_new_server(certificate, key, &context, &err);
    if (code != 0) {
        print_error("%s\n", err.text);
    }
    assert_int_equal(code, 0);
    return context;
}

static struct tls_context *client_context(struct certificates *c, const char *authority)
{
    struct tls_context *context = NULL;
    struct error err = {0};
    assert_int_equal(tls_context_new_client(cert_path(c, authority, ".pem"), &context, &err), 0);
    return context;
}

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    w->certs = certificates_new();
    w->client = client_context(w->certs, "ca");
    w->server = server_context(w->certs, "good");
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;
    tls_context_unref(w->client);
    tls_context_unref(w->server);
    certificates_free(w->certs);
    free(w);
    return 0;
}

static void fill(struct buf *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_putc(b, (char)(i * 31 % 251));
    }
}

static void bytes_cross_both_ways_whatever_the_cuts(void **state)
{
    static const size_t steps[] = {SIZE_MAX, 1, 7, 1000};
    static const size_t sizes[] = {1, 100, 16384, 16385, 300000};
    struct world *w = *state;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct pair p;
        struct buf sent;
        pair_open(&p, w->client, w->server, "a.test");
        p.step = steps[i];
        assert_int_equal(tls_state(p.client), TLS_HANDSHAKING);
        settle(&p);
        assert_int_equal(tls_state(p.client), TLS_OPEN);
        assert_int_equal(tls_state(p.server), TLS_OPEN);
        buf_init(&sent, BYTES_MAX);
        for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
            buf_clear(&sent);
            buf_clear(&p.client_plain);
            buf_clear(&p.server_plain);
            fill(&sent, sizes[k]);
            assert_int_equal(tls_write(p.client, buf_str(&sent), &p.to_server, &p.client_err), 0);
            assert_true(p.to_server.n > sizes[k]);
            assert_int_equal(tls_write(p.server, buf_str(&sent), &p.to_client, &p.server_err), 0);
            settle(&p);
            assert_true(str_eq(buf_str(&p.server_plain), buf_str(&sent)));
            assert_true(str_eq(buf_str(&p.client_plain), buf_str(&sent)));
        }
        buf_release(&sent);
        pair_close(&p);
    }
}

static void an_early_word_of_the_server_comes_with_the_handshake(void **state)
{
    struct world *w = *state;
    struct pair p;
    pair_open(&p, w->client, w->server, "a.test");
    assert_int_equal(tls_write(p.client, STR("x"), &p.to_server, &p.client_err), ERR_IO);
    settle(&p);
    assert_int_equal(tls_write(p.client, STR_EMPTY, &p.to_server, &p.client_err), 0);
    assert_int_equal(p.to_server.n, 0);
    assert_int_equal(tls_write(p.server, STR("hello"), &p.to_client, &p.server_err), 0);
    settle(&p);
    assert_str(buf_str(&p.client_plain), "hello");
    pair_close(&p);
}

static void close_notify_ends_a_session(void **state)
{
    struct world *w = *state;
    struct pair p;
    pair_open(&p, w->client, w->server, "a.test");
    tls_shutdown(p.client, &p.to_server);
    assert_int_equal(p.to_server.n, 0);
    settle(&p);
    assert_int_equal(tls_write(p.client, STR("last"), &p.to_server, &p.client_err), 0);
    tls_shutdown(p.client, &p.to_server);
    settle(&p);
    assert_int_equal(p.server_code, 0);
    assert_int_equal(tls_state(p.server), TLS_PEER_CLOSED);
    assert_str(buf_str(&p.server_plain), "last");
    assert_int_equal(tls_write(p.server, STR("x"), &p.to_client, &p.server_err), ERR_IO);
    tls_shutdown(p.server, &p.to_client);
    settle(&p);
    assert_int_equal(tls_state(p.client), TLS_PEER_CLOSED);
    pair_close(&p);
}

static void names_and_addresses_of_the_certificate_are_accepted(void **state)
{
    static const char *const hosts[] = {"a.test",    "A.TEST", "a.test.",  "x.w.test",
                                        "localhost", "::1",    "127.0.0.1"};
    struct world *w = *state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct pair p;
        pair_open(&p, w->client, w->server, hosts[i]);
        settle(&p);
        assert_int_equal(p.client_code, 0);
        assert_int_equal(tls_state(p.client), TLS_OPEN);
        pair_close(&p);
    }
}

static void assert_denied(struct tls_context *client, struct tls_context *server, const char *host,
                          const char *why)
{
    struct pair p;
    pair_open(&p, client, server, host);
    settle(&p);
    if (p.client_code != ERR_DENIED) {
        print_error("%s: %s\n", host, p.client_err.text);
    }
    assert_int_equal(p.client_code, ERR_DENIED);
    assert_int_equal(tls_state(p.client), TLS_FAILED);
    assert_contains(p.client_err.text, why);
    assert_contains(p.client_err.text, host);
    /* The server has been told, and says so. */
    assert_int_equal(p.server_code, ERR_IO);
    assert_int_equal(tls_state(p.server), TLS_FAILED);
    assert_contains(p.server_err.text, "alert");
    assert_int_equal(tls_feed(p.client, STR("x"), &p.client_plain, &p.to_server, &p.client_err),
                     ERR_IO);
    pair_close(&p);
}

static void other_hosts_are_denied(void **state)
{
    static const char *const names[] = {"b.test", "w.test", "x.y.w.test", "a.test.evil"};
    static const char *const addresses[] = {"127.0.0.2", "::2"};
    struct world *w = *state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_denied(w->client, w->server, names[i], "ostname mismatch");
    }
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        assert_denied(w->client, w->server, addresses[i], "IP address mismatch");
    }
}

static void bad_certificates_are_denied_by_name(void **state)
{
    static const struct {
        struct certificate_wish wish;
        const char *why;
    } cases[] = {
        {{"expired", "DNS:a.test", -10, -1, false, false},  "expired"                },
        {{"future", "DNS:a.test", 1, 10, false, false},     "not yet valid"          },
        {{"selfsigned", "DNS:a.test", -1, 10, true, false}, "self-signed certificate"},
    };
    struct world *w = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cert_make(w->certs, &cases[i].wish);
        struct tls_context *server = server_context(w->certs, cases[i].wish.name);
        assert_denied(w->client, server, "a.test", cases[i].why);
        tls_context_unref(server);
    }
}

static void an_unknown_authority_is_denied_with_advice(void **state)
{
    struct world *w = *state;
    const struct certificate_wish other = {"other", NULL, -1, 10, true, true};
    struct tls_context *system = NULL;
    struct error err = {0};
    cert_make(w->certs, &other);
    struct tls_context *client = client_context(w->certs, "other");
    assert_denied(client, w->server, "a.test", "ca_file");
    tls_context_unref(client);
    assert_int_equal(tls_context_new_client(NULL, &system, &err), 0);
    assert_denied(system, w->server, "a.test", "ca_file");
    tls_context_unref(system);
}

static void a_pinned_self_signed_certificate_is_accepted(void **state)
{
    struct world *w = *state;
    const struct certificate_wish own = {"own", "DNS:a.test", -1, 10, true, true};
    struct pair p;
    cert_make(w->certs, &own);
    struct tls_context *client = client_context(w->certs, "own");
    struct tls_context *server = server_context(w->certs, "own");
    pair_open(&p, client, server, "a.test");
    /* A session keeps its context. */
    tls_context_unref(client);
    tls_context_unref(server);
    settle(&p);
    assert_int_equal(tls_state(p.client), TLS_OPEN);
    pair_close(&p);
}

static void plain_http_on_either_side_is_told(void **state)
{
    struct world *w = *state;
    struct pair p;
    pair_open(&p, w->client, w->server, "a.test");
    settle(&p);
    pair_close(&p);
    pair_open(&p, w->client, w->server, "a.test");
    assert_int_equal(tls_feed(p.server, STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), &p.server_plain,
                              &p.to_client, &p.server_err),
                     ERR_IO);
    assert_contains(p.server_err.text, "speak TLS");
    assert_int_equal(tls_feed(p.client, STR_EMPTY, &p.client_plain, &p.to_server, &p.client_err),
                     0);
    assert_int_equal(tls_feed(p.client, STR("HTTP/1.1 400 Bad Request\r\n\r\n"), &p.client_plain,
                              &p.to_server, &p.client_err),
                     ERR_IO);
    assert_contains(p.client_err.text, "speak TLS");
    pair_close(&p);
}

static void a_changed_byte_fails_the_connection(void **state)
{
    struct world *w = *state;
    struct pair p;
    pair_open(&p, w->client, w->server, "a.test");
    settle(&p);
    assert_int_equal(tls_write(p.client, STR("secret"), &p.to_server, &p.client_err), 0);
    p.to_server.p[p.to_server.n - 1] ^= 1;
    settle(&p);
    assert_int_equal(p.server_code, ERR_IO);
    assert_int_equal(p.server_plain.n, 0);
    assert_int_equal(tls_state(p.server), TLS_FAILED);
    pair_close(&p);
}

static void full_buffers_are_a_limit(void **state)
{
    struct world *w = *state;
    struct pair p;
    struct buf small;
    pair_open(&p, w->client, w->server, "a.test");
    settle(&p);
    buf_init(&small, 10);
    assert_int_equal(tls_write(p.client, STR("12345678901"), &p.to_server, &p.client_err), 0);
    assert_int_equal(tls_feed(p.server, buf_str(&p.to_server), &small, &p.to_client, &p.server_err),
                     ERR_LIMIT);
    assert_int_equal(small.n, 10);
    assert_int_equal(tls_state(p.server), TLS_FAILED);
    buf_clear(&small);
    assert_int_equal(tls_write(p.client, STR("x"), &small, &p.client_err), ERR_LIMIT);
    assert_int_equal(tls_state(p.client), TLS_FAILED);
    buf_release(&small);
    pair_close(&p);
    /* Exactly full is fine. */
    pair_open(&p, w->client, w->server, "a.test");
    settle(&p);
    buf_init(&small, 10);
    assert_int_equal(tls_write(p.client, STR("1234567890"), &p.to_server, &p.client_err), 0);
    assert_int_equal(tls_feed(p.server, buf_str(&p.to_server), &small, &p.to_client, &p.server_err),
                     0);
    assert_str(buf_str(&small), "1234567890");
    buf_release(&small);
    pair_close(&p);
}

static void files_that_are_no_certificates_are_told(void **state)
{
    struct world *w = *state;
    struct tls_context *context = NULL;
    struct error err = {0};
    char good[CERTIFICATES_PATH_MAX];
    snprintf(good, sizeof(good), "%s", cert_path(w->certs, "good", ".pem"));
    assert_int_equal(tls_context_new_client("/nonexistent/ca.pem", &context, &err), ERR_INVALID);
    assert_contains(err.text, "/nonexistent/ca.pem");
    assert_contains(err.text, "No such file");
    assert_int_equal(tls_context_new_client("/dev/null", &context, &err), ERR_INVALID);
    assert_int_equal(
        tls_context_new_server("/nonexistent/c.pem", "/nonexistent/k.pem", &context, &err),
        ERR_INVALID);
    assert_contains(err.text, "/nonexistent/c.pem");
    assert_int_equal(tls_context_new_server(good, "/nonexistent/k.pem", &context, &err),
                     ERR_INVALID);
    assert_contains(err.text, "/nonexistent/k.pem");
    assert_int_equal(tls_context_new_server(good, good, &context, &err), ERR_INVALID);
    assert_contains(err.text, "cannot read the key");
    assert_int_equal(
        tls_context_new_server(good, cert_path(w->certs, "ca", ".key"), &context, &err),
        ERR_INVALID);
    assert_contains(err.text, "does not belong");
    assert_null(context);
    tls_context_unref(NULL);
    tls_free(NULL);
    assert_null(tls_context_ref(NULL));
}

static void a_key_with_a_pass_phrase_is_refused_without_asking(void **state)
{
    struct world *w = *state;
    struct tls_context *context = NULL;
    struct error err = {0};
    char good[CERTIFICATES_PATH_MAX];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    FILE *file = cert_file(w->certs, "locked", ".key");
    assert_int_equal(PEM_write_PrivateKey(file, key, EVP_aes_128_cbc(), (const unsigned char *)"pw",
                                          2, NULL, NULL),
                     1);
    fclose(file);
    EVP_PKEY_free(key);
    snprintf(good, sizeof(good), "%s", cert_path(w->certs, "good", ".pem"));
    assert_int_equal(
        tls_context_new_server(good, cert_path(w->certs, "locked", ".key"), &context, &err),
        ERR_INVALID);
    assert_contains(err.text, "pass phrase");
}

/* A client of another make, whose settings we choose. */
static void shake_with(struct world *w, int max_version, const char *alpn, size_t alpn_n,
                       int *ret_server_code, struct error *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(ctx, max_version);
    SSL *ssl = SSL_new(ctx);
    if (alpn != NULL) {
        assert_int_equal(SSL_set_alpn_protos(ssl, (const unsigned char *)alpn, (unsigned)alpn_n),
                         0);
    }
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, out);
    struct tls *server = tls_new(w->server, NULL);
    struct buf plain, cipher;
    buf_init(&plain, BYTES_MAX);
    buf_init(&cipher, BYTES_MAX);
    int code = 0;
    for (int i = 0; i < 4 && code == 0; i++) {
        char *bytes = NULL;
        SSL_connect(ssl);
        long n = BIO_get_mem_data(out, &bytes);
        code = tls_feed(server, str_make(bytes, (size_t)n), &plain, &cipher, err);
        (void)BIO_reset(out);
        BIO_write(in, cipher.p, (int)cipher.n);
        buf_clear(&cipher);
    }
    if (code == 0) {
        assert_int_equal(tls_state(server), TLS_OPEN);
    }
    *ret_server_code = code;
    tls_free(server);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    buf_release(&plain);
    buf_release(&cipher);
}

static void old_versions_and_other_protocols_are_refused(void **state)
{
    struct world *w = *state;
    struct error err = {0};
    int code = 0;
    shake_with(w, TLS1_3_VERSION, NULL, 0, &code, &err);
    assert_int_equal(code, 0);
    shake_with(w, TLS1_2_VERSION, NULL, 0, &code, &err);
    assert_int_equal(code, 0);
    shake_with(w, TLS1_1_VERSION, NULL, 0, &code, &err);
    assert_int_equal(code, ERR_IO);
    assert_contains(err.text, "handshake failed");
    shake_with(w, TLS1_3_VERSION, "\x02h2\x08http/1.1", 12, &code, &err);
    assert_int_equal(code, 0);
    shake_with(w, TLS1_3_VERSION, "\x02h2", 3, &code, &err);
    assert_int_equal(code, ERR_IO);
    assert_contains(err.text, "no application protocol");
}

/* ---- what a client offers and remembers ---- */

static int prefer_http2(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                        const unsigned char *in, unsigned in_n, void *arg)
{
    static const unsigned char wanted[] = "\x02h2\x08http/1.1";
    (void)ssl;
    (void)arg;
    return SSL_select_next_proto((unsigned char **)out, out_n, wanted, 12, in, in_n) ==
                   OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* A handshake with a server that speaks HTTP/2 and would rather do so. */
static bool chooses_http2(struct world *w, bool offered)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate_chain_file(ctx, cert_path(w->certs, "good", ".pem"));
    SSL_CTX_use_PrivateKey_file(ctx, cert_path(w->certs, "good", ".key"), SSL_FILETYPE_PEM);
    SSL_CTX_set_alpn_select_cb(ctx, prefer_http2, NULL);
    SSL *ssl = SSL_new(ctx);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, out);
    struct tls *client = tls_new(w->client, "a.test");
    struct buf plain, cipher;
    struct error err;
    buf_init(&plain, BYTES_MAX);
    buf_init(&cipher, BYTES_MAX);
    if (offered) {
        tls_offer_http2(client);
    }
    for (int i = 0; i < 4; i++) {
        char *bytes = NULL;
        long n = BIO_get_mem_data(out, &bytes);
        assert_int_equal(tls_feed(client, str_make(bytes, (size_t)n), &plain, &cipher, &err), 0);
        (void)BIO_reset(out);
        BIO_write(in, cipher.p, (int)cipher.n);
        buf_clear(&cipher);
        SSL_accept(ssl);
    }
    assert_int_equal(tls_state(client), TLS_OPEN);
    bool chosen = tls_chose_http2(client);
    tls_free(client);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    buf_release(&plain);
    buf_release(&cipher);
    return chosen;
}

static void http2_is_spoken_where_both_want_it(void **state)
{
    struct world *w = *state;
    struct pair p;
    assert_true(chooses_http2(w, true));
    assert_false(chooses_http2(w, false));
    pair_open(&p, w->client, w->server, "a.test"); /* our own servers speak HTTP/1.1 */
    tls_offer_http2(p.client);
    settle(&p);
    assert_int_equal(tls_state(p.client), TLS_OPEN);
    assert_false(tls_chose_http2(p.client));
    pair_close(&p);
}

static bool connects_resumed(struct world *w, struct tls_context *server, struct tls_memory *memory)
{
    struct pair p;
    pair_open(&p, w->client, server, "a.test");
    if (memory) {
        tls_resume(p.client, memory);
    }
    settle(&p);
    assert_int_equal(tls_state(p.client), TLS_OPEN);
    assert_int_equal(tls_write(p.client, STR("ping"), &p.to_server, &p.client_err), 0);
    settle(&p);
    assert_str(buf_str(&p.server_plain), "ping");
    bool resumed = tls_was_resumed(p.client);
    assert_int_equal(tls_was_resumed(p.server), resumed);
    pair_close(&p);
    return resumed;
}

static void a_remembered_session_is_resumed(void **state)
{
    struct world *w = *state;
    struct tls_memory *memory = tls_memory_new();
    struct tls_context *stranger = server_context(w->certs, "good");
    assert_false(connects_resumed(w, w->server, memory));
    assert_true(connects_resumed(w, w->server, memory));
    assert_true(connects_resumed(w, w->server, memory)); /* each gives one for the next */
    assert_false(connects_resumed(w, w->server, NULL));
    /* A server that does not know the session any more costs a whole handshake. */
    assert_false(connects_resumed(w, stranger, memory));
    tls_context_unref(stranger);
    tls_memory_unref(memory);
}

static void few_sessions_are_remembered_each_used_once(void **state)
{
    enum { MANY = TLS_SESSIONS_MAX + 4 };
    struct world *w = *state;
    struct tls_memory *memory = tls_memory_new();
    struct pair pairs[MANY];
    int resumed = 0;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < MANY; i++) { /* all begin before any has a session to give */
            pair_open(&pairs[i], w->client, w->server, "a.test");
            tls_resume(pairs[i].client, memory);
        }
        for (int i = 0; i < MANY; i++) {
            settle(&pairs[i]);
            resumed += tls_was_resumed(pairs[i].client);
            pair_close(&pairs[i]);
        }
        assert_int_equal(resumed, round * TLS_SESSIONS_MAX);
    }
    tls_memory_unref(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_cross_both_ways_whatever_the_cuts),
        cmocka_unit_test(an_early_word_of_the_server_comes_with_the_handshake),
        cmocka_unit_test(close_notify_ends_a_session),
        cmocka_unit_test(names_and_addresses_of_the_certificate_are_accepted),
        cmocka_unit_test(other_hosts_are_denied),
        cmocka_unit_test(bad_certificates_are_denied_by_name),
        cmocka_unit_test(an_unknown_authority_is_denied_with_advice),
        cmocka_unit_test(a_pinned_self_signed_certificate_is_accepted),
        cmocka_unit_test(plain_http_on_either_side_is_told),
        cmocka_unit_test(a_changed_byte_fails_the_connection),
        cmocka_unit_test(full_buffers_are_a_limit),
        cmocka_unit_test(files_that_are_no_certificates_are_told),
        cmocka_unit_test(a_key_with_a_pass_phrase_is_refused_without_asking),
        cmocka_unit_test(old_versions_and_other_protocols_are_refused),
        cmocka_unit_test(http2_is_spoken_where_both_want_it),
        cmocka_unit_test(a_remembered_session_is_resumed),
        cmocka_unit_test(few_sessions_are_remembered_each_used_once),
    };
    return cmocka_run_group_tests_name("net/tls", tests, open_world, close_world);
}
