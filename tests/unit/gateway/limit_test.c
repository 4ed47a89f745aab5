/* How limits are told; the words and headers of whole answers stand in tests/case/gateway/limits*.
 */
#include "unit/gateway/front.h"

#include "gateway/limit.h"
#include "gateway/phase.h"

/* An exchange that is only refused: enough of one for the words. */
struct refused {
    struct server_request request;
    struct exchange x;
};

static void refused_open(struct refused *r, enum dialect dialect)
{
    memset(r, 0, sizeof(*r));
    arena_init(&r->request.arena);
    r->x.request = &r->request;
    r->x.dialect = dialect;
}

static struct governor_refusal refusal_of(enum level_kind kind, enum dimension d, int64_t wait_us)
{
    return (struct governor_refusal){
        .why = {.dimension = d, .wait_us = wait_us, .asked = 700000, .capacity = 600000},
        .kind = kind,
        .name = STR("web")
    };
}

static void every_refusal_says_which_limit_whose_and_how_long(void **state)
{
    (void)state;

    static const struct {
        enum level_kind kind;
        enum dimension dimension;
        int64_t wait_us;
        enum outcome outcome;
        const char *code, *type, *message;
        bool no_retry;
        int64_t told_us;
    } rows[] = {
        {LEVEL_KEY,          DIMENSION_REQUESTS,    1500001,        OUTCOME_CALLER_RATE,    "rate_limit_exceeded",
         "requests",                                                                                                           "key \"web\" has a limit of 600000 requests per minute; try again in 1.501 s",
         false,                                                                                                                                                                                                      1500001   },
        {LEVEL_TENANT,       DIMENSION_INPUT,       BUCKET_NEVER,   OUTCOME_CALLER_RATE,    "rate_limit_exceeded",
         "tokens",                                                                                                             "tenant \"web\" has a limit of 600000 input tokens per minute; this request may need "
         "700000; it can never fit: send less",                                                                                                                                             true,  0         },
        {LEVEL_ORGANISATION, DIMENSION_OUTPUT,      BUCKET_NEVER,   OUTCOME_CALLER_RATE,
         "rate_limit_exceeded",                                                                                    "tokens",
         "organisation \"web\" has a limit of 600000 output tokens per minute; this request may "
         "need 700000; it can never fit: ask for fewer output tokens or send less",                                                                                                                           true,  0         },
        {LEVEL_KEY,          DIMENSION_TOKENS,      1,              OUTCOME_CALLER_RATE,    "rate_limit_exceeded", "tokens",
         "key \"web\" has a limit of 600000 tokens per minute; this request may need 700000; try "
         "again in 0.001 s",                                                                                                                                                                                  false, 1         },
        {LEVEL_KEY,          DIMENSION_CONCURRENCY, BUCKET_UNKNOWN, OUTCOME_CALLER_RATE,
         "rate_limit_exceeded",                                                                                    "requests",
         "key \"web\" has a limit of 600000 requests at once; try again when another one has ended",                                                                                                          false, 1000000   },
        {LEVEL_KEY,          DIMENSION_MONEY,       3600000000,     OUTCOME_CALLER_BUDGET,  "insufficient_quota",  NULL,
         "key \"web\" has a budget of $0.0006 per day (UTC); this request may cost $0.0007; the "
         "day ends in 61 min",                                                                                                                                                                                true,  3600000000},
        {LEVEL_PROVIDER,     DIMENSION_REQUESTS,    2000000,        OUTCOME_PROVIDER_LIMIT, "rate_limit_exceeded",
         NULL,                                                                                                                 "provider \"web\" has a limit of 600000 requests per minute here, which is used up; try "
         "again in 2.000 s",                                                                                                                                                                    false, 2000000   },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct refused r;
        struct governor_refusal refusal =
            refusal_of(rows[i].kind, rows[i].dimension, rows[i].wait_us);
        refused_open(&r, DIALECT_OPENAI);
        assert_int_equal(limit_refuse(&r.x, &refusal), PHASE_FAIL);
        assert_string_equal(r.x.refusal.message, rows[i].message);
        assert_int_equal(r.x.refusal.outcome, rows[i].outcome);
        assert_string_equal(r.x.refusal.code, rows[i].code);
        assert_true(!r.x.refusal.type == !rows[i].type);
        if (rows[i].type) {
            assert_string_equal(r.x.refusal.type, rows[i].type);
        }
        assert_int_equal(r.x.refusal.no_retry, rows[i].no_retry);
        assert_int_equal(r.x.refusal.wait_us, rows[i].told_us);
        arena_release(&r.request.arena);
    }
}

static void anthropics_types_go_by_status(void **state)
{
    (void)state;
    struct refused r;
    struct governor_refusal refusal = refusal_of(LEVEL_KEY, DIMENSION_TOKENS, 5);
    refused_open(&r, DIALECT_ANTHROPIC);
    limit_refuse(&r.x, &refusal);
    assert_null(r.x.refusal.type);
    arena_release(&r.request.arena);
}

static void waits_are_rounded_up(void **state)
{
    (void)state;
    struct refused r;
    struct http_header headers[LIMIT_HEADERS_MAX];
    struct governor_refusal refusal = refusal_of(LEVEL_PROVIDER, DIMENSION_REQUESTS, 1000001);
    refused_open(&r, DIALECT_OPENAI);
    assert_int_equal(limit_headers(&r.x, headers), 0); /* another kind of refusal */
    limit_refuse(&r.x, &refusal);
    assert_int_equal(limit_headers(&r.x, headers), 2);
    assert_true(str_is(headers[0].name, "retry-after-ms"));
    assert_true(str_is(headers[0].value, "1001"));
    assert_true(str_is(headers[1].name, "retry-after"));
    assert_true(str_is(headers[1].value, "2"));
    arena_release(&r.request.arena);
}

static void a_ledger_without_room_is_weirs_own_trouble(void **state)
{
    (void)state;
    struct refused r;
    refused_open(&r, DIALECT_OPENAI);
    assert_int_equal(limit_refuse_result(&r.x, ADMISSION_NO_ROOM), PHASE_FAIL);
    assert_int_equal(r.x.refusal.outcome, OUTCOME_WEIR_BUSY);
    assert_int_equal(r.x.refusal.status, 503);
    assert_true(r.x.refusal.wait_us > 0);
    arena_release(&r.request.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_refusal_says_which_limit_whose_and_how_long),
        cmocka_unit_test(anthropics_types_go_by_status),
        cmocka_unit_test(waits_are_rounded_up),
        cmocka_unit_test(a_ledger_without_room_is_weirs_own_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
