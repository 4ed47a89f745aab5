#include "unit/net/suite.h"

#include "core/buf.h"
#include "core/error.h"
#include "core/rand.h"
#include "net/sse.h"

#define EVENT_MAX 4096
#define LOG_MAX   (4u << 20)

/* Reads what is there; events with data or a name are logged, raws are joined. */
static void drain(struct sse *reader, struct buf *log, struct buf *raw)
{
    struct sse_event e;
    while (sse_next(reader, &e)) {
        assert_true(e.raw.n > 0);
        buf_put_str(raw, e.raw);
        if (e.has_data || e.event.n > 0) {
            buf_putf(log, "<%.*s|%s%.*s>", STR_ARG(e.event), e.has_data ? "" : "no data",
                     STR_ARG(e.data));
        }
    }
}

static void read_in_pieces(struct str bytes, size_t first, size_t step, struct buf *log,
                           struct buf *raw)
{
    struct sse reader;
    sse_init(&reader, EVENT_MAX);
    while (bytes.n > 0) {
        struct str piece = str_head(bytes, first > 0 ? first : step);
        bytes = str_from(bytes, piece.n);
        first = 0;
        assert_int_equal(sse_push(&reader, piece), 0);
        drain(&reader, log, raw);
    }
    buf_putf(log, "rest %.*s",
             STR_ARG(str_is(sse_rest(&reader), "\n") ? STR_EMPTY : sse_rest(&reader)));
    buf_put_str(raw, sse_rest(&reader));
    sse_release(&reader);
}

/* The same events whatever the cuts, and not one byte lost. */
static void assert_events(struct str bytes, const char *expected)
{
    struct buf log;
    struct buf raw;
    buf_init(&log, LOG_MAX);
    buf_init(&raw, LOG_MAX);
    for (size_t i = 1; i <= 2 * bytes.n; i++) {
        buf_clear(&log);
        buf_clear(&raw);
        if (i <= bytes.n) {
            read_in_pieces(bytes, i, SIZE_MAX, &log, &raw); /* one cut */
        } else {
            read_in_pieces(bytes, 0, i - bytes.n, &log, &raw); /* many */
        }
        assert_string_equal(buf_cstr(&log), expected);
        assert_true(str_eq(buf_str(&raw), bytes));
    }
    buf_release(&log);
    buf_release(&raw);
}

static void events_are_the_same_at_every_cut(void **state)
{
    (void)state;
    assert_events(STR("data: one\n\ndata: two\n\n"), "<|one><|two>rest ");
    assert_events(STR("event: a\ndata: {\"x\":1}\n\nevent: b\ndata: 2\nid: 7\nretry: 5\n\n"),
                  "<a|{\"x\":1}><b|2>rest ");
    assert_events(STR("data: one\r\n\r\ndata: two\r\n\r\n"), "<|one><|two>rest ");
    assert_events(STR("data: one\r\rdata: two\r\r"), "<|one><|two>rest ");
    assert_events(STR("data: a\r\n\ndata: b\n\r\ndata: c\r\r\ndata: d\n\rdata: e\n\n"),
                  "<|a><|b><|c><|d><|e>rest ");
    assert_events(STR("data: a\r\ndata: b\rdata: c\ndata: d\r\n\r\n"), "<|a\nb\nc\nd>rest ");
    assert_events(STR("\r\n\r\n\n\n\r\rdata: x\n\n\r\n"), "<|x>rest ");
}

