#include "core/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A cut text must not end inside a UTF-8 character: it may become part of a JSON body. */
static void drop_broken_tail(char *text)
{
    size_t n = strlen(text);
    size_t back = 0;

    while (back < 3 && back < n && ((unsigned char)text[n - 1 - back] & 0xC0) == 0x80) {
        back++;
    }
    if (back >= n) {
        return;
    }
    unsigned char lead = (unsigned char)text[n - 1 - back];
    size_t want = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    if (want > back) {
        text[n - 1 - back] = '\0';
    }
}

static void format_text(char *out, size_t size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

static void format_text(char *out, size_t size, const char *format, va_list args)
{
    int n = vsnprintf(out, size, format, args);

    if (n < 0) {
        out[0] = '\0';
    } else if ((size_t)n >= size) {
        drop_broken_tail(out);
    }
}

int error_set(struct error *err, enum err code, const char *format, ...)
{
    if (!err) {
        return code;
    }
    /* The arguments may point into err->text itself. */
    char text[ERROR_TEXT_MAX];
    va_list args;

    va_start(args, format);
    format_text(text, sizeof(text), format, args);
    va_end(args);
    err->code = code;
    memcpy(err->text, text, strlen(text) + 1);
    return code;
}

int error_wrap(struct error *err, const char *format, ...)
{
    if (!err) {
        return ERR_INVALID;
    }
    char context[ERROR_TEXT_MAX];
    char text[ERROR_TEXT_MAX];
    va_list args;

    va_start(args, format);
    format_text(context, sizeof(context), format, args);
    va_end(args);
    int n = snprintf(text, sizeof(text), "%s: %s", context, err->text);
    if (n < 0 || (size_t)n >= sizeof(text)) {
        drop_broken_tail(text);
    }
    memcpy(err->text, text, strlen(text) + 1);
    return err->code;
}

const char *error_name(enum err code)
{
    switch (code) {
    case ERR_OK:
        return "ok";
    case ERR_INVALID:
        return "invalid";
    case ERR_LIMIT:
        return "limit";
    case ERR_TIMEOUT:
        return "timeout";
    case ERR_CLOSED:
        return "closed";
    case ERR_BUSY:
        return "busy";
    case ERR_DENIED:
        return "denied";
    case ERR_NOT_FOUND:
        return "not_found";
    case ERR_UPSTREAM:
        return "upstream";
    case ERR_IO:
        return "io";
    case ERR_CANCELLED:
        return "cancelled";
    }
    return "unknown";
}

void bug_report(const char *file, int line, const char *condition)
{
    fprintf(stderr, "weir: bug at %s:%d: %s\n", file, line, condition);
    fflush(stderr);
    abort();
}
