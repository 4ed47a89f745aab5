#ifndef STORE_TRACE_H
#define STORE_TRACE_H

/*
 * A trace: the one wide, append-only row that records an attempt tree, from the client's first
 * byte to the last one sent back. No join is needed to read it.
 *
 * Times are wall milliseconds for `started_ms` and microseconds since the first byte for all
 * `*_us` phases; -1 = that phase was never reached. Counts of tokens are -1 when unknown. Money is
 * in nano-dollars (1e-9 USD), integer.
 *
 * A `struct trace` is filled by the loop that serves the request and handed to the store's writer
 * (store_submit), which takes it over. Its strings live in its own arena.
 *
 * To add a field: (1) the member here; (2) its row at the end of trace_fields, where older stores
 * do not have it (block.h). Reading, writing and the JSON form follow from the row.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/rand.h"
#include "core/str.h"

#define TRACE_ID_HEX                                                                               \
    32 /* 16 bytes, the first six a big-endian millisecond time; an OTel trace id */
#define TRACE_BODY_BYTES_MAX (256u << 20) /* of each body; who captures may stop earlier */

enum trace_capture {
    TRACE_CAPTURE_NONE = 0, /* neither content nor hashes */
    TRACE_CAPTURE_HASHES,   /* hashes of the content */
    TRACE_CAPTURE_REDACTED, /* those hashes, and the content without what looks like a secret */
    TRACE_CAPTURE_FULL      /* those hashes, and the content */
};

enum trace_usage_source { TRACE_USAGE_NONE = 0, TRACE_USAGE_PROVIDER, TRACE_USAGE_ESTIMATED };

enum trace_price_status {
    TRACE_UNPRICED = 0, /* tokens were or may have been used, and their cost is unknown */
    TRACE_PRICED,
    TRACE_NO_CHARGE /* nothing was billed: refused or failed before any token */
};

struct trace {
    struct arena arena; /* owns every str below */

    /* who and what */
    char id[TRACE_ID_HEX + 1];
    struct str parent, session, client_request_id;
    int64_t started_ms;
    struct str tenant, key_alias;
    struct str client; /* "127.0.0.1:4711" */
    struct str user_agent;
    struct str method, path; /* path without query */
    struct str dialect;      /* "openai" | "anthropic" */
    struct str route;        /* "chat", "messages", ... (llm/dialect.h) */

    /* what was decided */
    struct str model_asked, provider, model_routed, model_returned;
    bool stream;
    int attempts;
    struct str attempts_json; /* [{provider, model, key, status, error, start_us, end_us}] */
    struct str route_json;    /* why this target: {strategy, considered: [...]} */
    struct str params_json;   /* temperature, max_tokens, ... as sent */

    /* how it ended */
    int status;             /* sent to the client; 0 = nothing was sent */
    int upstream_status;    /* of the last attempt; 0 = no answer */
    struct str error_class; /* closed set: engine/outcome.h; empty = fine */
    struct str error_text;
    struct str cancelled_in; /* phase in which the client left, or empty */
    struct str finish_reason;
    struct str upstream_request_id;

    /* when, µs since the first byte of the request */
    int64_t received_us; /* request whole */
    int64_t routed_us;   /* decided, first attempt starts */
    int64_t sent_us;     /* last attempt: handed to a connection */
    int64_t head_us;     /* last attempt: head of the answer */
    int64_t first_us;    /* first body byte passed to the client */
    int64_t done_us;     /* all over */
    int64_t overhead_us; /* weir's own share: done - waiting for client and provider */

    /* how much */
    int64_t request_bytes, response_bytes, events;
    int64_t input_tokens;       /* all input, cached included */
    int64_t cached_tokens;      /* read from the provider's cache */
    int64_t cache_write_tokens; /* written to it, 5 minute class */
    int64_t cache_write_1h_tokens;
    int64_t output_tokens; /* reasoning included */
    int64_t reasoning_tokens;
    struct str usage_raw; /* the provider's object as it came */
    enum trace_usage_source usage_source;
    enum trace_price_status price_status;
    struct str price_version; /* catalogue version or "config" */
    struct str price_note;    /* why unpriced, or which tier applied */
    int64_t cost_nanousd;     /* valid when TRACE_PRICED */

