#ifndef ENGINE_ATTEMPT_H
#define ENGINE_ATTEMPT_H

/*
 * One attempt of a call as it is told in a trace: a member of the list attempts_json. A target that
 * could not be told the request is listed too, with the reason, although nothing was sent to it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "engine/outcome.h"
#include "engine/settings.h"
#include "llm/wire.h"

struct attempt {
    const struct settings_target *target;
    const struct settings_api_key *key; /* NULL = none */
    bool was_made;                      /* the members up to end_us hold */
    int status;                         /* of its answer; 0 = none came */
    int64_t start_us, end_us;           /* since the request began */
    const struct wire *wire;            /* what it was translated to; NULL = nothing */
    const struct message_notes *notes;  /* with wire */
    enum outcome outcome;
    const char *text; /* why it failed; with an outcome other than OUTCOME_OK */
};

/* Appends "[{...}" or ",{...}"; the caller closes the list. */
void attempt_write(const struct attempt *attempt, struct buf *out);

/* Why a provider's refusal is one, for client and trace: `said` is its own message. Into out (n
 * bytes, n >= 1). */
void attempt_explain(const struct settings_provider *provider, int status, const char *said,
                     char *out, size_t n);
/* The `code` that SDKs look for to shorten a conversation and try again, where a vendor says it in
 * words only; NULL for any other message. */
const char *attempt_code_of(const char *message);

#endif
