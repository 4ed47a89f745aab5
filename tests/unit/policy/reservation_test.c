/* Reservations: all or nothing, swapped, settled; against a model that keeps books by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/attr.h"
#include "core/rand.h"
#include "policy/reservation.h"

#define MINUTE_US INT64_C(60000000)
#define DAY_US    (INT64_C(86400) * 1000000)

static const struct bucket_limit usual[DIMENSIONS] = {
    [DIMENSION_REQUESTS] = {BUCKET_REFILL, 10,   MINUTE_US},
    [DIMENSION_TOKENS] = {BUCKET_REFILL, 1000, MINUTE_US},
    [DIMENSION_CONCURRENCY] = {BUCKET_GAUGE,  3,    0        },
    [DIMENSION_MONEY] = {BUCKET_FIXED,  5000, DAY_US   },
};
static const struct bucket_limit unlimited[DIMENSIONS];

static struct amounts amounts_of(int64_t tokens, int64_t money)
{
    return (struct amounts){
        {[DIMENSION_REQUESTS] = 1,
         [DIMENSION_TOKENS] = tokens,
         [DIMENSION_CONCURRENCY] = 1,
         [DIMENSION_MONEY] = money}
    };
}

static int64_t left_of(const struct level *level, enum dimension d)
{
    return bucket_left(&level->buckets[d], &level->limits[d]);
}

struct scene {
    struct level tenant, key, deployment, other;
    struct reservation r;
    struct refusal refusal;
};

static const struct moment start = {.mono_us = 1000, .wall_us = 7 * DAY_US + 5};

static void scene_open(struct scene *s)
{
    memset(s, 0, sizeof(*s));
    level_init(&s->tenant, usual, start);
    level_init(&s->key, usual, start);
    level_init(&s->deployment, usual, start);
    level_init(&s->other, usual, start);
    s->r.levels[0] = &s->tenant;
    s->r.levels[1] = &s->key;
    s->r.level_count = 2;
    s->r.deployment = &s->deployment;
    s->r.caller = amounts_of(100, 500);
    s->r.at_deployment = amounts_of(100, 0);
}

static void a_reservation_takes_from_every_level(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s);
    assert_true(reservation_take(&s.r, start, &s.refusal));
    assert_int_equal(left_of(&s.tenant, DIMENSION_TOKENS), 900);
    assert_int_equal(left_of(&s.key, DIMENSION_MONEY), 4500);
    assert_int_equal(left_of(&s.key, DIMENSION_CONCURRENCY), 2);
    assert_int_equal(left_of(&s.deployment, DIMENSION_REQUESTS), 9);
    assert_int_equal(left_of(&s.deployment, DIMENSION_MONEY), 5000);
}

static void a_refusal_takes_from_none_and_names_the_level(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s);
    s.r.at_deployment.n[DIMENSION_TOKENS] = 1001;
    struct level before[3] = {s.tenant, s.key, s.deployment};
    assert_false(reservation_take(&s.r, start, &s.refusal));
    assert_false(s.r.open);
    assert_int_equal(s.refusal.level, -1);
    assert_int_equal(s.refusal.dimension, DIMENSION_TOKENS);
    assert_true(s.refusal.wait_us == BUCKET_NEVER);
    assert_int_equal(s.refusal.asked, 1001);
    assert_int_equal(s.refusal.capacity, 1000);
    assert_memory_equal(&before[0], &s.tenant, sizeof(s.tenant));
    assert_memory_equal(&before[1], &s.key, sizeof(s.key));
    assert_memory_equal(&before[2], &s.deployment, sizeof(s.deployment));
}

static void the_longest_wait_is_the_one_that_is_told(void **state)
{
    (void)state;
    struct scene s;
    struct amounts some = amounts_of(950, 0);
    struct level *one = &s.tenant;
    scene_open(&s);
    assert_true(levels_take(&one, 1, &some, start, &s.refusal));
    one = &s.key;
    some = amounts_of(980, 0);
    assert_true(levels_take(&one, 1, &some, start, &s.refusal));
    assert_false(reservation_take(&s.r, start, &s.refusal));
    assert_int_equal(s.refusal.level, 1);
    assert_int_equal(s.refusal.wait_us, 80 * MINUTE_US / 1000);
}

static void settling_gives_back_what_was_not_used(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s);
    assert_true(reservation_take(&s.r, start, &s.refusal));
    struct amounts used = amounts_of(40, 200);
    reservation_settle(&s.r, &used, start);
    assert_int_equal(left_of(&s.tenant, DIMENSION_TOKENS), 960);
    assert_int_equal(left_of(&s.key, DIMENSION_MONEY), 4800);
    assert_int_equal(left_of(&s.key, DIMENSION_CONCURRENCY), 3);
    assert_int_equal(left_of(&s.key, DIMENSION_REQUESTS), 9);
    assert_int_equal(left_of(&s.deployment, DIMENSION_REQUESTS), 9);
    reservation_settle(&s.r, &used, start); /* once is enough */
    assert_int_equal(left_of(&s.tenant, DIMENSION_TOKENS), 960);
}

