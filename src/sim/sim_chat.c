#include "sim/sim_chat.h"

#define ID_CHARS 29

static const char *finish_word(enum sim_finish finish)
{
    static const char *const words[] = {
        [SIM_FINISH_STOP] = "\"stop\"",
        [SIM_FINISH_LENGTH] = "\"length\"",
        [SIM_FINISH_TOOL] = "\"tool_calls\"",
        [SIM_FINISH_SEQUENCE] = "\"stop\"",
    };
    return words[finish];
}

/* ---- what chunks share ---- */

static struct str keep(struct sim_speech *s, struct buf *text)
{
    struct str kept = arena_str(s->arena, buf_str(text));
    buf_release(text);
    return kept;
}

static void prepare_chat(struct sim_speech *s)
{
    const struct sim_answer *a = s->answer;
    struct buf text;

    s->id = sim_answer_id(s->arena, a->key, 0, ID_CHARS);
    buf_init(&text, SIZE_MAX / 2);
    buf_putf(&text, "{\"id\":\"chatcmpl-%.*s\",\"object\":\"chat.completion%s\",\"created\":%lld",
             STR_ARG(s->id), s->ask->stream ? ".chunk" : "", (long long)a->created);
    sim_put_member(&text, "model", s->ask->model);
    if (s->ask->stream) {
        buf_putf(&text, ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_%010llx\"",
                 (unsigned long long)(a->key >> 24));
    }
    buf_puts(&text, ",\"choices\":[");
    s->prefix = keep(s, &text);
}

static void prepare_completions(struct sim_speech *s)
{
    struct buf text;

    s->id = sim_answer_id(s->arena, s->answer->key, 0, ID_CHARS);
    buf_init(&text, SIZE_MAX / 2);
    buf_putf(&text,
             "{\"id\":\"cmpl-%.*s\",\"object\":\"text_completion\",\"created\":%lld,\"choices\":[",
             STR_ARG(s->id), (long long)s->answer->created);
    s->prefix = keep(s, &text);
    buf_init(&text, SIZE_MAX / 2);
    sim_put_member(&text, "model", s->ask->model);
    s->suffix = keep(s, &text);
}

/* Ends a chunk: with usage where the dial and the request want it. `last`: no choice comes after.
 */
static void end_chunk(struct sim_speech *s, bool last, struct buf *out)
{
    int usage = s->dials->usage;

    buf_putc(out, ']');
    buf_put_str(out, s->suffix);
    if (usage == DIAL_USAGE_EVERY || (usage == DIAL_USAGE_NONEMPTY && last)) {
        buf_puts(out, ",\"usage\":");
        sim_speech_put_usage(s, s->said, out);
    } else if (usage == DIAL_USAGE_PRESENT && s->ask->include_usage) {
        buf_puts(out, ",\"usage\":null");
    }
    if (s->dials->obfuscation) {
        sim_put_member(out, "obfuscation", sim_speech_pad(s));
    }
    buf_puts(out, "}\n\n");
}

/* The chunk without choices, and the line that ends every stream. */
static bool close_stream(struct sim_speech *s, unsigned part, struct buf *out)
{
    bool asked = s->dials->usage == DIAL_USAGE_PRESENT && s->ask->include_usage;
    if (part == 0 && asked) {
        buf_puts(out, "data: ");
        buf_put_str(out, s->prefix);
        buf_putc(out, ']');
        buf_put_str(out, s->suffix);
        buf_puts(out, ",\"usage\":");
        sim_speech_put_usage(s, s->said, out);
        if (s->dials->obfuscation) {
            sim_put_member(out, "obfuscation", sim_speech_pad(s));
        }
        buf_puts(out, "}\n\n");
        return true;
    }
    buf_puts(out, "data: [DONE]\n\n");
    return false;
}

/* ---- chat ---- */

static void start_chunk(struct sim_speech *s, const struct sim_step *step, struct buf *out)
{
    buf_puts(out, "data: ");
    buf_put_str(out, s->prefix);
    buf_puts(out, "{\"index\":");
    buf_put_u64(out, step->choice);
    buf_puts(out, ",\"delta\":{");
}

