#include "unit/llm/wire_suite.h"

#define DATA(json) "data: " json "\r\n\r\n"
#define PARTS(parts, rest)                                                                         \
    "{\"candidates\":[{\"content\":{\"parts\":[" parts "],\"role\":\"model\"}" rest                \
    ",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":12,\"candidatesTokenCount\":3,"        \
    "\"totalTokenCount\":40,\"thoughtsTokenCount\":25,\"cachedContentTokenCount\":4},"             \
    "\"modelVersion\":\"gemini-x\",\"responseId\":\"resp1\"}"
#define STOP ",\"finishReason\":\"STOP\""

static void read_ok(struct wire_case *c, const char *body)
{
    case_begin(c, "m");
    if (wire_gemini.read_answer(str_of(body), &c->arena, &c->answer, &c->err) != 0) {
        print_error("%s\n", c->err.text);
        fail();
    }
}

static void a_whole_answer_is_read(void **state)
{
    struct wire_case c;
    (void)state;
    read_ok(&c, PARTS("{\"text\":\"hm\",\"thought\":true},{\"text\":\"hi\"},{\"text\":\"\","
                      "\"thoughtSignature\":\"Zz\"},{\"executableCode\":{\"code\":\"1\"}},{"
                      "\"functionCall\":{\"name\":\"f\",\"args\":{ \"n\":12345678901234567890123 }}"
                      ",\"thoughtSignature\":\"Sig==\"},{\"functionCall\":{\"id\":\"own\",\"name\":"
                      "\"g\"}}",
                      STOP));
    const struct message_answer *a = &c.answer;
    assert_str(a->id, "resp1");
    assert_str(a->model, "gemini-x");
    assert_int_equal(a->part_count, 5);
    assert_int_equal(a->parts[0].kind, MESSAGE_THINKING);
    assert_str(a->parts[0].text, "hm");
    assert_str(a->parts[0].signature, "gemini:-:");
    assert_str(a->parts[1].text, "hi");
    assert_true(a->parts[2].redacted);
    assert_str(a->parts[2].signature, "gemini:0:Sig==");
    assert_int_equal(a->parts[3].kind, MESSAGE_CALL);
    assert_str(a->parts[3].name, "f");
    assert_str(a->parts[3].json, "{ \"n\":12345678901234567890123 }");
    assert_true(str_starts(a->parts[3].id, STR("call_")));
    assert_str(a->parts[4].id, "own");
    assert_str(a->parts[4].json, "{}");
    assert_int_equal(a->finish, MESSAGE_FINISH_CALLS);
    assert_int_equal(a->usage.input, 12);
    assert_int_equal(a->usage.cached, 4);
    assert_int_equal(a->usage.output, 28);
    assert_int_equal(a->usage.reasoning, 25);
    case_end(&c);
}

static void ids_that_are_made_are_the_same_again_and_differ_by_place(void **state)
{
    static const char body[] = PARTS("{\"functionCall\":{\"name\":\"f\",\"args\":{}}},{"
                                     "\"functionCall\":{\"name\":\"f\",\"args\":{}}}",
                                     STOP);
    struct wire_case c, again;
    struct told t;
    (void)state;
    read_ok(&c, body);
    read_ok(&again, body);
    assert_same(again.answer.parts[0].id, c.answer.parts[0].id);
    assert_false(str_eq(c.answer.parts[0].id, c.answer.parts[1].id));
    told_read(&t, &wire_gemini,
              DATA(PARTS("{\"functionCall\":{\"name\":\"f\",\"args\":{}}}", STOP)));
    assert_has(buf_cstr(&t.text), arena_cstr(&c.arena, c.answer.parts[0].id));
    buf_release(&t.text);
    case_end(&c);
    case_end(&again);
}

static void a_blocked_prompt_is_an_answer_of_the_filter(void **state)
{
    struct wire_case c;
    (void)state;
    read_ok(&c, "{\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"},\"usageMetadata\":{"
                "\"promptTokenCount\":7}}");
    assert_int_equal(c.answer.finish, MESSAGE_FINISH_FILTER);
    assert_int_equal(c.answer.part_count, 0);
    assert_int_equal(c.answer.usage.input, 7);
    case_end(&c);
    read_ok(&c, "{\"candidates\":[{\"finishReason\":\"SAFETY\",\"index\":0}]}");
    assert_int_equal(c.answer.finish, MESSAGE_FINISH_FILTER);
    case_end(&c);
}

