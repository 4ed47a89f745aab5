/*
 * A chat request, read: everything but its messages.
 */
#include "core/attr.h"
#include "llm/wire_chat.h"

#define ALLOWED_TOOLS_MAX 128

/* What the API documents, and what servers that speak it have added. */
static const struct wire_member members[] = {
    {"model",                  WIRE_READ,    NULL                                   },
    {"messages",               WIRE_READ,    NULL                                   },
    {"stream",                 WIRE_READ,    NULL                                   },
    {"stream_options",         WIRE_READ,    NULL                                   },
    {"tools",                  WIRE_READ,    NULL                                   },
    {"tool_choice",            WIRE_READ,    NULL                                   },
    {"parallel_tool_calls",    WIRE_READ,    NULL                                   },
    {"functions",              WIRE_READ,    NULL                                   },
    {"function_call",          WIRE_READ,    NULL                                   },
    {"response_format",        WIRE_READ,    NULL                                   },
    {"max_completion_tokens",  WIRE_READ,    NULL                                   },
    {"max_tokens",             WIRE_READ,    NULL                                   },
    {"n",                      WIRE_READ,    NULL                                   },
    {"stop",                   WIRE_READ,    NULL                                   },
    {"temperature",            WIRE_READ,    NULL                                   },
    {"top_p",                  WIRE_READ,    NULL                                   },
    {"presence_penalty",       WIRE_READ,    NULL                                   },
    {"frequency_penalty",      WIRE_READ,    NULL                                   },
    {"seed",                   WIRE_READ,    NULL                                   },
    {"logprobs",               WIRE_READ,    NULL                                   },
    {"top_logprobs",           WIRE_READ,    NULL                                   },
    {"logit_bias",             WIRE_READ,    NULL                                   },
    {"reasoning_effort",       WIRE_READ,    NULL                                   },
    {"verbosity",              WIRE_READ,    NULL                                   },
    {"user",                   WIRE_READ,    NULL                                   },
    {"safety_identifier",      WIRE_READ,    NULL                                   },
    {"metadata",               WIRE_READ,    NULL                                   },
    {"service_tier",           WIRE_READ,    NULL                                   },
    {"prompt_cache_key",       WIRE_READ,    NULL                                   },
    {"modalities",             WIRE_READ,    NULL                                   },
    {"audio",                  WIRE_REFUSED, "answers in sound are not translated"  },
    {"web_search_options",     WIRE_REFUSED, "it is a tool on the provider's side"  },
    {"prediction",             WIRE_DROPPED, NULL                                   },
    {"store",                  WIRE_DROPPED, NULL                                   },
    {"prompt_cache_retention", WIRE_DROPPED, NULL                                   },
    {"prompt_cache_options",   WIRE_DROPPED, NULL                                   },
    {"moderation",             WIRE_DROPPED, NULL                                   },
 /* Not OpenAI's: vLLM, Groq, DeepSeek, Qwen, OpenRouter. */
    {"top_k",                  WIRE_READ,    NULL                                   },
    {"reasoning",              WIRE_READ,    NULL                                   },
    {"include_reasoning",      WIRE_READ,    NULL                                   },
    {"thinking",               WIRE_READ,    NULL                                   },
    {"plugins",                WIRE_REFUSED, "they are tools on the provider's side"},
    {NULL,                     WIRE_READ,    NULL                                   },
};

static const struct wire_member tool_members[] = {
    {"type",          WIRE_READ, NULL},
    {"function",      WIRE_READ, NULL},
    {"cache_control", WIRE_READ, NULL},
    {NULL,            WIRE_READ, NULL},
};

static const struct wire_member function_members[] = {
    {"name",        WIRE_READ, NULL},
    {"description", WIRE_READ, NULL},
    {"parameters",  WIRE_READ, NULL},
    {"strict",      WIRE_READ, NULL},
    {NULL,          WIRE_READ, NULL},
};

