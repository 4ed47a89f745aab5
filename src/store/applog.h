#ifndef STORE_APPLOG_H
#define STORE_APPLOG_H

/*
 * An append-only log of records in segment files: what is appended survives the process from the
 * moment the call returns, without a system call.
 *
 * A segment is a file whose blocks are allocated when it is made and that is mapped into memory:
 * appending copies into the page cache, which outlives a killed process, and a full disk is met
 * when a segment is made, never by a record. A record is length, CRC-32C and bytes; the first one
 * that is not whole ends its segment, so a torn tail costs that record only. A thread of the log
 * makes the next segment ahead of time, syncs to the disk every APPLOG_SYNC_MS (what a loss of
 * power may cost) and takes segments that are done with for new ones: memory that is mapped already
 * costs no faults. So that what an earlier use has left in it is no record, a record's CRC is of
 * its segment's number too.
 *
 * Room is claimed before it is needed: an append may claim bytes for a record that will follow it,
 * so that the second never fails. When no room is left (disk full, too many segments), appends that
 * were not claimed for are refused with ERR_BUSY.
 *
 * A segment is done with when it has been read to its end and nobody holds it: each append that
 * claims also holds its segment, until the claim is used.
 *
 * One process at a time: the folder is locked. Any thread may append; one reads.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/error.h"
#include "core/str.h"

#define APPLOG_SEGMENT_BYTES (1u << 20)
#define APPLOG_SEGMENTS_MAX  4096
#define APPLOG_AHEAD_MAX     32   /* segments made before they are needed */
#define APPLOG_RECORD_MAX    4096 /* bytes of one record */
#define APPLOG_SYNC_MS       100
#define APPLOG_HEAD_BYTES    8 /* of a record: length and CRC */

struct applog;

struct applog_options {
    const char *dir;      /* made when missing, mode 0700 */
    size_t segment_bytes; /* 0 = APPLOG_SEGMENT_BYTES */
    int segments_max;     /* 0 = APPLOG_SEGMENTS_MAX */
};

/* The claim that came with an append. */
struct applog_claim {
    uint64_t segment;
    uint32_t bytes;
};

struct applog_counts {
    uint64_t records, bytes; /* appended, ever */
    uint64_t refused;        /* appends for which there was no room */
    uint64_t unread_bytes;   /* appended and not yet given to the reader */
    uint64_t segments;       /* files there are */
    uint64_t claimed_bytes;
    uint64_t syncs;
    char last_error[ERROR_TEXT_MAX]; /* of making a segment or syncing; empty = fine */
};

/* Begins a new segment; earlier ones are left for applog_replay. ERR_BUSY: another process has the
 * folder. */
MUST_CHECK int applog_open(const struct applog_options *options, struct applog **ret_log,
                           struct error *err);
/* Syncs and closes; NULL is fine. Segments that are done with are deleted, others stay. */
void applog_close(struct applog *log);
/* Gives each whole record of earlier segments to fn, oldest first; non-zero stops and is returned.
 * fn may append. */
MUST_CHECK int applog_replay(struct applog *log, int (*fn)(void *ctx, struct str record), void *ctx,
                             struct error *err);
/* What was replayed is safe elsewhere now: deletes those segments. */
void applog_forget_replayed(struct applog *log);

/* `claim_bytes` > 0: the size of a record that will follow. 0 or ERR_BUSY. */
MUST_CHECK int applog_append(struct applog *log, struct str record, size_t claim_bytes,
                             struct applog_claim *ret_claim);
/* Without a claim, waiting for the log's thread to make room; for a thread that may block. ERR_BUSY
 * when no room can be made. */
MUST_CHECK int applog_append_waiting(struct applog *log, struct str record);
/* The record that a claim was made for, not larger than claimed; uses the claim up. */
void applog_append_claimed(struct applog *log, struct str record, const struct applog_claim *claim);

/* Gives the next records, at most max, to fn; returns how many. They come again after
 * applog_read_again, and never after applog_read_done. Only one thread reads; what fn gets is a
 * view of the log. */
size_t applog_read(struct applog *log, size_t max, void (*fn)(void *ctx, struct str record),
                   void *ctx);
void applog_read_done(struct applog *log);
/* Would applog_read_done let a segment go? Then the reader makes sure first that what it made of it
 * is on the disk. */
bool applog_read_frees(struct applog *log);
void applog_read_again(struct applog *log);

/* Everything appended so far is on the disk when this returns 0. */
MUST_CHECK int applog_sync(struct applog *log, struct error *err);
void applog_count(struct applog *log, struct applog_counts *ret_counts);

#endif
