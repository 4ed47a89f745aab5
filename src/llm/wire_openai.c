#include "llm/wire_openai.h"

#include "core/attr.h"

static const struct {
    const char *name;
    enum message_effort effort;
} efforts[] = {
    {"none",    MESSAGE_EFFORT_NONE   },
    {"minimal", MESSAGE_EFFORT_MINIMAL},
    {"low",     MESSAGE_EFFORT_LOW    },
    {"medium",  MESSAGE_EFFORT_MEDIUM },
    {"high",    MESSAGE_EFFORT_HIGH   },
    {"xhigh",   MESSAGE_EFFORT_MAX    },
    {"max",     MESSAGE_EFFORT_MAX    },
};

const char *wire_openai_effort(enum message_effort effort)
{
    for (size_t i = 0; i < ARRAY_LEN(efforts); i++) {
        if (efforts[i].effort == effort) {
            return efforts[i].name;
        }
    }
    return "medium";
}

int wire_openai_get_effort(const struct wire_at *at, yyjson_val *object, const char *key,
                           enum message_effort *ret_effort)
{
    struct str name = STR_EMPTY;
    int rc = wire_get_str(at, object, key, &name);
    if (rc < 0 || name.n == 0) {
        return rc;
    }
    for (size_t i = 0; i < ARRAY_LEN(efforts); i++) {
        if (str_is(name, efforts[i].name)) {
            *ret_effort = efforts[i].effort;
            return 0;
        }
    }
    return wire_invalid(at, key, "none, minimal, low, medium, high, xhigh or max");
}

/* --- media ------------------------------------------------------------------------------- */

void wire_openai_take_url(struct str url, struct message_part *part)
{
    ptrdiff_t comma = str_starts_nocase(url, STR("data:")) ? str_find_char(url, ',') : -1;
    struct str head = comma < 0 ? STR_EMPTY : str_make(url.p + 5, (size_t)comma - 5);
    if (comma < 0 || !str_ends(head, STR(";base64"))) {
        part->url = url;
        return;
    }
    head = str_head(head, head.n - 7);
    ptrdiff_t parameter = str_find_char(head, ';');
    part->media_type = parameter < 0 ? head : str_head(head, (size_t)parameter);
    part->data = str_from(url, (size_t)comma + 1);
}

void wire_openai_put_url(struct buf *out, const struct message_part *part)
{
    if (part->data.n == 0) {
        buf_put_json(out, part->url);
        return;
    }
    buf_puts(out, "\"data:");
    buf_put_escaped(out, part->media_type);
    buf_puts(out, ";base64,");
    buf_put_escaped(out, part->data);
    buf_putc(out, '"');
}

/* Where the format is not the media type's second half. */
static const struct {
    const char *format;
    const char *media_type;
} audio_types[] = {
    {"mp3",   "audio/mpeg" },
    {"mp3",   "audio/mp3"  },
    {"wav",   "audio/wav"  },
    {"wav",   "audio/x-wav"},
    {"wav",   "audio/wave" },
    {"pcm16", "audio/pcm"  },
    {"m4a",   "audio/mp4"  },
};

struct str wire_openai_audio_type(struct str format, struct arena *arena)
{
    for (size_t i = 0; i < ARRAY_LEN(audio_types); i++) {
        if (str_is(format, audio_types[i].format)) {
            return str_of(audio_types[i].media_type);
        }
    }
    return arena_printf(arena, "audio/%.*s", STR_ARG(format));
}

struct str wire_openai_audio_format(struct str media_type)
{
    for (size_t i = 0; i < ARRAY_LEN(audio_types); i++) {
        if (str_is(media_type, audio_types[i].media_type)) {
            return str_of(audio_types[i].format);
        }
    }
    return str_starts(media_type, STR("audio/")) ? str_from(media_type, 6) : STR("wav");
}

/* --- cache markers ----------------------------------------------------------------------- */

int wire_openai_get_cache(const struct wire_at *at, yyjson_val *object,
                          enum message_cache *ret_cache)
{
    yyjson_val *marker = NULL;
    yyjson_val *breakpoint = NULL;
    struct str ttl = STR_EMPTY;
    int rc = wire_get_obj(at, object, "cache_control", &marker);
    rc = rc < 0 ? rc : wire_get_obj(at, object, "prompt_cache_breakpoint", &breakpoint);
    marker = marker ? marker : breakpoint;
    if (rc < 0 || !marker) {
        return rc;
    }
    rc = wire_get_str(at, marker, "ttl", &ttl);
    /* The classes on the other side are 5 minutes and an hour; 30 minutes and 12 hours are nearer
     * to the latter. */
    *ret_cache = ttl.n == 0 || str_is(ttl, "5m") ? MESSAGE_CACHE_5M : MESSAGE_CACHE_1H;
    return rc;
}

void wire_openai_put_cache(struct buf *out, enum message_cache cache)
{
    if (cache != MESSAGE_CACHE_NONE) {
        buf_puts(out, ",\"cache_control\":{\"type\":\"ephemeral\"");
        buf_puts(out, cache == MESSAGE_CACHE_1H ? ",\"ttl\":\"1h\"}" : "}");
    }
}

/* --- annotations ------------------------------------------------------------------------- */

bool wire_openai_citation(yyjson_val *annotation, struct message_citation *ret_citation)
{
    /* Chat nests the citation, Responses does not. */
    yyjson_val *nested = yyjson_obj_get(annotation, "url_citation");
    yyjson_val *from = nested ? nested : annotation;
    if (!str_is(json_get_str(annotation, "type"), "url_citation")) {
        return false;
    }
    *ret_citation = (struct message_citation){.url = json_get_str(from, "url"),
                                              .title = json_get_str(from, "title"),
                                              .cited = json_get_str(from, "content"),
                                              .start = json_get_i64(from, "start_index", -1),
                                              .end = json_get_i64(from, "end_index", -1)};
    return ret_citation->url.n > 0;
}

void wire_openai_take_citations(yyjson_val *annotations, struct arena *arena,
                                struct message_part *part)
{
    struct message_citation citation;
    size_t count = 0;
    size_t i = 0;
    size_t n = 0;
    yyjson_val *annotation = NULL;
    yyjson_arr_foreach(annotations, i, n, annotation)
    {
        count += wire_openai_citation(annotation, &citation);
    }
    if (count == 0) {
        return;
    }
    part->citations = ARENA_ARRAY(arena, struct message_citation, count);
    yyjson_arr_foreach(annotations, i, n, annotation)
    {
        if (wire_openai_citation(annotation, &citation)) {
            part->citations[part->citation_count++] = citation;
        }
    }
}

size_t wire_openai_chars(struct str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.n; i++) {
        count += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    }
    return count;
}

void wire_openai_put_citation(struct buf *out, const struct message_citation *citation, size_t base,
                              size_t to)
{
    bool placed = citation->start >= 0 && citation->end >= citation->start;
    buf_puts(out, "\"start_index\":");
    buf_put_u64(out, base + (placed ? (uint64_t)citation->start : 0));
    buf_puts(out, ",\"end_index\":");
    buf_put_u64(out, placed ? base + (uint64_t)citation->end : to);
    buf_puts(out, ",\"title\":");
    buf_put_json(out, citation->title);
    buf_puts(out, ",\"url\":");
    buf_put_json(out, citation->url);
}

void wire_openai_put_id(struct buf *out, const char *prefix, struct str given, struct str own)
{
    if (given.n > 0) {
        buf_put_json(out, given);
        return;
    }
    buf_putc(out, '"');
    buf_puts(out, prefix);
    buf_put_escaped(out, own);
    buf_putc(out, '"');
}
