#include "unit/net/suite.h"

#include "core/buf.h"
#include "net/http1.h"

#define TAPE_BYTES_MAX (4u << 20)

/* What a parser said, as text, so that runs can be compared whatever the cuts. */
struct tape {
    struct http1 *parser;
    struct buf log;
    struct buf body;
    size_t bodies;
    size_t messages;
    const char *view_from; /* bodies must be views into [view_from, view_to) */
    const char *view_to;
    int stop_at_head, stop_at_body, stop_at_message;
    bool free_in_body;
};

static int on_head(void *ctx, const struct http_head *head)
{
    struct tape *t = ctx;
    if (head->status != 0) {
        buf_putf(&t->log, "HEAD %d %.*s", head->status, STR_ARG(head->reason));
    } else {
        buf_putf(&t->log, "HEAD %.*s %.*s", STR_ARG(head->method), STR_ARG(head->target));
    }
    buf_putf(&t->log, " 1.%d%s%s%s %lld\n", head->minor, head->keep_alive ? " keep" : "",
             head->chunked ? " chunked" : "", head->expect_continue ? " expect" : "",
             (long long)head->content_length);
    for (size_t i = 0; i < head->header_count; i++) {
        buf_putf(&t->log, "  %.*s=%.*s\n", STR_ARG(head->headers[i].name),
                 STR_ARG(head->headers[i].value));
    }
    return t->stop_at_head;
}

static int on_body(void *ctx, struct str bytes)
{
    struct tape *t = ctx;
    assert_true(bytes.n > 0);
    assert_true(bytes.p >= t->view_from && bytes.p + bytes.n <= t->view_to);
    t->bodies++;
    buf_put_str(&t->body, bytes);
    if (t->free_in_body) {
        http1_free(t->parser);
        t->parser = NULL;
    }
    return t->stop_at_body;
}

static int on_message(void *ctx)
{
    struct tape *t = ctx;
    t->messages++;
    buf_putf(&t->log, "BODY %.*s\nEND\n", STR_ARG(buf_str(&t->body)));
    buf_clear(&t->body);
    return t->stop_at_message;
}

static const struct http1_events events = {on_head, on_body, on_message};

static void tape_open(struct tape *t, enum http1_kind kind)
{
    *t = (struct tape){0};
    buf_init(&t->log, TAPE_BYTES_MAX);
    buf_init(&t->body, TAPE_BYTES_MAX);
    t->parser = http1_new(kind, &events, t);
}

static void tape_close(struct tape *t)
{
    http1_free(t->parser);
    buf_release(&t->log);
    buf_release(&t->body);
}

/* Feeds pieces of at most `step` bytes, going on to the next message whenever one is whole. */
static int feed(struct tape *t, struct str bytes, size_t step, struct error *err)
{
    while (bytes.n > 0) {
        struct str piece = str_head(bytes, step);
        size_t used = SIZE_MAX;
        size_t messages = t->messages;
        t->view_from = piece.p;
        t->view_to = piece.p + piece.n;
        int code = http1_feed(t->parser, piece, &used, err);
        if (code != 0) {
            assert_int_equal(used, SIZE_MAX);
            return code;
        }
        assert_true(used <= piece.n);
        if (t->messages > messages) {
            http1_next(t->parser);
        } else {
            assert_int_equal(used, piece.n);
        }
        bytes = str_from(bytes, used);
    }
    return 0;
}

/* Any cut gives the same. */
static void assert_parses(enum http1_kind kind, struct str bytes, const char *expected)
{
    for (size_t step = 1; step <= bytes.n; step = step < 40 ? step + 1 : step * 2) {
        struct tape t;
        struct error err = {0};
        tape_open(&t, kind);
        assert_int_equal(feed(&t, bytes, step, &err), 0);
        assert_false(http1_in_message(t.parser));
        assert_int_equal(http1_finish(t.parser, &err), 0);
        assert_string_equal(buf_cstr(&t.log), expected);
        tape_close(&t);
    }
}

