#ifndef UNIT_LLM_MEANING_H
#define UNIT_LLM_MEANING_H

/*
 * What requests and answers mean, so that a wire can be held to keeping it: one dump for each
 * feature (meaning_features), and two things mean the same when their dumps are equal. Dumps leave
 * out what carries no meaning: where messages of one role in a row are cut, where text is cut into
 * parts, empty text, the tool's name in a result.
 *
 * Random requests and answers come from a seed (generate.h); a collector puts the deltas of a
 * stream together again and holds them to the order that message.h promises.
 */
#include "core/arena.h"
#include "core/buf.h"
#include "llm/message.h"
#include "llm/wire.h"

struct meaning_feature {
    const char *name;
    void (*dump)(const struct message_request *r, struct buf *out);
};

/* Ends with .name == NULL. */
extern const struct meaning_feature meaning_features[];

/* Prints the first feature that differs with both dumps, then fails the test. */
void meaning_same_request(const struct message_request *actual,
                          const struct message_request *expected, const char *what);
void meaning_same_answer(const struct message_answer *actual, const struct message_answer *expected,
                         const char *what);

void meaning_dump_answer(const struct message_answer *a, struct buf *out);

/* Takes deltas as a sink, copies all it keeps. */
struct meaning_collector {
    struct message_answer answer; /* after END or FAIL, or meaning_collector_close */
    char failed[256];             /* "type: message" of a FAIL */
    char broken[128];             /* what of the promised order was broken; empty = nothing */
    bool started, ended;
    bool finished;
    size_t count; /* deltas taken */

    /* private */
    struct arena *arena;
    struct meaning_part *parts;
    size_t part_count, part_room;
};

void meaning_collector_init(struct meaning_collector *c, struct arena *arena);
struct wire_sink meaning_collector_sink(struct meaning_collector *c);
/* Makes `answer` of what came so far, whether the stream has ended or not. */
void meaning_collector_close(struct meaning_collector *c);

#endif
