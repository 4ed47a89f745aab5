#include "engine/settings_internal.h"

#include "core/base64.h"
#include "core/mem.h"

static bool env_is_set(const struct settings_reader *r, struct str name)
{
    char text[256];
    if (name.n >= sizeof(text)) {
        return false;
    }
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    const char *value = r->config.env(text, r->config.env_ctx);
    return value && value[0];
}

static bool is_on(const struct settings_reader *r, const struct settings_provider *p)
{
    for (size_t i = 0; i < p->when_set.n; i++) {
        if (!env_is_set(r, p->when_set.items[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < p->unless_set.n; i++) {
        if (env_is_set(r, p->unless_set.items[i])) {
            return false;
        }
    }
    return true;
}

static bool has_control_bytes(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 127) {
            return true;
        }
    }
    return false;
}

static int read_api_keys(struct settings_reader *r, struct settings_provider *p, struct error *err)
{
    if (p->api_key_texts.n > SETTINGS_API_KEYS_MAX) {
        return yaml_error(r->config.doc, p->node, err, "provider %.*s: at most %d api_keys",
                          STR_ARG(p->name), SETTINGS_API_KEYS_MAX);
    }
    p->api_keys = ARENA_ARRAY(&r->settings->arena, struct settings_api_key, p->api_key_texts.n + 1);
    for (size_t i = 0; i < p->api_key_texts.n; i++) {
        struct str secret = str_trim(p->api_key_texts.items[i]);
        if (secret.n == 0) {
            continue; /* an optional variable that is not set */
        }
        if (has_control_bytes(secret)) {
            return yaml_error(
                r->config.doc, p->node, err,
                "provider %.*s: api_keys[%zu] holds a line break or control character",
                STR_ARG(p->name), i);
        }
        struct settings_api_key *key = &p->api_keys[p->api_key_count++];
        key->secret = secret;
        key->name = arena_printf(&r->settings->arena, "%.*s#%zu", STR_ARG(p->name), i + 1);
        hash_sha256(secret, &key->digest);
    }
    return 0;
}

static struct str base64(struct str in, struct arena *arena)
{
    struct buf out;
    buf_init(&out, 2 * URL_BYTES_MAX);
    base64_put(&out, in);
    struct str text = arena_str(arena, buf_str(&out));
    buf_release(&out);
    return text;
}

/* NO_PROXY: names, which also cover their subdomains, separated by commas; "*" is everything. */
static bool proxy_is_excluded(const struct settings_reader *r, struct str host)
{
    const char *text = r->config.env("NO_PROXY", r->config.env_ctx);
    if (!text) {
        text = r->config.env("no_proxy", r->config.env_ctx);
    }
    struct str rest = str_of(text);
    while (rest.n > 0) {
        struct str entry = str_trim(str_split(&rest, ','));
        if (str_is(entry, "*")) {
            return true;
        }
        if (entry.n > 0 && entry.p[0] == '.') {
            entry = str_from(entry, 1);
        }
        if (entry.n == 0 || entry.n > host.n) {
            continue;
        }
        struct str tail = str_from(host, host.n - entry.n);
        if (str_eq_nocase(tail, entry) &&
            (tail.n == host.n || host.p[host.n - entry.n - 1] == '.')) {
            return true;
        }
    }
    return false;
}

static int read_proxy(struct settings_reader *r, struct settings_provider *p, struct error *err)
{
    struct str text = p->proxy_text;
    struct error why;

    if (str_is(text, "none")) {
        return 0;
    }
    if (text.n == 0 && p->base_url.https && !url_is_loopback(p->base_url.host) &&
        !proxy_is_excluded(r, str_of(p->base_url.host))) {
        const char *value = r->config.env("HTTPS_PROXY", r->config.env_ctx);
        if (!value || !value[0]) {
            value = r->config.env("https_proxy", r->config.env_ctx);
        }
        text = str_of(value);
    }
    if (text.n == 0) {
        return 0;
    }
    if (url_parse(text, &r->settings->arena, &p->proxy, &why) != 0) {
        return yaml_error(r->config.doc, p->node, err, "provider %.*s: proxy: %s", STR_ARG(p->name),
                          why.text);
    }
    if (p->proxy.https) {
        return yaml_error(r->config.doc, p->node, err,
                          "provider %.*s: proxy: only http:// proxies are spoken to",
                          STR_ARG(p->name));
    }
    p->has_proxy = true;
    if (p->proxy.user.n > 0) {
        struct str token = base64(p->proxy.user, &r->settings->arena);
        p->proxy_authorization = arena_printf(&r->settings->arena, "Basic %.*s", STR_ARG(token));
    }
    return 0;
}

/* Providers without a ca_file share one context: loading the system's authorities is slow. */
static int read_trust(struct settings_reader *r, struct settings_provider *p, struct error *err)
{
    struct error why;
    if (!p->base_url.https || !is_on(r, p)) {
        return 0;
    }
    if (p->ca_file.n == 0 && r->system_trust) {
        p->tls = tls_context_ref(r->system_trust);
        return 0;
    }
    const char *file = p->ca_file.n > 0 ? arena_cstr(&r->settings->arena, p->ca_file) : NULL;
    if (tls_context_new_client(file, &p->tls, &why) != 0) {
        return yaml_error(r->config.doc, p->node, err, "provider %.*s: %s", STR_ARG(p->name),
                          why.text);
    }
    if (!file) {
        r->system_trust = p->tls;
    }
    return 0;
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '-' || c == '_';
        if (!fine) {
            return false;
        }
    }
    return s.n > 0;
}

