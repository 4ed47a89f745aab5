#include "workbench/trace/trace_report.h"

#include "core/clock.h"
#include "core/json.h"
#include "workbench/trace/pretty.h"
#include "workbench/trace/transcript.h"

#define BAR_WIDTH 40
#define MARGIN    2

/* ---- lines of the head ---- */

static void label(struct buf *out, const char *name)
{
    (void)buf_putf(out, "  %-10s", name);
}

/* ", name text" behind what stands there, when there is a text. */
static void also(struct buf *out, const char *name, struct str text)
{
    if (text.n > 0) {
        (void)buf_putf(out, ", %s%s%.*s", name, *name ? " " : "", STR_ARG(text));
    }
}

static void put_bytes(struct buf *out, int64_t n)
{
    if (n < 1000) {
        (void)buf_putf(out, "%lld B", (long long)n);
    } else if (n < 1000000) {
        (void)buf_putf(out, "%.1f kB", (double)n / 1e3);
    } else {
        (void)buf_putf(out, "%.1f MB", (double)n / 1e6);
    }
}

static void put_status(const struct trace *t, struct buf *out)
{
    label(out, "status");
    if (t->status) {
        (void)buf_putf(out, "%d", t->status);
    } else {
        (void)buf_puts(out, "nothing was sent");
    }
    if (t->upstream_status && t->upstream_status != t->status) {
        (void)buf_putf(out, ", the provider said %d", t->upstream_status);
    }
    also(out, "finish", t->finish_reason);
    if (t->cancelled_in.n > 0) {
        (void)buf_putf(out, ", the client left (%.*s)", STR_ARG(t->cancelled_in));
    }
    (void)buf_putc(out, '\n');
    if (t->error_class.n > 0) {
        label(out, "error");
        (void)buf_putf(out, "%.*s", STR_ARG(t->error_class));
        if (t->error_text.n > 0) {
            (void)buf_putf(out, ": %.*s", STR_ARG(t->error_text));
        }
        (void)buf_putc(out, '\n');
    }
}

static void put_caller(const struct trace *t, struct buf *out)
{
    label(out, "client");
    (void)buf_put_str(out, t->client.n ? t->client : STR("unknown"));
    also(out, "", t->user_agent);
    also(out, "id", t->client_request_id);
    (void)buf_putc(out, '\n');
    if (t->tenant.n + t->key_alias.n + t->session.n + t->parent.n > 0) {
        label(out, "tenant");
        (void)buf_put_str(out, t->tenant.n ? t->tenant : STR("-"));
        also(out, "key", t->key_alias);
        also(out, "session", t->session);
        also(out, "parent", t->parent);
        (void)buf_putc(out, '\n');
    }
}

static void put_request(const struct trace *t, struct buf *out)
{
    label(out, "request");
    (void)buf_putf(out, "%.*s %.*s", STR_ARG(t->method), STR_ARG(t->path));
    also(out, "", t->dialect);
    also(out, "", t->route);
    (void)buf_puts(out, t->stream ? ", streamed, " : ", ");
    put_bytes(out, t->request_bytes);
    (void)buf_puts(out, " in, ");
    put_bytes(out, t->response_bytes);
    (void)buf_puts(out, " out");
    if (t->events > 0) {
        (void)buf_putf(out, " in %lld events", (long long)t->events);
    }
    (void)buf_putc(out, '\n');
}

static void put_model(const struct trace *t, struct buf *out)
{
    if (t->model_asked.n + t->model_routed.n == 0) {
        return;
    }
    label(out, "model");
    (void)buf_put_str(out, t->model_asked);
    if (t->provider.n > 0) {
        (void)buf_putf(out, " -> %.*s/%.*s", STR_ARG(t->provider), STR_ARG(t->model_routed));
    }
    also(out, "answered as", t->model_returned);
    also(out, "provider's id", t->upstream_request_id);
    (void)buf_putc(out, '\n');
    if (t->params_json.n > 2) {
        label(out, "params");
        (void)buf_putf(out, "%.*s\n", STR_ARG(t->params_json));
    }
}

