#include "unit/store/suite.h"

#include "core/mem.h"
#include "core/rand.h"
#include "store/block.h"

static const struct trace_field *field_at(size_t i)
{
    return &trace_fields[i];
}

static struct str random_text(struct rand_state *r, struct trace *trace, struct str was)
{
    char text[300];
    size_t n = rand_below(r, 3) ? rand_below(r, 40) : rand_below(r, sizeof(text));

    for (size_t i = 0; i < n; i++) {
        text[i] = (char)rand_below(r, 256);
    }
    /* Often an edit of the former value: a head, something, a tail. */
    if (rand_below(r, 2) && was.n > 0) {
        size_t head = rand_below(r, was.n + 1), tail = rand_below(r, was.n - head + 1);
        return arena_printf(&trace->arena, "%.*s%.*s%.*s", STR_ARG(str_head(was, head)), (int)n,
                            text, STR_ARG(str_from(was, was.n - tail)));
    }
    return arena_str(&trace->arena, str_make(text, n));
}

static int64_t random_number(struct rand_state *r)
{
    static const int64_t edges[] = {INT64_MIN, INT64_MAX, -1, 0, 1, 127, 128, -128};

    return rand_below(r, 4) ? (int64_t)(rand_u64(r) >> rand_below(r, 64))
                            : edges[rand_below(r, ARRAY_LEN(edges))];
}

static void randomise(struct rand_state *r, struct trace *trace, const struct trace *before,
                      const struct trace_field *field)
{
    void *at = (char *)trace + field->offset;

    switch (field->type) {
    case TRACE_TYPE_ID:
        break;
    case TRACE_TYPE_STR:
    case TRACE_TYPE_JSON:
        *(struct str *)at = random_text(
            r, trace, *(const struct str *)(const void *)((const char *)before + field->offset));
        break;
    case TRACE_TYPE_I64:
    case TRACE_TYPE_UNKNOWN:
    case TRACE_TYPE_COST:
        *(int64_t *)at = random_number(r);
        break;
    case TRACE_TYPE_INT:
        *(int *)at = (int)random_number(r);
        break;
    case TRACE_TYPE_BOOL:
        *(bool *)at = rand_below(r, 2);
        break;
    case TRACE_TYPE_CAPTURE:
        trace->capture = (enum trace_capture)rand_below(r, TRACE_CAPTURE_FULL + 1);
        break;
    case TRACE_TYPE_USAGE_SOURCE:
        trace->usage_source = (enum trace_usage_source)rand_below(r, TRACE_USAGE_ESTIMATED + 1);
        break;
    case TRACE_TYPE_PRICE_STATUS:
        trace->price_status = (enum trace_price_status)rand_below(r, TRACE_NO_CHARGE + 1);
        break;
    case TRACE_TYPE_HASH:
        if (rand_below(r, 3)) {
            for (size_t i = 0; i < 64; i++) {
                ((char *)at)[i] = "0123456789abcdef"[rand_below(r, 16)];
            }
        }
        break;
    }
}

static struct trace *random_trace(struct rand_state *r, const struct trace *before)
{
    struct trace *trace = trace_clone(before);

    for (size_t i = 0; field_at(i)->name; i++) {
        if (rand_below(r, 3) == 0) {
            randomise(r, trace, before, field_at(i));
        }
    }
    trace->started_ms = INT64_C(1700000000000) / BLOCK_SPAN_MS * BLOCK_SPAN_MS +
                        (int64_t)rand_below(r, BLOCK_SPAN_MS);
    trace_make_id(r, trace->started_ms, trace->id);
    return trace;
}

/* Members, not values as shown: what is null in one and in the other may still differ. */
static void assert_same(const struct trace *a, const struct trace *b)
{
    for (size_t i = 0; field_at(i)->name; i++) {
        const void *x = (const char *)a + field_at(i)->offset;
        const void *y = (const char *)b + field_at(i)->offset;

        if (field_at(i)->type == TRACE_TYPE_STR || field_at(i)->type == TRACE_TYPE_JSON) {
            assert_true(str_eq(*(const struct str *)x, *(const struct str *)y));
        } else {
            struct trace_value v, w;
            trace_get(a, field_at(i), &v);
            trace_get(b, field_at(i), &w);
            assert_int_equal(v.kind, w.kind);
            assert_true(v.kind != TRACE_VALUE_I64 || v.i64 == w.i64);
            assert_true(v.kind != TRACE_VALUE_TEXT || str_eq(v.text, w.text));
            assert_true(v.kind != TRACE_VALUE_BYTES ||
                        memcmp(v.bytes, w.bytes, sizeof(v.bytes)) == 0);
        }
    }
}

