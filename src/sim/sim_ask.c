#include "sim/sim_ask.h"

#include <stdarg.h>

#include "core/hash.h"
#include "core/rand.h"
#include "llm/token.h"

/* A string this long without a space near its start is data (an image, a file), not text. */
#define OPAQUE_BYTES  1024
#define OPAQUE_LOOK   256
#define OPAQUE_TOKENS 85

struct reader {
    struct arena *arena;
    struct sim_ask *ask;
    struct sim_refusal *refusal;
    yyjson_val *object; /* where parameters are looked up */
    bool anthropic, gemini;
};

int sim_refuse(struct sim_refusal *refusal, int status, const char *code, const char *param,
               const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(refusal->message, sizeof(refusal->message), format, args);
    va_end(args);
    refusal->status = status;
    refusal->code = code;
    refusal->param = param;
    return -1;
}

static int missing(const struct reader *r, const char *name)
{
    if (r->anthropic) {
        return sim_refuse(r->refusal, 400, NULL, NULL, "%s: Field required", name);
    }
    if (r->gemini) {
        return sim_refuse(r->refusal, 400, NULL, NULL,
                          "* GenerateContentRequest.%s: %s is not specified\n", name, name);
    }
    return sim_refuse(r->refusal, 400, "missing_required_parameter", name,
                      "Missing required parameter: '%s'.", name);
}

static int wrong(const struct reader *r, const char *name, const char *expected)
{
    if (r->anthropic) {
        return sim_refuse(r->refusal, 400, NULL, NULL, "%s: Input should be %s", name, expected);
    }
    if (r->gemini) {
        return sim_refuse(r->refusal, 400, NULL, NULL, "Invalid value at '%s': expected %s", name,
                          expected);
    }
    return sim_refuse(r->refusal, 400, "invalid_value", name,
                      "Invalid value for '%s': expected %s.", name, expected);
}

/* ---- identity and size ---- */

/* Members that change no answer. */
static const char *const labels[] = {
    "model",
    "stream",
    "stream_options",
    "seed",
    "user",
    "metadata",
    "store",
    "service_tier",
    "serviceTier",
    "labels",
    "safety_identifier",
    "prompt_cache_key",
};

/* Members whose strings are the prompt. */
static const char *const prompt_members[] = {
    "messages", "input",           "prompt", "system",   "instructions",
    "tools",    "response_format", "text",   "contents", "systemInstruction",
};

static bool is_in(struct str name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_is(name, list[i])) {
            return true;
        }
    }
    return false;
}

static int64_t string_tokens(struct str text)
{
    if (text.n >= OPAQUE_BYTES && str_find_char(str_head(text, OPAQUE_LOOK), ' ') < 0) {
        return OPAQUE_TOKENS;
    }
    return token_estimate(text);
}

/* One step of the hash of a value. Numbers are hashed as parsed, so that their spelling is free. */
static uint64_t mix_value(uint64_t h, yyjson_val *value)
{
    static const uint64_t hash_key[2] = {0x73696d756c617465u, 0x6e6f2d7365637265u};
    uint64_t tag = (uint64_t)yyjson_get_tag(value);

    if (yyjson_is_str(value)) {
        /* Without the tag's subtype, which remembers whether there were escapes. */
        return rand_mix(h, YYJSON_TYPE_STR ^ hash_sip(hash_key, json_str(value)));
    }
    if (yyjson_is_ctn(value)) {
        return rand_mix(h, tag ^ ((uint64_t)yyjson_get_len(value) << 8));
    }
    uint64_t bits = 0;
    if (yyjson_is_real(value)) {
        double real = yyjson_get_real(value);
        memcpy(&bits, &real, sizeof(bits));
    } else if (yyjson_is_int(value)) {
        bits = yyjson_get_uint(value);
    }
    return rand_mix(h, tag ^ bits);
}

/*
 * Hashes a value with all that is in it, and counts the tokens of its strings. yyjson keeps the
 * values of a document in one array, children right behind their container: this walks it without
 * recursion.
 */
