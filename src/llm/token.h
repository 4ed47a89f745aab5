#ifndef LLM_TOKEN_H
#define LLM_TOKEN_H

/*
 * Estimates of token counts where no exact vocabulary is at hand.
 *
 * The estimator walks the text once and weighs words, digits, marks, spaces and the characters of
 * each script. It is fitted to o200k_base, a vocabulary of the size that current models have;
 * TOKEN_ERROR_BOUND holds for that one. Smaller and older vocabularies cut the same text finer, so
 * that the estimate is too low for them, and far too low outside Latin script. The figures, and how
 * they were measured, stand in token.c.
 */
#include <stdint.h>

#include "core/str.h"

/* Relative error that 95% of texts of 200 bytes or more stay within, measured on o200k_base. */
#define TOKEN_ERROR_BOUND 0.25

/* The nearest whole number of tokens; at least 1 unless the text is empty. */
int64_t token_estimate(struct str text);
/* The same for text as it stands between the quotes of a JSON string, escapes and all. */
int64_t token_estimate_json(struct str text);

#endif
