#include "unit/sim/rig.h"

#include "llm/wire.h"
#include "sim/sim_gemini.h"

#define HI    "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}]"
#define BODY  "{" HI "}"
#define THINK ",\"generationConfig\":{\"thinkingConfig\":{\"includeThoughts\":true}}"
#define TOOL                                                                                       \
    ",\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"parametersJsonSchema\":{\"type\":"   \
    "\"object\",\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[\"a\"]}}]}]"

#define WHOLE_PATH  "/v1beta/models/gemini-sim:generateContent"
#define STREAM_PATH "/v1beta/models/gemini-sim:streamGenerateContent?alt=sse"

static struct stream s;

static void paths_hold_model_and_verb(void **state)
{
    static const struct {
        const char *path, *model;
        bool stream;
    } rows[] = {
        {"/v1beta/models/m:generateContent",       "m",     false},
        {"/v1beta/models/m:streamGenerateContent", "m",     true },
        {"/v1beta/models/t/a:b:generateContent",   "t/a:b", false},
        {"/v1beta/models/:generateContent",        NULL,    false},
        {"/v1beta/models/m",                       NULL,    false},
        {"/v1beta/models/m:countTokens",           NULL,    false},
        {"/v1/models/m:generateContent",           NULL,    false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str model = STR_EMPTY;
        bool stream = !rows[i].stream;
        assert_int_equal(sim_gemini_path(str_of(rows[i].path), &model, &stream),
                         rows[i].model != NULL);
        if (rows[i].model) {
            assert_str(model, rows[i].model);
            assert_int_equal(stream, rows[i].stream);
        }
    }
}

/* What the path says is set by hand here. */
static struct str answer(struct exam *e, const char *body, bool stream)
{
    if (exam_read(e, SIM_GEMINI, body) != 0) {
        fail_msg("%s", e->refusal.message);
    }
    e->ask->model = STR("gemini-sim");
    e->ask->stream = stream;
    sim_answer_plan(&e->arena, e->ask, &e->dials, &e->answer);
    sim_speech_start(&e->speech, &e->arena, e->ask, e->answer, &e->dials);
    buf_clear(&e->out);
    while (stream && sim_speech_next(&e->speech, &e->out)) {
    }
    if (!stream) {
        sim_speech_whole(&e->speech, &e->out);
    }
    return arena_str(&e->arena, buf_str(&e->out));
}

static void the_stream_says_what_the_whole_answer_says(void **state)
{
    struct exam e;
    struct buf text, thought;
    (void)state;
    exam_begin(&e);
    buf_init(&text, 1u << 20);
    buf_init(&thought, 1u << 20);
    yyjson_val *whole = exam_json(&e, answer(&e, "{" HI THINK "}", false));
    stream_read(&e, answer(&e, "{" HI THINK "}", true), &s);
    for (size_t i = 0; i < s.n; i++) {
        yyjson_val *part = at(s.json[i], "/candidates/0/content/parts/0");
        bool thinks = json_get_bool(part, "thought", false);
        buf_put_str(thinks ? &thought : &text, json_get_str(part, "text"));
        assert_int_equal(s.names[i].n, 0);
        assert_same(text_at(s.json[i], "/responseId"), text_at(whole, "/responseId"));
        assert_str(text_at(s.json[i], "/modelVersion"), "gemini-sim");
        bool last = i + 1 == s.n;
        assert_int_equal(yyjson_ptr_get(s.json[i], "/candidates/0/finishReason") != NULL, last);
    }
    assert_true(thought.n > 0 && text.n > 0);
    assert_same(buf_str(&thought), text_at(whole, "/candidates/0/content/parts/0/text"));
    assert_same(buf_str(&text), text_at(whole, "/candidates/0/content/parts/1/text"));
    assert_str(text_at(whole, "/candidates/0/finishReason"), "STOP");
    yyjson_val *counts = at(s.json[s.n - 1], "/usageMetadata");
    assert_true(yyjson_equals(counts, at(whole, "/usageMetadata")));
    assert_int_equal(number_at(counts, "/totalTokenCount"),
                     number_at(counts, "/promptTokenCount") +
                         number_at(counts, "/candidatesTokenCount") +
                         number_at(counts, "/thoughtsTokenCount"));
    buf_release(&text);
    buf_release(&thought);
    exam_end(&e);
}

static void calls_come_whole_and_the_first_is_signed(void **state)
{
    struct exam e;
    (void)state;
    exam_begin(&e);
    exam_dial(&e, "tool-calls", "parallel");
    yyjson_val *whole = exam_json(&e, answer(&e, "{" HI TOOL "}", false));
    assert_str(text_at(whole, "/candidates/0/content/parts/0/functionCall/name"), "f");
    assert_true(text_at(whole, "/candidates/0/content/parts/0/functionCall/args/a").n > 0);
    assert_true(text_at(whole, "/candidates/0/content/parts/0/thoughtSignature").n > 100);
    at(whole, "/candidates/0/content/parts/1/functionCall");
    assert_null(yyjson_ptr_get(whole, "/candidates/0/content/parts/1/thoughtSignature"));
    stream_read(&e, answer(&e, "{" HI TOOL "}", true), &s);
    assert_int_equal(s.n, 3);
    assert_true(yyjson_equals(at(s.json[0], "/candidates/0/content/parts/0"),
                              at(whole, "/candidates/0/content/parts/0")));
    assert_true(yyjson_equals(at(s.json[1], "/candidates/0/content/parts/0"),
                              at(whole, "/candidates/0/content/parts/1")));
    exam_end(&e);
}

static void parameters_are_obeyed(void **state)
{
    struct exam e;
    (void)state;
    exam_begin(&e);
    yyjson_val *short_one =
        exam_json(&e, answer(&e, "{" HI ",\"generationConfig\":{\"maxOutputTokens\":3}}", false));
    assert_str(text_at(short_one, "/candidates/0/finishReason"), "MAX_TOKENS");
    assert_int_equal(number_at(short_one, "/usageMetadata/candidatesTokenCount"), 3);
    yyjson_val *json = exam_json(
        &e, answer(&e,
                   "{" HI ",\"generationConfig\":{\"responseMimeType\":\"application/json\","
                   "\"responseJsonSchema\":{\"type\":\"object\",\"properties\":{\"k\":{\"type\":"
                   "\"integer\"}},\"required\":[\"k\"]}}}",
                   false));
    number_at(exam_json(&e, text_at(json, "/candidates/0/content/parts/0/text")), "/k");
    assert_lacks(answer(&e,
                        "{" HI TOOL ",\"toolConfig\":{\"functionCallingConfig\":{\"mode\":"
                        "\"NONE\"}}}",
                        false),
                 "functionCall");
    exam_dial(&e, "usage", "absent");
    assert_lacks(answer(&e, BODY, false), "usageMetadata");
    assert_lacks(answer(&e, BODY, true), "usageMetadata");
    exam_end(&e);
}

static void a_result_is_answered_with_text(void **state)
{
    struct exam e;
    (void)state;
    exam_begin(&e);
    assert_lacks(
        answer(&e,
               "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]},{\"role\":"
               "\"model\",\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{}}}]},{\"role\":"
               "\"user\",\"parts\":[{\"functionResponse\":{\"name\":\"f\",\"response\":{}}}]}]" TOOL
               "}",
               false),
        "functionCall");
    exam_end(&e);
}

static void wrong_bodies_are_refused(void **state)
{
    static const struct {
        const char *body, *says;
    } rows[] = {
        {"{}",                                                    "contents is not specified"      },
        {"{\"contents\":[]}",                                     "contents is not specified"      },
        {"{\"contents\":[{\"role\":\"user\"}]}",                  "contents.parts is not specified"},
        {"{" HI ",\"generationConfig\":{\"maxOutputTokens\":0}}", "Invalid value at"               },
        {"[]",                                                    "must be a JSON object"          },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct exam e;
        exam_begin(&e);
        assert_int_equal(exam_read(&e, SIM_GEMINI, rows[i].body), -1);
        assert_int_equal(e.refusal.status, 400);
        assert_has(str_of(e.refusal.message), rows[i].says);
        exam_end(&e);
    }
}

/* ---- over the network ---- */

static void it_is_served_with_errors_in_googles_shape(void **state)
{
    static const struct {
        const char *path, *header, *body;
        int status;
        const char *has;
    } rows[] = {
        {WHOLE_PATH,        "",                              BODY, 200, "\"finishReason\":\"STOP\""        },
        {STREAM_PATH,       "",                              BODY, 200, "data: {\"candidates\""            },
        {WHOLE_PATH,        "x-sim-error: 429\r\n",          BODY, 429, "\"status\":\"RESOURCE_EXHAUSTED\""},
        {WHOLE_PATH,        "x-sim-error: 503\r\n",          BODY, 503, "\"code\":503"                     },
        {STREAM_PATH,       "x-sim-error-mid-stream: 2\r\n", BODY, 200, "\"error\":{\"code\":500"          },
        {WHOLE_PATH,        "",                              "{}", 400, "\"status\":\"INVALID_ARGUMENT\""  },
        {"/v1beta/nothing", "",                              BODY, 404, "\"status\":\"NOT_FOUND\""         },
    };
    struct rig rig;
    (void)state;
    rig_start(&rig);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct reply reply;
        rig_call(&rig, "POST", rows[i].path, rows[i].header, rows[i].body, &reply);
        assert_int_equal(reply.status, rows[i].status);
        assert_has(buf_str(&reply.body), rows[i].has);
        reply_release(&reply);
    }
    rig_stop(&rig);
}

