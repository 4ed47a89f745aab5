#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/opt_help.h"
#include "core/buf.h"
#include "core/str.h"
#include "core/version_gen.h"

struct help_options {
    bool man;
};

#define GROUP_COMMANDS_MAX 6

/* How `weir help` lists cmd_table; a unit test sees to it that no command is left out. */
static const struct {
    const char *title;
    const struct cmd *commands[GROUP_COMMANDS_MAX];
} groups[] = {
    {"the gateway",        {&cmd_serve, &cmd_ctl, &cmd_key, &cmd_config, &cmd_models}},
    {"what was recorded",  {&cmd_trace, &cmd_spend}                                  },
    {"without a provider", {&cmd_sim}                                                },
    {"about weir",         {&cmd_help, &cmd_version, &cmd_completion}                },
};

static const char exit_statuses[] =
    "exit status: 0 fine, 1 findings, 2 usage or configuration, 3 inconclusive, 4 error";

static void put_list(struct buf *out)
{
    buf_puts(out, "weir: a gateway for LLM calls that relays, records and prices them\n\n"
                  "usage: weir COMMAND [VERB] [options] [arguments]\n");
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        buf_putf(out, "\n%s\n", groups[i].title);
        for (size_t j = 0; j < GROUP_COMMANDS_MAX && groups[i].commands[j]; j++) {
            buf_putf(out, "  %-11s %s\n", groups[i].commands[j]->name,
                     groups[i].commands[j]->summary);
        }
    }
    buf_putf(out,
             "\n\"weir help COMMAND\" or \"weir COMMAND -h\" says more and gives an example.\n%s\n",
             exit_statuses);
}

static void put_man_page(struct buf *out)
{
    buf_putf(out,
             ".TH WEIR 1 \"\" \"weir %s\" \"User Commands\"\n.SH NAME\n"
             "weir \\- a gateway for LLM calls that relays, records and prices them\n"
             ".SH SYNOPSIS\n.B weir\n.I COMMAND\n[\\fIVERB\\fR] [\\fIoptions\\fR] "
             "[\\fIarguments\\fR]\n.SH COMMANDS\n",
             WEIR_VERSION);
    for (const struct cmd *const *cmd = cmd_table; *cmd; cmd++) {
        opt_help_man(out, *cmd, (*cmd)->name);
        for (const struct cmd *const *verb = (*cmd)->verbs; verb && *verb; verb++) {
            char path[64];

            snprintf(path, sizeof(path), "%s %s", (*cmd)->name, (*verb)->name);
            opt_help_man(out, *verb, path);
        }
    }
    buf_puts(out, ".SH EXIT STATUS\n0 fine, 1 findings, 2 usage or configuration, 3 inconclusive, "
                  "4 error (infrastructure).\n.SH FILES\n.TP\n.I weir.yaml\n"
                  "The configuration; \\fBweir config docs\\fR prints every setting.\n");
}

static const struct cmd *find(const struct cmd *const *table, const char *name)
{
    while (table && *table && strcmp((*table)->name, name) != 0) {
        table++;
    }
    return table ? *table : NULL;
}

static int put_topic(struct buf *out, const struct opt_texts *args, struct error *err)
{
    const struct cmd *cmd = find(cmd_table, args->items[0]);
    char path[64];
    char shown[STR_SHOW_MAX];

    if (!cmd) {
        return error_set(err, ERR_NOT_FOUND, "no command \"%s\"; \"weir help\" lists them",
                         str_show(str_of(args->items[0]), shown));
    }
    if (args->n == 1) {
        opt_help_command(out, cmd, cmd->name);
        return 0;
    }
    const struct cmd *verb = find(cmd->verbs, args->items[1]);
    if (!verb) {
        return error_set(err, ERR_NOT_FOUND, "no \"%s\" in \"weir %s\"; \"weir help %s\" lists all",
                         str_show(str_of(args->items[1]), shown), cmd->name, cmd->name);
    }
    snprintf(path, sizeof(path), "%s %s", cmd->name, verb->name);
    opt_help_command(out, verb, path);
    return 0;
}

static int run(const struct cmd_context *context, const void *options, struct error *err)
{
    const struct help_options *o = options;
    struct buf text;
    int result = CMD_FINE;

    buf_init(&text, OPT_HELP_BYTES_MAX);
    if (o->man) {
        put_man_page(&text);
    } else if (context->args->n > 0) {
        result = put_topic(&text, context->args, err);
    } else {
        put_list(&text);
    }
    BUG_ON(!buf_ok(&text));
    fwrite(buf_str(&text).p, 1, text.n, stdout);
    buf_release(&text);
    return result;
}

static const struct opt opts[] = {
    {
     .name = "man",
     .type = OPT_FLAG,
     .offset = offsetof(struct help_options, man),
     .help = "print the man page, weir(1)",
     },
};

const struct cmd cmd_help = {
    .name = "help",
    .summary = "list the commands, or explain one",
    .usage = "[--man] [COMMAND [VERB]]",
    .example = "weir help trace ls\nweir help --man > weir.1",
    .opts = opts,
    .opt_count = ARRAY_LEN(opts),
    .options_size = sizeof(struct help_options),
    .args_max = 2,
    .run = run,
};
