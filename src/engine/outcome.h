#ifndef ENGINE_OUTCOME_H
#define ENGINE_OUTCOME_H

/*
 * How a call can end: a closed set of classes, each with whose fault it was. Traces, metrics and
 * answers all use these names.
 */
#include <stdbool.h>

#include "core/error.h"

enum outcome {
    OUTCOME_OK = 0,
    OUTCOME_CALLER_INVALID,       /* the request is wrong */
    OUTCOME_CALLER_TOO_LARGE,     /* body or head over the limit */
    OUTCOME_CALLER_SLOW,          /* the request or the reading of the answer took too long */
    OUTCOME_CALLER_UNAUTHORIZED,  /* no key, wrong key, expired key */
    OUTCOME_CALLER_FORBIDDEN,     /* the key may not do this */
    OUTCOME_CALLER_UNKNOWN,       /* unknown path or model */
    OUTCOME_CALLER_UNSUPPORTED,   /* asks for what no target has a word for */
    OUTCOME_CALLER_CANCELLED,     /* left before the answer was complete */
    OUTCOME_CALLER_RATE,          /* a limit of the caller's */
    OUTCOME_CALLER_BUDGET,        /* the caller's money is spent */
    OUTCOME_PROVIDER_LIMIT,       /* the limit that weir was given for a provider */
    OUTCOME_PROVIDER_REJECTED,    /* a 4xx that is about the request */
    OUTCOME_PROVIDER_KEY,         /* 401, 402, 403: about weir's own key */
    OUTCOME_PROVIDER_RATE,        /* 429 */
    OUTCOME_PROVIDER_OVERLOADED,  /* 503, 529 */
    OUTCOME_PROVIDER_ERROR,       /* other 5xx */
    OUTCOME_PROVIDER_TIMEOUT,     /* 408, 504, or no answer in time */
    OUTCOME_PROVIDER_UNREACHABLE, /* no connection, or a certificate that is not trusted */
    OUTCOME_PROVIDER_CUT,         /* broke off: connection lost, or a stream without its end */
    OUTCOME_PROVIDER_NONSENSE,    /* no HTTP, or not what was asked for */
    OUTCOME_WEIR_BUSY,            /* a limit of weir's own */
    OUTCOME_COUNT
};

struct outcome_info {
    const char *name;
    int status;         /* for the client, where weir words the answer itself */
    bool try_elsewhere; /* another target may do better */
};

extern const struct outcome_info outcome_table[OUTCOME_COUNT];

/* A provider's status (not 2xx) as a class. */
enum outcome outcome_of_status(int status);
/* Passed on, a redirect would send the client past weir, with its virtual key. */
bool outcome_is_redirect(int status);
/* A failed exchange as a class. */
enum outcome outcome_of_error(enum err code, bool answered);

#endif
