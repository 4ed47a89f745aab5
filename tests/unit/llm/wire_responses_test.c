/*
 * Requests of the Responses API, read, and its whole answers, written.
 */
#include <math.h>

#include "core/attr.h"
#include "unit/llm/wired.h"

#define WITH       "{\"model\":\"m\",\"input\":\"hi\","
#define ITEMS(all) "{\"model\":\"m\",\"input\":[" all "]}"
#define TOOLS                                                                                      \
    "\"tools\":[{\"type\":\"function\",\"name\":\"a\",\"description\":\"d\",\"parameters\":{"      \
    "\"type\":\"object\"},\"strict\":true},{\"type\":\"function\",\"name\":\"b\"}]"

static void read_ok(struct wired *w, const char *body)
{
    wired_init(w);
    wired_read_ok(w, &wire_responses, body);
}

/* --- reading ----------------------------------------------------------------------------- */

static void a_string_is_what_the_user_says(void **state)
{
    struct wired w;
    (void)state;
    read_ok(&w, "{\"model\":\"m\",\"input\":\"hi\",\"instructions\":\"be brief\"}");
    assert_int_equal(w.request.message_count, 2);
    assert_int_equal(w.request.messages[0].role, MESSAGE_SYSTEM);
    assert_str(w.request.messages[0].parts[0].text, "be brief");
    assert_int_equal(w.request.messages[1].role, MESSAGE_USER);
    assert_str(w.request.messages[1].parts[0].text, "hi");
    assert_true(isnan(w.request.temperature));
    assert_int_equal(w.request.max_output, -1);
    assert_false(w.request.stream || w.request.asks_usage || w.request.thinking_shown);
    wired_dropped(&w, "");
    wired_release(&w);
}

static void items_in_a_row_are_one_message(void **state)
{
    struct wired w;
    (void)state;
    read_ok(
        &w,
        ITEMS("{\"role\":\"developer\",\"content\":\"d\"},"
              "{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
              "\"text\":\"q\"}]},"
              "{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":\"summary_text\","
              "\"text\":\"a\"},{\"type\":\"summary_text\",\"text\":\"b\"}],"
              "\"encrypted_content\":\"E\"},"
              "{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{\"type\":"
              "\"output_text\",\"text\":\"x\",\"annotations\":[]},{\"type\":\"refusal\","
              "\"refusal\":\"no\"}]},"
              "{\"type\":\"function_call\",\"id\":\"fc_1\",\"call_id\":\"c1\",\"name\":\"f\","
              "\"arguments\":\"{ }\"},"
              "{\"type\":\"function_call\",\"call_id\":\"c2\",\"name\":\"g\",\"arguments\":\"\"},"
              "{\"type\":\"function_call_output\",\"call_id\":\"c1\",\"output\":\"1\"},"
              "{\"type\":\"function_call_output\",\"call_id\":\"c2\",\"output\":[{\"type\":"
              "\"input_text\",\"text\":\"2\"},{\"type\":\"input_image\",\"image_url\":"
              "\"https://h/i\",\"detail\":\"low\"}]},"
              "{\"role\":\"user\",\"content\":\"r\"},"
              "{\"role\":\"assistant\",\"content\":\"s\"}"));

    static const enum message_role roles[] = {MESSAGE_DEVELOPER, MESSAGE_USER, MESSAGE_ASSISTANT,
                                              MESSAGE_USER,      MESSAGE_USER, MESSAGE_ASSISTANT};

    static const size_t counts[] = {1, 1, 5, 2, 1, 1};
    assert_int_equal(w.request.message_count, ARRAY_LEN(roles));
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        assert_int_equal(w.request.messages[i].role, roles[i]);
        assert_int_equal(w.request.messages[i].part_count, counts[i]);
    }
    const struct message_part *said = w.request.messages[2].parts;
    assert_int_equal(said[0].kind, MESSAGE_THINKING);
    assert_str(said[0].text, "a\n\nb");
    assert_str(said[0].signature, "E");
    assert_str(said[0].id, "rs_1");
    assert_false(said[0].redacted);
    assert_str(said[1].text, "x");
    assert_int_equal(said[2].kind, MESSAGE_REFUSAL);
    assert_str(said[3].id, "c1");
    assert_str(said[3].json, "{ }");
    const struct message_part *results = w.request.messages[3].parts;
    assert_str(results[0].name, "f");
    assert_str(results[1].name, "g");
    assert_int_equal(results[1].part_count, 2);
    assert_str(results[1].parts[1].url, "https://h/i");
    assert_str(results[1].parts[1].detail, "low");
    wired_dropped(&w, "");
    wired_release(&w);
}

