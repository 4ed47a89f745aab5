/*
 * Answers of the chat API, whole and streamed: what real servers send, and what weir sends.
 */
#include "core/attr.h"
#include "unit/llm/wired.h"

/* A chunk with one choice. */
#define CHUNK(inner)                                                                               \
    "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"created\":5,\"model\":\"m\","      \
    "\"choices\":[{\"index\":0," inner "}]}\n\n"
#define DELTA(inner) CHUNK("\"delta\":{" inner "},\"finish_reason\":null")
#define STOP         CHUNK("\"delta\":{},\"finish_reason\":\"stop\"")
#define DONE         "data: [DONE]\n\n"

/* The dump of an answer's parts only. */
static void check_parts(struct wired *w, const char *expected)
{
    struct buf dump;
    struct message_answer parts;
    message_answer_init(&parts);
    parts.parts = w->collected.answer.parts;
    parts.part_count = w->collected.answer.part_count;
    buf_init(&dump, WIRED_BYTES_MAX);
    meaning_dump_answer(&parts, &dump);
    /* Behind the two lines about the answer as a whole. */
    struct str rest = buf_str(&dump);
    str_split(&rest, '\n');
    str_split(&rest, '\n');
    assert_str(rest, expected);
    buf_release(&dump);
}

/* --- streams in -------------------------------------------------------------------------- */

