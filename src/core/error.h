#ifndef CORE_ERROR_H
#define CORE_ERROR_H

/*
 * The three kinds of failure, and the only ones.
 *
 *   our bug            BUG_ON(cond): always compiled in; prints place and condition, aborts.
 *   expected failure   a negative `enum err` as return value, and a `struct error` when a person
 *                      must learn why.
 *   out of memory      the allocator (core/mem.h) prints and aborts.
 *
 * A `struct error` is owned by the caller, needs no release, is left untouched on success and may
 * be NULL where nobody wants the text. Codes are few and tell how to react, not where it happened.
 */
#include <stdbool.h>

#include "core/attr.h"

#define ERROR_TEXT_MAX 480

enum err {
    ERR_OK = 0,
    ERR_INVALID = -1,   /* the input is wrong; the same input fails again */
    ERR_LIMIT = -2,     /* a named maximum was exceeded */
    ERR_TIMEOUT = -3,   /* it took longer than allowed */
    ERR_CLOSED = -4,    /* the peer ended the connection */
    ERR_BUSY = -5,      /* no room now; later may work */
    ERR_DENIED = -6,    /* known, and not allowed */
    ERR_NOT_FOUND = -7, /* no such thing */
    ERR_UPSTREAM = -8,  /* the provider answered with a failure or with nonsense */
    ERR_IO = -9,        /* the system failed: file, socket, database */
    ERR_CANCELLED = -10 /* the caller does not want it any more */
};

struct error {
    enum err code;
    char text[ERROR_TEXT_MAX];
};

/* Sets *err (if not NULL) and returns `code`, so that `return error_set(...)` is one line. */
int error_set(struct error *err, enum err code, const char *format, ...) PRINTF_LIKE(3, 4);

/* Puts context before the text ("tenant acme: ..."); returns err's code (ERR_INVALID
 * when err is NULL). At most once a layer. */
int error_wrap(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* A code's short name ("timeout"), static. */
const char *error_name(enum err code);

NORETURN void bug_report(const char *file, int line, const char *condition);

#define BUG_ON(cond)                                                                               \
    (__builtin_expect(!!(cond), 0) ? bug_report(__FILE__, __LINE__, #cond) : (void)0)

#endif
