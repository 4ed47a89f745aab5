#include "sim/sim_turn.h"

#include <math.h>

#include "core/clock.h"
#include "core/hash.h"
#include "net/loop.h"
#include "net/sock.h"
#include "sim/sim_answer.h"

#define HEADERS_MAX (SIM_QUOTA_HEADERS_MAX + 12)
/* Keeps the draws of times apart from all others. */
#define TIME_SALT        0x74696d65
#define REQUEST_ID_SALT  3000
#define REQUEST_ID_CHARS 22
/* Events are given to the connection in lots of this many bytes when many are due at once, and
 * other connections have their turn after so many. */
#define FLUSH_BYTES (64u << 10)
#define YIELD_BYTES (512u << 10)
/* Gaps below this are not worth a timer; they add up until they are. */
#define DUE_SLACK_MS     0.5
#define DEFAULT_RETRY_MS 1000

static void go_on(void *ctx);

struct sim_turn *sim_turn_begin(struct sim *sim, struct server_request *request, const char *route)
{
    struct sim_turn *t = ARENA_NEW(&request->arena, struct sim_turn);
    struct str retry = http_head_get(&request->head, "x-stainless-retry-count");

    *t = (struct sim_turn){.sim = sim, .request = request, .dials = &sim->dials, .seed = sim->seed};
    t->record = sim_records_add(&sim->records, request, route);
    sim->tally.requests++;
    sim->tally.retries += retry.n > 0 && !str_is(retry, "0");
    sim_tally_enter(&sim->tally);
    timer_init(&t->timer, sim->loop, go_on, t);
    request->app = t;
    return t;
}

void sim_turn_know(struct sim_turn *t, struct sim_ask *ask)
{
    t->ask = ask;
}

/* ---- heads ---- */

struct head {
    struct http_header headers[HEADERS_MAX];
    size_t n;
};

static void add_header(struct head *h, const char *name, struct str value)
{
    BUG_ON(h->n == HEADERS_MAX);
    h->headers[h->n++] = (struct http_header){str_of(name), value};
}

static struct str request_id(struct sim_turn *t)
{
    static const uint64_t id_key[2] = {0, 0};
    struct str body = buf_str(&t->request->body);
    if (t->request_id.n == 0) {
        /* Made of the question, so that the same request has the same id; not a count. */
        uint64_t key = t->ask ? t->ask->key : rand_mix(t->seed, hash_sip(id_key, body));
        t->request_id = arena_printf(
            &t->request->arena, "req_01%.*s",
            STR_ARG(sim_answer_id(&t->request->arena, key, REQUEST_ID_SALT, REQUEST_ID_CHARS)));
    }
    return t->request_id;
}

/* What every answer of a dialect has. */
static void common_headers(struct sim_turn *t, struct head *h)
{
    struct sim *sim = t->sim;
    if (t->dialect == DIALECT_ANTHROPIC) {
        add_header(h, "request-id", request_id(t));
        add_header(h, "anthropic-organization-id", STR("org-sim"));
    } else if (t->dialect == DIALECT_OPENAI) {
        add_header(h, "x-request-id", request_id(t));
        add_header(h, "openai-version", STR("2020-10-01"));
        add_header(h, "openai-organization", STR("org-sim"));
    }
    h->n += sim_quota_headers(&sim->quota, t->dialect, &t->request->arena, loop_now_ms(sim->loop),
                              clock_wall_ms(), h->headers + h->n);
}

/* ---- ends ---- */

static int64_t tokens_said(const struct sim_turn *t)
{
    const struct sim_speech *s = &t->speech;
    if (!t->speaks) {
        return 0;
    }
    if (t->streams || t->begun) {
        return s->said;
    }
    /* A whole answer that nobody waited for: as far as it had come. */
    double span = t->due_ms - t->begun_ms;
    double share = span > 0 ? ((double)loop_now_ms(t->sim->loop) - t->begun_ms) / span : 1;
    return (int64_t)((double)s->answer->output_tokens * (share < 1 ? share : 1));
}

/* Settles everything; the request is answered or given up right after. */
static void finish(struct sim_turn *t, bool cancelled)
{
    struct sim *sim = t->sim;
    struct sim_record *record = sim_records_get(&sim->records, t->record);
    int64_t said = tokens_said(t);

    timer_cancel(&t->timer);
    if (t->charged) {
        sim_quota_settle(&sim->quota, t->output_charged, said, loop_now_ms(sim->loop));
        t->charged = false;
    }
    sim->tally.tokens_generated += (uint64_t)said;
    sim->tally.events_generated += (uint64_t)t->events;
    if (cancelled) {
        sim->tally.cancelled++;
        sim->tally.events_cancelled += (uint64_t)t->events;
    }
    sim_tally_leave(&sim->tally);
    if (record) {
        record->done = true;
        record->cancelled = cancelled;
        record->events = t->events;
        record->output_tokens = said;
    }
    t->request->app = NULL;
}

