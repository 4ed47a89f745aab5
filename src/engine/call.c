#include "engine/call.h"

#include "core/clock.h"
#include "core/mem.h"
#include "engine/header.h"
#include "engine/relay.h"
#include "engine/scrub.h"
#include "engine/settle.h"
#include "llm/quirk.h"
#include "net/timer.h"

#define ATTEMPTS_JSON_MAX (64u << 10)
/* Room that what is noted of most attempts fits into. */
#define USUAL_ATTEMPT_BYTES 200
#define EDIT_ROOM_BYTES     4096
/* Memory for edited bodies up to this is kept for the next call. */
#define SPARE_BODY_BYTES_MAX (64u << 10)

enum call_state {
    CALL_ASKING = 0, /* up to the head of the answer */
    CALL_REFUSED,    /* a failed answer's body is being collected */
    CALL_HOLDING,    /* 2xx, no content yet: could still go elsewhere */
    CALL_COMMITTED
};

struct call {
    struct engine *engine;
    struct call_request request;
    const struct call_events *events;
    void *ctx;
    enum call_state state;

    size_t target_at;
    uint32_t keys_tried; /* of the current target's provider */
    int key_index;
    uint64_t client_id;
    struct buf head;   /* request head of this attempt */
    struct buf edited; /* body of this attempt, when it differs */
    int64_t attempt_started_us;
    struct timer end_timer; /* answer_timeout of this attempt */

    struct arena arena; /* answer head of this attempt */
    struct call_answer answer;
    struct relay relay;
    bool relaying;
    bool strip_usage;
    struct buf error_body;
    enum outcome outcome; /* of the last attempt */
    char text[ERROR_TEXT_MAX];

    struct buf attempts; /* JSON for the trace */
    bool sent;
    bool accepted;
};

static void attempt_start(struct call *c);

static int64_t since_start(const struct call *c)
{
    return clock_mono_us() - c->request.started_us;
}

static const struct settings_target *target_of(const struct call *c)
{
    return &c->request.targets[c->target_at];
}

static const struct settings_api_key *key_of(const struct call *c)
{
    return c->key_index < 0 ? NULL : &target_of(c)->provider->api_keys[c->key_index];
}

static void relay_drop(struct call *c)
{
    if (c->relaying) {
        relay_release(&c->relay);
        c->relaying = false;
    }
}

void call_discard(struct call *c)
{
    buf_release(&c->head);
    buf_release(&c->edited);
    buf_release(&c->error_body);
    buf_release(&c->attempts);
    arena_release(&c->arena);
    x_free(c);
}

static void call_free(struct call *c)
{
    timer_cancel(&c->end_timer);
    relay_drop(c);
    arena_reset(&c->arena);
    buf_release(&c->error_body);
    if (c->edited.cap > SPARE_BODY_BYTES_MAX || !engine_keep_spare(c->engine, c)) {
        call_discard(c);
    }
}

static void answer_timed_out(void *ctx);

/* All blank, but for memory that an ended call has left. */
static struct call *call_new(struct engine *engine)
{
    struct call *c = engine_take_spare(engine);
    if (!c) {
        c = x_calloc(1, sizeof(*c));
        arena_init(&c->arena);
        buf_init(&c->head, HEADER_REQUEST_BYTES_MAX);
        buf_init(&c->edited, 0);
        buf_init(&c->attempts, ATTEMPTS_JSON_MAX);
    } else {
        *c = (struct call){
            .arena = c->arena, .head = c->head, .edited = c->edited, .attempts = c->attempts};
        buf_clear(&c->head);
        buf_clear(&c->edited);
        buf_clear(&c->attempts);
    }
    c->engine = engine;
    timer_init(&c->end_timer, engine_loop(engine), answer_timed_out, c);
    buf_init(&c->error_body, CALL_ERROR_BODY_MAX);
    return c;
}

/* ---- the trace ---- */

