/*
 * A Responses request, read: everything but its items.
 */
#include "core/attr.h"
#include "llm/wire_responses.h"

#define ALLOWED_TOOLS_MAX 128

#define KEPT "it needs state on the provider's side"

/* What the API documents. */
static const struct wire_member members[] = {
    {"model",                  WIRE_READ,    NULL},
    {"input",                  WIRE_READ,    NULL},
    {"instructions",           WIRE_READ,    NULL},
    {"stream",                 WIRE_READ,    NULL},
    {"stream_options",         WIRE_IGNORED, NULL}, /* padding only */
    {"max_output_tokens",      WIRE_READ,    NULL},
    {"temperature",            WIRE_READ,    NULL},
    {"top_p",                  WIRE_READ,    NULL},
    {"top_logprobs",           WIRE_READ,    NULL},
    {"tools",                  WIRE_READ,    NULL},
    {"tool_choice",            WIRE_READ,    NULL},
    {"parallel_tool_calls",    WIRE_READ,    NULL},
    {"text",                   WIRE_READ,    NULL},
    {"reasoning",              WIRE_READ,    NULL},
    {"metadata",               WIRE_READ,    NULL},
    {"user",                   WIRE_READ,    NULL},
    {"safety_identifier",      WIRE_READ,    NULL},
    {"service_tier",           WIRE_READ,    NULL},
    {"prompt_cache_key",       WIRE_READ,    NULL},
    {"include",                WIRE_READ,    NULL},
    {"truncation",             WIRE_READ,    NULL},
    {"store",                  WIRE_DROPPED, NULL},
    {"max_tool_calls",         WIRE_DROPPED, NULL}, /* counts calls of hosted tools */
    {"prompt_cache_retention", WIRE_DROPPED, NULL},
    {"prompt_cache_options",   WIRE_DROPPED, NULL},
    {"context_management",     WIRE_DROPPED, NULL},
    {"moderation",             WIRE_DROPPED, NULL},
    {"access_programs",        WIRE_DROPPED, NULL},
    {"background_options",     WIRE_DROPPED, NULL},
    {"image",                  WIRE_DROPPED, NULL},
    {"previous_response_id",   WIRE_REFUSED, KEPT},
    {"conversation",           WIRE_REFUSED, KEPT},
    {"background",             WIRE_REFUSED, KEPT},
    {"prompt",                 WIRE_REFUSED, KEPT},
    {NULL,                     WIRE_READ,    NULL},
};

static const struct wire_member tool_members[] = {
    {"type",          WIRE_READ, NULL},
    {"name",          WIRE_READ, NULL},
    {"description",   WIRE_READ, NULL},
    {"parameters",    WIRE_READ, NULL},
    {"strict",        WIRE_READ, NULL},
    {"cache_control", WIRE_READ, NULL},
    {NULL,            WIRE_READ, NULL},
};

static const struct wire_member text_members[] = {
    {"format",    WIRE_READ, NULL},
    {"verbosity", WIRE_READ, NULL},
    {NULL,        WIRE_READ, NULL},
};

static const struct wire_member reasoning_members[] = {
    {"effort",           WIRE_READ, NULL},
    {"summary",          WIRE_READ, NULL},
    {"generate_summary", WIRE_READ, NULL},
    {NULL,               WIRE_READ, NULL},
};

struct reading {
    struct wire_at at;
    yyjson_val *body;
    struct message_request *r;
};

/* --- tools ------------------------------------------------------------------------------- */

static int read_tool(const struct wire_at *at, yyjson_val *from, struct message_tool *tool)
{
    struct str type = json_get_str(from, "type");
    /* Left out, the API means strict; what a schema does not allow there is adapted silently, so
     * it is not asked of others. */
    tool->strict = -1;
    if (!str_is(type, "function")) {
        return type.n > 0 ? wire_refuse(at, "type",
                                        "tools on the provider's side and tools other "
                                        "than functions are not translated")
                          : wire_invalid(at, "type", "\"function\"");
    }
    int rc = wire_check_members(at, from, tool_members);
    rc = rc < 0 ? rc : wire_get_str(at, from, "name", &tool->name);
    rc = rc < 0 ? rc : wire_get_str(at, from, "description", &tool->description);
    rc = rc < 0 ? rc : wire_get_json(at, from, "parameters", &tool->schema);
    rc = rc < 0 ? rc : wire_get_flag(at, from, "strict", &tool->strict);
    rc = rc < 0 ? rc : wire_openai_get_cache(at, from, &tool->cache);
    return rc < 0 || tool->name.n > 0 ? rc : wire_invalid(at, "name", "the name of a function");
}

