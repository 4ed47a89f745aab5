#include "core/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <libfyaml.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/map.h"
#include "core/mem.h"

#define READ_BYTES 65536
/* Escapes may mean more bytes than they have. */
#define SCALAR_BYTES_MAX    ((size_t)YAML_BYTES_MAX * 2)
#define PENDING_FIRST       64
#define DIRECTIVE_BYTES_MAX 512
/* Up to here keys are compared with each other; longer mappings build a hash map. */
#define FEW_KEYS 8

/* A list or mapping that is not closed yet; its children wait in builder.pending[first...]. */
struct frame {
    struct yaml_node *node;
    size_t first;
};

struct builder {
    struct yaml_doc *doc;
    struct error *err;
    struct str text;
    struct frame frames[YAML_DEPTH_MAX];
    size_t depth;
    struct yaml_node **pending; /* children of all open frames; keys and values alternate */
    size_t pending_n;
    size_t pending_cap;
    size_t nodes;
    size_t documents;
    struct yaml_node here; /* the place of the latest event, for messages */
    struct fy_token_iter *iter;
    struct buf scalar; /* the text of the latest one */
};

/* Kind, text and number of children; the children are compared by the caller. */
static bool same_outside(const struct yaml_node *a, const struct yaml_node *b)
{
    bool no_a = !a || a->kind == YAML_NULL;
    bool no_b = !b || b->kind == YAML_NULL;
    if (no_a || no_b) {
        return no_a && no_b;
    }
    return a->kind == b->kind && a->n == b->n &&
           (a->kind != YAML_SCALAR || (str_eq(a->text, b->text) && a->quoted == b->quoted));
}

bool yaml_same(const struct yaml_node *a, const struct yaml_node *b)
{
    struct {
        const struct yaml_node *a, *b;
        size_t next;
    } open[YAML_DEPTH_MAX + 1];

    size_t depth = 0;

    while (true) {
        if (!same_outside(a, b)) {
            return false;
        }
        if (a && a->n > 0 && (a->kind == YAML_LIST || a->kind == YAML_MAP)) {
            BUG_ON(depth > YAML_DEPTH_MAX);
            open[depth].a = a;
            open[depth].b = b;
            open[depth++].next = 0;
        }
        while (depth > 0 && open[depth - 1].next == open[depth - 1].a->n) {
            depth--;
        }
        if (depth == 0) {
            return true;
        }
        size_t i = open[depth - 1].next++;
        const struct yaml_node *in_a = open[depth - 1].a;
        const struct yaml_node *in_b = open[depth - 1].b;
        if (in_a->kind == YAML_MAP && !str_eq(in_a->keys[i]->text, in_b->keys[i]->text)) {
            return false;
        }
        a = in_a->items[i];
        b = in_b->items[i];
    }
}

int yaml_error(const struct yaml_doc *doc, const struct yaml_node *node, struct error *err,
               const char *format, ...)
{
    const char *name = doc && doc->name ? doc->name : "yaml";
    char text[ERROR_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (!node) {
        return error_set(err, ERR_INVALID, "%s: %s", name, text);
    }
    return error_set(err, ERR_INVALID, "%s:%d:%d: %s", name, node->line, node->column, text);
}

static int over_limit(const struct builder *b, const char *what, unsigned max)
{
    return error_set(b->err, ERR_LIMIT, "%s:%d:%d: more than %u %s", b->doc->name, b->here.line,
                     b->here.column, max, what);
}

/* --- from events to nodes ---------------------------------------------------------------- */

static bool expects_key(const struct builder *b)
{
    if (b->depth == 0) {
        return false;
    }
    const struct frame *top = &b->frames[b->depth - 1];
    return top->node->kind == YAML_MAP && (b->pending_n - top->first) % 2 == 0;
}

static void push_pending(struct builder *b, struct yaml_node *node)
{
    if (b->pending_n == b->pending_cap) {
        b->pending_cap *= 2;
        b->pending = x_realloc(b->pending, b->pending_cap * sizeof(struct yaml_node *));
    }
    b->pending[b->pending_n++] = node;
}

/* NULL, with the error set, when there are too many; that is ERR_LIMIT. */
static struct yaml_node *add_node(struct builder *b, enum yaml_kind kind)
{
    if (b->nodes == YAML_NODES_MAX) {
        over_limit(b, "values", YAML_NODES_MAX);
        return NULL;
    }
    b->nodes++;
    struct yaml_node *node = ARENA_NEW(&b->doc->arena, struct yaml_node);
    node->kind = kind;
    node->line = b->here.line;
    node->column = b->here.column;
    node->text = STR_EMPTY;
    if (b->depth > 0) {
        push_pending(b, node);
    } else {
        b->doc->root = node;
    }
    return node;
}

static bool is_null_word(struct str text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_is(text, words[i])) {
            return true;
        }
    }
    return false;
}

