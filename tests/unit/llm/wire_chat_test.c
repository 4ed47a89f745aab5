/*
 * Requests of the chat API, read and written. What random requests show as a whole stands in
 * wire_chat_meaning_test.c; here is each feature by itself, and what is refused or left out.
 */
#include <math.h>

#include "core/attr.h"
#include "unit/llm/wired.h"

#define HI   "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define WITH "{\"model\":\"m\"," HI ","
#define SAID(message)                                                                              \
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}," message "]}"
#define TOOLS                                                                                      \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\",\"description\":\"d\","        \
    "\"parameters\":{\"type\":\"object\"},\"strict\":true}},"                                      \
    "{\"type\":\"function\",\"function\":{\"name\":\"b\"}}]"

/* A request that is read, and the one part of its last message. */
static const struct message_part *only_part(struct wired *w, const char *body)
{
    wired_init(w);
    wired_read_ok(w, &wire_chat, body);
    const struct message *last = &w->request.messages[w->request.message_count - 1];
    assert_int_equal(last->part_count, 1);
    return &last->parts[0];
}

/* --- reading ----------------------------------------------------------------------------- */

static void a_small_request_asks_for_nothing_else(void **state)
{
    struct wired w;
    (void)state;
    wired_init(&w);
    wired_read_ok(&w, &wire_chat, "{\"model\":\"m\"," HI "}");
    const struct message_request *r = &w.request;
    assert_str(r->model, "m");
    assert_int_equal(r->message_count, 1);
    assert_int_equal(r->messages[0].role, MESSAGE_USER);
    assert_str(r->messages[0].parts[0].text, "hi");
    assert_false(r->stream || r->asks_usage || r->has_seed || r->logprobs || r->legacy_calls);
    assert_int_equal(r->max_output, -1);
    assert_int_equal(r->n, 1);
    assert_int_equal(r->parallel_calls, -1);
    assert_int_equal(r->top_k, -1);
    assert_int_equal(r->thinking_budget, -1);
    assert_true(isnan(r->temperature) && isnan(r->top_p));
    assert_true(isnan(r->presence_penalty) && isnan(r->frequency_penalty));
    assert_int_equal(r->tool_count + r->stop_count, 0);
    assert_int_equal(r->choice, MESSAGE_CHOICE_UNSET);
    assert_int_equal(r->effort, MESSAGE_EFFORT_UNSET);
    wired_dropped(&w, "");
    wired_release(&w);
}

static void roles_and_names_are_read_where_they_stand(void **state)
{
    static const enum message_role roles[] = {MESSAGE_SYSTEM, MESSAGE_USER, MESSAGE_ASSISTANT,
                                              MESSAGE_DEVELOPER, MESSAGE_USER};
    struct wired w;
    (void)state;
    wired_init(&w);
    wired_read_ok(&w, &wire_chat,
                  "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},"
                  "{\"role\":\"user\",\"name\":\"ann\",\"content\":\"1\"},"
                  "{\"role\":\"assistant\",\"content\":\"2\"},"
                  "{\"role\":\"developer\",\"content\":[{\"type\":\"text\",\"text\":\"3\"}]},"
                  "{\"role\":\"user\",\"content\":\"4\"}]}");
    assert_int_equal(w.request.message_count, ARRAY_LEN(roles));
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        assert_int_equal(w.request.messages[i].role, roles[i]);
        assert_int_equal(w.request.messages[i].part_count, 1);
    }
    assert_str(w.request.messages[1].name, "ann");
    assert_str(w.request.messages[3].parts[0].text, "3");
    wired_release(&w);
}

static void content_of_every_kind_is_read(void **state)
{
    /* clang-format off */
    static const struct {
        const char *part;
        enum message_part_kind kind;
        const char *media_type, *data, *url, *file_id, *name, *detail;
    } rows[] = {
        {"{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://h/a.png\",\"detail\":\"low\"}}",
         MESSAGE_IMAGE, "", "", "https://h/a.png", "", "", "low"},
        {"{\"type\":\"image_url\",\"image_url\":\"https://h/a.png\"}", MESSAGE_IMAGE, "", "",
         "https://h/a.png", "", "", ""},
        {"{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,AAAA\"}}",
         MESSAGE_IMAGE, "image/png", "AAAA", "", "", "", ""},
        {"{\"type\":\"image_url\",\"image_url\":{\"url\":\"DATA:image/png;x=1;base64,AAAA\"}}",
         MESSAGE_IMAGE, "image/png", "AAAA", "", "", "", ""},
        {"{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png,AAAA\"}}", MESSAGE_IMAGE,
         "", "", "data:image/png,AAAA", "", "", ""},
        {"{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"UklG\",\"format\":\"mp3\"}}",
         MESSAGE_AUDIO, "audio/mpeg", "UklG", "", "", "", ""},
        {"{\"type\":\"input_audio\",\"input_audio\":{\"data\":\"UklG\",\"format\":\"flac\"}}",
         MESSAGE_AUDIO, "audio/flac", "UklG", "", "", "", ""},
        {"{\"type\":\"file\",\"file\":{\"file_data\":\"data:application/pdf;base64,JVBE\","
         "\"filename\":\"a.pdf\"}}", MESSAGE_FILE, "application/pdf", "JVBE", "", "", "a.pdf", ""},
        {"{\"type\":\"file\",\"file\":{\"file_id\":\"file-1\"}}", MESSAGE_FILE, "", "", "",
         "file-1", "", ""},
    };

    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wired w;
        char body[512];
        snprintf(body, sizeof(body), SAID("{\"role\":\"user\",\"content\":[%s]}"), rows[i].part);
        const struct message_part *part = only_part(&w, body);
        assert_int_equal(part->kind, rows[i].kind);
        assert_str(part->media_type, rows[i].media_type);
        assert_str(part->data, rows[i].data);
        assert_str(part->url, rows[i].url);
        assert_str(part->file_id, rows[i].file_id);
        assert_str(part->name, rows[i].name);
        assert_str(part->detail, rows[i].detail);
        wired_dropped(&w, "");
        wired_release(&w);
    }
}

