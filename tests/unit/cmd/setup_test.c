#include "unit/core/suite.h"

#include <stdlib.h>

#include "cmd/setup.h"
#include "engine/settings.h"

static char folder[] = "/tmp/weir-setup-test-XXXXXX";

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(SETUP_FILE);
    (void)unlink("other.yaml");
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static const char sound[] =
    "providers:\n"
    "  p: {dialect: openai, base_url: http://127.0.0.1:1/v1, api_keys: [\"${SETUP_TEST_KEY}\"]}\n"
    "models: {m: {targets: [{provider: p, model: x}]}}\n";

static void a_file_is_read_with_the_environment(void **state)
{
    struct setup setup = {0};
    struct error err;

    (void)state;
    setenv("SETUP_TEST_KEY", "key", 1);
    write_file("other.yaml", sound);
    assert_int_equal(setup_load(&setup, "other.yaml", &err), 0);
    assert_non_null(setup.catalogue);
    assert_int_equal(setup.settings->model_count, 1);
    assert_str(setup.settings->providers[0].api_keys[0].secret, "key");
    setup_release(&setup);
    assert_null(setup.settings);
    assert_null(setup.catalogue);
    setup_release(&setup);
}

static void the_file_here_is_the_default(void **state)
{
    struct setup setup = {0};
    struct error err;

    (void)state;
    (void)unlink(SETUP_FILE);
    assert_int_equal(setup_load(&setup, NULL, &err), ERR_NOT_FOUND);
    assert_int_equal(setup_load_if_any(&setup, NULL, &err), 0);
    assert_null(setup.settings);
    assert_non_null(setup.catalogue);
    setup_release(&setup);
    write_file(SETUP_FILE, sound);
    assert_int_equal(setup_load(&setup, NULL, &err), 0);
    setup_release(&setup);
    assert_int_equal(setup_load_if_any(&setup, NULL, &err), 0);
    assert_non_null(setup.settings);
    setup_release(&setup);
}

static void a_mistake_leaves_nothing_behind_and_names_its_place(void **state)
{
    struct setup setup = {0};
    struct error err;

    (void)state;
    write_file("other.yaml", "listen: 127.0.0.1:8080\nlisten_on: x\n");
    assert_int_equal(setup_load(&setup, "other.yaml", &err), ERR_INVALID);
    assert_null(setup.settings);
    assert_null(setup.catalogue);
    assert_non_null(strstr(err.text, "other.yaml:2:1: "));
    assert_int_equal(setup_load_if_any(&setup, "missing.yaml", &err), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_with_the_environment),
        cmocka_unit_test(the_file_here_is_the_default),
        cmocka_unit_test(a_mistake_leaves_nothing_behind_and_names_its_place),
    };

    return cmocka_run_group_tests_name("cmd/setup", tests, set_up, tear_down);
}
