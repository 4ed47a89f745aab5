#include "gateway/metrics.h"

#include <pthread.h>

#include "core/map.h"
#include "core/mem.h"

#define LABELS_BYTES_MAX 700
/* Room that most labels fit into. */
#define USUAL_LABELS_BYTES 240

/* Counters of one label set. */
enum counter {
    COUNT_REQUESTS = 0,
    COUNT_ATTEMPTS,
    COUNT_INPUT_TOKENS,
    COUNT_CACHED_TOKENS,
    COUNT_OUTPUT_TOKENS,
    COUNT_COST_NANOUSD,
    COUNT_UNPRICED,
    COUNT_ESTIMATED,
    COUNTERS
};

static const struct {
    const char *name;
    const char *help;
} counter_table[COUNTERS] = {
    [COUNT_REQUESTS] = {"weir_requests_total",      "Requests answered."                  },
    [COUNT_ATTEMPTS] = {"weir_attempts_total",      "Calls made to providers."            },
    [COUNT_INPUT_TOKENS] = {"weir_input_tokens_total",  "Input tokens, cached ones included." },
    [COUNT_CACHED_TOKENS] = {"weir_cached_tokens_total",
                        "Input tokens read from a provider's cache."                      },
    [COUNT_OUTPUT_TOKENS] = {"weir_output_tokens_total", "Output tokens, reasoning included."  },
    [COUNT_COST_NANOUSD] = {"weir_cost_nanousd_total",  "Cost in billionths of a US dollar."  },
    [COUNT_UNPRICED] = {"weir_unpriced_total",      "Requests whose cost is unknown."     },
    [COUNT_ESTIMATED] = {"weir_estimated_total",     "Requests whose tokens are estimated."},
};

enum histogram { HIST_DURATION = 0, HIST_FIRST_BYTE, HIST_OVERHEAD, HISTOGRAMS };

static const struct {
    const char *name;
    const char *help;
} histogram_table[HISTOGRAMS] = {
    [HIST_DURATION] = {"weir_request_duration_seconds",   "First byte in to last byte out." },
    [HIST_FIRST_BYTE] = {"weir_time_to_first_byte_seconds", "First byte in to first byte out."},
    [HIST_OVERHEAD] = {"weir_overhead_seconds",           "weir's own share of the time."   },
};

/* Microseconds; the last bucket is +Inf. */
static const int64_t bucket_us[] = {
    50,     100,    250,    500,     1000,    2500,    5000,     10000,    25000,    50000,
    100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000, 30000000, 60000000, 300000000};

#define BUCKETS (ARRAY_LEN(bucket_us) + 1)

struct distribution {
    uint64_t buckets[BUCKETS];
    uint64_t n;
    int64_t sum_us;
};

struct series {
    struct str labels; /* as they stand between the braces */
    int64_t counters[COUNTERS];
};

struct metrics {
    uint64_t received; /* atomic: counted without the lock */
    pthread_mutex_t lock;
    uint64_t traced;
    struct map series;
    struct distribution distributions[HISTOGRAMS];
};

struct metrics *metrics_new(void)
{
    struct metrics *m = x_calloc(1, sizeof(*m));
    pthread_mutex_init(&m->lock, NULL);
    map_init(&m->series);
    return m;
}

static void series_clear(struct map *map)
{
    for (size_t i = 0; i < map->n; i++) {
        struct series *s = map->entries[i].value;
        x_free((char *)s->labels.p);
        x_free(s);
    }
    map_release(map);
}

void metrics_free(struct metrics *m)
{
    if (m) {
        series_clear(&m->series);
        pthread_mutex_destroy(&m->lock);
        x_free(m);
    }
}

static struct series *series_get(struct map *map, struct str labels)
{
    struct series *s = map_get(map, labels);
    if (!s) {
        s = x_calloc(1, sizeof(*s));
        s->labels = str_make(x_strndup(labels.p, labels.n), labels.n);
        map_put(map, s->labels, s);
    }
    return s;
}

