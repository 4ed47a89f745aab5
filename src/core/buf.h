#ifndef CORE_BUF_H
#define CORE_BUF_H

/*
 * Growing bytes with a maximum.
 *
 * Invariants: p is NULL only while cap is 0; n <= cap <= max. A put that would exceed `max` adds
 * nothing, sets the sticky `overflowed` flag and returns ERR_LIMIT: callers may write a whole
 * document and check once at the end (buf_ok).
 *
 * Ownership: the buffer owns its bytes; buf_release frees them. Views (buf_str) are valid until the
 * next put, consume or release.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/str.h"

struct buf {
    char *p;
    size_t n;
    size_t cap;
    size_t max;
    bool overflowed;
};

void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b);
/* Empty again, memory kept, flag reset. */
void buf_clear(struct buf *b);

/* Room for `more` further bytes; ERR_LIMIT when that exceeds max. */
int buf_reserve(struct buf *b, size_t more);

/* Inline, because heads and JSON are put together from many short pieces of known length. */
static inline int buf_put(struct buf *b, const void *bytes, size_t n)
{
    if (n > b->cap - b->n) {
        int result = buf_reserve(b, n);
        if (result != 0) {
            return result;
        }
    }
    if (n > 0) {
        memcpy(b->p + b->n, bytes, n);
        b->n += n;
    }
    return 0;
}

static inline int buf_put_str(struct buf *b, struct str s)
{
    return buf_put(b, s.p, s.n);
}

static inline int buf_puts(struct buf *b, const char *text)
{
    return buf_put(b, text, strlen(text));
}

static inline int buf_putc(struct buf *b, char c)
{
    return buf_put(b, &c, 1);
}

int buf_put_u64(struct buf *b, uint64_t value);
int buf_put_i64(struct buf *b, int64_t value);
int buf_putf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
/* Appends s as a JSON string with its quotes; invalid UTF-8 becomes U+FFFD. */
int buf_put_json(struct buf *b, struct str s);
/* The same without the quotes: for strings that are put together of pieces. */
int buf_put_escaped(struct buf *b, struct str s);

/* Drops the first n bytes (n <= b->n). */
void buf_consume(struct buf *b, size_t n);

/* Moves the bytes of `from` to `to`, which must be empty; `from` is empty afterwards. */
void buf_move(struct buf *to, struct buf *from);

/* Ensures a NUL behind the content (not counted in n) and returns it. */
const char *buf_cstr(struct buf *b);

static inline bool buf_ok(const struct buf *b)
{
    return !b->overflowed;
}

static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->p ? b->p : "", b->n};
}

#endif
