#include "capus.h"

#if defined(__aarch64__)
#include <arm_acle.h>
#include <string.h>
#if defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#if defined(__clang__)
#define TARGET __attribute__((target("crc")))
#else
#define TARGET __attribute__((target("+crc")))
#endif

// Three blocks side by side, as in crc32c_sse42.c. The blocks are joined by a shift-and-add
// product, 32 steps, which long blocks make cheap; polynomial multiplication instructions are an
// extension that not every processor has.
enum { block = 4096 };
static const uint32_t past_one = 0x35D73A62;  // x^(8 block) modulo the polynomial, reflected
static const uint32_t past_two = 0x28461564;  // x^(16 block)

static inline uint64_t load(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return word;
}

static uint32_t product(uint32_t left, uint32_t right) {
    uint32_t sum = 0;
    for (int bit = 31; bit >= 0; bit--) {
        sum ^= right & (0u - ((left >> bit) & 1));
        right = (right >> 1) ^ (0x82F63B78u & (0u - (right & 1)));
    }
    return sum;
}

TARGET static uint32_t crc32c_arm(uint32_t start, const uint8_t *bytes, size_t count) {
    uint32_t crc = ~start;
    for (; count >= 3 * block; bytes += 3 * block, count -= 3 * block) {
        uint32_t second = 0, third = 0;
        for (size_t at = 0; at < block; at += 8) {
            crc = __crc32cd(crc, load(bytes + at));
            second = __crc32cd(second, load(bytes + block + at));
            third = __crc32cd(third, load(bytes + 2 * block + at));
        }
        crc = product(crc, past_two) ^ product(second, past_one) ^ third;
    }
    for (; count >= 8; bytes += 8, count -= 8) crc = __crc32cd(crc, load(bytes));
    for (; count > 0; bytes++, count--) crc = __crc32cb(crc, *bytes);
    return ~crc;
}

capus_crc32c capus_crc32c_hardware(void) {
#if defined(__linux__)
    return getauxval(AT_HWCAP) & HWCAP_CRC32 ? crc32c_arm : 0;
#else
    return crc32c_arm;  // every Apple processor has it
#endif
}
#endif
