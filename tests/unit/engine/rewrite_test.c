#include "unit/engine/suite.h"

#include "engine/rewrite.h"

#define CHAT "{\"model\":\"fast\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define STREAM                                                                                     \
    "{\"model\":\"fast\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"

static const char *const config =
    "providers:\n"
    "  o: {dialect: openai, base_url: \"http://h/v1\"}\n"
    "  never: {dialect: openai, base_url: \"http://h/v1\", usage: never}\n"
    "  mistral: {dialect: openai, base_url: \"http://h/v1\", quirks: mistral}\n"
    "  c: {dialect: anthropic, base_url: \"http://h\"}\n"
    "  az: {dialect: azure, base_url: \"http://h\", api_version: 2024-10-21}\n"
    "models:\n"
    "  fast:\n"
    "    targets: [{provider: o, model: fast}, {provider: o, model: m2}, {provider: never, model: "
    "fast},\n"
    "              {provider: mistral, model: fast}, {provider: c, model: claude}, {provider: az, "
    "model: d}]\n"
    "    default_max_output: 77\n"
    "  strict: {targets: [{provider: c, model: claude}], translation: strict}\n";

struct scene {
    struct settings *settings;
    struct arena arena;
    struct request_facts facts;
    struct rewrite rewrite;
    struct buf out;
};

static void open_for(struct scene *s, const char *alias, enum route route, const char *body)
{
    struct error err = {0};
    *s = (struct scene){0};
    if (suite_settings(config, NULL, &s->settings, &err) != 0) {
        fail_msg("%s", err.text);
    }
    arena_init(&s->arena);
    if (request_facts_read(route, str_of(body), &s->arena, &s->facts, &err) != 0) {
        fail_msg("%s", err.text);
    }
    struct rewrite_source source = {.settings = s->settings,
                                    .model = settings_find_model(s->settings, str_of(alias)),
                                    .route = route_by_id(route),
                                    .facts = &s->facts,
                                    .path = str_of(route_by_id(route)->path),
                                    .query = STR("q=1"),
                                    .body = str_of(body)};
    buf_init(&s->out, 0);
    rewrite_init(&s->rewrite, &source, &s->out);
}

static void close_scene(struct scene *s)
{
    rewrite_release(&s->rewrite);
    buf_release(&s->out);
    arena_release(&s->arena);
    settings_unref(s->settings);
}

static const struct settings_target *target(const struct scene *s, size_t i)
{
    return &s->rewrite.source.model->targets[i];
}

static bool body_has(const struct scene *s, const char *part)
{
    return str_find(s->rewrite.body, str_of(part)) >= 0;
}

