#include "core/json.h"
#include "llm/wire_gemini.h"
#include "llm/wire_json.h"

/* Files that were uploaded to Google have these ids, and stand below this URL. */
#define FILE_ID_PREFIX "files/"
#define FILES_URL      "https://generativelanguage.googleapis.com/v1beta/"

/* What URLs the models read by themselves; anything else would have to be fetched for them. */
static const char *const own_urls[] = {
    FILES_URL FILE_ID_PREFIX,
    "gs://",
    "https://www.youtube.com/",
    "https://youtu.be/",
};

/* A part's path, for the notes. */
struct place {
    size_t message, part;
};

static int drop_part(const struct wire_gemini_writing *w, struct place at, const char *member)
{
    return message_drop(w->notes, w->err, "messages[%zu].content[%zu]%s", at.message, at.part,
                        member);
}

static int refuse_part(const struct wire_gemini_writing *w, struct place at, const char *why)
{
    return message_refuse(w->notes, w->err, why, "messages[%zu].content[%zu]", at.message, at.part);
}

/* --- parts ------------------------------------------------------------------------------- */

static int put_text(struct wire_gemini_writing *w, struct place at, const struct message_part *part)
{
    if (part->text.n == 0) {
        return 0;
    }
    wire_put_item(w->out);
    buf_putc(w->out, '{');
    wire_put_str(w->out, "text", part->text);
    buf_putc(w->out, '}');
    return part->citation_count > 0 ? drop_part(w, at, ".citations") : 0;
}

static bool is_own_url(struct str url)
{
    for (size_t i = 0; i < ARRAY_LEN(own_urls); i++) {
        if (str_starts(url, str_of(own_urls[i]))) {
            return true;
        }
    }
    return false;
}

static int put_media(struct wire_gemini_writing *w, struct place at,
                     const struct message_part *part)
{
    bool own_id = str_starts(part->file_id, STR(FILE_ID_PREFIX));
    bool detailed = part->detail.n > 0 && !str_is(part->detail, "auto");
    if (part->data.n > 0 && part->media_type.n == 0) {
        return refuse_part(w, at, "its media type must be given");
    }
    if (part->data.n == 0 && !own_id && !is_own_url(part->url)) {
        return refuse_part(w, at,
                           part->url.n > 0 ? "it fetches no URL but Google's own; give the "
                                             "data itself"
                                           : "the file is kept at another provider");
    }
    wire_put_item(w->out);
    buf_puts(w->out, part->data.n > 0 ? "{\"inlineData\":{" : "{\"fileData\":{");
    if (part->media_type.n > 0) {
        wire_put_str(w->out, "mimeType", part->media_type);
    }
    if (part->data.n > 0) {
        wire_put_str(w->out, "data", part->data);
    } else if (part->url.n > 0) {
        wire_put_str(w->out, "fileUri", part->url);
    } else {
        wire_put_key(w->out, "fileUri");
        buf_puts(w->out, "\"" FILES_URL);
        buf_put_escaped(w->out, part->file_id);
        buf_putc(w->out, '"');
    }
    buf_puts(w->out, "}}");
    return detailed ? drop_part(w, at, ".detail") : 0;
}

/* The seal of the message's n-th call, if the client gave one back. */
static struct str seal_of(const struct message *m, int n)
{
    for (size_t i = 0; i < m->part_count; i++) {
        struct str signature = STR_EMPTY;
        int call = -1;
        if (m->parts[i].kind == MESSAGE_THINKING &&
            wire_gemini_unseal(m->parts[i].signature, &call, &signature) && call == n) {
            return signature;
        }
    }
    return STR_EMPTY;
}

/* `args` is an object. What a model wrote may be none, and a conversation in which that happened
 * must still be able to go on. */
