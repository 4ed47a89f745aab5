#include "cmd/trace_table.h"

#include <stdio.h>

#include "core/clock.h"

/* Digits of an id in a list: 12 of time and 8 of chance. */
#define ID_SHOWN 20

static void put_cost(struct table_out *table, const struct trace *t)
{
    char money[TRACE_MONEY_MAX];

    if (t->price_status == TRACE_PRICED) {
        table_out_cell(table, str_of(trace_money(t->cost_nanousd, money)));
    } else {
        table_out_cell(table, t->price_status == TRACE_UNPRICED ? STR("unpriced") : STR("-"));
    }
}

static void put_count(struct table_out *table, int64_t count)
{
    if (count < 0) {
        table_out_cell(table, STR("-"));
    } else {
        table_out_i64(table, count);
    }
}

static void put_ms(struct table_out *table, int64_t us)
{
    char text[32];

    snprintf(text, sizeof(text), "%.1f", (double)us / 1e3);
    table_out_cell(table, us < 0 ? STR("-") : str_of(text));
}

/* Why it did not end well, in a word or two. */
static void put_note(struct table_out *table, const struct trace *t)
{
    struct buf note;

    buf_init(&note, 1024);
    if (t->cancelled_in.n > 0) {
        (void)buf_putf(&note, "cancelled (%.*s)", STR_ARG(str_head(t->cancelled_in, 100)));
    } else if (t->error_class.n > 0) {
        (void)buf_put_str(&note, str_head(t->error_class, 100));
    } else if (t->attempts > 1) {
        (void)buf_putf(&note, "%d attempts", t->attempts);
    }
    table_out_cell(table, buf_str(&note));
    buf_release(&note);
}

static const struct table_out_column columns[] = {
    {"ID",         TABLE_OUT_LEFT },
    {"TIME (UTC)", TABLE_OUT_LEFT },
    {"STATUS",     TABLE_OUT_RIGHT},
    {"MODEL",      TABLE_OUT_LEFT },
    {"WENT TO",    TABLE_OUT_LEFT },
    {"TENANT",     TABLE_OUT_LEFT },
    {"KEY",        TABLE_OUT_LEFT },
    {"IN",         TABLE_OUT_RIGHT},
    {"OUT",        TABLE_OUT_RIGHT},
    {"COST",       TABLE_OUT_POINT},
    {"FIRST ms",   TABLE_OUT_RIGHT},
    {"ALL ms",     TABLE_OUT_RIGHT},
    {"NOTE",       TABLE_OUT_LEFT },
};

void trace_table_init(struct table_out *table, bool color, struct buf *out)
{
    table_out_init(table, columns, ARRAY_LEN(columns), color, out);
}

void trace_table_row(struct table_out *table, const struct trace *t)
{
    char when[CLOCK_TEXT_MAX];
    struct buf target;

    buf_init(&target, 4096);
    if (t->provider.n > 0) {
        (void)buf_putf(&target, "%.*s/%.*s", STR_ARG(str_head(t->provider, 500)),
                       STR_ARG(str_head(t->model_routed, 500)));
    }
    clock_format(t->started_ms, when);
    when[10] = ' ';
    when[19] = '\0'; /* to the second; --json has it all */
    table_out_cell(table, str_head(str_of(t->id), ID_SHOWN));
    table_out_cell(table, str_of(when));
    if (t->status > 0) {
        table_out_i64(table, t->status);
    } else {
        table_out_cell(table, STR("-"));
    }
    table_out_cell(table, t->model_asked);
    table_out_cell(table, buf_str(&target));
    table_out_cell(table, t->tenant);
    table_out_cell(table, t->key_alias);
    put_count(table, t->input_tokens);
    put_count(table, t->output_tokens);
    put_cost(table, t);
    put_ms(table, t->first_us);
    put_ms(table, t->done_us);
    put_note(table, t);
    buf_release(&target);
}
