/* Buckets: exact in integers, whatever the order of events. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/attr.h"
#include "core/rand.h"
#include "policy/bucket.h"

#define MINUTE_US INT64_C(60000000)
#define DAY_US    (INT64_C(86400) * 1000000)

static const struct bucket_limit rpm = {BUCKET_REFILL, 60, MINUTE_US};
static const struct bucket_limit daily = {BUCKET_FIXED, 1000, DAY_US};
static const struct bucket_limit gauge = {BUCKET_GAUGE, 2, 0};

static void a_bucket_begins_full_and_refills_evenly(void **state)
{
    (void)state;
    struct bucket b;
    bucket_init(&b, &rpm, 5);
    assert_int_equal(bucket_left(&b, &rpm), 60);
    bucket_take(&b, &rpm, 60);
    assert_int_equal(bucket_wait_us(&b, &rpm, 1, 5), 1000000);
    bucket_advance(&b, &rpm, 5 + 999999);
    assert_int_equal(bucket_left(&b, &rpm), 0);
    assert_int_equal(bucket_wait_us(&b, &rpm, 1, 5 + 999999), 1);
    bucket_advance(&b, &rpm, 5 + 1000000);
    assert_int_equal(bucket_left(&b, &rpm), 1);
    assert_int_equal(bucket_wait_us(&b, &rpm, 1, 5 + 1000000), 0);
    assert_int_equal(bucket_reset_us(&b, &rpm, 5 + 1000000), 59000000);
}

static void no_moment_is_lost_to_rounding(void **state)
{
    (void)state;
    static const struct bucket_limit odd = {BUCKET_REFILL, 7, 60000000};
    struct bucket often, once;
    bucket_init(&often, &odd, 0);
    bucket_init(&once, &odd, 0);
    bucket_take(&often, &odd, 7);
    bucket_take(&once, &odd, 7);
    for (int64_t t = 0; t <= 50000000; t += 13) {
        bucket_advance(&often, &odd, t);
    }
    bucket_advance(&often, &odd, 50000000);
    bucket_advance(&once, &odd, 50000000);
    assert_int_equal(often.level, once.level);
}

static void what_is_larger_than_the_bucket_never_fits(void **state)
{
    (void)state;
    struct bucket b;
    bucket_init(&b, &rpm, 0);
    assert_int_equal(bucket_wait_us(&b, &rpm, 60, 0), 0);
    assert_true(bucket_wait_us(&b, &rpm, 61, 0) == BUCKET_NEVER);
    assert_true(bucket_wait_us(&b, &rpm, INT64_MAX, 0) == BUCKET_NEVER);
    assert_int_equal(bucket_wait_us(&b, &rpm, 0, 0), 0);
}

static void debt_is_one_capacity_at_most_and_takes_nothing_new(void **state)
{
    (void)state;
    struct bucket b;
    bucket_init(&b, &rpm, 0);
    bucket_take(&b, &rpm, INT64_MAX);
    assert_int_equal(b.level, -60 * MINUTE_US);
    assert_int_equal(bucket_left(&b, &rpm), 0);
    assert_int_equal(bucket_wait_us(&b, &rpm, 1, 0), 61 * 1000000);
    assert_int_equal(bucket_wait_us(&b, &rpm, 0, 0), 0);
    bucket_advance(&b, &rpm, 2 * MINUTE_US);
    assert_int_equal(bucket_left(&b, &rpm), 60);
}

static void a_correction_never_fills_above_the_capacity(void **state)
{
    (void)state;
    struct bucket b;
    bucket_init(&b, &rpm, 0);
    bucket_take(&b, &rpm, 10);
    bucket_correct(&b, &rpm, INT64_MAX, 0);
    assert_int_equal(bucket_left(&b, &rpm), 60);
    bucket_correct(&b, &rpm, -70, 0);
    assert_int_equal(b.level, -10 * MINUTE_US);
}

static void a_fixed_window_begins_anew_at_its_boundary(void **state)
{
    (void)state;
    struct bucket b;
    int64_t now = 3 * DAY_US + 100;
    bucket_init(&b, &daily, now);
    bucket_take(&b, &daily, 1000);
    assert_int_equal(bucket_wait_us(&b, &daily, 1, now), DAY_US - 100);
    bucket_advance(&b, &daily, 4 * DAY_US - 1);
    assert_int_equal(bucket_left(&b, &daily), 0);
    bucket_advance(&b, &daily, 4 * DAY_US);
    assert_int_equal(bucket_left(&b, &daily), 1000);
    /* What yesterday's request did not use is not today's. */
    bucket_take(&b, &daily, 300);
    bucket_correct(&b, &daily, 200, now);
    assert_int_equal(bucket_left(&b, &daily), 700);
    bucket_correct(&b, &daily, 200, 4 * DAY_US);
    assert_int_equal(bucket_left(&b, &daily), 900);
}

static void a_gauge_counts_what_is_in_use(void **state)
{
    (void)state;
    struct bucket b;
    bucket_init(&b, &gauge, 0);
    bucket_take(&b, &gauge, 1);
    bucket_take(&b, &gauge, 1);
    bucket_advance(&b, &gauge, DAY_US);
    assert_true(bucket_wait_us(&b, &gauge, 1, DAY_US) == BUCKET_UNKNOWN);
    bucket_correct(&b, &gauge, 1, INT64_MAX);
    assert_int_equal(bucket_wait_us(&b, &gauge, 1, DAY_US), 0);
    assert_int_equal(bucket_left(&b, &gauge), 1);
    assert_int_equal(bucket_reset_us(&b, &gauge, 0), 0);
}

