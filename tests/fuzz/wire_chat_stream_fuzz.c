/*
 * Chat streams: their deltas keep the promised order and are written for clients of every wire. The
 * first byte picks what the client asked for.
 */
#include "fuzz/wire_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message_request request;
    if (size == 0) {
        return 0;
    }
    message_request_init(&request);
    request.stream = true;
    request.asks_usage = data[0] & 1;
    request.legacy_calls = data[0] & 2;
    for (size_t i = 0; wire_table[i]; i++) {
        if (wire_table[i]->writer_new) {
            wire_fuzz_stream(&wire_chat, wire_table[i], &request, str_make(data + 1, size - 1));
        }
    }
    return 0;
}
