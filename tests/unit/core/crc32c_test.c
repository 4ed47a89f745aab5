/* CRC-32C: its check value, and that both ways agree. */
#include "unit/core/suite.h"

#include "core/crc32c.h"
#include "core/rand.h"

static void the_check_value_is_the_standards(void **state)
{
    (void)state;
    assert_int_equal(crc32c("123456789", 9), 0xe3069283);
    assert_int_equal(crc32c_by_table("123456789", 9), 0xe3069283);
    assert_int_equal(crc32c("", 0), 0);
}

static void both_ways_agree_at_every_length_and_place(void **state)
{
    (void)state;
    unsigned char bytes[300];
    rand_bytes(bytes, sizeof(bytes));
    for (size_t at = 0; at < 9; at++) {
        for (size_t n = 0; n + at <= sizeof(bytes); n++) {
            assert_int_equal(crc32c(bytes + at, n), crc32c_by_table(bytes + at, n));
        }
    }
}

static void one_flipped_bit_is_noticed(void **state)
{
    (void)state;
    unsigned char bytes[64] = {0};
    uint32_t zeros = crc32c(bytes, sizeof(bytes));
    assert_int_not_equal(zeros, 0);
    for (size_t i = 0; i < 8 * sizeof(bytes); i++) {
        bytes[i / 8] ^= (unsigned char)(1 << i % 8);
        assert_int_not_equal(crc32c(bytes, sizeof(bytes)), zeros);
        bytes[i / 8] ^= (unsigned char)(1 << i % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_check_value_is_the_standards),
        cmocka_unit_test(both_ways_agree_at_every_length_and_place),
        cmocka_unit_test(one_flipped_bit_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
