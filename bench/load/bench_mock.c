/*
 * bench_mock: a provider that does nothing but answer, so that what is measured is the proxy.
 *
 * One thread, one epoll. POST anything: a chat completion of 845 bytes at once; a body with
 * "stream":true gets an event stream of bench_events events, one each bench_interval_us, the first
 * with the head. Each event carries the time when it was sent (see bench_http.h). A usage chunk
 * ends the stream where the body asks for one. GET: what was counted so far, as JSON.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench_http.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/opt.h"

#define ANSWER_BYTES    845
#define REQUEST_MAX     (1u << 20)
#define WAKE_EVENTS_MAX 512
#define WRITE_MAX       2048
#define CONNECTIONS_MAX 65536
#define NO_TIMER        SIZE_MAX

struct connection {
    int fd;
    char *held; /* a request that has not come whole; NULL when there is none */
    size_t held_n;
    size_t timer; /* place in the heap, or NO_TIMER */
    int64_t due_ns, interval_ns;
    int64_t events_left;
    bool wants_usage;
};

struct mock {
    int epoll, listener;
    struct connection *timers[CONNECTIONS_MAX]; /* a heap: the next event first */
    size_t timers_n;
    uint64_t requests, streams, events, broken;
    char *answer;
    size_t answer_n;
    char input[REQUEST_MAX];
};

struct mock_options {
    int64_t port;
};

static const struct opt options[] = {
    {.name = "port",
     .type = OPT_I64,
     .offset = offsetof(struct mock_options, port),
     .value = "N",
     .min = 1,
     .max = 65535,
     .help = "where to listen on 127.0.0.1"},
};

/* ---- timers: a binary heap by due time ---- */

static void timer_place(struct mock *m, size_t at, struct connection *c)
{
    m->timers[at] = c;
    c->timer = at;
}

