#include "unit/core/suite.h"

#include "core/error.h"

static void comparisons_look_at_bytes_and_length(void **state)
{
    (void)state;
    assert_true(str_eq(STR("ab"), STR("ab")));
    assert_false(str_eq(STR("ab"), STR("abc")));
    assert_false(str_eq(STR("a\0b"), STR("a\0c")));
    assert_true(str_is(STR_EMPTY, ""));
    assert_true(str_is(str_of(NULL), ""));
    assert_true(str_eq_nocase(STR("Content-TYPE"), STR("content-type")));
    assert_false(str_eq_nocase(STR("@"), STR("`")));
    assert_false(str_eq_nocase(STR("a"), STR("ab")));
    assert_true(str_starts(STR("abc"), STR("ab")));
    assert_true(str_starts(STR("abc"), STR_EMPTY));
    assert_false(str_starts(STR("a"), STR("ab")));
    assert_true(str_starts_nocase(STR("BEARER x"), STR("bearer ")));
    assert_false(str_starts_nocase(STR("BEAR"), STR("bearer ")));
    assert_true(str_ends(STR("abc"), STR("bc")));
    assert_false(str_ends(STR("c"), STR("bc")));
    assert_true(str_cmp(STR("a"), STR("b")) < 0);
    assert_true(str_cmp(STR("ab"), STR("a")) > 0);
    assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
    assert_int_equal(str_cmp(STR("x"), STR("x")), 0);
    assert_int_equal(str_cmp(STR_EMPTY, STR_EMPTY), 0);
}

static void cutting_never_leaves_the_text(void **state)
{
    (void)state;
    assert_str(str_from(STR("abc"), 1), "bc");
    assert_str(str_from(STR("abc"), 9), "");
    assert_str(str_head(STR("abc"), 2), "ab");
    assert_str(str_head(STR("abc"), 9), "abc");
    assert_str(str_trim(STR(" \t\r\n a b \n")), "a b");
    assert_str(str_trim(STR(" \t")), "");
}

static void finding_gives_the_first_place_or_minus_one(void **state)
{
    (void)state;
    assert_int_equal(str_find(STR("abcabc"), STR("ca")), 2);
    assert_int_equal(str_find(STR("abc"), STR("abcd")), -1);
    assert_int_equal(str_find(STR("abc"), STR("x")), -1);
    assert_int_equal(str_find(STR("abc"), STR_EMPTY), 0);
    assert_int_equal(str_find_char(STR("a\0b"), 'b'), 2);
    assert_int_equal(str_find_char(STR_EMPTY, 'b'), -1);
}

static void split_hands_out_every_part(void **state)
{
    struct str rest = STR("a,,b");

    (void)state;
    assert_str(str_split(&rest, ','), "a");
    assert_str(str_split(&rest, ','), "");
    assert_str(str_split(&rest, ','), "b");
    assert_int_equal(rest.n, 0);
    assert_str(str_split(&rest, ','), "");
}

static void whole_numbers_are_whole_strings(void **state)
{
    static const struct {
        const char *text;
        int result;
        int64_t value;
    } rows[] = {
        {"0",                       0,           0        },
        {"-1",                      0,           -1       },
        {"007",                     0,           7        },
        {"9223372036854775807",     0,           INT64_MAX},
        {"-9223372036854775808",    0,           INT64_MIN},
        {"9223372036854775808",     ERR_INVALID, 0        },
        {"-9223372036854775809",    ERR_INVALID, 0        },
        {"99999999999999999999999", ERR_INVALID, 0        },
        {"",                        ERR_INVALID, 0        },
        {"-",                       ERR_INVALID, 0        },
        {"+1",                      ERR_INVALID, 0        },
        {" 1",                      ERR_INVALID, 0        },
        {"1 ",                      ERR_INVALID, 0        },
        {"1x",                      ERR_INVALID, 0        },
        {"0x10",                    ERR_INVALID, 0        },
        {"1.0",                     ERR_INVALID, 0        },
    };

    uint64_t big = 5;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t value = 42;
        assert_int_equal(str_to_i64(str_of(rows[i].text), &value), rows[i].result);
        assert_true(value == (rows[i].result == 0 ? rows[i].value : 42));
    }
    assert_int_equal(str_to_u64(STR("18446744073709551616"), &big), ERR_INVALID);
    assert_int_equal(big, 5);
    assert_int_equal(str_to_u64(STR("-1"), &big), ERR_INVALID);
    assert_int_equal(str_to_u64(STR("18446744073709551615"), &big), 0);
    assert_true(big == UINT64_MAX);
}

