#include "llm/wire_messages.h"

static const char hosted_tool[] = "it runs at the provider or is known to its models only";
static const char provider_state[] = "it is kept at the provider";

/* --- known members ----------------------------------------------------------------------- */

/* Each member of the API is in one of these tables. */
static const struct wire_member request_members[] = {
    {"model",              WIRE_READ,    NULL          },
    {"messages",           WIRE_READ,    NULL          },
    {"system",             WIRE_READ,    NULL          },
    {"max_tokens",         WIRE_READ,    NULL          },
    {"stop_sequences",     WIRE_READ,    NULL          },
    {"stream",             WIRE_READ,    NULL          },
    {"temperature",        WIRE_READ,    NULL          },
    {"top_p",              WIRE_READ,    NULL          },
    {"top_k",              WIRE_READ,    NULL          },
    {"tools",              WIRE_READ,    NULL          },
    {"tool_choice",        WIRE_READ,    NULL          },
    {"thinking",           WIRE_READ,    NULL          },
    {"output_config",      WIRE_READ,    NULL          },
    {"output_format",      WIRE_READ,    NULL          },
    {"metadata",           WIRE_READ,    NULL          },
    {"service_tier",       WIRE_READ,    NULL          },
 /* Caches up to the last block that can be: other APIs do so unasked. */
    {"cache_control",      WIRE_DROPPED, NULL          },
    {"context_management", WIRE_DROPPED, NULL          },
    {"compaction",         WIRE_DROPPED, NULL          },
    {"inference_geo",      WIRE_DROPPED, NULL          },
    {"speed",              WIRE_DROPPED, NULL          },
    {"diagnostics",        WIRE_DROPPED, NULL          },
    {"fallbacks",          WIRE_DROPPED, NULL          },
    {"billing_policy",     WIRE_DROPPED, NULL          },
    {"user_profile_id",    WIRE_DROPPED, NULL          },
    {"workspace_id",       WIRE_DROPPED, NULL          },
    {"betas",              WIRE_DROPPED, NULL          },
    {"mcp_servers",        WIRE_REFUSED, hosted_tool   },
    {"container",          WIRE_REFUSED, provider_state},
    {"thread",             WIRE_REFUSED, provider_state},
    {NULL,                 WIRE_READ,    NULL          },
};

static const struct wire_member tool_members[] = {
    {"type",                  WIRE_READ,    NULL},
    {"name",                  WIRE_READ,    NULL},
    {"description",           WIRE_READ,    NULL},
    {"input_schema",          WIRE_READ,    NULL},
    {"strict",                WIRE_READ,    NULL},
    {"cache_control",         WIRE_READ,    NULL},
    {"allowed_callers",       WIRE_DROPPED, NULL},
    {"defer_loading",         WIRE_DROPPED, NULL},
    {"eager_input_streaming", WIRE_IGNORED, NULL},
    {"input_examples",        WIRE_DROPPED, NULL},
    {NULL,                    WIRE_READ,    NULL},
};

static const struct wire_member choice_members[] = {
    {"type",                      WIRE_READ, NULL},
    {"name",                      WIRE_READ, NULL},
    {"disable_parallel_tool_use", WIRE_READ, NULL},
    {NULL,                        WIRE_READ, NULL},
};

static const struct wire_member thinking_config_members[] = {
    {"type",          WIRE_READ, NULL},
    {"budget_tokens", WIRE_READ, NULL},
    {"display",       WIRE_READ, NULL},
    {NULL,            WIRE_READ, NULL},
};

static const struct wire_member output_config_members[] = {
    {"effort", WIRE_READ, NULL},
    {"format", WIRE_READ, NULL},
    {NULL,     WIRE_READ, NULL},
};

static const struct wire_member format_members[] = {
    {"type",   WIRE_READ, NULL},
    {"schema", WIRE_READ, NULL},
    {NULL,     WIRE_READ, NULL},
};

static const struct wire_member metadata_members[] = {
    {"user_id", WIRE_READ, NULL},
    {NULL,      WIRE_READ, NULL},
};

/* --- pieces ------------------------------------------------------------------------------ */

