#include "unit/net/peer.h"

#include "core/rand.h"
#include "net/timer.h"

struct tick {
    struct timer timer;
    struct loop *loop;
    int fired;
    int64_t due_ms;   /* by our own account; 0 = not set */
    int64_t *last_ms; /* deadline of the timer that fired before */
    int again;        /* sets itself this many times */
    struct tick *cancels;
};

static void fire(void *ctx)
{
    struct tick *t = ctx;
    t->fired++;
    assert_false(timer_is_set(&t->timer));
    if (t->due_ms != 0) {
        assert_true(loop_now_ms(t->loop) >= t->due_ms);
        t->due_ms = 0;
    }
    if (t->again > 0) {
        t->again--;
        timer_set(&t->timer, 0);
    }
    if (t->cancels != NULL) {
        timer_cancel(&t->cancels->timer);
    }
}

static void tick_init(struct tick *t, struct loop *loop)
{
    *t = (struct tick){.loop = loop};
    timer_init(&t->timer, loop, fire, t);
}

static void set(struct tick *t, int64_t delay_ms)
{
    t->due_ms = loop_now_ms(t->loop) + delay_ms;
    timer_set(&t->timer, delay_ms);
}

static void a_timer_fires_once(void **state)
{
    struct loop *loop = peer_loop();
    struct tick a, b;
    (void)state;
    tick_init(&a, loop);
    tick_init(&b, loop);
    assert_false(timer_is_set(&a.timer));
    set(&a, 1);
    set(&b, 0);
    assert_true(timer_is_set(&a.timer));
    UNTIL(loop, a.fired && b.fired);
    peer_idle(loop);
    assert_int_equal(a.fired, 1);
    assert_int_equal(b.fired, 1);
    set(&a, -5);
    UNTIL(loop, a.fired == 2);
    loop_free(loop);
}

static void a_cancelled_timer_does_not_fire(void **state)
{
    struct loop *loop = peer_loop();
    struct tick a, b;
    (void)state;
    tick_init(&a, loop);
    tick_init(&b, loop);
    timer_cancel(&a.timer);
    set(&a, 1);
    set(&b, 2);
    timer_cancel(&a.timer);
    timer_cancel(&a.timer);
    assert_false(timer_is_set(&a.timer));
    UNTIL(loop, b.fired);
    assert_int_equal(a.fired, 0);
    loop_free(loop);
}

static void a_callback_may_set_its_own_timer_and_cancel_others(void **state)
{
    struct loop *loop = peer_loop();
    struct tick a, b, c;
    (void)state;
    tick_init(&a, loop);
    tick_init(&b, loop);
    tick_init(&c, loop);
    a.again = 3;
    b.cancels = &c;
    set(&a, 1);
    set(&b, 2);
    set(&c, 3);
    UNTIL(loop, a.fired == 4 && b.fired == 1);
    peer_idle(loop);
    assert_int_equal(c.fired, 0);
    /* Itself, from within: already not set. */
    b.cancels = &b;
    set(&b, 0);
    UNTIL(loop, b.fired == 2);
    loop_free(loop);
}

static void a_deadline_moves_later_and_earlier(void **state)
{
    struct loop *loop = peer_loop();
    struct tick late, early, marker;
    (void)state;
    tick_init(&late, loop);
    tick_init(&early, loop);
    tick_init(&marker, loop);
    set(&late, 1);
    set(&late, 60000);
    set(&early, 60000);
    set(&early, 1);
    set(&marker, 5);
    UNTIL(loop, early.fired && marker.fired);
    assert_int_equal(late.fired, 0);
    assert_true(timer_is_set(&late.timer));
    set(&late, 2);
    UNTIL(loop, late.fired);
    loop_free(loop);
}

static void timers_fire_in_the_order_of_their_deadlines(void **state)
{
    struct loop *loop = peer_loop();
    struct tick ticks[500];
    struct rand_state r;
    size_t set_count = 0;
    size_t fired = 0;
    (void)state;
    rand_seed(&r, 3);
    for (size_t i = 0; i < 500; i++) {
        tick_init(&ticks[i], loop);
    }
    for (int step = 0; step < 5000; step++) {
        struct tick *t = &ticks[rand_below(&r, 500)];
        if (rand_below(&r, 4) == 0) {
            timer_cancel(&t->timer);
            t->due_ms = 0;
        } else {
            set(t, (int64_t)rand_below(&r, 40));
        }
        assert_int_equal(timer_is_set(&t->timer), t->due_ms != 0);
        if (step % 50 == 0) {
            peer_turn(loop);
        }
    }
    for (size_t i = 0; i < 500; i++) {
        set_count += ticks[i].due_ms != 0;
        ticks[i].fired = 0;
    }
    assert_true(set_count > 100);
    for (int turn = 0; turn < PEER_TURNS_MAX && fired < set_count; turn++) {
        peer_turn(loop);
        poll(NULL, 0, 1);
        fired = 0;
        for (size_t i = 0; i < 500; i++) {
            fired += (size_t)ticks[i].fired;
            /* What is due has fired: nothing is late within a turn. */
            assert_true(ticks[i].due_ms == 0 || ticks[i].due_ms > loop_now_ms(loop) - 1);
        }
    }
    assert_int_equal(fired, set_count);
    loop_free(loop);
}

static void a_loop_ends_with_timers_that_were_cancelled(void **state)
{
    struct loop *loop = peer_loop();
    struct tick t;
    (void)state;
    tick_init(&t, loop);
    set(&t, 100000);
    timer_cancel(&t.timer);
    loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_fires_once),
        cmocka_unit_test(a_cancelled_timer_does_not_fire),
        cmocka_unit_test(a_callback_may_set_its_own_timer_and_cancel_others),
        cmocka_unit_test(a_deadline_moves_later_and_earlier),
        cmocka_unit_test(timers_fire_in_the_order_of_their_deadlines),
        cmocka_unit_test(a_loop_ends_with_timers_that_were_cancelled),
    };
    return cmocka_run_group_tests_name("net/timer", tests, NULL, NULL);
}
