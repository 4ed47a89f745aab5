#ifndef STORE_LEDGER_ROW_H
#define STORE_LEDGER_ROW_H

/*
 * A row of the ledger: what one request reserved and what it was charged in the end; and its two
 * packed forms in the ledger's log.
 *
 * A request is written as OPEN before its first attempt leaves, again with larger sums before each
 * further one, and as SETTLED when it ends. One that a dead process left open is closed as ORPHANED
 * at the next start, charged in full. Tokens and money that are charged are sums over the attempts;
 * an attempt whose outcome is unknown counts with all it had reserved.
 *
 * The packed form is for the machine that wrote it: its own byte order.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/buf.h"
#include "core/str.h"

#define LEDGER_ID_BYTES 16
/* Longer texts are cut (names), or left out (usage: half of an object says nothing). */
#define LEDGER_NAME_MAX  128
#define LEDGER_USAGE_MAX 512

enum ledger_state { LEDGER_OPEN = 0, LEDGER_SETTLED, LEDGER_ORPHANED };

enum ledger_flags {
    LEDGER_ESTIMATED = 1 << 0, /* tokens are estimated, not reported */
    LEDGER_UNPRICED = 1 << 1,  /* the cost is unknown and not in cost_nanousd */
    LEDGER_FULL = 1 << 2,      /* an unknown outcome, charged with all that was reserved */
    LEDGER_CANCELLED = 1 << 3  /* the client left */
};

/* Everything of a row but its texts, as it stands in the log. OPEN ends before settled_ms. */
struct ledger_numbers {
    unsigned char id[LEDGER_ID_BYTES]; /* of the trace */
    uint8_t state, flags;
    uint16_t attempts;
    uint32_t reserved_for_ms; /* after that no such call can be alive */
    int64_t started_ms;
    int64_t reserved_input, reserved_output, reserved_nanousd;
    int64_t settled_ms;
    int64_t input_tokens, output_tokens; /* charged */
    int64_t cost_nanousd;
    /* As the provider reported them of the last attempt, -1 = not: what a price goes by. */
    int64_t cached_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens;
};

enum ledger_text {
    LEDGER_TENANT = 0,
    LEDGER_KEY,
    LEDGER_PROVIDER,
    LEDGER_MODEL,
    LEDGER_PRICE_VERSION, /* these two not of OPEN */
    LEDGER_USAGE,
    LEDGER_TEXTS
};

struct ledger_row {
    struct ledger_numbers numbers;
    struct str texts[LEDGER_TEXTS]; /* views; empty = none */
};

/* The longest packed row. */
#define LEDGER_PACKED_MAX                                                                          \
    (sizeof(struct ledger_numbers) + LEDGER_TEXTS * (2 + LEDGER_NAME_MAX) + LEDGER_USAGE_MAX)

/* Writes the packed form to out, which holds LEDGER_PACKED_MAX bytes; returns its length. */
size_t ledger_row_pack(const struct ledger_row *row, char *out);
/* Upper bound of a row's packed length once it is settled, whatever it used. */
size_t ledger_row_settled_bytes(const struct ledger_row *row);
/* Views into `packed`. 0 or ERR_INVALID. */
MUST_CHECK int ledger_row_unpack(struct str packed, struct ledger_row *ret_row);

const char *ledger_state_name(enum ledger_state state); /* "open", "settled", "orphaned" */

#endif
