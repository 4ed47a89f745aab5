/*
 * The messages of a chat request, read.
 *
 * Results of tools come as messages of the role `tool`, one a call; those in a row become one
 * message of the user with RESULT parts.
 */
#include "core/attr.h"
#include "llm/wire_chat.h"

/* Calls are looked through for a result's tool this many at most: a request of nothing but calls
 * and results must not cost their product. Results come in the order of their calls. */
#define CALLS_SEARCHED_MAX 256

static const struct wire_member message_members[] = {
    {"role",              WIRE_READ,    NULL},
    {"content",           WIRE_READ,    NULL},
    {"name",              WIRE_READ,    NULL},
    {"tool_calls",        WIRE_READ,    NULL},
    {"tool_call_id",      WIRE_READ,    NULL},
    {"function_call",     WIRE_READ,    NULL},
    {"refusal",           WIRE_READ,    NULL},
    {"annotations",       WIRE_READ,    NULL},
    {"reasoning_content", WIRE_READ,    NULL},
    {"reasoning",         WIRE_READ,    NULL},
    {"thinking",          WIRE_READ,    NULL},
    {"reasoning_details", WIRE_READ,    NULL},
    {"cache_control",     WIRE_READ,    NULL},
    {"is_error",          WIRE_READ,    NULL}, /* of a result; not OpenAI's */
    {"audio",             WIRE_DROPPED, NULL}, /* refers to an earlier answer by id */
    {NULL,                WIRE_READ,    NULL},
};

struct reading {
    struct message_request *r;
    struct arena *arena;
    struct message *results; /* the message that gathers results; NULL: none is open */
    size_t results_room;
    const struct message *calls; /* the last message of the assistant */
    size_t next_call;            /* of its parts: where the next result's call is expected */
    struct str legacy_id;        /* of the last call */
};

static int add_message(struct reading *reading, const struct wire_at *at, yyjson_val *from,
                       enum message_role role)
{
    struct message *m = &reading->r->messages[reading->r->message_count++];
    struct wire_chat_parts parts;
    wire_chat_parts_init(&parts, reading->arena, wire_chat_parts_count(from));
    m->role = role;
    int rc = wire_get_str(at, from, "name", &m->name);
    if (rc == 0) {
        rc = role == MESSAGE_ASSISTANT
                 ? wire_chat_read_assistant(at, from, false, reading->r->message_count, &parts)
                 : wire_chat_read_content(at, from, false, &parts);
    }
    m->parts = parts.all;
    m->part_count = parts.count;
    /* A marker on the message is one on its end. */
    if (rc == 0 && m->part_count > 0) {
        rc = wire_openai_get_cache(at, from, &m->parts[m->part_count - 1].cache);
    }
    return rc;
}

static int read_system(struct reading *reading, const struct wire_at *at, yyjson_val *from)
{
    return add_message(reading, at, from, MESSAGE_SYSTEM);
}

static int read_developer(struct reading *reading, const struct wire_at *at, yyjson_val *from)
{
    return add_message(reading, at, from, MESSAGE_DEVELOPER);
}

static int read_user(struct reading *reading, const struct wire_at *at, yyjson_val *from)
{
    return add_message(reading, at, from, MESSAGE_USER);
}

static int read_assistant(struct reading *reading, const struct wire_at *at, yyjson_val *from)
{
    int rc = add_message(reading, at, from, MESSAGE_ASSISTANT);
    reading->calls = &reading->r->messages[reading->r->message_count - 1];
    reading->next_call = 0;
    for (size_t i = 0; i < reading->calls->part_count; i++) {
        if (reading->calls->parts[i].kind == MESSAGE_CALL) {
            reading->legacy_id = reading->calls->parts[i].id;
        }
    }
    return rc;
}

static struct str called_name(struct reading *reading, struct str id)
{
    size_t n = reading->calls ? reading->calls->part_count : 0;
    size_t most = n < CALLS_SEARCHED_MAX ? n : CALLS_SEARCHED_MAX;
    for (size_t i = 0; i < most; i++) {
        const struct message_part *part = &reading->calls->parts[(reading->next_call + i) % n];
        if (part->kind == MESSAGE_CALL && str_eq(part->id, id)) {
            reading->next_call += i + 1;
            return part->name;
        }
    }
    return STR_EMPTY;
}

