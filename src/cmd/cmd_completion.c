#include <stdio.h>

#include "cmd/cmd.h"
#include "core/buf.h"
#include "core/str.h"

#define SCRIPT_BYTES_MAX (256u << 10)

/* Text inside single quotes of a shell. */
static void put_quoted(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'') {
            buf_puts(out, "'\\''");
        } else {
            buf_putc(out, *text);
        }
    }
}

static void put_names(struct buf *out, const struct cmd *const *table)
{
    for (const char *space = ""; *table; table++, space = " ") {
        buf_putf(out, "%s%s", space, (*table)->name);
    }
}

/* --- bash ---------------------------------------------------------------------------------- */

static void bash_options(struct buf *out, const struct cmd *cmd, const char *pattern)
{
    buf_putf(out, "        %s) words=\"", pattern);
    for (size_t i = 0; i < cmd->opt_count; i++) {
        buf_putf(out, "--%s ", cmd->opts[i].name);
    }
    buf_puts(out, "--help\" ;;\n");
}

static void put_bash(struct buf *out)
{
    char pattern[80];

    buf_puts(out, "# bash completion of weir; in ~/.bashrc: eval \"$(weir completion bash)\"\n"
                  "_weir() {\n"
                  "    local cur=${COMP_WORDS[COMP_CWORD]} words=\"\" verbs=\"\"\n"
                  "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
                  "        COMPREPLY=($(compgen -W \"");
    put_names(out, cmd_table);
    buf_puts(out, "\" -- \"$cur\"))\n        return\n    fi\n"
                  "    case \"${COMP_WORDS[1]}\" in\n");
    for (const struct cmd *const *cmd = cmd_table; *cmd; cmd++) {
        if ((*cmd)->verbs) {
            buf_putf(out, "        %s) verbs=\"", (*cmd)->name);
            put_names(out, (*cmd)->verbs);
            buf_puts(out, "\" ;;\n");
        }
    }
    buf_puts(out, "    esac\n    case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n");
    for (const struct cmd *const *cmd = cmd_table; *cmd; cmd++) {
        for (const struct cmd *const *verb = (*cmd)->verbs; verb && *verb; verb++) {
            snprintf(pattern, sizeof(pattern), "\"%s %s\"", (*cmd)->name, (*verb)->name);
            bash_options(out, *verb, pattern);
        }
        snprintf(pattern, sizeof(pattern), "\"%s \"*", (*cmd)->name);
        bash_options(out, *cmd, pattern);
    }
    buf_puts(out, "    esac\n"
                  "    case \"$cur\" in\n"
                  "        -*) COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")) ;;\n"
                  "        *) [ \"$COMP_CWORD\" -ne 2 ] || "
                  "COMPREPLY=($(compgen -W \"$verbs\" -- \"$cur\")) ;;\n"
                  "    esac\n"
                  "}\n"
                  "complete -o default -F _weir weir\n");
}

/* --- zsh ----------------------------------------------------------------------------------- */

static void zsh_table(struct buf *out, const char *array, const struct cmd *const *table)
{
    buf_putf(out, "%s=(", array);
    for (; *table; table++) {
        buf_putf(out, " '%s:", (*table)->name);
        put_quoted(out, (*table)->summary);
        buf_putc(out, '\'');
    }
    buf_puts(out, " )");
}

static void zsh_options(struct buf *out, const struct cmd *cmd, const char *pattern)
{
    buf_putf(out, "        %s) options=(", pattern);
    for (size_t i = 0; i < cmd->opt_count; i++) {
        buf_putf(out, " '--%s:", cmd->opts[i].name);
        put_quoted(out, cmd->opts[i].help);
        buf_putc(out, '\'');
    }
    buf_puts(out, " '--help:this text' ) ;;\n");
}

static void put_zsh(struct buf *out)
{
    char pattern[80];

    buf_puts(out, "#compdef weir\n"
                  "# zsh completion of weir; in ~/.zshrc: eval \"$(weir completion zsh)\"\n"
                  "_weir() {\n"
                  "    local -a commands verbs options\n    ");
    zsh_table(out, "commands", cmd_table);
    buf_puts(out, "\n    if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
                  "    case \"$words[2]\" in\n");
    for (const struct cmd *const *cmd = cmd_table; *cmd; cmd++) {
        if ((*cmd)->verbs) {
            buf_putf(out, "        %s) ", (*cmd)->name);
            zsh_table(out, "verbs", (*cmd)->verbs);
            buf_puts(out, " ;;\n");
        }
    }
    buf_puts(out, "    esac\n    case \"$words[2] $words[3]\" in\n");
    for (const struct cmd *const *cmd = cmd_table; *cmd; cmd++) {
        for (const struct cmd *const *verb = (*cmd)->verbs; verb && *verb; verb++) {
            snprintf(pattern, sizeof(pattern), "'%s %s'", (*cmd)->name, (*verb)->name);
            zsh_options(out, *verb, pattern);
        }
        snprintf(pattern, sizeof(pattern), "'%s '*", (*cmd)->name);
        zsh_options(out, *cmd, pattern);
    }
    buf_puts(out, "    esac\n"
                  "    if [[ $PREFIX == -* ]]; then _describe -o option options\n"
                  "    elif (( CURRENT == 3 && $#verbs )); then _describe verb verbs\n"
                  "    else _files; fi\n"
                  "}\n"
                  "if [ \"$funcstack[1]\" = _weir ]; then _weir \"$@\"; "
                  "else compdef _weir weir; fi\n");
}

