#ifndef ENGINE_SETTINGS_H
#define ENGINE_SETTINGS_H

/*
 * The configuration, checked whole: one immutable snapshot of weir.yaml.
 *
 * A snapshot is reference counted and may be shared by threads; each request pins the one it
 * started under. It holds parameters only: whatever counts or remembers lives elsewhere, keyed by
 * the stable names in here. Reading fails as a whole, with file, line and column; the key tables
 * that define every setting stand in settings_keys.h, from which docs/config.md is made.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/attr.h"
#include "core/config.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/map.h"
#include "core/str.h"
#include "core/url.h"
#include "llm/catalogue.h"
#include "llm/provider.h"
#include "llm/quirk.h"
#include "net/tls.h"
#include "store/store.h"
#include "store/trace.h"

#define SETTINGS_PROVIDERS_MAX   256
#define SETTINGS_MODELS_MAX      4096
#define SETTINGS_TARGETS_MAX     16 /* per model */
#define SETTINGS_TENANTS_MAX     10000
#define SETTINGS_KEYS_MAX        100000 /* over all tenants */
#define SETTINGS_API_KEYS_MAX    32     /* per provider */
#define SETTINGS_PASSTHROUGH_MAX 16
#define SETTINGS_HEADERS_MAX     16 /* extra ones per provider */

enum settings_usage { SETTINGS_USAGE_INJECT = 0, SETTINGS_USAGE_NEVER };

/* 0 = no limit. */
struct settings_limits {
    int64_t rpm, input_tpm, output_tpm, tpm, concurrency;
    int64_t nanousd_per_day;
};

/* Whether a provider has /v1/responses itself. */
enum settings_responses {
    SETTINGS_RESPONSES_AUTO = 0, /* as its vendor's row in llm/quirk.c says */
    SETTINGS_RESPONSES_NATIVE,
    SETTINGS_RESPONSES_TRANSLATE
};

enum settings_translation { SETTINGS_LENIENT = 0, SETTINGS_STRICT };

/* One API key of a provider. `name` ("openai#1") is what logs and traces say. */
struct settings_api_key {
    struct str secret;
    struct str name;
    struct hash_sha256 digest; /* names the key's state across reloads */
};

struct settings_provider {
    struct str name;
    const struct provider *dialect;
    struct str base_url_text;
    struct url base_url;
    struct str authority; /* for the Host header */
    struct settings_api_key *api_keys;
    size_t api_key_count;
    struct config_strs api_key_texts;
    struct str ca_file;
    struct tls_context *tls; /* NULL for http */
    struct str proxy_text;
    bool has_proxy;
    struct url proxy;
    struct str proxy_authorization;
    int usage;     /* enum settings_usage */
    int http2;     /* enum client_http2 */
    int responses; /* enum settings_responses */
    struct str quirks_text;
    const struct quirk *quirk;
    struct str api_version;
    int dialect_index;
    struct str vendor; /* of its prices in the catalogue */
    int64_t connect_timeout_ms, first_byte_timeout_ms, idle_timeout_ms, keep_idle_ms;
    int64_t answer_timeout_ms; /* from the start of an attempt to the end of its answer */
    int64_t events_max;        /* of one stream */
    int64_t connections_max;
    int64_t bench_ms; /* how long a refused key rests */
    struct config_strs when_set, unless_set;
    const struct yaml_node *headers_node;

    struct {
        struct str name, value;
    } headers[SETTINGS_HEADERS_MAX];

    size_t header_count;
    const struct yaml_node *node;
    struct settings_limits limits;
    uint32_t level; /* where the governor counts for it; set by governor_adopt */
};

struct settings_target {
    const struct settings_provider *provider;
    struct str model;
    uint32_t level; /* where the governor keeps what it learns of the model's tokens */
};

struct settings_model {
    struct str alias;
    struct settings_target targets[SETTINGS_TARGETS_MAX];
    size_t target_count;
    int strategy;
    int translation;            /* enum settings_translation */
    int64_t default_max_output; /* where a target demands a maximum; 0 = the catalogue's */
    struct str description;
    const struct yaml_node *targets_node;
};

struct settings_tenant;

