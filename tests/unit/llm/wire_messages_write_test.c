#include "unit/llm/wire_suite.h"

#include <math.h>

#define HEAD(model) "{\"model\":\"" model "\",\"max_tokens\":4096,"
#define HI          "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}]"

#define SONNET "claude-sonnet-4-5"
#define OPUS   "claude-opus-4-7"

static void begin_hi(struct wire_case *c, const char *model)
{
    case_begin(c, model);
    static struct message_part part;
    static struct message hi;
    part = part_text("hi");
    hi = (struct message){.role = MESSAGE_USER, .parts = &part, .part_count = 1};
    c->request.messages = &hi;
    c->request.message_count = 1;
}

static void the_least_request_gets_a_maximum(void **state)
{
    struct wire_case c;
    (void)state;
    begin_hi(&c, SONNET);
    assert_string_equal(case_write(&c, &wire_messages), HEAD(SONNET) HI "}");
    c.target.default_max_output = 0;
    assert_has(case_write(&c, &wire_messages), "\"max_tokens\":4096,");
    c.request.max_output = 7;
    c.request.stream = true;
    assert_has(case_write(&c, &wire_messages), "\"max_tokens\":7,");
    assert_has(buf_cstr(&c.out), ",\"stream\":true}");
    assert_string_equal(case_dropped(&c), "");
    case_end(&c);
}

static void instructions_go_to_the_top(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, SONNET);
    struct message_part cached = part_text("b");
    cached.cache = MESSAGE_CACHE_1H;
    CASE_MESSAGES(&c, SAYS(MESSAGE_SYSTEM, part_text("a")), SAYS(MESSAGE_DEVELOPER, cached),
                  SAYS(MESSAGE_USER, part_text("hi")));
    assert_string_equal(
        case_write(&c, &wire_messages),
        HEAD(SONNET) "\"system\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"text\",\"text\":"
                     "\"b\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}]," HI "}");
    assert_string_equal(case_dropped(&c), "");
    CASE_MESSAGES(&c, SAYS(MESSAGE_USER, part_text("hi")), SAYS(MESSAGE_SYSTEM, part_text("late")));
    assert_string_equal(case_write(&c, &wire_messages),
                        HEAD(SONNET) "\"system\":[{\"type\":\"text\",\"text\":\"late\"}]," HI "}");
    assert_string_equal(case_dropped(&c), "messages[1] (order)");
    case_end(&c);
}

static void instructions_alone_are_what_the_user_says(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, SONNET);
    CASE_MESSAGES(&c, SAYS(MESSAGE_SYSTEM, part_text("hi")));
    assert_string_equal(case_write(&c, &wire_messages), HEAD(SONNET) HI "}");
    assert_string_equal(case_dropped(&c), "messages[0].role");
    case_end(&c);
}

static void an_assistant_cannot_speak_first(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, SONNET);
    CASE_MESSAGES(&c, SAYS(MESSAGE_ASSISTANT, part_text("Welcome.")),
                  SAYS(MESSAGE_USER, part_text("hi")));
    assert_has(case_write(&c, &wire_messages),
               "\"messages\":[{\"role\":\"user\",\"content\":\".\"},{\"role\":\"assistant\",");
    assert_string_equal(case_dropped(&c), "messages[0] (an assistant speaks first)");
    c.notes.strict = true;
    case_refuses(&c, &wire_messages, "messages[0] (an assistant speaks first)");
    case_end(&c);
}