static int put_call(struct wire_gemini_writing *w, struct place at, const struct message_part *part,
                    int n)
{
    struct str seal = seal_of(&w->request->messages[at.message], n);
    yyjson_doc *doc = json_parse(part->json, NULL);
    bool object = yyjson_is_obj(yyjson_doc_get_root(doc));
    bool empty = str_trim(part->json).n == 0;
    yyjson_doc_free(doc);
    wire_put_item(w->out);
    buf_puts(w->out, "{\"functionCall\":{");
    if (part->id.n > 0) {
        wire_put_str(w->out, "id", part->id);
    }
    wire_put_str(w->out, "name", part->name);
    wire_put_key(w->out, "args");
    buf_put_str(w->out, object ? part->json : STR("{}"));
    buf_putc(w->out, '}');
    /* Of calls side by side the first one carries the seal. */
    if (seal.n == 0 && w->family->sealed && n == 0) {
        seal = STR(WIRE_GEMINI_NO_SEAL);
    }
    if (seal.n > 0) {
        wire_put_str(w->out, "thoughtSignature", seal);
    }
    buf_putc(w->out, '}');
    return object || empty ? 0 : drop_part(w, at, " (malformed arguments)");
}

/* The tool that a result belongs to: told with it, or that of the last call with its id. */
static struct str tool_of(const struct message_request *r, size_t before,
                          const struct message_part *result)
{
    if (result->name.n > 0) {
        return result->name;
    }
    for (size_t i = before; i > 0; i--) {
        const struct message *m = &r->messages[i - 1];
        for (size_t k = m->part_count; k > 0; k--) {
            if (m->parts[k - 1].kind == MESSAGE_CALL && str_eq(m->parts[k - 1].id, result->id)) {
                return m->parts[k - 1].name;
            }
        }
    }
    return STR_EMPTY;
}

/* What a tool said, as the object that the API wants: an object as it is, text as "output", a
 * failure as "error". */
static void put_response(struct buf *out, const struct message_part *result)
{
    bool texts = false;
    yyjson_doc *doc = NULL;
    const struct message_part *only = result->part_count == 1 ? result->parts : NULL;
    if (only && only->kind == MESSAGE_TEXT) {
        doc = json_parse(only->text, NULL);
    }
    bool object = yyjson_is_obj(yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    wire_put_key(out, "response");
    if (object && !result->failed) {
        buf_put_str(out, only->text);
        return;
    }
    buf_puts(out, result->failed ? "{\"error\":" : "{\"output\":");
    if (object) {
        buf_put_str(out, only->text);
        buf_putc(out, '}');
        return;
    }
    buf_putc(out, '"');
    for (size_t i = 0; i < result->part_count; i++) {
        if (result->parts[i].kind == MESSAGE_TEXT && result->parts[i].text.n > 0) {
            buf_puts(out, texts ? "\\n" : "");
            buf_put_escaped(out, result->parts[i].text);
            texts = true;
        }
    }
    buf_puts(out, "\"}");
}

static int put_result(struct wire_gemini_writing *w, struct place at,
                      const struct message_part *part)
{
    struct str name = tool_of(w->request, at.message, part);
    int rc = 0;
    if (name.n == 0) {
        return error_set(w->err, ERR_INVALID,
                         "messages[%zu].content[%zu]: there is no call of a tool with this id "
                         "before it",
                         at.message, at.part);
    }
    wire_put_item(w->out);
    buf_puts(w->out, "{\"functionResponse\":{");
    if (part->id.n > 0) {
        wire_put_str(w->out, "id", part->id);
    }
    wire_put_str(w->out, "name", name);
    put_response(w->out, part);
    size_t start = w->out->n;
    buf_puts(w->out, ",\"parts\":[");
    size_t empty = w->out->n;
    for (size_t i = 0; rc == 0 && i < part->part_count; i++) {
        if (part->parts[i].kind != MESSAGE_TEXT) {
            rc = put_media(w, at, &part->parts[i]);
        }
    }
    if (w->out->n == empty) {
        w->out->n = start;
    } else {
        buf_putc(w->out, ']');
    }
    buf_puts(w->out, "}}");
    return rc;
}

/* Its own thoughts are not asked back, and those of others are none to it. */
static int pass_thinking(const struct wire_gemini_writing *w, struct place at,
                         const struct message_part *part)
{
    struct str signature = STR_EMPTY;
    int call = -1;
    return wire_gemini_unseal(part->signature, &call, &signature) ? 0
                                                                  : drop_part(w, at, " (thinking)");
}

static int put_part(struct wire_gemini_writing *w, struct place at, const struct message_part *part,
                    int *calls)
{
    int rc =
        part->cache != MESSAGE_CACHE_NONE ? message_drop(w->notes, w->err, "cache_control") : 0;
    if (rc != 0) {
        return rc;
    }
    switch (part->kind) {
    case MESSAGE_TEXT:
    case MESSAGE_REFUSAL:
        return put_text(w, at, part);
    case MESSAGE_IMAGE:
    case MESSAGE_FILE:
    case MESSAGE_AUDIO:
        return put_media(w, at, part);
    case MESSAGE_CALL:
        return put_call(w, at, part, (*calls)++);
    case MESSAGE_RESULT:
        return put_result(w, at, part);
    case MESSAGE_THINKING:
        break;
    }
    return pass_thinking(w, at, part);
}

/* --- contents ---------------------------------------------------------------------------- */

/* What a message says, either its tool results or all else. */
static int put_parts(struct wire_gemini_writing *w, size_t index, bool results)
{
    const struct message *m = &w->request->messages[index];
    int calls = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < m->part_count; i++) {
        if ((m->parts[i].kind == MESSAGE_RESULT) == results) {
            rc = put_part(w, (struct place){index, i}, &m->parts[i], &calls);
        }
    }
    return rc;
}

