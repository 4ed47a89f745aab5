/*
 * A chat request, written: everything but its messages.
 */
#include <math.h>

#include "core/attr.h"
#include "llm/wire_chat.h"

struct writing {
    const struct message_request *r;
    const struct quirk *quirk;
    const struct wire_target *target;
    struct message_notes *notes;
    struct error *err;
    struct buf *out;
};

/* --- tools ------------------------------------------------------------------------------- */

static int put_tool(struct writing *w, const struct message_tool *tool, size_t i)
{
    struct buf *out = w->out;
    buf_puts(out, "{\"type\":\"function\",\"function\":{\"name\":");
    buf_put_json(out, tool->name);
    wire_put_str_member(out, "description", tool->description);
    if (tool->schema.n > 0) {
        buf_puts(out, ",\"parameters\":");
        buf_put_str(out, tool->schema);
    }
    if (tool->strict >= 0 && w->quirk->no_strict_tools) {
        int rc = message_drop(w->notes, w->err, "tools[%zu].strict", i);
        if (rc < 0) {
            return rc;
        }
    } else if (tool->strict >= 0) {
        buf_puts(out, tool->strict ? ",\"strict\":true" : ",\"strict\":false");
    }
    buf_putc(out, '}');
    if (w->quirk->cache_markers) {
        wire_openai_put_cache(out, tool->cache);
    } else if (tool->cache != MESSAGE_CACHE_NONE) {
        int rc = message_drop(w->notes, w->err, "tools[%zu].cache_control", i);
        if (rc < 0) {
            return rc;
        }
    }
    buf_putc(out, '}');
    return 0;
}

static int put_choice(struct writing *w)
{
    static const char *const words[] = {
        [MESSAGE_CHOICE_AUTO] = "auto",
        [MESSAGE_CHOICE_NONE] = "none",
        [MESSAGE_CHOICE_ANY] = "required",
    };
    if (w->r->choice == MESSAGE_CHOICE_UNSET) {
        return 0;
    }
    bool forced = w->r->choice == MESSAGE_CHOICE_ANY || w->r->choice == MESSAGE_CHOICE_TOOL;
    if (forced && w->quirk->no_required_choice) {
        return message_refuse(w->notes, w->err, "no tool can be forced there", "tool_choice");
    }
    if (w->r->choice == MESSAGE_CHOICE_TOOL) {
        buf_puts(w->out, ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":");
        buf_put_json(w->out, w->r->choice_name);
        buf_puts(w->out, "}}");
        return 0;
    }
    wire_put_str_member(w->out, "tool_choice", str_of(words[w->r->choice]));
    return 0;
}

static int put_tools(struct writing *w)
{
    if (w->r->tool_count == 0) {
        /* Without tools the API takes neither a choice nor parallel_tool_calls. */
        return 0;
    }
    buf_puts(w->out, ",\"tools\":[");
    for (size_t i = 0; i < w->r->tool_count; i++) {
        buf_puts(w->out, i > 0 ? "," : "");
        int rc = put_tool(w, &w->r->tools[i], i);
        if (rc < 0) {
            return rc;
        }
    }
    buf_putc(w->out, ']');
    if (w->r->parallel_calls >= 0 && w->quirk->no_parallel_calls) {
        int rc = message_drop(w->notes, w->err, "parallel_tool_calls");
        if (rc < 0) {
            return rc;
        }
    } else if (w->r->parallel_calls >= 0) {
        buf_puts(w->out, w->r->parallel_calls ? ",\"parallel_tool_calls\":true"
                                              : ",\"parallel_tool_calls\":false");
    }
    return put_choice(w);
}

/* --- format ------------------------------------------------------------------------------ */

