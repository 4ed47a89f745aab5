/*
 * YAML, broken and sound. Properties: a document that is accepted is a whole tree within its
 * limits, every text in it well-formed, every key found again under its name; a refusal names the
 * file and has a text.
 */
#include <stdint.h>

#include "core/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Visits the tree with a stack of its own: the depth is the input's choice. */
struct place {
    const struct yaml_node *node;
    size_t next;
};

static void check_node(const struct yaml_node *node)
{
    BUG_ON(node->line < 1 || node->column < 1);
    BUG_ON(!str_is_utf8(node->text));
    BUG_ON(node->kind == YAML_NULL && node->quoted);
    BUG_ON(node->kind != YAML_LIST && node->kind != YAML_MAP && node->n != 0);
    for (size_t i = 0; node->kind == YAML_MAP && i < node->n && i < 50; i++) {
        BUG_ON(node->keys[i]->kind != YAML_SCALAR);
        const char *key = node->keys[i]->text.p;
        BUG_ON(node->keys[i]->text.n == strlen(key) && yaml_get(node, key) != node->items[i]);
    }
}

static size_t check_tree(const struct yaml_node *root)
{
    struct place stack[YAML_DEPTH_MAX + 1] = {
        {root, 0}
    };
    size_t depth = 1;
    size_t nodes = 1;

    check_node(root);
    while (depth > 0) {
        struct place *top = &stack[depth - 1];

        if (top->next == top->node->n) {
            depth--;
            continue;
        }
        const struct yaml_node *child = top->node->items[top->next++];
        BUG_ON(!child || depth > YAML_DEPTH_MAX);
        check_node(child);
        nodes++;
        if (child->n > 0) {
            stack[depth++] = (struct place){child, 0};
        }
    }
    return nodes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yaml_doc *doc = NULL;
    struct error err = {0};
    struct str text = str_make(data, size);

    int result = yaml_parse(text, "fuzz.yaml", &doc, &err);
    if (result != 0) {
        BUG_ON(doc || err.code != (enum err)result);
        BUG_ON(!str_starts(str_of(err.text), STR("fuzz.yaml:")));
        BUG_ON(!str_is_utf8(str_of(err.text)));
        return 0;
    }
    BUG_ON(err.code != ERR_OK || !str_is_utf8(text));
    BUG_ON(check_tree(doc->root) > YAML_NODES_MAX);
    yaml_free(doc);
    return 0;
}
