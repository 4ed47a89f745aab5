#include "llm/wire_json.h"

#include <math.h>

#include "unit/llm/suite.h"

struct setup {
    struct arena arena;
    struct message_notes notes;
    struct error err;
    struct wire_at at;
};

static void setup(struct setup *s)
{
    *s = (struct setup){0};
    arena_init(&s->arena);
    message_notes_init(&s->notes, &s->arena, false, "there");
    s->at = wire_at_top(&s->notes, &s->err);
}

static yyjson_val *parse(struct setup *s, const char *text)
{
    yyjson_val *root = wire_json_body(str_of(text), &s->arena, &s->err);
    assert_non_null(root);
    return root;
}

static void numbers_are_written_as_short_as_they_can_be(void **state)
{
    static const struct {
        double number;
        const char *text;
    } rows[] = {
        {0,         "0"                  },
        {0.1,       "0.1"                },
        {0.7,       "0.7"                },
        {-1.5,      "-1.5"               },
        {1e-7,      "1e-07"              },
        {1e22,      "1e+22"              },
        {0.1 + 0.2, "0.30000000000000004"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;
        buf_init(&out, 64);
        wire_put_num(&out, rows[i].number);
        assert_str(buf_str(&out), rows[i].text);
        buf_release(&out);
    }
}

static void members_that_are_not_given_are_not_written(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 256);
    wire_put_str_member(&out, "a", STR_EMPTY);
    wire_put_i64_member(&out, "b", -1, -1);
    wire_put_num_member(&out, "c", NAN);
    assert_int_equal(out.n, 0);
    wire_put_str_member(&out, "a", STR("x\""));
    wire_put_i64_member(&out, "b", 0, -1);
    wire_put_num_member(&out, "c", 0.5);
    assert_str(buf_str(&out), ",\"a\":\"x\\\"\",\"b\":0,\"c\":0.5");
    buf_release(&out);
}

static void members_of_the_wrong_type_are_named_with_their_path(void **state)
{
    struct setup s;
    struct str text = STR("kept");
    int64_t number = 7;
    double real = 0.5;
    bool yes = true;
    int flag = -1;
    yyjson_val *value = NULL;
    (void)state;
    setup(&s);
    yyjson_val *o =
        parse(&s, "{\"s\":1,\"n\":\"x\",\"i\":1.5,\"b\":0,\"o\":[],\"a\":{},\"z\":null}");
    struct wire_at inner = wire_at_element(&s.at, "list", 3);
    inner = wire_at_member(&inner, "x");
    assert_int_equal(wire_get_str(&inner, o, "s", &text), ERR_INVALID);
    assert_string_equal(s.notes.refused, "list[3].x.s");
    assert_string_equal(s.err.text, "list[3].x.s must be a string");
    assert_int_equal(wire_get_num(&s.at, o, "n", &real), ERR_INVALID);
    assert_int_equal(wire_get_i64(&s.at, o, "i", 0, &number), ERR_INVALID);
    assert_int_equal(wire_get_bool(&s.at, o, "b", &yes), ERR_INVALID);
    assert_int_equal(wire_get_flag(&s.at, o, "b", &flag), ERR_INVALID);
    assert_int_equal(wire_get_obj(&s.at, o, "o", &value), ERR_INVALID);
    assert_int_equal(wire_get_arr(&s.at, o, "a", &value), ERR_INVALID);
    assert_string_equal(s.notes.refused, "a");
    /* Absent and null change nothing. */
    assert_int_equal(wire_get_str(&s.at, o, "z", &text), 0);
    assert_int_equal(wire_get_str(&s.at, o, "none", &text), 0);
    assert_int_equal(wire_get_i64(&s.at, o, "z", 0, &number), 0);
    assert_int_equal(wire_get_num(&s.at, NULL, "z", &real), 0);
    assert_int_equal(wire_get_flag(&s.at, o, "z", &flag), 0);
    assert_str(text, "kept");
    assert_int_equal(number, 7);
    assert_int_equal(flag, -1);
    assert_true(real == 0.5 && yes);
    arena_release(&s.arena);
}

