#include "core/hash.h"
#include "core/mem.h"
#include "llm/wire_gemini.h"

/* Pages of a search that citations may point to. */
#define CHUNKS_MAX 256

/* --- a response -------------------------------------------------------------------------- */

/* One GenerateContentResponse: a whole answer, or a part of a streamed one. */
struct response {
    struct json_tree tree;
    struct str id, model;
    yyjson_val *usage, *error;
    yyjson_val *candidate, *parts; /* NULL where there is none */
    enum message_finish finish;
    struct str failed; /* the reason, when the model failed */
};

/* Why there is no answer: the prompt was not taken. */
static bool is_blocked(yyjson_val *root)
{
    return json_get_str(yyjson_obj_get(root, "promptFeedback"), "blockReason").n > 0;
}

static int read_response(struct str text, struct arena *arena, struct response *ret_response,
                         struct error *err)
{
    struct response r = {0};
    bool failed = false;
    int rc = json_tree_parse(text, arena, &r.tree, err);
    if (rc != 0) {
        return rc;
    }
    yyjson_val *root = r.tree.root;
    struct str reason = STR_EMPTY;
    r.id = json_get_str(root, "responseId");
    r.model = json_get_str(root, "modelVersion");
    r.usage = yyjson_obj_get(root, "usageMetadata");
    r.error = yyjson_obj_get(root, "error");
    r.candidate = yyjson_arr_get_first(yyjson_obj_get(root, "candidates"));
    r.parts = yyjson_obj_get(yyjson_obj_get(r.candidate, "content"), "parts");
    reason = json_get_str(r.candidate, "finishReason");
    r.finish = wire_gemini_finish(reason, &failed);
    r.failed = failed ? reason : STR_EMPTY;
    if (is_blocked(root)) {
        r.finish = MESSAGE_FINISH_FILTER;
    }
    *ret_response = r;
    return 0;
}

static struct str failure_text(const struct response *r)
{
    struct str message = json_get_str(r->candidate, "finishMessage");
    return message.n > 0 ? message : STR("the model broke off its answer");
}

/* --- parts ------------------------------------------------------------------------------- */

struct piece {
    enum message_part_kind kind; /* TEXT, THINKING, CALL */
    struct str text, id, name, args;
    struct str signature;
};

static yyjson_val *find_key(yyjson_val *object, const char *name)
{
    yyjson_obj_iter members = yyjson_obj_iter_with(object);
    yyjson_val *key = NULL;
    while ((key = yyjson_obj_iter_next(&members))) {
        if (yyjson_equals_str(key, name)) {
            return key;
        }
    }
    return NULL;
}

/* False for what only Google's own tools leave. */
static bool read_piece(const struct response *r, yyjson_val *part, struct piece *ret_piece)
{
    yyjson_val *call = yyjson_obj_get(part, "functionCall");
    yyjson_val *text = yyjson_obj_get(part, "text");
    struct piece p = {.signature = json_get_str(part, "thoughtSignature")};
    if (yyjson_is_obj(call)) {
        yyjson_val *key = find_key(call, "args");
        bool object = key && yyjson_is_obj(yyjson_obj_iter_get_val(key));
        p.kind = MESSAGE_CALL;
        p.id = json_get_str(call, "id");
        p.name = json_get_str(call, "name");
        p.args = object ? json_tree_raw(&r->tree, key) : STR("{}");
    } else if (yyjson_is_str(text)) {
        p.kind = json_get_bool(part, "thought", false) ? MESSAGE_THINKING : MESSAGE_TEXT;
        p.text = json_str(text);
    } else {
        return false;
    }
    *ret_piece = p;
    return true;
}

/* Older models give no ids. One is made of the answer's and the call's place in it, so that it is
 * the same however often the answer is read. */
static struct str id_of(struct arena *arena, const struct piece *p, struct str answer_id, int call)
{
    if (p->id.n > 0) {
        return p->id;
    }
    uint64_t hash = hash_fnv1a(answer_id.n > 0 ? answer_id : p->args);
    return arena_printf(arena, "call_%016llx_%d", (unsigned long long)hash, call);
}

/* --- citations --------------------------------------------------------------------------- */

/* The pages that an answer rests on: a search's, or what was quoted from memory. Their places are
 * bytes of one part, of which a client may see another cut, and are not told. */
struct citations {
    yyjson_arr_iter supports, sources;
    yyjson_val *chunks, *support;
    yyjson_arr_iter indexes;
};

