#ifndef ENGINE_REWRITE_H
#define ENGINE_REWRITE_H

/*
 * A client's request as each target must see it: the same bytes, the same bytes with a member
 * spliced, or translated into what the target speaks (llm/translate.h).
 *
 * One rewrite lives as long as its call; rewrite_for is called before each attempt and replaces
 * what it gave for the one before. The client's body is read for translation once, when the first
 * target needs it.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/attr.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"
#include "engine/settings.h"
#include "llm/request.h"
#include "llm/translate.h"

/* Of a translated body: this many times the client's, and a fixed room besides. Escapes grow at
 * most sixfold, and no dialect repeats what it was given. */
#define REWRITE_GROWTH     8
#define REWRITE_ROOM_BYTES (64u << 10)
/* For targets that demand max_tokens, where neither client nor configuration gives one. */
#define REWRITE_MAX_OUTPUT_DEFAULT 4096

struct rewrite_source {
    const struct settings *settings;
    const struct settings_model *model; /* NULL on pass-through routes */
    const struct route_info *route;
    const struct request_facts *facts; /* NULL on pass-through routes */
    struct str path, query, body;
    int64_t max_output; /* what a money cap allows a client that gave no maximum; 0 = no matter */
    int64_t now_ms;     /* wall time, for the catalogue */
};

struct rewrite {
    /* of the current target */
    struct str body;
    struct provider_place place;
    bool strip_usage;        /* weir asked for usage, the client did not */
    const struct wire *wire; /* the target's; NULL = the client's own dialect */
    struct message_notes
        *notes; /* what was dropped or refused; NULL while nothing was translated */
    /* private */
    struct rewrite_source source;
    struct arena arena;
    struct translate_request *asked; /* NULL until a target needs it; most calls never do */
    struct buf *out;
};

/* Can a provider's target answer this route as it is; could it by translation? */
bool rewrite_is_native(const struct settings_provider *provider, const struct route_info *route);
bool rewrite_can_translate(const struct settings_provider *provider,
                           const struct route_info *route);

/* `out` is borrowed, for bodies that differ from the client's; its maximum is set here. */
void rewrite_init(struct rewrite *r, const struct rewrite_source *source, struct buf *out);
void rewrite_release(struct rewrite *r);
/* ERR_INVALID: the target cannot be told (notes.refused names the field); ERR_LIMIT. */
MUST_CHECK int rewrite_for(struct rewrite *r, const struct settings_target *target,
                           struct error *err);

#endif
