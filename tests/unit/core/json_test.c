#include "unit/core/suite.h"

#include "core/json.h"
#include "core/mem.h"

static void errors_name_line_column_and_cause(void **state)
{
    static const struct {
        const char *text;
        const char *part; /* of the message */
    } rows[] = {
        {"",                         "empty"                },
        {"{\"a\": 1,\n \"b\": 'x'}", "line 2, column 7"     },
        {"{\"a\": 'x'}",             "double quotes"        },
        {"[,]",                      "line 1, column 2"     },
        {"{\"a\":[}",                "line 1, column 7"     },
        {"[True]",                   "(found T); write true"},
        {"{\"\xC3\xA9\": ?}",        "line 1, column 7"     },
        {"[1] x",                    "line 1, column 5"     },
        {"[1",                       "line 1, column 3"     },
        {"// c\n1",                  "comments"             },
        {"[NaN]",                    "null"                 },
        {"[+1]",                     "plus sign"            },
        {"\"\xFF\"",                 "line 1"               },
        {"\"a\nb\"",                 "line 1"               },
        {"{\"a\":1 \"b\":2}",        "line 1, column 8"     },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct error err = {0};
        assert_null(json_parse(str_of(rows[i].text), &err));
        assert_int_equal(err.code, ERR_INVALID);
        if (!strstr(err.text, rows[i].part)) {
            fail_msg("\"%s\" lacks \"%s\"", err.text, rows[i].part);
        }
    }
    assert_null(json_parse(STR("["), NULL));
}

static void errors_do_not_quote_the_document(void **state)
{
    struct error err = {0};

    (void)state;
    assert_null(json_parse(STR("{\"api_key\": \"sk-secret\" sk-secret}"), &err));
    assert_null(strstr(err.text, "secret"));
}

static yyjson_doc *parse_nested(char open, char close, size_t depth, struct error *err)
{
    char *text = x_malloc(depth * 2);

    memset(text, open, depth);
    memset(text + depth, close, depth);
    yyjson_doc *doc = json_parse(str_make(text, depth * 2), err);
    x_free(text);
    return doc;
}

static void nesting_is_limited(void **state)
{
    struct error err = {0};

    (void)state;
    yyjson_doc *doc = parse_nested('[', ']', JSON_DEPTH_MAX, &err);
    assert_non_null(doc);
    yyjson_doc_free(doc);
    assert_null(parse_nested('[', ']', JSON_DEPTH_MAX + 1, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_non_null(strstr(err.text, "column 129"));
    assert_null(parse_nested('{', '}', 1000000, &err));
    assert_int_equal(err.code, ERR_LIMIT);
}

static void brackets_in_strings_do_not_nest(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, 10000);
    buf_puts(&text, "[\"\\\\\\\"");
    for (int i = 0; i < 2000; i++) {
        buf_putc(&text, '[');
    }
    buf_puts(&text, "\"]");
    yyjson_doc *doc = json_parse(buf_str(&text), NULL);
    assert_non_null(doc);
    yyjson_doc_free(doc);
    buf_release(&text);
}

static void members_are_found_where_they_stand(void **state)
{
    const char *text = " { \"a\" : 1 , \"b\\\"\":{\"x\":[1,2,{}]},\"c\":\"}\\\\\",\"d\":[ ] } \n";

    static const struct {
        const char *key;
        const char *value;
    } expected[] = {
        {"a",     "1"               },
        {"b\\\"", "{\"x\":[1,2,{}]}"},
        {"c",     "\"}\\\\\""       },
        {"d",     "[ ]"             },
    };
    struct json_scan scan;
    struct json_member member;

    (void)state;
    json_scan_init(&scan, str_of(text));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_true(json_scan_next(&scan, &member));
        assert_str(member.key, expected[i].key);
        assert_str(member.value, expected[i].value);
        assert_int_equal(text[member.start], '"');
        assert_ptr_equal(text + member.end, member.value.p + member.value.n);
    }
    assert_false(json_scan_next(&scan, &member));
    assert_true(json_scan_ok(&scan));
    assert_false(json_scan_next(&scan, &member));
    json_scan_init(&scan, STR(" {\n} "));
    assert_false(json_scan_next(&scan, &member));
    assert_true(json_scan_ok(&scan));
}