static void assert_refuses(enum http1_kind kind, struct str bytes, int code, const char *why)
{
    static const size_t steps[] = {1, 2, 3, 7, SIZE_MAX};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct tape t;
        struct error err = {0};
        tape_open(&t, kind);
        int got = feed(&t, bytes, steps[i], &err);
        if (got != code) {
            print_error("%.*s: got %d (%s)\n", STR_ARG(bytes), got, err.text);
        }
        assert_int_equal(got, code);
        assert_int_equal(err.code, code);
        assert_contains(err.text, why);
        assert_int_equal(t.messages, 0);
        tape_close(&t);
    }
}

#define HOST "Host: a\r\n"

static void requests_are_read_whatever_the_cuts(void **state)
{
    (void)state;
    assert_parses(HTTP1_REQUEST, STR("GET /a?b=%20c HTTP/1.1\r\nHost: a:80\r\n\r\n"),
                  "HEAD GET /a?b=%20c 1.1 keep -1\n  Host=a:80\nBODY \nEND\n");
    assert_parses(HTTP1_REQUEST,
                  STR("POST /v1 HTTP/1.1\r\nhost:a\r\nContent-Length:  5 \r\nX-E:\r\nX-T: \t a b \t"
                      "\r\n\r\nhello"),
                  "HEAD POST /v1 1.1 keep 5\n  host=a\n  Content-Length=5\n  X-E=\n  X-T=a b\n"
                  "BODY hello\nEND\n");
    assert_parses(HTTP1_REQUEST, STR("POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n"),
                  "HEAD POST / 1.1 keep 0\n  Host=a\n  Content-Length=0\nBODY \nEND\n");
    assert_parses(HTTP1_REQUEST,
                  STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n\r\n"
                      "3\r\nabc\r\n00A;z=\"q\"\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n"),
                  "HEAD POST / 1.1 keep chunked -1\n  Host=a\n  Transfer-Encoding=Chunked\n"
                  "BODY abc0123456789\nEND\n");
    assert_parses(HTTP1_REQUEST, STR("GET http://h:1/x HTTP/1.1\r\n" HOST "\r\n"),
                  "HEAD GET http://h:1/x 1.1 keep -1\n  Host=a\nBODY \nEND\n");
    assert_parses(HTTP1_REQUEST, STR("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"),
                  "HEAD OPTIONS * 1.1 keep -1\n  Host=a\nBODY \nEND\n");
    assert_parses(HTTP1_REQUEST, STR("GET / HTTP/1.1\r\nHost: [::1]:8080\r\nN: \xc3\xa4\r\n\r\n"),
                  "HEAD GET / 1.1 keep -1\n  Host=[::1]:8080\n  N=\xc3\xa4\nBODY \nEND\n");
}

