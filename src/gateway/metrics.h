#ifndef GATEWAY_METRICS_H
#define GATEWAY_METRICS_H

/*
 * What is counted, and the Prometheus text of it.
 *
 * One `struct metrics` per worker, written by its loop and read by the admin listener behind a
 * mutex that is held for one update or one copy. Labels are bounded: models are aliases of the
 * configuration, providers its names, outcomes a closed set; above METRICS_SERIES_MAX label sets
 * everything further is counted under model="other".
 */
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/str.h"
#include "engine/governor.h"
#include "engine/ledger.h"
#include "store/store.h"
#include "store/trace.h"

#define METRICS_SERIES_MAX     4096
#define METRICS_TEXT_BYTES_MAX (32u << 20)

struct metrics;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

/* A request begins. Received = ended (weir_requests_total) + open, at all times. */
void metrics_receive(struct metrics *metrics);
/* A request that came to an end and has a trace. `alias` is empty when the model is unknown. */
void metrics_record(struct metrics *metrics, const struct trace *trace, struct str alias);
/* A request that was refused before it had a trace. */
void metrics_refuse(struct metrics *metrics, const char *route, int status, const char *outcome);

struct metrics_gauges {
    size_t client_connections, requests_open;
    size_t provider_calls, provider_connections, provider_idle, provider_waiting;
    int64_t config_loaded_ms;
    uint64_t reloads_ok, reloads_failed;
    struct store_counts store;
    struct governor_counts governor;
    struct ledger_counts ledger;
    const char *version;
};

/* Sums all workers. */
void metrics_write(struct metrics *const *workers, size_t n, const struct metrics_gauges *gauges,
                   struct buf *out);

#endif