static const struct wire_member reasoning_members[] = {
    {"effort",     WIRE_READ,    NULL},
    {"max_tokens", WIRE_READ,    NULL},
    {"exclude",    WIRE_READ,    NULL},
    {"enabled",    WIRE_READ,    NULL},
    {"summary",    WIRE_IGNORED, NULL}, /* how long it is to be */
    {NULL,         WIRE_READ,    NULL},
};

struct reading {
    struct wire_at at;
    yyjson_val *body;
    struct message_request *r;
};

/* --- tools ------------------------------------------------------------------------------- */

static int read_function(const struct wire_at *at, yyjson_val *function, struct message_tool *tool)
{
    tool->strict = -1;
    int rc = wire_check_members(at, function, function_members);
    rc = rc < 0 ? rc : wire_get_str(at, function, "name", &tool->name);
    rc = rc < 0 ? rc : wire_get_str(at, function, "description", &tool->description);
    rc = rc < 0 ? rc : wire_get_json(at, function, "parameters", &tool->schema);
    rc = rc < 0 ? rc : wire_get_flag(at, function, "strict", &tool->strict);
    if (rc == 0 && tool->name.n == 0) {
        return wire_invalid(at, "name", "the name of a function");
    }
    return rc;
}

static int read_tool(const struct wire_at *at, yyjson_val *from, struct message_tool *tool)
{
    struct wire_at inner = wire_at_member(at, "function");
    yyjson_val *function = NULL;
    struct str type = json_get_str(from, "type");
    if (!str_is(type, "function")) {
        return type.n > 0 ? wire_refuse(at, "type", "tools other than functions are not translated")
                          : wire_invalid(at, "type", "\"function\"");
    }
    int rc = wire_check_members(at, from, tool_members);
    rc = rc < 0 ? rc : wire_get_obj(at, from, "function", &function);
    rc = rc < 0 ? rc : read_function(&inner, function, tool);
    return rc < 0 ? rc : wire_openai_get_cache(at, from, &tool->cache);
}

static int read_tools(struct reading *x)
{
    yyjson_val *all = NULL;
    yyjson_val *from = NULL;
    size_t i = 0;
    size_t n = 0;
    int rc = wire_get_arr(&x->at, x->body, "tools", &all);
    const char *key = "tools";
    if (rc == 0 && !all) {
        key = "functions";
        rc = wire_get_arr(&x->at, x->body, key, &all);
        x->r->legacy_calls = yyjson_arr_size(all) > 0;
    }
    x->r->tools = ARENA_ARRAY(x->at.notes->arena, struct message_tool, yyjson_arr_size(all) + 1);
    yyjson_arr_foreach(all, i, n, from)
    {
        struct wire_at inner = wire_at_element(&x->at, key, i);
        struct message_tool *tool = &x->r->tools[x->r->tool_count++];
        rc = rc < 0 ? rc
                    : (x->r->legacy_calls ? read_function(&inner, from, tool)
                                          : read_tool(&inner, from, tool));
    }
    return rc;
}

static bool is_named(yyjson_val *list, struct str name)
{
    size_t i = 0;
    size_t n = 0;
    yyjson_val *from = NULL;
    yyjson_arr_foreach(list, i, n, from)
    {
        if (str_eq(json_get_str(yyjson_obj_get(from, "function"), "name"), name)) {
            return true;
        }
    }
    return false;
}

/* Of all tools only these may be called: the others are not told to the model. */
static int read_allowed(struct reading *x, yyjson_val *choice)
{
    struct wire_at at = wire_at_member(&x->at, "tool_choice");
    yyjson_val *allowed = NULL;
    yyjson_val *list = NULL;
    size_t kept = 0;
    int rc = wire_get_obj(&at, choice, "allowed_tools", &allowed);
    at = wire_at_member(&at, "allowed_tools");
    rc = rc < 0 ? rc : wire_get_arr(&at, allowed, "tools", &list);
    if (rc < 0) {
        return rc;
    }
    struct str mode = json_get_str(allowed, "mode");
    if (!str_is(mode, "auto") && !str_is(mode, "required")) {
        return wire_invalid(&at, "mode", "auto or required");
    }
    if (yyjson_arr_size(list) > ALLOWED_TOOLS_MAX) {
        return wire_invalid(&at, "tools", "shorter: 128 tools at most");
    }
    for (size_t i = 0; i < x->r->tool_count; i++) {
        if (is_named(list, x->r->tools[i].name)) {
            x->r->tools[kept++] = x->r->tools[i];
        }
    }
    if (kept == 0) {
        return wire_invalid(&at, "tools", "names of tools of this request");
    }
    x->r->tool_count = kept;
    x->r->choice = str_is(mode, "required") ? MESSAGE_CHOICE_ANY : MESSAGE_CHOICE_AUTO;
    return 0;
}

