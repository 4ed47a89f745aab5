#ifndef CORE_MEM_H
#define CORE_MEM_H

/*
 * The heap. Never returns NULL: out of memory ends the process, because no state of this program
 * is worth more than a clean restart, and sizes chosen by peers are limited long before.
 */
#include <stddef.h>

#include "core/attr.h"

RETURNS_NONNULL void *x_malloc(size_t size);
RETURNS_NONNULL void *x_calloc(size_t count, size_t size);
RETURNS_NONNULL void *x_realloc(void *ptr, size_t size);
RETURNS_NONNULL char *x_strdup(const char *text);
RETURNS_NONNULL char *x_strndup(const char *text, size_t n);

/* Accepts NULL. */
void x_free(void *ptr);

/* Frees and forgets in one step: no reachable pointer to freed memory. */
#define X_FREE(ptr)                                                                                \
    do {                                                                                           \
        x_free(ptr);                                                                               \
        (ptr) = NULL;                                                                              \
    } while (0)

/* Overwrites memory that held a secret; the compiler may not drop it. */
void mem_wipe(void *ptr, size_t n);

#endif
