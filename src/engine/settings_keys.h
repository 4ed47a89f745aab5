#ifndef ENGINE_SETTINGS_KEYS_H
#define ENGINE_SETTINGS_KEYS_H

/*
 * Every setting of weir.yaml, as tables: name, type, bounds, default, meaning. What is checked,
 * what the error messages offer and what docs/config.md says all come from here.
 *
 * To add a setting: (1) a field in settings.h; (2) a row here; (3) if a running gateway cannot take
 * it over, a row in restart_table (settings.c); (4) run `weir config docs > docs/config.md`.
 */
#include <stddef.h>

#include "core/config.h"

struct settings_section {
    const char *path; /* where in the file: "", "providers.NAME", ... */
    const char *help;
    const struct config_key *keys;
    size_t n;
};

extern const struct settings_section settings_root_section;
extern const struct settings_section settings_tls_section;
extern const struct settings_section settings_provider_section;
extern const struct settings_section settings_model_section;
extern const struct settings_section settings_target_section;
extern const struct settings_section settings_tenant_section;
extern const struct settings_section settings_key_section;
extern const struct settings_section settings_all_limits_section;
extern const struct settings_section settings_organisation_section;
extern const struct settings_section settings_limits_section;
extern const struct settings_section settings_budget_section;
extern const struct settings_section settings_price_section;
extern const struct settings_section settings_retention_section;

/* All of them in the order of the documentation; ends with NULL. */
extern const struct settings_section *const settings_sections[];

/* What CONFIG_ENUM indexes mean. */
extern const char *const settings_dialect_names[];
extern const char *const settings_capture_names[]; /* enum trace_capture */

/* Prices are read as text first, because decimals must stay exact. */
struct settings_price_texts {
    struct str input, cached, cache_write, cache_write_1h, output;
    struct str batch_input, batch_cached, batch_output;
};

struct settings_budget_texts {
    struct str usd_per_day;
};

struct settings_limits_nodes {
    const struct yaml_node *providers, *organisations;
};

struct settings_organisation_nodes {
    const struct yaml_node *limits, *budget;
};

struct settings_target_texts {
    struct str provider, model;
};

#endif
