#include "engine/ledger.h"

#include <stdatomic.h>

#include "core/clock.h"
#include "core/map.h"
#include "core/mem.h"

struct ledger {
    struct applog *log;
    struct store *store;
    _Atomic uint64_t reserved, settled, orphaned;

    /* The writer thread's own, while the store reads. */
    void (*put)(void *ctx, const struct ledger_row *row);
    void *put_ctx;
};

/* ---- writing ---- */

static int append(struct ledger *l, const struct ledger_row *row, size_t claim_bytes,
                  struct applog_claim *ret_claim)
{
    char packed[LEDGER_PACKED_MAX];
    size_t n = ledger_row_pack(row, packed);
    return applog_append(l->log, str_make(packed, n), claim_bytes, ret_claim);
}

int ledger_reserve(struct ledger *l, struct ledger_row *row, struct applog_claim *claim)
{
    row->numbers.state = LEDGER_OPEN;
    int rc = append(l, row, ledger_row_settled_bytes(row), claim);
    if (rc == 0) {
        atomic_fetch_add_explicit(&l->reserved, 1, memory_order_relaxed);
    }
    return rc;
}

int ledger_reserve_more(struct ledger *l, struct ledger_row *row)
{
    struct applog_claim none;
    row->numbers.state = LEDGER_OPEN;
    return append(l, row, 0, &none);
}

void ledger_settle(struct ledger *l, struct ledger_row *row, const struct applog_claim *claim)
{
    char packed[LEDGER_PACKED_MAX];
    row->numbers.state = LEDGER_SETTLED;
    size_t n = ledger_row_pack(row, packed);
    applog_append_claimed(l->log, str_make(packed, n), claim);
    atomic_fetch_add_explicit(&l->settled, 1, memory_order_relaxed);
}

/* ---- the projection, on the store's writer thread ---- */

static void project(void *ctx, struct str record)
{
    struct ledger *l = ctx;
    struct ledger_row row;
    if (ledger_row_unpack(record, &row) == 0 && row.numbers.state != LEDGER_OPEN) {
        l->put(l->put_ctx, &row);
    }
}

static size_t feed_read(void *ctx, size_t max,
                        void (*put)(void *put_ctx, const struct ledger_row *row), void *put_ctx)
{
    struct ledger *l = ctx;
    l->put = put;
    l->put_ctx = put_ctx;
    return applog_read(l->log, max, project, l);
}

static void feed_done(void *ctx, bool committed)
{
    struct ledger *l = ctx;
    if (committed) {
        applog_read_done(l->log);
    } else {
        applog_read_again(l->log);
    }
}

static bool feed_must_sync(void *ctx)
{
    struct ledger *l = ctx;
    return applog_read_frees(l->log);
}

/* ---- what an earlier process left ---- */

/* A request that was reserved; its last record until it turns out to be settled. */
struct left_open {
    unsigned char id[LEDGER_ID_BYTES];
    size_t n;
    char *packed; /* NULL: it was settled */
};

struct intake {
    struct ledger *ledger;
    struct map open; /* by id */
};

static int take_in(void *ctx, struct str record)
{
    struct intake *in = ctx;
    struct ledger_row row;
    if (ledger_row_unpack(record, &row) != 0) {
        return 0; /* whole, and of no meaning to this version */
    }
    struct str id = str_make(row.numbers.id, sizeof(row.numbers.id));
    struct left_open *former = map_get(&in->open, id);
    if (row.numbers.state != LEDGER_OPEN) {
        if (former) {
            X_FREE(former->packed);
        }
        return applog_append_waiting(in->ledger->log, record);
    }
    if (!former) {
        former = x_calloc(1, sizeof(*former));
        memcpy(former->id, row.numbers.id, sizeof(former->id));
        map_put(&in->open, str_make(former->id, sizeof(former->id)), former);
    }
    x_free(former->packed);
    former->packed = x_malloc(record.n);
    memcpy(former->packed, record.p, record.n);
    former->n = record.n;
    return 0;
}

static int close_orphan(struct ledger *l, const struct left_open *left)
{
    char packed[LEDGER_PACKED_MAX];
    struct ledger_row row;
    if (ledger_row_unpack(str_make(left->packed, left->n), &row) != 0) {
        return 0; /* was checked when it was taken in */
    }
    struct ledger_numbers *n = &row.numbers;
    n->state = LEDGER_ORPHANED;
    n->flags |= LEDGER_FULL;
    n->settled_ms = clock_wall_ms();
    n->input_tokens = n->reserved_input;
    n->output_tokens = n->reserved_output;
    n->cost_nanousd = n->reserved_nanousd;
    n->cached_tokens = n->cache_write_tokens = n->cache_write_1h_tokens = -1;
    n->reasoning_tokens = -1;
    l->orphaned++;
    return applog_append_waiting(l->log, str_make(packed, ledger_row_pack(&row, packed)));
}

static int take_in_all(struct ledger *l, struct error *err)
{
    struct intake in = {.ledger = l};
    map_init(&in.open);
    int rc = applog_replay(l->log, take_in, &in, err);
    for (size_t i = 0; i < in.open.n; i++) {
        struct left_open *left = in.open.entries[i].value;
        if (rc == 0 && left->packed) {
            rc = close_orphan(l, left);
        }
        x_free(left->packed);
        x_free(left);
    }
    map_release(&in.open);
    if (rc == ERR_BUSY) {
        return error_set(err, ERR_IO,
                         "ledger: no room to take in what an earlier process left: is the disk "
                         "full?");
    }
    return rc;
}

/* The store has every row, or why not. */
static int project_all(struct ledger *l, struct error *err)
{
    struct applog_counts counts;
    struct store_counts store;
    store_pull(l->store);
    applog_count(l->log, &counts);
    if (counts.unread_bytes == 0) {
        return 0;
    }
    store_count(l->store, &store);
    return error_set(err, ERR_IO, "ledger: the store cannot be written: %s", store.last_error);
}

int ledger_open(const char *dir, struct store *store, struct ledger **ret_ledger, struct error *err)
{
    struct ledger *l = x_calloc(1, sizeof(*l));
    struct applog_options options = {.dir = dir};
    l->store = store;
    int rc = applog_open(&options, &l->log, err);
    if (rc != 0) {
        x_free(l);
        return rc;
    }
    struct store_feed feed = {
        .read = feed_read, .done = feed_done, .must_sync = feed_must_sync, .ctx = l};
    store_set_feed(store, &feed);
    rc = take_in_all(l, err);
    if (rc == 0) {
        rc = project_all(l, err);
    }
    if (rc == 0) { /* the new log has it on the disk before the old one goes */
        rc = applog_sync(l->log, err);
    }
    if (rc != 0) {
        ledger_close(l);
        return rc;
    }
    applog_forget_replayed(l->log);
    *ret_ledger = l;
    return 0;
}

void ledger_close(struct ledger *l)
{
    if (!l) {
        return;
    }
    store_set_feed(l->store, NULL);
    applog_close(l->log);
    x_free(l);
}

void ledger_count(struct ledger *l, struct ledger_counts *ret_counts)
{
    struct ledger_counts counts = {
        .reserved = l->reserved, .settled = l->settled, .orphaned = l->orphaned};
    applog_count(l->log, &counts.log);
    *ret_counts = counts;
}
