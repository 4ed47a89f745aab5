#ifndef CORE_BOUNDS_H
#define CORE_BOUNDS_H

/*
 * The bounds of a number in an option or a setting, and how a person reads them. Both bounds 0
 * means that there are none.
 */
#include <stdbool.h>

enum bounds_unit {
    BOUNDS_NUMBER,
    BOUNDS_DURATION, /* milliseconds, shown as "10s" */
    BOUNDS_BYTES     /* shown as "32MiB" */
};

/* Is min <= value <= max? */
bool bounds_hold(double value, double min, double max);

/* " from 1 to 65535", " from 1s to 1h", or "" without bounds. out holds BOUNDS_TEXT_MAX bytes and
 * is returned. */
#define BOUNDS_TEXT_MAX 80
const char *bounds_show(enum bounds_unit unit, double min, double max, char *out);

#endif
