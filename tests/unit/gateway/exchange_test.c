#include "unit/gateway/front.h"

static void an_answer_names_its_trace_and_where_it_came_from(void **state)
{
    struct front *f = *state;
    front_open(f, "");
    front_connect(f);
    front_ask(f, CHAT_BODY);
    UNTIL(f->loop, upstream_asked(&f->a));
    assert_non_null(f->worker->exchanges);
    upstream_answer(&f->a, "200 OK", JSON_HEADER, CHAT_ANSWER);
    UNTIL(f->loop, peer_has(&f->client, CHAT_ANSWER));
    assert_true(peer_has(&f->client, "HTTP/1.1 200 OK\r\n"));
    assert_true(peer_has(&f->client, "x-weir-trace: "));
    assert_true(peer_has(&f->client, "x-weir-route: a/m\r\n"));
    assert_true(peer_has(&f->client, "x-weir-attempts: 1\r\n"));
    assert_true(peer_has(&f->client, "x-request-id: "));
    assert_null(f->worker->exchanges);
}

static void a_provider_s_own_request_id_is_kept(void **state)
{
    struct front *f = *state;
    front_open(f, "");
    front_connect(f);
    front_ask(f, CHAT_BODY);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_answer(&f->a, "200 OK", JSON_HEADER "x-request-id: theirs\r\n", CHAT_ANSWER);
    UNTIL(f->loop, peer_has(&f->client, CHAT_ANSWER));
    ptrdiff_t at = str_find(buf_str(&f->client.in), STR("x-request-id: theirs\r\n"));
    assert_true(at >= 0);
    struct str rest = str_from(buf_str(&f->client.in), (size_t)at + 1);
    assert_true(str_find(rest, STR("x-request-id: ")) < 0);
}

static void a_stream_is_marked_so_that_no_proxy_holds_it(void **state)
{
    struct front *f = *state;
    front_open(f, "");
    front_connect(f);
    front_ask(f, CHAT_BODY_STREAM);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_start_stream(&f->a);
    upstream_chunk(&f->a, CHAT_PIECE);
    UNTIL(f->loop, peer_has(&f->client, "hello"));
    assert_true(peer_has(&f->client, "cache-control: no-cache\r\n"));
    assert_true(peer_has(&f->client, "x-accel-buffering: no\r\n"));
    upstream_chunk(&f->a, CHAT_STOP CHAT_DONE);
    upstream_end_stream(&f->a);
    UNTIL(f->loop, peer_has(&f->client, "[DONE]\n\n\r\n0\r\n\r\n"));
}

static void a_call_that_failed_is_answered_in_the_client_s_dialect(void **state)
{
    struct front *f = *state;
    front_open(f, "");
    upstream_shut(&f->a);
    front_connect(f);
    front_ask(f, CHAT_BODY);
    UNTIL(f->loop, peer_has(&f->client, "\r\n\r\n{\"error\":{"));
    assert_true(peer_has(&f->client, "HTTP/1.1 502 "));
    assert_true(peer_has(&f->client, "x-should-retry: true\r\n"));
    assert_true(peer_has(&f->client, "provider \\\"a\\\""));
    assert_true(front_counted(f, "provider_unreachable"));
}

static void a_stream_that_breaks_between_events_ends_with_an_error_event(void **state)
{
    struct front *f = *state;
    front_open(f, "");
    front_connect(f);
    front_ask(f, CHAT_BODY_STREAM);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_start_stream(&f->a);
    upstream_chunk(&f->a, CHAT_PIECE);
    UNTIL(f->loop, peer_has(&f->client, "hello"));
    upstream_hang_up(&f->a);
    UNTIL(f->loop, peer_has(&f->client, "\r\n0\r\n\r\n"));
    assert_true(peer_has(&f->client, "data: {\"error\":{"));
    assert_true(front_counted(f, "provider_cut"));
}

static void a_stream_that_breaks_within_an_event_is_cut(void **state)
{
    struct front *f = *state;
    front_open(f, "");
    front_connect(f);
    front_ask(f, CHAT_BODY_STREAM);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_start_stream(&f->a);
    upstream_chunk(&f->a, CHAT_PIECE "data: {\"half");
    UNTIL(f->loop, peer_has(&f->client, "half"));
    upstream_hang_up(&f->a);
    UNTIL(f->loop, peer_read(&f->client));
    assert_false(peer_has(&f->client, "\r\n0\r\n\r\n"));
    assert_false(peer_has(&f->client, "\"error\""));
}

