#ifndef CORE_REDACT_H
#define CORE_REDACT_H

/*
 * Masks secrets and personal data in text, for the capture level `redacted`: provider keys,
 * tokens, private keys, passwords, e-mail addresses, card numbers, IBANs and so on. Each hit is
 * replaced by "[redacted:<id>]"; everything else stays byte for byte.
 *
 * The rules stand in one table with an example that each must mask and one that it must leave.
 * They know forms, not meanings: names, addresses and secrets without a form are not found, nor
 * what a stream cuts into pieces. Time is linear in the length of the text.
 */
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/buf.h"
#include "core/redact_form.h"
#include "core/str.h"

/* Rules fit the bits of one word. */
#define REDACT_RULES_MAX 32

struct redact_rule {
    const char *id;       /* also in the mask */
    const char *help;     /* what it finds, for the documentation */
    const char *triggers; /* bytes at which `match` is asked */
    bool word_start;      /* and only where no word or token is going on */
    redact_form_fn *match;
    const char *prefix;  /* NULL where match knows what to look for */
    size_t tail_min;     /* bytes that must follow the prefix */
    const char *example; /* holds one hit */
    const char *counter; /* looks like it, holds none */
};

/* The table; *ret_count rows in the order in which they are tried. */
const struct redact_rule *redact_rules(size_t *ret_count);

/* Hits by row of the table. */
struct redact_counts {
    uint32_t by_rule[REDACT_RULES_MAX];
    uint32_t total;
};

/* Appends `in` with its hits masked. Counts are added to *counts (may be NULL). Whether all
 * fitted, buf_ok(out) tells. */
void redact_text(struct str in, struct buf *out, struct redact_counts *counts);

/*
 * The same for JSON, several documents or an event stream of JSON: only what string values mean
 * (their escapes decoded) is looked at and masked, so valid JSON stays valid. A string without a
 * hit keeps its bytes. Where the key names a secret ("password", "api_key"), the whole string
 * goes. Keys and what stands outside strings are not changed; a string that is cut off at the end
 * is treated like a whole one.
 */
void redact_json(struct str in, struct buf *out, struct redact_counts *counts);

#endif
