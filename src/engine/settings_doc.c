#include "engine/settings_doc.h"

#include "core/bounds.h"
#include "core/config.h"
#include "engine/settings_keys.h"

static const char introduction[] =
    "# Configuration\n"
    "\n"
    "This page is made by `weir config docs` from the tables that check the file; "
    "a test compares the two.\n"
    "\n"
    "```\n"
    "weir config check [--json] [FILE]    checks FILE (default: weir.yaml here), says what it "
    "amounts to\n"
    "weir config docs                     prints this page\n"
    "```\n"
    "\n"
    "Both end with status 0; `check` with 2 when the file is refused. Secrets are not shown.\n"
    "\n"
    "## How it is read\n"
    "\n"
    "`weir.yaml` is checked whole before it is used: an unknown key, a wrong type or a value out "
    "of "
    "bounds is an\n"
    "error with file, line and column, and the nearest known name. `weir config check` does the "
    "same "
    "without starting\n"
    "anything. A running gateway reads the file again on SIGHUP and on `weir ctl reload`, all or "
    "nothing.\n"
    "\n"
    "- `${NAME}` in a value stands for an environment variable, which must be set; "
    "`${NAME:-default}` has a default,\n"
    "  which also replaces an empty value; `$${` is a plain `${`. Secrets belong in the "
    "environment, not in the file.\n"
    "- Durations are written `250ms`, `10s`, `5m`, `2h`, `30d`; a bare number is seconds. Sizes "
    "are "
    "written `512`,\n"
    "  `64KB` (1000), `32MiB` (1024), `20GB`.\n"
    "- A key without a value counts as not given.\n";

static const char *type_name(enum config_type type)
{
    static const char *const names[] = {
        [CONFIG_STR] = "text",          [CONFIG_BOOL] = "true or false",
        [CONFIG_I64] = "whole number",  [CONFIG_DOUBLE] = "number",
        [CONFIG_DURATION] = "duration", [CONFIG_BYTES] = "size",
        [CONFIG_ENUM] = "one of",       [CONFIG_STR_LIST] = "text or list of texts",
        [CONFIG_NODE] = "section",
    };

    return names[type];
}

static enum bounds_unit unit_of(enum config_type type)
{
    if (type == CONFIG_DURATION) {
        return BOUNDS_DURATION;
    }
    return type == CONFIG_BYTES ? BOUNDS_BYTES : BOUNDS_NUMBER;
}

/* A "|" would end the cell of a Markdown table. */
static void put_cell(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|') {
            buf_putc(out, '\\');
        }
        buf_putc(out, *text);
    }
}

static void put_key(struct buf *out, const struct config_key *key)
{
    char bounds[BOUNDS_TEXT_MAX];

    buf_putf(out, "| `%s` | %s", key->name, type_name(key->type));
    for (size_t i = 0; key->type == CONFIG_ENUM && key->names[i]; i++) {
        buf_putf(out, "%s `%s`", i ? "," : "", key->names[i]);
    }
    buf_puts(out, bounds_show(unit_of(key->type), key->min, key->max, bounds));
    if (key->required) {
        buf_puts(out, " | required | ");
    } else if (key->fallback) {
        buf_putf(out, " | `%s` | ", key->fallback);
    } else {
        buf_puts(out, " | | ");
    }
    put_cell(out, key->help);
    buf_puts(out, " |\n");
}

void settings_document(struct buf *out)
{
    buf_puts(out, introduction);
    for (const struct settings_section *const *section = settings_sections; *section; section++) {
        const struct settings_section *s = *section;
        if (s->path[0]) {
            buf_putf(out, "\n## `%s`\n", s->path);
        } else {
            buf_puts(out, "\n## The file\n");
        }
        buf_putf(out, "\n%s\n\n| key | value | default | meaning |\n|---|---|---|---|\n", s->help);
        for (size_t i = 0; i < s->n; i++) {
            put_key(out, &s->keys[i]);
        }
    }
}