static void keep_alive_follows_version_and_connection(void **state)
{
    (void)state;
    assert_parses(HTTP1_REQUEST, STR("GET / HTTP/1.0\r\n\r\n"), "HEAD GET / 1.0 -1\nBODY \nEND\n");
    assert_parses(HTTP1_REQUEST, STR("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
                  "HEAD GET / 1.0 keep -1\n  Connection=keep-alive\nBODY \nEND\n");
    assert_parses(HTTP1_REQUEST, STR("GET / HTTP/1.1\r\n" HOST "Connection: x, CLOSE\r\n\r\n"),
                  "HEAD GET / 1.1 -1\n  Host=a\n  Connection=x, CLOSE\nBODY \nEND\n");
    assert_parses(HTTP1_RESPONSE, STR("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
                  "HEAD 200 OK 1.0 0\n  Content-Length=0\nBODY \nEND\n");
}

static void several_messages_share_a_connection(void **state)
{
    (void)state;
    assert_parses(HTTP1_REQUEST,
                  STR("\r\nGET /1 HTTP/1.1\r\n" HOST "\r\n\r\n\r\n"
                      "POST /2 HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi"
                      "POST /3 HTTP/1.1\r\n" HOST "transfer-encoding: chunked\r\n\r\n1\r\nx\r\n"
                      "0\r\n\r\n"
                      "GET /4 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"),
                  "HEAD GET /1 1.1 keep -1\n  Host=a\nBODY \nEND\n"
                  "HEAD POST /2 1.1 keep 2\n  Host=a\n  Content-Length=2\nBODY hi\nEND\n"
                  "HEAD POST /3 1.1 keep chunked -1\n  Host=a\n  transfer-encoding=chunked\n"
                  "BODY x\nEND\n"
                  "HEAD GET /4 1.1 -1\n  Host=a\n  Connection=close\nBODY \nEND\n");
}

static void an_expectation_is_reported(void **state)
{
    (void)state;
    assert_parses(HTTP1_REQUEST,
                  STR("POST / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\nContent-Length: 1\r\n"
                      "\r\nx"),
                  "HEAD POST / 1.1 keep expect 1\n  Host=a\n  Expect=100-Continue\n"
                  "  Content-Length=1\nBODY x\nEND\n");
    assert_parses(HTTP1_REQUEST, STR("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"),
                  "HEAD POST / 1.0 -1\n  Expect=100-continue\nBODY \nEND\n");
}

static void an_offer_of_h2c_is_ignored_and_the_body_is_read(void **state)
{
    (void)state;
    assert_parses(HTTP1_REQUEST,
                  STR("POST / HTTP/1.1\r\n" HOST "Connection: Upgrade, HTTP2-Settings\r\n"
                      "Upgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
                  "HEAD POST / 1.1 keep chunked -1\n  Host=a\n"
                  "  Connection=Upgrade, HTTP2-Settings\n  Upgrade=h2c\n"
                  "  Transfer-Encoding=chunked\nBODY ok\nEND\n");
}

static void responses_are_read_whatever_the_cuts(void **state)
{
    (void)state;
    assert_parses(HTTP1_RESPONSE, STR("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
                  "HEAD 200 OK 1.1 keep 3\n  Content-Length=3\nBODY abc\nEND\n");
    assert_parses(HTTP1_RESPONSE, STR("HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n"),
                  "HEAD 404  1.1 keep 0\n  Content-Length=0\nBODY \nEND\n");
    assert_parses(HTTP1_RESPONSE,
                  STR("HTTP/1.1 500 Not so good\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "ff\r\n"
                      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"
                      "\r\n0\r\n\r\n"),
                  "HEAD 500 Not so good 1.1 keep chunked -1\n  Transfer-Encoding=chunked\nBODY "
                  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
                  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\nEND\n");
}

static void interim_responses_are_skipped(void **state)
{
    (void)state;
    assert_parses(HTTP1_RESPONSE,
                  STR("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"),
                  "HEAD 200 OK 1.1 keep 1\n  Content-Length=1\nBODY a\nEND\n");
    struct tape t;
    struct error err = {0};
    tape_open(&t, HTTP1_RESPONSE);
    assert_int_equal(feed(&t, STR("HTTP/1.1 100 Continue\r\n\r\n"), SIZE_MAX, &err), 0);
    assert_true(http1_in_message(t.parser));
    assert_int_equal(http1_finish(t.parser, &err), ERR_CLOSED);
    tape_close(&t);
    tape_open(&t, HTTP1_RESPONSE);
    int code = 0;
    for (size_t i = 0; i < 40 && code == 0; i++) {
        code = feed(&t, STR("HTTP/1.1 102 Processing\r\n\r\n"), SIZE_MAX, &err);
    }
    assert_int_equal(code, ERR_LIMIT);
    assert_contains(err.text, "interim");
    tape_close(&t);
}

static void answers_without_a_body_end_with_their_head(void **state)
{
    (void)state;
    assert_parses(HTTP1_RESPONSE, STR("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"),
                  "HEAD 204 No Content 1.1 keep 5\n  Content-Length=5\nBODY \nEND\n");
    assert_parses(HTTP1_RESPONSE, STR("HTTP/1.1 304 Not Modified\r\n\r\n"),
                  "HEAD 304 Not Modified 1.1 keep -1\nBODY \nEND\n");
    static const char *const heads[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 Connection established\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct tape t;
        struct error err = {0};
        tape_open(&t, HTTP1_RESPONSE);
        http1_expect_no_body(t.parser);
        assert_int_equal(feed(&t, str_of(heads[i]), 5, &err), 0);
        assert_int_equal(t.messages, 1);
        /* The promise holds for one message only. */
        assert_int_equal(feed(&t, STR("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"), 5, &err),
                         0);
        assert_int_equal(t.messages, 2);
        assert_int_equal(t.bodies, 1);
        tape_close(&t);
    }
}

static void an_answer_without_length_ends_with_the_connection(void **state)
{
    struct tape t;
    struct error err = {0};
    (void)state;
    tape_open(&t, HTTP1_RESPONSE);
    assert_int_equal(feed(&t, STR("HTTP/1.1 200 OK\r\n\r\n"), SIZE_MAX, &err), 0);
    assert_true(http1_in_message(t.parser));
    assert_int_equal(feed(&t, STR("some bytes"), 3, &err), 0);
    assert_int_equal(t.messages, 0);
    assert_int_equal(http1_finish(t.parser, &err), 0);
    assert_int_equal(t.messages, 1);
    assert_string_equal(buf_cstr(&t.log), "HEAD 200 OK 1.1 -1\nBODY some bytes\nEND\n");
    assert_false(http1_in_message(t.parser));
    tape_close(&t);
}

static void a_connection_that_ends_early_is_told(void **state)
{
    static const struct {
        const char *bytes;
        const char *why;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Le",                                "head"   },
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",             "3 of 10"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",        "chunked"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "chunked"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",   "chunked"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tape t;
        struct error err = {0};
        tape_open(&t, HTTP1_RESPONSE);
        assert_int_equal(feed(&t, str_of(cases[i].bytes), SIZE_MAX, &err), 0);
        assert_true(http1_in_message(t.parser));
        assert_int_equal(http1_finish(t.parser, &err), ERR_CLOSED);
        assert_contains(err.text, cases[i].why);
        tape_close(&t);
    }
}

static void parsing_pauses_behind_a_message(void **state)
{
    static const char two[] = "GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n";
    struct tape t;
    struct error err = {0};
    size_t used = 0;
    (void)state;
    tape_open(&t, HTTP1_REQUEST);
    assert_int_equal(http1_feed(t.parser, STR(two), &used, &err), 0);
    assert_int_equal(used, (sizeof(two) - 1) / 2);
    assert_int_equal(t.messages, 1);
    assert_int_equal(http1_feed(t.parser, str_from(STR(two), used), &used, &err), 0);
    assert_int_equal(used, 0);
    assert_int_equal(t.messages, 1);
    http1_next(t.parser);
    assert_int_equal(http1_feed(t.parser, str_from(STR(two), sizeof(two) / 2), &used, &err), 0);
    assert_int_equal(used, (sizeof(two) - 1) / 2);
    assert_int_equal(t.messages, 2);
    tape_close(&t);
}

static void a_head_is_found_by_name(void **state)
{
    struct http_header headers[] = {
        {STR("A"),  STR("1")},
        {STR("Bc"), STR("") },
        {STR("a"),  STR("2")}
    };
    struct http_head head = {.headers = headers, .header_count = 3};
    (void)state;
    assert_str(http_head_get(&head, "a"), "1");
    assert_str(http_head_get(&head, "BC"), "");
    assert_non_null(http_head_get(&head, "BC").p);
    assert_null(http_head_get(&head, "b").p);
    assert_int_equal(http_head_get(&head, "b").n, 0);
}

static void callbacks_can_stop_the_parser(void **state)
{
    static const char chunked[] = "POST / HTTP/1.1\r\n" HOST
                                  "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n";
    static const char plain[] = "POST / HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nabcd";
    static const char *const both[] = {chunked, plain};
    (void)state;
    for (size_t i = 0; i < 8; i++) {
        struct tape t;
        struct error err = {0};
        size_t used = 0;
        struct str bytes = str_of(both[i % 2]);
        tape_open(&t, HTTP1_REQUEST);
        t.view_from = bytes.p;
        t.view_to = bytes.p + bytes.n;
        t.stop_at_head = i / 2 == 0;
        t.stop_at_body = i / 2 == 1;
        t.stop_at_message = i / 2 == 2;
        t.free_in_body = i / 2 == 3;
        assert_int_equal(http1_feed(t.parser, bytes, &used, &err), ERR_CANCELLED);
        assert_int_equal(t.bodies, i / 2 == 0 ? 0 : i / 2 == 2 ? 2 - i % 2 : 1);
        assert_int_equal(t.messages, i / 2 == 2);
        tape_close(&t);
    }
}

static void what_smuggles_requests_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        const char *why;
    } cases[] = {
  /* lengths */
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
         "Content-Length"                                                                                         },
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\ncontent-length: 2\r\n\r\nx",
         "Content-Length"                                                                                         },
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\nx",                           "Content-Length"   },
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\nx",                             "Content-Length"   },
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\nx",                             "Content-Length"   },
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\nx",                            "Content-Length"   },
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1 1\r\n\r\nx",                            "Content-Length"   },
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: \r\n\r\n",                                "Content-Length"   },
        {"POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n",                                 "Content-Length"   },
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 9223372036854775808\r\n\r\n",
         "Content-Length"                                                                                         },
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n",
         "Content-Length"                                                                                         },
 /* codings */
        {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         "Content-Length"                                                                                         },
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
         "Content-Length"                                                                                         },
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n",
         "Transfer-Encoding"                                                                                      },
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, gzip\r\n\r\n",
         "Transfer-Encoding"                                                                                      },
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, chunked\r\n\r\n",
         "Transfer-Encoding"                                                                                      },
        {"POST / HTTP/1.1\r\n" HOST
         "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",          "Transfer-Encoding"},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n",                     "Transfer-Encoding"},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n",                     "Transfer-Encoding"},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \"chunked\"\r\n\r\n",                  "Transfer-Encoding"},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked;q=1\r\n\r\n",                  "Transfer-Encoding"},
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n",                              "Transfer-Encoding"},
        {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",                              "HTTP/1.0"         },
 /* lines */
        {"GET / HTTP/1.1\n" HOST "\r\n",                                                       "LF alone"         },
        {"GET / HTTP/1.1\r\nHost: a\n\r\n",                                                    "LF alone"         },
        {"GET / HTTP/1.1\r\nHost: a\r\n\n",                                                    "LF alone"         },
        {"GET / HTTP/1.1\rHost: a\r\n\r\n",                                                    "CR"               },
        {"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n",                                            "CR"               },
        {"GET / HTTP/1.1\r\nHost: a\r\n\rX",                                                   "CR"               },
        {"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",                                                "CR"               },
        {"\nGET / HTTP/1.1\r\n" HOST "\r\n",                                                   "0x0a"             },
        {"\rGET / HTTP/1.1\r\n" HOST "\r\n",                                                   "CR"               },
        {"GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n",                                       "folded"           },
        {"GET / HTTP/1.1\r\n" HOST "X: a\r\n\tb\r\n\r\n",                                      "folded"           },
        {"GET / HTTP/1.1\r\n Host: a\r\n\r\n",                                                 "folded"           },
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n , gzip\r\n\r\n",           "folded"           },
 /* names and values */
        {"GET / HTTP/1.1\r\nHost : a\r\n\r\n",                                                 "malformed"        },
        {"GET / HTTP/1.1\r\n" HOST "X\t: a\r\n\r\n",                                           "malformed"        },
        {"POST / HTTP/1.1\r\n" HOST "Content-Length : 1\r\n\r\nx",                             "malformed"        },
        {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding : chunked\r\n\r\n",                     "malformed"        },
        {"GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n",                                              "malformed"        },
        {"GET / HTTP/1.1\r\n" HOST "nocolon\r\n\r\n",                                          "malformed"        },
        {"GET / HTTP/1.1\r\n" HOST "X Y: a\r\n\r\n",                                           "malformed"        },
        {"GET / HTTP/1.1\r\n" HOST "X(Y): a\r\n\r\n",                                          "malformed"        },
        {"GET / HTTP/1.1\r\n" HOST "X\xc3\xa4: a\r\n\r\n",                                     "malformed"        },
        {"GET / HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n",                                         "0x01"             },
        {"GET / HTTP/1.1\r\n" HOST "X: a\x7f\r\n\r\n",                                         "0x7f"             },
        {"GET / HTTP/1.1\r\n" HOST "X: a\x0b\r\n\r\n",                                         "0x0b"             },
 /* hosts */
        {"GET / HTTP/1.1\r\n\r\n",                                                             "Host"             },
        {"GET / HTTP/1.1\r\n" HOST HOST "\r\n",                                                "Host"             },
        {"GET / HTTP/1.0\r\n" HOST "host: b\r\n\r\n",                                          "Host"             },
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",                                                "Host"             },
        {"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n",                                                "Host"             },
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",                                                "Host"             },
        {"GET / HTTP/1.1\r\nHost: u@b\r\n\r\n",                                                "Host"             },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_refuses(HTTP1_REQUEST, str_of(cases[i].bytes), ERR_INVALID, cases[i].why);
    }
    assert_refuses(HTTP1_REQUEST, STR("GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n"), ERR_INVALID,
                   "0x00");
    assert_refuses(HTTP1_REQUEST, STR("GET /\0 HTTP/1.1\r\n" HOST "\r\n"), ERR_INVALID, "0x00");
}

