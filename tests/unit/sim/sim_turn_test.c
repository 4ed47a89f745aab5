#include "unit/sim/rig.h"

#define HI      "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define CHAT    "{\"model\":\"m\"," HI "}"
#define STREAM  "{\"model\":\"m\",\"stream\":true," HI "}"
#define MESSAGE "{\"model\":\"m\",\"stream\":true,\"max_tokens\":500," HI "}"

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

/* Every way to stream gives the bytes of a stream without delays. */
static void delays_change_no_byte(void **state)
{
    (void)state;
    static const char *const delays[] = {
        "x-sim-ttft: constant:20\r\nx-sim-length: constant:20\r\n",
        "x-sim-itl: constant:2\r\nx-sim-length: constant:20\r\n",
        "x-sim-itl: exponential:1\r\nx-sim-length: constant:20\r\n",
        "x-sim-tps: 2000\r\nx-sim-length: constant:20\r\n",
        "x-sim-tps: 100000\r\nx-sim-length: constant:20\r\n",
    };
    struct reply first;
    rig_call(&rig, "POST", "/v1/chat/completions", "x-sim-length: constant:20\r\n", STREAM, &first);
    assert_true(first.whole);
    assert_has(first.head, "content-type: text/event-stream");
    for (size_t i = 0; i < ARRAY_LEN(delays); i++) {
        struct reply reply;
        rig_call(&rig, "POST", "/v1/chat/completions", delays[i], STREAM, &reply);
        assert_true(reply.whole);
        assert_same(buf_str(&reply.body), buf_str(&first.body));
        reply_release(&reply);
    }
    reply_release(&first);
}

static void a_whole_answer_waits_too(void **state)
{
    (void)state;
    struct reply reply;
    struct exam e;
    int fd = rig_send(&rig, "POST", "/v1/chat/completions",
                      "x-sim-ttft: constant:3600000\r\nx-sim-length: constant:5\r\n", STR(CHAT));
    exam_begin(&e);
    rig_wait(&rig, "/in_flight", 1);
    assert_int_equal(number_at(rig_ask(&rig, &e, "/sim/stats"), "/tokens_generated"), 0);
    close(fd);
    rig_wait(&rig, "/cancelled", 1);
    rig_call(&rig, "POST", "/v1/chat/completions", "x-sim-tps: 1000\r\nx-sim-ttft: constant:5\r\n",
             CHAT, &reply);
    assert_true(reply.whole);
    reply_release(&reply);
    exam_end(&e);
}

static void a_client_that_leaves_ends_the_generation(void **state)
{
    (void)state;
    char bytes[4096];
    struct exam e;
    int fd =
        rig_send(&rig, "POST", "/v1/chat/completions",
                 "x-sim-itl: constant:3600000\r\nx-sim-length: constant:1000\r\n", STR(STREAM));
    /* The head, the role and the first token come at once; the next token would take an hour. */
    assert_true(recv(fd, bytes, sizeof(bytes), 0) > 0);
    rig_wait(&rig, "/in_flight", 1);
    close(fd);
    rig_wait(&rig, "/cancelled", 1);
    exam_begin(&e);
    yyjson_val *stats = rig_ask(&rig, &e, "/sim/stats");
    assert_int_equal(number_at(stats, "/in_flight"), 0);
    assert_int_equal(number_at(stats, "/events_cancelled"), 2);
    assert_int_equal(number_at(stats, "/tokens_generated"), 1);
    yyjson_val *last = rig_ask(&rig, &e, "/sim/last");
    assert_true(yyjson_get_bool(at(last, "/cancelled")));
    assert_int_equal(number_at(last, "/events"), 2);
    assert_int_equal(number_at(last, "/output_tokens"), 1);
    exam_end(&e);
}

static void a_half_closed_client_has_left(void **state)
{
    (void)state;
    int fd =
        rig_send(&rig, "POST", "/v1/messages", "x-sim-ttft: constant:3600000\r\n", STR(MESSAGE));
    rig_wait(&rig, "/in_flight", 1);
    shutdown(fd, SHUT_WR);
    rig_wait(&rig, "/cancelled", 1);
    close(fd);
}

