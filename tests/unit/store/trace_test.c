#include "unit/store/suite.h"

#include "core/attr.h"
#include "core/hash.h"
#include "core/json.h"

static size_t field_count(void)
{
    size_t n = 0;

    while (trace_fields[n].name) {
        n++;
    }
    return n;
}

static void a_new_trace_has_all_unknowns(void **state)
{
    struct trace *trace = trace_new();
    struct trace_value value;

    (void)state;
    assert_int_equal(trace->first_us, -1);
    assert_int_equal(trace->input_tokens, -1);
    assert_int_equal(trace->request_bytes, 0);
    assert_int_equal(trace->price_status, TRACE_NO_CHARGE);
    assert_non_null(trace->tenant.p);
    for (const struct trace_field *f = trace_fields; f->name; f++) {
        trace_get(trace, f, &value);
        switch (f->type) {
        case TRACE_TYPE_ID:
        case TRACE_TYPE_STR:
        case TRACE_TYPE_JSON:
        case TRACE_TYPE_UNKNOWN:
        case TRACE_TYPE_COST:
        case TRACE_TYPE_HASH:
            assert_int_equal(value.kind, TRACE_VALUE_NULL);
            break;
        case TRACE_TYPE_I64:
        case TRACE_TYPE_INT:
        case TRACE_TYPE_BOOL:
            assert_int_equal(value.kind, TRACE_VALUE_I64);
            assert_int_equal(value.i64, 0);
            break;
        case TRACE_TYPE_CAPTURE:
        case TRACE_TYPE_USAGE_SOURCE:
        case TRACE_TYPE_PRICE_STATUS:
            assert_int_equal(value.kind, TRACE_VALUE_TEXT);
            break;
        }
    }
    trace_free(trace);
    trace_free(NULL);
}

/* A value for a field that differs from the default and, where it can, from every other field's. */
static struct trace_value some_value(struct arena *arena, size_t i)
{
    struct trace_value value = {.kind = TRACE_VALUE_I64, .i64 = (int64_t)i + 1};

    switch (trace_fields[i].type) {
    case TRACE_TYPE_ID:
        value.kind = TRACE_VALUE_TEXT;
        value.text = STR("00112233445566778899aabbccddeeff");
        break;
    case TRACE_TYPE_STR:
        value.kind = TRACE_VALUE_TEXT;
        value.text = arena_printf(arena, "text %zu", i);
        break;
    case TRACE_TYPE_JSON:
        value.kind = TRACE_VALUE_TEXT;
        value.text = arena_printf(arena, "{\"n\":%zu}", i);
        break;
    case TRACE_TYPE_CAPTURE:
        value.kind = TRACE_VALUE_TEXT;
        value.text = STR("redacted");
        break;
    case TRACE_TYPE_USAGE_SOURCE:
        value.kind = TRACE_VALUE_TEXT;
        value.text = STR("estimated");
        break;
    case TRACE_TYPE_PRICE_STATUS:
        value.kind = TRACE_VALUE_TEXT;
        value.text = STR("priced");
        break;
    case TRACE_TYPE_HASH:
        value.kind = TRACE_VALUE_BYTES;
        memset(value.bytes, (int)i, sizeof(value.bytes));
        break;
    case TRACE_TYPE_BOOL:
        value.i64 = 1;
        break;
    case TRACE_TYPE_I64:
    case TRACE_TYPE_UNKNOWN:
    case TRACE_TYPE_COST:
    case TRACE_TYPE_INT:
        break;
    }
    return value;
}

static void every_field_gives_back_what_was_set(void **state)
{
    struct trace *trace = trace_new();
    struct trace_value got, want;
    size_t n = field_count();

    (void)state;
    assert_in_range(n, 50, TRACE_FIELDS_MAX - 1);
    for (size_t i = 0; i < n; i++) {
        want = some_value(&trace->arena, i);
        trace_set(trace, &trace_fields[i], &want);
    }
    for (size_t i = 0; i < n; i++) {
        want = some_value(&trace->arena, i);
        trace_get(trace, &trace_fields[i], &got);
        assert_int_equal(got.kind, want.kind);
        if (want.kind == TRACE_VALUE_I64) {
            assert_int_equal(got.i64, want.i64);
        } else if (want.kind == TRACE_VALUE_TEXT) {
            assert_true(str_eq(got.text, want.text));
        } else {
            assert_memory_equal(got.bytes, want.bytes, sizeof(got.bytes));
        }
    }
    assert_int_equal(trace->capture, TRACE_CAPTURE_REDACTED);
    assert_true(trace->stream);
    assert_true(trace->response_truncated);
    trace_free(trace);
}

