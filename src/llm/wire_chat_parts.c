/*
 * What messages of requests and of answers have in common.
 */
#include "core/attr.h"
#include "llm/wire_chat.h"

void wire_chat_parts_init(struct wire_chat_parts *parts, struct arena *arena, size_t room)
{
    *parts = (struct wire_chat_parts){.all = ARENA_ARRAY(arena, struct message_part, room + 1),
                                      .room = room};
}

struct message_part *wire_chat_parts_add(struct wire_chat_parts *parts, enum message_part_kind kind)
{
    BUG_ON(parts->count == parts->room);
    struct message_part *part = &parts->all[parts->count++];
    part->kind = kind;
    return part;
}

/* Longer lists are refused when they are read. */
static size_t elements(yyjson_val *message, const char *key)
{
    size_t n = yyjson_arr_size(yyjson_obj_get(message, key));
    return n < MESSAGE_COUNT_MAX ? n : MESSAGE_COUNT_MAX;
}

size_t wire_chat_parts_count(yyjson_val *message)
{
    /* A string of content, a refusal, a thought, a call of the old kind. */
    return 4 + elements(message, "content") + elements(message, "tool_calls") +
           elements(message, "reasoning_details");
}

/* --- content ----------------------------------------------------------------------------- */

static int read_text(const struct wire_at *at, yyjson_val *from, struct wire_chat_parts *parts)
{
    struct str text = STR_EMPTY;
    int rc = wire_get_str(at, from, "text", &text);
    if (rc < 0 || text.n == 0) {
        return rc;
    }
    struct message_part *part = wire_chat_parts_add(parts, MESSAGE_TEXT);
    part->text = text;
    wire_openai_take_citations(yyjson_obj_get(from, "annotations"), at->notes->arena, part);
    return wire_openai_get_cache(at, from, &part->cache);
}

static int read_image(const struct wire_at *at, yyjson_val *from, struct wire_chat_parts *parts)
{
    struct message_part *part = wire_chat_parts_add(parts, MESSAGE_IMAGE);
    yyjson_val *image = yyjson_obj_get(from, "image_url");
    struct str url = STR_EMPTY;
    /* Some servers document the bare string. */
    if (yyjson_is_str(image)) {
        url = json_str(image);
    } else {
        struct wire_at inner = wire_at_member(at, "image_url");
        int rc = wire_get_obj(at, from, "image_url", &image);
        rc = rc < 0 ? rc : wire_get_str(&inner, image, "url", &url);
        rc = rc < 0 ? rc : wire_get_str(&inner, image, "detail", &part->detail);
        if (rc < 0) {
            return rc;
        }
    }
    if (url.n == 0) {
        return wire_invalid(at, "image_url.url", "a URL or data URL");
    }
    wire_openai_take_url(url, part);
    return wire_openai_get_cache(at, from, &part->cache);
}

static int read_audio(const struct wire_at *at, yyjson_val *from, struct wire_chat_parts *parts)
{
    struct message_part *part = wire_chat_parts_add(parts, MESSAGE_AUDIO);
    struct wire_at inner = wire_at_member(at, "input_audio");
    yyjson_val *audio = NULL;
    struct str format = STR_EMPTY;
    int rc = wire_get_obj(at, from, "input_audio", &audio);
    rc = rc < 0 ? rc : wire_get_str(&inner, audio, "data", &part->data);
    rc = rc < 0 ? rc : wire_get_str(&inner, audio, "format", &format);
    if (rc < 0) {
        return rc;
    }
    if (part->data.n == 0 || format.n == 0) {
        return wire_invalid(at, "input_audio", "an object with data and format");
    }
    part->media_type = wire_openai_audio_type(format, at->notes->arena);
    return wire_openai_get_cache(at, from, &part->cache);
}

