#ifndef UNIT_LLM_WIRED_H
#define UNIT_LLM_WIRED_H

/*
 * What the suites of wires share: a request, answer or stream sent through one wire, with the
 * memory it needs, and the properties that every wire is held to.
 */
#include "core/arena.h"
#include "core/error.h"
#include "llm/wire.h"
#include "llm/wire_json.h"
#include "unit/llm/generate.h"
#include "unit/llm/meaning.h"
#include "unit/llm/suite.h"

#define WIRED_BYTES_MAX (64u << 20)

struct wired {
    struct arena arena;
    struct message_notes notes;
    struct error err;
    struct message_request request;
    struct message_answer answer;
    struct meaning_collector collected;
    struct buf out;
    struct wire_target target; /* as written for: OpenAI's own API unless changed */
};

static inline void wired_init(struct wired *w)
{
    *w = (struct wired){0};
    arena_init(&w->arena);
    message_notes_init(&w->notes, &w->arena, false, "provider \"there\"");
    message_request_init(&w->request);
    message_answer_init(&w->answer);
    buf_init(&w->out, WIRED_BYTES_MAX);
    w->target = (struct wire_target){.model = STR("target-model"), .quirk = &quirk_table[0]};
}

static inline void wired_release(struct wired *w)
{
    arena_release(&w->arena);
    buf_release(&w->out);
}

/* The bodies in the tests are kept in the arena, as the gateway keeps them for the call. */
static inline int wired_read(struct wired *w, const struct wire *wire, const char *body)
{
    return wire->read_request(arena_str(&w->arena, str_of(body)), &w->notes, &w->request, &w->err);
}

static inline void wired_read_ok(struct wired *w, const struct wire *wire, const char *body)
{
    if (wired_read(w, wire, body) < 0) {
        fail_msg("%s\nin %s", w->err.text, body);
    }
}

/* Refused or invalid, and the field is named. */
static inline void wired_read_fails(struct wired *w, const struct wire *wire, const char *body,
                                    const char *field)
{
    assert_int_equal(wired_read(w, wire, body), ERR_INVALID);
    assert_string_equal(w->notes.refused, field);
    assert_has(w->err.text, field);
}

/* What was dropped, as one list. */
static inline void wired_dropped(const struct wired *w, const char *expected)
{
    char list[4096];
    message_notes_list(&w->notes, list, sizeof(list));
    assert_string_equal(list, expected);
}

/* Writes w->request; the text is valid until the next write. */
static inline const char *wired_write(struct wired *w, const struct wire *wire)
{
    buf_clear(&w->out);
    if (wire->write_request(&w->request, &w->target, &w->notes, &w->out, &w->err) < 0) {
        fail_msg("%s", w->err.text);
    }
    yyjson_doc *doc = json_parse(buf_str(&w->out), &w->err);
    if (!doc) {
        fail_msg("%s\nin %s", w->err.text, buf_cstr(&w->out));
    }
    yyjson_doc_free(doc);
    return buf_cstr(&w->out);
}

static inline void wired_write_fails(struct wired *w, const struct wire *wire, const char *field)
{
    buf_clear(&w->out);
    assert_int_equal(wire->write_request(&w->request, &w->target, &w->notes, &w->out, &w->err),
                     ERR_INVALID);
    assert_string_equal(w->notes.refused, field);
}

/* Sends the bytes of a stream through a reader into w->collected. */
static inline int wired_stream(struct wired *w, const struct wire *wire, struct str stream)
{
    struct sse events;
    struct sse_event event;
    struct wire_reader *reader = wire->reader_new();
    int rc = 0;
    meaning_collector_init(&w->collected, &w->arena);
    struct wire_sink sink = meaning_collector_sink(&w->collected);
    sse_init(&events, WIRED_BYTES_MAX);
    assert_int_equal(sse_push(&events, stream), 0);
    while (rc == 0 && sse_next(&events, &event)) {
        if (event.has_data) {
            rc = wire->read_event(reader, event.event, event.data, &sink);
        }
    }
    rc = rc < 0 ? rc : wire->read_end(reader, &sink);
    sse_release(&events);
    wire->reader_free(reader);
    return rc;
}

