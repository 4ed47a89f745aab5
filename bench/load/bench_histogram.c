#include "bench_histogram.h"

/* Values below 128 have a slot each; above, the 7 highest bits of the value choose it. */
#define STEPS      64ull
#define STEPS_LOG2 6

static unsigned slot_of(uint64_t v)
{
    if (v < 2 * STEPS) {
        return (unsigned)v;
    }
    unsigned shift = 63u - (unsigned)__builtin_clzll(v) - STEPS_LOG2;
    uint64_t slot = shift * STEPS + (v >> shift);
    return slot < BENCH_HISTOGRAM_SLOTS ? (unsigned)slot : BENCH_HISTOGRAM_SLOTS - 1;
}

/* The middle of a slot. */
static double slot_value(unsigned slot)
{
    if (slot < 2 * STEPS) {
        return slot;
    }
    unsigned shift = (unsigned)(slot / STEPS) - 1;
    uint64_t low = (STEPS + slot % STEPS) << shift;
    return (double)low + (double)(1ull << shift) / 2;
}

void bench_histogram_add(struct bench_histogram *h, int64_t ns)
{
    h->slots[slot_of(ns > 0 ? (uint64_t)ns : 0)]++;
    h->n++;
}

double bench_histogram_us(const struct bench_histogram *h, double share)
{
    uint64_t seen = 0;
    double wanted = share * (double)h->n;
    for (unsigned i = 0; i < BENCH_HISTOGRAM_SLOTS && h->n > 0; i++) {
        seen += h->slots[i];
        if (h->slots[i] > 0 && (double)seen >= wanted) {
            return slot_value(i) / 1e3;
        }
    }
    return 0;
}
