#include "engine/governor.h"

#include <pthread.h>

#include "core/clock.h"
#include "core/mem.h"

#define MINUTE_US      INT64_C(60000000)
#define DAY_US         (INT64_C(86400) * 1000000)
#define NAME_BYTES_MAX 600

const char *const level_kind_names[LEVEL_KINDS] = {
    [LEVEL_ORGANISATION] = "organisation", [LEVEL_TENANT] = "tenant", [LEVEL_KEY] = "key",
    [LEVEL_PROVIDER] = "provider",         [LEVEL_MODEL] = "model",
};

struct seat {
    struct level level; /* first: a level is its seat */
    enum level_kind kind;
    uint32_t index;
    char *id; /* "key acme/web": names it across snapshots */
    struct str name;
    struct estimator input; /* of a model */
};

struct governor {
    struct map by_id;    /* of the thread that adopts */
    struct seat **seats; /* [0] is nobody's; never moves */
    size_t n;

    pthread_mutex_t lock; /* all below, and what is in the seats' levels */
    struct moment last;
    struct governor_counts counts;
};

struct governor *governor_new(void)
{
    struct governor *g = x_calloc(1, sizeof(*g));
    pthread_mutex_init(&g->lock, NULL);
    map_init(&g->by_id);
    g->seats = x_calloc(GOVERNOR_LEVELS_MAX + 1, sizeof(struct seat *));
    g->n = 1;
    return g;
}

void governor_free(struct governor *g)
{
    if (!g) {
        return;
    }
    for (size_t i = 1; i < g->n; i++) {
        x_free(g->seats[i]->id);
        x_free(g->seats[i]);
    }
    x_free(g->seats);
    map_release(&g->by_id);
    pthread_mutex_destroy(&g->lock);
    x_free(g);
}

/* The clock is asked only where somebody else has the lock. */
static void lock(struct governor *g)
{
    if (pthread_mutex_trylock(&g->lock) == 0) {
        return;
    }
    int64_t start_us = clock_mono_us();
    pthread_mutex_lock(&g->lock);
    g->counts.waits++;
    g->counts.wait_us += (uint64_t)(clock_mono_us() - start_us);
}

static struct moment clamp(struct governor *g, struct moment now)
{
    if (now.mono_us > g->last.mono_us) {
        g->last.mono_us = now.mono_us;
    }
    if (now.wall_us > g->last.wall_us) {
        g->last.wall_us = now.wall_us;
    }
    return g->last;
}

/* ---- adopting ---- */

static void limits_of(const struct settings_limits *from, struct bucket_limit *out)
{
    const struct {
        enum dimension dimension;
        enum bucket_law law;
        int64_t capacity, window_us;
    } rows[] = {
        {DIMENSION_REQUESTS,    BUCKET_REFILL, from->rpm,             MINUTE_US},
        {DIMENSION_INPUT,       BUCKET_REFILL, from->input_tpm,       MINUTE_US},
        {DIMENSION_OUTPUT,      BUCKET_REFILL, from->output_tpm,      MINUTE_US},
        {DIMENSION_TOKENS,      BUCKET_REFILL, from->tpm,             MINUTE_US},
        {DIMENSION_CONCURRENCY, BUCKET_GAUGE,  from->concurrency,     0        },
        {DIMENSION_MONEY,       BUCKET_FIXED,  from->nanousd_per_day, DAY_US   },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        out[rows[i].dimension] = (struct bucket_limit){0};
        if (rows[i].capacity > 0) {
            out[rows[i].dimension] =
                (struct bucket_limit){rows[i].law, rows[i].capacity, rows[i].window_us};
        }
    }
}

struct entry {
    enum level_kind kind;
    struct str owner, name; /* owner: of a key, its tenant */
    const struct settings_limits *limits;
    uint32_t *level; /* where the snapshot keeps it */
};

static size_t write_id(const struct entry *e, char *out)
{
    int n = snprintf(out, NAME_BYTES_MAX, "%s %.*s/%.*s", level_kind_names[e->kind],
                     STR_ARG(e->owner), STR_ARG(e->name));
    BUG_ON(n < 0 || n >= NAME_BYTES_MAX); /* names are short: settings_check_name */
    return (size_t)n;
}

static struct seat *seat_new(const struct entry *e, const char *id)
{
    struct seat *seat = x_calloc(1, sizeof(*seat));
    size_t n = strlen(id);
    seat->kind = e->kind;
    seat->id = x_strndup(id, n);
    seat->name = str_make(seat->id + n - e->name.n, e->name.n);
    return seat;
}

static void adopt_entry(struct governor *g, const struct entry *e, struct moment now)
{
    char id[NAME_BYTES_MAX];
    struct bucket_limit limits[DIMENSIONS];
    limits_of(e->limits, limits);
    struct seat *seat = map_get(&g->by_id, str_make(id, write_id(e, id)));
    if (seat) {
        lock(g); /* for one seat at a time: requests go on in between */
        level_change(&seat->level, limits, clamp(g, now));
        pthread_mutex_unlock(&g->lock);
    } else {
        seat = seat_new(e, id);
        map_put(&g->by_id, str_of(seat->id), seat);
        lock(g);
        level_init(&seat->level, limits, clamp(g, now));
        seat->index = (uint32_t)g->n;
        g->seats[g->n] = seat;
        g->n++;
        pthread_mutex_unlock(&g->lock);
    }
    *e->level = seat->index;
}

