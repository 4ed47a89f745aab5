#ifndef SIM_SIM_TEXT_H
#define SIM_SIM_TEXT_H

/*
 * Text in tokens: plausible English made from a word list, and any text cut into pieces.
 *
 * A token of the simulated models is a piece: a word of up to SIM_PIECE_BYTES_MAX bytes with the
 * one space before it, a run of digits, or a run of punctuation. Pieces never split a character.
 * Counts in `usage` are counts of pieces, so that a client who adds up deltas gets the same number.
 */
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/rand.h"
#include "core/str.h"

#define SIM_PIECE_BYTES_MAX 10

struct sim_pieces {
    struct str text;
    uint32_t *ends; /* offset in text behind piece i */
    size_t n;
};

static inline struct str sim_piece(const struct sim_pieces *pieces, size_t i)
{
    size_t start = i > 0 ? pieces->ends[i - 1] : 0;
    return str_make(pieces->text.p + start, pieces->ends[i] - start);
}

/* Exactly `tokens` pieces of prose in the arena. `whole`: the last one ends a sentence. */
void sim_text_write(struct arena *arena, struct rand_state *rand, size_t tokens, bool whole,
                    struct sim_pieces *ret_pieces);

/* Cuts `text` (which must outlive the pieces) into at most `max` pieces; what does not fit is left
 * out of ret_pieces->text. */
void sim_text_cut(struct arena *arena, struct str text, size_t max, struct sim_pieces *ret_pieces);

/* How many pieces a text has. */
size_t sim_text_count(struct str text);

/* The pieces that lie within the first `bytes` bytes; the last one may be shortened. */
void sim_text_shorten(struct sim_pieces *pieces, size_t bytes);

/* One word of the list, for names and values. */
struct str sim_text_word(struct rand_state *rand);

#endif
