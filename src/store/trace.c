#include "store/trace.h"

#include <stdio.h>

#include "core/error.h"
#include "core/hash.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/rand.h"

_Static_assert(sizeof(((struct trace *)0)->request_hash) == HASH_SHA256_HEX + 1, "a hash fits");

static const char *const capture_names[] = {
    [TRACE_CAPTURE_NONE] = "none",
    [TRACE_CAPTURE_HASHES] = "hashes",
    [TRACE_CAPTURE_REDACTED] = "redacted",
    [TRACE_CAPTURE_FULL] = "full",
};

static const char *const usage_source_names[] = {
    [TRACE_USAGE_NONE] = "none",
    [TRACE_USAGE_PROVIDER] = "provider",
    [TRACE_USAGE_ESTIMATED] = "estimated",
};

static const char *const price_status_names[] = {
    [TRACE_UNPRICED] = "unpriced",
    [TRACE_PRICED] = "priced",
    [TRACE_NO_CHARGE] = "no_charge",
};

#define FIELD(type, member)                                                                        \
    {                                                                                              \
#        member, TRACE_TYPE_##type, offsetof(struct trace, member)                                 \
    }

const struct trace_field trace_fields[] = {
    FIELD(ID, id),
    FIELD(STR, parent),
    FIELD(STR, session),
    FIELD(STR, client_request_id),
    FIELD(I64, started_ms),
    FIELD(STR, tenant),
    FIELD(STR, key_alias),
    FIELD(STR, client),
    FIELD(STR, user_agent),
    FIELD(STR, method),
    FIELD(STR, path),
    FIELD(STR, dialect),
    FIELD(STR, route),
    FIELD(STR, model_asked),
    FIELD(STR, provider),
    FIELD(STR, model_routed),
    FIELD(STR, model_returned),
    FIELD(BOOL, stream),
    FIELD(INT, attempts),
    FIELD(JSON, attempts_json),
    FIELD(JSON, route_json),
    FIELD(JSON, params_json),
    FIELD(INT, status),
    FIELD(INT, upstream_status),
    FIELD(STR, error_class),
    FIELD(STR, error_text),
    FIELD(STR, cancelled_in),
    FIELD(STR, finish_reason),
    FIELD(STR, upstream_request_id),
    FIELD(UNKNOWN, received_us),
    FIELD(UNKNOWN, routed_us),
    FIELD(UNKNOWN, sent_us),
    FIELD(UNKNOWN, head_us),
    FIELD(UNKNOWN, first_us),
    FIELD(UNKNOWN, done_us),
    FIELD(UNKNOWN, overhead_us),
    FIELD(I64, request_bytes),
    FIELD(I64, response_bytes),
    FIELD(I64, events),
    FIELD(UNKNOWN, input_tokens),
    FIELD(UNKNOWN, cached_tokens),
    FIELD(UNKNOWN, cache_write_tokens),
    FIELD(UNKNOWN, cache_write_1h_tokens),
    FIELD(UNKNOWN, output_tokens),
    FIELD(UNKNOWN, reasoning_tokens),
    FIELD(JSON, usage_raw),
    FIELD(USAGE_SOURCE, usage_source),
    FIELD(PRICE_STATUS, price_status),
    FIELD(STR, price_version),
    FIELD(STR, price_note),
    FIELD(COST, cost_nanousd),
    FIELD(CAPTURE, capture),
    FIELD(BOOL, response_truncated),
    FIELD(HASH, request_hash),
    FIELD(HASH, response_hash),
    FIELD(HASH, system_hash),
    FIELD(HASH, tools_hash),
    FIELD(HASH, messages_hash),
    FIELD(HASH, request_blob),
    FIELD(HASH, response_blob),
    {NULL, TRACE_TYPE_STR, 0},
};

_Static_assert(ARRAY_LEN(trace_fields) <= TRACE_FIELDS_MAX, "raise TRACE_FIELDS_MAX");

struct trace *trace_new(void)
{
    struct trace *trace = (struct trace *)x_calloc(1, sizeof(*trace));

    arena_init(&trace->arena);
    trace->price_status = TRACE_NO_CHARGE;
    buf_init(&trace->request_body, TRACE_BODY_BYTES_MAX);
    buf_init(&trace->response_body, TRACE_BODY_BYTES_MAX);
    for (const struct trace_field *f = trace_fields; f->name; f++) {
        void *at = (char *)trace + f->offset;
        if (f->type == TRACE_TYPE_UNKNOWN) {
            *(int64_t *)at = -1;
        } else if (f->type == TRACE_TYPE_STR || f->type == TRACE_TYPE_JSON) {
            *(struct str *)at = STR_EMPTY;
        }
    }
    return trace;
}

struct trace *trace_clone(const struct trace *trace)
{
    struct trace *copy = trace_new();
    struct arena arena = copy->arena;
    struct buf request = copy->request_body, response = copy->response_body;

