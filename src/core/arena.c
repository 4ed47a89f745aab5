#include "core/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/mem.h"

#define ARENA_CHUNK_BYTES_MAX (64u << 10)

struct arena_chunk {
    struct arena_chunk *next;
    alignas(max_align_t) char bytes[];
};

struct arena_deferred {
    struct arena_deferred *next;
    void (*fn)(void *ptr);
    void *ptr;
};

void arena_init(struct arena *a)
{
    *a = (struct arena){0};
}

static void run_deferred(struct arena *a)
{
    /* What runs here may still read the arena, and may even defer more. */
    while (a->deferred) {
        struct arena_deferred *last = a->deferred;
        a->deferred = last->next;
        last->fn(last->ptr);
    }
}

static void free_chunks(struct arena_chunk *first, const struct arena_chunk *kept)
{
    while (first) {
        struct arena_chunk *chunk = first;
        first = chunk->next;
        if (chunk != kept) {
            x_free(chunk);
        }
    }
}

void arena_release(struct arena *a)
{
    run_deferred(a);
    free_chunks(a->chunks, NULL);
    arena_init(a);
}

void arena_reset(struct arena *a)
{
    run_deferred(a);
    struct arena_chunk *first = a->first;
    free_chunks(a->chunks, first);
    arena_init(a);
    if (first) {
        first->next = NULL;
        a->chunks = a->first = first;
        a->at = first->bytes;
        a->end = first->bytes + ARENA_CHUNK_BYTES;
    }
}

static struct arena_chunk *new_chunk(struct arena *a, size_t size)
{
    BUG_ON(size > SIZE_MAX - sizeof(struct arena_chunk));
    struct arena_chunk *chunk = x_malloc(sizeof(*chunk) + size);

    chunk->next = a->chunks;
    a->chunks = chunk;
    return chunk;
}

/* Bytes as they are. Chunks are not zeroed as a whole: of most only a part is ever used. */
static void *take(struct arena *a, size_t size)
{
#ifdef WEIR_ARENA_DEBUG
    a->total += size;
    return new_chunk(a, size)->bytes;
#else
    const size_t align = alignof(max_align_t);
    BUG_ON(size > SIZE_MAX - align);
    size_t rounded = (size + align - 1) / align * align;

    a->total += size;
    if (rounded > (size_t)(a->end - a->at)) {
        /* Chunks grow with the arena: few for a large document, small for a small request. */
        size_t chunk_bytes = a->total / 2;
        chunk_bytes = chunk_bytes > ARENA_CHUNK_BYTES_MAX ? ARENA_CHUNK_BYTES_MAX : chunk_bytes;
        chunk_bytes = chunk_bytes < ARENA_CHUNK_BYTES ? ARENA_CHUNK_BYTES : chunk_bytes;
        if (rounded > chunk_bytes / 4) {
            return new_chunk(a, rounded)->bytes; /* its own; the current chunk stays in use */
        }
        chunk_bytes = chunk_bytes / align * align;
        struct arena_chunk *chunk = new_chunk(a, chunk_bytes);
        a->first = !a->first && chunk_bytes == ARENA_CHUNK_BYTES ? chunk : a->first;
        a->at = chunk->bytes;
        a->end = a->at + chunk_bytes;
    }
    char *ptr = a->at;
    a->at += rounded;
    return ptr;
#endif
}

void *arena_alloc(struct arena *a, size_t size)
{
    return memset(take(a, size), 0, size);
}

char *arena_cstr(struct arena *a, struct str s)
{
    BUG_ON(s.n == SIZE_MAX);
    char *copy = take(a, s.n + 1);

    if (s.n > 0) {
        memcpy(copy, s.p, s.n);
    }
    copy[s.n] = '\0';
    return copy;
}

struct str arena_str(struct arena *a, struct str s)
{
    return str_make(arena_cstr(a, s), s.n);
}

struct str arena_printf(struct arena *a, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    BUG_ON(n < 0);
    char *text = take(a, (size_t)n + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return str_make(text, (size_t)n);
}

void arena_defer(struct arena *a, void (*fn)(void *ptr), void *ptr)
{
    struct arena_deferred *deferred = ARENA_NEW(a, struct arena_deferred);

    *deferred = (struct arena_deferred){a->deferred, fn, ptr};
    a->deferred = deferred;
}
