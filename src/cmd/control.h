#ifndef CMD_CONTROL_H
#define CMD_CONTROL_H

/*
 * The way to a running gateway: where its admin listener is, and one question to it.
 *
 * The address is the one named, else that of the configuration, else the default. Of the
 * configuration only `admin` and `admin_token` are read, so that a file with a mistake elsewhere
 * does not lock its operator out. The token is never an argument: it comes from the configuration
 * or from a named environment variable.
 */
#include <stdint.h>

#include "core/arena.h"
#include "core/attr.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"

#define CONTROL_ANSWER_BYTES_MAX (32u << 20)
#define CONTROL_TIMEOUT_MS       30000

struct control_options {
    const char *config;    /* file; NULL = weir.yaml here, if there is one */
    const char *admin;     /* "ADDRESS:PORT", or NULL */
    const char *token_env; /* name of a variable that holds the token, or NULL */
};

struct control {
    const char *address;
    uint16_t port;
    struct str token; /* may be empty */
};

/* Strings live in the arena. */
MUST_CHECK int control_find(struct arena *arena, const struct control_options *options,
                            struct control *ret_control, struct error *err);

/* Asks and waits; `answer` must be initialised and gets the JSON. ERR_INVALID when the gateway
 * refused for what the configuration says, ERR_DENIED for the token, ERR_IO, ERR_CLOSED or
 * ERR_TIMEOUT when there is no gateway: with the reason. */
MUST_CHECK int control_ask(const struct control *control, const char *method, const char *path,
                           struct buf *answer, struct error *err);

#endif