/* `count`: results in a row that begin here. */
static struct message_part *add_result(struct reading *reading, size_t count)
{
    if (!reading->results) {
        reading->results = &reading->r->messages[reading->r->message_count++];
        reading->results->role = MESSAGE_USER;
        reading->results->parts = ARENA_ARRAY(reading->arena, struct message_part, count);
        reading->results_room = count;
    }
    BUG_ON(reading->results->part_count == reading->results_room);
    struct message_part *part = &reading->results->parts[reading->results->part_count++];
    part->kind = MESSAGE_RESULT;
    return part;
}

static int read_result(struct reading *reading, const struct wire_at *at, yyjson_val *from,
                       size_t count)
{
    bool legacy = str_is(json_get_str(from, "role"), "function");
    struct message_part *part = add_result(reading, count);
    struct wire_chat_parts parts;
    struct str name = STR_EMPTY;
    int rc = wire_get_str(at, from, "tool_call_id", &part->id);
    rc = rc < 0 ? rc : wire_get_str(at, from, "name", &name);
    rc = rc < 0 ? rc : wire_get_bool(at, from, "is_error", &part->failed);
    if (rc < 0) {
        return rc;
    }
    part->id = legacy ? reading->legacy_id : part->id;
    if (part->id.n == 0) {
        return wire_invalid(at, legacy ? "role" : "tool_call_id",
                            legacy ? "`function` behind a call only" : "the id of a call");
    }
    part->name = called_name(reading, part->id);
    part->name = part->name.n > 0 ? part->name : name;
    wire_chat_parts_init(&parts, reading->arena, wire_chat_parts_count(from));
    rc = wire_chat_read_content(at, from, false, &parts);
    part->parts = parts.all;
    part->part_count = parts.count;
    return rc < 0 ? rc : wire_openai_get_cache(at, from, &part->cache);
}

static bool is_result(yyjson_val *from)
{
    struct str role = json_get_str(from, "role");
    return str_is(role, "tool") || str_is(role, "function");
}

/* Results in a row from this one on. */
static size_t count_results(yyjson_arr_iter rest)
{
    size_t count = 1;
    yyjson_val *from = NULL;
    while ((from = yyjson_arr_iter_next(&rest)) && is_result(from)) {
        count++;
    }
    return count;
}

static const struct {
    const char *role;
    int (*read)(struct reading *reading, const struct wire_at *at, yyjson_val *from);
} roles[] = {
    {"system",    read_system   },
    {"developer", read_developer},
    {"user",      read_user     },
    {"assistant", read_assistant},
};

static int read_message(struct reading *reading, const struct wire_at *at, yyjson_val *from,
                        const yyjson_arr_iter *rest)
{
    struct str role = json_get_str(from, "role");
    if (!yyjson_is_obj(from)) {
        return wire_invalid(at, NULL, "an object");
    }
    int rc = wire_check_members(at, from, message_members);
    if (rc < 0) {
        return rc;
    }
    if (is_result(from)) {
        return read_result(reading, at, from, reading->results ? 0 : count_results(*rest));
    }
    reading->results = NULL;
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (str_is(role, roles[i].role)) {
            return roles[i].read(reading, at, from);
        }
    }
    return wire_invalid(at, "role", "system, developer, user, assistant or tool");
}

/* Room is taken before parts are looked at: a small body must not ask for a large one. */
static int check_room(const struct wire_at *at, yyjson_val *all)
{
    size_t room = 0;
    size_t i = 0;
    size_t n = 0;
    yyjson_val *from = NULL;
    yyjson_arr_foreach(all, i, n, from)
    {
        room += wire_chat_parts_count(from);
    }
    if (room > MESSAGE_PARTS_MAX) {
        return wire_invalid(at, "messages", "smaller: they hold too many parts");
    }
    return 0;
}

int wire_chat_read_messages(const struct wire_at *at, yyjson_val *body, struct message_request *r)
{
    struct reading reading = {.r = r, .arena = at->notes->arena};
    yyjson_val *all = NULL;
    yyjson_val *from = NULL;
    int rc = wire_get_arr(at, body, "messages", &all);
    if (rc < 0) {
        return rc;
    }
    if (yyjson_arr_size(all) == 0) {
        return wire_invalid(at, "messages", "an array with a message at least");
    }
    rc = check_room(at, all);
    r->messages = ARENA_ARRAY(reading.arena, struct message, yyjson_arr_size(all));
    yyjson_arr_iter rest = yyjson_arr_iter_with(all);
    for (size_t i = 0; rc == 0 && (from = yyjson_arr_iter_next(&rest)); i++) {
        struct wire_at inner = wire_at_element(at, "messages", i);
        rc = read_message(&reading, &inner, from, &rest);
    }
    return rc;
}
