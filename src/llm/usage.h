#ifndef LLM_USAGE_H
#define LLM_USAGE_H

/*
 * What a call used, as the provider said, in one shape for all dialects.
 *
 * `input` counts all input tokens, cached ones included (OpenAI counts so; Anthropic reports the
 * parts apart and they are added here); `cached` was read from the provider's prompt cache,
 * `cache_write*` written to it. `output` includes reasoning. -1 = not reported.
 * Readers accept what real servers send: usage in any chunk, on every chunk (the last counts),
 * null, missing parts, floats, numbers too large (clamped) or negative (ignored).
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/json.h"

/* Counts above it are clamped, so that no sum of a few counts can overflow. */
#define USAGE_TOKENS_MAX 1000000000000

struct usage {
    int64_t input;
    int64_t cached;
    int64_t cache_write; /* 5 minute class */
    int64_t cache_write_1h;
    int64_t output;
    int64_t reasoning;
    bool estimated;
};

void usage_init(struct usage *u);
bool usage_is_known(const struct usage *u); /* input or output reported */

/* From a chat / completions / embeddings / responses usage object. False when it holds nothing. */
bool usage_read_openai(struct usage *u, yyjson_val *object);
/* From a Messages usage object. Parts that are present overwrite (streams are cumulative). */
bool usage_read_anthropic(struct usage *u, yyjson_val *object);
/* From Gemini's usageMetadata, which counts thoughts and the prompts of tools apart. */
bool usage_read_gemini(struct usage *u, yyjson_val *object);

#endif
