/*
 * Streams of the Responses API, written. A small client puts the events together as the SDKs do
 * and fails where they would: a number out of order, a piece of an item that was not added, an end
 * that differs from what was told before it.
 */
#include "core/attr.h"
#include "unit/llm/wired.h"

#define ITEMS_MAX 16

/* What the client knows of one item. */
struct told {
    bool added, done, part_open;
    size_t parts;     /* content parts closed */
    struct buf piece; /* of the open part, or the call's arguments */
    struct buf item;  /* JSON of the item when done */
};

struct client {
    struct told items[ITEMS_MAX];
    size_t count;
    int64_t sequence;
    bool created, in_progress, ended;
    char last[64]; /* the last event's name */
    struct buf output;
    struct buf last_data;
};

static struct told *item_of(struct client *c, yyjson_val *event)
{
    int64_t at = json_get_i64(event, "output_index", -1);
    assert_in_range(at, 0, ITEMS_MAX - 1);
    struct told *told = &c->items[at];
    if (yyjson_obj_get(event, "item_id")) {
        assert_true(told->added && !told->done);
    }
    return told;
}

static void on_added(struct client *c, yyjson_val *event)
{
    struct told *told = item_of(c, event);
    assert_int_equal(json_get_i64(event, "output_index", -1), c->count++);
    assert_false(told->added);
    told->added = true;
    buf_init(&told->piece, WIRED_BYTES_MAX);
    buf_init(&told->item, WIRED_BYTES_MAX);
}

static void on_done(struct client *c, yyjson_val *event)
{
    struct told *told = item_of(c, event);
    assert_true(told->added && !told->done && !told->part_open);
    told->done = true;
    json_write(&told->item, yyjson_obj_get(event, "item"));
}

static void on_part_added(struct client *c, yyjson_val *event)
{
    struct told *told = item_of(c, event);
    assert_false(told->part_open);
    assert_int_equal(json_get_i64(event, "content_index", (int64_t)told->parts), told->parts);
    told->part_open = true;
    buf_clear(&told->piece);
}

static void on_part_done(struct client *c, yyjson_val *event)
{
    struct told *told = item_of(c, event);
    yyjson_val *part = yyjson_obj_get(event, "part");
    struct str text = json_get_str(part, "text");
    assert_true(told->part_open);
    assert_same(text.n > 0 ? text : json_get_str(part, "refusal"), buf_str(&told->piece));
    told->part_open = false;
    told->parts++;
}

static void on_delta(struct client *c, yyjson_val *event)
{
    struct told *told = item_of(c, event);
    bool call = str_is(json_get_str(event, "type"), "response.function_call_arguments.delta");
    assert_true(told->part_open || call);
    assert_int_equal(json_get_i64(event, "content_index", (int64_t)told->parts), told->parts);
    buf_put_str(&told->piece, json_get_str(event, "delta"));
}

/* The whole of a part, under one of these names. */
static void on_whole(struct client *c, yyjson_val *event)
{
    static const char *const names[] = {"text", "refusal", "arguments"};
    struct told *told = item_of(c, event);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (yyjson_obj_get(event, names[i])) {
            assert_same(json_get_str(event, names[i]), buf_str(&told->piece));
            return;
        }
    }
    fail_msg("a part is done without its text");
}

static void on_annotation(struct client *c, yyjson_val *event)
{
    assert_true(item_of(c, event)->part_open);
    assert_true(yyjson_is_obj(yyjson_obj_get(event, "annotation")));
}

static void on_created(struct client *c, yyjson_val *event)
{
    assert_true(yyjson_is_obj(yyjson_obj_get(event, "response")));
    c->created = true;
}

static void on_in_progress(struct client *c, yyjson_val *event)
{
    assert_true(yyjson_is_obj(yyjson_obj_get(event, "response")));
    c->in_progress = true;
}

