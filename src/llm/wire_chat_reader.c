/*
 * Streams of the chat API, read: chunks to deltas.
 *
 * What servers do is wider than what the API says: usage beside a choice or on every chunk, calls
 * without index or id or all with the same index, whole calls in one chunk, content as a list,
 * errors in the middle, `message` instead of `delta`, no finish_reason before [DONE].
 */
#include "core/attr.h"
#include "core/hash.h"
#include "core/mem.h"
#include "llm/wire_chat.h"

/* Calls of one answer; APIs allow 128. */
#define CALLS_MAX 1024

/* The index of a call of the old kind, which has none. */
#define LEGACY_INDEX (-2)

struct call {
    int64_t wire_index; /* as the server numbers it; -1 = it does not */
    uint64_t id_hash;   /* 0 = it has no id */
    size_t index;       /* of the part */
    bool closed;
};

struct wire_reader {
    bool started, finished, over;
    bool is_open; /* text, a thought or a refusal */
    enum message_part_kind open;
    bool open_redacted;
    bool open_sealed;    /* the thought's seal was told */
    int64_t open_detail; /* its index in reasoning_details; -1 = told without */
    uint64_t open_id;    /* hash of its id; 0 = none */
    size_t open_index;
    size_t part_count;
    struct call *calls;
    size_t call_count, call_room;
    uint64_t made_ids; /* hash of the answer's id: made up ids differ between answers */
    const struct wire_sink *sink;
};

struct wire_reader *wire_chat_reader_new(void)
{
    return x_calloc(1, sizeof(struct wire_reader));
}

void wire_chat_reader_free(struct wire_reader *reader)
{
    if (reader) {
        X_FREE(reader->calls);
        x_free(reader);
    }
}

static int tell(struct wire_reader *r, const struct message_delta *delta)
{
    return r->sink->take(r->sink->ctx, delta);
}

/* --- parts ------------------------------------------------------------------------------- */

static int close_plain(struct wire_reader *r)
{
    struct message_delta d = {.kind = MESSAGE_DELTA_CLOSE, .index = r->open_index, .part = r->open};
    if (!r->is_open) {
        return 0;
    }
    r->is_open = false;
    return tell(r, &d);
}

static int close_calls(struct wire_reader *r)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < r->call_count; i++) {
        struct message_delta d = {
            .kind = MESSAGE_DELTA_CLOSE, .index = r->calls[i].index, .part = MESSAGE_CALL};
        if (!r->calls[i].closed) {
            r->calls[i].closed = true;
            rc = tell(r, &d);
        }
    }
    return rc;
}

static int close_all(struct wire_reader *r)
{
    int rc = close_plain(r);
    return rc < 0 ? rc : close_calls(r);
}

static int fail(struct wire_reader *r, struct str type, struct str message)
{
    struct message_delta d = {.kind = MESSAGE_DELTA_FAIL, .name = type, .text = message};
    r->over = true;
    return tell(r, &d);
}

static int open_plain(struct wire_reader *r, const struct message_delta *like)
{
    struct message_delta d = *like;
    int rc = close_all(r);
    if (rc < 0) {
        return rc;
    }
    d.kind = MESSAGE_DELTA_OPEN;
    d.index = r->part_count++;
    r->is_open = true;
    r->open = d.part;
    r->open_index = d.index;
    r->open_redacted = d.redacted;
    r->open_sealed = false;
    r->open_detail = -1;
    r->open_id = d.id.n > 0 ? hash_fnv1a(d.id) : 0;
    return tell(r, &d);
}

static int add_text(struct wire_reader *r, enum message_part_kind part, struct str text)
{
    struct message_delta d = {.kind = MESSAGE_DELTA_TEXT, .part = part, .text = text};
    int rc = 0;
    if (text.n == 0) {
        return 0;
    }
    if (!r->is_open || r->open != part) {
        struct message_delta like = {.part = part};
        rc = open_plain(r, &like);
    }
    d.index = r->open_index;
    return rc < 0 ? rc : tell(r, &d);
}

/* --- thoughts ---------------------------------------------------------------------------- */

static int seal(struct wire_reader *r, struct str text)
{
    struct message_delta d = {.kind = MESSAGE_DELTA_SIGNATURE,
                              .index = r->open_index,
                              .part = MESSAGE_THINKING,
                              .text = text};
    r->open_sealed = true;
    return tell(r, &d);
}

