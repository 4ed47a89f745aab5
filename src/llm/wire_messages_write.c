#include <math.h>

#include "llm/wire_messages.h"

/* Where neither client nor configuration says a maximum. */
#define MAX_OUTPUT_DEFAULT 4096
/* The least that the API takes. */
#define BUDGET_MIN     1024
#define MODEL_NAME_MAX 128

/* --- what models take -------------------------------------------------------------------- */

/* Models refuse the parameters of other generations. The first row whose name is a part of the
 * model's ('.' and '@' are read as '-') counts; what has no row is taken for a new model when its
 * name says Claude, else for a server of one's own, which takes the forms that are known longest.
 */
static const struct wire_messages_family families[] = {
    {"claude-2",      THINKS_NOT,       false, SAMPLES_BY_ALL},
    {"claude-3-5",    THINKS_NOT,       false, SAMPLES_BY_ALL},
    {"claude-3-7",    THINKS_BY_BUDGET, false, SAMPLES_BY_ALL},
    {"claude-3",      THINKS_NOT,       false, SAMPLES_BY_ALL},
    {"sonnet-4-0",    THINKS_BY_BUDGET, false, SAMPLES_BY_ALL},
    {"sonnet-4-2025", THINKS_BY_BUDGET, false, SAMPLES_BY_ALL},
    {"opus-4-0",      THINKS_BY_BUDGET, false, SAMPLES_BY_ALL},
    {"opus-4-2025",   THINKS_BY_BUDGET, false, SAMPLES_BY_ALL},
    {"opus-4-1",      THINKS_BY_BUDGET, true,  SAMPLES_BY_ONE},
    {"opus-4-5",      THINKS_BY_BUDGET, true,  SAMPLES_BY_ONE},
    {"sonnet-4-5",    THINKS_BY_BUDGET, true,  SAMPLES_BY_ONE},
    {"haiku-4-5",     THINKS_BY_BUDGET, true,  SAMPLES_BY_ONE},
    {"opus-4-6",      THINKS_BY_EFFORT, true,  SAMPLES_BY_ONE},
    {"sonnet-4-6",    THINKS_BY_EFFORT, true,  SAMPLES_BY_ONE},
    {"claude",        THINKS_BY_EFFORT, true,  SAMPLES_NOT   },
    {"",              THINKS_BY_BUDGET, true,  SAMPLES_FREELY},
};

static const struct wire_messages_family *family_of(struct str model)
{
    char plain[MODEL_NAME_MAX];
    struct str name = str_head(model, sizeof(plain));
    size_t i = 0;
    for (; i < name.n; i++) {
        char c = name.p[i];
        plain[i] = c == '.' || c == '@' ? '-' : c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
    }
    name.p = plain;
    i = 0;
    while (i + 1 < ARRAY_LEN(families) && str_find(name, str_of(families[i].name)) < 0) {
        i++;
    }
    return &families[i];
}

static const struct {
    enum message_effort effort;
    const char *word;
} efforts[] = {
    {MESSAGE_EFFORT_MINIMAL, "low"   },
    {MESSAGE_EFFORT_LOW,     "low"   },
    {MESSAGE_EFFORT_MEDIUM,  "medium"},
    {MESSAGE_EFFORT_HIGH,    "high"  },
    {MESSAGE_EFFORT_MAX,     "max"   },
};

static const char *effort_word(enum message_effort effort)
{
    for (size_t i = 0; i < ARRAY_LEN(efforts); i++) {
        if (efforts[i].effort == effort) {
            return efforts[i].word;
        }
    }
    return NULL;
}

/* --- tools ------------------------------------------------------------------------------- */

/* A schema that does not say so is an object's all the same. */
static void put_schema(struct buf *out, struct str schema)
{
    struct json_member type;
    struct str rest = str_trim(schema);
    wire_put_key(out, "input_schema");
    if (rest.n == 0 || rest.p[0] != '{' || str_trim(str_from(rest, 1)).n <= 1) {
        buf_puts(out, "{\"type\":\"object\",\"properties\":{}}");
    } else if (json_find(rest, "type", &type, NULL)) {
        buf_put_str(out, rest);
    } else {
        buf_puts(out, "{\"type\":\"object\",");
        buf_put_str(out, str_from(rest, 1));
    }
}

