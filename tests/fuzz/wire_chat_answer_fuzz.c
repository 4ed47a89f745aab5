/*
 * Whole chat answers: what is read is written for clients of every wire.
 */
#include "fuzz/wire_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct message_request request;
    message_request_init(&request);
    for (size_t i = 0; wire_table[i]; i++) {
        if (wire_table[i]->write_answer) {
            wire_fuzz_answer(&wire_chat, wire_table[i], &request, str_make(data, size));
        }
    }
    return 0;
}
