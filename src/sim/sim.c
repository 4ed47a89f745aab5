#include "sim/sim.h"

#include "core/hash.h"
#include "core/mem.h"
#include "core/rand.h"
#include "net/loop.h"
#include "sim/sim_embeddings.h"
#include "sim/sim_gemini.h"
#include "sim/sim_internal.h"
#include "sim/sim_sundry.h"
#include "sim/sim_turn.h"

#define HEAD_TIMEOUT_MS 30000
#define BODY_TIMEOUT_MS 30000
#define IDLE_TIMEOUT_MS 600000

#define HEADER_PREFIX    "x-sim-"
#define HEADER_NAME_MAX  64
#define REPORT_BYTES_MAX (64u << 20)

static const struct str default_models[] = {
    {"sim-large", 9},
    {"sim-small", 9},
    {"sim-embed", 9}
};

/* ---- routes ---- */

struct endpoint {
    const char *name; /* in statistics */
    const char *path;
    enum sim_route sim_route;
    enum route route;
    enum dialect dialect;
    void (*serve)(struct sim_turn *turn, const struct endpoint *endpoint);
};

static void serve_generation(struct sim_turn *turn, const struct endpoint *endpoint);
static void serve_embeddings(struct sim_turn *turn, const struct endpoint *endpoint);
static void serve_count(struct sim_turn *turn, const struct endpoint *endpoint);

/* All of these are POST. What is small stands in sim_sundry.c. Gemini's path holds model and verb:
 * see sim_gemini_path. */
static const struct endpoint endpoints[] = {
    {"chat",         "/v1/chat/completions",      SIM_CHAT,         ROUTE_CHAT,         DIALECT_OPENAI,    serve_generation},
    {"completions",  "/v1/completions",           SIM_COMPLETIONS,  ROUTE_COMPLETIONS,  DIALECT_OPENAI,
     serve_generation                                                                                                      },
    {"responses",    "/v1/responses",             SIM_RESPONSES,    ROUTE_RESPONSES,    DIALECT_OPENAI,
     serve_generation                                                                                                      },
    {"messages",     "/v1/messages",              SIM_MESSAGES,     ROUTE_MESSAGES,     DIALECT_ANTHROPIC, serve_generation},
    {"gemini",       NULL,                        SIM_GEMINI,       ROUTE_NONE,         DIALECT_GEMINI,    serve_generation},
    {"embeddings",   "/v1/embeddings",            SIM_EMBEDDINGS,   ROUTE_EMBEDDINGS,   DIALECT_OPENAI,
     serve_embeddings                                                                                                      },
    {"count_tokens", "/v1/messages/count_tokens", SIM_COUNT_TOKENS, ROUTE_COUNT_TOKENS,
     DIALECT_ANTHROPIC,                                                                                    serve_count     },
};

/* Names of routes in statistics; by_route of the tally goes by the place here. */
static const char *const route_names[] = {
    "chat",    "completions", "responses",       "messages", "embeddings", "count_tokens",
    "gemini",  "models",      "model",           "audio",    "images",     "files",
    "batches", "moderations", "message_batches", "other",    NULL,
};

_Static_assert(ARRAY_LEN(route_names) <= SIM_TALLY_ROUTES_MAX, "a count for each route");

static void count_route(struct sim *sim, const char *name)
{
    for (size_t i = 0; route_names[i]; i++) {
        if (strcmp(route_names[i], name) == 0) {
            sim->tally.by_route[i]++;
            return;
        }
    }
    BUG_ON(true); /* a route without a name in route_names */
}

static const struct endpoint *find_endpoint(struct str path)
{
    struct str model;
    bool stream = false;
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
        bool found = endpoints[i].path ? str_is(path, endpoints[i].path)
                                       : sim_gemini_path(path, &model, &stream);
        if (found) {
            return &endpoints[i];
        }
    }
    return NULL;
}

/* ---- generation ---- */

static void refuse_model(struct sim_turn *t, struct str model)
{
    struct sim_refusal refusal;
    struct str shown = str_head(model, 200);
    if (t->dialect == DIALECT_ANTHROPIC) {
        sim_refuse(&refusal, 404, NULL, NULL, "model: %.*s", STR_ARG(shown));
    } else if (t->dialect == DIALECT_GEMINI) {
        sim_refuse(&refusal, 404, NULL, NULL,
                   "models/%.*s is not found for API version v1beta, or is not supported for "
                   "generateContent.",
                   STR_ARG(shown));
    } else {
        sim_refuse(&refusal, 404, "model_not_found", NULL,
                   "The model `%.*s` does not exist or you do not have access to it.",
                   STR_ARG(shown));
    }
    sim_turn_refuse(t, &refusal);
}

