#include "unit/sim/rig.h"

#define HI      "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define CHAT    "{\"model\":\"m\"," HI "}"
#define MESSAGE "{\"model\":\"m\",\"max_tokens\":50," HI "}"

static struct rig rig;

static int start(void **state)
{
    (void)state;
    rig_start(&rig);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

static void every_dial_can_be_set_by_a_header(void **state)
{
    (void)state;
    for (size_t i = 0; i < DIAL_TOTAL; i++) {
        const struct dial *dial = &dial_table[i];
        struct reply reply;
        char headers[200];
        char upper[64];

        /* What would hold the client is set to never. */
        bool holds = i == DIAL_STALL_RATE || i == DIAL_ERROR_TIMEOUT;
        struct str value = holds ? STR("0") : good_value(dial);
        snprintf(headers, sizeof(headers), "x-sim-%s: %.*s\r\n", dial->name, STR_ARG(value));
        if (i == DIAL_ERROR || i == DIAL_STALL_AFTER) {
            continue; /* every fault has tests of its own; a stall would hold the client */
        }
        rig_call(&rig, "POST", "/v1/chat/completions", headers, CHAT, &reply);
        if (i == DIAL_CUT_AFTER) {
            assert_false(reply.whole);
        } else if (reply.status == 400) {
            fail_msg("%s: %s", headers, buf_cstr(&reply.body));
        }
        reply_release(&reply);

        if (bad_value_of(dial).n == 0) {
            continue;
        }
        for (size_t c = 0; c <= strlen(dial->name); c++) {
            upper[c] = dial->name[c] >= 'a' && dial->name[c] <= 'z' ? (char)(dial->name[c] - 32)
                                                                    : dial->name[c];
        }
        snprintf(headers, sizeof(headers), "X-Sim-%s: %.*s\r\n", upper,
                 STR_ARG(bad_value_of(dial)));
        rig_call(&rig, "POST", "/v1/chat/completions", headers, CHAT, &reply);
        assert_int_equal(reply.status, 400);
        assert_has(buf_str(&reply.body), dial->name);
        reply_release(&reply);
    }
}

static void an_unknown_dial_or_a_bad_seed_is_a_400_that_says_so(void **state)
{
    (void)state;

    static const struct {
        const char *header;
        const char *says;
    } rows[] = {
        {"x-sim-tft: 5\r\n",      "did you mean"},
        {"x-sim-seed: seven\r\n", "x-sim-seed"  }
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct reply reply;
        rig_call(&rig, "POST", "/v1/messages", rows[i].header, MESSAGE, &reply);
        assert_int_equal(reply.status, 400);
        assert_has(buf_str(&reply.body), rows[i].says);
        assert_has(buf_str(&reply.body), "\"type\":\"error\"");
        reply_release(&reply);
    }
}

static void every_status_comes_in_both_dialects(void **state)
{
    (void)state;
    for (int status = 400; status <= 599; status++) {
        struct reply openai;
        struct reply anthropic;
        struct exam e;
        char header[40];
        exam_begin(&e);
        snprintf(header, sizeof(header), "x-sim-error: %d\r\n", status);
        rig_call(&rig, "POST", "/v1/chat/completions", header, CHAT, &openai);
        rig_call(&rig, "POST", "/v1/messages", header, MESSAGE, &anthropic);
        assert_int_equal(openai.status, status);
        assert_int_equal(anthropic.status, status);
        yyjson_val *root = exam_json(&e, buf_str(&openai.body));
        assert_true(text_at(root, "/error/message").n > 0);
        assert_true(text_at(root, "/error/type").n > 0);
        root = exam_json(&e, buf_str(&anthropic.body));
        assert_str(text_at(root, "/type"), "error");
        assert_true(text_at(root, "/error/type").n > 0);
        assert_true(text_at(root, "/request_id").n > 0);
        assert_same(text_at(root, "/request_id"), reply_header(&anthropic, "request-id"));
        reply_header(&openai, "x-request-id");
        exam_end(&e);
        reply_release(&openai);
        reply_release(&anthropic);
    }
}

static void a_429_has_retry_after_and_a_bare_one_has_not(void **state)
{
    (void)state;
    struct reply reply;
    rig_call(&rig, "POST", "/v1/chat/completions", "x-sim-error: 429\r\n", CHAT, &reply);
    assert_str(reply_header(&reply, "retry-after"), "1");
    assert_str(reply_header(&reply, "retry-after-ms"), "1000");
    reply_release(&reply);
    rig_call(&rig, "POST", "/v1/chat/completions", "x-sim-error: 429\r\nx-sim-retry-after: 2.5\r\n",
             CHAT, &reply);
    assert_str(reply_header(&reply, "retry-after"), "3");
    assert_str(reply_header(&reply, "retry-after-ms"), "2500");
    reply_release(&reply);
    rig_call(&rig, "POST", "/v1/chat/completions", "x-sim-error: 429-bare\r\n", CHAT, &reply);
    assert_int_equal(reply.status, 429);
    assert_lacks(reply.head, "retry-after");
    reply_release(&reply);
}

static void a_reset_answers_nothing(void **state)
{
    (void)state;
    struct reply reply;
    rig_call(&rig, "POST", "/v1/chat/completions", "x-sim-error: reset\r\n", CHAT, &reply);
    assert_int_equal(reply.raw.n, 0);
    assert_false(reply.whole);
    reply_release(&reply);
    rig_wait(&rig, "/resets", 1);
}

static void a_timeout_holds_the_request_until_the_client_leaves(void **state)
{
    (void)state;
    int fd = rig_send(&rig, "POST", "/v1/chat/completions", "x-sim-error: timeout\r\n", STR(CHAT));
    struct pollfd p = {.fd = fd, .events = POLLIN};
    rig_wait(&rig, "/in_flight", 1);
    assert_int_equal(poll(&p, 1, 50), 0);
    close(fd);
    rig_wait(&rig, "/in_flight", 0);
    rig_wait(&rig, "/cancelled", 1);
    rig_wait(&rig, "/timeouts", 1);
}

static void the_same_body_has_the_same_answer_under_any_label(void **state)
{
    (void)state;
    static const char *const same[] = {
        CHAT, "{\"model\":\"m\",\"user\":\"u\"," HI "}",
        "{\"model\":\"m\",\"stream_options\":{\"include_usage\":true}," HI "}"};
    struct reply first;
    rig_call(&rig, "POST", "/v1/chat/completions", "", CHAT, &first);
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        struct reply reply;
        rig_call(&rig, "POST", "/v1/chat/completions", "user-agent: other\r\n", same[i], &reply);
        assert_same(buf_str(&reply.body), buf_str(&first.body));
        assert_same(reply.head, first.head);
        reply_release(&reply);
    }
    struct reply seeded;
    rig_call(&rig, "POST", "/v1/chat/completions", "x-sim-seed: 7\r\n", CHAT, &seeded);
    assert_same(buf_str(&seeded.body), buf_str(&first.body));
    reply_release(&seeded);
    rig_call(&rig, "POST", "/v1/chat/completions", "x-sim-seed: 8\r\n", CHAT, &seeded);
    assert_false(str_eq(buf_str(&seeded.body), buf_str(&first.body)));
    reply_release(&seeded);
    reply_release(&first);
}

