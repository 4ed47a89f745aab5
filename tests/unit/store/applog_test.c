/* The log: what was appended is there after any end, room is kept for what was claimed. */
#include "unit/store/suite.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "store/applog.h"

#define SMALL (64u << 10)

static struct applog *open_log(const struct folder *folder, size_t segment_bytes, int segments)
{
    struct applog *log = NULL;
    struct error err = {0};
    struct applog_options options = {
        .dir = folder->path, .segment_bytes = segment_bytes, .segments_max = segments};
    assert_fine(applog_open(&options, &log, &err), err);
    return log;
}

static void append(struct applog *log, const char *text)
{
    struct applog_claim claim;
    assert_int_equal(applog_append(log, str_of(text), 0, &claim), 0);
}

struct heard {
    char text[4096];
    size_t n;
};

static void hear(void *ctx, struct str record)
{
    struct heard *heard = ctx;
    size_t at = strlen(heard->text);
    snprintf(heard->text + at, sizeof(heard->text) - at, "%.*s ", STR_ARG(record));
    heard->n++;
}

static int hear_again(void *ctx, struct str record)
{
    hear(ctx, record);
    return 0;
}

static struct heard replay(struct applog *log)
{
    struct heard heard = {0};
    struct error err = {0};
    assert_fine(applog_replay(log, hear_again, &heard, &err), err);
    return heard;
}

static size_t count_segments(const struct folder *folder)
{
    DIR *dir = opendir(folder->path);
    size_t n = 0;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        n += strstr(entry->d_name, ".log") != NULL;
    }
    closedir(dir);
    return n;
}

static void what_is_appended_is_read_in_order(void **state)
{
    (void)state;
    struct folder folder;
    folder_make(&folder);
    struct applog *log = open_log(&folder, SMALL, 0);
    struct heard heard = {0};
    append(log, "one");
    append(log, "two");
    assert_int_equal(applog_read(log, 1, hear, &heard), 1);
    assert_int_equal(applog_read(log, 10, hear, &heard), 1);
    assert_string_equal(heard.text, "one two ");
    applog_read_again(log);
    assert_int_equal(applog_read(log, 10, hear, &heard), 2);
    applog_read_done(log);
    assert_int_equal(applog_read(log, 10, hear, &heard), 0);
    append(log, "three");
    assert_int_equal(applog_read(log, 10, hear, &heard), 1);
    assert_string_equal(heard.text, "one two one two three ");
    applog_read_again(log);
    struct applog_counts counts;
    applog_count(log, &counts);
    assert_int_equal(counts.records, 3);
    assert_int_equal(counts.unread_bytes, 5 + APPLOG_HEAD_BYTES);
    applog_close(log);
    folder_remove(&folder);
}

static void what_was_not_read_is_there_after_a_restart_until_it_is_forgotten(void **state)
{
    (void)state;
    struct folder folder;
    struct heard heard = {0};
    folder_make(&folder);
    struct applog *log = open_log(&folder, SMALL, 0);
    append(log, "one");
    append(log, "two");
    applog_close(log);
    log = open_log(&folder, SMALL, 0);
    assert_string_equal(replay(log).text, "one two ");
    append(log, "three");
    applog_close(log);
    log = open_log(&folder, SMALL, 0);
    assert_string_equal(replay(log).text, "one two three ");
    applog_forget_replayed(log);
    applog_close(log);
    log = open_log(&folder, SMALL, 0);
    assert_int_equal(replay(log).n, 0);
    append(log, "four");
    assert_int_equal(applog_read(log, 10, hear, &heard), 1);
    applog_read_done(log);
    applog_close(log); /* read to its end: nothing is left of it */
    assert_int_equal(count_segments(&folder), 0);
    folder_remove(&folder);
}

static void a_second_process_is_refused(void **state)
{
    (void)state;
    struct folder folder;
    struct error err = {0};
    struct applog *second = NULL;
    folder_make(&folder);
    struct applog *log = open_log(&folder, SMALL, 0);
    struct applog_options options = {.dir = folder.path};
    assert_int_equal(applog_open(&options, &second, &err), ERR_BUSY);
    assert_contains(err.text, "another weir is using it");
    append(log, "still fine");
    applog_close(log);
    folder_remove(&folder);
}

static void a_folder_that_cannot_be_is_an_error(void **state)
{
    (void)state;
    struct error err = {0};
    struct applog *log = NULL;
    struct applog_options options = {.dir = "/nowhere/at/all"};
    assert_int_equal(applog_open(&options, &log, &err), ERR_IO);
    assert_contains(err.text, "/nowhere/at/all: making the folder: No such file");
}

