#include "cmd/setup.h"

#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "engine/settings.h"
#include "llm/catalogue.h"

const char *setup_env(const char *name, void *ctx)
{
    (void)ctx;
    return getenv(name);
}

static int load(struct setup *ret_setup, const char *path, struct error *err)
{
    struct setup setup = {NULL, NULL};

    int result = catalogue_load_embedded(&setup.catalogue, err);
    if (result == 0 && path) {
        const struct settings_source source = {
            .env = setup_env,
            .catalogue = setup.catalogue,
            .now_ms = clock_wall_ms(),
        };
        result = settings_load(path, &source, &setup.settings, err);
    }
    if (result != 0) {
        setup_release(&setup);
        return result;
    }
    *ret_setup = setup;
    return 0;
}

int setup_load(struct setup *ret_setup, const char *path, struct error *err)
{
    return load(ret_setup, path ? path : SETUP_FILE, err);
}

int setup_load_if_any(struct setup *ret_setup, const char *path, struct error *err)
{
    bool here = access(SETUP_FILE, F_OK) == 0;

    return load(ret_setup, path ? path : here ? SETUP_FILE : NULL, err);
}

void setup_release(struct setup *setup)
{
    settings_unref(setup->settings);
    setup->settings = NULL;
    catalogue_free(setup->catalogue);
    setup->catalogue = NULL;
}
