#ifndef ENGINE_SETTINGS_DOC_H
#define ENGINE_SETTINGS_DOC_H

/*
 * docs/config.md, made from the key tables that also check weir.yaml: what the page says is what
 * the program accepts.
 */
#include "core/buf.h"

#define SETTINGS_DOC_BYTES_MAX (256u << 10)

/* Appends the whole page, as Markdown. */
void settings_document(struct buf *out);

#endif