static void whatever_servers_send_is_read(void **state)
{
    /* clang-format off */
    static const struct {
        const char *stream;
        const char *parts;
        enum message_finish finish;
    } rows[] = {
  /* Plain. */
        {DELTA("\"role\":\"assistant\",\"content\":\"\"") DELTA("\"content\":\"a\"")
             DELTA("\"content\":\"b\"") STOP DONE, "3 text ab\n", MESSAGE_FINISH_STOP},
        /* Nothing said. */
        {DELTA("\"role\":\"assistant\",\"content\":null") STOP DONE, "", MESSAGE_FINISH_STOP},
        /* No finish_reason. */
        {DELTA("\"content\":\"a\"") DONE, "3 text a\n", MESSAGE_FINISH_STOP},
        /* No [DONE]. */
        {DELTA("\"content\":\"a\"") CHUNK("\"delta\":{},\"finish_reason\":\"length\""),
         "3 text a\n", MESSAGE_FINISH_LENGTH},
        /* A finish beside the last text; another word for it. */
        {CHUNK("\"delta\":{\"content\":\"a\"},\"finish_reason\":\"model_length\"") DONE,
         "3 text a\n", MESSAGE_FINISH_LENGTH},
        {CHUNK("\"delta\":{},\"finish_reason\":\"content_filter\"") DONE, "",
         MESSAGE_FINISH_FILTER},
        {CHUNK("\"delta\":{},\"finish_reason\":\"never heard of\"") DONE, "", MESSAGE_FINISH_STOP},
        /* A whole message in one chunk. */
        {CHUNK("\"message\":{\"role\":\"assistant\",\"content\":\"a\"},\"finish_reason\":"
               "\"stop\"") DONE, "3 text a\n", MESSAGE_FINISH_STOP},
        /* Content as a list. */
        {DELTA("\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\",\"text\":"
               "\"hm\"}]}]") DELTA("\"content\":[{\"type\":\"text\",\"text\":\"a\"}]") STOP DONE,
         "3 thinking text=\"hm\"\n3 text a\n", MESSAGE_FINISH_STOP},
        /* Thoughts. */
        {DELTA("\"reasoning_content\":\"h\"") DELTA("\"reasoning_content\":\"m\"")
             DELTA("\"content\":\"a\",\"reasoning_content\":null") STOP DONE,
         "3 thinking text=\"hm\"\n3 text a\n", MESSAGE_FINISH_STOP},
        {DELTA("\"reasoning\":\"hm\"") DELTA("\"content\":\"a\"") STOP DONE,
         "3 thinking text=\"hm\"\n3 text a\n", MESSAGE_FINISH_STOP},
        {DELTA("\"reasoning\":\"h\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":"
               "\"h\",\"index\":0}]")
             DELTA("\"reasoning\":\"m\",\"reasoning_details\":[{\"type\":\"reasoning.text\","
                   "\"text\":\"m\",\"index\":0}]")
                 DELTA("\"content\":\"\",\"reasoning_details\":[{\"type\":\"reasoning.text\","
                       "\"signature\":\"S\",\"index\":0}]") DELTA("\"content\":\"a\"") STOP DONE,
         "3 thinking text=\"hm\" signature=\"S\"\n3 text a\n", MESSAGE_FINISH_STOP},
        {DELTA("\"reasoning_details\":[{\"type\":\"reasoning.summary\",\"summary\":\"s\",\"id\":"
               "\"r\"}]")
             DELTA("\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"data\":\"E\","
                   "\"id\":\"r\"}]")
                 DELTA("\"reasoning_details\":[{\"type\":\"reasoning.encrypted\",\"data\":\"F\","
                       "\"id\":\"q\"}]") STOP DONE,
         "3 thinking text=\"s\" signature=\"E\"\n3 thinking signature=\"F\" redacted\n",
         MESSAGE_FINISH_STOP},
        /* A refusal. */
        {DELTA("\"refusal\":\"I \"") DELTA("\"refusal\":\"won't\"") STOP DONE,
         "3 refusal text=\"I won't\"\n", MESSAGE_FINISH_STOP},
        /* Citations. */
        {DELTA("\"content\":\"a\"")
             DELTA("\"annotations\":[{\"type\":\"url_citation\",\"url_citation\":{\"url\":\"u\","
                   "\"title\":\"t\",\"start_index\":0,\"end_index\":1}}]") STOP DONE,
         "3 text a cites url=\"u\" title=\"t\"\n", MESSAGE_FINISH_STOP},
        /* Calls in pieces that interleave, as OpenAI numbers them. */
        {DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"type\":\"function\",\"function\":{"
               "\"name\":\"f\",\"arguments\":\"\"}}]")
             DELTA("\"tool_calls\":[{\"index\":1,\"id\":\"c2\",\"type\":\"function\","
                   "\"function\":{\"name\":\"g\",\"arguments\":\"{\"}}]")
                 DELTA("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"[]\"}},{"
                       "\"index\":1,\"function\":{\"arguments\":\"}\"}}]")
                     CHUNK("\"delta\":{},\"finish_reason\":\"tool_calls\"") DONE,
         "3 call id=\"c1\" name=\"f\" json=\"[]\"\n3 call id=\"c2\" name=\"g\" json=\"{}\"\n",
         MESSAGE_FINISH_CALLS},
        /* The id and name on every piece. */
        {DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"f\","
               "\"arguments\":\"{\"}}]")
             DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"f\","
                   "\"arguments\":\"}\"}}]") STOP DONE,
         "3 call id=\"c1\" name=\"f\" json=\"{}\"\n", MESSAGE_FINISH_CALLS},
        /* Whole calls, all with index 0; "stop" behind them. */
        {DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"f\","
               "\"arguments\":\"{}\"}}]")
             DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"c2\",\"function\":{\"name\":\"f\","
                   "\"arguments\":\"[]\"}}]") STOP DONE,
         "3 call id=\"c1\" name=\"f\" json=\"{}\"\n3 call id=\"c2\" name=\"f\" json=\"[]\"\n",
         MESSAGE_FINISH_CALLS},
        /* Without an index: ids tell them apart, pieces go to the last. */
        {DELTA("\"tool_calls\":[{\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}},"
               "{\"function\":{\"arguments\":\"}\"}}]")
             DELTA("\"tool_calls\":[{\"id\":\"c2\",\"function\":{\"name\":\"g\",\"arguments\":{"
                   "\"x\":1}}}]") STOP DONE,
         "3 call id=\"c1\" name=\"f\" json=\"{}\"\n3 call id=\"c2\" name=\"g\" "
         "json=\"{\\\"x\\\":1}\"\n", MESSAGE_FINISH_CALLS},
        /* With neither: a name begins a new one. */
        {DELTA("\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}},"
               "{\"function\":{\"name\":\"f\",\"arguments\":\"[\"}}]")
             DELTA("\"tool_calls\":[{\"function\":{\"arguments\":\"]\"}}]") STOP DONE,
         "3 call id=\"call_af63e44c8601fa240\" name=\"f\" json=\"{}\"\n"
         "3 call id=\"call_af63e44c8601fa241\" name=\"f\" json=\"[]\"\n",
         MESSAGE_FINISH_CALLS},
        /* The old kind. */
        {DELTA("\"function_call\":{\"name\":\"f\",\"arguments\":\"\"}")
             DELTA("\"function_call\":{\"arguments\":\"{}\"}")
                 CHUNK("\"delta\":{},\"finish_reason\":\"function_call\"") DONE,
         "3 call id=\"call_af63e44c8601fa240\" name=\"f\" json=\"{}\"\n", MESSAGE_FINISH_CALLS},
        /* A piece of a call that never began. */
        {DELTA("\"tool_calls\":[{\"index\":4,\"function\":{\"arguments\":\"x\"}}]") STOP DONE, "",
         MESSAGE_FINISH_STOP},
        /* Text between calls closes what is whole. */
        {DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"c1\",\"function\":{\"name\":\"f\","
               "\"arguments\":\"{}\"}}]") DELTA("\"content\":\"a\"")
             DELTA("\"tool_calls\":[{\"index\":1,\"id\":\"c2\",\"function\":{\"name\":\"g\","
                   "\"arguments\":\"{}\"}}]") STOP DONE,
         "3 call id=\"c1\" name=\"f\" json=\"{}\"\n3 text a\n3 call id=\"c2\" name=\"g\" "
         "json=\"{}\"\n", MESSAGE_FINISH_CALLS},
        /* What is no event of ours: broken, empty, other choices, other types. */
        {"data: {\"id\":\n\ndata: 7\n\ndata:\n\n" DELTA("\"content\":7,\"tool_calls\":{}")
             DELTA("\"content\":\"a\"") "data: "
                                        "{\"id\":\"i\",\"choices\":[{\"index\":1,\"delta\":{"
                                        "\"content\":\"no\"}}]}"
                                        "\n\n" STOP DONE DELTA("\"content\":\"late\""),
         "3 text a\n", MESSAGE_FINISH_STOP},
        /* Azure's first chunk. */
        {"data: "
         "{\"id\":\"\",\"model\":\"\",\"choices\":[],\"prompt_filter_results\":[{}]}\n\n" DELTA(
             "\"content\":\"a\"") STOP DONE, "3 text a\n", MESSAGE_FINISH_STOP},
    };

    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wired w;
        wired_init(&w);
        wired_stream_ok(&w, &wire_chat, rows[i].stream);
        check_parts(&w, rows[i].parts);
        assert_true(w.collected.ended && w.collected.finished);
        assert_int_equal(w.collected.answer.finish, rows[i].finish);
        assert_str(w.collected.answer.id, "i");
        assert_str(w.collected.answer.model, "m");
        assert_int_equal(w.collected.answer.created_s, 5);
        assert_string_equal(w.collected.failed, "");
        wired_release(&w);
    }
}

