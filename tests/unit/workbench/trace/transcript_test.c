#include "unit/core/suite.h"

#include "core/json.h"
#include "workbench/trace/transcript.h"

/* clang-format off */ /* version 14 breaks down over rows of texts in pieces */
/* Bodies of recorded shape, and what they say: the parts as JSON, and how they ended. */
static const struct {
    const char *what;
    const char *body;
    const char *parts;
    const char *finish;
    const char *error;
    bool streamed, complete;
} rows[] = {
    {"nothing", "", "[]", "", "", false, false},
    {"chat, streamed: text",
     "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"role\":"
     "\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n"
     ": keep-alive\n\n"
     "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n"
     "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo \\u00e9\\n\"}}]}\r\n\r\n"
     "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
     "data: {\"choices\":[],\"usage\":{\"total_tokens\":3}}\n\n"
     "data: [DONE]\n\n",
     "[{\"kind\":\"text\",\"choice\":0,\"text\":\"Hello \xc3\xa9\\n\"}]", "stop", "", true, true},
    {"chat, streamed: parallel tool calls, pieces interleaved, ids in the first only",
     "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c0\","
     "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]}}]}\n\n"
     "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":\"c1\","
     "\"type\":\"function\",\"function\":{\"name\":\"g\",\"arguments\":\"{\"}}]}}]}\n\n"
     "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":"
     "{\"arguments\":\"{\\\"a\\\":1}\"}},{\"index\":1,\"function\":{\"arguments\":\"}\"}}]}}]}\n\n"
     "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n",
     "[{\"kind\":\"tool call\",\"choice\":0,\"id\":\"c0\",\"name\":\"f\",\"text\":\"{\\\"a\\\":1}\"},"
     "{\"kind\":\"tool call\",\"choice\":0,\"id\":\"c1\",\"name\":\"g\",\"text\":\"{}\"}]",
     "tool_calls", "", true, false},
    {"chat, streamed: two choices, thinking, a refusal, the old function call",
     "data: {\"choices\":[{\"index\":1,\"delta\":{\"reasoning_content\":\"hm\",\"reasoning\":"
     "\"hm\"}}]}\n\n"
     "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}},{\"index\":1,\"delta\":"
     "{\"content\":\"b\"}}]}\n\n"
     "data: {\"choices\":[{\"index\":1,\"delta\":{\"refusal\":\"no\"}}]}\n\n"
     "data: {\"choices\":[{\"index\":0,\"delta\":{\"function_call\":{\"name\":\"old\","
     "\"arguments\":\"1\"}}}]}\n\n"
     "data: [DONE]\n\n",
     "[{\"kind\":\"thinking\",\"choice\":1,\"text\":\"hm\"},{\"kind\":\"text\",\"choice\":0,"
     "\"text\":\"a\"},{\"kind\":\"text\",\"choice\":1,\"text\":\"b\"},{\"kind\":\"refusal\","
     "\"choice\":1,\"text\":\"no\"},{\"kind\":\"tool call\",\"choice\":0,\"name\":\"old\",\"text\":"
     "\"1\"}]",
     "", "", true, true},
    {"chat, streamed: an error in the middle",
     "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n"
     "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\n",
     "[{\"kind\":\"text\",\"choice\":0,\"text\":\"a\"}]", "", "overloaded", true, false},
    {"chat, streamed: broken off inside an event",
     "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n"
     "data: {\"choices\":[{\"index\":0,\"del",
     "[{\"kind\":\"text\",\"choice\":0,\"text\":\"a\"}]", "", "", true, false},
    {"chat, whole",
     " {\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
     "\"content\":\"Hi\",\"tool_calls\":[{\"id\":\"c0\",\"type\":\"function\",\"function\":{\"name\":"
     "\"f\",\"arguments\":\"{}\"}},{\"id\":\"c1\",\"type\":\"custom\",\"custom\":{\"name\":\"g\","
     "\"input\":\"x\"}}]},\"finish_reason\":\"tool_calls\"}]}",
     "[{\"kind\":\"text\",\"choice\":0,\"text\":\"Hi\"},{\"kind\":\"tool call\",\"choice\":0,\"id\":"
     "\"c0\",\"name\":\"f\",\"text\":\"{}\"},{\"kind\":\"tool call\",\"choice\":0,\"id\":\"c1\","
     "\"name\":\"g\",\"text\":\"x\"}]",
     "tool_calls", "", false, true},
    {"completions, streamed",
     "data: {\"choices\":[{\"index\":0,\"text\":\"once \"}]}\n\n"
     "data: {\"choices\":[{\"index\":0,\"text\":\"upon\",\"finish_reason\":\"length\"}]}\n\n"
     "data: [DONE]\n\n",
     "[{\"kind\":\"text\",\"choice\":0,\"text\":\"once upon\"}]", "length", "", true, true},
    {"messages, streamed: thinking, text, a tool, a search result",
     "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"type\":\"message\","
     "\"content\":[],\"stop_reason\":null}}\n\n"
     "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
     "\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n"
     "event: ping\ndata: {\"type\": \"ping\"}\n\n"
     "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
     "{\"type\":\"thinking_delta\",\"thinking\":\"let me\"}}\n\n"
     "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
     "{\"type\":\"signature_delta\",\"signature\":\"c2ln\"}}\n\n"
     "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,"
     "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
     "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":"
     "{\"type\":\"text_delta\",\"text\":\"Look\"}}\n\n"
     "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":2,"
     "\"content_block\":{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":\"f\",\"input\":{}}}\n\n"
     "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":"
     "{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"}}\n\n"
     "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":"
     "{\"type\":\"input_json_delta\",\"partial_json\":\"2}\"}}\n\n"
     "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":3,"
     "\"content_block\":{\"type\":\"web_search_tool_result\",\"content\":[]}}\n\n"
     "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
     "\"tool_use\"},\"usage\":{\"output_tokens\":9}}\n\n"
     "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
     "[{\"kind\":\"thinking\",\"choice\":0,\"text\":\"let me\"},{\"kind\":\"text\",\"choice\":0,"
     "\"text\":\"Look\"},{\"kind\":\"tool call\",\"choice\":0,\"id\":\"t1\",\"name\":\"f\",\"text\":"
     "\"{\\\"a\\\":2}\"},{\"kind\":\"other\",\"choice\":0,\"name\":\"web_search_tool_result\","
     "\"text\":\"{\\\"type\\\":\\\"web_search_tool_result\\\",\\\"content\\\":[]}\"}]",
     "tool_use", "", true, true},
    {"messages, streamed: an error event",
     "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":"
     "\"Overloaded\"}}\n\n",
     "[]", "", "Overloaded", true, false},
    {"messages, whole",
     "{\"type\":\"message\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":"
     "\"x\"},{\"type\":\"text\",\"text\":\"Hi\"},{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\","
     "\"input\":{}}],\"stop_reason\":\"tool_use\"}",
     "[{\"kind\":\"thinking\",\"choice\":0,\"text\":\"hm\"},{\"kind\":\"text\",\"choice\":0,\"text\":"
     "\"Hi\"},{\"kind\":\"tool call\",\"choice\":0,\"id\":\"t\",\"name\":\"f\",\"text\":\"{}\"}]",
     "tool_use", "", false, true},
    {"responses, streamed: reasoning, text, a call",
     "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,"
     "\"response\":{\"output\":[]}}\n\n"
     "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\","
     "\"output_index\":0,\"item\":{\"type\":\"reasoning\",\"summary\":[]}}\n\n"
     "event: response.reasoning_summary_text.delta\ndata: {\"type\":"
     "\"response.reasoning_summary_text.delta\",\"output_index\":0,\"summary_index\":0,\"delta\":"
     "\"hm\"}\n\n"
     "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\","
     "\"output_index\":1,\"content_index\":0,\"delta\":\"He\"}\n\n"
     "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\","
     "\"output_index\":1,\"content_index\":0,\"delta\":\"llo\"}\n\n"
     "event: response.output_text.done\ndata: {\"type\":\"response.output_text.done\","
     "\"output_index\":1,\"content_index\":0,\"text\":\"Hello\"}\n\n"
     "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\","
     "\"output_index\":2,\"item\":{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\","
     "\"arguments\":\"\"}}\n\n"
     "event: response.function_call_arguments.delta\ndata: {\"type\":"
     "\"response.function_call_arguments.delta\",\"output_index\":2,\"delta\":\"{}\"}\n\n"
     "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"status\":"
     "\"completed\",\"output\":[{\"type\":\"message\",\"content\":[{\"type\":\"output_text\","
     "\"text\":\"Hello\"}]}]}}\n\n",
     "[{\"kind\":\"thinking\",\"choice\":0,\"text\":\"hm\"},{\"kind\":\"text\",\"choice\":0,\"text\":"
     "\"Hello\"},{\"kind\":\"tool call\",\"choice\":0,\"id\":\"c\",\"name\":\"f\",\"text\":\"{}\"}]",
     "completed", "", true, true},
    {"responses, streamed: failed",
     "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\","
     "\"error\":{\"code\":\"server_error\",\"message\":\"sorry\"},\"output\":[]}}\n\n",
     "[]", "failed", "sorry", true, true},
    {"responses, streamed: an error event",
     "event: error\ndata: {\"type\":\"error\",\"code\":\"x\",\"message\":\"bad\"}\n\n", "[]", "",
     "bad", true, false},
    {"responses, whole",
     "{\"object\":\"response\",\"status\":\"completed\",\"error\":null,\"output\":[{\"type\":"
     "\"reasoning\",\"summary\":[{\"type\":\"summary_text\",\"text\":\"hm\"}]},{\"type\":\"message\","
     "\"content\":[{\"type\":\"output_text\",\"text\":\"Hi\"},{\"type\":\"refusal\",\"refusal\":"
     "\"no\"}]},{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"{}\"},"
     "{\"type\":\"web_search_call\",\"id\":\"w\"}]}",
     "[{\"kind\":\"thinking\",\"choice\":0,\"text\":\"hm\"},{\"kind\":\"text\",\"choice\":0,\"text\":"
     "\"Hi\"},{\"kind\":\"refusal\",\"choice\":0,\"text\":\"no\"},{\"kind\":\"tool call\",\"choice\":"
     "0,\"id\":\"c\",\"name\":\"f\",\"text\":\"{}\"},{\"kind\":\"other\",\"choice\":0,\"name\":"
     "\"web_search_call\",\"text\":\"{\\\"type\\\":\\\"web_search_call\\\",\\\"id\\\":\\\"w\\\"}\"}]",
     "completed", "", false, true},
    {"an error answer of OpenAI's", "{\"error\":{\"message\":\"no model\",\"code\":\"x\"}}", "[]", "",
     "no model", false, true},
    {"an error answer of Anthropic's",
     "{\"type\":\"error\",\"error\":{\"type\":\"not_found_error\",\"message\":\"gone\"}}", "[]", "",
     "gone", false, true},
    {"an error that is a text", "{\"error\":\"no\"}", "[]", "", "no", false, true},
    {"embeddings", "{\"object\":\"list\",\"data\":[{\"embedding\":[0.1]}]}", "[]", "", "", false, true},
    {"broken JSON", "{\"choices\":[", "[]", "", "", false, false},
    {"a list", "[1]", "[]", "", "", false, false},
    {"a page", "<html>502</html>", "[]", "", "", true, false},
    {"an event that is no JSON", "data: {oops\n\ndata: [DONE]\n\n", "[]", "", "", true, true},
    {"values of other types than expected",
     "data: {\"choices\":[{\"index\":\"0\",\"delta\":{\"content\":5,\"tool_calls\":{}}},7,null]}\n\n"
     "data: {\"choices\":{}}\n\ndata: {\"type\":7}\n\ndata: {\"type\":\"content_block_delta\"}\n\n"
     "data: {\"type\":\"message_start\",\"message\":[]}\n\n"
     "data: {\"type\":\"response.completed\"}\n\n",
     "[]", "", "", true, true},
};