struct settings_key {
    struct str alias;
    struct str sha256_text;
    struct hash_sha256 digest;
    struct config_strs models;      /* empty = all */
    struct config_strs passthrough; /* kinds it may use; see settings_key_allows_passthrough */
    struct str expires_text;
    int64_t expires_ms; /* wall time; 0 = never */
    bool disabled;
    int64_t default_max_output;
    const struct yaml_node *limits_node, *budget_node;
    struct settings_limits limits;
    uint32_t level;
    const struct settings_tenant *tenant;
};

struct settings_organisation {
    struct str name;
    struct settings_limits limits;
    uint32_t level;
};

struct settings_tenant {
    struct str name;
    struct str organisation;
    int capture; /* enum trace_capture */
    const struct yaml_node *keys_node, *limits_node, *budget_node;
    struct settings_limits limits;
    uint32_t level;
    struct settings_organisation *organisation_entry; /* NULL: it has no limits */
};

struct settings_passthrough {
    const struct passthrough_kind *kind;
    const struct settings_provider *provider;
};

struct settings_price {
    struct str model; /* "my-model" or "provider/my-model" */
    struct catalogue_price price;
};

struct settings {
    struct arena arena;
    int refs;                       /* atomic */
    struct tls_context *server_tls; /* NULL = plain HTTP */
    struct str path;
    struct hash_sha256 digest; /* of the file's bytes */
    int64_t loaded_ms;         /* wall time */

    struct str listen_text, admin_text;
    const char *listen_address, *admin_address;
    uint16_t listen_port, admin_port;
    struct str admin_token;
    struct str tls_certificate, tls_key; /* files; empty = plain HTTP */
    struct str store;
    int64_t workers;
    int64_t max_body;
    int64_t capture_max; /* bytes of a body that are kept */
    int64_t connections_max;
    int64_t head_timeout_ms, body_timeout_ms, idle_timeout_ms, drain_timeout_ms, stall_timeout_ms;
    int log_level;
    bool log_json;
    int capture; /* without tenants, and default for tenants */
    struct store_retention retention;

    struct settings_provider *providers;
    size_t provider_count;
    struct settings_model *models;
    size_t model_count;
    struct settings_tenant *tenants;
    size_t tenant_count;
    struct settings_key *keys;
    size_t key_count;
    struct settings_organisation *organisations; /* those with limits */
    size_t organisation_count;
    struct settings_passthrough passthrough[SETTINGS_PASSTHROUGH_MAX];
    size_t passthrough_count;
    struct settings_price *prices;
    size_t price_count;
    const struct catalogue *catalogue; /* borrowed: lives as long as the process */
    struct yaml_doc *doc;              /* owns the nodes below */

    /* Mappings that have readers of their own. `sim` is read by sim/; NULL = absent. */
    struct {
        const struct yaml_node *tls, *providers, *models, *tenants, *passthrough, *prices;
        const struct yaml_node *retention, *sim, *limits;
    } nodes;

    /* private look-up tables */
    struct map models_by_alias, providers_by_name, keys_by_digest, prices_by_model;
};

struct settings_source {
    config_env_fn env;
    void *env_ctx;
    const struct catalogue *catalogue;
    int64_t now_ms; /* wall time, for loaded_ms */
};

/* Reads and checks a file; *ret_settings has one reference. */
MUST_CHECK int settings_load(const char *path, const struct settings_source *source,
                             struct settings **ret_settings, struct error *err);
MUST_CHECK int settings_parse(struct str text, const char *name,
                              const struct settings_source *source, struct settings **ret_settings,
                              struct error *err);
struct settings *settings_ref(struct settings *s);
void settings_unref(struct settings *s);

const struct settings_model *settings_find_model(const struct settings *s, struct str alias);
const struct settings_provider *settings_find_provider(const struct settings *s, struct str name);
const struct settings_key *settings_find_key(const struct settings *s,
                                             const struct hash_sha256 *digest);
/* Price override for a provider's model, or NULL. */
const struct catalogue_price *settings_find_price(const struct settings *s,
                                                  const struct settings_provider *provider,
                                                  struct str model);
/* `key` NULL (no tenants configured) allows everything. */
bool settings_key_allows_model(const struct settings_key *key, struct str alias);
/* A key restricted to models may use pass-through kinds only where it lists them. */
bool settings_key_allows_passthrough(const struct settings_key *key, const char *kind);

/* The first setting that differs and that only a restart can change, by name; or NULL. */
const char *settings_restart_needed(const struct settings *now, const struct settings *next);

#endif
