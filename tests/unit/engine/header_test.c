#include "unit/engine/suite.h"

#include "engine/header.h"

static const struct http_header from_client[] = {
    {STR("Host"),                STR("localhost:8080")       },
    {STR("Authorization"),       STR("Bearer sk-weir-client")},
    {STR("x-api-key"),           STR("sk-weir-client")       },
    {STR("Cookie"),              STR("a=b")                  },
    {STR("Connection"),          STR("keep-alive, x-hop")    },
    {STR("X-Hop"),               STR("1")                    },
    {STR("connection"),          STR("x-second-hop")         },
    {STR("X-Second-Hop"),        STR("1")                    },
    {STR("Accept-Encoding"),     STR("gzip")                 },
    {STR("Content-Length"),      STR("999")                  },
    {STR("X-Forwarded-For"),     STR("10.0.0.1")             },
    {STR("X-Weir-Session"),      STR("s1")                   },
    {STR("Content-Type"),        STR("application/json")     },
    {STR("OpenAI-Organization"), STR("org-1")                },
    {STR("x-sim-seed"),          STR("7")                    },
};

static struct settings *load(const char *text)
{
    struct settings *s = NULL;
    struct error err = {0};
    if (suite_settings(text, NULL, &s, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return s;
}

static void write_for(const struct settings *s, struct str path, struct buf *out)
{
    const struct settings_provider *p = &s->providers[0];
    struct http_head client = {.headers = from_client, .header_count = ARRAY_LEN(from_client)};
    struct provider_place place = {.route = ROUTE_CHAT,
                                   .base = p->base_url.path,
                                   .path = path,
                                   .query = STR("a=1"),
                                   .model = STR("m")};
    struct header_request r = {.provider = p,
                               .key = p->api_key_count > 0 ? &p->api_keys[0] : NULL,
                               .method = STR("POST"),
                               .place = &place,
                               .client = &client,
                               .body_bytes = 12,
                               .has_body = true};
    buf_init(out, HEADER_REQUEST_BYTES_MAX);
    header_write_request(out, &r);
}

static void the_caller_s_key_and_hop_headers_stay_here(void **state)
{
    struct settings *s =
        load("providers: {p: {dialect: openai, base_url: \"https://h.example/v1\", "
             "api_keys: [sk-provider], proxy: none, headers: {x-extra: yes}}}");
    struct buf out;
    (void)state;
    write_for(s, STR("/v1/chat/completions"), &out);
    const char *text = buf_cstr(&out);
    assert_ptr_equal(strstr(text, "POST /v1/chat/completions?a=1 HTTP/1.1\r\nhost: h.example\r\n"),
                     text);
    static const char *const absent[] = {"sk-weir-client", "Cookie", "X-Hop",     "X-Second-Hop",
                                         "gzip",           "999",    "Forwarded", "Session"};
    for (size_t i = 0; i < ARRAY_LEN(absent); i++) {
        assert_null(strstr(text, absent[i]));
    }
    static const char *const present[] = {"uthorization: Bearer sk-provider\r\n",
                                          "accept-encoding: identity\r\n",
                                          "content-length: 12\r\n",
                                          "Content-Type: application/json\r\n",
                                          "OpenAI-Organization: org-1\r\n",
                                          "x-sim-seed: 7\r\n",
                                          "x-extra: yes\r\n"};
    for (size_t i = 0; i < ARRAY_LEN(present); i++) {
        assert_non_null(strcasestr(text, present[i]));
    }
    assert_string_equal(text + out.n - 4, "\r\n\r\n");
    buf_release(&out);
    settings_unref(s);
}

static void paths_join_with_every_form_of_base_url(void **state)
{
    static const struct {
        const char *dialect, *base, *path, *line;
    } rows[] = {
        {"openai",    "http://h/v1",          "/v1/embeddings", "POST /v1/embeddings?"         },
        {"openai",    "http://h/v1/",         "/v1/embeddings", "POST /v1/embeddings?"         },
        {"openai",    "http://h",             "/v1/embeddings", "POST /v1/embeddings?"         },
        {"openai",    "http://h/api/paas/v4", "/v1/embeddings", "POST /api/paas/v4/embeddings?"},
        {"anthropic", "http://h",             "/v1/messages",   "POST /v1/messages?"           },
        {"anthropic", "http://h/v1",          "/v1/messages",   "POST /v1/messages?"           },
        {"anthropic", "http://h/claude",      "/v1/messages",   "POST /claude/v1/messages?"    },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[200];
        struct buf out;
        snprintf(text, sizeof(text), "providers: {p: {dialect: %s, base_url: \"%s\"}}",
                 rows[i].dialect, rows[i].base);
        struct settings *s = load(text);
        write_for(s, str_of(rows[i].path), &out);
        assert_ptr_equal(strstr(buf_cstr(&out), rows[i].line), out.p);
        buf_release(&out);
        settings_unref(s);
    }
}

static void a_plain_proxy_gets_the_whole_url(void **state)
{
    struct settings *s = load("providers: {p: {dialect: openai, base_url: \"http://h:81/v1\", "
                              "proxy: \"http://us%65r:pw@127.0.0.1:3128\"}}");
    struct buf out;
    (void)state;
    write_for(s, STR("/v1/embeddings"), &out);
    assert_ptr_equal(strstr(buf_cstr(&out), "POST http://h:81/v1/embeddings?"), out.p);
    assert_non_null(strstr(out.p, "proxy-authorization: Basic dXNlcjpwdw==\r\n"));
    buf_release(&out);
    settings_unref(s);
}

static void rate_limits_of_weir_s_account_are_renamed(void **state)
{
    static const struct http_header answer[] = {
        {STR("Content-Type"),                     STR("application/json")},
        {STR("x-ratelimit-remaining-requests"),   STR("9")               },
        {STR("Anthropic-RateLimit-Tokens-Limit"), STR("5")               },
        {STR("Set-Cookie"),                       STR("a=b")             },
        {STR("Transfer-Encoding"),                STR("chunked")         },
        {STR("Connection"),                       STR("x-gone")          },
        {STR("x-gone"),                           STR("1")               },
        {STR("x-weir-trace"),                     STR("forged")          },
        {STR("content-encoding"),                 STR("identity")        },
        {STR("retry-after"),                      STR("3")               },
        {STR("x-request-id"),                     STR("req_1")           },
    };
    static const char *const expected[] = {
        "Content-Type", "x-weir-upstream-x-ratelimit-remaining-requests",
        "x-weir-upstream-Anthropic-RateLimit-Tokens-Limit", "retry-after", "x-request-id"};
    struct http_head head = {.headers = answer, .header_count = ARRAY_LEN(answer)};
    struct http_header out[16];
    struct arena arena;
    (void)state;
    arena_init(&arena);
    size_t n = header_filter_answer(&head, &arena, out, ARRAY_LEN(out));
    assert_int_equal(n, ARRAY_LEN(expected));
    for (size_t i = 0; i < n; i++) {
        assert_true(str_is(out[i].name, expected[i]));
    }
    assert_int_equal(header_filter_answer(&head, &arena, out, 2), 2);
    arena_release(&arena);
}

static void translated_calls_leave_the_client_s_dialect_behind(void **state)
{
    struct settings *s = load("providers: {p: {dialect: openai, base_url: \"http://h/v1\"}}");
    static const struct http_header headers[] = {
        {STR("anthropic-version"), STR("2023-06-01")      },
        {STR("Anthropic-Beta"),    STR("x")               },
        {STR("content-type"),      STR("text/plain")      },
        {STR("accept"),            STR("application/json")},
        {STR("x-stainless-lang"),  STR("python")          },
        {STR("traceparent"),       STR("00-1")            },
    };
    struct http_head client = {.headers = headers, .header_count = ARRAY_LEN(headers)};
    struct provider_place place = {.route = ROUTE_CHAT,
                                   .base = STR("/v1"),
                                   .path = STR("/v1/chat/completions"),
                                   .stream = true};
    struct header_request r = {.provider = &s->providers[0],
                               .place = &place,
                               .method = STR("POST"),
                               .translated = true,
                               .client = &client,
                               .has_body = true};
    struct buf out;
    (void)state;
    buf_init(&out, HEADER_REQUEST_BYTES_MAX);
    header_write_request(&out, &r);
    const char *text = buf_cstr(&out);
    assert_non_null(strstr(text, "content-type: application/json\r\n"));
    assert_non_null(strstr(text, "accept: text/event-stream\r\n"));
    assert_non_null(strstr(text, "traceparent: 00-1\r\n"));
    assert_null(strcasestr(text, "anthropic"));
    assert_null(strcasestr(text, "stainless"));
    assert_null(strstr(text, "text/plain"));
    buf_release(&out);
    settings_unref(s);
}

static void translated_answers_get_the_client_s_headers(void **state)
{
    struct http_header headers[4 + HEADER_TRANSLATED_MORE] = {
        {STR("content-type"),         STR("text/plain")},
        {STR("x-request-id"),         STR("r-1")       },
        {STR("openai-processing-ms"), STR("5")         },
        {STR("retry-after"),          STR("3")         },
    };
    struct arena arena;
    struct message_notes notes;
    (void)state;
    arena_init(&arena);
    message_notes_init(&notes, &arena, false, "x");
    assert_int_equal(message_drop(&notes, NULL, "seed") + message_drop(&notes, NULL, "n"), 0);
    struct header_translation t = {
        .client = DIALECT_ANTHROPIC, .stream = true, .request_id = STR("r-1"), .notes = &notes};
    size_t n = header_translate_answer(&t, &arena, headers, 4);
    assert_int_equal(n, 4);
    assert_true(str_is(headers[0].name, "retry-after"));
    assert_true(str_is(headers[1].value, "text/event-stream"));
    assert_true(str_is(headers[2].name, "request-id"));
    assert_true(str_is(headers[3].name, "x-weir-dropped"));
    assert_true(str_is(headers[3].value, "seed, n"));
    t = (struct header_translation){.client = DIALECT_OPENAI};
    n = header_translate_answer(&t, &arena, headers, 1); /* no id, and nothing dropped */
    assert_int_equal(n, 2);
    assert_true(str_is(headers[1].value, "application/json"));
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_caller_s_key_and_hop_headers_stay_here),
        cmocka_unit_test(paths_join_with_every_form_of_base_url),
        cmocka_unit_test(a_plain_proxy_gets_the_whole_url),
        cmocka_unit_test(rate_limits_of_weir_s_account_are_renamed),
        cmocka_unit_test(translated_calls_leave_the_client_s_dialect_behind),
        cmocka_unit_test(translated_answers_get_the_client_s_headers),
    };
    return cmocka_run_group_tests_name("engine/header", tests, NULL, NULL);
}