/* " (100 cached, 20 written to the cache)" for the parts that there are. */
static void put_parts(struct buf *out, const int64_t *counts, const char *const *names, size_t n)
{
    const char *before = " (";

    for (size_t i = 0; i < n; i++) {
        if (counts[i] > 0) {
            (void)buf_putf(out, "%s%lld %s", before, (long long)counts[i], names[i]);
            before = ", ";
        }
    }
    (void)buf_puts(out, before[0] == ',' ? ")" : "");
}

static void put_count(struct buf *out, int64_t count, const char *name)
{
    if (count < 0) {
        (void)buf_putf(out, "unknown %s", name);
    } else {
        (void)buf_putf(out, "%lld %s", (long long)count, name);
    }
}

static void put_usage(const struct trace *t, struct buf *out)
{
    const int64_t input[] = {t->cached_tokens, t->cache_write_tokens, t->cache_write_1h_tokens};
    static const char *const input_names[] = {"cached", "written to the cache",
                                              "written to the 1h cache"};
    static const char *const output_names[] = {"reasoning"};
    char money[TRACE_MONEY_MAX];

    label(out, "tokens");
    if (t->usage_source == TRACE_USAGE_NONE) {
        (void)buf_puts(out, "none\n");
    } else {
        put_count(out, t->input_tokens, "input");
        put_parts(out, input, input_names, ARRAY_LEN(input_names));
        (void)buf_puts(out, ", ");
        put_count(out, t->output_tokens, "output");
        put_parts(out, &t->reasoning_tokens, output_names, 1);
        (void)buf_puts(out, t->usage_source == TRACE_USAGE_ESTIMATED ? ", estimated\n" : "\n");
    }
    label(out, "cost");
    switch (t->price_status) {
    case TRACE_PRICED:
        (void)buf_puts(out, trace_money(t->cost_nanousd, money));
        break;
    case TRACE_UNPRICED:
        (void)buf_puts(out, "unpriced");
        break;
    case TRACE_NO_CHARGE:
        (void)buf_puts(out, "nothing was billed");
        break;
    }
    also(out, "", t->price_note);
    also(out, "prices", t->price_version);
    (void)buf_putc(out, '\n');
}

static void put_hashes(const struct trace *t, struct buf *out)
{
    const struct {
        const char *name, *hash;
    } hashes[] = {
        {"request",  t->request_hash },
        {"answer",   t->response_hash},
        {"system",   t->system_hash  },
        {"tools",    t->tools_hash   },
        {"messages", t->messages_hash},
    };

    const char *before = ", sha256 of";

    label(out, "capture");
    (void)buf_puts(out, trace_capture_name(t->capture));
    for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
        if (hashes[i].hash[0]) {
            (void)buf_putf(out, "%s %s %.12s", before, hashes[i].name, hashes[i].hash);
            before = ",";
        }
    }
    (void)buf_putc(out, '\n');
}

/* ---- timings ---- */

static void put_phase(struct buf *out, const char *name, const int64_t span_us[2], int64_t total_us)
{
    int64_t total = total_us > 0 ? total_us : 1;
    int64_t from = span_us[0] * BAR_WIDTH / total, to = span_us[1] * BAR_WIDTH / total;

    from = from < BAR_WIDTH ? from : BAR_WIDTH - 1;
    to = to <= from ? from + 1 : to; /* even a short one is seen */
    (void)buf_putf(out, "  %-10s %12.3f ms  |", name, (double)(span_us[1] - span_us[0]) / 1e3);
    for (int64_t i = 0; i < BAR_WIDTH; i++) {
        (void)buf_putc(out, i >= from && i < to ? '#' : ' ');
    }
    (void)buf_puts(out, "|\n");
}

