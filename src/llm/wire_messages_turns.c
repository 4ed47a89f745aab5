#include "core/base64.h"
#include "core/hash.h"
#include "llm/wire_messages.h"

#define TEXT_BYTES_MAX (64u << 20)
/* What stands in for a user who has not spoken yet; the API refuses an empty text. */
#define PLACEHOLDER "."

/* A part's path, for the notes. */
struct place {
    size_t message, part;
};

static int drop_part(const struct wire_messages_writing *w, struct place at, const char *member)
{
    return message_drop(w->notes, w->err, "messages[%zu].content[%zu]%s", at.message, at.part,
                        member);
}

static int refuse_part(const struct wire_messages_writing *w, struct place at, const char *why)
{
    return message_refuse(w->notes, w->err, why, "messages[%zu].content[%zu]", at.message, at.part);
}

void wire_messages_put_cache(struct buf *out, enum message_cache cache)
{
    if (cache != MESSAGE_CACHE_NONE) {
        buf_puts(out, cache == MESSAGE_CACHE_1H
                          ? ",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}"
                          : ",\"cache_control\":{\"type\":\"ephemeral\"}");
    }
}

/* --- parts ------------------------------------------------------------------------------- */

/* Texts without a visible character are refused by the API, and say nothing. */
static int put_text(struct wire_messages_writing *w, struct place at,
                    const struct message_part *part)
{
    struct str text = part->text;
    /* So is white space at the end of what an assistant is to go on with. */
    while (part == w->last && text.n > 0 && str_trim(str_from(text, text.n - 1)).n == 0) {
        text.n--;
    }
    if (str_trim(text).n == 0) {
        return 0;
    }
    wire_put_item(w->out);
    buf_puts(w->out, "{\"type\":\"text\"");
    wire_put_str(w->out, "text", text);
    wire_messages_put_cache(w->out, part->cache);
    buf_putc(w->out, '}');
    /* They need an index that only the provider's own search gives. */
    return part->citation_count > 0 ? drop_part(w, at, ".citations") : 0;
}

static void put_source(struct buf *out, const char *type, const char *key, struct str value)
{
    buf_puts(out, ",\"source\":{\"type\":\"");
    buf_puts(out, type);
    buf_putc(out, '"');
    wire_put_str(out, key, value);
}

/* Ids of files name what is kept at one provider. */
static bool is_own_file(struct str file_id)
{
    return str_starts(file_id, STR("file_"));
}

static int put_image(struct wire_messages_writing *w, struct place at,
                     const struct message_part *part)
{
    static const char *const types[] = {"image/jpeg", "image/png", "image/gif", "image/webp"};
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        known |= str_is(part->media_type, types[i]);
    }
    if (part->data.n > 0 && !known) {
        return refuse_part(w, at, "images are JPEG, PNG, GIF or WebP");
    }
    if (part->data.n == 0 && part->url.n == 0 && !is_own_file(part->file_id)) {
        return refuse_part(w, at, "the file is kept at another provider");
    }
    wire_put_item(w->out);
    buf_puts(w->out, "{\"type\":\"image\"");
    if (part->data.n > 0) {
        put_source(w->out, "base64", "media_type", part->media_type);
        wire_put_str(w->out, "data", part->data);
    } else if (part->url.n > 0) {
        put_source(w->out, "url", "url", part->url);
    } else {
        put_source(w->out, "file", "file_id", part->file_id);
    }
    buf_putc(w->out, '}');
    wire_messages_put_cache(w->out, part->cache);
    buf_putc(w->out, '}');
    bool detailed = part->detail.n > 0 && !str_is(part->detail, "auto");
    return detailed ? drop_part(w, at, ".detail") : 0;
}

/* A file of text is given as text: its base64 is what other APIs want. */
static int put_text_file(struct wire_messages_writing *w, struct place at,
                         const struct message_part *part)
{
    struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    int rc = base64_decode(part->data, &text);
    if (rc == 0) {
        put_source(w->out, "text", "media_type", STR("text/plain"));
        wire_put_str(w->out, "data", buf_str(&text));
    }
    buf_release(&text);
    return rc == 0 ? 0
                   : error_set(w->err, ERR_INVALID, "messages[%zu].content[%zu]: not valid base64",
                               at.message, at.part);
}

