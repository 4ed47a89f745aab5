#include "core/redact_form.h"

#include <string.h>

#include "core/redact.h"

/* How far a match looks; beyond, a text is not what the rule is about. */
#define EMAIL_LOCAL_MAX     64
#define EMAIL_DOMAIN_MAX    253
#define NAME_MAX_BYTES      64
#define QUOTED_SECRET_MAX   1024
#define URL_PART_MAX        256
#define PEM_BYTES_MAX       (32u << 10)
#define CARD_DIGITS_MIN     13
#define CARD_DIGITS_MAX     19
#define IBAN_CHARS_MIN      15
#define IBAN_CHARS_MAX      34
#define PHONE_DIGITS_MAX    15
#define BEARER_MIN          8
#define ASSIGNED_SECRET_MIN 4
#define SPACES_MAX          8

/* --- characters -------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_alpha(char c)
{
    return is_upper(c) || (c >= 'a' && c <= 'z');
}

static bool is_alnum(char c)
{
    return is_alpha(c) || is_digit(c);
}

static bool is_word_char(char c)
{
    return is_alnum(c) || c == '_' || c == '-';
}

static bool is_email_char(char c)
{
    return is_alnum(c) || c == '.' || c == '_' || c == '%' || c == '+' || c == '-';
}

static bool is_bearer_char(char c)
{
    return is_word_char(c) || c == '.' || c == '~' || c == '+' || c == '/' || c == '=';
}

static bool is_name_char(char c)
{
    return is_word_char(c) || c == '.';
}

static bool is_one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* The byte at a place, or a space outside the text: both ends are boundaries. */
static char at_or_space(struct str text, size_t at)
{
    return at < text.n ? text.p[at] : ' ';
}

static char before(struct str text, size_t at)
{
    return at > 0 ? text.p[at - 1] : ' ';
}

static size_t skip_while(struct str text, size_t at, bool (*holds)(char c))
{
    while (at < text.n && holds(text.p[at])) {
        at++;
    }
    return at;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static size_t skip_spaces(struct str text, size_t at)
{
    size_t end = at;

    while (end < text.n && end - at < SPACES_MAX && is_space(text.p[end])) {
        end++;
    }
    return end;
}

static bool has_digit(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (is_digit(s.p[i])) {
            return true;
        }
    }
    return false;
}

static struct str between(struct str text, size_t start, size_t end)
{
    return str_make(text.p + start, end - start);
}

static bool found(struct redact_span *ret_span, size_t start, size_t end)
{
    *ret_span = (struct redact_span){start, end};
    return true;
}

bool redact_form_inside_word(struct str text, size_t at)
{
    return at > 0 && is_word_char(text.p[at - 1]) && !(at > 1 && text.p[at - 2] == '\\');
}

/* --- keys and tokens --------------------------------------------------------------------- */

/* A known prefix and a long enough rest with a digit in it: words and CSS classes have none. A
 * rule of the table is asked only where no word is going on, so each is looked at once. */
bool redact_form_prefix(const struct redact_rule *rule, struct str text, size_t floor, size_t at,
                        struct redact_span *ret_span)
{
    struct str prefix = str_of(rule->prefix);

    (void)floor;
    if (!str_starts(str_from(text, at), prefix)) {
        return false;
    }
    size_t tail = at + prefix.n;
    size_t end = skip_while(text, tail, is_word_char);
    if (end - tail < rule->tail_min || !has_digit(between(text, tail, end))) {
        return false;
    }
    return found(ret_span, at, end);
}

/* Four letters and sixteen capitals or digits, no more. */
bool redact_form_aws(const struct redact_rule *rule, struct str text, size_t floor, size_t at,
                     struct redact_span *ret_span)
{
    struct str rest = str_from(text, at);
    size_t end = at + 20;

    (void)rule;
    (void)floor;
    if (rest.n < 20 || is_word_char(at_or_space(text, end)) ||
        (!str_starts(rest, STR("AKIA")) && !str_starts(rest, STR("ASIA")))) {
        return false;
    }
    for (size_t i = at + 4; i < end; i++) {
        if (!is_upper(text.p[i]) && !is_digit(text.p[i])) {
            return false;
        }
    }
    return found(ret_span, at, end);
}