static void unknown_paths_and_methods_are_worded_in_the_routes_dialect(void **state)
{
    (void)state;

    static const struct {
        const char *method;
        const char *path;
        const char *headers;
        int status;
        bool anthropic;
    } rows[] = {
        {"POST", "/v1/nothing",          "",                                  404, false},
        {"POST", "/v1/nothing",          "anthropic-version: 2023-06-01\r\n", 404, true },
        {"GET",  "/v1/chat/completions", "",                                  405, false},
        {"GET",  "/v1/messages",         "",                                  405, true },
        {"PUT",  "/v1/models",           "",                                  405, false},
        {"GET",  "/v1/files/nope",       "",                                  404, false},
        {"GET",  "/",                    "",                                  404, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct reply reply;
        rig_call(&rig, rows[i].method, rows[i].path, rows[i].headers, "", &reply);
        assert_int_equal(reply.status, rows[i].status);
        if (rows[i].anthropic) {
            assert_has(buf_str(&reply.body), "{\"type\":\"error\"");
        } else {
            assert_lacks(buf_str(&reply.body), "{\"type\":\"error\"");
        }
        reply_release(&reply);
    }
}

static void bad_bodies_are_400(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "", "{", "[]", "null", "{\"model\":\"m\"}", "{\"model\":\"m\",\"messages\":[\xff]}"};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct reply reply;
        rig_call(&rig, "POST", "/v1/chat/completions", "", bodies[i], &reply);
        assert_int_equal(reply.status, 400);
        assert_has(buf_str(&reply.body), "invalid_request_error");
        reply_release(&reply);
        rig_call(&rig, "POST", "/v1/messages", "", bodies[i], &reply);
        assert_int_equal(reply.status, 400);
        assert_has(buf_str(&reply.body), "invalid_request_error");
        reply_release(&reply);
    }
}

