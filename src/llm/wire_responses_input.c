/*
 * The items of a Responses request, read.
 *
 * What the assistant said, thought and called are items of their own there; those in a row become
 * one message. Results of tools in a row become one message of the user.
 */
#include "core/attr.h"
#include "llm/wire_responses.h"

/* Calls are looked through for a result's tool this many at most (see wire_chat_messages.c). */
#define CALLS_SEARCHED_MAX 256

struct reading {
    struct message_request *r;
    struct arena *arena;
    yyjson_arr_iter rest;        /* items behind the one that is read */
    struct message *open;        /* the message that gathers items; NULL: none is open */
    size_t open_room;            /* parts it has room for */
    const struct message *calls; /* the last message of the assistant */
    size_t next_call;
};

/* --- content ----------------------------------------------------------------------------- */

static int read_text(const struct wire_at *at, yyjson_val *from, struct message_part *part)
{
    part->kind = MESSAGE_TEXT;
    wire_openai_take_citations(yyjson_obj_get(from, "annotations"), at->notes->arena, part);
    return wire_get_str(at, from, "text", &part->text);
}

static int read_refusal(const struct wire_at *at, yyjson_val *from, struct message_part *part)
{
    part->kind = MESSAGE_REFUSAL;
    return wire_get_str(at, from, "refusal", &part->text);
}

static int read_image(const struct wire_at *at, yyjson_val *from, struct message_part *part)
{
    struct str url = STR_EMPTY;
    part->kind = MESSAGE_IMAGE;
    int rc = wire_get_str(at, from, "image_url", &url);
    rc = rc < 0 ? rc : wire_get_str(at, from, "file_id", &part->file_id);
    rc = rc < 0 ? rc : wire_get_str(at, from, "detail", &part->detail);
    if (rc == 0 && url.n == 0 && part->file_id.n == 0) {
        return wire_invalid(at, "image_url", "a URL or data URL");
    }
    if (url.n > 0) {
        wire_openai_take_url(url, part);
    }
    return rc;
}

static int read_file(const struct wire_at *at, yyjson_val *from, struct message_part *part)
{
    struct str data = STR_EMPTY;
    part->kind = MESSAGE_FILE;
    int rc = wire_get_str(at, from, "file_data", &data);
    rc = rc < 0 ? rc : wire_get_str(at, from, "file_id", &part->file_id);
    rc = rc < 0 ? rc : wire_get_str(at, from, "file_url", &part->url);
    rc = rc < 0 ? rc : wire_get_str(at, from, "filename", &part->name);
    if (rc == 0 && data.n + part->file_id.n + part->url.n == 0) {
        return wire_invalid(at, NULL, "a file with file_data, file_url or file_id");
    }
    if (data.n > 0) {
        wire_openai_take_url(data, part);
    }
    return rc;
}

static int read_audio(const struct wire_at *at, yyjson_val *from, struct message_part *part)
{
    struct wire_at inner = wire_at_member(at, "input_audio");
    yyjson_val *audio = NULL;
    struct str format = STR_EMPTY;
    part->kind = MESSAGE_AUDIO;
    int rc = wire_get_obj(at, from, "input_audio", &audio);
    rc = rc < 0 ? rc : wire_get_str(&inner, audio, "data", &part->data);
    rc = rc < 0 ? rc : wire_get_str(&inner, audio, "format", &format);
    if (rc == 0 && (part->data.n == 0 || format.n == 0)) {
        return wire_invalid(at, "input_audio", "an object with data and format");
    }
    part->media_type = wire_openai_audio_type(format, at->notes->arena);
    return rc;
}

static const struct {
    const char *type;
    int (*read)(const struct wire_at *at, yyjson_val *from, struct message_part *part);
} kinds[] = {
    {"input_text",  read_text   },
    {"output_text", read_text   },
    {"text",        read_text   },
    {"input_image", read_image  },
    {"input_file",  read_file   },
    {"input_audio", read_audio  },
    {"refusal",     read_refusal},
};

static int read_part(const struct wire_at *at, yyjson_val *from, struct message_part *part)
{
    struct str type = json_get_str(from, "type");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (str_is(type, kinds[i].type)) {
            int rc = kinds[i].read(at, from, part);
            return rc < 0 ? rc : wire_openai_get_cache(at, from, &part->cache);
        }
    }
    return type.n > 0 ? wire_refuse(at, "type", "content of this kind is not known")
                      : wire_invalid(at, "type", "a string that names the kind of content");
}

