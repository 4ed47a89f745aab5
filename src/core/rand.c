#include "core/rand.h"

#include <errno.h>
#include <math.h>
#include <sys/random.h>

#include "core/error.h"

void rand_bytes(void *out, size_t n)
{
    char *at = out;

    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);

        BUG_ON(got < 0 && errno != EINTR);
        at += got > 0 ? got : 0;
        n -= got > 0 ? (size_t)got : 0;
    }
}

static uint64_t splitmix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

#define GOLDEN UINT64_C(0x9E3779B97F4A7C15)

void rand_seed(struct rand_state *r, uint64_t seed)
{
    for (size_t i = 0; i < 4; i++) {
        seed += GOLDEN;
        r->s[i] = splitmix(seed);
    }
}

void rand_seed_system(struct rand_state *r)
{
    rand_bytes(r->s, sizeof(r->s));
    r->s[0] |= 1; /* all zeros would stay so */
}

static uint64_t rotate_left(uint64_t x, unsigned n)
{
    return (x << n) | (x >> (64 - n));
}

uint64_t rand_u64(struct rand_state *r)
{
    uint64_t result = rotate_left(r->s[1] * 5, 7) * 9;
    uint64_t shifted = r->s[1] << 17;

    r->s[2] ^= r->s[0];
    r->s[3] ^= r->s[1];
    r->s[1] ^= r->s[2];
    r->s[0] ^= r->s[3];
    r->s[2] ^= shifted;
    r->s[3] = rotate_left(r->s[3], 45);
    return result;
}

double rand_unit(struct rand_state *r)
{
    return (double)(rand_u64(r) >> 11) * 0x1.0p-53;
}

uint64_t rand_below(struct rand_state *r, uint64_t n)
{
    BUG_ON(n == 0);
    /* Values below 2^64 mod n would make the small results more frequent. */
    uint64_t threshold = (0 - n) % n;
    uint64_t value;

    do {
        value = rand_u64(r);
    } while (value < threshold);
    return value % n;
}

double rand_normal(struct rand_state *r)
{
    double u;
    double v;
    double square;

    do {
        u = 2 * rand_unit(r) - 1;
        v = 2 * rand_unit(r) - 1;
        square = u * u + v * v;
    } while (square >= 1 || square == 0);
    return u * sqrt(-2 * log(square) / square);
}

uint64_t rand_mix(uint64_t a, uint64_t b)
{
    return splitmix(splitmix(a + GOLDEN) ^ (b + GOLDEN));
}
