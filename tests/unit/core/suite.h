#ifndef UNIT_CORE_SUITE_H
#define UNIT_CORE_SUITE_H

/*
 * What the suites of the base layer share: the headers cmocka wants first, comparisons of struct
 * str, and a way to see that a call ends the process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/str.h"

#define assert_str(actual, expected) check_str((actual), str_of(expected), __FILE__, __LINE__)

static inline void check_str(struct str actual, struct str expected, const char *file, int line)
{
    if (!str_eq(actual, expected)) {
        print_error("got  \"%.*s\"\nwant \"%.*s\"\n", STR_ARG(actual), STR_ARG(expected));
        _fail(file, line);
    }
}

/* Does fn end its process? It runs in a child that says nothing. */
static inline bool ends_process(void (*fn)(void))
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr)) {
            _exit(0);
        }
        fn();
        _exit(0);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

#endif
