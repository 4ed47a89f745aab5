#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

/*
 * The two clocks. Decisions never call these: they get time as a parameter.
 */
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/str.h"

/* Monotonic, for durations. Never compared across processes. */
int64_t clock_mono_us(void);
/* Wall time since 1970-01-01 UTC, for records. */
int64_t clock_wall_ms(void);

/* "2026-11-24T13:05:09.123Z"; out holds CLOCK_TEXT_MAX bytes. */
#define CLOCK_TEXT_MAX 32
void clock_format(int64_t wall_ms, char *out);
/* "2026-11-24"; out holds CLOCK_TEXT_MAX bytes. */
void clock_format_day(int64_t wall_ms, char *out);

/* A day or time in UTC, 1970 to 9999: "2026-11-24" (its start), "2026-11-24T13:05", with or without
 * seconds and Z; a space may stand for the T. 0 or ERR_INVALID. */
MUST_CHECK int clock_parse(struct str text, int64_t *ret_wall_ms);

#endif
