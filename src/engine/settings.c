#include "engine/settings.h"

#include <errno.h>
#include <stdatomic.h>

#include "core/mem.h"
#include "engine/settings_internal.h"

#define NEAREST_NAMES_MAX 4096
#define NAME_BYTES_MAX    128

int settings_read_section(struct settings_reader *r, const struct yaml_node *node,
                          const char *where, const struct settings_section *section, void *target,
                          struct error *err)
{
    return config_read(&r->config, node, where, section->keys, section->n, target, err);
}

static bool is_absent(const struct yaml_node *node)
{
    return !node || node->kind == YAML_NULL;
}

int settings_expect_map(struct settings_reader *r, const struct yaml_node *node, const char *what,
                        size_t max, size_t *ret_n, struct error *err)
{
    if (is_absent(node)) {
        *ret_n = 0;
        return 0;
    }
    if (node->kind != YAML_MAP) {
        return yaml_error(r->config.doc, node, err, "%s: a mapping was expected (NAME: {...})",
                          what);
    }
    if (node->n > max) {
        return yaml_error(r->config.doc, node, err, "%s: %zu entries, at most %zu are possible",
                          what, node->n, max);
    }
    *ret_n = node->n;
    return 0;
}

int settings_expect_list(struct settings_reader *r, const struct yaml_node *node, const char *what,
                         size_t max, size_t *ret_n, struct error *err)
{
    if (is_absent(node)) {
        *ret_n = 0;
        return 0;
    }
    if (node->kind != YAML_LIST) {
        return yaml_error(r->config.doc, node, err, "%s: a list was expected ([...])", what);
    }
    if (node->n > max) {
        return yaml_error(r->config.doc, node, err, "%s: %zu entries, at most %zu are possible",
                          what, node->n, max);
    }
    *ret_n = node->n;
    return 0;
}

int settings_check_name(struct settings_reader *r, const struct yaml_node *node, const char *what,
                        struct error *err)
{
    struct str name = node->text;
    bool sound = node->kind == YAML_SCALAR && name.n > 0 && name.n <= NAME_BYTES_MAX;
    for (size_t i = 0; sound && i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        sound = c > ' ' && c < 127 && c != '"' && c != '\\' && c != ',';
    }
    if (!sound) {
        return yaml_error(r->config.doc, node, err,
                          "%s: a name has 1 to %d printable ASCII characters, no spaces, quotes, "
                          "backslashes or commas",
                          what, NAME_BYTES_MAX);
    }
    return 0;
}

struct str settings_nearest(const struct map *map, struct str word)
{
    size_t n = map->n < NEAREST_NAMES_MAX ? map->n : NEAREST_NAMES_MAX;
    if (n == 0) {
        return STR_EMPTY;
    }
    struct str *names = x_malloc(n * sizeof(*names));
    for (size_t i = 0; i < n; i++) {
        names[i] = map->entries[i].key;
    }
    struct str nearest = str_nearest(word, names, n);
    x_free(names);
    return nearest;
}

/* ---- the file as a whole ---- */

static int read_listeners(struct settings_reader *r, const struct yaml_node *root,
                          struct error *err)
{
    struct settings *s = r->settings;
    struct error why;

    if (url_parse_listen(s->listen_text, &s->arena, &s->listen_address, &s->listen_port, &why) !=
        0) {
        return yaml_error(r->config.doc, yaml_get(root, "listen"), err, "listen: %s", why.text);
    }
    if (url_parse_listen(s->admin_text, &s->arena, &s->admin_address, &s->admin_port, &why) != 0) {
        return yaml_error(r->config.doc, yaml_get(root, "admin"), err, "admin: %s", why.text);
    }
    if (s->tenant_count == 0 && !url_is_loopback(s->listen_address)) {
        return yaml_error(
            r->config.doc, yaml_get(root, "listen"), err,
            "listen: without tenants anyone could call, so only a loopback address is "
            "allowed; add tenants with keys (weir key new) or listen on 127.0.0.1");
    }
    if (s->admin_token.n == 0 && !url_is_loopback(s->admin_address)) {
        return yaml_error(r->config.doc, yaml_get(root, "admin"), err,
                          "admin: outside of loopback an admin_token is required");
    }
    return 0;
}

