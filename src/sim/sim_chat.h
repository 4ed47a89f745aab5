#ifndef SIM_SIM_CHAT_H
#define SIM_SIM_CHAT_H

/*
 * The voices of POST /v1/chat/completions and POST /v1/completions.
 *
 * Chunks have the members and the order of OpenAI's own. Where the dial `usage` stands at
 * `present`, a request with stream_options.include_usage gets "usage":null on every chunk and one
 * more chunk with no choices and the counts; other requests get neither.
 */
#include "sim/sim_speech.h"

extern const struct sim_voice sim_chat_voice;
extern const struct sim_voice sim_completions_voice;

#endif
