#include "unit/engine/suite.h"

#include "engine/settings.h"
#include "engine/settings_keys.h"

#define KEY_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define KEY_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const char whole[] =
    "listen: 127.0.0.1:9000\n"
    "capture: redacted\n"
    "providers:\n"
    "  openai: {dialect: openai, base_url: \"https://api.openai.com/v1\", api_keys: [\"${K1}\", "
    "\"${K2:-}\"]}\n"
    "  local: {dialect: openai, base_url: \"http://[::1]:8081/v1\", usage: never}\n"
    "  extra: {dialect: anthropic, base_url: \"https://api.anthropic.com\", when_set: NOT_SET}\n"
    "models:\n"
    "  fast: {targets: [{provider: local, model: small}, {provider: openai, model: gpt-5-mini}, "
    "{provider: extra, model: c}]}\n"
    "  smart: {targets: [{provider: openai, model: gpt-5}]}\n"
    "passthrough: {audio: openai}\n"
    "prices: {small: {input: 0.1, output: 0.4}, openai/gpt-5: {input: 2, output: 3, cached: 0.5}}\n"
    "retention: {traces: 30d, bodies: 7d, max_bytes: 20GB}\n"
    "tenants:\n"
    "  acme: {organisation: acme-inc, capture: none, keys: [\n"
    "    {alias: web, sha256: " KEY_A ", models: [fast], expires: 2027-01-01},\n"
    "    {alias: all, sha256: " KEY_B "}]}\n"
    "  other: {}\n";

static const struct suite_env env[] = {
    {"K1",          " sk-one\n"        },
    {"HTTPS_PROXY", "http://proxy:3128"},
    {NULL,          NULL               }
};

static struct settings *load(const char *text, const struct suite_env *variables)
{
    struct settings *s = NULL;
    struct error err = {0};
    if (suite_settings(text, variables, &s, &err) != 0) {
        fail_msg("%s", err.text);
    }
    return s;
}

static void a_whole_file_is_read(void **state)
{
    struct settings *s = load(whole, env);
    (void)state;
    assert_string_equal(s->listen_address, "127.0.0.1");
    assert_int_equal(s->listen_port, 9000);
    assert_int_equal(s->admin_port, 8089);
    assert_int_equal(s->max_body, 32 << 20);
    assert_int_equal(s->retention.traces_ms, 30LL * 86400000);
    assert_true(s->retention.max_bytes == 20000000000);
    assert_int_equal(s->provider_count, 2);

    const struct settings_provider *openai = settings_find_provider(s, STR("openai"));
    assert_int_equal(openai->api_key_count, 1); /* an empty one is none */
    assert_true(str_is(openai->api_keys[0].secret, "sk-one"));
    assert_true(str_is(openai->api_keys[0].name, "openai#1"));
    assert_true(str_is(openai->vendor, "openai"));
    assert_true(openai->has_proxy);
    assert_non_null(openai->tls);
    const struct settings_provider *local = settings_find_provider(s, STR("local"));
    assert_string_equal(local->base_url.host, "::1");
    assert_true(str_is(local->authority, "[::1]:8081"));
    assert_false(local->has_proxy);
    assert_int_equal(local->usage, SETTINGS_USAGE_NEVER);

    const struct settings_model *fast = settings_find_model(s, STR("fast"));
    assert_int_equal(fast->target_count, 2); /* the third provider is switched off */
    assert_ptr_equal(fast->targets[0].provider, local);
    assert_null(settings_find_model(s, STR("FAST")));
    settings_unref(s);
}

