#ifndef CORE_JSON_H
#define CORE_JSON_H

/*
 * JSON: parsing by yyjson with limits on top, and a scanner that finds where the members of an
 * object stand in the original bytes, so that one member can be edited by splicing and everything
 * else passes byte for byte.
 *
 * Readers use the yyjson_* functions on what json_parse returns. Strings are valid UTF-8.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* yyjson names the members of its allocator like the C library's functions. */
#pragma push_macro("malloc")
#pragma push_macro("realloc")
#pragma push_macro("free")
#undef malloc
#undef realloc
#undef free
#include <yyjson.h>
#pragma pop_macro("malloc")
#pragma pop_macro("realloc")
#pragma pop_macro("free")

#include "core/arena.h"
#include "core/attr.h"
#include "core/buf.h"
#include "core/error.h"
#include "core/str.h"

#define JSON_DEPTH_MAX 128

/*
 * Parses a whole document. NULL with *err naming line, column and what was expected; deeper than
 * JSON_DEPTH_MAX is ERR_LIMIT. Free with yyjson_doc_free.
 */
MUST_CHECK yyjson_doc *json_parse(struct str text, struct error *err);

/* A document whose values are known by their bytes too. */
struct json_tree {
    yyjson_val *root;
    /* private */
    struct str text;
    const char *copy; /* where yyjson took the text's strings apart, in place */
};

/* As json_parse, with the document in the arena; `text` must outlive the tree. */
MUST_CHECK int json_tree_parse(struct str text, struct arena *arena, struct json_tree *ret_tree,
                               struct error *err);
/* The bytes of the value behind a key of one of the tree's objects, as they stand in the text:
 * numbers that no machine type holds and escapes are what they were. */
struct str json_tree_raw(const struct json_tree *tree, yyjson_val *key);

/* Where one member of an object stands. All spans point into the scanned text. */
struct json_member {
    struct str key;   /* between the quotes, escapes as written */
    struct str value; /* the value's bytes, without surrounding spaces */
    size_t start;     /* offset of the key's opening quote */
    size_t end;       /* offset behind the value */
};

struct json_scan {
    /* private */
    struct str text;
    size_t at;
    bool started;
    bool failed;
};

/* Walks the members of the object that `text` holds: a whole document, or a value span from an
 * earlier scan. json_scan_next is false at the end or when the text is no object, broken or too
 * deep; json_scan_ok tells which. It is as strict as json_parse: an object is scanned to its end
 * exactly if it parses, for a fraction of the cost and without memory; json_parse says what is
 * wrong with the others. */
void json_scan_init(struct json_scan *scan, struct str text);
bool json_scan_next(struct json_scan *scan, struct json_member *ret_member);
bool json_scan_ok(const struct json_scan *scan);
/* Compares a scanned key (which may hold escapes) with a plain ASCII name. */
bool json_key_is(struct str key, const char *name);
/* Finds a member by name; *ret_count (may be NULL) is how often the name occurs (the first is
 * returned). False when absent or broken. */
bool json_find(struct str object, const char *name, struct json_member *ret_member,
               size_t *ret_count);

/* Conveniences over yyjson: empty / fallback when absent or of another type. */
struct str json_str(yyjson_val *value);
struct str json_get_str(yyjson_val *object, const char *key);
int64_t json_get_i64(yyjson_val *object, const char *key, int64_t fallback);
double json_get_num(yyjson_val *object, const char *key, double fallback);
bool json_get_bool(yyjson_val *object, const char *key, bool fallback);

/* Appends the value, minified. */
void json_write(struct buf *out, yyjson_val *value);

#endif