static void calls_and_results_are_paired(void **state)
{
    struct wired w;
    (void)state;
    wired_init(&w);
    wired_read_ok(
        &w, &wire_chat,
        SAID("{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"c1\",\"type\":"
             "\"function\",\"function\":{\"name\":\"a\",\"arguments\":\"{ \\\"x\\\": 1.0}\"}},"
             "{\"id\":\"c2\",\"type\":\"function\",\"function\":{\"name\":\"b\",\"arguments\":"
             "\"\"}}]},"
             "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":\"two\"},"
             "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":[{\"type\":\"text\",\"text\":"
             "\"one\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://h/i\"}}]},"
             "{\"role\":\"user\",\"content\":\"go on\"}"));
    assert_int_equal(w.request.message_count, 4);
    const struct message *calls = &w.request.messages[1];
    assert_int_equal(calls->part_count, 2);
    assert_str(calls->parts[0].json, "{ \"x\": 1.0}");
    assert_str(calls->parts[1].json, "");
    const struct message *results = &w.request.messages[2];
    assert_int_equal(results->role, MESSAGE_USER);
    assert_int_equal(results->part_count, 2);
    assert_int_equal(results->parts[0].kind, MESSAGE_RESULT);
    assert_str(results->parts[0].id, "c2");
    assert_str(results->parts[0].name, "b");
    assert_str(results->parts[1].name, "a");
    assert_int_equal(results->parts[1].part_count, 2);
    assert_int_equal(results->parts[1].parts[1].kind, MESSAGE_IMAGE);
    assert_str(w.request.messages[3].parts[0].text, "go on");
    wired_release(&w);
}

static void results_behind_a_message_begin_anew(void **state)
{
    struct wired w;
    (void)state;
    wired_init(&w);
    wired_read_ok(&w, &wire_chat,
                  SAID("{\"role\":\"tool\",\"tool_call_id\":\"x\",\"content\":\"1\"},"
                       "{\"role\":\"user\",\"content\":\"2\"},"
                       "{\"role\":\"tool\",\"tool_call_id\":\"y\",\"content\":\"3\"},"
                       "{\"role\":\"tool\",\"tool_call_id\":\"z\",\"content\":\"4\","
                       "\"is_error\":true}"));
    assert_int_equal(w.request.message_count, 4);
    assert_int_equal(w.request.messages[1].part_count, 1);
    assert_int_equal(w.request.messages[3].part_count, 2);
    assert_str(w.request.messages[3].parts[1].id, "z");
    assert_str(w.request.messages[3].parts[1].name, "");
    assert_true(w.request.messages[3].parts[1].failed);
    wired_release(&w);
}

static void functions_of_the_old_kind_are_read(void **state)
{
    struct wired w;
    (void)state;
    wired_init(&w);
    wired_read_ok(&w, &wire_chat,
                  "{\"model\":\"m\",\"functions\":[{\"name\":\"f\",\"parameters\":{}}],"
                  "\"function_call\":{\"name\":\"f\"},\"messages\":["
                  "{\"role\":\"user\",\"content\":\"hi\"},"
                  "{\"role\":\"assistant\",\"content\":null,\"function_call\":{\"name\":\"f\","
                  "\"arguments\":\"{}\"}},"
                  "{\"role\":\"function\",\"name\":\"f\",\"content\":\"done\"}]}");
    assert_true(w.request.legacy_calls);
    assert_int_equal(w.request.tool_count, 1);
    assert_int_equal(w.request.choice, MESSAGE_CHOICE_TOOL);
    assert_str(w.request.choice_name, "f");
    const struct message_part *call = &w.request.messages[1].parts[0];
    const struct message_part *result = &w.request.messages[2].parts[0];
    assert_int_equal(call->kind, MESSAGE_CALL);
    assert_true(call->id.n > 0);
    assert_same(result->id, call->id);
    assert_str(result->name, "f");
    wired_release(&w);
}

static void thoughts_are_read_from_every_field(void **state)
{
    static const char *const fields[] = {
        "\"reasoning_content\":\"hm\"",
        "\"reasoning\":\"hm\"",
        "\"thinking\":\"hm\"",
        "\"reasoning_details\":[{\"type\":\"reasoning.text\",\"text\":\"hm\"}]",
        "\"reasoning_details\":[{\"type\":\"reasoning.summary\",\"summary\":\"hm\"}]",
        ("\"reasoning\":\"hm\",\"reasoning_details\":[{\"type\":\"reasoning.text\",\"index\":0,"
         "\"text\":\"h\"},{\"type\":\"reasoning.text\",\"index\":0,\"text\":\"m\"}]"),
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct wired w;
        char body[512];
        snprintf(body, sizeof(body), SAID("{\"role\":\"assistant\",\"content\":null,%s}"),
                 fields[i]);
        const struct message_part *part = only_part(&w, body);
        assert_int_equal(part->kind, MESSAGE_THINKING);
        assert_str(part->text, "hm");
        assert_false(part->redacted);
        wired_release(&w);
    }
}

static void seals_of_thoughts_are_read(void **state)
{
    struct wired w;
    (void)state;
    wired_init(&w);
    wired_read_ok(
        &w, &wire_chat,
        SAID("{\"role\":\"assistant\",\"content\":\"x\",\"reasoning_details\":["
             "{\"type\":\"reasoning.text\",\"text\":\"a\",\"signature\":\"S1\",\"index\":0},"
             "{\"type\":\"reasoning.text\",\"text\":\"\",\"signature\":\"S2\",\"index\":1},"
             "{\"type\":\"reasoning.encrypted\",\"data\":\"E1\",\"id\":\"r1\",\"index\":2},"
             "{\"type\":\"reasoning.summary\",\"summary\":\"b\",\"id\":\"r2\"},"
             "{\"type\":\"reasoning.encrypted\",\"data\":\"E2\",\"id\":\"r2\"}]}"));
    const struct message *m = &w.request.messages[1];
    assert_int_equal(m->part_count, 5);
    assert_str(m->parts[0].signature, "S1");
    assert_str(m->parts[1].signature, "S2");
    assert_false(m->parts[1].redacted);
    assert_str(m->parts[2].signature, "E1");
    assert_true(m->parts[2].redacted);
    assert_str(m->parts[3].text, "b");
    assert_str(m->parts[3].signature, "E2");
    assert_str(m->parts[3].id, "r2");
    assert_false(m->parts[3].redacted);
    assert_int_equal(m->parts[4].kind, MESSAGE_TEXT);
    wired_release(&w);
}

static void cache_markers_are_read(void **state)
{
    static const struct {
        const char *marker;
        enum message_cache cache;
    } rows[] = {
        {"\"cache_control\":{\"type\":\"ephemeral\"}",                          MESSAGE_CACHE_5M},
        {"\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"5m\"}",           MESSAGE_CACHE_5M},
        {"\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}",           MESSAGE_CACHE_1H},
        {"\"prompt_cache_breakpoint\":{\"mode\":\"explicit\"}",                 MESSAGE_CACHE_5M},
        {"\"prompt_cache_breakpoint\":{\"mode\":\"explicit\",\"ttl\":\"30m\"}", MESSAGE_CACHE_1H},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wired w;
        char body[512];
        snprintf(body, sizeof(body),
                 SAID("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\",%s}]}"),
                 rows[i].marker);
        assert_int_equal(only_part(&w, body)->cache, rows[i].cache);
        wired_release(&w);
    }
}

static void tools_and_the_choice_of_one_are_read(void **state)
{
    /* clang-format off */
    static const struct {
        const char *choice;
        enum message_choice read;
        const char *name;
        size_t tools;
    } rows[] = {
        {"\"auto\"", MESSAGE_CHOICE_AUTO, "", 2},
        {"\"none\"", MESSAGE_CHOICE_NONE, "", 2},
        {"\"required\"", MESSAGE_CHOICE_ANY, "", 2},
        {"\"any\"", MESSAGE_CHOICE_ANY, "", 2},
        {"{\"type\":\"function\",\"function\":{\"name\":\"b\"}}", MESSAGE_CHOICE_TOOL, "b", 2},
        {"{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"required\",\"tools\":[{"
         "\"type\":\"function\",\"function\":{\"name\":\"b\"}}]}}", MESSAGE_CHOICE_ANY, "", 1},
        {"{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":\"auto\",\"tools\":[{"
         "\"type\":\"function\",\"function\":{\"name\":\"a\"}},{\"type\":\"function\","
         "\"function\":{\"name\":\"b\"}}]}}", MESSAGE_CHOICE_AUTO, "", 2},
    };

    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wired w;
        char body[1024];
        snprintf(body, sizeof(body), WITH TOOLS ",\"tool_choice\":%s}", rows[i].choice);
        wired_init(&w);
        wired_read_ok(&w, &wire_chat, body);
        assert_int_equal(w.request.choice, rows[i].read);
        assert_str(w.request.choice_name, rows[i].name);
        assert_int_equal(w.request.tool_count, rows[i].tools);
        wired_release(&w);
    }
}

static void members_are_read(void **state)
{
    struct wired w;
    (void)state;
    wired_init(&w);
    wired_read_ok(&w, &wire_chat,
                  WITH
                  "\"stream\":true,\"stream_options\":{\"include_usage\":true},"
                  "\"max_tokens\":5,\"max_completion_tokens\":7,\"n\":3,\"stop\":[\"a\",\"b\"],"
                  "\"temperature\":0.5,\"top_p\":1,\"presence_penalty\":-1.5,"
                  "\"frequency_penalty\":2,\"seed\":-9,\"logprobs\":true,\"top_logprobs\":4,"
                  "\"logit_bias\":{\"5\":-100},\"reasoning_effort\":\"high\",\"top_k\":40,"
                  "\"verbosity\":\"low\",\"user\":\"u\",\"safety_identifier\":\"s\","
                  "\"metadata\":{\"k\":\"v\"},\"service_tier\":\"flex\","
                  "\"prompt_cache_key\":\"p\",\"parallel_tool_calls\":false,"
                  "\"modalities\":[\"text\"],\"store\":false,\"audio\":null}");
    const struct message_request *r = &w.request;
    assert_true(r->stream && r->asks_usage && r->has_seed && r->logprobs);
    assert_int_equal(r->max_output, 7);
    assert_int_equal(r->n, 3);
    assert_int_equal(r->stop_count, 2);
    assert_str(r->stop[1], "b");
    assert_true(r->temperature == 0.5 && r->top_p == 1);
    assert_true(r->presence_penalty == -1.5 && r->frequency_penalty == 2);
    assert_int_equal(r->seed, -9);
    assert_int_equal(r->top_logprobs, 4);
    assert_int_equal(r->top_k, 40);
    assert_int_equal(r->effort, MESSAGE_EFFORT_HIGH);
    assert_int_equal(r->parallel_calls, 0);
    assert_str(r->logit_bias, "{\"5\":-100}");
    assert_str(r->verbosity, "low");
    assert_str(r->user, "s");
    assert_str(r->metadata, "{\"k\":\"v\"}");
    assert_str(r->service_tier, "flex");
    assert_str(r->cache_key, "p");
    wired_dropped(&w, "");
    wired_release(&w);
}

static void ways_of_asking_for_thoughts_are_read(void **state)
{
    /* clang-format off */
    static const struct {
        const char *member;
        enum message_effort effort;
        int64_t budget;
        bool adaptive, shown;
    } rows[] = {
        {"\"reasoning_effort\":\"none\"", MESSAGE_EFFORT_NONE, -1, false, false},
        {"\"reasoning_effort\":\"minimal\"", MESSAGE_EFFORT_MINIMAL, -1, false, false},
        {"\"reasoning_effort\":\"low\"", MESSAGE_EFFORT_LOW, -1, false, false},
        {"\"reasoning_effort\":\"medium\"", MESSAGE_EFFORT_MEDIUM, -1, false, false},
        {"\"reasoning_effort\":\"high\"", MESSAGE_EFFORT_HIGH, -1, false, false},
        {"\"reasoning_effort\":\"xhigh\"", MESSAGE_EFFORT_MAX, -1, false, false},
        {"\"reasoning_effort\":\"max\"", MESSAGE_EFFORT_MAX, -1, false, false},
        {"\"reasoning_effort\":null", MESSAGE_EFFORT_UNSET, -1, false, false},
        {"\"reasoning\":{\"effort\":\"low\"}", MESSAGE_EFFORT_LOW, -1, false, true},
        {"\"reasoning\":{\"effort\":\"low\",\"exclude\":true}", MESSAGE_EFFORT_LOW, -1, false,
         false},
        {"\"reasoning\":{\"max_tokens\":3000}", MESSAGE_EFFORT_UNSET, 3000, false, true},
        {"\"reasoning\":{\"enabled\":true}", MESSAGE_EFFORT_UNSET, -1, true, true},
        {"\"reasoning\":{\"enabled\":false}", MESSAGE_EFFORT_UNSET, 0, false, false},
        {"\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2000}", MESSAGE_EFFORT_UNSET, 2000,
         false, true},
        {"\"thinking\":{\"type\":\"adaptive\"}", MESSAGE_EFFORT_UNSET, -1, true, true},
        {"\"thinking\":{\"type\":\"disabled\"}", MESSAGE_EFFORT_UNSET, 0, false, false},
        {"\"include_reasoning\":true", MESSAGE_EFFORT_UNSET, -1, false, true},
    };

    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wired w;
        char body[256];
        snprintf(body, sizeof(body), WITH "%s}", rows[i].member);
        wired_init(&w);
        wired_read_ok(&w, &wire_chat, body);
        assert_int_equal(w.request.effort, rows[i].effort);
        assert_int_equal(w.request.thinking_budget, rows[i].budget);
        assert_int_equal(w.request.thinking_adaptive, rows[i].adaptive);
        assert_int_equal(w.request.thinking_shown, rows[i].shown);
        wired_release(&w);
    }
}