/* clang-format on */

static void every_shape_is_put_together(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct transcript *t = transcript_read(str_of(rows[i].body));

        buf_clear(&out);
        transcript_write_json(t, &out);
        if (!str_is(buf_str(&out), rows[i].parts)) {
            print_error("%s\n", rows[i].what);
        }
        assert_str(buf_str(&out), rows[i].parts);
        assert_str(t->finish, rows[i].finish);
        assert_str(t->error, rows[i].error);
        assert_int_equal(t->streamed, rows[i].streamed);
        if (t->complete != rows[i].complete) {
            print_error("%s\n", rows[i].what);
        }
        assert_int_equal(t->complete, rows[i].complete);
        transcript_free(t);
    }
    transcript_free(NULL);
    buf_release(&out);
}

static void every_cut_of_every_shape_is_read_without_harm(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str body = str_of(rows[i].body);

        for (size_t n = 0; n < body.n; n += 3) {
            transcript_free(transcript_read(str_head(body, n)));
        }
    }
}

static void what_is_not_understood_is_counted(void **state)
{
    struct transcript *t = transcript_read(STR("data: {oops\n\ndata: 7\n\ndata: {}\n\n"));

    (void)state;
    assert_int_equal(t->events, 3);
    assert_int_equal(t->unread, 2);
    transcript_free(t);
}

