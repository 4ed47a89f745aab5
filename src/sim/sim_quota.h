#ifndef SIM_SIM_QUOTA_H
#define SIM_SIM_QUOTA_H

/*
 * The rate limits of the simulated provider: requests, input tokens and output tokens per window,
 * by the laws of policy/upstream_model.h, and the headers that tell of them.
 *
 * A request is taken when all three windows have room, or else refused by the one that will have
 * none for longest; nothing is charged then. Input is charged at the start; output as
 * `output-charge` says: `actual` needs room for one token at the start and is charged when the
 * answer ends, so that a window may be overrun by answers under way, as with real providers;
 * `estimate` charges max_tokens at the start and gives back what was not used.
 *
 * Time is a parameter. Ownership: by value; nothing to release.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "llm/dialect.h"
#include "net/http1.h"
#include "policy/upstream_model.h"
#include "sim/dial.h"

/* Headers that sim_quota_headers writes at most. */
#define SIM_QUOTA_HEADERS_MAX 12

enum sim_quota_kind { SIM_QUOTA_REQUESTS = 0, SIM_QUOTA_INPUT, SIM_QUOTA_OUTPUT, SIM_QUOTA_KINDS };

struct sim_quota {
    /* private */
    bool begun;
    struct upstream_window windows[SIM_QUOTA_KINDS];
};

struct sim_shortage {
    enum sim_quota_kind kind;
    int64_t limit;
    int64_t used;
    int64_t requested;
    int64_t wait_ms; /* -1: it never fits */
};

struct sim_demand {
    int64_t input_tokens;
    int64_t output_tokens; /* max_tokens of all choices; -1 when the request sets none */
};

/* Forgets all that was used. */
void sim_quota_reset(struct sim_quota *quota);
/* Takes the request and charges it, or fills *ret_shortage and returns false. *ret_charged is the
 * output that was charged. */
MUST_CHECK bool sim_quota_admit(struct sim_quota *quota, const struct dials *dials,
                                const struct sim_demand *demand, int64_t now_ms,
                                int64_t *ret_charged, struct sim_shortage *ret_shortage);
/* The answer ended: `charged` from sim_quota_admit, `actual` tokens were generated. */
void sim_quota_settle(struct sim_quota *quota, int64_t charged, int64_t actual, int64_t now_ms);

/* The rate-limit headers of a dialect; none when no limit is set. Returns their number. */
size_t sim_quota_headers(struct sim_quota *quota, enum dialect dialect, struct arena *arena,
                         int64_t now_ms, int64_t wall_ms, struct http_header *headers);

/* "6m0s": a duration as Go writes it. */
struct str sim_quota_go_duration(struct arena *arena, int64_t ms);

#endif
