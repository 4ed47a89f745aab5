#ifndef LLM_PROVIDER_H
#define LLM_PROVIDER_H

/*
 * A provider dialect: bytes in, bytes out. Adapters never touch sockets, keys' storage or policy.
 *
 * To add a provider: (1) write provider_<name>.c with one `const struct provider`; (2) add its row
 * to provider_table in provider.c and its name to settings_dialect_names (engine/settings_keys.c);
 * (3) add its dialect or reuse one in dialect.h; (4) where it speaks an API of its own, add that as
 * a wire (wire.h), so that clients of every other dialect reach it; (5) add recorded streams to
 * tests/unit/llm/provider_<name>_test.c. A vendor that speaks another's API with deviations is no
 * provider of its own but a row in quirk.c.
 *
 * Requests are edited by splicing (request.h): everything that is not edited stays byte for byte.
 * Streams are read event by event; the adapter says for each whether it passes, is dropped, or is
 * replaced, and notes what it learns (answer.h).
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "core/str.h"
#include "llm/answer.h"
#include "llm/dialect.h"
#include "llm/request.h"
#include "llm/usage.h"

struct wire;

enum provider_verdict {
    PROVIDER_PASS = 0, /* the event goes to the client as it is */
    PROVIDER_DROP,     /* the client did not ask for it */
    PROVIDER_REPLACE   /* `replacement` goes instead */
};

/* Which resource a call is for. */
struct provider_place {
    enum route route;       /* as the provider sees it: of its wire when the call is translated */
    struct str base;        /* path of base_url; no slash at the end */
    struct str path, query; /* as the client asked, or the wire's own path when translated */
    struct str model;       /* the provider's name for it; empty on pass-through routes */
    struct str api_version; /* as configured, may be empty */
    bool stream;
};

struct provider {
    const char *name; /* "openai" */
    enum dialect dialect;
    const struct wire *wire; /* what it speaks to clients of other dialects; NULL = nothing */
    /* Appends the target of the request line: base, path behind it, query. */
    void (*write_path)(struct buf *out, const struct provider_place *place);
    /* Header lines ("name: value\r\n") that carry the API key and what the dialect demands; key may
     * be empty. `has_version`: the client sent its own anthropic-version. A key that holds a
     * control character is not written: it could not be told from further header lines. */
    void (*write_auth)(struct buf *out, struct str key, bool has_version);
    /* One event of a stream, as net/sse.h cuts it. `strip_usage`: weir asked for usage and the
     * client did not. `replacement` is cleared by the callee and filled for PROVIDER_REPLACE. */
    enum provider_verdict (*on_event)(enum route route, struct str event, struct str data,
                                      struct str raw, bool strip_usage, struct answer_facts *facts,
                                      struct buf *replacement);
    /* A whole, unstreamed answer (status 2xx); through provider_read_answer. Reading the same
     * body again into the same facts adds nothing but the sums of text. */
    void (*on_answer)(enum route route, struct str body, struct answer_facts *facts);
    /* A failed answer's message, for the trace: into `out` (n bytes, n >= 1), best effort. */
    void (*error_text)(struct str body, char *out, size_t n);
};

/* Ends with NULL. */
extern const struct provider *const provider_table[];
const struct provider *provider_find(struct str name);

/* Reads a whole answer. Its text is weighed only when the answer does not say what it used, which
 * is what the estimate is for. */
void provider_read_answer(const struct provider *p, enum route route, struct str body,
                          struct answer_facts *facts);

extern const struct provider provider_openai;
extern const struct provider provider_anthropic;
extern const struct provider provider_azure;
extern const struct provider provider_gemini;

/* For adapters. */

/* The message in a failed answer of either dialect, or the start of a body that is no JSON. */
void provider_error_text(struct str body, char *out, size_t n);
/* Appends "name: <prefix><key>\r\n" unless the key is empty or unfit for a header. */
void provider_write_key(struct buf *out, const char *name_and_prefix, struct str key);
/* "/v1/chat/completions" without its "/v1"; other paths as they are. */
struct str provider_behind_version(struct str path);
/* Appends one segment of a path; what could end or change it is percent-encoded. */
void provider_put_segment(struct buf *out, struct str segment);
/* Appends '?' or '&' and the query, unless it is empty. */
void provider_put_query(struct buf *out, char separator, struct str query);

#endif
