#include "unit/llm/generate.h"

#include "core/attr.h"

void generate_init(struct generate *g, struct arena *arena, uint64_t seed, unsigned mask)
{
    *g = (struct generate){.arena = arena, .mask = mask};
    rand_seed(&g->rand, seed);
}

static size_t below(struct generate *g, size_t n)
{
    return (size_t)rand_below(&g->rand, n);
}

/* True now and then, and never when the mask says no. */
static bool may(struct generate *g, unsigned what)
{
    return (g->mask & what) == what && below(g, 2) == 0;
}

static struct str pick(struct generate *g, const char *const *names, size_t n)
{
    return str_of(names[below(g, n)]);
}

#define PICK(g, names) pick((g), (names), ARRAY_LEN(names))

struct str generate_text(struct generate *g)
{
    static const char *const pieces[] = {
        "a", "Hello ",           "z\xc3\xbcrich ", "\"", "\\",     "\n",   "\t",  "\xe6\xbc\xa2",
        "/", "\xf0\x9f\x8e\x89", "\x01",           "{}", "data: ", "\r\n", "</s>"};
    struct str text = STR_EMPTY;
    size_t n = 1 + below(g, 12);
    for (size_t i = 0; i < n; i++) {
        struct str piece = PICK(g, pieces);
        text = arena_printf(g->arena, "%.*s%.*s", STR_ARG(text), STR_ARG(piece));
    }
    return text;
}

static struct str word(struct generate *g, const char *prefix)
{
    return arena_printf(g->arena, "%s_%zu", prefix, below(g, 1000000));
}

static struct str arguments(struct generate *g)
{
    static const char *const texts[] = {
        "{}",
        "{\"a\":1}",
        "{ \"city\" : \"Z\\u00fcrich\" }",
        "{\"x\":[1,2.50,{\"y\":null}]}",
        "{\"q\":\"a \\\"b\\\"\\n\",\"n\":1e3}",
        "{\"long\":\"0123456789012345678901234567890\"}",
    };
    return PICK(g, texts);
}

static struct str schema(struct generate *g)
{
    static const char *const texts[] = {
        "{\"type\":\"object\",\"properties\":{}}",
        "{\"type\":\"object\",\"properties\":{\"b\":{\"type\":\"string\"},\"a\":{\"type\":"
        "\"integer\"}},\"required\":[\"b\",\"a\"],\"additionalProperties\":false}",
    };
    return PICK(g, texts);
}

/* --- messages ---------------------------------------------------------------------------- */

#define PARTS_MAX 8

static struct message *add_message(struct message_request *r, enum message_role role)
{
    struct message *m = &r->messages[r->message_count++];
    m->role = role;
    return m;
}

static struct message_part *add_part(struct generate *g, struct message *m,
                                     enum message_part_kind kind)
{
    if (!m->parts) {
        m->parts = ARENA_ARRAY(g->arena, struct message_part, PARTS_MAX + 8);
    }
    struct message_part *part = &m->parts[m->part_count++];
    part->kind = kind;
    return part;
}

static void add_text(struct generate *g, struct message *m)
{
    struct message_part *part = add_part(g, m, MESSAGE_TEXT);
    part->text = generate_text(g);
    if (m->role == MESSAGE_USER && may(g, GENERATE_CACHE)) {
        part->cache = below(g, 2) ? MESSAGE_CACHE_5M : MESSAGE_CACHE_1H;
    }
}

static void fill_image(struct generate *g, struct message_part *part)
{
    static const char *const details[] = {"low", "high", "auto"};
    part->kind = MESSAGE_IMAGE;
    if (below(g, 2)) {
        part->media_type = below(g, 2) ? STR("image/png") : STR("image/jpeg");
        part->data = STR("iVBORw0KGgo=");
    } else {
        part->url = STR("https://example.com/a.png?b=1&c=\"d\"");
    }
    if (may(g, GENERATE_IMAGE_DETAIL)) {
        part->detail = PICK(g, details);
    }
}

static void add_media(struct generate *g, struct message *m)
{
    if (may(g, GENERATE_IMAGES)) {
        fill_image(g, add_part(g, m, MESSAGE_IMAGE));
    }
    if (may(g, GENERATE_FILES)) {
        struct message_part *part = add_part(g, m, MESSAGE_FILE);
        part->media_type = STR("application/pdf");
        part->data = STR("JVBERi0xLjQ=");
        part->name = STR("a b.pdf");
    }
    if (may(g, GENERATE_AUDIO)) {
        struct message_part *part = add_part(g, m, MESSAGE_AUDIO);
        part->media_type = below(g, 2) ? STR("audio/wav") : STR("audio/mpeg");
        part->data = STR("UklGRg==");
    }
}

