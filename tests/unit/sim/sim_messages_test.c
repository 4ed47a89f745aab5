#include "unit/sim/suite.h"

#define HI     "\"max_tokens\":999,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define STREAM "{\"model\":\"m\",\"stream\":true,"
#define WHOLE  "{\"model\":\"m\","
#define THINK  "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":500},"
#define TOOL                                                                                       \
    "\"tools\":[{\"name\":\"f\",\"input_schema\":{\"type\":\"object\",\"properties\":{\"a\":"      \
    "{\"type\":\"string\"}},\"required\":[\"a\"]}}],"

static struct stream s;

/* Every event is named by its type; the deltas of a block stand between its start and its stop. */
static void check_order(void)
{
    int64_t open = -1;
    int64_t next = 0;
    assert_str(s.names[0], "message_start");
    for (size_t i = 0; i < s.n; i++) {
        struct str name = s.names[i];
        assert_same(name, text_at(s.json[i], "/type"));
        if (str_is(name, "content_block_start")) {
            assert_int_equal(open, -1);
            open = next++;
            assert_int_equal(number_at(s.json[i], "/index"), open);
        } else if (str_is(name, "content_block_delta")) {
            assert_int_equal(number_at(s.json[i], "/index"), open);
        } else if (str_is(name, "content_block_stop")) {
            assert_int_equal(number_at(s.json[i], "/index"), open);
            open = -1;
        }
    }
    assert_int_equal(open, -1);
    assert_str(s.names[s.n - 2], "message_delta");
    assert_str(s.names[s.n - 1], "message_stop");
}

/* Puts together a member of all deltas of one block. */
static struct str joined(struct exam *e, int64_t block, const char *member)
{
    buf_clear(&e->out);
    for (size_t i = 0; i < s.n; i++) {
        if (str_is(s.names[i], "content_block_delta") && number_at(s.json[i], "/index") == block) {
            buf_put_str(&e->out, json_get_str(at(s.json[i], "/delta"), member));
        }
    }
    return arena_str(&e->arena, buf_str(&e->out));
}

static void events_come_in_order_with_names(void **state)
{
    (void)state;
    static const char *const bodies[] = {STREAM HI "}", STREAM THINK HI "}", STREAM TOOL HI "}",
                                         STREAM THINK TOOL HI "}"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct exam e;
        exam_begin(&e);
        exam_dial(&e, "tool-calls", "parallel");
        exam_dial(&e, "obfuscation", i % 2 ? "true" : "false");
        stream_read(&e, exam_answer(&e, SIM_MESSAGES, bodies[i]), &s);
        check_order();
        assert_str(s.names[2], "ping");
        exam_end(&e);
    }
}

static void the_stream_says_what_the_whole_answer_says(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    stream_read(&e, exam_answer(&e, SIM_MESSAGES, STREAM THINK HI "}"), &s);
    struct str thinking = joined(&e, 0, "thinking");
    struct str signature = joined(&e, 0, "signature");
    struct str text = joined(&e, 1, "text");
    yyjson_val *whole =
        exam_json(&e, arena_str(&e.arena, exam_answer(&e, SIM_MESSAGES, WHOLE THINK HI "}")));
    assert_same(thinking, text_at(whole, "/content/0/thinking"));
    assert_same(signature, text_at(whole, "/content/0/signature"));
    assert_same(text, text_at(whole, "/content/1/text"));
    assert_same(text_at(s.json[0], "/message/id"), text_at(whole, "/id"));
    assert_true(thinking.n > 0 && signature.n > 20 && text.n > 0);
    exam_end(&e);
}

static void thinking_that_is_omitted_leaves_its_signature(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    stream_read(&e,
                exam_answer(&e, SIM_MESSAGES,
                            STREAM
                            "\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"}," HI "}"),
                &s);
    check_order();
    assert_int_equal(joined(&e, 0, "thinking").n, 0);
    assert_true(joined(&e, 0, "signature").n > 20);
    assert_true(e.answer->thinking_tokens > 0);
    exam_end(&e);
}

