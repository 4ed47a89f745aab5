#include "unit/engine/suite.h"

#include "engine/homes.h"

static void a_response_is_found_where_it_was_made(void **state)
{
    struct homes *h = homes_new();
    struct hash_sha256 key = {
        {1, 2, 3}
    };
    struct home home;
    (void)state;
    assert_false(homes_find(h, STR("acme"), STR("resp_1"), &home));
    homes_note(h, STR("acme"), STR("resp_1"), STR("openai"), &key);
    homes_note(h, STR("acme"), STR("resp_2"), STR("azure"), NULL);
    homes_note(h, STR("acme"), STR_EMPTY, STR("azure"), NULL);
    assert_true(homes_find(h, STR("acme"), STR("resp_1"), &home));
    assert_true(str_is(home.provider, "openai"));
    assert_true(home.has_key);
    assert_memory_equal(&home.digest, &key, sizeof(key));
    assert_true(homes_find(h, STR("acme"), STR("resp_2"), &home));
    assert_true(str_is(home.provider, "azure"));
    assert_false(home.has_key);
    homes_note(h, STR("acme"), STR("resp_2"), STR("openai"), NULL); /* the last one counts */
    assert_true(homes_find(h, STR("acme"), STR("resp_2"), &home));
    assert_true(str_is(home.provider, "openai"));
    homes_free(h);
    homes_free(NULL);
}

static void another_tenant_s_responses_are_unknown(void **state)
{
    struct homes *h = homes_new();
    struct home home;
    (void)state;
    homes_note(h, STR("acme"), STR("resp_1"), STR("openai"), NULL);
    assert_false(homes_find(h, STR("other"), STR("resp_1"), &home));
    assert_false(homes_find(h, STR_EMPTY, STR("resp_1"), &home));
    assert_false(homes_find(h, STR("acm"), STR("eresp_1"), &home));
    assert_false(homes_find(h, STR_EMPTY, STR("acmeresp_1"), &home));
    homes_free(h);
}

static void the_oldest_are_forgotten_first(void **state)
{
    struct homes *h = homes_new();
    struct home home;
    char id[32];
    (void)state;
    for (int i = 0; i < 2 * HOMES_GENERATION + 1; i++) {
        snprintf(id, sizeof(id), "resp_%d", i);
        homes_note(h, STR("t"), str_of(id), STR("p"), NULL);
    }
    assert_false(homes_find(h, STR("t"), STR("resp_0"), &home));
    snprintf(id, sizeof(id), "resp_%d", HOMES_GENERATION - 1);
    assert_false(homes_find(h, STR("t"), str_of(id), &home));
    for (int i = HOMES_GENERATION; i < 2 * HOMES_GENERATION + 1; i++) {
        snprintf(id, sizeof(id), "resp_%d", i);
        assert_true(homes_find(h, STR("t"), str_of(id), &home));
    }
    homes_free(h);
}

static void more_providers_than_there_is_room_for_are_not_remembered(void **state)
{
    struct homes *h = homes_new();
    struct home home;
    char name[32];
    (void)state;
    for (int i = 0; i <= HOMES_PROVIDERS_MAX; i++) {
        snprintf(name, sizeof(name), "p%d", i);
        homes_note(h, STR_EMPTY, str_of(name), str_of(name), NULL);
    }
    snprintf(name, sizeof(name), "p%d", HOMES_PROVIDERS_MAX - 1);
    assert_true(homes_find(h, STR_EMPTY, str_of(name), &home));
    assert_true(str_is(home.provider, name));
    snprintf(name, sizeof(name), "p%d", HOMES_PROVIDERS_MAX);
    assert_false(homes_find(h, STR_EMPTY, str_of(name), &home));
    homes_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_response_is_found_where_it_was_made),
        cmocka_unit_test(another_tenant_s_responses_are_unknown),
        cmocka_unit_test(the_oldest_are_forgotten_first),
        cmocka_unit_test(more_providers_than_there_is_room_for_are_not_remembered),
    };
    return cmocka_run_group_tests_name("engine/homes", tests, NULL, NULL);
}