static void note_attempt(struct call *c)
{
    const struct settings_target *target = target_of(c);
    const struct settings_api_key *key = key_of(c);
    struct buf *out = &c->attempts;

    buf_reserve(out, USUAL_ATTEMPT_BYTES);
    buf_puts(out, out->n == 0 ? "[" : ",");
    buf_puts(out, "{\"provider\":");
    buf_put_json(out, target->provider->name);
    buf_puts(out, ",\"model\":");
    buf_put_json(out, target->model);
    if (key) {
        buf_puts(out, ",\"key\":");
        buf_put_json(out, key->name);
    }
    buf_puts(out, ",\"status\":");
    buf_put_i64(out, c->answer.status);
    buf_puts(out, ",\"start_us\":");
    buf_put_i64(out, c->attempt_started_us - c->request.started_us);
    buf_puts(out, ",\"end_us\":");
    buf_put_i64(out, since_start(c));
    if (c->outcome != OUTCOME_OK) {
        buf_puts(out, ",\"error\":");
        buf_put_json(out, str_of(outcome_table[c->outcome].name));
        buf_puts(out, ",\"text\":");
        buf_put_json(out, str_of(c->text));
    }
    buf_putc(out, '}');
}

/* The request went out, and no answer says that it costs nothing. */
static bool may_be_billed(const struct call *c)
{
    return c->sent && (c->answer.status == 0 || c->answer.status / 100 == 2);
}

static void finish_trace(struct call *c)
{
    struct trace *t = c->request.trace;
    const struct settings_target *target = target_of(c);

    buf_putc(&c->attempts, ']');
    if (buf_ok(&c->attempts)) {
        t->attempts_json = arena_str(&t->arena, buf_str(&c->attempts));
    }
    t->provider = arena_str(&t->arena, target->provider->name);
    t->model_routed = arena_str(&t->arena, target->model);
    t->upstream_status = c->answer.status;
    if (c->outcome != OUTCOME_OK) {
        t->error_class = str_of(outcome_table[c->outcome].name);
        t->error_text = arena_str(&t->arena, str_of(c->text));
    }
    struct settle_input input = {.settings = c->request.settings,
                                 .provider = target->provider,
                                 .route = c->request.route,
                                 .model_routed = t->model_routed,
                                 .facts = c->request.facts,
                                 .answer = c->relaying ? &c->relay.facts : NULL,
                                 .sent = c->sent,
                                 .accepted = c->accepted};
    settle(&input, t);
    if (c->request.admission) {
        t->done_us = since_start(c);
        admission_settle(c->request.admission, t, c->sent, may_be_billed(c), admission_now());
    }
    if (c->relaying) {
        t->events = c->relay.events;
    }
}

/* ---- ends ---- */

static void end_fine(struct call *c)
{
    const struct call_events *events = c->events;
    void *ctx = c->ctx;
    note_attempt(c);
    finish_trace(c);
    call_free(c);
    events->on_end(ctx);
}

static void end_broken(struct call *c)
{
    const struct call_events *events = c->events;
    void *ctx = c->ctx;
    char text[ERROR_TEXT_MAX];
    struct call_failure failure = {.outcome = c->outcome,
                                   .message = text,
                                   .sequence_number = c->relay.facts.sequence_number + 1,
                                   .event_open = c->relay.event_open};
    snprintf(text, sizeof(text), "%s", c->text);
    note_attempt(c);
    finish_trace(c);
    call_free(c);
    events->on_broken(ctx, &failure);
}

static void end_failed(struct call *c)
{
    const struct call_events *events = c->events;
    void *ctx = c->ctx;
    char text[ERROR_TEXT_MAX];
    struct call_failure failure = {.outcome = c->outcome, .message = text};
    snprintf(text, sizeof(text), "%s", c->text);
    finish_trace(c);
    call_free(c);
    events->on_failed(ctx, &failure);
}

/* A provider's key must not come back out through what it says of a failure. */
static void scrub_buf(const struct call *c, struct buf *bytes)
{
    scrub(target_of(c)->provider, bytes->p, bytes->n);
}

/* Of a failure that is told within an answer whose status was fine. */
static void scrub_told_failure(struct call *c)
{
    if (c->relaying && c->relay.facts.failed) {
        char *text = c->relay.facts.error_text;
        scrub_buf(c, &c->relay.out);
        scrub(target_of(c)->provider, text, strlen(text));
    }
}

static void capture(struct call *c, struct str bytes)
{
    struct trace *t = c->request.trace;
    t->response_bytes += (int64_t)bytes.n;
    if (t->capture == TRACE_CAPTURE_NONE || t->response_truncated) {
        return;
    }
    size_t max = (size_t)c->request.settings->capture_max;
    size_t room = max > t->response_body.n ? max - t->response_body.n : 0;
    buf_put_str(&t->response_body, str_head(bytes, room));
    t->response_truncated = bytes.n > room;
}

/* The last provider's own words go to the client; what is about weir's key it gets in ours, since
 * the caller would take it for its own key or bill. */