static void thoughts_are_read_with_their_seals(void **state)
{
    struct wired w;
    (void)state;
    read_ok(&w, ITEMS("{\"type\":\"reasoning\",\"summary\":[],\"content\":[{\"type\":"
                      "\"reasoning_text\",\"text\":\"raw\"}]},"
                      "{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"S\"},"
                      "{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":"
                      "\"sealed.S\"}"));
    const struct message_part *said = w.request.messages[0].parts;
    assert_int_equal(w.request.messages[0].part_count, 3);
    assert_str(said[0].text, "raw");
    assert_str(said[1].signature, "S");
    assert_false(said[1].redacted);
    assert_str(said[2].signature, "S");
    assert_true(said[2].redacted);
    wired_release(&w);
}

static void content_of_every_kind_is_read(void **state)
{
    /* clang-format off */
    static const struct {
        const char *part;
        enum message_part_kind kind;
        const char *media_type, *data, *url, *file_id, *name;
    } rows[] = {
        {"{\"type\":\"input_image\",\"image_url\":\"https://h/a\"}", MESSAGE_IMAGE, "", "",
         "https://h/a", "", ""},
        {"{\"type\":\"input_image\",\"image_url\":\"data:image/gif;base64,R0lG\"}", MESSAGE_IMAGE,
         "image/gif", "R0lG", "", "", ""},
        {"{\"type\":\"input_image\",\"file_id\":\"f\"}", MESSAGE_IMAGE, "", "", "", "f", ""},
        {"{\"type\":\"input_file\",\"file_data\":\"data:application/pdf;base64,JVBE\","
         "\"filename\":\"a.pdf\"}", MESSAGE_FILE, "application/pdf", "JVBE", "", "", "a.pdf"},
        {"{\"type\":\"input_file\",\"file_url\":\"https://h/a.pdf\"}", MESSAGE_FILE, "", "",
         "https://h/a.pdf", "", ""},
        {"{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"UklG\",\"format\":\"wav\"}}",
         MESSAGE_AUDIO, "audio/wav", "UklG", "", "", ""},
    };

    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wired w;
        char body[512];
        snprintf(body, sizeof(body), ITEMS("{\"role\":\"user\",\"content\":[%s]}"), rows[i].part);
        read_ok(&w, body);
        const struct message_part *part = &w.request.messages[0].parts[0];
        assert_int_equal(part->kind, rows[i].kind);
        assert_str(part->media_type, rows[i].media_type);
        assert_str(part->data, rows[i].data);
        assert_str(part->url, rows[i].url);
        assert_str(part->file_id, rows[i].file_id);
        assert_str(part->name, rows[i].name);
        wired_release(&w);
    }
}

