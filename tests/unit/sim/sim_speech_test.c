#include "unit/sim/suite.h"

#define HI "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static void tokens_cost_and_nothing_else_does(void **state)
{
    (void)state;

    static const struct {
        enum sim_route route;
        const char *body;
    } rows[] = {
        {SIM_CHAT,        "{\"model\":\"m\",\"stream\":true,\"n\":3," HI "}"               },
        {SIM_COMPLETIONS, "{\"model\":\"m\",\"stream\":true,\"prompt\":[\"a\",\"b\"]}"     },
        {SIM_RESPONSES,   "{\"model\":\"m\",\"stream\":true,\"input\":\"hi\","
                        "\"reasoning\":{\"effort\":\"low\"}}"       },
        {SIM_MESSAGES,    "{\"model\":\"m\",\"stream\":true,\"max_tokens\":999,"
                       "\"thinking\":{\"type\":\"adaptive\"}," HI "}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct exam e;
        int64_t costs = 0;
        exam_begin(&e);
        exam_plan(&e, rows[i].route, rows[i].body);
        sim_speech_start(&e.speech, &e.arena, e.ask, e.answer, &e.dials);
        for (;;) {
            int64_t said = e.speech.said;
            bool cost = sim_speech_costs(&e.speech);
            if (!sim_speech_next(&e.speech, &e.out)) {
                break;
            }
            assert_int_equal(e.speech.said - said, cost ? 1 : 0);
            costs += cost;
        }
        assert_int_equal(costs, e.answer->output_tokens);
        assert_false(sim_speech_next(&e.speech, &e.out));
        exam_end(&e);
    }
}

static void choices_take_turns(void **state)
{
    (void)state;
    static struct stream s;
    struct exam e;
    int64_t last = -1;
    int switches = 0;
    exam_begin(&e);
    exam_dial(&e, "length", "constant:10");
    stream_read(&e, exam_answer(&e, SIM_CHAT, "{\"model\":\"m\",\"stream\":true,\"n\":2," HI "}"),
                &s);
    for (size_t i = 0; i + 1 < s.n; i++) {
        int64_t index = number_at(s.json[i], "/choices/0/index");
        switches += index != last;
        last = index;
    }
    assert_true(switches > 20);
    exam_end(&e);
}

static void an_answer_without_pieces_is_still_an_answer(void **state)
{
    (void)state;

    static const enum sim_route routes[] = {SIM_CHAT, SIM_MESSAGES};

    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        struct exam e;
        static struct stream s;
        exam_begin(&e);
        exam_dial(&e, "echo", "true");
        stream_read(&e,
                    exam_answer(&e, routes[i],
                                "{\"model\":\"m\",\"stream\":true,\"max_tokens\":9,\"messages\":"
                                "[{\"role\":\"assistant\",\"content\":\"x\"}]}"),
                    &s);
        assert_true(s.n >= 3);
        assert_int_equal(e.speech.said, 0);
        exam_end(&e);
    }
}

static void pads_differ_from_event_to_event(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    exam_dial(&e, "obfuscation", "true");
    exam_plan(&e, SIM_CHAT, "{\"model\":\"m\"," HI "}");
    sim_speech_start(&e.speech, &e.arena, e.ask, e.answer, &e.dials);
    struct str a = sim_speech_pad(&e.speech);
    e.speech.sequence++;
    struct str b = sim_speech_pad(&e.speech);
    assert_true(a.n >= 1 && a.n <= 16 && b.n >= 1 && b.n <= 16);
    assert_false(str_eq(a, b));
    exam_end(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_cost_and_nothing_else_does),
        cmocka_unit_test(choices_take_turns),
        cmocka_unit_test(an_answer_without_pieces_is_still_an_answer),
        cmocka_unit_test(pads_differ_from_event_to_event),
    };
    return cmocka_run_group_tests_name("sim/sim_speech", tests, NULL, NULL);
}
