#ifndef CMD_SETUP_H
#define CMD_SETUP_H

/*
 * What most commands start from: the configuration, and the catalogue that its prices refer to.
 *
 * Ownership: setup_release gives both back; NULL members are fine. On failure nothing is held.
 */
#include <stdbool.h>

#include "core/attr.h"
#include "core/error.h"

struct catalogue;
struct settings;

#define SETUP_FILE "weir.yaml"

struct setup {
    struct catalogue *catalogue;
    struct settings *settings; /* one reference */
};

/* Reads `path` with the process's environment; NULL stands for SETUP_FILE in the working
 * directory. */
MUST_CHECK int setup_load(struct setup *ret_setup, const char *path, struct error *err);
/* The same, but without a `path` and without SETUP_FILE there is a catalogue only. */
MUST_CHECK int setup_load_if_any(struct setup *ret_setup, const char *path, struct error *err);
void setup_release(struct setup *setup);

/* Reads the environment, as the configuration's reader wants it. */
const char *setup_env(const char *name, void *ctx);

#endif
