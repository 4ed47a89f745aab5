#ifndef UNIT_LLM_WIRE_SUITE_H
#define UNIT_LLM_WIRE_SUITE_H

/*
 * What the suites of the wires share: a request that is read or built and then written, with its
 * notes; a stream that is read into lines of text; deltas that are written.
 */
#include "unit/llm/suite.h"

#include "core/arena.h"
#include "core/json.h"
#include "llm/wire.h"

#define CASE_BYTES_MAX (32u << 20)

/* One exchange; case_begin and case_end. */
struct wire_case {
    struct arena arena;
    struct message_notes notes;
    struct message_request request;
    struct message_answer answer;
    struct error err;
    struct buf out;
    struct wire_target target;
    char listed[2048];
};

static inline void case_begin(struct wire_case *c, const char *model)
{
    *c = (struct wire_case){0};
    arena_init(&c->arena);
    message_request_init(&c->request);
    message_answer_init(&c->answer);
    message_notes_init(&c->notes, &c->arena, false, "provider \"p\"");
    buf_init(&c->out, CASE_BYTES_MAX);
    c->target = (struct wire_target){
        .model = str_of(model), .default_max_output = 4096, .quirk = &quirk_table[0]};
}

static inline void case_end(struct wire_case *c)
{
    buf_release(&c->out);
    arena_release(&c->arena);
}

static inline const char *case_dropped(struct wire_case *c)
{
    message_notes_list(&c->notes, c->listed, sizeof(c->listed));
    return c->listed;
}

static inline void case_read(struct wire_case *c, const struct wire *wire, const char *body)
{
    if (wire->read_request(str_of(body), &c->notes, &c->request, &c->err) != 0) {
        print_error("%s\n", c->err.text);
        fail();
    }
}

static inline const char *case_write(struct wire_case *c, const struct wire *wire)
{
    buf_clear(&c->out);
    if (wire->write_request(&c->request, &c->target, &c->notes, &c->out, &c->err) != 0) {
        print_error("%s\n", c->err.text);
        fail();
    }
    yyjson_doc *doc = json_parse(buf_str(&c->out), &c->err);
    if (!doc) {
        print_error("%s\n%s\n", c->err.text, buf_cstr(&c->out));
        fail();
    }
    yyjson_doc_free(doc);
    return buf_cstr(&c->out);
}

/* A request that must be refused, with the field. */
static inline void case_refuses(struct wire_case *c, const struct wire *wire, const char *field)
{
    buf_clear(&c->out);
    assert_int_equal(wire->write_request(&c->request, &c->target, &c->notes, &c->out, &c->err),
                     ERR_INVALID);
    assert_string_equal(c->notes.refused, field);
    assert_has(c->err.text, field);
}

/* --- requests in C ----------------------------------------------------------------------- */

static inline struct message_part part_text(const char *text)
{
    return (struct message_part){.kind = MESSAGE_TEXT, .text = str_of(text)};
}

static inline struct message_part part_call(const char *id, const char *name, const char *json)
{
    return (struct message_part){
        .kind = MESSAGE_CALL, .id = str_of(id), .name = str_of(name), .json = str_of(json)};
}

static inline struct message_part part_result(const char *id, struct message_part *parts, size_t n)
{
    return (struct message_part){
        .kind = MESSAGE_RESULT, .id = str_of(id), .parts = parts, .part_count = n};
}

static inline struct message_part part_thinking(const char *text, const char *signature)
{
    return (struct message_part){
        .kind = MESSAGE_THINKING, .text = str_of(text), .signature = str_of(signature)};
}

#define SAYS(who, ...)                                                                             \
    {                                                                                              \
        .role = (who), .parts = (struct message_part[]){__VA_ARGS__},                              \
        .part_count = sizeof((struct message_part[]){__VA_ARGS__}) / sizeof(struct message_part)   \
    }

/* An expression, because what it makes lives as long as the block it stands in. */
#define CASE_MESSAGES(c, ...)                                                                      \
    ((c)->request.messages = (struct message[]){__VA_ARGS__},                                      \
     (c)->request.message_count =                                                                  \
         sizeof((struct message[]){__VA_ARGS__}) / sizeof(struct message))

/* --- streams ----------------------------------------------------------------------------- */

/* Deltas as text, one a line: what a reader told. */
struct told {
    struct buf text;
    struct usage usage; /* the last */
    int ends;           /* END and FAIL: at most one */
    size_t limit;       /* deltas that are taken; further ones are refused. 0 = all */
    size_t count;
};

static const char *const told_kinds[] = {"text", "image",  "file",     "audio",
                                         "call", "result", "thinking", "refusal"};
