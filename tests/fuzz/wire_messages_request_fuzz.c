/*
 * Requests of the Messages API: what is read can be written for a provider, as valid JSON, and what
 * is written for the same API can be read again. The first byte picks model and policy.
 */
#include "core/error.h"
#include "core/json.h"
#include "llm/wire.h"

#define OUT_MAX (8u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const models[] = {"claude-opus-4-7",  "claude-sonnet-4-5",      "claude-3-haiku",
                                     "gemini-2.5-flash", "gemini-3-flash-preview", "mine"};

static void write_for(const struct wire *wire, const struct message_request *request,
                      const struct wire_target *target, bool strict)
{
    struct arena arena;
    struct message_notes notes;
    struct message_request again;
    struct error err = {0};
    struct buf out;
    arena_init(&arena);
    message_notes_init(&notes, &arena, strict, "a target");
    buf_init(&out, OUT_MAX);
    int rc = wire->write_request(request, target, &notes, &out, &err);
    BUG_ON(rc != 0 && rc != ERR_INVALID && rc != ERR_LIMIT);
    BUG_ON(rc != 0 && err.text[0] == '\0');
    BUG_ON(strict && notes.dropped_count > 0);
    if (rc == 0 && buf_ok(&out)) {
        yyjson_doc *doc = json_parse(buf_str(&out), NULL);
        BUG_ON(!doc);
        yyjson_doc_free(doc);
        if (wire->read_request) {
            message_notes_init(&notes, &arena, false, "a target");
            BUG_ON(wire->read_request(buf_str(&out), &notes, &again, NULL) != 0);
        }
    }
    buf_release(&out);
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct message_notes notes;
    struct message_request request;
    struct error err = {0};
    if (size == 0) {
        return 0;
    }
    struct wire_target target = {.model = str_of(models[data[0] % ARRAY_LEN(models)]),
                                 .default_max_output = 4096,
                                 .quirk = &quirk_table[0]};
    arena_init(&arena);
    message_notes_init(&notes, &arena, false, "another API");
    message_request_init(&request);
    int rc = wire_messages.read_request(str_make(data + 1, size - 1), &notes, &request, &err);
    BUG_ON(rc != 0 && err.text[0] == '\0');
    if (rc == 0) {
        bool strict = data[0] & 0x80;
        write_for(&wire_messages, &request, &target, strict);
        write_for(&wire_gemini, &request, &target, strict);
    }
    arena_release(&arena);
    return 0;
}