static void usage_is_read_wherever_servers_put_it(void **state)
{
#define USAGE                                                                                      \
    "{\"prompt_tokens\":9,\"completion_tokens\":4,\"total_tokens\":13,"                            \
    "\"prompt_tokens_details\":{\"cached_tokens\":3},\"completion_tokens_details\":"               \
    "{\"reasoning_tokens\":2}}"
    static const char *const streams[] = {
        DELTA("\"content\":\"a\"") STOP "data: {\"id\":\"i\",\"choices\":[],\"usage\":" USAGE
                                        "}\n\n" DONE,
        DELTA("\"content\":\"a\"") "data: {\"id\":\"i\",\"choices\":[{\"index\":0,\"delta\":{},"
                                   "\"finish_reason\":\"stop\"}],\"usage\":" USAGE "}\n\n" DONE,
        DELTA("\"content\":\"a\"") CHUNK("\"delta\":{},\"finish_reason\":\"stop\",\"usage\":" USAGE)
            DONE,
        "data: {\"id\":\"i\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}],\"usage\":{"
        "\"prompt_tokens\":9,\"completion_tokens\":1}}\n\n"
        "data: {\"id\":\"i\",\"choices\":[],\"x_groq\":{\"usage\":" USAGE "}}\n\n" DONE,
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        struct wired w;
        wired_init(&w);
        wired_stream_ok(&w, &wire_chat, streams[i]);
        assert_int_equal(w.collected.answer.usage.input, 9);
        assert_int_equal(w.collected.answer.usage.output, 4);
        assert_int_equal(w.collected.answer.usage.cached, 3);
        assert_int_equal(w.collected.answer.usage.reasoning, 2);
        wired_release(&w);
    }
}

