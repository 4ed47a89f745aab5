#ifndef STORE_STORE_DRIVER_H
#define STORE_STORE_DRIVER_H

/*
 * What a database must do to be a store.
 *
 * To add one: (1) write store_<name>.c with one `const struct store_driver`; (2) add its row to
 * store_drivers in store.c; (3) run the suite of tests/unit/store/store_test.c against its URL.
 *
 * A connection (struct store_db, each driver's own) is used by one thread at a time. Every write
 * is in a transaction: begin, put..., commit; after a failure rollback, which may be called when
 * none is open. Failures are ERR_INVALID when this one value can never be written, ERR_BUSY or
 * ERR_IO when the database cannot be written now.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/str.h"
#include "store/block.h"
#include "store/store.h"
#include "store/trace.h"

struct store_db;

struct store_deleted {
    int64_t rows;
    int64_t newest_ms; /* started_ms or last_used_ms of the newest one deleted; valid if rows > 0 */
};

struct store_sizes {
    int64_t live_bytes; /* pages that hold something */
    int64_t free_bytes; /* pages in the file that hold nothing */
    int64_t log_bytes;  /* written, not yet in the file proper */
};

struct store_driver {
    const char *scheme; /* "sqlite" */

    /* For writing: creates what is missing and migrates. */
    int (*open)(struct str path, struct store_db **ret_db, struct error *err);
    /* For reading only; changes nothing. ERR_NOT_FOUND when there is no store. */
    int (*open_reader)(struct str path, struct store_db **ret_db, struct error *err);
    void (*close)(struct store_db *db);

    int (*begin)(struct store_db *db, struct error *err);
    /* *ret_fresh is false when a block with this first_id is there already; it is left as it is. */
    int (*put_block)(struct store_db *db, const struct block *block, bool *ret_fresh,
                     struct error *err);
    /* Notes that a blob was used at this time; *ret_found tells whether it is there. */
    int (*touch_blob)(struct store_db *db, const struct hash_sha256 *name, int64_t used_ms,
                      bool *ret_found, struct error *err);
    int (*put_blob)(struct store_db *db, const struct hash_sha256 *name, struct str packed,
                    int64_t size, int64_t used_ms, struct error *err);
    int (*commit)(struct store_db *db, struct error *err);
    void (*rollback)(struct store_db *db);

    /* Deleting, oldest first, at most `limit` rows; each is a transaction of its own. Traces go by
     * whole blocks, at least one, where all of a block is old enough. */
    int (*delete_traces)(struct store_db *db, int64_t before_ms, int64_t limit,
                         struct store_deleted *ret_deleted, struct error *err);
    /* Also stops when it has deleted `bytes_max` packed bytes. */
    int (*delete_blobs)(struct store_db *db, int64_t before_ms, int64_t limit, int64_t bytes_max,
                        struct store_deleted *ret_deleted, struct error *err);
    int (*sizes)(struct store_db *db, struct store_sizes *ret_sizes, struct error *err);
    /* Gives some free pages, about STORE_SHRINK_BYTES, back to the file system. */
    int (*shrink)(struct store_db *db, struct error *err);
    /* Moves the log into the file and cuts it, as far as readers let it; never waits for them. */
    int (*empty_log)(struct store_db *db, struct error *err);

    /* Reading; see store.h. */
    int (*list)(struct store_db *db, const struct store_filter *filter,
                int (*fn)(void *ctx, const struct trace *trace), void *ctx, struct error *err);
    int (*get)(struct store_db *db, struct str id, struct trace **ret_trace, struct error *err);
    int (*spend)(struct store_db *db, unsigned groups, const struct store_filter *filter,
                 int (*fn)(void *ctx, const struct store_spend *row), void *ctx, struct error *err);
    /* Replaces what `packed` holds. ERR_NOT_FOUND when it is not kept. */
    int (*get_blob)(struct store_db *db, const struct hash_sha256 *name, struct buf *packed,
                    int64_t *ret_size, struct error *err);

    /* The ledger. A row whose id is there already is left as it is. */
    int (*put_ledger)(struct store_db *db, const struct ledger_row *row, struct error *err);
    int (*charges)(struct store_db *db, int64_t since_ms,
                   void (*fn)(void *ctx, const struct store_charge *charge), void *ctx,
                   struct error *err);
    /* What has been committed is on the disk when this returns 0. */
    int (*sync)(struct store_db *db, struct error *err);
};

/* A blob's time of last use may be this much too old: a popular one is not written anew for every
 * trace that uses it. Retention allows for it. */
#define STORE_TOUCH_MS     60000
#define STORE_SHRINK_BYTES (1 << 20)

extern const struct store_driver store_sqlite;

#endif
