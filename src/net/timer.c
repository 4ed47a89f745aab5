#include "net/timer.h"

#include <uv.h>

#include "core/error.h"
#include "core/mem.h"
#include "net/loop.h"

struct timer_heap {
    struct loop *loop;
    uv_timer_t handle;
    bool handle_open;
    struct timer **items;
    size_t n;
    size_t cap;
};

static void place_at(struct timer_heap *h, size_t index, struct timer *t)
{
    h->items[index] = t;
    t->place = index + 1;
}

static void sift_up(struct timer_heap *h, size_t index)
{
    struct timer *t = h->items[index];
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (h->items[parent]->filed_ms <= t->filed_ms) {
            break;
        }
        place_at(h, index, h->items[parent]);
        index = parent;
    }
    place_at(h, index, t);
}

static void sift_down(struct timer_heap *h, size_t index)
{
    struct timer *t = h->items[index];
    for (;;) {
        size_t child = 2 * index + 1;
        if (child >= h->n) {
            break;
        }
        if (child + 1 < h->n && h->items[child + 1]->filed_ms < h->items[child]->filed_ms) {
            child++;
        }
        if (h->items[child]->filed_ms >= t->filed_ms) {
            break;
        }
        place_at(h, index, h->items[child]);
        index = child;
    }
    place_at(h, index, t);
}

static void heap_add(struct timer_heap *h, struct timer *t)
{
    if (h->n == h->cap) {
        BUG_ON(h->n >= TIMER_PER_LOOP_MAX);
        h->cap = h->cap ? 2 * h->cap : 64;
        h->items = x_realloc(h->items, h->cap * sizeof(*h->items));
    }
    h->items[h->n++] = t;
    sift_up(h, h->n - 1);
}

static void heap_remove(struct timer_heap *h, struct timer *t)
{
    size_t index = t->place - 1;
    t->place = 0;
    struct timer *last = h->items[--h->n];
    if (last == t) {
        return;
    }
    place_at(h, index, last);
    sift_up(h, index);
    sift_down(h, last->place - 1);
}

static void fire_due(uv_timer_t *handle);

static void arm(struct timer_heap *h)
{
    if (!h->handle_open) {
        return;
    }
    if (h->n == 0) {
        uv_timer_stop(&h->handle);
        return;
    }
    int64_t wait = h->items[0]->filed_ms - loop_now_ms(h->loop);
    uv_timer_start(&h->handle, fire_due, wait > 0 ? (uint64_t)wait : 0, 0);
}

static void fire_due(uv_timer_t *handle)
{
    struct timer_heap *h = handle->data;
    int64_t now = loop_now_ms(h->loop);

    while (h->n > 0 && h->items[0]->filed_ms <= now) {
        struct timer *t = h->items[0];
        if (t->due_ms > now) { /* was pushed later meanwhile */
            t->filed_ms = t->due_ms;
            sift_down(h, 0);
            continue;
        }
        heap_remove(h, t);
        t->fn(t->ctx);
    }
    arm(h);
}

struct timer_heap *timer_heap_new(struct loop *loop)
{
    struct timer_heap *h = x_calloc(1, sizeof(*h));
    h->loop = loop;
    int rc = uv_timer_init(loop_uv(loop), &h->handle);
    BUG_ON(rc != 0);
    h->handle.data = h;
    h->handle_open = true;
    uv_unref((uv_handle_t *)&h->handle);
    return h;
}

void timer_heap_close(struct timer_heap *h)
{
    if (h->handle_open) {
        h->handle_open = false;
        uv_close((uv_handle_t *)&h->handle, NULL);
    }
}

void timer_heap_free(struct timer_heap *h)
{
    if (h) {
        x_free(h->items);
        x_free(h);
    }
}

void timer_init(struct timer *t, struct loop *loop, void (*fn)(void *ctx), void *ctx)
{
    *t = (struct timer){.fn = fn, .ctx = ctx, .heap = loop_timers(loop)};
}

void timer_set(struct timer *t, int64_t delay_ms)
{
    struct timer_heap *h = t->heap;
    t->due_ms = loop_now_ms(h->loop) + (delay_ms > 0 ? delay_ms : 0);
    if (t->place != 0 && t->filed_ms <= t->due_ms) {
        return; /* corrected when the filed deadline comes up */
    }
    if (t->place != 0) {
        heap_remove(h, t);
    }
    t->filed_ms = t->due_ms;
    heap_add(h, t);
    if (h->items[0] == t) {
        arm(h);
    }
}

void timer_cancel(struct timer *t)
{
    if (t->place != 0) {
        heap_remove(t->heap, t);
    }
}

bool timer_is_set(const struct timer *t)
{
    return t->place != 0;
}
