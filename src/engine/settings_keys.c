#include "engine/settings_keys.h"

#include "core/attr.h"
#include "engine/settings.h"

const char *const settings_dialect_names[] = {"openai", "anthropic", "gemini", "azure", NULL};
const char *const settings_capture_names[] = {"none", "hashes", "redacted", "full", NULL};
static const char *const usage_names[] = {"inject", "never", NULL};
/* enum client_http2 */
static const char *const http2_names[] = {"auto", "never", "prior_knowledge", NULL};
static const char *const responses_names[] = {"auto", "native", "translate", NULL};
static const char *const translation_names[] = {"lenient", "strict", NULL};
static const char *const strategy_names[] = {"fallback", NULL};
static const char *const level_names[] = {"debug", "info", "warn", "error", "off", NULL};

#define ROOT(field)     offsetof(struct settings, field)
#define PROVIDER(field) offsetof(struct settings_provider, field)
#define TENANT(field)   offsetof(struct settings_tenant, field)
#define KEY(field)      offsetof(struct settings_key, field)
#define PRICE(field)    offsetof(struct settings_price_texts, field)

#define HOUR_MS 3600e3
#define DAY_MS  86400e3

/* The tables are laid out by hand: rows of uneven length, one setting each. */
/* clang-format off */

static const struct config_key root_keys[] = {
    {.name = "listen", .type = CONFIG_STR, .offset = ROOT(listen_text), .fallback = "127.0.0.1:8080",
     .help = "Address and port for applications. Without tenants only a loopback address is allowed."},
    {.name = "admin", .type = CONFIG_STR, .offset = ROOT(admin_text), .fallback = "127.0.0.1:8089",
     .help = "Address and port of metrics and control."},
    {.name = "admin_token", .type = CONFIG_STR, .offset = ROOT(admin_token),
     .help = "Bearer token for the admin listener; required when it is not on loopback."},
    {.name = "store", .type = CONFIG_STR, .offset = ROOT(store), .fallback = "sqlite:weir.db",
     .help = "Where traces are kept: sqlite:PATH."},
    {.name = "workers", .type = CONFIG_I64, .offset = ROOT(workers), .fallback = "1", .min = 1, .max = 64,
     .help = "Threads that serve, each with its own loop and connections."},
    {.name = "max_body", .type = CONFIG_BYTES, .offset = ROOT(max_body), .fallback = "32MiB",
     .min = 1024, .max = 1 << 30, .help = "Largest request body; more is answered with 413."},
    {.name = "connections_max", .type = CONFIG_I64, .offset = ROOT(connections_max), .fallback = "20000",
     .min = 1, .max = 1000000, .help = "Client connections per worker."},
    {.name = "head_timeout", .type = CONFIG_DURATION, .offset = ROOT(head_timeout_ms), .fallback = "10s",
     .min = 100, .max = HOUR_MS, .help = "From a connection's or head's first byte to the head's end."},
    {.name = "body_timeout", .type = CONFIG_DURATION, .offset = ROOT(body_timeout_ms), .fallback = "60s",
     .min = 100, .max = HOUR_MS, .help = "Between two reads of a request body."},
    {.name = "idle_timeout", .type = CONFIG_DURATION, .offset = ROOT(idle_timeout_ms), .fallback = "120s",
     .min = 100, .max = DAY_MS, .help = "How long an idle client connection is kept."},
    {.name = "stall_timeout", .type = CONFIG_DURATION, .offset = ROOT(stall_timeout_ms), .fallback = "60s",
     .min = 1000, .max = HOUR_MS, .help = "How long a client may leave an answer unread before it is cut."},
    {.name = "drain_timeout", .type = CONFIG_DURATION, .offset = ROOT(drain_timeout_ms), .fallback = "30s",
     .min = 0, .max = DAY_MS, .help = "On shutdown: how long open requests may take to finish."},
    {.name = "capture", .type = CONFIG_ENUM, .offset = ROOT(capture), .fallback = "hashes",
     .names = settings_capture_names,
     .help = "What is kept of bodies: none, hashes, redacted or full. Tenants may say otherwise."},
    {.name = "capture_max", .type = CONFIG_BYTES, .offset = ROOT(capture_max), .fallback = "8MiB",
     .min = 0, .max = 1 << 28, .help = "Bytes of each answer that are kept or hashed."},
    {.name = "log_level", .type = CONFIG_ENUM, .offset = ROOT(log_level), .fallback = "info",
     .names = level_names, .help = "Least severe message that is logged."},
    {.name = "log_json", .type = CONFIG_BOOL, .offset = ROOT(log_json), .fallback = "false",
     .help = "Log lines as JSON."},
    {.name = "tls", .type = CONFIG_NODE, .offset = ROOT(nodes.tls), .help = "TLS for applications; see below."},
    {.name = "providers", .type = CONFIG_NODE, .offset = ROOT(nodes.providers),
     .help = "Where calls can go, by name; see below."},
    {.name = "models", .type = CONFIG_NODE, .offset = ROOT(nodes.models),
     .help = "What clients ask for, by alias; see below."},
    {.name = "tenants", .type = CONFIG_NODE, .offset = ROOT(nodes.tenants),
     .help = "Who may call, by name; see below. Without any, no key is asked for."},
    {.name = "passthrough", .type = CONFIG_NODE, .offset = ROOT(nodes.passthrough),
     .help = "Relays whole groups of paths, unpriced: {audio: PROVIDER, images: PROVIDER, files: "
             "PROVIDER, batches: PROVIDER, uploads: PROVIDER, moderations: PROVIDER, "
             "message_batches: PROVIDER}."},
    {.name = "limits", .type = CONFIG_NODE, .offset = ROOT(nodes.limits),
     .help = "Limits of providers and organisations; see below. Those of tenants and keys stand there."},
    {.name = "prices", .type = CONFIG_NODE, .offset = ROOT(nodes.prices),
     .help = "Prices by MODEL or PROVIDER/MODEL that override the catalogue; see below."},
    {.name = "retention", .type = CONFIG_NODE, .offset = ROOT(nodes.retention),
     .help = "How long traces and bodies are kept; see below."},
    {.name = "sim", .type = CONFIG_NODE, .offset = ROOT(nodes.sim),
     .help = "Starts the simulated provider beside the gateway: {listen: ADDRESS:PORT, seed: N, "
             "scenario: FILE, dials: {...}}; the dials are those of `weir sim`."},
};

