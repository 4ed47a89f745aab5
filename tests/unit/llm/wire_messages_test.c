#include "unit/llm/suite.h"

#include "core/arena.h"
#include "core/json.h"
#include "llm/wire_messages.h"

static void the_wire_is_whole_and_found_by_its_route(void **state)
{
    const struct wire *w = wire_of_route(ROUTE_MESSAGES);
    (void)state;
    assert_ptr_equal(w, &wire_messages);
    assert_string_equal(w->name, "messages");
    assert_int_equal(w->dialect, DIALECT_ANTHROPIC);
    assert_true(w->read_request && w->write_answer && w->writer_new && w->writer_free &&
                w->write_delta && w->write_request && w->read_answer && w->reader_new &&
                w->reader_free && w->read_event && w->read_end);
}

static void stop_reasons_have_meanings(void **state)
{
    static const struct {
        const char *word;
        enum message_finish finish;
        const char *again;
    } rows[] = {
        {"end_turn",                      MESSAGE_FINISH_STOP,     "end_turn"     },
        {"max_tokens",                    MESSAGE_FINISH_LENGTH,   "max_tokens"   },
        {"stop_sequence",                 MESSAGE_FINISH_SEQUENCE, "stop_sequence"},
        {"tool_use",                      MESSAGE_FINISH_CALLS,    "tool_use"     },
        {"pause_turn",                    MESSAGE_FINISH_PAUSE,    "pause_turn"   },
        {"refusal",                       MESSAGE_FINISH_FILTER,   "refusal"      },
        {"model_context_window_exceeded", MESSAGE_FINISH_LENGTH,   "max_tokens"   },
        {"of_tomorrow",                   MESSAGE_FINISH_STOP,     "end_turn"     },
        {"",                              MESSAGE_FINISH_NONE,     NULL           },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum message_finish finish = wire_messages_finish(str_of(rows[i].word));
        assert_int_equal(finish, rows[i].finish);
        const char *again = wire_messages_stop_reason(finish);
        if (rows[i].again) {
            assert_string_equal(again, rows[i].again);
        } else {
            assert_null(again);
        }
    }
}

static void tiers_have_words_on_both_sides(void **state)
{
    (void)state;
    assert_str(wire_messages_tier_asked(STR("auto")), "auto");
    assert_str(wire_messages_tier_asked(STR("standard_only")), "default");
    assert_str(wire_messages_tier_asked(STR("gold")), "");
    assert_str(wire_messages_tier_wanted(STR("default")), "standard_only");
    assert_str(wire_messages_tier_wanted(STR("flex")), "");
    assert_str(wire_messages_tier_given(STR("standard")), "default");
    assert_str(wire_messages_tier_given(STR("batch")), "flex");
    assert_str(wire_messages_tier_served(STR("priority")), "priority");
    assert_str(wire_messages_tier_served(STR("")), "");
}

/* input_tokens leave out what the cache had a part in, and are never negative. */
static void usage_is_written_in_its_parts(void **state)
{
    static const struct {
        struct usage usage;
        bool final;
        const char *written;
    } rows[] = {
        {{.input = -1,
          .cached = -1,
          .cache_write = -1,
          .cache_write_1h = -1,
          .output = -1,
          .reasoning = -1},
         true,  "{\"usage\":{\"input_tokens\":0,\"cache_creation_input_tokens\":0,"
         "\"cache_read_input_tokens\":0,\"output_tokens\":0}"    },
        {{.input = 100,
          .cached = 40,
          .cache_write = 30,
          .cache_write_1h = 10,
          .output = 7,
          .reasoning = 3},
         false, "{\"usage\":{\"input_tokens\":20,\"cache_creation_input_tokens\":40,"
         "\"cache_read_input_tokens\":40,\"cache_creation\":{\"ephemeral_5m_input_tokens\":30,"
         "\"ephemeral_1h_input_tokens\":10},\"output_tokens\":7,\"output_tokens_details\":{"
         "\"thinking_tokens\":3},\"service_tier\":\"standard\"}"},
        {{.input = 10,
          .cached = 40,
          .cache_write = -1,
          .cache_write_1h = -1,
          .output = 1,
          .reasoning = -1},
         true,  "{\"usage\":{\"input_tokens\":0,\"cache_creation_input_tokens\":0,"
         "\"cache_read_input_tokens\":40,\"output_tokens\":1}"   },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;
        buf_init(&out, 1024);
        buf_putc(&out, '{');
        wire_messages_put_usage(&out, &rows[i].usage, STR("default"), rows[i].final);
        assert_str(buf_str(&out), rows[i].written);
        buf_release(&out);
    }
}

static void efforts_and_budgets_go_both_ways(void **state)
{
    (void)state;
    for (enum message_effort e = MESSAGE_EFFORT_UNSET; e <= MESSAGE_EFFORT_MAX; e++) {
        assert_int_equal(message_budget_effort(message_effort_budget(e)), e);
    }
    assert_int_equal(message_budget_effort(1), MESSAGE_EFFORT_MINIMAL);
    assert_int_equal(message_budget_effort(1025), MESSAGE_EFFORT_LOW);
    assert_int_equal(message_budget_effort(INT64_MAX), MESSAGE_EFFORT_MAX);
}

static void commas_stand_between_and_nowhere_else(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 256);
    buf_putc(&out, '{');
    wire_put_str(&out, "a", STR("{"));
    wire_put_key(&out, "b");
    wire_put_item(&out);
    buf_putc(&out, '[');
    wire_put_item(&out);
    buf_puts(&out, "1");
    wire_put_item(&out);
    buf_puts(&out, "2]}");
    assert_str(buf_str(&out), "{\"a\":\"{\",\"b\":[1,2]}");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wire_is_whole_and_found_by_its_route),
        cmocka_unit_test(stop_reasons_have_meanings),
        cmocka_unit_test(tiers_have_words_on_both_sides),
        cmocka_unit_test(usage_is_written_in_its_parts),
        cmocka_unit_test(efforts_and_budgets_go_both_ways),
        cmocka_unit_test(commas_stand_between_and_nowhere_else),
    };
    return cmocka_run_group_tests_name("llm/wire_messages", tests, NULL, NULL);
}
