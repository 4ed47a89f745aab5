#ifndef CORE_MAP_H
#define CORE_MAP_H

/*
 * Hash map from byte strings to pointers. Open addressing, at most half full.
 *
 * Keys are borrowed: they must live as long as the map (typically in the same arena). Hashing is
 * keyed with a random seed per map, so that peers who choose keys cannot force collisions.
 * Lookup of a missing key is NULL; NULL values are not stored. Iteration order is insertion order.
 */
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/str.h"

struct map_entry {
    struct str key;
    void *value;
    uint64_t hash;
};

struct map {
    /* private; entries[0..n) may be read in order */
    struct map_entry *entries;
    size_t n;
    size_t cap;
    uint32_t *slots; /* index + 1, 0 = free */
    size_t slot_count;
    uint64_t seed[2];
};

void map_init(struct map *m);
void map_release(struct map *m);
void *map_get(const struct map *m, struct str key);
/* Adds or replaces; returns the former value or NULL. */
void *map_put(struct map *m, struct str key, void *value);

#endif
