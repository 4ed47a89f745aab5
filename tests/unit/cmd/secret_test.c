#include "unit/core/suite.h"

#include "cmd/secret.h"

static void a_secret_has_its_prefix_and_matches_its_digest(void **state)
{
    struct secret secret;
    struct hash_sha256 digest;
    char hex[HASH_SHA256_HEX + 1];

    (void)state;
    secret_make(&secret);
    assert_int_equal(strlen(secret.text), SECRET_TEXT_BYTES);
    assert_memory_equal(secret.text, SECRET_PREFIX, strlen(SECRET_PREFIX));
    hash_sha256(str_of(secret.text), &digest);
    hash_sha256_hex(&digest, hex);
    assert_string_equal(hex, secret.sha256);
}

static void no_two_secrets_are_alike(void **state)
{
    struct secret a, b;

    (void)state;
    secret_make(&a);
    secret_make(&b);
    assert_string_not_equal(a.text, b.text);
}

static void base64url_follows_the_test_vectors_of_rfc_4648(void **state)
{
    static const struct {
        const char *bytes;
        const char *text;
    } rows[] = {
        {"",       ""        },
        {"f",      "Zg"      },
        {"fo",     "Zm8"     },
        {"foo",    "Zm9v"    },
        {"foob",   "Zm9vYg"  },
        {"fooba",  "Zm9vYmE" },
        {"foobar", "Zm9vYmFy"},
    };

    static const unsigned char high[] = {0xfb, 0xff, 0xbf};
    char out[16];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        secret_base64url((const unsigned char *)rows[i].bytes, strlen(rows[i].bytes), out);
        assert_string_equal(out, rows[i].text);
    }
    secret_base64url(high, sizeof(high), out);
    assert_string_equal(out, "-_-_");
}

/* Digests `input` as standard input. */
static int digest_of(struct str input, char *hex, struct error *err)
{
    int pipes[2];

    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(write(pipes[1], input.p, input.n), (ssize_t)input.n);
    close(pipes[1]);
    int before = dup(STDIN_FILENO);
    dup2(pipes[0], STDIN_FILENO);
    close(pipes[0]);
    clearerr(stdin);
    int result = secret_digest_input(hex, err);
    while (fgetc(stdin) != EOF) {
    }
    dup2(before, STDIN_FILENO);
    close(before);
    return result;
}

static void a_line_is_digested_without_its_end(void **state)
{
    static const char expected[] =
        "e00d5329e141385130430183a76e2363ac7bda96183d5bbe9bbdd9b575295e21";
    char hex[HASH_SHA256_HEX + 1];
    struct error err;

    (void)state;
    assert_int_equal(digest_of(STR("sk-weir-abc\n"), hex, &err), 0);
    assert_string_equal(hex, expected);
    assert_int_equal(digest_of(STR("sk-weir-abc\r\n"), hex, &err), 0);
    assert_string_equal(hex, expected);
    assert_int_equal(digest_of(STR("sk-weir-abc"), hex, &err), 0);
    assert_string_equal(hex, expected);
}

static void no_line_and_too_long_a_line_are_refused(void **state)
{
    static char line[SECRET_LINE_MAX + 10];
    char hex[HASH_SHA256_HEX + 1];
    struct error err;

    (void)state;
    assert_int_equal(digest_of(STR_EMPTY, hex, &err), ERR_INVALID);
    assert_int_equal(digest_of(STR("\n"), hex, &err), ERR_INVALID);
    memset(line, 'a', sizeof(line));
    assert_int_equal(digest_of(str_make(line, sizeof(line)), hex, &err), ERR_INVALID);
    assert_int_equal(digest_of(str_make(line, SECRET_LINE_MAX - 2), hex, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_has_its_prefix_and_matches_its_digest),
        cmocka_unit_test(no_two_secrets_are_alike),
        cmocka_unit_test(base64url_follows_the_test_vectors_of_rfc_4648),
        cmocka_unit_test(a_line_is_digested_without_its_end),
        cmocka_unit_test(no_line_and_too_long_a_line_are_refused),
    };

    return cmocka_run_group_tests_name("cmd/secret", tests, NULL, NULL);
}
