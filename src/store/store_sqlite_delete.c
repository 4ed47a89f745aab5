/* What retention asks of SQLite: deleting in small steps, and a smaller file. */
#include <sys/stat.h>

#include "core/mem.h"
#include "store/store_sqlite_internal.h"

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Commits what worked and rolls back what did not; passes the code on. */
static int finish(struct store_db *db, int rc, struct error *err)
{
    if (rc == 0) {
        rc = store_sqlite.commit(db, err);
    }
    if (rc < 0) {
        store_sqlite.rollback(db);
    }
    return rc;
}

struct old_block {
    int64_t seq, last_ms, rows; /* no rows: there is none */
};

/* The oldest block with a row from before this time. */
static int find_old_block(struct store_db *db, int64_t before_ms, struct old_block *ret_old,
                          struct error *err)
{
    sqlite3_stmt *statement = store_sqlite_statement(db, SQLITE_OLD_BLOCK, err);
    int result;
    int rc = 0;

    if (!statement) {
        return ERR_IO;
    }
    (void)sqlite3_bind_int64(statement, 1, before_ms);
    result = sqlite3_step(statement);
    *ret_old = (struct old_block){0};
    if (result == SQLITE_ROW) {
        ret_old->seq = sqlite3_column_int64(statement, 0);
        ret_old->last_ms = sqlite3_column_int64(statement, 1);
        ret_old->rows = sqlite3_column_int64(statement, 2);
    } else if (result != SQLITE_DONE) {
        rc = store_sqlite_fail(db, result, "looking for old traces", err);
    }
    (void)sqlite3_reset(statement);
    return rc;
}

static int delete_block(struct store_db *db, int64_t seq, struct error *err)
{
    sqlite3_stmt *statement = store_sqlite_statement(db, SQLITE_DELETE_BLOCK, err);

    if (!statement) {
        return ERR_IO;
    }
    (void)sqlite3_bind_int64(statement, 1, seq);
    return store_sqlite_run(db, statement, "deleting old traces", err);
}

static int put_cut_block(struct store_db *db, int64_t seq, const struct block *block,
                         struct error *err)
{
    sqlite3_stmt *statement = store_sqlite_statement(db, SQLITE_CUT_BLOCK, err);

    if (!statement) {
        return ERR_IO;
    }
    (void)sqlite3_bind_int64(statement, 1, seq);
    (void)sqlite3_bind_int64(statement, 2, block->first_ms);
    (void)sqlite3_bind_int64(statement, 3, block->last_ms);
    store_sqlite_bind_text(statement, 4, str_of(block->first_id));
    store_sqlite_bind_text(statement, 5, str_of(block->last_id));
    (void)sqlite3_bind_int64(statement, 6, (int64_t)block->rows);
    store_sqlite_bind_bytes(statement, 7, block->bytes.p, block->bytes.n);
    return store_sqlite_run(db, statement, "cutting a block of traces", err);
}

/* The rows of a block that are not from before this time; the caller frees them. */
static int read_younger(struct str bytes, int64_t before_ms, struct trace **traces, size_t *ret_n,
                        struct error *err)
{
    struct block_reader reader;
    const struct trace *row;
    int rc;

    block_reader_init(&reader);
    rc = block_reader_start(&reader, bytes, err);
    while (rc == 0 && (rc = block_reader_next(&reader, &row, err)) == 1) {
        rc = 0;
        if (row->started_ms >= before_ms) {
            traces[*ret_n] = trace_clone(row);
            (*ret_n)++;
        }
    }
    block_reader_release(&reader);
    return rc;
}

/* Some rows of the block are too old and some are not. A damaged block is told and left: soon all
 * of it is old. */
static int cut_block(struct store_db *db, const struct old_block *old, int64_t before_ms,
                     int64_t *ret_rows, struct error *err)
{
    sqlite3_stmt *statement = store_sqlite_statement(db, SQLITE_GET_BLOCK, err);
    struct trace *traces[BLOCK_ROWS_MAX];
    struct block block;
    size_t n = 0;
    int rc = 0;

    if (!statement) {
        return ERR_IO;
    }
    (void)sqlite3_bind_int64(statement, 1, old->seq);
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        const void *bytes = sqlite3_column_blob(statement, 0);
        rc = read_younger(str_make(bytes, (size_t)sqlite3_column_bytes(statement, 0)), before_ms,
                          traces, &n, err);
    } else {
        rc = store_sqlite_fail(db, result, "reading a block of traces", err);
    }
    (void)sqlite3_reset(statement);
    block_init(&block);
    if (rc == 0 && !block_pack_all(&block, traces, n)) {
        rc = error_set(err, ERR_INVALID, "store %s: a block of traces cannot be cut", db->name);
    }
    if (rc == 0) {
        rc = put_cut_block(db, old->seq, &block, err);
    }
    *ret_rows = old->rows - (int64_t)n;
    block_release(&block);
    while (n > 0) {
        n--;
        trace_free(traces[n]);
    }
    return rc;
}

static int delete_traces(struct store_db *db, int64_t before_ms, int64_t limit,
                         struct store_deleted *deleted, struct error *err)
{
    struct old_block old;
    int rc = 0;

