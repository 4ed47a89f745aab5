#include "llm/wire_json.h"

#include <math.h>
#include <stdio.h>

/* Whole numbers beyond it are not exact in the JSON of most clients. */
#define WHOLE_MAX 9007199254740992.0

static void doc_free(void *doc)
{
    yyjson_doc_free(doc);
}

yyjson_val *wire_json_body(struct str body, struct arena *arena, struct error *err)
{
    yyjson_doc *doc = json_parse(body, err);
    if (!doc) {
        return NULL;
    }
    arena_defer(arena, doc_free, doc);
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (!yyjson_is_obj(root)) {
        error_set(err, ERR_INVALID, "the body must be a JSON object");
        return NULL;
    }
    return root;
}

struct str wire_json_text(struct arena *arena, yyjson_val *value)
{
    struct buf text;
    buf_init(&text, SIZE_MAX / 2);
    json_write(&text, value);
    struct str copy = arena_str(arena, buf_str(&text));
    buf_release(&text);
    return copy;
}

/* --- events ------------------------------------------------------------------------------ */

yyjson_val *wire_event_parse(struct wire_event *event, struct str data)
{
    event->doc = NULL;
    if (data.n == 0 || data.p[0] != '{') {
        data = str_trim(data);
    }
    if (data.n == 0 || data.p[0] != '{') {
        return NULL;
    }
    /* The type lacks the const only: without YYJSON_READ_INSITU the input is not written to. */
    if (yyjson_read_max_memory_usage(data.n, YYJSON_READ_NOFLAG) <= sizeof(event->memory) &&
        yyjson_alc_pool_init(&event->pool, event->memory, sizeof(event->memory))) {
        event->doc =
            yyjson_read_opts((char *)data.p, data.n, YYJSON_READ_NOFLAG, &event->pool, NULL);
    } else {
        event->doc = json_parse(data, NULL);
    }
    return yyjson_doc_get_root(event->doc);
}

void wire_event_release(struct wire_event *event)
{
    yyjson_doc_free(event->doc);
    event->doc = NULL;
}

/* --- typed members ----------------------------------------------------------------------- */

struct wire_at wire_at_top(struct message_notes *notes, struct error *err)
{
    return (struct wire_at){.notes = notes, .err = err};
}

static const char *dot(const struct wire_at *at)
{
    return at->path[0] ? "." : "";
}

struct wire_at wire_at_member(const struct wire_at *at, const char *key)
{
    struct wire_at to = {.notes = at->notes, .err = at->err};
    int n = snprintf(to.path, sizeof(to.path), "%s%s%s", at->path, dot(at), key);
    BUG_ON(n < 0); /* longer ones are cut */
    return to;
}

struct wire_at wire_at_element(const struct wire_at *at, const char *key, size_t index)
{
    struct wire_at to = {.notes = at->notes, .err = at->err};
    int n = snprintf(to.path, sizeof(to.path), "%s%s%s[%zu]", at->path, dot(at), key, index);
    BUG_ON(n < 0); /* longer ones are cut */
    return to;
}

/* The path of a member, or of the object itself. */
static struct wire_at place(const struct wire_at *at, const char *key)
{
    return key ? wire_at_member(at, key) : *at;
}

int wire_invalid(const struct wire_at *at, const char *key, const char *want)
{
    struct wire_at here = place(at, key);
    for (char *c = here.path; *c; c++) {
        *c = *c < ' ' || *c == 0x7f ? '?' : *c;
    }
    snprintf(at->notes->refused, sizeof(at->notes->refused), "%s", here.path);
    return error_set(at->err, ERR_INVALID, "%s must be %s", here.path, want);
}

int wire_drop(const struct wire_at *at, const char *key)
{
    return message_drop(at->notes, at->err, "%s", place(at, key).path);
}

int wire_refuse(const struct wire_at *at, const char *key, const char *why)
{
    return message_refuse(at->notes, at->err, why, "%s", place(at, key).path);
}

/* The member, or NULL when it is absent or null. */
static yyjson_val *given(yyjson_val *object, const char *key)
{
    yyjson_val *value = yyjson_obj_get(object, key);
    return yyjson_is_null(value) ? NULL : value;
}

int wire_get_str(const struct wire_at *at, yyjson_val *object, const char *key,
                 struct str *ret_value)
{
    yyjson_val *value = given(object, key);
    if (value && !yyjson_is_str(value)) {
        return wire_invalid(at, key, "a string");
    }
    if (value) {
        *ret_value = json_str(value);
    }
    return 0;
}

int wire_get_num(const struct wire_at *at, yyjson_val *object, const char *key, double *ret_value)
{
    yyjson_val *value = given(object, key);
    if (value && !yyjson_is_num(value)) {
        return wire_invalid(at, key, "a number");
    }
    if (value) {
        *ret_value = yyjson_get_num(value);
    }
    return 0;
}

static bool whole_number(yyjson_val *value, int64_t *ret_value)
{
    if (yyjson_is_sint(value)) {
        *ret_value = yyjson_get_sint(value);
        return true;
    }
    if (yyjson_is_uint(value)) {
        uint64_t n = yyjson_get_uint(value);
        *ret_value = n > INT64_MAX ? INT64_MAX : (int64_t)n;
        return true;
    }
    double number = yyjson_is_real(value) ? yyjson_get_real(value) : NAN;
    if (!(fabs(number) <= WHOLE_MAX) || number != floor(number)) {
        return false;
    }
    *ret_value = (int64_t)number;
    return true;
}