static int put_tools(struct wire_messages_writing *w)
{
    const struct message_request *r = w->request;
    int rc = 0;
    if (r->tool_count == 0) {
        return 0;
    }
    buf_puts(w->out, ",\"tools\":[");
    for (size_t i = 0; rc == 0 && i < r->tool_count; i++) {
        const struct message_tool *tool = &r->tools[i];
        wire_put_item(w->out);
        buf_putc(w->out, '{');
        wire_put_str(w->out, "name", tool->name);
        if (tool->description.n > 0) {
            wire_put_str(w->out, "description", tool->description);
        }
        put_schema(w->out, tool->schema);
        if (tool->strict >= 0 && w->family->schemas) {
            buf_puts(w->out, tool->strict ? ",\"strict\":true" : ",\"strict\":false");
        } else if (tool->strict == 1) {
            rc = message_drop(w->notes, w->err, "tools[%zu].strict", i);
        }
        wire_messages_put_cache(w->out, tool->cache);
        buf_putc(w->out, '}');
    }
    buf_putc(w->out, ']');
    return rc;
}

static bool is_forced(const struct message_request *r)
{
    return r->choice == MESSAGE_CHOICE_ANY || r->choice == MESSAGE_CHOICE_TOOL;
}

/* A choice without tools is refused by the API; when it forces nothing it says nothing. */
static void put_choice(struct wire_messages_writing *w)
{
    static const char *const types[] = {
        [MESSAGE_CHOICE_UNSET] = "auto", [MESSAGE_CHOICE_AUTO] = "auto",
        [MESSAGE_CHOICE_NONE] = "none",  [MESSAGE_CHOICE_ANY] = "any",
        [MESSAGE_CHOICE_TOOL] = "tool",
    };
    const struct message_request *r = w->request;
    bool serial = r->parallel_calls == 0 && r->choice != MESSAGE_CHOICE_NONE;
    if ((r->choice == MESSAGE_CHOICE_UNSET && !serial) || (r->tool_count == 0 && !is_forced(r))) {
        return;
    }
    buf_puts(w->out, ",\"tool_choice\":{\"type\":\"");
    buf_puts(w->out, types[r->choice]);
    buf_putc(w->out, '"');
    if (r->choice == MESSAGE_CHOICE_TOOL) {
        wire_put_str(w->out, "name", r->choice_name);
    }
    if (r->parallel_calls >= 0 && r->choice != MESSAGE_CHOICE_NONE) {
        buf_puts(w->out, ",\"disable_parallel_tool_use\":");
        buf_puts(w->out, serial ? "true" : "false");
    }
    buf_putc(w->out, '}');
}

/* --- thinking ---------------------------------------------------------------------------- */

/* Inside a round of tool calls, a model that thinks by budget demands its thoughts back. */
static bool lacks_thoughts(const struct message_request *r)
{
    size_t i = r->message_count;
    bool results = false;
    for (; i > 0 && r->messages[i - 1].role != MESSAGE_ASSISTANT; i--) {
        for (size_t k = 0; k < r->messages[i - 1].part_count; k++) {
            results |= r->messages[i - 1].parts[k].kind == MESSAGE_RESULT;
        }
    }
    if (i == 0 || !results) {
        return false;
    }
    for (; i > 0 && r->messages[i - 1].role == MESSAGE_ASSISTANT; i--) {
        const struct message *m = &r->messages[i - 1];
        for (size_t k = 0; k < m->part_count; k++) {
            if (m->parts[k].kind == MESSAGE_THINKING && m->parts[k].signature.n > 0 &&
                !wire_messages_is_foreign(m->parts[k].signature)) {
                return false;
            }
        }
    }
    return true;
}

static int drop_thinking(struct wire_messages_writing *w)
{
    const char *name = w->request->effort > MESSAGE_EFFORT_NONE ? "reasoning_effort" : "thinking";
    w->thinks = false;
    return message_drop(w->notes, w->err, "%s", name);
}

