#ifndef FUZZ_WIRE_FUZZ_H
#define FUZZ_WIRE_FUZZ_H

/*
 * What any wire must do with any bytes: a request that is read can be written and read again, and
 * is then written the same; deltas keep the order that message.h promises; what is written for a
 * client is JSON.
 */
#include "core/arena.h"
#include "core/error.h"
#include "core/json.h"
#include "llm/wire.h"
#include "net/sse.h"

#define WIRE_FUZZ_BYTES_MAX (64u << 20)
#define WIRE_FUZZ_PARTS_MAX 4096

static inline void wire_fuzz_is_json(struct str text)
{
    struct error err = {0};
    yyjson_doc *doc = json_parse(text, &err);
    BUG_ON(!doc);
    yyjson_doc_free(doc);
}

/* --- requests ---------------------------------------------------------------------------- */

static inline bool wire_fuzz_rewrite(const struct wire *reads, const struct wire *writes,
                                     const struct quirk *quirk, struct str body, struct buf *out)
{
    struct arena arena;
    struct error err = {0};
    struct message_request request;
    const struct wire_target target = {
        .model = STR("m"), .default_max_output = 4096, .quirk = quirk};
    arena_init(&arena);
    struct message_notes *notes = ARENA_NEW(&arena, struct message_notes);
    message_notes_init(notes, &arena, false, "there");
    bool ok = reads->read_request(body, notes, &request, &err) == 0 &&
              writes->write_request(&request, &target, notes, out, &err) == 0;
    BUG_ON(!ok && err.text[0] == '\0');
    arena_release(&arena);
    return ok;
}

/* `reads` is the client's wire, `writes` one that can also read what it writes. */
static inline void wire_fuzz_request(const struct wire *reads, const struct wire *writes,
                                     const struct quirk *quirk, struct str body)
{
    struct buf once;
    struct buf twice;
    buf_init(&once, WIRE_FUZZ_BYTES_MAX);
    buf_init(&twice, WIRE_FUZZ_BYTES_MAX);
    if (wire_fuzz_rewrite(reads, writes, quirk, body, &once)) {
        wire_fuzz_is_json(buf_str(&once));
        BUG_ON(!wire_fuzz_rewrite(writes, writes, quirk, buf_str(&once), &twice));
        BUG_ON(!str_eq(buf_str(&once), buf_str(&twice)));
    }
    buf_release(&once);
    buf_release(&twice);
}

/* --- streams ----------------------------------------------------------------------------- */

/* A client behind a reader: holds the deltas to their order and writes them out. */
struct wire_fuzz_client {
    const struct wire *wire;
    struct wire_writer *writer;
    struct buf out;
    bool started, ended;
    size_t part_count;
    enum message_part_kind parts[WIRE_FUZZ_PARTS_MAX];
    bool open[WIRE_FUZZ_PARTS_MAX];
};

static inline void wire_fuzz_check_open(struct wire_fuzz_client *c, const struct message_delta *d)
{
    BUG_ON(d->index != c->part_count);
    for (size_t i = 0; i < c->part_count; i++) {
        BUG_ON(c->open[i] && (c->parts[i] != MESSAGE_CALL || d->part != MESSAGE_CALL));
    }
    c->parts[c->part_count] = d->part;
    c->open[c->part_count++] = true;
}

