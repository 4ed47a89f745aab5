#include "sim/sim_gemini.h"

#define PATH_PREFIX SIM_GEMINI_PREFIX "models/"

#define ANSWER_ID_CHARS 22
#define SIGNATURE_CHARS 172
/* Salt of a block's signature, apart from those of block ids. */
#define SIGNATURE_SALT 2000

bool sim_gemini_path(struct str path, struct str *ret_model, bool *ret_stream)
{
    static const struct {
        const char *verb;
        bool stream;
    } verbs[] = {
        {":generateContent",       false},
        {":streamGenerateContent", true },
    };
    struct str rest = str_from(path, strlen(PATH_PREFIX));
    if (!str_starts(path, STR(PATH_PREFIX))) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        struct str verb = str_of(verbs[i].verb);
        if (str_ends(rest, verb) && rest.n > verb.n) {
            *ret_model = str_head(rest, rest.n - verb.n);
            *ret_stream = verbs[i].stream;
            return true;
        }
    }
    return false;
}

static void prepare(struct sim_speech *s)
{
    struct buf text;
    s->id = sim_answer_id(s->arena, s->answer->key, 0, ANSWER_ID_CHARS);
    buf_init(&text, SIZE_MAX / 2);
    buf_puts(&text, ",\"modelVersion\":");
    buf_put_json(&text, s->ask->model);
    buf_putf(&text, ",\"responseId\":\"%.*s\"}", STR_ARG(s->id));
    s->suffix = arena_str(s->arena, buf_str(&text));
    buf_release(&text);
}

/* Thoughts are counted apart from the answer. */
static void put_usage(const struct sim_speech *s, int64_t output, struct buf *out)
{
    const struct sim_answer *a = s->answer;
    int64_t thoughts = a->thinking_tokens < output ? a->thinking_tokens : output;
    if (s->dials->usage == DIAL_USAGE_ABSENT) {
        return;
    }
    buf_putf(out, ",\"usageMetadata\":{\"promptTokenCount\":%lld", (long long)a->input_tokens);
    if (a->cached_tokens > 0) {
        buf_putf(out, ",\"cachedContentTokenCount\":%lld", (long long)a->cached_tokens);
    }
    if (output > thoughts) {
        buf_putf(out, ",\"candidatesTokenCount\":%lld", (long long)(output - thoughts));
    }
    if (thoughts > 0) {
        buf_putf(out, ",\"thoughtsTokenCount\":%lld", (long long)thoughts);
    }
    buf_putf(out, ",\"totalTokenCount\":%lld}", (long long)(a->input_tokens + output));
}

static const char *finish_word(enum sim_finish finish)
{
    return finish == SIM_FINISH_LENGTH ? "MAX_TOKENS" : "STOP";
}

static void put_text(struct str text, bool thought, struct buf *out)
{
    buf_puts(out, "{\"text\":");
    buf_put_json(out, text);
    buf_puts(out, thought ? ",\"thought\":true}" : "}");
}

/* Of calls side by side the first one is signed. */
static bool is_first_call(const struct sim_choice_answer *choice, size_t block)
{
    for (size_t i = 0; i < block; i++) {
        if (choice->blocks[i].kind == SIM_BLOCK_TOOL) {
            return false;
        }
    }
    return true;
}

static void put_call(const struct sim_speech *s, size_t block, struct buf *out)
{
    const struct sim_choice_answer *choice = &s->answer->choices[0];
    const struct sim_block *tool = &choice->blocks[block];
    buf_putf(out, "{\"functionCall\":{\"id\":\"fc_%.*s\"", STR_ARG(tool->id));
    sim_put_member(out, "name", tool->name);
    buf_puts(out, ",\"args\":");
    buf_put_str(out, tool->pieces.text.n > 0 ? tool->pieces.text : STR("{}"));
    buf_putc(out, '}');
    if (is_first_call(choice, block)) {
        sim_put_member(
            out, "thoughtSignature",
            sim_answer_id(s->arena, s->answer->key, SIGNATURE_SALT + block, SIGNATURE_CHARS));
    }
    buf_putc(out, '}');
}

static void begin_response(struct buf *out)
{
    buf_puts(out, "{\"candidates\":[{\"content\":{\"parts\":[");
}

/* `finish` is NULL while the answer goes on. */
static void end_response(const struct sim_speech *s, const char *finish, int64_t output,
                         struct buf *out)
{
    buf_puts(out, "],\"role\":\"model\"}");
    if (finish) {
        buf_putf(out, ",\"finishReason\":\"%s\"", finish);
    }
    buf_puts(out, ",\"index\":0}]");
    put_usage(s, output, out);
    buf_put_str(out, s->suffix);
}

/* Lines end as Google's do. */
static void put_event(struct sim_speech *s, const struct sim_step *step, const char *finish,
                      struct buf *out)
{
    const struct sim_block *block = finish ? NULL : sim_speech_block(s, step);
    buf_puts(out, "data: ");
    begin_response(out);
    if (!block) {
        put_text(STR_EMPTY, false, out);
    } else if (block->kind == SIM_BLOCK_TOOL) {
        put_call(s, step->block, out);
    } else {
        put_text(sim_speech_piece(s, step), block->kind == SIM_BLOCK_THINKING, out);
    }
    end_response(s, finish, s->said, out);
    buf_puts(out, "\r\n\r\n");
}

static bool event(struct sim_speech *s, const struct sim_step *step, struct buf *out)
{
    switch (step->kind) {
    case SIM_STEP_PIECE:
        /* A call is said at once, when all of it is thought out. */
        if (sim_speech_block(s, step)->kind != SIM_BLOCK_TOOL &&
            !sim_speech_block(s, step)->hidden) {
            put_event(s, step, NULL, out);
        }
        return false;
    case SIM_STEP_SHUT:
        if (sim_speech_block(s, step)->kind == SIM_BLOCK_TOOL) {
            put_event(s, step, NULL, out);
        }
        return false;
    case SIM_STEP_FINISH:
        put_event(s, step, finish_word(sim_speech_choice(s, step)->finish), out);
        return false;
    case SIM_STEP_START:
    case SIM_STEP_OPEN:
    case SIM_STEP_CLOSE:
    case SIM_STEP_END:
        break;
    }
    return false;
}

static void whole(struct sim_speech *s, struct buf *out)
{
    const struct sim_choice_answer *choice = &s->answer->choices[0];
    bool first = true;
    begin_response(out);
    for (size_t i = 0; i < choice->n; i++) {
        const struct sim_block *block = &choice->blocks[i];
        if (block->hidden) {
            continue;
        }
        buf_puts(out, first ? "" : ",");
        first = false;
        if (block->kind == SIM_BLOCK_TOOL) {
            put_call(s, i, out);
        } else {
            put_text(block->pieces.text, block->kind == SIM_BLOCK_THINKING, out);
        }
    }
    end_response(s, finish_word(choice->finish), s->answer->output_tokens, out);
}

const struct sim_voice sim_gemini_voice = {.prepare = prepare, .event = event, .whole = whole};
