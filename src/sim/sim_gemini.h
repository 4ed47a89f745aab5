#ifndef SIM_SIM_GEMINI_H
#define SIM_SIM_GEMINI_H

/*
 * The voice of POST /v1beta/models/{model}:generateContent and :streamGenerateContent.
 *
 * A stream is a row of whole responses, each with one part and the counts so far; the last one says
 * why the answer ended, and there is no event behind it. Thoughts are parts with "thought", where
 * they are asked for; calls come whole. A call's first part carries a thoughtSignature, as the
 * newer models do. With the dial `usage` at `absent` no event has any counts.
 */
#include "core/str.h"
#include "sim/sim_speech.h"

/* All of Google's paths begin so. */
#define SIM_GEMINI_PREFIX "/v1beta/"

extern const struct sim_voice sim_gemini_voice;

/* Model and verb stand in the path: "/v1beta/models/m:generateContent". False when it is no such
 * path. */
bool sim_gemini_path(struct str path, struct str *ret_model, bool *ret_stream);

#endif
