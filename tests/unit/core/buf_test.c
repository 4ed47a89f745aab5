#include "unit/core/suite.h"

#include "core/buf.h"
#include "core/error.h"
#include "core/json.h"
#include "core/rand.h"

static void what_is_put_stands_in_order(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    assert_str(buf_str(&b), "");
    assert_string_equal(buf_cstr(&b), "");
    assert_int_equal(buf_put(&b, "ab", 2), 0);
    assert_int_equal(buf_put_str(&b, STR("cd")), 0);
    assert_int_equal(buf_puts(&b, "ef"), 0);
    assert_int_equal(buf_putc(&b, '-'), 0);
    assert_int_equal(buf_put_u64(&b, UINT64_MAX), 0);
    assert_int_equal(buf_put_i64(&b, INT64_MIN), 0);
    assert_int_equal(buf_put_i64(&b, 0), 0);
    assert_int_equal(buf_putf(&b, "<%s %d>", "x", 5), 0);
    assert_int_equal(buf_putf(&b, "%s", ""), 0);
    assert_string_equal(buf_cstr(&b), "abcdef-18446744073709551615-92233720368547758080<x 5>");
    assert_true(buf_ok(&b));
    buf_release(&b);
    assert_null(b.p);
    buf_release(&b);
}

static void a_put_beyond_max_adds_nothing_and_is_remembered(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 4);
    assert_int_equal(buf_puts(&b, "abc"), 0);
    assert_int_equal(buf_puts(&b, "de"), ERR_LIMIT);
    assert_false(buf_ok(&b));
    assert_str(buf_str(&b), "abc");
    assert_int_equal(buf_putf(&b, "%d", 12345), ERR_LIMIT);
    assert_int_equal(buf_put_json(&b, STR("x")), ERR_LIMIT);
    assert_int_equal(buf_reserve(&b, SIZE_MAX), ERR_LIMIT);
    assert_str(buf_str(&b), "abc");
    assert_int_equal(buf_putc(&b, 'd'), 0);
    assert_string_equal(buf_cstr(&b), "abcd");
    assert_int_equal(b.cap, 4);
    assert_false(buf_ok(&b));
    buf_clear(&b);
    assert_true(buf_ok(&b));
    assert_int_equal(b.n, 0);
    buf_release(&b);

    buf_init(&b, 0);
    assert_int_equal(buf_put(&b, "", 0), 0);
    assert_int_equal(buf_putf(&b, "%s", ""), 0);
    assert_int_equal(buf_putc(&b, 'x'), ERR_LIMIT);
    buf_release(&b);
}

static void it_grows_up_to_its_max_exactly(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(buf_putc(&b, (char)('a' + i % 26)), 0);
        assert_true(b.n <= b.cap && b.cap <= b.max);
    }
    assert_int_equal(buf_putc(&b, 'x'), ERR_LIMIT);
    assert_int_equal(b.p[999], 'a' + 999 % 26);
    assert_int_equal(strlen(buf_cstr(&b)), 1000);
    buf_release(&b);
}

static void consume_drops_the_front(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 100);
    buf_consume(&b, 0);
    buf_puts(&b, "hello world");
    buf_consume(&b, 6);
    assert_str(buf_str(&b), "world");
    buf_consume(&b, 0);
    buf_consume(&b, 5);
    assert_str(buf_str(&b), "");
    buf_release(&b);
}

static void consume_too_much(void)
{
    struct buf b;

    buf_init(&b, 10);
    buf_consume(&b, 1);
}

static void consuming_what_is_not_there_is_a_bug(void **state)
{
    (void)state;
    assert_true(ends_process(consume_too_much));
}

static void move_hands_over_the_bytes(void **state)
{
    struct buf from;
    struct buf to;

    (void)state;
    buf_init(&from, 100);
    buf_init(&to, 50);
    buf_puts(&to, "old");
    buf_clear(&to);
    buf_puts(&from, "bytes");
    buf_move(&to, &from);
    assert_str(buf_str(&to), "bytes");
    assert_str(buf_str(&from), "");
    assert_null(from.p);
    assert_int_equal(buf_puts(&from, "again"), 0);
    buf_release(&from);
    buf_release(&to);
}

