/*
 * The table `trace` of a connection: the rows that the blocks hold, one by one, with a column for
 * each of trace_fields, so that queries need not know of blocks. It is a virtual table that exists
 * in every connection of ours and nowhere in the file. Conditions on started_ms and id choose the
 * blocks; all others SQLite checks row by row.
 */
#include "core/mem.h"
#include "store/store_sqlite_internal.h"

/* What of a query chooses blocks: bits of idxNum, in the order of xFilter's arguments. */
enum bound { BOUND_SINCE = 1, BOUND_UNTIL = 2, BOUND_ID_FROM = 4, BOUND_ID_TO = 8 };

#define BOUNDS 4

struct rows_table {
    sqlite3_vtab base; /* first: SQLite's part */
    sqlite3 *sql;
    int started_column; /* the id is column 0 */
};

struct rows_cursor {
    sqlite3_vtab_cursor base; /* first: SQLite's part */
    sqlite3_stmt *blocks;
    struct block_reader reader;
    const struct trace *row; /* NULL at the end */
    int64_t seq, number;     /* of the block; of the row in it */
};

static int rows_connect(sqlite3 *sql, void *ctx, int argc, const char *const *argv,
                        sqlite3_vtab **ret_table, char **ret_message)
{
    struct rows_table *table;
    struct buf text;
    int result;

    (void)ctx;
    (void)argc;
    (void)argv;
    (void)ret_message;
    buf_init(&text, STORE_SQLITE_SQL_MAX);
    (void)buf_puts(&text, "CREATE TABLE trace (");
    store_sqlite_put_columns(&text);
    (void)buf_putc(&text, ')');
    BUG_ON(!buf_ok(&text));
    result = sqlite3_declare_vtab(sql, buf_cstr(&text));
    buf_release(&text);
    if (result != SQLITE_OK) {
        return result;
    }
    table = (struct rows_table *)x_calloc(1, sizeof(*table));
    table->sql = sql;
    while (strcmp(trace_fields[table->started_column].name, "started_ms") != 0) {
        table->started_column++;
    }
    BUG_ON(trace_fields[0].type != TRACE_TYPE_ID);
    *ret_table = &table->base;
    return SQLITE_OK;
}

static int rows_disconnect(sqlite3_vtab *table)
{
    x_free(table);
    return SQLITE_OK;
}

static int bound_of(const struct rows_table *table, int column, int operator)
{
    bool lower = operator== SQLITE_INDEX_CONSTRAINT_GE || operator== SQLITE_INDEX_CONSTRAINT_GT;
    bool upper = operator== SQLITE_INDEX_CONSTRAINT_LE || operator== SQLITE_INDEX_CONSTRAINT_LT;

    if ((!lower && !upper) || (column != 0 && column != table->started_column)) {
        return 0;
    }
    if (column == 0) {
        return lower ? BOUND_ID_FROM : BOUND_ID_TO;
    }
    return lower ? BOUND_SINCE : BOUND_UNTIL;
}

/* One condition of each kind chooses; SQLite checks them all again. */
static int rows_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    const struct rows_table *table = (const struct rows_table *)(void *)base;
    int chosen[BOUNDS] = {-1, -1, -1, -1};
    int arguments = 0;

    for (int i = 0; i < info->nConstraint; i++) {
        int bound = info->aConstraint[i].usable
                        ? bound_of(table, info->aConstraint[i].iColumn, info->aConstraint[i].op)
                        : 0;
        for (int b = 0; b < BOUNDS; b++) {
            chosen[b] = bound == 1 << b ? i : chosen[b];
        }
    }
    info->idxNum = 0;
    for (int b = 0; b < BOUNDS; b++) {
        if (chosen[b] >= 0) {
            arguments++;
            info->aConstraintUsage[chosen[b]].argvIndex = arguments;
            info->idxNum |= 1 << b;
        }
    }
    info->estimatedCost = 1e9 / (double)(1 + arguments);
    return SQLITE_OK;
}

static int rows_open(sqlite3_vtab *table, sqlite3_vtab_cursor **ret_cursor)
{
    struct rows_cursor *cursor = (struct rows_cursor *)x_calloc(1, sizeof(*cursor));

    (void)table;
    block_reader_init(&cursor->reader);
    *ret_cursor = &cursor->base;
    return SQLITE_OK;
}

static int rows_close(sqlite3_vtab_cursor *base)
{
    struct rows_cursor *cursor = (struct rows_cursor *)(void *)base;

    sqlite3_finalize(cursor->blocks);
    block_reader_release(&cursor->reader);
    x_free(cursor);
    return SQLITE_OK;
}

