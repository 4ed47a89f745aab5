#include "llm/request.h"

#include "core/json.h"

/* The members weir reads. Their order is that of `names` below. */
enum member {
    MEMBER_MODEL = 0,
    MEMBER_STREAM,
    MEMBER_STREAM_OPTIONS,
    MEMBER_MAX_TOKENS,
    MEMBER_MAX_COMPLETION_TOKENS,
    MEMBER_MAX_OUTPUT_TOKENS,
    MEMBER_N,
    MEMBER_BEST_OF,
    MEMBER_SERVICE_TIER,
    MEMBER_PREVIOUS,
    MEMBER_USER,
    MEMBER_SAFETY_IDENTIFIER,
    MEMBER_METADATA,
    MEMBER_SYSTEM,
    MEMBER_INSTRUCTIONS,
    MEMBER_TOOLS,
    MEMBER_MESSAGES,
    MEMBER_INPUT,
    MEMBER_PROMPT,
    MEMBER_COUNT
};

static const char *const names[MEMBER_COUNT] = {
    "model",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "n",
    "best_of",
    "service_tier",
    "previous_response_id",
    "user",
    "safety_identifier",
    "metadata",
    "system",
    "instructions",
    "tools",
    "messages",
    "input",
    "prompt",
};

/* Parameters whose strings are settings. Any other string may be content and is not kept. */
static const char *const string_params[] = {
    "service_tier", "reasoning_effort", "verbosity",     "tool_choice",
    "truncation",   "encoding_format",  "function_call", "prompt_cache_retention",
};

struct param {
    struct str key;
    struct str value;
};

/* One reading of one body. */
struct reader {
    enum route route;
    struct str body;
    struct arena *arena;
    struct error *err;
    struct str members[MEMBER_COUNT];        /* the bytes of the values; n == 0: not there */
    yyjson_doc *parsed[MEMBER_COUNT];        /* of those that were looked into */
    struct param params[REQUEST_PARAMS_MAX]; /* the first param_count */
    size_t param_count;
};

/* The parsed value of a member, NULL when it is not there. Only members that are small as a rule
 * are parsed: messages and tools are spans and nothing else. */
static yyjson_val *value_of(struct reader *r, enum member member)
{
    if (r->members[member].n > 0 && !r->parsed[member]) {
        r->parsed[member] = json_parse(r->members[member], NULL);
    }
    return yyjson_doc_get_root(r->parsed[member]);
}

static const char *type_name(yyjson_val *value)
{
    return yyjson_get_type_desc(value);
}

static bool is_param(const struct json_member *member)
{
    char first = member->value.p[0];
    if (member->key.n > REQUEST_PARAM_BYTES_MAX || member->value.n > REQUEST_PARAM_BYTES_MAX) {
        return false;
    }
    if (first == 't' || first == 'f' || first == '-' || (first >= '0' && first <= '9')) {
        return true;
    }
    for (size_t i = 0; first == '"' && i < ARRAY_LEN(string_params); i++) {
        if (json_key_is(member->key, string_params[i])) {
            return true;
        }
    }
    return false;
}

/* Most readers of JSON keep the last of two members with one name; so does the trace. */
static void keep_param(struct reader *r, const struct json_member *member)
{
    size_t at = 0;
    while (at < r->param_count && !str_eq(r->params[at].key, member->key)) {
        at++;
    }
    if (at < REQUEST_PARAMS_MAX) {
        r->params[at] = (struct param){member->key, member->value};
        r->param_count += at == r->param_count ? 1 : 0;
    }
}

static int keep_member(struct reader *r, const struct json_member *member)
{
    int i = 0;
    while (i < MEMBER_COUNT && !json_key_is(member->key, names[i])) {
        i++;
    }
    if (i < MEMBER_COUNT && r->members[i].n > 0) {
        return error_set(r->err, ERR_INVALID, "`%s` occurs twice in the request body; send it once",
                         names[i]);
    }
    if (i < MEMBER_COUNT) {
        r->members[i] = member->value;
    }
    if (i != MEMBER_MODEL && is_param(member)) {
        keep_param(r, member);
    }
    return 0;
}

/* Why the body cannot be scanned, in the words of the parser. */
static int explain(struct reader *r)
{
    struct error why = {0};
    yyjson_doc *doc = json_parse(r->body, &why);
    if (!doc) {
        error_wrap(&why, "request body");
        return error_set(r->err, why.code, "%s", why.text);
    }
    error_set(r->err, ERR_INVALID, "the request body must be a JSON object, not %s",
              type_name(yyjson_doc_get_root(doc)));
    yyjson_doc_free(doc);
    return ERR_INVALID;
}

