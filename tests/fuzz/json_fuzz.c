/*
 * Broken and sound JSON. Properties: whatever parses can be scanned to the same members; each
 * scanned value parses alone; spans lie inside the text; what scans to its end is an object that
 * parses; writing and parsing again changes nothing.
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_member(struct str text, const struct json_member *member, bool parsed)
{
    struct json_member found;
    size_t count = 0;

    BUG_ON(member->start >= member->end || member->end > text.n);
    BUG_ON(text.p[member->start] != '"');
    BUG_ON(member->key.p != text.p + member->start + 1);
    BUG_ON(member->value.p + member->value.n != text.p + member->end);
    BUG_ON(member->value.n == 0);
    json_key_is(member->key, "model");
    if (parsed) {
        yyjson_doc *value = json_parse(member->value, NULL);
        BUG_ON(!value);
        yyjson_doc_free(value);
        BUG_ON(json_find(text, "a", &found, &count) != (count > 0));
    }
}

static void check_round_trip(yyjson_doc *doc, size_t size)
{
    struct buf first;
    struct buf second;

    buf_init(&first, size * 32 + 64);
    buf_init(&second, size * 32 + 64);
    json_write(&first, yyjson_doc_get_root(doc));
    BUG_ON(!buf_ok(&first));
    yyjson_doc *again = json_parse(buf_str(&first), NULL);
    BUG_ON(!again);
    json_write(&second, yyjson_doc_get_root(again));
    BUG_ON(!str_eq(buf_str(&first), buf_str(&second)));
    yyjson_doc_free(again);
    buf_release(&first);
    buf_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_make(data, size);
    struct error err = {0};
    struct json_scan scan;
    struct json_member member;
    size_t members = 0;
    size_t end = 0;

    yyjson_doc *doc = json_parse(text, &err);
    BUG_ON(!doc && (err.code == ERR_OK || !str_is_utf8(str_of(err.text))));
    json_scan_init(&scan, text);
    while (json_scan_next(&scan, &member)) {
        BUG_ON(member.start < end);
        end = member.end;
        members++;
        check_member(text, &member, doc != NULL);
    }
    BUG_ON(json_scan_ok(&scan) && !doc);
    if (doc) {
        yyjson_val *root = yyjson_doc_get_root(doc);
        BUG_ON(json_scan_ok(&scan) != yyjson_is_obj(root));
        BUG_ON(yyjson_is_obj(root) && yyjson_obj_size(root) != members);
        json_get_i64(root, "n", 0);
        json_get_str(root, "s");
        check_round_trip(doc, size);
        yyjson_doc_free(doc);
    }
    return 0;
}
