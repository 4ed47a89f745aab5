#include "store/hash_memo.h"

#include "core/mem.h"
#include "core/rand.h"

#define SAMPLE_EDGE   32 /* bytes from the start, and as many from the end */
#define SAMPLE_POINTS 8  /* and words from between */
#define SAMPLE_WORD   8

struct slot {
    uint64_t sample; /* of the last content that came here; 0 = none yet */
    char *content;   /* NULL: none is kept */
    size_t n;
    char hex[HASH_SHA256_HEX + 1];
};

struct hash_memo {
    uint64_t key[2];
    struct hash_memo_counts counts;
    size_t hand; /* the slot that is emptied next when there is too much */
    struct slot slots[HASH_MEMO_SLOTS];
};

struct hash_memo *hash_memo_new(void)
{
    struct hash_memo *memo = (struct hash_memo *)x_calloc(1, sizeof(*memo));

    rand_bytes(memo->key, sizeof(memo->key));
    return memo;
}

void hash_memo_free(struct hash_memo *memo)
{
    if (!memo) {
        return;
    }
    for (size_t i = 0; i < HASH_MEMO_SLOTS; i++) {
        x_free(memo->slots[i].content);
    }
    x_free(memo);
}

static uint64_t mix(uint64_t hash, const char *word, uint64_t key)
{
    uint64_t value;

    memcpy(&value, word, sizeof(value));
    hash = (hash ^ value) * key;
    return hash ^ (hash >> 29);
}

/* Both edges, words from between, and the length; keyed. Equal contents have equal samples, and
 * that is all that is needed of it. */
static uint64_t sample_of(const struct hash_memo *memo, struct str content)
{
    const uint64_t key = memo->key[1] | 1; /* odd: multiplying loses nothing */
    uint64_t hash = memo->key[0] ^ (content.n * key);

    if (content.n <= 2 * SAMPLE_EDGE) {
        return hash_sip(memo->key, content) | 1;
    }
    for (size_t i = 0; i < SAMPLE_EDGE; i += SAMPLE_WORD) {
        hash = mix(hash, content.p + i, key);
        hash = mix(hash, content.p + content.n - SAMPLE_EDGE + i, key);
    }
    for (size_t i = 1; i <= SAMPLE_POINTS; i++) {
        hash = mix(hash, content.p + (content.n - SAMPLE_WORD) * i / (SAMPLE_POINTS + 1), key);
    }
    return hash | 1; /* 0 is no sample */
}

static void forget(struct hash_memo *memo, struct slot *slot)
{
    memo->counts.bytes -= slot->n;
    slot->n = 0;
    X_FREE(slot->content);
}

static void keep(struct hash_memo *memo, struct slot *slot, struct str content)
{
    forget(memo, slot);
    while (memo->counts.bytes + content.n > HASH_MEMO_BYTES_MAX) {
        forget(memo, &memo->slots[memo->hand]);
        memo->hand = (memo->hand + 1) % HASH_MEMO_SLOTS;
    }
    slot->content = (char *)x_malloc(content.n);
    memcpy(slot->content, content.p, content.n);
    slot->n = content.n;
    memo->counts.bytes += content.n;
}

static void compute(struct str content, char *out)
{
    struct hash_sha256 hash;

    hash_sha256(content, &hash);
    hash_sha256_hex(&hash, out);
}

void hash_memo_hex(struct hash_memo *memo, struct str content, char *out)
{
    uint64_t sample;
    struct slot *slot;

    if (content.n == 0 || content.n > HASH_MEMO_ENTRY_BYTES) {
        compute(content, out);
        return;
    }
    sample = sample_of(memo, content);
    slot = &memo->slots[(sample >> 32) % HASH_MEMO_SLOTS];
    if (slot->sample == sample && slot->content && slot->n == content.n &&
        memcmp(slot->content, content.p, content.n) == 0) {
        memo->counts.hits++;
        memcpy(out, slot->hex, sizeof(slot->hex));
        return;
    }
    memo->counts.misses++;
    compute(content, out);
    if (slot->sample == sample) {
        keep(memo, slot, content);
        memcpy(slot->hex, out, sizeof(slot->hex));
    }
    slot->sample = sample;
}

struct hash_memo_counts hash_memo_count(const struct hash_memo *memo)
{
    return memo->counts;
}
