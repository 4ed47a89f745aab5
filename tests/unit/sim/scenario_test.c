#include "unit/sim/suite.h"

#include "sim/scenario.h"

static struct scenario *must_parse(const char *text)
{
    struct scenario *s = NULL;
    struct error err = {0};
    if (scenario_parse(str_of(text), "s.yaml", &s, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return s;
}

static void every_dial_can_be_set_in_a_scenario(void **state)
{
    (void)state;
    for (size_t i = 0; i < DIAL_TOTAL; i++) {
        const struct dial *dial = &dial_table[i];
        struct str value = good_value(dial);
        char text[400];
        struct buf start;
        struct buf later;

        snprintf(text, sizeof(text),
                 "dials: {%s: \"%.*s\"}\ntimeline:\n  - at: 5s\n    set: {%s: \"%.*s\"}\n",
                 dial->name, STR_ARG(value), dial->name, STR_ARG(value));
        struct scenario *s = must_parse(text);
        assert_int_equal(s->dials.set, 1ull << i);
        assert_int_equal(s->step_count, 1);
        assert_int_equal(s->steps[0].at_ms, 5000);
        assert_int_equal(s->steps[0].set.set, 1ull << i);
        buf_init(&start, 4096);
        buf_init(&later, 4096);
        dial_print(&s->dials, dial, &start);
        dial_print(&s->steps[0].set, dial, &later);
        assert_same(buf_str(&start), buf_str(&later));
        buf_release(&start);
        buf_release(&later);
        scenario_free(s);
    }
}

static void a_scenario_has_seed_models_and_keys(void **state)
{
    (void)state;
    struct scenario *s = must_parse("seed: 42\nmodels: [a, b/c]\nkeys: good\n");
    assert_true(s->has_seed);
    assert_int_equal(s->seed, 42);
    assert_int_equal(s->models.n, 2);
    assert_str(s->models.items[1], "b/c");
    assert_int_equal(s->keys.n, 1);
    scenario_free(s);
}

static void an_empty_scenario_sets_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}", "dials:\ntimeline:\n", "dials: {}\ntimeline: []\n"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct scenario *s = must_parse(texts[i]);
        assert_false(s->has_seed);
        assert_int_equal(s->dials.set, 0);
        assert_int_equal(s->step_count, 0);
        scenario_free(s);
    }
}

static void mistakes_are_told_with_their_place(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        const char *says;
    } rows[] = {
        {"sed: 1\n",                                           "s.yaml:1:1: "                                       },
        {"dials:\n  tft: 1\n",                                 "s.yaml:2:3: no dial \"tft\"; did you mean \"ttft\"?"},
        {"dials:\n  error-503: 2\n",                           "s.yaml:2:14: dial error-503"                        },
        {"dials: [1]\n",                                       "s.yaml:1:8: dials are a mapping"                    },
        {"dials: {ttft: {a: 1}}\n",                            "s.yaml:1:15: "                                      },
        {"timeline: {at: 1s}\n",                               "timeline is a list"                                 },
        {"timeline: [{at: 5s, set: {}}, {at: 4s, set: {}}]\n", "order of time"                                      },
        {"timeline: [{set: {}}]\n",                            "at"                                                 },
        {"timeline: [{at: 5s}]\n",                             "set"                                                },
        {"timeline: [{at: 5s, set: {rpm: -1}}]\n",             "dial rpm"                                           },
        {"seed: seven\n",                                      "seed"                                               },
        {"seed: [\n",                                          "s.yaml:"                                            },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scenario *s = NULL;
        struct error err = {0};
        assert_int_equal(scenario_parse(str_of(rows[i].text), "s.yaml", &s, &err), ERR_INVALID);
        assert_null(s);
        assert_has(str_of(err.text), rows[i].says);
    }
}

static void a_missing_file_is_an_error(void **state)
{
    (void)state;
    struct scenario *s = NULL;
    struct error err = {0};
    assert_true(scenario_load("/nonexistent/scenario.yaml", &s, &err) < 0);
    assert_has(str_of(err.text), "/nonexistent/scenario.yaml");
}

static void the_examples_are_scenarios(void **state)
{
    (void)state;
    static const char *const files[] = {
        WEIR_SOURCE_DIR "/examples/sim/realistic.yaml",
        WEIR_SOURCE_DIR "/examples/sim/outage.yaml",
        WEIR_SOURCE_DIR "/examples/sim/limits.yaml",
    };
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct scenario *s = NULL;
        struct error err = {0};
        if (scenario_load(files[i], &s, &err) != 0) {
            fail_msg("%s", err.text);
        }
        assert_true(s->dials.set != 0);
        scenario_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dial_can_be_set_in_a_scenario),
        cmocka_unit_test(a_scenario_has_seed_models_and_keys),
        cmocka_unit_test(an_empty_scenario_sets_nothing),
        cmocka_unit_test(mistakes_are_told_with_their_place),
        cmocka_unit_test(a_missing_file_is_an_error),
        cmocka_unit_test(the_examples_are_scenarios),
    };
    return cmocka_run_group_tests_name("sim/scenario", tests, NULL, NULL);
}