static int scan_members(struct reader *r)
{
    struct json_scan scan;
    struct json_member member;
    json_scan_init(&scan, r->body);
    while (json_scan_next(&scan, &member)) {
        int status = keep_member(r, &member);
        if (status < 0) {
            return status;
        }
    }
    return json_scan_ok(&scan) ? 0 : explain(r);
}

/* A string without escapes is its own value. */
static bool is_bare_string(struct str value)
{
    return value.n >= 2 && value.p[0] == '"' && !memchr(value.p, '\\', value.n);
}

static int read_model(struct reader *r, struct request_facts *facts)
{
    struct str written = r->members[MEMBER_MODEL];
    bool bare = is_bare_string(written);
    yyjson_val *value = bare ? NULL : value_of(r, MEMBER_MODEL);
    if (!bare && !value) {
        return error_set(r->err, ERR_INVALID,
                         "`model` is missing in the request body; expected the name of a model");
    }
    if (!bare && !yyjson_is_str(value)) {
        return error_set(r->err, ERR_INVALID, "`model` must be a string, not %s", type_name(value));
    }
    struct str model = bare ? str_make(written.p + 1, written.n - 2) : json_str(value);
    if (model.n == 0) {
        return error_set(r->err, ERR_INVALID, "`model` is empty; expected the name of a model");
    }
    if (model.n > REQUEST_MODEL_BYTES_MAX) {
        return error_set(r->err, ERR_INVALID, "`model` is longer than %d bytes",
                         REQUEST_MODEL_BYTES_MAX);
    }
    for (size_t i = 0; i < model.n; i++) {
        if ((unsigned char)model.p[i] < ' ' || model.p[i] == 0x7f) {
            return error_set(r->err, ERR_INVALID, "`model` contains a control character");
        }
    }
    facts->model = arena_str(r->arena, model);
    return 0;
}

/* A boolean or null; absent is false. */
static int read_bool(struct reader *r, yyjson_val *value, const char *name, bool *ret_value)
{
    if (value && !yyjson_is_bool(value) && !yyjson_is_null(value)) {
        return error_set(r->err, ERR_INVALID, "`%s` must be true or false, not %s", name,
                         type_name(value));
    }
    *ret_value = yyjson_is_true(value);
    return 0;
}

static struct request_span span_of(struct str body, struct str value)
{
    return (struct request_span){(size_t)(value.p - body.p), value.n};
}

/* The other APIs report usage unasked, and refuse the option. */
static bool asks_for_usage(enum route route)
{
    return route == ROUTE_CHAT || route == ROUTE_COMPLETIONS;
}

static int read_stream_options(struct reader *r, struct request_facts *facts)
{
    yyjson_val *value = value_of(r, MEMBER_STREAM_OPTIONS);
    if (!value || !asks_for_usage(r->route)) {
        return 0;
    }
    struct str span = r->members[MEMBER_STREAM_OPTIONS];
    facts->options_span = span_of(r->body, span);
    if (yyjson_is_null(value)) {
        return 0;
    }
    if (!yyjson_is_obj(value)) {
        return error_set(r->err, ERR_INVALID, "`stream_options` must be an object, not %s",
                         type_name(value));
    }
    struct json_member usage;
    size_t count = 0;
    if (json_find(span, "include_usage", &usage, &count)) {
        facts->usage_span = span_of(r->body, usage.value);
    }
    if (count > 1) {
        return error_set(r->err, ERR_INVALID,
                         "`stream_options.include_usage` occurs twice in the request body; "
                         "send it once");
    }
    return read_bool(r, yyjson_obj_get(value, "include_usage"), "stream_options.include_usage",
                     &facts->asks_usage);
}

static int read_stream(struct reader *r, struct request_facts *facts)
{
    const struct route_info *row = route_by_id(r->route);
    if (!row || !row->streams) {
        return 0;
    }
    int status = read_bool(r, value_of(r, MEMBER_STREAM), "stream", &facts->stream);
    return status < 0 ? status : read_stream_options(r, facts);
}

/* A whole number up to `max` (larger ones count as max), or `absent` when it is absent, null or
 * negative: some servers take -1 for "no limit". */
static int read_number(struct reader *r, enum member member, int64_t max, int64_t *number)
{
    yyjson_val *value = value_of(r, member);
    if (!value || yyjson_is_null(value)) {
        return 0;
    }
    if (!yyjson_is_num(value)) {
        return error_set(r->err, ERR_INVALID, "`%s` must be a whole number, not %s", names[member],
                         type_name(value));
    }
    double given = yyjson_get_num(value);
    if (given < (double)max && given >= 0 && given != (double)(int64_t)given) {
        return error_set(r->err, ERR_INVALID, "`%s` must be a whole number, not %g", names[member],
                         given);
    }
    int64_t clamped = given >= (double)max ? max : (int64_t)(given < 0 ? -1 : given);
    if (clamped > *number) {
        *number = clamped;
    }
    return 0;
}

