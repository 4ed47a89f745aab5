#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/secret.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"

#define NAME_BYTES_MAX  128
#define ENTRY_BYTES_MAX 16384

struct key_options {
    const char *tenant, *alias, *models, *expires;
    bool json;
};

/* What a name may hold is what the configuration accepts: it goes into headers, logs and metrics.
 */
static int check_name(const char *option, struct str name, struct error *err)
{
    char shown[STR_SHOW_MAX];
    bool sound = name.n > 0 && name.n <= NAME_BYTES_MAX;

    for (size_t i = 0; sound && i < name.n; i++) {
        char c = name.p[i];
        sound = c > ' ' && c < 127 && c != '"' && c != '\\' && c != ',';
    }
    if (!sound) {
        return error_set(err, ERR_INVALID,
                         "--%s: a name has 1 to %d printable ASCII characters, no spaces, quotes, "
                         "backslashes or commas, unlike \"%s\"",
                         option, NAME_BYTES_MAX, str_show(name, shown));
    }
    return 0;
}

/* A name as YAML takes it for a text: quoted unless it is plainly a word. */
static void put_name(struct buf *out, struct str name)
{
    bool plain = (name.p[0] >= 'a' && name.p[0] <= 'z') || (name.p[0] >= 'A' && name.p[0] <= 'Z');

    for (size_t i = 0; plain && i < name.n; i++) {
        char c = name.p[i];
        plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                c == '-' || c == '_' || c == '.' || c == '/';
    }
    if (plain && !str_eq_nocase(name, STR("null"))) {
        buf_put_str(out, name);
    } else {
        buf_put_json(out, name);
    }
}

static int check_options(const struct key_options *o, struct error *err)
{
    char today[CLOCK_TEXT_MAX];
    char shown[STR_SHOW_MAX];

    if (!o->tenant || !o->alias) {
        return error_set(err, ERR_INVALID, "needs --%s: the key of %s",
                         o->tenant ? "alias" : "tenant",
                         o->tenant ? "which client (what reports will call it)" : "which tenant");
    }
    int result = check_name("tenant", str_of(o->tenant), err);
    if (result == 0) {
        result = check_name("alias", str_of(o->alias), err);
    }
    struct str models = str_of(o->models);
    while (result == 0 && models.n > 0) {
        result = check_name("models", str_split(&models, ','), err);
    }
    if (result != 0 || !o->expires) {
        return result;
    }
    int64_t expires_ms = 0;
    if (strlen(o->expires) != 10 || clock_parse(str_of(o->expires), &expires_ms) != 0) {
        return error_set(err, ERR_INVALID, "--expires must be a date like 2027-01-31, not \"%s\"",
                         str_show(str_of(o->expires), shown));
    }
    clock_format_day(clock_wall_ms(), today);
    if (expires_ms <= clock_wall_ms()) {
        return error_set(err, ERR_INVALID, "--expires %s is not in the future (today is %s)",
                         o->expires, today);
    }
    return 0;
}

static void put_models(struct buf *out, const char *models, bool json)
{
    struct str rest = str_of(models);

    buf_putc(out, '[');
    for (const char *comma = ""; rest.n > 0; comma = json ? "," : ", ") {
        struct str model = str_split(&rest, ',');
        buf_puts(out, comma);
        if (json) {
            buf_put_json(out, model);
        } else {
            put_name(out, model);
        }
    }
    buf_putc(out, ']');
}

static void put_entry(struct buf *out, const struct key_options *o, const char *digest)
{
    buf_puts(out, "{alias: ");
    put_name(out, str_of(o->alias));
    buf_putf(out, ", sha256: %s", digest);
    if (o->models) {
        buf_puts(out, ", models: ");
        put_models(out, o->models, false);
    }
    if (o->expires) {
        buf_putf(out, ", expires: %s", o->expires);
    }
    buf_putc(out, '}');
}