static void citations_begin(const struct response *r, struct citations *ret_citations)
{
    yyjson_val *grounding = yyjson_obj_get(r->candidate, "groundingMetadata");
    yyjson_val *memory = yyjson_obj_get(r->candidate, "citationMetadata");
    yyjson_val *sources = yyjson_obj_get(memory, "citationSources");
    sources = sources ? sources : yyjson_obj_get(memory, "citations");
    *ret_citations = (struct citations){
        .chunks = yyjson_obj_get(grounding, "groundingChunks"),
        .supports = yyjson_arr_iter_with(yyjson_obj_get(grounding, "groundingSupports")),
        .sources = yyjson_arr_iter_with(sources),
    };
}

static bool next_support(struct citations *c, struct message_citation *ret_citation)
{
    for (;;) {
        yyjson_val *index = yyjson_arr_iter_next(&c->indexes);
        if (index) {
            uint64_t place = yyjson_get_uint(index);
            yyjson_val *chunk =
                place < CHUNKS_MAX ? yyjson_arr_get(c->chunks, (size_t)place) : NULL;
            yyjson_val *web = yyjson_obj_get(chunk, "web");
            ret_citation->url = json_get_str(web, "uri");
            ret_citation->title = json_get_str(web, "title");
            ret_citation->cited = json_get_str(yyjson_obj_get(c->support, "segment"), "text");
            if (ret_citation->url.n > 0) {
                return true;
            }
            continue;
        }
        c->support = yyjson_arr_iter_next(&c->supports);
        if (!c->support) {
            return false;
        }
        c->indexes = yyjson_arr_iter_with(yyjson_obj_get(c->support, "groundingChunkIndices"));
    }
}

static bool citations_next(struct citations *c, struct message_citation *ret_citation)
{
    yyjson_val *source = NULL;
    *ret_citation = (struct message_citation){.start = -1, .end = -1};
    if (next_support(c, ret_citation)) {
        return true;
    }
    while ((source = yyjson_arr_iter_next(&c->sources))) {
        ret_citation->url = json_get_str(source, "uri");
        ret_citation->title = json_get_str(source, "title");
        if (ret_citation->url.n > 0) {
            return true;
        }
    }
    return false;
}

/* --- whole answers ----------------------------------------------------------------------- */

static void add_part(struct message_answer *a, const struct response *r, const struct piece *p,
                     struct arena *arena, int *calls)
{
    struct message_part *part = &a->parts[a->part_count++];
    *part = (struct message_part){.kind = p->kind, .text = p->text};
    if (p->kind == MESSAGE_THINKING) {
        part->signature = wire_gemini_seal(arena, -1, p->signature);
    }
    if (p->kind != MESSAGE_CALL) {
        return;
    }
    if (p->signature.n > 0) {
        *part = (struct message_part){.kind = MESSAGE_THINKING, .redacted = true};
        part->signature = wire_gemini_seal(arena, *calls, p->signature);
        part = &a->parts[a->part_count++];
    }
    *part = (struct message_part){.kind = MESSAGE_CALL, .name = p->name, .json = p->args};
    part->id = id_of(arena, p, r->id, *calls);
    ++*calls;
}

/* To the last text. */
static void add_citations(struct message_answer *a, const struct response *r, struct arena *arena)
{
    struct message_citation citation;
    struct citations all;
    struct message_part *text = NULL;
    size_t n = 0;
    for (size_t i = 0; i < a->part_count; i++) {
        text = a->parts[i].kind == MESSAGE_TEXT ? &a->parts[i] : text;
    }
    citations_begin(r, &all);
    while (n < MESSAGE_COUNT_MAX && citations_next(&all, &citation)) {
        n++;
    }
    if (!text || n == 0) {
        return;
    }
    text->citations = ARENA_ARRAY(arena, struct message_citation, n);
    citations_begin(r, &all);
    while (text->citation_count < n && citations_next(&all, &citation)) {
        text->citations[text->citation_count++] = citation;
    }
}

int wire_gemini_read_answer(struct str body, struct arena *arena, struct message_answer *ret_answer,
                            struct error *err)
{
    struct response r;
    struct message_answer a;
    struct piece piece;
    int calls = 0;
    int rc = read_response(body, arena, &r, err);
    if (rc != 0) {
        return rc;
    }
    if (r.failed.n > 0) {
        struct str why = failure_text(&r);
        return error_set(err, ERR_INVALID, "%.*s: %.*s", STR_ARG(str_head(r.failed, 64)),
                         STR_ARG(str_head(why, 256)));
    }
    if ((!r.candidate && r.finish == MESSAGE_FINISH_NONE) ||
        yyjson_arr_size(r.parts) > MESSAGE_COUNT_MAX) {
        return error_set(err, ERR_INVALID, "the answer holds no candidate");
    }
    message_answer_init(&a);
    a.id = r.id;
    a.model = r.model;
    a.parts = ARENA_ARRAY(arena, struct message_part, 2 * yyjson_arr_size(r.parts) + 1);
    yyjson_arr_iter parts = yyjson_arr_iter_with(r.parts);
    yyjson_val *part = NULL;
    while ((part = yyjson_arr_iter_next(&parts))) {
        if (read_piece(&r, part, &piece) && (piece.text.n > 0 || piece.kind == MESSAGE_CALL)) {
            add_part(&a, &r, &piece, arena, &calls);
        }
    }
    add_citations(&a, &r, arena);
    usage_read_gemini(&a.usage, r.usage);
    a.finish = r.finish == MESSAGE_FINISH_STOP && calls > 0 ? MESSAGE_FINISH_CALLS : r.finish;
    *ret_answer = a;
    return 0;
}

