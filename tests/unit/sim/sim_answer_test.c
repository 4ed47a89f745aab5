#include "unit/sim/suite.h"

#define HI   "\"messages\":[{\"role\":\"user\",\"content\":\"hello you\"}]"
#define CHAT "{\"model\":\"m\"," HI "}"
#define TOOLS                                                                                      \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":"     \
    "\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[\"a\"]}}},"             \
    "{\"type\":\"function\",\"function\":{\"name\":\"g\"}}]"

static const struct sim_block *block_of(const struct exam *e, size_t choice, size_t block)
{
    assert_true(choice < e->answer->n && block < e->answer->choices[choice].n);
    return &e->answer->choices[choice].blocks[block];
}

static void the_same_question_has_the_same_answer(void **state)
{
    (void)state;
    struct exam a;
    struct exam b;
    exam_begin(&a);
    exam_begin(&b);
    exam_plan(&a, SIM_CHAT, CHAT);
    exam_plan(&b, SIM_CHAT, "{\"model\":\"other\",\"stream\":true," HI "}");
    assert_same(block_of(&a, 0, 0)->pieces.text, block_of(&b, 0, 0)->pieces.text);
    assert_same(block_of(&a, 0, 0)->id, block_of(&b, 0, 0)->id);
    assert_int_equal(a.answer->created, b.answer->created);
    assert_int_equal(a.answer->output_tokens, b.answer->output_tokens);
    exam_end(&a);
    exam_end(&b);
}

static void choices_differ_from_each_other(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    exam_plan(&e, SIM_CHAT, "{\"model\":\"m\",\"n\":3," HI "}");
    assert_int_equal(e.answer->n, 3);
    assert_false(str_eq(block_of(&e, 0, 0)->pieces.text, block_of(&e, 1, 0)->pieces.text));
    assert_false(str_eq(block_of(&e, 1, 0)->pieces.text, block_of(&e, 2, 0)->pieces.text));
    assert_int_equal(e.answer->output_tokens, block_of(&e, 0, 0)->pieces.n +
                                                  block_of(&e, 1, 0)->pieces.n +
                                                  block_of(&e, 2, 0)->pieces.n);
    exam_end(&e);
}

static void length_law_and_max_tokens_bound_an_answer(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    exam_dial(&e, "length", "constant:20");
    exam_plan(&e, SIM_CHAT, CHAT);
    assert_int_equal(block_of(&e, 0, 0)->pieces.n, 20);
    assert_int_equal(e.answer->choices[0].finish, SIM_FINISH_STOP);
    exam_plan(&e, SIM_CHAT, "{\"model\":\"m\",\"max_tokens\":20," HI "}");
    assert_int_equal(e.answer->choices[0].finish, SIM_FINISH_STOP);
    exam_plan(&e, SIM_CHAT, "{\"model\":\"m\",\"max_tokens\":19," HI "}");
    assert_int_equal(block_of(&e, 0, 0)->pieces.n, 19);
    assert_int_equal(e.answer->choices[0].finish, SIM_FINISH_LENGTH);
    exam_dial(&e, "length", "constant:1000000000");
    exam_plan(&e, SIM_CHAT, CHAT);
    assert_int_equal(block_of(&e, 0, 0)->pieces.n, DIAL_TOKENS_MAX);
    exam_end(&e);
}

static void stop_sequences_end_the_text_before_them(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    exam_dial(&e, "text", "one two three four");
    exam_plan(&e, SIM_CHAT, "{\"model\":\"m\",\"stop\":[\"four\",\" th\"]," HI "}");
    assert_str(block_of(&e, 0, 0)->pieces.text, "one two");
    assert_int_equal(e.answer->choices[0].finish, SIM_FINISH_SEQUENCE);
    assert_str(e.answer->choices[0].sequence, " th");
    exam_plan(&e, SIM_CHAT, "{\"model\":\"m\",\"stop\":\"nowhere\"," HI "}");
    assert_str(block_of(&e, 0, 0)->pieces.text, "one two three four");
    assert_int_equal(e.answer->choices[0].finish, SIM_FINISH_STOP);
    exam_end(&e);
}