/* Reads the body and checks the model; NULL when the turn has ended with an error. */
static struct sim_ask *read_ask(struct sim_turn *t, const struct endpoint *endpoint)
{
    struct sim *sim = t->sim;
    struct sim_ask *ask = NULL;
    struct sim_refusal refusal;

    if (sim_ask_read(&t->request->arena, endpoint->sim_route, buf_str(&t->request->body), t->seed,
                     t->seed_fixed, &ask, &refusal) != 0) {
        sim_turn_refuse(t, &refusal);
        return NULL;
    }
    if (endpoint->sim_route == SIM_GEMINI) {
        BUG_ON(!sim_gemini_path(t->request->path, &ask->model, &ask->stream));
    }
    sim_turn_know(t, ask);
    if (sim->models_fixed && !sim_model_exists(sim->models, sim->model_count, ask->model)) {
        refuse_model(t, ask->model);
        return NULL;
    }
    return ask;
}

/* False when the turn has ended with an error. */
static bool admit(struct sim_turn *t, const struct sim_ask *ask, int64_t *ret_charged)
{
    int64_t choices = ask->n * ask->prompts;
    struct sim_demand demand = {.input_tokens = ask->input_tokens, .output_tokens = -1};
    struct sim_shortage shortage;

    if (ask->max_tokens >= 0) {
        demand.output_tokens = ask->max_tokens < UPSTREAM_LIMIT_MAX / choices
                                   ? ask->max_tokens * choices
                                   : UPSTREAM_LIMIT_MAX;
    }
    if (sim_quota_admit(&t->sim->quota, t->dials, &demand, loop_now_ms(t->sim->loop), ret_charged,
                        &shortage)) {
        return true;
    }
    sim_turn_shortage(t, &shortage);
    return false;
}

static void serve_generation(struct sim_turn *t, const struct endpoint *endpoint)
{
    struct sim_ask *ask = read_ask(t, endpoint);
    int64_t charged = 0;
    if (ask && admit(t, ask, &charged)) {
        sim_turn_speak(t, charged);
    }
}

static void serve_embeddings(struct sim_turn *t, const struct endpoint *endpoint)
{
    struct sim *sim = t->sim;
    struct sim_ask *ask = read_ask(t, endpoint);
    struct sim_refusal refusal;
    struct buf *out = &sim->scratch;
    int64_t charged = 0;

    if (!ask || !admit(t, ask, &charged)) {
        return;
    }
    buf_clear(out);
    if (sim_embeddings_write(&t->request->arena, ask, t->seed, t->dials->usage != DIAL_USAGE_ABSENT,
                             out, &refusal) != 0) {
        sim_turn_refuse(t, &refusal);
        return;
    }
    sim->tally.input_tokens += (uint64_t)ask->input_tokens;
    sim_turn_reply_later(t, "application/json", arena_str(&t->request->arena, buf_str(out)));
}

static void serve_count(struct sim_turn *t, const struct endpoint *endpoint)
{
    struct sim_ask *ask = read_ask(t, endpoint);
    if (ask) {
        sim_turn_reply_later(t, "application/json",
                             arena_printf(&t->request->arena, "{\"input_tokens\":%lld}",
                                          (long long)ask->input_tokens));
    }
}

/* ---- what every request goes through ---- */

static void refuse_path(struct sim_turn *t, bool known)
{
    struct sim_refusal refusal;
    struct str method = str_head(t->request->head.method, 20);
    struct str path = str_head(t->request->path, 200);
    if (known) {
        sim_refuse(&refusal, 405, "method_not_allowed", NULL, "%.*s is not allowed for %.*s.",
                   STR_ARG(method), STR_ARG(path));
    } else {
        sim_refuse(&refusal, 404, "unknown_url", NULL, "Unknown request URL: %.*s %.*s.",
                   STR_ARG(method), STR_ARG(path));
    }
    sim_turn_refuse(t, &refusal);
}

