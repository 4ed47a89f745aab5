#include "llm/quirk.h"

#include <stddef.h>

/* The rows are laid out by hand: one vendor each. */
/* clang-format off */
const struct quirk quirk_table[] = {
    {.name = "openai", .host = "api.openai.com"},
    {.name = NULL},
};

/* clang-format on */

const struct quirk *quirk_find(struct str name)
{
    for (const struct quirk *q = quirk_table; q->name; q++) {
        if (str_is(name, q->name)) {
            return q;
        }
    }
    return NULL;
}

/* The host itself or one below it. */
static bool host_ends(struct str host, struct str end)
{
    return str_ends(host, end) && (host.n == end.n || host.p[host.n - end.n - 1] == '.');
}

const struct quirk *quirk_of_host(struct str host)
{
    for (const struct quirk *q = quirk_table; q->name; q++) {
        if (q->host && host_ends(host, str_of(q->host))) {
            return q;
        }
    }
    return &quirk_table[0];
}
