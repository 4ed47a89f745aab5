#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

/*
 * The gateway as a process: workers, the admin listener, reload and shutdown.
 *
 * Worker 0 runs on the caller's loop, with the admin listener and the signals; further workers have
 * threads of their own. Reload is all or nothing: a file that cannot be taken over as a whole
 * changes nothing, and requests under way finish under the snapshot they started with.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/log.h"
#include "engine/settings.h"
#include "gateway/metrics.h"
#include "gateway/worker.h"

#define GATEWAY_WORKERS_MAX   64
#define GATEWAY_DRAIN_POLL_MS 20

struct gateway;
struct loop;

struct gateway_options {
    struct loop *loop;
    const char *config_path;
    struct settings *settings;            /* a reference is taken */
    const struct settings_source *source; /* for reloads; must outlive the gateway */
    const struct log *log;
    const char *version;
};

MUST_CHECK int gateway_open(const struct gateway_options *options, struct gateway **ret_gateway,
                            struct error *err);
/* After loop_run has returned. Writes what the store still has to write. From here on SIGTERM,
 * SIGINT and SIGHUP are held back: the process is about to end. */
void gateway_close(struct gateway *gateway);

uint16_t gateway_port(const struct gateway *gateway);
uint16_t gateway_admin_port(const struct gateway *gateway);

/* For the admin listener and signals; on worker 0's loop. */
MUST_CHECK int gateway_reload(struct gateway *gateway, struct error *err);
/* No new connections; the loop stops when all requests have ended or drain_timeout is over. A
 * second call stops at once. */
void gateway_drain(struct gateway *gateway);

const struct settings *gateway_settings(const struct gateway *gateway);
struct keyring *gateway_keyring(const struct gateway *gateway);
int64_t gateway_started_ms(const struct gateway *gateway);
const char *gateway_version(const struct gateway *gateway);
bool gateway_is_draining(const struct gateway *gateway);
/* Counters of all workers, as far as another thread may see them. */
void gateway_write_metrics(struct gateway *gateway, struct buf *out);
void gateway_gauges(struct gateway *gateway, struct metrics_gauges *ret_gauges);
/* Calls fn(ctx, worker) on each worker's own thread, one worker after the other, and waits. */
void gateway_on_workers(struct gateway *gateway, void (*fn)(void *ctx, struct worker *worker),
                        void *ctx);

#endif
