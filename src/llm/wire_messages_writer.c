#include "core/mem.h"
#include "llm/wire_messages.h"

/* Parts that are open side by side. */
#define OPEN_MAX 64
/* What is kept of parts whose turn has not come. */
#define HELD_BYTES_MAX (16u << 20)
#define WORD_BYTES_MAX 1024

/*
 * Parts become blocks one after the other, as clients expect: what comes for a part while an
 * earlier one is open is written to `held`, and goes out when its turn has come.
 */
struct block {
    size_t index; /* of the part */
    size_t place; /* of the block in the client's stream */
    enum message_part_kind kind;
    bool redacted, started, closed;
    struct buf id; /* of a call */
    struct buf held;
};

struct wire_writer {
    const struct wire_asked *asked;
    bool started, calls;
    struct usage usage;
    enum message_finish finish;
    struct buf id, sequence;
    struct block *open[OPEN_MAX]; /* in order; the first one's turn it is */
    size_t open_count;
    size_t next_place;
};

struct wire_writer *wire_messages_writer_new(const struct wire_asked *asked)
{
    struct wire_writer *w = x_calloc(1, sizeof(*w));
    w->asked = asked;
    usage_init(&w->usage);
    buf_init(&w->id, WORD_BYTES_MAX);
    buf_init(&w->sequence, WORD_BYTES_MAX);
    return w;
}

static void block_free(struct block *block)
{
    buf_release(&block->id);
    buf_release(&block->held);
    x_free(block);
}

void wire_messages_writer_free(struct wire_writer *writer)
{
    if (!writer) {
        return;
    }
    for (size_t i = 0; i < writer->open_count; i++) {
        block_free(writer->open[i]);
    }
    buf_release(&writer->id);
    buf_release(&writer->sequence);
    x_free(writer);
}

/* --- events ------------------------------------------------------------------------------ */

#define BLOCK_EVENT(name) "event: " name "\ndata: {\"type\":\"" name "\",\"index\":"

