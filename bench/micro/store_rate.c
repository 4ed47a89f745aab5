/*
 * What a trace costs: submits traces as the gateway makes them for 2 KB requests at capture level
 * `hashes`, and reports the CPU time of both sides for each.
 *
 *   store_rate [-n TRACES] [-b BODY_BYTES] [-r RATE_PER_S] [-p COPIES] FOLDER
 *
 * RATE 0 is as fast as the store takes them (a full ring is waited for); bodies differ from each
 * other in a few bytes, or are all equal with -p 1. "submit" is the CPU time of the thread that
 * builds and submits, "writer" all the rest of the process.
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/rand.h"
#include "store/store.h"

static int64_t cpu_us(clockid_t clock)
{
    struct timespec at;

    clock_gettime(clock, &at);
    return (int64_t)at.tv_sec * 1000000 + at.tv_nsec / 1000;
}

struct plan {
    int64_t traces, body_bytes, rate, bodies;
};

static char *make_body(long n)
{
    static const char head[] = "{\"model\":\"fast\",\"temperature\":0.2,\"messages\":[{\"role\":"
                               "\"system\",\"content\":\"You are a helpful assistant.\"},{\"role\":"
                               "\"user\",\"content\":\"";
    static const char tail[] = "\"}]}";
    char *body = (char *)x_malloc((size_t)n + sizeof(head) + sizeof(tail));
    size_t at = sizeof(head) - 1;

    memcpy(body, head, at);
    for (; at + sizeof(tail) - 1 < (size_t)n; at++) {
        body[at] = (char)('a' + at * at % 23);
    }
    memcpy(body + at, tail, sizeof(tail));
    return body;
}

static struct trace *make_trace(long number, const struct plan *plan, const char *body,
                                struct rand_state *rand)
{
    static const char answer[] =
        "{\"id\":\"chatcmpl-abcdefghijkl\",\"object\":\"chat.completion\",\"choices\":[{\"index\":"
        "0,"
        "\"message\":{\"role\":\"assistant\",\"content\":\"Hello! How can I help you today? I am a "
        "mock and say the same thing each time.\"},\"finish_reason\":\"stop\"}],\"usage\":{"
        "\"prompt_tokens\":512,\"completion_tokens\":24,\"total_tokens\":536}}";
    struct trace *t = trace_new();
    struct arena *a = &t->arena;

    t->started_ms = clock_wall_ms();
    trace_make_id(rand, t->started_ms, t->id);
    t->capture = TRACE_CAPTURE_HASHES;
    t->tenant = arena_printf(a, "tenant-%ld", number % 10);
    t->key_alias = arena_printf(a, "key-%ld", number * 7919 % 1000);
    t->received_us = 20 + number % 5;
    t->request_bytes = plan->body_bytes;
    t->method = arena_str(a, STR("POST"));
    t->path = arena_str(a, STR("/v1/chat/completions"));
    t->dialect = STR("openai");
    t->route = STR("chat");
    t->client = arena_printf(a, "127.0.0.1:%ld", 30000 + number % 256);
    t->user_agent = arena_str(a, STR("bench/1.0"));
    t->model_asked = arena_str(a, STR("fast"));
    t->params_json = arena_str(a, STR("{\"temperature\":0.2,\"max_tokens\":256}"));
    t->route_json = arena_str(a, STR("{\"strategy\":\"fallback\",\"considered\":[{\"provider\":"
                                     "\"mock\",\"model\":\"mock-1\"}]}"));
    t->attempts = 1;
    t->attempts_json = arena_printf(a,
                                    "[{\"provider\":\"mock\",\"model\":\"mock-1\",\"key\":\"main\","
                                    "\"status\":200,\"start_us\":%ld,\"end_us\":%ld}]",
                                    25 + number % 7, 130 + number % 97);
    t->provider = arena_str(a, STR("mock"));
    t->model_routed = arena_str(a, STR("mock-1"));
    t->model_returned = arena_str(a, STR("mock-1"));
    t->finish_reason = arena_str(a, STR("stop"));
    t->upstream_request_id = arena_printf(a, "req_%08lx", number);
    t->usage_raw = arena_str(a, STR("{\"prompt_tokens\":512,\"completion_tokens\":24,"
                                    "\"total_tokens\":536}"));
    t->price_version = arena_str(a, STR("config"));
    t->status = 200;
    t->upstream_status = 200;
    t->routed_us = 25 + number % 7;
    t->sent_us = 30 + number % 7;
    t->head_us = 100 + number % 97;
    t->first_us = 110 + number % 97;
    t->done_us = 130 + number % 97;
    t->overhead_us = 15 + number % 5;
    t->response_bytes = sizeof(answer) - 1;
    t->input_tokens = 512;
    t->output_tokens = 24;
    t->usage_source = TRACE_USAGE_PROVIDER;
    t->price_status = TRACE_PRICED;
    t->cost_nanousd = 12345;
    (void)buf_reserve(&t->request_body, (size_t)plan->body_bytes);
    (void)buf_put(&t->request_body, body, (size_t)plan->body_bytes);
    if (plan->bodies != 1 && plan->body_bytes > 300) {
        char digits[32];
        snprintf(digits, sizeof(digits), "%020lld", (long long)(number % plan->bodies));
        memcpy(t->request_body.p + 200, digits + 10, 10);
    }
    (void)buf_put(&t->response_body, answer, sizeof(answer) - 1);
    return t;
}

static void wait_for_room(struct store *store)
{
    struct store_counts counts;

    for (;;) {
        store_count(store, &counts);
        if (counts.ring_traces < STORE_RING_TRACES / 2 &&
            counts.ring_bytes < STORE_RING_BYTES / 2) {
            return;
        }
        usleep(1000);
    }
}

static void run(struct store *store, const struct plan *plan, const char *body)
{
    int64_t start_us = clock_mono_us();
    struct rand_state rand;

    rand_seed(&rand, (uint64_t)start_us);
    for (long i = 0; i < plan->traces; i++) {
        if (plan->rate > 0 && i % 16 == 0) {
            int64_t due_us = start_us + i * 1000000 / plan->rate;
            int64_t now_us = clock_mono_us();
            if (due_us > now_us) {
                usleep((useconds_t)(due_us - now_us));
            }
        } else if (plan->rate == 0 && i % 64 == 0) {
            wait_for_room(store);
        }
        (void)store_submit(store, make_trace(i, plan, body, &rand));
    }
}

static void report(struct store *store, const struct plan *plan, int64_t submit_us,
                   int64_t process_us, int64_t wall_us)
{
    struct store_counts counts;
    double n = (double)plan->traces;

    store_count(store, &counts);
    printf("traces %lld written %llu dropped %llu failed %llu\n", (long long)plan->traces,
           (unsigned long long)counts.written, (unsigned long long)counts.dropped,
           (unsigned long long)counts.failed);
    printf("CPU us/trace: submit %.2f writer %.2f; %.0f traces/s; database %.0f bytes/trace\n",
           (double)submit_us / n, (double)(process_us - submit_us) / n, n / ((double)wall_us / 1e6),
           (double)counts.database_bytes / n);
}

int main(int argc, char **argv)
{
    struct plan plan = {.traces = 500000, .body_bytes = 2048, .bodies = 1000000000};
    struct store *store = NULL;
    struct error err = {0};
    char url[512];
    int option;

    while ((option = getopt(argc, argv, "n:b:r:p:")) != -1) {
        int64_t value = 0;
        if (str_to_i64(str_of(optarg), &value) < 0) {
            return 2;
        }
        *(option == 'n'   ? &plan.traces
          : option == 'b' ? &plan.body_bytes
          : option == 'r' ? &plan.rate
                          : &plan.bodies) = value;
    }
    snprintf(url, sizeof(url), "sqlite:%s/rate.db", optind < argc ? argv[optind] : ".");
    if (store_open(url, &store, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    char *body = make_body(plan.body_bytes);
    int64_t wall_us = clock_mono_us();
    int64_t thread_us = cpu_us(CLOCK_THREAD_CPUTIME_ID);
    int64_t process_us = cpu_us(CLOCK_PROCESS_CPUTIME_ID);
    run(store, &plan, body);
    thread_us = cpu_us(CLOCK_THREAD_CPUTIME_ID) - thread_us;
    store_flush(store);
    process_us = cpu_us(CLOCK_PROCESS_CPUTIME_ID) - process_us;
    report(store, &plan, thread_us, process_us, clock_mono_us() - wall_us);
    store_close(store);
    x_free(body);
    return 0;
}
