#ifndef UNIT_NET_CERTIFICATES_H
#define UNIT_NET_CERTIFICATES_H

/*
 * Certificates made for one test run, in a folder of their own that goes with it.
 */
#include "unit/net/suite.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CERTIFICATES_PATH_MAX 256
#define CERTIFICATES_MAX      16

struct certificates {
    char folder[64];
    EVP_PKEY *ca_key;
    X509 *ca;
    char files[2 * CERTIFICATES_MAX][CERTIFICATES_PATH_MAX];
    size_t file_count;
};

struct certificate_wish {
    const char *name; /* files <name>.pem and <name>.key */
    const char *san;  /* "DNS:a.test,IP:127.0.0.1" */
    long from_days;   /* validity, from now */
    long to_days;
    bool self_signed;
    bool authority;
};

static inline void cert_extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(ext);
    assert_int_equal(X509_add_ext(cert, ext, -1), 1);
    X509_EXTENSION_free(ext);
}

static inline const char *cert_path(struct certificates *c, const char *name, const char *suffix)
{
    static char path[CERTIFICATES_PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s%s", c->folder, name, suffix);
    return path;
}

static inline FILE *cert_file(struct certificates *c, const char *name, const char *suffix)
{
    const char *path = cert_path(c, name, suffix);
    snprintf(c->files[c->file_count++], CERTIFICATES_PATH_MAX, "%s", path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    return file;
}

static inline void cert_make(struct certificates *c, const struct certificate_wish *wish)
{
    static long serial = 1;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(cert), wish->from_days * 86400);
    X509_gmtime_adj(X509_getm_notAfter(cert), wish->to_days * 86400);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)wish->name, -1, -1, 0);
    bool own = wish->self_signed || c->ca == NULL;
    X509 *issuer = own ? cert : c->ca;
    X509_set_issuer_name(cert, X509_get_subject_name(issuer));
    X509_set_pubkey(cert, key);
    cert_extend(cert, issuer, NID_basic_constraints,
                wish->authority ? "critical,CA:TRUE" : "CA:FALSE");
    if (wish->san != NULL) {
        cert_extend(cert, issuer, NID_subject_alt_name, wish->san);
    }
    assert_true(X509_sign(cert, own ? key : c->ca_key, EVP_sha256()) > 0);

    FILE *file = cert_file(c, wish->name, ".pem");
    assert_int_equal(PEM_write_X509(file, cert), 1);
    fclose(file);
    file = cert_file(c, wish->name, ".key");
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(file);
    if (wish->authority && c->ca == NULL) {
        c->ca = cert;
        c->ca_key = key;
        return;
    }
    X509_free(cert);
    EVP_PKEY_free(key);
}

/* An authority "ca", and "good" for a.test, *.w.test, localhost and 127.0.0.1 / ::1. */
static inline struct certificates *certificates_new(void)
{
    struct certificates *c = calloc(1, sizeof(*c));
    snprintf(c->folder, sizeof(c->folder), "/tmp/weir-test-XXXXXX");
    assert_non_null(mkdtemp(c->folder));
    const struct certificate_wish ca = {"ca", NULL, -1, 10, false, true};
    const struct certificate_wish good = {
        "good", "DNS:a.test,DNS:*.w.test,DNS:localhost,IP:127.0.0.1,IP:::1", -1, 10, false, false};
    cert_make(c, &ca);
    cert_make(c, &good);
    return c;
}

static inline void certificates_free(struct certificates *c)
{
    for (size_t i = 0; i < c->file_count; i++) {
        unlink(c->files[i]);
    }
    rmdir(c->folder);
    X509_free(c->ca);
    EVP_PKEY_free(c->ca_key);
    free(c);
}

#endif
