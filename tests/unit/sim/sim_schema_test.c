#include "unit/sim/suite.h"

#include <math.h>

#include "core/rand.h"
#include "sim/sim_schema.h"

/* ---- a small validator, to judge by ---- */

#define PAIRS_MAX 20000

struct pair {
    yyjson_val *schema;
    yyjson_val *value;
};

struct judge {
    yyjson_val *root;
    struct pair pairs[PAIRS_MAX];
    size_t n;
};

static void put_off(struct judge *j, yyjson_val *schema, yyjson_val *value)
{
    assert_true(j->n < PAIRS_MAX);
    j->pairs[j->n++] = (struct pair){schema, value};
}

static bool has_type(yyjson_val *value, struct str type)
{
    double number = yyjson_get_num(value);
    return (str_is(type, "object") && yyjson_is_obj(value)) ||
           (str_is(type, "array") && yyjson_is_arr(value)) ||
           (str_is(type, "string") && yyjson_is_str(value)) ||
           (str_is(type, "number") && yyjson_is_num(value)) ||
           (str_is(type, "integer") && yyjson_is_num(value) && number == floor(number)) ||
           (str_is(type, "boolean") && yyjson_is_bool(value)) ||
           (str_is(type, "null") && yyjson_is_null(value));
}

static bool type_fits(yyjson_val *type, yyjson_val *value)
{
    bool fits = !type || (yyjson_is_str(type) && has_type(value, json_str(type)));
    for (size_t i = 0; i < yyjson_arr_size(type); i++) {
        fits = fits || has_type(value, json_str(yyjson_arr_get(type, i)));
    }
    return fits;
}

static size_t characters(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    }
    return n;
}

static bool scalar_fits(yyjson_val *schema, yyjson_val *value)
{
    if (yyjson_is_num(value)) {
        double v = yyjson_get_num(value);
        double step = json_get_num(schema, "multipleOf", 0);
        return v >= json_get_num(schema, "minimum", -1e300) &&
               v <= json_get_num(schema, "maximum", 1e300) &&
               v > json_get_num(schema, "exclusiveMinimum", -1e300) &&
               v < json_get_num(schema, "exclusiveMaximum", 1e300) &&
               (step == 0 || fabs(v / step - round(v / step)) < 1e-9);
    }
    if (yyjson_is_str(value)) {
        size_t n = characters(json_str(value));
        return (int64_t)n >= json_get_i64(schema, "minLength", 0) &&
               (int64_t)n <= json_get_i64(schema, "maxLength", INT64_MAX);
    }
    return true;
}

static bool array_fits(struct judge *j, yyjson_val *schema, yyjson_val *value)
{
    size_t n = yyjson_arr_size(value);
    yyjson_val *prefix = yyjson_obj_get(schema, "prefixItems");
    if ((int64_t)n < json_get_i64(schema, "minItems", 0) ||
        (int64_t)n > json_get_i64(schema, "maxItems", INT64_MAX)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        yyjson_val *item = yyjson_arr_get(value, i);
        yyjson_val *fixed = yyjson_arr_get(prefix, i);
        put_off(j, fixed ? fixed : yyjson_obj_get(schema, "items"), item);
        for (size_t k = 0; k < i && json_get_bool(schema, "uniqueItems", false); k++) {
            if (yyjson_equals(item, yyjson_arr_get(value, k))) {
                return false;
            }
        }
    }
    return true;
}

static bool object_fits(struct judge *j, yyjson_val *schema, yyjson_val *value)
{
    yyjson_val *required = yyjson_obj_get(schema, "required");
    yyjson_val *properties = yyjson_obj_get(schema, "properties");
    yyjson_val *others = yyjson_obj_get(schema, "additionalProperties");
    yyjson_obj_iter it = yyjson_obj_iter_with(value);
    yyjson_val *key;

    for (size_t i = 0; i < yyjson_arr_size(required); i++) {
        struct str name = json_str(yyjson_arr_get(required, i));
        if (!yyjson_obj_getn(value, name.p, name.n)) {
            return false;
        }
    }
    if ((int64_t)yyjson_obj_size(value) < json_get_i64(schema, "minProperties", 0)) {
        return false;
    }
    while ((key = yyjson_obj_iter_next(&it)) != NULL) {
        struct str name = json_str(key);
        yyjson_val *own = yyjson_obj_getn(properties, name.p, name.n);
        if (!own && yyjson_is_false(others)) {
            return false;
        }
        put_off(j, own ? own : others, yyjson_obj_iter_get_val(key));
    }
    return true;
}

