#include "unit/engine/call_scene.h"

/* ---- answers that come through ---- */

static void a_whole_answer_passes_unchanged_and_is_read(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, ", api_keys: [sk-alpha]", "");
    start_chat(f, CHAT_BODY, 2);
    UNTIL(f->loop, upstream_asked(&f->a));
    assert_true(upstream_was_sent(&f->a, "POST /v1/chat/completions HTTP/1.1\r\n"));
    assert_true(upstream_was_sent(&f->a, "authorization: Bearer sk-alpha\r\n"));
    assert_true(upstream_was_sent(&f->a, "x-kept: yes\r\n"));
    assert_true(upstream_was_sent(&f->a, "\r\n\r\n" CHAT_BODY));
    upstream_answer(&f->a, "200 OK", JSON_HEADER "x-request-id: r-1\r\n", CHAT_ANSWER);
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->ends, 1);
    assert_int_equal(o->status, 200);
    assert_false(o->stream);
    assert_int_equal(o->content_length, strlen(CHAT_ANSWER));
    assert_str(buf_str(&o->out), CHAT_ANSWER);
    assert_str(buf_str(&o->trace->response_body), CHAT_ANSWER);
    assert_str(o->trace->provider, "a");
    assert_str(o->trace->model_returned, "m-2026");
    assert_str(o->trace->finish_reason, "stop");
    assert_str(o->trace->upstream_request_id, "r-1");
    assert_int_equal(o->trace->error_class.n, 0);
    assert_int_equal(o->trace->upstream_status, 200);
    assert_int_equal(o->trace->attempts, 1);
    assert_int_equal(o->trace->output_tokens, 3);
    assert_int_equal(o->trace->usage_source, TRACE_USAGE_PROVIDER);
    assert_true(o->trace->sent_us >= 0 && o->trace->head_us >= o->trace->sent_us);
    assert_true(o->trace->first_us >= o->trace->head_us);
}

static void a_stream_is_asked_for_usage_that_the_client_does_not_see(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, "", "");
    start_chat(f, CHAT_BODY_STREAM, 1);
    UNTIL(f->loop, upstream_asked(&f->a));
    assert_true(upstream_was_sent(&f->a, "\"include_usage\":true"));
    upstream_start_stream(&f->a);
    upstream_chunk(&f->a, CHAT_PIECE);
    UNTIL(f->loop, o->out.n > 0);
    assert_int_equal(o->heads, 1);
    assert_true(o->stream);
    assert_int_equal(o->content_length, -1);
    upstream_chunk(&f->a, CHAT_STOP CHAT_USAGE CHAT_DONE);
    upstream_end_stream(&f->a);
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->ends, 1);
    assert_false(has(buf_str(&o->out), "prompt_tokens"));
    assert_true(str_ends(buf_str(&o->out), STR(CHAT_STOP CHAT_DONE)));
    assert_int_equal(o->trace->input_tokens, 7);
    assert_int_equal(o->trace->events, 4);
}

static void the_head_of_a_stream_waits_for_its_first_event(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, ", usage: never", "");
    start_chat(f, CHAT_BODY_STREAM, 1);
    UNTIL(f->loop, upstream_asked(&f->a));
    assert_false(upstream_was_sent(&f->a, "include_usage"));
    upstream_start_stream(&f->a);
    upstream_chunk(&f->a, "data: {\"id\"");
    UNTIL(f->loop, o->trace->head_us >= 0);
    peer_idle(f->loop);
    assert_int_equal(o->heads, 0);
    upstream_chunk(&f->a, ":1}\n\n" CHAT_STOP);
    UNTIL(f->loop, o->heads == 1);
    upstream_end_stream(&f->a); /* no [DONE], but it had said why it stops */
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->ends, 1);
    assert_str(buf_str(&o->out), "data: {\"id\":1}\n\n" CHAT_STOP);
}