static int read_detail(struct wire_reader *r, yyjson_val *detail)
{
    bool sealed = str_is(json_get_str(detail, "type"), "reasoning.encrypted");
    struct str signature = json_get_str(detail, sealed ? "data" : "signature");
    struct str text = json_get_str(detail, "text");
    struct str id = json_get_str(detail, "id");
    int64_t index = json_get_i64(detail, "index", -1);
    bool open = r->is_open && r->open == MESSAGE_THINKING;
    bool same = open && ((index >= 0 && index == r->open_detail) || (index < 0 && !sealed) ||
                         (id.n > 0 && r->open_id == hash_fnv1a(id)));
    int rc = 0;
    text = text.n > 0 ? text : json_get_str(detail, "summary");
    if (!same || (signature.n > 0 && r->open_sealed)) {
        struct message_delta like = {.part = MESSAGE_THINKING, .id = id, .redacted = sealed};
        if (text.n + signature.n + id.n == 0) {
            return 0;
        }
        rc = open_plain(r, &like);
        r->open_detail = index;
    }
    rc = rc < 0 ? rc : add_text(r, MESSAGE_THINKING, text);
    return rc < 0 || signature.n == 0 ? rc : seal(r, signature);
}

static int read_thoughts(struct wire_reader *r, yyjson_val *delta)
{
    yyjson_val *details = yyjson_obj_get(delta, "reasoning_details");
    size_t i = 0;
    size_t n = 0;
    yyjson_val *detail = NULL;
    int rc = 0;
    /* The same text stands in both. */
    if (yyjson_arr_size(details) == 0) {
        return add_text(r, MESSAGE_THINKING, wire_chat_thought(delta));
    }
    yyjson_arr_foreach(details, i, n, detail)
    {
        rc = rc < 0 ? rc : read_detail(r, detail);
    }
    return rc;
}

/* --- content ----------------------------------------------------------------------------- */

static int read_content_part(struct wire_reader *r, yyjson_val *part)
{
    yyjson_val *thinking = yyjson_obj_get(part, "thinking");
    size_t i = 0;
    size_t n = 0;
    yyjson_val *piece = NULL;
    int rc = 0;
    if (!thinking) {
        return add_text(r, MESSAGE_TEXT, json_get_str(part, "text"));
    }
    if (yyjson_is_str(thinking)) {
        return add_text(r, MESSAGE_THINKING, json_str(thinking));
    }
    yyjson_arr_foreach(thinking, i, n, piece)
    {
        rc = rc < 0 ? rc : add_text(r, MESSAGE_THINKING, json_get_str(piece, "text"));
    }
    return rc;
}

static int read_content(struct wire_reader *r, yyjson_val *delta)
{
    yyjson_val *content = yyjson_obj_get(delta, "content");
    size_t i = 0;
    size_t n = 0;
    yyjson_val *part = NULL;
    int rc = 0;
    if (yyjson_is_str(content)) {
        return add_text(r, MESSAGE_TEXT, json_str(content));
    }
    yyjson_arr_foreach(content, i, n, part)
    {
        rc = rc < 0 ? rc : read_content_part(r, part);
    }
    return rc;
}

static int read_annotations(struct wire_reader *r, yyjson_val *delta)
{
    yyjson_val *annotations = yyjson_obj_get(delta, "annotations");
    size_t i = 0;
    size_t n = 0;
    yyjson_val *annotation = NULL;
    int rc = 0;
    yyjson_arr_foreach(annotations, i, n, annotation)
    {
        struct message_delta d = {
            .kind = MESSAGE_DELTA_CITATION, .index = r->open_index, .part = MESSAGE_TEXT};
        bool open = r->is_open && r->open == MESSAGE_TEXT;
        if (rc == 0 && open && wire_openai_citation(annotation, &d.citation)) {
            rc = tell(r, &d);
        }
    }
    return rc;
}

/* --- calls ------------------------------------------------------------------------------- */

/* The call that a piece belongs to, or NULL when it begins a new one. */
static struct call *find_call(struct wire_reader *r, int64_t wire_index, struct str id,
                              struct str name)
{
    uint64_t id_hash = id.n > 0 ? hash_fnv1a(id) : 0;
    struct call *found = NULL;
    for (size_t i = r->call_count; i > 0 && !found; i--) {
        bool same = wire_index == -1 || r->calls[i - 1].wire_index == wire_index;
        found = same ? &r->calls[i - 1] : NULL;
    }
    /* Some servers number all calls 0 and tell them apart by id; some give neither. */
    bool other = found && name.n > 0 &&
                 ((id_hash != 0 && found->id_hash != 0 && found->id_hash != id_hash) ||
                  (id_hash == 0 && wire_index == -1));
    return other ? NULL : found;
}

