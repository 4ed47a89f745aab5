/*
 * bench_micro: the steps of a request, each alone, for a tool that counts instructions.
 *
 * Under `valgrind --tool=callgrind --collect-atstart=no` what each row of `ops` runs is counted and
 * dumped under the row's name; bench/micro/run reads the dumps. Without valgrind each row runs and
 * checks what it made, which is what the test does.
 *
 * To add one: a function that does the step once with what `struct fixture` holds, BUG_ON where the
 * result is not what it must be (a step that fails early is cheap and worthless), and a row.
 */
#include <stdio.h>
#include <stdlib.h>

#include <valgrind/callgrind.h>

#include "core/hash.h"
#include "core/mem.h"
#include "engine/header.h"
#include "engine/relay.h"
#include "engine/settings.h"
#include "llm/quirk.h"
#include "llm/request.h"
#include "llm/translate.h"
#include "net/http1.h"

#define TIMES         100
#define STREAM_EVENTS 100
#define OUT_MAX       (4u << 20)
#define SECRET        "wr-bench-0000-5feceb66ffc86f38d952786c"

struct fixture {
    struct buf small, large; /* chat requests of 2 KB and 20 KB */
    struct arena arena;      /* of the facts */
    struct request_facts small_facts, large_facts;
    struct buf request_head, answer_head, answer_body;
    struct buf events[STREAM_EVENTS];
    struct settings *settings;
    struct http1 *requests, *answers;
    struct http_head parsed; /* the last head that a parser gave; its views live as long as that */
    struct buf out;
};

/* ---- what the steps work on ---- */

static void make_body(struct buf *out, size_t bytes)
{
    static const char text[] = "How high does the river stand at the weir today, and what does the "
                               "gauge say?\\nIt was \\\"high\\\" yesterday. ";
    static const char end[] = "\"}],\"temperature\":0.7,\"max_tokens\":64,\"top_p\":1}";
    buf_init(out, bytes + 64);
    buf_puts(out, "{\"model\":\"bench\",\"stream\":true,\"messages\":[{\"role\":\"system\","
                  "\"content\":\"");
    for (size_t part = 0; out->n + 2 * sizeof(text) + sizeof(end) < bytes; part++) {
        buf_puts(out, text);
        buf_puts(out, part % 5 == 4 ? "\"},{\"role\":\"user\",\"content\":\"" : "");
    }
    while (out->n + sizeof(end) - 1 < bytes) {
        buf_putc(out, 'x');
    }
    buf_puts(out, end);
}

static void make_heads(struct fixture *f)
{
    buf_init(&f->request_head, OUT_MAX);
    buf_puts(&f->request_head,
             "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json\r\n"
             "accept-encoding: gzip, deflate\r\nconnection: keep-alive\r\n"
             "user-agent: OpenAI/Python 1.99.0\r\nauthorization: Bearer " SECRET "\r\n"
             "content-type: application/json\r\nx-stainless-lang: python\r\n"
             "x-stainless-package-version: 1.99.0\r\nx-stainless-os: Linux\r\n"
             "x-stainless-arch: x64\r\nx-stainless-runtime: CPython\r\n"
             "x-stainless-runtime-version: 3.11.7\r\nx-stainless-async: false\r\n"
             "x-stainless-retry-count: 0\r\ncontent-length: 0\r\n\r\n");
    buf_init(&f->answer_head, OUT_MAX);
    buf_puts(&f->answer_head,
             "HTTP/1.1 200 OK\r\ndate: Mon, 24 Nov 2025 16:00:00 GMT\r\n"
             "content-type: application/json\r\ncontent-length: 0\r\nopenai-processing-ms: 1\r\n"
             "openai-version: 2020-10-01\r\nx-request-id: req_bench0123456789\r\n"
             "x-ratelimit-limit-requests: 30000\r\nx-ratelimit-remaining-requests: 29999\r\n"
             "x-ratelimit-reset-requests: 2ms\r\n\r\n");
}

#define CHUNK                                                                                      \
    "data: "                                                                                       \
    "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1764000000,"      \
    "\"model\":\"bench-model\",\"choices\":["
#define USAGE "\"usage\":{\"prompt_tokens\":512,\"completion_tokens\":64,\"total_tokens\":576}}"

