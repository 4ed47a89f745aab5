#include "core/config.h"

#include <string.h>

#include "core/bounds.h"
#include "core/buf.h"

#define CONFIG_VALUE_BYTES_MAX (1u << 20)
#define CONFIG_ENV_NAME_MAX    128
/* Keys of one table; also how many names a message may list. */
#define CONFIG_KEYS_MAX      64
#define CONFIG_LIST_TEXT_MAX 240

/* A scalar after its environment references were resolved. */
struct value {
    struct str text;
    bool quoted;
    bool from_env; /* may be a secret: not to be shown */
};

/* --- environment references ---------------------------------------------------------------- */

static bool is_name_char(char c, bool first)
{
    return c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (!first && c >= '0' && c <= '9');
}

static bool is_env_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (!is_name_char(name.p[i], i == 0)) {
            return false;
        }
    }
    return name.n > 0 && name.n < CONFIG_ENV_NAME_MAX;
}

/* Appends what "NAME" or "NAME:-default" stands for. */
static int put_reference(const struct config_reader *reader, const struct yaml_node *node,
                         struct str inside, struct buf *out, struct error *err)
{
    ptrdiff_t colon = str_find(inside, STR(":-"));
    struct str name = colon < 0 ? inside : str_head(inside, (size_t)colon);
    char name_text[CONFIG_ENV_NAME_MAX];
    char shown[STR_SHOW_MAX];

    if (!is_env_name(name)) {
        return yaml_error(reader->doc, node, err,
                          "\"%s\" is no name of an environment variable; write ${NAME}, "
                          "${NAME:-default}, or $${ for a plain ${",
                          str_show(name, shown));
    }
    memcpy(name_text, name.p, name.n);
    name_text[name.n] = '\0';
    const char *value = reader->env ? reader->env(name_text, reader->env_ctx) : NULL;
    if (colon >= 0 && (!value || !*value)) {
        return buf_put_str(out, str_from(inside, (size_t)colon + 2));
    }
    if (!value) {
        return yaml_error(reader->doc, node, err,
                          "the environment variable %s is not set; set it, or write ${%s:-default}",
                          name_text, name_text);
    }
    return buf_puts(out, value);
}

static int put_resolved(const struct config_reader *reader, const struct yaml_node *node,
                        struct buf *out, bool *ret_from_env, struct error *err)
{
    struct str rest = node->text;
    int result = 0;

    while (rest.n > 0 && result == 0) {
        ptrdiff_t at = str_find(rest, STR("${"));

        if (at < 0) {
            buf_put_str(out, rest);
            break;
        }
        if (at > 0 && rest.p[at - 1] == '$') {
            buf_put_str(out, str_head(rest, (size_t)at));
            buf_putc(out, '{');
            rest = str_from(rest, (size_t)at + 2);
            continue;
        }
        buf_put_str(out, str_head(rest, (size_t)at));
        rest = str_from(rest, (size_t)at + 2);
        ptrdiff_t end = str_find_char(rest, '}');
        if (end < 0) {
            return yaml_error(reader->doc, node, err,
                              "\"${\" without \"}\"; write $${ for a plain ${");
        }
        *ret_from_env = true;
        result = put_reference(reader, node, str_head(rest, (size_t)end), out, err);
        rest = str_from(rest, (size_t)end + 1);
    }
    return buf_ok(out) ? result
                       : error_set(err, ERR_LIMIT, "%s:%d:%d: the value is larger than %u bytes",
                                   reader->doc ? reader->doc->name : "yaml", node->line,
                                   node->column, CONFIG_VALUE_BYTES_MAX);
}

static const char *kind_name(enum yaml_kind kind)
{
    static const char *const names[] = {
        [YAML_NULL] = "empty",
        [YAML_SCALAR] = "text",
        [YAML_LIST] = "a list",
        [YAML_MAP] = "a mapping",
    };

    return names[kind];
}

static int resolve(const struct config_reader *reader, const struct yaml_node *node,
                   struct value *ret_value, struct error *err)
{
    struct value value = {STR_EMPTY, node->quoted, false};