static void neighbours_of_one_role_are_one_message_with_results_first(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, SONNET);
    CASE_MESSAGES(
        &c, SAYS(MESSAGE_USER, part_text("go")),
        SAYS(MESSAGE_ASSISTANT, part_text("ok"), part_call("call_1", "f", "{\"a\": 1e400}")),
        SAYS(MESSAGE_ASSISTANT, part_call("call_2", "g", "")),
        SAYS(MESSAGE_USER, part_text("also")),
        SAYS(MESSAGE_USER,
             part_result("call_1", (struct message_part[]){part_text("x"), part_text("")}, 2)),
        SAYS(MESSAGE_USER, part_result("call_2", NULL, 0)));
    c.request.messages[4].parts[0].failed = true;
    assert_string_equal(
        case_write(&c, &wire_messages),
        HEAD(SONNET) "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
                     "\"go\"}]},{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":"
                     "\"ok\"},{\"type\":\"tool_use\",\"id\":\"call_1\",\"name\":\"f\",\"input\":"
                     "{}},{\"type\":\"tool_use\",\"id\":\"call_2\",\"name\":\"g\",\"input\":{}}]},"
                     "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":"
                     "\"call_1\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}],\"is_error\":"
                     "true},{\"type\":\"tool_result\",\"tool_use_id\":\"call_2\",\"content\":[]},"
                     "{\"type\":\"text\",\"text\":\"also\"}]}]}");
    assert_string_equal(case_dropped(&c), "messages[1].content[1] (malformed arguments)");
    case_end(&c);
}

static void arguments_keep_their_bytes(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, SONNET);
    CASE_MESSAGES(&c, SAYS(MESSAGE_USER, part_text("go")),
                  SAYS(MESSAGE_ASSISTANT,
                       part_call("c", "f", "{ \"b\" : 1.50, \"a\":[12345678901234567890123] }")));
    assert_has(case_write(&c, &wire_messages),
               "\"input\":{ \"b\" : 1.50, \"a\":[12345678901234567890123] }");
    assert_string_equal(case_dropped(&c), "");
    CASE_MESSAGES(&c, SAYS(MESSAGE_USER, part_text("go")),
                  SAYS(MESSAGE_ASSISTANT, part_call("c", "f", "[1]")));
    assert_has(case_write(&c, &wire_messages), "\"input\":{}");
    assert_string_equal(case_dropped(&c), "messages[1].content[0] (malformed arguments)");
    case_end(&c);
}

static void ids_become_fit_and_stay_alike(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, SONNET);
    CASE_MESSAGES(&c, SAYS(MESSAGE_USER, part_text("go")),
                  SAYS(MESSAGE_ASSISTANT, part_call("functions.f:0", "f", "{}")),
                  SAYS(MESSAGE_USER, part_result("functions.f:0", NULL, 0)));
    const char *text = case_write(&c, &wire_messages);
    const char *id = strstr(text, "\"id\":\"functions_f_0_");
    const char *again = strstr(text, "\"tool_use_id\":\"functions_f_0_");
    assert_non_null(id);
    assert_non_null(again);
    assert_memory_equal(id + strlen("\"id\":"), again + strlen("\"tool_use_id\":"), 24);
    case_end(&c);
}

static void what_says_nothing_is_left_out(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, SONNET);
    CASE_MESSAGES(&c, SAYS(MESSAGE_SYSTEM, part_text("")),
                  SAYS(MESSAGE_USER, part_text("hi"), part_text(" \n")),
                  SAYS(MESSAGE_ASSISTANT, part_text("")));
    assert_string_equal(case_write(&c, &wire_messages), HEAD(SONNET) HI "}");
    CASE_MESSAGES(&c, SAYS(MESSAGE_USER, part_text("")));
    buf_clear(&c.out);
    assert_int_equal(wire_messages.write_request(&c.request, &c.target, &c.notes, &c.out, &c.err),
                     ERR_INVALID);
    assert_string_equal(c.err.text, "messages: none of them says anything");
    case_end(&c);
}

static void white_space_at_the_end_of_a_prefill_goes(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, SONNET);
    CASE_MESSAGES(&c, SAYS(MESSAGE_USER, part_text("hi ")),
                  SAYS(MESSAGE_ASSISTANT, part_text("It is: \n")));
    assert_has(case_write(&c, &wire_messages), "\"text\":\"It is:\"}");
    assert_has(buf_cstr(&c.out), "\"text\":\"hi \"}");
    case_end(&c);
}

