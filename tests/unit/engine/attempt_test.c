#include "unit/engine/suite.h"

#include "engine/attempt.h"

static const struct settings_provider provider = {.name = STR("a\"b")};
static const struct settings_target target = {.provider = &provider, .model = STR("m")};

static void an_attempt_is_a_member_of_a_list(void **state)
{
    struct settings_api_key key = {.name = STR("a#1")};
    struct attempt one = {.target = &target,
                          .key = &key,
                          .was_made = true,
                          .status = 429,
                          .start_us = 5,
                          .end_us = 9,
                          .outcome = OUTCOME_PROVIDER_RATE,
                          .text = "slow\ndown"};
    struct attempt two = {.target = &target, .was_made = true, .status = 200, .end_us = 20};
    struct buf out;
    (void)state;
    buf_init(&out, 4096);
    attempt_write(&one, &out);
    attempt_write(&two, &out);
    assert_text(
        buf_str(&out),
        "[{\"provider\":\"a\\\"b\",\"model\":\"m\",\"key\":\"a#1\",\"status\":429,\"start_us\":5,"
        "\"end_us\":9,\"error\":\"provider_rate\",\"text\":\"slow\\ndown\"}"
        ",{\"provider\":\"a\\\"b\",\"model\":\"m\",\"status\":200,\"start_us\":0,\"end_us\":20}");
    buf_release(&out);
}

static void a_translation_names_its_wire_and_what_was_dropped(void **state)
{
    struct wire wire = {.name = "messages"};
    struct message_notes notes;
    struct attempt a = {.target = &target, .was_made = true, .wire = &wire, .notes = &notes};
    struct buf out;
    (void)state;
    buf_init(&out, 4096);
    message_notes_init(&notes, NULL, false, "x");
    attempt_write(&a, &out);
    assert_true(str_ends(buf_str(&out), STR(",\"translated\":\"messages\"}")));
    assert_int_equal(message_drop(&notes, NULL, "seed") + message_drop(&notes, NULL, "n"), 0);
    attempt_write(&a, &out);
    assert_true(str_ends(buf_str(&out), STR(",\"dropped\":[\"seed\",\"n\"]}")));
    buf_release(&out);
}

static void a_target_that_could_not_be_told_was_sent_nothing(void **state)
{
    struct attempt a = {.target = &target, .outcome = OUTCOME_CALLER_UNSUPPORTED, .text = "n"};
    struct buf out;
    (void)state;
    buf_init(&out, 4096);
    attempt_write(&a, &out);
    assert_text(buf_str(&out), "[{\"provider\":\"a\\\"b\",\"model\":\"m\",\"error\":"
                               "\"caller_unsupported\",\"text\":\"n\"}");
    buf_release(&out);
}

static void a_refusal_is_explained_by_its_status(void **state)
{
    char text[ERROR_TEXT_MAX];
    (void)state;
    attempt_explain(&provider, 429, "slow down", text, sizeof(text));
    assert_string_equal(text, "provider \"a\"b\" answered HTTP 429: slow down");
    attempt_explain(&provider, 307, "", text, sizeof(text));
    assert_non_null(strstr(text, "answered with a redirect (HTTP 307)"));
    attempt_explain(&provider, 401, "key sk-1 is wrong", text, sizeof(text));
    assert_non_null(strstr(text, "refused the key that weir holds for it (HTTP 401)"));
    assert_null(strstr(text, "sk-1"));
    attempt_explain(&provider, 402, "no credit", text, sizeof(text));
    assert_non_null(strstr(text, "(HTTP 402: no credit)"));
}

static void a_conversation_that_is_too_long_has_a_code(void **state)
{
    (void)state;
    assert_string_equal(attempt_code_of("prompt is too long: 9 tokens > 8"),
                        "context_length_exceeded");
    assert_null(attempt_code_of("slow down"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_attempt_is_a_member_of_a_list),
        cmocka_unit_test(a_translation_names_its_wire_and_what_was_dropped),
        cmocka_unit_test(a_target_that_could_not_be_told_was_sent_nothing),
        cmocka_unit_test(a_refusal_is_explained_by_its_status),
        cmocka_unit_test(a_conversation_that_is_too_long_has_a_code),
    };
    return cmocka_run_group_tests_name("engine/attempt", tests, NULL, NULL);
}
