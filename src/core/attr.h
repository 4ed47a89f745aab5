#ifndef CORE_ATTR_H
#define CORE_ATTR_H

/*
 * Compiler attributes under names that say what they promise.
 */

/* The result says whether the call worked; ignoring it is an error. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* The compiler checks the arguments against the format string. */
#define PRINTF_LIKE(format_index, first_arg)                                                       \
    __attribute__((format(printf, format_index, first_arg)))

#define NORETURN        __attribute__((noreturn))
#define RETURNS_NONNULL __attribute__((returns_nonnull))
#define UNUSED          __attribute__((unused))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* The struct that holds `member` at `ptr`. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