static void a_stream_is_cut_after_as_many_events_as_it_says(void **state)
{
    (void)state;
    for (int after = 1; after <= 4; after++) {
        struct reply reply;
        char header[60];
        snprintf(header, sizeof(header), "x-sim-cut-after: %d\r\n", after);
        rig_call(&rig, "POST", "/v1/chat/completions", header, STREAM, &reply);
        assert_int_equal(reply.status, 200);
        assert_false(reply.whole);
        assert_lacks(buf_str(&reply.body), "[DONE]");
        /* A reset may overtake what was sent before it, but nothing is sent after it. */
        assert_true(count_of(buf_str(&reply.body), "data: ") <= (size_t)after);
        reply_release(&reply);
    }
    rig_wait(&rig, "/cuts", 4);
    rig_wait(&rig, "/events_generated", 1 + 2 + 3 + 4);
}

static void a_cut_beyond_the_end_cuts_nothing(void **state)
{
    (void)state;
    struct reply reply;
    rig_call(&rig, "POST", "/v1/chat/completions", "x-sim-cut-after: 1000000\r\n", STREAM, &reply);
    assert_true(reply.whole);
    reply_release(&reply);
}

static void a_stalled_stream_stays_open_and_silent(void **state)
{
    (void)state;
    struct exam e;
    struct buf seen;
    char bytes[4096];
    int fd = rig_send(&rig, "POST", "/v1/messages", "x-sim-stall-after: 4\r\n", STR(MESSAGE));
    buf_init(&seen, RIG_BYTES_MAX);
    rig_wait(&rig, "/stalls", 1);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (poll(&p, 1, 100) > 0) {
        ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
        assert_true(n > 0);
        buf_put(&seen, bytes, (size_t)n);
    }
    assert_int_equal(count_of(buf_str(&seen), "event: "), 4);
    close(fd);
    rig_wait(&rig, "/cancelled", 1);
    exam_begin(&e);
    assert_int_equal(number_at(rig_ask(&rig, &e, "/sim/last"), "/events"), 4);
    exam_end(&e);
    buf_release(&seen);
}

static void whole_answers_break_in_their_middle(void **state)
{
    (void)state;
    struct reply reply;
    rig_call(&rig, "POST", "/v1/chat/completions", "x-sim-cut-rate: 1\r\n", CHAT, &reply);
    assert_false(reply.whole);
    reply_release(&reply);
    rig_wait(&rig, "/cuts", 1);
    int fd = rig_send(&rig, "POST", "/v1/chat/completions", "x-sim-stall-rate: 1\r\n", STR(CHAT));
    rig_wait(&rig, "/stalls", 1);
    close(fd);
    rig_wait(&rig, "/cancelled", 1);
}

