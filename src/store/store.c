#include "store/store.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "core/clock.h"
#include "core/mem.h"
#include "store/blob.h"
#include "store/block.h"
#include "store/capture.h"
#include "store/store_driver.h"
#include "store/store_internal.h"
#include "store/store_retain.h"

#define US_PER_MS      INT64_C(1000)
#define RETRY_FIRST_MS 20
/* After a step of retention the writer lets as much time pass as the step took, within these. */
#define RETAIN_PAUSE_MIN_MS 5
#define RETAIN_PAUSE_MAX_MS 200
#define PACK_KEEP_BYTES     (4u << 20)

/* Ends with NULL. */
static const struct store_driver *const store_drivers[] = {
    &store_sqlite,
    NULL,
};

struct store {
    const struct store_driver *driver;
    pthread_t thread;

    /* Shared, under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t work; /* the writer has something to do */
    pthread_cond_t done; /* the writer did something */
    struct trace *ring[STORE_RING_TRACES];
    size_t head, n;    /* of the ring: the oldest, how many */
    uint64_t accepted; /* put into the ring, ever */
    uint64_t finished; /* of those: written or failed */
    uint64_t flush_to; /* somebody waits until that many are finished */
    int64_t first_us;  /* when the ring was last empty and got one */
    struct store_counts counts;
    char retain_error[ERROR_TEXT_MAX], ledger_error[ERROR_TEXT_MAX];
    struct store_retention retention;
    bool retention_set; /* and not yet looked at */
    bool stopping;
    const struct store_feed *feed; /* NULL: none */
    struct store_feed feed_own;
    bool feed_busy;           /* the writer is using it */
    uint64_t pulled, pull_to; /* how often it was asked; until then somebody waits */
    int64_t feed_next_us;

    /* The writer's own. */
    struct store_db *db;
    struct blob_codec codec;
    struct buf packed;
    struct block block;
    struct hash_memo *memo;
    struct retain retain;
    int64_t retain_next_us;
    bool retention_known;
    bool giving_up; /* closing, and the database cannot be written */
    struct trace *batch[STORE_BATCH_TRACES];
    bool taken[STORE_BATCH_TRACES]; /* of the batch, in this attempt: in a block or given up */
    size_t batch_n;
};

/* ---- URLs ---- */

/* The length of a leading "name:", 0 when there is none. A path may hold a colon behind a slash. */
static size_t scheme_length(struct str url)
{
    for (size_t i = 0; i < url.n; i++) {
        char c = url.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        if (c == ':') {
            return i;
        }
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'))) {
            return 0;
        }
    }
    return 0;
}

const struct store_driver *store_find_driver(struct str url, struct str *ret_path,
                                             struct error *err)
{
    size_t n = scheme_length(url);
    struct str scheme = n > 0 ? str_head(url, n) : str_of(store_drivers[0]->scheme);

    for (size_t i = 0; store_drivers[i]; i++) {
        if (str_is(scheme, store_drivers[i]->scheme)) {
            *ret_path = n > 0 ? str_from(url, n + 1) : url;
            return store_drivers[i];
        }
    }
    /* The rest of a URL may hold a password: it is not shown. */
    error_set(err, ERR_INVALID,
              "store: `%.*s:` is not supported; expected sqlite:PATH, as in sqlite:weir.db",
              STR_ARG(str_head(scheme, 40)));
    return NULL;
}

/* ---- the writer thread ---- */

static void deadline_after(struct timespec *ret_at, int64_t wait_us)
{
    clock_gettime(CLOCK_MONOTONIC, ret_at);
    ret_at->tv_sec += wait_us / 1000000;
    ret_at->tv_nsec += wait_us % 1000000 * 1000;
    if (ret_at->tv_nsec >= 1000000000) {
        ret_at->tv_nsec -= 1000000000;
        ret_at->tv_sec++;
    }
}

/* Sleeps at most this long unless the store is being closed. Not under the lock. */
static void pause_writer(struct store *store, int64_t wait_us)
{
    int64_t end_us = clock_mono_us() + wait_us;

    pthread_mutex_lock(&store->lock);
    for (int64_t left_us = wait_us; left_us > 0 && !store->stopping;
         left_us = end_us - clock_mono_us()) {
        struct timespec at;
        deadline_after(&at, left_us);
        (void)pthread_cond_timedwait(&store->work, &store->lock, &at);
    }
    pthread_mutex_unlock(&store->lock);
}

