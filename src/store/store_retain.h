#ifndef STORE_STORE_RETAIN_H
#define STORE_STORE_RETAIN_H

/*
 * Retention: what is too old or too much leaves the store, and the file gets smaller.
 *
 * A pass goes through stages: rows too old; content unused for too long; the oldest of both while
 * the store is too large; then free pages go back to the file system and the log is cut. It
 * advances in small steps, each a transaction of bounded size, so that whoever writes traces
 * between two steps waits for milliseconds only, and a kill between two steps loses nothing.
 *
 * Pure logic over a driver: reads no clock.
 */
#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"
#include "store/store_driver.h"

#define RETAIN_STEP_ROWS  500
#define RETAIN_STEP_BYTES (8 << 20)
/* With max_bytes: this many rows in the first step, then as many as the excess takes. */
#define RETAIN_SIZE_ROWS 16
/* With max_bytes: delete down to this share of it, so that not every pass has to. */
#define RETAIN_FILL_PERCENT 95
/* Without: this much free space stays in the file for what comes next. */
#define RETAIN_SLACK_DIVISOR 32
#define RETAIN_SLACK_BYTES   (1 << 20)

enum retain_stage {
    RETAIN_DONE = 0,
    RETAIN_TRACES,     /* older than traces_ms */
    RETAIN_BLOBS,      /* unused for bodies_ms, or since before the oldest row that may be left */
    RETAIN_SIZE,       /* too large? then the oldest rows ... */
    RETAIN_SIZE_BLOBS, /* ... and the content as old as those */
    RETAIN_SHRINK,
    RETAIN_LOG
};

struct retain {
    enum retain_stage stage;
    struct store_retention limits;
    int64_t now_ms;
    bool over;                 /* RETAIN_SIZE: it was found too large in this pass */
    int64_t size_rows;         /* RETAIN_SIZE: rows of the next step */
    int64_t size_live_bytes;   /* RETAIN_SIZE: before the last step */
    int64_t size_before_ms;    /* RETAIN_SIZE_BLOBS: content last used before this goes */
    int64_t shrink_free_bytes; /* RETAIN_SHRINK: before the last step; -1 = first */
    uint64_t rows_deleted, blobs_deleted; /* in this pass */
};

/* Begins a pass; one that is under way is begun anew. */
void retain_start(struct retain *retain, const struct store_retention *limits, int64_t now_ms);

/* One step. The pass is over when stage is RETAIN_DONE afterwards; a failure ends it as well. */
MUST_CHECK int retain_step(struct retain *retain, const struct store_driver *driver,
                           struct store_db *db, struct error *err);

#endif
