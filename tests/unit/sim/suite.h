#ifndef UNIT_SIM_SUITE_H
#define UNIT_SIM_SUITE_H

/*
 * What the suites of the simulated provider share: cmocka's headers, comparisons, a value for every
 * kind of dial, and questions that are read and answered without a network.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/str.h"
#include "net/sse.h"
#include "sim/dial.h"
#include "sim/sim_answer.h"
#include "sim/sim_ask.h"
#include "sim/sim_speech.h"

#define assert_str(actual, expected) check_str((actual), str_of(expected), __FILE__, __LINE__)
#define assert_same(actual, other)   check_str((actual), (other), __FILE__, __LINE__)
#define assert_has(text, part)       check_has((text), str_of(part), true, __FILE__, __LINE__)
#define assert_lacks(text, part)     check_has((text), str_of(part), false, __FILE__, __LINE__)

static inline void check_str(struct str actual, struct str expected, const char *file, int line)
{
    if (!str_eq(actual, expected)) {
        print_error("got  \"%.*s\"\nwant \"%.*s\"\n", STR_ARG(actual), STR_ARG(expected));
        _fail(file, line);
    }
}

static inline void check_has(struct str text, struct str part, bool wanted, const char *file,
                             int line)
{
    if ((str_find(text, part) >= 0) != wanted) {
        print_error("\"%.*s\" %s \"%.*s\"\n", STR_ARG(text), wanted ? "lacks" : "has",
                    STR_ARG(part));
        _fail(file, line);
    }
}

/* How often a part occurs. */
static inline size_t count_of(struct str text, const char *part)
{
    size_t n = 0;
    struct str needle = str_of(part);
    for (ptrdiff_t at; (at = str_find(text, needle)) >= 0; n++) {
        text = str_from(text, (size_t)at + needle.n);
    }
    return n;
}

/* A value that is good for the dial and not its default. */
static inline struct str good_value(const struct dial *dial)
{
    static const char *const values[] = {
        [DIAL_KIND_LAW] = "uniform:1,2",  [DIAL_KIND_RATE] = "0.25", [DIAL_KIND_NUMBER] = "12.5",
        [DIAL_KIND_COUNT] = "12",         [DIAL_KIND_BOOL] = "true", [DIAL_KIND_DURATION] = "30s",
        [DIAL_KIND_TEXT] = "well, hello", [DIAL_KIND_FAULT] = "503", [DIAL_KIND_ENUM] = NULL,
    };
    struct str rest = str_of(dial->names);
    struct str name = STR_EMPTY;
    while (dial->kind == DIAL_KIND_ENUM && rest.n > 0) {
        name = str_split(&rest, '|');
    }
    return dial->kind == DIAL_KIND_ENUM ? name : str_of(values[dial->kind]);
}

/* A value that the dial must refuse; empty for text, which refuses none. */
static inline struct str bad_value_of(const struct dial *dial)
{
    static const char *const values[] = {
        [DIAL_KIND_LAW] = "gauss:1",  [DIAL_KIND_RATE] = "1.5",   [DIAL_KIND_NUMBER] = "-1",
        [DIAL_KIND_COUNT] = "-1",     [DIAL_KIND_BOOL] = "maybe", [DIAL_KIND_DURATION] = "soon",
        [DIAL_KIND_ENUM] = "nothing", [DIAL_KIND_FAULT] = "200",  [DIAL_KIND_TEXT] = "",
    };
    return str_of(values[dial->kind]);
}

/* ---- questions and answers without a network ---- */

struct exam {
    struct arena arena;
    struct dials dials;
    struct sim_ask *ask;
    struct sim_answer *answer;
    struct sim_speech speech;
    struct sim_refusal refusal;
    struct buf out;
};

static inline void exam_begin(struct exam *e)
{
    *e = (struct exam){.ask = NULL};
    arena_init(&e->arena);
    dials_init(&e->dials);
    buf_init(&e->out, 64u << 20);
}

