#include "unit/net/peer.h"

#include <pthread.h>
#include <signal.h>

static void add_one(void *ctx)
{
    (*(int *)ctx)++;
}

static void stop(void *ctx)
{
    loop_stop(ctx);
}

static void letters_are_read_in_order_and_stop_ends_the_loop(void **state)
{
    struct loop *loop = peer_loop();
    int count = 0;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        loop_post(loop, add_one, &count);
    }
    loop_post(loop, stop, loop);
    loop_run(loop);
    assert_int_equal(count, 1000);
    /* Stopped before it runs: it returns, and can run again. */
    loop_stop(loop);
    loop_run(loop);
    loop_post(loop, stop, loop);
    loop_run(loop);
    loop_free(loop);
}

struct sender {
    struct loop *loop;
    int *sum; /* only touched on the loop */
};

static void *send_many(void *ctx)
{
    struct sender *s = ctx;
    for (int i = 0; i < 5000; i++) {
        loop_post(s->loop, add_one, s->sum);
    }
    return NULL;
}

static void stop_when_all_came(void *ctx)
{
    struct sender *s = ctx;
    if (*s->sum == 4 * 5000) {
        loop_stop(s->loop);
        return;
    }
    loop_post(s->loop, stop_when_all_came, s);
}

static void other_threads_post_without_losing_a_letter(void **state)
{
    struct loop *loop = peer_loop();
    pthread_t threads[4];
    int sum = 0;
    struct sender s = {loop, &sum};
    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, send_many, &s), 0);
    }
    loop_post(loop, stop_when_all_came, &s);
    loop_run(loop);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(sum, 4 * 5000);
    loop_free(loop);
}

static void *stop_from_outside(void *ctx)
{
    loop_stop(ctx);
    return NULL;
}

static void another_thread_stops_the_loop(void **state)
{
    struct loop *loop = peer_loop();
    pthread_t thread;
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, stop_from_outside, loop), 0);
    loop_run(loop);
    pthread_join(thread, NULL);
    loop_free(loop);
}

static void signalled(void *ctx, int signum)
{
    *(int *)ctx = signum;
}

static void a_signal_reaches_the_loop(void **state)
{
    struct loop *loop = peer_loop();
    struct error err = {0};
    int signum = 0;
    (void)state;
    assert_int_equal(loop_on_signal(loop, SIGUSR1, signalled, &signum, &err), 0);
    assert_int_equal(loop_on_signal(loop, SIGKILL, signalled, &signum, &err), ERR_IO);
    kill(getpid(), SIGUSR1);
    UNTIL(loop, signum == SIGUSR1);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_are_read_in_order_and_stop_ends_the_loop),
        cmocka_unit_test(other_threads_post_without_losing_a_letter),
        cmocka_unit_test(another_thread_stops_the_loop),
        cmocka_unit_test(a_signal_reaches_the_loop),
    };
    return cmocka_run_group_tests_name("net/loop", tests, NULL, NULL);
}
