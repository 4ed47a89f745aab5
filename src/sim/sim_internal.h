#ifndef SIM_SIM_INTERNAL_H
#define SIM_SIM_INTERNAL_H

/*
 * What sim.c (requests in) and sim_turn.c (answers out) share. For this folder only.
 */
#include "core/arena.h"
#include "net/server.h"
#include "net/timer.h"
#include "sim/dial.h"
#include "sim/scenario.h"
#include "sim/sim.h"
#include "sim/sim_fault.h"
#include "sim/sim_quota.h"
#include "sim/sim_record.h"
#include "sim/sim_speech.h"
#include "sim/sim_tally.h"

/* One event, or one whole answer, on its way to the connection. */
#define SIM_SCRATCH_BYTES_MAX (256u << 20)

struct sim_key {
    struct str key;
    int status; /* 0: accepted; else what it is refused with */
};

struct sim {
    struct loop *loop;
    struct server *server;
    struct arena arena; /* copies of the options */
    uint64_t seed;
    const struct scenario *scenario;
    struct dials base;  /* as they stood at the start */
    struct dials dials; /* as they stand now, by the timeline */
    size_t next_step;
    int64_t started_ms;
    struct timer timeline;
    struct sim_key *keys;
    size_t key_count;
    struct str *models;
    size_t model_count;
    bool models_fixed;
    uint64_t request_number; /* of the last request to a route of a provider */
    struct sim_quota quota;
    struct sim_tally tally;
    struct sim_records records;
    struct buf scratch;
};

#endif
