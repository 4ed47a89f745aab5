/* Opening a store: which file it is, whether it is ours, and how SQLite is set. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mem.h"
#include "store/store_sqlite_internal.h"

#define SMALLEST_DATABASE_BYTES 512
#define APPLICATION_ID          0x77656972 /* "weir" */

/* A write-ahead log of 16 MiB at most between checkpoints, give or take a batch. With
 * synchronous=NORMAL a commit is a write to the log without a wait for the disk: a killed process
 * loses nothing, a machine that loses power may lose its last second and is not corrupted. */
static const char writer_settings[] = "PRAGMA synchronous = NORMAL;"
                                      "PRAGMA wal_autocheckpoint = 4000;"
                                      "PRAGMA journal_size_limit = 16777216;"
                                      "PRAGMA cache_size = -16384;"
                                      "PRAGMA trusted_schema = OFF;";

static const char reader_settings[] = "PRAGMA query_only = ON;"
                                      "PRAGMA cache_size = -16384;"
                                      "PRAGMA trusted_schema = OFF;";

int store_sqlite_fail(struct store_db *db, int result, const char *doing, struct error *err)
{
    enum err code = ERR_IO;

    switch (result & 0xff) { /* without the extended part */
    case SQLITE_NOTADB:
        return error_set(err, ERR_INVALID,
                         "store %s is not a database of weir; it was left as it is: give another "
                         "path, or move the file away",
                         db->name);
    case SQLITE_CORRUPT:
        return error_set(err, ERR_IO,
                         "store %s is damaged (%s: %s): move it away and start anew, or rescue it "
                         "with `sqlite3 FILE .recover`",
                         db->name, doing, sqlite3_errmsg(db->sql));
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
        code = ERR_INVALID;
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        code = ERR_BUSY;
        break;
    default:
        break;
    }
    return error_set(err, code, "store %s: %s: %s", db->name, doing, sqlite3_errmsg(db->sql));
}

int store_sqlite_exec(struct store_db *db, const char *sql, struct error *err)
{
    int result = sqlite3_exec(db->sql, sql, NULL, NULL, NULL);

    return result == SQLITE_OK ? 0 : store_sqlite_fail(db, result, "setting up", err);
}

int store_sqlite_number(struct store_db *db, const char *sql, int64_t *ret_number,
                        struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(db->sql, sql, -1, &statement, NULL);
    int rc = 0;

    if (result == SQLITE_OK) {
        result = sqlite3_step(statement);
    }
    if (result == SQLITE_ROW) {
        *ret_number = sqlite3_column_int64(statement, 0);
    } else {
        rc = store_sqlite_fail(db, result, "reading", err);
    }
    sqlite3_finalize(statement);
    return rc;
}

/* Why a file cannot be used as a store, from errno. */
static int refuse_path(const char *name, int error, struct error *err)
{
    if (error == ENOENT) {
        return error_set(err, ERR_NOT_FOUND, "store %s: its folder does not exist: make it first",
                         name);
    }
    return error_set(err, ERR_IO, "store %s: %s", name, strerror(error));
}

/* Makes the file when it is missing, readable for its owner only. An existing one is never opened
 * here: closing it again would drop the locks that this process may hold on it. */
static int create_file(const char *path, const char *name, struct error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0) {
        close(fd);
    } else if (errno != EEXIST) {
        return refuse_path(name, errno, err);
    }
    return 0;
}

static int check_file(struct store_db *db, bool writes, struct error *err)
{
    struct stat st;

    if (writes) {
        int rc = create_file(db->path, db->name, err);
        if (rc < 0) {
            return rc;
        }
    }
    if (stat(db->path, &st) < 0) {
        if (errno == ENOENT) {
            return error_set(err, ERR_NOT_FOUND,
                             "there is no store at %s: `weir serve` makes one; --store or the "
                             "configuration's `store:` names another",
                             db->name);
        }
        return refuse_path(db->name, errno, err);
    }
    if (!S_ISREG(st.st_mode)) {
        return error_set(err, ERR_INVALID, "store %s is not a regular file", db->name);
    }
    /* SQLite takes a file of a few bytes for an empty database and would overwrite it. */
    if (st.st_size > 0 && st.st_size < SMALLEST_DATABASE_BYTES) {
        return store_sqlite_fail(db, SQLITE_NOTADB, "opening", err);
    }
    return 0;
}

