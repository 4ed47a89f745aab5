#include "unit/core/suite.h"

#include "cmd/when.h"
#include "core/clock.h"

#define NOW_MS INT64_C(1795530663784) /* 2026-11-24T14:31:03.784Z */

static void times_are_durations_ago_or_dates_in_utc(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {
        {"10m",                  NOW_MS - 600000                },
        {"1h",                   NOW_MS - 3600000               },
        {"30d",                  NOW_MS - INT64_C(30) * 86400000},
        {"250ms",                NOW_MS - 250                   },
        {"40000d",               1                              }, /* before there was time */
        {"1970-01-01",           0                              },
        {"1970-01-02",           86400000                       },
        {"2000-02-29",           INT64_C(951782400000)          },
        {"2026-11-24",           INT64_C(1795478400000)         },
        {"2026-11-24T14:31",     INT64_C(1795530660000)         },
        {"2026-11-24T14:31:03",  INT64_C(1795530663000)         },
        {"2026-11-24 14:31:03Z", INT64_C(1795530663000)         },
        {"2026-11-24t14:31z",    INT64_C(1795530660000)         },
        {"9999-12-31",           INT64_C(253402214400000)       },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct error err = {0};
        int64_t ms = -1;

        assert_int_equal(when_parse("--since", str_of(rows[i].text), NOW_MS, &ms, &err), 0);
        assert_int_equal(ms, rows[i].ms);
    }
}

static void every_day_of_a_century_is_the_one_that_is_shown(void **state)
{
    char day[CLOCK_TEXT_MAX];

    (void)state;
    for (int64_t days = 0; days < 36600; days++) {
        int64_t ms = -1;

        clock_format_day(days * 86400000, day);
        assert_int_equal(when_parse("--since", str_of(day), NOW_MS, &ms, NULL), 0);
        assert_int_equal(ms, days * 86400000);
    }
}

static void what_is_neither_is_refused_with_examples(void **state)
{
    static const char *const bad[] = {
        "",
        "yesterday",
        "2026",
        "1795530663",
        "-1h",
        "2026-13-01",
        "2026-00-01",
        "2026-02-29",
        "2026-11-31",
        "2026-11-24T",
        "2026-11-24T24:00",
        "2026-11-24T14:60",
        "2026-11-24T14:31:60",
        "2026-11-24T14:31+01:00",
        "2026-11-24T14:31:03.784Z",
        "1969-12-31",
        "2026-11-24Zx",
        "h",
        "2026/11/24",
        "26-11-24",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct error err = {0};
        int64_t ms = 5;

        assert_int_equal(when_parse("--until", str_of(bad[i]), NOW_MS, &ms, &err), ERR_INVALID);
        assert_non_null(strstr(err.text, "--until"));
        assert_non_null(strstr(err.text, "2026-11-24"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_durations_ago_or_dates_in_utc),
        cmocka_unit_test(every_day_of_a_century_is_the_one_that_is_shown),
        cmocka_unit_test(what_is_neither_is_refused_with_examples),
    };

    return cmocka_run_group_tests_name("cmd/when", tests, NULL, NULL);
}
