#include "unit/core/suite.h"

#include <errno.h>
#include <fcntl.h>

#include "core/error.h"
#include "core/json.h"
#include "core/log.h"

#define TIME_LEN 24

/* A log that writes into a pipe, and what came out of it. */
struct capture {
    struct log log;
    int ends[2];
    char text[LOG_LINE_MAX * 2];
};

static void open_capture(struct capture *c, enum log_level level, bool json)
{
    log_init(&c->log, level, json);
    assert_int_equal(c->log.fd, STDERR_FILENO);
    assert_int_equal(pipe2(c->ends, O_NONBLOCK), 0);
    c->log.fd = c->ends[1];
}

/* What was written since the last time. */
static struct str written(struct capture *c)
{
    ssize_t n = read(c->ends[0], c->text, sizeof(c->text));

    return str_make(c->text, n > 0 ? (size_t)n : 0);
}

static void close_capture(struct capture *c)
{
    close(c->ends[0]);
    close(c->ends[1]);
}

static void a_line_tells_time_level_who_and_message(void **state)
{
    struct capture c;

    (void)state;
    open_capture(&c, LOG_DEBUG, false);
    log_info(&c.log, "gateway", "listening on %d", 8080);
    struct str line = written(&c);
    assert_int_equal(line.p[10], 'T');
    assert_int_equal(line.p[TIME_LEN - 1], 'Z');
    assert_str(str_from(line, TIME_LEN), " INFO  gateway  listening on 8080\n");
    log_debug(&c.log, "x", "d");
    assert_str(str_from(written(&c), TIME_LEN), " DEBUG x        d\n");
    log_warn(&c.log, "x", "w");
    assert_str(str_from(written(&c), TIME_LEN), " WARN  x        w\n");
    log_error(&c.log, "x", "e");
    assert_str(str_from(written(&c), TIME_LEN), " ERROR x        e\n");
    close_capture(&c);
}

static void lines_below_the_level_are_dropped(void **state)
{
    struct capture c;

    (void)state;
    for (int level = LOG_DEBUG; level <= LOG_OFF; level++) {
        open_capture(&c, (enum log_level)level, false);
        for (int line = LOG_DEBUG; line <= LOG_OFF; line++) {
            log_write(&c.log, (enum log_level)line, "who", "text");
            assert_int_equal(written(&c).n > 0, line >= level && line < LOG_OFF);
        }
        close_capture(&c);
    }
}

static void control_bytes_cannot_forge_lines(void **state)
{
    struct capture c;

    (void)state;
    open_capture(&c, LOG_INFO, false);
    log_info(&c.log, "x", "a\nb\r\x1b[2J\x7f\xC2\x9B\xFF caf\xC3\xA9");
    assert_str(str_from(written(&c), TIME_LEN),
               " INFO  x        a\\nb\\x0d\\x1b[2J\\x7f\\xc2\\x9b\\xff caf\xC3\xA9\n");
    close_capture(&c);
}

static void json_lines_parse(void **state)
{
    struct capture c;

    (void)state;
    open_capture(&c, LOG_INFO, true);
    log_warn(&c.log, "ga\"te", "a\n\"b\" \xFF");
    yyjson_doc *doc = json_parse(written(&c), NULL);
    assert_non_null(doc);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_int_equal(json_get_str(root, "time").n, TIME_LEN);
    assert_str(json_get_str(root, "level"), "warn");
    assert_str(json_get_str(root, "who"), "ga\"te");
    assert_str(json_get_str(root, "message"), "a\n\"b\" \xEF\xBF\xBD");
    yyjson_doc_free(doc);
    close_capture(&c);
}

static void long_messages_are_cut_to_one_line(void **state)
{
    static const char *const fillings[] = {"x", "\x01", "\xC3\xA9", "\"", "\xFF"};
    char message[LOG_LINE_MAX * 2];
    struct capture c;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fillings) * 2; i++) {
        const char *filling = fillings[i / 2];
        size_t n = strlen(filling);
        for (size_t at = 0; at + n < sizeof(message); at += n) {
            memcpy(message + at, filling, n + 1);
        }
        open_capture(&c, LOG_INFO, i % 2 == 1);
        log_info(&c.log, message, "%s", message);
        struct str line = written(&c);
        assert_true(line.n > 500 && line.n <= LOG_LINE_MAX);
        assert_int_equal(line.p[line.n - 1], '\n');
        assert_int_equal(str_find_char(line, '\n'), (ptrdiff_t)line.n - 1);
        if (i % 2 == 1) {
            yyjson_doc *doc = json_parse(line, NULL);
            assert_non_null(doc);
            yyjson_doc_free(doc);
        }
        close_capture(&c);
    }
}

static void errno_survives_logging(void **state)
{
    struct log log;

    (void)state;
    log_init(&log, LOG_INFO, false);
    log.fd = -1;
    errno = ENOENT;
    log_info(&log, "x", "nobody reads this");
    assert_int_equal(errno, ENOENT);
}

static void levels_are_read_by_name(void **state)
{
    static const char *const names[] = {"debug", "info", "warn", "error", "off"};
    enum log_level level;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(log_level_parse(names[i], &level), 0);
        assert_int_equal(level, i);
    }
    assert_int_equal(log_level_parse("INFO", &level), ERR_INVALID);
    assert_int_equal(log_level_parse("", &level), ERR_INVALID);
    assert_int_equal(level, LOG_OFF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_tells_time_level_who_and_message),
        cmocka_unit_test(lines_below_the_level_are_dropped),
        cmocka_unit_test(control_bytes_cannot_forge_lines),
        cmocka_unit_test(json_lines_parse),
        cmocka_unit_test(long_messages_are_cut_to_one_line),
        cmocka_unit_test(errno_survives_logging),
        cmocka_unit_test(levels_are_read_by_name),
    };

    return cmocka_run_group_tests_name("core/log", tests, NULL, NULL);
}
