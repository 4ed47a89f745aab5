#ifndef NET_TIMER_H
#define NET_TIMER_H

/*
 * Timers that are embedded by value and can be cancelled at any moment, also from their own
 * callback. All timers of a loop stand in one binary heap behind one operating system timer.
 *
 * Moving a deadline later is the common case (idle time-outs are pushed by every read): it is one
 * store, and the heap is corrected only when the old deadline comes up.
 *
 * Ownership: the timer's memory belongs to the caller and must not move while the timer is set.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TIMER_PER_LOOP_MAX 1000000

struct loop;
struct timer_heap;

struct timer {
    /* private */
    int64_t due_ms;   /* when to fire */
    int64_t filed_ms; /* the deadline under which it stands in the heap, <= due_ms */
    size_t place;     /* index in the heap + 1; 0 = not set */
    void (*fn)(void *ctx);
    void *ctx;
    struct timer_heap *heap;
};

void timer_init(struct timer *t, struct loop *loop, void (*fn)(void *ctx), void *ctx);
/* Fires once, delay_ms from now; replaces an earlier setting. */
void timer_set(struct timer *t, int64_t delay_ms);
void timer_cancel(struct timer *t);
bool timer_is_set(const struct timer *t);

/* For net/loop only. */
struct timer_heap *timer_heap_new(struct loop *loop);
void timer_heap_close(struct timer_heap *heap);
void timer_heap_free(struct timer_heap *heap);

#endif
