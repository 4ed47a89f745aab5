#include "unit/core/suite.h"

#include "core/json.h"
#include "core/mem.h"
#include "core/rand.h"
#include "core/redact.h"

static struct redact_counts mask(struct str text, struct buf *out)
{
    struct redact_counts counts = {{0}, 0};

    buf_init(out, 1 << 20);
    redact_text(text, out, &counts);
    assert_true(buf_ok(out));
    return counts;
}

static void every_rule_masks_its_example_and_leaves_its_counter(void **state)
{
    size_t n;
    const struct redact_rule *rules = redact_rules(&n);
    char expected[100];
    struct buf out;

    (void)state;
    assert_in_range(n, 1, REDACT_RULES_MAX);
    for (size_t i = 0; i < n; i++) {
        struct redact_counts counts = mask(str_of(rules[i].example), &out);
        if (counts.by_rule[i] != 1 || counts.total != 1) {
            fail_msg("%s: %s", rules[i].id, buf_cstr(&out));
        }
        snprintf(expected, sizeof(expected), "[redacted:%s]", rules[i].id);
        assert_non_null(strstr(buf_cstr(&out), expected));
        buf_release(&out);
        counts = mask(str_of(rules[i].counter), &out);
        if (counts.total != 0) {
            fail_msg("%s: %s", rules[i].id, buf_cstr(&out));
        }
        assert_str(buf_str(&out), rules[i].counter);
        buf_release(&out);
    }
}

static void every_rule_is_documented_and_named_once(void **state)
{
    size_t n;
    const struct redact_rule *rules = redact_rules(&n);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        assert_true(strlen(rules[i].help) > 5);
        assert_true(strlen(rules[i].triggers) > 0);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(rules[i].id, rules[j].id);
        }
    }
}

static void check_between(size_t rule, const char *before, const char *example, const char *after)
{
    struct buf text;
    struct buf out;

    buf_init(&text, 1000);
    buf_putf(&text, "%s%s%s", before, example, after);
    struct redact_counts counts = mask(buf_str(&text), &out);
    if (counts.by_rule[rule] != 1) {
        fail_msg("%s: %s", buf_cstr(&text), buf_cstr(&out));
    }
    assert_true(str_starts(buf_str(&out), str_of(before)));
    assert_true(str_ends(buf_str(&out), str_of(after)));
    buf_release(&text);
    buf_release(&out);
}

static void examples_are_found_in_the_middle_of_text(void **state)
{
    size_t n;
    const struct redact_rule *rules = redact_rules(&n);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        check_between(i, "see (", rules[i].example, "), please");
        check_between(i, "\"", rules[i].example, "\"");
        check_between(i, "\xC3\xA9 ", rules[i].example, "\n\n");
        check_between(i, "<b>", rules[i].example, "</b>");
        check_between(i, "1, ", rules[i].example, "; 2");
    }
}

static void what_stands_around_a_hit_stays(void **state)
{
    static const struct {
        const char *text;
        const char *masked;
    } rows[] = {
        {"",                                                                  ""                                               },
        {"nothing here",                                                      "nothing here"                                   },
        {"a@b.example, c@d.example",                                          "[redacted:email], [redacted:email]"             },
        {"curl -H 'Authorization: Bearer sk-ant-api03-AbCdEfGh1234567890' x",
         "curl -H 'Authorization: Bearer [redacted:bearer]' x"                                                                 },
        {"OPENAI_API_KEY=sk-proj-AbCdEfGhIjKlMnOp1234\nNEXT=1",
         "OPENAI_API_KEY=[redacted:assignment]\nNEXT=1"                                                                        },
        {"password: \"hunter 2 two\", user: bob",                             "password: \"[redacted:assignment]\", user: bob" },
        {"{\"client_secret\" : \"abcd\"}",                                    "{\"client_secret\" : \"[redacted:assignment]\"}"},
        {"?token=abcdef&x=1",                                                 "?token=[redacted:assignment]&x=1"               },
        {"dbPassword => 'abcd'",                                              "dbPassword => '[redacted:assignment]'"          },
        {"postgres://app:hunter2@db.example.com/app",
         "postgres://app:[redacted:url_password]@db.example.com/app"                                                           },
        {"card 4111-1111-1111-1111, exp 12/29",                               "card [redacted:card], exp 12/29"                },
        {"amex 3782 822463 10005 2029",                                       "amex [redacted:card] 2029"                      },
        {"GB82WEST12345698765432 and GB82 WEST 1234 5698 7654 32.",
         "[redacted:iban] and [redacted:iban]."                                                                                },
        {"call +1 415-555-0132 or +4915112345678.",                           "call [redacted:phone] or [redacted:phone]."     },
        {"<bob@example.com>",                                                 "<[redacted:email]>"                             },
        {"...bob@example.com...",                                             "...[redacted:email]..."                         },
    };
    struct buf out;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        mask(str_of(rows[i].text), &out);
        assert_str(buf_str(&out), rows[i].masked);
        buf_release(&out);
    }
}