static int put_file(struct wire_messages_writing *w, struct place at,
                    const struct message_part *part)
{
    bool text = str_starts(part->media_type, STR("text/"));
    int rc = 0;
    if (part->data.n > 0 && !text && !str_is(part->media_type, "application/pdf")) {
        return refuse_part(w, at, "documents are PDF or text");
    }
    if (part->data.n == 0 && part->url.n == 0 && !is_own_file(part->file_id)) {
        return refuse_part(w, at, "the file is kept at another provider");
    }
    wire_put_item(w->out);
    buf_puts(w->out, "{\"type\":\"document\"");
    if (part->data.n > 0 && text) {
        rc = put_text_file(w, at, part);
    } else if (part->data.n > 0) {
        put_source(w->out, "base64", "media_type", part->media_type);
        wire_put_str(w->out, "data", part->data);
    } else if (part->url.n > 0) {
        put_source(w->out, "url", "url", part->url);
    } else {
        put_source(w->out, "file", "file_id", part->file_id);
    }
    buf_putc(w->out, '}');
    if (part->name.n > 0) {
        wire_put_str(w->out, "title", part->name);
    }
    wire_messages_put_cache(w->out, part->cache);
    buf_putc(w->out, '}');
    return rc;
}

/* Signatures of other makers: sealed by Gemini's wire, or OpenAI's encrypted reasoning. Anthropic
 * refuses a request with a signature that is not its own. */
bool wire_messages_is_foreign(struct str signature)
{
    return str_starts(signature, STR(MESSAGE_SEAL_GEMINI)) || str_starts(signature, STR("gAAAA"));
}

static int put_thinking(struct wire_messages_writing *w, struct place at,
                        const struct message_part *part)
{
    if (part->signature.n == 0 || wire_messages_is_foreign(part->signature)) {
        return drop_part(w, at, " (thinking)");
    }
    wire_put_item(w->out);
    if (part->redacted) {
        buf_puts(w->out, "{\"type\":\"redacted_thinking\"");
        wire_put_str(w->out, "data", part->signature);
    } else {
        buf_puts(w->out, "{\"type\":\"thinking\"");
        wire_put_str(w->out, "thinking", part->text);
        wire_put_str(w->out, "signature", part->signature);
    }
    buf_putc(w->out, '}');
    return 0;
}

/* Ids hold letters, digits, '_' and '-'; others become such, the same wherever they stand. */
static void put_call_id(struct buf *out, const char *key, struct str id)
{
    bool fits = true;
    wire_put_key(out, key);
    buf_putc(out, '"');
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '_' || c == '-';
        buf_putc(out, plain ? c : '_');
        fits &= plain;
    }
    if (!fits) {
        buf_putf(out, "_%08x", (unsigned)(hash_fnv1a(id) & 0xffffffff));
    }
    buf_putc(out, '"');
}

/* `input` is an object here. What a model wrote may be none, and a conversation in which that
 * happened must still be able to go on. */
static int put_call(struct wire_messages_writing *w, struct place at,
                    const struct message_part *part)
{
    yyjson_doc *doc = json_parse(part->json, NULL);
    bool object = yyjson_is_obj(yyjson_doc_get_root(doc));
    bool empty = str_trim(part->json).n == 0;
    yyjson_doc_free(doc);
    wire_put_item(w->out);
    buf_puts(w->out, "{\"type\":\"tool_use\"");
    put_call_id(w->out, "id", part->id);
    wire_put_str(w->out, "name", part->name);
    wire_put_key(w->out, "input");
    buf_put_str(w->out, object ? part->json : STR("{}"));
    wire_messages_put_cache(w->out, part->cache);
    buf_putc(w->out, '}');
    return object || empty ? 0 : drop_part(w, at, " (malformed arguments)");
}

static int put_leaf(struct wire_messages_writing *w, struct place at,
                    const struct message_part *part)
{
    switch (part->kind) {
    case MESSAGE_TEXT:
    case MESSAGE_REFUSAL:
        return put_text(w, at, part);
    case MESSAGE_IMAGE:
        return put_image(w, at, part);
    case MESSAGE_FILE:
        return put_file(w, at, part);
    case MESSAGE_AUDIO:
        return refuse_part(w, at, "it cannot hear");
    case MESSAGE_CALL:
    case MESSAGE_RESULT:
    case MESSAGE_THINKING:
        break;
    }
    return refuse_part(w, at, "it cannot stand there");
}

