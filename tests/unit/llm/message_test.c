#include "unit/llm/suite.h"

#include <math.h>

#include "llm/message.h"

static void nothing_is_given_at_first(void **state)
{
    struct message_request r;
    struct message_answer a;
    (void)state;
    message_request_init(&r);
    assert_int_equal(r.max_output, -1);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.top_k, -1);
    assert_int_equal(r.parallel_calls, -1);
    assert_int_equal(r.thinking_budget, -1);
    assert_true(isnan(r.temperature) && isnan(r.top_p));
    assert_true(isnan(r.presence_penalty) && isnan(r.frequency_penalty));
    message_answer_init(&a);
    assert_int_equal(a.created_s, -1);
    assert_false(usage_is_known(&a.usage));
}

static void a_dropped_field_is_named_once(void **state)
{
    struct message_notes notes;
    struct arena arena;
    char list[200];
    (void)state;
    arena_init(&arena);
    message_notes_init(&notes, &arena, false, "provider \"x\"");
    message_notes_list(&notes, list, sizeof(list));
    assert_string_equal(list, "");
    assert_int_equal(message_drop(&notes, NULL, "seed"), 0);
    assert_int_equal(message_drop(&notes, NULL, "messages[%d].name", 2), 0);
    assert_int_equal(message_drop(&notes, NULL, "seed"), 0);
    message_notes_list(&notes, list, sizeof(list));
    assert_string_equal(list, "seed, messages[2].name");
    message_notes_list(&notes, list, 8);
    assert_string_equal(list, "seed, m");
    arena_release(&arena);
}

static void a_strict_policy_refuses_what_would_be_dropped(void **state)
{
    struct message_notes notes;
    struct error err = {0};
    (void)state;
    message_notes_init(&notes, NULL, true, "provider \"claude\" (messages)");
    assert_int_equal(message_drop(&notes, &err, "seed"), ERR_INVALID);
    assert_has(err.text, "seed cannot be expressed for provider \"claude\" (messages)");
    assert_has(err.text, "strict");
    assert_string_equal(notes.refused, "seed");
    assert_int_equal(notes.dropped_count, 0);
}

static void a_refusal_names_field_target_and_reason(void **state)
{
    struct message_notes notes;
    struct error err = {0};
    (void)state;
    message_notes_init(&notes, NULL, false, "provider \"m\" (chat)");
    assert_int_equal(message_refuse(&notes, &err, "it takes one answer only", "n"), ERR_INVALID);
    assert_has(err.text,
               "n cannot be expressed for provider \"m\" (chat): it takes one answer only");
    assert_int_equal(message_refuse(&notes, &err, NULL, "tools[%d]", 3), ERR_INVALID);
    assert_string_equal(notes.refused, "tools[3]");
}

static void a_path_cannot_end_a_header(void **state)
{
    struct message_notes notes;
    char list[200];
    (void)state;
    message_notes_init(&notes, NULL, false, "x");
    assert_int_equal(message_drop(&notes, NULL, "%s", "a\r\nset-cookie: b\xff"), 0);
    message_notes_list(&notes, list, sizeof(list));
    assert_string_equal(list, "a??set-cookie: b?");
}

static void more_drops_than_there_is_room_for_are_counted(void **state)
{
    struct message_notes notes;
    char list[MESSAGE_NOTES_MAX * MESSAGE_NOTE_MAX + 100];
    (void)state;
    message_notes_init(&notes, NULL, false, "x");
    for (int i = 0; i < MESSAGE_NOTES_MAX + 3; i++) {
        assert_int_equal(message_drop(&notes, NULL, "f%d", i), 0);
    }
    message_notes_list(&notes, list, sizeof(list));
    assert_has(list, "f0, f1, ");
    assert_has(list, ", and 3 more");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_given_at_first),
        cmocka_unit_test(a_dropped_field_is_named_once),
        cmocka_unit_test(a_strict_policy_refuses_what_would_be_dropped),
        cmocka_unit_test(a_refusal_names_field_target_and_reason),
        cmocka_unit_test(a_path_cannot_end_a_header),
        cmocka_unit_test(more_drops_than_there_is_room_for_are_counted),
    };
    return cmocka_run_group_tests_name("llm/message", tests, NULL, NULL);
}
