#include "unit/core/suite.h"

#include "core/mem.h"
#include "core/redact.h"

/* What each matcher finds when it is asked at every byte of a text; the first hit counts. */
struct row {
    const char *rule;
    const char *text;
    const char *hit; /* "" = none */
};

static const struct row rows[] = {
    {"openai_key",   "sk-AbCdEfGhIjKlMnOp1234",                                        "sk-AbCdEfGhIjKlMnOp1234"        },
    {"openai_key",   "x sk-AbCdEfGhIjKlMnOp1234.",                                     "sk-AbCdEfGhIjKlMnOp1234"        },
    {"openai_key",   "task-AbCdEfGhIjKlMnOp1234",                                      ""                               },
    {"openai_key",   "sk-AbCdEfGhIjKlMnOp123",                                         ""                               },
    {"openai_key",   "sk-AbCdEfGhIjKlMnOpQrSt",                                        ""                               },
    {"google_key",   "AIzaSyA1234567890abcdefghijklmnopqrstu",                         ""                               },
    {"aws_key",      "ASIAIOSFODNN7EXAMPLE",                                           "ASIAIOSFODNN7EXAMPLE"           },
    {"aws_key",      "AKIAIOSFODNN7EXAMPL",                                            ""                               },
    {"aws_key",      "AKIAIOSFODNN7EXAMPLe",                                           ""                               },
    {"aws_key",      "xAKIAIOSFODNN7EXAMPLE",                                          ""                               },
    {"github_token", "ghx_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",                       ""                               },
    {"github_token", "ghs_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
     "ghs_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"                                                                         },
    {"github_token", "ghp_AbCdEfGhIjKlMnOpQrStUvWxYz012345678",                        ""                               },
    {"slack_token",  "xoxp-1234567890",                                                "xoxp-1234567890"                },
    {"slack_token",  "xoxz-1234567890",                                                ""                               },
    {"jwt",          "eyJhbGciOiJI.eyJzdWIiOiI.",                                      "eyJhbGciOiJI.eyJzdWIiOiI."      },
    {"jwt",          "eyJhbGciOiJ.eyJzdWIiOiI.x",                                      ""                               },
    {"jwt",          "a.eyJhbGciOiJI.eyJzdWIiOiI.x",                                   ""                               },
    {"private_key",  "-----BEGIN PRIVATE KEY-----\\nMII\\n-----END PRIVATE KEY-----x",
     "-----BEGIN PRIVATE KEY-----\\nMII\\n-----END PRIVATE KEY-----"                                                    },
    {"private_key",  "-----BEGIN EC PRIVATE KEY-----\nMII\n\"",
     "-----BEGIN EC PRIVATE KEY-----\nMII\n"                                                                            },
    {"private_key",  "-----BEGIN OPENSSH PRIVATE KEY",                                 "-----BEGIN OPENSSH PRIVATE KEY" },
    {"bearer",       "BEARER   abcdefg1",                                              "abcdefg1"                       },
    {"bearer",       "bearer abcdef1",                                                 ""                               },
    {"bearer",       "bearer abcdefghijklmnopqrst",                                    "abcdefghijklmnopqrst"           },
    {"bearer",       "forbearer abcdefg1",                                             ""                               },
    {"bearer",       "bearer ",                                                        ""                               },
    {"basic_auth",   "authorization: basic YTpi",                                      "YTpi"                           },
    {"url_password", "https://u:p@h",                                                  "p"                              },
    {"url_password", "https://u:p:q@h",                                                "p:q"                            },
    {"url_password", "https://u@h",                                                    ""                               },
    {"url_password", "https://u:@h",                                                   ""                               },
    {"url_password", "https://h:80/x:y@z",                                             ""                               },
    {"url_password", "://u:p@h",                                                       ""                               },
    {"assignment",   "pwd=abcd",                                                       "abcd"                           },
    {"assignment",   "pwd=abc",                                                        ""                               },
    {"assignment",   "pass: abcd",                                                     "abcd"                           },
    {"assignment",   "bypass: abcd",                                                   ""                               },
    {"assignment",   "token := abcd",                                                  "abcd"                           },
    {"assignment",   "token == \"abcd\"",                                              "abcd"                           },
    {"assignment",   "tokens = abcd",                                                  ""                               },
    {"assignment",   "my-token = abcd",                                                "abcd"                           },
    {"assignment",   "mytoken = abcd",                                                 ""                               },
    {"assignment",   "aws_secret_access_key = ab/cd+ef==",                             "ab/cd+ef=="                     },
    {"assignment",   "{\\\"apiKey\\\":\\\"abcd\\\"}",                                  "abcd"                           },
    {"assignment",   "`passphrase`: abcd",                                             ""                               },
    {"assignment",   "passphrase: `ab cd`",                                            "ab cd"                          },
    {"assignment",   "secret: null",                                                   ""                               },
    {"assignment",   "secret: Undefined",                                              ""                               },
    {"assignment",   "secret = $ABCD",                                                 ""                               },
    {"assignment",   "secret = \"<abcd>\"",                                            ""                               },
    {"assignment",   "secret://abcd",                                                  ""                               },
    {"assignment",   "secret:\nabcd",                                                  ""                               },
    {"assignment",   "secret: \"abcd",                                                 "abcd"                           },
    {"email",        "a.b+c%d@x-y.example.org",                                        "a.b+c%d@x-y.example.org"        },
    {"email",        "a@b.ex-",                                                        "a@b.ex"                         },
    {"email",        "a@b.e",                                                          ""                               },
    {"email",        "a@b.1e",                                                         ""                               },
    {"email",        "a@.b.example",                                                   ""                               },
    {"email",        "@b.example",                                                     ""                               },
    {"email",        "a@b..example",                                                   ""                               },
    {"card",         "5555555555554444",                                               "5555555555554444"               },
    {"card",         "378282246310005",                                                "378282246310005"                },
    {"card",         "3782-822463-10005",                                              "3782-822463-10005"              },
    {"card",         "4222222222222",                                                  "4222222222222"                  },
    {"card",         "5555555555554445",                                               ""                               },
    {"card",         "1111111111111117",                                               ""                               },
    {"card",         "55555555555544441",                                              ""                               },
    {"card",         "4111 1111-1111 1111",                                            ""                               },
    {"card",         "41 11 11 11 11 11 11 11",                                        ""                               },
    {"card",         "12-4111111111111111",                                            ""                               },
    {"iban",         "NO9386011117947",                                                "NO9386011117947"                },
    {"iban",         "MT84MALT011000012345MTLCAST001S",                                "MT84MALT011000012345MTLCAST001S"},
    {"iban",         "DE89370400440532013000 BIC COBADEFF",                            "DE89370400440532013000"         },
    {"iban",         "DE8937040044053201300",                                          ""                               },
    {"iban",         "de89370400440532013000",                                         ""                               },
    {"ssn",          "000-12-3456",                                                    ""                               },
    {"ssn",          "666-12-3456",                                                    ""                               },
    {"ssn",          "123-00-3456",                                                    ""                               },
    {"ssn",          "123-45-0000",                                                    ""                               },
    {"ssn",          "123-45-67890",                                                   ""                               },
    {"ssn",          "(123-45-6789)",                                                  "123-45-6789"                    },
    {"phone",        "+49 30 123456",                                                  "+49 30 123456"                  },
    {"phone",        "+1234567",                                                       ""                               },
    {"phone",        "+123456789",                                                     ""                               },
    {"phone",        "+1234567890",                                                    "+1234567890"                    },
    {"phone",        "+1.415.555.0132,",                                               "+1.415.555.0132"                },
    {"phone",        "+1 415 555 0132 0132 0132",                                      ""                               },
    {"phone",        "+4915112345678x",                                                ""                               },
    {"phone",        "1+4915112345678",                                                ""                               },
};

