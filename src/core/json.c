#include "core/json.h"

#include <stdlib.h>
#include <string.h>

#include "core/json_text.h"

/* Behind the closing quote of the string whose first byte (after the opening quote) is text[at];
 * 0 when it does not end. */
static size_t string_end(struct str text, size_t at)
{
    size_t first = at;

    while (at < text.n) {
        const char *quote = memchr(text.p + at, '"', text.n - at);
        if (!quote) {
            return 0;
        }
        size_t end = (size_t)(quote - text.p);
        size_t backslashes = 0;
        /* Each run of backslashes is counted for one quote only: the whole stays linear. */
        while (end - backslashes > first && text.p[end - backslashes - 1] == '\\') {
            backslashes++;
        }
        at = end + 1;
        if (backslashes % 2 == 0) {
            return at;
        }
    }
    return 0;
}

/* Nesting as brackets outside strings tell; a broken document may give any number. */
static bool too_deep(struct str text, size_t *ret_at)
{
    size_t depth = 0;
    size_t at = 0;

    while (at < text.n) {
        char c = text.p[at++];

        if (c == '"') {
            at = string_end(text, at);
            if (at == 0) {
                return false;
            }
        } else if (c == '{' || c == '[') {
            depth++;
            if (depth > JSON_DEPTH_MAX) {
                *ret_at = at - 1;
                return true;
            }
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return false;
}

struct place {
    size_t line, column; /* 1-based; columns count characters */
};

static struct place place_of(struct str text, size_t at)
{
    struct place place = {1, 1};

    at = at < text.n ? at : text.n;
    for (size_t i = 0; i < at; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c == '\n') {
            place.line++;
            place.column = 1;
        } else if ((c & 0xC0) != 0x80) {
            place.column++;
        }
    }
    return place;
}

/* What the byte at a syntax error usually means. */
static const struct {
    char c;
    const char *hint;
} hints[] = {
    {'\'', "; strings are written in double quotes"      },
    {'/',  "; comments are not part of JSON"             },
    {'#',  "; comments are not part of JSON"             },
    {'N',  "; NaN and None are not part of JSON, null is"},
    {'T',  "; write true"                                },
    {'F',  "; write false"                               },
    {'+',  "; numbers have no plus sign"                 },
    {'.',  "; numbers start with a digit"                },
};

static int syntax_error(struct str text, const yyjson_read_err *why, struct error *err)
{
    struct place place = place_of(text, why->pos);
    const char *hint = "";
    char c = why->pos < text.n ? text.p[why->pos] : '\0';

    if (why->code != YYJSON_READ_ERROR_UNEXPECTED_CHARACTER || c <= ' ' || c > '~') {
        return error_set(err, ERR_INVALID, "invalid JSON at line %zu, column %zu: %s", place.line,
                         place.column, why->msg ? why->msg : "broken");
    }
    for (size_t i = 0; i < ARRAY_LEN(hints); i++) {
        if (hints[i].c == c) {
            hint = hints[i].hint;
        }
    }
    return error_set(err, ERR_INVALID, "invalid JSON at line %zu, column %zu: %s (found %c)%s",
                     place.line, place.column, why->msg ? why->msg : "broken", c, hint);
}

static int check_text(struct str text, struct error *err)
{
    size_t at = 0;

    if (text.n == 0) {
        return error_set(err, ERR_INVALID, "invalid JSON: the document is empty");
    }
    /* Each level takes a bracket, so that a short document cannot be too deep. */
    if (text.n > JSON_DEPTH_MAX && too_deep(text, &at)) {
        struct place place = place_of(text, at);
        return error_set(err, ERR_LIMIT, "JSON nests deeper than %d levels at line %zu, column %zu",
                         JSON_DEPTH_MAX, place.line, place.column);
    }
    return 0;
}

yyjson_doc *json_parse(struct str text, struct error *err)
{
    yyjson_read_err why = {0};

    if (check_text(text, err) != 0) {
        return NULL;
    }
    /* Without YYJSON_READ_INSITU the input is not written to; the type only lacks the const. */
    char *bytes = (char *)text.p;
    yyjson_doc *doc = yyjson_read_opts(bytes, text.n, YYJSON_READ_NOFLAG, NULL, &why);
    if (!doc) {
        BUG_ON(why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION);
        syntax_error(text, &why, err);
    }
    return doc;
}

static void free_doc(void *doc)
{
    yyjson_doc_free(doc);
}

int json_tree_parse(struct str text, struct arena *arena, struct json_tree *ret_tree,
                    struct error *err)
{
    yyjson_read_err why = {0};
    int rc = check_text(text, err);

    if (rc != 0) {
        return rc;
    }
    char *copy = arena_alloc(arena, text.n + YYJSON_PADDING_SIZE);
    memcpy(copy, text.p, text.n);
    yyjson_doc *doc = yyjson_read_opts(copy, text.n, YYJSON_READ_INSITU, NULL, &why);
    if (!doc) {
        BUG_ON(why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION);
        return syntax_error(text, &why, err);
    }
    arena_defer(arena, free_doc, doc);
    *ret_tree = (struct json_tree){.root = yyjson_doc_get_root(doc), .text = text, .copy = copy};
    return 0;
}

/* --- the scanner ------------------------------------------------------------------------- */

static size_t skip_space(struct str text, size_t at)
{
    while (at < text.n &&
           (text.p[at] == ' ' || text.p[at] == '\n' || text.p[at] == '\r' || text.p[at] == '\t')) {
        at++;
    }
    return at;
}

static bool is_digit_at(struct str text, size_t at)
{
    return at < text.n && text.p[at] >= '0' && text.p[at] <= '9';
}

static size_t skip_digits(struct str text, size_t at)
{
    while (is_digit_at(text, at)) {
        at++;
    }
    return at;
}

/* Numbers no longer than this and without an exponent have a value for certain. */
#define NUMBER_CERTAIN_BYTES 64

/* A number too large for a double is no JSON to most readers, yyjson among them. */
static bool has_value(struct str number)
{
    char *bytes = (char *)number.p; /* not written to, see json_parse */
    yyjson_doc *doc = yyjson_read_opts(bytes, number.n, YYJSON_READ_NOFLAG, NULL, NULL);

    yyjson_doc_free(doc);
    return doc != NULL;
}

/* Behind a number that starts at `at`; 0 when there is none. */
static size_t number_end(struct str text, size_t at)
{
    size_t first = at;
    bool certain = true;

    if (at < text.n && text.p[at] == '-') {
        at++;
    }
    if (!is_digit_at(text, at)) {
        return 0;
    }
    at = text.p[at] == '0' ? at + 1 : skip_digits(text, at);
    if (at < text.n && text.p[at] == '.') {
        if (!is_digit_at(text, at + 1)) {
            return 0;
        }
        at = skip_digits(text, at + 1);
    }
    if (at < text.n && (text.p[at] == 'e' || text.p[at] == 'E')) {
        at++;
        if (at < text.n && (text.p[at] == '+' || text.p[at] == '-')) {
            at++;
        }
        if (!is_digit_at(text, at)) {
            return 0;
        }
        at = skip_digits(text, at);
        certain = false;
    }
    certain = certain && at - first <= NUMBER_CERTAIN_BYTES;
    return certain || has_value(str_make(text.p + first, at - first)) ? at : 0;
}

/* Behind the string, number or literal that starts at `at`; 0 when there is none. */
static size_t scalar_end(struct str text, size_t at)
{
    static const struct str literals[] = {
        {"true",  4},
        {"false", 5},
        {"null",  4}
    };

    if (at >= text.n) {
        return 0;
    }
    if (text.p[at] == '"') {
        return json_text_end(text, at + 1);
    }
    for (size_t i = 0; i < ARRAY_LEN(literals); i++) {
        if (text.p[at] == literals[i].p[0]) {
            return str_starts(str_from(text, at), literals[i]) ? at + literals[i].n : 0;
        }
    }
    return number_end(text, at);
}

/* Behind the colon, and the spaces there, that follow a key which ends at `at`; 0 if broken. */
static size_t value_start(struct str text, size_t at)
{
    at = skip_space(text, at);
    return at < text.n && text.p[at] == ':' ? skip_space(text, at + 1) : 0;
}

/* Behind the key whose opening quote is expected at `at`; 0 if broken. */
static size_t key_end(struct str text, size_t at)
{
    return at < text.n && text.p[at] == '"' ? json_text_end(text, at + 1) : 0;
}

/* From the key that is expected at `at` to its value; 0 if broken. */
static size_t pass_key(struct str text, size_t at)
{
    at = key_end(text, at);
    return at == 0 ? 0 : value_start(text, at);
}

/* Which brackets are open: one bit a level, set for objects. */
struct nesting {
    uint64_t bits[JSON_DEPTH_MAX / 64];
    size_t depth;
};

static bool in_object(const struct nesting *nest)
{
    size_t top = nest->depth - 1;

    return (nest->bits[top / 64] >> (top % 64)) & 1;
}

/* Enters the bracket at text[at] and moves to its first value or its closing bracket; 0 if
 * broken. An empty one is left at once. */
static size_t enter(struct str text, size_t at, struct nesting *nest, bool *ret_closed)
{
    bool object = text.p[at] == '{';
    size_t top = nest->depth;

    if (top == JSON_DEPTH_MAX - 1) { /* the scanned object itself is a level */
        return 0;
    }
    nest->bits[top / 64] &= ~(UINT64_C(1) << (top % 64));
    nest->bits[top / 64] |= (uint64_t)object << (top % 64);
    nest->depth++;
    at = skip_space(text, at + 1);
    if (at < text.n && text.p[at] == (object ? '}' : ']')) {
        nest->depth--;
        *ret_closed = true;
        return at + 1;
    }
    *ret_closed = false;
    return object ? pass_key(text, at) : at;
}

/* After a whole value: closes what ends here and moves to the next value. Depth 0 ends it all. */
static size_t leave(struct str text, size_t at, struct nesting *nest)
{
    while (nest->depth > 0) {
        at = skip_space(text, at);
        if (at >= text.n) {
            return 0;
        }
        bool object = in_object(nest);
        if (text.p[at] == ',') {
            at = skip_space(text, at + 1);
            return object ? pass_key(text, at) : at;
        }
        if (text.p[at] != (object ? '}' : ']')) {
            return 0;
        }
        nest->depth--;
        at++;
    }
    return at;
}

/* Behind the whole value that starts at `at`; 0 when it is broken or too deep. */
static size_t value_end(struct str text, size_t at)
{
    struct nesting nest = {.depth = 0};

    do {
        bool whole = true;

        if (at < text.n && (text.p[at] == '{' || text.p[at] == '[')) {
            at = enter(text, at, &nest, &whole);
        } else {
            at = scalar_end(text, at);
        }
        if (at == 0) {
            return 0;
        }
        if (whole) {
            at = leave(text, at, &nest);
        }
    } while (at != 0 && nest.depth > 0);
    return at;
}

struct str json_tree_raw(const struct json_tree *tree, yyjson_val *key)
{
    /* Strings are taken apart where they stand, from their first byte on. */
    size_t at = (size_t)(yyjson_get_str(key) - tree->copy);
    BUG_ON(at == 0 || at >= tree->text.n);
    size_t start = pass_key(tree->text, at - 1);
    size_t end = start ? value_end(tree->text, start) : 0;
    BUG_ON(end == 0);
    return str_make(tree->text.p + start, end - start);
}

void json_scan_init(struct json_scan *scan, struct str text)
{
    *scan = (struct json_scan){.text = text};
}

static bool fail(struct json_scan *scan)
{
    scan->failed = true;
    return false;
}

/* Behind the object's closing bracket nothing but spaces may follow. */
static bool finish(struct json_scan *scan, size_t at)
{
    scan->at = skip_space(scan->text, at);
    return scan->at == scan->text.n ? true : fail(scan);
}

static bool start(struct json_scan *scan)
{
    size_t at = skip_space(scan->text, 0);

    scan->started = true;
    if (at >= scan->text.n || scan->text.p[at] != '{') {
        return fail(scan);
    }
    at = skip_space(scan->text, at + 1);
    if (at >= scan->text.n) {
        return fail(scan);
    }
    if (scan->text.p[at] == '}') {
        return finish(scan, at + 1);
    }
    scan->at = at;
    return true;
}

bool json_scan_next(struct json_scan *scan, struct json_member *ret_member)
{
    struct str text = scan->text;

    if (scan->failed || (!scan->started && !start(scan)) || scan->at >= text.n) {
        return false;
    }
    size_t key = scan->at;
    size_t behind_key = key_end(text, key);
    size_t value = behind_key ? value_start(text, behind_key) : 0;
    size_t end = value ? value_end(text, value) : 0;
    if (end == 0) {
        return fail(scan);
    }
    /* What follows is checked before the member is handed out; at == text.n means the end. */
    size_t next = skip_space(text, end);
    if (next >= text.n || (text.p[next] != ',' && text.p[next] != '}')) {
        return fail(scan);
    }
    if (text.p[next] == '}') {
        if (!finish(scan, next + 1)) {
            return false;
        }
    } else {
        scan->at = skip_space(text, next + 1);
        if (scan->at >= text.n) {
            return fail(scan);
        }
    }
    *ret_member = (struct json_member){
        .key = str_make(text.p + key + 1, behind_key - key - 2),
        .value = str_make(text.p + value, end - value),
        .start = key,
        .end = end,
    };
    return true;
}

bool json_scan_ok(const struct json_scan *scan)
{
    return !scan->failed;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Takes one character off *key; -1 when it is no ASCII character or badly escaped. */
static int take_ascii(struct str *key)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    size_t used = 1;
    int c = (unsigned char)key->p[0];

    if (c == '\\') {
        char kind = key->n > 1 ? key->p[1] : '\0';
        const char *hit = kind ? strchr(from, kind) : NULL;

        used = 2;
        c = hit ? to[hit - from] : -1;
        if (kind == 'u' && key->n >= 6) {
            used = 6;
            c = 0;
            for (size_t i = 2; i < 6 && c >= 0; i++) {
                int digit = hex_value(key->p[i]);
                c = digit < 0 ? -1 : c * 16 + digit;
            }
        }
    }
    *key = str_from(*key, used);
    return c < 0x80 ? c : -1;
}

bool json_key_is(struct str key, const char *name)
{
    size_t n = strlen(name);
    if (key.n == n && memcmp(key.p, name, n) == 0) {
        return !memchr(name, '\\', n);
    }
    if (key.n <= n || !memchr(key.p, '\\', key.n)) {
        return false; /* an escape is longer than what it stands for */
    }
    while (key.n > 0 && *name) {
        if (take_ascii(&key) != (unsigned char)*name) {
            return false;
        }
        name++;
    }
    return key.n == 0 && !*name;
}

bool json_find(struct str object, const char *name, struct json_member *ret_member,
               size_t *ret_count)
{
    struct json_scan scan;
    struct json_member member;
    struct json_member first = {0};
    size_t count = 0;

    json_scan_init(&scan, object);
    while (json_scan_next(&scan, &member)) {
        if (!json_key_is(member.key, name)) {
            continue;
        }
        if (count == 0) {
            first = member;
        }
        count++;
        if (!ret_count) {
            break; /* nobody wants to know about more */
        }
    }
    if (count == 0 || !json_scan_ok(&scan)) {
        return false;
    }
    *ret_member = first;
    if (ret_count) {
        *ret_count = count;
    }
    return true;
}

/* --- conveniences ------------------------------------------------------------------------ */

struct str json_str(yyjson_val *value)
{
    const char *text = yyjson_get_str(value);

    return text ? str_make(text, yyjson_get_len(value)) : STR_EMPTY;
}

struct str json_get_str(yyjson_val *object, const char *key)
{
    return json_str(yyjson_obj_get(object, key));
}

int64_t json_get_i64(yyjson_val *object, const char *key, int64_t fallback)
{
    const double exact_max = 9007199254740992.0; /* 2^53: above it doubles skip integers */
    yyjson_val *value = yyjson_obj_get(object, key);

    if (yyjson_is_sint(value)) {
        return yyjson_get_sint(value);
    }
    if (yyjson_is_uint(value)) {
        uint64_t number = yyjson_get_uint(value);
        return number <= INT64_MAX ? (int64_t)number : fallback;
    }
    if (yyjson_is_real(value)) { /* JSON does not tell 12 from 12.0 */
        double number = yyjson_get_real(value);
        if (number >= -exact_max && number <= exact_max && number == (double)(int64_t)number) {
            return (int64_t)number;
        }
    }
    return fallback;
}

double json_get_num(yyjson_val *object, const char *key, double fallback)
{
    yyjson_val *value = yyjson_obj_get(object, key);

    return yyjson_is_num(value) ? yyjson_get_num(value) : fallback;
}

bool json_get_bool(yyjson_val *object, const char *key, bool fallback)
{
    yyjson_val *value = yyjson_obj_get(object, key);

    return yyjson_is_bool(value) ? yyjson_get_bool(value) : fallback;
}

void json_write(struct buf *out, yyjson_val *value)
{
    size_t n = 0;
    char *text = value ? yyjson_val_write(value, YYJSON_WRITE_NOFLAG, &n) : NULL;

    if (text) {
        buf_put(out, text, n);
        free(text);
    } else {
        buf_puts(out, "null");
    }
}
