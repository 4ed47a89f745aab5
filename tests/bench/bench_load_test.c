/* The parts of the load client on which its figures stand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "load/bench_histogram.h"
#include "load/bench_http.h"

static void a_share_of_durations_is_told_within_two_percent(void **state)
{
    static struct bench_histogram h;
    (void)state;
    for (int64_t us = 1; us <= 100000; us++) {
        bench_histogram_add(&h, us * BENCH_NS_PER_US);
    }
    for (int percent = 1; percent < 100; percent++) {
        double found = bench_histogram_us(&h, percent / 100.0);
        assert_true(found > percent * 980.0);
        assert_true(found < percent * 1020.0);
    }
}

static void durations_out_of_range_are_counted_at_the_ends(void **state)
{
    static struct bench_histogram h;
    (void)state;
    assert_true(bench_histogram_us(&h, 0.5) <= 0);
    bench_histogram_add(&h, -5);
    bench_histogram_add(&h, INT64_MAX);
    assert_int_equal(h.slots[0], 1);
    assert_int_equal(h.slots[BENCH_HISTOGRAM_SLOTS - 1], 1);
    assert_int_equal(h.n, 2);
}

static void a_head_is_read_when_it_is_whole(void **state)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length:  845 \r\n\r\nbody";
    struct bench_head head;
    (void)state;
    for (size_t n = 0; n < sizeof(text) - 1 - 4; n++) {
        assert_int_equal(bench_head_read(str_make(text, n), &head), 0);
    }
    assert_int_equal(bench_head_read(STR(text), &head), 1);
    assert_int_equal(head.status, 200);
    assert_int_equal(head.body_bytes, 845);
    assert_int_equal(head.bytes, sizeof(text) - 1 - 4);
    assert_false(head.chunked);
    assert_false(head.close);
}

static void a_head_that_is_not_understood_is_refused(void **state)
{
    static const char *const heads[] = {
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    };
    struct bench_head head;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        assert_int_equal(bench_head_read(str_of(heads[i]), &head), -1);
    }
}

/* The body that comes out when `text` is read in pieces of `step`. */
static size_t unchunk(const char *text, size_t step, struct bench_chunks *chunks, char *out)
{
    size_t n = 0;
    struct str rest = str_of(text);
    while (rest.n > 0 && !chunks->done && !chunks->broken) {
        struct str in = str_head(rest, step);
        rest = str_from(rest, in.n);
        for (struct str piece; (piece = bench_chunks_next(chunks, &in)).n > 0;) {
            memcpy(out + n, piece.p, piece.n);
            n += piece.n;
        }
    }
    return n;
}

static void chunks_come_out_the_same_however_they_are_cut(void **state)
{
    static const char text[] = "5\r\nhello\r\n1\r\n \r\nA\r\n0123456789\r\n0\r\n\r\n";
    char out[sizeof(text)];
    (void)state;
    for (size_t step = 1; step < sizeof(text); step++) {
        struct bench_chunks chunks = {0};
        size_t n = unchunk(text, step, &chunks, out);
        assert_true(str_eq(str_make(out, n), STR("hello 0123456789")));
        assert_true(chunks.done);
        assert_false(chunks.broken);
    }
}

static void broken_chunks_are_noticed(void **state)
{
    static const char *const bodies[] = {"\r\n",        "x\r\n",         "5;a=b\r\n",
                                         "1\r\nab\r\n", "123456789\r\n", "0\r\nTrailer: x\r\n\r\n"};
    char out[64];
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct bench_chunks chunks = {0};
        unchunk(bodies[i], 1, &chunks, out);
        assert_true(chunks.broken);
        assert_false(chunks.done);
    }
}

static void the_number_after_a_name_is_found(void **state)
{
    (void)state;
    assert_int_equal(bench_number_after(STR("{\"a\":12,\"b\":3}"), STR("\"b\":")), 3);
    assert_int_equal(bench_number_after(STR("{\"a\":12}"), STR("\"a\":")), 12);
    assert_int_equal(bench_number_after(STR("{\"a\":12}"), STR("\"b\":")), -1);
    assert_int_equal(bench_number_after(STR("{\"a\":x}"), STR("\"a\":")), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_of_durations_is_told_within_two_percent),
        cmocka_unit_test(durations_out_of_range_are_counted_at_the_ends),
        cmocka_unit_test(a_head_is_read_when_it_is_whole),
        cmocka_unit_test(a_head_that_is_not_understood_is_refused),
        cmocka_unit_test(chunks_come_out_the_same_however_they_are_cut),
        cmocka_unit_test(broken_chunks_are_noticed),
        cmocka_unit_test(the_number_after_a_name_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
