#include "engine/relay.h"

void relay_init(struct relay *r, const struct relay_options *o)
{
    *r = (struct relay){.dialect = o->dialect,
                        .route = o->route,
                        .stream = o->stream,
                        .readable = o->readable,
                        .strip_usage = o->strip_usage && o->stream && o->readable && !o->translate,
                        .translate = o->translate};
    answer_facts_init(&r->facts);
    buf_init(&r->out, RELAY_OUT_BYTES_MAX);
    buf_init(&r->whole, RELAY_WHOLE_BYTES_MAX);
    buf_init(&r->replacement, RELAY_EVENT_BYTES_MAX + 1024);
    sse_init(&r->sse, RELAY_EVENT_BYTES_MAX);
}

void relay_release(struct relay *r)
{
    answer_facts_release(&r->facts);
    buf_release(&r->out);
    buf_release(&r->whole);
    buf_release(&r->replacement);
    sse_release(&r->sse);
}

static int take_event(struct relay *r, const struct sse_event *e)
{
    enum provider_verdict verdict = PROVIDER_PASS;
    r->events++;
    if (e->has_data) {
        verdict = r->dialect->on_event(r->route, e->event, e->data, e->raw, r->strip_usage,
                                       &r->facts, &r->replacement);
    }
    if (r->translate) {
        return e->has_data ? translate_event(r->translate, e->event, e->data, &r->out) : 0;
    }
    if (!r->strip_usage || verdict == PROVIDER_DROP) {
        return 0; /* passed as it came, or not at all */
    }
    return buf_put_str(&r->out, verdict == PROVIDER_REPLACE ? buf_str(&r->replacement) : e->raw);
}

/* Gives up reading: what was held goes out, and all that follows. */
static int go_blind(struct relay *r)
{
    r->blind = true;
    r->event_open = true;
    return r->strip_usage ? buf_put_str(&r->out, sse_rest(&r->sse)) : 0;
}

static int push_stream(struct relay *r, struct str bytes)
{
    struct sse_event e;
    bool held = r->strip_usage || r->translate;
    if (!held || r->blind) {
        int rc = buf_put_str(&r->out, bytes);
        if (rc != 0 || r->blind) {
            return rc;
        }
    }
    bool too_large = sse_push(&r->sse, bytes) != 0; /* the bytes are in all the same */
    while (sse_next(&r->sse, &e)) {
        int rc = take_event(r, &e);
        if (rc != 0) {
            return rc;
        }
    }
    if (too_large) {
        return r->translate ? ERR_LIMIT : go_blind(r);
    }
    struct str rest = sse_rest(&r->sse);
    r->event_open = !held && rest.n > 0 && !str_is(rest, "\n");
    return 0;
}

int relay_push(struct relay *r, struct str bytes)
{
    if (!r->readable) {
        return buf_put_str(&r->out, bytes);
    }
    if (r->stream) {
        return push_stream(r, bytes);
    }
    if (r->translate) {
        return buf_put_str(&r->whole, bytes);
    }
    return buf_put_str(&r->out, bytes);
}

static bool reads_whole(const struct relay *r)
{
    return r->readable && !r->stream && !r->blind && !r->translate;
}

/* `out` joins what was taken before; false when the whole becomes too large. */
static bool keep(struct relay *r)
{
    if (r->whole.n == 0 && r->out.n <= RELAY_WHOLE_BYTES_MAX) {
        size_t max = r->out.max;
        buf_release(&r->whole);
        r->whole = r->out;
        r->whole.max = RELAY_WHOLE_BYTES_MAX;
        buf_init(&r->out, max);
        return true;
    }
    return buf_put_str(&r->whole, buf_str(&r->out)) == 0;
}

void relay_taken(struct relay *r)
{
    if (reads_whole(r) && r->out.n > 0 && !keep(r)) {
        r->blind = true;
        buf_release(&r->whole);
    }
    buf_clear(&r->out);
}

/* Reads a whole answer: most came at once and were not taken before. */
static void read_whole(struct relay *r)
{
    if (r->whole.n == 0) {
        provider_read_answer(r->dialect, r->route, buf_str(&r->out), &r->facts);
    } else if (buf_put_str(&r->whole, buf_str(&r->out)) == 0) {
        provider_read_answer(r->dialect, r->route, buf_str(&r->whole), &r->facts);
    } else {
        r->blind = true;
    }
}

static int finish_whole(struct relay *r, struct error *err)
{
    read_whole(r);
    if (!r->translate) {
        return 0;
    }
    struct arena arena;
    arena_init(&arena);
    int rc = translate_answer(r->translate, buf_str(&r->whole), &arena, &r->out, err);
    arena_release(&arena);
    return rc;
}

int relay_finish(struct relay *r, bool complete, struct error *err)
{
    if (!r->readable || r->blind || !complete) {
        return 0;
    }
    if (!r->stream) {
        return finish_whole(r, err);
    }
    if (r->strip_usage) {
        buf_put_str(&r->out, sse_rest(&r->sse));
    }
    return r->translate ? translate_end(r->translate, &r->out) : 0;
}

bool relay_is_cut(const struct relay *r)
{
    return r->stream && r->readable && !r->blind && !r->facts.terminal && !r->facts.failed &&
           r->facts.finish_reason[0] == '\0';
}
