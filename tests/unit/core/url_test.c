#include "unit/core/suite.h"

#include "core/url.h"

static void urls_are_taken_apart(void **state)
{
    static const struct {
        const char *text;
        bool https;
        const char *host;
        uint16_t port;
        const char *path;
        const char *user;
        const char *authority;
    } rows[] = {
        {"http://a",                   false, "a",              80,   "",    "",       "a"             },
        {"https://api.openai.com/v1",  true,  "api.openai.com", 443,  "/v1", "",       "api.openai.com"},
        {"HTTPS://Host_1:8443/v1/",    true,  "Host_1",         8443, "/v1", "",       "Host_1:8443"   },
        {"http://127.0.0.1:80//",      false, "127.0.0.1",      80,   "",    "",       "127.0.0.1"     },
        {"http://[::1]:8081/v1",       false, "::1",            8081, "/v1", "",       "[::1]:8081"    },
        {"https://[2001:db8::2]",      true,  "2001:db8::2",    443,  "",    "",       "[2001:db8::2]" },
        {"http://u:p%40ss@proxy:3128", false, "proxy",          3128, "",    "u:p@ss", "proxy:3128"    },
        {"http://u:a@b@proxy",         false, "proxy",          80,   "",    "u:a@b",  "proxy"         },
        {"http://%zz%4@h",             false, "h",              80,   "",    "%zz%4",  "h"             },
        {"http://h:443",               false, "h",              443,  "",    "",       "h:443"         },
    };
    struct arena arena;

    (void)state;
    arena_init(&arena);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct url url;
        struct error err = {0};
        if (url_parse(str_of(rows[i].text), &arena, &url, &err) != 0) {
            fail_msg("%s: %s", rows[i].text, err.text);
        }
        assert_int_equal(url.https, rows[i].https);
        assert_string_equal(url.host, rows[i].host);
        assert_int_equal(url.port, rows[i].port);
        assert_str(url.path, rows[i].path);
        assert_str(url.user, rows[i].user);
        assert_str(url_authority(&url, &arena), rows[i].authority);
    }
    arena_release(&arena);
}

static void broken_urls_are_explained(void **state)
{
    static const struct {
        const char *text;
        const char *part; /* of the message */
    } rows[] = {
        {"",                    "http:// or https://"},
        {"api.openai.com",      "http:// or https://"},
        {"ftp://h",             "http:// or https://"},
        {"http://",             "a host name"        },
        {"http:///v1",          "a host name"        },
        {"http://:80",          "a host name"        },
        {"http://a b",          "a host name"        },
        {"http://[::1",         "lacks its \"]\""    },
        {"http://[]",           "a host name"        },
        {"http://[::1]8080",    "\":PORT\""          },
        {"http://h:",           "is no port"         },
        {"http://h:65536",      "is no port"         },
        {"http://h:x",          "is no port"         },
        {"http://h/v1?q=1",     "query"              },
        {"http://h/v1#f",       "fragment"           },
        {"http://h/a b",        "space"              },
        {"http://u:secret@h:x", "is no port"         },
        {"http://u:secret@",    "a host name"        },
    };
    struct arena arena;

    (void)state;
    arena_init(&arena);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct url url = {.port = 7};
        struct error err = {0};
        assert_int_equal(url_parse(str_of(rows[i].text), &arena, &url, &err), ERR_INVALID);
        if (!strstr(err.text, rows[i].part)) {
            fail_msg("%s: %s", rows[i].text, err.text);
        }
        assert_null(strstr(err.text, "secret"));
        assert_int_equal(url.port, 7);
    }
    arena_release(&arena);
}

static void lengths_are_limited(void **state)
{
    char text[URL_BYTES_MAX + 2] = "http://";
    struct arena arena;
    struct url url;

    (void)state;
    arena_init(&arena);
    memset(text + 7, 'a', sizeof(text) - 7);
    assert_int_equal(url_parse(str_make(text, sizeof(text)), &arena, &url, NULL), ERR_LIMIT);
    assert_int_equal(url_parse(str_make(text, 7 + URL_HOST_MAX), &arena, &url, NULL), 0);
    assert_int_equal(url_parse(str_make(text, 8 + URL_HOST_MAX), &arena, &url, NULL), ERR_INVALID);
    arena_release(&arena);
}

static void addresses_to_listen_on_have_a_port(void **state)
{
    static const struct {
        const char *text;
        const char *address; /* NULL = refused */
        uint16_t port;
        bool loopback;
    } rows[] = {
        {"127.0.0.1:8080",  "127.0.0.1", 8080,  true },
        {"127.1.2.3:1",     "127.1.2.3", 1,     true },
        {"localhost:0",     "127.0.0.1", 0,     true },
        {"[::1]:8080",      "::1",       8080,  true },
        {"0.0.0.0:80",      "0.0.0.0",   80,    false},
        {"[::]:80",         "::",        80,    false},
        {"10.0.0.1:65535",  "10.0.0.1",  65535, false},
        {"",                NULL,        0,     false},
        {":8080",           NULL,        0,     false},
        {"127.0.0.1",       NULL,        0,     false},
        {"127.0.0.1:",      NULL,        0,     false},
        {"127.0.0.1:65536", NULL,        0,     false},
        {"example.com:80",  NULL,        0,     false},
        {"[::1]",           NULL,        0,     false},
        {"[::1:80",         NULL,        0,     false},
        {"1.2.3:80",        NULL,        0,     false},
    };
    struct arena arena;

    (void)state;
    arena_init(&arena);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *address = NULL;
        uint16_t port = 7;
        struct error err = {0};
        int result = url_parse_listen(str_of(rows[i].text), &arena, &address, &port, &err);
        if (!rows[i].address) {
            assert_int_equal(result, ERR_INVALID);
            assert_null(address);
            assert_true(strlen(err.text) > 0);
            continue;
        }
        assert_int_equal(result, 0);
        assert_string_equal(address, rows[i].address);
        assert_int_equal(port, rows[i].port);
        assert_int_equal(url_is_loopback(address), rows[i].loopback);
    }
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_taken_apart),
        cmocka_unit_test(broken_urls_are_explained),
        cmocka_unit_test(lengths_are_limited),
        cmocka_unit_test(addresses_to_listen_on_have_a_port),
    };

    return cmocka_run_group_tests_name("core/url", tests, NULL, NULL);
}