static void deliver_refusal(struct call *c)
{
    if (c->outcome == OUTCOME_PROVIDER_KEY) {
        struct dialect_error error = {.status = c->answer.status,
                                      .message = str_of(c->text),
                                      .request_id = str_of(c->request.trace->id)};
        static const struct http_header json = {STR("content-type"), STR("application/json")};
        buf_clear(&c->error_body);
        dialect_write_error(c->request.route->dialect, &error, &c->error_body);
        c->answer.headers = &json; /* the provider's were about its own words */
        c->answer.header_count = 1;
        c->answer.stream = false;
    }
    scrub_buf(c, &c->error_body);
    c->answer.content_length = (int64_t)c->error_body.n;
    c->events->on_head(c->ctx, &c->answer);
    if (c->error_body.n > 0) {
        capture(c, buf_str(&c->error_body));
        c->events->on_bytes(c->ctx, buf_str(&c->error_body));
    }
    const struct call_events *events = c->events;
    void *ctx = c->ctx;
    finish_trace(c);
    call_free(c);
    events->on_end(ctx);
}

/* ---- going elsewhere ---- */

static void pick_key(struct call *c)
{
    c->key_index = keyring_pick(engine_keyring(c->engine), target_of(c)->provider, c->keys_tried,
                                clock_wall_ms());
}

/* Moves to the next key or target; false when there is none, or none could do better. */
static bool go_on(struct call *c)
{
    if (!outcome_table[c->outcome].try_elsewhere) {
        return false;
    }
    if (c->outcome == OUTCOME_PROVIDER_KEY && c->key_index >= 0) {
        c->keys_tried |= 1u << c->key_index;
        pick_key(c);
        if (c->key_index >= 0) {
            return true;
        }
    }
    if (c->target_at + 1 >= c->request.target_count) {
        return false;
    }
    c->target_at++;
    c->keys_tried = 0;
    pick_key(c);
    return true;
}

/* Passed on, a redirect would send the client past weir, with its virtual key. */
static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* 304 answers a condition, and only clients that read set one; to a POST it is no answer. */
static bool is_no_answer(const struct call *c)
{
    bool reads = str_is(c->request.client_head->method, "GET") ||
                 str_is(c->request.client_head->method, "HEAD");
    return is_redirect(c->answer.status) || (c->answer.status == 304 && !reads);
}

/* The same, to a place where limits leave room; elsewhere the failed attempt is the last. */
static bool go_on_where_room(struct call *c)
{
    const size_t target_at = c->target_at;
    const int key_index = c->key_index;
    const bool billed = may_be_billed(c);
    struct governor_refusal refusal;
    while (go_on(c)) {
        if (!c->request.admission || admission_swap(c->request.admission, target_of(c), billed,
                                                    admission_now(), &refusal) == ADMISSION_OK) {
            return true;
        }
        c->keys_tried = UINT32_MAX; /* another key is the same place */
    }
    c->target_at = target_at;
    c->key_index = key_index;
    return false;
}

static void attempt_failed(struct call *c)
{
    note_attempt(c);
    if (go_on_where_room(c)) {
        attempt_start(c);
    } else if (c->state == CALL_REFUSED && !is_no_answer(c)) {
        deliver_refusal(c);
    } else {
        end_failed(c);
    }
}

static void refusal_is_whole(struct call *c)
{
    const struct settings_provider *p = target_of(c)->provider;
    char said[256] = "";

    scrub_buf(c, &c->error_body);
    p->dialect->error_text(buf_str(&c->error_body), said, sizeof(said));
    c->outcome = outcome_of_status(c->answer.status);
    snprintf(c->text, sizeof(c->text), "provider \"%.*s\" answered HTTP %d: %s", STR_ARG(p->name),
             c->answer.status, said);
    if (c->outcome == OUTCOME_PROVIDER_KEY && key_of(c)) {
        keyring_bench(engine_keyring(c->engine), key_of(c), c->answer.status,
                      clock_wall_ms() + p->bench_ms);
        log_warn(engine_log(c->engine), "engine",
                 "key %.*s was refused (HTTP %d) and rests for %lld s", STR_ARG(key_of(c)->name),
                 c->answer.status, (long long)p->bench_ms / 1000);
    }
    if (c->outcome == OUTCOME_PROVIDER_KEY) { /* a 401 quotes parts of the key: not repeated */
        bool quoted = c->answer.status == 401;
        snprintf(c->text, sizeof(c->text),
                 "provider \"%.*s\" refused the key that weir holds for it (HTTP %d%s%s); its "
                 "operator must look at api_keys",
                 STR_ARG(p->name), c->answer.status, quoted ? "" : ": ", quoted ? "" : said);
    }
    if (is_redirect(c->answer.status)) {
        snprintf(
            c->text, sizeof(c->text),
            "provider \"%.*s\" answered with a redirect (HTTP %d), which weir does not follow; "
            "its operator must put the address where it really is into base_url%s%s",
            STR_ARG(p->name), c->answer.status, said[0] ? ": " : "", said);
    }
    attempt_failed(c);
}