static void bad_request_lines_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        const char *why;
    } cases[] = {
        {"GET /\r\n\r\n",                                                               "HTTP/0.9"              },
        {"GET\r\n\r\n",                                                                 "malformed request line"},
        {"GET  / HTTP/1.1\r\n" HOST "\r\n",                                             "malformed request line"},
        {"GET /  HTTP/1.1\r\n" HOST "\r\n",                                             "version"               },
        {"GET / HTTP/1.1 \r\n" HOST "\r\n",                                             "version"               },
        {"GET / b HTTP/1.1\r\n" HOST "\r\n",                                            "version"               },
        {"GET / http/1.1\r\n" HOST "\r\n",                                              "version"               },
        {"GET / HTTP/1.2\r\n" HOST "\r\n",                                              "version"               },
        {"GET / HTTP/0.9\r\n" HOST "\r\n",                                              "version"               },
        {"GET / HTTP/2.0\r\n" HOST "\r\n",                                              "HTTP/2 is not spoken"  },
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",                                            "HTTP/2 is not spoken"  },
        {"GET / RTSP/1.0\r\n" HOST "\r\n",                                              "version"               },
        {" GET / HTTP/1.1\r\n" HOST "\r\n",                                             "white space"           },
        {"BREW / HTTP/1.1\r\n" HOST "\r\n",                                             "unknown request method"},
        {"get / HTTP/1.1\r\n" HOST "\r\n",                                              "unknown request method"},
        {"G@T / HTTP/1.1\r\n" HOST "\r\n",                                              "no method"             },
        {"CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n",                                      "CONNECT"               },
        {"GET a HTTP/1.1\r\n" HOST "\r\n",                                              "target"                },
        {"GET * HTTP/1.1\r\n" HOST "\r\n",                                              "target"                },
        {"GET ftp://a/ HTTP/1.1\r\n" HOST "\r\n",                                       "target"                },
        {"GET /a#b HTTP/1.1\r\n" HOST "\r\n",                                           "target"                },
        {"GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n",                                      "percent-encoded"       },
        {"GET /\t HTTP/1.1\r\n" HOST "\r\n",                                            "percent-encoded"       },
        {"GET / HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "upgrades"              },
        {"\x16\x03\x01\x02",                                                            "TLS"                   },
        {"\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n",                                      "empty lines"           },
        {"{\"a\":1}",                                                                   "not an HTTP request"   },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_refuses(HTTP1_REQUEST, str_of(cases[i].bytes), ERR_INVALID, cases[i].why);
    }
}

