#include "sim/scenario.h"

#include <stdlib.h>

#include "core/mem.h"

/* What stands in the file, before it is understood. */
struct draft {
    int64_t seed;
    struct config_strs models;
    struct config_strs keys;
    const struct yaml_node *dials;
    const struct yaml_node *timeline;
};

/* The largest whole number that a double, in which bounds are given, holds exactly. */
#define SEED_MAX 9007199254740992.0

static const struct config_key scenario_keys[] = {
    {.name = "seed",
     .type = CONFIG_I64,
     .offset = offsetof(struct draft,                   seed),
     .fallback = "-1",
     .min = -1,
     .max = SEED_MAX,
     .help = "what all that is random is drawn from"},
    {.name = "models",
     .type = CONFIG_STR_LIST,
     .offset = offsetof(struct draft, models),
     .help = "the models that exist"},
    {.name = "keys",
     .type = CONFIG_STR_LIST,
     .offset = offsetof(struct draft,                 keys),
     .help = "the API keys that are accepted"},
    {.name = "dials",
     .type = CONFIG_NODE,
     .offset = offsetof(struct draft,        dials),
     .help = "dials at the start"    },
    {.name = "timeline",
     .type = CONFIG_NODE,
     .offset = offsetof(struct draft,                    timeline),
     .help = "dials that change later"    },
};

struct step_draft {
    int64_t at_ms;
    const struct yaml_node *set;
};

static const struct config_key step_keys[] = {
    {.name = "at",
     .type = CONFIG_DURATION,
     .offset = offsetof(struct step_draft, at_ms),
     .required = true,
     .help = "when, from the start"      },
    {.name = "set",
     .type = CONFIG_NODE,
     .offset = offsetof(struct step_draft, set),
     .required = true,
     .help = "dials and their new values"},
};

static const char *from_environment(const char *name, void *ctx)
{
    (void)ctx;
    return getenv(name);
}

int scenario_read_dials(const struct config_reader *reader, const struct yaml_node *map,
                        struct dials *dials, struct error *err)
{
    if (!map || map->kind == YAML_NULL) {
        return 0;
    }
    if (map->kind != YAML_MAP) {
        return yaml_error(reader->doc, map, err,
                          "dials are a mapping, like {ttft: \"constant:200\"}");
    }
    for (size_t i = 0; i < map->n; i++) {
        struct error why = {0};
        struct str value = STR_EMPTY;
        int rc = config_scalar(reader, map->items[i], &value, err);
        if (rc != 0) {
            return rc;
        }
        rc = dial_set(dials, map->keys[i]->text, value, &why);
        if (rc != 0) {
            const struct yaml_node *where = rc == ERR_NOT_FOUND ? map->keys[i] : map->items[i];
            return yaml_error(reader->doc, where, err, "%s", why.text);
        }
    }
    return 0;
}

static int read_timeline(const struct config_reader *reader, const struct yaml_node *list,
                         struct scenario *s, struct error *err)
{
    if (!list || list->kind == YAML_NULL) {
        return 0;
    }
    if (list->kind != YAML_LIST) {
        return yaml_error(reader->doc, list, err,
                          "timeline is a list, like [{at: 30s, set: {error-503: 0.5}}]");
    }
    if (list->n > SCENARIO_STEPS_MAX) {
        return yaml_error(reader->doc, list, err, "a timeline has at most %d steps",
                          SCENARIO_STEPS_MAX);
    }
    s->steps = ARENA_ARRAY(&s->arena, struct scenario_step, list->n + 1);
    for (size_t i = 0; i < list->n; i++) {
        struct step_draft draft = {0};
        struct scenario_step *step = &s->steps[i];
        int rc = config_read(reader, list->items[i], "a step of the timeline", step_keys,
                             ARRAY_LEN(step_keys), &draft, err);
        if (rc != 0) {
            return rc;
        }
        step->at_ms = draft.at_ms;
        if (i > 0 && step->at_ms < s->steps[i - 1].at_ms) {
            return yaml_error(reader->doc, list->items[i], err,
                              "this step comes before the one above it; put them in order of time");
        }
        rc = scenario_read_dials(reader, draft.set, &step->set, err);
        if (rc != 0) {
            return rc;
        }
        s->step_count = i + 1;
    }
    return 0;
}

static int read_document(struct scenario *s, struct error *err)
{
    struct config_reader reader = {
        .doc = s->doc, .arena = &s->arena, .env = from_environment, .env_ctx = NULL};
    struct draft draft = {0};
    int rc = config_read(&reader, s->doc->root, "the scenario", scenario_keys,
                         ARRAY_LEN(scenario_keys), &draft, err);
    if (rc != 0) {
        return rc;
    }
    s->has_seed = draft.seed >= 0;
    s->seed = s->has_seed ? (uint64_t)draft.seed : 0;
    s->models = draft.models;
    s->keys = draft.keys;
    if (draft.models.n > SCENARIO_NAMES_MAX || draft.keys.n > SCENARIO_NAMES_MAX) {
        return yaml_error(s->doc, s->doc->root, err, "more than %d models or keys",
                          SCENARIO_NAMES_MAX);
    }
    rc = scenario_read_dials(&reader, draft.dials, &s->dials, err);
    return rc != 0 ? rc : read_timeline(&reader, draft.timeline, s, err);
}

static int from_document(struct yaml_doc *doc, struct scenario **ret_scenario, struct error *err)
{
    struct scenario *s = x_calloc(1, sizeof(*s));
    arena_init(&s->arena);
    s->doc = doc;
    int rc = read_document(s, err);
    if (rc != 0) {
        scenario_free(s);
        return rc;
    }
    *ret_scenario = s;
    return 0;
}

int scenario_load(const char *path, struct scenario **ret_scenario, struct error *err)
{
    struct yaml_doc *doc = NULL;
    int rc = yaml_load(path, &doc, err);
    return rc != 0 ? rc : from_document(doc, ret_scenario, err);
}

int scenario_parse(struct str text, const char *name, struct scenario **ret_scenario,
                   struct error *err)
{
    struct yaml_doc *doc = NULL;
    int rc = yaml_parse(text, name, &doc, err);
    return rc != 0 ? rc : from_document(doc, ret_scenario, err);
}

void scenario_free(struct scenario *s)
{
    if (!s) {
        return;
    }
    yaml_free(s->doc);
    arena_release(&s->arena);
    x_free(s);
}