static void images_and_documents_have_their_sources(void **state)
{
    static const struct {
        struct message_part part;
        const char *block;
    } rows[] = {
        {{.kind = MESSAGE_IMAGE, .media_type = {"image/png", 9}, .data = {"aGk=", 4}},
         "{\"type\":\"image\",\"source\":{\"type\":\"base64\",\"media_type\":\"image/png\","
         "\"data\":\"aGk=\"}}"                                                              },
        {{.kind = MESSAGE_IMAGE, .url = {"https://x/y.png", 15}, .cache = MESSAGE_CACHE_5M},
         "{\"type\":\"image\",\"source\":{\"type\":\"url\",\"url\":\"https://x/y.png\"},"
         "\"cache_control\":{\"type\":\"ephemeral\"}}"                                      },
        {{.kind = MESSAGE_IMAGE, .file_id = {"file_01", 7}},
         "{\"type\":\"image\",\"source\":{\"type\":\"file\",\"file_id\":\"file_01\"}}"      },
        {{.kind = MESSAGE_FILE,
          .media_type = {"application/pdf", 15},
          .data = {"aGk=", 4},
          .name = {"a.pdf", 5}},
         "{\"type\":\"document\",\"source\":{\"type\":\"base64\",\"media_type\":\"application/pdf\""
         ",\"data\":\"aGk=\"},\"title\":\"a.pdf\"}"                                         },
        {{.kind = MESSAGE_FILE, .media_type = {"text/markdown", 13}, .data = {"aGki", 4}},
         "{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/plain\","
         "\"data\":\"hi\\\"\"}}"                                                            },
        {{.kind = MESSAGE_FILE, .url = {"https://x/y.pdf", 15}},
         "{\"type\":\"document\",\"source\":{\"type\":\"url\",\"url\":\"https://x/y.pdf\"}}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wire_case c;
        begin_hi(&c, SONNET);
        c.request.messages[0].parts[0] = rows[i].part;
        assert_has(case_write(&c, &wire_messages), rows[i].block);
        assert_string_equal(case_dropped(&c), "");
        case_end(&c);
    }
}

static void what_it_cannot_look_at_is_refused(void **state)
{
    /* clang-format off */
    static const struct message_part rows[] = {
        {.kind = MESSAGE_IMAGE, .media_type = {"image/tiff", 10}, .data = {"aGk=", 4}},
        {.kind = MESSAGE_IMAGE, .file_id = {"file-openai", 11}},
        {.kind = MESSAGE_IMAGE},
        {.kind = MESSAGE_FILE, .media_type = {"application/zip", 15}, .data = {"aGk=", 4}},
        {.kind = MESSAGE_FILE, .file_id = {"file-openai", 11}},
        {.kind = MESSAGE_AUDIO, .media_type = {"audio/wav", 9}, .data = {"aGk=", 4}},
    };
    /* clang-format on */
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wire_case c;
        begin_hi(&c, SONNET);
        c.request.messages[0].parts[0] = rows[i];
        case_refuses(&c, &wire_messages, "messages[0].content[0]");
        case_end(&c);
    }
}

static void a_broken_text_file_is_an_error(void **state)
{
    struct wire_case c;
    (void)state;
    begin_hi(&c, SONNET);
    c.request.messages[0].parts[0] = (struct message_part){
        .kind = MESSAGE_FILE, .media_type = STR("text/plain"), .data = STR("a!")};
    assert_int_equal(wire_messages.write_request(&c.request, &c.target, &c.notes, &c.out, &c.err),
                     ERR_INVALID);
    assert_has(c.err.text, "messages[0].content[0]");
    case_end(&c);
}

