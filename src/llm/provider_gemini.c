/*
 * Google's Gemini API (generateContent). Its streams end without a word of their own: one is whole
 * when an event said why the answer ended.
 */
#include "llm/provider.h"
#include "llm/skim.h"
#include "llm/wire.h"

static void write_auth(struct buf *out, struct str key, bool has_version)
{
    (void)has_version;
    provider_write_key(out, "x-goog-api-key: ", key);
}

/* Text, a thought or the arguments of a call, in candidates[].content.parts[]. */
static void read_part_member(struct skim *skim, struct skim_value *value,
                             struct answer_facts *facts)
{
    if (value->depth == 6 && value->type == SKIM_STRING && str_is(value->key, "text")) {
        answer_facts_add_text(facts, value->text);
    } else if (value->depth == 7 && value->type == SKIM_OBJECT && str_is(value->key, "args")) {
        skim_skip(skim, value);
        answer_facts_add_text(facts, value->text);
    }
}

static void read_top_member(struct skim *skim, struct skim_value *value, struct answer_facts *facts)
{
    if (value->type == SKIM_OBJECT && str_is(value->key, "usageMetadata")) {
        skim_skip(skim, value);
        answer_facts_take_usage(facts, DIALECT_GEMINI, value->text);
    } else if (value->type == SKIM_OBJECT && str_is(value->key, "error")) {
        facts->failed = true;
    } else if (value->type != SKIM_STRING) {
        return;
    } else if (str_is(value->key, "responseId")) {
        skim_copy(value->text, facts->upstream_id, sizeof(facts->upstream_id));
    } else if (str_is(value->key, "modelVersion")) {
        skim_copy(value->text, facts->model, sizeof(facts->model));
    }
}

/* Why the answer ended, or why there is none. */
static bool is_reason(const struct skim *skim, const struct skim_value *value)
{
    if (value->type != SKIM_STRING) {
        return false;
    }
    return (value->depth == 3 && str_is(value->key, "finishReason") &&
            skim_inside(skim, 2, "candidates")) ||
           (value->depth == 2 && str_is(value->key, "blockReason") &&
            skim_inside(skim, 2, "promptFeedback"));
}

static void read_response(struct str body, struct answer_facts *facts)
{
    struct skim skim;
    struct skim_value value;
    skim_init(&skim, body);
    while (skim_next(&skim, &value)) {
        if (value.depth == 1) {
            read_top_member(&skim, &value, facts);
        } else if (is_reason(&skim, &value)) {
            skim_copy(value.text, facts->finish_reason, sizeof(facts->finish_reason));
            facts->terminal = true;
        } else if (value.depth >= 6 && skim_inside(&skim, 5, "parts")) {
            read_part_member(&skim, &value, facts);
        }
    }
    if (facts->failed) {
        provider_error_text(body, facts->error_text, sizeof(facts->error_text));
    }
}

/* Three spans of one event: NOLINTNEXTLINE(readability-function-size) */
static enum provider_verdict on_event(enum route route, struct str event, struct str data,
                                      struct str raw, bool strip_usage, struct answer_facts *facts,
                                      struct buf *replacement)
{
    (void)route;
    (void)event;
    (void)raw;
    (void)strip_usage;
    buf_clear(replacement);
    read_response(data, facts);
    return PROVIDER_PASS;
}

static void on_answer(enum route route, struct str body, struct answer_facts *facts)
{
    (void)route;
    read_response(body, facts);
}

/* Model and verb stand in the path. A base_url with a version of the API is taken as it is. */
static void write_path(struct buf *out, const struct provider_place *place)
{
    bool versioned = str_ends(place->base, STR("/v1beta")) || str_ends(place->base, STR("/v1"));
    struct str model = place->model;
    if (str_starts(model, STR("models/"))) {
        model = str_from(model, strlen("models/"));
    }
    buf_put_str(out, place->base);
    buf_puts(out, versioned ? "/models/" : "/v1beta/models/");
    provider_put_segment(out, model);
    buf_puts(out, place->stream ? ":streamGenerateContent?alt=sse" : ":generateContent");
}

const struct provider provider_gemini = {
    .name = "gemini",
    .dialect = DIALECT_GEMINI,
    .wire = &wire_gemini,
    .write_path = write_path,
    .write_auth = write_auth,
    .on_event = on_event,
    .on_answer = on_answer,
    .error_text = provider_error_text,
};
