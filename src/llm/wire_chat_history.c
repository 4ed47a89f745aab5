/*
 * The messages of a chat request, written.
 *
 * Results of tools are messages of their own there and hold text only: images in them follow the
 * row of results as a message of the user. Many servers take an assistant's content as one string
 * only, so its text is joined.
 */
#include "core/attr.h"
#include "llm/wire_chat.h"

struct writing {
    const struct quirk *quirk;
    struct message_notes *notes;
    struct error *err;
    struct buf *out;
    bool any; /* a message stands there already */
    size_t i; /* message and part that are written, for notes */
    size_t k;
};

static int drop(struct writing *w, const char *field)
{
    return message_drop(w->notes, w->err, "messages[%zu].content[%zu].%s", w->i, w->k, field);
}

static int refuse(struct writing *w, const char *why)
{
    return message_refuse(w->notes, w->err, why, "messages[%zu].content[%zu]", w->i, w->k);
}

static void begin_message(struct writing *w, const char *role)
{
    buf_puts(w->out, w->any ? ",{\"role\":\"" : "{\"role\":\"");
    buf_puts(w->out, role);
    buf_putc(w->out, '"');
    w->any = true;
}

static int put_name(struct writing *w, struct str name)
{
    if (name.n > 0 && w->quirk->no_names) {
        return message_drop(w->notes, w->err, "messages[%zu].name", w->i);
    }
    wire_put_str_member(w->out, "name", name);
    return 0;
}

/* --- parts ------------------------------------------------------------------------------- */

static int put_image(struct writing *w, const struct message_part *part)
{
    if (part->data.n == 0 && part->url.n == 0) {
        return refuse(w, "files of another provider are not known there");
    }
    if (part->data.n == 0 && w->quirk->no_image_url) {
        return refuse(w, "images are taken as data only, not by URL");
    }
    buf_puts(w->out, "{\"type\":\"image_url\",\"image_url\":{\"url\":");
    wire_openai_put_url(w->out, part);
    wire_put_str_member(w->out, "detail", part->detail);
    buf_putc(w->out, '}');
    return 0;
}

static int put_file(struct writing *w, const struct message_part *part)
{
    if (part->text.n > 0) {
        /* A document that is plain text. */
        buf_puts(w->out, "{\"type\":\"text\",\"text\":");
        buf_put_json(w->out, part->text);
        return 0;
    }
    if (part->data.n == 0) {
        return refuse(w, "files are taken as data only");
    }
    buf_puts(w->out, "{\"type\":\"file\",\"file\":{\"filename\":");
    buf_put_json(w->out, part->name.n > 0 ? part->name : STR("document.pdf"));
    buf_puts(w->out, ",\"file_data\":");
    wire_openai_put_url(w->out, part);
    buf_putc(w->out, '}');
    return 0;
}

static int put_audio(struct writing *w, const struct message_part *part)
{
    if (part->data.n == 0) {
        return refuse(w, "sound is taken as data only");
    }
    buf_puts(w->out, "{\"type\":\"input_audio\",\"input_audio\":{\"data\":");
    buf_put_json(w->out, part->data);
    buf_puts(w->out, ",\"format\":");
    buf_put_json(w->out, wire_openai_audio_format(part->media_type));
    buf_putc(w->out, '}');
    return 0;
}

/* A part of a list, up to its closing bracket. */
static int put_part_body(struct writing *w, const struct message_part *part)
{
    switch (part->kind) {
    case MESSAGE_TEXT:
    case MESSAGE_REFUSAL:
    case MESSAGE_THINKING:
        buf_puts(w->out, "{\"type\":\"text\",\"text\":");
        buf_put_json(w->out, part->text);
        return 0;
    case MESSAGE_IMAGE:
        return put_image(w, part);
    case MESSAGE_FILE:
        return put_file(w, part);
    case MESSAGE_AUDIO:
        return put_audio(w, part);
    case MESSAGE_CALL:
    case MESSAGE_RESULT:
        break;
    }
    return refuse(w, "a call or result stands where none can");
}

static int put_part(struct writing *w, const struct message_part *part)
{
    int rc = put_part_body(w, part);
    if (rc == 0 && part->cache != MESSAGE_CACHE_NONE) {
        if (w->quirk->cache_markers) {
            wire_openai_put_cache(w->out, part->cache);
        } else {
            rc = drop(w, "cache_control");
        }
    }
    buf_putc(w->out, '}');
    return rc;
}

/* Parts [from, to) of a message as its content: a string where it is one text. */
static int put_content(struct writing *w, const struct message *m, size_t from, size_t to)
{
    const struct message_part *first = &m->parts[from];
    bool marked = first->cache != MESSAGE_CACHE_NONE && w->quirk->cache_markers;
    int rc = 0;
    w->k = from;
    buf_puts(w->out, ",\"content\":");
    if (to == from + 1 && first->kind == MESSAGE_TEXT && !marked) {
        buf_put_json(w->out, first->text);
        return first->cache != MESSAGE_CACHE_NONE ? drop(w, "cache_control") : 0;
    }
    buf_putc(w->out, '[');
    for (size_t k = from; rc == 0 && k < to; k++) {
        w->k = k;
        buf_puts(w->out, k > from ? "," : "");
        rc = put_part(w, &m->parts[k]);
    }
    buf_putc(w->out, ']');
    return rc;
}