static void broken_objects_are_refused(void **state)
{
    static const char *const rows[] = {
        "",
        " ",
        "1",
        "[]",
        "\"a\"",
        "{",
        "{ ",
        "{}x",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":}",
        "{\"a\":1",
        "{\"a\":1 ",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{\"a\":1}}",
        "{\"a\" 1}",
        "{a:1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\":[}",
        "{\"a\":[1}]",
        "{\"a\":[1,]}",
        "{\"a\":[,1]}",
        "{\"a\":[1 2]}",
        "{\"a\":{]}",
        "{\"a\":{1:2}}",
        "{\"a\":{\"b\"}}",
        "{\"a\":{\"b\":1,}}",
        "{\"a\":{,}}",
        "{\"a\":tru}",
        "{\"a\":truex}",
        "{\"a\":nul",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":.1}",
        "{\"a\":-}",
        "{\"a\":1e}",
        "{\"a\":1e+}",
        "{\"a\":+1}",
        "{\"a\":\"b}",
        "{\"a\":\"b\\\"}",
        "{\"a\\\":1}",
        "{\"a\":'b'}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\xff\"}",
        "{\"\xff\":1}",
        "{\"a\":1e999}",
        "{\"a\":[-1e999]}",
        "{\"a\":1}\0",
    };
    struct json_scan scan;
    struct json_member member;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        /* A copy of its own, so that a sanitizer sees a read behind the end. */
        size_t n = strlen(rows[i]) + (i + 1 == ARRAY_LEN(rows) ? 1 : 0);
        char *copy = x_malloc(n);
        memcpy(copy, rows[i], n);
        json_scan_init(&scan, str_make(copy, n));
        while (json_scan_next(&scan, &member)) {
        }
        if (json_scan_ok(&scan)) {
            fail_msg("accepted: %s", rows[i]);
        }
        x_free(copy);
    }
}

static void every_cut_of_an_object_is_refused(void **state)
{
    const struct str text = STR("{\"a\":[true,{\"b\":null}],\"c\\u0041\":-1.5e+3,\"d\":\"\\\"\"}");
    struct json_scan scan;
    struct json_member member;

    (void)state;
    for (size_t n = 0; n <= text.n; n++) {
        char *copy = x_malloc(n);
        memcpy(copy, text.p, n);
        json_scan_init(&scan, str_make(copy, n));
        while (json_scan_next(&scan, &member)) {
        }
        assert_int_equal(json_scan_ok(&scan), n == text.n);
        x_free(copy);
    }
}

static void scanning_limits_nesting(void **state)
{
    struct json_member member;
    struct buf text;

    (void)state;
    for (size_t depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX + 1; depth++) {
        buf_init(&text, 10000);
        buf_puts(&text, "{\"a\":");
        for (size_t i = 0; i < depth; i++) {
            buf_puts(&text, i % 2 ? "[" : "{\"k\":");
        }
        buf_puts(&text, "1");
        for (size_t i = depth; i > 0; i--) {
            buf_putc(&text, (i - 1) % 2 ? ']' : '}');
        }
        buf_putc(&text, '}');
        /* The object itself is a level, as it is for the parser. */
        bool parses = depth < JSON_DEPTH_MAX;
        yyjson_doc *doc = json_parse(buf_str(&text), NULL);
        assert_int_equal(doc != NULL, parses);
        yyjson_doc_free(doc);
        assert_int_equal(json_find(buf_str(&text), "a", &member, NULL), parses);
        buf_release(&text);
    }
}

static void finding_counts_duplicates(void **state)
{
    const struct str text = STR("{\"model\":\"a\",\"x\":0,\"m\\u006fdel\":\"b\"}");
    struct json_member member = {0};
    size_t count = 77;

    (void)state;
    assert_true(json_find(text, "model", &member, &count));
    assert_str(member.value, "\"a\"");
    assert_int_equal(count, 2);
    assert_true(json_find(text, "model", &member, NULL));
    assert_true(json_find(text, "x", &member, &count));
    assert_int_equal(count, 1);
    assert_str(member.value, "0");
    count = 77;
    assert_false(json_find(text, "mode", &member, &count));
    assert_false(json_find(STR("{\"x\":1,]"), "x", &member, &count));
    assert_false(json_find(STR("[1]"), "x", &member, &count));
    assert_int_equal(count, 77);
    assert_str(member.value, "0");
}

