#include "unit/core/suite.h"

#include <time.h>

#include "core/clock.h"
#include "core/rand.h"

static void times_are_written_in_utc(void **state)
{
    static const struct {
        int64_t wall_ms;
        const char *text;
    } rows[] = {
        {0,                        "1970-01-01T00:00:00.000Z"},
        {-1,                       "1969-12-31T23:59:59.999Z"},
        {INT64_C(951782400000),    "2000-02-29T00:00:00.000Z"},
        {INT64_C(4107542399999),   "2100-02-28T23:59:59.999Z"},
        {INT64_C(4107542400000),   "2100-03-01T00:00:00.000Z"},
        {INT64_C(1795525509123),   "2026-11-24T13:05:09.123Z"},
        {INT64_C(-62167219200000), "0000-01-01T00:00:00.000Z"},
        {INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
        {INT64_MAX,                "9999-12-31T23:59:59.999Z"},
        {INT64_MIN,                "0000-01-01T00:00:00.000Z"},
    };

    char text[CLOCK_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        clock_format(rows[i].wall_ms, text);
        assert_string_equal(text, rows[i].text);
        clock_format_day(rows[i].wall_ms, text);
        assert_int_equal(strlen(text), 10);
        assert_memory_equal(text, rows[i].text, 10);
    }
}

static void dates_agree_with_the_system(void **state)
{
    struct rand_state r;
    char text[CLOCK_TEXT_MAX];
    char expected[CLOCK_TEXT_MAX];

    (void)state;
    rand_seed(&r, 7);
    for (int i = 0; i < 20000; i++) {
        int64_t seconds = (int64_t)rand_below(&r, UINT64_C(315569519999)) - INT64_C(62167219200);
        time_t when = (time_t)seconds;
        struct tm tm;
        assert_non_null(gmtime_r(&when, &tm));
        size_t n = strftime(expected, sizeof(expected), "-%m-%dT%H:%M:%S.000Z", &tm);
        clock_format(seconds * 1000, text);
        assert_int_equal(strlen(text), n + 4);
        assert_string_equal(text + 4, expected);
        snprintf(expected, sizeof(expected), "%04d", tm.tm_year + 1900);
        assert_memory_equal(text, expected, 4);
    }
}

static void times_are_read_as_they_are_written(void **state)
{
    static const struct {
        const char *text;
        int64_t wall_ms; /* -1 = refused */
    } rows[] = {
        {"1970-01-01",           0                       },
        {"2026-11-24",           INT64_C(1795478400000)  },
        {"2026-11-24T13:05",     INT64_C(1795525500000)  },
        {"2026-11-24 13:05:09Z", INT64_C(1795525509000)  },
        {"2000-02-29T00:00:00Z", INT64_C(951782400000)   },
        {"9999-12-31T23:59:59Z", INT64_C(253402300799000)},
        {"2027-02-29",           -1                      },
        {"1969-12-31",           -1                      },
        {"2026-13-01",           -1                      },
        {"2026-11-24T24:00",     -1                      },
        {"2026-11-24T13:05:60",  -1                      },
        {"2026-11-24T",          -1                      },
        {"2026-11-24x",          -1                      },
        {"26-11-24",             -1                      },
        {"",                     -1                      },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t wall_ms = -1;
        int code = clock_parse(str_of(rows[i].text), &wall_ms);
        assert_int_equal(code == 0, rows[i].wall_ms >= 0);
        assert_true(wall_ms == rows[i].wall_ms);
    }
}

static void the_monotonic_clock_does_not_go_back(void **state)
{
    (void)state;
    int64_t before = clock_mono_us();

    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_mono_us();
        assert_true(now >= before);
        before = now;
    }
    assert_true(clock_wall_ms() > INT64_C(1700000000000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_written_in_utc),
        cmocka_unit_test(dates_agree_with_the_system),
        cmocka_unit_test(times_are_read_as_they_are_written),
        cmocka_unit_test(the_monotonic_clock_does_not_go_back),
    };

    return cmocka_run_group_tests_name("core/clock", tests, NULL, NULL);
}
