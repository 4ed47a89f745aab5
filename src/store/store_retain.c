#include "store/store_retain.h"

void retain_start(struct retain *retain, const struct store_retention *limits, int64_t now_ms)
{
    *retain = (struct retain){
        .stage = RETAIN_TRACES,
        .limits = *limits,
        .now_ms = now_ms,
        .size_rows = RETAIN_SIZE_ROWS,
        .shrink_free_bytes = -1,
    };
}

static int step_traces(struct retain *retain, const struct store_driver *driver,
                       struct store_db *db, struct error *err)
{
    struct store_deleted deleted = {0};
    int rc = 0;

    if (retain->limits.traces_ms > 0) {
        rc = driver->delete_traces(db, retain->now_ms - retain->limits.traces_ms, RETAIN_STEP_ROWS,
                                   &deleted, err);
    }
    retain->rows_deleted += (uint64_t)deleted.rows;
    if (deleted.rows == 0) {
        retain->stage = RETAIN_BLOBS;
    }
    return rc;
}

/* Content last used before this is of no use any more. */
static int64_t blobs_before_ms(const struct retain *retain)
{
    int64_t bodies_ms = retain->limits.bodies_ms;

    /* What is older than every row that is kept belongs to none of them. */
    if (retain->limits.traces_ms > 0 && (bodies_ms == 0 || retain->limits.traces_ms < bodies_ms)) {
        bodies_ms = retain->limits.traces_ms;
    }
    return bodies_ms > 0 ? retain->now_ms - bodies_ms - STORE_TOUCH_MS : INT64_MIN;
}

static int step_blobs(struct retain *retain, const struct store_driver *driver, struct store_db *db,
                      struct error *err)
{
    struct store_deleted deleted = {0};
    int64_t before_ms = blobs_before_ms(retain);
    int rc = 0;

    if (before_ms != INT64_MIN) {
        rc =
            driver->delete_blobs(db, before_ms, RETAIN_STEP_ROWS, RETAIN_STEP_BYTES, &deleted, err);
    }
    retain->blobs_deleted += (uint64_t)deleted.rows;
    if (deleted.rows == 0) {
        retain->stage = RETAIN_SIZE;
    }
    return rc;
}

/* The oldest rows, or content that belongs to no row when there is none left. */
static int delete_oldest(struct retain *retain, const struct store_driver *driver,
                         struct store_db *db, struct error *err)
{
    struct store_deleted deleted = {0};
    int rc = driver->delete_traces(db, INT64_MAX, retain->size_rows, &deleted, err);

    if (rc < 0) {
        return rc;
    }
    retain->rows_deleted += (uint64_t)deleted.rows;
    if (deleted.rows > 0) {
        retain->size_before_ms = deleted.newest_ms + 1;
        retain->stage = RETAIN_SIZE_BLOBS;
        return 0;
    }
    rc = driver->delete_blobs(db, INT64_MAX, RETAIN_STEP_ROWS, RETAIN_STEP_BYTES, &deleted, err);
    retain->blobs_deleted += (uint64_t)deleted.rows;
    if (deleted.rows == 0) {
        retain->stage = RETAIN_SHRINK;
    }
    return rc;
}

/* Few rows with large bodies or many without: the last step tells. Each may take a good part of
 * the excess and not much more than that. */
static void adapt_rows(struct retain *retain, int64_t live_bytes, int64_t excess_bytes)
{
    int64_t freed = retain->size_live_bytes - live_bytes;

    if (freed * 4 < excess_bytes) {
        retain->size_rows = retain->size_rows * 2;
    } else {
        retain->size_rows = retain->size_rows / 2;
    }
    if (retain->size_rows > RETAIN_STEP_ROWS) {
        retain->size_rows = RETAIN_STEP_ROWS;
    }
    if (retain->size_rows < 1) {
        retain->size_rows = 1;
    }
}

