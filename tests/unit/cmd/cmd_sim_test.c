#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "sim/dial.h"

/* The options of one call, aligned for any type. */
static _Alignas(max_align_t) char options[CMD_OPTIONS_BYTES_MAX];

static int parse(const char *name, const char *value, struct error *err)
{
    const char *argv[] = {name, value};
    struct opt_texts positional = {.n = 0};
    memcpy(options, cmd_sim.defaults, cmd_sim.options_size);
    return opt_parse(2, argv, cmd_sim.opts, cmd_sim.opt_count, options, &positional, err);
}

static const struct opt *find(const char *name)
{
    for (size_t i = 0; i < cmd_sim.opt_count; i++) {
        if (strcmp(cmd_sim.opts[i].name, name) == 0) {
            return &cmd_sim.opts[i];
        }
    }
    return NULL;
}

static void every_dial_is_an_option_of_its_own(void **state)
{
    (void)state;
    assert_true(cmd_sim.options_size <= CMD_OPTIONS_BYTES_MAX);
    for (size_t i = 0; i < DIAL_TOTAL; i++) {
        const struct opt *opt = find(dial_table[i].name);
        char name[64];
        struct error err = {0};

        assert_non_null(opt);
        assert_int_equal(opt->type, OPT_TEXT);
        assert_non_null(strstr(opt->help, dial_table[i].help));
        snprintf(name, sizeof(name), "--%s", dial_table[i].name);
        assert_int_equal(parse(name, "some value", &err), 0);
        for (size_t k = 0; k < DIAL_TOTAL; k++) {
            const char *text = NULL;
            memcpy(&text, options + find(dial_table[k].name)->offset, sizeof(text));
            assert_true((text != NULL) == (k == i));
        }
    }
}

static void a_value_out_of_bounds_ends_the_command_and_names_the_dial(void **state)
{
    (void)state;
    struct cmd_context context = {.name = "sim"};
    for (size_t i = 0; i < DIAL_TOTAL; i++) {
        char name[64];
        struct error err = {0};

        if (dial_table[i].kind == DIAL_KIND_TEXT) {
            continue; /* takes anything */
        }
        snprintf(name, sizeof(name), "--%s", dial_table[i].name);
        assert_int_equal(parse(name, "no such value", &err), 0);
        assert_int_equal(cmd_sim.run(&context, options, &err), ERR_INVALID);
        assert_non_null(strstr(err.text, dial_table[i].name));
    }
}

static void a_place_to_listen_needs_address_and_port(void **state)
{
    (void)state;
    static const char *const places[] = {"", "8090", "127.0.0.1", "localhost:http", ":99999999"};
    struct cmd_context context = {.name = "sim"};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct error err = {0};
        assert_int_equal(parse("--listen", places[i], &err), 0);
        assert_int_equal(cmd_sim.run(&context, options, &err), ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dial_is_an_option_of_its_own),
        cmocka_unit_test(a_value_out_of_bounds_ends_the_command_and_names_the_dial),
        cmocka_unit_test(a_place_to_listen_needs_address_and_port),
    };
    return cmocka_run_group_tests_name("cmd/cmd_sim", tests, NULL, NULL);
}
