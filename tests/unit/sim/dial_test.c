#include "unit/sim/suite.h"

static void every_dial_has_a_good_default_and_help(void **state)
{
    (void)state;
    struct dials dials;
    struct buf text;

    dials_init(&dials);
    assert_int_equal(dials.set, 0);
    buf_init(&text, 4096);
    for (size_t i = 0; i < DIAL_TOTAL; i++) {
        const struct dial *dial = &dial_table[i];
        assert_true(strlen(dial->name) > 0 && strlen(dial->help) > 10);
        assert_ptr_equal(dial_find(str_of(dial->name)), dial);
        assert_int_equal(dial_set(&dials, str_of(dial->name), str_of(dial->fallback), NULL), 0);
        assert_true((dial->kind == DIAL_KIND_ENUM) == (dial->names != NULL));
    }
    buf_release(&text);
}

static void every_dial_takes_a_value_and_prints_it_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < DIAL_TOTAL; i++) {
        const struct dial *dial = &dial_table[i];
        struct dials dials;
        struct dials again;
        struct buf text;
        struct error err = {0};

        dials_init(&dials);
        dials_init(&again);
        buf_init(&text, 4096);
        assert_int_equal(dial_set(&dials, str_of(dial->name), good_value(dial), &err), 0);
        assert_int_equal(dials.set, 1ull << i);
        dial_print(&dials, dial, &text);
        assert_int_equal(dial_set(&again, str_of(dial->name), buf_str(&text), &err), 0);
        buf_clear(&text);
        dial_print(&again, dial, &text);
        struct buf first;
        buf_init(&first, 4096);
        dial_print(&dials, dial, &first);
        assert_same(buf_str(&text), buf_str(&first));
        buf_release(&first);
        buf_release(&text);
    }
}

static void every_dial_refuses_nonsense_and_names_itself(void **state)
{
    (void)state;
    for (size_t i = 0; i < DIAL_TOTAL; i++) {
        const struct dial *dial = &dial_table[i];
        struct dials dials;
        struct error err = {0};

        dials_init(&dials);
        if (bad_value_of(dial).n == 0) {
            continue;
        }
        assert_int_equal(dial_set(&dials, str_of(dial->name), bad_value_of(dial), &err),
                         ERR_INVALID);
        assert_has(str_of(err.text), dial->name);
        assert_int_equal(dials.set, 0);
    }
}

static void an_unknown_dial_is_told_the_nearest_one(void **state)
{
    (void)state;
    struct dials dials;
    struct error err = {0};

    dials_init(&dials);
    assert_int_equal(dial_set(&dials, STR("tft"), STR("1"), &err), ERR_NOT_FOUND);
    assert_has(str_of(err.text), "did you mean \"ttft\"");
    assert_int_equal(dial_set(&dials, STR("zzzzzzzzzzzz"), STR("1"), &err), ERR_NOT_FOUND);
    assert_null(dial_find(STR("")));
}

static void bounds_hold_at_their_edges(void **state)
{
    (void)state;

    static const struct {
        const char *name;
        const char *value;
        int rc;
    } rows[] = {
        {"error-429", "0",           0          },
        {"error-429", "1",           0          },
        {"error-429", "1.0001",      ERR_INVALID},
        {"error-429", "-0.1",        ERR_INVALID},
        {"error-429", "nan",         ERR_INVALID},
        {"rpm",       "0",           0          },
        {"rpm",       "1000000000",  0          },
        {"rpm",       "1000000001",  ERR_INVALID},
        {"rpm",       "1.5",         ERR_INVALID},
        {"window",    "1ms",         0          },
        {"window",    "24h",         0          },
        {"window",    "25h",         ERR_INVALID},
        {"window",    "0",           ERR_INVALID},
        {"error",     "none",        0          },
        {"error",     "400",         0          },
        {"error",     "599",         0          },
        {"error",     "399",         ERR_INVALID},
        {"error",     "600",         ERR_INVALID},
        {"error",     "429-bare",    0          },
        {"error",     "timeout",     0          },
        {"error",     "reset",       0          },
        {"usage",     "every",       0          },
        {"usage",     "Every",       ERR_INVALID},
        {"echo",      "TRUE",        ERR_INVALID},
        {"ttft",      "constant:0",  0          },
        {"ttft",      "lognormal:0", ERR_INVALID},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dials dials;
        dials_init(&dials);
        int rc = dial_set(&dials, str_of(rows[i].name), str_of(rows[i].value), NULL);
        if (rc != rows[i].rc) {
            fail_msg("%s: %s gave %d", rows[i].name, rows[i].value, rc);
        }
    }
}

static void an_overlay_brings_only_what_was_set(void **state)
{
    (void)state;
    struct dials base;
    struct dials over;

    dials_init(&base);
    dials_init(&over);
    assert_int_equal(dial_set(&base, STR("rpm"), STR("5"), NULL), 0);
    assert_int_equal(dial_set(&base, STR("tps"), STR("9"), NULL), 0);
    assert_int_equal(dial_set(&over, STR("tps"), STR("0"), NULL), 0);
    dials_overlay(&base, &over);
    assert_int_equal(base.rpm, 5);
    assert_true(base.tps == 0);
    assert_int_equal(base.set, (1ull << DIAL_RPM) | (1ull << DIAL_TPS));
}

static void the_list_of_dials_is_json_with_current_values(void **state)
{
    (void)state;
    struct exam e;

    exam_begin(&e);
    exam_dial(&e, "text", "say \"this\"");
    dials_write_json(&e.dials, &e.out);
    yyjson_val *list = exam_json(&e, buf_str(&e.out));
    assert_int_equal(yyjson_arr_size(list), DIAL_TOTAL);
    for (size_t i = 0; i < DIAL_TOTAL; i++) {
        yyjson_val *row = yyjson_arr_get(list, i);
        assert_str(json_get_str(row, "name"), dial_table[i].name);
        assert_str(json_get_str(row, "default"), dial_table[i].fallback);
        assert_true(json_get_str(row, "kind").n > 0);
    }
    assert_str(json_get_str(yyjson_arr_get(list, DIAL_TEXT), "value"), "say \"this\"");
    exam_end(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dial_has_a_good_default_and_help),
        cmocka_unit_test(every_dial_takes_a_value_and_prints_it_back),
        cmocka_unit_test(every_dial_refuses_nonsense_and_names_itself),
        cmocka_unit_test(an_unknown_dial_is_told_the_nearest_one),
        cmocka_unit_test(bounds_hold_at_their_edges),
        cmocka_unit_test(an_overlay_brings_only_what_was_set),
        cmocka_unit_test(the_list_of_dials_is_json_with_current_values),
    };
    return cmocka_run_group_tests_name("sim/dial", tests, NULL, NULL);
}
