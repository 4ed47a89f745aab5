#include "gateway/admin.h"

#include "core/buf.h"
#include "core/clock.h"
#include "core/mem.h"
#include "gateway/exchange.h"
#include "gateway/gateway.h"
#include "net/server.h"

#define ADMIN_BODY_BYTES_MAX   (64u << 10)
#define ADMIN_ANSWER_BYTES_MAX (16u << 20)
#define ADMIN_CONNECTIONS_MAX  256
#define ADMIN_REQUESTS_LISTED  1000

struct admin {
    struct server *server;
    struct gateway *gateway;
};

/* ---- answers ---- */

static int write_metrics(struct gateway *g, struct buf *out)
{
    gateway_write_metrics(g, out);
    return 200;
}

static int write_health(struct gateway *g, struct buf *out)
{
    (void)g;
    buf_puts(out, "{\"status\":\"ok\"}");
    return 200;
}

static int write_status(struct gateway *g, struct buf *out)
{
    const struct settings *s = gateway_settings(g);
    struct metrics_gauges m;
    char started[CLOCK_TEXT_MAX];
    char loaded[CLOCK_TEXT_MAX];

    gateway_gauges(g, &m);
    clock_format(gateway_started_ms(g), started);
    clock_format(s->loaded_ms, loaded);
    buf_putf(out, "{\"ok\":true,\"version\":\"%s\",\"started\":\"%s\",\"uptime_ms\":%lld,",
             gateway_version(g), started, (long long)(clock_wall_ms() - gateway_started_ms(g)));
    buf_putf(out, "\"draining\":%s,\"listen\":\"%s:%u\",\"workers\":%lld,",
             gateway_is_draining(g) ? "true" : "false", s->listen_address, gateway_port(g),
             (long long)s->workers);
    buf_puts(out, "\"config\":{\"path\":");
    buf_put_json(out, s->path);
    buf_putf(out,
             ",\"loaded\":\"%s\",\"reloads\":%llu,\"reloads_failed\":%llu,\"providers\":%zu,"
             "\"models\":%zu,\"tenants\":%zu,\"keys\":%zu},",
             loaded, (unsigned long long)m.reloads_ok, (unsigned long long)m.reloads_failed,
             s->provider_count, s->model_count, s->tenant_count, s->key_count);
    buf_putf(out,
             "\"client_connections\":%zu,\"requests_open\":%zu,\"provider_calls\":%zu,"
             "\"provider_connections\":%zu,\"provider_idle\":%zu,\"provider_waiting\":%zu,",
             m.client_connections, m.requests_open, m.provider_calls, m.provider_connections,
             m.provider_idle, m.provider_waiting);
    buf_putf(out,
             "\"store\":{\"written\":%llu,\"dropped\":%llu,\"failed\":%llu,\"waiting\":%llu,"
             "\"bytes\":%lld,\"last_error\":",
             (unsigned long long)m.store.written, (unsigned long long)m.store.dropped,
             (unsigned long long)m.store.failed, (unsigned long long)m.store.ring_traces,
             (long long)m.store.database_bytes);
    buf_put_json(out, str_of(m.store.last_error));
    buf_puts(out, "}}");
    return 200;
}

static int write_keys(struct gateway *g, struct buf *out)
{
    const struct settings *s = gateway_settings(g);
    int64_t now = clock_wall_ms();
    bool first = true;

    buf_puts(out, "{\"ok\":true,\"keys\":[");
    for (size_t i = 0; i < s->provider_count; i++) {
        for (size_t k = 0; k < s->providers[i].api_key_count; k++) {
            const struct settings_api_key *key = &s->providers[i].api_keys[k];
            int status = 0;
            int64_t until = keyring_benched_until(gateway_keyring(g), key, &status);
            buf_puts(out, first ? "{\"name\":" : ",{\"name\":");
            first = false;
            buf_put_json(out, key->name);
            buf_puts(out, ",\"provider\":");
            buf_put_json(out, s->providers[i].name);
            if (until > now) {
                char text[CLOCK_TEXT_MAX];
                clock_format(until, text);
                buf_putf(out, ",\"benched_until\":\"%s\",\"benched_for_status\":%d", text, status);
            }
            buf_puts(out, "}");
        }
    }
    buf_puts(out, "]}");
    return 200;
}