/* ---- what comes from the client layer ---- */

static void sent_came(void *ctx, bool reused)
{
    struct call *c = ctx;
    (void)reused;
    c->sent = true;
    c->request.trace->sent_us = since_start(c);
}

static bool is_event_stream(const struct http_head *head)
{
    return str_starts_nocase(http_head_get(head, "content-type"), STR("text/event-stream"));
}

static bool is_encoded(const struct http_head *head)
{
    struct str encoding = http_head_get(head, "content-encoding");
    return encoding.n > 0 && !str_eq_nocase(encoding, STR("identity"));
}

static void note_request_id(struct call *c, const struct http_head *head)
{
    struct str id = http_head_get(head, "x-request-id");
    if (id.n == 0) {
        id = http_head_get(head, "request-id");
    }
    id = arena_str(&c->request.trace->arena, str_head(id, 200));
    scrub(target_of(c)->provider, (char *)id.p, id.n);
    c->request.trace->upstream_request_id = id;
}

static void head_came(void *ctx, const struct http_head *head)
{
    struct call *c = ctx;
    size_t headers_max =
        head->header_count < CALL_HEADERS_MAX ? head->header_count : CALL_HEADERS_MAX;
    struct http_header *headers = ARENA_ARRAY(&c->arena, struct http_header, headers_max);

    c->request.trace->head_us = since_start(c);
    note_request_id(c, head);
    c->answer = (struct call_answer){
        .status = head->status,
        .headers = headers,
        .header_count = header_filter_answer(head, &c->arena, headers, headers_max),
        .content_length = head->content_length,
        .stream = is_event_stream(head),
    };
    if (head->status / 100 != 2) {
        for (size_t i = 0; i < c->answer.header_count; i++) {
            struct str value = headers[i].value; /* a copy in our arena */
            scrub(target_of(c)->provider, (char *)value.p, value.n);
        }
        c->state = CALL_REFUSED;
        return;
    }
    c->state = CALL_HOLDING;
    c->accepted = true;
    if (c->answer.stream) {
        c->answer.content_length = -1;
    }
    if (key_of(c)) {
        keyring_clear(engine_keyring(c->engine), key_of(c));
    }
    bool readable = c->request.facts != NULL && !is_encoded(head);
    relay_init(&c->relay, target_of(c)->provider->dialect, c->request.route->route,
               c->answer.stream, c->strip_usage, readable);
    c->relaying = true;
}

static void fail_and_cancel(struct call *c, enum outcome outcome, const char *text)
{
    client_cancel(engine_client(c->engine), c->client_id);
    c->client_id = 0;
    c->outcome = outcome;
    snprintf(c->text, sizeof(c->text), "provider \"%.*s\": %s",
             STR_ARG(target_of(c)->provider->name), text);
    if (c->state == CALL_COMMITTED) {
        end_broken(c);
    } else {
        attempt_failed(c);
    }
}

/* A provider that drips, a byte for every idle_timeout, would otherwise be waited for forever. */
static void answer_timed_out(void *ctx)
{
    struct call *c = ctx;
    if (c->state == CALL_REFUSED) { /* the status is known: that much is the answer */
        client_cancel(engine_client(c->engine), c->client_id);
        c->client_id = 0;
        refusal_is_whole(c);
        return;
    }
    fail_and_cancel(c, OUTCOME_PROVIDER_TIMEOUT, "its answer did not end within answer_timeout");
}

/* The first thing a stream says is that it failed: it can still go elsewhere. */
static bool failed_before_content(const struct call *c)
{
    return c->state == CALL_HOLDING && c->relay.facts.failed && c->relay.events == 1 &&
           c->target_at + 1 < c->request.target_count;
}