static int read_tls(struct settings_reader *r, struct error *err)
{
    struct settings *s = r->settings;
    struct error why;
    if (is_absent(s->nodes.tls)) {
        return 0;
    }
    int rc = settings_read_section(r, s->nodes.tls, "tls", &settings_tls_section, s, err);
    if (rc != 0) {
        return rc;
    }
    const char *certificate = arena_cstr(&s->arena, s->tls_certificate);
    const char *key = arena_cstr(&s->arena, s->tls_key);
    if (tls_context_new_server(certificate, key, &s->server_tls, &why) != 0) {
        return yaml_error(r->config.doc, s->nodes.tls, err, "tls: %s", why.text);
    }
    return 0;
}

static int read_root(struct settings_reader *r, struct error *err)
{
    struct settings *s = r->settings;
    const struct yaml_node *root = r->config.doc->root;

    int rc = settings_read_section(r, root, "the configuration", &settings_root_section, s, err);
    if (rc == 0) {
        rc = read_tls(r, err);
    }
    if (rc == 0) {
        rc = settings_read_section(r, s->nodes.retention, "retention", &settings_retention_section,
                                   &s->retention, err);
    }
    if (rc == 0) {
        rc = settings_read_providers(r, err);
    }
    if (rc == 0) {
        rc = settings_read_models(r, err);
    }
    if (rc == 0) {
        rc = settings_read_passthrough(r, err);
    }
    if (rc == 0) {
        rc = settings_read_tenants(r, err);
    }
    if (rc == 0) {
        rc = settings_read_all_limits(r, err);
    }
    if (rc == 0) {
        rc = settings_read_prices(r, err);
    }
    return rc == 0 ? read_listeners(r, root, err) : rc;
}

static int settings_read(struct yaml_doc *doc, const struct settings_source *source,
                         struct settings **ret_settings, struct error *err)
{
    struct settings *s = x_calloc(1, sizeof(*s));
    arena_init(&s->arena);
    map_init(&s->models_by_alias);
    map_init(&s->providers_by_name);
    map_init(&s->keys_by_digest);
    map_init(&s->prices_by_model);
    s->refs = 1;
    s->doc = doc;
    s->path = str_of(doc->name);
    s->loaded_ms = source->now_ms;
    s->catalogue = source->catalogue;

    struct settings_reader reader = {
        .settings = s,
        .source = source,
        .config = {.doc = doc, .arena = &s->arena, .env = source->env, .env_ctx = source->env_ctx}
    };
    map_init(&reader.providers_off);
    int rc = read_root(&reader, err);
    map_release(&reader.providers_off);
    if (rc != 0) {
        settings_unref(s);
        return rc;
    }
    *ret_settings = s;
    return 0;
}

int settings_parse(struct str text, const char *name, const struct settings_source *source,
                   struct settings **ret_settings, struct error *err)
{
    struct yaml_doc *doc = NULL;
    int rc = yaml_parse(text, name, &doc, err);
    if (rc != 0) {
        return rc;
    }
    struct settings *s = NULL;
    rc = settings_read(doc, source, &s, err);
    if (rc != 0) {
        return rc;
    }
    hash_sha256(text, &s->digest);
    *ret_settings = s;
    return 0;
}

int settings_load(const char *path, const struct settings_source *source,
                  struct settings **ret_settings, struct error *err)
{
    char chunk[8192];
    size_t n = 0;
    FILE *file = fopen(path, "re");
    if (!file) {
        return error_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                         "cannot read the configuration %s: %s%s", path, strerror(errno),
                         errno == ENOENT ? "; name one with --config, or start from "
                                           "examples/quickstart/weir.yaml"
                                         : "");
    }
    struct buf text;
    buf_init(&text, YAML_BYTES_MAX);
    while ((n = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        buf_put(&text, chunk, n);
    }
    bool failed = ferror(file) != 0;
    fclose(file);
    int rc = 0;
    if (failed) {
        rc = error_set(err, ERR_IO, "cannot read the configuration %s", path);
    } else if (!buf_ok(&text)) {
        rc = error_set(err, ERR_LIMIT, "%s: a configuration has at most %u bytes", path,
                       YAML_BYTES_MAX);
    } else {
        rc = settings_parse(buf_str(&text), path, source, ret_settings, err);
    }
    buf_release(&text);
    return rc;
}