static const struct {
    const char *name;
    enum message_choice choice;
} choices[] = {
    {"auto",     MESSAGE_CHOICE_AUTO},
    {"none",     MESSAGE_CHOICE_NONE},
    {"required", MESSAGE_CHOICE_ANY },
    {"any",      MESSAGE_CHOICE_ANY }, /* Mistral's */
};

static int read_choice_word(struct reading *x, const char *key, struct str word)
{
    for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
        if (str_is(word, choices[i].name)) {
            x->r->choice = choices[i].choice;
            return 0;
        }
    }
    return wire_invalid(&x->at, key, "auto, none, required or an object that names a tool");
}

static int read_choice(struct reading *x)
{
    const char *key = x->r->legacy_calls ? "function_call" : "tool_choice";
    yyjson_val *choice = yyjson_obj_get(x->body, key);
    if (!choice || yyjson_is_null(choice)) {
        return 0;
    }
    if (yyjson_is_str(choice)) {
        return read_choice_word(x, key, json_str(choice));
    }
    struct str type = json_get_str(choice, "type");
    if (str_is(type, "allowed_tools")) {
        return read_allowed(x, choice);
    }
    if (type.n > 0 && !str_is(type, "function")) {
        return wire_refuse(&x->at, "tool_choice.type",
                           "tools other than functions are not translated");
    }
    yyjson_val *named = x->r->legacy_calls ? choice : yyjson_obj_get(choice, "function");
    x->r->choice = MESSAGE_CHOICE_TOOL;
    x->r->choice_name = json_get_str(named, "name");
    return x->r->choice_name.n > 0 ? 0 : wire_invalid(&x->at, key, "the name of a tool");
}

/* --- the rest ---------------------------------------------------------------------------- */

static int read_format(struct reading *x)
{
    struct wire_at at = wire_at_member(&x->at, "response_format");
    yyjson_val *format = NULL;
    yyjson_val *schema = NULL;
    int rc = wire_get_obj(&x->at, x->body, "response_format", &format);
    if (rc < 0 || !format) {
        return rc;
    }
    struct str type = json_get_str(format, "type");
    if (str_is(type, "text")) {
        return 0;
    }
    if (str_is(type, "json_object")) {
        x->r->format = MESSAGE_FORMAT_JSON;
        return 0;
    }
    if (!str_is(type, "json_schema")) {
        return wire_refuse(&at, "type", "known are text, json_object and json_schema");
    }
    rc = wire_get_obj(&at, format, "json_schema", &schema);
    at = wire_at_member(&at, "json_schema");
    x->r->format = MESSAGE_FORMAT_SCHEMA;
    rc = rc < 0 ? rc : wire_get_str(&at, schema, "name", &x->r->schema_name);
    rc = rc < 0 ? rc : wire_get_str(&at, schema, "description", &x->r->schema_description);
    rc = rc < 0 ? rc : wire_get_flag(&at, schema, "strict", &x->r->schema_strict);
    rc = rc < 0 ? rc : wire_get_json(&at, schema, "schema", &x->r->schema);
    return rc < 0 || x->r->schema.n > 0 ? rc : wire_invalid(&at, "schema", "a JSON schema");
}