static int write_plain(struct writing *w, const struct message *m, const char *role, size_t from,
                       size_t to)
{
    begin_message(w, role);
    int rc = put_name(w, m->name);
    if (rc == 0 && from == to) {
        buf_puts(w->out, ",\"content\":\"\"");
    } else if (rc == 0) {
        rc = put_content(w, m, from, to);
    }
    buf_putc(w->out, '}');
    return rc;
}

/* --- results ----------------------------------------------------------------------------- */

static int write_result(struct writing *w, const struct message_part *result)
{
    int rc = 0;
    begin_message(w, "tool");
    buf_puts(w->out, ",\"tool_call_id\":");
    buf_put_json(w->out, result->id);
    buf_puts(w->out, ",\"content\":\"");
    for (size_t i = 0; i < result->part_count; i++) {
        buf_put_escaped(w->out,
                        result->parts[i].kind == MESSAGE_TEXT ? result->parts[i].text : STR_EMPTY);
    }
    buf_puts(w->out, "\"}");
    if (result->failed) {
        rc = drop(w, "is_error");
    }
    if (rc == 0 && result->cache != MESSAGE_CACHE_NONE) {
        rc = drop(w, "cache_control");
    }
    return rc;
}

/* What results in [from, to) hold besides text, as a message of the user. */
static int write_attachments(struct writing *w, const struct message *m, size_t from, size_t to)
{
    bool any = false;
    int rc = 0;
    for (size_t k = from; k < to; k++) {
        const struct message_part *result = &m->parts[k];
        bool told = false;
        for (size_t i = 0; rc == 0 && i < result->part_count; i++) {
            if (result->parts[i].kind == MESSAGE_TEXT) {
                continue;
            }
            if (!any) {
                begin_message(w, "user");
                buf_puts(w->out, ",\"content\":[");
            }
            if (!told) {
                buf_puts(w->out, any ? "," : "");
                buf_puts(w->out, "{\"type\":\"text\",\"text\":\"Returned by tool call ");
                buf_put_escaped(w->out, result->id);
                buf_puts(w->out, ":\"}");
            }
            any = told = true;
            w->k = k;
            buf_putc(w->out, ',');
            rc = put_part(w, &result->parts[i]);
        }
    }
    buf_puts(w->out, any ? "]}" : "");
    return rc;
}

static size_t row_end(const struct message *m, size_t from)
{
    bool results = m->parts[from].kind == MESSAGE_RESULT;
    size_t to = from + 1;
    while (to < m->part_count && (m->parts[to].kind == MESSAGE_RESULT) == results) {
        to++;
    }
    return to;
}

static int write_user(struct writing *w, const struct message *m)
{
    int rc = 0;
    if (m->part_count == 0) {
        return write_plain(w, m, "user", 0, 0);
    }
    for (size_t from = 0, to = 0; rc == 0 && from < m->part_count; from = to) {
        to = row_end(m, from);
        if (m->parts[from].kind != MESSAGE_RESULT) {
            rc = write_plain(w, m, "user", from, to);
            continue;
        }
        for (size_t k = from; rc == 0 && k < to; k++) {
            w->k = k;
            rc = write_result(w, &m->parts[k]);
        }
        rc = rc < 0 ? rc : write_attachments(w, m, from, to);
    }
    return rc;
}

/* --- the assistant ----------------------------------------------------------------------- */

static size_t count_kind(const struct message *m, enum message_part_kind kind)
{
    size_t count = 0;
    for (size_t k = 0; k < m->part_count; k++) {
        count += m->parts[k].kind == kind;
    }
    return count;
}

static bool says_text(const struct message *m)
{
    for (size_t k = 0; k < m->part_count; k++) {
        if (m->parts[k].kind == MESSAGE_TEXT && m->parts[k].text.n > 0) {
            return true;
        }
    }
    return false;
}

/* All text of one kind as one string; null when there is none and calls stand for it. */
static void put_joined(struct writing *w, const struct message *m, enum message_part_kind kind)
{
    buf_putc(w->out, '"');
    for (size_t k = 0; k < m->part_count; k++) {
        if (m->parts[k].kind == kind) {
            buf_put_escaped(w->out, m->parts[k].text);
        }
    }
    buf_putc(w->out, '"');
}

