#ifndef SIM_SIM_RESPONSES_H
#define SIM_SIM_RESPONSES_H

/*
 * The voice of POST /v1/responses.
 *
 * Named events with a sequence_number each, from response.created to response.completed (or
 * response.incomplete, when max_output_tokens ended it); no [DONE]. Settings of the request are
 * told back in the response object, as the real API does.
 */
#include "sim/sim_speech.h"

extern const struct sim_voice sim_responses_voice;

#endif