/* Every byte of the tail, torn or turned: the records before it stay. */
static void a_torn_tail_costs_the_last_record_only(void **state)
{
    (void)state;
    struct folder folder;
    char path[400];
    folder_make(&folder);
    struct applog *log = open_log(&folder, SMALL, 0);
    append(log, "first");
    append(log, "last-record");
    applog_close(log);
    snprintf(path, sizeof(path), "%s/0000000000000001.log", folder.path);
    size_t last_at = 5 + APPLOG_HEAD_BYTES;
    size_t end = last_at + 11 + APPLOG_HEAD_BYTES;
    char bytes[64];
    int fd = open(path, O_RDWR);
    assert_int_equal(pread(fd, bytes, end, 0), end);
    for (size_t at = last_at; at < end; at++) {
        char zeros[64] = {0};
        assert_int_equal(pwrite(fd, bytes, end, 0), end);
        assert_int_equal(pwrite(fd, zeros, end - at, (off_t)at), end - at);
        log = open_log(&folder, SMALL, 0);
        assert_string_equal(replay(log).text, "first ");
        applog_close(log);
        char turned = (char)(bytes[at] ^ 1);
        assert_int_equal(pwrite(fd, bytes, end, 0), end);
        assert_int_equal(pwrite(fd, &turned, 1, (off_t)at), 1);
        log = open_log(&folder, SMALL, 0);
        assert_string_equal(replay(log).text, "first ");
        applog_close(log);
    }
    /* A file that was cut at any length. */
    for (size_t length = end; length-- > last_at;) {
        assert_int_equal(ftruncate(fd, (off_t)length), 0);
        log = open_log(&folder, SMALL, 0);
        assert_string_equal(replay(log).text, "first ");
        applog_close(log);
    }
    assert_int_equal(ftruncate(fd, 0), 0);
    log = open_log(&folder, SMALL, 0);
    assert_int_equal(replay(log).n, 0);
    applog_close(log);
    close(fd);
    folder_remove(&folder);
}

/* Appends records of 1,000 bytes until there is no room, with patience for the log's thread. */
static size_t fill(struct applog *log, size_t claim, struct applog_claim *claims, size_t max)
{
    static char record[1000];
    size_t n = 0;
    memset(record, 'r', sizeof(record));
    for (int idle = 0; idle < 300 && n < max;) {
        if (applog_append(log, str_make(record, sizeof(record)), claim, &claims[n]) == 0) {
            n++;
            idle = 0;
        } else {
            usleep(1000);
            idle++;
        }
    }
    return n;
}

#define CLAIMS_MAX 4096

static void when_it_is_full_new_records_are_refused_and_claimed_ones_fit(void **state)
{
    (void)state;
    static struct applog_claim claims[CLAIMS_MAX];
    struct folder folder;
    char record[1500];
    struct applog_counts counts;
    folder_make(&folder);
    struct applog *log = open_log(&folder, SMALL, 4);
    size_t n = fill(log, sizeof(record), claims, CLAIMS_MAX);
    assert_in_range(n, 60, 4 * SMALL / 2500);
    applog_count(log, &counts);
    assert_true(counts.refused > 0);
    assert_int_equal(counts.segments, 4);
    assert_int_equal(counts.claimed_bytes, n * (sizeof(record) + APPLOG_HEAD_BYTES));
    assert_contains(counts.last_error, "4 segments are waiting");
    memset(record, 's', sizeof(record));
    for (size_t i = 0; i < n; i++) {
        applog_append_claimed(log, str_make(record, sizeof(record)), &claims[i]);
    }
    applog_count(log, &counts);
    assert_int_equal(counts.claimed_bytes, 0);
    assert_int_equal(counts.records, 2 * n);
    applog_close(log);
    log = open_log(&folder, SMALL, 0);
    struct heard heard = {0};
    struct error err = {0};
    assert_fine(applog_replay(log, hear_again, &heard, &err), err);
    assert_int_equal(heard.n, 2 * n);
    applog_close(log);
    folder_remove(&folder);
}

static void count_only(void *ctx, struct str record)
{
    (void)record;
    ++*(size_t *)ctx;
}

static void what_is_read_makes_room_again_and_its_files_go(void **state)
{
    (void)state;
    static struct applog_claim claims[CLAIMS_MAX];
    struct folder folder;
    size_t written = 0, read = 0;
    folder_make(&folder);
    struct applog *log = open_log(&folder, SMALL, 4);
    for (int round = 0; round < 10; round++) {
        written += fill(log, 0, claims, 150);
        applog_read(log, SIZE_MAX, count_only, &read);
        assert_int_equal(read, written);
        applog_read_done(log);
    }
    assert_int_equal(written, 1500);
    applog_close(log);
    assert_int_equal(count_segments(&folder), 0);
    folder_remove(&folder);
}

static void a_held_segment_stays_until_its_claim_is_used(void **state)
{
    (void)state;
    static struct applog_claim claims[CLAIMS_MAX];
    struct applog_claim held;
    struct folder folder;
    size_t read = 0;
    folder_make(&folder);
    struct applog *log = open_log(&folder, SMALL, 0);
    assert_int_equal(applog_append(log, STR("open"), 6, &held), 0);
    assert_int_equal(fill(log, 0, claims, 300), 300);
    applog_read(log, SIZE_MAX, count_only, &read);
    assert_true(applog_read_frees(log));
    applog_read_done(log);
    assert_false(applog_read_frees(log));
    applog_close(log); /* as if it were killed with the request open */
    log = open_log(&folder, SMALL, 0);
    struct heard heard = replay(log);
    assert_true(strncmp(heard.text, "open ", 5) == 0);
    applog_close(log);
    folder_remove(&folder);
}

