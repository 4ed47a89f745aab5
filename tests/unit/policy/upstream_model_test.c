#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/rand.h"
#include "policy/upstream_model.h"

/* --- laws of a quantity ------------------------------------------------------------------- */

static void laws_are_parsed(void **state)
{
    static const struct {
        const char *text;
        struct upstream_law law;
    } rows[] = {
        {"constant:5",              {UPSTREAM_CONSTANT, 5, 0}      },
        {"250",                     {UPSTREAM_CONSTANT, 250, 0}    },
        {"0",                       {UPSTREAM_CONSTANT, 0, 0}      },
        {"uniform:1,2.5",           {UPSTREAM_UNIFORM, 1, 2.5}     },
        {"uniform:3,3",             {UPSTREAM_UNIFORM, 3, 3}       },
        {"exponential:1e3",         {UPSTREAM_EXPONENTIAL, 1000, 0}},
        {"lognormal:350,0.4",       {UPSTREAM_LOGNORMAL, 350, 0.4} },
        {" lognormal : 350 , 0.4 ", {UPSTREAM_LOGNORMAL, 350, 0.4} },
        {"pareto:10,1.5",           {UPSTREAM_PARETO, 10, 1.5}     },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct upstream_law law = {0};
        struct error err = {0};
        if (upstream_law_parse(str_of(rows[i].text), &law, &err) < 0) {
            fail_msg("%s", err.text);
        }
        assert_int_equal(law.kind, rows[i].law.kind);
        assert_true(law.a == rows[i].law.a);
        assert_true(law.b == rows[i].law.b);
    }
}

static void wrong_laws_are_refused_with_what_was_expected(void **state)
{
    static const struct {
        const char *text;
        const char *part;
    } rows[] = {
        {"",               "expected constant, uniform" },
        {"-5",             "expected constant, uniform" },
        {"lognorml:1,2",   "did you mean \"lognormal\"?"},
        {"gauss:1,2",      "unknown law \"gauss\""      },
        {"constant",       "expected constant:VALUE"    },
        {"constant:",      "expected constant:VALUE"    },
        {"constant:-1",    "VALUE >= 0"                 },
        {"constant:1,2",   "expected constant:VALUE"    },
        {"constant:nan",   "expected constant:VALUE"    },
        {"uniform:5",      "expected uniform:FROM,TO"   },
        {"uniform:5,4",    "FROM <= TO"                 },
        {"uniform:1,2,3",  "expected uniform"           },
        {"exponential:x",  "MEAN >= 0"                  },
        {"lognormal:0,1",  "MEDIAN > 0"                 },
        {"lognormal:5,11", "SIGMA <= 10"                },
        {"lognormal:5,-1", "0 <= SIGMA"                 },
        {"pareto:0,1",     "MIN > 0"                    },
        {"pareto:1,0",     "ALPHA > 0"                  },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct upstream_law law = {UPSTREAM_PARETO, 7, 7};
        struct error err = {0};
        assert_int_equal(upstream_law_parse(str_of(rows[i].text), &law, &err), ERR_INVALID);
        if (!strstr(err.text, rows[i].part)) {
            fail_msg("\"%s\" lacks \"%s\"", err.text, rows[i].part);
        }
        assert_int_equal(law.a, 7);
    }
}

/* Mean of n samples and the share of them below `at`. */
static void draw(const char *text, double at, double *ret_mean, double *ret_below)
{
    struct upstream_law law;
    struct rand_state random;
    const int n = 200000;
    double sum = 0;
    int below = 0;
    assert_int_equal(upstream_law_parse(str_of(text), &law, NULL), 0);
    rand_seed(&random, 42);
    for (int i = 0; i < n; i++) {
        double unit = rand_unit(&random);
        double value = upstream_law_sample(&law, unit, rand_normal(&random));
        assert_true(value >= 0 && isfinite(value));
        sum += value;
        below += value < at ? 1 : 0;
    }
    *ret_mean = sum / n;
    *ret_below = (double)below / n;
}

