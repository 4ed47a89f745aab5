#include "unit/core/suite.h"

#include "core/json.h"
#include "workbench/trace/trace_report.h"

static struct trace *sample(void)
{
    struct trace *t = trace_new();

    memcpy(t->id, "00112233445566778899aabbccddeeff", sizeof(t->id));
    t->started_ms = INT64_C(1795530663784);
    t->client = STR("127.0.0.1:4711");
    t->user_agent = STR("OpenAI/Python");
    t->tenant = STR("acme");
    t->key_alias = STR("web");
    t->session = STR("s1");
    t->method = STR("POST");
    t->path = STR("/v1/chat/completions");
    t->dialect = STR("openai");
    t->route = STR("chat");
    t->model_asked = STR("fast");
    t->provider = STR("openai");
    t->model_routed = STR("gpt-5-mini");
    t->model_returned = STR("gpt-5-mini-2025");
    t->stream = true;
    t->attempts = 2;
    t->attempts_json =
        STR("[{\"provider\":\"local\",\"model\":\"m\",\"status\":0,\"start_us\":100,"
            "\"end_us\":300,\"error\":\"provider_unreachable\",\"text\":\"refused\"},"
            "{\"provider\":\"openai\",\"model\":\"gpt-5-mini\",\"key\":\"openai#1\","
            "\"status\":200,\"start_us\":300,\"end_us\":900000}]");
    t->route_json =
        STR("{\"strategy\":\"fallback\",\"considered\":[{\"provider\":\"local\",\"model\":"
            "\"m\"},{\"provider\":\"openai\",\"model\":\"gpt-5-mini\"}]}");
    t->params_json = STR("{\"temperature\":0.2}");
    t->status = 200;
    t->upstream_status = 200;
    t->finish_reason = STR("stop");
    t->received_us = 50;
    t->routed_us = 100;
    t->sent_us = 400;
    t->head_us = 300000;
    t->first_us = 300100;
    t->done_us = 900000;
    t->overhead_us = 80;
    t->request_bytes = 24;
    t->response_bytes = 12345;
    t->events = 3;
    t->input_tokens = 500;
    t->cached_tokens = 100;
    t->output_tokens = 20;
    t->reasoning_tokens = 5;
    t->usage_source = TRACE_USAGE_PROVIDER;
    t->price_status = TRACE_PRICED;
    t->price_version = STR("a1b2");
    t->cost_nanousd = 123000;
    t->capture = TRACE_CAPTURE_FULL;
    memset(t->request_hash, 'a', 64);
    (void)buf_puts(&t->request_body, "{\"model\":\"fast\",\"n\":1.0}");
    (void)buf_puts(
        &t->response_body,
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\\nyou\"}}]}\n\n"
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":"
        "\"c\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}}]}}]}\n\n"
        "data: [DONE]\n\n");
    return t;
}

static void assert_reports(const struct trace *t, const char *part)
{
    struct buf out;

    buf_init(&out, TRACE_REPORT_BYTES_MAX);
    trace_report_write(t, &out);
    assert_true(buf_ok(&out));
    if (!strstr(buf_cstr(&out), part)) {
        print_error("%s\n--- lacks\n%s\n", out.p, part);
        fail();
    }
    buf_release(&out);
}

static void a_report_tells_everything(void **state)
{
    static const char *const parts[] = {
        "trace 00112233445566778899aabbccddeeff, 2026-11-24T14:31:03.784Z\n",
        "  status    200, finish stop\n",
        "  client    127.0.0.1:4711, OpenAI/Python\n",
        "  tenant    acme, key web, session s1\n",
        "  request   POST /v1/chat/completions, openai, chat, streamed, 24 B in, 12.3 kB out in 3 "
        "events\n",
        "  model     fast -> openai/gpt-5-mini, answered as gpt-5-mini-2025\n",
        "  params    {\"temperature\":0.2}\n",
        "  tokens    500 input (100 cached), 20 output (5 reasoning)\n",
        "  cost      $0.000123, prices a1b2\n",
        "  capture   full, sha256 of request aaaaaaaaaaaa\n",
        "  fallback: local/m, then openai/gpt-5-mini\n",
        "  1  local/m, no answer, 0.100 to 0.300 ms, provider_unreachable, refused\n",
        "  2  openai/gpt-5-mini, key openai#1, 200, 0.300 to 900.000 ms\n",
        "\nrequest\n  {\n    \"model\": \"fast\",\n    \"n\": 1.0\n  }\n",
        "\nanswer\n  text:\n    Hello\n    you\n  tool call, f, id c:\n    {\n      \"a\": 1\n    "
        "}\n",
    };
    struct trace *t = sample();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        assert_reports(t, parts[i]);
    }
    trace_free(t);
}

static void phases_are_bars_on_one_scale(void **state)
{
    struct trace *t = sample();

    (void)state;
    assert_reports(t, "timings\n"
                      "  receive           0.050 ms  |#                                       |\n"
                      "  decide            0.050 ms  |#                                       |\n"
                      "  retries           0.300 ms  |#                                       |\n"
                      "  wait            299.600 ms  |#############                           |\n"
                      "  first             0.100 ms  |             #                          |\n"
                      "  answer          599.900 ms  |             ###########################|\n"
                      "  total           900.000 ms, of which weir 0.080 ms\n");
    /* Phases that were never reached are not shown; the rest still adds up. */
    t->sent_us = t->head_us = t->first_us = -1;
    assert_reports(t, "  decide            0.050 ms  |#                                       |\n"
                      "  answer          899.900 ms  |########################################|\n");
    t->done_us = 0;
    t->received_us = t->routed_us = -1;
    assert_reports(t, "  answer            0.000 ms  |#                                       |\n");
    trace_free(t);
}

