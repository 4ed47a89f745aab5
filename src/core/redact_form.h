#ifndef CORE_REDACT_FORM_H
#define CORE_REDACT_FORM_H

/*
 * The forms that secrets and personal data have in text: one matcher a form, rows of the table in
 * core/redact.c. A matcher is asked at a byte that may belong to a hit, looks a bounded way around
 * it (or along a token that starts there, once), and reads no state.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/str.h"

struct redact_rule;

/* Never empty. */
struct redact_span {
    size_t start, end;
};

/* Is there a hit around text[at]? Its span starts at `floor` (the end of the former hit) or later.
 * `rule` is the row that asks: its prefix and tail_min. */
typedef bool redact_form_fn(const struct redact_rule *rule, struct str text, size_t floor,
                            size_t at, struct redact_span *ret_span);

/* Is a word or key (letters, digits, "_", "-") going on at a place? The letter of an escape ("\n"
 * in JSON that stands in a string) does not count as one. */
bool redact_form_inside_word(struct str text, size_t at);

/* Keys and tokens: to be asked only where no word is going on. */
redact_form_fn redact_form_prefix; /* rule->prefix, tail_min token bytes or more, a digit */
redact_form_fn redact_form_aws;    /* AKIA or ASIA and 16 capitals or digits */
redact_form_fn redact_form_github; /* ghp_ and relatives, 36 characters */
redact_form_fn redact_form_slack;  /* xoxb- and relatives */
redact_form_fn redact_form_jwt;    /* three base64url parts, the first a JSON object */
redact_form_fn redact_form_pem;    /* private keys; without an END line as far as it looks so */
redact_form_fn redact_form_bearer; /* what follows rule->prefix; tail_min bytes are enough */

/* Secrets by the place where they stand. */
redact_form_fn redact_form_assignment;   /* the value of a name that says so, at its = or : */
redact_form_fn redact_form_url_password; /* scheme://user:PASSWORD@host */

/* People. Card, IBAN and SSN only where no word is going on. */
redact_form_fn redact_form_email; /* at its @ */
redact_form_fn redact_form_card;  /* 13 to 19 digits, Luhn */
redact_form_fn redact_form_iban;  /* 15 to 34 characters, mod 97 */
redact_form_fn redact_form_ssn;   /* ddd-dd-dddd */
redact_form_fn redact_form_phone; /* at its + */

/* Does the name of a setting, variable or JSON member say that its value is a secret? */
bool redact_form_names_secret(struct str name);

#endif