static uint64_t digest(yyjson_val *value, int64_t *tokens)
{
    yyjson_val *end = unsafe_yyjson_get_next(value);
    uint64_t h = 1;
    for (yyjson_val *v = value; v < end; v++) {
        h = mix_value(h, v);
        if (tokens && yyjson_is_str(v)) {
            *tokens += string_tokens(json_str(v));
        }
    }
    return h;
}

static void identify(struct sim_ask *ask, uint64_t seed, bool fixed_seed)
{
    yyjson_obj_iter it = yyjson_obj_iter_with(ask->root);
    uint64_t sum = 0;
    yyjson_val *key;

    while ((key = yyjson_obj_iter_next(&it)) != NULL) {
        struct str name = json_str(key);
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        if (is_in(name, labels, ARRAY_LEN(labels))) {
            continue;
        }
        bool prompt = is_in(name, prompt_members, ARRAY_LEN(prompt_members));
        /* A sum, so that the order of members does not matter. */
        sum += rand_mix(hash_fnv1a(name), digest(value, prompt ? &ask->input_tokens : NULL));
    }
    yyjson_val *own = yyjson_obj_get(ask->root, "seed");
    if (!fixed_seed && yyjson_is_int(own)) {
        seed = rand_mix(seed, (uint64_t)yyjson_get_sint(own));
    }
    ask->key = rand_mix(rand_mix(seed, (uint64_t)ask->route + 1), sum);
}

/* ---- parts that several routes share ---- */

/* The text of a content: a string, or the text parts of an array. */
static struct str content_text(struct arena *arena, yyjson_val *content)
{
    struct buf text;
    if (yyjson_is_str(content)) {
        return json_str(content);
    }
    buf_init(&text, SIZE_MAX / 2);
    for (size_t i = 0; i < yyjson_arr_size(content); i++) {
        buf_put_str(&text, json_get_str(yyjson_arr_get(content, i), "text"));
    }
    struct str copy = arena_str(arena, buf_str(&text));
    buf_release(&text);
    return copy;
}

static int read_stops(const struct reader *r, const char *name)
{
    yyjson_val *stops = yyjson_obj_get(r->object, name);
    size_t n = yyjson_is_str(stops) ? 1 : yyjson_arr_size(stops);

    if (n > SIM_STOPS_MAX) {
        return wrong(r, name, "at most 16 sequences");
    }
    for (size_t i = 0; i < n; i++) {
        struct str stop =
            yyjson_is_str(stops) ? json_str(stops) : json_str(yyjson_arr_get(stops, i));
        if (stop.n > 0) {
            r->ask->stops[r->ask->stop_count++] = stop;
        }
    }
    return 0;
}

/* A count that may be absent or null; `*ret_value` keeps its value then. */
static int read_count(const struct reader *r, const char *name, int64_t max, int64_t *ret_value)
{
    yyjson_val *value = yyjson_obj_get(r->object, name);
    if (!value || yyjson_is_null(value)) {
        return 0;
    }
    if (!yyjson_is_int(value) || yyjson_get_sint(value) < 1 || yyjson_get_sint(value) > max) {
        return wrong(r, name,
                     max == INT64_MAX ? "an integer of at least 1" : "an integer in range");
    }
    *ret_value = yyjson_get_sint(value);
    return 0;
}

static void add_tool(const struct reader *r, struct str name, yyjson_val *schema)
{
    if (name.n > 0) {
        r->ask->tools[r->ask->tool_count++] = (struct sim_tool){name, schema};
    }
}

