#ifndef SIM_SIM_ASK_H
#define SIM_SIM_ASK_H

/*
 * What a request asks for, in one shape for the four generating routes and embeddings.
 *
 * `key` is the identity of the question: it is made of the seed, the route and all of the body that
 * can change an answer. `model`, `stream`, `stream_options` and what only labels a request (user,
 * metadata, ...) are left out, and so is the spelling of the JSON: the same question through a
 * gateway that renames the model or asks for usage has the same key. All that is random in an
 * answer is drawn from it.
 *
 * Ownership: in the request's arena, which frees the parsed document too; views point into it.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/json.h"
#include "core/str.h"

#define SIM_STOPS_MAX   16
#define SIM_TOOLS_MAX   512
#define SIM_CHOICES_MAX 128
#define SIM_INPUTS_MAX  2048 /* texts of one embeddings or completions request */

enum sim_route {
    SIM_CHAT = 0,
    SIM_COMPLETIONS,
    SIM_RESPONSES,
    SIM_MESSAGES,
    SIM_GEMINI, /* model and stream stand in the path: the caller sets them */
    SIM_COUNT_TOKENS,
    SIM_EMBEDDINGS
};

enum sim_choice { SIM_CHOICE_AUTO = 0, SIM_CHOICE_NONE, SIM_CHOICE_REQUIRED };

enum sim_format { SIM_FORMAT_TEXT = 0, SIM_FORMAT_JSON, SIM_FORMAT_SCHEMA };

struct sim_tool {
    struct str name;
    yyjson_val *schema; /* of the arguments; NULL when none is given */
};

struct sim_ask {
    enum sim_route route;
    uint64_t key;
    yyjson_val *root;
    struct str model;
    bool stream;
    bool include_usage;
    int64_t max_tokens; /* -1: no limit */
    int64_t n;          /* choices for each prompt */
    int64_t prompts;    /* completions: how many; 1 elsewhere */
    struct str stops[SIM_STOPS_MAX];
    size_t stop_count;
    struct sim_tool *tools;
    size_t tool_count;
    enum sim_choice choice;
    struct str tool_named; /* the one that must be called; empty = any */
    bool one_tool;         /* parallel calls are not allowed */
    bool after_tool;       /* the last message is a tool's result */
    enum sim_format format;
    yyjson_val *schema;
    bool think;
    bool show_thinking;
    int64_t thinking_max; /* -1: no limit */
    struct str last_text; /* of the user's last message */
    int64_t input_tokens;
};

struct sim_refusal {
    int status;
    const char *code;
    const char *param;
    char message[400];
};

/* Reads a body. 0, or -1 with *ret_refusal filled. `seed` is the server's; `fixed_seed` says that
 * the request named it in a header, so that the body's own `seed` does not count. */
MUST_CHECK int sim_ask_read(struct arena *arena, enum sim_route route, struct str body,
                            uint64_t seed, bool fixed_seed, struct sim_ask **ret_ask,
                            struct sim_refusal *ret_refusal);

/* Fills in a refusal and returns -1. */
int sim_refuse(struct sim_refusal *refusal, int status, const char *code, const char *param,
               const char *format, ...) PRINTF_LIKE(5, 6);

#endif
