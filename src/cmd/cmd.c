#include "cmd/cmd.h"

#include <errno.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "cmd/opt_help.h"
#include "core/buf.h"
#include "core/str.h"

const struct cmd *const cmd_table[] = {
    &cmd_serve,  &cmd_sim,    &cmd_trace, &cmd_spend,   &cmd_key,        &cmd_ctl,
    &cmd_config, &cmd_models, &cmd_help,  &cmd_version, &cmd_completion, NULL,
};

/* Options of one command, with the help that each has. */
#define CMD_OPTS_MAX 96
/* "completion" and a verb. */
#define CMD_PATH_MAX  64
#define CMD_NAMES_MAX 32

int cmd_exit_of(enum err code)
{
    switch (code) {
    case ERR_OK:
        return CMD_FINE;
    case ERR_INVALID:
    case ERR_NOT_FOUND:
    case ERR_LIMIT:
    case ERR_DENIED:
        return CMD_USAGE;
    case ERR_TIMEOUT:
    case ERR_CLOSED:
    case ERR_BUSY:
    case ERR_UPSTREAM:
    case ERR_IO:
    case ERR_CANCELLED:
        break;
    }
    return CMD_ERROR;
}

static const struct cmd *find(const struct cmd *const *table, const char *name)
{
    for (; *table; table++) {
        if (strcmp((*table)->name, name) == 0) {
            return *table;
        }
    }
    return NULL;
}

/* "unknown command ..." with the nearest name, or where the list is. */
static int unknown(const char *what, const struct cmd *const *table, const char *name,
                   const char *list)
{
    struct str names[CMD_NAMES_MAX];
    char shown[STR_SHOW_MAX];
    size_t n = 0;

    for (; table[n] && n < CMD_NAMES_MAX; n++) {
        names[n] = str_of(table[n]->name);
    }
    struct str near = str_nearest(str_of(name), names, n);
    fprintf(stderr, "weir: unknown %s \"%s\"; ", what, str_show(str_of(name), shown));
    if (near.n > 0) {
        fprintf(stderr, "did you mean \"%.*s\"?\n", STR_ARG(near));
    } else {
        fprintf(stderr, "\"%s\" lists them\n", list);
    }
    return CMD_USAGE;
}

/* A command cannot have worked when what it said was lost. */
static int check_output(int status)
{
    bool failed = ferror(stdout) != 0;

    if (fflush(stdout) != 0) {
        failed = true;
        /* Whoever closed the pipe has seen enough and needs no message. */
        if (errno != EPIPE) {
            fprintf(stderr, "weir: cannot write the output: %s\n", strerror(errno));
        }
    }
    return failed ? CMD_ERROR : status;
}

static int print_help(const struct cmd *cmd, const char *path)
{
    struct buf text;

    buf_init(&text, OPT_HELP_BYTES_MAX);
    opt_help_command(&text, cmd, path);
    fwrite(text.p, 1, text.n, stdout);
    buf_release(&text);
    return CMD_FINE;
}

static int bad_usage(const struct cmd *cmd, const char *path, const char *why)
{
    fprintf(stderr, "weir %s: %s\nusage: weir %s%s%s\n", path, why, path, cmd->usage ? " " : "",
            cmd->usage ? cmd->usage : "");
    return CMD_USAGE;
}

static int check_count(const struct cmd *cmd, const struct opt_texts *args, struct error *err)
{
    char shown[STR_SHOW_MAX];

    if (args->n < cmd->args_min) {
        return error_set(err, ERR_INVALID, "needs %s%zu argument%s",
                         cmd->args_max > cmd->args_min ? "at least " : "", cmd->args_min,
                         cmd->args_min == 1 ? "" : "s");
    }
    if (args->n > cmd->args_max) {
        return error_set(err, ERR_INVALID, "does not know what to do with \"%s\"",
                         str_show(str_of(args->items[cmd->args_max]), shown));
    }
    return 0;
}

