#include "unit/core/suite.h"

#include "cmd/table_out.h"

static const struct table_out_column columns[] = {
    {"NAME", TABLE_OUT_LEFT },
    {"N",    TABLE_OUT_RIGHT},
    {"COST", TABLE_OUT_POINT},
    {"NOTE", TABLE_OUT_LEFT },
};

static void row(struct table_out *table, const char *name, int64_t n, const char *cost,
                const char *note)
{
    table_out_cell(table, str_of(name));
    table_out_i64(table, n);
    table_out_cell(table, str_of(cost));
    table_out_cell(table, str_of(note));
}

static void columns_stand_below_each_other(void **state)
{
    struct table_out table;
    struct buf out;

    (void)state;
    buf_init(&out, 10000);
    table_out_init(&table, columns, ARRAY_LEN(columns), false, &out);
    row(&table, "a", 1, "$0.000123", "");
    row(&table, "much longer", 1234567, "$12.50", "x");
    row(&table, "caf\xc3\xa9", 7, "unpriced", "y");
    table_out_rule(&table);
    row(&table, "total", 3, "$12.500123", "");
    table_out_end(&table);
    assert_str(buf_str(&out), "NAME               N             COST  NOTE\n"
                              "a                  1        $0.000123\n"
                              "much longer  1234567       $12.50      x\n"
                              "caf\xc3\xa9               7  unpriced         y\n"
                              "-----------  -------  ---------------  ----\n"
                              "total              3       $12.500123\n");
    table_out_release(&table);
    buf_release(&out);
}

static void a_title_may_be_wider_than_its_cells(void **state)
{
    static const struct table_out_column wide[] = {
        {"A LONG TITLE", TABLE_OUT_RIGHT},
        {"ANOTHER ONE",  TABLE_OUT_POINT},
        {"LAST",         TABLE_OUT_RIGHT}
    };
    struct table_out table;
    struct buf out;

    (void)state;
    buf_init(&out, 10000);
    table_out_init(&table, wide, ARRAY_LEN(wide), true, &out);
    table_out_i64(&table, -5);
    table_out_cell(&table, STR("1.5"));
    table_out_i64(&table, 1);
    table_out_end(&table);
    assert_str(buf_str(&out), "\x1b[1mA LONG TITLE  ANOTHER ONE  LAST\x1b[0m\n"
                              "          -5          1.5     1\n");
    table_out_release(&table);
    buf_release(&out);
}

static void without_rows_there_is_no_table(void **state)
{
    struct table_out table;
    struct buf out;

    (void)state;
    buf_init(&out, 10000);
    table_out_init(&table, columns, ARRAY_LEN(columns), false, &out);
    table_out_end(&table);
    assert_int_equal(out.n, 0);
    table_out_release(&table);
    buf_release(&out);
}

static void rows_beyond_the_sample_keep_its_widths(void **state)
{
    struct table_out table;
    struct buf out;
    size_t lines = 0;

    (void)state;
    buf_init(&out, 1 << 20);
    table_out_init(&table, columns, ARRAY_LEN(columns), false, &out);
    for (int i = 0; i < TABLE_OUT_SAMPLE; i++) {
        row(&table, "ab", 1, "$1.00", "");
    }
    assert_int_equal(out.n, 0);
    row(&table, "wider than before", 1, "$1.00", "");
    assert_true(out.n > 0);
    table_out_rule(&table);
    row(&table, "cd", 2, "$2.00", "");
    table_out_end(&table);
    assert_true(str_ends(buf_str(&out), STR("ab    1  $1.00\n"
                                            "wider than before  1  $1.00\n"
                                            "----  -  -----  ----\n"
                                            "cd    2  $2.00\n")));
    for (size_t i = 0; i < out.n; i++) {
        lines += out.p[i] == '\n';
    }
    assert_int_equal(lines, 1 + TABLE_OUT_SAMPLE + 1 + 1 + 1);
    table_out_release(&table);
    buf_release(&out);
}

static void a_cell_cannot_move_the_cursor_or_be_endless(void **state)
{
    static const struct table_out_column one[] = {
        {"X", TABLE_OUT_LEFT}
    };
    struct table_out table;
    struct buf out;
    char longer[3 * TABLE_OUT_CELL_MAX];

    (void)state;
    buf_init(&out, 10000);
    table_out_init(&table, one, 1, false, &out);
    table_out_cell(&table, STR("\x1b[31mred\r\nnew line\x7f\xff \xc2\x9b z\xe2\x80\xaeodd"));
    memset(longer, 'a', sizeof(longer));
    table_out_cell(&table, str_make(longer, TABLE_OUT_CELL_MAX));
    table_out_cell(&table, str_make(longer, TABLE_OUT_CELL_MAX + 1));
    table_out_end(&table);
    assert_true(str_starts(buf_str(&out), STR("X\n?[31mred??new line?? ? z?odd\naaa")));
    assert_true(str_ends(buf_str(&out), STR("a...\n")));
    assert_int_equal(out.n,
                     strlen("X\n?[31mred??new line?? ? z?odd\n") + 2 * TABLE_OUT_CELL_MAX + 5);
    table_out_release(&table);
    buf_release(&out);
}

static void clean_text_may_keep_its_lines(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    table_out_put_safe(&out, STR("a\tb\n\x1b]0;title\a\xf0\x9f\x99\x82\n"), true);
    assert_str(buf_str(&out), "a\tb\n?]0;title?\xf0\x9f\x99\x82\n");
    buf_clear(&out);
    table_out_put_safe(&out, STR("a\tb\n"), false);
    assert_str(buf_str(&out), "a?b?");
    buf_release(&out);
}

static void json_says_the_same_without_steering_a_terminal(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 4096);
    table_out_put_safe_json(&out, STR("{\n\t\"a\": \"\xc2\x9b"
                                      "31m\x7f\xe2\x80\xae\xe2\x81\xa6"
                                      "\xc3\xa9\xf0\x9f\x99\x82\"}\n"));
    assert_string_equal(buf_cstr(&out), "{\n\t\"a\": \"\\u009b31m\\u007f\\u202e\\u2066"
                                        "\xc3\xa9\xf0\x9f\x99\x82\"}\n");
    buf_clear(&out);
    table_out_put_safe_json(&out, STR(""));
    assert_int_equal(out.n, 0);
    buf_release(&out);
}

static void an_output_that_is_no_terminal_has_no_colour(void **state)
{
    (void)state;
    if (!isatty(STDOUT_FILENO)) {
        assert_false(table_out_wants_color());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_stand_below_each_other),
        cmocka_unit_test(a_title_may_be_wider_than_its_cells),
        cmocka_unit_test(without_rows_there_is_no_table),
        cmocka_unit_test(rows_beyond_the_sample_keep_its_widths),
        cmocka_unit_test(a_cell_cannot_move_the_cursor_or_be_endless),
        cmocka_unit_test(clean_text_may_keep_its_lines),
        cmocka_unit_test(json_says_the_same_without_steering_a_terminal),
        cmocka_unit_test(an_output_that_is_no_terminal_has_no_colour),
    };

    return cmocka_run_group_tests_name("cmd/table_out", tests, NULL, NULL);
}
