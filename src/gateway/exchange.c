#include "gateway/exchange.h"

#include <stdarg.h>

#include "core/clock.h"
#include "core/mem.h"
#include "gateway/limit.h"
#include "gateway/phase.h"
#include "net/sock.h"

#define ERROR_BODY_MAX    (16u << 10)
#define REPLY_HEADERS_MAX (CALL_HEADERS_MAX + 16)

static void list_add(struct exchange *x)
{
    struct worker *w = x->worker;
    x->next = w->exchanges;
    if (x->next) {
        x->next->prev = x;
    }
    w->exchanges = x;
}

static void list_remove(struct exchange *x)
{
    if (x->prev) {
        x->prev->next = x->next;
    } else {
        x->worker->exchanges = x->next;
    }
    if (x->next) {
        x->next->prev = x->prev;
    }
}

static void unpin(void *ptr)
{
    settings_unref(ptr);
}

/*
 * The end of every exchange, before the answer's last byte is given to the connection: the request
 * and all that hangs on it are gone once the answer is complete.
 */
static void account(struct exchange *x, int status)
{
    struct trace *t = x->trace;
    timer_cancel(&x->stall);
    list_remove(x);
    if (!t) {
        metrics_refuse(x->worker->metrics, x->route ? x->route->name : "none", status,
                       outcome_table[x->refusal.outcome].name);
        return;
    }
    x->trace = NULL;
    t->status = status;
    t->done_us = clock_mono_us() - x->request->started_us;
    if (t->sent_us >= 0 && t->routed_us >= 0) {
        t->overhead_us =
            t->routed_us - t->received_us +
            (t->first_us >= 0 && t->head_us >= 0 && !t->stream ? t->first_us - t->head_us : 0);
    }
    if (t->capture != TRACE_CAPTURE_NONE) {
        buf_release(&t->request_body);
        buf_init(&t->request_body, x->request->body.max);
        buf_move(&t->request_body, &x->request->body);
    }
    metrics_record(x->worker->metrics, t, x->model ? x->model->alias : STR_EMPTY);
    struct store *store = engine_store(x->worker->engine);
    if (!store) {
        trace_free(t);
    } else {
        store_submit(store, t);
    }
}

/* ---- answers of weir's own ---- */

/* "provider/model" */
static struct str route_of(struct exchange *x)
{
    struct str provider = x->trace->provider;
    struct str model = x->trace->model_routed;
    char *text = arena_alloc(&x->request->arena, provider.n + 1 + model.n);
    memcpy(text, provider.p, provider.n);
    text[provider.n] = '/';
    memcpy(text + provider.n + 1, model.p, model.n);
    return str_make(text, provider.n + 1 + model.n);
}

static size_t own_headers(struct exchange *x, struct http_header *out)
{
    size_t n = 0;
    struct arena *arena = &x->request->arena;
    if (!x->trace) {
        return 0;
    }
    struct str id = arena_str(arena, str_of(x->trace->id));
    out[n++] = (struct http_header){STR("x-weir-trace"), id};
    if (x->trace->attempts > 0) {
        out[n++] = (struct http_header){STR("x-weir-route"), route_of(x)};
        out[n++] = (struct http_header){
            STR("x-weir-attempts"),
            x->trace->attempts == 1 ? STR("1") : arena_printf(arena, "%d", x->trace->attempts)};
    }
    return n;
}

static const char *request_id_name(enum dialect dialect)
{
    return dialect == DIALECT_ANTHROPIC ? "request-id" : "x-request-id";
}

void exchange_reply(struct exchange *x, int status, const char *type, struct str body)
{
    struct http_header headers[8];
    struct server_request *request = x->request;
    size_t n = own_headers(x, headers);
    account(x, status);
    server_reply(request, status, type, headers, n, body);
}

