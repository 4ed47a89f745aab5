#ifndef LLM_PROVIDER_H
#define LLM_PROVIDER_H

/*
 * A provider dialect: bytes in, bytes out. Adapters never touch sockets, keys' storage or policy.
 *
 * To add a provider: (1) write provider_<name>.c with one `const struct provider`; (2) add its row
 * to provider_table in provider.c; (3) add its dialect or reuse one in dialect.h; (4) add recorded
 * streams to tests/unit/llm/provider_<name>_test.c.
 *
 * Requests are edited by splicing: everything that is not edited stays byte for byte. Streams are
 * read event by event; the adapter says for each whether it passes, is dropped, or is replaced.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/attr.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/json.h"
#include "core/str.h"
#include "llm/dialect.h"
#include "llm/usage.h"

#define PROVIDER_PARAMS_MAX 32

/* What weir needs to know of a request body. Views point into the body or the arena. */
struct request_facts {
    struct str model;        /* unescaped */
    bool stream;
    bool asks_usage;         /* stream_options.include_usage is true */
    struct str service_tier;
    struct str user;         /* `user` or metadata.user_id */
    int64_t max_output;      /* max_tokens and its relatives; -1 = not given */
    int64_t n;               /* answers asked for; 1 */
    struct str system, tools, messages; /* spans of these members, may be empty */
    struct str params_json;  /* scalar parameters as an object, for the trace */
};

/*
 * Reads and checks a request body for a route: JSON within JSON_DEPTH_MAX, an object, a non-empty
 * string `model`, `stream` a boolean, no member weir reads occurring twice (a provider might read
 * the other one). Errors are for the caller: what, where, what was expected.
 */
MUST_CHECK int request_facts_read(enum route route, struct str body, struct arena *arena,
                                  struct request_facts *ret_facts, struct error *err);

/* How a body must be changed for one target. */
struct request_edit {
    struct str model;    /* the target's name for the model */
    bool inject_usage;   /* ask for usage in the stream */
};

/* Appends the edited body; without anything to change it is the same bytes. */
MUST_CHECK int request_edit_body(struct str body, const struct request_facts *facts,
                                 const struct request_edit *edit, struct buf *out,
                                 struct error *err);

enum provider_verdict {
    PROVIDER_PASS = 0, /* the event goes to the client as it is */
    PROVIDER_DROP,     /* the client did not ask for it */
    PROVIDER_REPLACE   /* `replacement` goes instead */
};

/* What is learnt from an answer, streamed or whole. */
struct answer_facts {
    struct usage usage;
    struct buf usage_raw;      /* the last usage object as it came */
    char model[128];           /* as returned */
    char finish_reason[64];
    char service_tier[32];
    char upstream_id[128];     /* the answer's id */
    bool terminal;             /* the stream said that it is complete */
    bool failed;               /* an error event came in the stream */
    char error_text[256];
    int64_t output_bytes;      /* text, tool arguments and reasoning delivered, for estimates */
    int64_t output_tokens_estimated; /* running estimate over the delivered text */
    int64_t sequence_number;   /* last of a responses stream; -1 */
};

#define ANSWER_USAGE_RAW_MAX (16u << 10)

void answer_facts_init(struct answer_facts *facts);
void answer_facts_release(struct answer_facts *facts);

struct provider {
    const char *name; /* "openai" */
    enum dialect dialect;
    /* Header lines ("name: value\r\n") that carry the API key and what the dialect demands; key may
     * be empty. `has_version`: the client sent its own anthropic-version. */
    void (*write_auth)(struct buf *out, struct str key, bool has_version);
    /* One event of a stream. `strip_usage`: weir asked for usage and the client did not.
     * `replacement` is cleared by the callee and filled for PROVIDER_REPLACE. */
    enum provider_verdict (*on_event)(enum route route, struct str event, struct str data,
                                      struct str raw, bool strip_usage, struct answer_facts *facts,
                                      struct buf *replacement);
    /* A whole, unstreamed answer (status 2xx). */
    void (*on_answer)(enum route route, struct str body, struct answer_facts *facts);
    /* A failed answer's message, for the trace: into `out` (n bytes), best effort. */
    void (*error_text)(struct str body, char *out, size_t n);
};

/* Ends with NULL. */
extern const struct provider *const provider_table[];
const struct provider *provider_find(struct str name);

extern const struct provider provider_openai;
extern const struct provider provider_anthropic;

#endif
