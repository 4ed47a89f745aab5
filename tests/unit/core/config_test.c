#include "unit/core/suite.h"

#include "core/buf.h"
#include "core/config.h"

struct target {
    struct str url;
    bool on;
    int64_t port;
    double share;
    int64_t wait_ms;
    int64_t bytes;
    int mode;
    struct config_strs keys;
    const struct yaml_node *rest;
};

static const char *const modes[] = {"first", "second", "third", NULL};

#define FIELD(name) offsetof(struct target, name)

static const struct config_key keys[] = {
    {"base_url", CONFIG_STR,      FIELD(url),     NULL,     0,    0,          NULL,  true,  "where it answers"},
    {"enabled",  CONFIG_BOOL,     FIELD(on),      "true",   0,    0,          NULL,  false, "is it used"      },
    {"port",     CONFIG_I64,      FIELD(port),    "80",     1,    65535,      NULL,  false, "where it listens"},
    {"share",    CONFIG_DOUBLE,   FIELD(share),   "0.5",    0,    1,          NULL,  false, "how much"        },
    {"max_wait", CONFIG_DURATION, FIELD(wait_ms), "10s",    1,    3600000,    NULL,  false, "how long"        },
    {"max_body", CONFIG_BYTES,    FIELD(bytes),   "32MiB",  1024, 1073741824, NULL,  false, "how big"         },
    {"mode",     CONFIG_ENUM,     FIELD(mode),    "second", 0,    0,          modes, false, "how"             },
    {"api_keys", CONFIG_STR_LIST, FIELD(keys),    "[a, b]", 0,    0,          NULL,  false, "with which keys" },
    {"rest",     CONFIG_NODE,     FIELD(rest),    NULL,     0,    0,          NULL,  false, "read elsewhere"  },
};

static const char *test_env(const char *name, void *ctx)
{
    static const char *const pairs[][2] = {
        {"KEY",   "sk-secret" },
        {"PORT",  "8081"      },
        {"EMPTY", ""          },
        {"WORD",  "secretword"},
    };

    assert_string_equal(ctx, "context");
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (strcmp(pairs[i][0], name) == 0) {
            return pairs[i][1];
        }
    }
    return NULL;
}

struct fixture {
    struct arena arena;
    struct yaml_doc *doc;
    struct target target;
    struct error err;
};

static int read_text(struct fixture *f, const char *text)
{
    static char context[] = "context";

    memset(f, 0, sizeof(*f));
    arena_init(&f->arena);
    assert_int_equal(yaml_parse(str_of(text), "weir.yaml", &f->doc, &f->err), 0);
    struct config_reader reader = {f->doc, &f->arena, test_env, context};
    memset(&f->target, 0xAA, sizeof(f->target));
    return config_read(&reader, f->doc->root, "provider openai", keys, ARRAY_LEN(keys), &f->target,
                       &f->err);
}

static void done(struct fixture *f)
{
    yaml_free(f->doc);
    arena_release(&f->arena);
}

static void every_type_is_read(void **state)
{
    struct fixture f;

    (void)state;
    assert_int_equal(read_text(&f, "base_url: http://x\nenabled: false\nport: 8080\nshare: 0.25\n"
                                   "max_wait: 250ms\nmax_body: \"1KiB\"\nmode: third\n"
                                   "api_keys: [x, '${KEY}', \"a${KEY}b\"]\nrest: {q: 1}\n"),
                     0);
    assert_str(f.target.url, "http://x");
    assert_false(f.target.on);
    assert_int_equal(f.target.port, 8080);
    assert_true(f.target.share == 0.25);
    assert_int_equal(f.target.wait_ms, 250);
    assert_int_equal(f.target.bytes, 1024);
    assert_int_equal(f.target.mode, 2);
    assert_int_equal(f.target.keys.n, 3);
    assert_str(f.target.keys.items[0], "x");
    assert_str(f.target.keys.items[1], "sk-secret");
    assert_str(f.target.keys.items[2], "ask-secretb");
    assert_str(yaml_get(f.target.rest, "q")->text, "1");
    done(&f);
}

static void defaults_fill_what_is_not_given(void **state)
{
    struct fixture f;

    (void)state;
    assert_int_equal(read_text(&f, "base_url: x\nport:\nrest: ~\n"), 0);
    assert_true(f.target.on);
    assert_int_equal(f.target.port, 80);
    assert_true(f.target.share == 0.5);
    assert_int_equal(f.target.wait_ms, 10000);
    assert_int_equal(f.target.bytes, 33554432);
    assert_int_equal(f.target.mode, 1);
    assert_int_equal(f.target.keys.n, 2);
    assert_str(f.target.keys.items[1], "b");
    assert_null(f.target.rest);
    done(&f);
}