/* A legacy completion answers each prompt of a list; a list of numbers is one prompt in tokens. */
static int64_t count_prompts(struct reader *r)
{
    yyjson_val *prompt = r->route == ROUTE_COMPLETIONS ? value_of(r, MEMBER_PROMPT) : NULL;
    yyjson_val *first = yyjson_arr_get_first(prompt);
    if (!yyjson_is_str(first) && !yyjson_is_arr(first)) {
        return 1;
    }
    size_t count = yyjson_arr_size(prompt);
    return count > REQUEST_ANSWERS_MAX ? REQUEST_ANSWERS_MAX : (int64_t)count;
}

static int read_limits(struct reader *r, struct request_facts *facts)
{
    static const enum member outputs[] = {MEMBER_MAX_TOKENS, MEMBER_MAX_COMPLETION_TOKENS,
                                          MEMBER_MAX_OUTPUT_TOKENS};

    static const enum member answers[] = {MEMBER_N, MEMBER_BEST_OF};

    for (size_t i = 0; i < ARRAY_LEN(outputs); i++) {
        int status = read_number(r, outputs[i], REQUEST_TOKENS_MAX, &facts->max_output);
        if (status < 0) {
            return status;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        int status = read_number(r, answers[i], REQUEST_ANSWERS_MAX, &facts->n);
        if (status < 0) {
            return status;
        }
    }
    facts->n *= count_prompts(r);
    if (facts->n > REQUEST_ANSWERS_MAX) {
        facts->n = REQUEST_ANSWERS_MAX;
    }
    return 0;
}

static int read_user(struct reader *r, struct request_facts *facts)
{
    struct str user = json_str(value_of(r, MEMBER_USER));
    if (user.n == 0) {
        user = json_str(value_of(r, MEMBER_SAFETY_IDENTIFIER));
    }
    yyjson_val *metadata = value_of(r, MEMBER_METADATA);
    if (yyjson_is_obj(metadata)) {
        struct json_member member;
        size_t count = 0;
        json_find(r->members[MEMBER_METADATA], "user_id", &member, &count);
        if (count > 1) {
            return error_set(r->err, ERR_INVALID,
                             "`metadata.user_id` occurs twice in the request body; send it once");
        }
        user = user.n > 0 ? user : json_get_str(metadata, "user_id");
    }
    facts->user = arena_str(r->arena, user);
    return 0;
}

static struct str span_or(const struct reader *r, enum member first, enum member second)
{
    struct str value = r->members[first].n > 0 ? r->members[first] : r->members[second];
    return value.n > 0 ? value : STR_EMPTY;
}

static void read_spans(struct reader *r, struct request_facts *facts)
{
    facts->model_span = span_of(r->body, r->members[MEMBER_MODEL]);
    facts->system = span_or(r, MEMBER_SYSTEM, MEMBER_INSTRUCTIONS);
    facts->tools = span_or(r, MEMBER_TOOLS, MEMBER_TOOLS);
    facts->messages = span_or(r, MEMBER_MESSAGES, MEMBER_INPUT);
    if (facts->messages.n == 0) {
        facts->messages = span_or(r, MEMBER_PROMPT, MEMBER_PROMPT);
    }
}

static size_t put(char *out, struct str s)
{
    memcpy(out, s.p, s.n);
    return s.n;
}

static void write_params(struct reader *r, struct request_facts *facts)
{
    size_t n = 2;
    for (size_t i = 0; i < r->param_count; i++) {
        n += r->params[i].key.n + r->params[i].value.n + strlen("\"\":,");
    }
    char *out = arena_alloc(r->arena, n);
    size_t at = 0;
    out[at++] = '{';
    for (size_t i = 0; i < r->param_count; i++) {
        out[at] = ',';
        at += i > 0;
        out[at++] = '"';
        at += put(out + at, r->params[i].key);
        out[at++] = '"';
        out[at++] = ':';
        at += put(out + at, r->params[i].value);
    }
    out[at++] = '}';
    facts->params_json = str_make(out, at);
}

static int read_all(struct reader *r, struct request_facts *facts)
{
    int status = scan_members(r);
    status = status < 0 ? status : read_model(r, facts);
    status = status < 0 ? status : read_stream(r, facts);
    status = status < 0 ? status : read_limits(r, facts);
    status = status < 0 ? status : read_user(r, facts);
    if (status < 0) {
        return status;
    }
    if (r->route == ROUTE_RESPONSES) {
        facts->previous = arena_str(r->arena, json_str(value_of(r, MEMBER_PREVIOUS)));
    }
    facts->service_tier = arena_str(r->arena, json_str(value_of(r, MEMBER_SERVICE_TIER)));
    read_spans(r, facts);
    write_params(r, facts);
    return 0;
}

int request_facts_read(enum route route, struct str body, struct arena *arena,
                       struct request_facts *ret_facts, struct error *err)
{
    if (str_trim(body).n == 0) {
        return error_set(err, ERR_INVALID, "the request body is empty; expected a JSON object");
    }
    struct reader r = {.route = route, .body = body, .arena = arena, .err = err};
    struct request_facts facts = {.max_output = -1, .n = 1, .route = route};
    int status = read_all(&r, &facts);
    for (int i = 0; i < MEMBER_COUNT; i++) {
        yyjson_doc_free(r.parsed[i]);
    }
    if (status < 0) {
        return status;
    }
    *ret_facts = facts;
    return 0;
}

/* "max_completion_tokens":1000000000, */
#define MAX_OUTPUT_BYTES 64

/* One replacement of bytes: [at, at + n) of the body becomes text. */
struct splice {
    size_t at;
    size_t n;
    struct str text;
};

/* Offset of the last closing brace at or before `end`: the body is known to be an object. */
static size_t closing_brace(struct str body, size_t end)
{
    while (end > 0 && body.p[end - 1] != '}') {
        end--;
    }
    BUG_ON(end == 0);
    return end - 1;
}

static struct splice plan_usage(struct str body, const struct request_facts *facts)
{
    struct request_span options = facts->options_span;
    struct request_span usage = facts->usage_span;
    if (usage.n > 0) {
        return (struct splice){usage.at, usage.n, STR("true")};
    }
    if (options.n == 0) {
        return (struct splice){closing_brace(body, body.n), 0,
                               STR(",\"stream_options\":{\"include_usage\":true}")};
    }
    if (body.p[options.at] != '{') {
        return (struct splice){options.at, options.n, STR("{\"include_usage\":true}")};
    }
    struct json_scan scan;
    struct json_member member;
    json_scan_init(&scan, str_make(body.p + options.at, options.n));
    bool filled = json_scan_next(&scan, &member);
    return (struct splice){closing_brace(body, options.at + options.n), 0,
                           filled ? STR(",\"include_usage\":true") : STR("\"include_usage\":true")};
}

/* The member that says how much a route may put out. */
static const char *max_output_name(enum route route, bool max_completion_tokens)
{
    if (route == ROUTE_RESPONSES) {
        return "max_output_tokens";
    }
    return route == ROUTE_CHAT && max_completion_tokens ? "max_completion_tokens" : "max_tokens";
}

/* In front of all members, or in the place of a null; `text` holds the bytes. */
static struct splice plan_max(struct str body, const char *name, int64_t max, struct buf *text)
{
    struct json_member member;
    if (json_find(body, name, &member, NULL)) {
        buf_put_i64(text, max);
        return (struct splice){(size_t)(member.value.p - body.p), member.value.n, buf_str(text)};
    }
    buf_putf(text, "\"%s\":%lld,", name, (long long)max);
    return (struct splice){(size_t)str_find_char(body, '{') + 1, 0, buf_str(text)};
}

static void sort_splices(struct splice *splices, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        for (size_t k = i; k > 0 && splices[k].at < splices[k - 1].at; k--) {
            struct splice later = splices[k - 1];
            splices[k - 1] = splices[k];
            splices[k] = later;
        }
    }
}