static int fail(struct rows_cursor *cursor, const char *text)
{
    sqlite3_free(cursor->base.pVtab->zErrMsg);
    cursor->base.pVtab->zErrMsg = sqlite3_mprintf("%s", text);
    return SQLITE_CORRUPT_VTAB;
}

/* On to the first row of the next block; its bytes stay while the statement stands on it. */
static int next_block(struct rows_cursor *cursor, bool *ret_more)
{
    struct error err = {.code = ERR_OK};
    int result = sqlite3_step(cursor->blocks);
    struct str bytes;

    *ret_more = result == SQLITE_ROW;
    if (result != SQLITE_ROW) {
        return result == SQLITE_DONE ? SQLITE_OK : result;
    }
    cursor->seq = sqlite3_column_int64(cursor->blocks, 0);
    cursor->number = -1;
    bytes.p = (const char *)sqlite3_column_blob(cursor->blocks, 1);
    bytes.n = (size_t)sqlite3_column_bytes(cursor->blocks, 1);
    return block_reader_start(&cursor->reader, bytes, &err) < 0 ? fail(cursor, err.text)
                                                                : SQLITE_OK;
}

static int rows_next(sqlite3_vtab_cursor *base)
{
    struct rows_cursor *cursor = (struct rows_cursor *)(void *)base;
    struct error err = {.code = ERR_OK};
    bool more = true;

    while (more) {
        int rc = block_reader_next(&cursor->reader, &cursor->row, &err);
        if (rc == 1) {
            cursor->number++;
            return SQLITE_OK;
        }
        cursor->row = NULL;
        int result = rc < 0 ? fail(cursor, err.text) : next_block(cursor, &more);
        if (result != SQLITE_OK) {
            return result;
        }
    }
    return SQLITE_OK;
}

static const char blocks_by_time[] =
    "SELECT seq, bytes FROM trace_block INDEXED BY trace_block_first_ms"
    " WHERE first_ms >= ?1 AND first_ms <= ?2 AND last_ms >= ?3 ORDER BY first_ms";
static const char blocks_by_id[] =
    "SELECT seq, bytes FROM trace_block INDEXED BY trace_block_first_id"
    " WHERE first_id >= substr(?1, 1, ?3) AND first_id <= ?2 AND last_id >= ?1 ORDER BY first_id";

static void bind_times(sqlite3_stmt *blocks, int bounds, sqlite3_value **values)
{
    int64_t since_ms = INT64_MIN, until_ms = INT64_MAX;

    if (bounds & BOUND_SINCE) {
        since_ms = sqlite3_value_int64(*values);
        values++;
    }
    if (bounds & BOUND_UNTIL) {
        until_ms = sqlite3_value_int64(*values);
    }
    (void)sqlite3_bind_int64(blocks, 1, block_span_start(since_ms));
    (void)sqlite3_bind_int64(blocks, 2, until_ms);
    (void)sqlite3_bind_int64(blocks, 3, since_ms);
}

static void bind_ids(sqlite3_stmt *blocks, int bounds, sqlite3_value **values)
{
    values += (bounds & BOUND_SINCE) != 0;
    values += (bounds & BOUND_UNTIL) != 0;
    store_sqlite_bind_text(blocks, 1, STR(""));
    store_sqlite_bind_text(blocks, 2, STR("g")); /* behind every hex digit */
    if (bounds & BOUND_ID_FROM) {
        (void)sqlite3_bind_value(blocks, 1, *values);
        values++;
    }
    if (bounds & BOUND_ID_TO) {
        (void)sqlite3_bind_value(blocks, 2, *values);
    }
    (void)sqlite3_bind_int(blocks, 3, BLOCK_ID_SHARED);
}

static int rows_filter(sqlite3_vtab_cursor *base, int bounds, const char *text, int argc,
                       sqlite3_value **values)
{
    struct rows_cursor *cursor = (struct rows_cursor *)(void *)base;
    struct rows_table *table = (struct rows_table *)(void *)base->pVtab;
    bool by_id = bounds & (BOUND_ID_FROM | BOUND_ID_TO);
    bool more = false;
    int result;

    (void)text;
    (void)argc;
    sqlite3_finalize(cursor->blocks);
    cursor->blocks = NULL;
    cursor->row = NULL;
    result = sqlite3_prepare_v2(table->sql, by_id ? blocks_by_id : blocks_by_time, -1,
                                &cursor->blocks, NULL);
    if (result != SQLITE_OK) {
        return result;
    }
    if (by_id) {
        bind_ids(cursor->blocks, bounds, values);
    } else {
        bind_times(cursor->blocks, bounds, values);
    }
    result = next_block(cursor, &more);
    return result == SQLITE_OK && more ? rows_next(base) : result;
}

