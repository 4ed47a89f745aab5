#include "unit/core/suite.h"

#include "core/error.h"

static void set_returns_the_code_and_keeps_the_text(void **state)
{
    struct error err = {0};

    (void)state;
    assert_int_equal(error_set(&err, ERR_LIMIT, "at most %d", 7), ERR_LIMIT);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_string_equal(err.text, "at most 7");
}

static void nobody_needs_to_want_the_text(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, ERR_IO, "lost"), ERR_IO);
    assert_int_equal(error_wrap(NULL, "context"), ERR_INVALID);
}

static void wrap_puts_context_before_the_text(void **state)
{
    struct error err = {0};

    (void)state;
    error_set(&err, ERR_TIMEOUT, "no answer");
    assert_int_equal(error_wrap(&err, "tenant %s", "acme"), ERR_TIMEOUT);
    assert_string_equal(err.text, "tenant acme: no answer");
}

static void the_text_may_be_made_of_itself(void **state)
{
    struct error err = {0};

    (void)state;
    error_set(&err, ERR_IO, "inner");
    error_set(&err, ERR_IO, "outer (%s)", err.text);
    assert_string_equal(err.text, "outer (inner)");
}

static void a_long_text_is_cut_between_characters(void **state)
{
    char text[ERROR_TEXT_MAX * 2];
    struct error err = {0};

    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'x', sizeof(text));
        for (size_t i = shift; i + 4 < sizeof(text); i += 4) {
            memcpy(text + i, "\xF0\x9F\x98\x80", 4);
        }
        text[sizeof(text) - 1] = '\0';
        error_set(&err, ERR_INVALID, "%s", text);
        assert_true(strlen(err.text) >= ERROR_TEXT_MAX - 5);
        assert_true(strlen(err.text) < ERROR_TEXT_MAX);
        assert_true(str_is_utf8(str_of(err.text)));
        error_wrap(&err, "context");
        assert_true(strlen(err.text) < ERROR_TEXT_MAX);
        assert_true(str_is_utf8(str_of(err.text)));
    }
}

static void every_code_has_its_own_name(void **state)
{
    (void)state;
    for (int a = ERR_CANCELLED; a <= ERR_OK; a++) {
        assert_string_not_equal(error_name((enum err)a), "unknown");
        for (int b = ERR_CANCELLED; b < a; b++) {
            assert_string_not_equal(error_name((enum err)a), error_name((enum err)b));
        }
    }
    assert_string_equal(error_name((enum err) - 99), "unknown");
}

static void break_a_rule(void)
{
    BUG_ON(1 + 1 == 2);
}

static void keep_a_rule(void)
{
    BUG_ON(1 + 1 == 3);
}

static void a_bug_ends_the_process(void **state)
{
    (void)state;
    assert_true(ends_process(break_a_rule));
    assert_false(ends_process(keep_a_rule));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_returns_the_code_and_keeps_the_text),
        cmocka_unit_test(nobody_needs_to_want_the_text),
        cmocka_unit_test(wrap_puts_context_before_the_text),
        cmocka_unit_test(the_text_may_be_made_of_itself),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
        cmocka_unit_test(every_code_has_its_own_name),
        cmocka_unit_test(a_bug_ends_the_process),
    };

    return cmocka_run_group_tests_name("core/error", tests, NULL, NULL);
}