static void make_answers(struct fixture *f)
{
    buf_init(&f->answer_body, OUT_MAX);
    buf_puts(&f->answer_body,
             "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1764000000,"
             "\"model\":\"bench-model\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
             "\"assistant\",\"content\":\"");
    while (f->answer_body.n < 700) {
        buf_puts(&f->answer_body, "The river is held back and measured. ");
    }
    buf_puts(&f->answer_body, "\"},\"finish_reason\":\"stop\"}]," USAGE);
    for (size_t i = 0; i < STREAM_EVENTS; i++) {
        buf_init(&f->events[i], 4096);
        buf_putf(&f->events[i],
                 CHUNK "{\"index\":0,\"delta\":{\"content\":\"%zu of the river\"},"
                       "\"finish_reason\":null}]}\n\n",
                 i);
    }
    buf_puts(&f->events[STREAM_EVENTS - 1], CHUNK "],");
    buf_puts(&f->events[STREAM_EVENTS - 1], USAGE "\n\ndata: [DONE]\n\n");
}

static int keep_head(void *ctx, const struct http_head *head)
{
    ((struct fixture *)ctx)->parsed = *head;
    return 0;
}

static int ignore_body(void *ctx UNUSED, struct str bytes UNUSED)
{
    return 0;
}

static int ignore_message(void *ctx UNUSED)
{
    return 0;
}

static const struct http1_events parser_events = {
    .on_head = keep_head, .on_body = ignore_body, .on_message = ignore_message};

/* A thousand keys, so that finding one is not finding the only one. */
static struct settings *make_settings(void)
{
    struct settings_source source = {.now_ms = 1000};
    struct settings *settings = NULL;
    struct error err = {0};
    struct buf text;
    buf_init(&text, OUT_MAX);
    buf_puts(&text, "providers: {p: {dialect: openai, base_url: \"http://127.0.0.1:8000/v1\", "
                    "api_keys: [sk-bench]}}\n"
                    "models: {bench: {targets: [{provider: p, model: bench-model}]}}\n"
                    "tenants:\n  t:\n    keys:\n");
    for (int i = 0; i < 1000; i++) {
        struct hash_sha256 digest;
        char secret[64], hex[HASH_SHA256_HEX + 1];
        int n = i > 0 ? snprintf(secret, sizeof(secret), "other-%d", i)
                      : snprintf(secret, sizeof(secret), SECRET);
        hash_sha256(str_make(secret, (size_t)n), &digest);
        hash_sha256_hex(&digest, hex);
        buf_putf(&text, "      - {alias: k%d, sha256: %s}\n", i, hex);
    }
    if (settings_parse(buf_str(&text), "bench", &source, &settings, &err) < 0) {
        fprintf(stderr, "bench_micro: %s\n", err.text);
        exit(4);
    }
    buf_release(&text);
    return settings;
}

/* ---- the steps ---- */

static void read_facts(struct str body)
{
    struct request_facts facts;
    struct arena arena;
    arena_init(&arena);
    BUG_ON(request_facts_read(ROUTE_CHAT, body, &arena, &facts, NULL) < 0);
    BUG_ON(!str_is(facts.model, "bench") || facts.max_output != 64);
    arena_release(&arena);
}

static void facts_small(struct fixture *f)
{
    read_facts(buf_str(&f->small));
}

static void facts_large(struct fixture *f)
{
    read_facts(buf_str(&f->large));
}

static void edit_body(struct fixture *f, const struct buf *body, const struct request_facts *facts)
{
    struct request_edit edit = {.model = STR("bench-model"), .inject_usage = true};
    buf_clear(&f->out);
    BUG_ON(request_edit_body(buf_str(body), facts, &edit, &f->out, NULL) < 0);
    BUG_ON(f->out.n <= body->n);
}

static void edit_small(struct fixture *f)
{
    edit_body(f, &f->small, &f->small_facts);
}

static void edit_large(struct fixture *f)
{
    edit_body(f, &f->large, &f->large_facts);
}

