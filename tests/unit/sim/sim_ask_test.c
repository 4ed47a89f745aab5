#include "unit/sim/suite.h"

#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static uint64_t key_of(enum sim_route route, const char *body)
{
    struct exam e;
    exam_begin(&e);
    if (exam_read(&e, route, body) != 0) {
        fail_msg("%s: %s", body, e.refusal.message);
    }
    uint64_t key = e.ask->key;
    exam_end(&e);
    return key;
}

static void labels_do_not_change_the_key(void **state)
{
    (void)state;
    static const char *const same[] = {
        "{\"model\":\"b\"," HI "}",
        "{" HI ",\"model\":\"a\"}",
        "{\"model\":\"a\",\"stream\":true," HI "}",
        "{\"model\":\"a\",\"stream\":true,\"stream_options\":{\"include_usage\":true}," HI "}",
        "{\"model\":\"a\",\"user\":\"me\",\"metadata\":{\"k\":\"v\"},\"store\":true," HI "}",
        "{ \"model\" : \"a\",\n \"messages\": [ {\"role\":\"user\", \"content\":\"\\u0068i\"} ] }",
    };
    uint64_t key = key_of(SIM_CHAT, "{\"model\":\"a\"," HI "}");
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        assert_true(key_of(SIM_CHAT, same[i]) == key);
    }
}

static void whatever_can_change_an_answer_changes_the_key(void **state)
{
    (void)state;
    static const char *const others[] = {
        "{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"ho\"}]}",
        "{\"model\":\"a\",\"messages\":[{\"role\":\"system\",\"content\":\"hi\"}]}",
        "{\"model\":\"a\",\"temperature\":0.5," HI "}",
        "{\"model\":\"a\",\"temperature\":0.6," HI "}",
        "{\"model\":\"a\",\"max_tokens\":5," HI "}",
        "{\"model\":\"a\",\"max_tokens\":6," HI "}",
        "{\"model\":\"a\",\"seed\":1," HI "}",
        "{\"model\":\"a\",\"seed\":2," HI "}",
        "{\"model\":\"a\",\"tools\":[]," HI "}",
        "{\"model\":\"a\",\"tools\":[{}]," HI "}",
        "{\"model\":\"a\",\"logprobs\":true," HI "}",
        "{\"model\":\"a\",\"logprobs\":false," HI "}",
        "{\"model\":\"a\",\"logprobs\":null," HI "}",
    };
    uint64_t keys[ARRAY_LEN(others) + 1];
    keys[0] = key_of(SIM_CHAT, "{\"model\":\"a\"," HI "}");
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        keys[i + 1] = key_of(SIM_CHAT, others[i]);
        for (size_t k = 0; k <= i; k++) {
            if (keys[k] == keys[i + 1]) {
                fail_msg("%s has the key of another", others[i]);
            }
        }
    }
}

static void the_seed_of_a_header_beats_the_body(void **state)
{
    (void)state;
    struct exam e;
    struct sim_ask *a = NULL;
    struct sim_ask *b = NULL;
    exam_begin(&e);
    assert_int_equal(sim_ask_read(&e.arena, SIM_CHAT, STR("{\"model\":\"a\",\"seed\":1," HI "}"), 9,
                                  true, &a, &e.refusal),
                     0);
    assert_int_equal(sim_ask_read(&e.arena, SIM_CHAT, STR("{\"model\":\"a\",\"seed\":2," HI "}"), 9,
                                  true, &b, &e.refusal),
                     0);
    assert_true(a->key == b->key);
    exam_end(&e);
}

