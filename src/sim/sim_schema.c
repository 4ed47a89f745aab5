#include "sim/sim_schema.h"

#include <math.h>

#include "sim/sim_pattern.h"
#include "sim/sim_text.h"

#define REF_HOPS_MAX  32
#define ITEMS_DEFAULT 3
#define MEMBERS_MAX   512
#define PARTS_MAX     32 /* of one allOf */
#define STRING_MAX    4096
/* One of so many nullable values is null. */
#define NULL_ONE_IN 8

struct member {
    struct str key;
    yyjson_val *schema;
};

/* An object or array that is being written. */
struct frame {
    bool array;
    bool unique;
    struct member *members;
    size_t room;
    size_t n;
    size_t at;
};

struct maker {
    struct arena *arena;
    struct rand_state *rand;
    struct buf *out;
    yyjson_val *root;
    size_t nodes;
    int depth;
    int64_t ordinal; /* place in an array of unique items, or -1 */
    struct frame stack[SIM_SCHEMA_DEPTH_MAX];
};

static bool is_deep(const struct maker *m)
{
    return m->depth >= SIM_SCHEMA_SHALLOW || m->nodes > SIM_SCHEMA_NODES_MAX;
}

static uint64_t draw(struct maker *m, uint64_t n)
{
    return m->ordinal >= 0 ? (uint64_t)m->ordinal % n : rand_below(m->rand, n);
}

/* ---- finding out what a schema wants ---- */

static yyjson_val *follow_ref(const struct maker *m, struct str ref)
{
    if (str_is(ref, "#")) {
        return m->root;
    }
    return str_starts(ref, STR("#/")) ? yyjson_ptr_getn(m->root, ref.p + 1, ref.n - 1) : NULL;
}

static bool is_type(yyjson_val *schema, const char *type)
{
    return str_is(json_get_str(schema, "type"), type);
}

static bool is_plain(yyjson_val *schema)
{
    return !yyjson_obj_get(schema, "$ref") && !yyjson_obj_get(schema, "anyOf") &&
           !yyjson_obj_get(schema, "oneOf") && !yyjson_obj_get(schema, "properties") &&
           !yyjson_obj_get(schema, "items") && !is_type(schema, "object") &&
           !is_type(schema, "array");
}

/* One of the alternatives: seldom null, and without structure when already deep. */
static yyjson_val *choose_branch(struct maker *m, yyjson_val *branches)
{
    size_t n = yyjson_arr_size(branches);
    uint64_t start = rand_below(m->rand, n);
    bool allow_null = n == 1 || is_deep(m) || rand_below(m->rand, NULL_ONE_IN) == 0;

    for (size_t i = 0; i < n; i++) {
        yyjson_val *branch = yyjson_arr_get(branches, (start + i) % n);
        if ((allow_null || !is_type(branch, "null")) && (!is_deep(m) || is_plain(branch))) {
            return branch;
        }
    }
    return yyjson_arr_get(branches, start);
}

/* Follows references and alternatives to a schema that says something itself. */
static yyjson_val *resolve(struct maker *m, yyjson_val *schema)
{
    for (int hop = 0; hop < REF_HOPS_MAX && yyjson_is_obj(schema); hop++) {
        yyjson_val *ref = yyjson_obj_get(schema, "$ref");
        yyjson_val *any = yyjson_obj_get(schema, "anyOf");
        yyjson_val *one = yyjson_obj_get(schema, "oneOf");
        yyjson_val *all = yyjson_obj_get(schema, "allOf");
        if (yyjson_is_str(ref)) {
            schema = follow_ref(m, json_str(ref));
        } else if (yyjson_arr_size(any) > 0) {
            schema = choose_branch(m, any);
        } else if (yyjson_arr_size(one) > 0) {
            schema = choose_branch(m, one);
        } else if (yyjson_arr_size(all) == 1 && !yyjson_obj_get(schema, "properties")) {
            schema = yyjson_arr_get_first(all);
        } else {
            return schema;
        }
    }
    return yyjson_is_obj(schema) ? schema : NULL;
}

