/*
 * A library that is preloaded under the gateway and makes chosen system calls fail.
 *
 * What fails stands in a file that the environment variable WEIR_FAULT names: `struct control`,
 * mapped shared, so that a test changes the rules of a running process. tests/fault/shim.py writes
 * it and has the same layout and the same order of calls.
 *
 * A rule says: the calls number `first` to `first + times - 1` of one kind, on sockets of TCP or on
 * regular files or on anything, fail with an errno; or are cut short to `arg` bytes. `seen` and
 * `hit` tell the test how many calls came and how many of them were made to fail. Names below
 * ".fault.test" are resolved as `struct names` says and never reach the system's resolver.
 *
 * Each function here stands for one of the C library and calls that one when no rule fits. They
 * have names of their own and take the library's by an assembler label, so that they need not agree
 * with its declarations in every attribute.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define CONTROL_MAGIC  0x57464c54u
#define RULES_MAX      8
#define NAMES_SUFFIX   ".fault.test"
#define IOVECS_MAX     64
#define SHORT_TRANSFER (-1) /* as an action: not a failure, but `arg` bytes at most */

/* In the order of CALLS in shim.py. */
enum call {
    CALL_NONE = 0,
    CALL_READ,
    CALL_WRITE,
    CALL_CONNECT,
    CALL_ACCEPT,
    CALL_EPOLL_WAIT,
    CALL_EPOLL_CTL,
    CALL_SYNC,
    CALL_OPEN,
    CALL_SOCKET,
    CALL_PREAD,
    CALL_PWRITE,
    CALL_TRUNCATE,
    CALL_SHUTDOWN,
    CALL_SETSOCKOPT,
    CALL_BIND,
    CALL_LISTEN,
    CALL_THREAD
};

enum target { ON_ANY = 0, ON_TCP, ON_FILE };

struct rule {
    uint32_t call; /* 0 = no rule; written last */
    uint32_t on;
    int32_t action; /* an errno, or SHORT_TRANSFER */
    uint32_t arg;
    uint32_t first; /* counts from 1 */
    uint32_t times;
    uint32_t seen;
    uint32_t hit;
};

enum names_mode { NAMES_ANSWER = 0, NAMES_FAIL };

struct names {
    uint32_t mode;
    int32_t code; /* EAI_... when they fail */
    uint32_t delay_ms;
    uint32_t asked;
    char address[64]; /* the one that every name has */
};

struct control {
    uint32_t magic;
    uint32_t unused[3];
    struct rule rules[RULES_MAX];
    struct names names;
};

static struct control *control_of_process(void)
{
    static struct control *mapped;
    static bool looked;
    const char *path;

    if (__atomic_load_n(&looked, __ATOMIC_ACQUIRE)) {
        return mapped;
    }
    path = getenv("WEIR_FAULT");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd >= 0) {
        void *at = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (at != MAP_FAILED && ((struct control *)at)->magic == CONTROL_MAGIC) {
            mapped = at;
        }
        close(fd);
    }
    __atomic_store_n(&looked, true, __ATOMIC_RELEASE);
    return mapped;
}

/* Before main and before any thread; calls that come even earlier find no rules. */
static bool ready;

__attribute__((constructor)) static void begin(void)
{
    (void)control_of_process();
    __atomic_store_n(&ready, true, __ATOMIC_RELEASE);
}

static bool is_on(int fd, enum target on)
{
    struct stat st;
    int domain = 0;
    socklen_t n = sizeof(domain);

    if (on == ON_ANY) {
        return true;
    }
    if (fstat(fd, &st) != 0) {
        return false;
    }
    if (on == ON_FILE) {
        return S_ISREG(st.st_mode);
    }
    return S_ISSOCK(st.st_mode) && getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 &&
           (domain == AF_INET || domain == AF_INET6);
}

/* 0, an errno, or SHORT_TRANSFER with its limit. errno itself is left as it was. */
static int action_for(enum call call, int fd, size_t *ret_limit)
{
    if (!__atomic_load_n(&ready, __ATOMIC_ACQUIRE)) {
        return 0;
    }
    struct control *c = control_of_process();
    int former = errno;
    int action = 0;
    for (size_t i = 0; c && action == 0 && i < RULES_MAX; i++) {
        struct rule *r = &c->rules[i];
        if (__atomic_load_n(&r->call, __ATOMIC_ACQUIRE) != call || !is_on(fd, (enum target)r->on)) {
            continue;
        }
        uint32_t number = __atomic_add_fetch(&r->seen, 1, __ATOMIC_RELAXED);
        if (number >= r->first && number - r->first < r->times) {
            __atomic_add_fetch(&r->hit, 1, __ATOMIC_RELAXED);
            action = r->action;
            *ret_limit = r->arg;
        }
    }
    errno = former;
    return action;
}