static void serve_sundry(struct sim_turn *t)
{
    static const uint64_t body_key[2] = {0, 0};
    struct sim *sim = t->sim;
    struct server_request *request = t->request;
    struct sim_sundry_ask ask = {
        .request = request,
        .arena = &request->arena,
        .dialect = t->dialect,
        .key = rand_mix(rand_mix(t->seed, hash_fnv1a(request->path)),
                        hash_sip(body_key, buf_str(&request->body))),
        .models = sim->models,
        .model_count = sim->model_count,
        .models_fixed = sim->models_fixed,
    };
    bool known = false;
    const struct sim_sundry *row =
        sim_sundry_find(request->head.method, request->path, &known, &ask.rest);
    if (!row) {
        refuse_path(t, known || find_endpoint(request->path));
        return;
    }
    buf_clear(&sim->scratch);
    int status = row->answer(&ask, &sim->scratch);
    if (status == 404) {
        sim_turn_fail(t, 404, -1);
        return;
    }
    sim_turn_reply_later(t, row->type, arena_str(&request->arena, buf_str(&sim->scratch)));
}

/* Sets one dial of the request by a header; false when the turn has ended with an error. */
static bool apply_header(struct sim_turn *t, struct dials *own, const struct http_header *header)
{
    struct str prefix = STR(HEADER_PREFIX);
    struct str name = str_from(header->name, prefix.n);
    struct sim_refusal refusal;
    struct error err = {0};
    char lower[HEADER_NAME_MAX];
    uint64_t seed = 0;

    if (name.n > sizeof(lower)) {
        name.n = sizeof(lower);
    }
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
    }
    name.p = lower;
    if (str_is(name, "seed")) {
        if (str_to_u64(header->value, &seed) == 0) {
            t->seed = seed;
            t->seed_fixed = true;
            return true;
        }
        error_set(&err, ERR_INVALID, "\"%.*s\" is not a whole number",
                  STR_ARG(str_head(header->value, 60)));
    } else if (dial_set(own, name, header->value, &err) == 0) {
        return true;
    }
    sim_refuse(&refusal, 400, "invalid_dial", NULL, "Header %s%.*s: %s", HEADER_PREFIX,
               STR_ARG(name), err.text);
    sim_turn_refuse(t, &refusal);
    return false;
}

/* Lays the request's own dials over the server's; false when the turn has ended with an error. */
static bool apply_headers(struct sim_turn *t)
{
    const struct http_head *head = &t->request->head;
    struct dials *own = NULL;

    for (size_t i = 0; i < head->header_count; i++) {
        if (!str_starts_nocase(head->headers[i].name, STR(HEADER_PREFIX))) {
            continue;
        }
        if (!own) {
            own = ARENA_NEW(&t->request->arena, struct dials);
            *own = t->sim->dials;
            t->dials = own;
        }
        if (!apply_header(t, own, &head->headers[i])) {
            return false;
        }
    }
    return true;
}

/* 0 when the request's key is good, or the status to refuse it with. */
static int check_key(const struct sim *sim, const struct http_head *head)
{
    struct str bearer = http_head_get(head, "authorization");
    struct str key = http_head_get(head, "x-api-key");

    if (sim->key_count == 0) {
        return 0;
    }
    if (!key.p) {
        key = http_head_get(head, "x-goog-api-key");
    }
    if (str_starts_nocase(bearer, STR("Bearer "))) {
        key = str_trim(str_from(bearer, strlen("Bearer ")));
    }
    for (size_t i = 0; i < sim->key_count; i++) {
        if (str_eq(sim->keys[i].key, key)) {
            return sim->keys[i].status;
        }
    }
    return 401;
}

static void refuse_unreadable(struct sim_turn *t)
{
    const struct server_refusal *why = &t->request->refused;
    struct sim_refusal refusal;
    sim_refuse(&refusal, why->status, NULL, NULL, "%.300s", why->error.text);
    sim_turn_refuse(t, &refusal);
}

static void serve_provider(struct sim *sim, struct server_request *request)
{
    const struct endpoint *endpoint =
        str_is(request->head.method, "POST") ? find_endpoint(request->path) : NULL;
    struct str rest;
    bool known = false;
    const struct sim_sundry *row =
        endpoint ? NULL : sim_sundry_find(request->head.method, request->path, &known, &rest);
    const char *name = endpoint ? endpoint->name : row ? row->name : "other";
    struct sim_turn *t = sim_turn_begin(sim, request, name);

    count_route(sim, name);
    t->fault_number = ++sim->request_number;
    t->route = endpoint ? endpoint->route : ROUTE_PASSTHROUGH;
    t->dialect = str_starts(request->path, STR(SIM_GEMINI_PREFIX))
                     ? DIALECT_GEMINI
                     : dialect_of(request->path,
                                  http_head_get(&request->head, "anthropic-version").p != NULL);
    if (request->refused.status != 0) {
        refuse_unreadable(t);
        return;
    }
    if (!apply_headers(t)) {
        return;
    }
    int status = check_key(sim, &request->head);
    if (status != 0) {
        sim_turn_fail(t, status, -1);
        return;
    }
    int fault = sim_fault_draw(t->dials, t->seed, t->fault_number);
    if (fault != DIAL_FAULT_NONE) {
        sim_turn_fault(t, fault);
    } else if (endpoint) {
        endpoint->serve(t, endpoint);
    } else {
        serve_sundry(t);
    }
}

