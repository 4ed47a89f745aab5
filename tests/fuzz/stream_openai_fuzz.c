/*
 * Streams of the OpenAI dialect: nothing is edited unless it was asked for, and an edited event
 * holds the same members but one `usage`. The first byte picks the route.
 */
#include "core/json.h"
#include "llm/provider.h"
#include "net/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EVENT_BYTES_MAX (1u << 20)

static const enum route routes[] = {ROUTE_CHAT, ROUTE_COMPLETIONS, ROUTE_RESPONSES,
                                    ROUTE_PASSTHROUGH};

static void check_facts(const struct answer_facts *facts)
{
    BUG_ON(!memchr(facts->model, '\0', sizeof(facts->model)));
    BUG_ON(!memchr(facts->upstream_id, '\0', sizeof(facts->upstream_id)));
    BUG_ON(!memchr(facts->finish_reason, '\0', sizeof(facts->finish_reason)));
    BUG_ON(!memchr(facts->error_text, '\0', sizeof(facts->error_text)));
    BUG_ON(!str_is_utf8(str_of(facts->error_text)) || !str_is_utf8(str_of(facts->model)));
    BUG_ON(facts->usage.input > USAGE_TOKENS_MAX || facts->usage.output > USAGE_TOKENS_MAX);
    BUG_ON(facts->output_bytes < 0 || facts->output_tokens_estimated < 0);
}

static size_t count_usage(struct str object)
{
    struct json_member member;
    size_t count = 0;
    json_find(object, "usage", &member, &count);
    return count;
}

static bool next_kept(struct json_scan *scan, struct json_member *member)
{
    while (json_scan_next(scan, member)) {
        if (!json_key_is(member->key, "usage")) {
            return true;
        }
    }
    return false;
}

static void check_same_members(struct str before, struct str after)
{
    struct json_scan a;
    struct json_scan b;
    struct json_member x;
    struct json_member y;
    json_scan_init(&a, before);
    json_scan_init(&b, after);
    while (next_kept(&a, &x)) {
        BUG_ON(!next_kept(&b, &y));
        BUG_ON(!str_eq(x.key, y.key) || !str_eq(x.value, y.value));
    }
    BUG_ON(next_kept(&b, &y));
}

static void check_replacement(const struct sse_event *event, struct str replacement)
{
    struct sse reader;
    struct sse_event edited;
    BUG_ON(replacement.n >= event->raw.n);
    sse_init(&reader, EVENT_BYTES_MAX);
    BUG_ON(sse_push(&reader, replacement) < 0);
    BUG_ON(!sse_next(&reader, &edited));
    BUG_ON(!str_eq(edited.event, event->event));
    yyjson_doc *before = json_parse(event->data, NULL);
    if (before) {
        yyjson_doc *after = json_parse(edited.data, NULL);
        BUG_ON(!after);
        BUG_ON(count_usage(edited.data) + 1 != count_usage(event->data));
        check_same_members(event->data, edited.data);
        yyjson_doc_free(after);
        yyjson_doc_free(before);
    }
    sse_release(&reader);
}

static void run(enum route route, struct str stream, bool strip)
{
    struct sse reader;
    struct sse_event event;
    struct answer_facts facts;
    struct buf replacement;
    answer_facts_init(&facts);
    buf_init(&replacement, EVENT_BYTES_MAX);
    sse_init(&reader, EVENT_BYTES_MAX);
    if (sse_push(&reader, stream) == 0) {
        while (sse_next(&reader, &event)) {
            enum provider_verdict verdict = provider_openai.on_event(
                route, event.event, event.data, event.raw, strip, &facts, &replacement);
            BUG_ON(!strip && verdict != PROVIDER_PASS);
            BUG_ON(route == ROUTE_RESPONSES && verdict != PROVIDER_PASS);
            if (verdict == PROVIDER_REPLACE) {
                check_replacement(&event, buf_str(&replacement));
            }
        }
    }
    check_facts(&facts);
    sse_release(&reader);
    buf_release(&replacement);
    answer_facts_release(&facts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    enum route route = routes[data[0] % ARRAY_LEN(routes)];
    struct str rest = str_make(data + 1, size - 1);
    run(route, rest, false);
    run(route, rest, true);

    struct answer_facts facts;
    char text[64];
    answer_facts_init(&facts);
    provider_openai.on_answer(route, rest, &facts);
    check_facts(&facts);
    answer_facts_release(&facts);
    provider_openai.error_text(rest, text, 1 + data[0] % sizeof(text));
    BUG_ON(!str_is_utf8(str_of(text)));
    return 0;
}