static void a_stream_ends_with_an_error_event_in_its_dialect(void **state)
{
    (void)state;

    static const struct {
        const char *path;
        const char *body;
        const char *has;
    } rows[] = {
        {"/v1/chat/completions", STREAM,                                               "data: {\"error\":{"                     },
        {"/v1/completions",      "{\"model\":\"m\",\"stream\":true,\"prompt\":\"x\"}",
         "data: {\"error\":{"                                                                                                   },
        {"/v1/responses",        "{\"model\":\"m\",\"stream\":true,\"input\":\"x\"}",  "event: error\n"                         },
        {"/v1/messages",         MESSAGE,                                              "event: error\ndata: {\"type\":\"error\""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct reply reply;
        static struct stream s;
        struct exam e;
        exam_begin(&e);
        rig_call(&rig, "POST", rows[i].path, "x-sim-error-mid-stream: 3\r\n", rows[i].body, &reply);
        assert_true(reply.whole);
        assert_has(buf_str(&reply.body), rows[i].has);
        assert_lacks(buf_str(&reply.body), "[DONE]");
        stream_read(&e, buf_str(&reply.body), &s);
        assert_int_equal(s.n, 4);
        exam_end(&e);
        reply_release(&reply);
    }
    rig_wait(&rig, "/stream_errors", (int64_t)ARRAY_LEN(rows));
}

static void a_long_stream_comes_whole_through_a_slow_reader(void **state)
{
    (void)state;
    struct reply reply;
    struct exam e;
    exam_begin(&e);
    /* About 7 MB: more than the connection's buffers take at once. */
    int fd = rig_send(&rig, "POST", "/v1/chat/completions", "x-sim-length: constant:30000\r\n",
                      STR(STREAM));
    poll(NULL, 0, 50);
    rig_receive(fd, &reply);
    assert_true(reply.whole);
    assert_int_equal(count_of(buf_str(&reply.body), "data: "), 30000 + 3);
    assert_int_equal(number_at(rig_ask(&rig, &e, "/sim/stats"), "/tokens_generated"), 30000);
    reply_release(&reply);
    exam_end(&e);
}

static void a_reader_that_never_reads_stops_the_generation(void **state)
{
    (void)state;
    struct exam e;
    int fd = rig_send(&rig, "POST", "/v1/chat/completions", "x-sim-length: constant:32768\r\n",
                      STR("{\"model\":\"m\",\"stream\":true,\"n\":20," HI "}"));
    rig_wait(&rig, "/in_flight", 1);
    poll(NULL, 0, 200);
    close(fd);
    rig_wait(&rig, "/in_flight", 0);
    exam_begin(&e);
    /* 20 choices would be 655360 events. */
    assert_true(number_at(rig_ask(&rig, &e, "/sim/stats"), "/events_generated") < 300000);
    exam_end(&e);
}

static void connections_are_kept_for_more_requests(void **state)
{
    (void)state;
    char bytes[65536];
    struct buf seen;
    char text[400];
    int n =
        snprintf(text, sizeof(text),
                 "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %zu\r\n\r\n%s",
                 sizeof(CHAT) - 1, CHAT);
    int fd = rig_connect(&rig);
    buf_init(&seen, RIG_BYTES_MAX);
    for (int i = 0; i < 3; i++) {
        assert_true(send(fd, text, (size_t)n, MSG_NOSIGNAL) == n);
    }
    while (count_of(buf_str(&seen), "\"object\":\"chat.completion\"") < 3) {
        ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
        assert_true(got > 0);
        buf_put(&seen, bytes, (size_t)got);
    }
    close(fd);
    buf_release(&seen);
    rig_wait(&rig, "/in_flight", 0);
}

static void cancelled_output_is_settled_as_far_as_it_came(void **state)
{
    (void)state;
    struct reply reply;
    char bytes[4096];
    const char *limit = "x-sim-output-tpm: 1000\r\nx-sim-output-charge: estimate\r\n"
                        "x-sim-itl: constant:3600000\r\n";
    int fd = rig_send(&rig, "POST", "/v1/messages", limit, STR(MESSAGE));
    assert_true(recv(fd, bytes, sizeof(bytes), 0) > 0);
    close(fd);
    rig_wait(&rig, "/cancelled", 1);
    /* 500 were reserved and all but one given back. */
    rig_call(
        &rig, "POST", "/v1/messages",
        "x-sim-output-tpm: 1000\r\nx-sim-output-charge: estimate\r\nx-sim-length: constant:1\r\n",
        "{\"model\":\"m\",\"max_tokens\":990," HI "}", &reply);
    assert_int_equal(reply.status, 200);
    reply_release(&reply);
}

#define LIVE(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIVE(delays_change_no_byte),
        LIVE(a_whole_answer_waits_too),
        LIVE(a_client_that_leaves_ends_the_generation),
        LIVE(a_half_closed_client_has_left),
        LIVE(a_stream_is_cut_after_as_many_events_as_it_says),
        LIVE(a_cut_beyond_the_end_cuts_nothing),
        LIVE(a_stalled_stream_stays_open_and_silent),
        LIVE(whole_answers_break_in_their_middle),
        LIVE(a_stream_ends_with_an_error_event_in_its_dialect),
        LIVE(a_long_stream_comes_whole_through_a_slow_reader),
        LIVE(a_reader_that_never_reads_stops_the_generation),
        LIVE(connections_are_kept_for_more_requests),
        LIVE(cancelled_output_is_settled_as_far_as_it_came),
    };
    return cmocka_run_group_tests_name("sim/sim_turn", tests, NULL, NULL);
}
