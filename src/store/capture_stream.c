#include "store/capture_stream.h"

#include "core/hash.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/redact.h"

#define CONTAINERS_MAX 1024 /* of one event; strings in further ones are whole ones */

/* Under which names pieces come. In `json`, the text put together is JSON itself. */
static const struct {
    const char *name;
    bool json;
} piece_names[] = {
    {"content",           false},
    {"text",              false},
    {"thinking",          false},
    {"reasoning_content", false},
    {"reasoning",         false},
    {"refusal",           false},
    {"delta",             false},
    {"transcript",        false},
    {"arguments",         true },
    {"input",             true },
    {"partial_json",      true },
};

static const char *const index_names[] = {"index", "output_index", "content_index",
                                          "summary_index"};

struct piece {
    size_t start, n; /* the literal with its quotes, in the body */
    size_t name;     /* row of piece_names */
    size_t of;       /* the container it stands in; once its event is read, the text it is of */
};

struct text {
    uint64_t place;
    bool json;
    size_t pieces;
    struct buf joined;
    struct buf masked; /* empty = nothing to mask */
    bool written;
};

struct stream {
    struct str body;
    struct piece *pieces;
    size_t n, cap;
    struct text *texts;
    size_t text_count;
    bool too_much;
};

/* An object or array of the event that is being read. */
struct container {
    size_t parent; /* 0 for the event itself, which is number 0 */
    bool object;
    uint64_t place; /* the name it stands under, and the index numbers it holds */
    bool numbered;  /* it holds some */
    size_t count;   /* elements that an array has had so far */
    size_t position;
};

struct event {
    struct str json; /* its bytes, within the body */
    size_t at;
    struct container containers[CONTAINERS_MAX];
    size_t n;
    size_t inside;     /* number of the container being read */
    size_t beyond;     /* levels of containers beyond the maximum */
    struct str key;    /* of the value that comes next, without quotes; empty in arrays */
    bool key_expected; /* the next string is a key */
    size_t first_piece;
};

static uint64_t mix(uint64_t a, uint64_t b)
{
    return (a ^ (b + UINT64_C(0x9e3779b97f4a7c15) + (a << 6) + (a >> 2))) *
           UINT64_C(0xff51afd7ed558ccd);
}

bool capture_stream_is(struct str body)
{
    struct str text = str_trim(body);

    return str_starts(text, STR("data:")) || str_starts(text, STR("event:")) ||
           str_starts(text, STR(":"));
}

/* ---- texts ---- */

/* What a literal means; one that cannot be read stands for its bytes. */
static void decode(struct str literal, struct buf *out)
{
    yyjson_doc *doc = json_parse(literal, NULL);
    yyjson_val *root = yyjson_doc_get_root(doc);

    (void)buf_put_str(out, yyjson_is_str(root) ? json_str(root) : str_from(literal, 1));
    yyjson_doc_free(doc);
}

static struct text *text_at(struct stream *stream, uint64_t place, bool json)
{
    struct text *text;

    for (size_t i = stream->text_count; i > 0; i--) { /* mostly the last one */
        if (stream->texts[i - 1].place == place) {
            return &stream->texts[i - 1];
        }
    }
    if (stream->text_count == CAPTURE_STREAM_TEXTS_MAX) {
        stream->too_much = true;
        return NULL;
    }
    text = &stream->texts[stream->text_count];
    stream->text_count++;
    *text = (struct text){.place = place, .json = json};
    buf_init(&text->joined, stream->body.n + 1);
    buf_init(&text->masked, 64 * stream->body.n + 1024);
    return text;
}

static void add_piece(struct stream *stream, const struct piece *piece)
{
    if (stream->n == CAPTURE_STREAM_PIECES_MAX) {
        stream->too_much = true;
        return;
    }
    if (stream->n == stream->cap) {
        stream->cap = stream->cap ? stream->cap * 2 : 64;
        stream->pieces =
            (struct piece *)x_realloc(stream->pieces, stream->cap * sizeof(*stream->pieces));
    }
    stream->pieces[stream->n] = *piece;
    stream->n++;
}

