#include "net/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/str.h"

static int parse_address(const char *text, uint16_t port, struct sockaddr_storage *ret_address,
                         socklen_t *ret_n)
{
    struct sockaddr_in *in4 = (struct sockaddr_in *)ret_address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_address;

    *ret_address = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, text, &in4->sin_addr) == 1) {
        in4->sin_family = AF_INET;
        in4->sin_port = htons(port);
        *ret_n = sizeof(*in4);
        return 0;
    }
    if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        *ret_n = sizeof(*in6);
        return 0;
    }
    return ERR_INVALID;
}

/* Opened by hand because libuv of Debian 12 knows no SO_REUSEPORT. */
int listen_open(const char *text, uint16_t port, bool reuseport, int *ret_fd, struct error *err)
{
    struct sockaddr_storage address;
    socklen_t n = 0;
    int on = 1;

    if (parse_address(text, port, &address, &n) != 0) {
        return error_set(err, ERR_INVALID, "\"%s\" is no IP address to listen on", text);
    }
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return error_set(err, ERR_IO, "cannot create a socket: %s", strerror(errno));
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (reuseport) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    }
    if (bind(fd, (struct sockaddr *)&address, n) != 0) {
        int code = errno;
        close(fd);
        return error_set(err, ERR_IO, "cannot listen on %s port %u: %s%s", text, port,
                         strerror(code),
                         code == EADDRINUSE ? "; another process has it (see: ss -ltnp)" : "");
    }
    *ret_fd = fd;
    return 0;
}