static void on_end(struct client *c, yyjson_val *event)
{
    yyjson_val *output = yyjson_obj_get(yyjson_obj_get(event, "response"), "output");
    struct buf expected;
    buf_init(&expected, WIRED_BYTES_MAX);
    buf_putc(&expected, '[');
    for (size_t i = 0; i < c->count; i++) {
        assert_true(c->items[i].done);
        buf_puts(&expected, i > 0 ? "," : "");
        buf_put_str(&expected, buf_str(&c->items[i].item));
    }
    buf_putc(&expected, ']');
    buf_init(&c->output, WIRED_BYTES_MAX);
    json_write(&c->output, output);
    assert_same(buf_str(&c->output), buf_str(&expected));
    buf_release(&expected);
    c->ended = true;
}

static void on_failed(struct client *c, yyjson_val *event)
{
    (void)event;
    c->ended = true;
}

static const struct {
    const char *name;
    void (*take)(struct client *c, yyjson_val *event);
} handlers[] = {
    {"response.created",                       on_created    },
    {"response.in_progress",                   on_in_progress},
    {"response.output_item.added",             on_added      },
    {"response.output_item.done",              on_done       },
    {"response.content_part.added",            on_part_added },
    {"response.content_part.done",             on_part_done  },
    {"response.reasoning_summary_part.added",  on_part_added },
    {"response.reasoning_summary_part.done",   on_part_done  },
    {"response.output_text.delta",             on_delta      },
    {"response.refusal.delta",                 on_delta      },
    {"response.reasoning_summary_text.delta",  on_delta      },
    {"response.function_call_arguments.delta", on_delta      },
    {"response.output_text.done",              on_whole      },
    {"response.refusal.done",                  on_whole      },
    {"response.reasoning_summary_text.done",   on_whole      },
    {"response.function_call_arguments.done",  on_whole      },
    {"response.output_text.annotation.added",  on_annotation },
    {"response.completed",                     on_end        },
    {"response.incomplete",                    on_end        },
    {"response.failed",                        on_failed     },
    {"error",                                  on_failed     },
};

static void take_event(struct client *c, const struct sse_event *event, struct arena *arena)
{
    struct error err = {0};
    yyjson_val *data = wire_json_body(event->data, arena, &err);
    assert_non_null(data);
    assert_same(event->event, json_get_str(data, "type"));
    assert_int_equal(json_get_i64(data, "sequence_number", -1), c->sequence++);
    assert_false(c->ended);
    snprintf(c->last, sizeof(c->last), "%.*s", STR_ARG(event->event));
    for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
        if (str_is(event->event, handlers[i].name)) {
            handlers[i].take(c, data);
            return;
        }
    }
    fail_msg("%s: no event that clients know", c->last);
}

static void client_run(struct client *c, struct wired *w)
{
    struct sse events;
    struct sse_event event;
    *c = (struct client){0};
    sse_init(&events, WIRED_BYTES_MAX);
    assert_int_equal(sse_push(&events, buf_str(&w->out)), 0);
    while (sse_next(&events, &event)) {
        take_event(c, &event, &w->arena);
    }
    assert_int_equal(sse_rest(&events).n, 0);
    sse_release(&events);
}

static void client_end(struct client *c)
{
    for (size_t i = 0; i < c->count; i++) {
        buf_release(&c->items[i].piece);
        buf_release(&c->items[i].item);
    }
    buf_release(&c->output);
}

/* --- properties -------------------------------------------------------------------------- */

