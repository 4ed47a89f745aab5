#include "unit/store/suite.h"

#include "store/store_batch.h"

/* A database that remembers what it was asked, and fails when told to. */
struct fake {
    size_t begun, committed, rolled_back, blobs, blocks, rows;
    int begin_rc, blob_rc, commit_rc;
    bool stale; /* every block is there already */
};

static struct fake fake;

static int fake_begin(struct store_db *db, struct error *err)
{
    (void)db;
    fake.begun++;
    fake.blobs = fake.blocks = fake.rows = 0;
    return fake.begin_rc ? error_set(err, (enum err)fake.begin_rc, "begin") : 0;
}

static int fake_put_block(struct store_db *db, const struct block *block, bool *ret_fresh,
                          struct error *err)
{
    (void)db;
    (void)err;
    fake.blocks++;
    fake.rows += block->rows;
    *ret_fresh = !fake.stale;
    return 0;
}

static int fake_touch_blob(struct store_db *db, const struct hash_sha256 *name, int64_t used_ms,
                           bool *ret_found, struct error *err)
{
    (void)db;
    (void)name;
    (void)used_ms;
    (void)err;
    *ret_found = false;
    return 0;
}

static int fake_put_blob(struct store_db *db, const struct hash_sha256 *name, struct str packed,
                         int64_t size, int64_t used_ms, struct error *err)
{
    (void)db;
    (void)name;
    (void)packed;
    (void)size;
    (void)used_ms;
    fake.blobs++;
    return fake.blob_rc ? error_set(err, (enum err)fake.blob_rc, "blob") : 0;
}

static int fake_commit(struct store_db *db, struct error *err)
{
    (void)db;
    fake.committed++;
    return fake.commit_rc ? error_set(err, (enum err)fake.commit_rc, "commit") : 0;
}

static void fake_rollback(struct store_db *db)
{
    (void)db;
    fake.rolled_back++;
}

static const struct store_driver fake_driver = {
    .scheme = "fake",
    .begin = fake_begin,
    .put_block = fake_put_block,
    .touch_blob = fake_touch_blob,
    .put_blob = fake_put_blob,
    .commit = fake_commit,
    .rollback = fake_rollback,
};

struct scene {
    struct batch_target target;
    struct hash_memo *memo;
    struct batch *batch;
};

static void scene_make(struct scene *scene, size_t hashed, size_t full)
{
    fake = (struct fake){0};
    batch_target_init(&scene->target, &fake_driver, NULL);
    scene->memo = hash_memo_new();
    scene->batch = batch_new();
    for (size_t i = 0; i < hashed; i++) {
        batch_add(scene->batch, make_trace(5, TRACE_CAPTURE_HASHES, "{\"a\":1}", "x"));
    }
    for (size_t i = 0; i < full; i++) {
        batch_add(scene->batch, make_trace(5, TRACE_CAPTURE_FULL, "{\"a\":1}", "x"));
    }
    batch_prepare(scene->batch, scene->memo);
}

static void scene_end(struct scene *scene)
{
    batch_free(scene->batch);
    hash_memo_free(scene->memo);
    batch_target_release(&scene->target);
}

static void it_is_bounded_by_number_and_by_bytes(void **state)
{
    struct batch *batch = batch_new();

    (void)state;
    for (size_t i = 0; i < STORE_BATCH_TRACES; i++) {
        assert_true(batch_has_room(batch));
        batch_add(batch, make_trace(1, TRACE_CAPTURE_NONE, "", ""));
    }
    assert_false(batch_has_room(batch));
    assert_int_equal(batch->traces_n, STORE_BATCH_TRACES);
    batch_free(batch);
    batch = batch_new();
    struct trace *large = make_trace(1, TRACE_CAPTURE_NONE, "", "");
    assert_int_equal(buf_reserve(&large->response_body, STORE_BATCH_BYTES), 0);
    batch_add(batch, large);
    assert_false(batch_has_room(batch));
    batch_free(batch);
    batch_free(NULL);
}

static void rows_without_content_are_blocks_and_no_traces_any_more(void **state)
{
    struct scene scene;
    struct error err = {0};
    size_t bad = 7;

    (void)state;
    scene_make(&scene, 300, 0);
    assert_true(scene.batch->bytes < 300 * 200);
    assert_fine(batch_write(scene.batch, &scene.target, false, &bad, &err), err);
    assert_int_equal(bad, 0);
    assert_int_equal(fake.blocks, 2);
    assert_int_equal(fake.rows, 300);
    assert_int_equal(fake.blobs, 0);
    assert_int_equal(fake.committed, 1);
    scene_end(&scene);
}

