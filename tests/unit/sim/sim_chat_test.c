#include "unit/sim/suite.h"

#define HI     "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define STREAM "{\"model\":\"m\",\"stream\":true,"
#define ASKED  "\"stream_options\":{\"include_usage\":true},"
#define TOOL                                                                                       \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\",\"parameters\":{\"type\":"     \
    "\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[\"a\"]}}}],"

static struct stream s;

/* All text of one choice's deltas. */
static struct str joined(struct exam *e, int64_t choice)
{
    buf_clear(&e->out);
    for (size_t i = 0; i < s.n; i++) {
        yyjson_val *first = yyjson_ptr_get(s.json[i], "/choices/0");
        if (first && json_get_i64(first, "index", -1) == choice) {
            yyjson_val *delta = yyjson_obj_get(first, "delta");
            buf_put_str(&e->out,
                        delta ? json_get_str(delta, "content") : json_get_str(first, "text"));
        }
    }
    return buf_str(&e->out);
}

static void a_stream_has_role_pieces_finish_and_done(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    stream_read(&e, exam_answer(&e, SIM_CHAT, STREAM HI "}"), &s);
    assert_str(text_at(s.json[0], "/choices/0/delta/role"), "assistant");
    assert_str(text_at(s.json[0], "/object"), "chat.completion.chunk");
    for (size_t i = 0; i + 1 < s.n; i++) {
        assert_same(text_at(s.json[i], "/id"), text_at(s.json[0], "/id"));
        assert_int_equal(number_at(s.json[i], "/created"), number_at(s.json[0], "/created"));
        assert_true(i + 2 == s.n || yyjson_is_null(at(s.json[i], "/choices/0/finish_reason")));
        assert_null(yyjson_ptr_get(s.json[i], "/usage"));
        assert_int_equal(s.names[i].n, 0);
    }
    assert_str(text_at(s.json[s.n - 2], "/choices/0/finish_reason"), "stop");
    assert_str(s.data[s.n - 1], "[DONE]");
    exam_end(&e);
}

static void the_stream_says_what_the_whole_answer_says(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    stream_read(&e, exam_answer(&e, SIM_CHAT, STREAM "\"n\":2," HI "}"), &s);
    yyjson_val *whole = exam_json(
        &e, arena_str(&e.arena, exam_answer(&e, SIM_CHAT, "{\"model\":\"m\",\"n\":2," HI "}")));
    assert_same(joined(&e, 0), text_at(whole, "/choices/0/message/content"));
    assert_same(joined(&e, 1), text_at(whole, "/choices/1/message/content"));
    assert_same(text_at(s.json[0], "/id"), text_at(whole, "/id"));
    assert_str(text_at(whole, "/object"), "chat.completion");
    assert_int_equal(number_at(whole, "/usage/completion_tokens"), e.answer->output_tokens);
    assert_int_equal(number_at(whole, "/usage/total_tokens"),
                     e.answer->input_tokens + e.answer->output_tokens);
    exam_end(&e);
}

static void asked_usage_is_one_more_chunk_and_null_elsewhere(void **state)
{
    (void)state;

    static const struct {
        enum sim_route route;
        const char *body;
    } rows[] = {
        {SIM_CHAT,        STREAM ASKED HI "}"             },
        {SIM_COMPLETIONS, STREAM ASKED "\"prompt\":\"x\"}"}
    };

    for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
        struct exam e;
        exam_begin(&e);
        stream_read(&e, exam_answer(&e, rows[r].route, rows[r].body), &s);
        for (size_t i = 0; i + 2 < s.n; i++) {
            assert_true(yyjson_is_null(at(s.json[i], "/usage")));
        }
        assert_int_equal(yyjson_arr_size(at(s.json[s.n - 2], "/choices")), 0);
        assert_int_equal(number_at(s.json[s.n - 2], "/usage/completion_tokens"),
                         e.answer->output_tokens);
        assert_str(s.data[s.n - 1], "[DONE]");
        exam_end(&e);
    }
}

