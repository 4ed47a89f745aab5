#include "policy/upstream_model.h"

#include <math.h>

#define PARETO_CUT 1000.0
#define SIGMA_MAX  10.0

/* --- laws of a quantity ------------------------------------------------------------------- */

struct law_row {
    struct str name;
    int parameters;
    const char *form;
};

static const struct law_row law_rows[] = {
    [UPSTREAM_CONSTANT] = {{"constant", 8},     1, "constant:VALUE, VALUE >= 0"                          },
    [UPSTREAM_UNIFORM] = {{"uniform", 7},      2, "uniform:FROM,TO, 0 <= FROM <= TO"                    },
    [UPSTREAM_EXPONENTIAL] = {{"exponential", 11}, 1, "exponential:MEAN, MEAN >= 0"                         },
    [UPSTREAM_LOGNORMAL] = {{"lognormal", 9},
                           2,                      "lognormal:MEDIAN,SIGMA, MEDIAN > 0, 0 <= SIGMA <= 10"},
    [UPSTREAM_PARETO] = {{"pareto", 6},       2, "pareto:MIN,ALPHA, MIN > 0, ALPHA > 0"                },
};

static bool law_holds(const struct upstream_law *law)
{
    switch (law->kind) {
    case UPSTREAM_CONSTANT:
    case UPSTREAM_EXPONENTIAL:
        return law->a >= 0;
    case UPSTREAM_UNIFORM:
        return law->a >= 0 && law->a <= law->b;
    case UPSTREAM_LOGNORMAL:
        return law->a > 0 && law->b >= 0 && law->b <= SIGMA_MAX;
    case UPSTREAM_PARETO:
        return law->a > 0 && law->b > 0;
    }
    return false;
}

static int unknown_law(struct str name, struct error *err)
{
    struct str names[ARRAY_LEN(law_rows)];
    for (size_t i = 0; i < ARRAY_LEN(law_rows); i++) {
        names[i] = law_rows[i].name;
    }
    struct str near = str_nearest(name, names, ARRAY_LEN(names));
    if (near.n > 0) {
        return error_set(err, ERR_INVALID, "unknown law \"%.*s\"; did you mean \"%.*s\"?",
                         STR_ARG(str_head(name, 64)), STR_ARG(near));
    }
    return error_set(err, ERR_INVALID,
                     "unknown law \"%.*s\"; expected constant, uniform, exponential, lognormal or "
                     "pareto, as in lognormal:350,0.4",
                     STR_ARG(str_head(name, 64)));
}

static int read_parameters(struct str text, const struct law_row *row, struct upstream_law *law)
{
    double *values[] = {&law->a, &law->b};
    for (int i = 0; i < (int)ARRAY_LEN(values) && i < row->parameters; i++) {
        bool last = i == row->parameters - 1;
        struct str part = text;
        if (!last) {
            part = str_split(&text, ',');
        }
        if (str_to_double(str_trim(part), values[i]) < 0) {
            return ERR_INVALID;
        }
    }
    return law_holds(law) ? 0 : ERR_INVALID;
}

int upstream_law_parse(struct str text, struct upstream_law *ret_law, struct error *err)
{
    struct upstream_law law = {.kind = UPSTREAM_CONSTANT};
    struct str given = str_trim(text);
    ptrdiff_t colon = str_find_char(given, ':');
    if (colon < 0 && str_to_double(given, &law.a) == 0 && law_holds(&law)) {
        *ret_law = law;
        return 0;
    }
    struct str name = colon < 0 ? given : str_trim(str_head(given, (size_t)colon));
    for (size_t i = 0; i < ARRAY_LEN(law_rows); i++) {
        if (!str_eq(law_rows[i].name, name)) {
            continue;
        }
        law.kind = (enum upstream_law_kind)i;
        struct str values = colon < 0 ? STR_EMPTY : str_from(given, (size_t)colon + 1);
        if (read_parameters(values, &law_rows[i], &law) < 0) {
            return error_set(err, ERR_INVALID, "\"%.*s\": expected %s",
                             STR_ARG(str_head(given, 64)), law_rows[i].form);
        }
        *ret_law = law;
        return 0;
    }
    return unknown_law(name, err);
}

