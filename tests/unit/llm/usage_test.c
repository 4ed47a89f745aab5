#include "unit/llm/suite.h"

#include "core/attr.h"
#include "core/json.h"

typedef bool (*usage_reader)(struct usage *u, yyjson_val *object);

static bool read_text(usage_reader reader, struct usage *u, const char *text)
{
    yyjson_doc *doc = json_parse(str_of(text), NULL);
    assert_non_null(doc);
    bool known = reader(u, yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    return known;
}

struct row {
    const char *text;
    bool known;
    struct usage usage;
};

static void check_rows(usage_reader reader, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct usage u;
        const struct usage *want = &rows[i].usage;
        usage_init(&u);
        assert_int_equal(read_text(reader, &u, rows[i].text), rows[i].known);
        assert_int_equal(usage_is_known(&u), rows[i].known);
        assert_int_equal(u.input, want->input);
        assert_int_equal(u.cached, want->cached);
        assert_int_equal(u.cache_write, want->cache_write);
        assert_int_equal(u.cache_write_1h, want->cache_write_1h);
        assert_int_equal(u.output, want->output);
        assert_int_equal(u.reasoning, want->reasoning);
        assert_false(u.estimated);
    }
}

#define USAGE(i, c, w, w1, o, r)                                                                   \
    {                                                                                              \
        .input = i, .cached = c, .cache_write = w, .cache_write_1h = w1, .output = o,              \
        .reasoning = r                                                                             \
    }

static void openai_usage_is_read_in_every_shape(void **state)
{
    static const struct row rows[] = {
        {"{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":15,\"prompt_tokens_details"
         "\":{\"cached_tokens\":4,\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_"
         "tokens\":2}}",                                                                  true,  USAGE(10, 4,  -1, -1, 5,                2) },
        {"{\"input_tokens\":10,\"input_tokens_details\":{\"cached_tokens\":4,\"cache_write_tokens"
         "\":3},\"output_tokens\":5,\"output_tokens_details\":{\"reasoning_tokens\":2}}", true,  USAGE(10, 4,  3,  -1, 5,                2) },
 /* Embeddings. */
        {"{\"prompt_tokens\":8,\"total_tokens\":8}",                                               true,  USAGE(8,  -1, -1, -1, 0,                -1)},
        {"{\"prompt_tokens\":8}",                                                                  true,  USAGE(8,  -1, -1, -1, -1,               -1)},
 /* DeepSeek, Moonshot, Anthropic-like names. */
        {"{\"prompt_tokens\":10,\"completion_tokens\":1,\"prompt_cache_hit_tokens\":6,\"prompt_"
         "cache_miss_tokens\":4}",                                                        true,  USAGE(10, 6,  -1, -1, 1,                -1)},
        {"{\"prompt_tokens\":10,\"completion_tokens\":1,\"cached_tokens\":6}",                     true,
         USAGE(10,                                                                                                  6,  -1, -1, 1,                -1)},
        {"{\"prompt_tokens\":10,\"completion_tokens\":1,\"cache_read_input_tokens\":6,\"cache_"
         "creation_input_tokens\":2}",                                                    true,  USAGE(10, 6,  2,  -1, 1,                -1)},
 /* Reasoning beside completion_tokens, with and without details. */
        {"{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":35,\"completion_tokens_"
         "details\":{\"reasoning_tokens\":20}}",                                          true,  USAGE(10, -1, -1, -1, 25,               20)},
        {"{\"prompt_tokens\":10,\"completion_tokens\":5,\"total_tokens\":35}",                     true,
         USAGE(10,                                                                                                  -1, -1, -1, 25,               -1)},
 /* Nulls, floats, negatives, nonsense, numbers too large. */
        {"{\"prompt_tokens\":10.0,\"completion_tokens\":null,\"prompt_tokens_details\":null}",     true,
         USAGE(10,                                                                                                  -1, -1, -1, -1,               -1)},
        {"{\"prompt_tokens\":-3,\"completion_tokens\":2.9}",                                       true,  USAGE(-1, -1, -1, -1, 2,                -1)},
        {"{\"prompt_tokens\":-3.5,\"completion_tokens\":\"7\"}",                                   false,
         USAGE(-1,                                                                                                  -1, -1, -1, -1,               -1)},
        {"{\"prompt_tokens\":18446744073709551615,\"completion_tokens\":1e300}",                   true,
         USAGE(USAGE_TOKENS_MAX,                                                                                    -1, -1, -1, USAGE_TOKENS_MAX, -1)},
        {"{\"total_tokens\":7}",                                                                   false, USAGE(-1, -1, -1, -1, -1,               -1)},
        {"{}",                                                                                     false, USAGE(-1, -1, -1, -1, -1,               -1)},
        {"[]",                                                                                     false, USAGE(-1, -1, -1, -1, -1,               -1)},
        {"null",                                                                                   false, USAGE(-1, -1, -1, -1, -1,               -1)},
        {"7",                                                                                      false, USAGE(-1, -1, -1, -1, -1,               -1)},
    };
    (void)state;
    check_rows(usage_read_openai, rows, ARRAY_LEN(rows));
}