static void a_get_is_passed_through_unread(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, "", "");
    start(f, o,
          (struct ask){.method = "GET",
                       .path = "/v1/files/f1",
                       .query = "after=2",
                       .body = "",
                       .route = ROUTE_PASSTHROUGH,
                       .targets = 1,
                       .unread = true});
    UNTIL(f->loop, upstream_asked(&f->a));
    assert_true(upstream_was_sent(&f->a, "GET /v1/files/f1?after=2 HTTP/1.1\r\n"));
    assert_false(upstream_was_sent(&f->a, "content-length"));
    upstream_answer(&f->a, "200 OK", "content-type: application/octet-stream\r\n", "\001\002raw");
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->ends, 1);
    assert_str(buf_str(&o->out), "\001\002raw");
    assert_int_equal(o->trace->price_status, TRACE_UNPRICED);
}

static void an_answer_without_a_body_ends_with_its_head(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, "", "");
    start(f, o,
          (struct ask){.method = "DELETE",
                       .path = "/v1/files/f1",
                       .body = "",
                       .route = ROUTE_PASSTHROUGH,
                       .targets = 1,
                       .unread = true});
    UNTIL(f->loop, upstream_asked(&f->a));
    peer_send(&f->a.peer, "HTTP/1.1 204 No Content\r\n\r\n");
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->ends, 1);
    assert_int_equal(o->status, 204);
    assert_int_equal(o->out.n, 0);
}

static void what_is_kept_of_an_answer_ends_at_capture_max(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, "", "capture_max: 10\n");
    start_chat(f, CHAT_BODY, 1);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_answer(&f->a, "200 OK", JSON_HEADER, CHAT_ANSWER);
    UNTIL(f->loop, is_over(o));
    assert_str(buf_str(&o->out), CHAT_ANSWER);
    assert_int_equal(o->trace->response_body.n, 10);
    assert_true(o->trace->response_truncated);
    assert_int_equal(o->trace->response_bytes, strlen(CHAT_ANSWER));
    assert_int_equal(o->trace->output_tokens, 3);
}

static void exactly_capture_max_is_not_truncated(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    char root[64];
    snprintf(root, sizeof(root), "capture_max: %zu\n", strlen(CHAT_ANSWER));
    configure(f, "", root);
    start_chat(f, CHAT_BODY, 1);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_answer(&f->a, "200 OK", JSON_HEADER, CHAT_ANSWER);
    UNTIL(f->loop, is_over(o));
    assert_str(buf_str(&o->trace->response_body), CHAT_ANSWER);
    assert_false(o->trace->response_truncated);
}

/* ---- going elsewhere ---- */

static void the_next_target_is_tried_for_what_another_place_may_not_have(void **state)
{
    static const struct {
        const char *status, *class;
    } rows[] = {
        {"404 Not Found",         "provider_error"     },
        {"408 Request Timeout",   "provider_timeout"   },
        {"429 Too Many Requests", "provider_rate"      },
        {"500 Oops",              "provider_error"     },
        {"503 Unavailable",       "provider_overloaded"},
        {"504 Timeout",           "provider_timeout"   },
        {"529 Overloaded",        "provider_overloaded"},
        {"302 Found",             "provider_nonsense"  }
    };
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, "", "");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        start_chat(f, CHAT_BODY, 2);
        UNTIL(f->loop, upstream_asked(&f->a));
        upstream_answer(&f->a, rows[i].status, JSON_HEADER,
                        "{\"error\":{\"message\":\"no luck\"}}");
        UNTIL(f->loop, upstream_asked(&f->b));
        assert_true(upstream_was_sent(&f->b, "\"model\":\"small\""));
        upstream_answer(&f->b, "200 OK", JSON_HEADER, CHAT_ANSWER);
        UNTIL(f->loop, is_over(o));
        assert_int_equal(o->ends, 1);
        assert_int_equal(o->status, 200);
        assert_int_equal(o->trace->attempts, 2);
        assert_str(o->trace->provider, "b");
        assert_str(o->trace->model_routed, "small");
        assert_int_equal(o->trace->error_class.n, 0);
        assert_has(o->trace->attempts_json, "{\"provider\":\"a\",\"model\":\"m\",\"status\":");
        assert_has(o->trace->attempts_json, rows[i].class);
        assert_has(o->trace->attempts_json, "no luck");
        assert_has(o->trace->attempts_json, "},{\"provider\":\"b\",\"model\":\"small\"");
        owner_close(o);
        *o = (struct owner){0};
        owner_open(o);
    }
}

