/*
 * Streams of the Anthropic dialect: every event passes, whatever it holds, and what is learnt stays
 * within its bounds. The first byte picks the route.
 */
#include "core/error.h"
#include "llm/provider.h"
#include "net/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_facts(const struct answer_facts *facts)
{
    const struct usage *u = &facts->usage;
    BUG_ON(!memchr(facts->model, '\0', sizeof(facts->model)));
    BUG_ON(!memchr(facts->upstream_id, '\0', sizeof(facts->upstream_id)));
    BUG_ON(!memchr(facts->service_tier, '\0', sizeof(facts->service_tier)));
    BUG_ON(!str_is_utf8(str_of(facts->error_text)) || !str_is_utf8(str_of(facts->model)));
    BUG_ON(u->input < -1 || u->cached < -1 || u->cache_write < -1 || u->cache_write_1h < -1);
    BUG_ON(u->input > 5 * USAGE_TOKENS_MAX || u->output > USAGE_TOKENS_MAX);
    /* The parts are parts of the input. */
    BUG_ON(u->input >= 0 && u->cached > u->input);
    BUG_ON(u->input >= 0 && u->cache_write > u->input);
    BUG_ON(u->input >= 0 && u->cache_write_1h > u->input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    enum route route = data[0] % 2 ? ROUTE_COUNT_TOKENS : ROUTE_MESSAGES;
    struct str rest = str_make(data + 1, size - 1);
    struct sse reader;
    struct sse_event event;
    struct answer_facts facts;
    struct buf replacement;
    char text[64];
    answer_facts_init(&facts);
    buf_init(&replacement, 4096);
    sse_init(&reader, 1u << 20);
    if (sse_push(&reader, rest) == 0) {
        while (sse_next(&reader, &event)) {
            BUG_ON(provider_anthropic.on_event(route, event.event, event.data, event.raw, true,
                                               &facts, &replacement) != PROVIDER_PASS);
            check_facts(&facts);
        }
    }
    provider_anthropic.on_answer(route, rest, &facts);
    check_facts(&facts);
    sse_release(&reader);
    buf_release(&replacement);
    answer_facts_release(&facts);
    provider_anthropic.error_text(rest, text, 1 + data[0] % sizeof(text));
    BUG_ON(!str_is_utf8(str_of(text)));
    return 0;
}
