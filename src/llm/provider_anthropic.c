/*
 * The Messages API. Nothing in its streams is ever edited: usage comes unasked.
 */
#include "llm/provider.h"
#include "llm/skim.h"
#include "llm/wire.h"

#define ANTHROPIC_VERSION_LINE "anthropic-version: 2023-06-01\r\n"

static void write_auth(struct buf *out, struct str key, bool has_version)
{
    provider_write_key(out, "x-api-key: ", key);
    if (!has_version) {
        buf_puts(out, ANTHROPIC_VERSION_LINE);
    }
}

static void take_usage(struct skim *skim, struct skim_value *value, struct answer_facts *facts)
{
    skim_skip(skim, value);
    answer_facts_take_usage(facts, DIALECT_ANTHROPIC, value->text);
    struct skim inner;
    struct skim_value part;
    skim_init(&inner, value->text);
    while (skim_next(&inner, &part)) {
        if (part.depth == 1 && part.type == SKIM_STRING && str_is(part.key, "service_tier")) {
            skim_copy(part.text, facts->service_tier, sizeof(facts->service_tier));
        }
    }
}

/* Members of a message object: in message_start, or the whole of an unstreamed answer. */
static void read_message_member(struct skim *skim, struct skim_value *value,
                                struct answer_facts *facts)
{
    if (value->type == SKIM_OBJECT && str_is(value->key, "usage")) {
        take_usage(skim, value, facts);
    } else if (value->type != SKIM_STRING) {
        return;
    } else if (str_is(value->key, "id")) {
        skim_copy(value->text, facts->upstream_id, sizeof(facts->upstream_id));
    } else if (str_is(value->key, "model")) {
        skim_copy(value->text, facts->model, sizeof(facts->model));
    } else if (str_is(value->key, "stop_reason")) {
        skim_copy(value->text, facts->finish_reason, sizeof(facts->finish_reason));
    }
}

/* What a content block or its delta delivers. Signatures and encrypted thinking are not billed as
 * text and are left out. */
static bool is_delivered(struct str key)
{
    return str_is(key, "text") || str_is(key, "partial_json") || str_is(key, "thinking");
}

static void on_message_start(struct str data, struct answer_facts *facts)
{
    struct skim skim;
    struct skim_value value;
    skim_init(&skim, data);
    while (skim_next(&skim, &value)) {
        if (value.depth == 2 && skim_inside(&skim, 2, "message")) {
            read_message_member(&skim, &value, facts);
        }
    }
}

static void on_block(struct str data, struct answer_facts *facts)
{
    struct skim skim;
    struct skim_value value;
    skim_init(&skim, data);
    while (skim_next(&skim, &value)) {
        if (value.depth == 2 && value.type == SKIM_STRING && is_delivered(value.key)) {
            answer_facts_add_text(facts, value.text);
        }
    }
}

static void on_message_delta(struct str data, struct answer_facts *facts)
{
    struct skim skim;
    struct skim_value value;
    skim_init(&skim, data);
    while (skim_next(&skim, &value)) {
        if (value.depth == 1 && value.type == SKIM_OBJECT && str_is(value.key, "usage")) {
            take_usage(&skim, &value, facts);
        } else if (value.depth == 2 && value.type == SKIM_STRING &&
                   str_is(value.key, "stop_reason")) {
            skim_copy(value.text, facts->finish_reason, sizeof(facts->finish_reason));
        }
    }
}

static void on_error(struct str data, struct answer_facts *facts)
{
    facts->failed = true;
    provider_error_text(data, facts->error_text, sizeof(facts->error_text));
}

/* The name in the data, for servers that leave out the event line. */
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

/* Three spans of one event: NOLINTNEXTLINE(readability-function-size) */
static enum provider_verdict on_event(enum route route, struct str event, struct str data,
                                      struct str raw, bool strip_usage, struct answer_facts *facts,
                                      struct buf *replacement)
{
    (void)route;
    (void)raw;
    (void)strip_usage;
    buf_clear(replacement);
    if (data.n == 0) {
        return PROVIDER_PASS;
    }
    struct str name = event.n > 0 ? event : type_in(data);
    if (str_is(name, "content_block_delta") || str_is(name, "content_block_start")) {
        on_block(data, facts);
    } else if (str_is(name, "message_start")) {
        on_message_start(data, facts);
    } else if (str_is(name, "message_delta")) {
        on_message_delta(data, facts);
    } else if (str_is(name, "message_stop")) {
        facts->terminal = true;
    } else if (str_is(name, "error")) {
        on_error(data, facts);
    }
    return PROVIDER_PASS;
}

static void on_answer(enum route route, struct str body, struct answer_facts *facts)
{
    /* The answer of count_tokens says what a call would use; it used nothing. */
    if (route == ROUTE_COUNT_TOKENS) {
        return;
    }
    struct skim skim;
    struct skim_value value;
    skim_init(&skim, body);
    while (skim_next(&skim, &value)) {
        if (value.depth == 1) {
            read_message_member(&skim, &value, facts);
        } else if (value.depth == 3 && skim_inside(&skim, 2, "content")) {
            bool input = value.type == SKIM_OBJECT && str_is(value.key, "input");
            if (input) {
                skim_skip(&skim, &value);
            }
            if (input || (value.type == SKIM_STRING && is_delivered(value.key))) {
                answer_facts_add_text(facts, value.text);
            }
        }
    }
}

/* "/v1" is no part of an Anthropic base_url, and often written all the same. */
static void write_path(struct buf *out, const struct provider_place *place)
{
    bool versioned = str_ends(place->base, STR("/v1"));
    buf_put_str(out, place->base);
    buf_put_str(out, versioned ? provider_behind_version(place->path) : place->path);
    provider_put_query(out, '?', place->query);
}

const struct provider provider_anthropic = {
    .name = "anthropic",
    .dialect = DIALECT_ANTHROPIC,
    .wire = &wire_messages,
    .write_path = write_path,
    .write_auth = write_auth,
    .on_event = on_event,
    .on_answer = on_answer,
    .error_text = provider_error_text,
};
