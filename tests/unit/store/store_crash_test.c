/* kill -9 at any moment: the store opens, rows are whole, and what was committed is there. */
#include "unit/store/suite.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

#define ROUNDS 12

/* Numbered bodies, so that a reader can tell what a row must hold. */
static void make_bodies(int round, int number, char *request, char *response, size_t n)
{
    snprintf(request, n, "{\"round\":%d,\"number\":%d,\"messages\":[{\"role\":\"user\"}]}", round,
             number);
    snprintf(response, n, "answer %d of round %d", number, round);
}

static struct trace *numbered_trace(int round, int number)
{
    char request[200], response[200];
    struct trace *trace;

    make_bodies(round, number, request, response, sizeof(request));
    trace = make_trace(clock_wall_ms(), TRACE_CAPTURE_FULL, request, response);
    trace->session = arena_printf(&trace->arena, "%d", round);
    trace->client_request_id = arena_printf(&trace->arena, "%d", number);
    trace->events = number;
    return trace;
}

/* In the child, until it is killed: traces, and now and then how many are committed. */
static void write_forever(const struct folder *folder, int round, int fd)
{
    struct store_retention retention = {.max_bytes = 1 << 30};
    struct store *store = NULL;
    struct store_counts counts;

    if (store_open(folder->url, &store, NULL) < 0) {
        _exit(1);
    }
    store_set_retention(store, &retention); /* the kill may hit this as well */
    for (int number = 0;; number++) {
        while (!store_submit(store, numbered_trace(round, number))) {
            _exit(2); /* the ring is large enough for this pace */
        }
        if (number % 50 == 0) {
            usleep(2000);
            store_count(store, &counts);
            if (counts.failed > 0 ||
                write(fd, &counts.written, sizeof(counts.written)) != sizeof(counts.written)) {
                _exit(3);
            }
        }
    }
}

/* Starts the child, lets it run until it has committed something and a little longer, kills it.
 * Returns how many traces it knew to be committed. */
static uint64_t run_and_kill(const struct folder *folder, int round)
{
    int fds[2];
    int status = 0;
    uint64_t written = 0, last = 0;

    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        write_forever(folder, round, fds[1]);
    }
    close(fds[1]);
    while (last == 0) {
        assert_int_equal(read(fds[0], &last, sizeof(last)), sizeof(last));
    }
    usleep((useconds_t)(round * 17000));
    assert_int_equal(kill(pid, SIGKILL), 0);
    while (read(fds[0], &written, sizeof(written)) == sizeof(written)) {
        last = written;
    }
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    return last;
}

struct numbers {
    struct store_reader *other; /* the one that lists is in use */
    int round;
    int next;
};

static int check_row(void *ctx, const struct trace *row)
{
    struct numbers *numbers = (struct numbers *)ctx;
    struct trace *trace = NULL;
    struct error err = {0};
    char request[200], response[200];

    assert_int_equal(row->events, numbers->next);
    if (numbers->next % 97 == 0) {
        make_bodies(numbers->round, numbers->next, request, response, sizeof(request));
        assert_fine(store_get(numbers->other, str_of(row->id), &trace, &err), err);
        assert_str(buf_str(&trace->request_body), request);
        assert_str(buf_str(&trace->response_body), response);
        trace_free(trace);
    }
    numbers->next++;
    return 0;
}

/* All rows of a round: numbered from 0 without a gap, whole, at least as many as were committed. */
static void check_round(const struct folder *folder, int round, uint64_t written)
{
    struct store_reader *reader = NULL;
    struct numbers numbers = {.round = round};
    struct error err = {0};
    char session[16];

    snprintf(session, sizeof(session), "%d", round);
    struct store_filter filter = {
        .session = str_of(session), .limit = STORE_LIST_MAX, .oldest_first = true};
    assert_fine(store_reader_open(folder->url, &reader, &err), err);
    assert_fine(store_reader_open(folder->url, &numbers.other, &err), err);
    assert_fine(store_list(reader, &filter, check_row, &numbers, &err), err);
    assert_true((uint64_t)numbers.next >= written);
    store_reader_close(reader);
    store_reader_close(numbers.other);
}

static void check_integrity(const struct folder *folder)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;

    assert_int_equal(sqlite3_open(folder->file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), "ok");
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

static void a_killed_writer_leaves_whole_rows_and_all_that_was_committed(void **state)
{
    struct folder folder;
    uint64_t written[ROUNDS];

    (void)state;
    folder_make(&folder);
    for (int round = 0; round < ROUNDS; round++) {
        written[round] = run_and_kill(&folder, round);
        check_round(&folder, round, written[round]);
    }
    for (int round = 0; round < ROUNDS; round++) { /* and later kills took nothing away */
        check_round(&folder, round, written[round]);
    }
    check_integrity(&folder);
    folder_remove(&folder);
}

static void what_was_submitted_a_second_before_the_kill_is_there(void **state)
{
    struct folder folder;
    int fds[2];
    char ready = 0;
    int status = 0;

    (void)state;
    folder_make(&folder);
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct store *store = NULL;
        if (store_open(folder.url, &store, NULL) < 0) {
            _exit(1);
        }
        for (int number = 0; number < 100; number++) {
            (void)store_submit(store, numbered_trace(0, number));
        }
        sleep(1);
        if (write(fds[1], "r", 1) != 1) {
            _exit(1);
        }
        pause();
    }
    close(fds[1]);
    assert_int_equal(read(fds[0], &ready, 1), 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(fds[0]);
    check_round(&folder, 0, 100);
    folder_remove(&folder);
}

static void a_process_reads_what_another_one_is_writing(void **state)
{
    struct folder folder;
    int fds[2];
    uint64_t written = 0;
    size_t before = 0;

    (void)state;
    folder_make(&folder);
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        write_forever(&folder, 0, fds[1]);
    }
    close(fds[1]);
    for (int i = 0; i < 20;) {
        assert_int_equal(read(fds[0], &written, sizeof(written)), sizeof(written));
        if (written == 0) {
            continue;
        }
        size_t n = count_at(folder.url);
        assert_true(n >= written && n >= before);
        before = n;
        i++;
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(fds[0]);
    folder_remove(&folder);
}

static void a_kill_while_the_schema_is_made_leaves_a_file_that_opens(void **state)
{
    (void)state;
    for (int i = 0; i < 15; i++) {
        struct folder folder;
        struct store *store = NULL;
        struct error err = {0};

        folder_make(&folder);
        pid_t pid = fork();
        if (pid == 0) {
            (void)!store_open(folder.url, &store, NULL);
            pause();
        }
        usleep((useconds_t)(i * 700));
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_fine(store_open(folder.url, &store, &err), err);
        assert_true(store_submit(store, make_trace(1, TRACE_CAPTURE_FULL, "{}", "x")));
        store_close(store);
        assert_int_equal(count_at(folder.url), 1);
        folder_remove(&folder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_writer_leaves_whole_rows_and_all_that_was_committed),
        cmocka_unit_test(what_was_submitted_a_second_before_the_kill_is_there),
        cmocka_unit_test(a_process_reads_what_another_one_is_writing),
        cmocka_unit_test(a_kill_while_the_schema_is_made_leaves_a_file_that_opens),
    };

    return cmocka_run_group_tests_name("store/store_crash", tests, NULL, NULL);
}
