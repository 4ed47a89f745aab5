#include "unit/llm/meaning.h"

#include <math.h>

#include "core/mem.h"
#include "unit/llm/suite.h"

/* Room for the dump of any request a test makes. */
#define DUMP_BYTES_MAX (16u << 20)

/* --- dumps ------------------------------------------------------------------------------- */

static void put_field(struct buf *out, const char *name, struct str value)
{
    if (value.n > 0) {
        buf_putf(out, " %s=", name);
        buf_put_json(out, value);
    }
}

/* Strings that are next to each other are one string. */
struct text_run {
    bool open;
    int owner; /* role of whom it is */
};

static void close_run(struct text_run *run, struct buf *out)
{
    if (run->open) {
        buf_puts(out, "\n");
        run->open = false;
    }
}

/* Bytes outside ASCII and control characters as hex, so that joined pieces dump like one. */
static void put_text(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c < ' ' || c == '\\' || c >= 0x7f) {
            buf_putf(out, "\\%02x", c);
        } else {
            buf_putc(out, (char)c);
        }
    }
}

static void dump_citations(const struct message_part *part, struct buf *out)
{
    for (size_t i = 0; i < part->citation_count; i++) {
        buf_puts(out, " cites");
        put_field(out, "url", part->citations[i].url);
        put_field(out, "title", part->citations[i].title);
    }
}

static void dump_text(const struct message_part *part, int owner, struct text_run *run,
                      struct buf *out)
{
    if (run->open && run->owner != owner) {
        close_run(run, out);
    }
    if (!run->open && (part->text.n > 0 || part->citation_count > 0)) {
        buf_putf(out, "%d text ", owner);
        *run = (struct text_run){true, owner};
    }
    put_text(out, part->text);
    dump_citations(part, out);
    if (part->cache != MESSAGE_CACHE_NONE && run->open) {
        buf_putf(out, " cache=%d", (int)part->cache);
        close_run(run, out);
    }
}

static void dump_media(const struct message_part *part, struct buf *out)
{
    put_field(out, "type", part->media_type);
    put_field(out, "data", part->data);
    put_field(out, "url", part->url);
    put_field(out, "file_id", part->file_id);
    put_field(out, "detail", part->detail);
    put_field(out, "name", part->name);
}

static void dump_result(const struct message_part *part, int owner, struct buf *out)
{
    struct text_run run = {0};
    put_field(out, "id", part->id);
    buf_puts(out, part->failed ? " failed {\n" : " {\n");
    for (size_t i = 0; i < part->part_count; i++) {
        if (part->parts[i].kind == MESSAGE_TEXT) {
            dump_text(&part->parts[i], owner, &run, out);
        } else {
            close_run(&run, out);
            buf_putf(out, "  part %d", (int)part->parts[i].kind);
            dump_media(&part->parts[i], out);
            buf_puts(out, "\n");
        }
    }
    close_run(&run, out);
    buf_puts(out, "}");
}

static void dump_part(const struct message_part *part, int owner, struct text_run *run,
                      struct buf *out)
{
    static const char *const names[] = {"text", "image",  "file",     "audio",
                                        "call", "result", "thinking", "refusal"};
    bool empty_thought =
        part->kind == MESSAGE_THINKING && part->text.n == 0 && part->signature.n == 0;
    if (part->kind == MESSAGE_TEXT) {
        dump_text(part, owner, run, out);
        return;
    }
    if (empty_thought) {
        return;
    }
    close_run(run, out);
    buf_putf(out, "%d %s", owner, names[part->kind]);
    switch (part->kind) {
    case MESSAGE_TEXT:
        break;
    case MESSAGE_IMAGE:
    case MESSAGE_FILE:
    case MESSAGE_AUDIO:
        dump_media(part, out);
        break;
    case MESSAGE_CALL:
        put_field(out, "id", part->id);
        put_field(out, "name", part->name);
        put_field(out, "json", part->json);
        break;
    case MESSAGE_RESULT:
        dump_result(part, owner, out);
        break;
    case MESSAGE_THINKING:
        put_field(out, "text", part->text);
        put_field(out, "signature", part->signature);
        buf_puts(out, part->redacted ? " redacted" : "");
        break;
    case MESSAGE_REFUSAL:
        put_field(out, "text", part->text);
        break;
    }
    if (part->cache != MESSAGE_CACHE_NONE) {
        buf_putf(out, " cache=%d", (int)part->cache);
    }
    buf_puts(out, "\n");
}

