#ifndef ENGINE_ADMISSION_H
#define ENGINE_ADMISSION_H

/*
 * One request's way through governor and ledger: reserved before it leaves, swapped when it goes
 * elsewhere, settled when it ends, whatever that end is.
 *
 * What is reserved: the input as estimated, the output that the client allows (else the key's
 * default), their price where a budget asks for it, one request at the provider, one place in each
 * concurrency. What stays charged: what was used; for an attempt whose outcome is unknown, all of
 * it.
 *
 * Lives in the exchange, on its loop; the snapshot is pinned as long.
 */
#include <stdbool.h>
#include <stdint.h>

#include "engine/governor.h"
#include "engine/ledger.h"
#include "engine/settings.h"
#include "llm/request.h"
#include "store/trace.h"

/* Of a caller without a key, and thus without a setting. */
#define ADMISSION_DEFAULT_OUTPUT 4096

enum admission_result {
    ADMISSION_OK = 0,
    ADMISSION_REFUSED,  /* by a limit: see the refusal */
    ADMISSION_UNPRICED, /* a budget holds and the model has no price */
    ADMISSION_NO_ROOM   /* the ledger cannot take it */
};

struct admission {
    struct governor *governor;
    struct ledger *ledger; /* NULL: no books are kept */
    const struct settings *settings;
    const struct settings_key *key; /* NULL without tenants */
    const struct route_info *route;
    const struct request_facts *facts; /* NULL on pass-through routes */
    struct reservation reservation;
    struct ledger_row row;
    struct applog_claim claim;
    struct settings_target target;       /* of the attempt under way */
    int64_t input_tokens, output_tokens; /* reserved for one attempt */
    /* Of former attempts that may have been billed. */
    int64_t kept_input, kept_output, kept_nanousd;
    bool open;
};

/* The first attempt. The trace gives id and time. */
enum admission_result admission_take(struct admission *a, const struct settings_target *target,
                                     const struct trace *trace, struct moment now,
                                     struct governor_refusal *ret_refusal);
/* Another attempt; `billed`: the former may have cost something. After REFUSED and UNPRICED all is
 * as it was before; after NO_ROOM the attempt must not leave all the same. */
enum admission_result admission_swap(struct admission *a, const struct settings_target *target,
                                     bool billed, struct moment now,
                                     struct governor_refusal *ret_refusal);
/* The end, after the trace was settled. `sent`: the last attempt reached a connection; `unknown`:
 * and nobody can tell whether it is billed. Does nothing when nothing is open. */
void admission_settle(struct admission *a, const struct trace *trace, bool sent, bool unknown,
                      struct moment now);

/* Output tokens that a provider must be told to stay within, since a budget is reserved for no more
 * and the client names no maximum; 0: nothing is to be told. NULL is nothing. */
int64_t admission_max_output(const struct admission *admission);

struct moment admission_now(void);

#endif
