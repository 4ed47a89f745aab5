#include "unit/net/suite.h"

#include "net/tunnel.h"

static void a_tunnel_is_asked_for_by_name_and_port(void **state)
{
    static const struct {
        const char *host, *authorization, *expected;
    } rows[] = {
        {"api.example", NULL,           "CONNECT api.example:443 HTTP/1.1\r\nhost: api.example:443\r\n\r\n"},
        {"::1",         NULL,           "CONNECT [::1]:443 HTTP/1.1\r\nhost: [::1]:443\r\n\r\n"            },
        {"h",           "Basic bWU6cA",
         "CONNECT h:443 HTTP/1.1\r\nhost: h:443\r\n"
         "proxy-authorization: Basic bWU6cA\r\n\r\n"                                                       },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;
        buf_init(&out, 4096);
        tunnel_ask(&out, rows[i].host, 443, rows[i].authorization);
        assert_string_equal(buf_cstr(&out), rows[i].expected);
        buf_release(&out);
    }
}

static void an_answer_opens_the_tunnel_however_it_is_cut(void **state)
{
    static const char answer[] = "HTTP/1.1 200 Connection established\r\nvia: proxy\r\n\r\n";
    (void)state;
    for (size_t step = 1; step < sizeof(answer); step++) {
        struct tunnel *t = tunnel_new();
        enum tunnel_state now = TUNNEL_WAITING;
        struct str rest = STR(answer);
        while (rest.n > 0) {
            assert_int_equal(now, TUNNEL_WAITING);
            struct str piece = str_head(rest, step);
            rest = str_from(rest, piece.n);
            assert_int_equal(tunnel_feed(t, piece, &now, NULL), 0);
        }
        assert_int_equal(now, TUNNEL_OPEN);
        tunnel_free(t);
    }
}

static void a_refusal_and_nonsense_are_told_apart(void **state)
{
    static const struct {
        const char *answer, *says;
    } rows[] = {
        {"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n",
         "refused to connect (HTTP 407)"                                                                           },
        {"HTTP/1.1 503 x\r\n\r\n",                                                  "refused to connect (HTTP 503)"},
        {"SSH-2.0-OpenSSH\r\n",                                                     "nonsense"                     },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct tunnel *t = tunnel_new();
        enum tunnel_state now = TUNNEL_WAITING;
        struct error err = {0};
        assert_int_equal(tunnel_feed(t, str_of(rows[i].answer), &now, &err), ERR_UPSTREAM);
        assert_contains(err.text, rows[i].says);
        assert_int_equal(now, TUNNEL_WAITING);
        tunnel_free(t);
    }
    tunnel_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tunnel_is_asked_for_by_name_and_port),
        cmocka_unit_test(an_answer_opens_the_tunnel_however_it_is_cut),
        cmocka_unit_test(a_refusal_and_nonsense_are_told_apart),
    };
    return cmocka_run_group_tests_name("net/tunnel", tests, NULL, NULL);
}
