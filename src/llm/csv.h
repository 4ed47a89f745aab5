#ifndef LLM_CSV_H
#define LLM_CSV_H

/*
 * Comma-separated values (RFC 4180), row by row. Fields may be quoted, a quote inside is doubled,
 * lines end in LF or CRLF. Empty lines and lines that start with '#' are skipped. A quoted field
 * may span lines.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/attr.h"
#include "core/error.h"
#include "core/str.h"

#define CSV_FIELDS_MAX 64

struct csv_field {
    struct str
        text; /* without quotes; a view of the input, or of the arena when it had doubled quotes */
    size_t line;
    size_t column; /* in bytes, 1-based */
};

struct csv {
    /* private */
    struct str text;
    const char *name;
    struct arena *arena;
    size_t at;
    size_t line;
    size_t line_start;
    /* The current row. */
    struct csv_field fields[CSV_FIELDS_MAX];
    size_t n;
};

/* `name` (a file's name, for errors), `text` and `arena` must outlive the reader. */
void csv_init(struct csv *csv, struct str text, const char *name, struct arena *arena);
/* Reads the next row into fields[0..n). 1, 0 at the end, or ERR_INVALID / ERR_LIMIT with
 * "name:line:column: ..." in *err. */
MUST_CHECK int csv_next(struct csv *csv, struct error *err);

#endif
