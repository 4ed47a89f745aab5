#include "unit/llm/wire_suite.h"

#define EVENT(name, rest) "event: " name "\ndata: {\"type\":\"" name "\"" rest "}\n\n"
#define START(id)                                                                                  \
    EVENT("message_start",                                                                         \
          ",\"message\":{\"id\":\"" id "\",\"model\":\"cl\",\"usage\":{\"input_tokens\":10,"       \
          "\"cache_read_input_tokens\":5,\"output_tokens\":1}}")
#define OPEN(index, block)                                                                         \
    EVENT("content_block_start", ",\"index\":" index ",\"content_block\":" block)
#define DELTA(index, delta) EVENT("content_block_delta", ",\"index\":" index ",\"delta\":" delta)
#define STOP(index)         EVENT("content_block_stop", ",\"index\":" index)
#define FINISH(reason)                                                                             \
    EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"" reason                                 \
                           "\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":9}")
#define END EVENT("message_stop", "")

static void check_told(const char *stream, const char *want)
{
    struct told t;
    told_read(&t, &wire_messages, stream);
    assert_str(buf_str(&t.text), want);
    buf_release(&t.text);
}

static void a_recorded_stream_is_told(void **state)
{
    struct arena arena;
    struct told t;
    (void)state;
    arena_init(&arena);
    const char *stream = recorded(&arena, "messages_thinking.sse");
    told_read(&t, &wire_messages, stream);
    assert_str(buf_str(&t.text),
               "start msg_01 claude-haiku-4-5-20251001\n"
               "open 0 thinking  \n"
               "text 0 Let me see.\nThe user wants \xe2\x80\x94 \xe2\x80\x98weather\xe2\x80\x99.\n"
               "sign 0 EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds+/==\n"
               "close 0\n"
               "open 1 call toolu_01 get_weather\n"
               "text 1 {\"location\": \"San Fra\n"
               "text 1 ncisco\"}\n"
               "close 1\n"
               "finish calls \n"
               "end\n");
    assert_int_equal(t.usage.input, 472 + 100 + 2000);
    assert_int_equal(t.usage.cached, 2000);
    assert_int_equal(t.usage.cache_write, 60);
    assert_int_equal(t.usage.cache_write_1h, 40);
    assert_int_equal(t.usage.output, 89);
    buf_release(&t.text);
    told_same_at_every_cut(&wire_messages, stream);
    arena_release(&arena);
}

static void usage_is_known_from_the_start_and_overwritten(void **state)
{
    struct told t;
    (void)state;
    told_read(&t, &wire_messages, START("m"));
    assert_int_equal(t.usage.input, 15);
    assert_int_equal(t.usage.output, 1);
    assert_int_equal(t.ends, 0);
    buf_release(&t.text);
    told_read(&t, &wire_messages, START("m") FINISH("end_turn") END);
    assert_int_equal(t.usage.input, 15);
    assert_int_equal(t.usage.output, 9);
    buf_release(&t.text);
}

static void blocks_of_all_kinds_are_told(void **state)
{
    (void)state;
    check_told(START("m") OPEN("0", "{\"type\":\"redacted_thinking\",\"data\":\"Er+/\"}") STOP("0")
                   OPEN("1", "{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web_search\","
                             "\"input\":{}}") DELTA("1", "{\"type\":\"input_json_delta\","
                                                         "\"partial_json\":\"{}\"}") STOP("1")
                       OPEN("2", "{\"type\":\"text\",\"text\":\"\"}")
                           DELTA("2", "{\"type\":\"text_delta\",\"text\":\"a\\n\\u00e9\\\"\"}")
                               DELTA("2", "{\"type\":\"citations_delta\",\"citation\":{\"type\":"
                                          "\"web_search_result_location\",\"url\":\"https://x\","
                                          "\"cited_text\":\"q\"}}")
                                   DELTA("2", "{\"type\":\"citations_delta\",\"citation\":{"
                                              "\"type\":\"char_location\"}}") STOP("2")
                                       FINISH("pause_turn") END,
               "start m cl\n"
               "open 0 thinking  redacted\n"
               "sign 0 Er+/\n"
               "close 0\n"
               "open 1 text  \n"
               "text 1 a\n\xc3\xa9\"\n"
               "cite 1 https://x q\n"
               "close 1\n"
               "finish pause \n"
               "end\n");
}

