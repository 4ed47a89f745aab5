#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

/*
 * Counts of durations in nanoseconds, in steps of at most 1.6% (64 steps per power of two), up to
 * 36 minutes. Fixed size, no allocation: counting costs the same however long the run is.
 */
#include <stdint.h>

#define BENCH_HISTOGRAM_SLOTS 2304

struct bench_histogram {
    uint64_t slots[BENCH_HISTOGRAM_SLOTS];
    uint64_t n;
};

/* Negative durations count as 0, longer ones than the last slot in the last slot. */
void bench_histogram_add(struct bench_histogram *histogram, int64_t ns);

/* The value below which `share` (0..1) of what was counted lies, in microseconds; 0 when empty. */
double bench_histogram_us(const struct bench_histogram *histogram, double share);

#endif