    *copy = *trace;
    copy->arena = arena;
    copy->request_body = request;
    copy->response_body = response;
    for (const struct trace_field *f = trace_fields; f->name; f++) {
        if (f->type == TRACE_TYPE_STR || f->type == TRACE_TYPE_JSON) {
            struct str *text = (struct str *)(void *)((char *)copy + f->offset);
            *text = arena_str(&copy->arena, *text);
        }
    }
    return copy;
}

void trace_free(struct trace *trace)
{
    if (!trace) {
        return;
    }
    buf_release(&trace->request_body);
    buf_release(&trace->response_body);
    arena_release(&trace->arena);
    x_free(trace);
}

void trace_add_response(struct trace *t, struct str bytes, size_t max)
{
    t->response_bytes += (int64_t)bytes.n;
    if (t->capture == TRACE_CAPTURE_NONE || t->response_truncated) {
        return;
    }
    size_t room = max > t->response_body.n ? max - t->response_body.n : 0;
    buf_put_str(&t->response_body, str_head(bytes, room));
    t->response_truncated = bytes.n > room;
}

size_t trace_bytes(const struct trace *trace)
{
    return sizeof(*trace) + trace->arena.total + trace->request_body.cap + trace->response_body.cap;
}

void trace_make_id(struct rand_state *rand, int64_t wall_ms, char *out)
{
    unsigned char bytes[TRACE_ID_HEX / 2];

    if (rand) {
        uint64_t words[2] = {rand_u64(rand), rand_u64(rand)};
        memcpy(bytes, words, sizeof(bytes));
    } else {
        rand_bytes(bytes, sizeof(bytes));
    }
    for (int i = 0; i < 6; i++) {
        bytes[i] = (unsigned char)((uint64_t)wall_ms >> (8 * (5 - i)));
    }
    hash_hex(bytes, sizeof(bytes), out);
}

static const char *name_of(const char *const *names, size_t n, unsigned value)
{
    BUG_ON(value >= n);
    return names[value];
}

const char *trace_capture_name(enum trace_capture capture)
{
    return name_of(capture_names, ARRAY_LEN(capture_names), (unsigned)capture);
}

const char *trace_usage_source_name(enum trace_usage_source source)
{
    return name_of(usage_source_names, ARRAY_LEN(usage_source_names), (unsigned)source);
}

const char *trace_price_status_name(enum trace_price_status status)
{
    return name_of(price_status_names, ARRAY_LEN(price_status_names), (unsigned)status);
}

const char *trace_money(int64_t nanousd, char *out)
{
    uint64_t amount = nanousd < 0 ? (uint64_t)0 - (uint64_t)nanousd : (uint64_t)nanousd;
    int n = snprintf(out, TRACE_MONEY_MAX, "%s$%llu.%09llu", nanousd < 0 ? "-" : "",
                     (unsigned long long)(amount / 1000000000),
                     (unsigned long long)(amount % 1000000000));

    for (int zeros = 0; zeros < 7 && out[n - 1] == '0'; zeros++) {
        n--;
        out[n] = '\0';
    }
    return out;
}

/* The position of a name, or -1. */
static int index_of(const char *const *names, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++) {
        if (str_is(name, names[i])) {
            return (int)i;
        }
    }
    return -1;
}

static void set_text(struct trace_value *value, struct str text)
{
    value->text = text;
    value->kind = text.n ? TRACE_VALUE_TEXT : TRACE_VALUE_NULL;
}

static void set_i64(struct trace_value *value, int64_t i64)
{
    value->i64 = i64;
    value->kind = TRACE_VALUE_I64;
}

static void set_hash(struct trace_value *value, const char *hex)
{
    struct hash_sha256 hash;

    if (hash_sha256_parse(str_of(hex), &hash) == 0) {
        memcpy(value->bytes, hash.bytes, sizeof(value->bytes));
        value->kind = TRACE_VALUE_BYTES;
    }
}

void trace_get(const struct trace *trace, const struct trace_field *field,
               struct trace_value *ret_value)
{
    const void *at = (const char *)trace + field->offset;

    ret_value->kind = TRACE_VALUE_NULL;
    switch (field->type) {
    case TRACE_TYPE_ID:
    case TRACE_TYPE_STR:
    case TRACE_TYPE_JSON:
        set_text(ret_value,
                 field->type == TRACE_TYPE_ID ? str_of((const char *)at) : *(const struct str *)at);
        break;
    case TRACE_TYPE_UNKNOWN:
        if (*(const int64_t *)at >= 0) {
            set_i64(ret_value, *(const int64_t *)at);
        }
        break;
    case TRACE_TYPE_COST:
        if (trace->price_status == TRACE_PRICED) {
            set_i64(ret_value, *(const int64_t *)at);
        }
        break;
    case TRACE_TYPE_I64:
        set_i64(ret_value, *(const int64_t *)at);
        break;
    case TRACE_TYPE_INT:
        set_i64(ret_value, *(const int *)at);
        break;
    case TRACE_TYPE_BOOL:
        set_i64(ret_value, *(const bool *)at);
        break;
    case TRACE_TYPE_CAPTURE:
        set_text(ret_value, str_of(trace_capture_name(trace->capture)));
        break;
    case TRACE_TYPE_USAGE_SOURCE:
        set_text(ret_value, str_of(trace_usage_source_name(trace->usage_source)));
        break;
    case TRACE_TYPE_PRICE_STATUS:
        set_text(ret_value, str_of(trace_price_status_name(trace->price_status)));
        break;
    case TRACE_TYPE_HASH:
        set_hash(ret_value, (const char *)at);
        break;
    }
}

