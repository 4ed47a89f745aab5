#include "llm/csv.h"

void csv_init(struct csv *csv, struct str text, const char *name, struct arena *arena)
{
    *csv = (struct csv){.text = text, .name = name, .arena = arena, .line = 1};
    if (str_starts(text, STR("\xef\xbb\xbf"))) {
        csv->at = 3;
        csv->line_start = 3;
    }
}

static bool at_line_end(const struct csv *csv)
{
    size_t at = csv->at;
    if (at < csv->text.n && csv->text.p[at] == '\r') {
        at++;
    }
    return at >= csv->text.n || csv->text.p[at] == '\n';
}

static void next_line(struct csv *csv)
{
    if (csv->at < csv->text.n && csv->text.p[csv->at] == '\r') {
        csv->at++;
    }
    if (csv->at < csv->text.n) {
        csv->at++;
        csv->line++;
        csv->line_start = csv->at;
    }
}

static void skip_idle_lines(struct csv *csv)
{
    while (csv->at < csv->text.n) {
        if (csv->text.p[csv->at] == '#') {
            while (!at_line_end(csv)) {
                csv->at++;
            }
        }
        if (!at_line_end(csv)) {
            return;
        }
        next_line(csv);
    }
}

static int fail(const struct csv *csv, size_t line, size_t column, const char *what,
                struct error *err)
{
    return error_set(err, ERR_INVALID, "%s:%zu:%zu: %s", csv->name, line, column, what);
}

static struct str without_doubled_quotes(struct csv *csv, struct str text)
{
    if (str_find_char(text, '"') < 0) {
        return text;
    }
    char *out = arena_alloc(csv->arena, text.n);
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        out[n++] = text.p[i];
        i += text.p[i] == '"' ? 1 : 0;
    }
    return str_make(out, n);
}

/* The reader stands on the opening quote. */
static int read_quoted(struct csv *csv, struct csv_field *field, struct error *err)
{
    size_t start = ++csv->at;
    while (csv->at < csv->text.n) {
        char c = csv->text.p[csv->at];
        bool doubled = csv->at + 1 < csv->text.n && csv->text.p[csv->at + 1] == '"';
        if (c == '"' && !doubled) {
            field->text =
                without_doubled_quotes(csv, str_make(csv->text.p + start, csv->at - start));
            csv->at++;
            if (!at_line_end(csv) && csv->text.p[csv->at] != ',') {
                return fail(csv, csv->line, csv->at - csv->line_start + 1,
                            "expected a comma or the end of the line behind a closing quote", err);
            }
            return 0;
        }
        csv->at += c == '"' ? 2 : 1;
        if (c == '\n') {
            csv->line++;
            csv->line_start = csv->at;
        }
    }
    return fail(csv, field->line, field->column, "the quoted field that starts here never ends",
                err);
}

static int read_plain(struct csv *csv, struct csv_field *field, struct error *err)
{
    size_t start = csv->at;
    while (!at_line_end(csv) && csv->text.p[csv->at] != ',') {
        if (csv->text.p[csv->at] == '"') {
            return fail(csv, csv->line, csv->at - csv->line_start + 1,
                        "a quote inside an unquoted field; quote the whole field and double it",
                        err);
        }
        csv->at++;
    }
    field->text = str_make(csv->text.p + start, csv->at - start);
    return 0;
}

int csv_next(struct csv *csv, struct error *err)
{
    skip_idle_lines(csv);
    if (csv->at >= csv->text.n) {
        return 0;
    }
    csv->n = 0;
    for (;;) {
        if (csv->n == CSV_FIELDS_MAX) {
            return error_set(err, ERR_LIMIT, "%s:%zu: more than %d fields", csv->name, csv->line,
                             CSV_FIELDS_MAX);
        }
        struct csv_field *field = &csv->fields[csv->n];
        field->line = csv->line;
        field->column = csv->at - csv->line_start + 1;
        bool quoted = csv->at < csv->text.n && csv->text.p[csv->at] == '"';
        int status = quoted ? read_quoted(csv, field, err) : read_plain(csv, field, err);
        if (status < 0) {
            return status;
        }
        csv->n++;
        if (at_line_end(csv)) {
            next_line(csv);
            return 1;
        }
        csv->at++; /* the comma */
    }
}
