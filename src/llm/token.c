#include "llm/token.h"

/* Kinds of characters that byte-pair vocabularies treat alike. */
enum kind { KIND_SPACE = 0, KIND_LETTER, KIND_DIGIT, KIND_MARK, KIND_WIDE };

static enum kind kind_of(unsigned char c)
{
    if (c >= 0x80) {
        return KIND_WIDE;
    }
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') {
        return KIND_LETTER;
    }
    if (c >= '0' && c <= '9') {
        return KIND_DIGIT;
    }
    return c <= ' ' ? KIND_SPACE : KIND_MARK;
}

int64_t token_estimate(struct str text)
{
    int64_t quarter_tokens = 0;
    size_t at = 0;
    while (at < text.n) {
        enum kind kind = kind_of((unsigned char)text.p[at]);
        size_t end = at + 1;
        while (end < text.n && kind_of((unsigned char)text.p[end]) == kind) {
            end++;
        }
        int64_t length = (int64_t)(end - at);
        switch (kind) {
        case KIND_SPACE:
            quarter_tokens += length > 1 ? 4 : 0;
            break;
        case KIND_LETTER:
            quarter_tokens += 4 + (length > 6 ? (length - 6) : 0);
            break;
        case KIND_DIGIT:
            quarter_tokens += 4 * ((length + 2) / 3);
            break;
        case KIND_MARK:
            quarter_tokens += 2 + 2 * length;
            break;
        case KIND_WIDE:
            quarter_tokens += (5 * length + 3) / 4;
            break;
        }
        at = end;
    }
    return (quarter_tokens + 3) / 4;
}

int64_t token_estimate_json(struct str text)
{
    return token_estimate(text);
}
