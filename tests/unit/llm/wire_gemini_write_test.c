#include "unit/llm/wire_suite.h"

#include <math.h>

#define FLASH "gemini-2.5-flash"
#define NEW   "gemini-3-flash-preview"
#define HI    "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]}]"

static void begin_hi(struct wire_case *c, const char *model)
{
    static struct message_part part;
    static struct message hi;
    case_begin(c, model);
    part = part_text("hi");
    hi = (struct message){.role = MESSAGE_USER, .parts = &part, .part_count = 1};
    c->request.messages = &hi;
    c->request.message_count = 1;
}

static void the_least_request_is_its_contents(void **state)
{
    struct wire_case c;
    (void)state;
    begin_hi(&c, FLASH);
    c.request.stream = true; /* the path says so, not the body */
    assert_string_equal(case_write(&c, &wire_gemini), HI "}");
    assert_string_equal(case_dropped(&c), "");
    case_end(&c);
}

static void turns_are_contents_and_instructions_go_to_the_top(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, FLASH);
    CASE_MESSAGES(
        &c, SAYS(MESSAGE_SYSTEM, part_text("s")), SAYS(MESSAGE_USER, part_text("a")),
        SAYS(MESSAGE_USER, part_text("b"), part_text("")), SAYS(MESSAGE_ASSISTANT, part_text("c")),
        SAYS(MESSAGE_DEVELOPER, part_text("late")), SAYS(MESSAGE_ASSISTANT, part_text("")));
    assert_string_equal(case_write(&c, &wire_gemini),
                        "{\"systemInstruction\":{\"parts\":[{\"text\":\"s\"},{\"text\":\"late\"}]},"
                        "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"a\"},{\"text\":"
                        "\"b\"}]},{\"role\":\"model\",\"parts\":[{\"text\":\"c\"}]}]}");
    assert_string_equal(case_dropped(&c), "messages[4] (order)");
    case_end(&c);
}

static void instructions_alone_are_what_the_user_says(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, FLASH);
    CASE_MESSAGES(&c, SAYS(MESSAGE_SYSTEM, part_text("hi")));
    assert_string_equal(case_write(&c, &wire_gemini), HI "}");
    assert_string_equal(case_dropped(&c), "messages[0].role");
    CASE_MESSAGES(&c, SAYS(MESSAGE_USER, part_text("")));
    buf_clear(&c.out);
    assert_int_equal(wire_gemini.write_request(&c.request, &c.target, &c.notes, &c.out, &c.err),
                     ERR_INVALID);
    c.request.message_count = 0;
    assert_int_equal(wire_gemini.write_request(&c.request, &c.target, &c.notes, &c.out, &c.err),
                     ERR_INVALID);
    case_end(&c);
}

static void calls_and_results_are_paired(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, FLASH);
    CASE_MESSAGES(
        &c, SAYS(MESSAGE_USER, part_text("go")),
        SAYS(MESSAGE_ASSISTANT, part_call("c1", "f", "{ \"n\": 1.0 }"), part_call("c2", "g", "")),
        SAYS(MESSAGE_USER, part_text("also"),
             part_result("c1", (struct message_part[]){part_text("plain")}, 1),
             part_result("c2", (struct message_part[]){part_text("{\"a\": 1}")}, 1)));
    assert_string_equal(
        case_write(&c, &wire_gemini),
        "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"go\"}]},{\"role\":\"model\","
        "\"parts\":[{\"functionCall\":{\"id\":\"c1\",\"name\":\"f\",\"args\":{ \"n\": 1.0 }}},{"
        "\"functionCall\":{\"id\":\"c2\",\"name\":\"g\",\"args\":{}}}]},{\"role\":\"user\","
        "\"parts\":[{\"functionResponse\":{\"id\":\"c1\",\"name\":\"f\",\"response\":{\"output\":"
        "\"plain\"}}},{\"functionResponse\":{\"id\":\"c2\",\"name\":\"g\",\"response\":{\"a\": 1}}}"
        ",{\"text\":\"also\"}]}]}");
    assert_string_equal(case_dropped(&c), "");
    case_end(&c);
}

