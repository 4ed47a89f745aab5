#include "gateway/phase.h"

#include "core/clock.h"
#include "engine/rewrite.h"
#include "gateway/exchange.h"
#include "gateway/limit.h"
#include "gateway/models.h"

#define LISTED_NAMES_BYTES 300
/* Room that most routes' explanations fit into. */
#define USUAL_ROUTE_BYTES 240

/* ---- receive: is it a request, and for what? ---- */

static enum outcome outcome_of_refusal(int status)
{
    switch (status) {
    case 408:
        return OUTCOME_CALLER_SLOW;
    case 413:
    case 431:
        return OUTCOME_CALLER_TOO_LARGE;
    default:
        return OUTCOME_CALLER_INVALID;
    }
}

static int phase_receive(struct exchange *x)
{
    struct server_request *r = x->request;
    const char *allow = NULL;

    x->dialect = dialect_of(r->path, http_head_get(&r->head, "anthropic-version").p != NULL);
    if (r->refused.status != 0) {
        exchange_refuse(x, outcome_of_refusal(r->refused.status), NULL, NULL, "%s",
                        r->refused.error.text);
        x->refusal.status = r->refused.status;
        return PHASE_FAIL;
    }
    x->route = route_find(r->head.method, r->path, &allow, &x->kind);
    if (!x->route && allow) {
        exchange_refuse(x, OUTCOME_CALLER_INVALID, NULL, NULL, "%.*s answers to %s, not to %.*s",
                        STR_ARG(str_head(r->path, 100)), allow,
                        STR_ARG(str_head(r->head.method, 20)));
        x->refusal.status = 405;
        x->refusal.allow = allow;
        return PHASE_FAIL;
    }
    if (!x->route) {
        return exchange_refuse(x, OUTCOME_CALLER_UNKNOWN, "unknown_url", NULL,
                               "there is no %.*s here; see the routes in docs/serve.md",
                               STR_ARG(str_head(r->path, 100)));
    }
    if (x->kind) {
        x->dialect = x->kind->dialect;
    }
    return PHASE_NEXT;
}

/* ---- health: asked by machines, without a key ---- */

static int phase_health(struct exchange *x)
{
    if (x->route->route == ROUTE_HEALTH) {
        exchange_reply(x, 200, "application/json", STR("{\"status\":\"ok\"}"));
        return PHASE_DONE;
    }
    if (x->route->route == ROUTE_READY) {
        bool ready = !x->worker->draining;
        exchange_reply(x, ready ? 200 : 503, "application/json",
                       ready ? STR("{\"status\":\"ready\"}") : STR("{\"status\":\"draining\"}"));
        return PHASE_DONE;
    }
    return PHASE_NEXT;
}

/* ---- auth ---- */

static struct str caller_secret(const struct http_head *head)
{
    struct str value = http_head_get(head, "authorization");
    if (str_starts_nocase(value, STR("bearer "))) {
        return str_trim(str_from(value, 7));
    }
    return str_trim(http_head_get(head, "x-api-key"));
}

/* A page from elsewhere, open in a browser on this machine. Pages served here, and programs that
 * are no browser, are welcome. */
static bool is_foreign_page(struct str origin)
{
    struct str host;
    if (str_is(origin, "null")) {
        return true;
    }
    if (str_starts_nocase(origin, STR("http://"))) {
        host = str_from(origin, 7);
    } else if (str_starts_nocase(origin, STR("https://"))) {
        host = str_from(origin, 8);
    } else {
        return false;
    }
    static const char *const here[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; i < ARRAY_LEN(here); i++) {
        struct str rest = str_from(host, strlen(here[i]));
        if (str_starts_nocase(host, str_of(here[i])) && (rest.n == 0 || rest.p[0] == ':')) {
            return false;
        }
    }
    return true;
}

/* Without tenants no key is asked for: then whatever a browser may send in its user's name,
 * unasked, would be answered and paid for. */
static int check_origin(struct exchange *x)
{
    struct str origin = http_head_get(&x->request->head, "origin");
    if (origin.n > 0 && is_foreign_page(origin)) {
        return exchange_refuse(x, OUTCOME_CALLER_FORBIDDEN, NULL, NULL,
                               "pages of other sites may not call a gateway that asks for no key; "
                               "configure tenants with keys");
    }
    return PHASE_NEXT;
}