static void members_are_read(void **state)
{
    struct wired w;
    (void)state;
    read_ok(&w, WITH "\"stream\":true,\"stream_options\":{\"include_obfuscation\":false},"
                     "\"max_output_tokens\":9,\"temperature\":0.5,\"top_p\":0.25,"
                     "\"top_logprobs\":2,\"parallel_tool_calls\":false," TOOLS ","
                     "\"text\":{\"verbosity\":\"low\",\"format\":{\"type\":\"json_schema\","
                     "\"name\":\"n\",\"description\":\"d\",\"strict\":true,\"schema\":{\"a\":1}}},"
                     "\"reasoning\":{\"effort\":\"high\",\"summary\":\"auto\"},\"metadata\":{\"k\":"
                     "\"v\"},\"user\":\"u\",\"safety_identifier\":\"s\",\"service_tier\":\"flex\","
                     "\"prompt_cache_key\":\"p\",\"include\":[\"reasoning.encrypted_content\"],"
                     "\"truncation\":\"disabled\",\"store\":false,\"background\":false,"
                     "\"previous_response_id\":null}");
    const struct message_request *r = &w.request;
    assert_true(r->stream && r->asks_usage && r->logprobs && r->thinking_shown);
    assert_int_equal(r->max_output, 9);
    assert_int_equal(r->top_logprobs, 2);
    assert_true(r->temperature == 0.5 && r->top_p == 0.25);
    assert_int_equal(r->parallel_calls, 0);
    assert_int_equal(r->tool_count, 2);
    assert_str(r->tools[0].schema, "{\"type\":\"object\"}");
    assert_int_equal(r->tools[0].strict, 1);
    assert_int_equal(r->tools[1].strict, -1);
    assert_int_equal(r->format, MESSAGE_FORMAT_SCHEMA);
    assert_str(r->schema, "{\"a\":1}");
    assert_str(r->schema_name, "n");
    assert_str(r->schema_description, "d");
    assert_int_equal(r->schema_strict, 1);
    assert_str(r->verbosity, "low");
    assert_int_equal(r->effort, MESSAGE_EFFORT_HIGH);
    assert_str(r->metadata, "{\"k\":\"v\"}");
    assert_str(r->user, "s");
    assert_str(r->service_tier, "flex");
    assert_str(r->cache_key, "p");
    wired_dropped(&w, "");
    wired_release(&w);
}

static void the_choice_of_a_tool_is_read(void **state)
{
    static const struct {
        const char *choice;
        enum message_choice read;
        const char *name;
        size_t tools;
    } rows[] = {
        {"\"auto\"",                               MESSAGE_CHOICE_AUTO, "",  2},
        {"\"none\"",                               MESSAGE_CHOICE_NONE, "",  2},
        {"\"required\"",                           MESSAGE_CHOICE_ANY,  "",  2},
        {"{\"type\":\"function\",\"name\":\"b\"}", MESSAGE_CHOICE_TOOL, "b", 2},
        {"{\"type\":\"allowed_tools\",\"mode\":\"required\",\"tools\":[{\"type\":\"function\","
         "\"name\":\"b\"}]}",             MESSAGE_CHOICE_ANY,  "",  1},
        {"{\"type\":\"allowed_tools\",\"mode\":\"auto\",\"tools\":[{\"type\":\"function\","
         "\"name\":\"a\"}]}",             MESSAGE_CHOICE_AUTO, "",  1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wired w;
        char body[1024];
        snprintf(body, sizeof(body), WITH TOOLS ",\"tool_choice\":%s}", rows[i].choice);
        read_ok(&w, body);
        assert_int_equal(w.request.choice, rows[i].read);
        assert_str(w.request.choice_name, rows[i].name);
        assert_int_equal(w.request.tool_count, rows[i].tools);
        wired_release(&w);
    }
}

static void what_cannot_be_said_is_dropped_by_name(void **state)
{
    /* clang-format off */
    static const struct {
        const char *body;
        const char *dropped;
    } rows[] = {
        {WITH "\"store\":true}", "store"},
        {WITH "\"max_tool_calls\":3}", "max_tool_calls"},
        {WITH "\"prompt_cache_retention\":\"24h\"}", "prompt_cache_retention"},
        {WITH "\"prompt_cache_options\":{\"mode\":\"explicit\"}}", "prompt_cache_options"},
        {WITH "\"context_management\":[{\"type\":\"compaction\"}]}", "context_management"},
        {WITH "\"moderation\":{\"model\":\"x\"}}", "moderation"},
        {WITH "\"access_programs\":{\"cyber\":\"standard\"}}", "access_programs"},
        {WITH "\"background_options\":{\"continuation_id\":\"x\"}}", "background_options"},
        {WITH "\"image\":{\"context_compression\":\"auto\"}}", "image"},
        {WITH "\"truncation\":\"auto\"}", "truncation"},
        {WITH "\"include\":[\"reasoning.encrypted_content\",\"message.output_text.logprobs\"]}",
         "include[1]"},
        {WITH "\"unheard_of\":1}", "unheard_of"},
        {WITH "\"text\":{\"Format\":{\"a\":1}}}", "text.Format"},
        {WITH "\"reasoning\":{\"depth\":3}}", "reasoning.depth"},
        {WITH "\"tools\":[{\"type\":\"function\",\"name\":\"a\",\"x\":1}]}", "tools[0].x"},
        {ITEMS("{\"role\":\"user\",\"content\":\"x\",\"mood\":\"good\",\"status\":\"completed\"}"),
         "input[0].mood"},
    };

    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wired w;
        read_ok(&w, rows[i].body);
        wired_dropped(&w, rows[i].dropped);
        wired_release(&w);
    }
}

