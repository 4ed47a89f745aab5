#include "core/str.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "core/error.h"

/* Longest text that str_to_double reads: more digits than any double has. */
#define NUMBER_TEXT_MAX 512

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool str_same_nocase(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[i] && lower(a[i]) != lower(b[i])) {
            return false;
        }
    }
    return true;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq(str_head(s, prefix.n), prefix);
}

bool str_starts_nocase(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq_nocase(str_head(s, prefix.n), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq(str_from(s, s.n - suffix.n), suffix);
}

int str_cmp(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;

    if (order != 0) {
        return order < 0 ? -1 : 1;
    }
    return a.n < b.n ? -1 : a.n > b.n ? 1 : 0;
}

ptrdiff_t str_find(struct str s, struct str needle)
{
    if (needle.n == 0) {
        return 0;
    }
    if (needle.n > s.n) {
        return -1;
    }
    const char *hit = memmem(s.p, s.n, needle.p, needle.n);
    return hit ? hit - s.p : -1;
}

ptrdiff_t str_find_char(struct str s, char c)
{
    const char *hit = s.n ? memchr(s.p, c, s.n) : NULL;

    return hit ? hit - s.p : -1;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    while (s.n > 0 && is_space(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && is_space(s.p[s.n - 1])) {
        s.n--;
    }
    return s;
}

struct str str_split(struct str *rest, char separator)
{
    ptrdiff_t at = str_find_char(*rest, separator);
    struct str part;

    if (at < 0) {
        part = *rest;
        *rest = str_from(*rest, rest->n);
        return part;
    }
    part = str_head(*rest, (size_t)at);
    *rest = str_from(*rest, (size_t)at + 1);
    return part;
}

int str_to_u64(struct str s, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (s.n == 0) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (!is_digit(s.p[i]) || __builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s.p[i] - '0'), &value)) {
            return ERR_INVALID;
        }
    }
    *ret_value = value;
    return 0;
}

int str_to_i64(struct str s, int64_t *ret_value)
{
    bool negative = s.n > 0 && s.p[0] == '-';
    uint64_t size;

    if (str_to_u64(negative ? str_from(s, 1) : s, &size) != 0) {
        return ERR_INVALID;
    }
    if (size > (uint64_t)INT64_MAX + (negative ? 1u : 0u)) {
        return ERR_INVALID;
    }
    *ret_value = negative ? (int64_t)(0 - size) : (int64_t)size;
    return 0;
}

static size_t skip_digits(struct str s, size_t at)
{
    while (at < s.n && is_digit(s.p[at])) {
        at++;
    }
    return at;
}

/* -?digits[.digits][e[+-]digits], whole string. strtod alone also takes hex, inf, nan, spaces. */
static bool is_number(struct str s)
{
    size_t at = s.n > 0 && s.p[0] == '-' ? 1 : 0;
    size_t end = skip_digits(s, at);

    if (end == at) {
        return false;
    }
    if (end < s.n && s.p[end] == '.') {
        at = end + 1;
        end = skip_digits(s, at);
        if (end == at) {
            return false;
        }
    }
    if (end < s.n && lower(s.p[end]) == 'e') {
        at = end + 1;
        if (at < s.n && (s.p[at] == '+' || s.p[at] == '-')) {
            at++;
        }
        end = skip_digits(s, at);
        if (end == at) {
            return false;
        }
    }
    return end == s.n;
}

int str_to_double(struct str s, double *ret_value)
{
    char text[NUMBER_TEXT_MAX];

    if (s.n >= sizeof(text) || !is_number(s)) {
        return ERR_INVALID;
    }
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    double value = strtod(text, NULL);
    if (!isfinite(value)) {
        return ERR_INVALID;
    }
    *ret_value = value;
    return 0;
}

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit duration_units[] = {
    {"ms", 1       },
    {"s",  1000    },
    {"m",  60000   },
    {"h",  3600000 },
    {"d",  86400000},
    {"",   1000    },
};

static const struct unit size_units[] = {
    {"",    1               },
    {"B",   1               },
    {"KB",  1000            },
    {"KiB", INT64_C(1) << 10},
    {"MB",  1000000         },
    {"MiB", INT64_C(1) << 20},
    {"GB",  1000000000      },
    {"GiB", INT64_C(1) << 30},
    {"TB",  1000000000000   },
    {"TiB", INT64_C(1) << 40},
};