static int phase_auth(struct exchange *x)
{
    struct hash_sha256 digest;
    if (x->settings->tenant_count == 0) {
        return check_origin(x);
    }
    struct str secret = caller_secret(&x->request->head);
    if (secret.n == 0) {
        return exchange_refuse(x, OUTCOME_CALLER_UNAUTHORIZED, "invalid_api_key", NULL,
                               "no key: send one as \"Authorization: Bearer sk-weir-...\" or "
                               "\"x-api-key: sk-weir-...\"");
    }
    hash_sha256(secret, &digest);
    const struct settings_key *key = settings_find_key(x->settings, &digest);
    if (!key) {
        return exchange_refuse(x, OUTCOME_CALLER_UNAUTHORIZED, "invalid_api_key", NULL,
                               "this key is not known to this gateway; ask its operator, who makes "
                               "keys with `weir key new`");
    }
    if (key->disabled) {
        return exchange_refuse(x, OUTCOME_CALLER_UNAUTHORIZED, "invalid_api_key", NULL,
                               "key \"%.*s\" is disabled", STR_ARG(key->alias));
    }
    if (key->expires_ms > 0 && clock_wall_ms() >= key->expires_ms) {
        return exchange_refuse(x, OUTCOME_CALLER_UNAUTHORIZED, "invalid_api_key", NULL,
                               "key \"%.*s\" expired on %.*s", STR_ARG(key->alias),
                               STR_ARG(key->expires_text));
    }
    x->key = key;
    return PHASE_NEXT;
}

bool phase_knows_caller(const struct settings *settings, const struct http_head *head)
{
    struct hash_sha256 digest;
    if (settings->tenant_count == 0) {
        return true;
    }
    hash_sha256(caller_secret(head), &digest);
    const struct settings_key *key = settings_find_key(settings, &digest);
    return key && !key->disabled && (key->expires_ms == 0 || clock_wall_ms() < key->expires_ms);
}

/* ---- tenant: from here on there is a trace ---- */

static struct str header_copy(struct exchange *x, const char *name)
{
    return arena_str(&x->trace->arena, str_head(http_head_get(&x->request->head, name), 256));
}

/* The trace id within a W3C traceparent: 00-<32 hex>-<16 hex>-<2 hex>. */
static struct str parent_of(struct exchange *x)
{
    struct str own = header_copy(x, "x-weir-parent");
    if (own.n > 0) {
        return own;
    }
    struct str parent = http_head_get(&x->request->head, "traceparent");
    return parent.n == 55 ? arena_str(&x->trace->arena, str_make(parent.p + 3, 32)) : STR_EMPTY;
}

static int phase_tenant(struct exchange *x)
{
    struct server_request *r = x->request;
    if (x->route->route == ROUTE_MODELS || x->route->route == ROUTE_MODEL) {
        return PHASE_NEXT; /* nothing is called, nothing recorded */
    }
    struct trace *t = trace_new();
    x->trace = t;
    int64_t now_ms = clock_wall_ms();
    t->started_ms = now_ms - (r->received_us - r->started_us) / 1000;
    trace_make_id(&x->worker->ids, t->started_ms, t->id);
    t->capture = (enum trace_capture)x->settings->capture;
    if (x->key) {
        t->tenant = arena_str(&t->arena, x->key->tenant->name);
        t->key_alias = arena_str(&t->arena, x->key->alias);
        t->capture = (enum trace_capture)x->key->tenant->capture;
    }
    t->received_us = r->received_us - r->started_us;
    t->request_bytes = (int64_t)r->body.n;
    t->method = arena_str(&t->arena, r->head.method);
    t->path = arena_str(&t->arena, str_head(r->path, 512));
    t->dialect = str_of(dialect_name(x->dialect));
    t->route = str_of(x->kind ? x->kind->name : x->route->name);
    t->client = arena_str(&t->arena, str_of(r->peer));
    t->user_agent = header_copy(x, "user-agent");
    t->session = header_copy(x, "x-weir-session");
    t->client_request_id = header_copy(x, "x-client-request-id");
    t->parent = parent_of(x);
    return PHASE_NEXT;
}

/* ---- models: answered from the configuration ---- */