/* The tags of the core schema are what we infer anyway; others ask for something we would not
 * do. "!!str" and "!" say that the text is meant as text. */
static int check_tag(const struct builder *b, struct fy_token *tag, bool *ret_text)
{
    size_t n = 0;
    const char *p = tag ? fy_token_get_text(tag, &n) : NULL;
    struct str name = p ? str_make(p, n) : STR_EMPTY;
    char shown[STR_SHOW_MAX];

    *ret_text = str_is(name, "tag:yaml.org,2002:str") || str_is(name, "!");
    if (name.n == 0 || *ret_text || str_starts(name, STR("tag:yaml.org,2002:"))) {
        return 0;
    }
    return yaml_error(b->doc, &b->here, b->err, "the tag \"%s\" is not supported: remove it",
                      str_show(name, shown));
}

/* Behind the line breaks and the spaces around them that start at `at`; one break folds to a
 * space, more to one less. */
static size_t put_folded(struct str text, size_t at, struct buf *out)
{
    size_t breaks = 0;

    while (at < text.n && strchr(" \t\r\n", text.p[at])) {
        breaks += text.p[at] == '\n' ? 1 : 0;
        at++;
    }
    if (breaks <= 1) {
        buf_putc(out, ' ');
    }
    for (size_t i = 1; i < breaks; i++) {
        buf_putc(out, '\n');
    }
    return at;
}

/* The single-quoted text that starts at `at`, behind its quote. libfyaml 0.7 reads two quotes in
 * a row right, but four as three. */
static void put_single_quoted(struct str text, size_t at, struct buf *out)
{
    size_t line = 0; /* where the latest line starts in `out` */

    while (at < text.n) {
        char c = text.p[at];

        if (c == '\'' && (at + 1 == text.n || text.p[at + 1] != '\'')) {
            return;
        }
        if (c == '\r' || c == '\n') {
            while (out->n > line && (out->p[out->n - 1] == ' ' || out->p[out->n - 1] == '\t')) {
                out->n--;
            }
            at = put_folded(text, at, out);
            line = out->n;
            continue;
        }
        buf_putc(out, c);
        at += c == '\'' ? 2 : 1;
    }
}

/* The text of a scalar, valid until the next. Read piece by piece: in libfyaml 0.7
 * fy_token_get_text counts a byte too many for some texts of several lines and for empty blocks,
 * and hands out what was in memory. */
static int scalar_text(struct builder *b, struct fy_event *event, struct str *ret_text)
{
    struct fy_token *token = fy_event_get_token(event);
    const struct fy_mark *mark = fy_event_start_mark(event);
    const struct fy_iter_chunk *chunk = NULL;
    int failed = 0;

    buf_clear(&b->scalar);
    if (token) {
        fy_token_iter_start(token, b->iter);
        while ((chunk = fy_token_iter_chunk_next(b->iter, chunk, &failed)) != NULL) {
            buf_put(&b->scalar, chunk->str, chunk->len);
        }
        fy_token_iter_finish(b->iter);
    }
    bool quotes_in_row = str_find(buf_str(&b->scalar), STR("''")) >= 0;
    if (quotes_in_row && fy_token_scalar_style(token) == FYSS_SINGLE_QUOTED && mark &&
        mark->input_pos > 0 && mark->input_pos < b->text.n &&
        b->text.p[mark->input_pos - 1] == '\'') {
        buf_clear(&b->scalar);
        put_single_quoted(b->text, mark->input_pos, &b->scalar);
    }
    struct str text = buf_str(&b->scalar);
    if (failed || !buf_ok(&b->scalar) || !str_is_utf8(text) || str_find_char(text, '\0') >= 0) {
        return yaml_error(b->doc, &b->here, b->err,
                          "an escape in this text stands for no character, or for NUL");
    }
    *ret_text = text;
    return 0;
}

