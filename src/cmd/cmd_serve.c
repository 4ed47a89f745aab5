#include <stddef.h>

#include "cmd/cmd.h"
#include "cmd/setup.h"
#include "core/clock.h"
#include "core/version_gen.h"
#include "engine/settings.h"
#include "gateway/gateway.h"
#include "net/loop.h"
#include "sim/scenario.h"
#include "sim/sim.h"

struct serve_options {
    const char *config;
};

/* The `sim:` mapping of the configuration: a simulated provider beside the gateway. */
struct sim_section {
    struct str listen;
    int64_t seed;
    struct str scenario;
    const struct yaml_node *dials;
};

static const struct config_key sim_keys[] = {
    {.name = "listen", .type = CONFIG_STR, .offset = offsetof(struct sim_section, listen),
     .fallback = "127.0.0.1:8090", .help = "Address and port of the simulated provider."},
    {.name = "seed", .type = CONFIG_I64, .offset = offsetof(struct sim_section, seed),
     .fallback = "0", .min = 0, .max = 1e15, .help = "Makes its answers repeatable."},
    {.name = "scenario", .type = CONFIG_STR, .offset = offsetof(struct sim_section, scenario),
     .help = "Scenario file, as for `weir sim --scenario`."},
    {.name = "dials", .type = CONFIG_NODE, .offset = offsetof(struct sim_section, dials),
     .help = "Dials of the simulated provider, by name."},
};

struct sim_beside {
    struct sim *sim;
    struct scenario *scenario;
    struct arena arena;
};

static int open_sim(struct sim_beside *beside, struct loop *loop, const struct settings *s,
                    struct error *err)
{
    struct sim_section section = {0};
    struct dials dials = {0};
    struct config_reader reader = {.doc = s->doc, .arena = &beside->arena, .env = setup_env};
    struct sim_options options = {0};
    struct error why;

    if (!s->nodes.sim || s->nodes.sim->kind == YAML_NULL) {
        return 0;
    }
    int rc = config_read(&reader, s->nodes.sim, "sim", sim_keys, ARRAY_LEN(sim_keys), &section, err);
    if (rc == 0) {
        rc = scenario_read_dials(&reader, section.dials, &dials, err);
    }
    if (rc == 0 && section.scenario.n > 0) {
        rc = scenario_load(arena_cstr(&beside->arena, section.scenario), &beside->scenario, err);
    }
    if (rc == 0 && url_parse_listen(section.listen, &beside->arena, &options.address,
                                    &options.port, &why) != 0) {
        rc = yaml_error(s->doc, s->nodes.sim, err, "sim: listen: %s", why.text);
    }
    if (rc != 0) {
        return rc;
    }
    options.has_seed = section.seed != 0;
    options.seed = (uint64_t)section.seed;
    options.scenario = beside->scenario;
    options.dials = &dials;
    return sim_open(loop, &options, &beside->sim, err);
}

static void say_hello(const struct log *log, const struct gateway *g, const struct sim_beside *sim)
{
    const struct settings *s = gateway_settings(g);
    const char *scheme = s->server_tls ? "https" : "http";
    log_info(log, "serve", "weir %s (%s) listens on %s://%s:%u, admin on http://%s:%u",
             WEIR_VERSION, WEIR_COMMIT, scheme, s->listen_address, gateway_port(g),
             s->admin_address, gateway_admin_port(g));
    log_info(log, "serve", "%zu models over %zu providers, %zu tenants with %zu keys; store %.*s",
             s->model_count, s->provider_count, s->tenant_count, s->key_count, STR_ARG(s->store));
    if (sim->sim) {
        log_info(log, "serve", "simulated provider on port %u", sim_port(sim->sim));
    }
    if (s->tenant_count > 0 && !s->server_tls && !url_is_loopback(s->listen_address)) {
        log_warn(log, "serve", "keys and prompts cross the network unencrypted: set tls, or keep a "
                               "TLS front proxy before this address");
    }
}

static int serve(const char *config, struct setup *setup, struct log *log, struct error *err)
{
    struct loop *loop = NULL;
    struct gateway *gateway = NULL;
    struct sim_beside beside = {0};
    struct settings_source source = {
        .env = setup_env, .catalogue = setup->catalogue, .now_ms = clock_wall_ms()};

    int rc = loop_new(&loop, err);
    if (rc != 0) {
        return rc;
    }
    arena_init(&beside.arena);
    rc = open_sim(&beside, loop, setup->settings, err);
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
        say_hello(log, gateway, &beside);
        loop_run(loop);
        log_info(log, "serve", "stopped");
    }
    gateway_close(gateway);
    sim_close(beside.sim);
    loop_free(loop);
    scenario_free(beside.scenario);
    arena_release(&beside.arena);
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
