#ifndef GATEWAY_PHASE_H
#define GATEWAY_PHASE_H

/*
 * The phases of a request: one const table, walked in order, before anything is sent.
 *
 * To add a phase: (1) write phase_<name>(struct exchange *); (2) add its row in phase.c at its
 * place; (3) add cases in tests/case/gateway/. A phase decides and returns; only the call phase
 * starts something that goes on after it.
 */
#include <stdbool.h>

struct exchange;
struct http_head;
struct settings;

enum phase_result {
    PHASE_NEXT = 0, /* go on with the next row */
    PHASE_WAIT,     /* something will call back */
    PHASE_DONE,     /* the answer has been given */
    PHASE_FAIL      /* x->refusal says why */
};

struct phase {
    const char *name;
    int (*run)(struct exchange *x);
};

/* Ends with .name == NULL. */
extern const struct phase phase_table[];

/* Would phase auth let this head through? Asked before a large body is read. */
bool phase_knows_caller(const struct settings *settings, const struct http_head *head);

#endif
