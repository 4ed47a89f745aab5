#include "unit/llm/suite.h"

#include "core/attr.h"
#include "llm/skim.h"

static void values_come_with_key_depth_and_place(void **state)
{
    static const char text[] = "{\"a\" : 1, \"b\":[true,{\"c\\\"\":\"x\\\\\"}], \"d\":null}";

    static const struct {
        enum skim_type type;
        unsigned depth;
        const char *key;
        const char *text;
        size_t start, end;
    } rows[] = {
        {SKIM_OBJECT, 0, "",      "{",     0,  1 },
        {SKIM_NUMBER, 1, "a",     "1",     1,  8 },
        {SKIM_ARRAY,  1, "b",     "[",     10, 15},
        {SKIM_WORD,   2, "",      "true",  15, 19},
        {SKIM_OBJECT, 2, "",      "{",     20, 21},
        {SKIM_STRING, 3, "c\\\"", "x\\\\", 21, 32},
        {SKIM_WORD,   1, "d",     "null",  36, 44},
    };
    struct skim skim;
    struct skim_value value;
    (void)state;
    skim_init(&skim, str_of(text));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(skim_next(&skim, &value));
        assert_int_equal(value.type, rows[i].type);
        assert_int_equal(value.depth, rows[i].depth);
        assert_str(value.key, rows[i].key);
        assert_str(value.text, rows[i].text);
        assert_int_equal(value.start, rows[i].start);
        assert_int_equal(value.end, rows[i].end);
    }
    assert_false(skim_next(&skim, &value));
    assert_false(skim_next(&skim, &value));
}

static void a_container_can_be_skipped_whole(void **state)
{
    struct skim skim;
    struct skim_value value;
    (void)state;
    skim_init(&skim, STR("{\"a\":{\"x\":[1,\"]}\\\"\"]} , \"b\":2}"));
    assert_true(skim_next(&skim, &value));
    assert_true(skim_next(&skim, &value));
    skim_skip(&skim, &value);
    assert_str(value.text, "{\"x\":[1,\"]}\\\"\"]}");
    assert_int_equal(value.end, 21);
    assert_true(skim_next(&skim, &value));
    assert_str(value.key, "b");
    assert_int_equal(value.depth, 1);
    assert_int_equal(skim_i64(&value, -1), 2);
}

static void containers_know_where_they_stand(void **state)
{
    struct skim skim;
    struct skim_value value;
    (void)state;
    skim_init(&skim, STR("{\"a\":[{\"b\":{\"c\":1}}],\"d\":2}"));
    while (skim_next(&skim, &value) && value.type != SKIM_NUMBER) {
    }
    assert_true(skim_inside(&skim, 1, ""));
    assert_true(skim_inside(&skim, 2, "a"));
    assert_true(skim_inside(&skim, 3, ""));
    assert_true(skim_inside(&skim, 4, "b"));
    assert_false(skim_inside(&skim, 5, "c"));
    assert_false(skim_inside(&skim, 2, "b"));
    assert_true(skim_next(&skim, &value));
    assert_false(skim_inside(&skim, 2, "a"));
}

static void broken_text_always_ends(void **state)
{
    static const char *const rows[] = {
        "",      "{",           "}",      "]]]]{\"a\":1", "\"",         "\"abc",
        "\"a\\", "\"a\":",      "{\"a\"", "{\"a\":}",     "{:,:}",      "nonsense",
        "\\",    "{\"a\":\"\\", "\x01",   "1\"2\"3",      "\"a\"\"b\"", "{\"a\":[}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (int skip = 0; skip < 2; skip++) {
            struct skim skim;
            struct skim_value value;
            int count = 0;
            skim_init(&skim, str_of(rows[i]));
            while (skim_next(&skim, &value)) {
                assert_true(value.end <= strlen(rows[i]));
                assert_true(value.start <= value.end);
                if (skip && (value.type == SKIM_OBJECT || value.type == SKIM_ARRAY)) {
                    skim_skip(&skim, &value);
                }
                assert_true(++count < 100);
            }
        }
    }
}