static void bad_responses_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        const char *why;
    } cases[] = {
        {"\r\nHTTP/1.1 200 OK\r\n\r\n",                                                "first byte"          },
        {"ICY 200 OK\r\n\r\n",                                                         "not an HTTP response"},
        {"GET / HTTP/1.1\r\n\r\n",                                                     "not an HTTP response"},
        {"HTTP/2 200 OK\r\n\r\n",                                                      "HTTP/2 is not spoken"},
        {"HTTP/1.1 20 OK\r\n\r\n",                                                     "status line"         },
        {"HTTP/1.1 2000 OK\r\n\r\n",                                                   "status line"         },
        {"HTTP/1.1 099 OK\r\n\r\n",                                                    "status line"         },
        {"HTTP/1.1 2x0 OK\r\n\r\n",                                                    "status line"         },
        {"HTTP/1.1  200 OK\r\n\r\n",                                                   "status line"         },
        {"HTTP/1.1\r\n\r\n",                                                           "status line"         },
        {"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",        "switched"            },
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",         "Content-Length"      },
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         "Content-Length"                                                                                    },
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",                         "Transfer-Encoding"   },
        {"HTTP/1.1 200 OK\nContent-Length: 1\r\n\r\nx",                                "LF alone"            },
        {"HTTP/1.1 200 O\x01K\r\nContent-Length: 1\r\n\r\nx",                          "0x01"                },
        {"HTTP/1.1 200 OK\r\n folded: 1\r\n\r\nx",                                     "folded"              },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_refuses(HTTP1_RESPONSE, str_of(cases[i].bytes), ERR_INVALID, cases[i].why);
    }
}

