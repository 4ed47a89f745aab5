#include "cmd/when.h"

#include <stdbool.h>

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

static bool parse_date(struct str text, int64_t *ret_ms)
{
    int64_t days = 0, seconds = 0;

    if (!take_date(&text, &days) || (text.n > 0 && !take_time(&text, &seconds))) {
        return false;
    }
    (void)take_char(&text, "Zz");
    if (text.n > 0) {
        return false;
    }
    *ret_ms = (days * 86400 + seconds) * 1000;
    return true;
}

int when_parse(const char *option, struct str text, int64_t now_ms, int64_t *ret_ms,
               struct error *err)
{
    char shown[STR_SHOW_MAX];
    int64_t ago_ms = 0;

    if (parse_date(text, ret_ms)) {
        return 0;
    }
    /* A bare number would be seconds, and as likely a mistake for a year or a time stamp. */
    if (text.n > 0 && (text.p[text.n - 1] < '0' || text.p[text.n - 1] > '9') &&
        str_to_duration_ms(text, &ago_ms) == 0 && ago_ms >= 0) {
        *ret_ms = ago_ms < now_ms ? now_ms - ago_ms : 1;
        return 0;
    }
    return error_set(err, ERR_INVALID,
                     "%s must be a duration like 10m, 2h or 30d, or a time in UTC like 2026-11-24 "
                     "or 2026-11-24T13:05, not \"%s\"",
                     option, str_show(text, shown));
}
