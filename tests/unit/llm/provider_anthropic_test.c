#include "unit/llm/suite.h"

#define EVENT(name, rest) "event: " name "\ndata: {\"type\":\"" name "\"" rest "}\n\n"

/* Thinking with its signature, text with a citation, a tool whose input comes in pieces, and an
 * event that no one knows yet. */
static const char messages_stream[] = EVENT(
    "message_start",
    ",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
    "\"claude-x\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{"
    "\"input_tokens\":10,\"cache_creation_input_tokens\":30,\"cache_read_input_tokens\":40,"
    "\"cache_creation\":{\"ephemeral_5m_input_tokens\":20,\"ephemeral_1h_input_tokens\":10},"
    "\"output_tokens\":1,\"service_tier\":\"standard\"}}") EVENT("ping", "")
    EVENT(
        "content_block_start",
        ",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":"
        "\"\"}") EVENT("content_block_delta",
                       ",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hmm\"}")
        EVENT("content_block_delta",
              ",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"EqQBCg==\"}")
            EVENT("content_block_stop", ",\"index\":0") EVENT(
                "content_block_start",
                ",\"index\":1,\"content_block\":{\"type\":\"text\",\"text\":\"\"}")
                EVENT("content_block_delta",
                      ",\"index\":1,\"delta\":{\"type\":\"text_delta\","
                      "\"text\":\"Hello\"}") EVENT("content_block_delta",
                                                   ",\"index\":1,\"delta\":{\"type\":\"citations_"
                                                   "delta\",\"citation\":{\"text\":"
                                                   "\"not "
                                                   "counted\"}}") EVENT("content_block_stop",
                                                                        ",\"index\":1")
                    EVENT("content_block_start",
                          ",\"index\":2,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_"
                          "1\",\"name\":\"f\","
                          "\"input\":{}}") EVENT("content_block_delta",
                                                 ",\"index\":2,\"delta\":{\"type\":\"input_json_"
                                                 "delta\",\"partial_json\":\"{\\\"a\\\"\"}")
                        EVENT("content_block_stop",
                              ",\"index\":2") "event: brand_new\r\nid: 4\r\ndata: "
                                              "{\"type\":\"brand_new\",\"usage\":null}"
                                              "\r\n\r\n" EVENT("message_delta",
                                                               ",\"delta\":{\"stop_reason\":\"tool_"
                                                               "use\",\"stop_sequence\":null},"
                                                               "\"usage\":{\"input_"
                                                               "tokens\":12,\"cache_creation_input_"
                                                               "tokens\":30,\"cache_read_input_"
                                                               "tokens\":40,"
                                                               "\"output_tokens\":25,\"server_tool_"
                                                               "use\":{\"web_search_requests\":1}}")
                                                  EVENT("message_stop", "");

static void a_messages_stream_passes_and_is_read(void **state)
{
    struct relay r;
    (void)state;
    relay_unchanged(&r, &provider_anthropic, ROUTE_MESSAGES, messages_stream, true);
    assert_string_equal(r.facts.upstream_id, "msg_1");
    assert_string_equal(r.facts.model, "claude-x");
    assert_string_equal(r.facts.finish_reason, "tool_use");
    assert_string_equal(r.facts.service_tier, "standard");
    assert_true(r.facts.terminal);
    assert_false(r.facts.failed);
    assert_int_equal(r.facts.usage.input, 12 + 30 + 40);
    assert_int_equal(r.facts.usage.cached, 40);
    assert_int_equal(r.facts.usage.cache_write, 20);
    assert_int_equal(r.facts.usage.cache_write_1h, 10);
    assert_int_equal(r.facts.usage.output, 25);
    assert_int_equal(r.facts.output_bytes, strlen("hmmHello{\\\"a\\\""));
    assert_true(str_starts(buf_str(&r.facts.usage_raw), STR("{\"input_tokens\":12")));
    relay_end(&r);
}

static void a_stream_without_event_lines_is_read_by_its_types(void **state)
{
    struct relay r;
    (void)state;
    relay_unchanged(&r, &provider_anthropic, ROUTE_MESSAGES,
                    "data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"usage\":{"
                    "\"input_tokens\":1}}}\n\n"
                    "data: {\"delta\":{\"text\":\"ab\"},\"type\":\"content_block_delta\"}\n\n"
                    "data: {\"type\":\"message_stop\"}\n\n",
                    false);
    assert_string_equal(r.facts.upstream_id, "m");
    assert_int_equal(r.facts.output_bytes, 2);
    assert_true(r.facts.terminal);
    relay_end(&r);
}