static const struct config_key tls_keys[] = {
    {.name = "certificate", .type = CONFIG_STR, .offset = ROOT(tls_certificate), .required = true,
     .help = "PEM file with the certificate chain."},
    {.name = "key", .type = CONFIG_STR, .offset = ROOT(tls_key), .required = true,
     .help = "PEM file with the private key."},
};

static const struct config_key provider_keys[] = {
    {.name = "dialect", .type = CONFIG_ENUM, .offset = PROVIDER(dialect_index), .required = true,
     .names = settings_dialect_names, .help = "What it speaks."},
    {.name = "base_url", .type = CONFIG_STR, .offset = PROVIDER(base_url_text), .required = true,
     .help = "As SDKs take it: https://api.openai.com/v1, https://api.anthropic.com."},
    {.name = "api_keys", .type = CONFIG_STR_LIST, .offset = PROVIDER(api_key_texts),
     .help = "Keys, used in turn; one that is refused (401, 402, 403) rests for `bench`. Use \"${NAME}\"."},
    {.name = "bench", .type = CONFIG_DURATION, .offset = PROVIDER(bench_ms), .fallback = "10m",
     .min = 0, .max = DAY_MS, .help = "How long a refused key rests."},
    {.name = "ca_file", .type = CONFIG_STR, .offset = PROVIDER(ca_file),
     .help = "PEM file with the only authorities to trust for this provider."},
    {.name = "proxy", .type = CONFIG_STR, .offset = PROVIDER(proxy_text),
     .help = "Proxy URL (http://[user:password@]host:port), or none. By default HTTPS_PROXY and "
             "NO_PROXY of the environment hold for https providers."},
    {.name = "http2", .type = CONFIG_ENUM, .offset = PROVIDER(http2), .fallback = "auto",
     .names = http2_names,
     .help = "auto: offered to https providers, so that many calls share a connection; HTTP/1.1 where "
             "they do not agree. never: HTTP/1.1 only. prior_knowledge: spoken to http providers too, "
             "without asking (not through a proxy)."},
    {.name = "usage", .type = CONFIG_ENUM, .offset = PROVIDER(usage), .fallback = "inject",
     .names = usage_names,
     .help = "inject: streams are asked for their usage, and what the client did not ask for is "
             "removed again. never: requests and streams are left alone."},
    {.name = "quirks", .type = CONFIG_STR, .offset = PROVIDER(quirks_text),
     .help = "Whose deviations from the OpenAI dialect hold: openai, azure, groq, together, "
             "openrouter, deepseek, mistral, ollama, vllm, llamacpp; by default told from the host."},
    {.name = "responses", .type = CONFIG_ENUM, .offset = PROVIDER(responses), .fallback = "auto",
     .names = responses_names,
     .help = "Whether it has /v1/responses itself (native) or such calls are translated to chat; "
             "auto goes by its quirks."},
    {.name = "api_version", .type = CONFIG_STR, .offset = PROVIDER(api_version),
     .help = "Azure: the api-version of its paths, such as 2024-10-21; without it the versionless "
             "/openai/v1 is called."},
    {.name = "catalogue", .type = CONFIG_STR, .offset = PROVIDER(vendor),
     .help = "Vendor whose catalogue prices hold; by default told from the host, else the dialect."},
    {.name = "connect_timeout", .type = CONFIG_DURATION, .offset = PROVIDER(connect_timeout_ms),
     .fallback = "10s", .min = 10, .max = HOUR_MS, .help = "To get a connection."},
    {.name = "first_byte_timeout", .type = CONFIG_DURATION, .offset = PROVIDER(first_byte_timeout_ms),
     .fallback = "10m", .min = 10, .max = DAY_MS, .help = "From the request to the answer's head."},
    {.name = "idle_timeout", .type = CONFIG_DURATION, .offset = PROVIDER(idle_timeout_ms),
     .fallback = "5m", .min = 10, .max = DAY_MS, .help = "Between two reads of an answer."},
    {.name = "answer_timeout", .type = CONFIG_DURATION, .offset = PROVIDER(answer_timeout_ms),
     .fallback = "1h", .min = 10, .max = DAY_MS,
     .help = "From the start of an attempt to the end of its answer, however steadily it comes."},
    {.name = "events_max", .type = CONFIG_I64, .offset = PROVIDER(events_max), .fallback = "1000000",
     .min = 1, .max = 1e12, .help = "Events of one stream; a longer one is cut."},
    {.name = "keep_idle", .type = CONFIG_DURATION, .offset = PROVIDER(keep_idle_ms), .fallback = "60s",
     .min = 0, .max = HOUR_MS, .help = "How long an unused connection is kept."},
    {.name = "connections_max", .type = CONFIG_I64, .offset = PROVIDER(connections_max),
     .fallback = "10000", .min = 1, .max = 100000, .help = "Connections per worker; more calls wait."},
    {.name = "headers", .type = CONFIG_NODE, .offset = PROVIDER(headers_node),
     .help = "Extra request headers: {NAME: VALUE}."},
    {.name = "when_set", .type = CONFIG_STR_LIST, .offset = PROVIDER(when_set),
     .help = "The provider is there only when these environment variables are set and not empty."},
    {.name = "unless_set", .type = CONFIG_STR_LIST, .offset = PROVIDER(unless_set),
     .help = "The provider is not there when any of these environment variables is set."},
};

