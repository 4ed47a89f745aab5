#include "workbench/trace/transcript.h"

#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "net/sse.h"

static const char *const kind_names[] = {
    [TRANSCRIPT_TEXT] = "text",       [TRANSCRIPT_THINKING] = "thinking",
    [TRANSCRIPT_REFUSAL] = "refusal", [TRANSCRIPT_TOOL_CALL] = "tool call",
    [TRANSCRIPT_OTHER] = "other",
};

const char *transcript_kind_name(enum transcript_kind kind)
{
    BUG_ON((size_t)kind >= ARRAY_LEN(kind_names));
    return kind_names[kind];
}

/* ---- parts ---- */

/* The part that goes by these, made when there is none; NULL beyond the maximum. */
static struct transcript_part *part_of(struct transcript *t, enum transcript_kind kind,
                                       int64_t choice, int64_t index)
{
    struct transcript_part *part;

    for (size_t i = t->n; i > 0; i--) { /* mostly the last one */
        part = &t->parts[i - 1];
        if (part->kind == kind && part->choice == choice && part->index == index) {
            return part;
        }
    }
    if (t->n == TRANSCRIPT_PARTS_MAX) {
        t->unread++;
        return NULL;
    }
    part = &t->parts[t->n];
    t->n++;
    *part = (struct transcript_part){
        .kind = kind, .choice = choice, .index = index, .id = STR_EMPTY, .name = STR_EMPTY};
    buf_init(&part->text, t->part_bytes_max);
    return part;
}

/* Adds a piece; an empty one makes no part. */
static void add(struct transcript *t, enum transcript_kind kind, int64_t choice, int64_t index,
                struct str piece)
{
    struct transcript_part *part = piece.n ? part_of(t, kind, choice, index) : NULL;

    if (part) {
        (void)buf_put_str(&part->text, piece);
    }
}

static void keep(struct transcript *t, struct str *field, struct str text)
{
    if (text.n > 0) {
        *field = arena_str(&t->arena, text);
    }
}

static void add_other(struct transcript *t, int64_t choice, int64_t index, yyjson_val *value)
{
    struct transcript_part *part = part_of(t, TRANSCRIPT_OTHER, choice, index);

    if (part) {
        keep(t, &part->name, json_get_str(value, "type"));
        json_write(&part->text, value);
    }
}

/* ---- OpenAI chat and completions: chunks have "delta", whole answers "message" ---- */

static void read_tool_call(struct transcript *t, int64_t choice, int64_t index, yyjson_val *call)
{
    yyjson_val *function = yyjson_obj_get(call, "function");
    struct transcript_part *part =
        part_of(t, TRANSCRIPT_TOOL_CALL, choice, json_get_i64(call, "index", index));

    if (!part) {
        return;
    }
    if (!function) {
        function = yyjson_obj_get(call, "custom");
    }
    keep(t, &part->id, json_get_str(call, "id"));
    keep(t, &part->name, json_get_str(function, "name"));
    (void)buf_put_str(&part->text, json_get_str(function, "arguments"));
    (void)buf_put_str(&part->text, json_get_str(function, "input"));
}

/* A text, or a list of parts of which some are texts. */
static void read_content(struct transcript *t, int64_t choice, yyjson_val *content)
{
    yyjson_val *item;
    size_t i, n;

    add(t, TRANSCRIPT_TEXT, choice, 0, json_str(content));
    yyjson_arr_foreach(content, i, n, item)
    {
        add(t, TRANSCRIPT_TEXT, choice, 0, json_get_str(item, "text"));
    }
}

