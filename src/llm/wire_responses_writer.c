/*
 * Streams of the Responses API, written: deltas to events.
 *
 * The API repeats at the end of each part, each item and the whole what it has told in pieces, so
 * the answer's text is kept until its end. Parts of text in a row are one item of the kind message;
 * calls that are open side by side are items side by side.
 */
#include <stdio.h>

#include "core/attr.h"
#include "core/mem.h"
#include "llm/wire_responses.h"

#define ITEM_BYTES_MAX (32u << 20)

enum item_kind { ITEM_MESSAGE = 0, ITEM_REASONING, ITEM_CALL };

struct item {
    enum item_kind kind;
    bool done;
    const char *status;
    bool redacted;        /* REASONING */
    size_t content_count; /* MESSAGE: parts told */
    struct buf id;        /* as JSON */
    struct buf head;      /* members behind the id: "type" and what belongs to it */
    struct buf body;      /* MESSAGE: its finished parts as JSON; REASONING: its text; CALL: its
                             arguments */
    struct buf seal;      /* REASONING */
};

struct wire_writer {
    const struct wire_asked *asked;
    struct wire_responses_repeated repeated;
    struct buf id, model, service_tier;
    int64_t created_s;
    bool started;
    uint64_t sequence;
    struct item *items;
    size_t item_count, item_room;
    size_t *places; /* of each part: its item */
    size_t part_count, part_room;
    bool in_message; /* the last item is a message that is not done */
    struct buf text; /* of the open part of a message */
    struct buf annotations;
    size_t annotation_count, chars;
    bool in_summary; /* the open thought has told text */
    enum message_finish finish;
    struct usage usage;
};

struct wire_writer *wire_responses_writer_new(const struct wire_asked *asked)
{
    struct wire_writer *w = x_calloc(1, sizeof(*w));
    w->asked = asked;
    w->created_s = -1;
    buf_init(&w->id, ITEM_BYTES_MAX);
    buf_init(&w->model, ITEM_BYTES_MAX);
    buf_init(&w->service_tier, ITEM_BYTES_MAX);
    buf_init(&w->text, ITEM_BYTES_MAX);
    buf_init(&w->annotations, ITEM_BYTES_MAX);
    buf_put_str(&w->id, asked->id);
    wire_responses_repeat(asked->body, &w->repeated);
    usage_init(&w->usage);
    return w;
}

void wire_responses_writer_free(struct wire_writer *w)
{
    if (!w) {
        return;
    }
    for (size_t i = 0; i < w->item_count; i++) {
        buf_release(&w->items[i].id);
        buf_release(&w->items[i].head);
        buf_release(&w->items[i].body);
        buf_release(&w->items[i].seal);
    }
    X_FREE(w->items);
    X_FREE(w->places);
    buf_release(&w->id);
    buf_release(&w->model);
    buf_release(&w->service_tier);
    buf_release(&w->text);
    buf_release(&w->annotations);
    x_free(w);
}

/* --- pieces of an event ------------------------------------------------------------------ */

/* An event up to the members behind its number. */
static void begin(struct wire_writer *w, const char *name, struct buf *out)
{
    buf_puts(out, "event: ");
    buf_puts(out, name);
    buf_puts(out, "\ndata: {\"type\":\"");
    buf_puts(out, name);
    buf_puts(out, "\",\"sequence_number\":");
    buf_put_u64(out, w->sequence++);
}

static void end(struct buf *out)
{
    buf_puts(out, "}\n\n");
}

/* An event about an item, up to the members behind its place. */
static void begin_of(struct wire_writer *w, const char *name, size_t item, struct buf *out)
{
    begin(w, name, out);
    buf_puts(out, ",\"item_id\":");
    buf_put_str(out, buf_str(&w->items[item].id));
    buf_puts(out, ",\"output_index\":");
    buf_put_u64(out, item);
}

/* The same about the open part of a message. */
static void begin_of_content(struct wire_writer *w, const char *name, size_t item, struct buf *out)
{
    begin_of(w, name, item, out);
    buf_puts(out, ",\"content_index\":");
    buf_put_u64(out, w->items[item].content_count);
}

static void put_member(struct buf *out, const char *key, struct str text)
{
    buf_puts(out, ",\"");
    buf_puts(out, key);
    buf_puts(out, "\":");
    buf_put_json(out, text);
}

static void put_item(const struct item *item, struct buf *out)
{
    struct str body = item->done ? buf_str(&item->body) : STR_EMPTY;
    buf_puts(out, "{\"id\":");
    buf_put_str(out, buf_str(&item->id));
    buf_put_str(out, buf_str(&item->head));
    buf_putc(out, ',');
    switch (item->kind) {
    case ITEM_MESSAGE:
        buf_puts(out, "\"content\":[");
        buf_put_str(out, body);
        buf_putc(out, ']');
        break;
    case ITEM_REASONING:
        wire_responses_put_thought(out, body, buf_str(&item->seal), item->redacted);
        break;
    case ITEM_CALL:
        buf_puts(out, "\"arguments\":");
        buf_put_json(out, body);
        break;
    }
    if (item->kind != ITEM_REASONING) {
        put_member(out, "status", str_of(item->status));
    }
    buf_putc(out, '}');
}

