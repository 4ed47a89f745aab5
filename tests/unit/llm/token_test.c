#include "unit/llm/suite.h"

#include <math.h>

#include "core/attr.h"
#include "llm/token.h"

/* Texts with their counts in the vocabulary o200k_base. */
static const struct {
    const char *text;
    int64_t tokens;
} known[] = {
    {"The gateway admits, routes, guards and records every call. An application chang"
     "es one line, its base URL, and from then on each request is checked against the"
     " limits of its tenant before it leaves, and settled when it ends. What could no"
     "t be measured is said to be an estimate.",                                  58},
    {"static int read_header(struct reader *r, struct error *err)\n{\n    size_t n = "
     "0;\n\n    while (r->at < r->len && r->bytes[r->at] != '\\n') {\n        r->at++"
     ";\n        n++;\n    }\n    if (n > HEADER_MAX) {\n        return error_set(err"
     ", ERR_LIMIT, \"header of %zu bytes\", n);\n    }\n    return (int)n;\n}\n", 92},
    {"{\"id\":17,\"userName\":\"ada\",\"isActive\":true,\"score\":93.25,\"tags\":[\"a"
     "lpha\",\"beta\"],\"createdAt\":\"2026-11-24T13:05:09.123Z\",\"address\":{\"stre"
     "et\":\"Main Street 5\",\"city\":\"Zurich\",\"zip\":\"8001\"},\"history\":[1024,"
     "2048,4096,8192]}",                                                          81},
    {"Das Wehr staut den Fluss auf und misst ihn zugleich. Wer die H\xc3\xb6he des Wa"
     "ssers kennt, kann sagen, wie viel in der n\xc3\xa4"
     "chsten Stunde hinunterflie\xc3\x9ft, und die Schleusen rechtzeitig \xc3\xb6"
     "ffnen, bevor die Wiesen unterhalb der Br\xc3\xbc"
     "cke \xc3\xbc"
     "berschwemmt werden.",                                                       59},
    {"\xd0\x9f\xd0\xbb\xd0\xbe\xd1\x82\xd0\xb8\xd0\xbd\xd0\xb0 \xd0\xbe\xd0\xb4\xd0\xbd"
     "\xd0\xbe\xd0\xb2\xd1\x80\xd0\xb5\xd0\xbc\xd0\xb5\xd0\xbd\xd0\xbd\xd0\xbe \xd1\x83"
     "\xd0\xb4\xd0\xb5\xd1\x80\xd0\xb6\xd0\xb8\xd0\xb2\xd0\xb0\xd0\xb5\xd1\x82 \xd1\x80"
     "\xd0\xb5\xd0\xba\xd1\x83 \xd0\xb8 \xd0\xb8\xd0\xb7\xd0\xbc\xd0\xb5\xd1\x80\xd1\x8f"
     "\xd0\xb5\xd1\x82 \xd0\xb5\xd1\x91. \xd0\x9a\xd1\x82\xd0\xbe \xd0\xb7\xd0\xbd\xd0"
     "\xb0\xd0\xb5\xd1\x82 \xd0\xb2\xd1\x8b\xd1\x81\xd0\xbe\xd1\x82\xd1\x83 \xd0\xb2\xd0"
     "\xbe\xd0\xb4\xd1\x8b, \xd0\xbc\xd0\xbe\xd0\xb6\xd0\xb5\xd1\x82 \xd1\x81\xd0\xba"
     "\xd0\xb0\xd0\xb7\xd0\xb0\xd1\x82\xd1\x8c, \xd1\x81\xd0\xba\xd0\xbe\xd0\xbb\xd1\x8c"
     "\xd0\xba\xd0\xbe \xd0\xb5\xd1\x91 \xd0\xbf\xd1\x80\xd0\xbe\xd0\xb9\xd0\xb4\xd1\x91"
     "\xd1\x82 \xd0\xb7\xd0\xb0 \xd1\x81\xd0\xbb\xd0\xb5\xd0\xb4\xd1\x83\xd1\x8e\xd1\x89"
     "\xd0\xb8\xd0\xb9 \xd1\x87\xd0\xb0\xd1\x81, \xd0\xb8 \xd0\xb2\xd0\xbe\xd0\xb2\xd1"
     "\x80\xd0\xb5\xd0\xbc\xd1\x8f \xd0\xbe\xd1\x82\xd0\xba\xd1\x80\xd1\x8b\xd1\x82\xd1"
     "\x8c \xd1\x88\xd0\xbb\xd1\x8e\xd0\xb7\xd1\x8b, \xd0\xbf\xd1\x80\xd0\xb5\xd0\xb6"
     "\xd0\xb4\xd0\xb5 \xd1\x87\xd0\xb5\xd0\xbc \xd0\xbb\xd1\x83\xd0\xb3\xd0\xb0 \xd0"
     "\xbd\xd0\xb8\xd0\xb6\xd0\xb5 \xd0\xbc\xd0\xbe\xd1\x81\xd1\x82\xd0\xb0 \xd0\xbe\xd0"
     "\xba\xd0\xb0\xd0\xb6\xd1\x83\xd1\x82\xd1\x81\xd1\x8f \xd0\xbf\xd0\xbe\xd0\xb4 \xd0"
     "\xb2\xd0\xbe\xd0\xb4\xd0\xbe\xd0\xb9.",                                     50},
    {"\xe5\xa0\xb0\xe6\x97\xa2\xe8\x83\xbd\xe6\x8b\xa6\xe4\xbd\x8f\xe6\xb2\xb3\xe6\xb0"
     "\xb4\xef\xbc\x8c\xe5\x8f\x88\xe8\x83\xbd\xe6\xb5\x8b\xe9\x87\x8f\xe6\xb5\x81\xe9"
     "\x87\x8f\xe3\x80\x82\xe7\x9f\xa5\xe9\x81\x93\xe6\xb0\xb4\xe4\xbd\x8d\xe7\x9a\x84"
     "\xe4\xba\xba\xe5\xb0\xb1\xe8\x83\xbd\xe8\xaf\xb4\xe5\x87\xba\xe4\xb8\x8b\xe4\xb8"
     "\x80\xe4\xb8\xaa\xe5\xb0\x8f\xe6\x97\xb6\xe4\xbc\x9a\xe6\xb5\x81\xe8\xbf\x87\xe5"
     "\xa4\x9a\xe5\xb0\x91\xe6\xb0\xb4\xef\xbc\x8c\xe5\xb9\xb6\xe5\x9c\xa8\xe6\xa1\xa5"
     "\xe4\xb8\x8b\xe7\x9a\x84\xe8\x8d\x89\xe5\x9c\xb0\xe8\xa2\xab\xe6\xb7\xb9\xe6\xb2"
     "\xa1\xe4\xb9\x8b\xe5\x89\x8d\xe5\x8f\x8a\xe6\x97\xb6\xe6\x89\x93\xe5\xbc\x80\xe9"
     "\x97\xb8\xe9\x97\xa8\xe3\x80\x82\xe6\xaf\x8f\xe4\xb8\x80\xe6\xac\xa1\xe6\x94\xbe"
     "\xe6\xb0\xb4\xe9\x83\xbd\xe8\xa6\x81\xe8\xae\xb0\xe5\xbd\x95\xe4\xb8\x8b\xe6\x9d"
     "\xa5\xef\xbc\x8c\xe4\xbb\xa5\xe4\xbe\xbf\xe6\x97\xa5\xe5\x90\x8e\xe6\xa0\xb8\xe5"
     "\xaf\xb9\xe3\x80\x82",                                                      65},
    {"\xd8\xa7\xd9\x84\xd8\xb3\xd8\xaf \xd9\x8a\xd8\xad\xd8\xac\xd8\xb2 \xd8\xa7\xd9\x84"
     "\xd9\x86\xd9\x87\xd8\xb1 \xd9\x88\xd9\x8a\xd9\x82\xd9\x8a\xd8\xb3\xd9\x87 \xd9\x81"
     "\xd9\x8a \xd8\xa7\xd9\x84\xd9\x88\xd9\x82\xd8\xaa \xd9\x86\xd9\x81\xd8\xb3\xd9\x87"
     ". \xd9\x85\xd9\x86 \xd9\x8a\xd8\xb9\xd8\xb1\xd9\x81 \xd8\xa7\xd8\xb1\xd8\xaa\xd9"
     "\x81\xd8\xa7\xd8\xb9 \xd8\xa7\xd9\x84\xd9\x85\xd8\xa7\xd8\xa1 \xd9\x8a\xd8\xb3\xd8"
     "\xaa\xd8\xb7\xd9\x8a\xd8\xb9 \xd8\xa3\xd9\x86 \xd9\x8a\xd9\x82\xd9\x88\xd9\x84 "
     "\xd9\x83\xd9\x85 \xd8\xb3\xd9\x8a\xd9\x85\xd8\xb1 \xd9\x85\xd9\x86\xd9\x87 \xd9"
     "\x81\xd9\x8a \xd8\xa7\xd9\x84\xd8\xb3\xd8\xa7\xd8\xb9\xd8\xa9 \xd8\xa7\xd9\x84\xd9"
     "\x82\xd8\xa7\xd8\xaf\xd9\x85\xd8\xa9\xd8\x8c \xd9\x88\xd9\x8a\xd9\x81\xd8\xaa\xd8"
     "\xad \xd8\xa7\xd9\x84\xd8\xa8\xd9\x88\xd8\xa7\xd8\xa8\xd8\xa7\xd8\xaa \xd9\x81\xd9"
     "\x8a \xd8\xa7\xd9\x84\xd9\x88\xd9\x82\xd8\xaa \xd8\xa7\xd9\x84\xd9\x85\xd9\x86\xd8"
     "\xa7\xd8\xb3\xd8\xa8 \xd9\x82\xd8\xa8\xd9\x84 \xd8\xa3\xd9\x86 \xd8\xaa\xd8\xba"
     "\xd9\x85\xd8\xb1 \xd8\xa7\xd9\x84\xd9\x85\xd9\x8a\xd8\xa7\xd9\x87 \xd8\xa7\xd9\x84"
     "\xd9\x85\xd8\xb1\xd9\x88\xd8\xac.",                                         46},
};

