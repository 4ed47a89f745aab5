#include "core/url.h"

#include <arpa/inet.h>

static int parse_port(struct str text, uint16_t *ret_port, struct error *err)
{
    uint64_t port = 0;
    if (str_to_u64(text, &port) != 0 || port > 65535) {
        return error_set(err, ERR_INVALID, "\"%.*s\" is no port (0 to 65535)",
                         STR_ARG(str_head(text, 20)));
    }
    *ret_port = (uint16_t)port;
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct str url_decode(struct str s, struct arena *arena)
{
    char *out = arena_alloc(arena, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        int high = s.p[i] == '%' && i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(s.p[i + 2]) : -1;
        if (low >= 0) {
            out[n++] = (char)(high * 16 + low);
            i += 2;
        } else {
            out[n++] = s.p[i];
        }
    }
    return str_make(out, n);
}

static bool host_is_sound(struct str host)
{
    if (host.n == 0 || host.n > URL_HOST_MAX) {
        return false;
    }
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '-' || c == '_' || c == ':';
        if (!fine) {
            return false;
        }
    }
    return true;
}

/* Splits "host:port", "[v6]:port", "host"; *ret_port is left alone when none is given. */
static int split_authority(struct str text, struct str *ret_host, uint16_t *ret_port,
                           struct error *err)
{
    struct str host = text;
    struct str port = STR_EMPTY;
    if (text.n > 0 && text.p[0] == '[') {
        ptrdiff_t end = str_find_char(text, ']');
        if (end < 0) {
            return error_set(err, ERR_INVALID, "the address lacks its \"]\"");
        }
        host = str_make(text.p + 1, (size_t)end - 1);
        port = str_from(text, (size_t)end + 1);
    } else {
        ptrdiff_t colon = str_find_char(text, ':');
        if (colon >= 0) {
            host = str_head(text, (size_t)colon);
            port = str_from(text, (size_t)colon);
        }
    }
    if (!host_is_sound(host)) {
        return error_set(err, ERR_INVALID, "a host name or address was expected");
    }
    *ret_host = host;
    if (port.n == 0) {
        return 0;
    }
    if (port.p[0] != ':') {
        return error_set(err, ERR_INVALID, "\":PORT\" was expected behind the address");
    }
    return parse_port(str_from(port, 1), ret_port, err);
}

int url_parse(struct str text, struct arena *arena, struct url *ret_url, struct error *err)
{
    struct url url = {.user = STR_EMPTY, .path = STR_EMPTY};
    struct str rest;

    if (text.n > URL_BYTES_MAX) {
        return error_set(err, ERR_LIMIT, "the URL is longer than %d bytes", URL_BYTES_MAX);
    }
    if (str_starts_nocase(text, STR("https://"))) {
        url.https = true;
        url.port = 443;
        rest = str_from(text, 8);
    } else if (str_starts_nocase(text, STR("http://"))) {
        url.port = 80;
        rest = str_from(text, 7);
    } else {
        return error_set(err, ERR_INVALID,
                         "a URL that starts with http:// or https:// was expected");
    }
    ptrdiff_t slash = str_find_char(rest, '/');
    struct str authority = slash < 0 ? rest : str_head(rest, (size_t)slash);
    struct str path = slash < 0 ? STR_EMPTY : str_from(rest, (size_t)slash);
    for (size_t i = authority.n; i > 0; i--) {
        if (authority.p[i - 1] == '@') {
            url.user = url_decode(str_head(authority, i - 1), arena);
            authority = str_from(authority, i);
            break;
        }
    }
    struct str host = STR_EMPTY;
    int rc = split_authority(authority, &host, &url.port, err);
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < path.n; i++) {
        if (path.p[i] == '?' || path.p[i] == '#' || (unsigned char)path.p[i] <= ' ') {
            return error_set(err, ERR_INVALID, "the URL must not hold a query, fragment or space");
        }
    }
    while (path.n > 0 && path.p[path.n - 1] == '/') {
        path.n--;
    }
    url.host = arena_cstr(arena, host);
    url.path = arena_str(arena, path);
    *ret_url = url;
    return 0;
}

struct str url_authority(const struct url *url, struct arena *arena)
{
    bool v6 = strchr(url->host, ':') != NULL;
    const char *left = v6 ? "[" : "";
    const char *right = v6 ? "]" : "";
    if (url->port == (url->https ? 443 : 80)) {
        return arena_printf(arena, "%s%s%s", left, url->host, right);
    }
    return arena_printf(arena, "%s%s%s:%u", left, url->host, right, url->port);
}

int url_parse_listen(struct str text, struct arena *arena, const char **ret_address,
                     uint16_t *ret_port, struct error *err)
{
    struct str host = STR_EMPTY;
    uint16_t port = 0;
    bool has_port = false;
    unsigned char bytes[16];

    if (text.n > 0 && text.p[0] == ':') {
        return error_set(err, ERR_INVALID, "name the address too: 127.0.0.1%.*s",
                         STR_ARG(str_head(text, 20)));
    }
    ptrdiff_t close = str_find_char(text, ']');
    has_port = str_find_char(str_from(text, close < 0 ? 0 : (size_t)close), ':') >= 0;
    int rc = split_authority(text, &host, &port, err);
    if (rc != 0) {
        return rc;
    }
    const char *address = arena_cstr(arena, str_is(host, "localhost") ? STR("127.0.0.1") : host);
    if (!has_port ||
        (inet_pton(AF_INET, address, bytes) != 1 && inet_pton(AF_INET6, address, bytes) != 1)) {
        return error_set(err, ERR_INVALID,
                         "an address with port was expected, as in 127.0.0.1:8080");
    }
    *ret_address = address;
    *ret_port = port;
    return 0;
}

bool url_is_loopback(const char *address)
{
    return strncmp(address, "127.", 4) == 0 || strcmp(address, "::1") == 0;
}
