#ifndef ENGINE_GOVERNOR_H
#define ENGINE_GOVERNOR_H

/*
 * Who has how much left: the levels of organisations, tenants, keys and providers, and the one lock
 * under which requests take from them.
 *
 * State is keyed by names that outlive a configuration ("key web of tenant acme"), so that levels
 * and what is reserved survive a reload; a snapshot's entries learn where theirs is when the
 * governor adopts it. A level is never freed before the governor: requests of older snapshots may
 * still hold it.
 *
 * Under the lock nothing is allocated and nothing waits. Time never runs backwards in here: a
 * moment before the latest one counts as the latest. Any thread, except for governor_adopt, which
 * one thread calls.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/error.h"
#include "engine/settings.h"
#include "policy/estimator.h"
#include "policy/reservation.h"

/* Names ever seen; a restart forgets those that are gone. */
#define GOVERNOR_LEVELS_MAX (2 * (SETTINGS_KEYS_MAX + 2 * SETTINGS_TENANTS_MAX))

/* A model at a provider has no limits of its own: what is learnt of its tokens is kept there. */
enum level_kind {
    LEVEL_ORGANISATION = 0,
    LEVEL_TENANT,
    LEVEL_KEY,
    LEVEL_PROVIDER,
    LEVEL_MODEL,
    LEVEL_KINDS
};

struct governor;

/* A refusal, and of what. */
struct governor_refusal {
    struct refusal why;
    enum level_kind kind;
    struct str name; /* of the organisation, tenant, key or provider; lives as the governor does */
};

struct governor_counts {
    uint64_t taken, settled, swapped;
    uint64_t refused[LEVEL_KINDS][DIMENSIONS];
    uint64_t waits;   /* how often the lock was taken by somebody else */
    uint64_t wait_us; /* and how long that took, in all */
    uint64_t held;    /* reservations now */
    size_t levels;
};

/* What a caller's key has left, for the headers of an answer. */
struct governor_view {
    struct bucket_limit limits[DIMENSIONS];
    int64_t left[DIMENSIONS];
    int64_t reset_us[DIMENSIONS];
};

extern const char *const level_kind_names[LEVEL_KINDS]; /* "organisation", ... */

struct governor *governor_new(void);
void governor_free(struct governor *governor);

/* Makes the levels a snapshot names, and gives them its limits; before anything runs under it.
 * ERR_LIMIT when there are too many names; nothing is changed then. */
MUST_CHECK int governor_adopt(struct governor *governor, struct settings *settings,
                              struct moment now, struct error *err);

/* One request of the caller's rate. `key` NULL has no levels. */
bool governor_gate(struct governor *governor, const struct settings_key *key, struct moment now,
                   struct governor_refusal *ret_refusal);
/* r->caller and r->at_deployment are set; the levels are found here. */
bool governor_take(struct governor *governor, struct reservation *r, const struct settings_key *key,
                   const struct settings_provider *provider, struct moment now,
                   struct governor_refusal *ret_refusal);
/* As reservation_swap. */
bool governor_swap(struct governor *governor, struct reservation *r,
                   const struct settings_provider *provider, const struct amounts *caller,
                   const struct amounts *at_deployment, bool billed, struct moment now,
                   struct governor_refusal *ret_refusal);
void governor_settle(struct governor *governor, struct reservation *r, const struct amounts *used,
                     struct moment now);

/* Tokens that so many bytes of input are for this model, as learnt from its usage; -1: not known.
 */
int64_t governor_guess(struct governor *governor, const struct settings_target *target,
                       int64_t bytes);
void governor_learn(struct governor *governor, const struct settings_target *target, int64_t bytes,
                    int64_t tokens);

/* Does any of the caller's levels limit money? Then a price must be known before. */
bool governor_limits_money(const struct settings_key *key);
/* What an earlier process has charged: taken without asking. Unknown names are ignored. */
void governor_charge(struct governor *governor, const struct settings *settings,
                     const struct store_charge *charge, bool tokens, struct moment now);

void governor_look(struct governor *governor, const struct settings_key *key, struct moment now,
                   struct governor_view *ret_view);
void governor_count(struct governor *governor, struct governor_counts *ret_counts);

#endif
