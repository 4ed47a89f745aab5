#ifndef ENGINE_SETTINGS_INTERNAL_H
#define ENGINE_SETTINGS_INTERNAL_H

/*
 * The readers of the parts of weir.yaml, for settings.c only.
 */
#include "core/config.h"
#include "engine/settings.h"
#include "engine/settings_keys.h"

struct settings_reader {
    struct settings *settings;
    const struct settings_source *source;
    struct config_reader config;
    struct tls_context *system_trust; /* borrowed from the first provider that uses it */
    struct map providers_off;         /* named in the file, absent by when_set or unless_set */
};

MUST_CHECK int settings_read_providers(struct settings_reader *r, struct error *err);
MUST_CHECK int settings_read_models(struct settings_reader *r, struct error *err);
MUST_CHECK int settings_read_passthrough(struct settings_reader *r, struct error *err);
MUST_CHECK int settings_read_tenants(struct settings_reader *r, struct error *err);
MUST_CHECK int settings_read_all_limits(struct settings_reader *r, struct error *err);
MUST_CHECK int settings_read_prices(struct settings_reader *r, struct error *err);

/* `limits:` and `budget:` of a key, tenant, organisation or provider; NULL is none. */
MUST_CHECK int settings_read_limits(struct settings_reader *r, const struct yaml_node *node,
                                    const char *where, struct settings_limits *limits,
                                    struct error *err);
MUST_CHECK int settings_read_budget(struct settings_reader *r, const struct yaml_node *node,
                                    const char *where, struct settings_limits *limits,
                                    struct error *err);

/* One section into `target`. */
MUST_CHECK int settings_read_section(struct settings_reader *r, const struct yaml_node *node,
                                     const char *where, const struct settings_section *section,
                                     void *target, struct error *err);
/* The mapping, or an error that says that one was expected. NULL and empty count as none: *ret_n
 * is 0 then. */
MUST_CHECK int settings_expect_map(struct settings_reader *r, const struct yaml_node *node,
                                   const char *what, size_t max, size_t *ret_n, struct error *err);
MUST_CHECK int settings_expect_list(struct settings_reader *r, const struct yaml_node *node,
                                    const char *what, size_t max, size_t *ret_n, struct error *err);
/* A name goes into headers, logs and metrics: 1 to 128 bytes, printable, no spaces or quotes. */
MUST_CHECK int settings_check_name(struct settings_reader *r, const struct yaml_node *node,
                                   const char *what, struct error *err);
/* The keys of a map as strs, for "did you mean". */
struct str settings_nearest(const struct map *map, struct str word);

#endif
