#include "unit/llm/suite.h"

#include "core/attr.h"
#include "core/mem.h"
#include "llm/catalogue.h"

#define HEAD                                                                                       \
    "vendor,model,effective_from,context_window,max_output,input,cached,cache_write,cache_write_"  \
    "1h,output,batch_input,batch_cached,batch_output,long_threshold,long_input,long_cached,long_"  \
    "output,source\n"
#define DAY(days) ((int64_t)(days)*86400000)

static void prices_are_exact(void **state)
{
    static const struct {
        const char *text;
        int64_t pico;
    } rows[] = {
        {"0",               0                  },
        {"0.0375",          37500              },
        {"10",              10000000           },
        {"1.25",            1250000            },
        {"0.000001",        1                  },
        {"0.0000010",       1                  },
        {"0.0000010000000", 1                  },
        {" 2.5 ",           2500000            },
        {"1000000",         CATALOGUE_PRICE_MAX},
        {"007",             7000000            },
    };

    static const char *const bad[] = {
        "",        " ",
        ".",       ".5",
        "1.",      "-1",
        "+1",      "1e3",
        "1,5",     "0x1",
        "1.2.3",   "0.0000001",
        "1000001", "1000000.000001",
        "nan",     "99999999999999999999",
        "1.-5",    "1. 5",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t pico = -7;
        assert_int_equal(catalogue_price_parse(str_of(rows[i].text), &pico), 0);
        assert_int_equal(pico, rows[i].pico);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int64_t pico = -7;
        assert_int_equal(catalogue_price_parse(str_of(bad[i]), &pico), ERR_INVALID);
        assert_int_equal(pico, -7);
    }
}

static void the_embedded_catalogue_is_sound(void **state)
{
    struct catalogue *catalogue = NULL;
    struct error err = {0};
    (void)state;
    if (catalogue_load_embedded(&catalogue, &err) < 0) {
        fail_msg("%s", err.text);
    }
    assert_true(catalogue->n > 90);
    assert_int_equal(catalogue->version.n, 12);
    for (size_t i = 0; i < catalogue->n; i++) {
        const struct catalogue_row *row = &catalogue->rows[i];
        const struct catalogue_price *p = &row->price;
        /* Each row is found under its own name at its own date. */
        assert_ptr_equal(catalogue_find(catalogue, row->vendor, row->model, row->effective_ms),
                         row);
        assert_true(p->input > 0 && p->output > 0 && row->context_window > 0);
        assert_true(p->cached <= p->input);
        assert_true(p->batch_input < p->input && p->batch_output < p->output);
        assert_true((p->batch_input < 0) == (p->batch_output < 0));
        assert_true(p->cache_write_1h < 0 || p->cache_write_1h == 2 * p->input);
        assert_true(p->long_threshold == 0 ||
                    (p->long_input > p->input && p->long_output > p->output));
        assert_true(row->source.n > 0);
    }
    catalogue_free(catalogue);
}

static void known_prices_are_in_the_embedded_catalogue(void **state)
{
    struct catalogue *catalogue = NULL;
    (void)state;
    assert_int_equal(catalogue_load_embedded(&catalogue, NULL), 0);
    const struct catalogue_row *row =
        catalogue_find(catalogue, STR("openai"), STR("gpt-5-mini-2025-08-07"), DAY(20600));
    assert_non_null(row);
    assert_str(row->model, "gpt-5-mini");
    assert_int_equal(row->context_window, 400000);
    assert_int_equal(row->price.input, 250000);
    assert_int_equal(row->price.cached, 25000);
    assert_int_equal(row->price.output, 2000000);
    assert_int_equal(row->price.cache_write, -1);
    assert_int_equal(row->price.batch_input, 125000);

    row = catalogue_find(catalogue, STR("anthropic"), STR("claude-haiku-5-5"), DAY(20600));
    assert_int_equal(row->price.long_threshold, 100000);
    assert_int_equal(row->price.long_output, 2500000);
    assert_int_equal(row->price.cache_write_1h, 200000);

    /* The first snapshot of gpt-4o kept its price; its name must not be cut. */
    row = catalogue_find(catalogue, STR("openai"), STR("gpt-4o-2024-05-13"), DAY(20600));
    assert_int_equal(row->price.input, 5000000);
    row = catalogue_find(catalogue, STR("openai"), STR("gpt-4o-2024-11-20"), DAY(20600));
    assert_int_equal(row->price.input, 2500000);

    /* 2026-10-07 is day 20733. */
    row = catalogue_find(catalogue, STR("anthropic"), STR("claude-sonnet-5-5"), DAY(20733) - 1);
    assert_int_equal(row->price.cached, 200000);
    row = catalogue_find(catalogue, STR("anthropic"), STR("claude-sonnet-5-5"), DAY(20733));
    assert_int_equal(row->price.cached, 100000);
    catalogue_free(catalogue);
}

