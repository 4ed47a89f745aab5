#include "engine/header.h"

/* Of the x-weir-dropped header; a longer list is cut. */
#define DROPPED_BYTES_MAX 2048

/* Room that most request heads fit into. */
#define USUAL_HEAD_BYTES 1024

enum header_rule { HEADER_PASS = 0, HEADER_DROP, HEADER_RENAME };

/* Names are in small letters. */
struct header_row {
    const char *name; /* a final '*' stands for any rest */
    enum header_rule rule;
};

/* From clients to providers. */
static const struct header_row request_rows[] = {
    {"host",              HEADER_DROP},
    {"connection",        HEADER_DROP},
    {"keep-alive",        HEADER_DROP},
    {"proxy-*",           HEADER_DROP},
    {"te",                HEADER_DROP},
    {"trailer",           HEADER_DROP},
    {"transfer-encoding", HEADER_DROP},
    {"upgrade",           HEADER_DROP},
    {"content-length",    HEADER_DROP},
    {"expect",            HEADER_DROP},
    {"authorization",     HEADER_DROP},
    {"x-api-key",         HEADER_DROP},
    {"api-key",           HEADER_DROP},
    {"x-goog-api-key",    HEADER_DROP},
    {"cookie",            HEADER_DROP},
    {"accept-encoding",   HEADER_DROP}, /* identity is asked for: bytes must be readable */
    {"forwarded",         HEADER_DROP},
    {"x-forwarded-*",     HEADER_DROP},
    {"x-real-ip",         HEADER_DROP},
    {"x-weir-*",          HEADER_DROP},
};

/* What only the client's dialect knows; besides the rows above, for calls that are translated. */
static const struct header_row translated_rows[] = {
    {"anthropic-*",   HEADER_DROP},
    {"openai-*",      HEADER_DROP},
    {"x-stainless-*", HEADER_DROP},
    {"x-goog-*",      HEADER_DROP},
    {"content-type",  HEADER_DROP},
    {"accept",        HEADER_DROP},
};

/* The same for answers. */
static const struct header_row translated_answer_rows[] = {
    {"anthropic-*",      HEADER_DROP},
    {"openai-*",         HEADER_DROP},
    {"x-goog-*",         HEADER_DROP},
    {"content-*",        HEADER_DROP},
    {"etag",             HEADER_DROP},
    {"last-modified",    HEADER_DROP},
    {"request-id",       HEADER_DROP},
    {"x-request-id",     HEADER_DROP},
    {"www-authenticate", HEADER_DROP},
};

/* From providers to clients. */
static const struct header_row answer_rows[] = {
    {"connection",                HEADER_DROP  },
    {"keep-alive",                HEADER_DROP  },
    {"proxy-*",                   HEADER_DROP  },
    {"te",                        HEADER_DROP  },
    {"trailer",                   HEADER_DROP  },
    {"transfer-encoding",         HEADER_DROP  },
    {"upgrade",                   HEADER_DROP  },
    {"content-length",            HEADER_DROP  }, /* set anew where it holds */
    {"set-cookie",                HEADER_DROP  },
    {"alt-svc",                   HEADER_DROP  },
    {"strict-transport-security", HEADER_DROP  },
    {"x-weir-*",                  HEADER_DROP  },
    {"x-ratelimit-*",             HEADER_RENAME},
    {"anthropic-ratelimit-*",     HEADER_RENAME},
};

static enum header_rule rule_of(const struct header_row *rows, size_t n, struct str name)
{
    char first = name.n > 0 ? (char)(name.p[0] | 0x20) : '\0'; /* in small letters, if it is one */
    for (size_t i = 0; i < n; i++) {
        if (rows[i].name[0] != first) {
            continue;
        }
        struct str pattern = str_of(rows[i].name);
        bool open = str_ends(pattern, STR("*"));
        if (open) {
            pattern.n--;
        }
        if (open ? str_starts_nocase(name, pattern) : str_eq_nocase(name, pattern)) {
            return rows[i].rule;
        }
    }
    return HEADER_PASS;
}

static bool lists(struct str list, struct str name)
{
    while (list.n > 0) {
        if (str_eq_nocase(str_trim(str_split(&list, ',')), name)) {
            return true;
        }
    }
    return false;
}

/* Names listed in Connection, which may come more than once, belong to the hop as well (RFC 9110,
 * 7.6.1). */
static bool named_by_connection(const struct http_head *head, struct str name)
{
    for (size_t i = 0; i < head->header_count; i++) {
        const struct http_header *h = &head->headers[i];
        if (h->value.n >= name.n && str_eq_nocase(h->name, STR("connection")) &&
            lists(h->value, name)) {
            return true;
        }
    }
    return false;
}

static void put_line(struct buf *out, struct str name, struct str value)
{
    buf_put_str(out, name);
    buf_puts(out, ": ");
    buf_put_str(out, value);
    buf_puts(out, "\r\n");
}

