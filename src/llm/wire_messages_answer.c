#include "llm/wire_messages.h"

/* --- read -------------------------------------------------------------------------------- */

static yyjson_val *find_key(yyjson_val *object, const char *name)
{
    yyjson_obj_iter members = yyjson_obj_iter_with(object);
    yyjson_val *key = NULL;
    while ((key = yyjson_obj_iter_next(&members))) {
        if (yyjson_equals_str(key, name)) {
            return key;
        }
    }
    return NULL;
}

static void read_citations(yyjson_val *block, struct arena *arena, struct message_part *part)
{
    yyjson_val *list = yyjson_obj_get(block, "citations");
    yyjson_arr_iter items = yyjson_arr_iter_with(list);
    yyjson_val *item = NULL;
    if (yyjson_arr_size(list) == 0) {
        return;
    }
    part->citations = ARENA_ARRAY(arena, struct message_citation, yyjson_arr_size(list));
    while ((item = yyjson_arr_iter_next(&items))) {
        if (wire_messages_read_citation(item, &part->citations[part->citation_count])) {
            part->citation_count++;
        }
    }
}

/* False for what only the provider's own tools leave (server_tool_use and their results). */
static bool read_block(const struct json_tree *tree, yyjson_val *block, struct arena *arena,
                       struct message_part *ret_part)
{
    struct str type = json_get_str(block, "type");
    struct message_part part = {0};
    if (str_is(type, "text")) {
        part.kind = MESSAGE_TEXT;
        part.text = json_get_str(block, "text");
        read_citations(block, arena, &part);
    } else if (str_is(type, "thinking")) {
        part.kind = MESSAGE_THINKING;
        part.text = json_get_str(block, "thinking");
        part.signature = json_get_str(block, "signature");
    } else if (str_is(type, "redacted_thinking")) {
        part.kind = MESSAGE_THINKING;
        part.redacted = true;
        part.signature = json_get_str(block, "data");
    } else if (str_is(type, "tool_use")) {
        yyjson_val *key = find_key(block, "input");
        part.kind = MESSAGE_CALL;
        part.id = json_get_str(block, "id");
        part.name = json_get_str(block, "name");
        part.json = key ? json_tree_raw(tree, key) : STR("{}");
    } else {
        return false;
    }
    *ret_part = part;
    return true;
}

static void read_content(const struct json_tree *tree, yyjson_val *content, struct arena *arena,
                         struct message_answer *a)
{
    yyjson_arr_iter blocks = yyjson_arr_iter_with(content);
    yyjson_val *block = NULL;
    a->parts = ARENA_ARRAY(arena, struct message_part, yyjson_arr_size(content) + 1);
    while ((block = yyjson_arr_iter_next(&blocks))) {
        if (read_block(tree, block, arena, &a->parts[a->part_count])) {
            a->part_count++;
        }
    }
}

int wire_messages_read_answer(struct str body, struct arena *arena,
                              struct message_answer *ret_answer, struct error *err)
{
    struct json_tree tree;
    struct message_answer a;
    int rc = json_tree_parse(body, arena, &tree, err);
    if (rc != 0) {
        return rc;
    }
    yyjson_val *content = yyjson_obj_get(tree.root, "content");
    if (!yyjson_is_arr(content) || yyjson_arr_size(content) > MESSAGE_COUNT_MAX) {
        return error_set(err, ERR_INVALID,
                         "the answer is no message: content must be a list of blocks");
    }
    message_answer_init(&a);
    a.id = json_get_str(tree.root, "id");
    a.model = json_get_str(tree.root, "model");
    a.finish = wire_messages_finish(json_get_str(tree.root, "stop_reason"));
    a.stop_sequence = json_get_str(tree.root, "stop_sequence");
    yyjson_val *usage = yyjson_obj_get(tree.root, "usage");
    usage_read_anthropic(&a.usage, usage);
    a.service_tier = wire_messages_tier_given(json_get_str(usage, "service_tier"));
    read_content(&tree, content, arena, &a);
    *ret_answer = a;
    return 0;
}