/* Thoughts with their seals; one that Gemini's API sealed is known to no other. */
static int put_details(struct writing *w, const struct message *m)
{
    size_t index = 0;
    int rc = 0;
    buf_puts(w->out, ",\"reasoning_details\":[");
    for (size_t k = 0; rc == 0 && k < m->part_count; k++) {
        if (m->parts[k].kind != MESSAGE_THINKING) {
            continue;
        }
        if (str_starts(m->parts[k].signature, STR(MESSAGE_SEAL_GEMINI))) {
            rc = message_drop(w->notes, w->err, "messages[%zu].thinking", w->i);
            continue;
        }
        buf_puts(w->out, index > 0 ? "," : "");
        wire_chat_put_detail(w->out, index++, &m->parts[k]);
    }
    buf_putc(w->out, ']');
    return rc;
}

static int put_thoughts(struct writing *w, const struct message *m)
{
    if (count_kind(m, MESSAGE_THINKING) == 0) {
        return 0;
    }
    if (w->quirk->thinking == QUIRK_THINKING_OBJECT) {
        return put_details(w, m);
    }
    if (!w->quirk->returns_thinking) {
        return message_drop(w->notes, w->err, "messages[%zu].thinking", w->i);
    }
    const char *field = w->quirk->thinking_field ? w->quirk->thinking_field : "reasoning_content";
    buf_putf(w->out, ",\"%s\":", field);
    put_joined(w, m, MESSAGE_THINKING);
    return 0;
}

static void put_calls(struct writing *w, const struct message *m)
{
    bool any = false;
    for (size_t k = 0; k < m->part_count; k++) {
        if (m->parts[k].kind == MESSAGE_CALL) {
            buf_puts(w->out, any ? "," : ",\"tool_calls\":[");
            wire_chat_put_call(w->out, &m->parts[k]);
            any = true;
        }
    }
    buf_puts(w->out, any ? "]" : "");
}

/* Text with markers that the server understands is a list, else one string. */
static int put_said(struct writing *w, const struct message *m)
{
    bool marked = false;
    bool first = true;
    int rc = 0;
    for (size_t k = 0; k < m->part_count; k++) {
        marked |= m->parts[k].kind == MESSAGE_TEXT && m->parts[k].cache != MESSAGE_CACHE_NONE;
    }
    if (!marked || !w->quirk->cache_markers) {
        put_joined(w, m, MESSAGE_TEXT);
        return marked ? message_drop(w->notes, w->err, "messages[%zu].cache_control", w->i) : 0;
    }
    buf_putc(w->out, '[');
    for (size_t k = 0; rc == 0 && k < m->part_count; k++) {
        if (m->parts[k].kind == MESSAGE_TEXT) {
            buf_puts(w->out, first ? "" : ",");
            rc = put_part(w, &m->parts[k]);
            first = false;
        }
    }
    buf_putc(w->out, ']');
    return rc;
}

static int write_assistant(struct writing *w, const struct message *m)
{
    bool silent =
        !says_text(m) && (count_kind(m, MESSAGE_CALL) > 0 || count_kind(m, MESSAGE_REFUSAL) > 0);
    for (w->k = 0; w->k < m->part_count; w->k++) {
        enum message_part_kind kind = m->parts[w->k].kind;
        if (kind == MESSAGE_IMAGE || kind == MESSAGE_FILE || kind == MESSAGE_AUDIO ||
            kind == MESSAGE_RESULT) {
            return refuse(w, "the assistant's messages hold text and calls there");
        }
    }
    begin_message(w, "assistant");
    int rc = put_name(w, m->name);
    buf_puts(w->out, ",\"content\":");
    if (silent) {
        buf_puts(w->out, "null");
    } else if (rc == 0) {
        rc = put_said(w, m);
    }
    if (count_kind(m, MESSAGE_REFUSAL) > 0) {
        buf_puts(w->out, ",\"refusal\":");
        put_joined(w, m, MESSAGE_REFUSAL);
    }
    rc = rc < 0 ? rc : put_thoughts(w, m);
    put_calls(w, m);
    buf_putc(w->out, '}');
    return rc;
}

int wire_chat_write_messages(const struct message_request *request,
                             const struct wire_target *target, struct message_notes *notes,
                             struct buf *out, struct error *err)
{
    struct writing w = {.quirk = target->quirk, .notes = notes, .err = err, .out = out};
    const char *developer = target->quirk->no_developer ? "system" : "developer";
    int rc = 0;
    buf_puts(out, ",\"messages\":[");
    for (w.i = 0; rc == 0 && w.i < request->message_count; w.i++) {
        const struct message *m = &request->messages[w.i];
        switch (m->role) {
        case MESSAGE_SYSTEM:
            rc = write_plain(&w, m, "system", 0, m->part_count);
            break;
        case MESSAGE_DEVELOPER:
            rc = write_plain(&w, m, developer, 0, m->part_count);
            break;
        case MESSAGE_USER:
            rc = write_user(&w, m);
            break;
        case MESSAGE_ASSISTANT:
            rc = write_assistant(&w, m);
            break;
        }
    }
    buf_putc(out, ']');
    return rc;
}