static bool is_extra(const struct settings_provider *p, struct str name)
{
    for (size_t i = 0; i < p->header_count; i++) {
        if (str_eq_nocase(p->headers[i].name, name)) {
            return true;
        }
    }
    return false;
}

static bool passes(const struct header_request *r, struct str name)
{
    if (rule_of(request_rows, ARRAY_LEN(request_rows), name) != HEADER_PASS ||
        named_by_connection(r->client, name) || is_extra(r->provider, name)) {
        return false;
    }
    return !r->translated ||
           rule_of(translated_rows, ARRAY_LEN(translated_rows), name) == HEADER_PASS;
}

static void put_request_line(struct buf *out, const struct header_request *r)
{
    const struct settings_provider *p = r->provider;
    buf_put_str(out, r->method);
    buf_putc(out, ' ');
    if (p->has_proxy && !p->base_url.https) {
        buf_puts(out, "http://");
        buf_put_str(out, p->authority);
    }
    p->dialect->write_path(out, r->place);
    buf_puts(out, " HTTP/1.1\r\n");
}

void header_write_request(struct buf *out, const struct header_request *r)
{
    const struct settings_provider *p = r->provider;
    const struct http_head *client = r->client;

    buf_reserve(out, USUAL_HEAD_BYTES);
    put_request_line(out, r);
    put_line(out, STR("host"), p->authority);
    if (p->has_proxy && !p->base_url.https && p->proxy_authorization.n > 0) {
        put_line(out, STR("proxy-authorization"), p->proxy_authorization);
    }
    bool has_version = !r->translated && http_head_get(client, "anthropic-version").p != NULL;
    p->dialect->write_auth(out, r->key ? r->key->secret : STR_EMPTY, has_version);
    buf_puts(out, "accept-encoding: identity\r\n");
    if (r->has_body) {
        buf_puts(out, "content-length: ");
        buf_put_u64(out, r->body_bytes);
        buf_puts(out, "\r\n");
    }
    if (r->translated) {
        buf_puts(out, "content-type: application/json\r\n");
        buf_puts(out, r->place->stream ? "accept: text/event-stream\r\n"
                                       : "accept: application/json\r\n");
    }
    for (size_t i = 0; i < p->header_count; i++) {
        put_line(out, p->headers[i].name, p->headers[i].value);
    }
    for (size_t i = 0; i < client->header_count; i++) {
        const struct http_header *h = &client->headers[i];
        if (passes(r, h->name)) {
            put_line(out, h->name, h->value);
        }
    }
    buf_puts(out, "\r\n");
}

size_t header_filter_answer(const struct http_head *head, struct arena *arena,
                            struct http_header *out, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < head->header_count && n < max; i++) {
        const struct http_header *h = &head->headers[i];
        enum header_rule rule = rule_of(answer_rows, ARRAY_LEN(answer_rows), h->name);
        bool plain = str_eq_nocase(h->name, STR("content-encoding")) &&
                     str_eq_nocase(h->value, STR("identity"));
        if (rule == HEADER_DROP || plain || named_by_connection(head, h->name)) {
            continue;
        }
        out[n].name = rule == HEADER_RENAME
                          ? arena_printf(arena, HEADER_UPSTREAM_PREFIX "%.*s", STR_ARG(h->name))
                          : arena_str(arena, h->name);
        out[n].value = arena_str(arena, h->value);
        n++;
    }
    return n;
}

bool header_is_event_stream(const struct http_head *head)
{
    return str_starts_nocase(http_head_get(head, "content-type"), STR("text/event-stream"));
}

bool header_is_encoded(const struct http_head *head)
{
    struct str encoding = http_head_get(head, "content-encoding");
    return encoding.n > 0 && !str_eq_nocase(encoding, STR("identity"));
}

static size_t put_header(struct http_header *out, size_t n, const char *name, struct str value)
{
    if (value.n > 0) {
        out[n++] = (struct http_header){str_of(name), value};
    }
    return n;
}

size_t header_translate_answer(const struct header_translation *t, struct arena *arena,
                               struct http_header *headers, size_t n)
{
    char dropped[DROPPED_BYTES_MAX] = "";
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (rule_of(translated_answer_rows, ARRAY_LEN(translated_answer_rows), headers[i].name) ==
            HEADER_PASS) {
            headers[kept++] = headers[i];
        }
    }
    if (t->notes) {
        message_notes_list(t->notes, dropped, sizeof(dropped));
    }
    struct str type = t->stream ? STR("text/event-stream") : STR("application/json");
    const char *id = t->client == DIALECT_ANTHROPIC ? "request-id" : "x-request-id";
    kept = put_header(headers, kept, "content-type", type);
    kept = put_header(headers, kept, id, t->request_id);
    return put_header(headers, kept, "x-weir-dropped", arena_str(arena, str_of(dropped)));
}
