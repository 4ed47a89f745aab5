#include "engine/attempt.h"

#include <stdio.h>
#include <string.h>

static void write_translation(const struct attempt *a, struct buf *out)
{
    buf_puts(out, ",\"translated\":");
    buf_put_json(out, str_of(a->wire->name));
    for (size_t i = 0; i < a->notes->dropped_count; i++) {
        buf_puts(out, i == 0 ? ",\"dropped\":[" : ",");
        buf_put_json(out, str_of(a->notes->dropped[i]));
    }
    buf_puts(out, a->notes->dropped_count > 0 ? "]" : "");
}

/* Room that most attempts fit into. */
#define USUAL_BYTES 200

void attempt_write(const struct attempt *a, struct buf *out)
{
    buf_reserve(out, USUAL_BYTES);
    buf_puts(out, out->n == 0 ? "[" : ",");
    buf_puts(out, "{\"provider\":");
    buf_put_json(out, a->target->provider->name);
    buf_puts(out, ",\"model\":");
    buf_put_json(out, a->target->model);
    if (a->key) {
        buf_puts(out, ",\"key\":");
        buf_put_json(out, a->key->name);
    }
    if (a->was_made) {
        buf_puts(out, ",\"status\":");
        buf_put_i64(out, a->status);
        buf_puts(out, ",\"start_us\":");
        buf_put_i64(out, a->start_us);
        buf_puts(out, ",\"end_us\":");
        buf_put_i64(out, a->end_us);
    }
    if (a->wire) {
        write_translation(a, out);
    }
    if (a->outcome != OUTCOME_OK) {
        buf_puts(out, ",\"error\":");
        buf_put_json(out, str_of(outcome_table[a->outcome].name));
        buf_puts(out, ",\"text\":");
        buf_put_json(out, str_of(a->text));
    }
    buf_putc(out, '}');
}

const char *attempt_code_of(const char *message)
{
    static const char *const too_long[] = {"prompt is too long", "maximum context length",
                                           "exceeds the maximum number of tokens",
                                           "exceed context limit", "context window"};
    for (size_t i = 0; i < ARRAY_LEN(too_long); i++) {
        if (strstr(message, too_long[i])) {
            return "context_length_exceeded";
        }
    }
    return NULL;
}

void attempt_explain(const struct settings_provider *p, int status, const char *said, char *out,
                     size_t n)
{
    if (outcome_is_redirect(status)) {
        snprintf(
            out, n,
            "provider \"%.*s\" answered with a redirect (HTTP %d), which weir does not follow; "
            "its operator must put the address where it really is into base_url%s%s",
            STR_ARG(p->name), status, said[0] ? ": " : "", said);
    } else if (outcome_of_status(status) == OUTCOME_PROVIDER_KEY) {
        bool quoted = status == 401; /* parts of the key: not repeated */
        snprintf(out, n,
                 "provider \"%.*s\" refused the key that weir holds for it (HTTP %d%s%s); its "
                 "operator must look at api_keys",
                 STR_ARG(p->name), status, quoted ? "" : ": ", quoted ? "" : said);
    } else {
        snprintf(out, n, "provider \"%.*s\" answered HTTP %d: %s", STR_ARG(p->name), status, said);
    }
}
