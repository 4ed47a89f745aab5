#ifndef POLICY_UPSTREAM_MODEL_H
#define POLICY_UPSTREAM_MODEL_H

/*
 * The laws of a provider: how long it takes, how much it says, what it refuses. Pure: time and
 * random numbers come from the caller. `weir sim` answers real requests by these laws and
 * `weir simulate` runs a million of them in a discrete-event simulation.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/error.h"
#include "core/str.h"

/*
 * A law for a positive quantity (milliseconds, tokens), written as text:
 *   constant:V            always V
 *   uniform:A,B           A <= x < B
 *   exponential:MEAN
 *   lognormal:MEDIAN,SIGMA    exp(N(ln MEDIAN, SIGMA))
 *   pareto:MIN,ALPHA      heavy tail: MIN * U^(-1/ALPHA), cut at 1000 * MIN
 */
enum upstream_law_kind {
    UPSTREAM_CONSTANT = 0,
    UPSTREAM_UNIFORM,
    UPSTREAM_EXPONENTIAL,
    UPSTREAM_LOGNORMAL,
    UPSTREAM_PARETO
};

struct upstream_law {
    enum upstream_law_kind kind;
    double a, b;
};

MUST_CHECK int upstream_law_parse(struct str text, struct upstream_law *ret_law, struct error *err);
/* `unit` is uniform in [0,1), `normal` standard normal: the caller draws both, always both, so
 * that changing a law does not shift every later draw. */
double upstream_law_sample(const struct upstream_law *law, double unit, double normal);

/*
 * A rate limit over a window, in one of the three shapes that providers use:
 *   fixed     the count restarts at multiples of the window
 *   sliding   the window's last span counts (kept in UPSTREAM_WINDOW_SLICES slices)
 *   refill    a bucket of `limit` that refills continuously over the window
 */
enum upstream_window_law { UPSTREAM_FIXED = 0, UPSTREAM_SLIDING, UPSTREAM_REFILL };

#define UPSTREAM_WINDOW_SLICES 60

struct upstream_window {
    enum upstream_window_law law;
    int64_t limit; /* 0 = no limit */
    int64_t window_ms;
    /* private */
    double level; /* refill: what is left */
    int64_t last_ms;
    int64_t slices[UPSTREAM_WINDOW_SLICES];
    int64_t slice_at; /* index of the newest slice since time 0 */
    int64_t used;     /* fixed */
};

void upstream_window_init(struct upstream_window *w, enum upstream_window_law law, int64_t limit,
                          int64_t window_ms, int64_t now_ms);
/* Would `amount` more be refused? Does not charge. */
bool upstream_window_fits(struct upstream_window *w, int64_t amount, int64_t now_ms);
/* Charges (negative: gives back); may go over the limit. */
void upstream_window_charge(struct upstream_window *w, int64_t amount, int64_t now_ms);
int64_t upstream_window_remaining(struct upstream_window *w, int64_t now_ms);
/* Until `amount` fits (0 = now; -1 = never, it is larger than the limit), and until full again. */
int64_t upstream_window_wait_ms(struct upstream_window *w, int64_t amount, int64_t now_ms);
int64_t upstream_window_reset_ms(struct upstream_window *w, int64_t now_ms);
/* A new limit; what was used stays used. */
void upstream_window_set_limit(struct upstream_window *w, int64_t limit, int64_t now_ms);

#endif
