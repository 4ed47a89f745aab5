#ifndef CORE_CRC32C_H
#define CORE_CRC32C_H

/*
 * CRC-32C (Castagnoli): tells a record that was torn by a crash from a whole one. By the processor
 * where it can, else by a table; both give the same.
 */
#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(const void *bytes, size_t n);
/* Without help of the processor; for tests. */
uint32_t crc32c_by_table(const void *bytes, size_t n);

#endif
