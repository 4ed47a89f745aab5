#ifndef CORE_OPT_H
#define CORE_OPT_H

/*
 * Command line options from a const table: parsing here, help text and completion in cmd/ from the
 * same table. Long options ("--by tenant", "--by=tenant"), one-letter forms where given, "--" ends
 * options. Unknown options are errors with the nearest name. Values stay as text views into argv.
 * An option given twice counts once, the last time (but see OPT_REPEATED). "-" is no option.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/attr.h"
#include "core/error.h"

#define OPT_POSITIONAL_MAX 64

enum opt_type {
    OPT_FLAG,     /* bool */
    OPT_TEXT,     /* const char * */
    OPT_I64,      /* int64_t within min..max */
    OPT_DOUBLE,   /* double */
    OPT_DURATION, /* int64_t milliseconds */
    OPT_REPEATED  /* struct opt_texts: may be given several times */
};

struct opt_texts {
    const char *items[OPT_POSITIONAL_MAX];
    size_t n;
};

struct opt {
    const char *name; /* without dashes */
    char letter;      /* 0 = none */
    enum opt_type type;
    size_t offset;
    const char *value; /* what to call the value in help: "FILE"; NULL for flags */
    const char *help;
    double min, max; /* both 0 = no bounds */
};

/* Fills `target`, which holds the defaults on entry; what is no option goes to `positional`.
 * argv holds the arguments only, no program name, and must outlive `target`. */
MUST_CHECK int opt_parse(int argc, const char *const *argv, const struct opt *opts, size_t n,
                         void *target, struct opt_texts *positional, struct error *err);

#endif
