#include "unit/core/suite.h"

#include <fcntl.h>
#include <stdlib.h>

#include "core/buf.h"
#include "core/yaml.h"

static struct yaml_doc *parse(const char *text)
{
    struct yaml_doc *doc = NULL;
    struct error err = {0};

    if (yaml_parse(str_of(text), "t.yaml", &doc, &err) != 0) {
        fail_msg("%s", err.text);
    }
    assert_non_null(doc);
    assert_non_null(doc->root);
    return doc;
}

static void a_tree_knows_kinds_places_and_quotes(void **state)
{
    struct yaml_doc *doc = parse("# comment\n"
                                 "listen: 127.0.0.1:8080\n"
                                 "models:\n"
                                 "  fast: {targets: [a, \"8\"], n: 8}\n"
                                 "text: |\n"
                                 "  two\n"
                                 "  lines\n");
    const struct yaml_node *root = doc->root;

    (void)state;
    assert_int_equal(root->kind, YAML_MAP);
    assert_int_equal(root->n, 3);
    assert_str(root->keys[1]->text, "models");
    assert_int_equal(root->keys[1]->line, 3);
    assert_int_equal(root->keys[1]->column, 1);
    assert_str(yaml_get(root, "listen")->text, "127.0.0.1:8080");
    assert_int_equal(yaml_get(root, "listen")->line, 2);
    assert_int_equal(yaml_get(root, "listen")->column, 9);
    const struct yaml_node *fast = yaml_get(yaml_get(root, "models"), "fast");
    const struct yaml_node *targets = yaml_get(fast, "targets");
    assert_int_equal(targets->kind, YAML_LIST);
    assert_int_equal(targets->n, 2);
    assert_false(targets->items[0]->quoted);
    assert_true(targets->items[1]->quoted);
    assert_int_equal(targets->items[1]->line, 4);
    assert_str(yaml_get(root, "text")->text, "two\nlines\n");
    assert_true(yaml_get(root, "text")->quoted);
    assert_null(yaml_get(root, "absent"));
    assert_null(yaml_get(targets, "a"));
    assert_null(yaml_get(NULL, "a"));
    yaml_free(doc);
}

static void empty_values_are_null(void **state)
{
    struct yaml_doc *doc = parse("a:\nb: ~\nc: null\nd: ''\ne: \"null\"\nf: !!str null\n"
                                 "g: [~, nulls]\nnull: x\n");

    static const enum yaml_kind kinds[] = {YAML_NULL,   YAML_NULL,   YAML_NULL, YAML_SCALAR,
                                           YAML_SCALAR, YAML_SCALAR, YAML_LIST, YAML_SCALAR};

    (void)state;
    assert_int_equal(doc->root->n, ARRAY_LEN(kinds));
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        assert_int_equal(doc->root->items[i]->kind, kinds[i]);
        assert_int_equal(doc->root->keys[i]->kind, YAML_SCALAR);
        assert_int_equal(doc->root->items[i]->line, i + 1);
    }
    assert_int_equal(yaml_get(doc->root, "g")->items[0]->kind, YAML_NULL);
    assert_int_equal(yaml_get(doc->root, "g")->items[1]->kind, YAML_SCALAR);
    assert_true(yaml_get(doc->root, "f")->quoted);
    yaml_free(doc);
}