/* How long the writer may wait for more before it takes what is in the ring; under the lock. */
static int64_t wait_for_batch_us(const struct store *store, int64_t now_us)
{
    int64_t until_us = store->retention_known ? store->retain_next_us : INT64_MAX;

    if (store->feed && store->feed_next_us < until_us) {
        until_us = store->feed_next_us;
    }
    if (store->n > 0) {
        int64_t commit_us = store->first_us + STORE_COMMIT_MS * US_PER_MS;
        until_us = commit_us < until_us ? commit_us : until_us;
    }
    if (store->stopping || store->retention_set || store->pulled < store->pull_to ||
        store->n >= STORE_BATCH_TRACES || store->counts.ring_bytes >= STORE_BATCH_BYTES ||
        (store->n > 0 && store->flush_to > store->finished)) {
        return 0;
    }
    return until_us == INT64_MAX ? INT64_MAX : until_us - now_us;
}

static void wait_for_work(struct store *store)
{
    for (;;) {
        int64_t wait_us = wait_for_batch_us(store, clock_mono_us());
        struct timespec at;

        if (wait_us <= 0) {
            return;
        }
        if (wait_us == INT64_MAX) {
            (void)pthread_cond_wait(&store->work, &store->lock);
        } else {
            deadline_after(&at, wait_us);
            (void)pthread_cond_timedwait(&store->work, &store->lock, &at);
        }
    }
}

/* Waits for work and takes a batch. False when the store is closed and everything is written. */
static bool take_batch(struct store *store)
{
    size_t bytes = 0;

    pthread_mutex_lock(&store->lock);
    wait_for_work(store);
    while (store->n > 0 && store->batch_n < STORE_BATCH_TRACES && bytes < STORE_BATCH_BYTES) {
        struct trace *trace = store->ring[store->head];

        store->ring[store->head] = NULL;
        store->head = (store->head + 1) % STORE_RING_TRACES;
        store->n--;
        store->batch[store->batch_n] = trace;
        store->batch_n++;
        bytes += trace_bytes(trace);
    }
    bool more = store->batch_n > 0 || !store->stopping;
    pthread_mutex_unlock(&store->lock);
    return more;
}

static int put_content(struct store *store, struct str body, const char *hex, int64_t used_ms,
                       struct error *err)
{
    struct hash_sha256 name;
    bool found = false;
    int rc;

    if (hash_sha256_parse(str_of(hex), &name) < 0) {
        return 0; /* nothing is to be kept */
    }
    rc = store->driver->touch_blob(store->db, &name, used_ms, &found, err);
    if (rc < 0 || found) {
        return rc;
    }
    rc = blob_pack(&store->codec, body, &store->packed, err);
    if (rc < 0) {
        return ERR_INVALID; /* this row only */
    }
    return store->driver->put_blob(store->db, &name, buf_str(&store->packed), (int64_t)body.n,
                                   used_ms, err);
}

/* What is kept of the bodies. Rows come later: one whose content cannot be written is not written
 * either, and counted in *bad. */
static int put_contents(struct store *store, size_t *bad, struct error *err)
{
    for (size_t i = 0; i < store->batch_n; i++) {
        const struct trace *trace = store->batch[i];
        int rc = put_content(store, buf_str(&trace->request_body), trace->request_blob,
                             trace->started_ms, err);

        if (rc == 0) {
            rc = put_content(store, buf_str(&trace->response_body), trace->response_blob,
                             trace->started_ms, err);
        }
        store->taken[i] = rc == ERR_INVALID;
        *bad += rc == ERR_INVALID;
        if (rc < 0 && rc != ERR_INVALID) {
            return rc;
        }
    }
    return 0;
}

/* The rows in blocks. When `again`, a block that is there already is the one that a commit has
 * written which seemed to fail. */
static int put_rows(struct store *store, bool again, size_t *bad, struct error *err)
{
    size_t unfit = 0;
    int rc = 0;

    while (rc == 0 &&
           block_pack(&store->block, store->batch, store->taken, store->batch_n, &unfit)) {
        bool fresh = true;

        *bad += unfit;
        if (unfit > 0) {
            error_set(err, ERR_INVALID, "%zu traces have no id, or are too large", unfit);
        }
        if (store->block.rows > 0) {
            rc = store->driver->put_block(store->db, &store->block, &fresh, err);
        }
        if (rc == 0 && !fresh && !again) {
            error_set(err, ERR_INVALID, "a trace with the id %s is there already",
                      store->block.first_id);
            *bad += store->block.rows;
        }
    }
    return rc;
}

/* One attempt at the whole batch, in one transaction. *ret_bad counts rows that can never be
 * written; the others are, all or none. */