struct settings *settings_ref(struct settings *s)
{
    __atomic_fetch_add(&s->refs, 1, __ATOMIC_RELAXED);
    return s;
}

void settings_unref(struct settings *s)
{
    if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    map_release(&s->models_by_alias);
    map_release(&s->providers_by_name);
    map_release(&s->keys_by_digest);
    map_release(&s->prices_by_model);
    tls_context_unref(s->server_tls);
    for (size_t i = 0; i < s->provider_count; i++) {
        tls_context_unref(s->providers[i].tls);
        for (size_t k = 0; k < s->providers[i].api_key_count; k++) {
            struct str secret = s->providers[i].api_keys[k].secret;
            mem_wipe((char *)secret.p, secret.n);
        }
    }
    arena_release(&s->arena);
    yaml_free(s->doc);
    x_free(s);
}

/* ---- asking ---- */

const struct settings_model *settings_find_model(const struct settings *s, struct str alias)
{
    return map_get(&s->models_by_alias, alias);
}

const struct settings_provider *settings_find_provider(const struct settings *s, struct str name)
{
    return map_get(&s->providers_by_name, name);
}

const struct settings_key *settings_find_key(const struct settings *s,
                                             const struct hash_sha256 *digest)
{
    return map_get(&s->keys_by_digest, str_make(digest->bytes, sizeof(digest->bytes)));
}

const struct catalogue_price *settings_find_price(const struct settings *s,
                                                  const struct settings_provider *provider,
                                                  struct str model)
{
    char full[2 * NAME_BYTES_MAX + 256];
    if (s->price_count == 0) {
        return NULL;
    }
    const struct settings_price *price = NULL;
    size_t n = provider->name.n + 1 + model.n;
    if (n <= sizeof(full)) {
        memcpy(full, provider->name.p, provider->name.n);
        full[provider->name.n] = '/';
        memcpy(full + provider->name.n + 1, model.p, model.n);
        price = map_get(&s->prices_by_model, str_make(full, n));
    }
    if (!price) {
        price = map_get(&s->prices_by_model, model);
    }
    return price ? &price->price : NULL;
}

static bool lists(const struct config_strs *strs, struct str word)
{
    for (size_t i = 0; i < strs->n; i++) {
        if (str_eq(strs->items[i], word)) {
            return true;
        }
    }
    return false;
}

bool settings_key_allows_model(const struct settings_key *key, struct str alias)
{
    return !key || key->models.n == 0 || lists(&key->models, alias);
}

bool settings_key_allows_passthrough(const struct settings_key *key, const char *kind)
{
    if (!key) {
        return true;
    }
    if (key->passthrough.n == 0) {
        return key->models.n == 0;
    }
    return lists(&key->passthrough, str_of(kind));
}

const char *settings_restart_needed(const struct settings *now, const struct settings *next)
{
    const struct {
        const char *name;
        bool changed;
    } restart_table[] = {
        {"listen",                                                  strcmp(now->listen_address,                            next->listen_address) != 0 ||
                       now->listen_port != next->listen_port},
        {"admin",                                                         strcmp(now->admin_address,                                                                                                        next->admin_address) != 0 ||
                      now->admin_port != next->admin_port},
        {"store", !str_eq(now->store,                                                      next->store)},
        {"workers",                                       now->workers != next->workers                          },
        {"connections_max",                                                 now->connections_max != next->connections_max                                  },
        {"head_timeout",                                         now->head_timeout_ms != next->head_timeout_ms},
        {"body_timeout",                                            now->body_timeout_ms != next->body_timeout_ms           },
        {"idle_timeout",                                            now->idle_timeout_ms != next->idle_timeout_ms        },
        {"tls (switching it on or off)",
         (now->tls_certificate.n > 0) != (next->tls_certificate.n > 0)        },
        {"sim",                            !yaml_same(now->nodes.sim,                                                    next->nodes.sim)},
 /* What a file that was cut short looks like: nothing may switch the keys off by mistake. */
        {"tenants (none are left, so no key would be asked for)",
         now->tenant_count > 0 && next->tenant_count == 0                                                     },
        {"models (none are left)",                                                         now->model_count > 0 && next->model_count == 0                                                       },
    };

    for (size_t i = 0; i < ARRAY_LEN(restart_table); i++) {
        if (restart_table[i].changed) {
            return restart_table[i].name;
        }
    }
    return NULL;
}
