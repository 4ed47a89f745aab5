#ifndef ENGINE_SETTLE_H
#define ENGINE_SETTLE_H

/*
 * Settling a call: what it used and what that cost, into its trace.
 *
 * The provider's usage counts. Where it is missing although tokens were spent (a stream without
 * usage, a call that was cancelled or broke off), input and delivered output are estimated and
 * flagged so. The price is the configuration's override, else the catalogue's at the time of the
 * call, for the model that was returned, else the one that was asked for.
 */
#include <stdint.h>

#include "engine/settings.h"
#include "llm/dialect.h"
#include "store/trace.h"

struct settle_input {
    const struct settings *settings;
    const struct settings_provider *provider; /* NULL: no call left weir */
    const struct route_info *route;
    struct str model_routed;
    const struct request_facts *facts; /* NULL on pass-through routes */
    const struct answer_facts *answer; /* NULL: none came */
    bool sent;                         /* the request reached a connection */
    bool accepted;                     /* the provider answered 2xx */
};

void settle(const struct settle_input *input, struct trace *trace);

#endif
