#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

/*
 * The schema's history: numbered steps, run when a store is opened for writing.
 *
 * A migration that has shipped never changes; a change of the schema is a new row. All that are
 * missing run in one transaction, so that a store is at one version or another and never between.
 * A store whose version is newer than this program knows is refused and left alone.
 *
 * The driver brings the database; nothing here knows which one it is.
 */
#include <stddef.h>

#include "core/attr.h"
#include "core/error.h"

struct migration {
    int number; /* 1, 2, 3, ... without gaps */
    const char *name;
    const char *sql; /* may hold several statements */
};

/* The store's own, in order; ends with .number == 0. */
extern const struct migration migrations[];
/* The number of the last one: the version this program reads and writes. */
int migrate_latest(const struct migration *list);

/* What running migrations needs of a database. 0 or a negative code with *err set. */
struct migrate_target {
    void *ctx;
    const char *name;                           /* for messages: the path */
    int (*begin)(void *ctx, struct error *err); /* excludes every other writer */
    int (*exec)(void *ctx, const char *sql, struct error *err);
    int (*version)(void *ctx, int *ret_version, struct error *err); /* 0 = no schema yet */
    int (*set_version)(void *ctx, int version, struct error *err);
    int (*commit)(void *ctx, struct error *err);
    void (*rollback)(void *ctx);
};

/* Brings the target to the latest version; nothing to do is fine. *ret_from (may be NULL) is the
 * version it had. ERR_INVALID when it is newer than this program. */
MUST_CHECK int migrate_run(const struct migration *list, const struct migrate_target *target,
                           int *ret_from, struct error *err);

/* For readers, which change nothing: 0 when `version` is the latest, else ERR_INVALID with what
 * to do about it. */
MUST_CHECK int migrate_check(const struct migration *list, int version, const char *name,
                             struct error *err);

#endif