static void errors_in_the_stream_are_told(void **state)
{
    /* clang-format off */
    static const struct {
        const char *stream;
        const char *failed;
    } rows[] = {
        {DELTA("\"content\":\"a\"") "data: {\"error\":{\"message\":\"no\",\"type\":\"t\"}}\n\n",
         "t: no"},
        {"data: {\"error\":{\"message\":\"no\",\"code\":\"c\"}}\n\n" DONE, "c: no"},
        {"data: {\"error\":\"no\"}\n\n", "server_error: no"},
        {"event: error\ndata: {\"message\":\"no\"}\n\n", "server_error: no"},
        {"data: {\"error\":{}}\n\n",
         "server_error: the provider told of an error without a message"},
        {DELTA("\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"function\":{\"name\":\"f\","
               "\"arguments\":\"{\"}}]") DELTA("\"content\":\"a\"")
             DELTA("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"}\"}}]"),
         "server_error: a call went on behind the text after it"},
    };

    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wired w;
        wired_init(&w);
        wired_stream_ok(&w, &wire_chat, rows[i].stream);
        assert_string_equal(w.collected.failed, rows[i].failed);
        wired_release(&w);
    }
}

static void a_stream_that_breaks_off_has_no_end(void **state)
{
    struct wired w;
    (void)state;
    wired_init(&w);
    wired_stream_ok(&w, &wire_chat, DELTA("\"content\":\"a\""));
    assert_false(w.collected.ended || w.collected.finished);
    wired_release(&w);
    wired_init(&w);
    wired_stream_ok(&w, &wire_chat, "");
    assert_int_equal(w.collected.count, 0);
    wired_release(&w);
}

static void more_calls_than_any_api_allows_end_the_stream(void **state)
{
    struct wired w;
    struct buf stream;
    (void)state;
    wired_init(&w);
    buf_init(&stream, 4u << 20);
    for (int i = 0; i <= 1024; i++) {
        buf_putf(&stream,
                 "data: {\"id\":\"i\",\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":%d,"
                 "\"id\":\"c%d\",\"function\":{\"name\":\"f\"}}]}}]}\n\n",
                 i, i);
    }
    wired_stream_ok(&w, &wire_chat, buf_cstr(&stream));
    assert_string_equal(w.collected.failed, "server_error: the answer holds too many calls");
    assert_int_equal(w.collected.answer.part_count, 1024);
    buf_release(&stream);
    wired_release(&w);
}

