#include "unit/net/suite.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "net/loop.h"
/* Time is moved by changing when an answer came, which only the source itself can see. */
#include "net/resolve.c" /* NOLINT(bugprone-suspicious-include) */

/*
 * No name server is asked: "localhost" stands in the hosts file, names under .invalid and names
 * with empty labels fail (RFC 6761), the first perhaps only after the system has given up asking.
 */

struct heard {
    struct loop *loop;
    struct resolve *resolve;
    int answers;
    int failures;
    int stop_after; /* calls of done */
    struct resolve_answer last;
    struct error why;
    bool free_resolve;
    uint64_t cancel;
};

static void done(void *ctx, const struct resolve_answer *answer, const struct error *why)
{
    struct heard *h = ctx;
    if (answer != NULL) {
        assert_null(why);
        assert_true(answer->n >= 1 && answer->n <= RESOLVE_ADDRESSES_MAX);
        h->answers++;
        h->last = *answer;
    } else {
        assert_non_null(why);
        h->failures++;
        h->why = *why;
    }
    if (h->free_resolve) {
        resolve_free(h->resolve);
        h->resolve = NULL;
    }
    if (h->cancel != 0) {
        resolve_cancel(h->resolve, h->cancel);
    }
    if (h->answers + h->failures == h->stop_after) {
        loop_stop(h->loop);
    }
}

static void open_heard(struct heard *h, int stop_after)
{
    struct error err = {0};
    *h = (struct heard){.stop_after = stop_after};
    assert_int_equal(loop_new(&h->loop, &err), 0);
    h->resolve = resolve_new(h->loop);
}

static void close_heard(struct heard *h)
{
    resolve_free(h->resolve);
    loop_free(h->loop);
}

static void address_text(const struct sockaddr_storage *address, char *out, size_t n)
{
    char ip[INET6_ADDRSTRLEN] = "";
    if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
        inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof(ip));
        snprintf(out, n, "[%s]:%u", ip, ntohs(in6->sin6_port));
        return;
    }
    const struct sockaddr_in *in4 = (const struct sockaddr_in *)address;
    inet_ntop(AF_INET, &in4->sin_addr, ip, sizeof(ip));
    snprintf(out, n, "%s:%u", ip, ntohs(in4->sin_port));
}

static void literals_answer_at_once(void **state)
{
    static const char *const hosts[] = {"127.0.0.1", "10.0.0.255", "::1", "fe80::1"};
    static const char *const texts[] = {"127.0.0.1:80", "10.0.0.255:80", "[::1]:80",
                                        "[fe80::1]:80"};
    struct heard h;
    char text[80];
    (void)state;
    open_heard(&h, 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(resolve_start(h.resolve, hosts[i], 80, done, &h), 0);
        assert_int_equal(h.answers, i + 1);
        assert_int_equal(h.last.n, 1);
        address_text(&h.last.addresses[0], text, sizeof(text));
        assert_string_equal(text, texts[i]);
    }
    close_heard(&h);
}

static void what_is_no_host_name_fails_at_once(void **state)
{
    char label[300];
    const char *hosts[] = {"", "a b", "a\nb", "\xc3\xa4.test", label};
    struct heard h;
    (void)state;
    memset(label, 'a', sizeof(label) - 1);
    label[sizeof(label) - 1] = '\0';
    open_heard(&h, 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(resolve_start(h.resolve, hosts[i], 80, done, &h), 0);
        assert_int_equal(h.failures, i + 1);
        assert_int_equal(h.why.code, ERR_INVALID);
    }
    close_heard(&h);
}

static void a_name_is_looked_up_once_for_all_who_ask_and_then_kept(void **state)
{
    struct heard h;
    char text[80];
    (void)state;
    open_heard(&h, 3);
    uint64_t first = resolve_start(h.resolve, "localhost", 80, done, &h);
    uint64_t second = resolve_start(h.resolve, "LOCALHOST", 81, done, &h);
    uint64_t third = resolve_start(h.resolve, "localhost", 82, done, &h);
    assert_true(first != 0 && second != 0 && third != 0);
    assert_true(first != second && second != third && first != third);
    assert_int_equal(h.answers + h.failures, 0);
    loop_run(h.loop);
    assert_int_equal(h.answers, 3);
    address_text(&h.last.addresses[0], text, sizeof(text));
    assert_true(strcmp(text, "127.0.0.1:82") == 0 || strcmp(text, "[::1]:82") == 0);
    assert_int_equal(resolve_start(h.resolve, "localhost", 83, done, &h), 0);
    assert_int_equal(h.answers, 4);
    address_text(&h.last.addresses[0], text, sizeof(text));
    assert_true(strcmp(text, "127.0.0.1:83") == 0 || strcmp(text, "[::1]:83") == 0);
    close_heard(&h);
}

