#include "net/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <uv.h>

#include "core/mem.h"
#include "core/str.h"
#include "net/loop.h"

#define HOST_BYTES_MAX 253

struct waiter {
    uint64_t id;
    uint16_t port;
    resolve_done_fn done;
    void *ctx;
    struct name *name;
    struct waiter *prev, *next;
};

struct name {
    char *host;
    struct resolve_answer answer; /* ports are 0 */
    bool known;                   /* answer is one */
    int64_t answered_ms;
    bool failed; /* the last look-up */
    int64_t failed_ms;
    int64_t used_ms;
    struct error failure;
    bool wanted;           /* stands in the queue for a look-up */
    struct lookup *lookup; /* runs */
    struct waiter *waiters, *waiters_last;
    struct name *next; /* in the list of names */
    struct name *next_wanted;
};

/* Lives until libuv calls back, which can be after the resolver was freed. */
struct lookup {
    uv_getaddrinfo_t request;
    struct resolve *resolve; /* NULL = nobody waits any more */
    struct name *name;
};

struct resolve {
    struct loop *loop;
    struct name *names;
    size_t name_count;
    size_t waiter_count;
    size_t lookup_count;
    struct name *wanted_first, *wanted_last;
    uint64_t last_id;
    struct waiter **slots; /* waiters by id modulo slot_count */
    size_t slot_count;
};

/* -------- addresses -------- */

static void set_port(struct sockaddr_storage *address, uint16_t port)
{
    if (address->ss_family == AF_INET6) {
        ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
    } else {
        ((struct sockaddr_in *)address)->sin_port = htons(port);
    }
}

static bool read_literal(const char *host, struct resolve_answer *ret_answer)
{
    struct resolve_answer answer = {.n = 1};
    struct sockaddr_in *in4 = (struct sockaddr_in *)&answer.addresses[0];
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&answer.addresses[0];
    if (inet_pton(AF_INET, host, &in4->sin_addr) == 1) {
        in4->sin_family = AF_INET;
    } else if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
    } else {
        return false;
    }
    *ret_answer = answer;
    return true;
}

static void read_list(const struct addrinfo *list, struct resolve_answer *ret_answer)
{
    struct resolve_answer answer = {.n = 0};
    for (const struct addrinfo *a = list; a != NULL && answer.n < RESOLVE_ADDRESSES_MAX;
         a = a->ai_next) {
        bool usable = a->ai_family == AF_INET || a->ai_family == AF_INET6;
        if (usable && a->ai_addrlen <= sizeof(answer.addresses[0])) {
            memcpy(&answer.addresses[answer.n++], a->ai_addr, a->ai_addrlen);
        }
    }
    *ret_answer = answer;
}

static void give(const struct resolve_answer *answer, uint16_t port, resolve_done_fn done,
                 void *ctx)
{
    struct resolve_answer copy = *answer;
    for (size_t i = 0; i < copy.n; i++) {
        set_port(&copy.addresses[i], port);
    }
    done(ctx, &copy, NULL);
}

static void give_failure(enum err code, const char *text, resolve_done_fn done, void *ctx)
{
    struct error why;
    error_set(&why, code, "%s", text);
    done(ctx, NULL, &why);
}

/* -------- names -------- */

static struct name *find_name(const struct resolve *r, const char *host)
{
    struct str wanted = str_of(host);
    for (struct name *n = r->names; n != NULL; n = n->next) {
        if (str_eq_nocase(str_of(n->host), wanted)) {
            return n;
        }
    }
    return NULL;
}

static void free_name(struct resolve *r, struct name *name)
{
    struct name **at = &r->names;
    while (*at != name) {
        at = &(*at)->next;
    }
    *at = name->next;
    r->name_count--;
    x_free(name->host);
    x_free(name);
}

/* The one least recently asked for that nobody waits for; NULL when all are busy. */
static struct name *oldest_idle(const struct resolve *r)
{
    struct name *oldest = NULL;
    for (struct name *n = r->names; n != NULL; n = n->next) {
        bool busy = n->lookup != NULL || n->wanted || n->waiters != NULL;
        if (!busy && (oldest == NULL || n->used_ms < oldest->used_ms)) {
            oldest = n;
        }
    }
    return oldest;
}