static yyjson_val *find_key(yyjson_val *object, const char *name)
{
    yyjson_obj_iter members = yyjson_obj_iter_with(object);
    yyjson_val *key = NULL;
    while ((key = yyjson_obj_iter_next(&members))) {
        if (yyjson_equals_str(key, name)) {
            return key;
        }
    }
    return NULL;
}

/* An object's bytes as they came. */
int wire_messages_get_raw(const struct wire_messages_reading *r, const struct wire_at *at,
                          yyjson_val *object, const char *key, struct str *ret_raw)
{
    yyjson_val *value = NULL;
    int rc = wire_get_obj(at, object, key, &value);
    if (rc == 0 && value) {
        *ret_raw = json_tree_raw(&r->tree, find_key(object, key));
    }
    return rc;
}

int wire_messages_get_needed(const struct wire_at *at, yyjson_val *object, const char *key,
                             struct str *ret_value)
{
    struct str value = STR_EMPTY;
    int rc = wire_get_str(at, object, key, &value);
    if (rc == 0 && value.n == 0) {
        return wire_invalid(at, key, "a string that is not empty");
    }
    *ret_value = value;
    return rc;
}

int wire_messages_read_cache(const struct wire_at *at, yyjson_val *object,
                             enum message_cache *ret_cache)
{
    yyjson_val *marker = NULL;
    int rc = wire_get_obj(at, object, "cache_control", &marker);
    if (rc == 0 && marker) {
        bool hour = str_is(json_get_str(marker, "ttl"), "1h");
        *ret_cache = hour ? MESSAGE_CACHE_1H : MESSAGE_CACHE_5M;
    }
    return rc;
}

/* --- tools ------------------------------------------------------------------------------- */

static int read_tool(struct wire_messages_reading *r, const struct wire_at *at, yyjson_val *object)
{
    struct message_tool *tool = &r->request->tools[r->request->tool_count++];
    struct str type = STR("custom");
    *tool = (struct message_tool){.strict = -1};
    if (!yyjson_is_obj(object)) {
        return wire_invalid(at, NULL, "an object");
    }
    int rc = wire_get_str(at, object, "type", &type);
    if (rc == 0 && !str_is(type, "custom")) {
        return wire_refuse(at, NULL, hosted_tool);
    }

    const struct {
        const char *key;
        struct str *value;
    } texts[] = {
        {"name",        &tool->name       },
        {"description", &tool->description},
    };

    rc = rc == 0 ? wire_check_members(at, object, tool_members) : rc;
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(texts); i++) {
        rc = wire_get_str(at, object, texts[i].key, texts[i].value);
    }
    if (rc == 0 && tool->name.n == 0) {
        return wire_invalid(at, "name", "a string that is not empty");
    }
    if (rc == 0) {
        rc = wire_get_flag(at, object, "strict", &tool->strict);
    }
    if (rc == 0) {
        rc = wire_messages_read_cache(at, object, &tool->cache);
    }
    return rc == 0 ? wire_messages_get_raw(r, at, object, "input_schema", &tool->schema) : rc;
}

static int read_tools(struct wire_messages_reading *r, const struct wire_at *at, yyjson_val *root)
{
    yyjson_val *list = NULL;
    yyjson_val *item = NULL;
    size_t i = 0;
    int rc = wire_get_arr(at, root, "tools", &list);
    if (rc != 0 || yyjson_arr_size(list) == 0) {
        return rc;
    }
    r->request->tools = ARENA_ARRAY(r->notes->arena, struct message_tool, yyjson_arr_size(list));
    yyjson_arr_iter items = yyjson_arr_iter_with(list);
    while (rc == 0 && (item = yyjson_arr_iter_next(&items))) {
        struct wire_at here = wire_at_element(at, "tools", i++);
        rc = read_tool(r, &here, item);
    }
    return rc;
}

