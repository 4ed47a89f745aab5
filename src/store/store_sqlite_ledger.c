/* The SQLite driver: rows of the ledger. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "store/store_sqlite_internal.h"

/* Ids begin with the time: the key's order is the order of writing, and a day is a range of it. */
const char store_sqlite_put_ledger_text[] =
    "INSERT INTO ledger (id, state, started_ms, settled_ms, expires_ms, tenant, key_alias,"
    " provider, model, attempts, reserved_input, reserved_output, reserved_nanousd,"
    " input_tokens, output_tokens, cost_nanousd, cached_tokens, cache_write_tokens,"
    " cache_write_1h_tokens, reasoning_tokens, flags, price_version, usage_raw)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO NOTHING";

const char store_sqlite_charges_text[] =
    "SELECT ifnull(tenant, ''), ifnull(key_alias, ''), ifnull(provider, ''), count(*),"
    " sum(input_tokens), sum(output_tokens), sum(cost_nanousd)"
    " FROM ledger WHERE id >= ?1 GROUP BY 1, 2, 3";

static void bind_texts(sqlite3_stmt *statement, int index, const struct str *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (texts[i].n > 0) {
            store_sqlite_bind_text(statement, index + (int)i, texts[i]);
        } else {
            (void)sqlite3_bind_null(statement, index + (int)i);
        }
    }
}

/* -1, unknown, is null. */
static void bind_numbers(sqlite3_stmt *statement, int index, const int64_t *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (numbers[i] >= 0) {
            (void)sqlite3_bind_int64(statement, index + (int)i, numbers[i]);
        } else {
            (void)sqlite3_bind_null(statement, index + (int)i);
        }
    }
}

int store_sqlite_put_ledger(struct store_db *db, const struct ledger_row *row, struct error *err)
{
    sqlite3_stmt *statement = store_sqlite_statement(db, SQLITE_PUT_LEDGER, err);
    const struct ledger_numbers *n = &row->numbers;
    if (!statement) {
        return ERR_IO;
    }

    const int64_t times[] = {n->started_ms, n->settled_ms, n->started_ms + n->reserved_for_ms};
    const int64_t counts[] = {
        n->attempts,           n->reserved_input,        n->reserved_output,  n->reserved_nanousd,
        n->input_tokens,       n->output_tokens,         n->cost_nanousd,     n->cached_tokens,
        n->cache_write_tokens, n->cache_write_1h_tokens, n->reasoning_tokens, n->flags};

    store_sqlite_bind_bytes(statement, 1, n->id, sizeof(n->id));
    store_sqlite_bind_text(statement, 2, str_of(ledger_state_name((enum ledger_state)n->state)));
    bind_numbers(statement, 3, times, ARRAY_LEN(times));
    bind_texts(statement, 6, &row->texts[LEDGER_TENANT], 4);
    bind_numbers(statement, 10, counts, ARRAY_LEN(counts));
    bind_texts(statement, 22, &row->texts[LEDGER_PRICE_VERSION], 2);
    return store_sqlite_run(db, statement, "writing a row of the ledger", err);
}

static struct str column_text(sqlite3_stmt *statement, int column)
{
    const void *text = sqlite3_column_text(statement, column);
    return str_make(text, (size_t)sqlite3_column_bytes(statement, column));
}

int store_sqlite_charges(struct store_db *db, int64_t since_ms,
                         void (*fn)(void *ctx, const struct store_charge *charge), void *ctx,
                         struct error *err)
{
    sqlite3_stmt *statement = store_sqlite_statement(db, SQLITE_CHARGES, err);
    unsigned char first[LEDGER_ID_BYTES] = {0};
    int result;
    int rc = 0;

    if (!statement) {
        return ERR_IO;
    }
    for (int i = 0; i < 6; i++) {
        first[i] = (unsigned char)((uint64_t)since_ms >> (8 * (5 - i)));
    }
    store_sqlite_bind_bytes(statement, 1, first, sizeof(first));
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        struct store_charge charge = {.tenant = column_text(statement, 0),
                                      .key_alias = column_text(statement, 1),
                                      .provider = column_text(statement, 2),
                                      .requests = sqlite3_column_int64(statement, 3),
                                      .input_tokens = sqlite3_column_int64(statement, 4),
                                      .output_tokens = sqlite3_column_int64(statement, 5),
                                      .cost_nanousd = sqlite3_column_int64(statement, 6)};
        fn(ctx, &charge);
    }
    if (result != SQLITE_DONE) {
        rc = store_sqlite_fail(db, result, "summing up the ledger", err);
    }
    (void)sqlite3_reset(statement);
    return rc;
}

/* A commit in WAL mode is a write without a wait. Locks of SQLite's are on the other files: closing
 * this descriptor drops none. */
int store_sqlite_sync(struct store_db *db, struct error *err)
{
    int fd = open(db->log_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? 0
                               : error_set(err, ERR_IO, "store %s: %s", db->name, strerror(errno));
    }
    int rc = fdatasync(fd) < 0
                 ? error_set(err, ERR_IO, "store %s: syncing: %s", db->name, strerror(errno))
                 : 0;
    close(fd);
    return rc;
}
