#ifndef LLM_MESSAGE_H
#define LLM_MESSAGE_H

/*
 * A conversation in no dialect's words: what a request asks for, what an answer says, and the
 * pieces in which a streamed answer arrives. Wires (wire.h) read their dialect into it and write
 * their dialect from it, so that n dialects need n pairs of functions and not n * n.
 *
 * Plain data. Strings are unescaped UTF-8 unless they are called JSON; views point into the source
 * text or an arena and are valid as long as both. What is not given is marked by the value named
 * with the member. Whatever a reader cannot say here it names in the notes, as a path in the
 * words of its dialect ("messages[3].content[0].type"): nothing is lost in silence.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/attr.h"
#include "core/error.h"
#include "core/str.h"
#include "llm/usage.h"

#define MESSAGE_COUNT_MAX 16384  /* messages, parts of one message, tools: each */
#define MESSAGE_PARTS_MAX 131072 /* parts of all messages, those of results included */
#define MESSAGE_STOP_MAX  64
#define MESSAGE_NOTES_MAX 64
#define MESSAGE_NOTE_MAX  96 /* bytes of one path; longer ones are cut */

/* Stands before signatures that Gemini gave: no other provider takes them. See wire_gemini.h. */
#define MESSAGE_SEAL_GEMINI "gemini:"

enum message_role { MESSAGE_SYSTEM = 0, MESSAGE_DEVELOPER, MESSAGE_USER, MESSAGE_ASSISTANT };

enum message_part_kind {
    MESSAGE_TEXT = 0,
    MESSAGE_IMAGE,
    MESSAGE_FILE, /* a document */
    MESSAGE_AUDIO,
    MESSAGE_CALL,     /* the assistant calls a tool */
    MESSAGE_RESULT,   /* of a tool; in a user's message */
    MESSAGE_THINKING, /* what the assistant thought, or a sealed form of it */
    MESSAGE_REFUSAL   /* the assistant's "no", where a dialect tells it from text */
};

/* A prompt-cache marker: what stands before it, itself included, should be cached. */
enum message_cache { MESSAGE_CACHE_NONE = 0, MESSAGE_CACHE_5M, MESSAGE_CACHE_1H };

/* Only citations of web pages exist on more than one side. */
struct message_citation {
    struct str url, title;
    struct str cited;   /* the quoted text; may be empty */
    int64_t start, end; /* characters of the text part it belongs to; -1 = not given */
};

struct message_part {
    enum message_part_kind kind;
    struct str text; /* TEXT, THINKING (its summary where only that is shown), REFUSAL */
    struct str id;   /* CALL, RESULT: which call; THINKING: its id where there is one */
    struct str name; /* CALL: the tool; RESULT: the same, where known; FILE: its file name */
    struct str json; /* CALL: the arguments, JSON text as the model wrote it */
    /* IMAGE, FILE, AUDIO: one of data, url, file_id. */
    struct str media_type; /* "image/png"; may be empty with a url */
    struct str data;       /* base64 */
    struct str url;
    struct str file_id;
    struct str detail;    /* IMAGE: "low", "high", "auto"; may be empty */
    struct str signature; /* THINKING: seal or encrypted form, to be given back byte for byte */
    bool redacted;        /* THINKING: only the sealed form exists */
    bool failed;          /* RESULT: the tool reported an error */
    enum message_cache cache;
    struct message_part *parts; /* RESULT: what it says; TEXT, IMAGE, FILE */
    size_t part_count;
    struct message_citation *citations; /* TEXT */
    size_t citation_count;
};

struct message {
    enum message_role role;
    struct str name; /* of the participant; may be empty */
    struct message_part *parts;
    size_t part_count;
};

struct message_tool {
    struct str name, description;
    struct str schema; /* JSON; empty = takes nothing */
    int strict;        /* -1 = not given, 0, 1 */
    enum message_cache cache;
};

enum message_choice {
    MESSAGE_CHOICE_UNSET = 0,
    MESSAGE_CHOICE_AUTO,
    MESSAGE_CHOICE_NONE,
    MESSAGE_CHOICE_ANY, /* one of the tools must be called */
    MESSAGE_CHOICE_TOOL /* this tool must be called: choice_name */
};

enum message_format {
    MESSAGE_FORMAT_TEXT = 0,
    MESSAGE_FORMAT_JSON,  /* any JSON object */
    MESSAGE_FORMAT_SCHEMA /* JSON by schema */
};

enum message_effort {
    MESSAGE_EFFORT_UNSET = 0,
    MESSAGE_EFFORT_NONE,
    MESSAGE_EFFORT_MINIMAL,
    MESSAGE_EFFORT_LOW,
    MESSAGE_EFFORT_MEDIUM,
    MESSAGE_EFFORT_HIGH,
    MESSAGE_EFFORT_MAX /* "xhigh", "max" */
};

/* Tokens of thinking that stand for an effort, and back: NONE is 0 tokens, UNSET -1. */
int64_t message_effort_budget(enum message_effort effort);
enum message_effort message_budget_effort(int64_t budget);

struct message_request {
    struct str model;
    bool stream;
    bool asks_usage; /* in the stream, where that must be asked for */
    struct message *messages;
    size_t message_count; /* system and developer messages stand where they stood */

    struct message_tool *tools;
    size_t tool_count;
    enum message_choice choice;
    struct str choice_name;
    int parallel_calls; /* -1 = not given, 0, 1 */
    bool legacy_calls;  /* chat: tools came as `functions`, calls are answered as function_call */