static const struct config_key model_keys[] = {
    {.name = "targets", .type = CONFIG_NODE, .offset = offsetof(struct settings_model, targets_node),
     .required = true,
     .help = "Where it may go, in order: [{provider: NAME, model: NAME-THERE}]. Targets that speak "
             "what the client speaks come first; for the others the request is translated."},
    {.name = "strategy", .type = CONFIG_ENUM, .offset = offsetof(struct settings_model, strategy),
     .fallback = "fallback", .names = strategy_names,
     .help = "fallback: the next target is tried while nothing has been sent to the client."},
    {.name = "translation", .type = CONFIG_ENUM, .offset = offsetof(struct settings_model, translation),
     .fallback = "lenient", .names = translation_names,
     .help = "A field that a target of another dialect has no word for is left out and named in "
             "x-weir-dropped (lenient), or refused (strict). What would change the answer is always "
             "refused."},
    {.name = "default_max_output", .type = CONFIG_I64,
     .offset = offsetof(struct settings_model, default_max_output), .fallback = "0", .min = 0,
     .max = REQUEST_TOKENS_MAX,
     .help = "max_tokens for targets that demand one, where the client gave none; 0 is 4096, or the "
             "model's own maximum if that is less."},
    {.name = "description", .type = CONFIG_STR, .offset = offsetof(struct settings_model, description),
     .help = "For people."},
};

static const struct config_key target_keys[] = {
    {.name = "provider", .type = CONFIG_STR, .offset = offsetof(struct settings_target_texts, provider),
     .required = true, .help = "Name of a provider."},
    {.name = "model", .type = CONFIG_STR, .offset = offsetof(struct settings_target_texts, model),
     .required = true, .help = "The model's name there."},
};