static inline void wired_stream_ok(struct wired *w, const struct wire *wire, const char *stream)
{
    assert_int_equal(wired_stream(w, wire, str_of(stream)), 0);
    assert_string_equal(w->collected.broken, "");
    if (!w->collected.ended) {
        meaning_collector_close(&w->collected);
    }
}

struct wired_sink {
    const struct wire *wire;
    struct wire_writer *writer;
    struct buf *out;
};

static inline int wired_take(void *ctx, const struct message_delta *delta)
{
    struct wired_sink *s = ctx;
    return s->wire->write_delta(s->writer, delta, s->out);
}

/* Writes an answer as a stream into w->out. */
static inline void wired_write_stream(struct wired *w, const struct wire *wire, struct generate *g,
                                      const struct message_answer *answer,
                                      const struct wire_asked *asked)
{
    struct wired_sink s = {wire, wire->writer_new(asked), &w->out};
    struct wire_sink sink = {wired_take, &s};
    buf_clear(&w->out);
    assert_int_equal(generate_stream(g, answer, &sink), 0);
    wire->writer_free(s.writer);
}

/* --- properties -------------------------------------------------------------------------- */

/* What was read from what was written means the same. */
static inline void wired_keeps_request(const struct wire *wire, const struct quirk *quirk,
                                       uint64_t seed, unsigned mask)
{
    struct wired w;
    struct generate g;
    struct message_request made;
    char what[64];
    wired_init(&w);
    w.target.quirk = quirk;
    snprintf(what, sizeof(what), "%s, request of seed %llu", wire->name, (unsigned long long)seed);
    generate_init(&g, &w.arena, seed, mask);
    generate_request(&g, &made);
    w.request = made;
    const char *body = wired_write(&w, wire);
    wired_dropped(&w, "");
    wired_read_ok(&w, wire, body);
    wired_dropped(&w, "");
    meaning_same_request(&w.request, &made, what);
    assert_str(w.request.model, "target-model");
    wired_release(&w);
}

static inline void wired_keeps_answer(const struct wire *wire, uint64_t seed, unsigned mask)
{
    struct wired w;
    struct generate g;
    struct message_answer made;
    char what[64];
    wired_init(&w);
    snprintf(what, sizeof(what), "%s, answer of seed %llu", wire->name, (unsigned long long)seed);
    generate_init(&g, &w.arena, seed, mask);
    generate_answer(&g, &made);
    struct wire_asked asked = {.request = &w.request, .id = STR("own"), .created_s = 1};
    wire->write_answer(&made, &asked, &w.out);
    struct str body = arena_str(&w.arena, buf_str(&w.out));
    if (wire->read_answer(body, &w.arena, &w.answer, &w.err) < 0) {
        fail_msg("%s: %s\n%.*s", what, w.err.text, STR_ARG(body));
    }
    meaning_same_answer(&w.answer, &made, what);
    wired_release(&w);
}

static inline void wired_keeps_stream(const struct wire *wire, uint64_t seed, unsigned mask)
{
    struct wired w;
    struct generate g;
    struct message_answer made;
    char what[64];
    wired_init(&w);
    snprintf(what, sizeof(what), "%s, stream of seed %llu", wire->name, (unsigned long long)seed);
    generate_init(&g, &w.arena, seed, mask);
    generate_answer(&g, &made);
    w.request.stream = true;
    w.request.asks_usage = true;
    struct wire_asked asked = {.request = &w.request, .id = STR("own"), .created_s = 1};
    wired_write_stream(&w, wire, &g, &made, &asked);
    assert_int_equal(wired_stream(&w, wire, buf_str(&w.out)), 0);
    assert_string_equal(w.collected.broken, "");
    assert_true(w.collected.ended);
    meaning_same_answer(&w.collected.answer, &made, what);
    wired_release(&w);
}

#endif