static void anthropic_usage_adds_its_parts_up(void **state)
{
    static const struct row rows[] = {
        {"{\"input_tokens\":10,\"output_tokens\":5}",                                                         true,  USAGE(10, -1, -1, -1, 5,  -1)},
        {"{\"input_tokens\":10,\"cache_creation_input_tokens\":30,\"cache_read_input_tokens\":40,"
         "\"output_tokens\":5}",                                                                     true,  USAGE(80, 40, 30, -1, 5,  -1)},
        {"{\"input_tokens\":10,\"cache_creation_input_tokens\":30,\"cache_read_input_tokens\":40,"
         "\"cache_creation\":{\"ephemeral_5m_input_tokens\":20,\"ephemeral_1h_input_tokens\":10},"
         "\"output_tokens\":5}",                                                                     true,  USAGE(80, 40, 20, 10, 5,  -1)},
 /* A class that is not known yet. */
        {"{\"input_tokens\":1,\"cache_creation_input_tokens\":60,\"cache_creation\":{\"ephemeral_"
         "5m_input_tokens\":20,\"ephemeral_1h_input_tokens\":10,\"ephemeral_1d_input_tokens\":30}}", true,  USAGE(61, -1, 50, 10, -1, -1)},
        {"{\"input_tokens\":0,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,"
         "\"output_tokens\":0}",                                                                     true,  USAGE(0,  0,  0,  -1, 0,  -1)},
        {"{\"output_tokens\":3,\"input_tokens\":null}",                                                       true,  USAGE(-1, -1, -1, -1, 3,  -1)},
        {"{\"service_tier\":\"standard\"}",                                                                   false, USAGE(-1, -1, -1, -1, -1, -1)},
        {"[1]",                                                                                               false, USAGE(-1, -1, -1, -1, -1, -1)},
    };
    (void)state;
    check_rows(usage_read_anthropic, rows, ARRAY_LEN(rows));
}

static void later_anthropic_usage_overwrites_and_never_adds(void **state)
{
    struct usage u;
    (void)state;
    usage_init(&u);
    assert_true(read_text(usage_read_anthropic, &u,
                          "{\"input_tokens\":10,\"cache_creation_input_tokens\":30,\"cache_read_"
                          "input_tokens\":40,\"cache_creation\":{\"ephemeral_5m_input_tokens\":20,"
                          "\"ephemeral_1h_input_tokens\":10},\"output_tokens\":1}"));
    /* Output only, as in older streams. */
    assert_true(read_text(usage_read_anthropic, &u, "{\"output_tokens\":15}"));
    assert_int_equal(u.input, 80);
    assert_int_equal(u.output, 15);
    /* Restated totals, without the classes. */
    assert_true(read_text(usage_read_anthropic, &u,
                          "{\"input_tokens\":100,\"cache_creation_input_tokens\":35,\"cache_read_"
                          "input_tokens\":50,\"output_tokens\":20}"));
    assert_int_equal(u.input, 185);
    assert_int_equal(u.cached, 50);
    assert_int_equal(u.cache_write, 25);
    assert_int_equal(u.cache_write_1h, 10);
    assert_int_equal(u.output, 20);
    /* Even a smaller total is believed. */
    assert_true(read_text(usage_read_anthropic, &u,
                          "{\"cache_creation_input_tokens\":4,\"output_tokens\":20}"));
    assert_int_equal(u.cache_write, 0);
    assert_int_equal(u.cache_write_1h, 4);
    assert_int_equal(u.input, 154);
}

static void gemini_usage_counts_thoughts_and_tools_in(void **state)
{
    static const struct row rows[] = {
        {"{\"promptTokenCount\":10,\"candidatesTokenCount\":5,\"totalTokenCount\":15}", true,
         USAGE(10,                                                                                                     -1, -1, -1, 5,  -1)},
        {"{\"promptTokenCount\":10,\"cachedContentTokenCount\":4,\"candidatesTokenCount\":5,"
         "\"thoughtsTokenCount\":7,\"toolUsePromptTokenCount\":3}",            true,  USAGE(13,               4,  -1, -1, 12, 7) },
        {"{\"promptTokenCount\":10}",                                                   true,  USAGE(10,               -1, -1, -1, -1, -1)},
        {"{\"thoughtsTokenCount\":7}",                                                  true,  USAGE(-1,               -1, -1, -1, 7,  7) },
        {"{\"promptTokenCount\":-1,\"candidatesTokenCount\":\"5\"}",                    false,
         USAGE(-1,                                                                                                     -1, -1, -1, -1, -1)},
        {"{\"promptTokenCount\":1e300}",                                                true,  USAGE(USAGE_TOKENS_MAX, -1, -1, -1, -1, -1)},
        {"[]",                                                                          false, USAGE(-1,               -1, -1, -1, -1, -1)},
    };
    (void)state;
    check_rows(usage_read_gemini, rows, ARRAY_LEN(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openai_usage_is_read_in_every_shape),
        cmocka_unit_test(anthropic_usage_adds_its_parts_up),
        cmocka_unit_test(later_anthropic_usage_overwrites_and_never_adds),
        cmocka_unit_test(gemini_usage_counts_thoughts_and_tools_in),
    };
    return cmocka_run_group_tests_name("llm/usage", tests, NULL, NULL);
}