/* True when the call is to fail: errno is set. A short transfer lowers *n. */
static bool fails(enum call call, int fd, size_t *n)
{
    size_t limit = 0;
    int action = action_for(call, fd, &limit);
    if (action > 0) {
        errno = action;
        return true;
    }
    if (action == SHORT_TRANSFER && n && *n > limit) {
        *n = limit;
    }
    return false;
}

static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found) {
        abort();
    }
    return found;
}

/* REAL(type, name): the library's own function, looked up once. */
#define REAL(type, name)                                                                           \
    ({                                                                                             \
        static type at_;                                                                           \
        type found_ = __atomic_load_n(&at_, __ATOMIC_ACQUIRE);                                     \
        if (!found_) {                                                                             \
            found_ = (type)real(name);                                                             \
            __atomic_store_n(&at_, found_, __ATOMIC_RELEASE);                                      \
        }                                                                                          \
        found_;                                                                                    \
    })

#define HOOK(name) __asm__(name) __attribute__((visibility("default")))

/* ---- bytes in ---- */

typedef ssize_t (*read_fn)(int, void *, size_t);
typedef ssize_t (*pread_fn)(int, void *, size_t, off_t);
typedef ssize_t (*recv_fn)(int, void *, size_t, int);
typedef ssize_t (*vector_fn)(int, const struct iovec *, int);
typedef ssize_t (*message_fn)(int, struct msghdr *, int);

ssize_t hook_read(int fd, void *to, size_t n) HOOK("read");

ssize_t hook_read(int fd, void *to, size_t n)
{
    return fails(CALL_READ, fd, &n) ? -1 : REAL(read_fn, "read")(fd, to, n);
}

ssize_t hook_recv(int fd, void *to, size_t n, int flags) HOOK("recv");

ssize_t hook_recv(int fd, void *to, size_t n, int flags)
{
    return fails(CALL_READ, fd, &n) ? -1 : REAL(recv_fn, "recv")(fd, to, n, flags);
}

ssize_t hook_recvmsg(int fd, struct msghdr *message, int flags) HOOK("recvmsg");

ssize_t hook_recvmsg(int fd, struct msghdr *message, int flags)
{
    return fails(CALL_READ, fd, NULL) ? -1 : REAL(message_fn, "recvmsg")(fd, message, flags);
}

ssize_t hook_pread(int fd, void *to, size_t n, off_t at) HOOK("pread64");

ssize_t hook_pread(int fd, void *to, size_t n, off_t at)
{
    return fails(CALL_PREAD, fd, &n) ? -1 : REAL(pread_fn, "pread64")(fd, to, n, at);
}

/* ---- bytes out ---- */

/* The same vector with `limit` bytes at most; copied into `out` where it is cut. */
static int cut_vector(const struct iovec *from, int count, size_t limit, struct iovec *out)
{
    int n = 0;
    while (n < count && n < IOVECS_MAX && limit > 0) {
        out[n] = from[n];
        out[n].iov_len = out[n].iov_len < limit ? out[n].iov_len : limit;
        limit -= out[n].iov_len;
        n++;
    }
    return n;
}

ssize_t hook_write(int fd, const void *from, size_t n) HOOK("write");

ssize_t hook_write(int fd, const void *from, size_t n)
{
    typedef ssize_t (*write_fn)(int, const void *, size_t);
    return fails(CALL_WRITE, fd, &n) ? -1 : REAL(write_fn, "write")(fd, from, n);
}

ssize_t hook_send(int fd, const void *from, size_t n, int flags) HOOK("send");

ssize_t hook_send(int fd, const void *from, size_t n, int flags)
{
    typedef ssize_t (*send_fn)(int, const void *, size_t, int);
    return fails(CALL_WRITE, fd, &n) ? -1 : REAL(send_fn, "send")(fd, from, n, flags);
}

ssize_t hook_writev(int fd, const struct iovec *from, int count) HOOK("writev");

ssize_t hook_writev(int fd, const struct iovec *from, int count)
{
    struct iovec cut[IOVECS_MAX];
    size_t limit = SIZE_MAX;
    if (fails(CALL_WRITE, fd, &limit)) {
        return -1;
    }
    if (limit != SIZE_MAX) {
        count = cut_vector(from, count, limit, cut);
        from = cut;
    }
    return REAL(vector_fn, "writev")(fd, from, count);
}

