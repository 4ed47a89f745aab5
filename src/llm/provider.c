#include "llm/provider.h"

#include "llm/skim.h"

const struct provider *const provider_table[] = {
    &provider_openai, &provider_anthropic, &provider_azure, &provider_gemini, NULL,
};

const struct provider *provider_find(struct str name)
{
    for (size_t i = 0; provider_table[i]; i++) {
        if (str_is(name, provider_table[i]->name)) {
            return provider_table[i];
        }
    }
    return NULL;
}

void provider_read_answer(const struct provider *p, enum route route, struct str body,
                          struct answer_facts *facts)
{
    facts->unweighed = true;
    p->on_answer(route, body, facts);
    facts->unweighed = false;
    /* An embedding has no output, and may be megabytes long. */
    if (facts->usage.output < 0 && route != ROUTE_EMBEDDINGS) {
        p->on_answer(route, body, facts);
    }
}

void provider_write_key(struct buf *out, const char *name_and_prefix, struct str key)
{
    for (size_t i = 0; i < key.n; i++) {
        if ((unsigned char)key.p[i] < ' ' || key.p[i] == 0x7f) {
            return;
        }
    }
    if (key.n > 0) {
        buf_puts(out, name_and_prefix);
        buf_put_str(out, key);
        buf_puts(out, "\r\n");
    }
}

struct str provider_behind_version(struct str path)
{
    return str_starts(path, STR("/v1/")) ? str_from(path, 3) : path;
}

void provider_put_segment(struct buf *out, struct str segment)
{
    for (size_t i = 0; i < segment.n; i++) {
        unsigned char c = (unsigned char)segment.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_' || c == '.' || c == '~' || c == ':' || c == '@';
        if (plain) {
            buf_putc(out, (char)c);
        } else {
            buf_putf(out, "%%%02X", c);
        }
    }
}

void provider_put_query(struct buf *out, char separator, struct str query)
{
    if (query.n > 0) {
        buf_putc(out, separator);
        buf_put_str(out, query);
    }
}

/*
 * Shapes seen: {"error":{"message":...}}, {"error":"..."}, {"type":"error","error":{...}},
 * {"message":...}, {"detail":...}, a list around one of these, HTML of a proxy. The message that
 * stands deepest in `error` wins, then one at the top.
 */
void provider_error_text(struct str body, char *out, size_t n)
{
    struct skim skim;
    struct skim_value value;
    struct str found = STR_EMPTY;
    bool inside_error = false;
    skim_init(&skim, body);
    while (!inside_error && skim_next(&skim, &value)) {
        if (value.type != SKIM_STRING || value.key.n == 0) {
            continue;
        }
        bool message = str_is(value.key, "message");
        inside_error =
            str_is(value.key, "error") || (message && skim_inside(&skim, value.depth, "error"));
        if (inside_error || (found.n == 0 && (message || str_is(value.key, "detail")))) {
            found = value.text;
        }
    }
    skim_copy(found.n > 0 ? found : str_trim(body), out, n);
}
