#include "unit/sim/suite.h"

#include <math.h>

#include "sim/sim_embeddings.h"

#define DIM 256

static double similarity(const char *a, const char *b)
{
    float v[DIM];
    float w[DIM];
    double dot = 0;
    sim_embedding(str_of(a), 7, DIM, v);
    sim_embedding(str_of(b), 7, DIM, w);
    for (size_t i = 0; i < DIM; i++) {
        dot += (double)v[i] * (double)w[i];
    }
    return dot;
}

static void vectors_have_length_one_and_follow_the_words(void **state)
{
    (void)state;
    assert_true(fabs(similarity("the cat sat", "the cat sat") - 1) < 1e-5);
    assert_true(fabs(similarity("", "") - 1) < 1e-5);
    assert_true(similarity("the cat sat", "THE CAT SAT") > 0.9);
    assert_true(similarity("the cat sat", "sat the cat") > 0.9);
    double near = similarity("the cat sat", "the cat ran");
    assert_true(near > 0.4 && near < 0.95);
    assert_true(fabs(similarity("the cat sat", "quantum flux")) < 0.35);
}

static int write_body(struct exam *e, const char *body)
{
    assert_int_equal(exam_read(e, SIM_EMBEDDINGS, body), 0);
    buf_clear(&e->out);
    return sim_embeddings_write(&e->arena, e->ask, 7, true, &e->out, &e->refusal);
}

static void every_form_of_input_is_taken(void **state)
{
    (void)state;

    static const struct {
        const char *input;
        size_t n;
    } rows[] = {
        {"\"text\"",            1},
        {"[\"a\",\"b\",\"c\"]", 3},
        {"[1,2,3]",             1},
        {"[[1,2],[3]]",         2}
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct exam e;
        char body[200];
        exam_begin(&e);
        snprintf(body, sizeof(body), "{\"model\":\"m\",\"input\":%s,\"dimensions\":8}",
                 rows[i].input);
        assert_int_equal(write_body(&e, body), 0);
        yyjson_val *root = exam_json(&e, buf_str(&e.out));
        assert_int_equal(yyjson_arr_size(at(root, "/data")), rows[i].n);
        assert_int_equal(yyjson_arr_size(at(root, "/data/0/embedding")), 8);
        assert_str(text_at(root, "/model"), "m");
        assert_true(number_at(root, "/usage/prompt_tokens") > 0);
        exam_end(&e);
    }
}

static unsigned sextet(char c)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *p = strchr(alphabet, c);
    assert_non_null(p);
    return (unsigned)(p - alphabet);
}

static void base64_holds_the_same_floats_as_numbers(void **state)
{
    (void)state;
    struct exam e;
    exam_begin(&e);
    assert_int_equal(write_body(&e, "{\"model\":\"m\",\"input\":\"x\",\"dimensions\":9}"), 0);
    yyjson_val *numbers = at(exam_json(&e, buf_str(&e.out)), "/data/0/embedding");
    assert_int_equal(write_body(&e, "{\"model\":\"m\",\"input\":\"x\",\"dimensions\":9,"
                                    "\"encoding_format\":\"base64\"}"),
                     0);
    struct str text = text_at(exam_json(&e, buf_str(&e.out)), "/data/0/embedding");
    unsigned char bytes[64];
    size_t n = 0;
    assert_int_equal(text.n, 48);
    for (size_t i = 0; i < text.n; i += 4) {
        unsigned bits = sextet(text.p[i]) << 18 | sextet(text.p[i + 1]) << 12 |
                        sextet(text.p[i + 2]) << 6 | sextet(text.p[i + 3]);
        bytes[n++] = (unsigned char)(bits >> 16);
        bytes[n++] = (unsigned char)(bits >> 8);
        bytes[n++] = (unsigned char)bits;
    }
    for (size_t i = 0; i < 9; i++) {
        float v;
        memcpy(&v, bytes + i * sizeof(v), sizeof(v));
        assert_true(fabs((double)v - yyjson_get_num(yyjson_arr_get(numbers, i))) < 1e-8);
    }
    exam_end(&e);
}

static void bad_requests_are_refused(void **state)
{
    (void)state;

    static const struct {
        const char *body;
        const char *param;
    } rows[] = {
        {"{\"model\":\"m\",\"input\":\"x\",\"dimensions\":0}",    "dimensions"},
        {"{\"model\":\"m\",\"input\":\"x\",\"dimensions\":5000}", "dimensions"},
        {"{\"model\":\"m\",\"input\":[]}",                        "input"     },
        {"{\"model\":\"m\",\"input\":5}",                         "input"     },
        {"{\"model\":\"m\",\"input\":null}",                      "input"     },
        {"{\"model\":\"m\",\"input\":[\"a\",5]}",                 "input"     },
        {"{\"model\":\"m\",\"input\":[{}]}",                      "input"     },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct exam e;
        exam_begin(&e);
        assert_int_equal(write_body(&e, rows[i].body), -1);
        assert_int_equal(e.refusal.status, 400);
        assert_string_equal(e.refusal.param, rows[i].param);
        exam_end(&e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_have_length_one_and_follow_the_words),
        cmocka_unit_test(every_form_of_input_is_taken),
        cmocka_unit_test(base64_holds_the_same_floats_as_numbers),
        cmocka_unit_test(bad_requests_are_refused),
    };
    return cmocka_run_group_tests_name("sim/sim_embeddings", tests, NULL, NULL);
}
