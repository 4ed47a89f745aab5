#include "unit/llm/wire_suite.h"

static void a_whole_message_is_read(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, "m");
    assert_int_equal(
        wire_messages.read_answer(
            STR("{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"cl\","
                "\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"Eq=\"},"
                "{\"type\":\"redacted_thinking\",\"data\":\"Er\"},{\"type\":\"server_tool_use\","
                "\"id\":\"s\",\"name\":\"web_search\",\"input\":{}},{\"type\":\"text\",\"text\":"
                "\"t\",\"citations\":[{\"type\":\"web_search_result_location\",\"url\":\"https://"
                "x\""
                ",\"title\":null,\"cited_text\":\"q\"},{\"type\":\"page_location\"}]},{\"type\":"
                "\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\":{ \"a\":1.0 }}],"
                "\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"END\",\"usage\":{"
                "\"input_tokens\":5,\"cache_read_input_tokens\":10,\"output_tokens\":6,"
                "\"output_tokens_details\":{\"thinking_tokens\":2},\"service_tier\":\"batch\"}}"),
            &c.arena, &c.answer, &c.err),
        0);
    const struct message_answer *a = &c.answer;
    assert_str(a->id, "msg_1");
    assert_str(a->model, "cl");
    assert_str(a->service_tier, "flex");
    assert_int_equal(a->part_count, 4);
    assert_int_equal(a->parts[0].kind, MESSAGE_THINKING);
    assert_str(a->parts[0].signature, "Eq=");
    assert_true(a->parts[1].redacted);
    assert_str(a->parts[1].signature, "Er");
    assert_int_equal(a->parts[2].citation_count, 1);
    assert_str(a->parts[2].citations[0].url, "https://x");
    assert_str(a->parts[2].citations[0].title, "");
    assert_int_equal(a->parts[2].citations[0].start, -1);
    assert_str(a->parts[3].json, "{ \"a\":1.0 }");
    assert_int_equal(a->finish, MESSAGE_FINISH_SEQUENCE);
    assert_str(a->stop_sequence, "END");
    assert_int_equal(a->usage.input, 15);
    assert_int_equal(a->usage.cached, 10);
    assert_int_equal(a->usage.output, 6);
    assert_int_equal(a->usage.reasoning, 2);
    case_end(&c);
}

static void what_is_no_message_is_an_error(void **state)
{
    static const char *const bodies[] = {
        "", "<html>", "[]", "{}", "{\"content\":\"text\"}", "{\"error\":{\"message\":\"x\"}}"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct wire_case c;
        case_begin(&c, "m");
        assert_int_equal(wire_messages.read_answer(str_of(bodies[i]), &c.arena, &c.answer, &c.err),
                         ERR_INVALID);
        case_end(&c);
    }
}

static const char *write_answer(struct wire_case *c)
{
    struct wire_asked asked = {.request = &c->request, .id = STR("req_7"), .created_s = 1};
    c->request.model = STR("asked-for");
    buf_clear(&c->out);
    wire_messages.write_answer(&c->answer, &asked, &c->out);
    yyjson_doc *doc = json_parse(buf_str(&c->out), &c->err);
    assert_non_null(doc);
    yyjson_doc_free(doc);
    return buf_cstr(&c->out);
}

#define USAGE_0                                                                                    \
    "\"usage\":{\"input_tokens\":0,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":" \
    "0,\"output_tokens\":0}"

static void an_empty_answer_is_whole_all_the_same(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, "m");
    assert_string_equal(write_answer(&c),
                        "{\"id\":\"req_7\",\"type\":\"message\",\"role\":\"assistant\",\"model\":"
                        "\"asked-for\",\"content\":[],\"stop_reason\":\"end_turn\","
                        "\"stop_sequence\":null," USAGE_0 "}");
    case_end(&c);
}