static struct str guess_type(yyjson_val *schema)
{
    static const struct {
        const char *keyword;
        const char *type;
    } hints[] = {
        {"properties",           "object"},
        {"required",             "object"},
        {"additionalProperties", "object"},
        {"allOf",                "object"},
        {"items",                "array" },
        {"prefixItems",          "array" },
        {"minimum",              "number"},
        {"maximum",              "number"},
        {"multipleOf",           "number"},
    };

    for (size_t i = 0; i < ARRAY_LEN(hints); i++) {
        if (yyjson_obj_get(schema, hints[i].keyword)) {
            return str_of(hints[i].type);
        }
    }
    return STR("string");
}

static struct str type_of(struct maker *m, yyjson_val *schema)
{
    yyjson_val *type = yyjson_obj_get(schema, "type");
    if (yyjson_is_str(type)) {
        return json_str(type);
    }
    size_t n = yyjson_arr_size(type);
    if (n == 0) {
        return guess_type(schema);
    }
    uint64_t start = rand_below(m->rand, n);
    bool allow_null = n == 1 || is_deep(m) || rand_below(m->rand, NULL_ONE_IN) == 0;
    for (size_t i = 0; i < n; i++) {
        struct str name = json_str(yyjson_arr_get(type, (start + i) % n));
        bool structure = str_is(name, "object") || str_is(name, "array");
        if ((allow_null || !str_is(name, "null")) && (!structure || !is_deep(m))) {
            return name;
        }
    }
    return json_str(yyjson_arr_get(type, start));
}

/* ---- scalars ---- */

static void put_date(struct maker *m, bool with_time)
{
    buf_putf(m->out, "\"20%02u-%02u-%02u", 20 + (unsigned)rand_below(m->rand, 10),
             1 + (unsigned)rand_below(m->rand, 12), 1 + (unsigned)rand_below(m->rand, 28));
    if (with_time) {
        buf_putf(m->out, "T%02u:%02u:%02uZ", (unsigned)rand_below(m->rand, 24),
                 (unsigned)rand_below(m->rand, 60), (unsigned)rand_below(m->rand, 60));
    }
    buf_putc(m->out, '"');
}

static void put_uuid(struct maker *m)
{
    uint64_t a = rand_u64(m->rand);
    uint64_t b = rand_u64(m->rand);
    buf_putf(m->out, "\"%08x-%04x-4%03x-a%03x-%012llx\"", (unsigned)(a >> 32),
             (unsigned)(a >> 16) & 0xffff, (unsigned)a & 0xfff, (unsigned)(b >> 52) & 0xfff,
             (unsigned long long)(b & 0xffffffffffffull));
}

/* True when `format` is one that is known. */
static bool put_format(struct maker *m, struct str format)
{
    unsigned number = (unsigned)rand_below(m->rand, 200);
    if (str_is(format, "date")) {
        put_date(m, false);
    } else if (str_is(format, "date-time")) {
        put_date(m, true);
    } else if (str_is(format, "time")) {
        buf_putf(m->out, "\"%02u:%02u:00Z\"", number % 24, number % 60);
    } else if (str_is(format, "duration")) {
        buf_putf(m->out, "\"PT%uM\"", number + 1);
    } else if (str_is(format, "email")) {
        buf_putf(m->out, "\"user%u@example.com\"", number);
    } else if (str_is(format, "hostname")) {
        buf_putf(m->out, "\"host%u.example.com\"", number);
    } else if (str_is(format, "uri") || str_is(format, "url")) {
        buf_putf(m->out, "\"https://example.com/%u\"", number);
    } else if (str_is(format, "ipv4")) {
        buf_putf(m->out, "\"192.0.2.%u\"", number);
    } else if (str_is(format, "ipv6")) {
        buf_putf(m->out, "\"2001:db8::%x\"", number);
    } else if (str_is(format, "uuid")) {
        put_uuid(m);
    } else {
        return false;
    }
    return true;
}

