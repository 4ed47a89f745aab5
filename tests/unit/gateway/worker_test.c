#include "unit/gateway/front.h"

static void a_port_that_is_taken_is_an_error_and_no_worker(void **state)
{
    struct front *f = *state;
    struct error err = {0};
    struct worker *second = NULL;
    front_open(f, "");
    struct settings *s = front_settings(f, "a", "");
    s->listen_port = server_port(f->worker->server);
    struct worker_options options = {
        .loop = f->loop, .settings = s, .keyring = f->keyring, .log = &f->log};
    assert_int_not_equal(worker_open(&options, &second, &err), 0);
    assert_null(second);
    assert_contains(err.text, "127.0.0.1");
    settings_unref(s);
}

static void a_request_under_way_ends_under_the_snapshot_it_started_with(void **state)
{
    struct front *f = *state;
    front_open(f, "");
    front_connect(f);
    front_ask(f, CHAT_BODY);
    UNTIL(f->loop, upstream_asked(&f->a));

    struct settings *next = front_settings(f, "b", "max_body: 1KiB\n");
    worker_adopt(f->worker, next);
    settings_unref(next); /* the worker holds its own reference */
    settings_unref(f->settings);
    f->settings = NULL; /* only the exchange still holds the old one */
    upstream_answer(&f->a, "200 OK", JSON_HEADER, CHAT_ANSWER);
    UNTIL(f->loop, peer_has(&f->client, CHAT_ANSWER));
    assert_true(peer_has(&f->client, "x-weir-route: a/m\r\n"));

    peer_forget(&f->client);
    front_ask(f, CHAT_BODY);
    UNTIL(f->loop, upstream_asked(&f->b));
    upstream_answer(&f->b, "200 OK", JSON_HEADER, CHAT_ANSWER);
    UNTIL(f->loop, peer_has(&f->client, CHAT_ANSWER));
    assert_true(peer_has(&f->client, "x-weir-route: b/m\r\n"));
}

static void a_provider_that_is_gone_is_still_answered_from(void **state)
{
    struct front *f = *state;
    struct settings *next = NULL;
    struct error err = {0};
    front_open(f, "");
    front_connect(f);
    front_ask(f, CHAT_BODY_STREAM);
    UNTIL(f->loop, upstream_asked(&f->a));
    assert_int_equal(suite_settings("listen: 127.0.0.1:0\n", NULL, &next, &err), 0);
    worker_adopt(f->worker, next);
    settings_unref(next);
    upstream_start_stream(&f->a);
    upstream_chunk(&f->a, CHAT_PIECE CHAT_STOP CHAT_DONE);
    upstream_end_stream(&f->a);
    UNTIL(f->loop, peer_has(&f->client, "[DONE]\n\n\r\n0\r\n\r\n"));
    UNTIL(f->loop, peer_read(&f->a.peer)); /* its connection is not kept */

    peer_forget(&f->client);
    front_ask(f, CHAT_BODY);
    UNTIL(f->loop, peer_has(&f->client, "HTTP/1.1 404 "));
}

static void a_smaller_body_limit_holds_for_the_next_request(void **state)
{
    struct front *f = *state;
    front_open(f, "");
    struct settings *next = front_settings(f, "a", "max_body: 1KiB\n");
    worker_adopt(f->worker, next);
    settings_unref(next);
    front_connect(f);
    peer_send(&f->client, "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"
                          "content-length: 1025\r\n\r\n");
    UNTIL(f->loop, peer_has(&f->client, "HTTP/1.1 413 "));
    assert_true(front_counted(f, "caller_too_large"));
}

static void draining_lets_open_requests_end_and_takes_no_more(void **state)
{
    struct front *f = *state;
    front_open(f, "");
    front_connect(f);
    front_ask(f, CHAT_BODY);
    UNTIL(f->loop, upstream_asked(&f->a));
    uint16_t port = server_port(f->worker->server);
    worker_drain(f->worker);
    worker_drain(f->worker); /* twice is once */
    peer_idle(f->loop);
    assert_true(f->worker->draining);
    assert_int_equal(server_requests(f->worker->server), 1);

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_not_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);

    upstream_answer(&f->a, "200 OK", JSON_HEADER, CHAT_ANSWER);
    UNTIL(f->loop, peer_has(&f->client, CHAT_ANSWER));
    UNTIL(f->loop, peer_read(&f->client));
    assert_int_equal(server_requests(f->worker->server), 0);
}

static void closing_cancels_what_is_open(void **state)
{
    struct front *f = *state;
    front_open(f, "");
    front_connect(f);
    front_ask(f, CHAT_BODY_STREAM);
    UNTIL(f->loop, upstream_asked(&f->a));
    upstream_start_stream(&f->a);
    upstream_chunk(&f->a, CHAT_PIECE);
    UNTIL(f->loop, peer_has(&f->client, "hello"));
    worker_close(f->worker);
    f->worker = NULL;
    UNTIL(f->loop, peer_read(&f->client));
    UNTIL(f->loop, peer_read(&f->a.peer));
    assert_false(peer_has(&f->client, "\r\n0\r\n\r\n"));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, front_setup, front_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_port_that_is_taken_is_an_error_and_no_worker),
        CASE(a_request_under_way_ends_under_the_snapshot_it_started_with),
        CASE(a_provider_that_is_gone_is_still_answered_from),
        CASE(a_smaller_body_limit_holds_for_the_next_request),
        CASE(draining_lets_open_requests_end_and_takes_no_more),
        CASE(closing_cancels_what_is_open),
    };
    return cmocka_run_group_tests_name("gateway/worker", tests, NULL, NULL);
}