static void known_texts_are_estimated_within_the_bound(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        double estimate = (double)token_estimate(str_of(known[i].text));
        double error = estimate / (double)known[i].tokens - 1;
        if (fabs(error) > TOKEN_ERROR_BOUND) {
            fail_msg("%.0f for %lld: %s", estimate, (long long)known[i].tokens, known[i].text);
        }
    }
}

static void nothing_is_nothing_and_anything_is_at_least_one(void **state)
{
    static const char *const rows[] = {" ", "a", "\n", ".", "\t", "\xff", "\x01"};
    (void)state;
    assert_int_equal(token_estimate(STR_EMPTY), 0);
    assert_int_equal(token_estimate_json(STR_EMPTY), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(token_estimate(str_of(rows[i])), 1);
    }
}

static void escapes_count_as_the_characters_they_stand_for(void **state)
{
    static const struct {
        const char *plain;
        const char *json;
    } rows[] = {
        {"say \"hi\"\n\tand go",                             "say \\\"hi\\\"\\n\\tand go"},
        {"na\xc3\xafve caf\xc3\xa9",                         "na\\u00efve caf\\u00e9"    },
        {"\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82",
         "\\u043f\\u0440\\u0438\\u0432\\u0435\\u0442"                                    },
        {"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\xf0\x9f\x98\x80",
         "\\ud83d\\ude00\\uD83D\\uDE00\\ud83d\\ude00"                                    },
        {"a/b\\c",                                           "a\\/b\\\\c"                },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(token_estimate_json(str_of(rows[i].json)),
                         token_estimate(str_of(rows[i].plain)));
    }
}

