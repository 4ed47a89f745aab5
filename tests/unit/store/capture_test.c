#include "unit/store/suite.h"

#include "core/hash.h"
#include "store/capture.h"

static void assert_hash_of(const char *hex, const char *text)
{
    struct hash_sha256 hash;
    char want[HASH_SHA256_HEX + 1] = "";

    if (text) {
        hash_sha256(str_of(text), &hash);
        hash_sha256_hex(&hash, want);
    }
    assert_string_equal(hex, want);
}

static void apply(struct trace *trace)
{
    struct hash_memo *memo = hash_memo_new();

    capture_apply(trace, memo);
    hash_memo_free(memo);
}

static struct trace *captured(const char *route, enum trace_capture level, const char *request)
{
    struct trace *trace = make_trace(1, level, request, "answer");

    trace->route = str_of(route);
    apply(trace);
    return trace;
}

#define CHAT                                                                                       \
    "{\"model\":\"m\",\"messages\": [{\"role\":\"system\",\"content\":\"be good\"},"               \
    "{\"role\":\"user\",\"content\":\"hi\"}] ,\"tools\":[{\"type\":\"function\"}]}"

static void level_none_keeps_nothing(void **state)
{
    struct trace *trace = captured("chat", TRACE_CAPTURE_NONE, CHAT);

    (void)state;
    assert_string_equal(trace->request_hash, "");
    assert_string_equal(trace->response_hash, "");
    assert_string_equal(trace->system_hash, "");
    assert_string_equal(trace->tools_hash, "");
    assert_string_equal(trace->messages_hash, "");
    assert_string_equal(trace->request_blob, "");
    assert_int_equal(trace->request_body.n, 0);
    assert_int_equal(trace->response_body.n, 0);
    trace_free(trace);
}

static void level_hashes_keeps_hashes_only(void **state)
{
    struct trace *trace = captured("chat", TRACE_CAPTURE_HASHES, CHAT);

    (void)state;
    assert_hash_of(trace->request_hash, CHAT);
    assert_hash_of(trace->response_hash, "answer");
    assert_hash_of(trace->tools_hash, "[{\"type\":\"function\"}]");
    assert_string_equal(trace->request_blob, "");
    assert_string_equal(trace->response_blob, "");
    assert_int_equal(trace->request_body.n, 0);
    assert_int_equal(trace->response_body.n, 0);
    trace_free(trace);
}

static void level_full_keeps_the_bodies_under_their_hashes(void **state)
{
    struct trace *trace = captured("chat", TRACE_CAPTURE_FULL, CHAT);

    (void)state;
    assert_hash_of(trace->request_blob, CHAT);
    assert_string_equal(trace->request_blob, trace->request_hash);
    assert_string_equal(trace->response_blob, trace->response_hash);
    assert_str(buf_str(&trace->request_body), CHAT);
    assert_str(buf_str(&trace->response_body), "answer");
    trace_free(trace);
}

static void level_redacted_masks_secrets_and_keeps_the_hashes_of_what_was_there(void **state)
{
    static const struct {
        const char *body, *kept;
    } rows[] = {
        {"{\"messages\":[{\"content\":\"mail me: joe@example.com, thanks\"}]}",
         "{\"messages\":[{\"content\":\"mail me: [redacted:email], thanks\"}]}"                                },
        {"data: {\"text\":\"joe@example.com\"}\n\ndata: [DONE]\n\n",
         "data: {\"text\":\"[redacted:email]\"}\n\ndata: [DONE]\n\n"                                           },
        {"data: {\"text\":\"joe@\"}\n\ndata: {\"text\":\"example.com\"}\n\n",
         "data: {\"text\":\"[redacted:email]\"}\n\ndata: {\"text\":\"\"}\n\n"                                  },
        {"<html>joe@example.com</html>",                                        "<html>[redacted:email]</html>"},
        {"{\"broken\": joe@example.com",                                        "{\"broken\": [redacted:email]"},
        {"{\"nothing\": \"to hide\"}",                                          "{\"nothing\": \"to hide\"}"   },
        {"binary \xff\xfe joe@example.com",                                     NULL                           },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct trace *trace = make_trace(1, TRACE_CAPTURE_REDACTED, rows[i].body, rows[i].body);

        apply(trace);
        assert_hash_of(trace->request_hash, rows[i].body);
        assert_hash_of(trace->response_hash, rows[i].body);
        assert_hash_of(trace->request_blob, rows[i].kept);
        assert_hash_of(trace->response_blob, rows[i].kept);
        assert_str(buf_str(&trace->request_body), rows[i].kept ? rows[i].kept : "");
        assert_str(buf_str(&trace->response_body), rows[i].kept ? rows[i].kept : "");
        trace_free(trace);
    }
}

static void error_texts_are_masked_at_every_level(void **state)
{
    (void)state;
    for (int level = TRACE_CAPTURE_NONE; level <= TRACE_CAPTURE_FULL; level++) {
        struct trace *trace = make_trace(1, (enum trace_capture)level, "{}", "");

        trace->attempts = 2;
        trace->error_text = STR("no such user: joe@example.com");
        trace->attempts_json = STR("[{\"status\":401,\"text\":\"joe@example.com\"},{}]");
        apply(trace);
        assert_str(trace->error_text, "no such user: [redacted:email]");
        assert_str(trace->attempts_json, "[{\"status\":401,\"text\":\"[redacted:email]\"},{}]");
        trace_free(trace);
    }
}

