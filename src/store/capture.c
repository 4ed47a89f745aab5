#include "store/capture.h"

#include "core/error.h"
#include "core/hash.h"
#include "core/json.h"
#include "core/redact.h"
#include "store/capture_stream.h"

/* Which members of a request body are its components, by the trace's route; NULL = it has none. */
static const struct component_names {
    const char *route;
    const char *system, *tools, *messages;
    bool system_in_messages; /* by role: see is_system */
} component_table[] = {
    {"chat",         NULL,           "tools", "messages", true },
    {"completions",  NULL,           NULL,    "prompt",   false},
    {"embeddings",   NULL,           NULL,    "input",    false},
    {"responses",    "instructions", "tools", "input",    false},
    {"messages",     "system",       "tools", "messages", false},
    {"count_tokens", "system",       "tools", "messages", false},
};

static const struct component_names *names_of(struct str route)
{
    for (size_t i = 0; i < ARRAY_LEN(component_table); i++) {
        if (str_is(route, component_table[i].route)) {
            return &component_table[i];
        }
    }
    return NULL;
}

static void hash_into(struct hash_memo *memo, struct str bytes, char *out)
{
    if (bytes.n > 0) {
        hash_memo_hex(memo, bytes, out);
    }
}

/* Behind the closing quote of the string that opens at text[at]. */
static size_t skip_string(struct str text, size_t at)
{
    size_t first = at + 1;

    for (at = first; at < text.n; at++) {
        const char *quote = memchr(text.p + at, '"', text.n - at);
        size_t escapes = 0;

        if (!quote) {
            return text.n;
        }
        at = (size_t)(quote - text.p);
        while (at - escapes > first && text.p[at - escapes - 1] == '\\') {
            escapes++;
        }
        if (escapes % 2 == 0) {
            return at + 1;
        }
    }
    return text.n;
}

/* The next element of an array that is a well-formed value span. *at starts at 1, behind the
 * bracket. False at the end. */
static bool next_element(struct str array, size_t *at, struct str *ret_element)
{
    size_t depth = 0;
    size_t end = *at;

    while (end < array.n) {
        char c = array.p[end];

        if (c == '"') {
            end = skip_string(array, end);
            continue;
        }
        if (depth == 0 && (c == ',' || c == ']')) {
            break;
        }
        depth += c == '[' || c == '{';
        depth -= c == ']' || c == '}';
        end++;
    }
    if (end >= array.n) {
        return false;
    }
    *ret_element = str_trim(str_make(array.p + *at, end - *at));
    *at = end + 1;
    return ret_element->n > 0;
}

static bool is_system(struct str message)
{
    struct json_member role;

    return json_find(message, "role", &role, NULL) &&
           (str_is(role.value, "\"system\"") || str_is(role.value, "\"developer\""));
}

/* The system and developer messages of a chat, joined with LF, wherever they stand. */
static void hash_system_messages(struct hash_memo *memo, struct str messages, char *out)
{
    struct buf joined;
    struct str message, first = STR_EMPTY;
    size_t count = 0;

    if (messages.n == 0 || messages.p[0] != '[') {
        return;
    }
    buf_init(&joined, messages.n + 1);
    for (size_t at = 1; next_element(messages, &at, &message);) {
        if (!is_system(message)) {
            continue;
        }
        count++;
        if (count == 1) {
            first = message; /* mostly the only one: no copy then */
            continue;
        }
        if (count == 2) {
            (void)buf_put_str(&joined, first);
        }
        (void)buf_putc(&joined, '\n');
        (void)buf_put_str(&joined, message);
    }
    BUG_ON(!buf_ok(&joined)); /* the parts with their commas are no shorter */
    hash_into(memo, count > 1 ? buf_str(&joined) : first, out);
    buf_release(&joined);
}

static bool is_named(struct str key, const char *name)
{
    return name && json_key_is(key, name);
}