static void add_results(struct generate *g, struct message *m, const struct message *calls)
{
    for (size_t i = 0; i < calls->part_count; i++) {
        if (calls->parts[i].kind != MESSAGE_CALL) {
            continue;
        }
        struct message_part *result = add_part(g, m, MESSAGE_RESULT);
        result->id = calls->parts[i].id;
        result->name = calls->parts[i].name;
        result->failed = may(g, GENERATE_RESULT_FAILED);
        result->parts = ARENA_ARRAY(g->arena, struct message_part, 2);
        result->parts[result->part_count++].text = generate_text(g);
        if (may(g, GENERATE_RESULT_IMAGES)) {
            fill_image(g, &result->parts[result->part_count++]);
        }
    }
}

static void add_thoughts(struct generate *g, struct message *m)
{
    if (may(g, GENERATE_THINKING)) {
        struct message_part *part = add_part(g, m, MESSAGE_THINKING);
        part->text = generate_text(g);
        part->signature = word(g, "c2VhbA");
    }
    if (may(g, GENERATE_REDACTED)) {
        struct message_part *part = add_part(g, m, MESSAGE_THINKING);
        part->signature = word(g, "cmVk");
        part->redacted = true;
    }
}

static bool add_assistant(struct generate *g, struct message_request *r)
{
    struct message *m = add_message(r, MESSAGE_ASSISTANT);
    size_t calls = r->tool_count > 0 ? below(g, 4) : 0;
    add_thoughts(g, m);
    if (calls == 0 && may(g, GENERATE_REFUSAL)) {
        add_part(g, m, MESSAGE_REFUSAL)->text = generate_text(g);
    } else if (calls == 0 || below(g, 2)) {
        add_text(g, m);
    }
    for (size_t i = 0; i < calls; i++) {
        struct message_part *part = add_part(g, m, MESSAGE_CALL);
        part->id = word(g, "call");
        part->name = r->tools[below(g, r->tool_count)].name;
        part->json = arguments(g);
    }
    return calls > 0;
}

static void add_user(struct generate *g, struct message_request *r, bool after_calls)
{
    const struct message *last = after_calls ? &r->messages[r->message_count - 1] : NULL;
    struct message *m = add_message(r, MESSAGE_USER);
    if (last) {
        add_results(g, m, last);
        if (below(g, 2)) {
            return;
        }
        m = add_message(r, MESSAGE_USER);
    }
    m->name = may(g, GENERATE_NAMES) ? word(g, "name") : STR_EMPTY;
    add_text(g, m);
    add_media(g, m);
    if (below(g, 3) == 0) {
        add_text(g, m);
    }
}

static void add_system(struct generate *g, struct message_request *r)
{
    bool developer = may(g, GENERATE_DEVELOPER);
    add_text(g, add_message(r, developer ? MESSAGE_DEVELOPER : MESSAGE_SYSTEM));
}

static void add_messages(struct generate *g, struct message_request *r)
{
    size_t turns = below(g, 4);
    r->messages = ARENA_ARRAY(g->arena, struct message, 4 * turns + 8);
    if (below(g, 2)) {
        add_system(g, r);
    }
    add_user(g, r, false);
    for (size_t i = 0; i < turns; i++) {
        bool calls = add_assistant(g, r);
        add_user(g, r, calls);
        if (may(g, GENERATE_LATE_SYSTEM)) {
            add_system(g, r);
        }
    }
}

/* --- the rest of a request --------------------------------------------------------------- */

static void add_tools(struct generate *g, struct message_request *r)
{
    r->tool_count = below(g, 4);
    r->tools = ARENA_ARRAY(g->arena, struct message_tool, r->tool_count + 1);
    for (size_t i = 0; i < r->tool_count; i++) {
        struct message_tool *t = &r->tools[i];
        t->name = arena_printf(g->arena, "tool_%zu", i);
        t->description = below(g, 2) ? generate_text(g) : STR_EMPTY;
        t->schema = schema(g);
        t->strict = may(g, GENERATE_TOOL_STRICT) ? (int)below(g, 2) : -1;
        t->cache = may(g, GENERATE_CACHE) ? MESSAGE_CACHE_5M : MESSAGE_CACHE_NONE;
    }
    if (r->tool_count > 0) {
        r->choice = (enum message_choice)below(g, MESSAGE_CHOICE_TOOL + 1);
        if (r->choice == MESSAGE_CHOICE_TOOL) {
            r->choice_name = r->tools[below(g, r->tool_count)].name;
        }
        r->parallel_calls = r->choice != MESSAGE_CHOICE_UNSET ? (int)below(g, 3) - 1 : -1;
        if (r->choice == MESSAGE_CHOICE_NONE) {
            r->parallel_calls = -1;
        }
    }
}