/* --- streams ----------------------------------------------------------------------------- */

struct wire_reader {
    bool started, done, over;
    bool open; /* a part of text or thinking */
    enum message_part_kind kind;
    size_t next_index; /* of the next part; the open one is before it */
    int calls;
    struct usage usage;
    struct arena arena; /* of one event */
};

struct wire_reader *wire_gemini_reader_new(void)
{
    struct wire_reader *r = x_calloc(1, sizeof(*r));
    usage_init(&r->usage);
    arena_init(&r->arena);
    return r;
}

void wire_gemini_reader_free(struct wire_reader *reader)
{
    if (reader) {
        arena_release(&reader->arena);
        x_free(reader);
    }
}

static int tell(const struct wire_sink *sink, const struct message_delta *d)
{
    return sink->take(sink->ctx, d);
}

/* A delta about the part that was opened last. */
static int tell_part(struct wire_reader *r, enum message_delta_kind kind,
                     enum message_part_kind part, struct str text, const struct wire_sink *sink)
{
    const struct message_delta d = {
        .kind = kind, .index = r->next_index - 1, .part = part, .text = text, .created_s = -1};
    return tell(sink, &d);
}

static int close_open(struct wire_reader *r, const struct wire_sink *sink)
{
    int rc = 0;
    if (!r->open) {
        return 0;
    }
    r->open = false;
    if (r->kind == MESSAGE_THINKING) {
        rc = tell_part(r, MESSAGE_DELTA_SIGNATURE, r->kind, STR(MESSAGE_SEAL_GEMINI "-:"), sink);
    }
    return rc == 0 ? tell_part(r, MESSAGE_DELTA_CLOSE, r->kind, STR_EMPTY, sink) : rc;
}

static int open_part(struct wire_reader *r, const struct message_delta *part,
                     const struct wire_sink *sink)
{
    struct message_delta d = *part;
    if (r->next_index == MESSAGE_COUNT_MAX) {
        return ERR_LIMIT;
    }
    d.kind = MESSAGE_DELTA_OPEN;
    d.index = r->next_index++;
    d.created_s = -1;
    return tell(sink, &d);
}

static int tell_text(struct wire_reader *r, const struct piece *p, const struct wire_sink *sink)
{
    int rc = 0;
    if (p->text.n == 0) {
        return 0;
    }
    if (!r->open || r->kind != p->kind) {
        rc = close_open(r, sink);
        rc = rc == 0 ? open_part(r, &(struct message_delta){.part = p->kind}, sink) : rc;
        r->open = rc == 0;
        r->kind = p->kind;
    }
    return rc == 0 ? tell_part(r, MESSAGE_DELTA_TEXT, p->kind, p->text, sink) : rc;
}

/* The seal of a call, in front of it. */
static int tell_seal(struct wire_reader *r, struct str signature, const struct wire_sink *sink)
{
    const struct message_delta sealed = {.part = MESSAGE_THINKING, .redacted = true};
    struct str seal = wire_gemini_seal(&r->arena, r->calls, signature);
    int rc = open_part(r, &sealed, sink);
    rc = rc == 0 ? tell_part(r, MESSAGE_DELTA_SIGNATURE, MESSAGE_THINKING, seal, sink) : rc;
    return rc == 0 ? tell_part(r, MESSAGE_DELTA_CLOSE, MESSAGE_THINKING, STR_EMPTY, sink) : rc;
}