static void names_and_dates_are_found_as_described(void **state)
{
    static const char csv[] = HEAD "v,m,2025-01-01,1,1,1,,,,1,,,,,,,,s\n"
                                   "v,m,2026-01-01,1,1,2,,,,1,,,,,,,,s\n"
                                   "v,m-20250101,,1,1,3,,,,1,,,,,,,,s\n"
                                   "v,org/m,,1,1,4,,,,1,,,,,,,,s\n"
                                   "w,m,,1,1,5,,,,1,,,,,,,,s\n"
                                   "v,\"quo\"\"ted, m\",,,,6,,,,1,,,,,,,,\"s, t\"\n";

    static const struct {
        const char *vendor, *model;
        int64_t at_ms;
        int64_t usd; /* 0 = not found */
    } rows[] = {
        {"v",     "m",               DAY(20088), 0}, /* the day before 2025-01-01 */
        {"v",     "m",               DAY(20089), 1},
        {"v",     "m",               DAY(20453), 1},
        {"v",     "m",               DAY(20454), 2},
        {"v",     "m-2025-08-07",    DAY(20454), 2},
        {"v",     "m-20260807",      DAY(20454), 2},
        {"v",     "m-20250101",      DAY(20454), 3},
        {"v",     "m-latest",        DAY(20454), 2},
        {"v",     "m-2025-8-07",     DAY(20454), 0},
        {"v",     "m-latest-latest", DAY(20454), 0},
        {"v",     "-20260807",       DAY(20454), 0},
        {"v",     "org/m",           0,          4},
        {"w",     "m",               0,          5},
        {"v/org", "m",               0,          0},
        {"x",     "m",               0,          0},
        {"v",     "quo\"ted, m",     0,          6},
        {"v",     "M",               DAY(20454), 0},
        {"",      "",                0,          0},
    };
    struct catalogue *catalogue = NULL;
    struct error err = {0};
    (void)state;
    if (catalogue_parse(str_of(csv), "t.csv", &catalogue, &err) < 0) {
        fail_msg("%s", err.text);
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct catalogue_row *row =
            catalogue_find(catalogue, str_of(rows[i].vendor), str_of(rows[i].model), rows[i].at_ms);
        assert_int_equal(row ? row->price.input : 0, rows[i].usd * 1000000);
    }
    char longest[1000];
    memset(longest, 'm', sizeof(longest));
    assert_null(catalogue_find(catalogue, STR("v"), str_make(longest, sizeof(longest)), 0));
    catalogue_free(catalogue);
    catalogue_free(NULL);
}