static void what_is_wrong_with_the_request_is_tried_nowhere_else(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, "", "");
    start_chat(f, CHAT_BODY, 2);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_answer(&f->a, "400 Bad Request", JSON_HEADER "x-ratelimit-limit-requests: 5\r\n",
                    "{\"error\":{\"message\":\"messages: too long\"}}");
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->ends, 1);
    assert_int_equal(o->status, 400);
    assert_str(buf_str(&o->out), "{\"error\":{\"message\":\"messages: too long\"}}");
    assert_int_equal(o->content_length, o->out.n);
    assert_int_equal(o->trace->attempts, 1);
    assert_str(o->trace->error_class, "provider_rejected");
    assert_has(o->trace->error_text, "provider \"a\" answered HTTP 400: messages: too long");
    assert_int_equal(o->trace->price_status, TRACE_NO_CHARGE);
    assert_str(buf_str(&o->trace->response_body),
               "{\"error\":{\"message\":\"messages: too long\"}}");
}

static void the_last_provider_s_own_words_are_delivered(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, "", "");
    start_chat(f, CHAT_BODY, 2);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_answer(&f->a, "500 Oops", JSON_HEADER, "{\"error\":{\"message\":\"first\"}}");
    UNTIL(f->loop, upstream_asked(&f->b));
    upstream_answer(&f->b, "429 Slow Down", JSON_HEADER "retry-after: 7\r\n",
                    "{\"error\":{\"message\":\"second\"}}");
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->ends, 1);
    assert_int_equal(o->status, 429);
    assert_str(buf_str(&o->out), "{\"error\":{\"message\":\"second\"}}");
    assert_has(buf_str(&o->answer_headers), "retry-after: 7\n");
    assert_str(o->trace->error_class, "provider_rate");
    assert_int_equal(o->trace->attempts, 2);
}

static void a_refused_key_gives_way_to_the_next_key_then_to_the_next_target(void **state)
{
    static const char *const refusals[] = {"401 Unauthorized", "402 Payment Required",
                                           "403 Forbidden"};
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, ", api_keys: [sk-alpha, sk-beta, sk-gamma]", "");
    start_chat(f, CHAT_BODY, 2);
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        static const char *const secrets[] = {"sk-alpha", "sk-beta", "sk-gamma"};
        UNTIL(f->loop, upstream_asked(&f->a));
        assert_true(upstream_was_sent(&f->a, secrets[i]));
        upstream_answer(&f->a, refusals[i], JSON_HEADER, "{\"error\":{\"message\":\"bad key\"}}");
    }
    UNTIL(f->loop, upstream_asked(&f->b));
    assert_false(upstream_was_sent(&f->b, "authorization"));
    upstream_answer(&f->b, "200 OK", JSON_HEADER, CHAT_ANSWER);
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->status, 200);
    assert_int_equal(o->trace->attempts, 4);
    assert_has(o->trace->attempts_json, "\"key\":\"a#1\",\"status\":401");
    assert_has(o->trace->attempts_json, "\"key\":\"a#2\",\"status\":402");
    assert_has(o->trace->attempts_json, "\"key\":\"a#3\",\"status\":403");
    assert_false(has(o->trace->attempts_json, "sk-"));
    const struct settings_provider *a = &f->settings->providers[0];
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        int status = 0;
        assert_true(keyring_benched_until(f->keyring, &a->api_keys[i], &status) > clock_wall_ms());
        assert_int_equal(status, 401 + (int)i);
    }
}

static void a_key_that_works_comes_off_the_bench(void **state)
{
    struct fixture *f = *state;
    configure(f, ", api_keys: [sk-alpha]", "");
    const struct settings_api_key *key = &f->settings->providers[0].api_keys[0];
    keyring_bench(f->keyring, key, 401, clock_wall_ms() + 1000000);
    start_chat(f, CHAT_BODY, 1);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_answer(&f->a, "200 OK", JSON_HEADER, CHAT_ANSWER);
    UNTIL(f->loop, is_over(&f->one));
    int status = 0;
    assert_int_equal(keyring_benched_until(f->keyring, key, &status), 0);
}