static int put_format(struct writing *w)
{
    const struct message_request *r = w->r;
    struct buf *out = w->out;
    switch (r->format) {
    case MESSAGE_FORMAT_TEXT:
        return 0;
    case MESSAGE_FORMAT_JSON:
        if (w->quirk->schema == QUIRK_SCHEMA_NONE) {
            return message_drop(w->notes, w->err, "response_format");
        }
        buf_puts(out, ",\"response_format\":{\"type\":\"json_object\"}");
        return 0;
    case MESSAGE_FORMAT_SCHEMA:
        break;
    }
    if (w->quirk->schema != QUIRK_SCHEMA_FULL) {
        return message_refuse(w->notes, w->err, "it takes no JSON schema", "response_format");
    }
    buf_puts(out, ",\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":");
    buf_put_json(out, r->schema_name.n > 0 ? r->schema_name : STR("answer"));
    wire_put_str_member(out, "description", r->schema_description);
    if (r->schema_strict >= 0) {
        buf_puts(out, r->schema_strict ? ",\"strict\":true" : ",\"strict\":false");
    }
    buf_puts(out, ",\"schema\":");
    buf_put_str(out, r->schema);
    buf_puts(out, "}}");
    return 0;
}

/* --- numbers ----------------------------------------------------------------------------- */

static int put_stop(struct writing *w)
{
    for (size_t i = 0; i < w->r->stop_count; i++) {
        buf_puts(w->out, i > 0 ? "," : ",\"stop\":[");
        buf_put_json(w->out, w->r->stop[i]);
    }
    buf_puts(w->out, w->r->stop_count > 0 ? "]" : "");
    return 0;
}

static int put_penalties(struct writing *w)
{
    const struct message_request *r = w->r;
    if (!w->quirk->no_penalties) {
        wire_put_num_member(w->out, "presence_penalty", r->presence_penalty);
        wire_put_num_member(w->out, "frequency_penalty", r->frequency_penalty);
        return 0;
    }
    int rc = 0;
    if (!isnan(r->presence_penalty)) {
        rc = message_drop(w->notes, w->err, "presence_penalty");
    }
    if (rc == 0 && !isnan(r->frequency_penalty)) {
        rc = message_drop(w->notes, w->err, "frequency_penalty");
    }
    return rc;
}

static int put_sampling(struct writing *w)
{
    const struct message_request *r = w->r;
    wire_put_num_member(w->out, "temperature", r->temperature);
    wire_put_num_member(w->out, "top_p", r->top_p);
    int rc = put_penalties(w);
    if (rc == 0 && r->top_k >= 0) {
        if (w->quirk->top_k) {
            wire_put_i64_member(w->out, "top_k", r->top_k, -1);
        } else {
            rc = message_drop(w->notes, w->err, "top_k");
        }
    }
    if (rc == 0 && r->has_seed) {
        if (w->quirk->no_seed) {
            rc = message_drop(w->notes, w->err, "seed");
        } else {
            const char *name = w->quirk->seed_name ? w->quirk->seed_name : "seed";
            /* Every number is a seed: none stands for "not given". */
            wire_put_i64_member(w->out, name, r->seed, r->seed == 0 ? 1 : 0);
        }
    }
    /* Whatever the target could do: an answer has no place for them (message.h). */
    if (rc == 0 && r->logprobs) {
        rc = message_drop(w->notes, w->err, "logprobs");
    }
    return rc;
}

static int put_limits(struct writing *w)
{
    const struct message_request *r = w->r;
    if (r->n > 1) {
        return message_refuse(w->notes, w->err, "one answer is translated, not several", "n");
    }
    wire_put_i64_member(
        w->out, w->quirk->max_name == QUIRK_MAX_TOKENS ? "max_tokens" : "max_completion_tokens",
        r->max_output, -1);
    if (r->stream) {
        buf_puts(w->out, ",\"stream\":true");
        if ((r->asks_usage || w->target->wants_usage) && !w->quirk->no_stream_options) {
            buf_puts(w->out, ",\"stream_options\":{\"include_usage\":true}");
        }
    }
    return 0;
}

/* --- thinking ---------------------------------------------------------------------------- */

static int put_effort(struct writing *w)
{
    const struct message_request *r = w->r;
    enum message_effort effort = r->effort;
    if (effort == MESSAGE_EFFORT_UNSET && r->thinking_budget > 0) {
        effort = message_budget_effort(r->thinking_budget);
        /* Few models know `minimal`, and a budget is a wish to think. */
        effort = effort < MESSAGE_EFFORT_LOW ? MESSAGE_EFFORT_LOW : effort;
    }
    if (effort != MESSAGE_EFFORT_UNSET) {
        wire_put_str_member(w->out, "reasoning_effort", str_of(wire_openai_effort(effort)));
    }
    return 0;
}

static int put_reasoning(struct writing *w)
{
    const struct message_request *r = w->r;
    struct buf *out = w->out;
    if (r->effort == MESSAGE_EFFORT_NONE || r->thinking_budget == 0) {
        buf_puts(out, ",\"reasoning\":{\"enabled\":false}");
        return 0;
    }
    buf_puts(out, ",\"reasoning\":{\"enabled\":true");
    if (r->effort != MESSAGE_EFFORT_UNSET) {
        wire_put_str_member(out, "effort", str_of(wire_openai_effort(r->effort)));
    } else {
        wire_put_i64_member(out, "max_tokens", r->thinking_budget, -1);
    }
    buf_puts(out, r->thinking_shown ? "}" : ",\"exclude\":true}");
    return 0;
}

static int put_thinking(struct writing *w)
{
    const struct message_request *r = w->r;
    if (r->effort == MESSAGE_EFFORT_UNSET && r->thinking_budget < 0 && !r->thinking_adaptive) {
        return 0;
    }
    switch (w->quirk->thinking) {
    case QUIRK_THINKING_EFFORT:
        return put_effort(w);
    case QUIRK_THINKING_OBJECT:
        return put_reasoning(w);
    case QUIRK_THINKING_NONE:
        break;
    }
    return message_drop(w->notes, w->err,
                        r->effort != MESSAGE_EFFORT_UNSET ? "reasoning_effort" : "thinking");
}

/* --- the rest ---------------------------------------------------------------------------- */

static bool is_tier(struct str name)
{
    static const char *const tiers[] = {"auto", "default", "flex", "scale", "priority", "fast"};
    for (size_t i = 0; i < ARRAY_LEN(tiers); i++) {
        if (str_is(name, tiers[i])) {
            return true;
        }
    }
    return false;
}

/* Members that only OpenAI's own API is sure to know. */
static int put_own(struct writing *w)
{
    const struct message_request *r = w->r;
    struct str tier = is_tier(r->service_tier) ? r->service_tier : STR_EMPTY;

    const struct {
        const char *name;
        struct str value;
        bool is_json;
    } own[] = {
        {"user",             r->user,       false},
        {"service_tier",     tier,          false},
        {"prompt_cache_key", r->cache_key,  false},
        {"verbosity",        r->verbosity,  false},
        {"logit_bias",       r->logit_bias, true },
    };

    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        int rc = 0;
        if (own[i].value.n == 0) {
            continue;
        }
        if (w->quirk->bare) {
            rc = message_drop(w->notes, w->err, "%s", own[i].name);
        } else if (own[i].is_json) {
            buf_putf(w->out, ",\"%s\":", own[i].name);
            buf_put_str(w->out, own[i].value);
        } else {
            wire_put_str_member(w->out, own[i].name, own[i].value);
        }
        if (rc < 0) {
            return rc;
        }
    }
    if (r->service_tier.n > 0 && tier.n == 0) {
        return message_drop(w->notes, w->err, "service_tier");
    }
    /* Metadata belongs to what the provider stores, and nothing is stored. */
    return r->metadata.n > 0 ? message_drop(w->notes, w->err, "metadata") : 0;
}

int wire_chat_write_request(const struct message_request *request, const struct wire_target *target,
                            struct message_notes *notes, struct buf *out, struct error *err)
{
    static int (*const steps[])(struct writing *) = {
        put_tools, put_format, put_limits, put_stop, put_sampling, put_thinking, put_own,
    };
    struct writing w = {request, target->quirk, target, notes, err, out};
    buf_puts(out, "{\"model\":");
    buf_put_json(out, target->model);
    int rc = wire_chat_write_messages(request, target, notes, out, err);
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(steps); i++) {
        rc = steps[i](&w);
    }
    buf_putc(out, '}');
    if (rc == 0 && !buf_ok(out)) {
        return error_set(err, ERR_LIMIT, "the translated request is larger than %zu bytes",
                         out->max);
    }
    return rc;
}
