/* Reading from SQLite: lists, single traces, sums. */
#include "core/clock.h"
#include "store/store_sqlite_internal.h"

#define QUERY_VALUES_MAX 16

/* A statement that grows with its conditions, and what is bound to them. Text is borrowed. */
struct query {
    struct buf sql;
    struct trace_value values[QUERY_VALUES_MAX];
    int n;
};

static void query_init(struct query *query, const char *start)
{
    buf_init(&query->sql, STORE_SQLITE_SQL_MAX);
    query->n = 0;
    (void)buf_puts(&query->sql, start);
}

static void query_release(struct query *query)
{
    buf_release(&query->sql);
}

/* The number of the next parameter. */
static int query_value(struct query *query, struct trace_value value)
{
    BUG_ON(query->n == QUERY_VALUES_MAX);
    query->values[query->n] = value;
    query->n++;
    return query->n;
}

static struct trace_value text_value(struct str text)
{
    return (struct trace_value){.kind = TRACE_VALUE_TEXT, .text = text};
}

static struct trace_value i64_value(int64_t i64)
{
    return (struct trace_value){.kind = TRACE_VALUE_I64, .i64 = i64};
}

/* " AND column = ?" when there is a text to compare with. */
static void where_equals(struct query *query, const char *column, struct str text)
{
    if (text.n > 0) {
        (void)buf_putf(&query->sql, " AND %s = ?%d", column, query_value(query, text_value(text)));
    }
}

static bool is_digits(struct str text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') {
            return false;
        }
    }
    return text.n >= n;
}

static int where_status(struct query *query, struct str status, struct error *err)
{
    static const struct {
        const char *name;
        const char *condition;
    } words[] = {
        {"ok",        " AND error_class IS NULL AND cancelled_in IS NULL"    },
        {"error",     " AND error_class IS NOT NULL AND cancelled_in IS NULL"},
        {"cancelled", " AND cancelled_in IS NOT NULL"                        },
    };

    int64_t code = 0;

    if (status.n == 0) {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_is(status, words[i].name)) {
            (void)buf_puts(&query->sql, words[i].condition);
            return 0;
        }
    }
    if (status.n == 3 && is_digits(status, 3) && str_to_i64(status, &code) == 0) {
        (void)buf_putf(&query->sql, " AND status = ?%d", query_value(query, i64_value(code)));
        return 0;
    }
    if (status.n == 3 && is_digits(status, 1) && str_eq_nocase(str_from(status, 1), STR("xx"))) {
        int64_t hundreds = INT64_C(100) * (status.p[0] - '0');
        int first = query_value(query, i64_value(hundreds));
        int last = query_value(query, i64_value(hundreds + 99));
        (void)buf_putf(&query->sql, " AND status BETWEEN ?%d AND ?%d", first, last);
        return 0;
    }
    return error_set(err, ERR_INVALID,
                     "status `%.*s`: expected a code (429), a class (4xx), ok, error or cancelled",
                     STR_ARG(str_head(status, 40)));
}

