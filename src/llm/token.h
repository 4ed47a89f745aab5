#ifndef LLM_TOKEN_H
#define LLM_TOKEN_H

/*
 * Estimates of token counts where no exact vocabulary is at hand.
 *
 * The estimator walks the text once and counts word pieces by character class. TOKEN_ERROR_BOUND
 * states its error against real vocabularies; how it was measured stands in token.c.
 */
#include <stdint.h>

#include "core/str.h"

/* Relative error that 95% of texts of 200 bytes or more stay within, measured. */
#define TOKEN_ERROR_BOUND 0.35

int64_t token_estimate(struct str text);
/* The same for text as it stands between the quotes of a JSON string, escapes and all. */
int64_t token_estimate_json(struct str text);

#endif