static int rows_eof(sqlite3_vtab_cursor *base)
{
    return !((struct rows_cursor *)(void *)base)->row;
}

static int rows_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
    const struct rows_cursor *cursor = (const struct rows_cursor *)(void *)base;
    struct trace_value value;

    trace_get(cursor->row, &trace_fields[column], &value);
    switch (value.kind) {
    case TRACE_VALUE_NULL:
        sqlite3_result_null(context);
        break;
    case TRACE_VALUE_I64:
        sqlite3_result_int64(context, value.i64);
        break;
    case TRACE_VALUE_TEXT:
        sqlite3_result_text64(context, value.text.p, value.text.n, SQLITE_TRANSIENT, SQLITE_UTF8);
        break;
    case TRACE_VALUE_BYTES:
        sqlite3_result_blob64(context, value.bytes, sizeof(value.bytes), SQLITE_TRANSIENT);
        break;
    }
    return SQLITE_OK;
}

/* Ascends in the order of writing. */
static int rows_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret_rowid)
{
    const struct rows_cursor *cursor = (const struct rows_cursor *)(void *)base;

    *ret_rowid = cursor->seq * BLOCK_ROWS_MAX + cursor->number;
    return SQLITE_OK;
}

/* Without xCreate it is there without being created. */
static const sqlite3_module rows_module = {
    .xConnect = rows_connect,
    .xBestIndex = rows_best_index,
    .xDisconnect = rows_disconnect,
    .xOpen = rows_open,
    .xClose = rows_close,
    .xFilter = rows_filter,
    .xNext = rows_next,
    .xEof = rows_eof,
    .xColumn = rows_column,
    .xRowid = rows_rowid,
};

/* ---- weir_pack(first field, second field, ...): the rows of a group as a block ---- */

struct pack_group {
    struct trace *traces[BLOCK_ROWS_MAX];
    size_t n;
};

struct trace_value store_sqlite_value(sqlite3_value *from)
{
    struct trace_value value = {.kind = TRACE_VALUE_NULL};

    switch (sqlite3_value_type(from)) {
    case SQLITE_INTEGER:
        value.kind = TRACE_VALUE_I64;
        value.i64 = sqlite3_value_int64(from);
        break;
    case SQLITE_TEXT:
        value.kind = TRACE_VALUE_TEXT;
        value.text.p = (const char *)sqlite3_value_text(from);
        value.text.n = (size_t)sqlite3_value_bytes(from);
        break;
    case SQLITE_BLOB:
        if (sqlite3_value_bytes(from) == (int)sizeof(value.bytes)) {
            value.kind = TRACE_VALUE_BYTES;
            memcpy(value.bytes, sqlite3_value_blob(from), sizeof(value.bytes));
        }
        break;
    default:
        break;
    }
    return value;
}

static void pack_step(sqlite3_context *context, int argc, sqlite3_value **values)
{
    struct pack_group *group =
        (struct pack_group *)sqlite3_aggregate_context(context, (int)sizeof(*group));
    struct trace *trace;

    if (!group || group->n == BLOCK_ROWS_MAX) {
        sqlite3_result_error(context, "too many rows for one block", -1);
        return;
    }
    trace = trace_new();
    for (int i = 0; i < argc && trace_fields[i].name; i++) {
        struct trace_value value = store_sqlite_value(values[i]);
        trace_set(trace, &trace_fields[i], &value);
    }
    group->traces[group->n] = trace;
    group->n++;
}

static void pack_final(sqlite3_context *context)
{
    struct pack_group *group = (struct pack_group *)sqlite3_aggregate_context(context, 0);
    struct block block;

    if (!group) {
        return;
    }
    block_init(&block);
    if (block_pack_all(&block, group->traces, group->n)) {
        sqlite3_result_blob64(context, block.bytes.p, block.bytes.n, SQLITE_TRANSIENT);
    } else {
        sqlite3_result_error(context, "a row that cannot be packed", -1);
    }
    block_release(&block);
    for (size_t i = 0; i < group->n; i++) {
        trace_free(group->traces[i]);
    }
    group->n = 0;
}

int store_sqlite_add_rows(struct store_db *db, struct error *err)
{
    int result = sqlite3_create_module_v2(db->sql, "trace", &rows_module, NULL, NULL);

    if (result == SQLITE_OK) {
        result = sqlite3_create_function_v2(db->sql, "weir_pack", -1, SQLITE_UTF8, NULL, NULL,
                                            pack_step, pack_final, NULL);
    }
    return result == SQLITE_OK ? 0 : store_sqlite_fail(db, result, "setting up", err);
}
