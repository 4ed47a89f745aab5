#ifndef WORKBENCH_TRACE_TRACE_REPORT_H
#define WORKBENCH_TRACE_TRACE_REPORT_H

/*
 * One trace, told to a person or as JSON: what was asked and answered, when, for how much, and why
 * it went where it went.
 *
 * Pure: a trace in, text out. The text holds what strangers wrote; who shows it on a terminal
 * cleans it.
 */
#include "core/buf.h"
#include "store/trace.h"

#define TRACE_REPORT_BYTES_MAX (1u << 30)

/* Appends the report. Bodies are shown in full: the request as indented JSON, the answer put
 * together from its stream. */
void trace_report_write(const struct trace *trace, struct buf *out);

/* Appends one JSON object on one line: the fields of trace_write_json, and `request_body`,
 * `response_body` (as JSON when they are, else as text) and `answer` (see transcript.h) when they
 * are kept. */
void trace_report_write_json(const struct trace *trace, struct buf *out);

/* Appends the answer's parts as a person reads them, each line behind `margin` spaces. */
void trace_report_write_answer(struct str body, size_t margin, struct buf *out);

#endif
