#include "core/base64.h"
#include "llm/wire_messages.h"

/* Of a text document, as base64. */
#define DOCUMENT_BYTES_MAX (64u << 20)

static const struct wire_member message_members[] = {
    {"role",    WIRE_READ, NULL},
    {"content", WIRE_READ, NULL},
    {NULL,      WIRE_READ, NULL},
};

static const struct wire_member text_members[] = {
    {"type",          WIRE_READ, NULL},
    {"text",          WIRE_READ, NULL},
    {"cache_control", WIRE_READ, NULL},
    {"citations",     WIRE_READ, NULL},
    {NULL,            WIRE_READ, NULL},
};

static const struct wire_member image_members[] = {
    {"type",            WIRE_READ,    NULL},
    {"source",          WIRE_READ,    NULL},
    {"cache_control",   WIRE_READ,    NULL},
    {"transformations", WIRE_DROPPED, NULL},
    {NULL,              WIRE_READ,    NULL},
};

static const struct wire_member document_members[] = {
    {"type",          WIRE_READ,    NULL},
    {"source",        WIRE_READ,    NULL},
    {"title",         WIRE_READ,    NULL},
    {"cache_control", WIRE_READ,    NULL},
    {"context",       WIRE_DROPPED, NULL},
    {"citations",     WIRE_DROPPED, NULL},
    {NULL,            WIRE_READ,    NULL},
};

static const struct wire_member thinking_members[] = {
    {"type",      WIRE_READ, NULL},
    {"thinking",  WIRE_READ, NULL},
    {"signature", WIRE_READ, NULL},
    {"data",      WIRE_READ, NULL},
    {NULL,        WIRE_READ, NULL},
};

static const struct wire_member call_members[] = {
    {"type",          WIRE_READ,    NULL},
    {"id",            WIRE_READ,    NULL},
    {"name",          WIRE_READ,    NULL},
    {"input",         WIRE_READ,    NULL},
    {"cache_control", WIRE_READ,    NULL},
    {"caller",        WIRE_DROPPED, NULL},
    {"toolset_name",  WIRE_DROPPED, NULL},
    {NULL,            WIRE_READ,    NULL},
};

static const struct wire_member result_members[] = {
    {"type",          WIRE_READ,    NULL},
    {"tool_use_id",   WIRE_READ,    NULL},
    {"content",       WIRE_READ,    NULL},
    {"is_error",      WIRE_READ,    NULL},
    {"cache_control", WIRE_READ,    NULL},
    {"toolset_name",  WIRE_DROPPED, NULL},
    {NULL,            WIRE_READ,    NULL},
};

/* --- blocks ------------------------------------------------------------------------------ */

/* One block and where it goes. */
struct spot {
    struct wire_at at;
    yyjson_val *object;
    struct message_part *part;
};

static int read_citations(struct wire_messages_reading *r, struct spot *s)
{
    yyjson_val *list = NULL;
    yyjson_val *item = NULL;
    int rc = wire_get_arr(&s->at, s->object, "citations", &list);
    if (rc != 0 || yyjson_arr_size(list) == 0) {
        return rc;
    }
    s->part->citations =
        ARENA_ARRAY(r->notes->arena, struct message_citation, yyjson_arr_size(list));
    yyjson_arr_iter items = yyjson_arr_iter_with(list);
    while (rc == 0 && (item = yyjson_arr_iter_next(&items))) {
        if (wire_messages_read_citation(item, &s->part->citations[s->part->citation_count])) {
            s->part->citation_count++;
        } else {
            rc = wire_drop(&s->at, "citations"); /* of a document: no other API has them */
        }
    }
    return rc;
}

static int read_text(struct wire_messages_reading *r, struct spot *s)
{
    yyjson_val *text = yyjson_obj_get(s->object, "text");
    int rc = wire_check_members(&s->at, s->object, text_members);
    if (rc == 0 && !yyjson_is_str(text)) {
        return wire_invalid(&s->at, "text", "a string");
    }
    s->part->kind = MESSAGE_TEXT;
    s->part->text = json_str(text);
    return rc == 0 ? read_citations(r, s) : rc;
}

/* Plain text becomes what a file of it would be. */
static int read_text_source(struct wire_messages_reading *r, struct spot *s, struct str text)
{
    struct buf encoded;
    buf_init(&encoded, DOCUMENT_BYTES_MAX);
    base64_put(&encoded, text);
    if (!buf_ok(&encoded)) {
        buf_release(&encoded);
        return error_set(r->err, ERR_LIMIT, "%s is too large", s->at.path);
    }
    s->part->data = arena_str(r->notes->arena, buf_str(&encoded));
    s->part->media_type = STR("text/plain");
    buf_release(&encoded);
    return 0;
}

