#ifndef GATEWAY_LIMIT_H
#define GATEWAY_LIMIT_H

/*
 * How a limit is told to the caller: which one, whose, how long, in the words and headers of the
 * dialect, so that SDKs wait as long as is right and do not try what cannot succeed.
 */
#include <stddef.h>

#include "engine/admission.h"
#include "gateway/exchange.h"

/* retry-after, retry-after-ms, and three headers for each of four limits. */
#define LIMIT_HEADERS_MAX 14

/* Sets the refusal; returns PHASE_FAIL. */
int limit_refuse(struct exchange *x, const struct governor_refusal *refusal);
/* The same for what admission_take may return besides OK and REFUSED. */
int limit_refuse_result(struct exchange *x, enum admission_result result);

/* What the caller's key has left, and when to try again; for a refusal that was set above. The
 * texts are in the request's arena. Returns how many headers it has written. */
size_t limit_headers(struct exchange *x, struct http_header *out);

#endif
