#include "unit/core/suite.h"

#include "core/arena.h"
#include "core/map.h"

static void a_missing_key_is_null(void **state)
{
    struct map m;

    (void)state;
    map_init(&m);
    assert_null(map_get(&m, STR("x")));
    map_put(&m, STR("y"), &m);
    assert_null(map_get(&m, STR("x")));
    assert_null(map_get(&m, STR("")));
    map_release(&m);
    assert_null(map_get(&m, STR("y")));
}

static void put_replaces_and_returns_the_former_value(void **state)
{
    struct map m;
    int a;
    int b;

    (void)state;
    map_init(&m);
    assert_null(map_put(&m, STR("k"), &a));
    assert_ptr_equal(map_put(&m, STR("k"), &b), &a);
    assert_ptr_equal(map_get(&m, STR("k")), &b);
    assert_int_equal(m.n, 1);
    map_release(&m);
}

static void keys_are_bytes(void **state)
{
    struct map m;
    int a;
    int b;
    int c;

    (void)state;
    map_init(&m);
    map_put(&m, STR("a\0x"), &a);
    map_put(&m, STR("a\0y"), &b);
    map_put(&m, STR_EMPTY, &c);
    assert_ptr_equal(map_get(&m, STR("a\0x")), &a);
    assert_ptr_equal(map_get(&m, STR("a\0y")), &b);
    assert_ptr_equal(map_get(&m, STR_EMPTY), &c);
    map_release(&m);
}

static void ten_thousand_keys_keep_their_values_and_order(void **state)
{
    struct arena arena;
    struct map m;
    static int values[10000];

    (void)state;
    arena_init(&arena);
    map_init(&m);
    for (int i = 0; i < 10000; i++) {
        assert_null(map_put(&m, arena_printf(&arena, "key-%d", i), &values[i]));
        assert_true(m.n * 2 <= m.slot_count);
    }
    for (int i = 0; i < 10000; i++) {
        assert_ptr_equal(map_get(&m, arena_printf(&arena, "key-%d", i)), &values[i]);
        assert_ptr_equal(m.entries[i].value, &values[i]);
    }
    assert_null(map_get(&m, STR("key-10000")));
    map_release(&m);
    arena_release(&arena);
}

static void each_map_has_its_own_seed(void **state)
{
    struct map a;
    struct map b;

    (void)state;
    map_init(&a);
    map_init(&b);
    map_put(&a, STR("x"), &a);
    map_put(&b, STR("x"), &b);
    assert_true(a.seed[0] != b.seed[0] || a.seed[1] != b.seed[1]);
    map_release(&a);
    map_release(&b);
}

static void put_null(void)
{
    struct map m;

    map_init(&m);
    map_put(&m, STR("x"), NULL);
}

static void a_null_value_is_a_bug(void **state)
{
    (void)state;
    assert_true(ends_process(put_null));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_key_is_null),
        cmocka_unit_test(put_replaces_and_returns_the_former_value),
        cmocka_unit_test(keys_are_bytes),
        cmocka_unit_test(ten_thousand_keys_keep_their_values_and_order),
        cmocka_unit_test(each_map_has_its_own_seed),
        cmocka_unit_test(a_null_value_is_a_bug),
    };

    return cmocka_run_group_tests_name("core/map", tests, NULL, NULL);
}