static void a_client_that_leaves_takes_its_call_with_it(void **state)
{
    struct front *f = *state;
    front_open(f, "");
    front_connect(f);
    front_ask(f, CHAT_BODY);
    UNTIL(f->loop, upstream_asked(&f->a));
    front_leave(f);
    UNTIL(f->loop, peer_read(&f->a.peer));
    assert_null(f->worker->exchanges);
    assert_true(front_counted(f, "caller_cancelled"));
}

/* ---- back-pressure ---- */

#define LARGE_BYTES ((size_t)32 << 20)
#define PUMP_BYTES  (64u << 10)

/* Sends what the kernel takes, up to the whole; true when it took something. */
static bool pump(struct upstream *u, size_t *sent)
{
    static const char zeros[PUMP_BYTES];
    size_t left = LARGE_BYTES - *sent;
    ssize_t n =
        send(u->peer.fd, zeros, left < PUMP_BYTES ? left : PUMP_BYTES, MSG_DONTWAIT | MSG_NOSIGNAL);
    *sent += n > 0 ? (size_t)n : 0;
    return n > 0;
}

/* The provider sends more than all buffers hold to a client that does not read. */
static size_t fill(struct front *f)
{
    size_t sent = 0;
    front_connect(f);
    front_ask(f, CHAT_BODY);
    UNTIL(f->loop, upstream_asked(&f->a));
    peer_send(&f->a.peer, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                          "content-length: 33554432\r\n\r\n");
    UNTIL(f->loop, !pump(&f->a, &sent) && f->worker->exchanges->paused);
    /* Paused, it takes no more than the kernel's buffers do. */
    for (int i = 0; i < 200; i++) {
        peer_turn(f->loop);
        pump(&f->a, &sent);
    }
    assert_true(sent < LARGE_BYTES);
    assert_false(pump(&f->a, &sent));
    return sent;
}

static void a_client_that_reads_again_gets_all_of_its_answer(void **state)
{
    struct front *f = *state;
    front_open(f, "capture: none\n");
    size_t sent = fill(f);
    UNTIL(f->loop, (pump(&f->a, &sent), peer_read(&f->client), f->client.in.n > LARGE_BYTES));
    UNTIL(f->loop, f->worker->exchanges == NULL);
    ptrdiff_t end = str_find(buf_str(&f->client.in), STR("\r\n\r\n"));
    assert_true(end > 0);
    UNTIL(f->loop, (peer_read(&f->client), f->client.in.n >= (size_t)end + 4 + LARGE_BYTES));
    assert_int_equal(f->client.in.n, (size_t)end + 4 + LARGE_BYTES);
    assert_false(f->client.eof);
    assert_false(front_counted(f, "caller_slow"));
}

static void a_client_that_stays_deaf_is_cut_and_the_provider_let_go(void **state)
{
    struct front *f = *state;
    front_open(f, "capture: none\nstall_timeout: 1s\n");
    size_t sent = fill(f);
    (void)sent;
    UNTIL(f->loop, f->worker->exchanges == NULL);
    assert_true(front_counted(f, "caller_slow"));
    UNTIL(f->loop, peer_read(&f->a.peer));
    UNTIL(f->loop, peer_read(&f->client));
    assert_true(f->client.in.n < LARGE_BYTES);
}

static void a_client_that_leaves_while_paused_takes_its_call_with_it(void **state)
{
    struct front *f = *state;
    front_open(f, "capture: none\n");
    fill(f);
    peer_reset(&f->client);
    f->connected = false;
    UNTIL(f->loop, f->worker->exchanges == NULL);
    assert_true(front_counted(f, "caller_cancelled"));
    UNTIL(f->loop, peer_read(&f->a.peer));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, front_setup, front_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_answer_names_its_trace_and_where_it_came_from),
        CASE(a_provider_s_own_request_id_is_kept),
        CASE(a_stream_is_marked_so_that_no_proxy_holds_it),
        CASE(a_call_that_failed_is_answered_in_the_client_s_dialect),
        CASE(a_stream_that_breaks_between_events_ends_with_an_error_event),
        CASE(a_stream_that_breaks_within_an_event_is_cut),
        CASE(a_client_that_leaves_takes_its_call_with_it),
        CASE(a_client_that_reads_again_gets_all_of_its_answer),
        CASE(a_client_that_stays_deaf_is_cut_and_the_provider_let_go),
        CASE(a_client_that_leaves_while_paused_takes_its_call_with_it),
    };
    return cmocka_run_group_tests_name("gateway/exchange", tests, NULL, NULL);
}
