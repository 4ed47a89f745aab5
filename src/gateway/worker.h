#ifndef GATEWAY_WORKER_H
#define GATEWAY_WORKER_H

/*
 * A worker: one loop with its listener, its engine and the exchanges under way on it.
 * Everything in here belongs to the worker's own thread, except what worker_status reads by way
 * of the loop's mailbox.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/log.h"
#include "core/rand.h"
#include "engine/engine.h"
#include "engine/settings.h"
#include "gateway/metrics.h"
#include "net/loop.h"
#include "net/server.h"

struct exchange;
struct governor;
struct ledger;

struct worker {
    struct loop *loop;
    struct server *server;
    struct engine *engine;
    struct metrics *metrics;
    struct governor *governor; /* shared by all workers, as is the ledger */
    struct ledger *ledger;     /* NULL: no books are kept */
    struct settings *settings; /* current; each exchange pins its own */
    struct rand_state ids;     /* for those of traces */
    const struct log *log;
    bool draining;
    struct exchange *exchanges;
};

struct worker_options {
    struct loop *loop;
    struct settings *settings; /* a reference is taken */
    struct store *store;
    struct keyring *keyring;
    struct governor *governor; /* has adopted the settings */
    struct ledger *ledger;
    struct homes *homes;
    const struct log *log;
    bool reuseport;
};

MUST_CHECK int worker_open(const struct worker_options *options, struct worker **ret_worker,
                           struct error *err);
/* On the worker's thread: from now on requests start under this snapshot. */
void worker_adopt(struct worker *worker, struct settings *settings);
void worker_drain(struct worker *worker);
/* Cancels what is still open. */
void worker_close(struct worker *worker);

#endif
