#ifndef ENGINE_HOMES_H
#define ENGINE_HOMES_H

/*
 * Homes of responses: which deployment made a response of the Responses API, and with which key.
 *
 * Such a response lives on at the provider: it is read, deleted and cancelled by its id and later
 * requests build on it (previous_response_id). All that must go to where it was made. Ids are
 * known to the tenant that made them only: asked by another, they are as unknown as made-up ones.
 *
 * A memory of the process, shared by its workers behind a mutex held for one look-up: bounded, and
 * empty after a start. Two generations of HOMES_GENERATION each: when the young one is full it
 * becomes the old one and what was the old one is forgotten. Providers' names are kept once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hash.h"
#include "core/str.h"

#define HOMES_GENERATION    32768
#define HOMES_PROVIDERS_MAX 1024 /* names ever seen; further ones are not remembered */

struct homes;

struct home {
    struct str provider; /* its name; as long as the homes */
    bool has_key;
    struct hash_sha256 digest; /* of the API key */
};

struct homes *homes_new(void);
void homes_free(struct homes *homes);

/* `tenant` is empty where there are no tenants. `key` NULL: the provider has none. */
void homes_note(struct homes *homes, struct str tenant, struct str id, struct str provider,
                const struct hash_sha256 *key);
bool homes_find(struct homes *homes, struct str tenant, struct str id, struct home *ret_home);

#endif
