#ifndef SIM_SIM_PATTERN_H
#define SIM_SIM_PATTERN_H

/*
 * Strings that match a regular expression, for schemas with `pattern`.
 *
 * Understood: literals, escapes (\d \w \s and punctuation), classes with ranges and negation, the
 * dot, groups with alternatives, and the quantifiers * + ? {n} {n,} {n,m}. Look-around, back
 * references and Unicode properties are not: the pattern counts as unsupported then.
 */
#include <stdbool.h>

#include "core/buf.h"
#include "core/rand.h"
#include "core/str.h"

#define SIM_PATTERN_DEPTH_MAX  16
#define SIM_PATTERN_BYTES_MAX  512 /* of one generated string */
#define SIM_PATTERN_REPEAT_MAX 64

/* Appends a string that matches the whole pattern; false when unsupported, with nothing appended
 * that the caller should keep. */
bool sim_pattern_write(struct str pattern, struct rand_state *rand, struct buf *out);

#endif