static void chat_settings_are_read(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    assert_int_equal(
        exam_read(&e, SIM_CHAT,
                  "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true},"
                  "\"max_tokens\":5,\"max_completion_tokens\":7,\"n\":3,\"stop\":[\"a\",\"b\"],"
                  "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}},"
                  "{\"type\":\"custom\",\"custom\":{\"name\":\"c\"}}],"
                  "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"f\"}},"
                  "\"reasoning_effort\":\"low\",\"response_format\":{\"type\":\"json_schema\","
                  "\"json_schema\":{\"schema\":{\"type\":\"null\"}}},\"messages\":["
                  "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"one \"},"
                  "{\"type\":\"image_url\"},{\"type\":\"text\",\"text\":\"two\"}]},"
                  "{\"role\":\"tool\",\"content\":\"x\"}]}"),
        0);
    assert_str(e.ask->model, "m");
    assert_true(e.ask->stream && e.ask->include_usage && e.ask->after_tool && e.ask->think);
    assert_int_equal(e.ask->max_tokens, 7);
    assert_int_equal(e.ask->n, 3);
    assert_int_equal(e.ask->stop_count, 2);
    assert_int_equal(e.ask->tool_count, 1);
    assert_int_equal(e.ask->choice, SIM_CHOICE_REQUIRED);
    assert_str(e.ask->tool_named, "f");
    assert_int_equal(e.ask->format, SIM_FORMAT_SCHEMA);
    assert_non_null(e.ask->schema);
    assert_str(e.ask->last_text, "one two");
    assert_true(e.ask->input_tokens > 5);
    exam_end(&e);
}

static void messages_settings_are_read(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    assert_int_equal(
        exam_read(&e, SIM_MESSAGES,
                  "{\"model\":\"m\",\"max_tokens\":9,\"stop_sequences\":[\"x\"],"
                  "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":4},"
                  "\"tools\":[{\"name\":\"f\",\"input_schema\":{}},"
                  "{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}],"
                  "\"tool_choice\":{\"type\":\"any\",\"disable_parallel_tool_use\":true},"
                  "\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{}}},"
                  "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
                  "\"tool_use_id\":\"t\",\"content\":\"ok\"}]}]}"),
        0);
    assert_int_equal(e.ask->max_tokens, 9);
    assert_int_equal(e.ask->stop_count, 1);
    assert_int_equal(e.ask->thinking_max, 4);
    assert_true(e.ask->think && e.ask->show_thinking && e.ask->after_tool && e.ask->one_tool);
    assert_int_equal(e.ask->tool_count, 1);
    assert_int_equal(e.ask->choice, SIM_CHOICE_REQUIRED);
    assert_int_equal(e.ask->format, SIM_FORMAT_SCHEMA);
    exam_end(&e);
}

static void responses_settings_are_read(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    assert_int_equal(
        exam_read(&e, SIM_RESPONSES,
                  "{\"model\":\"m\",\"max_output_tokens\":9,\"reasoning\":{\"summary\":\"auto\"},"
                  "\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{}},"
                  "{\"type\":\"web_search\"}],\"text\":{\"format\":{\"type\":\"json_object\"}},"
                  "\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
                  "\"text\":\"q\"}]},{\"type\":\"function_call_output\",\"output\":\"x\"}]}"),
        0);
    assert_int_equal(e.ask->max_tokens, 9);
    assert_true(e.ask->think && e.ask->show_thinking && e.ask->after_tool);
    assert_int_equal(e.ask->tool_count, 1);
    assert_int_equal(e.ask->format, SIM_FORMAT_JSON);
    assert_str(e.ask->last_text, "q");
    exam_end(&e);
}

static void completions_take_one_or_many_prompts(void **state)
{
    (void)state;

    static const struct {
        const char *prompt;
        int64_t prompts;
        const char *text;
    } rows[] = {
        {"\"once\"",      1, "once"},
        {"[\"a\",\"b\"]", 2, "a"   },
        {"[1,2,3]",       1, ""    },
        {"[[1],[2,3]]",   2, ""    }
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct exam e;
        char body[200];
        exam_begin(&e);
        snprintf(body, sizeof(body), "{\"model\":\"m\",\"prompt\":%s}", rows[i].prompt);
        assert_int_equal(exam_read(&e, SIM_COMPLETIONS, body), 0);
        assert_int_equal(e.ask->prompts, rows[i].prompts);
        assert_str(e.ask->last_text, rows[i].text);
        exam_end(&e);
    }
}

