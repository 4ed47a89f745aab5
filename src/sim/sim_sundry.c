#include "sim/sim_sundry.h"

#include "core/rand.h"
#include "core/url.h"
#include "sim/sim_answer.h"
#include "sim/sim_text.h"

#define CREATED      1767225600 /* 2026-01-01, of everything here */
#define CREATED_TEXT "2026-01-01T00:00:00Z"
#define ID_CHARS     24
#define SPEECH_BYTES 4096
#define WORDS        12

/* A PNG of one transparent pixel. */
#define PIXEL                                                                                      \
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJg" \
    "gg=="

bool sim_model_exists(const struct str *models, size_t n, struct str model)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(models[i], model)) {
            return true;
        }
    }
    return false;
}

static struct str new_id(const struct sim_sundry_ask *ask)
{
    return sim_answer_id(ask->arena, ask->key, 0, ID_CHARS);
}

static struct str body_of(const struct sim_sundry_ask *ask)
{
    return buf_str(&ask->request->body);
}

/* ---- models ---- */

static void put_model(const struct sim_sundry_ask *ask, struct str model, struct buf *out)
{
    if (ask->dialect == DIALECT_ANTHROPIC) {
        buf_puts(out, "{\"type\":\"model\",\"id\":");
        buf_put_json(out, model);
        buf_puts(out, ",\"display_name\":");
        buf_put_json(out, model);
        buf_puts(out, ",\"created_at\":\"" CREATED_TEXT "\",\"lifecycle\":\"active\"}");
        return;
    }
    buf_puts(out, "{\"id\":");
    buf_put_json(out, model);
    buf_putf(out, ",\"object\":\"model\",\"created\":%d,\"owned_by\":\"weir-sim\"}", CREATED);
}

static int list_models(const struct sim_sundry_ask *ask, struct buf *out)
{
    bool anthropic = ask->dialect == DIALECT_ANTHROPIC;
    buf_puts(out, anthropic ? "{\"data\":[" : "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < ask->model_count; i++) {
        buf_puts(out, i > 0 ? "," : "");
        put_model(ask, ask->models[i], out);
    }
    buf_putc(out, ']');
    if (anthropic && ask->model_count > 0) {
        buf_puts(out, ",\"has_more\":false,\"first_id\":");
        buf_put_json(out, ask->models[0]);
        buf_puts(out, ",\"last_id\":");
        buf_put_json(out, ask->models[ask->model_count - 1]);
    } else if (anthropic) {
        buf_puts(out, ",\"has_more\":false,\"first_id\":null,\"last_id\":null");
    }
    buf_putc(out, '}');
    return 200;
}

static int get_model(const struct sim_sundry_ask *ask, struct buf *out)
{
    struct str model = url_decode(ask->rest, ask->arena); /* slashes come as %2F */
    if (ask->models_fixed && !sim_model_exists(ask->models, ask->model_count, model)) {
        return 404;
    }
    put_model(ask, model, out);
    return 200;
}

/* ---- audio and images ---- */

static int speak(const struct sim_sundry_ask *ask, struct buf *out)
{
    struct rand_state rand;
    rand_seed(&rand, ask->key);
    for (int i = 0; i < SPEECH_BYTES / 8; i++) {
        uint64_t bits = rand_u64(&rand);
        buf_put(out, &bits, sizeof(bits));
    }
    return 200;
}

static int transcribe(const struct sim_sundry_ask *ask, struct buf *out)
{
    struct sim_pieces words;
    struct rand_state rand;
    rand_seed(&rand, ask->key);
    sim_text_write(ask->arena, &rand, WORDS, true, &words);
    buf_puts(out, "{\"text\":");
    buf_put_json(out, words.text);
    buf_puts(out, ",\"usage\":{\"type\":\"duration\",\"seconds\":3}}");
    return 200;
}

static int draw_image(const struct sim_sundry_ask *ask, struct buf *out)
{
    (void)ask;
    buf_putf(out,
             "{\"created\":%d,\"data\":[{\"b64_json\":\"" PIXEL
             "\"}],\"usage\":{\"input_tokens\":10,"
             "\"input_tokens_details\":{\"image_tokens\":0,\"text_tokens\":10},"
             "\"output_tokens\":100,\"total_tokens\":110}}",
             CREATED);
    return 200;
}

/* ---- files ---- */

/* The value of a form field, as far as a small multipart body is concerned. */
static struct str form_field(struct str body, const char *mark, struct str end)
{
    ptrdiff_t at = str_find(body, str_of(mark));
    if (at < 0) {
        return STR_EMPTY;
    }
    struct str rest = str_from(body, (size_t)at + strlen(mark));
    ptrdiff_t stop = str_find(rest, end);
    return stop < 0 ? STR_EMPTY : str_head(rest, (size_t)stop);
}

