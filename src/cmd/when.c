#include "cmd/when.h"

#include "core/clock.h"

int when_parse(const char *option, struct str text, int64_t now_ms, int64_t *ret_ms,
               struct error *err)
{
    char shown[STR_SHOW_MAX];
    int64_t ago_ms = 0;

    if (clock_parse(text, ret_ms) == 0) {
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