struct appender {
    struct applog *log;
    int number;
    pthread_t thread;
};

static void *append_many(void *ctx)
{
    struct appender *a = ctx;
    struct applog_claim claim;
    char text[32];
    for (int i = 0; i < 5000;) {
        snprintf(text, sizeof(text), "%d:%d", a->number, i);
        if (applog_append(a->log, str_of(text), 8, &claim) == 0) {
            applog_append_claimed(a->log, STR("end"), &claim);
            i++;
        }
    }
    return NULL;
}

struct order {
    int next[4];
    int ends;
};

static void check_order(void *ctx, struct str record)
{
    struct order *order = ctx;
    if (str_is(record, "end")) {
        order->ends++;
        return;
    }
    int number = record.p[0] - '0';
    char want[32];
    snprintf(want, sizeof(want), "%d:%d", number, order->next[number]++);
    assert_str(record, want);
}

static void several_threads_append_whole_records(void **state)
{
    (void)state;
    struct folder folder;
    struct order order = {0};
    struct appender appenders[4];
    folder_make(&folder);
    struct applog *log = open_log(&folder, SMALL, 0);
    for (int i = 0; i < 4; i++) {
        appenders[i] = (struct appender){.log = log, .number = i};
        assert_int_equal(pthread_create(&appenders[i].thread, NULL, append_many, &appenders[i]), 0);
    }
    for (size_t n = 0; n < 40000; applog_read_done(log)) {
        n += applog_read(log, 1000, check_order, &order);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(appenders[i].thread, NULL);
        assert_int_equal(order.next[i], 5000);
    }
    assert_int_equal(order.ends, 20000);
    applog_close(log);
    folder_remove(&folder);
}

/* In the child until it is killed: numbers, and the last one that was appended in shared memory. */
static void append_until_killed(const struct folder *folder, volatile int *last)
{
    struct applog *log = NULL;
    struct applog_options options = {.dir = folder->path, .segment_bytes = SMALL};
    struct applog_claim claim;
    char text[32];
    if (applog_open(&options, &log, NULL) != 0) {
        _exit(1);
    }
    for (int i = 0;; i++) {
        snprintf(text, sizeof(text), "%d", i);
        while (applog_append(log, str_of(text), 0, &claim) != 0) {
        }
        *last = i + 1;
    }
}

struct numbers {
    int next;
};

static int check_number(void *ctx, struct str record)
{
    struct numbers *numbers = ctx;
    char want[32];
    snprintf(want, sizeof(want), "%d", numbers->next++);
    assert_str(record, want);
    return 0;
}

static void a_killed_process_loses_nothing_that_was_appended(void **state)
{
    (void)state;
    volatile int *last =
        mmap(NULL, sizeof(*last), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int round = 0; round < 10; round++) {
        struct folder folder;
        struct numbers numbers = {0};
        struct error err = {0};
        int status = 0;
        folder_make(&folder);
        *last = 0;
        pid_t pid = fork();
        if (pid == 0) {
            append_until_killed(&folder, last);
        }
        while (*last < 500 * (round + 1)) {
            usleep(50);
        }
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        struct applog *log = open_log(&folder, SMALL, 0);
        assert_fine(applog_replay(log, check_number, &numbers, &err), err);
        assert_in_range(numbers.next, *last, *last + 1);
        applog_forget_replayed(log);
        applog_close(log);
        folder_remove(&folder);
    }
    munmap((void *)last, sizeof(*last));
}

static void syncing_says_that_it_is_on_the_disk(void **state)
{
    (void)state;
    struct folder folder;
    struct error err = {0};
    struct applog_counts counts;
    folder_make(&folder);
    struct applog *log = open_log(&folder, SMALL, 0);
    append(log, "one");
    assert_fine(applog_sync(log, &err), err);
    applog_count(log, &counts);
    assert_int_equal(counts.syncs, 1);
    assert_fine(applog_sync(log, &err), err); /* nothing new: no call */
    applog_count(log, &counts);
    assert_int_equal(counts.syncs, 1);
    applog_close(log);
    folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_appended_is_read_in_order),
        cmocka_unit_test(what_was_not_read_is_there_after_a_restart_until_it_is_forgotten),
        cmocka_unit_test(a_second_process_is_refused),
        cmocka_unit_test(a_folder_that_cannot_be_is_an_error),
        cmocka_unit_test(a_torn_tail_costs_the_last_record_only),
        cmocka_unit_test(when_it_is_full_new_records_are_refused_and_claimed_ones_fit),
        cmocka_unit_test(what_is_read_makes_room_again_and_its_files_go),
        cmocka_unit_test(a_held_segment_stays_until_its_claim_is_used),
        cmocka_unit_test(several_threads_append_whole_records),
        cmocka_unit_test(a_killed_process_loses_nothing_that_was_appended),
        cmocka_unit_test(syncing_says_that_it_is_on_the_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
