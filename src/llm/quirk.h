#ifndef LLM_QUIRK_H
#define LLM_QUIRK_H

/*
 * How servers that speak "the OpenAI dialect" differ from OpenAI: one table, one row a vendor.
 * The row is named by a provider's `quirks` setting or told from its host; one without a row is
 * taken for OpenAI's API as documented.
 *
 * To add a vendor: add its row in quirk.c and a case to tests/unit/llm/quirk_test.c, with the
 * source of each deviation in the comment beside it.
 */
#include <stdbool.h>

#include "core/str.h"

enum quirk_max {
    QUIRK_MAX_COMPLETION = 0,
    QUIRK_MAX_TOKENS
}; /* max_completion_tokens or max_tokens */

enum quirk_thinking {
    QUIRK_THINKING_EFFORT = 0, /* reasoning_effort */
    QUIRK_THINKING_OBJECT,     /* reasoning: {effort | max_tokens} (OpenRouter) */
    QUIRK_THINKING_NONE        /* no way to ask for it */
};

enum quirk_schema {
    QUIRK_SCHEMA_FULL = 0,  /* response_format json_schema */
    QUIRK_SCHEMA_JSON_ONLY, /* json_object only: a schema is refused */
    QUIRK_SCHEMA_NONE       /* not even json_object */
};

struct quirk {
    const char *name; /* "groq" */
    const char *host; /* the end of its host name; NULL = only by name */
    enum quirk_max max_name;
    bool no_developer;       /* `developer` is not a role: system is written */
    bool no_stream_options;  /* usage in streams cannot be asked for */
    bool no_parallel_calls;  /* parallel_tool_calls is refused */
    bool no_required_choice; /* tool_choice "required" or a named tool is refused */
    bool no_strict_tools;    /* function.strict is refused */
    bool no_image_url;       /* images only as data URLs */
    bool no_responses;       /* has no /v1/responses */
    bool no_logprobs, no_penalties, no_seed;
    bool no_names;         /* messages[].name is refused */
    bool bare;             /* refuses what it does not know: user, metadata, service_tier, ... */
    const char *seed_name; /* NULL = "seed" */
    bool top_k;            /* top_k is taken */
    bool cache_markers;    /* cache_control in content parts is understood (OpenRouter) */
    enum quirk_thinking thinking;
    const char *thinking_field; /* where thoughts come in answers besides reasoning_content */
    bool returns_thinking;      /* thoughts are given back in assistant messages under that name */
    enum quirk_schema schema;
};

/* Ends with .name == NULL; the first row is OpenAI's own. */
extern const struct quirk quirk_table[];

/* By name, or NULL. */
const struct quirk *quirk_find(struct str name);
/* By host, never NULL. */
const struct quirk *quirk_of_host(struct str host);

#endif