static void what_is_kept_or_hosted_is_refused(void **state)
{
    /* clang-format off */
    static const struct {
        const char *body;
        const char *field;
    } rows[] = {
        {WITH "\"previous_response_id\":\"resp_1\"}", "previous_response_id"},
        {WITH "\"conversation\":\"conv_1\"}", "conversation"},
        {WITH "\"conversation\":{\"id\":\"conv_1\"}}", "conversation"},
        {WITH "\"background\":true}", "background"},
        {WITH "\"prompt\":{\"id\":\"pmpt_1\"}}", "prompt"},
        {WITH "\"tools\":[{\"type\":\"web_search\"}]}", "tools[0].type"},
        {WITH "\"tools\":[{\"type\":\"file_search\"}]}", "tools[0].type"},
        {WITH "\"tools\":[{\"type\":\"computer_use_preview\"}]}", "tools[0].type"},
        {WITH "\"tools\":[{\"type\":\"code_interpreter\"}]}", "tools[0].type"},
        {WITH "\"tools\":[{\"type\":\"mcp\"}]}", "tools[0].type"},
        {WITH "\"tools\":[{\"type\":\"image_generation\"}]}", "tools[0].type"},
        {WITH "\"tools\":[{\"type\":\"local_shell\"}]}", "tools[0].type"},
        {WITH "\"tools\":[{\"type\":\"custom\",\"name\":\"x\"}]}", "tools[0].type"},
        {WITH TOOLS ",\"tool_choice\":{\"type\":\"web_search\"}}", "tool_choice.type"},
        {ITEMS("{\"type\":\"item_reference\",\"id\":\"x\"}"), "input[0]"},
        {ITEMS("{\"id\":\"x\"}"), "input[0]"},
        {ITEMS("{\"type\":\"web_search_call\",\"id\":\"x\"}"), "input[0].type"},
        {ITEMS("{\"type\":\"mcp_call\",\"id\":\"x\"}"), "input[0].type"},
        {ITEMS("{\"role\":\"user\",\"content\":[{\"type\":\"input_video\"}]}"),
         "input[0].content[0].type"},
        {WITH "\"text\":{\"format\":{\"type\":\"grammar\"}}}", "text.format.type"},
    };

    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wired w;
        wired_init(&w);
        wired_read_fails(&w, &wire_responses, rows[i].body, rows[i].field);
        assert_has(w.err.text, "cannot be expressed");
        wired_release(&w);
    }
}