int exchange_refuse(struct exchange *x, enum outcome outcome, const char *code, const char *param,
                    const char *format, ...)
{
    va_list args;
    x->refusal = (struct exchange_refusal){
        .status = outcome_table[outcome].status, .outcome = outcome, .code = code, .param = param};
    va_start(args, format);
    vsnprintf(x->refusal.message, sizeof(x->refusal.message), format, args);
    va_end(args);
    return PHASE_FAIL;
}

/* Should the client's SDK try again by itself? Only where that can help and weir has not done so.
 */
static const char *retry_advice(const struct exchange *x)
{
    int status = x->refusal.status;
    if (x->refusal.no_retry || (x->trace && x->trace->attempts > 1)) {
        return "false";
    }
    return status == 408 || status == 429 || status >= 500 ? "true" : "false";
}

static void reply_refusal(struct exchange *x)
{
    struct http_header headers[16 + LIMIT_HEADERS_MAX];
    struct server_request *request = x->request;
    struct arena *arena = &request->arena;
    size_t n = own_headers(x, headers);
    struct buf body;

    char id[TRACE_ID_HEX + 1];
    if (x->trace) {
        memcpy(id, x->trace->id, sizeof(id));
        if (x->trace->error_class.n == 0) {
            x->trace->error_class = str_of(outcome_table[x->refusal.outcome].name);
            x->trace->error_text = arena_str(&x->trace->arena, str_of(x->refusal.message));
        }
    } else {
        trace_make_id(&x->worker->ids, clock_wall_ms(), id);
    }
    headers[n++] =
        (struct http_header){str_of(request_id_name(x->dialect)), arena_str(arena, str_of(id))};
    headers[n++] = (struct http_header){STR("x-should-retry"), str_of(retry_advice(x))};
    n += limit_headers(x, headers + n);
    if (x->refusal.status == 401) {
        headers[n++] = (struct http_header){STR("www-authenticate"), STR("Bearer")};
    }
    if (x->refusal.allow) {
        headers[n++] = (struct http_header){STR("allow"), str_of(x->refusal.allow)};
    }
    struct dialect_error error = {.status = x->refusal.status,
                                  .message = str_of(x->refusal.message),
                                  .code = x->refusal.code,
                                  .param = x->refusal.param,
                                  .type = x->refusal.type,
                                  .request_id = str_of(id)};
    buf_init(&body, ERROR_BODY_MAX);
    dialect_write_error(x->dialect, &error, &body);
    account(x, x->refusal.status);
    server_reply(request, error.status, "application/json", headers, n, buf_str(&body));
    buf_release(&body);
}

/* ---- the answer of a call ---- */

static bool has_header(const struct http_header *headers, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq_nocase(headers[i].name, str_of(name))) {
            return true;
        }
    }
    return false;
}

static void call_head(void *ctx, const struct call_answer *answer)
{
    struct exchange *x = ctx;
    struct http_header headers[REPLY_HEADERS_MAX];
    size_t n = 0;

    for (; n < answer->header_count; n++) {
        headers[n] = answer->headers[n];
    }
    n += own_headers(x, headers + n);
    const char *id_name = request_id_name(x->dialect);
    if (!has_header(headers, answer->header_count, id_name)) {
        headers[n++] = (struct http_header){str_of(id_name), str_of(x->trace->id)};
    }
    if (answer->stream && !has_header(headers, answer->header_count, "cache-control")) {
        headers[n++] = (struct http_header){STR("cache-control"), STR("no-cache")};
    }
    if (answer->stream && !has_header(headers, answer->header_count, "x-accel-buffering")) {
        headers[n++] = (struct http_header){STR("x-accel-buffering"), STR("no")};
    }
    if (answer->status / 100 != 2 && x->trace->attempts > 1) {
        headers[n++] = (struct http_header){STR("x-should-retry"), STR("false")};
    }
    x->started = true;
    x->streaming = answer->stream;
    x->refusal.status = answer->status;
    server_reply_start(x->request, answer->status, headers, n, answer->content_length);
}

