#ifndef SIM_SIM_MESSAGES_H
#define SIM_SIM_MESSAGES_H

/*
 * The voice of POST /v1/messages.
 *
 * Events are those of Anthropic's own, in their order: message_start, per block
 * content_block_start, deltas and content_block_stop, message_delta, message_stop; a ping follows
 * the first content_block_start. Counts in message_delta are totals. With the dial `usage` at
 * `absent` no event has any.
 */
#include "sim/sim_speech.h"

extern const struct sim_voice sim_messages_voice;

#endif
