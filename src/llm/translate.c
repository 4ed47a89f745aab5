#include "llm/translate.h"

#include <string.h>

int translate_request_read(const struct wire *client, struct str body, const char *target,
                           struct arena *arena, struct translate_request *ret_request,
                           struct error *err)
{
    struct translate_request *r = ret_request;
    *r = (struct translate_request){.client = client, .body = body};
    message_notes_init(&r->read, arena, false, target);
    message_request_init(&r->request);
    return client->read_request(body, &r->read, &r->request, err);
}

int translate_request_write(const struct translate_request *r, const struct wire *provider,
                            const struct wire_target *target, struct message_notes *notes,
                            struct buf *out, struct error *err)
{
    for (size_t i = 0; i < r->read.dropped_count; i++) {
        int rc = message_drop(notes, err, "%s", r->read.dropped[i]);
        if (rc != 0) {
            return rc;
        }
    }
    notes->more += r->read.more;
    int rc = provider->write_request(&r->request, target, notes, out, err);
    return buf_ok(out)
               ? rc
               : error_set(err, ERR_LIMIT, "the request is too large once it is translated");
}

void translate_init(struct translate *t, const struct translate_request *request,
                    const struct wire *provider, struct str id, int64_t created_s)
{
    *t = (struct translate){
        .client = request->client,
        .provider = provider,
        .asked = {
                  .request = &request->request, .body = request->body, .id = id, .created_s = created_s}
    };
}

void translate_release(struct translate *t)
{
    if (t->reader) {
        t->provider->reader_free(t->reader);
    }
    if (t->writer) {
        t->client->writer_free(t->writer);
    }
    *t = (struct translate){0};
}

static int write_delta(void *ctx, const struct message_delta *delta)
{
    struct translate *t = ctx;
    if (t->over) {
        return 0;
    }
    if (!t->writer) {
        t->writer = t->client->writer_new(&t->asked);
    }
    t->over = delta->kind == MESSAGE_DELTA_END || delta->kind == MESSAGE_DELTA_FAIL;
    int rc = t->client->write_delta(t->writer, delta, t->out);
    return rc == 0 && !buf_ok(t->out) ? ERR_LIMIT : rc;
}

static struct wire_sink sink_of(struct translate *t, struct buf *out)
{
    t->out = out;
    return (struct wire_sink){write_delta, t};
}

int translate_event(struct translate *t, struct str event, struct str data, struct buf *out)
{
    struct wire_sink sink = sink_of(t, out);
    if (!t->reader) {
        t->reader = t->provider->reader_new();
    }
    return t->over ? 0 : t->provider->read_event(t->reader, event, data, &sink);
}

int translate_end(struct translate *t, struct buf *out)
{
    struct wire_sink sink = sink_of(t, out);
    return t->over || !t->reader ? 0 : t->provider->read_end(t->reader, &sink);
}

/* One part of a whole answer as the deltas of a stream. */
static int tell_part(struct translate *t, size_t index, const struct message_part *part)
{
    struct message_delta d = {.kind = MESSAGE_DELTA_OPEN,
                              .index = index,
                              .part = part->kind,
                              .id = part->id,
                              .name = part->name,
                              .redacted = part->redacted};
    int rc = write_delta(t, &d);
    d.kind = MESSAGE_DELTA_TEXT;
    d.text = part->kind == MESSAGE_CALL ? part->json : part->text;
    if (rc == 0 && d.text.n > 0) {
        rc = write_delta(t, &d);
    }
    for (size_t i = 0; rc == 0 && i < part->citation_count; i++) {
        d.kind = MESSAGE_DELTA_CITATION;
        d.citation = part->citations[i];
        rc = write_delta(t, &d);
    }
    if (rc == 0 && part->signature.n > 0) {
        d.kind = MESSAGE_DELTA_SIGNATURE;
        d.text = part->signature;
        rc = write_delta(t, &d);
    }
    d.kind = MESSAGE_DELTA_CLOSE;
    return rc == 0 ? write_delta(t, &d) : rc;
}

static int tell_as_stream(struct translate *t, const struct message_answer *a)
{
    struct message_delta d = {.kind = MESSAGE_DELTA_START,
                              .id = a->id,
                              .model = a->model,
                              .service_tier = a->service_tier,
                              .created_s = a->created_s,
                              .usage = a->usage};
    int rc = write_delta(t, &d);
    for (size_t i = 0; rc == 0 && i < a->part_count; i++) {
        rc = tell_part(t, i, &a->parts[i]);
    }
    d.kind = MESSAGE_DELTA_FINISH;
    d.finish = a->finish;
    d.text = a->stop_sequence;
    rc = rc == 0 ? write_delta(t, &d) : rc;
    d.kind = MESSAGE_DELTA_USAGE;
    if (rc == 0 && usage_is_known(&a->usage)) {
        rc = write_delta(t, &d);
    }
    d.kind = MESSAGE_DELTA_END;
    return rc == 0 ? write_delta(t, &d) : rc;
}

int translate_answer(struct translate *t, struct str body, struct arena *arena, struct buf *out,
                     struct error *err)
{
    struct message_answer answer;
    message_answer_init(&answer);
    int rc = t->provider->read_answer(body, arena, &answer, err);
    if (rc != 0) {
        return rc;
    }
    if (t->asked.request->stream) {
        t->out = out;
        rc = tell_as_stream(t, &answer);
    } else {
        t->client->write_answer(&answer, &t->asked, out);
        t->over = true;
    }
    return rc == 0 && buf_ok(out) ? 0 : error_set(err, ERR_LIMIT, "the answer is too large");
}

int translate_fail(struct translate *t, const char *type, struct str message, struct buf *out)
{
    struct message_delta d = {
        .kind = MESSAGE_DELTA_FAIL, .name = str_of(type), .text = message, .created_s = -1};
    usage_init(&d.usage);
    t->out = out;
    return write_delta(t, &d);
}
