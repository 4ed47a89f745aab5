#include "unit/core/suite.h"

#include "core/error.h"
#include "core/rand.h"

static void the_same_seed_repeats_the_run(void **state)
{
    struct rand_state a;
    struct rand_state b;
    struct rand_state c;

    (void)state;
    rand_seed(&a, 42);
    rand_seed(&b, 42);
    rand_seed(&c, 43);
    assert_memory_equal(&a, &b, sizeof(a));
    assert_true(rand_u64(&a) != rand_u64(&c));
    rand_u64(&b);
    for (int i = 0; i < 100; i++) {
        assert_true(rand_u64(&a) == rand_u64(&b));
    }
}

static void the_generator_is_xoshiro256starstar(void **state)
{
    /* Of the authors' reference code with the state 1, 2, 3, 4. */
    static const uint64_t expected[] = {
        UINT64_C(11520),
        UINT64_C(0),
        UINT64_C(1509978240),
        UINT64_C(1215971899390074240),
    };
    struct rand_state r = {
        {1, 2, 3, 4}
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_true(rand_u64(&r) == expected[i]);
    }
    /* splitmix64 of the seed 0 */
    rand_seed(&r, 0);
    assert_true(r.s[0] == UINT64_C(0xE220A8397B1DCDAF));
    assert_true(r.s[1] == UINT64_C(0x6E789E6AA1B965F4));
}

static void below_is_within_and_reaches_every_value(void **state)
{
    struct rand_state r;
    int seen[7] = {0};

    (void)state;
    rand_seed(&r, 1);
    for (int i = 0; i < 70000; i++) {
        uint64_t value = rand_below(&r, 7);
        assert_true(value < 7);
        seen[value]++;
    }
    for (size_t i = 0; i < 7; i++) {
        assert_in_range(seen[i], 9500, 10500);
    }
    assert_true(rand_below(&r, 1) == 0);
    assert_true(rand_below(&r, UINT64_MAX) < UINT64_MAX);
}

static void unit_and_normal_have_their_moments(void **state)
{
    struct rand_state r;
    double sum = 0;
    double normal_sum = 0;
    double normal_squares = 0;
    const int n = 200000;

    (void)state;
    rand_seed(&r, 5);
    for (int i = 0; i < n; i++) {
        double u = rand_unit(&r);
        double z = rand_normal(&r);
        assert_true(u >= 0 && u < 1);
        sum += u;
        normal_sum += z;
        normal_squares += z * z;
    }
    assert_true(sum / n > 0.495 && sum / n < 0.505);
    assert_true(normal_sum / n > -0.01 && normal_sum / n < 0.01);
    assert_true(normal_squares / n > 0.98 && normal_squares / n < 1.02);
}

static void bytes_fill_exactly_what_was_asked(void **state)
{
    unsigned char bytes[600] = {0};
    int zeros = 0;

    (void)state;
    rand_bytes(bytes, 0);
    assert_int_equal(bytes[0], 0);
    rand_bytes(bytes, 599);
    assert_int_equal(bytes[599], 0);
    for (size_t i = 0; i < 599; i++) {
        zeros += bytes[i] == 0;
    }
    assert_true(zeros < 50);
}

static void mixing_depends_on_both_and_on_their_order(void **state)
{
    (void)state;
    assert_true(rand_mix(1, 2) == rand_mix(1, 2));
    assert_true(rand_mix(1, 2) != rand_mix(2, 1));
    assert_true(rand_mix(1, 2) != rand_mix(1, 3));
    assert_true(rand_mix(0, 0) != 0);
}

static void ask_below_zero(void)
{
    struct rand_state r;

    rand_seed(&r, 1);
    rand_below(&r, 0);
}

static void below_nothing_is_a_bug(void **state)
{
    (void)state;
    assert_true(ends_process(ask_below_zero));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_repeats_the_run),
        cmocka_unit_test(the_generator_is_xoshiro256starstar),
        cmocka_unit_test(below_is_within_and_reaches_every_value),
        cmocka_unit_test(unit_and_normal_have_their_moments),
        cmocka_unit_test(bytes_fill_exactly_what_was_asked),
        cmocka_unit_test(mixing_depends_on_both_and_on_their_order),
        cmocka_unit_test(below_nothing_is_a_bug),
    };

    return cmocka_run_group_tests_name("core/rand", tests, NULL, NULL);
}