static void a_changed_limit_keeps_what_was_used(void **state)
{
    (void)state;
    static const struct bucket_limit more = {BUCKET_REFILL, 100, MINUTE_US};
    static const struct bucket_limit less = {BUCKET_REFILL, 10, MINUTE_US};
    static const struct bucket_limit none = {BUCKET_NONE, 0, 0};
    struct bucket b;
    bucket_init(&b, &rpm, 0);
    bucket_take(&b, &rpm, 20);
    bucket_change(&b, &rpm, &more, 0);
    assert_int_equal(bucket_left(&b, &more), 80);
    bucket_change(&b, &more, &less, 0);
    assert_int_equal(b.level, -10 * MINUTE_US);
    bucket_change(&b, &less, &none, 0);
    assert_true(bucket_left(&b, &none) == INT64_MAX);
    assert_int_equal(bucket_wait_us(&b, &none, INT64_MAX, 0), 0);
    bucket_change(&b, &none, &rpm, 7);
    assert_int_equal(bucket_left(&b, &rpm), 60);
    /* What was taken while there was no limit is none of its business. */
    bucket_take(&b, &rpm, 5);
    bucket_correct(&b, &rpm, 5, 6);
    assert_int_equal(bucket_left(&b, &rpm), 55);
}

static void a_large_limit_does_not_overflow(void **state)
{
    (void)state;
    static const struct bucket_limit large = {BUCKET_REFILL, BUCKET_SCALED_MAX / MINUTE_US,
                                              MINUTE_US};
    struct bucket b;
    bucket_init(&b, &large, 0);
    bucket_take(&b, &large, INT64_MAX);
    bucket_advance(&b, &large, 2 * MINUTE_US - 1);
    assert_in_range(bucket_left(&b, &large), large.capacity - 2000, large.capacity - 1);
    bucket_advance(&b, &large, INT64_MAX / 2);
    assert_int_equal(bucket_left(&b, &large), large.capacity);
    bucket_correct(&b, &large, INT64_MAX, INT64_MAX);
    assert_int_equal(bucket_left(&b, &large), large.capacity);
}

/* Beside the bucket runs its definition, in 128 bits: what is there is what was there, plus time
 * times rate, minus what was taken, between one capacity of debt and full. */
static void random_events_agree_with_the_definition(void **state)
{
    (void)state;
    struct rand_state r;
    rand_seed(&r, 20261124);
    for (int round = 0; round < 300; round++) {
        struct bucket_limit limit = {BUCKET_REFILL, (int64_t)rand_below(&r, 1000000) + 1,
                                     (int64_t)rand_below(&r, 100000000) + 1};
        struct bucket b;
        int64_t now = (int64_t)rand_below(&r, 1000000);
        bucket_init(&b, &limit, now);
        __int128 most = (__int128)limit.capacity * limit.window_us;
        __int128 left = most;
        for (int i = 0; i < 300; i++) {
            int64_t step = (int64_t)rand_below(&r, (uint64_t)limit.window_us / 4 + 2);
            int64_t n = (int64_t)rand_below(&r, (uint64_t)limit.capacity + 2);
            now += step;
            left += (__int128)step * limit.capacity;
            left = left > most ? most : left;
            bucket_advance(&b, &limit, now);
            int64_t wait_us = bucket_wait_us(&b, &limit, n, now);
            if (n > limit.capacity) {
                assert_true(wait_us == BUCKET_NEVER);
            } else {
                assert_int_equal(wait_us == 0, n == 0 || (__int128)n * limit.window_us <= left);
                /* Honest: after the wait it fits, a moment before it does not. */
                struct bucket later = b;
                bucket_advance(&later, &limit, now + wait_us);
                assert_int_equal(bucket_wait_us(&later, &limit, n, now + wait_us), 0);
                if (wait_us > 0) {
                    later = b;
                    bucket_advance(&later, &limit, now + wait_us - 1);
                    assert_int_equal(bucket_wait_us(&later, &limit, n, now + wait_us - 1), 1);
                }
            }
            if (wait_us == 0 || rand_below(&r, 10) == 0) {
                bucket_take(&b, &limit, n);
                left -= (__int128)n * limit.window_us;
                left = left < -most ? -most : left;
            }
            assert_true((__int128)b.level == left);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_begins_full_and_refills_evenly),
        cmocka_unit_test(no_moment_is_lost_to_rounding),
        cmocka_unit_test(what_is_larger_than_the_bucket_never_fits),
        cmocka_unit_test(debt_is_one_capacity_at_most_and_takes_nothing_new),
        cmocka_unit_test(a_correction_never_fills_above_the_capacity),
        cmocka_unit_test(a_fixed_window_begins_anew_at_its_boundary),
        cmocka_unit_test(a_gauge_counts_what_is_in_use),
        cmocka_unit_test(a_changed_limit_keeps_what_was_used),
        cmocka_unit_test(a_large_limit_does_not_overflow),
        cmocka_unit_test(random_events_agree_with_the_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