static void an_error_event_is_noticed(void **state)
{
    struct relay r;
    (void)state;
    relay_unchanged(&r, &provider_anthropic, ROUTE_MESSAGES,
                    EVENT("error", ",\"error\":{\"type\":\"overloaded_error\",\"message\":"
                                   "\"Overloaded\"},\"request_id\":\"req_1\""),
                    false);
    assert_true(r.facts.failed);
    assert_false(r.facts.terminal);
    assert_string_equal(r.facts.error_text, "Overloaded");
    relay_end(&r);
}

static void broken_events_pass(void **state)
{
    struct relay r;
    (void)state;
    relay_unchanged(&r, &provider_anthropic, ROUTE_MESSAGES,
                    "event: message_start\ndata: {\"message\":{\"usage\":{\"input_tokens\":\n\n"
                    "event: message_delta\ndata: [[[\n\n"
                    "event: content_block_delta\ndata: \"\n\n"
                    "event: message_delta\n\n"
                    ": comment\n\n",
                    true);
    assert_false(usage_is_known(&r.facts.usage));
    assert_false(r.facts.terminal);
    relay_end(&r);
}

static void a_whole_message_is_read(void **state)
{
    struct answer_facts facts;
    (void)state;
    answer_facts_init(&facts);
    provider_anthropic.on_answer(
        ROUTE_MESSAGES,
        STR("{\"id\":\"msg_2\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"claude-x\","
            "\"content\":[{\"type\":\"thinking\",\"thinking\":\"abc\",\"signature\":\"zzzz\"},{"
            "\"type\":\"text\",\"text\":\"de\",\"citations\":[{\"text\":\"no\"}]},{\"type\":\"tool_"
            "use\",\"id\":\"t\",\"name\":\"f\",\"input\":{\"text\":\"x\"}}],\"stop_reason\":\"end_"
            "turn\",\"usage\":{\"input_tokens\":5,\"output_tokens\":6,\"service_tier\":\"batch\"}"
            "}"),
        &facts);
    assert_string_equal(facts.upstream_id, "msg_2");
    assert_string_equal(facts.model, "claude-x");
    assert_string_equal(facts.finish_reason, "end_turn");
    assert_string_equal(facts.service_tier, "batch");
    assert_int_equal(facts.usage.input, 5);
    assert_int_equal(facts.usage.output, 6);
    assert_int_equal(facts.output_bytes, 3 + 2 + 12);
    answer_facts_release(&facts);
}

static void counting_tokens_uses_none(void **state)
{
    struct answer_facts facts;
    (void)state;
    answer_facts_init(&facts);
    provider_anthropic.on_answer(ROUTE_COUNT_TOKENS, STR("{\"input_tokens\":2095}"), &facts);
    assert_false(usage_is_known(&facts.usage));
    answer_facts_release(&facts);
}

static void the_key_and_a_version_go_into_header_lines(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 256);
    provider_anthropic.write_auth(&out, STR("sk-ant"), false);
    assert_str(buf_str(&out), "x-api-key: sk-ant\r\nanthropic-version: 2023-06-01\r\n");
    buf_clear(&out);
    provider_anthropic.write_auth(&out, STR("sk-ant"), true);
    assert_str(buf_str(&out), "x-api-key: sk-ant\r\n");
    buf_clear(&out);
    provider_anthropic.write_auth(&out, STR("a\nb"), true);
    assert_str(buf_str(&out), "");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_messages_stream_passes_and_is_read),
        cmocka_unit_test(a_stream_without_event_lines_is_read_by_its_types),
        cmocka_unit_test(an_error_event_is_noticed),
        cmocka_unit_test(broken_events_pass),
        cmocka_unit_test(a_whole_message_is_read),
        cmocka_unit_test(counting_tokens_uses_none),
        cmocka_unit_test(the_key_and_a_version_go_into_header_lines),
    };
    return cmocka_run_group_tests_name("llm/provider_anthropic", tests, NULL, NULL);
}
