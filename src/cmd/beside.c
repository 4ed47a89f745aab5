#include "cmd/beside.h"

#include "cmd/setup.h"
#include "core/config.h"
#include "core/url.h"
#include "engine/settings.h"
#include "sim/scenario.h"

struct section {
    struct str listen;
    int64_t seed;
    struct str scenario;
    const struct yaml_node *dials;
};

static const struct config_key keys[] = {
    {
     .name = "listen",
     .type = CONFIG_STR,
     .offset = offsetof(struct section, listen),
     .fallback = "127.0.0.1:8090",
     .help = "Address and port of the simulated provider.",
     },
    {
     .name = "seed",
     .type = CONFIG_I64,
     .offset = offsetof(struct section,                                       seed),
     .fallback = "0",
     .min = 0,
     .max = 1e15,
     .help = "Makes its answers repeatable; 0 leaves it to the scenario.",
     },
    {
     .name = "scenario",
     .type = CONFIG_STR,
     .offset = offsetof(struct section,                   scenario),
     .help = "Scenario file, as for `weir sim --scenario`.",
     },
    {
     .name = "dials",
     .type = CONFIG_NODE,
     .offset = offsetof(struct section,                                       dials),
     .help = "Dials of the simulated provider, by name.",
     },
};

static int read_section(struct beside *b, const struct settings *s, struct error *err)
{
    const struct config_reader reader = {.doc = s->doc, .arena = &b->arena, .env = setup_env};
    const struct yaml_node *node = s->nodes.sim;
    struct section section = {0};
    struct error why;

    int result = config_read(&reader, node, "sim", keys, ARRAY_LEN(keys), &section, err);
    if (result == 0) {
        result = scenario_read_dials(&reader, section.dials, &b->dials, err);
    }
    if (result == 0 && section.scenario.n > 0) {
        result = scenario_load(arena_cstr(&b->arena, section.scenario), &b->scenario, err);
    }
    if (result == 0 && url_parse_listen(section.listen, &b->arena, &b->options.address,
                                        &b->options.port, &why) != 0) {
        const struct yaml_node *listen = yaml_get(node, "listen");
        result = yaml_error(s->doc, listen ? listen : node, err, "sim: listen: %s", why.text);
    }
    b->options.has_seed = section.seed != 0;
    b->options.seed = (uint64_t)section.seed;
    b->options.scenario = b->scenario;
    b->options.dials = &b->dials;
    return result;
}

int beside_read(struct beside *ret_beside, const struct settings *settings, struct error *err)
{
    *ret_beside = (struct beside){.wanted = false};
    arena_init(&ret_beside->arena);
    if (!settings->nodes.sim || settings->nodes.sim->kind == YAML_NULL) {
        return 0;
    }
    ret_beside->wanted = true;
    int result = read_section(ret_beside, settings, err);
    if (result != 0) {
        beside_release(ret_beside);
    }
    return result;
}

void beside_release(struct beside *beside)
{
    scenario_free(beside->scenario);
    beside->scenario = NULL;
    arena_release(&beside->arena);
}
