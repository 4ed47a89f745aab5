#include "cmd/control.h"

#include <string.h>
#include <unistd.h>

#include "cmd/setup.h"
#include "core/config.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/url.h"
#include "core/yaml.h"
#include "engine/settings_keys.h"
#include "net/fetch.h"

#define HEADERS_BYTES_MAX 8192

/* What an admin listener has when nobody says otherwise. */
static struct str default_address(void)
{
    const struct settings_section *root = &settings_root_section;

    for (size_t i = 0; i < root->n; i++) {
        if (strcmp(root->keys[i].name, "admin") == 0) {
            return str_of(root->keys[i].fallback);
        }
    }
    return STR_EMPTY;
}

/* The values of `admin` and `admin_token` of a file, where it has them. */
static int read_file(struct arena *arena, const char *path, struct str *address, struct str *token,
                     struct error *err)
{
    struct yaml_doc *doc = NULL;
    int result = yaml_load(path, &doc, err);

    if (result != 0) {
        return result;
    }
    const struct config_reader reader = {.doc = doc, .arena = arena, .env = setup_env};
    bool is_map = doc->root && doc->root->kind == YAML_MAP;
    const struct yaml_node *node = is_map ? yaml_get(doc->root, "admin") : NULL;
    if (node && node->kind != YAML_NULL) {
        result = config_scalar(&reader, node, address, err);
    }
    node = is_map ? yaml_get(doc->root, "admin_token") : NULL;
    if (result == 0 && node && node->kind != YAML_NULL) {
        result = config_scalar(&reader, node, token, err);
    }
    yaml_free(doc);
    return result;
}

static int read_token(const char *name, struct str *ret_token, struct error *err)
{
    const char *value = setup_env(name, NULL);
    char shown[STR_SHOW_MAX];

    if (!value || !*value) {
        return error_set(err, ERR_INVALID, "--token-env: the environment variable %s is not set",
                         str_show(str_of(name), shown));
    }
    *ret_token = str_of(value);
    return 0;
}

int control_find(struct arena *arena, const struct control_options *options,
                 struct control *ret_control, struct error *err)
{
    struct control control = {.token = STR_EMPTY};
    struct str address = default_address();
    const char *file = options->config;
    int result = 0;

    if (!file && !options->admin && access(SETUP_FILE, F_OK) == 0) {
        file = SETUP_FILE;
    }
    if (file) {
        result = read_file(arena, file, &address, &control.token, err);
    }
    if (result == 0 && options->token_env) {
        result = read_token(options->token_env, &control.token, err);
    }
    if (result != 0) {
        return result;
    }
    if (options->admin) {
        address = str_of(options->admin);
    }
    if (url_parse_listen(address, arena, &control.address, &control.port, err) != 0) {
        return error_wrap(err, options->admin ? "--admin" : "admin");
    }
    /* A listener on every address is reached on loopback. */
    if (strcmp(control.address, "0.0.0.0") == 0) {
        control.address = "127.0.0.1";
    } else if (strcmp(control.address, "::") == 0) {
        control.address = "::1";
    }
    for (size_t i = 0; i < control.token.n; i++) {
        if ((unsigned char)control.token.p[i] < ' ' || control.token.p[i] == 127) {
            return error_set(err, ERR_INVALID, "the admin token holds a control character");
        }
    }
    *ret_control = control;
    return 0;
}

/* Why the gateway said no, as an error of this process. */
static int refusal(int status, struct str answer, struct error *err)
{
    yyjson_doc *doc = json_parse(answer, NULL);
    struct str text = json_get_str(yyjson_doc_get_root(doc), "error");
    int code = ERR_UPSTREAM;

    if (status == 422) {
        code = ERR_INVALID;
    } else if (status == 401 || status == 403) {
        code = ERR_DENIED;
    }
    if (text.n > 0) {
        error_set(err, code, "%.*s%s", STR_ARG(text),
                  status == 401 ? "; --token-env NAME takes it from the environment" : "");
    } else {
        error_set(err, code, "what answers there is no gateway's admin listener (status %d)",
                  status);
    }
    yyjson_doc_free(doc);
    return code;
}

int control_ask(const struct control *control, const char *method, const char *path,
                struct buf *answer, struct error *err)
{
    struct buf headers;
    struct error why;
    int status = 0;

    buf_init(&headers, HEADERS_BYTES_MAX);
    buf_puts(&headers, "x-weir-ctl: 1\r\n");
    if (control->token.n > 0) {
        buf_putf(&headers, "authorization: Bearer %.*s\r\n", STR_ARG(control->token));
    }
    const struct fetch_request request = {
        .method = method,
        .host = control->address,
        .port = control->port,
        .path = path,
        .headers = buf_str(&headers),
        .timeout_ms = CONTROL_TIMEOUT_MS,
    };
    int result = fetch(&request, &status, answer, &why);
    if (headers.p) {
        mem_wipe(headers.p, headers.n);
    }
    buf_release(&headers);
    if (result != 0) {
        return error_set(err, (enum err)result,
                         "no answer from a gateway: %s. Is `weir serve` running? --admin "
                         "ADDRESS:PORT or --config FILE say where",
                         why.text);
    }
    return status >= 200 && status < 300 ? 0 : refusal(status, buf_str(answer), err);
}