static bool put_pattern(struct maker *m, yyjson_val *schema)
{
    yyjson_val *pattern = yyjson_obj_get(schema, "pattern");
    struct buf text;
    if (!yyjson_is_str(pattern)) {
        return false;
    }
    buf_init(&text, SIM_PATTERN_BYTES_MAX * 2);
    bool ok = sim_pattern_write(json_str(pattern), m->rand, &text);
    if (ok) {
        buf_put_json(m->out, buf_str(&text));
    }
    buf_release(&text);
    return ok;
}

/* ASCII words only, so that bytes are characters and the length can be kept. */
static void put_words(struct maker *m, yyjson_val *schema)
{
    static const char *const words[] = {"river", "amber", "north", "seven", "cedar",
                                        "quiet", "delta", "stone", "ember", "orbit"};
    int64_t low = json_get_i64(schema, "minLength", 0);
    int64_t high = json_get_i64(schema, "maxLength", STRING_MAX);
    char text[STRING_MAX + 32];
    size_t n = 0;
    size_t wanted = 1 + (size_t)rand_below(m->rand, 3);

    low = low < 0 ? 0 : low > STRING_MAX ? STRING_MAX : low;
    for (size_t i = 0; i < wanted || n < (size_t)low; i++) {
        const char *word = words[rand_below(m->rand, ARRAY_LEN(words))];
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n > 0 ? " " : "", word);
        if (m->ordinal >= 0 && i == 0) {
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%lld", (long long)m->ordinal);
        }
    }
    if (high >= 0 && n > (size_t)high) {
        n = (size_t)high;
    }
    buf_put_json(m->out, str_make(text, n));
}

static void put_string(struct maker *m, yyjson_val *schema)
{
    if (put_pattern(m, schema) || put_format(m, json_get_str(schema, "format"))) {
        return;
    }
    put_words(m, schema);
}

/* A bound, from its inclusive or exclusive keyword (a number, as since draft 6). */
static double bound(yyjson_val *schema, const char *name, const char *exclusive, double step,
                    double fallback)
{
    yyjson_val *strict = yyjson_obj_get(schema, exclusive);
    if (yyjson_is_num(strict)) {
        return yyjson_get_num(strict) + step;
    }
    return json_get_num(schema, name, fallback);
}

static void put_number(struct maker *m, yyjson_val *schema, bool whole)
{
    double step = json_get_num(schema, "multipleOf", whole ? 1 : 0);
    double gap = whole ? 1 : 0.001;
    bool has_low = yyjson_obj_get(schema, "minimum") || yyjson_obj_get(schema, "exclusiveMinimum");
    double high = bound(schema, "maximum", "exclusiveMaximum", -gap, NAN);
    double low =
        bound(schema, "minimum", "exclusiveMinimum", gap, isnan(high) || high > 0 ? 0 : high - 100);
    if (isnan(high) || (!has_low && high > low + 100)) {
        high = low + 100;
    }
    if (step > 0) {
        double first = ceil(low / step - 1e-9);
        double last = floor(high / step + 1e-9);
        double room = last >= first ? last - first : 0;
        double value = (first + (double)draw(m, (uint64_t)fmin(room, 1e15) + 1)) * step;
        buf_putf(m->out, whole ? "%.0f" : "%.12g", value);
        return;
    }
    double value = low + (m->ordinal >= 0 ? 0 : rand_unit(m->rand)) * (high - low) +
                   (m->ordinal >= 0 ? (double)m->ordinal * (high - low) / 1000 : 0);
    double rounded = round(value * 100) / 100;
    buf_putf(m->out, "%.12g", rounded >= low && rounded <= high ? rounded : value);
}

/* ---- containers ---- */

static void push(struct maker *m, struct frame frame)
{
    buf_putc(m->out, frame.array ? '[' : '{');
    if (m->depth == SIM_SCHEMA_DEPTH_MAX) {
        buf_putc(m->out, frame.array ? ']' : '}');
        return;
    }
    m->stack[m->depth++] = frame;
}

