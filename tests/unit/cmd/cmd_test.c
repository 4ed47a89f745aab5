#include "unit/core/suite.h"

#include <fcntl.h>
#include <stdlib.h>

#include "cmd/cmd.h"
#include "core/log.h"

#define ARGS_MAX         8
#define OUTPUT_BYTES_MAX 65536

/* What a command said, and how it ended. */
struct outcome {
    int status;
    char out[OUTPUT_BYTES_MAX];
};

/* Runs `weir ARGS...` in this process with stdout and stderr going to one file. */
static void run(struct outcome *ret_outcome, const char *first, const char *second,
                const char *third)
{
    const char *argv[ARGS_MAX] = {"weir", first, second, third};
    int argc = 1;
    char path[] = "/tmp/weir-cmd-test-XXXXXX";
    struct log log;

    log_init(&log, LOG_OFF, false);
    while (argc < ARGS_MAX && argv[argc]) {
        argc++;
    }
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(unlink(path), 0);
    (void)fflush(stdout);
    int out = dup(STDOUT_FILENO);
    int err = dup(STDERR_FILENO);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    ret_outcome->status = cmd_main(argc, argv, &log);
    (void)fflush(stdout);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    close(out);
    close(err);
    ssize_t n = pread(file, ret_outcome->out, sizeof(ret_outcome->out) - 1, 0);
    assert_true(n >= 0);
    ret_outcome->out[n] = '\0';
    close(file);
}

static void every_error_code_has_its_exit_status(void **state)
{
    static const struct {
        enum err code;
        int status;
    } rows[] = {
        {ERR_OK,        CMD_FINE },
        {ERR_INVALID,   CMD_USAGE},
        {ERR_LIMIT,     CMD_USAGE},
        {ERR_TIMEOUT,   CMD_ERROR},
        {ERR_CLOSED,    CMD_ERROR},
        {ERR_BUSY,      CMD_ERROR},
        {ERR_DENIED,    CMD_USAGE},
        {ERR_NOT_FOUND, CMD_USAGE},
        {ERR_UPSTREAM,  CMD_ERROR},
        {ERR_IO,        CMD_ERROR},
        {ERR_CANCELLED, CMD_ERROR},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(cmd_exit_of(rows[i].code), rows[i].status);
    }
}

static void check_row(const struct cmd *cmd)
{
    assert_non_null(cmd->name);
    assert_non_null(cmd->summary);
    assert_true(cmd->run || cmd->verbs);
    assert_true(cmd->example || cmd->verbs);
    assert_true(cmd->options_size <= CMD_OPTIONS_BYTES_MAX);
    assert_true(cmd->args_min <= cmd->args_max);
    assert_true(cmd->opt_count == 0 || cmd->opts);
    for (size_t i = 0; i < cmd->opt_count; i++) {
        const struct opt *opt = &cmd->opts[i];
        assert_non_null(opt->name);
        assert_non_null(opt->help);
        assert_true(opt->offset < cmd->options_size);
        assert_string_not_equal(opt->name, "help");
        assert_int_not_equal(opt->letter, 'h');
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(opt->name, cmd->opts[j].name);
            assert_true(!opt->letter || opt->letter != cmd->opts[j].letter);
        }
    }
}

static void every_command_and_verb_states_what_help_needs(void **state)
{
    (void)state;
    for (size_t i = 0; cmd_table[i]; i++) {
        check_row(cmd_table[i]);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(cmd_table[i]->name, cmd_table[j]->name);
        }
        for (size_t j = 0; cmd_table[i]->verbs && cmd_table[i]->verbs[j]; j++) {
            check_row(cmd_table[i]->verbs[j]);
            assert_null(cmd_table[i]->verbs[j]->verbs);
        }
    }
}

static void every_command_and_verb_answers_h(void **state)
{
    static struct outcome outcome;

    (void)state;
    for (size_t i = 0; cmd_table[i]; i++) {
        const struct cmd *cmd = cmd_table[i];
        run(&outcome, cmd->name, "-h", NULL);
        assert_int_equal(outcome.status, CMD_FINE);
        assert_non_null(strstr(outcome.out, cmd->summary));
        for (size_t j = 0; cmd->verbs && cmd->verbs[j]; j++) {
            run(&outcome, cmd->name, cmd->verbs[j]->name, "--help");
            assert_int_equal(outcome.status, CMD_FINE);
            assert_non_null(strstr(outcome.out, cmd->verbs[j]->summary));
            assert_non_null(strstr(outcome.out, "usage: weir "));
        }
    }
}

static void every_command_refuses_an_unknown_option_with_status_2(void **state)
{
    static struct outcome outcome;

    (void)state;
    for (size_t i = 0; cmd_table[i]; i++) {
        run(&outcome, cmd_table[i]->name, "--no-such-option", NULL);
        assert_int_equal(outcome.status, CMD_USAGE);
        for (size_t j = 0; cmd_table[i]->verbs && cmd_table[i]->verbs[j]; j++) {
            run(&outcome, cmd_table[i]->name, cmd_table[i]->verbs[j]->name, "--no-such-option");
            assert_int_equal(outcome.status, CMD_USAGE);
            assert_non_null(strstr(outcome.out, "unknown option \"--no-such-option\""));
        }
    }
}

static void help_lists_every_command(void **state)
{
    static struct outcome outcome;
    char line[128];

    (void)state;
    run(&outcome, "help", NULL, NULL);
    assert_int_equal(outcome.status, CMD_FINE);
    for (size_t i = 0; cmd_table[i]; i++) {
        snprintf(line, sizeof(line), "\n  %-11s %s\n", cmd_table[i]->name, cmd_table[i]->summary);
        assert_non_null(strstr(outcome.out, line));
    }
}

static void an_unknown_command_has_status_2_and_a_suggestion(void **state)
{
    static struct outcome outcome;

    (void)state;
    run(&outcome, "hlep", NULL, NULL);
    assert_int_equal(outcome.status, CMD_USAGE);
    assert_non_null(strstr(outcome.out, "did you mean \"help\"?"));
    run(&outcome, "", NULL, NULL);
    assert_int_equal(outcome.status, CMD_USAGE);
}

static void output_that_is_lost_has_status_4(void **state)
{
    struct log log;
    const char *argv[] = {"weir", "version", NULL};

    (void)state;
    log_init(&log, LOG_OFF, false);
    int out = dup(STDOUT_FILENO);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(full >= 0);
    dup2(full, STDOUT_FILENO);
    int status = cmd_main(2, argv, &log);
    dup2(out, STDOUT_FILENO);
    close(full);
    close(out);
    clearerr(stdout);
    assert_int_equal(status, CMD_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_code_has_its_exit_status),
        cmocka_unit_test(every_command_and_verb_states_what_help_needs),
        cmocka_unit_test(every_command_and_verb_answers_h),
        cmocka_unit_test(every_command_refuses_an_unknown_option_with_status_2),
        cmocka_unit_test(help_lists_every_command),
        cmocka_unit_test(an_unknown_command_has_status_2_and_a_suggestion),
        cmocka_unit_test(output_that_is_lost_has_status_4),
    };

    return cmocka_run_group_tests_name("cmd/cmd", tests, NULL, NULL);
}
