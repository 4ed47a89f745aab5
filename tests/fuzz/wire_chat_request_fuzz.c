/*
 * Chat requests: one that is read is written, and what was written is written the same again. The
 * first byte picks the vendor it is written for.
 */
#include "fuzz/wire_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t rows = 0;
    while (quirk_table[rows].name) {
        rows++;
    }
    if (size > 0) {
        wire_fuzz_request(&wire_chat, &wire_chat, &quirk_table[data[0] % rows],
                          str_make(data + 1, size - 1));
    }
    return 0;
}
