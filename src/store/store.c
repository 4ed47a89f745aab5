#include "store/store.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "core/clock.h"
#include "core/mem.h"
#include "store/hash_memo.h"
#include "store/store_batch.h"
#include "store/store_driver.h"
#include "store/store_internal.h"
#include "store/store_retain.h"

#define US_PER_MS      INT64_C(1000)
#define RETRY_FIRST_MS 20
/* After a step of retention the writer lets as much time pass as the step took, within these. */
#define RETAIN_PAUSE_MIN_MS 5
#define RETAIN_PAUSE_MAX_MS 200

/* Ends with NULL. */
static const struct store_driver *const store_drivers[] = {
    &store_sqlite,
    NULL,
};

/*
 * Two threads, so that a disk that is slow for a moment does not hold up what needs none: the
 * packer takes traces out of the ring and prepares batches; the writer commits them and retains.
 */
struct store {
    const struct store_driver *driver;
    pthread_t packer, writer;

    /* Shared, under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t to_pack;  /* the packer has something to do */
    pthread_cond_t to_write; /* the writer has */
    pthread_cond_t done;     /* the writer did something */
    struct trace *ring[STORE_RING_TRACES];
    size_t head, n;              /* of the ring: the oldest, how many */
    size_t ring_bytes;           /* of those */
    struct batch *first, **last; /* prepared, not yet taken by the writer */
    uint64_t accepted;           /* put into the ring, ever */
    uint64_t finished;           /* of those: written or failed */
    uint64_t flush_to;           /* somebody waits until that many are finished */
    int64_t first_us;            /* when the ring was last empty and got one */
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
    bool packed; /* stopping, and the packer has ended: no further batch will come */

    /* The packer's own. */
    struct hash_memo *memo;

    /* The writer's own. */
    struct store_db *db;
    struct batch_target target;
    struct retain retain;
    int64_t retain_next_us;
    bool retention_known;
    bool giving_up; /* closing, and the database cannot be written */
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

/* ---- waiting ---- */

/* Waits for the condition, which belongs to the lock, at most until this time. */
static void wait_until(struct store *store, pthread_cond_t *condition, int64_t until_us)
{
    struct timespec at = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};

    if (until_us == INT64_MAX) {
        (void)pthread_cond_wait(condition, &store->lock);
    } else {
        (void)pthread_cond_timedwait(condition, &store->lock, &at);
    }
}

/* ---- the packer thread ---- */

/* The packer may sleep until then before it takes what is in the ring; under the lock. */
static int64_t pack_at_us(const struct store *store)
{
    if (store->stopping || store->n >= STORE_BATCH_TRACES ||
        store->ring_bytes >= STORE_BATCH_BYTES ||
        (store->n > 0 && store->flush_to > store->finished)) {
        return 0;
    }
    return store->n > 0 ? store->first_us + STORE_COMMIT_MS * US_PER_MS : INT64_MAX;
}

/* Waits for work and takes a batch; NULL when the store is closed and the ring is empty. */
static struct batch *take_traces(struct store *store)
{
    struct batch *batch = batch_new();
    int64_t at_us;

    pthread_mutex_lock(&store->lock);
    while ((at_us = pack_at_us(store)) > clock_mono_us()) {
        wait_until(store, &store->to_pack, at_us);
    }
    while (store->n > 0 && batch_has_room(batch)) {
        batch_add(batch, store->ring[store->head]);
        store->ring[store->head] = NULL;
        store->head = (store->head + 1) % STORE_RING_TRACES;
        store->n--;
    }
    store->ring_bytes -= batch->bytes;
    pthread_mutex_unlock(&store->lock);
    if (batch->traces_n == 0) {
        batch_free(batch);
        return NULL;
    }
    return batch;
}

static void *run_packer(void *ctx)
{
    struct store *store = (struct store *)ctx;
    struct batch *batch;

    (void)pthread_setname_np(pthread_self(), "weir-pack");
    while ((batch = take_traces(store))) {
        size_t before_bytes = batch->bytes; /* as counted when submitted */

        batch_prepare(batch, store->memo);
        pthread_mutex_lock(&store->lock);
        store->counts.ring_bytes += batch->bytes - before_bytes;
        *store->last = batch;
        store->last = &batch->next;
        pthread_cond_signal(&store->to_write);
        pthread_mutex_unlock(&store->lock);
    }
    pthread_mutex_lock(&store->lock);
    store->packed = true;
    pthread_cond_signal(&store->to_write);
    pthread_mutex_unlock(&store->lock);
    return NULL;
}

/* ---- the writer thread ---- */

/* Sleeps at most this long unless the store is being closed. Not under the lock. */
static void pause_writer(struct store *store, int64_t wait_us)
{
    int64_t end_us = clock_mono_us() + wait_us;

    pthread_mutex_lock(&store->lock);
    while (!store->stopping && clock_mono_us() < end_us) {
        wait_until(store, &store->to_write, end_us);
    }
    pthread_mutex_unlock(&store->lock);
}

