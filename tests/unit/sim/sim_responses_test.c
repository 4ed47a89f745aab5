#include "unit/sim/suite.h"

#define STREAM  "{\"model\":\"m\",\"stream\":true,\"input\":\"hi\""
#define WHOLE   "{\"model\":\"m\",\"input\":\"hi\""
#define SUMMARY ",\"reasoning\":{\"summary\":\"auto\"}"
#define TOOL                                                                                       \
    ",\"tools\":[{\"type\":\"function\",\"name\":\"f\",\"parameters\":{\"type\":\"object\","       \
    "\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[\"a\"]}}]"

static struct stream s;

static void check_order(void)
{
    int64_t added = 0;
    int64_t done = 0;
    assert_str(s.names[0], "response.created");
    assert_str(s.names[1], "response.in_progress");
    for (size_t i = 0; i < s.n; i++) {
        assert_same(s.names[i], text_at(s.json[i], "/type"));
        assert_int_equal(number_at(s.json[i], "/sequence_number"), i);
        if (str_is(s.names[i], "response.output_item.added")) {
            assert_int_equal(number_at(s.json[i], "/output_index"), added++);
        } else if (str_is(s.names[i], "response.output_item.done")) {
            assert_int_equal(number_at(s.json[i], "/output_index"), done++);
        }
    }
    assert_int_equal(added, done);
    assert_int_equal(added, yyjson_arr_size(at(s.json[s.n - 1], "/response/output")));
}

static struct str joined(struct exam *e, const char *name)
{
    buf_clear(&e->out);
    for (size_t i = 0; i < s.n; i++) {
        if (str_is(s.names[i], name)) {
            buf_put_str(&e->out, text_at(s.json[i], "/delta"));
        }
    }
    return arena_str(&e->arena, buf_str(&e->out));
}

static void events_are_numbered_and_in_order(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        STREAM "}",
        STREAM SUMMARY "}",
        STREAM ",\"reasoning\":{\"effort\":\"high\"}}",
        STREAM TOOL "}",
        STREAM SUMMARY TOOL "}",
        STREAM ",\"text\":{\"format\":{\"type\":\"json_object\"}}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct exam e;
        exam_begin(&e);
        exam_dial(&e, "tool-calls", "parallel");
        exam_dial(&e, "obfuscation", i % 2 ? "true" : "false");
        stream_read(&e, exam_answer(&e, SIM_RESPONSES, bodies[i]), &s);
        check_order();
        assert_str(s.names[s.n - 1], "response.completed");
        exam_end(&e);
    }
}

static void the_last_event_holds_the_whole_answer(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    stream_read(&e, exam_answer(&e, SIM_RESPONSES, STREAM SUMMARY "}"), &s);
    yyjson_val *last = at(s.json[s.n - 1], "/response");
    assert_same(joined(&e, "response.output_text.delta"),
                text_at(last, "/output/1/content/0/text"));
    assert_same(joined(&e, "response.reasoning_summary_text.delta"),
                text_at(last, "/output/0/summary/0/text"));
    yyjson_val *whole =
        exam_json(&e, arena_str(&e.arena, exam_answer(&e, SIM_RESPONSES, WHOLE SUMMARY "}")));
    assert_true(yyjson_equals(last, whole));
    assert_int_equal(number_at(whole, "/usage/output_tokens"), e.answer->output_tokens);
    assert_int_equal(number_at(whole, "/usage/output_tokens_details/reasoning_tokens"),
                     e.answer->thinking_tokens);
    assert_str(text_at(whole, "/status"), "completed");
    exam_end(&e);
}

static void function_calls_have_both_ids_and_their_arguments(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    stream_read(&e, exam_answer(&e, SIM_RESPONSES, STREAM TOOL "}"), &s);
    yyjson_val *item = at(s.json[s.n - 1], "/response/output/0");
    assert_str(text_at(item, "/type"), "function_call");
    assert_has(text_at(item, "/id"), "fc_");
    assert_has(text_at(item, "/call_id"), "call_");
    assert_same(joined(&e, "response.function_call_arguments.delta"), text_at(item, "/arguments"));
    exam_end(&e);
}

static void hidden_reasoning_is_an_item_without_summary(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    stream_read(&e,
                exam_answer(&e, SIM_RESPONSES,
                            STREAM ",\"reasoning\":{\"effort\":\"low\"},"
                                   "\"include\":[\"reasoning.encrypted_content\"]}"),
                &s);
    yyjson_val *item = at(s.json[s.n - 1], "/response/output/0");
    assert_str(text_at(item, "/type"), "reasoning");
    assert_int_equal(yyjson_arr_size(at(item, "/summary")), 0);
    assert_true(text_at(item, "/encrypted_content").n > 50);
    assert_int_equal(joined(&e, "response.reasoning_summary_text.delta").n, 0);
    exam_end(&e);
}

static void max_output_tokens_leaves_it_incomplete(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    stream_read(&e, exam_answer(&e, SIM_RESPONSES, STREAM ",\"max_output_tokens\":3}"), &s);
    assert_str(s.names[s.n - 1], "response.incomplete");
    yyjson_val *last = at(s.json[s.n - 1], "/response");
    assert_str(text_at(last, "/status"), "incomplete");
    assert_str(text_at(last, "/incomplete_details/reason"), "max_output_tokens");
    assert_str(text_at(last, "/output/0/status"), "incomplete");
    exam_end(&e);
}

static void settings_are_told_back(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    yyjson_val *whole =
        exam_json(&e, exam_answer(&e, SIM_RESPONSES,
                                  WHOLE ",\"instructions\":\"be kind\",\"temperature\":0.25,"
                                        "\"metadata\":{\"k\":\"v\"},\"store\":false" TOOL "}"));
    assert_str(text_at(whole, "/instructions"), "be kind");
    assert_true(yyjson_get_num(at(whole, "/temperature")) == 0.25);
    assert_str(text_at(whole, "/metadata/k"), "v");
    assert_true(yyjson_is_false(at(whole, "/store")));
    assert_str(text_at(whole, "/tools/0/name"), "f");
    assert_str(text_at(whole, "/truncation"), "disabled");
    exam_end(&e);
}

static void absent_usage_is_null(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    exam_dial(&e, "usage", "absent");
    yyjson_val *whole = exam_json(&e, exam_answer(&e, SIM_RESPONSES, WHOLE "}"));
    assert_true(yyjson_is_null(at(whole, "/usage")));
    exam_end(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_numbered_and_in_order),
        cmocka_unit_test(the_last_event_holds_the_whole_answer),
        cmocka_unit_test(function_calls_have_both_ids_and_their_arguments),
        cmocka_unit_test(hidden_reasoning_is_an_item_without_summary),
        cmocka_unit_test(max_output_tokens_leaves_it_incomplete),
        cmocka_unit_test(settings_are_told_back),
        cmocka_unit_test(absent_usage_is_null),
    };
    return cmocka_run_group_tests_name("sim/sim_responses", tests, NULL, NULL);
}
