#include "codes_kernels.h"

#if defined(__aarch64__)
#include <arm_neon.h>

// Bytes are widened to 16 bits: the mixed-sign byte products (USDOT) are not in every processor.
#define TARGET

static inline int32x4_t step(int32x4_t sum, const uint8_t *row, int16x8_t low, int16x8_t high) {
    uint8x16_t codes = vld1q_u8(row);
    int16x8_t first = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(codes)));
    int16x8_t second = vreinterpretq_s16_u16(vmovl_high_u8(codes));
    sum = vmlal_s16(sum, vget_low_s16(first), vget_low_s16(low));
    sum = vmlal_high_s16(sum, first, low);
    sum = vmlal_s16(sum, vget_low_s16(second), vget_low_s16(high));
    return vmlal_high_s16(sum, second, high);
}

static inline int32_t rest(const int8_t *q, const uint8_t *row, size_t from, size_t n) {
    int32_t sum = 0;
    for (size_t at = from; at < n; at++) sum += (int32_t)row[at] * q[at];
    return sum;
}

static inline int32_t one_dot(const int8_t *q, const uint8_t *row, size_t n) {
    int32x4_t sum = vdupq_n_s32(0);
    size_t at = 0;
    for (; at + 16 <= n; at += 16) {
        int8x16_t query = vld1q_s8(q + at);
        sum = step(sum, row + at, vmovl_s8(vget_low_s8(query)), vmovl_high_s8(query));
    }
    return vaddvq_s32(sum) + rest(q, row, at, n);
}

static inline void four_dots(
    const int8_t *q, const uint8_t *const rows[4], const uint8_t *const next[4], bool prefetching,
    size_t n, int32_t sums[4]
) {
    int32x4_t a = vdupq_n_s32(0), b = a, c = a, d = a;
    size_t at = 0;
    for (; at + 16 <= n; at += 16) {
        if (prefetching && at % 64 == 0)
            for (size_t row = 0; row < 4; row++) __builtin_prefetch(next[row] + at);
        int8x16_t query = vld1q_s8(q + at);
        int16x8_t low = vmovl_s8(vget_low_s8(query)), high = vmovl_high_s8(query);
        a = step(a, rows[0] + at, low, high);
        b = step(b, rows[1] + at, low, high);
        c = step(c, rows[2] + at, low, high);
        d = step(d, rows[3] + at, low, high);
    }
    sums[0] = vaddvq_s32(a) + rest(q, rows[0], at, n);
    sums[1] = vaddvq_s32(b) + rest(q, rows[1], at, n);
    sums[2] = vaddvq_s32(c) + rest(q, rows[2], at, n);
    sums[3] = vaddvq_s32(d) + rest(q, rows[3], at, n);
}

#include "codes_body.h"

const capus_code_kernels capus_neon_code_kernels = CAPUS_CODE_KERNEL_TABLE;
#endif
