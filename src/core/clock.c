#include "core/clock.h"

#include <stdio.h>
#include <time.h>

#include "core/error.h"

#define DAY_MS   INT64_C(86400000)
#define FIRST_MS INT64_C(-62167219200000) /* 0000-01-01 */
#define LAST_MS  INT64_C(253402300799999) /* the end of 9999 */

int64_t clock_mono_us(void)
{
    struct timespec now;

    BUG_ON(clock_gettime(CLOCK_MONOTONIC, &now) != 0);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t clock_wall_ms(void)
{
    struct timespec now;

    BUG_ON(clock_gettime(CLOCK_REALTIME, &now) != 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct civil {
    unsigned year, month, day;
    unsigned ms; /* of the day */
};

/* Gregorian date of a wall time, clamped to years that have four digits. Counts in eras of 400
 * years that begin in March, so that the leap day is the last of its year. */
static struct civil civil_of(int64_t wall_ms)
{
    wall_ms = wall_ms < FIRST_MS ? FIRST_MS : wall_ms > LAST_MS ? LAST_MS : wall_ms;
    int64_t days = (wall_ms - FIRST_MS) / DAY_MS;
    unsigned ms = (unsigned)((wall_ms - FIRST_MS) % DAY_MS);

    unsigned z = (unsigned)days + 146097 - 60; /* days since March 1 of year -400 */
    unsigned era = z / 146097;
    unsigned day_of_era = z % 146097;
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned month = (5 * day_of_year + 2) / 153; /* 0 is March */
    unsigned year = era * 400 + year_of_era + (month >= 10 ? 1 : 0);

    return (struct civil){
        .year = year - 400,
        .month = month < 10 ? month + 3 : month - 9,
        .day = day_of_year - (153 * month + 2) / 5 + 1,
        .ms = ms,
    };
}

void clock_format(int64_t wall_ms, char *out)
{
    struct civil t = civil_of(wall_ms);

    snprintf(out, CLOCK_TEXT_MAX, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", t.year % 10000,
             t.month % 100, t.day % 100, t.ms / 3600000 % 100, t.ms / 60000 % 60, t.ms / 1000 % 60,
             t.ms % 1000);
}

void clock_format_day(int64_t wall_ms, char *out)
{
    struct civil t = civil_of(wall_ms);

    snprintf(out, CLOCK_TEXT_MAX, "%04u-%02u-%02u", t.year % 10000, t.month % 100, t.day % 100);
}

/* `n` digits at the start of *rest, within bounds. */
static bool take_number(struct str *rest, size_t n, int64_t min, int64_t max, int64_t *ret_value)
{
    uint64_t value = 0;

    if (rest->n < n || str_to_u64(str_head(*rest, n), &value) < 0) {
        return false;
    }
    *rest = str_from(*rest, n);
    *ret_value = (int64_t)value;
    return *ret_value >= min && *ret_value <= max;
}

static bool take_char(struct str *rest, const char *chars)
{
    if (rest->n == 0 || !strchr(chars, rest->p[0]) || rest->p[0] == '\0') {
        return false;
    }
    *rest = str_from(*rest, 1);
    return true;
}

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static bool take_date(struct str *rest, int64_t *ret_days)
{
    static const int64_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t year = 0, month = 0, day = 0, days = 0;

    if (!take_number(rest, 4, 1970, 9999, &year) || !take_char(rest, "-") ||
        !take_number(rest, 2, 1, 12, &month) || !take_char(rest, "-") ||
        !take_number(rest, 2, 1, lengths[month - 1] + (month == 2 && is_leap(year)), &day)) {
        return false;
    }
    for (int64_t y = 1970; y < year; y++) {
        days += is_leap(y) ? 366 : 365;
    }
    for (int64_t m = 1; m < month; m++) {
        days += lengths[m - 1] + (m == 2 && is_leap(year));
    }
    *ret_days = days + day - 1;
    return true;
}

/* "13:05" or "13:05:09", behind a T or a space. */
static bool take_time(struct str *rest, int64_t *ret_seconds)
{
    int64_t hours = 0, minutes = 0, seconds = 0;

    if (!take_char(rest, "Tt ") || !take_number(rest, 2, 0, 23, &hours) || !take_char(rest, ":") ||
        !take_number(rest, 2, 0, 59, &minutes)) {
        return false;
    }
    if (take_char(rest, ":") && !take_number(rest, 2, 0, 59, &seconds)) {
        return false;
    }
    *ret_seconds = (hours * 60 + minutes) * 60 + seconds;
    return true;
}

int clock_parse(struct str text, int64_t *ret_wall_ms)
{
    int64_t days = 0, seconds = 0;

    if (!take_date(&text, &days) || (text.n > 0 && !take_time(&text, &seconds))) {
        return ERR_INVALID;
    }
    (void)take_char(&text, "Zz");
    if (text.n > 0) {
        return ERR_INVALID;
    }
    *ret_wall_ms = (days * 86400 + seconds) * 1000;
    return 0;
}
