#include "unit/llm/suite.h"

#include "core/attr.h"

#define HEAD                                                                                       \
    "\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"gpt-x-"  \
    "2026-01-01\",\"service_tier\":\"default\",\"system_fingerprint\":\"fp\""

/* --- chat --------------------------------------------------------------------------------- */

/* What a server sends unasked: text, then two tool calls whose fragments interleave. */
static const char chat_plain[] =
    "data: {" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\","
    "\"refusal\":null},\"logprobs\":null,\"finish_reason\":null}],\"obfuscation\":\"aB3\"}\n\n"
    ": keep-alive\n\n"
    "data: {" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi \\\"usage\\\":null, "
    "\\u00e9\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n"
    "data: {" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":"
    "\"call_a\",\"type\":\"function\",\"function\":{\"name\":\"weather\",\"arguments\":\"\"}}]},"
    "\"logprobs\":null,\"finish_reason\":null}]}\n\n"
    "data: {" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1,\"id\":"
    "\"call_b\",\"type\":\"function\",\"function\":{\"name\":\"time\",\"arguments\":\"{\\\"z\"}}]}"
    ",\"logprobs\":null,\"finish_reason\":null}]}\n\n"
    "data: {" HEAD ",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,"
    "\"function\":{\"arguments\":\"{\\\"city\\\":\"}}]},\"logprobs\":null,\"finish_reason\":null}]"
    "}\n\n"
    "data: {" HEAD ",\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":"
    "\"tool_calls\"}]}\n\n"
    "data: [DONE]\n\n";

static void a_chat_stream_with_tools_passes_and_is_read(void **state)
{
    (void)state;
    for (int strip = 0; strip < 2; strip++) {
        struct relay r;
        relay_unchanged(&r, &provider_openai, ROUTE_CHAT, chat_plain, strip == 1);
        assert_string_equal(r.facts.upstream_id, "chatcmpl-1");
        assert_string_equal(r.facts.model, "gpt-x-2026-01-01");
        assert_string_equal(r.facts.finish_reason, "tool_calls");
        assert_string_equal(r.facts.service_tier, "default");
        assert_true(r.facts.terminal);
        assert_false(r.facts.failed);
        assert_false(usage_is_known(&r.facts.usage));
        assert_int_equal(r.facts.output_bytes,
                         strlen("Hi \\\"usage\\\":null, \\u00e9{\\\"z{\\\"city\\\":"));
        assert_true(r.facts.output_tokens_estimated >= 3);
        relay_end(&r);
    }
}

/* The same answer as it comes when usage was asked for: a null on every chunk, one more chunk. */
static void build_asked(struct buf *out, const char *member, bool first)
{
    struct str rest = str_of(chat_plain);
    while (rest.n > 0) {
        struct str line = str_split(&rest, '\n');
        if (str_starts(line, STR("data: {")) && first) {
            buf_putf(out, "data: {%s%.*s\n", member, STR_ARG(str_from(line, 7)));
        } else if (str_starts(line, STR("data: {"))) {
            buf_put(out, line.p, line.n - 1);
            buf_putf(out, "%s}\n", member);
        } else if (str_is(line, "data: [DONE]")) {
            buf_puts(out, "data: {" HEAD ",\"choices\":[],\"usage\":{\"prompt_tokens\":9,"
                          "\"completion_tokens\":12,\"total_tokens\":21,\"prompt_tokens_details\":"
                          "{\"cached_tokens\":4},\"completion_tokens_details\":{\"reasoning_"
                          "tokens\":5}}}\n\ndata: [DONE]\n");
        } else {
            buf_putf(out, "%.*s\n", STR_ARG(line));
        }
    }
    /* str_split leaves one line end more than there was. */
    while (out->n > 2 && out->p[out->n - 3] == '\n') {
        out->n--;
    }
}