static const struct config_key tenant_keys[] = {
    {.name = "organisation", .type = CONFIG_STR, .offset = TENANT(organisation),
     .help = "Whom the tenant belongs to."},
    {.name = "keys", .type = CONFIG_NODE, .offset = TENANT(keys_node), .help = "Its keys; see below."},
    {.name = "limits", .type = CONFIG_NODE, .offset = TENANT(limits_node),
     .help = "Limits over all its keys; see below."},
    {.name = "budget", .type = CONFIG_NODE, .offset = TENANT(budget_node),
     .help = "What all its keys may spend; see below."},
    {.name = "capture", .type = CONFIG_ENUM, .offset = TENANT(capture), .names = settings_capture_names,
     .help = "What is kept of its bodies; by default the setting of the same name above."},
};

static const struct config_key key_keys[] = {
    {.name = "alias", .type = CONFIG_STR, .offset = KEY(alias), .required = true,
     .help = "What traces and metrics call the key."},
    {.name = "sha256", .type = CONFIG_STR, .offset = KEY(sha256_text), .required = true,
     .help = "SHA-256 of the secret, in hex: made by `weir key new`."},
    {.name = "models", .type = CONFIG_STR_LIST, .offset = KEY(models),
     .help = "Aliases it may use; all when absent."},
    {.name = "passthrough", .type = CONFIG_STR_LIST, .offset = KEY(passthrough),
     .help = "Pass-through groups it may use; all when neither this nor models is given, none when "
             "only models is."},
    {.name = "expires", .type = CONFIG_STR, .offset = KEY(expires_text),
     .help = "Day or time from which it is refused: 2027-01-01 or 2027-01-01T12:00:00Z."},
    {.name = "disabled", .type = CONFIG_BOOL, .offset = KEY(disabled), .fallback = "false",
     .help = "Refuses the key without forgetting it."},
    {.name = "limits", .type = CONFIG_NODE, .offset = KEY(limits_node), .help = "See below."},
    {.name = "budget", .type = CONFIG_NODE, .offset = KEY(budget_node), .help = "See below."},
    {.name = "default_max_output", .type = CONFIG_I64, .offset = KEY(default_max_output),
     .fallback = "4096", .min = 1, .max = 1e9,
     .help = "Output tokens that a request without a maximum of its own reserves."},
};

static const struct config_key all_limits_keys[] = {
    {.name = "providers", .type = CONFIG_NODE, .offset = offsetof(struct settings_limits_nodes, providers),
     .help = "By a provider's name: what may be sent there, by all callers together. Keys as in "
             "limits below."},
    {.name = "organisations", .type = CONFIG_NODE,
     .offset = offsetof(struct settings_limits_nodes, organisations),
     .help = "By the name that tenants give as their organisation: {limits: ..., budget: ...}."},
};

static const struct config_key organisation_keys[] = {
    {.name = "limits", .type = CONFIG_NODE, .offset = offsetof(struct settings_organisation_nodes, limits),
     .help = "Limits over all its tenants; see below."},
    {.name = "budget", .type = CONFIG_NODE, .offset = offsetof(struct settings_organisation_nodes, budget),
     .help = "What all its tenants may spend; see below."},
};

#define LIMIT(field) offsetof(struct settings_limits, field)

static const struct config_key limits_keys[] = {
    {.name = "rpm", .type = CONFIG_I64, .offset = LIMIT(rpm), .min = 1, .max = 1e9,
     .help = "Requests per minute; a minute's worth may come at once, then they refill evenly."},
    {.name = "tpm", .type = CONFIG_I64, .offset = LIMIT(tpm), .min = 1, .max = 1e10,
     .help = "Tokens per minute, in and out. A request counts with its estimated input and the most "
             "it may put out, and in the end with what it used."},
    {.name = "input_tpm", .type = CONFIG_I64, .offset = LIMIT(input_tpm), .min = 1, .max = 1e10,
     .help = "Input tokens per minute."},
    {.name = "output_tpm", .type = CONFIG_I64, .offset = LIMIT(output_tpm), .min = 1, .max = 1e10,
     .help = "Output tokens per minute."},
    {.name = "concurrency", .type = CONFIG_I64, .offset = LIMIT(concurrency), .min = 1, .max = 1e6,
     .help = "Requests under way at once."},
};

