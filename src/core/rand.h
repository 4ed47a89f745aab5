#ifndef CORE_RAND_H
#define CORE_RAND_H

/*
 * Random numbers: from the system for secrets and ids, and a deterministic generator
 * (xoshiro256**, seeded by splitmix64) where a run must be repeatable.
 */
#include <stddef.h>
#include <stdint.h>

/* Unpredictable bytes (getrandom); never fails. */
void rand_bytes(void *out, size_t n);

struct rand_state {
    uint64_t s[4];
};

/* A seed of the system's. */
void rand_seed_system(struct rand_state *r);
void rand_seed(struct rand_state *r, uint64_t seed);
uint64_t rand_u64(struct rand_state *r);
/* Uniform in [0, 1). */
double rand_unit(struct rand_state *r);
/* Uniform in [0, n), n > 0, without modulo bias. */
uint64_t rand_below(struct rand_state *r, uint64_t n);
/* Standard normal (Marsaglia polar method). */
double rand_normal(struct rand_state *r);

/* Mixes two numbers into a new seed (splitmix64 finaliser). */
uint64_t rand_mix(uint64_t a, uint64_t b);

#endif