static void body_came(void *ctx, struct str bytes)
{
    struct call *c = ctx;
    if (c->state == CALL_REFUSED) {
        size_t room = CALL_ERROR_BODY_MAX - c->error_body.n;
        buf_put_str(&c->error_body, str_head(bytes, room));
        if (bytes.n > room) {
            client_cancel(engine_client(c->engine), c->client_id);
            c->client_id = 0;
            refusal_is_whole(c);
        }
        return;
    }
    if (relay_push(&c->relay, bytes) != 0) {
        fail_and_cancel(c, OUTCOME_WEIR_BUSY, "more of the answer came at once than weir buffers");
    }
}

static void pass_on(struct call *c)
{
    struct buf *out = &c->relay.out;
    if (c->state == CALL_HOLDING) {
        c->state = CALL_COMMITTED;
        c->events->on_head(c->ctx, &c->answer);
    }
    if (out->n == 0) {
        return;
    }
    if (c->request.trace->first_us < 0) {
        c->request.trace->first_us = since_start(c);
    }
    capture(c, buf_str(out));
    c->events->on_bytes(c->ctx, buf_str(out));
    relay_taken(&c->relay);
}

static void turn_came(void *ctx)
{
    struct call *c = ctx;
    if (!c->relaying) {
        return;
    }
    scrub_told_failure(c);
    if (failed_before_content(c)) {
        fail_and_cancel(c, OUTCOME_PROVIDER_OVERLOADED, c->relay.facts.error_text);
        return;
    }
    if (c->relay.events > target_of(c)->provider->events_max) {
        fail_and_cancel(c, OUTCOME_PROVIDER_NONSENSE, "its stream has more events than events_max");
        return;
    }
    bool content = !c->relay.stream || !c->relay.readable || c->relay.events > 0 || c->relay.blind;
    if (c->relay.out.n > 0 && (c->state == CALL_COMMITTED || content)) {
        pass_on(c);
        c->events->on_turn(c->ctx);
    }
}

/* A stream without its last event looks whole to HTTP and is not. */
static bool stream_is_cut(const struct call *c)
{
    const struct relay *r = &c->relay;
    return r->stream && r->readable && !r->blind && !r->facts.terminal && !r->facts.failed &&
           r->facts.finish_reason[0] == '\0';
}

static void end_came(void *ctx)
{
    struct call *c = ctx;
    c->client_id = 0;
    if (c->state == CALL_REFUSED) {
        refusal_is_whole(c);
        return;
    }
    scrub_told_failure(c);
    if (failed_before_content(c)) {
        fail_and_cancel(c, OUTCOME_PROVIDER_OVERLOADED, c->relay.facts.error_text);
        return;
    }
    bool cut = stream_is_cut(c);
    if (cut && c->state == CALL_HOLDING && c->relay.events == 0) {
        fail_and_cancel(c, OUTCOME_PROVIDER_CUT, "the stream ended without a single event");
        return;
    }
    relay_finish(&c->relay, !cut);
    scrub_told_failure(c);
    pass_on(c);
    if (cut) {
        fail_and_cancel(c, OUTCOME_PROVIDER_CUT, "the stream ended before its last event");
        return;
    }
    if (c->relay.facts.failed) {
        c->outcome = OUTCOME_PROVIDER_ERROR;
        snprintf(c->text, sizeof(c->text), "provider \"%.*s\" reported an error in its answer: %s",
                 STR_ARG(target_of(c)->provider->name), c->relay.facts.error_text);
    }
    end_fine(c);
}

static void fail_came(void *ctx, const struct error *why, enum client_phase phase)
{
    struct call *c = ctx;
    c->client_id = 0;
    if (c->state == CALL_REFUSED) { /* the status is known: that much is the answer */
        refusal_is_whole(c);
        return;
    }
    c->outcome = outcome_of_error(why->code, phase == CLIENT_BODY);
    snprintf(c->text, sizeof(c->text), "provider \"%.*s\": %.400s",
             STR_ARG(target_of(c)->provider->name), why->text);
    if (c->state == CALL_COMMITTED) {
        relay_finish(&c->relay, false);
        end_broken(c);
    } else {
        attempt_failed(c);
    }
}

static const struct client_events client_side = {.on_sent = sent_came,
                                                 .on_head = head_came,
                                                 .on_body = body_came,
                                                 .on_turn = turn_came,
                                                 .on_end = end_came,
                                                 .on_fail = fail_came};

/* ---- attempts ---- */

/* The body as this target must see it. */
static struct str body_for(struct call *c, const struct settings_target *target)
{
    const struct request_facts *facts = c->request.facts;
    struct error err;

