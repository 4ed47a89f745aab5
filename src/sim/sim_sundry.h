#ifndef SIM_SIM_SUNDRY_H
#define SIM_SIM_SUNDRY_H

/*
 * The small endpoints: model lists, audio, images, files, batches, moderations.
 *
 * They exist so that clients and pass-through routes have something real to talk to. Nothing is
 * stored: a file or batch "exists" when its id has the right form, and what is told about it is
 * made of the id. To add one: a row in the table of sim_sundry.c and its function.
 */
#include <stdint.h>

#include "core/buf.h"
#include "core/str.h"
#include "llm/dialect.h"
#include "net/server.h"

struct sim_sundry_ask {
    const struct server_request *request;
    struct arena *arena;
    struct str rest; /* of the path, behind the row's path */
    enum dialect dialect;
    uint64_t key; /* made of seed, path and body */
    const struct str *models;
    size_t model_count;
    bool models_fixed; /* no other model exists */
};

struct sim_sundry {
    const char *name; /* of the route, in statistics */
    const char *method;
    const char *path;
    const char *suffix; /* behind an id: "/content"; NULL: nothing behind the path */
    bool prefix;        /* an id follows */
    enum dialect dialect;
    const char *type; /* content-type of the answer */
    /* Appends the answer's body; returns its status. 404 needs no body. */
    int (*answer)(const struct sim_sundry_ask *ask, struct buf *out);
};

/* Ends with .name == NULL. */
extern const struct sim_sundry sim_sundry_table[];

/* The row for a request, or NULL. *ret_known: the path exists, with another method perhaps.
 * *ret_rest is the id (and suffix) behind the path. */
const struct sim_sundry *sim_sundry_find(struct str method, struct str path, bool *ret_known,
                                         struct str *ret_rest);

bool sim_model_exists(const struct str *models, size_t n, struct str model);

#endif
