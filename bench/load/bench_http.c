#include "bench_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG 4096

int64_t bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * BENCH_NS_PER_S + now.tv_nsec;
}

void bench_die(const char *what, const char *why)
{
    fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(4);
}

static int tcp_socket(void)
{
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        bench_die("socket", strerror(errno));
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int bench_listen(int port)
{
    struct sockaddr_in at = loopback(port);
    int one = 1;
    int fd = tcp_socket();
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, BACKLOG) < 0) {
        bench_die("cannot listen", strerror(errno));
    }
    return fd;
}

int bench_connect(int port)
{
    struct sockaddr_in at = loopback(port);
    int fd = tcp_socket();
    if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 && errno != EINPROGRESS) {
        bench_die("cannot connect", strerror(errno));
    }
    return fd;
}

static int decimal(struct str text, int64_t *ret_value)
{
    return str_to_i64(str_trim(text), ret_value);
}

static int read_field(struct str line, struct bench_head *head)
{
    ptrdiff_t colon = str_find_char(line, ':');
    if (colon <= 0) {
        return -1;
    }
    struct str name = str_head(line, (size_t)colon);
    struct str value = str_trim(str_from(line, (size_t)colon + 1));
    if (str_eq_nocase(name, STR("content-length"))) {
        return decimal(value, &head->body_bytes) < 0 || head->body_bytes < 0 ? -1 : 0;
    }
    if (str_eq_nocase(name, STR("transfer-encoding"))) {
        head->chunked = str_eq_nocase(value, STR("chunked"));
        return head->chunked ? 0 : -1;
    }
    if (str_eq_nocase(name, STR("connection"))) {
        head->close = str_eq_nocase(value, STR("close"));
    }
    return 0;
}

int bench_head_read(struct str in, struct bench_head *ret_head)
{
    struct bench_head head = {0};
    ptrdiff_t end = str_find(in, STR("\r\n\r\n"));
    int64_t status = 0;
    if (end < 0) {
        return 0;
    }
    head.bytes = (size_t)end + 4;
    struct str rest = str_head(in, (size_t)end);
    struct str first = str_split(&rest, '\n');
    if (str_starts(first, STR("HTTP/1.1 "))) {
        if (decimal(str_head(str_from(first, 9), 3), &status) < 0) {
            return -1;
        }
        head.status = (int)status;
    }
    while (rest.n > 0) {
        if (read_field(str_split(&rest, '\n'), &head) < 0) {
            return -1;
        }
    }
    *ret_head = head;
    return 1;
}

int64_t bench_number_after(struct str text, struct str name)
{
    int64_t value;
    ptrdiff_t at = str_find(text, name);
    if (at < 0) {
        return -1;
    }
    struct str rest = str_from(text, (size_t)at + name.n);
    size_t n = 0;
    while (n < rest.n && rest.p[n] >= '0' && rest.p[n] <= '9') {
        n++;
    }
    return decimal(str_head(rest, n), &value) < 0 ? -1 : value;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte between the data of two chunks. */
static void chunk_byte(struct bench_chunks *c, char byte)
{
    if (byte == '\r') {
        return;
    }
    if (byte != '\n') {
        int digit = hex_digit(byte);
        /* Only the line of a size has anything on it; there are no extensions and no trailers. */
        c->broken = c->state != BENCH_CHUNK_SIZE || digit < 0 || ++c->line_bytes > 8;
        c->left = c->left * 16 + (uint64_t)digit;
        return;
    }
    switch (c->state) {
    case BENCH_CHUNK_SIZE:
        c->broken = c->line_bytes == 0;
        c->state = c->left > 0 ? BENCH_CHUNK_DATA : BENCH_CHUNK_LAST;
        break;
    case BENCH_CHUNK_LINE:
        c->state = BENCH_CHUNK_SIZE;
        break;
    case BENCH_CHUNK_LAST:
        c->done = true;
        break;
    case BENCH_CHUNK_DATA:
        break;
    }
    c->line_bytes = 0;
}

struct str bench_chunks_next(struct bench_chunks *c, struct str *in)
{
    while (in->n > 0 && !c->done && !c->broken) {
        if (c->state == BENCH_CHUNK_DATA) {
            struct str piece = str_head(*in, c->left < in->n ? (size_t)c->left : in->n);
            *in = str_from(*in, piece.n);
            c->left -= piece.n;
            c->state = c->left == 0 ? BENCH_CHUNK_LINE : BENCH_CHUNK_DATA;
            return piece;
        }
        chunk_byte(c, in->p[0]);
        *in = str_from(*in, 1);
    }
    return STR_EMPTY;
}
