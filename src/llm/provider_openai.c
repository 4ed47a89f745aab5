/*
 * The OpenAI dialect: chat completions, legacy completions, embeddings and responses, as OpenAI and
 * the many compatible servers send them.
 */
#include "core/attr.h"
#include "llm/provider.h"
#include "llm/skim.h"
#include "llm/wire.h"

/* What one chat or completions chunk holds, as far as the verdict depends on it. Offsets are in the
 * event's data. */
struct chunk {
    enum { USAGE_NONE = 0, USAGE_NULL, USAGE_OBJECT } usage;

    size_t usage_start;
    size_t usage_end;
    bool has_choice;
    bool has_more; /* something besides the envelope that the client would miss */
};

/* Members that say nothing of their own in a chunk without choices. */
static const struct str envelope[] = {
    {"id",                 2 },
    {"object",             6 },
    {"created",            7 },
    {"model",              5 },
    {"choices",            7 },
    {"usage",              5 },
    {"service_tier",       12},
    {"system_fingerprint", 18},
    {"obfuscation",        11},
    {"timings",            7 },
    {"provider",           8 },
    {"x_groq",             6 },
};

/* Members of a choice whose strings the model wrote. */
static const struct str delivered[] = {
    {"content",           7 },
    {"text",              4 },
    {"arguments",         9 },
    {"reasoning_content", 17},
    {"reasoning",         9 },
    {"refusal",           7 },
    {"input",             5 },
};

/* Containers in a choice that repeat what is counted already, or are no text of the model. */
static const struct str repeated[] = {
    {"logprobs",          8 },
    {"reasoning_details", 17},
    {"annotations",       11},
    {"audio",             5 },
};

static bool is_one_of(struct str key, const struct str *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(key, names[i])) {
            return true;
        }
    }
    return false;
}

static void write_auth(struct buf *out, struct str key, bool has_version)
{
    (void)has_version;
    provider_write_key(out, "authorization: Bearer ", key);
}

/* The first value that is not empty stays: some servers send an empty first chunk. */
static void take_once(struct str text, char *out, size_t size)
{
    if (out[0] == '\0') {
        skim_copy(text, out, size);
    }
}

static bool take_identity(const struct skim_value *value, struct answer_facts *facts)
{
    if (value->type != SKIM_STRING) {
        return false;
    }
    if (str_is(value->key, "id")) {
        take_once(value->text, facts->upstream_id, sizeof(facts->upstream_id));
    } else if (str_is(value->key, "model")) {
        take_once(value->text, facts->model, sizeof(facts->model));
    } else if (str_is(value->key, "service_tier")) {
        /* The last one counts: the tier asked for may be answered by the tier used. */
        if (!str_is(value->text, facts->service_tier)) {
            skim_copy(value->text, facts->service_tier, sizeof(facts->service_tier));
        }
    } else {
        return false;
    }
    return true;
}

static void read_top_member(struct skim *skim, struct skim_value *value, struct answer_facts *facts,
                            struct chunk *chunk)
{
    if (take_identity(value, facts) || skim_is_null(value)) {
        if (str_is(value->key, "usage")) {
            chunk->usage = USAGE_NULL;
            chunk->usage_start = value->start;
            chunk->usage_end = value->end;
        }
        return;
    }
    if (str_is(value->key, "usage") && value->type == SKIM_OBJECT) {
        skim_skip(skim, value);
        chunk->usage = USAGE_OBJECT;
        chunk->usage_start = value->start;
        chunk->usage_end = value->end;
        answer_facts_take_usage(facts, DIALECT_OPENAI, value->text);
    } else if (str_is(value->key, "error")) {
        chunk->has_more = true;
        facts->failed = true;
        provider_error_text(skim->text, facts->error_text, sizeof(facts->error_text));
    } else if (str_is(value->key, "data")) {
        /* Embeddings: megabytes of numbers that say nothing here. */
        if (value->type == SKIM_ARRAY) {
            skim_skip(skim, value);
        }
    } else if (!is_one_of(value->key, envelope, ARRAY_LEN(envelope))) {
        chunk->has_more = true;
    }
}

