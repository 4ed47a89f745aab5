#include "llm/price.h"

#define PICO_PER_NANO 1000

/* The prices that hold for one call; -1 = none. */
struct prices {
    int64_t input, cached, cache_write, cache_write_1h, output;
};

struct tier_row {
    const char *name;
    enum price_tier tier;
};

static const struct tier_row tier_rows[] = {
    {"",              PRICE_TIER_STANDARD},
    {"auto",          PRICE_TIER_STANDARD},
    {"default",       PRICE_TIER_STANDARD},
    {"standard",      PRICE_TIER_STANDARD},
    {"standard_only", PRICE_TIER_STANDARD},
    {"on_demand",     PRICE_TIER_STANDARD},
    {"flex",          PRICE_TIER_BATCH   },
    {"batch",         PRICE_TIER_BATCH   },
};

enum price_tier price_tier_of(struct str service_tier)
{
    for (size_t i = 0; i < ARRAY_LEN(tier_rows); i++) {
        if (str_is(service_tier, tier_rows[i].name)) {
            return tier_rows[i].tier;
        }
    }
    return PRICE_TIER_OTHER;
}

/* price * over / under, rounded up; -1 when one of them is missing. */
static int64_t scale(int64_t price, int64_t over, int64_t under)
{
    if (price < 0 || over < 0 || under < 0 || (under == 0 && over > 0)) {
        return -1;
    }
    if (under == 0) {
        return price;
    }
    __int128 scaled = ((__int128)price * over + under - 1) / under;
    return scaled > CATALOGUE_PRICE_MAX ? -1 : (int64_t)scaled;
}

static int64_t or_else(int64_t price, int64_t fallback)
{
    return price >= 0 ? price : fallback;
}

static struct prices long_prices(const struct catalogue_price *p)
{
    return (struct prices){
        .input = p->long_input,
        .cached = or_else(p->long_cached, p->long_input),
        .cache_write = scale(p->cache_write, p->long_input, p->input),
        .cache_write_1h = scale(p->cache_write_1h, p->long_input, p->input),
        .output = p->long_output,
    };
}

/* The batch share of each part of `base`, which are the standard or the long prices. */
static struct prices batch_prices(const struct catalogue_price *p, struct prices base)
{
    int64_t input = scale(base.input, p->batch_input, p->input);
    return (struct prices){
        .input = input,
        .cached = or_else(scale(base.cached, p->batch_cached, p->cached), input),
        .cache_write = scale(base.cache_write, p->batch_input, p->input),
        .cache_write_1h = scale(base.cache_write_1h, p->batch_input, p->input),
        .output = scale(base.output, p->batch_output, p->output),
    };
}

static struct prices standard_prices(const struct catalogue_price *p)
{
    return (struct prices){
        .input = p->input,
        .cached = or_else(p->cached, p->input),
        .cache_write = p->cache_write,
        .cache_write_1h = p->cache_write_1h,
        .output = p->output,
    };
}

static struct price_result unpriced(const char *note)
{
    return (struct price_result){.priced = false, .note = note};
}

/* Adds tokens * price to *sum; false when there are tokens and no price. */
static bool add(__int128 *sum, int64_t tokens, int64_t price)
{
    if (tokens > 0 && price < 0) {
        return false;
    }
    *sum += tokens > 0 ? (__int128)tokens * price : 0;
    return true;
}

static struct price_result sum_up(const struct prices *prices, const struct usage *usage,
                                  const char *note)
{
    int64_t cached = usage->cached > 0 ? usage->cached : 0;
    int64_t write = usage->cache_write > 0 ? usage->cache_write : 0;
    int64_t write_1h = usage->cache_write_1h > 0 ? usage->cache_write_1h : 0;
    __int128 sum = 0;
    if (!add(&sum, usage->input - cached - write - write_1h, prices->input)) {
        return unpriced("no price for input tokens");
    }
    if (!add(&sum, cached, prices->cached)) {
        return unpriced("no price for cached tokens");
    }
    if (!add(&sum, write, prices->cache_write)) {
        return unpriced("no price for cache writes");
    }
    if (!add(&sum, write_1h, prices->cache_write_1h)) {
        return unpriced("no price for one-hour cache writes");
    }
    if (!add(&sum, usage->output, prices->output)) {
        return unpriced("no price for output tokens");
    }
    __int128 nano = (sum + PICO_PER_NANO / 2) / PICO_PER_NANO;
    if (nano > INT64_MAX) {
        return unpriced("the cost is beyond all measure");
    }
    return (struct price_result){.priced = true, .cost_nanousd = (int64_t)nano, .note = note};
}

struct price_result price_cost(const struct catalogue_price *price, const struct usage *usage,
                               enum price_tier tier)
{
    if (!price) {
        return unpriced("no price known for this model");
    }
    if (tier == PRICE_TIER_OTHER) {
        return unpriced("no price known for this service tier");
    }
    if (usage->input < 0) {
        return unpriced("the input tokens are not known");
    }
    if (usage->output < 0) {
        return unpriced("the output tokens are not known");
    }
    bool is_long = price->long_threshold > 0 && usage->input > price->long_threshold;
    bool is_batch = tier == PRICE_TIER_BATCH;
    struct prices prices = is_long ? long_prices(price) : standard_prices(price);
    if (is_batch) {
        prices = batch_prices(price, prices);
    }
    const char *note = is_long ? "long context" : "";
    if (is_batch) {
        note = is_long ? "batch, long context" : "batch";
    }
    return sum_up(&prices, usage, note);
}
