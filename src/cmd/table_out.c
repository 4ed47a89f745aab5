#include "cmd/table_out.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/error.h"

#define JSON_BYTES_MAX ((size_t)2 << 30)

#define GAP   "  "
#define BOLD  "\x1b[1m"
#define PLAIN "\x1b[0m"

bool table_out_wants_color(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return isatty(STDOUT_FILENO) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

/* A character that only looks like something: the C0 and C1 controls, and the marks that turn the
 * direction of text around. */
static bool is_harmless(const unsigned char *c, size_t n)
{
    if (n == 1) {
        return *c >= ' ' && *c != 127;
    }
    if (n == 2) {
        return !(c[0] == 0xC2 && c[1] < 0xA0);
    }
    if (n == 3 && c[0] == 0xE2) {
        return !((c[1] == 0x80 && c[2] >= 0xAA && c[2] <= 0xAE) ||
                 (c[1] == 0x81 && c[2] >= 0xA6 && c[2] <= 0xA9));
    }
    return true;
}

void table_out_put_safe(struct buf *out, struct str text, bool keep_lines)
{
    while (text.n > 0) {
        size_t n = str_utf8_char(text);
        bool line = text.p[0] == '\n' || text.p[0] == '\t';

        if (n > 0 && ((keep_lines && line) || is_harmless((const unsigned char *)text.p, n))) {
            (void)buf_put(out, text.p, n);
        } else {
            (void)buf_putc(out, '?');
        }
        text = str_from(text, n ? n : 1);
    }
}

/* The number of a character of up to three bytes. */
static unsigned number_of(const unsigned char *c, size_t n)
{
    if (n == 1) {
        return c[0];
    }
    if (n == 2) {
        return (c[0] & 0x1Fu) << 6 | (c[1] & 0x3Fu);
    }
    return (c[0] & 0x0Fu) << 12 | (c[1] & 0x3Fu) << 6 | (c[2] & 0x3Fu);
}

void table_out_put_safe_json(struct buf *out, struct str json)
{
    size_t at = 0, from = 0;

    while (at < json.n) {
        size_t n = str_utf8_char(str_from(json, at));
        const unsigned char *c = (const unsigned char *)json.p + at;

        /* Whitespace stands between the parts of JSON and below 0x20 nothing else does. */
        if (n == 0 || *c == '\n' || *c == '\r' || *c == '\t' || is_harmless(c, n)) {
            at += n ? n : 1;
            continue;
        }
        (void)buf_put(out, json.p + from, at - from);
        (void)buf_putf(out, "\\u%04x", number_of(c, n));
        at += n;
        from = at;
    }
    (void)buf_put_str(out, str_from(json, from));
}

void table_out_print_json(const struct buf *json)
{
    struct buf safe;

    buf_init(&safe, JSON_BYTES_MAX);
    table_out_put_safe_json(&safe, buf_str(json));
    (void)fwrite(buf_str(&safe).p, 1, safe.n, stdout);
    buf_release(&safe);
}

/* Characters, which is what most terminals take one column for. */
static size_t width_of(struct str text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        n += ((unsigned char)text.p[i] & 0xC0) != 0x80;
    }
    return n;
}

void table_out_init(struct table_out *table, const struct table_out_column *columns, size_t n,
                    bool color, struct buf *out)
{
    BUG_ON(n == 0 || n > TABLE_OUT_COLUMNS_MAX);
    *table = (struct table_out){
        .columns = columns, .n = n, .color = color, .rule_at = SIZE_MAX, .out = out};
    arena_init(&table->arena);
    table->cells = ARENA_ARRAY(&table->arena, struct str, n * TABLE_OUT_SAMPLE);
}

void table_out_release(struct table_out *table)
{
    arena_release(&table->arena);
    table->cells = NULL;
}

/* The part of a cell before its decimal point; all of it in other columns. */
static struct str before_point(const struct table_out *table, size_t column, struct str text)
{
    ptrdiff_t point = -1;

    if (table->columns[column].align == TABLE_OUT_POINT) {
        point = str_find_char(text, '.');
    }
    return point < 0 ? text : str_head(text, (size_t)point);
}

static void widen(struct table_out *table, size_t column, struct str text)
{
    struct str head = before_point(table, column, text);
    size_t before = width_of(head), after = width_of(text) - before;

    table->before[column] = before > table->before[column] ? before : table->before[column];
    table->after[column] = after > table->after[column] ? after : table->after[column];
}

static void put_spaces(struct buf *out, size_t have, size_t want)
{
    for (size_t i = have; i < want; i++) {
        (void)buf_putc(out, ' ');
    }
}