static void without_a_mapping_all_is_default(void **state)
{
    struct arena arena;
    struct target target;
    struct error err = {0};

    (void)state;
    arena_init(&arena);
    struct config_reader reader = {NULL, &arena, NULL, NULL};
    assert_int_equal(config_read(&reader, NULL, "x", keys + 1, ARRAY_LEN(keys) - 1, &target, &err),
                     0);
    assert_int_equal(target.port, 80);
    assert_int_equal(config_read(&reader, NULL, "x", keys, ARRAY_LEN(keys), &target, &err),
                     ERR_INVALID);
    assert_string_equal(err.text, "yaml: x lacks the key \"base_url\": where it answers");
    arena_release(&arena);
}

static void one_text_counts_as_a_list_of_one(void **state)
{
    struct fixture f;

    (void)state;
    assert_int_equal(read_text(&f, "base_url: x\napi_keys: ${KEY}\n"), 0);
    assert_int_equal(f.target.keys.n, 1);
    assert_str(f.target.keys.items[0], "sk-secret");
    done(&f);
    assert_int_equal(read_text(&f, "base_url: x\napi_keys: []\n"), 0);
    assert_int_equal(f.target.keys.n, 0);
    done(&f);
}

static void the_environment_is_looked_up(void **state)
{
    static const struct {
        const char *written;
        const char *meant;
    } rows[] = {
        {"plain",                "plain"           },
        {"$5 {x}",               "$5 {x}"          },
        {"${KEY}",               "sk-secret"       },
        {"<${KEY}|${PORT}>",     "<sk-secret|8081>"},
        {"'${UNSET:-http://x}'", "http://x"        },
        {"'${EMPTY:-other}'",    "other"           },
        {"'${EMPTY}'",           ""                },
        {"'${UNSET:-}'",         ""                },
        {"'${KEY:-other}'",      "sk-secret"       },
        {"$${KEY}",              "${KEY}"          },
        {"$$${KEY}",             "$${KEY}"         },
        {"'a: ${PORT} b'",       "a: 8081 b"       },
    };

    char text[100];
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(text, sizeof(text), "base_url: %s\n", rows[i].written);
        if (read_text(&f, text) != 0) {
            fail_msg("%s: %s", text, f.err.text);
        }
        assert_str(f.target.url, rows[i].meant);
        done(&f);
    }
}

static void numbers_may_come_from_the_environment(void **state)
{
    struct fixture f;

    (void)state;
    assert_int_equal(read_text(&f, "{base_url: x, port: \"${PORT}\", share: '${UNSET:-1}'}"), 0);
    assert_int_equal(f.target.port, 8081);
    assert_true(f.target.share == 1);
    done(&f);
}

static void mistakes_are_explained(void **state)
{
    static const struct {
        const char *text;
        const char *message;
    } rows[] = {
        {"base_url: x\nprot: 1\n",
         "weir.yaml:2:1: unknown key \"prot\" in provider openai; did you mean \"port\"?"                                 },
        {"base_url: x\n  \nzzzzzzzzzzzz: 1\n",
         "weir.yaml:3:1: unknown key \"zzzzzzzzzzzz\" in provider openai; known are base_url, "
         "enabled, port, share, max_wait, max_body, mode, api_keys, rest"                                                 },
        {"port: 1\n",
         "weir.yaml:1:1: provider openai lacks the key \"base_url\": where it answers"                                    },
        {"base_url:\n",
         "weir.yaml:1:1: provider openai lacks the key \"base_url\": where it answers"                                    },
        {"[1]\n",                              "weir.yaml:1:1: provider openai must be a mapping (key: value), not a list"},
        {"base_url: [x]\n",                    "weir.yaml:1:11: \"base_url\" must be text, not a list"                    },
        {"base_url: {x: 1}\n",                 "weir.yaml:1:11: \"base_url\" must be text, not a mapping"                 },
        {"enabled: yes\n",                     "weir.yaml:1:10: \"enabled\" must be true or false, not \"yes\""           },
        {"enabled: 'true'\n",
         "weir.yaml:1:10: \"enabled\" must be true or false, not the quoted text \"true\""                                },
        {"port: 0\n",                          "weir.yaml:1:7: \"port\" must be a whole number from 1 to 65535, not \"0\""},
        {"port: 65536\n",
         "weir.yaml:1:7: \"port\" must be a whole number from 1 to 65535, not \"65536\""                                  },
        {"port: 8.5\n",
         "weir.yaml:1:7: \"port\" must be a whole number from 1 to 65535, not \"8.5\""                                    },
        {"port: \"80\"\n",
         "weir.yaml:1:7: \"port\" must be a whole number from 1 to 65535, not the "
         "quoted text \"80\""                                                                                             },
        {"share: 1.01\n",                      "weir.yaml:1:8: \"share\" must be a number from 0 to 1, not \"1.01\""      },
        {"share: much\n",                      "weir.yaml:1:8: \"share\" must be a number from 0 to 1, not \"much\""      },
        {"max_wait: 2h\n",
         "weir.yaml:1:11: \"max_wait\" must be a duration like 250ms, 10s, 5m, 2h "
         "or 30d from 1ms to 1h, not \"2h\""                                                                              },
        {"max_body: 1KB\n",                    "weir.yaml:1:11: \"max_body\" must be a size like 512, 64KB, 32MiB or "
                            "20GB from 1KiB to 1GiB, not \"1KB\""                              },
        {"mode: fourth\n",
         "weir.yaml:1:7: \"mode\" must be one of first, second, third, not \"fourth\""                                    },
        {"api_keys: {a: 1}\n",
         "weir.yaml:1:11: \"api_keys\" must be text or a list of texts, not a mapping"                                    },
        {"api_keys: [[a]]\n",                  "weir.yaml:1:12: expected a single value, not a list"                      },
        {"base_url: ${NOPE}\n",                "weir.yaml:1:11: the environment variable NOPE is not set; set it, "
                                "or write ${NOPE:-default}"                                },
        {"api_keys: ['${NOPE}']\n",            "weir.yaml:1:12: the environment variable NOPE is not set; set "
                                    "it, or write ${NOPE:-default}"                    },
        {"base_url: a${KEY\n",                 "weir.yaml:1:11: \"${\" without \"}\"; write $${ for a plain ${"           },
        {"base_url: ${1X}\n",
         "weir.yaml:1:11: \"1X\" is no name of an environment variable; write ${NAME}, "
         "${NAME:-default}, or $${ for a plain ${"                                                                        },
        {"base_url: ${}\n",
         "weir.yaml:1:11: \"\" is no name of an environment variable; write ${NAME}, "
         "${NAME:-default}, or $${ for a plain ${"                                                                        },
    };
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(read_text(&f, rows[i].text), ERR_INVALID);
        assert_string_equal(f.err.text, rows[i].message);
        done(&f);
    }
}