static void random_streams_say_at_their_end_what_they_said_before(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct wired w;
        struct generate g;
        struct message_answer made;
        struct client c;
        wired_init(&w);
        generate_init(&g, &w.arena, seed,
                      GENERATE_THINKING | GENERATE_REDACTED | GENERATE_REFUSAL |
                          GENERATE_CITATIONS | GENERATE_INTERLEAVED);
        generate_answer(&g, &made);
        struct wire_asked asked = {.request = &w.request, .body = STR("{}"), .id = STR("w")};
        wired_write_stream(&w, &wire_responses, &g, &made, &asked);
        client_run(&c, &w);
        assert_true(c.created && c.in_progress && c.ended);
        assert_string_equal(c.last, made.finish == MESSAGE_FINISH_LENGTH ? "response.incomplete"
                                                                         : "response.completed");
        /* The output, given back as input, is the answer. */
        struct buf body;
        buf_init(&body, WIRED_BYTES_MAX);
        buf_puts(&body, "{\"model\":\"m\",\"input\":");
        buf_put_str(&body, buf_str(&c.output));
        buf_putc(&body, '}');
        wired_read_ok(&w, &wire_responses, buf_cstr(&body));
        w.answer = made;
        w.answer.parts = w.request.messages[0].parts;
        w.answer.part_count = w.request.messages[0].part_count;
        meaning_same_answer(&w.answer, &made, "a stream's output");
        buf_release(&body);
        client_end(&c);
        wired_release(&w);
    }
}

/* A stream ends with the object that a whole answer would have been. */
static void a_stream_ends_with_the_whole_answer(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct wired w;
        struct generate g;
        struct message_answer made;
        wired_init(&w);
        generate_init(&g, &w.arena, seed,
                      GENERATE_THINKING | GENERATE_REDACTED | GENERATE_REFUSAL |
                          GENERATE_CITATIONS);
        generate_answer(&g, &made);
        struct wire_asked asked = {.request = &w.request,
                                   .body = STR("{\"temperature\":0.25,\"tools\":[]}"),
                                   .id = STR("w")};
        wired_write_stream(&w, &wire_responses, &g, &made, &asked);
        struct str stream = arena_str(&w.arena, buf_str(&w.out));
        buf_clear(&w.out);
        wire_responses.write_answer(&made, &asked, &w.out);
        /* Items differ in the order of their members: compared is what stands around them, and
         * the items' number. */
        struct str whole = buf_str(&w.out);
        struct str tail =
            str_from(whole, (size_t)str_find(whole, STR(",\"previous_response_id\"")));
        struct str head = str_head(whole, (size_t)str_find(whole, STR("\"output\":[")));
        assert_true(str_find(stream, head) > 0);
        assert_true(str_find(stream, tail) > 0);
        wired_release(&w);
    }
}

/* --- by hand ----------------------------------------------------------------------------- */

static void write(struct wired *w, struct wire_writer *writer, struct message_delta d)
{
    assert_int_equal(wire_responses.write_delta(writer, &d, &w->out), 0);
}

static struct wire_writer *begin(struct wired *w, const struct wire_asked *asked)
{
    struct message_delta start = {
        .kind = MESSAGE_DELTA_START, .id = STR("i"), .model = STR("m"), .created_s = 5};
    struct wire_writer *writer = wire_responses.writer_new(asked);
    usage_init(&start.usage);
    write(w, writer, start);
    return writer;
}