static void a_refusal_of_weir_s_key_is_told_in_weir_s_words(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, ", api_keys: [sk-alpha]", "");
    start_chat(f, CHAT_BODY, 1);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_answer(&f->a, "401 Unauthorized",
                    "content-type: text/html; charset=latin1\r\ncontent-encoding: gzip\r\n"
                    "etag: \"x\"\r\n",
                    "{\"error\":{\"message\":\"Incorrect API key provided: sk-al***\"}}");
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->ends, 1);
    assert_int_equal(o->status, 401);
    assert_has(buf_str(&o->out), "refused the key that weir holds for it (HTTP 401)");
    assert_false(has(buf_str(&o->out), "sk-al"));
    assert_int_equal(o->content_length, o->out.n);
    assert_false(o->stream);
    assert_str(buf_str(&o->answer_headers), "content-type: application/json\n");
    assert_str(o->trace->error_class, "provider_key");
}

static void a_missing_right_says_what_the_provider_said(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, ", api_keys: [sk-alpha]", "");
    start_chat(f, CHAT_BODY, 1);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_answer(&f->a, "403 Forbidden", JSON_HEADER,
                    "{\"error\":{\"message\":\"project p lacks model m\"}}");
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->status, 403);
    assert_has(buf_str(&o->out), "(HTTP 403: project p lacks model m)");
}

static void keys_in_a_failed_answer_are_made_unreadable(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, ", api_keys: [sk-alpha, sk-beta]", "");
    start_chat(f, CHAT_BODY, 1);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_answer(&f->a, "400 Bad Request", JSON_HEADER,
                    "{\"error\":{\"message\":\"you sent sk-alpha, sk-alpha and sk-beta\"}}");
    UNTIL(f->loop, is_over(o));
    assert_str(buf_str(&o->out),
               "{\"error\":{\"message\":\"you sent ********, ******** and *******\"}}");
    assert_false(has(o->trace->error_text, "sk-"));
    assert_false(has(o->trace->attempts_json, "sk-"));
    assert_false(has(buf_str(&o->trace->response_body), "sk-"));
}

static void of_a_failed_answer_that_is_too_long_the_start_is_delivered(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    size_t n = CALL_ERROR_BODY_MAX + 1;
    char *body = test_malloc(n + 1);
    memset(body, 'x', n);
    body[n] = '\0';
    configure(f, "", "");
    start_chat(f, CHAT_BODY, 1);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_answer(&f->a, "500 Oops", JSON_HEADER, body);
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->ends, 1);
    assert_int_equal(o->status, 500);
    assert_int_equal(o->out.n, CALL_ERROR_BODY_MAX);
    assert_int_equal(o->content_length, CALL_ERROR_BODY_MAX);
    UNTIL(f->loop, peer_read(&f->a.peer)); /* the rest is not waited for */
    test_free(body);
}

static void a_failed_answer_that_breaks_off_counts_as_far_as_it_came(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, "", "");
    start_chat(f, CHAT_BODY, 1);
    UNTIL(f->loop, upstream_asked(&f->a));
    peer_send(&f->a.peer, "HTTP/1.1 503 Unavailable\r\ncontent-length: 100\r\n\r\nsorry");
    UNTIL(f->loop, o->trace->head_us >= 0);
    upstream_hang_up(&f->a);
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->status, 503);
    assert_str(buf_str(&o->out), "sorry");
    assert_int_equal(o->content_length, 5);
}

static void where_nobody_listens_the_next_target_is_tried(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, "", "");
    upstream_shut(&f->a);
    start_chat(f, CHAT_BODY, 2);
    UNTIL(f->loop, upstream_asked(&f->b));
    upstream_answer(&f->b, "200 OK", JSON_HEADER, CHAT_ANSWER);
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->ends, 1);
    assert_has(o->trace->attempts_json, "\"status\":0");
    assert_has(o->trace->attempts_json, "provider_unreachable");
}