/* An empty database is nobody's yet; another program's is not touched. */
static int check_owner(struct store_db *db, int *ret_version, struct error *err)
{
    int64_t tables = 0, id = 0, version = 0;
    int rc = store_sqlite_number(db, "SELECT count(*) FROM sqlite_schema", &tables, err);

    if (rc == 0) {
        rc = store_sqlite_number(db, "PRAGMA application_id", &id, err);
    }
    if (rc == 0) {
        rc = store_sqlite_number(db, "PRAGMA user_version", &version, err);
    }
    if (rc < 0) {
        return rc;
    }
    if (tables > 0 && id != APPLICATION_ID) {
        return error_set(err, ERR_INVALID,
                         "store %s is an SQLite database of another program; it was left as it is: "
                         "give another path",
                         db->name);
    }
    *ret_version = (int)version;
    return 0;
}

/* WAL once set stays; so does auto_vacuum, which must come before the first table. */
static int prepare_fresh(struct store_db *db, struct error *err)
{
    int rc = store_sqlite_exec(db, "PRAGMA auto_vacuum = INCREMENTAL;", err);

    return rc < 0 ? rc : store_sqlite_exec(db, "PRAGMA application_id = 0x77656972;", err);
}

static int use_log(struct store_db *db, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(db->sql, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
    bool ok = false;
    int rc = 0;

    if (result == SQLITE_OK) {
        result = sqlite3_step(statement);
    }
    if (result == SQLITE_ROW) {
        const char *mode = (const char *)sqlite3_column_text(statement, 0);
        ok = mode && strcmp(mode, "wal") == 0;
    }
    if (result != SQLITE_ROW) {
        rc = store_sqlite_fail(db, result, "turning on its write-ahead log", err);
    } else if (!ok) {
        rc =
            error_set(err, ERR_IO,
                      "store %s cannot have a write-ahead log there: put it on a local file system",
                      db->name);
    }
    sqlite3_finalize(statement);
    return rc;
}

static int set_up(struct store_db *db, bool writes, int *ret_version, struct error *err)
{
    int rc = 0;

    (void)sqlite3_extended_result_codes(db->sql, 1);
    (void)sqlite3_busy_timeout(db->sql,
                               writes ? STORE_SQLITE_BUSY_WRITER_MS : STORE_SQLITE_BUSY_READER_MS);
    rc = check_owner(db, ret_version, err);
    if (rc == 0) {
        rc = store_sqlite_add_rows(db, err);
    }
    if (rc < 0 || !writes) {
        return rc < 0 ? rc : store_sqlite_exec(db, reader_settings, err);
    }
    if (*ret_version == 0) {
        rc = prepare_fresh(db, err);
    }
    if (rc == 0) {
        rc = use_log(db, err);
    }
    return rc < 0 ? rc : store_sqlite_exec(db, writer_settings, err);
}

/* "./" keeps SQLite from giving a meaning of its own to ":memory:" and "file:...". */
static void name_files(struct store_db *db, struct str path)
{
    struct buf text;
    bool absolute = path.n > 0 && path.p[0] == '/';

    db->name = x_strndup(path.p, path.n);
    buf_init(&text, path.n + 16);
    (void)buf_puts(&text, absolute ? "" : "./");
    (void)buf_put_str(&text, path);
    db->path = x_strdup(buf_cstr(&text));
    (void)buf_puts(&text, "-wal");
    db->log_path = x_strdup(buf_cstr(&text));
    buf_release(&text);
}

int store_sqlite_connect(struct str path, bool writes, struct store_db **ret_db, int *ret_version,
                         struct error *err)
{
    struct store_db *db;
    int flags = writes ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    int result;
    int rc;

    if (path.n == 0 || memchr(path.p, '\0', path.n)) {
        return error_set(err, ERR_INVALID, "store: a path is expected, as in sqlite:weir.db");
    }
    db = (struct store_db *)x_calloc(1, sizeof(*db));
    name_files(db, path);
    rc = check_file(db, writes, err);
    if (rc == 0) {
        result = sqlite3_open_v2(db->path, &db->sql, flags | SQLITE_OPEN_NOMUTEX, NULL);
        rc = result == SQLITE_OK ? 0 : store_sqlite_fail(db, result, "opening", err);
    }
    if (rc == 0) {
        rc = set_up(db, writes, ret_version, err);
    }
    if (rc < 0) {
        store_sqlite_close(db);
        return rc;
    }
    *ret_db = db;
    return 0;
}

void store_sqlite_close(struct store_db *db)
{
    if (!db) {
        return;
    }
    for (size_t i = 0; i < SQLITE_STATEMENTS; i++) {
        sqlite3_finalize(db->statements[i]);
        db->statements[i] = NULL;
    }
    BUG_ON(sqlite3_close(db->sql) != SQLITE_OK); /* a statement was left open */
    x_free(db->name);
    x_free(db->path);
    x_free(db->log_path);
    x_free(db);
}
