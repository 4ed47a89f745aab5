/* Tokens guessed from bytes: near, rather above than below, and not before enough is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/rand.h"
#include "policy/estimator.h"

static void there_is_no_guess_before_enough_was_seen(void **state)
{
    (void)state;
    struct estimator e = {0};
    for (int i = 0; i < ESTIMATOR_SEEN_MIN; i++) {
        assert_int_equal(estimator_guess(&e, 1000), -1);
        estimator_learn(&e, 1000, 250);
    }
    assert_in_range(estimator_guess(&e, 1000), 250, 300);
}

static void steady_traffic_is_guessed_closely(void **state)
{
    (void)state;
    struct estimator e = {0};
    for (int i = 0; i < 200; i++) {
        estimator_learn(&e, 2000, 500);
    }
    assert_in_range(estimator_guess(&e, 2000), 500, 503);
    assert_in_range(estimator_guess(&e, 20000), 5000, 5030);
    assert_int_equal(estimator_guess(&e, 0), 1);
}

static void few_requests_of_varied_traffic_use_more_than_the_guess(void **state)
{
    (void)state;
    struct estimator e = {0};
    struct rand_state r;
    int more = 0;
    int64_t guessed = 0, used = 0;
    rand_seed(&r, 3);
    for (int i = 0; i < 5000; i++) {
        int64_t bytes = 200 + (int64_t)rand_below(&r, 20000);
        int64_t tokens = bytes * (20 + (int64_t)rand_below(&r, 20)) / 100;
        int64_t guess = estimator_guess(&e, bytes);
        if (guess >= 0) {
            more += tokens > guess;
            guessed += guess;
            used += tokens;
        }
        estimator_learn(&e, bytes, tokens);
    }
    assert_in_range(more, 0, 250); /* 5% */
    assert_in_range(guessed * 100 / used, 100, 150);
}

static void a_change_of_traffic_is_followed(void **state)
{
    (void)state;
    struct estimator e = {0};
    for (int i = 0; i < 100; i++) {
        estimator_learn(&e, 1000, 200);
    }
    for (int i = 0; i < 200; i++) {
        estimator_learn(&e, 1000, 800);
    }
    assert_in_range(estimator_guess(&e, 1000), 795, 810);
}

static void nonsense_teaches_nothing(void **state)
{
    (void)state;
    struct estimator e = {0};
    for (int i = 0; i < 100; i++) {
        estimator_learn(&e, 1000, 1000000);
        estimator_learn(&e, 1000, -1);
        estimator_learn(&e, ESTIMATOR_BYTES_MIN - 1, 10);
        estimator_learn(&e, INT64_MAX, 10);
    }
    assert_int_equal(estimator_guess(&e, 1000), -1);
    for (int i = 0; i < 100; i++) {
        estimator_learn(&e, 1000, 4000);
    }
    assert_true(estimator_guess(&e, INT64_MAX) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_is_no_guess_before_enough_was_seen),
        cmocka_unit_test(steady_traffic_is_guessed_closely),
        cmocka_unit_test(few_requests_of_varied_traffic_use_more_than_the_guess),
        cmocka_unit_test(a_change_of_traffic_is_followed),
        cmocka_unit_test(nonsense_teaches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