/* ghp_ gho_ ghu_ ghs_ ghr_ and 36 characters. */
bool redact_form_github(const struct redact_rule *rule, struct str text, size_t floor, size_t at,
                        struct redact_span *ret_span)
{
    struct str rest = str_from(text, at);

    (void)rule;
    (void)floor;
    if (rest.n < 40 || rest.p[1] != 'h' || rest.p[3] != '_' || !is_one_of(rest.p[2], "pousr")) {
        return false;
    }
    size_t end = skip_while(text, at + 4, is_alnum);
    return end - at >= 40 ? found(ret_span, at, end) : false;
}

/* xoxb- xoxp- and their relatives. */
bool redact_form_slack(const struct redact_rule *rule, struct str text, size_t floor, size_t at,
                       struct redact_span *ret_span)
{
    struct str rest = str_from(text, at);

    (void)rule;
    (void)floor;
    if (rest.n < 15 || !str_starts(rest, STR("xox")) || !is_one_of(rest.p[3], "abeoprs") ||
        rest.p[4] != '-') {
        return false;
    }
    size_t end = skip_while(text, at + 5, is_word_char);
    return end - at >= 15 ? found(ret_span, at, end) : false;
}

/* Three base64url parts; the first is an object, {" in base64. */
bool redact_form_jwt(const struct redact_rule *rule, struct str text, size_t floor, size_t at,
                     struct redact_span *ret_span)
{
    (void)rule;
    (void)floor;
    if (before(text, at) == '.' || !str_starts(str_from(text, at), STR("eyJ"))) {
        return false;
    }
    size_t first = skip_while(text, at, is_word_char);
    if (first - at < 12 || at_or_space(text, first) != '.') {
        return false;
    }
    size_t second = skip_while(text, first + 1, is_word_char);
    if (second - first < 12 || at_or_space(text, second) != '.') {
        return false;
    }
    return found(ret_span, at, skip_while(text, second + 1, is_word_char));
}

/* Base64 lines, their header fields, and the two bytes of a \n that was escaped once more. */
static bool is_pem_char(char c)
{
    return is_alnum(c) || is_one_of(c, "+/= \t\r\n:,-.\\_");
}

/* From the BEGIN line to the END line, or as far as it looks like a key. */
bool redact_form_pem(const struct redact_rule *rule, struct str text, size_t floor, size_t at,
                     struct redact_span *ret_span)
{
    static const struct str last = {"-----END", 8};
    struct str head = str_head(str_from(text, at), 64);

    (void)rule;
    (void)floor;
    if (!str_starts(head, STR("-----BEGIN ")) || str_find(head, STR("PRIVATE KEY")) < 0) {
        return false;
    }
    size_t limit = text.n - at > PEM_BYTES_MAX ? at + PEM_BYTES_MAX : text.n;
    size_t end = at + (size_t)str_find(head, STR("PRIVATE KEY")) + 11;
    while (end < limit && is_pem_char(text.p[end]) && !str_starts(str_from(text, end), last)) {
        end++;
    }
    if (str_starts(str_from(text, end), last)) {
        end += last.n;
        while (end < limit && (is_upper(text.p[end]) || text.p[end] == ' ')) {
            end++;
        }
        for (size_t i = 0; i < 5 && at_or_space(text, end) == '-'; i++) {
            end++;
        }
    }
    return found(ret_span, at, end);
}

/* What follows "Bearer"; the word itself stays. "bearer instruments" is no token. */
bool redact_form_bearer(const struct redact_rule *rule, struct str text, size_t floor, size_t at,
                        struct redact_span *ret_span)
{
    struct str prefix = str_of(rule->prefix);

    (void)floor;
    if (!str_starts_nocase(str_from(text, at), prefix)) {
        return false;
    }
    size_t start = skip_spaces(text, at + prefix.n);
    size_t end = skip_while(text, start, is_bearer_char);
    bool likely = end - start >= BEARER_MIN && has_digit(between(text, start, end));
    return likely || end - start >= rule->tail_min ? found(ret_span, start, end) : false;
}

/* --- assignments ------------------------------------------------------------------------- */

