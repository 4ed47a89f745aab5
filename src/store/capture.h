#ifndef STORE_CAPTURE_H
#define STORE_CAPTURE_H

/*
 * What is kept of a call's content: from the bodies and the capture level of a trace to its hashes
 * and to the bytes that become blobs.
 *
 *   level      hashes   blobs
 *   none       none     none
 *   hashes     all      none
 *   redacted   all      the bodies without what looks like a secret, named by the hash of that
 *   full       all      the bodies: blob = hash
 *
 * What looks like a secret is found by its form (core/redact.h), in streams also where it is cut
 * into pieces (capture_stream.h). What cannot be looked at - no text, or too much - is not kept.
 *
 * Hashes are those of the content as it was, so that equal content is found whatever the level.
 * The components of a request (system, tools, messages) are hashed as their bytes stand in it.
 *
 * Error texts are masked at every level: a provider may repeat in them what it was sent.
 *
 * Runs on the store's writer thread: it may take its time.
 */
#include "store/hash_memo.h"
#include "store/trace.h"

/* Fills the trace's hashes and blob names; afterwards its bodies hold what is to be kept and are
 * empty when nothing is. */
void capture_apply(struct trace *trace, struct hash_memo *memo);

#endif