static void timer_up(struct mock *m, size_t at)
{
    struct connection *c = m->timers[at];
    while (at > 0 && m->timers[(at - 1) / 2]->due_ns > c->due_ns) {
        timer_place(m, at, m->timers[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    timer_place(m, at, c);
}

static void timer_down(struct mock *m, size_t at)
{
    struct connection *c = m->timers[at];
    for (size_t child; (child = 2 * at + 1) < m->timers_n; at = child) {
        if (child + 1 < m->timers_n && m->timers[child + 1]->due_ns < m->timers[child]->due_ns) {
            child++;
        }
        if (m->timers[child]->due_ns >= c->due_ns) {
            break;
        }
        timer_place(m, at, m->timers[child]);
    }
    timer_place(m, at, c);
}

static void timer_add(struct mock *m, struct connection *c)
{
    m->timers[m->timers_n++] = c;
    timer_up(m, m->timers_n - 1);
}

static void timer_remove(struct mock *m, struct connection *c)
{
    size_t at = c->timer;
    if (at == NO_TIMER) {
        return;
    }
    c->timer = NO_TIMER;
    struct connection *last = m->timers[--m->timers_n];
    if (last != c) {
        timer_place(m, at, last);
        timer_up(m, at);
        timer_down(m, last->timer);
    }
}

/* ---- connections ---- */

static void connection_close(struct mock *m, struct connection *c)
{
    timer_remove(m, c);
    close(c->fd);
    x_free(c->held);
    x_free(c);
}

/* Writes whole or fails: what is sent is far smaller than a socket's buffer, so a peer for which it
 * does not fit has stopped reading. */
static int put(struct connection *c, const char *bytes, size_t n)
{
    return write(c->fd, bytes, n) == (ssize_t)n ? 0 : -1;
}

static void accept_all(struct mock *m)
{
    for (;;) {
        int fd = accept4(m->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        struct connection *c = x_calloc(1, sizeof(*c));
        c->fd = fd;
        c->timer = NO_TIMER;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        if (fd >= CONNECTIONS_MAX || epoll_ctl(m->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
            bench_die("accept", "too many connections");
        }
    }
}

/* ---- answers ---- */

static void make_answer(struct mock *m)
{
    static const char begin[] =
        "{\"id\":\"chatcmpl-bench0123456789abcdefghij\",\"object\":\"chat.completion\","
        "\"created\":1764000000,\"model\":\"bench-model\",\"choices\":[{\"index\":0,\"message\":"
        "{\"role\":\"assistant\",\"content\":\"";
    static const char end[] =
        "\",\"refusal\":null,\"annotations\":[]},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
        "\"usage\":{\"prompt_tokens\":512,\"completion_tokens\":64,\"total_tokens\":576,"
        "\"prompt_tokens_details\":{\"cached_tokens\":0,\"audio_tokens\":0},"
        "\"completion_tokens_details\":{\"reasoning_tokens\":0,\"audio_tokens\":0,"
        "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}},"
        "\"service_tier\":\"default\",\"system_fingerprint\":\"fp_bench\"}";
    static const char words[] = "The river is held back and measured by the same small wall. ";
    char body[ANSWER_BYTES + 1];
    size_t text = ANSWER_BYTES - (sizeof(begin) - 1) - (sizeof(end) - 1);
    char *at = body + snprintf(body, sizeof(body), "%s", begin);
    for (size_t i = 0; i < text; i++) {
        *at++ = words[i % (sizeof(words) - 1)];
    }
    snprintf(at, (size_t)(body + sizeof(body) - at), "%s", end);
    m->answer = x_malloc(WRITE_MAX);
    m->answer_n = (size_t)snprintf(m->answer, WRITE_MAX,
                                   "HTTP/1.1 200 OK\r\n"
                                   "date: Mon, 24 Nov 2025 16:00:00 GMT\r\n"
                                   "content-type: application/json\r\n"
                                   "content-length: %d\r\n"
                                   "openai-processing-ms: 1\r\n"
                                   "openai-version: 2020-10-01\r\n"
                                   "x-request-id: req_bench0123456789\r\n"
                                   "x-ratelimit-limit-requests: 30000\r\n"
                                   "x-ratelimit-remaining-requests: 29999\r\n"
                                   "x-ratelimit-reset-requests: 2ms\r\n\r\n%s",
                                   ANSWER_BYTES, body);
}

#define CHUNK_BEGIN                                                                                \
    "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\","                       \
    "\"created\":1764000000,\"model\":\"bench-model\",\"choices\":["

/* Appends one chunk of the transfer coding. */
static size_t put_chunk(char *out, size_t at, const char *text)
{
    return at + (size_t)snprintf(out + at, WRITE_MAX - at, "%zx\r\n%s\r\n", strlen(text), text);
}

static size_t put_event(char *out, size_t at)
{
    char text[512];
    snprintf(text, sizeof(text),
             CHUNK_BEGIN "{\"index\":0,\"delta\":{\"content\":\"%c%0*lld of the river\"},"
                         "\"finish_reason\":null}]}\n\n",
             BENCH_STAMP_MARK, BENCH_STAMP_DIGITS, (long long)bench_now_ns());
    return put_chunk(out, at, text);
}

static size_t put_stream_end(char *out, size_t at, bool wants_usage)
{
    at = put_chunk(out, at,
                   CHUNK_BEGIN "{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n");
    if (wants_usage) {
        at = put_chunk(out, at,
                       CHUNK_BEGIN "],\"usage\":{\"prompt_tokens\":512,\"completion_tokens\":64,"
                                   "\"total_tokens\":576}}\n\n");
    }
    at = put_chunk(out, at, "data: " BENCH_STREAM_END "\n\n");
    return at + (size_t)snprintf(out + at, WRITE_MAX - at, "0\r\n\r\n");
}

/* Sends the next event, and the end after the last. */
static int stream_step(struct mock *m, struct connection *c, char *out, size_t n)
{
    n = put_event(out, n);
    m->events++;
    if (--c->events_left == 0) {
        n = put_stream_end(out, n, c->wants_usage);
    }
    if (put(c, out, n) < 0) {
        return -1;
    }
    if (c->events_left > 0) {
        /* The schedule is kept, except by a mock that has fallen a whole event behind: it would
         * only send faster what is late anyway. */
        int64_t now_ns = bench_now_ns();
        c->due_ns += c->interval_ns;
        c->due_ns = c->due_ns < now_ns ? now_ns + c->interval_ns : c->due_ns;
        timer_add(m, c);
    }
    return 0;
}

static int answer_stream(struct mock *m, struct connection *c, struct str body)
{
    char out[WRITE_MAX];
    int64_t interval_us = bench_number_after(body, STR(BENCH_INTERVAL_NAME));
    c->events_left = bench_number_after(body, STR(BENCH_EVENTS_NAME));
    if (c->events_left < 1 || interval_us < 0) {
        return -1;
    }
    c->interval_ns = interval_us * BENCH_NS_PER_US;
    c->wants_usage = str_find(body, STR("\"include_usage\":true")) >= 0;
    c->due_ns = bench_now_ns();
    m->streams++;
    size_t n = (size_t)snprintf(out, sizeof(out),
                                "HTTP/1.1 200 OK\r\n"
                                "date: Mon, 24 Nov 2025 16:00:00 GMT\r\n"
                                "content-type: text/event-stream; charset=utf-8\r\n"
                                "cache-control: no-cache\r\n"
                                "x-request-id: req_bench0123456789\r\n"
                                "transfer-encoding: chunked\r\n\r\n");
    return stream_step(m, c, out, n);
}

static int answer_counts(struct mock *m, struct connection *c)
{
    char body[256], out[WRITE_MAX];
    int n = snprintf(body, sizeof(body),
                     "{\"requests\":%llu,\"streams\":%llu,\"events\":%llu,\"broken\":%llu}\n",
                     (unsigned long long)m->requests, (unsigned long long)m->streams,
                     (unsigned long long)m->events, (unsigned long long)m->broken);
    n = snprintf(
        out, sizeof(out),
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s", n,
        body);
    return put(c, out, (size_t)n);
}

/* Answers the request at the start of `in`: its bytes, 0 when it is not complete, -1 when broken.
 */
static int64_t answer(struct mock *m, struct connection *c, struct str in)
{
    struct bench_head head;
    int found = bench_head_read(in, &head);
    if (found <= 0) {
        return found;
    }
    /* Proxies know the length of what they read whole; a chunked request would hide a mistake. */
    if (head.chunked || head.bytes + (size_t)head.body_bytes > REQUEST_MAX) {
        return -1;
    }
    size_t whole = head.bytes + (size_t)head.body_bytes;
    if (in.n < whole) {
        return 0;
    }
    if (str_starts(in, STR("GET "))) {
        return answer_counts(m, c) < 0 ? -1 : (int64_t)whole;
    }
    struct str body = str_make(in.p + head.bytes, (size_t)head.body_bytes);
    m->requests++;
    /* The client puts the member first; a proxy may have put others before it. */
    bool stream = str_find(str_head(body, 512), STR("\"stream\":true")) >= 0;
    int rc = stream ? answer_stream(m, c, body) : put(c, m->answer, m->answer_n);
    return rc < 0 ? -1 : (int64_t)whole;
}

/* Keeps what is left of the input until more comes. */
static void hold(struct connection *c, struct str rest)
{
    char *held = rest.n > 0 ? x_malloc(rest.n) : NULL;
    if (held) {
        memcpy(held, rest.p, rest.n);
    }
    x_free(c->held);
    c->held = held;
    c->held_n = rest.n;
}

static void connection_read(struct mock *m, struct connection *c)
{
    if (c->held) {
        memcpy(m->input, c->held, c->held_n);
    }
    ssize_t n = read(c->fd, m->input + c->held_n, sizeof(m->input) - c->held_n);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        m->broken += c->timer != NO_TIMER;
        connection_close(m, c);
        return;
    }
    struct str in = str_make(m->input, c->held_n + (size_t)n);
    int64_t used = 1;
    while (in.n > 0 && used > 0) {
        used = answer(m, c, in);
        in = str_from(in, used > 0 ? (size_t)used : 0);
    }
    if (used < 0 || in.n == sizeof(m->input)) {
        m->broken++;
        connection_close(m, c);
        return;
    }
    hold(c, in);
}

static void run_timers(struct mock *m)
{
    char out[WRITE_MAX];
    int64_t now_ns = bench_now_ns();
    while (m->timers_n > 0 && m->timers[0]->due_ns <= now_ns) {
        struct connection *c = m->timers[0];
        timer_remove(m, c);
        if (stream_step(m, c, out, 0) < 0) {
            m->broken++;
            connection_close(m, c);
        }
    }
}

static NORETURN void serve(struct mock *m)
{
    struct epoll_event events[WAKE_EVENTS_MAX];
    for (;;) {
        struct timespec wait = {0};
        if (m->timers_n > 0) {
            int64_t ns = m->timers[0]->due_ns - bench_now_ns();
            ns = ns > 0 ? ns : 0;
            wait = (struct timespec){.tv_sec = ns / BENCH_NS_PER_S, .tv_nsec = ns % BENCH_NS_PER_S};
        }
        int n =
            epoll_pwait2(m->epoll, events, WAKE_EVENTS_MAX, m->timers_n > 0 ? &wait : NULL, NULL);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr) {
                connection_read(m, events[i].data.ptr);
            } else {
                accept_all(m);
            }
        }
        run_timers(m);
    }
}

int main(int argc, char **argv)
{
    struct mock_options given = {0};
    struct opt_texts extra = {0};
    struct error err = {0};
    const char *const *args = (const char *const *)argv + 1;
    if (opt_parse(argc - 1, args, options, ARRAY_LEN(options), &given, &extra, &err) < 0) {
        bench_die("options", err.text);
    }
    if (given.port == 0 || extra.n > 0) {
        bench_die("options", "bench_mock --port N");
    }
    struct mock *m = x_calloc(1, sizeof(*m));
    m->epoll = epoll_create1(EPOLL_CLOEXEC);
    m->listener = bench_listen((int)given.port);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (m->epoll < 0 || epoll_ctl(m->epoll, EPOLL_CTL_ADD, m->listener, &event) < 0) {
        bench_die("epoll", strerror(errno));
    }
    make_answer(m);
    serve(m);
}
