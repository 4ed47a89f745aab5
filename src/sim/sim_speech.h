#ifndef SIM_SIM_SPEECH_H
#define SIM_SIM_SPEECH_H

/*
 * An answer on its way into bytes: whole, or one server-sent event after the other.
 *
 * The walk over an answer is the same in every dialect:
 *
 *   START  (OPEN PIECE... SHUT)... FINISH  CLOSE
 *
 * with the middle part once for every choice, taking turns. A voice (one per route) puts a step
 * into events: none, one or several parts. Only PIECE takes a token's time.
 *
 * To add a dialect: write a `const struct sim_voice` and name it in sim_voices.
 *
 * Ownership: in the request's arena; nothing to release.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/buf.h"
#include "sim/dial.h"
#include "sim/sim_answer.h"
#include "sim/sim_ask.h"

enum sim_step_kind {
    SIM_STEP_START = 0,
    SIM_STEP_OPEN, /* a block begins */
    SIM_STEP_PIECE,
    SIM_STEP_SHUT,   /* a block ends */
    SIM_STEP_FINISH, /* a choice ends */
    SIM_STEP_CLOSE,
    SIM_STEP_END /* nothing is left */
};

struct sim_step {
    enum sim_step_kind kind;
    size_t choice;
    size_t block;
    size_t piece;
    unsigned part; /* event of this step */
};

struct sim_speech;

struct sim_voice {
    /* Called once before anything else: makes what all events share. */
    void (*prepare)(struct sim_speech *speech);
    /* Appends one event of the step, or nothing; true when the step has a further part. */
    bool (*event)(struct sim_speech *speech, const struct sim_step *step, struct buf *out);
    /* Appends the body of an answer that is not streamed. */
    void (*whole)(struct sim_speech *speech, struct buf *out);
};

struct sim_speech {
    struct arena *arena;
    const struct sim_ask *ask;
    const struct sim_answer *answer;
    const struct dials *dials;
    const struct sim_voice *voice;
    int64_t said;     /* tokens in the events so far */
    int64_t sequence; /* number of the next event, where events have numbers */
    /* for the voice */
    struct str id;
    struct str prefix;
    struct str suffix;
    /* private */
    struct sim_step step;
    struct sim_cursor *cursors; /* one per choice */
    size_t running;             /* choices that are not finished */
};

void sim_speech_start(struct sim_speech *speech, struct arena *arena, const struct sim_ask *ask,
                      const struct sim_answer *answer, const struct dials *dials);
/* Does the next event wait for a token? */
bool sim_speech_costs(const struct sim_speech *speech);
/* Appends what comes next: one event, or nothing for a step that this dialect has no event for.
 * False when nothing is left. */
bool sim_speech_next(struct sim_speech *speech, struct buf *out);
void sim_speech_whole(struct sim_speech *speech, struct buf *out);

/* ---- for voices ---- */

static inline const struct sim_choice_answer *sim_speech_choice(const struct sim_speech *speech,
                                                                const struct sim_step *step)
{
    return &speech->answer->choices[step->choice];
}

static inline const struct sim_block *sim_speech_block(const struct sim_speech *speech,
                                                       const struct sim_step *step)
{
    return &sim_speech_choice(speech, step)->blocks[step->block];
}

static inline struct str sim_speech_piece(const struct sim_speech *speech,
                                          const struct sim_step *step)
{
    return sim_piece(&sim_speech_block(speech, step)->pieces, step->piece);
}

/* The prompt and completion counts of the OpenAI dialect, as an object; `output` may be a part of
 * the answer. */
void sim_speech_put_usage(const struct sim_speech *speech, int64_t output, struct buf *out);
/* A pad of 1 to 16 letters that differs from event to event. */
struct str sim_speech_pad(const struct sim_speech *speech);
/* A JSON string or null as `"name":...`, with a comma before it. */
void sim_put_member(struct buf *out, const char *name, struct str value);

#endif
