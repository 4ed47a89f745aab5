#include "core/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/error.h"

#define LOG_WHO_MAX 64

struct level {
    const char *name;
    const char *shown; /* padded to one width */
};

static const struct level levels[] = {
    [LOG_DEBUG] = {"debug", "DEBUG"},
      [LOG_INFO] = {"info",  "INFO "},
    [LOG_WARN] = {"warn",  "WARN "},
      [LOG_ERROR] = {"error", "ERROR"},
    [LOG_OFF] = {"off",   "OFF  "},
};

void log_init(struct log *log, enum log_level level, bool json)
{
    *log = (struct log){.level = level, .json = json, .fd = STDERR_FILENO};
}

/* What a line may show as it is: well-formed, and nothing that steers a terminal (C0, DEL, C1). */
static size_t shown_as_is(struct str s)
{
    size_t len = str_utf8_char(s);
    unsigned char first = (unsigned char)s.p[0];

    if (first < 0x20 || first == 0x7F ||
        (len == 2 && first == 0xC2 && (unsigned char)s.p[1] < 0xA0)) {
        return 0;
    }
    return len;
}

/* Both forms keep the whole line within LOG_LINE_MAX; a cut message ends in "...". */
static void put_escaped(struct buf *out, struct str s)
{
    while (s.n > 0) {
        size_t len = shown_as_is(s);

        if (out->n + sizeof("\\xff...\n") > out->max) {
            buf_puts(out, "...");
            return;
        }
        if (len > 0) {
            buf_put(out, s.p, len);
        } else if (s.p[0] == '\n') {
            buf_puts(out, "\\n");
        } else {
            buf_putf(out, "\\x%02x", (unsigned char)s.p[0]);
        }
        s = str_from(s, len > 0 ? len : 1);
    }
}

static void put_json_cut(struct buf *out, struct str s, size_t room)
{
    size_t start = out->n;

    buf_put_json(out, s);
    while (!buf_ok(out) || out->n - start > room) {
        out->n = start;
        out->overflowed = false;
        s.n = s.n * 3 / 4;
        buf_put_json(out, s);
    }
}

static void put_line(struct buf *out, const struct log *log, enum log_level level, struct str who,
                     struct str message)
{
    char time[CLOCK_TEXT_MAX];

    clock_format(clock_wall_ms(), time);
    if (log->json) {
        buf_putf(out, "{\"time\":\"%s\",\"level\":\"%s\",\"who\":", time, levels[level].name);
        put_json_cut(out, who, LOG_WHO_MAX);
        buf_puts(out, ",\"message\":");
        put_json_cut(out, message, LOG_LINE_MAX - out->n - sizeof("}\n"));
        buf_puts(out, "}\n");
        return;
    }
    buf_putf(out, "%s %s %-8.*s ", time, levels[level].shown, STR_ARG(str_head(who, LOG_WHO_MAX)));
    put_escaped(out, message);
    buf_putc(out, '\n');
}

void log_write(const struct log *log, enum log_level level, const char *who, const char *format,
               ...)
{
    if (level < log->level || level >= LOG_OFF || log->level >= LOG_OFF) {
        return;
    }
    int saved_errno = errno;
    char message[LOG_LINE_MAX];
    va_list args;

    va_start(args, format);
    int n = vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    if (n < 0) {
        n = snprintf(message, sizeof(message), "(a message that could not be formatted)");
    }
    size_t len = (size_t)n < sizeof(message) ? (size_t)n : sizeof(message) - 1;
    struct buf line;
    buf_init(&line, LOG_LINE_MAX);
    buf_reserve(&line, LOG_LINE_MAX);
    put_line(&line, log, level, str_of(who), str_make(message, len));
    /* A log that cannot be written is nobody's error: there is no place left to say so. */
    while (write(log->fd, line.p, line.n) < 0 && errno == EINTR) {
    }
    buf_release(&line);
    errno = saved_errno;
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (strcmp(text, levels[i].name) == 0) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    }
    return ERR_INVALID;
}