static void write_item(struct wire_writer *w, const char *name, size_t item, struct buf *out)
{
    begin(w, name, out);
    buf_puts(out, ",\"output_index\":");
    buf_put_u64(out, item);
    buf_puts(out, ",\"item\":");
    put_item(&w->items[item], out);
    end(out);
}

static void write_item_done(struct wire_writer *w, size_t item, const char *status, struct buf *out)
{
    w->items[item].done = true;
    w->items[item].status = status;
    write_item(w, "response.output_item.done", item, out);
}

static const char *status_of(const struct wire_writer *w)
{
    return wire_responses_incomplete(w->finish) ? "incomplete" : "completed";
}

/* --- items ------------------------------------------------------------------------------- */

static struct item *add_item(struct wire_writer *w, enum item_kind kind, const char *prefix,
                             struct str id)
{
    if (w->item_count == w->item_room) {
        w->item_room = w->item_room ? 2 * w->item_room : 4;
        w->items = x_realloc(w->items, w->item_room * sizeof(*w->items));
    }
    size_t n = w->item_count++;
    struct item *item = &w->items[n];
    *item = (struct item){.kind = kind, .status = "in_progress"};
    buf_init(&item->id, ITEM_BYTES_MAX);
    buf_init(&item->head, ITEM_BYTES_MAX);
    buf_init(&item->body, ITEM_BYTES_MAX);
    buf_init(&item->seal, ITEM_BYTES_MAX);
    if (id.n > 0) {
        buf_put_json(&item->id, id);
    } else {
        wire_responses_put_item_id(&item->id, prefix, buf_str(&w->id), n);
    }
    return item;
}

static void close_message(struct wire_writer *w, const char *status, struct buf *out)
{
    if (w->in_message) {
        w->in_message = false;
        write_item_done(w, w->item_count - 1, status, out);
    }
}

static int add_place(struct wire_writer *w, size_t index)
{
    if (index >= MESSAGE_COUNT_MAX) {
        return ERR_LIMIT;
    }
    if (index >= w->part_room) {
        w->part_room = index < 8 ? 16 : 2 * index;
        w->places = x_realloc(w->places, w->part_room * sizeof(*w->places));
    }
    while (w->part_count <= index) {
        w->places[w->part_count++] = w->item_count - 1;
    }
    return 0;
}

static void open_message(struct wire_writer *w, const struct message_delta *d, struct buf *out)
{
    if (!w->in_message) {
        struct item *item = add_item(w, ITEM_MESSAGE, "msg", STR_EMPTY);
        buf_puts(&item->head, ",\"type\":\"message\",\"role\":\"assistant\"");
        w->in_message = true;
        write_item(w, "response.output_item.added", w->item_count - 1, out);
    }
    buf_clear(&w->text);
    buf_clear(&w->annotations);
    w->annotation_count = w->chars = 0;
    begin_of_content(w, "response.content_part.added", w->item_count - 1, out);
    buf_puts(out, ",\"part\":");
    if (d->part == MESSAGE_TEXT) {
        wire_responses_put_text(out, STR_EMPTY, STR_EMPTY);
    } else {
        wire_responses_put_refusal(out, STR_EMPTY);
    }
    end(out);
}

static void open_thought(struct wire_writer *w, const struct message_delta *d, struct buf *out)
{
    struct item *item = add_item(w, ITEM_REASONING, "rs", d->id);
    buf_puts(&item->head, ",\"type\":\"reasoning\"");
    item->redacted = d->redacted;
    w->in_summary = false;
    write_item(w, "response.output_item.added", w->item_count - 1, out);
}

static void open_call(struct wire_writer *w, const struct message_delta *d, struct buf *out)
{
    struct item *item = add_item(w, ITEM_CALL, "fc", STR_EMPTY);
    buf_puts(&item->head, ",\"type\":\"function_call\"");
    put_member(&item->head, "call_id", d->id);
    put_member(&item->head, "name", d->name);
    write_item(w, "response.output_item.added", w->item_count - 1, out);
}

static int write_open(struct wire_writer *w, const struct message_delta *d, struct buf *out)
{
    switch (d->part) {
    case MESSAGE_TEXT:
    case MESSAGE_REFUSAL:
        open_message(w, d, out);
        break;
    case MESSAGE_THINKING:
        close_message(w, "completed", out);
        open_thought(w, d, out);
        break;
    case MESSAGE_CALL:
        close_message(w, "completed", out);
        open_call(w, d, out);
        break;
    case MESSAGE_IMAGE:
    case MESSAGE_FILE:
    case MESSAGE_AUDIO:
    case MESSAGE_RESULT:
        return ERR_INVALID; /* no part of an answer here */
    }
    return add_place(w, d->index);
}