/* The wire reads what the simulation says, as it reads Google. */
static void the_wire_understands_it(void **state)
{
    struct exam e;
    struct message_answer read;
    struct error err = {0};
    (void)state;
    exam_begin(&e);
    exam_dial(&e, "tool-calls", "parallel");
    struct str body = answer(&e, "{" HI TOOL THINK "}", false);
    assert_int_equal(wire_gemini.read_answer(body, &e.arena, &read, &err), 0);
    assert_int_equal(read.finish, MESSAGE_FINISH_CALLS);
    assert_int_equal(read.part_count, 4);
    assert_int_equal(read.parts[0].kind, MESSAGE_THINKING);
    assert_true(read.parts[1].redacted);
    assert_int_equal(read.parts[2].kind, MESSAGE_CALL);
    assert_int_equal(read.parts[3].kind, MESSAGE_CALL);
    assert_int_equal(read.usage.output, e.answer->output_tokens);
    exam_end(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_hold_model_and_verb),
        cmocka_unit_test(the_stream_says_what_the_whole_answer_says),
        cmocka_unit_test(calls_come_whole_and_the_first_is_signed),
        cmocka_unit_test(parameters_are_obeyed),
        cmocka_unit_test(a_result_is_answered_with_text),
        cmocka_unit_test(wrong_bodies_are_refused),
        cmocka_unit_test(it_is_served_with_errors_in_googles_shape),
        cmocka_unit_test(the_wire_understands_it),
    };
    return cmocka_run_group_tests_name("sim/sim_gemini", tests, NULL, NULL);
}