ssize_t hook_sendmsg(int fd, const struct msghdr *message, int flags) HOOK("sendmsg");

ssize_t hook_sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct iovec cut[IOVECS_MAX];
    struct msghdr copy = *message;
    size_t limit = SIZE_MAX;
    if (fails(CALL_WRITE, fd, &limit)) {
        return -1;
    }
    if (limit != SIZE_MAX) {
        copy.msg_iovlen =
            (size_t)cut_vector(message->msg_iov, (int)message->msg_iovlen, limit, cut);
        copy.msg_iov = cut;
    }
    return REAL(message_fn, "sendmsg")(fd, &copy, flags);
}

ssize_t hook_pwrite(int fd, const void *from, size_t n, off_t at) HOOK("pwrite64");

ssize_t hook_pwrite(int fd, const void *from, size_t n, off_t at)
{
    typedef ssize_t (*pwrite_fn)(int, const void *, size_t, off_t);
    return fails(CALL_PWRITE, fd, &n) ? -1 : REAL(pwrite_fn, "pwrite64")(fd, from, n, at);
}

/* ---- files ---- */

typedef int (*fd_fn)(int);

int hook_fsync(int fd) HOOK("fsync");

int hook_fsync(int fd)
{
    return fails(CALL_SYNC, fd, NULL) ? -1 : REAL(fd_fn, "fsync")(fd);
}

int hook_fdatasync(int fd) HOOK("fdatasync");

int hook_fdatasync(int fd)
{
    return fails(CALL_SYNC, fd, NULL) ? -1 : REAL(fd_fn, "fdatasync")(fd);
}

int hook_ftruncate(int fd, off_t n) HOOK("ftruncate64");

int hook_ftruncate(int fd, off_t n)
{
    typedef int (*truncate_fn)(int, off_t);
    return fails(CALL_TRUNCATE, fd, NULL) ? -1 : REAL(truncate_fn, "ftruncate64")(fd, n);
}

static int open_at(int folder, const char *path, int flags, va_list args)
{
    typedef int (*openat_fn)(int, const char *, int, ...);
    bool makes = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
    unsigned mode = makes ? va_arg(args, unsigned) : 0;
    return fails(CALL_OPEN, -1, NULL) ? -1 : REAL(openat_fn, "openat64")(folder, path, flags, mode);
}

#define HOOK_OPEN(function, name)                                                                  \
    int function(const char *path, int flags, ...) HOOK(name);                                     \
    int function(const char *path, int flags, ...)                                                 \
    {                                                                                              \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        int fd = open_at(AT_FDCWD, path, flags, args);                                             \
        va_end(args);                                                                              \
        return fd;                                                                                 \
    }

HOOK_OPEN(hook_open, "open")
HOOK_OPEN(hook_open64, "open64")

/* stdio opens by a private name of the C library: files read through it are caught here. */
void *hook_fopen(const char *path, const char *mode) HOOK("fopen");

void *hook_fopen(const char *path, const char *mode)
{
    typedef void *(*fopen_fn)(const char *, const char *);
    return fails(CALL_OPEN, -1, NULL) ? NULL : REAL(fopen_fn, "fopen")(path, mode);
}

void *hook_fopen64(const char *path, const char *mode) HOOK("fopen64");

void *hook_fopen64(const char *path, const char *mode)
{
    typedef void *(*fopen_fn)(const char *, const char *);
    return fails(CALL_OPEN, -1, NULL) ? NULL : REAL(fopen_fn, "fopen64")(path, mode);
}

/* ---- sockets ---- */

int hook_socket(int domain, int type, int protocol) HOOK("socket");

int hook_socket(int domain, int type, int protocol)
{
    typedef int (*socket_fn)(int, int, int);
    return fails(CALL_SOCKET, -1, NULL) ? -1 : REAL(socket_fn, "socket")(domain, type, protocol);
}

int hook_connect(int fd, const void *address, socklen_t n) HOOK("connect");

int hook_connect(int fd, const void *address, socklen_t n)
{
    typedef int (*connect_fn)(int, const void *, socklen_t);
    return fails(CALL_CONNECT, fd, NULL) ? -1 : REAL(connect_fn, "connect")(fd, address, n);
}

int hook_bind(int fd, const void *address, socklen_t n) HOOK("bind");

int hook_bind(int fd, const void *address, socklen_t n)
{
    typedef int (*bind_fn)(int, const void *, socklen_t);
    return fails(CALL_BIND, fd, NULL) ? -1 : REAL(bind_fn, "bind")(fd, address, n);
}

int hook_listen(int fd, int backlog) HOOK("listen");

