/*
 * bench_client: loads one port with chat completions over keep-alive connections and says, as one
 * line of JSON, how many were answered, how fast, and what went wrong.
 *
 * One thread, one epoll, a closed loop: each connection has one request out, or one stream open. At
 * the end of --ms no new request begins; those under way are waited for, so that what the client
 * counts is what the proxy handled. With --events the requests are streams (see bench_mock.c).
 */
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "bench_histogram.h"
#include "bench_http.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/mem.h"
#include "core/opt.h"

#define KEYS_MAX        100000
#define HEAD_MAX        4096
#define INPUT_BYTES     (256u << 10)
#define WAKE_EVENTS_MAX 512
/* Beyond the end of the run and of the longest stream. */
#define DRAIN_NS (10 * BENCH_NS_PER_S)

struct load_options {
    int64_t port, connections, run_ms, ramp_ms, body_bytes, events, interval_us;
    const char *keys_file;
};

#define OPTION(text, field, least, most, says)                                                     \
    {                                                                                              \
        .name = (text), .type = OPT_I64, .offset = offsetof(struct load_options, field),           \
        .value = "N", .min = (least), .max = (most), .help = (says)                                \
    }

static const struct opt options[] = {
    OPTION("port", port, 1, 65535, "the port of 127.0.0.1 to load"),
    OPTION("connections", connections, 1, 60000, "connections, or streams at a time"),
    OPTION("ms", run_ms, 1, 3600000, "how long requests are begun"),
    OPTION("ramp-ms", ramp_ms, 0, 600000, "how long the connections take to begin, evenly"),
    OPTION("body-bytes", body_bytes, 512, 1 << 20, "size of each request's body"),
    OPTION("events", events, 0, 1000000, "events of each stream; 0: no streams"),
    OPTION("interval-us", interval_us, 0, 600000000, "time between two events"),
    {.name = "keys",
                                                                           .type = OPT_TEXT,
                                                                           .offset = offsetof(struct load_options, keys_file),
                                                                           .value = "FILE",
                                                                           .help = "bearer keys, one a line, used in turn"},
};

enum failure { FAIL_CONNECT = 0, FAIL_CLOSED, FAIL_STATUS, FAIL_BROKEN, FAIL_LATE, FAILURES };

static const char *const failure_names[FAILURES] = {"connect", "closed", "status", "broken",
                                                    "late"};

struct connection {
    int fd; /* 0: not begun yet; -1: closed */
    struct str head;
    size_t sent; /* bytes of head and body */
    bool waits_to_write;
    int64_t start_ns;
    char held[HEAD_MAX]; /* an answer's head that has not come whole */
    size_t held_n;
    bool in_body;
    struct bench_head answer;
    struct bench_chunks chunks;
    int64_t body_left;
    /* Streams: what was seen of the stamp and the end mark that may be cut by reads. */
    int64_t stamp;
    unsigned stamp_digits; /* read so far; 0: none begun */
    unsigned end_seen;     /* bytes of BENCH_STREAM_END */
    int64_t events;
    bool ended;
};

struct load {
    struct load_options given;
    int epoll;
    struct buf body;
    struct str *heads; /* one a key */
    size_t heads_n, next_head;
    struct connection *connections;
    int64_t open;
    int64_t start_ns, end_ns;
    uint64_t completed, completed_in_time, events, failures[FAILURES];
    int first_bad_status;
    struct bench_histogram latency, first_byte, delay;
    char input[INPUT_BYTES];
};

/* ---- what is sent ---- */

/* The head that a client library sends, about 600 bytes. */
static struct str make_head(struct str key, size_t body_bytes)
{
    char head[HEAD_MAX];
    int n = snprintf(head, sizeof(head),
                     "POST /v1/chat/completions HTTP/1.1\r\n"
                     "host: 127.0.0.1\r\n"
                     "accept: application/json\r\n"
                     "accept-encoding: gzip, deflate\r\n"
                     "connection: keep-alive\r\n"
                     "user-agent: OpenAI/Python 1.99.0\r\n"
                     "authorization: Bearer %.*s\r\n"
                     "content-type: application/json\r\n"
                     "x-stainless-lang: python\r\n"
                     "x-stainless-package-version: 1.99.0\r\n"
                     "x-stainless-os: Linux\r\n"
                     "x-stainless-arch: x64\r\n"
                     "x-stainless-runtime: CPython\r\n"
                     "x-stainless-runtime-version: 3.11.7\r\n"
                     "x-stainless-async: false\r\n"
                     "x-stainless-retry-count: 0\r\n"
                     "content-length: %zu\r\n\r\n",
                     STR_ARG(key), body_bytes);
    return str_make(x_strndup(head, (size_t)n), (size_t)n);
}

