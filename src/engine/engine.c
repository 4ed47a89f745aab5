#include "engine/engine.h"

#include "core/mem.h"
#include "engine/call.h"

#define IDENTITY_BYTES_MAX 4096
#define SPARE_CALLS_MAX    32
/* None where a sanitizer is to see that a call is used after its end. */
#ifdef WEIR_ARENA_DEBUG
#    define SPARES_ARE_KEPT false
#else
#    define SPARES_ARE_KEPT true
#endif

/* Connections are shared by all snapshots whose provider means the same place in the same way. */
struct origin_entry {
    char *identity;
    struct client_origin *origin;
    bool wanted; /* by the newest snapshot */
};

struct engine {
    struct engine_options options;
    struct client *client;
    struct origin_entry entries[ENGINE_ORIGINS_MAX];
    size_t n;
    /* The newest snapshot, and the origin of each of its providers: what nearly every call asks
     * for. */
    const struct settings *newest;
    struct client_origin *origins[SETTINGS_PROVIDERS_MAX];
    struct call *spares[SPARE_CALLS_MAX];
    size_t spare_count;
};

static void write_identity(const struct settings_provider *p, struct buf *out)
{
    buf_putf(out, "%.*s %d %s %u ca=%.*s proxy=%d %s %u %.*s", STR_ARG(p->name), p->base_url.https,
             p->base_url.host, p->base_url.port, STR_ARG(p->ca_file), p->has_proxy,
             p->has_proxy ? p->proxy.host : "", p->has_proxy ? p->proxy.port : 0,
             STR_ARG(p->proxy_authorization));
    buf_putf(out, " http2=%d %lld %lld %lld", p->http2, (long long)p->connections_max,
             (long long)p->connect_timeout_ms, (long long)p->keep_idle_ms);
}

static struct client_origin *open_origin(struct engine *e, const struct settings_provider *p)
{
    char authorization[1024];
    snprintf(authorization, sizeof(authorization), "%.*s", STR_ARG(p->proxy_authorization));
    struct client_origin_options options = {
        .host = p->base_url.host,
        .port = p->base_url.port,
        .tls = p->tls,
        .proxy_host = p->has_proxy ? p->proxy.host : NULL,
        .proxy_port = p->has_proxy ? p->proxy.port : 0,
        .proxy_authorization = p->proxy_authorization.n > 0 ? authorization : NULL,
        .http2 = (enum client_http2)p->http2,
        .connections_max = (size_t)p->connections_max,
        .connect_timeout_ms = p->connect_timeout_ms,
        .idle_ms = p->keep_idle_ms,
    };
    return client_origin_open(e->client, &options);
}

static struct origin_entry *entry_for(struct engine *e, const struct settings_provider *p)
{
    struct buf identity;
    buf_init(&identity, IDENTITY_BYTES_MAX);
    write_identity(p, &identity);
    const char *text = buf_cstr(&identity);
    struct origin_entry *found = NULL;
    for (size_t i = 0; i < e->n && !found; i++) {
        if (strcmp(e->entries[i].identity, text) == 0) {
            found = &e->entries[i];
        }
    }
    if (!found) {
        BUG_ON(e->n >= ENGINE_ORIGINS_MAX);
        found = &e->entries[e->n++];
        *found = (struct origin_entry){.identity = x_strdup(text), .origin = open_origin(e, p)};
    }
    buf_release(&identity);
    return found;
}

static void drop_unwanted(struct engine *e)
{
    size_t kept = 0;
    for (size_t i = 0; i < e->n; i++) {
        if (e->entries[i].wanted) {
            e->entries[kept++] = e->entries[i];
            continue;
        }
        client_origin_close(e->entries[i].origin);
        x_free(e->entries[i].identity);
    }
    e->n = kept;
}

struct engine *engine_new(const struct engine_options *options)
{
    struct engine *e = x_calloc(1, sizeof(*e));
    e->options = *options;
    e->client = client_new(options->loop);
    return e;
}

void engine_free(struct engine *e)
{
    if (!e) {
        return;
    }
    for (size_t i = 0; i < e->n; i++) {
        e->entries[i].wanted = false;
    }
    drop_unwanted(e);
    client_free(e->client);
    while (e->spare_count > 0) {
        call_discard(e->spares[--e->spare_count]);
    }
    x_free(e);
}

void engine_adopt(struct engine *e, const struct settings *settings)
{
    for (size_t i = 0; i < e->n; i++) {
        e->entries[i].wanted = false;
    }
    /* Those that only older snapshots used go first, so that the table has room. */
    for (size_t i = 0; i < settings->provider_count && e->n < ENGINE_ORIGINS_MAX; i++) {
        entry_for(e, &settings->providers[i])->wanted = true;
    }
    drop_unwanted(e);
    e->newest = settings;
    for (size_t i = 0; i < settings->provider_count; i++) {
        e->origins[i] = entry_for(e, &settings->providers[i])->origin;
    }
}

struct client_origin *engine_origin(struct engine *e, const struct settings_provider *provider)
{
    for (size_t i = 0; e->newest && i < e->newest->provider_count; i++) {
        if (provider == &e->newest->providers[i]) {
            return e->origins[i];
        }
    }
    return entry_for(e, provider)->origin;
}

struct call *engine_take_spare(struct engine *e)
{
    return e->spare_count > 0 ? e->spares[--e->spare_count] : NULL;
}

bool engine_keep_spare(struct engine *e, struct call *call)
{
    if (!SPARES_ARE_KEPT || e->spare_count >= SPARE_CALLS_MAX) {
        return false;
    }
    e->spares[e->spare_count++] = call;
    return true;
}

struct loop *engine_loop(struct engine *e)
{
    return e->options.loop;
}

struct client *engine_client(struct engine *e)
{
    return e->client;
}

struct keyring *engine_keyring(struct engine *e)
{
    return e->options.keyring;
}

struct homes *engine_homes(struct engine *e)
{
    return e->options.homes;
}

struct store *engine_store(struct engine *e)
{
    return e->options.store;
}

const struct log *engine_log(struct engine *e)
{
    return e->options.log;
}
