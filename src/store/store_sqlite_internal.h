#ifndef STORE_STORE_SQLITE_INTERNAL_H
#define STORE_STORE_SQLITE_INTERNAL_H

/*
 * What the files of the SQLite driver share. A connection, its prepared statements, and how
 * SQLite's results become ours.
 */
#include <sqlite3.h>

#include "store/store_driver.h"

/* Statements that are prepared once and kept; their text stands in store_sqlite.c. */
enum sqlite_statement {
    SQLITE_PUT_BLOCK = 0,
    SQLITE_FIND_BLOB,
    SQLITE_TOUCH_BLOB,
    SQLITE_PUT_BLOB,
    SQLITE_GET_BLOB,
    SQLITE_BEGIN,
    SQLITE_COMMIT,
    SQLITE_BLOCKS_FORWARD,
    SQLITE_BLOCKS_BACK,
    SQLITE_OLD_BLOCK,
    SQLITE_GET_BLOCK,
    SQLITE_CUT_BLOCK,
    SQLITE_DELETE_BLOCK,
    SQLITE_OLD_BLOBS,
    SQLITE_DELETE_BLOB,
    SQLITE_PUT_LEDGER,
    SQLITE_CHARGES,
    SQLITE_STATEMENTS
};

struct store_db {
    sqlite3 *sql;
    char *name; /* the path as the user gave it, for messages */
    char *path; /* the path as SQLite gets it */
    char *log_path;
    sqlite3_stmt *statements[SQLITE_STATEMENTS];
};

/* How long a connection waits for another one's lock. */
#define STORE_SQLITE_BUSY_WRITER_MS 2000
#define STORE_SQLITE_BUSY_READER_MS 5000

#define STORE_SQLITE_SQL_MAX (16u << 10) /* of a statement that is put together */

/* An open connection with its statements not yet prepared; checks that it is a store of ours.
 * *ret_version is its schema version, 0 = no schema yet. */
MUST_CHECK int store_sqlite_connect(struct str path, bool writes, struct store_db **ret_db,
                                    int *ret_version, struct error *err);
void store_sqlite_close(struct store_db *db);

/* Turns a result of SQLite into a code of ours with a message that names the file. */
int store_sqlite_fail(struct store_db *db, int result, const char *doing, struct error *err);

/* Runs statements that return nothing. The text is constant or put together from numbers and names
 * of ours: values of others are bound. */
MUST_CHECK int store_sqlite_exec(struct store_db *db, const char *sql, struct error *err);
/* The one number a statement returns. */
MUST_CHECK int store_sqlite_number(struct store_db *db, const char *sql, int64_t *ret_number,
                                   struct error *err);

/* A kept statement, prepared when first used, ready to bind; NULL with *err set. */
sqlite3_stmt *store_sqlite_statement(struct store_db *db, enum sqlite_statement which,
                                     struct error *err);
void store_sqlite_bind_text(sqlite3_stmt *statement, int index, struct str text);
void store_sqlite_bind_bytes(sqlite3_stmt *statement, int index, const void *bytes, size_t n);
/* Steps a statement that returns no row, and resets it. */
MUST_CHECK int store_sqlite_run(struct store_db *db, sqlite3_stmt *statement, const char *doing,
                                struct error *err);

/* "id, parent, ..." */
void store_sqlite_put_columns(struct buf *sql);

/* Views in the value live as long as SQLite's. */
struct trace_value store_sqlite_value(sqlite3_value *from);

/* Makes the connection know the table `trace`, which shows the rows of all blocks one by one, and
 * the function weir_pack, which migrations use. */
MUST_CHECK int store_sqlite_add_rows(struct store_db *db, struct error *err);

/* ---- the parts of the driver that stand in other files ---- */

int store_sqlite_delete_traces(struct store_db *db, int64_t before_ms, int64_t limit,
                               struct store_deleted *ret_deleted, struct error *err);
int store_sqlite_delete_blobs(struct store_db *db, int64_t before_ms, int64_t limit,
                              int64_t bytes_max, struct store_deleted *ret_deleted,
                              struct error *err);
int store_sqlite_sizes(struct store_db *db, struct store_sizes *ret_sizes, struct error *err);
int store_sqlite_shrink(struct store_db *db, struct error *err);
int store_sqlite_empty_log(struct store_db *db, struct error *err);

int store_sqlite_list(struct store_db *db, const struct store_filter *filter,
                      int (*fn)(void *ctx, const struct trace *trace), void *ctx,
                      struct error *err);
int store_sqlite_get(struct store_db *db, struct str id, struct trace **ret_trace,
                     struct error *err);
int store_sqlite_spend(struct store_db *db, unsigned groups, const struct store_filter *filter,
                       int (*fn)(void *ctx, const struct store_spend *row), void *ctx,
                       struct error *err);
int store_sqlite_get_blob(struct store_db *db, const struct hash_sha256 *name, struct buf *packed,
                          int64_t *ret_size, struct error *err);

extern const char store_sqlite_put_ledger_text[], store_sqlite_charges_text[];
int store_sqlite_put_ledger(struct store_db *db, const struct ledger_row *row, struct error *err);
int store_sqlite_charges(struct store_db *db, int64_t since_ms,
                         void (*fn)(void *ctx, const struct store_charge *charge), void *ctx,
                         struct error *err);
int store_sqlite_sync(struct store_db *db, struct error *err);

#endif