struct listing {
    struct buf *out;
    size_t n;
};

static void list_requests(void *ctx, struct worker *w)
{
    struct listing *list = ctx;
    int64_t now_us = clock_mono_us();
    for (const struct exchange *x = w->exchanges; x; x = x->next) {
        if (!x->trace || list->n >= ADMIN_REQUESTS_LISTED) {
            continue;
        }
        buf_puts(list->out, list->n++ > 0 ? ",{\"trace\":" : "{\"trace\":");
        buf_put_json(list->out, str_of(x->trace->id));
        buf_puts(list->out, ",\"route\":");
        buf_put_json(list->out, x->trace->route);
        buf_puts(list->out, ",\"model\":");
        buf_put_json(list->out, x->trace->model_asked);
        buf_puts(list->out, ",\"provider\":");
        buf_put_json(list->out, x->trace->provider);
        buf_puts(list->out, ",\"tenant\":");
        buf_put_json(list->out, x->trace->tenant);
        buf_puts(list->out, ",\"key\":");
        buf_put_json(list->out, x->trace->key_alias);
        buf_putf(list->out, ",\"state\":\"%s\",\"age_ms\":%lld,\"response_bytes\":%lld}",
                 x->started ? "answering" : "waiting",
                 (long long)(now_us - x->request->started_us) / 1000,
                 (long long)x->trace->response_bytes);
    }
}

static int write_requests(struct gateway *g, struct buf *out)
{
    struct listing list = {.out = out};
    buf_puts(out, "{\"ok\":true,\"requests\":[");
    gateway_on_workers(g, list_requests, &list);
    buf_puts(out, "]}");
    return 200;
}

static int do_reload(struct gateway *g, struct buf *out)
{
    struct error err;
    if (gateway_reload(g, &err) != 0) {
        buf_puts(out, "{\"ok\":false,\"error\":");
        buf_put_json(out, str_of(err.text));
        buf_puts(out, "}");
        return 422;
    }
    buf_puts(out, "{\"ok\":true}");
    return 200;
}

static int do_drain(struct gateway *g, struct buf *out)
{
    if (!gateway_is_draining(g)) { /* a second call would cut what is open */
        gateway_drain(g);
    }
    buf_puts(out, "{\"ok\":true}");
    return 200;
}

static const struct admin_route {
    const char *method, *path;
    bool control;
    bool open; /* without the token */
    const char *type;
    int (*run)(struct gateway *g, struct buf *out);
} admin_table[] = {
    {"GET",  "/metrics",          false, false, "text/plain; version=0.0.4; charset=utf-8", write_metrics },
    {"GET",  "/healthz",          false, true,  "application/json",                         write_health  },
    {"GET",  "/control/status",   true,  false, "application/json",                         write_status  },
    {"GET",  "/control/keys",     true,  false, "application/json",                         write_keys    },
    {"GET",  "/control/requests", true,  false, "application/json",                         write_requests},
    {"POST", "/control/reload",   true,  false, "application/json",                         do_reload     },
    {"POST", "/control/drain",    true,  false, "application/json",                         do_drain      },
};

/* ---- requests ---- */

static void refuse(struct server_request *r, int status, const char *text)
{
    struct buf body;
    buf_init(&body, ADMIN_BODY_BYTES_MAX);
    buf_puts(&body, "{\"ok\":false,\"error\":");
    buf_put_json(&body, str_of(text));
    buf_puts(&body, "}");
    server_reply(r, status, "application/json", NULL, 0, buf_str(&body));
    buf_release(&body);
}

/* Compared by digest, so that time tells nothing about the token. */
static bool token_is_right(const struct settings *s, const struct http_head *head)
{
    struct hash_sha256 want;
    struct hash_sha256 got;
    struct str value = http_head_get(head, "authorization");
    if (s->admin_token.n == 0) {
        return true;
    }
    value = str_starts_nocase(value, STR("bearer ")) ? str_trim(str_from(value, 7)) : STR_EMPTY;
    hash_sha256(s->admin_token, &want);
    hash_sha256(value, &got);
    return memcmp(want.bytes, got.bytes, sizeof(want.bytes)) == 0;
}

