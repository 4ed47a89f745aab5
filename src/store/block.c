#include "store/block.h"

#include "core/hash.h"
#include "core/mem.h"

#define VERSION        1
#define HEAD_BYTES     3
#define VARINT_BYTES   10
#define BITMAP_BYTES   ((TRACE_FIELDS_MAX + 7) / 8)
#define ID_BYTES       (TRACE_ID_HEX / 2)
#define NUMBER_ROOM    (1 + HASH_SHA256_BYTES) /* the largest value that is no text */
#define TEXT_ROOM      (3 * VARINT_BYTES)      /* besides its bytes */
#define TEXT_BYTES_MAX BLOCK_BYTES_MAX

uint64_t block_check(struct str bytes)
{
    static const uint64_t key[2] = {UINT64_C(0x7765697220626c6f), UINT64_C(0x636b206f66207261)};

    return hash_sip(key, bytes);
}

static bool is_text(const struct trace_field *field)
{
    return field->type == TRACE_TYPE_STR || field->type == TRACE_TYPE_JSON;
}

static size_t count_fields(void)
{
    size_t n = 0;

    while (trace_fields[n].name) {
        n++;
    }
    return n;
}

int64_t block_span_start(int64_t ms)
{
    return ms - (int64_t)((uint64_t)ms % BLOCK_SPAN_MS); /* a power of two: right below zero too */
}

/* ---- packing ---- */

static unsigned char *put_varint(unsigned char *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) {
        *at++ = (unsigned char)(value | 0x80);
    }
    *at++ = (unsigned char)value;
    return at;
}

static uint64_t zigzag(uint64_t difference)
{
    return (difference << 1) ^ (0 - (difference >> 63));
}

static uint64_t number_of(const struct trace_field *field, const void *at)
{
    switch (field->type) {
    case TRACE_TYPE_I64:
    case TRACE_TYPE_UNKNOWN:
    case TRACE_TYPE_COST:
        return (uint64_t) * (const int64_t *)at;
    case TRACE_TYPE_INT:
        return (uint64_t)(int64_t) * (const int *)at;
    case TRACE_TYPE_BOOL:
        return *(const bool *)at;
    case TRACE_TYPE_CAPTURE:
        return *(const enum trace_capture *)at;
    case TRACE_TYPE_USAGE_SOURCE:
        return *(const enum trace_usage_source *)at;
    case TRACE_TYPE_PRICE_STATUS:
        return *(const enum trace_price_status *)at;
    case TRACE_TYPE_ID:
    case TRACE_TYPE_STR:
    case TRACE_TYPE_JSON:
    case TRACE_TYPE_HASH:
        break;
    }
    BUG_ON(true);
    return 0;
}

static bool is_enum(const struct trace_field *field)
{
    return field->type == TRACE_TYPE_CAPTURE || field->type == TRACE_TYPE_USAGE_SOURCE ||
           field->type == TRACE_TYPE_PRICE_STATUS;
}

static size_t common_head(struct str a, struct str b)
{
    size_t most = a.n < b.n ? a.n : b.n;
    size_t n = 0;

    while (n < most && a.p[n] == b.p[n]) {
        n++;
    }
    return n;
}

static size_t common_tail(struct str a, struct str b, size_t most)
{
    size_t n = 0;

    while (n < most && a.p[a.n - 1 - n] == b.p[b.n - 1 - n]) {
        n++;
    }
    return n;
}

static unsigned char *put_text(unsigned char *at, struct str text, struct str was)
{
    size_t head = common_head(text, was);
    size_t most = (text.n < was.n ? text.n : was.n) - head;
    size_t tail = common_tail(text, was, most);
    size_t n = text.n - head - tail;

    at = put_varint(at, head);
    at = put_varint(at, tail);
    at = put_varint(at, n);
    if (n > 0) {
        memcpy(at, text.p + head, n);
    }
    return at + n;
}

