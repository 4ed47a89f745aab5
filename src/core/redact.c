#include "core/redact.h"

#include <stdbool.h>
#include <string.h>

#include "core/error.h"
#include "core/redact_form.h"

/* --- the table --------------------------------------------------------------------------- */

#define CAPITALS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/*
 * Narrower rules stand before wider ones. The examples are made up. Laid out by hand: the
 * formatter would make one wide table of it.
 */
/* clang-format off */
static const struct redact_rule rules[] = {
    {"private_key", "private keys in PEM form",
     "-", false, redact_form_pem, NULL, 0,
     "-----BEGIN RSA PRIVATE KEY-----\nMIIEow==\n-----END RSA PRIVATE KEY-----",
     "-----BEGIN CERTIFICATE-----\nMIIEow==\n-----END CERTIFICATE-----"},
    {"anthropic_key", "Anthropic API keys",
     "s", true, redact_form_prefix, "sk-ant-", 20,
     "sk-ant-api03-AbCdEfGh1234567890",
     "sk-ant-short"},
    {"openai_key", "OpenAI API keys and keys of that form",
     "s", true, redact_form_prefix, "sk-", 20,
     "sk-proj-AbCdEfGhIjKlMnOp1234",
     "sk-circle-fade-dot-animation-of-a-page"},
    {"stripe_key", "Stripe live keys",
     "s", true, redact_form_prefix, "sk_live_", 16,
     "sk_live_4eC39HqLyjWDarjtT1",
     "sk_live_key"},
    {"stripe_restricted_key", "Stripe restricted live keys",
     "r", true, redact_form_prefix, "rk_live_", 16,
     "rk_live_4eC39HqLyjWDarjtT1",
     "rk_live_key"},
    {"groq_key", "Groq API keys",
     "g", true, redact_form_prefix, "gsk_", 32,
     "gsk_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
     "gsk_file_name"},
    {"xai_key", "xAI API keys",
     "x", true, redact_form_prefix, "xai-", 32,
     "xai-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
     "xai-grok-4"},
    {"google_key", "Google API keys",
     "A", true, redact_form_prefix, "AIza", 35,
     "AIzaSyA1234567890abcdefghijklmnopqrstuv",
     "AIzaSy1"},
    {"huggingface_key", "Hugging Face access tokens",
     "h", true, redact_form_prefix, "hf_", 30,
     "hf_AbCdEfGhIjKlMnOpQrStUvWxYz012345",
     "hf_transfer_2"},
    {"aws_key", "AWS access key ids",
     "A", true, redact_form_aws, NULL, 0,
     "AKIAIOSFODNN7EXAMPLE",
     "AKIAIOSFODNN7EXAMPLEXY"},
    {"github_pat", "GitHub fine-grained tokens",
     "g", true, redact_form_prefix, "github_pat_", 22,
     "github_pat_11ABCDEFG0abcdefghijklmnop",
     "github_pat_name"},
    {"github_token", "GitHub tokens",
     "g", true, redact_form_github, NULL, 0,
     "ghp_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
     "ghp_AbCdEf"},
    {"slack_token", "Slack tokens",
     "x", true, redact_form_slack, NULL, 0,
     "xoxb-123456789012-abcdefGHIJKL",
     "xoxo-kisses"},
    {"jwt", "JSON web tokens",
     "e", true, redact_form_jwt, NULL, 0,
     "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
     "eyJhbGciOiJIUzI1NiJ9.payload"},
    {"bearer", "what follows the word Bearer",
     "bB", true, redact_form_bearer, "bearer ", 20,
     "Authorization: Bearer abcdef1234567890",
     "bearer instruments"},
    {"basic_auth", "names and passwords in an Authorization header",
     "aA", true, redact_form_bearer, "authorization: basic ", 4,
     "Authorization: Basic dXNlcjpwYXNz",
     "Authorization: Basic, Bearer"},
    {"url_password", "passwords in URLs",
     ":", false, redact_form_url_password, NULL, 0,
     "postgres://app:hunter2@db/app",
     "https://example.com:8080/a@b"},
    {"assignment", "values of names like password, secret, token, api_key",
     "=:", false, redact_form_assignment, NULL, 0,
     "DB_PASSWORD = hunter2",
     "max_tokens = 4096"},
    {"email", "e-mail addresses",
     "@", false, redact_form_email, NULL, 0,
     "mail bob.smith+x@mail.example.com now",
     "lodash@4.17.21 by @bob"},
    {"iban", "bank accounts (IBAN) whose check digits hold",
     CAPITALS, true, redact_form_iban, NULL, 0,
     "DE89 3704 0044 0532 0130 00",
     "DE88 3704 0044 0532 0130 00"},
    {"card", "payment card numbers whose check digit holds",
     "23456", true, redact_form_card, NULL, 0,
     "4111 1111 1111 1111",
     "4111 1111 1111 1112"},
    {"ssn", "US social security numbers",
     "012345678", true, redact_form_ssn, NULL, 0,
     "123-45-6789",
     "000-45-6789"},
    {"phone", "telephone numbers in international form",
     "+", false, redact_form_phone, NULL, 0,
     "+49 (30) 1234-5678",
     "+00 30 12345678"},
};
/* clang-format on */