/* No spaces at the ends of lines. */
static void end_line(struct buf *out)
{
    while (out->n > 0 && out->p[out->n - 1] == ' ') {
        out->n--;
    }
    (void)buf_putc(out, '\n');
}

static void put_cell(const struct table_out *table, size_t column, struct str text)
{
    size_t width = table->before[column] + table->after[column];
    size_t before = width_of(before_point(table, column, text)), all = width_of(text);
    bool last = column + 1 == table->n;

    (void)buf_puts(table->out, column ? GAP : "");
    switch (table->columns[column].align) {
    case TABLE_OUT_LEFT:
        (void)buf_put_str(table->out, text);
        put_spaces(table->out, all, width);
        break;
    case TABLE_OUT_RIGHT:
        put_spaces(table->out, all, width);
        (void)buf_put_str(table->out, text);
        break;
    case TABLE_OUT_POINT:
        put_spaces(table->out, before, table->before[column]);
        (void)buf_put_str(table->out, text);
        put_spaces(table->out, table->before[column] + all - before, width);
        break;
    }
    if (last) {
        end_line(table->out);
    }
}

/* Titles stand like texts: right over numbers, left over words. */
static void put_head(const struct table_out *table)
{
    (void)buf_puts(table->out, table->color ? BOLD : "");
    for (size_t i = 0; i < table->n; i++) {
        struct str title = str_of(table->columns[i].title);
        bool left = table->columns[i].align == TABLE_OUT_LEFT;
        size_t width = table->before[i] + table->after[i];

        (void)buf_puts(table->out, i ? GAP : "");
        put_spaces(table->out, left ? width : width_of(title), width);
        (void)buf_put_str(table->out, title);
        put_spaces(table->out, width_of(title), left && i + 1 < table->n ? width : 0);
    }
    (void)buf_puts(table->out, table->color ? PLAIN "\n" : "\n");
}

static void put_rule(const struct table_out *table)
{
    for (size_t i = 0; i < table->n; i++) {
        (void)buf_puts(table->out, i ? GAP : "");
        for (size_t w = 0; w < table->before[i] + table->after[i]; w++) {
            (void)buf_putc(table->out, '-');
        }
    }
    (void)buf_putc(table->out, '\n');
}

/* The widths are known now: writes the head and the rows held so far. */
static void write_sample(struct table_out *table)
{
    for (size_t i = 0; i < table->cell_count; i++) {
        widen(table, i % table->n, table->cells[i]);
    }
    for (size_t i = 0; i < table->n; i++) {
        size_t title = strlen(table->columns[i].title);
        size_t width = table->before[i] + table->after[i];
        if (title > width) {
            table->before[i] += title - width;
        }
    }
    table->widths_set = true;
    put_head(table);
    for (size_t i = 0; i < table->cell_count; i++) {
        if (i % table->n == 0 && i / table->n == table->rule_at) {
            put_rule(table);
        }
        put_cell(table, i % table->n, table->cells[i]);
    }
}

/* Clean and not too long, in the table's arena while it samples. */
static void put_clean(struct buf *out, struct str text)
{
    size_t bytes = 0;

    for (size_t i = 0; i < TABLE_OUT_CELL_MAX && bytes < text.n; i++) {
        size_t n = str_utf8_char(str_from(text, bytes));
        bytes += n ? n : 1;
    }
    table_out_put_safe(out, str_head(text, bytes), false);
    (void)buf_puts(out, bytes < text.n ? "..." : "");
}

void table_out_cell(struct table_out *table, struct str text)
{
    size_t column = table->cell_count % table->n;
    struct buf clean;

    buf_init(&clean, (size_t)8 * TABLE_OUT_CELL_MAX);
    put_clean(&clean, text);
    if (!table->widths_set && table->cell_count == table->n * TABLE_OUT_SAMPLE) {
        write_sample(table);
    }
    if (table->widths_set) {
        if (column == 0 && table->cell_count / table->n == table->rule_at) {
            put_rule(table);
        }
        put_cell(table, column, buf_str(&clean));
    } else {
        table->cells[table->cell_count] = arena_str(&table->arena, buf_str(&clean));
    }
    table->cell_count++;
    buf_release(&clean);
}

void table_out_i64(struct table_out *table, int64_t value)
{
    struct buf text;

    buf_init(&text, 32);
    (void)buf_put_i64(&text, value);
    table_out_cell(table, buf_str(&text));
    buf_release(&text);
}

void table_out_rule(struct table_out *table)
{
    table->rule_at = table->cell_count / table->n;
}

void table_out_end(struct table_out *table)
{
    BUG_ON(table->cell_count % table->n != 0);
    if (!table->widths_set && table->cell_count > 0) {
        write_sample(table);
    }
}