static unsigned char *put_hash(unsigned char *at, const char *hex)
{
    struct hash_sha256 hash;

    *at = hash_sha256_parse(str_of(hex), &hash) == 0;
    if (*at) {
        memcpy(at + 1, hash.bytes, sizeof(hash.bytes));
        return at + 1 + sizeof(hash.bytes);
    }
    return at + 1;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_id(const char *id)
{
    size_t n = 0;

    while (n < TRACE_ID_HEX && digit(id[n]) >= 0) {
        n++;
    }
    return n == TRACE_ID_HEX && id[n] == '\0';
}

static unsigned char *put_id(unsigned char *at, const char *id)
{
    for (size_t i = 0; i < ID_BYTES; i++) {
        at[i] = (unsigned char)(digit(id[2 * i]) * 16 + digit(id[2 * i + 1]));
    }
    return at + ID_BYTES;
}

/* The value when it differs; NULL when not. */
static unsigned char *put_field(unsigned char *at, const struct trace_field *field,
                                const struct trace *trace, const struct trace *before)
{
    const char *now = (const char *)trace + field->offset;
    const char *was = (const char *)before + field->offset;

    if (is_text(field)) {
        struct str a = *(const struct str *)(const void *)now;
        struct str b = *(const struct str *)(const void *)was;
        return str_eq(a, b) ? NULL : put_text(at, a, b);
    }
    if (field->type == TRACE_TYPE_ID) {
        return put_id(at, now);
    }
    if (field->type == TRACE_TYPE_HASH) {
        return memcmp(now, was, HASH_SHA256_HEX + 1) == 0 ? NULL : put_hash(at, now);
    }
    uint64_t a = number_of(field, now), b = number_of(field, was);
    if (a == b) {
        return NULL;
    }
    return put_varint(at, is_enum(field) ? a : zigzag(a - b));
}

/* An upper bound. */
static size_t row_room(const struct trace *trace, size_t fields)
{
    size_t room = BITMAP_BYTES;

    for (size_t i = 0; i < fields; i++) {
        const void *at = (const char *)trace + trace_fields[i].offset;
        room += is_text(&trace_fields[i]) ? TEXT_ROOM + ((const struct str *)at)->n : NUMBER_ROOM;
    }
    return room;
}

static void put_row(struct buf *out, size_t fields, const struct trace *trace,
                    const struct trace *before)
{
    unsigned char *bitmap = (unsigned char *)out->p + out->n;
    unsigned char *at = bitmap + (fields + 7) / 8;

    memset(bitmap, 0, (fields + 7) / 8);
    for (size_t i = 0; i < fields; i++) {
        unsigned char *end = put_field(at, &trace_fields[i], trace, before);
        if (end) {
            bitmap[i / 8] |= (unsigned char)(1u << (i % 8));
            at = end;
        }
    }
    out->n += (size_t)(at - bitmap);
}

void block_init(struct block *block)
{
    *block = (struct block){.rows = 0};
    buf_init(&block->bytes, BLOCK_BYTES_MAX);
}

void block_release(struct block *block)
{
    buf_release(&block->bytes);
}

static void widen(struct block *block, const struct trace *trace)
{
    if (block->rows == 0 || trace->started_ms < block->first_ms) {
        block->first_ms = trace->started_ms;
    }
    if (block->rows == 0 || trace->started_ms > block->last_ms) {
        block->last_ms = trace->started_ms;
    }
    if (block->rows == 0 || strcmp(trace->id, block->first_id) < 0) {
        memcpy(block->first_id, trace->id, sizeof(block->first_id));
    }
    if (block->rows == 0 || strcmp(trace->id, block->last_id) > 0) {
        memcpy(block->last_id, trace->id, sizeof(block->last_id));
    }
    block->rows++;
}

static bool same_span(const struct trace *a, const struct trace *b)
{
    return block_span_start(a->started_ms) == block_span_start(b->started_ms) &&
           memcmp(a->id, b->id, BLOCK_ID_SHARED) == 0;
}

/* One block under way. */
struct packing {
    struct block *block;
    size_t fields;
    struct trace *empty;
    const struct trace *before; /* the row before, or the empty one */
    size_t content;             /* bytes of the bodies */
};

#define HEAD_GAP (HEAD_BYTES + 2 * VARINT_BYTES)

static void packing_begin(struct packing *packing, struct block *block)
{
    *packing = (struct packing){.block = block, .fields = count_fields(), .empty = trace_new()};
    packing->before = packing->empty;
    block->rows = 0;
    buf_clear(&block->bytes);
    (void)buf_reserve(&block->bytes, HEAD_GAP); /* far below the maximum */
    block->bytes.n = HEAD_GAP;
}

/* False when this row can not be packed. */
static bool packing_add(struct packing *packing, const struct trace *trace)
{
    struct buf *bytes = &packing->block->bytes;

    if (!is_id(trace->id) ||
        buf_reserve(bytes, row_room(trace, packing->fields) + BLOCK_CHECK_BYTES) < 0) {
        return false;
    }
    put_row(bytes, packing->fields, trace, packing->before);
    widen(packing->block, trace);
    packing->content += trace->request_body.n + trace->response_body.n;
    packing->before = trace;
    return true;
}

/* The head stands in front of what is packed, and its length depends on the number of rows. */
static void packing_end(struct packing *packing)
{
    struct buf *bytes = &packing->block->bytes;
    unsigned char head[HEAD_GAP] = {'w', 'b', VERSION};
    unsigned char *end =
        put_varint(put_varint(head + HEAD_BYTES, packing->fields), packing->block->rows);
    size_t n = (size_t)(end - head);
    uint64_t check;

    memcpy(bytes->p + HEAD_GAP - n, head, n);
    buf_consume(bytes, HEAD_GAP - n);
    check = block_check(buf_str(bytes));
    for (size_t i = 0; i < BLOCK_CHECK_BYTES; i++) {
        (void)buf_putc(bytes, (char)(check >> (8 * i)));
    }
    trace_free(packing->empty);
}

static bool has_room(const struct packing *packing)
{
    return packing->block->rows < BLOCK_ROWS_MAX && packing->block->bytes.n < BLOCK_BYTES_AIM &&
           packing->content < BLOCK_CONTENT_BYTES;
}

bool block_pack(struct block *block, struct trace *const *traces, bool *taken, size_t n,
                size_t *ret_bad)
{
    struct packing packing;
    size_t bad = 0;
    bool any = false;

    packing_begin(&packing, block);
    for (size_t i = 0; i < n && has_room(&packing); i++) {
        if (!taken[i] && (block->rows == 0 || same_span(traces[i], packing.before))) {
            taken[i] = true;
            any = true;
            bad += !packing_add(&packing, traces[i]);
        }
    }
    packing_end(&packing);
    *ret_bad = bad;
    return any;
}

bool block_pack_all(struct block *block, struct trace *const *traces, size_t n)
{
    struct packing packing;
    bool ok = n <= BLOCK_ROWS_MAX;

    packing_begin(&packing, block);
    for (size_t i = 0; i < n && ok; i++) {
        ok = packing_add(&packing, traces[i]);
    }
    packing_end(&packing);
    return ok;
}

/* ---- reading ---- */

void block_reader_init(struct block_reader *reader)
{
    *reader = (struct block_reader){.rest = STR_EMPTY};
    for (size_t i = 0; i < TRACE_FIELDS_MAX; i++) {
        buf_init(&reader->values[i], TEXT_BYTES_MAX);
    }
}

void block_reader_release(struct block_reader *reader)
{
    for (size_t i = 0; i < TRACE_FIELDS_MAX; i++) {
        buf_release(&reader->values[i]);
    }
    trace_free(reader->row);
    reader->row = NULL;
}

static int refuse(struct error *err, const char *what)
{
    return error_set(err, ERR_INVALID, "a block of traces is damaged: %s", what);
}

/* The next n bytes, or NULL when there are not that many. */
static const unsigned char *take(struct str *rest, uint64_t n)
{
    const unsigned char *at = (const unsigned char *)rest->p;

    if (n > rest->n) {
        return NULL;
    }
    *rest = str_from(*rest, (size_t)n);
    return at;
}

static bool take_varint(struct str *rest, uint64_t *ret_value)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        const unsigned char *byte = take(rest, 1);
        if (!byte || (shift == 63 && *byte > 1)) {
            return false;
        }
        value |= (uint64_t)(*byte & 0x7f) << shift;
        if (*byte < 0x80) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static bool take_head(struct str *rest, uint64_t *ret_fields, uint64_t *ret_rows)
{
    const unsigned char *head = take(rest, HEAD_BYTES);

    return head && head[0] == 'w' && head[1] == 'b' && head[2] == VERSION &&
           take_varint(rest, ret_fields) && take_varint(rest, ret_rows);
}

int block_reader_start(struct block_reader *reader, struct str bytes, struct error *err)
{
    uint64_t fields = 0, rows = 0, check = 0;
    struct str rest;

    if (bytes.n < BLOCK_CHECK_BYTES) {
        return refuse(err, "too short");
    }
    rest = str_head(bytes, bytes.n - BLOCK_CHECK_BYTES);
    for (size_t i = 0; i < BLOCK_CHECK_BYTES; i++) {
        check |= (uint64_t)(unsigned char)bytes.p[rest.n + i] << (8 * i);
    }
    if (check != block_check(rest)) {
        return refuse(err, "its checksum is wrong");
    }
    if (!take_head(&rest, &fields, &rows)) {
        return refuse(err, "its head is unknown");
    }
    if (fields > count_fields() || rows > BLOCK_ROWS_MAX) {
        return error_set(err, ERR_INVALID, "a block of traces was written by a newer weir");
    }
    trace_free(reader->row);
    reader->row = trace_new();
    for (size_t i = 0; i < fields; i++) {
        buf_clear(&reader->values[i]);
    }
    reader->rest = rest;
    reader->fields = (size_t)fields;
    reader->rows_left = (size_t)rows;
    return 0;
}

/* Changes the middle of a value; its head and its tail stay. */
static bool take_text(struct str *rest, struct buf *value)
{
    uint64_t head, tail, n;
    const unsigned char *bytes;

    if (!take_varint(rest, &head) || !take_varint(rest, &tail) || !take_varint(rest, &n) ||
        head > value->n || tail > value->n - head) {
        return false;
    }
    bytes = take(rest, n);
    if (!bytes || buf_reserve(value, (size_t)n) < 0) {
        return false;
    }
    if (value->p) {
        memmove(value->p + head + n, value->p + value->n - tail, (size_t)tail);
        memcpy(value->p + head, bytes, (size_t)n);
    }
    value->n = (size_t)(head + n + tail);
    return true;
}

static bool take_enum(const struct trace_field *field, void *at, uint64_t value)
{
    if (field->type == TRACE_TYPE_CAPTURE && value <= TRACE_CAPTURE_FULL) {
        *(enum trace_capture *)at = (enum trace_capture)value;
    } else if (field->type == TRACE_TYPE_USAGE_SOURCE && value <= TRACE_USAGE_ESTIMATED) {
        *(enum trace_usage_source *)at = (enum trace_usage_source)value;
    } else if (field->type == TRACE_TYPE_PRICE_STATUS && value <= TRACE_NO_CHARGE) {
        *(enum trace_price_status *)at = (enum trace_price_status)value;
    } else {
        return false;
    }
    return true;
}

static bool take_number(struct str *rest, const struct trace_field *field, void *at)
{
    uint64_t value;

    if (!take_varint(rest, &value)) {
        return false;
    }
    if (is_enum(field)) {
        return take_enum(field, at, value);
    }
    value = number_of(field, at) + ((value >> 1) ^ (0 - (value & 1)));
    if (field->type == TRACE_TYPE_INT) {
        *(int *)at = (int)(int64_t)value;
        return (uint64_t)(int64_t) * (int *)at == value;
    }
    if (field->type == TRACE_TYPE_BOOL) {
        *(bool *)at = value == 1;
        return value <= 1;
    }
    *(int64_t *)at = (int64_t)value;
    return true;
}

static bool take_hash(struct str *rest, char *out)
{
    const unsigned char *kind = take(rest, 1);
    const unsigned char *bytes;

    if (!kind || *kind > 1) {
        return false;
    }
    if (*kind == 0) {
        memset(out, 0, HASH_SHA256_HEX + 1);
        return true;
    }
    bytes = take(rest, HASH_SHA256_BYTES);
    if (bytes) {
        hash_hex(bytes, HASH_SHA256_BYTES, out);
    }
    return bytes != NULL;
}

static bool take_field(struct block_reader *reader, size_t i)
{
    const struct trace_field *field = &trace_fields[i];
    void *at = (char *)reader->row + field->offset;

    if (is_text(field)) {
        bool ok = take_text(&reader->rest, &reader->values[i]);
        *(struct str *)at = buf_str(&reader->values[i]);
        return ok;
    }
    if (field->type == TRACE_TYPE_ID) {
        const unsigned char *bytes = take(&reader->rest, ID_BYTES);
        if (bytes) {
            hash_hex(bytes, ID_BYTES, (char *)at);
        }
        return bytes != NULL;
    }
    return field->type == TRACE_TYPE_HASH ? take_hash(&reader->rest, (char *)at)
                                          : take_number(&reader->rest, field, at);
}

int block_reader_next(struct block_reader *reader, const struct trace **ret_row, struct error *err)
{
    const unsigned char *bitmap;

    if (reader->rows_left == 0) {
        return reader->rest.n == 0 ? 0 : refuse(err, "there is more behind its last row");
    }
    bitmap = take(&reader->rest, (reader->fields + 7) / 8);
    for (size_t i = 0; bitmap && i < reader->fields; i++) {
        if ((bitmap[i / 8] >> (i % 8) & 1) && !take_field(reader, i)) {
            bitmap = NULL;
        }
    }
    if (!bitmap) {
        reader->rows_left = 0;
        reader->rest = STR_EMPTY;
        return refuse(err, "a row is not whole");
    }
    reader->rows_left--;
    *ret_row = reader->row;
    return 1;
}