int hook_listen(int fd, int backlog)
{
    typedef int (*listen_fn)(int, int);
    return fails(CALL_LISTEN, fd, NULL) ? -1 : REAL(listen_fn, "listen")(fd, backlog);
}

int hook_accept4(int fd, void *address, socklen_t *n, int flags) HOOK("accept4");

int hook_accept4(int fd, void *address, socklen_t *n, int flags)
{
    typedef int (*accept_fn)(int, void *, socklen_t *, int);
    return fails(CALL_ACCEPT, fd, NULL) ? -1 : REAL(accept_fn, "accept4")(fd, address, n, flags);
}

int hook_shutdown(int fd, int how) HOOK("shutdown");

int hook_shutdown(int fd, int how)
{
    typedef int (*shutdown_fn)(int, int);
    return fails(CALL_SHUTDOWN, fd, NULL) ? -1 : REAL(shutdown_fn, "shutdown")(fd, how);
}

int hook_setsockopt(int fd, int level, int name, const void *value, socklen_t n) HOOK("setsockopt");

int hook_setsockopt(int fd, int level, int name, const void *value, socklen_t n)
{
    typedef int (*option_fn)(int, int, int, const void *, socklen_t);
    return fails(CALL_SETSOCKOPT, fd, NULL)
               ? -1
               : REAL(option_fn, "setsockopt")(fd, level, name, value, n);
}

/* ---- waiting ---- */

int hook_epoll_wait(int fd, void *events, int n, int timeout) HOOK("epoll_wait");

int hook_epoll_wait(int fd, void *events, int n, int timeout)
{
    typedef int (*wait_fn)(int, void *, int, int);
    return fails(CALL_EPOLL_WAIT, fd, NULL) ? -1
                                            : REAL(wait_fn, "epoll_wait")(fd, events, n, timeout);
}

int hook_epoll_pwait(int fd, void *events, int n, int timeout, const void *set) HOOK("epoll_pwait");

int hook_epoll_pwait(int fd, void *events, int n, int timeout, const void *set)
{
    typedef int (*wait_fn)(int, void *, int, int, const void *);
    return fails(CALL_EPOLL_WAIT, fd, NULL)
               ? -1
               : REAL(wait_fn, "epoll_pwait")(fd, events, n, timeout, set);
}

int hook_epoll_ctl(int fd, int operation, int of, struct epoll_event *event) HOOK("epoll_ctl");

int hook_epoll_ctl(int fd, int operation, int of, struct epoll_event *event)
{
    typedef int (*control_fn)(int, int, int, struct epoll_event *);
    return fails(CALL_EPOLL_CTL, of, NULL)
               ? -1
               : REAL(control_fn, "epoll_ctl")(fd, operation, of, event);
}

/* ---- threads and names ---- */

int hook_thread(void *thread, const void *options, void *(*run)(void *), void *ctx)
    HOOK("pthread_create");

int hook_thread(void *thread, const void *options, void *(*run)(void *), void *ctx)
{
    typedef int (*thread_fn)(void *, const void *, void *(*)(void *), void *);
    return fails(CALL_THREAD, -1, NULL)
               ? errno
               : REAL(thread_fn, "pthread_create")(thread, options, run, ctx);
}

static bool is_ours(const char *host)
{
    size_t n = host ? strlen(host) : 0;
    size_t suffix = sizeof(NAMES_SUFFIX) - 1;
    return n > suffix && strcmp(host + n - suffix, NAMES_SUFFIX) == 0;
}

int hook_names(const char *host, const char *service, const struct addrinfo *hints,
               struct addrinfo **ret_list) HOOK("getaddrinfo");

int hook_names(const char *host, const char *service, const struct addrinfo *hints,
               struct addrinfo **ret_list)
{
    typedef int (*names_fn)(const char *, const char *, const struct addrinfo *,
                            struct addrinfo **);
    struct control *c = control_of_process();
    if (!c || !is_ours(host)) {
        return REAL(names_fn, "getaddrinfo")(host, service, hints, ret_list);
    }
    struct names names = c->names;
    __atomic_add_fetch(&c->names.asked, 1, __ATOMIC_RELAXED);
    struct timespec delay = {.tv_sec = names.delay_ms / 1000,
                             .tv_nsec = (long)(names.delay_ms % 1000) * 1000000};
    nanosleep(&delay, NULL);
    if (names.mode == NAMES_FAIL) {
        return names.code;
    }
    names.address[sizeof(names.address) - 1] = '\0';
    return REAL(names_fn, "getaddrinfo")(names.address, service, hints, ret_list);
}
