#include "unit/llm/suite.h"

#include "core/mem.h"
#include "llm/answer.h"

static void a_new_answer_knows_nothing(void **state)
{
    struct answer_facts facts;
    (void)state;
    answer_facts_init(&facts);
    assert_false(usage_is_known(&facts.usage));
    assert_int_equal(facts.sequence_number, -1);
    assert_string_equal(facts.model, "");
    assert_int_equal(facts.output_bytes, 0);
    answer_facts_release(&facts);
}

static void each_delivered_piece_counts_at_least_one_token(void **state)
{
    struct answer_facts facts;
    (void)state;
    answer_facts_init(&facts);
    answer_facts_add_text(&facts, STR_EMPTY);
    assert_int_equal(facts.output_tokens_estimated, 0);
    answer_facts_add_text(&facts, STR(" "));
    assert_int_equal(facts.output_tokens_estimated, 1);
    answer_facts_add_text(&facts, STR(" a few more words"));
    assert_true(facts.output_tokens_estimated >= 4);
    assert_int_equal(facts.output_bytes, 18);
    answer_facts_release(&facts);
}

static void the_last_usage_is_kept_as_it_came(void **state)
{
    struct answer_facts facts;
    (void)state;
    answer_facts_init(&facts);
    assert_true(answer_facts_take_usage(&facts, DIALECT_OPENAI, STR("{ \"prompt_tokens\":1 }")));
    assert_true(answer_facts_take_usage(&facts, DIALECT_OPENAI, STR("{\"prompt_tokens\": 2}")));
    assert_str(buf_str(&facts.usage_raw), "{\"prompt_tokens\": 2}");
    assert_int_equal(facts.usage.input, 2);
    assert_false(answer_facts_take_usage(&facts, DIALECT_OPENAI, STR("{}")));
    assert_false(answer_facts_take_usage(&facts, DIALECT_OPENAI, STR("{\"prompt_tokens\":")));
    assert_str(buf_str(&facts.usage_raw), "{\"prompt_tokens\": 2}");
    answer_facts_release(&facts);
}

static void a_usage_object_beyond_the_maximum_is_read_but_not_kept(void **state)
{
    struct answer_facts facts;
    struct buf object;
    (void)state;
    answer_facts_init(&facts);
    buf_init(&object, 1u << 20);
    buf_puts(&object, "{\"prompt_tokens\":5,\"x\":\"");
    for (unsigned i = 0; i < ANSWER_USAGE_RAW_MAX; i++) {
        buf_putc(&object, 'x');
    }
    buf_puts(&object, "\"}");
    assert_true(answer_facts_take_usage(&facts, DIALECT_OPENAI, buf_str(&object)));
    assert_int_equal(facts.usage.input, 5);
    assert_int_equal(facts.usage_raw.n, 0);
    buf_release(&object);
    answer_facts_release(&facts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_answer_knows_nothing),
        cmocka_unit_test(each_delivered_piece_counts_at_least_one_token),
        cmocka_unit_test(the_last_usage_is_kept_as_it_came),
        cmocka_unit_test(a_usage_object_beyond_the_maximum_is_read_but_not_kept),
    };
    return cmocka_run_group_tests_name("llm/answer", tests, NULL, NULL);
}