/* ---- one event ---- */

static bool is_one_of(struct str key, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_is(key, names[i])) {
            return true;
        }
    }
    return false;
}

static void enter(struct event *event, bool object)
{
    if (event->beyond > 0 || event->n == CONTAINERS_MAX) {
        event->beyond++;
    } else {
        event->containers[event->n] = (struct container){
            .parent = event->inside,
            .object = object,
            .place = hash_fnv1a(event->key),
            .position = event->n ? event->containers[event->inside].count : 0,
        };
        event->inside = event->n;
        event->n++;
    }
    event->key = STR_EMPTY;
    event->key_expected = object;
}

static void leave(struct event *event)
{
    if (event->beyond > 0) {
        event->beyond--;
    } else if (event->n > 0) {
        event->inside = event->containers[event->inside].parent;
    }
}

/* Behind the closing quote, or the end when there is none. */
static size_t string_end(struct str text, size_t at)
{
    for (at++; at < text.n && text.p[at] != '"'; at++) {
        at += text.p[at] == '\\';
    }
    return at < text.n ? at + 1 : text.n;
}

static void read_string(struct stream *stream, struct event *event, struct str literal)
{
    if (event->key_expected) {
        event->key = literal.n >= 2 ? str_make(literal.p + 1, literal.n - 2) : STR_EMPTY;
        return;
    }
    if (event->beyond > 0 || event->n == 0) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(piece_names); i++) {
        if (str_is(event->key, piece_names[i].name)) {
            struct piece piece = {(size_t)(literal.p - stream->body.p), literal.n, i,
                                  event->inside};
            add_piece(stream, &piece);
            return;
        }
    }
    if (str_is(event->key, "type") && event->inside == 0) {
        event->containers[0].place += mix(hash_fnv1a(event->key), hash_fnv1a(literal));
    }
}

static size_t read_number(struct event *event, size_t at)
{
    size_t end = at + 1;

    while (end < event->json.n && !strchr(",]} \t", event->json.p[end])) {
        end++;
    }
    if (event->beyond == 0 && event->n > 0 &&
        is_one_of(event->key, index_names, ARRAY_LEN(index_names))) {
        struct container *inside = &event->containers[event->inside];
        struct str number = str_make(event->json.p + at, end - at);
        /* Members may come in any order: a sum does not mind. */
        inside->place += mix(hash_fnv1a(event->key), hash_fnv1a(number));
        inside->numbered = true;
    }
    return end;
}

/* An element of an array that says no number of its own goes by its position. */
static uint64_t place_of(const struct event *event, const struct piece *piece)
{
    uint64_t place = hash_fnv1a(str_of(piece_names[piece->name].name));
    size_t number = piece->of;

    for (size_t level = 0; level <= CONTAINERS_MAX; level++) {
        const struct container *container = &event->containers[number];

        place = mix(place, container->place);
        place = mix(place, container->numbered ? 0 : container->position);
        if (number == 0) {
            break;
        }
        number = container->parent;
    }
    return place;
}

/* The event is read: now it is known which texts its pieces belong to. */
static void place_pieces(struct stream *stream, const struct event *event)
{
    for (size_t i = event->first_piece; i < stream->n && !stream->too_much; i++) {
        struct piece *piece = &stream->pieces[i];
        struct text *text = text_at(stream, place_of(event, piece), piece_names[piece->name].json);

        if (text) {
            piece->of = (size_t)(text - stream->texts);
            text->pieces++;
            decode(str_make(stream->body.p + piece->start, piece->n), &text->joined);
        }
    }
}