static void texts_of_several_lines_are_folded(void **state)
{
    static const struct {
        const char *written;
        const char *meant;
    } rows[] = {
        {"a: >\n",                              ""                 },
        {"a: |\n",                              ""                 },
        {"a: >-\n\n\n",                         ""                 },
        {"a: >\n  x\n  y\n\n  z\n",             "x y\nz\n"         },
        {"a: |+\n  x\n\n",                      "x\n\n"            },
        {"a: |-\n  x\n   y\n",                  "x\n y"            },
        {"a: b\n  c\n\n  d",                    "b c\nd"           },
        {"a: 'it''s\n  ''''''''''''''''q'",     "it's ''''''''q"   },
        {"a: 'x''''y'",                         "x''y"             },
        {"a: ''''''",                           "''"               },
        {"a: '''x'''",                          "'x'"              },
        {"a: '  x''''  \n\n\n   y  '",          "  x''\n\ny  "     },
        {"a: 'x''''\r\n  y'",                   "x'' y"            },
        {"\xEF\xBB\xBF# \xC3\xA9\na: 'x''''y'", "x''y"             },
        {"a: \"x\\n\\\n  y \\u00e9\\x41\"",     "x\ny \xC3\xA9\x41"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct yaml_doc *doc = parse(rows[i].written);
        assert_str(yaml_get(doc->root, "a")->text, rows[i].meant);
        yaml_free(doc);
    }
}

static void a_document_of_nothing_is_null(void **state)
{
    static const char *const texts[] = {"", "\n", "# only a comment\n", "---\n", "--- ~\n...\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct yaml_doc *doc = parse(texts[i]);
        assert_int_equal(doc->root->kind, YAML_NULL);
        yaml_free(doc);
    }
    yaml_free(NULL);
}

static void other_roots_are_allowed(void **state)
{
    struct yaml_doc *doc = parse("\xEF\xBB\xBF- 1\n- [2]\n");

    (void)state;
    assert_int_equal(doc->root->kind, YAML_LIST);
    assert_int_equal(doc->root->n, 2);
    yaml_free(doc);
    doc = parse("caf\xC3\xA9\r\n");
    assert_str(doc->root->text, "caf\xC3\xA9");
    yaml_free(doc);
}

static void mistakes_name_file_line_and_column(void **state)
{
    static const struct {
        const char *text;
        const char *place;
        const char *part;
    } rows[] = {
        {"a: \"\\ud800\"\n",       "t.yaml:1:",     ""                                     },
        {"a: \"x\\0y\"\n",         "t.yaml:1:4: ",  "NUL"                                  },
 /* Columns and texts that are libfyaml's own differ between its versions. */
        {"a: 1\nb: 2\na: 3\n",     "t.yaml:3:1: ",  "\"a\" was already given in line 1"    },
        {"x: {a: 1, \"a\": 2}\n",  "t.yaml:1:11: ", "already given"                        },
        {"a: &x 1\nb: 2\n",        "t.yaml:1:7: ",  "anchors"                              },
        {"a: 1\nb: *a\n",          "t.yaml:2:4: ",  "aliases"                              },
        {"a: &x [1]\n",            "t.yaml:1:",     "anchors"                              },
        {"a: &x {b: 1}\n",         "t.yaml:1:",     "anchors"                              },
        {"--- 1\n--- 2\n",         "t.yaml:2:1: ",  "second document"                      },
        {"a: 1\n...\n---\nb: 1\n", "t.yaml:3:1: ",  "second document"                      },
        {"? [a]\n: b\n",           "t.yaml:1:3: ",  "a key must be text, not a list"       },
        {"? {a: 1}\n: b\n",        "t.yaml:1:3: ",  "a key must be text, not a mapping"    },
        {": b\n",                  "t.yaml:1:1: ",  "a key is missing"                     },
        {"a: !include x\n",        "t.yaml:1:",     "the tag \"!include\" is not supported"},
        {"a: !foo [x]\n",          "t.yaml:1:",     "the tag \"!foo\" is not supported"    },
        {"a:\n\tb: 1\n",           "t.yaml:2:",     ""                                     },
        {"a: \"b\n",               "t.yaml:1:",     ""                                     },
        {"a: [1, 2\n",             "t.yaml:2:",     ""                                     },
        {"a: {b: ${X}}\n",         "t.yaml:1:",     ""                                     },
        {"a: b: c\n",              "t.yaml:1:",     ""                                     },
        {"@a\n",                   "t.yaml:1:",     ""                                     },
        {"a: 1\nb: \x01\n",        "t.yaml:2:4: ",  "control byte 0x01"                    },
        {"\xC3\xA9: \x7f\n",       "t.yaml:1:4: ",  "control byte 0x7f"                    },
        {"a: 1\nb: \xFF\n",        "t.yaml:2:4: ",  "invalid UTF-8 (byte 0xff)"            },
        {"a: \xC3",                "t.yaml:1:4: ",  "invalid UTF-8"                        },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct yaml_doc *doc = NULL;
        struct error err = {0};
        if (yaml_parse(str_of(rows[i].text), "t.yaml", &doc, &err) != ERR_INVALID) {
            fail_msg("accepted: %s", rows[i].text);
        }
        assert_null(doc);
        if (!str_starts(str_of(err.text), str_of(rows[i].place)) ||
            !strstr(err.text, rows[i].part)) {
            fail_msg("\"%s\" should be \"%s...%s\"", err.text, rows[i].place, rows[i].part);
        }
    }
}

static void a_nul_byte_is_refused(void **state)
{
    struct yaml_doc *doc = NULL;

    (void)state;
    assert_int_equal(yaml_parse(STR("a: 1\n\0b: 2\n"), "t", &doc, NULL), ERR_INVALID);
}

static void long_mappings_are_checked_for_duplicates_too(void **state)
{
    struct yaml_doc *doc = NULL;
    struct error err = {0};
    struct buf text;

    (void)state;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 5000; i++) {
        buf_putf(&text, "key%d: %d\n", i, i);
    }
    assert_int_equal(yaml_parse(buf_str(&text), "t.yaml", &doc, &err), 0);
    assert_str(yaml_get(doc->root, "key4999")->text, "4999");
    yaml_free(doc);
    buf_puts(&text, "key17: again\n");
    assert_int_equal(yaml_parse(buf_str(&text), "t.yaml", &doc, &err), ERR_INVALID);
    assert_string_equal(err.text, "t.yaml:5001:1: the key \"key17\" was already given in line 18");
    buf_release(&text);
}

