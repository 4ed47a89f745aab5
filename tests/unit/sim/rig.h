#ifndef UNIT_SIM_RIG_H
#define UNIT_SIM_RIG_H

/*
 * A simulated provider on a thread of its own, and a client that blocks: one connection per call.
 */
#include "unit/sim/suite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "net/loop.h"
#include "sim/scenario.h"
#include "sim/sim.h"

#define RIG_BYTES_MAX (64u << 20)
/* A read that takes longer has failed. */
#define RIG_SECONDS 20

struct rig {
    struct loop *loop;
    struct sim *sim;
    pthread_t thread;
    uint16_t port;
};

struct reply {
    int status; /* 0: no head came */
    bool whole; /* the connection ended as it should, and the body is complete */
    struct buf raw;
    struct str head;
    struct buf body; /* without chunk frames */
};

static inline void *rig_run(void *ctx)
{
    struct rig *rig = ctx;
    loop_run(rig->loop);
    return NULL;
}

static inline void rig_open(struct rig *rig, const struct sim_options *options)
{
    struct error err = {0};
    assert_int_equal(loop_new(&rig->loop, &err), 0);
    if (sim_open(rig->loop, options, &rig->sim, &err) != 0) {
        fail_msg("%s", err.text);
    }
    rig->port = sim_port(rig->sim);
    assert_int_equal(pthread_create(&rig->thread, NULL, rig_run, rig), 0);
}

static inline void rig_start(struct rig *rig)
{
    struct sim_options options = {.has_seed = true, .seed = 7};
    rig_open(rig, &options);
}

static inline void rig_stop(struct rig *rig)
{
    loop_stop(rig->loop);
    pthread_join(rig->thread, NULL);
    sim_close(rig->sim);
    loop_free(rig->loop);
}

static inline int rig_connect(const struct rig *rig)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(rig->port)};
    struct timeval patience = {.tv_sec = RIG_SECONDS};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Sends a request; `headers` are lines with CRLF, or "". */
static inline int rig_send(const struct rig *rig, const char *method, const char *path,
                           const char *headers, struct str body)
{
    struct buf out;
    int fd = rig_connect(rig);
    buf_init(&out, RIG_BYTES_MAX);
    buf_putf(&out,
             "%s %s HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n%scontent-length: %zu\r\n\r\n",
             method, path, headers, body.n);
    buf_put_str(&out, body);
    for (size_t sent = 0; sent < out.n;) {
        ssize_t n = send(fd, out.p + sent, out.n - sent, MSG_NOSIGNAL);
        assert_true(n > 0);
        sent += (size_t)n;
    }
    buf_release(&out);
    return fd;
}

/* Takes the frames of chunked coding off; false when the end is missing. */
static inline bool reply_unchunk(struct str rest, struct buf *out)
{
    for (;;) {
        ptrdiff_t line = str_find(rest, STR("\r\n"));
        unsigned n = 0;
        if (line < 0 || sscanf(rest.p, "%x", &n) != 1) {
            return false;
        }
        rest = str_from(rest, (size_t)line + 2);
        if (n == 0) {
            return str_is(rest, "\r\n");
        }
        buf_put_str(out, str_head(rest, n));
        if (rest.n < n + 2) {
            return false;
        }
        rest = str_from(rest, n + 2);
    }
}

/* Reads to the end of the connection and closes it. */
static inline void rig_receive(int fd, struct reply *reply)
{
    char bytes[65536];
    ssize_t n = 0;

    *reply = (struct reply){.status = 0};
    buf_init(&reply->raw, RIG_BYTES_MAX);
    buf_init(&reply->body, RIG_BYTES_MAX);
    while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0) {
        buf_put(&reply->raw, bytes, (size_t)n);
    }
    bool ended = n == 0;
    assert_true(ended || errno == ECONNRESET);
    close(fd);
    const char *text = buf_cstr(&reply->raw);
    ptrdiff_t blank = str_find(buf_str(&reply->raw), STR("\r\n\r\n"));
    if (blank < 0) {
        return;
    }
    reply->head = str_head(buf_str(&reply->raw), (size_t)blank + 2);
    struct str rest = str_from(buf_str(&reply->raw), (size_t)blank + 4);
    assert_int_equal(sscanf(text, "HTTP/1.1 %d", &reply->status), 1);
    if (str_find(reply->head, STR("transfer-encoding: chunked")) >= 0) {
        reply->whole = reply_unchunk(rest, &reply->body) && ended;
        return;
    }
    size_t length = 0;
    ptrdiff_t at = str_find(reply->head, STR("content-length: "));
    assert_true(at >= 0);
    assert_int_equal(sscanf(reply->head.p + at, "content-length: %zu", &length), 1);
    buf_put_str(&reply->body, rest);
    reply->whole = ended && rest.n == length;
}

static inline void reply_release(struct reply *reply)
{
    buf_release(&reply->raw);
    buf_release(&reply->body);
}

static inline void rig_call(const struct rig *rig, const char *method, const char *path,
                            const char *headers, const char *body, struct reply *ret)
{
    rig_receive(rig_send(rig, method, path, headers, str_of(body)), ret);
}

/* Asks the simulation itself; the JSON lives as long as the exam. */
static inline yyjson_val *rig_ask(const struct rig *rig, struct exam *e, const char *path)
{
    struct reply reply;
    rig_call(rig, "GET", path, "", "", &reply);
    assert_int_equal(reply.status, 200);
    yyjson_val *root = exam_json(e, arena_str(&e->arena, buf_str(&reply.body)));
    reply_release(&reply);
    return root;
}

/* Waits until a count of /sim/stats has a value. */
static inline void rig_wait(const struct rig *rig, const char *pointer, int64_t value)
{
    for (int i = 0; i < RIG_SECONDS * 100; i++) {
        struct exam e;
        exam_begin(&e);
        int64_t now = number_at(rig_ask(rig, &e, "/sim/stats"), pointer);
        exam_end(&e);
        if (now == value) {
            return;
        }
        poll(NULL, 0, 10);
    }
    fail_msg("%s never became %lld", pointer, (long long)value);
}

/* The value of a header of the answer; fails when it is not there. */
static inline struct str reply_header(const struct reply *reply, const char *name)
{
    struct str rest = reply->head;
    struct str wanted = str_of(name);
    while (rest.n > 0) {
        struct str line = str_trim(str_split(&rest, '\n'));
        if (str_starts_nocase(line, wanted) && line.n > wanted.n && line.p[wanted.n] == ':') {
            return str_trim(str_from(line, wanted.n + 1));
        }
    }
    fail_msg("no header %s in\n%.*s", name, STR_ARG(reply->head));
    return STR_EMPTY;
}

#endif