static bool enum_fits(yyjson_val *schema, yyjson_val *value)
{
    yyjson_val *choices = yyjson_obj_get(schema, "enum");
    yyjson_val *fixed = yyjson_obj_get(schema, "const");
    bool found = !choices;
    for (size_t i = 0; i < yyjson_arr_size(choices); i++) {
        found = found || yyjson_equals(yyjson_arr_get(choices, i), value);
    }
    return found && (!fixed || yyjson_equals(fixed, value));
}

/* Of alternatives, the first whose own type, enum or const fits; deeper differences are not looked
 * at. */
static yyjson_val *alternative(yyjson_val *branches, yyjson_val *value)
{
    for (size_t i = 0; i < yyjson_arr_size(branches); i++) {
        yyjson_val *branch = yyjson_arr_get(branches, i);
        if ((yyjson_obj_get(branch, "$ref") && yyjson_is_obj(value)) ||
            (!yyjson_obj_get(branch, "$ref") && type_fits(yyjson_obj_get(branch, "type"), value) &&
             enum_fits(branch, value))) {
            return branch;
        }
    }
    return NULL;
}

static bool fits(struct judge *j, yyjson_val *schema, yyjson_val *value)
{
    struct str ref = json_get_str(schema, "$ref");
    yyjson_val *any = yyjson_obj_get(schema, "anyOf");
    yyjson_val *all = yyjson_obj_get(schema, "allOf");

    if (ref.n > 0) {
        put_off(j, ref.n == 1 ? j->root : yyjson_ptr_getn(j->root, ref.p + 1, ref.n - 1), value);
    }
    if (any) {
        yyjson_val *branch = alternative(any, value);
        put_off(j, branch, value);
        if (!branch) {
            return false;
        }
    }
    for (size_t i = 0; i < yyjson_arr_size(all); i++) {
        put_off(j, yyjson_arr_get(all, i), value);
    }
    return type_fits(yyjson_obj_get(schema, "type"), value) && enum_fits(schema, value) &&
           scalar_fits(schema, value) && (!yyjson_is_arr(value) || array_fits(j, schema, value)) &&
           (!yyjson_is_obj(value) || object_fits(j, schema, value));
}

/* ---- tests ---- */

static const char *const schemas[] = {
    "true",
    "{}",
    "{\"type\":\"string\"}",
    "{\"type\":\"string\",\"minLength\":30,\"maxLength\":31}",
    "{\"type\":\"string\",\"maxLength\":0}",
    "{\"type\":\"integer\"}",
    "{\"type\":\"integer\",\"minimum\":5,\"maximum\":5}",
    "{\"type\":\"integer\",\"maximum\":-7}",
    "{\"type\":\"integer\",\"exclusiveMinimum\":3,\"exclusiveMaximum\":5}",
    "{\"type\":\"integer\",\"multipleOf\":7,\"minimum\":20}",
    "{\"type\":\"number\",\"minimum\":0,\"maximum\":1}",
    "{\"type\":\"number\",\"multipleOf\":0.25}",
    "{\"type\":\"boolean\"}",
    "{\"type\":\"null\"}",
    "{\"type\":[\"string\",\"null\"]}",
    "{\"const\":{\"a\":[1,2]}}",
    "{\"enum\":[\"a\",2,null,false]}",
    "{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":2,\"maxItems\":4}",
    "{\"type\":\"array\",\"items\":{\"enum\":[1,2,3]},\"uniqueItems\":true,\"minItems\":3}",
    "{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"uniqueItems\":true,\"minItems\":5}",
    "{\"type\":\"array\",\"prefixItems\":[{\"type\":\"string\"},{\"type\":\"integer\"}],"
    "\"items\":false,\"minItems\":2}",
    "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"integer\"}}"
    ","
    "\"required\":[\"a\",\"b\"],\"additionalProperties\":false}",
    "{\"type\":\"object\",\"required\":[\"unlisted\"]}",
    "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"number\"},\"minProperties\":3}",
    "{\"properties\":{\"deep\":{\"properties\":{\"deeper\":{\"type\":\"array\",\"items\":"
    "{\"type\":\"object\",\"properties\":{\"x\":{\"const\":1}},\"required\":[\"x\"]}}},"
    "\"required\":[\"deeper\"]}},\"required\":[\"deep\"]}",
    "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"integer\"},{\"type\":\"null\"}]}",
    "{\"allOf\":[{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"}},"
    "\"required\":[\"a\"]},{\"type\":\"object\",\"properties\":{\"b\":{\"type\":\"boolean\"}},"
    "\"required\":[\"b\"]}]}",
    "{\"$defs\":{\"kind\":{\"enum\":[\"x\",\"y\"]}},\"type\":\"object\",\"properties\":"
    "{\"k\":{\"$ref\":\"#/$defs/kind\"}},\"required\":[\"k\"]}",
    "{\"$defs\":{\"node\":{\"type\":\"object\",\"properties\":{\"v\":{\"type\":\"integer\"},"
    "\"kids\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/node\"}}},"
    "\"required\":[\"v\",\"kids\"]}},\"$ref\":\"#/$defs/node\"}",
    "{\"type\":\"object\",\"properties\":{\"next\":{\"anyOf\":[{\"$ref\":\"#\"},"
    "{\"type\":\"null\"}]}},\"required\":[\"next\"]}",
};

