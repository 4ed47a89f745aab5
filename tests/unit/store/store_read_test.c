#include "unit/store/suite.h"

#include <sqlite3.h>

#include "core/attr.h"

#define DAY_MS INT64_C(86400000)

struct row {
    int64_t started_ms;
    const char *tenant, *key, *asked, *routed, *returned, *provider, *session;
    int status;
    const char *error, *cancelled;
    int64_t input, output, cost;
    enum trace_price_status price;
};

/* Two days; each combination that a filter must tell apart. */
static const struct row rows[] = {
    {DAY_MS + 1000,     "acme", "web",   "fast",  "gpt-5-mini", "gpt-5-mini-2025", "openai", "s1", 200, "",
     "",                                                                                                                              100, 10,  500,   TRACE_PRICED   },
    {DAY_MS + 2000,     "acme", "web",   "fast",  "smollm2",    "smollm2",         "local",  "s1", 200, "",              "",          50,  5,
     0,                                                                                                                                                TRACE_UNPRICED },
    {DAY_MS + 3000,     "acme", "batch", "fast",  "gpt-5-mini", "",                "openai", "s2", 429, "rate_limit",
     "",                                                                                                                              -1,  -1,  0,     TRACE_NO_CHARGE},
    {2 * DAY_MS + 1000, "beta", "web",   "smart", "claude",     "claude",          "claude", "s3", 200, "",              "",
     1000,                                                                                                                                 200, 70000, TRACE_PRICED   },
    {2 * DAY_MS + 2000, "beta", "web",   "smart", "claude",     "claude",          "claude", "s3", 0,
     "client_left",                                                                                                      "streaming", 400, 30,  9000,  TRACE_PRICED   },
    {2 * DAY_MS + 3000, "",     "",      "nope",  "",           "",                "",       "",   404, "model_unknown", "",          -1,  -1,  0,
     TRACE_NO_CHARGE                                                                                                                                                  },
    {2 * DAY_MS + 4000, "acme", "web",   "fast",  "gpt-5-mini", "",                "openai", "s1", 502, "upstream",
     "",                                                                                                                              -1,  -1,  0,     TRACE_NO_CHARGE},
};

static struct trace *trace_of(const struct row *row)
{
    struct trace *trace = make_trace(row->started_ms, TRACE_CAPTURE_HASHES, "{}", "x");

    trace->tenant = str_of(row->tenant);
    trace->key_alias = str_of(row->key);
    trace->model_asked = str_of(row->asked);
    trace->model_routed = str_of(row->routed);
    trace->model_returned = str_of(row->returned);
    trace->provider = str_of(row->provider);
    trace->session = str_of(row->session);
    trace->status = row->status;
    trace->error_class = str_of(row->error);
    trace->cancelled_in = str_of(row->cancelled);
    trace->input_tokens = row->input;
    trace->output_tokens = row->output;
    trace->cost_nanousd = row->cost;
    trace->price_status = row->price;
    trace->usage_source = row->cancelled[0] ? TRACE_USAGE_ESTIMATED : TRACE_USAGE_PROVIDER;
    return trace;
}

static struct folder folder;
static struct store_reader *reader;

static int set_up(void **state)
{
    struct store *store = NULL;
    struct error err = {0};

    (void)state;
    folder_make(&folder);
    assert_fine(store_open(folder.url, &store, &err), err);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_true(store_submit(store, trace_of(&rows[i])));
    }
    store_close(store);
    assert_fine(store_reader_open(folder.url, &reader, &err), err);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    store_reader_close(reader);
    folder_remove(&folder);
    return 0;
}

static void filters_choose_rows(void **state)
{
    const struct {
        struct store_filter filter;
        size_t n;
    } cases[] = {
        {{0},                                                                                       ARRAY_LEN(rows)},
        {{.limit = 3},                                                                              3              },
        {{.since_ms = 2 * DAY_MS},                                                                  4              },
        {{.until_ms = 2 * DAY_MS},                                                                  3              },
        {{.since_ms = DAY_MS + 2000, .until_ms = DAY_MS + 3000},                                    1              },
        {{.model = STR("fast")},                                                                    4              },
        {{.model = STR("gpt-5-mini")},                                                              3              },
        {{.model = STR("gpt-5-mini-2025")},                                                         1              },
        {{.model = STR("gpt")},                                                                     0              },
        {{.tenant = STR("acme")},                                                                   4              },
        {{.key_alias = STR("batch")},                                                               1              },
        {{.provider = STR("claude")},                                                               2              },
        {{.session = STR("s1")},                                                                    3              },
        {{.status = STR("200")},                                                                    3              },
        {{.status = STR("2xx")},                                                                    3              },
        {{.status = STR("4XX")},                                                                    2              },
        {{.status = STR("5xx")},                                                                    1              },
        {{.status = STR("ok")},                                                                     3              },
        {{.status = STR("error")},                                                                  3              },
        {{.status = STR("cancelled")},                                                              1              },
        {{.tenant = STR("acme"), .model = STR("fast"), .status = STR("error"), .since_ms = DAY_MS},
         2                                                                                                         },
        {{.tenant = STR("acme' OR 1=1 --")},                                                        0              },
        {{.model = STR("%")},                                                                       0              },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t n = count_traces(reader, &cases[i].filter);
        if (n != cases[i].n) {
            print_error("case %zu: %zu instead of %zu\n", i, n, cases[i].n);
        }
        assert_int_equal(n, cases[i].n);
    }
}