static void a_failure_is_told_and_remembered_for_a_moment(void **state)
{
    struct heard h;
    (void)state;
    open_heard(&h, 2);
    assert_true(resolve_start(h.resolve, "a..invalid", 80, done, &h) != 0);
    assert_true(resolve_start(h.resolve, "a..invalid", 80, done, &h) != 0);
    loop_run(h.loop);
    assert_int_equal(h.failures, 2);
    assert_int_equal(h.why.code, ERR_IO);
    assert_contains(h.why.text, "cannot resolve a..invalid");
    assert_int_equal(resolve_start(h.resolve, "a..invalid", 80, done, &h), 0);
    assert_int_equal(h.failures, 3);
    close_heard(&h);
}

static void the_cancelled_hear_nothing(void **state)
{
    struct heard h;
    struct heard silent = {0};
    (void)state;
    open_heard(&h, 1);
    uint64_t id = resolve_start(h.resolve, "localhost", 80, done, &silent);
    resolve_start(h.resolve, "localhost", 80, done, &h);
    resolve_cancel(h.resolve, id);
    resolve_cancel(h.resolve, id);
    resolve_cancel(h.resolve, 0);
    resolve_cancel(h.resolve, 999999);
    loop_run(h.loop);
    assert_int_equal(h.answers, 1);
    assert_int_equal(silent.answers, 0);
    resolve_cancel(h.resolve, id);
    close_heard(&h);
}

static void one_who_hears_may_cancel_the_next(void **state)
{
    struct heard h;
    struct heard silent = {0};
    (void)state;
    open_heard(&h, 2);
    resolve_start(h.resolve, "localhost", 80, done, &h);
    h.cancel = resolve_start(h.resolve, "localhost", 80, done, &silent);
    resolve_start(h.resolve, "localhost", 80, done, &h);
    loop_run(h.loop);
    assert_int_equal(h.answers, 2);
    assert_int_equal(silent.answers, 0);
    close_heard(&h);
}

static void it_may_be_freed_while_look_ups_run_and_from_within_a_callback(void **state)
{
    struct heard h;
    (void)state;
    open_heard(&h, 1);
    resolve_start(h.resolve, "localhost", 80, done, &h);
    close_heard(&h);
    assert_int_equal(h.answers, 0);

    open_heard(&h, 1);
    h.free_resolve = true;
    resolve_start(h.resolve, "localhost", 80, done, &h);
    resolve_start(h.resolve, "localhost", 80, done, &h);
    resolve_start(h.resolve, "a..invalid", 80, done, &h);
    loop_run(h.loop);
    assert_int_equal(h.answers + h.failures, 1);
    close_heard(&h);
}

/* More names than look-ups and threads, and more than the cache holds. */
static void many_names_are_looked_up_in_turn(void **state)
{
    struct heard h;
    char host[64];
    (void)state;
    open_heard(&h, RESOLVE_NAMES_MAX + 1);
    for (int i = 0; i < RESOLVE_NAMES_MAX; i++) {
        snprintf(host, sizeof(host), "n%d..invalid", i);
        assert_true(resolve_start(h.resolve, host, 80, done, &h) != 0);
    }
    /* All are in use: no room for one more, but for one that is there. */
    assert_int_equal(resolve_start(h.resolve, "one-more..invalid", 80, done, &h), 0);
    assert_int_equal(h.failures, 1);
    assert_int_equal(h.why.code, ERR_BUSY);
    loop_run(h.loop);
    assert_int_equal(h.failures, RESOLVE_NAMES_MAX + 1);
    /* Now the oldest makes room. */
    h.stop_after = RESOLVE_NAMES_MAX + 2;
    assert_true(resolve_start(h.resolve, "localhost", 80, done, &h) != 0);
    loop_run(h.loop);
    assert_int_equal(h.answers, 1);
    close_heard(&h);
}

static void waiters_have_a_maximum(void **state)
{
    struct heard h;
    (void)state;
    open_heard(&h, RESOLVE_WAITERS_MAX + 1);
    uint64_t last = 0;
    for (int i = 0; i < RESOLVE_WAITERS_MAX; i++) {
        last = resolve_start(h.resolve, "localhost", 80, done, &h);
        assert_true(last != 0);
    }
    assert_int_equal(resolve_start(h.resolve, "localhost", 80, done, &h), 0);
    assert_int_equal(h.why.code, ERR_BUSY);
    assert_int_equal(resolve_start(h.resolve, "other.invalid", 80, done, &h), 0);
    assert_int_equal(h.failures, 2);
    resolve_cancel(h.resolve, last);
    loop_run(h.loop);
    assert_int_equal(h.answers, RESOLVE_WAITERS_MAX - 1);
    close_heard(&h);
}

