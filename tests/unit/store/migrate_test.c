#include "unit/store/suite.h"

#include "store/migrate.h"

/* A database that writes down what is asked of it. */
struct fake {
    int version;
    int version_in_transaction; /* what another process has made of it by then; -1 = the same */
    const char *fails_at;       /* SQL that fails, or "commit" */
    bool open;                  /* a transaction is */
    char said[512];
};

static void say(struct fake *fake, const char *text)
{
    size_t n = strlen(fake->said);

    snprintf(fake->said + n, sizeof(fake->said) - n, "%s%s", n ? " " : "", text);
}

static int fake_begin(void *ctx, struct error *err)
{
    struct fake *fake = (struct fake *)ctx;

    (void)err;
    say(fake, "begin");
    fake->open = true;
    if (fake->version_in_transaction >= 0) {
        fake->version = fake->version_in_transaction;
    }
    return 0;
}

static int fake_exec(void *ctx, const char *sql, struct error *err)
{
    struct fake *fake = (struct fake *)ctx;

    say(fake, sql);
    if (fake->fails_at && strcmp(fake->fails_at, sql) == 0) {
        return error_set(err, ERR_IO, "disk full");
    }
    return 0;
}

static int fake_version(void *ctx, int *ret_version, struct error *err)
{
    (void)err;
    *ret_version = ((struct fake *)ctx)->version;
    return 0;
}

static int fake_set_version(void *ctx, int version, struct error *err)
{
    struct fake *fake = (struct fake *)ctx;

    (void)err;
    assert_true(fake->open);
    fake->version = version;
    say(fake, "set");
    return 0;
}

static int fake_commit(void *ctx, struct error *err)
{
    struct fake *fake = (struct fake *)ctx;

    say(fake, "commit");
    if (fake->fails_at && strcmp(fake->fails_at, "commit") == 0) {
        return error_set(err, ERR_BUSY, "locked");
    }
    fake->open = false;
    return 0;
}

static void fake_rollback(void *ctx)
{
    say((struct fake *)ctx, "rollback");
    ((struct fake *)ctx)->open = false;
}

static const struct migration three[] = {
    {1, "one",   "A" },
    {2, "two",   "B" },
    {3, "three", "C" },
    {0, NULL,    NULL}
};

static int run(struct fake *fake, int *ret_from, struct error *err)
{
    struct migrate_target target = {
        .ctx = fake,
        .name = "t.db",
        .begin = fake_begin,
        .exec = fake_exec,
        .version = fake_version,
        .set_version = fake_set_version,
        .commit = fake_commit,
        .rollback = fake_rollback,
    };

    return migrate_run(three, &target, ret_from, err);
}

static void what_is_missing_runs_in_order_in_one_transaction(void **state)
{
    static const struct {
        int version;
        const char *said;
    } rows[] = {
        {0, "begin A B C set commit"},
        {1, "begin B C set commit"  },
        {2, "begin C set commit"    },
        {3, ""                      },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake fake = {.version = rows[i].version, .version_in_transaction = -1};
        struct error err = {0};
        int from = -1;

        assert_fine(run(&fake, &from, &err), err);
        assert_string_equal(fake.said, rows[i].said);
        assert_int_equal(fake.version, 3);
        assert_int_equal(from, rows[i].version);
    }
}

static void a_newer_store_is_refused_and_not_touched(void **state)
{
    struct fake fake = {.version = 4, .version_in_transaction = -1};
    struct error err = {0};

    (void)state;
    assert_int_equal(run(&fake, NULL, &err), ERR_INVALID);
    assert_contains(err.text, "t.db has schema version 4");
    assert_contains(err.text, "up to 3");
    assert_contains(err.text, "newer weir");
    assert_null(strstr(fake.said, "set"));
    assert_false(fake.open);
}

static void a_failure_rolls_everything_back(void **state)
{
    struct fake fake = {.version = 1, .version_in_transaction = -1, .fails_at = "C"};
    struct error err = {0};
    int from = -7;

    (void)state;
    assert_int_equal(run(&fake, &from, &err), ERR_IO);
    assert_string_equal(fake.said, "begin B C rollback");
    assert_contains(err.text, "migration 3 (three)");
    assert_contains(err.text, "disk full");
    assert_int_equal(from, -7);

    fake = (struct fake){.version = 2, .version_in_transaction = -1, .fails_at = "commit"};
    assert_int_equal(run(&fake, NULL, &err), ERR_BUSY);
    assert_string_equal(fake.said, "begin C set commit rollback");
}

static void another_process_may_have_migrated_first(void **state)
{
    struct fake fake = {.version = 0, .version_in_transaction = 3};
    struct error err = {0};

    (void)state;
    assert_fine(run(&fake, NULL, &err), err);
    assert_string_equal(fake.said, "begin commit");

    fake = (struct fake){.version = 0, .version_in_transaction = 5};
    assert_int_equal(run(&fake, NULL, &err), ERR_INVALID);
    assert_string_equal(fake.said, "begin rollback");
}

static void readers_are_told_what_to_do(void **state)
{
    struct error err = {0};

    (void)state;
    assert_int_equal(migrate_check(three, 3, "t.db", &err), 0);
    assert_int_equal(migrate_check(three, 2, "t.db", &err), ERR_INVALID);
    assert_contains(err.text, "weir serve");
    assert_int_equal(migrate_check(three, 4, "t.db", &err), ERR_INVALID);
    assert_contains(err.text, "newer weir");
}

static void the_list_is_numbered_without_gaps(void **state)
{
    int n = 0;

    (void)state;
    for (const struct migration *m = migrations; m->number; m++) {
        n++;
        assert_int_equal(m->number, n);
        assert_true(strlen(m->name) > 0);
        assert_true(strlen(m->sql) > 0);
    }
    assert_int_equal(migrate_latest(migrations), n);
    assert_true(n >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_missing_runs_in_order_in_one_transaction),
        cmocka_unit_test(a_newer_store_is_refused_and_not_touched),
        cmocka_unit_test(a_failure_rolls_everything_back),
        cmocka_unit_test(another_process_may_have_migrated_first),
        cmocka_unit_test(readers_are_told_what_to_do),
        cmocka_unit_test(the_list_is_numbered_without_gaps),
    };

    return cmocka_run_group_tests_name("store/migrate", tests, NULL, NULL);
}
