#include <signal.h>
#include <stdio.h>

#include "cmd/cmd.h"
#include "core/url.h"
#include "net/loop.h"
#include "sim/dial.h"
#include "sim/scenario.h"
#include "sim/sim.h"

#define DEFAULT_LISTEN "127.0.0.1:8090"

struct sim_command {
    const char *listen;
    int64_t seed; /* -1: not given */
    const char *scenario;
    struct opt_texts keys;
    struct opt_texts models;
    const char *dials[DIAL_TOTAL]; /* by enum dial_id; NULL: not given */
};

static const struct sim_command defaults = {.listen = DEFAULT_LISTEN, .seed = -1};

#define DIAL_OPT(id, field, text, kind, fallback, min, max, names, says)                           \
    {.name = (text),                                                                               \
     .type = OPT_TEXT,                                                                             \
     .offset = offsetof(struct sim_command, dials) + DIAL_##id * sizeof(const char *),             \
     .value = (names) ? (names) : #kind,                                                           \
     .help = says " [" fallback "]"},

static const struct opt opts[] = {
    {.name = "listen",
     .letter = 'l',
     .type = OPT_TEXT,
     .offset = offsetof(struct sim_command, listen),
     .value = "ADDRESS:PORT",
     .help = "where to listen [" DEFAULT_LISTEN "]; port 0 takes a free one"},
    {.name = "seed",
     .type = OPT_I64,
     .offset = offsetof(struct sim_command,                                                                                              seed),
     .value = "N",
     .max = 9007199254740992.0,
     .help = "what answers and faults are drawn from [the scenario's, or 0]"},
    {.name = "scenario",
     .type = OPT_TEXT,
     .offset = offsetof(struct sim_command,                 scenario),
     .value = "FILE",
     .help = "YAML with seed, models, keys, dials and a timeline"            },
    {.name = "key",
     .type = OPT_REPEATED,
     .offset = offsetof(struct sim_command,                                 keys),
     .value = "KEY",
     .help = "an API key to accept, others are refused; KEY=STATUS refuses it with that status"},
    {.name = "model",
     .type = OPT_REPEATED,
     .offset = offsetof(struct sim_command, models),
     .value = "NAME",
     .help = "a model to serve; others are refused then"                              },
    DIAL_LIST(DIAL_OPT)
};
#undef DIAL_OPT

static int read_dials(const struct sim_command *o, struct dials *dials, struct error *err)
{
    for (size_t i = 0; i < DIAL_TOTAL; i++) {
        if (o->dials[i]) {
            int rc = dial_set(dials, str_of(dial_table[i].name), str_of(o->dials[i]), err);
            if (rc != 0) {
                return rc;
            }
        }
    }
    return 0;
}

static size_t views(const struct opt_texts *texts, struct str *out)
{
    for (size_t i = 0; i < texts->n; i++) {
        out[i] = str_of(texts->items[i]);
    }
    return texts->n;
}

static void announce(const struct sim *sim, const char *address)
{
    char url[URL_HOST_MAX + 32];
    bool v6 = strchr(address, ':') != NULL;

    snprintf(url, sizeof(url), "http://%s%s%s:%u", v6 ? "[" : "", address, v6 ? "]" : "",
             sim_port(sim));
    printf("simulated provider on %s/v1, seed %llu (statistics: %s/sim/stats)\n\n"
           "  curl -N %s/v1/chat/completions -H 'content-type: application/json' \\\n"
           "    -d '{\"model\":\"sim-large\",\"stream\":true,"
           "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}'\n\n",
           url, (unsigned long long)sim_seed(sim), url, url);
    fflush(stdout);
}

static void stop(void *ctx, int signum)
{
    (void)signum;
    loop_stop(ctx);
}

static int serve(const struct sim_options *options, struct error *err)
{
    struct loop *loop = NULL;
    struct sim *sim = NULL;
    int rc = loop_new(&loop, err);

    if (rc != 0) {
        return rc;
    }
    rc = loop_on_signal(loop, SIGINT, stop, loop, err);
    if (rc == 0) {
        rc = loop_on_signal(loop, SIGTERM, stop, loop, err);
    }
    if (rc == 0) {
        rc = sim_open(loop, options, &sim, err);
    }
    if (rc == 0) {
        announce(sim, options->address);
        loop_run(loop);
    }
    sim_close(sim);
    loop_free(loop);
    return rc;
}

static int run(const struct cmd_context *context, const void *options, struct error *err)
{
    const struct sim_command *o = options;
    struct sim_options sim = {.has_seed = o->seed >= 0, .seed = (uint64_t)o->seed};
    struct str keys[OPT_POSITIONAL_MAX];
    struct str models[OPT_POSITIONAL_MAX];
    struct dials dials = {.set = 0};
    struct scenario *scenario = NULL;
    struct arena arena;

    (void)context;
    arena_init(&arena);
    int rc = url_parse_listen(str_of(o->listen), &arena, &sim.address, &sim.port, err);
    if (rc == 0) {
        rc = read_dials(o, &dials, err);
    }
    if (rc == 0 && o->scenario) {
        rc = scenario_load(o->scenario, &scenario, err);
    }
    if (rc == 0) {
        sim.scenario = scenario;
        sim.dials = &dials;
        sim.keys = keys;
        sim.key_count = views(&o->keys, keys);
        sim.models = models;
        sim.model_count = views(&o->models, models);
        rc = serve(&sim, err);
    }
    scenario_free(scenario);
    arena_release(&arena);
    return rc;
}

const struct cmd cmd_sim = {
    .name = "sim",
    .summary = "a simulated provider, for tests and first steps without a network",
    .usage = "[--listen ADDRESS:PORT] [--seed N] [--scenario FILE] [--DIAL VALUE]...",
    .help =
        "Speaks the dialects of OpenAI and Anthropic and answers with made-up text, the same for\n"
        "the same question and seed. Dials set how fast it is and what goes wrong; each is an\n"
        "option here, a key in a scenario file, and a request header x-sim-DIAL.\n"
        "A LAW is constant:V, uniform:A,B, exponential:MEAN, lognormal:MEDIAN,SIGMA or\n"
        "pareto:MIN,ALPHA. See docs/sim.md.",
    .example = "weir sim --seed 7 --ttft lognormal:300,0.4 --tps 40 --error-503 0.05",
    .opts = opts,
    .opt_count = ARRAY_LEN(opts),
    .options_size = sizeof(struct sim_command),
    .defaults = &defaults,
    .args_max = 0,
    .run = run,
};