/* Parses the options of `cmd` and runs it. */
static int run(const struct cmd *cmd, const char *path, int argc, const char *const *argv,
               struct log *log)
{
    struct {
        alignas(max_align_t) unsigned char own[CMD_OPTIONS_BYTES_MAX];
        bool help;
    } values;

    static const struct opt help_opt = {
        .name = "help",
        .letter = 'h',
        .type = OPT_FLAG,
        .offset = CMD_OPTIONS_BYTES_MAX,
        .help = "this text",
    };

    struct opt opts[CMD_OPTS_MAX];
    struct opt_texts args = {.n = 0};
    struct error err = {.code = ERR_OK};

    BUG_ON(cmd->opt_count + 1 > CMD_OPTS_MAX || cmd->options_size > CMD_OPTIONS_BYTES_MAX);
    memset(&values, 0, sizeof(values));
    if (cmd->defaults) {
        memcpy(values.own, cmd->defaults, cmd->options_size);
    }
    if (cmd->opt_count > 0) {
        memcpy(opts, cmd->opts, cmd->opt_count * sizeof(opts[0]));
    }
    opts[cmd->opt_count] = help_opt;
    int result = opt_parse(argc, argv, opts, cmd->opt_count + 1, &values, &args, &err);
    if (values.help) {
        return check_output(print_help(cmd, path));
    }
    if (result != 0 || check_count(cmd, &args, &err) != 0) {
        return bad_usage(cmd, path, err.text);
    }
    const struct cmd_context context = {path, log, &args};
    result = cmd->run(&context, values.own, &err);
    if (result < 0) {
        /* What was printed so far comes first where both streams are one. */
        (void)fflush(stdout);
        fprintf(stderr, "weir %s: %s\n", path, err.text);
        result = cmd_exit_of((enum err)result);
    }
    return check_output(result);
}

static bool asks_help(const char *text)
{
    return strcmp(text, "-h") == 0 || strcmp(text, "--help") == 0;
}

/* argv starts behind the command's name: a verb, or what the command itself takes. */
static int run_verb(const struct cmd *cmd, int argc, const char *const *argv, struct log *log)
{
    char path[CMD_PATH_MAX];
    const struct cmd *verb = argc > 0 ? find(cmd->verbs, argv[0]) : NULL;

    if (verb) {
        snprintf(path, sizeof(path), "%s %s", cmd->name, verb->name);
        return run(verb, path, argc - 1, argv + 1, log);
    }
    if (cmd->run) {
        return run(cmd, cmd->name, argc, argv, log);
    }
    if (argc > 0 && asks_help(argv[0])) {
        return check_output(print_help(cmd, cmd->name));
    }
    if (argc == 0 || argv[0][0] == '-') {
        struct buf text;

        buf_init(&text, OPT_HELP_BYTES_MAX);
        opt_help_verbs(&text, cmd);
        fprintf(stderr, "weir %s: say which of these:\n%s", cmd->name, buf_cstr(&text));
        buf_release(&text);
        return CMD_USAGE;
    }
    snprintf(path, sizeof(path), "%s command", cmd->name);
    char list[CMD_PATH_MAX];
    snprintf(list, sizeof(list), "weir help %s", cmd->name);
    return unknown(path, cmd->verbs, argv[0], list);
}

int cmd_main(int argc, const char *const *argv, struct log *log)
{
    const char *name = argc > 1 ? argv[1] : "help";

    if (argc < 2) {
        int status = run(&cmd_help, name, 0, argv, log);
        return status == CMD_FINE ? CMD_USAGE : status;
    }
    if (asks_help(name)) {
        name = "help";
    } else if (strcmp(name, "-V") == 0 || strcmp(name, "--version") == 0) {
        name = "version";
    }
    const struct cmd *cmd = find(cmd_table, name);
    if (!cmd) {
        return unknown("command", cmd_table, name, "weir help");
    }
    argc -= 2;
    argv += 2;
    return cmd->verbs ? run_verb(cmd, argc, argv, log) : run(cmd, cmd->name, argc, argv, log);
}
