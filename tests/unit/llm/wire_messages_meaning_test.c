/*
 * Messages keep their meaning: what is written and read again is the same, for random requests,
 * answers and streams.
 */
#include "core/attr.h"
#include "unit/llm/wired.h"

#define SEEDS 400

/* What the API can say of a request. Its models take other parameters by family; one that is no
 * Claude takes all. */
#define REQUESTS                                                                                   \
    (GENERATE_IMAGES | GENERATE_FILES | GENERATE_RESULT_IMAGES | GENERATE_RESULT_FAILED |          \
     GENERATE_THINKING | GENERATE_REDACTED | GENERATE_CACHE | GENERATE_TOOL_STRICT |               \
     GENERATE_FORMAT_SCHEMA | GENERATE_STOP | GENERATE_TOP_K | GENERATE_USER |                     \
     GENERATE_ASKS_USAGE)

#define ANSWERS (GENERATE_THINKING | GENERATE_REDACTED | GENERATE_CITATIONS | GENERATE_INTERLEAVED)

/* Texts of white space alone are refused by the API, and left out by the wire. */
static void fill(struct message_part *parts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_trim(parts[i].text).n == 0 && parts[i].kind == MESSAGE_TEXT) {
            parts[i].text = STR("x");
        }
    }
}

static void make_sayable_request(struct message_request *r)
{
    r->asks_usage = r->stream;                                      /* it comes unasked */
    r->schema_strict = r->format == MESSAGE_FORMAT_SCHEMA ? 1 : -1; /* there is no other */
    for (size_t i = 0; i < r->message_count; i++) {
        const struct message *m = &r->messages[i];
        fill(m->parts, m->part_count);
        for (size_t k = 0; k < m->part_count; k++) {
            fill(m->parts[k].parts, m->parts[k].part_count);
        }
    }
    for (size_t i = 0; i < r->stop_count; i++) {
        r->stop[i] = str_trim(r->stop[i]).n == 0 ? STR("x") : r->stop[i];
    }
}

static void requests_keep_their_meaning(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct wired w;
        struct generate g;
        struct message_request made;
        wired_init(&w);
        generate_init(&g, &w.arena, seed, REQUESTS);
        generate_request(&g, &made);
        make_sayable_request(&made);
        w.request = made;
        wired_read_ok(&w, &wire_messages, wired_write(&w, &wire_messages));
        wired_dropped(&w, "");
        meaning_same_request(&w.request, &made, "request");
        wired_release(&w);
    }
}

/* What the API has no word for, or says with a 0 where others say nothing. */
static void make_sayable(struct message_answer *a)
{
    a->created_s = -1;
    a->usage.cache_write = 0;
    for (size_t i = 0; i < a->part_count; i++) {
        for (size_t k = 0; k < a->parts[i].citation_count; k++) {
            a->parts[i].citations[k].start = -1;
            a->parts[i].citations[k].end = -1;
        }
    }
}

static void answers_keep_their_meaning(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct wired w;
        struct generate g;
        struct message_answer made;
        wired_init(&w);
        generate_init(&g, &w.arena, seed, ANSWERS);
        generate_answer(&g, &made);
        make_sayable(&made);
        struct wire_asked asked = {.request = &w.request, .id = STR("own"), .created_s = 1};
        wire_messages.write_answer(&made, &asked, &w.out);
        assert_int_equal(wire_messages.read_answer(buf_str(&w.out), &w.arena, &w.answer, &w.err),
                         0);
        meaning_same_answer(&w.answer, &made, "answer");
        wired_release(&w);
    }
}

static void streams_keep_their_meaning(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct wired w;
        struct generate g;
        struct message_answer made;
        wired_init(&w);
        generate_init(&g, &w.arena, seed, ANSWERS);
        generate_answer(&g, &made);
        make_sayable(&made);
        struct wire_asked asked = {.request = &w.request, .id = STR("own"), .created_s = 1};
        wired_write_stream(&w, &wire_messages, &g, &made, &asked);
        assert_int_equal(wired_stream(&w, &wire_messages, buf_str(&w.out)), 0);
        assert_string_equal(w.collected.broken, "");
        assert_true(w.collected.ended);
        meaning_same_answer(&w.collected.answer, &made, "stream");
        wired_release(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_keep_their_meaning),
        cmocka_unit_test(answers_keep_their_meaning),
        cmocka_unit_test(streams_keep_their_meaning),
    };
    return cmocka_run_group_tests_name("llm/wire_messages_meaning", tests, NULL, NULL);
}