/* A string or a list; `parts` has room for content_room. */
static size_t content_room(yyjson_val *content)
{
    size_t n = yyjson_is_arr(content) ? yyjson_arr_size(content) : 1;
    return n < MESSAGE_COUNT_MAX ? n : MESSAGE_COUNT_MAX; /* longer ones are refused */
}

static int read_content(const struct wire_at *at, yyjson_val *item, const char *key,
                        struct message_part *parts, size_t *ret_count)
{
    yyjson_val *content = yyjson_obj_get(item, key);
    yyjson_val *from = NULL;
    size_t i = 0;
    size_t n = 0;
    if (yyjson_is_str(content)) {
        if (yyjson_get_len(content) > 0) {
            parts[(*ret_count)++] =
                (struct message_part){.kind = MESSAGE_TEXT, .text = json_str(content)};
        }
        return 0;
    }
    if (!yyjson_is_arr(content) || yyjson_arr_size(content) > MESSAGE_COUNT_MAX) {
        return wire_invalid(at, key, "a string or an array of parts");
    }
    yyjson_arr_foreach(content, i, n, from)
    {
        struct wire_at inner = wire_at_element(at, key, i);
        int rc = read_part(&inner, from, &parts[*ret_count]);
        if (rc < 0) {
            return rc;
        }
        bool empty = parts[*ret_count].kind == MESSAGE_TEXT && parts[*ret_count].text.n == 0;
        if (empty) {
            parts[*ret_count] = (struct message_part){0};
        } else {
            (*ret_count)++;
        }
    }
    return 0;
}

/* --- what gathers items ------------------------------------------------------------------ */

static bool is_type(yyjson_val *item, const char *type)
{
    return str_is(json_get_str(item, "type"), type);
}

static bool is_message(yyjson_val *item)
{
    return is_type(item, "message") ||
           (json_get_str(item, "type").n == 0 && json_get_str(item, "role").n > 0);
}

static bool is_result(yyjson_val *item)
{
    return is_type(item, "function_call_output");
}

static bool is_assistants(yyjson_val *item)
{
    return is_type(item, "function_call") || is_type(item, "reasoning") ||
           (is_message(item) && str_is(json_get_str(item, "role"), "assistant"));
}

static size_t parts_of(yyjson_val *item)
{
    return is_message(item) ? content_room(yyjson_obj_get(item, "content")) : 1;
}

static struct message *add_message(struct reading *x, enum message_role role, size_t room)
{
    struct message *m = &x->r->messages[x->r->message_count++];
    m->role = role;
    m->parts = ARENA_ARRAY(x->arena, struct message_part, room + 1);
    return m;
}

/* The message that this item and those like it behind it make up. */
static struct message *gather(struct reading *x, enum message_role role, yyjson_val *item,
                              bool (*is_like)(yyjson_val *item))
{
    if (!x->open || x->open->role != role) {
        yyjson_arr_iter rest = x->rest;
        yyjson_val *next = NULL;
        x->open_room = parts_of(item);
        while ((next = yyjson_arr_iter_next(&rest)) && is_like(next)) {
            x->open_room += parts_of(next);
        }
        x->open = add_message(x, role, x->open_room);
    }
    BUG_ON(x->open->part_count + parts_of(item) > x->open_room);
    return x->open;
}

static struct message *gather_assistants(struct reading *x, yyjson_val *item)
{
    struct message *m = gather(x, MESSAGE_ASSISTANT, item, is_assistants);
    if (x->calls != m) {
        x->calls = m;
        x->next_call = 0;
    }
    return m;
}

/* --- items ------------------------------------------------------------------------------- */

static int read_message(struct reading *x, const struct wire_at *at, yyjson_val *item)
{
    static const struct {
        const char *name;
        enum message_role role;
    } roles[] = {
        {"user",      MESSAGE_USER     },
        {"system",    MESSAGE_SYSTEM   },
        {"developer", MESSAGE_DEVELOPER},
    };
    struct str role = json_get_str(item, "role");
    if (str_is(role, "assistant")) {
        struct message *m = gather_assistants(x, item);
        return read_content(at, item, "content", m->parts, &m->part_count);
    }
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (str_is(role, roles[i].name)) {
            struct message *m = add_message(x, roles[i].role, parts_of(item));
            x->open = NULL;
            return read_content(at, item, "content", m->parts, &m->part_count);
        }
    }
    return wire_invalid(at, "role", "user, assistant, system or developer");
}