static void ordinary_text_is_left(void **state)
{
    static const char *const texts[] = {
        "max_tokens: 4096, tokens=12345, \"completion_tokens\": 123456",
        "password=${PASSWORD} token: <your token> secret: {{ secret }} api_key=None",
        "secretary: Anna Smith",
        "The password must be long. Passwords: see below.",
        "2026-11-24T13:05:09.123Z took 1732453509123 ms, id 550e8400-e29b-41d4-a716-446655440000",
        "0.4111111111111111 and 4111111111111111.5 and x4111111111111111",
        "23 45 67 89 12 34 56 78",
        "git clone git@host:a/b.git, a@b, @user, user@, a@b.c, npm i react@18.2.0",
        "http://localhost:8080/?q=a@b",
        "5+123456789012 and C++11, a/+491511234567890",
        "bearer of bad news, basic authorization",
        "AKIA, ASIAN food, xoxo, ghp_, sk-, hf_, eyJ.eyJ.eyJ",
        "DE89 3704 0044 0532 0130 01, AB12",
        "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
        "123-456-7890 and 1234-56-7890 and 900-12-3456",
    };
    struct buf out;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        mask(str_of(texts[i]), &out);
        assert_str(buf_str(&out), texts[i]);
        buf_release(&out);
    }
}

static void counts_are_added_up(void **state)
{
    struct redact_counts counts = {{0}, 0};
    struct buf out;

    (void)state;
    buf_init(&out, 10000);
    redact_text(STR("a@b.example c@d.example"), &out, &counts);
    redact_text(STR("123-45-6789"), &out, &counts);
    redact_text(STR("e@f.example"), &out, NULL);
    assert_int_equal(counts.total, 3);
    buf_release(&out);
}

static void what_does_not_fit_is_told(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 10);
    redact_text(STR("a@b.example"), &out, NULL);
    assert_false(buf_ok(&out));
    buf_release(&out);
    buf_init(&out, 10);
    redact_json(STR("{\"k\":\"a@b.example\"}"), &out, NULL);
    assert_false(buf_ok(&out));
    buf_release(&out);
}

static void json_is_masked_in_values_only(void **state)
{
    static const struct {
        const char *text;
        const char *masked;
    } rows[] = {
        {"",                                                        ""                                             },
        {"{\"a@b.example\": \"x \\u0061@b.example\\n\", \"n\": 1}",
         "{\"a@b.example\": \"x [redacted:email]\\n\", \"n\": 1}"                                                  },
        {"[\"\\/ \\u00e9\", \"a@b.example\"]",                      "[\"\\/ \\u00e9\", \"[redacted:email]\"]"      },
        {"{\"password\" : \"x\", \"q\": \"y\"}",
         "{\"password\" : \"[redacted:assignment]\", \"q\": \"y\"}"                                                },
        {"{\"api_keys\": [\"x\", \"\"], \"token\": \"Hello\"}",
         "{\"api_keys\": [\"[redacted:assignment]\", \"\"], \"token\": \"Hello\"}"                                 },
        {"{\"arguments\":\"{\\\"password\\\":\\\"hunter2\\\"}\"}",
         "{\"arguments\":\"{\\\"password\\\":\\\"[redacted:assignment]\\\"}\"}"                                    },
        {"data: {\"c\":\"a@b.example\"}\n\ndata: [DONE]\n\n",
         "data: {\"c\":\"[redacted:email]\"}\n\ndata: [DONE]\n\n"                                                  },
        {"{\"c\":\"mail a@b.example",                               "{\"c\":\"mail [redacted:email]"               },
        {"{\"c\":\"cut a@b.example\n{\"c\":\"d\"}",                 "{\"c\":\"cut [redacted:email]\n{\"c\":\"d\"}" },
        {"{\"c\":\"a@b.example \\ud83d\\ude00\"}",                  "{\"c\":\"[redacted:email] \xF0\x9F\x98\x80\"}"},
        {"{\"c\":\"no hit \\ud83d\"}",                              "{\"c\":\"no hit \\ud83d\"}"                   },
        {"{\"c\":\"a@b.example \\ud83d\"}",
         "{\"c\":\"[redacted:email] \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"}"                                       },
        {"\"a@b.example\\",                                         "\"[redacted:email]\\\\"                       },
        {"4111111111111111",                                        "4111111111111111"                             },
    };
    struct buf out;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct redact_counts counts = {{0}, 0};
        buf_init(&out, 10000);
        redact_json(str_of(rows[i].text), &out, &counts);
        assert_str(buf_str(&out), rows[i].masked);
        assert_int_equal(counts.total > 0, strcmp(rows[i].text, rows[i].masked) != 0);
        buf_release(&out);
    }
}

