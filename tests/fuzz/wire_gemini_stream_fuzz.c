/*
 * Streams and whole answers of the Gemini API: deltas come in the order that message.h promises,
 * and what is written of them for a client is whole.
 */
#include "wire_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_stream(&wire_gemini, str_make(data, size));
    fuzz_answer(&wire_gemini, str_make(data, size));
    return 0;
}