/* Decides about thinking; a forced choice of tool cannot go with it and comes first. */
static int plan_thinking(struct wire_messages_writing *w)
{
    const struct message_request *r = w->request;
    int64_t budget = r->thinking_budget > 0 ? r->thinking_budget : message_effort_budget(r->effort);
    w->off = r->thinking_budget == 0 || r->effort == MESSAGE_EFFORT_NONE;
    w->thinks = !w->off && (r->thinking_adaptive || budget > 0);
    if (!w->thinks) {
        return 0;
    }
    if (w->family->thinks == THINKS_NOT || is_forced(r)) {
        return drop_thinking(w);
    }
    if (w->family->thinks == THINKS_BY_EFFORT) {
        w->effort = r->effort > MESSAGE_EFFORT_NONE ? r->effort : message_budget_effort(budget);
        return 0;
    }
    budget = budget > 0 ? budget : message_effort_budget(MESSAGE_EFFORT_MEDIUM);
    /* max_tokens holds the thoughts: a quarter of it is left to the answer. */
    int64_t most = w->max_output - w->max_output / 4;
    budget = budget > most ? most : budget;
    w->budget = budget < BUDGET_MIN ? BUDGET_MIN : budget;
    return w->budget >= w->max_output || lacks_thoughts(r) ? drop_thinking(w) : 0;
}

static void put_thinking_config(struct wire_messages_writing *w)
{
    bool by_effort = w->family->thinks == THINKS_BY_EFFORT;
    if (w->thinks && by_effort) {
        buf_puts(w->out, w->request->thinking_shown
                             ? ",\"thinking\":{\"type\":\"adaptive\",\"display\":\"summarized\"}"
                             : ",\"thinking\":{\"type\":\"adaptive\"}");
    } else if (w->thinks) {
        buf_putf(w->out, ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":%lld}",
                 (long long)w->budget);
    } else if (w->off && by_effort) {
        buf_puts(w->out, ",\"thinking\":{\"type\":\"disabled\"}");
    }
}

/* --- what else is asked for -------------------------------------------------------------- */

/* Thinking leaves sampling as it is, but for a top_p of 0.95 and more. */
static bool takes_top_p(const struct wire_messages_writing *w)
{
    const struct message_request *r = w->request;
    if (w->thinks) {
        return w->family->sampling != SAMPLES_NOT && r->top_p >= 0.95;
    }
    return w->family->sampling >= SAMPLES_BY_ALL ||
           (w->family->sampling == SAMPLES_BY_ONE && isnan(r->temperature));
}

static bool takes_temperature(const struct wire_messages_writing *w)
{
    return !w->thinks && w->family->sampling != SAMPLES_NOT &&
           (w->request->temperature <= 1 || w->family->sampling == SAMPLES_FREELY);
}

/* 1 is what both are without being asked for. */
static int put_sampling(struct wire_messages_writing *w)
{
    const struct message_request *r = w->request;
    int rc = 0;
    if (!isnan(r->temperature) && takes_temperature(w)) {
        wire_put_num_member(w->out, "temperature", r->temperature);
    } else if (!isnan(r->temperature) && r->temperature != 1) {
        rc = message_drop(w->notes, w->err, "temperature");
    }
    if (rc == 0 && !isnan(r->top_p) && takes_top_p(w)) {
        wire_put_num_member(w->out, "top_p", r->top_p);
    } else if (rc == 0 && !isnan(r->top_p) && r->top_p != 1) {
        rc = message_drop(w->notes, w->err, "top_p");
    }
    if (rc == 0 && r->top_k > 0) {
        if (!w->thinks && w->family->sampling != SAMPLES_NOT) {
            wire_put_i64_member(w->out, "top_k", r->top_k, -1);
        } else {
            rc = message_drop(w->notes, w->err, "top_k");
        }
    }
    return rc;
}

static int put_stops(struct wire_messages_writing *w)
{
    const struct message_request *r = w->request;
    if (r->stop_count == 0) {
        return 0;
    }
    buf_puts(w->out, ",\"stop_sequences\":[");
    for (size_t i = 0; i < r->stop_count; i++) {
        if (str_trim(r->stop[i]).n == 0) {
            return message_refuse(w->notes, w->err, "it must hold more than white space",
                                  "stop[%zu]", i);
        }
        wire_put_item(w->out);
        buf_put_json(w->out, r->stop[i]);
    }
    buf_putc(w->out, ']');
    return 0;
}

