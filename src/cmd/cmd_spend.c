#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/store_locate.h"
#include "cmd/table_out.h"
#include "cmd/when.h"
#include "core/buf.h"
#include "core/clock.h"
#include "store/store.h"

#define OUTPUT_BYTES_MAX (256u << 20)

struct spend_options {
    const char *by, *store, *config, *since, *until, *tenant;
    bool json;
};

static const struct spend_options defaults = {.by = "model"};

/* In the order of the columns. */
static const struct group {
    const char *name, *title;
    unsigned bit;
    size_t offset;
} groups[] = {
    {"tenant",   "TENANT",    STORE_BY_TENANT,   offsetof(struct store_spend, tenant)   },
    {"key",      "KEY",       STORE_BY_KEY,      offsetof(struct store_spend, key_alias)},
    {"model",    "MODEL",     STORE_BY_MODEL,    offsetof(struct store_spend, model)    },
    {"day",      "DAY (UTC)", STORE_BY_DAY,      offsetof(struct store_spend, day)      },
    {"provider", "PROVIDER",  STORE_BY_PROVIDER, offsetof(struct store_spend, provider) },
};

static const struct sum {
    const char *name, *title;
    size_t offset;
} sums[] = {
    {"requests",      "REQUESTS",  offsetof(struct store_spend, requests)     },
    {"failed",        "FAILED",    offsetof(struct store_spend, failed)       },
    {"cancelled",     "CANCELLED", offsetof(struct store_spend, cancelled)    },
    {"input_tokens",  "INPUT",     offsetof(struct store_spend, input_tokens) },
    {"cached_tokens", "CACHED",    offsetof(struct store_spend, cached_tokens)},
    {"output_tokens", "OUTPUT",    offsetof(struct store_spend, output_tokens)},
    {"unpriced",      "UNPRICED",  offsetof(struct store_spend, unpriced)     },
    {"estimated",     "ESTIMATED", offsetof(struct store_spend, estimated)    },
};

struct report {
    struct buf out;
    struct table_out table;
    unsigned by;
    bool json;
    size_t rows;
    struct store_spend total;
};

static int64_t *sum_of(struct store_spend *row, size_t i)
{
    return (int64_t *)(void *)((char *)row + sums[i].offset);
}

static struct str group_of(const struct store_spend *row, size_t i)
{
    return *(const struct str *)(const void *)((const char *)row + groups[i].offset);
}

/* A sum of which nothing is known is not $0. */
static bool is_unknown(const struct store_spend *row)
{
    return row->cost_nanousd == 0 && row->unpriced > 0;
}

static int parse_groups(const char *by, unsigned *ret_bits, struct error *err)
{
    struct str names[ARRAY_LEN(groups)];
    struct str rest = str_of(by);
    char shown[STR_SHOW_MAX];
    unsigned bits = 0;

    while (rest.n > 0) {
        struct str name = str_trim(str_split(&rest, ','));
        unsigned bit = 0;
        for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
            names[i] = str_of(groups[i].name);
            bit |= str_eq(name, names[i]) ? groups[i].bit : 0;
        }
        if (!bit) {
            struct str near = str_nearest(name, names, ARRAY_LEN(groups));
            return error_set(err, ERR_INVALID,
                             "--by: \"%s\" is none of tenant, key, model, day, provider%s%.*s%s",
                             str_show(name, shown), near.n ? "; did you mean \"" : "",
                             STR_ARG(near), near.n ? "\"?" : "");
        }
        bits |= bit;
    }
    *ret_bits = bits;
    return 0;
}

static void write_json(struct report *report, struct store_spend *row, bool grouped)
{
    struct buf *out = &report->out;

    (void)buf_putc(out, '{');
    for (size_t i = 0; i < ARRAY_LEN(groups) && grouped; i++) {
        if (report->by & groups[i].bit) {
            (void)buf_putf(out, "\"%s\":", groups[i].name);
            (void)buf_put_json(out, group_of(row, i));
            (void)buf_putc(out, ',');
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
        (void)buf_putf(out, "\"%s\":%lld,", sums[i].name, (long long)*sum_of(row, i));
    }
    (void)buf_puts(out, "\"cost_nanousd\":");
    if (is_unknown(row)) {
        (void)buf_puts(out, "null}");
    } else {
        (void)buf_putf(out, "%lld}", (long long)row->cost_nanousd);
    }
}

static void write_row(struct report *report, struct store_spend *row, bool grouped)
{
    char money[TRACE_MONEY_MAX];
    bool first = true;

    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        if (report->by & groups[i].bit) {
            struct str text = grouped ? group_of(row, i) : first ? STR("total") : STR_EMPTY;
            table_out_cell(&report->table, grouped && text.n == 0 ? STR("-") : text);
            first = false;
        }
    }
    table_out_cell(&report->table, is_unknown(row) ? STR("unknown")
                                                   : str_of(trace_money(row->cost_nanousd, money)));
    for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
        table_out_i64(&report->table, *sum_of(row, i));
    }
}

