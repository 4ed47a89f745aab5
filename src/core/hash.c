#include "core/hash.h"

/* The functions of before OpenSSL 3 are asked for by name: EVP looks the algorithm up for each
 * digest and allocates its state, which costs more than hashing a caller's key. */
#define OPENSSL_API_COMPAT 0x10100000L
#include <endian.h>
#include <openssl/sha.h>
#include <string.h>

#include "core/error.h"

_Static_assert(HASH_SHA256_BYTES == SHA256_DIGEST_LENGTH, "a digest fits");

void hash_sha256(struct str data, struct hash_sha256 *ret_hash)
{
    SHA256_CTX state;

    BUG_ON(SHA256_Init(&state) != 1);
    BUG_ON(SHA256_Update(&state, data.p, data.n) != 1);
    BUG_ON(SHA256_Final(ret_hash->bytes, &state) != 1); /* wipes its copy of data */
}

void hash_hex(const unsigned char *bytes, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * n] = '\0';
}

void hash_sha256_hex(const struct hash_sha256 *hash, char *out)
{
    hash_hex(hash->bytes, HASH_SHA256_BYTES, out);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

int hash_sha256_parse(struct str hex, struct hash_sha256 *ret_hash)
{
    struct hash_sha256 hash;

    if (hex.n != HASH_SHA256_HEX) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < HASH_SHA256_BYTES; i++) {
        int high = hex_value(hex.p[2 * i]);
        int low = hex_value(hex.p[2 * i + 1]);

        if (high < 0 || low < 0) {
            return ERR_INVALID;
        }
        hash.bytes[i] = (unsigned char)(high * 16 + low);
    }
    *ret_hash = hash;
    return 0;
}

static uint64_t rotate_left(uint64_t x, unsigned n)
{
    return (x << n) | (x >> (64 - n));
}

struct sip {
    uint64_t a, b, c, d;
};

static inline struct sip sip_round(struct sip v)
{
    v.a += v.b;
    v.b = rotate_left(v.b, 13) ^ v.a;
    v.a = rotate_left(v.a, 32);
    v.c += v.d;
    v.d = rotate_left(v.d, 16) ^ v.c;
    v.a += v.d;
    v.d = rotate_left(v.d, 21) ^ v.a;
    v.c += v.b;
    v.b = rotate_left(v.b, 17) ^ v.c;
    v.c = rotate_left(v.c, 32);
    return v;
}

static uint64_t load_le64(const char *p, size_t n)
{
    uint64_t word = 0;

    for (size_t i = 0; i < n; i++) {
        word |= (uint64_t)(unsigned char)p[i] << (8 * i);
    }
    return word;
}

uint64_t hash_sip(const uint64_t key[2], struct str data)
{
    struct sip v = {
        key[0] ^ UINT64_C(0x736f6d6570736575),
        key[1] ^ UINT64_C(0x646f72616e646f6d),
        key[0] ^ UINT64_C(0x6c7967656e657261),
        key[1] ^ UINT64_C(0x7465646279746573),
    };
    size_t at = 0;

    for (; data.n - at >= 8; at += 8) {
        uint64_t word;

        memcpy(&word, data.p + at, sizeof(word));
        word = le64toh(word);
        v.d ^= word;
        v = sip_round(v);
        v.a ^= word;
    }
    uint64_t last = load_le64(data.p + at, data.n - at) | (uint64_t)data.n << 56;
    v.d ^= last;
    v = sip_round(v);
    v.a ^= last;
    v.c ^= 0xff;
    v = sip_round(v);
    v = sip_round(v);
    v = sip_round(v);
    return v.a ^ v.b ^ v.c ^ v.d;
}

uint64_t hash_fnv1a(struct str data)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < data.n; i++) {
        hash = (hash ^ (unsigned char)data.p[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}