/* What a gateway relies on that asks for usage and takes it out again. */
static void without_the_usage_parts_the_bytes_are_the_same(void **state)
{
    (void)state;
    struct exam e;
    struct buf plain;
    exam_begin(&e);
    buf_init(&plain, 1u << 20);
    exam_dial(&e, "obfuscation", "true");
    buf_put_str(&plain, exam_answer(&e, SIM_CHAT, STREAM HI "}"));
    struct str asked = exam_answer(&e, SIM_CHAT, STREAM ASKED HI "}");
    struct buf stripped;
    buf_init(&stripped, 1u << 20);
    while (asked.n > 0) {
        ptrdiff_t end = str_find(asked, STR("\n\n"));
        struct str event = str_head(asked, (size_t)end + 2);
        asked = str_from(asked, event.n);
        ptrdiff_t at = str_find(event, STR(",\"usage\":null"));
        if (str_find(event, STR("\"choices\":[]")) >= 0) {
            continue;
        }
        if (at >= 0) {
            buf_put_str(&stripped, str_head(event, (size_t)at));
            event = str_from(event, (size_t)at + strlen(",\"usage\":null"));
        }
        buf_put_str(&stripped, event);
    }
    assert_same(buf_str(&stripped), buf_str(&plain));
    buf_release(&stripped);
    buf_release(&plain);
    exam_end(&e);
}

static void each_variant_of_usage_is_where_it_should_be(void **state)
{
    (void)state;

    static const struct {
        const char *dial;
        bool whole;
        bool middle;
        bool last;
    } rows[] = {
        {"present",  true,  false, false},
        {"absent",   false, false, false},
        {"nonempty", true,  false, true },
        {"every",    true,  true,  true }
    };

    static const char *const bodies[] = {STREAM HI "}", STREAM ASKED HI "}"};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct exam e;
        bool present = strcmp(rows[i].dial, "present") == 0;
        exam_begin(&e);
        exam_dial(&e, "usage", rows[i].dial);
        for (size_t b = present ? 1 : 0; b < ARRAY_LEN(bodies); b++) {
            stream_read(&e, exam_answer(&e, SIM_CHAT, bodies[b]), &s);
            size_t last = s.n - (present ? 3 : 2);
            assert_int_equal(yyjson_is_obj(yyjson_ptr_get(s.json[1], "/usage")), rows[i].middle);
            assert_int_equal(yyjson_is_obj(yyjson_ptr_get(s.json[last], "/usage")), rows[i].last);
            assert_true(yyjson_arr_size(at(s.json[last], "/choices")) == 1);
        }
        yyjson_val *whole = exam_json(&e, exam_answer(&e, SIM_CHAT, "{\"model\":\"m\"," HI "}"));
        assert_int_equal(yyjson_ptr_get(whole, "/usage") != NULL, rows[i].whole);
        exam_end(&e);
    }
}

static void usage_on_every_chunk_grows(void **state)
{
    (void)state;
    struct exam e;
    int64_t last = -1;
    exam_begin(&e);
    exam_dial(&e, "usage", "every");
    stream_read(&e, exam_answer(&e, SIM_CHAT, STREAM HI "}"), &s);
    for (size_t i = 0; i + 1 < s.n; i++) {
        int64_t now = number_at(s.json[i], "/usage/completion_tokens");
        assert_true(now >= last);
        last = now;
    }
    assert_int_equal(last, e.answer->output_tokens);
    exam_end(&e);
}

static void tool_calls_name_themselves_once_and_go_on_by_index(void **state)
{
    (void)state;
    struct exam e;
    struct buf arguments[2];
    size_t starts = 0;
    exam_begin(&e);
    exam_dial(&e, "tool-calls", "parallel");
    buf_init(&arguments[0], 4096);
    buf_init(&arguments[1], 4096);
    stream_read(&e, exam_answer(&e, SIM_CHAT, STREAM TOOL HI "}"), &s);
    assert_str(text_at(s.json[0], "/choices/0/delta/role"), "assistant");
    assert_true(yyjson_is_null(at(s.json[0], "/choices/0/delta/content")));
    for (size_t i = 0; i + 2 < s.n; i++) {
        yyjson_val *call = at(s.json[i], "/choices/0/delta/tool_calls/0");
        int64_t index = number_at(call, "/index");
        assert_true(index == 0 || index == 1);
        starts += yyjson_obj_get(call, "id") != NULL;
        assert_true((yyjson_obj_get(call, "id") != NULL) ==
                    (yyjson_ptr_get(call, "/function/name") != NULL));
        buf_put_str(&arguments[index], text_at(call, "/function/arguments"));
    }
    assert_int_equal(starts, 2);
    assert_str(text_at(s.json[s.n - 2], "/choices/0/finish_reason"), "tool_calls");
    yyjson_val *whole = exam_json(&e, exam_answer(&e, SIM_CHAT, "{\"model\":\"m\"," TOOL HI "}"));
    assert_true(yyjson_is_null(at(whole, "/choices/0/message/content")));
    assert_same(buf_str(&arguments[0]),
                text_at(whole, "/choices/0/message/tool_calls/0/function/arguments"));
    assert_same(buf_str(&arguments[1]),
                text_at(whole, "/choices/0/message/tool_calls/1/function/arguments"));
    buf_release(&arguments[0]);
    buf_release(&arguments[1]);
    exam_end(&e);
}

