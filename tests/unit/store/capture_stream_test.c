#include "unit/store/suite.h"

#include "store/capture_stream.h"

#define CHAT(text) "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text "\"}}]}\n\n"
#define CHAT_OF(index, text)                                                                       \
    "data: {\"choices\":[{\"delta\":{\"content\":\"" text "\"},\"index\":" index "}]}\n\n"
#define BLOCK(index, kind, name, text)                                                             \
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":" index         \
    ",\"delta\":{\"type\":\"" kind "\",\"" name "\":\"" text "\"}}\n\n"
#define RESPONSE(type, index, text)                                                                \
    "event: " type "\ndata: {\"type\":\"" type "\",\"output_index\":" index                        \
    ",\"content_index\":0,\"delta\":\"" text "\"}\n\n"
#define CALL(index, text)                                                                          \
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":" index                \
    ",\"function\":{\"arguments\":\"" text "\"}}]}}]}\n\n"

/* clang-format off */ /* version 14 breaks down over rows of texts in pieces */
static const struct {
    const char *what, *body, *masked;
} rows[] = {
    {"nothing to mask", CHAT("Hel") CHAT("lo") "data: [DONE]\n\n",
     CHAT("Hel") CHAT("lo") "data: [DONE]\n\n"},
    {"an address in pieces", CHAT("write to joe") CHAT("@exam") CHAT("ple.com") CHAT(" now"),
     CHAT("write to [redacted:email] now") CHAT("") CHAT("") CHAT("")},
    {"what stands between the pieces stays",
     ": ping\r\n\r\n" CHAT("joe@") "id: 7\ndata: {\"choices\": [], \"x\" : 1.50}\n\n" CHAT("example.com") ": end",
     ": ping\r\n\r\n" CHAT("[redacted:email]") "id: 7\ndata: {\"choices\": [], \"x\" : 1.50}\n\n"
     CHAT("") ": end"},
    {"two choices, the number behind the piece",
     CHAT_OF("0", "joe@") CHAT_OF("1", "no ") CHAT_OF("0", "example.com") CHAT_OF("1", "secret"),
     CHAT_OF("0", "[redacted:email]") CHAT_OF("1", "no ") CHAT_OF("0", "") CHAT_OF("1", "secret")},
    {"pieces of different choices do not join",
     CHAT_OF("0", "joe@") CHAT_OF("1", "example.com"), CHAT_OF("0", "joe@") CHAT_OF("1", "example.com")},
    {"arguments are JSON when put together",
     CALL("0", "{\\\"pass") CALL("1", "{}") CALL("0", "word\\\":\\\"hunter2") CALL("0", "\\\"}"),
     CALL("0", "{\\\"password\\\":\\\"[redacted:assignment]\\\"}") CALL("1", "{}") CALL("0", "") CALL("0", "")},
    {"blocks of messages",
     BLOCK("0", "thinking_delta", "thinking", "joe@") BLOCK("1", "text_delta", "text", "x ")
     BLOCK("0", "thinking_delta", "thinking", "example.com") BLOCK("1", "text_delta", "text", "y"),
     BLOCK("0", "thinking_delta", "thinking", "[redacted:email]") BLOCK("1", "text_delta", "text", "x ")
     BLOCK("0", "thinking_delta", "thinking", "") BLOCK("1", "text_delta", "text", "y")},
    {"deltas of responses",
     RESPONSE("response.output_text.delta", "0", "joe@") RESPONSE("response.refusal.delta", "0", "no")
     RESPONSE("response.output_text.delta", "1", "b") RESPONSE("response.output_text.delta", "0", "example.com"),
     RESPONSE("response.output_text.delta", "0", "[redacted:email]") RESPONSE("response.refusal.delta", "0", "no")
     RESPONSE("response.output_text.delta", "1", "b") RESPONSE("response.output_text.delta", "0", "")},
    {"completions", "data: {\"choices\":[{\"text\":\"joe@\"}]}\n\ndata: {\"choices\":[{\"text\":\"example.com\"}]}\n\n",
     "data: {\"choices\":[{\"text\":\"[redacted:email]\"}]}\n\ndata: {\"choices\":[{\"text\":\"\"}]}\n\n"},
    {"escapes are read before looking", CHAT("joe\\u0040exam") CHAT("ple.com \\\"q\\\"\\n"),
     CHAT("[redacted:email] \\\"q\\\"\\n") CHAT("")},
    {"the last event is cut off",
     CHAT("joe@") "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"example.com",
     CHAT("[redacted:email]") "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\""},
    {"texts of one list are no pieces of each other",
     "data: {\"output\":[{\"text\":\"joe@\"},{\"text\":\"example.com\"}]}\n\n",
     "data: {\"output\":[{\"text\":\"joe@\"},{\"text\":\"example.com\"}]}\n\n"},
    {"no JSON", "data: {{{]]\"content\":\"a\\\n\ndata: \"content\"\n\ndata:\n\n",
     "data: {{{]]\"content\":\"a\\\n\ndata: \"content\"\n\ndata:\n\n"},
};

