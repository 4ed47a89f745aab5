#include "engine/settings_internal.h"

#include "core/clock.h"
#include "core/mem.h"

static int check_key_lists(struct settings_reader *r, const struct yaml_node *node,
                           const char *where, const struct settings_key *key, struct error *err)
{
    for (size_t i = 0; i < key->models.n; i++) {
        struct str alias = key->models.items[i];
        if (!settings_find_model(r->settings, alias)) {
            struct str nearest = settings_nearest(&r->settings->models_by_alias, alias);
            return yaml_error(r->config.doc, yaml_get(node, "models"), err,
                              "%s: models: there is no model \"%.*s\"%s%.*s%s", where,
                              STR_ARG(str_head(alias, 100)), nearest.n ? "; did you mean \"" : "",
                              STR_ARG(nearest), nearest.n ? "\"?" : "");
        }
    }
    for (size_t i = 0; i < key->passthrough.n; i++) {
        bool known = false;
        for (const struct passthrough_kind *k = passthrough_kinds; k->name && !known; k++) {
            known = str_is(key->passthrough.items[i], k->name);
        }
        if (!known) {
            return yaml_error(r->config.doc, yaml_get(node, "passthrough"), err,
                              "%s: passthrough: there is no group \"%.*s\"", where,
                              STR_ARG(str_head(key->passthrough.items[i], 60)));
        }
    }
    return 0;
}

static int read_key(struct settings_reader *r, const struct settings_tenant *tenant,
                    const struct yaml_node *node, struct settings_key *key, struct error *err)
{
    char where[200];
    snprintf(where, sizeof(where), "key of tenant %.*s", STR_ARG(tenant->name));
    int rc = settings_read_section(r, node, where, &settings_key_section, key, err);
    if (rc == 0) {
        rc = settings_check_name(r, yaml_get(node, "alias"), where, err);
    }
    if (rc != 0) {
        return rc;
    }
    key->tenant = tenant;
    if (hash_sha256_parse(key->sha256_text, &key->digest) != 0) {
        return yaml_error(
            r->config.doc, yaml_get(node, "sha256"), err,
            "%s: sha256: 64 hexadecimal digits were expected, as `weir key new` prints "
            "them (never the secret itself)",
            where);
    }
    if (key->expires_text.n > 0 && clock_parse(key->expires_text, &key->expires_ms) != 0) {
        return yaml_error(r->config.doc, yaml_get(node, "expires"), err,
                          "%s: expires: 2027-01-01 or 2027-01-01T12:00:00Z was expected", where);
    }
    const struct settings_key *other = settings_find_key(r->settings, &key->digest);
    if (other) {
        return yaml_error(r->config.doc, yaml_get(node, "sha256"), err,
                          "%s: sha256: key \"%.*s\" of tenant \"%.*s\" has the same", where,
                          STR_ARG(other->alias), STR_ARG(other->tenant->name));
    }
    rc = settings_read_limits(r, key->limits_node, where, &key->limits, err);
    if (rc == 0) {
        rc = settings_read_budget(r, key->budget_node, where, &key->limits, err);
    }
    return rc == 0 ? check_key_lists(r, node, where, key, err) : rc;
}

static int count_keys(struct settings_reader *r, const struct yaml_node *tenants, size_t *ret_total,
                      struct error *err)
{
    size_t total = 0;
    for (size_t i = 0; i < tenants->n; i++) {
        const struct yaml_node *tenant = tenants->items[i];
        const struct yaml_node *keys = tenant->kind == YAML_MAP ? yaml_get(tenant, "keys") : NULL;
        total += keys && keys->kind == YAML_LIST ? keys->n : 0;
    }
    if (total > SETTINGS_KEYS_MAX) {
        return yaml_error(r->config.doc, tenants, err, "tenants: %zu keys, at most %d are possible",
                          total, SETTINGS_KEYS_MAX);
    }
    *ret_total = total;
    return 0;
}