static void put_file(struct str id, struct str name, struct str purpose, size_t bytes,
                     struct buf *out)
{
    buf_puts(out, "{\"object\":\"file\",\"id\":");
    buf_put_json(out, id);
    buf_puts(out, ",\"purpose\":");
    buf_put_json(out, purpose.n > 0 ? purpose : STR("user_data"));
    buf_puts(out, ",\"filename\":");
    buf_put_json(out, name.n > 0 ? name : STR("file.jsonl"));
    buf_putf(out, ",\"bytes\":%zu,\"created_at\":%d,\"expires_at\":null,\"status\":\"processed\"}",
             bytes, CREATED);
}

static int create_file(const struct sim_sundry_ask *ask, struct buf *out)
{
    struct str body = body_of(ask);
    struct str id = arena_printf(ask->arena, "file-%.*s", STR_ARG(new_id(ask)));
    put_file(id, form_field(body, "filename=\"", STR("\"")),
             form_field(body, "name=\"purpose\"\r\n\r\n", STR("\r\n")), body.n, out);
    return 200;
}

static int list_nothing(const struct sim_sundry_ask *ask, struct buf *out)
{
    (void)ask;
    buf_puts(out, "{\"object\":\"list\",\"data\":[],\"has_more\":false,\"first_id\":null,"
                  "\"last_id\":null}");
    return 200;
}

static int get_file(const struct sim_sundry_ask *ask, struct buf *out)
{
    if (!str_starts(ask->rest, STR("file-"))) {
        return 404;
    }
    put_file(ask->rest, STR_EMPTY, STR_EMPTY, 0, out);
    return 200;
}

static int get_file_content(const struct sim_sundry_ask *ask, struct buf *out)
{
    if (!str_starts(ask->rest, STR("file-"))) {
        return 404;
    }
    buf_putf(out, "content of %.*s\n", STR_ARG(ask->rest));
    return 200;
}

static int delete_file(const struct sim_sundry_ask *ask, struct buf *out)
{
    if (!str_starts(ask->rest, STR("file-"))) {
        return 404;
    }
    buf_puts(out, "{\"object\":\"file\",\"deleted\":true,\"id\":");
    buf_put_json(out, ask->rest);
    buf_putc(out, '}');
    return 200;
}

/* ---- batches and moderations ---- */

static void put_batch(struct str id, const char *status, struct buf *out)
{
    buf_puts(out, "{\"object\":\"batch\",\"id\":");
    buf_put_json(out, id);
    buf_putf(out,
             ",\"endpoint\":\"/v1/chat/completions\",\"input_file_id\":\"file-input\","
             "\"completion_window\":\"24h\",\"status\":\"%s\",\"created_at\":%d,"
             "\"request_counts\":{\"total\":0,\"completed\":0,\"failed\":0},\"metadata\":null}",
             status, CREATED);
}

static int create_batch(const struct sim_sundry_ask *ask, struct buf *out)
{
    put_batch(arena_printf(ask->arena, "batch_%.*s", STR_ARG(new_id(ask))), "validating", out);
    return 200;
}

static int get_batch(const struct sim_sundry_ask *ask, struct buf *out)
{
    if (!str_starts(ask->rest, STR("batch_"))) {
        return 404;
    }
    put_batch(ask->rest, "completed", out);
    return 200;
}

static int cancel_batch(const struct sim_sundry_ask *ask, struct buf *out)
{
    if (!str_starts(ask->rest, STR("batch_"))) {
        return 404;
    }
    put_batch(ask->rest, "cancelling", out);
    return 200;
}

static int moderate(const struct sim_sundry_ask *ask, struct buf *out)
{
    static const char *const categories[] = {
        "harassment",
        "harassment/threatening",
        "hate",
        "hate/threatening",
        "illicit",
        "illicit/violent",
        "self-harm",
        "self-harm/intent",
        "self-harm/instructions",
        "sexual",
        "sexual/minors",
        "violence",
        "violence/graphic",
    };

    static const struct {
        const char *name;
        const char *value;
    } maps[] = {
        {"categories",                   "false"     },
        {"category_scores",              "0.001"     },
        {"category_applied_input_types", "[\"text\"]"}
    };

    buf_putf(out,
             "{\"id\":\"modr-%.*s\",\"model\":\"omni-moderation-latest\",\"results\":[{"
             "\"flagged\":false",
             STR_ARG(new_id(ask)));
    for (size_t m = 0; m < ARRAY_LEN(maps); m++) {
        buf_putf(out, ",\"%s\":{", maps[m].name);
        for (size_t i = 0; i < ARRAY_LEN(categories); i++) {
            buf_putf(out, "%s\"%s\":%s", i > 0 ? "," : "", categories[i], maps[m].value);
        }
        buf_putc(out, '}');
    }
    buf_puts(out, "}]}");
    return 200;
}

static void put_message_batch(struct str id, const char *status, struct buf *out)
{
    buf_puts(out, "{\"type\":\"message_batch\",\"id\":");
    buf_put_json(out, id);
    buf_putf(out,
             ",\"processing_status\":\"%s\",\"request_counts\":{\"processing\":0,\"succeeded\":0,"
             "\"errored\":0,\"canceled\":0,\"expired\":0},\"ended_at\":null,"
             "\"created_at\":\"" CREATED_TEXT "\",\"expires_at\":\"2026-01-02T00:00:00Z\","
             "\"archived_at\":null,\"cancel_initiated_at\":null,\"results_url\":null}",
             status);
}