static void samples_follow_their_law(void **state)
{
    static const struct {
        const char *text;
        double at, mean, below;
    } rows[] = {
        {"constant:5",        5.1, 5,      1     },
        {"uniform:10,20",     12,  15,     0.2   },
        {"exponential:100",   100, 100,    0.6321},
        {"lognormal:100,0.5", 100, 113.31, 0.5   },
        {"pareto:10,3",       20,  15,     0.875 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double mean = 0;
        double below = 0;
        draw(rows[i].text, rows[i].at, &mean, &below);
        assert_true(fabs(mean / rows[i].mean - 1) < 0.02);
        assert_true(fabs(below - rows[i].below) < 0.01);
    }
}

static void samples_stay_within_bounds_at_the_edges(void **state)
{
    struct upstream_law law = {UPSTREAM_PARETO, 10, 0.01};
    const double last = nextafter(1.0, 0.0);
    (void)state;
    assert_true(upstream_law_sample(&law, last, 0) == 10000);
    assert_true(upstream_law_sample(&law, 0, 0) == 10);
    law = (struct upstream_law){UPSTREAM_EXPONENTIAL, 10, 0};
    assert_true(isfinite(upstream_law_sample(&law, last, 0)));
    assert_true(upstream_law_sample(&law, 0, 0) == 0);
    law = (struct upstream_law){UPSTREAM_UNIFORM, 1, 2};
    assert_true(upstream_law_sample(&law, last, 0) < 2);
}

/* --- laws of a window --------------------------------------------------------------------- */

static void window_laws_have_names(void **state)
{
    (void)state;
    for (int i = UPSTREAM_FIXED; i <= UPSTREAM_REFILL; i++) {
        enum upstream_window_law law = UPSTREAM_FIXED;
        const char *name = upstream_window_law_name((enum upstream_window_law)i);
        assert_int_equal(upstream_window_law_parse(str_of(name), &law, NULL), 0);
        assert_int_equal(law, i);
    }
    enum upstream_window_law law = UPSTREAM_REFILL;
    struct error err = {0};
    assert_int_equal(upstream_window_law_parse(STR("leaky"), &law, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "expected fixed, sliding or refill"));
    assert_int_equal(law, UPSTREAM_REFILL);
}

static void a_fixed_window_restarts_at_its_multiples(void **state)
{
    struct upstream_window w;
    (void)state;
    upstream_window_init(&w, UPSTREAM_FIXED, 10, 60000, 59000);
    upstream_window_charge(&w, 10, 59000);
    assert_false(upstream_window_fits(&w, 1, 59999));
    assert_int_equal(upstream_window_wait_ms(&w, 1, 59999), 1);
    assert_int_equal(upstream_window_reset_ms(&w, 59999), 1);
    assert_true(upstream_window_fits(&w, 10, 60000));
    assert_int_equal(upstream_window_remaining(&w, 60000), 10);
    assert_int_equal(upstream_window_reset_ms(&w, 60000), 0);
    assert_int_equal(upstream_window_wait_ms(&w, 11, 60000), -1);
}

static void a_sliding_window_forgets_by_slices(void **state)
{
    struct upstream_window w;
    (void)state;
    /* Slices of one second. */
    upstream_window_init(&w, UPSTREAM_SLIDING, 10, 60000, 0);
    upstream_window_charge(&w, 4, 1500);
    upstream_window_charge(&w, 6, 30999);
    assert_int_equal(upstream_window_wait_ms(&w, 4, 40000), 21000);
    assert_int_equal(upstream_window_wait_ms(&w, 5, 40000), 50000);
    assert_int_equal(upstream_window_reset_ms(&w, 40000), 50000);
    assert_false(upstream_window_fits(&w, 1, 60999));
    assert_int_equal(upstream_window_remaining(&w, 61000), 4);
    assert_int_equal(upstream_window_remaining(&w, 89999), 4);
    assert_int_equal(upstream_window_remaining(&w, 90000), 10);
}

static void a_bucket_refills_continuously(void **state)
{
    struct upstream_window w;
    (void)state;
    /* Three in a second: one every 333.3 ms, without drift. */
    upstream_window_init(&w, UPSTREAM_REFILL, 3, 1000, 0);
    upstream_window_charge(&w, 3, 0);
    assert_int_equal(upstream_window_remaining(&w, 333), 0);
    assert_int_equal(upstream_window_wait_ms(&w, 1, 333), 1);
    assert_true(upstream_window_fits(&w, 1, 334));
    upstream_window_charge(&w, 1, 334);
    assert_int_equal(upstream_window_reset_ms(&w, 334), 1000);
    int taken = 1;
    for (int64_t now = 335; now <= 1000000; now++) {
        if (upstream_window_fits(&w, 1, now)) {
            upstream_window_charge(&w, 1, now);
            taken++;
        }
    }
    assert_int_equal(taken, 3000);
    /* A debt is paid back before anything fits again. */
    upstream_window_init(&w, UPSTREAM_REFILL, 3, 1000, 0);
    upstream_window_charge(&w, 9, 0);
    assert_int_equal(upstream_window_remaining(&w, 2000), 0);
    assert_int_equal(upstream_window_wait_ms(&w, 3, 2000), 1000);
}

static void without_a_limit_everything_fits(void **state)
{
    (void)state;
    for (int law = UPSTREAM_FIXED; law <= UPSTREAM_REFILL; law++) {
        struct upstream_window w;
        upstream_window_init(&w, (enum upstream_window_law)law, 0, 60000, 0);
        upstream_window_charge(&w, 1000000, 0);
        assert_true(upstream_window_fits(&w, INT64_MAX, 0));
        assert_int_equal(upstream_window_remaining(&w, 0), INT64_MAX);
        assert_int_equal(upstream_window_wait_ms(&w, INT64_MAX, 0), 0);
        assert_int_equal(upstream_window_reset_ms(&w, 0), 0);
        upstream_window_set_limit(&w, 5, 1);
        assert_int_equal(upstream_window_remaining(&w, 1), law == UPSTREAM_REFILL ? 5 : 0);
    }
}

static void a_new_limit_keeps_what_was_used(void **state)
{
    (void)state;
    for (int law = UPSTREAM_FIXED; law <= UPSTREAM_REFILL; law++) {
        struct upstream_window w;
        upstream_window_init(&w, (enum upstream_window_law)law, 10, 60000, 0);
        upstream_window_charge(&w, 6, 0);
        upstream_window_set_limit(&w, 100, 0);
        assert_int_equal(upstream_window_remaining(&w, 0), 94);
        upstream_window_set_limit(&w, 5, 0);
        assert_int_equal(upstream_window_remaining(&w, 0), 0);
        assert_false(upstream_window_fits(&w, 1, 0));
        upstream_window_set_limit(&w, 8, 0);
        assert_int_equal(upstream_window_remaining(&w, 0), 2);
    }
}

static void giving_back_never_makes_more_room_than_the_limit(void **state)
{
    (void)state;
    for (int law = UPSTREAM_FIXED; law <= UPSTREAM_REFILL; law++) {
        struct upstream_window w;
        upstream_window_init(&w, (enum upstream_window_law)law, 10, 60000, 0);
        upstream_window_charge(&w, 6, 0);
        upstream_window_charge(&w, -2, 10);
        assert_int_equal(upstream_window_remaining(&w, 10), 6);
        upstream_window_charge(&w, -100, 20);
        assert_int_equal(upstream_window_remaining(&w, 20), 10);
        upstream_window_charge(&w, 10, 30);
        assert_false(upstream_window_fits(&w, 1, 30));
    }
}

static void extreme_numbers_do_not_overflow(void **state)
{
    (void)state;
    for (int law = UPSTREAM_FIXED; law <= UPSTREAM_REFILL; law++) {
        struct upstream_window w;
        upstream_window_init(&w, (enum upstream_window_law)law, INT64_MAX, INT64_MAX, 0);
        assert_int_equal(w.limit, UPSTREAM_LIMIT_MAX);
        for (int i = 0; i < 1000; i++) {
            upstream_window_charge(&w, INT64_MAX, i);
        }
        assert_int_equal(upstream_window_remaining(&w, 2000), 0);
        assert_true(upstream_window_wait_ms(&w, 1, 2000) > 0);
        assert_true(upstream_window_reset_ms(&w, 2000) > 0);
        assert_true(upstream_window_fits(&w, INT64_MIN, 2000));
        upstream_window_set_limit(&w, 0, 2000);
        upstream_window_set_limit(&w, INT64_MAX, 2000);
        upstream_window_charge(&w, INT64_MIN, 3000);
        assert_true(upstream_window_fits(&w, 1, INT64_MAX));
        assert_int_equal(upstream_window_remaining(&w, INT64_MAX), UPSTREAM_LIMIT_MAX);
        upstream_window_init(&w, (enum upstream_window_law)law, -5, -5, -5);
        assert_int_equal(w.limit, 0);
        assert_int_equal(w.window_ms, 1);
    }
}

static void time_that_runs_backwards_stands_still(void **state)
{
    (void)state;
    for (int law = UPSTREAM_FIXED; law <= UPSTREAM_REFILL; law++) {
        struct upstream_window w;
        upstream_window_init(&w, (enum upstream_window_law)law, 10, 1000, 5000);
        upstream_window_charge(&w, 10, 5000);
        assert_false(upstream_window_fits(&w, 1, 100));
        assert_int_equal(upstream_window_wait_ms(&w, 10, 100), 1000);
        upstream_window_charge(&w, -10, 100);
        assert_int_equal(upstream_window_remaining(&w, 5000), 10);
    }
}

/* --- against a naive model ---------------------------------------------------------------- */

#define MODEL_MS 4000

/* What was charged, millisecond by millisecond, and a bucket that drips every millisecond. */
struct model {
    enum upstream_window_law law;
    int64_t limit, window_ms;
    int64_t charged[MODEL_MS]; /* net, by the time it was charged */
    int64_t level;             /* times window_ms */
    int64_t now;
};

static bool counts(const struct model *m, int64_t then, int64_t now)
{
    if (m->law == UPSTREAM_FIXED) {
        return then / m->window_ms == now / m->window_ms;
    }
    int64_t slices = UPSTREAM_WINDOW_SLICES;
    return now * slices / m->window_ms - then * slices / m->window_ms < slices;
}

static int64_t model_used(const struct model *m, int64_t now)
{
    int64_t used = 0;
    for (int64_t t = 0; t <= now && t < MODEL_MS; t++) {
        used += counts(m, t, now) ? m->charged[t] : 0;
    }
    return used;
}

static void model_advance(struct model *m, int64_t now)
{
    int64_t full = m->limit * m->window_ms;
    while (m->now < now) {
        m->now++;
        m->level = m->level + m->limit < full ? m->level + m->limit : full;
    }
}

static void model_charge(struct model *m, int64_t amount)
{
    int64_t full = m->limit * m->window_ms;
    m->level -= amount * m->window_ms;
    m->level = m->level > full ? full : m->level;
    if (amount >= 0) {
        m->charged[m->now] += amount;
        return;
    }
    for (int64_t t = m->now; t >= 0 && amount < 0; t--) {
        int64_t part = m->charged[t] < -amount ? m->charged[t] : -amount;
        if (counts(m, t, m->now)) {
            m->charged[t] -= part;
            amount += part;
        }
    }
}

static int64_t model_remaining(const struct model *m)
{
    int64_t left = m->law == UPSTREAM_REFILL ? (m->level < 0 ? 0 : m->level / m->window_ms)
                                             : m->limit - model_used(m, m->now);
    return left < 0 ? 0 : left;
}

static bool model_fits_at(const struct model *m, int64_t amount, int64_t now)
{
    if (m->law == UPSTREAM_REFILL) {
        int64_t full = m->limit * m->window_ms;
        int64_t level = m->level + (now - m->now) * m->limit;
        return amount * m->window_ms <= (level > full ? full : level);
    }
    return amount <= m->limit - model_used(m, now);
}

/* The first moment at which the amount fits, found by trying them all. */
static int64_t model_wait(const struct model *m, int64_t amount)
{
    if (amount > m->limit) {
        return -1;
    }
    for (int64_t wait = 0; wait < 100 * m->window_ms; wait++) {
        if (model_fits_at(m, amount, m->now + wait)) {
            return wait;
        }
    }
    return -2;
}

static void run_model(enum upstream_window_law law, struct rand_state *random)
{
    static struct model m;
    struct upstream_window w;
    m = (struct model){.law = law,
                       .limit = 1 + (int64_t)rand_below(random, 20),
                       .window_ms = 1 + (int64_t)rand_below(random, 300)};
    m.level = m.limit * m.window_ms;
    upstream_window_init(&w, law, m.limit, m.window_ms, 0);
    while (m.now < MODEL_MS / 2) {
        model_advance(&m, m.now + (int64_t)rand_below(random, 40));
        int64_t amount = 1 + (int64_t)rand_below(random, (uint64_t)m.limit + 2);
        assert_int_equal(upstream_window_remaining(&w, m.now), model_remaining(&m));
        bool fits = upstream_window_fits(&w, amount, m.now);
        assert_int_equal(fits, model_fits_at(&m, amount, m.now));
        assert_int_equal(upstream_window_wait_ms(&w, amount, m.now), model_wait(&m, amount));
        assert_int_equal(upstream_window_reset_ms(&w, m.now), model_wait(&m, m.limit));
        uint64_t action = rand_below(random, 8);
        if (action == 0) {
            amount = -amount;
        }
        /* Mostly what fits is charged, and now and then what does not. */
        if (fits || action <= 1) {
            upstream_window_charge(&w, amount, m.now);
            model_charge(&m, amount);
        }
    }
}

static void windows_agree_with_a_naive_model(void **state)
{
    struct rand_state random;
    (void)state;
    rand_seed(&random, 20261124);
    for (int i = 0; i < 12; i++) {
        run_model(UPSTREAM_FIXED, &random);
        run_model(UPSTREAM_SLIDING, &random);
        run_model(UPSTREAM_REFILL, &random);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(laws_are_parsed),
        cmocka_unit_test(wrong_laws_are_refused_with_what_was_expected),
        cmocka_unit_test(samples_follow_their_law),
        cmocka_unit_test(samples_stay_within_bounds_at_the_edges),
        cmocka_unit_test(window_laws_have_names),
        cmocka_unit_test(a_fixed_window_restarts_at_its_multiples),
        cmocka_unit_test(a_sliding_window_forgets_by_slices),
        cmocka_unit_test(a_bucket_refills_continuously),
        cmocka_unit_test(without_a_limit_everything_fits),
        cmocka_unit_test(a_new_limit_keeps_what_was_used),
        cmocka_unit_test(giving_back_never_makes_more_room_than_the_limit),
        cmocka_unit_test(extreme_numbers_do_not_overflow),
        cmocka_unit_test(time_that_runs_backwards_stands_still),
        cmocka_unit_test(windows_agree_with_a_naive_model),
    };
    return cmocka_run_group_tests_name("policy/upstream_model", tests, NULL, NULL);
}
