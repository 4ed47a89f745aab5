/* The SQLite driver: its table, its statements, and writing. */
#include <stdio.h>

#include "core/mem.h"
#include "store/migrate.h"
#include "store/store_sqlite_internal.h"

static const char *const statement_texts[SQLITE_STATEMENTS] = {
    [SQLITE_FIND_BLOB] = "SELECT last_used_ms FROM blob WHERE hash = ?1",
    [SQLITE_TOUCH_BLOB] = "UPDATE blob SET last_used_ms = ?2 WHERE hash = ?1",
    [SQLITE_PUT_BLOB] =
        "INSERT INTO blob (hash, size, last_used_ms, bytes) VALUES (?1, ?2, ?3, ?4)",
    [SQLITE_GET_BLOB] = "SELECT size, bytes FROM blob WHERE hash = ?1",
    [SQLITE_BEGIN] = "BEGIN IMMEDIATE",
    [SQLITE_COMMIT] = "COMMIT",
    [SQLITE_DELETE_TRACES] =
        ("DELETE FROM trace WHERE seq IN (SELECT seq FROM trace WHERE started_ms < ?1"
         " ORDER BY started_ms LIMIT ?2) RETURNING started_ms"),
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

static void put_insert(struct buf *sql)
{
    (void)buf_puts(sql, "INSERT INTO trace (");
    store_sqlite_put_columns(sql);
    (void)buf_puts(sql, ") VALUES (");
    for (const struct trace_field *f = trace_fields; f->name; f++) {
        (void)buf_puts(sql, f == trace_fields ? "?" : ", ?");
    }
    (void)buf_puts(sql, ") ON CONFLICT (id) DO NOTHING");
}

sqlite3_stmt *store_sqlite_statement(struct store_db *db, enum sqlite_statement which,
                                     struct error *err)
{
    struct buf sql;
    int result;

    if (db->statements[which]) {
        return db->statements[which];
    }
    buf_init(&sql, STORE_SQLITE_SQL_MAX);
    if (statement_texts[which]) {
        (void)buf_puts(&sql, statement_texts[which]);
    } else {
        put_insert(&sql);
    }
    BUG_ON(!buf_ok(&sql));
    result = sqlite3_prepare_v3(db->sql, buf_cstr(&sql), -1, SQLITE_PREPARE_PERSISTENT,
                                &db->statements[which], NULL);
    buf_release(&sql);
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

static int put_trace(struct store_db *db, const struct trace *trace, bool *ret_fresh,
                     struct error *err)
{
    sqlite3_stmt *statement = store_sqlite_statement(db, SQLITE_PUT_TRACE, err);
    struct trace_value values[TRACE_FIELDS_MAX]; /* bound bytes stay here until the step */
    int rc;

    if (!statement) {
        return ERR_IO;
    }
    for (int i = 0; trace_fields[i].name; i++) {
        struct trace_value *value = &values[i];

        trace_get(trace, &trace_fields[i], value);
        switch (value->kind) {
        case TRACE_VALUE_NULL:
            (void)sqlite3_bind_null(statement, i + 1);
            break;
        case TRACE_VALUE_I64:
            (void)sqlite3_bind_int64(statement, i + 1, value->i64);
            break;
        case TRACE_VALUE_TEXT:
            store_sqlite_bind_text(statement, i + 1, value->text);
            break;
        case TRACE_VALUE_BYTES:
            store_sqlite_bind_bytes(statement, i + 1, value->bytes, sizeof(value->bytes));
            break;
        }
    }
    rc = store_sqlite_run(db, statement, "writing a trace", err);
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
    .put_trace = put_trace,
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
