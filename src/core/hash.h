#ifndef CORE_HASH_H
#define CORE_HASH_H

/*
 * SHA-256 names content (bodies, prompts, keys); SipHash-1-3 keys hash tables; FNV-1a is the
 * repeatable, non-secret hash for deterministic choices.
 */
#include <stdint.h>

#include "core/str.h"

#define HASH_SHA256_BYTES 32
#define HASH_SHA256_HEX   64 /* without NUL */

struct hash_sha256 {
    unsigned char bytes[HASH_SHA256_BYTES];
};

void hash_sha256(struct str data, struct hash_sha256 *ret_hash);
/* out holds HASH_SHA256_HEX + 1 bytes, lower case. */
void hash_sha256_hex(const struct hash_sha256 *hash, char *out);
/* Accepts 64 hex digits of either case; 0 or ERR_INVALID. */
int hash_sha256_parse(struct str hex, struct hash_sha256 *ret_hash);

uint64_t hash_sip(const uint64_t key[2], struct str data);
uint64_t hash_fnv1a(struct str data);

/* Lower-case hex of n bytes; out holds 2 * n + 1. */
void hash_hex(const unsigned char *bytes, size_t n, char *out);

#endif
