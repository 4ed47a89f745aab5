#include "sim/sim_responses.h"

#include "core/json.h"

#define ID_CHARS        48
#define ENCRYPTED_CHARS 120
/* Salt of encrypted reasoning, apart from those of block ids. */
#define ENCRYPTED_SALT 2000

/* Members of the response object that tell the request's settings back, and what stands there when
 * the request says nothing. */
static const struct {
    const char *name;
    const char *fallback;
} settings[] = {
    {"instructions",         "null"                                                     },
    {"max_output_tokens",    "null"                                                     },
    {"max_tool_calls",       "null"                                                     },
    {"parallel_tool_calls",  "true"                                                     },
    {"previous_response_id", "null"                                                     },
    {"prompt_cache_key",     "null"                                                     },
    {"reasoning",            "{\"effort\":null,\"summary\":null}"                       },
    {"safety_identifier",    "null"                                                     },
    {"store",                "true"                                                     },
    {"temperature",          "1.0"                                                      },
    {"text",                 "{\"format\":{\"type\":\"text\"},\"verbosity\":\"medium\"}"},
    {"tool_choice",          "\"auto\""                                                 },
    {"tools",                "[]"                                                       },
    {"top_logprobs",         "0"                                                        },
    {"top_p",                "1.0"                                                      },
    {"truncation",           "\"disabled\""                                             },
    {"user",                 "null"                                                     },
    {"metadata",             "{}"                                                       },
};

static const char *const item_prefixes[] = {
    [SIM_BLOCK_THINKING] = "rs_", [SIM_BLOCK_TEXT] = "msg_", [SIM_BLOCK_TOOL] = "fc_"};

static void prepare(struct sim_speech *s)
{
    struct buf text;

    s->id = sim_answer_id(s->arena, s->answer->key, 0, ID_CHARS);
    buf_init(&text, SIZE_MAX / 2);
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        yyjson_val *value = yyjson_obj_get(s->ask->root, settings[i].name);
        buf_puts(&text, ",\"");
        buf_puts(&text, settings[i].name);
        buf_puts(&text, "\":");
        if (value) {
            json_write(&text, value);
        } else {
            buf_puts(&text, settings[i].fallback);
        }
    }
    s->suffix = arena_str(s->arena, buf_str(&text));
    buf_release(&text);
}

/* ---- parts of objects ---- */

static void put_item_id(const struct sim_block *block, struct buf *out)
{
    buf_putc(out, '"');
    buf_puts(out, item_prefixes[block->kind]);
    buf_put_str(out, block->id);
    buf_putc(out, '"');
}

static bool wants_encrypted(const struct sim_speech *s)
{
    yyjson_val *include = yyjson_obj_get(s->ask->root, "include");
    for (size_t i = 0; i < yyjson_arr_size(include); i++) {
        if (str_is(json_str(yyjson_arr_get(include, i)), "reasoning.encrypted_content")) {
            return true;
        }
    }
    return false;
}

static void put_part(struct str text, struct buf *out)
{
    buf_puts(out, "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[]");
    sim_put_member(out, "text", text);
    buf_putc(out, '}');
}

static void put_summary(struct str text, struct buf *out)
{
    buf_puts(out, "{\"type\":\"summary_text\"");
    sim_put_member(out, "text", text);
    buf_putc(out, '}');
}

static void put_reasoning_item(const struct sim_speech *s, const struct sim_block *block, bool done,
                               struct buf *out)
{
    buf_puts(out, ",\"type\":\"reasoning\"");
    if (wants_encrypted(s)) {
        sim_put_member(out, "encrypted_content",
                       sim_answer_id(s->arena, s->answer->key, ENCRYPTED_SALT, ENCRYPTED_CHARS));
    }
    buf_puts(out, ",\"summary\":[");
    if (done && !block->hidden) {
        put_summary(block->pieces.text, out);
    }
    buf_puts(out, "]");
}