/* The host of a Host header: an IP address or this machine's own name, not a name that a stranger's
 * DNS could have pointed here. No Host at all is no browser. */
static bool host_is_local(struct str host)
{
    if (host.n == 0 || host.p[0] == '[') {
        return true;
    }
    ptrdiff_t colon = str_find_char(host, ':');
    struct str name = colon < 0 ? host : str_head(host, (size_t)colon);
    if (str_eq_nocase(name, STR("localhost"))) {
        return true;
    }
    size_t digits = 0; /* at the end: a last label of digits makes an IPv4 address, never a name */
    while (digits < name.n && name.p[name.n - digits - 1] >= '0' &&
           name.p[name.n - digits - 1] <= '9') {
        digits++;
    }
    return digits > 0 && (digits == name.n || name.p[name.n - digits - 1] == '.');
}

static const struct admin_route *find_route(struct server_request *r, bool *ret_path_known)
{
    *ret_path_known = false;
    for (size_t i = 0; i < ARRAY_LEN(admin_table); i++) {
        if (str_is(r->path, admin_table[i].path)) {
            *ret_path_known = true;
            if (str_is(r->head.method, admin_table[i].method)) {
                return &admin_table[i];
            }
        }
    }
    return NULL;
}

static void request_came(void *ctx, struct server_request *r)
{
    struct admin *admin = ctx;
    bool path_known = false;

    if (r->refused.status != 0) {
        refuse(r, r->refused.status, r->refused.error.text);
        return;
    }
    const struct admin_route *route = find_route(r, &path_known);
    if (!route) {
        refuse(r, path_known ? 405 : 404,
               path_known ? "another method is wanted here"
                          : "there is no such path; see docs/ctl.md");
        return;
    }
    if (!route->open && !token_is_right(gateway_settings(admin->gateway), &r->head)) {
        refuse(r, 401, "the admin_token is wanted as \"Authorization: Bearer TOKEN\"");
        return;
    }
    if (route->control && http_head_get(&r->head, "x-weir-ctl").n == 0) {
        refuse(r, 403, "control wants the header x-weir-ctl: 1");
        return;
    }
    bool has_token = gateway_settings(admin->gateway)->admin_token.n > 0;
    if (route->control && !has_token && !host_is_local(http_head_get(&r->head, "host"))) {
        refuse(r, 403,
               "without an admin_token control answers to an IP address or localhost only, "
               "not to another name");
        return;
    }
    struct buf body;
    buf_init(&body, ADMIN_ANSWER_BYTES_MAX);
    int status = route->run(admin->gateway, &body);
    server_reply(r, status, route->type, NULL, 0, buf_str(&body));
    buf_release(&body);
}

static void nothing(void *ctx, struct server_request *r)
{
    (void)ctx;
    (void)r;
}

static const struct server_events events = {
    .on_request = request_came, .on_gone = nothing, .on_drain = nothing};

int admin_open(struct loop *loop, struct gateway *gateway, struct admin **ret_admin,
               struct error *err)
{
    const struct settings *s = gateway_settings(gateway);
    struct admin *admin = x_calloc(1, sizeof(*admin));
    admin->gateway = gateway;
    struct server_options options = {.address = s->admin_address,
                                     .port = s->admin_port,
                                     .body_bytes_max = ADMIN_BODY_BYTES_MAX,
                                     .connections_max = ADMIN_CONNECTIONS_MAX,
                                     .head_timeout_ms = s->head_timeout_ms,
                                     .body_timeout_ms = s->body_timeout_ms,
                                     .idle_timeout_ms = s->idle_timeout_ms};
    int rc = server_open(loop, &options, &events, admin, &admin->server, err);
    if (rc != 0) {
        x_free(admin);
        return rc;
    }
    *ret_admin = admin;
    return 0;
}

void admin_close(struct admin *admin)
{
    if (admin) {
        server_close(admin->server);
        x_free(admin);
    }
}

uint16_t admin_port(const struct admin *admin)
{
    return server_port(admin->server);
}
