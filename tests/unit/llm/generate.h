#ifndef UNIT_LLM_GENERATE_H
#define UNIT_LLM_GENERATE_H

/*
 * Random requests, answers and streams for the property tests: all from a seed, so that a failure
 * is found again. The mask says what a wire can express; what it cannot is not generated.
 */
#include "core/arena.h"
#include "core/rand.h"
#include "llm/message.h"
#include "llm/wire.h"

enum generate_what {
    GENERATE_DEVELOPER = 1 << 0,
    GENERATE_LATE_SYSTEM = 1 << 1, /* system messages behind the first of the user */
    GENERATE_NAMES = 1 << 2,
    GENERATE_IMAGES = 1 << 3,
    GENERATE_IMAGE_DETAIL = 1 << 4,
    GENERATE_FILES = 1 << 5, /* PDF documents with a name, as data */
    GENERATE_AUDIO = 1 << 6,
    GENERATE_RESULT_IMAGES = 1 << 7,
    GENERATE_RESULT_FAILED = 1 << 8,
    GENERATE_THINKING = 1 << 9,   /* thoughts in messages and answers, signed */
    GENERATE_REDACTED = 1 << 10,  /* sealed thoughts */
    GENERATE_REFUSAL = 1 << 11,   /* in answers and assistant's messages */
    GENERATE_CITATIONS = 1 << 12, /* in answers */
    GENERATE_CACHE = 1 << 13,     /* markers on text of the user and on tools */
    GENERATE_TOOL_STRICT = 1 << 14,
    GENERATE_FORMAT_JSON = 1 << 15,
    GENERATE_FORMAT_SCHEMA = 1 << 16,
    GENERATE_SCHEMA_NAMES = 1 << 17, /* name and strictness of an output schema */
    GENERATE_STOP = 1 << 18,
    GENERATE_PENALTIES = 1 << 19,
    GENERATE_TOP_K = 1 << 20,
    GENERATE_SEED = 1 << 21,
    GENERATE_LOGIT_BIAS = 1 << 22,
    GENERATE_EFFORT = 1 << 23,
    GENERATE_BUDGET = 1 << 24,
    GENERATE_VERBOSITY = 1 << 25,
    GENERATE_USER = 1 << 26,
    GENERATE_TIER = 1 << 27,
    GENERATE_CACHE_KEY = 1 << 28,
    GENERATE_INTERLEAVED = 1 << 29, /* pieces of parallel calls in a stream */
    GENERATE_ASKS_USAGE = 1 << 30
};

/* What the makers of random things share. */
struct generate {
    struct arena *arena;
    struct rand_state rand;
    unsigned mask; /* of enum generate_what */
};

void generate_init(struct generate *g, struct arena *arena, uint64_t seed, unsigned mask);

/* Not empty; letters of several scripts, quotes, escapes and control characters. */
struct str generate_text(struct generate *g);
/* A valid conversation: the user begins, calls are answered by results. */
void generate_request(struct generate *g, struct message_request *ret_request);
/* Thoughts, then text, then calls. */
void generate_answer(struct generate *g, struct message_answer *ret_answer);
/* The answer as a stream, cut at random characters; returns what the sink returned. */
int generate_stream(struct generate *g, const struct message_answer *answer,
                    const struct wire_sink *sink);

#endif
