#include "unit/core/suite.h"

#include "core/bounds.h"

static void bounds_are_inclusive_and_zeros_mean_none(void **state)
{
    (void)state;
    assert_true(bounds_hold(1, 1, 3));
    assert_true(bounds_hold(3, 1, 3));
    assert_false(bounds_hold(0.99, 1, 3));
    assert_false(bounds_hold(3.01, 1, 3));
    assert_true(bounds_hold(-1e300, 0, 0));
    assert_false(bounds_hold(-1, 0, 1));
}

static void bounds_are_shown_in_the_largest_fitting_unit(void **state)
{
    static const struct {
        enum bounds_unit unit;
        double min, max;
        const char *text;
    } rows[] = {
        {BOUNDS_NUMBER,   0,     0,               ""                      },
        {BOUNDS_NUMBER,   1,     65535,           " from 1 to 65535"      },
        {BOUNDS_NUMBER,   0,     0.5,             " from 0 to 0.5"        },
        {BOUNDS_NUMBER,   -5,    1e9,             " from -5 to 1000000000"},
        {BOUNDS_DURATION, 1,     86400000,        " from 1ms to 1d"       },
        {BOUNDS_DURATION, 1500,  7200000,         " from 1500ms to 2h"    },
        {BOUNDS_DURATION, 0,     90000,           " from 0ms to 90s"      },
        {BOUNDS_DURATION, 60000, 120000,          " from 1m to 2m"        },
        {BOUNDS_BYTES,    512,   33554432,        " from 512B to 32MiB"   },
        {BOUNDS_BYTES,    1024,  1073741824,      " from 1KiB to 1GiB"    },
        {BOUNDS_BYTES,    0,     1099511627776.0, " from 0B to 1TiB"      },
    };

    char out[BOUNDS_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_string_equal(bounds_show(rows[i].unit, rows[i].min, rows[i].max, out), rows[i].text);
    }
}

static void the_longest_bounds_fit(void **state)
{
    char out[BOUNDS_TEXT_MAX];

    (void)state;
    bounds_show(BOUNDS_NUMBER, -1.23456789012345e-300, 1.23456789012345e300, out);
    assert_string_equal(out, " from -1.23456789012345e-300 to 1.23456789012345e+300");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_inclusive_and_zeros_mean_none),
        cmocka_unit_test(bounds_are_shown_in_the_largest_fitting_unit),
        cmocka_unit_test(the_longest_bounds_fit),
    };

    return cmocka_run_group_tests_name("core/bounds", tests, NULL, NULL);
}
