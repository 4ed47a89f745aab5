#include "net/loop.h"

#include <pthread.h>
#include <uv.h>

#include "core/buf.h"
#include "core/mem.h"
#include "net/sock.h"
#include "net/timer.h"

/* One read of ciphertext decrypts to no more than itself, plus what OpenSSL still held. */
#define LOOP_PLAIN_BYTES_MAX (256u << 10)

/* At the end of a loop, for what its sockets still have to send. */
#define LOOP_END_MS      5000
#define LOOP_END_TICK_MS 20

struct letter {
    void (*fn)(void *ctx);
    void *ctx;
};

struct watched_signal {
    uv_signal_t handle;
    void (*fn)(void *ctx, int signum);
    void *ctx;
};

struct loop {
    uv_loop_t uv;
    uv_async_t wake;
    struct timer_heap *timers;
    pthread_mutex_t lock; /* guards the mailbox and `stopping` */
    struct letter *mail;
    size_t mail_n;
    size_t mail_cap;
    bool stopping;
    struct watched_signal signals[LOOP_SIGNALS_MAX];
    size_t signal_count;
    char *read_buffer;
    struct buf plain;
    uv_timer_t end_timer; /* wakes loop_free */
};

static void read_mail(uv_async_t *handle)
{
    struct loop *loop = handle->data;

    pthread_mutex_lock(&loop->lock);
    struct letter *mail = loop->mail;
    size_t n = loop->mail_n;
    bool stopping = loop->stopping;
    loop->mail = NULL;
    loop->mail_n = 0;
    loop->mail_cap = 0;
    pthread_mutex_unlock(&loop->lock);

    for (size_t i = 0; i < n; i++) {
        mail[i].fn(mail[i].ctx);
    }
    x_free(mail);
    if (stopping) {
        uv_stop(&loop->uv);
    }
}

int loop_new(struct loop **ret_loop, struct error *err)
{
    struct loop *loop = x_calloc(1, sizeof(*loop));
    int rc = uv_loop_init(&loop->uv);
    if (rc != 0) {
        x_free(loop);
        return error_set(err, ERR_IO, "cannot create an event loop: %s", uv_strerror(rc));
    }
    rc = uv_async_init(&loop->uv, &loop->wake, read_mail);
    BUG_ON(rc != 0);
    loop->wake.data = loop;
    pthread_mutex_init(&loop->lock, NULL);
    loop->timers = timer_heap_new(loop);
    loop->read_buffer = x_malloc(LOOP_READ_BYTES);
    buf_init(&loop->plain, LOOP_PLAIN_BYTES_MAX);
    *ret_loop = loop;
    return 0;
}

struct ending {
    bool now;
    size_t left;
};

static void end_socket(uv_handle_t *handle, void *arg)
{
    struct ending *ending = arg;
    if (handle->type == UV_TCP && !uv_is_closing(handle) && !sock_give_up(handle, ending->now)) {
        ending->left++;
    }
}

static void tick(uv_timer_t *timer)
{
    (void)timer;
}

/* Answers that are still on their way to slow readers get LOOP_END_MS; who has all, nothing. */
static void end_sockets(struct loop *loop)
{
    int rc = uv_timer_init(&loop->uv, &loop->end_timer);
    BUG_ON(rc != 0);
    uv_timer_start(&loop->end_timer, tick, LOOP_END_TICK_MS, LOOP_END_TICK_MS);
    uint64_t until = uv_now(&loop->uv) + LOOP_END_MS;
    for (;;) {
        struct ending ending = {.now = uv_now(&loop->uv) >= until};
        uv_walk(&loop->uv, end_socket, &ending);
        if (ending.left == 0) {
            break;
        }
        uv_run(&loop->uv, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&loop->end_timer, NULL);
}

void loop_free(struct loop *loop)
{
    if (!loop) {
        return;
    }
    end_sockets(loop);
    for (size_t i = 0; i < loop->signal_count; i++) {
        uv_close((uv_handle_t *)&loop->signals[i].handle, NULL);
    }
    uv_close((uv_handle_t *)&loop->wake, NULL);
    timer_heap_close(loop->timers);
    while (uv_run(&loop->uv, UV_RUN_DEFAULT) != 0) {
        /* until every closing handle has had its callback */
    }
    int rc = uv_loop_close(&loop->uv);
    BUG_ON(rc != 0);
    timer_heap_free(loop->timers);
    pthread_mutex_destroy(&loop->lock);
    x_free(loop->mail);
    x_free(loop->read_buffer);
    buf_release(&loop->plain);
    x_free(loop);
}

void loop_run(struct loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    pthread_mutex_lock(&loop->lock);
    loop->stopping = false;
    pthread_mutex_unlock(&loop->lock);
}

void loop_stop(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    loop->stopping = true;
    pthread_mutex_unlock(&loop->lock);
    uv_async_send(&loop->wake);
}

void loop_post(struct loop *loop, void (*fn)(void *ctx), void *ctx)
{
    pthread_mutex_lock(&loop->lock);
    BUG_ON(loop->mail_n >= LOOP_MAILBOX_MAX);
    if (loop->mail_n == loop->mail_cap) {
        loop->mail_cap = loop->mail_cap ? 2 * loop->mail_cap : 16;
        loop->mail = x_realloc(loop->mail, loop->mail_cap * sizeof(*loop->mail));
    }
    loop->mail[loop->mail_n++] = (struct letter){fn, ctx};
    pthread_mutex_unlock(&loop->lock);
    uv_async_send(&loop->wake);
}

int64_t loop_now_ms(const struct loop *loop)
{
    return (int64_t)uv_now(&loop->uv);
}

static void signal_came(uv_signal_t *handle, int signum)
{
    struct watched_signal *s = handle->data;
    s->fn(s->ctx, signum);
}

int loop_on_signal(struct loop *loop, int signum, void (*fn)(void *ctx, int signum), void *ctx,
                   struct error *err)
{
    BUG_ON(loop->signal_count >= LOOP_SIGNALS_MAX);
    struct watched_signal *s = &loop->signals[loop->signal_count];
    int rc = uv_signal_init(&loop->uv, &s->handle);
    BUG_ON(rc != 0);
    loop->signal_count++;
    s->fn = fn;
    s->ctx = ctx;
    s->handle.data = s;
    rc = uv_signal_start(&s->handle, signal_came, signum);
    if (rc != 0) {
        return error_set(err, ERR_IO, "cannot watch signal %d: %s", signum, uv_strerror(rc));
    }
    uv_unref((uv_handle_t *)&s->handle);
    return 0;
}

struct uv_loop_s *loop_uv(struct loop *loop)
{
    return &loop->uv;
}

struct timer_heap *loop_timers(struct loop *loop)
{
    return loop->timers;
}

char *loop_read_buffer(struct loop *loop)
{
    return loop->read_buffer;
}

struct buf *loop_plain_buffer(struct loop *loop)
{
    return &loop->plain;
}
