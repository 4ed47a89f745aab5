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
#include "llm/message.h"
#include "net/http1.h"

#define HEADER_REQUEST_BYTES_MAX (128u << 10)
#define HEADER_UPSTREAM_PREFIX   "x-weir-upstream-"

struct header_request {
    const struct settings_provider *provider;
    const struct settings_api_key *key; /* NULL = none */
    const struct provider_place *place;
    struct str method;
    bool translated; /* headers that only the client's own dialect knows stay behind */
    const struct http_head *client;
    size_t body_bytes;
    bool has_body;
};

/* Appends request line and headers. */
void header_write_request(struct buf *out, const struct header_request *request);

/* Copies the headers that go to the client into `out` (at most `max`), names and values in the
 * arena; returns how many. */
size_t header_filter_answer(const struct http_head *head, struct arena *arena,
                            struct http_header *out, size_t max);

/* What an answer's body is: server-sent events; compressed, so that it cannot be read here. */
bool header_is_event_stream(const struct http_head *head);
bool header_is_encoded(const struct http_head *head);

struct header_translation {
    enum dialect client;
    bool stream;                       /* what the client gets */
    struct str request_id;             /* the provider's; may be empty */
    const struct message_notes *notes; /* fields that were left out; NULL = none */
};

/* As many as header_translate_answer may add. */
#define HEADER_TRANSLATED_MORE 3

/* Headers of an answer that is told in weir's words or translated, after the filter: those about
 * the provider's own bytes or dialect go, the client's come. `headers` has room for
 * HEADER_TRANSLATED_MORE above n. Returns how many there are. */
size_t header_translate_answer(const struct header_translation *t, struct arena *arena,
                               struct http_header *headers, size_t n);

#endif
