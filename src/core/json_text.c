#include "core/json_text.h"

#include <endian.h>
#include <stdint.h>

#ifdef __SSE2__
#    include <emmintrin.h>
#endif

/* Two ways to look at several bytes at once. */

#ifdef __SSE2__

#    define STEP_BYTES 16

/* A bit for each of the bytes at p that a JSON string may not hold as it is: below 0x20, quote,
 * backslash or not ASCII. */
static inline uint64_t special_bytes(const char *p)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)p);
    __m128i quote = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    __m128i backslash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    /* As signed numbers, bytes that are not ASCII are below 0x20 as well. */
    __m128i low = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));

    return (unsigned)_mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(quote, backslash)));
}

static inline size_t first_special(uint64_t marks)
{
    return (size_t)__builtin_ctzll(marks);
}

#else

#    define STEP_BYTES 8

/* The same in the high bit of each byte of a word. A byte above such a one may be marked too; the
 * lowest mark is exact. */
static inline uint64_t special_bytes(const char *p)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t high = UINT64_C(0x8080808080808080);
    uint64_t word;
    memcpy(&word, p, sizeof(word));
    word = le64toh(word);
    uint64_t quote = word ^ (ones * '"');
    uint64_t backslash = word ^ (ones * '\\');

    return (word | ((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) |
            ((backslash - ones) & ~backslash)) &
           high;
}

static inline size_t first_special(uint64_t marks)
{
    return (size_t)__builtin_ctzll(marks) / 8;
}

#endif

static inline bool is_plain_ascii(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Offset of the first byte at or behind `at` that is not plain ASCII. */
static inline size_t skip_plain(struct str s, size_t at)
{
    for (; s.n - at >= STEP_BYTES; at += STEP_BYTES) {
        uint64_t marks = special_bytes(s.p + at);
        if (marks) {
            return at + first_special(marks);
        }
    }
    while (at < s.n && is_plain_ascii((unsigned char)s.p[at])) {
        at++;
    }
    return at;
}

/* The same for what is plain or a whole character of UTF-8. */
static inline size_t skip_text(struct str s, size_t at)
{
    at = skip_plain(s, at);
    while (at < s.n && (unsigned char)s.p[at] >= 0x80) {
        size_t len = str_utf8_char(str_from(s, at));
        if (len == 0) {
            break;
        }
        at = skip_plain(s, at + len);
    }
    return at;
}

size_t json_text_plain(struct str s)
{
    return skip_text(s, 0);
}

/* The code unit of "\uXXXX" at the start of s, or -1. */
static int32_t code_unit(struct str s)
{
    int32_t unit = 0;

    if (s.n < 6 || s.p[0] != '\\' || s.p[1] != 'u') {
        return -1;
    }
    for (size_t i = 2; i < 6; i++) {
        char c = s.p[i];
        char small = (char)(c | 0x20);
        bool digit = c >= '0' && c <= '9';
        if (!digit && (small < 'a' || small > 'f')) {
            return -1;
        }
        unit = unit * 16 + (digit ? c - '0' : small - 'a' + 10);
    }
    return unit;
}

static inline bool is_short_escape(char c)
{
    return c == 'n' || c == '"' || c == '\\' || c == 't' || c == 'r' || c == '/' || c == 'b' ||
           c == 'f';
}

size_t json_text_escape(struct str s)
{
    if (s.n < 2 || s.p[0] != '\\') {
        return 0;
    }
    if (s.p[1] != 'u') {
        return is_short_escape(s.p[1]) ? 2 : 0;
    }
    int32_t unit = code_unit(s);
    if (unit < 0xd800 || unit >= 0xe000) {
        return unit < 0 ? 0 : 6;
    }
    int32_t low = unit < 0xdc00 ? code_unit(str_from(s, 6)) : -1;
    return low >= 0xdc00 && low < 0xe000 ? 12 : 0;
}

size_t json_text_end(struct str text, size_t at)
{
    for (;;) {
        at = skip_text(text, at);
        if (at >= text.n) {
            return 0;
        }
        if (text.p[at] == '"') {
            return at + 1;
        }
        size_t n = json_text_escape(str_from(text, at));
        if (n == 0) {
            return 0;
        }
        at += n;
    }
}