static void what_is_wrong_is_named(void **state)
{
    /* clang-format off */
    static const struct {
        const char *body;
        const char *field;
    } rows[] = {
        {"{\"model\":\"m\"}", "input"},
        {"{\"model\":\"m\",\"input\":\"\"}", "input"},
        {"{\"model\":\"m\",\"input\":[]}", "input"},
        {"{\"model\":\"m\",\"input\":7}", "input"},
        {"{\"model\":7,\"input\":\"x\"}", "model"},
        {ITEMS("7"), "input[0]"},
        {ITEMS("{\"role\":\"tool\",\"content\":\"x\"}"), "input[0].role"},
        {ITEMS("{\"role\":\"user\"}"), "input[0].content"},
        {ITEMS("{\"role\":\"user\",\"content\":[7]}"), "input[0].content[0].type"},
        {ITEMS("{\"role\":\"user\",\"content\":[{\"type\":\"input_image\"}]}"),
         "input[0].content[0].image_url"},
        {ITEMS("{\"role\":\"user\",\"content\":[{\"type\":\"input_file\"}]}"),
         "input[0].content[0]"},
        {ITEMS("{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\"}]}"),
         "input[0].content[0].input_audio"},
        {ITEMS("{\"type\":\"function_call\",\"name\":\"f\"}"), "input[0].call_id"},
        {ITEMS("{\"type\":\"function_call\",\"call_id\":\"c\"}"), "input[0].name"},
        {ITEMS("{\"type\":\"function_call_output\",\"output\":\"x\"}"), "input[0].call_id"},
        {ITEMS("{\"type\":\"function_call_output\",\"call_id\":\"c\"}"), "input[0].output"},
        {ITEMS("{\"type\":\"reasoning\",\"summary\":\"x\"}"), "input[0].summary"},
        {WITH "\"instructions\":[]}", "instructions"},
        {WITH "\"tools\":[{}]}", "tools[0].type"},
        {WITH "\"tools\":[{\"type\":\"function\"}]}", "tools[0].name"},
        {WITH TOOLS ",\"tool_choice\":\"any\"}", "tool_choice"},
        {WITH TOOLS ",\"tool_choice\":{\"type\":\"function\"}}", "tool_choice"},
        {WITH TOOLS ",\"tool_choice\":{\"type\":\"allowed_tools\",\"tools\":[]}}",
         "tool_choice.mode"},
        {WITH TOOLS ",\"tool_choice\":{\"type\":\"allowed_tools\",\"mode\":\"auto\",\"tools\":[]}}",
         "tool_choice.tools"},
        {WITH "\"text\":{\"format\":{\"type\":\"json_schema\"}}}", "text.format.schema"},
        {WITH "\"text\":7}", "text"},
        {WITH "\"reasoning\":{\"effort\":\"immense\"}}", "reasoning.effort"},
        {WITH "\"max_output_tokens\":0}", "max_output_tokens"},
        {WITH "\"temperature\":\"x\"}", "temperature"},
        {WITH "\"stream\":1}", "stream"},
        {WITH "\"include\":7}", "include"},
        {WITH "\"truncation\":7}", "truncation"},
        {WITH "\"metadata\":[]}", "metadata"},
    };

    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wired w;
        wired_init(&w);
        wired_read_fails(&w, &wire_responses, rows[i].body, rows[i].field);
        wired_release(&w);
    }
}

/* Lists are refused before memory is taken for their elements. */
static void more_than_the_most_is_refused(void **state)
{
    struct buf body;
    (void)state;
    buf_init(&body, 64u << 20);
    for (int nested = 0; nested < 3; nested++) {
        int items = nested == 2 ? 16000 : 1;
        int parts = nested == 1 ? MESSAGE_COUNT_MAX + 1 : 9;
        buf_clear(&body);
        buf_puts(&body, "{\"model\":\"m\",\"input\":[");
        for (int i = 0; i < (nested == 0 ? MESSAGE_COUNT_MAX + 1 : items); i++) {
            buf_puts(&body, i > 0 ? "," : "");
            buf_puts(&body, "{\"role\":\"user\",\"content\":[7");
            for (int k = 1; k < parts; k++) {
                buf_puts(&body, ",7");
            }
            buf_puts(&body, "]}");
        }
        buf_puts(&body, "]}");
        struct wired w;
        wired_init(&w);
        wired_read_fails(&w, &wire_responses, buf_cstr(&body),
                         nested == 1 ? "input[0].content" : "input");
        assert_true(w.arena.total < (32u << 20) + body.n);
        wired_release(&w);
    }
    buf_release(&body);
}

