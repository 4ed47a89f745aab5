#ifndef CORE_STR_H
#define CORE_STR_H

/*
 * A borrowed view of bytes: pointer and length, passed by value. Never assumed to end in NUL, may
 * hold any byte. It owns nothing and must not outlive what it points into.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/attr.h"

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_EMPTY    ((struct str){"", 0})

/* For printf: "%.*s", STR_ARG(s). */
#define STR_ARG(s) (int)(s).n, (s).p

static inline struct str str_of(const char *text)
{
    return (struct str){text ? text : "", text ? strlen(text) : 0};
}

static inline struct str str_make(const void *p, size_t n)
{
    return (struct str){(const char *)p, n};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_is(struct str a, const char *text)
{
    return str_eq(a, str_of(text));
}

static inline struct str str_from(struct str s, size_t start)
{
    return start >= s.n ? (struct str){s.p + s.n, 0} : (struct str){s.p + start, s.n - start};
}

static inline struct str str_head(struct str s, size_t n)
{
    return (struct str){s.p, n < s.n ? n : s.n};
}

/* ASCII case is ignored (header names, host names). Most pairs differ in length. */
bool str_same_nocase(const char *a, const char *b, size_t n);

static inline bool str_eq_nocase(struct str a, struct str b)
{
    return a.n == b.n && str_same_nocase(a.p, b.p, a.n);
}

bool str_starts(struct str s, struct str prefix);
bool str_starts_nocase(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
int str_cmp(struct str a, struct str b);

/* Position of the first match, or -1. */
ptrdiff_t str_find(struct str s, struct str needle);
ptrdiff_t str_find_char(struct str s, char c);

/* Without spaces, tabs, CR and LF at both ends. */
struct str str_trim(struct str s);

/* Cuts the part before `separator` off *rest and returns it; the last part is all that is left.
 * Callers loop while rest->n > 0. */
struct str str_split(struct str *rest, char separator);

/* Whole-string decimal numbers: no sign of garbage, no overflow. 0 or ERR_INVALID. */
MUST_CHECK int str_to_i64(struct str s, int64_t *ret_value);
MUST_CHECK int str_to_u64(struct str s, uint64_t *ret_value);
/* Also accepts fractions and exponents; never inf or nan. */
MUST_CHECK int str_to_double(struct str s, double *ret_value);

/* Durations "250ms", "10s", "5m", "2h", "30d"; a bare number is seconds. In milliseconds. */
MUST_CHECK int str_to_duration_ms(struct str s, int64_t *ret_ms);
/* Sizes "512", "64KB", "32MiB", "20GB" (KB = 1000, KiB = 1024). In bytes. */
MUST_CHECK int str_to_bytes(struct str s, int64_t *ret_bytes);

/* Edit distance (Levenshtein) with early exit: any value above `limit` means "more than limit".
 * Longer inputs than STR_DISTANCE_MAX count as different. */
#define STR_DISTANCE_MAX 128
size_t str_distance(struct str a, struct str b, size_t limit);

/* The name in names[0..n) nearest to `word`, or an empty str when none is near enough to be a
 * plausible slip of the fingers (distance above a third of its length, at least 2). */
struct str str_nearest(struct str word, const struct str *names, size_t n);

/* True when s is well-formed UTF-8 (no surrogates, no overlong forms). */
bool str_is_utf8(struct str s);
/* Bytes of the well-formed character at the start of s; 0 when there is none. */
size_t str_utf8_char(struct str s);
/* Bytes of the longest well-formed start of s. */
size_t str_utf8_prefix(struct str s);

/* s as an error message may show it: control bytes and broken UTF-8 as "?", cut with "..." when
 * long. out holds STR_SHOW_MAX bytes and is returned. */
#define STR_SHOW_MAX 64
const char *str_show(struct str s, char *out);

#endif
