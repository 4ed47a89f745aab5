#include <stdio.h>

#include "cmd/cmd.h"
#include "cmd/control.h"
#include "cmd/table_out.h"
#include "core/arena.h"
#include "core/buf.h"
#include "core/json.h"
#include "core/str.h"

#define REPORT_BYTES_MAX (32u << 20)
#define AGE_BYTES_MAX    64

struct ctl_options {
    struct control_options where;
    bool json;
};

/* Asks a running gateway and shows the answer: as it came, or as `show` puts it for people. */
static int ask(const void *options, const char *method, const char *path,
               void (*show)(struct buf *out, yyjson_val *answer), struct error *err)
{
    const struct ctl_options *o = options;
    struct control control;
    struct arena arena;
    struct buf answer;
    struct buf report;
    yyjson_doc *doc = NULL;

    arena_init(&arena);
    buf_init(&answer, CONTROL_ANSWER_BYTES_MAX);
    buf_init(&report, REPORT_BYTES_MAX);
    int result = control_find(&arena, &o->where, &control, err);
    if (result == 0) {
        result = control_ask(&control, method, path, &answer, err);
    }
    if (result == 0) {
        doc = json_parse(buf_str(&answer), err);
        result = doc ? 0 : error_wrap(err, "the gateway's answer");
    }
    if (result == 0 && o->json) {
        json_write(&report, yyjson_doc_get_root(doc));
        buf_putc(&report, '\n');
        table_out_print_json(&report);
    } else if (result == 0) {
        show(&report, yyjson_doc_get_root(doc));
        fwrite(buf_str(&report).p, 1, report.n, stdout);
    }
    yyjson_doc_free(doc);
    buf_release(&report);
    buf_release(&answer);
    arena_release(&arena);
    return result;
}

/* --- status -------------------------------------------------------------------------------- */

static void put_age(struct buf *out, int64_t ms)
{
    int64_t s = ms / 1000;

    if (s >= 86400) {
        buf_putf(out, "%lldd %lldh", (long long)(s / 86400), (long long)(s % 86400 / 3600));
    } else if (s >= 3600) {
        buf_putf(out, "%lldh %lldm", (long long)(s / 3600), (long long)(s % 3600 / 60));
    } else if (s >= 60) {
        buf_putf(out, "%lldm %llds", (long long)(s / 60), (long long)(s % 60));
    } else {
        buf_putf(out, "%lld.%llds", (long long)s, (long long)(ms % 1000 / 100));
    }
}

static long long number(yyjson_val *object, const char *key)
{
    return (long long)json_get_i64(object, key, 0);
}

static void show_status(struct buf *out, yyjson_val *a)
{
    yyjson_val *config = yyjson_obj_get(a, "config");
    yyjson_val *store = yyjson_obj_get(a, "store");
    struct str failure = json_get_str(store, "last_error");

    buf_putf(out, "gateway   %.*s, weir %.*s, %s, up ", STR_ARG(json_get_str(a, "listen")),
             STR_ARG(json_get_str(a, "version")),
             json_get_bool(a, "draining", false) ? "draining" : "serving");
    put_age(out, json_get_i64(a, "uptime_ms", 0));
    buf_putf(out, "\nconfig    %.*s, loaded %.*s, %lld reloads, %lld refused\n",
             STR_ARG(json_get_str(config, "path")), STR_ARG(json_get_str(config, "loaded")),
             number(config, "reloads"), number(config, "reloads_failed"));
    buf_putf(out, "          %lld providers, %lld models, %lld tenants, %lld keys\n",
             number(config, "providers"), number(config, "models"), number(config, "tenants"),
             number(config, "keys"));
    buf_putf(out, "requests  %lld open, on %lld connections of clients\n",
             number(a, "requests_open"), number(a, "client_connections"));
    buf_putf(out, "upstream  %lld calls, %lld waiting, %lld connections (%lld idle)\n",
             number(a, "provider_calls"), number(a, "provider_waiting"),
             number(a, "provider_connections"), number(a, "provider_idle"));
    buf_putf(out, "store     %lld written, %lld waiting, %lld dropped, %lld failed, %lld bytes\n",
             number(store, "written"), number(store, "waiting"), number(store, "dropped"),
             number(store, "failed"), number(store, "bytes"));
    if (failure.n > 0) {
        buf_puts(out, "          last error: ");
        table_out_put_safe(out, failure, false);
        buf_putc(out, '\n');
    }
}

static int run_status(const struct cmd_context *context, const void *options, struct error *err)
{
    (void)context;
    return ask(options, "GET", "/control/status", show_status, err);
}

/* --- keys, requests ------------------------------------------------------------------------ */

/* Calls `put` for each member of the answer's list; false when there is none. */
static bool each(yyjson_val *answer, const char *list, struct table_out *table,
                 void (*put)(struct table_out *table, yyjson_val *item))
{
    yyjson_val *item = NULL;
    yyjson_arr_iter at;

    yyjson_arr_iter_init(yyjson_obj_get(answer, list), &at);
    while ((item = yyjson_arr_iter_next(&at)) != NULL) {
        put(table, item);
    }
    return yyjson_arr_size(yyjson_obj_get(answer, list)) > 0;
}

static void put_text(struct table_out *table, yyjson_val *item, const char *key)
{
    struct str text = json_get_str(item, key);

    table_out_cell(table, text.n > 0 ? text : STR("-"));
}

