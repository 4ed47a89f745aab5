#include "unit/core/suite.h"

#include "core/arena.h"
#include "core/rand.h"

static void allocations_are_zeroed_aligned_and_apart(void **state)
{
    struct arena a;
    unsigned char *former = NULL;
    size_t former_size = 0;

    (void)state;
    arena_init(&a);
    for (size_t size = 0; size < 3000; size += 7) {
        unsigned char *p = arena_alloc(&a, size);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(p[i], 0);
        }
        memset(p, 0xAA, size);
        for (size_t i = 0; i < former_size; i++) {
            assert_int_equal(former[i], 0xAA);
        }
        former = p;
        former_size = size;
    }
    assert_true(a.total > 600000);
    arena_release(&a);
    assert_int_equal(a.total, 0);
}

static void a_large_allocation_leaves_the_chunk_in_use(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a);
    char *first = arena_alloc(&a, 16);
    memset(arena_alloc(&a, 1 << 20), 1, 1 << 20);
    char *second = arena_alloc(&a, 16);
#ifndef WEIR_ARENA_DEBUG
    assert_ptr_equal(second, first + 16);
#else
    assert_ptr_not_equal(second, first);
#endif
    arena_release(&a);
}

static void texts_are_copied_with_a_nul(void **state)
{
    struct arena a;
    char text[] = "hello";

    (void)state;
    arena_init(&a);
    struct str copy = arena_str(&a, str_make(text, 5));
    const char *cstr = arena_cstr(&a, str_make(text, 2));
    struct str none = arena_str(&a, (struct str){NULL, 0});
    struct str printed = arena_printf(&a, "%s-%0500d", "n", 7);
    text[0] = 'J';
    assert_str(copy, "hello");
    assert_int_equal(copy.p[5], '\0');
    assert_string_equal(cstr, "he");
    assert_int_equal(none.n, 0);
    assert_int_equal(none.p[0], '\0');
    assert_int_equal(printed.n, 502);
    assert_int_equal(printed.p[501], '7');
    arena_release(&a);
}

struct order {
    struct arena *arena;
    int next;
    int first, second, third;
};

static void note_first(void *ptr)
{
    struct order *order = ptr;

    order->first = ++order->next;
}

static void note_third(void *ptr)
{
    struct order *order = ptr;

    order->third = ++order->next;
}

static void note_second(void *ptr)
{
    struct order *order = ptr;

    order->second = ++order->next;
    arena_defer(order->arena, note_third, order);
}

static void deferred_functions_run_last_first(void **state)
{
    struct arena a;
    struct order order = {&a, 0, 0, 0, 0};

    (void)state;
    arena_init(&a);
    arena_defer(&a, note_first, &order);
    arena_defer(&a, note_second, &order);
    arena_release(&a);
    assert_int_equal(order.second, 1);
    assert_int_equal(order.third, 2);
    assert_int_equal(order.first, 3);
    arena_release(&a);
    assert_int_equal(order.next, 3);
}

static void it_may_be_used_again_after_release(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a);
    for (int round = 0; round < 3; round++) {
        int *numbers = ARENA_ARRAY(&a, int, 1000);
        for (int i = 0; i < 1000; i++) {
            assert_int_equal(numbers[i], 0);
            numbers[i] = i;
        }
        arena_release(&a);
    }
}

static void count_up(void *ptr)
{
    ++*(int *)ptr;
}

static void a_reset_arena_is_as_new_and_zeroed(void **state)
{
    static const size_t sizes[] = {1, 100, 1024, 5000, 100000};
    struct arena arena;
    int ran = 0;

    (void)state;
    arena_init(&arena);
    arena_reset(&arena); /* one that never had anything */
    for (int round = 0; round < 3; round++) {
        arena_defer(&arena, count_up, &ran);
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            char *bytes = arena_alloc(&arena, sizes[i]);
            for (size_t k = 0; k < sizes[i]; k++) {
                assert_int_equal(bytes[k], 0);
            }
            memset(bytes, 0xaa, sizes[i]);
        }
        arena_reset(&arena);
        assert_int_equal(ran, round + 1);
        assert_int_equal(arena.total, 0);
    }
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reset_arena_is_as_new_and_zeroed),
        cmocka_unit_test(allocations_are_zeroed_aligned_and_apart),
        cmocka_unit_test(a_large_allocation_leaves_the_chunk_in_use),
        cmocka_unit_test(texts_are_copied_with_a_nul),
        cmocka_unit_test(deferred_functions_run_last_first),
        cmocka_unit_test(it_may_be_used_again_after_release),
    };

    return cmocka_run_group_tests_name("core/arena", tests, NULL, NULL);
}
