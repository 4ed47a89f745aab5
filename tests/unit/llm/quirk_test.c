#include "unit/llm/suite.h"

#include "core/attr.h"
#include "llm/quirk.h"

static void every_row_is_found_by_its_name(void **state)
{
    (void)state;
    for (const struct quirk *q = quirk_table; q->name; q++) {
        const struct quirk *found = quirk_find(str_of(q->name));
        assert_non_null(found);
        assert_string_equal(found->name, q->name);
    }
    assert_null(quirk_find(STR("nobody")));
    assert_null(quirk_find(STR_EMPTY));
}

static void every_host_leads_to_its_row_and_others_to_openai(void **state)
{
    (void)state;
    for (const struct quirk *q = quirk_table; q->name; q++) {
        if (q->host) {
            assert_ptr_equal(quirk_of_host(str_of(q->host)), q);
        }
    }

    static const struct {
        const char *host, *name;
    } rows[] = {
        {"my-resource.openai.azure.com", "azure"   },
        {"eu.api.openai.com",            "openai"  },
        {"api.together.ai",              "together"},
        {"127.0.0.1",                    "openai"  },
        {"evilapi.mistral.ai",           "openai"  }, /* another host, not one below it */
        {"api.mistral.ai.example",       "openai"  },
        {"",                             "openai"  },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_string_equal(quirk_of_host(str_of(rows[i].host))->name, rows[i].name);
    }
}

/* One claim a row, so that a change of the table is a change here. */
static void each_vendor_deviates_as_documented(void **state)
{
    (void)state;
    const struct quirk *openai = quirk_find(STR("openai"));
    assert_int_equal(openai->max_name, QUIRK_MAX_COMPLETION);
    assert_false(openai->no_developer || openai->no_responses || openai->bare);
    assert_false(quirk_find(STR("azure"))->no_responses);
    assert_true(quirk_find(STR("groq"))->no_logprobs && quirk_find(STR("groq"))->no_names);
    assert_true(quirk_find(STR("together"))->no_responses);
    assert_int_equal(quirk_find(STR("openrouter"))->thinking, QUIRK_THINKING_OBJECT);
    assert_true(quirk_find(STR("openrouter"))->cache_markers);
    assert_int_equal(quirk_find(STR("deepseek"))->schema, QUIRK_SCHEMA_JSON_ONLY);
    assert_true(quirk_find(STR("deepseek"))->no_developer);
    const struct quirk *mistral = quirk_find(STR("mistral"));
    assert_true(mistral->no_stream_options && mistral->bare);
    assert_string_equal(mistral->seed_name, "random_seed");
    assert_int_equal(mistral->max_name, QUIRK_MAX_TOKENS);
    assert_true(quirk_find(STR("ollama"))->no_required_choice);
    assert_string_equal(quirk_find(STR("vllm"))->thinking_field, "reasoning");
    assert_int_equal(quirk_find(STR("llamacpp"))->max_name, QUIRK_MAX_TOKENS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_found_by_its_name),
        cmocka_unit_test(every_host_leads_to_its_row_and_others_to_openai),
        cmocka_unit_test(each_vendor_deviates_as_documented),
    };
    return cmocka_run_group_tests_name("llm/quirk", tests, NULL, NULL);
}