static void fields_are_read_as_the_standard_says(void **state)
{
    (void)state;
    assert_events(STR("data:no space\n\n"), "<|no space>rest ");
    assert_events(STR("data:  two spaces\n\n"), "<| two spaces>rest ");
    assert_events(STR("data\n\n"), "<|>rest ");
    assert_events(STR("data\ndata\n\n"), "<|\n>rest ");
    assert_events(STR("data:\ndata: b\n\n"), "<|\nb>rest ");
    assert_events(STR("data: a:b: c\n\n"), "<|a:b: c>rest ");
    assert_events(STR("data : x\n\n"), "rest ");
    assert_events(STR("Data: x\n\n"), "rest ");
    assert_events(STR(": comment\n\n: another\ndata: x\n: third\n\n"), "<|x>rest ");
    assert_events(STR("event: one\nevent: two\ndata: x\n\n"), "<two|x>rest ");
    assert_events(STR("event: named\n\n"), "<named|no data>rest ");
    assert_events(STR("event\ndata: x\n\n"), "<|x>rest ");
    assert_events(STR("unknown: 1\ndata: x\n\n"), "<|x>rest ");
    assert_events(STR("data: [DONE]\n\n"), "<|[DONE]>rest ");
}

static void a_byte_order_mark_is_ignored_at_the_start_only(void **state)
{
    (void)state;
    assert_events(STR("\xef\xbb\xbf"
                      "data: x\n\ndata: y\n\n"),
                  "<|x><|y>rest ");
    assert_events(STR("\xef\xbb\xbf\ndata: x\n\n"), "<|x>rest ");
    assert_events(STR("\xef\xbb\xbf\r\ndata: x\n\n"), "<|x>rest ");
    assert_events(STR("data: x\n\n\xef\xbb\xbf"
                      "data: y\n\n"),
                  "<|x>rest ");
    assert_events(STR("data: a\n\xef\xbb\xbf\ndata: b\n\n"), "<|a\nb>rest ");
    assert_events(STR("\n\xef\xbb\xbf"
                      "data: y\n\n"),
                  "rest ");
}

static void zero_bytes_and_utf8_pass(void **state)
{
    (void)state;
    struct sse reader;
    struct sse_event e;
    sse_init(&reader, EVENT_MAX);
    assert_int_equal(sse_push(&reader, STR("data: a\0b\xf0\x9f\x98\x80\n\n")), 0);
    assert_true(sse_next(&reader, &e));
    assert_true(str_eq(e.data, STR("a\0b\xf0\x9f\x98\x80")));
    sse_release(&reader);
}

static void an_incomplete_event_is_held(void **state)
{
    struct sse reader;
    struct sse_event e;
    (void)state;
    assert_events(STR("data: a\n\ndata: b\n"), "<|a>rest data: b\n");
    assert_events(STR("data"), "rest data");
    sse_init(&reader, EVENT_MAX);
    assert_false(sse_next(&reader, &e));
    assert_int_equal(sse_rest(&reader).n, 0);
    assert_int_equal(sse_push(&reader, STR_EMPTY), 0);
    assert_false(sse_next(&reader, &e));
    sse_release(&reader);
}

static void an_event_is_given_as_soon_as_a_cr_ends_it(void **state)
{
    struct sse reader;
    struct sse_event e;
    (void)state;
    sse_init(&reader, EVENT_MAX);
    assert_int_equal(sse_push(&reader, STR("data: a\r\n\r")), 0);
    assert_true(sse_next(&reader, &e));
    assert_str(e.raw, "data: a\r\n\r");
    assert_str(e.data, "a");
    assert_false(sse_next(&reader, &e));
    assert_int_equal(sse_push(&reader, STR("\n")), 0);
    assert_false(sse_next(&reader, &e));
    assert_str(sse_rest(&reader), "\n");
    assert_int_equal(sse_push(&reader, STR("data: b\n\n")), 0);
    assert_true(sse_next(&reader, &e));
    assert_str(e.raw, "\ndata: b\n\n");
    assert_str(e.data, "b");
    sse_release(&reader);
}