static void keys_compare_through_escapes(void **state)
{
    static const struct {
        const char *key;
        const char *name;
        bool same;
    } rows[] = {
        {"model",                   "model",          true },
        {"model",                   "mode",           false},
        {"mode",                    "model",          false},
        {"",                        "",               true },
        {"\\u006dodel",             "model",          true },
        {"\\u006Dodel",             "model",          true },
        {"a\\/b",                   "a/b",            true },
        {"\\b\\f\\n\\r\\t\\\"\\\\", "\b\f\n\r\t\"\\", true },
        {"\\u00e9",                 "\xE9",           false},
        {"\\u016d",                 "m",              false},
        {"\\u006",                  "l",              false},
        {"\\u00zz",                 "x",              false},
        {"\\x",                     "x",              false},
        {"\\",                      "\\",             false},
        {"\\u0000",                 "",               false},
        {"model\\u0000",            "model",          false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(json_key_is(str_of(rows[i].key), rows[i].name), rows[i].same);
    }
}

static void getters_fall_back_on_other_types(void **state)
{
    yyjson_doc *doc = json_parse(STR("{\"s\":\"x\\u0000y\",\"i\":-5,\"u\":18446744073709551615,"
                                     "\"d\":12.0,\"f\":1.5,\"big\":1e300,\"b\":true,\"n\":null}"),
                                 NULL);

    (void)state;
    assert_non_null(doc);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_true(str_eq(json_get_str(root, "s"), STR("x\0y")));
    assert_str(json_get_str(root, "i"), "");
    assert_str(json_get_str(root, "absent"), "");
    assert_str(json_str(NULL), "");
    assert_true(json_get_i64(root, "i", 9) == -5);
    assert_true(json_get_i64(root, "u", 9) == 9);
    assert_true(json_get_i64(root, "d", 9) == 12);
    assert_true(json_get_i64(root, "f", 9) == 9);
    assert_true(json_get_i64(root, "big", 9) == 9);
    assert_true(json_get_i64(root, "s", 9) == 9);
    assert_true(json_get_i64(root, "absent", 9) == 9);
    assert_true(json_get_num(root, "f", 0) == 1.5);
    assert_true(json_get_num(root, "i", 0) == -5);
    assert_true(json_get_num(root, "b", 7) == 7);
    assert_true(json_get_bool(root, "b", false));
    assert_true(json_get_bool(root, "n", true));
    assert_false(json_get_bool(root, "i", false));
    assert_true(json_get_i64(NULL, "i", 3) == 3);
    yyjson_doc_free(doc);
}

static void values_are_written_minified(void **state)
{
    yyjson_doc *doc = json_parse(STR(" { \"a\" : [ 1 , \"\\u00e9\" ] } "), NULL);
    struct buf out;

    (void)state;
    assert_non_null(doc);
    buf_init(&out, 100);
    buf_puts(&out, "x=");
    json_write(&out, yyjson_doc_get_root(doc));
    assert_str(buf_str(&out), "x={\"a\":[1,\"\xC3\xA9\"]}");
    buf_clear(&out);
    json_write(&out, NULL);
    assert_str(buf_str(&out), "null");
    buf_release(&out);
    buf_init(&out, 3);
    json_write(&out, yyjson_doc_get_root(doc));
    assert_false(buf_ok(&out));
    assert_int_equal(out.n, 0);
    buf_release(&out);
    yyjson_doc_free(doc);
}

/* Values keep the bytes that they were written with. */
static void a_tree_knows_where_its_values_stand(void **state)
{
    static const char text[] = "{ \"a\\u0062\" : { \"n\":123456789012345678901234567890 , "
                               "\"s\":\"\\u00e9\\n\"} ,\"l\":[ 1.0e5,{\"\":[]}],\"z\":1}";
    struct arena arena;
    struct json_tree tree;
    struct error err = {0};
    yyjson_val *key = NULL;
    size_t i = 0;
    static const char *const raws[] = {
        "{ \"n\":123456789012345678901234567890 , \"s\":\"\\u00e9\\n\"}", "[ 1.0e5,{\"\":[]}]",
        "1"};
    (void)state;
    arena_init(&arena);
    assert_int_equal(json_tree_parse(str_of(text), &arena, &tree, &err), 0);
    assert_int_equal(yyjson_obj_size(tree.root), ARRAY_LEN(raws));
    yyjson_obj_iter members = yyjson_obj_iter_with(tree.root);
    while ((key = yyjson_obj_iter_next(&members))) {
        assert_str(json_tree_raw(&tree, key), raws[i++]);
    }
    assert_str(json_get_str(yyjson_obj_get(tree.root, "ab"), "s"), "\xc3\xa9\n");
    members = yyjson_obj_iter_with(yyjson_arr_get(yyjson_obj_get(tree.root, "l"), 1));
    assert_str(json_tree_raw(&tree, yyjson_obj_iter_next(&members)), "[]");
    assert_int_equal(json_tree_parse(STR("{\"a\":}"), &arena, &tree, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "line 1, column 6"));
    assert_int_equal(json_tree_parse(STR(""), &arena, &tree, NULL), ERR_INVALID);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_name_line_column_and_cause),
        cmocka_unit_test(errors_do_not_quote_the_document),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(brackets_in_strings_do_not_nest),
        cmocka_unit_test(members_are_found_where_they_stand),
        cmocka_unit_test(broken_objects_are_refused),
        cmocka_unit_test(every_cut_of_an_object_is_refused),
        cmocka_unit_test(scanning_limits_nesting),
        cmocka_unit_test(finding_counts_duplicates),
        cmocka_unit_test(keys_compare_through_escapes),
        cmocka_unit_test(getters_fall_back_on_other_types),
        cmocka_unit_test(values_are_written_minified),
        cmocka_unit_test(a_tree_knows_where_its_values_stand),
    };

    return cmocka_run_group_tests_name("core/json", tests, NULL, NULL);
}
