#include "gateway/gateway.h"

#include <pthread.h>
#include <signal.h>

#include "core/clock.h"
#include "core/mem.h"
#include "engine/admission.h"
#include "gateway/admin.h"
#include "net/timer.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MS    (1440 * MINUTE_MS)

struct gateway_thread {
    pthread_t thread;
    struct loop *loop;
};

struct gateway {
    struct gateway_options options;
    struct settings *settings;
    struct store *store;
    struct keyring *keyring;
    struct governor *governor;
    struct ledger *ledger;
    struct homes *homes;
    struct worker *workers[GATEWAY_WORKERS_MAX];
    struct gateway_thread threads[GATEWAY_WORKERS_MAX]; /* [0] is the caller's */
    size_t worker_count;
    struct admin *admin;
    struct timer drain_timer;
    bool draining;
    int64_t drain_until_ms;
    int64_t started_ms;
    uint16_t port; /* as it was bound; the listener is gone while draining */
    uint64_t reloads_ok, reloads_failed;
};

/* ---- asking all workers ---- */

struct turn {
    void (*fn)(void *ctx, struct worker *worker);
    void *ctx;
    struct worker *worker;
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done;
};

static void take_turn(void *ctx)
{
    struct turn *turn = ctx;
    turn->fn(turn->ctx, turn->worker);
    pthread_mutex_lock(&turn->lock);
    turn->is_done = true;
    pthread_cond_signal(&turn->done);
    pthread_mutex_unlock(&turn->lock);
}

/* One after the other: what `fn` writes to is never written by two threads at once. */
void gateway_on_workers(struct gateway *g, void (*fn)(void *ctx, struct worker *worker), void *ctx)
{
    fn(ctx, g->workers[0]);
    for (size_t i = 1; i < g->worker_count; i++) {
        struct turn turn = {.fn = fn, .ctx = ctx, .worker = g->workers[i]};
        pthread_mutex_init(&turn.lock, NULL);
        pthread_cond_init(&turn.done, NULL);
        loop_post(g->workers[i]->loop, take_turn, &turn);
        pthread_mutex_lock(&turn.lock);
        while (!turn.is_done) {
            pthread_cond_wait(&turn.done, &turn.lock);
        }
        pthread_mutex_unlock(&turn.lock);
        pthread_cond_destroy(&turn.done);
        pthread_mutex_destroy(&turn.lock);
    }
}

static void add_gauges(void *ctx, struct worker *w)
{
    struct metrics_gauges *g = ctx;
    struct client_counts counts;
    client_count(engine_client(w->engine), &counts);
    g->client_connections += server_connections(w->server);
    g->requests_open += server_requests(w->server);
    g->provider_calls += counts.calls;
    g->provider_connections += counts.connections;
    g->provider_idle += counts.idle;
    g->provider_waiting += counts.waiting;
}

void gateway_gauges(struct gateway *g, struct metrics_gauges *ret_gauges)
{
    struct metrics_gauges gauges = {.config_loaded_ms = g->settings->loaded_ms,
                                    .reloads_ok = g->reloads_ok,
                                    .reloads_failed = g->reloads_failed,
                                    .version = g->options.version};
    gateway_on_workers(g, add_gauges, &gauges);
    store_count(g->store, &gauges.store);
    governor_count(g->governor, &gauges.governor);
    ledger_count(g->ledger, &gauges.ledger);
    *ret_gauges = gauges;
}

void gateway_write_metrics(struct gateway *g, struct buf *out)
{
    struct metrics *all[GATEWAY_WORKERS_MAX];
    struct metrics_gauges gauges;
    for (size_t i = 0; i < g->worker_count; i++) {
        all[i] = g->workers[i]->metrics;
    }
    gateway_gauges(g, &gauges);
    metrics_write(all, g->worker_count, &gauges, out);
}

/* ---- reload ---- */

static void adopt(void *ctx, struct worker *w)
{
    worker_adopt(w, ctx);
}

