/*
 * Streams of the chat API, written: deltas to chunks.
 *
 * All chunks share id, created and model, which are written once into a prefix. The finish is held
 * until the end, because deltas may bring it early and nothing follows it in a chat stream but the
 * usage, if that was asked for.
 */
#include <stdio.h>

#include "core/attr.h"
#include "core/mem.h"
#include "llm/wire_chat.h"

#define PREFIX_BYTES_MAX (64u << 10)
#define SUFFIX           "},\"logprobs\":null,\"finish_reason\":null}]}\n\n"

struct wire_writer {
    const struct wire_asked *asked;
    struct buf prefix; /* to "delta":{ */
    size_t envelope;   /* bytes of it before ,"choices" */
    bool asks_usage;
    size_t *places; /* of each part: its index among the calls or thoughts */
    size_t part_count, part_room;
    size_t call_count, thought_count, citation_count;
    bool redacted;     /* the open thought */
    size_t chars;      /* of text told so far */
    size_t text_chars; /* of it before the open text */
    enum message_finish finish;
    struct usage usage;
};

struct wire_writer *wire_chat_writer_new(const struct wire_asked *asked)
{
    struct wire_writer *w = x_calloc(1, sizeof(*w));
    w->asked = asked;
    w->asks_usage = asked->request->asks_usage;
    buf_init(&w->prefix, PREFIX_BYTES_MAX);
    usage_init(&w->usage);
    return w;
}

void wire_chat_writer_free(struct wire_writer *w)
{
    if (w) {
        buf_release(&w->prefix);
        X_FREE(w->places);
        x_free(w);
    }
}

/* --- pieces of a chunk ------------------------------------------------------------------- */

static void begin(struct wire_writer *w, struct buf *out)
{
    buf_put_str(out, buf_str(&w->prefix));
}

static void finish_chunk(struct buf *out)
{
    buf_puts(out, SUFFIX);
}

static void put_string(struct wire_writer *w, const char *key, struct str text, struct buf *out)
{
    begin(w, out);
    buf_putc(out, '"');
    buf_puts(out, key);
    buf_puts(out, "\":");
    buf_put_json(out, text);
    finish_chunk(out);
}

static int write_start(struct wire_writer *w, const struct message_delta *d, struct buf *out)
{
    struct buf *p = &w->prefix;
    buf_clear(p);
    w->usage = d->usage;
    buf_puts(p, "data: {\"id\":");
    wire_openai_put_id(p, "chatcmpl-", d->id, w->asked->id);
    buf_puts(p, ",\"object\":\"chat.completion.chunk\",\"created\":");
    buf_put_i64(p, d->created_s >= 0 ? d->created_s : w->asked->created_s);
    buf_puts(p, ",\"model\":");
    buf_put_json(p, d->model.n > 0 ? d->model : w->asked->request->model);
    wire_put_str_member(p, "service_tier", d->service_tier);
    w->envelope = p->n;
    if (w->asks_usage) {
        buf_puts(p, ",\"usage\":null");
    }
    buf_puts(p, ",\"choices\":[{\"index\":0,\"delta\":{");
    if (!buf_ok(p)) {
        return ERR_LIMIT;
    }
    begin(w, out);
    buf_puts(out, "\"role\":\"assistant\",\"content\":\"\",\"refusal\":null");
    finish_chunk(out);
    return 0;
}

/* --- parts ------------------------------------------------------------------------------- */

static int add_place(struct wire_writer *w, size_t index, size_t place)
{
    if (index >= MESSAGE_COUNT_MAX) {
        return ERR_LIMIT;
    }
    if (index >= w->part_room) {
        w->part_room = index < 8 ? 16 : 2 * index;
        w->places = x_realloc(w->places, w->part_room * sizeof(*w->places));
    }
    while (w->part_count <= index) {
        w->places[w->part_count++] = 0;
    }
    w->places[index] = place;
    return 0;
}

/* Readers that name a part which is not open break their contract. */
static size_t place_of(const struct wire_writer *w, const struct message_delta *d)
{
    BUG_ON(d->index >= w->part_count);
    return w->places[d->index];
}

static void put_detail(struct wire_writer *w, const struct message_delta *d,
                       const struct message_part *thought, struct buf *out)
{
    begin(w, out);
    if (thought->text.n > 0) {
        buf_puts(out, "\"reasoning_content\":");
        buf_put_json(out, thought->text);
        buf_putc(out, ',');
    }
    buf_puts(out, "\"reasoning_details\":[");
    wire_chat_put_detail(out, place_of(w, d), thought);
    buf_putc(out, ']');
    finish_chunk(out);
}

static int open_thought(struct wire_writer *w, const struct message_delta *d, struct buf *out)
{
    struct message_part thought = {.kind = MESSAGE_THINKING, .id = d->id, .redacted = d->redacted};
    w->redacted = d->redacted;
    int rc = add_place(w, d->index, w->thought_count++);
    if (rc == 0 && d->id.n > 0) {
        put_detail(w, d, &thought, out);
    }
    return rc;
}

static int open_call(struct wire_writer *w, const struct message_delta *d, struct buf *out)
{
    size_t place = w->call_count++;
    int rc = add_place(w, d->index, place);
    if (rc < 0 || (w->asked->request->legacy_calls && place > 0)) {
        return rc;
    }
    begin(w, out);
    if (w->asked->request->legacy_calls) {
        buf_puts(out, "\"function_call\":{\"name\":");
        buf_put_json(out, d->name);
        buf_puts(out, ",\"arguments\":\"\"}");
        finish_chunk(out);
        return 0;
    }
    buf_puts(out, "\"tool_calls\":[{\"index\":");
    buf_put_u64(out, place);
    buf_puts(out, ",\"id\":");
    buf_put_json(out, d->id);
    buf_puts(out, ",\"type\":\"function\",\"function\":{\"name\":");
    buf_put_json(out, d->name);
    buf_puts(out, ",\"arguments\":\"\"}}]");
    finish_chunk(out);
    return 0;
}