static void make_heads(struct load *l)
{
    char line[512];
    FILE *file = l->given.keys_file ? fopen(l->given.keys_file, "re") : NULL;
    l->heads = x_calloc(KEYS_MAX, sizeof(*l->heads));
    if (!l->given.keys_file) {
        l->heads[l->heads_n++] = make_head(STR("none"), l->body.n);
        return;
    }
    if (!file) {
        bench_die(l->given.keys_file, strerror(errno));
    }
    while (l->heads_n < KEYS_MAX && fgets(line, sizeof(line), file)) {
        l->heads[l->heads_n++] = make_head(str_trim(str_of(line)), l->body.n);
    }
    fclose(file);
    if (l->heads_n == 0) {
        bench_die(l->given.keys_file, "no keys");
    }
}

/* A conversation of messages of about 500 bytes, as long as asked to the byte. */
static void make_body(struct load *l)
{
    static const char text[] = "How high does the river stand at the weir today, and what does the "
                               "gauge say?\\nIt was \\\"high\\\" yesterday. ";
    static const char end[] = "\"}],\"temperature\":0.7,\"max_tokens\":64,\"top_p\":1}";
    size_t want = (size_t)l->given.body_bytes;
    buf_init(&l->body, want + 64);
    buf_puts(&l->body, "{\"model\":\"bench\"");
    if (l->given.events > 0) {
        buf_putf(&l->body, ",\"stream\":true," BENCH_EVENTS_NAME "%lld," BENCH_INTERVAL_NAME "%lld",
                 (long long)l->given.events, (long long)l->given.interval_us);
    }
    buf_puts(&l->body, ",\"messages\":[{\"role\":\"system\",\"content\":\"");
    for (size_t part = 0; l->body.n + sizeof(text) + 64 + sizeof(end) < want; part++) {
        buf_puts(&l->body, text);
        if (part % 5 == 4) {
            buf_puts(&l->body, part % 2 == 0 ? "\"},{\"role\":\"user\",\"content\":\""
                                             : "\"},{\"role\":\"assistant\",\"content\":\"");
        }
    }
    while (l->body.n + sizeof(end) - 1 < want) {
        buf_putc(&l->body, 'x');
    }
    buf_puts(&l->body, end);
}

/* ---- one request ---- */

static void request_write(struct load *l, struct connection *c);

static void arm(struct load *l, struct connection *c, bool write)
{
    struct epoll_event event = {.events = EPOLLIN | (write ? EPOLLOUT : 0u), .data.ptr = c};
    c->waits_to_write = write;
    if (epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->fd, &event) < 0) {
        bench_die("epoll", strerror(errno));
    }
}

static void connection_open(struct load *l, struct connection *c)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
    c->fd = bench_connect((int)l->given.port);
    c->waits_to_write = true;
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &event) < 0) {
        bench_die("epoll", strerror(errno));
    }
}

static void request_prepare(struct load *l, struct connection *c)
{
    c->head = l->heads[l->next_head++ % l->heads_n];
    c->sent = c->held_n = 0;
    c->in_body = c->ended = false;
    c->chunks = (struct bench_chunks){0};
    c->stamp_digits = c->end_seen = 0;
    c->events = 0;
    c->start_ns = bench_now_ns();
}

static void connection_close(struct load *l, struct connection *c)
{
    close(c->fd);
    c->fd = -1;
    l->open--;
}

/* A failed request costs its connection; another takes its place while the run lasts. */
static void request_fail(struct load *l, struct connection *c, enum failure failure)
{
    l->failures[failure]++;
    connection_close(l, c);
    if (bench_now_ns() < l->end_ns && failure != FAIL_CONNECT) {
        l->open++;
        request_prepare(l, c);
        connection_open(l, c);
    }
}

static void request_write(struct load *l, struct connection *c)
{
    size_t whole = c->head.n + l->body.n;
    struct iovec parts[2] = {
        {.iov_base = (void *)c->head.p, .iov_len = c->head.n},
        {.iov_base = l->body.p,         .iov_len = l->body.n}
    };
    size_t skip = c->sent < c->head.n ? c->sent : c->head.n;
    parts[0].iov_base = (char *)parts[0].iov_base + skip;
    parts[0].iov_len -= skip;
    parts[1].iov_base = (char *)parts[1].iov_base + (c->sent - skip);
    parts[1].iov_len -= c->sent - skip;
    ssize_t n = writev(c->fd, parts, 2);
    if (n < 0 && errno != EAGAIN) {
        request_fail(l, c, errno == ECONNREFUSED ? FAIL_CONNECT : FAIL_CLOSED);
        return;
    }
    c->sent += n > 0 ? (size_t)n : 0;
    if (c->waits_to_write != (c->sent < whole)) {
        arm(l, c, c->sent < whole);
    }
}

