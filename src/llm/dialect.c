#include "llm/dialect.h"

#include "core/attr.h"

const struct route_info route_table[] = {
    {ROUTE_CHAT,         DIALECT_OPENAI,    "chat",         "POST", "/v1/chat/completions",      false, true,  true },
    {ROUTE_COMPLETIONS,  DIALECT_OPENAI,    "completions",  "POST", "/v1/completions",           false, true,
     true                                                                                                           },
    {ROUTE_EMBEDDINGS,   DIALECT_OPENAI,    "embeddings",   "POST", "/v1/embeddings",            false, false, true },
    {ROUTE_RESPONSES,    DIALECT_OPENAI,    "responses",    "POST", "/v1/responses",             false, true,  true },
    {ROUTE_MESSAGES,     DIALECT_ANTHROPIC, "messages",     "POST", "/v1/messages",              false, true,  true },
    {ROUTE_COUNT_TOKENS, DIALECT_ANTHROPIC, "count_tokens", "POST", "/v1/messages/count_tokens",
     false,                                                                                             false, false},
    {ROUTE_MODELS,       DIALECT_OPENAI,    "models",       "GET",  "/v1/models",                false, false, false},
    {ROUTE_MODEL,        DIALECT_OPENAI,    "model",        "GET",  "/v1/models/",               true,  false, false},
    {ROUTE_HEALTH,       DIALECT_OPENAI,    "healthz",      "GET",  "/healthz",                  false, false, false},
    {ROUTE_READY,        DIALECT_OPENAI,    "readyz",       "GET",  "/readyz",                   false, false, false},
    {ROUTE_NONE,         DIALECT_OPENAI,    NULL,           NULL,   NULL,                        false, false, false},
};

const struct passthrough_kind passthrough_kinds[] = {
    {"audio",               "/v1/audio",            DIALECT_OPENAI   },
    {"images",              "/v1/images",           DIALECT_OPENAI   },
    {"files",               "/v1/files",            DIALECT_OPENAI   },
    {"batches",             "/v1/batches",          DIALECT_OPENAI   },
    {"uploads",             "/v1/uploads",          DIALECT_OPENAI   },
    {"moderations",         "/v1/moderations",      DIALECT_OPENAI   },
    {"message_batches",     "/v1/messages/batches", DIALECT_ANTHROPIC},
    {PASSTHROUGH_RESPONSES, "/v1/responses",        DIALECT_OPENAI   },
    {NULL,                  NULL,                   DIALECT_OPENAI   },
};

/* One row for each dialect, because a row names the dialect to word answers in. */
static const struct route_info passthrough_rows[] = {
    [DIALECT_OPENAI] = {ROUTE_PASSTHROUGH, DIALECT_OPENAI,    "passthrough", "*", "/v1/", true, true,
                        false                                                                              },
    [DIALECT_ANTHROPIC] = {ROUTE_PASSTHROUGH, DIALECT_ANTHROPIC, "passthrough", "*", "/v1/", true,
                        true,                                                                         false},
};

#define PASSTHROUGH_METHODS "GET, POST, PUT, PATCH, DELETE"

/* What must not stand in a path that is sent on: a provider may decode it to another path than the
 * one that was checked here. */
static const struct str unsafe_parts[] = {
    {"..",  2},
    {"//",  2},
    {"/./", 3},
    {"\\",  1},
    {"%2e", 3},
    {"%2E", 3},
    {"%2f", 3},
    {"%2F", 3},
    {"%5c", 3},
    {"%5C", 3},
    {"%25", 3},
    {"%00", 3},
    {"#",   1},
};

struct error_type_row {
    int status;
    const char *type;
};

/* OpenAI words almost every refusal as an invalid request and tells them apart by `code`. */
static const struct error_type_row openai_types[] = {
    {400, "invalid_request_error"},
    {401, "invalid_request_error"},
    {402, "insufficient_quota"   },
    {403, "invalid_request_error"},
    {404, "invalid_request_error"},
    {405, "invalid_request_error"},
    {408, "invalid_request_error"},
    {409, "invalid_request_error"},
    {413, "invalid_request_error"},
    {422, "invalid_request_error"},
    {429, "requests"             },
    {500, "server_error"         },
    {502, "server_error"         },
    {503, "server_error"         },
    {504, "server_error"         },
};