static int write_open(struct wire_writer *w, const struct message_delta *d, struct buf *out)
{
    switch (d->part) {
    case MESSAGE_CALL:
        return open_call(w, d, out);
    case MESSAGE_THINKING:
        return open_thought(w, d, out);
    case MESSAGE_TEXT:
        w->text_chars = w->chars;
        return add_place(w, d->index, 0);
    case MESSAGE_IMAGE:
    case MESSAGE_FILE:
    case MESSAGE_AUDIO:
    case MESSAGE_RESULT:
    case MESSAGE_REFUSAL:
        break;
    }
    return add_place(w, d->index, 0);
}

static void write_arguments(struct wire_writer *w, const struct message_delta *d, struct buf *out)
{
    size_t place = place_of(w, d);
    bool legacy = w->asked->request->legacy_calls;
    if (legacy && place > 0) {
        return; /* the old API knows one call */
    }
    begin(w, out);
    if (legacy) {
        buf_puts(out, "\"function_call\":{\"arguments\":");
        buf_put_json(out, d->text);
        buf_putc(out, '}');
    } else {
        buf_puts(out, "\"tool_calls\":[{\"index\":");
        buf_put_u64(out, place);
        buf_puts(out, ",\"function\":{\"arguments\":");
        buf_put_json(out, d->text);
        buf_puts(out, "}}]");
    }
    finish_chunk(out);
}

static void write_text(struct wire_writer *w, const struct message_delta *d, struct buf *out)
{
    struct message_part thought = {.kind = MESSAGE_THINKING, .text = d->text};
    switch (d->part) {
    case MESSAGE_TEXT:
        w->chars += wire_openai_chars(d->text);
        put_string(w, "content", d->text, out);
        break;
    case MESSAGE_REFUSAL:
        put_string(w, "refusal", d->text, out);
        break;
    case MESSAGE_THINKING:
        put_detail(w, d, &thought, out);
        break;
    case MESSAGE_CALL:
        write_arguments(w, d, out);
        break;
    case MESSAGE_IMAGE:
    case MESSAGE_FILE:
    case MESSAGE_AUDIO:
    case MESSAGE_RESULT:
        break; /* no part of an answer here */
    }
}

static void write_signature(struct wire_writer *w, const struct message_delta *d, struct buf *out)
{
    struct message_part thought = {
        .kind = MESSAGE_THINKING, .signature = d->text, .redacted = w->redacted};
    put_detail(w, d, &thought, out);
}

static void write_citation(struct wire_writer *w, const struct message_delta *d, struct buf *out)
{
    /* OpenAI's SDK for Python puts lists together by index and fails without one. */
    begin(w, out);
    buf_puts(out, "\"annotations\":[{\"index\":");
    buf_put_u64(out, w->citation_count++);
    buf_putc(out, ',');
    wire_chat_put_citation(out, &d->citation, w->text_chars, w->chars);
    buf_puts(out, "}]");
    finish_chunk(out);
}

/* --- the end ----------------------------------------------------------------------------- */

static void write_end(struct wire_writer *w, struct buf *out)
{
    enum message_finish finish = w->finish;
    if (finish == MESSAGE_FINISH_NONE) {
        finish = w->call_count > 0 ? MESSAGE_FINISH_CALLS : MESSAGE_FINISH_STOP;
    }
    begin(w, out);
    buf_puts(out, "},\"logprobs\":null,\"finish_reason\":\"");
    buf_puts(out, wire_chat_finish_name(finish, w->asked->request->legacy_calls));
    buf_puts(out, "\"}]}\n\n");
    if (w->asks_usage) {
        buf_put_str(out, str_head(buf_str(&w->prefix), w->envelope));
        buf_puts(out, ",\"choices\":[],\"usage\":");
        wire_chat_put_usage(out, &w->usage);
        buf_puts(out, "}\n\n");
    }
    buf_puts(out, "data: [DONE]\n\n");
}

static void write_fail(const struct message_delta *d, struct buf *out)
{
    char type[64];
    snprintf(type, sizeof(type), "%.*s", STR_ARG(str_head(d->name, sizeof(type) - 1)));
    struct dialect_error error = {
        .status = 500, .message = d->text, .type = type[0] ? type : "server_error"};
    dialect_write_stream_error(ROUTE_CHAT, &error, 0, out);
}

int wire_chat_write_delta(struct wire_writer *w, const struct message_delta *d, struct buf *out)
{
    int rc = 0;
    switch (d->kind) {
    case MESSAGE_DELTA_START:
        rc = write_start(w, d, out);
        break;
    case MESSAGE_DELTA_OPEN:
        rc = write_open(w, d, out);
        break;
    case MESSAGE_DELTA_TEXT:
        write_text(w, d, out);
        break;
    case MESSAGE_DELTA_SIGNATURE:
        write_signature(w, d, out);
        break;
    case MESSAGE_DELTA_CITATION:
        write_citation(w, d, out);
        break;
    case MESSAGE_DELTA_CLOSE:
        break; /* chunks do not tell */
    case MESSAGE_DELTA_FINISH:
        w->finish = d->finish;
        break;
    case MESSAGE_DELTA_USAGE:
        w->usage = d->usage;
        break;
    case MESSAGE_DELTA_FAIL:
        write_fail(d, out);
        break;
    case MESSAGE_DELTA_END:
        write_end(w, out);
        break;
    }
    return rc == 0 && !buf_ok(out) ? ERR_LIMIT : rc;
}
