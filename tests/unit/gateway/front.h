#ifndef TEST_UNIT_GATEWAY_FRONT_H
#define TEST_UNIT_GATEWAY_FRONT_H

/*
 * A worker between a client and two providers, all three by hand and in the thread of its loop.
 */
#include "unit/engine/upstream.h"

#include "gateway/exchange.h"
#include "gateway/worker.h"

struct front {
    struct loop *loop;
    struct log log;
    struct keyring *keyring;
    struct governor *governor;
    struct settings *settings;
    struct worker *worker;
    struct upstream a, b; /* the places of the providers of these names */
    struct peer client;
    bool connected;
};

/* Model m is at provider `name`, a or b; `root` holds more settings. */
static inline struct settings *front_settings(struct front *f, const char *name, const char *root)
{
    char text[1024];
    struct settings *s = NULL;
    struct error err = {0};
    snprintf(text, sizeof(text),
             "listen: 127.0.0.1:0\n"
             "%s"
             "providers:\n"
             "  a: {dialect: openai, base_url: \"http://127.0.0.1:%u/v1\", usage: never}\n"
             "  b: {dialect: openai, base_url: \"http://127.0.0.1:%u/v1\", usage: never}\n"
             "models:\n"
             "  m: {targets: [{provider: %s, model: m}]}\n",
             root, f->a.port, f->b.port, name);
    if (suite_settings(text, NULL, &s, &err) != 0 ||
        governor_adopt(f->governor, s, admission_now(), &err) != 0) {
        fail_msg("%s", err.text);
    }
    return s;
}

static inline void front_open(struct front *f, const char *root)
{
    struct error err = {0};
    f->settings = front_settings(f, "a", root);
    struct worker_options options = {.loop = f->loop,
                                     .settings = f->settings,
                                     .keyring = f->keyring,
                                     .governor = f->governor,
                                     .log = &f->log};
    if (worker_open(&options, &f->worker, &err) != 0) {
        fail_msg("%s", err.text);
    }
}

static inline void front_connect(struct front *f)
{
    peer_connect(&f->client, server_port(f->worker->server));
    f->connected = true;
}

static inline void front_leave(struct front *f)
{
    if (f->connected) {
        peer_close(&f->client);
        f->connected = false;
    }
}

static inline void front_ask(struct front *f, const char *body)
{
    char text[1024];
    snprintf(text, sizeof(text),
             "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: %zu\r\n\r\n"
             "%s",
             strlen(body), body);
    peer_send(&f->client, text);
}

/* The counters of the worker say this. */
static inline bool front_counted(struct front *f, const char *part)
{
    struct buf out;
    struct metrics_gauges gauges = {.version = "0"};
    buf_init(&out, METRICS_TEXT_BYTES_MAX);
    metrics_write(&f->worker->metrics, 1, &gauges, &out);
    bool found = str_find(buf_str(&out), str_of(part)) >= 0;
    buf_release(&out);
    return found;
}

static inline int front_setup(void **state)
{
    struct front *f = test_calloc(1, sizeof(*f));
    f->loop = peer_loop();
    log_init(&f->log, LOG_OFF, false);
    f->keyring = keyring_new();
    f->governor = governor_new();
    upstream_open(&f->a);
    upstream_open(&f->b);
    *state = f;
    return 0;
}

static inline int front_teardown(void **state)
{
    struct front *f = *state;
    worker_close(f->worker);
    front_leave(f);
    upstream_close(&f->a);
    upstream_close(&f->b);
    settings_unref(f->settings);
    keyring_free(f->keyring);
    governor_free(f->governor);
    loop_free(f->loop);
    test_free(f);
    return 0;
}

#endif