static void own_thoughts_are_given_back_and_others_are_not(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, SONNET);
    struct message_part sealed = part_thinking("", "EuYB");
    sealed.redacted = true;
    CASE_MESSAGES(&c, SAYS(MESSAGE_USER, part_text("go")),
                  SAYS(MESSAGE_ASSISTANT, part_thinking("hm", "EqQB/+="), sealed,
                       part_thinking("from elsewhere", ""),
                       part_thinking("", MESSAGE_SEAL_GEMINI "0:abc"), part_thinking("", "gAAAAAB"),
                       part_text("done")));
    assert_has(case_write(&c, &wire_messages),
               "\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"EqQB/+=\"},"
               "{\"type\":\"redacted_thinking\",\"data\":\"EuYB\"},{\"type\":\"text\",");
    assert_string_equal(case_dropped(&c),
                        "messages[1].content[2] (thinking), messages[1].content[3] (thinking), "
                        "messages[1].content[4] (thinking)");
    case_end(&c);
}

static void tools_have_object_schemas(void **state)
{
    static const struct {
        const char *schema, *written;
    } rows[] = {
        {"",                                "{\"type\":\"object\",\"properties\":{}}"        },
        {"{}",                              "{\"type\":\"object\",\"properties\":{}}"        },
        {" { } ",                           "{\"type\":\"object\",\"properties\":{}}"        },
        {"{\"properties\":{\"a\":{}}}",     "{\"type\":\"object\",\"properties\":{\"a\":{}}}"},
        {"{\"a\":1.0,\"type\":\"object\"}", "{\"a\":1.0,\"type\":\"object\"}"                },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wire_case c;
        char want[256];
        begin_hi(&c, SONNET);
        struct message_tool tool = {
            .name = STR("f"), .schema = str_of(rows[i].schema), .strict = -1};
        c.request.tools = &tool;
        c.request.tool_count = 1;
        snprintf(want, sizeof(want), ",\"tools\":[{\"name\":\"f\",\"input_schema\":%s}]}",
                 rows[i].written);
        assert_has(case_write(&c, &wire_messages), want);
        case_end(&c);
    }
}

static void a_tool_has_description_strictness_and_marker(void **state)
{
    struct wire_case c;
    (void)state;
    begin_hi(&c, SONNET);
    struct message_tool tools[] = {
        {.name = STR("f"),           .description = STR("does f"), .strict = 1, .cache = MESSAGE_CACHE_5M},
        {.name = STR("g"), .strict = 0                            }
    };
    c.request.tools = tools;
    c.request.tool_count = 2;
    assert_has(case_write(&c, &wire_messages),
               "[{\"name\":\"f\",\"description\":\"does f\",\"input_schema\":{\"type\":\"object\","
               "\"properties\":{}},\"strict\":true,\"cache_control\":{\"type\":\"ephemeral\"}},{"
               "\"name\":\"g\",");
    assert_string_equal(case_dropped(&c), "");
    c.target.model = STR("claude-3-7-sonnet-20250219");
    assert_null(strstr(case_write(&c, &wire_messages), "strict"));
    assert_string_equal(case_dropped(&c), "tools[0].strict");
    case_end(&c);
}

