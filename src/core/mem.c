#include "core/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static NORETURN void out_of_memory(size_t size)
{
    fprintf(stderr, "weir: out of memory: %zu more bytes were needed\n", size);
    fflush(stderr);
    abort();
}

void *x_malloc(size_t size)
{
    void *ptr = malloc(size ? size : 1);

    if (!ptr) {
        out_of_memory(size);
    }
    return ptr;
}

void *x_calloc(size_t count, size_t size)
{
    void *ptr = count && size ? calloc(count, size) : calloc(1, 1);

    if (!ptr) {
        size_t total;
        out_of_memory(__builtin_mul_overflow(count, size, &total) ? SIZE_MAX : total);
    }
    return ptr;
}

void *x_realloc(void *ptr, size_t size)
{
    void *moved = realloc(ptr, size ? size : 1);

    if (!moved) {
        out_of_memory(size);
    }
    return moved;
}

char *x_strndup(const char *text, size_t n)
{
    size_t len = strnlen(text, n);
    char *copy = x_malloc(len + 1);

    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *x_strdup(const char *text)
{
    return x_strndup(text, SIZE_MAX);
}

void x_free(void *ptr)
{
    free(ptr);
}

void mem_wipe(void *ptr, size_t n)
{
    if (n > 0) {
        explicit_bzero(ptr, n);
    }
}
