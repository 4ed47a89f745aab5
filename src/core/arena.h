#ifndef CORE_ARENA_H
#define CORE_ARENA_H

/*
 * Memory with one lifetime: a request, a command, a configuration snapshot.
 *
 * Bump allocation in chunks; everything goes at once. An arena may own more than bytes:
 * arena_defer runs functions at release, last registered first. Allocation never returns NULL.
 * An arena is not thread safe. In builds with WEIR_ARENA_DEBUG every allocation is its own
 * malloc, so that AddressSanitizer sees each object's bounds and lifetime.
 */
#include <stddef.h>

#include "core/attr.h"
#include "core/str.h"

#define ARENA_CHUNK_BYTES 2048

struct arena_chunk;
struct arena_deferred;

struct arena {
    /* private */
    struct arena_chunk *chunks;
    struct arena_chunk *first; /* of the usual size, for arena_reset */
    struct arena_deferred *deferred;
    char *at;
    char *end;
    size_t total; /* bytes handed out */
};

void arena_init(struct arena *a);
/* Runs what was deferred, frees everything; the arena may be used again. */
void arena_release(struct arena *a);
/* The same, but a chunk is kept for what comes next. */
void arena_reset(struct arena *a);

/* Zeroed, aligned for any type. */
RETURNS_NONNULL void *arena_alloc(struct arena *a, size_t size);
/* Copies; the result ends in NUL as well. */
struct str arena_str(struct arena *a, struct str s);
RETURNS_NONNULL char *arena_cstr(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *format, ...) PRINTF_LIKE(2, 3);
/* fn(ptr) runs at release. */
void arena_defer(struct arena *a, void (*fn)(void *ptr), void *ptr);

#define ARENA_NEW(a, type)          ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, count) ((type *)arena_alloc((a), sizeof(type) * (count)))

#endif
