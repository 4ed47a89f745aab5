#ifndef UNIT_NET_SUITE_H
#define UNIT_NET_SUITE_H

/* What every suite of net includes: cmocka, and views compared with text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/str.h"

#define assert_str(s, text)                                                                        \
    do {                                                                                           \
        struct str assert_str_s = (s);                                                             \
        struct str assert_str_t = str_of(text);                                                    \
        if (!str_eq(assert_str_s, assert_str_t)) {                                                 \
            print_error("got \"%.*s\", expected \"%s\"\n", STR_ARG(assert_str_s), (text));         \
            _fail(__FILE__, __LINE__);                                                             \
        }                                                                                          \
    } while (0)

#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        if (strstr((text), (part)) == NULL) {                                                      \
            print_error("\"%s\" does not contain \"%s\"\n", (text), (part));                       \
            _fail(__FILE__, __LINE__);                                                             \
        }                                                                                          \
    } while (0)

#endif