static void put_label(struct buf *out, const char *name, struct str value)
{
    buf_puts(out, out->n > 0 ? "," : "");
    buf_puts(out, name);
    buf_puts(out, "=\"");
    size_t start = 0; /* of what is not written yet */
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (c == '"' || c == '\\' || c == '\n') {
            buf_put(out, value.p + start, i - start);
            buf_puts(out, c == '"' ? "\\\"" : c == '\n' ? " " : "\\\\");
            start = i + 1;
        }
    }
    buf_put_str(out, str_from(value, start));
    buf_putc(out, '"');
}

struct label_values {
    struct str route, model, provider, outcome;
    int status;
};

static struct series *series_for(struct metrics *m, const struct label_values *v)
{
    struct buf labels;
    buf_init(&labels, LABELS_BYTES_MAX);
    buf_reserve(&labels, USUAL_LABELS_BYTES);
    bool full = m->series.n >= METRICS_SERIES_MAX;
    put_label(&labels, "route", v->route);
    put_label(&labels, "model", full ? STR("other") : v->model);
    put_label(&labels, "provider", full ? STR("other") : v->provider);
    put_label(&labels, "outcome", v->outcome.n > 0 ? v->outcome : STR("ok"));
    buf_puts(&labels, ",status=\"");
    buf_put_i64(&labels, v->status);
    buf_putc(&labels, '"');
    struct series *s = series_get(&m->series, buf_str(&labels));
    buf_release(&labels);
    return s;
}

static void observe(struct distribution *d, int64_t us)
{
    size_t i = 0;
    if (us < 0) {
        return;
    }
    while (i < ARRAY_LEN(bucket_us) && us > bucket_us[i]) {
        i++;
    }
    d->buckets[i]++;
    d->n++;
    d->sum_us += us;
}

static void add_known(int64_t *sum, int64_t value)
{
    *sum += value > 0 ? value : 0;
}

void metrics_receive(struct metrics *m)
{
    __atomic_add_fetch(&m->received, 1, __ATOMIC_RELAXED);
}

void metrics_record(struct metrics *m, const struct trace *t, struct str alias)
{
    struct label_values values = {.route = t->route,
                                  .model = alias,
                                  .provider = t->provider,
                                  .outcome = t->error_class,
                                  .status = t->status};
    pthread_mutex_lock(&m->lock);
    m->traced++;
    int64_t *c = series_for(m, &values)->counters;
    c[COUNT_REQUESTS]++;
    c[COUNT_ATTEMPTS] += t->attempts;
    add_known(&c[COUNT_INPUT_TOKENS], t->input_tokens);
    add_known(&c[COUNT_CACHED_TOKENS], t->cached_tokens);
    add_known(&c[COUNT_OUTPUT_TOKENS], t->output_tokens);
    c[COUNT_COST_NANOUSD] += t->price_status == TRACE_PRICED ? t->cost_nanousd : 0;
    c[COUNT_UNPRICED] += t->price_status == TRACE_UNPRICED;
    c[COUNT_ESTIMATED] += t->usage_source == TRACE_USAGE_ESTIMATED;
    observe(&m->distributions[HIST_DURATION], t->done_us);
    observe(&m->distributions[HIST_FIRST_BYTE], t->first_us);
    observe(&m->distributions[HIST_OVERHEAD], t->overhead_us);
    pthread_mutex_unlock(&m->lock);
}

void metrics_refuse(struct metrics *m, const char *route, int status, const char *outcome)
{
    struct label_values values = {.route = str_of(route),
                                  .model = STR_EMPTY,
                                  .provider = STR_EMPTY,
                                  .outcome = str_of(outcome),
                                  .status = status};
    pthread_mutex_lock(&m->lock);
    series_for(m, &values)->counters[COUNT_REQUESTS]++;
    pthread_mutex_unlock(&m->lock);
}

/* ---- the text ---- */

