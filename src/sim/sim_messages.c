#include "sim/sim_messages.h"

#define MESSAGE_ID_CHARS 22
#define SIGNATURE_CHARS  172
/* Salt of a block's signature, apart from those of block ids. */
#define SIGNATURE_SALT 1000

static void prepare(struct sim_speech *s)
{
    struct buf text;
    s->id = sim_answer_id(s->arena, s->answer->key, 0, MESSAGE_ID_CHARS);
    buf_init(&text, SIZE_MAX / 2);
    buf_puts(&text, "{\"model\":");
    buf_put_json(&text, s->ask->model);
    buf_putf(&text,
             ",\"id\":\"msg_01%.*s\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[",
             STR_ARG(s->id));
    s->prefix = arena_str(s->arena, buf_str(&text));
    buf_release(&text);
}

static bool has_usage(const struct sim_speech *s)
{
    return s->dials->usage != DIAL_USAGE_ABSENT;
}

/* The counts; `full` adds what only message_start and whole answers have. */
static void put_usage(const struct sim_speech *s, int64_t output, bool full, struct buf *out)
{
    const struct sim_answer *a = s->answer;
    buf_puts(out, ",\"usage\":{\"input_tokens\":");
    buf_put_i64(out, a->input_tokens - a->cached_tokens);
    buf_puts(out, ",\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":");
    buf_put_i64(out, a->cached_tokens);
    if (full) {
        buf_puts(out, ",\"cache_creation\":{\"ephemeral_5m_input_tokens\":0,"
                      "\"ephemeral_1h_input_tokens\":0}");
    }
    buf_puts(out, ",\"output_tokens\":");
    buf_put_i64(out, output);
    buf_puts(out, full ? ",\"service_tier\":\"standard\"}" : "}");
}

static struct str signature_of(const struct sim_speech *s, size_t block)
{
    return sim_answer_id(s->arena, s->answer->key, SIGNATURE_SALT + block, SIGNATURE_CHARS);
}

static const char *stop_word(enum sim_finish finish)
{
    static const char *const words[] = {
        [SIM_FINISH_STOP] = "\"end_turn\"",
        [SIM_FINISH_LENGTH] = "\"max_tokens\"",
        [SIM_FINISH_TOOL] = "\"tool_use\"",
        [SIM_FINISH_SEQUENCE] = "\"stop_sequence\"",
    };
    return words[finish];
}

static void put_stop(const struct sim_choice_answer *choice, struct buf *out)
{
    bool sequence = choice->finish == SIM_FINISH_SEQUENCE;
    buf_puts(out, "\"stop_reason\":");
    buf_puts(out, stop_word(choice->finish));
    sim_put_member(out, "stop_sequence", sequence ? choice->sequence : (struct str){NULL, 0});
}

/* ---- events ---- */

static void begin_event(const char *name, struct buf *out)
{
    buf_puts(out, "event: ");
    buf_puts(out, name);
    buf_puts(out, "\ndata: {\"type\":\"");
    buf_puts(out, name);
    buf_putc(out, '"');
}

/* The real ones hide the lengths of events behind spaces before the last brace. */
static void end_event(const struct sim_speech *s, struct buf *out)
{
    if (s->dials->obfuscation) {
        buf_putf(out, "%*s", (int)sim_speech_pad(s).n, "");
    }
    buf_puts(out, "}\n\n");
}

static void begin_block_event(const char *name, const struct sim_step *step, struct buf *out)
{
    begin_event(name, out);
    buf_puts(out, ",\"index\":");
    buf_put_u64(out, step->block);
}

static void put_delta(struct sim_speech *s, const struct sim_step *step, const char *type,
                      struct str value, struct buf *out)
{
    static const struct {
        const char *type;
        const char *member;
    } members[] = {
        {"text_delta",       "text"        },
        {"thinking_delta",   "thinking"    },
        {"input_json_delta", "partial_json"},
        {"signature_delta",  "signature"   },
    };

    begin_block_event("content_block_delta", step, out);
    buf_puts(out, ",\"delta\":{\"type\":\"");
    buf_puts(out, type);
    buf_putc(out, '"');
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (strcmp(type, members[i].type) == 0) {
            sim_put_member(out, members[i].member, value);
        }
    }
    buf_putc(out, '}');
    end_event(s, out);
}

static void put_start(struct sim_speech *s, struct buf *out)
{
    begin_event("message_start", out);
    buf_puts(out, ",\"message\":");
    buf_put_str(out, s->prefix);
    buf_puts(out, "],\"stop_reason\":null,\"stop_sequence\":null");
    if (has_usage(s)) {
        put_usage(s, 1, true, out);
    }
    buf_putc(out, '}');
    end_event(s, out);
}