static const struct error_type_row anthropic_types[] = {
    {400, "invalid_request_error"},
    {401, "authentication_error" },
    {402, "billing_error"        },
    {403, "permission_error"     },
    {404, "not_found_error"      },
    {409, "conflict_error"       },
    {413, "request_too_large"    },
    {429, "rate_limit_error"     },
    {500, "api_error"            },
    {504, "timeout_error"        },
    {529, "overloaded_error"     },
};

static const struct error_type_row gemini_types[] = {
    {400, "INVALID_ARGUMENT"  },
    {401, "UNAUTHENTICATED"   },
    {403, "PERMISSION_DENIED" },
    {404, "NOT_FOUND"         },
    {409, "ABORTED"           },
    {429, "RESOURCE_EXHAUSTED"},
    {500, "INTERNAL"          },
    {503, "UNAVAILABLE"       },
    {504, "DEADLINE_EXCEEDED" },
};

/* By dialect; `other_4xx` and `other` stand for what has no row. */
static const struct {
    const char *name;
    const struct error_type_row *rows;
    size_t n;
    const char *other_4xx, *other;
} dialects[] = {
    [DIALECT_OPENAI] = {"openai",    openai_types,    ARRAY_LEN(openai_types),    "invalid_request_error",
                        "server_error"                                                                                },
    [DIALECT_ANTHROPIC] = {"anthropic", anthropic_types, ARRAY_LEN(anthropic_types),
                        "invalid_request_error",                                                           "api_error"},
    [DIALECT_GEMINI] = {"gemini",    gemini_types,    ARRAY_LEN(gemini_types),    "INVALID_ARGUMENT",
                        "INTERNAL"                                                                                    },
};

/* The path without its query. */
static struct str path_only(struct str path)
{
    ptrdiff_t query = str_find_char(path, '?');
    return query < 0 ? path : str_head(path, (size_t)query);
}

/* `prefix` itself or something below it; a longer segment is another path. */
static bool is_below(struct str path, const char *prefix)
{
    struct str start = str_of(prefix);
    return str_starts(path, start) && (path.n == start.n || path.p[start.n] == '/');
}

static bool is_safe(struct str path)
{
    for (size_t i = 0; i < ARRAY_LEN(unsafe_parts); i++) {
        if (str_find(path, unsafe_parts[i]) >= 0) {
            return false;
        }
    }
    for (size_t i = 0; i < path.n; i++) {
        if ((unsigned char)path.p[i] <= ' ' || (unsigned char)path.p[i] == 0x7f) {
            return false;
        }
    }
    return !str_ends(path, STR("/."));
}

static const struct passthrough_kind *find_kind(struct str path)
{
    if (!is_safe(path)) {
        return NULL;
    }
    for (const struct passthrough_kind *kind = passthrough_kinds; kind->name; kind++) {
        if (is_below(path, kind->path)) {
            return kind;
        }
    }
    return NULL;
}

/* True when the method is an item of the list "A, B, C". */
static bool method_in(struct str method, const char *list)
{
    struct str rest = str_of(list);
    while (rest.n > 0) {
        if (str_eq(str_trim(str_split(&rest, ',')), method)) {
            return true;
        }
    }
    return false;
}

static const struct route_info *find_row(struct str path)
{
    for (const struct route_info *row = route_table; row->name; row++) {
        struct str fixed = str_of(row->path);
        if (row->prefix ? str_starts(path, fixed) && path.n > fixed.n : str_eq(path, fixed)) {
            return row;
        }
    }
    return NULL;
}

const struct route_info *route_find(struct str method, struct str path, const char **ret_allow,
                                    const struct passthrough_kind **ret_kind)
{
    const char *allow = NULL;
    struct str bare = path_only(path);
    const struct route_info *row = find_row(bare);
    if (row) {
        if (str_is(method, row->method)) {
            return row;
        }
        allow = row->method;
    } else {
        const struct passthrough_kind *kind = find_kind(bare);
        if (kind && method_in(method, PASSTHROUGH_METHODS)) {
            if (ret_kind) {
                *ret_kind = kind;
            }
            return &passthrough_rows[kind->dialect];
        }
        allow = kind ? PASSTHROUGH_METHODS : NULL;
    }
    if (allow && ret_allow) {
        *ret_allow = allow;
    }
    return NULL;
}

const struct route_info *route_by_id(enum route route)
{
    if (route == ROUTE_PASSTHROUGH) {
        return &passthrough_rows[DIALECT_OPENAI];
    }
    for (const struct route_info *row = route_table; row->name; row++) {
        if (row->route == route) {
            return row;
        }
    }
    return NULL;
}

