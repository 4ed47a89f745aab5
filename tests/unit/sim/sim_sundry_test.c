#include "unit/sim/suite.h"

#include "sim/sim_sundry.h"

static const struct str models[] = {STR("sim-a"), STR("org/sim b")};

struct call {
    struct exam e;
    struct server_request request;
    struct sim_sundry_ask ask;
    int status;
};

/* Calls a row as the dispatcher does; false when there is none. */
static bool call(struct call *c, const char *method, const char *path, const char *body,
                 enum dialect dialect)
{
    bool known = false;
    buf_clear(&c->request.body);
    buf_puts(&c->request.body, body);
    buf_clear(&c->e.out);
    c->ask = (struct sim_sundry_ask){.request = &c->request,
                                     .arena = &c->e.arena,
                                     .dialect = dialect,
                                     .key = 9,
                                     .models = models,
                                     .model_count = ARRAY_LEN(models),
                                     .models_fixed = true};
    const struct sim_sundry *row =
        sim_sundry_find(str_of(method), str_of(path), &known, &c->ask.rest);
    c->status = row ? row->answer(&c->ask, &c->e.out) : 0;
    return row != NULL;
}

static void call_begin(struct call *c)
{
    *c = (struct call){.status = 0};
    exam_begin(&c->e);
    buf_init(&c->request.body, 1u << 20);
}

static void call_end(struct call *c)
{
    buf_release(&c->request.body);
    exam_end(&c->e);
}

static void every_row_is_found_and_answers(void **state)
{
    (void)state;
    static const char *const ids[] = {"file-x", "batch_x", "msgbatch_x", "sim-a"};
    for (const struct sim_sundry *row = sim_sundry_table; row->name; row++) {
        bool answered = false;
        for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
            struct call c;
            char path[200];
            call_begin(&c);
            snprintf(path, sizeof(path), "%s%s%s", row->path, row->prefix ? ids[i] : "",
                     row->suffix ? row->suffix : "");
            assert_true(call(&c, row->method, path, "", row->dialect));
            answered = answered || c.status == 200;
            if (c.status == 200 && strcmp(row->type, "application/json") == 0) {
                exam_json(&c.e, buf_str(&c.e.out));
            }
            call_end(&c);
        }
        assert_true(answered);
    }
}

static void wrong_methods_and_paths_are_told_apart(void **state)
{
    (void)state;
    struct str rest;
    bool known = false;
    assert_null(sim_sundry_find(STR("PATCH"), STR("/v1/models"), &known, &rest));
    assert_true(known);
    assert_null(sim_sundry_find(STR("GET"), STR("/v1/nothing"), &known, &rest));
    assert_false(known);
    assert_null(sim_sundry_find(STR("GET"), STR("/v1/files/"), &known, &rest));
    assert_false(known);
}

static void models_are_listed_in_the_callers_dialect(void **state)
{
    (void)state;
    struct call c;
    call_begin(&c);
    call(&c, "GET", "/v1/models", "", DIALECT_OPENAI);
    yyjson_val *root = exam_json(&c.e, buf_str(&c.e.out));
    assert_str(text_at(root, "/object"), "list");
    assert_str(text_at(root, "/data/1/id"), "org/sim b");
    call(&c, "GET", "/v1/models", "", DIALECT_ANTHROPIC);
    root = exam_json(&c.e, buf_str(&c.e.out));
    assert_str(text_at(root, "/data/0/type"), "model");
    assert_str(text_at(root, "/first_id"), "sim-a");
    assert_str(text_at(root, "/last_id"), "org/sim b");
    call_end(&c);
}

static void a_model_is_found_by_its_encoded_name(void **state)
{
    (void)state;

    static const struct {
        const char *path;
        int status;
    } rows[] = {
        {"/v1/models/sim-a",         200},
        {"/v1/models/org%2Fsim%20b", 200},
        {"/v1/models/org/sim%20b",   200},
        {"/v1/models/sim-b",         404},
        {"/v1/models/sim-a%",        404},
        {"/v1/models/sim-a%2",       404},
        {"/v1/models/sim-a%zz",      404}
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct call c;
        call_begin(&c);
        assert_true(call(&c, "GET", rows[i].path, "", DIALECT_OPENAI));
        assert_int_equal(c.status, rows[i].status);
        call_end(&c);
    }
}

static void a_file_has_the_name_and_purpose_of_its_form(void **state)
{
    (void)state;
    struct call c;
    call_begin(&c);
    call(&c, "POST", "/v1/files",
         "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n"
         "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"in.jsonl\"\r\n\r\n"
         "{}\r\n--b--\r\n",
         DIALECT_OPENAI);
    yyjson_val *root = exam_json(&c.e, buf_str(&c.e.out));
    assert_str(text_at(root, "/purpose"), "batch");
    assert_str(text_at(root, "/filename"), "in.jsonl");
    assert_has(text_at(root, "/id"), "file-");
    call(&c, "POST", "/v1/files", "no form at all filename=\"", DIALECT_OPENAI);
    assert_str(text_at(exam_json(&c.e, buf_str(&c.e.out)), "/filename"), "file.jsonl");
    call_end(&c);
}

static void an_id_of_another_kind_is_not_found(void **state)
{
    (void)state;
    static const char *const paths[] = {"/v1/files/batch_x", "/v1/batches/file-x",
                                        "/v1/messages/batches/file-x", "/v1/files/x/content"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct call c;
        call_begin(&c);
        assert_true(call(&c, "GET", paths[i], "", DIALECT_OPENAI));
        assert_int_equal(c.status, 404);
        call_end(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_found_and_answers),
        cmocka_unit_test(wrong_methods_and_paths_are_told_apart),
        cmocka_unit_test(models_are_listed_in_the_callers_dialect),
        cmocka_unit_test(a_model_is_found_by_its_encoded_name),
        cmocka_unit_test(a_file_has_the_name_and_purpose_of_its_form),
        cmocka_unit_test(an_id_of_another_kind_is_not_found),
    };
    return cmocka_run_group_tests_name("sim/sim_sundry", tests, NULL, NULL);
}