static int reply_models(struct exchange *x)
{
    struct buf body;
    buf_init(&body, MODELS_BYTES_MAX);
    models_write_list(x->dialect, x->settings, x->key, &body);
    exchange_reply(x, 200, "application/json", buf_str(&body));
    buf_release(&body);
    return PHASE_DONE;
}

/* An unknown model and what its name may have meant; only what the key may see is named. */
static int refuse_model(struct exchange *x, struct str name)
{
    struct str nearest = models_nearest(x->settings, x->key, name);
    char listed[LISTED_NAMES_BYTES] = "";
    size_t at = 0;

    if (nearest.n > 0) {
        return exchange_refuse(x, OUTCOME_CALLER_UNKNOWN, "model_not_found", "model",
                               "there is no model \"%.*s\"; did you mean \"%.*s\"?",
                               STR_ARG(str_head(name, 100)), STR_ARG(nearest));
    }
    for (size_t i = 0; i < x->settings->model_count; i++) {
        struct str alias = x->settings->models[i].alias;
        if (!settings_key_allows_model(x->key, alias)) {
            continue;
        }
        if (at + alias.n + 8 >= sizeof(listed)) {
            at += (size_t)snprintf(listed + at, sizeof(listed) - at, ", ...");
            break;
        }
        at += (size_t)snprintf(listed + at, sizeof(listed) - at, "%s%.*s", at > 0 ? ", " : "",
                               STR_ARG(alias));
    }
    return exchange_refuse(x, OUTCOME_CALLER_UNKNOWN, "model_not_found", "model",
                           "there is no model \"%.*s\"; known here: %s",
                           STR_ARG(str_head(name, 100)), at > 0 ? listed : "none");
}

static int phase_models(struct exchange *x)
{
    if (x->route->route == ROUTE_MODELS) {
        return reply_models(x);
    }
    if (x->route->route != ROUTE_MODEL) {
        return PHASE_NEXT;
    }
    /* SDKs encode slashes in ids; both ways name the same model. */
    struct str id =
        url_decode(str_from(x->request->path, strlen("/v1/models/")), &x->request->arena);
    const struct settings_model *model = settings_find_model(x->settings, id);
    if (!model || !settings_key_allows_model(x->key, id)) {
        return refuse_model(x, id);
    }
    struct buf body;
    buf_init(&body, MODELS_BYTES_MAX);
    models_write_one(x->dialect, x->settings, model, &body);
    exchange_reply(x, 200, "application/json", buf_str(&body));
    buf_release(&body);
    return PHASE_DONE;
}

/* ---- gate: is there room in the caller's rate, and is the body what the route wants? ---- */

static int phase_gate(struct exchange *x)
{
    struct error err = {0};
    struct trace *t = x->trace;
    struct governor_refusal refusal;
    if (!governor_gate(x->worker->governor, x->key, admission_now(), &refusal)) {
        return limit_refuse(x, &refusal);
    }
    if (x->kind) {
        return PHASE_NEXT; /* passed through unread */
    }
    int rc = request_facts_read(x->route->route, buf_str(&x->request->body), &x->request->arena,
                                &x->facts, &err);
    if (rc != 0) {
        return exchange_refuse(x, OUTCOME_CALLER_INVALID, NULL, NULL, "%s", err.text);
    }
    x->has_facts = true;
    t->model_asked = arena_str(&t->arena, str_head(x->facts.model, 256));
    t->stream = x->facts.stream;
    t->params_json = arena_str(&t->arena, x->facts.params_json);
    return PHASE_NEXT;
}

/* ---- admit: may it, where can it go, and is there room for it? ---- */

/* The first target that has room. Those passed over stay as places to go on to later. A refusal by
 * the caller's own limits holds for all. */
