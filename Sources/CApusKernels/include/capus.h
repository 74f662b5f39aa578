// The arithmetic of Apus in C: plain functions on pointers and counts, without state or allocation.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

// ---- Checksums -----------------------------------------------------------------------------

/// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78) of `count` bytes, going on from `crc`, the
/// result for the bytes before (0 at the start). All versions agree bit for bit.
typedef uint32_t (*capus_crc32c)(uint32_t crc, const uint8_t *bytes, size_t count);

uint32_t capus_crc32c_scalar(uint32_t crc, const uint8_t *bytes, size_t count);

/// The version that uses the processor's CRC instructions, or null when it has none.
capus_crc32c _Nullable capus_crc32c_hardware(void);

#pragma clang assume_nonnull end
