#include "llm/catalogue.h"

#include <stdlib.h>

#include "catalogue_gen.h"
#include "core/hash.h"
#include "core/mem.h"
#include "llm/csv.h"

#define VERSION_DIGITS 12
#define NAME_BYTES_MAX 200
/* Between vendor and model in the index: both may hold slashes. */
#define NAME_SEPARATOR '\n'
#define DAY_MS         86400000

enum column_type { COLUMN_TEXT = 0, COLUMN_NAME, COLUMN_TOKENS, COLUMN_PRICE, COLUMN_DATE };

struct column {
    const char *name;
    enum column_type type;
    size_t offset; /* in struct catalogue_row */
};

#define COLUMN(name, type, member)                                                                 \
    {                                                                                              \
        name, type, offsetof(struct catalogue_row, member)                                         \
    }

/* The columns of the CSV, in order. */
static const struct column columns[] = {
    COLUMN("vendor", COLUMN_NAME, vendor),
    COLUMN("model", COLUMN_NAME, model),
    COLUMN("effective_from", COLUMN_DATE, effective_ms),
    COLUMN("context_window", COLUMN_TOKENS, context_window),
    COLUMN("max_output", COLUMN_TOKENS, max_output),
    COLUMN("input", COLUMN_PRICE, price.input),
    COLUMN("cached", COLUMN_PRICE, price.cached),
    COLUMN("cache_write", COLUMN_PRICE, price.cache_write),
    COLUMN("cache_write_1h", COLUMN_PRICE, price.cache_write_1h),
    COLUMN("output", COLUMN_PRICE, price.output),
    COLUMN("batch_input", COLUMN_PRICE, price.batch_input),
    COLUMN("batch_cached", COLUMN_PRICE, price.batch_cached),
    COLUMN("batch_output", COLUMN_PRICE, price.batch_output),
    COLUMN("long_threshold", COLUMN_TOKENS, price.long_threshold),
    COLUMN("long_input", COLUMN_PRICE, price.long_input),
    COLUMN("long_cached", COLUMN_PRICE, price.long_cached),
    COLUMN("long_output", COLUMN_PRICE, price.long_output),
    COLUMN("source", COLUMN_TEXT, source),
};

struct vendor_host {
    const char *host;
    const char *vendor;
};

static const struct vendor_host vendor_hosts[] = {
    {"api.openai.com",                    "openai"    },
    {"api.anthropic.com",                 "anthropic" },
    {"generativelanguage.googleapis.com", "google"    },
    {"api.x.ai",                          "xai"       },
    {"api.deepseek.com",                  "deepseek"  },
    {"api.mistral.ai",                    "mistral"   },
    {"api.moonshot.ai",                   "moonshotai"},
    {"api.z.ai",                          "zai"       },
    {"api.minimax.io",                    "minimax"   },
    {"api.llama.com",                     "meta"      },
    {"api.groq.com",                      "groq"      },
    {"api.cerebras.ai",                   "cerebras"  },
    {"api.together.xyz",                  "together"  },
    {"api.together.ai",                   "together"  },
    {"openrouter.ai",                     "openrouter"},
};

void catalogue_price_init(struct catalogue_price *price)
{
    *price = (struct catalogue_price){.input = -1,
                                      .cached = -1,
                                      .cache_write = -1,
                                      .cache_write_1h = -1,
                                      .output = -1,
                                      .batch_input = -1,
                                      .batch_cached = -1,
                                      .batch_output = -1,
                                      .long_input = -1,
                                      .long_cached = -1,
                                      .long_output = -1};
}