static void every_str_and_number_of_the_struct_is_a_field(void **state)
{
    size_t bytes = 0;

    (void)state;
    /* The fields lie side by side between the arena and the end; what is not covered is the two
     * bodies and padding. A member without a row would leave a gap of its size. */
    for (const struct trace_field *f = trace_fields; f->name; f++) {
        static const size_t sizes[] = {
            [TRACE_TYPE_ID] = TRACE_ID_HEX + 1,
            [TRACE_TYPE_STR] = sizeof(struct str),
            [TRACE_TYPE_JSON] = sizeof(struct str),
            [TRACE_TYPE_I64] = sizeof(int64_t),
            [TRACE_TYPE_UNKNOWN] = sizeof(int64_t),
            [TRACE_TYPE_COST] = sizeof(int64_t),
            [TRACE_TYPE_INT] = sizeof(int),
            [TRACE_TYPE_BOOL] = sizeof(bool),
            [TRACE_TYPE_CAPTURE] = sizeof(enum trace_capture),
            [TRACE_TYPE_USAGE_SOURCE] = sizeof(enum trace_usage_source),
            [TRACE_TYPE_PRICE_STATUS] = sizeof(enum trace_price_status),
            [TRACE_TYPE_HASH] = HASH_SHA256_HEX + 1,
        };
        bytes += sizes[f->type];
    }
    bytes += sizeof(struct arena) + 2 * sizeof(struct buf);
    assert_in_range(sizeof(struct trace) - bytes, 0, 24);
}

static void a_value_that_does_not_fit_changes_nothing(void **state)
{
    static const struct trace_value values[] = {
        {.kind = TRACE_VALUE_NULL},
        {.kind = TRACE_VALUE_TEXT, .text = {"nonsense", 8}},
        {.kind = TRACE_VALUE_I64,                        .i64 = 77},
        {.kind = TRACE_VALUE_BYTES},
    };
    struct trace *trace = trace_new();
    struct trace_value before, after;

    (void)state;
    for (const struct trace_field *f = trace_fields; f->name; f++) {
        for (size_t i = 0; i < ARRAY_LEN(values); i++) {
            bool text = f->type == TRACE_TYPE_STR || f->type == TRACE_TYPE_JSON;
            bool number = f->type == TRACE_TYPE_I64 || f->type == TRACE_TYPE_UNKNOWN ||
                          f->type == TRACE_TYPE_COST || f->type == TRACE_TYPE_INT ||
                          f->type == TRACE_TYPE_BOOL;

            if ((text && values[i].kind == TRACE_VALUE_TEXT) ||
                (number && values[i].kind == TRACE_VALUE_I64) ||
                (f->type == TRACE_TYPE_HASH && values[i].kind == TRACE_VALUE_BYTES)) {
                continue;
            }
            trace_get(trace, f, &before);
            trace_set(trace, f, &values[i]);
            trace_get(trace, f, &after);
            assert_int_equal(before.kind, after.kind);
        }
    }
    trace_free(trace);
}

static void there_is_a_cost_only_when_priced(void **state)
{
    struct trace *trace = trace_new();
    struct trace_value value;
    const struct trace_field *cost = trace_fields;

    (void)state;
    while (cost->type != TRACE_TYPE_COST) {
        cost++;
    }
    trace->cost_nanousd = 5;
    for (int status = TRACE_UNPRICED; status <= TRACE_NO_CHARGE; status++) {
        trace->price_status = (enum trace_price_status)status;
        trace_get(trace, cost, &value);
        assert_int_equal(value.kind, status == TRACE_PRICED ? TRACE_VALUE_I64 : TRACE_VALUE_NULL);
    }
    trace_free(trace);
}

static void ids_start_with_their_time_and_differ(void **state)
{
    char a[TRACE_ID_HEX + 1], b[TRACE_ID_HEX + 1];

    (void)state;
    trace_make_id(NULL, INT64_C(0x0123456789ab), a);
    trace_make_id(NULL, INT64_C(0x0123456789ab), b);
    assert_int_equal(strlen(a), TRACE_ID_HEX);
    assert_memory_equal(a, "0123456789ab", 12);
    assert_memory_equal(b, "0123456789ab", 12);
    assert_string_not_equal(a, b);
    trace_make_id(NULL, INT64_C(0x0123456789ac), b);
    assert_true(strcmp(a, b) < 0);
}

static void enums_have_names(void **state)
{
    (void)state;
    assert_string_equal(trace_capture_name(TRACE_CAPTURE_NONE), "none");
    assert_string_equal(trace_capture_name(TRACE_CAPTURE_HASHES), "hashes");
    assert_string_equal(trace_capture_name(TRACE_CAPTURE_REDACTED), "redacted");
    assert_string_equal(trace_capture_name(TRACE_CAPTURE_FULL), "full");
    assert_string_equal(trace_usage_source_name(TRACE_USAGE_NONE), "none");
    assert_string_equal(trace_usage_source_name(TRACE_USAGE_PROVIDER), "provider");
    assert_string_equal(trace_usage_source_name(TRACE_USAGE_ESTIMATED), "estimated");
    assert_string_equal(trace_price_status_name(TRACE_UNPRICED), "unpriced");
    assert_string_equal(trace_price_status_name(TRACE_PRICED), "priced");
    assert_string_equal(trace_price_status_name(TRACE_NO_CHARGE), "no_charge");
}

