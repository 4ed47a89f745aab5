#include "unit/llm/wire_suite.h"

#include <math.h>

/* A body with further members. */
#define BODY(rest) "{\"model\":\"m\",\"max_tokens\":10,\"messages\":[" HI "]" rest "}"
#define HI         "{\"role\":\"user\",\"content\":\"hi\"}"
#define SAID(blocks)                                                                               \
    "{\"model\":\"m\",\"max_tokens\":10,\"messages\":[{\"role\":\"user\",\"content\":[" blocks     \
    "]}]}"

static void the_least_request_is_read(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, "m");
    case_read(&c, &wire_messages, BODY(""));
    const struct message_request *r = &c.request;
    assert_str(r->model, "m");
    assert_int_equal(r->max_output, 10);
    assert_false(r->stream);
    assert_int_equal(r->message_count, 1);
    assert_int_equal(r->messages[0].role, MESSAGE_USER);
    assert_str(r->messages[0].parts[0].text, "hi");
    assert_int_equal(r->choice, MESSAGE_CHOICE_UNSET);
    assert_int_equal(r->thinking_budget, -1);
    assert_true(isnan(r->temperature));
    assert_string_equal(case_dropped(&c), "");
    case_end(&c);
}

static void parameters_are_read(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, "m");
    case_read(&c, &wire_messages,
              BODY(",\"stream\":true,\"temperature\":0.5,\"top_p\":0.9,\"top_k\":5,"
                   "\"stop_sequences\":[\"a\",\"\\n\"],\"metadata\":{\"user_id\":\"u\"},"
                   "\"service_tier\":\"standard_only\",\"tool_choice\":null,\"thinking\":null"));
    const struct message_request *r = &c.request;
    assert_true(r->stream && r->asks_usage);
    assert_true(r->temperature == 0.5 && r->top_p == 0.9);
    assert_int_equal(r->top_k, 5);
    assert_int_equal(r->stop_count, 2);
    assert_str(r->stop[1], "\n");
    assert_str(r->user, "u");
    assert_str(r->service_tier, "default");
    assert_string_equal(case_dropped(&c), "");
    case_end(&c);
}

static void system_is_text_or_blocks_and_may_come_later(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, "m");
    case_read(&c, &wire_messages,
              "{\"model\":\"m\",\"max_tokens\":1,\"system\":[{\"type\":\"text\",\"text\":\"a\","
              "\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}},{\"type\":\"text\","
              "\"text\":\"b\"}],\"messages\":[" HI
              ",{\"role\":\"system\",\"content\":\"c\"},{\"role\":\"assistant\",\"content\":"
              "\"d\"}]}");
    const struct message_request *r = &c.request;
    assert_int_equal(r->message_count, 4);
    assert_int_equal(r->messages[0].role, MESSAGE_SYSTEM);
    assert_int_equal(r->messages[0].part_count, 2);
    assert_int_equal(r->messages[0].parts[0].cache, MESSAGE_CACHE_1H);
    assert_int_equal(r->messages[0].parts[1].cache, MESSAGE_CACHE_NONE);
    assert_int_equal(r->messages[2].role, MESSAGE_SYSTEM);
    assert_int_equal(r->messages[3].role, MESSAGE_ASSISTANT);
    case_end(&c);
    static const char *const empty[] = {"\"\"", "null", "[]"};
    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        char body[256];
        case_begin(&c, "m");
        snprintf(body, sizeof(body),
                 "{\"model\":\"m\",\"max_tokens\":1,\"system\":%s,\"messages\":[" HI "]}",
                 empty[i]);
        case_read(&c, &wire_messages, body);
        assert_int_equal(c.request.message_count, 1);
        case_end(&c);
    }
}