static void whole_numbers_may_be_written_with_a_fraction_of_zero(void **state)
{
    struct setup s;
    int64_t n = -5;
    (void)state;
    setup(&s);
    yyjson_val *o = parse(&s, "{\"a\":100.0,\"c\":18446744073709551615,\"d\":-2,"
                              "\"e\":1e300}");
    assert_int_equal(wire_get_i64(&s.at, o, "a", 1, &n), 0);
    assert_int_equal(n, 100);
    assert_int_equal(wire_get_i64(&s.at, o, "c", 1, &n), 0);
    assert_true(n == INT64_MAX);
    assert_int_equal(wire_get_i64(&s.at, o, "d", -1, &n), ERR_INVALID);
    assert_has(s.err.text, "-1 or more");
    assert_int_equal(wire_get_i64(&s.at, o, "d", -2, &n), 0);
    assert_int_equal(n, -2);
    assert_int_equal(wire_get_i64(&s.at, o, "e", 0, &n), ERR_INVALID);
    arena_release(&s.arena);
}

static void members_are_held_against_their_table(void **state)
{
    static const struct wire_member table[] = {
        {"read",    WIRE_READ,    NULL },
        {"ignored", WIRE_IGNORED, NULL },
        {"dropped", WIRE_DROPPED, NULL },
        {"refused", WIRE_REFUSED, "why"},
        {NULL,      WIRE_READ,    NULL },
    };
    struct setup s;
    char list[256];
    (void)state;
    setup(&s);
    yyjson_val *o = parse(&s, "{\"read\":1,\"ignored\":1,\"dropped\":1,\"other\":\"\",\"refused\":"
                              "false,\"quiet\":[],\"silent\":{},\"nothing\":null}");
    assert_int_equal(wire_check_members(&s.at, o, table), 0);
    message_notes_list(&s.notes, list, sizeof(list));
    assert_string_equal(list, "dropped, other");
    o = parse(&s, "{\"refused\":0}");
    assert_int_equal(wire_check_members(&s.at, o, table), ERR_INVALID);
    assert_string_equal(s.notes.refused, "refused");
    assert_has(s.err.text, "why");
    arena_release(&s.arena);
}

static void paths_longer_than_their_room_are_cut(void **state)
{
    struct setup s;
    char key[300];
    (void)state;
    setup(&s);
    memset(key, 'k', sizeof(key) - 1);
    key[sizeof(key) - 1] = '\0';
    struct wire_at at = wire_at_element(&s.at, key, 1);
    at = wire_at_member(&at, key);
    assert_int_equal(wire_invalid(&at, key, "short"), ERR_INVALID);
    assert_int_equal(strlen(s.notes.refused), MESSAGE_NOTE_MAX - 1);
    arena_release(&s.arena);
}

static void events_are_parsed_with_and_without_the_pool(void **state)
{
    static const size_t sizes[] = {1, 100, 900, 1000, 1100, 20000};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct wire_event event;
        struct buf text;
        buf_init(&text, 1u << 20);
        buf_puts(&text, " {\"a\":\"");
        for (size_t n = 0; n < sizes[i]; n++) {
            buf_putc(&text, 'x');
        }
        buf_puts(&text, "\"}");
        yyjson_val *root = wire_event_parse(&event, buf_str(&text));
        assert_int_equal(json_get_str(root, "a").n, sizes[i]);
        wire_event_release(&event);
        buf_release(&text);
    }
}

static void events_that_hold_no_object_are_none(void **state)
{
    static const char *const texts[] = {"", " ", "[DONE]", "{", "7", "[{}]", "{\"a\":\xff}"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct wire_event event;
        assert_null(wire_event_parse(&event, str_of(texts[i])));
        wire_event_release(&event);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_as_short_as_they_can_be),
        cmocka_unit_test(members_that_are_not_given_are_not_written),
        cmocka_unit_test(members_of_the_wrong_type_are_named_with_their_path),
        cmocka_unit_test(whole_numbers_may_be_written_with_a_fraction_of_zero),
        cmocka_unit_test(members_are_held_against_their_table),
        cmocka_unit_test(paths_longer_than_their_room_are_cut),
        cmocka_unit_test(events_are_parsed_with_and_without_the_pool),
        cmocka_unit_test(events_that_hold_no_object_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
