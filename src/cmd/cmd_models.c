#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/setup.h"
#include "cmd/table_out.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/str.h"
#include "engine/settings.h"
#include "llm/catalogue.h"

#define LIST_BYTES_MAX           (64u << 20)
#define PRICE_TEXT_MAX           32
#define PICO_PER_USD_PER_MILLION 1000000

struct models_options {
    const char *config;
    bool json;
};

/* What is listed: where to, for which words, as of when. */
struct list {
    struct buf *out;
    const struct setup *setup;
    struct str query;
    int64_t now_ms;
    size_t n;
    struct table_out table;
};

static bool contains_nocase(struct str text, struct str word)
{
    for (size_t i = 0; i + word.n <= text.n; i++) {
        if (str_eq_nocase(str_make(text.p + i, word.n), word)) {
            return true;
        }
    }
    return false;
}

/* The words of the query stand somewhere in "vendor/model". */
static bool is_asked(const struct list *list, const struct catalogue_row *row)
{
    struct str rest = list->query;

    while (rest.n > 0) {
        struct str word = str_split(&rest, '/');
        if (!contains_nocase(row->vendor, word) && !contains_nocase(row->model, word)) {
            return false;
        }
    }
    return true;
}

/* USD per million tokens, exactly: "0.0375"; "-" where the vendor has no such price. */
static const char *price_text(int64_t pico, char *out)
{
    if (pico < 0) {
        return "-";
    }
    int n =
        snprintf(out, PRICE_TEXT_MAX, "%lld.%06lld", (long long)(pico / PICO_PER_USD_PER_MILLION),
                 (long long)(pico % PICO_PER_USD_PER_MILLION));
    size_t end = (size_t)n;
    while (end > 0 && out[end - 1] == '0') {
        end--;
    }
    out[out[end - 1] == '.' ? end - 1 : end] = '\0';
    return out;
}

/* --- one row ------------------------------------------------------------------------------- */

static void put_row(struct list *list, const struct catalogue_row *row)
{
    const int64_t prices[] = {row->price.input, row->price.cached, row->price.output};
    char text[PRICE_TEXT_MAX];

    list->n++;
    table_out_cell(&list->table, row->vendor);
    table_out_cell(&list->table, row->model);
    table_out_i64(&list->table, row->context_window);
    for (size_t i = 0; i < ARRAY_LEN(prices); i++) {
        table_out_cell(&list->table, str_of(price_text(prices[i], text)));
    }
}

static void json_price(struct buf *out, const char *name, int64_t pico)
{
    char text[PRICE_TEXT_MAX];

    if (pico >= 0) {
        buf_putf(out, ",\"%s\":%s", name, price_text(pico, text));
    }
}

static void json_row(struct list *list, const struct catalogue_row *row)
{
    char date[CLOCK_TEXT_MAX];
    const struct catalogue_price *p = &row->price;
    struct buf *out = list->out;

    buf_puts(out, list->n++ ? ",{\"vendor\":" : "{\"vendor\":");
    buf_put_json(out, row->vendor);
    buf_puts(out, ",\"model\":");
    buf_put_json(out, row->model);
    buf_putf(out, ",\"context_window\":%lld,\"max_output\":%lld,\"usd_per_million_tokens\":{",
             (long long)row->context_window, (long long)row->max_output);
    size_t start = out->n;
    json_price(out, "input", p->input);
    json_price(out, "cached", p->cached);
    json_price(out, "cache_write", p->cache_write);
    json_price(out, "cache_write_1h", p->cache_write_1h);
    json_price(out, "output", p->output);
    json_price(out, "batch_input", p->batch_input);
    json_price(out, "batch_cached", p->batch_cached);
    json_price(out, "batch_output", p->batch_output);
    json_price(out, "long_input", p->long_input);
    json_price(out, "long_cached", p->long_cached);
    json_price(out, "long_output", p->long_output);
    if (out->n > start) {
        memmove(out->p + start, out->p + start + 1, --out->n - start);
    }
    buf_putc(out, '}');
    if (p->long_threshold > 0) {
        buf_putf(out, ",\"long_threshold\":%lld", (long long)p->long_threshold);
    }
    if (row->effective_ms > 0) {
        clock_format_day(row->effective_ms, date);
        buf_putf(out, ",\"effective_from\":\"%s\"", date);
    }
    buf_putc(out, '}');
}

/* Every model once, with the price in force. */
static void each_row(struct list *list, void (*put)(struct list *, const struct catalogue_row *))
{
    const struct catalogue *catalogue = list->setup->catalogue;

    for (size_t i = 0; i < catalogue->n; i++) {
        const struct catalogue_row *row = &catalogue->rows[i];
        if (is_asked(list, row) &&
            catalogue_find(catalogue, row->vendor, row->model, list->now_ms) == row) {
            put(list, row);
        }
    }
}

