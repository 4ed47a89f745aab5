#include "unit/store/suite.h"

#include <fcntl.h>
#include <sqlite3.h>

#include "store/migrate.h"

static void write_file(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static size_t read_file(const char *path, char *out, size_t max)
{
    FILE *file = fopen(path, "rb");
    size_t n;

    assert_non_null(file);
    n = fread(out, 1, max, file);
    fclose(file);
    return n;
}

static void exec(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    char *message = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) {
        print_error("%s\n", message);
        fail();
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* The first column of the first row, as text. */
static void query(const char *path, const char *sql, char *out, size_t n)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    snprintf(out, n, "%s", (const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void make_store(const struct folder *folder, int traces)
{
    struct store *store = NULL;
    struct error err = {0};

    assert_fine(store_open(folder->url, &store, &err), err);
    for (int i = 0; i < traces; i++) {
        assert_true(store_submit(store, make_trace(1 + i, TRACE_CAPTURE_FULL, "{\"a\":1}", "x")));
    }
    store_close(store);
}

/* Refused for writing and for reading, and the file is what it was. */
static void assert_refused(const struct folder *folder, const char *says)
{
    static char before[1 << 20], after[1 << 20];
    struct store *store = NULL;
    struct store_reader *reader = NULL;
    struct error err = {0};
    size_t n = read_file(folder->file, before, sizeof(before));

    assert_true(store_open(folder->url, &store, &err) < 0);
    assert_contains(err.text, says);
    assert_contains(err.text, folder->file);
    assert_true(store_reader_open(folder->url, &reader, &err) < 0);
    assert_contains(err.text, says);
    assert_int_equal(read_file(folder->file, after, sizeof(after)), n);
    assert_memory_equal(after, before, n);
}

static void a_file_that_is_no_database_is_refused_and_kept(void **state)
{
    static const char text[] = "listen: 127.0.0.1:8080\nstore: sqlite:weir.db\n";
    static char noise[9000];
    struct folder folder;

    (void)state;
    folder_make(&folder);
    for (size_t n = 1; n < 1100; n += n < 20 ? 1 : 97) {
        memset(noise, 'x', n);
        write_file(folder.file, noise, n);
        assert_refused(&folder, "not a database of weir");
    }
    write_file(folder.file, text, sizeof(text) - 1);
    assert_refused(&folder, "not a database of weir");
    memset(noise, 0xA5, sizeof(noise));
    write_file(folder.file, noise, sizeof(noise));
    assert_refused(&folder, "not a database of weir");
    folder_remove(&folder);
}

static void another_programs_database_is_refused_and_kept(void **state)
{
    struct folder folder;

    (void)state;
    folder_make(&folder);
    exec(folder.file, "CREATE TABLE bookmark (url TEXT); INSERT INTO bookmark VALUES ('x')");
    assert_refused(&folder, "of another program");
    folder_remove(&folder);
}

static void a_newer_schema_is_refused_and_kept(void **state)
{
    struct folder folder;

    (void)state;
    folder_make(&folder);
    make_store(&folder, 3);
    exec(folder.file, "PRAGMA journal_mode = DELETE; PRAGMA user_version = 999");
    struct store *store = NULL;
    struct store_reader *reader = NULL;
    struct error err = {0};
    assert_int_equal(store_open(folder.url, &store, &err), ERR_INVALID);
    assert_contains(err.text, "schema version 999");
    assert_int_equal(store_reader_open(folder.url, &reader, &err), ERR_INVALID);
    assert_contains(err.text, "newer weir");
    char sql[64];
    snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", migrate_latest(migrations));
    exec(folder.file, sql);
    assert_int_equal(count_at(folder.url), 3);
    folder_remove(&folder);
}

static void a_damaged_database_gives_an_error_and_no_crash(void **state)
{
    static char bytes[4 << 20];
    struct folder folder;

    (void)state;
    folder_make(&folder);
    make_store(&folder, 500);
    size_t n = read_file(folder.file, bytes, sizeof(bytes));
    /* Each page in turn is overwritten: opening or reading may fail, with a message. */
    for (size_t page = 0; page * 4096 < n; page += 7) {
        static char damaged[4 << 20];
        struct store_reader *reader = NULL;
        struct store_filter filter = {.limit = STORE_LIST_MAX};
        struct seen seen = {0};
        struct error err = {0};

        memcpy(damaged, bytes, n);
        memset(damaged + page * 4096 + (page ? 0 : 100), 0xA5, page ? 4096 : 3000);
        write_file(folder.file, damaged, n);
        int rc = store_reader_open(folder.url, &reader, &err);
        if (rc == 0) {
            rc = store_list(reader, &filter, see, &seen, &err);
        }
        if (rc < 0) {
            assert_true(strlen(err.text) > 0);
        }
        store_reader_close(reader);
    }
    /* The head of the schema is gone: that can not be overlooked. */
    memset(bytes + 100, 0xA5, 3000);
    write_file(folder.file, bytes, n);
    assert_refused(&folder, "damaged");
    folder_remove(&folder);
}

static void a_file_cut_short_gives_an_error_and_no_crash(void **state)
{
    static char bytes[4 << 20];
    struct folder folder;

    (void)state;
    folder_make(&folder);
    make_store(&folder, 500);
    size_t n = read_file(folder.file, bytes, sizeof(bytes));
    for (size_t cut = n - 4096; cut > 8192; cut = cut / 2 / 4096 * 4096) {
        struct store_reader *reader = NULL;
        struct store_filter filter = {.limit = STORE_LIST_MAX};
        struct seen seen = {0};
        struct error err = {0};

        write_file(folder.file, bytes, cut);
        if (store_reader_open(folder.url, &reader, &err) == 0) {
            assert_true(store_list(reader, &filter, see, &seen, &err) < 0);
        }
        assert_contains(err.text, "damaged");
        store_reader_close(reader);
    }
    folder_remove(&folder);
}

static void the_file_is_for_its_owner_only(void **state)
{
    struct folder folder;
    struct stat st;
    char log[400];

    (void)state;
    folder_make(&folder);
    mode_t before = umask(0);
    struct store *store = NULL;
    struct error err = {0};
    assert_fine(store_open(folder.url, &store, &err), err);
    umask(before);
    assert_int_equal(stat(folder.file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    snprintf(log, sizeof(log), "%s-wal", folder.file);
    assert_int_equal(stat(log, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    store_close(store);
    folder_remove(&folder);
}

static void an_empty_file_becomes_a_store(void **state)
{
    struct folder folder;
    struct store_reader *reader = NULL;
    struct error err = {0};

    (void)state;
    folder_make(&folder);
    write_file(folder.file, "", 0);
    assert_int_equal(store_reader_open(folder.url, &reader, &err), ERR_INVALID);
    assert_contains(err.text, "weir serve");
    make_store(&folder, 2);
    assert_int_equal(count_at(folder.url), 2);
    folder_remove(&folder);
}

static void a_missing_store_is_not_made_by_reading(void **state)
{
    struct folder folder;
    struct store_reader *reader = NULL;
    struct error err = {0};

    (void)state;
    folder_make(&folder);
    assert_int_equal(store_reader_open(folder.url, &reader, &err), ERR_NOT_FOUND);
    assert_contains(err.text, "there is no store at");
    assert_int_equal(file_bytes(folder.file), -1);
    folder_remove(&folder);
}

static void settings_that_stay_in_the_file_are_right(void **state)
{
    static const struct {
        const char *sql;
        const char *value;
    } rows[] = {
        {"PRAGMA journal_mode",                                                                  "wal"       },
        {"PRAGMA auto_vacuum",                                                                   "2"         },
        {"PRAGMA application_id",                                                                "2003134834"},
        {"PRAGMA integrity_check",                                                               "ok"        },
        {"SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'trace_block'",
         "2"                                                                                                 },
    };
    struct folder folder;
    char value[64];

    (void)state;
    folder_make(&folder);
    make_store(&folder, 10);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        query(folder.file, rows[i].sql, value, sizeof(value));
        assert_string_equal(value, rows[i].value);
    }
    snprintf(value, sizeof(value), "%d", migrate_latest(migrations));
    char version[64];
    query(folder.file, "PRAGMA user_version", version, sizeof(version));
    assert_string_equal(version, value);
    folder_remove(&folder);
}

/* What schema version 1 was: a wide row for each trace. */
static void make_version_1(const struct folder *folder)
{
    exec(folder->file, "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA application_id = 0x77656972;"
                       "PRAGMA user_version = 1");
    exec(folder->file, migrations[0].sql);
    exec(folder->file,
         "INSERT INTO trace (id, session, started_ms, stream, attempts, status, upstream_status,"
         " request_bytes, response_bytes, events, input_tokens, usage_source, price_status,"
         " cost_nanousd, capture, response_truncated, request_hash, usage_raw)"
         " WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 2999)"
         " SELECT printf('%012x', 1700000000000 + i * 10) || printf('%020x', i), 's' || (i % 7),"
         " 1700000000000 + i * 10, i % 2, 1, 200, 200, i, 2 * i, 0, nullif(i, 5), 'provider',"
         " CASE i % 2 WHEN 0 THEN 'priced' ELSE 'unpriced' END, CASE i % 2 WHEN 0 THEN i END,"
         " 'hashes', 0, x'"
         "0000000000000000000000000000000000000000000000000000000000000001', '{\"a\":' || i || '}' "
         "FROM n");
}

static int check_migrated(void *ctx, const struct trace *row)
{
    int *next = (int *)ctx;
    char text[80];

    snprintf(text, sizeof(text), "%012llx%020x", 1700000000000ULL + (unsigned)*next * 10U,
             (unsigned)*next);
    assert_string_equal(row->id, text);
    assert_int_equal(row->started_ms, 1700000000000 + *next * 10);
    snprintf(text, sizeof(text), "s%d", *next % 7);
    assert_str(row->session, text);
    assert_int_equal(row->stream, *next % 2);
    assert_int_equal(row->response_bytes, 2 * *next);
    assert_int_equal(row->input_tokens, *next == 5 ? -1 : *next);
    assert_int_equal(row->price_status, *next % 2 ? TRACE_UNPRICED : TRACE_PRICED);
    assert_int_equal(row->cost_nanousd, *next % 2 ? 0 : *next);
    assert_int_equal(row->usage_source, TRACE_USAGE_PROVIDER);
    snprintf(text, sizeof(text), "%062d01", 0);
    assert_string_equal(row->request_hash, text);
    snprintf(text, sizeof(text), "{\"a\":%d}", *next);
    assert_str(row->usage_raw, text);
    assert_int_equal(row->output_tokens, -1);
    (*next)++;
    return 0;
}

static void rows_of_version_1_are_there_after_the_migration(void **state)
{
    struct store_filter filter = {.limit = STORE_LIST_MAX, .oldest_first = true};
    struct folder folder;
    struct store *store = NULL;
    struct store_reader *reader = NULL;
    struct error err = {0};
    char value[64];
    int next = 0;

    (void)state;
    folder_make(&folder);
    make_version_1(&folder);
    assert_int_equal(store_reader_open(folder.url, &reader, &err), ERR_INVALID);
    assert_contains(err.text, "weir serve");
    assert_fine(store_open(folder.url, &store, &err), err);
    store_close(store);
    assert_fine(store_reader_open(folder.url, &reader, &err), err);
    assert_fine(store_list(reader, &filter, check_migrated, &next, &err), err);
    assert_int_equal(next, 3000);
    store_reader_close(reader);
    query(folder.file, "SELECT count(*) FROM sqlite_schema WHERE name = 'trace'", value,
          sizeof(value));
    assert_string_equal(value, "0");
    query(folder.file, "PRAGMA integrity_check", value, sizeof(value));
    assert_string_equal(value, "ok");
    folder_remove(&folder);
}

static void a_version_1_that_holds_nothing_migrates_too(void **state)
{
    struct folder folder;

    (void)state;
    folder_make(&folder);
    make_version_1(&folder);
    exec(folder.file, "DELETE FROM trace");
    make_store(&folder, 2);
    assert_int_equal(count_at(folder.url), 2);
    folder_remove(&folder);
}

static void a_damaged_block_is_told(void **state)
{
    struct store_filter filter = {.limit = 10};
    struct folder folder;
    struct store_reader *reader = NULL;
    struct seen seen = {0};
    struct error err = {0};

    (void)state;
    folder_make(&folder);
    make_store(&folder, 5);
    exec(folder.file, "UPDATE trace_block SET bytes = zeroblob(length(bytes))");
    assert_fine(store_reader_open(folder.url, &reader, &err), err);
    assert_int_equal(store_list(reader, &filter, see, &seen, &err), ERR_IO);
    assert_contains(err.text, "damaged");
    assert_contains(err.text, "checksum");
    assert_int_equal(seen.n, 0);
    store_reader_close(reader);
    folder_remove(&folder);
}

static void names_that_sqlite_has_a_meaning_for_are_files(void **state)
{
    static const char *const names[] = {"sqlite::memory:", "sqlite:file:x.db?mode=memory"};
    struct folder folder;
    char before[400];

    (void)state;
    folder_make(&folder);
    assert_non_null(getcwd(before, sizeof(before)));
    assert_int_equal(chdir(folder.path), 0);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct store *store = NULL;
        struct error err = {0};

        assert_fine(store_open(names[i], &store, &err), err);
        assert_true(file_bytes(names[i] + strlen("sqlite:")) >= 0);
        store_close(store);
    }
    assert_int_equal(chdir(before), 0);
    folder_remove(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_is_no_database_is_refused_and_kept),
        cmocka_unit_test(another_programs_database_is_refused_and_kept),
        cmocka_unit_test(a_newer_schema_is_refused_and_kept),
        cmocka_unit_test(a_damaged_database_gives_an_error_and_no_crash),
        cmocka_unit_test(a_file_cut_short_gives_an_error_and_no_crash),
        cmocka_unit_test(the_file_is_for_its_owner_only),
        cmocka_unit_test(an_empty_file_becomes_a_store),
        cmocka_unit_test(a_missing_store_is_not_made_by_reading),
        cmocka_unit_test(settings_that_stay_in_the_file_are_right),
        cmocka_unit_test(rows_of_version_1_are_there_after_the_migration),
        cmocka_unit_test(a_version_1_that_holds_nothing_migrates_too),
        cmocka_unit_test(a_damaged_block_is_told),
        cmocka_unit_test(names_that_sqlite_has_a_meaning_for_are_files),
    };

    return cmocka_run_group_tests_name("store/store_sqlite", tests, NULL, NULL);
}
