#include "unit/engine/suite.h"

#include "engine/outcome.h"

static void every_outcome_has_a_name_and_a_status(void **state)
{
    (void)state;
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        assert_non_null(outcome_table[i].name);
        assert_true(i == OUTCOME_OK || outcome_table[i].name[0] != '\0');
        assert_in_range(outcome_table[i].status, 200, 599);
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(outcome_table[i].name, outcome_table[k].name);
        }
    }
}

static void every_status_of_a_provider_has_a_class(void **state)
{
    static const struct {
        int status;
        enum outcome outcome;
    } rows[] = {
        {400, OUTCOME_PROVIDER_REJECTED  },
        {401, OUTCOME_PROVIDER_KEY       },
        {402, OUTCOME_PROVIDER_KEY       },
        {403, OUTCOME_PROVIDER_KEY       },
        {404, OUTCOME_PROVIDER_ERROR     },
        {408, OUTCOME_PROVIDER_TIMEOUT   },
        {409, OUTCOME_PROVIDER_REJECTED  },
        {413, OUTCOME_PROVIDER_REJECTED  },
        {422, OUTCOME_PROVIDER_REJECTED  },
        {429, OUTCOME_PROVIDER_RATE      },
        {500, OUTCOME_PROVIDER_ERROR     },
        {502, OUTCOME_PROVIDER_ERROR     },
        {503, OUTCOME_PROVIDER_OVERLOADED},
        {504, OUTCOME_PROVIDER_TIMEOUT   },
        {529, OUTCOME_PROVIDER_OVERLOADED},
        {302, OUTCOME_PROVIDER_NONSENSE  },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(outcome_of_status(rows[i].status), rows[i].outcome);
    }
}

static void every_failure_of_an_exchange_has_a_class(void **state)
{
    (void)state;
    assert_int_equal(outcome_of_error(ERR_TIMEOUT, false), OUTCOME_PROVIDER_TIMEOUT);
    assert_int_equal(outcome_of_error(ERR_UPSTREAM, false), OUTCOME_PROVIDER_NONSENSE);
    assert_int_equal(outcome_of_error(ERR_INVALID, true), OUTCOME_PROVIDER_NONSENSE);
    assert_int_equal(outcome_of_error(ERR_BUSY, false), OUTCOME_WEIR_BUSY);
    assert_int_equal(outcome_of_error(ERR_CLOSED, true), OUTCOME_PROVIDER_CUT);
    assert_int_equal(outcome_of_error(ERR_IO, true), OUTCOME_PROVIDER_CUT);
    assert_int_equal(outcome_of_error(ERR_IO, false), OUTCOME_PROVIDER_UNREACHABLE);
    assert_int_equal(outcome_of_error(ERR_DENIED, false), OUTCOME_PROVIDER_UNREACHABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_outcome_has_a_name_and_a_status),
        cmocka_unit_test(every_status_of_a_provider_has_a_class),
        cmocka_unit_test(every_failure_of_an_exchange_has_a_class),
    };
    return cmocka_run_group_tests_name("engine/outcome", tests, NULL, NULL);
}