static void put_block_start(struct sim_speech *s, const struct sim_step *step, struct buf *out)
{
    const struct sim_block *block = sim_speech_block(s, step);
    begin_block_event("content_block_start", step, out);
    buf_puts(out, ",\"content_block\":");
    if (block->kind == SIM_BLOCK_THINKING) {
        buf_puts(out, "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}");
    } else if (block->kind == SIM_BLOCK_TEXT) {
        buf_puts(out, "{\"type\":\"text\",\"text\":\"\"}");
    } else {
        buf_putf(out, "{\"type\":\"tool_use\",\"id\":\"toolu_%.*s\"", STR_ARG(block->id));
        sim_put_member(out, "name", block->name);
        buf_puts(out, ",\"input\":{}}");
    }
    end_event(s, out);
}

static bool open_block(struct sim_speech *s, const struct sim_step *step, struct buf *out)
{
    bool tool = sim_speech_block(s, step)->kind == SIM_BLOCK_TOOL;
    bool first = step->block == 0;

    if (step->part == 0) {
        put_block_start(s, step, out);
        return first || tool;
    }
    if (step->part == 1 && first) {
        buf_puts(out, "event: ping\ndata: {\"type\": \"ping\"}\n\n");
        return tool;
    }
    put_delta(s, step, "input_json_delta", STR_EMPTY, out);
    return false;
}

static void put_piece(struct sim_speech *s, const struct sim_step *step, struct buf *out)
{
    static const char *const types[] = {
        [SIM_BLOCK_THINKING] = "thinking_delta",
        [SIM_BLOCK_TEXT] = "text_delta",
        [SIM_BLOCK_TOOL] = "input_json_delta",
    };
    const struct sim_block *block = sim_speech_block(s, step);
    if (!block->hidden) {
        put_delta(s, step, types[block->kind], sim_speech_piece(s, step), out);
    }
}

static bool shut_block(struct sim_speech *s, const struct sim_step *step, struct buf *out)
{
    bool thinking = sim_speech_block(s, step)->kind == SIM_BLOCK_THINKING;
    if (thinking && step->part == 0) {
        put_delta(s, step, "signature_delta", signature_of(s, step->block), out);
        return true;
    }
    begin_block_event("content_block_stop", step, out);
    end_event(s, out);
    return false;
}

static void put_finish(struct sim_speech *s, const struct sim_step *step, struct buf *out)
{
    begin_event("message_delta", out);
    buf_puts(out, ",\"delta\":{");
    put_stop(sim_speech_choice(s, step), out);
    buf_putc(out, '}');
    if (has_usage(s)) {
        put_usage(s, s->said, false, out);
    }
    end_event(s, out);
}

static bool event(struct sim_speech *s, const struct sim_step *step, struct buf *out)
{
    switch (step->kind) {
    case SIM_STEP_START:
        put_start(s, out);
        return false;
    case SIM_STEP_OPEN:
        return open_block(s, step, out);
    case SIM_STEP_PIECE:
        put_piece(s, step, out);
        return false;
    case SIM_STEP_SHUT:
        return shut_block(s, step, out);
    case SIM_STEP_FINISH:
        put_finish(s, step, out);
        return false;
    case SIM_STEP_CLOSE:
        begin_event("message_stop", out);
        end_event(s, out);
        return false;
    case SIM_STEP_END:
        break;
    }
    return false;
}

/* ---- whole ---- */

static void put_block(struct sim_speech *s, size_t index, struct buf *out)
{
    const struct sim_block *block = &s->answer->choices[0].blocks[index];
    if (block->kind == SIM_BLOCK_THINKING) {
        buf_puts(out, "{\"type\":\"thinking\"");
        sim_put_member(out, "thinking", block->hidden ? STR_EMPTY : block->pieces.text);
        sim_put_member(out, "signature", signature_of(s, index));
    } else if (block->kind == SIM_BLOCK_TEXT) {
        buf_puts(out, "{\"type\":\"text\"");
        sim_put_member(out, "text", block->pieces.text);
    } else {
        buf_putf(out, "{\"type\":\"tool_use\",\"id\":\"toolu_%.*s\"", STR_ARG(block->id));
        sim_put_member(out, "name", block->name);
        buf_puts(out, ",\"input\":");
        buf_put_str(out, block->pieces.text.n > 0 ? block->pieces.text : STR("{}"));
    }
    buf_putc(out, '}');
}

static void whole(struct sim_speech *s, struct buf *out)
{
    const struct sim_choice_answer *choice = &s->answer->choices[0];

    buf_put_str(out, s->prefix);
    for (size_t i = 0; i < choice->n; i++) {
        buf_puts(out, i > 0 ? "," : "");
        put_block(s, i, out);
    }
    buf_puts(out, "],");
    put_stop(choice, out);
    if (has_usage(s)) {
        put_usage(s, s->answer->output_tokens, true, out);
    }
    buf_putc(out, '}');
}

const struct sim_voice sim_messages_voice = {.prepare = prepare, .event = event, .whole = whole};
