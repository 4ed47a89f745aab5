#include "unit/llm/suite.h"

#include "core/json.h"
#include "llm/dialect.h"

static void every_route_is_found_by_its_own_path(void **state)
{
    (void)state;
    for (const struct route_info *row = route_table; row->name; row++) {
        char path[128];
        snprintf(path, sizeof(path), "%s%s", row->path, row->prefix ? "some/id" : "");
        const char *allow = NULL;
        const struct passthrough_kind *kind = NULL;
        const struct route_info *found =
            route_find(str_of(row->method), str_of(path), &allow, &kind);
        assert_ptr_equal(found, row);
        assert_null(allow);
        assert_null(kind);
        assert_ptr_equal(route_by_id(row->route), row);

        /* With another method it is not found, and the right one is named. */
        assert_null(route_find(STR("PATCH"), str_of(path), &allow, &kind));
        assert_string_equal(allow, row->method);
    }
}

static void a_query_does_not_hide_a_route(void **state)
{
    (void)state;
    const struct route_info *row =
        route_find(STR("POST"), STR("/v1/messages?beta=true"), NULL, NULL);
    assert_non_null(row);
    assert_int_equal(row->route, ROUTE_MESSAGES);
}

static void near_misses_are_no_routes(void **state)
{
    static const char *const paths[] = {
        "",
        "/",
        "/v1",
        "/v1/chat",
        "/v1/chat/completions/",
        "/v1/models/",
        "/V1/models",
        "/v1/chat/completionsX",
        "//v1/models",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        const char *allow = NULL;
        assert_null(route_find(STR("GET"), str_of(paths[i]), &allow, NULL));
        assert_null(route_find(STR("POST"), str_of(paths[i]), &allow, NULL));
        assert_null(allow);
    }
}

static void every_passthrough_kind_is_found_at_segment_borders(void **state)
{
    (void)state;
    for (const struct passthrough_kind *kind = passthrough_kinds; kind->name; kind++) {
        static const struct {
            const char *tail;
            bool found;
        } rows[] = {
            {"",                 true },
            {"/abc",             true },
            {"/abc/content?x=1", true },
            {"X",                false},
            {"/../models",       false},
            {"/a/..%2fmodels",   false},
            {"//abc",            false},
            {"/%2e%2e/chat",     false},
            {"/%2E./chat",       false},
            {"/./abc",           false},
            {"/a%5cb",           false},
            {"/a\\b",            false},
            {"/a%252e",          false},
            {"/a b",             false},
            {"/.",               false},
        };

        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            char path[128];
            snprintf(path, sizeof(path), "%s%s", kind->path, rows[i].tail);
            const struct passthrough_kind *found = NULL;
            const struct route_info *row = route_find(STR("POST"), str_of(path), NULL, &found);
            /* The root of responses is a route of its own. */
            bool is_route =
                rows[i].tail[0] == '\0' && strcmp(kind->name, PASSTHROUGH_RESPONSES) == 0;
            if (is_route) {
                assert_int_equal(row->route, ROUTE_RESPONSES);
            } else if (rows[i].found) {
                assert_non_null(row);
                assert_int_equal(row->route, ROUTE_PASSTHROUGH);
                assert_int_equal(row->dialect, kind->dialect);
                assert_ptr_equal(found, kind);
            } else {
                assert_null(row);
                assert_null(found);
            }
        }
    }
}

static void a_strange_method_on_a_passthrough_path_is_told_the_right_ones(void **state)
{
    const char *allow = NULL;
    (void)state;
    assert_null(route_find(STR("TRACE"), STR("/v1/files/f1"), &allow, NULL));
    assert_string_equal(allow, "GET, POST, PUT, PATCH, DELETE");
    assert_null(route_find(STR("GET,"), STR("/v1/files/f1"), &allow, NULL));
    assert_non_null(route_find(STR("DELETE"), STR("/v1/files/f1"), &allow, NULL));
}