static void read_choice(struct transcript *t, yyjson_val *choice)
{
    static const char *const thinking[] = {"reasoning_content", "reasoning"};
    int64_t number = json_get_i64(choice, "index", 0);
    yyjson_val *delta = yyjson_obj_get(choice, "delta");
    yyjson_val *call;
    size_t i, n;

    if (!delta) {
        delta = yyjson_obj_get(choice, "message");
    }
    for (size_t k = 0; k < ARRAY_LEN(thinking); k++) {
        struct str piece = json_get_str(delta, thinking[k]);
        if (piece.n > 0) {
            add(t, TRANSCRIPT_THINKING, number, 0, piece);
            break; /* some servers send both names with the same text */
        }
    }
    read_content(t, number, yyjson_obj_get(delta, "content"));
    add(t, TRANSCRIPT_REFUSAL, number, 0, json_get_str(delta, "refusal"));
    yyjson_arr_foreach(yyjson_obj_get(delta, "tool_calls"), i, n, call)
    {
        read_tool_call(t, number, (int64_t)i, call);
    }
    call = yyjson_obj_get(delta, "function_call"); /* what tool_calls replaced */
    if (yyjson_is_obj(call)) {
        struct transcript_part *part = part_of(t, TRANSCRIPT_TOOL_CALL, number, -1);
        if (part) {
            keep(t, &part->name, json_get_str(call, "name"));
            (void)buf_put_str(&part->text, json_get_str(call, "arguments"));
        }
    }
    add(t, TRANSCRIPT_TEXT, number, 0, json_get_str(choice, "text")); /* completions */
    keep(t, &t->finish, json_get_str(choice, "finish_reason"));
}

static void read_choices(struct transcript *t, yyjson_val *choices)
{
    yyjson_val *choice;
    size_t i, n;

    yyjson_arr_foreach(choices, i, n, choice)
    {
        read_choice(t, choice);
    }
}

/* ---- Anthropic ---- */

/* A block as it stands in a whole answer, or as a stream announces it. */
static void read_block(struct transcript *t, int64_t index, yyjson_val *block)
{
    struct str type = json_get_str(block, "type");
    yyjson_val *input = yyjson_obj_get(block, "input");
    struct transcript_part *part;

    if (str_is(type, "text")) {
        add(t, TRANSCRIPT_TEXT, 0, index, json_get_str(block, "text"));
    } else if (str_is(type, "thinking")) {
        add(t, TRANSCRIPT_THINKING, 0, index, json_get_str(block, "thinking"));
    } else if (str_ends(type, STR("tool_use"))) {
        part = part_of(t, TRANSCRIPT_TOOL_CALL, 0, index);
        if (!part) {
            return;
        }
        keep(t, &part->id, json_get_str(block, "id"));
        keep(t, &part->name, json_get_str(block, "name"));
        /* A stream begins with an empty object in the place of what follows in pieces. */
        if (input && !(t->streamed && yyjson_obj_size(input) == 0)) {
            json_write(&part->text, input);
        }
    } else {
        add_other(t, 0, index, block);
    }
}

static void read_block_delta(struct transcript *t, int64_t index, yyjson_val *delta)
{
    add(t, TRANSCRIPT_TEXT, 0, index, json_get_str(delta, "text"));
    add(t, TRANSCRIPT_THINKING, 0, index, json_get_str(delta, "thinking"));
    add(t, TRANSCRIPT_TOOL_CALL, 0, index, json_get_str(delta, "partial_json"));
}

static void read_message(struct transcript *t, yyjson_val *message)
{
    yyjson_val *block;
    size_t i, n;

    yyjson_arr_foreach(yyjson_obj_get(message, "content"), i, n, block)
    {
        read_block(t, (int64_t)i, block);
    }
    keep(t, &t->finish, json_get_str(message, "stop_reason"));
}

/* One event of a stream; false when it is none of Anthropic's. */
static bool read_message_event(struct transcript *t, struct str type, yyjson_val *root)
{
    int64_t index = json_get_i64(root, "index", 0);

    if (str_is(type, "message_start")) {
        read_message(t, yyjson_obj_get(root, "message"));
    } else if (str_is(type, "content_block_start")) {
        read_block(t, index, yyjson_obj_get(root, "content_block"));
    } else if (str_is(type, "content_block_delta")) {
        read_block_delta(t, index, yyjson_obj_get(root, "delta"));
    } else if (str_is(type, "message_delta")) {
        keep(t, &t->finish, json_get_str(yyjson_obj_get(root, "delta"), "stop_reason"));
    } else if (str_is(type, "message_stop")) {
        t->complete = true;
    } else {
        return false;
    }
    return true;
}

/* ---- OpenAI responses ---- */

