#include "llm/wire_messages.h"

const struct wire wire_messages = {
    .name = "messages",
    .dialect = DIALECT_ANTHROPIC,
    .route = ROUTE_MESSAGES,
    .read_request = wire_messages_read_request,
    .write_answer = wire_messages_write_answer,
    .writer_new = wire_messages_writer_new,
    .writer_free = wire_messages_writer_free,
    .write_delta = wire_messages_write_delta,
    .write_request = wire_messages_write_request,
    .read_answer = wire_messages_read_answer,
    .reader_new = wire_messages_reader_new,
    .reader_free = wire_messages_reader_free,
    .read_event = wire_messages_read_event,
    .read_end = wire_messages_read_end,
};

/* --- words ------------------------------------------------------------------------------- */

/* The first row of a meaning is the word that is written for it. */
static const struct {
    const char *word;
    enum message_finish finish;
} stop_reasons[] = {
    {"end_turn",                      MESSAGE_FINISH_STOP    },
    {"max_tokens",                    MESSAGE_FINISH_LENGTH  },
    {"stop_sequence",                 MESSAGE_FINISH_SEQUENCE},
    {"tool_use",                      MESSAGE_FINISH_CALLS   },
    {"pause_turn",                    MESSAGE_FINISH_PAUSE   },
    {"refusal",                       MESSAGE_FINISH_FILTER  },
    {"model_context_window_exceeded", MESSAGE_FINISH_LENGTH  },
};

enum message_finish wire_messages_finish(struct str stop_reason)
{
    for (size_t i = 0; i < ARRAY_LEN(stop_reasons); i++) {
        if (str_is(stop_reason, stop_reasons[i].word)) {
            return stop_reasons[i].finish;
        }
    }
    return stop_reason.n > 0 ? MESSAGE_FINISH_STOP : MESSAGE_FINISH_NONE;
}

const char *wire_messages_stop_reason(enum message_finish finish)
{
    for (size_t i = 0; i < ARRAY_LEN(stop_reasons); i++) {
        if (stop_reasons[i].finish == finish) {
            return stop_reasons[i].word;
        }
    }
    return NULL;
}

/* Anthropic's words beside those of message.h, which are OpenAI's. */
struct tier {
    const char *anthropic, *plain;
};

static const struct tier tiers_asked[] = {
    {"auto",          "auto"   },
    {"standard_only", "default"},
};
static const struct tier tiers_served[] = {
    {"standard", "default" },
    {"priority", "priority"},
    {"batch",    "flex"    },
};

static struct str tier_plain(const struct tier *rows, size_t n, struct str word)
{
    for (size_t i = 0; i < n; i++) {
        if (str_is(word, rows[i].anthropic)) {
            return str_of(rows[i].plain);
        }
    }
    return STR_EMPTY;
}

static struct str tier_anthropic(const struct tier *rows, size_t n, struct str word)
{
    for (size_t i = 0; i < n; i++) {
        if (str_is(word, rows[i].plain)) {
            return str_of(rows[i].anthropic);
        }
    }
    return STR_EMPTY;
}

struct str wire_messages_tier_asked(struct str tier)
{
    return tier_plain(tiers_asked, ARRAY_LEN(tiers_asked), tier);
}

struct str wire_messages_tier_wanted(struct str tier)
{
    return tier_anthropic(tiers_asked, ARRAY_LEN(tiers_asked), tier);
}

struct str wire_messages_tier_given(struct str tier)
{
    return tier_plain(tiers_served, ARRAY_LEN(tiers_served), tier);
}

struct str wire_messages_tier_served(struct str tier)
{
    return tier_anthropic(tiers_served, ARRAY_LEN(tiers_served), tier);
}

/* --- pieces ------------------------------------------------------------------------------ */

static int64_t at_least_0(int64_t count)
{
    return count > 0 ? count : 0;
}

static void put_count(struct buf *out, const char *key, int64_t count)
{
    wire_put_key(out, key);
    buf_put_i64(out, at_least_0(count));
}

/* input_tokens are those that the cache had no part in. */
void wire_messages_put_usage(struct buf *out, const struct usage *usage, struct str tier,
                             bool final)
{
    int64_t short_write = at_least_0(usage->cache_write);
    int64_t long_write = at_least_0(usage->cache_write_1h);
    int64_t cached = at_least_0(usage->cached);
    wire_put_key(out, "usage");
    buf_putc(out, '{');
    put_count(out, "input_tokens", usage->input - cached - short_write - long_write);
    put_count(out, "cache_creation_input_tokens", short_write + long_write);
    put_count(out, "cache_read_input_tokens", cached);
    if (!final && long_write > 0) {
        wire_put_key(out, "cache_creation");
        buf_putc(out, '{');
        put_count(out, "ephemeral_5m_input_tokens", short_write);
        put_count(out, "ephemeral_1h_input_tokens", long_write);
        buf_putc(out, '}');
    }
    put_count(out, "output_tokens", usage->output);
    if (usage->reasoning >= 0) {
        wire_put_key(out, "output_tokens_details");
        buf_putc(out, '{');
        put_count(out, "thinking_tokens", usage->reasoning);
        buf_putc(out, '}');
    }
    struct str served = wire_messages_tier_served(tier);
    if (!final && served.n > 0) {
        wire_put_str(out, "service_tier", served);
    }
    buf_putc(out, '}');
}

bool wire_messages_read_citation(yyjson_val *object, struct message_citation *ret_citation)
{
    if (!str_is(json_get_str(object, "type"), "web_search_result_location")) {
        return false;
    }
    *ret_citation = (struct message_citation){
        .url = json_get_str(object, "url"),
        .title = json_get_str(object, "title"),
        .cited = json_get_str(object, "cited_text"),
        .start = -1,
        .end = -1,
    };
    return ret_citation->url.n > 0;
}

void wire_messages_put_citation(struct buf *out, const struct message_citation *citation)
{
    wire_put_item(out);
    buf_puts(out, "{\"type\":\"web_search_result_location\"");
    wire_put_str(out, "url", citation->url);
    wire_put_str(out, "title", citation->title);
    wire_put_str(out, "cited_text", citation->cited);
    buf_puts(out, ",\"encrypted_index\":\"\"}");
}

void wire_messages_put_call_id(struct buf *out, struct str id, struct str answer_id, size_t index)
{
    if (id.n > 0) {
        buf_put_json(out, id);
        return;
    }
    buf_puts(out, "\"toolu_");
    buf_put_escaped(out, answer_id);
    buf_putf(out, "_%zu\"", index);
}
