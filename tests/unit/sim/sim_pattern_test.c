#include "unit/sim/suite.h"

#include <regex.h>

#include "core/rand.h"
#include "sim/sim_pattern.h"

/* Each pattern, and the same as a POSIX extended expression to check with. */
static const struct {
    const char *pattern;
    const char *posix;
} supported[] = {
    {"",                         "^$"                               },
    {"^abc$",                    "^abc$"                            },
    {"^[A-Z]{2}-\\d{4}$",        "^[A-Z]{2}-[0-9]{4}$"              },
    {"^(foo|bar)+$",             "^(foo|bar)+$"                     },
    {"^(?:x[0-9]{1,3}|y)(-z)?$", "^(x[0-9]{1,3}|y)(-z)?$"           },
    {"^a?b*c+$",                 "^a?b*c+$"                         },
    {"^[^a-z]{3,5}$",            "^[^a-z]{3,5}$"                    },
    {"^\\w+@\\w+\\.com$",        "^[a-zA-Z0-9]+@[a-zA-Z0-9]+[.]com$"},
    {"^((a|b)c){2}$",            "^((a|b)c){2}$"                    },
    {"^#[0-9a-fA-F]{6}$",        "^#[0-9a-fA-F]{6}$"                },
    {"^.{4}$",                   "^.{4}$"                           },
    {"^a{0}b$",                  "^b$"                              },
    {"^(a|){3}$",                "^a{0,3}$"                         },
    {"^[]a]{2}$",                "^[]a]{2}$"                        },
    {"^x+?$",                    "^x+$"                             },
};

static const char *const unsupported[] = {
    "(?=a)b", "(?<n>a)", "\\bword", "(a)\\1", "\\p{L}+", "(a",        "[a",
    "a{",     "a{2",     "a{3,1}",  "é",      "[é]",     "a{100000}",
};

static void what_is_written_matches(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(supported); i++) {
        regex_t regex;
        assert_int_equal(regcomp(&regex, supported[i].posix, REG_EXTENDED | REG_NOSUB), 0);
        for (uint64_t seed = 0; seed < 50; seed++) {
            struct rand_state rand;
            struct buf out;
            rand_seed(&rand, seed);
            buf_init(&out, SIM_PATTERN_BYTES_MAX * 2);
            if (!sim_pattern_write(str_of(supported[i].pattern), &rand, &out) ||
                regexec(&regex, buf_cstr(&out), 0, NULL, 0) != 0) {
                fail_msg("%s wrote \"%s\"", supported[i].pattern, buf_cstr(&out));
            }
            buf_release(&out);
        }
        regfree(&regex);
    }
}

static void what_is_not_understood_is_said_to_be_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(unsupported); i++) {
        struct rand_state rand;
        struct buf out;
        rand_seed(&rand, 1);
        buf_init(&out, SIM_PATTERN_BYTES_MAX * 2);
        if (sim_pattern_write(str_of(unsupported[i]), &rand, &out)) {
            fail_msg("%s wrote \"%s\"", unsupported[i], buf_cstr(&out));
        }
        buf_release(&out);
    }
}

static void deep_and_long_patterns_end(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "((((((((((((((((((((a))))))))))))))))))))",
        "((a{64}){64}){64}",
        "(((((a*)*)*)*)*)*",
    };
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        struct rand_state rand;
        struct buf out;
        rand_seed(&rand, 3);
        buf_init(&out, SIM_PATTERN_BYTES_MAX * 2);
        (void)sim_pattern_write(str_of(patterns[i]), &rand, &out);
        assert_true(out.n <= SIM_PATTERN_BYTES_MAX * 2);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_matches),
        cmocka_unit_test(what_is_not_understood_is_said_to_be_so),
        cmocka_unit_test(deep_and_long_patterns_end),
    };
    return cmocka_run_group_tests_name("sim/sim_pattern", tests, NULL, NULL);
}