static void note_status(struct sim_turn *t, int status)
{
    struct sim_record *record = sim_records_get(&t->sim->records, t->record);
    sim_tally_status(&t->sim->tally, status);
    if (record) {
        record->status = status;
    }
}

void sim_turn_gone(struct sim_turn *t)
{
    finish(t, true);
}

void sim_turn_reply(struct sim_turn *t, int status, const char *type, struct str body)
{
    struct server_request *request = t->request;
    struct head h = {.n = 0};

    common_headers(t, &h);
    note_status(t, status);
    finish(t, false);
    server_reply(request, status, type, h.headers, h.n, body);
}

/* ---- errors ---- */

static void send_error(struct sim_turn *t, const struct dialect_error *error,
                       int64_t retry_after_ms)
{
    struct server_request *request = t->request;
    struct buf *out = &t->sim->scratch;
    struct head h = {.n = 0};

    buf_clear(out);
    dialect_write_error(t->dialect, error, out);
    common_headers(t, &h);
    if (retry_after_ms >= 0) {
        long long ms = (long long)retry_after_ms;
        add_header(&h, "retry-after",
                   arena_printf(&request->arena, "%lld", ms < 1000 ? 1 : (ms + 999) / 1000));
        add_header(&h, "retry-after-ms", arena_printf(&request->arena, "%lld", ms));
    }
    note_status(t, error->status);
    finish(t, false);
    server_reply(request, error->status, "application/json", h.headers, h.n, buf_str(out));
}

void sim_turn_refuse(struct sim_turn *t, const struct sim_refusal *refusal)
{
    struct dialect_error error = {.status = refusal->status,
                                  .message = str_of(refusal->message),
                                  .code = refusal->code,
                                  .param = refusal->param,
                                  .request_id = request_id(t)};
    send_error(t, &error, -1);
}

void sim_turn_fail(struct sim_turn *t, int status, int64_t retry_after_ms)
{
    struct sim_wording wording = sim_fault_wording(status);
    bool anthropic = t->dialect == DIALECT_ANTHROPIC;
    struct dialect_error error = {.status = status,
                                  .message = str_of(anthropic ? wording.anthropic : wording.openai),
                                  .code = t->dialect == DIALECT_GEMINI ? NULL : wording.openai_code,
                                  .request_id = request_id(t)};
    send_error(t, &error, retry_after_ms);
}

/* What Retry-After says; `otherwise_ms` when the dial leaves it open. */
static int64_t retry_ms(const struct sim_turn *t, int64_t otherwise_ms)
{
    return t->dials->retry_after > 0 ? (int64_t)(t->dials->retry_after * 1000) : otherwise_ms;
}

void sim_turn_fault(struct sim_turn *t, int fault)
{
    if (fault == DIAL_FAULT_TIMEOUT) {
        t->sim->tally.timeouts++;
        t->held = true;
    } else if (fault == DIAL_FAULT_RESET) {
        t->sim->tally.resets++;
        struct server_request *request = t->request;
        finish(t, false);
        server_reply_abort(request);
    } else if (fault == DIAL_FAULT_BARE_429) {
        sim_turn_fail(t, 429, -1);
    } else {
        sim_turn_fail(t, fault, retry_ms(t, fault == 429 ? DEFAULT_RETRY_MS : -1));
    }
}

void sim_turn_shortage(struct sim_turn *t, const struct sim_shortage *shortage)
{
    static const struct {
        const char *openai;
        const char *anthropic;
        const char *type;
    } words[] = {
        [SIM_QUOTA_REQUESTS] = {"requests per min (RPM)",      "requests per minute",      "requests"},
        [SIM_QUOTA_INPUT] = {"tokens per min (TPM)",        "input tokens per minute",  "tokens"  },
        [SIM_QUOTA_OUTPUT] = {"output tokens per min (TPM)", "output tokens per minute", "tokens"  },
    };
    struct arena *arena = &t->request->arena;
    int64_t wait_ms = retry_ms(t, shortage->wait_ms >= 0 ? shortage->wait_ms : DEFAULT_RETRY_MS);
    struct str again = sim_quota_go_duration(arena, wait_ms);
    struct str model = t->ask ? t->ask->model : STR("this model");
    struct dialect_error error = {
        .status = 429,
        .code = "rate_limit_exceeded",
        .type = t->dialect == DIALECT_OPENAI ? words[shortage->kind].type : NULL,
        .request_id = request_id(t),
    };
    if (t->dialect == DIALECT_OPENAI) {
        error.message = arena_printf(
            arena,
            "Rate limit reached for %.*s in organization org-sim on %s: Limit %lld, Used %lld, "
            "Requested %lld. Please try again in %.*s.",
            STR_ARG(str_head(model, 200)), words[shortage->kind].openai, (long long)shortage->limit,
            (long long)shortage->used, (long long)shortage->requested, STR_ARG(again));
    } else {
        error.message = arena_printf(
            arena, "This request would exceed your organization's rate limit of %lld %s.",
            (long long)shortage->limit, words[shortage->kind].anthropic);
    }
    send_error(t, &error, wait_ms);
}