static int where_filter(struct query *query, const struct store_filter *filter, struct error *err)
{
    (void)buf_puts(&query->sql, " WHERE true");
    if (filter->since_ms > 0) {
        (void)buf_putf(&query->sql, " AND started_ms >= ?%d",
                       query_value(query, i64_value(filter->since_ms)));
    }
    if (filter->until_ms > 0) {
        (void)buf_putf(&query->sql, " AND started_ms < ?%d",
                       query_value(query, i64_value(filter->until_ms)));
    }
    if (filter->model.n > 0) {
        int n = query_value(query, text_value(filter->model));
        (void)buf_putf(&query->sql, " AND ?%d IN (model_asked, model_routed, model_returned)", n);
    }
    where_equals(query, "tenant", filter->tenant);
    where_equals(query, "key_alias", filter->key_alias);
    where_equals(query, "provider", filter->provider);
    where_equals(query, "session", filter->session);
    return where_status(query, filter->status, err);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A prepared and bound statement, or NULL with *err set. */
static sqlite3_stmt *query_prepare(struct store_db *db, struct query *query, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int result;

    BUG_ON(!buf_ok(&query->sql));
    result = sqlite3_prepare_v2(db->sql, buf_cstr(&query->sql), -1, &statement, NULL);
    if (result != SQLITE_OK) {
        (void)store_sqlite_fail(db, result, "preparing a query", err);
        return NULL;
    }
    for (int i = 0; i < query->n; i++) {
        if (query->values[i].kind == TRACE_VALUE_I64) {
            (void)sqlite3_bind_int64(statement, i + 1, query->values[i].i64);
        } else {
            store_sqlite_bind_text(statement, i + 1, query->values[i].text);
        }
    }
    return statement;
}

static struct str column_str(sqlite3_stmt *statement, int i)
{
    const void *text = sqlite3_column_text(statement, i);
    int n = sqlite3_column_bytes(statement, i);

    return text ? str_make(text, (size_t)n) : STR_EMPTY;
}

static struct trace *read_trace(sqlite3_stmt *statement)
{
    struct trace *trace = trace_new();

    for (int i = 0; trace_fields[i].name; i++) {
        struct trace_value value = store_sqlite_value(sqlite3_column_value(statement, i));
        trace_set(trace, &trace_fields[i], &value);
    }
    return trace;
}

static void select_traces(struct query *query)
{
    query_init(query, "SELECT ");
    store_sqlite_put_columns(&query->sql);
    (void)buf_puts(&query->sql, " FROM trace");
}

/*
 * A list is read in windows of time, each sorted on its own: what is asked for mostly stands in
 * the first, and a sort of millions of rows is never needed. A window is as many blocks as hold
 * about so many rows, twice as many each time.
 */
#define WINDOW_ROWS_FIRST INT64_C(256)
#define WINDOW_ROWS_MAX   INT64_C(16384)

struct window {
    int64_t since_ms, until_ms; /* until is not included */
    int64_t rows;
    bool last;
};

/* The window that begins where the one before has ended: moves the bound that is still open. */
static int find_window(struct store_db *db, bool oldest_first, struct window *window,
                       struct error *err)
{
    enum sqlite_statement which = oldest_first ? SQLITE_BLOCKS_FORWARD : SQLITE_BLOCKS_BACK;
    sqlite3_stmt *statement = store_sqlite_statement(db, which, err);
    int64_t rows = 0;
    int result;
    int rc = 0;

    if (!statement) {
        return ERR_IO;
    }
    (void)sqlite3_bind_int64(statement, 1, oldest_first ? window->since_ms : window->until_ms);
    while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
        int64_t first_ms = sqlite3_column_int64(statement, 0);

        /* Going forward a window ends before the next block, going back with its last one. */
        if (oldest_first && rows >= window->rows) {
            window->until_ms = first_ms;
            break;
        }
        rows += sqlite3_column_int64(statement, 1);
        if (!oldest_first && rows >= window->rows) {
            window->since_ms = first_ms;
            break;
        }
    }
    window->last = result == SQLITE_DONE;
    if (result != SQLITE_ROW && result != SQLITE_DONE) {
        rc = store_sqlite_fail(db, result, "looking for traces", err);
    }
    (void)sqlite3_reset(statement);
    return rc;
}

/* Who gets the rows of a list, and how many more. */
struct listing {
    int (*fn)(void *ctx, const struct trace *trace);
    void *ctx;
    int64_t left;
};

static int list_window(struct store_db *db, const struct store_filter *filter,
                       const struct window *window, struct listing *listing, struct error *err)
{
    struct query query;
    sqlite3_stmt *statement = NULL;
    int result = SQLITE_DONE;
    int rc;

    select_traces(&query);
    rc = where_filter(&query, filter, err);
    if (rc == 0) {
        int since = query_value(&query, i64_value(window->since_ms));
        int until = query_value(&query, i64_value(window->until_ms));
        (void)buf_putf(&query.sql, " AND started_ms >= ?%d AND started_ms < ?%d", since, until);
        (void)buf_puts(&query.sql, filter->oldest_first ? " ORDER BY started_ms, rowid"
                                                        : " ORDER BY started_ms DESC, rowid DESC");
        (void)buf_putf(&query.sql, " LIMIT ?%d", query_value(&query, i64_value(listing->left)));
        statement = query_prepare(db, &query, err);
        rc = statement ? 0 : ERR_IO;
    }
    while (rc == 0 && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        struct trace *trace = read_trace(statement);
        listing->left--;
        rc = listing->fn(listing->ctx, trace);
        trace_free(trace);
    }
    if (rc == 0 && result != SQLITE_DONE) {
        rc = store_sqlite_fail(db, result, "reading traces", err);
    }
    sqlite3_finalize(statement);
    query_release(&query);
    return rc;
}