/* Tools that the client runs itself; those that a provider runs cannot be simulated. */
static int read_tools(const struct reader *r)
{
    yyjson_val *tools = yyjson_obj_get(r->ask->root, "tools");
    size_t n = yyjson_arr_size(tools);

    if (n > SIM_TOOLS_MAX) {
        return wrong(r, "tools", "at most 512 tools");
    }
    r->ask->tools = ARENA_ARRAY(r->arena, struct sim_tool, n + 1);
    for (size_t i = 0; i < n; i++) {
        yyjson_val *tool = yyjson_arr_get(tools, i);
        struct str type = json_get_str(tool, "type");
        yyjson_val *function = yyjson_obj_get(tool, "function");
        if (r->anthropic) {
            yyjson_val *schema = yyjson_obj_get(tool, "input_schema");
            if (schema && (type.n == 0 || str_is(type, "custom"))) {
                add_tool(r, json_get_str(tool, "name"), schema);
            }
        } else if (r->ask->route == SIM_CHAT && function) {
            add_tool(r, json_get_str(function, "name"), yyjson_obj_get(function, "parameters"));
        } else if (r->ask->route == SIM_RESPONSES && str_is(type, "function")) {
            add_tool(r, json_get_str(tool, "name"), yyjson_obj_get(tool, "parameters"));
        }
    }
    return 0;
}

static void read_tool_choice(const struct reader *r)
{
    struct sim_ask *ask = r->ask;
    yyjson_val *choice = yyjson_obj_get(ask->root, "tool_choice");
    struct str word = yyjson_is_str(choice) ? json_str(choice) : json_get_str(choice, "type");

    ask->one_tool = !json_get_bool(ask->root, "parallel_tool_calls", true) ||
                    json_get_bool(choice, "disable_parallel_tool_use", false);
    if (str_is(word, "none")) {
        ask->choice = SIM_CHOICE_NONE;
    } else if (str_is(word, "required") || str_is(word, "any")) {
        ask->choice = SIM_CHOICE_REQUIRED;
    } else if (str_is(word, "function") || str_is(word, "tool")) {
        yyjson_val *function = yyjson_obj_get(choice, "function");
        ask->choice = SIM_CHOICE_REQUIRED;
        ask->tool_named = json_get_str(function ? function : choice, "name");
        ask->one_tool = true;
    }
}

/* {type: text | json_object | json_schema, ...}; the schema stands in the format or in a member. */
static void read_format(const struct reader *r, yyjson_val *format)
{
    struct str type = json_get_str(format, "type");
    yyjson_val *inner = yyjson_obj_get(format, "json_schema");

    if (str_is(type, "json_object")) {
        r->ask->format = SIM_FORMAT_JSON;
    } else if (str_is(type, "json_schema")) {
        r->ask->format = SIM_FORMAT_SCHEMA;
        r->ask->schema = yyjson_obj_get(inner ? inner : format, "schema");
    }
}

static bool has_effort(yyjson_val *effort)
{
    return yyjson_is_str(effort) && !str_is(json_str(effort), "none");
}

/* Finds the last message of the user; `*ret_last` is the last message of all. */
static int read_messages(const struct reader *r, const char *name, yyjson_val **ret_last)
{
    yyjson_val *messages = yyjson_obj_get(r->ask->root, name);
    size_t n = yyjson_arr_size(messages);
    yyjson_val *user = NULL;

    if (!messages) {
        return missing(r, name);
    }
    if (n == 0) {
        return wrong(r, name, "a list of at least one message");
    }
    yyjson_arr_iter it = yyjson_arr_iter_with(messages);
    for (yyjson_val *message; (message = yyjson_arr_iter_next(&it)) != NULL;) {
        if (!yyjson_is_obj(message)) {
            return wrong(r, name, "a list of objects");
        }
        if (str_is(json_get_str(message, "role"), "user")) {
            user = message;
        }
        *ret_last = message;
    }
    r->ask->last_text = content_text(r->arena, yyjson_obj_get(user, "content"));
    return 0;
}

/* ---- routes ---- */

