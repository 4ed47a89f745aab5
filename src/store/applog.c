#include "store/applog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/crc32c.h"
#include "core/mem.h"

#define NAME_DIGITS  16
#define NAME_BYTES   (NAME_DIGITS + 5) /* "0000000000000001.log" and NUL */
#define NS_PER_MS    1000000
#define REPLAYED_MAX 65536

struct segment {
    uint64_t number;
    int fd;    /* -1: closed, as nothing more is to be synced or read */
    char *map; /* NULL then */
    size_t used, synced;
    uint64_t holds;
    bool sealed;
};

/* A place in the log, for the reader. */
struct place {
    uint64_t segment;
    size_t at;
};

struct applog {
    char *dir;
    int dir_fd, lock_fd;
    size_t segment_bytes;
    int segments_max;
    pthread_t thread;
    bool has_thread;

    pthread_mutex_t sync_lock; /* taken before `lock`: who syncs, or closes what may be synced */
    pthread_mutex_t lock;      /* all below */
    pthread_cond_t work;       /* for the thread */
    pthread_cond_t made;       /* it has tried to make a segment */
    bool make_failed;          /* and could not, the last time */
    struct segment *segments;  /* oldest first; the last is written to */
    size_t n;
    struct segment ahead[APPLOG_AHEAD_MAX];
    size_t ahead_n;
    uint64_t next_number;
    uint64_t claimed;
    struct place read, reading; /* done with; given out */
    uint64_t *replayed;         /* numbers of the segments of before */
    size_t replayed_n;
    bool dirty, wanted, stopping; /* something to sync; a segment to be made; to end */
    struct applog_counts counts;
};

static void name_of(uint64_t number, char *out)
{
    snprintf(out, NAME_BYTES, "%016llx.log", (unsigned long long)number);
}

static int fail(const char *dir, const char *doing, int error, struct error *err)
{
    return error_set(err, error == EWOULDBLOCK ? ERR_BUSY : ERR_IO, "ledger %s: %s: %s", dir, doing,
                     error == EWOULDBLOCK ? "another weir is using it" : strerror(error));
}

/* A segment's memory is used again under another number: old records must not look like new. */
static uint32_t check_of(struct str record, uint64_t number)
{
    return crc32c(record.p, record.n) ^ (uint32_t)(number * 2654435761u);
}

/* ---- segments ---- */

static void segment_close(struct segment *s, size_t bytes)
{
    if (s->map) {
        munmap(s->map, bytes);
        s->map = NULL;
    }
    if (s->fd >= 0) {
        close(s->fd);
        s->fd = -1;
    }
}

static void remove_file(struct applog *log, uint64_t number)
{
    char name[NAME_BYTES];
    name_of(number, name);
    unlinkat(log->dir_fd, name, 0);
}

/* Blocks are allocated here, so that a full disk is an error of this call and never a signal when
 * the memory is written to. */
static int segment_make(struct applog *log, uint64_t number, struct segment *ret_segment,
                        struct error *err)
{
    char name[NAME_BYTES];
    name_of(number, name);
    int fd = openat(log->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail(log->dir, "making a segment", errno, err);
    }
    int error = posix_fallocate(fd, 0, (off_t)log->segment_bytes);
    void *map = MAP_FAILED;
    if (error == 0) {
        map = mmap(NULL, log->segment_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        error = map == MAP_FAILED ? errno : 0;
    }
    if (error != 0) {
        close(fd);
        remove_file(log, number);
        return fail(log->dir, "making a segment", error, err);
    }
    *ret_segment = (struct segment){.number = number, .fd = fd, .map = map};
    return 0;
}

static struct segment *current(struct applog *log)
{
    return &log->segments[log->n - 1];
}

static struct segment *find(struct applog *log, uint64_t number)
{
    for (size_t i = log->n; i > 0; i--) {
        if (log->segments[i - 1].number == number) {
            return &log->segments[i - 1];
        }
    }
    return NULL;
}

/* ---- appending; under the lock ---- */

static size_t room(struct applog *log)
{
    return log->segment_bytes - current(log)->used + log->ahead_n * log->segment_bytes;
}

/* Less than a segment and a half beyond what is claimed: make another. */
static void ask_for_segment(struct applog *log)
{
    if (!log->wanted && room(log) < log->claimed + log->segment_bytes * 3 / 2 &&
        log->ahead_n < APPLOG_AHEAD_MAX) {
        log->wanted = true;
        pthread_cond_signal(&log->work);
    }
}

static void next_segment(struct applog *log)
{
    BUG_ON(log->ahead_n == 0); /* room was claimed */
    current(log)->sealed = true;
    log->segments[log->n++] = log->ahead[0];
    log->ahead_n--;
    memmove(log->ahead, log->ahead + 1, log->ahead_n * sizeof(log->ahead[0]));
}

static struct segment *put(struct applog *log, struct str record)
{
    struct segment *s = current(log);
    size_t size = APPLOG_HEAD_BYTES + record.n;
    if (s->used + size > log->segment_bytes) {
        next_segment(log);
        s = current(log);
    }
    uint32_t head[2] = {(uint32_t)record.n, check_of(record, s->number)};
    memcpy(s->map + s->used + sizeof(head), record.p, record.n);
    memcpy(s->map + s->used, head, sizeof(head));
    s->used += size;
    log->counts.records++;
    log->counts.bytes += size;
    log->counts.unread_bytes += size;
    if (!log->dirty) {
        log->dirty = true;
        pthread_cond_signal(&log->work);
    }
    ask_for_segment(log);
    return s;
}

/* The end of a segment may be too short for a record and is lost then. */
static bool has_room(struct applog *log, size_t size)
{
    return log->claimed + size + (log->ahead_n + 1) * APPLOG_RECORD_MAX <= room(log);
}

int applog_append(struct applog *log, struct str record, size_t claim_bytes,
                  struct applog_claim *ret_claim)
{
    size_t claim = claim_bytes > 0 ? claim_bytes + APPLOG_HEAD_BYTES : 0;
    size_t size = record.n + APPLOG_HEAD_BYTES + claim;
    BUG_ON(record.n == 0 || record.n > APPLOG_RECORD_MAX || claim_bytes > APPLOG_RECORD_MAX);

