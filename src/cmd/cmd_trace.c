#include <stdio.h>

#include "cmd/cmd.h"
#include "cmd/store_locate.h"
#include "cmd/table_out.h"
#include "cmd/trace_table.h"
#include "cmd/when.h"
#include "core/buf.h"
#include "core/clock.h"
#include "store/store.h"
#include "workbench/trace/trace_report.h"

#define OUTPUT_BYTES_MAX (1u << 30)
/* Output is gathered before it is written, so that a slow reader of stdout does not keep the
 * store's log from being cut; very long lists go out in pieces. */
#define OUTPUT_PIECE_BYTES (64u << 20)

struct trace_options {
    const char *store, *config;
    const char *since, *until, *model, *status, *tenant, *key, *provider, *session;
    int64_t limit;
    bool json, raw;
};

static const struct trace_options defaults = {.limit = STORE_LIST_DEFAULT};

struct list {
    struct buf out;
    struct table_out table;
    bool json;
};

static void flush(struct buf *out, bool json)
{
    if (json) {
        table_out_print_json(out);
    } else {
        (void)fwrite(buf_str(out).p, 1, out->n, stdout);
    }
    buf_clear(out);
}

static int put_trace(void *ctx, const struct trace *trace)
{
    struct list *list = ctx;

    if (list->json) {
        trace_write_json(trace, &list->out);
        (void)buf_putc(&list->out, '\n');
    } else {
        trace_table_row(&list->table, trace);
    }
    if (list->out.n > OUTPUT_PIECE_BYTES) {
        flush(&list->out, list->json);
    }
    return ferror(stdout) ? ERR_IO : 0;
}

static int read_filter(const struct trace_options *o, struct store_filter *filter,
                       struct error *err)
{
    int64_t now_ms = clock_wall_ms();
    int result = 0;

    *filter = (struct store_filter){
        .model = str_of(o->model),
        .status = str_of(o->status),
        .tenant = str_of(o->tenant),
        .key_alias = str_of(o->key),
        .provider = str_of(o->provider),
        .session = str_of(o->session),
        .limit = o->limit,
    };
    if (o->since) {
        result = when_parse("--since", str_of(o->since), now_ms, &filter->since_ms, err);
    }
    if (result == 0 && o->until) {
        result = when_parse("--until", str_of(o->until), now_ms, &filter->until_ms, err);
    }
    return result;
}

static int run_ls(const struct cmd_context *context, const void *options, struct error *err)
{
    const struct trace_options *o = options;
    struct store_reader *reader = NULL;
    struct store_filter filter;
    struct arena arena;
    struct list list = {.json = o->json};
    int result = read_filter(o, &filter, err);

    (void)context;
    if (result < 0) {
        return result;
    }
    arena_init(&arena);
    buf_init(&list.out, OUTPUT_BYTES_MAX);
    trace_table_init(&list.table, table_out_wants_color(), &list.out);
    result = store_locate_open(&arena, o->store, o->config, &reader, err);
    if (result == 0) {
        result = store_list(reader, &filter, put_trace, &list, err);
    }
    table_out_end(&list.table);
    flush(&list.out, o->json);
    store_reader_close(reader);
    table_out_release(&list.table);
    buf_release(&list.out);
    arena_release(&arena);
    return result < 0 && !ferror(stdout) ? result : CMD_FINE;
}

/* What a person gets is cleaned; the bytes as they are kept follow when asked for. */
static void print_trace(const struct trace *trace, const struct trace_options *o)
{
    struct buf report, clean;

    buf_init(&report, OUTPUT_BYTES_MAX);
    buf_init(&clean, OUTPUT_BYTES_MAX);
    if (o->json) {
        trace_report_write_json(trace, &report);
        (void)buf_putc(&report, '\n');
        flush(&report, true);
    } else {
        trace_report_write(trace, &report);
        table_out_put_safe(&clean, buf_str(&report), true);
        flush(&clean, false);
    }
    if (o->raw && !o->json) {
        printf("\nrequest, %zu bytes as kept\n", trace->request_body.n);
        (void)fwrite(buf_str(&trace->request_body).p, 1, trace->request_body.n, stdout);
        printf("\nanswer, %zu bytes as kept\n", trace->response_body.n);
        (void)fwrite(buf_str(&trace->response_body).p, 1, trace->response_body.n, stdout);
    }
    buf_release(&report);
    buf_release(&clean);
}