static void sum_up(struct metrics *const *workers, size_t n, struct map *all,
                   struct distribution *distributions)
{
    for (size_t w = 0; w < n; w++) {
        pthread_mutex_lock(&workers[w]->lock);
        for (size_t i = 0; i < workers[w]->series.n; i++) {
            const struct series *from = workers[w]->series.entries[i].value;
            struct series *to = series_get(all, from->labels);
            for (size_t k = 0; k < COUNTERS; k++) {
                to->counters[k] += from->counters[k];
            }
        }
        for (size_t h = 0; h < HISTOGRAMS; h++) {
            const struct distribution *from = &workers[w]->distributions[h];
            for (size_t b = 0; b < BUCKETS; b++) {
                distributions[h].buckets[b] += from->buckets[b];
            }
            distributions[h].n += from->n;
            distributions[h].sum_us += from->sum_us;
        }
        pthread_mutex_unlock(&workers[w]->lock);
    }
}

static void write_counters(const struct map *all, struct buf *out)
{
    for (size_t k = 0; k < COUNTERS; k++) {
        buf_putf(out, "# HELP %s %s\n# TYPE %s counter\n", counter_table[k].name,
                 counter_table[k].help, counter_table[k].name);
        for (size_t i = 0; i < all->n; i++) {
            const struct series *s = all->entries[i].value;
            if (s->counters[k] == 0 && k != COUNT_REQUESTS) {
                continue;
            }
            buf_putf(out, "%s{%.*s} %lld\n", counter_table[k].name, STR_ARG(s->labels),
                     (long long)s->counters[k]);
        }
    }
}

static void write_histograms(const struct distribution *distributions, struct buf *out)
{
    for (size_t h = 0; h < HISTOGRAMS; h++) {
        const struct distribution *d = &distributions[h];
        const char *name = histogram_table[h].name;
        uint64_t sum = 0;
        buf_putf(out, "# HELP %s %s\n# TYPE %s histogram\n", name, histogram_table[h].help, name);
        for (size_t b = 0; b < ARRAY_LEN(bucket_us); b++) {
            sum += d->buckets[b];
            buf_putf(out, "%s_bucket{le=\"%g\"} %llu\n", name, (double)bucket_us[b] / 1e6,
                     (unsigned long long)sum);
        }
        buf_putf(out, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.6f\n%s_count %llu\n", name,
                 (unsigned long long)d->n, name, (double)d->sum_us / 1e6, name,
                 (unsigned long long)d->n);
    }
}

static void put_total(struct buf *out, const char *name, const char *help, uint64_t value)
{
    buf_putf(out, "# HELP %s %s\n# TYPE %s counter\n%s %llu\n", name, help, name, name,
             (unsigned long long)value);
}

/* What accounts for every request: received = ended + open, and traced = traces of the store. */
static void write_totals(struct metrics *const *workers, size_t n, struct buf *out)
{
    uint64_t received = 0, traced = 0;
    for (size_t w = 0; w < n; w++) {
        received += __atomic_load_n(&workers[w]->received, __ATOMIC_RELAXED);
        pthread_mutex_lock(&workers[w]->lock);
        traced += workers[w]->traced;
        pthread_mutex_unlock(&workers[w]->lock);
    }
    put_total(out, "weir_requests_received_total", "Requests taken up.", received);
    put_total(out, "weir_requests_traced_total", "Requests ended with a trace.", traced);
}

/* Kinds of level and dimensions are closed sets: no names of keys here. */
static void write_refusals(const struct governor_counts *g, struct buf *out)
{
    buf_puts(out, "# HELP weir_limit_refusals_total Reservations that a limit refused.\n"
                  "# TYPE weir_limit_refusals_total counter\n");
    for (int kind = 0; kind < LEVEL_KINDS; kind++) {
        for (int d = 0; d < DIMENSIONS; d++) {
            if (g->refused[kind][d] > 0) {
                buf_putf(out, "weir_limit_refusals_total{level=\"%s\",dimension=\"%s\"} %llu\n",
                         level_kind_names[kind], dimension_names[d],
                         (unsigned long long)g->refused[kind][d]);
            }
        }
    }
}

