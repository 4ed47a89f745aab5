#ifndef UNIT_NET_PEER_H
#define UNIT_NET_PEER_H

/*
 * The other end of a connection, by hand: a socket on loopback in the same thread as the loop under
 * test. Nothing here blocks; UNTIL turns the loop until something has come true.
 */
#include "unit/net/suite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "core/buf.h"
#include "net/loop.h"

#define PEER_BYTES_MAX (64u << 20)
/* Turns without progress after which a test has failed; each takes a millisecond. */
#define PEER_TURNS_MAX 20000

struct peer {
    int fd;
    struct buf in;
    bool eof;
    bool reset;
};

static inline struct loop *peer_loop(void)
{
    struct loop *loop = NULL;
    struct error err = {0};
    assert_int_equal(loop_new(&loop, &err), 0);
    return loop;
}

static inline void peer_turn(struct loop *loop)
{
    uv_run(loop_uv(loop), UV_RUN_NOWAIT);
}

#define UNTIL(loop, condition)                                                                     \
    do {                                                                                           \
        int until_turns = 0;                                                                       \
        peer_turn(loop);                                                                           \
        while (!(condition)) {                                                                     \
            peer_turn(loop);                                                                       \
            if (until_turns++ > 100) {                                                             \
                poll(NULL, 0, 1);                                                                  \
            }                                                                                      \
            if (until_turns > PEER_TURNS_MAX) {                                                    \
                print_error("never true: %s\n", #condition);                                       \
                _fail(__FILE__, __LINE__);                                                         \
            }                                                                                      \
        }                                                                                          \
    } while (0)

/* Some turns, in which nothing is expected to happen. */
static inline void peer_idle(struct loop *loop)
{
    for (int i = 0; i < 20; i++) {
        peer_turn(loop);
        poll(NULL, 0, 1);
    }
}

static inline void peer_open(struct peer *p, int fd)
{
    *p = (struct peer){.fd = fd};
    buf_init(&p->in, PEER_BYTES_MAX);
}

static inline void peer_connect(struct peer *p, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    peer_open(p, fd);
}

/* A listening socket on a port of its own. */
static inline int peer_listen(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t n = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, n), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static inline bool peer_accept(struct peer *p, int listener)
{
    int fd = accept(listener, NULL, NULL);
    if (fd >= 0) {
        peer_open(p, fd);
    }
    return fd >= 0;
}

static inline void peer_send_str(struct peer *p, struct str s)
{
    while (s.n > 0) {
        ssize_t n = send(p->fd, s.p, s.n, MSG_NOSIGNAL);
        assert_true(n > 0);
        s = str_from(s, (size_t)n);
    }
}

static inline void peer_send(struct peer *p, const char *text)
{
    peer_send_str(p, str_of(text));
}

/* Sends what fits without waiting; the view loses it. */
static inline void peer_push(struct peer *p, struct str *rest)
{
    ssize_t n = 1;
    while (rest->n > 0 && n > 0) {
        n = send(p->fd, rest->p, rest->n, MSG_NOSIGNAL | MSG_DONTWAIT);
        *rest = str_from(*rest, n > 0 ? (size_t)n : 0);
    }
}

/* Reads what is there; true when the other end has finished. */
static inline bool peer_read(struct peer *p)
{
    char bytes[65536];
    while (!p->eof) {
        ssize_t n = recv(p->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n > 0) {
            buf_put(&p->in, bytes, (size_t)n);
            continue;
        }
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            return false;
        }
        p->reset = n < 0;
        p->eof = true;
    }
    return true;
}

static inline bool peer_has(struct peer *p, const char *part)
{
    peer_read(p);
    return str_find(buf_str(&p->in), str_of(part)) >= 0;
}

static inline void peer_forget(struct peer *p)
{
    buf_clear(&p->in);
}

/* Says FIN and can still read. */
static inline void peer_finish(struct peer *p)
{
    shutdown(p->fd, SHUT_WR);
}

static inline void peer_close(struct peer *p)
{
    close(p->fd);
    buf_release(&p->in);
}

static inline void peer_reset(struct peer *p)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    peer_close(p);
}

#endif