static void read_choice_member(struct skim *skim, struct skim_value *value,
                               struct answer_facts *facts)
{
    if (value->type == SKIM_STRING) {
        if (value->depth == 3 && str_is(value->key, "finish_reason")) {
            skim_copy(value->text, facts->finish_reason, sizeof(facts->finish_reason));
        } else if (is_one_of(value->key, delivered, ARRAY_LEN(delivered))) {
            answer_facts_add_text(facts, value->text);
        }
    } else if (value->type == SKIM_OBJECT || value->type == SKIM_ARRAY) {
        if (is_one_of(value->key, repeated, ARRAY_LEN(repeated))) {
            skim_skip(skim, value);
        }
    }
}

/* A chunk, or a whole answer: they differ in `delta` and `message` only. */
static void read_chunk(struct str data, struct answer_facts *facts, struct chunk *chunk)
{
    struct skim skim;
    struct skim_value value;
    skim_init(&skim, data);
    while (skim_next(&skim, &value)) {
        if (value.depth == 1) {
            read_top_member(&skim, &value, facts, chunk);
            continue;
        }
        bool in_choices = skim_inside(&skim, 2, "choices");
        chunk->has_choice |= in_choices;
        if (value.type == SKIM_OBJECT && str_is(value.key, "usage")) {
            /* Some servers report in the last choice, some in a member of their own. */
            skim_skip(&skim, &value);
            answer_facts_take_usage(facts, DIALECT_OPENAI, value.text);
        } else if (in_choices && value.depth >= 3) {
            read_choice_member(&skim, &value, facts);
        }
    }
}