static const struct redact_rule *find_rule(const char *id)
{
    size_t n;
    const struct redact_rule *rules = redact_rules(&n);

    for (size_t i = 0; i < n; i++) {
        if (strcmp(rules[i].id, id) == 0) {
            return &rules[i];
        }
    }
    fail_msg("no rule %s", id);
    return NULL;
}

/* Asked at its triggers, as core/redact.c does. */
static struct str first_hit(const struct redact_rule *rule, struct str text)
{
    struct redact_span span = {0, 0};

    for (size_t at = 0; at < text.n; at++) {
        if (rule->word_start && redact_form_inside_word(text, at)) {
            continue;
        }
        if (strchr(rule->triggers, text.p[at]) && rule->match(rule, text, 0, at, &span)) {
            return str_make(text.p + span.start, span.end - span.start);
        }
    }
    return STR_EMPTY;
}

static void each_form_is_found_exactly(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n = strlen(rows[i].text);
        char *copy = x_malloc(n);
        memcpy(copy, rows[i].text, n);
        struct str hit = first_hit(find_rule(rows[i].rule), str_make(copy, n));
        if (!str_is(hit, rows[i].hit)) {
            fail_msg("%s in \"%s\": got \"%.*s\", want \"%s\"", rows[i].rule, rows[i].text,
                     STR_ARG(hit), rows[i].hit);
        }
        x_free(copy);
    }
}

