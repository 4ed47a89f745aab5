/* The SQLite driver: its table, its statements, and writing. */
#include <stdio.h>

#include "core/mem.h"
#include "store/migrate.h"
#include "store/store_sqlite_internal.h"

static const char *const statement_texts[SQLITE_STATEMENTS] = {
    [SQLITE_PUT_BLOCK] =
        ("INSERT INTO trace_block (first_ms, last_ms, first_id, last_id, rows, bytes)"
         " VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (first_id) DO NOTHING"),
    [SQLITE_FIND_BLOB] = "SELECT last_used_ms FROM blob WHERE hash = ?1",
    [SQLITE_TOUCH_BLOB] = "UPDATE blob SET last_used_ms = ?2 WHERE hash = ?1",
    [SQLITE_PUT_BLOB] =
        "INSERT INTO blob (hash, size, last_used_ms, bytes) VALUES (?1, ?2, ?3, ?4)",
    [SQLITE_GET_BLOB] = "SELECT size, bytes FROM blob WHERE hash = ?1",
    [SQLITE_BEGIN] = "BEGIN IMMEDIATE",
    [SQLITE_COMMIT] = "COMMIT",
    [SQLITE_BLOCKS_FORWARD] =
        "SELECT first_ms, rows FROM trace_block WHERE first_ms > ?1 ORDER BY first_ms",
    [SQLITE_BLOCKS_BACK] =
        "SELECT first_ms, rows FROM trace_block WHERE first_ms < ?1 ORDER BY first_ms DESC",
    [SQLITE_OLD_BLOCK] = ("SELECT seq, last_ms, rows FROM trace_block WHERE first_ms < ?1"
                          " ORDER BY first_ms, seq LIMIT 1"),
    [SQLITE_GET_BLOCK] = "SELECT bytes FROM trace_block WHERE seq = ?1",
    [SQLITE_CUT_BLOCK] = ("UPDATE trace_block SET first_ms = ?2, last_ms = ?3, first_id = ?4,"
                          " last_id = ?5, rows = ?6, bytes = ?7 WHERE seq = ?1"),
    [SQLITE_DELETE_BLOCK] = "DELETE FROM trace_block WHERE seq = ?1",
    [SQLITE_OLD_BLOBS] =
        ("SELECT rowid, last_used_ms, length(bytes) FROM blob WHERE last_used_ms < ?1"
         " ORDER BY last_used_ms LIMIT ?2"),
    [SQLITE_DELETE_BLOB] = "DELETE FROM blob WHERE rowid = ?1",
    [SQLITE_PUT_LEDGER] = store_sqlite_put_ledger_text,
    [SQLITE_CHARGES] = store_sqlite_charges_text,
};

void store_sqlite_put_columns(struct buf *sql)
{
    for (const struct trace_field *f = trace_fields; f->name; f++) {
        (void)buf_puts(sql, f == trace_fields ? "" : ", ");
        (void)buf_puts(sql, f->name);
    }
}

sqlite3_stmt *store_sqlite_statement(struct store_db *db, enum sqlite_statement which,
                                     struct error *err)
{
    int result;

    if (db->statements[which]) {
        return db->statements[which];
    }
    result = sqlite3_prepare_v3(db->sql, statement_texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                                &db->statements[which], NULL);
    if (result != SQLITE_OK) {
        (void)store_sqlite_fail(db, result, "preparing a statement", err);
        return NULL;
    }
    return db->statements[which];
}

/* A binding that is too long is refused by SQLite when the statement runs: the parameter is null
 * then, and NOT NULL or the reader's checks tell. Lengths here are far below its limit. */
void store_sqlite_bind_text(sqlite3_stmt *statement, int index, struct str text)
{
    (void)sqlite3_bind_text64(statement, index, text.p, text.n, SQLITE_STATIC, SQLITE_UTF8);
}

void store_sqlite_bind_bytes(sqlite3_stmt *statement, int index, const void *bytes, size_t n)
{
    (void)sqlite3_bind_blob64(statement, index, bytes, n, SQLITE_STATIC);
}

int store_sqlite_run(struct store_db *db, sqlite3_stmt *statement, const char *doing,
                     struct error *err)
{
    int result = sqlite3_step(statement);
    int rc = 0;

    if (result != SQLITE_DONE) {
        rc = store_sqlite_fail(db, result, doing, err);
    }
    (void)sqlite3_reset(statement);
    return rc;
}

static int run_kept(struct store_db *db, enum sqlite_statement which, const char *doing,
                    struct error *err)
{
    sqlite3_stmt *statement = store_sqlite_statement(db, which, err);

    return statement ? store_sqlite_run(db, statement, doing, err) : ERR_IO;
}

static int begin(struct store_db *db, struct error *err)
{
    return run_kept(db, SQLITE_BEGIN, "beginning to write", err);
}

static int commit(struct store_db *db, struct error *err)
{
    return run_kept(db, SQLITE_COMMIT, "committing", err);
}

static void rollback(struct store_db *db)
{
    if (!sqlite3_get_autocommit(db->sql)) {
        (void)sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
    }
}

static int put_block(struct store_db *db, const struct block *block, bool *ret_fresh,
                     struct error *err)
{
    sqlite3_stmt *statement = store_sqlite_statement(db, SQLITE_PUT_BLOCK, err);
    int rc;