static int read_choice(struct wire_messages_reading *r, const struct wire_at *top, yyjson_val *root)
{
    static const struct {
        const char *word;
        enum message_choice choice;
    } words[] = {
        {"auto", MESSAGE_CHOICE_AUTO},
        {"any",  MESSAGE_CHOICE_ANY },
        {"tool", MESSAGE_CHOICE_TOOL},
        {"none", MESSAGE_CHOICE_NONE},
    };
    struct wire_at at = wire_at_member(top, "tool_choice");
    yyjson_val *object = NULL;
    struct str type = STR_EMPTY;
    int serial = -1;
    int rc = wire_get_obj(top, root, "tool_choice", &object);
    if (rc != 0 || !object) {
        return rc;
    }
    if ((rc = wire_check_members(&at, object, choice_members)) != 0 ||
        (rc = wire_messages_get_needed(&at, object, "type", &type)) != 0 ||
        (rc = wire_get_flag(&at, object, "disable_parallel_tool_use", &serial)) != 0) {
        return rc;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_is(type, words[i].word)) {
            r->request->choice = words[i].choice;
        }
    }
    r->request->parallel_calls = serial < 0 ? -1 : !serial;
    if (r->request->choice == MESSAGE_CHOICE_UNSET) {
        return wire_invalid(&at, "type", "\"auto\", \"any\", \"tool\" or \"none\"");
    }
    return r->request->choice == MESSAGE_CHOICE_TOOL
               ? wire_messages_get_needed(&at, object, "name", &r->request->choice_name)
               : 0;
}

/* --- what else is asked for -------------------------------------------------------------- */

/* What is not said of `display` differs by model; most show their thinking. */
static int read_thinking_config(struct wire_messages_reading *r, const struct wire_at *top,
                                yyjson_val *root)
{
    struct wire_at at = wire_at_member(top, "thinking");
    yyjson_val *object = NULL;
    struct str type = STR_EMPTY;
    struct str display = STR_EMPTY;
    int64_t budget = -1;
    int rc = wire_get_obj(top, root, "thinking", &object);
    if (rc != 0 || !object) {
        return rc;
    }
    if ((rc = wire_check_members(&at, object, thinking_config_members)) != 0 ||
        (rc = wire_messages_get_needed(&at, object, "type", &type)) != 0 ||
        (rc = wire_get_i64(&at, object, "budget_tokens", 1, &budget)) != 0 ||
        (rc = wire_get_str(&at, object, "display", &display)) != 0) {
        return rc;
    }
    if (str_is(type, "disabled")) {
        r->request->thinking_budget = 0;
    } else if (str_is(type, "adaptive")) {
        r->request->thinking_adaptive = true;
    } else if (!str_is(type, "enabled")) {
        return wire_drop(top, "thinking");
    } else if (budget < 0) {
        return wire_invalid(&at, "budget_tokens", "a whole number, 1 or more");
    } else {
        r->request->thinking_budget = budget;
    }
    r->request->thinking_shown = !str_is(type, "disabled") && !str_is(display, "omitted");
    return 0;
}

static int read_format(struct wire_messages_reading *r, const struct wire_at *top, yyjson_val *root,
                       const char *key)
{
    struct wire_at at = wire_at_member(top, key);
    yyjson_val *object = NULL;
    struct str type = STR_EMPTY;
    int rc = wire_get_obj(top, root, key, &object);
    if (rc != 0 || !object) {
        return rc;
    }
    rc = wire_check_members(&at, object, format_members);
    if (rc == 0) {
        rc = wire_messages_get_needed(&at, object, "type", &type);
    }
    if (rc == 0 && !str_is(type, "json_schema")) {
        return wire_invalid(&at, "type", "\"json_schema\"");
    }
    r->request->format = MESSAGE_FORMAT_SCHEMA;
    r->request->schema_strict = 1; /* this API knows no other */
    rc = rc == 0 ? wire_messages_get_raw(r, &at, object, "schema", &r->request->schema) : rc;
    return rc == 0 && r->request->schema.n == 0 ? wire_invalid(&at, "schema", "an object") : rc;
}

static int read_output_config(struct wire_messages_reading *r, const struct wire_at *top,
                              yyjson_val *root)
{
    static const struct {
        const char *word;
        enum message_effort effort;
    } words[] = {
        {"low",    MESSAGE_EFFORT_LOW   },
        {"medium", MESSAGE_EFFORT_MEDIUM},
        {"high",   MESSAGE_EFFORT_HIGH  },
        {"xhigh",  MESSAGE_EFFORT_MAX   },
        {"max",    MESSAGE_EFFORT_MAX   },
    };
    struct wire_at at = wire_at_member(top, "output_config");
    yyjson_val *object = NULL;
    struct str effort = STR_EMPTY;
    int rc = wire_get_obj(top, root, "output_config", &object);
    if (rc != 0 || !object) {
        return rc;
    }
    if ((rc = wire_check_members(&at, object, output_config_members)) != 0 ||
        (rc = wire_get_str(&at, object, "effort", &effort)) != 0) {
        return rc;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_is(effort, words[i].word)) {
            r->request->effort = words[i].effort;
        }
    }
    if (effort.n > 0 && r->request->effort == MESSAGE_EFFORT_UNSET) {
        rc = wire_drop(&at, "effort");
    }
    return rc == 0 ? read_format(r, &at, object, "format") : rc;
}

