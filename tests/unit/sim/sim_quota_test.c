#include "unit/sim/suite.h"

#include "sim/sim_quota.h"

#define NOW 1000000

struct bench {
    struct exam e;
    struct sim_quota quota;
    struct sim_shortage shortage;
    int64_t charged;
};

static void bench_begin(struct bench *b)
{
    *b = (struct bench){.charged = 0};
    exam_begin(&b->e);
    sim_quota_reset(&b->quota);
}

static bool ask_at(struct bench *b, int64_t input, int64_t output, int64_t now_ms)
{
    struct sim_demand demand = {.input_tokens = input, .output_tokens = output};
    return sim_quota_admit(&b->quota, &b->e.dials, &demand, now_ms, &b->charged, &b->shortage);
}

static void without_limits_everything_is_taken_and_no_header_sent(void **state)
{
    (void)state;
    struct bench b;
    struct http_header headers[SIM_QUOTA_HEADERS_MAX];
    bench_begin(&b);
    for (int i = 0; i < 1000; i++) {
        assert_true(ask_at(&b, 1000000, 1000000, NOW));
    }
    assert_int_equal(sim_quota_headers(&b.quota, DIALECT_OPENAI, &b.e.arena, NOW, 0, headers), 0);
    exam_end(&b.e);
}

static void each_window_refuses_what_it_has_no_room_for(void **state)
{
    (void)state;

    static const struct {
        const char *dial;
        enum sim_quota_kind kind;
    } rows[] = {
        {"rpm",        SIM_QUOTA_REQUESTS},
        {"input-tpm",  SIM_QUOTA_INPUT   },
        {"output-tpm", SIM_QUOTA_OUTPUT  }
    };

    static const char *const laws[] = {"fixed", "sliding", "refill"};

    for (size_t i = 0; i < ARRAY_LEN(rows) * ARRAY_LEN(laws); i++) {
        struct bench b;
        const char *dial = rows[i / ARRAY_LEN(laws)].dial;
        bench_begin(&b);
        exam_dial(&b.e, dial, "2");
        exam_dial(&b.e, "window-law", laws[i % ARRAY_LEN(laws)]);
        exam_dial(&b.e, "output-charge", "estimate");
        assert_true(ask_at(&b, 1, 1, NOW));
        assert_true(ask_at(&b, 1, 1, NOW));
        assert_false(ask_at(&b, 1, 1, NOW));
        assert_int_equal(b.shortage.kind, rows[i / ARRAY_LEN(laws)].kind);
        assert_int_equal(b.shortage.limit, 2);
        assert_int_equal(b.shortage.used, 2);
        assert_int_equal(b.shortage.requested, 1);
        assert_true(b.shortage.wait_ms > 0 && b.shortage.wait_ms <= 60000);
        /* After the wait that was told, it is taken. */
        assert_true(ask_at(&b, 1, 1, NOW + b.shortage.wait_ms));
        exam_end(&b.e);
    }
}

static void a_refusal_charges_nothing(void **state)
{
    (void)state;
    struct bench b;
    bench_begin(&b);
    exam_dial(&b.e, "rpm", "10");
    exam_dial(&b.e, "input-tpm", "100");
    assert_true(ask_at(&b, 90, -1, NOW));
    for (int i = 0; i < 50; i++) {
        assert_false(ask_at(&b, 50, -1, NOW));
    }
    assert_true(ask_at(&b, 10, -1, NOW));
    exam_end(&b.e);
}

static void what_never_fits_is_said_to_never_fit(void **state)
{
    (void)state;
    struct bench b;
    bench_begin(&b);
    exam_dial(&b.e, "input-tpm", "100");
    assert_false(ask_at(&b, 101, -1, NOW));
    assert_int_equal(b.shortage.wait_ms, -1);
    exam_end(&b.e);
}

static void actual_charge_waits_for_the_end(void **state)
{
    (void)state;
    struct bench b;
    bench_begin(&b);
    exam_dial(&b.e, "output-tpm", "100");
    assert_true(ask_at(&b, 1, 5000, NOW));
    assert_int_equal(b.charged, 0);
    sim_quota_settle(&b.quota, b.charged, 120, NOW);
    assert_false(ask_at(&b, 1, -1, NOW));
    assert_int_equal(b.shortage.kind, SIM_QUOTA_OUTPUT);
    exam_end(&b.e);
}

static void estimated_charge_is_given_back(void **state)
{
    (void)state;
    struct bench b;
    bench_begin(&b);
    exam_dial(&b.e, "output-tpm", "100");
    exam_dial(&b.e, "output-charge", "estimate");
    assert_true(ask_at(&b, 1, 80, NOW));
    assert_int_equal(b.charged, 80);
    assert_false(ask_at(&b, 1, 80, NOW));
    sim_quota_settle(&b.quota, 80, 10, NOW);
    assert_true(ask_at(&b, 1, 80, NOW));
    exam_end(&b.e);
}