static int reserve(struct exchange *x)
{
    struct governor_refusal refusal;
    enum admission_result result = ADMISSION_OK;
    enum admission_result first = ADMISSION_OK;
    x->admission = (struct admission){.governor = x->worker->governor,
                                      .ledger = x->worker->ledger,
                                      .settings = x->settings,
                                      .key = x->key,
                                      .route = x->route,
                                      .facts = x->has_facts ? &x->facts : NULL};
    for (size_t i = 0; i < x->target_count; i++) {
        struct governor_refusal why;
        struct settings_target target = x->targets[0];
        result = admission_take(&x->admission, &target, x->trace, admission_now(), &why);
        if (result == ADMISSION_OK) {
            return PHASE_NEXT;
        }
        if (i == 0 || (result == ADMISSION_REFUSED && first != ADMISSION_REFUSED)) {
            first = result;
            refusal = why;
        }
        if (result == ADMISSION_NO_ROOM ||
            (result == ADMISSION_REFUSED && why.kind != LEVEL_PROVIDER)) {
            first = result;
            refusal = why;
            break;
        }
        memmove(x->targets, x->targets + 1, (x->target_count - 1) * sizeof(x->targets[0]));
        x->targets[x->target_count - 1] = target;
    }
    return first == ADMISSION_REFUSED ? limit_refuse(x, &refusal) : limit_refuse_result(x, first);
}

static int admit_passthrough(struct exchange *x)
{
    const struct settings *s = x->settings;
    const char *kind = x->kind->name;
    for (size_t i = 0; i < s->passthrough_count; i++) {
        if (s->passthrough[i].kind != x->kind) {
            continue;
        }
        if (!settings_key_allows_passthrough(x->key, kind)) {
            return exchange_refuse(x, OUTCOME_CALLER_FORBIDDEN, NULL, NULL,
                                   "key \"%.*s\" may not use %s; its entry needs passthrough: [%s]",
                                   STR_ARG(x->key->alias), kind, kind);
        }
        x->targets[0] =
            (struct settings_target){.provider = s->passthrough[i].provider, .model = STR_EMPTY};
        x->target_count = 1;
        return reserve(x);
    }
    return exchange_refuse(x, OUTCOME_CALLER_UNKNOWN, "unknown_url", NULL,
                           "%s is not passed through here; the operator can name a provider under "
                           "passthrough: {%s: ...}",
                           kind, kind);
}

/* Where a response may be that nobody here remembers: without tenants, which it could be kept from,
 * at the one provider that makes any. */
static const struct settings_provider *only_responder(const struct settings *s)
{
    const struct route_info *route = route_by_id(ROUTE_RESPONSES);
    const struct settings_provider *found = NULL;
    for (size_t i = 0; i < s->provider_count; i++) {
        if (rewrite_is_native(&s->providers[i], route)) {
            if (found) {
                return NULL;
            }
            found = &s->providers[i];
        }
    }
    return s->tenant_count == 0 ? found : NULL;
}

static void pin_key(struct exchange *x, const struct settings_provider *p, const struct home *home)
{
    x->key_is_pinned = true;
    x->pinned_key = -1;
    for (size_t i = 0; home->has_key && i < p->api_key_count; i++) {
        if (memcmp(&p->api_keys[i].digest, &home->digest, sizeof(home->digest)) == 0) {
            x->pinned_key = (int)i;
        }
    }
    /* The key is gone from the configuration: another of the same account is the best guess. */
    x->key_is_pinned = !home->has_key || x->pinned_key >= 0;
}

static const struct settings_provider *find_home(struct exchange *x, struct str id)
{
    struct homes *homes = engine_homes(x->worker->engine);
    struct home home;
    if (!homes || !homes_find(homes, x->trace->tenant, id, &home)) {
        return NULL;
    }
    const struct settings_provider *p = settings_find_provider(x->settings, home.provider);
    if (p) {
        pin_key(x, p, &home);
    }
    return p;
}

static int admit_response(struct exchange *x)
{
    struct str id = str_from(x->request->path, strlen("/v1/responses/"));
    ptrdiff_t slash = str_find_char(id, '/');
    id = slash < 0 ? id : str_head(id, (size_t)slash);
    const struct settings_provider *p = find_home(x, id);
    p = p ? p : only_responder(x->settings);
    if (!p) {
        return exchange_refuse(x, OUTCOME_CALLER_UNKNOWN, NULL, "response_id",
                               "response \"%.*s\" is not known to this gateway: it was not made "
                               "here by this tenant since the last start",
                               STR_ARG(str_head(id, 100)));
    }
    x->targets[0] = (struct settings_target){.provider = p, .model = STR_EMPTY};
    x->target_count = 1;
    return PHASE_NEXT;
}