static const struct {
    const char *type;
    enum transcript_kind kind;
} response_deltas[] = {
    {"response.output_text.delta",             TRANSCRIPT_TEXT     },
    {"response.refusal.delta",                 TRANSCRIPT_REFUSAL  },
    {"response.reasoning_text.delta",          TRANSCRIPT_THINKING },
    {"response.reasoning_summary_text.delta",  TRANSCRIPT_THINKING },
    {"response.function_call_arguments.delta", TRANSCRIPT_TOOL_CALL},
    {"response.custom_tool_call_input.delta",  TRANSCRIPT_TOOL_CALL},
    {"response.mcp_call_arguments.delta",      TRANSCRIPT_TOOL_CALL},
};

/* The pieces of one item, and of each text in it, belong together. */
static int64_t response_index(yyjson_val *event)
{
    int64_t part = json_get_i64(event, "content_index", json_get_i64(event, "summary_index", 0));

    return json_get_i64(event, "output_index", 0) * 4096 + part % 4096;
}

static bool is_call(struct str type)
{
    return str_ends(type, STR("_call")) && !str_is(type, "web_search_call") &&
           !str_is(type, "file_search_call");
}

static void read_response_texts(struct transcript *t, int64_t index, yyjson_val *texts,
                                enum transcript_kind kind)
{
    yyjson_val *text;
    size_t i, n;

    yyjson_arr_foreach(texts, i, n, text)
    {
        add(t, kind, 0, index * 4096 + (int64_t)i, json_get_str(text, "text"));
        add(t, TRANSCRIPT_REFUSAL, 0, index * 4096 + (int64_t)i, json_get_str(text, "refusal"));
    }
}

/* An item of the output, whole or (`announced`) as a stream announces it, without its content. */
static void read_response_item(struct transcript *t, int64_t index, yyjson_val *item,
                               bool announced)
{
    struct str type = json_get_str(item, "type");

    if (is_call(type)) {
        struct transcript_part *part = part_of(t, TRANSCRIPT_TOOL_CALL, 0, index * 4096);
        if (!part) {
            return;
        }
        keep(t, &part->id, json_get_str(item, "call_id"));
        keep(t, &part->name, json_get_str(item, "name"));
        (void)buf_put_str(&part->text, json_get_str(item, "arguments"));
        (void)buf_put_str(&part->text, json_get_str(item, "input"));
    } else if (announced) {
        return;
    } else if (str_is(type, "message")) {
        read_response_texts(t, index, yyjson_obj_get(item, "content"), TRANSCRIPT_TEXT);
    } else if (str_is(type, "reasoning")) {
        read_response_texts(t, index, yyjson_obj_get(item, "summary"), TRANSCRIPT_THINKING);
        read_response_texts(t, index, yyjson_obj_get(item, "content"), TRANSCRIPT_THINKING);
    } else {
        add_other(t, 0, index * 4096, item);
    }
}

static void read_response(struct transcript *t, yyjson_val *response)
{
    yyjson_val *item;
    size_t i, n;

    yyjson_arr_foreach(yyjson_obj_get(response, "output"), i, n, item)
    {
        read_response_item(t, (int64_t)i, item, false);
    }
}

static void end_response(struct transcript *t, yyjson_val *response)
{
    struct str error = json_get_str(yyjson_obj_get(response, "error"), "message");

    if (t->n == 0) {
        read_response(t, response); /* a stream that only brings the whole at its end */
    }
    keep(t, &t->finish, json_get_str(response, "status"));
    keep(t, &t->error, error);
    t->complete = true;
}

static bool read_response_event(struct transcript *t, struct str type, yyjson_val *root)
{
    if (!str_starts(type, STR("response."))) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(response_deltas); i++) {
        if (str_is(type, response_deltas[i].type)) {
            add(t, response_deltas[i].kind, 0, response_index(root), json_get_str(root, "delta"));
            return true;
        }
    }
    if (str_is(type, "response.output_item.added")) {
        read_response_item(t, json_get_i64(root, "output_index", 0), yyjson_obj_get(root, "item"),
                           true);
    } else if (str_is(type, "response.completed") || str_is(type, "response.incomplete") ||
               str_is(type, "response.failed")) {
        end_response(t, yyjson_obj_get(root, "response"));
    }
    return true;
}