static void broken_data_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *csv;
        const char *part;
    } rows[] = {
        {"",                                                      "t.csv:1:1: no rows"                            },
        {"# only a comment\n",                                    "no rows"                                       },
        {"vendor,model\n",                                        "t.csv:1:1: 2 fields, expected 18"              },
        {"vendor,name,effective_from,context_window,max_output,input,cached,cache_write,cache_write"
         "_1h,output,batch_input,batch_cached,batch_output,long_threshold,long_input,long_cached,"
         "long_output,source\n",                         "t.csv:1:8: column \"name\", expected \"model\""},
        {HEAD "v,m\n",                                            "t.csv:2:1: 2 fields"                           },
        {HEAD ",m,,,,1,,,,1,,,,,,,,s\n",                          "t.csv:2:1: vendor is \"\", expected a name"    },
        {HEAD "v,\"m\nn\",,,,1,,,,1,,,,,,,,s\n",                  "expected a name"                               },
        {HEAD "v,m,2026-02-29,,,1,,,,1,,,,,,,,s\n",               "t.csv:2:5: effective_from is"                  },
        {HEAD "v,m,2026-13-01,,,1,,,,1,,,,,,,,s\n",               "expected a date such as 2026-10-07"            },
        {HEAD "v,m,26-01-01,,,1,,,,1,,,,,,,,s\n",                 "effective_from"                                },
        {HEAD "v,m,,-5,,1,,,,1,,,,,,,,s\n",                       "context_window is \"-5\""                      },
        {HEAD "v,m,,,,$1,,,,1,,,,,,,,s\n",                        "t.csv:2:8: input is \"$1\""                    },
        {HEAD "v,m,,,,1,,,,0.12345678,,,,,,,,s\n",                "at most six decimals"                          },
        {HEAD "v,m,,,,1,,,,1,,,,1000,,,,s\n",                     "long_threshold and long_input need each other" },
        {HEAD "v,m,,,,1,,,,1,,,,,2,,,s\n",                        "long_threshold and long_input need each other" },
        {HEAD "v,m,,,,1,,,,1,,,,,,,,s\nv,m,,,,2,,,,1,,,,,,,,s\n", "v/m stands in line"                            },
        {HEAD "v,m,,,,1,,,,1,,,,,,,,\"s\n",                       "never ends"                                    },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct catalogue *catalogue = NULL;
        struct error err = {0};
        assert_int_equal(catalogue_parse(str_of(rows[i].csv), "t.csv", &catalogue, &err),
                         ERR_INVALID);
        assert_has(err.text, rows[i].part);
        assert_null(catalogue);
    }
}

static void leap_days_are_dates(void **state)
{
    struct catalogue *catalogue = NULL;
    (void)state;
    assert_int_equal(
        catalogue_parse(STR(HEAD "v,m,2024-02-29,,,1,,,,1,,,,,,,,s\n"), "t", &catalogue, NULL), 0);
    assert_int_equal(catalogue->rows[0].effective_ms, DAY(19782));
    catalogue_free(catalogue);
}

static void too_many_rows_are_refused(void **state)
{
    struct catalogue *catalogue = NULL;
    struct buf csv;
    struct error err = {0};
    (void)state;
    buf_init(&csv, 8u << 20);
    buf_puts(&csv, HEAD);
    for (int i = 0; i <= CATALOGUE_ROWS_MAX; i++) {
        buf_putf(&csv, "v,m%d,,,,1,,,,1,,,,,,,,s\n", i);
    }
    assert_int_equal(catalogue_parse(buf_str(&csv), "t", &catalogue, &err), ERR_LIMIT);
    buf_release(&csv);
}

static void hosts_belong_to_vendors(void **state)
{
    (void)state;
    assert_str(catalogue_vendor_of_host(STR("api.openai.com")), "openai");
    assert_str(catalogue_vendor_of_host(STR("API.Anthropic.com")), "anthropic");
    assert_str(catalogue_vendor_of_host(STR("bedrock-runtime.eu-west-1.amazonaws.com")),
               "amazon-bedrock");
    assert_str(catalogue_vendor_of_host(STR("eu.api.openai.com")), "");
    assert_str(catalogue_vendor_of_host(STR("api.openai.com.evil.example")), "");
    assert_str(catalogue_vendor_of_host(STR("localhost")), "");
    assert_str(catalogue_vendor_of_host(STR_EMPTY), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prices_are_exact),
        cmocka_unit_test(the_embedded_catalogue_is_sound),
        cmocka_unit_test(known_prices_are_in_the_embedded_catalogue),
        cmocka_unit_test(names_and_dates_are_found_as_described),
        cmocka_unit_test(broken_data_is_refused_with_its_place),
        cmocka_unit_test(leap_days_are_dates),
        cmocka_unit_test(too_many_rows_are_refused),
        cmocka_unit_test(hosts_belong_to_vendors),
    };
    return cmocka_run_group_tests_name("llm/catalogue", tests, NULL, NULL);
}
