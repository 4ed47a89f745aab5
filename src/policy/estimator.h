#ifndef POLICY_ESTIMATOR_H
#define POLICY_ESTIMATOR_H

/*
 * How many tokens so many bytes are, learnt from what a provider reports: the mean of tokens per
 * byte and how far single requests are from it, both forgetting slowly. Guessing costs a
 * multiplication, where reading the text costs microseconds.
 *
 * A guess is meant to be reserved: it adds twice the mean deviation, so that few requests use more.
 * What they do use is settled in the end. Integers; tokens per byte are kept times 2^20.
 */
#include <stdint.h>

/* Until so many requests were seen there is no guess. */
#define ESTIMATOR_SEEN_MIN 16
/* Shorter ones teach nothing: what surrounds a text outweighs it. */
#define ESTIMATOR_BYTES_MIN 64

struct estimator {
    int64_t ratio, spread;
    int64_t seen;
};

/* At least 1; -1: not yet known. bytes is at most 2^30. */
int64_t estimator_guess(const struct estimator *e, int64_t bytes);
void estimator_learn(struct estimator *e, int64_t bytes, int64_t tokens);

#endif
