#include "llm/skim.h"

#include <string.h>

void skim_init(struct skim *skim, struct str text)
{
    /* Set one by one: entries of the path are written before they are read. */
    skim->text = text;
    skim->at = 0;
    skim->key_start = 0;
    skim->key = STR_EMPTY;
    skim->depth = 0;
    skim->path[0] = STR_EMPTY;
}

/* Offset of the quote that ends the string whose first byte is at `at`, or the text's length. */
static size_t string_end(struct str text, size_t at)
{
    size_t from = at;
    while (from < text.n) {
        const char *quote = memchr(text.p + from, '"', text.n - from);
        if (!quote) {
            return text.n;
        }
        size_t end = (size_t)(quote - text.p);
        size_t slash = end;
        while (slash > at && text.p[slash - 1] == '\\') {
            slash--;
        }
        /* An odd run of backslashes escapes the quote. */
        if ((end - slash) % 2 == 0) {
            return end;
        }
        from = end + 1;
    }
    return text.n;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool ends_scalar(char c)
{
    return is_space(c) || c == ',' || c == ':' || c == ']' || c == '}' || c == '[' || c == '{' ||
           c == '"';
}

static void open_container(struct skim *skim, struct skim_value *value)
{
    value->type = skim->text.p[skim->at] == '{' ? SKIM_OBJECT : SKIM_ARRAY;
    value->text = str_make(skim->text.p + skim->at, 1);
    skim->at++;
    skim->depth++;
    if (skim->depth <= SKIM_PATH_MAX) {
        skim->path[skim->depth] = value->key;
    }
}

static void read_scalar(struct skim *skim, struct skim_value *value)
{
    size_t start = skim->at;
    char first = skim->text.p[start];
    while (skim->at < skim->text.n && !ends_scalar(skim->text.p[skim->at])) {
        skim->at++;
    }
    value->type = first == '-' || (first >= '0' && first <= '9') ? SKIM_NUMBER : SKIM_WORD;
    value->text = str_make(skim->text.p + start, skim->at - start);
}

/* Reads a string; true when it is a value, false when it is a key and the value is still to come.
 */
static bool read_string(struct skim *skim, struct skim_value *value)
{
    size_t open = skim->at;
    size_t end = string_end(skim->text, open + 1);
    struct str text = str_make(skim->text.p + open + 1, end - open - 1);
    skim->at = end < skim->text.n ? end + 1 : end;
    size_t colon = skim->at;
    while (colon < skim->text.n && is_space(skim->text.p[colon])) {
        colon++;
    }
    if (colon < skim->text.n && skim->text.p[colon] == ':') {
        skim->at = colon + 1;
        skim->key = text;
        skim->key_start = open + 1;
        return false;
    }
    value->type = SKIM_STRING;
    value->text = text;
    return true;
}

static void forget_key(struct skim *skim)
{
    skim->key = STR_EMPTY;
    skim->key_start = 0;
}

/* Reads the value at skim->at; false when it was a key. */
static bool read_value(struct skim *skim, char first, struct skim_value *value)
{
    value->depth = skim->depth;
    value->key = skim->key;
    value->start = skim->key_start > 0 ? skim->key_start - 1 : skim->at;
    if (first == '"') {
        if (!read_string(skim, value)) {
            return false;
        }
    } else if (first == '{' || first == '[') {
        open_container(skim, value);
    } else {
        read_scalar(skim, value);
    }
    value->end = skim->at;
    forget_key(skim);
    return true;
}

bool skim_next(struct skim *skim, struct skim_value *ret_value)
{
    struct skim_value value;
    while (skim->at < skim->text.n) {
        char c = skim->text.p[skim->at];
        if (is_space(c) || c == ',' || c == ':') {
            skim->at++;
        } else if (c == '}' || c == ']') {
            skim->at++;
            skim->depth -= skim->depth > 0 ? 1 : 0;
            forget_key(skim);
        } else if (read_value(skim, c, &value)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

void skim_skip(struct skim *skim, struct skim_value *value)
{
    unsigned outside = value->depth;
    size_t start = value->end - 1;
    while (skim->at < skim->text.n && skim->depth > outside) {
        char c = skim->text.p[skim->at];
        if (c == '"') {
            size_t end = string_end(skim->text, skim->at + 1);
            skim->at = end < skim->text.n ? end + 1 : end;
            continue;
        }
        if (c == '{' || c == '[') {
            skim->depth++;
        } else if (c == '}' || c == ']') {
            skim->depth--;
        }
        skim->at++;
    }
    skim->depth = outside;
    value->end = skim->at;
    value->text = str_make(skim->text.p + start, skim->at - start);
}

bool skim_inside(const struct skim *skim, unsigned depth, const char *key)
{
    return depth <= SKIM_PATH_MAX && depth <= skim->depth && str_is(skim->path[depth], key);
}

int64_t skim_i64(const struct skim_value *value, int64_t fallback)
{
    if (value->type != SKIM_NUMBER) {
        return fallback;
    }
    struct str whole = value->text;
    ptrdiff_t dot = str_find_char(whole, '.');
    int64_t number = fallback;
    if (str_to_i64(dot < 0 ? whole : str_head(whole, (size_t)dot), &number) < 0) {
        return fallback;
    }
    return number;
}

bool skim_is_null(const struct skim_value *value)
{
    return value->type == SKIM_WORD && str_is(value->text, "null");
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The code unit of "\u" and four hex digits at `at`, or -1. */
static int32_t read_unit(struct str text, size_t at)
{
    if (at + 6 > text.n || text.p[at] != '\\' || text.p[at + 1] != 'u') {
        return -1;
    }
    int32_t unit = 0;
    for (size_t i = 2; i < 6; i++) {
        int digit = hex_digit(text.p[at + i]);
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

static size_t encode_utf8(uint32_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | (code >> 6));
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | (code >> 12));
        out[1] = (char)(0x80 | ((code >> 6) & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | (code >> 18));
    out[1] = (char)(0x80 | ((code >> 12) & 0x3f));
    out[2] = (char)(0x80 | ((code >> 6) & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* What the letter behind a backslash stands for. */
static uint32_t short_escape(char c)
{
    static const struct {
        char letter;
        char meaning;
    } rows[] = {
        {'n', '\n'},
        {'t', '\t'},
        {'r', '\r'},
        {'b', '\b'},
        {'f', '\f'}
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].letter == c) {
            return (uint32_t)rows[i].meaning;
        }
    }
    return (uint32_t)(unsigned char)c;
}

uint32_t skim_escape(struct str text, size_t *at)
{
    int32_t unit = read_unit(text, *at);
    if (unit < 0) {
        char c = *at + 1 < text.n ? text.p[*at + 1] : '\\';
        /* Nothing but ASCII can be escaped: a longer character is read on its own. */
        bool ascii = (unsigned char)c < 0x80;
        *at += ascii && *at + 1 < text.n ? 2 : 1;
        return ascii ? short_escape(c) : '\\';
    }
    *at += 6;
    if (unit >= 0xd800 && unit < 0xdc00) {
        int32_t low = read_unit(text, *at);
        if (low >= 0xdc00 && low < 0xe000) {
            *at += 6;
            return 0x10000 + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
        }
    }
    return unit >= 0xd800 && unit < 0xe000 ? 0xfffd : (uint32_t)unit;
}

struct str skim_text(struct str text, struct buf *scratch)
{
    size_t at = 0;
    ptrdiff_t escape = str_find_char(text, '\\');
    if (escape < 0) {
        return text;
    }
    buf_clear(scratch);
    while (escape >= 0) {
        char decoded[4];
        buf_put(scratch, text.p + at, (size_t)escape);
        at += (size_t)escape;
        buf_put(scratch, decoded, encode_utf8(skim_escape(text, &at), decoded));
        escape = str_find_char(str_from(text, at), '\\');
    }
    buf_put_str(scratch, str_from(text, at));
    return buf_str(scratch);
}

void skim_copy(struct str text, char *out, size_t size)
{
    size_t n = 0;
    size_t at = 0;
    while (at < text.n) {
        char decoded[4];
        const char *from = text.p + at;
        size_t bytes = 1;
        if (text.p[at] == '\\') {
            bytes = encode_utf8(skim_escape(text, &at), decoded);
            from = decoded;
        } else if ((unsigned char)text.p[at] < 0x80) {
            at++;
        } else {
            size_t whole = str_utf8_char(str_from(text, at));
            bytes = whole > 0 ? whole : 1;
            decoded[0] = '?';
            from = whole > 0 ? from : decoded;
            at += bytes;
        }
        if (n + bytes >= size) {
            break;
        }
        memcpy(out + n, from, bytes);
        if (bytes == 1 && ((unsigned char)out[n] < ' ' || out[n] == 0x7f)) {
            out[n] = ' ';
        }
        n += bytes;
    }
    out[n] = '\0';
}