static void events_may_wait_over_several_pushes(void **state)
{
    struct sse reader;
    struct sse_event e;
    (void)state;
    sse_init(&reader, 32);
    assert_int_equal(sse_push(&reader, STR("data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\nda")), 0);
    assert_true(sse_next(&reader, &e));
    assert_str(e.data, "1");
    assert_int_equal(sse_push(&reader, STR("ta: 5\n\ndata: 6\n")), 0);
    for (char c = '2'; c <= '5'; c++) {
        assert_true(sse_next(&reader, &e));
        assert_int_equal(e.data.n, 1);
        assert_int_equal(e.data.p[0], c);
    }
    assert_false(sse_next(&reader, &e));
    assert_int_equal(sse_push(&reader, STR("\n")), 0);
    assert_true(sse_next(&reader, &e));
    assert_str(e.data, "6");
    sse_release(&reader);
}

static void an_event_has_a_largest_size(void **state)
{
    static const struct {
        const char *bytes;
        int last;
        size_t whole; /* events before */
    } cases[] = {
        {"data: 12345678\n\n",                                  0,         1 }, /* 16 bytes */
        {"data: 123456789\n\n",                                 ERR_LIMIT, 0 },
        {"data: 12345678901",                                   ERR_LIMIT, 0 },
        {"data: 1234567890",                                    0,         0 },
        {"data: 1\n\ndata: 2\n\ndata: 123456789\n\n",           ERR_LIMIT, 2 },
        {"data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 12345678\n\n", 0,         4 },
        {"\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n",    0,         24},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t step = 1; step < 60; step++) {
            struct str bytes = str_of(cases[i].bytes);
            struct sse reader;
            struct sse_event e;
            size_t whole = 0;
            int code = 0;
            sse_init(&reader, 16);
            while (code == 0 && bytes.n > 0) {
                code = sse_push(&reader, str_head(bytes, step));
                bytes = str_from(bytes, step);
                while (sse_next(&reader, &e)) {
                    whole++;
                }
            }
            assert_int_equal(code, cases[i].last);
            assert_int_equal(whole, cases[i].whole);
            if (code != 0) {
                assert_int_equal(sse_push(&reader, STR("\n\n")), ERR_LIMIT);
                assert_false(sse_next(&reader, &e));
            }
            sse_release(&reader);
        }
    }
}

static void what_is_written_is_read_back(void **state)
{
    static const char *const datas[] = {"",      "a",    "a\nb",   "\n",   " a",        "a\n",
                                        "\n\na", "a\rb", "a\r\nb", "x: y", "{\"a\":1}", ":c"};
    static const char *const back[] = {"",      "a",    "a\nb", "\n",   " a",        "a\n",
                                       "\n\na", "a\nb", "a\nb", "x: y", "{\"a\":1}", ":c"};
    (void)state;
    for (size_t i = 0; i < sizeof(datas) / sizeof(datas[0]); i++) {
        struct buf out;
        struct sse reader;
        struct sse_event e;
        buf_init(&out, EVENT_MAX);
        sse_write(&out, i % 2 ? STR("name") : STR_EMPTY, str_of(datas[i]));
        sse_init(&reader, EVENT_MAX);
        assert_int_equal(sse_push(&reader, buf_str(&out)), 0);
        assert_true(sse_next(&reader, &e));
        assert_true(e.has_data);
        assert_str(e.data, back[i]);
        assert_str(e.event, i % 2 ? "name" : "");
        assert_false(sse_next(&reader, &e));
        assert_int_equal(sse_rest(&reader).n, 0);
        sse_release(&reader);
        buf_release(&out);
    }
    struct buf out;
    buf_init(&out, EVENT_MAX);
    sse_write(&out, STR("ping\ndata: injected"), STR("{}"));
    assert_string_equal(buf_cstr(&out), "event: ping\ndata: {}\n\n");
    buf_clear(&out);
    sse_write(&out, STR("message_stop"), STR("a\nb"));
    assert_string_equal(buf_cstr(&out), "event: message_stop\ndata: a\ndata: b\n\n");
    buf_release(&out);
}

