#include "unit/llm/suite.h"

#include "core/attr.h"
#include "llm/price.h"

/* All in USD per million tokens: input 2, cached 0.1, writes 2.5 and 4, output 10; batch half of
 * it; above 1000 tokens 4, 0.2, 15. */
static const struct catalogue_price full = {
    .input = 2000000,
    .cached = 100000,
    .cache_write = 2500000,
    .cache_write_1h = 4000000,
    .output = 10000000,
    .batch_input = 1000000,
    .batch_cached = 50000,
    .batch_output = 5000000,
    .long_threshold = 1000,
    .long_input = 4000000,
    .long_cached = 200000,
    .long_output = 15000000,
};

static struct usage usage_of(int64_t input, int64_t cached, int64_t write, int64_t write_1h,
                             int64_t output)
{
    return (struct usage){.input = input,
                          .cached = cached,
                          .cache_write = write,
                          .cache_write_1h = write_1h,
                          .output = output,
                          .reasoning = -1};
}

static void costs_are_what_one_gets_by_hand(void **state)
{
    static const struct {
        struct usage usage;
        enum price_tier tier;
        int64_t cost_nanousd;
        const char *note;
    } rows[] = {
  /* 1000 * $2/M + 100 * $10/M = $0.002 + $0.001 */
        {{1000, -1, -1, -1, 100, -1, false},           PRICE_TIER_STANDARD, 3000000,           ""                   },
        {{0, -1, -1, -1, 0, -1, false},                PRICE_TIER_STANDARD, 0,                 ""                   },
 /* 100 * 2 + 400 * 0.1 + 300 * 2.5 + 200 * 4 + 50 * 10 = 200 + 40 + 750 + 800 + 500 */
        {{1000, 400, 300, 200, 50, -1, false},         PRICE_TIER_STANDARD, 2290000,           ""                   },
 /* All prices of the batch tier are half of it. */
        {{1000, 400, 300, 200, 50, -1, false},         PRICE_TIER_BATCH,    1145000,           "batch"              },
 /* One token more, and the whole call is long: 101 * 4 + 400 * 0.2 + 300 * 5 + 200 * 8
  * + 50 * 15 = 404 + 80 + 1500 + 1600 + 750 */
        {{1001, 400, 300, 200, 50, -1, false},         PRICE_TIER_STANDARD, 4334000,           "long context"       },
        {{1001, 400, 300, 200, 50, -1, false},         PRICE_TIER_BATCH,    2167000,           "batch, long context"},
 /* More parts than input: the input is not negative. */
        {{10, 400, -1, -1, 0, -1, false},              PRICE_TIER_STANDARD, 40000,             ""                   },
 /* A trillion tokens. */
        {{0, -1, -1, -1, USAGE_TOKENS_MAX, -1, false}, PRICE_TIER_STANDARD, 10000000000000000, ""                   },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct price_result result = price_cost(&full, &rows[i].usage, rows[i].tier);
        assert_true(result.priced);
        assert_int_equal(result.cost_nanousd, rows[i].cost_nanousd);
        assert_string_equal(result.note, rows[i].note);
    }
}

static void halves_of_a_nano_dollar_are_rounded_up(void **state)
{
    struct catalogue_price price;
    (void)state;
    catalogue_price_init(&price);
    price.input = 1;
    price.output = 0;
    struct usage usage = usage_of(499, -1, -1, -1, 0);
    assert_int_equal(price_cost(&price, &usage, PRICE_TIER_STANDARD).cost_nanousd, 0);
    usage.input = 500;
    assert_int_equal(price_cost(&price, &usage, PRICE_TIER_STANDARD).cost_nanousd, 1);
    usage.input = 1499;
    assert_int_equal(price_cost(&price, &usage, PRICE_TIER_STANDARD).cost_nanousd, 1);
    usage.input = 1500;
    assert_int_equal(price_cost(&price, &usage, PRICE_TIER_STANDARD).cost_nanousd, 2);
}

static void a_part_without_a_price_makes_the_call_unpriced(void **state)
{
    static const struct {
        size_t missing; /* offset of the price */
        struct usage usage;
        enum price_tier tier;
        const char *note;
    } rows[] = {
        {offsetof(struct catalogue_price, input),
         {9, -1, -1, -1, 1, -1, false},
         PRICE_TIER_STANDARD, "no price for input tokens"         },
        {offsetof(struct catalogue_price, output),
         {9, -1, -1, -1, 1, -1, false},
         PRICE_TIER_STANDARD, "no price for output tokens"        },
        {offsetof(struct catalogue_price, cache_write),
         {9, -1, 1, -1, 1, -1, false},
         PRICE_TIER_STANDARD, "no price for cache writes"         },
        {offsetof(struct catalogue_price, cache_write_1h),
         {9, -1, -1, 1, 1, -1, false},
         PRICE_TIER_STANDARD, "no price for one-hour cache writes"},
        {offsetof(struct catalogue_price, batch_input),
         {9, -1, -1, -1, 1, -1, false},
         PRICE_TIER_BATCH,    "no price for input tokens"         },
        {offsetof(struct catalogue_price, batch_output),
         {9, -1, -1, -1, 1, -1, false},
         PRICE_TIER_BATCH,    "no price for output tokens"        },
        {offsetof(struct catalogue_price, long_output),
         {2000, -1, -1, -1, 1, -1, false},
         PRICE_TIER_STANDARD, "no price for output tokens"        },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct catalogue_price price = full;
        *(int64_t *)(void *)((char *)&price + rows[i].missing) = -1;
        struct price_result result = price_cost(&price, &rows[i].usage, rows[i].tier);
        assert_false(result.priced);
        assert_int_equal(result.cost_nanousd, 0);
        assert_string_equal(result.note, rows[i].note);

        /* Without tokens of that part nothing is missing. */
        struct usage none = usage_of(0, -1, 0, 0, 0);
        assert_true(price_cost(&price, &none, rows[i].tier).priced);
    }
}

