#include "llm/usage.h"

#include "core/attr.h"

/* Names under which servers report the same thing; the first that is there counts. */
static const char *const input_names[] = {"prompt_tokens", "input_tokens"};
static const char *const output_names[] = {"completion_tokens", "output_tokens"};
static const char *const input_detail_names[] = {"prompt_tokens_details", "input_tokens_details"};
static const char *const output_detail_names[] = {"completion_tokens_details",
                                                  "output_tokens_details"};
static const char *const write_names[] = {"cache_write_tokens", "cache_creation_tokens",
                                          "cache_creation_input_tokens"};

void usage_init(struct usage *u)
{
    *u = (struct usage){.input = -1,
                        .cached = -1,
                        .cache_write = -1,
                        .cache_write_1h = -1,
                        .output = -1,
                        .reasoning = -1};
}

bool usage_is_known(const struct usage *u)
{
    return u->input >= 0 || u->output >= 0;
}

/* A count, or -1 when it is absent, negative or no number. */
static int64_t read_count(yyjson_val *object, const char *name)
{
    yyjson_val *value = yyjson_obj_get(object, name);
    if (yyjson_is_uint(value)) {
        uint64_t count = yyjson_get_uint(value);
        return count > USAGE_TOKENS_MAX ? USAGE_TOKENS_MAX : (int64_t)count;
    }
    if (yyjson_is_real(value)) {
        double count = yyjson_get_real(value);
        if (count >= (double)USAGE_TOKENS_MAX) {
            return USAGE_TOKENS_MAX;
        }
        return count >= 0 ? (int64_t)count : -1;
    }
    return -1;
}

static int64_t read_first(yyjson_val *object, const char *const *names, size_t n)
{
    int64_t count = -1;
    for (size_t i = 0; i < n && count < 0; i++) {
        count = read_count(object, names[i]);
    }
    return count;
}

static yyjson_val *first_object(yyjson_val *object, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        yyjson_val *value = yyjson_obj_get(object, names[i]);
        if (yyjson_is_obj(value)) {
            return value;
        }
    }
    return NULL;
}

static int64_t positive(int64_t count)
{
    return count > 0 ? count : 0;
}

/* Overwrites *part when there is a count. */
static bool take(int64_t *part, int64_t count)
{
    if (count < 0) {
        return false;
    }
    *part = count;
    return true;
}

static int64_t read_cached(yyjson_val *object, yyjson_val *details)
{
    int64_t count = read_count(details, "cached_tokens");
    if (count < 0) {
        count = read_count(object, "cached_tokens");
    }
    if (count < 0) {
        count = read_count(object, "prompt_cache_hit_tokens");
    }
    return count < 0 ? read_count(object, "cache_read_input_tokens") : count;
}

bool usage_read_openai(struct usage *u, yyjson_val *object)
{
    if (!yyjson_is_obj(object)) {
        return false;
    }
    yyjson_val *input_details =
        first_object(object, input_detail_names, ARRAY_LEN(input_detail_names));
    yyjson_val *output_details =
        first_object(object, output_detail_names, ARRAY_LEN(output_detail_names));
    int64_t input = read_first(object, input_names, ARRAY_LEN(input_names));
    int64_t output = read_first(object, output_names, ARRAY_LEN(output_names));
    int64_t total = read_count(object, "total_tokens");
    int64_t write = read_first(input_details, write_names, ARRAY_LEN(write_names));
    if (write < 0) {
        write = read_first(object, write_names, ARRAY_LEN(write_names));
    }
    /* Embeddings report no output. Some servers keep reasoning out of completion_tokens and in
     * total_tokens; it is billed as output. */
    if (input >= 0 && total >= input && total - input > output) {
        output = total - input;
    }
    bool known = take(&u->input, input);
    known |= take(&u->output, output);
    take(&u->cached, read_cached(object, input_details));
    take(&u->cache_write, write);
    take(&u->reasoning, read_count(output_details, "reasoning_tokens"));
    return known;
}

/* Writes to the cache: a total, and in newer answers its classes. A total alone keeps what is known
 * of the long class, because the events at a stream's end restate totals only. */
static void read_anthropic_writes(struct usage *u, yyjson_val *object)
{
    yyjson_val *classes = yyjson_obj_get(object, "cache_creation");
    int64_t total = read_count(object, "cache_creation_input_tokens");
    int64_t long_class = read_count(classes, "ephemeral_1h_input_tokens");
    int64_t short_class = read_count(classes, "ephemeral_5m_input_tokens");
    take(&u->cache_write_1h, long_class);
    if (take(&u->cache_write, short_class)) {
        /* A class that weir does not know must still be paid for. */
        int64_t rest = total - short_class - positive(u->cache_write_1h);
        u->cache_write += positive(rest);
    } else if (total >= 0) {
        if (positive(u->cache_write_1h) > total) {
            u->cache_write_1h = total;
        }
        u->cache_write = total - positive(u->cache_write_1h);
    }
}

bool usage_read_anthropic(struct usage *u, yyjson_val *object)
{
    if (!yyjson_is_obj(object)) {
        return false;
    }
    int64_t parts = positive(u->cached) + positive(u->cache_write) + positive(u->cache_write_1h);
    int64_t uncached = u->input < 0 ? -1 : u->input - parts;
    bool known = take(&uncached, read_count(object, "input_tokens"));
    known |= take(&u->cached, read_count(object, "cache_read_input_tokens"));
    read_anthropic_writes(u, object);
    known |= take(&u->output, read_count(object, "output_tokens"));
    yyjson_val *details = first_object(object, output_detail_names, ARRAY_LEN(output_detail_names));
    int64_t thinking = read_count(details, "thinking_tokens");
    take(&u->reasoning, thinking < 0 ? read_count(details, "reasoning_tokens") : thinking);
    parts = positive(u->cached) + positive(u->cache_write) + positive(u->cache_write_1h);
    if (uncached >= 0 || parts > 0) {
        u->input = positive(uncached) + parts;
    }
    return known;
}

bool usage_read_gemini(struct usage *u, yyjson_val *object)
{
    if (!yyjson_is_obj(object)) {
        return false;
    }
    int64_t prompt = read_count(object, "promptTokenCount");
    int64_t tool_prompt = read_count(object, "toolUsePromptTokenCount");
    int64_t answer = read_count(object, "candidatesTokenCount");
    int64_t thoughts = read_count(object, "thoughtsTokenCount");
    bool known = prompt >= 0 || tool_prompt >= 0 || answer >= 0 || thoughts >= 0;
    if (prompt >= 0 || tool_prompt >= 0) {
        u->input = positive(prompt) + positive(tool_prompt);
    }
    if (answer >= 0 || thoughts >= 0) {
        u->output = positive(answer) + positive(thoughts);
    }
    take(&u->reasoning, thoughts);
    take(&u->cached, read_count(object, "cachedContentTokenCount"));
    return known;
}