static inline void wire_fuzz_check(struct wire_fuzz_client *c, const struct message_delta *d)
{
    BUG_ON(c->ended);
    BUG_ON(!c->started && d->kind != MESSAGE_DELTA_START && d->kind != MESSAGE_DELTA_FAIL);
    switch (d->kind) {
    case MESSAGE_DELTA_START:
        BUG_ON(c->started);
        c->started = true;
        break;
    case MESSAGE_DELTA_OPEN:
        wire_fuzz_check_open(c, d);
        break;
    case MESSAGE_DELTA_TEXT:
    case MESSAGE_DELTA_CLOSE:
        BUG_ON(d->index < c->part_count && d->part != c->parts[d->index]);
        BUG_ON(d->index >= c->part_count || !c->open[d->index]);
        c->open[d->index] = d->kind == MESSAGE_DELTA_TEXT;
        break;
    case MESSAGE_DELTA_SIGNATURE:
    case MESSAGE_DELTA_CITATION:
        BUG_ON(d->index >= c->part_count || !c->open[d->index]);
        break;
    case MESSAGE_DELTA_FINISH:
    case MESSAGE_DELTA_USAGE:
        break;
    case MESSAGE_DELTA_END:
        for (size_t i = 0; i < c->part_count; i++) {
            BUG_ON(c->open[i]);
        }
        c->ended = true;
        break;
    case MESSAGE_DELTA_FAIL:
        BUG_ON(d->text.n == 0);
        c->ended = true;
        break;
    }
}

static inline int wire_fuzz_take(void *ctx, const struct message_delta *delta)
{
    struct wire_fuzz_client *c = ctx;
    if (delta->kind == MESSAGE_DELTA_OPEN && c->part_count == WIRE_FUZZ_PARTS_MAX) {
        return ERR_LIMIT;
    }
    wire_fuzz_check(c, delta);
    return c->wire->write_delta(c->writer, delta, &c->out);
}

/* Every event that was written holds JSON, or the mark of the end. */
static inline void wire_fuzz_check_events(struct str stream)
{
    struct sse events;
    struct sse_event event;
    sse_init(&events, WIRE_FUZZ_BYTES_MAX);
    BUG_ON(sse_push(&events, stream) < 0);
    while (sse_next(&events, &event)) {
        if (!str_is(event.data, "[DONE]")) {
            wire_fuzz_is_json(event.data);
        }
    }
    BUG_ON(sse_rest(&events).n > 0);
    sse_release(&events);
}

static inline void wire_fuzz_stream(const struct wire *reads, const struct wire *client,
                                    const struct message_request *request, struct str stream)
{
    static struct wire_fuzz_client c; /* too large for the stack */
    const struct wire_asked asked = {.request = request, .body = STR("{}"), .id = STR("own")};
    struct sse events;
    struct sse_event event;
    struct wire_reader *reader = reads->reader_new();
    const struct wire_sink sink = {wire_fuzz_take, &c};
    int rc = 0;
    c = (struct wire_fuzz_client){.wire = client, .writer = client->writer_new(&asked)};
    buf_init(&c.out, WIRE_FUZZ_BYTES_MAX);
    sse_init(&events, WIRE_FUZZ_BYTES_MAX);
    if (sse_push(&events, stream) == 0) {
        while (rc == 0 && sse_next(&events, &event)) {
            rc = event.has_data ? reads->read_event(reader, event.event, event.data, &sink) : 0;
        }
    }
    if (rc == 0 && !c.ended) {
        rc = reads->read_end(reader, &sink);
    }
    BUG_ON(rc < 0 && rc != ERR_LIMIT);
    if (rc == 0) {
        wire_fuzz_check_events(buf_str(&c.out));
    }
    sse_release(&events);
    buf_release(&c.out);
    client->writer_free(c.writer);
    reads->reader_free(reader);
}

/* --- answers ----------------------------------------------------------------------------- */

static inline void wire_fuzz_answer(const struct wire *reads, const struct wire *client,
                                    const struct message_request *request, struct str body)
{
    const struct wire_asked asked = {.request = request, .body = STR("{}"), .id = STR("own")};
    struct arena arena;
    struct error err = {0};
    struct message_answer answer;
    struct buf out;
    arena_init(&arena);
    buf_init(&out, WIRE_FUZZ_BYTES_MAX);
    message_answer_init(&answer);
    if (reads->read_answer(body, &arena, &answer, &err) == 0) {
        client->write_answer(&answer, &asked, &out);
        wire_fuzz_is_json(buf_str(&out));
    } else {
        BUG_ON(err.text[0] == '\0');
    }
    buf_release(&out);
    arena_release(&arena);
}

#endif