static void no_text_is_free(void **state)
{
    /* Long runs of one kind must not count as one piece. */
    static const char *const units[] = {"a",
                                        "A",
                                        "aB",
                                        "7",
                                        "!",
                                        "\n",
                                        "\xd1\x8f",
                                        "\xd7\x90",
                                        "\xe4\xb8\xad",
                                        "\xed\x95\x9c",
                                        "\xe3\x81\x82",
                                        "\xe0\xb8\x81",
                                        "\xe0\xa4\x95",
                                        "\xce\xb1",
                                        "\xc3\xa9",
                                        "\xf0\x9f\x98\x80",
                                        "\xe2\x80\x94",
                                        "\xff"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        struct buf text;
        buf_init(&text, 1u << 16);
        for (int k = 0; k < 4000; k++) {
            buf_puts(&text, units[i]);
        }
        int64_t tokens = token_estimate(buf_str(&text));
        bool thin = units[i][0] == '\n' || units[i][0] == '!';
        if (tokens < (thin ? 1 : 400) || tokens > 8000) {
            fail_msg("%lld tokens for 4000 times \"%s\"", (long long)tokens, units[i]);
        }
        buf_release(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_texts_are_estimated_within_the_bound),
        cmocka_unit_test(nothing_is_nothing_and_anything_is_at_least_one),
        cmocka_unit_test(escapes_count_as_the_characters_they_stand_for),
        cmocka_unit_test(no_text_is_free),
    };
    return cmocka_run_group_tests_name("llm/token", tests, NULL, NULL);
}
