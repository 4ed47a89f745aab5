#include "unit/llm/suite.h"

#include "core/json.h"
#include "core/mem.h"
#include "llm/request.h"

static void check_read(enum route route, const char *body, struct arena *arena,
                       struct request_facts *facts)
{
    struct error err = {0};
    if (request_facts_read(route, str_of(body), arena, facts, &err) < 0) {
        fail_msg("%s: %s", body, err.text);
    }
}

static void a_chat_request_is_read(void **state)
{
    struct arena arena;
    struct request_facts facts;
    arena_init(&arena);
    (void)state;
    check_read(ROUTE_CHAT,
               "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}], \"model\" : \"gp\\u0074\","
               "\"stream\":true,\"stream_options\":{\"include_usage\":true},\"max_tokens\":10,"
               "\"max_completion_tokens\":20,\"n\":3,\"service_tier\":\"flex\",\"user\":\"u1\","
               "\"tools\":[ 1 ],\"temperature\":0.5,\"logprobs\":true,\"stop\":\"secret words\","
               "\"seed\":7,\"reasoning_effort\":\"low\",\"response_format\":{\"type\":\"text\"}}",
               &arena, &facts);
    assert_str(facts.model, "gpt");
    assert_true(facts.stream);
    assert_true(facts.asks_usage);
    assert_int_equal(facts.max_output, 20);
    assert_int_equal(facts.n, 3);
    assert_str(facts.service_tier, "flex");
    assert_str(facts.user, "u1");
    assert_str(facts.tools, "[ 1 ]");
    assert_str(facts.messages, "[{\"role\":\"user\",\"content\":\"hi\"}]");
    assert_int_equal(facts.system.n, 0);
    assert_str(facts.params_json,
               "{\"stream\":true,\"max_tokens\":10,\"max_completion_tokens\":20,\"n\":3,"
               "\"service_tier\":\"flex\",\"temperature\":0.5,\"logprobs\":true,\"seed\":7,"
               "\"reasoning_effort\":\"low\"}");
    arena_release(&arena);
}

static void a_messages_request_is_read(void **state)
{
    struct arena arena;
    struct request_facts facts;
    arena_init(&arena);
    (void)state;
    check_read(ROUTE_MESSAGES,
               "{\"model\":\"claude\",\"max_tokens\":1024,\"system\":[{\"type\":\"text\"}],"
               "\"messages\":[],\"metadata\":{\"user_id\":\"u\\\"2\"},\"stream\":null}",
               &arena, &facts);
    assert_str(facts.model, "claude");
    assert_false(facts.stream);
    assert_int_equal(facts.max_output, 1024);
    assert_str(facts.system, "[{\"type\":\"text\"}]");
    assert_str(facts.messages, "[]");
    assert_str(facts.user, "u\"2");
    arena_release(&arena);
}

static void a_responses_request_is_read(void **state)
{
    struct arena arena;
    struct request_facts facts;
    arena_init(&arena);
    (void)state;
    check_read(ROUTE_RESPONSES,
               "{\"model\":\"m\",\"instructions\":\"be\",\"input\":\"text\",\"stream\":true,"
               "\"max_output_tokens\":99,\"stream_options\":{\"include_obfuscation\":false},"
               "\"safety_identifier\":\"s\"}",
               &arena, &facts);
    assert_true(facts.stream);
    assert_str(facts.system, "\"be\"");
    assert_str(facts.messages, "\"text\"");
    assert_int_equal(facts.max_output, 99);
    assert_str(facts.user, "s");
    arena_release(&arena);
}