/* The writer may sleep until then when no batch comes; under the lock. */
static int64_t write_at_us(const struct store *store)
{
    int64_t until_us = store->retention_known ? store->retain_next_us : INT64_MAX;

    if (store->feed && store->feed_next_us < until_us) {
        until_us = store->feed_next_us;
    }
    return store->packed || store->retention_set || store->pulled < store->pull_to ? 0 : until_us;
}

/* Waits for work. *ret_batch is the next one, or NULL when there is none but time for retention or
 * the ledger has come. False when the store is closed and everything is written. */
static bool take_batch(struct store *store, struct batch **ret_batch)
{
    struct batch *batch;
    int64_t at_us;

    pthread_mutex_lock(&store->lock);
    while (!store->first && (at_us = write_at_us(store)) > clock_mono_us()) {
        wait_until(store, &store->to_write, at_us);
    }
    batch = store->first;
    if (batch) {
        store->first = batch->next;
        store->last = store->first ? store->last : &store->first;
    }
    bool more = batch || !store->packed;
    pthread_mutex_unlock(&store->lock);
    *ret_batch = batch;
    return more;
}

static bool is_stopping(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    bool stopping = store->stopping;
    pthread_mutex_unlock(&store->lock);
    return stopping;
}

/* Tries until it works or STORE_RETRY_MS are over; *ret_failed traces were not written. */
static void write_persistently(struct store *store, struct batch *batch, size_t *ret_failed,
                               struct error *err)
{
    int64_t give_up_us = clock_mono_us() + STORE_RETRY_MS * US_PER_MS;
    int64_t wait_ms = RETRY_FIRST_MS;
    bool again = false;

    *ret_failed = batch->traces_n;
    while (!store->giving_up) {
        int rc = batch_write(batch, &store->target, again, ret_failed, err);

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

static void process_batch(struct store *store, struct batch *batch)
{
    struct error err = {.code = ERR_OK};
    size_t failed = 0;

    write_persistently(store, batch, &failed, &err);
    pthread_mutex_lock(&store->lock);
    store->counts.ring_traces -= batch->traces_n;
    store->counts.ring_bytes -= batch->bytes;
    store->counts.failed += failed;
    store->counts.written += batch->traces_n - failed;
    store->finished += batch->traces_n;
    snprintf(store->counts.last_error, sizeof(store->counts.last_error), "%s",
             failed ? err.text : "");
    pthread_cond_broadcast(&store->done);
    pthread_mutex_unlock(&store->lock);
    batch_free(batch);
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
    struct batch *batch = NULL;

    (void)pthread_setname_np(pthread_self(), "weir-store");
    while (take_batch(store, &batch)) {
        if (batch) {
            process_batch(store, batch);
        }
        pull_ledger(store);
        retain_when_due(store);
        retain_once(store);
    }
    return NULL;
}

/* ---- the store ---- */

/* Signals are the business of the thread that waits for them. */
static int start_thread(pthread_t *ret_thread, void *(*run)(void *), struct store *store)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(ret_thread, NULL, run, store);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

static void stop(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    store->stopping = true;
    pthread_cond_signal(&store->to_pack);
    pthread_cond_signal(&store->to_write);
    pthread_mutex_unlock(&store->lock);
}

static int start_threads(struct store *store)
{
    int error = start_thread(&store->packer, run_packer, store);

    if (error) {
        return error;
    }
    error = start_thread(&store->writer, run_writer, store);
    if (error) {
        stop(store);
        pthread_join(store->packer, NULL);
    }
    return error;
}

static void store_free(struct store *store)
{
    batch_target_release(&store->target);
    store->driver->close(store->db);
    hash_memo_free(store->memo);
    pthread_cond_destroy(&store->to_pack);
    pthread_cond_destroy(&store->to_write);
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
    store->last = &store->first;
    batch_target_init(&store->target, driver, db);
    store->memo = hash_memo_new();
    pthread_mutex_init(&store->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&store->to_pack, &monotonic);
    pthread_cond_init(&store->to_write, &monotonic);
    pthread_cond_init(&store->done, &monotonic);
    pthread_condattr_destroy(&monotonic);
    update_size(store);
    error = start_threads(store);
    if (error) {
        store_free(store);
        return error_set(err, ERR_IO, "store: no threads for writing: %s", strerror(error));
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
    stop(store);
    pthread_join(store->packer, NULL);
    pthread_join(store->writer, NULL);
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
        store->ring_bytes += bytes;
        store->accepted++;
        /* The packer sleeps until the first, and then until there is a batch or time is up. */
        if (store->n == 1 || store->n == STORE_BATCH_TRACES ||
            store->ring_bytes >= STORE_BATCH_BYTES) {
            pthread_cond_signal(&store->to_pack);
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
    pthread_cond_signal(&store->to_write);
    pthread_mutex_unlock(&store->lock);
}

void store_pull(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    uint64_t turn = store->feed ? ++store->pull_to : 0;
    pthread_cond_signal(&store->to_write);
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
    pthread_cond_signal(&store->to_write);
    pthread_mutex_unlock(&store->lock);
}

void store_flush(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    uint64_t all = store->accepted;
    if (store->flush_to < all) {
        store->flush_to = all;
    }
    pthread_cond_signal(&store->to_pack);
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