/* All instructions go to the top; one that stood between turns loses its place. */
static int put_system(struct wire_gemini_writing *w)
{
    const struct message_request *r = w->request;
    size_t start = w->out->n;
    bool turns = false;
    int rc = 0;
    buf_puts(w->out, "\"systemInstruction\":{\"parts\":[");
    size_t empty = w->out->n;
    for (size_t i = 0; rc == 0 && i < r->message_count; i++) {
        if (!message_instructs(&r->messages[i])) {
            turns = true;
            continue;
        }
        size_t before = w->out->n;
        rc = put_parts(w, i, false);
        if (rc == 0 && turns && w->out->n > before) {
            rc = message_drop(w->notes, w->err, "messages[%zu] (order)", i);
        }
    }
    if (w->out->n == empty) {
        w->out->n = start;
    } else {
        buf_puts(w->out, "]}");
    }
    return rc;
}

/* One turn as one content. Results come first: as many of them as there were calls must stand
 * together. `first` >= message_count: instructions alone, as what the user says. */
static int put_content(struct wire_gemini_writing *w, size_t first, size_t end, bool instructions)
{
    bool assistant = w->request->messages[first].role == MESSAGE_ASSISTANT;
    size_t start = w->out->n;
    int rc = 0;
    wire_put_item(w->out);
    buf_puts(w->out,
             assistant ? "{\"role\":\"model\",\"parts\":[" : "{\"role\":\"user\",\"parts\":[");
    size_t empty = w->out->n;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = first; rc == 0 && i < end; i++) {
            if (message_instructs(&w->request->messages[i]) == instructions) {
                rc = put_parts(w, i, pass == 0);
            }
        }
    }
    if (w->out->n == empty) {
        w->out->n = start;
    } else {
        buf_puts(w->out, "]}");
    }
    return rc;
}

int wire_gemini_put_contents(struct wire_gemini_writing *w)
{
    const struct message_request *r = w->request;
    bool turns = message_has_turns(r);
    int rc = turns ? put_system(w) : 0;
    wire_put_key(w->out, "contents");
    buf_putc(w->out, '[');
    size_t empty = w->out->n;
    if (rc == 0 && !turns && r->message_count > 0) {
        rc = message_drop(w->notes, w->err, "messages[0].role");
        rc = rc == 0 ? put_content(w, 0, r->message_count, true) : rc;
    }
    for (size_t i = 0; rc == 0 && turns && i < r->message_count;) {
        if (message_instructs(&r->messages[i])) {
            i++;
            continue;
        }
        size_t end = message_turn_end(r, i);
        rc = put_content(w, i, end, false);
        i = end;
    }
    if (rc == 0 && w->out->n == empty) {
        return error_set(w->err, ERR_INVALID, "messages: none of them says anything");
    }
    buf_putc(w->out, ']');
    return rc;
}