static int read_source(struct wire_messages_reading *r, struct spot *s)
{
    struct wire_at at = wire_at_member(&s->at, "source");
    yyjson_val *source = NULL;
    struct str type = STR_EMPTY;
    struct str text = STR_EMPTY;
    int rc = wire_get_obj(&s->at, s->object, "source", &source);
    if (rc == 0 && !source) {
        return wire_invalid(&s->at, "source", "an object");
    }
    if (rc != 0 || (rc = wire_messages_get_needed(&at, source, "type", &type)) != 0) {
        return rc;
    }
    if (str_is(type, "base64")) {
        rc = wire_messages_get_needed(&at, source, "media_type", &s->part->media_type);
        return rc == 0 ? wire_messages_get_needed(&at, source, "data", &s->part->data) : rc;
    }
    if (str_is(type, "url")) {
        return wire_messages_get_needed(&at, source, "url", &s->part->url);
    }
    if (str_is(type, "file")) {
        return wire_messages_get_needed(&at, source, "file_id", &s->part->file_id);
    }
    if (str_is(type, "text") && s->part->kind == MESSAGE_FILE) {
        rc = wire_messages_get_needed(&at, source, "data", &text);
        return rc == 0 ? read_text_source(r, s, text) : rc;
    }
    return wire_refuse(&at, "type", "no other API has such a source");
}

static int read_image(struct wire_messages_reading *r, struct spot *s)
{
    int rc = wire_check_members(&s->at, s->object, image_members);
    s->part->kind = MESSAGE_IMAGE;
    return rc == 0 ? read_source(r, s) : rc;
}

static int read_document(struct wire_messages_reading *r, struct spot *s)
{
    int rc = wire_check_members(&s->at, s->object, document_members);
    s->part->kind = MESSAGE_FILE;
    if (rc == 0) {
        rc = wire_get_str(&s->at, s->object, "title", &s->part->name);
    }
    return rc == 0 ? read_source(r, s) : rc;
}

static int read_thinking(struct wire_messages_reading *r, struct spot *s)
{
    int rc = wire_check_members(&s->at, s->object, thinking_members);
    (void)r;
    s->part->kind = MESSAGE_THINKING;
    if (rc == 0) {
        rc = wire_get_str(&s->at, s->object, "thinking", &s->part->text);
    }
    return rc == 0 ? wire_get_str(&s->at, s->object, "signature", &s->part->signature) : rc;
}

static int read_redacted(struct wire_messages_reading *r, struct spot *s)
{
    int rc = wire_check_members(&s->at, s->object, thinking_members);
    (void)r;
    s->part->kind = MESSAGE_THINKING;
    s->part->redacted = true;
    return rc == 0 ? wire_messages_get_needed(&s->at, s->object, "data", &s->part->signature) : rc;
}

static int read_call(struct wire_messages_reading *r, struct spot *s)
{
    int rc = wire_check_members(&s->at, s->object, call_members);
    s->part->kind = MESSAGE_CALL;
    if (rc == 0) {
        rc = wire_messages_get_needed(&s->at, s->object, "id", &s->part->id);
    }
    if (rc == 0) {
        rc = wire_messages_get_needed(&s->at, s->object, "name", &s->part->name);
    }
    s->part->json = STR("{}");
    return rc == 0 ? wire_messages_get_raw(r, &s->at, s->object, "input", &s->part->json) : rc;
}

static int read_result(struct wire_messages_reading *r, struct spot *s);

/* Types of content blocks. `inside`: may stand in a tool result. */
static const struct {
    const char *type;
    bool inside;
    int (*read)(struct wire_messages_reading *r, struct spot *s);
} block_types[] = {
    {"text",              true,  read_text    },
    {"image",             true,  read_image   },
    {"document",          true,  read_document},
    {"thinking",          false, read_thinking},
    {"redacted_thinking", false, read_redacted},
    {"tool_use",          false, read_call    },
    {"tool_result",       false, read_result  },
};

static int read_block(struct wire_messages_reading *r, struct spot *s, bool inside)
{
    struct str type = STR_EMPTY;
    if (!yyjson_is_obj(s->object)) {
        return wire_invalid(&s->at, NULL, "an object");
    }
    int rc = wire_messages_get_needed(&s->at, s->object, "type", &type);
    *s->part = (struct message_part){0};
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(block_types); i++) {
        if (str_is(type, block_types[i].type) && (block_types[i].inside || !inside)) {
            rc = block_types[i].read(r, s);
            return rc == 0 ? wire_messages_read_cache(&s->at, s->object, &s->part->cache) : rc;
        }
    }
    return rc == 0 ? wire_refuse(&s->at, NULL, "no other API has such a block") : rc;
}

