#ifndef NET_FETCH_H
#define NET_FETCH_H

/*
 * One HTTP exchange, waited for: for commands, which have nothing else to do meanwhile.
 * Never used inside the gateway.
 */
#include <stdint.h>

#include "core/attr.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"

struct fetch_request {
    const char *method;
    const char *host;
    uint16_t port;
    const char *path;
    struct str headers; /* "name: value\r\n"... or empty */
    struct str body;
    int64_t timeout_ms;
    /* Called with each piece of a 2xx body as it comes; NULL: collected in ret_body only. */
    void (*on_bytes)(void *ctx, struct str bytes);
    void *ctx;
};

/* `ret_body` must be initialised; 0 with the status, or a code with the reason. */
MUST_CHECK int fetch(const struct fetch_request *request, int *ret_status, struct buf *ret_body,
                     struct error *err);

#endif