static int tell_call(struct wire_reader *r, const struct response *response, const struct piece *p,
                     const struct wire_sink *sink)
{
    const struct message_delta call = {
        .part = MESSAGE_CALL, .id = id_of(&r->arena, p, response->id, r->calls), .name = p->name};
    int rc = close_open(r, sink);
    if (rc == 0 && p->signature.n > 0) {
        rc = tell_seal(r, p->signature, sink);
    }
    r->calls++;
    rc = rc == 0 ? open_part(r, &call, sink) : rc;
    rc = rc == 0 ? tell_part(r, MESSAGE_DELTA_TEXT, MESSAGE_CALL, p->args, sink) : rc;
    return rc == 0 ? tell_part(r, MESSAGE_DELTA_CLOSE, MESSAGE_CALL, STR_EMPTY, sink) : rc;
}

static int tell_parts(struct wire_reader *r, const struct response *response,
                      const struct wire_sink *sink)
{
    yyjson_arr_iter parts = yyjson_arr_iter_with(response->parts);
    yyjson_val *part = NULL;
    struct piece piece;
    int rc = 0;
    while (rc == 0 && (part = yyjson_arr_iter_next(&parts))) {
        if (read_piece(response, part, &piece)) {
            rc = piece.kind == MESSAGE_CALL ? tell_call(r, response, &piece, sink)
                                            : tell_text(r, &piece, sink);
        }
    }
    return rc;
}

static int tell_citations(struct wire_reader *r, const struct response *response,
                          const struct wire_sink *sink)
{
    struct message_delta d = {.kind = MESSAGE_DELTA_CITATION, .part = MESSAGE_TEXT};
    struct citations all;
    int rc = 0;
    citations_begin(response, &all);
    d.index = r->next_index - 1;
    while (rc == 0 && r->open && r->kind == MESSAGE_TEXT && citations_next(&all, &d.citation)) {
        rc = tell(sink, &d);
    }
    return rc;
}

static int tell_failure(struct wire_reader *r, struct str type, struct str message,
                        const struct wire_sink *sink)
{
    const struct message_delta d = {
        .kind = MESSAGE_DELTA_FAIL, .name = type, .text = message, .created_s = -1};
    r->over = true;
    return tell(sink, &d);
}

static int tell_start(struct wire_reader *r, const struct response *response,
                      const struct wire_sink *sink)
{
    const struct message_delta d = {.kind = MESSAGE_DELTA_START,
                                    .id = response->id,
                                    .model = response->model,
                                    .created_s = -1,
                                    .usage = r->usage};
    r->started = true;
    return tell(sink, &d);
}

static int tell_finish(struct wire_reader *r, enum message_finish finish,
                       const struct wire_sink *sink)
{
    bool calls = finish == MESSAGE_FINISH_STOP && r->calls > 0;
    const struct message_delta d = {.kind = MESSAGE_DELTA_FINISH,
                                    .finish = calls ? MESSAGE_FINISH_CALLS : finish,
                                    .created_s = -1};
    if (finish == MESSAGE_FINISH_NONE) {
        return 0;
    }
    r->done = true;
    return tell(sink, &d);
}

static int tell_response(struct wire_reader *r, const struct response *response,
                         const struct wire_sink *sink)
{
    int rc = 0;
    if (yyjson_is_obj(response->error)) {
        return tell_failure(r, json_get_str(response->error, "status"),
                            json_get_str(response->error, "message"), sink);
    }
    usage_read_gemini(&r->usage, response->usage);
    if (!r->started) {
        rc = tell_start(r, response, sink);
    }
    rc = rc == 0 ? tell_parts(r, response, sink) : rc;
    rc = rc == 0 ? tell_citations(r, response, sink) : rc;
    if (rc == 0 && response->failed.n > 0) {
        return tell_failure(r, response->failed, failure_text(response), sink);
    }
    return rc == 0 ? tell_finish(r, response->finish, sink) : rc;
}

int wire_gemini_read_event(struct wire_reader *reader, struct str event, struct str data,
                           const struct wire_sink *sink)
{
    struct response response;
    int rc = 0;
    (void)event;
    if (reader->over) {
        return 0;
    }
    if (read_response(data, &reader->arena, &response, NULL) == 0 &&
        yyjson_is_obj(response.tree.root)) {
        rc = tell_response(reader, &response, sink);
    }
    arena_release(&reader->arena);
    return rc;
}

/* Totals come with every event; they are told once, at the end. */
int wire_gemini_read_end(struct wire_reader *reader, const struct wire_sink *sink)
{
    int rc = reader->over ? 0 : close_open(reader, sink);
    if (rc != 0 || reader->over || !reader->done) {
        return rc;
    }
    struct message_delta d = {.kind = MESSAGE_DELTA_USAGE, .created_s = -1};
    d.usage = reader->usage;
    reader->over = true;
    if (usage_is_known(&d.usage)) {
        rc = tell(sink, &d);
    }
    d.kind = MESSAGE_DELTA_END;
    return rc == 0 ? tell(sink, &d) : rc;
}