/* An output item: as it is added, or as it is when done. */
static void put_item(const struct sim_speech *s, size_t index, bool done, struct buf *out)
{
    const struct sim_choice_answer *choice = &s->answer->choices[0];
    const struct sim_block *block = &choice->blocks[index];
    bool cut = choice->finish == SIM_FINISH_LENGTH && index + 1 == choice->n;
    const char *status = !done ? "in_progress" : cut ? "incomplete" : "completed";

    buf_puts(out, "{\"id\":");
    put_item_id(block, out);
    if (block->kind == SIM_BLOCK_THINKING) {
        put_reasoning_item(s, block, done, out);
    } else if (block->kind == SIM_BLOCK_TEXT) {
        buf_putf(out, ",\"type\":\"message\",\"status\":\"%s\",\"content\":[", status);
        if (done) {
            put_part(block->pieces.text, out);
        }
        buf_puts(out, "],\"role\":\"assistant\"");
    } else {
        buf_putf(out, ",\"type\":\"function_call\",\"status\":\"%s\"", status);
        sim_put_member(out, "arguments", done ? block->pieces.text : STR_EMPTY);
        buf_putf(out, ",\"call_id\":\"call_%.*s\"", STR_ARG(block->id));
        sim_put_member(out, "name", block->name);
    }
    buf_putc(out, '}');
}

static void put_usage(const struct sim_speech *s, struct buf *out)
{
    const struct sim_answer *a = s->answer;
    buf_putf(out,
             "{\"input_tokens\":%lld,\"input_tokens_details\":{\"cached_tokens\":%lld,"
             "\"cache_write_tokens\":0},\"output_tokens\":%lld,"
             "\"output_tokens_details\":{\"reasoning_tokens\":%lld},\"total_tokens\":%lld}",
             (long long)a->input_tokens, (long long)a->cached_tokens, (long long)a->output_tokens,
             (long long)a->thinking_tokens, (long long)(a->input_tokens + a->output_tokens));
}

static const char *end_status(const struct sim_speech *s)
{
    return s->answer->choices[0].finish == SIM_FINISH_LENGTH ? "incomplete" : "completed";
}

static void put_response(const struct sim_speech *s, bool done, struct buf *out)
{
    const struct sim_choice_answer *choice = &s->answer->choices[0];
    bool cut = done && choice->finish == SIM_FINISH_LENGTH;

    buf_putf(out,
             "{\"id\":\"resp_%.*s\",\"object\":\"response\",\"created_at\":%lld,\"status\":\"%s\","
             "\"background\":false,\"completed_at\":",
             STR_ARG(s->id), (long long)s->answer->created, done ? end_status(s) : "in_progress");
    if (done) {
        buf_put_i64(out, s->answer->created + 1);
    } else {
        buf_puts(out, "null");
    }
    buf_puts(out, ",\"error\":null,\"incomplete_details\":");
    buf_puts(out, cut ? "{\"reason\":\"max_output_tokens\"}" : "null");
    sim_put_member(out, "model", s->ask->model);
    buf_puts(out, ",\"output\":[");
    for (size_t i = 0; done && i < choice->n; i++) {
        buf_puts(out, i > 0 ? "," : "");
        put_item(s, i, true, out);
    }
    buf_puts(out, "],\"service_tier\":\"default\"");
    buf_put_str(out, s->suffix);
    buf_puts(out, ",\"usage\":");
    if (done && s->dials->usage != DIAL_USAGE_ABSENT) {
        put_usage(s, out);
    } else {
        buf_puts(out, "null");
    }
    buf_putc(out, '}');
}

/* ---- events ---- */

static void begin_event(const char *name, struct buf *out)
{
    buf_puts(out, "event: response.");
    buf_puts(out, name);
    buf_puts(out, "\ndata: {\"type\":\"response.");
    buf_puts(out, name);
    buf_putc(out, '"');
}

static void end_event(const struct sim_speech *s, struct buf *out)
{
    buf_puts(out, ",\"sequence_number\":");
    buf_put_i64(out, s->sequence);
    buf_puts(out, "}\n\n");
}

static void response_event(const struct sim_speech *s, const char *name, bool done, struct buf *out)
{
    begin_event(name, out);
    buf_puts(out, ",\"response\":");
    put_response(s, done, out);
    end_event(s, out);
}

static void item_event(const struct sim_speech *s, const struct sim_step *step, bool done,
                       struct buf *out)
{
    begin_event(done ? "output_item.done" : "output_item.added", out);
    buf_puts(out, ",\"item\":");
    put_item(s, step->block, done, out);
    buf_puts(out, ",\"output_index\":");
    buf_put_u64(out, step->block);
    end_event(s, out);
}

/* Which item an event inside of it belongs to, and which of its parts. */
static void put_place(const struct sim_speech *s, const struct sim_step *step, struct buf *out)
{
    const struct sim_block *block = sim_speech_block(s, step);
    if (block->kind == SIM_BLOCK_TEXT) {
        buf_puts(out, ",\"content_index\":0");
    }
    buf_puts(out, ",\"item_id\":");
    put_item_id(block, out);
    buf_puts(out, ",\"output_index\":");
    buf_put_u64(out, step->block);
    if (block->kind == SIM_BLOCK_THINKING) {
        buf_puts(out, ",\"summary_index\":0");
    }
}