/* --- write ------------------------------------------------------------------------------- */

/* `input` is a value here, which what the model wrote need not be: that is shown as a string, so
 * that no tool is run with arguments that nobody gave. */
static void put_input(struct buf *out, struct str json)
{
    yyjson_doc *doc = json_parse(json, NULL);
    wire_put_key(out, "input");
    if (doc && yyjson_is_obj(yyjson_doc_get_root(doc))) {
        buf_put_str(out, json);
    } else if (str_trim(json).n == 0) {
        buf_puts(out, "{}");
    } else {
        buf_put_json(out, json);
    }
    yyjson_doc_free(doc);
}

static void put_text(struct buf *out, const struct message_part *part)
{
    wire_put_item(out);
    buf_puts(out, "{\"type\":\"text\"");
    wire_put_str(out, "text", part->text);
    if (part->citation_count > 0) {
        wire_put_key(out, "citations");
        buf_putc(out, '[');
        for (size_t i = 0; i < part->citation_count; i++) {
            wire_messages_put_citation(out, &part->citations[i]);
        }
        buf_putc(out, ']');
    }
    buf_putc(out, '}');
}

static void put_thinking(struct buf *out, const struct message_part *part)
{
    wire_put_item(out);
    if (part->redacted) {
        buf_puts(out, "{\"type\":\"redacted_thinking\"");
        wire_put_str(out, "data", part->signature);
    } else {
        buf_puts(out, "{\"type\":\"thinking\"");
        wire_put_str(out, "thinking", part->text);
        wire_put_str(out, "signature", part->signature);
    }
    buf_putc(out, '}');
}

static void put_call(struct buf *out, const struct message_part *part, struct str answer_id,
                     size_t index)
{
    wire_put_item(out);
    buf_puts(out, "{\"type\":\"tool_use\",\"id\":");
    wire_messages_put_call_id(out, part->id, answer_id, index);
    wire_put_str(out, "name", part->name);
    put_input(out, part->json);
    buf_putc(out, '}');
}

/* True when the part is a call. */
static bool put_part(struct buf *out, const struct message_part *part, struct str answer_id,
                     size_t index)
{
    switch (part->kind) {
    case MESSAGE_TEXT:
    case MESSAGE_REFUSAL:
        put_text(out, part);
        break;
    case MESSAGE_THINKING:
        if (!part->redacted || part->signature.n > 0) {
            put_thinking(out, part);
        }
        break;
    case MESSAGE_CALL:
        put_call(out, part, answer_id, index);
        return true;
    case MESSAGE_IMAGE:
    case MESSAGE_FILE:
    case MESSAGE_AUDIO:
    case MESSAGE_RESULT:
        break; /* no answer of this API holds them */
    }
    return false;
}

void wire_messages_write_answer(const struct message_answer *answer, const struct wire_asked *asked,
                                struct buf *out)
{
    struct str id = answer->id.n > 0 ? answer->id : asked->id;
    enum message_finish finish = answer->finish;
    bool calls = false;
    buf_putc(out, '{');
    wire_put_str(out, "id", id);
    buf_puts(out, ",\"type\":\"message\",\"role\":\"assistant\"");
    wire_put_str(out, "model", answer->model.n > 0 ? answer->model : asked->request->model);
    buf_puts(out, ",\"content\":[");
    for (size_t i = 0; i < answer->part_count; i++) {
        calls |= put_part(out, &answer->parts[i], id, i);
    }
    buf_puts(out, "],\"stop_reason\":");
    if (finish == MESSAGE_FINISH_NONE || finish == MESSAGE_FINISH_STOP) {
        finish = calls ? MESSAGE_FINISH_CALLS : MESSAGE_FINISH_STOP;
    }
    buf_putf(out, "\"%s\",\"stop_sequence\":", wire_messages_stop_reason(finish));
    if (answer->stop_sequence.n > 0) {
        buf_put_json(out, answer->stop_sequence);
    } else {
        buf_puts(out, "null");
    }
    wire_messages_put_usage(out, &answer->usage, answer->service_tier, false);
    buf_putc(out, '}');
}