static void dump_messages(const struct message_request *r, struct buf *out)
{
    struct text_run run = {0};
    for (size_t i = 0; i < r->message_count; i++) {
        const struct message *m = &r->messages[i];
        if (m->name.n > 0) {
            close_run(&run, out);
            put_field(out, "name", m->name);
            buf_puts(out, "\n");
        }
        for (size_t k = 0; k < m->part_count; k++) {
            dump_part(&m->parts[k], (int)m->role, &run, out);
        }
    }
    close_run(&run, out);
}

static void dump_tools(const struct message_request *r, struct buf *out)
{
    for (size_t i = 0; i < r->tool_count; i++) {
        put_field(out, "name", r->tools[i].name);
        put_field(out, "description", r->tools[i].description);
        put_field(out, "schema", r->tools[i].schema);
        buf_putf(out, " strict=%d cache=%d\n", r->tools[i].strict, (int)r->tools[i].cache);
    }
}

static void dump_choice(const struct message_request *r, struct buf *out)
{
    buf_putf(out, "choice=%d parallel=%d", (int)r->choice, r->parallel_calls);
    put_field(out, "name", r->choice_name);
}

static void dump_format(const struct message_request *r, struct buf *out)
{
    buf_putf(out, "format=%d strict=%d", (int)r->format, r->schema_strict);
    put_field(out, "name", r->schema_name);
    put_field(out, "description", r->schema_description);
    put_field(out, "schema", r->schema);
}

static void dump_stop(const struct message_request *r, struct buf *out)
{
    for (size_t i = 0; i < r->stop_count; i++) {
        put_field(out, "stop", r->stop[i]);
    }
}

static void dump_sampling(const struct message_request *r, struct buf *out)
{
    buf_putf(out, "temperature=%.17g top_p=%.17g presence=%.17g frequency=%.17g", r->temperature,
             r->top_p, r->presence_penalty, r->frequency_penalty);
    buf_putf(out, " top_k=%lld", (long long)r->top_k);
    if (r->has_seed) {
        buf_putf(out, " seed=%lld", (long long)r->seed);
    }
    put_field(out, "logit_bias", r->logit_bias);
}

static void dump_limits(const struct message_request *r, struct buf *out)
{
    buf_putf(out, "stream=%d usage=%d max=%lld n=%lld", r->stream, r->asks_usage,
             (long long)r->max_output, (long long)r->n);
}

static void dump_thinking(const struct message_request *r, struct buf *out)
{
    buf_putf(out, "effort=%d budget=%lld adaptive=%d shown=%d", (int)r->effort,
             (long long)r->thinking_budget, r->thinking_adaptive, r->thinking_shown);
    put_field(out, "verbosity", r->verbosity);
}

static void dump_identity(const struct message_request *r, struct buf *out)
{
    put_field(out, "user", r->user);
    put_field(out, "metadata", r->metadata);
    put_field(out, "tier", r->service_tier);
    put_field(out, "cache_key", r->cache_key);
}

const struct meaning_feature meaning_features[] = {
    {"messages",    dump_messages},
    {"tools",       dump_tools   },
    {"tool choice", dump_choice  },
    {"format",      dump_format  },
    {"stop",        dump_stop    },
    {"sampling",    dump_sampling},
    {"limits",      dump_limits  },
    {"thinking",    dump_thinking},
    {"identity",    dump_identity},
    {NULL,          NULL         },
};

void meaning_dump_answer(const struct message_answer *a, struct buf *out)
{
    struct text_run run = {0};
    put_field(out, "id", a->id);
    put_field(out, "model", a->model);
    put_field(out, "tier", a->service_tier);
    put_field(out, "sequence", a->stop_sequence);
    buf_putf(out, " created=%lld finish=%d\n", (long long)a->created_s, (int)a->finish);
    buf_putf(out, "usage %lld %lld %lld %lld %lld\n", (long long)a->usage.input,
             (long long)a->usage.cached, (long long)a->usage.cache_write,
             (long long)a->usage.output, (long long)a->usage.reasoning);
    for (size_t i = 0; i < a->part_count; i++) {
        dump_part(&a->parts[i], MESSAGE_ASSISTANT, &run, out);
    }
    close_run(&run, out);
}

