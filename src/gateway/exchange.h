#ifndef GATEWAY_EXCHANGE_H
#define GATEWAY_EXCHANGE_H

/*
 * One request of an application on its way through the gateway: what the phases know of it.
 *
 * It lives in the request's arena, from exchange_start to the moment its answer is complete, the
 * client has left, or the connection was cut; each of the three ends in account(), which completes
 * the trace, counts and submits it. The configuration is pinned for that time.
 */
#include <stdbool.h>

#include "engine/admission.h"
#include "engine/call.h"
#include "engine/outcome.h"
#include "engine/settings.h"
#include "gateway/worker.h"
#include "llm/dialect.h"
#include "llm/request.h"
#include "net/server.h"
#include "net/timer.h"
#include "store/trace.h"

struct exchange_refusal {
    int status;
    enum outcome outcome;
    const char *code;  /* OpenAI `code`, may be NULL */
    const char *param; /* OpenAI `param`, may be NULL */
    const char *allow; /* for 405 */
    const char *type;  /* NULL: by status and code */
    bool no_retry;     /* it cannot succeed, or not today */
    bool limited;      /* by a limit: see gateway/limit.h */
    int64_t wait_us;   /* until it may be tried again; 0 = not known */
    char message[ERROR_TEXT_MAX];
};

struct exchange {
    struct worker *worker;
    struct server_request *request;
    struct settings *settings;
    enum dialect dialect;           /* to word answers in */
    const struct route_info *route; /* NULL until known */
    const struct passthrough_kind *kind;
    const struct settings_key *key; /* NULL without tenants */
    struct request_facts facts;
    bool has_facts;
    const struct settings_model *model;
    struct settings_target targets[SETTINGS_TARGETS_MAX];
    size_t target_count;
    bool key_is_pinned; /* see struct call_request */
    int pinned_key;
    struct trace *trace; /* NULL until the caller is known */
    struct admission admission;
    struct call *call;
    struct exchange_refusal refusal;
    bool started;   /* the answer's head is out */
    bool streaming; /* and is an event stream */
    bool paused;
    struct timer stall;
    struct exchange *prev, *next; /* of the worker's list */
};

/* Called by the worker's server. */
void exchange_start(struct worker *worker, struct server_request *request);
void exchange_gone(struct server_request *request);
void exchange_drained(struct server_request *request);

/* Sets the refusal; returns PHASE_FAIL for `return exchange_refuse(...)`. */
int exchange_refuse(struct exchange *x, enum outcome outcome, const char *code, const char *param,
                    const char *format, ...) PRINTF_LIKE(5, 6);

/* How the answer of a call comes back; for the call phase. */
extern const struct call_events exchange_call_events;

/* Answers that weir gives itself; the exchange is over afterwards. */
void exchange_reply(struct exchange *x, int status, const char *type, struct str body);

#endif
