#include "unit/core/suite.h"

#include "core/mem.h"

static void nothing_is_asked_for_and_something_is_given(void **state)
{
    (void)state;
    void *a = x_malloc(0);
    void *b = x_calloc(0, 8);
    void *c = x_realloc(x_malloc(8), 0);

    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    x_free(a);
    x_free(b);
    x_free(c);
    x_free(NULL);
}

static void calloc_gives_zeroed_memory(void **state)
{
    (void)state;
    unsigned char *p = x_calloc(100, 3);

    for (size_t i = 0; i < 300; i++) {
        assert_int_equal(p[i], 0);
    }
    x_free(p);
}

static void realloc_keeps_what_was_there(void **state)
{
    (void)state;
    char *p = x_realloc(NULL, 4);

    memcpy(p, "abc", 4);
    p = x_realloc(p, 100000);
    assert_string_equal(p, "abc");
    x_free(p);
}

static void strings_are_copied_up_to_the_limit(void **state)
{
    (void)state;
    char *whole = x_strdup("hello");
    char *part = x_strndup("hello", 2);
    char *longer = x_strndup("hi", 99);

    assert_string_equal(whole, "hello");
    assert_string_equal(part, "he");
    assert_string_equal(longer, "hi");
    x_free(whole);
    x_free(part);
    x_free(longer);
}

static void x_free_macro_forgets_the_pointer(void **state)
{
    (void)state;
    char *p = x_malloc(1);

    X_FREE(p);
    assert_null(p);
}

static void wipe_overwrites(void **state)
{
    char secret[] = "sk-live";

    (void)state;
    mem_wipe(secret, 3);
    assert_memory_equal(secret, "\0\0\0live", 8);
    mem_wipe(NULL, 0);
}

/* Sizes no machine has; volatile, so that the compiler does not judge them. */
static volatile size_t huge = SIZE_MAX / 2;

static void ask_for_too_much(void)
{
    x_free(x_malloc(huge));
}

static void overflow_a_product(void)
{
    x_free(x_calloc(huge, 4));
}

static void resize_to_too_much(void)
{
    x_free(x_realloc(NULL, huge));
}

static void out_of_memory_ends_the_process(void **state)
{
    (void)state;
    assert_true(ends_process(ask_for_too_much));
    assert_true(ends_process(overflow_a_product));
    assert_true(ends_process(resize_to_too_much));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_asked_for_and_something_is_given),
        cmocka_unit_test(calloc_gives_zeroed_memory),
        cmocka_unit_test(realloc_keeps_what_was_there),
        cmocka_unit_test(strings_are_copied_up_to_the_limit),
        cmocka_unit_test(x_free_macro_forgets_the_pointer),
        cmocka_unit_test(wipe_overwrites),
        cmocka_unit_test(out_of_memory_ends_the_process),
    };

    return cmocka_run_group_tests_name("core/mem", tests, NULL, NULL);
}
