#ifndef CMD_SECRET_H
#define CMD_SECRET_H

/*
 * Secrets of virtual keys: made here, digested here, kept nowhere.
 *
 * A secret is "sk-weir-" and 32 random bytes in base64url. The configuration holds the SHA-256 of
 * the whole text.
 */
#include <stddef.h>

#include "core/attr.h"
#include "core/error.h"
#include "core/hash.h"

#define SECRET_PREFIX       "sk-weir-"
#define SECRET_RANDOM_BYTES 32
#define SECRET_TEXT_BYTES   (sizeof(SECRET_PREFIX) - 1 + 43) /* without NUL */
#define SECRET_LINE_MAX     4096                             /* of one that is read */

struct secret {
    char text[SECRET_TEXT_BYTES + 1];
    char sha256[HASH_SHA256_HEX + 1];
};

/* A new one; mem_wipe it after use. */
void secret_make(struct secret *ret_secret);

/* Digests one line from standard input, spaces around it aside; a terminal does not show what is
 * typed. `hex` holds HASH_SHA256_HEX + 1. ERR_INVALID when there is no line, or too long a one. */
MUST_CHECK int secret_digest_input(char *hex, struct error *err);

/* Base64url without padding of n bytes; out holds n * 4 / 3 + 2. */
void secret_base64url(const unsigned char *bytes, size_t n, char *out);

#endif