/* One walk over the members of the body. A body that is no JSON object has no components. */
static void hash_components(struct hash_memo *memo, struct trace *trace, struct str body)
{
    const struct component_names *names = names_of(trace->route);
    struct str system = STR_EMPTY, tools = STR_EMPTY, messages = STR_EMPTY;
    struct json_scan scan;
    struct json_member member;

    if (!names) {
        return;
    }
    json_scan_init(&scan, body);
    while (json_scan_next(&scan, &member)) {
        if (is_named(member.key, names->system)) {
            system = member.value;
        } else if (is_named(member.key, names->tools)) {
            tools = member.value;
        } else if (is_named(member.key, names->messages)) {
            messages = member.value;
        }
    }
    if (!json_scan_ok(&scan)) {
        return;
    }
    hash_into(memo, tools, trace->tools_hash);
    hash_into(memo, messages, trace->messages_hash);
    hash_into(memo, system, trace->system_hash);
    if (names->system_in_messages) {
        hash_system_messages(memo, messages, trace->system_hash);
    }
}

static bool is_json(struct str body)
{
    yyjson_doc *doc = json_parse(body, NULL);

    yyjson_doc_free(doc);
    return doc != NULL;
}

/* Each step reads what the step before has left. False when it does not fit. */
static bool mask(struct buf *body, bool (*step)(struct str in, struct buf *out))
{
    struct buf masked;
    bool fits;

    buf_init(&masked, TRACE_BODY_BYTES_MAX);
    fits = step(buf_str(body), &masked);
    buf_release(body);
    buf_move(body, &masked);
    return fits;
}

static bool mask_json(struct str in, struct buf *out)
{
    redact_json(in, out, NULL);
    return buf_ok(out);
}

static bool mask_text(struct str in, struct buf *out)
{
    redact_text(in, out, NULL);
    return buf_ok(out);
}

/* Replaces the body by its masked form and names it. What is no text cannot be masked and is not
 * kept; what is neither JSON nor a stream of it is masked in both ways. */
static void redact(struct hash_memo *memo, struct buf *body, char *blob)
{
    bool stream = capture_stream_is(buf_str(body));
    bool plain = !stream && !is_json(buf_str(body));
    bool ok = str_is_utf8(buf_str(body)) && (!stream || mask(body, capture_stream_mask)) &&
              mask(body, mask_json) && (!plain || mask(body, mask_text));

    if (ok) {
        hash_into(memo, buf_str(body), blob);
    } else {
        buf_release(body);
    }
}

/* What a provider says of a failure may repeat what it was sent, a key among it. */
static void mask_errors(struct trace *trace)
{
    struct buf masked;

    if (trace->error_text.n == 0 && trace->attempts < 2) {
        return; /* nothing failed */
    }
    buf_init(&masked, TRACE_BODY_BYTES_MAX);
    redact_text(trace->error_text, &masked, NULL);
    trace->error_text = arena_str(&trace->arena, buf_str(&masked));
    buf_clear(&masked);
    redact_json(trace->attempts_json, &masked, NULL);
    trace->attempts_json = arena_str(&trace->arena, buf_str(&masked));
    buf_release(&masked);
}

void capture_apply(struct trace *trace, struct hash_memo *memo)
{
    mask_errors(trace);
    if (trace->capture != TRACE_CAPTURE_NONE) {
        hash_into(memo, buf_str(&trace->request_body), trace->request_hash);
        hash_into(memo, buf_str(&trace->response_body), trace->response_hash);
        hash_components(memo, trace, buf_str(&trace->request_body));
    }
    switch (trace->capture) {
    case TRACE_CAPTURE_NONE:
    case TRACE_CAPTURE_HASHES:
        buf_release(&trace->request_body);
        buf_release(&trace->response_body);
        break;
    case TRACE_CAPTURE_REDACTED:
        redact(memo, &trace->request_body, trace->request_blob);
        redact(memo, &trace->response_body, trace->response_blob);
        break;
    case TRACE_CAPTURE_FULL:
        memcpy(trace->request_blob, trace->request_hash, sizeof(trace->request_blob));
        memcpy(trace->response_blob, trace->response_hash, sizeof(trace->response_blob));
        break;
    }
}