static void a_status_that_means_nothing_is_refused(void **state)
{
    static const char *const bad[] = {"20", "2000", "abc", "xx4", "4xxx", "failed", "-1"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct store_filter filter = {.status = str_of(bad[i])};
        struct seen seen = {0};
        struct error err = {0};

        assert_int_equal(store_list(reader, &filter, see, &seen, &err), ERR_INVALID);
        assert_contains(err.text, bad[i]);
        assert_contains(err.text, "4xx");
        assert_int_equal(seen.n, 0);
    }
}

static void the_newest_come_first_unless_asked_otherwise(void **state)
{
    struct store_filter filter = {.limit = 2};
    struct seen newest = {0}, oldest = {0};
    struct error err = {0};
    char first[16], last[16];

    (void)state;
    assert_fine(store_list(reader, &filter, see, &newest, &err), err);
    filter.oldest_first = true;
    assert_fine(store_list(reader, &filter, see, &oldest, &err), err);
    /* An id starts with its time. */
    snprintf(first, sizeof(first), "%012llx", (unsigned long long)(2 * DAY_MS + 4000));
    snprintf(last, sizeof(last), "%012llx", (unsigned long long)(2 * DAY_MS + 3000));
    assert_memory_equal(newest.first_id, first, 12);
    assert_memory_equal(newest.last_id, last, 12);
    snprintf(first, sizeof(first), "%012llx", (unsigned long long)(DAY_MS + 1000));
    assert_memory_equal(oldest.first_id, first, 12);
}

static int stop_at_two(void *ctx, const struct trace *trace)
{
    (void)trace;
    (*(int *)ctx)++;
    return *(int *)ctx == 2 ? ERR_CANCELLED : 0;
}

static void a_callback_can_stop_the_list(void **state)
{
    struct store_filter filter = {0};
    int calls = 0;

    (void)state;
    assert_int_equal(store_list(reader, &filter, stop_at_two, &calls, NULL), ERR_CANCELLED);
    assert_int_equal(calls, 2);
    assert_int_equal(count_traces(reader, NULL), ARRAY_LEN(rows));
}

/* ---- single traces ---- */

static struct trace *whole_trace(void)
{
    struct trace *trace =
        make_trace(5 * DAY_MS, TRACE_CAPTURE_FULL,
                   "{\"messages\":[{\"role\":\"system\"}],\"tools\":[]}", "data: x\n\n");
    int number = 1000;

    for (const struct trace_field *f = trace_fields; f->name; f++) {
        struct trace_value value = {.kind = TRACE_VALUE_I64, .i64 = number};
        if (f->type == TRACE_TYPE_STR) {
            value.kind = TRACE_VALUE_TEXT;
            value.text = arena_printf(&trace->arena, "%s %c \xc3\xa9", f->name, '\0');
        } else if (f->type == TRACE_TYPE_JSON) {
            value.kind = TRACE_VALUE_TEXT;
            value.text = arena_printf(&trace->arena, "{\"n\":%d}", number);
        }
        if (f->type != TRACE_TYPE_ID && strcmp(f->name, "started_ms") != 0 &&
            strcmp(f->name, "route") != 0) {
            trace_set(trace, f, &value);
        }
        number++;
    }
    trace->usage_source = TRACE_USAGE_ESTIMATED;
    trace->price_status = TRACE_PRICED;
    return trace;
}