static void usage_that_the_client_did_not_ask_for_leaves_no_trace(void **state)
{
    static const struct {
        const char *member;
        bool first;
    } rows[] = {
        {",\"usage\":null",     false},
        {", \"usage\": null",   false},
        {",\t\"usage\" : null", false},
        {"\"usage\":null,",     true },
        {"\"usage\": null, ",   true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct relay r;
        struct buf asked;
        buf_init(&asked, 1u << 16);
        build_asked(&asked, rows[i].member, rows[i].first);
        relay_run(&r, &provider_openai, ROUTE_CHAT, buf_cstr(&asked), true);
        assert_str(buf_str(&r.out), chat_plain);
        assert_int_equal(r.dropped, 1);
        assert_int_equal(r.replaced, 6);
        assert_int_equal(r.facts.usage.input, 9);
        assert_int_equal(r.facts.usage.cached, 4);
        assert_int_equal(r.facts.usage.output, 12);
        assert_int_equal(r.facts.usage.reasoning, 5);
        relay_end(&r);

        /* A client that asked gets everything. */
        relay_unchanged(&r, &provider_openai, ROUTE_CHAT, buf_cstr(&asked), false);
        assert_int_equal(r.facts.usage.output, 12);
        assert_true(str_starts(buf_str(&r.facts.usage_raw), STR("{\"prompt_tokens\":9")));
        relay_end(&r);
        buf_release(&asked);
    }
}

static void check_strip(const char *raw, const char *expected)
{
    struct relay r;
    relay_run(&r, &provider_openai, ROUTE_CHAT, raw, true);
    assert_str(buf_str(&r.out), expected);
    relay_end(&r);
}

static void edited_events_keep_lines_and_other_fields(void **state)
{
    static const struct {
        const char *raw;
        const char *expected;
    } rows[] = {
  /* Line ends of every kind, names, ids, comments, no space behind the colon. */
        {"event: x\r\nid: 7\r\ndata:{\"choices\":[1],\"usage\":null}\r\n\r\n",
         "event: x\r\nid: 7\r\ndata:{\"choices\":[1]}\r\n\r\n"                                                    },
        {": c\ndata: {\"usage\":null}\nretry: 5\n\n",                          ": c\ndata: {}\nretry: 5\n\n"      },
        {"data: {\"choices\":[1],\"usage\":null}\r\r",                         "data: {\"choices\":[1]}\r\r"      },
        {"\xef\xbb\xbf"
         "data: {\"a\":1,\"usage\":null}\n\n",                        "\xef\xbb\xbf"
         "data: {\"a\":1}\n\n"                             },
 /* Data over several lines: the cut may cross a border. */
        {"data: {\"a\":1,\ndata: \"usage\":null,\ndata: \"b\":2}\n\n",
         "data: {\"a\":1\ndata: ,\ndata: \"b\":2}\n\n"                                                            },
        {"data: {\"usage\":\ndata: null\ndata: ,\"b\":2}\n\n",
         "data: {\ndata: \ndata: \"b\":2}\n\n"                                                                    },
        {"data: {\"a\":1\ndata\ndata: ,\"usage\":null}\n\n",                   "data: {\"a\":1\ndata\ndata: }\n\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_strip(rows[i].raw, rows[i].expected);
    }
}

static void only_the_usage_at_the_top_is_removed(void **state)
{
    static const char *const rows[] = {
        /* Deeper, in a string, or of another type: none of weir's business. */
        "data: {\"choices\":[{\"usage\":null}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"\\\"usage\\\":null\"}}]}\n\n",
        "data: {\"choices\":[],\"usage\":7}\n\n",
        /* Usage beside a choice comes unasked. */
        "data: {\"choices\":[{\"delta\":{}}],\"usage\":{\"prompt_tokens\":1}}\n\n",
        /* No JSON at all. */
        "data: hello\n\n",
        "data: {\"usage\"\n\n",
        "data\n\n",
        ": comment\n\n",
        "\n\n",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct relay r;
        relay_unchanged(&r, &provider_openai, ROUTE_CHAT, rows[i], true);
        relay_end(&r);
    }
}

static void a_usage_chunk_with_more_in_it_loses_the_usage_only(void **state)
{
    (void)state;
    check_strip("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1},\"prompt_filter_results\":"
                "[1]}\n\n",
                "data: {\"choices\":[],\"prompt_filter_results\":[1]}\n\n");
    /* Timings, a null and a missing list of choices are no reason to keep the chunk. */
    check_strip("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1},\"timings\":{\"a\":1}}\n\n",
                "");
    check_strip("data: {\"id\":\"x\",\"usage\":{\"prompt_tokens\":1},\"extra\":null}\n\n", "");
}

static void usage_is_read_wherever_servers_put_it(void **state)
{
    static const char *const rows[] = {
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_"
        "tokens\":3,\"completion_tokens\":4}}\n\n",
        "data: {\"choices\":[{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}]}\n\n",
        "data: {\"choices\":[],\"x_groq\":{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}"
        "}}\n\n",
        /* On every chunk: the last one counts. */
        "data: {\"choices\":[1],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\n"
        "data: {\"choices\":[1],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}\n\n",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct relay r;
        relay_run(&r, &provider_openai, ROUTE_CHAT, rows[i], false);
        assert_int_equal(r.facts.usage.input, 3);
        assert_int_equal(r.facts.usage.output, 4);
        relay_end(&r);
    }
}

static void reasoning_is_counted_once_and_probabilities_never(void **state)
{
    struct relay r;
    (void)state;
    relay_unchanged(
        &r, &provider_openai, ROUTE_CHAT,
        "data: {\"choices\":[{\"delta\":{\"reasoning\":\"abc\",\"reasoning_details\":[{\"text\":"
        "\"abc\"}],\"audio\":{\"data\":\"AAAA\",\"content\":\"x\"}},\"logprobs\":{\"content\":[{"
        "\"token\":\"abc\",\"text\":\"zzz\"}]}}]}\n\n",
        true);
    assert_int_equal(r.facts.output_bytes, 3);
    relay_end(&r);
}

static void an_error_in_the_stream_is_noticed(void **state)
{
    static const struct {
        const char *stream;
        const char *text;
    } rows[] = {
        {"data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\n",
         "overloaded"                                                                                    },
        {"data: {\"error\":\"plain\"}\n\n",                                                       "plain"},
        {"event: error\ndata: {\"message\":\"named\"}\n\n",                                       "named"},
        {"data: {\"id\":\"a\",\"choices\":[],\"error\":{\"code\":502,\"message\":\"late\"}}\n\n",
         "late"                                                                                          },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct relay r;
        relay_unchanged(&r, &provider_openai, ROUTE_CHAT, rows[i].stream, true);
        assert_true(r.facts.failed);
        assert_false(r.facts.terminal);
        assert_string_equal(r.facts.error_text, rows[i].text);
        relay_end(&r);
    }
    struct relay r;
    relay_unchanged(&r, &provider_openai, ROUTE_CHAT, "data: {\"error\":null}\n\n", true);
    assert_false(r.facts.failed);
    relay_end(&r);
}

static void an_edit_that_finds_no_room_lets_the_event_pass(void **state)
{
    static const char raw[] = "data: {\"choices\":[1],\"usage\":null}\n\n";
    struct answer_facts facts;
    struct buf small;
    (void)state;
    answer_facts_init(&facts);
    buf_init(&small, 8);
    assert_int_equal(provider_openai.on_event(ROUTE_CHAT, STR_EMPTY,
                                              STR("{\"choices\":[1],\"usage\":null}"), str_of(raw),
                                              true, &facts, &small),
                     PROVIDER_PASS);
    buf_release(&small);
    answer_facts_release(&facts);
}

/* --- legacy completions ------------------------------------------------------------------- */

static void a_completions_stream_is_read_and_stripped(void **state)
{
    struct relay r;
    (void)state;
    relay_run(&r, &provider_openai, ROUTE_COMPLETIONS,
              "data: {\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"choices\":[{\"text\":\"one"
              "\",\"index\":0,\"logprobs\":null,\"finish_reason\":null}],\"model\":\"m\",\"usage\":"
              "null}\n\n"
              "data: {\"id\":\"cmpl-1\",\"choices\":[{\"text\":\"\",\"index\":0,\"finish_reason\":"
              "\"length\"}],\"model\":\"m\",\"usage\":null}\n\n"
              "data: {\"id\":\"cmpl-1\",\"choices\":[],\"model\":\"m\",\"usage\":{\"prompt_tokens\""
              ":5,\"completion_tokens\":1,\"total_tokens\":6}}\n\n"
              "data: [DONE]\n\n",
              true);
    assert_str(buf_str(&r.out),
               "data: {\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"choices\":[{\"text\":"
               "\"one\",\"index\":0,\"logprobs\":null,\"finish_reason\":null}],\"model\":\"m\"}\n\n"
               "data: {\"id\":\"cmpl-1\",\"choices\":[{\"text\":\"\",\"index\":0,\"finish_reason\":"
               "\"length\"}],\"model\":\"m\"}\n\n"
               "data: [DONE]\n\n");
    assert_string_equal(r.facts.finish_reason, "length");
    assert_string_equal(r.facts.upstream_id, "cmpl-1");
    assert_int_equal(r.facts.output_bytes, 3);
    assert_int_equal(r.facts.usage.input, 5);
    assert_int_equal(r.facts.usage.output, 1);
    relay_end(&r);
}

/* --- responses ---------------------------------------------------------------------------- */

#define EVENT(name, rest) "event: " name "\ndata: {\"type\":\"" name "\"," rest "}\n\n"

static const char responses_stream[] = EVENT(
    "response.created",
    "\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"object\":\"response\","
    "\"status\":\"in_progress\",\"error\":null,\"incomplete_details\":null,\"instructions\":"
    "\"say \\\"usage\\\"\",\"model\":\"gpt-x\",\"output\":[],\"usage\":null,\"tools\":[{"
    "\"name\":\"t\",\"status\":\"bogus\"}]}")
    EVENT("response.output_item.added",
          "\"sequence_number\":1,\"output_index\":0,\"item\":{\"id\":\"rs_1\",\"type\":"
          "\"reasoning\",\"summary\":[],\"encrypted_content\":\"AAAA\"}")
        EVENT("response.reasoning_summary_text.delta",
              "\"sequence_number\":2,\"item_id\":\"rs_1\",\"delta\":\"hmm\",\"obfuscation\":\"x1\"")
            EVENT("response.output_text.delta", "\"sequence_number\":3,\"item_id\":\"msg_1\","
                                                "\"content_index\":0,\"delta\":\"Hello\"")
                EVENT("response.output_text.done", "\"sequence_number\":4,\"text\":\"Hello\"")
                    EVENT("response.function_call_arguments.delta",
                          "\"sequence_number\":5,\"item_id\":\"fc_1\",\"delta\":\"{\\\"a\\\":\"")
                        EVENT("response.audio.delta",
                              "\"sequence_number\":6,\"delta\":\"UklGRg==\"")
                            EVENT("response.something.new",
                                  "\"sequence_number\":7,\"response\":{\"id\":\"bogus\"}");

static void a_responses_stream_passes_and_is_read(void **state)
{
    static const struct {
        const char *end;
        const char *reason;
        bool failed;
        const char *error;
    } rows[] = {
        {EVENT("response.completed",
         "\"sequence_number\":8,\"response\":{\"id\":\"resp_1\",\"status\":\"completed\","
               "\"model\":\"gpt-x\",\"service_tier\":\"flex\",\"output\":[{\"type\":\"message\","
               "\"status\":\"bogus\",\"content\":[{\"text\":\"Hello\"}]}],\"usage\":{\"input_"
               "tokens\":20,\"input_tokens_details\":{\"cached_tokens\":8},\"output_tokens\":6,"
               "\"output_tokens_details\":{\"reasoning_tokens\":2},\"total_tokens\":26}}"),
         "completed",         false, ""     },
        {EVENT("response.incomplete",
         "\"sequence_number\":8,\"response\":{\"id\":\"resp_1\",\"status\":\"incomplete\","
               "\"service_tier\":\"flex\",\"incomplete_details\":{\"reason\":\"max_output_tokens\"}"
               ",\"usage\":{\"input_tokens\":20,\"input_tokens_details\":{\"cached_tokens\":8},"
               "\"output_tokens\":6,\"output_tokens_details\":{\"reasoning_tokens\":2}}}"),
         "max_output_tokens", false, ""     },
        {EVENT("response.failed",
         "\"sequence_number\":8,\"response\":{\"id\":\"resp_1\",\"status\":\"failed\","
               "\"service_tier\":\"flex\",\"error\":{\"code\":\"server_error\",\"message\":\"broke"
               "\"},\"usage\":{\"input_tokens\":20,\"input_tokens_details\":{\"cached_tokens\":8},"
               "\"output_tokens\":6,\"output_tokens_details\":{\"reasoning_tokens\":2}}}"),
         "failed",            true,  "broke"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct relay r;
        char stream[8192];
        snprintf(stream, sizeof(stream), "%s%s", responses_stream, rows[i].end);
        relay_unchanged(&r, &provider_openai, ROUTE_RESPONSES, stream, true);
        assert_string_equal(r.facts.upstream_id, "resp_1");
        assert_string_equal(r.facts.model, "gpt-x");
        assert_string_equal(r.facts.finish_reason, rows[i].reason);
        assert_string_equal(r.facts.service_tier, "flex");
        assert_int_equal(r.facts.sequence_number, 8);
        assert_true(r.facts.terminal);
        assert_int_equal(r.facts.failed, rows[i].failed);
        assert_string_equal(r.facts.error_text, rows[i].error);
        assert_int_equal(r.facts.usage.input, 20);
        assert_int_equal(r.facts.usage.cached, 8);
        assert_int_equal(r.facts.usage.output, 6);
        assert_int_equal(r.facts.usage.reasoning, 2);
        assert_int_equal(r.facts.output_bytes, strlen("hmmHello{\\\"a\\\":"));
        relay_end(&r);
    }
}

static void an_error_event_ends_a_responses_stream(void **state)
{
    struct relay r;
    (void)state;
    relay_unchanged(&r, &provider_openai, ROUTE_RESPONSES,
                    EVENT("error", "\"code\":\"x\",\"message\":\"bad\",\"param\":null,"
                                   "\"sequence_number\":3"),
                    true);
    assert_true(r.facts.failed);
    assert_false(r.facts.terminal);
    assert_string_equal(r.facts.error_text, "bad");
    assert_int_equal(r.facts.sequence_number, 3);
    relay_end(&r);

    /* Without an event line the type in the data counts. */
    relay_unchanged(&r, &provider_openai, ROUTE_RESPONSES,
                    "data: {\"type\":\"response.output_text.delta\",\"delta\":\"abc\"}\n\n"
                    "data: {\"type\":\"response.completed\",\"response\":{\"id\":\"r\"}}\n\n",
                    true);
    assert_int_equal(r.facts.output_bytes, 3);
    assert_true(r.facts.terminal);
    relay_end(&r);
}

/* --- whole answers ------------------------------------------------------------------------ */

static void a_whole_chat_answer_is_read(void **state)
{
    struct answer_facts facts;
    (void)state;
    answer_facts_init(&facts);
    provider_openai.on_answer(
        ROUTE_CHAT,
        STR("{\n \"id\": \"chatcmpl-2\", \"object\": \"chat.completion\", \"model\": \"gpt\\/x\","
            " \"choices\": [ {\"index\":0, \"message\": {\"role\":\"assistant\",\"content\":\"four"
            "\",\"reasoning_content\":\"xx\",\"tool_calls\":[{\"id\":\"c\",\"function\":{\"name\":"
            "\"f\",\"arguments\":\"{}\"}}],\"annotations\":[{\"text\":\"no\"}]},\"finish_reason\":"
            "\"stop\"}], \"usage\": {\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":"
            "10}, \"service_tier\":\"priority\"}\n"),
        &facts);
    assert_string_equal(facts.upstream_id, "chatcmpl-2");
    assert_string_equal(facts.model, "gpt/x");
    assert_string_equal(facts.finish_reason, "stop");
    assert_string_equal(facts.service_tier, "priority");
    assert_int_equal(facts.usage.input, 7);
    assert_int_equal(facts.usage.output, 3);
    assert_int_equal(facts.output_bytes, 8);
    answer_facts_release(&facts);
}

static void a_whole_responses_answer_is_read(void **state)
{
    struct answer_facts facts;
    (void)state;
    answer_facts_init(&facts);
    provider_openai.on_answer(
        ROUTE_RESPONSES,
        STR("{\"id\":\"resp_2\",\"object\":\"response\",\"status\":\"incomplete\",\"error\":null,"
            "\"incomplete_details\":{\"reason\":\"content_filter\"},\"instructions\":\"not this\","
            "\"model\":\"gpt-x\",\"output\":[{\"type\":\"reasoning\",\"summary\":[{\"text\":\"abc"
            "\"}]},{\"type\":\"message\",\"status\":\"completed\",\"content\":[{\"type\":"
            "\"output_text\",\"text\":\"de\",\"annotations\":[{\"text\":\"no\"}]}]},{\"type\":"
            "\"function_call\",\"arguments\":\"{}\",\"name\":\"f\"}],\"text\":{\"format\":{\"type"
            "\":\"text\"}},\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}"),
        &facts);
    assert_string_equal(facts.upstream_id, "resp_2");
    assert_string_equal(facts.finish_reason, "content_filter");
    assert_int_equal(facts.output_bytes, 7);
    assert_int_equal(facts.usage.input, 1);
    assert_int_equal(facts.usage.output, 2);
    answer_facts_release(&facts);
}

static void an_embeddings_answer_uses_no_output(void **state)
{
    struct answer_facts facts;
    (void)state;
    answer_facts_init(&facts);
    provider_openai.on_answer(
        ROUTE_EMBEDDINGS,
        STR("{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":["
            "0.1,-2e-3]}],\"model\":\"embed\",\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}"),
        &facts);
    assert_string_equal(facts.model, "embed");
    assert_int_equal(facts.usage.input, 8);
    assert_int_equal(facts.usage.output, 0);
    assert_int_equal(facts.output_bytes, 0);
    answer_facts_release(&facts);
}

static void passthrough_answers_are_left_alone(void **state)
{
    struct answer_facts facts;
    struct relay r;
    (void)state;
    answer_facts_init(&facts);
    provider_openai.on_answer(ROUTE_PASSTHROUGH,
                              STR("{\"id\":\"f\",\"usage\":{\"input_tokens\":1}}"), &facts);
    assert_false(usage_is_known(&facts.usage));
    answer_facts_release(&facts);
    relay_unchanged(&r, &provider_openai, ROUTE_PASSTHROUGH, "data: {\"usage\":null}\n\n", true);
    relay_end(&r);
}

/* --- keys --------------------------------------------------------------------------------- */

static void the_key_goes_into_one_header_line(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 256);
    provider_openai.write_auth(&out, STR("sk-1"), false);
    assert_str(buf_str(&out), "authorization: Bearer sk-1\r\n");
    buf_clear(&out);
    provider_openai.write_auth(&out, STR_EMPTY, false);
    provider_openai.write_auth(&out, STR("a\r\nx: y"), false);
    assert_str(buf_str(&out), "");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chat_stream_with_tools_passes_and_is_read),
        cmocka_unit_test(usage_that_the_client_did_not_ask_for_leaves_no_trace),
        cmocka_unit_test(edited_events_keep_lines_and_other_fields),
        cmocka_unit_test(only_the_usage_at_the_top_is_removed),
        cmocka_unit_test(a_usage_chunk_with_more_in_it_loses_the_usage_only),
        cmocka_unit_test(usage_is_read_wherever_servers_put_it),
        cmocka_unit_test(reasoning_is_counted_once_and_probabilities_never),
        cmocka_unit_test(an_error_in_the_stream_is_noticed),
        cmocka_unit_test(an_edit_that_finds_no_room_lets_the_event_pass),
        cmocka_unit_test(a_completions_stream_is_read_and_stripped),
        cmocka_unit_test(a_responses_stream_passes_and_is_read),
        cmocka_unit_test(an_error_event_ends_a_responses_stream),
        cmocka_unit_test(a_whole_chat_answer_is_read),
        cmocka_unit_test(a_whole_responses_answer_is_read),
        cmocka_unit_test(an_embeddings_answer_uses_no_output),
        cmocka_unit_test(passthrough_answers_are_left_alone),
        cmocka_unit_test(the_key_goes_into_one_header_line),
    };
    return cmocka_run_group_tests_name("llm/provider_openai", tests, NULL, NULL);
}