static const struct settings_limits unlimited;

/* Calls fn for every entry of a snapshot; the sum of fn's results. */
static size_t each_entry(struct settings *s, size_t (*fn)(void *ctx, const struct entry *e),
                         void *ctx)
{
    size_t sum = 0;
    for (size_t i = 0; i < s->organisation_count; i++) {
        struct settings_organisation *o = &s->organisations[i];
        sum +=
            fn(ctx, &(struct entry){LEVEL_ORGANISATION, STR_EMPTY, o->name, &o->limits, &o->level});
    }
    for (size_t i = 0; i < s->tenant_count; i++) {
        struct settings_tenant *t = &s->tenants[i];
        sum += fn(ctx, &(struct entry){LEVEL_TENANT, STR_EMPTY, t->name, &t->limits, &t->level});
    }
    for (size_t i = 0; i < s->key_count; i++) {
        struct settings_key *k = &s->keys[i];
        sum +=
            fn(ctx, &(struct entry){LEVEL_KEY, k->tenant->name, k->alias, &k->limits, &k->level});
    }
    for (size_t i = 0; i < s->provider_count; i++) {
        struct settings_provider *p = &s->providers[i];
        sum += fn(ctx, &(struct entry){LEVEL_PROVIDER, STR_EMPTY, p->name, &p->limits, &p->level});
    }
    for (size_t i = 0; i < s->model_count; i++) {
        for (size_t k = 0; k < s->models[i].target_count; k++) {
            struct settings_target *t = &s->models[i].targets[k];
            sum += fn(ctx, &(struct entry){LEVEL_MODEL, t->provider->name, t->model, &unlimited,
                                           &t->level});
        }
    }
    return sum;
}

static size_t is_new(void *ctx, const struct entry *e)
{
    char id[NAME_BYTES_MAX];
    struct governor *g = ctx;
    return map_get(&g->by_id, str_make(id, write_id(e, id))) ? 0 : 1;
}

struct adoption {
    struct governor *governor;
    struct moment now;
};

static size_t adopt_one(void *ctx, const struct entry *e)
{
    struct adoption *a = ctx;
    adopt_entry(a->governor, e, a->now);
    return 0;
}

int governor_adopt(struct governor *g, struct settings *settings, struct moment now,
                   struct error *err)
{
    struct adoption adoption = {g, now};
    size_t more = each_entry(settings, is_new, g);
    if (g->n + more > GOVERNOR_LEVELS_MAX) {
        return error_set(err, ERR_LIMIT,
                         "limits: %zu names of keys, tenants and providers since the start, at "
                         "most %d are possible; restart to forget those that are gone",
                         g->n + more, GOVERNOR_LEVELS_MAX);
    }
    each_entry(settings, adopt_one, &adoption);
    return 0;
}

/* ---- taking ---- */

/* Of the caller, the nearest first. */
static int levels_of(struct governor *g, const struct settings_key *key, struct level **out)
{
    int n = 0;
    if (!key) {
        return 0;
    }
    out[n++] = &g->seats[key->level]->level;
    out[n++] = &g->seats[key->tenant->level]->level;
    if (key->tenant->organisation_entry) {
        out[n++] = &g->seats[key->tenant->organisation_entry->level]->level;
    }
    return n;
}

static void refuse(struct governor *g, const struct refusal *why, const struct level *level,
                   struct governor_refusal *ret_refusal)
{
    const struct seat *seat = (const struct seat *)level;
    g->counts.refused[seat->kind][why->dimension]++;
    *ret_refusal = (struct governor_refusal){.why = *why, .kind = seat->kind, .name = seat->name};
}

bool governor_gate(struct governor *g, const struct settings_key *key, struct moment now,
                   struct governor_refusal *ret_refusal)
{
    static const struct amounts one_request = {{[DIMENSION_REQUESTS] = 1}};
    struct level *levels[RESERVATION_LEVELS_MAX];
    struct refusal why;
    if (!key) {
        return true;
    }
    lock(g);
    int n = levels_of(g, key, levels);
    bool fits = levels_take(levels, n, &one_request, clamp(g, now), &why);
    if (!fits) {
        refuse(g, &why, levels[why.level], ret_refusal);
    }
    pthread_mutex_unlock(&g->lock);
    return fits;
}

bool governor_take(struct governor *g, struct reservation *r, const struct settings_key *key,
                   const struct settings_provider *provider, struct moment now,
                   struct governor_refusal *ret_refusal)
{
    struct refusal why;
    lock(g);
    r->level_count = levels_of(g, key, r->levels);
    r->deployment = &g->seats[provider->level]->level;
    bool fits = reservation_take(r, clamp(g, now), &why);
    if (fits) {
        g->counts.taken++;
        g->counts.held++;
    } else {
        refuse(g, &why, why.level < 0 ? r->deployment : r->levels[why.level], ret_refusal);
    }
    pthread_mutex_unlock(&g->lock);
    return fits;
}