static void nesting_beyond_the_known_path_is_harmless(void **state)
{
    struct skim skim;
    struct skim_value value;
    struct buf deep;
    int count = 0;
    (void)state;
    buf_init(&deep, 1u << 16);
    for (int i = 0; i < 5000; i++) {
        buf_puts(&deep, "{\"k\":");
    }
    skim_init(&skim, buf_str(&deep));
    while (skim_next(&skim, &value)) {
        assert_false(skim_inside(&skim, SKIM_PATH_MAX + 1, "k"));
        count++;
    }
    assert_int_equal(count, 5000);
    assert_true(skim_inside(&skim, SKIM_PATH_MAX, "k"));
    buf_release(&deep);
}

static void numbers_are_read_or_fall_back(void **state)
{
    static const struct {
        const char *text;
        int64_t number;
    } rows[] = {
        {"5",                    5  },
        {"-7",                   -7 },
        {"5.9",                  5  },
        {"1e3",                  -99},
        {"\"5\"",                -99},
        {"x",                    -99},
        {"null",                 -99},
        {"99999999999999999999", -99},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct skim skim;
        struct skim_value value;
        skim_init(&skim, str_of(rows[i].text));
        assert_true(skim_next(&skim, &value));
        assert_int_equal(skim_i64(&value, -99), rows[i].number);
        assert_int_equal(skim_is_null(&value), strcmp(rows[i].text, "null") == 0);
    }
}

static void copies_are_unescaped_and_end_in_zero(void **state)
{
    static const struct {
        const char *text;
        const char *copy;
    } rows[] = {
        {"plain",                               "plain"                                },
        {"a\\/b\\\\c\\\"d",                     "a/b\\c\"d"                            },
        {"\\u0041\\u00e9\\u20ac\\ud83d\\ude00", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\\ud83dx",                            "\xef\xbf\xbdx"                        },
        {"\\u00",                               "u00"                                  },
        {"a\\n\\tb\\u0000c",                    "a  b c"                               },
        {"end\\",                               "end\\"                                },
        {"a\\\xc3\xa9\\\xff",                   "a\\\xc3\xa9\\?"                       },
        {"\x01\x7f",                            "  "                                   },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char copy[64];
        skim_copy(str_of(rows[i].text), copy, sizeof(copy));
        assert_string_equal(copy, rows[i].copy);
    }
}

static void texts_are_unescaped_only_where_they_must_be(void **state)
{
    static const struct {
        const char *text, *plain;
    } rows[] = {
        {"\\n",                   "\n"                      },
        {"a\\tb\\\\c\\\"",        "a\tb\\c\""               },
        {"\\u00e9\\ud83d\\ude00", "\xc3\xa9\xf0\x9f\x98\x80"},
        {"\\ud83d!",              "\xef\xbf\xbd!"           },
        {"end\\",                 "end\\"                   },
    };
    struct str plain = STR("caf\xc3\xa9");
    struct buf scratch;
    (void)state;
    buf_init(&scratch, 64);
    assert_ptr_equal(skim_text(plain, &scratch).p, plain.p);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_str(skim_text(str_of(rows[i].text), &scratch), rows[i].plain);
    }
    buf_release(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_with_key_depth_and_place),
        cmocka_unit_test(a_container_can_be_skipped_whole),
        cmocka_unit_test(containers_know_where_they_stand),
        cmocka_unit_test(broken_text_always_ends),
        cmocka_unit_test(nesting_beyond_the_known_path_is_harmless),
        cmocka_unit_test(numbers_are_read_or_fall_back),
        cmocka_unit_test(copies_are_unescaped_and_end_in_zero),
        cmocka_unit_test(texts_are_unescaped_only_where_they_must_be),
    };
    return cmocka_run_group_tests_name("llm/skim", tests, NULL, NULL);
}