/* A reader so simple that it is plainly right, for streams that are there as a whole. */
static void model(struct str all, struct buf *log)
{
    struct buf data;
    struct str event = STR_EMPTY;
    bool has_data = false;
    bool first = true;
    buf_init(&data, LOG_MAX);
    while (all.n > 0) {
        size_t n = 0;
        while (n < all.n && all.p[n] != '\n' && all.p[n] != '\r') {
            n++;
        }
        if (n == all.n) {
            break;
        }
        struct str line = str_head(all, n);
        bool crlf = all.p[n] == '\r' && n + 1 < all.n && all.p[n + 1] == '\n';
        all = str_from(all, n + (crlf ? 2 : 1));
        if (first && str_starts(line, STR("\xef\xbb\xbf"))) {
            line = str_from(line, 3);
        }
        first = false;
        if (line.n == 0) {
            if (has_data || event.n > 0) {
                buf_putf(log, "<%.*s|%s%.*s>", STR_ARG(event), has_data ? "" : "no data",
                         STR_ARG(buf_str(&data)));
            }
            buf_clear(&data);
            event = STR_EMPTY;
            has_data = false;
            continue;
        }
        ptrdiff_t colon = str_find_char(line, ':');
        struct str name = colon < 0 ? line : str_head(line, (size_t)colon);
        struct str value = colon < 0 ? STR_EMPTY : str_from(line, (size_t)colon + 1);
        value = str_starts(value, STR(" ")) ? str_from(value, 1) : value;
        if (str_is(name, "data")) {
            buf_puts(&data, has_data ? "\n" : "");
            buf_put_str(&data, value);
            has_data = true;
        } else if (str_is(name, "event")) {
            event = value;
        }
    }
    buf_release(&data);
}

static void random_streams_agree_with_a_simple_reader(void **state)
{
    static const char *const parts[] = {"data", "event",        ":",       " ",
                                        "\n",   "\r",           "\r\n",    "x",
                                        "\n\n", "\xef\xbb\xbf", "data: y", "id"};
    struct rand_state r;
    struct buf bytes, log, raw, expected;
    (void)state;
    rand_seed(&r, 7);
    buf_init(&bytes, LOG_MAX);
    buf_init(&log, LOG_MAX);
    buf_init(&raw, LOG_MAX);
    buf_init(&expected, LOG_MAX);
    for (int round = 0; round < 3000; round++) {
        buf_clear(&bytes);
        buf_clear(&log);
        buf_clear(&raw);
        buf_clear(&expected);
        for (uint64_t n = rand_below(&r, 40); n > 0; n--) {
            buf_puts(&bytes, parts[rand_below(&r, sizeof(parts) / sizeof(parts[0]))]);
        }
        model(buf_str(&bytes), &expected);
        read_in_pieces(buf_str(&bytes), 0, 1 + rand_below(&r, 9), &log, &raw);
        assert_true(str_starts(buf_str(&log), buf_str(&expected)));
        assert_true(str_starts(str_from(buf_str(&log), expected.n), STR("rest ")));
        assert_true(str_eq(buf_str(&raw), buf_str(&bytes)));
    }
    buf_release(&bytes);
    buf_release(&log);
    buf_release(&raw);
    buf_release(&expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_the_same_at_every_cut),
        cmocka_unit_test(fields_are_read_as_the_standard_says),
        cmocka_unit_test(a_byte_order_mark_is_ignored_at_the_start_only),
        cmocka_unit_test(zero_bytes_and_utf8_pass),
        cmocka_unit_test(an_incomplete_event_is_held),
        cmocka_unit_test(an_event_is_given_as_soon_as_a_cr_ends_it),
        cmocka_unit_test(events_may_wait_over_several_pushes),
        cmocka_unit_test(an_event_has_a_largest_size),
        cmocka_unit_test(what_is_written_is_read_back),
        cmocka_unit_test(random_streams_agree_with_a_simple_reader),
    };
    return cmocka_run_group_tests_name("net/sse", tests, NULL, NULL);
}
