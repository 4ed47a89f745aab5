#include "unit/engine/suite.h"

#include "engine/settle.h"

static const char config[] =
    "providers: {p: {dialect: openai, base_url: \"http://h/v1\"}}\n"
    "models: {m: {targets: [{provider: p, model: own}]}}\n"
    "prices: {own: {input: 1, output: 10, batch_input: 0.5, batch_output: 5}}\n";

struct fixture {
    struct settings *settings;
    struct trace *trace;
    struct answer_facts answer;
    struct request_facts facts;
    struct settle_input input;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    struct error err;
    assert_int_equal(suite_settings(config, NULL, &f->settings, &err), 0);
    f->trace = trace_new();
    answer_facts_init(&f->answer);
    f->facts.messages = STR("[{\"role\":\"user\",\"content\":\"one two three four five six\"}]");
    f->facts.service_tier = STR_EMPTY;
    f->facts.system = STR_EMPTY;
    f->facts.tools = STR_EMPTY;
    f->input = (struct settle_input){.settings = f->settings,
                                     .provider = &f->settings->providers[0],
                                     .route = route_by_id(ROUTE_CHAT),
                                     .model_routed = STR("own"),
                                     .facts = &f->facts,
                                     .answer = &f->answer,
                                     .sent = true,
                                     .accepted = true};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    answer_facts_release(&f->answer);
    trace_free(f->trace);
    settings_unref(f->settings);
    test_free(f);
    return 0;
}

static void the_provider_s_usage_counts(void **state)
{
    struct fixture *f = *state;
    f->answer.usage.input = 100;
    f->answer.usage.output = 20;
    settle(&f->input, f->trace);
    assert_int_equal(f->trace->usage_source, TRACE_USAGE_PROVIDER);
    assert_int_equal(f->trace->price_status, TRACE_PRICED);
    assert_int_equal(f->trace->cost_nanousd, 100 * 1000 + 20 * 10000);
    assert_true(str_is(f->trace->price_version, "config"));
}

static void the_tier_that_was_used_sets_the_price(void **state)
{
    struct fixture *f = *state;
    f->answer.usage.input = 100;
    f->answer.usage.output = 20;
    f->facts.service_tier = STR("auto");
    snprintf(f->answer.service_tier, sizeof(f->answer.service_tier), "flex");
    settle(&f->input, f->trace);
    assert_int_equal(f->trace->cost_nanousd, (100 * 1000 + 20 * 10000) / 2);
}

static void missing_usage_is_estimated_and_says_so(void **state)
{
    struct fixture *f = *state;
    f->answer.output_tokens_estimated = 9;
    settle(&f->input, f->trace);
    assert_int_equal(f->trace->usage_source, TRACE_USAGE_ESTIMATED);
    assert_int_equal(f->trace->output_tokens, 9);
    assert_in_range(f->trace->input_tokens, 5, 60);
    assert_int_equal(f->trace->price_status, TRACE_PRICED);
}

static void a_cancelled_stream_is_charged_for_what_was_delivered(void **state)
{
    struct fixture *f = *state;
    f->trace->cancelled_in = STR("stream");
    f->answer.usage.input = 33; /* Anthropic says so at the start, with one output token */
    f->answer.usage.output = 1;
    f->answer.output_tokens_estimated = 40;
    settle(&f->input, f->trace);
    assert_int_equal(f->trace->usage_source, TRACE_USAGE_ESTIMATED);
    assert_int_equal(f->trace->input_tokens, 33);
    assert_int_equal(f->trace->output_tokens, 40);
}

static void what_never_left_or_was_refused_costs_nothing(void **state)
{
    struct fixture *f = *state;
    f->input.accepted = false;
    settle(&f->input, f->trace);
    assert_int_equal(f->trace->price_status, TRACE_NO_CHARGE);
    assert_int_equal(f->trace->usage_source, TRACE_USAGE_NONE);
    f->trace->cancelled_in = STR("waiting");
    f->input.sent = false;
    settle(&f->input, f->trace);
    assert_int_equal(f->trace->price_status, TRACE_NO_CHARGE);
}

static void a_model_without_a_price_is_unpriced_and_never_free(void **state)
{
    struct fixture *f = *state;
    f->answer.usage.input = 100;
    f->answer.usage.output = 20;
    f->input.model_routed = STR("mystery");
    settle(&f->input, f->trace);
    assert_int_equal(f->trace->price_status, TRACE_UNPRICED);
    assert_int_equal(f->trace->input_tokens, 100);
    assert_non_null(strstr(f->trace->price_note.p, "mystery"));
}

static void pass_through_is_unpriced(void **state)
{
    struct fixture *f = *state;
    f->input.route = route_by_id(ROUTE_PASSTHROUGH);
    f->input.facts = NULL;
    settle(&f->input, f->trace);
    assert_int_equal(f->trace->price_status, TRACE_UNPRICED);
    assert_true(str_is(f->trace->price_note, "pass-through"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_provider_s_usage_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(the_tier_that_was_used_sets_the_price, setup, teardown),
        cmocka_unit_test_setup_teardown(missing_usage_is_estimated_and_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cancelled_stream_is_charged_for_what_was_delivered, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_never_left_or_was_refused_costs_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_model_without_a_price_is_unpriced_and_never_free, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(pass_through_is_unpriced, setup, teardown),
    };
    return cmocka_run_group_tests_name("engine/settle", tests, NULL, NULL);
}
