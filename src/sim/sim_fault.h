#ifndef SIM_SIM_FAULT_H
#define SIM_SIM_FAULT_H

/*
 * What goes wrong on purpose: errors instead of answers, and answers that end in the middle.
 *
 * Draws are made of the seed and the number of the request, so that a run repeats itself and a
 * retry within it may do better than what it retries. A dial that forces a fault needs no draw.
 */
#include <stdint.h>

#include "sim/dial.h"

/* DIAL_FAULT_NONE, another enum dial_fault, or a status. */
int sim_fault_draw(const struct dials *dials, uint64_t seed, uint64_t number);

enum sim_stop {
    SIM_STOP_NONE = 0,
    SIM_STOP_STALL, /* nothing more comes, the connection stays open */
    SIM_STOP_CUT,   /* the connection is reset */
    SIM_STOP_ERROR  /* a stream ends with an error event */
};

struct sim_stopping {
    enum sim_stop stop;
    int64_t after; /* events */
};

/* How an answer of about `events` events is to end early. */
struct sim_stopping sim_fault_stopping(const struct dials *dials, uint64_t seed, uint64_t number,
                                       int64_t events);

/* What the dialects say with a status. `code` may be NULL. */
struct sim_wording {
    const char *openai;
    const char *openai_code;
    const char *anthropic;
};

struct sim_wording sim_fault_wording(int status);

#endif
