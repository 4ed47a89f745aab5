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
 * A bare number is a constant.
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
 *
 * All arithmetic is exact in integers. A sliding window forgets a whole slice at once: what was
 * charged at t counts until some moment in (t + window - slice, t + window]. What is given back
 * leaves the newest slices first and never makes room that was not taken before in the window.
 * Time that runs backwards counts as standing still. With limit 0 everything fits; fixed and
 * sliding windows count on, so that a limit set later holds for what was used before, and a bucket
 * starts full.
 */
enum upstream_window_law { UPSTREAM_FIXED = 0, UPSTREAM_SLIDING, UPSTREAM_REFILL };

#define UPSTREAM_WINDOW_SLICES 60
/* Larger limits, amounts and windows are clamped to these, so that no product overflows. */
#define UPSTREAM_LIMIT_MAX     1000000000
#define UPSTREAM_WINDOW_MS_MAX 2678400000 /* 31 days */

/* "fixed", "sliding" or "refill"; 0 or ERR_INVALID. */
MUST_CHECK int upstream_window_law_parse(struct str text, enum upstream_window_law *ret_law,
                                         struct error *err);
const char *upstream_window_law_name(enum upstream_window_law law);

struct upstream_window {
    enum upstream_window_law law;
    int64_t limit; /* 0 = no limit */
    int64_t window_ms;
    /* private */
    int64_t level; /* refill: what is left, times window_ms */
    int64_t last_ms;
    int64_t slices[UPSTREAM_WINDOW_SLICES];
    int64_t slice_at; /* since time 0: index of the newest slice, or of the fixed window */
    int64_t used;     /* fixed: in this window; sliding: sum of the slices */
};

void upstream_window_init(struct upstream_window *w, enum upstream_window_law law, int64_t limit,
                          int64_t window_ms, int64_t now_ms);
/* Would `amount` more be refused? Does not charge. */
bool upstream_window_fits(struct upstream_window *w, int64_t amount, int64_t now_ms);
/* Charges (negative: gives back); may go over the limit. */
void upstream_window_charge(struct upstream_window *w, int64_t amount, int64_t now_ms);
/* Whole units that still fit; INT64_MAX without a limit. */
int64_t upstream_window_remaining(struct upstream_window *w, int64_t now_ms);
/* Until `amount` fits (0 = now; -1 = never, it is larger than the limit), and until full again. */
int64_t upstream_window_wait_ms(struct upstream_window *w, int64_t amount, int64_t now_ms);
int64_t upstream_window_reset_ms(struct upstream_window *w, int64_t now_ms);
/* A new limit; what was used stays used. */
void upstream_window_set_limit(struct upstream_window *w, int64_t limit, int64_t now_ms);

#endif
