#include "core/json.h"
#include "core/mem.h"
#include "llm/skim.h"
#include "llm/wire_messages.h"

/* Blocks that are open side by side; Anthropic itself opens one at a time. */
#define OPEN_MAX 64
/* One piece, unescaped. */
#define PIECE_BYTES_MAX (64u << 20)

struct read_block {
    int64_t place; /* its index in the provider's stream */
    size_t index;  /* as it is told */
    enum message_part_kind kind;
    bool said; /* a piece came */
};

struct wire_reader {
    bool started, done, over;
    struct read_block open[OPEN_MAX];
    size_t open_count;
    size_t next_index;
    struct usage usage;
    struct buf scratch;
};

struct wire_reader *wire_messages_reader_new(void)
{
    struct wire_reader *r = x_calloc(1, sizeof(*r));
    usage_init(&r->usage);
    buf_init(&r->scratch, PIECE_BYTES_MAX);
    return r;
}

void wire_messages_reader_free(struct wire_reader *reader)
{
    if (reader) {
        buf_release(&reader->scratch);
        x_free(reader);
    }
}

static struct message_delta delta_of(enum message_delta_kind kind)
{
    struct message_delta d = {.kind = kind, .created_s = -1};
    usage_init(&d.usage);
    return d;
}

static int tell(const struct wire_sink *sink, const struct message_delta *d)
{
    return sink->take(sink->ctx, d);
}

/* Some servers forget message_start. */
static int ensure_started(struct wire_reader *r, const struct wire_sink *sink)
{
    if (r->started) {
        return 0;
    }
    struct message_delta d = delta_of(MESSAGE_DELTA_START);
    r->started = true;
    return tell(sink, &d);
}

static struct read_block *find_block(struct wire_reader *r, int64_t place)
{
    for (size_t i = 0; i < r->open_count; i++) {
        if (r->open[i].place == place) {
            return &r->open[i];
        }
    }
    return NULL;
}

static int tell_text(const struct wire_sink *sink, struct read_block *block,
                     enum message_delta_kind kind, struct str text)
{
    struct message_delta d = {.kind = kind, .created_s = -1};
    if (text.n == 0) {
        return 0;
    }
    block->said |= kind == MESSAGE_DELTA_TEXT;
    d.index = block->index;
    d.part = block->kind;
    d.text = text;
    return tell(sink, &d);
}

static int close_block(struct wire_reader *r, struct read_block *block,
                       const struct wire_sink *sink)
{
    struct message_delta d = delta_of(MESSAGE_DELTA_CLOSE);
    int rc = 0;
    /* A tool that takes nothing is called without a piece of input. */
    if (block->kind == MESSAGE_CALL && !block->said) {
        rc = tell_text(sink, block, MESSAGE_DELTA_TEXT, STR("{}"));
    }
    d.index = block->index;
    d.part = block->kind;
    *block = r->open[--r->open_count];
    return rc == 0 ? tell(sink, &d) : rc;
}

static int close_all(struct wire_reader *r, const struct wire_sink *sink)
{
    int rc = 0;
    while (rc == 0 && r->open_count > 0) {
        rc = close_block(r, &r->open[0], sink);
    }
    return rc;
}

/* Text and thinking are over when another block begins; calls may be open side by side. */
static int close_before(struct wire_reader *r, enum message_part_kind next,
                        const struct wire_sink *sink)
{
    int rc = 0;
    for (size_t i = r->open_count; rc == 0 && i > 0; i--) {
        if (next != MESSAGE_CALL || r->open[i - 1].kind != MESSAGE_CALL) {
            rc = close_block(r, &r->open[i - 1], sink);
        }
    }
    return rc;
}

static int on_message_start(struct wire_reader *r, yyjson_val *root, const struct wire_sink *sink)
{
    yyjson_val *message = yyjson_obj_get(root, "message");
    yyjson_val *usage = yyjson_obj_get(message, "usage");
    struct message_delta d = delta_of(MESSAGE_DELTA_START);
    if (r->started) {
        return 0;
    }
    r->started = true;
    usage_read_anthropic(&r->usage, usage);
    d.id = json_get_str(message, "id");
    d.model = json_get_str(message, "model");
    d.service_tier = wire_messages_tier_given(json_get_str(usage, "service_tier"));
    d.usage = r->usage;
    return tell(sink, &d);
}