static void a_stream_is_written_as_the_api_does(void **state)
{
    struct wired w;
    struct wire_asked asked = {.request = &w.request, .body = STR("{}")};
    (void)state;
    wired_init(&w);
    struct wire_writer *writer = begin(&w, &asked);
    assert_has(buf_cstr(&w.out), "event: response.created\ndata: {\"type\":\"response.created\","
                                 "\"sequence_number\":0,\"response\":{\"id\":\"resp_i\"");
    assert_has(buf_cstr(&w.out), "\"status\":\"in_progress\"");
    assert_has(buf_cstr(&w.out), "\"usage\":null}}\n\nevent: response.in_progress\n");
    buf_clear(&w.out);
    write(&w, writer, (struct message_delta){.kind = MESSAGE_DELTA_OPEN, .part = MESSAGE_TEXT});
    write(&w, writer,
          (struct message_delta){
              .kind = MESSAGE_DELTA_TEXT, .part = MESSAGE_TEXT, .text = STR("a\n")});
    write(&w, writer, (struct message_delta){.kind = MESSAGE_DELTA_CLOSE, .part = MESSAGE_TEXT});
#define OF_TEXT "\"item_id\":\"msg_i_0\",\"output_index\":0,\"content_index\":0,"
    assert_str(
        buf_str(&w.out),
        "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\","
        "\"sequence_number\":2,\"output_index\":0,\"item\":{\"id\":\"msg_i_0\",\"type\":"
        "\"message\","
        "\"role\":\"assistant\",\"content\":[],\"status\":\"in_progress\"}}\n\n"
        "event: response.content_part.added\ndata: {\"type\":\"response.content_part.added\","
        "\"sequence_number\":3," OF_TEXT "\"part\":{\"type\":\"output_text\",\"text\":\"\","
        "\"annotations\":[],\"logprobs\":[]}}\n\n"
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\","
        "\"sequence_number\":4," OF_TEXT "\"delta\":\"a\\n\",\"logprobs\":[]}\n\n"
        "event: response.output_text.done\ndata: {\"type\":\"response.output_text.done\","
        "\"sequence_number\":5," OF_TEXT "\"text\":\"a\\n\",\"logprobs\":[]}\n\n"
        "event: response.content_part.done\ndata: {\"type\":\"response.content_part.done\","
        "\"sequence_number\":6," OF_TEXT "\"part\":{\"type\":\"output_text\",\"text\":\"a\\n\","
        "\"annotations\":[],\"logprobs\":[]}}\n\n");
    buf_clear(&w.out);
    write(&w, writer,
          (struct message_delta){.kind = MESSAGE_DELTA_FINISH, .finish = MESSAGE_FINISH_LENGTH});
    write(&w, writer, (struct message_delta){.kind = MESSAGE_DELTA_END});
    assert_has(buf_cstr(&w.out), "event: response.output_item.done\n");
    assert_has(buf_cstr(&w.out), "\"status\":\"incomplete\"}}\n\nevent: response.incomplete\n");
    wire_responses.writer_free(writer);
    wired_release(&w);
}

/* Texts in a row are one item, and what comes between them ends it. */
static void parts_in_any_order_make_up_items(void **state)
{
    struct message_part parts[] = {
        {.kind = MESSAGE_TEXT,     .text = STR("one")  },
        {.kind = MESSAGE_TEXT,     .text = STR("two")  },
        {.kind = MESSAGE_REFUSAL,  .text = STR("three")},
        {.kind = MESSAGE_THINKING, .text = STR("hm")   },
        {.kind = MESSAGE_TEXT,     .text = STR("four") },
        {.kind = MESSAGE_CALL,     .id = STR("c"),       .name = STR("f"), .json = STR("{}")},
        {.kind = MESSAGE_TEXT,       .text = STR("five")                          },
    };
    struct wired w;
    struct generate g;
    struct client c;
    struct wire_asked asked = {.request = &w.request, .body = STR("{}"), .id = STR("w")};
    (void)state;
    wired_init(&w);
    generate_init(&g, &w.arena, 1, 0);
    w.answer.parts = parts;
    w.answer.part_count = ARRAY_LEN(parts);
    wired_write_stream(&w, &wire_responses, &g, &w.answer, &asked);
    client_run(&c, &w);
    assert_int_equal(c.count, 5);
    assert_int_equal(c.items[0].parts, 3);
    assert_has(buf_cstr(&c.items[0].item), "\"text\":\"one\"");
    assert_has(buf_cstr(&c.items[0].item), "\"refusal\":\"three\"");
    assert_has(buf_cstr(&c.items[1].item), "\"text\":\"hm\"");
    assert_has(buf_cstr(&c.items[2].item), "\"text\":\"four\"");
    assert_has(buf_cstr(&c.items[3].item), "\"call_id\":\"c\"");
    assert_has(buf_cstr(&c.items[4].item), "\"text\":\"five\"");
    client_end(&c);
    wired_release(&w);
}