    /* content; bodies as they were received from and sent to the client */
    enum trace_capture capture;
    struct buf request_body; /* when read back: as kept; empty when nothing is kept any more */
    struct buf response_body;
    bool response_truncated; /* longer than the capture limit */

    /* The writer fills these: SHA-256 in hex, empty = none. The hashes are those of the content as
     * it was; the blobs name what is kept of it, which differs when it was redacted. */
    char request_hash[65], response_hash[65];
    char system_hash[65], tools_hash[65], messages_hash[65];
    char request_blob[65], response_blob[65];
};

/* All unknowns set, buffers and arena ready. Nothing is billed until settling says otherwise: a
 * request that is refused before any call is TRACE_NO_CHARGE. */
struct trace *trace_new(void);
/* A copy, without the bodies. */
struct trace *trace_clone(const struct trace *trace);
/* Accepts NULL. */
void trace_free(struct trace *trace);
/* More of the answer has gone to the client: counted, and kept up to `max` bytes. */
void trace_add_response(struct trace *trace, struct str bytes, size_t max);
/* Memory held, roughly: what the store's ring counts. */
size_t trace_bytes(const struct trace *trace);

/* A new id at this wall time; out holds TRACE_ID_HEX + 1. An id must be unlike any other, not hard
 * to guess: who makes many brings a generator, which NULL replaces by a system call. */
void trace_make_id(struct rand_state *rand, int64_t wall_ms, char *out);

const char *trace_capture_name(enum trace_capture capture);
const char *trace_usage_source_name(enum trace_usage_source source);
const char *trace_price_status_name(enum trace_price_status status);

/* Nano-dollars as a person reads them, exact: "$0.000123", "$12.50", "-$1.00"; at least two and at
 * most nine decimals. out holds TRACE_MONEY_MAX bytes and is returned. */
#define TRACE_MONEY_MAX 32
const char *trace_money(int64_t nanousd, char *out);

/* ---- the fields as a table: columns of the store, members of the JSON form ---- */

enum trace_type {
    TRACE_TYPE_ID,      /* char[TRACE_ID_HEX + 1] */
    TRACE_TYPE_STR,     /* struct str; empty is null */
    TRACE_TYPE_JSON,    /* struct str that holds JSON as it came; empty is null */
    TRACE_TYPE_I64,     /* int64_t */
    TRACE_TYPE_UNKNOWN, /* int64_t; -1, unknown, is null */
    TRACE_TYPE_COST,    /* int64_t; null unless priced */
    TRACE_TYPE_INT,     /* int */
    TRACE_TYPE_BOOL,    /* bool; 0 or 1 */
    TRACE_TYPE_CAPTURE, /* the enums: their names */
    TRACE_TYPE_USAGE_SOURCE,
    TRACE_TYPE_PRICE_STATUS,
    TRACE_TYPE_HASH /* char[65]; 32 bytes; empty is null */
};

struct trace_field {
    const char *name;
    enum trace_type type;
    size_t offset;
};

/* Everything but the bodies; ends with .name == NULL. The order and the types are those of what is
 * stored: they stay, and new ones go to the end. */
extern const struct trace_field trace_fields[];
#define TRACE_FIELDS_MAX 96

enum trace_value_kind {
    TRACE_VALUE_NULL = 0,
    TRACE_VALUE_I64,
    TRACE_VALUE_TEXT,
    TRACE_VALUE_BYTES
};

struct trace_value {
    enum trace_value_kind kind;
    int64_t i64;
    struct str text;         /* TEXT: a view */
    unsigned char bytes[32]; /* BYTES */
};

/* Views in *ret_value live as long as the trace does not change. */
void trace_get(const struct trace *trace, const struct trace_field *field,
               struct trace_value *ret_value);
/* Copies text into the trace's arena. A value that does not fit the field leaves it as it was. */
void trace_set(struct trace *trace, const struct trace_field *field,
               const struct trace_value *value);

/* Appends the trace as one JSON object on one line: every field of the table, nulls left out;
 * JSON fields as JSON (as a string when they are not valid), hashes in hex. No bodies. */
void trace_write_json(const struct trace *trace, struct buf *out);

#endif
