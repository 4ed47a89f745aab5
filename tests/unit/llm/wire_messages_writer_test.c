#include "unit/llm/wire_suite.h"

static struct message_delta delta(enum message_delta_kind kind)
{
    struct message_delta d = {.kind = kind, .created_s = -1};
    usage_init(&d.usage);
    return d;
}

static struct message_delta opens(size_t index, enum message_part_kind part, const char *id)
{
    struct message_delta d = delta(MESSAGE_DELTA_OPEN);
    d.index = index;
    d.part = part;
    d.id = str_of(id);
    d.name = part == MESSAGE_CALL ? STR("f") : STR_EMPTY;
    return d;
}

static struct message_delta says(enum message_delta_kind kind, size_t index, const char *text)
{
    struct message_delta d = delta(kind);
    d.index = index;
    d.text = str_of(text);
    return d;
}

#define TEXT(index, text) says(MESSAGE_DELTA_TEXT, index, text)
#define SIGN(index, text) says(MESSAGE_DELTA_SIGNATURE, index, text)
#define CLOSE(index)      says(MESSAGE_DELTA_CLOSE, index, "")

static struct message_delta finishes(enum message_finish finish)
{
    struct message_delta d = delta(MESSAGE_DELTA_FINISH);
    d.finish = finish;
    return d;
}

/* Events as lines "name data". */
static void shorten(struct str stream, struct buf *out)
{
    struct sse sse;
    struct sse_event event;
    sse_init(&sse, CASE_BYTES_MAX);
    assert_int_equal(sse_push(&sse, stream), 0);
    while (sse_next(&sse, &event)) {
        char prefix[128];
        snprintf(prefix, sizeof(prefix), "{\"type\":\"%.*s\"", STR_ARG(event.event));
        assert_true(str_starts(event.data, str_of(prefix)));
        yyjson_doc *doc = json_parse(event.data, NULL);
        assert_non_null(doc);
        yyjson_doc_free(doc);
        buf_putf(out, "%.*s %.*s\n", STR_ARG(event.event),
                 STR_ARG(str_from(event.data, strlen(prefix))));
    }
    assert_int_equal(sse_rest(&sse).n, 0);
    sse_release(&sse);
}

static int write_all(struct wire_case *c, const struct message_delta *deltas, size_t n)
{
    struct wire_asked asked = {.request = &c->request, .id = STR("req_7")};
    c->request.model = STR("asked-for");
    struct wire_writer *writer = wire_messages.writer_new(&asked);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = wire_messages.write_delta(writer, &deltas[i], &c->out);
    }
    wire_messages.writer_free(writer);
    return rc;
}

static void check_written(const struct message_delta *deltas, size_t n, const char *want)
{
    struct wire_case c;
    struct buf lines;
    case_begin(&c, "m");
    buf_init(&lines, CASE_BYTES_MAX);
    assert_int_equal(write_all(&c, deltas, n), 0);
    shorten(buf_str(&c.out), &lines);
    assert_str(buf_str(&lines), want);
    buf_release(&lines);
    case_end(&c);
}

#define CHECK(want, ...)                                                                           \
    check_written(                                                                                 \
        (const struct message_delta[]){__VA_ARGS__},                                               \
        sizeof((const struct message_delta[]){__VA_ARGS__}) / sizeof(struct message_delta), want)

#define USAGE(output)                                                                              \
    "\"usage\":{\"input_tokens\":0,\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":" \
    "0,\"output_tokens\":" output "}"
#define STARTED                                                                                    \
    "message_start ,\"message\":{\"id\":\"req_7\",\"type\":\"message\",\"role\":\"assistant\","    \
    "\"model\":\"asked-for\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null," USAGE(   \
        "0") "}}\n"
#define ENDED(reason)                                                                              \
    "message_delta ,\"delta\":{\"stop_reason\":\"" reason                                          \
    "\",\"stop_sequence\":null}," USAGE("0") "}\nmessage_stop }\n"

static void a_stream_begins_at_once_and_ends_with_the_usage(void **state)
{
    struct message_delta start = delta(MESSAGE_DELTA_START);
    struct message_delta usage = delta(MESSAGE_DELTA_USAGE);
    struct message_delta finish = finishes(MESSAGE_FINISH_SEQUENCE);
    (void)state;
    start.id = STR("msg_1");
    start.model = STR("cl");
    start.service_tier = STR("priority");
    start.usage.input = 20;
    usage.usage = (struct usage){.input = 20,
                                 .cached = 5,
                                 .cache_write = 3,
                                 .cache_write_1h = 2,
                                 .output = 9,
                                 .reasoning = 4};
    finish.text = STR("END");
    CHECK("message_start ,\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":"
          "\"assistant\",\"model\":\"cl\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":"
          "null,\"usage\":{\"input_tokens\":20,\"cache_creation_input_tokens\":0,"
          "\"cache_read_input_tokens\":0,\"output_tokens\":0,\"service_tier\":\"priority\"}}}\n"
          "message_delta ,\"delta\":{\"stop_reason\":\"stop_sequence\",\"stop_sequence\":\"END\"},"
          "\"usage\":{\"input_tokens\":10,\"cache_creation_input_tokens\":5,"
          "\"cache_read_input_tokens\":5,\"output_tokens\":9,\"output_tokens_details\":{"
          "\"thinking_tokens\":4}}}\nmessage_stop }\n",
          start, usage, finish, delta(MESSAGE_DELTA_END));
}