/* A recorded stream with two calls side by side. */
static void a_recorded_stream_is_read(void **state)
{
    struct wired w;
    struct buf stream;
    char chunk[4096];
    size_t n = 0;
    (void)state;
    wired_init(&w);
    buf_init(&stream, 1u << 20);
    FILE *file = fopen(WEIR_SOURCE_DIR "/tests/fake/streams/chat_tools.sse", "rb");
    assert_non_null(file);
    while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        buf_put(&stream, chunk, n);
    }
    fclose(file);
    wired_stream_ok(&w, &wire_chat, buf_cstr(&stream));
    check_parts(&w, "3 call id=\"call_a1\" name=\"get_weather\" json=\"{\\\"city\\\": "
                    "\\\"Z\xc3\xbcrich\\\"}\"\n"
                    "3 call id=\"call_b2\" name=\"get_time\" json=\"{\\\"zone\\\":"
                    "\\\"Europe/Z\xc3\xbcrich \\\\\\\"usage\\\\\\\":null\\\"}\"\n");
    assert_int_equal(w.collected.answer.usage.input, 131);
    assert_int_equal(w.collected.answer.usage.cached, 64);
    assert_str(w.collected.answer.service_tier, "default");
    buf_release(&stream);
    wired_release(&w);
}

/* --- streams out ------------------------------------------------------------------------- */

static void write(struct wired *w, struct wire_writer *writer, struct message_delta d)
{
    assert_int_equal(wire_chat.write_delta(writer, &d, &w->out), 0);
}

static struct wire_writer *begin(struct wired *w, const struct wire_asked *asked)
{
    struct message_delta start = {.kind = MESSAGE_DELTA_START, .id = STR("i"), .created_s = 5};
    struct wire_writer *writer = wire_chat.writer_new(asked);
    usage_init(&start.usage);
    start.model = STR("m");
    write(w, writer, start);
    return writer;
}

#define OUT(inner)                                                                                 \
    "data: {\"id\":\"i\",\"object\":\"chat.completion.chunk\",\"created\":5,\"model\":\"m\","      \
    "\"choices\":[{\"index\":0,\"delta\":{" inner                                                  \
    "},\"logprobs\":null,\"finish_reason\":null}]}\n\n"

static void a_stream_is_written_as_the_api_does(void **state)
{
    struct wired w;
    struct wire_asked asked = {.request = &w.request};
    (void)state;
    wired_init(&w);
    struct wire_writer *writer = begin(&w, &asked);
    write(&w, writer, (struct message_delta){.kind = MESSAGE_DELTA_OPEN, .part = MESSAGE_TEXT});
    write(&w, writer,
          (struct message_delta){
              .kind = MESSAGE_DELTA_TEXT, .part = MESSAGE_TEXT, .text = STR("a\n")});
    write(&w, writer, (struct message_delta){.kind = MESSAGE_DELTA_CLOSE, .part = MESSAGE_TEXT});
    /* Early, and held. */
    write(&w, writer,
          (struct message_delta){.kind = MESSAGE_DELTA_FINISH, .finish = MESSAGE_FINISH_LENGTH});
    write(&w, writer,
          (struct message_delta){.kind = MESSAGE_DELTA_OPEN,
                                 .part = MESSAGE_CALL,
                                 .index = 1,
                                 .id = STR("c"),
                                 .name = STR("f")});
    write(&w, writer,
          (struct message_delta){
              .kind = MESSAGE_DELTA_TEXT, .part = MESSAGE_CALL, .index = 1, .text = STR("{}")});
    write(&w, writer, (struct message_delta){.kind = MESSAGE_DELTA_END});
    assert_str(buf_str(&w.out),
               OUT("\"role\":\"assistant\",\"content\":\"\",\"refusal\":null")
                   OUT("\"content\":\"a\\n\"")
                       OUT("\"tool_calls\":[{\"index\":0,\"id\":\"c\",\"type\":"
                           "\"function\",\"function\":{"
                           "\"name\":\"f\",\"arguments\":\"\"}}]")
                           OUT("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":"
                               "\"{}\"}}]") "data: "
                                            "{\"id\":\"i\",\"object\":\"chat.completion."
                                            "chunk\",\"created\":5,\"model\":"
                                            "\"m\",\"choices\":[{\"index\":0,\"delta\":{}"
                                            ",\"logprobs\":null,\"finish_reason\":"
                                            "\"length\"}]}\n\n" DONE);
    wire_chat.writer_free(writer);
    wired_release(&w);
}

