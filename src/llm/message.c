#include "llm/message.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void message_request_init(struct message_request *r)
{
    *r = (struct message_request){.parallel_calls = -1,
                                  .schema_strict = -1,
                                  .max_output = -1,
                                  .n = 1,
                                  .temperature = NAN,
                                  .top_p = NAN,
                                  .presence_penalty = NAN,
                                  .frequency_penalty = NAN,
                                  .top_k = -1,
                                  .top_logprobs = -1,
                                  .thinking_budget = -1};
}

/* No provider publishes such a table; what counts is that both ways agree and that the steps lie
 * within what models take. */
static const int64_t effort_budgets[] = {
    [MESSAGE_EFFORT_UNSET] = -1,  [MESSAGE_EFFORT_NONE] = 0,      [MESSAGE_EFFORT_MINIMAL] = 1024,
    [MESSAGE_EFFORT_LOW] = 2048,  [MESSAGE_EFFORT_MEDIUM] = 8192, [MESSAGE_EFFORT_HIGH] = 16384,
    [MESSAGE_EFFORT_MAX] = 32768,
};

int64_t message_effort_budget(enum message_effort effort)
{
    return effort_budgets[effort];
}

enum message_effort message_budget_effort(int64_t budget)
{
    enum message_effort effort = MESSAGE_EFFORT_UNSET;
    while (effort < MESSAGE_EFFORT_MAX && effort_budgets[effort] < budget) {
        effort++;
    }
    return effort;
}

bool message_instructs(const struct message *m)
{
    return m->role == MESSAGE_SYSTEM || m->role == MESSAGE_DEVELOPER;
}

bool message_has_turns(const struct message_request *r)
{
    for (size_t i = 0; i < r->message_count; i++) {
        if (!message_instructs(&r->messages[i])) {
            return true;
        }
    }
    return false;
}

size_t message_turn_end(const struct message_request *r, size_t first)
{
    size_t i = first + 1;
    while (i < r->message_count &&
           (message_instructs(&r->messages[i]) || r->messages[i].role == r->messages[first].role)) {
        i++;
    }
    return i;
}

void message_answer_init(struct message_answer *a)
{
    *a = (struct message_answer){.created_s = -1};
    usage_init(&a->usage);
}

void message_notes_init(struct message_notes *notes, struct arena *arena, bool strict,
                        const char *target)
{
    *notes = (struct message_notes){.arena = arena, .strict = strict, .target = target};
}

/* Paths hold what a client wrote and end in a header. */
static void make_plain(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || (unsigned char)*text >= 0x7f) {
            *text = '?';
        }
    }
}

static int refuse(struct message_notes *notes, struct error *err, const char *why, const char *path)
{
    snprintf(notes->refused, sizeof(notes->refused), "%s", path);
    return error_set(err, ERR_INVALID,
                     "%s cannot be expressed for %s%s%s; leave it out or call a "
                     "model that takes it",
                     path, notes->target, why ? ": " : "", why ? why : "");
}

int message_drop(struct message_notes *notes, struct error *err, const char *path, ...)
{
    char text[MESSAGE_NOTE_MAX];
    va_list args;
    va_start(args, path);
    vsnprintf(text, sizeof(text), path, args);
    va_end(args);
    make_plain(text);
    if (notes->strict) {
        return refuse(notes, err, "its policy is strict", text);
    }
    for (size_t i = 0; i < notes->dropped_count; i++) {
        if (strcmp(notes->dropped[i], text) == 0) {
            return 0;
        }
    }
    if (notes->dropped_count == MESSAGE_NOTES_MAX) {
        notes->more++;
        return 0;
    }
    memcpy(notes->dropped[notes->dropped_count++], text, sizeof(text));
    return 0;
}

int message_refuse(struct message_notes *notes, struct error *err, const char *why,
                   const char *path, ...)
{
    char text[MESSAGE_NOTE_MAX];
    va_list args;
    va_start(args, path);
    vsnprintf(text, sizeof(text), path, args);
    va_end(args);
    make_plain(text);
    return refuse(notes, err, why, text);
}

void message_notes_list(const struct message_notes *notes, char *out, size_t n)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < notes->dropped_count && at < n; i++) {
        int put = snprintf(out + at, n - at, "%s%s", i > 0 ? ", " : "", notes->dropped[i]);
        at += put > 0 ? (size_t)put : 0;
    }
    if (notes->more > 0 && at < n) {
        snprintf(out + at, n - at, ", and %zu more", notes->more);
    }
}