static void assert_holds(struct str bytes, struct trace *const *traces, size_t n)
{
    struct block_reader reader;
    const struct trace *row = NULL;
    struct error err = {0};

    block_reader_init(&reader);
    for (int round = 0; round < 2; round++) { /* a reader can start again */
        assert_fine(block_reader_start(&reader, bytes, &err), err);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(block_reader_next(&reader, &row, &err), 1);
            assert_same(row, traces[i]);
        }
        assert_int_equal(block_reader_next(&reader, &row, &err), 0);
        assert_int_equal(block_reader_next(&reader, &row, &err), 0);
    }
    block_reader_release(&reader);
}

static size_t make_random(struct rand_state *r, struct trace **traces, size_t n)
{
    struct trace *before = trace_new();

    for (size_t i = 0; i < n; i++) {
        traces[i] = random_trace(r, i > 0 ? traces[i - 1] : before);
    }
    trace_free(before);
    return n;
}

static void free_all(struct trace **traces, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        trace_free(traces[i]);
    }
}

static void what_is_packed_comes_back_field_by_field(void **state)
{
    struct trace *traces[BLOCK_ROWS_MAX];
    struct rand_state r;
    struct block block;

    (void)state;
    block_init(&block);
    for (uint64_t seed = 0; seed < 40; seed++) {
        rand_seed(&r, seed);
        size_t n = make_random(&r, traces, seed == 0 ? BLOCK_ROWS_MAX : rand_below(&r, 30));
        assert_true(block_pack_all(&block, traces, n));
        assert_int_equal(block.rows, n);
        assert_holds(buf_str(&block.bytes), traces, n);
        free_all(traces, n);
    }
    block_release(&block);
}

static void a_row_like_the_one_before_takes_little(void **state)
{
    struct trace *traces[BLOCK_ROWS_MAX];
    struct block block;

    (void)state;
    for (size_t i = 0; i < BLOCK_ROWS_MAX; i++) {
        traces[i] = make_trace(1000, TRACE_CAPTURE_HASHES, "{}", "x");
        traces[i]->user_agent = STR("a rather long name of a program that calls");
    }
    block_init(&block);
    assert_true(block_pack_all(&block, traces, BLOCK_ROWS_MAX));
    assert_true(block.bytes.n < BLOCK_ROWS_MAX * 25 + 300); /* the id, the bitmap */
    assert_holds(buf_str(&block.bytes), traces, BLOCK_ROWS_MAX);
    free_all(traces, BLOCK_ROWS_MAX);
    block_release(&block);
}

static void a_block_knows_its_bounds(void **state)
{
    static const int64_t times[] = {5000, 4097, 8191, 4096, 6000};
    struct trace *traces[ARRAY_LEN(times)];
    struct block block;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        traces[i] = make_trace(times[i], TRACE_CAPTURE_NONE, "", "");
    }
    block_init(&block);
    assert_true(block_pack_all(&block, traces, ARRAY_LEN(times)));
    assert_int_equal(block.first_ms, 4096);
    assert_int_equal(block.last_ms, 8191);
    assert_string_equal(block.first_id, traces[3]->id);
    assert_string_equal(block.last_id, traces[2]->id);
    free_all(traces, ARRAY_LEN(times));
    block_release(&block);
}

static void spans_begin_at_multiples(void **state)
{
    static const struct {
        int64_t ms, start;
    } rows[] = {
        {0,             0            },
        {4095,          0            },
        {4096,          4096         },
        {1700000000123, 1699999997952},
        {-1,            -4096        },
        {-4096,         -4096        },
        {-4097,         -8192        },
        {INT64_MIN,     INT64_MIN    },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(block_span_start(rows[i].ms), rows[i].start);
    }
}

/* All of a batch, block by block; returns how many there were. */
static size_t pack_batch(struct trace **traces, size_t n, size_t *ret_rows, size_t *ret_bad)
{
    bool *taken = (bool *)x_calloc(n, sizeof(*taken));
    struct block block;
    size_t blocks = 0, bad = 0;

    *ret_rows = 0;
    *ret_bad = 0;
    block_init(&block);
    while (block_pack(&block, traces, taken, n, &bad)) {
        blocks += block.rows > 0;
        *ret_rows += block.rows;
        *ret_bad += bad;
        assert_true(block.rows <= BLOCK_ROWS_MAX);
        if (block.rows > 0) {
            assert_int_equal(block_span_start(block.first_ms), block_span_start(block.last_ms));
            assert_memory_equal(block.first_id, block.last_id, BLOCK_ID_SHARED);
        }
    }
    for (size_t i = 0; i < n; i++) {
        assert_true(taken[i]);
    }
    block_release(&block);
    x_free(taken);
    return blocks;
}