/* A request that builds on a response goes to where that was made, or to whoever may know it. */
static void follow_previous(struct exchange *x)
{
    const struct settings_provider *p = find_home(x, x->facts.previous);
    size_t kept = 0;
    for (size_t i = 0; i < x->target_count; i++) {
        bool fits =
            p ? x->targets[i].provider == p : rewrite_is_native(x->targets[i].provider, x->route);
        if (fits) {
            x->targets[kept++] = x->targets[i];
        }
    }
    x->target_count = kept > 0 ? kept : x->target_count; /* a translation's refusal says it best */
    x->key_is_pinned = x->key_is_pinned && kept > 0;
}

/* Those that speak what the client speaks come first: with them every byte passes as it is. */
static void collect_targets(struct exchange *x)
{
    for (int native = 1; native >= 0; native--) {
        for (size_t i = 0; i < x->model->target_count; i++) {
            const struct settings_provider *p = x->model->targets[i].provider;
            bool serves = rewrite_is_native(p, x->route);
            if (native ? serves : !serves && rewrite_can_translate(p, x->route)) {
                x->targets[x->target_count++] = x->model->targets[i];
            }
        }
    }
}

static int phase_admit(struct exchange *x)
{
    if (x->kind && strcmp(x->kind->name, PASSTHROUGH_RESPONSES) == 0) {
        return admit_response(x);
    }
    if (x->kind) {
        return admit_passthrough(x);
    }
    x->model = settings_find_model(x->settings, x->facts.model);
    if (!x->model) {
        return refuse_model(x, x->facts.model);
    }
    if (!settings_key_allows_model(x->key, x->model->alias)) {
        return exchange_refuse(x, OUTCOME_CALLER_FORBIDDEN, "model_not_allowed", "model",
                               "key \"%.*s\" may not use model \"%.*s\"", STR_ARG(x->key->alias),
                               STR_ARG(x->model->alias));
    }
    collect_targets(x);
    if (x->target_count == 0) {
        return exchange_refuse(x, OUTCOME_CALLER_INVALID, NULL, "model",
                               "model \"%.*s\" has no target that answers %s; call it at "
                               "/v1/chat/completions, /v1/responses or /v1/messages",
                               STR_ARG(x->model->alias), x->route->path);
    }
    if (x->facts.previous.n > 0) {
        follow_previous(x);
    }
    return reserve(x);
}

/* ---- call ---- */

static void explain_route(struct exchange *x)
{
    struct buf out;
    buf_init(&out, 64u << 10);
    buf_reserve(&out, USUAL_ROUTE_BYTES);
    buf_puts(&out, "{\"strategy\":\"");
    buf_puts(&out, x->kind ? "passthrough" : "fallback");
    buf_puts(&out, "\",\"considered\":[");
    for (size_t i = 0; i < x->target_count; i++) {
        buf_puts(&out, i > 0 ? ",{\"provider\":" : "{\"provider\":");
        buf_put_json(&out, x->targets[i].provider->name);
        buf_puts(&out, ",\"model\":");
        buf_put_json(&out, x->targets[i].model);
        buf_puts(&out, "}");
    }
    buf_puts(&out, "]}");
    x->trace->route_json = arena_str(&x->trace->arena, buf_str(&out));
    buf_release(&out);
}

static int phase_call(struct exchange *x)
{
    explain_route(x);
    struct call_request request = {.settings = x->settings,
                                   .route = x->route,
                                   .client_head = &x->request->head,
                                   .path = x->request->path,
                                   .query = x->request->query,
                                   .body = buf_str(&x->request->body),
                                   .facts = x->has_facts ? &x->facts : NULL,
                                   .model = x->model,
                                   .targets = x->targets,
                                   .target_count = x->target_count,
                                   .key_is_pinned = x->key_is_pinned,
                                   .pinned_key = x->pinned_key,
                                   .trace = x->trace,
                                   .admission = &x->admission,
                                   .started_us = x->request->started_us};
    x->call = call_start(x->worker->engine, &request, &exchange_call_events, x);
    return PHASE_WAIT;
}

const struct phase phase_table[] = {
    {"receive", phase_receive},
    {"health",  phase_health },
    {"auth",    phase_auth   },
    {"tenant",  phase_tenant },
    {"models",  phase_models },
    {"gate",    phase_gate   },
    {"admit",   phase_admit  },
    {"call",    phase_call   },
    {NULL,      NULL         },
};
