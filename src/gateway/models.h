#ifndef GATEWAY_MODELS_H
#define GATEWAY_MODELS_H

/*
 * GET /v1/models and /v1/models/{id}: the aliases a key may use, in the caller's dialect.
 */
#include "core/buf.h"
#include "engine/settings.h"
#include "llm/dialect.h"

#define MODELS_BYTES_MAX (16u << 20)

void models_write_list(enum dialect dialect, const struct settings *settings,
                       const struct settings_key *key, struct buf *out);
void models_write_one(enum dialect dialect, const struct settings *settings,
                      const struct settings_model *model, struct buf *out);

/* The alias nearest to `word` among those the key may use, or empty. */
struct str models_nearest(const struct settings *settings, const struct settings_key *key,
                          struct str word);

#endif