/* clang-format on */

static void secrets_in_pieces_are_masked_and_all_else_stays(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        buf_clear(&out);
        assert_true(capture_stream_mask(str_of(rows[i].body), &out));
        if (!str_is(buf_str(&out), rows[i].masked)) {
            print_error("%s\n", rows[i].what);
        }
        assert_str(buf_str(&out), rows[i].masked);
    }
    buf_release(&out);
}

static void any_cut_of_a_stream_is_read_without_harm(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 20);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str body = str_of(rows[i].body);
        for (size_t n = 0; n < body.n; n++) {
            buf_clear(&out);
            assert_true(capture_stream_mask(str_head(body, n), &out));
        }
    }
    buf_release(&out);
}

static void streams_are_told_from_other_bodies(void **state)
{
    static const char *const streams[] = {"data: x", "event: x\n", ": comment\n", "\ndata:"};
    static const char *const others[] = {"", "{}", "[1]", "<html>", "database: x", "text"};

    (void)state;
    for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        assert_true(capture_stream_is(str_of(streams[i])));
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_false(capture_stream_is(str_of(others[i])));
    }
}

static void too_many_texts_are_refused(void **state)
{
    struct buf body, out;

    (void)state;
    buf_init(&body, 1 << 20);
    buf_init(&out, 1 << 20);
    for (int i = 0; i < CAPTURE_STREAM_TEXTS_MAX; i++) {
        (void)buf_putf(&body, "data: {\"index\":%d,\"text\":\"a\"}\n\n", i);
    }
    assert_true(capture_stream_mask(buf_str(&body), &out));
    assert_true(str_eq(buf_str(&out), buf_str(&body)));
    (void)buf_puts(&body, "data: {\"index\":-1,\"text\":\"a\"}\n\n");
    assert_false(capture_stream_mask(buf_str(&body), &out));
    buf_release(&body);
    buf_release(&out);
}

static void an_output_that_is_too_small_is_told(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 10);
    assert_false(capture_stream_mask(STR("data: {\"text\":\"hello\"}\n\n"), &out));
    buf_release(&out);
}

static void deep_and_wide_events_are_bounded(void **state)
{
    struct buf body, out;

    (void)state;
    buf_init(&body, 1 << 20);
    buf_init(&out, 1 << 20);
    (void)buf_puts(&body, "data: {\"a\":");
    for (int i = 0; i < 5000; i++) {
        (void)buf_puts(&body, "[{\"content\":\"x\",\"b\":");
    }
    for (int i = 0; i < 5000; i++) {
        (void)buf_puts(&body, "0}]");
    }
    (void)buf_puts(&body, "}\n\n");
    (void)capture_stream_mask(buf_str(&body), &out);
    buf_release(&body);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_in_pieces_are_masked_and_all_else_stays),
        cmocka_unit_test(any_cut_of_a_stream_is_read_without_harm),
        cmocka_unit_test(streams_are_told_from_other_bodies),
        cmocka_unit_test(too_many_texts_are_refused),
        cmocka_unit_test(an_output_that_is_too_small_is_told),
        cmocka_unit_test(deep_and_wide_events_are_bounded),
    };

    return cmocka_run_group_tests_name("store/capture_stream", tests, NULL, NULL);
}
