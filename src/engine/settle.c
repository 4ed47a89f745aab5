#include "engine/settle.h"

#include "llm/price.h"
#include "llm/token.h"

static void copy_usage(const struct usage *usage, struct trace *t)
{
    t->input_tokens = usage->input;
    t->cached_tokens = usage->cached;
    t->cache_write_tokens = usage->cache_write;
    t->cache_write_1h_tokens = usage->cache_write_1h;
    t->output_tokens = usage->output;
    t->reasoning_tokens = usage->reasoning;
}

static void estimate(const struct settle_input *in, struct usage *usage)
{
    usage_init(usage);
    usage->input = token_estimate(in->facts->system) + token_estimate(in->facts->tools) +
                   token_estimate(in->facts->messages);
    usage->output = in->answer ? in->answer->output_tokens_estimated : 0;
    usage->estimated = true;
}

static const struct catalogue_price *find_price(const struct settle_input *in, struct trace *t)
{
    const struct settings *s = in->settings;
    const struct catalogue_price *price = settings_find_price(s, in->provider, in->model_routed);
    if (price) {
        t->price_version = STR("config");
        return price;
    }
    const struct catalogue_row *row = NULL;
    if (s->catalogue && t->model_returned.n > 0) {
        row = catalogue_find(s->catalogue, in->provider->vendor, t->model_returned, t->started_ms);
    }
    if (s->catalogue && !row) {
        row = catalogue_find(s->catalogue, in->provider->vendor, in->model_routed, t->started_ms);
    }
    if (!row) {
        return NULL;
    }
    t->price_version = arena_str(&t->arena, s->catalogue->version);
    return &row->price;
}

static void put_cost(const struct settle_input *in, const struct usage *usage, struct trace *t)
{
    const struct catalogue_price *price = find_price(in, t);
    if (!price) {
        t->price_status = TRACE_UNPRICED;
        t->price_note =
            arena_printf(&t->arena, "no price for %.*s/%.*s; add it under prices",
                         STR_ARG(in->provider->vendor), STR_ARG(str_head(in->model_routed, 200)));
        return;
    }
    struct str tier = in->answer ? str_of(in->answer->service_tier) : STR_EMPTY;
    if (tier.n == 0) {
        tier = in->facts->service_tier;
    }
    struct price_result result = price_cost(price, usage, price_tier_of(tier));
    t->price_status = result.priced ? TRACE_PRICED : TRACE_UNPRICED;
    t->cost_nanousd = result.priced ? result.cost_nanousd : 0;
    t->price_note = str_of(result.note);
}

void settle(const struct settle_input *in, struct trace *t)
{
    struct usage usage;
    const struct answer_facts *answer = in->answer;

    usage_init(&usage);
    t->price_status = TRACE_NO_CHARGE;
    if (answer && in->accepted) {
        t->model_returned = arena_str(&t->arena, str_of(answer->model));
        t->finish_reason = arena_str(&t->arena, str_of(answer->finish_reason));
        t->usage_raw = arena_str(&t->arena, buf_str(&answer->usage_raw));
    }
    if (in->provider && in->route->route == ROUTE_PASSTHROUGH && in->accepted) {
        t->price_status = TRACE_UNPRICED;
        t->price_note = STR("pass-through");
        return;
    }
    bool broke_off = t->cancelled_in.n > 0 && in->sent;
    if (!in->provider || !in->facts || !in->route->billed || (!in->accepted && !broke_off)) {
        return;
    }
    bool complete =
        answer && answer->usage.output >= 0 && t->cancelled_in.n == 0 && t->error_class.n == 0;
    if (answer && usage_is_known(&answer->usage) &&
        (complete || in->route->route == ROUTE_EMBEDDINGS)) {
        usage = answer->usage;
        t->usage_source = TRACE_USAGE_PROVIDER;
    } else {
        estimate(in, &usage);
        if (answer && answer->usage.input >= 0) { /* said at the start of the stream */
            int64_t output = usage.output;
            usage = answer->usage;
            usage.output = output > usage.output ? output : usage.output;
            usage.estimated = true;
        }
        t->usage_source = TRACE_USAGE_ESTIMATED;
    }
    copy_usage(&usage, t);
    put_cost(in, &usage, t);
}