/* ---- answers that take time ---- */

static double draw_ms(struct sim_turn *t, const struct upstream_law *law)
{
    if (law->kind == UPSTREAM_CONSTANT) {
        return law->a;
    }
    double unit = rand_unit(&t->rand);
    double normal = rand_normal(&t->rand);
    return upstream_law_sample(law, unit, normal);
}

static double token_ms(struct sim_turn *t)
{
    return t->dials->tps > 0 ? 1000 / t->dials->tps : draw_ms(t, &t->dials->itl);
}

/* Between the first token and the last. */
static double span_ms(struct sim_turn *t, int64_t tokens)
{
    double sum = 0;
    if (t->dials->tps > 0 || t->dials->itl.kind == UPSTREAM_CONSTANT) {
        return tokens > 1 ? token_ms(t) * (double)(tokens - 1) : 0;
    }
    for (int64_t i = 1; i < tokens; i++) {
        sum += token_ms(t);
    }
    return sum;
}

static bool is_due(struct sim_turn *t)
{
    double left = t->due_ms - (double)loop_now_ms(t->sim->loop);
    if (left < DUE_SLACK_MS) {
        return true;
    }
    timer_set(&t->timer, (int64_t)ceil(left));
    return false;
}

/* The answer breaks off here. */
static void break_off(struct sim_turn *t)
{
    struct sim *sim = t->sim;
    struct server_request *request = t->request;

    if (t->stopping.stop == SIM_STOP_STALL) {
        sim->tally.stalls++;
        server_reply_flush(request);
        t->held = true;
        return;
    }
    if (t->stopping.stop == SIM_STOP_CUT) {
        sim->tally.cuts++;
        finish(t, false);
        server_reply_abort(request);
        return;
    }
    bool anthropic = t->dialect == DIALECT_ANTHROPIC;
    struct sim_wording wording = sim_fault_wording(anthropic ? 529 : 500);
    struct dialect_error error = {.status = anthropic ? 529 : 500,
                                  .message = str_of(anthropic ? wording.anthropic : wording.openai),
                                  .code = wording.openai_code,
                                  .request_id = request_id(t)};
    buf_clear(&sim->scratch);
    if (t->dialect == DIALECT_GEMINI) {
        error.code = NULL;
        buf_puts(&sim->scratch, "data: ");
        dialect_write_error(t->dialect, &error, &sim->scratch);
        buf_puts(&sim->scratch, "\r\n\r\n");
    } else {
        dialect_write_stream_error(t->route, &error, t->speech.sequence, &sim->scratch);
    }
    server_reply_bytes(request, buf_str(&sim->scratch));
    t->events++;
    sim->tally.stream_errors++;
    finish(t, false);
    server_reply_end(request);
}

static void begin_stream(struct sim_turn *t)
{
    struct head h = {.n = 0};
    add_header(&h, "content-type", STR("text/event-stream; charset=utf-8"));
    add_header(&h, "cache-control", STR("no-cache"));
    add_header(&h, "x-accel-buffering", STR("no"));
    common_headers(t, &h);
    note_status(t, 200);
    t->begun = true;
    server_reply_start(t->request, 200, h.headers, h.n, -1);
}

/* Is the next event still to come? Adds the time of its token to what is due, once. */
static bool must_wait(struct sim_turn *t)
{
    if (sim_speech_costs(&t->speech) && !t->paid) {
        t->due_ms += token_ms(t);
        t->paid = true;
    }
    return !is_due(t);
}

/* True when the connection has taken enough for now; the turn goes on by drain or timer. */
static bool has_enough(struct sim_turn *t, size_t *lot, size_t *given)
{
    if (*lot < FLUSH_BYTES) {
        return false;
    }
    *given += *lot;
    *lot = 0;
    server_reply_flush(t->request);
    if (server_reply_backlog(t->request) > SOCK_BACKLOG_HIGH) {
        return true;
    }
    if (*given >= YIELD_BYTES) {
        timer_set(&t->timer, 0);
        return true;
    }
    return false;
}