static void every_field_and_both_bodies_come_back(void **state)
{
    struct folder own;
    struct store *store = NULL;
    struct store_reader *own_reader = NULL;
    struct trace *trace = whole_trace(), *got = NULL;
    struct error err = {0};
    char id[TRACE_ID_HEX + 1];

    (void)state;
    folder_make(&own);
    memcpy(id, trace->id, sizeof(id));
    assert_fine(store_open(own.url, &store, &err), err);
    assert_true(store_submit(store, trace));
    store_close(store);
    assert_fine(store_reader_open(own.url, &own_reader, &err), err);
    assert_fine(store_get(own_reader, str_of(id), &got, &err), err);
    trace = whole_trace();
    for (const struct trace_field *f = trace_fields; f->name; f++) {
        struct trace_value a, b;

        trace_get(trace, f, &a);
        trace_get(got, f, &b);
        if (f->type == TRACE_TYPE_ID) {
            assert_true(str_eq(b.text, str_of(id)));
        } else if (f->type == TRACE_TYPE_HASH) {
            assert_int_equal(b.kind, TRACE_VALUE_BYTES); /* the writer filled all of them */
        } else {
            assert_int_equal(a.kind, b.kind);
            assert_true(a.kind != TRACE_VALUE_I64 || a.i64 == b.i64);
            assert_true(a.kind != TRACE_VALUE_TEXT || str_eq(a.text, b.text));
        }
    }
    assert_true(str_eq(buf_str(&got->request_body), buf_str(&trace->request_body)));
    assert_true(str_eq(buf_str(&got->response_body), buf_str(&trace->response_body)));
    trace_free(trace);
    trace_free(got);
    store_reader_close(own_reader);
    folder_remove(&own);
}

static void an_id_may_be_cut_short_as_long_as_it_is_the_only_one(void **state)
{
    struct store_filter filter = {.limit = 1};
    struct seen seen = {0};
    struct trace *trace = NULL;
    struct error err = {0};
    char upper[TRACE_ID_HEX + 1];

    (void)state;
    assert_fine(store_list(reader, &filter, see, &seen, &err), err);
    assert_fine(store_get(reader, str_of(seen.last_id), &trace, &err), err);
    assert_string_equal(trace->id, seen.last_id);
    trace_free(trace);
    trace = NULL;
    assert_fine(store_get(reader, str_head(str_of(seen.last_id), 20), &trace, &err), err);
    assert_string_equal(trace->id, seen.last_id);
    trace_free(trace);
    trace = NULL;
    for (size_t i = 0; i <= TRACE_ID_HEX; i++) {
        char c = seen.last_id[i];
        upper[i] = c >= 'a' && c <= 'f' ? (char)(c - 'a' + 'A') : c;
    }
    assert_fine(store_get(reader, str_of(upper), &trace, &err), err);
    trace_free(trace);
    trace = NULL;
    /* All of them start with zeros: they are of 1970. */
    assert_int_equal(store_get(reader, STR("0000"), &trace, &err), ERR_INVALID);
    assert_contains(err.text, "hex digits");
    assert_int_equal(store_get(reader, STR("00000"), &trace, &err), ERR_INVALID);
    assert_int_equal(store_get(reader, STR("00000g0000"), &trace, &err), ERR_INVALID);
    assert_int_equal(store_get(reader, STR("000000000000000000000000000000000"), &trace, &err),
                     ERR_INVALID);
    assert_int_equal(store_get(reader, STR("ffffff"), &trace, &err), ERR_NOT_FOUND);
    assert_contains(err.text, "ffffff");
    assert_null(trace);
}

static void an_ambiguous_id_says_how_many_there_are(void **state)
{
    struct folder own;
    struct store *store = NULL;
    struct store_reader *own_reader = NULL;
    struct trace *got = NULL;
    struct error err = {0};

    (void)state;
    folder_make(&own);
    assert_fine(store_open(own.url, &store, &err), err);
    for (int i = 0; i < 1200; i++) {
        struct trace *trace = make_trace(1, TRACE_CAPTURE_HASHES, "{}", "x");
        memcpy(trace->id, i < 3 ? "abcdef01" : "fedcba98", 8);
        assert_true(store_submit(store, trace));
    }
    store_close(store);
    assert_fine(store_reader_open(own.url, &own_reader, &err), err);
    assert_int_equal(store_get(own_reader, STR("abcdef"), &got, &err), ERR_INVALID);
    assert_contains(err.text, "3 traces");
    assert_int_equal(store_get(own_reader, STR("FEDCBA"), &got, &err), ERR_INVALID);
    assert_contains(err.text, "at least 1000 traces");
    store_reader_close(own_reader);
    folder_remove(&own);
}

static void exec(const char *path, const char *sql)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void content_may_be_gone_and_damage_is_told(void **state)
{
    struct folder own;
    struct store *store = NULL;
    struct store_reader *own_reader = NULL;
    struct trace *trace = make_trace(1, TRACE_CAPTURE_FULL, "{\"a\":1}", "answer"), *got = NULL;
    struct error err = {0};
    char id[TRACE_ID_HEX + 1];

    (void)state;
    folder_make(&own);
    memcpy(id, trace->id, sizeof(id));
    assert_fine(store_open(own.url, &store, &err), err);
    assert_true(store_submit(store, trace));
    store_close(store);
    assert_fine(store_reader_open(own.url, &own_reader, &err), err);
    exec(own.file, "DELETE FROM blob WHERE size = 6");
    assert_fine(store_get(own_reader, str_of(id), &got, &err), err);
    assert_int_equal(got->response_body.n, 0);
    assert_int_equal(strlen(got->response_blob), 64);
    assert_str(buf_str(&got->request_body), "{\"a\":1}");
    trace_free(got);
    got = NULL;
    exec(own.file, "UPDATE blob SET bytes = x'28b52ffd0000'");
    assert_int_equal(store_get(own_reader, str_of(id), &got, &err), ERR_IO);
    assert_contains(err.text, "damaged");
    exec(own.file, "UPDATE blob SET size = 9000000000000");
    assert_int_equal(store_get(own_reader, str_of(id), &got, &err), ERR_LIMIT);
    assert_null(got);
    store_reader_close(own_reader);
    folder_remove(&own);
}

