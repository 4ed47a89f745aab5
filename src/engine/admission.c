#include "engine/admission.h"

#include "core/clock.h"
#include "llm/price.h"
#include "llm/token.h"

/* What an estimate may be short of by its error bound, and what a chat's framing adds. */
#define INPUT_MARGIN_DIVISOR 4
#define INPUT_MARGIN_TOKENS  16
/* No text has more tokens than this many bytes each, where nothing depends on it being close. */
#define BYTES_PER_TOKEN_LOW 2

struct moment admission_now(void)
{
    return (struct moment){.mono_us = clock_mono_us(), .wall_us = clock_wall_ms() * 1000};
}

/* ---- how much ---- */

static bool limits_tokens(const struct settings_limits *l)
{
    return l->tpm > 0 || l->input_tpm > 0;
}

/* Estimating walks the whole text; a bound from its length is enough where nobody asks. */
static bool needs_estimate(const struct admission *a, const struct settings_provider *provider)
{
    const struct settings_key *key = a->key;
    if (limits_tokens(&provider->limits) || governor_limits_money(key)) {
        return true;
    }
    return key && (limits_tokens(&key->limits) || limits_tokens(&key->tenant->limits) ||
                   (key->tenant->organisation_entry &&
                    limits_tokens(&key->tenant->organisation_entry->limits)));
}

static int64_t input_bytes(const struct request_facts *f)
{
    return (int64_t)(f->system.n + f->tools.n + f->messages.n);
}

/* By what the model's usage has taught; while nothing is known of it, by the text itself. */
static int64_t estimate_input(const struct admission *a, const struct settings_target *target)
{
    const struct request_facts *f = a->facts;
    int64_t bytes = input_bytes(f);
    if (!needs_estimate(a, target->provider)) {
        return bytes / BYTES_PER_TOKEN_LOW;
    }
    int64_t guess = bytes < ESTIMATOR_BYTES_MIN ? -1 : governor_guess(a->governor, target, bytes);
    if (guess >= 0) {
        return guess;
    }
    int64_t input =
        token_estimate(f->system) + token_estimate(f->tools) + token_estimate(f->messages);
    return input + input / INPUT_MARGIN_DIVISOR;
}

static void estimate(struct admission *a, const struct settings_target *target)
{
    const struct request_facts *f = a->facts;
    if (!f || !a->route->billed) {
        return;
    }
    a->input_tokens = estimate_input(a, target) + INPUT_MARGIN_TOKENS;
    if (a->route->route != ROUTE_EMBEDDINGS) {
        int64_t each = f->max_output;
        if (each < 0) {
            each = a->key ? a->key->default_max_output : ADMISSION_DEFAULT_OUTPUT;
        }
        a->output_tokens = each * f->n;
    }
}

/* The most that this many tokens can cost there; false when that is unknown. */
static bool find_cost(const struct admission *a, const struct settings_target *target,
                      int64_t started_ms, int64_t *ret_nanousd)
{
    const struct settings *s = a->settings;
    const struct settings_provider *p = target->provider;
    const struct catalogue_price *price = settings_find_price(s, p, target->model);
    if (!price && s->catalogue) {
        const struct catalogue_row *row =
            catalogue_find(s->catalogue, p->vendor, target->model, started_ms);
        price = row ? &row->price : NULL;
    }
    struct usage usage;
    usage_init(&usage);
    usage.input = a->input_tokens;
    usage.output = a->output_tokens;
    enum price_tier tier = price_tier_of(a->facts->service_tier);
    struct price_result plain = price_cost(price, &usage, tier);
    if (!plain.priced) {
        return false;
    }
    usage.cache_write_1h = a->input_tokens; /* writing to a cache is dearer than reading */
    struct price_result writing = price_cost(price, &usage, tier);
    *ret_nanousd = plain.cost_nanousd;
    if (writing.priced && writing.cost_nanousd > plain.cost_nanousd) {
        *ret_nanousd = writing.cost_nanousd;
    }
    return true;
}