static void settling_charges_what_was_used_beyond(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s);
    assert_true(reservation_take(&s.r, start, &s.refusal));
    struct amounts used = amounts_of(1500, 500);
    reservation_settle(&s.r, &used, start);
    assert_int_equal(s.tenant.buckets[DIMENSION_TOKENS].level, -500 * MINUTE_US);
}

static void a_request_that_never_left_is_given_back_to_the_deployment(void **state)
{
    (void)state;
    struct scene s;
    static const struct amounts nothing;
    scene_open(&s);
    assert_true(reservation_take(&s.r, start, &s.refusal));
    reservation_settle(&s.r, &nothing, start);
    assert_int_equal(left_of(&s.deployment, DIMENSION_REQUESTS), 10);
    assert_int_equal(left_of(&s.key, DIMENSION_REQUESTS), 9);
    assert_int_equal(left_of(&s.key, DIMENSION_TOKENS), 1000);
}

static void a_swap_moves_the_deployments_part(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s);
    assert_true(reservation_take(&s.r, start, &s.refusal));
    struct amounts caller = amounts_of(100, 900); /* dearer there */
    struct amounts there = amounts_of(100, 0);
    caller.n[DIMENSION_REQUESTS] = 0;
    assert_true(reservation_swap(&s.r, &s.other, &caller, &there, false, start, &s.refusal));
    assert_int_equal(left_of(&s.deployment, DIMENSION_TOKENS), 1000);
    assert_int_equal(left_of(&s.deployment, DIMENSION_CONCURRENCY), 3);
    assert_int_equal(left_of(&s.deployment, DIMENSION_REQUESTS), 9);
    assert_int_equal(left_of(&s.other, DIMENSION_TOKENS), 900);
    assert_int_equal(left_of(&s.key, DIMENSION_MONEY), 4100);
    assert_int_equal(left_of(&s.key, DIMENSION_CONCURRENCY), 2);
}

static void an_attempt_that_may_be_billed_stays_charged(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s);
    assert_true(reservation_take(&s.r, start, &s.refusal));
    struct amounts next = amounts_of(100, 500);
    next.n[DIMENSION_REQUESTS] = 0;
    assert_true(reservation_swap(&s.r, &s.other, &next, &next, true, start, &s.refusal));
    assert_int_equal(left_of(&s.deployment, DIMENSION_TOKENS), 900);
    assert_int_equal(left_of(&s.deployment, DIMENSION_CONCURRENCY), 3);
    assert_int_equal(left_of(&s.key, DIMENSION_TOKENS), 800);
    assert_int_equal(left_of(&s.key, DIMENSION_CONCURRENCY), 2);
    struct amounts used = amounts_of(10, 50);
    reservation_settle(&s.r, &used, start);
    assert_int_equal(left_of(&s.key, DIMENSION_TOKENS), 890);
    assert_int_equal(left_of(&s.key, DIMENSION_MONEY), 5000 - 500 - 50);
}

static void a_refused_swap_changes_nothing(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s);
    assert_true(reservation_take(&s.r, start, &s.refusal));
    struct level before[4] = {s.tenant, s.key, s.deployment, s.other};
    struct reservation held = s.r;
    struct amounts next = amounts_of(1001, 500);
    struct moment later = {.mono_us = start.mono_us + 5000000, .wall_us = start.wall_us + 5000000};
    assert_false(reservation_swap(&s.r, &s.other, &next, &next, true, later, &s.refusal));
    assert_memory_equal(&before[0], &s.tenant, sizeof(s.tenant));
    assert_memory_equal(&before[1], &s.key, sizeof(s.key));
    assert_memory_equal(&before[2], &s.deployment, sizeof(s.deployment));
    assert_memory_equal(&held, &s.r, sizeof(s.r));
    assert_true(s.r.open);
}