static void a_call_without_input_takes_nothing(void **state)
{
    (void)state;
    check_told(START("m") OPEN("0", "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":"
                                    "{}}") DELTA("0", "{\"type\":\"input_json_delta\","
                                                      "\"partial_json\":\"\"}") STOP("0")
                   FINISH("tool_use") END,
               "start m cl\nopen 0 call t f\ntext 0 {}\nclose 0\nfinish calls \nend\n");
}

/* Servers that are not Anthropic's put things into the start of a block. */
static void what_a_block_holds_from_its_start_is_told(void **state)
{
    (void)state;
    check_told(START("m") OPEN("0", "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":"
                                    "\"Eq\"}") STOP("0")
                   OPEN("1", "{\"type\":\"text\",\"text\":\"hi\",\"citations\":[{\"type\":"
                             "\"web_search_result_location\",\"url\":\"https://x\",\"cited_text\":"
                             "\"q\"}]}") STOP("1")
                       OPEN("2", "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{"
                                 "\"a\":1}}") STOP("2") FINISH("tool_use") END,
               "start m cl\nopen 0 thinking  \ntext 0 hm\nsign 0 Eq\nclose 0\n"
               "open 1 text  \ntext 1 hi\ncite 1 https://x q\nclose 1\n"
               "open 2 call t f\ntext 2 {\"a\":1}\nclose 2\nfinish calls \nend\n");
}

static void names_of_events_may_stand_in_the_data_alone(void **state)
{
    (void)state;
    check_told("data: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"x\"}}\n\n"
               "data: {\"content_block\":{\"type\":\"text\",\"text\":\"\"},\"index\":0,\"type\":"
               "\"content_block_start\"}\n\n"
               "data: {\"delta\":{\"text\":\"ab\",\"type\":\"text_delta\"},\"index\":0,\"type\":"
               "\"content_block_delta\"}\n\n"
               "data: {\"type\":\"message_stop\"}\n\n",
               "start m x\nopen 0 text  \ntext 0 ab\nclose 0\nend\n");
}

static void an_error_is_a_failure_and_the_last_that_is_told(void **state)
{
    (void)state;
    check_told(START("m") EVENT("error", ",\"error\":{\"type\":\"overloaded_error\",\"message\":"
                                         "\"Overloaded\"}") FINISH("end_turn") END,
               "start m cl\nfail overloaded_error: Overloaded\n");
}

static void a_stream_that_breaks_off_does_not_end(void **state)
{
    (void)state;
    check_told(START("m") OPEN("0", "{\"type\":\"text\",\"text\":\"\"}")
                   DELTA("0", "{\"type\":\"text_delta\",\"text\":\"a\"}"),
               "start m cl\nopen 0 text  \ntext 0 a\nclose 0\n");
    check_told("", "");
}

static void a_stream_without_its_last_event_ends_when_it_said_why(void **state)
{
    (void)state;
    check_told(START("m") FINISH("end_turn"), "start m cl\nfinish stop \nend\n");
    check_told(FINISH("end_turn"), "start  \nfinish stop \nend\n");
    check_told(OPEN("0", "{\"type\":\"text\"}") START("late") FINISH("end_turn"),
               "start  \nopen 0 text  \nfinish stop \nclose 0\nend\n");
}

static void broken_and_unknown_events_are_skipped(void **state)
{
    (void)state;
    check_told("event: content_block_delta\ndata: [[[\n\n"
               "event: message_start\ndata: {\"message\":\n\n" START("m") START("again")
                   EVENT("ping", "") EVENT("of_tomorrow", ",\"x\":[1]")
                       DELTA("7", "{\"type\":\"text_delta\",\"text\":\"nobody\"}") STOP("7")
                           OPEN("0", "{\"type\":\"of_tomorrow\"}")
                               OPEN("1", "{\"type\":\"text\",\"text\":\"\"}")
                                   OPEN("1", "{\"type\":\"text\",\"text\":\"twice\"}")
                                       DELTA("1", "{\"type\":\"of_tomorrow\",\"text\":5}") STOP("1")
                                           STOP("1") END,
               "start m cl\nopen 0 text  \nclose 0\nend\n");
}

