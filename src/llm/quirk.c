#include "llm/quirk.h"

#include <stddef.h>

/* The rows are laid out by hand: one vendor each. What they say is from the vendors' API references
 * and from refusals that users have reported; where neither says anything, OpenAI's way is kept. */
/* clang-format off */
const struct quirk quirk_table[] = {
    {.name = "openai", .host = "api.openai.com"},

    /* Deployments and api-version stand in the path: provider_azure.c. */
    {.name = "azure", .host = "openai.azure.com"},

    /* "Will result in a 400": logprobs, top_logprobs, logit_bias, messages[].name, n above 1.
     * Thoughts come in `reasoning`. */
    {.name = "groq", .host = "api.groq.com", .no_logprobs = true, .no_names = true,
     .thinking_field = "reasoning"},

    /* max_tokens; there is no Responses API; the chat templates of most models know no developer. */
    {.name = "together", .host = "together.xyz", .max_name = QUIRK_MAX_TOKENS, .no_developer = true,
     .no_responses = true, .top_k = true, .thinking_field = "reasoning"},
    {.name = "together", .host = "together.ai", .max_name = QUIRK_MAX_TOKENS, .no_developer = true,
     .no_responses = true, .top_k = true, .thinking_field = "reasoning"},

    /* One way of asking for thoughts in front of all vendors: reasoning {effort | max_tokens}; they
     * come in `reasoning` and sealed in `reasoning_details`. Cache markers are handed on. */
    {.name = "openrouter", .host = "openrouter.ai", .max_name = QUIRK_MAX_TOKENS,
     .thinking = QUIRK_THINKING_OBJECT, .thinking_field = "reasoning", .cache_markers = true,
     .top_k = true},

    /* Roles are system, user, assistant, tool; response_format has text and json_object; thoughts
     * come in reasoning_content and must be given back within a turn of tool calls. */
    {.name = "deepseek", .host = "api.deepseek.com", .max_name = QUIRK_MAX_TOKENS,
     .no_developer = true, .no_responses = true, .no_parallel_calls = true, .no_seed = true,
     .schema = QUIRK_SCHEMA_JSON_ONLY, .returns_thinking = true},

    /* Bodies are checked against a closed schema: "Extra inputs are not permitted" (422) for
     * stream_options, max_completion_tokens, n, store, user, metadata, names. Usage comes unasked. */
    {.name = "mistral", .host = "api.mistral.ai", .max_name = QUIRK_MAX_TOKENS, .no_developer = true,
     .no_stream_options = true, .no_responses = true, .no_logprobs = true, .no_names = true,
     .bare = true, .seed_name = "random_seed"},

    /* Servers of one's own have no host to be told from: named by `quirks`. */
    {.name = "ollama", .host = "ollama.com", .max_name = QUIRK_MAX_TOKENS, .no_developer = true,
     .no_strict_tools = true, .no_required_choice = true, .no_parallel_calls = true,
     .thinking_field = "reasoning"},
    {.name = "vllm", .thinking_field = "reasoning", .no_developer = true, .top_k = true},
    {.name = "llamacpp", .max_name = QUIRK_MAX_TOKENS, .no_developer = true, .top_k = true},
    {.name = NULL},
};

/* clang-format on */

const struct quirk *quirk_find(struct str name)
{
    for (const struct quirk *q = quirk_table; q->name; q++) {
        if (str_is(name, q->name)) {
            return q;
        }
    }
    return NULL;
}

/* The host itself or one below it. */
static bool host_ends(struct str host, struct str end)
{
    return str_ends(host, end) && (host.n == end.n || host.p[host.n - end.n - 1] == '.');
}

const struct quirk *quirk_of_host(struct str host)
{
    for (const struct quirk *q = quirk_table; q->name; q++) {
        if (q->host && host_ends(host, str_of(q->host))) {
            return q;
        }
    }
    return &quirk_table[0];
}