static void citations_are_those_of_the_last_text(void **state)
{
    struct wire_case c;
    (void)state;
    read_ok(&c,
            PARTS("{\"text\":\"a\"},{\"text\":\"b\"}",
                  ",\"groundingMetadata\":{\"groundingChunks\":[{\"web\":{\"uri\":\"https://x\","
                  "\"title\":\"X\"}},{\"maps\":{}},{\"web\":{\"uri\":\"https://y\"}}],"
                  "\"groundingSupports\":[{\"segment\":{\"endIndex\":1,\"text\":\"b\"},"
                  "\"groundingChunkIndices\":[2,1,0,99999999999]},{\"segment\":{}}]},"
                  "\"citationMetadata\":{\"citationSources\":[{\"uri\":\"https://z\"},{}]}" STOP));
    const struct message_part *p = c.answer.parts;
    assert_int_equal(p[0].citation_count, 0);
    assert_int_equal(p[1].citation_count, 3);
    assert_str(p[1].citations[0].url, "https://y");
    assert_str(p[1].citations[0].cited, "b");
    assert_str(p[1].citations[1].title, "X");
    assert_int_equal(p[1].citations[1].start, -1);
    assert_str(p[1].citations[2].url, "https://z");
    case_end(&c);
}

static void what_is_no_answer_is_an_error(void **state)
{
    static const struct {
        const char *body, *says;
    } rows[] = {
        {"",                                                               "empty"                            },
        {"<html>",                                                         "invalid JSON"                     },
        {"[]",                                                             "no candidate"                     },
        {"{}",                                                             "no candidate"                     },
        {"{\"candidates\":[]}",                                            "no candidate"                     },
        {"{\"candidates\":[{\"finishReason\":\"MALFORMED_FUNCTION_CALL\",\"finishMessage\":"
         "\"print(f)\"}]}",                                       "MALFORMED_FUNCTION_CALL: print(f)"},
        {"{\"candidates\":[{\"finishReason\":\"UNEXPECTED_TOOL_CALL\"}]}",
         "UNEXPECTED_TOOL_CALL: "                                                                             },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wire_case c;
        case_begin(&c, "m");
        assert_int_equal(wire_gemini.read_answer(str_of(rows[i].body), &c.arena, &c.answer, &c.err),
                         ERR_INVALID);
        assert_has(c.err.text, rows[i].says);
        case_end(&c);
    }
}

static void check_told(const char *stream, const char *want)
{
    struct told t;
    told_read(&t, &wire_gemini, stream);
    assert_str(buf_str(&t.text), want);
    buf_release(&t.text);
    told_same_at_every_cut(&wire_gemini, stream);
}

static void a_stream_of_thoughts_and_text_is_told(void **state)
{
    static const char stream[] = DATA(PARTS("{\"text\":\"**Think**\\n\",\"thought\":true}", ""))
        DATA(PARTS("{\"text\":\"more\",\"thought\":true}", "")) DATA(PARTS("{\"text\":\"He\"}", ""))
            DATA(PARTS("{\"text\":\"llo\"}", "")) DATA(PARTS("{\"text\":\"\","
                                                             "\"thoughtSignature\":\"Z\"}",
                                                             STOP));
    struct told t;
    (void)state;
    check_told(stream, "start resp1 gemini-x\n"
                       "open 0 thinking  \n"
                       "text 0 **Think**\n\n"
                       "text 0 more\n"
                       "sign 0 gemini:-:\n"
                       "close 0\n"
                       "open 1 text  \n"
                       "text 1 He\n"
                       "text 1 llo\n"
                       "finish stop \n"
                       "close 1\n"
                       "end\n");
    told_read(&t, &wire_gemini, stream);
    assert_int_equal(t.usage.input, 12);
    assert_int_equal(t.usage.output, 28);
    buf_release(&t.text);
}

