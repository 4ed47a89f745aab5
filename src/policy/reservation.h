#ifndef POLICY_RESERVATION_H
#define POLICY_RESERVATION_H

/*
 * What one request may use, taken before it is used: from every level that applies, all or nothing.
 *
 * A level (an organisation, a tenant, a key, a provider) has a bucket per dimension. A reservation
 * holds amounts of its caller's levels and of one deployment's, and ends once: settled by what was
 * used, the difference given back or charged on top. Another attempt swaps the deployment's part;
 * an attempt that may have been billed stays charged beside it.
 *
 * Nothing here allocates, locks or reads a clock. Levels must outlive the reservation.
 */
#include <stdbool.h>
#include <stdint.h>

#include "policy/bucket.h"

enum dimension {
    DIMENSION_REQUESTS = 0,
    DIMENSION_INPUT,       /* tokens in */
    DIMENSION_OUTPUT,      /* tokens out */
    DIMENSION_TOKENS,      /* both */
    DIMENSION_CONCURRENCY, /* always counted, limited or not */
    DIMENSION_MONEY,       /* nano-dollars; its windows are of wall time */
    DIMENSIONS
};

#define RESERVATION_LEVELS_MAX 8 /* of the caller */

struct amounts {
    int64_t n[DIMENSIONS];
};

struct level {
    struct bucket_limit limits[DIMENSIONS];
    struct bucket buckets[DIMENSIONS];
    uint32_t limited; /* a bit for each dimension that has a limit */
};

/* The two clocks: rates go by the one that never jumps, days by the one on the wall. */
struct moment {
    int64_t mono_us, wall_us;
};

struct reservation {
    struct level *levels[RESERVATION_LEVELS_MAX];
    int level_count;
    struct level *deployment;             /* NULL: has no limits and counts nothing */
    struct amounts caller, at_deployment; /* of the attempt under way */
    struct moment taken;
    bool open;
};

/* Why it cannot be taken: the level and dimension that last longest in the way. */
struct refusal {
    int level; /* index; -1 is the deployment */
    enum dimension dimension;
    int64_t wait_us; /* or BUCKET_NEVER, BUCKET_UNKNOWN */
    int64_t asked, capacity;
};

extern const char *const dimension_names[DIMENSIONS]; /* "requests", ... */

/* Every dimension as `limits` says, full. */
void level_init(struct level *level, const struct bucket_limit limits[DIMENSIONS],
                struct moment now);
/* New limits for a level in use: what has been used stays used. */
void level_change(struct level *level, const struct bucket_limit limits[DIMENSIONS],
                  struct moment now);

/* Takes the amounts from all the levels or from none; what is taken so is not given back. */
bool levels_take(struct level *const *levels, int n, const struct amounts *amounts,
                 struct moment now, struct refusal *ret_refusal);

/* levels, level_count, deployment and the amounts of *r are set, the rest is filled in. On refusal
 * nothing has been taken and *r is not open. */
bool reservation_take(struct reservation *r, struct moment now, struct refusal *ret_refusal);
/*
 * The next attempt: *next holds its deployment and amounts. `billed`: the former attempt may have
 * cost its amounts, which stay charged at both places; otherwise they are given back. On refusal
 * all is as it was before, and the reservation is still the former attempt's.
 */
bool reservation_swap(struct reservation *r, struct level *deployment, const struct amounts *caller,
                      const struct amounts *at_deployment, bool billed, struct moment now,
                      struct refusal *ret_refusal);
/* The end: `used` of tokens and money is what stays charged; `requests` 0 gives the deployment's
 * request back. Once is enough: a second time does nothing. */
void reservation_settle(struct reservation *r, const struct amounts *used, struct moment now);

#endif
