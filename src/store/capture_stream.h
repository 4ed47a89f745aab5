#ifndef STORE_CAPTURE_STREAM_H
#define STORE_CAPTURE_STREAM_H

/*
 * Masks what a stream cuts into pieces: "joe", "@exam", "ple.com" in three events is an address.
 *
 * The pieces of each text (a choice's content, a tool call's arguments, a block's thinking) are put
 * together over all events and looked at as a whole. Where that shows something to mask, the whole
 * masked text takes the place of the first piece, and the others become empty: put together
 * again, the stream says the same without its secret. Everything else stays byte for byte.
 *
 * A piece is a string under one of a few known names; pieces belong together when they stand at
 * the same place of their events, under the same index numbers and the same type of event.
 * Strings that one event holds whole are the business of redact_json.
 */
#include <stdbool.h>

#include "core/buf.h"
#include "core/str.h"

#define CAPTURE_STREAM_PIECES_MAX (1u << 20)
#define CAPTURE_STREAM_TEXTS_MAX  1024

/* Is it a stream of server-sent events? */
bool capture_stream_is(struct str body);

/* Appends the body with its texts masked. False when it has more pieces or texts than can be
 * looked at, or `out` is full: it must not be kept then. */
bool capture_stream_mask(struct str body, struct buf *out);

#endif
