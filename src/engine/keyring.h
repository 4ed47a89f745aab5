#ifndef ENGINE_KEYRING_H
#define ENGINE_KEYRING_H

/*
 * Which API key of a provider is used next, and which ones rest.
 *
 * Keys are taken in turn. One that the provider refused (401, 402, 403) rests on the bench until a
 * given time. When every key rests, the one that comes off first is used all the same: a provider
 * with one key must not be lost to one refusal. State is keyed by the key's digest, so it survives
 * reloads; it is shared by all workers behind a mutex held for a few loads and stores.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/hash.h"
#include "engine/settings.h"

#define KEYRING_KEYS_MAX 8192

struct keyring;

struct keyring *keyring_new(void);
void keyring_free(struct keyring *ring);

/* Index of the key to use, skipping those whose bit is set in `tried`; -1 when none is left.
 * A provider without keys gives -1 too. */
int keyring_pick(struct keyring *ring, const struct settings_provider *provider, uint32_t tried,
                 int64_t now_ms);
/* The key was refused with this status; it rests until `until_ms`. */
void keyring_bench(struct keyring *ring, const struct settings_api_key *key, int status,
                   int64_t until_ms);
/* It worked: off the bench. */
void keyring_clear(struct keyring *ring, const struct settings_api_key *key);
/* For status output: 0 when it does not rest. */
int64_t keyring_benched_until(struct keyring *ring, const struct settings_api_key *key,
                              int *ret_status);

#endif
