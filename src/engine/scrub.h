#ifndef ENGINE_SCRUB_H
#define ENGINE_SCRUB_H

/*
 * What weir shows a provider and nobody else: its API keys, and values of configured extra headers
 * whose name says that they are secret (api-key, x-auth-token, cookie ...). Providers and proxies
 * quote them when they refuse; what comes back is searched before it reaches a client or a trace.
 *
 * Secrets are found as they are written, not in an encoding of them. Those below SCRUB_BYTES_MIN
 * bytes are left alone: they would mask ordinary text.
 */
#include <stddef.h>

#include "engine/settings.h"

#define SCRUB_BYTES_MIN 4

/* Puts '*' in the place of each secret of `p` in the `n` bytes; their number stays. */
void scrub(const struct settings_provider *p, char *bytes, size_t n);

#endif
