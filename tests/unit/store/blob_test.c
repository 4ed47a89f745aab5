#include "unit/store/suite.h"

#include "core/mem.h"
#include "core/rand.h"
#include "store/blob.h"

/* Text-like bytes, the same for the same size. */
static struct str make_bytes(size_t n)
{
    char *p = (char *)x_malloc(n + 1);
    struct rand_state r;

    rand_seed(&r, n);
    for (size_t i = 0; i < n; i++) {
        p[i] = "abcdefgh \n{\"}"[rand_below(&r, 13)];
    }
    return str_make(p, n);
}

static void bytes_of_any_length_come_back(void **state)
{
    static const size_t lengths[] = {0, 1, 2, 100, 4095, 4096, 65536, 131073, 3000000};
    struct blob_codec codec;
    struct buf packed, out;
    struct hash_sha256 name;
    struct error err = {0};

    (void)state;
    blob_codec_init(&codec);
    buf_init(&packed, BLOB_PACKED_BYTES_MAX);
    buf_init(&out, BLOB_BYTES_MAX);
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        struct str bytes = make_bytes(lengths[i]);

        blob_name(bytes, &name);
        assert_fine(blob_pack(&codec, bytes, &packed, &err), err);
        assert_fine(blob_unpack(&codec, buf_str(&packed), bytes.n, &name, &out, &err), err);
        assert_true(str_eq(buf_str(&out), bytes));
        x_free((void *)(uintptr_t)bytes.p);
    }
    buf_release(&packed);
    buf_release(&out);
    blob_codec_release(&codec);
}

static void text_gets_smaller_and_noise_hardly_larger(void **state)
{
    struct blob_codec codec;
    struct buf packed;
    struct error err = {0};
    static char noise[20000];
    struct str text = make_bytes(20000);

    (void)state;
    blob_codec_init(&codec);
    buf_init(&packed, BLOB_PACKED_BYTES_MAX);
    rand_bytes(noise, sizeof(noise));
    assert_fine(blob_pack(&codec, text, &packed, &err), err);
    assert_true(packed.n < text.n * 2 / 3);
    assert_fine(blob_pack(&codec, str_make(noise, sizeof(noise)), &packed, &err), err);
    assert_true(packed.n < sizeof(noise) + 64);
    x_free((void *)(uintptr_t)text.p);
    buf_release(&packed);
    blob_codec_release(&codec);
}

static void any_damaged_byte_is_noticed(void **state)
{
    struct blob_codec codec;
    struct buf packed, out;
    struct hash_sha256 name;
    struct error err = {0};
    struct str bytes = make_bytes(500);

    (void)state;
    blob_codec_init(&codec);
    buf_init(&packed, BLOB_PACKED_BYTES_MAX);
    buf_init(&out, BLOB_BYTES_MAX);
    blob_name(bytes, &name);
    assert_fine(blob_pack(&codec, bytes, &packed, &err), err);
    for (size_t i = 0; i < packed.n; i++) {
        packed.p[i] = (char)(packed.p[i] ^ 0x41);
        int rc = blob_unpack(&codec, buf_str(&packed), bytes.n, &name, &out, &err);
        /* A few bits of a frame's head mean nothing to the content; then it must be the same. */
        if (rc == 0) {
            assert_true(str_eq(buf_str(&out), bytes));
        } else {
            assert_int_equal(rc, ERR_IO);
            assert_contains(err.text, "damaged");
            assert_int_equal(out.n, 0);
        }
        packed.p[i] = (char)(packed.p[i] ^ 0x41);
    }
    for (size_t n = 0; n < packed.n; n++) {
        assert_int_equal(
            blob_unpack(&codec, str_head(buf_str(&packed), n), bytes.n, NULL, &out, &err), ERR_IO);
    }
    x_free((void *)(uintptr_t)bytes.p);
    buf_release(&packed);
    buf_release(&out);
    blob_codec_release(&codec);
}

static void a_wrong_size_or_name_is_refused(void **state)
{
    struct blob_codec codec;
    struct buf packed, out;
    struct hash_sha256 name, other;
    struct error err = {0};
    struct str bytes = make_bytes(1000);

    (void)state;
    blob_codec_init(&codec);
    buf_init(&packed, BLOB_PACKED_BYTES_MAX);
    buf_init(&out, 4096);
    blob_name(bytes, &name);
    blob_name(str_head(bytes, 999), &other);
    assert_fine(blob_pack(&codec, bytes, &packed, &err), err);
    /* A frame that unpacks to more than was said must not get more room than that. */
    assert_int_equal(blob_unpack(&codec, buf_str(&packed), 999, NULL, &out, &err), ERR_IO);
    assert_int_equal(blob_unpack(&codec, buf_str(&packed), 1001, NULL, &out, &err), ERR_IO);
    assert_int_equal(blob_unpack(&codec, buf_str(&packed), 1000, &other, &out, &err), ERR_IO);
    assert_contains(err.text, "hash");
    assert_int_equal(out.n, 0);
    assert_int_equal(blob_unpack(&codec, buf_str(&packed), 5000, NULL, &out, &err), ERR_LIMIT);
    assert_int_equal(blob_unpack(&codec, buf_str(&packed), UINT64_C(1) << 40, NULL, &out, &err),
                     ERR_LIMIT);
    assert_int_equal(blob_unpack(&codec, STR_EMPTY, 1000, NULL, &out, &err), ERR_IO);
    assert_int_equal(blob_unpack(&codec, STR("not zstd at all"), 1000, NULL, &out, NULL), ERR_IO);
    assert_fine(blob_unpack(&codec, buf_str(&packed), 1000, &name, &out, &err), err);
    x_free((void *)(uintptr_t)bytes.p);
    buf_release(&packed);
    buf_release(&out);
    blob_codec_release(&codec);
}

static void more_than_the_maximum_is_not_packed(void **state)
{
    struct blob_codec codec;
    struct buf packed;
    struct error err = {0};

    (void)state;
    blob_codec_init(&codec);
    buf_init(&packed, 100);
    /* The length is judged before the bytes are looked at. */
    assert_int_equal(blob_pack(&codec, str_make("x", (size_t)BLOB_BYTES_MAX + 1), &packed, &err),
                     ERR_LIMIT);
    assert_int_equal(blob_pack(&codec, str_make("x", 1), &packed, &err), 0);
    assert_int_equal(
        blob_pack(&codec,
                  STR("a buffer must have room for what may not be compressible at all: "
                      "about the length itself"),
                  &packed, &err),
        ERR_LIMIT);
    buf_release(&packed);
    blob_codec_release(&codec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_of_any_length_come_back),
        cmocka_unit_test(text_gets_smaller_and_noise_hardly_larger),
        cmocka_unit_test(any_damaged_byte_is_noticed),
        cmocka_unit_test(a_wrong_size_or_name_is_refused),
        cmocka_unit_test(more_than_the_maximum_is_not_packed),
    };

    return cmocka_run_group_tests_name("store/blob", tests, NULL, NULL);
}