#define CHUNKED "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"

static void bad_chunks_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        const char *why;
    } cases[] = {
        {CHUNKED "g\r\n",                 "chunk"   },
        {CHUNKED "-1\r\n",                "chunk"   },
        {CHUNKED "+1\r\na\r\n",           "chunk"   },
        {CHUNKED "0x1\r\na\r\n",          "chunk"   },
        {CHUNKED " 1\r\na\r\n",           "chunk"   },
        {CHUNKED "1 \r\na\r\n",           "chunk"   },
        {CHUNKED "\r\n",                  "chunk"   },
        {CHUNKED "1\na\r\n",              "chunk"   },
        {CHUNKED "1\ra\r\n",              "chunk"   },
        {CHUNKED "1\r\nab\r\n",           "chunk"   },
        {CHUNKED "1\r\na\n0\r\n\r\n",     "chunk"   },
        {CHUNKED "1\r\na0\r\n\r\n",       "chunk"   },
        {CHUNKED "1\r\na\rX0\r\n\r\n",    "chunk"   },
        {CHUNKED "fffffffffffffffff\r\n", "chunk"   },
        {CHUNKED "1;\x01\r\na\r\n",       "chunk"   },
        {CHUNKED "1;a\nb\r\na\r\n",       "chunk"   },
        {CHUNKED "0\r\nX: a\n\r\n",       "LF alone"},
        {CHUNKED "0\r\nX: a\rb\r\n\r\n",  "CR"      },
        {CHUNKED "0\r\n X: a\r\n\r\n",    "folded"  },
        {CHUNKED "0\r\nX: \x01\r\n\r\n",  "0x01"    },
        {CHUNKED "0\r\n\n",               "LF alone"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_refuses(HTTP1_REQUEST, str_of(cases[i].bytes), ERR_INVALID, cases[i].why);
    }
}