static int create_message_batch(const struct sim_sundry_ask *ask, struct buf *out)
{
    put_message_batch(arena_printf(ask->arena, "msgbatch_01%.*s", STR_ARG(new_id(ask))),
                      "in_progress", out);
    return 200;
}

static int get_message_batch(const struct sim_sundry_ask *ask, struct buf *out)
{
    if (!str_starts(ask->rest, STR("msgbatch_"))) {
        return 404;
    }
    put_message_batch(ask->rest, "in_progress", out);
    return 200;
}

#define JSON_TYPE "application/json"
#define OPENAI    DIALECT_OPENAI
#define ANTHROPIC DIALECT_ANTHROPIC

/* name, method, path, suffix, prefix, dialect, type, answer. Longer paths stand first. */
const struct sim_sundry sim_sundry_table[] = {
    {"models",          "GET",    "/v1/models",               NULL,       false, OPENAI,    JSON_TYPE,                  list_models },
    {"model",           "GET",    "/v1/models/",              NULL,       true,  OPENAI,    JSON_TYPE,                  get_model   },
    {"audio",           "POST",   "/v1/audio/speech",         NULL,       false, OPENAI,    "audio/mpeg",               speak       },
    {"audio",           "POST",   "/v1/audio/transcriptions", NULL,       false, OPENAI,    JSON_TYPE,                  transcribe  },
    {"audio",           "POST",   "/v1/audio/translations",   NULL,       false, OPENAI,    JSON_TYPE,                  transcribe  },
    {"images",          "POST",   "/v1/images/generations",   NULL,       false, OPENAI,    JSON_TYPE,                  draw_image  },
    {"files",           "POST",   "/v1/files",                NULL,       false, OPENAI,    JSON_TYPE,                  create_file },
    {"files",           "GET",    "/v1/files",                NULL,       false, OPENAI,    JSON_TYPE,                  list_nothing},
    {"files",           "GET",    "/v1/files/",               "/content", true,  OPENAI,    "application/octet-stream",
     get_file_content                                                                                                               },
    {"files",           "GET",    "/v1/files/",               NULL,       true,  OPENAI,    JSON_TYPE,                  get_file    },
    {"files",           "DELETE", "/v1/files/",               NULL,       true,  OPENAI,    JSON_TYPE,                  delete_file },
    {"batches",         "POST",   "/v1/batches",              NULL,       false, OPENAI,    JSON_TYPE,                  create_batch},
    {"batches",         "GET",    "/v1/batches",              NULL,       false, OPENAI,    JSON_TYPE,                  list_nothing},
    {"batches",         "POST",   "/v1/batches/",             "/cancel",  true,  OPENAI,    JSON_TYPE,                  cancel_batch},
    {"batches",         "GET",    "/v1/batches/",             NULL,       true,  OPENAI,    JSON_TYPE,                  get_batch   },
    {"moderations",     "POST",   "/v1/moderations",          NULL,       false, OPENAI,    JSON_TYPE,                  moderate    },
    {"message_batches", "POST",   "/v1/messages/batches",     NULL,       false, ANTHROPIC, JSON_TYPE,
     create_message_batch                                                                                                           },
    {"message_batches", "GET",    "/v1/messages/batches",     NULL,       false, ANTHROPIC, JSON_TYPE,
     list_nothing                                                                                                                   },
    {"message_batches", "GET",    "/v1/messages/batches/",    NULL,       true,  ANTHROPIC, JSON_TYPE,
     get_message_batch                                                                                                              },
    {NULL,              NULL,     NULL,                       NULL,       false, OPENAI,    NULL,                       NULL        },
};

static bool matches(const struct sim_sundry *row, struct str path, struct str *ret_rest)
{
    struct str fixed = str_of(row->path);
    if (!row->prefix) {
        *ret_rest = STR_EMPTY;
        return str_eq(path, fixed);
    }
    if (!str_starts(path, fixed)) {
        return false;
    }
    struct str rest = str_from(path, fixed.n);
    if (row->suffix) {
        if (!str_ends(rest, str_of(row->suffix))) {
            return false;
        }
        rest = str_head(rest, rest.n - strlen(row->suffix));
    }
    *ret_rest = rest;
    return rest.n > 0;
}

const struct sim_sundry *sim_sundry_find(struct str method, struct str path, bool *ret_known,
                                         struct str *ret_rest)
{
    *ret_known = false;
    for (const struct sim_sundry *row = sim_sundry_table; row->name; row++) {
        struct str rest;
        if (!matches(row, path, &rest)) {
            continue;
        }
        *ret_known = true;
        if (str_is(method, row->method)) {
            *ret_rest = rest;
            return row;
        }
    }
    return NULL;
}
