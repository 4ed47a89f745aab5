#include "unit/llm/suite.h"

#include "core/attr.h"
#include "llm/translate.h"

/* ---- the script: requests and streams that every pair of wires is taken through ---- */

struct scene {
    struct arena arena;
    struct translate_request asked;
    struct message_notes notes;
    struct translate t;
    struct buf out;
};

static const struct {
    enum route route;
    const char *whole, *stream;
} bodies[] = {
    {ROUTE_CHAT,      "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
     "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"                                                               },
    {ROUTE_MESSAGES,
     "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", "{\"model\":\"m\",\"max_tokens\":9,\"stream\":true,"
     "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"},
    {ROUTE_RESPONSES, "{\"model\":\"m\",\"input\":\"hi\"}",
     "{\"model\":\"m\",\"stream\":true,\"input\":\"hi\"}"                                                                                                    },
};

static const struct {
    const struct wire *wire;
    const char *whole, *stream;
} answers[] = {
    {&wire_chat,
     "{\"id\":\"c1\",\"model\":\"real\",\"created\":7,\"choices\":[{\"index\":0,\"message\":"
     "{\"role\":\"assistant\",\"content\":\"Hello you\"},\"finish_reason\":\"stop\"}],"
     "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}",               "data: {\"id\":\"c1\",\"model\":\"real\",\"created\":7,\"choices\":[{\"index\":0,\"delta\":"
     "{\"role\":\"assistant\",\"content\":\"Hello\"}}]}\n\n"
     "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" you\"}}]}\n\n"
     "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
     "data: {\"id\":\"c1\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,"
     "\"completion_tokens\":2}}\n\ndata: [DONE]\n\n"                                           },
    {&wire_messages,
     "{\"id\":\"m1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"real\",\"content\":"
     "[{\"type\":\"text\",\"text\":\"Hello you\"}],\"stop_reason\":\"end_turn\","
     "\"usage\":{\"input_tokens\":3,\"output_tokens\":2}}",                    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m1\","
     "\"model\":\"real\",\"content\":[],\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\n"
     "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
     "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
     "event: ping\ndata: {\"type\":\"ping\"}\n\n"
     "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
     "\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}}\n\n"
     "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,"
     "\"delta\":{\"type\":\"text_delta\",\"text\":\" you\"}}\n\n"
     "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
     "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
     "\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n"
     "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"                                   },
    {&wire_gemini,
     "{\"responseId\":\"g1\",\"modelVersion\":\"real\",\"candidates\":[{\"content\":{\"role\":"
     "\"model\",\"parts\":[{\"text\":\"Hello you\"}]},\"finishReason\":\"STOP\"}],"
     "\"usageMetadata\":{\"promptTokenCount\":3,\"candidatesTokenCount\":2}}", "data: {\"responseId\":\"g1\",\"modelVersion\":\"real\",\"candidates\":[{\"content\":{"
     "\"role\":\"model\",\"parts\":[{\"text\":\"Hello\"}]}}]}\n\n"
     "data: {\"responseId\":\"g1\",\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":"
     "[{\"text\":\" you\"}]},\"finishReason\":\"STOP\"}],"
     "\"usageMetadata\":{\"promptTokenCount\":3,\"candidatesTokenCount\":2}}\n\n"},
};

static void scene_open(struct scene *s, size_t client, bool stream, const struct wire *provider)
{
    struct error err = {0};
    *s = (struct scene){0};
    arena_init(&s->arena);
    buf_init(&s->out, 1u << 20);
    const char *body = stream ? bodies[client].stream : bodies[client].whole;
    if (translate_request_read(wire_of_route(bodies[client].route), str_of(body), "x", &s->arena,
                               &s->asked, &err) != 0) {
        fail_msg("%s", err.text);
    }
    translate_init(&s->t, &s->asked, provider, STR("id-1"), 5);
}

static void scene_close(struct scene *s)
{
    translate_release(&s->t);
    buf_release(&s->out);
    arena_release(&s->arena);
}

/* Feeds a stream in pieces of `cut` bytes. */
static void feed(struct scene *s, const char *stream, size_t cut)
{
    struct sse reader;
    struct sse_event e;
    struct str rest = str_of(stream);
    sse_init(&reader, 1u << 20);
    while (rest.n > 0) {
        assert_int_equal(sse_push(&reader, str_head(rest, cut)), 0);
        rest = str_from(rest, cut);
        while (sse_next(&reader, &e)) {
            if (e.has_data) {
                assert_int_equal(translate_event(&s->t, e.event, e.data, &s->out), 0);
            }
        }
    }
    sse_release(&reader);
    assert_int_equal(translate_end(&s->t, &s->out), 0);
}

static const char *end_of(enum route route)
{
    return route == ROUTE_CHAT       ? "data: [DONE]\n\n"
           : route == ROUTE_MESSAGES ? "event: message_stop\n"
                                     : "event: response.completed\n";
}

/* ---- */

static void a_request_is_written_for_every_provider(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(bodies); c++) {
        for (size_t p = 0; p < ARRAY_LEN(answers); p++) {
            struct scene s;
            struct error err = {0};
            scene_open(&s, c, false, answers[p].wire);
            struct wire_target target = {.model = STR("there"),
                                         .default_max_output = 4096,
                                         .quirk = quirk_find(STR("openai"))};
            message_notes_init(&s.notes, &s.arena, true, "x");
            assert_int_equal(
                translate_request_write(&s.asked, answers[p].wire, &target, &s.notes, &s.out, &err),
                0);
            assert_has(buf_cstr(&s.out), "\"hi\"");
            assert_int_equal(s.notes.dropped_count, 0);
            scene_close(&s);
        }
    }
}

