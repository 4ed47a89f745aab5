#include "gateway/models.h"

#include "core/clock.h"
#include "core/mem.h"

static void write_openai(const struct settings *s, const struct settings_model *m, struct buf *out)
{
    buf_puts(out, "{\"id\":");
    buf_put_json(out, m->alias);
    buf_putf(out, ",\"object\":\"model\",\"created\":%lld,\"owned_by\":\"weir\"}",
             (long long)s->loaded_ms / 1000);
}

static void write_anthropic(const struct settings *s, const struct settings_model *m,
                            struct buf *out)
{
    char created[CLOCK_TEXT_MAX];
    clock_format(s->loaded_ms - s->loaded_ms % 1000, created);
    buf_puts(out, "{\"type\":\"model\",\"id\":");
    buf_put_json(out, m->alias);
    buf_puts(out, ",\"display_name\":");
    buf_put_json(out, m->description.n > 0 ? m->description : m->alias);
    buf_putf(out, ",\"created_at\":\"%.19sZ\"}", created);
}

void models_write_one(enum dialect dialect, const struct settings *s,
                      const struct settings_model *m, struct buf *out)
{
    if (dialect == DIALECT_ANTHROPIC) {
        write_anthropic(s, m, out);
    } else {
        write_openai(s, m, out);
    }
}

static void write_edge(struct buf *out, const char *name, struct str id)
{
    buf_putf(out, ",\"%s\":", name);
    if (id.n > 0) {
        buf_put_json(out, id);
    } else {
        buf_puts(out, "null");
    }
}

void models_write_list(enum dialect dialect, const struct settings *s,
                       const struct settings_key *key, struct buf *out)
{
    struct str first = STR_EMPTY;
    struct str last = STR_EMPTY;

    buf_puts(out, dialect == DIALECT_ANTHROPIC ? "{\"data\":[" : "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < s->model_count; i++) {
        if (!settings_key_allows_model(key, s->models[i].alias)) {
            continue;
        }
        buf_puts(out, last.n > 0 ? "," : "");
        models_write_one(dialect, s, &s->models[i], out);
        last = s->models[i].alias;
        first = first.n > 0 ? first : last;
    }
    buf_puts(out, "]");
    if (dialect == DIALECT_ANTHROPIC) {
        buf_puts(out, ",\"has_more\":false");
        write_edge(out, "first_id", first);
        write_edge(out, "last_id", last);
    }
    buf_puts(out, "}");
}

struct str models_nearest(const struct settings *s, const struct settings_key *key, struct str word)
{
    if (s->model_count == 0) {
        return STR_EMPTY;
    }
    struct str *names = x_malloc(s->model_count * sizeof(*names));
    size_t n = 0;
    for (size_t i = 0; i < s->model_count; i++) {
        if (settings_key_allows_model(key, s->models[i].alias)) {
            names[n++] = s->models[i].alias;
        }
    }
    struct str nearest = str_nearest(word, names, n);
    x_free(names);
    return nearest;
}