/* A non-negative decimal number followed by one of the units. Whole numbers are exact. */
static int scaled(struct str s, const struct unit *units, size_t unit_count, int64_t *ret_value)
{
    size_t end = 0;

    while (end < s.n && (is_digit(s.p[end]) || s.p[end] == '.')) {
        end++;
    }
    struct str number = str_head(s, end);
    struct str name = str_trim(str_from(s, end));
    for (size_t i = 0; i < unit_count; i++) {
        if (!str_eq_nocase(name, str_of(units[i].name))) {
            continue;
        }
        int64_t whole;
        int64_t product;
        double value;
        if (str_to_i64(number, &whole) == 0) {
            if (__builtin_mul_overflow(whole, units[i].factor, &product)) {
                return ERR_INVALID;
            }
            *ret_value = product;
            return 0;
        }
        if (str_to_double(number, &value) != 0) {
            return ERR_INVALID;
        }
        value = floor(value * (double)units[i].factor + 0.5);
        if (value >= 9223372036854775808.0) {
            return ERR_INVALID;
        }
        *ret_value = (int64_t)value;
        return 0;
    }
    return ERR_INVALID;
}

int str_to_duration_ms(struct str s, int64_t *ret_ms)
{
    return scaled(s, duration_units, ARRAY_LEN(duration_units), ret_ms);
}

int str_to_bytes(struct str s, int64_t *ret_bytes)
{
    return scaled(s, size_units, ARRAY_LEN(size_units), ret_bytes);
}

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;

    return least < c ? least : c;
}

size_t str_distance(struct str a, struct str b, size_t limit)
{
    size_t over = limit < SIZE_MAX ? limit + 1 : limit;
    size_t row[STR_DISTANCE_MAX + 1];

    if (a.n > STR_DISTANCE_MAX || b.n > STR_DISTANCE_MAX) {
        return over;
    }
    if ((a.n > b.n ? a.n - b.n : b.n - a.n) > limit) {
        return over;
    }
    for (size_t j = 0; j <= b.n; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        size_t least = row[0] = i;

        for (size_t j = 1; j <= b.n; j++) {
            size_t above = row[j];
            size_t change = diagonal + (a.p[i - 1] == b.p[j - 1] ? 0u : 1u);

            row[j] = min3(above + 1, row[j - 1] + 1, change);
            diagonal = above;
            least = row[j] < least ? row[j] : least;
        }
        if (least > limit) {
            return over;
        }
    }
    return row[b.n] > limit ? over : row[b.n];
}

struct str str_nearest(struct str word, const struct str *names, size_t n)
{
    size_t limit = word.n / 3 > 2 ? word.n / 3 : 2;
    struct str best = STR_EMPTY;

    for (size_t i = 0; i < n; i++) {
        size_t longer = word.n > names[i].n ? word.n : names[i].n;
        size_t distance = str_distance(word, names[i], limit);

        /* Two short names without a common letter are not near. */
        if (distance <= limit && distance < longer) {
            best = names[i];
            if (distance == 0) {
                break;
            }
            limit = distance - 1;
        }
    }
    return best;
}

size_t str_utf8_char(struct str s)
{
    if (s.n == 0) {
        return 0;
    }
    const unsigned char *p = (const unsigned char *)s.p;
    unsigned char lead = p[0];
    if (lead < 0x80) {
        return 1;
    }
    /* The second byte's range excludes overlong forms, surrogates and values above U+10FFFF. */
    unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    size_t len = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;

    if (len == 0 || s.n < len || p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return len;
}

size_t str_utf8_prefix(struct str s)
{
    const uint64_t high_bits = UINT64_C(0x8080808080808080);
    size_t at = 0;

    while (at < s.n) {
        uint64_t word;
        while (s.n - at >= sizeof(word)) {
            memcpy(&word, s.p + at, sizeof(word));
            if (word & high_bits) {
                break;
            }
            at += sizeof(word);
        }
        if (at == s.n) {
            break;
        }
        size_t len = str_utf8_char(str_from(s, at));
        if (len == 0) {
            break;
        }
        at += len;
    }
    return at;
}

bool str_is_utf8(struct str s)
{
    return str_utf8_prefix(s) == s.n;
}

const char *str_show(struct str s, char *out)
{
    size_t n = 0;

    while (s.n > 0) {
        size_t len = str_utf8_char(s);
        unsigned char c = (unsigned char)s.p[0];
        bool control =
            c < 0x20 || c == 0x7F || (c == 0xC2 && len == 2 && (unsigned char)s.p[1] < 0xA0);

        if (n + (len ? len : 1) + sizeof("...") > STR_SHOW_MAX) {
            memcpy(out + n, "...", 3);
            n += 3;
            break;
        }
        if (len == 0 || control) {
            out[n++] = '?';
        } else {
            memcpy(out + n, s.p, len);
            n += len;
        }
        s = str_from(s, len ? len : 1);
    }
    out[n] = '\0';
    return out;
}