    if (!statement) {
        return ERR_IO;
    }
    (void)sqlite3_bind_int64(statement, 1, block->first_ms);
    (void)sqlite3_bind_int64(statement, 2, block->last_ms);
    store_sqlite_bind_text(statement, 3, str_of(block->first_id));
    store_sqlite_bind_text(statement, 4, str_of(block->last_id));
    (void)sqlite3_bind_int64(statement, 5, (int64_t)block->rows);
    store_sqlite_bind_bytes(statement, 6, block->bytes.p, block->bytes.n);
    rc = store_sqlite_run(db, statement, "writing traces", err);
    if (rc == 0) {
        *ret_fresh = sqlite3_changes(db->sql) > 0;
    }
    return rc;
}

static int touch_blob(struct store_db *db, const struct hash_sha256 *name, int64_t used_ms,
                      bool *ret_found, struct error *err)
{
    sqlite3_stmt *find = store_sqlite_statement(db, SQLITE_FIND_BLOB, err);
    sqlite3_stmt *touch = store_sqlite_statement(db, SQLITE_TOUCH_BLOB, err);
    int64_t last_ms = 0;
    int result;

    if (!find || !touch) {
        return ERR_IO;
    }
    store_sqlite_bind_bytes(find, 1, name->bytes, sizeof(name->bytes));
    result = sqlite3_step(find);
    if (result == SQLITE_ROW) {
        last_ms = sqlite3_column_int64(find, 0);
    } else if (result != SQLITE_DONE) {
        int rc = store_sqlite_fail(db, result, "looking for content", err);
        (void)sqlite3_reset(find);
        return rc;
    }
    (void)sqlite3_reset(find);
    if (result == SQLITE_ROW && used_ms >= last_ms + STORE_TOUCH_MS) {
        store_sqlite_bind_bytes(touch, 1, name->bytes, sizeof(name->bytes));
        (void)sqlite3_bind_int64(touch, 2, used_ms);
        int rc = store_sqlite_run(db, touch, "noting the use of content", err);
        if (rc < 0) {
            return rc;
        }
    }
    *ret_found = result == SQLITE_ROW;
    return 0;
}

static int put_blob(struct store_db *db, const struct hash_sha256 *name, struct str packed,
                    int64_t size, int64_t used_ms, struct error *err)
{
    sqlite3_stmt *statement = store_sqlite_statement(db, SQLITE_PUT_BLOB, err);

    if (!statement) {
        return ERR_IO;
    }
    store_sqlite_bind_bytes(statement, 1, name->bytes, sizeof(name->bytes));
    (void)sqlite3_bind_int64(statement, 2, size);
    (void)sqlite3_bind_int64(statement, 3, used_ms);
    store_sqlite_bind_bytes(statement, 4, packed.p, packed.n);
    return store_sqlite_run(db, statement, "writing content", err);
}

static int migrate_begin(void *ctx, struct error *err)
{
    return begin((struct store_db *)ctx, err);
}

static int migrate_exec(void *ctx, const char *sql, struct error *err)
{
    return store_sqlite_exec((struct store_db *)ctx, sql, err);
}

static int migrate_version(void *ctx, int *ret_version, struct error *err)
{
    int64_t version = 0;
    int rc = store_sqlite_number((struct store_db *)ctx, "PRAGMA user_version", &version, err);

    if (rc == 0) {
        *ret_version = (int)version;
    }
    return rc;
}

static int migrate_set_version(void *ctx, int version, struct error *err)
{
    char sql[64];

    snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", version); /* a pragma takes no ? */
    return store_sqlite_exec((struct store_db *)ctx, sql, err);
}

static int migrate_commit(void *ctx, struct error *err)
{
    return commit((struct store_db *)ctx, err);
}

static void migrate_rollback(void *ctx)
{
    rollback((struct store_db *)ctx);
}

static int open_writer(struct str path, struct store_db **ret_db, struct error *err)
{
    struct store_db *db = NULL;
    int version = 0;
    int rc = store_sqlite_connect(path, true, &db, &version, err);

    if (rc < 0) {
        return rc;
    }
    struct migrate_target target = {
        .ctx = db,
        .name = db->name,
        .begin = migrate_begin,
        .exec = migrate_exec,
        .version = migrate_version,
        .set_version = migrate_set_version,
        .commit = migrate_commit,
        .rollback = migrate_rollback,
    };
    rc = migrate_run(migrations, &target, NULL, err);
    if (rc < 0) {
        store_sqlite_close(db);
        return rc;
    }
    *ret_db = db;
    return 0;
}

static int open_reader(struct str path, struct store_db **ret_db, struct error *err)
{
    struct store_db *db = NULL;
    int version = 0;
    int rc = store_sqlite_connect(path, false, &db, &version, err);

    if (rc < 0) {
        return rc;
    }
    rc = migrate_check(migrations, version, db->name, err);
    if (rc < 0) {
        store_sqlite_close(db);
        return rc;
    }
    *ret_db = db;
    return 0;
}

const struct store_driver store_sqlite = {
    .scheme = "sqlite",
    .open = open_writer,
    .open_reader = open_reader,
    .close = store_sqlite_close,
    .begin = begin,
    .put_block = put_block,
    .touch_blob = touch_blob,
    .put_blob = put_blob,
    .commit = commit,
    .rollback = rollback,
    .delete_traces = store_sqlite_delete_traces,
    .delete_blobs = store_sqlite_delete_blobs,
    .sizes = store_sqlite_sizes,
    .shrink = store_sqlite_shrink,
    .empty_log = store_sqlite_empty_log,
    .list = store_sqlite_list,
    .get = store_sqlite_get,
    .spend = store_sqlite_spend,
    .get_blob = store_sqlite_get_blob,
    .put_ledger = store_sqlite_put_ledger,
    .charges = store_sqlite_charges,
    .sync = store_sqlite_sync,
};