/* Does the name of a setting, variable or member say that its value is a secret? */
bool redact_form_names_secret(struct str name)
{
    static const struct str anywhere[] = {
        {"password",      8 },
        {"passwd",        6 },
        {"passphrase",    10},
        {"secret",        6 },
        {"apikey",        6 },
        {"api_key",       7 },
        {"api-key",       7 },
        {"access_key",    10},
        {"private_key",   11},
        {"accesskey",     9 },
        {"privatekey",    10},
        {"access_token",  12},
        {"auth_token",    10},
        {"refresh_token", 13},
    };

    for (size_t at = 0; at < name.n; at++) {
        bool may_start = is_one_of(name.p[at], "pPsSaArR");

        for (size_t i = 0; may_start && i < ARRAY_LEN(anywhere); i++) {
            struct str rest = str_from(name, at);

            if (str_starts_nocase(rest, anywhere[i]) && !str_starts_nocase(rest, STR("secretar"))) {
                return true;
            }
        }
    }
    return false;
}

/* In free text a bare "token", "pwd" or "pass" says so too; "tokens" and "max_tokens" do not. In
 * JSON "token" is a piece of text with a probability. */
static bool names_secret_in_text(struct str name)
{
    static const struct str last[] = {
        {"token", 5},
        {"pwd",   3}
    };

    for (size_t i = 0; i < ARRAY_LEN(last); i++) {
        size_t start = name.n >= last[i].n ? name.n - last[i].n : 0;
        bool is_part = start == 0 || !is_alnum(name.p[start - 1]);

        if (is_part && str_eq_nocase(str_from(name, start), last[i])) {
            return true;
        }
    }
    return str_eq_nocase(name, STR("pass")) || redact_form_names_secret(name);
}

/* The name that ends before `at`, behind which a quote and some spaces may stand. */
static struct str name_before(struct str text, size_t floor, size_t at)
{
    size_t end = at;

    for (size_t i = 0; i < SPACES_MAX && end > floor && is_space(text.p[end - 1]); i++) {
        end--;
    }
    if (end > floor && (text.p[end - 1] == '"' || text.p[end - 1] == '\'')) {
        end--;
    }
    if (end > floor && text.p[end - 1] == '\\') { /* JSON inside JSON */
        end--;
    }
    size_t start = end;
    while (start > floor && end - start < NAME_MAX_BYTES && is_name_char(text.p[start - 1])) {
        start--;
    }
    return between(text, start, end);
}

/* A variable, a slot or a call stands for a secret. */
static bool starts_placeholder(char c)
{
    return is_one_of(c, "$<{[*(/");
}

/* Says that there is none. */
static bool is_nothing(struct str value)
{
    static const struct str words[] = {
        {"null",      4},
        {"none",      4},
        {"true",      4},
        {"false",     5},
        {"undefined", 9},
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_eq_nocase(value, words[i])) {
            return true;
        }
    }
    return false;
}

static bool is_plain_value_char(char c)
{
    return (unsigned char)c > ' ' && !is_one_of(c, ",;&\"'`<>()[]{}\\");
}

/* password = hunter2, "api_key": "...", token=...: the value goes, the name stays. */
bool redact_form_assignment(const struct redact_rule *rule, struct str text, size_t floor,
                            size_t at, struct redact_span *ret_span)
{
    struct str name = name_before(text, floor, at);

    (void)rule;
    if (name.n < 3 || !names_secret_in_text(name)) {
        return false;
    }
    size_t start = at + 1;
    while (start < at + 3 && (at_or_space(text, start) == '=' || at_or_space(text, start) == '>')) {
        start++; /* :=, ==, => */
    }
    start = skip_spaces(text, start);
    start += at_or_space(text, start) == '\\' ? 1 : 0;
    char quote = at_or_space(text, start);
    bool quoted = quote == '"' || quote == '\'' || quote == '`';
    start += quoted ? 1 : 0;
    if (starts_placeholder(at_or_space(text, start))) {
        return false; /* before looking along it: a row of these must not cost the square */
    }
    size_t end = start;
    if (quoted) {
        while (end < text.n && end - start < QUOTED_SECRET_MAX && text.p[end] != quote &&
               text.p[end] != '\n' && text.p[end] != '\\') {
            end++;
        }
    } else {
        end = skip_while(text, start, is_plain_value_char);
    }
    if (end < start + ASSIGNED_SECRET_MIN || is_nothing(between(text, start, end))) {
        return false;
    }
    return found(ret_span, start, end);
}