static void malformed_http_is_refused_in_a_dialect(void **state)
{
    (void)state;
    struct reply reply;
    static const char bad[] = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
                              "content-length: 5\r\ncontent-length: 6\r\n\r\nhello!";
    int fd = rig_connect(&rig);
    assert_true(send(fd, bad, sizeof(bad) - 1, MSG_NOSIGNAL) > 0);
    rig_receive(fd, &reply);
    assert_int_equal(reply.status, 400);
    assert_has(buf_str(&reply.body), "\"error\"");
    reply_release(&reply);
}

static void limits_refuse_and_tell_when_to_come_back(void **state)
{
    (void)state;
    struct reply reply;
    const char *two = "x-sim-rpm: 2\r\n";
    for (int i = 0; i < 2; i++) {
        rig_call(&rig, "POST", "/v1/chat/completions", two, CHAT, &reply);
        assert_int_equal(reply.status, 200);
        assert_str(reply_header(&reply, "x-ratelimit-limit-requests"), "2");
        reply_release(&reply);
    }
    rig_call(&rig, "POST", "/v1/chat/completions", two, CHAT, &reply);
    assert_int_equal(reply.status, 429);
    assert_has(buf_str(&reply.body), "\"rate_limit_exceeded\"");
    assert_has(buf_str(&reply.body), "\"requests\"");
    assert_str(reply_header(&reply, "x-ratelimit-remaining-requests"), "0");
    assert_true(reply_header(&reply, "retry-after").n > 0);
    assert_true(reply_header(&reply, "retry-after-ms").n > 0);
    reply_release(&reply);
    rig_call(&rig, "POST", "/v1/messages", two, MESSAGE, &reply);
    assert_int_equal(reply.status, 429);
    assert_has(buf_str(&reply.body), "rate_limit_error");
    assert_str(reply_header(&reply, "anthropic-ratelimit-requests-limit"), "2");
    reply_release(&reply);
    rig_call(&rig, "POST", "/sim/reset", "", "", &reply);
    assert_int_equal(reply.status, 200);
    reply_release(&reply);
    rig_call(&rig, "POST", "/v1/messages", two, MESSAGE, &reply);
    assert_int_equal(reply.status, 200);
    reply_release(&reply);
}

static void the_small_endpoints_answer(void **state)
{
    (void)state;

    static const struct {
        const char *method;
        const char *path;
        const char *body;
        const char *has;
    } rows[] = {
        {"GET",  "/v1/models",                "",                                  "sim-large"         },
        {"GET",  "/v1/models/any/name",       "",                                  "any/name"          },
        {"POST", "/v1/embeddings",            "{\"model\":\"m\",\"input\":\"x\"}", "\"embedding\""     },
        {"POST", "/v1/messages/count_tokens", "{\"model\":\"m\"," HI "}",          "{\"input_tokens\":"},
        {"POST", "/v1/moderations",           "{\"input\":\"x\"}",                 "flagged"           },
        {"POST", "/v1/audio/transcriptions",  "form",                              "\"text\""          },
        {"POST", "/v1/images/generations",    "{}",                                "b64_json"          },
        {"POST", "/v1/files",                 "form",                              "file-"             },
        {"POST", "/v1/batches",               "{}",                                "batch_"            },
        {"POST", "/v1/messages/batches",      "{}",                                "msgbatch_"         },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct reply reply;
        rig_call(&rig, rows[i].method, rows[i].path, "", rows[i].body, &reply);
        assert_int_equal(reply.status, 200);
        assert_true(reply.whole);
        assert_has(buf_str(&reply.body), rows[i].has);
        reply_release(&reply);
    }
}