static void fractions_are_plain_decimal_numbers(void **state)
{
    static const struct {
        const char *text;
        int result;
        double value;
    } rows[] = {
        {"1",      0,           1   },
        {"-0.5",   0,           -0.5},
        {"1e3",    0,           1000},
        {"2.5E-1", 0,           0.25},
        {"1e400",  ERR_INVALID, 0   },
        {"inf",    ERR_INVALID, 0   },
        {"nan",    ERR_INVALID, 0   },
        {"0x1p3",  ERR_INVALID, 0   },
        {".5",     ERR_INVALID, 0   },
        {"1.",     ERR_INVALID, 0   },
        {"1e",     ERR_INVALID, 0   },
        {"1e+",    ERR_INVALID, 0   },
        {"",       ERR_INVALID, 0   },
        {" 1",     ERR_INVALID, 0   },
        {"1,5",    ERR_INVALID, 0   },
    };

    char longest[1000];
    double value = 42;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        value = 42;
        assert_int_equal(str_to_double(str_of(rows[i].text), &value), rows[i].result);
        assert_true(value == (rows[i].result == 0 ? rows[i].value : 42));
    }
    memset(longest, '1', sizeof(longest));
    assert_int_equal(str_to_double(str_make(longest, sizeof(longest)), &value), ERR_INVALID);
}

static void durations_and_sizes_know_their_units(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;    /* -1 = refused */
        int64_t bytes; /* -1 = refused */
    } rows[] = {
        {"250ms",                    250,                 -1                    },
        {"10s",                      10000,               -1                    },
        {"5m",                       300000,              -1                    },
        {"2h",                       7200000,             -1                    },
        {"30d",                      INT64_C(2592000000), -1                    },
        {"7",                        7000,                7                     },
        {"1.5s",                     1500,                -1                    },
        {"0",                        0,                   0                     },
        {"512B",                     -1,                  512                   },
        {"64KB",                     -1,                  64000                 },
        {"64KiB",                    -1,                  65536                 },
        {"2MB",                      -1,                  2000000               },
        {"32MiB",                    -1,                  33554432              },
        {"32 mib",                   -1,                  33554432              },
        {"20GB",                     -1,                  INT64_C(20000000000)  },
        {"1GiB",                     -1,                  INT64_C(1073741824)   },
        {"1TB",                      -1,                  INT64_C(1000000000000)},
        {"1TiB",                     -1,                  INT64_C(1099511627776)},
        {"0.5KiB",                   -1,                  512                   },
        {"-1s",                      -1,                  -1                    },
        {"s",                        -1,                  -1                    },
        {"",                         -1,                  -1                    },
        {"10 weeks",                 -1,                  -1                    },
        {"1.2.3s",                   -1,                  -1                    },
        {"9223372036854775807d",     -1,                  -1                    },
        {"9223372036854775807.5TiB", -1,                  -1                    },
        {"99999999999999999999",     -1,                  -1                    },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t ms = -1;
        int64_t bytes = -1;
        int result = str_to_duration_ms(str_of(rows[i].text), &ms);
        assert_true(ms == rows[i].ms);
        assert_int_equal(result, ms < 0 ? ERR_INVALID : 0);
        result = str_to_bytes(str_of(rows[i].text), &bytes);
        assert_true(bytes == rows[i].bytes);
        assert_int_equal(result, bytes < 0 ? ERR_INVALID : 0);
    }
}

static void distance_counts_edits_up_to_its_limit(void **state)
{
    char longest[STR_DISTANCE_MAX + 1];

    (void)state;
    assert_int_equal(str_distance(STR("kitten"), STR("sitting"), 10), 3);
    assert_int_equal(str_distance(STR("kitten"), STR("sitting"), 3), 3);
    assert_int_equal(str_distance(STR("kitten"), STR("sitting"), 2), 3);
    assert_int_equal(str_distance(STR(""), STR("abc"), 10), 3);
    assert_int_equal(str_distance(STR("abc"), STR("abc"), 0), 0);
    assert_int_equal(str_distance(STR("abcdefgh"), STR("x"), 2), 3);
    memset(longest, 'a', sizeof(longest));
    struct str a = str_make(longest, sizeof(longest));
    assert_int_equal(str_distance(a, a, 5), 6);
    assert_int_equal(str_distance(str_head(a, STR_DISTANCE_MAX), str_head(a, STR_DISTANCE_MAX), 5),
                     0);
    assert_true(str_distance(a, a, SIZE_MAX) == SIZE_MAX);
}