static void text_and_echo_say_what_they_are_told(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    exam_dial(&e, "echo", "true");
    exam_plan(&e, SIM_CHAT, CHAT);
    assert_str(block_of(&e, 0, 0)->pieces.text, "hello you");
    exam_dial(&e, "text", "fixed");
    exam_plan(&e, SIM_CHAT, CHAT);
    assert_str(block_of(&e, 0, 0)->pieces.text, "fixed");
    exam_end(&e);
}

static void tools_are_called_when_they_may_and_must(void **state)
{
    (void)state;

    static const struct {
        const char *dial;
        const char *more;
        size_t calls;
        const char *name; /* NULL: any */
    } rows[] = {
        {"auto",     TOOLS "," HI,                                                              1, NULL},
        {"auto",     HI,                                                                        0, NULL},
        {"auto",     "\"tool_choice\":\"none\"," TOOLS "," HI,                                  0, NULL},
        {"none",     TOOLS "," HI,                                                              0, NULL},
        {"none",     "\"tool_choice\":\"required\"," TOOLS "," HI,                              0, NULL},
        {"single",   TOOLS "," HI,                                                              1, NULL},
        {"parallel", TOOLS "," HI,                                                              2, NULL},
        {"parallel", "\"parallel_tool_calls\":false," TOOLS "," HI,                             1, NULL},
        {"parallel",
         "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"g\"}}," TOOLS "," HI, 1,
         "g"                                                                                           },
        {"auto",
         TOOLS ",\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"tool\","
               "\"content\":\"y\"}]",                                                           0, NULL},
        {"auto",
         "\"tool_choice\":\"required\"," TOOLS
         ",\"messages\":[{\"role\":\"tool\",\"content\":\"y\"}]",                               1, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct exam e;
        char body[1000];
        size_t calls = 0;
        exam_begin(&e);
        exam_dial(&e, "tool-calls", rows[i].dial);
        snprintf(body, sizeof(body), "{\"model\":\"m\",%s}", rows[i].more);
        exam_plan(&e, SIM_CHAT, body);
        for (size_t b = 0; b < e.answer->choices[0].n; b++) {
            const struct sim_block *block = block_of(&e, 0, b);
            if (block->kind == SIM_BLOCK_TOOL) {
                calls++;
                assert_true(yyjson_is_obj(exam_json(&e, block->pieces.text)));
            }
            if (rows[i].name) {
                assert_str(block->name, rows[i].name);
            }
        }
        if (calls != rows[i].calls) {
            fail_msg("%s with %s: %zu calls", rows[i].more, rows[i].dial, calls);
        }
        assert_int_equal(e.answer->choices[0].finish == SIM_FINISH_TOOL, calls > 0);
        exam_end(&e);
    }
}

static void parallel_calls_have_ids_of_their_own(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    exam_dial(&e, "tool-calls", "parallel");
    exam_plan(&e, SIM_CHAT, "{\"model\":\"m\",\"n\":2," TOOLS "," HI "}");
    assert_false(str_eq(block_of(&e, 0, 0)->id, block_of(&e, 0, 1)->id));
    assert_false(str_eq(block_of(&e, 0, 0)->id, block_of(&e, 1, 0)->id));
    exam_end(&e);
}

static void thinking_goes_first_and_counts(void **state)
{
    (void)state;

    static const struct {
        const char *dial;
        const char *more;
        bool thinks;
    } rows[] = {
        {"auto", "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000},", true },
        {"auto", "\"thinking\":{\"type\":\"adaptive\"},",                       true },
        {"auto", "\"thinking\":{\"type\":\"disabled\"},",                       false},
        {"auto", "",                                                            false},
        {"on",   "",                                                            true },
        {"off",  "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000},", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct exam e;
        char body[400];
        exam_begin(&e);
        exam_dial(&e, "thinking", rows[i].dial);
        exam_dial(&e, "thinking-length", "constant:11");
        exam_dial(&e, "length", "constant:5");
        snprintf(body, sizeof(body), "{\"model\":\"m\",\"max_tokens\":4000,%s" HI "}",
                 rows[i].more);
        exam_plan(&e, SIM_MESSAGES, body);
        assert_int_equal(block_of(&e, 0, 0)->kind == SIM_BLOCK_THINKING, rows[i].thinks);
        assert_int_equal(e.answer->thinking_tokens, rows[i].thinks ? 11 : 0);
        assert_int_equal(e.answer->output_tokens, rows[i].thinks ? 16 : 5);
        exam_end(&e);
    }
}

static void thinking_keeps_within_its_budget_and_max_tokens(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    exam_dial(&e, "thinking-length", "constant:50");
    exam_dial(&e, "length", "constant:50");
    exam_plan(&e, SIM_MESSAGES,
              "{\"model\":\"m\",\"max_tokens\":30,\"thinking\":{\"type\":\"enabled\","
              "\"budget_tokens\":20}," HI "}");
    assert_int_equal(e.answer->thinking_tokens, 20);
    assert_int_equal(block_of(&e, 0, 1)->pieces.n, 10);
    assert_int_equal(e.answer->choices[0].finish, SIM_FINISH_LENGTH);
    exam_plan(&e, SIM_CHAT,
              "{\"model\":\"m\",\"max_completion_tokens\":30,\"reasoning_effort\":\"high\"," HI
              "}");
    assert_int_equal(e.answer->thinking_tokens, 30);
    assert_int_equal(block_of(&e, 0, 1)->pieces.n, 0);
    assert_int_equal(e.answer->choices[0].finish, SIM_FINISH_LENGTH);
    exam_end(&e);
}

static void json_mode_answers_json_unless_spoilt(void **state)
{
    (void)state;
    static const char *const formats[] = {
        "{\"type\":\"json_object\"}",
        "{\"type\":\"json_schema\",\"json_schema\":{\"schema\":{\"type\":\"object\",\"properties\":"
        "{\"a\":{\"type\":\"string\"}},\"required\":[\"a\"]}}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        struct exam e;
        struct error err = {0};
        char body[600];
        exam_begin(&e);
        snprintf(body, sizeof(body), "{\"model\":\"m\",\"response_format\":%s," HI "}", formats[i]);
        exam_plan(&e, SIM_CHAT, body);
        assert_true(yyjson_is_obj(exam_json(&e, block_of(&e, 0, 0)->pieces.text)));
        exam_dial(&e, "json-malformed", "1");
        exam_plan(&e, SIM_CHAT, body);
        assert_null(json_parse(block_of(&e, 0, 0)->pieces.text, &err));
        exam_end(&e);
    }
}

static void the_malformed_rate_is_kept(void **state)
{
    (void)state;
    struct exam e;
    int bad = 0;
    exam_begin(&e);
    exam_dial(&e, "json-malformed", "0.3");
    for (int i = 0; i < 1000; i++) {
        char body[200];
        struct error err = {0};
        snprintf(body, sizeof(body),
                 "{\"model\":\"m\",\"seed\":%d,\"response_format\":{\"type\":\"json_object\"}," HI
                 "}",
                 i);
        exam_plan(&e, SIM_CHAT, body);
        yyjson_doc *doc = json_parse(block_of(&e, 0, 0)->pieces.text, &err);
        bad += doc == NULL;
        yyjson_doc_free(doc);
    }
    /* Five standard deviations to both sides of 300. */
    assert_true(bad > 227 && bad < 373);
    exam_end(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_question_has_the_same_answer),
        cmocka_unit_test(choices_differ_from_each_other),
        cmocka_unit_test(length_law_and_max_tokens_bound_an_answer),
        cmocka_unit_test(stop_sequences_end_the_text_before_them),
        cmocka_unit_test(text_and_echo_say_what_they_are_told),
        cmocka_unit_test(tools_are_called_when_they_may_and_must),
        cmocka_unit_test(parallel_calls_have_ids_of_their_own),
        cmocka_unit_test(thinking_goes_first_and_counts),
        cmocka_unit_test(thinking_keeps_within_its_budget_and_max_tokens),
        cmocka_unit_test(json_mode_answers_json_unless_spoilt),
        cmocka_unit_test(the_malformed_rate_is_kept),
    };
    return cmocka_run_group_tests_name("sim/sim_answer", tests, NULL, NULL);
}