static void formats_are_read(void **state)
{
    struct wired w;
    (void)state;
    wired_init(&w);
    wired_read_ok(&w, &wire_chat, WITH "\"response_format\":{\"type\":\"text\"}}");
    assert_int_equal(w.request.format, MESSAGE_FORMAT_TEXT);
    wired_read_ok(&w, &wire_chat, WITH "\"response_format\":{\"type\":\"json_object\"}}");
    assert_int_equal(w.request.format, MESSAGE_FORMAT_JSON);
    wired_read_ok(&w, &wire_chat,
                  WITH "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":"
                       "\"n\",\"description\":\"d\",\"strict\":false,\"schema\":{\"b\":1,\"a\":"
                       "2}}}}");
    assert_int_equal(w.request.format, MESSAGE_FORMAT_SCHEMA);
    assert_str(w.request.schema_name, "n");
    assert_str(w.request.schema_description, "d");
    assert_int_equal(w.request.schema_strict, 0);
    assert_str(w.request.schema, "{\"b\":1,\"a\":2}");
    wired_release(&w);
}

static void what_cannot_be_said_is_dropped_by_name(void **state)
{
    /* clang-format off */
    static const struct {
        const char *body;
        const char *dropped;
    } rows[] = {
        {WITH "\"store\":true}", "store"},
        {WITH "\"prediction\":{\"type\":\"content\",\"content\":\"x\"}}", "prediction"},
        {WITH "\"prompt_cache_retention\":\"24h\"}", "prompt_cache_retention"},
        {WITH "\"prompt_cache_options\":{\"mode\":\"explicit\"}}", "prompt_cache_options"},
        {WITH "\"moderation\":{\"model\":\"x\"}}", "moderation"},
        {WITH "\"min_p\":0.1,\"repetition_penalty\":1.1}", "min_p, repetition_penalty"},
        {WITH "\"chat_template_kwargs\":{},\"x\\ny\":1}", "x?y"},
        {SAID("{\"role\":\"assistant\",\"content\":\"x\",\"audio\":{\"id\":\"a\"}}"),
         "messages[1].audio"},
        {WITH "\"reasoning\":{\"effort\":\"low\",\"depth\":3}}", "reasoning.depth"},
        {WITH "\"tools\":[{\"type\":\"function\",\"colour\":1,\"function\":{\"name\":\"a\",\"x\":1}}]}",
         "tools[0].colour, tools[0].function.x"},
        {SAID("{\"role\":\"user\",\"content\":\"x\",\"mood\":\"good\"}"), "messages[1].mood"},
    };

    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wired w;
        wired_init(&w);
        wired_read_ok(&w, &wire_chat, rows[i].body);
        wired_dropped(&w, rows[i].dropped);
        /* A strict policy refuses the same. */
        message_notes_init(&w.notes, &w.arena, true, "there");
        assert_int_equal(wired_read(&w, &wire_chat, rows[i].body), ERR_INVALID);
        assert_true(w.notes.refused[0] != '\0');
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
        {"{\"model\":\"m\"}", "messages"},
        {"{\"model\":\"m\",\"messages\":[]}", "messages"},
        {"{\"model\":\"m\",\"messages\":{}}", "messages"},
        {"{\"model\":\"m\",\"messages\":[1]}", "messages[0]"},
        {"{\"model\":\"m\",\"messages\":[{}]}", "messages[0].role"},
        {"{\"model\":7," HI "}", "model"},
        {SAID("{\"role\":\"robot\",\"content\":\"x\"}"), "messages[1].role"},
        {SAID("{\"role\":\"user\",\"content\":7}"), "messages[1].content"},
        {SAID("{\"role\":\"user\",\"content\":[{}]}"), "messages[1].content[0].type"},
        {SAID("{\"role\":\"user\",\"content\":[7]}"), "messages[1].content[0].type"},
        {SAID("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":1}]}"),
         "messages[1].content[0].text"},
        {SAID("{\"role\":\"user\",\"content\":[{\"type\":\"video_url\"}]}"),
         "messages[1].content[0].type"},
        {SAID("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}"),
         "messages[1].content[0].image_url.url"},
        {SAID("{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"input_audio\":{}}]}"),
         "messages[1].content[0].input_audio"},
        {SAID("{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{}}]}"),
         "messages[1].content[0].file"},
        {SAID("{\"role\":\"tool\",\"content\":\"x\"}"), "messages[1].tool_call_id"},
        {SAID("{\"role\":\"function\",\"content\":\"x\"}"), "messages[1].role"},
        {SAID("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"x\",\"function\":{}}]}"),
         "messages[1].tool_calls[0].function.name"},
        {SAID("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"x\",\"type\":\"custom\"}]}"),
         "messages[1].tool_calls[0].type"},
        {WITH "\"tools\":[{\"type\":\"custom\",\"custom\":{}}]}", "tools[0].type"},
        {WITH "\"tools\":[{}]}", "tools[0].type"},
        {WITH "\"tools\":[{\"type\":\"function\"}]}", "tools[0].function.name"},
        {WITH TOOLS ",\"tool_choice\":\"always\"}", "tool_choice"},
        {WITH TOOLS ",\"tool_choice\":{\"type\":\"function\"}}", "tool_choice"},
        {WITH TOOLS ",\"tool_choice\":{\"type\":\"custom\"}}", "tool_choice.type"},
        {WITH TOOLS ",\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{\"mode\":"
                    "\"auto\",\"tools\":[]}}}", "tool_choice.allowed_tools.tools"},
        {WITH TOOLS ",\"tool_choice\":{\"type\":\"allowed_tools\",\"allowed_tools\":{}}}",
         "tool_choice.allowed_tools.mode"},
        {WITH "\"response_format\":{\"type\":\"grammar\"}}", "response_format.type"},
        {WITH "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"name\":\"n\"}}}",
         "response_format.json_schema.schema"},
        {WITH "\"stop\":7}", "stop"},
        {WITH "\"stop\":[7]}", "stop"},
        {WITH "\"temperature\":\"hot\"}", "temperature"},
        {WITH "\"max_tokens\":0}", "max_tokens"},
        {WITH "\"max_completion_tokens\":1.5}", "max_completion_tokens"},
        {WITH "\"n\":0}", "n"},
        {WITH "\"stream\":\"yes\"}", "stream"},
        {WITH "\"seed\":\"x\"}", "seed"},
        {WITH "\"logit_bias\":[]}", "logit_bias"},
        {WITH "\"reasoning_effort\":\"immense\"}", "reasoning_effort"},
        {WITH "\"reasoning\":{\"effort\":7}}", "reasoning.effort"},
        {WITH "\"thinking\":{\"type\":\"deep\"}}", "thinking.type"},
        {WITH "\"modalities\":[\"text\",\"audio\"]}", "modalities"},
        {WITH "\"audio\":{\"voice\":\"alloy\"}}", "audio"},
        {WITH "\"web_search_options\":{\"search_context_size\":\"low\"}}", "web_search_options"},
        {WITH "\"plugins\":[{\"id\":\"web\"}]}", "plugins"},
    };

    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wired w;
        wired_init(&w);
        wired_read_fails(&w, &wire_chat, rows[i].body, rows[i].field);
        wired_release(&w);
    }
}

