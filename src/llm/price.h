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
 *
 * Vendors state a cache write as a multiple of the input price, and a batch discount as a share of
 * whatever tier holds. So in a tier without a write price of its own a write costs its standard
 * price times tier input / standard input, and a long batch call costs the long prices times
 * batch / standard of each part. A price so derived is rounded up to a whole pico-dollar.
 */
#include <stdbool.h>
#include <stdint.h>

#include "llm/catalogue.h"
#include "llm/usage.h"

enum price_tier {
    PRICE_TIER_STANDARD = 0,
    PRICE_TIER_BATCH, /* batch and flex */
    PRICE_TIER_OTHER  /* priority, ...: no price known */
};

struct price_result {
    bool priced;
    int64_t cost_nanousd; /* 0 when unpriced */
    const char *note;     /* static: "", "long context", "batch", or why unpriced */
};

/* From a request's or answer's service_tier; empty, "auto", "default", "standard" are standard. */
enum price_tier price_tier_of(struct str service_tier);

/* `price` may be NULL: an unknown model, unpriced. */
struct price_result price_cost(const struct catalogue_price *price, const struct usage *usage,
                               enum price_tier tier);

#endif
