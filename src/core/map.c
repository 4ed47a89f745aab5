#include "core/map.h"

#include <string.h>

#include "core/error.h"
#include "core/hash.h"
#include "core/mem.h"
#include "core/rand.h"

#define MAP_FIRST_SLOTS 16
#define MAP_ENTRIES_MAX (UINT32_MAX / 4)

void map_init(struct map *m)
{
    *m = (struct map){0};
}

void map_release(struct map *m)
{
    x_free(m->entries);
    x_free(m->slots);
    map_init(m);
}

/* The slot that holds the key, or the free one where it belongs. */
static size_t find_slot(const struct map *m, struct str key, uint64_t hash)
{
    size_t mask = m->slot_count - 1;
    size_t at = (size_t)hash & mask;

    while (m->slots[at] != 0) {
        const struct map_entry *entry = &m->entries[m->slots[at] - 1];

        if (entry->hash == hash && str_eq(entry->key, key)) {
            break;
        }
        at = (at + 1) & mask;
    }
    return at;
}

void *map_get(const struct map *m, struct str key)
{
    if (m->n == 0) {
        return NULL;
    }
    uint32_t index = m->slots[find_slot(m, key, hash_sip(m->seed, key))];
    return index ? m->entries[index - 1].value : NULL;
}

static void grow(struct map *m)
{
    BUG_ON(m->n >= MAP_ENTRIES_MAX);
    if (m->slot_count == 0) {
        /* Not in map_init: most maps of a request stay empty and need no system call. */
        rand_bytes(m->seed, sizeof(m->seed));
    }
    m->slot_count = m->slot_count ? m->slot_count * 2 : MAP_FIRST_SLOTS;
    m->cap = m->slot_count / 2;
    m->entries = x_realloc(m->entries, m->cap * sizeof(m->entries[0]));
    x_free(m->slots);
    m->slots = x_calloc(m->slot_count, sizeof(m->slots[0]));
    for (size_t i = 0; i < m->n; i++) {
        size_t at = (size_t)m->entries[i].hash & (m->slot_count - 1);

        while (m->slots[at] != 0) {
            at = (at + 1) & (m->slot_count - 1);
        }
        m->slots[at] = (uint32_t)(i + 1);
    }
}

void *map_put(struct map *m, struct str key, void *value)
{
    BUG_ON(!value);
    if (m->n == m->cap) {
        grow(m);
    }
    uint64_t hash = hash_sip(m->seed, key);
    size_t at = find_slot(m, key, hash);
    if (m->slots[at] != 0) {
        struct map_entry *entry = &m->entries[m->slots[at] - 1];
        void *former = entry->value;

        entry->value = value;
        return former;
    }
    m->entries[m->n] = (struct map_entry){key, value, hash};
    m->n++;
    m->slots[at] = (uint32_t)m->n;
    return NULL;
}