static void a_limit_that_comes_under_way_finds_what_is_in_use_and_was_spent(void **state)
{
    (void)state;
    struct scene s;
    scene_open(&s);
    level_init(&s.key, unlimited, start);
    assert_true(reservation_take(&s.r, start, &s.refusal));
    level_change(&s.key, usual, start);
    assert_int_equal(left_of(&s.key, DIMENSION_CONCURRENCY), 2);
    assert_int_equal(left_of(&s.key, DIMENSION_MONEY), 4500);
    reservation_settle(&s.r, &(struct amounts){0}, start);
    assert_int_equal(left_of(&s.key, DIMENSION_CONCURRENCY), 3);
    assert_int_equal(left_of(&s.key, DIMENSION_MONEY), 5000);
    assert_int_equal(left_of(&s.key, DIMENSION_TOKENS), 1000);
}

/* Hundreds of requests over three levels and two deployments, at one moment: nothing refills, so
 * that the books can be kept by hand. */
#define REQUESTS 200

struct book {
    int64_t tokens, money, in_use;
};

static void check_book(const struct level *level, const struct book *book)
{
    assert_int_equal(left_of(level, DIMENSION_TOKENS),
                     level->limits[DIMENSION_TOKENS].capacity - book->tokens);
    assert_int_equal(left_of(level, DIMENSION_MONEY),
                     level->limits[DIMENSION_MONEY].capacity - book->money);
    assert_int_equal(level->buckets[DIMENSION_CONCURRENCY].level, book->in_use);
}

static bool book_fits(const struct level *level, const struct book *book, const struct amounts *a)
{
    return book->tokens + a->n[DIMENSION_TOKENS] <= level->limits[DIMENSION_TOKENS].capacity &&
           book->money + a->n[DIMENSION_MONEY] <= level->limits[DIMENSION_MONEY].capacity &&
           book->in_use + 1 <= level->limits[DIMENSION_CONCURRENCY].capacity;
}

static void book_add(struct book *book, const struct amounts *a, int64_t sign)
{
    book->tokens += sign * a->n[DIMENSION_TOKENS];
    book->money += sign * a->n[DIMENSION_MONEY];
    book->in_use += sign;
}

