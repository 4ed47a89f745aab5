#include "unit/sim/suite.h"

#include "sim/sim_record.h"

static uint64_t add(struct sim_records *records, const struct http_header *headers, size_t n,
                    struct str body)
{
    struct server_request request = {
        .head = {.method = STR("POST"),
                 .target = STR("/v1/x?y=1"),
                 .headers = headers,
                 .header_count = n}
    };
    buf_init(&request.body, 64u << 20);
    buf_put_str(&request.body, body);
    uint64_t number = sim_records_add(records, &request, "chat");
    buf_release(&request.body);
    return number;
}

static void a_request_is_told_as_it_came(void **state)
{
    (void)state;
    const struct http_header headers[] = {
        {STR("Content-Type"), STR("application/json")},
        {STR("X-Empty"),      STR("")                },
        {STR("x-quote"),      STR("a\"b")            }
    };
    struct exam e;
    struct sim_records records;
    exam_begin(&e);
    sim_records_init(&records);
    assert_false(sim_records_write(&records, 0, &e.out));
    uint64_t number = add(&records, headers, ARRAY_LEN(headers), STR("{\"a\": \"é\"}"));
    sim_records_get(&records, number)->status = 200;
    assert_true(sim_records_write(&records, 0, &e.out));
    yyjson_val *root = exam_json(&e, buf_str(&e.out));
    assert_str(text_at(root, "/method"), "POST");
    assert_str(text_at(root, "/path"), "/v1/x?y=1");
    assert_str(text_at(root, "/route"), "chat");
    assert_int_equal(number_at(root, "/status"), 200);
    assert_str(text_at(root, "/headers/Content-Type"), "application/json");
    assert_str(text_at(root, "/headers/X-Empty"), "");
    assert_str(text_at(root, "/headers/x-quote"), "a\"b");
    assert_str(text_at(root, "/body"), "{\"a\": \"é\"}");
    assert_true(yyjson_is_null(at(root, "/key_hash")));
    sim_records_release(&records);
    exam_end(&e);
}

static void credentials_are_hashed_and_never_told(void **state)
{
    (void)state;

    static const struct {
        struct http_header header;
        const char *shown;
    } rows[] = {
        {{STR("Authorization"), STR("Bearer sk-secret-0123456789abcd")}, "\"Bearer ...abcd\""},
        {{STR("x-api-key"), STR("sk-secret-0123456789abcd")},            "\"...abcd\""       },
        {{STR("X-API-KEY"), STR("short")},                               "\"...\""           },
        {{STR("authorization"), STR("Basic c2VjcmV0OnNlY3JldA==")},      "\"...dA==\""       },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct exam e;
        struct sim_records records;
        exam_begin(&e);
        sim_records_init(&records);
        add(&records, &rows[i].header, 1, STR_EMPTY);
        assert_true(sim_records_write(&records, 0, &e.out));
        assert_has(buf_str(&e.out), rows[i].shown);
        assert_lacks(buf_str(&e.out), "secret");
        assert_lacks(buf_str(&e.out), "short");
        assert_lacks(buf_str(&e.out), "c2Vj");
        sim_records_release(&records);
        exam_end(&e);
    }
}

static void one_key_has_one_hash_under_either_header(void **state)
{
    (void)state;
    const struct http_header bearer = {STR("authorization"), STR("Bearer abc")};
    const struct http_header plain = {STR("x-api-key"), STR("abc")};
    struct exam e;
    struct sim_records records;
    exam_begin(&e);
    sim_records_init(&records);
    add(&records, &bearer, 1, STR_EMPTY);
    add(&records, &plain, 1, STR_EMPTY);
    /* The start of SHA-256 of "abc". */
    assert_true(sim_records_write(&records, 0, &e.out));
    assert_true(sim_records_write(&records, 1, &e.out));
    assert_int_equal(count_of(buf_str(&e.out), "\"key_hash\":\"ba7816bf8f01\""), 2);
    sim_records_release(&records);
    exam_end(&e);
}

static void old_records_go(void **state)
{
    (void)state;
    struct exam e;
    struct sim_records records;
    exam_begin(&e);
    sim_records_init(&records);
    for (int i = 0; i < SIM_RECORDS_MAX + 5; i++) {
        add(&records, NULL, 0, STR("x"));
    }
    assert_null(sim_records_get(&records, 0));
    assert_null(sim_records_get(&records, 5));
    assert_non_null(sim_records_get(&records, 6));
    assert_true(sim_records_write(&records, SIM_RECORDS_MAX - 1, &e.out));
    assert_false(sim_records_write(&records, SIM_RECORDS_MAX, &e.out));
    assert_false(sim_records_write(&records, UINT64_MAX, &e.out));
    buf_clear(&e.out);
    sim_records_list(&records, &e.out);
    yyjson_val *list = exam_json(&e, buf_str(&e.out));
    assert_int_equal(yyjson_arr_size(list), SIM_RECORDS_MAX);
    assert_int_equal(json_get_i64(yyjson_arr_get_first(list), "number", 0), SIM_RECORDS_MAX + 5);
    sim_records_reset(&records);
    buf_clear(&e.out);
    sim_records_list(&records, &e.out);
    assert_str(buf_str(&e.out), "[]");
    sim_records_release(&records);
    exam_end(&e);
}

static void a_long_body_is_kept_in_part_and_counted_whole(void **state)
{
    (void)state;
    struct exam e;
    struct sim_records records;
    struct buf body;
    exam_begin(&e);
    sim_records_init(&records);
    buf_init(&body, SIM_RECORD_BODY_MAX * 2);
    for (size_t i = 0; i < SIM_RECORD_BODY_MAX + 10; i++) {
        buf_putc(&body, 'a');
    }
    add(&records, NULL, 0, buf_str(&body));
    assert_true(sim_records_write(&records, 0, &e.out));
    yyjson_val *root = exam_json(&e, buf_str(&e.out));
    assert_int_equal(number_at(root, "/body_bytes"), SIM_RECORD_BODY_MAX + 10);
    assert_int_equal(text_at(root, "/body").n, SIM_RECORD_BODY_MAX);
    buf_release(&body);
    sim_records_release(&records);
    exam_end(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_told_as_it_came),
        cmocka_unit_test(credentials_are_hashed_and_never_told),
        cmocka_unit_test(one_key_has_one_hash_under_either_header),
        cmocka_unit_test(old_records_go),
        cmocka_unit_test(a_long_body_is_kept_in_part_and_counted_whole),
    };
    return cmocka_run_group_tests_name("sim/sim_record", tests, NULL, NULL);
}