/* --- fish ---------------------------------------------------------------------------------- */

static void fish_options(struct buf *out, const struct cmd *cmd, const char *condition)
{
    for (size_t i = 0; i < cmd->opt_count; i++) {
        const struct opt *opt = &cmd->opts[i];
        buf_putf(out, "complete -c weir -n '%s' -l %s", condition, opt->name);
        if (opt->letter) {
            buf_putf(out, " -s %c", opt->letter);
        }
        buf_putf(out, "%s -d '", opt->type == OPT_FLAG ? "" : " -r");
        put_quoted(out, opt->help);
        buf_puts(out, "'\n");
    }
}

static void fish_verbs(struct buf *out, const struct cmd *cmd)
{
    struct buf condition;

    buf_init(&condition, SCRIPT_BYTES_MAX);
    for (const struct cmd *const *verb = cmd->verbs; *verb; verb++) {
        buf_putf(out,
                 "complete -c weir -n '__fish_seen_subcommand_from %s; and not "
                 "__fish_seen_subcommand_from ",
                 cmd->name);
        put_names(out, cmd->verbs);
        buf_putf(out, "' -f -a %s -d '", (*verb)->name);
        put_quoted(out, (*verb)->summary);
        buf_puts(out, "'\n");
        buf_clear(&condition);
        buf_putf(&condition, "__fish_seen_subcommand_from %s; and __fish_seen_subcommand_from %s",
                 cmd->name, (*verb)->name);
        fish_options(out, *verb, buf_cstr(&condition));
    }
    buf_release(&condition);
}

static void put_fish(struct buf *out)
{
    char condition[80];

    buf_puts(out, "# fish completion of weir: weir completion fish > "
                  "~/.config/fish/completions/weir.fish\n");
    for (const struct cmd *const *cmd = cmd_table; *cmd; cmd++) {
        buf_putf(out, "complete -c weir -n __fish_use_subcommand -f -a %s -d '", (*cmd)->name);
        put_quoted(out, (*cmd)->summary);
        buf_puts(out, "'\n");
        snprintf(condition, sizeof(condition), "__fish_seen_subcommand_from %s", (*cmd)->name);
        fish_options(out, *cmd, condition);
        if ((*cmd)->verbs) {
            fish_verbs(out, *cmd);
        }
    }
}

/* ------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    void (*put)(struct buf *out);
} shells[] = {
    {"bash", put_bash},
    {"zsh",  put_zsh },
    {"fish", put_fish},
};

static int run(const struct cmd_context *context, const void *options, struct error *err)
{
    struct str shell = str_of(context->args->items[0]);
    char shown[STR_SHOW_MAX];
    struct buf text;
    size_t i = 0;

    (void)options;
    while (i < ARRAY_LEN(shells) && !str_is(shell, shells[i].name)) {
        i++;
    }
    if (i == ARRAY_LEN(shells)) {
        return error_set(err, ERR_INVALID, "knows bash, zsh and fish, not \"%s\"",
                         str_show(shell, shown));
    }
    buf_init(&text, SCRIPT_BYTES_MAX);
    shells[i].put(&text);
    BUG_ON(!buf_ok(&text));
    fwrite(text.p, 1, text.n, stdout);
    buf_release(&text);
    return CMD_FINE;
}

const struct cmd cmd_completion = {
    .name = "completion",
    .summary = "print a script that completes weir's commands and options",
    .usage = "bash|zsh|fish",
    .help = "  bash  in ~/.bashrc: eval \"$(weir completion bash)\"\n"
            "  zsh   in ~/.zshrc: eval \"$(weir completion zsh)\"\n"
            "  fish  weir completion fish > ~/.config/fish/completions/weir.fish",
    .example = "eval \"$(weir completion bash)\"",
    .args_min = 1,
    .args_max = 1,
    .run = run,
};