static int add_row(void *ctx, const struct store_spend *row)
{
    struct report *report = ctx;
    struct store_spend copy = *row;

    if (report->json) {
        (void)buf_puts(&report->out, report->rows ? "," : "");
        write_json(report, &copy, true);
    } else {
        write_row(report, &copy, true);
    }
    report->rows++;
    for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
        *sum_of(&report->total, i) += *sum_of(&copy, i);
    }
    report->total.cost_nanousd += row->cost_nanousd;
    return 0;
}

static size_t choose_columns(unsigned by, struct table_out_column *columns)
{
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        if (by & groups[i].bit) {
            columns[n++] = (struct table_out_column){groups[i].title, TABLE_OUT_LEFT};
        }
    }
    columns[n++] = (struct table_out_column){"COST", TABLE_OUT_POINT};
    for (size_t i = 0; i < ARRAY_LEN(sums); i++) {
        columns[n++] = (struct table_out_column){sums[i].title, TABLE_OUT_RIGHT};
    }
    return n;
}

static void finish(struct report *report)
{
    if (report->json) {
        (void)buf_puts(&report->out, "],\"total\":");
        write_json(report, &report->total, false);
        (void)buf_puts(&report->out, "}\n");
        return;
    }
    if (report->by && report->rows > 0) {
        table_out_rule(&report->table);
        write_row(report, &report->total, false);
    }
    table_out_end(&report->table);
    if (report->rows == 0) {
        (void)buf_puts(&report->out, "no requests\n");
    } else if (report->total.unpriced > 0) {
        (void)buf_putf(&report->out,
                       "\n%lld requests have no known price and are not in the costs: add theirs "
                       "under `prices:` in weir.yaml\n",
                       (long long)report->total.unpriced);
    }
}

static int read_filter(const struct spend_options *o, struct store_filter *filter,
                       struct error *err)
{
    int64_t now_ms = clock_wall_ms();
    int result = 0;

    *filter = (struct store_filter){.tenant = str_of(o->tenant)};
    if (o->since) {
        result = when_parse("--since", str_of(o->since), now_ms, &filter->since_ms, err);
    }
    if (result == 0 && o->until) {
        result = when_parse("--until", str_of(o->until), now_ms, &filter->until_ms, err);
    }
    return result;
}

static int run(const struct cmd_context *context, const void *options, struct error *err)
{
    const struct spend_options *o = options;
    struct table_out_column columns[TABLE_OUT_COLUMNS_MAX];
    struct report report = {.json = o->json};
    struct store_reader *reader = NULL;
    struct store_filter filter;
    struct arena arena;
    int result = parse_groups(o->by, &report.by, err);

    (void)context;
    if (result == 0) {
        result = read_filter(o, &filter, err);
    }
    if (result < 0) {
        return result;
    }
    arena_init(&arena);
    buf_init(&report.out, OUTPUT_BYTES_MAX);
    size_t n = choose_columns(report.by, columns);
    table_out_init(&report.table, columns, n, table_out_wants_color(), &report.out);
    result = store_locate_open(&arena, o->store, o->config, &reader, err);
    if (result == 0) {
        (void)buf_puts(&report.out, o->json ? "{\"rows\":[" : "");
        result = store_spend(reader, report.by, &filter, add_row, &report, err);
    }
    if (result == 0) {
        finish(&report);
        if (o->json) {
            table_out_print_json(&report.out);
        } else {
            (void)fwrite(buf_str(&report.out).p, 1, report.out.n, stdout);
        }
    }
    store_reader_close(reader);
    table_out_release(&report.table);
    buf_release(&report.out);
    arena_release(&arena);
    return result;
}

#define TEXT_OPT(option, field, called, text)                                                      \
    {                                                                                              \
        .name = (option), .type = OPT_TEXT, .offset = offsetof(struct spend_options, field),       \
        .value = (called), .help = (text)                                                          \
    }

static const struct opt opts[] = {
    TEXT_OPT("by", by, "GROUPS",
             "any of tenant, key, model, day, provider, with commas between "
             "them (default: model)"),
    TEXT_OPT("since", since, "WHEN", "from then on: 30d ago, or a time in UTC like 2026-11-01"),
    TEXT_OPT("until", until, "WHEN", "before then"),
    TEXT_OPT("tenant", tenant, "NAME", "of this tenant only"),
    TEXT_OPT("store", store, "URL",
             "the store, as in sqlite:weir.db (default: what the "
             "configuration says)"),
    CMD_OPT_CONFIG(struct spend_options, config),
    CMD_OPT_JSON(struct spend_options, json),
};

const struct cmd cmd_spend = {
    .name = "spend",
    .summary = "sum up tokens and costs",
    .usage = "[--by GROUPS] [options]",
    .help = "The model is the one that was routed to. A request without a known price is counted\n"
            "under UNPRICED and never as $0; ESTIMATED counts requests whose provider did not say\n"
            "what they used.",
    .example = "weir spend --by tenant,day --since 30d",
    .opts = opts,
    .opt_count = ARRAY_LEN(opts),
    .options_size = sizeof(struct spend_options),
    .defaults = &defaults,
    .run = run,
};
