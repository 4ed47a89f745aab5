#include "unit/store/suite.h"

#include "core/rand.h"
#include "store/store_retain.h"

#define NOW_MS  INT64_C(1000000000000)
#define HOUR_MS INT64_C(3600000)

/* Incompressible, so that sizes are what they seem. */
static void fill(struct buf *body, size_t n)
{
    static char noise[1 << 16];

    while (n > 0) {
        size_t part = n < sizeof(noise) ? n : sizeof(noise);
        rand_bytes(noise, part);
        assert_int_equal(buf_put(body, noise, part), 0);
        n -= part;
    }
}

static void put(struct store *store, int64_t age_ms, size_t body_bytes)
{
    enum trace_capture capture = body_bytes ? TRACE_CAPTURE_FULL : TRACE_CAPTURE_HASHES;
    struct trace *trace = make_trace(NOW_MS - age_ms, capture, "", body_bytes ? "" : "x");

    fill(&trace->response_body, body_bytes);
    assert_true(store_submit(store, trace));
}

static struct store *open_store(const struct folder *folder)
{
    struct store *store = NULL;
    struct error err = {0};

    assert_fine(store_open(folder->url, &store, &err), err);
    return store;
}

/* A pass over a closed store at NOW_MS; returns the number of steps. */
static size_t run_pass(const struct folder *folder, const struct store_retention *limits,
                       struct retain *retain)
{
    struct store_db *db = NULL;
    struct error err = {0};
    size_t steps = 0;

    assert_fine(store_sqlite.open(str_of(folder->file), &db, &err), err);
    retain_start(retain, limits, NOW_MS);
    while (retain->stage != RETAIN_DONE) {
        assert_fine(retain_step(retain, &store_sqlite, db, &err), err);
        steps++;
        assert_true(steps < 100000);
    }
    store_sqlite.close(db);
    return steps;
}

static void without_limits_nothing_goes(void **state)
{
    struct folder folder;
    struct retain retain;
    struct store_retention limits = {0};

    (void)state;
    folder_make(&folder);
    struct store *store = open_store(&folder);
    for (int i = 0; i < 10; i++) {
        put(store, i * 10000 * HOUR_MS, 1000);
    }
    store_close(store);
    (void)run_pass(&folder, &limits, &retain);
    assert_int_equal(retain.rows_deleted, 0);
    assert_int_equal(retain.blobs_deleted, 0);
    assert_int_equal(count_at(folder.url), 10);
    folder_remove(&folder);
}

static void rows_older_than_the_limit_go_and_their_content_with_them(void **state)
{
    struct folder folder;
    struct retain retain;
    struct store_retention limits = {.traces_ms = 10 * HOUR_MS};

    (void)state;
    folder_make(&folder);
    struct store *store = open_store(&folder);
    for (int i = 0; i < 20; i++) {
        put(store, i * HOUR_MS, 1000); /* 0 to 19 hours; 10 is exactly the limit and stays */
    }
    store_close(store);
    (void)run_pass(&folder, &limits, &retain);
    assert_int_equal(retain.rows_deleted, 9);
    assert_int_equal(retain.blobs_deleted, 9);
    assert_int_equal(count_at(folder.url), 11);
    folder_remove(&folder);
}

struct kept {
    struct store_reader *reader;
    size_t with_body, without;
};

static int see_body(void *ctx, const struct trace *row)
{
    struct kept *kept = (struct kept *)ctx;
    struct trace *trace = NULL;
    struct error err = {0};

    assert_int_equal(strlen(row->response_hash), 64); /* hashes stay in any case */
    assert_fine(store_get(kept->reader, str_of(row->id), &trace, &err), err);
    if (trace->response_body.n > 0) {
        kept->with_body++;
    } else {
        kept->without++;
    }
    trace_free(trace);
    return 0;
}

