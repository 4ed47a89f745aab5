#include "unit/store/suite.h"

#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "core/hash.h"
#include "core/rand.h"

static struct store *open_store(const struct folder *folder)
{
    struct store *store = NULL;
    struct error err = {0};

    assert_fine(store_open(folder->url, &store, &err), err);
    return store;
}

static struct store_counts counts_of(struct store *store)
{
    struct store_counts counts;

    store_count(store, &counts);
    return counts;
}

static void what_is_submitted_is_there_after_a_flush(void **state)
{
    struct folder folder;
    struct store_counts counts;

    (void)state;
    folder_make(&folder);
    struct store *store = open_store(&folder);
    for (int i = 0; i < 1000; i++) {
        assert_true(store_submit(store, make_trace(1000 + i, TRACE_CAPTURE_HASHES, "{}", "x")));
    }
    store_flush(store);
    counts = counts_of(store);
    assert_int_equal(counts.submitted, 1000);
    assert_int_equal(counts.written, 1000);
    assert_int_equal(counts.dropped, 0);
    assert_int_equal(counts.failed, 0);
    assert_int_equal(counts.ring_traces, 0);
    assert_int_equal(counts.ring_bytes, 0);
    assert_true(counts.database_bytes > 0);
    assert_string_equal(counts.last_error, "");
    assert_int_equal(count_at(folder.url), 1000);
    store_close(store);
    assert_int_equal(count_at(folder.url), 1000);
    folder_remove(&folder);
}

static void closing_writes_what_is_in_the_ring(void **state)
{
    struct folder folder;

    (void)state;
    folder_make(&folder);
    for (int round = 1; round <= 3; round++) {
        struct store *store = open_store(&folder);
        for (int i = 0; i < 700; i++) {
            assert_true(store_submit(store, make_trace(1, TRACE_CAPTURE_FULL, "{}", "same")));
        }
        store_close(store);
        assert_int_equal(count_at(folder.url), (size_t)round * 700);
    }
    store_close(NULL);
    folder_remove(&folder);
}

static void nothing_to_flush_is_fine(void **state)
{
    struct folder folder;

    (void)state;
    folder_make(&folder);
    struct store *store = open_store(&folder);
    store_flush(store);
    assert_true(store_submit(store, make_trace(1, TRACE_CAPTURE_NONE, "", "")));
    store_flush(store);
    store_flush(store);
    assert_int_equal(counts_of(store).written, 1);
    store_close(store);
    folder_remove(&folder);
}

#define THREADS 4
#define EACH    2000

static void *submit_many(void *ctx)
{
    struct store *store = (struct store *)ctx;

    for (int i = 0; i < EACH; i++) {
        (void)store_submit(store, make_trace(i, TRACE_CAPTURE_HASHES, "{\"messages\":[]}", "x"));
        if (i % 500 == 499) {
            store_flush(store);
        }
    }
    return NULL;
}

static void any_thread_may_submit_and_flush(void **state)
{
    struct folder folder;
    pthread_t threads[THREADS];
    struct store_counts counts;

    (void)state;
    folder_make(&folder);
    struct store *store = open_store(&folder);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, submit_many, store), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    counts = counts_of(store);
    assert_int_equal(counts.submitted, THREADS * EACH);
    assert_int_equal(counts.written, THREADS * EACH); /* the ring holds all of them */
    assert_int_equal(count_at(folder.url), THREADS * EACH);
    store_close(store);
    folder_remove(&folder);
}

