/*
 * The response object and its items; whole answers.
 */
#include "core/attr.h"
#include "llm/wire_responses.h"

/* What a response repeats, and what stands there when the request did not give it: the API's
 * defaults. Members that weir answers by itself are not here. */
static const struct {
    const char *name;
    const char *otherwise;
} repeated[] = {
    {"instructions",        "null"                              },
    {"max_output_tokens",   "null"                              },
    {"max_tool_calls",      "null"                              },
    {"metadata",            "{}"                                },
    {"parallel_tool_calls", "true"                              },
    {"prompt_cache_key",    "null"                              },
    {"reasoning",           "{\"effort\":null,\"summary\":null}"},
    {"safety_identifier",   "null"                              },
    {"temperature",         "1.0"                               },
    {"text",                "{\"format\":{\"type\":\"text\"}}"  },
    {"tool_choice",         "\"auto\""                          },
    {"tools",               "[]"                                },
    {"top_logprobs",        "0"                                 },
    {"top_p",               "1.0"                               },
    {"truncation",          "\"disabled\""                      },
    {"user",                "null"                              },
};

_Static_assert(ARRAY_LEN(repeated) == WIRE_RESPONSES_REPEATED_MAX, "a row for each value");

void wire_responses_repeat(struct str body, struct wire_responses_repeated *ret_repeated)
{
    struct json_scan scan;
    struct json_member member;
    *ret_repeated = (struct wire_responses_repeated){0};
    json_scan_init(&scan, body);
    while (json_scan_next(&scan, &member)) {
        for (size_t i = 0; i < ARRAY_LEN(repeated); i++) {
            if (!str_is(member.value, "null") && json_key_is(member.key, repeated[i].name)) {
                ret_repeated->values[i] = member.value;
            }
        }
    }
}

/* --- the object -------------------------------------------------------------------------- */

struct str wire_responses_base_id(struct str given, struct str own)
{
    if (given.n == 0) {
        return own;
    }
    return str_starts(given, STR("resp_")) ? str_from(given, 5) : given;
}

void wire_responses_put_item_id(struct buf *out, const char *prefix, struct str response_id,
                                size_t n)
{
    buf_putc(out, '"');
    buf_puts(out, prefix);
    buf_putc(out, '_');
    buf_put_escaped(out, response_id);
    buf_putc(out, '_');
    buf_put_u64(out, n);
    buf_putc(out, '"');
}

static void put_usage(struct buf *out, const struct usage *u)
{
    int64_t input = u->input > 0 ? u->input : 0;
    int64_t output = u->output > 0 ? u->output : 0;
    int64_t written =
        (u->cache_write > 0 ? u->cache_write : 0) + (u->cache_write_1h > 0 ? u->cache_write_1h : 0);
    buf_puts(out, "{\"input_tokens\":");
    buf_put_i64(out, input);
    buf_puts(out, ",\"input_tokens_details\":{\"cached_tokens\":");
    buf_put_i64(out, u->cached > 0 ? u->cached : 0);
    buf_puts(out, ",\"cache_write_tokens\":");
    buf_put_i64(out, written);
    buf_puts(out, "},\"output_tokens\":");
    buf_put_i64(out, output);
    buf_puts(out, ",\"output_tokens_details\":{\"reasoning_tokens\":");
    buf_put_i64(out, u->reasoning > 0 ? u->reasoning : 0);
    buf_puts(out, "},\"total_tokens\":");
    buf_put_i64(out, input + output);
    buf_putc(out, '}');
}

void wire_responses_put_head(struct buf *out, const struct wire_responses_head *head)
{
    int64_t created_s = head->created_s >= 0 ? head->created_s : head->asked->created_s;
    buf_puts(out, "{\"id\":\"resp_");
    buf_put_escaped(out, head->id);
    buf_puts(out, "\",\"object\":\"response\",\"created_at\":");
    buf_put_i64(out, created_s);
    buf_puts(out, ",\"status\":\"");
    buf_puts(out, head->status);
    buf_puts(out, "\",\"background\":false,\"error\":");
    if (head->error_code) {
        buf_puts(out, "{\"code\":\"");
        buf_puts(out, head->error_code);
        buf_puts(out, "\",\"message\":");
        buf_put_json(out, head->error_message);
        buf_putc(out, '}');
    } else {
        buf_puts(out, "null");
    }
    buf_puts(out, ",\"incomplete_details\":");
    if (head->incomplete) {
        buf_puts(out, "{\"reason\":\"");
        buf_puts(out, head->incomplete);
        buf_puts(out, "\"}");
    } else {
        buf_puts(out, "null");
    }
    buf_puts(out, ",\"model\":");
    buf_put_json(out, head->model.n > 0 ? head->model : head->asked->request->model);
    buf_puts(out, ",\"output\":[");
}

void wire_responses_put_tail(struct buf *out, const struct wire_responses_head *head)
{
    buf_puts(out, "],\"previous_response_id\":null,\"store\":false");
    for (size_t i = 0; i < ARRAY_LEN(repeated); i++) {
        buf_puts(out, ",\"");
        buf_puts(out, repeated[i].name);
        buf_puts(out, "\":");
        if (head->repeated->values[i].n > 0) {
            buf_put_str(out, head->repeated->values[i]);
        } else {
            buf_puts(out, repeated[i].otherwise);
        }
    }
    wire_put_str_member(out, "service_tier", head->service_tier);
    buf_puts(out, ",\"usage\":");
    if (head->usage) {
        put_usage(out, head->usage);
    } else {
        buf_puts(out, "null");
    }
    buf_putc(out, '}');
}

