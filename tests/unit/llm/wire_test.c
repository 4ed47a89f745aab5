#include "unit/llm/suite.h"

#include "llm/wire.h"

static void every_wire_is_whole_on_the_sides_it_has(void **state)
{
    (void)state;
    for (size_t i = 0; wire_table[i]; i++) {
        const struct wire *w = wire_table[i];
        assert_non_null(w->name);
        bool client = w->read_request != NULL;
        assert_int_equal(client, w->route != ROUTE_NONE);
        assert_int_equal(client, w->write_answer != NULL);
        assert_int_equal(client, w->writer_new && w->writer_free && w->write_delta);
        bool provider = w->write_request != NULL;
        assert_int_equal(provider, w->read_answer != NULL);
        assert_int_equal(provider, w->reader_new && w->reader_free && w->read_event && w->read_end);
        assert_true(client || provider);
    }
}

static void a_route_leads_to_its_wire(void **state)
{
    (void)state;
    for (size_t i = 0; wire_table[i]; i++) {
        if (wire_table[i]->route != ROUTE_NONE) {
            assert_ptr_equal(wire_of_route(wire_table[i]->route), wire_table[i]);
        }
    }
    assert_ptr_equal(wire_of_route(ROUTE_CHAT), &wire_chat);
    assert_ptr_equal(wire_of_route(ROUTE_MESSAGES), &wire_messages);
    assert_ptr_equal(wire_of_route(ROUTE_RESPONSES), &wire_responses);
    assert_null(wire_of_route(ROUTE_NONE));
    assert_null(wire_of_route(ROUTE_EMBEDDINGS));
    assert_null(wire_of_route(ROUTE_PASSTHROUGH));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wire_is_whole_on_the_sides_it_has),
        cmocka_unit_test(a_route_leads_to_its_wire),
    };
    return cmocka_run_group_tests_name("llm/wire", tests, NULL, NULL);
}