/* Behind a comma. */
static void next_value(struct event *event)
{
    event->key = STR_EMPTY;
    event->key_expected = false;
    if (event->beyond == 0 && event->n > 0) {
        event->key_expected = event->containers[event->inside].object;
        event->containers[event->inside].count++;
    }
}

static void read_event(struct stream *stream, struct event *event, struct str json)
{
    event->json = json;
    event->n = event->inside = event->beyond = 0;
    event->key = STR_EMPTY;
    event->key_expected = false;
    event->first_piece = stream->n;
    for (size_t at = 0; at < json.n && !stream->too_much;) {
        char c = json.p[at];

        if (c == '"') {
            size_t end = string_end(json, at);
            read_string(stream, event, str_make(json.p + at, end - at));
            at = end;
            continue;
        }
        if (c == '{' || c == '[') {
            enter(event, c == '{');
        } else if (c == '}' || c == ']') {
            leave(event);
        } else if (c == ':') {
            event->key_expected = false;
        } else if (c == ',') {
            next_value(event);
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            at = read_number(event, at);
            continue;
        }
        at++;
    }
    place_pieces(stream, event);
}

/* ---- all of them ---- */

/* Cuts a line off; its end, LF or CR, goes. */
static struct str take_line(struct str *rest)
{
    size_t n = 0;

    while (n < rest->n && rest->p[n] != '\n' && rest->p[n] != '\r') {
        n++;
    }
    struct str line = str_head(*rest, n);
    *rest = str_from(*rest, n + 1);
    return line;
}

static void read_events(struct stream *stream)
{
    struct event *event = (struct event *)x_calloc(1, sizeof(*event));
    struct str rest = stream->body;

    while (rest.n > 0 && !stream->too_much) {
        struct str line = take_line(&rest);

        if (str_starts(line, STR("data:"))) {
            struct str json = str_trim(str_from(line, 5));
            if (json.n > 0 && json.p[0] == '{') {
                read_event(stream, event, json);
            }
        }
    }
    x_free(event);
}

/* Looks at the texts as a whole; those that hold nothing to mask stay as they are. */
static void mask_texts(struct stream *stream)
{
    for (size_t i = 0; i < stream->text_count; i++) {
        struct text *text = &stream->texts[i];
        struct redact_counts counts = {.total = 0};

        if (text->pieces < 2) {
            continue; /* whole: redact_json sees it */
        }
        if (text->json) {
            redact_json(buf_str(&text->joined), &text->masked, &counts);
        } else {
            redact_text(buf_str(&text->joined), &text->masked, &counts);
        }
        stream->too_much = stream->too_much || !buf_ok(&text->masked);
        if (counts.total == 0) {
            buf_release(&text->masked);
        }
    }
}

static void write_masked(struct stream *stream, struct buf *out)
{
    size_t at = 0;

    for (size_t i = 0; i < stream->n; i++) {
        const struct piece *piece = &stream->pieces[i];
        struct text *text = &stream->texts[piece->of];

        if (text->masked.n == 0) {
            continue;
        }
        (void)buf_put(out, stream->body.p + at, piece->start - at);
        (void)buf_put_json(out, text->written ? STR_EMPTY : buf_str(&text->masked));
        text->written = true;
        at = piece->start + piece->n;
    }
    (void)buf_put_str(out, str_from(stream->body, at));
}

bool capture_stream_mask(struct str body, struct buf *out)
{
    struct stream stream = {.body = body};

    stream.texts = (struct text *)x_calloc(CAPTURE_STREAM_TEXTS_MAX, sizeof(*stream.texts));
    read_events(&stream);
    if (!stream.too_much) {
        mask_texts(&stream);
    }
    if (!stream.too_much) {
        write_masked(&stream, out);
    }
    for (size_t i = 0; i < stream.text_count; i++) {
        buf_release(&stream.texts[i].joined);
        buf_release(&stream.texts[i].masked);
    }
    x_free(stream.texts);
    x_free(stream.pieces);
    return !stream.too_much && buf_ok(out);
}