static int write_batch(struct store *store, bool again, size_t *ret_bad, struct error *err)
{
    size_t bad = 0;
    int rc = store->driver->begin(store->db, err);

    if (rc == 0) {
        rc = put_contents(store, &bad, err);
    }
    if (rc == 0) {
        rc = put_rows(store, again, &bad, err);
    }
    if (rc == 0) {
        rc = store->driver->commit(store->db, err);
    }
    if (rc < 0) {
        store->driver->rollback(store->db);
        return rc;
    }
    *ret_bad = bad;
    return 0;
}

static bool is_stopping(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    bool stopping = store->stopping;
    pthread_mutex_unlock(&store->lock);
    return stopping;
}

/* Tries until it works or STORE_RETRY_MS are over; *ret_failed traces were not written. */
static void write_persistently(struct store *store, size_t *ret_failed, struct error *err)
{
    int64_t give_up_us = clock_mono_us() + STORE_RETRY_MS * US_PER_MS;
    int64_t wait_ms = RETRY_FIRST_MS;
    bool again = false;

    *ret_failed = store->batch_n;
    while (!store->giving_up) {
        int rc = write_batch(store, again, ret_failed, err);

        if (rc == 0) {
            return;
        }
        if (is_stopping(store)) {
            store->giving_up = true;
        }
        if (clock_mono_us() >= give_up_us) {
            return;
        }
        pause_writer(store, wait_ms * 1000);
        wait_ms *= 2;
        again = true;
    }
}

static void update_size(struct store *store)
{
    struct store_sizes sizes;

    if (store->driver->sizes(store->db, &sizes, NULL) == 0) {
        pthread_mutex_lock(&store->lock);
        store->counts.database_bytes = sizes.live_bytes + sizes.free_bytes + sizes.log_bytes;
        pthread_mutex_unlock(&store->lock);
    }
}

static void process_batch(struct store *store)
{
    struct error err = {.code = ERR_OK};
    size_t bytes = 0;
    size_t failed = 0;

    for (size_t i = 0; i < store->batch_n; i++) {
        bytes += trace_bytes(store->batch[i]); /* as counted when submitted */
        capture_apply(store->batch[i], store->memo);
    }
    write_persistently(store, &failed, &err);
    for (size_t i = 0; i < store->batch_n; i++) {
        trace_free(store->batch[i]);
        store->batch[i] = NULL;
    }
    if (store->packed.cap > PACK_KEEP_BYTES) {
        buf_release(&store->packed);
    }
    if (store->block.bytes.cap > PACK_KEEP_BYTES) {
        buf_release(&store->block.bytes);
    }
    pthread_mutex_lock(&store->lock);
    store->counts.ring_traces -= store->batch_n;
    store->counts.ring_bytes -= bytes;
    store->counts.failed += failed;
    store->counts.written += store->batch_n - failed;
    store->finished += store->batch_n;
    snprintf(store->counts.last_error, sizeof(store->counts.last_error), "%s",
             failed ? err.text : "");
    pthread_cond_broadcast(&store->done);
    pthread_mutex_unlock(&store->lock);
    store->batch_n = 0;
    update_size(store);
}

/* A pass begins when the time has come or the limits have changed. */
static void retain_when_due(struct store *store)
{
    int64_t now_us = clock_mono_us();
    struct store_retention limits;
    bool begin;

    pthread_mutex_lock(&store->lock);
    limits = store->retention;
    begin = store->retention_set;
    store->retention_known = store->retention_known || begin;
    store->retention_set = false;
    pthread_mutex_unlock(&store->lock);
    if (!begin && (!store->retention_known || now_us < store->retain_next_us)) {
        return;
    }
    if (begin || store->retain.stage == RETAIN_DONE) {
        store->retain_next_us = now_us;
        retain_start(&store->retain, &limits, clock_wall_ms());
    }
}