/* ---- all of them ---- */

static void read_error(struct transcript *t, yyjson_val *root)
{
    yyjson_val *error = yyjson_obj_get(root, "error");

    keep(t, &t->error, json_str(error));
    keep(t, &t->error, json_get_str(error, "message"));
    if (str_is(json_get_str(root, "type"), "error")) {
        keep(t, &t->error, json_get_str(root, "message"));
    }
}

static void read_event(struct transcript *t, struct str data)
{
    yyjson_doc *doc;
    yyjson_val *root;
    struct str type;

    t->events++;
    if (str_starts(data, STR("[DONE]"))) {
        t->complete = true;
        return;
    }
    doc = json_parse(data, NULL);
    root = yyjson_doc_get_root(doc);
    if (!yyjson_is_obj(root)) {
        t->unread++;
        yyjson_doc_free(doc);
        return;
    }
    type = json_get_str(root, "type");
    if (!read_message_event(t, type, root) && !read_response_event(t, type, root)) {
        read_choices(t, yyjson_obj_get(root, "choices"));
        read_error(t, root);
    }
    yyjson_doc_free(doc);
}

static void read_stream(struct transcript *t, struct str body)
{
    struct sse reader;
    struct sse_event event;

    t->streamed = true;
    sse_init(&reader, body.n + 1);
    if (sse_push(&reader, body) < 0) {
        t->unread++; /* cannot be: an event is no longer than the body */
    }
    while (sse_next(&reader, &event)) {
        if (event.has_data) {
            read_event(t, event.data);
        }
    }
    sse_release(&reader);
}

static void read_whole(struct transcript *t, struct str body)
{
    yyjson_doc *doc = json_parse(body, NULL);
    yyjson_val *root = yyjson_doc_get_root(doc);

    if (!yyjson_is_obj(root)) {
        t->unread++;
        yyjson_doc_free(doc);
        return;
    }
    t->complete = true;
    if (str_is(json_get_str(root, "object"), "response")) {
        end_response(t, root);
    } else if (str_is(json_get_str(root, "type"), "message")) {
        read_message(t, root);
    } else {
        read_choices(t, yyjson_obj_get(root, "choices"));
        read_error(t, root);
    }
    yyjson_doc_free(doc);
}

struct transcript *transcript_read(struct str body)
{
    struct transcript *t = (struct transcript *)x_calloc(1, sizeof(*t));
    struct str start = str_trim(body);

    arena_init(&t->arena);
    t->finish = STR_EMPTY;
    t->error = STR_EMPTY;
    t->part_bytes_max = body.n + 64;
    if (start.n == 0) {
        return t;
    }
    /* JSON begins with a bracket; no line of an event stream does. */
    if (start.p[0] == '{' || start.p[0] == '[') {
        read_whole(t, body);
    } else {
        read_stream(t, body);
    }
    return t;
}

void transcript_free(struct transcript *t)
{
    if (!t) {
        return;
    }
    for (size_t i = 0; i < t->n; i++) {
        buf_release(&t->parts[i].text);
    }
    arena_release(&t->arena);
    x_free(t);
}

static void put_member(struct buf *out, const char *name, struct str text)
{
    if (text.n > 0) {
        (void)buf_putf(out, ",\"%s\":", name);
        (void)buf_put_json(out, text);
    }
}

void transcript_write_json(const struct transcript *t, struct buf *out)
{
    (void)buf_putc(out, '[');
    for (size_t i = 0; i < t->n; i++) {
        const struct transcript_part *part = &t->parts[i];

        (void)buf_putf(out, "%s{\"kind\":\"%s\",\"choice\":%lld", i ? "," : "",
                       transcript_kind_name(part->kind), (long long)part->choice);
        put_member(out, "id", part->id);
        put_member(out, "name", part->name);
        (void)buf_puts(out, ",\"text\":");
        (void)buf_put_json(out, buf_str(&part->text));
        (void)buf_putc(out, '}');
    }
    (void)buf_putc(out, ']');
}
