#include "unit/net/peer.h"

#include <pthread.h>
#include <stdlib.h>

#include "net/fetch.h"

#define BODY_BYTES_MAX 1000

/* A server for one exchange, on a thread of its own, since fetch blocks. */
struct script {
    int listener;
    const char *answer;
    bool stay; /* says no more and does not close either, until the client leaves */
    char asked[4096];
    size_t asked_n;
    pthread_t thread;
};

static void *play(void *ctx)
{
    struct script *s = ctx;
    struct pollfd ready = {.fd = s->listener, .events = POLLIN};
    poll(&ready, 1, -1);
    int fd = accept(s->listener, NULL, NULL);
    while (strstr(s->asked, "\r\n\r\n") == NULL) {
        ssize_t n = recv(fd, s->asked + s->asked_n, sizeof(s->asked) - 1 - s->asked_n, 0);
        if (n <= 0) {
            break;
        }
        s->asked_n += (size_t)n;
    }
    send(fd, s->answer, strlen(s->answer), MSG_NOSIGNAL);
    char rest[256];
    if (!s->stay) {
        shutdown(fd, SHUT_WR);
    }
    while (recv(fd, rest, sizeof(rest), 0) > 0) {
        /* until the client leaves */
    }
    close(fd);
    return NULL;
}

static void play_start(struct script *s, const char *answer, bool stay, uint16_t *ret_port)
{
    *s = (struct script){.answer = answer, .stay = stay};
    s->listener = peer_listen(ret_port);
    assert_int_equal(pthread_create(&s->thread, NULL, play, s), 0);
}

static void play_end(struct script *s)
{
    pthread_join(s->thread, NULL);
    close(s->listener);
}

static void collect(void *ctx, struct str bytes)
{
    buf_put_str(ctx, bytes);
}

static void an_exchange_gives_status_and_body(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\nhello",
        "HTTP/1.1 503 Busy\r\nContent-Length: 5\r\n\r\nhello",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct script s;
        struct error err = {0};
        struct buf body;
        int status = 0;
        struct fetch_request request = {
            .method = "GET",
            .host = "127.0.0.1",
            .path = "/a?b",
            .headers = STR("X-One: 1\r\nX-Two: 2\r\n"),
            .body = STR_EMPTY,
            .timeout_ms = 60000,
        };
        buf_init(&body, BODY_BYTES_MAX);
        play_start(&s, answers[i], false, &request.port);
        int code = fetch(&request, &status, &body, &err);
        play_end(&s);
        assert_int_equal(code, 0);
        assert_int_equal(status, i == 3 ? 503 : 200);
        assert_string_equal(buf_cstr(&body), "hello");
        assert_true(str_starts(str_of(s.asked), STR("GET /a?b HTTP/1.1\r\nhost: 127.0.0.1:")));
        assert_contains(s.asked, "\r\nX-One: 1\r\nX-Two: 2\r\n");
        assert_null(strstr(s.asked, "content-length"));
        buf_release(&body);
    }
}

static void pieces_of_a_good_body_are_handed_on_and_bad_ones_are_collected(void **state)
{
    (void)state;
    for (int good = 0; good < 2; good++) {
        struct script s;
        struct error err = {0};
        struct buf body, pieces;
        int status = 0;
        struct fetch_request request = {
            .method = "POST",
            .host = "127.0.0.1",
            .path = "/",
            .headers = STR_EMPTY,
            .body = STR("{}"),
            .timeout_ms = 60000,
            .on_bytes = collect,
            .ctx = &pieces,
        };
        buf_init(&body, BODY_BYTES_MAX);
        buf_init(&pieces, BODY_BYTES_MAX);
        play_start(&s,
                   good ? "HTTP/1.1 200 OK\r\n\r\ndata: 1\n\ndata: 2\n\n"
                        : "HTTP/1.1 400 Bad\r\n\r\nno",
                   false, &request.port);
        int code = fetch(&request, &status, &body, &err);
        play_end(&s);
        assert_int_equal(code, 0);
        assert_int_equal(status, good ? 200 : 400);
        assert_string_equal(buf_cstr(&pieces), good ? "data: 1\n\ndata: 2\n\n" : "");
        assert_string_equal(buf_cstr(&body), good ? "" : "no");
        assert_contains(s.asked, "\r\ncontent-length: 2\r\n");
        buf_release(&body);
        buf_release(&pieces);
    }
}

static void assert_fails(const char *answer, bool stay, enum err code, const char *why)
{
    struct script s;
    struct error err = {0};
    struct buf body;
    int status = -1;
    struct fetch_request request = {
        .method = "GET",
        .host = "127.0.0.1",
        .path = "/x",
        .headers = STR_EMPTY,
        .body = STR_EMPTY,
        .timeout_ms = stay ? 50 : 60000,
    };
    buf_init(&body, BODY_BYTES_MAX);
    play_start(&s, answer, stay, &request.port);
    int got = fetch(&request, &status, &body, &err);
    play_end(&s);
    assert_int_equal(got, code);
    assert_int_equal(err.code, code);
    assert_int_equal(status, -1);
    assert_contains(err.text, why);
    assert_contains(err.text, "GET 127.0.0.1:");
    assert_contains(err.text, "/x: ");
    buf_release(&body);
}

static void failures_are_told_with_what_was_asked(void **state)
{
    char large[BODY_BYTES_MAX + 200];
    (void)state;
    assert_fails("", false, ERR_CLOSED, "without an answer");
    assert_fails("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", false, ERR_CLOSED, "middle");
    assert_fails("nonsense\r\n\r\n", false, ERR_UPSTREAM, "not an HTTP response");
    assert_fails("", true, ERR_TIMEOUT, "within 50 ms");
    assert_fails("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", true, ERR_TIMEOUT, "within 50");
    int n = snprintf(large, sizeof(large), "HTTP/1.1 200 OK\r\n\r\n");
    memset(large + n, 'x', sizeof(large) - (size_t)n - 1);
    large[sizeof(large) - 1] = '\0';
    assert_fails(large, false, ERR_LIMIT, "larger than 1000 bytes");
}

static void nobody_there_is_told(void **state)
{
    struct error err = {0};
    struct buf body;
    int status = -1;
    struct fetch_request request = {
        .method = "GET",
        .host = "127.0.0.1",
        .path = "/",
        .headers = STR_EMPTY,
        .body = STR_EMPTY,
        .timeout_ms = 60000,
    };
    (void)state;
    buf_init(&body, BODY_BYTES_MAX);
    close(peer_listen(&request.port));
    assert_int_equal(fetch(&request, &status, &body, &err), ERR_IO);
    assert_contains(err.text, "refused");
    request.host = "nobody..invalid";
    assert_int_equal(fetch(&request, &status, &body, &err), ERR_IO);
    assert_contains(err.text, "cannot resolve");
    char *headers = malloc(70000);
    memset(headers, 'x', 70000);
    request.headers = str_make(headers, 70000);
    assert_int_equal(fetch(&request, &status, &body, &err), ERR_LIMIT);
    free(headers);
    assert_int_equal(status, -1);
    buf_release(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exchange_gives_status_and_body),
        cmocka_unit_test(pieces_of_a_good_body_are_handed_on_and_bad_ones_are_collected),
        cmocka_unit_test(failures_are_told_with_what_was_asked),
        cmocka_unit_test(nobody_there_is_told),
    };
    return cmocka_run_group_tests_name("net/fetch", tests, NULL, NULL);
}