/* A range of the event's data. */
struct cut {
    size_t start;
    size_t end;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The usage member with one comma: the one before it, or behind it when it is the first member. */
static struct cut usage_cut(struct str data, const struct chunk *chunk)
{
    struct cut cut = {chunk->usage_start, chunk->usage_end};
    size_t before = cut.start;
    while (before > 0 && is_space(data.p[before - 1])) {
        before--;
    }
    if (before > 0 && data.p[before - 1] == ',') {
        cut.start = before - 1;
        return cut;
    }
    size_t behind = cut.end;
    while (behind < data.n && is_space(data.p[behind])) {
        behind++;
    }
    if (behind < data.n && data.p[behind] == ',') {
        behind++;
        while (behind < data.n && is_space(data.p[behind])) {
            behind++;
        }
        cut.end = behind;
    }
    return cut;
}

/* Bytes of the line at `at` up to its value when it is a data line, else 0. */
static size_t data_prefix(struct str line)
{
    size_t mark = str_starts(line, STR("\xef\xbb\xbf")) ? 3 : 0;
    struct str field = str_from(line, mark);
    if (str_starts(field, STR("data:"))) {
        return mark + (field.n > 5 && field.p[5] == ' ' ? 6 : 5);
    }
    return str_is(field, "data") ? mark + 4 : 0;
}

/* Offset of the line end at or behind `at`, or the text's length. */
static size_t line_end(struct str text, size_t at)
{
    struct str rest = str_from(text, at);
    ptrdiff_t feed = str_find_char(rest, '\n');
    rest = feed < 0 ? rest : str_head(rest, (size_t)feed);
    ptrdiff_t carriage = str_find_char(rest, '\r');
    return at + (carriage < 0 ? rest.n : (size_t)carriage);
}

/* Copies the raw event without the bytes of its data that are cut out; lines, line ends and other
 * fields stay. Data lines count as joined by LF, as the cut's offsets do. */
static void write_without(struct str raw, struct cut cut, struct buf *out)
{
    size_t offset = 0;
    bool first = true;
    size_t at = 0;
    while (at < raw.n) {
        size_t end = line_end(raw, at);
        size_t prefix = data_prefix(str_make(raw.p + at, end - at));
        if (prefix > 0) {
            struct str value = str_make(raw.p + at + prefix, end - at - prefix);
            offset += first ? 0 : 1;
            first = false;
            size_t keep = cut.start > offset ? cut.start - offset : 0;
            size_t resume = cut.end > offset ? cut.end - offset : 0;
            buf_put(out, raw.p + at, prefix);
            buf_put_str(out, str_head(value, keep));
            buf_put_str(out, str_from(value, resume));
            offset += value.n;
        } else {
            buf_put(out, raw.p + at, end - at);
        }
        size_t next = end < raw.n ? end + 1 : end;
        next += next < raw.n && raw.p[end] == '\r' && raw.p[next] == '\n' ? 1 : 0;
        buf_put(out, raw.p + end, next - end);
        at = next;
    }
}

static enum provider_verdict strip(struct str data, struct str raw, const struct chunk *chunk,
                                   struct buf *replacement)
{
    if (chunk->usage == USAGE_NONE || (chunk->usage == USAGE_OBJECT && chunk->has_choice)) {
        /* Who sends usage beside a choice does so unasked. */
        return PROVIDER_PASS;
    }
    if (chunk->usage == USAGE_OBJECT && !chunk->has_more) {
        return PROVIDER_DROP;
    }
    write_without(raw, usage_cut(data, chunk), replacement);
    /* An event too long to be held is better passed whole than cut short. */
    return buf_ok(replacement) ? PROVIDER_REPLACE : PROVIDER_PASS;
}

static enum provider_verdict on_chunk(struct str event, struct str data, struct str raw,
                                      bool strip_usage, struct answer_facts *facts,
                                      struct buf *replacement)
{
    if (str_starts(data, STR("[DONE]"))) {
        facts->terminal = true;
        return PROVIDER_PASS;
    }
    struct chunk chunk = {0};
    read_chunk(data, facts, &chunk);
    if (str_is(event, "error") && !facts->failed) {
        facts->failed = true;
        provider_error_text(data, facts->error_text, sizeof(facts->error_text));
    }
    return strip_usage ? strip(data, raw, &chunk, replacement) : PROVIDER_PASS;
}

/* Members of a response object, which stand at `depth`: 1 in an answer, 2 in an event. */
static void read_response_member(struct skim *skim, struct skim_value *value, unsigned depth,
                                 struct answer_facts *facts)
{
    if (value->depth == depth) {
        if (value->type == SKIM_OBJECT && str_is(value->key, "usage")) {
            skim_skip(skim, value);
            answer_facts_take_usage(facts, DIALECT_OPENAI, value->text);
        } else if (!take_identity(value, facts) && value->type == SKIM_STRING &&
                   str_is(value->key, "status")) {
            skim_copy(value->text, facts->finish_reason, sizeof(facts->finish_reason));
        }
    } else if (value->depth == depth + 1 && value->type == SKIM_STRING) {
        if (skim_inside(skim, depth + 1, "incomplete_details") && str_is(value->key, "reason")) {
            skim_copy(value->text, facts->finish_reason, sizeof(facts->finish_reason));
        } else if (skim_inside(skim, depth + 1, "error") && str_is(value->key, "message")) {
            skim_copy(value->text, facts->error_text, sizeof(facts->error_text));
        }
    }
}

enum response_event {
    RESPONSE_OTHER = 0,
    RESPONSE_STATE, /* carries the response object */
    RESPONSE_END,   /* the same, as the last event */
    RESPONSE_FAILED,
    RESPONSE_DELTA,
    RESPONSE_ERROR
};

static enum response_event classify(struct str name)
{
    static const struct {
        const char *name;
        enum response_event event;
    } rows[] = {
        {"response.created",            RESPONSE_STATE },
        {"response.in_progress",        RESPONSE_STATE },
        {"response.queued",             RESPONSE_STATE },
        {"response.completed",          RESPONSE_END   },
        {"response.incomplete",         RESPONSE_END   },
        {"response.cancelled",          RESPONSE_END   },
        {"response.failed",             RESPONSE_FAILED},
        {"error",                       RESPONSE_ERROR },
        {"response.audio.delta",        RESPONSE_OTHER },
        {"response.output_audio.delta", RESPONSE_OTHER },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (str_is(name, rows[i].name)) {
            return rows[i].event;
        }
    }
    return str_ends(name, STR(".delta")) ? RESPONSE_DELTA : RESPONSE_OTHER;
}

/* A member of the event itself. False: the rest repeats what the deltas brought. */
static bool read_event_member(const struct skim_value *value, enum response_event kind,
                              struct answer_facts *facts)
{
    if (str_is(value->key, "sequence_number")) {
        facts->sequence_number = skim_i64(value, facts->sequence_number);
        return kind != RESPONSE_OTHER;
    }
    if (kind == RESPONSE_DELTA && value->type == SKIM_STRING && str_is(value->key, "delta")) {
        answer_facts_add_text(facts, value->text);
    }
    return true;
}

static void read_response_event(struct str data, enum response_event kind,
                                struct answer_facts *facts)
{
    bool state = kind == RESPONSE_STATE || kind == RESPONSE_END || kind == RESPONSE_FAILED;
    struct skim skim;
    struct skim_value value;
    skim_init(&skim, data);
    while (skim_next(&skim, &value)) {
        if (value.depth == 1) {
            if (!read_event_member(&value, kind, facts)) {
                return;
            }
        } else if (state && skim_inside(&skim, 2, "response")) {
            read_response_member(&skim, &value, 2, facts);
        }
    }
}

static struct str type_in(struct str data)
{
    struct skim skim;
    struct skim_value value;
    skim_init(&skim, data);
    while (skim_next(&skim, &value)) {
        if (value.depth == 1 && value.type == SKIM_STRING && str_is(value.key, "type")) {
            return value.text;
        }
    }
    return STR_EMPTY;
}

static void on_response_event(struct str event, struct str data, struct answer_facts *facts)
{
    enum response_event kind = classify(event.n > 0 ? event : type_in(data));
    read_response_event(data, kind, facts);
    if (kind == RESPONSE_END || kind == RESPONSE_FAILED) {
        facts->terminal = true;
    }
    if (kind == RESPONSE_FAILED || kind == RESPONSE_ERROR) {
        facts->failed = true;
    }
    if (kind == RESPONSE_ERROR) {
        provider_error_text(data, facts->error_text, sizeof(facts->error_text));
    }
}

/* Three spans of one event: NOLINTNEXTLINE(readability-function-size) */
static enum provider_verdict on_event(enum route route, struct str event, struct str data,
                                      struct str raw, bool strip_usage, struct answer_facts *facts,
                                      struct buf *replacement)
{
    buf_clear(replacement);
    if (data.n == 0 || route == ROUTE_PASSTHROUGH) {
        return PROVIDER_PASS;
    }
    if (route == ROUTE_RESPONSES) {
        on_response_event(event, data, facts);
        return PROVIDER_PASS;
    }
    return on_chunk(event, data, raw, strip_usage, facts, replacement);
}

/* What a response's output items deliver: text at any depth below `output`, arguments and inputs of
 * tools. */
static void read_output(struct skim *skim, struct skim_value *value, struct answer_facts *facts)
{
    if (value->type == SKIM_STRING && is_one_of(value->key, delivered, ARRAY_LEN(delivered))) {
        answer_facts_add_text(facts, value->text);
    } else if ((value->type == SKIM_OBJECT || value->type == SKIM_ARRAY) &&
               is_one_of(value->key, repeated, ARRAY_LEN(repeated))) {
        skim_skip(skim, value);
    }
}

static void on_response_answer(struct str body, struct answer_facts *facts)
{
    struct skim skim;
    struct skim_value value;
    skim_init(&skim, body);
    while (skim_next(&skim, &value)) {
        if (value.depth >= 3 && skim_inside(&skim, 2, "output")) {
            read_output(&skim, &value, facts);
        } else {
            read_response_member(&skim, &value, 1, facts);
        }
    }
}

static void on_answer(enum route route, struct str body, struct answer_facts *facts)
{
    if (route == ROUTE_PASSTHROUGH) {
        return;
    }
    if (route == ROUTE_RESPONSES) {
        on_response_answer(body, facts);
        return;
    }
    struct chunk chunk = {0};
    read_chunk(body, facts, &chunk);
}

/* "/v1" is part of an OpenAI base_url; one that has no path at all is met halfway. */
static void write_path(struct buf *out, const struct provider_place *place)
{
    buf_put_str(out, place->base);
    buf_put_str(out, place->base.n == 0 ? place->path : provider_behind_version(place->path));
    provider_put_query(out, '?', place->query);
}

const struct provider provider_openai = {
    .name = "openai",
    .dialect = DIALECT_OPENAI,
    .wire = &wire_chat,
    .write_path = write_path,
    .write_auth = write_auth,
    .on_event = on_event,
    .on_answer = on_answer,
    .error_text = provider_error_text,
};