/* Each event comes in a read of its own. */
static void relay_stream(struct fixture *f, bool strip_usage)
{
    struct relay relay;
    size_t bytes = 0;
    struct relay_options options = {.dialect = &provider_openai,
                                    .route = ROUTE_CHAT,
                                    .stream = true,
                                    .strip_usage = strip_usage,
                                    .readable = true};
    relay_init(&relay, &options);
    for (size_t i = 0; i < STREAM_EVENTS; i++) {
        BUG_ON(relay_push(&relay, buf_str(&f->events[i])) < 0);
        bytes += relay.out.n;
        buf_clear(&relay.out);
    }
    BUG_ON(relay_finish(&relay, true, NULL) != 0);
    BUG_ON(bytes == 0 || relay.facts.usage.output != 64 || !relay.facts.terminal);
    relay_release(&relay);
}

static void relay_stripped(struct fixture *f)
{
    relay_stream(f, true);
}

static void relay_as_is(struct fixture *f)
{
    relay_stream(f, false);
}

static void relay_whole(struct fixture *f)
{
    struct relay relay;
    struct relay_options options = {
        .dialect = &provider_openai, .route = ROUTE_CHAT, .readable = true};
    relay_init(&relay, &options);
    BUG_ON(relay_push(&relay, buf_str(&f->answer_body)) < 0);
    BUG_ON(relay_finish(&relay, true, NULL) != 0);
    BUG_ON(relay.facts.usage.output != 64);
    relay_release(&relay);
}

/* A chat for a provider that speaks Messages, read and written. */
static void translate_body(struct fixture *f, const struct buf *body)
{
    struct wire_target target = {
        .model = STR("claude-bench"), .default_max_output = 64, .quirk = &quirk_table[0]};
    struct translate_request request;
    struct message_notes notes;
    struct arena arena;
    arena_init(&arena);
    buf_clear(&f->out);
    message_notes_init(&notes, &arena, false, "the bench");
    BUG_ON(translate_request_read(&wire_chat, buf_str(body), "bench", &arena, &request, NULL) < 0);
    BUG_ON(translate_request_write(&request, &wire_messages, &target, &notes, &f->out, NULL) < 0);
    BUG_ON(f->out.n < body->n / 2);
    arena_release(&arena);
}

static void translate_small(struct fixture *f)
{
    translate_body(f, &f->small);
}

static void translate_large(struct fixture *f)
{
    translate_body(f, &f->large);
}

static void translate_push(struct fixture *f, struct translate *t, const char *name,
                           const char *data)
{
    BUG_ON(translate_event(t, str_of(name), str_of(data), &f->out) < 0);
}

/* A stream of Messages for a client that speaks chat. */
static void translate_stream(struct fixture *f)
{
    struct translate_request request;
    struct translate t;
    struct arena arena;
    arena_init(&arena);
    buf_clear(&f->out);
    BUG_ON(translate_request_read(&wire_chat, buf_str(&f->small), "bench", &arena, &request, NULL) <
           0);
    translate_init(&t, &request, &wire_messages, STR("bench"), 1764000000);
    translate_push(f, &t, "message_start",
                   "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\","
                   "\"role\":\"assistant\",\"model\":\"claude-bench\",\"content\":[],"
                   "\"usage\":{\"input_tokens\":512,\"output_tokens\":1}}}");
    translate_push(f, &t, "content_block_start",
                   "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":"
                   "{\"type\":\"text\",\"text\":\"\"}}");
    for (size_t i = 0; i < STREAM_EVENTS; i++) {
        translate_push(f, &t, "content_block_delta",
                       "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
                       "{\"type\":\"text_delta\",\"text\":\" of the river\"}}");
    }
    translate_push(f, &t, "content_block_stop", "{\"type\":\"content_block_stop\",\"index\":0}");
    translate_push(f, &t, "message_delta",
                   "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"
                   "\"usage\":{\"output_tokens\":64}}");
    translate_push(f, &t, "message_stop", "{\"type\":\"message_stop\"}");
    BUG_ON(translate_end(&t, &f->out) < 0);
    BUG_ON(str_find(buf_str(&f->out), STR("[DONE]")) < 0);
    translate_release(&t);
    arena_release(&arena);
}

static void parse_head(struct fixture *f, struct http1 *parser, struct str head, size_t headers)
{
    size_t used;
    f->parsed.header_count = 0;
    http1_next(parser);
    BUG_ON(http1_feed(parser, head, &used, NULL) < 0 || used != head.n);
    BUG_ON(f->parsed.header_count != headers);
}

static void head_of_request(struct fixture *f)
{
    parse_head(f, f->requests, buf_str(&f->request_head), 16);
}