static void put_person(struct buf *out, const struct key_options *o, const struct secret *secret)
{
    buf_putf(out,
             "The secret, for the client. It is shown this once; weir keeps only its digest.\n\n"
             "  %s\n\nThe entry for weir.yaml (then: weir ctl reload):\n\n"
             "tenants:\n  ",
             secret->text);
    put_name(out, str_of(o->tenant));
    buf_puts(out, ":\n    keys:\n      - ");
    put_entry(out, o, secret->sha256);
    buf_putc(out, '\n');
}

static void put_json(struct buf *out, const struct key_options *o, const struct secret *secret)
{
    buf_putf(out, "{\"tenant\":\"%s\",\"alias\":\"%s\",\"secret\":\"%s\",\"sha256\":\"%s\"",
             o->tenant, o->alias, secret->text, secret->sha256);
    if (o->models) {
        buf_puts(out, ",\"models\":");
        put_models(out, o->models, true);
    }
    if (o->expires) {
        buf_putf(out, ",\"expires\":\"%s\"", o->expires);
    }
    buf_puts(out, "}\n");
}

static int run_new(const struct cmd_context *context, const void *options, struct error *err)
{
    const struct key_options *o = options;
    struct secret secret;
    struct buf text;

    (void)context;
    int result = check_options(o, err);
    if (result != 0) {
        return result;
    }
    secret_make(&secret);
    buf_init(&text, ENTRY_BYTES_MAX);
    (o->json ? put_json : put_person)(&text, o, &secret);
    if (buf_ok(&text)) {
        fwrite(text.p, 1, text.n, stdout);
    } else {
        result = error_set(err, ERR_LIMIT, "--models: more names than one entry can hold");
    }
    if (text.p) {
        mem_wipe(text.p, text.n);
    }
    buf_release(&text);
    mem_wipe(&secret, sizeof(secret));
    return result;
}

static int run_hash(const struct cmd_context *context, const void *options, struct error *err)
{
    char hex[HASH_SHA256_HEX + 1];

    (void)context;
    (void)options;
    int result = secret_digest_input(hex, err);
    if (result == 0) {
        printf("%s\n", hex);
    }
    return result;
}

#define TEXT_OPT(field, what, text)                                                                \
    {                                                                                              \
        .name = #field, .type = OPT_TEXT, .offset = offsetof(struct key_options, field),           \
        .value = (what), .help = (text)                                                            \
    }

static const struct opt new_opts[] = {
    TEXT_OPT(tenant, "NAME", "the tenant the key belongs to (required)"),
    TEXT_OPT(alias, "NAME", "what logs, traces and reports call the key (required)"),
    TEXT_OPT(models, "LIST", "the models it may use, separated by commas; default: all"),
    TEXT_OPT(expires, "DATE", "the day from which it is refused: 2027-01-31; default: never"),
    CMD_OPT_JSON(struct key_options, json),
};

static const struct cmd key_new = {
    .name = "new",
    .summary = "make a virtual key and print its secret once",
    .usage = "--tenant NAME --alias NAME [--models LIST] [--expires DATE] [--json]",
    .help =
        "The secret is \"" SECRET_PREFIX "\" and 32 random bytes. Nothing is written anywhere:\n"
        "the configuration gets the digest, the client gets the secret.",
    .example = "weir key new --tenant acme --alias web --models fast,smart --expires 2030-01-01",
    .opts = new_opts,
    .opt_count = ARRAY_LEN(new_opts),
    .options_size = sizeof(struct key_options),
    .run = run_new,
};

static const struct cmd key_hash = {
    .name = "hash",
    .summary = "print the digest of a secret read from standard input",
    .usage = "< FILE",
    .help = "For keys that clients have already. A secret is never taken as an argument, where\n"
            "other users of the machine could see it.",
    .example = "weir key hash < secret.txt",
    .run = run_hash,
};

static const struct cmd *const verbs[] = {&key_new, &key_hash, NULL};

const struct cmd cmd_key = {
    .name = "key",
    .summary = "make virtual keys for clients",
    .example = "weir key new --tenant acme --alias web",
    .verbs = verbs,
};