static int put_result(struct wire_messages_writing *w, struct place at,
                      const struct message_part *part)
{
    int rc = 0;
    wire_put_item(w->out);
    buf_puts(w->out, "{\"type\":\"tool_result\"");
    put_call_id(w->out, "tool_use_id", part->id);
    buf_puts(w->out, ",\"content\":[");
    for (size_t i = 0; rc == 0 && i < part->part_count; i++) {
        rc = put_leaf(w, at, &part->parts[i]);
    }
    buf_puts(w->out, part->failed ? "],\"is_error\":true" : "]");
    wire_messages_put_cache(w->out, part->cache);
    buf_putc(w->out, '}');
    return rc;
}

static int put_part(struct wire_messages_writing *w, struct place at,
                    const struct message_part *part)
{
    switch (part->kind) {
    case MESSAGE_THINKING:
        return put_thinking(w, at, part);
    case MESSAGE_CALL:
        return put_call(w, at, part);
    case MESSAGE_RESULT:
        return put_result(w, at, part);
    case MESSAGE_TEXT:
    case MESSAGE_REFUSAL:
    case MESSAGE_IMAGE:
    case MESSAGE_FILE:
    case MESSAGE_AUDIO:
        break;
    }
    return put_leaf(w, at, part);
}

/* --- messages ---------------------------------------------------------------------------- */

/* What a message says, either its tool results or all else. */
static int put_parts(struct wire_messages_writing *w, size_t index, bool results)
{
    const struct message *m = &w->request->messages[index];
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < m->part_count; i++) {
        if ((m->parts[i].kind == MESSAGE_RESULT) == results) {
            rc = put_part(w, (struct place){index, i}, &m->parts[i]);
        }
    }
    return rc;
}

/* All instructions go to the top; one that stood between turns loses its place. */
static int put_system(struct wire_messages_writing *w)
{
    const struct message_request *r = w->request;
    size_t start = w->out->n;
    bool turns = false;
    int rc = 0;
    buf_puts(w->out, ",\"system\":[");
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
        w->out->n = start; /* an empty list is refused */
    } else {
        buf_putc(w->out, ']');
    }
    return rc;
}

/* One turn: neighbours of one role as one message, tool results before all else, as the API
 * demands. A turn that says nothing is left out. */
static int put_turn(struct wire_messages_writing *w, size_t first, size_t end)
{
    bool assistant = w->request->messages[first].role == MESSAGE_ASSISTANT;
    size_t start = w->out->n;
    int rc = 0;
    wire_put_item(w->out);
    buf_puts(w->out, assistant ? "{\"role\":\"assistant\",\"content\":["
                               : "{\"role\":\"user\",\"content\":[");
    size_t empty = w->out->n;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = first; rc == 0 && i < end; i++) {
            if (!message_instructs(&w->request->messages[i])) {
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

/* Only instructions were given: they are what the user says. */
static int put_lone_system(struct wire_messages_writing *w)
{
    const struct message_request *r = w->request;
    int rc = message_drop(w->notes, w->err, "messages[0].role");
    buf_puts(w->out, "{\"role\":\"user\",\"content\":[");
    for (size_t i = 0; rc == 0 && i < r->message_count; i++) {
        rc = put_parts(w, i, false);
    }
    buf_puts(w->out, "]}");
    return rc;
}

int wire_messages_put_messages(struct wire_messages_writing *w)
{
    const struct message_request *r = w->request;
    bool turns = message_has_turns(r);
    int rc = turns ? put_system(w) : 0;
    buf_puts(w->out, ",\"messages\":[");
    size_t empty = w->out->n;
    if (rc == 0 && !turns) {
        rc = put_lone_system(w);
    }
    for (size_t i = 0; rc == 0 && i < r->message_count;) {
        if (message_instructs(&r->messages[i])) {
            i++;
            continue;
        }
        size_t end = message_turn_end(r, i);
        if (w->out->n == empty && r->messages[i].role == MESSAGE_ASSISTANT) {
            buf_puts(w->out, "{\"role\":\"user\",\"content\":\"" PLACEHOLDER "\"}");
            rc = message_drop(w->notes, w->err, "messages[%zu] (an assistant speaks first)", i);
        }
        rc = rc == 0 ? put_turn(w, i, end) : rc;
        i = end;
    }
    if (rc == 0 && w->out->n == empty) {
        return error_set(w->err, ERR_INVALID, "messages: none of them says anything");
    }
    buf_putc(w->out, ']');
    return rc;
}