static void a_stream_is_told_alike_however_it_is_cut(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(bodies); c++) {
        for (size_t p = 0; p < ARRAY_LEN(answers); p++) {
            struct scene whole;
            scene_open(&whole, c, true, answers[p].wire);
            feed(&whole, answers[p].stream, SIZE_MAX);
            const char *text = buf_cstr(&whole.out);
            assert_has(text, "Hello");
            assert_has(text, " you");
            assert_has(text, end_of(bodies[c].route));
            for (size_t cut = 1; cut < strlen(answers[p].stream); cut++) {
                struct scene s;
                scene_open(&s, c, true, answers[p].wire);
                feed(&s, answers[p].stream, cut);
                assert_same(buf_str(&s.out), buf_str(&whole.out));
                scene_close(&s);
            }
            scene_close(&whole);
        }
    }
}

static void a_whole_answer_comes_whole_or_as_a_stream_as_was_asked(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(bodies); c++) {
        for (size_t p = 0; p < ARRAY_LEN(answers); p++) {
            struct scene s;
            struct error err = {0};
            for (int stream = 0; stream < 2; stream++) {
                scene_open(&s, c, stream, answers[p].wire);
                assert_int_equal(
                    translate_answer(&s.t, str_of(answers[p].whole), &s.arena, &s.out, &err), 0);
                assert_has(buf_cstr(&s.out), "Hello you");
                assert_has(buf_cstr(&s.out), "real");
                assert_int_equal(strstr(s.out.p, end_of(bodies[c].route)) != NULL, stream);
                scene_close(&s);
            }
        }
    }
}

static void an_answer_that_is_none_is_refused(void **state)
{
    static const char *const wrong[] = {"", "{", "[]", "<html>", "{}", "null"};
    (void)state;
    for (size_t p = 0; p < ARRAY_LEN(answers); p++) {
        for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
            struct scene s;
            struct error err = {0};
            scene_open(&s, 0, false, answers[p].wire);
            assert_int_equal(translate_answer(&s.t, str_of(wrong[i]), &s.arena, &s.out, &err),
                             ERR_INVALID);
            assert_true(err.text[0] != '\0');
            scene_close(&s);
        }
    }
}

/* The first half of a stream, then weir's own words; nothing comes after them. */
static void a_stream_that_breaks_off_ends_in_an_error_event(void **state)
{
    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(bodies); c++) {
        for (size_t p = 0; p < ARRAY_LEN(answers); p++) {
            struct scene s;
            struct sse reader;
            struct sse_event e;
            scene_open(&s, c, true, answers[p].wire);
            sse_init(&reader, 1u << 20);
            struct str half = str_head(str_of(answers[p].stream), strlen(answers[p].stream) / 2);
            assert_int_equal(sse_push(&reader, half), 0);
            while (sse_next(&reader, &e)) {
                if (e.has_data) {
                    assert_int_equal(translate_event(&s.t, e.event, e.data, &s.out), 0);
                }
            }
            sse_release(&reader);
            assert_int_equal(translate_fail(&s.t, "api_error", STR("it broke"), &s.out), 0);
            assert_has(buf_cstr(&s.out), "it broke");
            assert_null(strstr(s.out.p, end_of(bodies[c].route)));
            size_t n = s.out.n;
            assert_int_equal(translate_fail(&s.t, "api_error", STR("again"), &s.out), 0);
            assert_int_equal(translate_end(&s.t, &s.out), 0);
            assert_int_equal(s.out.n, n);
            scene_close(&s);
        }
    }
}

static void what_the_reader_dropped_counts_for_a_strict_target(void **state)
{
    struct scene s = {0};
    struct error err = {0};
    (void)state;
    arena_init(&s.arena);
    buf_init(&s.out, 4096);
    struct str body = STR("{\"model\":\"m\",\"no_such_member\":1,"
                          "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
    assert_int_equal(translate_request_read(&wire_chat, body, "x", &s.arena, &s.asked, &err), 0);
    struct wire_target target = {
        .model = STR("t"), .default_max_output = 9, .quirk = quirk_find(STR("openai"))};
    message_notes_init(&s.notes, &s.arena, false, "x");
    assert_int_equal(
        translate_request_write(&s.asked, &wire_messages, &target, &s.notes, &s.out, &err), 0);
    assert_string_equal(s.notes.dropped[0], "no_such_member");
    message_notes_init(&s.notes, &s.arena, true, "x");
    assert_int_equal(
        translate_request_write(&s.asked, &wire_messages, &target, &s.notes, &s.out, &err),
        ERR_INVALID);
    assert_has(err.text, "no_such_member");
    struct buf small;
    buf_init(&small, 8);
    message_notes_init(&s.notes, &s.arena, false, "x");
    assert_int_equal(
        translate_request_write(&s.asked, &wire_messages, &target, &s.notes, &small, &err),
        ERR_LIMIT);
    buf_release(&small);
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_written_for_every_provider),
        cmocka_unit_test(a_stream_is_told_alike_however_it_is_cut),
        cmocka_unit_test(a_whole_answer_comes_whole_or_as_a_stream_as_was_asked),
        cmocka_unit_test(an_answer_that_is_none_is_refused),
        cmocka_unit_test(a_stream_that_breaks_off_ends_in_an_error_event),
        cmocka_unit_test(what_the_reader_dropped_counts_for_a_strict_target),
    };
    return cmocka_run_group_tests_name("llm/translate", tests, NULL, NULL);
}