static void the_nearest_name_is_a_plausible_slip(void **state)
{
    const struct str names[] = {STR("models"), STR("tenants"), STR("providers"), STR("rpm")};

    (void)state;
    assert_str(str_nearest(STR("mdels"), names, ARRAY_LEN(names)), "models");
    assert_str(str_nearest(STR("model"), names, ARRAY_LEN(names)), "models");
    assert_str(str_nearest(STR("provders"), names, ARRAY_LEN(names)), "providers");
    assert_str(str_nearest(STR("tpm"), names, ARRAY_LEN(names)), "rpm");
    assert_str(str_nearest(STR("zz"), names, ARRAY_LEN(names)), "");
    assert_str(str_nearest(STR("x"), names, ARRAY_LEN(names)), "");
    assert_str(str_nearest(STR(""), names, ARRAY_LEN(names)), "");
    assert_str(str_nearest(STR("budget"), names, ARRAY_LEN(names)), "");
    assert_str(str_nearest(STR("models"), names, 0), "");
}

static void utf8_is_checked_to_the_letter(void **state)
{
    static const struct {
        const char *text;
        size_t good; /* well-formed bytes at its start */
    } rows[] = {
        {"plain ASCII text, longer than a word", 36},
        {"\xC3\xA9",                             2 },
        {"\xE2\x82\xAC",                         3 },
        {"\xF0\x9F\x98\x80",                     4 },
        {"\xF4\x8F\xBF\xBF",                     4 },
        {"\xED\x9F\xBF",                         3 },
        {"a\xC0\x80",                            1 }, /* overlong */
        {"a\xC1\xBF",                            1 }, /* overlong */
        {"a\xE0\x80\x80",                        1 }, /* overlong */
        {"a\xE0\x9F\xBF",                        1 }, /* overlong */
        {"a\xF0\x8F\xBF\xBF",                    1 }, /* overlong */
        {"a\xED\xA0\x80",                        1 }, /* surrogate */
        {"a\xF4\x90\x80\x80",                    1 }, /* above U+10FFFF */
        {"a\xF5\x80\x80\x80",                    1 },
        {"a\xFF",                                1 },
        {"a\x80",                                1 },
        {"a\xC3",                                1 },
        {"a\xE2\x82",                            1 },
        {"a\xF0\x9F\x98",                        1 },
        {"a\xE2\x28\xA1",                        1 },
        {"12345678\xFF",                         8 },
        {"1234567\xC3\xA9x",                     10},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str s = str_of(rows[i].text);
        assert_int_equal(str_utf8_prefix(s), rows[i].good);
        assert_int_equal(str_is_utf8(s), rows[i].good == s.n);
    }
    assert_true(str_is_utf8(STR_EMPTY));
    assert_true(str_is_utf8(STR("\0")));
    assert_int_equal(str_utf8_char(STR_EMPTY), 0);
}

static void what_is_shown_is_short_and_harmless(void **state)
{
    char out[STR_SHOW_MAX];
    char text[300];

    (void)state;
    assert_string_equal(str_show(STR("caf\xC3\xA9"), out), "caf\xC3\xA9");
    assert_string_equal(str_show(STR("a\nb\x1b\x7f\0\xff\xC2\x9B"), out), "a?b?????");
    assert_string_equal(str_show(STR_EMPTY, out), "");
    memset(text, 'y', sizeof(text));
    assert_string_equal(str_show(str_make(text, sizeof(text)), out) + STR_SHOW_MAX - 5, "y...");
    assert_int_equal(strlen(out), STR_SHOW_MAX - 1);
    for (size_t n = 0; n < 200; n += 2) {
        text[n] = '\xC3';
        text[n + 1] = '\xA9';
        assert_true(str_is_utf8(str_of(str_show(str_make(text, n + 2), out))));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparisons_look_at_bytes_and_length),
        cmocka_unit_test(cutting_never_leaves_the_text),
        cmocka_unit_test(finding_gives_the_first_place_or_minus_one),
        cmocka_unit_test(split_hands_out_every_part),
        cmocka_unit_test(whole_numbers_are_whole_strings),
        cmocka_unit_test(fractions_are_plain_decimal_numbers),
        cmocka_unit_test(durations_and_sizes_know_their_units),
        cmocka_unit_test(distance_counts_edits_up_to_its_limit),
        cmocka_unit_test(the_nearest_name_is_a_plausible_slip),
        cmocka_unit_test(utf8_is_checked_to_the_letter),
        cmocka_unit_test(what_is_shown_is_short_and_harmless),
    };

    return cmocka_run_group_tests_name("core/str", tests, NULL, NULL);
}