static void json_strings_are_escaped(void **state)
{
    static const struct {
        struct str in;
        const char *out;
    } rows[] = {
        {{"plain", 5},                    "\"plain\""                                },
        {{"", 0},                         "\"\""                                     },
        {{"a\"b\\c/", 6},                 "\"a\\\"b\\\\c/\""                         },
        {{"\b\f\n\r\t", 5},               "\"\\b\\f\\n\\r\\t\""                      },
        {{"\0\v\x1f\x7f", 4},             "\"\\u0000\\u000b\\u001f\x7f\""            },
        {{"\xC3\xA9\xF0\x9F\x98\x80", 6}, "\"\xC3\xA9\xF0\x9F\x98\x80\""             },
        {{"a\xFF", 2},                    "\"a\xEF\xBF\xBD\""                        },
        {{"\xED\xA0\x80x", 4},            "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDx\""},
        {{"\xE2\x82", 2},                 "\"\xEF\xBF\xBD\xEF\xBF\xBD\""             },
    };
    struct buf b;

    (void)state;
    buf_init(&b, 1000);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_clear(&b);
        assert_int_equal(buf_put_json(&b, rows[i].in), 0);
        assert_str(buf_str(&b), rows[i].out);
    }
    buf_release(&b);
}

static void any_bytes_make_a_json_string_that_parses(void **state)
{
    struct rand_state r;
    char bytes[64];
    struct buf b;

    (void)state;
    rand_seed(&r, 1);
    buf_init(&b, 1000);
    for (int round = 0; round < 2000; round++) {
        size_t n = rand_below(&r, sizeof(bytes));
        for (size_t i = 0; i < n; i++) {
            bytes[i] = (char)rand_u64(&r);
        }
        buf_clear(&b);
        assert_int_equal(buf_put_json(&b, str_make(bytes, n)), 0);
        yyjson_doc *doc = json_parse(buf_str(&b), NULL);
        assert_non_null(doc);
        if (str_is_utf8(str_make(bytes, n))) {
            assert_true(str_eq(json_str(yyjson_doc_get_root(doc)), str_make(bytes, n)));
        }
        yyjson_doc_free(doc);
    }
    buf_release(&b);
}

static void a_string_is_put_together_of_escaped_pieces(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 12);
    buf_putc(&b, '"');
    assert_int_equal(buf_put_escaped(&b, STR("a\"")), 0);
    assert_int_equal(buf_put_escaped(&b, STR("\n\xff")), 0);
    assert_int_equal(buf_put_escaped(&b, STR("123456")), ERR_LIMIT);
    buf_putc(&b, '"');
    assert_true(str_is(buf_str(&b), "\"a\\\"\\n\xEF\xBF\xBD\""));
    buf_release(&b);
}

static void a_json_string_that_does_not_fit_leaves_nothing(void **state)
{
    struct buf b;

    (void)state;
    for (size_t max = 0; max < 12; max++) {
        buf_init(&b, max);
        assert_int_equal(buf_put_json(&b, STR("ab\n\x01")), ERR_LIMIT);
        assert_int_equal(b.n, 0);
        assert_false(buf_ok(&b));
        buf_release(&b);
    }
    buf_init(&b, 12);
    assert_int_equal(buf_put_json(&b, STR("ab\n\x01")), 0);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_stands_in_order),
        cmocka_unit_test(a_put_beyond_max_adds_nothing_and_is_remembered),
        cmocka_unit_test(it_grows_up_to_its_max_exactly),
        cmocka_unit_test(consume_drops_the_front),
        cmocka_unit_test(consuming_what_is_not_there_is_a_bug),
        cmocka_unit_test(move_hands_over_the_bytes),
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(any_bytes_make_a_json_string_that_parses),
        cmocka_unit_test(a_string_is_put_together_of_escaped_pieces),
        cmocka_unit_test(a_json_string_that_does_not_fit_leaves_nothing),
    };

    return cmocka_run_group_tests_name("core/buf", tests, NULL, NULL);
}
