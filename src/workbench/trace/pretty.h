#ifndef WORKBENCH_TRACE_PRETTY_H
#define WORKBENCH_TRACE_PRETTY_H

/*
 * JSON for people: one member or element a line, indented. Only spaces between values are changed:
 * order, numbers, escapes and double members stay as they were sent.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "core/str.h"

/* Appends the document with `margin` spaces before each line and a line break at the end. False,
 * and nothing appended, when it is no JSON. */
bool pretty_json(struct str text, size_t margin, struct buf *out);

/* Appends text with `margin` spaces before each of its lines and a line break at the end. */
void pretty_lines(struct str text, size_t margin, struct buf *out);

#endif