    if (node->kind == YAML_LIST || node->kind == YAML_MAP) {
        return yaml_error(reader->doc, node, err, "expected a single value, not %s",
                          kind_name(node->kind));
    }
    if (node->kind == YAML_SCALAR && str_find(node->text, STR("${")) >= 0) {
        struct buf out;
        buf_init(&out, CONFIG_VALUE_BYTES_MAX);
        int result = put_resolved(reader, node, &out, &value.from_env, err);
        value.text = result == 0 ? arena_str(reader->arena, buf_str(&out)) : STR_EMPTY;
        buf_release(&out);
        if (result != 0) {
            return result;
        }
    } else if (node->kind == YAML_SCALAR) {
        value.text = arena_str(reader->arena, node->text);
    }
    *ret_value = value;
    return 0;
}

int config_scalar(const struct config_reader *reader, const struct yaml_node *node,
                  struct str *ret_text, struct error *err)
{
    struct value value;
    int result = resolve(reader, node, &value, err);

    if (result == 0) {
        *ret_text = value.text;
    }
    return result;
}

/* --- one value ----------------------------------------------------------------------------- */

/* "a, b, c", cut when long. */
static void list_names(const struct str *names, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        if (out->n + names[i].n + 8 > out->max) {
            buf_puts(out, ", ...");
            return;
        }
        buf_putf(out, "%s%.*s", i ? ", " : "", STR_ARG(names[i]));
    }
}

static size_t enum_names(const struct config_key *key, struct str *names)
{
    size_t n = 0;

    while (n < CONFIG_KEYS_MAX && key->names[n]) {
        names[n] = str_of(key->names[n]);
        n++;
    }
    return n;
}

static void describe(const struct config_key *key, struct buf *out)
{
    static const struct {
        const char *text;
        enum bounds_unit unit;
    } types[] = {
        [CONFIG_STR] = {"text",                                      BOUNDS_NUMBER  },
        [CONFIG_BOOL] = {"true or false",                             BOUNDS_NUMBER  },
        [CONFIG_I64] = {"a whole number",                            BOUNDS_NUMBER  },
        [CONFIG_DOUBLE] = {"a number",                                  BOUNDS_NUMBER  },
        [CONFIG_DURATION] = {"a duration like 250ms, 10s, 5m, 2h or 30d", BOUNDS_DURATION},
        [CONFIG_BYTES] = {"a size like 512, 64KB, 32MiB or 20GB",      BOUNDS_BYTES   },
        [CONFIG_ENUM] = {"one of ",                                   BOUNDS_NUMBER  },
        [CONFIG_STR_LIST] = {"text or a list of texts",                   BOUNDS_NUMBER  },
        [CONFIG_NODE] = {"a value",                                   BOUNDS_NUMBER  },
    };
    struct str names[CONFIG_KEYS_MAX];
    char bounds[BOUNDS_TEXT_MAX];

    buf_puts(out, types[key->type].text);
    buf_puts(out, bounds_show(types[key->type].unit, key->min, key->max, bounds));
    if (key->type == CONFIG_ENUM) {
        list_names(names, enum_names(key, names), out);
    }
}

static int wrong_value(const struct config_reader *reader, const struct config_key *key,
                       const struct yaml_node *node, const struct value *value, struct error *err)
{
    char shown[STR_SHOW_MAX];
    struct buf expected;

    buf_init(&expected, CONFIG_LIST_TEXT_MAX);
    describe(key, &expected);
    if (node->kind == YAML_LIST || node->kind == YAML_MAP) {
        yaml_error(reader->doc, node, err, "\"%s\" must be %s, not %s", key->name,
                   buf_cstr(&expected), kind_name(node->kind));
    } else if (value->from_env) {
        yaml_error(reader->doc, node, err,
                   "\"%s\" must be %s; what the environment says here is not", key->name,
                   buf_cstr(&expected));
    } else {
        yaml_error(reader->doc, node, err, "\"%s\" must be %s, not %s\"%s\"", key->name,
                   buf_cstr(&expected), node->quoted ? "the quoted text " : "",
                   str_show(value->text, shown));
    }
    buf_release(&expected);
    return ERR_INVALID;
}

static bool parse_bool(struct str text, bool *ret_value)
{
    if (!str_is(text, "true") && !str_is(text, "false")) {
        return false;
    }
    *ret_value = str_is(text, "true");
    return true;
}

