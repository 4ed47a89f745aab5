#include "unit/engine/suite.h"

#include "engine/keyring.h"

static const char three_keys[] =
    "providers: {p: {dialect: openai, base_url: http://127.0.0.1:1/v1, api_keys: [a1, b2, c3]}}\n";

static const struct settings_provider *provider_of(struct settings *s)
{
    return settings_find_provider(s, STR("p"));
}

static int setup(void **state)
{
    struct settings *s = NULL;
    struct error err;
    assert_int_equal(suite_settings(three_keys, NULL, &s, &err), 0);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    settings_unref(*state);
    return 0;
}

static void keys_are_used_in_turn(void **state)
{
    struct keyring *ring = keyring_new();
    int counts[3] = {0};
    for (int i = 0; i < 30; i++) {
        int picked = keyring_pick(ring, provider_of(*state), 0, 1000);
        assert_in_range(picked, 0, 2);
        counts[picked]++;
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(counts[i], 10);
    }
    keyring_free(ring);
}

static void a_refused_key_rests_until_its_time_is_over(void **state)
{
    const struct settings_provider *p = provider_of(*state);
    struct keyring *ring = keyring_new();
    int status = 0;

    keyring_bench(ring, &p->api_keys[1], 403, 5000);
    for (int i = 0; i < 30; i++) {
        assert_int_not_equal(keyring_pick(ring, p, 0, 4999), 1);
    }
    assert_int_equal(keyring_benched_until(ring, &p->api_keys[1], &status), 5000);
    assert_int_equal(status, 403);
    bool seen = false;
    for (int i = 0; i < 3; i++) {
        seen = seen || keyring_pick(ring, p, 0, 5000) == 1;
    }
    assert_true(seen);
    keyring_free(ring);
}

static void when_all_rest_the_first_to_come_off_is_used(void **state)
{
    const struct settings_provider *p = provider_of(*state);
    struct keyring *ring = keyring_new();

    keyring_bench(ring, &p->api_keys[0], 401, 9000);
    keyring_bench(ring, &p->api_keys[1], 401, 7000);
    keyring_bench(ring, &p->api_keys[2], 401, 8000);
    assert_int_equal(keyring_pick(ring, p, 0, 1000), 1);
    assert_int_equal(keyring_pick(ring, p, 1u << 1, 1000), 2);
    keyring_clear(ring, &p->api_keys[0]);
    assert_int_equal(keyring_pick(ring, p, 0, 1000), 0);
    keyring_free(ring);
}

static void tried_keys_are_skipped_until_none_is_left(void **state)
{
    const struct settings_provider *p = provider_of(*state);
    struct keyring *ring = keyring_new();
    uint32_t tried = 0;

    for (int i = 0; i < 3; i++) {
        int picked = keyring_pick(ring, p, tried, 0);
        assert_in_range(picked, 0, 2);
        assert_false(tried >> picked & 1);
        tried |= 1u << picked;
    }
    assert_int_equal(keyring_pick(ring, p, tried, 0), -1);
    keyring_free(ring);
}

static void a_provider_without_keys_has_none(void **state)
{
    struct settings *s = NULL;
    struct error err;
    struct keyring *ring = keyring_new();
    (void)state;
    assert_int_equal(suite_settings("providers: {p: {dialect: openai, base_url: \"http://h/v1\"}}",
                                    NULL, &s, &err),
                     0);
    assert_int_equal(keyring_pick(ring, provider_of(s), 0, 0), -1);
    settings_unref(s);
    keyring_free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_used_in_turn),
        cmocka_unit_test(a_refused_key_rests_until_its_time_is_over),
        cmocka_unit_test(when_all_rest_the_first_to_come_off_is_used),
        cmocka_unit_test(tried_keys_are_skipped_until_none_is_left),
        cmocka_unit_test(a_provider_without_keys_has_none),
    };
    return cmocka_run_group_tests_name("engine/keyring", tests, setup, teardown);
}
