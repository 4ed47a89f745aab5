#ifndef SIM_DIAL_H
#define SIM_DIAL_H

/*
 * The dials of the simulated provider: what a person may turn, in one table.
 *
 * To add a dial: (1) one row in DIAL_LIST; (2) its use, as `turn->dials->FIELD`. The row makes the
 * field of struct dials, the command line option --NAME, the key of a scenario's `dials` and `set`
 * mappings, the request header x-sim-NAME, the line in `weir sim -h` and the entry of
 * GET /sim/dials; the unit test of the table visits it by itself.
 *
 * A value is written as text everywhere, and read by dial_set with the same bounds and messages.
 * `struct dials` remembers which dials were set, so that layers of settings can be laid over each
 * other: defaults < scenario < command line < timeline < request.
 *
 * Ownership: plain values, nothing to release. DIAL_KIND_TEXT values are views into the text that
 * was given, which must live as long as the dials.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"
#include "policy/upstream_model.h"

enum dial_kind {
    DIAL_KIND_LAW = 0,  /* struct upstream_law: "lognormal:300,0.5" */
    DIAL_KIND_RATE,     /* double within 0..1 */
    DIAL_KIND_NUMBER,   /* double within min..max */
    DIAL_KIND_COUNT,    /* int64_t within min..max */
    DIAL_KIND_DURATION, /* int64_t milliseconds: "10s" */
    DIAL_KIND_ENUM,     /* int: index into names */
    DIAL_KIND_BOOL,     /* bool: true | false */
    DIAL_KIND_TEXT,     /* struct str */
    DIAL_KIND_FAULT     /* int: an enum dial_fault or an HTTP status */
};

/* Values of DIAL_KIND_FAULT besides the statuses 400..599. */
enum dial_fault {
    DIAL_FAULT_NONE = 0,
    DIAL_FAULT_BARE_429, /* 429 without Retry-After */
    DIAL_FAULT_TIMEOUT,  /* the request is taken and never answered */
    DIAL_FAULT_RESET     /* the connection is reset before an answer */
};

enum dial_usage {
    DIAL_USAGE_PRESENT = 0,
    DIAL_USAGE_ABSENT,
    DIAL_USAGE_NONEMPTY,
    DIAL_USAGE_EVERY
};

enum dial_tool_calls {
    DIAL_TOOLS_AUTO = 0,
    DIAL_TOOLS_NONE,
    DIAL_TOOLS_SINGLE,
    DIAL_TOOLS_PARALLEL
};

enum dial_thinking { DIAL_THINKING_AUTO = 0, DIAL_THINKING_ON, DIAL_THINKING_OFF };

enum dial_charge { DIAL_CHARGE_ACTUAL = 0, DIAL_CHARGE_ESTIMATE };

#define DIAL_TYPE_LAW      struct upstream_law
#define DIAL_TYPE_RATE     double
#define DIAL_TYPE_NUMBER   double
#define DIAL_TYPE_COUNT    int64_t
#define DIAL_TYPE_DURATION int64_t
#define DIAL_TYPE_ENUM     int
#define DIAL_TYPE_BOOL     bool
#define DIAL_TYPE_TEXT     struct str
#define DIAL_TYPE_FAULT    int

#define DIAL_TOKENS_MAX    32768 /* tokens of one answer */
#define DIAL_EVENTS_MAX    1000000
#define DIAL_LIMIT_MAX     UPSTREAM_LIMIT_MAX
#define DIAL_WINDOW_MS_MAX 86400000

/* X(id, field, name, kind, default, min, max, names, help); `names` belongs to DIAL_KIND_ENUM: the
 * values with '|' between them. */
