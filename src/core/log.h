#ifndef CORE_LOG_H
#define CORE_LOG_H

/*
 * One line per event on stderr: time, level, who, message; or JSON lines.
 *
 * Libraries never log a failure they return; phases and commands log it once. Messages must hold
 * no secret: callers pass names of keys, never keys. Control bytes are escaped, so a peer cannot
 * forge lines. Each line is one write(2): threads may share a log.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/attr.h"

#define LOG_LINE_MAX 2048

enum log_level { LOG_DEBUG = 0, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

struct log {
    enum log_level level;
    bool json;
    int fd;
};

void log_init(struct log *log, enum log_level level, bool json);
void log_write(const struct log *log, enum log_level level, const char *who, const char *format,
               ...) PRINTF_LIKE(4, 5);

/* "debug" ... "off"; 0 or ERR_INVALID. */
int log_level_parse(const char *text, enum log_level *ret_level);

#define log_debug(log, who, ...) log_write((log), LOG_DEBUG, (who), __VA_ARGS__)
#define log_info(log, who, ...)  log_write((log), LOG_INFO, (who), __VA_ARGS__)
#define log_warn(log, who, ...)  log_write((log), LOG_WARN, (who), __VA_ARGS__)
#define log_error(log, who, ...) log_write((log), LOG_ERROR, (who), __VA_ARGS__)

#endif