static void choices_are_written_where_they_say_something(void **state)
{
    static const struct {
        enum message_choice choice;
        int parallel;
        bool tools;
        const char *written; /* NULL: nothing */
    } rows[] = {
        {MESSAGE_CHOICE_UNSET, -1, true,  NULL                                                    },
        {MESSAGE_CHOICE_UNSET, 1,  true,  NULL                                                    },
        {MESSAGE_CHOICE_UNSET, 0,  true,  "{\"type\":\"auto\",\"disable_parallel_tool_use\":true}"},
        {MESSAGE_CHOICE_AUTO,  -1, true,  "{\"type\":\"auto\"}"                                   },
        {MESSAGE_CHOICE_NONE,  0,  true,  "{\"type\":\"none\"}"                                   },
        {MESSAGE_CHOICE_ANY,   0,  true,  "{\"type\":\"any\",\"disable_parallel_tool_use\":true}" },
        {MESSAGE_CHOICE_TOOL,  1,  true,
         "{\"type\":\"tool\",\"name\":\"f\",\"disable_parallel_tool_use\":false}"                 },
        {MESSAGE_CHOICE_AUTO,  0,  false, NULL                                                    },
        {MESSAGE_CHOICE_NONE,  -1, false, NULL                                                    },
        {MESSAGE_CHOICE_ANY,   -1, false, "{\"type\":\"any\"}"                                    },
    };
    struct message_tool tool = {.name = STR("f"), .strict = -1};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wire_case c;
        char want[128];
        begin_hi(&c, SONNET);
        c.request.tools = &tool;
        c.request.tool_count = rows[i].tools;
        c.request.choice = rows[i].choice;
        c.request.choice_name = STR("f");
        c.request.parallel_calls = rows[i].parallel;
        const char *text = case_write(&c, &wire_messages);
        if (rows[i].written) {
            snprintf(want, sizeof(want), ",\"tool_choice\":%s}", rows[i].written);
            assert_has(text, want);
        } else {
            assert_null(strstr(text, "tool_choice"));
        }
        case_end(&c);
    }
}

/* What each generation of models is asked for when effort or a budget is wanted. */
static void thinking_is_asked_for_as_the_model_takes_it(void **state)
{
    static const struct {
        const char *model;
        enum message_effort effort;
        int64_t budget;
        bool adaptive;
        int64_t max_output;
        const char *has, *dropped;
    } rows[] = {
        {"claude-sonnet-4-5",         MESSAGE_EFFORT_LOW,     -1,   false, 20000,
         "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048}",                                      ""                },
        {"claude-sonnet-4-5",         MESSAGE_EFFORT_HIGH,    -1,   false, 16000,
         "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":12000}",                                     ""                },
        {"claude-sonnet-4-5",         MESSAGE_EFFORT_MINIMAL, -1,   false, 1100,
         "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":1024}",                                      ""                },
        {"claude-sonnet-4-5",         MESSAGE_EFFORT_HIGH,    -1,   false, 1024,  NULL,                     "reasoning_effort"},
        {"claude-sonnet-4-5",         MESSAGE_EFFORT_UNSET,   5000, false, 20000,
         "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":5000}",                                      ""                },
        {"claude-sonnet-4-5",         MESSAGE_EFFORT_UNSET,   -1,   true,  20000,
         "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":8192}",                                      ""                },
        {"claude-sonnet-4-5",         MESSAGE_EFFORT_NONE,    -1,   false, 20000, NULL,                     ""                },
        {"claude-3-5-haiku-latest",   MESSAGE_EFFORT_LOW,     -1,   false, 4096,  NULL,                     "reasoning_effort"},
        {"claude-3-haiku-20240307",   MESSAGE_EFFORT_UNSET,   2000, false, 4096,  NULL,                     "thinking"        },
        {"anthropic/claude-opus-4.6", MESSAGE_EFFORT_MEDIUM,  -1,   false, 100,
         "\"output_config\":{\"effort\":\"medium\"},\"thinking\":{\"type\":\"adaptive\"}",                  ""                },
        {"claude-opus-4-7",           MESSAGE_EFFORT_MAX,     -1,   false, 100,   "{\"effort\":\"max\"}",   ""                },
        {"claude-opus-4-7",           MESSAGE_EFFORT_MINIMAL, -1,   false, 100,   "{\"effort\":\"low\"}",   ""                },
        {"claude-opus-4-7",           MESSAGE_EFFORT_UNSET,   9000, false, 100,   "{\"effort\":\"high\"}",  ""                },
        {"claude-opus-4-7",           MESSAGE_EFFORT_UNSET,   -1,   true,  100,
         "\"thinking\":{\"type\":\"adaptive\"}",                                                            ""                },
        {"claude-opus-4-7",           MESSAGE_EFFORT_NONE,    -1,   false, 100,
         "\"thinking\":{\"type\":\"disabled\"}",                                                            ""                },
        {"my-model",                  MESSAGE_EFFORT_LOW,     -1,   false, 20000, "\"budget_tokens\":2048", ""                },
        {"claude-opus-4-20250514",    MESSAGE_EFFORT_LOW,     -1,   false, 20000, "\"enabled\"",            ""                },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wire_case c;
        begin_hi(&c, rows[i].model);
        c.request.effort = rows[i].effort;
        c.request.thinking_budget = rows[i].budget;
        c.request.thinking_adaptive = rows[i].adaptive;
        c.request.max_output = rows[i].max_output;
        const char *text = case_write(&c, &wire_messages);
        if (rows[i].has) {
            assert_has(text, rows[i].has);
        } else {
            assert_null(strstr(text, "thinking"));
            assert_null(strstr(text, "effort"));
        }
        assert_string_equal(case_dropped(&c), rows[i].dropped);
        case_end(&c);
    }
}

