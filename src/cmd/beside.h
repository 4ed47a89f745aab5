#ifndef CMD_BESIDE_H
#define CMD_BESIDE_H

/*
 * The `sim:` section of weir.yaml: a simulated provider beside the gateway. It is read here because
 * no layer below may know both the configuration and the simulator.
 *
 *   sim: {listen: 127.0.0.1:8090, seed: 7, scenario: FILE, dials: {ttft: "lognormal:250,0.3"}}
 *
 * Ownership: `options` points into the struct, which must stay where it is until the simulator was
 * closed; beside_release frees.
 */
#include <stdbool.h>

#include "core/arena.h"
#include "core/attr.h"
#include "core/error.h"
#include "sim/dial.h"
#include "sim/sim.h"

struct scenario;
struct settings;

struct beside {
    bool wanted; /* the configuration has the section */
    struct sim_options options;
    /* private */
    struct arena arena;
    struct dials dials;
    struct scenario *scenario;
};

/* Reads and checks the section; after a failure nothing is held. */
MUST_CHECK int beside_read(struct beside *ret_beside, const struct settings *settings,
                           struct error *err);
void beside_release(struct beside *beside);

#endif