static void content_older_than_its_limit_goes_and_rows_stay(void **state)
{
    struct folder folder;
    struct retain retain;
    struct store_retention limits = {.traces_ms = 100 * HOUR_MS, .bodies_ms = 5 * HOUR_MS};
    struct kept kept = {0};
    struct store_reader *reader = NULL;
    struct store_filter filter = {.limit = 100};
    struct error err = {0};

    (void)state;
    folder_make(&folder);
    struct store *store = open_store(&folder);
    for (int i = 0; i < 20; i++) {
        put(store, i * HOUR_MS, 1000); /* 5 hours is within the allowance of a minute */
    }
    store_close(store);
    (void)run_pass(&folder, &limits, &retain);
    assert_int_equal(retain.rows_deleted, 0);
    assert_int_equal(retain.blobs_deleted, 14);
    assert_fine(store_reader_open(folder.url, &reader, &err), err);
    assert_fine(store_reader_open(folder.url, &kept.reader, &err), err);
    assert_fine(store_list(reader, &filter, see_body, &kept, &err), err);
    assert_int_equal(kept.with_body, 6);
    assert_int_equal(kept.without, 14);
    store_reader_close(reader);
    store_reader_close(kept.reader);
    folder_remove(&folder);
}

static void content_in_use_stays_however_old_its_first_use_is(void **state)
{
    struct folder folder;
    struct retain retain;
    struct store_retention limits = {.bodies_ms = 5 * HOUR_MS};

    (void)state;
    folder_make(&folder);
    struct store *store = open_store(&folder);
    for (int i = 50; i >= 0; i--) {
        assert_true(store_submit(
            store, make_trace(NOW_MS - i * HOUR_MS, TRACE_CAPTURE_FULL, "{\"same\":1}", "same")));
    }
    store_close(store);
    (void)run_pass(&folder, &limits, &retain);
    assert_int_equal(retain.blobs_deleted, 0);
    folder_remove(&folder);
}

static int64_t size_on_disk(const struct folder *folder)
{
    char log[400];
    int64_t log_bytes;

    snprintf(log, sizeof(log), "%s-wal", folder->file);
    log_bytes = file_bytes(log);
    return file_bytes(folder->file) + (log_bytes > 0 ? log_bytes : 0);
}

static void the_file_shrinks(void **state)
{
    struct folder folder;
    struct retain retain;
    struct store_retention limits = {.traces_ms = HOUR_MS};

    (void)state;
    folder_make(&folder);
    struct store *store = open_store(&folder);
    for (int i = 0; i < 400; i++) {
        put(store, i < 380 ? 2 * HOUR_MS : 0, 50000);
    }
    store_close(store);
    int64_t before = size_on_disk(&folder);
    assert_true(before > 400 * 50000);
    (void)run_pass(&folder, &limits, &retain);
    assert_int_equal(retain.rows_deleted, 380);
    assert_int_equal(retain.blobs_deleted, 380);
    assert_in_range(size_on_disk(&folder), 20 * 50000, 20 * 50000 * 2 + RETAIN_SLACK_BYTES);
    assert_int_equal(count_at(folder.url), 20);
    folder_remove(&folder);
}