_Static_assert(ARRAY_LEN(rules) <= REDACT_RULES_MAX, "more rules than bits");

const struct redact_rule *redact_rules(size_t *ret_count)
{
    *ret_count = ARRAY_LEN(rules);
    return rules;
}

/* --- masking ----------------------------------------------------------------------------- */

static char at_or_nul(struct str text, size_t at)
{
    return at < text.n ? text.p[at] : '\0';
}

static struct str between(struct str text, size_t start, size_t end)
{
    return str_make(text.p + start, end - start);
}

/* Which rules a byte may concern, one bit a row; and those that may start inside a word. */
struct triggers {
    uint32_t of_byte[256];
    uint32_t inside_word;
};

static void set_triggers(struct triggers *triggers)
{
    memset(triggers, 0, sizeof(*triggers));
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        triggers->inside_word |= rules[i].word_start ? 0 : UINT32_C(1) << i;
        for (const char *c = rules[i].triggers; *c; c++) {
            triggers->of_byte[(unsigned char)*c] |= UINT32_C(1) << i;
        }
    }
}

static void put_mask(struct buf *out, size_t rule, struct redact_counts *counts)
{
    buf_putf(out, "[redacted:%s]", rules[rule].id);
    if (counts) {
        counts->by_rule[rule]++;
        counts->total++;
    }
}

/* The first rule, among those of `candidates`, that finds something around text[at]. */
static bool find_hit(uint32_t candidates, struct str text, size_t floor, size_t at,
                     struct redact_span *ret_span, size_t *ret_rule)
{
    while (candidates) {
        size_t i = (size_t)__builtin_ctz(candidates);
        struct redact_span span;

        candidates &= candidates - 1;
        if (rules[i].match(&rules[i], text, floor, at, &span)) {
            *ret_span = span;
            *ret_rule = i;
            return true;
        }
    }
    return false;
}

/* Appends the text with masks; how many there were. */
static size_t mask_hits(const struct triggers *triggers, struct str text, struct buf *out,
                        struct redact_counts *counts)
{
    size_t copied = 0;
    size_t hits = 0;
    size_t at = 0;

    while (at < text.n) {
        uint32_t candidates = triggers->of_byte[(unsigned char)text.p[at]];
        struct redact_span span;
        size_t rule;

        if (candidates != 0 && redact_form_inside_word(text, at)) {
            candidates &= triggers->inside_word;
        }
        if (candidates == 0 || !find_hit(candidates, text, copied, at, &span, &rule)) {
            at++;
            continue;
        }
        BUG_ON(span.start < copied || span.end <= span.start || span.end > text.n);
        buf_put_str(out, between(text, copied, span.start));
        put_mask(out, rule, counts);
        copied = span.end;
        at = span.end > at ? span.end : at + 1;
        hits++;
    }
    buf_put_str(out, str_from(text, copied));
    return hits;
}

void redact_text(struct str in, struct buf *out, struct redact_counts *counts)
{
    struct triggers triggers;

    set_triggers(&triggers);
    mask_hits(&triggers, in, out, counts);
}

/* --- JSON -------------------------------------------------------------------------------- */

struct json_redactor {
    struct triggers triggers;
    struct buf *out;
    struct buf meant;  /* a string with its escapes decoded */
    struct buf masked; /* that, with masks */
    struct redact_counts *counts;
    bool secret; /* the latest key says so */
};

static int hex4(struct str s)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    int value = 0;

    for (size_t i = 0; i < 4; i++) {
        char c = at_or_nul(s, i);
        const char *hit = c ? strchr(digits, c) : NULL;
        if (!hit) {
            return -1;
        }
        value = value * 16 + (int)((hit - digits) % 16);
    }
    return value;
}

static void put_utf8(struct buf *out, unsigned code)
{
    if (code < 0x80) {
        buf_putc(out, (char)code);
    } else if (code < 0x800) {
        buf_putc(out, (char)(0xC0 | code >> 6));
        buf_putc(out, (char)(0x80 | (code & 0x3F)));
    } else if (code < 0x10000) {
        buf_putc(out, (char)(0xE0 | code >> 12));
        buf_putc(out, (char)(0x80 | (code >> 6 & 0x3F)));
        buf_putc(out, (char)(0x80 | (code & 0x3F)));
    } else {
        buf_putc(out, (char)(0xF0 | code >> 18));
        buf_putc(out, (char)(0x80 | (code >> 12 & 0x3F)));
        buf_putc(out, (char)(0x80 | (code >> 6 & 0x3F)));
        buf_putc(out, (char)(0x80 | (code & 0x3F)));
    }
}