static void put_key(struct table_out *table, yyjson_val *key)
{
    bool rests = json_get_str(key, "benched_until").n > 0;

    put_text(table, key, "name");
    table_out_cell(table, rests ? STR("rests") : STR("in use"));
    put_text(table, key, "benched_until");
    if (rests) {
        table_out_i64(table, json_get_i64(key, "benched_for_status", 0));
    } else {
        table_out_cell(table, STR("-"));
    }
}

static void show_keys(struct buf *out, yyjson_val *answer)
{
    static const struct table_out_column columns[] = {
        {"KEY",     TABLE_OUT_LEFT },
        {"STATE",   TABLE_OUT_LEFT },
        {"UNTIL",   TABLE_OUT_LEFT },
        {"REFUSED", TABLE_OUT_RIGHT},
    };
    struct table_out table;

    table_out_init(&table, columns, ARRAY_LEN(columns), table_out_wants_color(), out);
    if (!each(answer, "keys", &table, put_key)) {
        buf_puts(out, "no provider has an API key\n");
    }
    table_out_end(&table);
    table_out_release(&table);
}

static int run_keys(const struct cmd_context *context, const void *options, struct error *err)
{
    (void)context;
    return ask(options, "GET", "/control/keys", show_keys, err);
}

static void put_request(struct table_out *table, yyjson_val *request)
{
    static const char *const members[] = {"trace",    "state",  "route", "model",
                                          "provider", "tenant", "key"};
    struct buf age;

    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        put_text(table, request, members[i]);
    }
    table_out_i64(table, json_get_i64(request, "response_bytes", 0));
    buf_init(&age, AGE_BYTES_MAX);
    put_age(&age, json_get_i64(request, "age_ms", 0));
    table_out_cell(table, buf_str(&age));
    buf_release(&age);
}

static void show_requests(struct buf *out, yyjson_val *answer)
{
    static const struct table_out_column columns[] = {
        {"TRACE",    TABLE_OUT_LEFT },
        {"STATE",    TABLE_OUT_LEFT },
        {"ROUTE",    TABLE_OUT_LEFT },
        {"MODEL",    TABLE_OUT_LEFT },
        {"PROVIDER", TABLE_OUT_LEFT },
        {"TENANT",   TABLE_OUT_LEFT },
        {"KEY",      TABLE_OUT_LEFT },
        {"BYTES",    TABLE_OUT_RIGHT},
        {"AGE",      TABLE_OUT_RIGHT},
    };
    struct table_out table;

    table_out_init(&table, columns, ARRAY_LEN(columns), table_out_wants_color(), out);
    if (!each(answer, "requests", &table, put_request)) {
        buf_puts(out, "no request is under way\n");
    }
    table_out_end(&table);
    table_out_release(&table);
}

static int run_requests(const struct cmd_context *context, const void *options, struct error *err)
{
    (void)context;
    return ask(options, "GET", "/control/requests", show_requests, err);
}

/* --- reload, drain ------------------------------------------------------------------------- */

static void show_reload(struct buf *out, yyjson_val *answer)
{
    (void)answer;
    buf_puts(out, "the configuration was taken over\n");
}

static int run_reload(const struct cmd_context *context, const void *options, struct error *err)
{
    (void)context;
    return ask(options, "POST", "/control/reload", show_reload, err);
}

static void show_drain(struct buf *out, yyjson_val *answer)
{
    (void)answer;
    buf_puts(out, "the gateway takes no new requests and ends when the open ones have\n");
}

static int run_drain(const struct cmd_context *context, const void *options, struct error *err)
{
    (void)context;
    return ask(options, "POST", "/control/drain", show_drain, err);
}

/* ------------------------------------------------------------------------------------------- */

static const struct opt opts[] = {
    CMD_OPT_CONFIG(struct ctl_options, where.config),
    {
                                        .name = "admin",
                                        .type = OPT_TEXT,
                                        .offset = offsetof(struct ctl_options, where.admin),
                                        .value = "ADDRESS:PORT",
                                        .help = "the gateway's admin listener (default: what the configuration says)",
                                        },
    {
                                        .name = "token-env",
                                        .type = OPT_TEXT,
                                        .offset = offsetof(struct ctl_options,                   where.token_env),
                                        .value = "NAME",
                                        .help = "environment variable that holds the admin token (default: the configuration's)",
                                        },
    CMD_OPT_JSON(struct ctl_options, json),
};

#define VERB(verb, text, line)                                                                     \
    static const struct cmd ctl_##verb = {                                                         \
        .name = #verb,                                                                             \
        .summary = (text),                                                                         \
        .usage = "[--config FILE | --admin ADDRESS:PORT] [--token-env NAME] [--json]",             \
        .example = (line),                                                                         \
        .opts = opts,                                                                              \
        .opt_count = ARRAY_LEN(opts),                                                              \
        .options_size = sizeof(struct ctl_options),                                                \
        .run = run_##verb,                                                                         \
    }

VERB(status, "say how the gateway is", "weir ctl status --admin 127.0.0.1:8089");
VERB(reload, "make the gateway take over its changed configuration, all or nothing",
     "weir ctl reload --config weir.yaml");
VERB(keys, "list the API keys of providers, by name, and which of them rest",
     "weir ctl keys --json");
VERB(requests, "list the requests under way", "weir ctl requests");
VERB(drain, "make the gateway end when its open requests have", "weir ctl drain");

static const struct cmd *const verbs[] = {&ctl_status,   &ctl_reload, &ctl_keys,
                                          &ctl_requests, &ctl_drain,  NULL};

const struct cmd cmd_ctl = {
    .name = "ctl",
    .summary = "ask or steer a running gateway",
    .help = "Status 4 means that no gateway answered, 2 that it refused.",
    .example = "weir ctl status",
    .verbs = verbs,
};