static int add_scalar(struct builder *b, struct fy_event *event)
{
    struct fy_token *value = fy_event_get_token(event);
    struct str text = STR_EMPTY;
    bool is_key = expects_key(b);
    bool tagged_text = false;

    int result = check_tag(b, fy_event_get_tag_token(event), &tagged_text);
    if (result == 0) {
        result = scalar_text(b, event, &text);
    }
    if (result != 0) {
        return result;
    }
    bool quoted = tagged_text || (value && fy_token_scalar_style(value) != FYSS_PLAIN);
    if (is_key && !quoted && text.n == 0) {
        return yaml_error(b->doc, &b->here, b->err, "a key is missing before the colon");
    }
    bool null = !quoted && !is_key && is_null_word(text);
    struct yaml_node *node = add_node(b, null ? YAML_NULL : YAML_SCALAR);
    if (!node) {
        return ERR_LIMIT;
    }
    node->quoted = quoted;
    node->text = arena_str(&b->doc->arena, text);
    return 0;
}

static int open_frame(struct builder *b, enum yaml_kind kind, struct fy_event *event)
{
    bool tagged_text = false;

    if (expects_key(b)) {
        return yaml_error(b->doc, &b->here, b->err, "a key must be text, not a %s",
                          kind == YAML_LIST ? "list" : "mapping");
    }
    if (b->depth == YAML_DEPTH_MAX) {
        return over_limit(b, "levels of nesting", YAML_DEPTH_MAX);
    }
    int result = check_tag(b, fy_event_get_tag_token(event), &tagged_text);
    if (result != 0) {
        return result;
    }
    struct yaml_node *node = add_node(b, kind);
    if (!node) {
        return ERR_LIMIT;
    }
    b->frames[b->depth++] = (struct frame){node, b->pending_n};
    return 0;
}

static int given_twice(const struct builder *b, const struct yaml_node *first,
                       const struct yaml_node *second)
{
    char shown[STR_SHOW_MAX];

    return yaml_error(b->doc, second, b->err, "the key \"%s\" was already given in line %d",
                      str_show(second->text, shown), first->line);
}

/* For short mappings: each key against those before it. */
static int check_few_keys(const struct builder *b, const struct yaml_node *map)
{
    int result = 0;

    for (size_t i = 1; i < map->n && result == 0; i++) {
        for (size_t j = 0; j < i && result == 0; j++) {
            bool same = str_eq(map->keys[i]->text, map->keys[j]->text);
            result = same ? given_twice(b, map->keys[j], map->keys[i]) : 0;
        }
    }
    return result;
}

static int check_many_keys(const struct builder *b, const struct yaml_node *map)
{
    struct map seen;
    int result = 0;

    map_init(&seen);
    for (size_t i = 0; i < map->n && result == 0; i++) {
        const struct yaml_node *first = map_put(&seen, map->keys[i]->text, map->keys[i]);
        result = first ? given_twice(b, first, map->keys[i]) : 0;
    }
    map_release(&seen);
    return result;
}

static int close_frame(struct builder *b)
{
    struct frame frame = b->frames[--b->depth];
    struct yaml_node *node = frame.node;
    struct yaml_node **children = b->pending + frame.first;
    size_t count = b->pending_n - frame.first;

    b->pending_n = frame.first;
    node->n = node->kind == YAML_MAP ? count / 2 : count;
    node->items = ARENA_ARRAY(&b->doc->arena, struct yaml_node *, node->n);
    if (node->kind == YAML_LIST) {
        for (size_t i = 0; i < node->n; i++) {
            node->items[i] = children[i];
        }
        return 0;
    }
    node->keys = ARENA_ARRAY(&b->doc->arena, struct yaml_node *, node->n);
    for (size_t i = 0; i < node->n; i++) {
        node->keys[i] = children[2 * i];
        node->items[i] = children[2 * i + 1];
    }
    return node->n <= FEW_KEYS ? check_few_keys(b, node) : check_many_keys(b, node);
}

