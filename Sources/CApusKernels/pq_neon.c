#include "pq_kernels.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#define TARGET

static inline void block_sums(
    const uint8_t *block, size_t parts, const uint8_t *tables, uint16_t *sums
) {
    const uint8x16_t low_half = vdupq_n_u8(15);
    uint16x8_t a = vdupq_n_u16(0), b = a, c = a, d = a;
    for (size_t at = 0; at < parts * 16; at += 16) {
        uint8x16_t codes = vld1q_u8(block + at);
        uint8x16_t table = vld1q_u8(tables + at);
        uint8x16_t low = vqtbl1q_u8(table, vandq_u8(codes, low_half));
        uint8x16_t high = vqtbl1q_u8(table, vshrq_n_u8(codes, 4));
        a = vaddw_u8(a, vget_low_u8(low));
        b = vaddw_high_u8(b, low);
        c = vaddw_u8(c, vget_low_u8(high));
        d = vaddw_high_u8(d, high);
    }
    vst1q_u16(sums, a);
    vst1q_u16(sums + 8, b);
    vst1q_u16(sums + 16, c);
    vst1q_u16(sums + 24, d);
}

#include "pq_body.h"

const capus_pq_kernels capus_neon_pq_kernels = CAPUS_PQ_KERNEL_TABLE;
#endif