static void calls_in_a_stream_come_whole_behind_their_seals(void **state)
{
    (void)state;
    check_told(DATA(PARTS("{\"text\":\"Let me\"}", ""))
                   DATA(PARTS("{\"functionCall\":{\"id\":\"a\",\"name\":\"f\",\"args\":{\"x\":1}},"
                              "\"thoughtSignature\":\"S+/=\"},{\"functionCall\":{\"id\":\"b\","
                              "\"name\":\"g\",\"args\":{}}}",
                              "")) DATA(PARTS("", STOP)),
               "start resp1 gemini-x\n"
               "open 0 text  \n"
               "text 0 Let me\n"
               "close 0\n"
               "open 1 thinking  redacted\n"
               "sign 1 gemini:0:S+/=\n"
               "close 1\n"
               "open 2 call a f\n"
               "text 2 {\"x\":1}\n"
               "close 2\n"
               "open 3 call b g\n"
               "text 3 {}\n"
               "close 3\n"
               "finish calls \n"
               "end\n");
}

static void citations_belong_to_the_open_text(void **state)
{
    (void)state;
    check_told(DATA(PARTS("{\"text\":\"a\"}",
                          ",\"groundingMetadata\":{\"groundingChunks\":[{\"web\":{\"uri\":"
                          "\"https://x\"}}],\"groundingSupports\":[{\"segment\":{\"text\":\"a\"},"
                          "\"groundingChunkIndices\":[0]}]}" STOP)),
               "start resp1 gemini-x\nopen 0 text  \ntext 0 a\ncite 0 https://x a\nfinish stop \n"
               "close 0\nend\n");
}

static void streams_end_in_their_ways(void **state)
{
    (void)state;
    check_told(DATA("{\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"responseId\":\"r\"}"),
               "start r \nfinish filter \nend\n");
    check_told(DATA(PARTS("{\"text\":\"a\"}", "")),
               "start resp1 gemini-x\nopen 0 text  \ntext 0 a\nclose 0\n");
    check_told(DATA(PARTS("{\"text\":\"a\"}", ""))
                   DATA("{\"error\":{\"code\":503,\"message\":\"overloaded\",\"status\":"
                        "\"UNAVAILABLE\"}}") DATA(PARTS("{\"text\":\"b\"}", STOP)),
               "start resp1 gemini-x\nopen 0 text  \ntext 0 a\nfail UNAVAILABLE: overloaded\n");
    check_told(DATA(PARTS("", ",\"finishReason\":\"MALFORMED_FUNCTION_CALL\"")),
               "start resp1 gemini-x\nfail MALFORMED_FUNCTION_CALL: the model broke off its "
               "answer\n");
    check_told("", "");
}

static void broken_events_are_skipped(void **state)
{
    (void)state;
    check_told(DATA("[[[") DATA("\"x\"") DATA("[]") DATA("{\"candidates\":7}")
                   DATA(PARTS("1,{},{\"text\":5},{\"functionCall\":[]}", STOP)),
               "start  \nfinish stop \nend\n");
}

static void a_sink_that_fails_stops_the_reader(void **state)
{
    static const char stream[] =
        DATA(PARTS("{\"text\":\"t\",\"thought\":true},{\"text\":\"a\"},{\"functionCall\":{\"name\":"
                   "\"f\",\"args\":{}},\"thoughtSignature\":\"S\"}",
                   STOP));
    struct told all;
    (void)state;
    told_begin(&all);
    all.limit = 1000;
    assert_int_equal(told_read_cut(&all, &wire_gemini, STR(stream), 0), 0);
    for (size_t limit = 1; limit < all.count; limit++) {
        struct told t;
        told_begin(&t);
        t.limit = limit;
        assert_int_equal(told_read_cut(&t, &wire_gemini, STR(stream), 0), ERR_LIMIT);
        assert_int_equal(t.count, limit + 1);
        buf_release(&t.text);
    }
    buf_release(&all.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_answer_is_read),
        cmocka_unit_test(ids_that_are_made_are_the_same_again_and_differ_by_place),
        cmocka_unit_test(a_blocked_prompt_is_an_answer_of_the_filter),
        cmocka_unit_test(citations_are_those_of_the_last_text),
        cmocka_unit_test(what_is_no_answer_is_an_error),
        cmocka_unit_test(a_stream_of_thoughts_and_text_is_told),
        cmocka_unit_test(calls_in_a_stream_come_whole_behind_their_seals),
        cmocka_unit_test(citations_belong_to_the_open_text),
        cmocka_unit_test(streams_end_in_their_ways),
        cmocka_unit_test(broken_events_are_skipped),
        cmocka_unit_test(a_sink_that_fails_stops_the_reader),
    };
    return cmocka_run_group_tests_name("llm/wire_gemini_answer", tests, NULL, NULL);
}