static void finish_chunk(struct sim_speech *s, const char *finish, bool last, struct buf *out)
{
    buf_puts(out, "},\"logprobs\":null,\"finish_reason\":");
    buf_puts(out, finish);
    buf_putc(out, '}');
    end_chunk(s, last, out);
}

/* Place of a block among the tool calls of its choice. */
static size_t tool_index(const struct sim_choice_answer *choice, size_t block)
{
    size_t index = 0;
    for (size_t i = 0; i < block; i++) {
        index += choice->blocks[i].kind == SIM_BLOCK_TOOL;
    }
    return index;
}

/* Is this the first block of the choice that is sent? (What was thought is not.) */
static bool is_first(const struct sim_choice_answer *choice, size_t block)
{
    for (size_t i = 0; i < block; i++) {
        if (choice->blocks[i].kind != SIM_BLOCK_THINKING) {
            return false;
        }
    }
    return true;
}

static void put_tool_start(const struct sim_block *block, size_t index, struct buf *out)
{
    buf_puts(out, "\"tool_calls\":[{\"index\":");
    buf_put_u64(out, index);
    buf_puts(out, ",\"id\":\"call_");
    buf_put_str(out, block->id);
    buf_puts(out, "\",\"type\":\"function\",\"function\":{\"name\":");
    buf_put_json(out, block->name);
    buf_puts(out, ",\"arguments\":\"\"}}]");
}

static void open_block(struct sim_speech *s, const struct sim_step *step, struct buf *out)
{
    const struct sim_choice_answer *choice = sim_speech_choice(s, step);
    const struct sim_block *block = sim_speech_block(s, step);
    bool tool = block->kind == SIM_BLOCK_TOOL;
    bool first = is_first(choice, step->block);

    if (!first && !tool) {
        return;
    }
    start_chunk(s, step, out);
    if (first) {
        buf_puts(out, tool ? "\"role\":\"assistant\",\"content\":null,"
                           : "\"role\":\"assistant\",\"content\":\"\",");
    }
    if (tool) {
        put_tool_start(block, tool_index(choice, step->block), out);
    }
    if (first) {
        buf_puts(out, tool ? ",\"refusal\":null" : "\"refusal\":null");
    }
    finish_chunk(s, "null", false, out);
}

static void put_piece(struct sim_speech *s, const struct sim_step *step, struct buf *out)
{
    bool tool = sim_speech_block(s, step)->kind == SIM_BLOCK_TOOL;

    start_chunk(s, step, out);
    if (tool) {
        buf_puts(out, "\"tool_calls\":[{\"index\":");
        buf_put_u64(out, tool_index(sim_speech_choice(s, step), step->block));
        buf_puts(out, ",\"function\":{\"arguments\":");
    } else {
        buf_puts(out, "\"content\":");
    }
    buf_put_json(out, sim_speech_piece(s, step));
    buf_puts(out, tool ? "}}]" : "");
    finish_chunk(s, "null", false, out);
}

static bool chat_event(struct sim_speech *s, const struct sim_step *step, struct buf *out)
{
    switch (step->kind) {
    case SIM_STEP_OPEN:
        if (sim_speech_block(s, step)->kind != SIM_BLOCK_THINKING) {
            open_block(s, step, out);
        }
        return false;
    case SIM_STEP_PIECE:
        if (sim_speech_block(s, step)->kind != SIM_BLOCK_THINKING) {
            put_piece(s, step, out);
        }
        return false;
    case SIM_STEP_FINISH:
        start_chunk(s, step, out);
        finish_chunk(s, finish_word(sim_speech_choice(s, step)->finish), s->running == 1, out);
        return false;
    case SIM_STEP_CLOSE:
        return close_stream(s, step->part, out);
    case SIM_STEP_START:
    case SIM_STEP_SHUT:
    case SIM_STEP_END:
        break;
    }
    return false;
}

