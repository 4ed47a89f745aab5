#ifndef LLM_WIRE_JSON_H
#define LLM_WIRE_JSON_H

/*
 * What wires share for reading and writing JSON: typed members that name themselves when they are
 * wrong, tables of an object's known members, bodies that live in an arena, events that are parsed
 * without the heap.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/attr.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/json.h"
#include "core/str.h"
#include "llm/message.h"

/* --- whole bodies ------------------------------------------------------------------------ */

/* The object that `body` holds; its strings live as long as the arena. NULL with *err set. */
yyjson_val *wire_json_body(struct str body, struct arena *arena, struct error *err);
/* A value as JSON text, in the arena. */
struct str wire_json_text(struct arena *arena, yyjson_val *value);

/* --- events ------------------------------------------------------------------------------ */

#define WIRE_JSON_POOL_BYTES (12u << 10) /* events up to about 1 KB need no heap */

/* Stands on the stack while one event is read. */
struct wire_event {
    /* private */
    yyjson_doc *doc;
    yyjson_alc pool;
    char memory[WIRE_JSON_POOL_BYTES];
};

/* The object that the event's data holds, or NULL when it holds none (nothing to release then). */
yyjson_val *wire_event_parse(struct wire_event *event, struct str data);
void wire_event_release(struct wire_event *event);

/* --- typed members ----------------------------------------------------------------------- */

/* Where reading stands: the path of an object, for messages about its members. */
struct wire_at {
    struct message_notes *notes;
    struct error *err;
    char path[MESSAGE_NOTE_MAX]; /* empty at the top */
};

struct wire_at wire_at_top(struct message_notes *notes, struct error *err);
/* Of a member, and of an element of an array that is a member. */
struct wire_at wire_at_member(const struct wire_at *at, const char *key);
struct wire_at wire_at_element(const struct wire_at *at, const char *key, size_t index);

/* ERR_INVALID: "PATH must be WANT"; `key` may be NULL: the object itself. */
int wire_invalid(const struct wire_at *at, const char *key, const char *want);
/* message_drop and message_refuse for a member; `key` may be NULL. */
MUST_CHECK int wire_drop(const struct wire_at *at, const char *key);
MUST_CHECK int wire_refuse(const struct wire_at *at, const char *key, const char *why);

/* A member of the type, or ERR_INVALID. Absent and null leave *ret as it is. */
MUST_CHECK int wire_get_str(const struct wire_at *at, yyjson_val *object, const char *key,
                            struct str *ret_value);
MUST_CHECK int wire_get_num(const struct wire_at *at, yyjson_val *object, const char *key,
                            double *ret_value);
/* Whole numbers from `min` on; 100.0 is one. */
MUST_CHECK int wire_get_i64(const struct wire_at *at, yyjson_val *object, const char *key,
                            int64_t min, int64_t *ret_value);
MUST_CHECK int wire_get_bool(const struct wire_at *at, yyjson_val *object, const char *key,
                             bool *ret_value);
/* For members that may be -1 = not given. */
MUST_CHECK int wire_get_flag(const struct wire_at *at, yyjson_val *object, const char *key,
                             int *ret_value);
/* An object; NULL when it is not there. */
MUST_CHECK int wire_get_obj(const struct wire_at *at, yyjson_val *object, const char *key,
                            yyjson_val **ret_value);
/* An array of at most MESSAGE_COUNT_MAX elements; NULL when it is not there. */
MUST_CHECK int wire_get_arr(const struct wire_at *at, yyjson_val *object, const char *key,
                            yyjson_val **ret_value);
/* An object as JSON text in the notes' arena. */
MUST_CHECK int wire_get_json(const struct wire_at *at, yyjson_val *object, const char *key,
                             struct str *ret_value);

/* --- known members ----------------------------------------------------------------------- */

enum wire_member_use {
    WIRE_READ = 0, /* by code beside the table */
    WIRE_IGNORED,  /* says nothing that an answer could show */
    WIRE_DROPPED,  /* named in the notes when it says anything */
    WIRE_REFUSED   /* when it says anything */
};

struct wire_member {
    const char *name; /* NULL ends a table */
    enum wire_member_use use;
    const char *why; /* REFUSED: for the message; may be NULL */
};

/* Holds the object's members against the table: unknown ones are dropped and named. Null, false
 * and empty containers say nothing. */
MUST_CHECK int wire_check_members(const struct wire_at *at, yyjson_val *object,
                                  const struct wire_member *table);

/* --- writing ----------------------------------------------------------------------------- */

/* "key": with a comma before it unless it is the first of its object; a comma unless the next
 * value is the first of its array, or a member's. What stands at the end of `out` tells. */
void wire_put_key(struct buf *out, const char *key);
void wire_put_item(struct buf *out);
/* A whole member, however empty. */
void wire_put_str(struct buf *out, const char *key, struct str value);

/* The shortest digits that read back as the same number; `value` is finite. */
void wire_put_num(struct buf *out, double value);
/* ,"key":"value" when there is a value. The comma before it, so that the object must have a member
 * already. */
void wire_put_str_member(struct buf *out, const char *key, struct str value);
/* ,"key":1 unless the value is the one that stands for "not given". */
void wire_put_i64_member(struct buf *out, const char *key, int64_t value, int64_t absent);
/* ,"key":0.7 unless it is NaN. */
void wire_put_num_member(struct buf *out, const char *key, double value);

#endif