static void tool_input_comes_in_json_pieces(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    exam_dial(&e, "tool-calls", "parallel");
    stream_read(&e, exam_answer(&e, SIM_MESSAGES, STREAM TOOL HI "}"), &s);
    struct str first = joined(&e, 0, "partial_json");
    struct str second = joined(&e, 1, "partial_json");
    assert_str(text_at(s.json[1], "/content_block/type"), "tool_use");
    assert_has(text_at(s.json[1], "/content_block/id"), "toolu_");
    assert_true(yyjson_is_obj(at(s.json[1], "/content_block/input")));
    assert_str(text_at(s.json[s.n - 2], "/delta/stop_reason"), "tool_use");
    yyjson_val *whole =
        exam_json(&e, arena_str(&e.arena, exam_answer(&e, SIM_MESSAGES, WHOLE TOOL HI "}")));
    assert_true(yyjson_equals(exam_json(&e, first), at(whole, "/content/0/input")));
    assert_true(yyjson_equals(exam_json(&e, second), at(whole, "/content/1/input")));
    exam_end(&e);
}

static void counts_are_totals_and_cached_input_stands_apart(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    exam_dial(&e, "cached", "0.5");
    stream_read(&e, exam_answer(&e, SIM_MESSAGES, STREAM HI "}"), &s);
    yyjson_val *start = at(s.json[0], "/message/usage");
    yyjson_val *end = at(s.json[s.n - 2], "/usage");
    assert_int_equal(number_at(end, "/output_tokens"), e.answer->output_tokens);
    assert_int_equal(number_at(start, "/cache_read_input_tokens"), e.answer->cached_tokens);
    assert_int_equal(number_at(start, "/input_tokens") +
                         number_at(start, "/cache_read_input_tokens"),
                     e.answer->input_tokens);
    exam_end(&e);
}

static void absent_usage_is_absent_everywhere(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    exam_dial(&e, "usage", "absent");
    assert_lacks(exam_answer(&e, SIM_MESSAGES, STREAM HI "}"), "usage");
    assert_lacks(exam_answer(&e, SIM_MESSAGES, WHOLE HI "}"), "usage");
    exam_end(&e);
}

static void every_way_to_stop_has_its_word(void **state)
{
    (void)state;

    static const struct {
        const char *more;
        const char *word;
        const char *sequence;
    } rows[] = {
        {"",                            "end_turn",      NULL},
        {"\"stop_sequences\":[\"e\"],", "stop_sequence", "e" },
        {TOOL,                          "tool_use",      NULL}
    };
    struct exam e;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char body[600];
        exam_begin(&e);
        snprintf(body, sizeof(body), WHOLE "%s" HI "}", rows[i].more);
        yyjson_val *whole = exam_json(&e, exam_answer(&e, SIM_MESSAGES, body));
        assert_str(text_at(whole, "/stop_reason"), rows[i].word);
        if (rows[i].sequence) {
            assert_str(text_at(whole, "/stop_sequence"), rows[i].sequence);
        } else {
            assert_true(yyjson_is_null(at(whole, "/stop_sequence")));
        }
        exam_end(&e);
    }
    exam_begin(&e);
    yyjson_val *whole = exam_json(
        &e, exam_answer(&e, SIM_MESSAGES,
                        "{\"model\":\"m\",\"max_tokens\":2,\"messages\":[{\"role\":\"user\","
                        "\"content\":\"x\"}]}"));
    assert_str(text_at(whole, "/stop_reason"), "max_tokens");
    exam_end(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_in_order_with_names),
        cmocka_unit_test(the_stream_says_what_the_whole_answer_says),
        cmocka_unit_test(thinking_that_is_omitted_leaves_its_signature),
        cmocka_unit_test(tool_input_comes_in_json_pieces),
        cmocka_unit_test(counts_are_totals_and_cached_input_stands_apart),
        cmocka_unit_test(absent_usage_is_absent_everywhere),
        cmocka_unit_test(every_way_to_stop_has_its_word),
    };
    return cmocka_run_group_tests_name("sim/sim_messages", tests, NULL, NULL);
}