/* One step of a pass under way, and when the next one is due. */
static void retain_once(struct store *store)
{
    struct error err = {.code = ERR_OK};
    uint64_t rows = store->retain.rows_deleted, blobs = store->retain.blobs_deleted;
    int64_t start_us = clock_mono_us();
    int64_t pause_us;
    int rc;

    if (store->retain.stage == RETAIN_DONE || start_us < store->retain_next_us) {
        return;
    }
    rc = retain_step(&store->retain, store->driver, store->db, &err);
    pthread_mutex_lock(&store->lock);
    store->counts.retained_rows_deleted += store->retain.rows_deleted - rows;
    store->counts.retained_blobs_deleted += store->retain.blobs_deleted - blobs;
    snprintf(store->retain_error, sizeof(store->retain_error), "%s", rc < 0 ? err.text : "");
    pthread_mutex_unlock(&store->lock);
    pause_us = clock_mono_us() - start_us;
    if (store->retain.stage == RETAIN_DONE) {
        pause_us = STORE_RETAIN_EVERY_MS * US_PER_MS;
        update_size(store);
    } else if (pause_us < RETAIN_PAUSE_MIN_MS * US_PER_MS) {
        pause_us = RETAIN_PAUSE_MIN_MS * US_PER_MS;
    } else if (pause_us > RETAIN_PAUSE_MAX_MS * US_PER_MS) {
        pause_us = RETAIN_PAUSE_MAX_MS * US_PER_MS;
    }
    store->retain_next_us = clock_mono_us() + pause_us;
}

/* ---- the ledger ---- */

struct ledger_put {
    struct store *store;
    bool began; /* a transaction is open: the first row begins it, without rows there is none */
    int rc;
    struct error *err;
};

static void put_ledger_row(void *ctx, const struct ledger_row *row)
{
    struct ledger_put *put = ctx;
    if (!put->began) {
        put->began = true;
        put->rc = put->store->driver->begin(put->store->db, put->err);
    }
    if (put->rc == 0) {
        put->rc = put->store->driver->put_ledger(put->store->db, row, put->err);
        put->rc = put->rc == ERR_INVALID ? 0 : put->rc; /* it never can be: others go on */
    }
}

/* One transaction of what the feed has. *ret_n is how many rows it gave. */
static int write_ledger(struct store *store, const struct store_feed *feed, size_t *ret_n,
                        struct error *err)
{
    struct ledger_put put = {.store = store, .err = err};
    const struct store_driver *driver = store->driver;

    *ret_n = feed->read(feed->ctx, STORE_BATCH_LEDGER, put_ledger_row, &put);
    if (put.began && put.rc == 0) {
        put.rc = driver->commit(store->db, err);
    }
    if (put.rc == 0 && feed->must_sync(feed->ctx)) {
        put.rc = driver->sync(store->db, err);
    }
    if (put.rc < 0) {
        driver->rollback(store->db);
    }
    feed->done(feed->ctx, put.rc == 0);
    return put.rc;
}

/* Takes what the feed has, when it is due. A failure is told and tried again the next time. */
static void pull_ledger(struct store *store)
{
    struct error err = {.code = ERR_OK};
    size_t n = STORE_BATCH_LEDGER;
    int rc = 0;

    pthread_mutex_lock(&store->lock);
    bool due = store->feed && (store->stopping || store->pulled < store->pull_to ||
                               clock_mono_us() >= store->feed_next_us);
    uint64_t pulled = store->pull_to;
    store->feed_busy = due;
    pthread_mutex_unlock(&store->lock);
    if (!due) {
        return;
    }
    while (rc == 0 && n == STORE_BATCH_LEDGER) {
        n = 0;
        rc = write_ledger(store, &store->feed_own, &n, &err);
    }
    pthread_mutex_lock(&store->lock);
    snprintf(store->ledger_error, sizeof(store->ledger_error), "%s", rc < 0 ? err.text : "");
    store->feed_next_us = clock_mono_us() + STORE_COMMIT_MS * US_PER_MS;
    store->feed_busy = false;
    store->pulled = pulled;
    pthread_cond_broadcast(&store->done);
    pthread_mutex_unlock(&store->lock);
}

static void *run_writer(void *ctx)
{
    struct store *store = (struct store *)ctx;

    (void)pthread_setname_np(pthread_self(), "weir-store");
    while (take_batch(store)) {
        if (store->batch_n > 0) {
            process_batch(store);
        }
        pull_ledger(store);
        retain_when_due(store);
        retain_once(store);
    }
    return NULL;
}

/* ---- the store ---- */

/* Signals are the business of the thread that waits for them. */
static int start_writer(struct store *store)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&store->thread, NULL, run_writer, store);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

static void store_free(struct store *store)
{
    store->driver->close(store->db);
    blob_codec_release(&store->codec);
    buf_release(&store->packed);
    block_release(&store->block);
    hash_memo_free(store->memo);
    pthread_cond_destroy(&store->work);
    pthread_cond_destroy(&store->done);
    pthread_mutex_destroy(&store->lock);
    x_free(store);
}