int store_sqlite_list(struct store_db *db, const struct store_filter *filter,
                      int (*fn)(void *ctx, const struct trace *trace), void *ctx, struct error *err)
{
    struct listing listing = {fn, ctx, filter->limit > 0 ? filter->limit : STORE_LIST_DEFAULT};
    struct window window = {
        .since_ms = filter->since_ms > 0 ? filter->since_ms : INT64_MIN,
        .until_ms = filter->until_ms > 0 ? filter->until_ms : INT64_MAX,
        .rows = WINDOW_ROWS_FIRST,
    };
    const struct window all = window;
    int rc = 0;

    listing.left = listing.left < STORE_LIST_MAX ? listing.left : STORE_LIST_MAX;
    while (rc == 0 && listing.left > 0 && !window.last && window.since_ms < window.until_ms) {
        rc = find_window(db, filter->oldest_first, &window, err);
        if (rc < 0) {
            break;
        }
        window.since_ms = later(window.since_ms, all.since_ms);
        window.until_ms = earlier(window.until_ms, all.until_ms);
        rc = list_window(db, filter, &window, &listing, err);
        if (filter->oldest_first) {
            window.since_ms = window.until_ms;
            window.until_ms = all.until_ms;
        } else {
            window.until_ms = window.since_ms;
            window.since_ms = all.since_ms;
        }
        window.rows = earlier(window.rows * 2, WINDOW_ROWS_MAX);
    }
    return rc;
}

/* How many ids start so; counting stops at a bound. */
static int count_ids(struct store_db *db, struct str from, struct str to, int64_t *ret_count,
                     struct error *err)
{
    struct query query;
    sqlite3_stmt *statement;
    int result;
    int rc = 0;

    query_init(&query, "SELECT count(*) FROM (SELECT 1 FROM trace WHERE id >= ?1 AND id < ?2"
                       " LIMIT 1000)");
    (void)query_value(&query, text_value(from));
    (void)query_value(&query, text_value(to));
    statement = query_prepare(db, &query, err);
    query_release(&query);
    if (!statement) {
        return ERR_IO;
    }
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        *ret_count = sqlite3_column_int64(statement, 0);
    } else {
        rc = store_sqlite_fail(db, result, "looking for a trace", err);
    }
    sqlite3_finalize(statement);
    return rc;
}

static int get_first(struct store_db *db, struct str from, struct str to, struct trace **ret_trace,
                     struct error *err)
{
    struct query query;
    sqlite3_stmt *statement;
    int result;
    int rc = 0;

    select_traces(&query);
    (void)buf_puts(&query.sql, " WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 1");
    (void)query_value(&query, text_value(from));
    (void)query_value(&query, text_value(to));
    statement = query_prepare(db, &query, err);
    query_release(&query);
    if (!statement) {
        return ERR_IO;
    }
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        *ret_trace = read_trace(statement);
    } else if (result == SQLITE_DONE) {
        rc = error_set(err, ERR_NOT_FOUND, "no trace has an id that starts with %.*s",
                       STR_ARG(from));
    } else {
        rc = store_sqlite_fail(db, result, "reading a trace", err);
    }
    sqlite3_finalize(statement);
    return rc;
}

int store_sqlite_get(struct store_db *db, struct str id, struct trace **ret_trace,
                     struct error *err)
{
    char end[TRACE_ID_HEX + 2];
    struct str to = {end, id.n + 1};
    int64_t count = 0;
    int rc;

    BUG_ON(id.n > TRACE_ID_HEX);
    memcpy(end, id.p, id.n);
    end[id.n] = 'g'; /* behind every hex digit */
    rc = count_ids(db, id, to, &count, err);
    if (rc < 0) {
        return rc;
    }
    if (count > 1) {
        return error_set(err, ERR_INVALID,
                         "%s%lld traces have an id that starts with %.*s: give "
                         "more of it",
                         count >= 1000 ? "at least " : "", (long long)count, STR_ARG(id));
    }
    return get_first(db, id, to, ret_trace, err);
}

/* The groups in the order they are given back; the day is a number until it is shown. */
static const struct {
    unsigned group;
    const char *expression;
    size_t offset;
} spend_groups[] = {
    {STORE_BY_TENANT,   "tenant",                offsetof(struct store_spend, tenant)   },
    {STORE_BY_KEY,      "key_alias",             offsetof(struct store_spend, key_alias)},
    {STORE_BY_MODEL,    "model_routed",          offsetof(struct store_spend, model)    },
    {STORE_BY_DAY,      "started_ms / 86400000", offsetof(struct store_spend, day)      },
    {STORE_BY_PROVIDER, "provider",              offsetof(struct store_spend, provider) },
};

