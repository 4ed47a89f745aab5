#ifndef FUZZ_WIRE_STREAM_H
#define FUZZ_WIRE_STREAM_H

/*
 * What the targets for streams and answers of wires share: a sink that holds a reader to the order
 * that message.h promises, with a writer of the Messages API behind it, whose events must be whole.
 */
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "llm/wire.h"
#include "net/sse.h"

#define FUZZ_OUT_MAX   (8u << 20)
#define FUZZ_PARTS_MAX 4096

struct fuzz_sink {
    bool started, over;
    size_t next;
    enum message_part_kind kinds[FUZZ_PARTS_MAX];
    bool open[FUZZ_PARTS_MAX];
    struct wire_writer *writer;
    struct buf out;
};

static inline void fuzz_check_delta(struct fuzz_sink *s, const struct message_delta *d)
{
    BUG_ON(s->over);
    BUG_ON(d->kind != MESSAGE_DELTA_FAIL && s->started == (d->kind == MESSAGE_DELTA_START));
    switch (d->kind) {
    case MESSAGE_DELTA_START:
        s->started = true;
        break;
    case MESSAGE_DELTA_OPEN:
        BUG_ON(d->index != s->next || s->next == FUZZ_PARTS_MAX);
        for (size_t i = 0; i < s->next; i++) {
            /* Calls alone may be open side by side. */
            BUG_ON(s->open[i] && s->kinds[i] != MESSAGE_CALL);
        }
        s->kinds[s->next] = d->part;
        s->open[s->next++] = true;
        break;
    case MESSAGE_DELTA_TEXT:
    case MESSAGE_DELTA_SIGNATURE:
    case MESSAGE_DELTA_CITATION:
    case MESSAGE_DELTA_CLOSE:
        BUG_ON(d->index >= s->next || !s->open[d->index] || s->kinds[d->index] != d->part);
        s->open[d->index] = d->kind != MESSAGE_DELTA_CLOSE;
        break;
    case MESSAGE_DELTA_FINISH:
        BUG_ON(d->finish == MESSAGE_FINISH_NONE);
        break;
    case MESSAGE_DELTA_USAGE:
        break;
    case MESSAGE_DELTA_FAIL:
    case MESSAGE_DELTA_END:
        s->over = true;
        break;
    }
}

static inline int fuzz_take(void *ctx, const struct message_delta *d)
{
    struct fuzz_sink *s = ctx;
    fuzz_check_delta(s, d);
    return s->next == FUZZ_PARTS_MAX ? ERR_LIMIT : wire_messages.write_delta(s->writer, d, &s->out);
}

/* Whole events of valid JSON, each named by its type. */
static inline void fuzz_check_events(struct str bytes)
{
    struct sse sse;
    struct sse_event event;
    sse_init(&sse, 2 * FUZZ_OUT_MAX);
    BUG_ON(sse_push(&sse, bytes) != 0);
    while (sse_next(&sse, &event)) {
        yyjson_doc *doc = json_parse(event.data, NULL);
        BUG_ON(!doc);
        BUG_ON(!str_eq(json_get_str(yyjson_doc_get_root(doc), "type"), event.event));
        yyjson_doc_free(doc);
    }
    BUG_ON(sse_rest(&sse).n > 0);
    sse_release(&sse);
}

static inline void fuzz_stream(const struct wire *wire, struct str stream)
{
    struct message_request request;
    struct wire_asked asked = {.request = &request, .id = STR("req")};
    struct fuzz_sink *s = x_calloc(1, sizeof(*s));
    struct wire_sink sink = {fuzz_take, s};
    struct wire_reader *reader = wire->reader_new();
    struct sse sse;
    struct sse_event event;
    int rc = 0;
    message_request_init(&request);
    s->writer = wire_messages.writer_new(&asked);
    buf_init(&s->out, FUZZ_OUT_MAX);
    sse_init(&sse, 1u << 20);
    if (sse_push(&sse, stream) == 0) {
        while (rc == 0 && sse_next(&sse, &event)) {
            rc = wire->read_event(reader, event.event, event.data, &sink);
        }
    }
    rc = rc == 0 ? wire->read_end(reader, &sink) : rc;
    if (rc == 0 && buf_ok(&s->out)) {
        fuzz_check_events(buf_str(&s->out));
    }
    sse_release(&sse);
    wire->reader_free(reader);
    wire_messages.writer_free(s->writer);
    buf_release(&s->out);
    x_free(s);
}

/* An answer that is read can be written, and read again. */
static inline void fuzz_answer(const struct wire *wire, struct str body)
{
    struct arena arena;
    struct message_request request;
    struct message_answer answer, again;
    struct wire_asked asked = {.request = &request, .id = STR("req")};
    struct buf out;
    arena_init(&arena);
    buf_init(&out, FUZZ_OUT_MAX);
    message_request_init(&request);
    message_answer_init(&answer);
    if (wire->read_answer(body, &arena, &answer, NULL) == 0) {
        wire_messages.write_answer(&answer, &asked, &out);
        BUG_ON(buf_ok(&out) && wire_messages.read_answer(buf_str(&out), &arena, &again, NULL) != 0);
    }
    buf_release(&out);
    arena_release(&arena);
}

#endif
