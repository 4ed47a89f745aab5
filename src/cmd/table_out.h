#ifndef CMD_TABLE_OUT_H
#define CMD_TABLE_OUT_H

/*
 * Tables for people: aligned columns under a head, for a terminal or a file.
 *
 * Cells are copied. Widths come from the first TABLE_OUT_SAMPLE rows (so that a list of any length
 * needs little memory); a later cell that is wider pushes its line to the right. What a stranger
 * may have written (a model name, an error text) cannot move the cursor or colour the screen:
 * control characters and broken UTF-8 are shown as "?".
 *
 * Ownership: table_out_release frees. Belongs to one thread.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/str.h"

#define TABLE_OUT_COLUMNS_MAX 24
#define TABLE_OUT_SAMPLE      1000
#define TABLE_OUT_CELL_MAX    200 /* characters; more is cut with "..." */

enum table_out_align {
    TABLE_OUT_LEFT = 0,
    TABLE_OUT_RIGHT,
    TABLE_OUT_POINT /* the decimal points stand below each other */
};

struct table_out_column {
    const char *title;
    enum table_out_align align;
};

struct table_out {
    /* private */
    const struct table_out_column *columns;
    size_t n;
    bool color;
    struct arena arena; /* of the sampled cells */
    struct str *cells;
    size_t cell_count;
    size_t rule_at;                       /* row above which a line is drawn; SIZE_MAX = none */
    bool widths_set;                      /* the sample is written; rows now go out one by one */
    size_t before[TABLE_OUT_COLUMNS_MAX]; /* characters before the point, or all */
    size_t after[TABLE_OUT_COLUMNS_MAX];  /* the point and what follows it */
    struct buf *out;
};

/* Does stdout want colour? A terminal that is not dumb, and no NO_COLOR. */
bool table_out_wants_color(void);

/* `columns` and `out` are borrowed. */
void table_out_init(struct table_out *table, const struct table_out_column *columns, size_t n,
                    bool color, struct buf *out);
void table_out_release(struct table_out *table);

/* The next cell, from left to right, row by row. */
void table_out_cell(struct table_out *table, struct str text);
void table_out_i64(struct table_out *table, int64_t value);
/* A line between the rows so far and the next one, once: above the totals. */
void table_out_rule(struct table_out *table);
/* Writes what is still held; nothing at all when there were no rows. The row must be complete. */
void table_out_end(struct table_out *table);

/* Appends text that a stranger may have written; line breaks and tabs stay when asked to. */
void table_out_put_safe(struct buf *out, struct str text, bool keep_lines);

/* Appends JSON with the same characters escaped, which a JSON text has in strings only: what it
 * says stays, and a terminal that shows it is not steered. */
void table_out_put_safe_json(struct buf *out, struct str json);
/* The same, to standard output. */
void table_out_print_json(const struct buf *json);

#endif