static void results_are_objects_whatever_tools_say(void **state)
{
    static const struct {
        const char *first, *second;
        bool failed;
        const char *response;
    } rows[] = {
        {"x",            NULL, false, "{\"output\":\"x\"}"               },
        {"a",            "b",  false, "{\"output\":\"a\\nb\"}"           },
        {"",             NULL, false, "{\"output\":\"\"}"                },
        {"[1]",          NULL, false, "{\"output\":\"[1]\"}"             },
        {"{\"k\":1e999", NULL, false, "{\"output\":\"{\\\"k\\\":1e999\"}"},
        {"no",           NULL, true,  "{\"error\":\"no\"}"               },
        {"{\"k\":1}",    NULL, true,  "{\"error\":{\"k\":1}}"            },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wire_case c;
        char want[128];
        case_begin(&c, FLASH);
        struct message_part said[] = {part_text(rows[i].first),
                                      part_text(rows[i].second ? rows[i].second : "")};
        CASE_MESSAGES(&c, SAYS(MESSAGE_ASSISTANT, part_call("c", "f", "{}")),
                      SAYS(MESSAGE_USER, part_result("c", said, rows[i].second ? 2 : 1)));
        c.request.messages[1].parts[0].failed = rows[i].failed;
        snprintf(want, sizeof(want), "\"response\":%s}}", rows[i].response);
        assert_has(case_write(&c, &wire_gemini), want);
        case_end(&c);
    }
}

static void an_image_of_a_tool_stands_in_its_response(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, NEW);
    struct message_part said[] = {
        part_text("see"),
        {.kind = MESSAGE_IMAGE, .media_type = STR("image/png"), .data = STR("aGk=")}
    };
    CASE_MESSAGES(&c, SAYS(MESSAGE_ASSISTANT, part_call("c", "f", "{}")),
                  SAYS(MESSAGE_USER, part_result("c", said, 2)));
    assert_has(case_write(&c, &wire_gemini),
               "\"response\":{\"output\":\"see\"},\"parts\":[{\"inlineData\":{\"mimeType\":"
               "\"image/png\",\"data\":\"aGk=\"}}]}}");
    case_end(&c);
}

static void the_last_call_with_the_id_names_the_tool(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, FLASH);
    CASE_MESSAGES(&c, SAYS(MESSAGE_ASSISTANT, part_call("call_0", "old", "{}")),
                  SAYS(MESSAGE_USER, part_result("call_0", NULL, 0)),
                  SAYS(MESSAGE_ASSISTANT, part_call("call_0", "new", "{}")),
                  SAYS(MESSAGE_USER, part_result("call_0", NULL, 0)));
    const char *text = case_write(&c, &wire_gemini);
    const char *first = strstr(text, "\"functionResponse\":{\"id\":\"call_0\",\"name\":\"old\"");
    assert_non_null(first);
    assert_has(first, "\"functionResponse\":{\"id\":\"call_0\",\"name\":\"new\"");
    CASE_MESSAGES(&c, SAYS(MESSAGE_USER, part_result("nobody", NULL, 0)));
    buf_clear(&c.out);
    assert_int_equal(wire_gemini.write_request(&c.request, &c.target, &c.notes, &c.out, &c.err),
                     ERR_INVALID);
    assert_has(c.err.text, "messages[0].content[0]");
    case_end(&c);
}

static void malformed_arguments_are_named(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, FLASH);
    CASE_MESSAGES(&c, SAYS(MESSAGE_ASSISTANT, part_call("c", "f", "{\"cut")));
    assert_has(case_write(&c, &wire_gemini), "\"args\":{}");
    assert_string_equal(case_dropped(&c), "messages[0].content[0] (malformed arguments)");
    case_end(&c);
}

/* What the reader told as sealed thoughts goes back to the calls that it came with. */
static void seals_go_back_to_their_calls(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, NEW);
    struct message_part seal_0 = part_thinking("", "gemini:0:Sig0==");
    struct message_part seal_1 = part_thinking("", "gemini:1:Sig1==");
    seal_0.redacted = seal_1.redacted = true;
    CASE_MESSAGES(&c, SAYS(MESSAGE_USER, part_text("go")),
                  SAYS(MESSAGE_ASSISTANT, part_thinking("hm", "gemini:-:"), seal_1, seal_0,
                       part_call("a", "f", "{}"), part_call("b", "f", "{}"),
                       part_call("d", "f", "{}")));
    const char *text = case_write(&c, &wire_gemini);
    assert_has(text, "{\"functionCall\":{\"id\":\"a\",\"name\":\"f\",\"args\":{}},"
                     "\"thoughtSignature\":\"Sig0==\"},{\"functionCall\":{\"id\":\"b\",\"name\":"
                     "\"f\",\"args\":{}},\"thoughtSignature\":\"Sig1==\"},{\"functionCall\":{"
                     "\"id\":\"d\",\"name\":\"f\",\"args\":{}}}]");
    assert_null(strstr(text, "hm"));
    assert_string_equal(case_dropped(&c), "");
    case_end(&c);
}

