#ifndef NET_LOOP_H
#define NET_LOOP_H

/*
 * One event loop, owned by one thread: sockets, timers, and a mailbox for other threads.
 *
 * Everything that hangs on a loop is used from its thread only; the two exceptions are loop_post
 * and loop_stop, which any thread may call. Nothing that runs on a loop may block.
 */
#include <stdint.h>

#include "core/attr.h"
#include "core/error.h"

struct loop;
struct timer_heap;
struct buf;
struct uv_loop_s;

/* Messages waiting in one mailbox; more is a bug in the sender. */
#define LOOP_MAILBOX_MAX 65536

MUST_CHECK int loop_new(struct loop **ret_loop, struct error *err);
/* All sockets and timers of the loop must have been closed or cancelled; waits for handles that are
 * still closing, a few seconds at most for answers on their way to slow readers. */
void loop_free(struct loop *loop);

/* Runs until loop_stop. */
void loop_run(struct loop *loop);
/* Makes loop_run return soon. Any thread. */
void loop_stop(struct loop *loop);

/* fn(ctx) runs on the loop's thread, in order of posting. Any thread. */
void loop_post(struct loop *loop, void (*fn)(void *ctx), void *ctx);

/* Monotonic milliseconds, read once per turn. */
int64_t loop_now_ms(const struct loop *loop);

/* Runs fn(ctx, signum) on the loop when the process gets the signal; LOOP_SIGNALS_MAX of them. */
#define LOOP_SIGNALS_MAX 8
MUST_CHECK int loop_on_signal(struct loop *loop, int signum, void (*fn)(void *ctx, int signum),
                              void *ctx, struct error *err);

/* For net/ only. */
struct uv_loop_s *loop_uv(struct loop *loop);
struct timer_heap *loop_timers(struct loop *loop);
/* Memory into which every socket of the loop reads: filled and used up within one callback. */
#define LOOP_READ_BYTES (64u << 10)
char *loop_read_buffer(struct loop *loop);
/* The same for what TLS decrypts. */
struct buf *loop_plain_buffer(struct loop *loop);

#endif
