#include "engine/outcome.h"

const struct outcome_info outcome_table[OUTCOME_COUNT] = {
    [OUTCOME_OK] = {"",                     200, false},
    [OUTCOME_CALLER_INVALID] = {"caller_invalid",       400, false},
    [OUTCOME_CALLER_TOO_LARGE] = {"caller_too_large",     413, false},
    [OUTCOME_CALLER_SLOW] = {"caller_slow",          408, false},
    [OUTCOME_CALLER_UNAUTHORIZED] = {"caller_unauthorized",  401, false},
    [OUTCOME_CALLER_FORBIDDEN] = {"caller_forbidden",     403, false},
    [OUTCOME_CALLER_UNKNOWN] = {"caller_unknown",       404, false},
    [OUTCOME_CALLER_UNSUPPORTED] = {"caller_unsupported",   400, true },
    [OUTCOME_CALLER_CANCELLED] = {"caller_cancelled",     499, false},
    [OUTCOME_CALLER_RATE] = {"caller_rate",          429, false},
    [OUTCOME_CALLER_BUDGET] = {"caller_budget",        429, false},
    [OUTCOME_PROVIDER_LIMIT] = {"provider_limit",       503, true },
    [OUTCOME_PROVIDER_REJECTED] = {"provider_rejected",    502, false},
    [OUTCOME_PROVIDER_KEY] = {"provider_key",         502, true },
    [OUTCOME_PROVIDER_RATE] = {"provider_rate",        429, true },
    [OUTCOME_PROVIDER_OVERLOADED] = {"provider_overloaded",  503, true },
    [OUTCOME_PROVIDER_ERROR] = {"provider_error",       502, true },
    [OUTCOME_PROVIDER_TIMEOUT] = {"provider_timeout",     504, true },
    [OUTCOME_PROVIDER_UNREACHABLE] = {"provider_unreachable", 502, true },
    [OUTCOME_PROVIDER_CUT] = {"provider_cut",         502, true },
    [OUTCOME_PROVIDER_NONSENSE] = {"provider_nonsense",    502, true },
    [OUTCOME_WEIR_BUSY] = {"weir_busy",            503, true },
};

enum outcome outcome_of_status(int status)
{
    static const struct {
        int status;
        enum outcome outcome;
    } known[] = {
        {401, OUTCOME_PROVIDER_KEY       },
        {402, OUTCOME_PROVIDER_KEY       },
        {403, OUTCOME_PROVIDER_KEY       },
        {404, OUTCOME_PROVIDER_ERROR     },
        {408, OUTCOME_PROVIDER_TIMEOUT   },
        {429, OUTCOME_PROVIDER_RATE      },
        {503, OUTCOME_PROVIDER_OVERLOADED},
        {504, OUTCOME_PROVIDER_TIMEOUT   },
        {529, OUTCOME_PROVIDER_OVERLOADED},
    };

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (known[i].status == status) {
            return known[i].outcome;
        }
    }
    if (status >= 500) {
        return OUTCOME_PROVIDER_ERROR;
    }
    return status >= 400 ? OUTCOME_PROVIDER_REJECTED : OUTCOME_PROVIDER_NONSENSE;
}

bool outcome_is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

enum outcome outcome_of_error(enum err code, bool answered)
{
    switch (code) {
    case ERR_TIMEOUT:
        return OUTCOME_PROVIDER_TIMEOUT;
    case ERR_UPSTREAM:
    case ERR_INVALID:
        return OUTCOME_PROVIDER_NONSENSE;
    case ERR_BUSY:
        return OUTCOME_WEIR_BUSY;
    case ERR_CLOSED:
        return OUTCOME_PROVIDER_CUT;
    case ERR_OK:
    case ERR_LIMIT:
    case ERR_DENIED:
    case ERR_NOT_FOUND:
    case ERR_IO:
    case ERR_CANCELLED:
        break;
    }
    return answered ? OUTCOME_PROVIDER_CUT : OUTCOME_PROVIDER_UNREACHABLE;
}