const char *wire_responses_incomplete(enum message_finish finish)
{
    switch (finish) {
    case MESSAGE_FINISH_LENGTH:
        return "max_output_tokens";
    case MESSAGE_FINISH_FILTER:
        return "content_filter";
    case MESSAGE_FINISH_NONE:
    case MESSAGE_FINISH_STOP:
    case MESSAGE_FINISH_SEQUENCE:
    case MESSAGE_FINISH_CALLS:
    case MESSAGE_FINISH_PAUSE:
        break;
    }
    return NULL;
}

/* --- content ----------------------------------------------------------------------------- */

void wire_responses_put_text(struct buf *out, struct str text, struct str annotations)
{
    buf_puts(out, "{\"type\":\"output_text\",\"text\":");
    buf_put_json(out, text);
    buf_puts(out, ",\"annotations\":[");
    buf_put_str(out, annotations);
    buf_puts(out, "],\"logprobs\":[]}");
}

void wire_responses_put_refusal(struct buf *out, struct str text)
{
    buf_puts(out, "{\"type\":\"refusal\",\"refusal\":");
    buf_put_json(out, text);
    buf_putc(out, '}');
}

void wire_responses_put_citation(struct buf *out, const struct message_citation *citation,
                                 size_t chars)
{
    buf_puts(out, "{\"type\":\"url_citation\",");
    wire_openai_put_citation(out, citation, 0, chars);
    buf_putc(out, '}');
}

void wire_responses_put_thought(struct buf *out, struct str text, struct str seal, bool redacted)
{
    buf_puts(out, "\"summary\":[");
    if (text.n > 0) {
        buf_puts(out, "{\"type\":\"summary_text\",\"text\":");
        buf_put_json(out, text);
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
    if (seal.n > 0) {
        buf_puts(out, ",\"encrypted_content\":\"");
        buf_puts(out, redacted ? WIRE_RESPONSES_SEALED_MARK : "");
        buf_put_escaped(out, seal);
        buf_putc(out, '"');
    }
}

/* --- whole answers ----------------------------------------------------------------------- */

static bool is_said(const struct message_part *part)
{
    return part->kind == MESSAGE_TEXT || part->kind == MESSAGE_REFUSAL;
}

static void put_said(struct buf *out, const struct message_part *part)
{
    if (part->kind == MESSAGE_REFUSAL) {
        wire_responses_put_refusal(out, part->text);
        return;
    }
    struct buf annotations;
    size_t chars = part->citation_count > 0 ? wire_openai_chars(part->text) : 0;
    buf_init(&annotations, out->max);
    for (size_t i = 0; i < part->citation_count; i++) {
        buf_puts(&annotations, i > 0 ? "," : "");
        wire_responses_put_citation(&annotations, &part->citations[i], chars);
    }
    wire_responses_put_text(out, part->text, buf_str(&annotations));
    buf_release(&annotations);
}

/* Texts and refusals in a row from `from` on are one message; returns the index behind them. */
static size_t put_message(struct buf *out, const struct message_answer *a, size_t from,
                          const char *status)
{
    size_t i = from;
    buf_puts(out, ",\"type\":\"message\",\"role\":\"assistant\",\"status\":\"");
    buf_puts(out, status);
    buf_puts(out, "\",\"content\":[");
    for (; i < a->part_count && is_said(&a->parts[i]); i++) {
        buf_puts(out, i > from ? "," : "");
        put_said(out, &a->parts[i]);
    }
    buf_puts(out, "]}");
    return i;
}

static void put_call(struct buf *out, const struct message_part *part)
{
    buf_puts(out, ",\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":");
    buf_put_json(out, part->id);
    buf_puts(out, ",\"name\":");
    buf_put_json(out, part->name);
    buf_puts(out, ",\"arguments\":");
    buf_put_json(out, part->json);
    buf_putc(out, '}');
}

static void put_items(struct buf *out, const struct message_answer *a, struct str id)
{
    const char *status = wire_responses_incomplete(a->finish) ? "incomplete" : "completed";
    size_t n = 0;
    for (size_t i = 0; i < a->part_count;) {
        const struct message_part *part = &a->parts[i];
        if (!is_said(part) && part->kind != MESSAGE_CALL && part->kind != MESSAGE_THINKING) {
            i++;
            continue;
        }
        buf_puts(out, n > 0 ? ",{\"id\":" : "{\"id\":");
        if (part->kind == MESSAGE_THINKING) {
            if (part->id.n > 0) {
                buf_put_json(out, part->id);
            } else {
                wire_responses_put_item_id(out, "rs", id, n);
            }
            buf_puts(out, ",\"type\":\"reasoning\",");
            wire_responses_put_thought(out, part->text, part->signature, part->redacted);
            buf_putc(out, '}');
            i++;
        } else if (part->kind == MESSAGE_CALL) {
            wire_responses_put_item_id(out, "fc", id, n);
            put_call(out, part);
            i++;
        } else {
            wire_responses_put_item_id(out, "msg", id, n);
            i = put_message(out, a, i, status);
        }
        n++;
    }
}

void wire_responses_write_answer(const struct message_answer *a, const struct wire_asked *asked,
                                 struct buf *out)
{
    struct wire_responses_repeated values;
    const char *incomplete = wire_responses_incomplete(a->finish);
    struct wire_responses_head head = {
        .asked = asked,
        .repeated = &values,
        .id = wire_responses_base_id(a->id, asked->id),
        .model = a->model,
        .service_tier = a->service_tier,
        .created_s = a->created_s,
        .status = incomplete ? "incomplete" : "completed",
        .incomplete = incomplete,
        .usage = &a->usage,
    };
    wire_responses_repeat(asked->body, &values);
    wire_responses_put_head(out, &head);
    put_items(out, a, head.id);
    wire_responses_put_tail(out, &head);
}
