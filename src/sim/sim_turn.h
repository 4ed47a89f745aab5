#ifndef SIM_SIM_TURN_H
#define SIM_SIM_TURN_H

/*
 * One request and its answer, in time: waiting for the first token, giving out events as they
 * become due, breaking off where the dials say so, ending at once when the client leaves.
 *
 * A turn begins when a request arrives and lives in the request's arena; `request->app` points to
 * it. It ends in exactly one of: an answer that is whole, sim_turn_gone, or a connection that is
 * cut. After that, and after any function here that says so, neither turn nor request may be
 * touched.
 */
#include <stdint.h>

#include "core/rand.h"
#include "llm/dialect.h"
#include "net/server.h"
#include "net/timer.h"
#include "sim/sim_internal.h"

struct sim_turn {
    struct sim *sim;
    struct server_request *request;
    const struct dials *dials; /* for this request */
    enum dialect dialect;
    enum route route;      /* for the wording of errors in streams */
    uint64_t seed;         /* the header's or the server's */
    bool seed_fixed;       /* it is the header's */
    uint64_t fault_number; /* what errors are drawn by, besides the seed */
    uint64_t record;       /* number of its record */
    struct str request_id;
    /* private */
    struct sim_ask *ask;
    struct sim_speech speech;
    struct str body; /* of an answer without speech */
    const char *type;
    struct timer timer;
    struct rand_state rand; /* of times */
    double due_ms;          /* of the next event, on the loop's clock */
    double begun_ms;
    bool paid; /* the next piece's time is already in due_ms */
    bool streams;
    bool speaks;  /* has a speech */
    bool held;    /* waits for the client to leave, and for nothing else */
    bool begun;   /* the head of the answer is sent */
    bool charged; /* the quota waits for the actual output */
    int64_t output_charged;
    struct sim_stopping stopping;
    int64_t events;
};

/* Counts the request and makes its turn. */
struct sim_turn *sim_turn_begin(struct sim *sim, struct server_request *request, const char *route);

/* What the request asks is known from here on: names and ids in answers are made of it. */
void sim_turn_know(struct sim_turn *turn, struct sim_ask *ask);

/* Answers with an error in the turn's dialect. Ends the turn. */
void sim_turn_refuse(struct sim_turn *turn, const struct sim_refusal *refusal);
/* The same for a status alone, in the words of sim_fault. `retry_after_ms` < 0: no Retry-After. */
void sim_turn_fail(struct sim_turn *turn, int status, int64_t retry_after_ms);
void sim_turn_shortage(struct sim_turn *turn, const struct sim_shortage *shortage);
/* Does what a fault says: an error, a reset, or no answer at all. May end the turn. */
void sim_turn_fault(struct sim_turn *turn, int fault);
/* Answers with a body at once. Ends the turn. */
void sim_turn_reply(struct sim_turn *turn, int status, const char *type, struct str body);
/* Answers with a body (in the turn's arena) after the time to the first token. May end the turn. */
void sim_turn_reply_later(struct sim_turn *turn, const char *type, struct str body);
/* Answers what was asked (sim_turn_know) with generated text, streamed or whole. May end the turn.
 */
void sim_turn_speak(struct sim_turn *turn, int64_t output_charged);

/* The client has left. Ends the turn. */
void sim_turn_gone(struct sim_turn *turn);
/* The client has read: go on. May end the turn. */
void sim_turn_drain(struct sim_turn *turn);

#endif
