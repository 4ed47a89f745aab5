#ifndef NET_TUNNEL_H
#define NET_TUNNEL_H

/*
 * A proxy's CONNECT: what to send, and what its answer means. Bytes in, bytes out.
 */
#include <stdint.h>

#include "core/attr.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"

struct tunnel;

enum tunnel_state { TUNNEL_WAITING = 0, TUNNEL_OPEN };

struct tunnel *tunnel_new(void);
void tunnel_free(struct tunnel *tunnel);

/* Appends the request; `authorization` (the value of Proxy-Authorization) may be NULL. */
void tunnel_ask(struct buf *out, const char *host, uint16_t port, const char *authorization);
/* Takes the proxy's bytes: 0 with the state, or ERR_UPSTREAM with the refusal. */
MUST_CHECK int tunnel_feed(struct tunnel *tunnel, struct str bytes, enum tunnel_state *ret_state,
                           struct error *err);

#endif
