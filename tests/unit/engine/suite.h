#ifndef TEST_UNIT_ENGINE_SUITE_H
#define TEST_UNIT_ENGINE_SUITE_H

/*
 * What the suites of this layer share: cmocka, and settings from a text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/settings.h"

#define assert_text(actual, expected) suite_check_str((actual), (expected), __FILE__, __LINE__)

static inline void suite_check_str(struct str actual, const char *expected, const char *file,
                                   int line)
{
    if (!str_is(actual, expected)) {
        print_error("got  \"%.*s\"\nwant \"%s\"\n", STR_ARG(actual), expected);
        _fail(file, line);
    }
}

struct suite_env {
    const char *name, *value;
};

/* Variables of the tests, ends with a NULL name; NULL = none. */
static inline const char *suite_getenv(const char *name, void *ctx)
{
    for (const struct suite_env *e = ctx; e && e->name; e++) {
        if (strcmp(e->name, name) == 0) {
            return e->value;
        }
    }
    return NULL;
}

static inline int suite_settings(const char *text, const struct suite_env *env,
                                 struct settings **ret_settings, struct error *err)
{
    struct settings_source source = {
        .env = suite_getenv, .env_ctx = (void *)(uintptr_t)env, .now_ms = 1000};
    return settings_parse(str_of(text), "weir.yaml", &source, ret_settings, err);
}

#endif