static void shown_thinking_is_asked_for(void **state)
{
    struct wire_case c;
    (void)state;
    begin_hi(&c, OPUS);
    c.request.thinking_adaptive = true;
    c.request.thinking_shown = true;
    assert_has(case_write(&c, &wire_messages),
               "\"thinking\":{\"type\":\"adaptive\",\"display\":\"summarized\"}");
    case_end(&c);
}

static void a_forced_choice_comes_before_thinking(void **state)
{
    struct wire_case c;
    struct message_tool tool = {.name = STR("f"), .strict = -1};
    (void)state;
    begin_hi(&c, SONNET);
    c.request.tools = &tool;
    c.request.tool_count = 1;
    c.request.choice = MESSAGE_CHOICE_ANY;
    c.request.effort = MESSAGE_EFFORT_HIGH;
    const char *text = case_write(&c, &wire_messages);
    assert_has(text, "\"tool_choice\":{\"type\":\"any\"}");
    assert_null(strstr(text, "thinking"));
    assert_string_equal(case_dropped(&c), "reasoning_effort");
    case_end(&c);
}

/* In the middle of tool calls the thoughts must be there, or there must be none. */
static void a_round_of_calls_without_its_thoughts_goes_on_without_thinking(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, SONNET);
    c.request.effort = MESSAGE_EFFORT_LOW;
    CASE_MESSAGES(&c, SAYS(MESSAGE_USER, part_text("go")),
                  SAYS(MESSAGE_ASSISTANT, part_call("c", "f", "{}")),
                  SAYS(MESSAGE_USER, part_result("c", NULL, 0)));
    assert_null(strstr(case_write(&c, &wire_messages), "thinking"));
    assert_string_equal(case_dropped(&c), "reasoning_effort");
    case_end(&c);

    case_begin(&c, SONNET);
    c.request.effort = MESSAGE_EFFORT_LOW;
    CASE_MESSAGES(&c, SAYS(MESSAGE_USER, part_text("go")),
                  SAYS(MESSAGE_ASSISTANT, part_thinking("hm", "Eq"), part_call("c", "f", "{}")),
                  SAYS(MESSAGE_USER, part_result("c", NULL, 0)));
    assert_has(case_write(&c, &wire_messages), "\"thinking\":{\"type\":\"enabled\"");
    assert_string_equal(case_dropped(&c), "");
    case_end(&c);
}