static void put_start(struct wire_writer *w, const struct message_delta *d, struct buf *out)
{
    const struct wire_asked *asked = w->asked;
    w->started = true;
    w->usage = d->usage;
    buf_put_str(&w->id, str_head(d->id.n > 0 ? d->id : asked->id, WORD_BYTES_MAX));
    buf_puts(out, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{");
    wire_put_str(out, "id", buf_str(&w->id));
    buf_puts(out, ",\"type\":\"message\",\"role\":\"assistant\"");
    wire_put_str(out, "model", d->model.n > 0 ? d->model : asked->request->model);
    buf_puts(out, ",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null");
    wire_messages_put_usage(out, &w->usage, d->service_tier, false);
    buf_puts(out, "}}\n\n");
}

static void put_block_start(struct block *b, struct str name, struct str data, struct buf *out)
{
    b->started = true;
    buf_puts(out, BLOCK_EVENT("content_block_start"));
    buf_put_u64(out, b->place);
    buf_puts(out, ",\"content_block\":{\"type\":");
    if (b->kind == MESSAGE_CALL) {
        buf_puts(out, "\"tool_use\",\"id\":");
        buf_put_json(out, buf_str(&b->id));
        wire_put_str(out, "name", name);
        buf_puts(out, ",\"input\":{}");
    } else if (b->kind != MESSAGE_THINKING) {
        buf_puts(out, "\"text\",\"text\":\"\"");
    } else if (b->redacted) {
        buf_puts(out, "\"redacted_thinking\"");
        wire_put_str(out, "data", data);
    } else {
        buf_puts(out, "\"thinking\",\"thinking\":\"\",\"signature\":\"\"");
    }
    buf_puts(out, "}}\n\n");
}

static void put_stop(const struct block *b, struct buf *out)
{
    buf_puts(out, BLOCK_EVENT("content_block_stop"));
    buf_put_u64(out, b->place);
    buf_puts(out, "}\n\n");
}

static void put_delta(const struct block *b, const char *type_and_key, struct str text,
                      struct buf *out)
{
    buf_puts(out, BLOCK_EVENT("content_block_delta"));
    buf_put_u64(out, b->place);
    buf_puts(out, type_and_key);
    buf_put_json(out, text);
    buf_puts(out, "}}\n\n");
}

static void put_text(const struct block *b, struct str text, struct buf *out)
{
    if (b->kind == MESSAGE_CALL) {
        put_delta(b, ",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":", text, out);
    } else if (b->kind == MESSAGE_THINKING) {
        put_delta(b, ",\"delta\":{\"type\":\"thinking_delta\",\"thinking\":", text, out);
    } else {
        put_delta(b, ",\"delta\":{\"type\":\"text_delta\",\"text\":", text, out);
    }
}

/* --- parts ------------------------------------------------------------------------------- */

static struct block *find_block(const struct wire_writer *w, size_t index)
{
    for (size_t i = 0; i < w->open_count; i++) {
        if (w->open[i]->index == index) {
            return w->open[i];
        }
    }
    return NULL;
}

/* Where a block's events go: to the client when it is its turn. */
static struct buf *sink_of(const struct wire_writer *w, struct block *b, struct buf *out)
{
    return b == w->open[0] ? out : &b->held;
}

static bool has_form(enum message_part_kind kind)
{
    return kind == MESSAGE_TEXT || kind == MESSAGE_REFUSAL || kind == MESSAGE_THINKING ||
           kind == MESSAGE_CALL;
}

static int open_part(struct wire_writer *w, const struct message_delta *d, struct buf *out)
{
    if (!has_form(d->part) || find_block(w, d->index)) {
        return 0;
    }
    if (w->open_count == OPEN_MAX) {
        return ERR_LIMIT;
    }
    struct block *b = x_calloc(1, sizeof(*b));
    *b = (struct block){
        .index = d->index, .place = w->next_place++, .kind = d->part, .redacted = d->redacted};
    buf_init(&b->held, HELD_BYTES_MAX);
    buf_init(&b->id, WORD_BYTES_MAX);
    w->open[w->open_count++] = b;
    if (d->part == MESSAGE_CALL) {
        w->calls = true;
        buf_put_str(&b->id, str_head(d->id, WORD_BYTES_MAX));
        if (d->id.n == 0) {
            buf_putf(&b->id, "toolu_%.*s_%zu", STR_ARG(str_head(buf_str(&w->id), 200)), b->place);
        }
    }
    /* Sealed thinking is said in its start, which waits for the seal. */
    if (!d->redacted) {
        put_block_start(b, d->name, STR_EMPTY, sink_of(w, b, out));
    }
    return 0;
}

static void put_signature(struct block *b, struct str text, struct buf *out)
{
    if (b->kind == MESSAGE_THINKING && b->redacted && !b->started) {
        put_block_start(b, STR_EMPTY, text, out);
    } else if (b->kind == MESSAGE_THINKING && !b->redacted) {
        put_delta(b, ",\"delta\":{\"type\":\"signature_delta\",\"signature\":", text, out);
    }
}

static void put_citation(const struct block *b, const struct message_citation *citation,
                         struct buf *out)
{
    buf_puts(out, BLOCK_EVENT("content_block_delta"));
    buf_put_u64(out, b->place);
    buf_puts(out, ",\"delta\":{\"type\":\"citations_delta\"");
    wire_put_key(out, "citation");
    wire_messages_put_citation(out, citation);
    buf_puts(out, "}}\n\n");
}

/* The first block is over: what is held of those behind it goes out, up to one that is open. */
static void next_turn(struct wire_writer *w, struct buf *out)
{
    while (w->open_count > 0 && w->open[0]->closed) {
        block_free(w->open[0]);
        w->open_count--;
        memmove(&w->open[0], &w->open[1], w->open_count * sizeof(struct block *));
        if (w->open_count > 0) {
            buf_put_str(out, buf_str(&w->open[0]->held));
            buf_release(&w->open[0]->held);
        }
    }
}

static void close_part(struct wire_writer *w, struct block *b, struct buf *out)
{
    struct buf *to = sink_of(w, b, out);
    if (!b->started) {
        put_block_start(b, STR_EMPTY, STR_EMPTY, to);
    }
    put_stop(b, to);
    b->closed = true;
    next_turn(w, out);
}

static int write_part(struct wire_writer *w, const struct message_delta *d, struct buf *out)
{
    struct block *b = find_block(w, d->index);
    if (!b || b->closed) {
        return 0;
    }
    struct buf *to = sink_of(w, b, out);
    if (d->kind == MESSAGE_DELTA_CLOSE) {
        close_part(w, b, out);
        return 0;
    }
    if (d->kind == MESSAGE_DELTA_SIGNATURE) {
        put_signature(b, d->text, to);
    } else if (d->kind == MESSAGE_DELTA_CITATION && b->kind == MESSAGE_TEXT) {
        put_citation(b, &d->citation, to);
    } else if (d->kind == MESSAGE_DELTA_TEXT && d->text.n > 0 && !b->redacted) {
        put_text(b, d->text, to);
    }
    size_t held = 0;
    for (size_t i = 1; i < w->open_count; i++) {
        held += w->open[i]->held.n;
    }
    return held > HELD_BYTES_MAX || !buf_ok(to) ? ERR_LIMIT : 0;
}

/* --- the end ----------------------------------------------------------------------------- */

static void put_end(struct wire_writer *w, struct buf *out)
{
    enum message_finish finish = w->finish;
    while (w->open_count > 0) {
        close_part(w, w->open[0], out);
    }
    if (finish == MESSAGE_FINISH_NONE || finish == MESSAGE_FINISH_STOP) {
        finish = w->calls ? MESSAGE_FINISH_CALLS : MESSAGE_FINISH_STOP;
    }
    buf_puts(out, "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{"
                  "\"stop_reason\":\"");
    buf_puts(out, wire_messages_stop_reason(finish));
    buf_puts(out, "\",\"stop_sequence\":");
    if (w->sequence.n > 0) {
        buf_put_json(out, buf_str(&w->sequence));
    } else {
        buf_puts(out, "null");
    }
    buf_putc(out, '}');
    wire_messages_put_usage(out, &w->usage, STR_EMPTY, true);
    buf_puts(out, "}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
}

/* Types of failures in other APIs' words; the rest is an api_error. */
static const char *error_type(struct str name)
{
    static const struct {
        const char *name;
        const char *type;
    } rows[] = {
        {"invalid_request_error", "invalid_request_error"},
        {"authentication_error",  "authentication_error" },
        {"billing_error",         "billing_error"        },
        {"permission_error",      "permission_error"     },
        {"not_found_error",       "not_found_error"      },
        {"request_too_large",     "request_too_large"    },
        {"rate_limit_error",      "rate_limit_error"     },
        {"timeout_error",         "timeout_error"        },
        {"overloaded_error",      "overloaded_error"     },
        {"requests",              "rate_limit_error"     },
        {"tokens",                "rate_limit_error"     },
        {"rate_limit_exceeded",   "rate_limit_error"     },
        {"insufficient_quota",    "billing_error"        },
        {"RESOURCE_EXHAUSTED",    "rate_limit_error"     },
        {"UNAVAILABLE",           "overloaded_error"     },
        {"DEADLINE_EXCEEDED",     "timeout_error"        },
        {"INVALID_ARGUMENT",      "invalid_request_error"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (str_is(name, rows[i].name)) {
            return rows[i].type;
        }
    }
    return "api_error";
}

static void put_error(const struct wire_writer *w, const struct message_delta *d, struct buf *out)
{
    struct dialect_error error = {
        .status = 500, .message = d->text, .type = error_type(d->name), .request_id = w->asked->id};
    dialect_write_stream_error(ROUTE_MESSAGES, &error, 0, out);
}

int wire_messages_write_delta(struct wire_writer *writer, const struct message_delta *delta,
                              struct buf *out)
{
    struct message_delta start = {.kind = MESSAGE_DELTA_START, .created_s = -1};
    if (!writer->started && delta->kind != MESSAGE_DELTA_FAIL) {
        usage_init(&start.usage);
        put_start(writer, delta->kind == MESSAGE_DELTA_START ? delta : &start, out);
    }
    switch (delta->kind) {
    case MESSAGE_DELTA_START:
        return 0;
    case MESSAGE_DELTA_OPEN:
        return open_part(writer, delta, out);
    case MESSAGE_DELTA_TEXT:
    case MESSAGE_DELTA_SIGNATURE:
    case MESSAGE_DELTA_CITATION:
    case MESSAGE_DELTA_CLOSE:
        return write_part(writer, delta, out);
    case MESSAGE_DELTA_FINISH:
        writer->finish = delta->finish;
        buf_clear(&writer->sequence);
        buf_put_str(&writer->sequence, str_head(delta->text, WORD_BYTES_MAX));
        return 0;
    case MESSAGE_DELTA_USAGE:
        writer->usage = delta->usage;
        return 0;
    case MESSAGE_DELTA_FAIL:
        put_error(writer, delta, out);
        return 0;
    case MESSAGE_DELTA_END:
        put_end(writer, out);
        return 0;
    }
    return 0;
}
