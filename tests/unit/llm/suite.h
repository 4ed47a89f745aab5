#ifndef UNIT_LLM_SUITE_H
#define UNIT_LLM_SUITE_H

/*
 * What the suites of the LLM layer share: cmocka's headers, comparisons of struct str, and a relay
 * that sends a whole recorded stream through an adapter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/str.h"
#include "llm/provider.h"
#include "net/sse.h"

#define assert_str(actual, expected)  check_str((actual), str_of(expected), __FILE__, __LINE__)
#define assert_same(actual, expected) check_str((actual), (expected), __FILE__, __LINE__)
#define assert_has(text, part)        check_has((text), (part), __FILE__, __LINE__)

static inline void check_str(struct str actual, struct str expected, const char *file, int line)
{
    if (!str_eq(actual, expected)) {
        print_error("got  \"%.*s\"\nwant \"%.*s\"\n", STR_ARG(actual), STR_ARG(expected));
        _fail(file, line);
    }
}

static inline void check_has(const char *text, const char *part, const char *file, int line)
{
    if (!strstr(text, part)) {
        print_error("\"%s\" lacks \"%s\"\n", text, part);
        _fail(file, line);
    }
}

struct relay {
    struct answer_facts facts;
    struct buf out; /* what the client would receive */
    int passed;
    int dropped;
    int replaced;
};

static inline void relay_one(struct relay *r, const struct provider *provider, enum route route,
                             const struct sse_event *event, bool strip)
{
    struct buf replacement;
    buf_init(&replacement, 1u << 20);
    switch (provider->on_event(route, event->event, event->data, event->raw, strip, &r->facts,
                               &replacement)) {
    case PROVIDER_PASS:
        buf_put_str(&r->out, event->raw);
        r->passed++;
        break;
    case PROVIDER_DROP:
        r->dropped++;
        break;
    case PROVIDER_REPLACE:
        buf_put_str(&r->out, buf_str(&replacement));
        r->replaced++;
        break;
    }
    buf_release(&replacement);
}

/* Relays a stream; relay_end releases. */
static inline void relay_run(struct relay *r, const struct provider *provider, enum route route,
                             const char *stream, bool strip)
{
    struct sse reader;
    struct sse_event event;
    *r = (struct relay){0};
    answer_facts_init(&r->facts);
    buf_init(&r->out, 1u << 20);
    sse_init(&reader, 1u << 20);
    assert_int_equal(sse_push(&reader, str_of(stream)), 0);
    while (sse_next(&reader, &event)) {
        relay_one(r, provider, route, &event, strip);
    }
    buf_put_str(&r->out, sse_rest(&reader));
    sse_release(&reader);
}

static inline void relay_end(struct relay *r)
{
    answer_facts_release(&r->facts);
    buf_release(&r->out);
}

/* A stream that must reach the client byte for byte. */
static inline void relay_unchanged(struct relay *r, const struct provider *provider,
                                   enum route route, const char *stream, bool strip)
{
    relay_run(r, provider, route, stream, strip);
    assert_str(buf_str(&r->out), stream);
    assert_int_equal(r->dropped + r->replaced, 0);
}

#endif