static void keys_are_found_by_digest_and_know_their_rights(void **state)
{
    struct settings *s = load(whole, env);
    struct hash_sha256 digest;
    (void)state;
    assert_int_equal(hash_sha256_parse(STR(KEY_A), &digest), 0);
    const struct settings_key *web = settings_find_key(s, &digest);
    assert_true(str_is(web->alias, "web"));
    assert_true(str_is(web->tenant->name, "acme"));
    assert_int_equal(web->tenant->capture, TRACE_CAPTURE_NONE);
    assert_true(web->expires_ms == 1798761600000);
    assert_true(settings_key_allows_model(web, STR("fast")));
    assert_false(settings_key_allows_model(web, STR("smart")));
    assert_false(settings_key_allows_passthrough(web, "audio"));
    assert_int_equal(hash_sha256_parse(STR(KEY_B), &digest), 0);
    const struct settings_key *all = settings_find_key(s, &digest);
    assert_true(settings_key_allows_model(all, STR("smart")));
    assert_true(settings_key_allows_passthrough(all, "audio"));
    assert_true(settings_key_allows_model(NULL, STR("smart")));
    assert_int_equal(s->tenants[1].capture, TRACE_CAPTURE_REDACTED); /* inherited */
    digest.bytes[0] ^= 1;
    assert_null(settings_find_key(s, &digest));
    settings_unref(s);
}

static void prices_are_found_by_model_and_by_provider(void **state)
{
    struct settings *s = load(whole, env);
    const struct settings_provider *openai = settings_find_provider(s, STR("openai"));
    (void)state;
    assert_int_equal(settings_find_price(s, openai, STR("small"))->input, 100000);
    assert_int_equal(settings_find_price(s, openai, STR("gpt-5"))->cached, 500000);
    assert_int_equal(settings_find_price(s, openai, STR("gpt-5"))->cache_write, -1);
    assert_null(settings_find_price(s, openai, STR("gpt-5-mini")));
    settings_unref(s);
}

#define PROVIDER "providers: {p: {dialect: openai, base_url: \"http://h/v1\"}}\n"

