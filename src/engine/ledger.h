#ifndef ENGINE_LEDGER_H
#define ENGINE_LEDGER_H

/*
 * The books: before a call leaves, what it reserves is written to an append-only log; when it has
 * ended, what it was charged. Rows of the store are a projection of that log, made by the store's
 * writer thread, and may be made again: a row has the trace's id.
 *
 * A killed process loses neither: its log is read at the next start, and a request that it left
 * open becomes a row charged in full, ORPHANED. A loss of power may cost the last APPLOG_SYNC_MS.
 *
 * When there is no room for the log (disk full, store not writable for long), new requests are
 * refused; those under way always end, for their records have their room.
 *
 * Any thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/error.h"
#include "store/applog.h"
#include "store/ledger_row.h"
#include "store/store.h"

/* A request is given up for dead when it is older. */
#define LEDGER_RESERVED_MS (60 * 60 * 1000)

struct ledger;

struct ledger_counts {
    struct applog_counts log;
    uint64_t reserved, settled, orphaned; /* orphaned: found at the start */
};

/* Opens the log in `dir`, takes in what an earlier process left, and lets the store project it;
 * when this returns 0, the store's rows are complete. */
MUST_CHECK int ledger_open(const char *dir, struct store *store, struct ledger **ret_ledger,
                           struct error *err);
/* All requests must have been settled. Before the store is closed; NULL is fine. */
void ledger_close(struct ledger *ledger);

/* Writes the row as OPEN; *claim is for its end. 0 or ERR_BUSY: no room. */
MUST_CHECK int ledger_reserve(struct ledger *ledger, struct ledger_row *row,
                              struct applog_claim *claim);
/* The same request with larger sums, before another attempt. 0 or ERR_BUSY. */
MUST_CHECK int ledger_reserve_more(struct ledger *ledger, struct ledger_row *row);
/* Writes the row as SETTLED. */
void ledger_settle(struct ledger *ledger, struct ledger_row *row, const struct applog_claim *claim);

void ledger_count(struct ledger *ledger, struct ledger_counts *ret_counts);

#endif