static void text_that_is_no_request_is_refused(void **state)
{
    static const char *const bodies[] = {"", "[]", "7", "{", "{\"model\":\"m\",}"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct wired w;
        wired_init(&w);
        assert_int_equal(wired_read(&w, &wire_chat, bodies[i]), ERR_INVALID);
        assert_true(w.err.text[0] != '\0');
        wired_release(&w);
    }
}

static void more_than_the_most_is_refused(void **state)
{
    struct wired w;
    struct buf body;
    (void)state;
    wired_init(&w);
    buf_init(&body, 8u << 20);
    buf_puts(&body, "{\"model\":\"m\",\"messages\":[");
    for (int i = 0; i <= MESSAGE_COUNT_MAX; i++) {
        buf_puts(&body, i > 0 ? ",{\"role\":\"user\",\"content\":\"x\"}"
                              : "{\"role\":\"user\",\"content\":\"x\"}");
    }
    buf_puts(&body, "]}");
    wired_read_fails(&w, &wire_chat, buf_cstr(&body), "messages");

    buf_clear(&body);
    buf_puts(&body, WITH "\"stop\":[");
    for (int i = 0; i <= MESSAGE_STOP_MAX; i++) {
        buf_puts(&body, i > 0 ? ",\"x\"" : "\"x\"");
    }
    buf_puts(&body, "]}");
    wired_read_fails(&w, &wire_chat, buf_cstr(&body), "stop");
    buf_release(&body);
    wired_release(&w);
}

