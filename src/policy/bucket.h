#ifndef POLICY_BUCKET_H
#define POLICY_BUCKET_H

/*
 * One limit and how much of it is left, in integers; time is a parameter.
 *
 *   refill  a token bucket: holds `capacity` units and refills evenly, a whole one per window. What
 *           is left is kept times the window, so that no moment's share is lost to rounding and
 *           nothing is divided on the way: after t microseconds exactly t * capacity / window more
 *           is there.
 *   fixed   a window that begins anew at each multiple of its length (a day in UTC).
 *   gauge   what is in use now (concurrency): nothing comes back by itself.
 *
 * Settling may charge more than was taken: a bucket may be in debt, of one capacity at most, and
 * takes nothing new until it is out of it. Time must not run backwards; that is the caller's care.
 * An amount of 0 always fits.
 */
#include <stdbool.h>
#include <stdint.h>

enum bucket_law { BUCKET_NONE = 0, BUCKET_REFILL, BUCKET_FIXED, BUCKET_GAUGE };

struct bucket_limit {
    enum bucket_law law;
    int64_t capacity;  /* units; of a gauge: how many at once */
    int64_t window_us; /* 0 of a gauge */
};

/* capacity * window_us of a refill bucket: leaves room for debt and two windows of refilling. */
#define BUCKET_SCALED_MAX (INT64_MAX / 4)

struct bucket {
    int64_t level;    /* refill: left, times window_us; fixed: left; gauge: in use */
    int64_t at_us;    /* refill: refilled up to here; fixed: end of the window */
    int64_t since_us; /* what was taken before is none of this bucket's business */
};

/* Waits that are no time: it can never fit; nobody can know. */
#define BUCKET_NEVER   INT64_MAX
#define BUCKET_UNKNOWN (INT64_MAX - 1)

/* Full, or for a gauge: unused. */
void bucket_init(struct bucket *b, const struct bucket_limit *limit, int64_t now_us);
/* Brings a bucket up to now; the functions below work on one that is. */
void bucket_advance(struct bucket *b, const struct bucket_limit *limit, int64_t now_us);
/* How long until n units fit if nobody else takes any: 0 = they do now, BUCKET_NEVER when n is more
 * than the capacity, BUCKET_UNKNOWN for a gauge that is full. */
int64_t bucket_wait_us(const struct bucket *b, const struct bucket_limit *limit, int64_t n,
                       int64_t now_us);
/* Takes n, whether they fit or not. */
void bucket_take(struct bucket *b, const struct bucket_limit *limit, int64_t n);
/* Corrects by n (below 0: takes more) what was taken at taken_us; a fixed window or a limit that
 * began later is left alone. Never above the capacity. */
void bucket_correct(struct bucket *b, const struct bucket_limit *limit, int64_t n,
                    int64_t taken_us);
/* Whole units left, at least 0. */
int64_t bucket_left(const struct bucket *b, const struct bucket_limit *limit);
/* Until it is full again; 0 for a gauge. */
int64_t bucket_reset_us(const struct bucket *b, const struct bucket_limit *limit, int64_t now_us);
/* The limit changes under way: what has been used stays used. */
void bucket_change(struct bucket *b, const struct bucket_limit *from, const struct bucket_limit *to,
                   int64_t now_us);

#endif
