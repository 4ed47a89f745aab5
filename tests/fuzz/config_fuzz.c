/*
 * Configurations. Properties: what is accepted is within the bounds of its table; what is refused
 * names the file; no value of the environment is ever shown; an unknown key is never accepted.
 */
#include <stdint.h>

#include "core/config.h"

#define SECRET "hunter2secret"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct target {
    struct str text;
    bool flag;
    int64_t number;
    double share;
    int64_t wait_ms;
    int64_t bytes;
    int mode;
    struct config_strs list;
    const struct yaml_node *rest;
};

static const char *const modes[] = {"fallback", "weighted", "cheapest", NULL};

#define FIELD(name) offsetof(struct target, name)

static const struct config_key keys[] = {
    {"text",   CONFIG_STR,      FIELD(text),    "x",        0, 0,       NULL,  false, "a text"    },
    {"flag",   CONFIG_BOOL,     FIELD(flag),    "true",     0, 0,       NULL,  false, "a flag"    },
    {"number", CONFIG_I64,      FIELD(number),  "5",        1, 10,      NULL,  false, "a number"  },
    {"share",  CONFIG_DOUBLE,   FIELD(share),   "0.5",      0, 1,       NULL,  false, "a share"   },
    {"wait",   CONFIG_DURATION, FIELD(wait_ms), "10s",      1, 60000,   NULL,  false, "a duration"},
    {"bytes",  CONFIG_BYTES,    FIELD(bytes),   "1KiB",     1, 1048576, NULL,  false, "a size"    },
    {"mode",   CONFIG_ENUM,     FIELD(mode),    "weighted", 0, 0,       modes, false, "a mode"    },
    {"list",   CONFIG_STR_LIST, FIELD(list),    "[a, b]",   0, 0,       NULL,  false, "a list"    },
    {"rest",   CONFIG_NODE,     FIELD(rest),    NULL,       0, 0,       NULL,  false, "anything"  },
};

static const char *secret_env(const char *name, void *ctx)
{
    (void)ctx;
    return name[0] == 'S' ? SECRET : name[0] == 'E' ? "" : NULL;
}

static void check_target(const struct yaml_node *root, const struct target *target)
{
    BUG_ON(target->number < 1 || target->number > 10);
    BUG_ON(!(target->share >= 0 && target->share <= 1));
    BUG_ON(target->wait_ms < 1 || target->wait_ms > 60000);
    BUG_ON(target->bytes < 1 || target->bytes > 1048576);
    BUG_ON(target->mode < 0 || target->mode > 2);
    BUG_ON(!str_is_utf8(target->text));
    for (size_t i = 0; i < target->list.n; i++) {
        BUG_ON(!str_is_utf8(target->list.items[i]));
    }
    for (size_t i = 0; i < root->n && root->kind == YAML_MAP; i++) {
        bool known = false;
        for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
            known = known || str_is(root->keys[i]->text, keys[k].name);
        }
        BUG_ON(!known);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yaml_doc *doc = NULL;
    struct error err = {0};
    struct target target;
    struct arena arena;

    if (str_find(str_make(data, size), STR(SECRET)) >= 0 ||
        yaml_parse(str_make(data, size), "fuzz.yaml", &doc, NULL) != 0) {
        return 0;
    }
    arena_init(&arena);
    struct config_reader reader = {doc, &arena, secret_env, NULL};
    int result = config_read(&reader, doc->root, "the fuzzer's mapping", keys, ARRAY_LEN(keys),
                             &target, &err);
    if (result == 0) {
        check_target(doc->root, &target);
    } else {
        BUG_ON(err.code != (enum err)result);
        BUG_ON(!str_starts(str_of(err.text), STR("fuzz.yaml:")));
        BUG_ON(str_find(str_of(err.text), STR(SECRET)) >= 0);
        BUG_ON(!str_is_utf8(str_of(err.text)));
    }
    arena_release(&arena);
    yaml_free(doc);
    return 0;
}
