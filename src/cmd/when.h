#ifndef CMD_WHEN_H
#define CMD_WHEN_H

/*
 * Points in time as people give them: --since 1h, --until 2026-11-24.
 *
 *   10m, 2h, 30d            so long ago
 *   2026-11-24              that day's start, UTC
 *   2026-11-24T13:05        and with a time, with or without seconds, UTC; a Z may follow, and a
 *   2026-11-24 13:05:09Z    space may stand for the T
 */
#include <stdint.h>

#include "core/attr.h"
#include "core/error.h"
#include "core/str.h"

/* Wall milliseconds. `option` ("--since") is named in the message. */
MUST_CHECK int when_parse(const char *option, struct str text, int64_t now_ms, int64_t *ret_ms,
                          struct error *err);

#endif
