#include "core/crc32c.h"

#include <string.h>

/* Of four bits each, reflected: small enough to stand in plain view. */
static const uint32_t nibble_table[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t crc32c_by_table(const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    uint32_t crc = ~0u;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ nibble_table[crc & 15];
        crc = crc >> 4 ^ nibble_table[crc & 15];
    }
    return ~crc;
}

#ifdef __x86_64__
#    include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t by_processor(const unsigned char *p, size_t n)
{
    uint64_t crc = ~0u;
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t word;
        memcpy(&word, p, sizeof(word));
        crc = _mm_crc32_u64(crc, word);
    }
    for (; n > 0; p++, n--) {
        crc = _mm_crc32_u8((uint32_t)crc, *p);
    }
    return ~(uint32_t)crc;
}

uint32_t crc32c(const void *bytes, size_t n)
{
    return __builtin_cpu_supports("sse4.2") ? by_processor(bytes, n) : crc32c_by_table(bytes, n);
}
#else
uint32_t crc32c(const void *bytes, size_t n)
{
    return crc32c_by_table(bytes, n);
}
#endif