    pthread_mutex_lock(&log->lock);
    if (!has_room(log, size)) {
        log->counts.refused++;
        ask_for_segment(log);
        pthread_mutex_unlock(&log->lock);
        return ERR_BUSY;
    }
    log->claimed += claim;
    struct segment *s = put(log, record);
    s->holds += claim > 0;
    *ret_claim = (struct applog_claim){.segment = s->number, .bytes = (uint32_t)claim};
    pthread_mutex_unlock(&log->lock);
    return 0;
}

int applog_append_waiting(struct applog *log, struct str record)
{
    BUG_ON(record.n == 0 || record.n > APPLOG_RECORD_MAX);
    pthread_mutex_lock(&log->lock);
    while (!has_room(log, record.n + APPLOG_HEAD_BYTES)) {
        log->wanted = true;
        log->make_failed = false;
        pthread_cond_signal(&log->work);
        pthread_cond_wait(&log->made, &log->lock);
        if (log->make_failed) {
            pthread_mutex_unlock(&log->lock);
            return ERR_BUSY;
        }
    }
    put(log, record);
    pthread_mutex_unlock(&log->lock);
    return 0;
}

void applog_append_claimed(struct applog *log, struct str record, const struct applog_claim *claim)
{
    BUG_ON(record.n == 0 || record.n + APPLOG_HEAD_BYTES > claim->bytes);
    pthread_mutex_lock(&log->lock);
    log->claimed -= claim->bytes;
    put(log, record);
    struct segment *held = find(log, claim->segment);
    BUG_ON(!held || held->holds == 0);
    held->holds--;
    pthread_mutex_unlock(&log->lock);
}

/* ---- reading ---- */

static struct str record_at(const char *map, size_t size, size_t at, uint64_t number)
{
    uint32_t head[2];
    if (at + sizeof(head) > size) {
        return STR_EMPTY;
    }
    memcpy(head, map + at, sizeof(head));
    if (head[0] == 0 || head[0] > APPLOG_RECORD_MAX || head[0] > size - at - sizeof(head)) {
        return STR_EMPTY;
    }
    struct str record = str_make(map + at + sizeof(head), head[0]);
    return check_of(record, number) == head[1] ? record : STR_EMPTY;
}

/* A copy of the segment to read from at log->reading, moving on over ends of segments. */
static bool segment_to_read(struct applog *log, struct segment *ret_segment)
{
    pthread_mutex_lock(&log->lock);
    struct segment *s = find(log, log->reading.segment);
    while (s && s->sealed && log->reading.at >= s->used) {
        log->reading = (struct place){.segment = s->number + 1};
        s = find(log, log->reading.segment);
    }
    bool more = s && s->map && log->reading.at < s->used;
    if (more) {
        *ret_segment = *s;
    }
    pthread_mutex_unlock(&log->lock);
    return more;
}

size_t applog_read(struct applog *log, size_t max, void (*fn)(void *ctx, struct str record),
                   void *ctx)
{
    struct segment s;
    size_t n = 0;
    while (n < max && segment_to_read(log, &s)) {
        /* Below `used` nothing is written any more: no lock is needed. */
        while (n < max && log->reading.at < s.used) {
            struct str record = record_at(s.map, s.used, log->reading.at, s.number);
            BUG_ON(record.n == 0); /* memory of ours, checked as it was written */
            fn(ctx, record);
            log->reading.at += record.n + APPLOG_HEAD_BYTES;
            n++;
        }
    }
    return n;
}

/* Bytes between two places; segments are numbered without gaps. */
static uint64_t distance(struct applog *log, struct place from, struct place to)
{
    uint64_t bytes = 0;
    for (; from.segment < to.segment; from.segment++, from.at = 0) {
        const struct segment *s = find(log, from.segment);
        bytes += s ? s->used - from.at : 0;
    }
    return bytes + to.at - from.at;
}

void applog_read_done(struct applog *log)
{
    pthread_mutex_lock(&log->lock);
    log->counts.unread_bytes -= distance(log, log->read, log->reading);
    log->read = log->reading;
    pthread_mutex_unlock(&log->lock);
}

bool applog_read_frees(struct applog *log)
{
    return log->read.segment != log->reading.segment;
}

void applog_read_again(struct applog *log)
{
    log->reading = log->read;
}

/* ---- the log's thread ---- */

/* Makes one segment; called with the lock, which is let go meanwhile. */
static bool make_ahead(struct applog *log)
{
    struct segment made;
    struct error err = {.code = ERR_OK};
    if ((int)(log->n + log->ahead_n) >= log->segments_max) {
        error_set(&err, ERR_LIMIT, "ledger %s: %d segments are waiting for the store", log->dir,
                  log->segments_max);
        snprintf(log->counts.last_error, sizeof(log->counts.last_error), "%s", err.text);
        return false;
    }
    uint64_t number = log->next_number;
    pthread_mutex_unlock(&log->lock);
    int rc = segment_make(log, number, &made, &err);
    pthread_mutex_lock(&log->lock);
    snprintf(log->counts.last_error, sizeof(log->counts.last_error), "%s", rc < 0 ? err.text : "");
    if (rc < 0) {
        return false;
    }
    log->ahead[log->ahead_n++] = made;
    log->next_number++;
    return true;
}

int applog_sync(struct applog *log, struct error *err)
{
    int rc = 0;
    pthread_mutex_lock(&log->sync_lock);
    for (size_t i = 0;; i++) {
        pthread_mutex_lock(&log->lock);
        if (i >= log->n) {
            pthread_mutex_unlock(&log->lock);
            break;
        }
        uint64_t number = log->segments[i].number;
        int fd = log->segments[i].fd;
        size_t used = log->segments[i].used;
        bool needed = fd >= 0 && used > log->segments[i].synced;
        pthread_mutex_unlock(&log->lock);
        if (!needed) {
            continue;
        }
        if (fdatasync(fd) < 0) {
            rc = fail(log->dir, "syncing", errno, err);
            continue;
        }
        pthread_mutex_lock(&log->lock);
        find(log, number)->synced = used; /* only retire() removes one, under sync_lock */
        log->counts.syncs++;
        pthread_mutex_unlock(&log->lock);
    }
    pthread_mutex_unlock(&log->sync_lock);
    return rc;
}

/* Segments are numbered in the order in which they will be used. */
static bool rename_segment(struct applog *log, struct segment *s)
{
    char from[NAME_BYTES], to[NAME_BYTES];
    name_of(s->number, from);
    name_of(log->next_number, to);
    return renameat(log->dir_fd, from, log->dir_fd, to) == 0;
}

/* A segment that nobody needs becomes one for later, or goes. */
static void recycle(struct applog *log, struct segment *s)
{
    pthread_mutex_lock(&log->lock);
    bool wanted = log->ahead_n < APPLOG_AHEAD_MAX;
    pthread_mutex_unlock(&log->lock);
    if (!wanted || !s->map || !rename_segment(log, s)) {
        segment_close(s, log->segment_bytes);
        remove_file(log, s->number);
        return;
    }
    pthread_mutex_lock(&log->lock); /* this thread alone adds to what is ahead */
    log->ahead[log->ahead_n++] =
        (struct segment){.number = log->next_number++, .fd = s->fd, .map = s->map};
    pthread_mutex_unlock(&log->lock);
}

/* Takes out the first segment that is read and held by nobody; closes those that are only read. */
static bool take_retired(struct applog *log, struct segment *ret_segment)
{
    bool found = false;
    pthread_mutex_lock(&log->lock);
    for (size_t i = 0; i < log->n && !found; i++) {
        struct segment *s = &log->segments[i];
        if (!s->sealed || s->number >= log->read.segment) {
            break;
        }
        if (s->holds == 0) {
            *ret_segment = *s;
            log->n--;
            memmove(s, s + 1, (log->n - i) * sizeof(*s));
            found = true;
        } else if (s->synced == s->used) {
            segment_close(s, log->segment_bytes);
        }
    }
    pthread_mutex_unlock(&log->lock);
    return found;
}

static void retire(struct applog *log)
{
    struct segment s;
    pthread_mutex_lock(&log->sync_lock);
    while (take_retired(log, &s)) {
        recycle(log, &s);
    }
    pthread_mutex_unlock(&log->sync_lock);
}

/* Sleeps until there is work, then until the next sync is due; under the lock. */
static void wait_for_work(struct applog *log)
{
    struct timespec at;
    while (!log->dirty && !log->wanted && !log->stopping) {
        pthread_cond_wait(&log->work, &log->lock);
    }
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += (long)APPLOG_SYNC_MS * NS_PER_MS;
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    int rc = 0;
    while (!log->wanted && !log->stopping && rc != ETIMEDOUT) {
        rc = pthread_cond_timedwait(&log->work, &log->lock, &at);
    }
}

static void *run_thread(void *ctx)
{
    struct applog *log = ctx;
    struct error err;
    (void)pthread_setname_np(pthread_self(), "weir-ledger");
    pthread_mutex_lock(&log->lock);
    while (!log->stopping) {
        wait_for_work(log);
        bool made = true;
        while (made && !log->stopping && log->ahead_n < APPLOG_AHEAD_MAX &&
               room(log) < log->claimed + 2 * log->segment_bytes) {
            made = make_ahead(log);
        }
        log->wanted = false; /* when it could not be made, the next append asks again */
        log->dirty = !made;
        log->make_failed = !made;
        pthread_cond_broadcast(&log->made);
        pthread_mutex_unlock(&log->lock);
        int rc = applog_sync(log, &err);
        retire(log);
        pthread_mutex_lock(&log->lock);
        if (rc < 0) {
            snprintf(log->counts.last_error, sizeof(log->counts.last_error), "%s", err.text);
            log->dirty = true;
        }
    }
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

/* ---- opening ---- */

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool parse_name(const char *name, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (strlen(name) != NAME_BYTES - 1 || strcmp(name + NAME_DIGITS, ".log") != 0) {
        return false;
    }
    for (int i = 0; i < NAME_DIGITS; i++) {
        const char *digits = "0123456789abcdef";
        const char *found = strchr(digits, name[i]);
        if (!found) {
            return false;
        }
        number = number << 4 | (uint64_t)(found - digits);
    }
    *ret_number = number;
    return true;
}

static int list_segments(struct applog *log, struct error *err)
{
    int fd = dup(log->dir_fd);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        int rc = fail(log->dir, "listing", errno, err);
        if (fd >= 0) {
            close(fd);
        }
        return rc;
    }
    rewinddir(dir);
    log->replayed = x_calloc(REPLAYED_MAX, sizeof(*log->replayed));
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        uint64_t number = 0;
        if (parse_name(entry->d_name, &number) && log->replayed_n < REPLAYED_MAX) {
            log->replayed[log->replayed_n++] = number;
        }
    }
    closedir(dir);
    qsort(log->replayed, log->replayed_n, sizeof(*log->replayed), compare_numbers);
    return 0;
}

