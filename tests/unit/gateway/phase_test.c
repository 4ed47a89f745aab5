#include "unit/engine/suite.h"

#include "gateway/phase.h"

/* What the phases do is tested end to end in tests/case/gateway; here stands their order. */
static void phases_come_in_the_order_that_protects_what_follows(void **state)
{
    static const char *const order[] = {"receive", "health", "auth",  "tenant",
                                        "models",  "gate",   "admit", "call"};
    size_t n = 0;
    (void)state;
    for (; phase_table[n].name; n++) {
        assert_true(n < ARRAY_LEN(order));
        assert_string_equal(phase_table[n].name, order[n]);
        assert_non_null(phase_table[n].run);
    }
    assert_int_equal(n, ARRAY_LEN(order));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_come_in_the_order_that_protects_what_follows),
    };
    return cmocka_run_group_tests_name("gateway/phase", tests, NULL, NULL);
}
