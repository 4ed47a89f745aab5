#include <math.h>

#include "llm/wire_gemini.h"
#include "llm/wire_json.h"

/* Further ones are refused by the API. */
#define STOPS_MAX 5

/* --- tools ------------------------------------------------------------------------------- */

static int put_tools(struct wire_gemini_writing *w)
{
    const struct message_request *r = w->request;
    int rc = 0;
    if (r->tool_count == 0) {
        return 0;
    }
    wire_put_key(w->out, "tools");
    buf_puts(w->out, "[{\"functionDeclarations\":[");
    for (size_t i = 0; rc == 0 && i < r->tool_count; i++) {
        const struct message_tool *tool = &r->tools[i];
        wire_put_item(w->out);
        buf_putc(w->out, '{');
        wire_put_str(w->out, "name", tool->name);
        if (tool->description.n > 0) {
            wire_put_str(w->out, "description", tool->description);
        }
        if (tool->schema.n > 0) {
            wire_put_key(w->out, "parametersJsonSchema");
            buf_put_str(w->out, tool->schema);
        }
        buf_putc(w->out, '}');
        if (tool->strict == 1) {
            rc = message_drop(w->notes, w->err, "tools[%zu].strict", i);
        }
        if (rc == 0 && tool->cache != MESSAGE_CACHE_NONE) {
            rc = message_drop(w->notes, w->err, "cache_control");
        }
    }
    buf_puts(w->out, "]}]");
    return rc;
}

static int put_choice(struct wire_gemini_writing *w)
{
    static const char *const modes[] = {
        [MESSAGE_CHOICE_UNSET] = NULL,  [MESSAGE_CHOICE_AUTO] = "AUTO",
        [MESSAGE_CHOICE_NONE] = "NONE", [MESSAGE_CHOICE_ANY] = "ANY",
        [MESSAGE_CHOICE_TOOL] = "ANY",
    };
    const struct message_request *r = w->request;
    if (modes[r->choice] && r->tool_count > 0) {
        wire_put_key(w->out, "toolConfig");
        buf_puts(w->out, "{\"functionCallingConfig\":{");
        wire_put_str(w->out, "mode", str_of(modes[r->choice]));
        if (r->choice == MESSAGE_CHOICE_TOOL) {
            wire_put_key(w->out, "allowedFunctionNames");
            buf_putc(w->out, '[');
            buf_put_json(w->out, r->choice_name);
            buf_putc(w->out, ']');
        }
        buf_puts(w->out, "}}");
    }
    return r->parallel_calls == 0 ? message_drop(w->notes, w->err, "parallel_tool_calls") : 0;
}

/* --- generationConfig -------------------------------------------------------------------- */

static void put_num(struct buf *out, const char *key, double value)
{
    if (!isnan(value)) {
        wire_put_key(out, key);
        wire_put_num(out, value);
    }
}

static void put_i64(struct buf *out, const char *key, int64_t value)
{
    if (value >= 0) {
        wire_put_key(out, key);
        buf_put_i64(out, value);
    }
}

static int put_sampling(struct wire_gemini_writing *w)
{
    const struct message_request *r = w->request;
    put_i64(w->out, "maxOutputTokens", r->max_output);
    put_num(w->out, "temperature", r->temperature);
    put_num(w->out, "topP", r->top_p);
    put_i64(w->out, "topK", r->top_k);
    put_num(w->out, "presencePenalty", r->presence_penalty);
    put_num(w->out, "frequencyPenalty", r->frequency_penalty);
    /* It is an int32 there. */
    if (r->has_seed && r->seed >= INT32_MIN && r->seed <= INT32_MAX) {
        wire_put_key(w->out, "seed");
        buf_put_i64(w->out, r->seed);
    } else if (r->has_seed) {
        return message_drop(w->notes, w->err, "seed");
    }
    return 0;
}

static int put_stops(struct wire_gemini_writing *w)
{
    const struct message_request *r = w->request;
    if (r->stop_count > STOPS_MAX) {
        return message_refuse(w->notes, w->err, "it takes at most 5", "stop");
    }
    if (r->stop_count == 0) {
        return 0;
    }
    wire_put_key(w->out, "stopSequences");
    buf_putc(w->out, '[');
    for (size_t i = 0; i < r->stop_count; i++) {
        wire_put_item(w->out);
        buf_put_json(w->out, r->stop[i]);
    }
    buf_putc(w->out, ']');
    return 0;
}

static int put_format(struct wire_gemini_writing *w)
{
    const struct message_request *r = w->request;
    if (r->format == MESSAGE_FORMAT_TEXT) {
        return 0;
    }
    wire_put_str(w->out, "responseMimeType", STR("application/json"));
    if (r->format == MESSAGE_FORMAT_SCHEMA) {
        wire_put_key(w->out, "responseJsonSchema");
        buf_put_str(w->out, r->schema.n > 0 ? r->schema : STR("{}"));
    }
    /* The schema's name is a label that no answer shows. */
    return r->schema_description.n > 0
               ? message_drop(w->notes, w->err, "response_format.json_schema.description")
               : 0;
}

/* Levels that a model lacks become the next one that it has. */
static const char *level_of(const struct wire_gemini_family *family, enum message_effort effort)
{
    switch (effort) {
    case MESSAGE_EFFORT_UNSET:
        break;
    case MESSAGE_EFFORT_NONE:
    case MESSAGE_EFFORT_MINIMAL:
        return family->minimal ? "MINIMAL" : "LOW";
    case MESSAGE_EFFORT_LOW:
        return "LOW";
    case MESSAGE_EFFORT_MEDIUM:
        return family->medium ? "MEDIUM" : "HIGH";
    case MESSAGE_EFFORT_HIGH:
    case MESSAGE_EFFORT_MAX:
        return "HIGH";
    }
    return NULL;
}

