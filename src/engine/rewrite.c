#include "engine/rewrite.h"

#include <stdio.h>

#include "llm/catalogue.h"

#define EDIT_ROOM_BYTES 4096

bool rewrite_is_native(const struct settings_provider *provider, const struct route_info *route)
{
    if (provider->dialect->dialect != route->dialect) {
        return false;
    }
    bool missing =
        provider->responses == SETTINGS_RESPONSES_TRANSLATE ||
        (provider->responses == SETTINGS_RESPONSES_AUTO && provider->quirk->no_responses);
    return route->route != ROUTE_RESPONSES || !missing;
}

bool rewrite_can_translate(const struct settings_provider *provider, const struct route_info *route)
{
    const struct wire *wire = provider->dialect->wire;
    return wire_of_route(route->route) != NULL && wire && wire->write_request;
}

void rewrite_init(struct rewrite *r, const struct rewrite_source *source, struct buf *out)
{
    *r = (struct rewrite){.source = *source, .out = out};
    arena_init(&r->arena);
    out->max = source->body.n * REWRITE_GROWTH + REWRITE_ROOM_BYTES;
    if (out->cap > out->max) { /* left by a call with a larger body */
        buf_release(out);
    }
}

void rewrite_release(struct rewrite *r)
{
    arena_release(&r->arena);
}

static int splice(struct rewrite *r, const struct settings_target *target, struct error *err)
{
    const struct rewrite_source *s = &r->source;
    const struct settings_provider *p = target->provider;
    struct request_edit edit = {.model = target->model};

    bool may_ask = s->route->route == ROUTE_CHAT || s->route->route == ROUTE_COMPLETIONS;
    edit.inject_usage = may_ask && s->facts->stream && !s->facts->asks_usage &&
                        p->usage == SETTINGS_USAGE_INJECT && !p->quirk->no_stream_options;
    edit.max_output = s->max_output;
    edit.max_completion_tokens = p->quirk->max_name == QUIRK_MAX_COMPLETION;
    if (!edit.inject_usage && edit.max_output == 0 && str_eq(target->model, s->facts->model)) {
        return 0;
    }
    int rc = buf_reserve(r->out, s->body.n + EDIT_ROOM_BYTES);
    rc = rc == 0 ? request_edit_body(s->body, s->facts, &edit, r->out, err) : rc;
    if (rc == 0) {
        r->strip_usage = edit.inject_usage;
        r->body = buf_str(r->out);
    }
    return rc;
}

static int64_t max_output_for(const struct rewrite *r, const struct settings_target *target)
{
    const struct rewrite_source *s = &r->source;
    if (s->model && s->model->default_max_output > 0) {
        return s->model->default_max_output;
    }
    const struct catalogue_row *row = NULL;
    if (s->settings->catalogue) {
        row = catalogue_find(s->settings->catalogue, target->provider->vendor, target->model,
                             s->now_ms);
    }
    bool small = row && row->max_output > 0 && row->max_output < REWRITE_MAX_OUTPUT_DEFAULT;
    return small ? row->max_output : REWRITE_MAX_OUTPUT_DEFAULT;
}

static int translated(struct rewrite *r, const struct settings_target *target, struct error *err)
{
    const struct rewrite_source *s = &r->source;
    const struct settings_provider *p = target->provider;
    const struct wire *wire = p->dialect->wire;

    struct str who =
        arena_printf(&r->arena, "provider \"%.*s\" (%s)", STR_ARG(p->name), wire->name);
    if (!r->asked) {
        struct translate_request *asked = ARENA_NEW(&r->arena, struct translate_request);
        int rc = translate_request_read(wire_of_route(s->route->route), s->body, who.p, &r->arena,
                                        asked, err);
        if (rc != 0) {
            r->notes = &asked->read;
            return rc;
        }
        if (asked->request.max_output < 0 && s->max_output > 0) {
            asked->request.max_output = s->max_output;
        }
        r->asked = asked;
        r->notes = ARENA_NEW(&r->arena, struct message_notes);
    }
    bool strict = s->model && s->model->translation == SETTINGS_STRICT;
    message_notes_init(r->notes, &r->arena, strict, who.p);
    struct wire_target to = {.model = target->model,
                             .default_max_output = max_output_for(r, target),
                             .quirk = p->quirk,
                             .wants_usage = p->usage == SETTINGS_USAGE_INJECT};
    int rc = translate_request_write(r->asked, wire, &to, r->notes, r->out, err);
    if (rc != 0) {
        return rc;
    }
    r->wire = wire;
    r->body = buf_str(r->out);
    const struct route_info *there = route_by_id(wire->route);
    r->place.route = wire->route;
    r->place.path = there ? str_of(there->path) : STR_EMPTY;
    r->place.query = STR_EMPTY;
    return 0;
}

int rewrite_for(struct rewrite *r, const struct settings_target *target, struct error *err)
{
    const struct rewrite_source *s = &r->source;
    r->body = s->body;
    r->strip_usage = false;
    r->wire = NULL;
    r->place = (struct provider_place){.route = s->route->route,
                                       .base = target->provider->base_url.path,
                                       .path = s->path,
                                       .query = s->query,
                                       .model = target->model,
                                       .api_version = target->provider->api_version,
                                       .stream = s->facts && s->facts->stream};
    buf_clear(r->out);
    if (!s->facts) {
        return 0;
    }
    return rewrite_is_native(target->provider, s->route) ? splice(r, target, err)
                                                         : translated(r, target, err);
}