static void answers_are_worded_in_the_dialect_of_the_path(void **state)
{
    static const struct {
        const char *path;
        bool version;
        enum dialect dialect;
    } rows[] = {
        {"/v1/messages",              false, DIALECT_ANTHROPIC},
        {"/v1/messages/count_tokens", false, DIALECT_ANTHROPIC},
        {"/v1/messages/batches/b1",   false, DIALECT_ANTHROPIC},
        {"/v1/messages?beta=true",    false, DIALECT_ANTHROPIC},
        {"/v1/messages/nonsense",     false, DIALECT_ANTHROPIC},
        {"/v1/messagesX",             false, DIALECT_OPENAI   },
        {"/v1/chat/completions",      true,  DIALECT_OPENAI   },
        {"/v1/models",                false, DIALECT_OPENAI   },
        {"/v1/models",                true,  DIALECT_ANTHROPIC},
        {"/v1/models/a/b",            true,  DIALECT_ANTHROPIC},
        {"/v1/nonsense",              true,  DIALECT_ANTHROPIC},
        {"/nonsense",                 false, DIALECT_OPENAI   },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(dialect_of(str_of(rows[i].path), rows[i].version), rows[i].dialect);
    }
    assert_string_equal(dialect_name(DIALECT_OPENAI), "openai");
    assert_string_equal(dialect_name(DIALECT_ANTHROPIC), "anthropic");
}

static void every_status_has_the_type_that_the_dialect_uses(void **state)
{
    static const struct {
        int status;
        const char *openai;
        const char *anthropic;
    } rows[] = {
        {400, "invalid_request_error", "invalid_request_error"},
        {401, "invalid_request_error", "authentication_error" },
        {402, "insufficient_quota",    "billing_error"        },
        {403, "invalid_request_error", "permission_error"     },
        {404, "invalid_request_error", "not_found_error"      },
        {405, "invalid_request_error", "invalid_request_error"},
        {408, "invalid_request_error", "invalid_request_error"},
        {409, "invalid_request_error", "conflict_error"       },
        {413, "invalid_request_error", "request_too_large"    },
        {422, "invalid_request_error", "invalid_request_error"},
        {429, "requests",              "rate_limit_error"     },
        {500, "server_error",          "api_error"            },
        {502, "server_error",          "api_error"            },
        {503, "server_error",          "api_error"            },
        {504, "server_error",          "timeout_error"        },
        {529, "server_error",          "overloaded_error"     },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_string_equal(dialect_error_type(DIALECT_OPENAI, rows[i].status), rows[i].openai);
        assert_string_equal(dialect_error_type(DIALECT_ANTHROPIC, rows[i].status),
                            rows[i].anthropic);
    }
}

static void error_bodies_have_the_wire_shape(void **state)
{
    struct buf out;
    buf_init(&out, 4096);
    (void)state;
    struct dialect_error error = {.status = 401,
                                  .message = STR("bad \"key\""),
                                  .code = "invalid_api_key",
                                  .request_id = STR("req_1")};
    dialect_write_error(DIALECT_OPENAI, &error, &out);
    assert_str(buf_str(&out), "{\"error\":{\"message\":\"bad \\\"key\\\"\",\"type\":\"invalid_"
                              "request_error\",\"param\":null,\"code\":\"invalid_api_key\"}}");
    buf_clear(&out);
    dialect_write_error(DIALECT_ANTHROPIC, &error, &out);
    assert_str(buf_str(&out), "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\","
                              "\"message\":\"bad \\\"key\\\"\"},\"request_id\":\"req_1\"}");
    buf_clear(&out);
    struct dialect_error quota = {.status = 429, .code = "insufficient_quota", .param = "model"};
    dialect_write_error(DIALECT_OPENAI, &quota, &out);
    assert_str(buf_str(&out), "{\"error\":{\"message\":\"\",\"type\":\"insufficient_quota\","
                              "\"param\":\"model\",\"code\":\"insufficient_quota\"}}");
    buf_clear(&out);
    struct dialect_error tokens = {
        .status = 429, .message = STR("m"), .type = "tokens", .code = "rate_limit_exceeded"};
    dialect_write_error(DIALECT_OPENAI, &tokens, &out);
    assert_str(buf_str(&out), "{\"error\":{\"message\":\"m\",\"type\":\"tokens\",\"param\":null,"
                              "\"code\":\"rate_limit_exceeded\"}}");
    buf_release(&out);
}