/* --- answers ----------------------------------------------------------------------------- */

static void an_answer_is_written_as_the_api_does(void **state)
{
    struct message_citation cited = {.url = STR("u"), .title = STR("t"), .start = -1, .end = -1};
    struct message_part parts[] = {
        {.kind = MESSAGE_THINKING,  .text = STR("hm"),     .signature = STR("S")},
        {                    .kind = MESSAGE_THINKING,      .id = STR("rs_own"), .signature = STR("E"),      .redacted = true},
        {                    .kind = MESSAGE_TEXT, .text = STR("h\xc3\xa9"),   .citations = &cited,   .citation_count = 1},
        {                    .kind = MESSAGE_REFUSAL,        .text = STR("no")                     },
        { .kind = MESSAGE_CALL,        .id = STR("c"),                             .name = STR("f"),   .json = STR("{}")},
    };
    struct wired w;
    struct wire_asked asked = {.request = &w.request,
                               .body = STR("{\"instructions\":\"be\",\"tools\":[{\"x\":1}],"
                                           "\"temperature\":0.5,\"user\":null}"),
                               .id = STR("w1"),
                               .created_s = 77};
    (void)state;
    wired_init(&w);
    w.request.model = STR("asked");
    w.answer.parts = parts;
    w.answer.part_count = ARRAY_LEN(parts);
    w.answer.finish = MESSAGE_FINISH_CALLS;
    w.answer.usage = (struct usage){.input = 9,
                                    .cached = 4,
                                    .cache_write = 1,
                                    .cache_write_1h = 2,
                                    .output = 5,
                                    .reasoning = 3};
    wire_responses.write_answer(&w.answer, &asked, &w.out);
    assert_str(
        buf_str(&w.out),
        "{\"id\":\"resp_w1\",\"object\":\"response\",\"created_at\":77,\"status\":\"completed\","
        "\"background\":false,\"error\":null,\"incomplete_details\":null,\"model\":\"asked\","
        "\"output\":[{\"id\":\"rs_w1_0\",\"type\":\"reasoning\",\"summary\":[{\"type\":"
        "\"summary_text\",\"text\":\"hm\"}],\"encrypted_content\":\"S\"},{\"id\":\"rs_own\","
        "\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"sealed.E\"},{\"id\":"
        "\"msg_w1_2\",\"type\":\"message\",\"role\":\"assistant\",\"status\":\"completed\","
        "\"content\":[{\"type\":\"output_text\",\"text\":\"h\xc3\xa9\",\"annotations\":[{\"type\":"
        "\"url_citation\",\"start_index\":0,\"end_index\":2,\"title\":\"t\",\"url\":\"u\"}],"
        "\"logprobs\":[]},{\"type\":\"refusal\",\"refusal\":\"no\"}]},{\"id\":\"fc_w1_3\","
        "\"type\":\"function_call\",\"status\":\"completed\",\"call_id\":\"c\",\"name\":\"f\","
        "\"arguments\":\"{}\"}],\"previous_response_id\":null,\"store\":false,\"instructions\":"
        "\"be\",\"max_output_tokens\":null,\"max_tool_calls\":null,\"metadata\":{},"
        "\"parallel_tool_calls\":true,\"prompt_cache_key\":null,\"reasoning\":{\"effort\":null,"
        "\"summary\":null},\"safety_identifier\":null,\"temperature\":0.5,\"text\":{\"format\":{"
        "\"type\":\"text\"}},\"tool_choice\":\"auto\",\"tools\":[{\"x\":1}],\"top_logprobs\":0,"
        "\"top_p\":1.0,\"truncation\":\"disabled\",\"user\":null,\"usage\":{\"input_tokens\":9,"
        "\"input_tokens_details\":{\"cached_tokens\":4,\"cache_write_tokens\":3},"
        "\"output_tokens\":5,\"output_tokens_details\":{\"reasoning_tokens\":3},"
        "\"total_tokens\":14}}");
    wired_release(&w);
}

