#include "unit/engine/suite.h"

#include "engine/relay.h"

#define OUT_MAX (1u << 20)

static const char asked_of_us[] =
    "data: "
    "{\"id\":\"c1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\","
    "\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}\n\n"
    ": keep-alive\n\n"
    "data: "
    "{\"id\":\"c1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"gr\xc3\xbc"
    "n \\\"usage\\\":null\"},\"finish_reason\":null}],\"usage\":null}\r\n\r\n"
    "data: {\"id\":\"c1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
    "\"stop\"}],\"usage\":null}\n\n"
    "data: {\"id\":\"c1\",\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,"
    "\"completion_tokens\":3,\"total_tokens\":10}}\n\n"
    "data: [DONE]\n\n";

static const char as_unasked[] =
    "data: "
    "{\"id\":\"c1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\","
    "\"content\":\"\"},\"finish_reason\":null}]}\n\n"
    ": keep-alive\n\n"
    "data: "
    "{\"id\":\"c1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"gr\xc3\xbc"
    "n \\\"usage\\\":null\"},\"finish_reason\":null}]}\r\n\r\n"
    "data: {\"id\":\"c1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":"
    "\"stop\"}]}\n\n"
    "data: [DONE]\n\n";

static const char messages[] =
    "event: message_start\ndata: "
    "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":"
    "\"message\",\"role\":\"assistant\",\"model\":\"claude\",\"content\":[],\"stop_reason\":null,"
    "\"usage\":{\"input_tokens\":11,\"output_tokens\":1}}}\n\n"
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
    "\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\"}}\n\n"
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
    "{\"type\":\"signature_delta\",\"signature\":\"abc==\"}}\n\n"
    "event: ping\ndata: {\"type\": \"ping\"}\n\n"
    "event: something_new\ndata: {\"type\":\"something_new\",\"x\":[1,2]}\n\n"
    "event: message_delta\ndata: "
    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"
    "\"usage\":{\"output_tokens\":42}}\n\n"
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";

/* Relays `bytes` in pieces of `step` and returns what came out. */
static void relay_in_steps(struct relay *r, struct str bytes, size_t step, struct buf *out)
{
    while (bytes.n > 0) {
        struct str piece = str_head(bytes, step);
        bytes = str_from(bytes, piece.n);
        assert_int_equal(relay_push(r, piece), 0);
        buf_put_str(out, buf_str(&r->out));
        relay_taken(r);
    }
    assert_int_equal(relay_finish(r, true, NULL), 0);
    buf_put_str(out, buf_str(&r->out));
}

static void what_weir_asked_for_is_removed_however_the_stream_is_cut(void **state)
{
    struct str bytes = STR(asked_of_us);
    (void)state;
    for (size_t step = 1; step <= bytes.n; step++) {
        struct relay r;
        struct buf out;
        buf_init(&out, OUT_MAX);
        relay_init(&r, &(struct relay_options){.dialect = &provider_openai,
                                               .route = ROUTE_CHAT,
                                               .stream = true,
                                               .strip_usage = true,
                                               .readable = true});
        relay_in_steps(&r, bytes, step, &out);
        assert_string_equal(buf_cstr(&out), as_unasked);
        assert_int_equal(r.facts.usage.input, 7);
        assert_int_equal(r.facts.usage.output, 3);
        assert_string_equal(r.facts.finish_reason, "stop");
        assert_true(r.facts.terminal);
        relay_release(&r);
        buf_release(&out);
    }
}

static void what_the_client_asked_for_passes_byte_for_byte(void **state)
{
    static const struct {
        const struct provider *dialect;
        enum route route;
        const char *bytes;
        int64_t input, output;
    } rows[] = {
        {&provider_openai,    ROUTE_CHAT,     asked_of_us, 7,  3 },
        {&provider_openai,    ROUTE_CHAT,     as_unasked,  -1, -1},
        {&provider_anthropic, ROUTE_MESSAGES, messages,    11, 42},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str bytes = str_of(rows[i].bytes);
        for (size_t step = 1; step <= bytes.n; step++) {
            struct relay r;
            struct buf out;
            buf_init(&out, OUT_MAX);
            relay_init(&r, &(struct relay_options){.dialect = rows[i].dialect,
                                                   .route = rows[i].route,
                                                   .stream = true,
                                                   .readable = true});
            relay_in_steps(&r, bytes, step, &out);
            assert_true(str_eq(buf_str(&out), bytes));
            assert_int_equal(r.facts.usage.input, rows[i].input);
            assert_int_equal(r.facts.usage.output, rows[i].output);
            assert_true(r.facts.terminal);
            assert_false(r.event_open);
            relay_release(&r);
            buf_release(&out);
        }
    }
}

