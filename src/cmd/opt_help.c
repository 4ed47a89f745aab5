#include "cmd/opt_help.h"

#include <string.h>

/* Labels longer than this stand on a line of their own. */
#define LABEL_COLUMNS_MAX 26

/* The option that every command has; cmd.c parses it. */
static const struct opt help_opt = {.name = "help", .letter = 'h', .help = "this text"};

static void put_spaces(struct buf *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_putc(out, ' ');
    }
}

void opt_help_label(struct buf *out, const struct opt *opt)
{
    if (opt->letter) {
        buf_putf(out, "-%c, ", opt->letter);
    }
    buf_putf(out, "--%s", opt->name);
    if (opt->type != OPT_FLAG) {
        buf_putf(out, " %s", opt->value ? opt->value : "VALUE");
    }
}

void opt_help_wrap(struct buf *out, struct str text, size_t column, size_t indent)
{
    bool first = true;

    while (text.n > 0) {
        struct str word = str_split(&text, ' ');
        if (!first && column + 1 + word.n > OPT_HELP_COLUMNS) {
            buf_putc(out, '\n');
            put_spaces(out, indent);
            column = indent;
        } else if (!first) {
            buf_putc(out, ' ');
            column++;
        }
        buf_put_str(out, word);
        column += word.n;
        first = false;
    }
    buf_putc(out, '\n');
}

static size_t label_columns(const struct opt *opt)
{
    struct buf label;

    buf_init(&label, OPT_HELP_BYTES_MAX);
    opt_help_label(&label, opt);
    size_t n = label.n + (opt->letter ? 0 : 4); /* labels without a letter stand under the others */
    buf_release(&label);
    return n;
}

static void put_opt(struct buf *out, const struct opt *opt, size_t width)
{
    size_t columns = label_columns(opt);

    put_spaces(out, opt->letter ? 2 : 6);
    opt_help_label(out, opt);
    if (columns > width) {
        buf_putc(out, '\n');
        columns = 0;
        put_spaces(out, 2);
    }
    put_spaces(out, width - columns + 2);
    opt_help_wrap(out, str_of(opt->help), width + 4, width + 4);
}

static void put_opts(struct buf *out, const struct cmd *cmd)
{
    size_t width = label_columns(&help_opt);

    for (size_t i = 0; i < cmd->opt_count; i++) {
        size_t columns = label_columns(&cmd->opts[i]);
        if (columns > width && columns <= LABEL_COLUMNS_MAX) {
            width = columns;
        }
    }
    buf_puts(out, "\noptions:\n");
    for (size_t i = 0; i < cmd->opt_count; i++) {
        put_opt(out, &cmd->opts[i], width);
    }
    put_opt(out, &help_opt, width);
}

void opt_help_verbs(struct buf *out, const struct cmd *cmd)
{
    for (const struct cmd *const *verb = cmd->verbs; *verb; verb++) {
        buf_putf(out, "  weir %s %-10s  %s\n", cmd->name, (*verb)->name, (*verb)->summary);
    }
}

/* Each line of a text, indented. */
static void put_lines(struct buf *out, const char *text, size_t indent)
{
    struct str rest = str_of(text);

    while (rest.n > 0) {
        struct str line = str_split(&rest, '\n');
        if (line.n > 0) {
            put_spaces(out, indent);
        }
        buf_put_str(out, line);
        buf_putc(out, '\n');
    }
}

void opt_help_command(struct buf *out, const struct cmd *cmd, const char *path)
{
    buf_putf(out, "weir %s: %s\n", path, cmd->summary);
    if (cmd->run) {
        buf_putf(out, "\nusage: weir %s%s%s\n", path, cmd->usage ? " " : "",
                 cmd->usage ? cmd->usage : "");
    }
    if (cmd->verbs) {
        buf_puts(out, "\ncommands:\n");
        opt_help_verbs(out, cmd);
    }
    if (cmd->help) {
        buf_putc(out, '\n');
        put_lines(out, cmd->help, 0);
    }
    if (cmd->run) {
        put_opts(out, cmd);
    }
    if (cmd->example) {
        buf_puts(out, "\nexample:\n");
        put_lines(out, cmd->example, 2);
    }
}

void opt_help_roff(struct buf *out, const char *text)
{
    bool line_start = true;

    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\'')) {
            buf_puts(out, "\\&");
        }
        line_start = *text == '\n';
        if (*text == '-' || *text == '\\') {
            buf_puts(out, *text == '-' ? "\\-" : "\\e");
        } else {
            buf_putc(out, *text);
        }
    }
}

static void put_man_opt(struct buf *out, const struct opt *opt)
{
    struct buf label;

    buf_init(&label, OPT_HELP_BYTES_MAX);
    opt_help_label(&label, opt);
    buf_puts(out, ".TP\n.B ");
    opt_help_roff(out, buf_cstr(&label));
    buf_putc(out, '\n');
    opt_help_roff(out, opt->help);
    buf_putc(out, '\n');
    buf_release(&label);
}

void opt_help_man(struct buf *out, const struct cmd *cmd, const char *path)
{
    buf_putf(out, ".SS weir %s", path);
    if (cmd->run && cmd->usage) {
        buf_putc(out, ' ');
        opt_help_roff(out, cmd->usage);
    }
    buf_putc(out, '\n');
    opt_help_roff(out, cmd->summary);
    buf_puts(out, ".\n");
    if (cmd->help) {
        buf_puts(out, ".PP\n.nf\n");
        opt_help_roff(out, cmd->help);
        buf_puts(out, "\n.fi\n");
    }
    for (size_t i = 0; i < cmd->opt_count; i++) {
        put_man_opt(out, &cmd->opts[i]);
    }
    if (cmd->example) {
        buf_puts(out, ".PP\nExample:\n.PP\n.nf\n.RS 4\n");
        opt_help_roff(out, cmd->example);
        buf_puts(out, "\n.RE\n.fi\n");
    }
}