static void parts_become_blocks(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, "m");
    struct message_citation page = {.url = STR("https://x"), .title = STR("X"), .start = -1};
    struct message_part parts[] = {
        part_thinking("hm", "Eq"),
        {.kind = MESSAGE_THINKING, .signature = STR("Er"), .redacted = true},
        {.kind = MESSAGE_THINKING,                        .redacted = true                      },
        {.kind = MESSAGE_TEXT,                        .text = STR("t"),     .citations = &page, .citation_count = 1},
        {.kind = MESSAGE_REFUSAL,      .text = STR("no")    },
        {.kind = MESSAGE_AUDIO,  .data = STR("aGk=") },
        part_call("call_1", "f", "{\"a\": 1.0}"),
        part_call("", "g", ""),
        part_call("call_3", "h", "{\"cut\": \"of"),
    };
    c.answer.parts = parts;
    c.answer.part_count = ARRAY_LEN(parts);
    c.answer.id = STR("chatcmpl-1");
    c.answer.model = STR("gpt");
    c.answer.finish = MESSAGE_FINISH_LENGTH;
    assert_string_equal(
        write_answer(&c),
        "{\"id\":\"chatcmpl-1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"gpt\","
        "\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"Eq\"},{\"type\":"
        "\"redacted_thinking\",\"data\":\"Er\"},{\"type\":\"text\",\"text\":\"t\",\"citations\":[{"
        "\"type\":\"web_search_result_location\",\"url\":\"https://x\",\"title\":\"X\","
        "\"cited_text\":\"\",\"encrypted_index\":\"\"}]},{\"type\":\"text\",\"text\":\"no\"},{"
        "\"type\":\"tool_use\",\"id\":\"call_1\",\"name\":\"f\",\"input\":{\"a\": 1.0}},{\"type\":"
        "\"tool_use\",\"id\":\"toolu_chatcmpl-1_7\",\"name\":\"g\",\"input\":{}},{\"type\":"
        "\"tool_use\",\"id\":\"call_3\",\"name\":\"h\",\"input\":\"{\\\"cut\\\": \\\"of\"}],"
        "\"stop_reason\":\"max_tokens\",\"stop_sequence\":null," USAGE_0 "}");
    case_end(&c);
}

static void finishes_become_stop_reasons(void **state)
{
    static const struct {
        enum message_finish finish;
        bool call;
        const char *reason;
    } rows[] = {
        {MESSAGE_FINISH_NONE,     false, "end_turn"     },
        {MESSAGE_FINISH_STOP,     false, "end_turn"     },
 /* Some servers say "stop" when they call. */
        {MESSAGE_FINISH_STOP,     true,  "tool_use"     },
        {MESSAGE_FINISH_SEQUENCE, false, "stop_sequence"},
        {MESSAGE_FINISH_LENGTH,   true,  "max_tokens"   },
        {MESSAGE_FINISH_CALLS,    true,  "tool_use"     },
        {MESSAGE_FINISH_FILTER,   false, "refusal"      },
        {MESSAGE_FINISH_PAUSE,    false, "pause_turn"   },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wire_case c;
        char want[64];
        case_begin(&c, "m");
        struct message_part call = part_call("c", "f", "{}");
        c.answer.parts = &call;
        c.answer.part_count = rows[i].call;
        c.answer.finish = rows[i].finish;
        snprintf(want, sizeof(want), "\"stop_reason\":\"%s\"", rows[i].reason);
        assert_has(write_answer(&c), want);
        case_end(&c);
    }
}

static void an_answer_written_again_is_the_same(void **state)
{
    static const char body[] =
        "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"cl\","
        "\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"Eq=\"},{\"type\":"
        "\"redacted_thinking\",\"data\":\"Er\"},{\"type\":\"text\",\"text\":\"caf\xc3\xa9\"},{"
        "\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{\"n\": "
        "100000000000000000000000}}],\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"END\","
        "\"usage\":{\"input_tokens\":5,\"cache_creation_input_tokens\":7,"
        "\"cache_read_input_tokens\":10,\"cache_creation\":{\"ephemeral_5m_input_tokens\":4,"
        "\"ephemeral_1h_input_tokens\":3},\"output_tokens\":6,\"service_tier\":\"priority\"}}";
    struct wire_case c;
    (void)state;
    case_begin(&c, "m");
    assert_int_equal(wire_messages.read_answer(str_of(body), &c.arena, &c.answer, &c.err), 0);
    assert_string_equal(write_answer(&c), body);
    case_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_message_is_read),
        cmocka_unit_test(what_is_no_message_is_an_error),
        cmocka_unit_test(an_empty_answer_is_whole_all_the_same),
        cmocka_unit_test(parts_become_blocks),
        cmocka_unit_test(finishes_become_stop_reasons),
        cmocka_unit_test(an_answer_written_again_is_the_same),
    };
    return cmocka_run_group_tests_name("llm/wire_messages_answer", tests, NULL, NULL);
}