static int read_tenant(struct settings_reader *r, const struct yaml_node *name,
                       const struct yaml_node *node, struct settings_tenant *t, struct error *err)
{
    char where[200];
    size_t n = 0;
    struct settings *s = r->settings;

    int rc = settings_check_name(r, name, "tenants", err);
    if (rc != 0) {
        return rc;
    }
    t->name = name->text;
    snprintf(where, sizeof(where), "tenant %.*s", STR_ARG(t->name));
    rc = settings_read_section(r, node, where, &settings_tenant_section, t, err);
    if (rc != 0) {
        return rc;
    }
    if (node->kind != YAML_MAP || !yaml_get(node, "capture")) {
        t->capture = s->capture;
    }
    rc = settings_read_limits(r, t->limits_node, where, &t->limits, err);
    if (rc == 0) {
        rc = settings_read_budget(r, t->budget_node, where, &t->limits, err);
    }
    if (rc == 0) {
        rc = settings_expect_list(r, t->keys_node, where, SETTINGS_KEYS_MAX, &n, err);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct settings_key *key = &s->keys[s->key_count];
        rc = read_key(r, t, t->keys_node->items[i], key, err);
        if (rc == 0) {
            map_put(&s->keys_by_digest, str_make(key->digest.bytes, sizeof(key->digest.bytes)),
                    key);
            s->key_count++;
        }
    }
    return rc;
}

int settings_read_tenants(struct settings_reader *r, struct error *err)
{
    struct settings *s = r->settings;
    const struct yaml_node *node = s->nodes.tenants;
    size_t n = 0;
    size_t keys = 0;

    int rc = settings_expect_map(r, node, "tenants", SETTINGS_TENANTS_MAX, &n, err);
    if (rc == 0 && n > 0) {
        rc = count_keys(r, node, &keys, err);
    }
    if (rc != 0) {
        return rc;
    }
    s->tenants = ARENA_ARRAY(&s->arena, struct settings_tenant, n + 1);
    s->keys = ARENA_ARRAY(&s->arena, struct settings_key, keys + 1);
    for (size_t i = 0; i < n; i++) {
        rc = read_tenant(r, node->keys[i], node->items[i], &s->tenants[i], err);
        if (rc != 0) {
            return rc;
        }
        s->tenant_count++;
    }
    return 0;
}

static int read_price(struct settings_reader *r, const struct yaml_node *node, struct str model,
                      struct catalogue_price *price, struct error *err)
{
    char where[300];
    struct settings_price_texts texts = {0};

    snprintf(where, sizeof(where), "price of %.*s", STR_ARG(str_head(model, 200)));
    int rc = settings_read_section(r, node, where, &settings_price_section, &texts, err);
    if (rc != 0) {
        return rc;
    }

    const struct {
        const char *name;
        struct str text;
        int64_t *field;
    } parts[] = {
        {"input",          texts.input,          &price->input         },
        {"cached",         texts.cached,         &price->cached        },
        {"cache_write",    texts.cache_write,    &price->cache_write   },
        {"cache_write_1h", texts.cache_write_1h, &price->cache_write_1h},
        {"output",         texts.output,         &price->output        },
        {"batch_input",    texts.batch_input,    &price->batch_input   },
        {"batch_cached",   texts.batch_cached,   &price->batch_cached  },
        {"batch_output",   texts.batch_output,   &price->batch_output  },
    };

    catalogue_price_init(price);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (parts[i].text.n > 0 && catalogue_price_parse(parts[i].text, parts[i].field) != 0) {
            return yaml_error(r->config.doc, yaml_get(node, parts[i].name), err,
                              "%s: %s: USD per million tokens was expected, as in 0.25", where,
                              parts[i].name);
        }
    }
    return 0;
}

int settings_read_prices(struct settings_reader *r, struct error *err)
{
    struct settings *s = r->settings;
    const struct yaml_node *node = s->nodes.prices;
    size_t n = 0;

    int rc = settings_expect_map(r, node, "prices", CATALOGUE_ROWS_MAX, &n, err);
    if (rc != 0) {
        return rc;
    }
    s->prices = ARENA_ARRAY(&s->arena, struct settings_price, n + 1);
    for (size_t i = 0; i < n; i++) {
        struct settings_price *price = &s->prices[i];
        price->model = node->keys[i]->text;
        rc = read_price(r, node->items[i], price->model, &price->price, err);
        if (rc != 0) {
            return rc;
        }
        map_put(&s->prices_by_model, price->model, price);
        s->price_count++;
    }
    return 0;
}
