#ifndef SIM_SIM_SCHEMA_H
#define SIM_SIM_SCHEMA_H

/*
 * Instances of JSON Schemas: what the simulated models answer in JSON mode and as tool arguments.
 *
 * Understood: type (also a list), const, enum, anyOf, oneOf, allOf, $ref within the document,
 * properties, required, additionalProperties, minProperties, items, prefixItems, minItems,
 * maxItems, uniqueItems, minLength, maxLength, pattern (see sim_pattern.h), format, minimum,
 * maximum and their exclusive forms, multipleOf. Other keywords are not looked at: an instance may
 * break them (`not`, `if`, `contains`, `dependentRequired`, ...).
 *
 * Recursive schemas end: below SIM_SCHEMA_SHALLOW levels only what is required is written and
 * alternatives without structure are preferred; at SIM_SCHEMA_DEPTH_MAX empty containers are.
 */
#include "core/arena.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/rand.h"

#define SIM_SCHEMA_DEPTH_MAX 32
#define SIM_SCHEMA_SHALLOW   4
#define SIM_SCHEMA_NODES_MAX 2000
#define SIM_SCHEMA_BYTES_MAX (1u << 20)

/* Appends an instance, minified. A schema that is no object allows anything: a string is written.
 */
void sim_schema_write(struct arena *arena, yyjson_val *schema, struct rand_state *rand,
                      struct buf *out);

/* Makes JSON text wrong in one of the ways models do: cut short, or with a comma too many. */
struct str sim_schema_spoil(struct arena *arena, struct str json, struct rand_state *rand);

#endif