/* --- the configured aliases ---------------------------------------------------------------- */

static void put_aliases(struct list *list)
{
    const struct settings *s = list->setup->settings;

    for (size_t i = 0; s && i < s->model_count; i++) {
        const struct settings_model *m = &s->models[i];
        if (!contains_nocase(m->alias, list->query)) {
            continue;
        }
        buf_putf(list->out, "%s%-24.*s ", list->n++ ? "" : "configured in this gateway\n",
                 STR_ARG(m->alias));
        for (size_t j = 0; j < m->target_count; j++) {
            buf_putf(list->out, "%s%.*s/%.*s", j ? ", then " : "",
                     STR_ARG(m->targets[j].provider->name), STR_ARG(m->targets[j].model));
        }
        buf_putc(list->out, '\n');
    }
}

static void json_aliases(struct list *list)
{
    const struct settings *s = list->setup->settings;

    for (size_t i = 0; s && i < s->model_count; i++) {
        const struct settings_model *m = &s->models[i];
        if (!contains_nocase(m->alias, list->query)) {
            continue;
        }
        buf_puts(list->out, list->n++ ? ",{\"alias\":" : "{\"alias\":");
        buf_put_json(list->out, m->alias);
        buf_puts(list->out, ",\"targets\":[");
        for (size_t j = 0; j < m->target_count; j++) {
            buf_puts(list->out, j ? ",{\"provider\":" : "{\"provider\":");
            buf_put_json(list->out, m->targets[j].provider->name);
            buf_puts(list->out, ",\"model\":");
            buf_put_json(list->out, m->targets[j].model);
            buf_putc(list->out, '}');
        }
        buf_puts(list->out, "]}");
    }
}

/* ------------------------------------------------------------------------------------------- */

static void put_json(struct list *list)
{
    buf_putf(list->out, "{\"catalogue\":\"%.*s\",\"configured\":[",
             STR_ARG(list->setup->catalogue->version));
    json_aliases(list);
    buf_puts(list->out, "],\"models\":[");
    list->n = 0;
    each_row(list, json_row);
    buf_puts(list->out, "]}\n");
}

static void put_person(struct list *list)
{
    static const struct table_out_column columns[] = {
        {"VENDOR",  TABLE_OUT_LEFT },
        {"MODEL",   TABLE_OUT_LEFT },
        {"CONTEXT", TABLE_OUT_RIGHT},
        {"INPUT",   TABLE_OUT_POINT},
        {"CACHED",  TABLE_OUT_POINT},
        {"OUTPUT",  TABLE_OUT_POINT},
    };
    char shown[STR_SHOW_MAX];

    put_aliases(list);
    size_t aliases = list->n;
    buf_puts(list->out, aliases ? "\n" : "");
    list->n = 0;
    table_out_init(&list->table, columns, ARRAY_LEN(columns), table_out_wants_color(), list->out);
    each_row(list, put_row);
    table_out_end(&list->table);
    table_out_release(&list->table);
    if (list->n > 0) {
        buf_putf(list->out, "\n%zu model%s; USD per million tokens, catalogue %.*s\n", list->n,
                 list->n == 1 ? "" : "s", STR_ARG(list->setup->catalogue->version));
    } else {
        buf_putf(list->out, "the catalogue knows no model like \"%s\"\n",
                 str_show(list->query, shown));
    }
}

static int run(const struct cmd_context *context, const void *options, struct error *err)
{
    const struct models_options *o = options;
    struct setup setup;
    struct buf text;

    int result = setup_load_if_any(&setup, o->config, err);
    if (result != 0) {
        return result;
    }
    buf_init(&text, LIST_BYTES_MAX);
    struct list list = {
        .out = &text,
        .setup = &setup,
        .query = str_of(context->args->n ? context->args->items[0] : NULL),
        .now_ms = clock_wall_ms(),
    };
    (o->json ? put_json : put_person)(&list);
    fwrite(buf_str(&text).p, 1, text.n, stdout);
    buf_release(&text);
    setup_release(&setup);
    return CMD_FINE;
}

static const struct opt opts[] = {
    CMD_OPT_CONFIG(struct models_options, config),
    CMD_OPT_JSON(struct models_options, json),
};

const struct cmd cmd_models = {
    .name = "models",
    .summary = "list known models with their prices, and those configured",
    .usage = "[--config FILE] [--json] [QUERY]",
    .help = "QUERY keeps the models whose vendor or name contains it; vendor/name asks for both.\n"
            "Prices are those in force today; the configuration may override them.",
    .example = "weir models haiku\nweir models --json openai/mini",
    .opts = opts,
    .opt_count = ARRAY_LEN(opts),
    .options_size = sizeof(struct models_options),
    .args_max = 1,
    .run = run,
};
