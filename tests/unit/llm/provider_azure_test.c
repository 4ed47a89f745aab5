#include "unit/llm/suite.h"

#include "core/attr.h"

static void paths_follow_the_version_that_is_configured(void **state)
{
    static const struct {
        enum route route;
        const char *base, *path, *query, *version, *want;
    } rows[] = {
        {ROUTE_CHAT,        "",           "/v1/chat/completions", "",    "2024-10-21",
         "/openai/deployments/my%2Fmodel/chat/completions?api-version=2024-10-21"                                               },
        {ROUTE_EMBEDDINGS,  "",           "/v1/embeddings",       "a=1", "2024-10-21",
         "/openai/deployments/my%2Fmodel/embeddings?api-version=2024-10-21&a=1"                                                 },
        {ROUTE_RESPONSES,   "",           "/v1/responses",        "",    "2025-03-01-preview",
         "/openai/responses?api-version=2025-03-01-preview"                                                                     },
        {ROUTE_PASSTHROUGH, "",           "/v1/files",            "",    "2024-10-21",
         "/openai/files?api-version=2024-10-21"                                                                                 },
        {ROUTE_CHAT,        "",           "/v1/chat/completions", "a=1", "",                   "/openai/v1/chat/completions?a=1"},
        {ROUTE_CHAT,        "/openai/v1", "/v1/chat/completions", "",    "",                   "/openai/v1/chat/completions"    },
        {ROUTE_CHAT,        "/openai/v1", "/v1/chat/completions", "",    "preview",
         "/openai/v1/chat/completions?api-version=preview"                                                                      },
        {ROUTE_CHAT,        "",           "/v1/chat/completions", "",    "a&b",
         "/openai/deployments/my%2Fmodel/chat/completions?api-version=a%26b"                                                    },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct provider_place place = {.route = rows[i].route,
                                       .base = str_of(rows[i].base),
                                       .path = str_of(rows[i].path),
                                       .query = str_of(rows[i].query),
                                       .model = STR("my/model"),
                                       .api_version = str_of(rows[i].version)};
        struct buf out;
        buf_init(&out, 1024);
        provider_azure.write_path(&out, &place);
        assert_str(buf_str(&out), rows[i].want);
        buf_release(&out);
    }
}

static void the_key_has_a_header_of_its_own(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 256);
    provider_azure.write_auth(&out, STR("k-1"), false);
    assert_str(buf_str(&out), "api-key: k-1\r\n");
    buf_clear(&out);
    provider_azure.write_auth(&out, STR("a\nb"), false);
    assert_str(buf_str(&out), "");
    buf_release(&out);
}

static void streams_are_those_of_openai(void **state)
{
    struct relay r;
    (void)state;
    /* Azure's first event: the verdict of its filter on the prompt, without a choice. */
    relay_unchanged(&r, &provider_azure, ROUTE_CHAT,
                    "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n"
                    "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":"
                    "{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
                    false);
    assert_true(r.facts.terminal);
    assert_string_equal(r.facts.finish_reason, "stop");
    relay_end(&r);
    struct answer_facts facts;
    answer_facts_init(&facts);
    provider_azure.on_answer(ROUTE_CHAT, STR("{\"usage\":{\"prompt_tokens\":3}}"), &facts);
    assert_int_equal(facts.usage.input, 3);
    answer_facts_release(&facts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_follow_the_version_that_is_configured),
        cmocka_unit_test(the_key_has_a_header_of_its_own),
        cmocka_unit_test(streams_are_those_of_openai),
    };
    return cmocka_run_group_tests_name("llm/provider_azure", tests, NULL, NULL);
}