static void bad_bodies_are_refused_and_say_why(void **state)
{
    (void)state;

    static const struct {
        enum sim_route route;
        const char *body;
        const char *says;
    } rows[] = {
        {SIM_CHAT,         "",                                              "could not parse"           },
        {SIM_CHAT,         "{\"model\":",                                   "could not parse"           },
        {SIM_CHAT,         "[]",                                            "JSON object"               },
        {SIM_CHAT,         "{" HI "}",                                      "model"                     },
        {SIM_CHAT,         "{\"model\":5," HI "}",                          "model"                     },
        {SIM_CHAT,         "{\"model\":\"\"," HI "}",                       "model"                     },
        {SIM_CHAT,         "{\"model\":\"m\"}",                             "'messages'"                },
        {SIM_CHAT,         "{\"model\":\"m\",\"messages\":[]}",             "at least one"              },
        {SIM_CHAT,         "{\"model\":\"m\",\"messages\":\"hi\"}",         "at least one"              },
        {SIM_CHAT,         "{\"model\":\"m\",\"messages\":[1]}",            "objects"                   },
        {SIM_CHAT,         "{\"model\":\"m\",\"n\":0," HI "}",              "'n'"                       },
        {SIM_CHAT,         "{\"model\":\"m\",\"n\":129," HI "}",            "'n'"                       },
        {SIM_CHAT,         "{\"model\":\"m\",\"max_tokens\":-1," HI "}",    "'max_tokens'"              },
        {SIM_CHAT,         "{\"model\":\"m\",\"max_tokens\":\"9\"," HI "}", "'max_tokens'"              },
        {SIM_COMPLETIONS,  "{\"model\":\"m\"}",                             "'prompt'"                  },
        {SIM_COMPLETIONS,  "{\"model\":\"m\",\"prompt\":[]}",               "'prompt'"                  },
        {SIM_RESPONSES,    "{\"model\":\"m\"}",                             "'input'"                   },
        {SIM_RESPONSES,    "{\"model\":\"m\",\"input\":5}",                 "at least one"              },
        {SIM_MESSAGES,     "{\"model\":\"m\"," HI "}",                      "max_tokens: Field required"},
        {SIM_MESSAGES,     "{\"model\":\"m\",\"max_tokens\":9}",            "messages: Field required"  },
        {SIM_MESSAGES,     "{\"max_tokens\":9," HI "}",                     "model: Field required"     },
        {SIM_COUNT_TOKENS, "{\"model\":\"m\"}",                             "messages: Field required"  },
        {SIM_EMBEDDINGS,   "{\"model\":\"m\"}",                             "'input'"                   },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct exam e;
        exam_begin(&e);
        assert_int_equal(exam_read(&e, rows[i].route, rows[i].body), -1);
        assert_int_equal(e.refusal.status, 400);
        assert_has(str_of(e.refusal.message), rows[i].says);
        exam_end(&e);
    }
}

static void images_do_not_count_as_text(void **state)
{
    (void)state;
    struct exam e;
    struct buf body;
    exam_begin(&e);
    buf_init(&body, 1u << 20);
    buf_puts(&body, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
                    "\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,");
    for (int i = 0; i < 100000; i++) {
        buf_putc(&body, 'A');
    }
    buf_puts(&body, "\"}}]}]}");
    assert_int_equal(exam_read(&e, SIM_CHAT, buf_cstr(&body)), 0);
    assert_true(e.ask->input_tokens < 150);
    buf_release(&body);
    exam_end(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_do_not_change_the_key),
        cmocka_unit_test(whatever_can_change_an_answer_changes_the_key),
        cmocka_unit_test(the_seed_of_a_header_beats_the_body),
        cmocka_unit_test(chat_settings_are_read),
        cmocka_unit_test(messages_settings_are_read),
        cmocka_unit_test(responses_settings_are_read),
        cmocka_unit_test(completions_take_one_or_many_prompts),
        cmocka_unit_test(bad_bodies_are_refused_and_say_why),
        cmocka_unit_test(images_do_not_count_as_text),
    };
    return cmocka_run_group_tests_name("sim/sim_ask", tests, NULL, NULL);
}