static void blocks_are_read(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, "m");
    case_read(
        &c, &wire_messages,
        SAID("{\"type\":\"text\",\"text\":\"t\",\"cache_control\":{\"type\":\"ephemeral\"}},"
             "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\","
             "\"data\":\"aGk=\"}},"
             "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://x/y\"}},"
             "{\"type\":\"document\",\"title\":\"T\",\"source\":{\"type\":\"text\",\"media_type\":"
             "\"text/plain\",\"data\":\"hi\"}},"
             "{\"type\":\"document\",\"source\":{\"type\":\"file\",\"file_id\":\"file_1\"}},"
             "{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"Eq+/=\"},"
             "{\"type\":\"redacted_thinking\",\"data\":\"Er\"},"
             "{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"f\",\"input\": { \"a\" : "
             "1.0,\"b\":99999999999999999999 }},"
             "{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_1\",\"is_error\":true,"
             "\"content\":[{\"type\":\"text\",\"text\":\"x\"},{\"type\":\"image\",\"source\":{"
             "\"type\":\"url\",\"url\":\"https://x/z\"}}]},"
             "{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_2\",\"content\":\"plain\"},"
             "{\"type\":\"tool_result\",\"tool_use_id\":\"toolu_3\"}"));
    const struct message_part *p = c.request.messages[0].parts;
    assert_int_equal(c.request.messages[0].part_count, 11);
    assert_int_equal(p[0].cache, MESSAGE_CACHE_5M);
    assert_int_equal(p[1].kind, MESSAGE_IMAGE);
    assert_str(p[1].media_type, "image/png");
    assert_str(p[1].data, "aGk=");
    assert_str(p[2].url, "https://x/y");
    assert_int_equal(p[3].kind, MESSAGE_FILE);
    assert_str(p[3].name, "T");
    assert_str(p[3].media_type, "text/plain");
    assert_str(p[3].data, "aGk=");
    assert_str(p[4].file_id, "file_1");
    assert_int_equal(p[5].kind, MESSAGE_THINKING);
    assert_str(p[5].text, "hm");
    assert_str(p[5].signature, "Eq+/=");
    assert_false(p[5].redacted);
    assert_true(p[6].redacted);
    assert_str(p[6].signature, "Er");
    assert_int_equal(p[7].kind, MESSAGE_CALL);
    assert_str(p[7].id, "toolu_1");
    assert_str(p[7].name, "f");
    assert_str(p[7].json, "{ \"a\" : 1.0,\"b\":99999999999999999999 }");
    assert_true(p[8].failed);
    assert_int_equal(p[8].part_count, 2);
    assert_int_equal(p[8].parts[1].kind, MESSAGE_IMAGE);
    assert_int_equal(p[9].part_count, 1);
    assert_str(p[9].parts[0].text, "plain");
    assert_int_equal(p[10].part_count, 0);
    assert_string_equal(case_dropped(&c), "");
    case_end(&c);
}

static void citations_of_web_pages_are_kept_and_others_named(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, "m");
    case_read(&c, &wire_messages,
              SAID("{\"type\":\"text\",\"text\":\"t\",\"citations\":[{\"type\":"
                   "\"web_search_result_location\",\"url\":\"https://x\",\"title\":\"X\","
                   "\"cited_text\":\"c\",\"encrypted_index\":\"e\"},{\"type\":\"char_location\","
                   "\"document_index\":0}]},{\"type\":\"document\",\"source\":{\"type\":\"url\","
                   "\"url\":\"https://y\"},\"citations\":{\"enabled\":true},\"context\":\"of\"}"));
    const struct message_part *p = c.request.messages[0].parts;
    assert_int_equal(p[0].citation_count, 1);
    assert_str(p[0].citations[0].url, "https://x");
    assert_str(p[0].citations[0].title, "X");
    assert_str(p[0].citations[0].cited, "c");
    assert_string_equal(case_dropped(&c), "messages[0].content[0].citations, "
                                          "messages[0].content[1].citations, "
                                          "messages[0].content[1].context");
    case_end(&c);
}