/* scheme://user:PASSWORD@host */
bool redact_form_url_password(const struct redact_rule *rule, struct str text, size_t floor,
                              size_t at, struct redact_span *ret_span)
{
    size_t colon = 0;

    (void)rule;
    (void)floor;
    if (!is_alnum(before(text, at)) || !str_starts(str_from(text, at), STR("://"))) {
        return false;
    }
    for (size_t i = at + 3; i < text.n && i < at + URL_PART_MAX; i++) {
        char c = text.p[i];

        if (c == '@') {
            return colon && i > colon + 1 ? found(ret_span, colon + 1, i) : false;
        }
        if ((unsigned char)c <= ' ' || is_one_of(c, "/?#\"'<>\\")) {
            return false;
        }
        if (c == ':' && !colon) {
            colon = i;
        }
    }
    return false;
}

/* --- people ------------------------------------------------------------------------------ */

/* Behind the domain that starts at `at`: labels with a dot and at the end two letters or more. */
static size_t domain_end(struct str text, size_t at)
{
    size_t end = at;
    size_t last_dot = 0;

    while (end < text.n && end - at < EMAIL_DOMAIN_MAX &&
           (is_alnum(text.p[end]) || text.p[end] == '-' ||
            (text.p[end] == '.' && end > at && is_alnum(at_or_space(text, end + 1)) &&
             is_alnum(text.p[end - 1])))) {
        last_dot = text.p[end] == '.' ? end : last_dot;
        end++;
    }
    while (end > at && text.p[end - 1] == '-') {
        end--;
    }
    if (last_dot == 0 || end < last_dot + 3) {
        return 0;
    }
    for (size_t i = last_dot + 1; i < end; i++) {
        if (!is_alpha(text.p[i])) {
            return 0;
        }
    }
    return end;
}

bool redact_form_email(const struct redact_rule *rule, struct str text, size_t floor, size_t at,
                       struct redact_span *ret_span)
{
    size_t start = at;

    (void)rule;
    while (start > floor && at - start < EMAIL_LOCAL_MAX && is_email_char(text.p[start - 1])) {
        start--;
    }
    if (start > 0 && start < at && text.p[start - 1] == '\\') {
        start++; /* the n of "\nbob@example.com" */
    }
    while (start < at && text.p[start] == '.') {
        start++; /* "...bob@example.com" */
    }
    size_t end = domain_end(text, at + 1);
    return start < at && end ? found(ret_span, start, end) : false;
}

/* Numbers go on behind a point. */
static bool ends_number(struct str text, size_t at)
{
    char next = at_or_space(text, at);

    return (!is_word_char(next) || next == '-') &&
           !(next == '.' && is_digit(at_or_space(text, at + 1)));
}

static bool luhn_holds(const char *digits, size_t n)
{
    unsigned sum = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned digit = (unsigned)(digits[n - 1 - i] - '0');

        if (i % 2 == 1) {
            digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
        }
        sum += digit;
    }
    return sum % 10 == 0;
}

/* 13 to 19 digits, alone or in groups as cards print them (4 4 4 4, 4 6 5), whose check digit
 * holds. The longest such row counts: an expiry date may follow. */
bool redact_form_card(const struct redact_rule *rule, struct str text, size_t floor, size_t at,
                      struct redact_span *ret_span)
{
    char digits[CARD_DIGITS_MAX];
    char separator = '\0';
    size_t n = 0;
    size_t group = 0; /* digits since the latest separator */
    size_t best = 0;

    (void)rule;
    (void)floor;
    if (before(text, at) == '.' || text.p[at] < '2' || text.p[at] > '6') {
        return false; /* cards start with 2 to 6; times in milliseconds with 1 */
    }
    for (size_t i = at; i < text.n && n < CARD_DIGITS_MAX; i++) {
        char next = at_or_space(text, i + 1);

        if (is_digit(text.p[i])) {
            digits[n++] = text.p[i];
            group++;
            bool whole = n >= CARD_DIGITS_MIN && (separator == '\0' || group >= 3) &&
                         ends_number(text, i + 1) && luhn_holds(digits, n);
            best = whole ? i + 1 : best;
            continue;
        }
        bool first = separator == '\0' && (text.p[i] == ' ' || text.p[i] == '-');
        if (!is_digit(next) || (first ? n != 4 : text.p[i] != separator || group < 4)) {
            break;
        }
        separator = text.p[i];
        group = 0;
    }
    return best ? found(ret_span, at, best) : false;
}