static void a_call_without_its_seal_says_so_where_one_is_demanded(void **state)
{
    static const struct {
        const char *model;
        bool demanded;
    } rows[] = {
        {NEW,   true },
        {FLASH, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wire_case c;
        case_begin(&c, rows[i].model);
        CASE_MESSAGES(
            &c, SAYS(MESSAGE_ASSISTANT, part_call("a", "f", "{}"), part_call("b", "f", "{}")));
        const char *text = case_write(&c, &wire_gemini);
        const char *word =
            strstr(text, ",\"thoughtSignature\":\"skip_thought_signature_validator\"}");
        assert_int_equal(word != NULL, rows[i].demanded);
        assert_null(word ? strstr(word + 40, "skip_thought") : NULL);
        case_end(&c);
    }
}

static void thoughts_of_others_are_named(void **state)
{
    struct wire_case c;
    (void)state;
    case_begin(&c, FLASH);
    CASE_MESSAGES(&c, SAYS(MESSAGE_ASSISTANT, part_thinking("hm", "EqQB"), part_text("a")));
    assert_null(strstr(case_write(&c, &wire_gemini), "hm"));
    assert_string_equal(case_dropped(&c), "messages[0].content[0] (thinking)");
    case_end(&c);
}

static void media_are_data_or_googles_own_files(void **state)
{
    static const struct {
        struct message_part part;
        const char *written; /* NULL: refused */
    } rows[] = {
        {{.kind = MESSAGE_IMAGE, .media_type = {"image/png", 9}, .data = {"aGk=", 4}},
         "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"aGk=\"}}"                         },
        {{.kind = MESSAGE_FILE, .media_type = {"application/pdf", 15}, .data = {"aGk=", 4}},
         "{\"inlineData\":{\"mimeType\":\"application/pdf\",\"data\":\"aGk=\"}}"                   },
        {{.kind = MESSAGE_AUDIO, .media_type = {"audio/wav", 9}, .data = {"aGk=", 4}},
         "{\"inlineData\":{\"mimeType\":\"audio/wav\",\"data\":\"aGk=\"}}"                         },
        {{.kind = MESSAGE_FILE, .file_id = {"files/a\"b", 9}},
         "{\"fileData\":{\"fileUri\":\"https://generativelanguage.googleapis.com/v1beta/files/"
         "a\\\"b\"}}"                                                                              },
        {{.kind = MESSAGE_IMAGE, .media_type = {"image/png", 9}, .url = {"gs://b/o.png", 12}},
         "{\"fileData\":{\"mimeType\":\"image/png\",\"fileUri\":\"gs://b/o.png\"}}"                },
        {{.kind = MESSAGE_IMAGE, .url = {"https://x/y.png", 15}},                              NULL},
        {{.kind = MESSAGE_IMAGE, .file_id = {"file-1", 6}},                                    NULL},
        {{.kind = MESSAGE_IMAGE, .data = {"aGk=", 4}},                                         NULL},
        {{.kind = MESSAGE_IMAGE},                                                              NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wire_case c;
        begin_hi(&c, FLASH);
        c.request.messages[0].parts[0] = rows[i].part;
        if (rows[i].written) {
            assert_has(case_write(&c, &wire_gemini), rows[i].written);
        } else {
            case_refuses(&c, &wire_gemini, "messages[0].content[0]");
        }
        case_end(&c);
    }
}

static void tools_and_choices_are_written(void **state)
{
    static const struct {
        enum message_choice choice;
        const char *config; /* NULL: none */
    } rows[] = {
        {MESSAGE_CHOICE_UNSET, NULL                                                 },
        {MESSAGE_CHOICE_AUTO,  "{\"mode\":\"AUTO\"}"                                },
        {MESSAGE_CHOICE_NONE,  "{\"mode\":\"NONE\"}"                                },
        {MESSAGE_CHOICE_ANY,   "{\"mode\":\"ANY\"}"                                 },
        {MESSAGE_CHOICE_TOOL,  "{\"mode\":\"ANY\",\"allowedFunctionNames\":[\"g\"]}"},
    };
    struct message_tool tools[] = {
        {.name = STR("f"),
         .description = STR("d"),
         .schema = STR("{\"type\":\"object\"}"),
         .strict = 1,
         .cache = MESSAGE_CACHE_5M},
        {.name = STR("g"),      .strict = -1}
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wire_case c;
        char want[128];
        begin_hi(&c, FLASH);
        c.request.tools = tools;
        c.request.tool_count = ARRAY_LEN(tools);
        c.request.choice = rows[i].choice;
        c.request.choice_name = STR("g");
        c.request.parallel_calls = 0;
        const char *text = case_write(&c, &wire_gemini);
        assert_has(text,
                   ",\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\",\"description\":"
                   "\"d\",\"parametersJsonSchema\":{\"type\":\"object\"}},{\"name\":\"g\"}]}]");
        if (rows[i].config) {
            snprintf(want, sizeof(want), ",\"toolConfig\":{\"functionCallingConfig\":%s}}",
                     rows[i].config);
            assert_has(text, want);
        } else {
            assert_null(strstr(text, "toolConfig"));
        }
        assert_string_equal(case_dropped(&c),
                            "tools[0].strict, cache_control, parallel_tool_calls");
        case_end(&c);
    }
}

static void parameters_are_written(void **state)
{
    struct wire_case c;
    (void)state;
    begin_hi(&c, FLASH);
    c.request.max_output = 100;
    c.request.temperature = 1.5;
    c.request.top_p = 0.9;
    c.request.top_k = 40;
    c.request.presence_penalty = 0.1;
    c.request.frequency_penalty = -0.2;
    c.request.has_seed = true;
    c.request.seed = -7;
    c.request.stop[0] = STR("\n");
    c.request.stop_count = 1;
    c.request.format = MESSAGE_FORMAT_SCHEMA;
    c.request.schema = STR("{\"type\":\"object\"}");
    c.request.service_tier = STR("flex");
    assert_string_equal(
        case_write(&c, &wire_gemini),
        HI ",\"generationConfig\":{\"maxOutputTokens\":100,\"temperature\":1.5,\"topP\":0.9,"
           "\"topK\":40,\"presencePenalty\":0.1,\"frequencyPenalty\":-0.2,\"seed\":-7,"
           "\"stopSequences\":[\"\\n\"],\"responseMimeType\":\"application/json\","
           "\"responseJsonSchema\":{\"type\":\"object\"}},\"serviceTier\":\"flex\"}");
    assert_string_equal(case_dropped(&c), "");
    c.request.format = MESSAGE_FORMAT_JSON;
    assert_has(case_write(&c, &wire_gemini), "\"responseMimeType\":\"application/json\"}");
    case_end(&c);
}

static void thinking_is_asked_for_as_the_model_takes_it(void **state)
{
    static const struct {
        const char *model;
        enum message_effort effort;
        int64_t budget;
        bool adaptive, shown;
        const char *config; /* NULL: none */
        const char *dropped;
    } rows[] = {
        {FLASH,                   MESSAGE_EFFORT_UNSET,   -1,   false, false, NULL,                              ""                },
        {FLASH,                   MESSAGE_EFFORT_LOW,     -1,   false, false, "{\"thinkingBudget\":2048}",       ""                },
        {FLASH,                   MESSAGE_EFFORT_MAX,     -1,   false, true,
         "{\"thinkingBudget\":24576,\"includeThoughts\":true}",                                                  ""                },
        {FLASH,                   MESSAGE_EFFORT_UNSET,   100,  false, false, "{\"thinkingBudget\":100}",        ""                },
        {FLASH,                   MESSAGE_EFFORT_UNSET,   -1,   true,  true,
         "{\"thinkingBudget\":-1,\"includeThoughts\":true}",                                                     ""                },
        {FLASH,                   MESSAGE_EFFORT_NONE,    -1,   false, true,  "{\"thinkingBudget\":0}",          ""                },
        {"gemini-2.5-flash-lite", MESSAGE_EFFORT_UNSET,   100,  false, false,
         "{\"thinkingBudget\":512}",                                                                             ""                },
        {"gemini-2.5-pro",        MESSAGE_EFFORT_NONE,    -1,   false, false, "{\"thinkingBudget\":128}",
         "reasoning_effort"                                                                                                        },
        {"gemini-2.5-pro",        MESSAGE_EFFORT_UNSET,   0,    false, false, "{\"thinkingBudget\":128}",
         "thinking"                                                                                                                },
        {"gemini-2.0-flash",      MESSAGE_EFFORT_HIGH,    -1,   false, true,  NULL,                              "reasoning_effort"},
        {"gemini-2.0-flash",      MESSAGE_EFFORT_NONE,    -1,   false, false, NULL,                              ""                },
        {NEW,                     MESSAGE_EFFORT_MINIMAL, -1,   false, false, "{\"thinkingLevel\":\"MINIMAL\"}", ""                },
        {NEW,                     MESSAGE_EFFORT_MEDIUM,  -1,   false, false, "{\"thinkingLevel\":\"MEDIUM\"}",  ""                },
        {NEW,                     MESSAGE_EFFORT_MAX,     -1,   false, false, "{\"thinkingLevel\":\"HIGH\"}",    ""                },
        {NEW,                     MESSAGE_EFFORT_UNSET,   2000, false, true,
         "{\"thinkingLevel\":\"LOW\",\"includeThoughts\":true}",                                                 ""                },
        {NEW,                     MESSAGE_EFFORT_UNSET,   -1,   true,  true,  "{\"includeThoughts\":true}",      ""                },
        {NEW,                     MESSAGE_EFFORT_NONE,    -1,   false, false, "{\"thinkingLevel\":\"MINIMAL\"}",
         "reasoning_effort"                                                                                                        },
        {"gemini-3-pro-preview",  MESSAGE_EFFORT_MEDIUM,  -1,   false, false,
         "{\"thinkingLevel\":\"HIGH\"}",                                                                         ""                },
        {"gemini-3-pro-preview",  MESSAGE_EFFORT_MINIMAL, -1,   false, false,
         "{\"thinkingLevel\":\"LOW\"}",                                                                          ""                },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct wire_case c;
        char want[160];
        begin_hi(&c, rows[i].model);
        c.request.effort = rows[i].effort;
        c.request.thinking_budget = rows[i].budget;
        c.request.thinking_adaptive = rows[i].adaptive;
        c.request.thinking_shown = rows[i].shown;
        const char *text = case_write(&c, &wire_gemini);
        if (rows[i].config) {
            snprintf(want, sizeof(want), ",\"generationConfig\":{\"thinkingConfig\":%s}}",
                     rows[i].config);
            assert_has(text, want);
        } else {
            assert_null(strstr(text, "generationConfig"));
        }
        assert_string_equal(case_dropped(&c), rows[i].dropped);
        case_end(&c);
    }
}

static void what_cannot_be_said_is_named_or_refused(void **state)
{
    struct wire_case c;
    (void)state;
    begin_hi(&c, FLASH);
    c.request.logprobs = true;
    c.request.top_logprobs = 2;
    c.request.logit_bias = STR("{\"1\":2}");
    c.request.verbosity = STR("low");
    c.request.user = STR("u");
    c.request.metadata = STR("{\"a\":\"b\"}");
    c.request.cache_key = STR("k");
    c.request.has_seed = true;
    c.request.seed = INT64_C(5000000000);
    c.request.service_tier = STR("scale");
    c.request.messages[0].name = STR("ann");
    c.request.messages[0].parts[0].cache = MESSAGE_CACHE_1H;
    assert_string_equal(case_write(&c, &wire_gemini), HI "}");
    assert_string_equal(case_dropped(&c),
                        "logprobs, top_logprobs, logit_bias, verbosity, user, metadata, "
                        "prompt_cache_key, messages[0].name, cache_control, seed, service_tier");
    c.request.stop_count = 6;
    for (size_t i = 0; i < 6; i++) {
        c.request.stop[i] = STR("x");
    }
    case_refuses(&c, &wire_gemini, "stop");
    c.request.stop_count = 5;
    (void)case_write(&c, &wire_gemini);
    c.request.n = 2;
    case_refuses(&c, &wire_gemini, "n");
    case_end(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_request_is_its_contents),
        cmocka_unit_test(turns_are_contents_and_instructions_go_to_the_top),
        cmocka_unit_test(instructions_alone_are_what_the_user_says),
        cmocka_unit_test(calls_and_results_are_paired),
        cmocka_unit_test(results_are_objects_whatever_tools_say),
        cmocka_unit_test(an_image_of_a_tool_stands_in_its_response),
        cmocka_unit_test(the_last_call_with_the_id_names_the_tool),
        cmocka_unit_test(malformed_arguments_are_named),
        cmocka_unit_test(seals_go_back_to_their_calls),
        cmocka_unit_test(a_call_without_its_seal_says_so_where_one_is_demanded),
        cmocka_unit_test(thoughts_of_others_are_named),
        cmocka_unit_test(media_are_data_or_googles_own_files),
        cmocka_unit_test(tools_and_choices_are_written),
        cmocka_unit_test(parameters_are_written),
        cmocka_unit_test(thinking_is_asked_for_as_the_model_takes_it),
        cmocka_unit_test(what_cannot_be_said_is_named_or_refused),
    };
    return cmocka_run_group_tests_name("llm/wire_gemini_write", tests, NULL, NULL);
}
