#include "unit/core/suite.h"

#include "core/error.h"
#include "core/hash.h"

static void sha256_gives_the_published_digests(void **state)
{
    static const struct {
        const char *text;
        const char *hex;
    } rows[] = {
        {"",                                                         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc",                                                      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"                                                            },
    };
    struct hash_sha256 hash;
    struct hash_sha256 parsed;
    char hex[HASH_SHA256_HEX + 1];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        hash_sha256(str_of(rows[i].text), &hash);
        hash_sha256_hex(&hash, hex);
        assert_string_equal(hex, rows[i].hex);
        assert_int_equal(hash_sha256_parse(str_of(hex), &parsed), 0);
        assert_memory_equal(&parsed, &hash, sizeof(hash));
    }
}

static void only_64_hex_digits_are_a_digest(void **state)
{
    char hex[HASH_SHA256_HEX + 2];
    struct hash_sha256 hash;

    (void)state;
    memset(hex, 'F', sizeof(hex));
    assert_int_equal(hash_sha256_parse(str_make(hex, 64), &hash), 0);
    assert_int_equal(hash.bytes[31], 0xFF);
    memset(&hash, 7, sizeof(hash));
    assert_int_equal(hash_sha256_parse(str_make(hex, 63), &hash), ERR_INVALID);
    assert_int_equal(hash_sha256_parse(str_make(hex, 65), &hash), ERR_INVALID);
    hex[63] = 'g';
    assert_int_equal(hash_sha256_parse(str_make(hex, 64), &hash), ERR_INVALID);
    assert_int_equal(hash.bytes[0], 7);
}

/* Computed with an independent implementation of SipHash-1-3 for the key 00 01 ... 0f and the
 * data 00 01 ... (n - 1). */
static void siphash_1_3_gives_the_reference_values(void **state)
{
    static const uint64_t expected[] = {
        UINT64_C(0xabac0158050fc4dc), UINT64_C(0xc9f49bf37d57ca93), UINT64_C(0x82cb9b024dc7d44d),
        UINT64_C(0x8bf80ab8e7ddf7fb), UINT64_C(0xcf75576088d38328), UINT64_C(0xdef9d52f49533b67),
        UINT64_C(0xc50d2b50c59f22a7), UINT64_C(0xd3927d989bb11140), UINT64_C(0x369095118d299a8e),
        UINT64_C(0x25a48eb36c063de4), UINT64_C(0x79de85ee92ff097f), UINT64_C(0x70c118c1f94dc352),
        UINT64_C(0x78a384b157b4d9a2), UINT64_C(0x306f760c1229ffa7), UINT64_C(0x605aa111c0f95d34),
        UINT64_C(0xd320d86d2a519956), UINT64_C(0xcc4fdd1a7d908b66), UINT64_C(0x9cf2689063dbd80c),
    };
    const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
    char data[64];

    (void)state;
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (char)i;
    }
    for (size_t n = 0; n < ARRAY_LEN(expected); n++) {
        assert_true(hash_sip(key, str_make(data, n)) == expected[n]);
    }
}

static void fnv1a_gives_the_published_values(void **state)
{
    (void)state;
    assert_true(hash_fnv1a(STR("")) == UINT64_C(0xcbf29ce484222325));
    assert_true(hash_fnv1a(STR("a")) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(hash_fnv1a(STR("foobar")) == UINT64_C(0x85944171f73967e8));
}

static void hex_is_lower_case(void **state)
{
    char out[7];

    (void)state;
    hash_hex((const unsigned char *)"\x00\xAB\xFF", 3, out);
    assert_string_equal(out, "00abff");
    hash_hex((const unsigned char *)"", 0, out);
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_gives_the_published_digests),
        cmocka_unit_test(only_64_hex_digits_are_a_digest),
        cmocka_unit_test(siphash_1_3_gives_the_reference_values),
        cmocka_unit_test(fnv1a_gives_the_published_values),
        cmocka_unit_test(hex_is_lower_case),
    };

    return cmocka_run_group_tests_name("core/hash", tests, NULL, NULL);
}
