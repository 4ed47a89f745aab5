#ifndef SIM_SIM_EMBEDDINGS_H
#define SIM_SIM_EMBEDDINGS_H

/*
 * Vectors for POST /v1/embeddings.
 *
 * A vector is the sum of one random direction for each word of the text and a weak one for the text
 * as a whole, brought to length 1: texts that share words are near each other, the same text has
 * the same vector, and the order of words hardly matters. The directions are made of the seed.
 */
#include "core/arena.h"
#include "core/buf.h"
#include "core/str.h"
#include "sim/sim_ask.h"

#define SIM_EMBEDDING_DIMENSIONS     1536
#define SIM_EMBEDDING_DIMENSIONS_MAX 4096
/* Words of one text that count. */
#define SIM_EMBEDDING_WORDS_MAX 512

/* Appends the body of an answer, or refuses. `seed` is the server's (or the header's): unlike other
 * answers a vector does not depend on what else stands in the request. */
MUST_CHECK int sim_embeddings_write(struct arena *arena, const struct sim_ask *ask, uint64_t seed,
                                    bool with_usage, struct buf *out,
                                    struct sim_refusal *ret_refusal);

/* The vector of one text: `n` numbers. */
void sim_embedding(struct str text, uint64_t seed, size_t n, float *out);

#endif
