#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

/*
 * What a loop needs to make model calls: a client, the origins of the current configuration, the
 * shared key ring and the store. One engine per loop; the shared parts are borrowed.
 */
#include <stddef.h>
#include <stdint.h>

#include "core/log.h"
#include "engine/homes.h"
#include "engine/keyring.h"
#include "engine/settings.h"
#include "net/client.h"
#include "store/store.h"

#define ENGINE_ORIGINS_MAX (8 * SETTINGS_PROVIDERS_MAX)

struct engine;
struct loop;

struct engine_options {
    struct loop *loop;
    struct store *store; /* NULL: nothing is recorded */
    struct keyring *keyring;
    struct homes *homes; /* NULL: where responses were made is not remembered */
    const struct log *log;
};

struct engine *engine_new(const struct engine_options *options);
/* Open calls must have been cancelled. */
void engine_free(struct engine *engine);

/* Opens origins for the snapshot's providers and closes those it no longer has; calls under way
 * finish on the old ones. The caller keeps the snapshot until it has the next one adopted. */
void engine_adopt(struct engine *engine, const struct settings *settings);

/* The origin for a provider; opened when a pinned older snapshot still needs it. */
struct client_origin *engine_origin(struct engine *engine,
                                    const struct settings_provider *provider);

/* Ended calls whose memory the next ones use: engine/call.c alone. NULL when there is none; false
 * when there are enough. */
struct call *engine_take_spare(struct engine *engine);
bool engine_keep_spare(struct engine *engine, struct call *call);

struct loop *engine_loop(struct engine *engine);
struct client *engine_client(struct engine *engine);
struct keyring *engine_keyring(struct engine *engine);
struct homes *engine_homes(struct engine *engine);
struct store *engine_store(struct engine *engine);
const struct log *engine_log(struct engine *engine);

#endif