static struct call *add_call(struct wire_reader *r, int64_t wire_index, struct str id)
{
    if (r->call_count == r->call_room) {
        r->call_room = r->call_room ? 2 * r->call_room : 4;
        r->calls = x_realloc(r->calls, r->call_room * sizeof(*r->calls));
    }
    struct call *call = &r->calls[r->call_count++];
    *call = (struct call){.wire_index = wire_index,
                          .id_hash = id.n > 0 ? hash_fnv1a(id) : 0,
                          .index = r->part_count++};
    return call;
}

static int open_call(struct wire_reader *r, int64_t wire_index, struct str id, struct str name)
{
    char made[48];
    struct message_delta d = {.kind = MESSAGE_DELTA_OPEN, .part = MESSAGE_CALL, .name = name};
    int rc = close_plain(r);
    if (rc < 0) {
        return rc;
    }
    snprintf(made, sizeof(made), "call_%016llx%zu", (unsigned long long)r->made_ids, r->call_count);
    d.id = id.n > 0 ? id : str_of(made);
    d.index = add_call(r, wire_index, id)->index;
    return tell(r, &d);
}

/* Arguments come as a string; as an object where a server does not stream them. */
static int read_arguments(struct wire_reader *r, size_t index, yyjson_val *arguments)
{
    struct message_delta d = {.kind = MESSAGE_DELTA_TEXT, .index = index, .part = MESSAGE_CALL};
    if (yyjson_is_obj(arguments)) {
        struct buf text;
        buf_init(&text, SIZE_MAX / 2);
        json_write(&text, arguments);
        d.text = buf_str(&text);
        int rc = tell(r, &d);
        buf_release(&text);
        return rc;
    }
    d.text = json_str(arguments);
    return d.text.n > 0 ? tell(r, &d) : 0;
}

static int read_call(struct wire_reader *r, yyjson_val *call, yyjson_val *function,
                     int64_t wire_index)
{
    struct str id = json_get_str(call, "id");
    struct str name = json_get_str(function, "name");
    yyjson_val *arguments = yyjson_obj_get(function, "arguments");
    struct call *found = find_call(r, wire_index, id, name);
    int rc = 0;
    if (!found) {
        if (name.n == 0) {
            return 0; /* a piece of nothing */
        }
        if (r->call_count == CALLS_MAX) {
            return fail(r, STR("server_error"), STR("the answer holds too many calls"));
        }
        rc = open_call(r, wire_index, id, name);
        found = &r->calls[r->call_count - 1];
    }
    if (found->closed) {
        return fail(r, STR("server_error"), STR("a call went on behind the text after it"));
    }
    return rc < 0 ? rc : read_arguments(r, found->index, arguments);
}

static int read_calls(struct wire_reader *r, yyjson_val *delta)
{
    yyjson_val *calls = yyjson_obj_get(delta, "tool_calls");
    yyjson_val *legacy = yyjson_obj_get(delta, "function_call");
    size_t i = 0;
    size_t n = 0;
    yyjson_val *call = NULL;
    int rc = 0;
    yyjson_arr_foreach(calls, i, n, call)
    {
        int64_t index = json_get_i64(call, "index", -1);
        if (rc == 0 && !r->over) {
            rc = read_call(r, call, yyjson_obj_get(call, "function"), index < 0 ? -1 : index);
        }
    }
    if (rc == 0 && yyjson_is_obj(legacy) && !r->over) {
        rc = read_call(r, NULL, legacy, LEGACY_INDEX);
    }
    return rc;
}

/* --- chunks ------------------------------------------------------------------------------ */

static int finish(struct wire_reader *r, struct str name)
{
    struct message_delta d = {.kind = MESSAGE_DELTA_FINISH,
                              .finish = wire_chat_finish(name, r->call_count > 0)};
    int rc = close_all(r);
    if (rc < 0 || r->finished) {
        return rc;
    }
    r->finished = true;
    return tell(r, &d);
}