static void when_nobody_listens_anywhere_the_call_fails(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, "", "");
    upstream_shut(&f->a);
    upstream_shut(&f->b);
    start_chat(f, CHAT_BODY, 2);
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->failures, 1);
    assert_int_equal(o->outcome, OUTCOME_PROVIDER_UNREACHABLE);
    assert_non_null(strstr(o->message, "provider \"b\": "));
    assert_str(o->trace->error_class, "provider_unreachable");
    assert_int_equal(o->trace->attempts, 2);
    assert_int_equal(o->trace->upstream_status, 0);
    assert_int_equal(o->trace->price_status, TRACE_NO_CHARGE);
}

static void a_refusal_before_a_failure_to_connect_is_not_the_answer(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, "", "");
    upstream_shut(&f->b);
    start_chat(f, CHAT_BODY, 2);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_answer(&f->a, "500 Oops", JSON_HEADER, "{}");
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->failures, 1);
    assert_int_equal(o->outcome, OUTCOME_PROVIDER_UNREACHABLE);
}

static void a_head_that_does_not_come_in_time_sends_the_call_elsewhere(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, ", first_byte_timeout: 20ms", "");
    start_chat(f, CHAT_BODY, 2);
    UNTIL(f->loop, upstream_asked(&f->b));
    UNTIL(f->loop, upstream_accept(&f->a));
    UNTIL(f->loop, peer_read(&f->a.peer)); /* the one that was too slow is let go */
    upstream_answer(&f->b, "200 OK", JSON_HEADER, CHAT_ANSWER);
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->ends, 1);
    assert_has(o->trace->attempts_json, "provider_timeout");
}

static void nonsense_sends_the_call_elsewhere(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, "", "");
    start_chat(f, CHAT_BODY, 2);
    UNTIL(f->loop, upstream_asked(&f->a));
    peer_send(&f->a.peer, "SSH-2.0-hello\r\n\r\n");
    UNTIL(f->loop, upstream_asked(&f->b));
    upstream_answer(&f->b, "200 OK", JSON_HEADER, CHAT_ANSWER);
    UNTIL(f->loop, is_over(o));
    assert_has(o->trace->attempts_json, "provider_nonsense");
}

static void an_answer_cut_before_its_first_byte_sends_the_call_elsewhere(void **state)
{
    static const char *const heads[] = {
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        "9\r\ndata: {\"a\r\n",
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        "9\r\ndata: {\"a\r\n0\r\n\r\n",
    };
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, "", "");
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        start_chat(f, CHAT_BODY_STREAM, 2);
        UNTIL(f->loop, upstream_asked(&f->a));
        peer_send(&f->a.peer, heads[i]);
        upstream_hang_up(&f->a);
        UNTIL(f->loop, upstream_asked(&f->b));
        upstream_answer(&f->b, "200 OK", JSON_HEADER, CHAT_ANSWER);
        UNTIL(f->loop, is_over(o));
        assert_int_equal(o->ends, 1);
        assert_str(buf_str(&o->out), CHAT_ANSWER);
        assert_has(o->trace->attempts_json, "provider_cut");
        owner_close(o);
        *o = (struct owner){0};
        owner_open(o);
    }
}

static void a_stream_that_begins_with_an_error_goes_elsewhere(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, "", "");
    start_chat(f, CHAT_BODY_STREAM, 2);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_start_stream(&f->a);
    upstream_chunk(&f->a, CHAT_ERROR_EVENT);
    UNTIL(f->loop, upstream_asked(&f->b));
    UNTIL(f->loop, peer_read(&f->a.peer));
    upstream_start_stream(&f->b);
    upstream_chunk(&f->b, CHAT_PIECE CHAT_STOP CHAT_DONE);
    upstream_end_stream(&f->b);
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->ends, 1);
    assert_str(buf_str(&o->out), CHAT_PIECE CHAT_STOP CHAT_DONE);
    assert_has(o->trace->attempts_json, "provider_overloaded");
    assert_has(o->trace->attempts_json, "out of capacity");
}

static void an_error_in_the_last_target_s_stream_is_relayed(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, "", "");
    start_chat(f, CHAT_BODY_STREAM, 1);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_start_stream(&f->a);
    upstream_chunk(&f->a, CHAT_ERROR_EVENT);
    upstream_end_stream(&f->a);
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->ends, 1);
    assert_str(buf_str(&o->out), CHAT_ERROR_EVENT);
    assert_str(o->trace->error_class, "provider_error");
    assert_has(o->trace->error_text, "out of capacity");
}