static void put_message(const struct sim_choice_answer *choice, struct buf *out)
{
    size_t calls = 0;
    struct str text = {NULL, 0};

    for (size_t i = 0; i < choice->n; i++) {
        const struct sim_block *block = &choice->blocks[i];
        calls += block->kind == SIM_BLOCK_TOOL;
        if (block->kind == SIM_BLOCK_TEXT) {
            text = block->pieces.text;
        }
    }
    buf_puts(out, "{\"role\":\"assistant\"");
    sim_put_member(out, "content", text);
    for (size_t i = 0, n = 0; i < choice->n; i++) {
        const struct sim_block *block = &choice->blocks[i];
        if (block->kind != SIM_BLOCK_TOOL) {
            continue;
        }
        buf_puts(out, n++ == 0 ? ",\"tool_calls\":[" : ",");
        buf_putf(out, "{\"id\":\"call_%.*s\",\"type\":\"function\",\"function\":{\"name\":",
                 STR_ARG(block->id));
        buf_put_json(out, block->name);
        sim_put_member(out, "arguments", block->pieces.text);
        buf_puts(out, "}}");
    }
    buf_puts(out, calls > 0 ? "],\"refusal\":null,\"annotations\":[]}"
                            : ",\"refusal\":null,\"annotations\":[]}");
}

static void chat_whole(struct sim_speech *s, struct buf *out)
{
    const struct sim_answer *a = s->answer;

    buf_put_str(out, s->prefix);
    for (size_t i = 0; i < a->n; i++) {
        buf_putf(out, "%s{\"index\":%zu,\"message\":", i > 0 ? "," : "", i);
        put_message(&a->choices[i], out);
        buf_puts(out, ",\"logprobs\":null,\"finish_reason\":");
        buf_puts(out, finish_word(a->choices[i].finish));
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
    if (s->dials->usage != DIAL_USAGE_ABSENT) {
        buf_puts(out, ",\"usage\":");
        sim_speech_put_usage(s, a->output_tokens, out);
    }
    buf_putf(out, ",\"service_tier\":\"default\",\"system_fingerprint\":\"fp_%010llx\"}",
             (unsigned long long)(a->key >> 24));
}

/* ---- completions ---- */

static void put_completion(size_t choice, struct str text, const char *finish, struct buf *out)
{
    buf_puts(out, "{\"text\":");
    buf_put_json(out, text);
    buf_puts(out, ",\"index\":");
    buf_put_u64(out, choice);
    buf_puts(out, ",\"logprobs\":null,\"finish_reason\":");
    buf_puts(out, finish);
    buf_putc(out, '}');
}

static bool completions_event(struct sim_speech *s, const struct sim_step *step, struct buf *out)
{
    switch (step->kind) {
    case SIM_STEP_PIECE:
        buf_puts(out, "data: ");
        buf_put_str(out, s->prefix);
        put_completion(step->choice, sim_speech_piece(s, step), "null", out);
        end_chunk(s, false, out);
        return false;
    case SIM_STEP_FINISH:
        buf_puts(out, "data: ");
        buf_put_str(out, s->prefix);
        put_completion(step->choice, STR_EMPTY, finish_word(sim_speech_choice(s, step)->finish),
                       out);
        end_chunk(s, s->running == 1, out);
        return false;
    case SIM_STEP_CLOSE:
        return close_stream(s, step->part, out);
    case SIM_STEP_START:
    case SIM_STEP_OPEN:
    case SIM_STEP_SHUT:
    case SIM_STEP_END:
        break;
    }
    return false;
}

static void completions_whole(struct sim_speech *s, struct buf *out)
{
    const struct sim_answer *a = s->answer;

    buf_put_str(out, s->prefix);
    for (size_t i = 0; i < a->n; i++) {
        buf_puts(out, i > 0 ? "," : "");
        put_completion(i, a->choices[i].blocks[0].pieces.text, finish_word(a->choices[i].finish),
                       out);
    }
    buf_putc(out, ']');
    buf_put_str(out, s->suffix);
    if (s->dials->usage != DIAL_USAGE_ABSENT) {
        buf_puts(out, ",\"usage\":");
        sim_speech_put_usage(s, a->output_tokens, out);
    }
    buf_putc(out, '}');
}

const struct sim_voice sim_chat_voice = {
    .prepare = prepare_chat, .event = chat_event, .whole = chat_whole};

const struct sim_voice sim_completions_voice = {
    .prepare = prepare_completions, .event = completions_event, .whole = completions_whole};