static int step_size(struct retain *retain, const struct store_driver *driver, struct store_db *db,
                     struct error *err)
{
    struct store_sizes sizes;
    int64_t max_bytes = retain->limits.max_bytes;
    int64_t aim_bytes = max_bytes / 100 * RETAIN_FILL_PERCENT;
    int rc = max_bytes > 0 ? driver->sizes(db, &sizes, err) : 0;

    if (rc < 0 || max_bytes <= 0 ||
        (!retain->over && sizes.live_bytes + sizes.log_bytes <= max_bytes)) {
        retain->stage = RETAIN_SHRINK;
        return rc;
    }
    if (!retain->over) {
        retain->over = true;
        retain->size_live_bytes = sizes.live_bytes;
        /* Perhaps it is the log alone. */
        return driver->empty_log(db, err);
    }
    if (sizes.live_bytes <= aim_bytes) {
        retain->stage = RETAIN_SHRINK;
        return 0;
    }
    if (retain->rows_deleted > 0) {
        adapt_rows(retain, sizes.live_bytes, sizes.live_bytes - aim_bytes);
    }
    retain->size_live_bytes = sizes.live_bytes;
    return delete_oldest(retain, driver, db, err);
}

static int step_size_blobs(struct retain *retain, const struct store_driver *driver,
                           struct store_db *db, struct error *err)
{
    struct store_deleted deleted = {0};
    int rc = driver->delete_blobs(db, retain->size_before_ms, RETAIN_STEP_ROWS, RETAIN_STEP_BYTES,
                                  &deleted, err);

    retain->blobs_deleted += (uint64_t)deleted.rows;
    if (deleted.rows == 0) {
        retain->stage = RETAIN_SIZE;
    }
    return rc;
}

static int step_shrink(struct retain *retain, const struct store_driver *driver,
                       struct store_db *db, struct error *err)
{
    struct store_sizes sizes;
    int64_t slack_bytes;
    int rc = driver->sizes(db, &sizes, err);

    if (rc < 0) {
        return rc;
    }
    slack_bytes = sizes.live_bytes / RETAIN_SLACK_DIVISOR + RETAIN_SLACK_BYTES;
    if (retain->limits.max_bytes > 0 &&
        sizes.live_bytes + slack_bytes + sizes.log_bytes > retain->limits.max_bytes) {
        slack_bytes = 0;
    }
    if (sizes.free_bytes <= slack_bytes || sizes.free_bytes == retain->shrink_free_bytes) {
        retain->stage = RETAIN_LOG;
        return 0;
    }
    retain->shrink_free_bytes = sizes.free_bytes;
    return driver->shrink(db, err);
}

static int step_log(struct retain *retain, const struct store_driver *driver, struct store_db *db,
                    struct error *err)
{
    bool changed =
        retain->rows_deleted > 0 || retain->blobs_deleted > 0 || retain->shrink_free_bytes >= 0;

    retain->stage = RETAIN_DONE;
    return changed ? driver->empty_log(db, err) : 0;
}

int retain_step(struct retain *retain, const struct store_driver *driver, struct store_db *db,
                struct error *err)
{
    int rc = 0;

    switch (retain->stage) {
    case RETAIN_DONE:
        break;
    case RETAIN_TRACES:
        rc = step_traces(retain, driver, db, err);
        break;
    case RETAIN_BLOBS:
        rc = step_blobs(retain, driver, db, err);
        break;
    case RETAIN_SIZE:
        rc = step_size(retain, driver, db, err);
        break;
    case RETAIN_SIZE_BLOBS:
        rc = step_size_blobs(retain, driver, db, err);
        break;
    case RETAIN_SHRINK:
        rc = step_shrink(retain, driver, db, err);
        break;
    case RETAIN_LOG:
        rc = step_log(retain, driver, db, err);
        break;
    }
    if (rc < 0) {
        retain->stage = RETAIN_DONE;
    }
    return rc;
}