static const struct config_key budget_keys[] = {
    {.name = "usd_per_day", .type = CONFIG_STR, .offset = offsetof(struct settings_budget_texts, usd_per_day),
     .help = "US dollars per day (UTC). Under a budget a model without a price is refused, and a "
             "request without a maximum is sent with default_max_output."},
};

static const struct config_key price_keys[] = {
    {.name = "input", .type = CONFIG_STR, .offset = PRICE(input), .required = true,
     .help = "USD per million input tokens."},
    {.name = "output", .type = CONFIG_STR, .offset = PRICE(output), .required = true,
     .help = "USD per million output tokens."},
    {.name = "cached", .type = CONFIG_STR, .offset = PRICE(cached),
     .help = "For input read from the provider's cache; by default the input price."},
    {.name = "cache_write", .type = CONFIG_STR, .offset = PRICE(cache_write),
     .help = "For input written to the cache for five minutes."},
    {.name = "cache_write_1h", .type = CONFIG_STR, .offset = PRICE(cache_write_1h),
     .help = "For input written to the cache for an hour."},
    {.name = "batch_input", .type = CONFIG_STR, .offset = PRICE(batch_input),
     .help = "Input in batch and flex tiers."},
    {.name = "batch_cached", .type = CONFIG_STR, .offset = PRICE(batch_cached),
     .help = "Cached input in batch and flex tiers."},
    {.name = "batch_output", .type = CONFIG_STR, .offset = PRICE(batch_output),
     .help = "Output in batch and flex tiers."},
};

static const struct config_key retention_keys[] = {
    {.name = "traces", .type = CONFIG_DURATION, .offset = offsetof(struct store_retention, traces_ms),
     .min = 0, .max = 3650 * 86400e3, .help = "Rows older than this go; 0 keeps them."},
    {.name = "bodies", .type = CONFIG_DURATION, .offset = offsetof(struct store_retention, bodies_ms),
     .min = 0, .max = 3650 * 86400e3,
     .help = "Bodies unused for this long go, their hashes stay; 0 keeps them."},
    {.name = "max_bytes", .type = CONFIG_BYTES, .offset = offsetof(struct store_retention, max_bytes),
     .min = 0, .max = 1e15, .help = "Size of the store; the oldest go first. 0 is no bound."},
};

/* clang-format on */

#define SECTION(where, text, table)                                                                \
    {                                                                                              \
        .path = (where), .help = (text), .keys = (table), .n = ARRAY_LEN(table)                    \
    }

const struct settings_section settings_root_section = SECTION("", "The whole file.", root_keys);
const struct settings_section settings_tls_section =
    SECTION("tls", "TLS on the listener for applications. TLS 1.2 is the least.", tls_keys);
const struct settings_section settings_provider_section =
    SECTION("providers.NAME", "A provider: one API with its keys.", provider_keys);
const struct settings_section settings_model_section =
    SECTION("models.ALIAS", "A model as clients ask for it.", model_keys);
const struct settings_section settings_target_section =
    SECTION("models.ALIAS.targets[]", "One place a model can go to.", target_keys);
const struct settings_section settings_tenant_section =
    SECTION("tenants.NAME", "A tenant and its virtual keys.", tenant_keys);
const struct settings_section settings_key_section =
    SECTION("tenants.NAME.keys[]", "One virtual key.", key_keys);
const struct settings_section settings_all_limits_section =
    SECTION("limits", "Limits of providers and organisations.", all_limits_keys);
const struct settings_section settings_organisation_section = SECTION(
    "limits.organisations.NAME", "What several tenants may use together.", organisation_keys);
const struct settings_section settings_limits_section = SECTION(
    "limits of a key, tenant, organisation or provider",
    "All that apply to a request hold at once. Without a limit there is none.", limits_keys);
const struct settings_section settings_budget_section =
    SECTION("budget of a key, tenant or organisation", "What may be spent.", budget_keys);
const struct settings_section settings_price_section =
    SECTION("prices.MODEL", "A price, in USD per million tokens, as decimals.", price_keys);
const struct settings_section settings_retention_section =
    SECTION("retention", "Applied while serving.", retention_keys);

const struct settings_section *const settings_sections[] = {
    &settings_root_section,         &settings_tls_section,
    &settings_provider_section,     &settings_model_section,
    &settings_target_section,       &settings_tenant_section,
    &settings_key_section,          &settings_all_limits_section,
    &settings_organisation_section, &settings_limits_section,
    &settings_budget_section,       &settings_price_section,
    &settings_retention_section,    NULL};
