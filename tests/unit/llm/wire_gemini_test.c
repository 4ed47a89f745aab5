#include "unit/llm/suite.h"

#include "core/arena.h"
#include "core/error.h"
#include "llm/wire_gemini.h"

static void the_wire_is_the_providers_side_alone(void **state)
{
    (void)state;
    assert_int_equal(wire_gemini.dialect, DIALECT_GEMINI);
    assert_int_equal(wire_gemini.route, ROUTE_NONE);
    assert_true(wire_gemini.write_request && wire_gemini.read_answer && wire_gemini.reader_new &&
                wire_gemini.reader_free && wire_gemini.read_event && wire_gemini.read_end);
    assert_true(!wire_gemini.read_request && !wire_gemini.write_answer && !wire_gemini.writer_new);
    bool listed = false;
    for (size_t i = 0; wire_table[i]; i++) {
        listed |= wire_table[i] == &wire_gemini;
    }
    assert_true(listed);
}

static void finish_reasons_have_meanings(void **state)
{
    static const struct {
        const char *word;
        enum message_finish finish;
        bool failed;
    } rows[] = {
        {"",                          MESSAGE_FINISH_NONE,   false},
        {"FINISH_REASON_UNSPECIFIED", MESSAGE_FINISH_NONE,   false},
        {"STOP",                      MESSAGE_FINISH_STOP,   false},
        {"MAX_TOKENS",                MESSAGE_FINISH_LENGTH, false},
        {"SAFETY",                    MESSAGE_FINISH_FILTER, false},
        {"RECITATION",                MESSAGE_FINISH_FILTER, false},
        {"LANGUAGE",                  MESSAGE_FINISH_FILTER, false},
        {"BLOCKLIST",                 MESSAGE_FINISH_FILTER, false},
        {"PROHIBITED_CONTENT",        MESSAGE_FINISH_FILTER, false},
        {"SPII",                      MESSAGE_FINISH_FILTER, false},
        {"IMAGE_SAFETY",              MESSAGE_FINISH_FILTER, false},
        {"IMAGE_PROHIBITED_CONTENT",  MESSAGE_FINISH_FILTER, false},
        {"IMAGE_RECITATION",          MESSAGE_FINISH_FILTER, false},
        {"MODEL_ARMOR",               MESSAGE_FINISH_FILTER, false},
        {"CONTINUATION",              MESSAGE_FINISH_PAUSE,  false},
        {"OTHER",                     MESSAGE_FINISH_STOP,   false},
        {"OF_TOMORROW",               MESSAGE_FINISH_STOP,   false},
        {"MALFORMED_FUNCTION_CALL",   MESSAGE_FINISH_NONE,   true },
        {"UNEXPECTED_TOOL_CALL",      MESSAGE_FINISH_NONE,   true },
        {"TOO_MANY_TOOL_CALLS",       MESSAGE_FINISH_NONE,   true },
        {"MISSING_THOUGHT_SIGNATURE", MESSAGE_FINISH_NONE,   true },
        {"MALFORMED_RESPONSE",        MESSAGE_FINISH_NONE,   true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool failed = !rows[i].failed;
        assert_int_equal(wire_gemini_finish(str_of(rows[i].word), &failed), rows[i].finish);
        assert_int_equal(failed, rows[i].failed);
    }
}

static void seals_go_both_ways(void **state)
{
    static const struct {
        const char *seal;
        int call;
        const char *signature;
    } rows[] = {
        {"gemini:0:Eq+/=", 0,  "Eq+/="},
        {"gemini:12:a:b",  12, "a:b"  },
        {"gemini:-:",      -1, ""     },
        {"gemini:-:x",     -1, "x"    },
    };
    struct arena arena;
    (void)state;
    arena_init(&arena);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int call = -7;
        struct str signature = STR("untouched");
        assert_str(wire_gemini_seal(&arena, rows[i].call, str_of(rows[i].signature)), rows[i].seal);
        assert_true(wire_gemini_unseal(str_of(rows[i].seal), &call, &signature));
        assert_int_equal(call, rows[i].call);
        assert_str(signature, rows[i].signature);
    }
    arena_release(&arena);
}

static void what_is_no_seal_is_none(void **state)
{
    static const char *const texts[] = {"", "Eq+/=", "gemini", "gemini:", "gemini:0", "Gemini:0:x"};
    int call = -7;
    struct str signature = STR("untouched");
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_false(wire_gemini_unseal(str_of(texts[i]), &call, &signature));
    }
    assert_int_equal(call, -7);
    assert_str(signature, "untouched");
    /* A place that no call can have. */
    assert_true(wire_gemini_unseal(STR("gemini:99999999999:x"), &call, &signature));
    assert_int_equal(call, -1);
}

static void tiers_have_words(void **state)
{
    (void)state;
    assert_str(wire_gemini_tier_wanted(STR("default")), "standard");
    assert_str(wire_gemini_tier_wanted(STR("flex")), "flex");
    assert_str(wire_gemini_tier_wanted(STR("priority")), "priority");
    assert_str(wire_gemini_tier_wanted(STR("auto")), "");
}

static void models_think_by_generation(void **state)
{
    static const struct {
        const char *model;
        enum wire_gemini_thinks thinks;
        bool sealed;
    } rows[] = {
        {"gemini-1.5-pro",              GEMINI_THINKS_NOT,       false},
        {"gemini-2.0-flash",            GEMINI_THINKS_NOT,       false},
        {"gemma-3-27b-it",              GEMINI_THINKS_NOT,       false},
        {"gemini-2.5-pro",              GEMINI_THINKS_BY_BUDGET, false},
        {"gemini-2.5-flash-lite",       GEMINI_THINKS_BY_BUDGET, false},
        {"gemini-2.5-flash",            GEMINI_THINKS_BY_BUDGET, false},
        {"models/gemini-3-pro-preview", GEMINI_THINKS_BY_LEVEL,  true },
        {"gemini-3.1-pro-preview",      GEMINI_THINKS_BY_LEVEL,  true },
        {"gemini-3-flash-preview",      GEMINI_THINKS_BY_LEVEL,  true },
        {"",                            GEMINI_THINKS_BY_LEVEL,  true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct wire_gemini_family *f = wire_gemini_family(str_of(rows[i].model));
        assert_int_equal(f->thinks, rows[i].thinks);
        assert_int_equal(f->sealed, rows[i].sealed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wire_is_the_providers_side_alone),
        cmocka_unit_test(finish_reasons_have_meanings),
        cmocka_unit_test(seals_go_both_ways),
        cmocka_unit_test(what_is_no_seal_is_none),
        cmocka_unit_test(tiers_have_words),
        cmocka_unit_test(models_think_by_generation),
    };
    return cmocka_run_group_tests_name("llm/wire_gemini", tests, NULL, NULL);
}
