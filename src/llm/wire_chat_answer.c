/*
 * Whole answers of the chat API.
 */
#include "core/attr.h"
#include "llm/wire_chat.h"

/* The first row of a finish is the one that is written; the others are other servers' words. */
static const struct {
    const char *name;
    enum message_finish finish;
} finishes[] = {
    {"stop",           MESSAGE_FINISH_STOP  },
    {"length",         MESSAGE_FINISH_LENGTH},
    {"tool_calls",     MESSAGE_FINISH_CALLS },
    {"content_filter", MESSAGE_FINISH_FILTER},
    {"function_call",  MESSAGE_FINISH_CALLS },
    {"eos",            MESSAGE_FINISH_STOP  },
    {"end_turn",       MESSAGE_FINISH_STOP  },
    {"tool_use",       MESSAGE_FINISH_CALLS },
    {"max_tokens",     MESSAGE_FINISH_LENGTH},
    {"model_length",   MESSAGE_FINISH_LENGTH},
    {"safety",         MESSAGE_FINISH_FILTER},
};

const char *wire_chat_finish_name(enum message_finish finish, bool legacy_calls)
{
    if (finish == MESSAGE_FINISH_CALLS && legacy_calls) {
        return "function_call";
    }
    for (size_t i = 0; i < ARRAY_LEN(finishes); i++) {
        if (finishes[i].finish == finish) {
            return finishes[i].name;
        }
    }
    return "stop"; /* a stop sequence, a pause: the API has no word of its own */
}

enum message_finish wire_chat_finish(struct str name, bool has_calls)
{
    enum message_finish finish = MESSAGE_FINISH_STOP;
    for (size_t i = 0; i < ARRAY_LEN(finishes); i++) {
        if (str_is(name, finishes[i].name)) {
            finish = finishes[i].finish;
            break;
        }
    }
    /* Several servers say "stop" behind calls. */
    return finish == MESSAGE_FINISH_STOP && has_calls ? MESSAGE_FINISH_CALLS : finish;
}

/* --- writing ----------------------------------------------------------------------------- */

void wire_chat_put_usage(struct buf *out, const struct usage *u)
{
    int64_t input = u->input > 0 ? u->input : 0;
    int64_t output = u->output > 0 ? u->output : 0;
    int64_t written =
        (u->cache_write > 0 ? u->cache_write : 0) + (u->cache_write_1h > 0 ? u->cache_write_1h : 0);
    buf_puts(out, "{\"prompt_tokens\":");
    buf_put_i64(out, input);
    buf_puts(out, ",\"completion_tokens\":");
    buf_put_i64(out, output);
    buf_puts(out, ",\"total_tokens\":");
    buf_put_i64(out, input + output);
    if (u->cached >= 0 || written > 0) {
        buf_puts(out, ",\"prompt_tokens_details\":{\"cached_tokens\":");
        buf_put_i64(out, u->cached > 0 ? u->cached : 0);
        wire_put_i64_member(out, "cache_write_tokens", written, 0);
        buf_putc(out, '}');
    }
    if (u->reasoning >= 0) {
        buf_puts(out, ",\"completion_tokens_details\":{\"reasoning_tokens\":");
        buf_put_i64(out, u->reasoning);
        buf_putc(out, '}');
    }
    buf_putc(out, '}');
}

/* All text of a kind as one string, or null when there is none. */
static void put_text(struct buf *out, const struct message_answer *a, enum message_part_kind kind)
{
    bool any = false;
    for (size_t i = 0; i < a->part_count; i++) {
        if (a->parts[i].kind == kind) {
            buf_puts(out, any ? "" : "\"");
            buf_put_escaped(out, a->parts[i].text);
            any = true;
        }
    }
    buf_puts(out, any ? "\"" : "null");
}

static void put_thoughts(struct buf *out, const struct message_answer *a)
{
    bool told = false;
    bool sealed = false;
    for (size_t i = 0; i < a->part_count; i++) {
        const struct message_part *part = &a->parts[i];
        told |= part->kind == MESSAGE_THINKING && part->text.n > 0;
        sealed |= part->kind == MESSAGE_THINKING && (part->redacted || part->signature.n > 0);
    }
    if (told) {
        buf_puts(out, ",\"reasoning_content\":");
        put_text(out, a, MESSAGE_THINKING);
    }
    if (sealed) {
        buf_puts(out, ",\"reasoning_details\":");
        wire_chat_put_details(out, a->parts, a->part_count);
    }
}

static void put_calls(struct buf *out, const struct message_answer *a)
{
    bool any = false;
    for (size_t i = 0; i < a->part_count; i++) {
        if (a->parts[i].kind == MESSAGE_CALL) {
            buf_puts(out, any ? "," : ",\"tool_calls\":[");
            wire_chat_put_call(out, &a->parts[i]);
            any = true;
        }
    }
    buf_puts(out, any ? "]" : "");
}