static void a_failure_is_told_with_the_response_or_without(void **state)
{
    static const struct {
        bool started;
        const char *name;
        const char *has;
        const char *last;
    } rows[] = {
        {true,  "overloaded_error", "\"error\":{\"code\":\"server_error\",\"message\":\"no\"}",
         "response.failed"                                                                             },
        {true,  "rate_limit_error", "\"error\":{\"code\":\"rate_limit_exceeded\"",
         "response.failed"                                                                             },
        {false, "overloaded_error",
         "{\"type\":\"error\",\"code\":\"overloaded_error\",\"message\":\"no\"",                "error"},
        {false, "",                 "\"code\":\"server_error\"",                                "error"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wired w;
        struct client c;
        struct wire_asked asked = {.request = &w.request, .body = STR("{}"), .id = STR("w")};
        wired_init(&w);
        struct wire_writer *writer =
            rows[i].started ? begin(&w, &asked) : wire_responses.writer_new(&asked);
        if (rows[i].started) {
            /* In the middle of a text, which is not repeated. */
            write(&w, writer,
                  (struct message_delta){.kind = MESSAGE_DELTA_OPEN, .part = MESSAGE_TEXT});
        }
        write(&w, writer,
              (struct message_delta){
                  .kind = MESSAGE_DELTA_FAIL, .name = str_of(rows[i].name), .text = STR("no")});
        assert_has(buf_cstr(&w.out), rows[i].has);
        client_run(&c, &w);
        assert_string_equal(c.last, rows[i].last);
        client_end(&c);
        wire_responses.writer_free(writer);
        wired_release(&w);
    }
}

static void usage_stands_in_the_last_event(void **state)
{
    struct wired w;
    struct wire_asked asked = {.request = &w.request, .body = STR("{}")};
    (void)state;
    wired_init(&w);
    struct wire_writer *writer = begin(&w, &asked);
    write(&w, writer,
          (struct message_delta){
              .kind = MESSAGE_DELTA_USAGE,
              .usage = {.input = 3, .output = 4, .reasoning = 2, .cached = -1}
    });
    buf_clear(&w.out);
    write(&w, writer, (struct message_delta){.kind = MESSAGE_DELTA_END});
    assert_has(buf_cstr(&w.out),
               "\"usage\":{\"input_tokens\":3,\"input_tokens_details\":{\"cached_tokens\":0,"
               "\"cache_write_tokens\":0},\"output_tokens\":4,\"output_tokens_details\":{"
               "\"reasoning_tokens\":2},\"total_tokens\":7}");
    wire_responses.writer_free(writer);
    wired_release(&w);
}

static void a_full_buffer_is_told(void **state)
{
    struct wired w;
    struct wire_asked asked = {.request = &w.request, .body = STR("{}")};
    struct message_delta open = {.kind = MESSAGE_DELTA_OPEN, .part = MESSAGE_TEXT};
    struct message_delta far = {
        .kind = MESSAGE_DELTA_OPEN, .part = MESSAGE_CALL, .index = MESSAGE_COUNT_MAX};
    struct message_delta picture = {.kind = MESSAGE_DELTA_OPEN, .part = MESSAGE_IMAGE, .index = 1};
    struct buf small;
    (void)state;
    wired_init(&w);
    buf_init(&small, 20);
    struct wire_writer *writer = begin(&w, &asked);
    assert_int_equal(wire_responses.write_delta(writer, &open, &small), ERR_LIMIT);
    assert_int_equal(wire_responses.write_delta(writer, &far, &w.out), ERR_LIMIT);
    assert_int_equal(wire_responses.write_delta(writer, &picture, &w.out), ERR_INVALID);
    wire_responses.writer_free(writer);
    buf_release(&small);
    wired_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_streams_say_at_their_end_what_they_said_before),
        cmocka_unit_test(a_stream_ends_with_the_whole_answer),
        cmocka_unit_test(a_stream_is_written_as_the_api_does),
        cmocka_unit_test(parts_in_any_order_make_up_items),
        cmocka_unit_test(a_failure_is_told_with_the_response_or_without),
        cmocka_unit_test(usage_stands_in_the_last_event),
        cmocka_unit_test(a_full_buffer_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
