#ifndef CMD_OPT_HELP_H
#define CMD_OPT_HELP_H

/*
 * Help from the tables: the text of `weir help COMMAND`, and the man page. What they say is what
 * the option parser does, because both read the same `struct cmd`.
 *
 * All functions append to `out`; a full buffer shows in buf_ok.
 */
#include "cmd/cmd.h"
#include "core/buf.h"
#include "core/str.h"

#define OPT_HELP_BYTES_MAX (256u << 10)
/* Text is wrapped before this column. */
#define OPT_HELP_COLUMNS 92

/* Everything about one command; `path` as called: "trace ls". */
void opt_help_command(struct buf *out, const struct cmd *cmd, const char *path);
/* The verbs of a command with their summaries, a line each. */
void opt_help_verbs(struct buf *out, const struct cmd *cmd);
/* Sections "OPTIONS" and "EXAMPLE" of one command in man page markup. */
void opt_help_man(struct buf *out, const struct cmd *cmd, const char *path);

/* "-c, --config FILE" */
void opt_help_label(struct buf *out, const struct opt *opt);
/* Appends text wrapped at spaces, further lines indented; the first starts at `column`. */
void opt_help_wrap(struct buf *out, struct str text, size_t column, size_t indent);
/* Appends text with what roff would take for markup escaped, line by line. */
void opt_help_roff(struct buf *out, const char *text);

#endif