static int read_headers(struct settings_reader *r, struct settings_provider *p, struct error *err)
{
    size_t n = 0;
    int rc = settings_expect_map(r, p->headers_node, "headers", SETTINGS_HEADERS_MAX, &n, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct yaml_node *key = p->headers_node->keys[i];
        struct str value = STR_EMPTY;
        rc = config_scalar(&r->config, p->headers_node->items[i], &value, err);
        if (rc == 0 && (!is_token(key->text) || has_control_bytes(value))) {
            rc = yaml_error(r->config.doc, key, err, "provider %.*s: headers: no HTTP header",
                            STR_ARG(p->name));
        }
        p->headers[i].name = key->text;
        p->headers[i].value = value;
    }
    p->header_count = n;
    return rc;
}

static int read_provider(struct settings_reader *r, const struct yaml_node *name,
                         const struct yaml_node *node, struct settings_provider *p,
                         struct error *err)
{
    char where[200];
    struct error why;

    int rc = settings_check_name(r, name, "providers", err);
    if (rc != 0) {
        return rc;
    }
    p->name = name->text;
    p->node = node;
    snprintf(where, sizeof(where), "provider %.*s", STR_ARG(p->name));
    rc = settings_read_section(r, node, where, &settings_provider_section, p, err);
    if (rc != 0) {
        return rc;
    }
    p->dialect = provider_find(str_of(settings_dialect_names[p->dialect_index]));
    BUG_ON(!p->dialect);
    if (url_parse(p->base_url_text, &r->settings->arena, &p->base_url, &why) != 0) {
        return yaml_error(r->config.doc, yaml_get(node, "base_url"), err, "%s: base_url: %s", where,
                          why.text);
    }
    if (p->base_url.user.n > 0) {
        return yaml_error(r->config.doc, yaml_get(node, "base_url"), err,
                          "%s: base_url: credentials belong in api_keys", where);
    }
    p->authority = url_authority(&p->base_url, &r->settings->arena);
    p->quirk =
        p->quirks_text.n > 0 ? quirk_find(p->quirks_text) : quirk_of_host(str_of(p->base_url.host));
    if (!p->quirk) {
        return yaml_error(r->config.doc, yaml_get(node, "quirks"), err,
                          "%s: quirks: \"%.*s\" is no known vendor; see docs/translation.md", where,
                          STR_ARG(str_head(p->quirks_text, 60)));
    }
    if (p->vendor.n == 0) {
        p->vendor = catalogue_vendor_of_host(str_of(p->base_url.host));
    }
    if (p->vendor.n == 0) {
        p->vendor = str_of(settings_dialect_names[p->dialect_index]);
    }
    rc = read_api_keys(r, p, err);
    if (rc == 0) {
        rc = read_proxy(r, p, err);
    }
    if (rc == 0) {
        rc = read_headers(r, p, err);
    }
    return rc == 0 ? read_trust(r, p, err) : rc;
}

int settings_read_providers(struct settings_reader *r, struct error *err)
{
    struct settings *s = r->settings;
    const struct yaml_node *node = s->nodes.providers;
    size_t n = 0;

    int rc = settings_expect_map(r, node, "providers", SETTINGS_PROVIDERS_MAX, &n, err);
    if (rc != 0) {
        return rc;
    }
    s->providers = ARENA_ARRAY(&s->arena, struct settings_provider, n + 1);
    for (size_t i = 0; i < n; i++) {
        struct settings_provider *p = &s->providers[s->provider_count];
        *p = (struct settings_provider){0};
        rc = read_provider(r, node->keys[i], node->items[i], p, err);
        if (rc != 0) {
            return rc;
        }
        if (!is_on(r, p)) {
            map_put(&r->providers_off, p->name, (void *)node->keys[i]);
            continue;
        }
        map_put(&s->providers_by_name, p->name, p);
        s->provider_count++;
    }
    return 0;
}

static int unknown_provider(struct settings_reader *r, const struct yaml_node *node,
                            const char *where, struct str name, struct error *err)
{
    struct str nearest = settings_nearest(&r->settings->providers_by_name, name);
    if (nearest.n > 0) {
        return yaml_error(r->config.doc, node, err,
                          "%s: there is no provider \"%.*s\"; did you mean \"%.*s\"?", where,
                          STR_ARG(str_head(name, 100)), STR_ARG(nearest));
    }
    return yaml_error(r->config.doc, node, err, "%s: there is no provider \"%.*s\" under providers",
                      where, STR_ARG(str_head(name, 100)));
}