    while (rc == 0 && deleted->rows < limit) {
        int64_t newest_ms, rows;

        rc = find_old_block(db, before_ms, &old, err);
        if (rc < 0 || old.rows == 0 || (deleted->rows > 0 && deleted->rows + old.rows > limit)) {
            break;
        }
        rows = old.rows;
        if (old.last_ms < before_ms) {
            newest_ms = old.last_ms;
            rc = delete_block(db, old.seq, err);
        } else {
            newest_ms = before_ms - 1;
            rc = cut_block(db, &old, before_ms, &rows, err);
        }
        deleted->newest_ms = deleted->rows ? later(deleted->newest_ms, newest_ms) : newest_ms;
        deleted->rows += rows;
    }
    return rc;
}

int store_sqlite_delete_traces(struct store_db *db, int64_t before_ms, int64_t limit,
                               struct store_deleted *ret_deleted, struct error *err)
{
    struct store_deleted deleted = {0};
    int rc = store_sqlite.begin(db, err);

    if (rc < 0) {
        return rc;
    }
    rc = finish(db, delete_traces(db, before_ms, limit, &deleted, err), err);
    if (rc == 0) {
        *ret_deleted = deleted;
    }
    return rc;
}

struct doomed {
    int64_t *rowids;
    int64_t limit;
    int64_t bytes_max;
};

/* Which blobs go in this step; the length of a blob is known without reading it. */
static int find_old_blobs(struct store_db *db, int64_t before_ms, const struct doomed *doomed,
                          struct store_deleted *found, struct error *err)
{
    sqlite3_stmt *statement = store_sqlite_statement(db, SQLITE_OLD_BLOBS, err);
    int64_t bytes = 0;
    int result = SQLITE_DONE;
    int rc = 0;

    if (!statement) {
        return ERR_IO;
    }
    (void)sqlite3_bind_int64(statement, 1, before_ms);
    (void)sqlite3_bind_int64(statement, 2, doomed->limit);
    while (bytes < doomed->bytes_max && found->rows < doomed->limit) {
        result = sqlite3_step(statement);
        if (result != SQLITE_ROW) {
            break;
        }
        doomed->rowids[found->rows] = sqlite3_column_int64(statement, 0);
        found->rows++;
        found->newest_ms = sqlite3_column_int64(statement, 1);
        bytes += sqlite3_column_int64(statement, 2);
    }
    if (result != SQLITE_ROW && result != SQLITE_DONE) {
        rc = store_sqlite_fail(db, result, "looking for old content", err);
    }
    (void)sqlite3_reset(statement);
    return rc;
}

static int delete_blobs(struct store_db *db, const struct doomed *doomed, int64_t rows,
                        struct error *err)
{
    sqlite3_stmt *statement = store_sqlite_statement(db, SQLITE_DELETE_BLOB, err);
    int rc = statement ? 0 : ERR_IO;

    for (int64_t i = 0; i < rows && rc == 0; i++) {
        (void)sqlite3_bind_int64(statement, 1, doomed->rowids[i]);
        rc = store_sqlite_run(db, statement, "deleting old content", err);
    }
    return rc;
}

int store_sqlite_delete_blobs(struct store_db *db, int64_t before_ms, int64_t limit,
                              int64_t bytes_max, struct store_deleted *ret_deleted,
                              struct error *err)
{
    struct store_deleted found = {0};
    struct doomed doomed = {NULL, limit, bytes_max};
    int rc = store_sqlite.begin(db, err);

    if (rc < 0) {
        return rc;
    }
    doomed.rowids = (int64_t *)x_calloc((size_t)limit, sizeof(*doomed.rowids));
    rc = find_old_blobs(db, before_ms, &doomed, &found, err);
    if (rc == 0) {
        rc = delete_blobs(db, &doomed, found.rows, err);
    }
    rc = finish(db, rc, err);
    X_FREE(doomed.rowids);
    if (rc == 0) {
        *ret_deleted = found;
    }
    return rc;
}

int store_sqlite_sizes(struct store_db *db, struct store_sizes *ret_sizes, struct error *err)
{
    int64_t page_bytes = 0, pages = 0, free_pages = 0;
    struct stat st;
    int rc = store_sqlite_number(db, "PRAGMA page_size", &page_bytes, err);

    if (rc == 0) {
        rc = store_sqlite_number(db, "PRAGMA page_count", &pages, err);
    }
    if (rc == 0) {
        rc = store_sqlite_number(db, "PRAGMA freelist_count", &free_pages, err);
    }
    if (rc < 0) {
        return rc;
    }
    ret_sizes->live_bytes = (pages - free_pages) * page_bytes;
    ret_sizes->free_bytes = free_pages * page_bytes;
    ret_sizes->log_bytes = stat(db->log_path, &st) == 0 ? st.st_size : 0;
    return 0;
}

int store_sqlite_shrink(struct store_db *db, struct error *err)
{
    /* STORE_SHRINK_BYTES in pages of 4 KiB. */
    return store_sqlite_exec(db, "PRAGMA incremental_vacuum(256)", err);
}

int store_sqlite_empty_log(struct store_db *db, struct error *err)
{
    int result;

    /* Not a wait for a reader: what it holds up is done by a later checkpoint. */
    (void)sqlite3_busy_timeout(db->sql, 0);
    result = sqlite3_wal_checkpoint_v2(db->sql, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    (void)sqlite3_busy_timeout(db->sql, STORE_SQLITE_BUSY_WRITER_MS);
    if (result != SQLITE_OK && (result & 0xff) != SQLITE_BUSY) {
        return store_sqlite_fail(db, result, "moving its log into the file", err);
    }
    return 0;
}
