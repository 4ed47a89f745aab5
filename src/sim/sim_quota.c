#include "sim/sim_quota.h"

#include "core/clock.h"

void sim_quota_reset(struct sim_quota *q)
{
    q->begun = false;
}

/* Takes over what the dials say now. A new law or window length starts all windows anew. */
static void follow_dials(struct sim_quota *q, const struct dials *dials, int64_t now_ms)
{
    const int64_t limits[SIM_QUOTA_KINDS] = {
        [SIM_QUOTA_REQUESTS] = dials->rpm,
        [SIM_QUOTA_INPUT] = dials->input_tpm,
        [SIM_QUOTA_OUTPUT] = dials->output_tpm,
    };
    for (int i = 0; i < SIM_QUOTA_KINDS; i++) {
        struct upstream_window *w = &q->windows[i];
        enum upstream_window_law law = (enum upstream_window_law)dials->window_law;
        if (!q->begun || w->law != law || w->window_ms != dials->window || w->limit == 0) {
            upstream_window_init(w, law, limits[i], dials->window, now_ms);
        } else if (w->limit != limits[i]) {
            upstream_window_set_limit(w, limits[i], now_ms);
        }
    }
    q->begun = true;
}

bool sim_quota_admit(struct sim_quota *q, const struct dials *dials,
                     const struct sim_demand *demand, int64_t now_ms, int64_t *ret_charged,
                     struct sim_shortage *ret_shortage)
{
    bool estimate = dials->output_charge == DIAL_CHARGE_ESTIMATE && demand->output_tokens >= 0;
    const int64_t needs[SIM_QUOTA_KINDS] = {
        [SIM_QUOTA_REQUESTS] = 1,
        [SIM_QUOTA_INPUT] = demand->input_tokens,
        [SIM_QUOTA_OUTPUT] = estimate ? demand->output_tokens : 1,
    };
    int64_t longest = -1;

    follow_dials(q, dials, now_ms);
    for (int i = 0; i < SIM_QUOTA_KINDS; i++) {
        struct upstream_window *w = &q->windows[i];
        if (w->limit == 0 || upstream_window_fits(w, needs[i], now_ms)) {
            continue;
        }
        int64_t wait_ms = upstream_window_wait_ms(w, needs[i], now_ms);
        int64_t rank = wait_ms < 0 ? INT64_MAX : wait_ms;
        if (rank > longest) {
            longest = rank;
            *ret_shortage = (struct sim_shortage){
                .kind = (enum sim_quota_kind)i,
                .limit = w->limit,
                .used = w->limit - upstream_window_remaining(w, now_ms),
                .requested = needs[i],
                .wait_ms = wait_ms,
            };
        }
    }
    if (longest >= 0) {
        return false;
    }
    *ret_charged = estimate ? demand->output_tokens : 0;
    upstream_window_charge(&q->windows[SIM_QUOTA_REQUESTS], 1, now_ms);
    upstream_window_charge(&q->windows[SIM_QUOTA_INPUT], demand->input_tokens, now_ms);
    upstream_window_charge(&q->windows[SIM_QUOTA_OUTPUT], *ret_charged, now_ms);
    return true;
}

void sim_quota_settle(struct sim_quota *q, int64_t charged, int64_t actual, int64_t now_ms)
{
    if (q->begun && actual != charged) {
        upstream_window_charge(&q->windows[SIM_QUOTA_OUTPUT], actual - charged, now_ms);
    }
}

/* ---- headers ---- */

struct str sim_quota_go_duration(struct arena *arena, int64_t ms)
{
    long long hours = ms / 3600000;
    long long minutes = ms / 60000 % 60;
    int milli = (int)(ms % 60000);
    char seconds[16];

