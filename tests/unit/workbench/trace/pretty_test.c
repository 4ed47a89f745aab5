#include "unit/core/suite.h"

#include "workbench/trace/pretty.h"

static void json_gets_a_line_for_each_member(void **state)
{
    static const struct {
        const char *text, *pretty;
    } rows[] = {
        {"1",                                                        " 1\n"                                              },
        {" \"a{b}[c],:\\\"\\\\\" ",                                  " \"a{b}[c],:\\\"\\\\\"\n"                          },
        {"{}",                                                       " {}\n"                                             },
        {"[ \n ]",                                                   " []\n"                                             },
        {"{\"b\":1.50e+2,\"a\":[true,null,{}],\"b\" : \"\\u00e9\"}",
         " {\n   \"b\": 1.50e+2,\n   \"a\": [\n     true,\n     null,\n     {}\n   ],\n"
         "   \"b\": \"\\u00e9\"\n }\n"                                                                                   },
        {"[[1],[[]]]",                                               " [\n   [\n     1\n   ],\n   [\n     []\n   ]\n ]\n"},
    };
    struct buf out;

    (void)state;
    buf_init(&out, 10000);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_clear(&out);
        assert_true(pretty_json(str_of(rows[i].text), 1, &out));
        assert_str(buf_str(&out), rows[i].pretty);
    }
    buf_release(&out);
}

static void what_is_no_json_is_left_to_the_caller(void **state)
{
    static const char *const bad[] = {"", "{", "{\"a\":}", "data: x", "\"\\", "[1,]", "nul"};
    struct buf out;

    (void)state;
    buf_init(&out, 10000);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(pretty_json(str_of(bad[i]), 0, &out));
        assert_int_equal(out.n, 0);
    }
    buf_release(&out);
}

static void lines_get_their_margin(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 10000);
    pretty_lines(STR("one\n\ntwo\n"), 2, &out);
    pretty_lines(STR(""), 2, &out);
    pretty_lines(STR("three"), 0, &out);
    assert_str(buf_str(&out), "  one\n\n  two\nthree\n");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_gets_a_line_for_each_member),
        cmocka_unit_test(what_is_no_json_is_left_to_the_caller),
        cmocka_unit_test(lines_get_their_margin),
    };

    return cmocka_run_group_tests_name("workbench/trace/pretty", tests, NULL, NULL);
}