static int replay_segment(struct applog *log, uint64_t number,
                          int (*fn)(void *ctx, struct str record), void *ctx, struct error *err)
{
    char name[NAME_BYTES];
    struct stat st;
    int rc = 0;
    name_of(number, name);
    int fd = openat(log->dir_fd, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        rc = fail(log->dir, "reading a segment", errno, err);
    } else if (st.st_size > 0) {
        size_t size = (size_t)st.st_size;
        char *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED) {
            rc = fail(log->dir, "reading a segment", errno, err);
        } else {
            size_t at = 0;
            for (struct str record = record_at(map, size, at, number); record.n > 0 && rc == 0;
                 record = record_at(map, size, at, number)) {
                rc = fn(ctx, record);
                at += record.n + APPLOG_HEAD_BYTES;
            }
            munmap(map, size);
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    return rc;
}

static int open_folder(struct applog *log, struct error *err)
{
    if (mkdir(log->dir, 0700) < 0 && errno != EEXIST) {
        return fail(log->dir, "making the folder", errno, err);
    }
    log->dir_fd = open(log->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (log->dir_fd < 0) {
        return fail(log->dir, "opening the folder", errno, err);
    }
    log->lock_fd = openat(log->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (log->lock_fd < 0 || flock(log->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        return fail(log->dir, "locking", errno, err);
    }
    return list_segments(log, err);
}

/* Signals are the business of the thread that waits for them. */
static int start_thread(struct applog *log, struct error *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&log->thread, NULL, run_thread, log);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        return fail(log->dir, "starting its thread", error, err);
    }
    log->has_thread = true;
    return 0;
}

static int begin(struct applog *log, struct error *err)
{
    struct segment first;
    log->next_number = log->replayed_n > 0 ? log->replayed[log->replayed_n - 1] + 1 : 1;
    int rc = segment_make(log, log->next_number, &first, err);
    if (rc < 0) {
        return rc;
    }
    log->segments[log->n++] = first;
    log->read = log->reading = (struct place){.segment = log->next_number};
    log->next_number++;
    rc = segment_make(log, log->next_number, &first, err);
    if (rc < 0) {
        return rc;
    }
    log->ahead[log->ahead_n++] = first;
    log->next_number++;
    return start_thread(log, err);
}

int applog_open(const struct applog_options *options, struct applog **ret_log, struct error *err)
{
    struct applog *log = x_calloc(1, sizeof(*log));
    pthread_condattr_t monotonic;
    log->dir = x_strdup(options->dir);
    log->dir_fd = log->lock_fd = -1;
    log->segment_bytes = options->segment_bytes ? options->segment_bytes : APPLOG_SEGMENT_BYTES;
    log->segments_max = options->segments_max ? options->segments_max : APPLOG_SEGMENTS_MAX;
    log->segments = x_calloc((size_t)log->segments_max + 1, sizeof(*log->segments));
    pthread_mutex_init(&log->lock, NULL);
    pthread_mutex_init(&log->sync_lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&log->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_cond_init(&log->made, NULL);

    int rc = open_folder(log, err);
    if (rc == 0) {
        rc = begin(log, err);
    }
    if (rc != 0) {
        applog_close(log);
        return rc;
    }
    *ret_log = log;
    return 0;
}

int applog_replay(struct applog *log, int (*fn)(void *ctx, struct str record), void *ctx,
                  struct error *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < log->replayed_n; i++) {
        rc = replay_segment(log, log->replayed[i], fn, ctx, err);
    }
    return rc;
}

void applog_forget_replayed(struct applog *log)
{
    for (size_t i = 0; i < log->replayed_n; i++) {
        remove_file(log, log->replayed[i]);
    }
    log->replayed_n = 0;
    X_FREE(log->replayed);
}

/* What is read to its end and held by nobody is not needed again, the last one included. */
static void close_segments(struct applog *log)
{
    for (size_t i = 0; i < log->n; i++) {
        struct segment *s = &log->segments[i];
        bool is_read = s->number < log->read.segment ||
                       (s->number == log->read.segment && log->read.at == s->used);
        segment_close(s, log->segment_bytes);
        if (is_read && s->holds == 0) {
            remove_file(log, s->number);
        }
    }
    for (size_t i = 0; i < log->ahead_n; i++) {
        segment_close(&log->ahead[i], log->segment_bytes);
        remove_file(log, log->ahead[i].number);
    }
}

void applog_close(struct applog *log)
{
    struct error err;
    if (!log) {
        return;
    }
    if (log->has_thread) {
        pthread_mutex_lock(&log->lock);
        log->stopping = true;
        pthread_cond_signal(&log->work);
        pthread_mutex_unlock(&log->lock);
        pthread_join(log->thread, NULL);
        (void)!applog_sync(log, &err); /* the kernel still has it when this fails */
    }
    close_segments(log);
    if (log->lock_fd >= 0) {
        close(log->lock_fd);
    }
    if (log->dir_fd >= 0) {
        close(log->dir_fd);
    }
    pthread_cond_destroy(&log->work);
    pthread_cond_destroy(&log->made);
    pthread_mutex_destroy(&log->lock);
    pthread_mutex_destroy(&log->sync_lock);
    x_free(log->replayed);
    x_free(log->segments);
    x_free(log->dir);
    x_free(log);
}

void applog_count(struct applog *log, struct applog_counts *ret_counts)
{
    pthread_mutex_lock(&log->lock);
    *ret_counts = log->counts;
    ret_counts->segments = log->n + log->ahead_n;
    ret_counts->claimed_bytes = log->claimed;
    pthread_mutex_unlock(&log->lock);
}