bool governor_swap(struct governor *g, struct reservation *r,
                   const struct settings_provider *provider, const struct amounts *caller,
                   const struct amounts *at_deployment, bool billed, struct moment now,
                   struct governor_refusal *ret_refusal)
{
    struct refusal why;
    lock(g);
    struct level *deployment = &g->seats[provider->level]->level;
    bool fits = reservation_swap(r, deployment, caller, at_deployment, billed, clamp(g, now), &why);
    if (fits) {
        g->counts.swapped++;
    } else {
        refuse(g, &why, why.level < 0 ? deployment : r->levels[why.level], ret_refusal);
    }
    pthread_mutex_unlock(&g->lock);
    return fits;
}

void governor_settle(struct governor *g, struct reservation *r, const struct amounts *used,
                     struct moment now)
{
    lock(g);
    if (r->open) {
        g->counts.settled++;
        g->counts.held--;
    }
    reservation_settle(r, used, clamp(g, now));
    pthread_mutex_unlock(&g->lock);
}

/* ---- asking ---- */

int64_t governor_guess(struct governor *g, const struct settings_target *target, int64_t bytes)
{
    lock(g);
    int64_t tokens = estimator_guess(&g->seats[target->level]->input, bytes);
    pthread_mutex_unlock(&g->lock);
    return tokens;
}

void governor_learn(struct governor *g, const struct settings_target *target, int64_t bytes,
                    int64_t tokens)
{
    lock(g);
    estimator_learn(&g->seats[target->level]->input, bytes, tokens);
    pthread_mutex_unlock(&g->lock);
}

bool governor_limits_money(const struct settings_key *key)
{
    if (!key) {
        return false;
    }
    const struct settings_organisation *o = key->tenant->organisation_entry;
    return key->limits.nanousd_per_day > 0 || key->tenant->limits.nanousd_per_day > 0 ||
           (o && o->limits.nanousd_per_day > 0);
}

static void charge_seat(struct governor *g, uint32_t level, const struct amounts *amounts,
                        struct moment now)
{
    struct level *one = &g->seats[level]->level;
    for (int d = 0; d < DIMENSIONS; d++) {
        bucket_advance(&one->buckets[d], &one->limits[d],
                       d == DIMENSION_MONEY ? now.wall_us : now.mono_us);
        bucket_take(&one->buckets[d], &one->limits[d], amounts->n[d]);
    }
}

void governor_charge(struct governor *g, const struct settings *settings,
                     const struct store_charge *charge, bool tokens, struct moment now)
{
    struct amounts amounts = {{0}};
    if (tokens) {
        amounts.n[DIMENSION_REQUESTS] = charge->requests;
        amounts.n[DIMENSION_INPUT] = charge->input_tokens;
        amounts.n[DIMENSION_OUTPUT] = charge->output_tokens;
        amounts.n[DIMENSION_TOKENS] = charge->input_tokens + charge->output_tokens;
    } else {
        amounts.n[DIMENSION_MONEY] = charge->cost_nanousd;
    }
    const struct settings_provider *p = settings_find_provider(settings, charge->provider);
    lock(g);
    now = clamp(g, now);
    if (p) {
        charge_seat(g, p->level, &amounts, now);
    }
    for (size_t i = 0; i < settings->key_count; i++) {
        const struct settings_key *key = &settings->keys[i];
        if (str_eq(key->alias, charge->key_alias) && str_eq(key->tenant->name, charge->tenant)) {
            charge_seat(g, key->level, &amounts, now);
            charge_seat(g, key->tenant->level, &amounts, now);
            if (key->tenant->organisation_entry) {
                charge_seat(g, key->tenant->organisation_entry->level, &amounts, now);
            }
            break;
        }
    }
    pthread_mutex_unlock(&g->lock);
}

void governor_look(struct governor *g, const struct settings_key *key, struct moment now,
                   struct governor_view *ret_view)
{
    struct governor_view view = {0};
    lock(g);
    now = clamp(g, now);
    struct level *level = &g->seats[key->level]->level;
    for (int d = 0; d < DIMENSIONS; d++) {
        int64_t now_us = d == DIMENSION_MONEY ? now.wall_us : now.mono_us;
        if ((level->limited >> d & 1) == 0) {
            continue;
        }
        bucket_advance(&level->buckets[d], &level->limits[d], now_us);
        view.limits[d] = level->limits[d];
        view.left[d] = bucket_left(&level->buckets[d], &level->limits[d]);
        view.reset_us[d] = bucket_reset_us(&level->buckets[d], &level->limits[d], now_us);
    }
    pthread_mutex_unlock(&g->lock);
    *ret_view = view;
}

void governor_count(struct governor *g, struct governor_counts *ret_counts)
{
    lock(g);
    *ret_counts = g->counts;
    ret_counts->levels = g->n - 1;
    pthread_mutex_unlock(&g->lock);
}
