#include "store/store_batch.h"

#include "core/hash.h"
#include "core/mem.h"
#include "store/capture.h"

/* Buffers that have grown beyond this are not kept. */
#define KEEP_BYTES (4u << 20)

void batch_target_init(struct batch_target *target, const struct store_driver *driver,
                       struct store_db *db)
{
    *target = (struct batch_target){.driver = driver, .db = db};
    blob_codec_init(&target->codec);
    buf_init(&target->packed, BLOB_PACKED_BYTES_MAX);
    block_init(&target->block);
}

void batch_target_release(struct batch_target *target)
{
    blob_codec_release(&target->codec);
    buf_release(&target->packed);
    block_release(&target->block);
}

struct batch *batch_new(void)
{
    return (struct batch *)x_calloc(1, sizeof(struct batch));
}

void batch_free(struct batch *batch)
{
    if (!batch) {
        return;
    }
    for (size_t i = 0; i < batch->n; i++) {
        trace_free(batch->traces[i]);
    }
    for (size_t i = 0; i < batch->blocks_n; i++) {
        block_release(&batch->blocks[i]);
    }
    x_free(batch->blocks);
    x_free(batch);
}

bool batch_has_room(const struct batch *batch)
{
    return batch->n < STORE_BATCH_TRACES && batch->bytes < STORE_BATCH_BYTES;
}

void batch_add(struct batch *batch, struct trace *trace)
{
    BUG_ON(batch->n == STORE_BATCH_TRACES);
    batch->traces[batch->n] = trace;
    batch->n++;
    batch->traces_n++;
    batch->bytes += trace_bytes(trace);
}

static bool has_content(const struct trace *trace)
{
    return trace->request_blob[0] != '\0' || trace->response_blob[0] != '\0';
}

static void keep_block(struct batch *batch, struct block *block)
{
    if (batch->blocks_n == batch->blocks_cap) {
        batch->blocks_cap = batch->blocks_cap ? batch->blocks_cap * 2 : 2;
        batch->blocks =
            (struct block *)x_realloc(batch->blocks, batch->blocks_cap * sizeof(*batch->blocks));
    }
    batch->blocks[batch->blocks_n] = *block;
    batch->blocks_n++;
    batch->bytes += block->bytes.cap;
}

/* The rows that stand for themselves. */
static void pack_rows(struct batch *batch)
{
    struct block block;
    size_t unfit = 0;

    block_init(&block);
    while (block_pack(&block, batch->traces, batch->taken, batch->n, &unfit)) {
        batch->unfit += unfit;
        if (block.rows > 0) {
            keep_block(batch, &block);
            block_init(&block);
        }
    }
    block_release(&block);
}

void batch_prepare(struct batch *batch, struct hash_memo *memo)
{
    size_t left = 0;

    batch->bytes = sizeof(*batch);
    for (size_t i = 0; i < batch->n; i++) {
        capture_apply(batch->traces[i], memo);
        batch->taken[i] = has_content(batch->traces[i]);
    }
    pack_rows(batch);
    for (size_t i = 0; i < batch->n; i++) {
        struct trace *trace = batch->traces[i];

        if (has_content(trace)) {
            batch->bytes += trace_bytes(trace);
            batch->traces[left] = trace;
            left++;
        } else {
            trace_free(trace);
        }
    }
    batch->n = left;
}

static int put_content(struct batch_target *target, struct str body, const char *hex,
                       int64_t used_ms, struct error *err)
{
    struct hash_sha256 name;
    bool found = false;
    int rc;

    if (hash_sha256_parse(str_of(hex), &name) < 0) {
        return 0; /* nothing is to be kept */
    }
    rc = target->driver->touch_blob(target->db, &name, used_ms, &found, err);
    if (rc < 0 || found) {
        return rc;
    }
    rc = blob_pack(&target->codec, body, &target->packed, err);
    if (rc < 0) {
        return ERR_INVALID; /* this row only */
    }
    return target->driver->put_blob(target->db, &name, buf_str(&target->packed), (int64_t)body.n,
                                    used_ms, err);
}

/* What is kept of the bodies. Rows come later: one whose content cannot be written is not written
 * either, and counted in *bad. */
static int put_contents(struct batch *batch, struct batch_target *target, size_t *bad,
                        struct error *err)
{
    for (size_t i = 0; i < batch->n; i++) {
        const struct trace *trace = batch->traces[i];
        int rc = put_content(target, buf_str(&trace->request_body), trace->request_blob,
                             trace->started_ms, err);

        if (rc == 0) {
            rc = put_content(target, buf_str(&trace->response_body), trace->response_blob,
                             trace->started_ms, err);
        }
        batch->taken[i] = rc == ERR_INVALID;
        *bad += rc == ERR_INVALID;
        if (rc < 0 && rc != ERR_INVALID) {
            return rc;
        }
    }
    return 0;
}

static int put_block(struct batch_target *target, const struct block *block, bool again,
                     size_t *bad, struct error *err)
{
    bool fresh = true;
    int rc = target->driver->put_block(target->db, block, &fresh, err);

    if (rc == 0 && !fresh && !again) {
        error_set(err, ERR_INVALID, "a trace with the id %s is there already", block->first_id);
        *bad += block->rows;
    }
    return rc;
}

/* Rows: those of the blocks, and those whose content was put. */
static int put_rows(struct batch *batch, struct batch_target *target, bool again, size_t *bad,
                    struct error *err)
{
    size_t unfit = batch->unfit, more = 0;
    int rc = 0;

    for (size_t i = 0; i < batch->blocks_n && rc == 0; i++) {
        rc = put_block(target, &batch->blocks[i], again, bad, err);
    }
    while (rc == 0 && block_pack(&target->block, batch->traces, batch->taken, batch->n, &more)) {
        unfit += more;
        if (target->block.rows > 0) {
            rc = put_block(target, &target->block, again, bad, err);
        }
    }
    if (rc == 0 && unfit > 0) {
        error_set(err, ERR_INVALID, "%zu traces have no id, or are too large", unfit);
    }
    *bad += unfit;
    return rc;
}

int batch_write(struct batch *batch, struct batch_target *target, bool again, size_t *ret_bad,
                struct error *err)
{
    size_t bad = 0;
    int rc = target->driver->begin(target->db, err);

    if (rc == 0) {
        rc = put_contents(batch, target, &bad, err);
    }
    if (rc == 0) {
        rc = put_rows(batch, target, again, &bad, err);
    }
    if (rc == 0) {
        rc = target->driver->commit(target->db, err);
    }
    if (target->packed.cap > KEEP_BYTES) {
        buf_release(&target->packed);
    }
    if (target->block.bytes.cap > KEEP_BYTES) {
        buf_release(&target->block.bytes);
    }
    if (rc < 0) {
        target->driver->rollback(target->db);
        return rc;
    }
    *ret_bad = bad;
    return 0;
}