static void put_times(struct buf *b, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        buf_puts(b, text);
    }
}

/* A head of exactly n bytes. */
static void put_head_of(struct buf *b, size_t n)
{
    buf_puts(b, "GET / HTTP/1.1\r\n" HOST "X: ");
    put_times(b, "x", n - b->n - 4);
    buf_puts(b, "\r\n\r\n");
    assert_int_equal(b->n, n);
}

static void heads_have_a_size_and_a_count(void **state)
{
    struct buf b;
    struct tape t;
    struct error err = {0};
    (void)state;
    buf_init(&b, 1u << 20);
    put_head_of(&b, HTTP1_HEAD_BYTES_MAX);
    tape_open(&t, HTTP1_REQUEST);
    assert_int_equal(feed(&t, buf_str(&b), 1000, &err), 0);
    assert_int_equal(t.messages, 1);
    tape_close(&t);
    buf_clear(&b);
    put_head_of(&b, HTTP1_HEAD_BYTES_MAX + 1);
    assert_refuses(HTTP1_REQUEST, buf_str(&b), ERR_LIMIT, "larger than 65536 bytes");
    buf_clear(&b);
    buf_puts(&b, "GET /");
    put_times(&b, "a", HTTP1_HEAD_BYTES_MAX);
    assert_refuses(HTTP1_REQUEST, buf_str(&b), ERR_LIMIT, "larger than 65536 bytes");

    buf_clear(&b);
    buf_puts(&b, "GET / HTTP/1.1\r\n" HOST);
    put_times(&b, "X: y\r\n", HTTP1_HEADERS_MAX - 1);
    size_t n = b.n;
    buf_puts(&b, "\r\n");
    tape_open(&t, HTTP1_REQUEST);
    assert_int_equal(feed(&t, buf_str(&b), SIZE_MAX, &err), 0);
    assert_int_equal(t.messages, 1);
    tape_close(&t);
    b.n = n;
    buf_puts(&b, "X: y\r\n\r\n");
    assert_refuses(HTTP1_REQUEST, buf_str(&b), ERR_LIMIT, "more than 128 headers");
    buf_release(&b);
}