    if (ms < 1000) {
        return ms <= 0 ? STR("0s") : arena_printf(arena, "%dms", milli);
    }
    int n = snprintf(seconds, sizeof(seconds), "%d.%03d", milli / 1000, milli % 1000);
    while (seconds[n - 1] == '0') {
        n--;
    }
    n -= seconds[n - 1] == '.';
    if (hours > 0) {
        return arena_printf(arena, "%lldh%lldm%.*ss", hours, minutes, n, seconds);
    }
    return minutes > 0 ? arena_printf(arena, "%lldm%.*ss", minutes, n, seconds)
                       : arena_printf(arena, "%.*ss", n, seconds);
}

/* The second at which a window is full again, rounded up: "2026-11-24T13:05:10Z". */
static struct str rfc3339(struct arena *arena, int64_t wall_ms)
{
    char text[CLOCK_TEXT_MAX];
    clock_format((wall_ms + 999) / 1000 * 1000, text);
    return arena_printf(arena, "%.19sZ", text);
}

struct header_writer {
    enum dialect dialect;
    struct arena *arena;
    int64_t now_ms;
    int64_t wall_ms;
    struct http_header *headers;
    size_t n;
};

static void add_headers(struct header_writer *h, struct upstream_window *w, const char *name)
{
    static const char *const words[] = {"limit", "remaining", "reset"};
    int64_t remaining = upstream_window_remaining(w, h->now_ms);
    int64_t reset_ms = upstream_window_reset_ms(w, h->now_ms);
    struct str values[] = {
        arena_printf(h->arena, "%lld", (long long)w->limit),
        arena_printf(h->arena, "%lld", (long long)(remaining > 0 ? remaining : 0)),
        h->dialect == DIALECT_OPENAI ? sim_quota_go_duration(h->arena, reset_ms)
                                     : rfc3339(h->arena, h->wall_ms + reset_ms),
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        struct str full = h->dialect == DIALECT_OPENAI
                              ? arena_printf(h->arena, "x-ratelimit-%s-%s", words[i], name)
                              : arena_printf(h->arena, "anthropic-ratelimit-%s-%s", name, words[i]);
        h->headers[h->n++] = (struct http_header){full, values[i]};
    }
}

/* Of the two token windows the one with the smaller share left: what "tokens" without a direction
 * tells of, in both dialects. NULL when neither has a limit. */
static struct upstream_window *tighter(struct sim_quota *q, int64_t now_ms)
{
    struct upstream_window *input = &q->windows[SIM_QUOTA_INPUT];
    struct upstream_window *output = &q->windows[SIM_QUOTA_OUTPUT];
    if (input->limit == 0 || output->limit == 0) {
        return input->limit > 0 ? input : output->limit > 0 ? output : NULL;
    }
    double left_in = (double)upstream_window_remaining(input, now_ms) / (double)input->limit;
    double left_out = (double)upstream_window_remaining(output, now_ms) / (double)output->limit;
    return left_out < left_in ? output : input;
}

size_t sim_quota_headers(struct sim_quota *q, enum dialect dialect, struct arena *arena,
                         int64_t now_ms, int64_t wall_ms, struct http_header *headers)
{
    struct header_writer h = {.dialect = dialect,
                              .arena = arena,
                              .now_ms = now_ms,
                              .wall_ms = wall_ms,
                              .headers = headers};
    /* Google tells its limits in refusals only. */
    if (!q->begun || dialect == DIALECT_GEMINI) {
        return 0;
    }
    struct upstream_window *tokens = tighter(q, now_ms);
    if (q->windows[SIM_QUOTA_REQUESTS].limit > 0) {
        add_headers(&h, &q->windows[SIM_QUOTA_REQUESTS], "requests");
    }
    if (tokens) {
        add_headers(&h, tokens, "tokens");
    }
    if (dialect == DIALECT_ANTHROPIC && q->windows[SIM_QUOTA_INPUT].limit > 0) {
        add_headers(&h, &q->windows[SIM_QUOTA_INPUT], "input-tokens");
    }
    if (dialect == DIALECT_ANTHROPIC && q->windows[SIM_QUOTA_OUTPUT].limit > 0) {
        add_headers(&h, &q->windows[SIM_QUOTA_OUTPUT], "output-tokens");
    }
    return h.n;
}