/* ---- after the first byte ---- */

static void a_stream_cut_between_events_is_broken_and_can_still_be_told(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, "", "");
    start_chat(f, CHAT_BODY_STREAM, 2);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_start_stream(&f->a);
    upstream_chunk(&f->a, CHAT_PIECE);
    UNTIL(f->loop, o->out.n > 0);
    upstream_hang_up(&f->a);
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->breaks, 1);
    assert_int_equal(o->outcome, OUTCOME_PROVIDER_CUT);
    assert_false(o->event_open);
    assert_str(buf_str(&o->out), CHAT_PIECE);
    assert_str(o->trace->error_class, "provider_cut");
    assert_int_equal(o->trace->attempts, 1);
    assert_int_equal(o->trace->usage_source, TRACE_USAGE_ESTIMATED);
}

static void a_stream_cut_within_an_event_is_broken_with_the_event_open(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, ", usage: never", "");
    start_chat(f, CHAT_BODY_STREAM, 2);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_start_stream(&f->a);
    upstream_chunk(&f->a, CHAT_PIECE "data: {\"half");
    UNTIL(f->loop, has(buf_str(&o->out), "half"));
    upstream_hang_up(&f->a);
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->breaks, 1);
    assert_true(o->event_open);
}

static void half_an_event_that_was_held_is_dropped_when_the_stream_breaks(void **state)
{
    static const bool clean[] = {false, true};
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, "", ""); /* usage is asked for: events are held until they are whole */
    for (size_t i = 0; i < ARRAY_LEN(clean); i++) {
        start_chat(f, CHAT_BODY_STREAM, 2);
        UNTIL(f->loop, upstream_asked(&f->a));
        upstream_start_stream(&f->a);
        upstream_chunk(&f->a, CHAT_PIECE "data: {\"half");
        UNTIL(f->loop, o->out.n > 0);
        if (clean[i]) {
            upstream_end_stream(&f->a);
        }
        upstream_hang_up(&f->a);
        UNTIL(f->loop, is_over(o));
        assert_int_equal(o->breaks, 1);
        assert_false(o->event_open);
        assert_str(buf_str(&o->out), CHAT_PIECE);
        owner_close(o);
        *o = (struct owner){0};
        owner_open(o);
    }
}

static void a_stream_that_ends_without_its_last_event_is_broken(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, "", "");
    start_chat(f, CHAT_BODY_STREAM, 2);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_start_stream(&f->a);
    upstream_chunk(&f->a, CHAT_PIECE);
    upstream_end_stream(&f->a);
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->breaks, 1);
    assert_int_equal(o->outcome, OUTCOME_PROVIDER_CUT);
    assert_non_null(strstr(o->message, "ended before its last event"));
}

static void a_whole_answer_that_breaks_off_is_broken(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, "", "");
    start_chat(f, CHAT_BODY, 2);
    UNTIL(f->loop, upstream_asked(&f->a));
    peer_send(&f->a.peer, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"id\":");
    UNTIL(f->loop, o->out.n > 0);
    upstream_hang_up(&f->a);
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->breaks, 1);
    assert_false(o->stream);
    assert_str(buf_str(&o->out), "{\"id\":");
}

static void silence_within_a_stream_breaks_it(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, ", idle_timeout: 20ms", "");
    start_chat(f, CHAT_BODY_STREAM, 1);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_start_stream(&f->a);
    upstream_chunk(&f->a, CHAT_PIECE);
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->breaks, 1);
    assert_int_equal(o->outcome, OUTCOME_PROVIDER_TIMEOUT);
}

static void an_answer_without_end_is_cut_at_its_time(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, ", answer_timeout: 40ms", "");
    start_chat(f, CHAT_BODY_STREAM, 1);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_start_stream(&f->a);
    upstream_chunk(&f->a, CHAT_PIECE);
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->breaks, 1);
    assert_int_equal(o->outcome, OUTCOME_PROVIDER_TIMEOUT);
    assert_has(o->trace->error_text, "answer_timeout");
}