static void what_surrounds_chunks_is_limited(void **state)
{
    struct buf b;
    (void)state;
    buf_init(&b, 1u << 20);
    /* one endless trailer */
    buf_puts(&b, CHUNKED "0\r\nX: ");
    put_times(&b, "x", HTTP1_HEAD_BYTES_MAX);
    assert_refuses(HTTP1_REQUEST, buf_str(&b), ERR_LIMIT, "trailers");
    /* an endless extension */
    buf_clear(&b);
    buf_puts(&b, CHUNKED "1;");
    put_times(&b, "x", HTTP1_HEAD_BYTES_MAX + 100);
    assert_refuses(HTTP1_REQUEST, buf_str(&b), ERR_LIMIT, "outweigh");
    /* zeros without end before a size */
    buf_clear(&b);
    buf_puts(&b, CHUNKED);
    put_times(&b, "0", HTTP1_HEAD_BYTES_MAX + 100);
    assert_refuses(HTTP1_REQUEST, buf_str(&b), ERR_LIMIT, "outweigh");
    /* small chunks with large extensions */
    buf_clear(&b);
    buf_puts(&b, CHUNKED);
    put_times(&b, "1;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\na\r\n", 2000);
    assert_refuses(HTTP1_REQUEST, buf_str(&b), ERR_LIMIT, "outweigh");
    /* single bytes are slow, but fine */
    buf_clear(&b);
    buf_puts(&b, CHUNKED);
    put_times(&b, "1\r\na\r\n", 50000);
    buf_puts(&b, "0\r\n\r\n");
    struct tape t;
    struct error err = {0};
    tape_open(&t, HTTP1_REQUEST);
    assert_int_equal(feed(&t, buf_str(&b), 4096, &err), 0);
    assert_int_equal(t.bodies, 50000);
    assert_int_equal(t.messages, 1);
    tape_close(&t);
    buf_release(&b);
}

static void a_failed_parser_stays_failed(void **state)
{
    struct tape t;
    struct error err = {0};
    size_t used = 0;
    (void)state;
    tape_open(&t, HTTP1_REQUEST);
    assert_int_equal(feed(&t, STR("GET / HTTP/1.1\n"), SIZE_MAX, &err), ERR_INVALID);
    assert_int_equal(http1_feed(t.parser, STR("GET / HTTP/1.1\r\n" HOST "\r\n"), &used, &err),
                     ERR_INVALID);
    assert_int_equal(t.messages, 0);
    tape_close(&t);
    http1_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_read_whatever_the_cuts),
        cmocka_unit_test(keep_alive_follows_version_and_connection),
        cmocka_unit_test(several_messages_share_a_connection),
        cmocka_unit_test(an_expectation_is_reported),
        cmocka_unit_test(an_offer_of_h2c_is_ignored_and_the_body_is_read),
        cmocka_unit_test(responses_are_read_whatever_the_cuts),
        cmocka_unit_test(interim_responses_are_skipped),
        cmocka_unit_test(answers_without_a_body_end_with_their_head),
        cmocka_unit_test(an_answer_without_length_ends_with_the_connection),
        cmocka_unit_test(a_connection_that_ends_early_is_told),
        cmocka_unit_test(parsing_pauses_behind_a_message),
        cmocka_unit_test(a_head_is_found_by_name),
        cmocka_unit_test(callbacks_can_stop_the_parser),
        cmocka_unit_test(what_smuggles_requests_is_refused),
        cmocka_unit_test(bad_request_lines_are_refused),
        cmocka_unit_test(bad_responses_are_refused),
        cmocka_unit_test(bad_chunks_are_refused),
        cmocka_unit_test(heads_have_a_size_and_a_count),
        cmocka_unit_test(what_surrounds_chunks_is_limited),
        cmocka_unit_test(a_failed_parser_stays_failed),
    };
    return cmocka_run_group_tests_name("net/http1", tests, NULL, NULL);
}
