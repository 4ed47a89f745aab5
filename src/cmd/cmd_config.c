#include <stdio.h>

#include "cmd/beside.h"
#include "cmd/cmd.h"
#include "cmd/setup.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/str.h"
#include "engine/settings.h"
#include "engine/settings_doc.h"
#include "engine/settings_keys.h"

#define SUMMARY_BYTES_MAX (64u << 20)
/* Names a person is shown of one kind; --json has all. */
#define NAMES_SHOWN_MAX 20

struct config_options {
    bool json;
};

/* --- for people ---------------------------------------------------------------------------- */

static void put_targets(struct buf *out, const struct settings_model *model)
{
    for (size_t i = 0; i < model->target_count; i++) {
        buf_putf(out, "%s%.*s/%.*s", i ? ", then " : "", STR_ARG(model->targets[i].provider->name),
                 STR_ARG(model->targets[i].model));
    }
}

static void put_providers(struct buf *out, const struct settings *s)
{
    buf_putf(out, "  providers  %zu\n", s->provider_count);
    for (size_t i = 0; i < s->provider_count && i < NAMES_SHOWN_MAX; i++) {
        const struct settings_provider *p = &s->providers[i];
        buf_putf(out, "    %-14.*s %s, %.*s, %zu API key%s\n", STR_ARG(p->name), p->dialect->name,
                 STR_ARG(p->base_url_text), p->api_key_count, p->api_key_count == 1 ? "" : "s");
    }
}

static void put_models(struct buf *out, const struct settings *s)
{
    buf_putf(out, "  models     %zu\n", s->model_count);
    for (size_t i = 0; i < s->model_count && i < NAMES_SHOWN_MAX; i++) {
        buf_putf(out, "    %-14.*s ", STR_ARG(s->models[i].alias));
        put_targets(out, &s->models[i]);
        buf_putc(out, '\n');
    }
}

static size_t keys_of(const struct settings *s, const struct settings_tenant *tenant)
{
    size_t n = 0;

    for (size_t i = 0; i < s->key_count; i++) {
        n += s->keys[i].tenant == tenant ? 1 : 0;
    }
    return n;
}

static void put_tenants(struct buf *out, const struct settings *s)
{
    buf_putf(out, "  tenants    %zu%s\n", s->tenant_count,
             s->tenant_count ? "" : ": no key is asked for");
    for (size_t i = 0; i < s->tenant_count && i < NAMES_SHOWN_MAX; i++) {
        const struct settings_tenant *t = &s->tenants[i];
        size_t n = keys_of(s, t);
        buf_putf(out, "    %-14.*s %zu key%s, capture %s\n", STR_ARG(t->name), n, n == 1 ? "" : "s",
                 settings_capture_names[t->capture]);
    }
}

/* What is allowed and yet is rarely meant. */
static void put_warnings(struct buf *out, const struct settings *s)
{
    int64_t now_ms = clock_wall_ms();

    for (size_t i = 0; i < s->provider_count; i++) {
        const struct settings_provider *p = &s->providers[i];
        if (p->api_key_count == 0 && !url_is_loopback(p->base_url.host)) {
            buf_putf(out, "warning: provider %.*s has no API key\n", STR_ARG(p->name));
        }
        if (!p->base_url.https && !url_is_loopback(p->base_url.host) && p->api_key_count > 0) {
            buf_putf(out, "warning: provider %.*s gets its API key over plain HTTP\n",
                     STR_ARG(p->name));
        }
    }
    for (size_t i = 0; i < s->key_count; i++) {
        const struct settings_key *k = &s->keys[i];
        if (k->expires_ms > 0 && k->expires_ms <= now_ms) {
            buf_putf(out, "warning: key %.*s of tenant %.*s has expired (%.*s)\n",
                     STR_ARG(k->alias), STR_ARG(k->tenant->name), STR_ARG(k->expires_text));
        }
    }
}

static void put_summary(struct buf *out, const struct settings *s, const struct beside *beside)
{
    buf_putf(out, "%.*s is fine\n", STR_ARG(s->path));
    buf_putf(out, "  listen     %.*s (%s)\n", STR_ARG(s->listen_text),
             s->tls_certificate.n ? "TLS" : "plain HTTP");
    buf_putf(out, "  admin      %.*s\n", STR_ARG(s->admin_text));
    buf_putf(out, "  store      %.*s\n", STR_ARG(s->store));
    buf_putf(out, "  capture    %s\n", settings_capture_names[s->capture]);
    if (beside->wanted) {
        buf_putf(out, "  sim        %s:%u\n", beside->options.address, beside->options.port);
    }
    put_providers(out, s);
    put_models(out, s);
    put_tenants(out, s);
    put_warnings(out, s);
}

/* --- for programs -------------------------------------------------------------------------- */

static void json_member(struct buf *out, const char *name, struct str value)
{
    buf_putf(out, "\"%s\":", name);
    buf_put_json(out, value);
}