/* Sums in the order of the members; unpriced requests have no cost and are counted apart. */
static const struct {
    const char *expression;
    size_t offset;
} spend_sums[] = {
    {"count(*)",                                                          offsetof(struct store_spend, requests)     },
    {"sum(error_class IS NOT NULL AND cancelled_in IS NULL)",             offsetof(struct store_spend, failed)       },
    {"sum(cancelled_in IS NOT NULL)",                                     offsetof(struct store_spend, cancelled)    },
    {"sum(input_tokens)",                                                 offsetof(struct store_spend, input_tokens) },
    {"sum(cached_tokens)",                                                offsetof(struct store_spend, cached_tokens)},
    {"sum(output_tokens)",                                                offsetof(struct store_spend, output_tokens)},
    {"sum(CASE price_status WHEN 'priced' THEN cost_nanousd ELSE 0 END)",
     offsetof(struct store_spend,                                                                      cost_nanousd) },
    {"sum(price_status = 'unpriced')",                                    offsetof(struct store_spend, unpriced)     },
    {"sum(usage_source = 'estimated')",                                   offsetof(struct store_spend, estimated)    },
};

static void put_groups(struct buf *sql, unsigned groups, const char *before)
{
    const char *separator = before;

    for (size_t i = 0; i < ARRAY_LEN(spend_groups); i++) {
        if (groups & spend_groups[i].group) {
            (void)buf_putf(sql, "%s%s", separator, spend_groups[i].expression);
            separator = ", ";
        }
    }
}

static void read_spend(sqlite3_stmt *statement, unsigned groups, char *day, struct store_spend *row)
{
    int column = 0;

    for (size_t i = 0; i < ARRAY_LEN(spend_sums); i++) {
        *(int64_t *)(void *)((char *)row + spend_sums[i].offset) =
            sqlite3_column_int64(statement, column);
        column++;
    }
    for (size_t i = 0; i < ARRAY_LEN(spend_groups); i++) {
        struct str *text = (struct str *)(void *)((char *)row + spend_groups[i].offset);

        *text = STR_EMPTY;
        if (!(groups & spend_groups[i].group)) {
            continue;
        }
        if (spend_groups[i].group == STORE_BY_DAY) {
            clock_format_day(sqlite3_column_int64(statement, column) * 86400000, day);
            *text = str_of(day);
        } else {
            *text = column_str(statement, column);
        }
        column++;
    }
}

int store_sqlite_spend(struct store_db *db, unsigned groups, const struct store_filter *filter,
                       int (*fn)(void *ctx, const struct store_spend *row), void *ctx,
                       struct error *err)
{
    struct query query;
    sqlite3_stmt *statement = NULL;
    struct store_spend row;
    char day[CLOCK_TEXT_MAX];
    int result = SQLITE_DONE;
    int rc;

    query_init(&query, "SELECT ");
    for (size_t i = 0; i < ARRAY_LEN(spend_sums); i++) {
        (void)buf_putf(&query.sql, "%s%s", i ? ", " : "", spend_sums[i].expression);
    }
    put_groups(&query.sql, groups, ", ");
    (void)buf_puts(&query.sql, " FROM trace");
    rc = where_filter(&query, filter, err);
    if (rc == 0) {
        put_groups(&query.sql, groups, " GROUP BY ");
        put_groups(&query.sql, groups, " ORDER BY ");
        statement = query_prepare(db, &query, err);
        rc = statement ? 0 : ERR_IO;
    }
    while (rc == 0 && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        read_spend(statement, groups, day, &row);
        rc = row.requests > 0 ? fn(ctx, &row) : 0; /* without groups there is always a row */
    }
    if (rc == 0 && result != SQLITE_DONE) {
        rc = store_sqlite_fail(db, result, "summing up", err);
    }
    sqlite3_finalize(statement);
    query_release(&query);
    return rc;
}

int store_sqlite_get_blob(struct store_db *db, const struct hash_sha256 *name, struct buf *packed,
                          int64_t *ret_size, struct error *err)
{
    sqlite3_stmt *statement = store_sqlite_statement(db, SQLITE_GET_BLOB, err);
    int result;
    int rc = 0;

    if (!statement) {
        return ERR_IO;
    }
    buf_clear(packed);
    store_sqlite_bind_bytes(statement, 1, name->bytes, sizeof(name->bytes));
    result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        const void *bytes = sqlite3_column_blob(statement, 1);
        rc = buf_put(packed, bytes, (size_t)sqlite3_column_bytes(statement, 1));
        *ret_size = sqlite3_column_int64(statement, 0);
    } else if (result == SQLITE_DONE) {
        rc = ERR_NOT_FOUND; /* retention took it */
    } else {
        rc = store_sqlite_fail(db, result, "reading content", err);
    }
    (void)sqlite3_reset(statement);
    return rc == ERR_LIMIT ? error_set(err, rc, "kept content is longer than allowed") : rc;
}