double upstream_law_sample(const struct upstream_law *law, double unit, double normal)
{
    switch (law->kind) {
    case UPSTREAM_CONSTANT:
        return law->a;
    case UPSTREAM_UNIFORM:
        /* Rounding must not reach the end that is excluded. */
        return fmin(law->a + (law->b - law->a) * unit, nextafter(law->b, law->a));
    case UPSTREAM_EXPONENTIAL:
        return -law->a * log1p(-unit);
    case UPSTREAM_LOGNORMAL:
        return law->a * exp(law->b * normal);
    case UPSTREAM_PARETO:
        return law->a * fmin(pow(1.0 - unit, -1.0 / law->b), PARETO_CUT);
    }
    return law->a;
}

/* --- laws of a window --------------------------------------------------------------------- */

static const char *const window_names[] = {
    [UPSTREAM_FIXED] = "fixed",
    [UPSTREAM_SLIDING] = "sliding",
    [UPSTREAM_REFILL] = "refill",
};

int upstream_window_law_parse(struct str text, enum upstream_window_law *ret_law, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(window_names); i++) {
        if (str_is(text, window_names[i])) {
            *ret_law = (enum upstream_window_law)i;
            return 0;
        }
    }
    return error_set(err, ERR_INVALID,
                     "unknown window law \"%.*s\"; expected fixed, sliding or refill",
                     STR_ARG(str_head(text, 64)));
}

const char *upstream_window_law_name(enum upstream_window_law law)
{
    return window_names[law];
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    if (value < low) {
        return low;
    }
    return value > high ? high : value;
}

static int64_t clamp_amount(int64_t amount)
{
    return clamp(amount, -UPSTREAM_LIMIT_MAX, UPSTREAM_LIMIT_MAX);
}

static int64_t divide_up(__int128 a, int64_t b)
{
    return (int64_t)((a + b - 1) / b);
}

static int64_t full_level(const struct upstream_window *w)
{
    return w->limit * w->window_ms;
}

/* Number of the slice, or of the fixed window, that `now_ms` lies in. */
static int64_t index_at(const struct upstream_window *w, int64_t now_ms)
{
    int64_t parts = w->law == UPSTREAM_SLIDING ? UPSTREAM_WINDOW_SLICES : 1;
    return (int64_t)((__int128)now_ms * parts / w->window_ms);
}

/* The first millisecond of slice `index`. */
static int64_t slice_start(const struct upstream_window *w, int64_t index)
{
    return divide_up((__int128)index * w->window_ms, UPSTREAM_WINDOW_SLICES);
}

static int64_t *slice_of(struct upstream_window *w, int64_t index)
{
    return &w->slices[index % UPSTREAM_WINDOW_SLICES];
}

static void advance_slices(struct upstream_window *w, int64_t index)
{
    int64_t first = w->slice_at + 1;
    if (index - first >= UPSTREAM_WINDOW_SLICES) {
        first = index - UPSTREAM_WINDOW_SLICES + 1;
    }
    for (int64_t i = first; i <= index; i++) {
        w->used -= *slice_of(w, i);
        *slice_of(w, i) = 0;
    }
}

/* Brings the window to `now_ms` and returns the time that counts. */
static int64_t advance(struct upstream_window *w, int64_t now_ms)
{
    if (now_ms <= w->last_ms) {
        return w->last_ms;
    }
    int64_t index = index_at(w, now_ms);
    if (w->law == UPSTREAM_REFILL) {
        __int128 level = w->level + (__int128)(now_ms - w->last_ms) * w->limit;
        w->level = level > full_level(w) ? full_level(w) : (int64_t)level;
    } else if (w->law == UPSTREAM_SLIDING) {
        advance_slices(w, index);
    } else if (index > w->slice_at) {
        w->used = 0;
    }
    w->slice_at = index;
    w->last_ms = now_ms;
    return now_ms;
}

void upstream_window_init(struct upstream_window *w, enum upstream_window_law law, int64_t limit,
                          int64_t window_ms, int64_t now_ms)
{
    *w = (struct upstream_window){
        .law = law,
        .limit = clamp(limit, 0, UPSTREAM_LIMIT_MAX),
        .window_ms = clamp(window_ms, 1, UPSTREAM_WINDOW_MS_MAX),
        .last_ms = now_ms > 0 ? now_ms : 0,
    };
    w->slice_at = index_at(w, w->last_ms);
    w->level = full_level(w);
}

bool upstream_window_fits(struct upstream_window *w, int64_t amount, int64_t now_ms)
{
    advance(w, now_ms);
    if (w->limit == 0 || amount <= 0) {
        return true;
    }
    if (w->law == UPSTREAM_REFILL) {
        return (__int128)amount * w->window_ms <= w->level;
    }
    return amount <= w->limit - w->used;
}

