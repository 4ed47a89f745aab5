#ifndef BENCH_HTTP_H
#define BENCH_HTTP_H

/*
 * The little HTTP/1.1 that the load client and the mock provider share: where a head ends, how long
 * the body is, chunks, sockets on loopback. It is quick rather than strict, because both of its
 * ends are ours; what it does not understand it refuses, so that a proxy which mangles bytes is
 * noticed.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/str.h"

#define BENCH_NS_PER_S  1000000000ll
#define BENCH_NS_PER_US 1000ll

/* A field of each event carries the time when the mock sent it: this mark, then BENCH_STAMP_DIGITS
 * digits of CLOCK_MONOTONIC in nanoseconds. Client and mock run on one machine. */
#define BENCH_STAMP_MARK   '@'
#define BENCH_STAMP_DIGITS 18
#define BENCH_STREAM_END   "[DONE]"

/* Members of the request's body that tell the mock what to stream. */
#define BENCH_EVENTS_NAME   "\"bench_events\":"
#define BENCH_INTERVAL_NAME "\"bench_interval_us\":"

int64_t bench_now_ns(void);

/* Says so on stderr and ends the program with status 4: a load that cannot be made is no result. */
NORETURN void bench_die(const char *what, const char *why);

/* Non-blocking TCP sockets on 127.0.0.1, without Nagle's delay. Both die where the system refuses.
 */
int bench_listen(int port);
int bench_connect(int port);

struct bench_head {
    size_t bytes; /* of the head, its empty line included */
    int status;   /* of an answer; 0 in a request */
    bool chunked;
    bool close;         /* the peer will close the connection */
    int64_t body_bytes; /* 0 when chunked */
};

/* Reads the head at the start of `in`: 1, 0 when it is not complete yet, -1 when it is not
 * understood. */
int bench_head_read(struct str in, struct bench_head *ret_head);

/* The number after `name` in `text`, or -1. */
int64_t bench_number_after(struct str text, struct str name);

/* A body in chunks, read piecewise. Zeroed at its begin. */
struct bench_chunks {
    enum { BENCH_CHUNK_SIZE = 0, BENCH_CHUNK_DATA, BENCH_CHUNK_LINE, BENCH_CHUNK_LAST } state;

    uint64_t left;
    unsigned line_bytes; /* of the line being read, without CR and LF */
    bool done, broken;
};

/* Takes the next piece of the body off *in; an empty piece when *in is used up, or the body ended
 * or is broken. */
struct str bench_chunks_next(struct bench_chunks *chunks, struct str *in);

#endif