int catalogue_price_parse(struct str text, int64_t *ret_pico)
{
    struct str rest = str_trim(text);
    struct str whole = str_split(&rest, '.');
    bool dot = whole.n < str_trim(text).n;
    uint64_t pico = 0;
    if (str_to_u64(whole, &pico) < 0 || pico > CATALOGUE_PRICE_MAX / 1000000) {
        return ERR_INVALID;
    }
    while (rest.n > 6 && rest.p[rest.n - 1] == '0') {
        rest.n--;
    }
    if (rest.n > 6 || (dot && rest.n == 0)) {
        return ERR_INVALID;
    }
    for (size_t i = 0; i < 6; i++) {
        char digit = i < rest.n ? rest.p[i] : '0';
        if (digit < '0' || digit > '9') {
            return ERR_INVALID;
        }
        pico = pico * 10 + (uint64_t)(digit - '0');
    }
    if (pico > CATALOGUE_PRICE_MAX) {
        return ERR_INVALID;
    }
    *ret_pico = (int64_t)pico;
    return 0;
}

/* --- reading the CSV ---------------------------------------------------------------------- */

/* Days since 1970-01-01 of a Gregorian date; years run from March, so that leap days come last. */
static int64_t days_since_epoch(int64_t year, int64_t month, int64_t day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t month_from_march = month > 2 ? month - 3 : month + 9;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    return y * 365 + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    int64_t next_year = month == 12 ? year + 1 : year;
    int64_t next_month = month == 12 ? 1 : month + 1;
    return days_since_epoch(next_year, next_month, 1) - days_since_epoch(year, month, 1);
}

/* "2026-10-07" to its first millisecond in UTC. */
static int parse_date(struct str text, int64_t *ret_ms)
{
    int64_t year = 0;
    int64_t month = 0;
    int64_t day = 0;
    if (text.n != 10 || text.p[4] != '-' || text.p[7] != '-' ||
        str_to_i64(str_head(text, 4), &year) < 0 ||
        str_to_i64(str_make(text.p + 5, 2), &month) < 0 ||
        str_to_i64(str_make(text.p + 8, 2), &day) < 0) {
        return ERR_INVALID;
    }
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) {
        return ERR_INVALID;
    }
    *ret_ms = days_since_epoch(year, month, day) * DAY_MS;
    return 0;
}

static const char *const expectations[] = {
    [COLUMN_TEXT] = "text",
    [COLUMN_NAME] = "a name",
    [COLUMN_TOKENS] = "a number of tokens, or nothing",
    [COLUMN_PRICE] = "USD per million tokens with at most six decimals, or nothing",
    [COLUMN_DATE] = "a date such as 2026-10-07, or nothing",
};

static bool is_name(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] < ' ') {
            return false;
        }
    }
    return text.n > 0 && text.n <= NAME_BYTES_MAX;
}

/* Reads one field into its member of `row`. */
static int read_field(struct catalogue *catalogue, const struct column *column, struct str text,
                      struct catalogue_row *row)
{
    void *member = (char *)row + column->offset;
    int64_t *number = member;
    switch (column->type) {
    case COLUMN_NAME:
        if (!is_name(text)) {
            return ERR_INVALID;
        }
        *(struct str *)member = arena_str(&catalogue->arena, text);
        return 0;
    case COLUMN_TEXT:
        *(struct str *)member = arena_str(&catalogue->arena, text);
        return 0;
    case COLUMN_TOKENS:
        *number = 0;
        return text.n == 0 || (str_to_i64(text, number) == 0 && *number >= 0) ? 0 : ERR_INVALID;
    case COLUMN_PRICE:
        *number = -1;
        return text.n == 0 ? 0 : catalogue_price_parse(text, number);
    case COLUMN_DATE:
        *number = 0;
        return text.n == 0 ? 0 : parse_date(text, number);
    }
    return ERR_INVALID;
}

static int check_width(const struct csv *csv, struct error *err)
{
    if (csv->n == ARRAY_LEN(columns)) {
        return 0;
    }
    return error_set(err, ERR_INVALID, "%s:%zu:1: %zu fields, expected %zu", csv->name,
                     csv->fields[0].line, csv->n, ARRAY_LEN(columns));
}

static int check_head(const struct csv *csv, struct error *err)
{
    int status = check_width(csv, err);
    for (size_t i = 0; status == 0 && i < ARRAY_LEN(columns); i++) {
        const struct csv_field *field = &csv->fields[i];
        if (!str_is(field->text, columns[i].name)) {
            status = error_set(err, ERR_INVALID, "%s:%zu:%zu: column \"%.*s\", expected \"%s\"",
                               csv->name, field->line, field->column,
                               STR_ARG(str_head(field->text, 64)), columns[i].name);
        }
    }
    return status;
}

