#include "unit/core/suite.h"

#include "cmd/trace_table.h"

/* One trace's row, without what aligns it. */
static void row_of(const struct trace *trace, char *out, size_t n)
{
    struct table_out table;
    struct buf text;

    buf_init(&text, 100000);
    trace_table_init(&table, false, &text);
    trace_table_row(&table, trace);
    table_out_end(&table);
    const char *line = strchr(buf_cstr(&text), '\n') + 1;
    size_t used = 0;
    for (; *line && *line != '\n' && used + 1 < n; line++) {
        if (*line != ' ' || (used > 0 && out[used - 1] != ' ')) {
            out[used++] = *line;
        }
    }
    while (used > 0 && out[used - 1] == ' ') {
        used--;
    }
    out[used] = '\0';
    table_out_release(&table);
    buf_release(&text);
}

static struct trace *sample(void)
{
    struct trace *trace = trace_new();

    memcpy(trace->id, "00112233445566778899aabbccddeeff", sizeof(trace->id));
    trace->started_ms = INT64_C(1795530663784);
    trace->status = 200;
    trace->model_asked = STR("fast");
    trace->provider = STR("openai");
    trace->model_routed = STR("gpt-5-mini");
    trace->tenant = STR("acme");
    trace->key_alias = STR("web");
    trace->attempts = 1;
    trace->input_tokens = 10;
    trace->output_tokens = 0;
    trace->first_us = 1234;
    trace->done_us = 56789;
    trace->price_status = TRACE_PRICED;
    trace->cost_nanousd = 123000;
    return trace;
}

#define START "00112233445566778899 2026-11-24 14:31:03 "

static void a_row_says_what_happened(void **state)
{
    char row[400];
    struct trace *trace = sample();

    (void)state;
    row_of(trace, row, sizeof(row));
    assert_string_equal(row, START "200 fast openai/gpt-5-mini acme web 10 0 $0.000123 1.2 56.8");
    trace->attempts = 3;
    row_of(trace, row, sizeof(row));
    assert_string_equal(row, START
                        "200 fast openai/gpt-5-mini acme web 10 0 $0.000123 1.2 56.8 3 attempts");
    trace->error_class = STR("provider_cut");
    trace->price_status = TRACE_UNPRICED;
    row_of(trace, row, sizeof(row));
    assert_string_equal(row, START
                        "200 fast openai/gpt-5-mini acme web 10 0 unpriced 1.2 56.8 provider_cut");
    trace->cancelled_in = STR("stream");
    row_of(trace, row, sizeof(row));
    assert_non_null(strstr(row, "cancelled (stream)"));
    trace_free(trace);
}

static void what_is_not_known_is_a_dash_and_never_nothing_dollars(void **state)
{
    char row[400];
    struct trace *trace = trace_new();

    (void)state;
    row_of(trace, row, sizeof(row));
    assert_string_equal(row, "1970-01-01 00:00:00 - - - - - -");
    assert_null(strchr(row, '$'));
    trace_free(trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_says_what_happened),
        cmocka_unit_test(what_is_not_known_is_a_dash_and_never_nothing_dollars),
    };

    return cmocka_run_group_tests_name("cmd/trace_table", tests, NULL, NULL);
}