static void usage_is_written_only_if_it_was_asked_for(void **state)
{
    (void)state;
    for (int asks = 0; asks < 2; asks++) {
        struct wired w;
        struct wire_asked asked = {.request = &w.request};
        struct message_delta usage = {
            .kind = MESSAGE_DELTA_USAGE, .usage = {.input = 3, .output = 4}
        };
        wired_init(&w);
        w.request.asks_usage = asks == 1;
        struct wire_writer *writer = begin(&w, &asked);
        write(&w, writer, usage);
        write(&w, writer, (struct message_delta){.kind = MESSAGE_DELTA_END});
        const char *text = buf_cstr(&w.out);
        if (asks) {
            assert_has(text, "\"usage\":null,\"choices\":[{\"index\":0,\"delta\":{\"role\"");
            assert_has(text, "\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":"
                             "4,\"total_tokens\":7");
        } else {
            assert_null(strstr(text, "usage"));
        }
        assert_has(text, "\"finish_reason\":\"stop\"");
        wire_chat.writer_free(writer);
        wired_release(&w);
    }
}

static void what_the_provider_left_out_is_weirs_own(void **state)
{
    struct wired w;
    struct wire_asked asked = {.request = &w.request, .id = STR("w1"), .created_s = 77};
    struct message_delta start = {.kind = MESSAGE_DELTA_START, .created_s = -1};
    (void)state;
    wired_init(&w);
    w.request.model = STR("asked-model");
    struct wire_writer *writer = wire_chat.writer_new(&asked);
    write(&w, writer, start);
    assert_has(buf_cstr(&w.out), "{\"id\":\"chatcmpl-w1\",\"object\":\"chat.completion.chunk\","
                                 "\"created\":77,\"model\":\"asked-model\"");
    wire_chat.writer_free(writer);
    wired_release(&w);
}

static void a_client_of_the_old_kind_gets_one_function_call(void **state)
{
    struct wired w;
    struct wire_asked asked = {.request = &w.request};
    (void)state;
    wired_init(&w);
    w.request.legacy_calls = true;
    struct wire_writer *writer = begin(&w, &asked);
    for (size_t i = 0; i < 2; i++) {
        struct message_delta d = {.kind = MESSAGE_DELTA_OPEN,
                                  .part = MESSAGE_CALL,
                                  .index = i,
                                  .id = STR("c"),
                                  .name = i == 0 ? STR("f") : STR("second")};
        write(&w, writer, d);
        d.kind = MESSAGE_DELTA_TEXT;
        d.text = STR("{}");
        write(&w, writer, d);
    }
    write(&w, writer, (struct message_delta){.kind = MESSAGE_DELTA_END});
    const char *text = buf_cstr(&w.out);
    assert_has(text, "{\"function_call\":{\"name\":\"f\",\"arguments\":\"\"}}");
    assert_has(text, "{\"function_call\":{\"arguments\":\"{}\"}}");
    assert_has(text, "\"finish_reason\":\"function_call\"");
    assert_null(strstr(text, "second"));
    assert_null(strstr(text, "tool_calls"));
    wire_chat.writer_free(writer);
    wired_release(&w);
}

static void a_failure_is_an_error_without_an_end(void **state)
{
    struct wired w;
    struct wire_asked asked = {.request = &w.request};
    struct message_delta fail = {
        .kind = MESSAGE_DELTA_FAIL, .name = STR("overloaded_error"), .text = STR("too \"much\"")};
    (void)state;
    wired_init(&w);
    struct wire_writer *writer = wire_chat.writer_new(&asked); /* nothing was started */
    write(&w, writer, fail);
    assert_str(buf_str(&w.out), "data: {\"error\":{\"message\":\"too \\\"much\\\"\",\"type\":"
                                "\"overloaded_error\",\"param\":null,\"code\":null}}\n\n");
    wire_chat.writer_free(writer);
    wired_release(&w);
}