    enum message_format format;
    struct str schema_name, schema_description;
    struct str schema; /* JSON */
    int schema_strict; /* -1 = not given, 0, 1 */

    int64_t max_output; /* tokens, reasoning included; -1 = not given */
    int64_t n;          /* answers asked for; 1 */
    struct str stop[MESSAGE_STOP_MAX];
    size_t stop_count;
    double temperature, top_p, presence_penalty, frequency_penalty; /* NaN = not given */
    int64_t top_k;                                                  /* -1 = not given */
    bool has_seed;
    int64_t seed;
    bool logprobs;
    int64_t top_logprobs;  /* -1 = not given */
    struct str logit_bias; /* JSON object; may be empty */
    enum message_effort effort;
    int64_t thinking_budget; /* tokens; 0 = no thinking, -1 = not given */
    bool thinking_adaptive;  /* the model decides how much */
    bool thinking_shown;     /* a summary or text of it is wanted in the answer */
    struct str verbosity;    /* "low", "medium", "high"; may be empty */
    struct str user;         /* of the application, for the provider's abuse checks */
    struct str metadata;     /* JSON object of strings; may be empty */
    struct str service_tier;
    struct str cache_key; /* prompt_cache_key */
};

/* Is it an instruction (system, developer) and no turn of the conversation? */
bool message_instructs(const struct message *m);
/* Is there anything but instructions? */
bool message_has_turns(const struct message_request *r);
/* Behind the turn that begins with message `first`: neighbours of one role. */
size_t message_turn_end(const struct message_request *r, size_t first);

/* Everything as not given. */
void message_request_init(struct message_request *r);

enum message_finish {
    MESSAGE_FINISH_NONE = 0, /* not known (yet) */
    MESSAGE_FINISH_STOP,     /* done */
    MESSAGE_FINISH_SEQUENCE, /* a stop sequence: stop_sequence where it is told */
    MESSAGE_FINISH_LENGTH,   /* max_output or the context's end */
    MESSAGE_FINISH_CALLS,    /* tools are to be called */
    MESSAGE_FINISH_FILTER,   /* the provider's filter, or the model, refused */
    MESSAGE_FINISH_PAUSE     /* to be continued by sending it back */
};

struct message_answer {
    struct str id, model, service_tier;
    int64_t created_s; /* wall time; -1 = not given */
    struct message_part *parts;
    size_t part_count;
    enum message_finish finish;
    struct str stop_sequence;
    struct usage usage;
};

void message_answer_init(struct message_answer *a);

/*
 * Pieces of a streamed answer. Order: START once; then parts, each OPEN, any number of TEXT,
 * SIGNATURE and CITATION, CLOSE; FINISH and USAGE (cumulative, the last counts) anywhere after
 * START; END once, or FAIL once. `index` names the part: dense, in the order of opening. Thinking
 * and text are closed before another part opens; calls may be open side by side and their
 * pieces interleave.
 */
enum message_delta_kind {
    MESSAGE_DELTA_START = 0, /* id, model, created_s; usage where already known */
    MESSAGE_DELTA_OPEN,      /* index, part; id and name of a CALL, id and redacted of THINKING */
    MESSAGE_DELTA_TEXT,      /* index, part, text: of a CALL, a piece of its JSON */
    MESSAGE_DELTA_SIGNATURE, /* index, text: whole */
    MESSAGE_DELTA_CITATION,  /* index, citation */
    MESSAGE_DELTA_CLOSE,     /* index, part */
    MESSAGE_DELTA_FINISH,    /* finish, stop_sequence in text */
    MESSAGE_DELTA_USAGE,     /* usage */
    MESSAGE_DELTA_FAIL,      /* name: the provider's error type; text: its message */
    MESSAGE_DELTA_END
};

struct message_delta {
    enum message_delta_kind kind;
    size_t index;
    enum message_part_kind part;
    struct str id, name, text;
    struct str model, service_tier; /* START */
    int64_t created_s;              /* START; -1 = not given */
    bool redacted;
    struct message_citation citation;
    enum message_finish finish;
    struct usage usage;
};

/* What could not be said on the other side. */
struct message_notes {
    struct arena *arena;
    bool strict;        /* a drop is refused */
    const char *target; /* who cannot say it, for messages: "provider \"claude\" (anthropic)" */
    char dropped[MESSAGE_NOTES_MAX][MESSAGE_NOTE_MAX]; /* each once, in order of appearance */
    size_t dropped_count;
    size_t more;                    /* that found no room */
    char refused[MESSAGE_NOTE_MAX]; /* the field of the last refusal: `param` of the error */
};

void message_notes_init(struct message_notes *notes, struct arena *arena, bool strict,
                        const char *target);
/* The field at `path` is left out: 0, or under `strict` what message_refuse gives. Paths are a
 * printf format; control characters in them become '?'. */
MUST_CHECK int message_drop(struct message_notes *notes, struct error *err, const char *path, ...)
    PRINTF_LIKE(3, 4);
/* The field at `path` changes the answer too much to be left out: ERR_INVALID with a text that
 * names field, target and what to do. `why` may be NULL. */
MUST_CHECK int message_refuse(struct message_notes *notes, struct error *err, const char *why,
                              const char *path, ...) PRINTF_LIKE(4, 5);
/* "a, b, c" for the x-weir-dropped header, into out (n >= 1). */
void message_notes_list(const struct message_notes *notes, char *out, size_t n);

#endif
