#include "policy/bucket.h"

/* When the window that holds this moment ends. */
static int64_t window_end(const struct bucket_limit *limit, int64_t now_us)
{
    return now_us - now_us % limit->window_us + limit->window_us;
}

static int64_t full(const struct bucket_limit *limit)
{
    return limit->law == BUCKET_REFILL ? limit->capacity * limit->window_us : limit->capacity;
}

void bucket_init(struct bucket *b, const struct bucket_limit *limit, int64_t now_us)
{
    *b = (struct bucket){.at_us = now_us, .since_us = now_us};
    switch (limit->law) {
    case BUCKET_NONE:
    case BUCKET_GAUGE:
        break;
    case BUCKET_REFILL:
        b->level = full(limit);
        break;
    case BUCKET_FIXED:
        b->level = limit->capacity;
        b->at_us = window_end(limit, now_us);
        break;
    }
}

/* From the deepest debt two windows fill a bucket: more time than that need not be multiplied. */
static void refill(struct bucket *b, const struct bucket_limit *limit, int64_t now_us)
{
    int64_t most = full(limit);
    int64_t elapsed_us = now_us - b->at_us;
    b->at_us = now_us;
    if (elapsed_us >= 2 * limit->window_us) {
        b->level = most;
        return;
    }
    b->level += elapsed_us * limit->capacity;
    if (b->level > most) {
        b->level = most;
    }
}

void bucket_advance(struct bucket *b, const struct bucket_limit *limit, int64_t now_us)
{
    if (limit->law == BUCKET_REFILL) {
        refill(b, limit, now_us);
    } else if (limit->law == BUCKET_FIXED && now_us >= b->at_us) {
        b->at_us = window_end(limit, now_us);
        b->since_us = b->at_us - limit->window_us;
        b->level = limit->capacity;
    }
}

int64_t bucket_wait_us(const struct bucket *b, const struct bucket_limit *limit, int64_t n,
                       int64_t now_us)
{
    if (n == 0 || limit->law == BUCKET_NONE) {
        return 0;
    }
    if (n > limit->capacity) {
        return BUCKET_NEVER;
    }
    if (limit->law == BUCKET_GAUGE) {
        return b->level + n <= limit->capacity ? 0 : BUCKET_UNKNOWN;
    }
    if (limit->law == BUCKET_FIXED) {
        return n <= b->level ? 0 : b->at_us - now_us;
    }
    int64_t missing = n * limit->window_us - b->level;
    return missing <= 0 ? 0 : (missing + limit->capacity - 1) / limit->capacity;
}

void bucket_take(struct bucket *b, const struct bucket_limit *limit, int64_t n)
{
    int64_t most = full(limit);
    /* A charge above two capacities ends in the deepest debt anyway: it need not be multiplied. */
    int64_t charge = n / 2 > limit->capacity ? 2 * limit->capacity : n;
    switch (limit->law) {
    case BUCKET_NONE:
        return;
    case BUCKET_GAUGE:
        b->level += n;
        return;
    case BUCKET_REFILL:
        b->level -= charge * limit->window_us;
        break;
    case BUCKET_FIXED:
        b->level -= charge;
        break;
    }
    if (b->level < -most) {
        b->level = -most;
    }
}

static void give(struct bucket *b, const struct bucket_limit *limit, int64_t n)
{
    int64_t most = full(limit);
    switch (limit->law) {
    case BUCKET_NONE:
        return;
    case BUCKET_GAUGE:
        b->level = b->level > n ? b->level - n : 0;
        return;
    case BUCKET_REFILL:
        b->level += (n / 2 > limit->capacity ? 2 * limit->capacity : n) * limit->window_us;
        break;
    case BUCKET_FIXED:
        b->level += n / 2 > limit->capacity ? 2 * limit->capacity : n;
        break;
    }
    if (b->level > most) {
        b->level = most;
    }
}

void bucket_correct(struct bucket *b, const struct bucket_limit *limit, int64_t n, int64_t taken_us)
{
    if (taken_us < b->since_us) {
        return;
    }
    if (n >= 0) {
        give(b, limit, n);
    } else {
        bucket_take(b, limit, -n);
    }
}

int64_t bucket_left(const struct bucket *b, const struct bucket_limit *limit)
{
    int64_t left = 0;
    switch (limit->law) {
    case BUCKET_NONE:
        return INT64_MAX;
    case BUCKET_GAUGE:
        left = limit->capacity - b->level;
        break;
    case BUCKET_REFILL:
        left = b->level / limit->window_us;
        break;
    case BUCKET_FIXED:
        left = b->level;
        break;
    }
    return left > 0 ? left : 0;
}

int64_t bucket_reset_us(const struct bucket *b, const struct bucket_limit *limit, int64_t now_us)
{
    if (limit->law == BUCKET_FIXED) {
        return b->at_us - now_us;
    }
    if (limit->law != BUCKET_REFILL) {
        return 0;
    }
    return (full(limit) - b->level + limit->capacity - 1) / limit->capacity;
}

void bucket_change(struct bucket *b, const struct bucket_limit *from, const struct bucket_limit *to,
                   int64_t now_us)
{
    if (from->law != to->law || to->law == BUCKET_NONE) {
        bucket_init(b, to, now_us);
        return;
    }
    if (to->law == BUCKET_GAUGE) {
        return; /* what is in use stays in use */
    }
    bucket_advance(b, from, now_us);
    int64_t used = from->capacity - b->level;
    if (to->law == BUCKET_REFILL) { /* rounded up: a change gives nothing away */
        used = (full(from) - b->level + from->window_us - 1) / from->window_us;
    }
    int64_t since_us = b->since_us;
    bucket_init(b, to, now_us);
    b->since_us = since_us;
    bucket_take(b, to, used);
}