static void request_done(struct load *l, struct connection *c)
{
    int64_t now_ns = bench_now_ns();
    if (l->given.events > 0 && (c->events != l->given.events || !c->ended)) {
        request_fail(l, c, FAIL_BROKEN);
        return;
    }
    l->completed++;
    l->completed_in_time += now_ns <= l->end_ns;
    bench_histogram_add(&l->latency, now_ns - c->start_ns);
    if (now_ns >= l->end_ns) {
        connection_close(l, c);
    } else if (c->answer.close) {
        close(c->fd);
        request_prepare(l, c);
        connection_open(l, c);
    } else {
        request_prepare(l, c);
        request_write(l, c);
    }
}

/* ---- what is received ---- */

static void event_seen(struct load *l, struct connection *c, int64_t now_ns)
{
    if (c->events++ == 0) {
        bench_histogram_add(&l->first_byte, now_ns - c->start_ns);
    }
    l->events++;
    bench_histogram_add(&l->delay, now_ns - c->stamp);
    c->stamp_digits = 0;
}

/* Looks for stamps and the end mark, wherever reads and chunks cut them. */
static void stream_scan(struct load *l, struct connection *c, struct str data, int64_t now_ns)
{
    for (size_t i = 0; i < data.n; i++) {
        char byte = data.p[i];
        if (c->stamp_digits > 0) {
            c->stamp = c->stamp * 10 + (byte - '0');
            if (c->stamp_digits++ == BENCH_STAMP_DIGITS) {
                event_seen(l, c, now_ns);
            }
        } else if (byte == BENCH_STAMP_MARK) {
            c->stamp = 0;
            c->stamp_digits = 1;
        } else if (byte == BENCH_STREAM_END[c->end_seen]) {
            c->ended = c->ended || ++c->end_seen == sizeof(BENCH_STREAM_END) - 1;
            c->end_seen = c->ended ? 0 : c->end_seen;
        } else {
            c->end_seen = byte == BENCH_STREAM_END[0];
        }
    }
}

/* The answer's body: true when it is whole. */
static bool body_read(struct load *l, struct connection *c, struct str in, int64_t now_ns)
{
    if (!c->answer.chunked) {
        c->body_left -= (int64_t)in.n;
        return c->body_left == 0;
    }
    for (struct str piece; (piece = bench_chunks_next(&c->chunks, &in)).n > 0;) {
        stream_scan(l, c, piece, now_ns);
    }
    return c->chunks.done && in.n == 0;
}

/* The answer's head: its bytes are cut off *in. False when there is no more to do. */
static bool head_read(struct load *l, struct connection *c, struct str *in)
{
    struct str head = *in;
    if (c->held_n > 0) {
        size_t n = in->n < HEAD_MAX - c->held_n ? in->n : HEAD_MAX - c->held_n;
        memcpy(c->held + c->held_n, in->p, n);
        head = str_make(c->held, c->held_n + n);
    }
    int found = bench_head_read(head, &c->answer);
    if (found == 0 && c->held_n + in->n < HEAD_MAX) {
        if (c->held_n == 0) {
            memcpy(c->held, in->p, in->n);
        }
        c->held_n += in->n;
        return false;
    }
    if (found <= 0 || c->answer.status != 200) {
        l->first_bad_status = l->first_bad_status ? l->first_bad_status : c->answer.status;
        request_fail(l, c, found <= 0 ? FAIL_BROKEN : FAIL_STATUS);
        return false;
    }
    *in = str_from(*in, c->answer.bytes - c->held_n);
    c->held_n = 0;
    c->in_body = true;
    c->body_left = c->answer.body_bytes;
    return true;
}

static void connection_read(struct load *l, struct connection *c)
{
    ssize_t n = read(c->fd, l->input, sizeof(l->input));
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        request_fail(l, c, n < 0 && errno == ECONNREFUSED ? FAIL_CONNECT : FAIL_CLOSED);
        return;
    }
    int64_t now_ns = bench_now_ns();
    struct str in = str_make(l->input, (size_t)n);
    if (!c->in_body && !head_read(l, c, &in)) {
        return;
    }
    if (body_read(l, c, in, now_ns)) {
        request_done(l, c);
    } else if (c->chunks.broken || c->chunks.done || c->body_left < 0) {
        request_fail(l, c, FAIL_BROKEN);
    }
}

