#ifndef SIM_SIM_ANSWER_H
#define SIM_SIM_ANSWER_H

/*
 * The answer to a question, before it is put into a dialect: choices of blocks of pieces.
 *
 * An answer is a function of the question's key and the dials, and of nothing else: streamed or
 * whole, under whatever model name, it says the same. It is planned at once (pieces are cheap) and
 * put into bytes event by event, as time passes.
 *
 * Ownership: everything is in the arena that was given.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/str.h"
#include "sim/dial.h"
#include "sim/sim_ask.h"
#include "sim/sim_text.h"

/* Tools that one answer calls at most. */
#define SIM_CALLS_MAX  2
#define SIM_BLOCKS_MAX (SIM_CALLS_MAX + 1)

enum sim_block_kind { SIM_BLOCK_THINKING = 0, SIM_BLOCK_TEXT, SIM_BLOCK_TOOL };

enum sim_finish {
    SIM_FINISH_STOP = 0,
    SIM_FINISH_LENGTH,  /* max_tokens */
    SIM_FINISH_TOOL,    /* tools are called */
    SIM_FINISH_SEQUENCE /* a stop sequence came up */
};

struct sim_block {
    enum sim_block_kind kind;
    bool hidden; /* thought, but not shown: the pieces cost time and tokens only */
    struct sim_pieces pieces;
    struct str name; /* of the tool */
    struct str id;   /* of the block: the dialect's prefix stands before it */
};

struct sim_choice_answer {
    struct sim_block blocks[SIM_BLOCKS_MAX];
    size_t n;
    enum sim_finish finish;
    struct str sequence; /* SIM_FINISH_SEQUENCE: which one */
};

struct sim_answer {
    uint64_t key;
    int64_t created; /* seconds since 1970, made of the key */
    struct sim_choice_answer *choices;
    size_t n;
    int64_t input_tokens;
    int64_t cached_tokens;
    int64_t output_tokens; /* with thinking */
    int64_t thinking_tokens;
};

void sim_answer_plan(struct arena *arena, const struct sim_ask *ask, const struct dials *dials,
                     struct sim_answer **ret_answer);

/* `n` letters and digits made of the key and `salt`. */
struct str sim_answer_id(struct arena *arena, uint64_t key, uint64_t salt, size_t n);

#endif
