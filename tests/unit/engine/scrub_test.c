#include "unit/engine/suite.h"

#include "engine/scrub.h"

static const char config[] = "providers:\n"
                             "  a:\n"
                             "    dialect: openai\n"
                             "    base_url: http://127.0.0.1:1/v1\n"
                             "    api_keys: [sk-first-key, sk-second, abc]\n"
                             "    headers:\n"
                             "      Api-Key: azure-secret\n"
                             "      x-authorization: Bearer other-secret\n"
                             "      x-region: west-europe\n";

static void check(const char *in, const char *out)
{
    struct settings *s = NULL;
    struct error err = {0};
    char text[200];
    assert_int_equal(suite_settings(config, NULL, &s, &err), 0);
    snprintf(text, sizeof(text), "%s", in);
    scrub(&s->providers[0], text, strlen(text));
    assert_string_equal(text, out);
    settings_unref(s);
}

static void keys_are_masked_wherever_they_stand(void **state)
{
    (void)state;
    check("", "");
    check("sk-first-key", "************");
    check("bad sk-second, sk-second.", "bad *********, *********.");
    check("sk-secondsk-first-key", "*********************");
}

static void what_only_looks_like_a_key_stays(void **state)
{
    (void)state;
    check("sk-first-ke", "sk-first-ke");
    check("SK-SECOND", "SK-SECOND");
    check("abc is too short to be told from text", "abc is too short to be told from text");
}

static void headers_that_are_secret_by_name_are_masked(void **state)
{
    (void)state;
    check("api-key: azure-secret", "api-key: ************");
    check("Bearer other-secret", "*******************");
    check("got other-secret", "got ************");
    check("x-region: west-europe", "x-region: west-europe");
}

static void bytes_behind_the_end_are_not_touched(void **state)
{
    struct settings *s = NULL;
    struct error err = {0};
    char text[] = "sk-second";
    (void)state;
    assert_int_equal(suite_settings(config, NULL, &s, &err), 0);
    scrub(&s->providers[0], text, 8);
    assert_string_equal(text, "sk-second");
    settings_unref(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_masked_wherever_they_stand),
        cmocka_unit_test(what_only_looks_like_a_key_stays),
        cmocka_unit_test(headers_that_are_secret_by_name_are_masked),
        cmocka_unit_test(bytes_behind_the_end_are_not_touched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