static void values_of_the_environment_are_not_shown(void **state)
{
    static const char *const texts[] = {
        "port: ${WORD}\n", "enabled: ${WORD}\n",  "share: ${WORD}\n",
        "mode: ${WORD}\n", "max_wait: ${WORD}\n", "max_body: ${WORD}\n",
    };
    struct fixture f;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_int_equal(read_text(&f, texts[i]), ERR_INVALID);
        assert_null(strstr(f.err.text, "secretword"));
        assert_non_null(strstr(f.err.text, "environment"));
        done(&f);
    }
}

static void a_value_may_not_grow_without_bound(void **state)
{
    struct fixture f;
    struct buf text;

    (void)state;
    buf_init(&text, 8 << 20);
    buf_puts(&text, "base_url: '");
    for (int i = 0; i < 130000; i++) {
        buf_puts(&text, "${KEY}");
    }
    buf_puts(&text, "'\n");
    assert_int_equal(read_text(&f, buf_cstr(&text)), ERR_LIMIT);
    assert_non_null(strstr(f.err.text, "weir.yaml:1:11: the value is larger than"));
    done(&f);
    buf_release(&text);
}

static void a_scalar_is_read_alone(void **state)
{
    struct arena arena;
    struct yaml_doc *doc = NULL;
    struct error err = {0};
    struct str text = STR("before");

    (void)state;
    arena_init(&arena);
    assert_int_equal(yaml_parse(STR("[a, ~, [b], '${X:-y}']"), "t", &doc, &err), 0);
    struct config_reader reader = {doc, &arena, NULL, NULL};
    assert_int_equal(config_scalar(&reader, doc->root->items[2], &text, &err), ERR_INVALID);
    assert_str(text, "before");
    assert_int_equal(config_scalar(&reader, doc->root->items[1], &text, &err), 0);
    assert_str(text, "");
    assert_int_equal(config_scalar(&reader, doc->root->items[3], &text, &err), 0);
    assert_str(text, "y");
    assert_int_equal(config_scalar(&reader, doc->root->items[0], &text, &err), 0);
    yaml_free(doc);
    assert_str(text, "a"); /* it lives in the reader's arena */
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_read),
        cmocka_unit_test(defaults_fill_what_is_not_given),
        cmocka_unit_test(without_a_mapping_all_is_default),
        cmocka_unit_test(one_text_counts_as_a_list_of_one),
        cmocka_unit_test(the_environment_is_looked_up),
        cmocka_unit_test(numbers_may_come_from_the_environment),
        cmocka_unit_test(mistakes_are_explained),
        cmocka_unit_test(values_of_the_environment_are_not_shown),
        cmocka_unit_test(a_value_may_not_grow_without_bound),
        cmocka_unit_test(a_scalar_is_read_alone),
    };

    return cmocka_run_group_tests_name("core/config", tests, NULL, NULL);
}