static void json_providers(struct buf *out, const struct settings *s)
{
    buf_puts(out, ",\"providers\":[");
    for (size_t i = 0; i < s->provider_count; i++) {
        const struct settings_provider *p = &s->providers[i];
        buf_puts(out, i ? ",{" : "{");
        json_member(out, "name", p->name);
        buf_putf(out, ",\"dialect\":\"%s\",", p->dialect->name);
        json_member(out, "base_url", p->base_url_text);
        buf_putf(out, ",\"api_keys\":%zu}", p->api_key_count);
    }
    buf_putc(out, ']');
}

static void json_models(struct buf *out, const struct settings *s)
{
    buf_puts(out, ",\"models\":[");
    for (size_t i = 0; i < s->model_count; i++) {
        const struct settings_model *m = &s->models[i];
        buf_puts(out, i ? ",{" : "{");
        json_member(out, "alias", m->alias);
        buf_puts(out, ",\"targets\":[");
        for (size_t j = 0; j < m->target_count; j++) {
            buf_puts(out, j ? ",{" : "{");
            json_member(out, "provider", m->targets[j].provider->name);
            buf_putc(out, ',');
            json_member(out, "model", m->targets[j].model);
            buf_putc(out, '}');
        }
        buf_puts(out, "]}");
    }
    buf_putc(out, ']');
}

static void json_tenants(struct buf *out, const struct settings *s)
{
    buf_puts(out, ",\"tenants\":[");
    for (size_t i = 0; i < s->tenant_count; i++) {
        const struct settings_tenant *t = &s->tenants[i];
        buf_puts(out, i ? ",{" : "{");
        json_member(out, "name", t->name);
        buf_putf(out, ",\"keys\":%zu,\"capture\":\"%s\"}", keys_of(s, t),
                 settings_capture_names[t->capture]);
    }
    buf_putc(out, ']');
}

static void put_json(struct buf *out, const struct settings *s)
{
    buf_puts(out, "{\"ok\":true,");
    json_member(out, "file", s->path);
    buf_putc(out, ',');
    json_member(out, "listen", s->listen_text);
    buf_putc(out, ',');
    json_member(out, "admin", s->admin_text);
    buf_putc(out, ',');
    json_member(out, "store", s->store);
    buf_putf(out, ",\"tls\":%s,\"capture\":\"%s\"", s->tls_certificate.n ? "true" : "false",
             settings_capture_names[s->capture]);
    json_providers(out, s);
    json_models(out, s);
    json_tenants(out, s);
    buf_puts(out, "}\n");
}

/* ------------------------------------------------------------------------------------------- */

static int run_check(const struct cmd_context *context, const void *options, struct error *err)
{
    const struct config_options *o = options;
    struct setup setup;
    struct beside beside;
    struct buf text;

    int result = setup_load(&setup, context->args->n ? context->args->items[0] : NULL, err);
    if (result != 0) {
        return result;
    }
    result = beside_read(&beside, setup.settings, err);
    if (result != 0) {
        setup_release(&setup);
        return result;
    }
    buf_init(&text, SUMMARY_BYTES_MAX);
    if (o->json) {
        put_json(&text, setup.settings);
    } else {
        put_summary(&text, setup.settings, &beside);
    }
    fwrite(text.p, 1, text.n, stdout);
    buf_release(&text);
    beside_release(&beside);
    setup_release(&setup);
    return CMD_FINE;
}

static int run_docs(const struct cmd_context *context, const void *options, struct error *err)
{
    struct buf page;

    (void)context;
    (void)options;
    (void)err;
    buf_init(&page, SETTINGS_DOC_BYTES_MAX);
    settings_document(&page);
    BUG_ON(!buf_ok(&page));
    fwrite(page.p, 1, page.n, stdout);
    buf_release(&page);
    return CMD_FINE;
}

static const struct opt check_opts[] = {CMD_OPT_JSON(struct config_options, json)};

static const struct cmd config_check = {
    .name = "check",
    .summary = "check a configuration and say what it amounts to",
    .usage = "[--json] [FILE]",
    .help =
        "Checks FILE (default: weir.yaml here) as `weir serve` would, without starting anything.\n"
        "A mistake is reported with file, line and column, and status 2. Secrets are not shown.",
    .example = "weir config check examples/quickstart/weir.yaml",
    .opts = check_opts,
    .opt_count = ARRAY_LEN(check_opts),
    .options_size = sizeof(struct config_options),
    .args_max = 1,
    .run = run_check,
};

static const struct cmd config_docs = {
    .name = "docs",
    .summary = "print what every setting means, as Markdown",
    .example = "weir config docs > docs/config.md",
    .run = run_docs,
};

static const struct cmd *const verbs[] = {&config_check, &config_docs, NULL};

const struct cmd cmd_config = {
    .name = "config",
    .summary = "check weir.yaml, or document its settings",
    .example = "weir config check",
    .verbs = verbs,
};