static int read_tools(struct reading *x)
{
    yyjson_val *all = NULL;
    yyjson_val *from = NULL;
    size_t i = 0;
    size_t n = 0;
    int rc = wire_get_arr(&x->at, x->body, "tools", &all);
    x->r->tools = ARENA_ARRAY(x->at.notes->arena, struct message_tool, yyjson_arr_size(all) + 1);
    yyjson_arr_foreach(all, i, n, from)
    {
        struct wire_at inner = wire_at_element(&x->at, "tools", i);
        rc = rc < 0 ? rc : read_tool(&inner, from, &x->r->tools[x->r->tool_count++]);
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
        if (str_eq(json_get_str(from, "name"), name)) {
            return true;
        }
    }
    return false;
}

/* Of all tools only these may be called: the others are not told to the model. */
static int read_allowed(struct reading *x, yyjson_val *choice)
{
    struct wire_at at = wire_at_member(&x->at, "tool_choice");
    struct str mode = json_get_str(choice, "mode");
    yyjson_val *list = NULL;
    size_t kept = 0;
    int rc = wire_get_arr(&at, choice, "tools", &list);
    if (rc < 0) {
        return rc;
    }
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

static int read_choice_word(struct reading *x, struct str word)
{
    if (str_is(word, "auto")) {
        x->r->choice = MESSAGE_CHOICE_AUTO;
    } else if (str_is(word, "none")) {
        x->r->choice = MESSAGE_CHOICE_NONE;
    } else if (str_is(word, "required")) {
        x->r->choice = MESSAGE_CHOICE_ANY;
    } else {
        return wire_invalid(&x->at, "tool_choice",
                            "auto, none, required or an object that names a tool");
    }
    return 0;
}

static int read_choice(struct reading *x)
{
    yyjson_val *choice = yyjson_obj_get(x->body, "tool_choice");
    struct str type = json_get_str(choice, "type");
    if (!choice || yyjson_is_null(choice)) {
        return 0;
    }
    if (yyjson_is_str(choice)) {
        return read_choice_word(x, json_str(choice));
    }
    if (str_is(type, "allowed_tools")) {
        return read_allowed(x, choice);
    }
    if (type.n > 0 && !str_is(type, "function")) {
        return wire_refuse(&x->at, "tool_choice.type",
                           "tools other than functions are not translated");
    }
    x->r->choice = MESSAGE_CHOICE_TOOL;
    x->r->choice_name = json_get_str(choice, "name");
    return x->r->choice_name.n > 0 ? 0 : wire_invalid(&x->at, "tool_choice", "the name of a tool");
}

/* --- the rest ---------------------------------------------------------------------------- */

static int read_schema(struct reading *x, const struct wire_at *at, yyjson_val *format)
{
    struct message_request *r = x->r;
    r->format = MESSAGE_FORMAT_SCHEMA;
    int rc = wire_get_str(at, format, "name", &r->schema_name);
    rc = rc < 0 ? rc : wire_get_str(at, format, "description", &r->schema_description);
    rc = rc < 0 ? rc : wire_get_flag(at, format, "strict", &r->schema_strict);
    rc = rc < 0 ? rc : wire_get_json(at, format, "schema", &r->schema);
    return rc < 0 || r->schema.n > 0 ? rc : wire_invalid(at, "schema", "a JSON schema");
}

static int read_text(struct reading *x)
{
    struct wire_at at = wire_at_member(&x->at, "text");
    struct wire_at inner = wire_at_member(&at, "format");
    yyjson_val *text = NULL;
    yyjson_val *format = NULL;
    int rc = wire_get_obj(&x->at, x->body, "text", &text);
    rc = rc < 0 || !text ? rc : wire_check_members(&at, text, text_members);
    rc = rc < 0 ? rc : wire_get_str(&at, text, "verbosity", &x->r->verbosity);
    rc = rc < 0 ? rc : wire_get_obj(&at, text, "format", &format);
    if (rc < 0 || !format) {
        return rc;
    }
    struct str type = json_get_str(format, "type");
    if (str_is(type, "json_schema")) {
        return read_schema(x, &inner, format);
    }
    if (str_is(type, "json_object")) {
        x->r->format = MESSAGE_FORMAT_JSON;
        return 0;
    }
    return str_is(type, "text")
               ? 0
               : wire_refuse(&inner, "type", "known are text, json_object and json_schema");
}

static int read_reasoning(struct reading *x)
{
    struct wire_at at = wire_at_member(&x->at, "reasoning");
    yyjson_val *object = NULL;
    struct str summary = STR_EMPTY;
    int rc = wire_get_obj(&x->at, x->body, "reasoning", &object);
    rc = rc < 0 || !object ? rc : wire_check_members(&at, object, reasoning_members);
    rc = rc < 0 ? rc : wire_openai_get_effort(&at, object, "effort", &x->r->effort);
    rc = rc < 0 ? rc : wire_get_str(&at, object, "generate_summary", &summary);
    rc = rc < 0 ? rc : wire_get_str(&at, object, "summary", &summary);
    x->r->thinking_shown = summary.n > 0;
    return rc;
}

static int read_numbers(struct reading *x)
{
    const struct wire_at *at = &x->at;
    struct message_request *r = x->r;
    int rc = wire_get_bool(at, x->body, "stream", &r->stream);
    rc = rc < 0 ? rc : wire_get_i64(at, x->body, "max_output_tokens", 1, &r->max_output);
    rc = rc < 0 ? rc : wire_get_num(at, x->body, "temperature", &r->temperature);
    rc = rc < 0 ? rc : wire_get_num(at, x->body, "top_p", &r->top_p);
    rc = rc < 0 ? rc : wire_get_i64(at, x->body, "top_logprobs", 0, &r->top_logprobs);
    rc = rc < 0 ? rc : wire_get_flag(at, x->body, "parallel_tool_calls", &r->parallel_calls);
    r->logprobs = r->top_logprobs > 0;
    /* The API's streams end with usage always. */
    r->asks_usage = r->stream;
    return rc;
}

static int read_identity(struct reading *x)
{
    const struct wire_at *at = &x->at;
    struct message_request *r = x->r;
    int rc = wire_get_str(at, x->body, "model", &r->model);
    rc = rc < 0 ? rc : wire_get_str(at, x->body, "user", &r->user);
    rc = rc < 0 ? rc : wire_get_str(at, x->body, "safety_identifier", &r->user);
    rc = rc < 0 ? rc : wire_get_json(at, x->body, "metadata", &r->metadata);
    rc = rc < 0 ? rc : wire_get_str(at, x->body, "service_tier", &r->service_tier);
    return rc < 0 ? rc : wire_get_str(at, x->body, "prompt_cache_key", &r->cache_key);
}

/* Encrypted reasoning is given whenever there is any; the rest is of hosted tools, or
 * probabilities. */
static int read_include(struct reading *x)
{
    yyjson_val *all = NULL;
    yyjson_val *from = NULL;
    size_t i = 0;
    size_t n = 0;
    int rc = wire_get_arr(&x->at, x->body, "include", &all);
    yyjson_arr_foreach(all, i, n, from)
    {
        if (rc == 0 && !str_is(json_str(from), "reasoning.encrypted_content")) {
            struct wire_at at = wire_at_element(&x->at, "include", i);
            rc = wire_drop(&at, NULL);
        }
    }
    return rc;
}

static int read_truncation(struct reading *x)
{
    struct str word = STR_EMPTY;
    int rc = wire_get_str(&x->at, x->body, "truncation", &word);
    return rc < 0 || word.n == 0 || str_is(word, "disabled") ? rc : wire_drop(&x->at, "truncation");
}

int wire_responses_read_request(struct str body, struct message_notes *notes,
                                struct message_request *ret_request, struct error *err)
{
    static int (*const steps[])(struct reading *) = {
        read_identity,  read_tools,   read_choice,  read_text,
        read_reasoning, read_numbers, read_include, read_truncation,
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
    rc = rc < 0 ? rc : wire_responses_read_input(&x.at, x.body, &r);
    if (rc == 0) {
        *ret_request = r;
    }
    return rc;
}