static void an_answer_that_was_cut_is_incomplete(void **state)
{
    /* clang-format off */
    static const struct {
        enum message_finish finish;
        const char *status;
    } rows[] = {
        {MESSAGE_FINISH_NONE, "\"status\":\"completed\",\"background\":false,\"error\":null,"
                              "\"incomplete_details\":null"},
        {MESSAGE_FINISH_STOP, "\"incomplete_details\":null"},
        {MESSAGE_FINISH_SEQUENCE, "\"incomplete_details\":null"},
        {MESSAGE_FINISH_CALLS, "\"incomplete_details\":null"},
        {MESSAGE_FINISH_PAUSE, "\"incomplete_details\":null"},
        {MESSAGE_FINISH_LENGTH, "\"status\":\"incomplete\",\"background\":false,\"error\":null,"
                                "\"incomplete_details\":{\"reason\":\"max_output_tokens\"}"},
        {MESSAGE_FINISH_FILTER, "\"incomplete_details\":{\"reason\":\"content_filter\"}"},
    };

    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wired w;
        struct wire_asked asked = {.request = &w.request, .body = STR("{}"), .id = STR("w")};
        wired_init(&w);
        w.answer.id = STR("resp_given");
        w.answer.finish = rows[i].finish;
        wire_responses.write_answer(&w.answer, &asked, &w.out);
        assert_has(buf_cstr(&w.out), rows[i].status);
        assert_has(buf_cstr(&w.out), "\"id\":\"resp_given\"");
        wired_release(&w);
    }
}

/* A client that gives an answer's output back as input has given back all of it. */
static void what_was_answered_can_be_given_back(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct wired w;
        struct generate g;
        struct message_answer made;
        struct buf body;
        wired_init(&w);
        generate_init(&g, &w.arena, seed,
                      GENERATE_THINKING | GENERATE_REDACTED | GENERATE_REFUSAL |
                          GENERATE_CITATIONS);
        generate_answer(&g, &made);
        struct wire_asked asked = {.request = &w.request, .body = STR("{}"), .id = STR("w")};
        wire_responses.write_answer(&made, &asked, &w.out);
        yyjson_val *response = wire_json_body(buf_str(&w.out), &w.arena, &w.err);
        buf_init(&body, WIRED_BYTES_MAX);
        buf_puts(&body, "{\"model\":\"m\",\"input\":");
        json_write(&body, yyjson_obj_get(response, "output"));
        buf_putc(&body, '}');
        wired_read_ok(&w, &wire_responses, buf_cstr(&body));
        wired_dropped(&w, "");
        assert_int_equal(w.request.message_count, 1);
        w.answer = made;
        w.answer.parts = w.request.messages[0].parts;
        w.answer.part_count = w.request.messages[0].part_count;
        meaning_same_answer(&w.answer, &made, "given back");
        buf_release(&body);
        wired_release(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_string_is_what_the_user_says),
        cmocka_unit_test(items_in_a_row_are_one_message),
        cmocka_unit_test(thoughts_are_read_with_their_seals),
        cmocka_unit_test(content_of_every_kind_is_read),
        cmocka_unit_test(members_are_read),
        cmocka_unit_test(the_choice_of_a_tool_is_read),
        cmocka_unit_test(what_cannot_be_said_is_dropped_by_name),
        cmocka_unit_test(what_is_kept_or_hosted_is_refused),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(more_than_the_most_is_refused),
        cmocka_unit_test(an_answer_is_written_as_the_api_does),
        cmocka_unit_test(an_answer_that_was_cut_is_incomplete),
        cmocka_unit_test(what_was_answered_can_be_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