int gateway_reload(struct gateway *g, struct error *err)
{
    struct settings *next = NULL;
    struct settings_source source = *g->options.source;
    source.now_ms = clock_wall_ms();
    int rc = settings_load(g->options.config_path, &source, &next, err);
    if (rc == 0) {
        const char *name = settings_restart_needed(g->settings, next);
        if (name) {
            rc = error_set(err, ERR_INVALID,
                           "%s: %s has changed, which only a restart can take over; nothing was "
                           "changed",
                           g->options.config_path, name);
        }
    }
    if (rc == 0) {
        rc = governor_adopt(g->governor, next, admission_now(), err);
    }
    if (rc != 0) {
        g->reloads_failed++;
        settings_unref(next);
        return rc;
    }
    gateway_on_workers(g, adopt, next);
    store_set_retention(g->store, &next->retention);
    settings_unref(g->settings);
    g->settings = next;
    g->reloads_ok++;
    log_info(g->options.log, "gateway", "configuration %s reloaded", g->options.config_path);
    return 0;
}

/* ---- shutdown ---- */

static void drain_worker(void *ctx, struct worker *w)
{
    (void)ctx;
    worker_drain(w);
}

static void drain_look(void *ctx)
{
    struct gateway *g = ctx;
    struct metrics_gauges gauges;
    gateway_gauges(g, &gauges);
    if (gauges.requests_open == 0 || loop_now_ms(g->options.loop) >= g->drain_until_ms) {
        if (gauges.requests_open > 0) {
            log_warn(g->options.log, "gateway", "drain_timeout is over; %zu requests are cut",
                     gauges.requests_open);
        }
        loop_stop(g->options.loop);
        return;
    }
    timer_set(&g->drain_timer, GATEWAY_DRAIN_POLL_MS);
}

void gateway_drain(struct gateway *g)
{
    if (g->draining) {
        loop_stop(g->options.loop);
        return;
    }
    g->draining = true;
    g->drain_until_ms = loop_now_ms(g->options.loop) + g->settings->drain_timeout_ms;
    log_info(g->options.log, "gateway", "shutting down: open requests may finish");
    gateway_on_workers(g, drain_worker, NULL);
    timer_set(&g->drain_timer, 0);
}

static void signal_came(void *ctx, int signum)
{
    struct gateway *g = ctx;
    struct error err;
    if (signum != SIGHUP) {
        gateway_drain(g);
    } else if (gateway_reload(g, &err) != 0) {
        log_error(g->options.log, "gateway", "reload refused: %s", err.text);
    }
}

/* ---- start ---- */

static void *run_worker(void *ctx)
{
    struct gateway_thread *thread = ctx;
    loop_run(thread->loop);
    return NULL;
}

/* With several listeners on one port a second gateway would silently share it: ask first. */
static int check_port_is_free(const struct settings *s, struct loop *loop, struct error *err)
{
    static const struct server_events nobody;
    struct server_options options = {.address = s->listen_address, .port = s->listen_port};
    struct server *probe = NULL;
    int rc = server_open(loop, &options, &nobody, NULL, &probe, err);
    server_close(probe);
    return rc;
}

static int open_workers(struct gateway *g, struct error *err)
{
    size_t n = (size_t)g->settings->workers;
    int rc = n > 1 ? check_port_is_free(g->settings, g->options.loop, err) : 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        g->threads[i].loop = g->options.loop;
        rc = i > 0 ? loop_new(&g->threads[i].loop, err) : 0;
        struct worker_options options = {.loop = g->threads[i].loop,
                                         .settings = g->settings,
                                         .store = g->store,
                                         .keyring = g->keyring,
                                         .governor = g->governor,
                                         .ledger = g->ledger,
                                         .homes = g->homes,
                                         .log = g->options.log,
                                         .reuseport = n > 1};
        rc = rc == 0 ? worker_open(&options, &g->workers[i], err) : rc;
        g->worker_count += rc == 0;
    }
    for (size_t i = 1; rc == 0 && i < n; i++) {
        if (pthread_create(&g->threads[i].thread, NULL, run_worker, &g->threads[i]) != 0) {
            rc = error_set(err, ERR_IO, "cannot start a thread for worker %zu", i);
        }
    }
    return rc;
}

