#include "unit/engine/suite.h"

#include "engine/engine.h"
#include "net/loop.h"

static struct settings *load(const char *text)
{
    struct settings *s = NULL;
    struct error err = {0};
    if (suite_settings(text, NULL, &s, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return s;
}

struct fixture {
    struct loop *loop;
    struct engine *engine;
};

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    struct error err;
    assert_int_equal(loop_new(&f->loop, &err), 0);
    struct engine_options options = {.loop = f->loop};
    f->engine = engine_new(&options);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    engine_free(f->engine);
    loop_free(f->loop);
    test_free(f);
    return 0;
}

#define PLACE(name, url) name ": {dialect: openai, base_url: \"" url "\"}"

static void the_same_place_keeps_its_connections_over_a_reload(void **state)
{
    struct engine *e = ((struct fixture *)*state)->engine;
    struct settings *first = load("providers: {" PLACE("a", "http://h1/v1") "}");
    struct settings *second =
        load("providers: {" PLACE("a", "http://h1/v2") ", " PLACE("b", "http://h2") "}");

    engine_adopt(e, first);
    struct client_origin *before = engine_origin(e, settings_find_provider(first, STR("a")));
    assert_ptr_equal(before, engine_origin(e, settings_find_provider(first, STR("a"))));
    engine_adopt(e, second); /* another path, the same host and port */
    assert_ptr_equal(before, engine_origin(e, settings_find_provider(second, STR("a"))));
    assert_ptr_not_equal(before, engine_origin(e, settings_find_provider(second, STR("b"))));
    settings_unref(first);
    settings_unref(second);
}

static void another_place_under_an_old_name_is_another_origin(void **state)
{
    struct engine *e = ((struct fixture *)*state)->engine;
    struct settings *first = load("providers: {" PLACE("a", "http://h1") "}");
    struct settings *second = load("providers: {" PLACE("a", "http://h1:81") "}");

    engine_adopt(e, first);
    struct client_origin *before = engine_origin(e, settings_find_provider(first, STR("a")));
    struct client_origin *after = engine_origin(e, settings_find_provider(second, STR("a")));
    assert_ptr_not_equal(before, after);
    engine_adopt(e, second);
    assert_ptr_equal(after, engine_origin(e, settings_find_provider(second, STR("a"))));
    /* A request that pinned the old snapshot may still go there. */
    assert_non_null(engine_origin(e, settings_find_provider(first, STR("a"))));
    settings_unref(first);
    settings_unref(second);
}

static void many_reloads_leave_no_origin_behind(void **state)
{
    struct engine *e = ((struct fixture *)*state)->engine;
    for (int i = 0; i < 3 * ENGINE_ORIGINS_MAX; i++) {
        char text[100];
        snprintf(text, sizeof(text), "providers: {" PLACE("a", "http://h:%d") "}", 1 + i);
        struct settings *s = load(text);
        engine_adopt(e, s);
        settings_unref(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_same_place_keeps_its_connections_over_a_reload, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(another_place_under_an_old_name_is_another_origin, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(many_reloads_leave_no_origin_behind, setup, teardown),
    };
    return cmocka_run_group_tests_name("engine/engine", tests, NULL, NULL);
}