/* Another program's write lock: what SQLite calls a busy database. */
static sqlite3 *lock(const struct folder *folder)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(folder->file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

static void unlock(sqlite3 *db)
{
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Until the packer has made small what waits, or it is clear that it never will. */
static void wait_for_bytes(struct store *store, uint64_t bytes)
{
    for (int i = 0; i < 20000 && counts_of(store).ring_bytes > bytes; i++) {
        usleep(1000);
    }
    assert_true(counts_of(store).ring_bytes <= bytes);
}

static void a_full_ring_drops_and_counts_and_a_locked_file_is_waited_for(void **state)
{
    struct folder folder;
    struct store_counts counts;

    (void)state;
    folder_make(&folder);
    struct store *store = open_store(&folder);
    sqlite3 *other = lock(&folder);
    for (int i = 0; i < STORE_RING_TRACES; i++) {
        if (i % 8192 == 0) {
            wait_for_bytes(store, STORE_RING_BYTES / 4);
        }
        assert_true(store_submit(store, make_trace(1, TRACE_CAPTURE_HASHES, "{}", "x")));
    }
    for (int i = 0; i < 10; i++) {
        assert_false(store_submit(store, make_trace(1, TRACE_CAPTURE_HASHES, "{}", "x")));
    }
    counts = counts_of(store);
    assert_int_equal(counts.dropped, 10);
    assert_int_equal(counts.ring_traces + counts.failed, STORE_RING_TRACES);
    assert_int_equal(counts.written, 0);
    unlock(other);
    store_flush(store);
    counts = counts_of(store);
    assert_int_equal(counts.written + counts.failed, STORE_RING_TRACES);
    assert_int_equal(counts.failed, 0);
    assert_int_equal(counts.ring_bytes, 0);
    assert_true(store_submit(store, make_trace(1, TRACE_CAPTURE_HASHES, "{}", "x")));
    store_close(store);
    assert_int_equal(count_at(folder.url), STORE_RING_TRACES + 1);
    folder_remove(&folder);
}

static void what_waits_for_a_locked_file_is_small(void **state)
{
    static char body[100000];
    struct folder folder;

    (void)state;
    folder_make(&folder);
    memset(body, 'x', sizeof(body) - 1);
    struct store *store = open_store(&folder);
    sqlite3 *other = lock(&folder);
    for (int i = 0; i < 1000; i++) {
        assert_true(store_submit(store, make_trace(1, TRACE_CAPTURE_HASHES, body, body)));
    }
    wait_for_bytes(store, 1 << 20);
    assert_int_equal(counts_of(store).ring_traces, 1000);
    unlock(other);
    store_close(store);
    assert_int_equal(count_at(folder.url), 1000);
    folder_remove(&folder);
}

static void the_ring_is_bounded_in_bytes_too(void **state)
{
    struct folder folder;
    static char body[16 << 20];
    size_t taken = 0;

    (void)state;
    folder_make(&folder);
    struct store *store = open_store(&folder);
    sqlite3 *other = lock(&folder);
    for (int i = 0; i < 20; i++) {
        struct trace *trace = make_trace(1, TRACE_CAPTURE_FULL, "{}", ""); /* these stay large */
        assert_int_equal(buf_put(&trace->response_body, body, sizeof(body)), 0);
        taken += store_submit(store, trace);
    }
    assert_in_range(taken, 7, 15); /* a buffer may have grown to twice its content */
    assert_int_equal(counts_of(store).dropped, 20 - taken);
    assert_in_range(counts_of(store).ring_bytes, 1, STORE_RING_BYTES);
    unlock(other);
    store_flush(store);
    assert_int_equal(counts_of(store).written, taken);
    assert_int_equal(counts_of(store).ring_bytes, 0);
    store_close(store);
    folder_remove(&folder);
}

static void closing_while_the_file_is_locked_gives_up(void **state)
{
    struct folder folder;

    (void)state;
    folder_make(&folder);
    struct store *store = open_store(&folder);
    sqlite3 *other = lock(&folder);
    for (int i = 0; i < 5000; i++) { /* ten batches; only the first is waited for */
        assert_true(store_submit(store, make_trace(1, TRACE_CAPTURE_HASHES, "{}", "x")));
    }
    store_close(store);
    unlock(other);
    assert_int_equal(count_at(folder.url), 0);
    folder_remove(&folder);
}

/* A row of about a kilobyte that no packing makes smaller. */
static struct trace *noisy_trace(void)
{
    struct trace *trace = make_trace(1, TRACE_CAPTURE_HASHES, "{}", "x");
    unsigned char noise[512];
    char hex[2 * sizeof(noise) + 1];

    rand_bytes(noise, sizeof(noise));
    hash_hex(noise, sizeof(noise), hex);
    trace->user_agent = arena_str(&trace->arena, str_of(hex));
    return trace;
}

/* In a child: the limit on the size of files stands for a full disk. */
static void write_to_a_full_disk(const struct folder *folder, int *ret_step)
{
    struct rlimit none, some = {150 << 10, RLIM_INFINITY};
    struct store *store = NULL;
    struct store_counts counts;

    signal(SIGXFSZ, SIG_IGN);
    *ret_step = 1;
    if (store_open(folder->url, &store, NULL) < 0 || getrlimit(RLIMIT_FSIZE, &none) < 0 ||
        setrlimit(RLIMIT_FSIZE, &some) < 0) {
        return;
    }
    for (int i = 0; i < 500; i++) { /* one batch: it is tried for STORE_RETRY_MS */
        (void)store_submit(store, noisy_trace());
    }
    store_flush(store);
    store_count(store, &counts);
    *ret_step = 2;
    if (counts.failed == 0 || counts.written + counts.failed != 500 || !counts.last_error[0]) {
        return;
    }
    *ret_step = 3;
    if (setrlimit(RLIMIT_FSIZE, &none) < 0 ||
        !store_submit(store, make_trace(1, TRACE_CAPTURE_HASHES, "{}", "x"))) {
        return;
    }
    store_flush(store);
    uint64_t before = counts.written;
    store_count(store, &counts);
    *ret_step = 4;
    if (counts.written != before + 1 || counts.last_error[0]) {
        return;
    }
    store_close(store);
    *ret_step = 0;
}

static void a_full_disk_fails_counted_and_writing_goes_on_later(void **state)
{
    struct folder folder;
    int status = 0;

    (void)state;
    folder_make(&folder);
    pid_t pid = fork();
    if (pid == 0) {
        int step = 1;
        write_to_a_full_disk(&folder, &step);
        _exit(step);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(count_at(folder.url) >= 1);
    folder_remove(&folder);
}

static void a_trace_that_cannot_be_a_row_fails_alone(void **state)
{
    static const char *const bad[] = {"", "short", "0123456789ABCDEF0123456789ABCDEF"};
    struct folder folder;
    struct store_counts counts;

    (void)state;
    folder_make(&folder);
    struct store *store = open_store(&folder);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct trace *trace = make_trace(2, TRACE_CAPTURE_HASHES, "{}", "x");
        memset(trace->id, 0, sizeof(trace->id));
        memcpy(trace->id, bad[i], strlen(bad[i]));
        assert_true(store_submit(store, make_trace(1, TRACE_CAPTURE_HASHES, "{}", "x")));
        assert_true(store_submit(store, trace));
    }
    assert_true(store_submit(store, make_trace(3, TRACE_CAPTURE_HASHES, "{}", "x")));
    store_flush(store);
    counts = counts_of(store);
    assert_int_equal(counts.written, ARRAY_LEN(bad) + 1);
    assert_int_equal(counts.failed, ARRAY_LEN(bad));
    assert_contains(counts.last_error, "have no id");
    store_close(store);
    assert_int_equal(count_at(folder.url), ARRAY_LEN(bad) + 1);
    folder_remove(&folder);
}

static void a_block_that_is_there_already_is_not_written_again(void **state)
{
    struct folder folder;
    struct store_counts counts;
    char id[TRACE_ID_HEX + 1];

    (void)state;
    folder_make(&folder);
    struct store *store = open_store(&folder);
    for (int i = 0; i < 2; i++) {
        struct trace *trace = make_trace(1, TRACE_CAPTURE_HASHES, "{}", "x");
        memcpy(i == 0 ? id : trace->id, i == 0 ? trace->id : id, sizeof(id));
        assert_true(store_submit(store, trace));
        store_flush(store);
    }
    counts = counts_of(store);
    assert_int_equal(counts.written, 1);
    assert_int_equal(counts.failed, 1);
    assert_contains(counts.last_error, "there already");
    store_close(store);
    assert_int_equal(count_at(folder.url), 1);
    folder_remove(&folder);
}

static void equal_content_is_kept_once(void **state)
{
    struct folder folder;
    static char body[200000];
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;

    (void)state;
    folder_make(&folder);
    for (size_t i = 0; i < sizeof(body) - 1; i++) {
        body[i] = (char)('a' + (i * i) % 23);
    }
    struct store *store = open_store(&folder);
    for (int i = 0; i < 50; i++) {
        assert_true(
            store_submit(store, make_trace(i * INT64_C(100000), TRACE_CAPTURE_FULL, body, body)));
    }
    store_close(store);
    assert_int_equal(sqlite3_open(folder.file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT count(*), max(size), max(last_used_ms) FROM "
                                        "blob",
                                        -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int64(statement, 0), 1);
    assert_int_equal(sqlite3_column_int64(statement, 1), sizeof(body) - 1);
    assert_int_equal(sqlite3_column_int64(statement, 2), 4900000); /* moved on with its use */
    sqlite3_finalize(statement);
    sqlite3_close(db);
    folder_remove(&folder);
}

static void retention_runs_soon_after_it_is_set(void **state)
{
    struct folder folder;
    struct store_retention retention = {.traces_ms = 3600000};
    struct store_counts counts;
    int64_t now_ms = clock_wall_ms();

    (void)state;
    folder_make(&folder);
    struct store *store = open_store(&folder);
    for (int i = 0; i < 2000; i++) {
        int64_t age_ms = i % 2 ? INT64_C(7200000) : 0;
        assert_true(
            store_submit(store, make_trace(now_ms - age_ms, TRACE_CAPTURE_HASHES, "{}", "x")));
    }
    store_flush(store);
    store_set_retention(store, &retention);
    for (int i = 0; i < 3000; i++) { /* it takes a few steps with pauses */
        counts = counts_of(store);
        if (counts.retained_rows_deleted == 1000) {
            break;
        }
        usleep(10000);
    }
    assert_int_equal(counts.retained_rows_deleted, 1000);
    assert_string_equal(counts.last_error, "");
    assert_int_equal(count_at(folder.url), 1000);
    store_close(store);
    folder_remove(&folder);
}

static void urls_say_which_store(void **state)
{
    static const struct {
        const char *url;
        const char *says;
    } bad[] = {
        {"postgres://user:secret@host/db", "`postgres:` is not supported"},
        {"redis:x",                        "`redis:` is not supported"   },
        {"sqlite:",                        "a path is expected"          },
        {"",                               "a path is expected"          },
        {"/nonexistent-folder/x/t.db",     "its folder does not exist"   },
        {"/",                              "not a regular file"          },
    };
    struct folder folder;
    struct store *store = NULL;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct error err = {0};
        struct store_reader *reader = NULL;

        assert_true(store_open(bad[i].url, &store, &err) < 0);
        assert_contains(err.text, bad[i].says);
        assert_null(strstr(err.text, "secret"));
        assert_null(store);
        assert_true(store_reader_open(bad[i].url, &reader, NULL) < 0);
        assert_null(reader);
    }
    /* A bare path; and one with a colon, behind a slash. */
    folder_make(&folder);

    static const struct {
        const char *before, *after;
    } good[] = {
        {"",        "/t.db"  },
        {"",        "/a:b.db"},
        {"sqlite:", "/c.db"  }
    };

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        char url[400];
        struct error err = {0};

        snprintf(url, sizeof(url), "%s%s%s", good[i].before, folder.path, good[i].after);
        assert_fine(store_open(url, &store, &err), err);
        store_close(store);
        store = NULL;
        assert_int_equal(count_at(url), 0);
    }
    folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* First: forks, and no other thread or connection must be there. */
        cmocka_unit_test(a_full_disk_fails_counted_and_writing_goes_on_later),
        cmocka_unit_test(what_is_submitted_is_there_after_a_flush),
        cmocka_unit_test(closing_writes_what_is_in_the_ring),
        cmocka_unit_test(nothing_to_flush_is_fine),
        cmocka_unit_test(any_thread_may_submit_and_flush),
        cmocka_unit_test(a_full_ring_drops_and_counts_and_a_locked_file_is_waited_for),
        cmocka_unit_test(what_waits_for_a_locked_file_is_small),
        cmocka_unit_test(the_ring_is_bounded_in_bytes_too),
        cmocka_unit_test(closing_while_the_file_is_locked_gives_up),
        cmocka_unit_test(a_trace_that_cannot_be_a_row_fails_alone),
        cmocka_unit_test(a_block_that_is_there_already_is_not_written_again),
        cmocka_unit_test(equal_content_is_kept_once),
        cmocka_unit_test(retention_runs_soon_after_it_is_set),
        cmocka_unit_test(urls_say_which_store),
    };

    return cmocka_run_group_tests_name("store/store", tests, NULL, NULL);
}
