#ifndef LLM_ANSWER_H
#define LLM_ANSWER_H

/*
 * What is learnt from an answer, streamed or whole, while it passes. Adapters fill it; strings in
 * it are cut to their room and hold no control characters.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/str.h"
#include "llm/dialect.h"
#include "llm/usage.h"

#define ANSWER_USAGE_RAW_MAX (16u << 10)

struct answer_facts {
    struct usage usage;
    struct buf usage_raw;   /* the last usage object as it came; empty when it was too large */
    char model[128];        /* as returned */
    char finish_reason[64]; /* stop_reason, status or the reason of being incomplete, by dialect */
    char service_tier[32];
    char upstream_id[128]; /* the answer's id */
    bool terminal;         /* the stream said that it is complete */
    bool failed;           /* an error event came in the stream */
    char error_text[256];
    int64_t output_bytes; /* text, tool arguments and reasoning delivered, for estimates */
    int64_t output_tokens_estimated; /* sum over the pieces delivered; see token.c for its error */
    int64_t sequence_number;         /* last of a responses stream; -1 */
    bool unweighed; /* set by the reader: text is passed over, the two sums above stay 0 */
};

void answer_facts_init(struct answer_facts *facts);
void answer_facts_release(struct answer_facts *facts);

/* For adapters. */

/* A piece of delivered text, as written between the quotes in JSON. */
void answer_facts_add_text(struct answer_facts *facts, struct str json_text);
/* A usage object's bytes: parsed, and kept when it holds anything. */
bool answer_facts_take_usage(struct answer_facts *facts, enum dialect dialect, struct str object);

#endif