static void note_progress(const struct sim_turn *t)
{
    struct sim_record *record = sim_records_get(&t->sim->records, t->record);
    if (record) {
        record->events = t->events;
        record->output_tokens = t->speech.said;
    }
}

/* Gives out all events that are due. */
static void pump_stream(struct sim_turn *t)
{
    struct server_request *request = t->request;
    struct buf *out = &t->sim->scratch;
    size_t lot = 0;
    size_t given = 0;

    if (!t->begun) {
        begin_stream(t);
    }
    for (;;) {
        if (t->stopping.stop != SIM_STOP_NONE && t->events >= t->stopping.after) {
            break_off(t);
            return;
        }
        if (must_wait(t)) {
            server_reply_flush(request);
            note_progress(t);
            return;
        }
        t->paid = t->paid && !sim_speech_costs(&t->speech);
        buf_clear(out);
        if (!sim_speech_next(&t->speech, out)) {
            finish(t, false);
            server_reply_end(request);
            return;
        }
        if (out->n > 0) {
            t->events++;
            lot += out->n;
            server_reply_bytes(request, buf_str(out));
        }
        if (has_enough(t, &lot, &given)) {
            return;
        }
    }
}

/* A whole answer that stalls or is cut is so in its middle. */
static void send_half(struct sim_turn *t, struct str body)
{
    struct head h = {.n = 0};
    add_header(&h, "content-type", str_of(t->type));
    common_headers(t, &h);
    note_status(t, 200);
    t->begun = true;
    server_reply_start(t->request, 200, h.headers, h.n, (int64_t)body.n);
    server_reply_bytes(t->request, str_head(body, body.n / 2));
    break_off(t);
}

static void send_whole(struct sim_turn *t)
{
    struct str body = t->body;
    if (t->speaks) {
        buf_clear(&t->sim->scratch);
        sim_speech_whole(&t->speech, &t->sim->scratch);
        body = buf_str(&t->sim->scratch);
    }
    t->begun = true;
    if (t->stopping.stop == SIM_STOP_STALL || t->stopping.stop == SIM_STOP_CUT) {
        send_half(t, body);
        return;
    }
    sim_turn_reply(t, 200, t->type, body);
}

static void go_on(void *ctx)
{
    struct sim_turn *t = ctx;
    if (t->held) {
        return;
    }
    if (t->streams) {
        if (t->begun || is_due(t)) {
            pump_stream(t);
        }
    } else if (is_due(t)) {
        send_whole(t);
    }
}

static void start_waiting(struct sim_turn *t, uint64_t key)
{
    rand_seed(&t->rand, rand_mix(key, TIME_SALT));
    t->begun_ms = (double)loop_now_ms(t->sim->loop);
    t->due_ms = t->begun_ms + draw_ms(t, &t->dials->ttft);
    t->paid = true; /* the first token's time is the ttft */
}

void sim_turn_reply_later(struct sim_turn *t, const char *type, struct str body)
{
    t->body = body;
    t->type = type;
    t->stopping = sim_fault_stopping(t->dials, t->seed, t->fault_number, 1);
    start_waiting(t, rand_mix(t->seed, t->fault_number));
    go_on(t);
}

void sim_turn_speak(struct sim_turn *t, int64_t output_charged)
{
    struct sim *sim = t->sim;
    struct sim_ask *ask = t->ask;
    struct sim_answer *answer = NULL;
    struct sim_record *record = sim_records_get(&sim->records, t->record);

    t->charged = true;
    t->output_charged = output_charged;
    t->speaks = true;
    t->streams = ask->stream;
    t->type = "application/json";
    sim_answer_plan(&t->request->arena, ask, t->dials, &answer);
    sim_speech_start(&t->speech, &t->request->arena, ask, answer, t->dials);
    t->stopping = sim_fault_stopping(t->dials, t->seed, t->fault_number, answer->output_tokens);
    sim->tally.streams += t->streams;
    sim->tally.input_tokens += (uint64_t)answer->input_tokens;
    if (record) {
        record->stream = t->streams;
        record->input_tokens = answer->input_tokens;
    }
    start_waiting(t, ask->key);
    if (!t->streams) {
        t->due_ms += span_ms(t, answer->output_tokens);
    }
    go_on(t);
}

void sim_turn_drain(struct sim_turn *t)
{
    if (t->streams && t->begun && !t->held && !timer_is_set(&t->timer)) {
        pump_stream(t);
    }
}
