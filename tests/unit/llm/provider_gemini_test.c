#include "unit/llm/suite.h"

#include "core/attr.h"

#define DATA(json) "data: " json "\r\n\r\n"

static const char gemini_stream[] =
    DATA("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"hm\",\"thought\":true}],\"role\":"
         "\"model\"},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":10,\"totalTokenCount\":"
         "12,\"thoughtsTokenCount\":2},\"modelVersion\":\"gemini-x\",\"responseId\":\"r1\"}")
        DATA("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hello\"},{\"functionCall\":{"
             "\"name\":\"f\",\"args\":{\"text\":\"x\"}},\"thoughtSignature\":\"not counted\"}]},"
             "\"safetyRatings\":[{\"category\":\"text\"}]}]}")
            DATA("{\"candidates\":[{\"content\":{\"parts\":[]},\"finishReason\":\"STOP\"}],"
                 "\"usageMetadata\":{\"promptTokenCount\":10,\"cachedContentTokenCount\":4,"
                 "\"candidatesTokenCount\":5,\"thoughtsTokenCount\":7,\"toolUsePromptTokenCount\":"
                 "3},\"modelVersion\":\"gemini-x\",\"responseId\":\"r1\"}");

static void a_stream_passes_and_is_read(void **state)
{
    struct relay r;
    (void)state;
    relay_unchanged(&r, &provider_gemini, ROUTE_CHAT, gemini_stream, true);
    assert_string_equal(r.facts.upstream_id, "r1");
    assert_string_equal(r.facts.model, "gemini-x");
    assert_string_equal(r.facts.finish_reason, "STOP");
    assert_true(r.facts.terminal);
    assert_false(r.facts.failed);
    assert_int_equal(r.facts.usage.input, 13);
    assert_int_equal(r.facts.usage.cached, 4);
    assert_int_equal(r.facts.usage.output, 12);
    assert_int_equal(r.facts.usage.reasoning, 7);
    assert_int_equal(r.facts.output_bytes, strlen("hmHello{\"text\":\"x\"}"));
    assert_true(str_starts(buf_str(&r.facts.usage_raw), STR("{\"promptTokenCount\":10,\"cached")));
    relay_end(&r);
}

static void a_stream_without_a_reason_is_not_whole(void **state)
{
    struct relay r;
    (void)state;
    relay_unchanged(&r, &provider_gemini, ROUTE_CHAT,
                    DATA("{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}],"
                         "\"finishReason\":\"STOP\"}}],\"finishReason\":\"STOP\"}"),
                    false);
    assert_false(r.facts.terminal);
    assert_string_equal(r.facts.finish_reason, "");
    assert_int_equal(r.facts.output_bytes, 1);
    relay_end(&r);
}

static void a_blocked_prompt_is_a_whole_answer(void **state)
{
    struct answer_facts facts;
    (void)state;
    answer_facts_init(&facts);
    provider_gemini.on_answer(ROUTE_CHAT,
                              STR("{\"promptFeedback\":{\"blockReason\":\"SAFETY\"},"
                                  "\"usageMetadata\":{\"promptTokenCount\":7}}"),
                              &facts);
    assert_true(facts.terminal);
    assert_string_equal(facts.finish_reason, "SAFETY");
    assert_int_equal(facts.usage.input, 7);
    assert_int_equal(facts.usage.output, -1);
    answer_facts_release(&facts);
}

static void an_error_in_a_stream_is_noticed(void **state)
{
    struct relay r;
    (void)state;
    relay_unchanged(&r, &provider_gemini, ROUTE_CHAT,
                    DATA("{\"error\":{\"code\":503,\"message\":\"The model is overloaded.\","
                         "\"status\":\"UNAVAILABLE\"}}"),
                    false);
    assert_true(r.facts.failed);
    assert_false(r.facts.terminal);
    assert_string_equal(r.facts.error_text, "The model is overloaded.");
    relay_end(&r);
}

static void broken_events_pass(void **state)
{
    struct relay r;
    (void)state;
    relay_unchanged(&r, &provider_gemini, ROUTE_CHAT,
                    DATA("{\"usageMetadata\":{\"promptTokenCount\":") DATA("[[[") DATA("\"")
                        DATA("{\"candidates\":[{\"finishReason\":null}]}") ": comment\n\n",
                    true);
    assert_false(usage_is_known(&r.facts.usage));
    assert_false(r.facts.terminal);
    relay_end(&r);
}

static void failed_answers_have_their_message(void **state)
{
    static const struct {
        const char *body, *text;
    } rows[] = {
        {"{\"error\":{\"code\":400,\"message\":\"API key not valid.\",\"status\":"
         "\"INVALID_ARGUMENT\",\"details\":[{\"@type\":\"x\",\"reason\":\"API_KEY_INVALID\"}]}}", "API key not valid."},
        {"[{\"error\":{\"code\":429,\"message\":\"Quota exceeded\"}}]",                                    "Quota exceeded"    },
        {"upstream gone",                                                                                  "upstream gone"     },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[64];
        provider_gemini.error_text(str_of(rows[i].body), text, sizeof(text));
        assert_string_equal(text, rows[i].text);
    }
}

static void the_key_goes_into_a_header_line(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 256);
    provider_gemini.write_auth(&out, STR("AIza-1"), true);
    assert_str(buf_str(&out), "x-goog-api-key: AIza-1\r\n");
    buf_clear(&out);
    provider_gemini.write_auth(&out, STR("a\r\nb"), false);
    assert_str(buf_str(&out), "");
    buf_release(&out);
    assert_ptr_equal(provider_find(STR("gemini")), &provider_gemini);
}

static void model_and_verb_stand_in_the_path(void **state)
{
    static const struct {
        const char *base, *model;
        bool stream;
        const char *want;
    } rows[] = {
        {"",        "gemini-2.5-flash", false, "/v1beta/models/gemini-2.5-flash:generateContent"},
        {"/v1beta", "models/g",         true,  "/v1beta/models/g:streamGenerateContent?alt=sse" },
        {"/v1",     "a/b?c",            false, "/v1/models/a%2Fb%3Fc:generateContent"           },
        {"/proxy",  "g",                false, "/proxy/v1beta/models/g:generateContent"         },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct provider_place place = {
            .base = str_of(rows[i].base), .model = str_of(rows[i].model), .stream = rows[i].stream};
        struct buf out;
        buf_init(&out, 1024);
        provider_gemini.write_path(&out, &place);
        assert_str(buf_str(&out), rows[i].want);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_and_verb_stand_in_the_path),
        cmocka_unit_test(a_stream_passes_and_is_read),
        cmocka_unit_test(a_stream_without_a_reason_is_not_whole),
        cmocka_unit_test(a_blocked_prompt_is_a_whole_answer),
        cmocka_unit_test(an_error_in_a_stream_is_noticed),
        cmocka_unit_test(broken_events_pass),
        cmocka_unit_test(failed_answers_have_their_message),
        cmocka_unit_test(the_key_goes_into_a_header_line),
    };
    return cmocka_run_group_tests_name("llm/provider_gemini", tests, NULL, NULL);
}