static void head_of_answer(struct fixture *f)
{
    parse_head(f, f->answers, buf_str(&f->answer_head), 9);
}

static void header_write(struct fixture *f)
{
    const struct settings_provider *provider = &f->settings->providers[0];
    struct provider_place place = {.route = ROUTE_CHAT,
                                   .base = provider->base_url.path,
                                   .path = STR("/v1/chat/completions"),
                                   .model = STR("bench-model")};
    struct header_request request = {.provider = provider,
                                     .key = &provider->api_keys[0],
                                     .method = STR("POST"),
                                     .place = &place,
                                     .client = &f->parsed,
                                     .body_bytes = f->small.n,
                                     .has_body = true};
    buf_clear(&f->out);
    header_write_request(&f->out, &request);
    BUG_ON(str_find(buf_str(&f->out), STR("sk-bench")) < 0);
}

static void header_filter(struct fixture *f)
{
    struct http_header headers[HTTP1_HEADERS_MAX];
    struct arena arena;
    arena_init(&arena);
    BUG_ON(header_filter_answer(&f->parsed, &arena, headers, HTTP1_HEADERS_MAX) < 7);
    arena_release(&arena);
}

static void find_key(struct fixture *f)
{
    struct hash_sha256 digest;
    hash_sha256(STR(SECRET), &digest);
    BUG_ON(!settings_find_key(f->settings, &digest));
}

/* ---- the rows ---- */

/* The rows run in this order: those on headers use what the parser above them left in `parsed`. */
static const struct {
    const char *name;
    void (*run)(struct fixture *f);
    size_t per; /* operations in one run: the count is divided by it */
} ops[] = {
    {"head_of_request",   head_of_request,  1            },
    {"header_write",      header_write,     1            },
    {"find_key",          find_key,         1            },
    {"facts_2k",          facts_small,      1            },
    {"facts_20k",         facts_large,      1            },
    {"edit_2k",           edit_small,       1            },
    {"edit_20k",          edit_large,       1            },
    {"head_of_answer",    head_of_answer,   1            },
    {"header_filter",     header_filter,    1            },
    {"relay_whole",       relay_whole,      1            },
    {"relay_event",       relay_as_is,      STREAM_EVENTS},
    {"relay_event_strip", relay_stripped,   STREAM_EVENTS},
    {"translate_2k",      translate_small,  1            },
    {"translate_20k",     translate_large,  1            },
    {"translate_event",   translate_stream, STREAM_EVENTS},
};

static void fixture_init(struct fixture *f)
{
    make_body(&f->small, 2048);
    make_body(&f->large, 20480);
    arena_init(&f->arena);
    BUG_ON(request_facts_read(ROUTE_CHAT, buf_str(&f->small), &f->arena, &f->small_facts, NULL) <
           0);
    BUG_ON(request_facts_read(ROUTE_CHAT, buf_str(&f->large), &f->arena, &f->large_facts, NULL) <
           0);
    make_heads(f);
    make_answers(f);
    f->settings = make_settings();
    f->requests = http1_new(HTTP1_REQUEST, &parser_events, f);
    f->answers = http1_new(HTTP1_RESPONSE, &parser_events, f);
    buf_init(&f->out, OUT_MAX);
}

static void fixture_release(struct fixture *f)
{
    buf_release(&f->small);
    buf_release(&f->large);
    arena_release(&f->arena);
    buf_release(&f->request_head);
    buf_release(&f->answer_head);
    buf_release(&f->answer_body);
    for (size_t i = 0; i < STREAM_EVENTS; i++) {
        buf_release(&f->events[i]);
    }
    settings_unref(f->settings);
    http1_free(f->requests);
    http1_free(f->answers);
    buf_release(&f->out);
}

/* Says for each row its name and by what its count is to be divided. */
int main(void)
{
    struct fixture f = {0};
    fixture_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        ops[i].run(&f); /* buffers have grown, lazy tables are made */
        CALLGRIND_ZERO_STATS;
        CALLGRIND_TOGGLE_COLLECT;
        for (size_t k = 0; k < TIMES; k++) {
            ops[i].run(&f);
        }
        CALLGRIND_TOGGLE_COLLECT;
        CALLGRIND_DUMP_STATS_AT(ops[i].name);
        printf("%s %zu\n", ops[i].name, TIMES * ops[i].per);
    }
    fixture_release(&f);
    return 0;
}
