#include "policy/reservation.h"

#include <stddef.h>

/* Counted where they are not limited too: a limit that is set under way must find what is in use
 * and what the day has cost. */
#define COUNTED ((1u << DIMENSION_CONCURRENCY) | (1u << DIMENSION_MONEY))

#define DAY_US   (INT64_C(86400) * 1000000)
#define NO_LEVEL (-1)

const char *const dimension_names[DIMENSIONS] = {
    [DIMENSION_REQUESTS] = "requests",       [DIMENSION_INPUT] = "input tokens",
    [DIMENSION_OUTPUT] = "output tokens",    [DIMENSION_TOKENS] = "tokens",
    [DIMENSION_CONCURRENCY] = "concurrency", [DIMENSION_MONEY] = "money",
};

static int64_t time_of(int dimension, struct moment now)
{
    return dimension == DIMENSION_MONEY ? now.wall_us : now.mono_us;
}

static struct bucket_limit limit_of(const struct bucket_limit *limits, int dimension)
{
    struct bucket_limit limit = limits[dimension];
    if (dimension == DIMENSION_CONCURRENCY && limit.law == BUCKET_NONE) {
        limit = (struct bucket_limit){.law = BUCKET_GAUGE, .capacity = INT64_MAX / 2};
    }
    if (dimension == DIMENSION_MONEY && limit.law == BUCKET_NONE) {
        limit = (struct bucket_limit){
            .law = BUCKET_FIXED, .capacity = INT64_MAX / 4, .window_us = DAY_US};
    }
    return limit;
}

static uint32_t limited_by(const struct bucket_limit *limits)
{
    uint32_t limited = 0;
    for (int d = 0; d < DIMENSIONS; d++) {
        limited |= limits[d].law != BUCKET_NONE ? 1u << d : 0;
    }
    return limited;
}

void level_init(struct level *level, const struct bucket_limit limits[DIMENSIONS],
                struct moment now)
{
    level->limited = limited_by(limits);
    for (int d = 0; d < DIMENSIONS; d++) {
        level->limits[d] = limit_of(limits, d);
        bucket_init(&level->buckets[d], &level->limits[d], time_of(d, now));
    }
}

void level_change(struct level *level, const struct bucket_limit limits[DIMENSIONS],
                  struct moment now)
{
    level->limited = limited_by(limits);
    for (int d = 0; d < DIMENSIONS; d++) {
        struct bucket_limit next = limit_of(limits, d);
        bucket_change(&level->buckets[d], &level->limits[d], &next, time_of(d, now));
        level->limits[d] = next;
    }
}

/* ---- one level ---- */

/* Notes the longest wait; `worst` stays when this level has room. */
static void level_ask(struct level *level, const struct amounts *amounts, struct moment now,
                      int index, struct refusal *worst)
{
    for (uint32_t left = level->limited; left; left &= left - 1) {
        int d = __builtin_ctz(left);
        const struct bucket_limit *limit = &level->limits[d];
        int64_t now_us = time_of(d, now);
        bucket_advance(&level->buckets[d], limit, now_us);
        int64_t wait_us = bucket_wait_us(&level->buckets[d], limit, amounts->n[d], now_us);
        if (wait_us > worst->wait_us) {
            *worst = (struct refusal){.level = index,
                                      .dimension = (enum dimension)d,
                                      .wait_us = wait_us,
                                      .asked = amounts->n[d],
                                      .capacity = limit->capacity};
        }
    }
}

static void level_take(struct level *level, const struct amounts *amounts, struct moment now)
{
    for (uint32_t left = level->limited | COUNTED; left; left &= left - 1) {
        int d = __builtin_ctz(left);
        if ((level->limited >> d & 1) == 0) { /* was not asked */
            bucket_advance(&level->buckets[d], &level->limits[d], time_of(d, now));
        }
        bucket_take(&level->buckets[d], &level->limits[d], amounts->n[d]);
    }
}

/* Gives back what was held and not used. */
static void level_settle(struct level *level, const struct amounts *held,
                         const struct amounts *used, const struct moment *taken, struct moment now)
{
    for (uint32_t left = level->limited | COUNTED; left; left &= left - 1) {
        int d = __builtin_ctz(left);
        int64_t back = held->n[d] - used->n[d];
        if (back != 0) {
            bucket_advance(&level->buckets[d], &level->limits[d], time_of(d, now));
            bucket_correct(&level->buckets[d], &level->limits[d], back,
                           d == DIMENSION_CONCURRENCY ? INT64_MAX : time_of(d, *taken));
        }
    }
}