/* Text and thinking are closed before what follows; calls may be open together. */
static void text_is_closed_by_what_follows(void **state)
{
    (void)state;
    check_told(START("m") OPEN("0", "{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\"}")
                   OPEN("1", "{\"type\":\"tool_use\",\"id\":\"b\",\"name\":\"g\"}")
                       DELTA("0", "{\"partial_json\":\"{}\"}")
                           DELTA("1", "{\"partial_json\":\"{}\"}") OPEN("2", "{\"type\":\"text\"}")
                               END,
               "start m cl\nopen 0 call a f\nopen 1 call b g\ntext 0 {}\ntext 1 {}\n"
               "close 1\nclose 0\nopen 2 text  \nclose 2\nend\n");
    check_told(START("m") OPEN("0", "{\"type\":\"text\"}")
                   OPEN("1", "{\"type\":\"tool_use\",\"id\":\"a\",\"name\":\"f\"}") END,
               "start m cl\nopen 0 text  \nclose 0\nopen 1 call a f\ntext 1 {}\nclose 1\nend\n");
}

static void open_blocks_have_a_maximum(void **state)
{
    struct told t;
    struct buf stream;
    (void)state;
    told_begin(&t);
    buf_init(&stream, 1u << 20);
    for (int i = 0; i < 100; i++) {
        buf_putf(&stream,
                 "event: content_block_start\ndata: {\"index\":%d,\"content_block\":{\"type\":"
                 "\"tool_use\",\"id\":\"t\",\"name\":\"f\"}}\n\n",
                 i);
    }
    assert_int_equal(told_read_cut(&t, &wire_messages, buf_str(&stream), 0), ERR_LIMIT);
    buf_release(&stream);
    buf_release(&t.text);
}

/* A client's buffer may be full at any delta. */
static void a_sink_that_fails_stops_the_reader(void **state)
{
    static const char stream[] =
        START("m") OPEN("0", "{\"type\":\"thinking\",\"thinking\":\"a\",\"signature\":\"b\"}")
            STOP("0") OPEN("1", "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\"}") STOP("1")
                FINISH("tool_use") END;
    struct told all;
    (void)state;
    told_begin(&all);
    all.limit = 1000;
    assert_int_equal(told_read_cut(&all, &wire_messages, STR(stream), 0), 0);
    for (size_t limit = 1; limit < all.count; limit++) {
        struct told t;
        told_begin(&t);
        t.limit = limit;
        assert_int_equal(told_read_cut(&t, &wire_messages, STR(stream), 0), ERR_LIMIT);
        assert_int_equal(t.count, limit + 1);
        buf_release(&t.text);
    }
    buf_release(&all.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recorded_stream_is_told),
        cmocka_unit_test(usage_is_known_from_the_start_and_overwritten),
        cmocka_unit_test(blocks_of_all_kinds_are_told),
        cmocka_unit_test(a_call_without_input_takes_nothing),
        cmocka_unit_test(what_a_block_holds_from_its_start_is_told),
        cmocka_unit_test(names_of_events_may_stand_in_the_data_alone),
        cmocka_unit_test(an_error_is_a_failure_and_the_last_that_is_told),
        cmocka_unit_test(a_stream_that_breaks_off_does_not_end),
        cmocka_unit_test(a_stream_without_its_last_event_ends_when_it_said_why),
        cmocka_unit_test(broken_and_unknown_events_are_skipped),
        cmocka_unit_test(text_is_closed_by_what_follows),
        cmocka_unit_test(open_blocks_have_a_maximum),
        cmocka_unit_test(a_sink_that_fails_stops_the_reader),
    };
    return cmocka_run_group_tests_name("llm/wire_messages_reader", tests, NULL, NULL);
}
