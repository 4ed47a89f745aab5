#include "unit/core/suite.h"

#include <stdlib.h>

#include "cmd/store_locate.h"

/* The tests run in a folder of their own. */
static char folder[] = "/tmp/weir-locate-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    unlink("weir.yaml");
    unlink("other.yaml");
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void assert_located(const char *store, const char *config, const char *url)
{
    struct arena arena;
    struct error err = {0};
    const char *found = NULL;

    arena_init(&arena);
    assert_int_equal(store_locate(&arena, store, config, &found, &err), 0);
    assert_string_equal(found, url);
    arena_release(&arena);
}

static void the_option_comes_before_the_file_and_that_before_the_default(void **state)
{
    (void)state;
    assert_located(NULL, NULL, "sqlite:weir.db");
    assert_located("sqlite:x.db", NULL, "sqlite:x.db");
    write_file("weir.yaml", "store: sqlite:here.db\n");
    write_file("other.yaml", "store: sqlite:there.db\n");
    assert_located(NULL, NULL, "sqlite:here.db");
    assert_located(NULL, "other.yaml", "sqlite:there.db");
    assert_located("sqlite:x.db", "missing.yaml", "sqlite:x.db");
    unlink("weir.yaml");
}

static void only_the_stores_setting_is_read(void **state)
{
    (void)state;
    unsetenv("WEIR_TEST_NOT_SET");
    write_file("other.yaml", "listen: nonsense\n"
                             "unknown_key: 1\n"
                             "providers: {a: {api_keys: [\"${WEIR_TEST_NOT_SET}\"]}}\n"
                             "store: ${WEIR_TEST_STORE}\n");
    setenv("WEIR_TEST_STORE", "sqlite:/var/x.db", 1);
    assert_located(NULL, "other.yaml", "sqlite:/var/x.db");
    write_file("other.yaml", "listen: 127.0.0.1:8080\n");
    assert_located(NULL, "other.yaml", "sqlite:weir.db");
    write_file("other.yaml", "store:\n");
    assert_located(NULL, "other.yaml", "sqlite:weir.db");
}

static void a_file_that_cannot_be_read_is_an_error_that_names_it(void **state)
{
    static const char *const texts[] = {"store: [1", "store: ${WEIR_TEST_NOT_SET}\n",
                                        "store: {a: b}\n"};
    struct arena arena;
    const char *found = NULL;
    struct error err = {0};

    (void)state;
    arena_init(&arena);
    unsetenv("WEIR_TEST_NOT_SET");
    assert_true(store_locate(&arena, NULL, "missing.yaml", &found, &err) < 0);
    assert_non_null(strstr(err.text, "missing.yaml"));
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        write_file("other.yaml", texts[i]);
        assert_true(store_locate(&arena, NULL, "other.yaml", &found, &err) < 0);
        assert_non_null(strstr(err.text, "other.yaml:"));
    }
    assert_null(found);
    arena_release(&arena);
}

static void a_store_that_is_not_there_is_not_made(void **state)
{
    struct arena arena;
    struct store_reader *reader = NULL;
    struct error err = {0};

    (void)state;
    arena_init(&arena);
    assert_int_equal(store_locate_open(&arena, "sqlite:none.db", NULL, &reader, &err),
                     ERR_NOT_FOUND);
    assert_int_equal(access("none.db", F_OK), -1);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_option_comes_before_the_file_and_that_before_the_default),
        cmocka_unit_test(only_the_stores_setting_is_read),
        cmocka_unit_test(a_file_that_cannot_be_read_is_an_error_that_names_it),
        cmocka_unit_test(a_store_that_is_not_there_is_not_made),
    };

    return cmocka_run_group_tests_name("cmd/store_locate", tests, set_up, tear_down);
}
