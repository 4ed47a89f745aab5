#ifndef SIM_SIM_H
#define SIM_SIM_H

/*
 * The simulated provider: an HTTP server that speaks OpenAI's and Anthropic's dialects, answers
 * with made-up text, and misbehaves as its dials say.
 *
 *   POST /v1/chat/completions /v1/completions /v1/responses /v1/embeddings
 *        /v1/messages /v1/messages/count_tokens
 *   GET  /v1/models /v1/models/{id}        and small ones: see sim_sundry.h
 *   GET  /sim/stats /sim/last[?back=N] /sim/dials      POST /sim/reset
 *
 * Determinism: an answer is a function of the seed and of what the request asks; see sim_ask.h. The
 * seed is that of the header x-sim-seed, or else the server's, mixed with the body's own `seed`.
 * Errors and broken streams are drawn by the seed and the number of the request.
 *
 * Threads: belongs to one loop. Ownership: sim_open copies its options but not the scenario, which
 * must outlive the sim, as must the text that the dials point to.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/error.h"
#include "core/str.h"

#define SIM_BODY_BYTES_MAX (64u << 20)
#define SIM_KEYS_MAX       1000

struct dials;
struct loop;
struct scenario;
struct sim;

struct sim_options {
    const char *address; /* IP literal; NULL: 127.0.0.1 */
    uint16_t port;       /* 0 = any; sim_port tells */
    bool has_seed;
    uint64_t seed;                   /* wins over the scenario's; 0 when neither says */
    const struct scenario *scenario; /* NULL = none */
    const struct dials *dials;       /* those that are set win over the scenario's; NULL = none */
    /* "KEY", or "KEY=STATUS" for a key that is refused so. None, here and in the scenario: every
     * key is accepted. */
    const struct str *keys;
    size_t key_count;
    /* Models that exist. None, here and in the scenario: every name is served. */
    const struct str *models;
    size_t model_count;
};

MUST_CHECK int sim_open(struct loop *loop, const struct sim_options *options, struct sim **ret_sim,
                        struct error *err);
uint16_t sim_port(const struct sim *sim);
uint64_t sim_seed(const struct sim *sim);
/* Ends all answers at once. Accepts NULL. */
void sim_close(struct sim *sim);

#endif