static void money_is_exact_and_never_rounded_to_nothing(void **state)
{
    static const struct {
        int64_t nanousd;
        const char *text;
    } rows[] = {
        {0,                           "$0.00"                 },
        {1,                           "$0.000000001"          },
        {123000,                      "$0.000123"             },
        {10000000,                    "$0.01"                 },
        {1500000000,                  "$1.50"                 },
        {INT64_C(123456789012345678), "$123456789.012345678"  },
        {-2000000000,                 "-$2.00"                },
        {INT64_MAX,                   "$9223372036.854775807" },
        {INT64_MIN,                   "-$9223372036.854775808"},
    };

    char out[TRACE_MONEY_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_string_equal(trace_money(rows[i].nanousd, out), rows[i].text);
    }
}

static yyjson_doc *json_of(const struct trace *trace, struct buf *out)
{
    struct error err = {0};

    buf_clear(out);
    trace_write_json(trace, out);
    assert_true(buf_ok(out));
    assert_null(memchr(out->p, '\n', out->n));
    yyjson_doc *doc = json_parse(buf_str(out), &err);
    assert_non_null(doc);
    return doc;
}

static void json_form_has_every_set_field_once(void **state)
{
    struct trace *trace = trace_new();
    struct buf out;
    size_t n = field_count();

    (void)state;
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < n; i++) {
        struct trace_value value = some_value(&trace->arena, i);
        trace_set(trace, &trace_fields[i], &value);
    }
    yyjson_doc *doc = json_of(trace, &out);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_int_equal(yyjson_obj_size(root), n);
    for (size_t i = 0; i < n; i++) {
        assert_non_null(yyjson_obj_get(root, trace_fields[i].name));
    }
    assert_true(yyjson_is_true(yyjson_obj_get(root, "stream")));
    assert_true(yyjson_is_obj(yyjson_obj_get(root, "usage_raw")));
    assert_int_equal(json_get_str(root, "request_hash").n, HASH_SHA256_HEX);
    yyjson_doc_free(doc);
    buf_release(&out);
    trace_free(trace);
}

static void json_form_leaves_unknowns_out_and_keeps_broken_json_as_text(void **state)
{
    struct trace *trace = trace_new();
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 20);
    trace->price_status = TRACE_UNPRICED;
    trace->usage_raw = STR("{\"broken\": ");
    trace->params_json = STR("{\n  \"temperature\": 0.5\n}");
    trace->user_agent = STR("bad \xff utf-8 \n");
    yyjson_doc *doc = json_of(trace, &out);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_null(yyjson_obj_get(root, "first_us"));
    assert_null(yyjson_obj_get(root, "cost_nanousd"));
    assert_null(yyjson_obj_get(root, "tenant"));
    assert_str(json_get_str(root, "usage_raw"), "{\"broken\": ");
    assert_true(yyjson_is_obj(yyjson_obj_get(root, "params_json")));
    assert_str(json_get_str(root, "user_agent"), "bad \xef\xbf\xbd utf-8 \n");
    yyjson_doc_free(doc);
    buf_release(&out);
    trace_free(trace);
}

static void bytes_count_strings_and_bodies(void **state)
{
    struct trace *trace = trace_new();
    size_t empty = trace_bytes(trace);
    char big[10000];

    (void)state;
    memset(big, 'x', sizeof(big));
    trace->error_text = arena_str(&trace->arena, str_make(big, sizeof(big)));
    assert_in_range(trace_bytes(trace), empty + sizeof(big), empty + sizeof(big) + 64);
    assert_int_equal(buf_put(&trace->request_body, big, sizeof(big)), 0);
    assert_int_equal(buf_put(&trace->response_body, big, sizeof(big)), 0);
    assert_true(trace_bytes(trace) >= empty + 3 * sizeof(big));
    trace_free(trace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_trace_has_all_unknowns),
        cmocka_unit_test(every_field_gives_back_what_was_set),
        cmocka_unit_test(every_str_and_number_of_the_struct_is_a_field),
        cmocka_unit_test(a_value_that_does_not_fit_changes_nothing),
        cmocka_unit_test(there_is_a_cost_only_when_priced),
        cmocka_unit_test(ids_start_with_their_time_and_differ),
        cmocka_unit_test(enums_have_names),
        cmocka_unit_test(money_is_exact_and_never_rounded_to_nothing),
        cmocka_unit_test(json_form_has_every_set_field_once),
        cmocka_unit_test(json_form_leaves_unknowns_out_and_keeps_broken_json_as_text),
        cmocka_unit_test(bytes_count_strings_and_bodies),
    };

    return cmocka_run_group_tests_name("store/trace", tests, NULL, NULL);
}