static void add_format(struct generate *g, struct message_request *r)
{
    if (may(g, GENERATE_FORMAT_JSON)) {
        r->format = MESSAGE_FORMAT_JSON;
    } else if (may(g, GENERATE_FORMAT_SCHEMA)) {
        r->format = MESSAGE_FORMAT_SCHEMA;
        r->schema = schema(g);
        if (g->mask & GENERATE_SCHEMA_NAMES) {
            r->schema_name = word(g, "schema");
            r->schema_strict = (int)below(g, 3) - 1;
            r->schema_description = below(g, 2) ? generate_text(g) : STR_EMPTY;
        }
    }
}

static void add_sampling(struct generate *g, struct message_request *r)
{
    static const double numbers[] = {0, 1, 0.1, 0.7, 0.333333333333333314829616256247, 1e-3};
    if (below(g, 2)) {
        r->temperature = numbers[below(g, ARRAY_LEN(numbers))];
    } else if (below(g, 2)) {
        r->top_p = numbers[below(g, ARRAY_LEN(numbers))];
    }
    if (may(g, GENERATE_PENALTIES)) {
        r->presence_penalty = 0 - numbers[below(g, ARRAY_LEN(numbers))]; /* never -0 */
        r->frequency_penalty = numbers[below(g, ARRAY_LEN(numbers))];
    }
    if (may(g, GENERATE_TOP_K)) {
        r->top_k = (int64_t)below(g, 500) + 1;
    }
    if (may(g, GENERATE_SEED)) {
        r->has_seed = true;
        r->seed = (int64_t)below(g, 1u << 31) - (1 << 30);
    }
    if (may(g, GENERATE_LOGIT_BIAS)) {
        r->logit_bias = STR("{\"50256\":-100,\"7\":5}");
    }
    for (size_t i = may(g, GENERATE_STOP) ? 1 + below(g, 4) : 0; i > 0; i--) {
        r->stop[r->stop_count++] = generate_text(g);
    }
}

static void add_thinking(struct generate *g, struct message_request *r)
{
    static const char *const levels[] = {"low", "medium", "high"};
    if (may(g, GENERATE_EFFORT)) {
        r->effort = (enum message_effort)below(g, MESSAGE_EFFORT_MAX + 1);
    } else if (may(g, GENERATE_BUDGET)) {
        r->thinking_budget = 1024 + (int64_t)below(g, 8000);
        r->thinking_shown = true;
    }
    if (may(g, GENERATE_VERBOSITY)) {
        r->verbosity = PICK(g, levels);
    }
}

void generate_request(struct generate *g, struct message_request *ret_request)
{
    struct message_request *r = ret_request;
    message_request_init(r);
    r->model = word(g, "model");
    r->stream = below(g, 2);
    r->asks_usage = r->stream && may(g, GENERATE_ASKS_USAGE);
    r->max_output = 16000 + (int64_t)below(g, 1000);
    add_tools(g, r);
    add_messages(g, r);
    add_format(g, r);
    add_sampling(g, r);
    add_thinking(g, r);
    r->user = may(g, GENERATE_USER) ? word(g, "user") : STR_EMPTY;
    r->service_tier = may(g, GENERATE_TIER) ? STR("auto") : STR_EMPTY;
    r->cache_key = may(g, GENERATE_CACHE_KEY) ? word(g, "key") : STR_EMPTY;
}

/* --- answers ----------------------------------------------------------------------------- */

static void add_citation(struct generate *g, struct message_part *part)
{
    part->citations = ARENA_ARRAY(g->arena, struct message_citation, 1);
    part->citation_count = 1;
    part->citations[0] = (struct message_citation){
        .url = STR("https://example.com/page"), .title = generate_text(g), .start = 0, .end = 1};
}

void generate_answer(struct generate *g, struct message_answer *ret_answer)
{
    struct message_answer *a = ret_answer;
    struct message m = {.role = MESSAGE_ASSISTANT};
    message_answer_init(a);
    a->id = word(g, "answer");
    a->model = word(g, "model");
    a->created_s = 1764000000 + (int64_t)below(g, 1000);
    add_thoughts(g, &m);
    size_t calls = below(g, 4);
    if (calls == 0 && may(g, GENERATE_REFUSAL)) {
        add_part(g, &m, MESSAGE_REFUSAL)->text = generate_text(g);
    } else if (calls == 0 || below(g, 2)) {
        add_text(g, &m);
        if (may(g, GENERATE_CITATIONS)) {
            add_citation(g, &m.parts[m.part_count - 1]);
        }
    }
    for (size_t i = 0; i < calls; i++) {
        struct message_part *part = add_part(g, &m, MESSAGE_CALL);
        part->id = arena_printf(g->arena, "call_%zu_%zu", i, below(g, 10000));
        part->name = word(g, "tool");
        part->json = arguments(g);
    }
    a->parts = m.parts;
    a->part_count = m.part_count;
    a->finish = calls > 0     ? MESSAGE_FINISH_CALLS
                : below(g, 2) ? MESSAGE_FINISH_STOP
                              : MESSAGE_FINISH_LENGTH;
    a->usage.input = 100 + (int64_t)below(g, 1000);
    a->usage.cached = (int64_t)below(g, 100);
    a->usage.output = 10 + (int64_t)below(g, 1000);
    a->usage.reasoning = -1;
}

