#ifndef LLM_PRICE_H
#define LLM_PRICE_H

/*
 * Cost of one call, in integer nano-dollars.
 *
 *   cost = (input - cached - written) * input + cached * cached + written * write
 *          + output * output                       [pico-dollars], rounded half up to nano-dollars
 *
 * The long-context prices hold for the whole call once its input passes the threshold; the batch
 * prices when the call was made in a batch or flex tier. A part that has tokens and no price makes
 * the call unpriced: a cost is never understated silently and never $0 for want of a price.
 * Cached tokens without a cached price cost the input price (providers without a discount bill
 * so). Arithmetic is exact in 128 bits.
 */
#include <stdbool.h>
#include <stdint.h>

#include "llm/catalogue.h"
#include "llm/usage.h"

enum price_tier {
    PRICE_TIER_STANDARD = 0,
    PRICE_TIER_BATCH /* batch and flex */,
    PRICE_TIER_OTHER /* priority, ...: no price known */
};

struct price_result {
    bool priced;
    int64_t cost_nanousd;
    const char *note; /* static: "long context", "batch", or why unpriced */
};

/* From a request's or answer's service_tier; empty, "auto", "default", "standard" are standard. */
enum price_tier price_tier_of(struct str service_tier);

struct price_result price_cost(const struct catalogue_price *price, const struct usage *usage,
                               enum price_tier tier);

#endif