static void set_amounts(const struct admission *a, int64_t nanousd, struct amounts *caller,
                        struct amounts *at_deployment)
{
    *caller = (struct amounts){
        {[DIMENSION_INPUT] = a->input_tokens,
         [DIMENSION_OUTPUT] = a->output_tokens,
         [DIMENSION_TOKENS] = a->input_tokens + a->output_tokens,
         [DIMENSION_CONCURRENCY] = 1,
         [DIMENSION_MONEY] = nanousd}
    };
    *at_deployment = *caller;
    at_deployment->n[DIMENSION_REQUESTS] = 1;
    at_deployment->n[DIMENSION_MONEY] = 0; /* money is the caller's */
}

static bool price_of(const struct admission *a, const struct settings_target *target,
                     int64_t started_ms, int64_t *ret_nanousd)
{
    *ret_nanousd = 0;
    if (!governor_limits_money(a->key) || (a->facts && !a->route->billed)) {
        return true;
    }
    return a->facts && find_cost(a, target, started_ms, ret_nanousd);
}

int64_t admission_max_output(const struct admission *a)
{
    if (!a || !a->facts || a->facts->max_output >= 0 || a->output_tokens == 0 ||
        !governor_limits_money(a->key)) {
        return 0;
    }
    return a->key->default_max_output;
}

/* ---- the row ---- */

