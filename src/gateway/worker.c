#include "gateway/worker.h"

#include "core/mem.h"
#include "gateway/exchange.h"
#include "gateway/phase.h"

static void request_came(void *ctx, struct server_request *request)
{
    exchange_start(ctx, request);
}

static void client_gone(void *ctx, struct server_request *request)
{
    (void)ctx;
    exchange_gone(request);
}

static void client_drained(void *ctx, struct server_request *request)
{
    (void)ctx;
    exchange_drained(request);
}

/* Who has no key that is good for anything does not get to fill the memory with bodies. */
static bool head_came(void *ctx, struct server_request *request)
{
    const struct worker *w = ctx;
    return phase_knows_caller(w->settings, &request->head);
}

static const struct server_events server_side = {.on_head = head_came,
                                                 .on_request = request_came,
                                                 .on_gone = client_gone,
                                                 .on_drain = client_drained};

int worker_open(const struct worker_options *options, struct worker **ret_worker, struct error *err)
{
    const struct settings *s = options->settings;
    struct worker *w = x_calloc(1, sizeof(*w));
    w->loop = options->loop;
    w->log = options->log;
    w->governor = options->governor;
    w->ledger = options->ledger;

    struct server_options server = {.address = s->listen_address,
                                    .port = s->listen_port,
                                    .tls = s->server_tls,
                                    .body_bytes_max = (size_t)s->max_body,
                                    .connections_max = (size_t)s->connections_max,
                                    .head_timeout_ms = s->head_timeout_ms,
                                    .body_timeout_ms = s->body_timeout_ms,
                                    .idle_timeout_ms = s->idle_timeout_ms,
                                    .reuseport = options->reuseport};
    int rc = server_open(w->loop, &server, &server_side, w, &w->server, err);
    if (rc != 0) {
        x_free(w);
        return rc;
    }
    struct engine_options engine = {.loop = options->loop,
                                    .store = options->store,
                                    .keyring = options->keyring,
                                    .homes = options->homes,
                                    .log = options->log};
    w->engine = engine_new(&engine);
    w->metrics = metrics_new();
    rand_seed_system(&w->ids);
    worker_adopt(w, options->settings);
    *ret_worker = w;
    return 0;
}

void worker_adopt(struct worker *w, struct settings *settings)
{
    struct settings *former = w->settings;
    w->settings = settings_ref(settings);
    engine_adopt(w->engine, settings);
    server_set_body_max(w->server, (size_t)settings->max_body);
    if (settings->server_tls) {
        server_set_tls(w->server, settings->server_tls);
    }
    settings_unref(former);
}

void worker_drain(struct worker *w)
{
    if (!w->draining) {
        w->draining = true;
        server_drain(w->server);
    }
}

void worker_close(struct worker *w)
{
    if (!w) {
        return;
    }
    server_close(w->server);
    engine_free(w->engine);
    metrics_free(w->metrics);
    settings_unref(w->settings);
    x_free(w);
}
