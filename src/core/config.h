#ifndef CORE_CONFIG_H
#define CORE_CONFIG_H

/*
 * Tables that bind the keys of a YAML mapping to the fields of a struct.
 *
 * Each owner of settings keeps one const table of `struct config_key` beside its struct; the table
 * gives type, bounds, default and the help text from which docs/config.md is generated. An unknown
 * key is an error that offers the nearest known one; so is a value of the wrong type or out of
 * bounds. Strings may hold ${NAME} and ${NAME:-default}: environment references, resolved
 * through the caller's look-up function; an unset ${NAME} is an error that names it, and
 * ${NAME:-default} also replaces an empty value. "$${" stands for "${". Values that came from the
 * environment are never quoted in messages: they may be secrets. A key without a value ("key:")
 * counts as not given.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/yaml.h"

enum config_type {
    CONFIG_STR,      /* struct str in the arena */
    CONFIG_BOOL,     /* bool: true | false */
    CONFIG_I64,      /* int64_t within min..max */
    CONFIG_DOUBLE,   /* double within min..max */
    CONFIG_DURATION, /* int64_t milliseconds: "10s", "250ms", "30d" */
    CONFIG_BYTES,    /* int64_t: "32MiB" */
    CONFIG_ENUM,     /* int: index into names[] */
    CONFIG_STR_LIST, /* struct config_strs; one scalar counts as a list of one */
    CONFIG_NODE      /* const struct yaml_node *: read by its own reader */
};

struct config_strs {
    struct str *items;
    size_t n;
};

/* The order is the one in which a row reads best, not the densest one. */
/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) */
struct config_key {
    const char *name;
    enum config_type type;
    size_t offset;            /* offsetof the field */
    const char *fallback;     /* default as it would be written in the file; NULL = zero value */
    double min, max;          /* numbers, durations (ms) and sizes; both 0 = no bounds */
    const char *const *names; /* CONFIG_ENUM, NULL-terminated */
    bool required;
    const char *help; /* one sentence, for docs/config.md and messages */
};

/* Returns a variable's value or NULL. getenv fits behind a wrapper; tests bring a table. */
typedef const char *(*config_env_fn)(const char *name, void *ctx);

struct config_reader {
    const struct yaml_doc *doc;
    struct arena *arena;
    config_env_fn env;
    void *env_ctx;
};

/* Fills `target` from `map` (NULL or YAML_NULL: defaults only). `where` names the mapping in
 * messages ("provider openai"). */
MUST_CHECK int config_read(const struct config_reader *reader, const struct yaml_node *map,
                           const char *where, const struct config_key *keys, size_t key_count,
                           void *target, struct error *err);

/* One scalar with its environment references resolved. */
MUST_CHECK int config_scalar(const struct config_reader *reader, const struct yaml_node *node,
                             struct str *ret_text, struct error *err);

#endif