static void too_much_goes_oldest_first_down_to_the_bound(void **state)
{
    static const struct {
        int rows;
        size_t body_bytes;
        int64_t max_bytes;
        size_t least; /* rows that must be left */
    } cases[] = {
        {300,  50000,   5 << 20,   60 }, /* large bodies: deleting too many at once would show */
        {20,   1000000, 5 << 20,   3  },
        {5000, 0,       1 << 20,   800}, /* rows alone */
        {100,  1000,    100 << 20, 100}, /* room enough */
        {50,   10000,   1,         0  }, /* not even an empty one fits */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct folder folder;
        struct retain retain;
        struct store_retention limits = {.max_bytes = cases[i].max_bytes};

        folder_make(&folder);
        struct store *store = open_store(&folder);
        for (int n = 0; n < cases[i].rows; n++) {
            put(store, n * HOUR_MS, cases[i].body_bytes);
        }
        store_close(store);
        (void)run_pass(&folder, &limits, &retain);
        size_t left = count_at(folder.url);
        if (left < cases[i].least || left > (size_t)cases[i].rows) {
            print_error("case %zu: %zu rows left\n", i, left);
        }
        assert_true(left >= cases[i].least);
        assert_int_equal(left + retain.rows_deleted, cases[i].rows);
        if (cases[i].max_bytes > 100000) {
            assert_true(size_on_disk(&folder) <= cases[i].max_bytes);
        } else {
            assert_int_equal(left, 0);
            assert_true(size_on_disk(&folder) < 64 << 10);
        }
        /* What is left are the newest, with their content. */
        struct store_reader *reader = NULL;
        struct kept kept = {0};
        struct store_filter filter = {.since_ms = NOW_MS - (int64_t)left * HOUR_MS + 1,
                                      .limit = STORE_LIST_MAX};
        struct error err = {0};
        assert_fine(store_reader_open(folder.url, &reader, &err), err);
        assert_fine(store_reader_open(folder.url, &kept.reader, &err), err);
        assert_fine(store_list(reader, &filter, see_body, &kept, &err), err);
        assert_int_equal(cases[i].body_bytes ? kept.with_body : kept.without, left);
        store_reader_close(reader);
        store_reader_close(kept.reader);
        folder_remove(&folder);
    }
}

static void steps_are_small(void **state)
{
    struct folder folder;
    struct retain retain;
    struct store_retention limits = {.traces_ms = HOUR_MS};

    (void)state;
    folder_make(&folder);
    struct store *store = open_store(&folder);
    for (int i = 0; i < 5000; i++) {
        put(store, 2 * HOUR_MS, 100);
    }
    store_close(store);
    struct store_db *db = NULL;
    struct error err = {0};
    assert_fine(store_sqlite.open(str_of(folder.file), &db, &err), err);
    retain_start(&retain, &limits, NOW_MS);
    while (retain.stage != RETAIN_DONE) {
        uint64_t rows = retain.rows_deleted, blobs = retain.blobs_deleted;
        assert_fine(retain_step(&retain, &store_sqlite, db, &err), err);
        assert_true(retain.rows_deleted - rows <= RETAIN_STEP_ROWS);
        assert_true(retain.blobs_deleted - blobs <= RETAIN_STEP_ROWS);
    }
    assert_int_equal(retain.rows_deleted, 5000);
    assert_int_equal(retain.blobs_deleted, 5000);
    store_sqlite.close(db);
    folder_remove(&folder);
}

static int fail_to_delete(struct store_db *db, int64_t before_ms, int64_t limit,
                          struct store_deleted *ret_deleted, struct error *err)
{
    (void)db;
    (void)before_ms;
    (void)limit;
    (void)ret_deleted;
    return error_set(err, ERR_BUSY, "locked");
}

static void a_failure_ends_the_pass(void **state)
{
    struct store_driver driver = store_sqlite;
    struct store_retention limits = {.traces_ms = 1};
    struct retain retain;
    struct error err = {0};

    (void)state;
    driver.delete_traces = fail_to_delete;
    retain_start(&retain, &limits, NOW_MS);
    assert_int_equal(retain_step(&retain, &driver, NULL, &err), ERR_BUSY);
    assert_int_equal(retain.stage, RETAIN_DONE);
    assert_int_equal(retain_step(&retain, &driver, NULL, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_limits_nothing_goes),
        cmocka_unit_test(rows_older_than_the_limit_go_and_their_content_with_them),
        cmocka_unit_test(content_older_than_its_limit_goes_and_rows_stay),
        cmocka_unit_test(content_in_use_stays_however_old_its_first_use_is),
        cmocka_unit_test(the_file_shrinks),
        cmocka_unit_test(too_much_goes_oldest_first_down_to_the_bound),
        cmocka_unit_test(steps_are_small),
        cmocka_unit_test(a_failure_ends_the_pass),
    };

    return cmocka_run_group_tests_name("store/store_retain", tests, NULL, NULL);
}