static void write_instance(struct exam *e, yyjson_val *schema, uint64_t seed)
{
    struct rand_state rand;
    rand_seed(&rand, seed);
    buf_clear(&e->out);
    sim_schema_write(&e->arena, schema, &rand, &e->out);
}

static void instances_fit_their_schemas(void **state)
{
    (void)state;
    static struct judge j;
    for (size_t i = 0; i < ARRAY_LEN(schemas); i++) {
        for (uint64_t seed = 0; seed < 100; seed++) {
            struct exam e;
            exam_begin(&e);
            yyjson_val *schema = exam_json(&e, str_of(schemas[i]));
            write_instance(&e, schema, seed);
            j.root = schema;
            j.n = 0;
            put_off(&j, schema, exam_json(&e, buf_str(&e.out)));
            while (j.n > 0) {
                struct pair pair = j.pairs[--j.n];
                if (!fits(&j, pair.schema, pair.value)) {
                    fail_msg("%s\ngave %s", schemas[i], buf_cstr(&e.out));
                }
            }
            exam_end(&e);
        }
    }
}

static void formats_are_written(void **state)
{
    (void)state;

    static const struct {
        const char *format;
        const char *part;
    } rows[] = {
        {"date",      "-"         },
        {"date-time", "T"         },
        {"time",      ":"         },
        {"duration",  "PT"        },
        {"email",     "@"         },
        {"hostname",  "."         },
        {"uri",       "https://"  },
        {"ipv4",      "192.0.2."  },
        {"ipv6",      "2001:db8::"},
        {"uuid",      "-4"        },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct exam e;
        char schema[100];
        exam_begin(&e);
        snprintf(schema, sizeof(schema), "{\"type\":\"string\",\"format\":\"%s\"}", rows[i].format);
        write_instance(&e, exam_json(&e, str_of(schema)), i);
        assert_has(buf_str(&e.out), rows[i].part);
        exam_end(&e);
    }
}

static void endless_schemas_end(void **state)
{
    (void)state;
    static const char *const endless[] = {
        "{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}",
        "{\"$ref\":\"#\"}",
        "{\"anyOf\":[{\"$ref\":\"#\"}]}",
        "{\"type\":\"array\",\"items\":{\"$ref\":\"#\"},\"minItems\":1}",
        "{\"$ref\":\"#/nowhere\"}",
        "{\"type\":\"array\",\"minItems\":1000000000}",
        "{\"type\":\"string\",\"minLength\":1000000000}",
        "{\"type\":\"object\",\"minProperties\":1000000000}",
        "{\"type\":\"array\",\"minItems\":-5,\"maxItems\":-9}",
        "{\"type\":\"integer\",\"minimum\":9,\"maximum\":1}",
        "{\"enum\":[]}",
        "{\"type\":[]}",
        "{\"type\":\"unheard of\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(endless); i++) {
        struct exam e;
        exam_begin(&e);
        write_instance(&e, exam_json(&e, str_of(endless[i])), 1);
        exam_json(&e, buf_str(&e.out)); /* JSON, though not valid by a schema that cannot be met */
        exam_end(&e);
    }
}

static void spoilt_json_is_no_json(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"a\":1}", "{\"a\":\"café\",\"b\":[1,2,3]}", "[1,2]", "\"text\"", "{}",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        for (uint64_t seed = 0; seed < 40; seed++) {
            struct exam e;
            struct rand_state rand;
            struct error err = {0};
            exam_begin(&e);
            rand_seed(&rand, seed);
            struct str bad = sim_schema_spoil(&e.arena, str_of(texts[i]), &rand);
            yyjson_doc *doc = json_parse(bad, &err);
            if (doc) {
                fail_msg("%.*s is JSON", STR_ARG(bad));
            }
            assert_true(str_is_utf8(bad));
            exam_end(&e);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instances_fit_their_schemas),
        cmocka_unit_test(formats_are_written),
        cmocka_unit_test(endless_schemas_end),
        cmocka_unit_test(spoilt_json_is_no_json),
    };
    return cmocka_run_group_tests_name("sim/sim_schema", tests, NULL, NULL);
}