/* -1: the model decides. */
static int64_t budget_of(const struct wire_gemini_writing *w, int64_t wanted)
{
    const struct wire_gemini_family *family = w->family;
    if (wanted <= 0) {
        return wanted < 0 || family->can_rest ? wanted : family->budget_min;
    }
    wanted = wanted < family->budget_min ? family->budget_min : wanted;
    return wanted > family->budget_max ? family->budget_max : wanted;
}

static int put_thinking(struct wire_gemini_writing *w)
{
    const struct message_request *r = w->request;
    bool off = r->thinking_budget == 0 || r->effort == MESSAGE_EFFORT_NONE;
    bool given = r->thinking_budget >= 0 || r->effort != MESSAGE_EFFORT_UNSET;
    const char *name = r->effort != MESSAGE_EFFORT_UNSET ? "reasoning_effort" : "thinking";
    int64_t budget =
        r->thinking_budget >= 0 ? r->thinking_budget : message_effort_budget(r->effort);
    if (!given && !r->thinking_adaptive && !r->thinking_shown) {
        return 0;
    }
    if (w->family->thinks == GEMINI_THINKS_NOT) {
        return off ? 0 : message_drop(w->notes, w->err, "%s", name);
    }
    wire_put_key(w->out, "thinkingConfig");
    buf_putc(w->out, '{');
    if (w->family->thinks == GEMINI_THINKS_BY_LEVEL) {
        enum message_effort effort =
            r->effort != MESSAGE_EFFORT_UNSET ? r->effort : message_budget_effort(budget);
        const char *level = level_of(w->family, effort);
        if (level) {
            wire_put_str(w->out, "thinkingLevel", str_of(level));
        }
    } else if (given || r->thinking_adaptive) {
        wire_put_key(w->out, "thinkingBudget");
        buf_put_i64(w->out, budget_of(w, budget));
    }
    if (r->thinking_shown && !off) {
        wire_put_key(w->out, "includeThoughts");
        buf_puts(w->out, "true");
    }
    buf_putc(w->out, '}');
    /* Some models cannot leave it; they are asked for the least. */
    return off && !w->family->can_rest ? message_drop(w->notes, w->err, "%s", name) : 0;
}

static int put_config(struct wire_gemini_writing *w)
{
    static int (*const steps[])(struct wire_gemini_writing * w) = {put_sampling, put_stops,
                                                                   put_format, put_thinking};
    size_t start = w->out->n;
    int rc = 0;
    wire_put_key(w->out, "generationConfig");
    buf_putc(w->out, '{');
    size_t empty = w->out->n;
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(steps); i++) {
        rc = steps[i](w);
    }
    if (w->out->n == empty) {
        w->out->n = start;
    } else {
        buf_putc(w->out, '}');
    }
    return rc;
}

/* --- what else is asked for -------------------------------------------------------------- */

static int put_tier(struct wire_gemini_writing *w)
{
    struct str asked = w->request->service_tier;
    struct str tier = wire_gemini_tier_wanted(asked);
    if (tier.n > 0) {
        wire_put_str(w->out, "serviceTier", tier);
    }
    return tier.n == 0 && asked.n > 0 && !str_is(asked, "auto")
               ? message_drop(w->notes, w->err, "service_tier")
               : 0;
}

/* What the API has no word for, or answers in a form that cannot be handed on. */
static int drop_unknown(struct wire_gemini_writing *w)
{
    const struct message_request *r = w->request;

    const struct {
        bool given;
        const char *path;
    } rows[] = {
        {r->logprobs,                    "logprobs"        },
        {r->top_logprobs > 0,            "top_logprobs"    },
        {r->logit_bias.n > strlen("{}"), "logit_bias"      },
        {r->verbosity.n > 0,             "verbosity"       },
        {r->user.n > 0,                  "user"            },
        {r->metadata.n > strlen("{}"),   "metadata"        },
        {r->cache_key.n > 0,             "prompt_cache_key"},
    };

    int rc = r->n > 1 ? message_refuse(w->notes, w->err, "one answer comes at a time", "n") : 0;
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(rows); i++) {
        if (rows[i].given) {
            rc = message_drop(w->notes, w->err, "%s", rows[i].path);
        }
    }
    for (size_t i = 0; rc == 0 && i < r->message_count; i++) {
        if (r->messages[i].name.n > 0) {
            rc = message_drop(w->notes, w->err, "messages[%zu].name", i);
        }
    }
    return rc;
}

int wire_gemini_write_request(const struct message_request *request,
                              const struct wire_target *target, struct message_notes *notes,
                              struct buf *out, struct error *err)
{
    static int (*const steps[])(struct wire_gemini_writing * w) = {
        drop_unknown, wire_gemini_put_contents, put_tools, put_choice, put_config, put_tier,
    };
    struct wire_gemini_writing w = {.request = request,
                                    .family = wire_gemini_family(target->model),
                                    .notes = notes,
                                    .out = out,
                                    .err = err};
    int rc = 0;
    buf_putc(out, '{');
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(steps); i++) {
        rc = steps[i](&w);
    }
    buf_putc(out, '}');
    return rc;
}