static void a_stream_of_too_many_events_is_cut(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, ", events_max: 3", "");
    start_chat(f, CHAT_BODY_STREAM, 1);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_start_stream(&f->a);
    for (int i = 0; i < 3; i++) {
        upstream_chunk(&f->a, CHAT_PIECE);
    }
    peer_idle(f->loop);
    assert_false(is_over(o));
    upstream_chunk(&f->a, CHAT_PIECE);
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->breaks, 1);
    assert_int_equal(o->outcome, OUTCOME_PROVIDER_NONSENSE);
    assert_has(o->trace->error_text, "events_max");
}

/* ---- leaving ---- */

static void leave(struct fixture *f, struct owner *o, const char *phase)
{
    call_cancel(o->call);
    o->call = NULL;
    assert_str(o->trace->cancelled_in, phase);
    assert_str(o->trace->error_class, "caller_cancelled");
    assert_has(o->trace->attempts_json, "caller_cancelled");
    peer_idle(f->loop);
    assert_false(is_over(o));
}

static void a_call_can_be_left_while_it_waits_for_a_connection(void **state)
{
    struct fixture *f = *state;
    configure(f, ", connections_max: 1", "");
    start_chat(f, CHAT_BODY, 1);
    UNTIL(f->loop, upstream_asked(&f->a));
    start(
        f, &f->two,
        (struct ask){
            .path = "/v1/chat/completions", .body = CHAT_BODY, .route = ROUTE_CHAT, .targets = 1});
    peer_idle(f->loop);
    leave(f, &f->two, "waiting");
    assert_int_equal(f->two.trace->price_status, TRACE_NO_CHARGE);
    upstream_answer(&f->a, "200 OK", JSON_HEADER, CHAT_ANSWER);
    UNTIL(f->loop, is_over(&f->one));
    assert_int_equal(f->one.ends, 1);
}

static void a_call_can_be_left_while_it_connects(void **state)
{
    struct fixture *f = *state;
    configure(f, "", "");
    start_chat(f, CHAT_BODY, 1); /* the loop has not turned yet: the handshake cannot be over */
    leave(f, &f->one, "connecting");
    assert_int_equal(f->one.trace->price_status, TRACE_NO_CHARGE);
}

static void a_call_can_be_left_before_the_head_comes(void **state)
{
    struct fixture *f = *state;
    configure(f, "", "");
    start_chat(f, CHAT_BODY, 1);
    UNTIL(f->loop, upstream_asked(&f->a));
    leave(f, &f->one, "headers");
    UNTIL(f->loop, peer_read(&f->a.peer)); /* the provider learns of it */
}

static void a_call_can_be_left_within_a_stream(void **state)
{
    struct fixture *f = *state;
    configure(f, "", "");
    start_chat(f, CHAT_BODY_STREAM, 1);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_start_stream(&f->a);
    upstream_chunk(&f->a, CHAT_PIECE);
    UNTIL(f->loop, f->one.out.n > 0);
    leave(f, &f->one, "stream");
    assert_int_equal(f->one.trace->usage_source, TRACE_USAGE_ESTIMATED);
    assert_true(f->one.trace->output_tokens > 0);
    UNTIL(f->loop, peer_read(&f->a.peer));
}

static void a_call_can_be_left_within_a_whole_answer(void **state)
{
    struct fixture *f = *state;
    configure(f, "", "");
    start_chat(f, CHAT_BODY, 1);
    UNTIL(f->loop, upstream_asked(&f->a));
    peer_send(&f->a.peer, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"id\":");
    UNTIL(f->loop, f->one.out.n > 0);
    leave(f, &f->one, "body");
    UNTIL(f->loop, peer_read(&f->a.peer));
}

static void a_call_can_be_left_while_a_refusal_comes_in(void **state)
{
    struct fixture *f = *state;
    configure(f, "", "");
    start_chat(f, CHAT_BODY, 1);
    UNTIL(f->loop, upstream_asked(&f->a));
    peer_send(&f->a.peer, "HTTP/1.1 500 Oops\r\ncontent-length: 100\r\n\r\nsor");
    UNTIL(f->loop, f->one.trace->head_us >= 0);
    leave(f, &f->one, "headers");
    assert_int_equal(f->one.heads, 0);
    UNTIL(f->loop, peer_read(&f->a.peer));
}