/* Decodes the escape that s starts with; how many bytes it has. Broken ones stay as they are. */
static size_t put_unescaped(struct buf *out, struct str s)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    char kind = at_or_nul(s, 1);
    const char *hit = kind ? strchr(from, kind) : NULL;
    int code = kind == 'u' ? hex4(str_from(s, 2)) : -1;

    if (hit) {
        buf_putc(out, to[hit - from]);
        return 2;
    }
    if (code < 0) {
        buf_putc(out, '\\');
        return 1;
    }
    if (code >= 0xD800 && code < 0xDC00 && str_starts(str_from(s, 6), STR("\\u"))) {
        int low = hex4(str_from(s, 8));
        if (low >= 0xDC00 && low < 0xE000) {
            put_utf8(out, 0x10000 + ((unsigned)(code - 0xD800) << 10) + (unsigned)(low - 0xDC00));
            return 12;
        }
    }
    put_utf8(out, (unsigned)code); /* half a pair becomes U+FFFD when it is written again */
    return 6;
}

static struct str decode(struct json_redactor *r, struct str raw)
{
    if (str_find_char(raw, '\\') < 0) {
        return raw;
    }
    buf_clear(&r->meant);
    while (raw.n > 0) {
        ptrdiff_t escape = str_find_char(raw, '\\');
        size_t plain = escape < 0 ? raw.n : (size_t)escape;

        buf_put_str(&r->meant, str_head(raw, plain));
        raw = str_from(raw, plain);
        if (raw.n > 0) {
            raw = str_from(raw, put_unescaped(&r->meant, raw));
        }
    }
    return buf_str(&r->meant);
}

/* The string between its quotes; `ended` tells whether there is a closing one. */
static void put_string(struct json_redactor *r, struct str raw, bool is_key, bool ended)
{
    struct str meant = decode(r, raw);
    bool all = !is_key && r->secret && meant.n > 0;
    size_t hits = 0;

    buf_clear(&r->masked);
    if (is_key) {
        r->secret = redact_form_names_secret(meant);
    } else if (all) {
        size_t rule = 0;
        while (rules[rule].match != redact_form_assignment) {
            rule++;
        }
        put_mask(&r->masked, rule, r->counts);
        hits = 1;
    } else {
        hits = mask_hits(&r->triggers, meant, &r->masked, r->counts);
    }
    if (hits == 0) {
        buf_putc(r->out, '"');
        buf_put_str(r->out, raw);
        buf_puts(r->out, ended ? "\"" : "");
        return;
    }
    r->out->overflowed = r->out->overflowed || !buf_ok(&r->masked);
    if (buf_put_json(r->out, buf_str(&r->masked)) == 0 && !ended) {
        r->out->n--; /* it had no closing quote, it gets none */
    }
}

/* Where the string that starts at `at` (behind its quote) ends: at its closing quote, or at a
 * line's or the text's end where it is broken off. */
static size_t string_stop(struct str text, size_t at)
{
    while (at < text.n && text.p[at] != '"' && text.p[at] != '\n') {
        at += text.p[at] == '\\' && at + 1 < text.n ? 2 : 1;
    }
    return at < text.n ? at : text.n;
}

static bool is_key_at(struct str text, size_t behind)
{
    while (behind < text.n && (text.p[behind] == ' ' || text.p[behind] == '\t' ||
                               text.p[behind] == '\n' || text.p[behind] == '\r')) {
        behind++;
    }
    return at_or_nul(text, behind) == ':';
}

void redact_json(struct str in, struct buf *out, struct redact_counts *counts)
{
    struct json_redactor r = {.out = out, .counts = counts};
    size_t at = 0;

    set_triggers(&r.triggers);
    /* Decoding shortens; masking a string of hits makes it at most eight times as long. */
    buf_init(&r.meant, in.n);
    buf_init(&r.masked, in.n * 8 + 64);
    while (at < in.n) {
        ptrdiff_t quote = str_find_char(str_from(in, at), '"');
        size_t start = quote < 0 ? in.n : at + (size_t)quote;

        buf_put_str(out, between(in, at, start));
        if (start == in.n) {
            break;
        }
        size_t stop = string_stop(in, start + 1);
        bool ended = stop < in.n && in.p[stop] == '"';
        put_string(&r, between(in, start + 1, stop), ended && is_key_at(in, stop + 1), ended);
        at = ended ? stop + 1 : stop;
    }
    buf_release(&r.meant);
    buf_release(&r.masked);
}
