#include "cmd/store_locate.h"

#include <string.h>
#include <unistd.h>

#include "cmd/setup.h"
#include "core/config.h"
#include "core/yaml.h"
#include "engine/settings_keys.h"

/* What a configuration has that does not name a store. */
static struct str default_url(void)
{
    const struct settings_section *root = &settings_root_section;

    for (size_t i = 0; i < root->n; i++) {
        if (strcmp(root->keys[i].name, "store") == 0) {
            return str_of(root->keys[i].fallback);
        }
    }
    return STR_EMPTY;
}

static int read_file(struct arena *arena, const char *path, struct str *url, struct error *err)
{
    struct yaml_doc *doc = NULL;
    const struct yaml_node *node = NULL;
    int result = yaml_load(path, &doc, err);

    if (result < 0) {
        return result;
    }
    const struct config_reader reader = {.doc = doc, .arena = arena, .env = setup_env};
    if (doc->root && doc->root->kind == YAML_MAP) {
        node = yaml_get(doc->root, "store");
    }
    if (node && node->kind != YAML_NULL) {
        result = config_scalar(&reader, node, url, err);
    }
    if (result == 0) {
        *url = arena_str(arena, *url); /* the document goes */
    }
    yaml_free(doc);
    return result;
}

int store_locate(struct arena *arena, const char *store, const char *config, const char **ret_url,
                 struct error *err)
{
    struct str url = default_url();
    int result = 0;

    if (store) {
        url = str_of(store);
    } else if (config || access(SETUP_FILE, F_OK) == 0) {
        result = read_file(arena, config ? config : SETUP_FILE, &url, err);
    }
    if (result == 0) {
        *ret_url = arena_cstr(arena, url);
    }
    return result;
}

int store_locate_open(struct arena *arena, const char *store, const char *config,
                      struct store_reader **ret_reader, struct error *err)
{
    const char *url = NULL;
    int result = store_locate(arena, store, config, &url, err);

    return result < 0 ? result : store_reader_open(url, ret_reader, err);
}
