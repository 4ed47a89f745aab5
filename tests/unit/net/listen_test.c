#include "unit/net/suite.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/listen.h"

static uint16_t port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t n = sizeof(address);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

static void only_addresses_are_bound(void **state)
{
    static const char *const rows[] = {"", "localhost", "127.0.0.1:80", "[::1]", "256.0.0.1"};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct error err = {0};
        int fd = -7;
        assert_int_equal(listen_open(rows[i], 0, false, &fd, &err), ERR_INVALID);
        assert_int_equal(fd, -7);
        assert_non_null(strstr(err.text, "no IP address"));
    }
}

static void a_port_has_one_owner_unless_it_is_shared(void **state)
{
    struct error err = {0};
    int first = -1;
    int second = -1;
    (void)state;
    assert_int_equal(listen_open("127.0.0.1", 0, false, &first, &err), 0);
    assert_int_equal(listen(first, 1), 0);
    assert_int_equal(listen_open("127.0.0.1", port_of(first), false, &second, &err), ERR_IO);
    assert_non_null(strstr(err.text, "another process has it"));
    assert_int_equal(second, -1);
    close(first);

    assert_int_equal(listen_open("127.0.0.1", 0, true, &first, &err), 0);
    assert_int_equal(listen(first, 1), 0);
    assert_int_equal(listen_open("127.0.0.1", port_of(first), true, &second, &err), 0);
    assert_int_equal(listen(second, 1), 0);
    close(first);
    close(second);
}

static void ipv6_is_bound_where_there_is_any(void **state)
{
    struct error err = {0};
    int fd = -1;
    (void)state;
    int rc = listen_open("::1", 0, false, &fd, &err);
    if (rc == 0) {
        assert_int_not_equal(port_of(fd), 0);
        close(fd);
    } else {
        assert_int_equal(rc, ERR_IO); /* a machine without IPv6 */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_addresses_are_bound),
        cmocka_unit_test(a_port_has_one_owner_unless_it_is_shared),
        cmocka_unit_test(ipv6_is_bound_where_there_is_any),
    };

    return cmocka_run_group_tests_name("net/listen", tests, NULL, NULL);
}
