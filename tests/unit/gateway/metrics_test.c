#include "unit/engine/suite.h"

#include "gateway/metrics.h"

static struct trace *sample(const char *outcome, int status)
{
    struct trace *t = trace_new();
    t->route = STR("chat");
    t->provider = STR("p");
    t->error_class = str_of(outcome);
    t->status = status;
    t->attempts = 2;
    t->input_tokens = 7;
    t->output_tokens = 3;
    t->price_status = TRACE_PRICED;
    t->cost_nanousd = 500;
    t->done_us = 1500;
    t->first_us = 900;
    return t;
}

static void assert_line(const struct buf *text, const char *line)
{
    if (!strstr(text->p, line)) {
        fail_msg("missing: %s\nin:\n%s", line, text->p);
    }
}

static void workers_are_summed(void **state)
{
    struct metrics *workers[2] = {metrics_new(), metrics_new()};
    struct metrics_gauges gauges = {.requests_open = 4, .version = "1"};
    struct buf out;
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct trace *t = sample("", 200);
        metrics_record(workers[i], t, STR("fast"));
        trace_free(t);
    }
    metrics_refuse(workers[1], "chat", 401, "caller_unauthorized");
    for (int i = 0; i < 7; i++) {
        metrics_receive(workers[i % 2]);
    }
    buf_init(&out, METRICS_TEXT_BYTES_MAX);
    metrics_write(workers, 2, &gauges, &out);
    buf_cstr(&out);
    assert_line(&out,
                "weir_requests_total{route=\"chat\",model=\"fast\",provider=\"p\",outcome=\"ok\","
                "status=\"200\"} 2\n");
    assert_line(&out,
                "weir_attempts_total{route=\"chat\",model=\"fast\",provider=\"p\",outcome=\"ok\","
                "status=\"200\"} 4\n");
    assert_line(&out, "outcome=\"caller_unauthorized\",status=\"401\"} 1\n");
    assert_line(&out, "weir_request_duration_seconds_bucket{le=\"0.001\"} 0\n");
    assert_line(&out, "weir_request_duration_seconds_bucket{le=\"0.0025\"} 2\n");
    assert_line(&out, "weir_request_duration_seconds_count 2\n");
    assert_line(&out, "weir_requests_open 4\n");
    assert_line(&out, "\nweir_requests_received_total 7\n");
    assert_line(&out, "\nweir_requests_traced_total 2\n");
    buf_release(&out);
    metrics_free(workers[0]);
    metrics_free(workers[1]);
}

static void unknown_amounts_are_not_counted(void **state)
{
    struct metrics *m = metrics_new();
    struct metrics_gauges gauges = {.version = "1"};
    struct buf out;
    struct trace *t = sample("", 200);
    (void)state;
    t->input_tokens = -1;
    t->first_us = -1;
    t->price_status = TRACE_UNPRICED;
    metrics_record(m, t, STR("fast"));
    trace_free(t);
    buf_init(&out, METRICS_TEXT_BYTES_MAX);
    metrics_write(&m, 1, &gauges, &out);
    buf_cstr(&out);
    assert_null(strstr(out.p, "weir_input_tokens_total{"));
    assert_null(strstr(out.p, "weir_cost_nanousd_total{"));
    assert_line(&out, "weir_unpriced_total{route=\"chat\",model=\"fast\"");
    assert_line(&out, "weir_time_to_first_byte_seconds_count 0\n");
    buf_release(&out);
    metrics_free(m);
}

static void label_sets_are_bounded_and_quoted(void **state)
{
    struct metrics *m = metrics_new();
    struct metrics_gauges gauges = {.version = "1"};
    struct buf out;
    struct trace *t = sample("", 200);
    (void)state;
    metrics_record(m, t, STR("a\"b\\c\nd"));
    for (int i = 0; i < 2 * METRICS_SERIES_MAX; i++) {
        char name[32];
        snprintf(name, sizeof(name), "m%d", i);
        metrics_record(m, t, str_of(name));
    }
    trace_free(t);
    buf_init(&out, METRICS_TEXT_BYTES_MAX);
    metrics_write(&m, 1, &gauges, &out);
    buf_cstr(&out);
    assert_line(&out, "model=\"a\\\"b\\\\c d\"");
    assert_line(&out, "weir_requests_total{route=\"chat\",model=\"other\",provider=\"other\"");
    size_t lines = 0;
    for (const char *at = out.p; (at = strstr(at, "\nweir_requests_total{")); at++) {
        lines++;
    }
    assert_int_equal(lines, METRICS_SERIES_MAX + 1);
    buf_release(&out);
    metrics_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_are_summed),
        cmocka_unit_test(unknown_amounts_are_not_counted),
        cmocka_unit_test(label_sets_are_bounded_and_quoted),
    };
    return cmocka_run_group_tests_name("gateway/metrics", tests, NULL, NULL);
}