enum dialect dialect_of(struct str path, bool has_anthropic_version)
{
    struct str bare = path_only(path);
    if (is_below(bare, "/v1/messages")) {
        return DIALECT_ANTHROPIC;
    }
    const struct route_info *row = find_row(bare);
    if (row && row->billed) {
        return row->dialect;
    }
    return has_anthropic_version ? DIALECT_ANTHROPIC : DIALECT_OPENAI;
}

const char *dialect_name(enum dialect dialect)
{
    return dialects[dialect].name;
}

const char *dialect_error_type(enum dialect dialect, int status)
{
    for (size_t i = 0; i < dialects[dialect].n; i++) {
        if (dialects[dialect].rows[i].status == status) {
            return dialects[dialect].rows[i].type;
        }
    }
    return status >= 400 && status < 500 ? dialects[dialect].other_4xx : dialects[dialect].other;
}

static const char *type_of(enum dialect dialect, const struct dialect_error *error)
{
    if (error->type) {
        return error->type;
    }
    /* OpenAI's spent quota is a 429 whose type repeats its code. */
    if (dialect == DIALECT_OPENAI && error->code &&
        str_is(STR("insufficient_quota"), error->code)) {
        return "insufficient_quota";
    }
    return dialect_error_type(dialect, error->status);
}

static void put_string(struct buf *out, const char *text)
{
    if (text) {
        buf_put_json(out, str_of(text));
    } else {
        buf_puts(out, "null");
    }
}

/* Google's: google.rpc.Status. */
static void write_gemini_error(const struct dialect_error *error, const char *type, struct buf *out)
{
    buf_puts(out, "{\"error\":{\"code\":");
    buf_put_i64(out, error->status);
    buf_puts(out, ",\"message\":");
    buf_put_json(out, error->message);
    buf_puts(out, ",\"status\":");
    put_string(out, type);
    if (error->code) {
        buf_puts(out, ",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\","
                      "\"reason\":");
        put_string(out, error->code);
        buf_puts(out, ",\"domain\":\"googleapis.com\"}]");
    }
    buf_puts(out, "}}");
}

void dialect_write_error(enum dialect dialect, const struct dialect_error *error, struct buf *out)
{
    const char *type = type_of(dialect, error);
    if (dialect == DIALECT_GEMINI) {
        write_gemini_error(error, type, out);
        return;
    }
    if (dialect == DIALECT_ANTHROPIC) {
        buf_puts(out, "{\"type\":\"error\",\"error\":{\"type\":");
        put_string(out, type);
        buf_puts(out, ",\"message\":");
        buf_put_json(out, error->message);
        buf_puts(out, "}");
        if (error->request_id.n > 0) {
            buf_puts(out, ",\"request_id\":");
            buf_put_json(out, error->request_id);
        }
        buf_puts(out, "}");
        return;
    }
    buf_puts(out, "{\"error\":{\"message\":");
    buf_put_json(out, error->message);
    buf_puts(out, ",\"type\":");
    put_string(out, type);
    buf_puts(out, ",\"param\":");
    put_string(out, error->param);
    buf_puts(out, ",\"code\":");
    put_string(out, error->code);
    buf_puts(out, "}}");
}

/* The Responses API sends errors as a flat, numbered event. */
static void write_responses_error(const struct dialect_error *error, int64_t sequence_number,
                                  struct buf *out)
{
    buf_puts(out, "event: error\ndata: {\"type\":\"error\",\"code\":");
    put_string(out, error->code ? error->code : type_of(DIALECT_OPENAI, error));
    buf_puts(out, ",\"message\":");
    buf_put_json(out, error->message);
    buf_puts(out, ",\"param\":");
    put_string(out, error->param);
    buf_puts(out, ",\"sequence_number\":");
    buf_put_i64(out, sequence_number);
    buf_puts(out, "}\n\n");
}

void dialect_write_stream_error(enum route route, const struct dialect_error *error,
                                int64_t sequence_number, struct buf *out)
{
    const struct route_info *row = route_by_id(route);
    enum dialect dialect = row ? row->dialect : DIALECT_OPENAI;
    if (route == ROUTE_RESPONSES) {
        write_responses_error(error, sequence_number, out);
        return;
    }
    buf_puts(out, dialect == DIALECT_ANTHROPIC ? "event: error\ndata: " : "data: ");
    dialect_write_error(dialect, error, out);
    buf_puts(out, "\n\n");
}
