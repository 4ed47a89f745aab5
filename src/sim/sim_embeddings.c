#include "sim/sim_embeddings.h"

#include <math.h>

#include "core/base64.h"
#include "core/hash.h"
#include "core/rand.h"
#include "llm/token.h"

/* How much the text as a whole weighs beside one of its words. */
#define WHOLE_WEIGHT 0.1f
/* Digits behind the point: a float has no more. */
#define DIGITS     9
#define DIGITS_TEN 1000000000

/* Adds a direction to v. Two coordinates are made of one draw: this is the inner loop. */
static void add_direction(uint64_t seed, float weight, size_t n, float *v)
{
    uint64_t x = seed | 1;
    for (size_t i = 0; i < n; i += 2) {
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        uint64_t r = x * 0x2545f4914f6cdd1dull;
        v[i] += weight * (float)(int32_t)(r >> 32);
        if (i + 1 < n) {
            v[i + 1] += weight * (float)(int32_t)r;
        }
    }
}

static bool is_word_char(unsigned char c)
{
    return c >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Takes the next word off *rest, in lower case and hashed; false at the end. */
static bool next_word(struct str *rest, uint64_t *ret_hash)
{
    uint64_t h = 0xcbf29ce484222325ull;
    while (rest->n > 0 && !is_word_char((unsigned char)*rest->p)) {
        *rest = str_from(*rest, 1);
    }
    if (rest->n == 0) {
        return false;
    }
    while (rest->n > 0 && is_word_char((unsigned char)*rest->p)) {
        unsigned char c = (unsigned char)*rest->p;
        c = c >= 'A' && c <= 'Z' ? (unsigned char)(c + 'a' - 'A') : c;
        h = (h ^ c) * 0x100000001b3ull;
        *rest = str_from(*rest, 1);
    }
    *ret_hash = h;
    return true;
}

void sim_embedding(struct str text, uint64_t seed, size_t n, float *out)
{
    struct str rest = text;
    uint64_t word = 0;
    double sum = 0;

    memset(out, 0, n * sizeof(*out));
    for (size_t i = 0; i < SIM_EMBEDDING_WORDS_MAX && next_word(&rest, &word); i++) {
        add_direction(rand_mix(seed, word), 1, n, out);
    }
    add_direction(rand_mix(seed, hash_fnv1a(text)), WHOLE_WEIGHT, n, out);
    for (size_t i = 0; i < n; i++) {
        sum += (double)out[i] * (double)out[i];
    }
    double scale = sum > 0 ? 1 / sqrt(sum) : 0;
    for (size_t i = 0; i < n; i++) {
        out[i] = (float)((double)out[i] * scale);
    }
}

/* ---- writing ---- */

static void put_number(float value, struct buf *out)
{
    char text[DIGITS + 4] = "-0.";
    long long scaled = llround(fabs((double)value) * DIGITS_TEN);

    if (scaled >= DIGITS_TEN) {
        buf_puts(out, value < 0 ? "-1.0" : "1.0");
        return;
    }
    for (int i = DIGITS; i > 0; i--) {
        text[2 + i] = (char)('0' + scaled % 10);
        scaled /= 10;
    }
    size_t skip = value < 0 ? 0 : 1;
    buf_put(out, text + skip, DIGITS + 3 - skip);
}

static void put_vector(const float *v, size_t n, bool base64, struct buf *out)
{
    if (base64) {
        buf_putc(out, '"');
        /* little endian, as the wire */
        base64_put(out, str_make((const char *)v, n * sizeof(*v)));
        buf_putc(out, '"');
        return;
    }
    buf_putc(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0) {
            buf_putc(out, ',');
        }
        put_number(v[i], out);
    }
    buf_putc(out, ']');
}

/* The text of one input: a string, or a list of token numbers as text. */
static struct str input_text(struct arena *arena, yyjson_val *input, int64_t *tokens)
{
    struct buf text;
    if (yyjson_is_str(input)) {
        *tokens += token_estimate(json_str(input));
        return json_str(input);
    }
    *tokens += (int64_t)yyjson_arr_size(input);
    buf_init(&text, SIZE_MAX / 2);
    json_write(&text, input);
    struct str copy = arena_str(arena, buf_str(&text));
    buf_release(&text);
    return copy;
}

static int read_shape(const struct sim_ask *ask, size_t *ret_n, size_t *ret_count,
                      struct sim_refusal *refusal)
{
    yyjson_val *input = yyjson_obj_get(ask->root, "input");
    int64_t n = json_get_i64(ask->root, "dimensions", SIM_EMBEDDING_DIMENSIONS);
    bool many = yyjson_is_arr(input) && !yyjson_is_int(yyjson_arr_get_first(input));
    size_t count = many ? yyjson_arr_size(input) : 1;

    if (n < 1 || n > SIM_EMBEDDING_DIMENSIONS_MAX) {
        return sim_refuse(refusal, 400, "invalid_value", "dimensions",
                          "Invalid value for 'dimensions': expected 1 to %d.",
                          SIM_EMBEDDING_DIMENSIONS_MAX);
    }
    if (count < 1 || count > SIM_INPUTS_MAX || (!yyjson_is_str(input) && !yyjson_is_arr(input))) {
        return sim_refuse(refusal, 400, "invalid_value", "input",
                          "Invalid value for 'input': expected a string or a list of 1 to %d.",
                          SIM_INPUTS_MAX);
    }
    for (size_t i = 0; many && i < count; i++) {
        yyjson_val *item = yyjson_arr_get(input, i);
        if (!yyjson_is_str(item) && !yyjson_is_arr(item)) {
            return sim_refuse(refusal, 400, "invalid_value", "input",
                              "Invalid value for 'input': item %zu is neither text nor tokens.", i);
        }
    }
    *ret_n = (size_t)n;
    *ret_count = many ? count : 0;
    return 0;
}

int sim_embeddings_write(struct arena *arena, const struct sim_ask *ask, uint64_t seed,
                         bool with_usage, struct buf *out, struct sim_refusal *ret_refusal)
{
    yyjson_val *input = yyjson_obj_get(ask->root, "input");
    bool base64 = str_is(json_get_str(ask->root, "encoding_format"), "base64");
    size_t n = 0;
    size_t count = 0; /* 0: one input that is no list */
    int64_t tokens = 0;

    if (read_shape(ask, &n, &count, ret_refusal) != 0) {
        return -1;
    }
    float *v = ARENA_ARRAY(arena, float, n);
    buf_puts(out, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; i < (count > 0 ? count : 1); i++) {
        yyjson_val *item = count > 0 ? yyjson_arr_get(input, i) : input;
        sim_embedding(input_text(arena, item, &tokens), seed, n, v);
        buf_putf(out, "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":", i > 0 ? "," : "",
                 i);
        put_vector(v, n, base64, out);
        buf_putc(out, '}');
    }
    buf_puts(out, "],\"model\":");
    buf_put_json(out, ask->model);
    if (with_usage) {
        buf_putf(out, ",\"usage\":{\"prompt_tokens\":%lld,\"total_tokens\":%lld}",
                 (long long)tokens, (long long)tokens);
    }
    buf_putc(out, '}');
    return 0;
}