static void a_dial_that_moves_keeps_what_was_used(void **state)
{
    (void)state;
    struct bench b;
    bench_begin(&b);
    exam_dial(&b.e, "rpm", "2");
    assert_true(ask_at(&b, 1, -1, NOW));
    assert_true(ask_at(&b, 1, -1, NOW));
    exam_dial(&b.e, "rpm", "3");
    assert_true(ask_at(&b, 1, -1, NOW));
    assert_false(ask_at(&b, 1, -1, NOW));
    exam_dial(&b.e, "window-law", "fixed");
    assert_true(ask_at(&b, 1, -1, NOW));
    sim_quota_reset(&b.quota);
    exam_dial(&b.e, "rpm", "1");
    assert_true(ask_at(&b, 1, -1, NOW));
    assert_false(ask_at(&b, 1, -1, NOW));
    exam_end(&b.e);
}

static struct str header_value(const struct http_header *headers, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (str_is(headers[i].name, name)) {
            return headers[i].value;
        }
    }
    fail_msg("no header %s", name);
    return STR_EMPTY;
}

static void openai_headers_have_its_names_and_durations(void **state)
{
    (void)state;
    struct bench b;
    struct http_header h[SIM_QUOTA_HEADERS_MAX];
    bench_begin(&b);
    exam_dial(&b.e, "rpm", "60");
    exam_dial(&b.e, "input-tpm", "1000");
    exam_dial(&b.e, "output-tpm", "500");
    assert_true(ask_at(&b, 100, -1, NOW));
    size_t n = sim_quota_headers(&b.quota, DIALECT_OPENAI, &b.e.arena, NOW, 0, h);
    assert_int_equal(n, 6);
    assert_str(header_value(h, n, "x-ratelimit-limit-requests"), "60");
    assert_str(header_value(h, n, "x-ratelimit-remaining-requests"), "59");
    assert_str(header_value(h, n, "x-ratelimit-reset-requests"), "1s");
    assert_str(header_value(h, n, "x-ratelimit-limit-tokens"), "1000");
    assert_str(header_value(h, n, "x-ratelimit-remaining-tokens"), "900");
    assert_str(header_value(h, n, "x-ratelimit-reset-tokens"), "6s");
    exam_end(&b.e);
}

static void anthropic_headers_have_its_names_and_times(void **state)
{
    (void)state;
    struct bench b;
    struct http_header h[SIM_QUOTA_HEADERS_MAX];
    bench_begin(&b);
    exam_dial(&b.e, "rpm", "60");
    exam_dial(&b.e, "input-tpm", "1000");
    exam_dial(&b.e, "output-tpm", "500");
    assert_true(ask_at(&b, 100, -1, NOW));
    sim_quota_settle(&b.quota, 0, 600, NOW); /* overrun: never below 0 in a header */
    size_t n = sim_quota_headers(&b.quota, DIALECT_ANTHROPIC, &b.e.arena, NOW, 1764000000500, h);
    assert_int_equal(n, SIM_QUOTA_HEADERS_MAX);
    assert_str(header_value(h, n, "anthropic-ratelimit-requests-limit"), "60");
    assert_str(header_value(h, n, "anthropic-ratelimit-requests-reset"), "2025-11-24T16:00:02Z");
    assert_str(header_value(h, n, "anthropic-ratelimit-tokens-limit"), "500");
    assert_str(header_value(h, n, "anthropic-ratelimit-output-tokens-remaining"), "0");
    assert_str(header_value(h, n, "anthropic-ratelimit-input-tokens-remaining"), "900");
    exam_end(&b.e);
}

static void durations_are_written_as_go_does(void **state)
{
    (void)state;

    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {0,        "0s"     },
        {-5,       "0s"     },
        {1,        "1ms"    },
        {999,      "999ms"  },
        {1000,     "1s"     },
        {1500,     "1.5s"   },
        {8640,     "8.64s"  },
        {59999,    "59.999s"},
        {60000,    "1m0s"   },
        {86400,    "1m26.4s"},
        {360000,   "6m0s"   },
        {3600000,  "1h0m0s" },
        {3723000,  "1h2m3s" },
        {86400000, "24h0m0s"}
    };
    struct arena arena;
    arena_init(&arena);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_str(sim_quota_go_duration(&arena, rows[i].ms), rows[i].text);
    }
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_limits_everything_is_taken_and_no_header_sent),
        cmocka_unit_test(each_window_refuses_what_it_has_no_room_for),
        cmocka_unit_test(a_refusal_charges_nothing),
        cmocka_unit_test(what_never_fits_is_said_to_never_fit),
        cmocka_unit_test(actual_charge_waits_for_the_end),
        cmocka_unit_test(estimated_charge_is_given_back),
        cmocka_unit_test(a_dial_that_moves_keeps_what_was_used),
        cmocka_unit_test(openai_headers_have_its_names_and_durations),
        cmocka_unit_test(anthropic_headers_have_its_names_and_times),
        cmocka_unit_test(durations_are_written_as_go_does),
    };
    return cmocka_run_group_tests_name("sim/sim_quota", tests, NULL, NULL);
}