static unsigned digit(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

static void begin_row(struct admission *a, const struct trace *trace)
{
    struct ledger_row *row = &a->row;
    *row = (struct ledger_row){
        .numbers = {.started_ms = trace->started_ms, .reserved_for_ms = LEDGER_RESERVED_MS}
    };
    for (size_t i = 0; i < sizeof(row->numbers.id); i++) {
        row->numbers.id[i] =
            (unsigned char)(digit(trace->id[2 * i]) << 4 | digit(trace->id[2 * i + 1]));
    }
    if (a->key) {
        row->texts[LEDGER_TENANT] = a->key->tenant->name;
        row->texts[LEDGER_KEY] = a->key->alias;
    }
}

/* Sums over the attempts so far. */
static void set_reserved(struct admission *a, const struct settings_target *target)
{
    struct ledger_numbers *n = &a->row.numbers;
    a->target = *target;
    n->attempts++;
    n->reserved_input = a->kept_input + a->input_tokens;
    n->reserved_output = a->kept_output + a->output_tokens;
    n->reserved_nanousd = a->kept_nanousd + a->reservation.caller.n[DIMENSION_MONEY];
    a->row.texts[LEDGER_PROVIDER] = target->provider->name;
    a->row.texts[LEDGER_MODEL] = target->model;
}

/* ---- the ways through ---- */

enum admission_result admission_take(struct admission *a, const struct settings_target *target,
                                     const struct trace *trace, struct moment now,
                                     struct governor_refusal *ret_refusal)
{
    static const struct amounts nothing;
    int64_t nanousd = 0;
    if (a->input_tokens == 0) {
        estimate(a, target);
    }
    if (!price_of(a, target, trace->started_ms, &nanousd)) {
        return ADMISSION_UNPRICED;
    }
    struct reservation *r = &a->reservation;
    set_amounts(a, nanousd, &r->caller, &r->at_deployment);
    if (!governor_take(a->governor, r, a->key, target->provider, now, ret_refusal)) {
        return ADMISSION_REFUSED;
    }
    begin_row(a, trace);
    set_reserved(a, target);
    if (a->ledger && ledger_reserve(a->ledger, &a->row, &a->claim) != 0) {
        governor_settle(a->governor, r, &nothing, now);
        return ADMISSION_NO_ROOM;
    }
    a->open = true;
    return ADMISSION_OK;
}

enum admission_result admission_swap(struct admission *a, const struct settings_target *target,
                                     bool billed, struct moment now,
                                     struct governor_refusal *ret_refusal)
{
    struct amounts caller, at_deployment;
    const struct amounts former = a->reservation.caller;
    int64_t nanousd = 0;
    if (!price_of(a, target, a->row.numbers.started_ms, &nanousd)) {
        return ADMISSION_UNPRICED;
    }
    set_amounts(a, nanousd, &caller, &at_deployment);
    if (!governor_swap(a->governor, &a->reservation, target->provider, &caller, &at_deployment,
                       billed, now, ret_refusal)) {
        return ADMISSION_REFUSED;
    }
    if (billed) {
        a->kept_input += former.n[DIMENSION_INPUT];
        a->kept_output += former.n[DIMENSION_OUTPUT];
        a->kept_nanousd += former.n[DIMENSION_MONEY];
    }
    set_reserved(a, target);
    /* Without room the first record stands: short of this attempt, but the request is known. */
    if (a->ledger && ledger_reserve_more(a->ledger, &a->row) != 0) {
        return ADMISSION_NO_ROOM;
    }
    return ADMISSION_OK;
}

static int64_t known(int64_t tokens)
{
    return tokens > 0 ? tokens : 0;
}

static struct amounts used_of(const struct admission *a, const struct trace *t, bool sent,
                              bool unknown)
{
    struct amounts used = {{0}};
    if (t->input_tokens >= 0 || t->output_tokens >= 0) {
        used.n[DIMENSION_INPUT] = known(t->input_tokens);
        used.n[DIMENSION_OUTPUT] = known(t->output_tokens);
        used.n[DIMENSION_TOKENS] = used.n[DIMENSION_INPUT] + used.n[DIMENSION_OUTPUT];
        used.n[DIMENSION_MONEY] = t->price_status == TRACE_PRICED ? t->cost_nanousd : 0;
    } else if (unknown) {
        used = a->reservation.caller;
    }
    used.n[DIMENSION_REQUESTS] = sent;
    return used;
}

static void settle_row(struct admission *a, const struct trace *t, const struct amounts *used,
                       bool full)
{
    struct ledger_numbers *n = &a->row.numbers;
    n->settled_ms = t->started_ms + t->done_us / 1000;
    n->input_tokens = a->kept_input + used->n[DIMENSION_INPUT];
    n->output_tokens = a->kept_output + used->n[DIMENSION_OUTPUT];
    n->cost_nanousd = a->kept_nanousd + used->n[DIMENSION_MONEY];
    n->cached_tokens = t->cached_tokens;
    n->cache_write_tokens = t->cache_write_tokens;
    n->cache_write_1h_tokens = t->cache_write_1h_tokens;
    n->reasoning_tokens = t->reasoning_tokens;
    bool kept = a->kept_input + a->kept_output > 0;
    n->flags = (uint8_t)((t->usage_source == TRACE_USAGE_ESTIMATED ? LEDGER_ESTIMATED : 0) |
                         (t->price_status == TRACE_UNPRICED ? LEDGER_UNPRICED : 0) |
                         (full || kept ? LEDGER_FULL : 0) |
                         (t->cancelled_in.n > 0 ? LEDGER_CANCELLED : 0));
    a->row.texts[LEDGER_PRICE_VERSION] = t->price_version;
    a->row.texts[LEDGER_USAGE] = t->usage_raw;
    ledger_settle(a->ledger, &a->row, &a->claim);
}

void admission_settle(struct admission *a, const struct trace *trace, bool sent, bool unknown,
                      struct moment now)
{
    if (!a->open) {
        return;
    }
    a->open = false;
    struct amounts used = used_of(a, trace, sent, unknown);
    bool full =
        unknown && trace->input_tokens < 0 && trace->output_tokens < 0 && a->input_tokens > 0;
    governor_settle(a->governor, &a->reservation, &used, now);
    if (a->facts && trace->usage_source == TRACE_USAGE_PROVIDER && trace->input_tokens > 0) {
        governor_learn(a->governor, &a->target, input_bytes(a->facts), trace->input_tokens);
    }
    if (a->ledger) {
        settle_row(a, trace, &used, full);
    }
}
