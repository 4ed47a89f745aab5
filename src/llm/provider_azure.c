/*
 * OpenAI's models at Azure: OpenAI's API under other paths and with another key header.
 *
 *   api_version given      BASE/openai/deployments/MODEL/chat/completions?api-version=VERSION
 *   without it             BASE/openai/v1/chat/completions (the versionless API; MODEL in the body)
 *
 * BASE is https://NAME.openai.azure.com; one that ends in /v1 is taken as it is.
 */
#include "llm/provider.h"
#include "llm/wire.h"

static void write_auth(struct buf *out, struct str key, bool has_version)
{
    (void)has_version;
    provider_write_key(out, "api-key: ", key);
}

/* Routes that name the deployment in the path; the others name it in the body, or none. */
static bool is_of_deployment(enum route route)
{
    return route == ROUTE_CHAT || route == ROUTE_COMPLETIONS || route == ROUTE_EMBEDDINGS;
}

static void write_path(struct buf *out, const struct provider_place *place)
{
    bool versioned = str_ends(place->base, STR("/v1"));
    bool named = place->api_version.n > 0;
    buf_put_str(out, place->base);
    if (!versioned) {
        buf_puts(out, named ? "/openai" : "/openai/v1");
    }
    if (!versioned && named && is_of_deployment(place->route)) {
        buf_puts(out, "/deployments/");
        provider_put_segment(out, place->model);
    }
    buf_put_str(out, provider_behind_version(place->path));
    if (named) {
        buf_puts(out, "?api-version=");
        provider_put_segment(out, place->api_version);
    }
    provider_put_query(out, named ? '&' : '?', place->query);
}

static enum provider_verdict on_event(enum route route, struct str event, struct str data,
                                      struct str raw, bool strip_usage, struct answer_facts *facts,
                                      struct buf *replacement)
{
    return provider_openai.on_event(route, event, data, raw, strip_usage, facts, replacement);
}

static void on_answer(enum route route, struct str body, struct answer_facts *facts)
{
    provider_openai.on_answer(route, body, facts);
}

const struct provider provider_azure = {
    .name = "azure",
    .dialect = DIALECT_OPENAI,
    .wire = &wire_chat,
    .write_path = write_path,
    .write_auth = write_auth,
    .on_event = on_event,
    .on_answer = on_answer,
    .error_text = provider_error_text,
};