static void same(struct buf *actual, struct buf *expected, const char *what, const char *feature)
{
    assert_true(buf_ok(actual) && buf_ok(expected));
    if (!str_eq(buf_str(actual), buf_str(expected))) {
        fail_msg("%s: %s differ\n--- got\n%s\n--- want\n%s\n", what, feature, buf_cstr(actual),
                 buf_cstr(expected));
    }
    buf_release(actual);
    buf_release(expected);
}

void meaning_same_request(const struct message_request *actual,
                          const struct message_request *expected, const char *what)
{
    for (const struct meaning_feature *f = meaning_features; f->name; f++) {
        struct buf a;
        struct buf b;
        buf_init(&a, DUMP_BYTES_MAX);
        buf_init(&b, DUMP_BYTES_MAX);
        f->dump(actual, &a);
        f->dump(expected, &b);
        same(&a, &b, what, f->name);
    }
}

void meaning_same_answer(const struct message_answer *actual, const struct message_answer *expected,
                         const char *what)
{
    struct buf a;
    struct buf b;
    buf_init(&a, DUMP_BYTES_MAX);
    buf_init(&b, DUMP_BYTES_MAX);
    meaning_dump_answer(actual, &a);
    meaning_dump_answer(expected, &b);
    same(&a, &b, what, "answers");
}

/* --- the collector ----------------------------------------------------------------------- */

#define CITATIONS_MAX 64

struct meaning_part {
    struct message_part part;
    struct buf text;
    struct message_citation citations[CITATIONS_MAX];
    bool closed;
};

static void part_release(void *ptr)
{
    struct meaning_part *p = ptr;
    buf_release(&p->text);
}

static void parts_free(void *ptr)
{
    struct meaning_collector *c = ptr;
    for (size_t i = 0; i < c->part_count; i++) {
        part_release(&c->parts[i]);
    }
    X_FREE(c->parts);
}

void meaning_collector_init(struct meaning_collector *c, struct arena *arena)
{
    *c = (struct meaning_collector){.arena = arena};
    message_answer_init(&c->answer);
    arena_defer(arena, parts_free, c);
}

static int broken(struct meaning_collector *c, const char *what)
{
    if (c->broken[0] == '\0') {
        snprintf(c->broken, sizeof(c->broken), "delta %zu: %s", c->count, what);
    }
    return 0;
}

static bool blocks_others(enum message_part_kind kind)
{
    return kind != MESSAGE_CALL;
}

static int take_open(struct meaning_collector *c, const struct message_delta *d)
{
    if (d->index != c->part_count) {
        return broken(c, "indexes are not dense");
    }
    for (size_t i = 0; i < c->part_count; i++) {
        if (!c->parts[i].closed && blocks_others(c->parts[i].part.kind)) {
            broken(c, "opened beside an open text or thought");
        }
        if (!c->parts[i].closed && blocks_others(d->part)) {
            broken(c, "text or thought opened beside an open call");
        }
    }
    if (c->part_count == c->part_room) {
        c->part_room = c->part_room ? 2 * c->part_room : 16;
        c->parts = x_realloc(c->parts, c->part_room * sizeof(*c->parts));
    }
    struct meaning_part *p = &c->parts[c->part_count++];
    *p = (struct meaning_part){0};
    buf_init(&p->text, DUMP_BYTES_MAX);
    p->part.kind = d->part;
    p->part.id = arena_str(c->arena, d->id);
    p->part.name = arena_str(c->arena, d->name);
    p->part.redacted = d->redacted;
    return 0;
}

static void take_citation(struct meaning_collector *c, struct meaning_part *p,
                          const struct message_citation *from)
{
    if (p->part.citation_count == CITATIONS_MAX) {
        return;
    }
    struct message_citation *to = &p->citations[p->part.citation_count++];
    *to = *from;
    to->url = arena_str(c->arena, from->url);
    to->title = arena_str(c->arena, from->title);
    to->cited = arena_str(c->arena, from->cited);
}