static int read_metadata(struct wire_messages_reading *r, const struct wire_at *top,
                         yyjson_val *root)
{
    struct wire_at at = wire_at_member(top, "metadata");
    yyjson_val *object = NULL;
    int rc = wire_get_obj(top, root, "metadata", &object);
    if (rc != 0 || !object) {
        return rc;
    }
    rc = wire_check_members(&at, object, metadata_members);
    return rc == 0 ? wire_get_str(&at, object, "user_id", &r->request->user) : rc;
}

static int read_stops(struct wire_messages_reading *r, const struct wire_at *at, yyjson_val *root)
{
    yyjson_val *list = NULL;
    yyjson_val *item = NULL;
    int rc = wire_get_arr(at, root, "stop_sequences", &list);
    if (rc == 0 && yyjson_arr_size(list) > MESSAGE_STOP_MAX) {
        return wire_invalid(at, "stop_sequences", "a list of at most 64 strings");
    }
    yyjson_arr_iter items = yyjson_arr_iter_with(list);
    while (rc == 0 && (item = yyjson_arr_iter_next(&items))) {
        if (!yyjson_is_str(item)) {
            return wire_invalid(at, "stop_sequences", "a list of at most 64 strings");
        }
        r->request->stop[r->request->stop_count++] = json_str(item);
    }
    return rc;
}

static int read_scalars(struct wire_messages_reading *r, const struct wire_at *at, yyjson_val *root)
{
    struct message_request *q = r->request;
    struct str tier = STR_EMPTY;
    int rc = 0;
    if ((rc = wire_messages_get_needed(at, root, "model", &q->model)) != 0 ||
        (rc = wire_get_i64(at, root, "max_tokens", 1, &q->max_output)) != 0 ||
        (rc = wire_get_bool(at, root, "stream", &q->stream)) != 0 ||
        (rc = wire_get_num(at, root, "temperature", &q->temperature)) != 0 ||
        (rc = wire_get_num(at, root, "top_p", &q->top_p)) != 0 ||
        (rc = wire_get_i64(at, root, "top_k", 0, &q->top_k)) != 0 ||
        (rc = wire_get_str(at, root, "service_tier", &tier)) != 0) {
        return rc;
    }
    if (q->max_output < 0) {
        return wire_invalid(at, "max_tokens", "a whole number, 1 or more");
    }
    q->asks_usage = q->stream; /* every stream of this API tells it */
    q->service_tier = wire_messages_tier_asked(tier);
    return tier.n > 0 && q->service_tier.n == 0 ? wire_drop(at, "service_tier") : 0;
}

int wire_messages_read_request(struct str body, struct message_notes *notes,
                               struct message_request *ret_request, struct error *err)
{
    static int (*const steps[])(struct wire_messages_reading * r, const struct wire_at *at,
                                yyjson_val *root) = {
        read_scalars, read_stops,           wire_messages_read_messages, read_tools,
        read_choice,  read_thinking_config, read_output_config,          read_metadata,
    };
    struct wire_messages_reading r = {.notes = notes, .request = ret_request, .err = err};
    struct wire_at top = wire_at_top(notes, err);
    message_request_init(ret_request);
    int rc = json_tree_parse(body, notes->arena, &r.tree, err);
    if (rc == 0 && !yyjson_is_obj(r.tree.root)) {
        return error_set(err, ERR_INVALID, "the body must be a JSON object");
    }
    rc = rc == 0 ? wire_check_members(&top, r.tree.root, request_members) : rc;
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(steps); i++) {
        rc = steps[i](&r, &top, r.tree.root);
    }
    return rc == 0 ? read_format(&r, &top, r.tree.root, "output_format") : rc;
}
