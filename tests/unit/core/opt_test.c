#include "unit/core/suite.h"

#include "core/opt.h"

struct target {
    bool verbose;
    bool quiet;
    const char *by;
    int64_t count;
    double rate;
    int64_t wait_ms;
    struct opt_texts headers;
};

static const struct opt opts[] = {
    {"verbose", 'v', OPT_FLAG,     offsetof(struct target, verbose), NULL,     "say more", 0, 0    },
    {"quiet",   'q', OPT_FLAG,     offsetof(struct target, quiet),   NULL,     "say less", 0, 0    },
    {"by",      0,   OPT_TEXT,     offsetof(struct target, by),      "COLUMN", "group",    0, 0    },
    {"count",   'n', OPT_I64,      offsetof(struct target, count),   "N",      "how many", 1, 100  },
    {"rate",    'r', OPT_DOUBLE,   offsetof(struct target, rate),    "R",      "share",    0, 1    },
    {"wait",    'w', OPT_DURATION, offsetof(struct target, wait_ms), "TIME",   "wait",     1, 60000},
    {"header",  'H', OPT_REPEATED, offsetof(struct target, headers), "H",      "header",   0, 0    },
};

#define ARGS_MAX 200

static int parse(const char *const *argv, struct target *target, struct opt_texts *positional,
                 struct error *err)
{
    int argc = 0;

    while (argv[argc]) {
        argc++;
    }
    *target = (struct target){.by = "nothing", .count = 10};
    *positional = (struct opt_texts){.n = 0};
    return opt_parse(argc, argv, opts, ARRAY_LEN(opts), target, positional, err);
}

static void defaults_stay_where_nothing_is_given(void **state)
{
    const char *const argv[] = {NULL};
    struct target t;
    struct opt_texts p;

    (void)state;
    assert_int_equal(parse(argv, &t, &p, NULL), 0);
    assert_string_equal(t.by, "nothing");
    assert_int_equal(t.count, 10);
    assert_int_equal(p.n, 0);
}

static void every_type_is_read(void **state)
{
    const char *const argv[] = {"--verbose",   "--by",   "tenant", "--count=5", "first",
                                "--rate=0.25", "--wait", "10s",    "--header",  "a",
                                "-H",          "b=c",    "second", "-",         NULL};
    struct target t;
    struct opt_texts p;

    (void)state;
    assert_int_equal(parse(argv, &t, &p, NULL), 0);
    assert_true(t.verbose);
    assert_false(t.quiet);
    assert_string_equal(t.by, "tenant");
    assert_int_equal(t.count, 5);
    assert_true(t.rate == 0.25);
    assert_int_equal(t.wait_ms, 10000);
    assert_int_equal(t.headers.n, 2);
    assert_string_equal(t.headers.items[1], "b=c");
    assert_int_equal(p.n, 3);
    assert_string_equal(p.items[0], "first");
    assert_string_equal(p.items[2], "-");
}

static void letters_may_stand_together(void **state)
{
    const char *const argv[] = {"-vqn7", "-n", "8", "-w250ms", NULL};
    struct target t;
    struct opt_texts p;

    (void)state;
    assert_int_equal(parse(argv, &t, &p, NULL), 0);
    assert_true(t.verbose && t.quiet);
    assert_int_equal(t.count, 8);
    assert_int_equal(t.wait_ms, 250);
}

static void two_dashes_end_the_options(void **state)
{
    const char *const argv[] = {"-v", "--", "--by", "-x", "--", NULL};
    struct target t;
    struct opt_texts p;

    (void)state;
    assert_int_equal(parse(argv, &t, &p, NULL), 0);
    assert_int_equal(p.n, 3);
    assert_string_equal(p.items[0], "--by");
    assert_string_equal(p.items[2], "--");
    assert_string_equal(t.by, "nothing");
}

static void a_value_may_look_like_an_option_or_be_empty(void **state)
{
    const char *const argv[] = {"--by", "--count", "--by=", NULL};
    const char *const taken[] = {"--by", "--count", NULL};
    struct target t;
    struct opt_texts p;

    (void)state;
    assert_int_equal(parse(taken, &t, &p, NULL), 0);
    assert_string_equal(t.by, "--count");
    assert_int_equal(parse(argv, &t, &p, NULL), 0);
    assert_string_equal(t.by, "");
}

static void mistakes_are_explained(void **state)
{
    static const struct {
        const char *argv[3];
        const char *text;
    } rows[] = {
        {{"--cuont", "5"},  "unknown option \"--cuont\"; did you mean \"--count\"?"               },
        {{"--zzzzzzzz"},    "unknown option \"--zzzzzzzz\"; -h lists the options"                 },
        {{"--cuont=5"},     "unknown option \"--cuont\"; did you mean \"--count\"?"               },
        {{"-vx"},           "unknown option \"-x\"; -h lists the options"                         },
        {{"-\xC3\xA9"},     "unknown option \"-\xC3\xA9\"; -h lists the options"                  },
        {{"--by"},          "option \"--by\" needs a value: --by COLUMN"                          },
        {{"-n"},            "option \"--count\" needs a value: --count N"                         },
        {{"--verbose=yes"}, "option \"--verbose\" must be without a value, not \"yes\""           },
        {{"--count=x"},     "option \"--count\" must be a whole number from 1 to 100, not \"x\""  },
        {{"--count=101"},   "option \"--count\" must be a whole number from 1 to 100, not \"101\""},
        {{"--count="},      "option \"--count\" must be a whole number from 1 to 100, not \"\""   },
        {{"-r2"},           "option \"--rate\" must be a number from 0 to 1, not \"2\""           },
        {{"-w", "2h"},
         "option \"--wait\" must be a duration like 250ms, 10s, 5m, 2h or 30d from 1ms to 1m, "
         "not \"2h\""                                                                             },
    };
    struct target t;
    struct opt_texts p;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct error err = {0};
        assert_int_equal(parse(rows[i].argv, &t, &p, &err), ERR_INVALID);
        assert_string_equal(err.text, rows[i].text);
    }
}

static void arguments_are_counted(void **state)
{
    const char *argv[ARGS_MAX] = {NULL};
    struct error err = {0};
    struct target t;
    struct opt_texts p;

    (void)state;
    for (size_t i = 0; i < OPT_POSITIONAL_MAX; i++) {
        argv[i] = "x";
    }
    assert_int_equal(parse(argv, &t, &p, NULL), 0);
    assert_int_equal(p.n, OPT_POSITIONAL_MAX);
    argv[OPT_POSITIONAL_MAX] = "x";
    assert_int_equal(parse(argv, &t, &p, &err), ERR_LIMIT);
    assert_string_equal(err.text, "more than 64 arguments");
    for (size_t i = 0; i <= OPT_POSITIONAL_MAX; i++) {
        argv[i] = "-Hx";
    }
    assert_int_equal(parse(argv, &t, &p, &err), ERR_LIMIT);
    assert_string_equal(err.text, "option \"--header\" is given more than 64 times");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_stay_where_nothing_is_given),
        cmocka_unit_test(every_type_is_read),
        cmocka_unit_test(letters_may_stand_together),
        cmocka_unit_test(two_dashes_end_the_options),
        cmocka_unit_test(a_value_may_look_like_an_option_or_be_empty),
        cmocka_unit_test(mistakes_are_explained),
        cmocka_unit_test(arguments_are_counted),
    };

    return cmocka_run_group_tests_name("core/opt", tests, NULL, NULL);
}