static void put_timings(const struct trace *t, struct buf *out)
{
    const struct {
        const char *name;
        int64_t end_us;
    } phases[] = {
        {"receive",                               t->received_us}, /* the request, whole */
        {"decide",                                t->routed_us  },
        {t->attempts > 1 ? "retries" : "connect", t->sent_us    }, /* until the last was sent */
        {"wait",                                  t->head_us    }, /* for the head of the answer */
        {"first",                                 t->first_us   }, /* byte of the body */
        {"answer",                                t->done_us    },
    };

    int64_t at_us = 0;

    if (t->done_us < 0) {
        return;
    }
    (void)buf_puts(out, "\ntimings\n");
    for (size_t i = 0; i < ARRAY_LEN(phases); i++) {
        if (phases[i].end_us >= at_us) {
            const int64_t span_us[2] = {at_us, phases[i].end_us};
            put_phase(out, phases[i].name, span_us, t->done_us);
            at_us = phases[i].end_us;
        }
    }
    (void)buf_putf(out, "  %-10s %12.3f ms", "total", (double)t->done_us / 1e3);
    if (t->overhead_us >= 0) {
        (void)buf_putf(out, ", of which weir %.3f ms", (double)t->overhead_us / 1e3);
    }
    (void)buf_putc(out, '\n');
}

/* ---- the way it went ---- */

static void put_targets(yyjson_val *considered, struct buf *out)
{
    yyjson_val *target;
    size_t i, n;

    yyjson_arr_foreach(considered, i, n, target)
    {
        (void)buf_putf(out, "%s%.*s/%.*s", i ? ", then " : ": ",
                       STR_ARG(json_get_str(target, "provider")),
                       STR_ARG(json_get_str(target, "model")));
    }
}

static void put_attempt(yyjson_val *attempt, size_t number, struct buf *out)
{
    int64_t status = json_get_i64(attempt, "status", 0);

    (void)buf_putf(out, "  %zu  %.*s/%.*s", number, STR_ARG(json_get_str(attempt, "provider")),
                   STR_ARG(json_get_str(attempt, "model")));
    also(out, "key", json_get_str(attempt, "key"));
    if (status > 0) {
        (void)buf_putf(out, ", %lld", (long long)status);
    } else {
        (void)buf_puts(out, ", no answer");
    }
    (void)buf_putf(out, ", %.3f to %.3f ms", (double)json_get_i64(attempt, "start_us", 0) / 1e3,
                   (double)json_get_i64(attempt, "end_us", 0) / 1e3);
    also(out, "", json_get_str(attempt, "error"));
    also(out, "", json_get_str(attempt, "text"));
    (void)buf_putc(out, '\n');
}

static void put_route(const struct trace *t, struct buf *out)
{
    yyjson_doc *route = json_parse(t->route_json, NULL);
    yyjson_doc *attempts = json_parse(t->attempts_json, NULL);
    yyjson_val *attempt;
    size_t i, n;

    if (route || attempts) {
        (void)buf_puts(out, "\nroute\n");
    }
    if (route) {
        yyjson_val *root = yyjson_doc_get_root(route);
        (void)buf_putf(out, "  %.*s", STR_ARG(json_get_str(root, "strategy")));
        put_targets(yyjson_obj_get(root, "considered"), out);
        (void)buf_putc(out, '\n');
    }
    yyjson_arr_foreach(yyjson_doc_get_root(attempts), i, n, attempt)
    {
        put_attempt(attempt, i + 1, out);
    }
    yyjson_doc_free(route);
    yyjson_doc_free(attempts);
}

/* ---- content ---- */

/* Why a body is not there; false when there is one to show. */
static bool explain_absence(const struct trace *t, const struct buf *body, int64_t bytes,
                            const char *blob, struct buf *out)
{
    if (body->n > 0) {
        return false;
    }
    if (bytes == 0) {
        (void)buf_puts(out, "  empty\n");
    } else if (blob[0]) {
        (void)buf_puts(out, "  no longer kept (retention)\n");
    } else {
        (void)buf_putf(out, "  not kept (capture: %s)\n", trace_capture_name(t->capture));
    }
    return true;
}