static void what_need_not_change_is_the_same_bytes(void **state)
{
    struct scene s;
    (void)state;
    open_for(&s, "fast", ROUTE_CHAT, CHAT);
    assert_int_equal(rewrite_for(&s.rewrite, target(&s, 0), NULL), 0);
    assert_ptr_equal(s.rewrite.body.p, s.rewrite.source.body.p);
    assert_null(s.rewrite.wire);
    assert_text(s.rewrite.place.path, "/v1/chat/completions");
    assert_text(s.rewrite.place.query, "q=1");
    assert_int_equal(rewrite_for(&s.rewrite, target(&s, 1), NULL), 0);
    assert_text(s.rewrite.body,
                "{\"model\":\"m2\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
    assert_int_equal(rewrite_for(&s.rewrite, target(&s, 0), NULL), 0); /* and back */
    assert_text(s.rewrite.body, CHAT);
    close_scene(&s);
}

static void usage_is_asked_for_where_the_provider_takes_it(void **state)
{
    struct scene s;
    (void)state;
    open_for(&s, "fast", ROUTE_CHAT, STREAM);
    assert_int_equal(rewrite_for(&s.rewrite, target(&s, 0), NULL), 0);
    assert_true(s.rewrite.strip_usage && body_has(&s, "include_usage"));
    assert_true(s.rewrite.place.stream);
    for (size_t i = 2; i <= 3; i++) { /* the setting; the vendor's row */
        assert_int_equal(rewrite_for(&s.rewrite, target(&s, i), NULL), 0);
        assert_false(s.rewrite.strip_usage || body_has(&s, "include_usage"));
        assert_text(s.rewrite.body, STREAM);
    }
    close_scene(&s);
}

static void another_dialect_is_told_in_its_own_words(void **state)
{
    struct scene s;
    (void)state;
    open_for(&s, "fast", ROUTE_CHAT, CHAT);
    assert_int_equal(rewrite_for(&s.rewrite, target(&s, 4), NULL), 0);
    assert_string_equal(s.rewrite.wire->name, "messages");
    assert_text(s.rewrite.place.path, "/v1/messages");
    assert_int_equal(s.rewrite.place.query.n, 0);
    assert_int_equal(s.rewrite.place.route, ROUTE_MESSAGES);
    assert_true(body_has(&s, "\"model\":\"claude\""));
    assert_true(body_has(&s, "\"max_tokens\":77"));
    assert_int_equal(rewrite_for(&s.rewrite, target(&s, 5), NULL), 0); /* Azure speaks chat */
    assert_null(s.rewrite.wire);
    assert_text(s.rewrite.place.api_version, "2024-10-21");
    assert_text(s.rewrite.place.model, "d");
    close_scene(&s);
}

static void without_a_setting_the_maximum_is_a_modest_one(void **state)
{
    struct scene s;
    (void)state;
    open_for(&s, "strict", ROUTE_CHAT, CHAT);
    assert_int_equal(rewrite_for(&s.rewrite, target(&s, 0), NULL), 0);
    assert_true(body_has(&s, "\"max_tokens\":4096"));
    close_scene(&s);
}

static void what_cannot_be_told_is_refused_by_name(void **state)
{
    struct scene s;
    struct error err = {0};
    (void)state;
    open_for(&s, "fast", ROUTE_CHAT,
             "{\"model\":\"fast\",\"n\":2,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
    assert_int_equal(rewrite_for(&s.rewrite, target(&s, 4), &err), ERR_INVALID);
    assert_string_equal(s.rewrite.notes->refused, "n");
    assert_non_null(strstr(err.text, "provider \"c\" (messages)"));
    assert_non_null(s.rewrite.asked);
    assert_int_equal(rewrite_for(&s.rewrite, target(&s, 0), &err), 0); /* another target can */
    close_scene(&s);
    open_for(
        &s, "strict", ROUTE_CHAT,
        "{\"model\":\"strict\",\"seed\":2,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
    assert_int_equal(rewrite_for(&s.rewrite, target(&s, 0), &err), ERR_INVALID);
    assert_string_equal(s.rewrite.notes->refused, "seed");
    close_scene(&s);
}

static void a_body_that_is_none_of_the_client_s_api_is_not_read(void **state)
{
    struct scene s;
    struct error err = {0};
    (void)state;
    open_for(&s, "fast", ROUTE_CHAT, "{\"model\":\"fast\",\"messages\":\"hi\"}");
    assert_int_equal(rewrite_for(&s.rewrite, target(&s, 4), &err), ERR_INVALID);
    assert_null(s.rewrite.asked);
    close_scene(&s);
}

static void pass_through_calls_keep_path_and_bytes(void **state)
{
    struct scene s;
    (void)state;
    open_for(&s, "fast", ROUTE_CHAT, CHAT);
    s.rewrite.source.facts = NULL;
    s.rewrite.source.route = route_by_id(ROUTE_PASSTHROUGH);
    s.rewrite.source.path = STR("/v1/files");
    assert_int_equal(rewrite_for(&s.rewrite, target(&s, 1), NULL), 0);
    assert_text(s.rewrite.body, CHAT);
    assert_text(s.rewrite.place.path, "/v1/files");
    close_scene(&s);
}

static void a_route_is_served_or_translated_by_what_a_provider_speaks(void **state)
{
    struct settings *s = NULL;
    const char *text =
        ("providers:\n"
         "  o: {dialect: openai, base_url: \"https://api.openai.com/v1\"}\n"
         "  m: {dialect: openai, base_url: \"https://api.mistral.ai/v1\"}\n"
         "  mine: {dialect: openai, base_url: \"https://api.mistral.ai/v1\", responses: native}\n"
         "  small: {dialect: openai, base_url: \"http://127.0.0.1:1/v1\", responses: translate}\n"
         "  named: {dialect: openai, base_url: \"http://127.0.0.1:1/v1\", quirks: deepseek}\n"
         "  c: {dialect: anthropic, base_url: \"http://127.0.0.1:1\"}\n"
         "  az: {dialect: azure, base_url: \"https://x.openai.azure.com\", api_version: "
         "2024-10-21}\n");
    assert_int_equal(suite_settings(text, NULL, &s, NULL), 0);

    static const struct {
        const char *provider;
        enum route route;
        bool serves, translates;
    } rows[] = {
        {"o",     ROUTE_CHAT,         true,  true },
        {"o",     ROUTE_RESPONSES,    true,  true },
        {"o",     ROUTE_MESSAGES,     false, true },
        {"o",     ROUTE_EMBEDDINGS,   true,  false},
        {"o",     ROUTE_COUNT_TOKENS, false, false},
        {"m",     ROUTE_RESPONSES,    false, true },
        {"mine",  ROUTE_RESPONSES,    true,  true },
        {"small", ROUTE_RESPONSES,    false, true },
        {"named", ROUTE_RESPONSES,    false, true },
        {"c",     ROUTE_CHAT,         false, true },
        {"c",     ROUTE_MESSAGES,     true,  true },
        {"c",     ROUTE_EMBEDDINGS,   false, false},
        {"az",    ROUTE_CHAT,         true,  true },
        {"az",    ROUTE_RESPONSES,    true,  true },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct settings_provider *p = settings_find_provider(s, str_of(rows[i].provider));
        const struct route_info *route = route_by_id(rows[i].route);
        assert_int_equal(rewrite_is_native(p, route), rows[i].serves);
        assert_int_equal(rewrite_can_translate(p, route), rows[i].translates);
    }
    assert_string_equal(settings_find_provider(s, STR("m"))->quirk->name, "mistral");
    assert_string_equal(settings_find_provider(s, STR("named"))->quirk->name, "deepseek");
    assert_true(str_is(settings_find_provider(s, STR("az"))->api_version, "2024-10-21"));
    settings_unref(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_is_served_or_translated_by_what_a_provider_speaks),
        cmocka_unit_test(what_need_not_change_is_the_same_bytes),
        cmocka_unit_test(usage_is_asked_for_where_the_provider_takes_it),
        cmocka_unit_test(another_dialect_is_told_in_its_own_words),
        cmocka_unit_test(without_a_setting_the_maximum_is_a_modest_one),
        cmocka_unit_test(what_cannot_be_told_is_refused_by_name),
        cmocka_unit_test(a_body_that_is_none_of_the_client_s_api_is_not_read),
        cmocka_unit_test(pass_through_calls_keep_path_and_bytes),
    };
    return cmocka_run_group_tests_name("engine/rewrite", tests, NULL, NULL);
}