static bool is_listed(yyjson_val *list, struct str name)
{
    for (size_t i = 0; i < yyjson_arr_size(list); i++) {
        if (str_eq(json_str(yyjson_arr_get(list, i)), name)) {
            return true;
        }
    }
    return false;
}

static bool has_member(const struct frame *f, struct str key)
{
    for (size_t i = 0; i < f->n; i++) {
        if (str_eq(f->members[i].key, key)) {
            return true;
        }
    }
    return false;
}

static void add_member(struct frame *f, struct str key, yyjson_val *schema)
{
    if (f->n < f->room) {
        f->members[f->n++] = (struct member){key, schema};
    }
}

/* The members that one schema asks for: required ones, and some of the others. */
static void add_properties(struct maker *m, struct frame *f, yyjson_val *schema)
{
    yyjson_val *properties = yyjson_obj_get(schema, "properties");
    yyjson_val *required = yyjson_obj_get(schema, "required");
    yyjson_val *others = yyjson_obj_get(schema, "additionalProperties");
    int64_t least = json_get_i64(schema, "minProperties", 0);
    yyjson_obj_iter it = yyjson_obj_iter_with(properties);
    yyjson_val *key;

    while ((key = yyjson_obj_iter_next(&it)) != NULL) {
        struct str name = json_str(key);
        bool wanted = is_listed(required, name) || (int64_t)f->n < least ||
                      (!is_deep(m) && rand_below(m->rand, 2) == 0);
        if (wanted && !has_member(f, name)) {
            add_member(f, name, yyjson_obj_iter_get_val(key));
        }
    }
    for (size_t i = 0; i < yyjson_arr_size(required); i++) {
        struct str name = json_str(yyjson_arr_get(required, i));
        if (!has_member(f, name)) {
            add_member(f, name, others);
        }
    }
    bool dictionary = yyjson_is_obj(others) && yyjson_obj_size(properties) == 0 && !is_deep(m);
    int64_t count = dictionary && least < 2 ? 2 : least;
    while ((int64_t)f->n < count && f->n < f->room && !yyjson_is_false(others)) {
        add_member(f, arena_printf(m->arena, "key_%zu", f->n + 1), others);
    }
}

/* Members that add_properties may add for one schema. */
static size_t room_for(yyjson_val *schema)
{
    int64_t least = json_get_i64(schema, "minProperties", 0);
    return yyjson_obj_size(yyjson_obj_get(schema, "properties")) +
           yyjson_arr_size(yyjson_obj_get(schema, "required")) +
           (least > 2 && least < MEMBERS_MAX ? (size_t)least : 2);
}

static void begin_object(struct maker *m, yyjson_val *schema)
{
    yyjson_val *all = yyjson_obj_get(schema, "allOf");
    yyjson_val *parts[PARTS_MAX];
    struct frame f = {.room = 0};
    size_t n = 0;

    parts[n++] = schema;
    for (size_t i = 0; i < yyjson_arr_size(all) && n < PARTS_MAX; i++) {
        parts[n] = resolve(m, yyjson_arr_get(all, i));
        n += parts[n] != NULL;
    }
    for (size_t i = 0; i < n; i++) {
        f.room += room_for(parts[i]);
    }
    f.room = f.room < MEMBERS_MAX ? f.room : MEMBERS_MAX;
    f.members = ARENA_ARRAY(m->arena, struct member, f.room);
    for (size_t i = 0; i < n; i++) {
        add_properties(m, &f, parts[i]);
    }
    push(m, f);
}