static const char *const told_finishes[] = {"none",  "stop",   "sequence", "length",
                                            "calls", "filter", "pause"};

static inline int told_take(void *ctx, const struct message_delta *d)
{
    struct told *t = ctx;
    struct buf *b = &t->text;
    if (t->limit > 0 && ++t->count > t->limit) {
        return ERR_LIMIT;
    }
    assert_int_equal(t->ends, 0);
    switch (d->kind) {
    case MESSAGE_DELTA_START:
        buf_putf(b, "start %.*s %.*s\n", STR_ARG(d->id), STR_ARG(d->model));
        t->usage = d->usage;
        break;
    case MESSAGE_DELTA_OPEN:
        buf_putf(b, "open %zu %s %.*s %.*s%s\n", d->index, told_kinds[d->part], STR_ARG(d->id),
                 STR_ARG(d->name), d->redacted ? "redacted" : "");
        break;
    case MESSAGE_DELTA_TEXT:
        buf_putf(b, "text %zu %.*s\n", d->index, STR_ARG(d->text));
        break;
    case MESSAGE_DELTA_SIGNATURE:
        buf_putf(b, "sign %zu %.*s\n", d->index, STR_ARG(d->text));
        break;
    case MESSAGE_DELTA_CITATION:
        buf_putf(b, "cite %zu %.*s %.*s\n", d->index, STR_ARG(d->citation.url),
                 STR_ARG(d->citation.cited));
        break;
    case MESSAGE_DELTA_CLOSE:
        buf_putf(b, "close %zu\n", d->index);
        break;
    case MESSAGE_DELTA_FINISH:
        buf_putf(b, "finish %s %.*s\n", told_finishes[d->finish], STR_ARG(d->text));
        break;
    case MESSAGE_DELTA_USAGE:
        t->usage = d->usage;
        break;
    case MESSAGE_DELTA_FAIL:
        buf_putf(b, "fail %.*s: %.*s\n", STR_ARG(d->name), STR_ARG(d->text));
        t->ends++;
        break;
    case MESSAGE_DELTA_END:
        buf_puts(b, "end\n");
        t->ends++;
        break;
    }
    return 0;
}

static inline void told_begin(struct told *t)
{
    *t = (struct told){0};
    usage_init(&t->usage);
    buf_init(&t->text, CASE_BYTES_MAX);
}

/* Reads a stream, cut into two pushes at `cut`; the caller releases t->text. */
static inline int told_read_cut(struct told *t, const struct wire *wire, struct str stream,
                                size_t cut)
{
    struct wire_reader *reader = wire->reader_new();
    const struct wire_sink sink = {told_take, t};
    const struct str halves[] = {str_head(stream, cut), str_from(stream, cut)};
    struct sse sse;
    struct sse_event event;
    int rc = 0;
    sse_init(&sse, CASE_BYTES_MAX);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(sse_push(&sse, halves[i]), 0);
        while (rc == 0 && sse_next(&sse, &event)) {
            rc = event.has_data ? wire->read_event(reader, event.event, event.data, &sink) : 0;
        }
    }
    if (rc == 0) {
        rc = wire->read_end(reader, &sink);
    }
    sse_release(&sse);
    wire->reader_free(reader);
    return rc;
}

static inline void told_read(struct told *t, const struct wire *wire, const char *stream)
{
    told_begin(t);
    assert_int_equal(told_read_cut(t, wire, str_of(stream), strlen(stream) / 2), 0);
}

/* However a stream is cut, the same is told. */
static inline void told_same_at_every_cut(const struct wire *wire, const char *stream)
{
    struct told whole;
    told_read(&whole, wire, stream);
    for (size_t cut = 0; cut <= strlen(stream); cut++) {
        struct told t;
        told_begin(&t);
        assert_int_equal(told_read_cut(&t, wire, str_of(stream), cut), 0);
        assert_same(buf_str(&t.text), buf_str(&whole.text));
        buf_release(&t.text);
    }
    buf_release(&whole.text);
}

/* A recorded stream of tests/fake/streams, in the arena. */
static inline const char *recorded(struct arena *arena, const char *name)
{
    char path[512];
    struct buf text;
    snprintf(path, sizeof(path), "%s/tests/fake/streams/%s", WEIR_SOURCE_DIR, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    buf_init(&text, CASE_BYTES_MAX);
    for (int c = fgetc(file); c != EOF; c = fgetc(file)) {
        buf_putc(&text, (char)c);
    }
    fclose(file);
    const char *copy = arena_cstr(arena, buf_str(&text));
    buf_release(&text);
    return copy;
}

#endif