static int read_chat(struct reader *r)
{
    struct sim_ask *ask = r->ask;
    yyjson_val *last = NULL;
    int rc = read_messages(r, "messages", &last);

    if (rc == 0) {
        rc = read_count(r, "max_tokens", INT64_MAX, &ask->max_tokens);
    }
    if (rc == 0) {
        rc = read_count(r, "max_completion_tokens", INT64_MAX, &ask->max_tokens);
    }
    if (rc == 0) {
        rc = read_count(r, "n", SIM_CHOICES_MAX, &ask->n);
    }
    if (rc == 0) {
        rc = read_stops(r, "stop");
    }
    if (rc == 0) {
        rc = read_tools(r);
    }
    if (rc != 0) {
        return rc;
    }
    struct str role = json_get_str(last, "role");
    ask->after_tool = str_is(role, "tool") || str_is(role, "function");
    read_tool_choice(r);
    read_format(r, yyjson_obj_get(ask->root, "response_format"));
    ask->think = has_effort(yyjson_obj_get(ask->root, "reasoning_effort"));
    return 0;
}

static int read_completions(struct reader *r)
{
    struct sim_ask *ask = r->ask;
    yyjson_val *prompt = yyjson_obj_get(ask->root, "prompt");
    yyjson_val *first = yyjson_arr_get_first(prompt);
    int rc = read_stops(r, "stop");

    /* A list of numbers is one prompt in tokens. */
    if (yyjson_is_arr(prompt) && !yyjson_is_int(first)) {
        ask->prompts = (int64_t)yyjson_arr_size(prompt);
    }
    if (yyjson_is_int(first)) {
        ask->input_tokens += (int64_t)yyjson_arr_size(prompt);
    }
    if (!prompt) {
        return missing(r, "prompt");
    }
    if (ask->prompts < 1 || ask->prompts > SIM_CHOICES_MAX) {
        return wrong(r, "prompt", "a string or a list of 1 to 128 prompts");
    }
    ask->last_text = json_str(yyjson_is_str(prompt) ? prompt : first);
    if (rc == 0) {
        rc = read_count(r, "max_tokens", INT64_MAX, &ask->max_tokens);
    }
    return rc != 0 ? rc : read_count(r, "n", SIM_CHOICES_MAX / ask->prompts, &ask->n);
}

static int read_responses(struct reader *r)
{
    struct sim_ask *ask = r->ask;
    yyjson_val *input = yyjson_obj_get(ask->root, "input");
    yyjson_val *reasoning = yyjson_obj_get(ask->root, "reasoning");
    yyjson_val *last = NULL;
    int rc = 0;

    if (yyjson_is_str(input)) {
        ask->last_text = json_str(input);
    } else if (input || !yyjson_obj_get(ask->root, "prompt")) {
        rc = read_messages(r, "input", &last);
    }
    if (rc == 0) {
        rc = read_count(r, "max_output_tokens", INT64_MAX, &ask->max_tokens);
    }
    if (rc == 0) {
        rc = read_tools(r);
    }
    if (rc != 0) {
        return rc;
    }
    ask->after_tool = str_is(json_get_str(last, "type"), "function_call_output");
    read_tool_choice(r);
    read_format(r, yyjson_obj_get(yyjson_obj_get(ask->root, "text"), "format"));
    yyjson_val *summary = yyjson_obj_get(reasoning, "summary");
    ask->show_thinking = yyjson_is_str(summary);
    ask->think = has_effort(yyjson_obj_get(reasoning, "effort")) || ask->show_thinking;
    return 0;
}

static bool holds_tool_result(yyjson_val *message)
{
    yyjson_val *content = yyjson_obj_get(message, "content");
    for (size_t i = 0; i < yyjson_arr_size(content); i++) {
        if (str_is(json_get_str(yyjson_arr_get(content, i), "type"), "tool_result")) {
            return true;
        }
    }
    return false;
}