/* --- writing ----------------------------------------------------------------------------- */

/* Reads `body` and writes it for a target of that quirk. */
static const char *rewrite(struct wired *w, const struct quirk *quirk, const char *body)
{
    wired_init(w);
    w->target.quirk = quirk;
    wired_read_ok(w, &wire_chat, body);
    return wired_write(w, &wire_chat);
}

static void a_request_is_written_small(void **state)
{
    struct wired w;
    (void)state;
    assert_string_equal(rewrite(&w, &quirk_table[0], "{\"model\":\"m\"," HI "}"),
                        "{\"model\":\"target-model\",\"messages\":[{\"role\":\"user\",\"content\":"
                        "\"hi\"}]}");
    wired_release(&w);
}

static void quirks_change_what_is_written(void **state)
{
    /* clang-format off */
    static const struct {
        struct quirk quirk;
        const char *body;
        const char *has;
        const char *lacks;
        const char *dropped;
    } rows[] = {
        {{0}, WITH "\"max_tokens\":5}", "\"max_completion_tokens\":5", "\"max_tokens\"", ""},
        {{.max_name = QUIRK_MAX_TOKENS},
         WITH "\"max_completion_tokens\":5}", "\"max_tokens\":5", "completion", ""},
        {{0},
         SAID("{\"role\":\"developer\",\"content\":\"d\"}"), "\"developer\"", "\"system\"", ""},
        {{.no_developer = true},
         SAID("{\"role\":\"developer\",\"content\":\"d\"}"), "\"system\"", "\"developer\"", ""},
        {{0}, SAID("{\"role\":\"user\",\"name\":\"ann\",\"content\":\"d\"}"), "\"ann\"", "x-", ""},
        {{.no_names = true},
         SAID("{\"role\":\"user\",\"name\":\"ann\",\"content\":\"d\"}"), "\"d\"", "\"ann\"",
         "messages[1].name"},
        {{0},
         WITH "\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
         "\"stream_options\":{\"include_usage\":true}", "x-", ""},
        {{.no_stream_options = true},
         WITH "\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
         "\"stream\":true", "stream_options", ""},
        {{0},
         WITH TOOLS ",\"parallel_tool_calls\":true}", "\"parallel_tool_calls\":true", "x-", ""},
        {{.no_parallel_calls = true},
         WITH TOOLS ",\"parallel_tool_calls\":true}", "\"tools\"", "parallel",
         "parallel_tool_calls"},
        {{0}, WITH "\"parallel_tool_calls\":true,\"tool_choice\":\"auto\"}", "hi", "parallel", ""},
        {{0}, WITH TOOLS "}", "\"strict\":true", "x-", ""},
        {{.no_strict_tools = true}, WITH TOOLS "}", "\"tools\"", "strict", "tools[0].strict"},
        {{0}, WITH "\"seed\":0}", "\"seed\":0", "x-", ""},
        {{.seed_name = "random_seed"}, WITH "\"seed\":7}", "\"random_seed\":7", "\"seed\"", ""},
        {{.no_seed = true}, WITH "\"seed\":7}", "hi", "seed", "seed"},
        {{0},
         WITH "\"presence_penalty\":1,\"frequency_penalty\":0}", "\"frequency_penalty\":0", "x-",
         ""},
        {{.no_penalties = true},
         WITH "\"presence_penalty\":1,\"frequency_penalty\":0}", "hi", "penalty",
         "presence_penalty, frequency_penalty"},
        {{0}, WITH "\"top_k\":4}", "hi", "top_k", "top_k"},
        {{.top_k = true}, WITH "\"top_k\":4}", "\"top_k\":4", "x-", ""},
        {{0}, WITH "\"logprobs\":true}", "hi", "logprobs", "logprobs"},
        {{0}, WITH "\"metadata\":{\"a\":\"b\"}}", "hi", "metadata", "metadata"},
        {{.bare = true},
         WITH "\"user\":\"u\",\"service_tier\":\"flex\",\"verbosity\":\"low\"}", "hi", "\"u\"",
         "user, service_tier, verbosity"},
        {{0}, WITH "\"service_tier\":\"standard_only\"}", "hi", "service_tier", "service_tier"},
        {{0}, WITH "\"reasoning_effort\":\"max\"}", "\"reasoning_effort\":\"xhigh\"", "x-", ""},
        {{0},
         WITH "\"reasoning\":{\"max_tokens\":2048}}", "\"reasoning_effort\":\"low\"", "x-", ""},
        {{0},
         WITH "\"reasoning\":{\"max_tokens\":2049}}", "\"reasoning_effort\":\"medium\"", "x-", ""},
        {{0},
         WITH "\"reasoning\":{\"max_tokens\":8193}}", "\"reasoning_effort\":\"high\"", "x-", ""},
        {{.thinking = QUIRK_THINKING_OBJECT},
         WITH "\"reasoning_effort\":\"low\"}",
         "\"reasoning\":{\"enabled\":true,\"effort\":\"low\",\"exclude\":true}", "reasoning_effort",
         ""},
        {{.thinking = QUIRK_THINKING_OBJECT},
         WITH "\"thinking\":{\"type\":\"disabled\"}}", "\"reasoning\":{\"enabled\":false}", "x-",
         ""},
        {{.thinking = QUIRK_THINKING_NONE},
         WITH "\"reasoning_effort\":\"low\"}", "hi", "reasoning", "reasoning_effort"},
        {{.thinking = QUIRK_THINKING_NONE},
         WITH "\"reasoning\":{\"max_tokens\":3}}", "hi", "reasoning", "thinking"},
        {{.schema = QUIRK_SCHEMA_JSON_ONLY},
         WITH "\"response_format\":{\"type\":\"json_object\"}}", "json_object", "x-", ""},
        {{.schema = QUIRK_SCHEMA_NONE},
         WITH "\"response_format\":{\"type\":\"json_object\"}}", "hi", "response_format",
         "response_format"},
        {{0},
         SAID("{\"role\":\"assistant\",\"content\":\"x\",\"reasoning_content\":\"hm\"}"),
         "\"x\"", "hm", "messages[1].thinking"},
        {{.returns_thinking = true},
         SAID("{\"role\":\"assistant\",\"content\":\"x\",\"reasoning\":\"hm\"}"),
         "\"reasoning_content\":\"hm\"", "x-", ""},
        {{.thinking = QUIRK_THINKING_OBJECT},
         SAID("{\"role\":\"assistant\",\"content\":\"x\",\"reasoning_details\":[{\"type\":"
              "\"reasoning.text\",\"text\":\"hm\",\"signature\":\"gemini:S\"},{\"type\":"
              "\"reasoning.text\",\"text\":\"ah\",\"signature\":\"T\"}]}"),
         "\"reasoning_details\":[{\"type\":\"reasoning.text\",\"index\":0,\"text\":\"ah\",", "hm",
         "messages[1].thinking"},
        {{.returns_thinking = true, .thinking_field = "reasoning"},
         SAID("{\"role\":\"assistant\",\"content\":\"x\",\"reasoning_content\":\"hm\"}"),
         "\"reasoning\":\"hm\"", "reasoning_content", ""},
    };

    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wired w;
        const char *text = rewrite(&w, &rows[i].quirk, rows[i].body);
        assert_has(text, rows[i].has);
        if (strstr(text, rows[i].lacks)) {
            fail_msg("row %zu: %s holds %s", i, text, rows[i].lacks);
        }
        wired_dropped(&w, rows[i].dropped);
        wired_release(&w);
    }
}