static void what_was_received_is_told(void **state)
{
    (void)state;
    struct reply reply;
    struct exam e;
    exam_begin(&e);
    rig_call(&rig, "POST", "/v1/chat/completions?a=b",
             "authorization: Bearer sk-0123456789wxyz\r\nx-custom: 1\r\n", CHAT, &reply);
    reply_release(&reply);
    rig_call(&rig, "POST", "/v1/messages", "", MESSAGE, &reply);
    reply_release(&reply);
    yyjson_val *last = rig_ask(&rig, &e, "/sim/last");
    assert_str(text_at(last, "/route"), "messages");
    assert_str(text_at(last, "/body"), MESSAGE);
    last = rig_ask(&rig, &e, "/sim/last?back=1");
    assert_str(text_at(last, "/path"), "/v1/chat/completions?a=b");
    assert_str(text_at(last, "/headers/authorization"), "Bearer ...wxyz");
    assert_str(text_at(last, "/headers/x-custom"), "1");
    assert_int_equal(number_at(last, "/status"), 200);
    yyjson_val *stats = rig_ask(&rig, &e, "/sim/stats");
    assert_int_equal(number_at(stats, "/requests"), 2);
    assert_int_equal(number_at(stats, "/by_route/chat"), 1);
    assert_int_equal(number_at(stats, "/by_route/messages"), 1);
    assert_int_equal(number_at(stats, "/by_status/200"), 2);
    assert_int_equal(number_at(stats, "/peak_concurrency"), 1);
    assert_true(number_at(stats, "/tokens_generated") > 0);
    assert_int_equal(yyjson_arr_size(at(stats, "/recent")), 2);
    assert_int_equal(yyjson_arr_size(rig_ask(&rig, &e, "/sim/dials")), DIAL_TOTAL);
    exam_end(&e);
}

static void controls_that_do_not_exist_are_told_apart(void **state)
{
    (void)state;

    static const struct {
        const char *method;
        const char *path;
        int status;
    } rows[] = {
        {"GET",  "/sim/nothing",      404},
        {"POST", "/sim/stats",        405},
        {"GET",  "/sim/reset",        405},
        {"GET",  "/sim/last?back=99", 404}
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct reply reply;
        rig_call(&rig, rows[i].method, rows[i].path, "", "", &reply);
        assert_int_equal(reply.status, rows[i].status);
        reply_release(&reply);
    }
}