/* `content`: a string, or a list of blocks. `message` is NULL inside a tool result. */
static int read_content(struct wire_messages_reading *r, const struct wire_at *at,
                        yyjson_val *content, struct message *message, struct message_part *result)
{
    struct message_part **ret_parts = message ? &message->parts : &result->parts;
    size_t *ret_count = message ? &message->part_count : &result->part_count;
    size_t n = yyjson_is_str(content) ? 1 : yyjson_arr_size(content);
    if (n > MESSAGE_COUNT_MAX || (!yyjson_is_str(content) && !yyjson_is_arr(content))) {
        return wire_invalid(at, "content", "a string or a list of blocks");
    }
    *ret_parts = ARENA_ARRAY(r->notes->arena, struct message_part, n + 1);
    if (yyjson_is_str(content)) {
        (*ret_parts)[0] = (struct message_part){.kind = MESSAGE_TEXT, .text = json_str(content)};
        *ret_count = 1;
        return 0;
    }
    yyjson_arr_iter blocks = yyjson_arr_iter_with(content);
    for (size_t i = 0; i < n; i++) {
        struct spot s = {.at = wire_at_element(at, "content", i),
                         .object = yyjson_arr_iter_next(&blocks),
                         .part = &(*ret_parts)[*ret_count]};
        int rc = read_block(r, &s, !message);
        if (rc != 0) {
            return rc;
        }
        ++*ret_count;
    }
    return 0;
}

/* No result stands in a result: block_types says so, and depth ends here. */
static int read_result(struct wire_messages_reading *r, struct spot *s)
{
    yyjson_val *content = yyjson_obj_get(s->object, "content");
    int rc = wire_check_members(&s->at, s->object, result_members);
    s->part->kind = MESSAGE_RESULT;
    if (rc == 0) {
        rc = wire_messages_get_needed(&s->at, s->object, "tool_use_id", &s->part->id);
    }
    if (rc == 0) {
        rc = wire_get_bool(&s->at, s->object, "is_error", &s->part->failed);
    }
    return rc == 0 && content && !yyjson_is_null(content)
               ? read_content(r, &s->at, content, NULL, s->part)
               : rc;
}

/* --- messages ---------------------------------------------------------------------------- */

static int read_message(struct wire_messages_reading *r, const struct wire_at *at,
                        yyjson_val *object)
{
    static const struct {
        const char *word;
        enum message_role role;
    } roles[] = {
        {"user",      MESSAGE_USER     },
        {"assistant", MESSAGE_ASSISTANT},
        {"system",    MESSAGE_SYSTEM   },
    };
    struct message *m = &r->request->messages[r->request->message_count];
    struct str role = STR_EMPTY;
    if (!yyjson_is_obj(object)) {
        return wire_invalid(at, NULL, "an object");
    }
    int rc = wire_check_members(at, object, message_members);
    if (rc == 0) {
        rc = wire_messages_get_needed(at, object, "role", &role);
    }
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(roles); i++) {
        if (str_is(role, roles[i].word)) {
            m->role = roles[i].role;
            r->request->message_count++;
            return read_content(r, at, yyjson_obj_get(object, "content"), m, NULL);
        }
    }
    return rc == 0 ? wire_invalid(at, "role", "\"user\", \"assistant\" or \"system\"") : rc;
}

/* `system` is a content of its own name. */
static int read_system(struct wire_messages_reading *r, const struct wire_at *top, yyjson_val *root)
{
    yyjson_val *system = yyjson_obj_get(root, "system");
    struct message *m = &r->request->messages[r->request->message_count];
    if (!system || yyjson_is_null(system) || yyjson_equals_str(system, "")) {
        return 0;
    }
    struct wire_at at = wire_at_member(top, "system");
    if (!yyjson_is_str(system) && !yyjson_is_arr(system)) {
        return wire_invalid(&at, NULL, "a string or a list of text blocks");
    }
    m->role = MESSAGE_SYSTEM;
    int rc = read_content(r, &at, system, m, NULL);
    for (size_t i = 0; rc == 0 && i < m->part_count; i++) {
        if (m->parts[i].kind != MESSAGE_TEXT) {
            rc = wire_invalid(&at, NULL, "a string or a list of text blocks");
        }
    }
    r->request->message_count += m->part_count > 0;
    return rc;
}

int wire_messages_read_messages(struct wire_messages_reading *r, const struct wire_at *at,
                                yyjson_val *root)
{
    yyjson_val *list = NULL;
    yyjson_val *item = NULL;
    size_t i = 0;
    int rc = wire_get_arr(at, root, "messages", &list);
    if (rc == 0 && yyjson_arr_size(list) == 0) {
        return wire_invalid(at, "messages", "a list with a message in it");
    }
    if (rc != 0) {
        return rc;
    }
    r->request->messages = ARENA_ARRAY(r->notes->arena, struct message, yyjson_arr_size(list) + 1);
    rc = read_system(r, at, root);
    yyjson_arr_iter items = yyjson_arr_iter_with(list);
    while (rc == 0 && (item = yyjson_arr_iter_next(&items))) {
        struct wire_at here = wire_at_element(at, "messages", i++);
        rc = read_message(r, &here, item);
    }
    return rc;
}