static void text_thinking_and_calls_become_blocks(void **state)
{
    struct message_delta sealed = opens(1, MESSAGE_THINKING, "");
    struct message_delta cite = delta(MESSAGE_DELTA_CITATION);
    (void)state;
    sealed.redacted = true;
    cite.index = 2;
    cite.citation = (struct message_citation){.url = STR("https://x"), .cited = STR("q")};
    CHECK(STARTED
          "content_block_start ,\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":"
          "\"\",\"signature\":\"\"}}\n"
          "content_block_delta ,\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":"
          "\"hm\"}}\n"
          "content_block_delta ,\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":"
          "\"Eq+/=\"}}\n"
          "content_block_stop ,\"index\":0}\n"
          "content_block_start ,\"index\":1,\"content_block\":{\"type\":\"redacted_thinking\","
          "\"data\":\"Er\"}}\n"
          "content_block_stop ,\"index\":1}\n"
          "content_block_start ,\"index\":2,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n"
          "content_block_delta ,\"index\":2,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\\n\"}}"
          "\n"
          "content_block_delta ,\"index\":2,\"delta\":{\"type\":\"citations_delta\",\"citation\":{"
          "\"type\":\"web_search_result_location\",\"url\":\"https://x\",\"title\":\"\","
          "\"cited_text\":\"q\",\"encrypted_index\":\"\"}}}\n"
          "content_block_stop ,\"index\":2}\n"
          "content_block_start ,\"index\":3,\"content_block\":{\"type\":\"tool_use\",\"id\":\"c\","
          "\"name\":\"f\",\"input\":{}}}\n"
          "content_block_delta ,\"index\":3,\"delta\":{\"type\":\"input_json_delta\","
          "\"partial_json\":\"{}\"}}\n"
          "content_block_stop ,\"index\":3}\n" ENDED("tool_use"),
          delta(MESSAGE_DELTA_START), opens(0, MESSAGE_THINKING, ""), TEXT(0, "hm"),
          SIGN(0, "Eq+/="), CLOSE(0), sealed, SIGN(1, "Er"), CLOSE(1), opens(2, MESSAGE_TEXT, ""),
          TEXT(2, "a\n"), cite, TEXT(2, ""), CLOSE(2), opens(3, MESSAGE_CALL, "c"), TEXT(3, "{}"),
          CLOSE(3), finishes(MESSAGE_FINISH_STOP), delta(MESSAGE_DELTA_END));
}

#define CALL_START(index, id)                                                                      \
    "content_block_start ,\"index\":" index                                                        \
    ",\"content_block\":{\"type\":\"tool_use\",\"id\":\"" id "\",\"name\":\"f\",\"input\":{}}}\n"
#define CALL_PIECE(index, text)                                                                    \
    "content_block_delta ,\"index\":" index                                                        \
    ",\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"" text "\"}}\n"
#define CALL_STOP(index) "content_block_stop ,\"index\":" index "}\n"

/* Calls whose pieces interleave come one after the other, each whole. */
static void interleaved_calls_are_told_one_by_one(void **state)
{
    (void)state;
    CHECK(STARTED CALL_START("0", "a") CALL_PIECE("0", "1") CALL_PIECE("0", "2") CALL_STOP("0")
              CALL_START("1", "b") CALL_PIECE("1", "x") CALL_PIECE("1", "y") CALL_STOP("1")
                  CALL_START("2", "toolu_req_7_2") CALL_PIECE("2", "p") CALL_STOP("2")
                      ENDED("tool_use"),
          opens(0, MESSAGE_CALL, "a"), opens(1, MESSAGE_CALL, "b"), TEXT(0, "1"), TEXT(1, "x"),
          opens(2, MESSAGE_CALL, ""), TEXT(2, "p"), CLOSE(2), TEXT(0, "2"), CLOSE(0), TEXT(1, "y"),
          CLOSE(1), finishes(MESSAGE_FINISH_CALLS), delta(MESSAGE_DELTA_END));
}

static void what_is_open_at_the_end_is_closed(void **state)
{
    (void)state;
    CHECK(STARTED CALL_START("0", "a") CALL_STOP("0") CALL_START("1", "b") CALL_PIECE("1", "x")
              CALL_STOP("1") ENDED("max_tokens"),
          opens(0, MESSAGE_CALL, "a"), opens(1, MESSAGE_CALL, "b"), TEXT(1, "x"),
          finishes(MESSAGE_FINISH_LENGTH), delta(MESSAGE_DELTA_END));
}

