#ifndef SIM_SIM_TALLY_H
#define SIM_SIM_TALLY_H

/*
 * What the simulated provider saw: counts since the start or the last POST /sim/reset, as
 * GET /sim/stats tells them.
 *
 * A request is in flight from its arrival to the end of its answer or the leave of its client.
 * Events are server-sent events that were given to the connection; after a client's leave none are.
 */
#include <stdint.h>

#include "core/buf.h"

#define SIM_TALLY_ROUTES_MAX   32
#define SIM_TALLY_STATUSES_MAX 600

struct sim_tally {
    uint64_t requests;
    uint64_t by_route[SIM_TALLY_ROUTES_MAX];    /* by the place in the list of route names */
    uint64_t by_status[SIM_TALLY_STATUSES_MAX]; /* answers begun, by their status */
    uint64_t streams;
    uint64_t input_tokens;
    uint64_t tokens_generated;
    uint64_t events_generated;
    uint64_t cancelled;        /* the client left before its answer was whole */
    uint64_t events_cancelled; /* events that cancelled answers had given out */
    uint64_t timeouts;         /* taken and never answered */
    uint64_t resets;
    uint64_t stalls;
    uint64_t cuts;
    uint64_t stream_errors;
    uint64_t retries; /* requests that say they are one (x-stainless-retry-count above 0) */
    uint64_t in_flight;
    uint64_t peak_in_flight;
};

/* All counts but in_flight become 0. */
void sim_tally_reset(struct sim_tally *tally);
void sim_tally_enter(struct sim_tally *tally);
void sim_tally_leave(struct sim_tally *tally);
void sim_tally_status(struct sim_tally *tally, int status);
/* Appends the members of a JSON object, without the braces. `routes` ends with NULL. */
void sim_tally_write(const struct sim_tally *tally, const char *const *routes, struct buf *out);

#endif
