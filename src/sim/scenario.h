#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

/*
 * A scenario: how the simulated provider stands at the start and what happens to it over time.
 *
 *   seed: 7
 *   models: [sim-large, sim-small]      # others are 404 then; without the key any name is served
 *   keys: [good-key, "spent-key=402"]   # others are 401 then; KEY=STATUS is refused with STATUS
 *   dials: {ttft: "lognormal:300,0.5", rpm: 60}
 *   timeline:
 *     - {at: 30s, set: {error-503: 0.5}}
 *     - {at: 60s, set: {error-503: 0}}
 *
 * Times count from the start (or from POST /sim/reset) and must not go backwards. The whole file is
 * checked before any of it is used; messages name the line.
 *
 * Ownership: the scenario owns its text; the dials in it point into it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/config.h"
#include "core/error.h"
#include "core/yaml.h"
#include "sim/dial.h"

#define SCENARIO_STEPS_MAX 1000
#define SCENARIO_NAMES_MAX 1000

struct scenario_step {
    int64_t at_ms;
    struct dials set;
};

struct scenario {
    bool has_seed;
    uint64_t seed;
    struct dials dials; /* those that are set */
    struct scenario_step *steps;
    size_t step_count;
    struct config_strs models;
    struct config_strs keys;
    /* private */
    struct arena arena;
    struct yaml_doc *doc;
};

MUST_CHECK int scenario_load(const char *path, struct scenario **ret_scenario, struct error *err);
/* `name` is used in messages. */
MUST_CHECK int scenario_parse(struct str text, const char *name, struct scenario **ret_scenario,
                              struct error *err);
/* Accepts NULL. */
void scenario_free(struct scenario *scenario);

/* Sets the dials of a mapping "name: value"; NULL or an empty node sets none. For other files that
 * hold dials. The values are views into the reader's arena. */
MUST_CHECK int scenario_read_dials(const struct config_reader *reader, const struct yaml_node *map,
                                   struct dials *dials, struct error *err);

#endif