static void random_requests_agree_with_books_kept_by_hand(void **state)
{
    (void)state;
    struct rand_state rand;
    struct level levels[4]; /* two of callers, two deployments */
    struct book books[4] = {0};
    struct reservation open[REQUESTS] = {0};
    int at[REQUESTS];
    struct bucket_limit limits[DIMENSIONS] = {
        [DIMENSION_TOKENS] = {BUCKET_REFILL, 20000,  MINUTE_US},
        [DIMENSION_CONCURRENCY] = {BUCKET_GAUGE,  40,     0        },
        [DIMENSION_MONEY] = {BUCKET_FIXED,  100000, DAY_US   },
    };
    int taken = 0, refused = 0, swapped = 0;

    rand_seed(&rand, 4);
    for (int i = 0; i < 4; i++) {
        limits[DIMENSION_TOKENS].capacity = 20000 - 3000 * i;
        level_init(&levels[i], limits, start);
    }
    for (int step = 0; step < 20000; step++) {
        size_t i = rand_below(&rand, REQUESTS);
        struct reservation *r = &open[i];
        struct refusal refusal;
        struct amounts a = {
            {[DIMENSION_TOKENS] = (int64_t)rand_below(&rand, 900),
             [DIMENSION_CONCURRENCY] = 1,
             [DIMENSION_MONEY] = (int64_t)rand_below(&rand, 4000)}
        };
        int to = 2 + (int)rand_below(&rand, 2);
        if (!r->open) {
            *r = (struct reservation){
                .levels = {&levels[0], &levels[1]},
                .level_count = 2,
                .deployment = &levels[to],
                .caller = a,
                .at_deployment = a
            };
            bool fits = book_fits(&levels[0], &books[0], &a) &&
                        book_fits(&levels[1], &books[1], &a) &&
                        book_fits(&levels[to], &books[to], &a);
            assert_int_equal(reservation_take(r, start, &refusal), fits);
            taken += fits;
            refused += !fits;
            for (int k = 0; fits && k < 4; k++) {
                if (k < 2 || k == to) {
                    book_add(&books[k], &a, 1);
                }
            }
            at[i] = to;
        } else if (rand_below(&rand, 3) == 0) {
            struct book next[4];
            memcpy(next, books, sizeof(books));
            book_add(&next[0], &r->caller, -1);
            book_add(&next[1], &r->caller, -1);
            book_add(&next[at[i]], &r->at_deployment, -1);
            bool fits = book_fits(&levels[0], &next[0], &a) &&
                        book_fits(&levels[1], &next[1], &a) &&
                        book_fits(&levels[to], &next[to], &a);
            assert_int_equal(reservation_swap(r, &levels[to], &a, &a, false, start, &refusal),
                             fits);
            if (fits) {
                book_add(&next[0], &a, 1);
                book_add(&next[1], &a, 1);
                book_add(&next[to], &a, 1);
                memcpy(books, next, sizeof(books));
                at[i] = to;
                swapped++;
            }
        } else {
            /* Nothing stays charged, or the books would fill up: the rest is the next test's. */
            book_add(&books[0], &r->caller, -1);
            book_add(&books[1], &r->caller, -1);
            book_add(&books[at[i]], &r->at_deployment, -1);
            reservation_settle(r, &(struct amounts){0}, start);
        }
        for (int k = 0; k < 4; k++) {
            check_book(&levels[k], &books[k]);
        }
    }
    assert_true(taken > 1000 && refused > 1000 && swapped > 500);
}

static void a_budget_is_never_overspent(void **state)
{
    (void)state;
    struct rand_state rand;
    struct level key;
    int64_t spent = 0;
    struct bucket_limit limits[DIMENSIONS] = {
        [DIMENSION_MONEY] = {BUCKET_FIXED, 1000000000, DAY_US}
    };
    struct reservation open[64] = {0};
    int64_t reserved[64] = {0};

    rand_seed(&rand, 64);
    level_init(&key, limits, start);
    for (int step = 0; step < 200000; step++) {
        size_t i = rand_below(&rand, 64);
        struct refusal refusal;
        if (!open[i].open) {
            reserved[i] = 1000000 + (int64_t)rand_below(&rand, 1000000);
            open[i] = (struct reservation){
                .levels = {&key}, .level_count = 1, .caller = {{[DIMENSION_MONEY] = reserved[i]}}};
            (void)!reservation_take(&open[i], start, &refusal);
        } else {
            int64_t cost = (int64_t)rand_below(&rand, (uint64_t)reserved[i] + 1);
            reservation_settle(&open[i], &(struct amounts){{[DIMENSION_MONEY] = cost}}, start);
            spent += cost;
        }
        assert_true(spent <= 1000000000);
    }
    assert_true(spent >= 950000000);
}

static void every_dimension_has_a_name(void **state)
{
    (void)state;
    for (int d = 0; d < DIMENSIONS; d++) {
        assert_non_null(dimension_names[d]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reservation_takes_from_every_level),
        cmocka_unit_test(a_refusal_takes_from_none_and_names_the_level),
        cmocka_unit_test(the_longest_wait_is_the_one_that_is_told),
        cmocka_unit_test(settling_gives_back_what_was_not_used),
        cmocka_unit_test(settling_charges_what_was_used_beyond),
        cmocka_unit_test(a_request_that_never_left_is_given_back_to_the_deployment),
        cmocka_unit_test(a_swap_moves_the_deployments_part),
        cmocka_unit_test(an_attempt_that_may_be_billed_stays_charged),
        cmocka_unit_test(a_refused_swap_changes_nothing),
        cmocka_unit_test(a_limit_that_comes_under_way_finds_what_is_in_use_and_was_spent),
        cmocka_unit_test(random_requests_agree_with_books_kept_by_hand),
        cmocka_unit_test(a_budget_is_never_overspent),
        cmocka_unit_test(every_dimension_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