static void parts_beyond_the_maximum_are_counted_only(void **state)
{
    struct buf body;

    (void)state;
    buf_init(&body, 10 << 20);
    for (int i = 0; i < TRANSCRIPT_PARTS_MAX + 5; i++) {
        assert_int_equal(
            buf_putf(&body, "data: {\"choices\":[{\"index\":%d,\"text\":\"x\"}]}\n\n", i), 0);
    }
    struct transcript *t = transcript_read(buf_str(&body));
    assert_int_equal(t->n, TRANSCRIPT_PARTS_MAX);
    assert_int_equal(t->unread, 5);
    transcript_free(t);
    buf_release(&body);
}

static void kinds_have_names(void **state)
{
    (void)state;
    assert_string_equal(transcript_kind_name(TRANSCRIPT_TEXT), "text");
    assert_string_equal(transcript_kind_name(TRANSCRIPT_THINKING), "thinking");
    assert_string_equal(transcript_kind_name(TRANSCRIPT_REFUSAL), "refusal");
    assert_string_equal(transcript_kind_name(TRANSCRIPT_TOOL_CALL), "tool call");
    assert_string_equal(transcript_kind_name(TRANSCRIPT_OTHER), "other");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_is_put_together),
        cmocka_unit_test(every_cut_of_every_shape_is_read_without_harm),
        cmocka_unit_test(what_is_not_understood_is_counted),
        cmocka_unit_test(parts_beyond_the_maximum_are_counted_only),
        cmocka_unit_test(kinds_have_names),
    };

    return cmocka_run_group_tests_name("workbench/trace/transcript", tests, NULL, NULL);
}
