#ifndef CMD_TRACE_TABLE_H
#define CMD_TRACE_TABLE_H

/*
 * Traces as a table, one a row: what a person scans for the call that matters.
 */
#include "cmd/table_out.h"
#include "store/trace.h"

/* A table with the columns of traces; see table_out.h. */
void trace_table_init(struct table_out *table, bool color, struct buf *out);
void trace_table_row(struct table_out *table, const struct trace *trace);

#endif