/* ---- the run ---- */

/* Begins the connections that are due by now; when the next one is. */
static int64_t ramp(struct load *l, int64_t *begun)
{
    int64_t total = l->given.connections;
    int64_t ramp_ns = l->given.ramp_ms * 1000 * BENCH_NS_PER_US;
    while (*begun < total) {
        int64_t due_ns = l->start_ns + ramp_ns / total * *begun;
        if (due_ns > bench_now_ns()) {
            return due_ns;
        }
        struct connection *c = &l->connections[(*begun)++];
        l->open++;
        request_prepare(l, c);
        connection_open(l, c);
    }
    return INT64_MAX;
}

static void run(struct load *l)
{
    struct epoll_event events[WAKE_EVENTS_MAX];
    int64_t begun = 0;
    int64_t stream_ns = l->given.events * l->given.interval_us * BENCH_NS_PER_US;
    l->start_ns = bench_now_ns();
    l->end_ns = l->start_ns + l->given.run_ms * 1000 * BENCH_NS_PER_US;
    int64_t late_ns = l->end_ns + stream_ns + DRAIN_NS;
    do {
        int64_t now_ns = bench_now_ns();
        int64_t next_ns = ramp(l, &begun);
        int64_t wait_ns = (next_ns < late_ns ? next_ns : late_ns) - now_ns;
        wait_ns = wait_ns > 0 ? wait_ns : 0;
        struct timespec wait = {.tv_sec = wait_ns / BENCH_NS_PER_S,
                                .tv_nsec = wait_ns % BENCH_NS_PER_S};
        int n = epoll_pwait2(l->epoll, events, WAKE_EVENTS_MAX, &wait, NULL);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) {
                request_write(l, c);
            } else {
                connection_read(l, c);
            }
        }
    } while ((l->open > 0 || begun < l->given.connections) && bench_now_ns() < late_ns);
    l->failures[FAIL_LATE] += (uint64_t)l->open;
}

static void put_histogram(const char *name, const struct bench_histogram *h)
{
    printf(",\"%s_us\":{\"n\":%llu,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f}", name,
           (unsigned long long)h->n, bench_histogram_us(h, 0.5), bench_histogram_us(h, 0.9),
           bench_histogram_us(h, 0.99), bench_histogram_us(h, 0.999));
}

static void report(const struct load *l)
{
    double window_s = (double)l->given.run_ms / 1e3;
    uint64_t failed = 0;
    printf("{\"completed\":%llu,\"events\":%llu,\"rate\":%.1f,\"failures\":{",
           (unsigned long long)l->completed, (unsigned long long)l->events,
           (double)l->completed_in_time / window_s);
    for (size_t i = 0; i < FAILURES; i++) {
        printf("%s\"%s\":%llu", i ? "," : "", failure_names[i], (unsigned long long)l->failures[i]);
        failed += l->failures[i];
    }
    printf("},\"failed\":%llu,\"first_bad_status\":%d", (unsigned long long)failed,
           l->first_bad_status);
    put_histogram("latency", &l->latency);
    put_histogram("first_byte", &l->first_byte);
    put_histogram("delay", &l->delay);
    printf("}\n");
}

static void load_free(struct load *l)
{
    for (int64_t i = 0; i < l->given.connections; i++) {
        if (l->connections[i].fd > 0) {
            close(l->connections[i].fd);
        }
    }
    for (size_t i = 0; i < l->heads_n; i++) {
        x_free((char *)l->heads[i].p);
    }
    x_free(l->heads);
    x_free(l->connections);
    buf_release(&l->body);
    close(l->epoll);
    x_free(l);
}

int main(int argc, char **argv)
{
    struct load *l = x_calloc(1, sizeof(*l));
    struct opt_texts extra = {0};
    struct error err = {0};
    const char *const *args = (const char *const *)argv + 1;
    l->given = (struct load_options){.connections = 32, .run_ms = 1000, .body_bytes = 2048};
    if (opt_parse(argc - 1, args, options, ARRAY_LEN(options), &l->given, &extra, &err) < 0) {
        bench_die("options", err.text);
    }
    if (l->given.port == 0 || extra.n > 0) {
        bench_die("options", "bench_client --port N ...; see the table in bench_client.c");
    }
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll < 0) {
        bench_die("epoll", strerror(errno));
    }
    l->connections = x_calloc((size_t)l->given.connections, sizeof(*l->connections));
    make_body(l);
    make_heads(l);
    run(l);
    report(l);
    load_free(l);
    return 0;
}
