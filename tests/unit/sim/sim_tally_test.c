#include "unit/sim/suite.h"

#include "sim/sim_tally.h"

static const char *const routes[] = {"chat", "messages", NULL};

static void the_peak_of_what_is_in_flight_is_kept(void **state)
{
    (void)state;
    struct sim_tally t = {0};
    sim_tally_enter(&t);
    sim_tally_enter(&t);
    sim_tally_leave(&t);
    sim_tally_enter(&t);
    sim_tally_leave(&t);
    assert_int_equal(t.in_flight, 1);
    assert_int_equal(t.peak_in_flight, 2);
}

static void a_reset_keeps_only_what_is_in_flight(void **state)
{
    (void)state;
    struct sim_tally t = {.requests = 9, .cancelled = 2};
    sim_tally_enter(&t);
    sim_tally_enter(&t);
    sim_tally_leave(&t);
    sim_tally_status(&t, 200);
    sim_tally_reset(&t);
    assert_int_equal(t.requests, 0);
    assert_int_equal(t.by_status[200], 0);
    assert_int_equal(t.in_flight, 1);
    assert_int_equal(t.peak_in_flight, 1);
    sim_tally_leave(&t);
}

static void counts_are_written_as_json(void **state)
{
    (void)state;
    struct exam e;
    struct sim_tally t = {.requests = 3, .tokens_generated = 70, .cancelled = 1};
    exam_begin(&e);
    t.by_route[1] = 3;
    sim_tally_status(&t, 200);
    sim_tally_status(&t, 200);
    sim_tally_status(&t, 529);
    buf_putc(&e.out, '{');
    sim_tally_write(&t, routes, &e.out);
    buf_putc(&e.out, '}');
    yyjson_val *root = exam_json(&e, buf_str(&e.out));
    assert_int_equal(number_at(root, "/requests"), 3);
    assert_int_equal(number_at(root, "/tokens_generated"), 70);
    assert_int_equal(number_at(root, "/cancelled"), 1);
    assert_int_equal(number_at(root, "/peak_concurrency"), 0);
    assert_int_equal(number_at(root, "/by_route/messages"), 3);
    assert_null(yyjson_ptr_get(root, "/by_route/chat"));
    assert_int_equal(number_at(root, "/by_status/200"), 2);
    assert_int_equal(number_at(root, "/by_status/529"), 1);
    exam_end(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_peak_of_what_is_in_flight_is_kept),
        cmocka_unit_test(a_reset_keeps_only_what_is_in_flight),
        cmocka_unit_test(counts_are_written_as_json),
    };
    return cmocka_run_group_tests_name("sim/sim_tally", tests, NULL, NULL);
}
