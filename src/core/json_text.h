#ifndef CORE_JSON_TEXT_H
#define CORE_JSON_TEXT_H

/*
 * The bytes between the quotes of a JSON string, checked as RFC 8259 wants them: no control byte,
 * well-formed UTF-8, known escapes, surrogates in pairs. Nothing is decoded or copied. Most of what
 * passes through weir stands in strings, so they are looked at eight bytes at a time.
 */
#include <stddef.h>

#include "core/str.h"

/* Bytes at the start of s that a string may hold as they are: up to the first control byte, quote,
 * backslash or broken character. */
size_t json_text_plain(struct str s);

/* Bytes of the escape at the start of s (a backslash); 0 when it is none or not whole. A pair of
 * surrogates is one escape. */
size_t json_text_escape(struct str s);

/* Behind the closing quote of the string whose first byte (after the opening quote) is text.p[at];
 * 0 when it does not end or holds what no string may. */
size_t json_text_end(struct str text, size_t at);

#endif