static void reasoning_is_counted_and_not_shown(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    exam_dial(&e, "thinking-length", "constant:9");
    yyjson_val *whole = exam_json(
        &e, exam_answer(&e, SIM_CHAT, "{\"model\":\"m\",\"reasoning_effort\":\"low\"," HI "}"));
    assert_int_equal(number_at(whole, "/usage/completion_tokens_details/reasoning_tokens"), 9);
    stream_read(&e, exam_answer(&e, SIM_CHAT, STREAM "\"reasoning_effort\":\"low\"," HI "}"), &s);
    assert_str(text_at(s.json[0], "/choices/0/delta/role"), "assistant");
    exam_end(&e);
}

static void completions_stream_text(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    stream_read(&e, exam_answer(&e, SIM_COMPLETIONS, STREAM "\"prompt\":\"x\",\"max_tokens\":4}"),
                &s);
    assert_int_equal(s.n, 6);
    assert_str(text_at(s.json[0], "/object"), "text_completion");
    assert_str(text_at(s.json[s.n - 2], "/choices/0/finish_reason"), "length");
    struct str text = arena_str(&e.arena, joined(&e, 0));
    yyjson_val *whole =
        exam_json(&e, exam_answer(&e, SIM_COMPLETIONS,
                                  "{\"model\":\"m\",\"prompt\":\"x\",\"max_tokens\":4}"));
    assert_same(text, text_at(whole, "/choices/0/text"));
    exam_end(&e);
}

static void every_way_to_finish_has_its_word(void **state)
{
    (void)state;

    static const struct {
        const char *more;
        const char *word;
    } rows[] = {
        {"",                       "stop"      },
        {"\"max_tokens\":1,",      "length"    },
        {"\"stop\":\"e\",",        "stop"      },
        {TOOL,                     "tool_calls"},
        {TOOL "\"max_tokens\":1,", "length"    }
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct exam e;
        char body[600];
        exam_begin(&e);
        snprintf(body, sizeof(body), "{\"model\":\"m\",%s" HI "}", rows[i].more);
        yyjson_val *whole = exam_json(&e, exam_answer(&e, SIM_CHAT, body));
        assert_str(text_at(whole, "/choices/0/finish_reason"), rows[i].word);
        exam_end(&e);
    }
}

static void a_model_name_is_told_back_as_asked(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    yyjson_val *whole =
        exam_json(&e, exam_answer(&e, SIM_CHAT, "{\"model\":\"org/\\\"x\\\" é\"," HI "}"));
    assert_str(text_at(whole, "/model"), "org/\"x\" é");
    exam_end(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_has_role_pieces_finish_and_done),
        cmocka_unit_test(the_stream_says_what_the_whole_answer_says),
        cmocka_unit_test(asked_usage_is_one_more_chunk_and_null_elsewhere),
        cmocka_unit_test(without_the_usage_parts_the_bytes_are_the_same),
        cmocka_unit_test(each_variant_of_usage_is_where_it_should_be),
        cmocka_unit_test(usage_on_every_chunk_grows),
        cmocka_unit_test(tool_calls_name_themselves_once_and_go_on_by_index),
        cmocka_unit_test(reasoning_is_counted_and_not_shown),
        cmocka_unit_test(completions_stream_text),
        cmocka_unit_test(every_way_to_finish_has_its_word),
        cmocka_unit_test(a_model_name_is_told_back_as_asked),
    };
    return cmocka_run_group_tests_name("sim/sim_chat", tests, NULL, NULL);
}