static int read_stop(struct reading *x)
{
    yyjson_val *stop = yyjson_obj_get(x->body, "stop");
    size_t i = 0;
    size_t n = 0;
    yyjson_val *from = NULL;
    if (yyjson_is_str(stop)) {
        x->r->stop[x->r->stop_count++] = json_str(stop);
        return 0;
    }
    if (stop && !yyjson_is_null(stop) &&
        (!yyjson_is_arr(stop) || yyjson_arr_size(stop) > MESSAGE_STOP_MAX)) {
        return wire_invalid(&x->at, "stop", "a string or an array of at most 64 strings");
    }
    yyjson_arr_foreach(stop, i, n, from)
    {
        if (!yyjson_is_str(from)) {
            return wire_invalid(&x->at, "stop", "a string or an array of strings");
        }
        x->r->stop[x->r->stop_count++] = json_str(from);
    }
    return 0;
}

static int read_stream(struct reading *x)
{
    struct wire_at at = wire_at_member(&x->at, "stream_options");
    yyjson_val *options = NULL;
    int rc = wire_get_bool(&x->at, x->body, "stream", &x->r->stream);
    rc = rc < 0 ? rc : wire_get_obj(&x->at, x->body, "stream_options", &options);
    rc = rc < 0 ? rc : wire_get_bool(&at, options, "include_usage", &x->r->asks_usage);
    x->r->asks_usage = x->r->asks_usage && x->r->stream;
    return rc;
}

static int read_numbers(struct reading *x)
{
    const struct wire_at *at = &x->at;
    struct message_request *r = x->r;
    int64_t seed = INT64_MIN;
    int rc = wire_get_i64(at, x->body, "max_tokens", 1, &r->max_output);
    rc = rc < 0 ? rc : wire_get_i64(at, x->body, "max_completion_tokens", 1, &r->max_output);
    rc = rc < 0 ? rc : wire_get_i64(at, x->body, "n", 1, &r->n);
    rc = rc < 0 ? rc : wire_get_num(at, x->body, "temperature", &r->temperature);
    rc = rc < 0 ? rc : wire_get_num(at, x->body, "top_p", &r->top_p);
    rc = rc < 0 ? rc : wire_get_num(at, x->body, "presence_penalty", &r->presence_penalty);
    rc = rc < 0 ? rc : wire_get_num(at, x->body, "frequency_penalty", &r->frequency_penalty);
    rc = rc < 0 ? rc : wire_get_i64(at, x->body, "top_k", -1, &r->top_k);
    rc = rc < 0 ? rc : wire_get_i64(at, x->body, "seed", INT64_MIN, &seed);
    rc = rc < 0 ? rc : wire_get_bool(at, x->body, "logprobs", &r->logprobs);
    rc = rc < 0 ? rc : wire_get_i64(at, x->body, "top_logprobs", 0, &r->top_logprobs);
    rc = rc < 0 ? rc : wire_get_flag(at, x->body, "parallel_tool_calls", &r->parallel_calls);
    r->has_seed = seed != INT64_MIN;
    r->seed = r->has_seed ? seed : 0;
    return rc;
}

/* OpenRouter's object. */
static int read_reasoning(struct reading *x)
{
    struct wire_at at = wire_at_member(&x->at, "reasoning");
    struct message_request *r = x->r;
    yyjson_val *object = NULL;
    bool excluded = false;
    int enabled = -1;
    int rc = wire_get_obj(&x->at, x->body, "reasoning", &object);
    if (rc < 0 || !object) {
        return rc;
    }
    rc = wire_check_members(&at, object, reasoning_members);
    rc = rc < 0 ? rc : wire_openai_get_effort(&at, object, "effort", &r->effort);
    rc = rc < 0 ? rc : wire_get_i64(&at, object, "max_tokens", 0, &r->thinking_budget);
    rc = rc < 0 ? rc : wire_get_bool(&at, object, "exclude", &excluded);
    rc = rc < 0 ? rc : wire_get_flag(&at, object, "enabled", &enabled);
    r->thinking_shown = !excluded && enabled != 0 && r->effort != MESSAGE_EFFORT_NONE;
    if (enabled == 0) {
        r->thinking_budget = 0;
    } else if (r->effort == MESSAGE_EFFORT_UNSET && r->thinking_budget < 0) {
        r->thinking_adaptive = enabled > 0;
    }
    return rc;
}