static void a_full_buffer_is_told(void **state)
{
    struct wired w;
    struct wire_asked asked = {.request = &w.request};
    struct message_delta text = {
        .kind = MESSAGE_DELTA_TEXT, .part = MESSAGE_TEXT, .text = STR("x")};
    struct message_delta far = {
        .kind = MESSAGE_DELTA_OPEN, .part = MESSAGE_CALL, .index = MESSAGE_COUNT_MAX};
    struct buf small;
    (void)state;
    wired_init(&w);
    buf_init(&small, 20);
    struct wire_writer *writer = begin(&w, &asked);
    assert_int_equal(wire_chat.write_delta(writer, &text, &small), ERR_LIMIT);
    assert_int_equal(wire_chat.write_delta(writer, &far, &w.out), ERR_LIMIT);
    wire_chat.writer_free(writer);
    buf_release(&small);
    wired_release(&w);
}

/* --- whole answers ----------------------------------------------------------------------- */

static void answers_of_real_servers_are_read(void **state)
{
    /* clang-format off */
    static const struct {
        const char *message;
        const char *reason;
        const char *parts;
        enum message_finish finish;
    } rows[] = {
        {"{\"role\":\"assistant\",\"content\":\"a\"}", "stop", "3 text a\n", MESSAGE_FINISH_STOP},
        {"{\"content\":null,\"refusal\":\"no\"}", "stop", "3 refusal text=\"no\"\n",
         MESSAGE_FINISH_STOP},
        {"{\"content\":\"\",\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{\"a\":"
         "1}}}]}", "stop", "3 call id=\"call_0_0\" name=\"f\" json=\"{\\\"a\\\":1}\"\n",
         MESSAGE_FINISH_CALLS},
        {"{\"content\":\"a\",\"reasoning_content\":\"hm\"}", "length",
         "3 thinking text=\"hm\"\n3 text a\n", MESSAGE_FINISH_LENGTH},
        {"{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"text\":\"hm\"}]},{\"type\":"
         "\"hologram\"},{\"type\":\"text\",\"text\":\"a\"}]}", "stop", "3 thinking text=\"hm\"\n3 text a\n",
         MESSAGE_FINISH_STOP},
        {"{\"content\":\"a\",\"annotations\":[{\"type\":\"url_citation\",\"url_citation\":{"
         "\"url\":\"u\",\"title\":\"t\"}},{\"type\":\"file_citation\"}],\"tool_calls\":null,"
         "\"audio\":null}", "stop", "3 text a cites url=\"u\" title=\"t\"\n", MESSAGE_FINISH_STOP},
    };

    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wired w;
        char body[1024];
        wired_init(&w);
        snprintf(body, sizeof(body),
                 "{\"id\":\"i\",\"created\":5,\"model\":\"m\",\"service_tier\":\"flex\","
                 "\"choices\":[{\"index\":0,\"message\":%s,\"finish_reason\":\"%s\"}],\"usage\":{"
                 "\"prompt_tokens\":2,\"completion_tokens\":3}}",
                 rows[i].message, rows[i].reason);
        assert_int_equal(wire_chat.read_answer(str_of(body), &w.arena, &w.answer, &w.err), 0);
        w.collected.answer = w.answer;
        check_parts(&w, rows[i].parts);
        assert_int_equal(w.answer.finish, rows[i].finish);
        assert_int_equal(w.answer.usage.output, 3);
        assert_str(w.answer.service_tier, "flex");
        wired_release(&w);
    }
}

static void bodies_that_are_no_answers_are_told(void **state)
{
    static const char *const bodies[] = {
        "",
        "[]",
        "{}",
        "{\"choices\":[]}",
        "{\"choices\":[7]}",
        "{\"choices\":{}}",
        "{\"choices\":[{\"message\":7}]}",
        "{\"choices\":[{\"message\":{\"content\":7}}]}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct wired w;
        wired_init(&w);
        assert_int_equal(wire_chat.read_answer(str_of(bodies[i]), &w.arena, &w.answer, &w.err),
                         ERR_INVALID);
        assert_true(w.err.text[0] != '\0');
        wired_release(&w);
    }
}