static int parse_nested(const char *open, size_t depth, struct error *err)
{
    struct yaml_doc *doc = NULL;
    struct buf text;

    buf_init(&text, YAML_BYTES_MAX);
    for (size_t i = 0; i < depth; i++) {
        buf_puts(&text, open);
    }
    buf_puts(&text, "1");
    for (size_t i = 0; i < depth; i++) {
        buf_putc(&text, *open == '[' ? ']' : *open == '{' ? '}' : ' ');
    }
    int result = yaml_parse(buf_str(&text), "deep.yaml", &doc, err);
    buf_release(&text);
    if (result == 0) {
        yaml_free(doc);
    }
    return result;
}

static void nesting_is_limited(void **state)
{
    static const char *const opens[] = {"[", "{a: ", "- "};
    struct error err = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(opens); i++) {
        assert_int_equal(parse_nested(opens[i], YAML_DEPTH_MAX, NULL), 0);
        assert_int_equal(parse_nested(opens[i], YAML_DEPTH_MAX + 1, &err), ERR_LIMIT);
        assert_non_null(strstr(err.text, "deep.yaml:1:"));
        assert_int_not_equal(parse_nested(opens[i], 20000, &err), 0);
    }
}

static void bytes_and_nodes_are_limited(void **state)
{
    struct yaml_doc *doc = NULL;
    struct error err = {0};
    struct buf text;

    (void)state;
    buf_init(&text, YAML_BYTES_MAX + 1);
    assert_int_equal(buf_reserve(&text, YAML_BYTES_MAX + 1), 0);
    text.n = YAML_BYTES_MAX + 1;
    memset(text.p, '#', text.n);
    assert_int_equal(yaml_parse(buf_str(&text), "big.yaml", &doc, &err), ERR_LIMIT);
    assert_string_equal(err.text, "big.yaml: larger than 16777216 bytes");
    assert_int_equal(yaml_parse(str_head(buf_str(&text), YAML_BYTES_MAX), "t", &doc, &err), 0);
    yaml_free(doc);
    buf_clear(&text);
    buf_putc(&text, '[');
    for (size_t i = 0; i < YAML_NODES_MAX; i++) {
        buf_puts(&text, "1,");
    }
    buf_putc(&text, ']');
    assert_int_equal(yaml_parse(buf_str(&text), "t", &doc, &err), ERR_LIMIT);
    assert_non_null(strstr(err.text, "more than 1000000 values"));
    buf_release(&text);
}

