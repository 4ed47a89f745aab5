#ifndef STORE_HASH_MEMO_H
#define STORE_HASH_MEMO_H

/*
 * SHA-256 of content that comes again and again: system prompts, tool lists, retried requests.
 *
 * A table of fixed size remembers content together with its hash. A slot is found by a keyed fast
 * hash of a sample of the content, and what stands there counts only if it is the same byte for
 * byte: a wrong answer is impossible, and whoever makes contents that meet in one slot makes them
 * cost what they would cost without a memo. Content is kept when its sample is seen for the second
 * time running, so that content that never comes again is not copied.
 *
 * Memory: at most HASH_MEMO_BYTES_MAX of content, taken as it is needed. Used by one thread.
 */
#include "core/hash.h"
#include "core/str.h"

#define HASH_MEMO_SLOTS       1024
#define HASH_MEMO_ENTRY_BYTES (32u << 10) /* longer content is hashed each time */
#define HASH_MEMO_BYTES_MAX   (4u << 20)

struct hash_memo;

struct hash_memo *hash_memo_new(void);
/* Accepts NULL. */
void hash_memo_free(struct hash_memo *memo);

/* The SHA-256 of `content` in lower-case hex; out holds HASH_SHA256_HEX + 1 bytes. */
void hash_memo_hex(struct hash_memo *memo, struct str content, char *out);

/* How often the content was there, and how much of it is kept: for tests. */
struct hash_memo_counts {
    uint64_t hits, misses;
    size_t bytes;
};

struct hash_memo_counts hash_memo_count(const struct hash_memo *memo);

#endif