/* The item of an open part; readers that name another break their contract. */
static size_t place_of(const struct wire_writer *w, const struct message_delta *d)
{
    BUG_ON(d->index >= w->part_count);
    return w->places[d->index];
}

/* --- text -------------------------------------------------------------------------------- */

static void write_summary(struct wire_writer *w, size_t item, struct str text, struct buf *out)
{
    if (!w->in_summary) {
        w->in_summary = true;
        begin_of(w, "response.reasoning_summary_part.added", item, out);
        buf_puts(out, ",\"summary_index\":0,\"part\":{\"type\":\"summary_text\",\"text\":\"\"}");
        end(out);
    }
    begin_of(w, "response.reasoning_summary_text.delta", item, out);
    buf_puts(out, ",\"summary_index\":0");
    put_member(out, "delta", text);
    end(out);
    buf_put_str(&w->items[item].body, text);
}

static void write_text(struct wire_writer *w, const struct message_delta *d, struct buf *out)
{
    size_t item = place_of(w, d);
    switch (d->part) {
    case MESSAGE_TEXT:
        begin_of_content(w, "response.output_text.delta", item, out);
        put_member(out, "delta", d->text);
        buf_puts(out, ",\"logprobs\":[]");
        end(out);
        buf_put_str(&w->text, d->text);
        w->chars += wire_openai_chars(d->text);
        break;
    case MESSAGE_REFUSAL:
        begin_of_content(w, "response.refusal.delta", item, out);
        put_member(out, "delta", d->text);
        end(out);
        buf_put_str(&w->text, d->text);
        break;
    case MESSAGE_THINKING:
        write_summary(w, item, d->text, out);
        break;
    case MESSAGE_CALL:
        begin_of(w, "response.function_call_arguments.delta", item, out);
        put_member(out, "delta", d->text);
        end(out);
        buf_put_str(&w->items[item].body, d->text);
        break;
    case MESSAGE_IMAGE:
    case MESSAGE_FILE:
    case MESSAGE_AUDIO:
    case MESSAGE_RESULT:
        break;
    }
}

static void write_citation(struct wire_writer *w, const struct message_delta *d, struct buf *out)
{
    size_t at = w->annotations.n + (w->annotation_count > 0);
    buf_puts(&w->annotations, w->annotation_count > 0 ? "," : "");
    wire_responses_put_citation(&w->annotations, &d->citation, w->chars);
    begin_of_content(w, "response.output_text.annotation.added", place_of(w, d), out);
    buf_puts(out, ",\"annotation_index\":");
    buf_put_u64(out, w->annotation_count++);
    buf_puts(out, ",\"annotation\":");
    buf_put_str(out, str_from(buf_str(&w->annotations), at));
    end(out);
}

/* --- ends of parts ----------------------------------------------------------------------- */

static void close_text(struct wire_writer *w, size_t at, bool refusal, struct buf *out)
{
    struct item *item = &w->items[at];
    struct buf part;
    buf_init(&part, 8 * (size_t)ITEM_BYTES_MAX); /* escapes make six bytes of one */
    if (refusal) {
        begin_of_content(w, "response.refusal.done", at, out);
        put_member(out, "refusal", buf_str(&w->text));
        wire_responses_put_refusal(&part, buf_str(&w->text));
    } else {
        begin_of_content(w, "response.output_text.done", at, out);
        put_member(out, "text", buf_str(&w->text));
        buf_puts(out, ",\"logprobs\":[]");
        wire_responses_put_text(&part, buf_str(&w->text), buf_str(&w->annotations));
    }
    end(out);
    begin_of_content(w, "response.content_part.done", at, out);
    buf_puts(out, ",\"part\":");
    buf_put_str(out, buf_str(&part));
    end(out);
    buf_puts(&item->body, item->content_count++ > 0 ? "," : "");
    buf_put_str(&item->body, buf_str(&part));
    buf_release(&part);
}

static void close_thought(struct wire_writer *w, size_t at, struct buf *out)
{
    struct item *item = &w->items[at];
    if (w->in_summary) {
        begin_of(w, "response.reasoning_summary_text.done", at, out);
        buf_puts(out, ",\"summary_index\":0");
        put_member(out, "text", buf_str(&item->body));
        end(out);
        begin_of(w, "response.reasoning_summary_part.done", at, out);
        buf_puts(out, ",\"summary_index\":0,\"part\":{\"type\":\"summary_text\"");
        put_member(out, "text", buf_str(&item->body));
        buf_putc(out, '}');
        end(out);
        w->in_summary = false;
    }
    write_item_done(w, at, "completed", out);
}

