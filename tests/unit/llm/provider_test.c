#include "unit/llm/suite.h"

#include "core/attr.h"
#include "llm/wire.h"

static void every_provider_is_found_by_name_and_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; provider_table[i]; i++) {
        const struct provider *provider = provider_table[i];
        assert_ptr_equal(provider_find(str_of(provider->name)), provider);
        assert_non_null(provider->write_auth);
        assert_non_null(provider->write_path);
        assert_non_null(provider->wire);
        assert_non_null(provider->wire->write_request);
        assert_non_null(provider->on_event);
        assert_non_null(provider->on_answer);
        assert_non_null(provider->error_text);
    }
    assert_null(provider_find(STR("nobody")));
    assert_null(provider_find(STR_EMPTY));
}

static void the_message_of_a_failed_answer_is_found(void **state)
{
    static const struct {
        const char *body;
        const char *text;
    } rows[] = {
        {"{\"error\":{\"message\":\"Incorrect API key\",\"type\":\"invalid_request_error\"}}",
         "Incorrect API key"                                                                                                  },
        {"{\"type\":\"error\",\"error\":{\"type\":\"not_found_error\",\"message\":\"model: x\"},"
         "\"request_id\":\"r\"}",                                                     "model: x"                     },
        {"{\"error\":\"short\"}",                                                              "short"                        },
        {"{\"object\":\"error\",\"message\":\"old vllm\"}",                                    "old vllm"                     },
        {"{\"detail\":\"Not Found\"}",                                                         "Not Found"                    },
        {"[{\"error\":{\"code\":400,\"message\":\"gemini\"}}]",                                "gemini"                       },
        {"{\"message\":\"outer\",\"error\":{\"message\":\"inner\"}}",                          "inner"                        },
        {"{\"error\":{\"message\":\"tab\\tand\\nline \\u00e9 \\ud83d\\ude00 \\\"q\\\"\"}}",
         "tab and line \xc3\xa9 \xf0\x9f\x98\x80 \"q\""                                                                       },
        {"  <html>\n502 Bad Gateway</html> ",                                                  "<html> 502 Bad Gateway</html>"},
        {"",                                                                                   ""                             },
        {"{\"error\":{}}",                                                                     "{\"error\":{}}"               },
        {"bad \xff byte",                                                                      "bad ? byte"                   },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[128];
        provider_error_text(str_of(rows[i].body), text, sizeof(text));
        assert_string_equal(text, rows[i].text);
    }
}

/* The estimate stands in for a usage that is missing, and costs more than all else. */
static void text_is_weighed_where_the_usage_is_missing(void **state)
{
    static const char text[] = "{\"model\":\"m\",\"choices\":[{\"index\":0,\"finish_reason\":"
                               "\"stop\",\"message\":{\"content\":\"one two three\"}}]%s}";

    static const struct {
        const char *usage;
        enum route route;
        bool weighed;
    } rows[] = {
        {"",                                                         ROUTE_CHAT,       true },
        {",\"usage\":null",                                          ROUTE_CHAT,       true },
        {",\"usage\":{\"prompt_tokens\":5}",                         ROUTE_CHAT,       true },
        {",\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":3}", ROUTE_CHAT,       false},
        {",\"usage\":{\"prompt_tokens\":5}",                         ROUTE_EMBEDDINGS, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct answer_facts facts;
        char body[512];
        int n = snprintf(body, sizeof(body), text, rows[i].usage);
        answer_facts_init(&facts);
        provider_read_answer(&provider_openai, rows[i].route, str_make(body, (size_t)n), &facts);
        assert_int_equal(facts.output_tokens_estimated, rows[i].weighed ? 3 : 0);
        assert_int_equal(facts.output_bytes, rows[i].weighed ? 13 : 0);
        assert_string_equal(facts.model, "m");
        assert_string_equal(facts.finish_reason, "stop");
        assert_false(facts.unweighed);
        answer_facts_release(&facts);
    }
}

static void a_long_message_is_cut_at_a_character(void **state)
{
    char text[8];
    (void)state;
    provider_error_text(STR("{\"error\":\"abcde\xc3\xa9\xc3\xa9\"}"), text, sizeof(text));
    assert_string_equal(text, "abcde\xc3\xa9");
    provider_error_text(STR("{\"error\":\"abcdef\xc3\xa9\"}"), text, sizeof(text));
    assert_string_equal(text, "abcdef");
    provider_error_text(STR("{\"error\":\"abc\"}"), text, 1);
    assert_string_equal(text, "");
}

static void a_segment_cannot_leave_its_place(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 256);
    provider_put_segment(&out, STR("models/a b?c#d/../\r\n\xc3\xa9-_.~:@"));
    assert_str(buf_str(&out), "models%2Fa%20b%3Fc%23d%2F..%2F%0D%0A%C3%A9-_.~:@");
    buf_clear(&out);
    provider_put_query(&out, '?', STR_EMPTY);
    provider_put_query(&out, '&', STR("a=1"));
    assert_str(buf_str(&out), "&a=1");
    assert_str(provider_behind_version(STR("/v1/x")), "/x");
    assert_str(provider_behind_version(STR("/v10/x")), "/v10/x");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_provider_is_found_by_name_and_is_whole),
        cmocka_unit_test(the_message_of_a_failed_answer_is_found),
        cmocka_unit_test(text_is_weighed_where_the_usage_is_missing),
        cmocka_unit_test(a_long_message_is_cut_at_a_character),
        cmocka_unit_test(a_segment_cannot_leave_its_place),
    };
    return cmocka_run_group_tests_name("llm/provider", tests, NULL, NULL);
}