static void keys_models_and_dials_of_the_options_hold(void **state)
{
    (void)state;

    static const struct {
        const char *headers;
        const char *model;
        int status;
        const char *says;
    } rows[] = {
        {"",                                "a", 401, "invalid_api_key"   },
        {"authorization: Bearer wrong\r\n", "a", 401, "invalid_api_key"   },
        {"authorization: Bearer good\r\n",  "a", 200, "fixed words"       },
        {"x-api-key: good\r\n",             "a", 200, "fixed words"       },
        {"x-api-key: more\r\n",             "b", 200, "fixed words"       },
        {"x-api-key: spent\r\n",            "a", 402, "insufficient_quota"},
        {"x-api-key: good\r\n",             "c", 404, "model_not_found"   },
    };
    const struct str keys[] = {STR("good"), STR("spent=402")};
    const struct str models[] = {STR("a")};
    struct dials dials = {.set = 0};
    struct scenario *scenario = NULL;
    struct error err = {0};
    struct rig own;

    assert_int_equal(scenario_parse(STR("seed: 3\nkeys: [more]\nmodels: [b]\n"
                                        "dials: {text: \"not these words\", rpm: 1000}\n"),
                                    "s", &scenario, &err),
                     0);
    assert_int_equal(dial_set(&dials, STR("text"), STR("fixed words"), &err), 0);
    struct sim_options options = {.scenario = scenario,
                                  .dials = &dials,
                                  .keys = keys,
                                  .key_count = ARRAY_LEN(keys),
                                  .models = models,
                                  .model_count = ARRAY_LEN(models)};
    rig_open(&own, &options);
    assert_int_equal(sim_seed(own.sim), 3);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct reply reply;
        char body[200];
        snprintf(body, sizeof(body), "{\"model\":\"%s\"," HI "}", rows[i].model);
        rig_call(&own, "POST", "/v1/chat/completions", rows[i].headers, body, &reply);
        assert_int_equal(reply.status, rows[i].status);
        assert_has(buf_str(&reply.body), rows[i].says);
        reply_release(&reply);
    }
    rig_stop(&own);
    scenario_free(scenario);
}

static void a_timeline_turns_the_dials(void **state)
{
    (void)state;
    struct scenario *scenario = NULL;
    struct error err = {0};
    struct rig own;
    int status = 200;

    assert_int_equal(scenario_parse(STR("timeline:\n- {at: 0s, set: {text: begun}}\n"
                                        "- {at: 30ms, set: {error: 503}}\n"
                                        "- {at: 10h, set: {error: none}}\n"),
                                    "s", &scenario, &err),
                     0);
    struct sim_options options = {.scenario = scenario};
    rig_open(&own, &options);
    for (int i = 0; i < 2000 && status == 200; i++) {
        struct reply reply;
        rig_call(&own, "POST", "/v1/chat/completions", "", CHAT, &reply);
        status = reply.status;
        if (status == 200) {
            assert_has(buf_str(&reply.body), "begun");
        }
        reply_release(&reply);
    }
    assert_int_equal(status, 503);
    rig_stop(&own);
    scenario_free(scenario);
}

static void bad_options_are_refused(void **state)
{
    (void)state;
    const struct str keys[] = {STR("good=200")};
    struct loop *loop = NULL;
    struct sim *sim = NULL;
    struct error err = {0};
    struct sim_options options = {.keys = keys, .key_count = 1};
    assert_int_equal(loop_new(&loop, &err), 0);
    assert_int_equal(sim_open(loop, &options, &sim, &err), ERR_INVALID);
    assert_has(str_of(err.text), "status");
    options = (struct sim_options){.address = "not an address"};
    assert_int_equal(sim_open(loop, &options, &sim, &err), ERR_INVALID);
    assert_null(sim);
    sim_close(sim);
    loop_free(loop);
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIVE(an_unknown_dial_or_a_bad_seed_is_a_400_that_says_so),
        LIVE(every_status_comes_in_both_dialects),
        LIVE(a_429_has_retry_after_and_a_bare_one_has_not),
        LIVE(a_reset_answers_nothing),
        LIVE(a_timeout_holds_the_request_until_the_client_leaves),
        LIVE(the_same_body_has_the_same_answer_under_any_label),
        LIVE(unknown_paths_and_methods_are_worded_in_the_routes_dialect),
        LIVE(bad_bodies_are_400),
        LIVE(malformed_http_is_refused_in_a_dialect),
        LIVE(limits_refuse_and_tell_when_to_come_back),
        LIVE(the_small_endpoints_answer),
        LIVE(what_was_received_is_told),
        LIVE(controls_that_do_not_exist_are_told_apart),
        LIVE(every_dial_can_be_set_by_a_header),
        cmocka_unit_test(keys_models_and_dials_of_the_options_hold),
        cmocka_unit_test(a_timeline_turns_the_dials),
        cmocka_unit_test(bad_options_are_refused),
    };
    return cmocka_run_group_tests_name("sim/sim", tests, NULL, NULL);
}
