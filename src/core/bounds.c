#include "core/bounds.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "core/attr.h"

#define ONE_TEXT_MAX 32

struct unit {
    double factor;
    const char *name;
};

/* The largest that divides the value is shown; the last one always does. */
static const struct unit numbers[] = {
    {1, ""}
};
static const struct unit durations[] = {
    {86400000, "d" },
    {3600000,  "h" },
    {60000,    "m" },
    {1000,     "s" },
    {1,        "ms"},
};
static const struct unit sizes[] = {
    {1099511627776.0, "TiB"},
    {1073741824.0,    "GiB"},
    {1048576.0,       "MiB"},
    {1024,            "KiB"},
    {1,               "B"  },
};

static const struct {
    const struct unit *units;
    size_t n;
} tables[] = {
    [BOUNDS_NUMBER] = {numbers,   ARRAY_LEN(numbers)  },
    [BOUNDS_DURATION] = {durations, ARRAY_LEN(durations)},
    [BOUNDS_BYTES] = {sizes,     ARRAY_LEN(sizes)    },
};

bool bounds_hold(double value, double min, double max)
{
    return (min == 0 && max == 0) || (value >= min && value <= max);
}

static void show_one(enum bounds_unit unit, double value, char *out)
{
    size_t i = 0;

    while (i + 1 < tables[unit].n &&
           (value == 0 || fmod(value, tables[unit].units[i].factor) != 0)) {
        i++;
    }
    snprintf(out, ONE_TEXT_MAX, "%.15g%s", value / tables[unit].units[i].factor,
             tables[unit].units[i].name);
}

const char *bounds_show(enum bounds_unit unit, double min, double max, char *out)
{
    char low[ONE_TEXT_MAX];
    char high[ONE_TEXT_MAX];

    out[0] = '\0';
    if (min != 0 || max != 0) {
        show_one(unit, min, low);
        show_one(unit, max, high);
        snprintf(out, BOUNDS_TEXT_MAX, " from %s to %s", low, high);
    }
    return out;
}