static void content_is_written_with_its_rows(void **state)
{
    struct scene scene;
    struct error err = {0};
    size_t bad = 7;

    (void)state;
    scene_make(&scene, 3, 2);
    assert_fine(batch_write(scene.batch, &scene.target, false, &bad, &err), err);
    assert_int_equal(fake.blobs, 4);
    assert_int_equal(fake.blocks, 2);
    assert_int_equal(fake.rows, 5);
    assert_int_equal(bad, 0);
    scene_end(&scene);
}

static void a_failed_attempt_is_rolled_back_and_can_be_repeated(void **state)
{
    static const struct {
        struct fake fake;
    } rows[] = {
        {{.begin_rc = ERR_BUSY}},
        {{.blob_rc = ERR_IO}},
        {{.commit_rc = ERR_IO}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene scene;
        struct error err = {0};
        size_t bad = 7;

        scene_make(&scene, 3, 2);
        fake = rows[i].fake;
        assert_true(batch_write(scene.batch, &scene.target, false, &bad, &err) < 0);
        assert_int_equal(bad, 7);
        assert_int_equal(fake.rolled_back, 1);
        fake = (struct fake){0};
        assert_fine(batch_write(scene.batch, &scene.target, true, &bad, &err), err);
        assert_int_equal(bad, 0);
        assert_int_equal(fake.rows, 5);
        assert_int_equal(fake.blobs, 4);
        scene_end(&scene);
    }
}

static void content_that_can_never_be_written_takes_its_row_with_it(void **state)
{
    struct scene scene;
    struct error err = {0};
    size_t bad = 0;

    (void)state;
    scene_make(&scene, 3, 2);
    fake.blob_rc = ERR_INVALID;
    assert_fine(batch_write(scene.batch, &scene.target, false, &bad, &err), err);
    assert_int_equal(bad, 2);
    assert_int_equal(fake.rows, 3);
    scene_end(&scene);
}

static void a_block_that_is_there_counts_unless_it_is_our_own(void **state)
{
    struct scene scene;
    struct error err = {0};
    size_t bad = 0;

    (void)state;
    scene_make(&scene, 3, 2);
    fake.stale = true;
    assert_fine(batch_write(scene.batch, &scene.target, false, &bad, &err), err);
    assert_int_equal(bad, 5);
    assert_contains(err.text, "there already");
    assert_fine(batch_write(scene.batch, &scene.target, true, &bad, &err), err);
    assert_int_equal(bad, 0);
    scene_end(&scene);
}

static void a_row_that_cannot_be_packed_is_counted_at_each_attempt(void **state)
{
    struct scene scene;
    struct error err = {0};
    size_t bad = 0;

    (void)state;
    scene_make(&scene, 3, 0);
    batch_free(scene.batch);
    scene.batch = batch_new();
    for (int i = 0; i < 4; i++) {
        struct trace *trace =
            make_trace(5, i < 2 ? TRACE_CAPTURE_HASHES : TRACE_CAPTURE_FULL, "{}", "x");
        trace->id[0] = i % 2 ? 'x' : trace->id[0];
        batch_add(scene.batch, trace);
    }
    batch_prepare(scene.batch, scene.memo);
    for (int i = 0; i < 2; i++) {
        assert_fine(batch_write(scene.batch, &scene.target, i > 0, &bad, &err), err);
        assert_int_equal(bad, 2);
        assert_int_equal(fake.rows, 2);
        assert_contains(err.text, "2 traces have no id");
    }
    scene_end(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_bounded_by_number_and_by_bytes),
        cmocka_unit_test(rows_without_content_are_blocks_and_no_traces_any_more),
        cmocka_unit_test(content_is_written_with_its_rows),
        cmocka_unit_test(a_failed_attempt_is_rolled_back_and_can_be_repeated),
        cmocka_unit_test(content_that_can_never_be_written_takes_its_row_with_it),
        cmocka_unit_test(a_block_that_is_there_counts_unless_it_is_our_own),
        cmocka_unit_test(a_row_that_cannot_be_packed_is_counted_at_each_attempt),
    };

    return cmocka_run_group_tests_name("store/store_batch", tests, NULL, NULL);
}
