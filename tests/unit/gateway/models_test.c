#include "unit/engine/suite.h"

#include "gateway/models.h"

static const char config[] =
    "providers: {p: {dialect: openai, base_url: \"http://h/v1\"}}\n"
    "models:\n"
    "  org/fast: {targets: [{provider: p, model: a}], description: \"Fast one\"}\n"
    "  smart: {targets: [{provider: p, model: b}]}\n";

static int setup(void **state)
{
    struct settings *s = NULL;
    struct error err;
    assert_int_equal(suite_settings(config, NULL, &s, &err), 0);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    settings_unref(*state);
    return 0;
}

static void assert_list(enum dialect dialect, const struct settings *s,
                        const struct settings_key *key, const char *expected)
{
    struct buf out;
    buf_init(&out, MODELS_BYTES_MAX);
    models_write_list(dialect, s, key, &out);
    assert_string_equal(buf_cstr(&out), expected);
    buf_release(&out);
}

static void each_dialect_has_its_own_shape(void **state)
{
    assert_list(
        DIALECT_OPENAI, *state, NULL,
        "{\"object\":\"list\",\"data\":[{\"id\":\"org/fast\",\"object\":\"model\",\"created\":1,"
        "\"owned_by\":\"weir\"},{\"id\":\"smart\",\"object\":\"model\",\"created\":1,"
        "\"owned_by\":\"weir\"}]}");
    assert_list(DIALECT_ANTHROPIC, *state, NULL,
                "{\"data\":[{\"type\":\"model\",\"id\":\"org/fast\",\"display_name\":\"Fast one\","
                "\"created_at\":\"1970-01-01T00:00:01Z\"},{\"type\":\"model\",\"id\":\"smart\","
                "\"display_name\":\"smart\",\"created_at\":\"1970-01-01T00:00:01Z\"}],"
                "\"has_more\":false,\"first_id\":\"org/fast\",\"last_id\":\"smart\"}");
}

static void a_key_sees_what_it_may_use(void **state)
{
    struct str allowed[] = {STR("smart")};
    struct str nothing[] = {STR("none")};
    struct settings_key key = {
        .models = {allowed, 1}
    };
    struct settings_key other = {
        .models = {nothing, 1}
    };
    assert_list(DIALECT_ANTHROPIC, *state, &other,
                "{\"data\":[],\"has_more\":false,\"first_id\":null,\"last_id\":null}");
    assert_true(str_is(models_nearest(*state, &key, STR("smatr")), "smart"));
    assert_int_equal(models_nearest(*state, &key, STR("org/fats")).n, 0);
    assert_true(str_is(models_nearest(*state, NULL, STR("org/fats")), "org/fast"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_dialect_has_its_own_shape),
        cmocka_unit_test(a_key_sees_what_it_may_use),
    };
    return cmocka_run_group_tests_name("gateway/models", tests, setup, teardown);
}