static int read_file(const struct wire_at *at, yyjson_val *from, struct wire_chat_parts *parts)
{
    struct message_part *part = wire_chat_parts_add(parts, MESSAGE_FILE);
    struct wire_at inner = wire_at_member(at, "file");
    yyjson_val *file = NULL;
    struct str data = STR_EMPTY;
    int rc = wire_get_obj(at, from, "file", &file);
    rc = rc < 0 ? rc : wire_get_str(&inner, file, "file_data", &data);
    rc = rc < 0 ? rc : wire_get_str(&inner, file, "file_id", &part->file_id);
    rc = rc < 0 ? rc : wire_get_str(&inner, file, "filename", &part->name);
    if (rc < 0) {
        return rc;
    }
    if (data.n == 0 && part->file_id.n == 0) {
        return wire_invalid(at, "file", "an object with file_data or file_id");
    }
    if (data.n > 0) {
        wire_openai_take_url(data, part);
    }
    return wire_openai_get_cache(at, from, &part->cache);
}

static int read_refusal(const struct wire_at *at, yyjson_val *from, struct wire_chat_parts *parts)
{
    return wire_get_str(at, from, "refusal", &wire_chat_parts_add(parts, MESSAGE_REFUSAL)->text);
}

/* Mistral's: {"type":"thinking","thinking":[{"type":"text","text":"..."}]}, or a bare string. */
static int read_thinking(const struct wire_at *at, yyjson_val *from, struct wire_chat_parts *parts)
{
    struct message_part *part = wire_chat_parts_add(parts, MESSAGE_THINKING);
    yyjson_val *thinking = yyjson_obj_get(from, "thinking");
    struct buf text;
    size_t i = 0;
    size_t n = 0;
    yyjson_val *piece = NULL;
    if (yyjson_is_str(thinking)) {
        part->text = json_str(thinking);
        return 0;
    }
    buf_init(&text, SIZE_MAX / 2);
    yyjson_arr_foreach(thinking, i, n, piece)
    {
        buf_put_str(&text, json_get_str(piece, "text"));
    }
    part->text = arena_str(at->notes->arena, buf_str(&text));
    buf_release(&text);
    return 0;
}

static const struct {
    const char *type;
    int (*read)(const struct wire_at *at, yyjson_val *from, struct wire_chat_parts *parts);
} kinds[] = {
    {"text",        read_text    },
    {"image_url",   read_image   },
    {"input_audio", read_audio   },
    {"file",        read_file    },
    {"refusal",     read_refusal },
    {"thinking",    read_thinking},
};

static int read_part(const struct wire_at *at, yyjson_val *from, bool lenient,
                     struct wire_chat_parts *parts)
{
    struct str type = json_get_str(from, "type");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (str_is(type, kinds[i].type)) {
            return kinds[i].read(at, from, parts);
        }
    }
    if (lenient) {
        return 0;
    }
    return type.n > 0 ? wire_refuse(at, "type", "content of this kind is not known")
                      : wire_invalid(at, "type", "a string that names the kind of content");
}

