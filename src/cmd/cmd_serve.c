#include <stddef.h>

#include "cmd/beside.h"
#include "cmd/cmd.h"
#include "cmd/setup.h"
#include "core/clock.h"
#include "core/version_gen.h"
#include "engine/settings.h"
#include "gateway/gateway.h"
#include "net/loop.h"
#include "sim/sim.h"

struct serve_options {
    const char *config;
};

static void say_hello(const struct log *log, const struct gateway *g, const struct sim *sim)
{
    const struct settings *s = gateway_settings(g);
    const char *scheme = s->server_tls ? "https" : "http";
    log_info(log, "serve", "weir %s (%s) listens on %s://%s:%u, admin on http://%s:%u",
             WEIR_VERSION, WEIR_COMMIT, scheme, s->listen_address, gateway_port(g),
             s->admin_address, gateway_admin_port(g));
    log_info(log, "serve", "%zu models over %zu providers, %zu tenants with %zu keys; store %.*s",
             s->model_count, s->provider_count, s->tenant_count, s->key_count, STR_ARG(s->store));
    if (sim) {
        log_info(log, "serve", "simulated provider on port %u", sim_port(sim));
    }
    if (s->tenant_count > 0 && !s->server_tls && !url_is_loopback(s->listen_address)) {
        log_warn(log, "serve",
                 "keys and prompts cross the network unencrypted: set tls, or keep a "
                 "TLS front proxy before this address");
    }
}

static int serve(const char *config, struct setup *setup, struct log *log, struct error *err)
{
    struct loop *loop = NULL;
    struct gateway *gateway = NULL;
    struct sim *sim = NULL;
    struct beside beside;
    struct settings_source source = {
        .env = setup_env, .catalogue = setup->catalogue, .now_ms = clock_wall_ms()};

    int rc = beside_read(&beside, setup->settings, err);
    if (rc != 0) {
        return rc;
    }
    rc = loop_new(&loop, err);
    if (rc == 0 && beside.wanted) {
        rc = sim_open(loop, &beside.options, &sim, err);
    }
    if (rc == 0) {
        struct gateway_options options = {.loop = loop,
                                          .config_path = config,
                                          .settings = setup->settings,
                                          .source = &source,
                                          .log = log,
                                          .version = WEIR_VERSION};
        rc = gateway_open(&options, &gateway, err);
    }
    if (rc == 0) {
        say_hello(log, gateway, sim);
        loop_run(loop);
        log_info(log, "serve", "stopped");
    }
    gateway_close(gateway);
    sim_close(sim);
    if (loop) {
        loop_free(loop);
    }
    beside_release(&beside);
    return rc;
}

static int run(const struct cmd_context *context, const void *options, struct error *err)
{
    const struct serve_options *o = options;
    const char *config = o->config;
    struct setup setup = {0};

    if (context->args->n > 0) {
        config = context->args->items[0];
    }
    config = config ? config : SETUP_FILE;
    int rc = setup_load(&setup, config, err);
    if (rc != 0) {
        return rc;
    }
    context->log->level = (enum log_level)setup.settings->log_level;
    context->log->json = setup.settings->log_json;
    rc = serve(config, &setup, context->log, err);
    setup_release(&setup);
    return rc;
}

static const struct opt opts[] = {CMD_OPT_CONFIG(struct serve_options, config)};

const struct cmd cmd_serve = {
    .name = "serve",
    .summary = "run the gateway",
    .usage = "[--config FILE]",
    .help = "Relays calls of applications to the providers of the configuration and records them.\n"
            "SIGHUP or `weir ctl reload` takes a changed file over, SIGTERM lets open requests\n"
            "finish and ends.",
    .example = "weir serve --config examples/quickstart/weir.yaml",
    .opts = opts,
    .opt_count = ARRAY_LEN(opts),
    .options_size = sizeof(struct serve_options),
    .args_max = 1,
    .run = run,
};
