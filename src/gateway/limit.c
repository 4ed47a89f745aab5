#include "gateway/limit.h"

#include "core/clock.h"

#define US_PER_MS 1000
#define US_PER_S  1000000
/* When a place becomes free nobody knows: what a caller is told to wait for one. */
#define PLACE_WAIT_US (1 * US_PER_S)
/* The same for room in the ledger. */
#define ROOM_WAIT_US (200 * US_PER_MS)

#define WORDS_BYTES 200

/* "limit of 60 requests per minute" */
static void name_limit(const struct refusal *why, char *out)
{
    char money[TRACE_MONEY_MAX];
    switch (why->dimension) {
    case DIMENSION_REQUESTS:
    case DIMENSION_INPUT:
    case DIMENSION_OUTPUT:
    case DIMENSION_TOKENS:
        snprintf(out, WORDS_BYTES, "limit of %lld %s per minute", (long long)why->capacity,
                 dimension_names[why->dimension]);
        return;
    case DIMENSION_CONCURRENCY:
        snprintf(out, WORDS_BYTES, "limit of %lld requests at once", (long long)why->capacity);
        return;
    case DIMENSION_MONEY:
        snprintf(out, WORDS_BYTES, "budget of %s per day (UTC)", trace_money(why->capacity, money));
        return;
    case DIMENSIONS:
        break;
    }
    BUG_ON(true);
}

/* What this request would need of it; nothing to say where it is one. */
static void name_need(const struct refusal *why, char *out)
{
    char money[TRACE_MONEY_MAX];
    out[0] = '\0';
    if (why->dimension == DIMENSION_MONEY) {
        snprintf(out, WORDS_BYTES, "; this request may cost %s", trace_money(why->asked, money));
    } else if (why->dimension != DIMENSION_REQUESTS && why->dimension != DIMENSION_CONCURRENCY) {
        snprintf(out, WORDS_BYTES, "; this request may need %lld", (long long)why->asked);
    }
}

static void name_wait(const struct refusal *why, char *out)
{
    if (why->wait_us == BUCKET_NEVER) {
        snprintf(out, WORDS_BYTES, "it can never fit: %s",
                 why->dimension == DIMENSION_MONEY || why->dimension == DIMENSION_OUTPUT ||
                         why->dimension == DIMENSION_TOKENS
                     ? "ask for fewer output tokens or send less"
                     : "send less");
    } else if (why->wait_us == BUCKET_UNKNOWN) {
        snprintf(out, WORDS_BYTES, "try again when another one has ended");
    } else if (why->dimension == DIMENSION_MONEY) {
        snprintf(out, WORDS_BYTES, "the day ends in %lld min",
                 (long long)(why->wait_us / US_PER_S / 60 + 1));
    } else {
        int64_t wait_ms = (why->wait_us + US_PER_MS - 1) / US_PER_MS;
        snprintf(out, WORDS_BYTES, "try again in %lld.%03lld s", (long long)wait_ms / 1000,
                 (long long)wait_ms % 1000);
    }
}

int limit_refuse(struct exchange *x, const struct governor_refusal *refusal)
{
    const struct refusal *why = &refusal->why;
    bool provider = refusal->kind == LEVEL_PROVIDER;
    bool money = why->dimension == DIMENSION_MONEY;
    enum outcome outcome = provider ? OUTCOME_PROVIDER_LIMIT
                           : money  ? OUTCOME_CALLER_BUDGET
                                    : OUTCOME_CALLER_RATE;
    char limit[WORDS_BYTES], need[WORDS_BYTES], wait[WORDS_BYTES];

    name_limit(why, limit);
    name_need(why, need);
    name_wait(why, wait);
    int rc = exchange_refuse(x, outcome, money ? "insufficient_quota" : "rate_limit_exceeded", NULL,
                             "%s \"%.*s\" has a %s%s%s; %s", level_kind_names[refusal->kind],
                             STR_ARG(refusal->name), limit,
                             provider ? " here, which is used up" : "", need, wait);
    x->refusal.type =
        provider || money              ? NULL
        : x->dialect != DIALECT_OPENAI ? NULL
        : why->dimension == DIMENSION_REQUESTS || why->dimension == DIMENSION_CONCURRENCY
            ? "requests"
            : "tokens";
    x->refusal.no_retry = money || why->wait_us == BUCKET_NEVER;
    x->refusal.limited = true;
    x->refusal.wait_us = why->wait_us == BUCKET_UNKNOWN ? PLACE_WAIT_US
                         : why->wait_us == BUCKET_NEVER ? 0
                                                        : why->wait_us;
    return rc;
}