static void what_is_not_known_is_unpriced(void **state)
{
    struct usage usage = usage_of(-1, -1, -1, -1, 5);
    (void)state;
    assert_has(price_cost(&full, &usage, PRICE_TIER_STANDARD).note, "input tokens are not known");
    usage = usage_of(5, -1, -1, -1, -1);
    assert_has(price_cost(&full, &usage, PRICE_TIER_STANDARD).note, "output tokens are not known");
    usage = usage_of(5, -1, -1, -1, 5);
    assert_has(price_cost(&full, &usage, PRICE_TIER_OTHER).note, "service tier");
    assert_has(price_cost(NULL, &usage, PRICE_TIER_STANDARD).note, "this model");
    assert_false(price_cost(NULL, &usage, PRICE_TIER_STANDARD).priced);

    struct catalogue_price dear = full;
    dear.output = CATALOGUE_PRICE_MAX;
    usage.output = USAGE_TOKENS_MAX;
    assert_false(price_cost(&dear, &usage, PRICE_TIER_STANDARD).priced);
}

static void cached_tokens_without_a_discount_cost_the_input_price(void **state)
{
    struct catalogue_price price = full;
    struct usage usage = usage_of(100, 60, -1, -1, 0);
    (void)state;
    price.cached = price.batch_cached = price.long_cached = -1;
    assert_int_equal(price_cost(&price, &usage, PRICE_TIER_STANDARD).cost_nanousd, 200000);
    assert_int_equal(price_cost(&price, &usage, PRICE_TIER_BATCH).cost_nanousd, 100000);
    usage.input = 2000;
    assert_int_equal(price_cost(&price, &usage, PRICE_TIER_STANDARD).cost_nanousd, 8000000);
    /* A discount that the batch tier does not name does not hold there. */
    price.cached = 100000;
    usage.input = 100;
    assert_int_equal(price_cost(&price, &usage, PRICE_TIER_BATCH).cost_nanousd, 100000);
}

static void free_models_cost_nothing_and_are_priced(void **state)
{
    struct catalogue_price price;
    struct usage usage = usage_of(100, 60, -1, -1, 7);
    (void)state;
    catalogue_price_init(&price);
    price.input = price.output = 0;
    struct price_result result = price_cost(&price, &usage, PRICE_TIER_STANDARD);
    assert_true(result.priced);
    assert_int_equal(result.cost_nanousd, 0);
}

static void derived_prices_are_rounded_up(void **state)
{
    struct catalogue_price price = full;
    struct usage usage = usage_of(1001, -1, 1001, -1, 0);
    (void)state;
    /* A write costs 1 * 4 / 3 pico-dollars, which is 2. */
    price.input = 3;
    price.cache_write = 1;
    price.long_input = 4;
    assert_int_equal(price_cost(&price, &usage, PRICE_TIER_STANDARD).cost_nanousd, 2);
}

static void service_tiers_are_told_apart(void **state)
{
    static const struct {
        const char *name;
        enum price_tier tier;
    } rows[] = {
        {"",              PRICE_TIER_STANDARD},
        {"auto",          PRICE_TIER_STANDARD},
        {"default",       PRICE_TIER_STANDARD},
        {"standard",      PRICE_TIER_STANDARD},
        {"standard_only", PRICE_TIER_STANDARD},
        {"on_demand",     PRICE_TIER_STANDARD},
        {"flex",          PRICE_TIER_BATCH   },
        {"batch",         PRICE_TIER_BATCH   },
        {"priority",      PRICE_TIER_OTHER   },
        {"scale",         PRICE_TIER_OTHER   },
        {"Flex",          PRICE_TIER_OTHER   },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(price_tier_of(str_of(rows[i].name)), rows[i].tier);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(costs_are_what_one_gets_by_hand),
        cmocka_unit_test(halves_of_a_nano_dollar_are_rounded_up),
        cmocka_unit_test(a_part_without_a_price_makes_the_call_unpriced),
        cmocka_unit_test(what_is_not_known_is_unpriced),
        cmocka_unit_test(cached_tokens_without_a_discount_cost_the_input_price),
        cmocka_unit_test(free_models_cost_nothing_and_are_priced),
        cmocka_unit_test(derived_prices_are_rounded_up),
        cmocka_unit_test(service_tiers_are_told_apart),
    };
    return cmocka_run_group_tests_name("llm/price", tests, NULL, NULL);
}