/* Kinds of blocks that can be told; the provider's own tools leave others. */
static bool kind_of(struct str type, enum message_part_kind *ret_kind, bool *ret_redacted)
{
    static const struct {
        const char *type;
        enum message_part_kind kind;
        bool redacted;
    } rows[] = {
        {"text",              MESSAGE_TEXT,     false},
        {"thinking",          MESSAGE_THINKING, false},
        {"redacted_thinking", MESSAGE_THINKING, true },
        {"tool_use",          MESSAGE_CALL,     false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (str_is(type, rows[i].type)) {
            *ret_kind = rows[i].kind;
            *ret_redacted = rows[i].redacted;
            return true;
        }
    }
    return false;
}

/* What a block holds from its start on: as a rule nothing. */
static int tell_start(struct wire_reader *r, struct read_block *block, yyjson_val *object,
                      const struct wire_sink *sink)
{
    struct message_citation citation;
    yyjson_val *input = yyjson_obj_get(object, "input");
    struct str text = json_get_str(object, block->kind == MESSAGE_TEXT ? "text" : "thinking");
    int rc = 0;
    if (block->kind == MESSAGE_CALL) {
        buf_clear(&r->scratch);
        if (yyjson_obj_size(input) > 0) {
            json_write(&r->scratch, input);
        }
        text = buf_str(&r->scratch);
    }
    rc = tell_text(sink, block, MESSAGE_DELTA_TEXT, text);
    yyjson_arr_iter citations = yyjson_arr_iter_with(yyjson_obj_get(object, "citations"));
    yyjson_val *item = NULL;
    while (rc == 0 && (item = yyjson_arr_iter_next(&citations))) {
        struct message_delta d = delta_of(MESSAGE_DELTA_CITATION);
        if (wire_messages_read_citation(item, &citation)) {
            d.index = block->index;
            d.part = block->kind;
            d.citation = citation;
            rc = tell(sink, &d);
        }
    }
    if (rc == 0) {
        struct str seal = json_get_str(object, "data");
        seal = seal.n > 0 ? seal : json_get_str(object, "signature");
        rc = tell_text(sink, block, MESSAGE_DELTA_SIGNATURE, seal);
    }
    return rc;
}

static int on_block_start(struct wire_reader *r, yyjson_val *root, const struct wire_sink *sink)
{
    yyjson_val *object = yyjson_obj_get(root, "content_block");
    int64_t place = json_get_i64(root, "index", 0);
    struct message_delta d = delta_of(MESSAGE_DELTA_OPEN);
    if (!kind_of(json_get_str(object, "type"), &d.part, &d.redacted) || find_block(r, place)) {
        return 0;
    }
    int rc = ensure_started(r, sink);
    rc = rc == 0 ? close_before(r, d.part, sink) : rc;
    if (rc != 0) {
        return rc;
    }
    if (r->open_count == OPEN_MAX || r->next_index == MESSAGE_COUNT_MAX) {
        return ERR_LIMIT;
    }
    struct read_block *block = &r->open[r->open_count++];
    *block = (struct read_block){.place = place, .index = r->next_index++, .kind = d.part};
    d.index = block->index;
    d.id = json_get_str(object, "id");
    d.name = json_get_str(object, "name");
    rc = tell(sink, &d);
    return rc == 0 ? tell_start(r, block, object, sink) : rc;
}

/* The members of a content_block_delta that matter. */
struct piece {
    int64_t place;
    enum message_delta_kind kind;
    struct str text;     /* escaped */
    struct str citation; /* an object */
};

static void skim_piece(struct str data, struct piece *ret_piece)
{
    struct skim skim;
    struct skim_value value;
    struct piece piece = {.kind = MESSAGE_DELTA_TEXT};
    skim_init(&skim, data);
    while (skim_next(&skim, &value)) {
        if (value.depth == 1 && str_is(value.key, "index")) {
            piece.place = skim_i64(&value, 0);
        } else if (value.depth == 2 && value.type == SKIM_OBJECT) {
            skim_skip(&skim, &value);
            piece.citation = str_is(value.key, "citation") ? value.text : piece.citation;
        } else if (value.depth != 2 || value.type != SKIM_STRING) {
            continue;
        } else if (str_is(value.key, "text") || str_is(value.key, "partial_json") ||
                   str_is(value.key, "thinking")) {
            piece.text = value.text;
        } else if (str_is(value.key, "signature")) {
            piece.text = value.text;
            piece.kind = MESSAGE_DELTA_SIGNATURE;
        }
    }
    *ret_piece = piece;
}

static int tell_citation(const struct read_block *block, struct str object,
                         const struct wire_sink *sink)
{
    struct message_delta d = delta_of(MESSAGE_DELTA_CITATION);
    yyjson_doc *doc = json_parse(object, NULL);
    int rc = 0;
    if (doc && wire_messages_read_citation(yyjson_doc_get_root(doc), &d.citation)) {
        d.index = block->index;
        d.part = block->kind;
        rc = tell(sink, &d);
    }
    yyjson_doc_free(doc);
    return rc;
}

/* The one event that comes for every token: read without a tree. */
static int on_block_delta(struct wire_reader *r, struct str data, const struct wire_sink *sink)
{
    struct piece piece;
    skim_piece(data, &piece);
    struct read_block *block = find_block(r, piece.place);
    if (!block) {
        return 0;
    }
    if (piece.citation.n > 0) {
        return block->kind == MESSAGE_TEXT ? tell_citation(block, piece.citation, sink) : 0;
    }
    struct str text = skim_text(piece.text, &r->scratch);
    return buf_ok(&r->scratch) ? tell_text(sink, block, piece.kind, text) : ERR_LIMIT;
}

static int on_message_delta(struct wire_reader *r, yyjson_val *root, const struct wire_sink *sink)
{
    yyjson_val *delta = yyjson_obj_get(root, "delta");
    struct message_delta d = delta_of(MESSAGE_DELTA_FINISH);
    int rc = ensure_started(r, sink);
    d.finish = wire_messages_finish(json_get_str(delta, "stop_reason"));
    d.text = json_get_str(delta, "stop_sequence");
    if (rc == 0 && d.finish != MESSAGE_FINISH_NONE) {
        r->done = true;
        rc = tell(sink, &d);
    }
    if (rc == 0 && usage_read_anthropic(&r->usage, yyjson_obj_get(root, "usage"))) {
        d = delta_of(MESSAGE_DELTA_USAGE);
        d.usage = r->usage;
        rc = tell(sink, &d);
    }
    return rc;
}

static int on_error(struct wire_reader *r, yyjson_val *root, const struct wire_sink *sink)
{
    yyjson_val *error = yyjson_obj_get(root, "error");
    struct message_delta d = delta_of(MESSAGE_DELTA_FAIL);
    r->over = true;
    d.name = json_get_str(error, "type");
    d.text = json_get_str(error, "message");
    return tell(sink, &d);
}

static int on_block_stop(struct wire_reader *r, yyjson_val *root, const struct wire_sink *sink)
{
    struct read_block *block = find_block(r, json_get_i64(root, "index", 0));
    return block ? close_block(r, block, sink) : 0;
}

static int on_message_stop(struct wire_reader *r, yyjson_val *root, const struct wire_sink *sink)
{
    struct message_delta d = delta_of(MESSAGE_DELTA_END);
    (void)root;
    int rc = ensure_started(r, sink);
    if (rc == 0) {
        rc = close_all(r, sink);
    }
    r->over = true;
    return rc == 0 ? tell(sink, &d) : rc;
}

static const struct {
    const char *name;
    int (*on)(struct wire_reader *r, yyjson_val *root, const struct wire_sink *sink);
} events[] = {
    {"message_start",       on_message_start},
    {"content_block_start", on_block_start  },
    {"content_block_stop",  on_block_stop   },
    {"message_delta",       on_message_delta},
    {"message_stop",        on_message_stop },
    {"error",               on_error        },
};

/* The name in the data, for servers that leave out the event line. */
static struct str type_in(struct str data)
{
    struct skim skim;
    struct skim_value value;
    skim_init(&skim, data);
    while (skim_next(&skim, &value)) {
        if (value.depth == 1 && value.type == SKIM_STRING && str_is(value.key, "type")) {
            return value.text;
        }
    }
    return STR_EMPTY;
}

int wire_messages_read_event(struct wire_reader *reader, struct str event, struct str data,
                             const struct wire_sink *sink)
{
    struct str name = event.n > 0 ? event : type_in(data);
    if (reader->over) {
        return 0;
    }
    if (str_is(name, "content_block_delta")) {
        return on_block_delta(reader, data, sink);
    }
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        if (str_is(name, events[i].name)) {
            yyjson_doc *doc = json_parse(data, NULL);
            int rc = doc ? events[i].on(reader, yyjson_doc_get_root(doc), sink) : 0;
            yyjson_doc_free(doc);
            return rc;
        }
    }
    return 0;
}

int wire_messages_read_end(struct wire_reader *reader, const struct wire_sink *sink)
{
    int rc = reader->over ? 0 : close_all(reader, sink);
    if (rc == 0 && !reader->over && reader->done) {
        struct message_delta d = delta_of(MESSAGE_DELTA_END);
        reader->over = true;
        rc = tell(sink, &d);
    }
    return rc;
}
