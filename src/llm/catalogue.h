#ifndef LLM_CATALOGUE_H
#define LLM_CATALOGUE_H

/*
 * The model catalogue: what each model is and what it costs, by vendor, with effective dates.
 *
 * Built from data/catalogue.csv, which is embedded into the binary; immutable after loading, so
 * threads may share it. Prices are in pico-dollars per token (1e-12 USD; $0.0375 per million
 * tokens = 37,500), integer, so that sums are exact; -1 = the vendor does not offer it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/attr.h"
#include "core/error.h"
#include "core/map.h"
#include "core/str.h"

#define CATALOGUE_ROWS_MAX 20000
/* A million dollars per million tokens. */
#define CATALOGUE_PRICE_MAX 1000000000000

struct catalogue_price {
    int64_t input, cached, cache_write, cache_write_1h, output; /* pico-dollars per token */
    int64_t batch_input, batch_cached, batch_output;
    int64_t long_threshold; /* input tokens above which the long_* prices hold; 0 = none */
    int64_t long_input, long_cached, long_output;
};

struct catalogue_row {
    struct str vendor;
    struct str model;
    int64_t context_window, max_output; /* tokens; 0 = not known */
    int64_t effective_ms;               /* wall time from which this price holds; 0 = always */
    struct catalogue_price price;
    struct str source;
    size_t line; /* of the CSV */
};

struct catalogue {
    struct arena arena;
    struct str version;         /* hash of the data, short */
    struct catalogue_row *rows; /* by vendor, model, date */
    size_t n;
    struct map by_name; /* private: vendor and model -> the first of their rows */
};

/*
 * Parses CSV text: a head row with the columns' names in the order of data/catalogue.csv, then one
 * row per model and date. Errors are ERR_INVALID and name file, line and column.
 */
MUST_CHECK int catalogue_parse(struct str csv, const char *name, struct catalogue **ret_catalogue,
                               struct error *err);
/* The embedded data. */
MUST_CHECK int catalogue_load_embedded(struct catalogue **ret_catalogue, struct error *err);
void catalogue_free(struct catalogue *catalogue);

/*
 * The row in force at `at_ms` for a vendor's model. Names are tried as given, then without a date
 * suffix (-2025-08-07, -20250807), then without "-latest". NULL when unknown.
 */
const struct catalogue_row *catalogue_find(const struct catalogue *catalogue, struct str vendor,
                                           struct str model, int64_t at_ms);

/* The vendor behind an API host ("api.openai.com" -> "openai"), or empty. Hosts whose prices differ
 * from the vendor's list (regional ones, resellers) are not mapped. */
struct str catalogue_vendor_of_host(struct str host);

/* Every price -1, no long-context tier. */
void catalogue_price_init(struct catalogue_price *price);
/* Decimal USD per million tokens, at most six decimals, to pico-dollars per token; 0 or
 * ERR_INVALID. */
MUST_CHECK int catalogue_price_parse(struct str text, int64_t *ret_pico);

#endif