static void a_batch_is_split_by_time_by_id_and_by_size(void **state)
{
    struct trace *traces[600];
    size_t rows, bad;

    (void)state;
    for (size_t i = 0; i < 600; i++) { /* two spans, mixed */
        traces[i] = make_trace((int64_t)(i % 2) * BLOCK_SPAN_MS + 7, TRACE_CAPTURE_NONE, "", "");
    }
    assert_int_equal(pack_batch(traces, 600, &rows, &bad), 4); /* 256 + 44, twice */
    assert_int_equal(rows, 600);
    assert_int_equal(bad, 0);
    memcpy(traces[0]->id, "ffffffffffff", 12); /* another time in its id than its own */
    assert_int_equal(pack_batch(traces, 600, &rows, &bad), 5);
    memcpy(traces[2]->id, "x", 1); /* no id */
    assert_int_equal(pack_batch(traces, 600, &rows, &bad), 5);
    assert_int_equal(rows, 599);
    assert_int_equal(bad, 1);
    free_all(traces, 600);

    for (size_t i = 0; i < 10; i++) { /* large bodies: they leave with their rows */
        traces[i] = make_trace(1, TRACE_CAPTURE_FULL, "", "");
        assert_int_equal(buf_reserve(&traces[i]->response_body, 500000), 0);
        memset(traces[i]->response_body.p, 'x', 500000);
        traces[i]->response_body.n = 500000;
    }
    assert_int_equal(pack_batch(traces, 10, &rows, &bad), 4); /* 3 + 3 + 3 + 1 */
    free_all(traces, 10);
}

static void only_unfit_rows_make_an_empty_block(void **state)
{
    struct trace *trace = make_trace(1, TRACE_CAPTURE_NONE, "", "");
    size_t rows, bad;

    (void)state;
    trace->id[31] = '\0';
    assert_int_equal(pack_batch(&trace, 1, &rows, &bad), 0);
    assert_int_equal(rows, 0);
    assert_int_equal(bad, 1);
    trace_free(trace);
}

/* Whatever is read: an error or rows, never a crash. */
static int read_all(struct str bytes, size_t *ret_rows)
{
    struct block_reader reader;
    const struct trace *row = NULL;
    struct error err = {0};
    int rc;

    *ret_rows = 0;
    block_reader_init(&reader);
    rc = block_reader_start(&reader, bytes, &err);
    while (rc == 0 && (rc = block_reader_next(&reader, &row, &err)) == 1) {
        rc = 0;
        (*ret_rows)++;
        if (*ret_rows > BLOCK_ROWS_MAX) {
            fail();
        }
    }
    if (rc < 0) {
        assert_true(strlen(err.text) > 0);
    }
    block_reader_release(&reader);
    return rc;
}

static void set_check(char *bytes, size_t n)
{
    uint64_t check = block_check(str_make(bytes, n - BLOCK_CHECK_BYTES));

    for (size_t i = 0; i < BLOCK_CHECK_BYTES; i++) {
        bytes[n - BLOCK_CHECK_BYTES + i] = (char)(check >> (8 * i));
    }
}

static void damage_is_noticed_by_the_checksum_and_survived_without_it(void **state)
{
    struct trace *traces[4];
    struct rand_state r;
    struct block block;
    size_t rows;

    (void)state;
    rand_seed(&r, 7);
    block_init(&block);
    assert_true(block_pack_all(&block, traces, make_random(&r, traces, 4)));
    size_t n = block.bytes.n;
    for (size_t i = 0; i < n; i++) {
        char *copy = (char *)x_malloc(n);
        memcpy(copy, block.bytes.p, n);
        copy[i] = (char)(copy[i] ^ 0x41);
        assert_int_equal(read_all(str_make(copy, n), &rows), ERR_INVALID);
        assert_int_equal(rows, 0);
        set_check(copy, n);
        (void)read_all(str_make(copy, n), &rows);
        memcpy(copy, block.bytes.p, i); /* cut short, with a checksum that is right */
        if (i >= BLOCK_CHECK_BYTES) {
            set_check(copy, i);
        }
        assert_int_equal(read_all(str_make(copy, i), &rows), ERR_INVALID);
        x_free(copy);
    }
    free_all(traces, 4);
    block_release(&block);
}

