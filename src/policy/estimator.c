#include "policy/estimator.h"

#define SCALE_BITS 20
#define BYTES_MAX  (INT64_C(1) << 30)
/* A new request weighs 1/16 of the mean, 1/8 of the deviation. */
#define MEAN_SHARE      16
#define DEVIATION_SHARE 8
/* How far the first guess may be off. */
#define FIRST_SPREAD_SHARE 4

int64_t estimator_guess(const struct estimator *e, int64_t bytes)
{
    if (e->seen < ESTIMATOR_SEEN_MIN) {
        return -1;
    }
    if (bytes > BYTES_MAX) {
        bytes = BYTES_MAX;
    }
    int64_t tokens = (bytes * (e->ratio + 2 * e->spread)) >> SCALE_BITS;
    return tokens + 1;
}

void estimator_learn(struct estimator *e, int64_t bytes, int64_t tokens)
{
    if (bytes < ESTIMATOR_BYTES_MIN || bytes > BYTES_MAX || tokens < 0 || tokens > 4 * bytes) {
        return;
    }
    int64_t ratio = (tokens << SCALE_BITS) / bytes;
    if (e->seen == 0) {
        e->ratio = ratio;
        e->spread = ratio / FIRST_SPREAD_SHARE;
    }
    int64_t off = ratio - e->ratio;
    e->ratio += off / MEAN_SHARE;
    e->spread += ((off < 0 ? -off : off) - e->spread) / DEVIATION_SHARE;
    e->seen++;
}
