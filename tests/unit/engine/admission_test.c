/* Admission: what is reserved, what stays charged at each end, and what the books say. */
#include "unit/engine/suite.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/admission.h"

#define HEX_A "00000000000000000000000000000000000000000000000000000000000000aa"

struct scene {
    struct settings *settings;
    struct governor *governor;
    struct request_facts facts;
    struct admission admission;
    struct trace *trace;
    struct governor_refusal refusal;
};

static const struct moment start = {.mono_us = 1000, .wall_us = 1764000000000000};

static void scene_open(struct scene *s, const char *key)
{
    char text[2048];
    struct error err = {0};
    memset(s, 0, sizeof(*s));
    snprintf(text, sizeof(text),
             "providers:\n"
             "  p: {dialect: openai, base_url: \"http://127.0.0.1:1/v1\"}\n"
             "  q: {dialect: openai, base_url: \"http://127.0.0.1:2/v1\"}\n"
             "models:\n"
             "  m: {targets: [{provider: p, model: priced}, {provider: q, model: free}]}\n"
             "limits: {providers: {q: {tpm: 2000}}}\n"
             "prices: {priced: {input: 1, output: 10}}\n"
             "tenants:\n"
             "  acme: {keys: [{alias: web, sha256: " HEX_A ", %s}]}\n",
             key);
    if (suite_settings(text, NULL, &s->settings, &err) != 0) {
        fail_msg("%s", err.text);
    }
    s->governor = governor_new();
    assert_int_equal(governor_adopt(s->governor, s->settings, start, &err), 0);
    s->facts = (struct request_facts){.max_output = 100,
                                      .n = 2,
                                      .messages = STR("[{\"role\":\"user\",\"content\":\"hi\"}]"),
                                      .system = STR_EMPTY,
                                      .tools = STR_EMPTY,
                                      .service_tier = STR_EMPTY};
    s->trace = trace_new();
    memcpy(s->trace->id, "0199b0c2e5f00123456789abcdef0123", TRACE_ID_HEX + 1);
    s->admission = (struct admission){.governor = s->governor,
                                      .settings = s->settings,
                                      .key = &s->settings->keys[0],
                                      .route = route_by_id(ROUTE_CHAT),
                                      .facts = &s->facts};
}

static void scene_close(struct scene *s)
{
    trace_free(s->trace);
    governor_free(s->governor);
    settings_unref(s->settings);
}

static const struct settings_target *target(const struct scene *s, size_t i)
{
    return &s->settings->models[0].targets[i];
}

static enum admission_result take(struct scene *s)
{
    return admission_take(&s->admission, target(s, 0), s->trace, start, &s->refusal);
}

static int64_t left(const struct scene *s, enum dimension d)
{
    struct governor_view view;
    governor_look(s->governor, &s->settings->keys[0], start, &view);
    return view.left[d];
}

static void output_is_the_most_the_client_allows_for_each_answer(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, "limits: {output_tpm: 1000, tpm: 5000}");
    assert_int_equal(take(&s), ADMISSION_OK);
    assert_int_equal(left(&s, DIMENSION_OUTPUT), 800);
    assert_in_range(s.admission.input_tokens, 17, 60);
    assert_int_equal(left(&s, DIMENSION_TOKENS), 5000 - 200 - s.admission.input_tokens);
    scene_close(&s);
}

static void without_a_maximum_the_keys_default_holds(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, "default_max_output: 300, limits: {output_tpm: 1000}");
    s.facts.max_output = -1;
    s.facts.n = 1;
    assert_int_equal(take(&s), ADMISSION_OK);
    assert_int_equal(left(&s, DIMENSION_OUTPUT), 700);
    scene_close(&s);
}

