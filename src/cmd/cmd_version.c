#include <stdio.h>

#include "cmd/cmd.h"
#include "core/version_gen.h"

struct version_options {
    bool json;
};

static int run(const struct cmd_context *context, const void *options, struct error *err)
{
    const struct version_options *o = options;

    (void)context;
    (void)err;
    printf(o->json ? "{\"version\":\"%s\",\"commit\":\"%s\"}\n" : "weir %s (%s)\n", WEIR_VERSION,
           WEIR_COMMIT);
    return CMD_FINE;
}

static const struct opt opts[] = {CMD_OPT_JSON(struct version_options, json)};

const struct cmd cmd_version = {
    .name = "version",
    .summary = "print the version and the commit it was built from",
    .usage = "[--json]",
    .example = "weir version",
    .opts = opts,
    .opt_count = ARRAY_LEN(opts),
    .options_size = sizeof(struct version_options),
    .run = run,
};