static void every_mistake_names_its_place_and_what_was_expected(void **state)
{
    static const struct {
        const char *text;
        const char *says[3];
    } rows[] = {
        {"lisen: 127.0.0.1:1\n",                                                                   {"weir.yaml:1:1", "lisen", "listen"}            },
        {"listen: 127.0.0.1\n",                                                                    {"weir.yaml:1:9", "127.0.0.1:8080"}             },
        {"listen: :8080\n",                                                                        {"name the address too"}                        },
        {"listen: 127.0.0.1:70000\n",                                                              {"no port"}                                     },
        {"listen: 0.0.0.0:80\n",                                                                   {"weir.yaml:1:9", "without tenants", "loopback"}},
        {"admin: 0.0.0.0:80\n",                                                                    {"admin_token is required"}                     },
        {"max_body: 3\n",                                                                          {"weir.yaml:1:11", "max_body"}                  },
        {"workers: 0\n",                                                                           {"workers"}                                     },
        {"workers: many\n",                                                                        {"workers"}                                     },
        {"providers: [a]\n",                                                                       {"weir.yaml:1:12", "mapping"}                   },
        {"providers: {\"a b\": {}}\n",                                                             {"weir.yaml:1:13", "printable"}                 },
        {"providers: {p: {base_url: \"http://h\"}}\n",                                             {"dialect"}                                     },
        {"providers: {p: {dialect: opanai, base_url: \"http://h\"}}\n",
         {"weir.yaml:1:26", "openai"}                                                                                                              },
        {"providers: {p: {dialect: openai, base_url: \"ftp://h\"}}\n",
         {"weir.yaml:1:44", "http://"}                                                                                                             },
        {"providers: {p: {dialect: openai, base_url: \"https://k@h\"}}\n",                         {"belong in api_keys"}                          },
        {"providers: {p: {dialect: openai, base_url: \"http://h\", api_keys: [\"${NOPE}\"]}}\n",
         {"NOPE"}                                                                                                                                  },
        {"providers: {p: {dialect: openai, base_url: \"http://h\", api_keys: [\"a\\nb\"]}}\n",
         {"line break"}                                                                                                                            },
        {"providers: {p: {dialect: openai, base_url: \"http://h\", proxy: \"https://q\"}}\n",
         {"only http://"}                                                                                                                          },
        {"providers: {p: {dialect: openai, base_url: \"https://h\", ca_file: /nope.pem}}\n",
         {"/nope.pem"}                                                                                                                             },
        {"providers: {p: {dialect: openai, base_url: \"http://h\", headers: {\"a b\": c}}}\n",
         {"no HTTP header"}                                                                                                                        },
        {"providers: {p: {dialect: openai, base_url: \"http://h\", quirks: nobody}}\n",
         {"weir.yaml:1:64", "no known vendor"}                                                                                                     },
        {"providers: {p: {dialect: openai, base_url: \"http://h\", responses: yes}}\n",            {"native"}                                      },
        {PROVIDER "models: {m: {translation: lax, targets: [{provider: p, model: x}]}}\n",
         {"lenient", "strict"}                                                                                                                     },
        {PROVIDER "models: {m: {default_max_output: -1, targets: [{provider: p, model: x}]}}\n",
         {"default_max_output"}                                                                                                                    },
        {PROVIDER "models: {m: {targets: []}}\n",                                                  {"weir.yaml:2:13", "at least one"}              },
        {PROVIDER "models: {m: {targets: [{provider: q, model: x}]}}\n",
         {"weir.yaml:2:35", "no provider \"q\""}                                                                                                   },
        {PROVIDER "models: {m: {targets: [{provider: p, model: \"\"}]}}\n",                        {"model"}                                       },
        {PROVIDER "models: {m: {strategy: cheapest, targets: [{provider: p, model: x}]}}\n",
         {"fallback"}                                                                                                                              },
        {"providers: {p: {dialect: openai, base_url: \"http://h\", when_set: NOPE}}\n"
         "models: {m: {targets: [{provider: p, model: x}]}}\n",                           {"switched off"}                                },
        {PROVIDER "passthrough: {video: p}\n",                                                     {"weir.yaml:2:15", "audio, images"}             },
        {PROVIDER "passthrough: {message_batches: p}\n",
         {"needs a provider that speaks anthropic"}                                                                                                },
        {"tenants: {t: {keys: [{alias: a, sha256: abc}]}}\n",                                      {"weir.yaml:1:41", "64 hexadecimal"}            },
        {"tenants: {t: {keys: [{alias: a, sha256: " KEY_A "}, {alias: b, sha256: " KEY_A "}]}}\n",
         {"has the same"}                                                                                                                          },
        {"tenants: {t: {keys: [{alias: a, sha256: " KEY_A ", models: [x]}]}}\n",
         {"no model \"x\""}                                                                                                                        },
        {"tenants: {t: {keys: [{alias: a, sha256: " KEY_A ", passthrough: [x]}]}}\n",
         {"no group \"x\""}                                                                                                                        },
        {"tenants: {t: {keys: [{alias: a, sha256: " KEY_A ", expires: 2027-02-30}]}}\n",
         {"2027-01-01"}                                                                                                                            },
        {"tenants: {t: {capture: some}}\n",                                                        {"redacted"}                                    },
        {"prices: {m: {input: -1, output: 2}}\n",                                                  {"weir.yaml:1:21", "0.25"}                      },
        {"prices: {m: {input: 1}}\n",                                                              {"output"}                                      },
        {"retention: {traces: forever}\n",                                                         {"traces"}                                      },
        {"tls: {certificate: /nope.pem, key: /nope.pem}\n",                                        {"weir.yaml:1:6", "/nope.pem"}                  },
        {"tls: {certificate: /nope.pem}\n",                                                        {"key"}                                         },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct settings *s = NULL;
        struct error err = {0};
        if (suite_settings(rows[i].text, NULL, &s, &err) == 0) {
            fail_msg("accepted: %s", rows[i].text);
        }
        for (size_t k = 0; k < ARRAY_LEN(rows[i].says) && rows[i].says[k]; k++) {
            if (!strstr(err.text, rows[i].says[k])) {
                fail_msg("%s says \"%s\", not \"%s\"", rows[i].text, err.text, rows[i].says[k]);
            }
        }
    }
}

static void secrets_are_not_quoted_in_messages(void **state)
{
    static const struct suite_env secret[] = {
        {"K",  "sk-very\nsecret"  },
        {"P",  "http://u:hidden@/"},
        {NULL, NULL               }
    };
    static const char *const texts[] = {
        "providers: {p: {dialect: openai, base_url: \"http://h\", api_keys: [\"${K}\"]}}\n",
        "providers: {p: {dialect: openai, base_url: \"${K}\"}}\n",
        "providers: {p: {dialect: openai, base_url: \"http://h\", proxy: \"${P}\"}}\n",
        "workers: \"${K}\"\n",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct settings *s = NULL;
        struct error err = {0};
        assert_int_not_equal(suite_settings(texts[i], secret, &s, &err), 0);
        assert_null(strstr(err.text, "very"));
        assert_null(strstr(err.text, "hidden"));
    }
}