/* --- streams ----------------------------------------------------------------------------- */

/* The next piece of text, cut at a character. */
static struct str cut(struct generate *g, struct str *rest)
{
    size_t want = 1 + below(g, 6);
    size_t n = 0;
    while (n < want && n < rest->n) {
        size_t len = str_utf8_char(str_from(*rest, n));
        n += len > 0 ? len : 1;
    }
    struct str piece = str_head(*rest, n);
    *rest = str_from(*rest, n);
    return piece;
}

static struct str content_of(const struct message_part *part)
{
    return part->kind == MESSAGE_CALL ? part->json : part->text;
}

static int send(const struct wire_sink *sink, const struct message_part *part, size_t index,
                enum message_delta_kind kind, struct str text)
{
    struct message_delta d = {.kind = kind, .index = index, .part = part->kind, .text = text};
    if (kind == MESSAGE_DELTA_OPEN) {
        d.id = part->id;
        d.name = part->name;
        d.redacted = part->redacted;
    }
    return sink->take(sink->ctx, &d);
}

static int send_whole(struct generate *g, const struct message_part *part, size_t index,
                      const struct wire_sink *sink)
{
    int rc = send(sink, part, index, MESSAGE_DELTA_OPEN, STR_EMPTY);
    struct str rest = content_of(part);
    while (rc == 0 && rest.n > 0) {
        rc = send(sink, part, index, MESSAGE_DELTA_TEXT, cut(g, &rest));
    }
    for (size_t i = 0; rc == 0 && i < part->citation_count; i++) {
        struct message_delta d = {.kind = MESSAGE_DELTA_CITATION,
                                  .index = index,
                                  .part = part->kind,
                                  .citation = part->citations[i]};
        rc = sink->take(sink->ctx, &d);
    }
    if (rc == 0 && part->signature.n > 0) {
        rc = send(sink, part, index, MESSAGE_DELTA_SIGNATURE, part->signature);
    }
    return rc < 0 ? rc : send(sink, part, index, MESSAGE_DELTA_CLOSE, STR_EMPTY);
}

/* Calls side by side: all opened, pieces in random order, all closed. */
static int send_calls(struct generate *g, const struct message_answer *a, size_t first,
                      const struct wire_sink *sink)
{
    struct str rest[PARTS_MAX];
    size_t left = 0;
    int rc = 0;
    for (size_t i = first; rc == 0 && i < a->part_count; i++) {
        rest[i - first] = a->parts[i].json;
        left += a->parts[i].json.n;
        rc = send(sink, &a->parts[i], i, MESSAGE_DELTA_OPEN, STR_EMPTY);
    }
    while (rc == 0 && left > 0) {
        size_t i = below(g, a->part_count - first);
        struct str piece = cut(g, &rest[i]);
        left -= piece.n;
        if (piece.n > 0) {
            rc = send(sink, &a->parts[first + i], first + i, MESSAGE_DELTA_TEXT, piece);
        }
    }
    for (size_t i = first; rc == 0 && i < a->part_count; i++) {
        rc = send(sink, &a->parts[i], i, MESSAGE_DELTA_CLOSE, STR_EMPTY);
    }
    return rc;
}

int generate_stream(struct generate *g, const struct message_answer *answer,
                    const struct wire_sink *sink)
{
    struct message_delta start = {.kind = MESSAGE_DELTA_START,
                                  .id = answer->id,
                                  .model = answer->model,
                                  .service_tier = answer->service_tier,
                                  .created_s = answer->created_s};
    struct message_delta finish = {
        .kind = MESSAGE_DELTA_FINISH, .finish = answer->finish, .text = answer->stop_sequence};
    struct message_delta usage = {.kind = MESSAGE_DELTA_USAGE, .usage = answer->usage};
    struct message_delta end = {.kind = MESSAGE_DELTA_END};
    usage_init(&start.usage);
    int rc = sink->take(sink->ctx, &start);
    for (size_t i = 0; rc == 0 && i < answer->part_count; i++) {
        if (answer->parts[i].kind == MESSAGE_CALL && may(g, GENERATE_INTERLEAVED)) {
            rc = send_calls(g, answer, i, sink);
            break;
        }
        rc = send_whole(g, &answer->parts[i], i, sink);
    }
    const struct message_delta *const tail[] = {&finish, &usage, &end};
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(tail); i++) {
        rc = sink->take(sink->ctx, tail[i]);
    }
    return rc;
}
