#ifndef NET_LISTEN_H
#define NET_LISTEN_H

/*
 * A socket bound to an address, for a server to listen on.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/error.h"

/* `address` is an IP literal; port 0 takes any. With `reuseport` several may be bound to one port,
 * and the kernel spreads connections over those that listen. The descriptor is non-blocking and the
 * caller's. ERR_INVALID: no address; ERR_IO: the system refused, and why. */
MUST_CHECK int listen_open(const char *address, uint16_t port, bool reuseport, int *ret_fd,
                           struct error *err);

#endif