/* A document of examples and escapes, nested anyhow. */
static void put_random_json(struct rand_state *r, struct buf *out)
{
    static const char *const escapes[] = {"\\n", "\\\"", "\\\\", "\\u0040", "\\u00e9", "\\/", " "};
    size_t n;
    const struct redact_rule *rules = redact_rules(&n);
    struct buf text;

    buf_puts(out, "{");
    for (size_t i = rand_below(r, 5); i > 0; i--) {
        buf_init(&text, 1000);
        buf_put_json(&text, str_of(rules[rand_below(r, n)].example));
        buf_putf(out, "\"%s%zu\":[", rand_below(r, 4) ? "k" : "secret", i);
        buf_putf(out, "\"%s%.*s%s\",", escapes[rand_below(r, ARRAY_LEN(escapes))], (int)text.n - 2,
                 text.p + 1, escapes[rand_below(r, ARRAY_LEN(escapes))]);
        buf_putf(out, "%d,{\"x\":\"%s\"}],", (int)rand_below(r, 100),
                 escapes[rand_below(r, ARRAY_LEN(escapes))]);
        buf_release(&text);
    }
    buf_puts(out, "\"last\":null}");
}

static void masked_json_is_still_json_of_the_same_shape(void **state)
{
    struct rand_state r;
    struct buf in;
    struct buf out;

    (void)state;
    rand_seed(&r, 3);
    for (int round = 0; round < 500; round++) {
        buf_init(&in, 100000);
        buf_init(&out, 100000);
        put_random_json(&r, &in);
        redact_json(buf_str(&in), &out, NULL);
        yyjson_doc *before = json_parse(buf_str(&in), NULL);
        yyjson_doc *after = json_parse(buf_str(&out), NULL);
        assert_non_null(before);
        assert_non_null(after);
        assert_int_equal(yyjson_doc_get_val_count(before), yyjson_doc_get_val_count(after));
        yyjson_doc_free(before);
        yyjson_doc_free(after);
        buf_release(&in);
        buf_release(&out);
    }
}

static void every_cut_of_a_text_is_safe_to_read(void **state)
{
    size_t n;
    const struct redact_rule *rules = redact_rules(&n);
    struct buf out;

    (void)state;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(rules[i].example);
        for (size_t cut = 0; cut <= len; cut++) {
            char *copy = x_malloc(cut); /* its own, so that a sanitizer sees a read behind it */
            memcpy(copy, rules[i].example, cut);
            mask(str_make(copy, cut), &out);
            buf_clear(&out);
            redact_json(str_make(copy, cut), &out, NULL);
            buf_release(&out);
            x_free(copy);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_masks_its_example_and_leaves_its_counter),
        cmocka_unit_test(every_rule_is_documented_and_named_once),
        cmocka_unit_test(examples_are_found_in_the_middle_of_text),
        cmocka_unit_test(what_stands_around_a_hit_stays),
        cmocka_unit_test(ordinary_text_is_left),
        cmocka_unit_test(counts_are_added_up),
        cmocka_unit_test(what_does_not_fit_is_told),
        cmocka_unit_test(json_is_masked_in_values_only),
        cmocka_unit_test(masked_json_is_still_json_of_the_same_shape),
        cmocka_unit_test(every_cut_of_a_text_is_safe_to_read),
    };

    return cmocka_run_group_tests_name("core/redact", tests, NULL, NULL);
}
