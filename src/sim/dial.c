#include "sim/dial.h"

#include <math.h>

#define DIAL_ROW(id, field, text, type, preset, low, high, list, says)                             \
    [DIAL_##id] = {.name = (text),                                                                 \
                   .kind = DIAL_KIND_##type,                                                       \
                   .offset = offsetof(struct dials, field),                                        \
                   .size = sizeof(((struct dials *)NULL)->field),                                  \
                   .fallback = (preset),                                                           \
                   .min = (low),                                                                   \
                   .max = (high),                                                                  \
                   .names = (list),                                                                \
                   .help = (says)},
const struct dial dial_table[DIAL_TOTAL] = {DIAL_LIST(DIAL_ROW)};
#undef DIAL_ROW

_Static_assert(DIAL_TOTAL <= 64, "struct dials.set has one bit per dial");

static const struct {
    const char *name;
    enum dial_fault fault;
} fault_names[] = {
    {"none",     DIAL_FAULT_NONE    },
    {"429-bare", DIAL_FAULT_BARE_429},
    {"timeout",  DIAL_FAULT_TIMEOUT },
    {"reset",    DIAL_FAULT_RESET   },
};

const char *dial_kind_name(enum dial_kind kind)
{
    static const char *const names[] = {
        [DIAL_KIND_LAW] = "law",           [DIAL_KIND_RATE] = "rate", [DIAL_KIND_NUMBER] = "number",
        [DIAL_KIND_COUNT] = "count",       [DIAL_KIND_ENUM] = "enum", [DIAL_KIND_BOOL] = "bool",
        [DIAL_KIND_DURATION] = "duration", [DIAL_KIND_TEXT] = "text", [DIAL_KIND_FAULT] = "fault",
    };
    return names[kind];
}

const struct dial *dial_find(struct str name)
{
    for (size_t i = 0; i < DIAL_TOTAL; i++) {
        if (str_is(name, dial_table[i].name)) {
            return &dial_table[i];
        }
    }
    return NULL;
}

struct str dial_nearest(struct str name)
{
    struct str names[DIAL_TOTAL];
    for (size_t i = 0; i < DIAL_TOTAL; i++) {
        names[i] = str_of(dial_table[i].name);
    }
    return str_nearest(name, names, DIAL_TOTAL);
}

/* ---- reading values ---- */

static int bad_value(const struct dial *dial, struct str value, const char *expected,
                     struct error *err)
{
    return error_set(err, ERR_INVALID, "dial %s: \"%.*s\" is not %s", dial->name,
                     (int)(value.n < 60 ? value.n : 60), value.p, expected);
}

static int set_law(const struct dial *dial, struct str value, void *field, struct error *err)
{
    struct error why = {0};
    struct upstream_law law;

    if (upstream_law_parse(value, &law, &why) != 0) {
        return error_set(err, ERR_INVALID, "dial %s: %s", dial->name, why.text);
    }
    *(struct upstream_law *)field = law;
    return 0;
}

static int set_number(const struct dial *dial, struct str value, void *field, struct error *err)
{
    double number = 0;
    char expected[80];

    if (str_to_double(value, &number) != 0 || number < dial->min || number > dial->max) {
        snprintf(expected, sizeof(expected), "a number from %.15g to %.15g", dial->min, dial->max);
        return bad_value(dial, value, expected, err);
    }
    *(double *)field = number;
    return 0;
}

static int set_whole(const struct dial *dial, struct str value, void *field, struct error *err)
{
    bool duration = dial->kind == DIAL_KIND_DURATION;
    int64_t whole = 0;
    char expected[120];
    int rc = duration ? str_to_duration_ms(value, &whole) : str_to_i64(value, &whole);

    if (rc != 0 || (double)whole < dial->min || (double)whole > dial->max) {
        snprintf(expected, sizeof(expected),
                 duration ? "a duration like 500ms or 60s, from %.15gms to %.15gms"
                          : "a whole number from %.15g to %.15g",
                 dial->min, dial->max);
        return bad_value(dial, value, expected, err);
    }
    *(int64_t *)field = whole;
    return 0;
}

static int set_enum(const struct dial *dial, struct str value, void *field, struct error *err)
{
    struct str rest = str_of(dial->names);
    char expected[120];

    for (int index = 0; rest.n > 0; index++) {
        if (str_eq(str_split(&rest, '|'), value)) {
            *(int *)field = index;
            return 0;
        }
    }
    snprintf(expected, sizeof(expected), "one of %s", dial->names);
    return bad_value(dial, value, expected, err);
}

static int set_bool(const struct dial *dial, struct str value, void *field, struct error *err)
{
    if (!str_is(value, "true") && !str_is(value, "false")) {
        return bad_value(dial, value, "true or false", err);
    }
    *(bool *)field = str_is(value, "true");
    return 0;
}

static int set_fault(const struct dial *dial, struct str value, void *field, struct error *err)
{
    int64_t status = 0;

    for (size_t i = 0; i < ARRAY_LEN(fault_names); i++) {
        if (str_is(value, fault_names[i].name)) {
            *(int *)field = (int)fault_names[i].fault;
            return 0;
        }
    }
    if (str_to_i64(value, &status) != 0 || status < 400 || status > 599) {
        return bad_value(dial, value, "none, a status from 400 to 599, 429-bare, timeout or reset",
                         err);
    }
    *(int *)field = (int)status;
    return 0;
}