static void write_gauges(const struct metrics_gauges *g, struct buf *out)
{
    const struct {
        const char *name, *type, *help;
        double value;
    } rows[] = {
        {"weir_client_connections",               "gauge",   "Open client connections.",
         (double)g->client_connections                                                                                                    },
        {"weir_requests_open",                    "gauge",   "Requests being answered.",                   (double)g->requests_open       },
        {"weir_provider_calls",                   "gauge",   "Calls to providers under way.",
         (double)g->provider_calls                                                                                                        },
        {"weir_provider_connections",             "gauge",   "Connections to providers.",
         (double)g->provider_connections                                                                                                  },
        {"weir_provider_connections_idle",        "gauge",   "Of these, unused.",                          (double)g->provider_idle       },
        {"weir_provider_calls_waiting",           "gauge",   "Calls that wait for a connection.",
         (double)g->provider_waiting                                                                                                      },
        {"weir_config_loaded_timestamp_seconds",  "gauge",   "When the configuration was loaded.",
         (double)g->config_loaded_ms / 1000                                                                                               },
        {"weir_config_reloads_total",             "counter", "Reloads that were taken over.",
         (double)g->reloads_ok                                                                                                            },
        {"weir_config_reloads_failed_total",      "counter", "Reloads that were refused.",
         (double)g->reloads_failed                                                                                                        },
        {"weir_traces_written_total",             "counter", "Traces in the store.",                       (double)g->store.written       },
        {"weir_traces_dropped_total",             "counter", "Traces lost because the ring was full.",
         (double)g->store.dropped                                                                                                         },
        {"weir_traces_failed_total",              "counter", "Traces the store could not write.",
         (double)g->store.failed                                                                                                          },
        {"weir_trace_ring_bytes",                 "gauge",   "Bytes waiting for the store.",
         (double)g->store.ring_bytes                                                                                                      },
        {"weir_reservations_total",               "counter", "Requests that reserved what they may use.",
         (double)g->governor.taken                                                                                                        },
        {"weir_reservations_swapped_total",       "counter",
         "Of these, moved to another provider or key.",                                                    (double)g->governor.swapped    },
        {"weir_reservations_held",                "gauge",   "Of these, not yet settled.",                 (double)g->governor.held       },
        {"weir_governor_lock_waits_total",        "counter", "Takes of the lock that found it taken.",
         (double)g->governor.waits                                                                                                        },
        {"weir_governor_lock_wait_seconds_total", "counter", "Time spent on them.",
         (double)g->governor.wait_us / 1e6                                                                                                },
        {"weir_ledger_reserved_total",            "counter", "Requests entered before they left.",
         (double)g->ledger.reserved                                                                                                       },
        {"weir_ledger_settled_total",             "counter", "Requests entered when they ended.",
         (double)g->ledger.settled                                                                                                        },
        {"weir_ledger_orphans_total",             "counter",
         "Requests that an earlier process left open, found at the start.",                                (double)g->ledger.orphaned     },
        {"weir_ledger_refused_total",             "counter", "Requests for which the ledger had no room.",
         (double)g->ledger.log.refused                                                                                                    },
        {"weir_ledger_backlog_bytes",             "gauge",   "Log that the store has not taken in yet.",
         (double)g->ledger.log.unread_bytes                                                                                               },
        {"weir_ledger_segments",                  "gauge",   "Files of the log.",                          (double)g->ledger.log.segments },
        {"weir_store_bytes",                      "gauge",   "Size of the store.",                         (double)g->store.database_bytes},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_putf(out, "# HELP %s %s\n# TYPE %s %s\n%s %.15g\n", rows[i].name, rows[i].help,
                 rows[i].name, rows[i].type, rows[i].name, rows[i].value);
    }
    write_refusals(&g->governor, out);
    buf_putf(out,
             "# HELP weir_build_info Version.\n# TYPE weir_build_info gauge\n"
             "weir_build_info{version=\"%s\"} 1\n",
             g->version);
}

void metrics_write(struct metrics *const *workers, size_t n, const struct metrics_gauges *gauges,
                   struct buf *out)
{
    struct distribution distributions[HISTOGRAMS] = {0};
    struct map all;

    map_init(&all);
    sum_up(workers, n, &all, distributions);
    write_counters(&all, out);
    write_totals(workers, n, out);
    write_histograms(distributions, out);
    write_gauges(gauges, out);
    series_clear(&all);
}
