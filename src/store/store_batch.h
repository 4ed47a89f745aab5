#ifndef STORE_STORE_BATCH_H
#define STORE_STORE_BATCH_H

/*
 * A batch: the traces of one commit on their way from the ring into the database.
 *
 * It is filled from the ring, prepared (hashed, redacted, packed: this needs time but no disk), and
 * written (this needs the disk, perhaps several times). After preparing, a trace of which no
 * content is kept is a row in a block and nothing else: a batch that waits for a slow disk is
 * small. Used by one thread at a time.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/attr.h"
#include "core/error.h"
#include "store/blob.h"
#include "store/block.h"
#include "store/hash_memo.h"
#include "store/store.h"
#include "store/store_driver.h"
#include "store/trace.h"

struct batch {
    struct batch *next; /* for who queues them */
    size_t traces_n;    /* it was filled with */
    size_t bytes;       /* memory held, roughly: as trace_bytes says until it is prepared */

    /* private */
    struct trace *traces[STORE_BATCH_TRACES]; /* prepared: those with content that is kept */
    bool taken[STORE_BATCH_TRACES];
    size_t n;
    struct block *blocks; /* prepared: the rows of all others */
    size_t blocks_n, blocks_cap;
    size_t unfit; /* of those: never to be written */
};

/* What writing needs besides; the codec and the buffers are kept from batch to batch. */
struct batch_target {
    const struct store_driver *driver;
    struct store_db *db;
    struct blob_codec codec;
    struct buf packed;
    struct block block;
};

void batch_target_init(struct batch_target *target, const struct store_driver *driver,
                       struct store_db *db);
/* Does not close the database. */
void batch_target_release(struct batch_target *target);

struct batch *batch_new(void);
/* Accepts NULL. */
void batch_free(struct batch *batch);

/* Room for another one, by number and by bytes? */
bool batch_has_room(const struct batch *batch);
/* Takes over the trace; there must be room. */
void batch_add(struct batch *batch, struct trace *trace);
/* Once, when it is full. */
void batch_prepare(struct batch *batch, struct hash_memo *memo);

/* One attempt at all of it, in one transaction. *ret_bad counts the traces that can never be
 * written, the last of which *err tells about then; all others are. A negative code: none is, and
 * it may be tried `again`: a block that is there already is then one of a commit that had only
 * seemed to fail. */
MUST_CHECK int batch_write(struct batch *batch, struct batch_target *target, bool again,
                           size_t *ret_bad, struct error *err);

#endif
