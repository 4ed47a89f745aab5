#ifndef CMD_CMD_H
#define CMD_CMD_H

/*
 * Commands: the table, and what each command states about itself.
 *
 * To add a command: (1) write cmd_<name>.c with one `const struct cmd cmd_<name>`; (2) declare it
 * here and add it to cmd_table in cmd.c; (3) add docs/<name>.md and an example; (4) add a case in
 * tests/case/cmd/. A command only parses, calls and prints: logic lives in the layers below.
 *
 * cmd_run parses the options (from the same table that makes the help, the completion and the man
 * page), calls run, checks that stdout could be written, and turns codes into exit statuses.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"
#include "core/log.h"
#include "core/opt.h"

enum cmd_exit {
    CMD_FINE = 0,         /* also PASS */
    CMD_FINDINGS = 1,     /* also FAIL */
    CMD_USAGE = 2,        /* usage or configuration */
    CMD_INCONCLUSIVE = 3, /* not enough evidence */
    CMD_ERROR = 4         /* infrastructure */
};

#define CMD_OPTIONS_BYTES_MAX 8192

struct cmd_context {
    const char *name; /* as called: "trace ls" */
    struct log *log;
    const struct opt_texts *args; /* positional */
};

struct cmd {
    const char *name;
    const char *summary; /* one line for `weir help` */
    const char *usage;   /* "[options] FILE..." */
    const char *help;    /* paragraphs below the summary, may be NULL */
    const char *example; /* lines that run as printed */
    const struct opt *opts;
    size_t opt_count;
    size_t options_size;  /* sizeof the options struct, <= CMD_OPTIONS_BYTES_MAX */
    const void *defaults; /* initial options, or NULL for zeros */
    size_t args_min, args_max;
    const struct cmd *const *verbs; /* NULL-terminated second level, or NULL */
    /* Returns an exit status; or a negative enum err with *err set, which is printed and mapped
     * (INVALID, NOT_FOUND, LIMIT, DENIED -> 2; all else -> 4). */
    int (*run)(const struct cmd_context *context, const void *options, struct error *err);
};

/* Ends with NULL. */
extern const struct cmd *const cmd_table[];

extern const struct cmd cmd_serve;
extern const struct cmd cmd_sim;
extern const struct cmd cmd_trace;
extern const struct cmd cmd_spend;
extern const struct cmd cmd_key;
extern const struct cmd cmd_ctl;
extern const struct cmd cmd_config;
extern const struct cmd cmd_models;
extern const struct cmd cmd_help;
extern const struct cmd cmd_version;
extern const struct cmd cmd_completion;

/* Runs `weir argv[1] ...`; the process's exit status. */
int cmd_main(int argc, const char *const *argv, struct log *log);

/* The exit status for an expected failure. */
int cmd_exit_of(enum err code);

/* Common options many commands have, for use inside tables. */
#define CMD_OPT_JSON(owner, field)                                                                 \
    {                                                                                              \
        .name = "json", .type = OPT_FLAG, .offset = offsetof(owner, field), .help = "print JSON"   \
    }
#define CMD_OPT_CONFIG(owner, field)                                                               \
    {                                                                                              \
        .name = "config", .letter = 'c', .type = OPT_TEXT, .offset = offsetof(owner, field),       \
        .value = "FILE", .help = "configuration (default: weir.yaml here)"                         \
    }

#endif
