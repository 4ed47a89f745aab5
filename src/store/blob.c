#include "store/blob.h"

#include <zstd.h>

void blob_codec_init(struct blob_codec *codec)
{
    codec->compressor = NULL;
    codec->decompressor = NULL;
}

void blob_codec_release(struct blob_codec *codec)
{
    ZSTD_freeCCtx((ZSTD_CCtx *)codec->compressor);
    codec->compressor = NULL;
    ZSTD_freeDCtx((ZSTD_DCtx *)codec->decompressor);
    codec->decompressor = NULL;
}

void blob_name(struct str bytes, struct hash_sha256 *ret_name)
{
    hash_sha256(bytes, ret_name);
}

int blob_pack(struct blob_codec *codec, struct str bytes, struct buf *out, struct error *err)
{
    size_t room;
    size_t n;

    buf_clear(out);
    if (bytes.n > BLOB_BYTES_MAX) {
        return error_set(err, ERR_LIMIT, "content of %zu bytes is longer than %u", bytes.n,
                         BLOB_BYTES_MAX);
    }
    room = ZSTD_compressBound(bytes.n);
    if (buf_reserve(out, room) < 0) {
        return error_set(err, ERR_LIMIT, "content of %zu bytes does not fit", bytes.n);
    }
    if (!codec->compressor) {
        codec->compressor = ZSTD_createCCtx();
        BUG_ON(!codec->compressor); /* it allocates: out of memory */
        (void)ZSTD_CCtx_setParameter((ZSTD_CCtx *)codec->compressor, ZSTD_c_compressionLevel,
                                     BLOB_LEVEL);
        (void)ZSTD_CCtx_setParameter((ZSTD_CCtx *)codec->compressor, ZSTD_c_checksumFlag, 1);
    }
    n = ZSTD_compress2((ZSTD_CCtx *)codec->compressor, out->p, room, bytes.p, bytes.n);
    if (ZSTD_isError(n)) {
        return error_set(err, ERR_IO, "compressing %zu bytes: %s", bytes.n, ZSTD_getErrorName(n));
    }
    out->n = n;
    return 0;
}

/* The frame's bytes into out->p, which has room for them. */
static int unpack_frame(struct blob_codec *codec, struct str packed, size_t size, struct buf *out,
                        struct error *err)
{
    size_t n;

    if (!codec->decompressor) {
        codec->decompressor = ZSTD_createDCtx();
        BUG_ON(!codec->decompressor);
    }
    n = ZSTD_decompressDCtx((ZSTD_DCtx *)codec->decompressor, out->p, size, packed.p, packed.n);
    if (ZSTD_isError(n)) {
        return error_set(err, ERR_IO, "kept content is damaged: %s", ZSTD_getErrorName(n));
    }
    if (n != size) {
        return error_set(err, ERR_IO, "kept content is damaged: %zu bytes instead of %zu", n, size);
    }
    out->n = n;
    return 0;
}

int blob_unpack(struct blob_codec *codec, struct str packed, uint64_t size,
                const struct hash_sha256 *name, struct buf *out, struct error *err)
{
    struct hash_sha256 found;
    int rc;

    buf_clear(out);
    /* One byte more than is needed: a pointer to room for nothing must not be NULL. */
    if (size > BLOB_BYTES_MAX || buf_reserve(out, (size_t)size + 1) < 0) {
        return error_set(err, ERR_LIMIT, "kept content of %llu bytes is longer than allowed",
                         (unsigned long long)size);
    }
    rc = unpack_frame(codec, packed, (size_t)size, out, err);
    if (rc < 0) {
        return rc;
    }
    if (name) {
        blob_name(buf_str(out), &found);
        if (memcmp(found.bytes, name->bytes, sizeof(found.bytes)) != 0) {
            buf_clear(out);
            return error_set(err, ERR_IO, "kept content is damaged: it does not match its hash");
        }
    }
    return 0;
}