static int read_call(struct reading *x, const struct wire_at *at, yyjson_val *item)
{
    struct message *m = gather_assistants(x, item);
    struct message_part *part = &m->parts[m->part_count++];
    part->kind = MESSAGE_CALL;
    int rc = wire_get_str(at, item, "call_id", &part->id);
    rc = rc < 0 ? rc : wire_get_str(at, item, "name", &part->name);
    rc = rc < 0 ? rc : wire_get_str(at, item, "arguments", &part->json);
    if (rc < 0) {
        return rc;
    }
    if (part->name.n == 0) {
        return wire_invalid(at, "name", "the name of a function");
    }
    return part->id.n > 0 ? 0 : wire_invalid(at, "call_id", "the id of a call");
}

static struct str called_name(struct reading *x, struct str id)
{
    size_t n = x->calls ? x->calls->part_count : 0;
    size_t most = n < CALLS_SEARCHED_MAX ? n : CALLS_SEARCHED_MAX;
    for (size_t i = 0; i < most; i++) {
        const struct message_part *part = &x->calls->parts[(x->next_call + i) % n];
        if (part->kind == MESSAGE_CALL && str_eq(part->id, id)) {
            x->next_call += i + 1;
            return part->name;
        }
    }
    return STR_EMPTY;
}

static int read_result(struct reading *x, const struct wire_at *at, yyjson_val *item)
{
    struct message *m = gather(x, MESSAGE_USER, item, is_result);
    struct message_part *part = &m->parts[m->part_count++];
    size_t room = content_room(yyjson_obj_get(item, "output"));
    part->kind = MESSAGE_RESULT;
    int rc = wire_get_str(at, item, "call_id", &part->id);
    if (rc < 0) {
        return rc;
    }
    if (part->id.n == 0) {
        return wire_invalid(at, "call_id", "the id of a call");
    }
    part->name = called_name(x, part->id);
    part->parts = ARENA_ARRAY(x->arena, struct message_part, room + 1);
    return read_content(at, item, "output", part->parts, &part->part_count);
}

/* The texts of a list, one paragraph each. */
static struct str joined(struct arena *arena, yyjson_val *list)
{
    struct buf text;
    size_t i = 0;
    size_t n = 0;
    yyjson_val *from = NULL;
    if (yyjson_arr_size(list) == 1) {
        return json_get_str(yyjson_arr_get_first(list), "text");
    }
    buf_init(&text, SIZE_MAX / 2);
    yyjson_arr_foreach(list, i, n, from)
    {
        buf_puts(&text, i > 0 ? "\n\n" : "");
        buf_put_str(&text, json_get_str(from, "text"));
    }
    struct str whole = arena_str(arena, buf_str(&text));
    buf_release(&text);
    return whole;
}

static int read_thought(struct reading *x, const struct wire_at *at, yyjson_val *item)
{
    struct message *m = gather_assistants(x, item);
    struct message_part *part = &m->parts[m->part_count++];
    yyjson_val *summary = NULL;
    yyjson_val *content = NULL;
    part->kind = MESSAGE_THINKING;
    int rc = wire_get_str(at, item, "id", &part->id);
    rc = rc < 0 ? rc : wire_get_str(at, item, "encrypted_content", &part->signature);
    rc = rc < 0 ? rc : wire_get_arr(at, item, "summary", &summary);
    rc = rc < 0 ? rc : wire_get_arr(at, item, "content", &content);
    if (rc < 0) {
        return rc;
    }
    part->text = joined(x->arena, yyjson_arr_size(content) > 0 ? content : summary);
    part->redacted = str_starts(part->signature, STR(WIRE_RESPONSES_SEALED_MARK));
    if (part->redacted) {
        part->signature = str_from(part->signature, sizeof(WIRE_RESPONSES_SEALED_MARK) - 1);
    }
    return 0;
}

