#ifndef LLM_WIRE_OPENAI_H
#define LLM_WIRE_OPENAI_H

/*
 * What OpenAI's two wires, Chat Completions and Responses, word alike: efforts, data URLs, media
 * types of audio and files, cache markers, annotations.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "core/json.h"
#include "core/str.h"
#include "llm/message.h"
#include "llm/wire_json.h"

/* The name of an effort that is set. */
const char *wire_openai_effort(enum message_effort effort);
/* The member `key` as an effort; absent and null leave *ret_effort. */
MUST_CHECK int wire_openai_get_effort(const struct wire_at *at, yyjson_val *object, const char *key,
                                      enum message_effort *ret_effort);

/* An image's or file's place: a data URL is taken apart into media type and data, anything else is
 * a url. */
void wire_openai_take_url(struct str url, struct message_part *part);
/* The part's data or url as a JSON string. */
void wire_openai_put_url(struct buf *out, const struct message_part *part);

/* "wav" <-> "audio/wav". */
struct str wire_openai_audio_type(struct str format, struct arena *arena);
struct str wire_openai_audio_format(struct str media_type);

/* cache_control (as routers know it) or prompt_cache_breakpoint of a part or tool. */
MUST_CHECK int wire_openai_get_cache(const struct wire_at *at, yyjson_val *object,
                                     enum message_cache *ret_cache);
/* ,"cache_control":{...} */
void wire_openai_put_cache(struct buf *out, enum message_cache cache);

/* Web citations in `annotations`; other kinds are left out. False: not this kind. Views into the
 * document. */
bool wire_openai_citation(yyjson_val *annotation, struct message_citation *ret_citation);
void wire_openai_take_citations(yyjson_val *annotations, struct arena *arena,
                                struct message_part *part);

/* Characters of UTF-8 text, as start and end of citations count. */
size_t wire_openai_chars(struct str text);
/* "start_index":..,"end_index":..,"title":..,"url":..; `from` and `to` where the citation does not
 * say what of the text it belongs to, `base` characters stand before the part it counts in. */
void wire_openai_put_citation(struct buf *out, const struct message_citation *citation, size_t base,
                              size_t to);

/* An identity of what has none: "PREFIX" and weir's id of the request. */
void wire_openai_put_id(struct buf *out, const char *prefix, struct str given, struct str own);

#endif