static int read_row(struct catalogue *catalogue, const struct csv *csv, struct error *err)
{
    int status = check_width(csv, err);
    if (status < 0) {
        return status;
    }
    struct catalogue_row row = {.line = csv->fields[0].line};
    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        const struct csv_field *field = &csv->fields[i];
        if (read_field(catalogue, &columns[i], field->text, &row) < 0) {
            return error_set(err, ERR_INVALID, "%s:%zu:%zu: %s is \"%.*s\", expected %s", csv->name,
                             field->line, field->column, columns[i].name,
                             STR_ARG(str_head(field->text, 64)), expectations[columns[i].type]);
        }
    }
    if ((row.price.long_threshold > 0) != (row.price.long_input >= 0)) {
        return error_set(err, ERR_INVALID,
                         "%s:%zu:1: long_threshold and long_input need each other", csv->name,
                         row.line);
    }
    catalogue->rows[catalogue->n++] = row;
    return 0;
}

static int compare_rows(const void *a, const void *b)
{
    const struct catalogue_row *x = a;
    const struct catalogue_row *y = b;
    int order = str_cmp(x->vendor, y->vendor);
    if (order == 0) {
        order = str_cmp(x->model, y->model);
    }
    if (order == 0) {
        order = x->effective_ms < y->effective_ms ? -1 : x->effective_ms > y->effective_ms;
    }
    return order;
}

static bool same_model(const struct catalogue_row *a, const struct catalogue_row *b)
{
    return str_eq(a->vendor, b->vendor) && str_eq(a->model, b->model);
}

static int index_rows(struct catalogue *catalogue, const char *name, struct error *err)
{
    struct catalogue_row *rows = catalogue->rows;
    if (catalogue->n > 1) {
        qsort(rows, catalogue->n, sizeof(rows[0]), compare_rows);
    }
    for (size_t i = 0; i < catalogue->n; i++) {
        if (i > 0 && same_model(&rows[i - 1], &rows[i])) {
            if (rows[i - 1].effective_ms == rows[i].effective_ms) {
                return error_set(err, ERR_INVALID,
                                 "%s:%zu:1: %.*s/%.*s stands in line %zu for the same date", name,
                                 rows[i].line, STR_ARG(rows[i].vendor), STR_ARG(rows[i].model),
                                 rows[i - 1].line);
            }
            continue;
        }
        struct str key = arena_printf(&catalogue->arena, "%.*s%c%.*s", STR_ARG(rows[i].vendor),
                                      NAME_SEPARATOR, STR_ARG(rows[i].model));
        map_put(&catalogue->by_name, key, &rows[i]);
    }
    return 0;
}

static int read_rows(struct catalogue *catalogue, struct csv *csv, struct error *err)
{
    int status = csv_next(csv, err);
    if (status == 0) {
        return error_set(err, ERR_INVALID, "%s:1:1: no rows; expected a head row", csv->name);
    }
    status = status < 0 ? status : check_head(csv, err);
    while (status >= 0 && (status = csv_next(csv, err)) > 0) {
        if (catalogue->n == CATALOGUE_ROWS_MAX) {
            return error_set(err, ERR_LIMIT, "%s:%zu:1: more than %d rows", csv->name,
                             csv->fields[0].line, CATALOGUE_ROWS_MAX);
        }
        status = read_row(catalogue, csv, err);
    }
    return status;
}

static size_t count_lines(struct str text)
{
    size_t lines = 1;
    for (size_t i = 0; i < text.n; i++) {
        lines += text.p[i] == '\n' ? 1 : 0;
    }
    return lines;
}