static void gemini_errors_have_googles_shape(void **state)
{
    static const struct {
        int status;
        const char *type;
    } rows[] = {
        {400, "INVALID_ARGUMENT"  },
        {401, "UNAUTHENTICATED"   },
        {403, "PERMISSION_DENIED" },
        {404, "NOT_FOUND"         },
        {409, "ABORTED"           },
        {418, "INVALID_ARGUMENT"  },
        {429, "RESOURCE_EXHAUSTED"},
        {500, "INTERNAL"          },
        {502, "INTERNAL"          },
        {503, "UNAVAILABLE"       },
        {504, "DEADLINE_EXCEEDED" },
    };
    struct dialect_error error = {
        .status = 400, .message = STR("API key not valid."), .code = "API_KEY_INVALID"};
    struct buf out;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_string_equal(dialect_error_type(DIALECT_GEMINI, rows[i].status), rows[i].type);
    }
    assert_string_equal(dialect_name(DIALECT_GEMINI), "gemini");
    buf_init(&out, 4096);
    dialect_write_error(DIALECT_GEMINI, &error, &out);
    assert_str(buf_str(&out),
               "{\"error\":{\"code\":400,\"message\":\"API key not valid.\",\"status\":"
               "\"INVALID_ARGUMENT\",\"details\":[{\"@type\":\"type.googleapis.com/"
               "google.rpc.ErrorInfo\",\"reason\":\"API_KEY_INVALID\",\"domain\":"
               "\"googleapis.com\"}]}}");
    buf_clear(&out);
    dialect_write_error(DIALECT_GEMINI, &(struct dialect_error){.status = 503}, &out);
    assert_str(buf_str(&out),
               "{\"error\":{\"code\":503,\"message\":\"\",\"status\":\"UNAVAILABLE\"}}");
    buf_release(&out);
}

static void stream_errors_have_the_shape_of_their_route(void **state)
{
    struct buf out;
    buf_init(&out, 4096);
    struct dialect_error error = {.status = 502, .message = STR("gone"), .code = "upstream_cut"};
    (void)state;
    static const char chat[] = "data: {\"error\":{\"message\":\"gone\",\"type\":\"server_error\","
                               "\"param\":null,\"code\":\"upstream_cut\"}}\n\n";
    dialect_write_stream_error(ROUTE_CHAT, &error, 7, &out);
    assert_str(buf_str(&out), chat);
    buf_clear(&out);
    dialect_write_stream_error(ROUTE_COMPLETIONS, &error, 7, &out);
    assert_str(buf_str(&out), chat);
    buf_clear(&out);
    dialect_write_stream_error(ROUTE_RESPONSES, &error, 7, &out);
    assert_str(buf_str(&out),
               "event: error\ndata: {\"type\":\"error\",\"code\":\"upstream_cut\",\"message\":"
               "\"gone\",\"param\":null,\"sequence_number\":7}\n\n");
    buf_clear(&out);
    dialect_write_stream_error(ROUTE_MESSAGES, &error, 7, &out);
    assert_str(buf_str(&out), "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_"
                              "error\",\"message\":\"gone\"}}\n\n");
    buf_clear(&out);
    error.code = NULL;
    dialect_write_stream_error(ROUTE_RESPONSES, &error, 0, &out);
    assert_has(buf_cstr(&out), "\"code\":\"server_error\"");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_found_by_its_own_path),
        cmocka_unit_test(a_query_does_not_hide_a_route),
        cmocka_unit_test(near_misses_are_no_routes),
        cmocka_unit_test(every_passthrough_kind_is_found_at_segment_borders),
        cmocka_unit_test(a_strange_method_on_a_passthrough_path_is_told_the_right_ones),
        cmocka_unit_test(answers_are_worded_in_the_dialect_of_the_path),
        cmocka_unit_test(every_status_has_the_type_that_the_dialect_uses),
        cmocka_unit_test(error_bodies_have_the_wire_shape),
        cmocka_unit_test(gemini_errors_have_googles_shape),
        cmocka_unit_test(stream_errors_have_the_shape_of_their_route),
    };
    return cmocka_run_group_tests_name("llm/dialect", tests, NULL, NULL);
}