static void begin_array(struct maker *m, yyjson_val *schema)
{
    yyjson_val *prefix = yyjson_obj_get(schema, "prefixItems");
    yyjson_val *items = yyjson_obj_get(schema, "items");
    int64_t fixed = (int64_t)yyjson_arr_size(prefix);
    int64_t low = json_get_i64(schema, "minItems", fixed);
    int64_t high = json_get_i64(schema, "maxItems", low > ITEMS_DEFAULT ? low : ITEMS_DEFAULT);
    bool unique = json_get_bool(schema, "uniqueItems", false);
    yyjson_val *choices = unique ? yyjson_obj_get(resolve(m, items), "enum") : NULL;

    low = low < 0 ? 0 : low;
    low = low > 0 || is_deep(m) || high < 1 ? low : 1;
    if (yyjson_is_false(items) && high > fixed) {
        high = fixed;
    }
    if (choices && high > (int64_t)yyjson_arr_size(choices)) {
        high = (int64_t)yyjson_arr_size(choices);
    }
    high = high < low || is_deep(m) ? low : high;
    int64_t n = low + (int64_t)rand_below(m->rand, (uint64_t)(high - low) + 1);
    n = n > MEMBERS_MAX ? MEMBERS_MAX : n;
    struct frame f = {.array = true, .unique = unique, .n = (size_t)n};
    f.members = ARENA_ARRAY(m->arena, struct member, (size_t)n + 1);
    for (int64_t i = 0; i < n; i++) {
        f.members[i].schema = i < fixed ? yyjson_arr_get(prefix, (size_t)i) : items;
    }
    push(m, f);
}

/* ---- the walk ---- */

/* Writes a scalar, or the opening of a container that the walk then fills. */
static void begin(struct maker *m, yyjson_val *schema)
{
    m->nodes++;
    schema = resolve(m, schema);
    yyjson_val *fixed = yyjson_obj_get(schema, "const");
    yyjson_val *choices = yyjson_obj_get(schema, "enum");
    if (fixed) {
        json_write(m->out, fixed);
        return;
    }
    if (yyjson_arr_size(choices) > 0) {
        json_write(m->out, yyjson_arr_get(choices, draw(m, yyjson_arr_size(choices))));
        return;
    }
    struct str type = type_of(m, schema);
    if (str_is(type, "object")) {
        begin_object(m, schema);
    } else if (str_is(type, "array")) {
        begin_array(m, schema);
    } else if (str_is(type, "integer") || str_is(type, "number")) {
        put_number(m, schema, str_is(type, "integer"));
    } else if (str_is(type, "boolean")) {
        buf_puts(m->out, draw(m, 2) ? "true" : "false");
    } else if (str_is(type, "null")) {
        buf_puts(m->out, "null");
    } else {
        put_string(m, schema);
    }
}

void sim_schema_write(struct arena *arena, yyjson_val *schema, struct rand_state *rand,
                      struct buf *out)
{
    struct maker m = {.arena = arena, .rand = rand, .out = out, .root = schema, .ordinal = -1};

    begin(&m, schema);
    while (m.depth > 0) {
        struct frame *f = &m.stack[m.depth - 1];
        if (f->at == f->n) {
            buf_putc(out, f->array ? ']' : '}');
            m.depth--;
            continue;
        }
        if (f->at > 0) {
            buf_putc(out, ',');
        }
        const struct member *member = &f->members[f->at];
        m.ordinal = f->unique ? (int64_t)f->at : -1;
        f->at++;
        if (!f->array) {
            buf_put_json(out, member->key);
            buf_putc(out, ':');
        }
        begin(&m, member->schema);
    }
}

struct str sim_schema_spoil(struct arena *arena, struct str json, struct rand_state *rand)
{
    bool container = json.n > 2 && (json.p[json.n - 1] == '}' || json.p[json.n - 1] == ']');
    if (container && rand_below(rand, 2) == 0) {
        return arena_printf(arena, "%.*s,%c", (int)json.n - 1, json.p, json.p[json.n - 1]);
    }
    /* Never the whole, and never an empty text for a longer one. */
    size_t keep = json.n > 1 ? 1 + (size_t)rand_below(rand, json.n - 1) : 0;
    while (keep > 0 && str_utf8_prefix(str_head(json, keep)) != keep) {
        keep--;
    }
    return str_head(json, keep);
}
