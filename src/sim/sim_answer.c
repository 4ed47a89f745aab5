#include "sim/sim_answer.h"

#include <math.h>

#include "core/buf.h"
#include "core/rand.h"
#include "sim/sim_schema.h"

/* Answers are "created" within the month from here, whenever they are asked for. */
#define CREATED_FIRST 1767225600
#define CREATED_SPAN  2592000
#define ID_CHARS      24

struct planner {
    struct arena *arena;
    const struct sim_ask *ask;
    const struct dials *dials;
    struct sim_answer *answer;
    struct sim_choice_answer *choice;
    struct rand_state rand;
    int64_t budget; /* tokens that may still be written, -1 = no limit */
};

struct str sim_answer_id(struct arena *arena, uint64_t key, uint64_t salt, size_t n)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    char *p = arena_alloc(arena, n + 1);
    uint64_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        if (i % 10 == 0) {
            bits = rand_mix(rand_mix(key, salt), i);
        }
        p[i] = alphabet[bits % 62];
        bits /= 62;
    }
    return str_make(p, n);
}

static int64_t draw_tokens(struct planner *p, const struct upstream_law *law)
{
    double unit = rand_unit(&p->rand);
    double normal = rand_normal(&p->rand);
    double tokens = round(upstream_law_sample(law, unit, normal));
    return tokens < 1 ? 1 : tokens > DIAL_TOKENS_MAX ? DIAL_TOKENS_MAX : (int64_t)tokens;
}

static int64_t within_budget(const struct planner *p, int64_t tokens)
{
    return p->budget >= 0 && tokens > p->budget ? p->budget : tokens;
}

/* Takes the pieces of a block off the budget and counts them. */
static struct sim_block *add_block(struct planner *p, enum sim_block_kind kind,
                                   struct sim_pieces pieces)
{
    struct sim_choice_answer *choice = p->choice;
    size_t place = (size_t)(choice - p->answer->choices) * SIM_BLOCKS_MAX + choice->n;
    struct sim_block *block = &choice->blocks[choice->n++];

    *block = (struct sim_block){.kind = kind, .pieces = pieces};
    block->id = sim_answer_id(p->arena, p->answer->key, place + 1, ID_CHARS);
    if (p->budget >= 0) {
        p->budget -= (int64_t)pieces.n;
    }
    return block;
}

static void plan_thinking(struct planner *p)
{
    struct sim_pieces pieces;
    int64_t tokens = draw_tokens(p, &p->dials->thinking_length);

    if (p->ask->thinking_max >= 0 && tokens > p->ask->thinking_max) {
        tokens = p->ask->thinking_max;
    }
    tokens = within_budget(p, tokens);
    sim_text_write(p->arena, &p->rand, (size_t)tokens, true, &pieces);
    struct sim_block *block = add_block(p, SIM_BLOCK_THINKING, pieces);
    /* The Responses API shows a summary only where it is asked for; the dial asks for it too. */
    bool forced = p->dials->thinking == DIAL_THINKING_ON && p->ask->route == SIM_RESPONSES;
    block->hidden = !p->ask->show_thinking && !forced;
    p->answer->thinking_tokens += tokens;
}

/* ---- JSON ---- */

static struct str write_json(struct planner *p, yyjson_val *schema)
{
    struct buf json;
    buf_init(&json, SIM_SCHEMA_BYTES_MAX);
    if (schema) {
        sim_schema_write(p->arena, schema, &p->rand, &json);
    } else {
        struct str word = sim_text_word(&p->rand);
        struct str other = sim_text_word(&p->rand);
        buf_putf(&json, "{\"topic\":\"%.*s\",\"summary\":\"The %.*s and the %.*s.\",\"score\":%u}",
                 STR_ARG(word), STR_ARG(word), STR_ARG(other), (unsigned)rand_below(&p->rand, 100));
    }
    struct str text = arena_str(p->arena, buf_str(&json));
    buf_release(&json);
    return text;
}

/* The draw is made always, so that turning the dial changes no later one. */
static struct str maybe_spoil(struct planner *p, struct str json, bool allowed)
{
    bool spoil = rand_unit(&p->rand) < p->dials->json_malformed;
    return spoil && allowed ? sim_schema_spoil(p->arena, json, &p->rand) : json;
}

/* ---- tools ---- */

static size_t calls_wanted(const struct planner *p)
{
    const struct sim_ask *ask = p->ask;
    bool forced = ask->choice == SIM_CHOICE_REQUIRED;

    if (ask->tool_count == 0 || ask->choice == SIM_CHOICE_NONE ||
        p->dials->tool_calls == DIAL_TOOLS_NONE || (ask->after_tool && !forced)) {
        return 0;
    }
    return p->dials->tool_calls == DIAL_TOOLS_PARALLEL && !ask->one_tool ? SIM_CALLS_MAX : 1;
}

static const struct sim_tool *pick_tool(struct planner *p, size_t call)
{
    const struct sim_ask *ask = p->ask;
    uint64_t start = rand_below(&p->rand, ask->tool_count);
    for (size_t i = 0; i < ask->tool_count; i++) {
        if (ask->tool_named.n > 0 && str_eq(ask->tools[i].name, ask->tool_named)) {
            return &ask->tools[i];
        }
    }
    return &ask->tools[(start + call) % ask->tool_count];
}

