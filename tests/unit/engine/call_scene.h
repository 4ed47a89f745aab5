#ifndef TEST_UNIT_ENGINE_CALL_SCENE_H
#define TEST_UNIT_ENGINE_CALL_SCENE_H

/*
 * What the suite of engine/call plays on: two scripted upstreams, an engine between, and the owner
 * of a call that notes all it is told.
 */
#include "unit/engine/upstream.h"

#include "core/clock.h"
#include "engine/call.h"

#define TEXT_MAX (64u << 20)

/* The owner of a call, and all that it was told. */
struct owner {
    struct call *call;
    struct trace *trace;
    struct arena arena;
    struct request_facts facts;
    struct http_header headers[1];
    struct http_head head;
    int status;
    bool stream;
    int64_t content_length;
    struct buf answer_headers; /* "name: value\n" */
    struct buf out;
    int heads, ends, failures, breaks;
    enum outcome outcome;
    char message[ERROR_TEXT_MAX];
    bool event_open;
};

struct fixture {
    struct loop *loop;
    struct log log;
    struct keyring *keyring;
    struct engine *engine;
    struct settings *settings;
    struct upstream a, b; /* the places of the providers of these names */
    struct owner one, two;
};

/* ---- the owner's side ---- */

static void head_came(void *ctx, const struct call_answer *answer)
{
    struct owner *o = ctx;
    o->heads++;
    o->status = answer->status;
    o->stream = answer->stream;
    o->content_length = answer->content_length;
    for (size_t i = 0; i < answer->header_count; i++) {
        buf_putf(&o->answer_headers, "%.*s: %.*s\n", STR_ARG(answer->headers[i].name),
                 STR_ARG(answer->headers[i].value));
    }
}

static void bytes_came(void *ctx, struct str bytes)
{
    struct owner *o = ctx;
    assert_int_equal(o->heads, 1);
    buf_put_str(&o->out, bytes);
}

static void end_came(void *ctx)
{
    struct owner *o = ctx;
    o->ends++;
    o->call = NULL;
}

static void take_failure(struct owner *o, const struct call_failure *failure)
{
    o->call = NULL;
    o->outcome = failure->outcome;
    o->event_open = failure->event_open;
    snprintf(o->message, sizeof(o->message), "%s", failure->message);
}

static void failed(void *ctx, const struct call_failure *failure)
{
    struct owner *o = ctx;
    assert_int_equal(o->heads, 0);
    o->failures++;
    take_failure(o, failure);
}

static void broken(void *ctx, const struct call_failure *failure)
{
    struct owner *o = ctx;
    assert_int_equal(o->heads, 1);
    o->breaks++;
    take_failure(o, failure);
}

static void turn_came(void *ctx)
{
    const struct owner *o = ctx;
    assert_true(o->out.n > 0); /* never without bytes before it */
    assert_int_equal(o->ends + o->failures + o->breaks, 0);
}

static const struct call_events owner_side = {.on_head = head_came,
                                              .on_bytes = bytes_came,
                                              .on_turn = turn_came,
                                              .on_end = end_came,
                                              .on_failed = failed,
                                              .on_broken = broken};

static bool is_over(const struct owner *o)
{
    int ends = o->ends + o->failures + o->breaks;
    assert_in_range(ends, 0, 1);
    return ends == 1;
}

static void owner_open(struct owner *o)
{
    o->trace = trace_new();
    arena_init(&o->arena);
    buf_init(&o->answer_headers, TEXT_MAX);
    buf_init(&o->out, TEXT_MAX);
}

static void owner_close(struct owner *o)
{
    if (o->call) {
        call_cancel(o->call);
    }
    trace_free(o->trace);
    arena_release(&o->arena);
    buf_release(&o->answer_headers);
    buf_release(&o->out);
}

static bool has(struct str text, const char *part)
{
    return str_find(text, str_of(part)) >= 0;
}

#define assert_has(text, part)                                                                     \
    do {                                                                                           \
        struct str assert_has_text = (text);                                                       \
        if (!has(assert_has_text, (part))) {                                                       \
            print_error("\"%.*s\" lacks \"%s\"\n", STR_ARG(assert_has_text), (part));              \
            _fail(__FILE__, __LINE__);                                                             \
        }                                                                                          \
    } while (0)

/* ---- scenes ---- */

static int setup(void **state)
{
    struct fixture *f = test_calloc(1, sizeof(*f));
    f->loop = peer_loop();
    log_init(&f->log, LOG_OFF, false);
    f->keyring = keyring_new();
    upstream_open(&f->a);
    upstream_open(&f->b);
    struct engine_options options = {.loop = f->loop, .keyring = f->keyring, .log = &f->log};
    f->engine = engine_new(&options);
    owner_open(&f->one);
    owner_open(&f->two);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    owner_close(&f->one);
    owner_close(&f->two);
    engine_free(f->engine);
    upstream_close(&f->a);
    upstream_close(&f->b);
    settings_unref(f->settings);
    keyring_free(f->keyring);
    loop_free(f->loop);
    test_free(f);
    return 0;
}

/* Model m is "m" at provider a and "small" at b; `a` holds more settings of provider a, `root` of
 * the whole. */
static void configure(struct fixture *f, const char *a, const char *root)
{
    char text[2048];
    struct error err = {0};
    snprintf(text, sizeof(text),
             "capture: full\n"
             "%s"
             "providers:\n"
             "  a: {dialect: openai, base_url: \"http://127.0.0.1:%u/v1\"%s}\n"
             "  b: {dialect: openai, base_url: \"http://127.0.0.1:%u/v1\"}\n"
             "models:\n"
             "  m: {targets: [{provider: a, model: m}, {provider: b, model: small}]}\n",
             root, f->a.port, a, f->b.port);
    if (suite_settings(text, NULL, &f->settings, &err) != 0) {
        fail_msg("%s", err.text);
    }
    engine_adopt(f->engine, f->settings);
}

struct ask {
    const char *method, *path, *query;
    const char *body;
    enum route route;
    size_t targets; /* of the model's, from the first */
    bool unread;    /* as on a pass-through route */
};

static void start(struct fixture *f, struct owner *o, struct ask ask)
{
    struct error err = {0};
    o->headers[0] = (struct http_header){STR("x-kept"), STR("yes")};
    o->head = (struct http_head){.method = str_of(ask.method ? ask.method : "POST"),
                                 .headers = o->headers,
                                 .header_count = 1};
    o->trace->capture = (enum trace_capture)f->settings->capture;
    trace_make_id(NULL, 1000, o->trace->id);
    if (!ask.unread) {
        int rc = request_facts_read(ask.route, str_of(ask.body), &o->arena, &o->facts, &err);
        assert_int_equal(rc, 0);
    }
    struct call_request request = {.settings = f->settings,
                                   .route = route_by_id(ask.route),
                                   .client_head = &o->head,
                                   .path = str_of(ask.path),
                                   .query = str_of(ask.query),
                                   .body = str_of(ask.body),
                                   .facts = ask.unread ? NULL : &o->facts,
                                   .targets = f->settings->models[0].targets,
                                   .target_count = ask.targets,
                                   .trace = o->trace,
                                   .started_us = clock_mono_us()};
    o->call = call_start(f->engine, &request, &owner_side, o);
    assert_false(is_over(o));
}

static void start_chat(struct fixture *f, const char *body, size_t targets)
{
    start(
        f, &f->one,
        (struct ask){
            .path = "/v1/chat/completions", .body = body, .route = ROUTE_CHAT, .targets = targets});
}

#endif