static int put_output_config(struct wire_messages_writing *w)
{
    const struct message_request *r = w->request;
    const char *effort = w->thinks ? effort_word(w->effort) : NULL;
    bool schema = r->format == MESSAGE_FORMAT_SCHEMA;
    int rc = 0;
    if (schema && !w->family->schemas) {
        return message_refuse(w->notes, w->err, "the model takes no schema", "response_format");
    }
    if (r->format == MESSAGE_FORMAT_JSON) {
        rc = message_drop(w->notes, w->err, "response_format");
    }
    /* The schema's name is a label that no answer shows. */
    if (rc == 0 && schema && r->schema_description.n > 0) {
        rc = message_drop(w->notes, w->err, "response_format.json_schema.description");
    }
    if (!effort && !schema) {
        return rc;
    }
    buf_puts(w->out, ",\"output_config\":{");
    if (effort) {
        wire_put_str(w->out, "effort", str_of(effort));
    }
    if (schema) {
        wire_put_key(w->out, "format");
        buf_puts(w->out, "{\"type\":\"json_schema\",\"schema\":");
        buf_put_str(w->out, r->schema.n > 0 ? r->schema : STR("{}"));
        buf_putc(w->out, '}');
    }
    buf_putc(w->out, '}');
    return rc;
}

static int put_labels(struct wire_messages_writing *w)
{
    const struct message_request *r = w->request;
    struct str tier = wire_messages_tier_wanted(r->service_tier);
    if (r->user.n > 0) {
        buf_puts(w->out, ",\"metadata\":{");
        wire_put_str(w->out, "user_id", r->user);
        buf_putc(w->out, '}');
    }
    if (tier.n > 0) {
        wire_put_str(w->out, "service_tier", tier);
    } else if (r->service_tier.n > 0) {
        return message_drop(w->notes, w->err, "service_tier");
    }
    return 0;
}

/* What the API has no word for. */
static int drop_unknown(struct wire_messages_writing *w)
{
    const struct message_request *r = w->request;

    const struct {
        bool given;
        const char *path;
    } rows[] = {
        {!isnan(r->presence_penalty) && r->presence_penalty != 0,   "presence_penalty" },
        {!isnan(r->frequency_penalty) && r->frequency_penalty != 0, "frequency_penalty"},
        {r->has_seed,                                               "seed"             },
        {r->logprobs,                                               "logprobs"         },
        {r->top_logprobs > 0,                                       "top_logprobs"     },
        {r->logit_bias.n > strlen("{}"),                            "logit_bias"       },
        {r->verbosity.n > 0,                                        "verbosity"        },
        {r->metadata.n > strlen("{}"),                              "metadata"         },
        {r->cache_key.n > 0,                                        "prompt_cache_key" },
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

/* The text that an assistant is to go on with, if the conversation ends so. */
static const struct message_part *last_part(const struct message_request *r)
{
    const struct message *m = r->message_count > 0 ? &r->messages[r->message_count - 1] : NULL;
    return m && m->role == MESSAGE_ASSISTANT && m->part_count > 0 ? &m->parts[m->part_count - 1]
                                                                  : NULL;
}

int wire_messages_write_request(const struct message_request *request,
                                const struct wire_target *target, struct message_notes *notes,
                                struct buf *out, struct error *err)
{
    static int (*const steps[])(struct wire_messages_writing * w) = {
        wire_messages_put_messages, put_tools,  put_sampling, put_stops,
        put_output_config,          put_labels,
    };
    struct wire_messages_writing w = {.request = request,
                                      .family = family_of(target->model),
                                      .notes = notes,
                                      .out = out,
                                      .err = err,
                                      .max_output = request->max_output,
                                      .last = last_part(request)};
    if (w.max_output < 0) {
        w.max_output =
            target->default_max_output > 0 ? target->default_max_output : MAX_OUTPUT_DEFAULT;
    }
    int rc = drop_unknown(&w);
    rc = rc == 0 ? plan_thinking(&w) : rc;
    if (rc != 0) {
        return rc;
    }
    buf_puts(out, "{\"model\":");
    buf_put_json(out, target->model);
    wire_put_i64_member(out, "max_tokens", w.max_output, -1);
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(steps); i++) {
        rc = steps[i](&w);
    }
    put_choice(&w);
    put_thinking_config(&w);
    buf_puts(out, request->stream ? ",\"stream\":true}" : "}");
    return rc;
}