static void legacy_completions_multiply_prompts_and_answers(void **state)
{
    static const struct {
        const char *body;
        int64_t n;
    } rows[] = {
        {"{\"model\":\"m\",\"prompt\":\"a\"}",                               1                  },
        {"{\"model\":\"m\",\"prompt\":[\"a\",\"b\"]}",                       2                  },
        {"{\"model\":\"m\",\"prompt\":[\"a\",\"b\"],\"n\":2,\"best_of\":5}", 10                 },
        {"{\"model\":\"m\",\"prompt\":[1,2,3]}",                             1                  },
        {"{\"model\":\"m\",\"prompt\":[[1],[2],[3]],\"n\":null}",            3                  },
        {"{\"model\":\"m\",\"prompt\":[],\"n\":0}",                          1                  },
        {"{\"model\":\"m\",\"n\":99999999999}",                              REQUEST_ANSWERS_MAX},
        {"{\"model\":\"m\",\"n\":1e300,\"prompt\":[\"a\",\"b\"]}",           REQUEST_ANSWERS_MAX},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct request_facts facts;
        arena_init(&arena);
        check_read(ROUTE_COMPLETIONS, rows[i].body, &arena, &facts);
        assert_int_equal(facts.n, rows[i].n);
        arena_release(&arena);
    }
}

static void limits_on_output_accept_what_servers_accept(void **state)
{
    static const struct {
        const char *value;
        int64_t max_output;
    } rows[] = {
        {"0",                    0                 },
        {"5",                    5                 },
        {"5.0",                  5                 },
        {"-1",                   -1                },
        {"null",                 -1                },
        {"1e30",                 REQUEST_TOKENS_MAX},
        {"-5",                   -1                },
        {"1e3",                  1000              },
        {"18446744073709551615", REQUEST_TOKENS_MAX},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct request_facts facts;
        char body[128];
        arena_init(&arena);
        snprintf(body, sizeof(body), "{\"model\":\"m\",\"max_tokens\":%s}", rows[i].value);
        check_read(ROUTE_CHAT, body, &arena, &facts);
        assert_int_equal(facts.max_output, rows[i].max_output);
        arena_release(&arena);
    }
}

static void wrong_bodies_are_refused_with_a_reason(void **state)
{
    static const struct {
        const char *body;
        const char *part;
    } rows[] = {
        {"",                                                                                      "empty"                                       },
        {"  \n ",                                                                                 "empty"                                       },
        {"{\"model\":\"m\"",                                                                      "request body: invalid JSON at line 1"        },
        {"[]",                                                                                    "must be a JSON object, not array"            },
        {"\"m\"",                                                                                 "must be a JSON object, not string"           },
        {"{}",                                                                                    "`model` is missing"                          },
        {"{\"model\":null}",                                                                      "`model` must be a string, not null"          },
        {"{\"model\":5}",                                                                         "`model` must be a string"                    },
        {"{\"model\":\"\"}",                                                                      "`model` is empty"                            },
        {"{\"model\":\"a\\nb\"}",                                                                 "control character"                           },
        {"{\"model\":\"a\\u0000b\"}",                                                             "control character"                           },
        {"{\"model\":\"a\",\"model\":\"b\"}",                                                     "`model` occurs twice"                        },
        {"{\"model\":\"a\",\"mod\\u0065l\":\"b\"}",                                               "`model` occurs twice"                        },
        {"{\"model\":\"a\",\"stream\":true,\"stream\":false}",                                    "`stream` occurs twice"                       },
        {"{\"model\":\"a\",\"stream_options\":{},\"stream_options\":{}}",
         "`stream_options` occurs twice"                                                                                                        },
        {"{\"model\":\"a\",\"stream_options\":{\"include_usage\":true,\"include_usage\":false}}",
         "`stream_options.include_usage` occurs twice"                                                                                          },
        {"{\"model\":\"a\",\"max_tokens\":1,\"max_tokens\":9}",                                   "`max_tokens` occurs twice"                   },
        {"{\"model\":\"a\",\"n\":1,\"n\":9}",                                                     "`n` occurs twice"                            },
        {"{\"model\":\"a\",\"service_tier\":\"a\",\"service_tier\":\"b\"}",
         "`service_tier` occurs twice"                                                                                                          },
        {"{\"model\":\"a\",\"messages\":[],\"messages\":[]}",                                     "`messages` occurs twice"                     },
        {"{\"model\":\"a\",\"metadata\":{\"user_id\":\"a\",\"user_id\":\"b\"}}",
         "`metadata.user_id` occurs twice"                                                                                                      },
        {"{\"model\":\"a\",\"stream\":\"true\"}",                                                 "`stream` must be true or false, not string"  },
        {"{\"model\":\"a\",\"stream\":1}",                                                        "`stream` must be true or false"              },
        {"{\"model\":\"a\",\"stream_options\":[]}",                                               "`stream_options` must be an object"          },
        {"{\"model\":\"a\",\"stream_options\":{\"include_usage\":1}}",
         "`stream_options.include_usage` must be true or false"                                                                                 },
        {"{\"model\":\"a\",\"max_tokens\":\"9\"}",                                                "`max_tokens` must be a whole number"         },
        {"{\"model\":\"a\",\"max_tokens\":1.5}",                                                  "`max_tokens` must be a whole number, not 1.5"},
        {"{\"model\":\"a\",\"n\":{}}",                                                            "`n` must be a whole number"                  },
        {"{\"model\":\"\xff\"}",                                                                  "invalid JSON"                                },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct request_facts facts = {.n = 77};
        struct error err = {0};
        arena_init(&arena);
        int status = request_facts_read(ROUTE_CHAT, str_of(rows[i].body), &arena, &facts, &err);
        assert_int_equal(status, ERR_INVALID);
        assert_int_equal(err.code, ERR_INVALID);
        assert_has(err.text, rows[i].part);
        assert_int_equal(facts.n, 77);
        assert_int_equal(request_facts_read(ROUTE_CHAT, str_of(rows[i].body), &arena, &facts, NULL),
                         ERR_INVALID);
        arena_release(&arena);
    }
}

