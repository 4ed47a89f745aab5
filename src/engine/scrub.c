#include "engine/scrub.h"

#include <string.h>

/* Parts of header names, in lower case. */
static const char *const telling_names[] = {"key",    "token",  "secret",   "auth",
                                            "cookie", "passwd", "password", "credential"};

static bool contains_nocase(struct str s, const char *part)
{
    struct str wanted = str_of(part);
    for (size_t i = 0; i + wanted.n <= s.n; i++) {
        if (str_starts_nocase(str_from(s, i), wanted)) {
            return true;
        }
    }
    return false;
}

static bool name_tells(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(telling_names); i++) {
        if (contains_nocase(name, telling_names[i])) {
            return true;
        }
    }
    return false;
}

static void mask(struct str secret, char *bytes, size_t n)
{
    struct str rest = str_make(bytes, n);
    ptrdiff_t at = secret.n >= SCRUB_BYTES_MIN ? str_find(rest, secret) : -1;
    while (at >= 0) {
        memset(bytes + (rest.p - bytes) + at, '*', secret.n);
        rest = str_from(rest, (size_t)at + secret.n);
        at = str_find(rest, secret);
    }
}

/* "Bearer abc" is quoted as "abc" as well. */
static struct str without_scheme(struct str value)
{
    size_t at = value.n;
    while (at > 0 && value.p[at - 1] != ' ') {
        at--;
    }
    return str_from(value, at);
}

void scrub(const struct settings_provider *p, char *bytes, size_t n)
{
    for (size_t i = 0; i < p->api_key_count; i++) {
        mask(p->api_keys[i].secret, bytes, n);
    }
    for (size_t i = 0; i < p->header_count; i++) {
        if (name_tells(p->headers[i].name)) {
            mask(p->headers[i].value, bytes, n);
            mask(without_scheme(p->headers[i].value), bytes, n);
        }
    }
}