static void sampling_is_kept_where_the_model_takes_it(void **state)
{
    static const struct {
        const char *model;
        bool think;
        double temperature, top_p;
        int64_t top_k;
        const char *has, *dropped;
    } rows[] = {
        {SONNET,                     false, 0.7, NAN,  -1, ",\"temperature\":0.7}",                           ""                         },
        {SONNET,                     false, 1.5, NAN,  -1, NULL,                                              "temperature"              },
        {SONNET,                     false, NAN, 0.25, 40, ",\"top_p\":0.25,\"top_k\":40}",                   ""                         },
        {SONNET,                     false, 0.5, 0.9,  -1, ",\"temperature\":0.5}",                           "top_p"                    },
        {SONNET,                     false, 0.5, 1,    -1, ",\"temperature\":0.5}",                           ""                         },
        {SONNET,                     true,  0.5, 0.5,  5,  NULL,                                              "temperature, top_p, top_k"},
        {SONNET,                     true,  1,   0.95, -1, ",\"top_p\":0.95,",                                ""                         },
        {OPUS,                       false, 0.5, 0.5,  5,  NULL,                                              "temperature, top_p, top_k"},
        {"mine",                     false, 1.5, 0.5,  5,  ",\"temperature\":1.5,\"top_p\":0.5,\"top_k\":5}", ""                         },
        {"claude-3-7-sonnet-latest", false, 0.5, 0.9,  -1, ",\"temperature\":0.5,\"top_p\":0.9}",
         ""                                                                                                                              },
        {OPUS,                       false, 1,   1,    -1, NULL,                                              ""                         },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wire_case c;
        begin_hi(&c, rows[i].model);
        c.request.temperature = rows[i].temperature;
        c.request.top_p = rows[i].top_p;
        c.request.top_k = rows[i].top_k;
        c.request.effort = rows[i].think ? MESSAGE_EFFORT_LOW : MESSAGE_EFFORT_UNSET;
        const char *text = case_write(&c, &wire_messages);
        if (rows[i].has) {
            assert_has(text, rows[i].has);
        } else {
            assert_null(strstr(text, "temperature"));
            assert_null(strstr(text, "top_"));
        }
        assert_string_equal(case_dropped(&c), rows[i].dropped);
        case_end(&c);
    }
}

static void formats_are_schemas_or_nothing(void **state)
{
    struct wire_case c;
    (void)state;
    begin_hi(&c, SONNET);
    c.request.format = MESSAGE_FORMAT_SCHEMA;
    c.request.schema = STR("{\"type\":\"object\"}");
    c.request.schema_name = STR("n");
    assert_has(case_write(&c, &wire_messages),
               ",\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":"
               "\"object\"}}}}");
    assert_string_equal(case_dropped(&c), "");
    c.target.model = STR("claude-3-haiku-20240307");
    case_refuses(&c, &wire_messages, "response_format");
    case_end(&c);

    begin_hi(&c, SONNET);
    c.request.format = MESSAGE_FORMAT_JSON;
    assert_null(strstr(case_write(&c, &wire_messages), "output_config"));
    assert_string_equal(case_dropped(&c), "response_format");
    c.notes.strict = true;
    case_refuses(&c, &wire_messages, "response_format");
    case_end(&c);
}

static void stops_are_written_or_refused(void **state)
{
    struct wire_case c;
    (void)state;
    begin_hi(&c, SONNET);
    c.request.stop[0] = STR("END\n");
    c.request.stop[1] = STR("\n");
    c.request.stop_count = 1;
    assert_has(case_write(&c, &wire_messages), ",\"stop_sequences\":[\"END\\n\"]}");
    c.request.stop_count = 2;
    case_refuses(&c, &wire_messages, "stop[1]");
    case_end(&c);
}

static void more_than_one_answer_is_refused(void **state)
{
    struct wire_case c;
    (void)state;
    begin_hi(&c, SONNET);
    c.request.n = 2;
    case_refuses(&c, &wire_messages, "n");
    case_end(&c);
}

