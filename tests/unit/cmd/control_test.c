#include "unit/core/suite.h"

#include <stdlib.h>

#include "cmd/control.h"
#include "cmd/setup.h"

/* The suite works in an empty folder of its own. */
static char folder[] = "/tmp/weir-control-test-XXXXXX";

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

static void check(const struct control_options *options, const char *address, uint16_t port,
                  const char *token)
{
    struct control control;
    struct arena arena;
    struct error err = {.text = ""};

    arena_init(&arena);
    int result = control_find(&arena, options, &control, &err);
    if (result != 0) {
        print_error("%s\n", err.text);
    }
    assert_int_equal(result, 0);
    assert_string_equal(control.address, address);
    assert_int_equal(control.port, port);
    assert_str(control.token, token);
    arena_release(&arena);
}

static void check_refused(const struct control_options *options, enum err code, const char *text)
{
    struct control control;
    struct arena arena;
    struct error err = {.text = ""};

    arena_init(&arena);
    assert_int_equal(control_find(&arena, options, &control, &err), code);
    if (!strstr(err.text, text)) {
        print_error("%s\n", err.text);
    }
    assert_non_null(strstr(err.text, text));
    arena_release(&arena);
}

static void without_a_file_the_default_address_holds(void **state)
{
    (void)state;
    (void)unlink(SETUP_FILE);
    check(&(struct control_options){0}, "127.0.0.1", 8089, "");
}

static void the_file_here_says_address_and_token(void **state)
{
    (void)state;
    setenv("CONTROL_TEST_TOKEN", "from-file", 1);
    write_file(SETUP_FILE, "admin: 127.0.0.1:1234\nadmin_token: ${CONTROL_TEST_TOKEN}\n");
    check(&(struct control_options){0}, "127.0.0.1", 1234, "from-file");
    /* An address of its own stands for itself. */
    check(&(struct control_options){.admin = "[::1]:99"}, "::1", 99, "");
    check(&(struct control_options){.admin = "[::1]:99", .config = SETUP_FILE}, "::1", 99,
          "from-file");
}

static void a_mistake_elsewhere_in_the_file_does_not_matter(void **state)
{
    (void)state;
    write_file("other.yaml", "admin: 127.0.0.1:77\nlisten: nonsense\nno_such_key: 1\n");
    check(&(struct control_options){.config = "other.yaml"}, "127.0.0.1", 77, "");
    write_file("other.yaml", "admin:\n");
    check(&(struct control_options){.config = "other.yaml"}, "127.0.0.1", 8089, "");
    write_file("other.yaml", "- a list\n");
    check(&(struct control_options){.config = "other.yaml"}, "127.0.0.1", 8089, "");
}

static void the_token_may_come_from_a_named_variable(void **state)
{
    (void)state;
    setenv("CONTROL_TEST_TOKEN", "secret", 1);
    check(&(struct control_options){.admin = "127.0.0.1:5", .token_env = "CONTROL_TEST_TOKEN"},
          "127.0.0.1", 5, "secret");
    unsetenv("CONTROL_TEST_TOKEN");
    check_refused(
        &(struct control_options){.admin = "127.0.0.1:5", .token_env = "CONTROL_TEST_TOKEN"},
        ERR_INVALID, "CONTROL_TEST_TOKEN is not set");
    /* It would be more than one header. */
    setenv("CONTROL_TEST_TOKEN", "secret\r\nx: y", 1);
    check_refused(
        &(struct control_options){.admin = "127.0.0.1:5", .token_env = "CONTROL_TEST_TOKEN"},
        ERR_INVALID, "control character");
}

static void a_listener_on_every_address_is_reached_on_loopback(void **state)
{
    (void)state;
    check(&(struct control_options){.admin = "0.0.0.0:5"}, "127.0.0.1", 5, "");
    check(&(struct control_options){.admin = "[::]:5"}, "::1", 5, "");
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    check_refused(&(struct control_options){.admin = "nowhere"}, ERR_INVALID, "--admin: ");
    check_refused(&(struct control_options){.config = "missing.yaml"}, ERR_NOT_FOUND,
                  "missing.yaml");
    write_file("other.yaml", "admin: [\n");
    check_refused(&(struct control_options){.config = "other.yaml"}, ERR_INVALID, "other.yaml:");
    write_file("other.yaml", "admin: nowhere\n");
    check_refused(&(struct control_options){.config = "other.yaml"}, ERR_INVALID, "admin: ");
}

static void nobody_there_is_an_error_with_a_hint(void **state)
{
    /* The discard port: nothing listens there on a machine that runs tests. */
    const struct control control = {.address = "127.0.0.1", .port = 9, .token = STR_EMPTY};
    struct error err = {.text = ""};
    struct buf answer;

    (void)state;
    buf_init(&answer, CONTROL_ANSWER_BYTES_MAX);
    assert_true(control_ask(&control, "GET", "/control/status", &answer, &err) < 0);
    assert_non_null(strstr(err.text, "Is `weir serve` running?"));
    buf_release(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_file_the_default_address_holds),
        cmocka_unit_test(the_file_here_says_address_and_token),
        cmocka_unit_test(a_mistake_elsewhere_in_the_file_does_not_matter),
        cmocka_unit_test(the_token_may_come_from_a_named_variable),
        cmocka_unit_test(a_listener_on_every_address_is_reached_on_loopback),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(nobody_there_is_an_error_with_a_hint),
    };

    return cmocka_run_group_tests_name("cmd/control", tests, set_up, tear_down);
}
