/* Rows of the ledger, packed and unpacked; what is not a row is refused. */
#include "unit/store/suite.h"

#include "core/rand.h"
#include "store/ledger_row.h"

static struct ledger_row sample(enum ledger_state state)
{
    struct ledger_row row = {
        .numbers = {.id = "0123456789abcde",
                    .state = (uint8_t)state,
                    .attempts = 2,
                    .started_ms = 1764000000000,
                    .reserved_input = 10,
                    .reserved_output = 20,
                    .reserved_nanousd = 30}
    };
    row.texts[LEDGER_TENANT] = STR("acme");
    row.texts[LEDGER_KEY] = STR("web");
    row.texts[LEDGER_PROVIDER] = STR("sim");
    row.texts[LEDGER_MODEL] = STR("m1");
    if (state != LEDGER_OPEN) {
        row.numbers.settled_ms = 1764000000500;
        row.numbers.output_tokens = 7;
        row.numbers.cached_tokens = -1;
        row.texts[LEDGER_PRICE_VERSION] = STR("config");
        row.texts[LEDGER_USAGE] = STR("{\"prompt_tokens\":3}");
    }
    return row;
}

static void a_row_comes_back_as_it_was(void **state)
{
    (void)state;
    for (int s = LEDGER_OPEN; s <= LEDGER_ORPHANED; s++) {
        char packed[LEDGER_PACKED_MAX];
        struct ledger_row row = sample((enum ledger_state)s);
        struct ledger_row back;
        size_t n = ledger_row_pack(&row, packed);
        assert_true(n <= ledger_row_settled_bytes(&row));
        assert_int_equal(ledger_row_unpack(str_make(packed, n), &back), 0);
        assert_memory_equal(&row.numbers, &back.numbers, sizeof(row.numbers));
        for (int i = 0; i < LEDGER_TEXTS; i++) {
            assert_true(str_eq(row.texts[i], back.texts[i]));
        }
    }
}

static void long_texts_are_cut_and_long_usage_is_left_out(void **state)
{
    (void)state;
    char packed[LEDGER_PACKED_MAX], text[2000];
    struct ledger_row row = sample(LEDGER_SETTLED);
    struct ledger_row back;
    memset(text, 'x', sizeof(text));
    for (int i = 0; i < LEDGER_TEXTS; i++) {
        row.texts[i] = str_make(text, sizeof(text));
    }
    size_t n = ledger_row_pack(&row, packed);
    assert_true(n <= sizeof(packed));
    assert_true(n <= ledger_row_settled_bytes(&row));
    assert_int_equal(ledger_row_unpack(str_make(packed, n), &back), 0);
    assert_int_equal(back.texts[LEDGER_TENANT].n, LEDGER_NAME_MAX);
    assert_int_equal(back.texts[LEDGER_USAGE].n, 0);
    row.texts[LEDGER_USAGE].n = LEDGER_USAGE_MAX;
    n = ledger_row_pack(&row, packed);
    assert_int_equal(ledger_row_unpack(str_make(packed, n), &back), 0);
    assert_int_equal(back.texts[LEDGER_USAGE].n, LEDGER_USAGE_MAX);
    assert_true(n <= ledger_row_settled_bytes(&row));
}

static void what_is_cut_or_too_long_is_no_row(void **state)
{
    (void)state;
    char packed[LEDGER_PACKED_MAX + 1] = {0};
    struct ledger_row row = sample(LEDGER_SETTLED);
    struct ledger_row back;
    size_t n = ledger_row_pack(&row, packed);
    for (size_t cut = 0; cut < n; cut++) {
        assert_int_equal(ledger_row_unpack(str_make(packed, cut), &back), ERR_INVALID);
    }
    assert_int_equal(ledger_row_unpack(str_make(packed, n + 1), &back), ERR_INVALID);
    packed[offsetof(struct ledger_numbers, state)] = LEDGER_ORPHANED + 1;
    assert_int_equal(ledger_row_unpack(str_make(packed, n), &back), ERR_INVALID);
}

static void random_bytes_never_hurt(void **state)
{
    (void)state;
    struct rand_state r;
    rand_seed(&r, 9);
    for (int i = 0; i < 20000; i++) {
        char bytes[300];
        struct ledger_row row;
        size_t n = rand_below(&r, sizeof(bytes));
        for (size_t k = 0; k < n; k++) {
            bytes[k] = (char)(rand_below(&r, 4) ? 0 : rand_u64(&r));
        }
        if (ledger_row_unpack(str_make(bytes, n), &row) == 0) {
            char packed[LEDGER_PACKED_MAX];
            assert_true(ledger_row_pack(&row, packed) <= sizeof(packed));
        }
    }
}

static void every_state_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(ledger_state_name(LEDGER_OPEN), "open");
    assert_string_equal(ledger_state_name(LEDGER_SETTLED), "settled");
    assert_string_equal(ledger_state_name(LEDGER_ORPHANED), "orphaned");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_comes_back_as_it_was),
        cmocka_unit_test(long_texts_are_cut_and_long_usage_is_left_out),
        cmocka_unit_test(what_is_cut_or_too_long_is_no_row),
        cmocka_unit_test(random_bytes_never_hurt),
        cmocka_unit_test(every_state_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