static void an_answer_that_is_doubted_is_looked_up_again(void **state)
{
    struct heard h;
    (void)state;
    open_heard(&h, 1);
    resolve_doubt(h.resolve, "localhost"); /* not known at all */
    resolve_start(h.resolve, "localhost", 80, done, &h);
    loop_run(h.loop);
    struct name *name = h.resolve->names;

    name->answered_ms = loop_now_ms(h.loop);
    resolve_doubt(h.resolve, "localhost");
    assert_int_equal(resolve_start(h.resolve, "localhost", 80, done, &h), 0);
    assert_int_equal(h.answers, 2);
    name->answered_ms -= RESOLVE_FAILED_MS;
    resolve_doubt(h.resolve, "LocalHost");
    h.stop_after = 3;
    assert_true(resolve_start(h.resolve, "localhost", 80, done, &h) != 0);
    assert_int_equal(h.answers, 2);
    loop_run(h.loop);
    assert_int_equal(h.answers, 3);
    close_heard(&h);
}

static void a_stale_answer_serves_while_it_is_refreshed(void **state)
{
    struct heard h;
    (void)state;
    open_heard(&h, 1);
    resolve_start(h.resolve, "localhost", 80, done, &h);
    loop_run(h.loop);
    struct name *name = h.resolve->names;

    name->answered_ms -= RESOLVE_FRESH_MS;
    assert_int_equal(resolve_start(h.resolve, "localhost", 80, done, &h), 0);
    assert_null(name->lookup);
    name->answered_ms -= 1000;
    int64_t stale_ms = name->answered_ms;
    assert_int_equal(resolve_start(h.resolve, "localhost", 80, done, &h), 0);
    assert_int_equal(resolve_start(h.resolve, "localhost", 80, done, &h), 0);
    assert_int_equal(h.answers, 4);
    assert_non_null(name->lookup);
    assert_int_equal(h.resolve->lookup_count, 1);

    /* Another name is asked for behind it; when it is told, the first is fresh again. */
    h.stop_after = 5;
    resolve_start(h.resolve, "ip6-localhost", 80, done, &h);
    loop_run(h.loop);
    while (name->lookup != NULL) {
        uv_run(loop_uv(h.loop), UV_RUN_ONCE);
    }
    assert_true(name->answered_ms > stale_ms);
    close_heard(&h);
}

static void a_failed_refresh_leaves_the_stale_answer_for_a_while(void **state)
{
    struct heard h;
    (void)state;
    open_heard(&h, 1);
    resolve_start(h.resolve, "a..invalid", 80, done, &h);
    loop_run(h.loop);
    struct name *name = h.resolve->names;

    /* As if it had been known before. */
    assert_true(read_literal("127.0.0.1", &name->answer));
    name->known = true;
    name->answered_ms = loop_now_ms(h.loop) - RESOLVE_FRESH_MS - 1;
    assert_int_equal(resolve_start(h.resolve, "a..invalid", 80, done, &h), 0);
    assert_int_equal(h.answers, 1);
    assert_null(name->lookup); /* it failed just now */
    name->failed_ms -= RESOLVE_FAILED_MS;
    assert_int_equal(resolve_start(h.resolve, "a..invalid", 80, done, &h), 0);
    assert_non_null(name->lookup);
    while (name->lookup != NULL) {
        uv_run(loop_uv(h.loop), UV_RUN_ONCE);
    }
    assert_int_equal(resolve_start(h.resolve, "a..invalid", 80, done, &h), 0);
    assert_int_equal(h.answers, 3);

    name->answered_ms -= RESOLVE_STALE_MS;
    assert_int_equal(resolve_start(h.resolve, "a..invalid", 80, done, &h), 0);
    assert_int_equal(h.answers, 3);
    assert_int_equal(h.failures, 2);
    close_heard(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_answer_at_once),
        cmocka_unit_test(what_is_no_host_name_fails_at_once),
        cmocka_unit_test(a_name_is_looked_up_once_for_all_who_ask_and_then_kept),
        cmocka_unit_test(a_failure_is_told_and_remembered_for_a_moment),
        cmocka_unit_test(the_cancelled_hear_nothing),
        cmocka_unit_test(one_who_hears_may_cancel_the_next),
        cmocka_unit_test(it_may_be_freed_while_look_ups_run_and_from_within_a_callback),
        cmocka_unit_test(an_answer_that_is_doubted_is_looked_up_again),
        cmocka_unit_test(a_stale_answer_serves_while_it_is_refreshed),
        cmocka_unit_test(a_failed_refresh_leaves_the_stale_answer_for_a_while),
        cmocka_unit_test(many_names_are_looked_up_in_turn),
        cmocka_unit_test(waiters_have_a_maximum),
    };
    return cmocka_run_group_tests_name("net/resolve", tests, NULL, NULL);
}
