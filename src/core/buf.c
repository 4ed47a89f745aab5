#include "core/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"
#include "core/json_text.h"
#include "core/mem.h"

#define BUF_FIRST_BYTES 64

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_release(struct buf *b)
{
    size_t max = b->max;

    x_free(b->p);
    *b = (struct buf){.max = max};
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->overflowed = false;
}

static int grow(struct buf *b, size_t need)
{
    size_t cap = b->cap < BUF_FIRST_BYTES ? BUF_FIRST_BYTES : b->cap;

    while (cap < need) {
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    }
    cap = cap > b->max ? b->max : cap;
    BUG_ON(cap == SIZE_MAX);
    /* One byte more than cap, so that buf_cstr always has room for its NUL. */
    b->p = x_realloc(b->p, cap + 1);
    b->cap = cap;
    return 0;
}

int buf_reserve(struct buf *b, size_t more)
{
    if (more <= b->cap - b->n) {
        return 0;
    }
    if (b->n > b->max || more > b->max - b->n) {
        b->overflowed = true;
        return ERR_LIMIT;
    }
    return grow(b, b->n + more);
}

int buf_put_u64(struct buf *b, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return buf_put(b, digits + at, sizeof(digits) - at);
}

int buf_put_i64(struct buf *b, int64_t value)
{
    char text[21];
    size_t at = sizeof(text);
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        text[--at] = (char)('0' + size % 10);
        size /= 10;
    } while (size > 0);
    if (value < 0) {
        text[--at] = '-';
    }
    return buf_put(b, text + at, sizeof(text) - at);
}

int buf_putf(struct buf *b, const char *format, ...)
{
    size_t room = b->cap - b->n;
    va_list args;

    va_start(args, format);
    int n =
        b->p ? vsnprintf(b->p + b->n, room + 1, format, args) : vsnprintf(NULL, 0, format, args);
    va_end(args);
    BUG_ON(n < 0);
    if (!b->p || (size_t)n > room) {
        int result = buf_reserve(b, (size_t)n);
        if (result != 0) {
            return result;
        }
        if (n == 0) {
            return 0;
        }
        va_start(args, format);
        n = vsnprintf(b->p + b->n, (size_t)n + 1, format, args);
        va_end(args);
        BUG_ON(n < 0);
    }
    b->n += (size_t)n;
    return 0;
}

static void put_json_escape(struct buf *b, unsigned char c)
{
    static const char names[] = "btn?fr"; /* for 8, 9, 10, (11), 12, 13 */

    if (c == '"' || c == '\\') {
        buf_putc(b, '\\');
        buf_putc(b, (char)c);
    } else if (c >= 8 && c <= 13 && c != 11) {
        buf_putc(b, '\\');
        buf_putc(b, names[c - 8]);
    } else {
        buf_putf(b, "\\u%04x", c);
    }
}

/* All of it, or the flag is set. */
static void put_escaped(struct buf *b, struct str s)
{
    while (s.n > 0 && !b->overflowed) {
        size_t len = json_text_plain(s);

        if (len > 0) {
            buf_put(b, s.p, len);
        } else if ((unsigned char)s.p[0] >= 0x80) {
            len = 1;
            buf_puts(b, "\xEF\xBF\xBD"); /* U+FFFD */
        } else {
            len = 1;
            put_json_escape(b, (unsigned char)s.p[0]);
        }
        s = str_from(s, len);
    }
}

static int put_string(struct buf *b, struct str s, const char *quote)
{
    size_t start = b->n;
    bool overflowed = b->overflowed;

    b->overflowed = false;
    buf_puts(b, quote);
    put_escaped(b, s);
    buf_puts(b, quote);
    if (b->overflowed) {
        b->n = start; /* all or nothing */
        return ERR_LIMIT;
    }
    b->overflowed = overflowed;
    return 0;
}

int buf_put_json(struct buf *b, struct str s)
{
    return put_string(b, s, "\"");
}

int buf_put_escaped(struct buf *b, struct str s)
{
    return put_string(b, s, "");
}

void buf_consume(struct buf *b, size_t n)
{
    BUG_ON(n > b->n);
    b->n -= n;
    if (b->n > 0 && n > 0) {
        memmove(b->p, b->p + n, b->n);
    }
}

void buf_move(struct buf *to, struct buf *from)
{
    BUG_ON(to->n > 0);
    x_free(to->p);
    to->p = from->p;
    to->n = from->n;
    to->cap = from->cap;
    to->overflowed = from->overflowed;
    *from = (struct buf){.max = from->max};
}

const char *buf_cstr(struct buf *b)
{
    if (!b->p) {
        return "";
    }
    b->p[b->n] = '\0';
    return b->p;
}
