#ifndef TEST_UNIT_ENGINE_UPSTREAM_H
#define TEST_UNIT_ENGINE_UPSTREAM_H

/*
 * Providers by hand for suites of engine and gateway: listeners on loopback whose answers a test
 * writes itself, in the thread of the loop under test. Nothing waits for a clock: a test turns the
 * loop until something has come true (UNTIL).
 */
#include "unit/engine/suite.h"
#include "unit/net/peer.h"

#include "core/mem.h"

struct upstream {
    int listener; /* -1: nobody listens there any more */
    uint16_t port;
    struct peer peer; /* the connection that was accepted last */
    bool connected;
};

static inline void upstream_open(struct upstream *u)
{
    *u = (struct upstream){0};
    u->listener = peer_listen(&u->port);
}

/* From now on connections are refused. */
static inline void upstream_shut(struct upstream *u)
{
    if (u->listener >= 0) {
        close(u->listener);
        u->listener = -1;
    }
}

static inline void upstream_hang_up(struct upstream *u)
{
    if (u->connected) {
        peer_close(&u->peer);
        u->connected = false;
    }
}

static inline void upstream_close(struct upstream *u)
{
    upstream_hang_up(u);
    upstream_shut(u);
}

/* A request that is whole stands in the peer's bytes. */
static inline bool upstream_has_request(struct peer *p)
{
    int64_t n = 0;
    peer_read(p);
    struct str all = buf_str(&p->in);
    ptrdiff_t end = str_find(all, STR("\r\n\r\n"));
    if (end < 0) {
        return false;
    }
    ptrdiff_t at = str_find(str_head(all, (size_t)end), STR("content-length: "));
    if (at >= 0) {
        struct str rest = str_from(all, (size_t)at + strlen("content-length: "));
        ptrdiff_t line = str_find(rest, STR("\r\n"));
        assert_int_equal(str_to_i64(str_head(rest, (size_t)line), &n), 0);
    }
    return (int64_t)all.n >= (int64_t)end + 4 + n;
}

static inline bool upstream_accept(struct upstream *u)
{
    struct peer next;
    if (u->listener < 0 || !peer_accept(&next, u->listener)) {
        return false;
    }
    upstream_hang_up(u);
    u->peer = next;
    u->connected = true;
    return true;
}

/* The next request, on a new connection or on the one that was kept. */
static inline bool upstream_asked(struct upstream *u)
{
    upstream_accept(u);
    return u->connected && upstream_has_request(&u->peer);
}

static inline bool upstream_was_sent(struct upstream *u, const char *part)
{
    return str_find(buf_str(&u->peer.in), str_of(part)) >= 0;
}

/* A whole answer; the connection is kept. The request it answers is forgotten. */
static inline void upstream_answer(struct upstream *u, const char *status, const char *headers,
                                   const char *body)
{
    struct buf out;
    buf_init(&out, 64u << 20);
    buf_putf(&out, "HTTP/1.1 %s\r\ncontent-length: %zu\r\n%s\r\n", status, strlen(body), headers);
    buf_puts(&out, body);
    peer_forget(&u->peer);
    peer_send_str(&u->peer, buf_str(&out));
    buf_release(&out);
}

#define JSON_HEADER "content-type: application/json\r\n"

static inline void upstream_start_stream(struct upstream *u)
{
    peer_forget(&u->peer);
    peer_send(&u->peer, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                        "transfer-encoding: chunked\r\n\r\n");
}

static inline void upstream_chunk(struct upstream *u, const char *text)
{
    struct buf out;
    buf_init(&out, 64u << 20);
    buf_putf(&out, "%zx\r\n%s\r\n", strlen(text), text);
    peer_send_str(&u->peer, buf_str(&out));
    buf_release(&out);
}

static inline void upstream_end_stream(struct upstream *u)
{
    peer_send(&u->peer, "0\r\n\r\n");
}

/* What a chat says, whole and in pieces. */
#define CHAT_ANSWER                                                                                \
    "{\"id\":\"c1\",\"object\":\"chat.completion\",\"model\":\"m-2026\",\"choices\":[{\"index\":"  \
    "0,"                                                                                           \
    "\"message\":{\"role\":\"assistant\",\"content\":\"hello\"},\"finish_reason\":\"stop\"}],"     \
    "\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10}}"
#define CHAT_PIECE                                                                                 \
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"m-2026\",\"choices\":"  \
    "[{\"index\":0,\"delta\":{\"content\":\"hello\"},\"finish_reason\":null}]}\n\n"
#define CHAT_STOP                                                                                  \
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"m-2026\",\"choices\":"  \
    "[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define CHAT_USAGE                                                                                 \
    "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"model\":\"m-2026\",\"choices\":"  \
    "[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3,\"total_tokens\":10}}\n\n"
#define CHAT_DONE "data: [DONE]\n\n"
#define CHAT_ERROR_EVENT                                                                           \
    "data: {\"error\":{\"message\":\"out of capacity\",\"type\":\"server_error\"}}\n\n"

#define CHAT_BODY "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define CHAT_BODY_STREAM                                                                           \
    "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"

#endif