static void what_the_api_has_no_word_for_is_named(void **state)
{
    struct wire_case c;
    (void)state;
    begin_hi(&c, SONNET);
    c.request.presence_penalty = 0.5;
    c.request.frequency_penalty = -1;
    c.request.has_seed = true;
    c.request.logprobs = true;
    c.request.top_logprobs = 3;
    c.request.logit_bias = STR("{\"1\":2}");
    c.request.verbosity = STR("low");
    c.request.metadata = STR("{\"a\":\"b\"}");
    c.request.cache_key = STR("k");
    c.request.messages[0].name = STR("ann");
    c.request.service_tier = STR("flex");
    c.request.messages[0].parts[0].citations = &(struct message_citation){.url = STR("https://x")};
    c.request.messages[0].parts[0].citation_count = 1;
    assert_string_equal(case_write(&c, &wire_messages), HEAD(SONNET) HI "}");
    assert_string_equal(case_dropped(&c),
                        "presence_penalty, frequency_penalty, seed, logprobs, top_logprobs, "
                        "logit_bias, verbosity, metadata, prompt_cache_key, messages[0].name, "
                        "messages[0].content[0].citations, service_tier");
    case_end(&c);
}

static void labels_are_written(void **state)
{
    struct wire_case c;
    (void)state;
    begin_hi(&c, SONNET);
    c.request.user = STR("u-1");
    c.request.service_tier = STR("default");
    c.request.presence_penalty = 0;
    assert_has(case_write(&c, &wire_messages),
               ",\"metadata\":{\"user_id\":\"u-1\"},\"service_tier\":\"standard_only\"}");
    assert_string_equal(case_dropped(&c), "");
    case_end(&c);
}

static void a_full_buffer_leaves_its_flag(void **state)
{
    struct wire_case c;
    (void)state;
    begin_hi(&c, SONNET);
    for (size_t max = 0; max < 100; max++) {
        buf_release(&c.out);
        buf_init(&c.out, max);
        (void)wire_messages.write_request(&c.request, &c.target, &c.notes, &c.out, &c.err);
        assert_false(buf_ok(&c.out));
    }
    case_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_request_gets_a_maximum),
        cmocka_unit_test(instructions_go_to_the_top),
        cmocka_unit_test(instructions_alone_are_what_the_user_says),
        cmocka_unit_test(an_assistant_cannot_speak_first),
        cmocka_unit_test(neighbours_of_one_role_are_one_message_with_results_first),
        cmocka_unit_test(arguments_keep_their_bytes),
        cmocka_unit_test(ids_become_fit_and_stay_alike),
        cmocka_unit_test(what_says_nothing_is_left_out),
        cmocka_unit_test(white_space_at_the_end_of_a_prefill_goes),
        cmocka_unit_test(images_and_documents_have_their_sources),
        cmocka_unit_test(what_it_cannot_look_at_is_refused),
        cmocka_unit_test(a_broken_text_file_is_an_error),
        cmocka_unit_test(own_thoughts_are_given_back_and_others_are_not),
        cmocka_unit_test(tools_have_object_schemas),
        cmocka_unit_test(a_tool_has_description_strictness_and_marker),
        cmocka_unit_test(choices_are_written_where_they_say_something),
        cmocka_unit_test(thinking_is_asked_for_as_the_model_takes_it),
        cmocka_unit_test(shown_thinking_is_asked_for),
        cmocka_unit_test(a_forced_choice_comes_before_thinking),
        cmocka_unit_test(a_round_of_calls_without_its_thoughts_goes_on_without_thinking),
        cmocka_unit_test(sampling_is_kept_where_the_model_takes_it),
        cmocka_unit_test(formats_are_schemas_or_nothing),
        cmocka_unit_test(stops_are_written_or_refused),
        cmocka_unit_test(more_than_one_answer_is_refused),
        cmocka_unit_test(what_the_api_has_no_word_for_is_named),
        cmocka_unit_test(labels_are_written),
        cmocka_unit_test(a_full_buffer_leaves_its_flag),
    };
    return cmocka_run_group_tests_name("llm/wire_messages_write", tests, NULL, NULL);
}