static int read_anthropic(struct reader *r)
{
    struct sim_ask *ask = r->ask;
    yyjson_val *thinking = yyjson_obj_get(ask->root, "thinking");
    yyjson_val *config = yyjson_obj_get(ask->root, "output_config");
    yyjson_val *last = NULL;
    int rc = read_messages(r, "messages", &last);

    if (rc == 0 && ask->route == SIM_MESSAGES && !yyjson_obj_get(ask->root, "max_tokens")) {
        rc = missing(r, "max_tokens");
    }
    if (rc == 0) {
        rc = read_count(r, "max_tokens", INT64_MAX, &ask->max_tokens);
    }
    if (rc == 0) {
        rc = read_stops(r, "stop_sequences");
    }
    if (rc == 0) {
        rc = read_tools(r);
    }
    if (rc != 0) {
        return rc;
    }
    ask->after_tool = holds_tool_result(last);
    read_tool_choice(r);
    yyjson_val *format = yyjson_obj_get(config, "format");
    read_format(r, format ? format : yyjson_obj_get(ask->root, "output_format"));
    struct str type = json_get_str(thinking, "type");
    ask->think = str_is(type, "enabled") || str_is(type, "adaptive");
    ask->show_thinking = !str_is(json_get_str(thinking, "display"), "omitted");
    ask->thinking_max = json_get_i64(thinking, "budget_tokens", -1);
    return 0;
}

/* Declarations stand in groups. */
static int read_declarations(const struct reader *r)
{
    yyjson_val *tools = yyjson_obj_get(r->ask->root, "tools");
    yyjson_val *tool = NULL;
    yyjson_arr_iter groups = yyjson_arr_iter_with(tools);
    r->ask->tools = ARENA_ARRAY(r->arena, struct sim_tool, SIM_TOOLS_MAX);
    while ((tool = yyjson_arr_iter_next(&groups)) != NULL) {
        yyjson_arr_iter items = yyjson_arr_iter_with(yyjson_obj_get(tool, "functionDeclarations"));
        yyjson_val *function = NULL;
        while ((function = yyjson_arr_iter_next(&items)) != NULL) {
            yyjson_val *schema = yyjson_obj_get(function, "parametersJsonSchema");
            if (r->ask->tool_count == SIM_TOOLS_MAX) {
                return wrong(r, "tools", "at most 512 tools");
            }
            add_tool(r, json_get_str(function, "name"),
                     schema ? schema : yyjson_obj_get(function, "parameters"));
        }
    }
    return 0;
}

static void read_calling_config(const struct reader *r)
{
    struct sim_ask *ask = r->ask;
    yyjson_val *config =
        yyjson_obj_get(yyjson_obj_get(ask->root, "toolConfig"), "functionCallingConfig");
    yyjson_val *allowed = yyjson_obj_get(config, "allowedFunctionNames");
    struct str mode = json_get_str(config, "mode");
    if (str_is(mode, "NONE")) {
        ask->choice = SIM_CHOICE_NONE;
    } else if (str_is(mode, "ANY")) {
        ask->choice = SIM_CHOICE_REQUIRED;
        if (yyjson_arr_size(allowed) == 1) {
            ask->tool_named = json_str(yyjson_arr_get_first(allowed));
            ask->one_tool = true;
        }
    }
}

static void read_generation_config(const struct reader *r)
{
    struct sim_ask *ask = r->ask;
    yyjson_val *thinking = yyjson_obj_get(r->object, "thinkingConfig");
    yyjson_val *schema = yyjson_obj_get(r->object, "responseJsonSchema");
    int64_t budget = json_get_i64(thinking, "thinkingBudget", -1);
    schema = schema ? schema : yyjson_obj_get(r->object, "responseSchema");
    if (schema) {
        ask->format = SIM_FORMAT_SCHEMA;
        ask->schema = schema;
    } else if (str_is(json_get_str(r->object, "responseMimeType"), "application/json")) {
        ask->format = SIM_FORMAT_JSON;
    }
    ask->think = thinking && budget != 0;
    ask->show_thinking = json_get_bool(thinking, "includeThoughts", false);
    ask->thinking_max = budget > 0 ? budget : -1;
}

static bool holds_response(yyjson_val *parts)
{
    yyjson_arr_iter items = yyjson_arr_iter_with(parts);
    yyjson_val *part = NULL;
    while ((part = yyjson_arr_iter_next(&items)) != NULL) {
        if (yyjson_obj_get(part, "functionResponse")) {
            return true;
        }
    }
    return false;
}

