#ifndef LLM_REQUEST_H
#define LLM_REQUEST_H

/*
 * A request body as weir sees it: read for the few members that decide where a call goes and what
 * it may cost, and edited by splicing, so that everything that is not edited stays byte for byte.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/attr.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"
#include "llm/dialect.h"

/* Scalar parameters kept for the trace; further ones are left out. */
#define REQUEST_PARAMS_MAX 32
/* A longer parameter, key or value, is not kept for the trace. */
#define REQUEST_PARAM_BYTES_MAX 64
#define REQUEST_MODEL_BYTES_MAX 256
/* max_tokens and n are clamped to these, so that their product cannot overflow. */
#define REQUEST_TOKENS_MAX  1000000000
#define REQUEST_ANSWERS_MAX 1000000

/* Where a value stands in the body; n == 0: it is not there. */
struct request_span {
    size_t at;
    size_t n;
};

/* What weir needs to know of a request body. Views point into the body or the arena. */
struct request_facts {
    struct str model; /* unescaped */
    bool stream;
    bool asks_usage; /* stream_options.include_usage is true */
    struct str service_tier;
    struct str previous; /* Responses: previous_response_id; empty when none */
    struct str user;     /* `user`, `safety_identifier` or metadata.user_id; empty when none */
    int64_t max_output;  /* max_tokens and its relatives, the largest; -1 = not given */
    int64_t n;           /* answers that are generated: n or best_of, times prompts; 1 */
    /* The bytes of these members, may be empty. In the Responses API `instructions` and `input`
     * stand for system and messages, `prompt` or `input` for messages in the older ones. A chat's
     * system message is in `messages`. */
    struct str system, tools, messages;
    struct str params_json; /* scalar parameters as an object, for the trace; never content */
    /* private: for request_edit_body */
    enum route route;
    struct request_span model_span;
    struct request_span options_span; /* stream_options */
    struct request_span usage_span;   /* stream_options.include_usage */
};

/*
 * Reads and checks a request body for a route: JSON within JSON_DEPTH_MAX, an object, a non-empty
 * string `model`, `stream` a boolean or null, whole numbers where weir counts on them, no member
 * weir reads occurring twice (a provider might read the other one). Errors are for the caller:
 * what, where, what was expected; ERR_INVALID, or ERR_LIMIT for depth.
 */
MUST_CHECK int request_facts_read(enum route route, struct str body, struct arena *arena,
                                  struct request_facts *ret_facts, struct error *err);

/* How a body must be changed for one target. */
struct request_edit {
    struct str model; /* the target's name for the model */
    bool
        inject_usage; /* ask for usage in the stream; ignored unless streamed chat or completions */
    /* Output tokens to allow at most, where the client names no maximum; 0 = as it is. */
    int64_t max_output;
    bool max_completion_tokens; /* the name for it in chats, instead of max_tokens */
};

/* Appends the edited body; without anything to change it is the same bytes. `facts` must have been
 * read from the same bytes. ERR_LIMIT when `out` is full. */
MUST_CHECK int request_edit_body(struct str body, const struct request_facts *facts,
                                 const struct request_edit *edit, struct buf *out,
                                 struct error *err);

#endif
