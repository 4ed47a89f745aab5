#ifndef STORE_BLOB_H
#define STORE_BLOB_H

/*
 * Content addressed bytes: the name is the SHA-256 of the bytes, what is kept is one zstd frame.
 *
 * Unpacking trusts nothing: the size is said by the caller, bounded by BLOB_BYTES_MAX, and the
 * result must have that size and, when asked, that name. A frame cannot make more memory be used
 * than the size that was said.
 *
 * Ownership: a codec holds compression state for reuse; it belongs to one thread.
 */
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/hash.h"
#include "core/str.h"

#define BLOB_BYTES_MAX        (256u << 20) /* before compression */
#define BLOB_PACKED_BYTES_MAX (BLOB_BYTES_MAX + (BLOB_BYTES_MAX >> 7) + 1024)
#define BLOB_LEVEL            3 /* of zstd: beyond this, JSON gets little smaller and much slower */

struct blob_codec {
    /* private */
    void *compressor;
    void *decompressor;
};

void blob_codec_init(struct blob_codec *codec);
void blob_codec_release(struct blob_codec *codec);

/* The name of these bytes. */
void blob_name(struct str bytes, struct hash_sha256 *ret_name);

/* Puts the packed bytes into `out`, which is cleared first and must have a maximum of
 * BLOB_PACKED_BYTES_MAX. ERR_LIMIT when there are more than BLOB_BYTES_MAX. */
MUST_CHECK int blob_pack(struct blob_codec *codec, struct str bytes, struct buf *out,
                         struct error *err);

/* Puts the `size` bytes that `packed` stands for into `out`, which is cleared first. ERR_LIMIT
 * when size or out's maximum says so, ERR_IO when the frame is damaged, of another size or, with
 * `name` not NULL, of other content. `out` is empty then. */
MUST_CHECK int blob_unpack(struct blob_codec *codec, struct str packed, uint64_t size,
                           const struct hash_sha256 *name, struct buf *out, struct error *err);

#endif
