#ifndef CORE_BASE64_H
#define CORE_BASE64_H

/*
 * Base64 (RFC 4648 section 4), with padding.
 */
#include "core/attr.h"
#include "core/buf.h"
#include "core/str.h"

/* Appends the bytes' base64. */
void base64_put(struct buf *out, struct str bytes);
/* Appends the bytes that `text` stands for; padding may be missing. ERR_INVALID when it is no
 * base64 (what was appended until then stays), ERR_LIMIT when `out` is full. */
MUST_CHECK int base64_decode(struct str text, struct buf *out);

#endif
