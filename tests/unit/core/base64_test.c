#include "unit/core/suite.h"

#include "core/base64.h"
#include "core/error.h"

/* RFC 4648 section 10, and the two digits that other alphabets write differently. */
static const struct {
    const char *bytes, *text;
} rows[] = {
    {"",             ""        },
    {"f",            "Zg=="    },
    {"fo",           "Zm8="    },
    {"foo",          "Zm9v"    },
    {"foob",         "Zm9vYg=="},
    {"fooba",        "Zm9vYmE="},
    {"foobar",       "Zm9vYmFy"},
    {"\xfb\xff\xbf", "+/+/"    },
};

static void known_texts_go_both_ways(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 64);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_clear(&out);
        base64_put(&out, str_of(rows[i].bytes));
        assert_string_equal(buf_cstr(&out), rows[i].text);
        buf_clear(&out);
        assert_int_equal(base64_decode(str_of(rows[i].text), &out), 0);
        assert_string_equal(buf_cstr(&out), rows[i].bytes);
    }
    buf_release(&out);
}

static void padding_may_be_missing(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 64);
    assert_int_equal(base64_decode(STR("Zm9vYg"), &out), 0);
    assert_string_equal(buf_cstr(&out), "foob");
    buf_release(&out);
}

static void every_byte_survives(void **state)
{
    char bytes[256];
    struct buf text, back;
    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)i;
    }
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        buf_init(&text, 512);
        buf_init(&back, 512);
        base64_put(&text, str_make(bytes, n));
        assert_int_equal(text.n, (n + 2) / 3 * 4);
        assert_int_equal(base64_decode(buf_str(&text), &back), 0);
        assert_true(str_eq(buf_str(&back), str_make(bytes, n)));
        buf_release(&text);
        buf_release(&back);
    }
}

static void what_is_no_base64_is_refused(void **state)
{
    static const char *const texts[] = {"Z",     "Zm9vY", "Zm 9v", "Zm9v\n",
                                        "Zg===", "=",     "Z-9v",  "Zm_v"};
    struct buf out;
    (void)state;
    buf_init(&out, 64);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        bool lone = strcmp(texts[i], "=") == 0; /* padding of nothing */
        assert_int_equal(base64_decode(str_of(texts[i]), &out), lone ? 0 : ERR_INVALID);
    }
    buf_release(&out);
}

static void a_full_buffer_is_told(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 2);
    assert_int_equal(base64_decode(STR("Zm9v"), &out), ERR_LIMIT);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_texts_go_both_ways), cmocka_unit_test(padding_may_be_missing),
        cmocka_unit_test(every_byte_survives),      cmocka_unit_test(what_is_no_base64_is_refused),
        cmocka_unit_test(a_full_buffer_is_told),
    };
    return cmocka_run_group_tests_name("core/base64", tests, NULL, NULL);
}