int store_open(const char *url, struct store **ret_store, struct error *err)
{
    struct str path;
    const struct store_driver *driver = store_find_driver(str_of(url), &path, err);
    struct store_db *db = NULL;
    struct store *store;
    pthread_condattr_t monotonic;
    int error;
    int rc = driver ? driver->open(path, &db, err) : ERR_INVALID;

    if (rc < 0) {
        return rc;
    }
    store = (struct store *)x_calloc(1, sizeof(*store));
    store->driver = driver;
    store->db = db;
    blob_codec_init(&store->codec);
    buf_init(&store->packed, BLOB_PACKED_BYTES_MAX);
    block_init(&store->block);
    store->memo = hash_memo_new();
    pthread_mutex_init(&store->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&store->work, &monotonic);
    pthread_cond_init(&store->done, &monotonic);
    pthread_condattr_destroy(&monotonic);
    update_size(store);
    error = start_writer(store);
    if (error) {
        store_free(store);
        return error_set(err, ERR_IO, "store: no thread for the writer: %s", strerror(error));
    }
    *ret_store = store;
    return 0;
}

char *store_path_beside(const char *url, const char *suffix)
{
    struct str path;
    struct buf text;
    BUG_ON(!store_find_driver(str_of(url), &path, NULL));
    buf_init(&text, path.n + strlen(suffix) + 1);
    (void)buf_put_str(&text, path);
    (void)buf_puts(&text, suffix);
    char *copy = x_strdup(buf_cstr(&text));
    buf_release(&text);
    return copy;
}

void store_close(struct store *store)
{
    if (!store) {
        return;
    }
    pthread_mutex_lock(&store->lock);
    store->stopping = true;
    pthread_cond_signal(&store->work);
    pthread_mutex_unlock(&store->lock);
    pthread_join(store->thread, NULL);
    store_free(store);
}

bool store_submit(struct store *store, struct trace *trace)
{
    size_t bytes = trace_bytes(trace);
    bool room;

    pthread_mutex_lock(&store->lock);
    store->counts.submitted++;
    room = store->counts.ring_traces < STORE_RING_TRACES &&
           store->counts.ring_bytes + bytes <= STORE_RING_BYTES;
    if (room) {
        if (store->n == 0) {
            store->first_us = clock_mono_us();
        }
        store->ring[(store->head + store->n) % STORE_RING_TRACES] = trace;
        store->n++;
        store->counts.ring_traces++;
        store->counts.ring_bytes += bytes;
        store->accepted++;
        /* The writer sleeps until the first, and then until there is a batch or time is up. */
        if (store->n == 1 || store->n == STORE_BATCH_TRACES ||
            store->counts.ring_bytes >= STORE_BATCH_BYTES) {
            pthread_cond_signal(&store->work);
        }
    } else {
        store->counts.dropped++;
    }
    pthread_mutex_unlock(&store->lock);
    if (!room) {
        trace_free(trace);
    }
    return room;
}

void store_set_retention(struct store *store, const struct store_retention *retention)
{
    pthread_mutex_lock(&store->lock);
    store->retention = *retention;
    store->retention_set = true;
    pthread_cond_signal(&store->work);
    pthread_mutex_unlock(&store->lock);
}

void store_pull(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    uint64_t turn = store->feed ? ++store->pull_to : 0;
    pthread_cond_signal(&store->work);
    while (store->pulled < turn) {
        (void)pthread_cond_wait(&store->done, &store->lock);
    }
    pthread_mutex_unlock(&store->lock);
}

void store_set_feed(struct store *store, const struct store_feed *feed)
{
    store_pull(store);
    pthread_mutex_lock(&store->lock);
    while (store->feed_busy) {
        (void)pthread_cond_wait(&store->done, &store->lock);
    }
    if (feed) {
        store->feed_own = *feed;
    }
    store->feed = feed ? &store->feed_own : NULL;
    pthread_cond_signal(&store->work);
    pthread_mutex_unlock(&store->lock);
}

void store_flush(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    uint64_t all = store->accepted;
    if (store->flush_to < all) {
        store->flush_to = all;
    }
    pthread_cond_signal(&store->work);
    while (store->finished < all) {
        (void)pthread_cond_wait(&store->done, &store->lock);
    }
    pthread_mutex_unlock(&store->lock);
}

void store_count(struct store *store, struct store_counts *ret_counts)
{
    pthread_mutex_lock(&store->lock);
    *ret_counts = store->counts;
    if (ret_counts->last_error[0] == '\0') {
        memcpy(ret_counts->last_error, store->ledger_error, sizeof(ret_counts->last_error));
    }
    if (ret_counts->last_error[0] == '\0') {
        memcpy(ret_counts->last_error, store->retain_error, sizeof(ret_counts->last_error));
    }
    pthread_mutex_unlock(&store->lock);
}