static void what_may_not_be_left_out_is_refused(void **state)
{
    /* clang-format off */
    static const struct {
        struct quirk quirk;
        const char *body;
        const char *field;
    } rows[] = {
        {{0}, WITH "\"n\":2}", "n"},
        {{.no_required_choice = true}, WITH TOOLS ",\"tool_choice\":\"required\"}", "tool_choice"},
        {{.no_required_choice = true},
         WITH TOOLS ",\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"a\"}}}",
         "tool_choice"},
        {{.schema = QUIRK_SCHEMA_JSON_ONLY},
         WITH "\"response_format\":{\"type\":\"json_schema\",\"json_schema\":{\"schema\":{}}}}",
         "response_format"},
        {{.no_image_url = true},
         SAID("{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":"
              "\"https://h/i\"}}]}"), "messages[1].content[0]"},
        {{0},
         SAID("{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":"
              "\"file\",\"file\":{\"file_id\":\"f\"}}]}"), "messages[1].content[1]"},
        {{0},
         SAID("{\"role\":\"assistant\",\"content\":[{\"type\":\"image_url\",\"image_url\":"
              "\"https://h/i\"}]}"), "messages[1].content[0]"},
    };

    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wired w;
        wired_init(&w);
        w.target.quirk = &rows[i].quirk;
        wired_read_ok(&w, &wire_chat, rows[i].body);
        wired_write_fails(&w, &wire_chat, rows[i].field);
        wired_release(&w);
    }
}