int limit_refuse_result(struct exchange *x, enum admission_result result)
{
    if (result == ADMISSION_UNPRICED) {
        return exchange_refuse(x, OUTCOME_CALLER_FORBIDDEN, "model_not_allowed", "model",
                               "key \"%.*s\" is under a budget, and what this would cost is not "
                               "known; the operator can add it under prices",
                               STR_ARG(x->key->alias));
    }
    int rc = exchange_refuse(x, OUTCOME_WEIR_BUSY, NULL, NULL,
                             "the gateway's ledger has no room for new requests at the moment; its "
                             "operator must look at the disk");
    x->refusal.limited = true;
    x->refusal.wait_us = ROOM_WAIT_US;
    return rc;
}

/* ---- headers ---- */

static const struct {
    enum dimension dimension;
    const char *openai, *anthropic; /* NULL: that dialect has none */
} header_table[] = {
    {DIMENSION_REQUESTS, "requests", "requests"     },
    {DIMENSION_TOKENS,   "tokens",   "tokens"       },
    {DIMENSION_INPUT,    NULL,       "input-tokens" },
    {DIMENSION_OUTPUT,   NULL,       "output-tokens"},
};

static void put_limits(struct exchange *x, const char *name, const struct governor_view *view,
                       int dimension, struct http_header *out)
{
    struct arena *arena = &x->request->arena;
    bool anthropic = x->dialect == DIALECT_ANTHROPIC;
    const char *prefix = anthropic ? "anthropic-ratelimit" : "x-ratelimit";
    static const char *const parts[] = {"limit", "remaining", "reset"};
    char reset[CLOCK_TEXT_MAX + 32];
    int64_t reset_ms = (view->reset_us[dimension] + US_PER_MS - 1) / US_PER_MS;

    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        out[i].name = anthropic ? arena_printf(arena, "%s-%s-%s", prefix, name, parts[i])
                                : arena_printf(arena, "%s-%s-%s", prefix, parts[i], name);
    }
    if (anthropic) {
        clock_format(clock_wall_ms() + reset_ms, reset);
    } else {
        snprintf(reset, sizeof(reset), "%lld.%03llds", (long long)reset_ms / 1000,
                 (long long)reset_ms % 1000);
    }
    out[0].value = arena_printf(arena, "%lld", (long long)view->limits[dimension].capacity);
    out[1].value = arena_printf(arena, "%lld", (long long)view->left[dimension]);
    out[2].value = arena_str(arena, str_of(reset));
}

size_t limit_headers(struct exchange *x, struct http_header *out)
{
    struct arena *arena = &x->request->arena;
    struct governor_view view;
    size_t n = 0;
    if (!x->refusal.limited) {
        return 0;
    }
    if (x->refusal.wait_us > 0) {
        int64_t wait_ms = (x->refusal.wait_us + US_PER_MS - 1) / US_PER_MS;
        out[n++] = (struct http_header){STR("retry-after-ms"),
                                        arena_printf(arena, "%lld", (long long)wait_ms)};
        out[n++] = (struct http_header){
            STR("retry-after"), arena_printf(arena, "%lld", (long long)(wait_ms + 999) / 1000)};
    }
    if (!x->key) {
        return n;
    }
    governor_look(x->worker->governor, x->key, admission_now(), &view);
    for (size_t i = 0; i < ARRAY_LEN(header_table); i++) {
        const char *name =
            x->dialect == DIALECT_ANTHROPIC ? header_table[i].anthropic : header_table[i].openai;
        if (name && view.limits[header_table[i].dimension].law != BUCKET_NONE) {
            put_limits(x, name, &view, (int)header_table[i].dimension, out + n);
            n += 3;
        }
    }
    return n;
}
