/* Reading a store: a connection of its own, over the driver that the URL names. */
#include "core/mem.h"
#include "store/blob.h"
#include "store/store.h"
#include "store/store_driver.h"
#include "store/store_internal.h"

struct store_reader {
    const struct store_driver *driver;
    struct store_db *db;
    struct blob_codec codec;
};

int store_reader_open(const char *url, struct store_reader **ret_reader, struct error *err)
{
    struct str path;
    const struct store_driver *driver = store_find_driver(str_of(url), &path, err);
    struct store_db *db = NULL;
    struct store_reader *reader;
    int rc = driver ? driver->open_reader(path, &db, err) : ERR_INVALID;

    if (rc < 0) {
        return rc;
    }
    reader = (struct store_reader *)x_calloc(1, sizeof(*reader));
    reader->driver = driver;
    reader->db = db;
    blob_codec_init(&reader->codec);
    *ret_reader = reader;
    return 0;
}

void store_reader_close(struct store_reader *reader)
{
    if (!reader) {
        return;
    }
    reader->driver->close(reader->db);
    blob_codec_release(&reader->codec);
    x_free(reader);
}

int store_list(struct store_reader *reader, const struct store_filter *filter,
               int (*fn)(void *ctx, const struct trace *trace), void *ctx, struct error *err)
{
    return reader->driver->list(reader->db, filter, fn, ctx, err);
}

/* The content with this name into `body`; gone is fine. */
static int load_body(struct store_reader *reader, const char *hex, struct buf *body,
                     struct error *err)
{
    struct hash_sha256 name;
    struct buf packed;
    int64_t size = 0;
    int rc;

    if (hash_sha256_parse(str_of(hex), &name) < 0) {
        return 0;
    }
    buf_init(&packed, BLOB_PACKED_BYTES_MAX);
    rc = reader->driver->get_blob(reader->db, &name, &packed, &size, err);
    if (rc == 0) {
        rc = blob_unpack(&reader->codec, buf_str(&packed), (uint64_t)size, &name, body, err);
    } else if (rc == ERR_NOT_FOUND) {
        rc = 0;
    }
    buf_release(&packed);
    return rc;
}

/* Hex digits in lower case into out, which holds TRACE_ID_HEX of them. */
static int check_id(struct str id, char *out, struct error *err)
{
    bool ok = id.n >= STORE_ID_PREFIX_MIN && id.n <= TRACE_ID_HEX;

    for (size_t i = 0; i < id.n && ok; i++) {
        char c = id.p[i];
        out[i] = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
        ok = (out[i] >= '0' && out[i] <= '9') || (out[i] >= 'a' && out[i] <= 'f');
    }
    if (!ok) {
        return error_set(err, ERR_INVALID, "`%.*s` is no trace id: expected %d to %d hex digits",
                         STR_ARG(str_head(id, 40)), STORE_ID_PREFIX_MIN, TRACE_ID_HEX);
    }
    return 0;
}

int store_get(struct store_reader *reader, struct str id, struct trace **ret_trace,
              struct error *err)
{
    struct trace *trace = NULL;
    char digits[TRACE_ID_HEX];
    int rc = check_id(id, digits, err);

    if (rc == 0) {
        rc = reader->driver->get(reader->db, str_make(digits, id.n), &trace, err);
    }
    if (rc == 0) {
        rc = load_body(reader, trace->request_blob, &trace->request_body, err);
    }
    if (rc == 0) {
        rc = load_body(reader, trace->response_blob, &trace->response_body, err);
    }
    if (rc < 0) {
        trace_free(trace);
        return rc;
    }
    *ret_trace = trace;
    return 0;
}

int store_charges(struct store_reader *reader, int64_t since_ms,
                  void (*fn)(void *ctx, const struct store_charge *charge), void *ctx,
                  struct error *err)
{
    return reader->driver->charges(reader->db, since_ms, fn, ctx, err);
}

int store_spend(struct store_reader *reader, unsigned groups, const struct store_filter *filter,
                int (*fn)(void *ctx, const struct store_spend *row), void *ctx, struct error *err)
{
    return reader->driver->spend(reader->db, groups, filter, fn, ctx, err);
}