static void images_in_results_follow_as_the_users(void **state)
{
    struct wired w;
    (void)state;
    const char *text = rewrite(
        &w, &quirk_table[0],
        SAID("{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c1\",\"function\":{\"name\":"
             "\"a\",\"arguments\":\"{}\"}},{\"id\":\"c2\",\"function\":{\"name\":\"b\","
             "\"arguments\":\"{}\"}}]},"
             "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":[{\"type\":\"text\",\"text\":"
             "\"see\"},{\"type\":\"image_url\",\"image_url\":\"https://h/i\"}]},"
             "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":\"two\",\"is_error\":true}"));
    assert_has(text, "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"see\"},"
                     "{\"role\":\"tool\",\"tool_call_id\":\"c2\",\"content\":\"two\"},"
                     "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Returned by "
                     "tool call c1:\"},{\"type\":\"image_url\",\"image_url\":{\"url\":"
                     "\"https://h/i\"}}]}]");
    wired_dropped(&w, "messages[2].content[1].is_error");
    wired_release(&w);
}

static void markers_that_mean_nothing_there_are_dropped(void **state)
{
    static const char body[] =
        WITH "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"a\"},\"cache_control\":{"
             "\"type\":\"ephemeral\"}}],\"x\":null}";
    static const struct quirk router = {.cache_markers = true};
    struct wired w;
    (void)state;
    rewrite(&w, &quirk_table[0], body);
    wired_dropped(&w, "tools[0].cache_control");
    wired_release(&w);
    assert_has(rewrite(&w, &router, body), "\"cache_control\":{\"type\":\"ephemeral\"}");
    wired_dropped(&w, "");
    wired_release(&w);
    rewrite(&w, &quirk_table[0],
            SAID("{\"role\":\"user\",\"cache_control\":{\"type\":\"ephemeral\"},\"content\":"
                 "\"x\"}"));
    wired_dropped(&w, "messages[1].content[0].cache_control");
    wired_release(&w);
}

static void usage_is_asked_for_when_it_is_wanted(void **state)
{
    struct wired w;
    (void)state;
    wired_init(&w);
    w.target.wants_usage = true;
    wired_read_ok(&w, &wire_chat, WITH "\"stream\":true}");
    assert_has(wired_write(&w, &wire_chat), "\"stream_options\":{\"include_usage\":true}");
    w.request.stream = false;
    assert_null(strstr(wired_write(&w, &wire_chat), "stream"));
    wired_release(&w);
}

static void a_request_that_finds_no_room_is_refused(void **state)
{
    struct wired w;
    struct buf small;
    (void)state;
    wired_init(&w);
    wired_read_ok(&w, &wire_chat, WITH "\"top_p\":1}");
    buf_init(&small, 40);
    assert_int_equal(wire_chat.write_request(&w.request, &w.target, &w.notes, &small, &w.err),
                     ERR_LIMIT);
    buf_release(&small);
    wired_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_request_asks_for_nothing_else),
        cmocka_unit_test(roles_and_names_are_read_where_they_stand),
        cmocka_unit_test(content_of_every_kind_is_read),
        cmocka_unit_test(calls_and_results_are_paired),
        cmocka_unit_test(results_behind_a_message_begin_anew),
        cmocka_unit_test(functions_of_the_old_kind_are_read),
        cmocka_unit_test(thoughts_are_read_from_every_field),
        cmocka_unit_test(seals_of_thoughts_are_read),
        cmocka_unit_test(cache_markers_are_read),
        cmocka_unit_test(tools_and_the_choice_of_one_are_read),
        cmocka_unit_test(members_are_read),
        cmocka_unit_test(ways_of_asking_for_thoughts_are_read),
        cmocka_unit_test(formats_are_read),
        cmocka_unit_test(what_cannot_be_said_is_dropped_by_name),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(text_that_is_no_request_is_refused),
        cmocka_unit_test(more_than_the_most_is_refused),
        cmocka_unit_test(a_request_is_written_small),
        cmocka_unit_test(quirks_change_what_is_written),
        cmocka_unit_test(what_may_not_be_left_out_is_refused),
        cmocka_unit_test(images_in_results_follow_as_the_users),
        cmocka_unit_test(markers_that_mean_nothing_there_are_dropped),
        cmocka_unit_test(usage_is_asked_for_when_it_is_wanted),
        cmocka_unit_test(a_request_that_finds_no_room_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