/* Where the event stands. libfyaml points behind the quote or the asterisk; people look at it. */
static void note_place(struct builder *b, struct fy_event *event)
{
    const struct fy_mark *mark = fy_event_start_mark(event);

    if (!mark) {
        return; /* an empty value: near the latest event */
    }
    b->here.line = mark->line + 1;
    b->here.column = mark->column + 1;
    if (mark->column > 0 && mark->input_pos > 0 && mark->input_pos <= b->text.n) {
        char before = b->text.p[mark->input_pos - 1];
        bool behind = event->type == FYET_SCALAR ? before == '"' || before == '\''
                                                 : event->type == FYET_ALIAS && before == '*';
        b->here.column -= behind ? 1 : 0;
    }
}

static int on_event(struct builder *b, struct fy_event *event)
{
    note_place(b, event);
    if (event->type == FYET_ALIAS || fy_event_get_anchor_token(event)) {
        return yaml_error(b->doc, &b->here, b->err,
                          "anchors (&) and aliases (*) are not supported: write the value out");
    }
    switch (event->type) {
    case FYET_DOCUMENT_START:
        b->documents++;
        return b->documents == 1 ? 0
                                 : yaml_error(b->doc, &b->here, b->err,
                                              "a second document starts here; only one is allowed");
    case FYET_SCALAR:
        return add_scalar(b, event);
    case FYET_SEQUENCE_START:
        return open_frame(b, YAML_LIST, event);
    case FYET_MAPPING_START:
        return open_frame(b, YAML_MAP, event);
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        return close_frame(b);
    case FYET_NONE:
    case FYET_STREAM_START:
    case FYET_STREAM_END:
    case FYET_DOCUMENT_END:
    case FYET_ALIAS:
        break;
    }
    return 0;
}

/* --- the parser below -------------------------------------------------------------------- */

/* libfyaml prints what it cannot collect; nothing of it may reach the terminal. */
static void discard_output(struct fy_diag *diag, void *user, const char *bytes, size_t n)
{
    (void)diag;
    (void)user;
    (void)bytes;
    (void)n;
}

static int syntax_error(const struct builder *b, struct fy_diag *diag)
{
    void *iterator = NULL;
    struct fy_diag_error *first = fy_diag_errors_iterate(diag, &iterator);
    struct yaml_node place = b->here;
    char shown[STR_SHOW_MAX * 4];

    if (!first || !first->msg) {
        return yaml_error(b->doc, &place, b->err, "this is not valid YAML");
    }
    if (first->line > 0) {
        place.line = first->line;
        place.column = first->column;
    }
    snprintf(shown, sizeof(shown), "%s", first->msg);
    return yaml_error(b->doc, &place, b->err, "%s", shown);
}

static int run_parser(struct builder *b, struct fy_parser *parser, struct fy_diag *diag)
{
    int result = 0;
    bool ended = false;

    while (result == 0 && !ended) {
        struct fy_event *event = fy_parser_parse(parser);

        if (!event) {
            return syntax_error(b, diag);
        }
        ended = event->type == FYET_STREAM_END;
        result = on_event(b, event);
        fy_parser_event_free(parser, event);
    }
    return result;
}

static int build(struct builder *b, struct str text)
{
    struct fy_diag_cfg diag_config;

    fy_diag_cfg_default(&diag_config);
    diag_config.fp = NULL;
    diag_config.output_fn = discard_output;
    diag_config.colorize = false;
    struct fy_diag *diag = fy_diag_create(&diag_config);
    BUG_ON(!diag);
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg config = {
        .flags = FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE | FYPCF_COLLECT_DIAG,
        .diag = diag,
    };
    struct fy_parser *parser = fy_parser_create(&config);
    b->iter = fy_token_iter_create(NULL);
    BUG_ON(!parser || !b->iter);
    buf_init(&b->scalar, SCALAR_BYTES_MAX);
    int result = fy_parser_set_string(parser, text.p, text.n) == 0 ? run_parser(b, parser, diag)
                                                                   : syntax_error(b, diag);
    buf_release(&b->scalar);
    fy_token_iter_destroy(b->iter);
    fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    return result;
}