static void embeddings_put_nothing_out_and_uncounted_routes_use_nothing(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, "limits: {output_tpm: 1000, tpm: 1000}");
    s.admission.route = route_by_id(ROUTE_EMBEDDINGS);
    assert_int_equal(take(&s), ADMISSION_OK);
    assert_int_equal(left(&s, DIMENSION_OUTPUT), 1000);
    assert_in_range(left(&s, DIMENSION_TOKENS), 900, 999);
    scene_close(&s);
    scene_open(&s, "limits: {output_tpm: 1000, tpm: 1000, concurrency: 2}");
    s.admission.route = route_by_id(ROUTE_COUNT_TOKENS);
    assert_int_equal(take(&s), ADMISSION_OK);
    assert_int_equal(left(&s, DIMENSION_TOKENS), 1000);
    assert_int_equal(left(&s, DIMENSION_CONCURRENCY), 1);
    scene_close(&s);
}

static void the_end_charges_what_was_used(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, "limits: {tpm: 5000, concurrency: 1}, budget: {usd_per_day: 1}");
    assert_int_equal(take(&s), ADMISSION_OK);
    assert_int_equal(left(&s, DIMENSION_CONCURRENCY), 0);
    int64_t reserved = s.admission.input_tokens * 1000 + 200 * 10000;
    assert_int_equal(left(&s, DIMENSION_MONEY), 1000000000 - reserved);
    s.trace->input_tokens = 12;
    s.trace->output_tokens = 30;
    s.trace->price_status = TRACE_PRICED;
    s.trace->cost_nanousd = 312000;
    admission_settle(&s.admission, s.trace, true, true, start);
    admission_settle(&s.admission, s.trace, true, true, start); /* once is enough */
    assert_int_equal(left(&s, DIMENSION_TOKENS), 5000 - 42);
    assert_int_equal(left(&s, DIMENSION_MONEY), 1000000000 - 312000);
    assert_int_equal(left(&s, DIMENSION_CONCURRENCY), 1);
    scene_close(&s);
}

static void an_unknown_outcome_charges_all_and_a_failure_nothing(void **state)
{
    (void)state;
    for (int unknown = 0; unknown < 2; unknown++) {
        struct scene s;
        scene_open(&s, "limits: {output_tpm: 5000, concurrency: 1}");
        assert_int_equal(take(&s), ADMISSION_OK);
        admission_settle(&s.admission, s.trace, true, unknown != 0, start);
        assert_int_equal(left(&s, DIMENSION_OUTPUT), unknown ? 4800 : 5000);
        assert_int_equal(left(&s, DIMENSION_CONCURRENCY), 1);
        scene_close(&s);
    }
}

static void under_a_budget_a_price_must_be_known(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, "budget: {usd_per_day: 1}");
    assert_int_equal(admission_take(&s.admission, target(&s, 1), s.trace, start, &s.refusal),
                     ADMISSION_UNPRICED);
    assert_int_equal(take(&s), ADMISSION_OK);
    assert_int_equal(admission_swap(&s.admission, target(&s, 1), false, start, &s.refusal),
                     ADMISSION_UNPRICED);
    scene_close(&s);
    scene_open(&s, "budget: {usd_per_day: 1}");
    s.admission.facts = NULL; /* passed through: nobody knows what it costs */
    s.admission.route = route_by_id(ROUTE_PASSTHROUGH);
    assert_int_equal(take(&s), ADMISSION_UNPRICED);
    scene_close(&s);
}

static void a_budget_that_is_spent_refuses(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, "budget: {usd_per_day: 0.002}");
    s.facts.n = 1;
    assert_int_equal(take(&s), ADMISSION_OK); /* $0.001 and a little */
    struct admission second = s.admission;
    second.open = false;
    assert_int_equal(admission_take(&second, target(&s, 0), s.trace, start, &s.refusal),
                     ADMISSION_REFUSED);
    assert_int_equal(s.refusal.why.dimension, DIMENSION_MONEY);
    assert_int_equal(s.refusal.kind, LEVEL_KEY);
    scene_close(&s);
}

