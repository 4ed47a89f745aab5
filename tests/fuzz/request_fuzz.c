/*
 * Request bodies: what is read is edited, and the edited body is read again. It must differ in the
 * edited members only. The first byte picks the route and the edit.
 */
#include "core/json.h"
#include "llm/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const enum route routes[] = {ROUTE_CHAT,      ROUTE_COMPLETIONS, ROUTE_EMBEDDINGS,
                                    ROUTE_RESPONSES, ROUTE_MESSAGES,    ROUTE_COUNT_TOKENS};

static bool next_kept(struct json_scan *scan, struct json_member *member)
{
    while (json_scan_next(scan, member)) {
        if (!json_key_is(member->key, "model") && !json_key_is(member->key, "stream_options")) {
            return true;
        }
    }
    return false;
}

/* Apart from the two members that are edited, both objects hold the same bytes in the same order.
 */
static void check_rest(struct str before, struct str after)
{
    struct json_scan a;
    struct json_scan b;
    struct json_member x;
    struct json_member y;
    json_scan_init(&a, before);
    json_scan_init(&b, after);
    while (next_kept(&a, &x)) {
        BUG_ON(!next_kept(&b, &y));
        BUG_ON(!str_eq(x.key, y.key) || !str_eq(x.value, y.value));
    }
    BUG_ON(next_kept(&b, &y));
}

static void check_same_facts(const struct request_facts *a, const struct request_facts *b)
{
    BUG_ON(a->stream != b->stream || a->n != b->n || a->max_output != b->max_output);
    BUG_ON(!str_eq(a->system, b->system) || !str_eq(a->tools, b->tools));
    BUG_ON(!str_eq(a->messages, b->messages) || !str_eq(a->user, b->user));
    BUG_ON(!str_eq(a->params_json, b->params_json) || !str_eq(a->service_tier, b->service_tier));
}

static void check_edit(enum route route, struct str body, const struct request_facts *facts,
                       const struct request_edit *edit, struct arena *arena)
{
    struct buf out;
    struct request_facts again;
    struct error err = {0};
    buf_init(&out, 2 * body.n + 4096);
    BUG_ON(request_edit_body(body, facts, edit, &out, &err) < 0);
    BUG_ON(request_facts_read(route, buf_str(&out), arena, &again, &err) < 0);
    BUG_ON(!str_eq(again.model, edit->model.n > 0 ? edit->model : facts->model));
    bool asks = route == ROUTE_CHAT || route == ROUTE_COMPLETIONS;
    BUG_ON(again.asks_usage !=
           (facts->asks_usage || (edit->inject_usage && facts->stream && asks)));
    check_same_facts(facts, &again);
    check_rest(body, buf_str(&out));
    bool nothing = str_eq(again.model, facts->model) && again.asks_usage == facts->asks_usage;
    BUG_ON(nothing && !str_eq(buf_str(&out), body));
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    static const struct str models[] = {
        {"",                    0 },
        {"m",                   1 },
        {"a \"b\\c\"/\xc3\xa9", 10}
    };
    enum route route = routes[data[0] % ARRAY_LEN(routes)];
    struct request_edit edit = {.model = models[(data[0] >> 3) % ARRAY_LEN(models)],
                                .inject_usage = data[0] >= 128};
    struct str body = str_make(data + 1, size - 1);
    struct arena arena;
    struct request_facts facts;
    struct error err = {0};
    arena_init(&arena);
    int status = request_facts_read(route, body, &arena, &facts, &err);
    BUG_ON(status > 0 || (status < 0 && err.text[0] == '\0'));
    if (status == 0) {
        yyjson_doc *params = json_parse(facts.params_json, NULL);
        BUG_ON(!params);
        yyjson_doc_free(params);
        check_edit(route, body, &facts, &edit, &arena);
    }
    arena_release(&arena);
    return 0;
}