static void without_anything_to_edit_no_byte_is_held(void **state)
{
    struct relay r;
    (void)state;
    relay_init(&r, &(struct relay_options){.dialect = &provider_openai,
                                           .route = ROUTE_CHAT,
                                           .stream = true,
                                           .readable = true});
    assert_int_equal(relay_push(&r, STR("data: {\"cho")), 0);
    assert_int_equal(r.out.n, 11);
    assert_true(r.event_open);
    relay_release(&r);
}

static void an_event_too_large_to_read_passes_unread(void **state)
{
    struct relay r;
    struct buf big;
    struct buf out;
    (void)state;
    buf_init(&big, 2 * RELAY_EVENT_BYTES_MAX);
    buf_init(&out, 2 * RELAY_EVENT_BYTES_MAX);
    buf_puts(&big, "data: {\"x\":\"");
    for (size_t i = 0; i < RELAY_EVENT_BYTES_MAX / 8 + 8; i++) {
        buf_puts(&big, "aaaaaaaa");
    }
    buf_puts(&big, "\"}\n\ndata: [DONE]\n\n");
    relay_init(&r, &(struct relay_options){.dialect = &provider_openai,
                                           .route = ROUTE_CHAT,
                                           .stream = true,
                                           .strip_usage = true,
                                           .readable = true});
    relay_in_steps(&r, buf_str(&big), 1u << 20, &out);
    assert_true(r.blind);
    assert_true(str_eq(buf_str(&out), buf_str(&big)));
    relay_release(&r);
    buf_release(&big);
    buf_release(&out);
}

static void a_whole_answer_passes_and_is_read_at_its_end(void **state)
{
    static const char answer[] =
        "{\"id\":\"x\",\"model\":\"m-2025\",\"choices\":[{\"message\":{\"content\":"
        "\"hi\"},\"finish_reason\":\"length\"}],\"usage\":{\"prompt_tokens\":5,"
        "\"completion_tokens\":2}}";
    (void)state;
    for (size_t step = 1; step < sizeof(answer); step++) {
        struct relay r;
        struct buf out;
        buf_init(&out, OUT_MAX);
        relay_init(&r, &(struct relay_options){
                           .dialect = &provider_openai, .route = ROUTE_CHAT, .readable = true});
        relay_in_steps(&r, STR(answer), step, &out);
        assert_string_equal(buf_cstr(&out), answer);
        assert_string_equal(r.facts.model, "m-2025");
        assert_int_equal(r.facts.usage.output, 2);
        relay_release(&r);
        buf_release(&out);
    }
}

static void a_broken_stream_gives_back_nothing_that_is_half(void **state)
{
    struct relay r;
    (void)state;
    relay_init(&r, &(struct relay_options){.dialect = &provider_openai,
                                           .route = ROUTE_CHAT,
                                           .stream = true,
                                           .strip_usage = true,
                                           .readable = true});
    assert_int_equal(relay_push(&r, STR("data: {\"choices\":[]}\n\ndata: {\"cho")), 0);
    relay_taken(&r);
    assert_int_equal(relay_finish(&r, false, NULL), 0);
    assert_int_equal(r.out.n, 0);
    assert_false(r.event_open);
    relay_release(&r);
}

static void an_unreadable_answer_passes(void **state)
{
    struct relay r;
    (void)state;
    relay_init(&r, &(struct relay_options){.dialect = &provider_openai,
                                           .route = ROUTE_PASSTHROUGH,
                                           .stream = true,
                                           .strip_usage = true});
    assert_int_equal(relay_push(&r, STR("\x1f\x8b\0binary")), 0);
    assert_int_equal(r.out.n, 9);
    assert_int_equal(r.events, 0);
    relay_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_weir_asked_for_is_removed_however_the_stream_is_cut),
        cmocka_unit_test(what_the_client_asked_for_passes_byte_for_byte),
        cmocka_unit_test(without_anything_to_edit_no_byte_is_held),
        cmocka_unit_test(an_event_too_large_to_read_passes_unread),
        cmocka_unit_test(a_whole_answer_passes_and_is_read_at_its_end),
        cmocka_unit_test(a_broken_stream_gives_back_nothing_that_is_half),
        cmocka_unit_test(an_unreadable_answer_passes),
    };
    return cmocka_run_group_tests_name("engine/relay", tests, NULL, NULL);
}