/* Of items of all kinds. */
static const struct wire_member item_members[] = {
    {"type",              WIRE_READ,    NULL},
    {"role",              WIRE_READ,    NULL},
    {"content",           WIRE_READ,    NULL},
    {"call_id",           WIRE_READ,    NULL},
    {"name",              WIRE_READ,    NULL},
    {"arguments",         WIRE_READ,    NULL},
    {"output",            WIRE_READ,    NULL},
    {"summary",           WIRE_READ,    NULL},
    {"encrypted_content", WIRE_READ,    NULL},
    {"id",                WIRE_READ,    NULL},
    {"status",            WIRE_IGNORED, NULL},
    {"phase",             WIRE_IGNORED, NULL},
    {"caller",            WIRE_IGNORED, NULL},
    {"namespace",         WIRE_DROPPED, NULL},
    {NULL,                WIRE_READ,    NULL},
};

static const struct {
    const char *type;
    int (*read)(struct reading *x, const struct wire_at *at, yyjson_val *item);
} items[] = {
    {"message",              read_message},
    {"function_call",        read_call   },
    {"function_call_output", read_result },
    {"reasoning",            read_thought},
};

static int read_item(struct reading *x, const struct wire_at *at, yyjson_val *item)
{
    struct str type = is_message(item) ? STR("message") : json_get_str(item, "type");
    if (!yyjson_is_obj(item)) {
        return wire_invalid(at, NULL, "an object");
    }
    /* What came between ends the row. */
    if (x->open && (x->open->role == MESSAGE_USER ? !is_result(item) : !is_assistants(item))) {
        x->open = NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(items); i++) {
        if (str_is(type, items[i].type)) {
            int rc = wire_check_members(at, item, item_members);
            return rc < 0 ? rc : items[i].read(x, at, item);
        }
    }
    if (type.n == 0 || str_is(type, "item_reference")) {
        return wire_refuse(at, NULL, "it refers to what the provider would have to keep");
    }
    return wire_refuse(at, "type", "items of tools on the provider's side are not translated");
}

static int read_instructions(struct reading *x, const struct wire_at *at, yyjson_val *body)
{
    struct str text = STR_EMPTY;
    int rc = wire_get_str(at, body, "instructions", &text);
    if (rc == 0 && text.n > 0) {
        struct message *m = add_message(x, MESSAGE_SYSTEM, 1);
        m->parts[m->part_count++] = (struct message_part){.kind = MESSAGE_TEXT, .text = text};
    }
    return rc;
}

/* Room is taken before parts are looked at: a small body must not ask for a large one. */
static int check_room(const struct wire_at *at, yyjson_val *input)
{
    size_t room = 0;
    size_t i = 0;
    size_t n = 0;
    yyjson_val *item = NULL;
    yyjson_arr_foreach(input, i, n, item)
    {
        room += 1 + parts_of(item) + content_room(yyjson_obj_get(item, "output"));
    }
    if (room > MESSAGE_PARTS_MAX) {
        return wire_invalid(at, "input", "smaller: it holds too many parts");
    }
    return 0;
}

int wire_responses_read_input(const struct wire_at *at, yyjson_val *body, struct message_request *r)
{
    struct reading x = {.r = r, .arena = at->notes->arena};
    yyjson_val *input = yyjson_obj_get(body, "input");
    yyjson_val *item = NULL;
    size_t room = 2 + (yyjson_is_arr(input) ? yyjson_arr_size(input) : 0);
    bool text = yyjson_is_str(input) && yyjson_get_len(input) > 0;
    if (!text && (!yyjson_is_arr(input) || room == 2 || room > MESSAGE_COUNT_MAX)) {
        return wire_invalid(at, "input", "a string or an array of items");
    }
    int rc = check_room(at, input);
    if (rc < 0) {
        return rc;
    }
    r->messages = ARENA_ARRAY(x.arena, struct message, room);
    rc = read_instructions(&x, at, body);
    if (text) {
        struct message *m = add_message(&x, MESSAGE_USER, 1);
        m->parts[m->part_count++] =
            (struct message_part){.kind = MESSAGE_TEXT, .text = json_str(input)};
        return rc;
    }
    x.rest = yyjson_arr_iter_with(input);
    for (size_t i = 0; rc == 0 && (item = yyjson_arr_iter_next(&x.rest)); i++) {
        struct wire_at inner = wire_at_element(at, "input", i);
        rc = read_item(&x, &inner, item);
    }
    return rc;
}