static void call_bytes(void *ctx, struct str bytes)
{
    struct exchange *x = ctx;
    server_reply_bytes(x->request, bytes);
}

static void call_turn(void *ctx)
{
    struct exchange *x = ctx;
    server_reply_flush(x->request);
    if (!x->paused && server_reply_backlog(x->request) >= SOCK_BACKLOG_HIGH) {
        x->paused = true;
        call_pause(x->call);
        timer_set(&x->stall, x->settings->stall_timeout_ms);
    }
}

static void call_end(void *ctx)
{
    struct exchange *x = ctx;
    struct server_request *request = x->request;
    x->call = NULL;
    account(x, x->refusal.status);
    server_reply_end(request);
}

static void call_failed(void *ctx, const struct call_failure *failure)
{
    struct exchange *x = ctx;
    x->call = NULL;
    exchange_refuse(x, failure->outcome, NULL, failure->param, "%s", failure->message);
    reply_refusal(x);
}

/* The answer had begun: a stream gets an error event of its dialect, all else is cut. */
static void call_broken(void *ctx, const struct call_failure *failure)
{
    struct exchange *x = ctx;
    struct server_request *request = x->request;
    struct buf event;

    x->call = NULL;
    buf_init(&event, ERROR_BODY_MAX);
    bool can_say = x->streaming && !failure->event_open;
    if (can_say && !failure->told) {
        struct dialect_error error = {.status = outcome_table[failure->outcome].status,
                                      .message = str_of(failure->message),
                                      .request_id = str_of(x->trace->id)};
        dialect_write_stream_error(x->route->route, &error, failure->sequence_number, &event);
    }
    int status = x->refusal.status;
    account(x, status);
    if (can_say) {
        server_reply_bytes(request, buf_str(&event));
        server_reply_end(request);
    } else {
        server_reply_abort(request);
    }
    buf_release(&event);
}

const struct call_events exchange_call_events = {.on_head = call_head,
                                                 .on_bytes = call_bytes,
                                                 .on_turn = call_turn,
                                                 .on_end = call_end,
                                                 .on_failed = call_failed,
                                                 .on_broken = call_broken};

/* ---- from the server ---- */

static void cancel(struct exchange *x)
{
    struct call *call = x->call;
    x->call = NULL;
    if (call) {
        call_cancel(call);
    }
}

/* The client leaves its answer unread for too long. */
static void stalled(void *ctx)
{
    struct exchange *x = ctx;
    struct server_request *request = x->request;
    cancel(x);
    x->trace->error_class = str_of(outcome_table[OUTCOME_CALLER_SLOW].name);
    x->trace->error_text = STR("the client did not read its answer (stall_timeout)");
    account(x, x->refusal.status);
    server_reply_abort(request);
}

static void run_phases(struct exchange *x)
{
    for (const struct phase *p = phase_table; p->name; p++) {
        int result = p->run(x);
        if (result == PHASE_NEXT) {
            continue;
        }
        if (result == PHASE_FAIL) {
            reply_refusal(x);
        }
        return; /* waiting, or over: x may be gone */
    }
}

void exchange_start(struct worker *worker, struct server_request *request)
{
    struct exchange *x = ARENA_NEW(&request->arena, struct exchange);
    x->worker = worker;
    x->request = request;
    x->settings = settings_ref(worker->settings);
    arena_defer(&request->arena, unpin, x->settings);
    timer_init(&x->stall, worker->loop, stalled, x);
    request->app = x;
    list_add(x);
    metrics_receive(worker->metrics);
    run_phases(x);
}

void exchange_gone(struct server_request *request)
{
    struct exchange *x = request->app;
    cancel(x);
    account(x, x->started ? x->refusal.status : 0);
}

void exchange_drained(struct server_request *request)
{
    struct exchange *x = request->app;
    if (x->paused) {
        x->paused = false;
        timer_cancel(&x->stall);
        if (x->call) {
            call_resume(x->call);
        }
    }
}