/* {"type":"enabled"|"disabled"|"adaptive","budget_tokens":N}, as several servers have taken over
 * from Anthropic's API. */
static int read_thinking_switch(struct reading *x)
{
    struct wire_at at = wire_at_member(&x->at, "thinking");
    struct message_request *r = x->r;
    yyjson_val *object = NULL;
    int rc = wire_get_obj(&x->at, x->body, "thinking", &object);
    if (rc < 0 || !object) {
        return rc;
    }
    struct str type = json_get_str(object, "type");
    if (str_is(type, "disabled")) {
        r->thinking_budget = 0;
        return 0;
    }
    if (!str_is(type, "enabled") && !str_is(type, "adaptive")) {
        return wire_invalid(&at, "type", "enabled, disabled or adaptive");
    }
    rc = wire_get_i64(&at, object, "budget_tokens", 1, &r->thinking_budget);
    r->thinking_adaptive = r->thinking_budget < 0;
    r->thinking_shown = true;
    return rc;
}

static int read_thinking(struct reading *x)
{
    bool included = false;
    int rc = wire_openai_get_effort(&x->at, x->body, "reasoning_effort", &x->r->effort);
    rc = rc < 0 ? rc : read_reasoning(x);
    rc = rc < 0 ? rc : read_thinking_switch(x);
    rc = rc < 0 ? rc : wire_get_bool(&x->at, x->body, "include_reasoning", &included);
    x->r->thinking_shown |= included;
    return rc < 0 ? rc : wire_get_str(&x->at, x->body, "verbosity", &x->r->verbosity);
}

static int read_identity(struct reading *x)
{
    const struct wire_at *at = &x->at;
    struct message_request *r = x->r;
    int rc = wire_get_str(at, x->body, "model", &r->model);
    rc = rc < 0 ? rc : wire_get_str(at, x->body, "user", &r->user);
    rc = rc < 0 ? rc : wire_get_str(at, x->body, "safety_identifier", &r->user);
    rc = rc < 0 ? rc : wire_get_json(at, x->body, "metadata", &r->metadata);
    rc = rc < 0 ? rc : wire_get_json(at, x->body, "logit_bias", &r->logit_bias);
    rc = rc < 0 ? rc : wire_get_str(at, x->body, "service_tier", &r->service_tier);
    return rc < 0 ? rc : wire_get_str(at, x->body, "prompt_cache_key", &r->cache_key);
}

static int read_modalities(struct reading *x)
{
    yyjson_val *all = NULL;
    yyjson_val *from = NULL;
    size_t i = 0;
    size_t n = 0;
    int rc = wire_get_arr(&x->at, x->body, "modalities", &all);
    yyjson_arr_foreach(all, i, n, from)
    {
        if (rc == 0 && !str_is(json_str(from), "text")) {
            rc = wire_refuse(&x->at, "modalities", "answers other than text are not translated");
        }
    }
    return rc;
}

int wire_chat_read_request(struct str body, struct message_notes *notes,
                           struct message_request *ret_request, struct error *err)
{
    static int (*const steps[])(struct reading *) = {
        read_identity, read_stream,  read_tools,    read_choice,     read_format,
        read_stop,     read_numbers, read_thinking, read_modalities,
    };
    struct message_request r;
    struct reading x = {.at = wire_at_top(notes, err), .r = &r};
    message_request_init(&r);
    x.body = wire_json_body(body, notes->arena, err);
    if (!x.body) {
        return ERR_INVALID;
    }
    int rc = wire_check_members(&x.at, x.body, members);
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(steps); i++) {
        rc = steps[i](&x);
    }
    rc = rc < 0 ? rc : wire_chat_read_messages(&x.at, x.body, &r);
    if (rc == 0) {
        *ret_request = r;
    }
    return rc;
}
