/*
 * Responses requests: one that is read is written as a chat request, and that the same again.
 */
#include "fuzz/wire_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wire_fuzz_request(&wire_responses, &wire_chat, &quirk_table[0], str_make(data, size));
    return 0;
}