static void tools_are_read(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, "m");
    case_read(&c, &wire_messages,
              BODY(",\"tools\":[{\"name\":\"f\",\"description\":\"d\",\"input_schema\":{ "
                   "\"type\":\"object\"},\"strict\":true,\"cache_control\":{\"type\":"
                   "\"ephemeral\",\"ttl\":\"5m\"},\"eager_input_streaming\":true},{\"type\":"
                   "\"custom\",\"name\":\"g\",\"input_schema\":{},\"defer_loading\":true}]"));
    const struct message_tool *t = c.request.tools;
    assert_int_equal(c.request.tool_count, 2);
    assert_str(t[0].name, "f");
    assert_str(t[0].description, "d");
    assert_str(t[0].schema, "{ \"type\":\"object\"}");
    assert_int_equal(t[0].strict, 1);
    assert_int_equal(t[0].cache, MESSAGE_CACHE_5M);
    assert_int_equal(t[1].strict, -1);
    assert_string_equal(case_dropped(&c), "tools[1].defer_loading");
    case_end(&c);
}

static void choices_are_read(void **state)
{
    static const struct {
        const char *json;
        enum message_choice choice;
        int parallel;
    } rows[] = {
        {"{\"type\":\"auto\"}",                                                    MESSAGE_CHOICE_AUTO, -1},
        {"{\"type\":\"any\",\"disable_parallel_tool_use\":true}",                  MESSAGE_CHOICE_ANY,  0 },
        {"{\"type\":\"tool\",\"name\":\"f\",\"disable_parallel_tool_use\":false}",
         MESSAGE_CHOICE_TOOL,                                                                           1 },
        {"{\"type\":\"none\"}",                                                    MESSAGE_CHOICE_NONE, -1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wire_case c;
        char body[512];
        case_begin(&c, "m");
        snprintf(body, sizeof(body), BODY(",\"tool_choice\":%s"), rows[i].json);
        case_read(&c, &wire_messages, body);
        assert_int_equal(c.request.choice, rows[i].choice);
        assert_int_equal(c.request.parallel_calls, rows[i].parallel);
        assert_str(c.request.choice_name, rows[i].choice == MESSAGE_CHOICE_TOOL ? "f" : "");
        case_end(&c);
    }
}

static void thinking_is_read(void **state)
{
    static const struct {
        const char *json;
        int64_t budget;
        bool adaptive, shown;
    } rows[] = {
        {"{\"type\":\"enabled\",\"budget_tokens\":2048}",                         2048, false, true },
        {"{\"type\":\"enabled\",\"budget_tokens\":2048,\"display\":\"omitted\"}", 2048, false,
         false                                                                                      },
        {"{\"type\":\"adaptive\"}",                                               -1,   true,  true },
        {"{\"type\":\"adaptive\",\"display\":\"summarized\"}",                    -1,   true,  true },
        {"{\"type\":\"disabled\"}",                                               0,    false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wire_case c;
        char body[512];
        case_begin(&c, "m");
        snprintf(body, sizeof(body), BODY(",\"thinking\":%s"), rows[i].json);
        case_read(&c, &wire_messages, body);
        assert_int_equal(c.request.thinking_budget, rows[i].budget);
        assert_int_equal(c.request.thinking_adaptive, rows[i].adaptive);
        assert_int_equal(c.request.thinking_shown, rows[i].shown);
        assert_string_equal(case_dropped(&c), "");
        case_end(&c);
    }
}

static void effort_and_format_are_read(void **state)
{
    static const struct {
        const char *word;
        enum message_effort effort;
    } rows[] = {
        {"low",    MESSAGE_EFFORT_LOW   },
        {"medium", MESSAGE_EFFORT_MEDIUM},
        {"high",   MESSAGE_EFFORT_HIGH  },
        {"xhigh",  MESSAGE_EFFORT_MAX   },
        {"max",    MESSAGE_EFFORT_MAX   },
    };
    struct wire_case c;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char body[512];
        case_begin(&c, "m");
        snprintf(body, sizeof(body),
                 BODY(",\"output_config\":{\"effort\":\"%s\",\"format\":{\"type\":\"json_schema\","
                      "\"schema\":{\"a\": 1}}}"),
                 rows[i].word);
        case_read(&c, &wire_messages, body);
        assert_int_equal(c.request.effort, rows[i].effort);
        assert_int_equal(c.request.format, MESSAGE_FORMAT_SCHEMA);
        assert_str(c.request.schema, "{\"a\": 1}");
        case_end(&c);
    }
    case_begin(&c, "m");
    case_read(&c, &wire_messages,
              BODY(",\"output_format\":{\"type\":\"json_schema\",\"schema\":{}},"
                   "\"output_config\":{\"effort\":\"cosmic\",\"task_budget\":{\"total\":1}}"));
    assert_str(c.request.schema, "{}");
    assert_string_equal(case_dropped(&c), "output_config.task_budget, output_config.effort");
    case_end(&c);
}

static void what_no_other_api_has_is_named(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, "m");
    case_read(&c, &wire_messages,
              BODY(",\"cache_control\":{\"type\":\"ephemeral\"},\"context_management\":{\"edits\":"
                   "[{}]},\"inference_geo\":\"eu\",\"speed\":\"fast\",\"brand_new\":1,"
                   "\"also_new\":null,\"metadata\":{\"user_id\":\"u\",\"x\":1},\"service_tier\":"
                   "\"gold\",\"thinking\":{\"type\":\"between_tools\"}"));
    assert_string_equal(case_dropped(&c),
                        "cache_control, context_management, inference_geo, speed, brand_new, "
                        "service_tier, thinking, metadata.x");
    case_end(&c);
}