static void put_part(const struct transcript_part *part, bool choices, size_t margin,
                     struct buf *out)
{
    struct str text = buf_str(&part->text);

    (void)buf_putf(out, "%*s%s", (int)margin, "", transcript_kind_name(part->kind));
    also(out, "", part->name);
    also(out, "id", part->id);
    if (choices) {
        (void)buf_putf(out, ", choice %lld", (long long)part->choice);
    }
    (void)buf_puts(out, ":\n");
    if (part->kind == TRANSCRIPT_TEXT || !pretty_json(text, margin + MARGIN, out)) {
        pretty_lines(text, margin + MARGIN, out);
    }
}

void trace_report_write_answer(struct str body, size_t margin, struct buf *out)
{
    struct transcript *answer = transcript_read(body);
    bool choices = false;

    for (size_t i = 0; i < answer->n; i++) {
        choices = choices || answer->parts[i].choice > 0;
    }
    for (size_t i = 0; i < answer->n; i++) {
        put_part(&answer->parts[i], choices, margin, out);
    }
    if (answer->error.n > 0) {
        pretty_lines(STR("error:"), margin, out);
        pretty_lines(answer->error, margin + MARGIN, out);
    }
    if (answer->n == 0 && answer->error.n == 0 && !pretty_json(body, margin, out)) {
        pretty_lines(body, margin, out); /* embeddings, model lists, pages of a proxy */
    } else if (answer->streamed && !answer->complete) {
        pretty_lines(STR("(the stream ended without its end)"), margin, out);
    }
    transcript_free(answer);
}

void trace_report_write(const struct trace *t, struct buf *out)
{
    char when[CLOCK_TEXT_MAX];

    clock_format(t->started_ms, when);
    (void)buf_putf(out, "trace %s, %s\n", t->id, when);
    put_status(t, out);
    put_caller(t, out);
    put_request(t, out);
    put_model(t, out);
    put_usage(t, out);
    put_hashes(t, out);
    put_timings(t, out);
    put_route(t, out);
    (void)buf_puts(out, "\nrequest\n");
    if (!explain_absence(t, &t->request_body, t->request_bytes, t->request_blob, out) &&
        !pretty_json(buf_str(&t->request_body), MARGIN, out)) {
        pretty_lines(buf_str(&t->request_body), MARGIN, out);
    }
    (void)buf_puts(out, "\nanswer\n");
    if (!explain_absence(t, &t->response_body, t->response_bytes, t->response_blob, out)) {
        trace_report_write_answer(buf_str(&t->response_body), MARGIN, out);
    }
    if (t->response_truncated) {
        (void)buf_puts(out, "  (longer than what is kept: capture_max)\n");
    }
}

static void put_body_json(const char *name, const struct buf *body, struct buf *out)
{
    yyjson_doc *doc = json_parse(buf_str(body), NULL);

    (void)buf_putf(out, ",\"%s\":", name);
    if (doc) {
        json_write(out, yyjson_doc_get_root(doc));
    } else {
        (void)buf_put_json(out, buf_str(body));
    }
    yyjson_doc_free(doc);
}

void trace_report_write_json(const struct trace *t, struct buf *out)
{
    trace_write_json(t, out);
    out->n--; /* the closing bracket: more follows */
    if (t->request_body.n > 0) {
        put_body_json("request_body", &t->request_body, out);
    }
    if (t->response_body.n > 0) {
        struct transcript *answer = transcript_read(buf_str(&t->response_body));

        put_body_json("response_body", &t->response_body, out);
        (void)buf_puts(out, ",\"answer\":");
        transcript_write_json(answer, out);
        transcript_free(answer);
    }
    (void)buf_putc(out, '}');
}