/* ---- all of them ---- */

static bool ask_all(struct level *const *levels, int n, const struct amounts *amounts,
                    struct moment now, struct refusal *worst)
{
    *worst = (struct refusal){.level = NO_LEVEL};
    for (int i = 0; i < n; i++) {
        level_ask(levels[i], amounts, now, i, worst);
    }
    return worst->wait_us == 0;
}

bool levels_take(struct level *const *levels, int n, const struct amounts *amounts,
                 struct moment now, struct refusal *ret_refusal)
{
    struct refusal worst;
    if (!ask_all(levels, n, amounts, now, &worst)) {
        *ret_refusal = worst;
        return false;
    }
    for (int i = 0; i < n; i++) {
        level_take(levels[i], amounts, now);
    }
    return true;
}

bool reservation_take(struct reservation *r, struct moment now, struct refusal *ret_refusal)
{
    struct refusal worst;
    ask_all(r->levels, r->level_count, &r->caller, now, &worst);
    if (r->deployment) {
        level_ask(r->deployment, &r->at_deployment, now, NO_LEVEL, &worst);
    }
    r->open = false;
    if (worst.wait_us > 0) {
        *ret_refusal = worst;
        return false;
    }
    for (int i = 0; i < r->level_count; i++) {
        level_take(r->levels[i], &r->caller, now);
    }
    if (r->deployment) {
        level_take(r->deployment, &r->at_deployment, now);
    }
    r->taken = now;
    r->open = true;
    return true;
}

/* Only concurrency ends for sure: an attempt that may have been billed keeps the rest. */
static struct amounts all_but_concurrency(const struct amounts *amounts)
{
    struct amounts rest = *amounts;
    rest.n[DIMENSION_CONCURRENCY] = 0;
    return rest;
}

static void give_all(struct reservation *r, const struct amounts *used_by_caller,
                     const struct amounts *used_at_deployment, struct moment now)
{
    for (int i = 0; i < r->level_count; i++) {
        level_settle(r->levels[i], &r->caller, used_by_caller, &r->taken, now);
    }
    if (r->deployment) {
        level_settle(r->deployment, &r->at_deployment, used_at_deployment, &r->taken, now);
    }
}

bool reservation_swap(struct reservation *r, struct level *deployment, const struct amounts *caller,
                      const struct amounts *at_deployment, bool billed, struct moment now,
                      struct refusal *ret_refusal)
{
    static const struct amounts nothing;
    struct level before[RESERVATION_LEVELS_MAX + 1];
    const struct reservation former = *r;

    /* A copy is exact where giving and taking again is not: a full bucket takes nothing back. */
    for (int i = 0; i < r->level_count; i++) {
        before[i] = *r->levels[i];
    }
    if (r->deployment) {
        before[r->level_count] = *r->deployment;
    }
    if (billed) {
        struct amounts kept_by_caller = all_but_concurrency(&r->caller);
        struct amounts kept_at_deployment = all_but_concurrency(&r->at_deployment);
        give_all(r, &kept_by_caller, &kept_at_deployment, now);
    } else {
        struct amounts attempted = nothing; /* it was a request to the provider all the same */
        attempted.n[DIMENSION_REQUESTS] = r->at_deployment.n[DIMENSION_REQUESTS];
        give_all(r, &nothing, &attempted, now);
    }
    r->deployment = deployment;
    r->caller = *caller;
    r->at_deployment = *at_deployment;
    if (reservation_take(r, now, ret_refusal)) {
        return true;
    }
    *r = former;
    for (int i = 0; i < r->level_count; i++) {
        *r->levels[i] = before[i];
    }
    if (r->deployment) {
        *r->deployment = before[r->level_count];
    }
    return false;
}

void reservation_settle(struct reservation *r, const struct amounts *used, struct moment now)
{
    if (!r->open) {
        return;
    }
    struct amounts by_caller = *used;
    by_caller.n[DIMENSION_REQUESTS] = r->caller.n[DIMENSION_REQUESTS];
    by_caller.n[DIMENSION_CONCURRENCY] = 0;
    struct amounts at_deployment = *used;
    at_deployment.n[DIMENSION_CONCURRENCY] = 0;
    give_all(r, &by_caller, &at_deployment, now);
    r->open = false;
}
