#include "store/migrate.h"

/* STRICT keeps types honest. Hashes are 32 bytes: lower(hex(request_hash)) shows one. Null is
 * "unknown" or "none". bytes stands last in blob, so that the rest is read without it. */
static const char first_schema[] = "CREATE TABLE trace (\n"
                                   "    seq INTEGER PRIMARY KEY,\n"
                                   "    id TEXT NOT NULL,\n"
                                   "    parent TEXT,\n"
                                   "    session TEXT,\n"
                                   "    client_request_id TEXT,\n"
                                   "    started_ms INTEGER NOT NULL,\n"
                                   "    tenant TEXT,\n"
                                   "    key_alias TEXT,\n"
                                   "    client TEXT,\n"
                                   "    user_agent TEXT,\n"
                                   "    method TEXT,\n"
                                   "    path TEXT,\n"
                                   "    dialect TEXT,\n"
                                   "    route TEXT,\n"
                                   "    model_asked TEXT,\n"
                                   "    provider TEXT,\n"
                                   "    model_routed TEXT,\n"
                                   "    model_returned TEXT,\n"
                                   "    stream INTEGER NOT NULL,\n"
                                   "    attempts INTEGER NOT NULL,\n"
                                   "    attempts_json TEXT,\n"
                                   "    route_json TEXT,\n"
                                   "    params_json TEXT,\n"
                                   "    status INTEGER NOT NULL,\n"
                                   "    upstream_status INTEGER NOT NULL,\n"
                                   "    error_class TEXT,\n"
                                   "    error_text TEXT,\n"
                                   "    cancelled_in TEXT,\n"
                                   "    finish_reason TEXT,\n"
                                   "    upstream_request_id TEXT,\n"
                                   "    received_us INTEGER,\n"
                                   "    routed_us INTEGER,\n"
                                   "    sent_us INTEGER,\n"
                                   "    head_us INTEGER,\n"
                                   "    first_us INTEGER,\n"
                                   "    done_us INTEGER,\n"
                                   "    overhead_us INTEGER,\n"
                                   "    request_bytes INTEGER NOT NULL,\n"
                                   "    response_bytes INTEGER NOT NULL,\n"
                                   "    events INTEGER NOT NULL,\n"
                                   "    input_tokens INTEGER,\n"
                                   "    cached_tokens INTEGER,\n"
                                   "    cache_write_tokens INTEGER,\n"
                                   "    cache_write_1h_tokens INTEGER,\n"
                                   "    output_tokens INTEGER,\n"
                                   "    reasoning_tokens INTEGER,\n"
                                   "    usage_raw TEXT,\n"
                                   "    usage_source TEXT NOT NULL,\n"
                                   "    price_status TEXT NOT NULL,\n"
                                   "    price_version TEXT,\n"
                                   "    price_note TEXT,\n"
                                   "    cost_nanousd INTEGER,\n"
                                   "    capture TEXT NOT NULL,\n"
                                   "    response_truncated INTEGER NOT NULL,\n"
                                   "    request_hash BLOB,\n"
                                   "    response_hash BLOB,\n"
                                   "    system_hash BLOB,\n"
                                   "    tools_hash BLOB,\n"
                                   "    messages_hash BLOB,\n"
                                   "    request_blob BLOB,\n"
                                   "    response_blob BLOB\n"
                                   ") STRICT;\n"
                                   "CREATE UNIQUE INDEX trace_id ON trace (id);\n"
                                   "CREATE INDEX trace_started_ms ON trace (started_ms);\n"
                                   "CREATE TABLE blob (\n"
                                   "    hash BLOB NOT NULL PRIMARY KEY,\n"
                                   "    size INTEGER NOT NULL,\n" /* before compression */
                                   "    last_used_ms INTEGER NOT NULL,\n"
                                   "    bytes BLOB NOT NULL\n" /* one zstd frame */
                                   ") STRICT;\n"
                                   "CREATE INDEX blob_last_used_ms ON blob (last_used_ms);\n";

/* The id is that of the trace, as bytes; it begins with the time, so that rows are appended. */
static const char ledger_schema[] = "CREATE TABLE ledger (\n"
                                    "    id BLOB NOT NULL PRIMARY KEY,\n"
                                    "    state TEXT NOT NULL,\n"
                                    "    started_ms INTEGER NOT NULL,\n"
                                    "    settled_ms INTEGER NOT NULL,\n"
                                    "    expires_ms INTEGER NOT NULL,\n"
                                    "    tenant TEXT,\n"
                                    "    key_alias TEXT,\n"
                                    "    provider TEXT,\n"
                                    "    model TEXT,\n"
                                    "    attempts INTEGER NOT NULL,\n"
                                    "    reserved_input INTEGER NOT NULL,\n"
                                    "    reserved_output INTEGER NOT NULL,\n"
                                    "    reserved_nanousd INTEGER NOT NULL,\n"
                                    "    input_tokens INTEGER NOT NULL,\n"
                                    "    output_tokens INTEGER NOT NULL,\n"
                                    "    cost_nanousd INTEGER NOT NULL,\n"
                                    "    cached_tokens INTEGER,\n"
                                    "    cache_write_tokens INTEGER,\n"
                                    "    cache_write_1h_tokens INTEGER,\n"
                                    "    reasoning_tokens INTEGER,\n"
                                    "    flags INTEGER NOT NULL,\n"
                                    "    price_version TEXT,\n"
                                    "    usage_raw TEXT\n"
                                    ") STRICT, WITHOUT ROWID;\n";