static void close_call(struct wire_writer *w, size_t at, struct buf *out)
{
    begin_of(w, "response.function_call_arguments.done", at, out);
    put_member(out, "arguments", buf_str(&w->items[at].body));
    end(out);
    write_item_done(w, at, "completed", out);
}

static void write_close(struct wire_writer *w, const struct message_delta *d, struct buf *out)
{
    size_t at = place_of(w, d);
    switch (w->items[at].kind) {
    case ITEM_MESSAGE:
        close_text(w, at, d->part == MESSAGE_REFUSAL, out);
        break;
    case ITEM_REASONING:
        close_thought(w, at, out);
        break;
    case ITEM_CALL:
        close_call(w, at, out);
        break;
    }
}

/* --- the response ------------------------------------------------------------------------ */

static struct wire_responses_head head_of(const struct wire_writer *w, const char *status)
{
    return (struct wire_responses_head){
        .asked = w->asked,
        .repeated = &w->repeated,
        .id = buf_str(&w->id),
        .model = buf_str(&w->model),
        .service_tier = buf_str(&w->service_tier),
        .created_s = w->created_s,
        .status = status,
    };
}

static void write_response(struct wire_writer *w, const char *name,
                           const struct wire_responses_head *head, struct buf *out)
{
    bool any = false;
    begin(w, name, out);
    buf_puts(out, ",\"response\":");
    wire_responses_put_head(out, head);
    for (size_t i = 0; i < w->item_count; i++) {
        if (w->items[i].done) {
            buf_puts(out, any ? "," : "");
            put_item(&w->items[i], out);
            any = true;
        }
    }
    wire_responses_put_tail(out, head);
    end(out);
}

static int write_start(struct wire_writer *w, const struct message_delta *d, struct buf *out)
{
    buf_clear(&w->id);
    buf_put_str(&w->id, wire_responses_base_id(d->id, w->asked->id));
    buf_put_str(&w->model, d->model);
    buf_put_str(&w->service_tier, d->service_tier);
    w->created_s = d->created_s;
    w->usage = d->usage;
    w->started = true;
    struct wire_responses_head head = head_of(w, "in_progress");
    write_response(w, "response.created", &head, out);
    write_response(w, "response.in_progress", &head, out);
    return 0;
}

static void write_end(struct wire_writer *w, struct buf *out)
{
    const char *status = status_of(w);
    close_message(w, status, out);
    struct wire_responses_head head = head_of(w, status);
    head.incomplete = wire_responses_incomplete(w->finish);
    head.usage = &w->usage;
    write_response(w, head.incomplete ? "response.incomplete" : "response.completed", &head, out);
}

static void write_fail(struct wire_writer *w, const struct message_delta *d, struct buf *out)
{
    bool limited = str_starts(d->name, STR("rate_limit"));
    if (w->started) {
        struct wire_responses_head head = head_of(w, "failed");
        head.error_code = limited ? "rate_limit_exceeded" : "server_error";
        head.error_message = d->text;
        write_response(w, "response.failed", &head, out);
        return;
    }
    char type[64];
    snprintf(type, sizeof(type), "%.*s", STR_ARG(str_head(d->name, sizeof(type) - 1)));
    struct dialect_error error = {
        .status = 500, .message = d->text, .type = type[0] ? type : "server_error"};
    dialect_write_stream_error(ROUTE_RESPONSES, &error, (int64_t)w->sequence++, out);
}

/* Whether all that had to be kept found room. */
static bool is_whole(const struct wire_writer *w, const struct message_delta *d)
{
    if (!buf_ok(&w->text) || !buf_ok(&w->annotations)) {
        return false;
    }
    if (d->index >= w->part_count) {
        return true;
    }
    const struct item *item = &w->items[w->places[d->index]];
    return buf_ok(&item->body) && buf_ok(&item->seal);
}

int wire_responses_write_delta(struct wire_writer *w, const struct message_delta *d,
                               struct buf *out)
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
        buf_put_str(&w->items[place_of(w, d)].seal, d->text);
        break;
    case MESSAGE_DELTA_CITATION:
        write_citation(w, d, out);
        break;
    case MESSAGE_DELTA_CLOSE:
        write_close(w, d, out);
        break;
    case MESSAGE_DELTA_FINISH:
        w->finish = d->finish;
        break;
    case MESSAGE_DELTA_USAGE:
        w->usage = d->usage;
        break;
    case MESSAGE_DELTA_FAIL:
        write_fail(w, d, out);
        break;
    case MESSAGE_DELTA_END:
        write_end(w, out);
        break;
    }
    return rc == 0 && !(buf_ok(out) && is_whole(w, d)) ? ERR_LIMIT : rc;
}
