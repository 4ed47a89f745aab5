#include "sim/sim_record.h"

#include "core/attr.h"
#include "core/hash.h"

/* Digits of a key's hash that are told, and characters of its end. */
#define KEY_HASH_SHOWN 12
#define KEY_END_SHOWN  4

void sim_records_init(struct sim_records *records)
{
    *records = (struct sim_records){.last = 0};
    for (size_t i = 0; i < SIM_RECORDS_MAX; i++) {
        buf_init(&records->ring[i].head, SIM_RECORD_HEAD_MAX);
        buf_init(&records->ring[i].body, SIM_RECORD_BODY_MAX);
    }
}

void sim_records_release(struct sim_records *records)
{
    for (size_t i = 0; i < SIM_RECORDS_MAX; i++) {
        buf_release(&records->ring[i].head);
        buf_release(&records->ring[i].body);
    }
}

void sim_records_reset(struct sim_records *records)
{
    for (size_t i = 0; i < SIM_RECORDS_MAX; i++) {
        records->ring[i].number = 0;
    }
}

static void keep_part(struct buf *head, struct str part)
{
    buf_put_str(head, part);
    buf_putc(head, '\0');
}

uint64_t sim_records_add(struct sim_records *records, const struct server_request *request,
                         const char *route)
{
    uint64_t number = ++records->last;
    struct sim_record *r = &records->ring[number % SIM_RECORDS_MAX];
    struct buf head = r->head;
    struct buf body = r->body;

    *r = (struct sim_record){.number = number, .route = route, .head = head, .body = body};
    buf_clear(&r->head);
    buf_clear(&r->body);
    keep_part(&r->head, request->head.method);
    keep_part(&r->head, request->head.target);
    for (size_t i = 0; i < request->head.header_count; i++) {
        keep_part(&r->head, request->head.headers[i].name);
        keep_part(&r->head, request->head.headers[i].value);
    }
    r->body_bytes = request->body.n;
    buf_put_str(&r->body, str_head(buf_str(&request->body), SIM_RECORD_BODY_MAX));
    return number;
}

struct sim_record *sim_records_get(struct sim_records *records, uint64_t number)
{
    struct sim_record *r = &records->ring[number % SIM_RECORDS_MAX];
    return number > 0 && r->number == number ? r : NULL;
}

/* ---- writing ---- */

static struct str next_part(struct str *rest)
{
    return str_split(rest, '\0');
}

static bool is_credential(struct str name)
{
    return str_eq_nocase(name, STR("authorization")) || str_eq_nocase(name, STR("x-api-key")) ||
           str_eq_nocase(name, STR("api-key")) || str_eq_nocase(name, STR("proxy-authorization"));
}

/* "Bearer ...cdef", so that a test can tell keys apart and a reader learns none. */
static void put_masked(struct str value, struct buf *out)
{
    bool bearer = str_starts_nocase(value, STR("Bearer "));
    struct str key = str_trim(bearer ? str_from(value, 7) : value);
    struct str end = key.n > 2 * KEY_END_SHOWN ? str_from(key, key.n - KEY_END_SHOWN) : STR_EMPTY;

    buf_putf(out, "\"%s...", bearer ? "Bearer " : "");
    for (size_t i = 0; i < end.n; i++) {
        unsigned char c = (unsigned char)end.p[i];
        buf_putc(out, c > ' ' && c < 0x7f && c != '"' && c != '\\' ? (char)c : '?');
    }
    buf_putc(out, '"');
}

static void put_key_hash(struct str value, struct buf *out)
{
    struct hash_sha256 hash;
    char hex[HASH_SHA256_HEX + 1];
    bool bearer = str_starts_nocase(value, STR("Bearer "));

    hash_sha256(str_trim(bearer ? str_from(value, 7) : value), &hash);
    hash_sha256_hex(&hash, hex);
    buf_putf(out, "\"%.*s\"", KEY_HASH_SHOWN, hex);
}

static void put_headers(struct str parts, struct buf *out)
{
    struct str credential = {NULL, 0};
    buf_puts(out, ",\"headers\":{");
    for (bool first = true; parts.n > 0; first = false) {
        struct str name = next_part(&parts);
        struct str value = next_part(&parts);
        buf_puts(out, first ? "" : ",");
        buf_put_json(out, name);
        buf_putc(out, ':');
        if (is_credential(name)) {
            credential = value;
            put_masked(value, out);
        } else {
            buf_put_json(out, value);
        }
    }
    buf_puts(out, "},\"key_hash\":");
    if (credential.p) {
        put_key_hash(credential, out);
    } else {
        buf_puts(out, "null");
    }
}

/* The members that both forms have. */
static void put_summary(const struct sim_record *r, struct buf *out)
{
    static const uint64_t body_key[2] = {0, 0};
    struct str rest = buf_str(&r->head);
    struct str method = next_part(&rest);
    struct str target = next_part(&rest);

    buf_putf(out, "\"number\":%llu,\"route\":\"%s\",\"method\":", (unsigned long long)r->number,
             r->route);
    buf_put_json(out, method);
    buf_puts(out, ",\"path\":");
    buf_put_json(out, target);
    buf_putf(out,
             ",\"status\":%d,\"stream\":%s,\"done\":%s,\"cancelled\":%s,\"input_tokens\":%lld,"
             "\"output_tokens\":%lld,\"events\":%lld,\"body_bytes\":%llu,\"body_hash\":\"%016llx\"",
             r->status, r->stream ? "true" : "false", r->done ? "true" : "false",
             r->cancelled ? "true" : "false", (long long)r->input_tokens,
             (long long)r->output_tokens, (long long)r->events, (unsigned long long)r->body_bytes,
             (unsigned long long)hash_sip(body_key, buf_str(&r->body)));
}

bool sim_records_write(struct sim_records *records, uint64_t back, struct buf *out)
{
    struct sim_record *r =
        back < records->last ? sim_records_get(records, records->last - back) : NULL;
    if (!r) {
        return false;
    }
    struct str rest = buf_str(&r->head);
    next_part(&rest);
    next_part(&rest);
    buf_putc(out, '{');
    put_summary(r, out);
    put_headers(rest, out);
    buf_puts(out, ",\"body\":");
    buf_put_json(out, buf_str(&r->body));
    buf_putc(out, '}');
    return true;
}

void sim_records_list(struct sim_records *records, struct buf *out)
{
    bool first = true;
    buf_putc(out, '[');
    for (uint64_t back = 0; back < records->last && back < SIM_RECORDS_MAX; back++) {
        const struct sim_record *r = sim_records_get(records, records->last - back);
        if (r) {
            buf_puts(out, first ? "{" : ",{");
            put_summary(r, out);
            buf_putc(out, '}');
            first = false;
        }
    }
    buf_putc(out, ']');
}