    c->strip_usage = false;
    if (!facts) {
        return c->request.body;
    }
    enum route route = c->request.route->route;
    bool may_ask = route == ROUTE_CHAT || route == ROUTE_COMPLETIONS;
    struct request_edit edit = {.model = target->model};
    edit.max_output = admission_max_output(c->request.admission);
    edit.max_completion_tokens =
        quirk_of_host(str_of(target->provider->base_url.host))->max_name == QUIRK_MAX_COMPLETION;
    edit.inject_usage = may_ask && facts->stream && !facts->asks_usage &&
                        target->provider->usage == SETTINGS_USAGE_INJECT;
    if (!edit.inject_usage && edit.max_output == 0 && str_eq(target->model, facts->model)) {
        return c->request.body;
    }
    buf_clear(&c->edited);
    if (request_edit_body(c->request.body, facts, &edit, &c->edited, &err) != 0) {
        return c->request.body; /* cannot be: the room was reckoned with the body's own size */
    }
    c->strip_usage = edit.inject_usage;
    return buf_str(&c->edited);
}

static void attempt_start(struct call *c)
{
    const struct settings_target *target = target_of(c);
    const struct settings_provider *p = target->provider;

    relay_drop(c);
    arena_release(&c->arena);
    buf_clear(&c->error_body);
    buf_clear(&c->head);
    c->answer = (struct call_answer){0};
    c->state = CALL_ASKING;
    c->outcome = OUTCOME_OK;
    c->sent = false;
    c->accepted = false;
    c->text[0] = '\0';
    c->attempt_started_us = clock_mono_us();
    timer_set(&c->end_timer, p->answer_timeout_ms);
    if (c->request.trace->attempts == 0) {
        c->request.trace->routed_us = c->attempt_started_us - c->request.started_us;
    }
    c->request.trace->attempts++;
    c->request.trace->provider = p->name; /* copied when the call ends */
    c->request.trace->model_routed = target->model;

    struct str body = body_for(c, target);
    struct str method = c->request.client_head->method;
    struct header_request head = {.provider = p,
                                  .key = key_of(c),
                                  .method = method,
                                  .path = c->request.path,
                                  .query = c->request.query,
                                  .client = c->request.client_head,
                                  .body_bytes = body.n,
                                  .has_body = body.n > 0 || str_is(method, "POST")};
    header_write_request(&c->head, &head);
    struct client_request request = {.head = buf_str(&c->head),
                                     .body = body,
                                     .no_body_expected = str_is(method, "HEAD"),
                                     .head_timeout_ms = p->first_byte_timeout_ms,
                                     .idle_timeout_ms = p->idle_timeout_ms};
    c->client_id = client_start(engine_origin(c->engine, p), &request, &client_side, c);
}

struct call *call_start(struct engine *engine, const struct call_request *request,
                        const struct call_events *events, void *ctx)
{
    struct call *c = call_new(engine);
    BUG_ON(request->target_count == 0);
    c->request = *request;
    c->events = events;
    c->ctx = ctx;
    c->edited.max = request->body.n + EDIT_ROOM_BYTES;
    if (c->edited.cap > c->edited.max) { /* left by a call with a larger body */
        buf_release(&c->edited);
    }
    pick_key(c);
    attempt_start(c);
    return c;
}

static const char *phase_name(const struct call *c)
{
    if (c->state == CALL_COMMITTED || c->state == CALL_HOLDING) {
        return c->answer.stream ? "stream" : "body";
    }
    switch (client_phase(engine_client(c->engine), c->client_id)) {
    case CLIENT_WAITING:
        return "waiting";
    case CLIENT_CONNECTING:
        return "connecting";
    case CLIENT_SENT:
    case CLIENT_BODY:
        break;
    }
    return "headers";
}

void call_cancel(struct call *c)
{
    struct trace *t = c->request.trace;
    t->cancelled_in = str_of(phase_name(c));
    client_cancel(engine_client(c->engine), c->client_id);
    c->outcome = OUTCOME_CALLER_CANCELLED;
    snprintf(c->text, sizeof(c->text), "the client left (%.*s)", STR_ARG(t->cancelled_in));
    note_attempt(c);
    finish_trace(c);
    call_free(c);
}

void call_pause(struct call *c)
{
    client_pause(engine_client(c->engine), c->client_id);
}

void call_resume(struct call *c)
{
    client_resume(engine_client(c->engine), c->client_id);
}
