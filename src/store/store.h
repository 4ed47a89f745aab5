#ifndef STORE_STORE_H
#define STORE_STORE_H

/*
 * The store: traces and their content, queryable, crash-safe.
 *
 * Writing: traces go into a bounded ring (by number and by bytes); a packer thread hashes, redacts
 * and packs them into batches, and a writer thread commits those, at least every STORE_COMMIT_MS
 * while there is something to write. A packed trace is small, so that a disk that stands still for
 * a second costs none. store_submit never blocks: when the ring is full the trace is dropped and
 * counted. After kill -9 the store opens and holds every trace submitted more than STORE_COMMIT_MS
 * plus one commit earlier, whole rows only.
 *
 * Reading: a reader is its own connection (commands, admin); it never blocks the writer.
 *
 * URLs: "sqlite:PATH", or a bare path. Other schemes are ERR_INVALID with what is supported.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"
#include "store/ledger_row.h"
#include "store/trace.h"

#define STORE_RING_TRACES     131072 /* submitted and not yet written */
#define STORE_RING_BYTES      (256u << 20)
#define STORE_BATCH_TRACES    512 /* of one commit */
#define STORE_BATCH_BYTES     (32u << 20)
#define STORE_COMMIT_MS       100
#define STORE_RETAIN_EVERY_MS 60000
#define STORE_BATCH_LEDGER    8192 /* rows of the ledger in one commit */
/* A batch that cannot be written (disk full, file locked) is tried again for about this long; then
 * its traces count as failed. Submitting goes on meanwhile, until the ring is full. */
#define STORE_RETRY_MS 5000

struct store;

struct store_retention {
    int64_t traces_ms; /* rows older than this go; 0 = keep */
    int64_t bodies_ms; /* content unused for this long goes; the hashes stay; 0 = keep */
    int64_t max_bytes; /* of the database with its log, when looked at; oldest first; 0 = any */
};

struct store_counts {
    /* Traces: every call of store_submit; those committed; those for which there was no room; those
     * that could not be written. submitted = written + dropped + failed + ring_traces. */
    uint64_t submitted, written, dropped, failed;
    uint64_t retained_rows_deleted, retained_blobs_deleted;
    uint64_t ring_traces, ring_bytes; /* now */
    int64_t database_bytes;
    char last_error[ERROR_TEXT_MAX]; /* of the writer's last batch or retention; empty = fine */
};

/* Creates the file (mode 0600) and migrates it when needed; starts the writer. A file that is no
 * store, another program's database or a newer weir's is refused and not touched. */
MUST_CHECK int store_open(const char *url, struct store **ret_store, struct error *err);
/* Writes what is in the ring, then closes; when writing fails now, what is left is given up. NULL
 * is fine. No other call may be under way. */
void store_close(struct store *store);

/* Takes over `trace`, in any case. Any thread. False when it had to be dropped. */
bool store_submit(struct store *store, struct trace *trace);
/* From now on; applied by the writer thread every STORE_RETAIN_EVERY_MS and once soon after this
 * call. Any thread. */
void store_set_retention(struct store *store, const struct store_retention *retention);
/* Waits until all submitted before this call is committed or counted as failed. For shutdown and
 * tests. */
void store_flush(struct store *store);
void store_count(struct store *store, struct store_counts *ret_counts);

/*
 * Where rows of the ledger come from: asked by the writer thread every STORE_COMMIT_MS and with
 * each batch of traces. Nothing is lost when writing fails: the same rows are asked for again.
 */
struct store_feed {
    /* Gives the next rows, at most max, to put(put_ctx, row); returns how many. */
    size_t (*read)(void *ctx, size_t max, void (*put)(void *put_ctx, const struct ledger_row *row),
                   void *put_ctx);
    /* The rows that were read are committed, or (false) will be asked for again. */
    void (*done)(void *ctx, bool committed);
    /* Will done() give up what it has of the rows, so that they must be on the disk before? */
    bool (*must_sync)(void *ctx);
    void *ctx;
};

/* The path of a store's file with a suffix, for what belongs beside it; x_free it. The URL is one
 * that store_open has taken. */
RETURNS_NONNULL char *store_path_beside(const char *url, const char *suffix);

/* Before there is anything to read, once; NULL ends it, and returns when the feed is not in use any
 * more: what it has by then has been read, as far as the database can be written. */
void store_set_feed(struct store *store, const struct store_feed *feed);
/* Asks the feed now, and waits until that is done. */
void store_pull(struct store *store);

/* ---- reading ---- */

struct store_reader;

MUST_CHECK int store_reader_open(const char *url, struct store_reader **ret_reader,
                                 struct error *err);
void store_reader_close(struct store_reader *reader);

struct store_filter {
    int64_t since_ms, until_ms; /* of started_ms; until is not included; 0 = open */
    struct str model;           /* equals model_asked, model_routed or model_returned */
    struct str tenant, key_alias, provider, session;
    struct str status; /* "200", "4xx", "ok", "error", "cancelled" */
    int64_t limit;     /* 0 = STORE_LIST_DEFAULT */
    bool oldest_first;
};

#define STORE_LIST_DEFAULT 50
#define STORE_LIST_MAX     1000000

/* Calls fn for each row, newest first. fn must not use the reader. The trace has no bodies and is
 * valid during the call; a non-zero return stops and is returned. */
MUST_CHECK int store_list(struct store_reader *reader, const struct store_filter *filter,
                          int (*fn)(void *ctx, const struct trace *trace), void *ctx,
                          struct error *err);
#define STORE_ID_PREFIX_MIN 6

/* By id or unambiguous prefix of at least STORE_ID_PREFIX_MIN hex digits; bodies loaded when kept
 * (request_blob names content and request_body is empty: retention took it). ERR_NOT_FOUND,
 * ERR_INVALID (ambiguous: says how many), ERR_IO (content that does not match its hash). */
MUST_CHECK int store_get(struct store_reader *reader, struct str id, struct trace **ret_trace,
                         struct error *err);

/* Spend: sums over groups. `by` is any of tenant, key, model, day, provider, in that order. */
enum store_group {
    STORE_BY_TENANT = 1 << 0,
    STORE_BY_KEY = 1 << 1,
    STORE_BY_MODEL = 1 << 2, /* the model that was routed to */
    STORE_BY_DAY = 1 << 3,   /* UTC */
    STORE_BY_PROVIDER = 1 << 4
};

struct store_spend {
    struct str tenant, key_alias, model, day, provider; /* empty where not grouped by */
    int64_t requests, failed, cancelled; /* a request is counted in one of the two at most */
    int64_t input_tokens, cached_tokens, output_tokens;
    int64_t cost_nanousd;
    int64_t unpriced;  /* requests whose cost is unknown: not in cost_nanousd */
    int64_t estimated; /* requests whose tokens are estimated */
};

/* What the ledger has charged, summed up. */
struct store_charge {
    struct str tenant, key_alias, provider; /* of the last attempt; empty = none */
    int64_t requests, input_tokens, output_tokens, cost_nanousd;
};

/* Of requests that started at since_ms or later, by tenant, key and provider. */
MUST_CHECK int store_charges(struct store_reader *reader, int64_t since_ms,
                             void (*fn)(void *ctx, const struct store_charge *charge), void *ctx,
                             struct error *err);

/* Calls fn for each group, in the order of its columns; without groups once, for all. The row is
 * valid during the call; a non-zero return stops and is returned. */
MUST_CHECK int store_spend(struct store_reader *reader, unsigned groups,
                           const struct store_filter *filter,
                           int (*fn)(void *ctx, const struct store_spend *row), void *ctx,
                           struct error *err);

#endif
