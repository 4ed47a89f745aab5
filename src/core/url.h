#ifndef CORE_URL_H
#define CORE_URL_H

/*
 * http and https URLs, as configurations write them: scheme, host, port, path; user information is
 * accepted for proxies only and kept apart. No fragments, no queries.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/attr.h"
#include "core/error.h"
#include "core/str.h"

#define URL_HOST_MAX  253
#define URL_BYTES_MAX 2048

struct url {
    bool https;
    const char *host; /* NUL-terminated, without brackets for IPv6 */
    uint16_t port;    /* default 80 / 443 filled in */
    struct str path;  /* "" or "/v1": no slash at the end */
    struct str user;  /* "name:password", decoded, or empty */
};

/* Strings live in the arena. Errors say what was expected and never quote user information. */
MUST_CHECK int url_parse(struct str text, struct arena *arena, struct url *ret_url,
                         struct error *err);

/* %XX become bytes; what is no such escape stays. */
struct str url_decode(struct str s, struct arena *arena);

/* "host" or "host:port" as a Host header says it (the default port is left out). */
struct str url_authority(const struct url *url, struct arena *arena);

/* "127.0.0.1:8080", "[::1]:8080": address and port to listen on. */
MUST_CHECK int url_parse_listen(struct str text, struct arena *arena, const char **ret_address,
                                uint16_t *ret_port, struct error *err);
/* True for 127.0.0.0/8, ::1. */
bool url_is_loopback(const char *address);

#endif
