#ifndef LLM_SKIM_H
#define LLM_SKIM_H

/*
 * A skim over JSON: one pass, all depths, no allocation, no tree.
 *
 * Stream events come by the hundred for each call and only a few members of each matter. A skim
 * yields every value with its key, depth and place; a container is yielded when it opens and may be
 * skipped whole. It does not validate: on text that is no JSON it yields what looks like values and
 * always ends. A value that must be right is parsed from its span by core/json.h.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/str.h"

/* Keys of the containers around a value are known down to this depth. */
#define SKIM_PATH_MAX 8

enum skim_type {
    SKIM_STRING = 0,
    SKIM_NUMBER,
    SKIM_WORD, /* true, false, null and anything else */
    SKIM_OBJECT,
    SKIM_ARRAY
};

struct skim {
    /* private */
    struct str text;
    size_t at;
    size_t key_start;
    struct str key;
    unsigned depth;
    struct str path[SKIM_PATH_MAX + 1];
};

struct skim_value {
    enum skim_type type;
    unsigned depth;  /* containers around it: 1 = a member of the outermost object */
    struct str key;  /* as written between the quotes; empty for elements of arrays */
    struct str text; /* a string without quotes, escapes as written; a container's bracket */
    size_t start;    /* offset of the key's opening quote, or of the value when it has no key */
    size_t end;      /* offset behind the value */
};

void skim_init(struct skim *skim, struct str text);
bool skim_next(struct skim *skim, struct skim_value *ret_value);
/* Right after a container was yielded: goes behind it and widens value->text and end to all of it.
 */
void skim_skip(struct skim *skim, struct skim_value *value);

/* True when the container at `depth` around the last value is the member `key`. */
bool skim_inside(const struct skim *skim, unsigned depth, const char *key);

/* A number value as integer (fractions cut), or `fallback`. */
int64_t skim_i64(const struct skim_value *value, int64_t fallback);
bool skim_is_null(const struct skim_value *value);

/* The character that the escape at *at (a backslash) stands for; *at moves behind it. Half a
 * surrogate pair is U+FFFD. */
uint32_t skim_escape(struct str text, size_t *at);

/* A string's text unescaped: the text itself when nothing is escaped in it, else in `scratch`,
 * which is cleared first. */
struct str skim_text(struct str text, struct buf *scratch);

/* Copies a string's text into out[0..size), unescaped, cut at a character, ending in NUL. Control
 * characters become spaces, so that the copy is fit for a line of a log. */
void skim_copy(struct str text, char *out, size_t size);

#endif