static void plan_tools(struct planner *p, size_t calls)
{
    /* Answers of these hold the arguments as a value: it cannot be malformed. */
    bool spoilable = p->ask->route != SIM_MESSAGES && p->ask->route != SIM_GEMINI;

    p->choice->finish = SIM_FINISH_TOOL;
    for (size_t i = 0; i < calls; i++) {
        const struct sim_tool *tool = pick_tool(p, i);
        struct sim_pieces pieces;
        struct str json = tool->schema ? write_json(p, tool->schema) : STR("{}");
        if (json.n == 0 || json.p[0] != '{') {
            json = STR("{}"); /* arguments are an object, whatever the schema says */
        }
        json = maybe_spoil(p, json, spoilable);
        sim_text_cut(p->arena, json, (size_t)within_budget(p, DIAL_TOKENS_MAX), &pieces);
        bool cut = pieces.text.n < json.n;
        if (cut && !spoilable) {
            pieces.n = 0;
            pieces.text.n = 0;
        }
        add_block(p, SIM_BLOCK_TOOL, pieces)->name = tool->name;
        if (cut) {
            p->choice->finish = SIM_FINISH_LENGTH;
            return;
        }
    }
}

/* ---- text ---- */

/* Ends the text before the first stop sequence in it. */
static void apply_stops(struct planner *p, struct sim_pieces *pieces)
{
    ptrdiff_t first = -1;
    for (size_t i = 0; i < p->ask->stop_count; i++) {
        ptrdiff_t at = str_find(pieces->text, p->ask->stops[i]);
        if (at >= 0 && (first < 0 || at < first)) {
            first = at;
            p->choice->sequence = p->ask->stops[i];
        }
    }
    if (first >= 0) {
        sim_text_shorten(pieces, (size_t)first);
        p->choice->finish = SIM_FINISH_SEQUENCE;
    }
}

static void plan_given_text(struct planner *p, struct str text, struct sim_pieces *ret_pieces)
{
    sim_text_cut(p->arena, text, (size_t)within_budget(p, DIAL_TOKENS_MAX), ret_pieces);
    if (ret_pieces->text.n < text.n) {
        p->choice->finish = SIM_FINISH_LENGTH;
    }
}

static void plan_text(struct planner *p)
{
    struct sim_pieces pieces;
    int64_t length = draw_tokens(p, &p->dials->length);

    if (p->dials->text.n > 0) {
        plan_given_text(p, p->dials->text, &pieces);
    } else if (p->dials->echo) {
        plan_given_text(p, p->ask->last_text, &pieces);
    } else if (p->ask->format != SIM_FORMAT_TEXT) {
        struct str json = write_json(p, p->ask->schema);
        plan_given_text(p, maybe_spoil(p, json, true), &pieces);
    } else {
        int64_t tokens = within_budget(p, length);
        sim_text_write(p->arena, &p->rand, (size_t)tokens, tokens == length, &pieces);
        p->choice->finish = tokens < length ? SIM_FINISH_LENGTH : SIM_FINISH_STOP;
    }
    apply_stops(p, &pieces);
    add_block(p, SIM_BLOCK_TEXT, pieces);
}

static void plan_choice(struct planner *p, size_t index)
{
    const struct sim_ask *ask = p->ask;
    bool think = p->dials->thinking == DIAL_THINKING_ON ||
                 (p->dials->thinking == DIAL_THINKING_AUTO && ask->think);

    p->choice = &p->answer->choices[index];
    p->budget = ask->max_tokens;
    rand_seed(&p->rand, rand_mix(p->answer->key, index));
    if (think && ask->route != SIM_COMPLETIONS) {
        plan_thinking(p);
    }
    size_t calls = calls_wanted(p);
    if (calls > 0) {
        plan_tools(p, calls);
    } else {
        plan_text(p);
    }
    for (size_t i = 0; i < p->choice->n; i++) {
        p->answer->output_tokens += (int64_t)p->choice->blocks[i].pieces.n;
    }
}

void sim_answer_plan(struct arena *arena, const struct sim_ask *ask, const struct dials *dials,
                     struct sim_answer **ret_answer)
{
    struct sim_answer *answer = ARENA_NEW(arena, struct sim_answer);
    struct planner p = {.arena = arena, .ask = ask, .dials = dials, .answer = answer};

    answer->key = ask->key;
    answer->created = CREATED_FIRST + (int64_t)(ask->key % CREATED_SPAN);
    answer->n = (size_t)(ask->n * ask->prompts);
    answer->choices = ARENA_ARRAY(arena, struct sim_choice_answer, answer->n);
    answer->input_tokens = ask->input_tokens;
    answer->cached_tokens = (int64_t)((double)ask->input_tokens * dials->cached);
    for (size_t i = 0; i < answer->n; i++) {
        plan_choice(&p, i);
    }
    *ret_answer = answer;
}