/* Letters count as the numbers 10 to 35. */
static unsigned append_mod97(unsigned rest, char c)
{
    return is_digit(c) ? (rest * 10 + (unsigned)(c - '0')) % 97
                       : (rest * 100 + (unsigned)(c - 'A') + 10) % 97;
}

/* Country, two check digits, account; in one piece or in groups. Mod 97 must be 1. */
bool redact_form_iban(const struct redact_rule *rule, struct str text, size_t floor, size_t at,
                      struct redact_span *ret_span)
{
    unsigned rest = 0; /* of what stands behind the first four */
    size_t n = 0;
    size_t best = 0;

    (void)rule;
    (void)floor;
    if (text.n - at < IBAN_CHARS_MIN || !is_upper(text.p[at + 1]) || !is_digit(text.p[at + 2]) ||
        !is_digit(text.p[at + 3])) {
        return false;
    }
    for (size_t i = at; i < text.n && n < IBAN_CHARS_MAX; i++) {
        char c = text.p[i];

        if (c == ' ' && is_alnum(at_or_space(text, i + 1))) {
            continue;
        }
        if (!is_upper(c) && !is_digit(c)) {
            break;
        }
        n++;
        rest = n > 4 ? append_mod97(rest, c) : 0;
        if (n < IBAN_CHARS_MIN || is_word_char(at_or_space(text, i + 1))) {
            continue;
        }
        unsigned whole = rest; /* the first four count last */
        for (size_t k = 0; k < 4; k++) {
            whole = append_mod97(whole, text.p[at + k]);
        }
        best = whole == 1 ? i + 1 : best;
    }
    return best ? found(ret_span, at, best) : false;
}

/* ddd-dd-dddd, without the numbers that are never given out. */
bool redact_form_ssn(const struct redact_rule *rule, struct str text, size_t floor, size_t at,
                     struct redact_span *ret_span)
{
    static const char form[] = "ddd-dd-dddd";
    struct str s = str_head(str_from(text, at), sizeof(form) - 1);
    (void)rule;
    (void)floor;
    if (before(text, at) == '.' || s.n < sizeof(form) - 1 ||
        is_word_char(at_or_space(text, at + s.n))) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (form[i] == 'd' ? !is_digit(s.p[i]) : s.p[i] != form[i]) {
            return false;
        }
    }
    bool given_out = s.p[0] != '9' && !str_starts(s, STR("000")) && !str_starts(s, STR("666")) &&
                     !str_eq(between(s, 4, 6), STR("00")) && !str_ends(s, STR("0000"));
    return given_out ? found(ret_span, at, at + s.n) : false;
}

/* +, country code, 8 to 15 digits; without separators at least 10. */
bool redact_form_phone(const struct redact_rule *rule, struct str text, size_t floor, size_t at,
                       struct redact_span *ret_span)
{
    size_t digits = 0;
    size_t end = at + 1;
    bool separated = false;
    char former = before(text, at);

    (void)rule;
    (void)floor;
    if (is_alnum(former) || former == '+' || former == '/' || at_or_space(text, at + 1) < '1' ||
        at_or_space(text, at + 1) > '9') {
        return false;
    }
    for (size_t i = end; i < text.n && digits <= PHONE_DIGITS_MAX; i++) {
        char c = text.p[i];

        if (is_digit(c)) {
            digits++;
            end = i + 1;
        } else if (i - end < 2 && (c == ' ' || c == '-' || c == '.' || c == '(' || c == ')')) {
            separated = separated || is_digit(at_or_space(text, i + 1));
        } else {
            break;
        }
    }
    if (digits < (separated ? 8u : 10u) || digits > PHONE_DIGITS_MAX ||
        is_alnum(at_or_space(text, end))) {
        return false;
    }
    return found(ret_span, at, end);
}