static void another_attempt_moves_and_a_billed_one_stays(void **state)
{
    (void)state;
    for (int billed = 0; billed < 2; billed++) {
        struct scene s;
        scene_open(&s, "limits: {output_tpm: 1000}");
        assert_int_equal(take(&s), ADMISSION_OK);
        assert_int_equal(
            admission_swap(&s.admission, target(&s, 1), billed != 0, start, &s.refusal),
            ADMISSION_OK);
        assert_int_equal(left(&s, DIMENSION_OUTPUT), billed ? 600 : 800);
        assert_int_equal(s.admission.row.numbers.reserved_output, billed ? 400 : 200);
        assert_int_equal(s.admission.row.numbers.attempts, 2);
        s.trace->output_tokens = 50;
        admission_settle(&s.admission, s.trace, true, false, start);
        assert_int_equal(left(&s, DIMENSION_OUTPUT), billed ? 750 : 950);
        scene_close(&s);
    }
}

static void a_place_without_room_is_refused_and_all_is_as_before(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s, "limits: {output_tpm: 10000}");
    s.facts.max_output = 1500; /* twice: more than q takes */
    assert_int_equal(take(&s), ADMISSION_OK);
    assert_int_equal(admission_swap(&s.admission, target(&s, 1), true, start, &s.refusal),
                     ADMISSION_REFUSED);
    assert_int_equal(s.refusal.kind, LEVEL_PROVIDER);
    assert_true(s.refusal.why.wait_us == BUCKET_NEVER);
    assert_int_equal(left(&s, DIMENSION_OUTPUT), 7000);
    assert_int_equal(s.admission.kept_output, 0);
    scene_close(&s);
}

/* ---- with books ---- */

static void remove_folder(const char *path)
{
    DIR *dir = opendir(path);
    char name[600];
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
        unlink(name);
    }
    closedir(dir);
    rmdir(path);
}

static void note(void *ctx, const struct store_charge *charge)
{
    struct store_charge *sum = ctx;
    assert_true(str_is(charge->tenant, "acme"));
    assert_true(str_is(charge->provider, "q"));
    sum->requests += charge->requests;
    sum->output_tokens += charge->output_tokens;
}

static void the_books_hold_the_sum_over_the_attempts(void **state)
{
    (void)state;
    struct scene s;
    struct store *store = NULL;
    struct store_reader *reader = NULL;
    struct store_charge sum = {0};
    struct error err = {0};
    char folder[] = "/tmp/weir-admission-XXXXXX";
    char url[100];
    assert_non_null(mkdtemp(folder));
    snprintf(url, sizeof(url), "sqlite:%s/t.db", folder);
    scene_open(&s, "limits: {output_tpm: 1000}");
    assert_int_equal(store_open(url, &store, &err), 0);
    assert_int_equal(ledger_open(folder, store, &s.admission.ledger, &err), 0);
    assert_int_equal(take(&s), ADMISSION_OK);
    assert_int_equal(admission_swap(&s.admission, target(&s, 1), true, start, &s.refusal),
                     ADMISSION_OK);
    s.trace->output_tokens = 50;
    admission_settle(&s.admission, s.trace, true, false, start);
    ledger_close(s.admission.ledger);
    store_close(store);
    assert_int_equal(store_reader_open(url, &reader, &err), 0);
    assert_int_equal(store_charges(reader, 0, note, &sum, &err), 0);
    assert_int_equal(sum.requests, 1);
    assert_int_equal(sum.output_tokens, 250);
    store_reader_close(reader);
    scene_close(&s);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_is_the_most_the_client_allows_for_each_answer),
        cmocka_unit_test(without_a_maximum_the_keys_default_holds),
        cmocka_unit_test(embeddings_put_nothing_out_and_uncounted_routes_use_nothing),
        cmocka_unit_test(the_end_charges_what_was_used),
        cmocka_unit_test(an_unknown_outcome_charges_all_and_a_failure_nothing),
        cmocka_unit_test(under_a_budget_a_price_must_be_known),
        cmocka_unit_test(a_budget_that_is_spent_refuses),
        cmocka_unit_test(another_attempt_moves_and_a_billed_one_stays),
        cmocka_unit_test(a_place_without_room_is_refused_and_all_is_as_before),
        cmocka_unit_test(the_books_hold_the_sum_over_the_attempts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