static void take_text(struct trace *trace, const struct trace_field *field, struct str text)
{
    void *at = (char *)trace + field->offset;
    int i;

    switch (field->type) {
    case TRACE_TYPE_ID:
        if (text.n == TRACE_ID_HEX) {
            memcpy(at, text.p, text.n);
            ((char *)at)[text.n] = '\0';
        }
        break;
    case TRACE_TYPE_STR:
    case TRACE_TYPE_JSON:
        *(struct str *)at = arena_str(&trace->arena, text);
        break;
    case TRACE_TYPE_CAPTURE:
        i = index_of(capture_names, ARRAY_LEN(capture_names), text);
        trace->capture = i < 0 ? trace->capture : (enum trace_capture)i;
        break;
    case TRACE_TYPE_USAGE_SOURCE:
        i = index_of(usage_source_names, ARRAY_LEN(usage_source_names), text);
        trace->usage_source = i < 0 ? trace->usage_source : (enum trace_usage_source)i;
        break;
    case TRACE_TYPE_PRICE_STATUS:
        i = index_of(price_status_names, ARRAY_LEN(price_status_names), text);
        trace->price_status = i < 0 ? trace->price_status : (enum trace_price_status)i;
        break;
    case TRACE_TYPE_I64:
    case TRACE_TYPE_UNKNOWN:
    case TRACE_TYPE_COST:
    case TRACE_TYPE_INT:
    case TRACE_TYPE_BOOL:
    case TRACE_TYPE_HASH:
        break;
    }
}

static void take_i64(struct trace *trace, const struct trace_field *field, int64_t i64)
{
    void *at = (char *)trace + field->offset;

    switch (field->type) {
    case TRACE_TYPE_I64:
    case TRACE_TYPE_UNKNOWN:
    case TRACE_TYPE_COST:
        *(int64_t *)at = i64;
        break;
    case TRACE_TYPE_INT:
        *(int *)at = (int)i64;
        break;
    case TRACE_TYPE_BOOL:
        *(bool *)at = i64 != 0;
        break;
    case TRACE_TYPE_ID:
    case TRACE_TYPE_STR:
    case TRACE_TYPE_JSON:
    case TRACE_TYPE_CAPTURE:
    case TRACE_TYPE_USAGE_SOURCE:
    case TRACE_TYPE_PRICE_STATUS:
    case TRACE_TYPE_HASH:
        break;
    }
}

void trace_set(struct trace *trace, const struct trace_field *field,
               const struct trace_value *value)
{
    switch (value->kind) {
    case TRACE_VALUE_NULL:
        break;
    case TRACE_VALUE_I64:
        take_i64(trace, field, value->i64);
        break;
    case TRACE_VALUE_TEXT:
        take_text(trace, field, value->text);
        break;
    case TRACE_VALUE_BYTES:
        if (field->type == TRACE_TYPE_HASH) {
            hash_hex(value->bytes, sizeof(value->bytes), (char *)trace + field->offset);
        }
        break;
    }
}

/* JSON in JSON when it is whole, else the text of it: a provider's usage object may be anything. */
static void write_raw(struct buf *out, struct str json)
{
    yyjson_doc *doc = json_parse(json, NULL);

    if (doc) {
        json_write(out, yyjson_doc_get_root(doc)); /* minified: one line */
        yyjson_doc_free(doc);
    } else {
        buf_put_json(out, json);
    }
}

static void write_value(struct buf *out, const struct trace_field *field,
                        const struct trace_value *value)
{
    char hex[HASH_SHA256_HEX + 1];

    switch (value->kind) {
    case TRACE_VALUE_NULL:
        buf_puts(out, "null");
        break;
    case TRACE_VALUE_I64:
        if (field->type == TRACE_TYPE_BOOL) {
            buf_puts(out, value->i64 ? "true" : "false");
        } else {
            buf_put_i64(out, value->i64);
        }
        break;
    case TRACE_VALUE_TEXT:
        if (field->type == TRACE_TYPE_JSON) {
            write_raw(out, value->text);
        } else {
            buf_put_json(out, value->text);
        }
        break;
    case TRACE_VALUE_BYTES:
        hash_hex(value->bytes, sizeof(value->bytes), hex);
        buf_put_json(out, str_of(hex));
        break;
    }
}

void trace_write_json(const struct trace *trace, struct buf *out)
{
    struct trace_value value;
    char before = '{';

    for (const struct trace_field *f = trace_fields; f->name; f++) {
        trace_get(trace, f, &value);
        if (value.kind == TRACE_VALUE_NULL) {
            continue;
        }
        buf_putc(out, before);
        before = ',';
        buf_put_json(out, str_of(f->name));
        buf_putc(out, ':');
        write_value(out, f, &value);
    }
    buf_putc(out, '}');
}
