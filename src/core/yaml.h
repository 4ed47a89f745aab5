#ifndef CORE_YAML_H
#define CORE_YAML_H

/*
 * YAML 1.2 documents as a read-only tree that knows where each node stands (libfyaml below).
 *
 * A document owns its nodes; views are valid until yaml_free. Limits: YAML_BYTES_MAX bytes,
 * YAML_DEPTH_MAX levels, YAML_NODES_MAX nodes; aliases and duplicate keys are errors (a
 * configuration that says a thing twice is a mistake), tabs as indentation too.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/attr.h"
#include "core/error.h"
#include "core/str.h"

#define YAML_BYTES_MAX (16u << 20)
#define YAML_DEPTH_MAX 64
#define YAML_NODES_MAX 1000000

enum yaml_kind { YAML_NULL = 0, YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind kind;
    bool quoted;              /* a quoted scalar is never a number, bool or null */
    int line;                 /* 1-based */
    int column;               /* 1-based */
    struct str text;          /* YAML_SCALAR */
    size_t n;                 /* children of a list or map */
    struct yaml_node **items; /* list: values; map: values */
    struct yaml_node **keys;  /* map only: scalar nodes */
};

struct yaml_doc {
    const char *name; /* file name for messages */
    struct yaml_node *root;
    struct arena arena;
};

/* `name` is used in messages only. The bytes are copied. Errors read "FILE:LINE:COL: ...". */
MUST_CHECK int yaml_parse(struct str text, const char *name, struct yaml_doc **ret_doc,
                          struct error *err);
MUST_CHECK int yaml_load(const char *path, struct yaml_doc **ret_doc, struct error *err);
void yaml_free(struct yaml_doc *doc);

/* The value of a key, or NULL. */
struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

/* True when both say the same, wherever they stand; NULL and an empty node are the same. */
bool yaml_same(const struct yaml_node *a, const struct yaml_node *b);

/* Sets err to "FILE:LINE:COL: text" and returns ERR_INVALID. */
int yaml_error(const struct yaml_doc *doc, const struct yaml_node *node, struct error *err,
               const char *format, ...) PRINTF_LIKE(4, 5);

#endif