static void long_directives_are_refused(void **state)
{
    struct yaml_doc *doc = NULL;
    struct error err = {0};
    struct buf text;

    (void)state;
    buf_init(&text, 1 << 20);
    buf_puts(&text, "%YAML 1.2\n");
    for (int i = 0; i < 100000; i++) {
        buf_puts(&text, "%%");
    }
    assert_int_equal(yaml_parse(buf_str(&text), "t.yaml", &doc, &err), ERR_INVALID);
    assert_string_equal(err.text,
                        "t.yaml:2:1: a directive (a line that starts with %) of 512 bytes or more");
    buf_release(&text);
    doc = parse("%YAML 1.2\n---\na: 1\n");
    assert_str(yaml_get(doc->root, "a")->text, "1");
    yaml_free(doc);
}

static void files_are_loaded(void **state)
{
    char path[] = "/tmp/weir-yaml-test-XXXXXX";
    int fd = mkstemp(path);
    struct yaml_doc *doc = NULL;
    struct error err = {0};

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a: 1\n", 5), 5);
    close(fd);
    assert_int_equal(yaml_load(path, &doc, &err), 0);
    assert_str(yaml_get(doc->root, "a")->text, "1");
    assert_string_equal(doc->name, path);
    yaml_free(doc);
    doc = NULL;
    unlink(path);
    assert_int_equal(yaml_load(path, &doc, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "No such file"));
    assert_int_equal(yaml_load("/", &doc, &err), ERR_IO);
    assert_null(doc);
}

static void messages_may_have_no_place(void **state)
{
    struct yaml_doc *doc = parse("a: 1\n");
    struct error err = {0};

    (void)state;
    assert_int_equal(yaml_error(doc, doc->root->items[0], &err, "is %d", 1), ERR_INVALID);
    assert_string_equal(err.text, "t.yaml:1:4: is 1");
    yaml_error(doc, NULL, &err, "whole");
    assert_string_equal(err.text, "t.yaml: whole");
    yaml_error(NULL, NULL, &err, "whole");
    assert_string_equal(err.text, "yaml: whole");
    yaml_free(doc);
}

static void documents_that_say_the_same_are_the_same(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"a: {b: [1, 2], c: x}", "a:\n  b:\n    - 1\n    - 2\n  c: x\n", true },
        {"a: {b: [1, 2], c: x}", "a: {b: [1, 3], c: x}",                 false},
        {"a: {b: [1, 2], c: x}", "a: {b: [1], c: x}",                    false},
        {"a: {b: [1, 2], c: x}", "a: {b: [1, 2], d: x}",                 false},
        {"a: {b: [1, [2, {}]]}", "a: {b: [1, [2, {}]]}",                 true },
        {"a: 1",                 "a: \"1\"",                             false},
        {"a:",                   "a: null",                              true },
        {"",                     "a: 1",                                 false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct yaml_doc *a = NULL;
        struct yaml_doc *b = NULL;
        assert_int_equal(yaml_parse(str_of(rows[i].a), "a.yaml", &a, NULL), 0);
        assert_int_equal(yaml_parse(str_of(rows[i].b), "b.yaml", &b, NULL), 0);
        assert_int_equal(yaml_same(a->root, b->root), rows[i].same);
        assert_int_equal(yaml_same(b->root, a->root), rows[i].same);
        assert_true(yaml_same(a->root, a->root));
        yaml_free(a);
        yaml_free(b);
    }
    assert_true(yaml_same(NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_knows_kinds_places_and_quotes),
        cmocka_unit_test(empty_values_are_null),
        cmocka_unit_test(texts_of_several_lines_are_folded),
        cmocka_unit_test(a_document_of_nothing_is_null),
        cmocka_unit_test(other_roots_are_allowed),
        cmocka_unit_test(mistakes_name_file_line_and_column),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(long_mappings_are_checked_for_duplicates_too),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(bytes_and_nodes_are_limited),
        cmocka_unit_test(long_directives_are_refused),
        cmocka_unit_test(files_are_loaded),
        cmocka_unit_test(documents_that_say_the_same_are_the_same),
        cmocka_unit_test(messages_may_have_no_place),
    };

    return cmocka_run_group_tests_name("core/yaml", tests, NULL, NULL);
}
