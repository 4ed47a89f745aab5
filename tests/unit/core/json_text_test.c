#include "unit/core/suite.h"

#include "core/json.h"
#include "core/json_text.h"
#include "core/mem.h"

/* Every kind of byte at every distance from the start, so that the steps of several bytes and the
 * rest behind them are met. */
static void plain_text_ends_at_the_first_byte_that_is_not(void **state)
{
    (void)state;
    for (size_t before = 0; before < 40; before++) {
        for (int c = 0; c < 256; c++) {
            char *text = x_malloc(before + 1);
            memset(text, 'x', before);
            text[before] = (char)c;
            bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
            assert_int_equal(json_text_plain(str_make(text, before + 1)), before + (plain ? 1 : 0));
            x_free(text);
        }
    }
    assert_int_equal(json_text_plain(STR_EMPTY), 0);
}

static void whole_characters_are_plain_and_halves_are_not(void **state)
{
    static const struct {
        const char *text;
        size_t plain;
    } rows[] = {
        {"\xc3\xa9",                              2 },
        {"a\xc3\xa9z",                            4 },
        {"\xe2\x82\xac\xf0\x9f\x98\x80",          7 },
        {"0123456789abcdef\xe2\x82\xac\"",        19},
        {"a\xc3",                                 1 },
        {"\x80",                                  0 },
        {"ok\xc0\xaf",                            2 },
        {"\xed\xa0\x80",                          0 },
        {"0123456789abcdef0123\xf8\x88\x80\x80z", 20},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(json_text_plain(str_of(rows[i].text)), rows[i].plain);
    }
}

static void escapes_are_those_of_the_standard(void **state)
{
    static const struct {
        const char *text;
        size_t n;
    } rows[] = {
        {"\\\"",            2 },
        {"\\\\",            2 },
        {"\\/",             2 },
        {"\\b",             2 },
        {"\\f",             2 },
        {"\\n",             2 },
        {"\\r",             2 },
        {"\\tail",          2 },
        {"\\u0041",         6 },
        {"\\uFfFfz",        6 },
        {"\\ud7ff",         6 },
        {"\\ue000",         6 },
        {"\\ud83d\\ude00",  12},
        {"\\uD83D\\uDE00z", 12},
        {"",                0 },
        {"x",               0 },
        {"\\",              0 },
        {"\\x",             0 },
        {"\\'",             0 },
        {"\\U0041",         0 },
        {"\\u004",          0 },
        {"\\u00g0",         0 },
        {"\\u 041",         0 },
        {"\\ud83d",         0 },
        {"\\ud83dxude00",   0 },
        {"\\ud83d\\n",      0 },
        {"\\ud83d\\ud83d",  0 },
        {"\\ude00\\ud83d",  0 },
        {"\\ude00",         0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (json_text_escape(str_of(rows[i].text)) != rows[i].n) {
            fail_msg("%s", rows[i].text);
        }
    }
    assert_int_equal(json_text_escape(STR("\\\0")), 0);
}

static void strings_end_behind_their_quote_or_are_broken(void **state)
{
    static const struct {
        const char *text; /* behind the opening quote */
        size_t end;
    } rows[] = {
        {"\"",                                              1 },
        {"a\",\"b\"",                                       2 },
        {"a\\\"b\"",                                        5 },
        {"\\\\\"",                                          3 },
        {"a long text of more than one step\\nand so on\"", 45},
        {"\\ud83d\\ude00\xf0\x9f\x98\x80\"",                17},
        {"",                                                0 },
        {"a",                                               0 },
        {"a\\\"",                                           0 },
        {"a\\x\"",                                          0 },
        {"a\nb\"",                                          0 },
        {"a\xff\"",                                         0 },
        {"\\ud83d\"",                                       0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (json_text_end(str_of(rows[i].text), 0) != rows[i].end) {
            fail_msg("%s", rows[i].text);
        }
    }
    assert_int_equal(json_text_end(STR("\"a\" \"b\""), 5), 7);
}

/* Whatever the parser takes is a string here, and nothing else is. */
static void strings_are_those_of_the_parser(void **state)
{
    static const char *const pieces[] = {
        "a",  "\\n",   "\\u0000",         "\\ud800", "\\udc00",      "\x1f",
        "\"", "\\",    "\xc3\xa9",        "\xc3",    "\xed\xa0\x80", "/",
        "u",  "\\u12", "0123456789abcdef"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pieces) * ARRAY_LEN(pieces) * ARRAY_LEN(pieces); i++) {
        char text[128];
        int n = snprintf(text, sizeof(text), "\"%s%s%s\"", pieces[i % ARRAY_LEN(pieces)],
                         pieces[i / ARRAY_LEN(pieces) % ARRAY_LEN(pieces)],
                         pieces[i / ARRAY_LEN(pieces) / ARRAY_LEN(pieces)]);
        yyjson_doc *doc = json_parse(str_make(text, (size_t)n), NULL);
        size_t end = json_text_end(str_make(text, (size_t)n), 1);
        if ((doc != NULL) != (end == (size_t)n)) {
            fail_msg("%s", text);
        }
        yyjson_doc_free(doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_ends_at_the_first_byte_that_is_not),
        cmocka_unit_test(whole_characters_are_plain_and_halves_are_not),
        cmocka_unit_test(escapes_are_those_of_the_standard),
        cmocka_unit_test(strings_end_behind_their_quote_or_are_broken),
        cmocka_unit_test(strings_are_those_of_the_parser),
    };

    return cmocka_run_group_tests_name("core/json_text", tests, NULL, NULL);
}
