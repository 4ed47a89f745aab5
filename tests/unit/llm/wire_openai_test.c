#include "llm/wire_openai.h"

#include "unit/llm/suite.h"

static void audio_formats_have_media_types(void **state)
{
    static const char *const rows[][2] = {
        {"mp3",   "audio/mpeg"},
        {"wav",   "audio/wav" },
        {"pcm16", "audio/pcm" },
        {"m4a",   "audio/mp4" },
        {"flac",  "audio/flac"},
    };
    struct arena arena;
    (void)state;
    arena_init(&arena);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_str(wire_openai_audio_type(str_of(rows[i][0]), &arena), rows[i][1]);
        assert_str(wire_openai_audio_format(str_of(rows[i][1])), rows[i][0]);
    }
    assert_str(wire_openai_audio_format(STR("audio/x-wav")), "wav");
    assert_str(wire_openai_audio_format(STR("")), "wav");
    arena_release(&arena);
}

static void data_urls_are_taken_apart_and_put_together(void **state)
{
    struct message_part part = {0};
    struct buf out;
    (void)state;
    buf_init(&out, 1024);
    wire_openai_take_url(STR("data:image/png;base64,AA=="), &part);
    assert_str(part.media_type, "image/png");
    assert_str(part.data, "AA==");
    wire_openai_put_url(&out, &part);
    assert_str(buf_str(&out), "\"data:image/png;base64,AA==\"");
    buf_clear(&out);
    part = (struct message_part){.media_type = STR("a\"b"), .data = STR("\\")};
    wire_openai_put_url(&out, &part);
    assert_str(buf_str(&out), "\"data:a\\\"b;base64,\\\\\"");
    buf_release(&out);
}

static void characters_are_counted_not_bytes(void **state)
{
    (void)state;
    assert_int_equal(wire_openai_chars(STR("")), 0);
    assert_int_equal(wire_openai_chars(STR("a\xc3\xbc\xf0\x9f\x8e\x89")), 3);
}

static void a_citation_without_a_place_covers_its_text(void **state)
{
    struct message_citation c = {.url = STR("u"), .title = STR("t"), .start = -1, .end = -1};
    struct buf out;
    (void)state;
    buf_init(&out, 1024);
    wire_openai_put_citation(&out, &c, 5, 9);
    assert_str(buf_str(&out), "\"start_index\":5,\"end_index\":9,\"title\":\"t\",\"url\":\"u\"");
    buf_clear(&out);
    c.start = 1;
    c.end = 2;
    wire_openai_put_citation(&out, &c, 5, 9);
    assert_str(buf_str(&out), "\"start_index\":6,\"end_index\":7,\"title\":\"t\",\"url\":\"u\"");
    buf_release(&out);
}

static void every_effort_has_one_name(void **state)
{
    (void)state;
    for (int e = MESSAGE_EFFORT_NONE; e <= MESSAGE_EFFORT_MAX; e++) {
        for (int other = e + 1; other <= MESSAGE_EFFORT_MAX; other++) {
            assert_string_not_equal(wire_openai_effort((enum message_effort)e),
                                    wire_openai_effort((enum message_effort)other));
        }
    }
    assert_string_equal(wire_openai_effort(MESSAGE_EFFORT_MAX), "xhigh");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(audio_formats_have_media_types),
        cmocka_unit_test(data_urls_are_taken_apart_and_put_together),
        cmocka_unit_test(characters_are_counted_not_bytes),
        cmocka_unit_test(a_citation_without_a_place_covers_its_text),
        cmocka_unit_test(every_effort_has_one_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