static void rows_with_impossible_values_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } bad[] = {
        {"wb\x02\x01\x00",                                                     5 }, /* another version */
        {"bw\x01\x01\x00",                                                     5 },
        {"wb\x01\x60\x00",                                                     5 }, /* more fields than there are */
        {"wb\x01\x01\xff\x7f",                                                 6 }, /* more rows than may be */
        {"wb\x01\x02\x01\x02\x01\x00\x00",                                     9 }, /* parent: a head of nothing */
        {"wb\x01\x02\x01\x02\x00\x01\x00",                                     9 }, /* a tail of nothing */
        {"wb\x01\x02\x01\x02\x00\x00\x7f",                                     9 }, /* more text than there is */
        {"wb\x01\x02\x01\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x00\x00", 18}, /* no varint */
        {"wb\x01\x02\x00\x00",                                                 6 }, /* something behind the rows */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char bytes[64];
        size_t rows;

        memcpy(bytes, bad[i].bytes, bad[i].n);
        set_check(bytes, bad[i].n + BLOCK_CHECK_BYTES);
        assert_int_equal(read_all(str_make(bytes, bad[i].n + BLOCK_CHECK_BYTES), &rows),
                         ERR_INVALID);
        assert_int_equal(rows, 0);
    }
}

static void a_block_of_fewer_fields_is_read(void **state)
{
    /* id and parent only, as a weir might have known them. */
    char bytes[64] = "wb\x01\x02\x01\x03"
                     "0123456789abcdef"
                     "\x00\x00\x02pa";
    size_t n = 6 + 16 + 5 + BLOCK_CHECK_BYTES;
    struct block_reader reader;
    const struct trace *row = NULL;
    struct error err = {0};

    (void)state;
    set_check(bytes, n);
    block_reader_init(&reader);
    assert_fine(block_reader_start(&reader, str_make(bytes, n), &err), err);
    assert_int_equal(block_reader_next(&reader, &row, &err), 1);
    assert_string_equal(row->id, "30313233343536373839616263646566");
    assert_str(row->parent, "pa");
    assert_str(row->session, "");
    assert_int_equal(row->input_tokens, -1);
    assert_int_equal(row->price_status, TRACE_NO_CHARGE);
    assert_int_equal(block_reader_next(&reader, &row, &err), 0);
    block_reader_release(&reader);
}

/* Stored blocks are positional: a field that moves or changes its type makes them unreadable. New
 * ones are added behind these. */
static void the_order_of_the_fields_stays(void **state)
{
    static const char *const first[] = {"id",
                                        "parent",
                                        "session",
                                        "client_request_id",
                                        "started_ms",
                                        "tenant",
                                        "key_alias",
                                        "client",
                                        "user_agent",
                                        "method",
                                        "path",
                                        "dialect",
                                        "route",
                                        "model_asked",
                                        "provider",
                                        "model_routed",
                                        "model_returned",
                                        "stream",
                                        "attempts",
                                        "attempts_json",
                                        "route_json",
                                        "params_json",
                                        "status",
                                        "upstream_status",
                                        "error_class",
                                        "error_text",
                                        "cancelled_in",
                                        "finish_reason",
                                        "upstream_request_id",
                                        "received_us",
                                        "routed_us",
                                        "sent_us",
                                        "head_us",
                                        "first_us",
                                        "done_us",
                                        "overhead_us",
                                        "request_bytes",
                                        "response_bytes",
                                        "events",
                                        "input_tokens",
                                        "cached_tokens",
                                        "cache_write_tokens",
                                        "cache_write_1h_tokens",
                                        "output_tokens",
                                        "reasoning_tokens",
                                        "usage_raw",
                                        "usage_source",
                                        "price_status",
                                        "price_version",
                                        "price_note",
                                        "cost_nanousd",
                                        "capture",
                                        "response_truncated",
                                        "request_hash",
                                        "response_hash",
                                        "system_hash",
                                        "tools_hash",
                                        "messages_hash",
                                        "request_blob",
                                        "response_blob"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(first); i++) {
        assert_string_equal(field_at(i)->name, first[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_comes_back_field_by_field),
        cmocka_unit_test(a_row_like_the_one_before_takes_little),
        cmocka_unit_test(a_block_knows_its_bounds),
        cmocka_unit_test(spans_begin_at_multiples),
        cmocka_unit_test(a_batch_is_split_by_time_by_id_and_by_size),
        cmocka_unit_test(only_unfit_rows_make_an_empty_block),
        cmocka_unit_test(damage_is_noticed_by_the_checksum_and_survived_without_it),
        cmocka_unit_test(rows_with_impossible_values_are_refused),
        cmocka_unit_test(a_block_of_fewer_fields_is_read),
        cmocka_unit_test(the_order_of_the_fields_stays),
    };

    return cmocka_run_group_tests_name("store/block", tests, NULL, NULL);
}
