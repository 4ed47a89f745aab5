#include "unit/engine/suite.h"

#include "engine/settings_doc.h"
#include "engine/settings_keys.h"

static void every_section_and_key_is_documented(void **state)
{
    struct buf page;
    char row[256];

    (void)state;
    buf_init(&page, SETTINGS_DOC_BYTES_MAX);
    settings_document(&page);
    assert_true(buf_ok(&page));
    for (size_t i = 0; settings_sections[i]; i++) {
        const struct settings_section *s = settings_sections[i];
        assert_non_null(strstr(buf_cstr(&page), s->help));
        if (s->path[0]) {
            snprintf(row, sizeof(row), "\n## `%s`\n", s->path);
            assert_non_null(strstr(buf_cstr(&page), row));
        }
        for (size_t k = 0; k < s->n; k++) {
            snprintf(row, sizeof(row), "\n| `%s` | ", s->keys[k].name);
            assert_non_null(strstr(buf_cstr(&page), row));
        }
    }
    buf_release(&page);
}

static void every_row_of_a_table_has_four_cells(void **state)
{
    struct buf page;

    (void)state;
    buf_init(&page, SETTINGS_DOC_BYTES_MAX);
    settings_document(&page);
    struct str rest = buf_str(&page);
    size_t rows = 0;
    while (rest.n > 0) {
        struct str line = str_split(&rest, '\n');
        size_t bars = 0;
        for (size_t i = 0; i < line.n; i++) {
            bars += line.p[i] == '|' && (i == 0 || line.p[i - 1] != '\\') ? 1 : 0;
        }
        if (str_starts(line, STR("|"))) {
            assert_int_equal(bars, 5);
            rows++;
        }
    }
    assert_true(rows > 40);
    buf_release(&page);
}

static void a_full_buffer_shows(void **state)
{
    struct buf page;

    (void)state;
    buf_init(&page, 1000);
    settings_document(&page);
    assert_false(buf_ok(&page));
    buf_release(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_section_and_key_is_documented),
        cmocka_unit_test(every_row_of_a_table_has_four_cells),
        cmocka_unit_test(a_full_buffer_shows),
    };

    return cmocka_run_group_tests_name("engine/settings_doc", tests, NULL, NULL);
}