/* ---- what is asked of the simulation itself ---- */

static int64_t query_number(struct str query, const char *name)
{
    while (query.n > 0) {
        struct str item = str_split(&query, '&');
        struct str key = str_split(&item, '=');
        int64_t value = 0;
        if (str_is(key, name) && str_to_i64(item, &value) == 0 && value >= 0) {
            return value;
        }
    }
    return 0;
}

static void start_timeline(struct sim *sim);

static int write_stats(struct sim *sim, struct server_request *request, struct buf *out)
{
    (void)request;
    buf_putf(out, "{\"seed\":%llu,\"uptime_ms\":%lld,", (unsigned long long)sim->seed,
             (long long)(loop_now_ms(sim->loop) - sim->started_ms));
    sim_tally_write(&sim->tally, route_names, out);
    buf_puts(out, ",\"recent\":");
    sim_records_list(&sim->records, out);
    buf_puts(out, "}\n");
    return 200;
}

static int write_last(struct sim *sim, struct server_request *request, struct buf *out)
{
    uint64_t back = (uint64_t)query_number(request->query, "back");
    if (!sim_records_write(&sim->records, back, out)) {
        buf_puts(out, "{\"error\":{\"message\":\"no such request is on record\"}}\n");
        return 404;
    }
    buf_putc(out, '\n');
    return 200;
}

static int write_dials(struct sim *sim, struct server_request *request, struct buf *out)
{
    (void)request;
    dials_write_json(&sim->dials, out);
    buf_putc(out, '\n');
    return 200;
}

static int reset(struct sim *sim, struct server_request *request, struct buf *out)
{
    (void)request;
    sim_tally_reset(&sim->tally);
    sim_records_reset(&sim->records);
    sim_quota_reset(&sim->quota);
    sim->request_number = 0;
    start_timeline(sim);
    buf_puts(out, "{\"reset\":true}\n");
    return 200;
}

static const struct {
    const char *method;
    const char *path;
    int (*answer)(struct sim *sim, struct server_request *request, struct buf *out);
} controls[] = {
    {"GET",  "/sim/stats", write_stats},
    {"GET",  "/sim/last",  write_last },
    {"GET",  "/sim/dials", write_dials},
    {"POST", "/sim/reset", reset      },
};

static void serve_control(struct sim *sim, struct server_request *request)
{
    struct buf out;
    int status = 404;

    buf_init(&out, REPORT_BYTES_MAX);
    for (size_t i = 0; i < ARRAY_LEN(controls); i++) {
        if (str_is(request->path, controls[i].path)) {
            bool fits = str_is(request->head.method, controls[i].method);
            status = fits ? controls[i].answer(sim, request, &out) : 405;
        }
    }
    if (out.n == 0) {
        buf_puts(&out, "{\"error\":{\"message\":\"the simulation has GET /sim/stats, /sim/last, "
                       "/sim/dials and POST /sim/reset\"}}\n");
    }
    server_reply(request, status, "application/json", NULL, 0, buf_str(&out));
    buf_release(&out);
}

static void on_request(void *ctx, struct server_request *request)
{
    struct sim *sim = ctx;
    if (request->refused.status == 0 && str_starts(request->path, STR("/sim/"))) {
        serve_control(sim, request);
    } else {
        serve_provider(sim, request);
    }
}

static void on_gone(void *ctx, struct server_request *request)
{
    (void)ctx;
    if (request->app) {
        sim_turn_gone(request->app);
    }
}

static void on_drain(void *ctx, struct server_request *request)
{
    (void)ctx;
    if (request->app) {
        sim_turn_drain(request->app);
    }
}

static const struct server_events events = {
    .on_request = on_request, .on_gone = on_gone, .on_drain = on_drain};

/* ---- timeline ---- */

static void follow_timeline(void *ctx)
{
    struct sim *sim = ctx;
    const struct scenario *scenario = sim->scenario;
    int64_t at_ms = loop_now_ms(sim->loop) - sim->started_ms;

    while (scenario && sim->next_step < scenario->step_count) {
        const struct scenario_step *step = &scenario->steps[sim->next_step];
        if (step->at_ms > at_ms) {
            timer_set(&sim->timeline, step->at_ms - at_ms);
            return;
        }
        dials_overlay(&sim->dials, &step->set);
        sim->next_step++;
    }
}

