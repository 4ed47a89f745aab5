#include "engine/settings_internal.h"

#define NANOUSD_PER_MICROUSD 1000

int settings_read_limits(struct settings_reader *r, const struct yaml_node *node, const char *where,
                         struct settings_limits *limits, struct error *err)
{
    char place[240];
    snprintf(place, sizeof(place), "%s: limits", where);
    return settings_read_section(r, node, place, &settings_limits_section, limits, err);
}

/* Decimals of a dollar stay exact: read like a price, which is micro-dollars here. */
int settings_read_budget(struct settings_reader *r, const struct yaml_node *node, const char *where,
                         struct settings_limits *limits, struct error *err)
{
    char place[240];
    struct settings_budget_texts texts = {0};
    int64_t microusd = 0;

    snprintf(place, sizeof(place), "%s: budget", where);
    int rc = settings_read_section(r, node, place, &settings_budget_section, &texts, err);
    if (rc != 0 || texts.usd_per_day.n == 0) {
        return rc;
    }
    if (catalogue_price_parse(texts.usd_per_day, &microusd) != 0 || microusd == 0) {
        return yaml_error(r->config.doc, yaml_get(node, "usd_per_day"), err,
                          "%s: usd_per_day: dollars above 0 were expected, with at most six "
                          "decimals, as in 12.50",
                          place);
    }
    limits->nanousd_per_day = microusd * NANOUSD_PER_MICROUSD;
    return 0;
}

static int read_provider_limits(struct settings_reader *r, const struct yaml_node *name,
                                const struct yaml_node *node, struct error *err)
{
    char where[200];
    struct settings_provider *p = map_get(&r->settings->providers_by_name, name->text);
    if (!p) {
        struct str nearest = settings_nearest(&r->settings->providers_by_name, name->text);
        return yaml_error(r->config.doc, name, err,
                          "limits: providers: there is no provider \"%.*s\"%s%.*s%s",
                          STR_ARG(str_head(name->text, 100)), nearest.n ? "; did you mean \"" : "",
                          STR_ARG(nearest), nearest.n ? "\"?" : "");
    }
    snprintf(where, sizeof(where), "provider %.*s", STR_ARG(p->name));
    return settings_read_limits(r, node, where, &p->limits, err);
}

static int read_organisation(struct settings_reader *r, const struct yaml_node *name,
                             const struct yaml_node *node, struct settings_organisation *o,
                             struct error *err)
{
    char where[200];
    struct settings *s = r->settings;
    struct settings_organisation_nodes nodes = {0};
    size_t members = 0;

    int rc = settings_check_name(r, name, "limits: organisations", err);
    if (rc != 0) {
        return rc;
    }
    o->name = name->text;
    for (size_t i = 0; i < s->tenant_count; i++) {
        if (str_eq(s->tenants[i].organisation, o->name)) {
            s->tenants[i].organisation_entry = o;
            members++;
        }
    }
    if (members == 0) {
        return yaml_error(r->config.doc, name, err,
                          "limits: organisations: no tenant belongs to \"%.*s\" (tenants.NAME: "
                          "{organisation: ...})",
                          STR_ARG(o->name));
    }
    snprintf(where, sizeof(where), "organisation %.*s", STR_ARG(o->name));
    rc = settings_read_section(r, node, where, &settings_organisation_section, &nodes, err);
    if (rc == 0) {
        rc = settings_read_limits(r, nodes.limits, where, &o->limits, err);
    }
    return rc == 0 ? settings_read_budget(r, nodes.budget, where, &o->limits, err) : rc;
}

int settings_read_all_limits(struct settings_reader *r, struct error *err)
{
    struct settings *s = r->settings;
    struct settings_limits_nodes nodes = {0};
    size_t providers = 0;
    size_t organisations = 0;

    int rc = settings_read_section(r, s->nodes.limits, "limits", &settings_all_limits_section,
                                   &nodes, err);
    if (rc == 0) {
        rc = settings_expect_map(r, nodes.providers, "limits: providers", SETTINGS_PROVIDERS_MAX,
                                 &providers, err);
    }
    for (size_t i = 0; rc == 0 && i < providers; i++) {
        if (!map_get(&r->providers_off, nodes.providers->keys[i]->text)) {
            rc = read_provider_limits(r, nodes.providers->keys[i], nodes.providers->items[i], err);
        }
    }
    if (rc == 0) {
        rc = settings_expect_map(r, nodes.organisations, "limits: organisations",
                                 SETTINGS_TENANTS_MAX, &organisations, err);
    }
    if (rc == 0) {
        s->organisations = ARENA_ARRAY(&s->arena, struct settings_organisation, organisations + 1);
    }
    for (size_t i = 0; rc == 0 && i < organisations; i++) {
        s->organisations[i] = (struct settings_organisation){0};
        rc = read_organisation(r, nodes.organisations->keys[i], nodes.organisations->items[i],
                               &s->organisations[i], err);
        s->organisation_count++;
    }
    return rc;
}