int wire_chat_read_content(const struct wire_at *at, yyjson_val *message, bool lenient,
                           struct wire_chat_parts *parts)
{
    yyjson_val *content = yyjson_obj_get(message, "content");
    yyjson_val *from = NULL;
    size_t i = 0;
    size_t n = 0;
    if (!content || yyjson_is_null(content)) {
        return 0;
    }
    if (yyjson_is_str(content)) {
        if (yyjson_get_len(content) > 0) {
            wire_chat_parts_add(parts, MESSAGE_TEXT)->text = json_str(content);
        }
        return 0;
    }
    if (!yyjson_is_arr(content) || yyjson_arr_size(content) > MESSAGE_COUNT_MAX) {
        return wire_invalid(at, "content", "a string or an array of parts");
    }
    yyjson_arr_foreach(content, i, n, from)
    {
        struct wire_at inner = wire_at_element(at, "content", i);
        int rc = read_part(&inner, from, lenient, parts);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

/* --- thoughts ---------------------------------------------------------------------------- */

struct str wire_chat_thought(yyjson_val *message)
{
    static const char *const names[] = {"reasoning_content", "reasoning", "thinking"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct str text = json_get_str(message, names[i]);
        if (text.n > 0) {
            return text;
        }
    }
    return STR_EMPTY;
}

/* A thought whose details are being put together: pieces of one index are one thought. */
struct thought {
    struct message_part *part; /* NULL: none yet */
    struct buf text;
    int64_t index;
    bool encrypted; /* it began with a sealed form */
};

static void end_thought(struct thought *t, struct arena *arena)
{
    if (t->part) {
        t->part->text = arena_str(arena, buf_str(&t->text));
        t->part->redacted = t->encrypted && t->text.n == 0;
    }
    buf_clear(&t->text);
    t->part = NULL;
}

static void take_detail(struct thought *t, yyjson_val *detail, struct arena *arena,
                        struct wire_chat_parts *parts)
{
    bool sealed = str_is(json_get_str(detail, "type"), "reasoning.encrypted");
    struct str seal = json_get_str(detail, sealed ? "data" : "signature");
    struct str id = json_get_str(detail, "id");
    struct str text = json_get_str(detail, "text");
    int64_t index = json_get_i64(detail, "index", -1);
    /* The sealed form of a summary has its id; pieces of a stream have its index. */
    bool same = t->part && ((index >= 0 && index == t->index) ||
                            (sealed && id.n > 0 && str_eq(id, t->part->id)));
    if (!same || (seal.n > 0 && t->part->signature.n > 0)) {
        end_thought(t, arena);
        t->part = wire_chat_parts_add(parts, MESSAGE_THINKING);
        t->index = index;
        t->encrypted = sealed;
    }
    t->part->id = id.n > 0 ? id : t->part->id;
    t->part->signature = seal.n > 0 ? seal : t->part->signature;
    buf_put_str(&t->text, text.n > 0 ? text : json_get_str(detail, "summary"));
}

static int read_thoughts(const struct wire_at *at, yyjson_val *message,
                         struct wire_chat_parts *parts)
{
    yyjson_val *details = yyjson_obj_get(message, "reasoning_details");
    struct str text = wire_chat_thought(message);
    struct thought thought = {0};
    size_t i = 0;
    size_t n = 0;
    yyjson_val *detail = NULL;
    if (yyjson_arr_size(details) > MESSAGE_COUNT_MAX) {
        return wire_invalid(at, "reasoning_details", "shorter");
    }
    buf_init(&thought.text, SIZE_MAX / 2);
    yyjson_arr_foreach(details, i, n, detail)
    {
        if (yyjson_is_obj(detail)) {
            take_detail(&thought, detail, at->notes->arena, parts);
        }
    }
    end_thought(&thought, at->notes->arena);
    buf_release(&thought.text);
    if (text.n > 0 && yyjson_arr_size(details) == 0) {
        wire_chat_parts_add(parts, MESSAGE_THINKING)->text = text;
    }
    return 0;
}

/* --- calls ------------------------------------------------------------------------------- */

/* `call_N_M`: calls without an id are told apart by turn and place. */
static struct str made_id(const struct wire_at *at, size_t turn, size_t i)
{
    return arena_printf(at->notes->arena, "call_%zu_%zu", turn, i);
}

static int read_function(const struct wire_at *at, yyjson_val *function, struct str id,
                         struct wire_chat_parts *parts)
{
    struct message_part *part = wire_chat_parts_add(parts, MESSAGE_CALL);
    yyjson_val *arguments = yyjson_obj_get(function, "arguments");
    int rc = wire_get_str(at, function, "name", &part->name);
    if (rc < 0) {
        return rc;
    }
    if (part->name.n == 0) {
        return wire_invalid(at, "name", "the name of a function");
    }
    part->id = id;
    /* Some servers give the object itself. */
    part->json = yyjson_is_obj(arguments) ? wire_json_text(at->notes->arena, arguments)
                                          : json_str(arguments);
    return 0;
}

static int read_call(const struct wire_at *at, yyjson_val *call, struct str id, bool lenient,
                     struct wire_chat_parts *parts)
{
    struct wire_at inner = wire_at_member(at, "function");
    struct str type = json_get_str(call, "type");
    yyjson_val *function = NULL;
    if (type.n > 0 && !str_is(type, "function")) {
        return lenient ? 0 : wire_refuse(at, "type", "only calls of functions are known");
    }
    int rc = wire_get_obj(at, call, "function", &function);
    rc = rc < 0 ? rc : wire_get_str(at, call, "id", &id);
    if (rc < 0) {
        return rc;
    }
    return read_function(&inner, function, id, parts);
}

static int read_calls(const struct wire_at *at, yyjson_val *message, bool lenient, size_t turn,
                      struct wire_chat_parts *parts)
{
    yyjson_val *calls = NULL;
    yyjson_val *legacy = NULL;
    yyjson_val *call = NULL;
    size_t i = 0;
    size_t n = 0;
    int rc = wire_get_arr(at, message, "tool_calls", &calls);
    yyjson_arr_foreach(calls, i, n, call)
    {
        struct wire_at inner = wire_at_element(at, "tool_calls", i);
        rc = rc < 0 ? rc : read_call(&inner, call, made_id(at, turn, i), lenient, parts);
    }
    rc = rc < 0 ? rc : wire_get_obj(at, message, "function_call", &legacy);
    if (rc < 0 || !legacy || yyjson_arr_size(calls) > 0) {
        return rc;
    }
    struct wire_at inner = wire_at_member(at, "function_call");
    return read_function(&inner, legacy, made_id(at, turn, 0), parts);
}

int wire_chat_read_assistant(const struct wire_at *at, yyjson_val *message, bool lenient,
                             size_t turn, struct wire_chat_parts *parts)
{
    struct str refusal = STR_EMPTY;
    int rc = read_thoughts(at, message, parts);
    size_t first = parts->count;
    rc = rc < 0 ? rc : wire_chat_read_content(at, message, lenient, parts);
    rc = rc < 0 ? rc : wire_get_str(at, message, "refusal", &refusal);
    if (rc < 0) {
        return rc;
    }
    if (parts->count == first + 1 && parts->all[first].kind == MESSAGE_TEXT) {
        wire_openai_take_citations(yyjson_obj_get(message, "annotations"), at->notes->arena,
                                   &parts->all[first]);
    }
    if (refusal.n > 0) {
        wire_chat_parts_add(parts, MESSAGE_REFUSAL)->text = refusal;
    }
    return read_calls(at, message, lenient, turn, parts);
}

/* --- writing ----------------------------------------------------------------------------- */

void wire_chat_put_detail(struct buf *out, size_t index, const struct message_part *thought)
{
    buf_puts(out, thought->redacted ? "{\"type\":\"reasoning.encrypted\",\"index\":"
                                    : "{\"type\":\"reasoning.text\",\"index\":");
    buf_put_u64(out, index);
    wire_put_str_member(out, "id", thought->id);
    wire_put_str_member(out, "text", thought->text);
    wire_put_str_member(out, thought->redacted ? "data" : "signature", thought->signature);
    buf_putc(out, '}');
}

void wire_chat_put_details(struct buf *out, const struct message_part *parts, size_t count)
{
    size_t index = 0;
    buf_putc(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (parts[i].kind == MESSAGE_THINKING) {
            buf_puts(out, index > 0 ? "," : "");
            wire_chat_put_detail(out, index++, &parts[i]);
        }
    }
    buf_putc(out, ']');
}

void wire_chat_put_call(struct buf *out, const struct message_part *call)
{
    buf_puts(out, "{\"id\":");
    buf_put_json(out, call->id);
    buf_puts(out, ",\"type\":\"function\",\"function\":{\"name\":");
    buf_put_json(out, call->name);
    buf_puts(out, ",\"arguments\":");
    buf_put_json(out, call->json.n > 0 ? call->json : STR("{}"));
    buf_puts(out, "}}");
}

void wire_chat_put_citation(struct buf *out, const struct message_citation *citation, size_t base,
                            size_t to)
{
    buf_puts(out, "\"type\":\"url_citation\",\"url_citation\":{");
    wire_openai_put_citation(out, citation, base, to);
    buf_putc(out, '}');
}