static int run_show(const struct cmd_context *context, const void *options, struct error *err)
{
    const struct trace_options *o = options;
    struct store_reader *reader = NULL;
    struct trace *trace = NULL;
    struct arena arena;

    arena_init(&arena);
    int result = store_locate_open(&arena, o->store, o->config, &reader, err);
    if (result == 0) {
        result = store_get(reader, str_of(context->args->items[0]), &trace, err);
    }
    if (result == 0) {
        print_trace(trace, o);
    }
    trace_free(trace);
    store_reader_close(reader);
    arena_release(&arena);
    return result;
}

#define TEXT_OPT(option, field, called, text)                                                      \
    {                                                                                              \
        .name = (option), .type = OPT_TEXT, .offset = offsetof(struct trace_options, field),       \
        .value = (called), .help = (text)                                                          \
    }
#define STORE_OPTS                                                                                 \
    TEXT_OPT("store", store, "URL",                                                                \
             "the store, as in sqlite:weir.db (default: what the "                                 \
             "configuration says)"),                                                               \
        CMD_OPT_CONFIG(struct trace_options, config), CMD_OPT_JSON(struct trace_options, json)

static const struct opt ls_opts[] = {
    TEXT_OPT("since", since, "WHEN",
             "from then on: 1h ago, or a time in UTC like 2026-11-24T13:05"),
    TEXT_OPT("until", until, "WHEN", "before then"),
    TEXT_OPT("model", model, "NAME", "asked for, routed to or returned"),
    TEXT_OPT("status", status, "STATUS", "429, 4xx, ok, error or cancelled"),
    TEXT_OPT("tenant", tenant, "NAME", "of this tenant"),
    TEXT_OPT("key", key, "ALIAS", "of this key"),
    TEXT_OPT("provider", provider, "NAME", "answered by this provider"),
    TEXT_OPT("session", session, "ID", "of this session"),
    {.name = "limit",
                                                   .letter = 'n',
                                                   .type = OPT_I64,
                                                   .value = "N",
                                                   .min = 1,
                                                   .max = STORE_LIST_MAX,
                                                   .offset = offsetof(struct trace_options, limit),
                                                   .help = "the newest N (default: 50)"},
    STORE_OPTS,
};

static const struct opt show_opts[] = {
    {.name = "raw",
     .type = OPT_FLAG,
     .offset = offsetof(struct trace_options, raw),
     .help = "the bytes of request and answer as well"},
    STORE_OPTS,
};

static const struct cmd cmd_trace_ls = {
    .name = "ls",
    .summary = "list traces, the newest first",
    .usage = "[options]",
    .help = "With --json each trace is one line with every field that is known.",
    .example = "weir trace ls --since 1h --status error",
    .opts = ls_opts,
    .opt_count = ARRAY_LEN(ls_opts),
    .options_size = sizeof(struct trace_options),
    .defaults = &defaults,
    .run = run_ls,
};

static const struct cmd cmd_trace_show = {
    .name = "show",
    .summary = "show one trace: request, answer, timings, usage, cost, route",
    .usage = "ID [options]",
    .help =
        "ID may be cut short as long as it is the only one. Content is there when the tenant's\n"
        "capture keeps it; streams are shown put together.",
    .example = "weir trace show 019adb6f77c3",
    .opts = show_opts,
    .opt_count = ARRAY_LEN(show_opts),
    .options_size = sizeof(struct trace_options),
    .args_min = 1,
    .args_max = 1,
    .run = run_show,
};

static const struct cmd *const verbs[] = {&cmd_trace_ls, &cmd_trace_show, NULL};

const struct cmd cmd_trace = {
    .name = "trace",
    .summary = "look at the calls that went through",
    .usage = "ls|show [options]",
    .example = "weir trace ls",
    .verbs = verbs,
};