/* libfyaml reads a directive ("%YAML 1.2") in the square of its length; nobody needs long ones. */
static bool is_long_directive(struct str text, size_t at)
{
    if (text.p[at] != '%' || (at > 0 && text.p[at - 1] != '\n')) {
        return false;
    }
    struct str line = str_head(str_from(text, at), DIRECTIVE_BYTES_MAX);
    return line.n == DIRECTIVE_BYTES_MAX && str_find_char(line, '\n') < 0;
}

/* What no YAML file may hold and libfyaml lets pass: broken UTF-8, control bytes. */
static int check_bytes(struct builder *b, struct str text)
{
    size_t good = str_utf8_prefix(text);

    b->here.line = 1;
    b->here.column = 1;
    for (size_t i = 0; i < good; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c == '\n') {
            b->here.line++;
            b->here.column = 1;
            continue;
        }
        if (is_long_directive(text, i)) {
            return yaml_error(b->doc, &b->here, b->err,
                              "a directive (a line that starts with %%) of %d bytes or more",
                              DIRECTIVE_BYTES_MAX);
        }
        if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7F) {
            return yaml_error(b->doc, &b->here, b->err,
                              "control byte 0x%02x: write it as an escape in double quotes", c);
        }
        b->here.column += (c & 0xC0) != 0x80 ? 1 : 0;
    }
    if (good < text.n) {
        return yaml_error(b->doc, &b->here, b->err, "invalid UTF-8 (byte 0x%02x)",
                          (unsigned char)text.p[good]);
    }
    b->here.line = 1;
    b->here.column = 1;
    return 0;
}

int yaml_parse(struct str text, const char *name, struct yaml_doc **ret_doc, struct error *err)
{
    struct yaml_doc *doc = x_calloc(1, sizeof(*doc));
    struct builder *b = x_calloc(1, sizeof(*b));
    int result;

    arena_init(&doc->arena);
    doc->name = arena_cstr(&doc->arena, str_of(name));
    b->doc = doc;
    b->err = err;
    b->text = text;
    b->here.line = 1;
    b->here.column = 1;
    b->pending_cap = PENDING_FIRST;
    b->pending = x_calloc(b->pending_cap, sizeof(struct yaml_node *));
    if (text.n > YAML_BYTES_MAX) {
        result = error_set(err, ERR_LIMIT, "%s: larger than %u bytes", doc->name, YAML_BYTES_MAX);
    } else {
        result = check_bytes(b, text);
    }
    if (result == 0 && text.n > 0) {
        result = build(b, text);
    }
    if (result == 0 && !doc->root) {
        add_node(b, YAML_NULL);
    }
    x_free(b->pending);
    x_free(b);
    if (result != 0) {
        yaml_free(doc);
        return result;
    }
    *ret_doc = doc;
    return 0;
}

static int read_all(int fd, const char *path, struct buf *out, struct error *err)
{
    for (;;) {
        if (buf_reserve(out, READ_BYTES) != 0) {
            return error_set(err, ERR_LIMIT, "%s: larger than %u bytes", path, YAML_BYTES_MAX);
        }
        ssize_t n = read(fd, out->p + out->n, READ_BYTES);
        if (n == 0) {
            return 0;
        }
        if (n < 0 && errno != EINTR) {
            return error_set(err, ERR_IO, "cannot read %s: %s", path, strerror(errno));
        }
        out->n += n > 0 ? (size_t)n : 0;
    }
}

int yaml_load(const char *path, struct yaml_doc **ret_doc, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct buf text;

    if (fd < 0) {
        enum err code = errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
        return error_set(err, code, "cannot open %s: %s", path, strerror(errno));
    }
    buf_init(&text, YAML_BYTES_MAX + READ_BYTES);
    int result = read_all(fd, path, &text, err);
    close(fd);
    if (result == 0) {
        result = yaml_parse(buf_str(&text), path, ret_doc, err);
    }
    buf_release(&text);
    return result;
}

void yaml_free(struct yaml_doc *doc)
{
    if (!doc) {
        return;
    }
    arena_release(&doc->arena);
    x_free(doc);
}

struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    if (!map || map->kind != YAML_MAP) {
        return NULL;
    }
    for (size_t i = 0; i < map->n; i++) {
        if (str_is(map->keys[i]->text, key)) {
            return map->items[i];
        }
    }
    return NULL;
}
