#include "unit/core/suite.h"

#include "cmd/opt_help.h"

struct values {
    bool flag;
    const char *text;
};

static const struct opt opts[] = {
    {.name = "flag",   .type = OPT_FLAG, .offset = offsetof(struct values, flag), .help = "a flag"},
    { .name = "text",
     .letter = 't',
     .type = OPT_TEXT,
     .offset = offsetof(struct values,                                                             text),
     .value = "WORD",
     .help = "a text"},
};

static int run(const struct cmd_context *context, const void *options, struct error *err)
{
    (void)context;
    (void)options;
    (void)err;
    return CMD_FINE;
}

static const struct cmd verb = {
    .name = "do",
    .summary = "do it",
    .usage = "[--flag] FILE",
    .help = "More.\n.Dots and 'quotes' at\n'the start.",
    .example = "weir made do x",
    .opts = opts,
    .opt_count = ARRAY_LEN(opts),
    .options_size = sizeof(struct values),
    .run = run,
};

static const struct cmd *const verbs[] = {&verb, NULL};
static const struct cmd group = {.name = "made", .summary = "made up", .verbs = verbs};

static void labels_show_letter_name_and_value(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, OPT_HELP_BYTES_MAX);
    opt_help_label(&out, &opts[0]);
    assert_str(buf_str(&out), "--flag");
    buf_clear(&out);
    opt_help_label(&out, &opts[1]);
    assert_str(buf_str(&out), "-t, --text WORD");
    buf_release(&out);
}

static void a_command_is_explained_whole(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, OPT_HELP_BYTES_MAX);
    opt_help_command(&out, &verb, "made do");
    assert_str(buf_str(&out), "weir made do: do it\n"
                              "\n"
                              "usage: weir made do [--flag] FILE\n"
                              "\n"
                              "More.\n"
                              ".Dots and 'quotes' at\n"
                              "'the start.\n"
                              "\n"
                              "options:\n"
                              "      --flag       a flag\n"
                              "  -t, --text WORD  a text\n"
                              "  -h, --help       this text\n"
                              "\n"
                              "example:\n"
                              "  weir made do x\n");
    buf_release(&out);
}

static void a_group_lists_its_verbs(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, OPT_HELP_BYTES_MAX);
    opt_help_command(&out, &group, "made");
    assert_str(buf_str(&out), "weir made: made up\n\ncommands:\n  weir made do          do it\n");
    buf_release(&out);
}

static void text_wraps_before_the_last_column_and_is_indented(void **state)
{
    struct buf out;
    char word[OPT_HELP_COLUMNS + 10];

    (void)state;
    memset(word, 'w', sizeof(word));
    buf_init(&out, OPT_HELP_BYTES_MAX);
    opt_help_wrap(&out, str_make(word, OPT_HELP_COLUMNS - 4), 4, 4);
    assert_int_equal(out.n, OPT_HELP_COLUMNS - 4 + 1);
    buf_clear(&out);
    opt_help_wrap(&out, STR("one two"), OPT_HELP_COLUMNS - 6, 2);
    assert_str(buf_str(&out), "one\n  two\n");
    buf_clear(&out);
    opt_help_wrap(&out, STR("one two"), OPT_HELP_COLUMNS - 7, 2);
    assert_str(buf_str(&out), "one two\n");
    /* A word that fits nowhere is not cut. */
    buf_clear(&out);
    opt_help_wrap(&out, str_make(word, sizeof(word)), 0, 2);
    assert_int_equal(out.n, sizeof(word) + 1);
    buf_release(&out);
}

static void roff_takes_no_text_for_markup(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, OPT_HELP_BYTES_MAX);
    opt_help_roff(&out, ".TH\n'quote\na-b \\n 'in' .in");
    assert_str(buf_str(&out), "\\&.TH\n\\&'quote\na\\-b \\en 'in' .in");
    buf_clear(&out);
    opt_help_man(&out, &verb, "made do");
    assert_true(str_find(buf_str(&out), STR("\n\\&.Dots and 'quotes' at\n\\&'the start.\n")) > 0);
    assert_true(str_find(buf_str(&out), STR("\n.B \\-t, \\-\\-text WORD\na text\n")) > 0);
    buf_release(&out);
}

static void a_full_buffer_shows(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 16);
    opt_help_command(&out, &verb, "made do");
    assert_false(buf_ok(&out));
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_show_letter_name_and_value),
        cmocka_unit_test(a_command_is_explained_whole),
        cmocka_unit_test(a_group_lists_its_verbs),
        cmocka_unit_test(text_wraps_before_the_last_column_and_is_indented),
        cmocka_unit_test(roff_takes_no_text_for_markup),
        cmocka_unit_test(a_full_buffer_shows),
    };

    return cmocka_run_group_tests_name("cmd/opt_help", tests, NULL, NULL);
}
