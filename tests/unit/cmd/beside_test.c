#include "unit/core/suite.h"

#include "cmd/beside.h"
#include "cmd/setup.h"
#include "engine/settings.h"

static struct settings *parse(const char *text)
{
    const struct settings_source source = {.env = setup_env};
    struct settings *settings = NULL;
    struct error err = {.text = ""};

    if (settings_parse(str_of(text), "weir.yaml", &source, &settings, &err) != 0) {
        print_error("%s\n", err.text);
        fail();
    }
    return settings;
}

static void without_the_section_none_is_wanted(void **state)
{
    static const char *const texts[] = {"listen: 127.0.0.1:1\n", "sim:\n"};
    struct beside beside;
    struct error err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct settings *settings = parse(texts[i]);
        assert_int_equal(beside_read(&beside, settings, &err), 0);
        assert_false(beside.wanted);
        beside_release(&beside);
        settings_unref(settings);
    }
}

static void the_section_becomes_options(void **state)
{
    struct settings *settings =
        parse("sim: {listen: \"[::1]:99\", seed: 7, dials: {rpm: 60, ttft: \"constant:5\"}}\n");
    struct beside beside;
    struct error err;

    (void)state;
    assert_int_equal(beside_read(&beside, settings, &err), 0);
    assert_true(beside.wanted);
    assert_string_equal(beside.options.address, "::1");
    assert_int_equal(beside.options.port, 99);
    assert_true(beside.options.has_seed);
    assert_int_equal(beside.options.seed, 7);
    assert_int_equal(beside.options.dials->rpm, 60);
    beside_release(&beside);
    settings_unref(settings);
}

static void an_empty_section_has_defaults(void **state)
{
    struct settings *settings = parse("sim: {}\n");
    struct beside beside;
    struct error err;

    (void)state;
    assert_int_equal(beside_read(&beside, settings, &err), 0);
    assert_true(beside.wanted);
    assert_string_equal(beside.options.address, "127.0.0.1");
    assert_int_equal(beside.options.port, 8090);
    assert_false(beside.options.has_seed);
    beside_release(&beside);
    settings_unref(settings);
}

static void mistakes_are_placed(void **state)
{
    static const struct {
        const char *text;
        const char *why;
    } rows[] = {
        {"sim: {lisen: 1}\n",               "weir.yaml:1:7: "              },
        {"sim: {seed: x}\n",                "weir.yaml:1:13: "             },
        {"sim: {listen: here}\n",           "weir.yaml:1:15: sim: listen: "},
        {"sim: {dials: {ttfx: 1}}\n",       "weir.yaml:1:15: "             },
        {"sim: {dials: {rpm: many}}\n",     "weir.yaml:1:20: "             },
        {"sim: {scenario: missing.yaml}\n", "missing.yaml"                 },
    };
    struct beside beside;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct settings *settings = parse(rows[i].text);
        struct error err = {.text = ""};
        assert_true(beside_read(&beside, settings, &err) < 0);
        if (!strstr(err.text, rows[i].why)) {
            print_error("%s\n", err.text);
            fail();
        }
        settings_unref(settings);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_the_section_none_is_wanted),
        cmocka_unit_test(the_section_becomes_options),
        cmocka_unit_test(an_empty_section_has_defaults),
        cmocka_unit_test(mistakes_are_placed),
    };

    return cmocka_run_group_tests_name("cmd/beside", tests, NULL, NULL);
}
