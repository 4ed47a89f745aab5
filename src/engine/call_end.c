/*
 * How a call ends: what its owner and its trace are told.
 */
#include "core/mem.h"
#include "engine/attempt.h"
#include "engine/call_internal.h"
#include "engine/header.h"
#include "engine/scrub.h"
#include "engine/settle.h"

/* ---- the trace ---- */

void call_note_attempt(struct call *c)
{
    struct attempt attempt = {.target = call_target(c),
                              .key = call_key(c),
                              .was_made = true,
                              .status = c->answer.status,
                              .start_us = c->attempt_started_us - c->request.started_us,
                              .end_us = call_since_start(c),
                              .wire = c->wire,
                              .notes = c->rewrite.notes,
                              .outcome = c->outcome,
                              .text = c->text};
    attempt_write(&attempt, &c->attempts);
}

/* Whoever asks for the response by its id must be sent to where it was made. */
static void note_home(struct call *c, const struct settings_target *target)
{
    struct homes *homes = engine_homes(c->engine);
    const struct settings_api_key *key = call_key(c);
    if (homes && c->request.route->route == ROUTE_RESPONSES && !c->wire) {
        homes_note(homes, c->request.trace->tenant, str_of(c->relay.facts.upstream_id),
                   target->provider->name, key ? &key->digest : NULL);
    }
}

/* The request went out, and no answer says that it costs nothing. */
bool call_may_be_billed(const struct call *c)
{
    return c->sent && (c->answer.status == 0 || c->answer.status / 100 == 2);
}

void call_finish_trace(struct call *c)
{
    struct trace *t = c->request.trace;
    const struct settings_target *target = call_target(c);

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
        t->done_us = call_since_start(c);
        admission_settle(c->request.admission, t, c->sent, call_may_be_billed(c), admission_now());
    }
    if (c->relaying) {
        note_home(c, target);
        t->events = c->relay.events;
    }
}

/* ---- ends ---- */

void call_end_fine(struct call *c)
{
    const struct call_events *events = c->events;
    void *ctx = c->ctx;
    call_note_attempt(c);
    call_finish_trace(c);
    call_release(c);
    events->on_end(ctx);
}

void call_capture(struct call *c, struct str bytes)
{
    trace_add_response(c->request.trace, bytes, (size_t)c->request.settings->capture_max);
}

/* The failure as an event of the client's own, numbered and closed as its dialect wants it. */
static bool tell_broken(struct call *c)
{
    if (!c->relay.translate || !c->answer.stream) {
        return false;
    }
    const char *type =
        dialect_error_type(c->request.route->dialect, outcome_table[c->outcome].status);
    buf_clear(&c->relay.out);
    if (translate_fail(&c->translate, type, str_of(c->text), &c->relay.out) != 0) {
        return false;
    }
    call_capture(c, buf_str(&c->relay.out));
    c->events->on_bytes(c->ctx, buf_str(&c->relay.out));
    return true;
}

void call_end_broken(struct call *c)
{
    bool told = tell_broken(c);
    const struct call_events *events = c->events;
    void *ctx = c->ctx;
    char text[ERROR_TEXT_MAX];
    struct call_failure failure = {.outcome = c->outcome,
                                   .message = text,
                                   .sequence_number = c->relay.facts.sequence_number + 1,
                                   .event_open = c->relay.event_open,
                                   .told = told};
    snprintf(text, sizeof(text), "%s", c->text);
    call_note_attempt(c);
    call_finish_trace(c);
    call_release(c);
    events->on_broken(ctx, &failure);
}

void call_end_failed(struct call *c)
{
    const struct call_events *events = c->events;
    void *ctx = c->ctx;
    char text[ERROR_TEXT_MAX];
    char param[MESSAGE_NOTE_MAX];
    struct call_failure failure = {.outcome = c->outcome, .message = text};
    snprintf(text, sizeof(text), "%s", c->text);
    memcpy(param, c->param, sizeof(param));
    failure.param = param[0] && c->outcome == OUTCOME_CALLER_UNSUPPORTED ? param : NULL;
    call_finish_trace(c);
    call_release(c);
    events->on_failed(ctx, &failure);
}

/* A provider's key must not come back out through what it says of a failure. */
void call_scrub(const struct call *c, struct buf *bytes)
{
    scrub(call_target(c)->provider, bytes->p, bytes->n);
}

/* Of a failure that is told within an answer whose status was fine. */
void call_scrub_told(struct call *c)
{
    if (c->relaying && c->relay.facts.failed) {
        char *text = c->relay.facts.error_text;
        call_scrub(c, &c->relay.out);
        scrub(call_target(c)->provider, text, strlen(text));
    }
}

/* Headers about the provider's own bytes give way to those of what the client gets. */
void call_translate_headers(struct call *c)
{
    struct header_translation translation = {.client = c->request.route->dialect,
                                             .stream = c->answer.stream,
                                             .request_id = c->request.trace->upstream_request_id,
                                             .notes = c->wire ? c->rewrite.notes : NULL};
    c->answer.header_count =
        header_translate_answer(&translation, &c->arena, c->headers, c->answer.header_count);
}

/* The last provider's own words go to the client, in its dialect; what is about weir's key it gets
 * in ours, since the caller would take it for its own key or bill. */
void call_deliver_refusal(struct call *c)
{
    if (c->outcome == OUTCOME_PROVIDER_KEY || c->wire) {
        struct dialect_error error = {.status = c->answer.status,
                                      .message = str_of(c->text),
                                      .code = attempt_code_of(c->text),
                                      .request_id = str_of(c->request.trace->id)};
        buf_clear(&c->error_body);
        dialect_write_error(c->request.route->dialect, &error, &c->error_body);
        c->answer.stream = false;
        call_translate_headers(c);
    }
    call_scrub(c, &c->error_body);
    c->answer.content_length = (int64_t)c->error_body.n;
    c->events->on_head(c->ctx, &c->answer);
    if (c->error_body.n > 0) {
        call_capture(c, buf_str(&c->error_body));
        c->events->on_bytes(c->ctx, buf_str(&c->error_body));
    }
    const struct call_events *events = c->events;
    void *ctx = c->ctx;
    call_finish_trace(c);
    call_release(c);
    events->on_end(ctx);
}
