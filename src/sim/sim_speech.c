#include "sim/sim_speech.h"

#include "core/rand.h"
#include "sim/sim_chat.h"
#include "sim/sim_gemini.h"
#include "sim/sim_messages.h"
#include "sim/sim_responses.h"

struct sim_cursor {
    enum sim_step_kind kind;
    size_t block;
    size_t piece;
};

static const struct sim_voice *const sim_voices[] = {
    [SIM_CHAT] = &sim_chat_voice,           [SIM_COMPLETIONS] = &sim_completions_voice,
    [SIM_RESPONSES] = &sim_responses_voice, [SIM_MESSAGES] = &sim_messages_voice,
    [SIM_GEMINI] = &sim_gemini_voice,
};

void sim_speech_start(struct sim_speech *s, struct arena *arena, const struct sim_ask *ask,
                      const struct sim_answer *answer, const struct dials *dials)
{
    *s = (struct sim_speech){.arena = arena,
                             .ask = ask,
                             .answer = answer,
                             .dials = dials,
                             .voice = sim_voices[ask->route],
                             .running = answer->n};
    s->cursors = ARENA_ARRAY(arena, struct sim_cursor, answer->n);
    for (size_t i = 0; i < answer->n; i++) {
        s->cursors[i].kind = SIM_STEP_OPEN;
    }
    s->voice->prepare(s);
}

/* The step a cursor stands at, as the next one of the walk. */
static void take_cursor(struct sim_speech *s, size_t choice)
{
    const struct sim_cursor *c = &s->cursors[choice];
    s->step = (struct sim_step){c->kind, choice, c->block, c->piece, 0};
}

/* Behind OPEN, PIECE, SHUT or FINISH of a choice. */
static void advance_cursor(struct sim_speech *s, struct sim_cursor *c)
{
    const struct sim_choice_answer *choice = &s->answer->choices[s->step.choice];
    size_t pieces = c->block < choice->n ? choice->blocks[c->block].pieces.n : 0;

    switch (c->kind) {
    case SIM_STEP_OPEN:
        c->piece = 0;
        c->kind = pieces > 0 ? SIM_STEP_PIECE : SIM_STEP_SHUT;
        break;
    case SIM_STEP_PIECE:
        c->piece++;
        c->kind = c->piece < pieces ? SIM_STEP_PIECE : SIM_STEP_SHUT;
        break;
    case SIM_STEP_SHUT:
        c->block++;
        c->kind = c->block < choice->n ? SIM_STEP_OPEN : SIM_STEP_FINISH;
        break;
    case SIM_STEP_FINISH:
        c->kind = SIM_STEP_END;
        s->running--;
        break;
    case SIM_STEP_START:
    case SIM_STEP_CLOSE:
    case SIM_STEP_END:
        break;
    }
}

static void advance(struct sim_speech *s)
{
    size_t choice = s->step.choice;

    if (s->step.kind == SIM_STEP_CLOSE) {
        s->step.kind = SIM_STEP_END;
        return;
    }
    if (s->step.kind == SIM_STEP_START) {
        take_cursor(s, 0);
        return;
    }
    advance_cursor(s, &s->cursors[choice]);
    if (s->running == 0) {
        s->step = (struct sim_step){.kind = SIM_STEP_CLOSE};
        return;
    }
    do {
        choice = (choice + 1) % s->answer->n;
    } while (s->cursors[choice].kind == SIM_STEP_END);
    take_cursor(s, choice);
}

bool sim_speech_costs(const struct sim_speech *s)
{
    return s->step.kind == SIM_STEP_PIECE && s->step.part == 0;
}

bool sim_speech_next(struct sim_speech *s, struct buf *out)
{
    if (s->step.kind == SIM_STEP_END) {
        return false;
    }
    size_t before = out->n;
    if (sim_speech_costs(s)) {
        s->said++;
    }
    bool more = s->voice->event(s, &s->step, out);
    if (out->n > before) {
        s->sequence++;
    }
    if (more) {
        s->step.part++;
    } else {
        advance(s);
    }
    return true;
}

void sim_speech_whole(struct sim_speech *s, struct buf *out)
{
    s->said = s->answer->output_tokens;
    s->voice->whole(s, out);
}

void sim_speech_put_usage(const struct sim_speech *s, int64_t output, struct buf *out)
{
    const struct sim_answer *a = s->answer;
    int64_t thought = output < a->thinking_tokens ? output : a->thinking_tokens;

    buf_puts(out, "{\"prompt_tokens\":");
    buf_put_i64(out, a->input_tokens);
    buf_puts(out, ",\"completion_tokens\":");
    buf_put_i64(out, output);
    buf_puts(out, ",\"total_tokens\":");
    buf_put_i64(out, a->input_tokens + output);
    buf_puts(out, ",\"prompt_tokens_details\":{\"cached_tokens\":");
    buf_put_i64(out, a->cached_tokens);
    buf_puts(out, ",\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":");
    buf_put_i64(out, thought);
    buf_puts(out, ",\"audio_tokens\":0,\"accepted_prediction_tokens\":0,"
                  "\"rejected_prediction_tokens\":0}}");
}

struct str sim_speech_pad(const struct sim_speech *s)
{
    uint64_t salt = rand_mix(s->answer->key, (uint64_t)s->sequence);
    return sim_answer_id(s->arena, s->answer->key, salt, 1 + salt % 16);
}

void sim_put_member(struct buf *out, const char *name, struct str value)
{
    buf_puts(out, ",\"");
    buf_puts(out, name);
    buf_puts(out, "\":");
    if (value.p) {
        buf_put_json(out, value);
    } else {
        buf_puts(out, "null");
    }
}
