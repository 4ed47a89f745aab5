#ifndef WORKBENCH_TRACE_TRANSCRIPT_H
#define WORKBENCH_TRACE_TRANSCRIPT_H

/*
 * What an answer says: its texts, thinking and tool calls, put together from the bytes of a stream
 * of server-sent events or from a whole JSON answer, in any dialect.
 *
 * The shape tells the dialect: "choices" is OpenAI's chat and completions, "type": "message" and
 * "content_block_*" are Anthropic's, "object": "response" and "response.*" are OpenAI's responses.
 * Parts stand in the order in which they began; pieces of parallel tool calls are told apart by
 * the provider's own indexes. What is not understood is counted, never guessed at.
 *
 * Pure: bytes in, parts out. Limits: TRANSCRIPT_PARTS_MAX parts, later ones are counted only.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/str.h"

#define TRANSCRIPT_PARTS_MAX 1024

enum transcript_kind {
    TRANSCRIPT_TEXT = 0,
    TRANSCRIPT_THINKING,
    TRANSCRIPT_REFUSAL,
    TRANSCRIPT_TOOL_CALL, /* text = the arguments as they came */
    TRANSCRIPT_OTHER      /* name = its type, text = its JSON: search results, images, ... */
};

struct transcript_part {
    enum transcript_kind kind;
    int64_t choice; /* which of several answers (OpenAI's n) */
    int64_t index;  /* private: told apart by it */
    struct str id;  /* tool calls */
    struct str name;
    struct buf text;
};

struct transcript {
    struct arena arena; /* owns every str below */
    struct transcript_part parts[TRANSCRIPT_PARTS_MAX];
    size_t n;
    struct str finish;     /* finish_reason, stop_reason or status, the last one */
    struct str error;      /* message of an error in the answer */
    bool streamed;         /* it was a stream of events */
    bool complete;         /* it ended as its dialect says that answers end */
    size_t events;         /* with data */
    size_t unread;         /* events or bodies that are no JSON, and parts beyond the maximum */
    size_t part_bytes_max; /* private */
};

/* Large: keep it on the heap. */
struct transcript *transcript_read(struct str body);
void transcript_free(struct transcript *t);

const char *transcript_kind_name(enum transcript_kind kind);

/* Appends [{"kind","choice","id","name","text"}, ...]. */
void transcript_write_json(const struct transcript *t, struct buf *out);

#endif
