#ifndef STORE_BLOCK_H
#define STORE_BLOCK_H

/*
 * A block: the rows of many traces packed into one value, because a database that gets a wide row
 * for each trace spends most of its time on columns.
 *
 * A block holds traces that began within the same BLOCK_SPAN_MS (by their time and by their id),
 * so that a reader who looks for a time or an id knows which few blocks can hold it. Within it
 * each row says only what differs from the row before.
 *
 * Bytes: "wb", version 1, the number of fields and of rows (varints), the rows, and 8 bytes of
 * checksum (SipHash with a fixed key, little endian: against damage, not against forgers). A row
 * is a bitmap of the fields that differ from the row before (the first: from an empty trace), in
 * the order of trace_fields, and then the value of each:
 *
 *   text, JSON   how much of the former value's head and tail stays, the length of what stands
 *                between them (three varints), those bytes
 *   numbers      the difference (zigzag varint), modulo 2^64; of enums, the number itself
 *   id           16 bytes
 *   hash         a byte 0 = none, or a byte 1 and 32 bytes
 *
 * A block written when there were fewer fields is read: the others are unknown in it. That is why
 * fields are added at the end of trace_fields only, and why the numbers of the enums stay.
 *
 * A reader is given bytes of a file that may be damaged: every length is checked.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"
#include "store/trace.h"

#define BLOCK_ROWS_MAX      256
#define BLOCK_BYTES_AIM     (256u << 10) /* no further row once it has that much */
#define BLOCK_CONTENT_BYTES (1u << 20)   /* nor once the bodies of its rows have that much */
#define BLOCK_BYTES_MAX     (64u << 20)  /* a row that needs more cannot be written */
#define BLOCK_SPAN_MS       4096
/* Ids of a block share this many digits: the time in them, but for its last 12 bits. */
#define BLOCK_ID_SHARED 9

struct block {
    int64_t first_ms, last_ms; /* the least and the greatest started_ms */
    char first_id[TRACE_ID_HEX + 1];
    char last_id[TRACE_ID_HEX + 1];
    size_t rows;
    struct buf bytes;
};

void block_init(struct block *block);
void block_release(struct block *block);

/* Packs the first trace that is not `taken`, and of those behind it what fits into the same block,
 * in their order; marks them as taken. False when all were taken before. A trace without a
 * proper id, or too large, is marked as taken and counted in *ret_bad, and not in the block, which
 * may then have no rows. */
bool block_pack(struct block *block, struct trace *const *traces, bool *taken, size_t n,
                size_t *ret_bad);

/* Packs all of them, at most BLOCK_ROWS_MAX; for rows that were one group before. False when a row
 * cannot be packed. */
MUST_CHECK bool block_pack_all(struct block *block, struct trace *const *traces, size_t n);

/* The start of the span that a time lies in; floor, for times before 1970 too. */
int64_t block_span_start(int64_t ms);

struct block_reader {
    /* private */
    struct trace *row;
    struct buf values[TRACE_FIELDS_MAX]; /* what the row's strings view */
    struct str rest;
    size_t fields, rows_left;
};

void block_reader_init(struct block_reader *reader);
void block_reader_release(struct block_reader *reader);
/* From the start of this block, which must live as long as it is read. ERR_INVALID when it is
 * none, or not whole. */
MUST_CHECK int block_reader_start(struct block_reader *reader, struct str bytes, struct error *err);
/* 1: *ret_row is the next, valid until the next call; it has no bodies. 0: there is none.
 * ERR_INVALID: damaged. */
MUST_CHECK int block_reader_next(struct block_reader *reader, const struct trace **ret_row,
                                 struct error *err);

/* The checksum of a block's bytes without their last BLOCK_CHECK_BYTES: for tests. */
#define BLOCK_CHECK_BYTES 8
uint64_t block_check(struct str bytes);

#endif
