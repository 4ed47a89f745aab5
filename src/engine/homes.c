#include "engine/homes.h"

#include <pthread.h>
#include <string.h>

#include "core/arena.h"
#include "core/mem.h"
#include "core/rand.h"

#define SLOTS (2 * HOMES_GENERATION) /* at most half full */

/* A response is named by a keyed hash of tenant and id: 128 bits, so that two are not taken for
 * each other, and none can be chosen by a peer. */
struct entry {
    uint64_t name[2]; /* both 0 = free */
    uint16_t provider;
    bool has_key;
    struct hash_sha256 digest;
};

struct homes {
    pthread_mutex_t lock;
    uint64_t seed[2][2];
    struct entry *young, *old; /* SLOTS each; allocated when first needed */
    size_t young_count;
    struct arena arena;
    struct str *providers;
    size_t provider_count;
};

struct homes *homes_new(void)
{
    struct homes *h = x_calloc(1, sizeof(*h));
    pthread_mutex_init(&h->lock, NULL);
    rand_bytes(h->seed, sizeof(h->seed));
    arena_init(&h->arena);
    return h;
}

void homes_free(struct homes *h)
{
    if (!h) {
        return;
    }
    pthread_mutex_destroy(&h->lock);
    arena_release(&h->arena);
    x_free(h->young);
    x_free(h->old);
    x_free(h->providers);
    x_free(h);
}

/* The tenant's hash keys the id's, so that no joining of the two can be made to look like another.
 */
static void name_of(const struct homes *h, struct str tenant, struct str id, uint64_t name[2])
{
    for (int i = 0; i < 2; i++) {
        uint64_t key[2] = {h->seed[i][0] ^ hash_sip(h->seed[i], tenant), h->seed[i][1]};
        name[i] = hash_sip(key, id);
    }
    name[0] |= 1; /* never 0 */
}

/* The entry of that name, or the free one where it would stand. */
static struct entry *entry_at(struct entry *table, const uint64_t name[2])
{
    size_t at = name[1] % SLOTS;
    while (table[at].name[0] != 0 &&
           (table[at].name[0] != name[0] || table[at].name[1] != name[1])) {
        at = (at + 1) % SLOTS;
    }
    return &table[at];
}

static bool provider_index(struct homes *h, struct str name, uint16_t *ret_index)
{
    for (size_t i = 0; i < h->provider_count; i++) {
        if (str_eq(h->providers[i], name)) {
            *ret_index = (uint16_t)i;
            return true;
        }
    }
    if (h->provider_count == HOMES_PROVIDERS_MAX) {
        return false;
    }
    if (!h->providers) {
        h->providers = x_calloc(HOMES_PROVIDERS_MAX, sizeof(*h->providers));
    }
    h->providers[h->provider_count] = arena_str(&h->arena, name);
    *ret_index = (uint16_t)h->provider_count++;
    return true;
}

static void make_room(struct homes *h)
{
    if (!h->young) {
        h->young = x_calloc(SLOTS, sizeof(*h->young));
    }
    if (h->young_count < HOMES_GENERATION) {
        return;
    }
    struct entry *emptied = h->old ? h->old : x_calloc(SLOTS, sizeof(*emptied));
    h->old = h->young;
    h->young = emptied;
    memset(h->young, 0, SLOTS * sizeof(*h->young));
    h->young_count = 0;
}

void homes_note(struct homes *h, struct str tenant, struct str id, struct str provider,
                const struct hash_sha256 *key)
{
    uint64_t name[2];
    uint16_t index = 0;
    if (id.n == 0) {
        return;
    }
    name_of(h, tenant, id, name);
    pthread_mutex_lock(&h->lock);
    if (provider_index(h, provider, &index)) {
        make_room(h);
        struct entry *e = entry_at(h->young, name);
        h->young_count += e->name[0] == 0 ? 1 : 0;
        *e = (struct entry){
            .name = {name[0], name[1]},
              .provider = index, .has_key = key != NULL
        };
        if (key) {
            e->digest = *key;
        }
    }
    pthread_mutex_unlock(&h->lock);
}

bool homes_find(struct homes *h, struct str tenant, struct str id, struct home *ret_home)
{
    uint64_t name[2];
    const struct entry *found = NULL;
    name_of(h, tenant, id, name);
    pthread_mutex_lock(&h->lock);
    if (h->young) {
        found = entry_at(h->young, name);
        if (found->name[0] == 0 && h->old) {
            found = entry_at(h->old, name);
        }
    }
    bool known = found && found->name[0] != 0;
    if (known) {
        *ret_home = (struct home){.provider = h->providers[found->provider],
                                  .has_key = found->has_key,
                                  .digest = found->digest};
    }
    pthread_mutex_unlock(&h->lock);
    return known;
}
