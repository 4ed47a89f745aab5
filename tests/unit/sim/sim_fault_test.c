#include "unit/sim/suite.h"

#include "sim/sim_fault.h"

#define DRAWS 2000

static void nothing_goes_wrong_by_default(void **state)
{
    (void)state;
    struct dials dials;
    dials_init(&dials);
    for (uint64_t n = 1; n <= DRAWS; n++) {
        assert_int_equal(sim_fault_draw(&dials, 7, n), DIAL_FAULT_NONE);
        assert_int_equal(sim_fault_stopping(&dials, 7, n, 100).stop, SIM_STOP_NONE);
    }
}

static void each_rate_brings_its_own_fault_as_often_as_it_says(void **state)
{
    (void)state;

    static const struct {
        const char *dial;
        int fault;
    } rows[] = {
        {"error-429",      429                },
        {"error-429-bare", DIAL_FAULT_BARE_429},
        {"error-500",      500                },
        {"error-503",      503                },
        {"error-529",      529                },
        {"error-timeout",  DIAL_FAULT_TIMEOUT },
        {"error-reset",    DIAL_FAULT_RESET   },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dials dials;
        int hits = 0;
        dials_init(&dials);
        assert_int_equal(dial_set(&dials, str_of(rows[i].dial), STR("0.2"), NULL), 0);
        for (uint64_t n = 1; n <= DRAWS; n++) {
            int fault = sim_fault_draw(&dials, 7, n);
            assert_true(fault == DIAL_FAULT_NONE || fault == rows[i].fault);
            hits += fault != DIAL_FAULT_NONE;
        }
        /* Five standard deviations to both sides of 400. */
        assert_true(hits > 310 && hits < 490);
        assert_int_equal(dial_set(&dials, str_of(rows[i].dial), STR("1"), NULL), 0);
        assert_int_equal(sim_fault_draw(&dials, 7, 1), rows[i].fault);
    }
}

static void rates_share_one_draw(void **state)
{
    (void)state;
    struct dials dials;
    int seen[600] = {0};
    dials_init(&dials);
    dials.error_429 = 0.25;
    dials.error_500 = 0.25;
    dials.error_503 = 0.5;
    for (uint64_t n = 1; n <= DRAWS; n++) {
        int fault = sim_fault_draw(&dials, 7, n);
        assert_true(fault >= 0 && fault < 600);
        seen[fault]++;
    }
    assert_int_equal(seen[429] + seen[500] + seen[503], DRAWS);
    assert_true(seen[503] > seen[429] && seen[503] > seen[500]);
}

static void draws_repeat_themselves_and_a_retry_draws_anew(void **state)
{
    (void)state;
    struct dials dials;
    bool differ = false;
    dials_init(&dials);
    dials.error_500 = 0.5;
    for (uint64_t n = 1; n < 100; n++) {
        assert_int_equal(sim_fault_draw(&dials, 7, n), sim_fault_draw(&dials, 7, n));
        differ = differ || sim_fault_draw(&dials, 7, n) != sim_fault_draw(&dials, 7, n + 1);
    }
    assert_true(differ);
}

static void a_forced_error_needs_no_draw(void **state)
{
    (void)state;
    struct dials dials;
    dials_init(&dials);
    dials.error = 418;
    for (uint64_t n = 1; n < 100; n++) {
        assert_int_equal(sim_fault_draw(&dials, n, n), 418);
    }
}

static void stops_are_forced_by_after_and_drawn_by_rate(void **state)
{
    (void)state;
    struct dials dials;
    int stalls = 0;

    dials_init(&dials);
    dials.stall_after = 3;
    struct sim_stopping s = sim_fault_stopping(&dials, 7, 1, 100);
    assert_int_equal(s.stop, SIM_STOP_STALL);
    assert_int_equal(s.after, 3);

    dials.stall_rate = 0.5;
    for (uint64_t n = 1; n <= DRAWS; n++) {
        s = sim_fault_stopping(&dials, 7, n, 100);
        assert_true(s.stop == SIM_STOP_NONE || s.after == 3);
        stalls += s.stop == SIM_STOP_STALL;
    }
    assert_true(stalls > 880 && stalls < 1120);

    dials_init(&dials);
    dials.cut_rate = 1;
    for (uint64_t n = 1; n <= DRAWS; n++) {
        s = sim_fault_stopping(&dials, 7, n, 40);
        assert_int_equal(s.stop, SIM_STOP_CUT);
        assert_true(s.after >= 1 && s.after <= 40);
    }
    assert_int_equal(sim_fault_stopping(&dials, 7, 1, 0).after, 1);
}

static void the_earliest_stop_wins(void **state)
{
    (void)state;
    struct dials dials;
    dials_init(&dials);
    dials.stall_after = 5;
    dials.cut_after = 4;
    dials.error_mid_stream = 6;
    assert_int_equal(sim_fault_stopping(&dials, 7, 1, 100).stop, SIM_STOP_CUT);
    dials.error_mid_stream = 2;
    assert_int_equal(sim_fault_stopping(&dials, 7, 1, 100).stop, SIM_STOP_ERROR);
}

static void every_status_has_words_in_both_dialects(void **state)
{
    (void)state;
    for (int status = 400; status <= 599; status++) {
        struct sim_wording w = sim_fault_wording(status);
        assert_true(strlen(w.openai) > 5 && strlen(w.anthropic) > 5);
    }
    assert_string_equal(sim_fault_wording(401).openai_code, "invalid_api_key");
    assert_string_equal(sim_fault_wording(429).openai_code, "rate_limit_exceeded");
    assert_string_equal(sim_fault_wording(402).openai_code, "insufficient_quota");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_goes_wrong_by_default),
        cmocka_unit_test(each_rate_brings_its_own_fault_as_often_as_it_says),
        cmocka_unit_test(rates_share_one_draw),
        cmocka_unit_test(draws_repeat_themselves_and_a_retry_draws_anew),
        cmocka_unit_test(a_forced_error_needs_no_draw),
        cmocka_unit_test(stops_are_forced_by_after_and_drawn_by_rate),
        cmocka_unit_test(the_earliest_stop_wins),
        cmocka_unit_test(every_status_has_words_in_both_dialects),
    };
    return cmocka_run_group_tests_name("sim/sim_fault", tests, NULL, NULL);
}