/* The old API knows one call. */
static void put_legacy_call(struct buf *out, const struct message_answer *a)
{
    for (size_t i = 0; i < a->part_count; i++) {
        if (a->parts[i].kind == MESSAGE_CALL) {
            buf_puts(out, ",\"function_call\":{\"name\":");
            buf_put_json(out, a->parts[i].name);
            buf_puts(out, ",\"arguments\":");
            buf_put_json(out, a->parts[i].json);
            buf_putc(out, '}');
            return;
        }
    }
}

/* Places in a part are places in the joined text behind what stands before it. */
static void put_annotations(struct buf *out, const struct message_answer *a)
{
    size_t base = 0;
    bool any = false;
    for (size_t i = 0; i < a->part_count; i++) {
        const struct message_part *part = &a->parts[i];
        if (part->kind != MESSAGE_TEXT) {
            continue;
        }
        size_t end = base + wire_openai_chars(part->text);
        for (size_t k = 0; k < part->citation_count; k++) {
            buf_puts(out, any ? ",{" : ",\"annotations\":[{");
            wire_chat_put_citation(out, &part->citations[k], base, end);
            buf_putc(out, '}');
            any = true;
        }
        base = end;
    }
    buf_puts(out, any ? "]" : "");
}

void wire_chat_write_answer(const struct message_answer *a, const struct wire_asked *asked,
                            struct buf *out)
{
    bool legacy = asked->request->legacy_calls;
    bool has_calls = false;
    for (size_t i = 0; i < a->part_count; i++) {
        has_calls |= a->parts[i].kind == MESSAGE_CALL;
    }
    buf_puts(out, "{\"id\":");
    wire_openai_put_id(out, "chatcmpl-", a->id, asked->id);
    buf_puts(out, ",\"object\":\"chat.completion\",\"created\":");
    buf_put_i64(out, a->created_s >= 0 ? a->created_s : asked->created_s);
    buf_puts(out, ",\"model\":");
    buf_put_json(out, a->model.n > 0 ? a->model : asked->request->model);
    buf_puts(out, ",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":");
    put_text(out, a, MESSAGE_TEXT);
    buf_puts(out, ",\"refusal\":");
    put_text(out, a, MESSAGE_REFUSAL);
    put_thoughts(out, a);
    if (legacy) {
        put_legacy_call(out, a);
    } else {
        put_calls(out, a);
    }
    put_annotations(out, a);
    buf_puts(out, "},\"logprobs\":null,\"finish_reason\":\"");
    enum message_finish finish = a->finish;
    if (finish == MESSAGE_FINISH_NONE) {
        finish = has_calls ? MESSAGE_FINISH_CALLS : MESSAGE_FINISH_STOP;
    }
    buf_puts(out, wire_chat_finish_name(finish, legacy));
    buf_puts(out, "\"}]");
    if (usage_is_known(&a->usage)) {
        buf_puts(out, ",\"usage\":");
        wire_chat_put_usage(out, &a->usage);
    }
    wire_put_str_member(out, "service_tier", a->service_tier);
    buf_putc(out, '}');
}

/* --- reading ----------------------------------------------------------------------------- */

static int read_choice(yyjson_val *choice, struct arena *arena, struct message_answer *a,
                       struct error *err)
{
    /* The answer's text is the provider's: a wrong type is its failure, what is unknown in it is
     * left out. */
    struct message_notes *notes = ARENA_NEW(arena, struct message_notes);
    message_notes_init(notes, arena, false, "the client");
    struct wire_at at = wire_at_top(notes, err);
    struct wire_at inner = wire_at_member(&at, "choices[0].message");
    struct wire_chat_parts parts;
    yyjson_val *message = NULL;
    int rc = wire_get_obj(&at, choice, "message", &message);
    if (rc < 0) {
        return rc;
    }
    wire_chat_parts_init(&parts, arena, wire_chat_parts_count(message));
    rc = wire_chat_read_assistant(&inner, message, true, 0, &parts);
    a->parts = parts.all;
    a->part_count = parts.count;
    bool has_calls = parts.count > 0 && parts.all[parts.count - 1].kind == MESSAGE_CALL;
    a->finish = wire_chat_finish(json_get_str(choice, "finish_reason"), has_calls);
    return rc;
}

int wire_chat_read_answer(struct str body, struct arena *arena, struct message_answer *ret_answer,
                          struct error *err)
{
    struct message_answer a;
    message_answer_init(&a);
    yyjson_val *root = wire_json_body(body, arena, err);
    if (!root) {
        return ERR_INVALID;
    }
    yyjson_val *choice = yyjson_arr_get_first(yyjson_obj_get(root, "choices"));
    if (!yyjson_is_obj(choice)) {
        return error_set(err, ERR_INVALID, "the answer holds no choices");
    }
    a.id = json_get_str(root, "id");
    a.model = json_get_str(root, "model");
    a.service_tier = json_get_str(root, "service_tier");
    a.created_s = json_get_i64(root, "created", -1);
    usage_read_openai(&a.usage, yyjson_obj_get(root, "usage"));
    int rc = read_choice(choice, arena, &a, err);
    if (rc == 0) {
        *ret_answer = a;
    }
    return rc;
}
