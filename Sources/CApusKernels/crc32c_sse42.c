#include "capus.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <string.h>

#define TARGET __attribute__((target("sse4.2,pclmul")))

// The crc32 instruction has a latency of three cycles and a throughput of one a cycle, so three
// blocks are summed side by side and joined: the CRC of a block is moved past the `n` bytes that
// follow it by multiplying with x^(8n) modulo the polynomial. A carry-less product of two
// reflected 32-bit values, fed to crc32, is their product times x^33; hence x^(8n - 33) below.
typedef struct {
    size_t length;         // bytes in each of the three blocks
    uint32_t past_one;     // x^(8 length - 33)
    uint32_t past_two;     // x^(16 length - 33)
} block_size;

static const block_size long_blocks = {4096, 0x82F89C77, 0x54A86326};
static const block_size short_blocks = {256, 0xB9E02B86, 0xDD7E3B0C};

static inline uint64_t load(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

TARGET static inline uint32_t move_past(uint64_t crc, uint32_t factor) {
    __m128i product = _mm_clmulepi64_si128(
        _mm_cvtsi64_si128((long long)crc), _mm_cvtsi64_si128((long long)factor), 0);
    return (uint32_t)_mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

TARGET static inline uint64_t three_blocks(
    uint64_t crc, const uint8_t *bytes, const block_size size
) {
    uint64_t second = 0, third = 0;
    for (size_t at = 0; at < size.length; at += 8) {
        crc = _mm_crc32_u64(crc, load(bytes + at));
        second = _mm_crc32_u64(second, load(bytes + size.length + at));
        third = _mm_crc32_u64(third, load(bytes + 2 * size.length + at));
    }
    return move_past(crc, size.past_two) ^ move_past(second, size.past_one) ^ third;
}

TARGET static uint32_t crc32c_sse42(uint32_t start, const uint8_t *bytes, size_t count) {
    uint64_t crc = (uint32_t)~start;
    for (; count >= 3 * 4096; bytes += 3 * 4096, count -= 3 * 4096)
        crc = three_blocks(crc, bytes, long_blocks);
    for (; count >= 3 * 256; bytes += 3 * 256, count -= 3 * 256)
        crc = three_blocks(crc, bytes, short_blocks);
    for (; count >= 8; bytes += 8, count -= 8) crc = _mm_crc32_u64(crc, load(bytes));
    for (; count > 0; bytes++, count--) crc = _mm_crc32_u8((uint32_t)crc, *bytes);
    return ~(uint32_t)crc;
}

capus_crc32c capus_crc32c_hardware(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul") ? crc32c_sse42 : 0;
}
#endif