int catalogue_parse(struct str csv, const char *name, struct catalogue **ret_catalogue,
                    struct error *err)
{
    struct catalogue *catalogue = x_calloc(1, sizeof(*catalogue));
    arena_init(&catalogue->arena);
    map_init(&catalogue->by_name);
    size_t most = count_lines(csv);
    most = most < CATALOGUE_ROWS_MAX ? most : CATALOGUE_ROWS_MAX;
    catalogue->rows = ARENA_ARRAY(&catalogue->arena, struct catalogue_row, most);

    struct csv reader;
    csv_init(&reader, csv, name, &catalogue->arena);
    int status = read_rows(catalogue, &reader, err);
    status = status < 0 ? status : index_rows(catalogue, name, err);
    if (status < 0) {
        catalogue_free(catalogue);
        return status;
    }
    struct hash_sha256 hash;
    char hex[HASH_SHA256_HEX + 1];
    hash_sha256(csv, &hash);
    hash_sha256_hex(&hash, hex);
    catalogue->version = arena_str(&catalogue->arena, str_make(hex, VERSION_DIGITS));
    *ret_catalogue = catalogue;
    return 0;
}

int catalogue_load_embedded(struct catalogue **ret_catalogue, struct error *err)
{
    return catalogue_parse(str_make(data_catalogue, data_catalogue_len), "catalogue.csv",
                           ret_catalogue, err);
}

void catalogue_free(struct catalogue *catalogue)
{
    if (!catalogue) {
        return;
    }
    map_release(&catalogue->by_name);
    arena_release(&catalogue->arena);
    x_free(catalogue);
}

/* --- looking up --------------------------------------------------------------------------- */

static const struct catalogue_row *find_exact(const struct catalogue *catalogue, struct str vendor,
                                              struct str model, int64_t at_ms)
{
    char key[2 * NAME_BYTES_MAX + 1];
    if (vendor.n > NAME_BYTES_MAX || model.n > NAME_BYTES_MAX) {
        return NULL;
    }
    memcpy(key, vendor.p, vendor.n);
    key[vendor.n] = NAME_SEPARATOR;
    memcpy(key + vendor.n + 1, model.p, model.n);
    const struct catalogue_row *row =
        map_get(&catalogue->by_name, str_make(key, vendor.n + 1 + model.n));
    const struct catalogue_row *end = catalogue->rows + catalogue->n;
    const struct catalogue_row *found = NULL;
    for (const struct catalogue_row *at = row; at && at < end && same_model(row, at); at++) {
        if (at->effective_ms <= at_ms) {
            found = at;
        }
    }
    return found;
}

/* Does the text end in this pattern, where '0' stands for any digit? */
static bool ends_like(struct str text, const char *pattern)
{
    struct str form = str_of(pattern);
    if (text.n <= form.n) {
        return false;
    }
    const char *tail = text.p + text.n - form.n;
    for (size_t i = 0; i < form.n; i++) {
        bool digit = tail[i] >= '0' && tail[i] <= '9';
        if (form.p[i] == '0' ? !digit : tail[i] != form.p[i]) {
            return false;
        }
    }
    return true;
}

const struct catalogue_row *catalogue_find(const struct catalogue *catalogue, struct str vendor,
                                           struct str model, int64_t at_ms)
{
    static const char *const suffixes[] = {"-0000-00-00", "-00000000", "-latest"};
    const struct catalogue_row *row = find_exact(catalogue, vendor, model, at_ms);
    for (size_t i = 0; !row && i < ARRAY_LEN(suffixes); i++) {
        if (ends_like(model, suffixes[i])) {
            struct str stem = str_head(model, model.n - str_of(suffixes[i]).n);
            row = find_exact(catalogue, vendor, stem, at_ms);
        }
    }
    return row;
}

struct str catalogue_vendor_of_host(struct str host)
{
    for (size_t i = 0; i < ARRAY_LEN(vendor_hosts); i++) {
        if (str_eq_nocase(host, str_of(vendor_hosts[i].host))) {
            return str_of(vendor_hosts[i].vendor);
        }
    }
    if (str_starts_nocase(host, STR("bedrock-runtime.")) && str_ends(host, STR(".amazonaws.com"))) {
        return STR("amazon-bedrock");
    }
    return STR_EMPTY;
}