static void an_empty_body_has_no_hash(void **state)
{
    struct trace *trace = make_trace(1, TRACE_CAPTURE_FULL, "", "");

    (void)state;
    apply(trace);
    assert_string_equal(trace->request_hash, "");
    assert_string_equal(trace->request_blob, "");
    assert_string_equal(trace->response_blob, "");
    trace_free(trace);
}

static void components_are_found_by_route(void **state)
{
    static const struct {
        const char *route, *body, *system, *tools, *messages;
    } rows[] = {
        {"chat",         CHAT,                                                            "{\"role\":\"system\",\"content\":\"be good\"}", "[{\"type\":\"function\"}]",
         "[{\"role\":\"system\",\"content\":\"be good\"},{\"role\":\"user\",\"content\":\"hi\"}]"                                                                                      },
        {"messages",     "{\"system\": \"be good\", \"messages\":[1, 2],\"tools\": []}",  "\"be good\"",
         "[]",                                                                                                                                                          "[1, 2]"       },
        {"count_tokens", "{\"system\": [ {} ], \"messages\":[]}",                         "[ {} ]",                                        NULL,                        "[]"           },
        {"responses",    "{\"instructions\":\"be good\",\"input\":\"hi\",\"tools\":[1]}",
         "\"be good\"",                                                                                                                    "[1]",                       "\"hi\""       },
        {"completions",  "{\"prompt\":\"once\",\"system\":1,\"tools\":2,\"\":3}",         NULL,                                            NULL,
         "\"once\""                                                                                                                                                                    },
        {"embeddings",   "{\"input\":[\"a\",\"b\"]}",                                     NULL,                                            NULL,                        "[\"a\",\"b\"]"},
        {"models",       "{\"messages\":[]}",                                             NULL,                                            NULL,                        NULL           },
        {"",             "{\"messages\":[]}",                                             NULL,                                            NULL,                        NULL           },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct trace *trace = captured(rows[i].route, TRACE_CAPTURE_HASHES, rows[i].body);

        assert_hash_of(trace->system_hash, rows[i].system);
        assert_hash_of(trace->tools_hash, rows[i].tools);
        assert_hash_of(trace->messages_hash, rows[i].messages);
        trace_free(trace);
    }
}

static void system_and_developer_messages_count_wherever_they_stand(void **state)
{
    static const struct {
        const char *messages, *system;
    } rows[] = {
        {"[]",                                                                                 NULL                        },
        {"[{\"role\":\"user\"}]",                                                              NULL                        },
        {"[{\"role\" : \"developer\"}]",                                                       "{\"role\" : \"developer\"}"},
        {"[ {\"role\":\"system\",\"n\":1} , {\"role\":\"user\"},\n {\"role\":\"developer\"}]",
         "{\"role\":\"system\",\"n\":1}\n{\"role\":\"developer\"}"                                                         },
        {"[{\"role\":\"system\"},{\"role\":\"system\"},{\"role\":\"system\"}]",
         "{\"role\":\"system\"}\n{\"role\":\"system\"}\n{\"role\":\"system\"}"                                             },
        {"[{\"role\":\"user\",\"content\":\"],{\\\"role\\\":\\\"system\\\"}\"}]",              NULL                        },
        {"[{\"content\":[{\"a\":[1,2]},\"]\"],\"role\":\"system\"},1,\"system\",null]",
         "{\"content\":[{\"a\":[1,2]},\"]\"],\"role\":\"system\"}"                                                         },
        {"\"no array\"",                                                                       NULL                        },
        {"{\"role\":\"system\"}",                                                              NULL                        },
    };

    char body[400];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(body, sizeof(body), "{\"messages\":%s}", rows[i].messages);
        struct trace *trace = captured("chat", TRACE_CAPTURE_HASHES, body);

        assert_hash_of(trace->system_hash, rows[i].system);
        assert_hash_of(trace->messages_hash, rows[i].messages);
        trace_free(trace);
    }
}

static void what_is_no_json_object_has_a_hash_and_no_components(void **state)
{
    static const char *const bodies[] = {
        "{",
        "[]",
        "\"messages\"",
        "{\"messages\":[{\"role\":\"system\"}",
        "{\"messages\":[}",
        "{\"messages\":[{\"role\":\"system\"}]} trailing",
        "\xff\xfe",
        "{\"messages\":\"\\",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct trace *trace = captured("chat", TRACE_CAPTURE_HASHES, bodies[i]);

        assert_hash_of(trace->request_hash, bodies[i]);
        assert_hash_of(trace->system_hash, NULL);
        assert_hash_of(trace->messages_hash, NULL);
        trace_free(trace);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(level_none_keeps_nothing),
        cmocka_unit_test(level_hashes_keeps_hashes_only),
        cmocka_unit_test(level_full_keeps_the_bodies_under_their_hashes),
        cmocka_unit_test(level_redacted_masks_secrets_and_keeps_the_hashes_of_what_was_there),
        cmocka_unit_test(error_texts_are_masked_at_every_level),
        cmocka_unit_test(an_empty_body_has_no_hash),
        cmocka_unit_test(components_are_found_by_route),
        cmocka_unit_test(system_and_developer_messages_count_wherever_they_stand),
        cmocka_unit_test(what_is_no_json_object_has_a_hash_and_no_components),
    };

    return cmocka_run_group_tests_name("store/capture", tests, NULL, NULL);
}