static void give_back_slices(struct upstream_window *w, int64_t amount)
{
    for (int64_t back = 0; back < UPSTREAM_WINDOW_SLICES && back <= w->slice_at; back++) {
        int64_t *slice = slice_of(w, w->slice_at - back);
        int64_t part = amount < *slice ? amount : *slice;
        *slice -= part;
        w->used -= part;
        amount -= part;
    }
}

void upstream_window_charge(struct upstream_window *w, int64_t amount, int64_t now_ms)
{
    advance(w, now_ms);
    amount = clamp_amount(amount);
    if (w->law == UPSTREAM_REFILL && w->limit == 0) {
        return; /* Nothing would ever pay it back. */
    }
    if (w->law == UPSTREAM_REFILL) {
        /* A debt beyond this bound is as good as endless. */
        __int128 level = w->level - (__int128)amount * w->window_ms;
        __int128 low = -(__int128)INT64_MAX / 2;
        level = level > full_level(w) ? full_level(w) : level;
        w->level = (int64_t)(level < low ? low : level);
    } else if (w->law == UPSTREAM_SLIDING) {
        if (amount < 0) {
            give_back_slices(w, -amount);
        } else {
            *slice_of(w, w->slice_at) += amount;
            w->used += amount;
        }
    } else {
        w->used = clamp(w->used + amount, 0, INT64_MAX / 2);
    }
}

int64_t upstream_window_remaining(struct upstream_window *w, int64_t now_ms)
{
    advance(w, now_ms);
    if (w->limit == 0) {
        return INT64_MAX;
    }
    if (w->law == UPSTREAM_REFILL) {
        return w->level > 0 ? w->level / w->window_ms : 0;
    }
    return w->used < w->limit ? w->limit - w->used : 0;
}

/* Until the oldest slices that must go have gone. */
static int64_t sliding_wait(struct upstream_window *w, int64_t amount, int64_t now_ms)
{
    int64_t used = w->used;
    int64_t oldest = w->slice_at - UPSTREAM_WINDOW_SLICES + 1;
    for (int64_t i = oldest < 0 ? 0 : oldest; i <= w->slice_at; i++) {
        used -= *slice_of(w, i);
        if (amount <= w->limit - used) {
            return slice_start(w, i + UPSTREAM_WINDOW_SLICES) - now_ms;
        }
    }
    return -1;
}

static int64_t fixed_wait(const struct upstream_window *w, int64_t now_ms)
{
    return w->window_ms - now_ms % w->window_ms;
}

int64_t upstream_window_wait_ms(struct upstream_window *w, int64_t amount, int64_t now_ms)
{
    if (upstream_window_fits(w, amount, now_ms)) {
        return 0;
    }
    if (amount > w->limit) {
        return -1;
    }
    if (w->law == UPSTREAM_REFILL) {
        return divide_up((__int128)amount * w->window_ms - w->level, w->limit);
    }
    return w->law == UPSTREAM_SLIDING ? sliding_wait(w, amount, w->last_ms)
                                      : fixed_wait(w, w->last_ms);
}

static int64_t sliding_reset(struct upstream_window *w, int64_t now_ms)
{
    for (int64_t back = 0; back < UPSTREAM_WINDOW_SLICES && back <= w->slice_at; back++) {
        int64_t index = w->slice_at - back;
        if (*slice_of(w, index) > 0) {
            return slice_start(w, index + UPSTREAM_WINDOW_SLICES) - now_ms;
        }
    }
    return 0;
}

int64_t upstream_window_reset_ms(struct upstream_window *w, int64_t now_ms)
{
    advance(w, now_ms);
    if (w->limit == 0) {
        return 0;
    }
    if (w->law == UPSTREAM_REFILL) {
        return divide_up((__int128)full_level(w) - w->level, w->limit);
    }
    if (w->law == UPSTREAM_SLIDING) {
        return sliding_reset(w, w->last_ms);
    }
    return w->used > 0 ? fixed_wait(w, w->last_ms) : 0;
}

void upstream_window_set_limit(struct upstream_window *w, int64_t limit, int64_t now_ms)
{
    advance(w, now_ms);
    int64_t used = w->limit > 0 ? full_level(w) - w->level : 0;
    w->limit = clamp(limit, 0, UPSTREAM_LIMIT_MAX);
    w->level = full_level(w) - used;
}