static int take_piece(struct meaning_collector *c, const struct message_delta *d)
{
    if (d->index >= c->part_count || c->parts[d->index].closed) {
        return broken(c, "a piece of a part that is not open");
    }
    struct meaning_part *p = &c->parts[d->index];
    if (d->part != p->part.kind && d->kind != MESSAGE_DELTA_SIGNATURE &&
        d->kind != MESSAGE_DELTA_CITATION) {
        return broken(c, "a piece of another kind than its part");
    }
    if (d->kind == MESSAGE_DELTA_TEXT) {
        buf_put_str(&p->text, d->text);
    } else if (d->kind == MESSAGE_DELTA_SIGNATURE) {
        p->part.signature = arena_str(c->arena, d->text);
    } else if (d->kind == MESSAGE_DELTA_CITATION) {
        take_citation(c, p, &d->citation);
    } else {
        p->closed = true;
    }
    return 0;
}

static int take_start(struct meaning_collector *c, const struct message_delta *d)
{
    if (c->started) {
        return broken(c, "started twice");
    }
    c->started = true;
    c->answer.id = arena_str(c->arena, d->id);
    c->answer.model = arena_str(c->arena, d->model);
    c->answer.service_tier = arena_str(c->arena, d->service_tier);
    c->answer.created_s = d->created_s;
    c->answer.usage = d->usage;
    return 0;
}

static int take_end(struct meaning_collector *c, bool all_closed)
{
    for (size_t i = 0; all_closed && i < c->part_count; i++) {
        if (!c->parts[i].closed) {
            broken(c, "ended with an open part");
        }
    }
    c->ended = true;
    meaning_collector_close(c);
    return 0;
}

static int take(void *ctx, const struct message_delta *d)
{
    struct meaning_collector *c = ctx;
    c->count++;
    if (c->ended) {
        return broken(c, "something came behind the end");
    }
    if (!c->started && d->kind != MESSAGE_DELTA_START && d->kind != MESSAGE_DELTA_FAIL) {
        return broken(c, "something came before the start");
    }
    switch (d->kind) {
    case MESSAGE_DELTA_START:
        return take_start(c, d);
    case MESSAGE_DELTA_OPEN:
        return take_open(c, d);
    case MESSAGE_DELTA_TEXT:
    case MESSAGE_DELTA_SIGNATURE:
    case MESSAGE_DELTA_CITATION:
    case MESSAGE_DELTA_CLOSE:
        return take_piece(c, d);
    case MESSAGE_DELTA_FINISH:
        c->answer.finish = d->finish;
        c->answer.stop_sequence = arena_str(c->arena, d->text);
        c->finished = true;
        return 0;
    case MESSAGE_DELTA_USAGE:
        c->answer.usage = d->usage;
        return 0;
    case MESSAGE_DELTA_FAIL:
        snprintf(c->failed, sizeof(c->failed), "%.*s: %.*s", STR_ARG(d->name), STR_ARG(d->text));
        return take_end(c, false);
    case MESSAGE_DELTA_END:
        return take_end(c, true);
    }
    return broken(c, "of no kind");
}

struct wire_sink meaning_collector_sink(struct meaning_collector *c)
{
    return (struct wire_sink){take, c};
}

void meaning_collector_close(struct meaning_collector *c)
{
    c->answer.parts = ARENA_ARRAY(c->arena, struct message_part, c->part_count + 1);
    c->answer.part_count = c->part_count;
    for (size_t i = 0; i < c->part_count; i++) {
        struct meaning_part *p = &c->parts[i];
        struct str text = arena_str(c->arena, buf_str(&p->text));
        struct message_part *to = &c->answer.parts[i];
        *to = p->part;
        if (to->kind == MESSAGE_CALL) {
            to->json = text;
        } else {
            to->text = text;
        }
        to->citations = ARENA_ARRAY(c->arena, struct message_citation, to->citation_count + 1);
        memcpy(to->citations, p->citations, to->citation_count * sizeof(*to->citations));
    }
}