static struct name *add_name(struct resolve *r, const char *host)
{
    if (r->name_count >= RESOLVE_NAMES_MAX) {
        struct name *oldest = oldest_idle(r);
        if (oldest == NULL) {
            return NULL;
        }
        free_name(r, oldest);
    }
    struct name *name = x_calloc(1, sizeof(*name));
    name->host = x_strdup(host);
    name->next = r->names;
    r->names = name;
    r->name_count++;
    return name;
}

/* -------- waiters -------- */

static struct waiter **slot_of(const struct resolve *r, uint64_t id)
{
    return &r->slots[id & (r->slot_count - 1)];
}

/* Ids are handed out so that each has its slot to itself; the table is at most half full. */
static void grow_slots(struct resolve *r)
{
    struct waiter **former = r->slots;
    size_t former_count = r->slot_count;
    r->slot_count = former_count == 0 ? 64 : former_count * 2;
    r->slots = x_calloc(r->slot_count, sizeof(struct waiter *));
    for (size_t i = 0; i < former_count; i++) {
        if (former[i] != NULL) {
            *slot_of(r, former[i]->id) = former[i];
        }
    }
    x_free(former);
}

static struct waiter *add_waiter(struct resolve *r, struct name *name)
{
    struct waiter *w = x_calloc(1, sizeof(*w));
    if (2 * (r->waiter_count + 1) > r->slot_count) {
        grow_slots(r);
    }
    do {
        w->id = ++r->last_id;
    } while (*slot_of(r, w->id) != NULL);
    *slot_of(r, w->id) = w;
    w->name = name;
    w->prev = name->waiters_last;
    if (w->prev != NULL) {
        w->prev->next = w;
    } else {
        name->waiters = w;
    }
    name->waiters_last = w;
    r->waiter_count++;
    return w;
}

static void free_waiter(struct resolve *r, struct waiter *w)
{
    struct name *name = w->name;
    if (w->prev != NULL) {
        w->prev->next = w->next;
    } else {
        name->waiters = w->next;
    }
    if (w->next != NULL) {
        w->next->prev = w->prev;
    } else {
        name->waiters_last = w->prev;
    }
    *slot_of(r, w->id) = NULL;
    r->waiter_count--;
    x_free(w);
}

/* -------- look-ups -------- */

/* A callback may cancel others, ask for other names, or free the resolver; then `lookup->resolve`
 * is NULL. Nobody new can wait for this name meanwhile: its answer or failure is fresh. */
static void tell_waiters(struct lookup *lookup)
{
    struct name *name = lookup->name;
    while (lookup->resolve != NULL && name->waiters != NULL) {
        struct waiter w = *name->waiters;
        free_waiter(lookup->resolve, name->waiters);
        if (name->known) {
            give(&name->answer, w.port, w.done, w.ctx);
        } else {
            give_failure(name->failure.code, name->failure.text, w.done, w.ctx);
        }
    }
}

static void read_result(struct resolve *r, struct name *name, int status,
                        const struct addrinfo *list)
{
    struct resolve_answer answer = {.n = 0};
    int64_t now = loop_now_ms(r->loop);
    if (status == 0) {
        read_list(list, &answer);
    }
    name->failed = answer.n == 0;
    if (!name->failed) {
        name->answer = answer;
        name->known = true;
        name->answered_ms = now;
        return;
    }
    name->failed_ms = now;
    name->known = name->known && now - name->answered_ms <= RESOLVE_STALE_MS;
    error_set(&name->failure, ERR_IO, "cannot resolve %s: %s", name->host,
              status != 0 ? uv_strerror(status) : "the name has no address");
}

static void start_wanted(struct resolve *r);

static void lookup_done(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
    struct lookup *lookup = request->data;
    if (lookup->resolve != NULL) {
        read_result(lookup->resolve, lookup->name, status, list);
        /* name->lookup is still set, so that the name is not evicted from within a callback. */
        tell_waiters(lookup);
    }
    uv_freeaddrinfo(list);
    if (lookup->resolve != NULL) {
        lookup->name->lookup = NULL;
        lookup->resolve->lookup_count--;
        start_wanted(lookup->resolve);
    }
    x_free(lookup);
}

static void start_lookup(struct resolve *r, struct name *name)
{
    static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct lookup *lookup = x_calloc(1, sizeof(*lookup));
    lookup->resolve = r;
    lookup->name = name;
    lookup->request.data = lookup;
    name->lookup = lookup;
    r->lookup_count++;
    /* Names were checked before; what remains is that memory is out. */
    BUG_ON(uv_getaddrinfo(loop_uv(r->loop), &lookup->request, lookup_done, name->host, NULL,
                          &hints) != 0);
}

