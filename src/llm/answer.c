#include "llm/answer.h"

#include "core/json.h"
#include "llm/token.h"

void answer_facts_init(struct answer_facts *facts)
{
    *facts = (struct answer_facts){.sequence_number = -1};
    usage_init(&facts->usage);
    buf_init(&facts->usage_raw, ANSWER_USAGE_RAW_MAX);
}

void answer_facts_release(struct answer_facts *facts)
{
    buf_release(&facts->usage_raw);
}

void answer_facts_add_text(struct answer_facts *facts, struct str json_text)
{
    if (json_text.n == 0 || facts->unweighed) {
        return;
    }
    facts->output_bytes += (int64_t)json_text.n;
    int64_t tokens = token_estimate_json(json_text);
    facts->output_tokens_estimated += tokens > 0 ? tokens : 1;
}

static bool (*const usage_readers[])(struct usage *u, yyjson_val *object) = {
    [DIALECT_OPENAI] = usage_read_openai,
    [DIALECT_ANTHROPIC] = usage_read_anthropic,
    [DIALECT_GEMINI] = usage_read_gemini,
};

bool answer_facts_take_usage(struct answer_facts *facts, enum dialect dialect, struct str object)
{
    yyjson_doc *doc = json_parse(object, NULL);
    if (!doc) {
        return false;
    }
    yyjson_val *root = yyjson_doc_get_root(doc);
    bool known = usage_readers[dialect](&facts->usage, root);
    yyjson_doc_free(doc);
    if (known) {
        buf_clear(&facts->usage_raw);
        buf_put_str(&facts->usage_raw, object);
    }
    return known;
}
