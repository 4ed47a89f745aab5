#include "workbench/trace/pretty.h"

#include "core/json.h"

#define STEP 2

static void put_spaces(struct buf *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        (void)buf_putc(out, ' ');
    }
}

static void new_line(struct buf *out, size_t margin, size_t depth)
{
    (void)buf_putc(out, '\n');
    put_spaces(out, margin + depth * STEP);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Behind the string that opens at text[at]; the document is known to be whole. */
static size_t string_end(struct str text, size_t at)
{
    for (at++; text.p[at] != '"'; at++) {
        at += text.p[at] == '\\';
    }
    return at + 1;
}

static size_t skip_space(struct str text, size_t at)
{
    while (at < text.n && is_space(text.p[at])) {
        at++;
    }
    return at;
}

/* An opening bracket; an empty pair stays together. Returns where to go on. */
static size_t open_bracket(struct str text, size_t at, size_t margin, size_t *depth,
                           struct buf *out)
{
    size_t next = skip_space(text, at + 1);

    (void)buf_putc(out, text.p[at]);
    if (text.p[next] == ']' || text.p[next] == '}') {
        (void)buf_putc(out, text.p[next]);
        return next + 1;
    }
    (*depth)++;
    new_line(out, margin, *depth);
    return at + 1;
}

bool pretty_json(struct str text, size_t margin, struct buf *out)
{
    yyjson_doc *doc = json_parse(text, NULL);
    size_t depth = 0;

    if (!doc) {
        return false;
    }
    yyjson_doc_free(doc);
    put_spaces(out, margin);
    for (size_t at = 0; at < text.n;) {
        char c = text.p[at];

        if (c == '"') {
            size_t end = string_end(text, at);
            (void)buf_put(out, text.p + at, end - at);
            at = end;
            continue;
        }
        if (c == '{' || c == '[') {
            at = open_bracket(text, at, margin, &depth, out);
            continue;
        }
        if (c == '}' || c == ']') {
            depth--;
            new_line(out, margin, depth);
        }
        if (!is_space(c)) {
            (void)buf_putc(out, c);
        }
        if (c == ',') {
            new_line(out, margin, depth);
        } else if (c == ':') {
            (void)buf_putc(out, ' ');
        }
        at++;
    }
    (void)buf_putc(out, '\n');
    return true;
}

void pretty_lines(struct str text, size_t margin, struct buf *out)
{
    while (text.n > 0) {
        struct str line = str_split(&text, '\n');

        if (line.n > 0) {
            put_spaces(out, margin);
            (void)buf_put_str(out, line);
        }
        (void)buf_putc(out, '\n');
    }
}