/* ---- back-pressure ---- */

static void a_paused_call_delivers_nothing_until_it_goes_on(void **state)
{
    struct fixture *f = *state;
    struct owner *o = &f->one;
    configure(f, "", "");
    start_chat(f, CHAT_BODY_STREAM, 1);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_start_stream(&f->a);
    upstream_chunk(&f->a, CHAT_PIECE);
    UNTIL(f->loop, o->out.n > 0);
    call_pause(o->call);
    upstream_chunk(&f->a, CHAT_STOP CHAT_DONE);
    upstream_end_stream(&f->a);
    peer_idle(f->loop);
    assert_str(buf_str(&o->out), CHAT_PIECE);
    call_resume(o->call);
    UNTIL(f->loop, is_over(o));
    assert_int_equal(o->ends, 1);
    assert_str(buf_str(&o->out), CHAT_PIECE CHAT_STOP CHAT_DONE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_whole_answer_passes_unchanged_and_is_read),
        CASE(a_stream_is_asked_for_usage_that_the_client_does_not_see),
        CASE(the_head_of_a_stream_waits_for_its_first_event),
        CASE(a_get_is_passed_through_unread),
        CASE(an_answer_without_a_body_ends_with_its_head),
        CASE(what_is_kept_of_an_answer_ends_at_capture_max),
        CASE(exactly_capture_max_is_not_truncated),
        CASE(the_next_target_is_tried_for_what_another_place_may_not_have),
        CASE(what_is_wrong_with_the_request_is_tried_nowhere_else),
        CASE(the_last_provider_s_own_words_are_delivered),
        CASE(a_refused_key_gives_way_to_the_next_key_then_to_the_next_target),
        CASE(a_key_that_works_comes_off_the_bench),
        CASE(a_refusal_of_weir_s_key_is_told_in_weir_s_words),
        CASE(a_missing_right_says_what_the_provider_said),
        CASE(keys_in_a_failed_answer_are_made_unreadable),
        CASE(of_a_failed_answer_that_is_too_long_the_start_is_delivered),
        CASE(a_failed_answer_that_breaks_off_counts_as_far_as_it_came),
        CASE(where_nobody_listens_the_next_target_is_tried),
        CASE(when_nobody_listens_anywhere_the_call_fails),
        CASE(a_refusal_before_a_failure_to_connect_is_not_the_answer),
        CASE(a_head_that_does_not_come_in_time_sends_the_call_elsewhere),
        CASE(nonsense_sends_the_call_elsewhere),
        CASE(an_answer_cut_before_its_first_byte_sends_the_call_elsewhere),
        CASE(a_stream_that_begins_with_an_error_goes_elsewhere),
        CASE(an_error_in_the_last_target_s_stream_is_relayed),
        CASE(a_stream_cut_between_events_is_broken_and_can_still_be_told),
        CASE(a_stream_cut_within_an_event_is_broken_with_the_event_open),
        CASE(half_an_event_that_was_held_is_dropped_when_the_stream_breaks),
        CASE(a_stream_that_ends_without_its_last_event_is_broken),
        CASE(a_whole_answer_that_breaks_off_is_broken),
        CASE(silence_within_a_stream_breaks_it),
        CASE(an_answer_without_end_is_cut_at_its_time),
        CASE(a_stream_of_too_many_events_is_cut),
        CASE(a_call_can_be_left_while_it_waits_for_a_connection),
        CASE(a_call_can_be_left_while_it_connects),
        CASE(a_call_can_be_left_before_the_head_comes),
        CASE(a_call_can_be_left_within_a_stream),
        CASE(a_call_can_be_left_within_a_whole_answer),
        CASE(a_call_can_be_left_while_a_refusal_comes_in),
        CASE(a_paused_call_delivers_nothing_until_it_goes_on),
    };
    return cmocka_run_group_tests_name("engine/call", tests, NULL, NULL);
}