static void an_answer_is_written_as_the_api_does(void **state)
{
    struct message_citation cited = {.url = STR("u"), .title = STR("t"), .start = -1, .end = -1};
    struct message_part parts[] = {
        {.kind = MESSAGE_TEXT, .text = STR("h\xc3\xa9 ")},
        { .kind = MESSAGE_TEXT, .text = STR("you"),       .citations = &cited, .citation_count = 1},
        { .kind = MESSAGE_CALL, .id = STR("c"),            .name = STR("f"), .json = STR("{}")},
    };
    struct wired w;
    struct wire_asked asked = {.request = &w.request, .id = STR("w1"), .created_s = 77};
    (void)state;
    wired_init(&w);
    w.request.model = STR("asked");
    w.answer.parts = parts;
    w.answer.part_count = ARRAY_LEN(parts);
    wire_chat.write_answer(&w.answer, &asked, &w.out);
    assert_str(buf_str(&w.out),
               "{\"id\":\"chatcmpl-w1\",\"object\":\"chat.completion\",\"created\":77,\"model\":"
               "\"asked\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
               "\"content\":\"h\xc3\xa9 you\",\"refusal\":null,\"tool_calls\":[{\"id\":\"c\","
               "\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}],"
               "\"annotations\":[{\"type\":\"url_citation\",\"url_citation\":{\"start_index\":3,"
               "\"end_index\":6,\"title\":\"t\",\"url\":\"u\"}}]},\"logprobs\":null,"
               "\"finish_reason\":\"tool_calls\"}]}");
    w.request.legacy_calls = true;
    buf_clear(&w.out);
    wire_chat.write_answer(&w.answer, &asked, &w.out);
    assert_has(buf_cstr(&w.out), "\"function_call\":{\"name\":\"f\",\"arguments\":\"{}\"}");
    assert_has(buf_cstr(&w.out), "\"finish_reason\":\"function_call\"");
    wired_release(&w);
}

static void every_finish_has_a_word(void **state)
{
    static const struct {
        enum message_finish finish;
        const char *name;
    } rows[] = {
        {MESSAGE_FINISH_STOP,     "stop"          },
        {MESSAGE_FINISH_SEQUENCE, "stop"          },
        {MESSAGE_FINISH_LENGTH,   "length"        },
        {MESSAGE_FINISH_CALLS,    "tool_calls"    },
        {MESSAGE_FINISH_FILTER,   "content_filter"},
        {MESSAGE_FINISH_PAUSE,    "stop"          },
        {MESSAGE_FINISH_NONE,     "stop"          },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wired w;
        struct wire_asked asked = {.request = &w.request};
        char expected[64];
        wired_init(&w);
        w.answer.finish = rows[i].finish;
        wire_chat.write_answer(&w.answer, &asked, &w.out);
        snprintf(expected, sizeof(expected), "\"finish_reason\":\"%s\"", rows[i].name);
        assert_has(buf_cstr(&w.out), expected);
        wired_release(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_servers_send_is_read),
        cmocka_unit_test(usage_is_read_wherever_servers_put_it),
        cmocka_unit_test(errors_in_the_stream_are_told),
        cmocka_unit_test(a_stream_that_breaks_off_has_no_end),
        cmocka_unit_test(more_calls_than_any_api_allows_end_the_stream),
        cmocka_unit_test(a_recorded_stream_is_read),
        cmocka_unit_test(a_stream_is_written_as_the_api_does),
        cmocka_unit_test(usage_is_written_only_if_it_was_asked_for),
        cmocka_unit_test(what_the_provider_left_out_is_weirs_own),
        cmocka_unit_test(a_client_of_the_old_kind_gets_one_function_call),
        cmocka_unit_test(a_failure_is_an_error_without_an_end),
        cmocka_unit_test(a_full_buffer_is_told),
        cmocka_unit_test(answers_of_real_servers_are_read),
        cmocka_unit_test(bodies_that_are_no_answers_are_told),
        cmocka_unit_test(an_answer_is_written_as_the_api_does),
        cmocka_unit_test(every_finish_has_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