static void hits_do_not_reach_behind_the_floor(void **state)
{
    const struct str text = STR("bob@example.com");
    struct redact_span span = {7, 7};

    (void)state;
    assert_true(redact_form_email(find_rule("email"), text, 2, 3, &span));
    assert_int_equal(span.start, 2);
    span = (struct redact_span){7, 7};
    assert_false(redact_form_email(find_rule("email"), text, 3, 3, &span));
    assert_int_equal(span.start, 7);
    assert_false(
        redact_form_assignment(find_rule("assignment"), STR("password=abcd"), 8, 8, &span));
}

static void escapes_inside_text_are_boundaries(void **state)
{
    (void)state;
    assert_true(redact_form_inside_word(STR("ab"), 1));
    assert_true(redact_form_inside_word(STR("nb"), 1));
    assert_false(redact_form_inside_word(STR("\\nb"), 2));
    assert_false(redact_form_inside_word(STR(" b"), 1));
    assert_false(redact_form_inside_word(STR("b"), 0));
    assert_str(first_hit(find_rule("openai_key"), STR("x\\nsk-AbCdEfGhIjKlMnOp1234")),
               "sk-AbCdEfGhIjKlMnOp1234");
    assert_str(first_hit(find_rule("email"), STR("x\\nbob@example.com")), "bob@example.com");
}

static void names_of_secrets_are_known(void **state)
{
    static const char *const secret[] = {
        "password",  "PASSWORD",   "db_passwd",      "passphrase",    "client_secret",
        "apiKey",    "X-API-Key",  "openai_api_key", "access_key_id", "private_key",
        "accessKey", "privateKey", "access_token",   "auth_token",    "refresh_token",
    };
    static const char *const plain[] = {"",     "token", "max_tokens", "secretary",
                                        "pass", "key",   "api"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(secret); i++) {
        if (!redact_form_names_secret(str_of(secret[i]))) {
            fail_msg("%s", secret[i]);
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        assert_false(redact_form_names_secret(str_of(plain[i])));
    }
}

static void every_rule_has_rows_here_or_an_example(void **state)
{
    size_t n;
    const struct redact_rule *rules = redact_rules(&n);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        assert_true(first_hit(&rules[i], str_of(rules[i].example)).n > 0);
        assert_int_equal(first_hit(&rules[i], str_of(rules[i].counter)).n, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_is_found_exactly),
        cmocka_unit_test(hits_do_not_reach_behind_the_floor),
        cmocka_unit_test(escapes_inside_text_are_boundaries),
        cmocka_unit_test(names_of_secrets_are_known),
        cmocka_unit_test(every_rule_has_rows_here_or_an_example),
    };

    return cmocka_run_group_tests_name("core/redact_form", tests, NULL, NULL);
}