static bool parse_enum(const struct config_key *key, struct str text, int *ret_index)
{
    for (int i = 0; key->names[i]; i++) {
        if (str_is(text, key->names[i])) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

static bool parse_whole(const struct config_key *key, struct str text, int64_t *ret_value)
{
    int64_t whole = 0;
    int result = key->type == CONFIG_I64        ? str_to_i64(text, &whole)
                 : key->type == CONFIG_DURATION ? str_to_duration_ms(text, &whole)
                                                : str_to_bytes(text, &whole);

    if (result != 0 || !bounds_hold((double)whole, key->min, key->max)) {
        return false;
    }
    *ret_value = whole;
    return true;
}

/* Sets the field from a text; false when it is no such value. */
static bool set_field(const struct config_key *key, const struct value *value, void *field)
{
    /* "8080" in quotes says text. Quotes around ${PORT} say nothing: YAML may need them there. */
    bool is_text = value->quoted && !value->from_env;
    double number = 0;

    switch (key->type) {
    case CONFIG_STR:
        *(struct str *)field = value->text;
        return true;
    case CONFIG_BOOL:
        return !is_text && parse_bool(value->text, field);
    case CONFIG_I64:
        return !is_text && parse_whole(key, value->text, field);
    case CONFIG_DURATION:
    case CONFIG_BYTES:
        return parse_whole(key, value->text, field);
    case CONFIG_DOUBLE:
        if (is_text || str_to_double(value->text, &number) != 0 ||
            !bounds_hold(number, key->min, key->max)) {
            return false;
        }
        *(double *)field = number;
        return true;
    case CONFIG_ENUM:
        return parse_enum(key, value->text, field);
    case CONFIG_STR_LIST:
    case CONFIG_NODE:
        break;
    }
    return false;
}

static int read_list(const struct config_reader *reader, const struct config_key *key,
                     const struct yaml_node *node, struct config_strs *field, struct error *err)
{
    struct yaml_node *single = NULL;
    struct yaml_node *const *nodes = node->items;
    size_t n = node->n;

    if (node->kind == YAML_MAP) {
        return wrong_value(reader, key, node, NULL, err);
    }
    if (node->kind == YAML_SCALAR) {
        single = ARENA_NEW(reader->arena, struct yaml_node);
        *single = *node;
        nodes = &single;
        n = 1;
    }
    struct config_strs list = {ARENA_ARRAY(reader->arena, struct str, n), n};
    for (size_t i = 0; i < n; i++) {
        int result = config_scalar(reader, nodes[i], &list.items[i], err);
        if (result != 0) {
            return result;
        }
    }
    *field = list;
    return 0;
}

static int read_value(const struct config_reader *reader, const struct config_key *key,
                      const struct yaml_node *node, void *target, struct error *err)
{
    void *field = (char *)target + key->offset;
    struct value value = {STR_EMPTY, false, false};

    if (key->type == CONFIG_NODE) {
        *(const struct yaml_node **)field = node;
        return 0;
    }
    if (key->type == CONFIG_STR_LIST) {
        return read_list(reader, key, node, field, err);
    }
    if (node->kind != YAML_SCALAR) {
        return wrong_value(reader, key, node, &value, err);
    }
    int result = resolve(reader, node, &value, err);
    if (result != 0) {
        return result;
    }
    return set_field(key, &value, field) ? 0 : wrong_value(reader, key, node, &value, err);
}

/* --- a mapping ----------------------------------------------------------------------------- */

/* "[a, b]" or "a": as a file would say it, without quotes or nesting. */
static void set_list_default(struct arena *arena, struct str text, struct config_strs *field)
{
    bool bracketed = text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']';
    struct str rest = bracketed ? str_make(text.p + 1, text.n - 2) : text;
    size_t most = 1;

    for (size_t i = 0; i < rest.n; i++) {
        most += rest.p[i] == ',' ? 1 : 0;
    }
    field->items = ARENA_ARRAY(arena, struct str, most);
    field->n = 0;
    while (rest.n > 0) {
        struct str item = str_trim(bracketed ? str_split(&rest, ',') : rest);
        rest = bracketed ? rest : STR_EMPTY;
        if (item.n > 0) {
            field->items[field->n++] = arena_str(arena, item);
        }
    }
}

static void set_default(const struct config_reader *reader, const struct config_key *key,
                        void *target)
{
    static const size_t sizes[] = {
        [CONFIG_STR] = sizeof(struct str),
        [CONFIG_BOOL] = sizeof(bool),
        [CONFIG_I64] = sizeof(int64_t),
        [CONFIG_DOUBLE] = sizeof(double),
        [CONFIG_DURATION] = sizeof(int64_t),
        [CONFIG_BYTES] = sizeof(int64_t),
        [CONFIG_ENUM] = sizeof(int),
        [CONFIG_STR_LIST] = sizeof(struct config_strs),
        [CONFIG_NODE] = sizeof(const struct yaml_node *),
    };
    void *field = (char *)target + key->offset;
    struct value value = {STR_EMPTY, false, false};

    memset(field, 0, sizes[key->type]);
    if (key->type == CONFIG_STR) {
        *(struct str *)field = STR_EMPTY;
    }
    if (!key->fallback || key->type == CONFIG_NODE) {
        return;
    }
    value.text = arena_str(reader->arena, str_of(key->fallback));
    if (key->type == CONFIG_STR_LIST) {
        set_list_default(reader->arena, value.text, field);
        return;
    }
    BUG_ON(!set_field(key, &value, field)); /* a default of ours that is no such value */
}

static size_t key_names(const struct config_key *keys, size_t key_count, struct str *names)
{
    size_t n = key_count < CONFIG_KEYS_MAX ? key_count : CONFIG_KEYS_MAX;

    for (size_t i = 0; i < n; i++) {
        names[i] = str_of(keys[i].name);
    }
    return n;
}

static int unknown_key(const struct config_reader *reader, const struct yaml_node *node,
                       const char *where, const struct config_key *keys, size_t key_count,
                       struct error *err)
{
    struct str names[CONFIG_KEYS_MAX];
    size_t n = key_names(keys, key_count, names);
    struct str near = str_nearest(node->text, names, n);
    char shown[STR_SHOW_MAX];
    struct buf known;

    str_show(node->text, shown);
    if (near.n > 0) {
        return yaml_error(reader->doc, node, err,
                          "unknown key \"%s\" in %s; did you mean \"%.*s\"?", shown, where,
                          STR_ARG(near));
    }
    buf_init(&known, CONFIG_LIST_TEXT_MAX);
    list_names(names, n, &known);
    yaml_error(reader->doc, node, err, "unknown key \"%s\" in %s; known are %s", shown, where,
               buf_cstr(&known));
    buf_release(&known);
    return ERR_INVALID;
}

static const struct config_key *find_key(const struct config_key *keys, size_t key_count,
                                         struct str name)
{
    for (size_t i = 0; i < key_count; i++) {
        if (str_is(name, keys[i].name)) {
            return &keys[i];
        }
    }
    return NULL;
}

static int check_required(const struct config_reader *reader, const struct yaml_node *map,
                          const char *where, const struct config_key *keys, size_t key_count,
                          struct error *err)
{
    for (size_t i = 0; i < key_count; i++) {
        const struct yaml_node *node = keys[i].required ? yaml_get(map, keys[i].name) : NULL;

        if (keys[i].required && (!node || node->kind == YAML_NULL)) {
            return yaml_error(reader->doc, map, err, "%s lacks the key \"%s\"%s%s", where,
                              keys[i].name, keys[i].help ? ": " : "",
                              keys[i].help ? keys[i].help : "");
        }
    }
    return 0;
}

/* Seven parameters: the table and its length are one thing to callers, (keys, ARRAY_LEN(keys)). */
/* NOLINTNEXTLINE(readability-function-size) */
int config_read(const struct config_reader *reader, const struct yaml_node *map, const char *where,
                const struct config_key *keys, size_t key_count, void *target, struct error *err)
{
    int result;

    if (map && map->kind != YAML_MAP && map->kind != YAML_NULL) {
        return yaml_error(reader->doc, map, err, "%s must be a mapping (key: value), not %s", where,
                          kind_name(map->kind));
    }
    for (size_t i = 0; i < key_count; i++) {
        set_default(reader, &keys[i], target);
    }
    for (size_t i = 0; map && i < map->n; i++) {
        const struct config_key *key = find_key(keys, key_count, map->keys[i]->text);

        if (!key) {
            return unknown_key(reader, map->keys[i], where, keys, key_count, err);
        }
        if (map->items[i]->kind == YAML_NULL) {
            continue;
        }
        result = read_value(reader, key, map->items[i], target, err);
        if (result != 0) {
            return result;
        }
    }
    return check_required(reader, map, where, keys, key_count, err);
}