int wire_get_i64(const struct wire_at *at, yyjson_val *object, const char *key, int64_t min,
                 int64_t *ret_value)
{
    yyjson_val *value = given(object, key);
    int64_t number = 0;
    if (!value) {
        return 0;
    }
    if (!whole_number(value, &number) || number < min) {
        char want[64];
        if (min == INT64_MIN) {
            return wire_invalid(at, key, "a whole number");
        }
        snprintf(want, sizeof(want), "a whole number, %lld or more", (long long)min);
        return wire_invalid(at, key, want);
    }
    *ret_value = number;
    return 0;
}

int wire_get_bool(const struct wire_at *at, yyjson_val *object, const char *key, bool *ret_value)
{
    yyjson_val *value = given(object, key);
    if (value && !yyjson_is_bool(value)) {
        return wire_invalid(at, key, "true or false");
    }
    if (value) {
        *ret_value = yyjson_get_bool(value);
    }
    return 0;
}

int wire_get_flag(const struct wire_at *at, yyjson_val *object, const char *key, int *ret_value)
{
    bool flag = *ret_value > 0;
    int rc = wire_get_bool(at, object, key, &flag);
    if (rc == 0 && given(object, key)) {
        *ret_value = flag;
    }
    return rc;
}

int wire_get_obj(const struct wire_at *at, yyjson_val *object, const char *key,
                 yyjson_val **ret_value)
{
    yyjson_val *value = given(object, key);
    if (value && !yyjson_is_obj(value)) {
        return wire_invalid(at, key, "an object");
    }
    *ret_value = value;
    return 0;
}

int wire_get_arr(const struct wire_at *at, yyjson_val *object, const char *key,
                 yyjson_val **ret_value)
{
    yyjson_val *value = given(object, key);
    if (value && !yyjson_is_arr(value)) {
        return wire_invalid(at, key, "an array");
    }
    if (yyjson_arr_size(value) > MESSAGE_COUNT_MAX) {
        char want[64];
        snprintf(want, sizeof(want), "an array of at most %d elements", MESSAGE_COUNT_MAX);
        return wire_invalid(at, key, want);
    }
    *ret_value = value;
    return 0;
}

int wire_get_json(const struct wire_at *at, yyjson_val *object, const char *key,
                  struct str *ret_value)
{
    yyjson_val *value = NULL;
    int rc = wire_get_obj(at, object, key, &value);
    if (rc == 0 && value) {
        *ret_value = wire_json_text(at->notes->arena, value);
    }
    return rc;
}

/* --- known members ----------------------------------------------------------------------- */

static bool says_anything(yyjson_val *value)
{
    if (yyjson_is_ctn(value)) {
        return yyjson_get_len(value) > 0;
    }
    return !yyjson_is_null(value) && !yyjson_is_false(value);
}

static const struct wire_member *find_member(const struct wire_member *table, struct str name)
{
    for (; table->name; table++) {
        if (str_is(name, table->name)) {
            return table;
        }
    }
    return NULL;
}

int wire_check_members(const struct wire_at *at, yyjson_val *object,
                       const struct wire_member *table)
{
    yyjson_obj_iter members = yyjson_obj_iter_with(object);
    yyjson_val *key = NULL;
    while ((key = yyjson_obj_iter_next(&members))) {
        const struct wire_member *row = find_member(table, json_str(key));
        int rc = 0;
        if (!says_anything(yyjson_obj_iter_get_val(key))) {
            continue;
        }
        if (!row || row->use == WIRE_DROPPED) {
            rc = wire_drop(at, yyjson_get_str(key));
        } else if (row->use == WIRE_REFUSED) {
            rc = wire_refuse(at, row->name, row->why);
        }
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

/* --- writing ----------------------------------------------------------------------------- */

void wire_put_item(struct buf *out)
{
    char last = out->n > 0 ? out->p[out->n - 1] : '{';
    if (last != '{' && last != '[' && last != ':') {
        buf_putc(out, ',');
    }
}

void wire_put_key(struct buf *out, const char *key)
{
    wire_put_item(out);
    buf_putc(out, '"');
    buf_puts(out, key);
    buf_puts(out, "\":");
}

void wire_put_str(struct buf *out, const char *key, struct str value)
{
    wire_put_key(out, key);
    buf_put_json(out, value);
}

void wire_put_num(struct buf *out, double value)
{
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        double again = 0;
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (str_to_double(str_of(text), &again) == 0 && again == value) {
            break;
        }
    }
    buf_puts(out, text);
}

void wire_put_str_member(struct buf *out, const char *key, struct str value)
{
    if (value.n > 0) {
        buf_puts(out, ",\"");
        buf_puts(out, key);
        buf_puts(out, "\":");
        buf_put_json(out, value);
    }
}

void wire_put_i64_member(struct buf *out, const char *key, int64_t value, int64_t absent)
{
    if (value != absent) {
        buf_puts(out, ",\"");
        buf_puts(out, key);
        buf_puts(out, "\":");
        buf_put_i64(out, value);
    }
}

void wire_put_num_member(struct buf *out, const char *key, double value)
{
    if (!isnan(value)) {
        buf_puts(out, ",\"");
        buf_puts(out, key);
        buf_puts(out, "\":");
        wire_put_num(out, value);
    }
}
