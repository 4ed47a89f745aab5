#include "unit/llm/suite.h"

#include "core/attr.h"
#include "llm/csv.h"

static void fields_are_read_as_written(void **state)
{
    static const struct {
        const char *text;
        size_t n;
        const char *fields[3];
    } rows[] = {
        {"a,b,c",                             3, {"a", "b", "c"}          },
        {"a,b,c\r\n",                         3, {"a", "b", "c"}          },
        {"\xef\xbb\xbf"
         "a\n",                      1,
         {"a"}                                                            },
        {"# comment\n\n\r\n#\na\n",           1, {"a"}                    },
        {",,\n",                              3, {"", "", ""}             },
        {"\"a,b\",\"say \"\"hi\"\"\",\"\"\n", 3, {"a,b", "say \"hi\"", ""}},
        {"\"two\nlines\",b\n",                2, {"two\nlines", "b"}      },
        {"\"\"\"\"",                          1, {"\""}                   },
        {"a, b ,",                            3, {"a", " b ", ""}         },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct csv csv;
        arena_init(&arena);
        csv_init(&csv, str_of(rows[i].text), "t.csv", &arena);
        assert_int_equal(csv_next(&csv, NULL), 1);
        assert_int_equal(csv.n, rows[i].n);
        for (size_t k = 0; k < rows[i].n; k++) {
            assert_str(csv.fields[k].text, rows[i].fields[k]);
        }
        assert_int_equal(csv_next(&csv, NULL), 0);
        arena_release(&arena);
    }
}

static void places_are_known(void **state)
{
    struct arena arena;
    struct csv csv;
    (void)state;
    arena_init(&arena);
    csv_init(&csv, STR("# c\na,bb,c\n\"x\ny\",z\n\nlast\n"), "t.csv", &arena);
    assert_int_equal(csv_next(&csv, NULL), 1);
    assert_int_equal(csv.fields[2].line, 2);
    assert_int_equal(csv.fields[2].column, 6);
    assert_int_equal(csv_next(&csv, NULL), 1);
    assert_int_equal(csv.fields[0].line, 3);
    assert_int_equal(csv.fields[1].line, 4);
    assert_int_equal(csv.fields[1].column, 4);
    assert_int_equal(csv_next(&csv, NULL), 1);
    assert_int_equal(csv.fields[0].line, 6);
    assert_int_equal(csv_next(&csv, NULL), 0);
    arena_release(&arena);
}

static void broken_rows_are_refused_with_their_place(void **state)
{
    static const struct {
        const char *text;
        const char *part;
    } rows[] = {
        {"a\n\"b",     "t.csv:2:1: the quoted field that starts here never ends"},
        {"a,\"b\"c\n", "t.csv:1:6: expected a comma"                            },
        {"ab\"c\"\n",  "t.csv:1:3: a quote inside an unquoted field"            },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct csv csv;
        struct error err = {0};
        int status = 1;
        arena_init(&arena);
        csv_init(&csv, str_of(rows[i].text), "t.csv", &arena);
        while (status > 0) {
            status = csv_next(&csv, &err);
        }
        assert_int_equal(status, ERR_INVALID);
        assert_has(err.text, rows[i].part);
        arena_release(&arena);
    }
}

static void too_many_fields_are_refused(void **state)
{
    char text[CSV_FIELDS_MAX + 8];
    struct arena arena;
    struct csv csv;
    struct error err = {0};
    (void)state;
    arena_init(&arena);
    memset(text, ',', CSV_FIELDS_MAX);
    csv_init(&csv, str_make(text, CSV_FIELDS_MAX - 1), "t.csv", &arena);
    assert_int_equal(csv_next(&csv, &err), 1);
    assert_int_equal(csv.n, CSV_FIELDS_MAX);
    csv_init(&csv, str_make(text, CSV_FIELDS_MAX), "t.csv", &arena);
    assert_int_equal(csv_next(&csv, &err), ERR_LIMIT);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_read_as_written),
        cmocka_unit_test(places_are_known),
        cmocka_unit_test(broken_rows_are_refused_with_their_place),
        cmocka_unit_test(too_many_fields_are_refused),
    };
    return cmocka_run_group_tests_name("llm/csv", tests, NULL, NULL);
}
