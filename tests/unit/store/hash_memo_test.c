#include "unit/store/suite.h"

#include "core/hash.h"
#include "store/hash_memo.h"

static void assert_right(struct hash_memo *memo, struct str content)
{
    struct hash_sha256 hash;
    char want[HASH_SHA256_HEX + 1], got[HASH_SHA256_HEX + 1];

    hash_sha256(content, &hash);
    hash_sha256_hex(&hash, want);
    hash_memo_hex(memo, content, got);
    assert_string_equal(got, want);
}

/* Lengths around those at which sampling, padding and keeping change. */
static const size_t lengths[] = {0,   1,   8,   55,  56,   63,   64,    65,    127,   128,  135,
                                 136, 137, 138, 200, 1000, 4096, 32767, 32768, 32769, 40000};

static char content[40000];

static void it_is_the_hash_of_every_length_each_time(void **state)
{
    struct hash_memo *memo = hash_memo_new();

    (void)state;
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
            assert_right(memo, str_make(content, lengths[i]));
        }
    }
    hash_memo_free(memo);
}

static void what_comes_again_is_found_from_the_third_time_on(void **state)
{
    struct hash_memo *memo = hash_memo_new();

    (void)state;
    for (int i = 0; i < 10; i++) {
        assert_right(memo, str_make(content, 1000));
    }
    assert_int_equal(hash_memo_count(memo).misses, 2);
    assert_int_equal(hash_memo_count(memo).hits, 8);
    assert_int_equal(hash_memo_count(memo).bytes, 1000);
    hash_memo_free(memo);
}

static void what_differs_in_one_byte_is_never_taken_for_the_other(void **state)
{
    static char other[2048];
    struct hash_memo *memo = hash_memo_new();

    (void)state;
    for (size_t i = 0; i < sizeof(other); i++) { /* sampled or not */
        memset(other, 'x', sizeof(other));
        for (int round = 0; round < 3; round++) {
            assert_right(memo, str_make(other, sizeof(other)));
            other[i] = 'y';
            assert_right(memo, str_make(other, sizeof(other)));
            other[i] = 'x';
        }
    }
    hash_memo_free(memo);
}

static void what_comes_once_is_not_kept(void **state)
{
    struct hash_memo *memo = hash_memo_new();

    (void)state;
    for (int i = 0; i < 5000; i++) {
        char text[64];
        snprintf(text, sizeof(text), "content number %d", i);
        assert_right(memo, str_of(text));
    }
    assert_int_equal(hash_memo_count(memo).hits, 0);
    assert_int_equal(hash_memo_count(memo).bytes, 0);
    hash_memo_free(memo);
}

static void memory_is_bounded(void **state)
{
    struct hash_memo *memo = hash_memo_new();

    (void)state;
    for (int i = 0; i < 3000; i++) {
        memcpy(content, &i, sizeof(i));
        for (int round = 0; round < 3; round++) {
            assert_right(memo, str_make(content, HASH_MEMO_ENTRY_BYTES));
        }
        assert_true(hash_memo_count(memo).bytes <= HASH_MEMO_BYTES_MAX);
    }
    assert_true(hash_memo_count(memo).bytes > HASH_MEMO_BYTES_MAX / 2);
    assert_int_equal(hash_memo_count(memo).hits, 3000);
    memset(content, 0, sizeof(int));
    hash_memo_free(memo);
    hash_memo_free(NULL);
}

static void longer_content_is_not_kept(void **state)
{
    struct hash_memo *memo = hash_memo_new();

    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_right(memo, str_make(content, HASH_MEMO_ENTRY_BYTES + 1));
    }
    assert_int_equal(hash_memo_count(memo).bytes, 0);
    assert_int_equal(hash_memo_count(memo).hits, 0);
    hash_memo_free(memo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_hash_of_every_length_each_time),
        cmocka_unit_test(what_comes_again_is_found_from_the_third_time_on),
        cmocka_unit_test(what_differs_in_one_byte_is_never_taken_for_the_other),
        cmocka_unit_test(what_comes_once_is_not_kept),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(longer_content_is_not_kept),
    };

    return cmocka_run_group_tests_name("store/hash_memo", tests, NULL, NULL);
}