/* ---- spend ---- */

#define SPEND_TEXT 4000

static int write_spend(void *ctx, const struct store_spend *s)
{
    char *out = (char *)ctx;
    size_t n = strlen(out);

    snprintf(out + n, SPEND_TEXT - n,
             "%.*s/%.*s/%.*s/%.*s/%.*s n=%lld failed=%lld cancelled=%lld in=%lld out=%lld "
             "cost=%lld unpriced=%lld estimated=%lld\n",
             STR_ARG(s->tenant), STR_ARG(s->key_alias), STR_ARG(s->model), STR_ARG(s->day),
             STR_ARG(s->provider), (long long)s->requests, (long long)s->failed,
             (long long)s->cancelled, (long long)s->input_tokens, (long long)s->output_tokens,
             (long long)s->cost_nanousd, (long long)s->unpriced, (long long)s->estimated);
    return 0;
}

static void spend_sums_by_any_groups(void **state)
{
    static const struct {
        unsigned groups;
        struct store_filter filter;
        const char *text;
    } cases[] = {
        {0,
         {0},
         "//// n=7 failed=3 cancelled=1 in=1550 out=245 cost=79500 unpriced=1 estimated=1\n"                              },
        {STORE_BY_TENANT,
         {0},
         "//// n=1 failed=1 cancelled=0 in=0 out=0 cost=0 unpriced=0 estimated=0\n"
         "acme//// n=4 failed=2 cancelled=0 in=150 out=15 cost=500 unpriced=1 estimated=0\n"
         "beta//// n=2 failed=0 cancelled=1 in=1400 out=230 cost=79000 unpriced=0 estimated=1\n"                          },
        {STORE_BY_TENANT | STORE_BY_DAY,
         {.tenant = {"acme", 4}},
         "acme///1970-01-02/ n=3 failed=1 cancelled=0 in=150 out=15 cost=500 unpriced=1 "
         "estimated=0\n"
         "acme///1970-01-03/ n=1 failed=1 cancelled=0 in=0 out=0 cost=0 unpriced=0 estimated=0\n"                         },
        {STORE_BY_MODEL | STORE_BY_PROVIDER,
         {.since_ms = 2 * DAY_MS, .status = {"ok", 2}},
         "//claude//claude n=1 failed=0 cancelled=0 in=1000 out=200 cost=70000 unpriced=0 "
         "estimated=0\n"                                                                                                  },
        {STORE_BY_KEY,
         {.key_alias = {"batch", 5}},
         "/batch/// n=1 failed=1 cancelled=0 in=0 out=0 cost=0 unpriced=0 estimated=0\n"                                  },
        {STORE_BY_TENANT | STORE_BY_KEY | STORE_BY_MODEL | STORE_BY_DAY | STORE_BY_PROVIDER,
         {.session = {"s2", 2}},
         "acme/batch/gpt-5-mini/1970-01-02/openai n=1 failed=1 cancelled=0 in=0 out=0 cost=0 "
         "unpriced=0 estimated=0\n"                                                                                       },
        {STORE_BY_KEY,                                                                       {.tenant = {"nobody", 6}}, ""},
        {0,                                                                                  {.tenant = {"nobody", 6}}, ""},
    };

    static char text[SPEND_TEXT];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};

        text[0] = '\0';
        assert_fine(store_spend(reader, cases[i].groups, &cases[i].filter, write_spend, text, &err),
                    err);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_choose_rows),
        cmocka_unit_test(a_status_that_means_nothing_is_refused),
        cmocka_unit_test(the_newest_come_first_unless_asked_otherwise),
        cmocka_unit_test(a_callback_can_stop_the_list),
        cmocka_unit_test(every_field_and_both_bodies_come_back),
        cmocka_unit_test(an_id_may_be_cut_short_as_long_as_it_is_the_only_one),
        cmocka_unit_test(an_ambiguous_id_says_how_many_there_are),
        cmocka_unit_test(content_may_be_gone_and_damage_is_told),
        cmocka_unit_test(spend_sums_by_any_groups),
    };

    return cmocka_run_group_tests_name("store/store_read", tests, set_up, tear_down);
}
