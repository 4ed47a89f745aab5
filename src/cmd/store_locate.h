#ifndef CMD_STORE_LOCATE_H
#define CMD_STORE_LOCATE_H

/*
 * Which store a command reads: the one named, else that of the configuration, else the default.
 *
 * Of the configuration only `store` is read, so that a file with a mistake elsewhere, or a key that
 * is not set in this shell, does not keep anybody from the traces.
 */
#include "core/arena.h"
#include "core/attr.h"
#include "core/error.h"
#include "store/store.h"

/* `store` and `config` are the options, NULL when not given. The URL lives in the arena. */
MUST_CHECK int store_locate(struct arena *arena, const char *store, const char *config,
                            const char **ret_url, struct error *err);
/* The same, and opens it. */
MUST_CHECK int store_locate_open(struct arena *arena, const char *store, const char *config,
                                 struct store_reader **ret_reader, struct error *err);

#endif