static void limits_hold(void **state)
{
    struct arena arena;
    struct request_facts facts;
    struct error err = {0};
    struct buf body;
    arena_init(&arena);
    buf_init(&body, 1u << 20);
    (void)state;

    buf_puts(&body, "{\"model\":\"m\",\"messages\":");
    for (int i = 0; i < JSON_DEPTH_MAX + 1; i++) {
        buf_putc(&body, '[');
    }
    assert_int_equal(request_facts_read(ROUTE_CHAT, buf_str(&body), &arena, &facts, &err),
                     ERR_LIMIT);

    buf_clear(&body);
    buf_puts(&body, "{\"model\":\"");
    for (int i = 0; i < REQUEST_MODEL_BYTES_MAX; i++) {
        buf_putc(&body, 'm');
    }
    buf_puts(&body, "\"}");
    assert_int_equal(request_facts_read(ROUTE_CHAT, buf_str(&body), &arena, &facts, &err), 0);
    body.n -= 2;
    buf_puts(&body, "m\"}");
    assert_int_equal(request_facts_read(ROUTE_CHAT, buf_str(&body), &arena, &facts, &err),
                     ERR_INVALID);
    assert_has(err.text, "longer than 256");

    /* Parameters beyond the maximum are left out, and the object stays whole. */
    buf_clear(&body);
    buf_puts(&body, "{\"model\":\"m\"");
    for (int i = 0; i < 2 * REQUEST_PARAMS_MAX; i++) {
        buf_putf(&body, ",\"p%d\":%d", i, i);
    }
    buf_putf(&body, ",\"big\":%065d}", 1);
    buf_puts(&body, " ");
    assert_int_equal(request_facts_read(ROUTE_CHAT, buf_str(&body), &arena, &facts, &err),
                     ERR_INVALID); /* leading zeros are no JSON */
    body.n -= 70 + 4;
    buf_puts(&body, "}");
    assert_int_equal(request_facts_read(ROUTE_CHAT, buf_str(&body), &arena, &facts, &err), 0);
    yyjson_doc *doc = json_parse(facts.params_json, NULL);
    assert_non_null(doc);
    assert_int_equal(yyjson_obj_size(yyjson_doc_get_root(doc)), REQUEST_PARAMS_MAX);
    yyjson_doc_free(doc);
    buf_release(&body);
    arena_release(&arena);
}

static void the_trace_keeps_the_last_of_two_parameters(void **state)
{
    struct arena arena;
    struct request_facts facts;
    arena_init(&arena);
    (void)state;
    check_read(ROUTE_CHAT, "{\"model\":\"m\",\"temperature\":0,\"temperature\":1}", &arena, &facts);
    assert_str(facts.params_json, "{\"temperature\":1}");
    arena_release(&arena);
}