/* Rows go into blocks (store/block.h). weir_pack is a function of the driver's: it packs the rows
 * of a group, whose columns are the first of trace_fields. A group is what one block may hold:
 * 4,096 ms by time and by id, 256 rows. */
static const char blocks_schema[] =
    "CREATE TABLE trace_block (\n"
    "    seq INTEGER PRIMARY KEY,\n"
    "    first_ms INTEGER NOT NULL,\n" /* of started_ms */
    "    last_ms INTEGER NOT NULL,\n"
    "    first_id TEXT NOT NULL,\n"
    "    last_id TEXT NOT NULL,\n"
    "    rows INTEGER NOT NULL,\n"
    "    bytes BLOB NOT NULL\n"
    ") STRICT;\n"
    "CREATE UNIQUE INDEX trace_block_first_id ON trace_block (first_id);\n"
    "CREATE INDEX trace_block_first_ms ON trace_block (first_ms, last_ms, rows);\n"
    "INSERT INTO trace_block (first_ms, last_ms, first_id, last_id, rows, bytes)\n"
    "    SELECT min(started_ms), max(started_ms), min(id), max(id), count(*), weir_pack("
    "id, parent, session, client_request_id, started_ms, tenant, "
    "key_alias, client, user_agent, method, path, dialect, route, "
    "model_asked, provider, model_routed, model_returned, stream, "
    "attempts, attempts_json, route_json, params_json, status, "
    "upstream_status, error_class, error_text, cancelled_in, "
    "finish_reason, upstream_request_id, received_us, routed_us, sent_us, "
    "head_us, first_us, done_us, overhead_us, request_bytes, "
    "response_bytes, events, input_tokens, cached_tokens, "
    "cache_write_tokens, cache_write_1h_tokens, output_tokens, "
    "reasoning_tokens, usage_raw, usage_source, price_status, "
    "price_version, price_note, cost_nanousd, capture, response_truncated, "
    "request_hash, response_hash, system_hash, tools_hash, messages_hash, "
    "request_blob, response_blob"
    ")\n"
    "    FROM trace GROUP BY started_ms >> 12, substr(id, 1, 9), seq >> 8 ORDER BY min(seq);\n"
    "DROP TABLE trace;\n";

const struct migration migrations[] = {
    {1, "traces and blobs", first_schema },
    {2, "the ledger",       ledger_schema},
    {3, "traces in blocks", blocks_schema},
    {0, NULL,               NULL         },
};

int migrate_latest(const struct migration *list)
{
    int latest = 0;

    for (const struct migration *m = list; m->number; m++) {
        BUG_ON(m->number != latest + 1);
        latest = m->number;
    }
    return latest;
}

static int refuse_newer(int version, int latest, const char *name, struct error *err)
{
    return error_set(err, ERR_INVALID,
                     "%s has schema version %d and this weir knows versions up to %d: it was "
                     "written by a newer weir; use that one, or another store",
                     name, version, latest);
}

int migrate_check(const struct migration *list, int version, const char *name, struct error *err)
{
    int latest = migrate_latest(list);

    if (version > latest) {
        return refuse_newer(version, latest, name, err);
    }
    if (version < latest) {
        return error_set(err, ERR_INVALID,
                         "%s has schema version %d and this weir needs version %d: start `weir "
                         "serve` with this store once, it migrates it",
                         name, version, latest);
    }
    return 0;
}

/* Inside the transaction; *ret_version is the version found. */
static int run_missing(const struct migration *list, const struct migrate_target *target,
                       int *ret_version, struct error *err)
{
    int latest = migrate_latest(list);
    int version = 0;
    int rc = target->version(target->ctx, &version, err);

    if (rc < 0) {
        return rc;
    }
    if (version > latest) {
        return refuse_newer(version, latest, target->name, err);
    }
    for (const struct migration *m = list + version; m->number; m++) {
        rc = target->exec(target->ctx, m->sql, err);
        if (rc < 0) {
            error_wrap(err, "migration %d (%s)", m->number, m->name);
            return rc;
        }
    }
    *ret_version = version;
    return version == latest ? 0 : target->set_version(target->ctx, latest, err);
}

int migrate_run(const struct migration *list, const struct migrate_target *target, int *ret_from,
                struct error *err)
{
    int from = 0;
    int rc = target->version(target->ctx, &from, err);

    if (rc < 0) {
        return rc;
    }
    /* The common case takes no write lock: a store that is served can be opened again. */
    if (from != migrate_latest(list)) {
        rc = target->begin(target->ctx, err);
        if (rc < 0) {
            return rc;
        }
        /* The version is read anew: another process may have migrated in between. */
        rc = run_missing(list, target, &from, err);
        if (rc == 0) {
            rc = target->commit(target->ctx, err);
        }
        if (rc < 0) {
            target->rollback(target->ctx);
            return rc;
        }
    }
    if (ret_from) {
        *ret_from = from;
    }
    return 0;
}
