#include "llm/wire_gemini.h"

#include <stdio.h>

const struct wire wire_gemini = {
    .name = "gemini",
    .dialect = DIALECT_GEMINI,
    .route = ROUTE_NONE,
    .write_request = wire_gemini_write_request,
    .read_answer = wire_gemini_read_answer,
    .reader_new = wire_gemini_reader_new,
    .reader_free = wire_gemini_reader_free,
    .read_event = wire_gemini_read_event,
    .read_end = wire_gemini_read_end,
};

/* --- words ------------------------------------------------------------------------------- */

/* Calls end with STOP too; who reads knows that there were some. */
static const struct {
    const char *word;
    enum message_finish finish;
    bool failed;
} finish_reasons[] = {
    {"FINISH_REASON_UNSPECIFIED", MESSAGE_FINISH_NONE,   false},
    {"STOP",                      MESSAGE_FINISH_STOP,   false},
    {"MAX_TOKENS",                MESSAGE_FINISH_LENGTH, false},
    {"SAFETY",                    MESSAGE_FINISH_FILTER, false},
    {"RECITATION",                MESSAGE_FINISH_FILTER, false},
    {"LANGUAGE",                  MESSAGE_FINISH_FILTER, false},
    {"BLOCKLIST",                 MESSAGE_FINISH_FILTER, false},
    {"PROHIBITED_CONTENT",        MESSAGE_FINISH_FILTER, false},
    {"SPII",                      MESSAGE_FINISH_FILTER, false},
    {"IMAGE_SAFETY",              MESSAGE_FINISH_FILTER, false},
    {"IMAGE_PROHIBITED_CONTENT",  MESSAGE_FINISH_FILTER, false},
    {"IMAGE_RECITATION",          MESSAGE_FINISH_FILTER, false},
    {"MODEL_ARMOR",               MESSAGE_FINISH_FILTER, false},
    {"CONTINUATION",              MESSAGE_FINISH_PAUSE,  false},
    {"OTHER",                     MESSAGE_FINISH_STOP,   false},
    {"MALFORMED_FUNCTION_CALL",   MESSAGE_FINISH_NONE,   true },
    {"UNEXPECTED_TOOL_CALL",      MESSAGE_FINISH_NONE,   true },
    {"TOO_MANY_TOOL_CALLS",       MESSAGE_FINISH_NONE,   true },
    {"MISSING_THOUGHT_SIGNATURE", MESSAGE_FINISH_NONE,   true },
    {"MALFORMED_RESPONSE",        MESSAGE_FINISH_NONE,   true },
};

enum message_finish wire_gemini_finish(struct str reason, bool *ret_failed)
{
    for (size_t i = 0; i < ARRAY_LEN(finish_reasons); i++) {
        if (str_is(reason, finish_reasons[i].word)) {
            *ret_failed = finish_reasons[i].failed;
            return finish_reasons[i].finish;
        }
    }
    *ret_failed = false;
    return reason.n > 0 ? MESSAGE_FINISH_STOP : MESSAGE_FINISH_NONE;
}

struct str wire_gemini_tier_wanted(struct str tier)
{
    static const struct {
        const char *plain, *gemini;
    } rows[] = {
        {"default",  "standard"},
        {"flex",     "flex"    },
        {"priority", "priority"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (str_is(tier, rows[i].plain)) {
            return str_of(rows[i].gemini);
        }
    }
    return STR_EMPTY;
}

/* --- seals ------------------------------------------------------------------------------- */

struct str wire_gemini_seal(struct arena *arena, int call, struct str signature)
{
    char place[16] = "-";
    if (call >= 0) {
        snprintf(place, sizeof(place), "%d", call);
    }
    return arena_printf(arena, MESSAGE_SEAL_GEMINI "%s:%.*s", place, STR_ARG(signature));
}

bool wire_gemini_unseal(struct str seal, int *ret_call, struct str *ret_signature)
{
    int64_t call = -1;
    if (!str_starts(seal, STR(MESSAGE_SEAL_GEMINI))) {
        return false;
    }
    struct str rest = str_from(seal, strlen(MESSAGE_SEAL_GEMINI));
    ptrdiff_t colon = str_find_char(rest, ':');
    if (colon < 0) {
        return false;
    }
    if (str_to_i64(str_head(rest, (size_t)colon), &call) != 0 || call > MESSAGE_COUNT_MAX) {
        call = -1;
    }
    *ret_call = (int)call;
    *ret_signature = str_from(rest, (size_t)colon + 1);
    return true;
}

/* --- models ------------------------------------------------------------------------------ */

/* The first row whose name is a part of the model's counts; the last is for models of tomorrow,
 * which are taken for the newest that are known. */
/* clang-format off */
static const struct wire_gemini_family families[] = {
    {.name = "gemini-1", .thinks = GEMINI_THINKS_NOT},
    {.name = "gemini-2.0", .thinks = GEMINI_THINKS_NOT},
    {.name = "gemma", .thinks = GEMINI_THINKS_NOT},
    {.name = "gemini-2.5-pro", .thinks = GEMINI_THINKS_BY_BUDGET,
     .budget_min = 128, .budget_max = 32768},
    {.name = "gemini-2.5-flash-lite", .thinks = GEMINI_THINKS_BY_BUDGET,
     .budget_min = 512, .budget_max = 24576, .can_rest = true},
    {.name = "gemini-2.5", .thinks = GEMINI_THINKS_BY_BUDGET,
     .budget_min = 1, .budget_max = 24576, .can_rest = true},
    {.name = "gemini-3-pro", .thinks = GEMINI_THINKS_BY_LEVEL, .sealed = true},
    {.name = "pro", .thinks = GEMINI_THINKS_BY_LEVEL, .medium = true, .sealed = true},
    {.name = "", .thinks = GEMINI_THINKS_BY_LEVEL, .minimal = true, .medium = true, .sealed = true},
};

/* clang-format on */

const struct wire_gemini_family *wire_gemini_family(struct str model)
{
    size_t i = 0;
    while (str_find(model, str_of(families[i].name)) < 0) {
        i++;
    }
    return &families[i];
}