/* clang-format off */
#define DIAL_LIST(X) \
    X(TTFT, ttft, "ttft", LAW, "constant:0", 0, 0, NULL, \
      "milliseconds until the first event") \
    X(ITL, itl, "itl", LAW, "constant:0", 0, 0, NULL, \
      "milliseconds between two tokens") \
    X(TPS, tps, "tps", NUMBER, "0", 0, 1000000, NULL, \
      "tokens per second; above 0 it replaces itl") \
    X(LENGTH, length, "length", LAW, "lognormal:60,0.5", 0, 0, NULL, \
      "tokens of an answer") \
    X(THINKING_LENGTH, thinking_length, "thinking-length", LAW, "lognormal:30,0.5", 0, 0, NULL, \
      "tokens thought before an answer, when there is thinking") \
    X(RPM, rpm, "rpm", COUNT, "0", 0, DIAL_LIMIT_MAX, NULL, \
      "requests per window; 0 is no limit") \
    X(INPUT_TPM, input_tpm, "input-tpm", COUNT, "0", 0, DIAL_LIMIT_MAX, NULL, \
      "input tokens per window; 0 is no limit") \
    X(OUTPUT_TPM, output_tpm, "output-tpm", COUNT, "0", 0, DIAL_LIMIT_MAX, NULL, \
      "output tokens per window; 0 is no limit") \
    X(OUTPUT_CHARGE, output_charge, "output-charge", ENUM, "actual", 0, 0, "actual|estimate", \
      "output tokens count when they were generated, or max_tokens counts at the start") \
    X(WINDOW_LAW, window_law, "window-law", ENUM, "refill", 0, 0, "fixed|sliding|refill", \
      "how a window forgets") \
    X(WINDOW, window, "window", DURATION, "60s", 1, DIAL_WINDOW_MS_MAX, NULL, \
      "length of a window") \
    X(ERROR_429, error_429, "error-429", RATE, "0", 0, 1, NULL, \
      "share of requests answered 429 with Retry-After") \
    X(ERROR_429_BARE, error_429_bare, "error-429-bare", RATE, "0", 0, 1, NULL, \
      "share of requests answered 429 without Retry-After") \
    X(ERROR_500, error_500, "error-500", RATE, "0", 0, 1, NULL, \
      "share of requests answered 500") \
    X(ERROR_503, error_503, "error-503", RATE, "0", 0, 1, NULL, \
      "share of requests answered 503") \
    X(ERROR_529, error_529, "error-529", RATE, "0", 0, 1, NULL, \
      "share of requests answered 529 (overloaded)") \
    X(ERROR_TIMEOUT, error_timeout, "error-timeout", RATE, "0", 0, 1, NULL, \
      "share of requests taken and never answered") \
    X(ERROR_RESET, error_reset, "error-reset", RATE, "0", 0, 1, NULL, \
      "share of requests whose connection is reset before an answer") \
    X(ERROR, error, "error", FAULT, "none", 0, 0, NULL, \
      "every request fails so: a status 400..599, 429-bare, timeout or reset") \
    X(RETRY_AFTER, retry_after, "retry-after", NUMBER, "0", 0, 86400, NULL, \
      "seconds in Retry-After; 0: what the window says, or 1") \
    X(ERROR_MID_STREAM, error_mid_stream, "error-mid-stream", COUNT, "0", 0, DIAL_EVENTS_MAX, NULL, \
      "a stream ends with an error event after that many events; 0 is never") \
    X(STALL_RATE, stall_rate, "stall-rate", RATE, "0", 0, 1, NULL, \
      "share of answers that stop in the middle and stay open") \
    X(STALL_AFTER, stall_after, "stall-after", COUNT, "0", 0, DIAL_EVENTS_MAX, NULL, \
      "events before a stall; without stall-rate every answer stalls; 0: somewhere") \
    X(CUT_RATE, cut_rate, "cut-rate", RATE, "0", 0, 1, NULL, \
      "share of answers whose connection is reset in the middle") \
    X(CUT_AFTER, cut_after, "cut-after", COUNT, "0", 0, DIAL_EVENTS_MAX, NULL, \
      "events before a cut; without cut-rate every answer is cut; 0: somewhere") \
    X(USAGE, usage, "usage", ENUM, "present", 0, 0, "present|absent|nonempty|every", \
      "where a stream reports usage: as asked, nowhere, on the last chunk with a choice, everywhere") \
    X(CACHED, cached, "cached", RATE, "0", 0, 1, NULL, \
      "share of the input tokens reported as read from the prompt cache") \
    X(TOOL_CALLS, tool_calls, "tool-calls", ENUM, "auto", 0, 0, "auto|none|single|parallel", \
      "tools called by an answer to a request that has tools") \
    X(JSON_MALFORMED, json_malformed, "json-malformed", RATE, "0", 0, 1, NULL, \
      "share of JSON answers and tool arguments that are not JSON") \
    X(THINKING, thinking, "thinking", ENUM, "auto", 0, 0, "auto|on|off", \
      "whether an answer thinks first: when asked, always, never") \
    X(TEXT, text, "text", TEXT, "", 0, 0, NULL, \
      "the text of every answer, instead of generated text") \
    X(ECHO, echo, "echo", BOOL, "false", 0, 0, NULL, \
      "answer with the last message of the user") \
    X(OBFUSCATION, obfuscation, "obfuscation", BOOL, "false", 0, 0, NULL, \
      "pad streamed events to hide their lengths, as the real ones do")
/* clang-format on */

#define DIAL_ID(id, field, name, kind, fallback, min, max, names, help) DIAL_##id,

enum dial_id { DIAL_LIST(DIAL_ID) DIAL_TOTAL };

#undef DIAL_ID

#define DIAL_MEMBER(id, field, name, kind, fallback, min, max, names, help) DIAL_TYPE_##kind field;

struct dials {
    DIAL_LIST(DIAL_MEMBER)
    uint64_t set; /* bit per dial: was set, not only defaulted */
};

#undef DIAL_MEMBER

struct dial {
    const char *name;
    enum dial_kind kind;
    size_t offset;
    size_t size;
    const char *fallback;
    double min, max;
    const char *names; /* DIAL_KIND_ENUM: "a|b|c" */
    const char *help;
};

/* By enum dial_id. */
extern const struct dial dial_table[DIAL_TOTAL];

/* Every dial at its default, none set. */
void dials_init(struct dials *dials);
/* Copies the dials that are set in `from`; they are set in `to` then. */
void dials_overlay(struct dials *to, const struct dials *from);

/* NULL when there is no such dial. */
const struct dial *dial_find(struct str name);
/* The known name nearest to a wrong one; empty when none is near. */
struct str dial_nearest(struct str name);

/* Reads a value. ERR_NOT_FOUND for an unknown name, ERR_INVALID for a bad value; *err says what was
 * expected. `dials` is untouched on failure. */
MUST_CHECK int dial_set(struct dials *dials, struct str name, struct str value, struct error *err);
/* Appends the current value as dial_set would read it. */
void dial_print(const struct dials *dials, const struct dial *dial, struct buf *out);
/* Appends a JSON array of all dials: name, kind, default, current value, bounds, help. */
void dials_write_json(const struct dials *dials, struct buf *out);

const char *dial_kind_name(enum dial_kind kind);

#endif
