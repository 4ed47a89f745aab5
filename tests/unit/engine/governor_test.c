/* The governor: levels by name, kept over reloads, taken from by several threads at once. */
#include "unit/engine/suite.h"

#include <pthread.h>

#include "core/clock.h"
#include "engine/governor.h"

#define HEX_A "00000000000000000000000000000000000000000000000000000000000000aa"
#define HEX_B "00000000000000000000000000000000000000000000000000000000000000bb"

/* The limits of key, tenant, organisation and provider, as YAML. */
static struct settings *settings_of(const char *key, const char *tenant, const char *organisation,
                                    const char *provider)
{
    char text[2048];
    struct settings *s = NULL;
    struct error err = {0};
    snprintf(text, sizeof(text),
             "providers:\n"
             "  p: {dialect: openai, base_url: \"http://127.0.0.1:1/v1\"}\n"
             "models:\n"
             "  m: {targets: [{provider: p, model: m}]}\n"
             "limits:\n"
             "  providers: {p: {%s}}\n"
             "  organisations: {inc: {%s}}\n"
             "tenants:\n"
             "  acme:\n"
             "    organisation: inc\n"
             "    limits: {%s}\n"
             "    keys:\n"
             "      - {alias: web, sha256: " HEX_A ", %s}\n"
             "      - {alias: app, sha256: " HEX_B "}\n",
             provider, organisation, tenant, key);
    if (suite_settings(text, NULL, &s, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return s;
}

static const struct moment start = {.mono_us = 1000, .wall_us = 1764000000000000};

static struct governor *governor_of(struct settings *s)
{
    struct error err = {0};
    struct governor *g = governor_new();
    assert_int_equal(governor_adopt(g, s, start, &err), 0);
    return g;
}

static struct reservation asking(int64_t tokens)
{
    struct amounts a = {
        {[DIMENSION_TOKENS] = tokens, [DIMENSION_CONCURRENCY] = 1}
    };
    return (struct reservation){.caller = a, .at_deployment = a};
}

static bool take(struct governor *g, struct settings *s, struct reservation *r,
                 struct governor_refusal *refusal)
{
    return governor_take(g, r, &s->keys[0], &s->providers[0], start, refusal);
}

static void a_refusal_names_whose_limit_it_is(void **state)
{
    (void)state;

    static const struct {
        const char *key, *tenant, *organisation, *provider;
        enum level_kind kind;
        const char *name;
    } rows[] = {
        {"limits: {tpm: 5}", "",       "",                 "",       LEVEL_KEY,          "web" },
        {"",                 "tpm: 5", "",                 "",       LEVEL_TENANT,       "acme"},
        {"",                 "",       "limits: {tpm: 5}", "",       LEVEL_ORGANISATION, "inc" },
        {"",                 "",       "",                 "tpm: 5", LEVEL_PROVIDER,     "p"   },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct governor_refusal refusal;
        struct governor_counts counts;
        struct settings *s =
            settings_of(rows[i].key, rows[i].tenant, rows[i].organisation, rows[i].provider);
        struct governor *g = governor_of(s);
        struct reservation fits = asking(5), more = asking(1);
        assert_true(take(g, s, &fits, &refusal));
        assert_false(take(g, s, &more, &refusal));
        assert_int_equal(refusal.kind, rows[i].kind);
        assert_true(str_is(refusal.name, rows[i].name));
        assert_int_equal(refusal.why.dimension, DIMENSION_TOKENS);
        assert_int_equal(refusal.why.wait_us, 12000000);
        governor_count(g, &counts);
        assert_int_equal(counts.refused[rows[i].kind][DIMENSION_TOKENS], 1);
        assert_int_equal(counts.held, 1);
        assert_int_equal(counts.levels, 6); /* two keys, and the model */
        governor_settle(g, &fits, &(struct amounts){0}, start);
        governor_count(g, &counts);
        assert_int_equal(counts.held, 0);
        assert_true(take(g, s, &more, &refusal));
        governor_free(g);
        settings_unref(s);
    }
}

static void the_gate_counts_requests_and_gives_none_back(void **state)
{
    (void)state;
    struct governor_refusal refusal;
    struct settings *s = settings_of("limits: {rpm: 2}", "rpm: 3", "", "");
    struct governor *g = governor_of(s);
    assert_true(governor_gate(g, NULL, start, &refusal));
    assert_true(governor_gate(g, &s->keys[0], start, &refusal));
    assert_true(governor_gate(g, &s->keys[0], start, &refusal));
    assert_false(governor_gate(g, &s->keys[0], start, &refusal));
    assert_int_equal(refusal.kind, LEVEL_KEY);
    assert_true(governor_gate(g, &s->keys[1], start, &refusal)); /* the refused one took nothing */
    assert_false(governor_gate(g, &s->keys[1], start, &refusal));
    assert_int_equal(refusal.kind, LEVEL_TENANT);
    struct governor_view view;
    governor_look(g, &s->keys[0], start, &view);
    assert_int_equal(view.limits[DIMENSION_REQUESTS].capacity, 2);
    assert_int_equal(view.left[DIMENSION_REQUESTS], 0);
    assert_int_equal(view.reset_us[DIMENSION_REQUESTS], 60000000);
    assert_int_equal(view.limits[DIMENSION_TOKENS].law, BUCKET_NONE);
    governor_free(g);
    settings_unref(s);
}

static void levels_and_reservations_survive_a_reload(void **state)
{
    (void)state;
    struct governor_refusal refusal;
    struct error err = {0};
    struct settings *s = settings_of("limits: {tpm: 100, concurrency: 2}", "", "", "");
    struct governor *g = governor_of(s);
    struct reservation open = asking(60), next = asking(50);
    assert_true(take(g, s, &open, &refusal));
    struct settings *again = settings_of("limits: {tpm: 100, concurrency: 1}", "", "", "");
    assert_int_equal(governor_adopt(g, again, start, &err), 0);
    assert_false(take(g, again, &next, &refusal));
    struct settings *wider = settings_of("limits: {tpm: 200, concurrency: 2}", "", "", "");
    assert_int_equal(governor_adopt(g, wider, start, &err), 0);
    assert_true(take(g, wider, &next, &refusal));
    settings_unref(s); /* the reservation does not need its snapshot */
    governor_settle(g, &open, &(struct amounts){0}, start);
    struct governor_view view;
    governor_look(g, &wider->keys[0], start, &view);
    assert_int_equal(view.left[DIMENSION_TOKENS], 150);
    assert_int_equal(view.left[DIMENSION_CONCURRENCY], 1);
    governor_free(g);
    settings_unref(again);
    settings_unref(wider);
}

static void time_does_not_run_backwards(void **state)
{
    (void)state;
    struct governor_refusal refusal;
    struct settings *s = settings_of("limits: {tpm: 60}", "", "", "");
    struct governor *g = governor_of(s);
    struct reservation all = asking(60), one = asking(1);
    struct moment later = {.mono_us = start.mono_us + 999999, .wall_us = start.wall_us};
    assert_true(governor_take(g, &all, &s->keys[0], &s->providers[0], later, &refusal));
    assert_false(take(g, s, &one, &refusal));
    assert_int_equal(refusal.why.wait_us, 1000000);
    governor_free(g);
    settings_unref(s);
}

static void what_an_earlier_process_spent_is_charged(void **state)
{
    (void)state;
    struct governor_refusal refusal;
    struct settings *s = settings_of("budget: {usd_per_day: 1.50}", "tpm: 100", "", "");
    struct governor *g = governor_of(s);
    struct store_charge charge = {.tenant = STR("acme"),
                                  .key_alias = STR("web"),
                                  .provider = STR("gone"),
                                  .requests = 3,
                                  .input_tokens = 30,
                                  .output_tokens = 40,
                                  .cost_nanousd = 1400000000};
    governor_charge(g, s, &charge, false, start);
    struct reservation dear = asking(0);
    dear.caller.n[DIMENSION_MONEY] = 100000001;
    assert_false(take(g, s, &dear, &refusal));
    assert_int_equal(refusal.why.dimension, DIMENSION_MONEY);
    assert_int_equal(refusal.why.capacity, 1500000000);
    dear.caller.n[DIMENSION_MONEY] = 100000000;
    assert_true(take(g, s, &dear, &refusal));
    governor_charge(g, s, &charge, true, start);
    struct reservation more = asking(31);
    assert_false(take(g, s, &more, &refusal));
    assert_int_equal(refusal.kind, LEVEL_TENANT);
    charge.key_alias = STR("nobody"); /* a key that is gone */
    governor_charge(g, s, &charge, false, start);
    assert_true(governor_limits_money(&s->keys[0]));
    assert_false(governor_limits_money(&s->keys[1]));
    assert_false(governor_limits_money(NULL));
    governor_free(g);
    settings_unref(s);
}

static void a_swap_to_a_full_place_is_refused_and_counted(void **state)
{
    (void)state;
    struct governor_refusal refusal;
    struct governor_counts counts;
    struct settings *s = settings_of("", "", "", "tpm: 100");
    struct governor *g = governor_of(s);
    struct reservation r = asking(40);
    assert_true(take(g, s, &r, &refusal));
    struct amounts larger = {
        {[DIMENSION_TOKENS] = 101, [DIMENSION_CONCURRENCY] = 1}
    };
    assert_false(governor_swap(g, &r, &s->providers[0], &larger, &larger, false, start, &refusal));
    assert_int_equal(refusal.kind, LEVEL_PROVIDER);
    larger.n[DIMENSION_TOKENS] = 100;
    assert_true(governor_swap(g, &r, &s->providers[0], &larger, &larger, false, start, &refusal));
    governor_count(g, &counts);
    assert_int_equal(counts.swapped, 1);
    assert_int_equal(counts.refused[LEVEL_PROVIDER][DIMENSION_TOKENS], 1);
    governor_free(g);
    settings_unref(s);
}

static void what_was_learnt_of_a_model_survives_a_reload(void **state)
{
    (void)state;
    struct error err = {0};
    struct settings *s = settings_of("", "", "", "");
    struct governor *g = governor_of(s);
    const struct settings_target *target = &s->models[0].targets[0];
    assert_int_equal(governor_guess(g, target, 1000), -1);
    for (int i = 0; i < 100; i++) {
        governor_learn(g, target, 1000, 250);
    }
    struct settings *again = settings_of("", "", "", "");
    assert_int_equal(governor_adopt(g, again, start, &err), 0);
    assert_in_range(governor_guess(g, &again->models[0].targets[0], 1000), 250, 255);
    governor_free(g);
    settings_unref(s);
    settings_unref(again);
}

/* ---- threads ---- */

#define THREADS 8

struct spender {
    struct governor *governor;
    struct settings *settings;
    uint64_t taken;
    pthread_t thread;
};

static void *spend(void *ctx)
{
    struct spender *me = ctx;
    struct governor_refusal refusal;
    for (int i = 0; i < 20000; i++) {
        struct reservation r = asking(7);
        if (governor_take(me->governor, &r, &me->settings->keys[0], &me->settings->providers[0],
                          start, &refusal)) {
            me->taken++;
            struct amounts used = {{[DIMENSION_TOKENS] = 3}};
            governor_settle(me->governor, &r, &used, start);
        }
    }
    return NULL;
}

static void a_limit_is_exact_under_threads(void **state)
{
    (void)state;
    struct spender spenders[THREADS];
    struct settings *s = settings_of("limits: {tpm: 100000}", "", "", "");
    struct governor *g = governor_of(s);
    uint64_t taken = 0;
    for (int i = 0; i < THREADS; i++) {
        spenders[i] = (struct spender){.governor = g, .settings = s};
        assert_int_equal(pthread_create(&spenders[i].thread, NULL, spend, &spenders[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(spenders[i].thread, NULL);
        taken += spenders[i].taken;
    }
    /* Each leaves 3 charged and needs 7 to begin: all but the last few tokens are used. */
    assert_in_range(taken * 3, 100000 - 7 * THREADS, 100000);
    struct governor_view view;
    governor_look(g, &s->keys[0], start, &view);
    assert_int_equal(view.left[DIMENSION_TOKENS], 100000 - taken * 3);
    governor_free(g);
    settings_unref(s);
}

static void every_kind_of_level_has_a_name(void **state)
{
    (void)state;
    for (int k = 0; k < LEVEL_KINDS; k++) {
        assert_non_null(level_kind_names[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_names_whose_limit_it_is),
        cmocka_unit_test(the_gate_counts_requests_and_gives_none_back),
        cmocka_unit_test(levels_and_reservations_survive_a_reload),
        cmocka_unit_test(time_does_not_run_backwards),
        cmocka_unit_test(what_an_earlier_process_spent_is_charged),
        cmocka_unit_test(a_swap_to_a_full_place_is_refused_and_counted),
        cmocka_unit_test(what_was_learnt_of_a_model_survives_a_reload),
        cmocka_unit_test(a_limit_is_exact_under_threads),
        cmocka_unit_test(every_kind_of_level_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