static void what_the_provider_keeps_or_runs_is_refused(void **state)
{
    static const struct {
        const char *body, *field;
    } rows[] = {
        {BODY(",\"mcp_servers\":[{\"type\":\"url\"}]"),                                            "mcp_servers"           },
        {BODY(",\"container\":\"c_1\""),                                                           "container"             },
        {BODY(",\"thread\":{\"id\":\"t\"}"),                                                       "thread"                },
        {BODY(",\"tools\":[{\"type\":\"web_search_20250305\",\"name\":\"web_search\"}]"),
         "tools[0]"                                                                                                        },
        {BODY(",\"tools\":[{\"name\":\"f\",\"input_schema\":{}},{\"type\":\"bash_20250124\","
              "\"name\":\"bash\"}]"),
         "tools[1]"                                                                                                        },
        {SAID("{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web_search\",\"input\":{}}"),
         "messages[0].content[0]"                                                                                          },
        {SAID("{\"type\":\"search_result\"}"),                                                     "messages[0].content[0]"},
        {SAID("{\"type\":\"document\",\"source\":{\"type\":\"content\",\"content\":\"x\"}}"),
         "messages[0].content[0].source.type"                                                                              },
        {SAID("{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":[{\"type\":"
              "\"tool_result\",\"tool_use_id\":\"u\"}]}"),
         "messages[0].content[0].content[0]"                                                                               },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wire_case c;
        case_begin(&c, "m");
        assert_int_equal(
            wire_messages.read_request(str_of(rows[i].body), &c.notes, &c.request, &c.err),
            ERR_INVALID);
        assert_string_equal(c.notes.refused, rows[i].field);
        assert_has(c.err.text, "cannot be expressed");
        case_end(&c);
    }
}

static void wrong_bodies_are_errors_that_name_the_field(void **state)
{
    static const struct {
        const char *body, *says;
    } rows[] = {
        {"",                                                                                       "empty"                           },
        {"[]",                                                                                     "the body must be"                },
        {"{\"model\":",                                                                            "invalid JSON"                    },
        {"{}",                                                                                     "model must be"                   },
        {"{\"model\":\"m\",\"messages\":[" HI "]}",                                                "max_tokens must be"              },
        {"{\"model\":\"m\",\"max_tokens\":0,\"messages\":[" HI "]}",                               "max_tokens must be"              },
        {"{\"model\":\"m\",\"max_tokens\":1}",                                                     "messages must be"                },
        {"{\"model\":\"m\",\"max_tokens\":1,\"messages\":[]}",                                     "messages must be"                },
        {"{\"model\":\"m\",\"max_tokens\":1,\"messages\":[1]}",                                    "messages[0] must be"             },
        {"{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"bot\",\"content\":\"x\"}]}",
         "messages[0].role must be"                                                                                                  },
        {"{\"model\":\"m\",\"max_tokens\":1,\"messages\":[{\"role\":\"user\"}]}",
         "messages[0].content must be"                                                                                               },
        {SAID("1"),                                                                                "messages[0].content[0] must be"  },
        {SAID("{\"type\":\"text\"}"),                                                              "messages[0].content[0].text must"},
        {SAID("{\"type\":\"image\"}"),                                                             ".source must be"                 },
        {SAID("{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"data\":\"x\"}}"),
         ".source.media_type must"                                                                                                   },
        {SAID("{\"type\":\"tool_use\",\"name\":\"f\",\"input\":{}}"),                              ".id must be"                     },
        {SAID("{\"type\":\"tool_use\",\"id\":\"i\",\"name\":\"f\",\"input\":[]}"),
         ".input must be"                                                                                                            },
        {SAID("{\"type\":\"tool_result\",\"content\":\"x\"}"),                                     ".tool_use_id must be"            },
        {SAID("{\"type\":\"redacted_thinking\"}"),                                                 ".data must be"                   },
        {BODY(",\"system\":1"),                                                                    "system must be"                  },
        {BODY(",\"system\":[{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"u\"}}]"),
         "system must be"                                                                                                            },
        {BODY(",\"stream\":\"yes\""),                                                              "stream must be"                  },
        {BODY(",\"temperature\":\"hot\""),                                                         "temperature must be"             },
        {BODY(",\"stop_sequences\":\"x\""),                                                        "stop_sequences must be"          },
        {BODY(",\"stop_sequences\":[1]"),                                                          "stop_sequences must be"          },
        {BODY(",\"tools\":{}"),                                                                    "tools must be"                   },
        {BODY(",\"tools\":[{\"input_schema\":{}}]"),                                               "tools[0].name must be"           },
        {BODY(",\"tools\":[{\"name\":\"f\",\"input_schema\":1}]"),                                 "tools[0].input_schema must"      },
        {BODY(",\"tool_choice\":\"auto\""),                                                        "tool_choice must be"             },
        {BODY(",\"tool_choice\":{\"type\":\"some\"}"),                                             "tool_choice.type must be"        },
        {BODY(",\"tool_choice\":{\"type\":\"tool\"}"),                                             "tool_choice.name must be"        },
        {BODY(",\"thinking\":{\"type\":\"enabled\"}"),                                             "thinking.budget_tokens must"     },
        {BODY(",\"output_config\":{\"format\":{\"type\":\"xml\"}}"),
         "output_config.format.type must"                                                                                            },
        {BODY(",\"output_config\":{\"format\":{\"type\":\"json_schema\"}}"),
         "output_config.format.schema"                                                                                               },
        {BODY(",\"metadata\":[]"),                                                                 "metadata must be"                },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wire_case c;
        case_begin(&c, "m");
        assert_int_equal(
            wire_messages.read_request(str_of(rows[i].body), &c.notes, &c.request, &c.err),
            ERR_INVALID);
        assert_has(c.err.text, rows[i].says);
        case_end(&c);
    }
}

static void stop_sequences_have_a_maximum(void **state)
{
    struct wire_case c;
    struct buf body;
    (void)state;
    for (size_t n = MESSAGE_STOP_MAX; n <= MESSAGE_STOP_MAX + 1; n++) {
        case_begin(&c, "m");
        buf_init(&body, 4096);
        buf_puts(&body, "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[" HI
                        "],\"stop_sequences\":[\"s\"");
        for (size_t i = 1; i < n; i++) {
            buf_puts(&body, ",\"s\"");
        }
        buf_puts(&body, "]}");
        assert_int_equal(wire_messages.read_request(buf_str(&body), &c.notes, &c.request, &c.err),
                         n > MESSAGE_STOP_MAX ? ERR_INVALID : 0);
        assert_int_equal(c.request.stop_count, n > MESSAGE_STOP_MAX ? 0 : n);
        buf_release(&body);
        case_end(&c);
    }
}

/* What this API says can be said in it again: nothing is dropped on the way. */
static void a_request_written_again_is_the_same(void **state)
{
    static const char *const bodies[] = {
        "{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":9000,\"system\":[{\"type\":\"text\","
        "\"text\":\"s\"}],\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","
        "\"text\":\"q\",\"cache_control\":{\"type\":\"ephemeral\"}}]},{\"role\":\"assistant\","
        "\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"Eq==\"},{\"type\":"
        "\"redacted_thinking\",\"data\":\"Er\"},{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":"
        "\"f\",\"input\":{\"x\": 1.00}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\""
        ",\"tool_use_id\":\"toolu_1\",\"content\":[{\"type\":\"text\",\"text\":\"r\"}],"
        "\"is_error\":true,\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}]}],\"tools\":"
        "[{\"name\":\"f\",\"description\":\"d\",\"input_schema\":{\"type\":\"object\"},\"strict\":"
        "true}],\"stop_sequences\":[\"END\"],\"output_config\":{\"format\":{\"type\":"
        "\"json_schema\",\"schema\":{\"type\":\"object\"}}},\"metadata\":{\"user_id\":\"u\"},"
        "\"service_tier\":\"auto\",\"tool_choice\":{\"type\":\"auto\",\"disable_parallel_tool_use\""
        ":true},\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048},\"stream\":true}",
        "{\"model\":\"claude-opus-4-7\",\"max_tokens\":5,\"messages\":[{\"role\":\"user\","
        "\"content\":[{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":"
        "\"image/png\",\"data\":\"aGk=\"}},{\"type\":\"document\",\"source\":{\"type\":\"text\","
        "\"media_type\":\"text/plain\",\"data\":\"caf\xc3\xa9\"},\"title\":\"t\"}]}],"
        "\"output_config\":{\"effort\":\"high\"},\"thinking\":{\"type\":\"adaptive\",\"display\":"
        "\"summarized\"}}",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct wire_case c;
        case_begin(&c, i == 0 ? "claude-sonnet-4-5" : "claude-opus-4-7");
        case_read(&c, &wire_messages, bodies[i]);
        assert_string_equal(case_write(&c, &wire_messages), bodies[i]);
        assert_string_equal(case_dropped(&c), "");
        case_end(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_request_is_read),
        cmocka_unit_test(parameters_are_read),
        cmocka_unit_test(system_is_text_or_blocks_and_may_come_later),
        cmocka_unit_test(blocks_are_read),
        cmocka_unit_test(citations_of_web_pages_are_kept_and_others_named),
        cmocka_unit_test(tools_are_read),
        cmocka_unit_test(choices_are_read),
        cmocka_unit_test(thinking_is_read),
        cmocka_unit_test(effort_and_format_are_read),
        cmocka_unit_test(what_no_other_api_has_is_named),
        cmocka_unit_test(what_the_provider_keeps_or_runs_is_refused),
        cmocka_unit_test(wrong_bodies_are_errors_that_name_the_field),
        cmocka_unit_test(stop_sequences_have_a_maximum),
        cmocka_unit_test(a_request_written_again_is_the_same),
    };
    return cmocka_run_group_tests_name("llm/wire_messages_read", tests, NULL, NULL);
}