static int read_gemini(struct reader *r)
{
    struct sim_ask *ask = r->ask;
    yyjson_val *contents = yyjson_obj_get(ask->root, "contents");
    yyjson_arr_iter items = yyjson_arr_iter_with(contents);
    yyjson_val *content = NULL;
    int rc = 0;
    if (yyjson_arr_size(contents) == 0) {
        return missing(r, "contents");
    }
    while ((content = yyjson_arr_iter_next(&items)) != NULL) {
        yyjson_val *parts = yyjson_obj_get(content, "parts");
        if (yyjson_arr_size(parts) == 0) {
            return missing(r, "contents.parts");
        }
        ask->after_tool = holds_response(parts);
        if (!str_is(json_get_str(content, "role"), "model")) {
            ask->last_text = content_text(r->arena, parts);
        }
    }
    if ((rc = read_declarations(r)) != 0) {
        return rc;
    }
    read_calling_config(r);
    r->object = yyjson_obj_get(ask->root, "generationConfig");
    read_generation_config(r);
    rc = read_count(r, "maxOutputTokens", INT64_MAX, &ask->max_tokens);
    return rc == 0 ? read_stops(r, "stopSequences") : rc;
}

static int read_embeddings(struct reader *r)
{
    return yyjson_obj_get(r->ask->root, "input") ? 0 : missing(r, "input");
}

static void free_document(void *doc)
{
    yyjson_doc_free(doc);
}

static int read_root(struct reader *r, struct str body)
{
    struct error err = {0};
    yyjson_doc *doc = json_parse(body, &err);
    if (!doc) {
        return sim_refuse(r->refusal, 400, NULL, NULL,
                          "We could not parse the JSON body of your request: %s", err.text);
    }
    arena_defer(r->arena, free_document, doc);
    r->ask->root = yyjson_doc_get_root(doc);
    r->object = r->ask->root;
    if (!yyjson_is_obj(r->ask->root)) {
        return sim_refuse(r->refusal, 400, NULL, NULL, "The body must be a JSON object.");
    }
    if (r->gemini) {
        return 0;
    }
    yyjson_val *model = yyjson_obj_get(r->ask->root, "model");
    if (!model) {
        return r->anthropic
                   ? missing(r, "model")
                   : sim_refuse(r->refusal, 400, NULL, NULL, "you must provide a model parameter");
    }
    r->ask->model = json_str(model);
    return r->ask->model.n > 0 ? 0 : wrong(r, "model", "a string");
}

int sim_ask_read(struct arena *arena, enum sim_route route, struct str body, uint64_t seed,
                 bool fixed_seed, struct sim_ask **ret_ask, struct sim_refusal *ret_refusal)
{
    static int (*const readers[])(struct reader *) = {
        [SIM_CHAT] = read_chat,
        [SIM_COMPLETIONS] = read_completions,
        [SIM_RESPONSES] = read_responses,
        [SIM_MESSAGES] = read_anthropic,
        [SIM_GEMINI] = read_gemini,
        [SIM_COUNT_TOKENS] = read_anthropic,
        [SIM_EMBEDDINGS] = read_embeddings,
    };
    struct sim_ask *ask = ARENA_NEW(arena, struct sim_ask);
    struct reader r = {.arena = arena,
                       .ask = ask,
                       .refusal = ret_refusal,
                       .anthropic = route == SIM_MESSAGES || route == SIM_COUNT_TOKENS,
                       .gemini = route == SIM_GEMINI};

    *ask = (struct sim_ask){.route = route,
                            .max_tokens = -1,
                            .n = 1,
                            .prompts = 1,
                            .thinking_max = -1,
                            .last_text = STR_EMPTY};
    if (read_root(&r, body) != 0) {
        return -1;
    }
    yyjson_val *options = yyjson_obj_get(ask->root, "stream_options");
    ask->stream = json_get_bool(ask->root, "stream", false);
    ask->include_usage = json_get_bool(options, "include_usage", false);
    identify(ask, seed, fixed_seed);
    if (readers[route](&r) != 0) {
        return -1;
    }
    *ret_ask = ask;
    return 0;
}
