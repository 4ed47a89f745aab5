#ifndef NET_SSE_H
#define NET_SSE_H

/*
 * Server-sent events, read so that they can be relayed byte for byte.
 *
 * The reader cuts a stream into events as they stand on the wire: `raw` is the event's bytes with
 * the blank line that ends it; `event` and `data` are parsed from it. Line ends may be LF, CRLF or
 * CR; several data lines join with LF; one space after the colon is dropped; a line that starts
 * with a colon is a comment; a BOM at the start of the stream is ignored for parsing and kept in
 * raw. A block of comments only is an event with has_data == false.
 *
 * Push bytes with sse_push, then take events with sse_next until it returns false; what is left is
 * an incomplete event (sse_rest). An event longer than event_bytes_max makes sse_push fail.
 * Work is linear in the bytes pushed, however they are cut.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/attr.h"
#include "core/buf.h"
#include "core/str.h"

struct sse_event {
    struct str raw;
    struct str event; /* empty when the event has no name */
    struct str data;
    bool has_data;
};

struct sse {
    /* private */
    struct buf pending; /* bytes not yet returned as events */
    struct buf ends;    /* size_t each: where the events found in pending end */
    struct buf joined;  /* data of a multi-line event */
    size_t ends_taken;  /* bytes of `ends` already used */
    size_t taken;       /* pending bytes already returned */
    size_t scanned;     /* position of the scan for line ends */
    size_t line;        /* where the line being scanned starts */
    size_t event;       /* where the event being scanned starts */
    size_t event_bytes_max;
    bool at_start;  /* no event of the stream has ended yet: a BOM may stand here */
    bool after_cr;  /* an LF at `scanned` belongs to the CR before it */
    bool bom_taken; /* the first event was returned */
};

void sse_init(struct sse *reader, size_t event_bytes_max);
void sse_release(struct sse *reader);
/*
 * 0 or ERR_LIMIT; events that were whole before can still be taken after that. Invalidates views
 * from earlier sse_next calls.
 */
MUST_CHECK int sse_push(struct sse *reader, struct str bytes);
/* Views are valid until the next sse_push or sse_next. */
bool sse_next(struct sse *reader, struct sse_event *ret_event);
/* The incomplete event that is held: all raws and this make up the bytes pushed. An LF alone is the
 * second half of the last event's line end. */
struct str sse_rest(const struct sse *reader);

/* Appends "event: name\ndata: ...\n\n"; name may be empty; data is cut at LF into data lines. */
void sse_write(struct buf *out, struct str name, struct str data);

#endif
