#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

/*
 * Host names to addresses, cached, without ever blocking the loop.
 *
 * One cache per loop. IP literals answer at once. A cached answer is used for RESOLVE_FRESH_MS;
 * after that the stale answer is still given at once while one look-up refreshes it, for as long
 * as refreshing fails up to RESOLVE_STALE_MS. Equal questions share one look-up; at most
 * RESOLVE_LOOKUPS_MAX run (the pool behind them has four threads), RESOLVE_WAITERS_MAX wait, more
 * is ERR_BUSY. Failures are remembered for RESOLVE_FAILED_MS.
 */
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/error.h"

#define RESOLVE_FRESH_MS      30000
#define RESOLVE_STALE_MS      3600000
#define RESOLVE_FAILED_MS     1000
#define RESOLVE_ADDRESSES_MAX 8
#define RESOLVE_NAMES_MAX     256
#define RESOLVE_LOOKUPS_MAX   16
#define RESOLVE_WAITERS_MAX   65536

struct loop;
struct resolve;

struct resolve_answer {
    struct sockaddr_storage addresses[RESOLVE_ADDRESSES_MAX]; /* port set */
    size_t n;
};

/* `answer` is NULL on failure, then `why` says so. */
typedef void (*resolve_done_fn)(void *ctx, const struct resolve_answer *answer,
                                const struct error *why);

struct resolve *resolve_new(struct loop *loop);
/* Waiters get no more callbacks. */
void resolve_free(struct resolve *r);

/* Calls `done` exactly once, possibly before returning; returns an id for resolve_cancel (0 when
 * `done` was already called). */
uint64_t resolve_start(struct resolve *r, const char *host, uint16_t port, resolve_done_fn done,
                       void *ctx);
void resolve_cancel(struct resolve *r, uint64_t id);
/* None of the host's addresses could be reached: perhaps it has moved. The next question is looked
 * up anew, unless the answer is younger than RESOLVE_FAILED_MS. */
void resolve_doubt(struct resolve *r, const char *host);

#endif
