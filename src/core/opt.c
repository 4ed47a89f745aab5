#include "core/opt.h"

#include <string.h>

#include "core/bounds.h"
#include "core/str.h"

/* Options of one command that a nearest name is looked for in. */
#define OPT_NAMES_MAX 64

struct parser {
    int argc;
    const char *const *argv;
    int at; /* the next argument */
    const struct opt *opts;
    size_t n;
    void *target;
    struct error *err;
};

static int add_text(struct opt_texts *texts, const char *text, const char *what, struct error *err)
{
    if (texts->n == OPT_POSITIONAL_MAX) {
        return error_set(err, ERR_LIMIT, "more than %d %s", OPT_POSITIONAL_MAX, what);
    }
    texts->items[texts->n++] = text;
    return 0;
}

static int unknown(const struct parser *p, struct str name)
{
    struct str names[OPT_NAMES_MAX];
    size_t n = p->n < OPT_NAMES_MAX ? p->n : OPT_NAMES_MAX;
    char shown[STR_SHOW_MAX];

    for (size_t i = 0; i < n; i++) {
        names[i] = str_of(p->opts[i].name);
    }
    struct str near = str_nearest(name, names, n);
    if (near.n > 0) {
        return error_set(p->err, ERR_INVALID, "unknown option \"--%s\"; did you mean \"--%.*s\"?",
                         str_show(name, shown), STR_ARG(near));
    }
    return error_set(p->err, ERR_INVALID, "unknown option \"--%s\"; -h lists the options",
                     str_show(name, shown));
}

static int bad_value(const struct parser *p, const struct opt *opt, const char *value)
{
    static const struct {
        const char *expected;
        enum bounds_unit unit;
    } types[] = {
        [OPT_FLAG] = {"without a value",                           BOUNDS_NUMBER  },
        [OPT_TEXT] = {"text",                                      BOUNDS_NUMBER  },
        [OPT_I64] = {"a whole number",                            BOUNDS_NUMBER  },
        [OPT_DOUBLE] = {"a number",                                  BOUNDS_NUMBER  },
        [OPT_DURATION] = {"a duration like 250ms, 10s, 5m, 2h or 30d", BOUNDS_DURATION},
        [OPT_REPEATED] = {"text",                                      BOUNDS_NUMBER  },
    };

    char bounds[BOUNDS_TEXT_MAX];
    char shown[STR_SHOW_MAX];

    return error_set(p->err, ERR_INVALID, "option \"--%s\" must be %s%s, not \"%s\"", opt->name,
                     types[opt->type].expected,
                     bounds_show(types[opt->type].unit, opt->min, opt->max, bounds),
                     str_show(str_of(value), shown));
}

static int store(const struct parser *p, const struct opt *opt, const char *value)
{
    void *field = (char *)p->target + opt->offset;
    struct str text = str_of(value);
    int64_t whole = 0;
    double number = 0;

    switch (opt->type) {
    case OPT_FLAG:
        *(bool *)field = true;
        return 0;
    case OPT_TEXT:
        *(const char **)field = value;
        return 0;
    case OPT_REPEATED:
        if (((struct opt_texts *)field)->n == OPT_POSITIONAL_MAX) {
            return error_set(p->err, ERR_LIMIT, "option \"--%s\" is given more than %d times",
                             opt->name, OPT_POSITIONAL_MAX);
        }
        return add_text(field, value, opt->name, p->err);
    case OPT_DOUBLE:
        if (str_to_double(text, &number) != 0 || !bounds_hold(number, opt->min, opt->max)) {
            return bad_value(p, opt, value);
        }
        *(double *)field = number;
        return 0;
    case OPT_I64:
    case OPT_DURATION:
        break;
    }
    if ((opt->type == OPT_I64 ? str_to_i64(text, &whole) : str_to_duration_ms(text, &whole)) != 0 ||
        !bounds_hold((double)whole, opt->min, opt->max)) {
        return bad_value(p, opt, value);
    }
    *(int64_t *)field = whole;
    return 0;
}

/* The option's value is `attached`, or else the next argument. */
static int take(struct parser *p, const struct opt *opt, const char *attached)
{
    if (opt->type == OPT_FLAG) {
        return attached ? bad_value(p, opt, attached) : store(p, opt, NULL);
    }
    if (!attached) {
        if (p->at >= p->argc) {
            return error_set(p->err, ERR_INVALID, "option \"--%s\" needs a value: --%s %s",
                             opt->name, opt->name, opt->value ? opt->value : "VALUE");
        }
        attached = p->argv[p->at++];
    }
    return store(p, opt, attached);
}

static int parse_long(struct parser *p, const char *text)
{
    const char *equals = strchr(text, '=');
    struct str name = equals ? str_make(text, (size_t)(equals - text)) : str_of(text);

    for (size_t i = 0; i < p->n; i++) {
        if (str_is(name, p->opts[i].name)) {
            return take(p, &p->opts[i], equals ? equals + 1 : NULL);
        }
    }
    return unknown(p, name);
}

static const struct opt *find_letter(const struct parser *p, char letter)
{
    for (size_t i = 0; i < p->n; i++) {
        if (p->opts[i].letter != '\0' && p->opts[i].letter == letter) {
            return &p->opts[i];
        }
    }
    return NULL;
}

/* "-v", "-vq", "-n5", "-n 5": flags may stand together, a value ends the group. */
static int parse_letters(struct parser *p, const char *letters)
{
    for (const char *at = letters; *at; at++) {
        const struct opt *opt = find_letter(p, *at);

        if (!opt) {
            char shown[STR_SHOW_MAX];
            return error_set(p->err, ERR_INVALID, "unknown option \"-%s\"; -h lists the options",
                             str_show(str_make(at, str_utf8_char(str_of(at))), shown));
        }
        if (opt->type != OPT_FLAG) {
            return take(p, opt, at[1] ? at + 1 : NULL);
        }
        int result = take(p, opt, NULL);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

/* Seven parameters: argc and argv, and the table with its length, are one thing each to callers. */
/* NOLINTNEXTLINE(readability-function-size) */
int opt_parse(int argc, const char *const *argv, const struct opt *opts, size_t n, void *target,
              struct opt_texts *positional, struct error *err)
{
    struct parser p = {argc, argv, 0, opts, n, target, err};
    bool options_ended = false;
    int result = 0;

    while (result == 0 && p.at < argc) {
        const char *text = argv[p.at++];

        if (options_ended || text[0] != '-' || text[1] == '\0') {
            result = add_text(positional, text, "arguments", err);
        } else if (text[1] != '-') {
            result = parse_letters(&p, text + 1);
        } else if (text[2] == '\0') {
            options_ended = true;
        } else {
            result = parse_long(&p, text + 2);
        }
    }
    return result;
}
