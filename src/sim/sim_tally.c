#include "sim/sim_tally.h"

#include <stdbool.h>
#include <stddef.h>

#include "core/attr.h"
#include "core/error.h"

/* The plain counts and their names in /sim/stats. */
static const struct {
    const char *name;
    size_t offset;
} counts[] = {
    {"requests",         offsetof(struct sim_tally, requests)        },
    {"streams",          offsetof(struct sim_tally, streams)         },
    {"input_tokens",     offsetof(struct sim_tally, input_tokens)    },
    {"tokens_generated", offsetof(struct sim_tally, tokens_generated)},
    {"events_generated", offsetof(struct sim_tally, events_generated)},
    {"cancelled",        offsetof(struct sim_tally, cancelled)       },
    {"events_cancelled", offsetof(struct sim_tally, events_cancelled)},
    {"timeouts",         offsetof(struct sim_tally, timeouts)        },
    {"resets",           offsetof(struct sim_tally, resets)          },
    {"stalls",           offsetof(struct sim_tally, stalls)          },
    {"cuts",             offsetof(struct sim_tally, cuts)            },
    {"stream_errors",    offsetof(struct sim_tally, stream_errors)   },
    {"retries",          offsetof(struct sim_tally, retries)         },
    {"in_flight",        offsetof(struct sim_tally, in_flight)       },
    {"peak_concurrency", offsetof(struct sim_tally, peak_in_flight)  },
};

void sim_tally_reset(struct sim_tally *tally)
{
    uint64_t in_flight = tally->in_flight;
    *tally = (struct sim_tally){.in_flight = in_flight, .peak_in_flight = in_flight};
}

void sim_tally_enter(struct sim_tally *tally)
{
    tally->in_flight++;
    if (tally->in_flight > tally->peak_in_flight) {
        tally->peak_in_flight = tally->in_flight;
    }
}

void sim_tally_leave(struct sim_tally *tally)
{
    BUG_ON(tally->in_flight == 0);
    tally->in_flight--;
}

void sim_tally_status(struct sim_tally *tally, int status)
{
    BUG_ON(status < 0 || status >= SIM_TALLY_STATUSES_MAX);
    tally->by_status[status]++;
}

void sim_tally_write(const struct sim_tally *tally, const char *const *routes, struct buf *out)
{
    bool first = true;
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        const uint64_t *value = (const void *)((const char *)tally + counts[i].offset);
        buf_putf(out, "%s\"%s\":%llu", i > 0 ? "," : "", counts[i].name,
                 (unsigned long long)*value);
    }
    buf_puts(out, ",\"by_route\":{");
    for (size_t i = 0; routes[i]; i++) {
        if (tally->by_route[i] > 0) {
            buf_putf(out, "%s\"%s\":%llu", first ? "" : ",", routes[i],
                     (unsigned long long)tally->by_route[i]);
            first = false;
        }
    }
    buf_puts(out, "},\"by_status\":{");
    first = true;
    for (int i = 0; i < SIM_TALLY_STATUSES_MAX; i++) {
        if (tally->by_status[i] > 0) {
            buf_putf(out, "%s\"%d\":%llu", first ? "" : ",", i,
                     (unsigned long long)tally->by_status[i]);
            first = false;
        }
    }
    buf_putc(out, '}');
}