static inline void exam_end(struct exam *e)
{
    buf_release(&e->out);
    arena_release(&e->arena);
}

static inline void exam_dial(struct exam *e, const char *name, const char *value)
{
    struct error err = {0};
    if (dial_set(&e->dials, str_of(name), str_of(value), &err) != 0) {
        fail_msg("%s", err.text);
    }
}

/* Reads a question with seed 7; 0 or -1. */
static inline int exam_read(struct exam *e, enum sim_route route, const char *body)
{
    return sim_ask_read(&e->arena, route, str_of(body), 7, false, &e->ask, &e->refusal);
}

/* Reads a question that must be good and plans its answer. */
static inline void exam_plan(struct exam *e, enum sim_route route, const char *body)
{
    if (exam_read(e, route, body) != 0) {
        fail_msg("%s", e->refusal.message);
    }
    sim_answer_plan(&e->arena, e->ask, &e->dials, &e->answer);
}

/* The whole answer to a question: a stream when it asks for one. The view is valid until the next
 * call. */
static inline struct str exam_answer(struct exam *e, enum sim_route route, const char *body)
{
    exam_plan(e, route, body);
    sim_speech_start(&e->speech, &e->arena, e->ask, e->answer, &e->dials);
    buf_clear(&e->out);
    if (e->ask->stream) {
        while (sim_speech_next(&e->speech, &e->out)) {
        }
    } else {
        sim_speech_whole(&e->speech, &e->out);
    }
    return buf_str(&e->out);
}

/* Parses a JSON text that must be good; freed with the exam. */
static inline void free_json(void *doc)
{
    yyjson_doc_free(doc);
}

static inline yyjson_val *exam_json(struct exam *e, struct str text)
{
    struct error err = {0};
    yyjson_doc *doc = json_parse(text, &err);
    if (!doc) {
        fail_msg("%s in %.*s", err.text, STR_ARG(text));
    }
    arena_defer(&e->arena, free_json, doc);
    return yyjson_doc_get_root(doc);
}

/* ---- streams ---- */

#define STREAM_EVENTS_MAX 2000

struct stream {
    size_t n;
    struct str names[STREAM_EVENTS_MAX]; /* empty for events without a name */
    struct str data[STREAM_EVENTS_MAX];
    yyjson_val *json[STREAM_EVENTS_MAX]; /* NULL for [DONE] */
};

/* Reads a whole stream apart; nothing may be left over. Copies are in the exam's arena. */
static inline void stream_read(struct exam *e, struct str bytes, struct stream *ret)
{
    struct sse reader;
    struct sse_event event;
    ret->n = 0;
    sse_init(&reader, 16u << 20);
    assert_int_equal(sse_push(&reader, bytes), 0);
    while (sse_next(&reader, &event)) {
        assert_true(event.has_data && ret->n < STREAM_EVENTS_MAX);
        ret->names[ret->n] = arena_str(&e->arena, event.event);
        ret->data[ret->n] = arena_str(&e->arena, event.data);
        bool done = str_is(event.data, "[DONE]");
        ret->json[ret->n] = done ? NULL : exam_json(e, ret->data[ret->n]);
        ret->n++;
    }
    assert_int_equal(sse_rest(&reader).n, 0);
    sse_release(&reader);
}

/* The value at a JSON pointer; must be there. */
static inline yyjson_val *at(yyjson_val *root, const char *pointer)
{
    yyjson_val *value = yyjson_ptr_get(root, pointer);
    if (!value) {
        fail_msg("nothing at %s", pointer);
    }
    return value;
}

static inline struct str text_at(yyjson_val *root, const char *pointer)
{
    return json_str(at(root, pointer));
}

static inline int64_t number_at(yyjson_val *root, const char *pointer)
{
    return yyjson_get_sint(at(root, pointer));
}

#endif