int request_edit_body(struct str body, const struct request_facts *facts,
                      const struct request_edit *edit, struct buf *out, struct error *err)
{
    struct splice splices[3];
    size_t count = 0;
    struct buf model, max;
    buf_init(&model, 6 * REQUEST_MODEL_BYTES_MAX + 2);
    buf_init(&max, MAX_OUTPUT_BYTES);
    if (edit->model.n > 0 && !str_eq(edit->model, facts->model)) {
        buf_put_json(&model, edit->model);
        splices[count++] =
            (struct splice){facts->model_span.at, facts->model_span.n, buf_str(&model)};
    }
    if (edit->inject_usage && facts->stream && !facts->asks_usage && asks_for_usage(facts->route)) {
        splices[count++] = plan_usage(body, facts);
    }
    if (edit->max_output > 0 && facts->max_output < 0) {
        const char *name = max_output_name(facts->route, edit->max_completion_tokens);
        splices[count++] = plan_max(body, name, edit->max_output, &max);
    }
    sort_splices(splices, count);
    size_t done = 0;
    for (size_t i = 0; i < count; i++) {
        buf_put(out, body.p + done, splices[i].at - done);
        buf_put_str(out, splices[i].text);
        done = splices[i].at + splices[i].n;
    }
    buf_put_str(out, str_from(body, done));
    bool whole = buf_ok(out) && buf_ok(&model);
    buf_release(&model);
    buf_release(&max);
    return whole ? 0 : error_set(err, ERR_LIMIT, "the edited request body is too large");
}
