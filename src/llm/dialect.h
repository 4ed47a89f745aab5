#ifndef LLM_DIALECT_H
#define LLM_DIALECT_H

/*
 * Dialects and routes: which paths exist, which dialect each speaks, and how errors are worded in
 * it. One const table of routes; unknown paths still have a dialect, so that a 404 is worded right.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"

/* Nobody calls weir in Gemini's: it has no routes. */
enum dialect { DIALECT_OPENAI = 0, DIALECT_ANTHROPIC, DIALECT_GEMINI };

enum route {
    ROUTE_NONE = 0,
    ROUTE_CHAT,         /* POST /v1/chat/completions */
    ROUTE_COMPLETIONS,  /* POST /v1/completions */
    ROUTE_EMBEDDINGS,   /* POST /v1/embeddings */
    ROUTE_RESPONSES,    /* POST /v1/responses */
    ROUTE_MESSAGES,     /* POST /v1/messages */
    ROUTE_COUNT_TOKENS, /* POST /v1/messages/count_tokens */
    ROUTE_MODELS,       /* GET /v1/models */
    ROUTE_MODEL,        /* GET /v1/models/{id} */
    ROUTE_PASSTHROUGH,  /* audio, images, files, batches: see passthrough_kinds */
    ROUTE_HEALTH,       /* GET /healthz */
    ROUTE_READY         /* GET /readyz */
};

struct route_info {
    enum route route;
    enum dialect dialect;
    const char *name; /* "chat": in traces, metrics and messages */
    const char *method;
    const char *path; /* exact, or a prefix when it ends in '/' and `prefix` is set */
    bool prefix;
    bool streams; /* may answer with server-sent events */
    bool billed;  /* uses tokens */
};

/* All routes but pass-through ones; ends with .name == NULL. */
extern const struct route_info route_table[];

struct passthrough_kind {
    const char *name; /* "audio": key in the configuration */
    const char *path; /* prefix */
    enum dialect dialect;
};

/* /v1/responses/{id} and below: goes to the deployment that made the response (engine/homes.h); not
 * configured. */
#define PASSTHROUGH_RESPONSES "responses"

/* Ends with .name == NULL. */
extern const struct passthrough_kind passthrough_kinds[];

/*
 * The row for a request, or NULL; a query behind the path is ignored. When the path exists with
 * other methods, *ret_allow (may be NULL) lists them. For pass-through paths *ret_kind (may be
 * NULL) is set and the row is a generic one with method "*". Neither is touched otherwise.
 * Pass-through paths that a provider could decode to another path ("..", "//", an encoded dot or
 * slash) are never found.
 */
const struct route_info *route_find(struct str method, struct str path, const char **ret_allow,
                                    const struct passthrough_kind **ret_kind);
const struct route_info *route_by_id(enum route route);

/* The dialect to word answers in, known route or not: /v1/messages and all below it is Anthropic's,
 * a route that only one dialect has is that dialect's, anything else goes by anthropic-version. */
enum dialect dialect_of(struct str path, bool has_anthropic_version);
const char *dialect_name(enum dialect dialect);

/* The error type a dialect uses for a status ("invalid_request_error", ...). */
const char *dialect_error_type(enum dialect dialect, int status);

struct dialect_error {
    int status;
    struct str message;
    const char *code;      /* OpenAI `code`, may be NULL */
    const char *param;     /* OpenAI `param`, may be NULL */
    struct str request_id; /* Anthropic `request_id`, may be empty */
    const char *type;      /* NULL: by status (and code); OpenAI's 429 is "requests" or "tokens" */
};

/* The JSON body of an error answer. */
void dialect_write_error(enum dialect dialect, const struct dialect_error *error, struct buf *out);
/* The same as a server-sent event for a stream that has already begun. */
void dialect_write_stream_error(enum route route, const struct dialect_error *error,
                                int64_t sequence_number, struct buf *out);

#endif