static int watch_signals(struct gateway *g, struct error *err)
{
    static const int signals[] = {SIGHUP, SIGTERM, SIGINT};
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        int rc = loop_on_signal(g->options.loop, signals[i], signal_came, g, err);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* ---- what was spent before ---- */

struct charging {
    struct gateway *gateway;
    bool tokens;
};

static void charge(void *ctx, const struct store_charge *charge)
{
    struct charging *c = ctx;
    governor_charge(c->gateway->governor, c->gateway->settings, charge, c->tokens, admission_now());
}

/* Today's money and the last minute's tokens, as the ledger has them. */
static int charge_the_past(struct gateway *g, const char *url, struct error *err)
{
    struct store_reader *reader = NULL;
    int64_t now_ms = clock_wall_ms();
    struct charging money = {.gateway = g};
    struct charging tokens = {.gateway = g, .tokens = true};
    int rc = store_reader_open(url, &reader, err);
    if (rc == 0) {
        rc = store_charges(reader, now_ms - now_ms % DAY_MS, charge, &money, err);
    }
    if (rc == 0) {
        rc = store_charges(reader, now_ms - MINUTE_MS, charge, &tokens, err);
    }
    store_reader_close(reader);
    return rc;
}

/* The store, the books beside it, and who has how much left. */
static int open_books(struct gateway *g, struct error *err)
{
    char *url = x_strndup(g->settings->store.p, g->settings->store.n);
    char *dir = NULL;
    int rc = store_open(url, &g->store, err);
    if (rc == 0) {
        store_set_retention(g->store, &g->settings->retention);
        dir = store_path_beside(url, "-ledger");
        rc = ledger_open(dir, g->store, &g->ledger, err);
    }
    if (rc == 0) {
        rc = governor_adopt(g->governor, g->settings, admission_now(), err);
    }
    if (rc == 0) {
        rc = charge_the_past(g, url, err);
    }
    x_free(dir);
    x_free(url);
    return rc;
}

int gateway_open(const struct gateway_options *options, struct gateway **ret_gateway,
                 struct error *err)
{
    struct gateway *g = x_calloc(1, sizeof(*g));
    g->options = *options;
    g->settings = settings_ref(options->settings);
    g->started_ms = clock_wall_ms();
    g->keyring = keyring_new();
    g->homes = homes_new();
    timer_init(&g->drain_timer, options->loop, drain_look, g);
    g->governor = governor_new();
    int rc = open_books(g, err);
    if (rc == 0) {
        rc = open_workers(g, err);
    }
    if (rc == 0) {
        rc = admin_open(options->loop, g, &g->admin, err);
    }
    if (rc == 0) {
        rc = watch_signals(g, err);
    }
    if (rc != 0) {
        gateway_close(g);
        return rc;
    }
    g->port = server_port(g->workers[0]->server);
    *ret_gateway = g;
    return 0;
}

/* The end has begun: a signal that comes now, as when a supervisor repeats it, must not turn an
 * orderly end into a death by signal once the loop's handlers are gone. */
static void hold_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

void gateway_close(struct gateway *g)
{
    if (!g) {
        return;
    }
    hold_signals();
    timer_cancel(&g->drain_timer);
    admin_close(g->admin);
    for (size_t i = 1; i < g->worker_count; i++) {
        if (g->threads[i].thread) {
            loop_stop(g->threads[i].loop);
            pthread_join(g->threads[i].thread, NULL);
        }
    }
    for (size_t i = 0; i < g->worker_count; i++) {
        worker_close(g->workers[i]);
        if (i > 0) {
            loop_free(g->threads[i].loop);
        }
    }
    ledger_close(g->ledger);
    if (g->store) {
        store_close(g->store);
    }
    governor_free(g->governor);
    keyring_free(g->keyring);
    homes_free(g->homes);
    settings_unref(g->settings);
    x_free(g);
}

uint16_t gateway_port(const struct gateway *g)
{
    return g->port;
}

uint16_t gateway_admin_port(const struct gateway *g)
{
    return admin_port(g->admin);
}

const struct settings *gateway_settings(const struct gateway *g)
{
    return g->settings;
}

struct keyring *gateway_keyring(const struct gateway *g)
{
    return g->keyring;
}

int64_t gateway_started_ms(const struct gateway *g)
{
    return g->started_ms;
}

const char *gateway_version(const struct gateway *g)
{
    return g->options.version;
}

bool gateway_is_draining(const struct gateway *g)
{
    return g->draining;
}