static void no_proxy_covers_names_and_their_subdomains(void **state)
{
    static const struct {
        const char *no_proxy;
        bool proxied;
    } rows[] = {
        {"",                true },
        {"other.com",       true },
        {"api.openai.com",  false},
        {"openai.com",      false},
        {".openai.com",     false},
        {"ai.com",          true },
        {"a.b, openai.com", false},
        {"*",               false}
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct suite_env variables[] = {
            {"https_proxy", "http://q:1"    },
            {"NO_PROXY",    rows[i].no_proxy},
            {NULL,          NULL            }
        };
        struct settings *s = load("providers: {p: {dialect: openai, base_url: "
                                  "\"https://api.openai.com/v1\"}}",
                                  variables);
        assert_int_equal(s->providers[0].has_proxy, rows[i].proxied);
        settings_unref(s);
    }
}

/* A file that lost its end must not switch off the keys. */
static void assert_cut_short_is_named(void)
{
    struct settings *now = load(whole, env);
    struct settings *no_tenants =
        load(PROVIDER "models: {m: {targets: [{provider: p, model: x}]}}\n"
                      "listen: 127.0.0.1:9000\n",
             NULL);
    struct settings *no_models = load("listen: 127.0.0.1:9000\ntenants: {t: {}}\n", NULL);
    assert_non_null(strstr(settings_restart_needed(now, no_tenants), "tenants"));
    assert_non_null(strstr(settings_restart_needed(now, no_models), "models"));
    assert_null(settings_restart_needed(now, now));
    settings_unref(now);
    settings_unref(no_tenants);
    settings_unref(no_models);
}

static void what_only_a_restart_can_change_is_named(void **state)
{
    static const struct {
        const char *text, *name;
    } rows[] = {
        {"listen: 127.0.0.1:1", "listen"         },
        {"admin: 127.0.0.1:1",  "admin"          },
        {"store: sqlite:x.db",  "store"          },
        {"workers: 2",          "workers"        },
        {"connections_max: 5",  "connections_max"},
        {"head_timeout: 1s",    "head_timeout"   },
        {"body_timeout: 1s",    "body_timeout"   },
        {"idle_timeout: 1s",    "idle_timeout"   },
        {"sim: {seed: 1}",      "sim"            },
        {"max_body: 1MiB",      NULL             },
        {PROVIDER,              NULL             }
    };
    struct settings *now = load("", NULL);
    (void)state;
    assert_cut_short_is_named();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct settings *next = load(rows[i].text, NULL);
        const char *name = settings_restart_needed(now, next);
        if (rows[i].name) {
            assert_non_null(name);
            assert_string_equal(name, rows[i].name);
        } else {
            assert_null(name);
        }
        settings_unref(next);
    }
    settings_unref(now);
}

static void every_setting_has_a_name_and_a_meaning(void **state)
{
    (void)state;
    for (size_t i = 0; settings_sections[i]; i++) {
        const struct settings_section *section = settings_sections[i];
        assert_non_null(section->help);
        for (size_t k = 0; k < section->n; k++) {
            assert_non_null(section->keys[k].name);
            assert_non_null(section->keys[k].help);
            assert_true(section->keys[k].type != CONFIG_ENUM || section->keys[k].names);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_file_is_read),
        cmocka_unit_test(keys_are_found_by_digest_and_know_their_rights),
        cmocka_unit_test(prices_are_found_by_model_and_by_provider),
        cmocka_unit_test(every_mistake_names_its_place_and_what_was_expected),
        cmocka_unit_test(secrets_are_not_quoted_in_messages),
        cmocka_unit_test(no_proxy_covers_names_and_their_subdomains),
        cmocka_unit_test(what_only_a_restart_can_change_is_named),
        cmocka_unit_test(every_setting_has_a_name_and_a_meaning),
    };
    return cmocka_run_group_tests_name("engine/settings", tests, NULL, NULL);
}