static int unknown(struct str name, struct error *err)
{
    struct str near = dial_nearest(name);
    struct str shown = str_head(name, 60);
    if (near.n > 0) {
        return error_set(err, ERR_NOT_FOUND, "no dial \"%.*s\"; did you mean \"%.*s\"?",
                         STR_ARG(shown), STR_ARG(near));
    }
    return error_set(err, ERR_NOT_FOUND, "no dial \"%.*s\"; GET /sim/dials lists them",
                     STR_ARG(shown));
}

int dial_set(struct dials *dials, struct str name, struct str value, struct error *err)
{
    const struct dial *dial = dial_find(name);
    if (!dial) {
        return unknown(name, err);
    }
    void *field = (char *)dials + dial->offset;
    int rc = 0;
    switch (dial->kind) {
    case DIAL_KIND_LAW:
        rc = set_law(dial, value, field, err);
        break;
    case DIAL_KIND_RATE:
    case DIAL_KIND_NUMBER:
        rc = set_number(dial, value, field, err);
        break;
    case DIAL_KIND_COUNT:
    case DIAL_KIND_DURATION:
        rc = set_whole(dial, value, field, err);
        break;
    case DIAL_KIND_ENUM:
        rc = set_enum(dial, value, field, err);
        break;
    case DIAL_KIND_BOOL:
        rc = set_bool(dial, value, field, err);
        break;
    case DIAL_KIND_TEXT:
        *(struct str *)field = value;
        break;
    case DIAL_KIND_FAULT:
        rc = set_fault(dial, value, field, err);
        break;
    }
    if (rc == 0) {
        dials->set |= 1ull << (dial - dial_table);
    }
    return rc;
}

void dials_init(struct dials *dials)
{
    *dials = (struct dials){0};
    for (size_t i = 0; i < DIAL_TOTAL; i++) {
        const struct dial *dial = &dial_table[i];
        int rc = dial_set(dials, str_of(dial->name), str_of(dial->fallback), NULL);
        BUG_ON(rc != 0);
    }
    dials->set = 0;
}

void dials_overlay(struct dials *to, const struct dials *from)
{
    for (size_t i = 0; i < DIAL_TOTAL; i++) {
        const struct dial *dial = &dial_table[i];
        if (from->set & (1ull << i)) {
            memcpy((char *)to + dial->offset, (const char *)from + dial->offset, dial->size);
        }
    }
    to->set |= from->set;
}

/* ---- writing values ---- */

static void print_law(const struct upstream_law *law, struct buf *out)
{
    static const char *const names[] = {
        [UPSTREAM_CONSTANT] = "constant",       [UPSTREAM_UNIFORM] = "uniform",
        [UPSTREAM_EXPONENTIAL] = "exponential", [UPSTREAM_LOGNORMAL] = "lognormal",
        [UPSTREAM_PARETO] = "pareto",
    };
    buf_putf(out, "%s:%.15g", names[law->kind], law->a);
    if (law->kind != UPSTREAM_CONSTANT && law->kind != UPSTREAM_EXPONENTIAL) {
        buf_putf(out, ",%.15g", law->b);
    }
}

static void print_enum(const struct dial *dial, int value, struct buf *out)
{
    struct str rest = str_of(dial->names);
    struct str name = str_split(&rest, '|');
    for (int i = 0; i < value; i++) {
        name = str_split(&rest, '|');
    }
    buf_put_str(out, name);
}

static void print_fault(int value, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(fault_names); i++) {
        if (value == (int)fault_names[i].fault) {
            buf_puts(out, fault_names[i].name);
            return;
        }
    }
    buf_put_i64(out, value);
}

void dial_print(const struct dials *dials, const struct dial *dial, struct buf *out)
{
    const void *field = (const char *)dials + dial->offset;
    switch (dial->kind) {
    case DIAL_KIND_LAW:
        print_law(field, out);
        break;
    case DIAL_KIND_RATE:
    case DIAL_KIND_NUMBER:
        buf_putf(out, "%.15g", *(const double *)field);
        break;
    case DIAL_KIND_COUNT:
        buf_put_i64(out, *(const int64_t *)field);
        break;
    case DIAL_KIND_DURATION:
        buf_put_i64(out, *(const int64_t *)field);
        buf_puts(out, "ms");
        break;
    case DIAL_KIND_ENUM:
        print_enum(dial, *(const int *)field, out);
        break;
    case DIAL_KIND_BOOL:
        buf_puts(out, *(const bool *)field ? "true" : "false");
        break;
    case DIAL_KIND_TEXT:
        buf_put_str(out, *(const struct str *)field);
        break;
    case DIAL_KIND_FAULT:
        print_fault(*(const int *)field, out);
        break;
    }
}

void dials_write_json(const struct dials *dials, struct buf *out)
{
    struct buf value;
    buf_init(&value, 1u << 20);
    buf_putc(out, '[');
    for (size_t i = 0; i < DIAL_TOTAL; i++) {
        const struct dial *dial = &dial_table[i];
        buf_clear(&value);
        dial_print(dials, dial, &value);
        buf_putf(out, "%s{\"name\":\"%s\",\"kind\":\"%s\",\"default\":", i ? "," : "", dial->name,
                 dial_kind_name(dial->kind));
        buf_put_json(out, str_of(dial->fallback));
        buf_puts(out, ",\"value\":");
        buf_put_json(out, buf_str(&value));
        if (dial->names) {
            buf_puts(out, ",\"values\":");
            buf_put_json(out, str_of(dial->names));
        }
        if (dial->max > dial->min) {
            buf_putf(out, ",\"min\":%.15g,\"max\":%.15g", dial->min, dial->max);
        }
        buf_puts(out, ",\"help\":");
        buf_put_json(out, str_of(dial->help));
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
    buf_release(&value);
}
