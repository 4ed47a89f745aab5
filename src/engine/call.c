#include "engine/call.h"

#include "core/mem.h"
#include "engine/attempt.h"
#include "engine/call_internal.h"
#include "engine/header.h"
#include "engine/scrub.h"

#define ATTEMPTS_JSON_MAX (64u << 10)
/* Memory for edited bodies up to this is kept for the next call. */
#define SPARE_BODY_BYTES_MAX (64u << 10)

static void attempt_start(struct call *c);

static void relay_drop(struct call *c)
{
    if (c->relaying) {
        relay_release(&c->relay);
        translate_release(&c->translate);
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

void call_release(struct call *c)
{
    timer_cancel(&c->end_timer);
    relay_drop(c);
    timer_cancel(&c->hopeless);
    rewrite_release(&c->rewrite);
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

/* ---- going elsewhere ---- */

static void pick_key(struct call *c)
{
    if (c->request.key_is_pinned) {
        c->key_index = c->keys_tried == 0 ? c->request.pinned_key : -1;
        return;
    }
    c->key_index = keyring_pick(engine_keyring(c->engine), call_target(c)->provider, c->keys_tried,
                                clock_wall_ms());
}

static enum outcome outcome_of_rewrite(const struct call *c, int rc)
{
    if (rc == ERR_LIMIT) {
        return OUTCOME_CALLER_TOO_LARGE;
    }
    const struct message_notes *notes = c->rewrite.notes;
    return notes && notes->refused[0] ? OUTCOME_CALLER_UNSUPPORTED : OUTCOME_CALLER_INVALID;
}

/* Turns to the first target from `at` on that can be told the request. Those that cannot are noted;
 * that is the call's failure only where nothing else has been tried. */
static bool aim(struct call *c, size_t at)
{
    for (; at < c->request.target_count; at++) {
        struct error err = {0};
        int rc = rewrite_for(&c->rewrite, &c->request.targets[at], &err);
        if (rc == 0) {
            c->target_at = at;
            c->keys_tried = 0;
            pick_key(c);
            return true;
        }
        enum outcome outcome = outcome_of_rewrite(c, rc);
        struct attempt attempt = {
            .target = &c->request.targets[at], .outcome = outcome, .text = err.text};
        attempt_write(&attempt, &c->attempts);
        if (c->request.trace->attempts == 0) {
            c->target_at = at;
            c->key_index = -1;
            c->outcome = outcome;
            snprintf(c->text, sizeof(c->text), "%s", err.text);
            if (c->rewrite.notes) {
                snprintf(c->param, sizeof(c->param), "%s", c->rewrite.notes->refused);
            }
        }
    }
    return false;
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
    return aim(c, c->target_at + 1);
}

/* 304 answers a condition, and only clients that read set one; to a POST it is no answer. */
static bool is_no_answer(const struct call *c)
{
    bool reads = str_is(c->request.client_head->method, "GET") ||
                 str_is(c->request.client_head->method, "HEAD");
    return outcome_is_redirect(c->answer.status) || (c->answer.status == 304 && !reads);
}

/* The same, to a place where limits leave room; elsewhere the failed attempt is the last. */
static bool go_on_where_room(struct call *c)
{
    const size_t target_at = c->target_at;
    const int key_index = c->key_index;
    const bool billed = call_may_be_billed(c);
    struct governor_refusal refusal;
    while (go_on(c)) {
        if (!c->request.admission || admission_swap(c->request.admission, call_target(c), billed,
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
    call_note_attempt(c);
    if (go_on_where_room(c)) {
        attempt_start(c);
    } else if (c->state == CALL_REFUSED && !is_no_answer(c)) {
        call_deliver_refusal(c);
    } else {
        call_end_failed(c);
    }
}

static void refusal_is_whole(struct call *c)
{
    const struct settings_provider *p = call_target(c)->provider;
    char said[256] = "";

    call_scrub(c, &c->error_body);
    p->dialect->error_text(buf_str(&c->error_body), said, sizeof(said));
    c->outcome = outcome_of_status(c->answer.status);
    attempt_explain(p, c->answer.status, said, c->text, sizeof(c->text));
    if (c->outcome == OUTCOME_PROVIDER_KEY && call_key(c)) {
        keyring_bench(engine_keyring(c->engine), call_key(c), c->answer.status,
                      clock_wall_ms() + p->bench_ms);
        log_warn(engine_log(c->engine), "engine",
                 "key %.*s was refused (HTTP %d) and rests for %lld s", STR_ARG(call_key(c)->name),
                 c->answer.status, (long long)p->bench_ms / 1000);
    }
    attempt_failed(c);
}

/* ---- what comes from the client layer ---- */

static void sent_came(void *ctx, bool reused)
{
    struct call *c = ctx;
    (void)reused;
    c->sent = true;
    c->request.trace->sent_us = call_since_start(c);
}

static void note_request_id(struct call *c, const struct http_head *head)
{
    struct str id = http_head_get(head, "x-request-id");
    if (id.n == 0) {
        id = http_head_get(head, "request-id");
    }
    id = arena_str(&c->request.trace->arena, str_head(id, 200));
    scrub(call_target(c)->provider, (char *)id.p, id.n);
    c->request.trace->upstream_request_id = id;
}

static void fail_and_cancel(struct call *c, enum outcome outcome, const char *text)
{
    client_cancel(engine_client(c->engine), c->client_id);
    c->client_id = 0;
    c->outcome = outcome;
    snprintf(c->text, sizeof(c->text), "provider \"%.*s\": %s",
             STR_ARG(call_target(c)->provider->name), text);
    if (c->state == CALL_COMMITTED) {
        call_end_broken(c);
    } else {
        attempt_failed(c);
    }
}

/* A 2xx came: what becomes of its bytes. */
static void begin_relay(struct call *c, bool readable)
{
    struct relay_options options = {.dialect = call_target(c)->provider->dialect,
                                    .route = c->rewrite.place.route,
                                    .stream = c->answer.stream,
                                    .strip_usage = c->rewrite.strip_usage,
                                    .readable = readable};
    if (c->wire) {
        translate_init(&c->translate, c->rewrite.asked, c->wire, str_of(c->request.trace->id),
                       clock_wall_ms() / 1000);
        options.translate = &c->translate;
        c->answer.stream = c->request.facts->stream;
    }
    relay_init(&c->relay, &options);
    c->relaying = true;
}

static void head_came(void *ctx, const struct http_head *head)
{
    struct call *c = ctx;
    size_t headers_max =
        head->header_count < CALL_HEADERS_MAX ? head->header_count : CALL_HEADERS_MAX;
    struct http_header *headers =
        ARENA_ARRAY(&c->arena, struct http_header, headers_max + HEADER_TRANSLATED_MORE);

    c->request.trace->head_us = call_since_start(c);
    note_request_id(c, head);
    c->headers = headers;
    c->answer = (struct call_answer){
        .status = head->status,
        .headers = headers,
        .header_count = header_filter_answer(head, &c->arena, headers, headers_max),
        .content_length = head->content_length,
        .stream = header_is_event_stream(head),
    };
    if (head->status / 100 != 2) {
        for (size_t i = 0; i < c->answer.header_count; i++) {
            struct str value = headers[i].value; /* a copy in our arena */
            scrub(call_target(c)->provider, (char *)value.p, value.n);
        }
        c->state = CALL_REFUSED;
        return;
    }
    c->state = CALL_HOLDING;
    c->accepted = true;
    if (call_key(c)) {
        keyring_clear(engine_keyring(c->engine), call_key(c));
    }
    bool readable = c->request.facts != NULL && !header_is_encoded(head);
    begin_relay(c, readable);
    if (c->answer.stream) {
        c->answer.content_length = -1;
    }
    if (!c->wire) {
        return;
    }
    call_translate_headers(c);
    if (!readable) {
        fail_and_cancel(c, OUTCOME_PROVIDER_NONSENSE,
                        "its answer is compressed although it was not asked for");
    } else if (c->relay.stream && !c->answer.stream) {
        fail_and_cancel(c, OUTCOME_PROVIDER_NONSENSE,
                        "it answered with a stream that was not asked for");
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
        if (c->wire && !c->answer.stream) { /* whole by now, with a length of its own */
            c->answer.content_length = (int64_t)out->n;
        }
        c->events->on_head(c->ctx, &c->answer);
    }
    if (out->n == 0) {
        return;
    }
    if (c->request.trace->first_us < 0) {
        c->request.trace->first_us = call_since_start(c);
    }
    call_capture(c, buf_str(out));
    c->events->on_bytes(c->ctx, buf_str(out));
    relay_taken(&c->relay);
}

static void turn_came(void *ctx)
{
    struct call *c = ctx;
    if (!c->relaying) {
        return;
    }
    call_scrub_told(c);
    if (failed_before_content(c)) {
        fail_and_cancel(c, OUTCOME_PROVIDER_OVERLOADED, c->relay.facts.error_text);
        return;
    }
    if (c->relay.events > call_target(c)->provider->events_max) {
        fail_and_cancel(c, OUTCOME_PROVIDER_NONSENSE, "its stream has more events than events_max");
        return;
    }
    bool content = !c->relay.stream || !c->relay.readable || c->relay.events > 0 || c->relay.blind;
    if (c->relay.out.n > 0 && (c->state == CALL_COMMITTED || content)) {
        pass_on(c);
        c->events->on_turn(c->ctx);
    }
}

static void end_came(void *ctx)
{
    struct call *c = ctx;
    c->client_id = 0;
    if (c->state == CALL_REFUSED) {
        refusal_is_whole(c);
        return;
    }
    call_scrub_told(c);
    if (failed_before_content(c)) {
        fail_and_cancel(c, OUTCOME_PROVIDER_OVERLOADED, c->relay.facts.error_text);
        return;
    }
    bool cut = relay_is_cut(&c->relay);
    if (cut && c->state == CALL_HOLDING && c->relay.events == 0) {
        fail_and_cancel(c, OUTCOME_PROVIDER_CUT, "the stream ended without a single event");
        return;
    }
    struct error err = {0};
    if (relay_finish(&c->relay, !cut, &err) != 0) {
        fail_and_cancel(c, OUTCOME_PROVIDER_NONSENSE, err.text);
        return;
    }
    call_scrub_told(c);
    pass_on(c);
    if (cut) {
        fail_and_cancel(c, OUTCOME_PROVIDER_CUT, "the stream ended before its last event");
        return;
    }
    if (c->relay.facts.failed) {
        c->outcome = OUTCOME_PROVIDER_ERROR;
        snprintf(c->text, sizeof(c->text), "provider \"%.*s\" reported an error in its answer: %s",
                 STR_ARG(call_target(c)->provider->name), c->relay.facts.error_text);
    }
    call_end_fine(c);
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
             STR_ARG(call_target(c)->provider->name), why->text);
    if (c->state == CALL_COMMITTED) {
        call_end_broken(c);
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

static void attempt_start(struct call *c)
{
    const struct settings_target *target = call_target(c);
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
    c->wire = c->rewrite.wire;
    c->attempt_started_us = clock_mono_us();
    timer_set(&c->end_timer, p->answer_timeout_ms);
    if (c->request.trace->attempts == 0) {
        c->request.trace->routed_us = c->attempt_started_us - c->request.started_us;
    }
    c->request.trace->attempts++;
    c->request.trace->provider = p->name; /* copied when the call ends */
    c->request.trace->model_routed = target->model;

    struct str body = c->rewrite.body;
    struct str method = c->request.client_head->method;
    struct header_request head = {.provider = p,
                                  .key = call_key(c),
                                  .method = method,
                                  .place = &c->rewrite.place,
                                  .translated = c->wire != NULL,
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

/* The first target that can be told the request; limits were asked about the first of all. */
static bool aim_first(struct call *c)
{
    struct governor_refusal refusal;
    for (size_t at = 0; aim(c, at); at = c->target_at + 1) {
        if (c->target_at == 0 || !c->request.admission ||
            admission_swap(c->request.admission, call_target(c), false, admission_now(),
                           &refusal) == ADMISSION_OK) {
            return true;
        }
        c->outcome = OUTCOME_WEIR_BUSY;
        snprintf(c->text, sizeof(c->text),
                 "the limits of provider \"%.*s\" leave no room, and the request cannot be "
                 "expressed for the targets before it",
                 STR_ARG(call_target(c)->provider->name));
    }
    return false;
}

/* No target can be told the request. */
static void hopeless(void *ctx)
{
    call_end_failed(ctx);
}

struct call *call_start(struct engine *engine, const struct call_request *request,
                        const struct call_events *events, void *ctx)
{
    struct call *c = call_new(engine);
    BUG_ON(request->target_count == 0);
    c->request = *request;
    c->events = events;
    c->ctx = ctx;
    timer_init(&c->hopeless, engine_loop(engine), hopeless, c);
    struct rewrite_source source = {.settings = request->settings,
                                    .model = request->model,
                                    .route = request->route,
                                    .facts = request->facts,
                                    .path = request->path,
                                    .query = request->query,
                                    .body = request->body,
                                    .max_output = admission_max_output(request->admission),
                                    .now_ms = request->trace->started_ms};
    rewrite_init(&c->rewrite, &source, &c->edited);
    if (aim_first(c)) {
        attempt_start(c);
    } else {
        timer_set(&c->hopeless, 0);
    }
    return c;
}

static const char *phase_name(const struct call *c)
{
    if (c->state == CALL_COMMITTED || c->state == CALL_HOLDING) {
        return c->answer.stream ? "stream" : "body";
    }
    static const char *const names[] = {[CLIENT_WAITING] = "waiting",
                                        [CLIENT_CONNECTING] = "connecting",
                                        [CLIENT_SENT] = "headers",
                                        [CLIENT_BODY] = "headers"};
    return names[client_phase(engine_client(c->engine), c->client_id)];
}

void call_cancel(struct call *c)
{
    struct trace *t = c->request.trace;
    t->cancelled_in = str_of(phase_name(c));
    client_cancel(engine_client(c->engine), c->client_id);
    c->outcome = OUTCOME_CALLER_CANCELLED;
    snprintf(c->text, sizeof(c->text), "the client left (%.*s)", STR_ARG(t->cancelled_in));
    call_note_attempt(c);
    call_finish_trace(c);
    call_release(c);
}

void call_pause(struct call *c)
{
    client_pause(engine_client(c->engine), c->client_id);
}

void call_resume(struct call *c)
{
    client_resume(engine_client(c->engine), c->client_id);
}