static void edits_are_spliced(void **state)
{
    static const struct {
        const char *body;
        const char *model;
        bool inject;
        const char *expected;
    } rows[] = {
  /* Nothing to do: the same bytes. */
        {"{ \"model\":\"a\" ,\"stream\":true}\n",                                           "a",     false,
         "{ \"model\":\"a\" ,\"stream\":true}\n"                                                                                                                                            },
        {"{\"model\":\"\\u0061\"}",                                                         "a",     false, "{\"model\":\"\\u0061\"}"                                                       },
        {"{\"model\":\"a\"}",                                                               "",      false, "{\"model\":\"a\"}"                                                             },
        {"{\"model\":\"a\"}",                                                               "a",     true,  "{\"model\":\"a\"}"                                                             },
 /* The model, escaped. */
        {"{\"x\" : 1.0e5,\"model\" :  \"a\"  }",                                            "b\"\\", false,
         "{\"x\" : 1.0e5,\"model\" :  \"b\\\"\\\\\"  }"                                                                                                                                     },
 /* Usage, in every form that the options can have. */
        {"{\"model\":\"a\",\"stream\":true}",                                               "a",     true,
         "{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}"                                                                                                    },
        {"{\"model\":\"a\",\"stream\":true } \n",                                           "a",     true,
         "{\"model\":\"a\",\"stream\":true ,\"stream_options\":{\"include_usage\":true}} \n"                                                                                                },
        {"{\"model\":\"a\",\"stream\":true,\"stream_options\":null}",                       "a",     true,
         "{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}"                                                                                                    },
        {"{\"model\":\"a\",\"stream\":true,\"stream_options\":{}}",                         "a",     true,
         "{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}"                                                                                                    },
        {"{\"model\":\"a\",\"stream\":true,\"stream_options\":{ \"x\" : {} } }",            "a",     true,
         "{\"model\":\"a\",\"stream\":true,\"stream_options\":{ \"x\" : {} "
         ",\"include_usage\":true} }"                                                                                                                                                       },
        {"{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\": false}}", "a",
         true,                                                                                              "{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\": true}}"},
        {"{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":null}}",   "a",     true,
         "{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}"                                                                                                    },
        {"{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}",   "a",     true,
         "{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}"                                                                                                    },
 /* Both, in both orders. */
        {"{\"stream_options\":{},\"stream\":true,\"model\":\"a\"}",                         "bb",    true,
         "{\"stream_options\":{\"include_usage\":true},\"stream\":true,\"model\":\"bb\"}"                                                                                                   },
        {"{\"model\":\"a\",\"stream\":true}",                                               "bb",    true,
         "{\"model\":\"bb\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}"                                                                                                   },
 /* A brace in a string behind is no closing brace. */
        {"{\"model\":\"a\",\"stream\":true,\"z\":\"}\"}",                                   "a",     true,
         "{\"model\":\"a\",\"stream\":true,\"z\":\"}\",\"stream_options\":{\"include_usage\":true}"
         "}"                                                                                                                                                                                },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct request_facts facts;
        struct buf out;
        struct request_edit edit = {.model = str_of(rows[i].model), .inject_usage = rows[i].inject};
        arena_init(&arena);
        buf_init(&out, 4096);
        check_read(ROUTE_CHAT, rows[i].body, &arena, &facts);
        assert_int_equal(request_edit_body(str_of(rows[i].body), &facts, &edit, &out, NULL), 0);
        assert_str(buf_str(&out), rows[i].expected);
        buf_release(&out);
        arena_release(&arena);
    }
}

