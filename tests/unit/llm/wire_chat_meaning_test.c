/*
 * Chat Completions keep their meaning: what is written and read again is the same, for random
 * requests, answers and streams.
 */
#include "core/attr.h"
#include "unit/llm/wired.h"

#define SEEDS 400

/* What every target of the API takes and gives. */
#define COMMON                                                                                     \
    (GENERATE_DEVELOPER | GENERATE_LATE_SYSTEM | GENERATE_NAMES | GENERATE_IMAGES |                \
     GENERATE_IMAGE_DETAIL | GENERATE_FILES | GENERATE_AUDIO | GENERATE_REFUSAL |                  \
     GENERATE_TOOL_STRICT | GENERATE_FORMAT_JSON | GENERATE_FORMAT_SCHEMA |                        \
     GENERATE_SCHEMA_NAMES | GENERATE_STOP | GENERATE_PENALTIES | GENERATE_SEED |                  \
     GENERATE_LOGIT_BIAS | GENERATE_EFFORT | GENERATE_VERBOSITY | GENERATE_USER | GENERATE_TIER |  \
     GENERATE_CACHE_KEY | GENERATE_ASKS_USAGE)

#define ANSWERS                                                                                    \
    (GENERATE_THINKING | GENERATE_REDACTED | GENERATE_REFUSAL | GENERATE_CITATIONS |               \
     GENERATE_INTERLEAVED)

static void requests_keep_their_meaning(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        wired_keeps_request(&wire_chat, &quirk_table[0], seed, COMMON);
    }
}

/* A router takes cache markers, sealed thoughts and budgets as well. */
static void requests_to_a_router_keep_their_meaning(void **state)
{
    static const struct quirk router = {
        .name = "router", .top_k = true, .cache_markers = true, .thinking = QUIRK_THINKING_OBJECT};
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        wired_keeps_request(&wire_chat, &router, seed,
                            (COMMON & ~(unsigned)GENERATE_EFFORT) | GENERATE_CACHE |
                                GENERATE_THINKING | GENERATE_REDACTED | GENERATE_TOP_K |
                                GENERATE_BUDGET);
    }
}

static void answers_keep_their_meaning(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        wired_keeps_answer(&wire_chat, seed, ANSWERS);
    }
}

static void streams_keep_their_meaning(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        wired_keeps_stream(&wire_chat, seed, ANSWERS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_keep_their_meaning),
        cmocka_unit_test(requests_to_a_router_keep_their_meaning),
        cmocka_unit_test(answers_keep_their_meaning),
        cmocka_unit_test(streams_keep_their_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