static int read_choice(struct wire_reader *r, yyjson_val *choice)
{
    static int (*const steps[])(struct wire_reader *, yyjson_val *) = {
        read_thoughts, read_content, read_annotations, read_calls};
    yyjson_val *delta = yyjson_obj_get(choice, "delta");
    struct str reason = json_get_str(choice, "finish_reason");
    int rc = 0;
    delta = delta ? delta : yyjson_obj_get(choice, "message");
    for (size_t i = 0; rc == 0 && !r->over && i < ARRAY_LEN(steps); i++) {
        rc = steps[i](r, delta);
    }
    if (rc == 0 && !r->over) {
        rc = add_text(r, MESSAGE_REFUSAL, json_get_str(delta, "refusal"));
    }
    return rc < 0 || r->over || reason.n == 0 ? rc : finish(r, reason);
}

static int start(struct wire_reader *r, yyjson_val *chunk)
{
    struct message_delta d = {.kind = MESSAGE_DELTA_START,
                              .id = json_get_str(chunk, "id"),
                              .model = json_get_str(chunk, "model"),
                              .service_tier = json_get_str(chunk, "service_tier"),
                              .created_s = json_get_i64(chunk, "created", -1)};
    usage_init(&d.usage);
    r->started = true;
    r->made_ids = hash_fnv1a(d.id);
    return tell(r, &d);
}

static int read_usage(struct wire_reader *r, yyjson_val *chunk, yyjson_val *choice)
{
    yyjson_val *const places[] = {
        yyjson_obj_get(chunk, "usage"),
        yyjson_obj_get(choice, "usage"),
        yyjson_obj_get(yyjson_obj_get(chunk, "x_groq"), "usage"),
    };
    struct message_delta d = {.kind = MESSAGE_DELTA_USAGE};
    usage_init(&d.usage);
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (usage_read_openai(&d.usage, places[i])) {
            return tell(r, &d);
        }
    }
    return 0;
}

static int read_error(struct wire_reader *r, yyjson_val *error, yyjson_val *chunk)
{
    struct str message = yyjson_is_str(error) ? json_str(error) : json_get_str(error, "message");
    struct str type = json_get_str(error, "type");
    type = type.n > 0 ? type : json_get_str(error, "code");
    message = message.n > 0 ? message : json_get_str(chunk, "message");
    return fail(r, type.n > 0 ? type : STR("server_error"),
                message.n > 0 ? message : STR("the provider told of an error without a message"));
}

/* The first choice; others were not asked for. */
static yyjson_val *first_choice(yyjson_val *choices)
{
    size_t i = 0;
    size_t n = 0;
    yyjson_val *choice = NULL;
    yyjson_arr_foreach(choices, i, n, choice)
    {
        if (json_get_i64(choice, "index", 0) == 0) {
            return choice;
        }
    }
    return NULL;
}

static int read_chunk(struct wire_reader *r, struct str event, yyjson_val *chunk)
{
    yyjson_val *error = yyjson_obj_get(chunk, "error");
    yyjson_val *choice = first_choice(yyjson_obj_get(chunk, "choices"));
    int rc = 0;
    if ((error && !yyjson_is_null(error)) || str_is(event, "error")) {
        return read_error(r, error, chunk);
    }
    /* Azure's first chunk holds verdicts about the prompt, without id and choices. */
    if (!r->started && (choice || json_get_str(chunk, "id").n > 0)) {
        rc = start(r, chunk);
    }
    if (rc == 0 && choice) {
        rc = read_choice(r, choice);
    }
    return rc < 0 || !r->started || r->over ? rc : read_usage(r, chunk, choice);
}

static int end(struct wire_reader *r)
{
    struct message_delta d = {.kind = MESSAGE_DELTA_END};
    int rc = r->started ? 0 : start(r, NULL);
    rc = rc < 0 ? rc : finish(r, STR_EMPTY);
    r->over = true;
    return rc < 0 ? rc : tell(r, &d);
}

int wire_chat_read_event(struct wire_reader *r, struct str event, struct str data,
                         const struct wire_sink *sink)
{
    struct wire_event parsed;
    int rc = 0;
    if (r->over) {
        return 0;
    }
    r->sink = sink;
    if (str_starts(data, STR("[DONE]"))) {
        return end(r);
    }
    yyjson_val *chunk = wire_event_parse(&parsed, data);
    if (yyjson_is_obj(chunk)) {
        rc = read_chunk(r, event, chunk);
    }
    wire_event_release(&parsed);
    return rc;
}

int wire_chat_read_end(struct wire_reader *r, const struct wire_sink *sink)
{
    r->sink = sink;
    return r->over || !r->finished ? 0 : end(r);
}