static void usage_is_not_injected_where_it_would_be_an_error(void **state)
{
    static const struct {
        enum route route;
        const char *body;
    } rows[] = {
        {ROUTE_CHAT,       "{\"model\":\"a\",\"stream\":false}"},
        {ROUTE_RESPONSES,  "{\"model\":\"a\",\"stream\":true}" },
        {ROUTE_MESSAGES,   "{\"model\":\"a\",\"stream\":true}" },
        {ROUTE_EMBEDDINGS, "{\"model\":\"a\",\"stream\":true}" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct request_facts facts;
        struct buf out;
        struct request_edit edit = {.model = STR("a"), .inject_usage = true};
        arena_init(&arena);
        buf_init(&out, 4096);
        check_read(rows[i].route, rows[i].body, &arena, &facts);
        assert_int_equal(request_edit_body(str_of(rows[i].body), &facts, &edit, &out, NULL), 0);
        assert_str(buf_str(&out), rows[i].body);
        buf_release(&out);
        arena_release(&arena);
    }
}

static void an_edit_that_does_not_fit_fails(void **state)
{
    static const char body[] = "{\"model\":\"a\"}";
    struct arena arena;
    struct request_facts facts;
    struct buf out;
    struct error err = {0};
    struct request_edit edit = {.model = STR("a long name")};
    arena_init(&arena);
    buf_init(&out, 16);
    (void)state;
    check_read(ROUTE_CHAT, body, &arena, &facts);
    assert_int_equal(request_edit_body(str_of(body), &facts, &edit, &out, &err), ERR_LIMIT);
    assert_int_equal(err.code, ERR_LIMIT);
    buf_release(&out);
    arena_release(&arena);
}

static void a_maximum_is_set_where_the_client_names_none(void **state)
{
    static const struct {
        enum route route;
        bool completion;
        const char *body, *expected;
    } rows[] = {
        {ROUTE_CHAT,        true,  "{\"model\":\"m\",\"messages\":[]}",
         "{\"max_completion_tokens\":77,\"model\":\"m\",\"messages\":[]}"},
        {ROUTE_CHAT,        false, " { \"model\":\"m\",\"messages\":[]}",
         " {\"max_tokens\":77, \"model\":\"m\",\"messages\":[]}"         },
        {ROUTE_CHAT,        false, "{\"model\":\"m\",\"max_tokens\":null,\"messages\":[]}",
         "{\"model\":\"m\",\"max_tokens\":77,\"messages\":[]}"           },
        {ROUTE_CHAT,        true,  "{\"model\":\"m\",\"max_tokens\":5,\"messages\":[]}",
         "{\"model\":\"m\",\"max_tokens\":5,\"messages\":[]}"            },
        {ROUTE_COMPLETIONS, true,  "{\"model\":\"m\",\"prompt\":\"p\"}",
         "{\"max_tokens\":77,\"model\":\"m\",\"prompt\":\"p\"}"          },
        {ROUTE_RESPONSES,   true,  "{\"model\":\"m\",\"input\":\"p\"}",
         "{\"max_output_tokens\":77,\"model\":\"m\",\"input\":\"p\"}"    },
        {ROUTE_MESSAGES,    true,  "{\"model\":\"m\",\"messages\":[]}",
         "{\"max_tokens\":77,\"model\":\"m\",\"messages\":[]}"           },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct request_facts facts;
        struct buf out;
        struct request_edit edit = {
            .model = STR("m"), .max_output = 77, .max_completion_tokens = rows[i].completion};
        arena_init(&arena);
        buf_init(&out, 4096);
        check_read(rows[i].route, rows[i].body, &arena, &facts);
        assert_int_equal(request_edit_body(str_of(rows[i].body), &facts, &edit, &out, NULL), 0);
        assert_str(buf_str(&out), rows[i].expected);
        buf_release(&out);
        arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_maximum_is_set_where_the_client_names_none),
        cmocka_unit_test(a_chat_request_is_read),
        cmocka_unit_test(a_messages_request_is_read),
        cmocka_unit_test(a_responses_request_is_read),
        cmocka_unit_test(legacy_completions_multiply_prompts_and_answers),
        cmocka_unit_test(limits_on_output_accept_what_servers_accept),
        cmocka_unit_test(wrong_bodies_are_refused_with_a_reason),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(the_trace_keeps_the_last_of_two_parameters),
        cmocka_unit_test(edits_are_spliced),
        cmocka_unit_test(usage_is_not_injected_where_it_would_be_an_error),
        cmocka_unit_test(an_edit_that_does_not_fit_fails),
    };
    return cmocka_run_group_tests_name("llm/request", tests, NULL, NULL);
}