/* content_part.* and reasoning_summary_part.* */
static void part_event(const struct sim_speech *s, const struct sim_step *step, bool done,
                       struct buf *out)
{
    const struct sim_block *block = sim_speech_block(s, step);
    bool thinking = block->kind == SIM_BLOCK_THINKING;
    struct str text = done ? block->pieces.text : STR_EMPTY;

    begin_event(thinking ? (done ? "reasoning_summary_part.done" : "reasoning_summary_part.added")
                         : (done ? "content_part.done" : "content_part.added"),
                out);
    put_place(s, step, out);
    buf_puts(out, ",\"part\":");
    if (thinking) {
        put_summary(text, out);
    } else {
        put_part(text, out);
    }
    end_event(s, out);
}

static void piece_event(const struct sim_speech *s, const struct sim_step *step, struct buf *out)
{
    static const char *const names[] = {
        [SIM_BLOCK_THINKING] = "reasoning_summary_text.delta",
        [SIM_BLOCK_TEXT] = "output_text.delta",
        [SIM_BLOCK_TOOL] = "function_call_arguments.delta",
    };
    const struct sim_block *block = sim_speech_block(s, step);
    if (block->hidden) {
        return;
    }
    begin_event(names[block->kind], out);
    put_place(s, step, out);
    sim_put_member(out, "delta", sim_speech_piece(s, step));
    if (block->kind == SIM_BLOCK_TEXT) {
        buf_puts(out, ",\"logprobs\":[]");
    }
    if (s->dials->obfuscation) {
        sim_put_member(out, "obfuscation", sim_speech_pad(s));
    }
    end_event(s, out);
}

static void text_done_event(const struct sim_speech *s, const struct sim_step *step,
                            struct buf *out)
{
    static const char *const names[] = {
        [SIM_BLOCK_THINKING] = "reasoning_summary_text.done",
        [SIM_BLOCK_TEXT] = "output_text.done",
        [SIM_BLOCK_TOOL] = "function_call_arguments.done",
    };
    const struct sim_block *block = sim_speech_block(s, step);
    begin_event(names[block->kind], out);
    put_place(s, step, out);
    sim_put_member(out, block->kind == SIM_BLOCK_TOOL ? "arguments" : "text", block->pieces.text);
    if (block->kind == SIM_BLOCK_TOOL) {
        sim_put_member(out, "name", block->name);
    } else if (block->kind == SIM_BLOCK_TEXT) {
        buf_puts(out, ",\"logprobs\":[]");
    }
    end_event(s, out);
}

static bool open_block(struct sim_speech *s, const struct sim_step *step, struct buf *out)
{
    const struct sim_block *block = sim_speech_block(s, step);
    if (step->part == 0) {
        item_event(s, step, false, out);
        return block->kind != SIM_BLOCK_TOOL && !block->hidden;
    }
    part_event(s, step, false, out);
    return false;
}

static bool shut_block(struct sim_speech *s, const struct sim_step *step, struct buf *out)
{
    const struct sim_block *block = sim_speech_block(s, step);
    unsigned part = block->hidden ? 2 : step->part;
    if (part == 0) {
        text_done_event(s, step, out);
        return true;
    }
    if (part == 1 && block->kind != SIM_BLOCK_TOOL) {
        part_event(s, step, true, out);
        return true;
    }
    item_event(s, step, true, out);
    return false;
}

static bool event(struct sim_speech *s, const struct sim_step *step, struct buf *out)
{
    switch (step->kind) {
    case SIM_STEP_START:
        response_event(s, step->part == 0 ? "created" : "in_progress", false, out);
        return step->part == 0;
    case SIM_STEP_OPEN:
        return open_block(s, step, out);
    case SIM_STEP_PIECE:
        piece_event(s, step, out);
        return false;
    case SIM_STEP_SHUT:
        return shut_block(s, step, out);
    case SIM_STEP_CLOSE:
        response_event(s, end_status(s), true, out);
        return false;
    case SIM_STEP_FINISH:
    case SIM_STEP_END:
        break;
    }
    return false;
}

static void whole(struct sim_speech *s, struct buf *out)
{
    put_response(s, true, out);
}

const struct sim_voice sim_responses_voice = {.prepare = prepare, .event = event, .whole = whole};