static void indexes_are_dense_though_some_parts_have_no_form(void **state)
{
    (void)state;
    CHECK(STARTED
          "content_block_start ,\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n"
          "content_block_delta ,\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"no\"}}\n"
          "content_block_stop ,\"index\":0}\n" ENDED("refusal"),
          opens(0, MESSAGE_AUDIO, ""), TEXT(0, "aGk="), CLOSE(0), opens(1, MESSAGE_REFUSAL, ""),
          TEXT(1, "no"), CLOSE(1), CLOSE(1), TEXT(9, "nobody"), finishes(MESSAGE_FINISH_FILTER),
          delta(MESSAGE_DELTA_END));
}

static void failures_have_types_of_the_api(void **state)
{
    static const struct {
        const char *name, *type;
    } rows[] = {
        {"overloaded_error",      "overloaded_error"     },
        {"requests",              "rate_limit_error"     },
        {"insufficient_quota",    "billing_error"        },
        {"RESOURCE_EXHAUSTED",    "rate_limit_error"     },
        {"invalid_request_error", "invalid_request_error"},
        {"server_error",          "api_error"            },
        {"",                      "api_error"            },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char want[256];
        struct message_delta fails = delta(MESSAGE_DELTA_FAIL);
        fails.name = str_of(rows[i].name);
        fails.text = STR("it broke");
        snprintf(want, sizeof(want),
                 "error ,\"error\":{\"type\":\"%s\",\"message\":\"it broke\"},\"request_id\":"
                 "\"req_7\"}\n",
                 rows[i].type);
        CHECK(want, fails);
    }
}

static void parts_open_together_have_a_maximum(void **state)
{
    struct wire_case c;
    struct message_delta deltas[65];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(deltas); i++) {
        deltas[i] = opens(i, MESSAGE_CALL, "c");
    }
    case_begin(&c, "m");
    assert_int_equal(write_all(&c, deltas, 64), 0);
    buf_clear(&c.out);
    assert_int_equal(write_all(&c, deltas, 65), ERR_LIMIT);
    case_end(&c);
}

static void what_is_held_has_a_maximum(void **state)
{
    struct wire_case c;
    struct message_delta deltas[20];
    (void)state;
    case_begin(&c, "m");
    char *mib = arena_alloc(&c.arena, 1u << 20);
    memset(mib, 'x', 1u << 20);
    deltas[0] = opens(0, MESSAGE_CALL, "a");
    deltas[1] = opens(1, MESSAGE_CALL, "b");
    for (size_t i = 2; i < ARRAY_LEN(deltas); i++) {
        deltas[i] = TEXT(1, "");
        deltas[i].text = str_make(mib, 1u << 20);
    }
    assert_int_equal(write_all(&c, deltas, 16), 0);
    assert_int_equal(write_all(&c, deltas, ARRAY_LEN(deltas)), ERR_LIMIT);
    case_end(&c);
}

/* A writer behind a reader, as translation puts them together. */
struct relay_pair {
    struct wire_writer *writer;
    struct buf *out;
};

static int pass_on(void *ctx, const struct message_delta *d)
{
    struct relay_pair *pair = ctx;
    return wire_messages.write_delta(pair->writer, d, pair->out);
}

/* The reader understands the writer: what is read and written again is told alike. */
static void a_recorded_stream_written_again_is_told_alike(void **state)
{
    struct wire_case c;
    struct told first, again;
    struct sse sse;
    struct sse_event event;
    (void)state;
    case_begin(&c, "m");
    const char *stream = recorded(&c.arena, "messages_thinking.sse");
    struct wire_asked asked = {.request = &c.request, .id = STR("req_7")};
    struct relay_pair pair = {wire_messages.writer_new(&asked), &c.out};
    struct wire_reader *reader = wire_messages.reader_new();
    const struct wire_sink sink = {pass_on, &pair};
    sse_init(&sse, CASE_BYTES_MAX);
    assert_int_equal(sse_push(&sse, str_of(stream)), 0);
    while (sse_next(&sse, &event)) {
        assert_int_equal(wire_messages.read_event(reader, event.event, event.data, &sink), 0);
    }
    sse_release(&sse);
    wire_messages.reader_free(reader);
    wire_messages.writer_free(pair.writer);
    told_read(&first, &wire_messages, stream);
    told_read(&again, &wire_messages, buf_cstr(&c.out));
    assert_same(buf_str(&again.text), buf_str(&first.text));
    assert_memory_equal(&again.usage, &first.usage, sizeof(first.usage));
    buf_release(&first.text);
    buf_release(&again.text);
    case_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_begins_at_once_and_ends_with_the_usage),
        cmocka_unit_test(text_thinking_and_calls_become_blocks),
        cmocka_unit_test(interleaved_calls_are_told_one_by_one),
        cmocka_unit_test(what_is_open_at_the_end_is_closed),
        cmocka_unit_test(indexes_are_dense_though_some_parts_have_no_form),
        cmocka_unit_test(failures_have_types_of_the_api),
        cmocka_unit_test(parts_open_together_have_a_maximum),
        cmocka_unit_test(what_is_held_has_a_maximum),
        cmocka_unit_test(a_recorded_stream_written_again_is_told_alike),
    };
    return cmocka_run_group_tests_name("llm/wire_messages_writer", tests, NULL, NULL);
}
