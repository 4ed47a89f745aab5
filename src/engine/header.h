#ifndef ENGINE_HEADER_H
#define ENGINE_HEADER_H

/*
 * Which headers cross weir, in each direction, and the head of a request to a provider.
 *
 * From the client everything passes except what belongs to the hop, what identifies the caller to
 * weir (its key never reaches a provider), cookies, and weir's own. From the provider everything
 * passes except what belongs to the hop and cookies; its rate limits are about weir's account and
 * come under the prefix x-weir-upstream-.
 */
#include <stddef.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/str.h"
#include "engine/settings.h"
#include "llm/dialect.h"
#include "net/http1.h"

#define HEADER_REQUEST_BYTES_MAX (128u << 10)
#define HEADER_UPSTREAM_PREFIX   "x-weir-upstream-"

struct header_request {
    const struct settings_provider *provider;
    const struct settings_api_key *key; /* NULL = none */
    struct str method, path, query;     /* path as the client asked: "/v1/..." */
    const struct http_head *client;
    size_t body_bytes;
    bool has_body;
};

/* Appends request line and headers. The path is that of base_url and the client's, without a
 * doubled /v1. */
void header_write_request(struct buf *out, const struct header_request *request);

/* Copies the headers that go to the client into `out` (at most `max`), names and values in the
 * arena; returns how many. */
size_t header_filter_answer(const struct http_head *head, struct arena *arena,
                            struct http_header *out, size_t max);

#endif