static void start_timeline(struct sim *sim)
{
    timer_cancel(&sim->timeline);
    sim->dials = sim->base;
    sim->next_step = 0;
    sim->started_ms = loop_now_ms(sim->loop);
    follow_timeline(sim);
}

/* ---- life ---- */

static int add_keys(struct sim *sim, const struct str *keys, size_t n, struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        struct str text = arena_str(&sim->arena, keys[i]);
        struct sim_key *key = &sim->keys[sim->key_count++];
        int64_t status = 0;
        *key = (struct sim_key){.key = str_split(&text, '=')};
        if (text.n > 0 && (str_to_i64(text, &status) != 0 || status < 300 || status > 599)) {
            return error_set(err, ERR_INVALID,
                             "simulated key %zu: what follows \"=\" is a status from 300 to 599",
                             i + 1);
        }
        key->status = (int)status;
    }
    return 0;
}

static int copy_keys(struct sim *sim, const struct sim_options *o, struct error *err)
{
    const struct config_strs *more = o->scenario ? &o->scenario->keys : NULL;
    size_t n = o->key_count + (more ? more->n : 0);

    if (n > SIM_KEYS_MAX) {
        return error_set(err, ERR_LIMIT, "more than %d simulated keys", SIM_KEYS_MAX);
    }
    sim->keys = ARENA_ARRAY(&sim->arena, struct sim_key, n + 1);
    int rc = add_keys(sim, o->keys, o->key_count, err);
    return rc != 0 || !more ? rc : add_keys(sim, more->items, more->n, err);
}

static void add_models(struct sim *sim, const struct str *models, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sim->models[sim->model_count++] = arena_str(&sim->arena, models[i]);
    }
}

static void copy_models(struct sim *sim, const struct sim_options *o)
{
    const struct config_strs *more = o->scenario ? &o->scenario->models : NULL;
    size_t n = o->model_count + (more ? more->n : 0);

    sim->models_fixed = n > 0;
    sim->models = ARENA_ARRAY(&sim->arena, struct str, n + ARRAY_LEN(default_models));
    if (n == 0) {
        add_models(sim, default_models, ARRAY_LEN(default_models));
        return;
    }
    add_models(sim, o->models, o->model_count);
    if (more) {
        add_models(sim, more->items, more->n);
    }
}

static int configure(struct sim *sim, const struct sim_options *o, struct error *err)
{
    const struct scenario *scenario = o->scenario;

    sim->scenario = scenario;
    sim->seed = o->has_seed ? o->seed : scenario && scenario->has_seed ? scenario->seed : 0;
    dials_init(&sim->base);
    if (scenario) {
        dials_overlay(&sim->base, &scenario->dials);
    }
    if (o->dials) {
        dials_overlay(&sim->base, o->dials);
    }
    copy_models(sim, o);
    return copy_keys(sim, o, err);
}

static void release(struct sim *sim)
{
    timer_cancel(&sim->timeline);
    sim_records_release(&sim->records);
    buf_release(&sim->scratch);
    arena_release(&sim->arena);
    x_free(sim);
}

int sim_open(struct loop *loop, const struct sim_options *options, struct sim **ret_sim,
             struct error *err)
{
    struct sim *sim = x_calloc(1, sizeof(*sim));
    struct server_options server = {
        .address = options->address ? options->address : "127.0.0.1",
        .port = options->port,
        .body_bytes_max = SIM_BODY_BYTES_MAX,
        .head_timeout_ms = HEAD_TIMEOUT_MS,
        .body_timeout_ms = BODY_TIMEOUT_MS,
        .idle_timeout_ms = IDLE_TIMEOUT_MS,
    };

    sim->loop = loop;
    arena_init(&sim->arena);
    sim_records_init(&sim->records);
    buf_init(&sim->scratch, SIM_SCRATCH_BYTES_MAX);
    timer_init(&sim->timeline, loop, follow_timeline, sim);
    int rc = configure(sim, options, err);
    if (rc == 0) {
        rc = server_open(loop, &server, &events, sim, &sim->server, err);
    }
    if (rc != 0) {
        release(sim);
        return rc;
    }
    start_timeline(sim);
    *ret_sim = sim;
    return 0;
}

uint16_t sim_port(const struct sim *sim)
{
    return server_port(sim->server);
}

uint64_t sim_seed(const struct sim *sim)
{
    return sim->seed;
}

void sim_close(struct sim *sim)
{
    if (!sim) {
        return;
    }
    server_close(sim->server);
    release(sim);
}