static void costs_are_never_nothing_for_want_of_a_price(void **state)
{
    struct trace *t = sample();

    (void)state;
    t->price_status = TRACE_UNPRICED;
    t->price_note = STR("no price for x");
    assert_reports(t, "  cost      unpriced, no price for x, prices a1b2\n");
    t->price_status = TRACE_NO_CHARGE;
    assert_reports(t, "  cost      nothing was billed, ");
    t->usage_source = TRACE_USAGE_NONE;
    assert_reports(t, "  tokens    none\n");
    t->usage_source = TRACE_USAGE_ESTIMATED;
    t->input_tokens = -1;
    assert_reports(t,
                   "  tokens    unknown input (100 cached), 20 output (5 reasoning), estimated\n");
    trace_free(t);
}

static void absent_content_says_why(void **state)
{
    struct trace *t = sample();

    (void)state;
    buf_clear(&t->request_body);
    buf_clear(&t->response_body);
    t->capture = TRACE_CAPTURE_HASHES;
    t->request_bytes = 0;
    assert_reports(t, "\nrequest\n  empty\n");
    assert_reports(t, "\nanswer\n  not kept (capture: hashes)\n");
    memset(t->response_blob, 'b', 64);
    assert_reports(t, "\nanswer\n  no longer kept (retention)\n");
    trace_free(t);
}

static void failures_and_departures_stand_at_the_top(void **state)
{
    struct trace *t = sample();

    (void)state;
    t->status = 0;
    t->upstream_status = 500;
    t->error_class = STR("provider_error");
    t->error_text = STR("it broke");
    t->cancelled_in = STR("headers");
    assert_reports(t,
                   "  status    nothing was sent, the provider said 500, finish stop, the client "
                   "left (headers)\n  error     provider_error: it broke\n");
    trace_free(t);
}

static void content_that_is_no_answer_is_shown_as_it_is(void **state)
{
    static const struct {
        const char *body, *shown;
    } rows[] = {
        {"<html>\nbad gateway</html>",                             "answer\n  <html>\n  bad gateway</html>\n"                    },
        {"{\"data\":[]}",                                          "answer\n  {\n    \"data\": []\n  }\n"                        },
        {"{\"error\":{\"message\":\"no\"}}",                       "answer\n  error:\n    no\n"                                  },
        {"data: {\"choices\":[{\"index\":0,\"text\":\"x\"}]}\n\n",
         "answer\n  text:\n    x\n  (the stream ended without its end)\n"                                                        },
        {"data: {\"choices\":[{\"index\":0,\"text\":\"x\"},{\"index\":1,\"text\":\"y\"}]}\n\n"
         "data: [DONE]\n\n",                              "answer\n  text, choice 0:\n    x\n  text, choice 1:\n    y\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct trace *t = sample();

        buf_clear(&t->response_body);
        (void)buf_puts(&t->response_body, rows[i].body);
        assert_reports(t, rows[i].shown);
        trace_free(t);
    }
}

static void the_json_form_has_the_bodies_and_the_answer(void **state)
{
    struct trace *t = sample();
    struct buf out;

    (void)state;
    buf_init(&out, TRACE_REPORT_BYTES_MAX);
    trace_report_write_json(t, &out);
    yyjson_doc *doc = json_parse(buf_str(&out), NULL);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_non_null(doc);
    assert_str(json_get_str(root, "tenant"), "acme");
    assert_true(yyjson_is_obj(yyjson_obj_get(root, "request_body")));
    assert_true(str_starts(json_get_str(root, "response_body"), STR("data: ")));
    assert_int_equal(yyjson_arr_size(yyjson_obj_get(root, "answer")), 2);
    yyjson_doc_free(doc);
    buf_clear(&out);
    buf_clear(&t->request_body);
    buf_clear(&t->response_body);
    trace_report_write_json(t, &out);
    doc = json_parse(buf_str(&out), NULL);
    assert_non_null(doc);
    assert_null(yyjson_obj_get(yyjson_doc_get_root(doc), "answer"));
    yyjson_doc_free(doc);
    buf_release(&out);
    trace_free(t);
}

static void an_empty_trace_is_told_as_well(void **state)
{
    struct trace *t = trace_new();

    (void)state;
    assert_reports(t, "  status    nothing was sent\n");
    assert_reports(t, "  client    unknown\n");
    trace_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_tells_everything),
        cmocka_unit_test(phases_are_bars_on_one_scale),
        cmocka_unit_test(costs_are_never_nothing_for_want_of_a_price),
        cmocka_unit_test(absent_content_says_why),
        cmocka_unit_test(failures_and_departures_stand_at_the_top),
        cmocka_unit_test(content_that_is_no_answer_is_shown_as_it_is),
        cmocka_unit_test(the_json_form_has_the_bodies_and_the_answer),
        cmocka_unit_test(an_empty_trace_is_told_as_well),
    };

    return cmocka_run_group_tests_name("workbench/trace/trace_report", tests, NULL, NULL);
}