static void start_wanted(struct resolve *r)
{
    while (r->wanted_first != NULL && r->lookup_count < RESOLVE_LOOKUPS_MAX) {
        struct name *name = r->wanted_first;
        r->wanted_first = name->next_wanted;
        if (r->wanted_first == NULL) {
            r->wanted_last = NULL;
        }
        name->next_wanted = NULL;
        name->wanted = false;
        start_lookup(r, name);
    }
}

static void want_lookup(struct resolve *r, struct name *name)
{
    if (name->wanted || name->lookup != NULL) {
        return;
    }
    name->wanted = true;
    if (r->wanted_last != NULL) {
        r->wanted_last->next_wanted = name;
    } else {
        r->wanted_first = name;
    }
    r->wanted_last = name;
    start_wanted(r);
}

/* -------- public -------- */

struct resolve *resolve_new(struct loop *loop)
{
    struct resolve *r = x_calloc(1, sizeof(*r));
    r->loop = loop;
    return r;
}

void resolve_free(struct resolve *r)
{
    if (r == NULL) {
        return;
    }
    while (r->names != NULL) {
        struct name *name = r->names;
        while (name->waiters != NULL) {
            free_waiter(r, name->waiters);
        }
        if (name->lookup != NULL) {
            name->lookup->resolve = NULL;
            (void)uv_cancel((uv_req_t *)&name->lookup->request);
        }
        free_name(r, name);
    }
    x_free(r->slots);
    x_free(r);
}

static bool is_host(const char *host)
{
    size_t n = strlen(host);
    for (size_t i = 0; i < n; i++) {
        if (host[i] <= ' ' || host[i] > '~') {
            return false;
        }
    }
    return n > 0 && n <= HOST_BYTES_MAX;
}

/* True when it was answered from what is known. */
static bool answer_now(struct resolve *r, struct name *name, uint16_t port, resolve_done_fn done,
                       void *ctx)
{
    int64_t now = loop_now_ms(r->loop);
    bool failed_just_now = name->failed && now - name->failed_ms < RESOLVE_FAILED_MS;
    int64_t age_ms = now - name->answered_ms;
    name->used_ms = now;
    if (name->known && age_ms <= RESOLVE_STALE_MS) {
        if (age_ms > RESOLVE_FRESH_MS && !failed_just_now) {
            want_lookup(r, name);
        }
        give(&name->answer, port, done, ctx);
        return true;
    }
    if (failed_just_now) {
        give_failure(name->failure.code, name->failure.text, done, ctx);
        return true;
    }
    return false;
}

uint64_t resolve_start(struct resolve *r, const char *host, uint16_t port, resolve_done_fn done,
                       void *ctx)
{
    struct resolve_answer literal;
    if (read_literal(host, &literal)) {
        give(&literal, port, done, ctx);
        return 0;
    }
    if (!is_host(host)) {
        give_failure(ERR_INVALID, "this is not a host name", done, ctx);
        return 0;
    }
    struct name *name = find_name(r, host);
    if (name != NULL && answer_now(r, name, port, done, ctx)) {
        return 0;
    }
    if (name == NULL) {
        name = r->waiter_count < RESOLVE_WAITERS_MAX ? add_name(r, host) : NULL;
    }
    if (name == NULL || r->waiter_count >= RESOLVE_WAITERS_MAX) {
        give_failure(ERR_BUSY, "too many host names are being looked up", done, ctx);
        return 0;
    }
    name->used_ms = loop_now_ms(r->loop);
    struct waiter *w = add_waiter(r, name);
    w->port = port;
    w->done = done;
    w->ctx = ctx;
    want_lookup(r, name);
    return w->id;
}

void resolve_cancel(struct resolve *r, uint64_t id)
{
    struct waiter *w = r->slot_count > 0 ? *slot_of(r, id) : NULL;
    if (w != NULL && w->id == id) {
        free_waiter(r, w);
    }
}

void resolve_doubt(struct resolve *r, const char *host)
{
    struct name *name = find_name(r, host);
    if (name != NULL && loop_now_ms(r->loop) - name->answered_ms >= RESOLVE_FAILED_MS) {
        name->known = false;
    }
}