static int read_target(struct settings_reader *r, const struct yaml_node *node, const char *where,
                       struct settings_model *m, struct error *err)
{
    struct settings_target_texts texts = {0};
    int rc = settings_read_section(r, node, where, &settings_target_section, &texts, err);
    if (rc != 0) {
        return rc;
    }
    if (map_get(&r->providers_off, texts.provider)) {
        return 0;
    }
    const struct settings_provider *p = settings_find_provider(r->settings, texts.provider);
    if (!p) {
        return unknown_provider(r, yaml_get(node, "provider"), where, texts.provider, err);
    }
    if (texts.model.n == 0 || texts.model.n > REQUEST_MODEL_BYTES_MAX ||
        has_control_bytes(texts.model)) {
        return yaml_error(r->config.doc, yaml_get(node, "model"), err,
                          "%s: model: 1 to %d printable characters were expected", where,
                          REQUEST_MODEL_BYTES_MAX);
    }
    m->targets[m->target_count++] = (struct settings_target){.provider = p, .model = texts.model};
    return 0;
}

static int read_model(struct settings_reader *r, const struct yaml_node *name,
                      const struct yaml_node *node, struct settings_model *m, struct error *err)
{
    char where[200];
    size_t n = 0;

    int rc = settings_check_name(r, name, "models", err);
    if (rc != 0) {
        return rc;
    }
    m->alias = name->text;
    snprintf(where, sizeof(where), "model %.*s", STR_ARG(m->alias));
    rc = settings_read_section(r, node, where, &settings_model_section, m, err);
    if (rc == 0) {
        rc = settings_expect_list(r, m->targets_node, where, SETTINGS_TARGETS_MAX, &n, err);
    }
    if (rc == 0 && n == 0) {
        rc = yaml_error(r->config.doc, node, err, "%s: targets: at least one was expected", where);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = read_target(r, m->targets_node->items[i], where, m, err);
    }
    if (rc == 0 && m->target_count == 0) {
        rc = yaml_error(r->config.doc, node, err,
                        "%s: every provider it names is switched off by when_set or unless_set",
                        where);
    }
    return rc;
}

int settings_read_models(struct settings_reader *r, struct error *err)
{
    struct settings *s = r->settings;
    const struct yaml_node *node = s->nodes.models;
    size_t n = 0;

    int rc = settings_expect_map(r, node, "models", SETTINGS_MODELS_MAX, &n, err);
    if (rc != 0) {
        return rc;
    }
    s->models = ARENA_ARRAY(&s->arena, struct settings_model, n + 1);
    for (size_t i = 0; i < n; i++) {
        struct settings_model *m = &s->models[i];
        rc = read_model(r, node->keys[i], node->items[i], m, err);
        if (rc != 0) {
            return rc;
        }
        map_put(&s->models_by_alias, m->alias, m);
        s->model_count++;
    }
    return 0;
}

static const struct passthrough_kind *kind_find(struct str name)
{
    for (const struct passthrough_kind *k = passthrough_kinds; k->name; k++) {
        if (str_is(name, k->name) && !str_is(name, PASSTHROUGH_RESPONSES)) {
            return k;
        }
    }
    return NULL;
}

int settings_read_passthrough(struct settings_reader *r, struct error *err)
{
    struct settings *s = r->settings;
    const struct yaml_node *node = s->nodes.passthrough;
    size_t n = 0;

    int rc = settings_expect_map(r, node, "passthrough", SETTINGS_PASSTHROUGH_MAX, &n, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct yaml_node *key = node->keys[i];
        const struct passthrough_kind *kind = kind_find(key->text);
        struct str name = STR_EMPTY;
        if (!kind) {
            return yaml_error(r->config.doc, key, err,
                              "passthrough: there is no group \"%.*s\"; known are audio, images, "
                              "files, batches, uploads, moderations, message_batches",
                              STR_ARG(str_head(key->text, 60)));
        }
        rc = config_scalar(&r->config, node->items[i], &name, err);
        if (rc != 0 || map_get(&r->providers_off, name)) {
            continue;
        }
        const struct settings_provider *p = settings_find_provider(s, name);
        if (!p) {
            return unknown_provider(r, node->items[i], "passthrough", name, err);
        }
        if (p->dialect->dialect != kind->dialect) {
            return yaml_error(r->config.doc, node->items[i], err,
                              "passthrough: %s needs a provider that speaks %s; %.*s speaks %s",
                              kind->name, dialect_name(kind->dialect), STR_ARG(name),
                              dialect_name(p->dialect->dialect));
        }
        s->passthrough[s->passthrough_count++] = (struct settings_passthrough){kind, p};
    }
    return rc;
}
